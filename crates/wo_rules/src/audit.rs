//! The audit trail: what an entry holds, the bytes that are hashed, and how a chain is verified.
//!
//! The canonical bytes are defined in [`Entry::canonical`] and nowhere else. They are JCS
//! (RFC 8785) of one flat object of strings and small integers, so that anybody can rebuild them
//! in any language: times are UTC with microseconds, hashes are lower-case hexadecimal, and
//! `changes` is covered as the very text that the column holds.

mod replay;
mod tables;

pub use replay::{Replay, RowState, is_added, is_child_record};
pub use tables::SCHEMA;

use crate::json::Object;
use crate::refusal::{Refusal, SqlState};
use serde::Serialize;
use sha2::{Digest, Sha256};

/// Names the layout of the canonical bytes; a new layout gets a new name.
pub const FORMAT: &str = "wo_core.audit_entry.v1";

/// The action of the entry that the last child of a master has ended.
pub const CHILDREN_SETTLED: &str = "children_settled";

/// The hash that the first entry of a chain follows: it has no predecessor.
pub const GENESIS: [u8; 32] = [0; 32];

/// The longest text of an entry's changes, in bytes: an entry is hashed, shown and packed as a whole.
const LONGEST_CHANGES: usize = 32 << 20;

/// Checks that the changes of an entry are not too long.
///
/// # Errors
/// 22023 `value_too_long`.
pub fn check_length(changes: &str) -> Result<(), Refusal> {
    match changes.len() > LONGEST_CHANGES {
        true => Err(Refusal::new(
            SqlState::BadValue,
            "value_too_long",
            format!(
                "the change has {} bytes in the audit trail, of at most {LONGEST_CHANGES}",
                changes.len()
            ),
        )
        .hint(
            "Change fewer columns at once; keep long documents elsewhere, and their SHA-256 here.",
        )),
        false => Ok(()),
    }
}

/// What happens beside all records: their chains have no row to hold against, and their `changes`
/// are any JSON object.
pub const UNATTACHED_SUBJECTS: &[&str] =
    &["refused_attempt", "ledger", "archive", "timeline", crate::schema_change::SUBJECT];

/// One entry of the trail, in the order in which an auditor asks (21 CFR 11.10(e)): what, when,
/// who, from where, why, and old → new.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The tenant's UUID.
    pub tenant_id: String,
    /// What kind of thing changed: `work_order`, `principal`, …
    pub subject: String,
    /// Which one, as a UUID.
    pub subject_id: String,
    /// Its place in the chain, from 1 without a gap.
    pub sequence: i64,
    /// When: the server's clock, see [`crate::time::utc`].
    pub recorded_at: String,
    /// What was done: the transition's action, or `created`, `changed`, `deleted`, …
    pub action: String,
    /// Who: the principal's identifier; nothing where a database role administered.
    pub actor: Option<String>,
    /// Why, in the writer's words.
    pub reason: Option<String>,
    /// The state before, where it moved.
    pub from_status: Option<String>,
    /// The state after.
    pub to_status: Option<String>,
    /// The record's version after the write.
    pub record_version: Option<i64>,
    /// Old and new values of what changed: the text of a JSON object.
    pub changes: String,
    /// The client's address; nothing for a local socket.
    pub client_address: Option<String>,
    /// What the client calls itself.
    pub application: Option<String>,
    /// The role that logged in.
    pub login_role: String,
    /// How the identity was proven: `token:<jti>` or `login`.
    pub authenticated_by: String,
    /// The transaction that wrote it.
    pub transaction_id: String,
}

/// The members in the order of JCS, so that writing them one after the other *is* JCS: for strings
/// and small integers serde_json escapes as RFC 8785 asks. A test holds it against an
/// implementation of the standard.
#[derive(Serialize)]
struct Canonical<'a> {
    action: &'a str,
    actor: Option<&'a str>,
    application: Option<&'a str>,
    authenticated_by: &'a str,
    changes: &'a str,
    client_address: Option<&'a str>,
    format: &'static str,
    from_status: Option<&'a str>,
    login_role: &'a str,
    previous_hash: String,
    reason: Option<&'a str>,
    record_version: Option<i64>,
    recorded_at: &'a str,
    sequence: i64,
    subject: &'a str,
    subject_id: &'a str,
    tenant_id: &'a str,
    to_status: Option<&'a str>,
    transaction_id: &'a str,
}

