//! The lines of an archive's data file.

use crate::audit::Entry;
use crate::ledger::Hash;
use serde::{Deserialize, Serialize};

/// An entry of the trail, with its place in the ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EntryLine {
    /// Its leaf in the ledger, from 0.
    pub leaf_index: u64,
    /// Where it stands among all entries and events.
    pub position: i64,
    /// See [`Entry`], as everything below.
    pub action: String,
    /// Who.
    pub actor: Option<String>,
    /// What the client called itself.
    pub application: Option<String>,
    /// How the identity was proven.
    pub authenticated_by: String,
    /// Old and new values, as the very text that was hashed.
    pub changes: String,
    /// The client's address.
    pub client_address: Option<String>,
    /// The state before.
    pub from_status: Option<String>,
    /// The role that logged in.
    pub login_role: String,
    /// The hash of the entry before, in hexadecimal.
    pub previous_hash: String,
    /// Why.
    pub reason: Option<String>,
    /// The record's version after the write.
    pub record_version: Option<i64>,
    /// When.
    pub recorded_at: String,
    /// The place in its chain.
    pub sequence: i64,
    /// What kind of thing changed.
    pub subject: String,
    /// Which one.
    pub subject_id: String,
    /// The tenant.
    pub tenant_id: String,
    /// The state after.
    pub to_status: Option<String>,
    /// The transaction.
    pub transaction_id: String,
    /// The hash of this entry, in hexadecimal.
    pub entry_hash: String,
}

impl EntryLine {
    /// The line of an entry.
    pub fn new(
        entry: Entry,
        previous_hash: &[u8],
        entry_hash: &[u8],
        position: i64,
        leaf_index: u64,
    ) -> Self {
        Self {
            leaf_index,
            position,
            action: entry.action,
            actor: entry.actor,
            application: entry.application,
            authenticated_by: entry.authenticated_by,
            changes: entry.changes,
            client_address: entry.client_address,
            from_status: entry.from_status,
            login_role: entry.login_role,
            previous_hash: hex::encode(previous_hash),
            reason: entry.reason,
            record_version: entry.record_version,
            recorded_at: entry.recorded_at,
            sequence: entry.sequence,
            subject: entry.subject,
            subject_id: entry.subject_id,
            tenant_id: entry.tenant_id,
            to_status: entry.to_status,
            transaction_id: entry.transaction_id,
            entry_hash: hex::encode(entry_hash),
        }
    }

    /// The entry that it holds, and the hashes before and of it.
    ///
    /// # Errors
    /// One plain sentence where a hash is none.
    pub fn entry(&self) -> Result<(Entry, Hash, Hash), String> {
        let entry = Entry {
            tenant_id: self.tenant_id.clone(),
            subject: self.subject.clone(),
            subject_id: self.subject_id.clone(),
            sequence: self.sequence,
            recorded_at: self.recorded_at.clone(),
            action: self.action.clone(),
            actor: self.actor.clone(),
            reason: self.reason.clone(),
            from_status: self.from_status.clone(),
            to_status: self.to_status.clone(),
            record_version: self.record_version,
            changes: self.changes.clone(),
            client_address: self.client_address.clone(),
            application: self.application.clone(),
            login_role: self.login_role.clone(),
            authenticated_by: self.authenticated_by.clone(),
            transaction_id: self.transaction_id.clone(),
        };
        Ok((entry, hash(&self.previous_hash)?, hash(&self.entry_hash)?))
    }
}

fn hash(text: &str) -> Result<Hash, String> {
    let mut hash = [0; 32];
    hex::decode_to_slice(text, &mut hash).map_err(|_| "one of its hashes is none".to_owned())?;
    Ok(hash)
}

/// An event of the outbox.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EventLine {
    /// Where it stands among all entries and events.
    pub position: i64,
    /// The tenant.
    pub tenant_id: String,
    /// The history that it belongs to.
    pub timeline: i32,
    /// The CloudEvents type.
    #[serde(rename = "type")]
    pub kind: String,
    /// What it describes.
    pub subject_id: String,
    /// When.
    pub recorded_at: String,
    /// The W3C trace context of the writer.
    pub traceparent: Option<String>,
    /// What happened: the text of a JSON value.
    pub data: String,
}

/// A line as the file holds it, with its end.
pub fn written(line: &impl Serialize) -> String {
    // Texts and integers have no way to fail; were there one, the line would not read back.
    let mut text = serde_json::to_string(line).unwrap_or_default();
    text.push('\n');
    text
}
