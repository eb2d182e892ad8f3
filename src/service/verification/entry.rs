//! The entries of the trail, as rows.

use crate::pg::statement::Rows;
use crate::pg::value::refuse_null;
use uuid::Uuid;
use wo_rules::audit::Entry;
use wo_rules::time::utc;

/// The columns of an entry as [`entry_at`] reads them.
pub const ENTRY_COLUMNS: &str = "entry.subject_id, entry.subject, entry.sequence, entry.recorded_at, entry.action, entry.actor, entry.reason,
    entry.from_status, entry.to_status, entry.record_version, entry.changes::text, entry.client_address, entry.application,
    entry.login_role, entry.authenticated_by, entry.transaction_id, entry.previous_hash, entry.entry_hash";

/// An entry of the trail, with its id, and the hashes before and of it. Refuses one that lacks a value.
pub fn entry_at(rows: &Rows, row: usize, tenant: Uuid) -> EntryRow {
    read_entry(rows, row, tenant).unwrap_or_else(|column| refuse_null("wo.audit_entry", column))
}

/// What [`entry_at`] gives.
pub type EntryRow = (Uuid, Entry, Vec<u8>, Vec<u8>);

/// The same.
///
/// # Errors
/// The first column that is NULL and must not be.
pub fn read_entry(rows: &Rows, row: usize, tenant: Uuid) -> Result<EntryRow, &'static str> {
    let text = |column: i32| rows.get::<String>(row, column);
    let required = |column: i32, name: &'static str| text(column).ok_or(name);
    let id = rows.required_uuid(row, 1);
    let recorded_at = rows.timestamp(row, 4).ok_or("recorded_at")?;
    let entry = Entry {
        tenant_id: tenant.to_string(),
        subject: required(2, "subject")?,
        subject_id: id.to_string(),
        sequence: rows.get(row, 3).ok_or("sequence")?,
        recorded_at: utc(recorded_at),
        action: required(5, "action")?,
        actor: text(6),
        reason: text(7),
        from_status: text(8),
        to_status: text(9),
        record_version: rows.get(row, 10),
        changes: required(11, "changes")?,
        client_address: text(12),
        application: text(13),
        login_role: required(14, "login_role")?,
        authenticated_by: required(15, "authenticated_by")?,
        transaction_id: required(16, "transaction_id")?,
    };
    let previous = rows.get(row, 17).ok_or("previous_hash")?;
    Ok((id, entry, previous, rows.get(row, 18).ok_or("entry_hash")?))
}