impl Entry {
    /// The bytes that are hashed.
    pub fn canonical(&self, previous_hash: &[u8]) -> Vec<u8> {
        let canonical = Canonical {
            action: &self.action,
            actor: self.actor.as_deref(),
            application: self.application.as_deref(),
            authenticated_by: &self.authenticated_by,
            changes: &self.changes,
            client_address: self.client_address.as_deref(),
            format: FORMAT,
            from_status: self.from_status.as_deref(),
            login_role: &self.login_role,
            previous_hash: hex::encode(previous_hash),
            reason: self.reason.as_deref(),
            record_version: self.record_version,
            recorded_at: &self.recorded_at,
            sequence: self.sequence,
            subject: &self.subject,
            subject_id: &self.subject_id,
            tenant_id: &self.tenant_id,
            to_status: self.to_status.as_deref(),
            transaction_id: &self.transaction_id,
        };
        let mut bytes = Vec::with_capacity(768 + self.changes.len());
        // Writing strings and integers into memory has no way to fail; were there one, no hash
        // would ever match and verification would say so.
        let _ = serde_json::to_writer(&mut bytes, &canonical);
        bytes
    }

    /// The entry with its hashes in hexadecimal, as evidence packages hold it.
    pub fn with_hashes(&self, previous_hash: &[u8], entry_hash: &[u8]) -> serde_json::Value {
        serde_json::json!({
            "action": self.action,
            "actor": self.actor,
            "application": self.application,
            "authenticated_by": self.authenticated_by,
            "changes": self.changes,
            "client_address": self.client_address,
            "from_status": self.from_status,
            "login_role": self.login_role,
            "previous_hash": hex::encode(previous_hash),
            "reason": self.reason,
            "record_version": self.record_version,
            "recorded_at": self.recorded_at,
            "sequence": self.sequence,
            "subject": self.subject,
            "subject_id": self.subject_id,
            "tenant_id": self.tenant_id,
            "to_status": self.to_status,
            "transaction_id": self.transaction_id,
            "entry_hash": hex::encode(entry_hash),
        })
    }

    /// SHA-256 of the canonical bytes: the link that the next entry follows.
    pub fn hash(&self, previous_hash: &[u8]) -> [u8; 32] {
        Sha256::digest(self.canonical(previous_hash)).into()
    }
}

/// The text of the `changes` object: old and new value of each column, already JSON texts.
///
/// Columns come in the order given; a value that was or is absent is left out.
pub fn changes<'a>(
    columns: impl IntoIterator<Item = (&'a str, Option<&'a str>, Option<&'a str>)>,
) -> String {
    let mut text = Object::default();
    for (name, old, new) in columns {
        let mut change = Object::default();
        change.add_present("old", old);
        change.add_present("new", new);
        text.add(name, &change.end());
    }
    text.end()
}

/// Why a link of a chain does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Break {
    /// The entry's stored hash is not the hash of its content.
    Content,
    /// The entry does not follow the entry before it.
    Link,
    /// An entry is missing before this one, or stands twice.
    Sequence {
        /// The sequence that should have come.
        expected: i64,
    },
    /// The entry has its position before the entry that it follows.
    Position,
    /// The `changes` are not the JSON object that the trail writes.
    Changes,
    /// An old value in the entry is not the value that the entries before it left.
    OldValue {
        /// The column.
        column: String,
    },
    /// The chain ends before the head that the record names, or after it.
    Head,
    /// The record holds a value that its trail never gave it.
    Record {
        /// The column.
        column: String,
    },
    /// What stayed of its archived entries cannot be relied on.
    Archived {
        /// The archive.
        archive: String,
        /// Why.
        why: String,
    },
    /// A signature on the record proves nothing.
    Signature {
        /// Which one.
        approval: String,
        /// Why.
        why: String,
    },
    /// A value is missing that each entry, each head of a chain and each signature has.
    Null {
        /// The column.
        column: &'static str,
    },
    /// The record is gone, or its whole trail.
    Missing,
}

