//! How a file of the tables' SQL is divided, and what an install does with what it finds.

mod tables;

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
    Empty,
    /// Records that outlived a DROP EXTENSION.
    Records,
    /// Somebody else's schema.
    Stranger,
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

    #[test]
    fn a_file_is_divided_at_its_marks() {
        assert!(tables(FILE).contains("create table"));
        assert!(!tables(FILE).contains("trigger"));
        assert!(!enforcement(FILE).contains("create table"));
        assert_eq!(tables("-- nothing"), "");
    }
}
