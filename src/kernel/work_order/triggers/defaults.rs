//! What a new work order is born with: its tenant's format of numbers, and its lifecycle's newest
//! version that is released, effective and not retired. Read by key: as SQL it would cost each row of a bulk more than its own hash.

use crate::kernel::definition::stored;
use crate::kernel::identity::known::{Answers, Source, recall};
use crate::pg::lookup::{Key, Latest, at_once};
use std::cell::RefCell;
use uuid::Uuid;

/// What a new work order takes from its tenant.
pub struct Defaults {
    /// The format of numbers.
    pub number_format: String,
    /// The lifecycle and its newest version that new work may use; nothing where there is none of that name.
    pub lifecycle: Option<(String, i32)>,
}

/// A tenant's format of numbers and its default lifecycle.
type Home = (String, Option<String>);

thread_local! {
    static TENANT_DEFAULTS: RefCell<Answers<Uuid, Home>> = RefCell::default();
}

/// What a work order is born with now, in the lifecycle that it names or in the tenant's default.
pub fn of(tenant: Uuid, lifecycle: Option<&str>) -> Option<Defaults> {
    let home = recall(&TENANT_DEFAULTS, &[Source::Tenant], tenant, |tenant| {
        at_once(|latest| home(latest, *tenant))
    })?;
    let (number_format, default) = home.as_ref();
    let newest = |name: &str| {
        let key = [Key::Uuid("tenant_id", tenant), Key::Text("name", name)];
        at_once(|latest| {
            latest.find_last("lifecycle", "lifecycle_pkey", &key, |row| {
                stored::is_current(row).then_some(())?;
                Some((name.to_owned(), row.named("version")?))
            })
        })
    };
    Some(Defaults {
        number_format: number_format.clone(),
        lifecycle: lifecycle.or(default.as_deref()).and_then(newest),
    })
}

fn home(latest: &Latest, tenant: Uuid) -> Option<Home> {
    latest.find("tenant", "tenant_pkey", &[Key::Uuid("tenant_id", tenant)], |row| {
        Some((row.named("number_format")?, row.named("default_lifecycle")))
    })
}
