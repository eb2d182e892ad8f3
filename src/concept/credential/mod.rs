//! Credentials: who is granted which for which step. The secret stays in the vault, and the token in the answer.

mod api;
mod grant;
mod key;

use crate::kernel::concept::{Concept, HealthSection};
use crate::kernel::work_order::child_records::Kind;
use wo_rules::schema::ChildTable;

const KINDS: &[Kind] = &[Kind {
    table: ChildTable::named("credential_grant"),
    check: |_, _, _| Ok(()),
    fill: grant::fill,
    after: |_, _, _| Ok(()),
    shown: &[("step", "step"), ("credential", "credential"), ("principal", "principal")],
}];

/// Credentials, as the kernel asks them.
pub struct Credentials;

/// The concept.
pub const CONCEPT: Credentials = Credentials;

impl Concept for Credentials {
    fn sql(&self) -> &'static [(&'static str, &'static str)] {
        &[("31_credential", include_str!("../../../sql/31_credential.sql"))]
    }

    fn child_kinds(&self) -> &'static [Kind] {
        KINDS
    }

    fn health(&self) -> &'static [HealthSection] {
        &[HealthSection { name: "credentials", read: key::health }]
    }
}
