//! The audit trail: writing entries.

use crate::kernel::identity::memory::Identity;
use crate::kernel::secret;
use crate::pg::error::OrRefuse;
use crate::pg::row::Row;
use crate::pg::run_as::as_trail;
use crate::pg::source;
use crate::pg::statement::{
    Argument, argument, bigint, bytes, json, optional_text, statement, text, timestamp,
    uuid as uuid_argument,
};
use crate::pg::storage::append;
use pgrx::prelude::*;
use uuid::Uuid;
use wo_rules::audit::Entry;
use wo_rules::schema::Table;
use wo_rules::time::{day_of_timestamp, utc};

statement!(
    WRITE,
    "insert into wo.audit_entry (tenant_id, subject, subject_id, sequence, recorded_at, action, actor,
        reason, from_status, to_status, record_version, changes, client_address, application, login_role,
        authenticated_by, transaction_id, previous_hash, entry_hash, position)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20)",
    [
        UUIDOID, TEXTOID, UUIDOID, INT8OID, TIMESTAMPTZOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID,
        INT8OID, JSONOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, BYTEAOID, BYTEAOID,
        INT8OID
    ]
);
/// The table that they are written to, its columns in the order in which the values are given.
const TABLE: &Table = Table::named("audit_entry");

/// What a write does, before the trail adds when, where from and by whom.
pub struct Act<'a> {
    /// What kind of thing changes.
    pub subject: &'static str,
    /// Which one.
    pub subject_id: Uuid,
    /// The sequence of the chain's head.
    pub after_sequence: i64,
    /// The hash of the chain's head.
    pub after_hash: &'a [u8],
    /// The server's clock.
    pub at: i64,
    /// What is done.
    pub action: String,
    /// Why.
    pub reason: Option<String>,
    /// The state before, where it moves.
    pub from_status: Option<String>,
    /// The state after.
    pub to_status: Option<String>,
    /// The record's version after the write.
    pub record_version: Option<i64>,
    /// Old and new values: see [`wo_rules::audit::changes`].
    pub changes: String,
}

/// An entry that is ready to be written.
pub struct Link {
    entry: Entry,
    tenant: Uuid,
    subject_id: Uuid,
    at: i64,
    previous: Vec<u8>,
    /// The entry's hash: the chain's new head.
    pub hash: [u8; 32],
}

impl Link {
    /// Makes the next link of a chain.
    pub fn new(identity: &Identity, act: Act<'_>) -> Self {
        wo_rules::audit::check_length(&act.changes).or_refuse();
        let entry = Entry {
            tenant_id: identity.tenant.to_string(),
            subject: act.subject.to_owned(),
            subject_id: act.subject_id.to_string(),
            sequence: act.after_sequence + 1,
            recorded_at: utc(act.at),
            action: act.action,
            actor: identity.principal.clone(),
            reason: act.reason,
            from_status: act.from_status,
            to_status: act.to_status,
            record_version: act.record_version,
            changes: act.changes,
            client_address: source::client_address(),
            application: source::application(),
            login_role: source::login_role(),
            authenticated_by: identity.authenticated_by(),
            transaction_id: source::transaction_id(),
        };
        let hash = entry.hash(act.after_hash);
        Self {
            entry,
            tenant: identity.tenant,
            subject_id: act.subject_id,
            at: act.at,
            previous: act.after_hash.to_vec(),
            hash,
        }
    }

    /// The entry's place in its chain.
    pub fn sequence(&self) -> i64 {
        self.entry.sequence
    }

    /// Why it was done.
    pub fn reason(&self) -> Option<&str> {
        self.entry.reason.as_deref()
    }

    fn arguments(&self, position: i64) -> Vec<Argument> {
        let entry = &self.entry;
        vec![
            uuid_argument(self.tenant),
            text(&entry.subject),
            uuid_argument(self.subject_id),
            bigint(entry.sequence),
            timestamp(self.at),
            text(&entry.action),
            optional_text(entry.actor.as_deref()),
            optional_text(entry.reason.as_deref()),
            optional_text(entry.from_status.as_deref()),
            optional_text(entry.to_status.as_deref()),
            argument(entry.record_version),
            json(&entry.changes),
            optional_text(entry.client_address.as_deref()),
            optional_text(entry.application.as_deref()),
            text(&entry.login_role),
            text(&entry.authenticated_by),
            text(&entry.transaction_id),
            bytes(&self.previous),
            bytes(&self.hash),
            bigint(position),
        ]
    }

    /// Writes the entry, at a position of its own. Call it where the chain's head is locked, so that
    /// positions follow each other as its entries do.
    pub fn write(&self) {
        self.write_at(crate::kernel::event::next_position().0);
    }

    fn write_at(&self, position: i64) {
        let arguments = self.arguments(position);
        if !append(TABLE, day_of_timestamp(self.at), &arguments) {
            as_trail(|| WRITE.with(|statement| statement.store(&arguments)));
        }
    }

    /// Writes the entry together with its event.
    pub fn write_with_event(&self, event: &crate::kernel::event::Event) {
        self.write_at(event.position());
        event.write(self.tenant, self.subject_id, self.at);
    }
}

/// Refuses rows that the enforcement layer does not write itself, a superuser's too.
#[pg_trigger(sql = r#"
create function wo_private.refuse_foreign_writer() returns trigger
    language c as 'MODULE_PATHNAME', '@FUNCTION_NAME@';
"#)]
fn refuse_foreign_writer<'a>(
    trigger: &'a PgTrigger<'a>,
) -> Result<Option<PgHeapTuple<'a, pgrx::AllocatedByPostgres>>, PgTriggerError> {
    let name = trigger.table_name()?;
    let table = wo_rules::schema::table(&name).filter(|table| table.takes_text());
    if let (Some(table), Some(new)) = (table, Row::new_of(trigger)) {
        secret::check_row(trigger, table, Row::old_of(trigger).as_ref(), &new).or_refuse();
    }
    check_writer(&name);
    Ok(trigger.new())
}

/// Refuses a write to a table that the enforcement layer alone writes, unless it is at work.
pub fn check_writer(table: &str) {
    if !crate::kernel::identity::memory::enforcement_is_active() {
        crate::pg::error::refuse(
            wo_rules::refusal::Refusal::new(
                wo_rules::refusal::SqlState::NotPermitted,
                "written_by_enforcement_alone",
                format!("only wo_core itself writes wo.{table}"),
            )
            .hint("Change the work order; its trail and its event follow."),
        );
    }
}
