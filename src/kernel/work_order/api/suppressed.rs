//! The refusal of API functions in SQL whose write stored nothing.

use pgrx::prelude::*;

/// The refusal of the SQL functions that have to write a row of that table and wrote none.
#[pg_extern(schema = "wo_private", parallel_unsafe)]
#[search_path(pg_catalog, pg_temp)]
fn refuse_suppressed(relation: &str) -> pgrx::JsonB {
    crate::pg::error::refuse(wo_rules::work_order::write_suppressed(relation))
}

/// Refuses a table of schema wo that has rules, before a statement with ON CONFLICT: PostgreSQL refuses the
/// statement with a text of its own.
#[pg_extern(schema = "wo_private", parallel_unsafe)]
#[search_path(pg_catalog, pg_temp)]
fn refuse_rules(relation: &str) {
    if crate::pg::oid::has_rules(&format!("wo.{relation}")) {
        crate::pg::error::refuse(wo_rules::work_order::write_suppressed(relation));
    }
}
