//! Rollups: when they may be rebuilt, and the table of their cursor.

use crate::refusal::{Refusal, SqlState};
use crate::schema::groups::NOBODY;
use crate::schema::{Role, Section, Table, Tenancy, columns};

const WORKER: &[Role] = &[Role::Worker];

/// What the registry holds of them.
pub const SCHEMA: Section = Section::of(&[Table {
    name: "rollup_cursor",
    columns: columns! { cursor TEXT, position BIGINT, moved_at TIMESTAMPTZ },
    key: &["cursor"],
    tenancy: Tenancy::Installation,
    select: &[Role::User, Role::Admin, Role::Auditor, Role::Monitor, Role::Worker],
    insert: WORKER,
    update: WORKER,
    delete: NOBODY,
    ..Table::SYSTEM
}]);

/// Checks that a snapshot shows each event that is committed.
///
/// # Errors
/// 0A000 `isolation_level`.
pub fn check_isolation(has_one_snapshot: bool) -> Result<(), Refusal> {
    match has_one_snapshot {
        true => Err(Refusal::new(
            SqlState::NotSupported,
            "isolation_level",
            "the rollups cannot be rebuilt at the isolation level repeatable read or serializable",
        )
        .hint("Use read committed.")),
        false => Ok(()),
    }
}

/// Checks that the outbox holds every event: what was counted of a month that has left the database could
/// not be counted again.
///
/// # Errors
/// 55000 `events_archived`.
pub fn check_outbox(archive: Option<&str>) -> Result<(), Refusal> {
    match archive {
        Some(archive) => Err(Refusal::new(
            SqlState::WrongState,
            "events_archived",
            format!("the events of the archive {archive} are not in the database any more"),
        )
        .with("archive", archive)
        .hint("The figures stay as they are. To rebuild them, restore the archives first: select wo.restore_archive('...');")),
        None => Ok(()),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_rebuilt_from_a_part_of_the_events() {
        assert!(check_outbox(None).is_ok() && check_isolation(false).is_ok());
        assert_eq!(check_outbox(Some("event_2026_01")).unwrap_err().code, "events_archived");
        assert_eq!(check_isolation(true).unwrap_err().code, "isolation_level");
    }
}