/// Checks that the positions of a chain ascend with its sequences: a reader of the events in the order
/// of their positions reads them in the order of the chain.
///
/// # Errors
/// [`Break::Position`].
pub fn check_position(before: Option<i64>, position: i64) -> Result<(), Break> {
    match before {
        Some(before) if before >= position => Err(Break::Position),
        _ => Ok(()),
    }
}

impl std::fmt::Display for Break {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Content => f.write_str("the entry's content is not what was hashed"),
            Self::Link => f.write_str("the entry does not follow the one before it"),
            Self::Sequence { expected } => write!(f, "entry {expected} is missing or out of order"),
            Self::Position => f.write_str(
                "the entry's position is not after that of the entry before it in its chain",
            ),
            Self::Changes => f.write_str("the entry's changes cannot be read"),
            Self::OldValue { column } => {
                write!(f, "the entry's old value of {column} is not what the trail had left there")
            }
            Self::Head => f.write_str("the chain does not end where the record says that it ends"),
            Self::Record { column } => {
                write!(f, "the record's {column} is not what its trail left there")
            }
            Self::Archived { archive, why } => {
                write!(f, "what stayed of its entries in the archive {archive}: {why}")
            }
            Self::Signature { approval, why } => write!(f, "the signature {approval}: {why}"),
            Self::Null { column } => write!(f, "the column {column} is null"),
            Self::Missing => f.write_str("the record or its trail is gone"),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn entry(sequence: i64, changes: &str) -> Entry {
        Entry {
            tenant_id: "t".to_owned(),
            subject: "work_order".to_owned(),
            subject_id: "w".to_owned(),
            sequence,
            recorded_at: format!("2026-03-05T00:00:00.00000{sequence}Z"),
            action: "changed".to_owned(),
            actor: Some("ana".to_owned()),
            reason: None,
            from_status: None,
            to_status: Some("draft".to_owned()),
            record_version: Some(sequence),
            changes: changes.to_owned(),
            client_address: None,
            application: Some("psql".to_owned()),
            login_role: "ana".to_owned(),
            authenticated_by: "login".to_owned(),
            transaction_id: "7".to_owned(),
        }
    }

    fn chain(texts: &[&str]) -> Vec<(Entry, Vec<u8>, Vec<u8>)> {
        let mut previous = GENESIS.to_vec();
        let mut links = Vec::new();
        for (index, text) in texts.iter().enumerate() {
            let entry = entry(index as i64 + 1, text);
            let hash = entry.hash(&previous).to_vec();
            links.push((entry, previous, hash.clone()));
            previous = hash;
        }
        links
    }

    const TEXTS: [&str; 3] = [
        r#"{"title":{"new":"a"}}"#,
        r#"{"title":{"old":"a","new":"b"}}"#,
        r#"{"title":{"old":"b"}}"#,
    ];

    fn replay(links: &[(Entry, Vec<u8>, Vec<u8>)]) -> Result<Replay, (i64, Break)> {
        let mut replay = Replay::default();
        for (entry, previous, hash) in links {
            replay.follow(entry, previous, hash).map_err(|why| (entry.sequence, why))?;
        }
        Ok(replay)
    }

