//! The refusal of API functions in SQL whose write stored nothing.

use pgrx::prelude::*;

/// The refusal of the SQL functions that have to write a row of that table and wrote none.
#[pg_extern(schema = "wo_private", parallel_unsafe)]
#[search_path(pg_catalog, pg_temp)]
fn refuse_suppressed(relation: &str) -> pgrx::JsonB {
    crate::pg::error::refuse(wo_rules::work_order::write_suppressed(relation))
}
