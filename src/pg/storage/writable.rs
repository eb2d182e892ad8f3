//! A table that a row can be written to without a statement.

use super::registered::{Command, Positions, positions};
use crate::pg::registered::are_permissions_hooked;
use crate::pg::relation::OpenTable;
use crate::pg::run_as::role;
use crate::pg::statement::Argument;
use pgrx::pg_sys;
use wo_rules::schema::Table;

/// A table that was found as registered, locked and open to be written.
pub struct Writable {
    table: OpenTable,
    registered: &'static Table,
    positions: Positions,
}

impl Writable {
    pub(super) fn open(registered: &'static Table, command: Command) -> Option<Self> {
        let table = OpenTable::to_write(registered.name);
        let positions = positions(&table, command)?;
        Some(Self { table, registered, positions })
    }

    pub(super) fn table(&self) -> &OpenTable {
        &self.table
    }

    /// Whether the caller has these privileges and one of these roles, and a statement would meet nothing
    /// else.
    pub(super) fn may(&self, privileges: &[u32], roles: &[&str]) -> bool {
        // SAFETY: reads settings, hooks and catalogue caches.
        unsafe {
            let user = pg_sys::GetUserId();
            let may = |privilege: &u32| {
                let mode = pg_sys::AclMode::from(*privilege);
                pg_sys::pg_class_aclcheck(self.table.oid(), user, mode)
                    == pg_sys::AclResult::ACLCHECK_OK
            };
            let is =
                |name: &&str| role(name).is_some_and(|role| pg_sys::has_privs_of_role(user, role));
            pg_sys::XactIsoLevel < pg_sys::XACT_REPEATABLE_READ as i32
                && !pg_sys::XactReadOnly
                && pg_sys::row_security
                && !are_permissions_hooked()
                && privileges.iter().all(may)
                && roles.iter().any(is)
        }
    }

    /// Where a registered column stands, counted from 0.
    pub fn position(&self, column: &str) -> Option<usize> {
        let place = self.registered.columns.iter().position(|one| one.name == column)?;
        self.positions.get(place).copied()
    }

    /// A text read as a value of the column at that position, domains and lengths included.
    pub fn read(&self, position: usize, given: &str) -> Option<Argument> {
        self.table.read(position, given)
    }

    /// NULL as a value of the column at that position.
    pub fn null(&self, position: usize) -> Option<Argument> {
        self.table.null(position)
    }
}
