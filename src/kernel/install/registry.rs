//! The tables of schema `wo` that the table registry does not know.

use crate::pg::statement::{Mode, statement};
use pgrx::prelude::*;

statement!(
    TABLES,
    "select held.relname::pg_catalog.text from pg_catalog.pg_class as held
     where held.relnamespace = pg_catalog.to_regnamespace('wo') and held.relkind in ('r', 'p', 'f')
        and not held.relispartition
     order by held.relname",
    []
);

/// The names of the tables that are not registered: nothing isolates their tenants, and nothing
/// audits or protects their rows.
#[pg_extern(schema = "wo_private", stable, parallel_restricted)]
#[search_path(pg_catalog, pg_temp)]
fn unregistered_tables() -> Vec<String> {
    TABLES.with(|statement| {
        statement.run(Mode::Latest, &[], |rows| {
            (0..rows.count())
                .filter_map(|row| rows.get::<String>(row, 1))
                .filter(|name| wo_rules::schema::table(name).is_none())
                .collect()
        })
    })
}
