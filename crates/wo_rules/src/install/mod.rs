//! How a file of the tables' SQL is divided, and what an install does with what it finds.

mod tables;

use crate::refusal::{Refusal, SqlState};

pub use tables::SCHEMA;

/// Begins the part of a file that makes tables: run once, at install.
pub const RECORDS_MARK: &str = "-- == tables ==";

/// Begins the part that can be run again at any time: functions, triggers, policies, grants.
pub const LAW_MARK: &str = "-- == enforcement ==";

/// What stands in schema `wo` when the extension is created.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// No such schema: make everything.
    Nothing,
    /// The empty schema of a restore: the dump brings the records.
    Restoring,
    /// Records that outlived a DROP EXTENSION.
    Records,
    /// An empty schema, and no restore.
    Empty,
    /// Somebody else's schema.
    Stranger,
}

/// A schema `wo` that was there before the extension.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Schema {
    /// Its owner is `wo_owner` or who creates the extension.
    pub is_ours: bool,
    /// It has our table of versions.
    pub has_records: bool,
    /// Nothing is in it.
    pub is_empty: bool,
}

/// What stands in schema `wo`. A dump creates the schema, then the extension, then the tables; a schema that is empty
/// otherwise would stay so, and every call of the API would be of a function that does not exist.
pub fn found(schema: Option<Schema>, is_restoring: bool) -> Found {
    match schema {
        None => Found::Nothing,
        Some(Schema { is_ours: true, has_records: true, .. }) => Found::Records,
        Some(Schema { is_ours: true, is_empty: true, .. }) if is_restoring => Found::Restoring,
        Some(Schema { is_ours: true, is_empty: true, .. }) => Found::Empty,
        Some(_) => Found::Stranger,
    }
}

/// Refuses to create the extension over an empty schema `wo` that no restore has made.
pub fn schema_empty() -> Refusal {
    Refusal::new(SqlState::WrongState, "schema_empty", "the schema wo exists and is empty").hint(
        "Drop it (drop schema wo), then create the extension again. Where a dump is restored by hand, run set wo_core.restoring = on before.",
    )
}

/// Refuses to enforce anything where the tables are missing.
pub fn tables_missing() -> Refusal {
    Refusal::new(SqlState::WrongState, "tables_missing", "the schema wo holds no tables of wo_core").hint(
        "Restore the dump that the extension was created for, or begin anew: drop extension wo_core cascade; drop schema wo; create extension wo_core;",
    )
}

/// The part of a file that makes tables.
pub fn tables(sql: &str) -> &str {
    let Some(start) = sql.find(RECORDS_MARK) else { return "" };
    let end = sql.find(LAW_MARK).unwrap_or(sql.len());
    sql.get(start..end).unwrap_or_default()
}

/// The part of a file that can be run again.
pub fn enforcement(sql: &str) -> &str {
    sql.find(LAW_MARK).and_then(|start| sql.get(start..)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "-- Concept\n-- == tables ==\ncreate table wo.a ();\n-- == enforcement ==\n\
        create or replace trigger validate before insert on wo.a\n for each row execute function wo_private.f('a');\n";

    /// An empty schema is adopted for a restore alone, and one of somebody else never.
    #[test]
    fn an_empty_schema_is_taken_for_a_restore_alone() {
        let schema =
            |is_ours, has_records, is_empty| Some(Schema { is_ours, has_records, is_empty });
        for (given, is_restoring, expected) in [
            (None, false, Found::Nothing),
            (schema(true, false, true), false, Found::Empty),
            (schema(true, false, true), true, Found::Restoring),
            (schema(false, false, true), true, Found::Stranger),
            (schema(true, false, false), true, Found::Stranger),
            (schema(true, true, false), false, Found::Records),
            (schema(false, true, false), true, Found::Stranger),
        ] {
            assert_eq!(found(given, is_restoring), expected, "{given:?} {is_restoring}");
        }
    }

    #[test]
    fn a_file_is_divided_at_its_marks() {
        assert!(tables(FILE).contains("create table"));
        assert!(!tables(FILE).contains("trigger"));
        assert!(!enforcement(FILE).contains("create table"));
        assert_eq!(tables("-- nothing"), "");
    }
}