    #[test]
    fn the_canonical_bytes_never_change() {
        let bytes = entry(1, TEXTS[0]).canonical(&GENESIS);
        assert_eq!(
            String::from_utf8(bytes).unwrap(),
            concat!(
                r#"{"action":"changed","actor":"ana","application":"psql","#,
                r#""authenticated_by":"login","changes":"{\"title\":{\"new\":\"a\"}}","#,
                r#""client_address":null,"format":"wo_core.audit_entry.v1","from_status":null,"#,
                r#""login_role":"ana","#,
                r#""previous_hash":"0000000000000000000000000000000000000000000000000000000000000000","#,
                r#""reason":null,"record_version":1,"recorded_at":"2026-03-05T00:00:00.000001Z","#,
                r#""sequence":1,"subject":"work_order","subject_id":"w","tenant_id":"t","#,
                r#""to_status":"draft","transaction_id":"7"}"#
            )
        );
    }

    #[test]
    fn the_canonical_bytes_are_jcs_whatever_the_texts_hold() {
        let mut odd = entry(9_007_199_254_740_991, TEXTS[0]);
        let texts =
            ["", "\u{0}\u{1}\u{8}\t\n\u{b}\u{c}\r\u{1f}\u{7f}", "\"\\/", "é\u{2028}小克\u{1F680}"];
        for text in texts {
            odd.reason = Some(text.to_owned());
            odd.action = text.to_owned();
            let bytes = odd.canonical(&[0xab; 32]);
            let value: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
            assert_eq!(bytes, serde_json_canonicalizer::to_vec(&value).unwrap(), "{text:?}");
        }
    }

    #[test]
    fn an_honest_chain_is_followed_to_its_end() {
        let links = chain(&TEXTS);
        let replay = replay(&links).unwrap();
        assert_eq!(replay.entries(), 3);
        let record = RowState {
            sequence: 3,
            hash: &links[2].2,
            status: Some("draft"),
            record_version: Some(3),
            changed_at: Some("2026-03-05T00:00:00.000003Z".to_owned()),
            ..RowState::default()
        };
        assert_eq!(replay.matches(&record), Ok(()));
    }

    #[test]
    fn an_edited_entry_is_named() {
        let mut links = chain(&TEXTS);
        links[1].0.actor = Some("bob".to_owned());
        assert_eq!(replay(&links).unwrap_err(), (2, Break::Content));
    }

    #[test]
    fn an_edited_and_rehashed_entry_breaks_the_next_link() {
        let mut links = chain(&TEXTS);
        links[1].0.actor = Some("bob".to_owned());
        links[1].2 = links[1].0.hash(&links[1].1).to_vec();
        assert_eq!(replay(&links).unwrap_err(), (3, Break::Link));
    }

    #[test]
    fn a_removed_entry_leaves_a_gap() {
        let mut links = chain(&TEXTS);
        links.remove(1);
        assert_eq!(replay(&links).unwrap_err(), (3, Break::Sequence { expected: 2 }));
    }

    #[test]
    fn a_cut_tail_does_not_reach_the_records_head() {
        let links = chain(&TEXTS);
        let cut = replay(&links[..2]).unwrap();
        let record = RowState { sequence: 3, hash: &links[2].2, ..RowState::default() };
        assert_eq!(cut.matches(&record), Err(Break::Head));
    }

    #[test]
    fn a_value_that_no_entry_gave_the_record_is_named() {
        let links = chain(&TEXTS);
        let replay = replay(&links).unwrap();
        let record = RowState {
            sequence: 3,
            hash: &links[2].2,
            status: Some("draft"),
            record_version: Some(3),
            values: BTreeMap::from([("title".to_owned(), r#""z""#.to_owned())]),
            ..RowState::default()
        };
        assert_eq!(replay.matches(&record), Err(Break::Record { column: "title".to_owned() }));
    }

    /// A name that was written as it is would end the JSON string, and the entry would be no JSON.
    #[test]
    fn the_name_of_a_column_is_escaped() {
        let text = changes([("a\"b\\", None, Some("1"))]);
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(value["a\"b\\"]["new"], 1);
    }

    #[test]
    fn changes_leave_out_what_was_or_is_absent() {
        let text =
            changes([("a", None, Some("1")), ("b", Some("2"), None), ("c", Some("3"), Some("4"))]);
        assert_eq!(text, r#"{"a":{"new":1},"b":{"old":2},"c":{"old":3,"new":4}}"#);
    }
}
