//! Verifying the trail: every hash is computed again from the rows, and every record is compared with
//! what its trail says of it.

mod configured;
mod entry;
mod reconcile;
mod record;
mod signature;
mod verifier;

pub use entry::{ENTRY_COLUMNS, entry_at, read_entry};
pub use record::{child_records, trailed_row_of};

use crate::kernel::identity;
use crate::pg::error::OrRefuse;
use pgrx::prelude::*;
use verifier::{verify_tenant, verify_work_order};

/// Verifies one work order's chain, or all chains of the tenant.
#[pg_extern(schema = "wo_private", stable, parallel_restricted)]
#[search_path(pg_catalog, pg_temp)]
#[allow(clippy::type_complexity)]
fn verify_audit(
    work_order: Option<&str>,
) -> TableIterator<
    'static,
    (
        name!(intact, bool),
        name!(chains, i64),
        name!(entries, i64),
        name!(subject, Option<String>),
        name!(subject_key, Option<String>),
        name!(broken_sequence, Option<i64>),
        name!(problem, Option<String>),
    ),
> {
    crate::kernel::version::check_tables();
    let acting = identity::required().or_refuse();
    let verdicts = match work_order {
        Some(name) => verify_work_order(acting.tenant, name).or_refuse(),
        None => verify_tenant(acting.tenant),
    };
    TableIterator::new(verdicts)
}
