//! The functions that callers use.

use super::stored::Stored;
use crate::kernel::identity;
use crate::kernel::work_order;
use crate::pg::error::OrRefuse;
use crate::pg::statement::Mode;
use pgrx::prelude::*;
use serde_json::Value;
use wo_rules::refusal::Refusal;

/// The deliverables of a work order with their newest versions and reviews, as a JSON array.
#[pg_extern(schema = "wo_private", stable, parallel_restricted)]
#[search_path(pg_catalog, pg_temp)]
fn deliverables(work_order: Option<&str>) -> pgrx::JsonB {
    pgrx::JsonB(deliverables_of(work_order.unwrap_or_default()).or_refuse())
}

fn deliverables_of(name: &str) -> Result<Value, Refusal> {
    let tenant = identity::required()?.tenant;
    let id = work_order::find(tenant, name)?;
    Stored::read(Mode::Caller, tenant, id)?.shown()
}
