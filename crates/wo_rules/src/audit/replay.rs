//! What a chain says that its record holds: followed entry by entry, then held against the record.

use super::{Break, Entry, GENESIS, UNATTACHED_SUBJECTS};
use crate::schema;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// What one chain says that its record holds, built up entry by entry.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Replay {
    sequence: i64,
    #[serde(with = "hex")]
    hash: Vec<u8>,
    values: BTreeMap<String, String>,
    status: Option<String>,
    record_version: Option<i64>,
    changed_at: Option<String>,
}

/// The record as it stands, to hold against its trail.
#[derive(Debug, Default)]
pub struct RowState<'a> {
    /// The table that it is in.
    pub subject: &'a str,
    /// The columns that the table has now.
    pub columns: BTreeSet<String>,
    /// The sequence of the chain's head.
    pub sequence: i64,
    /// The hash of the chain's head.
    pub hash: &'a [u8],
    /// Each audited column that is not null, as JSON text.
    pub values: BTreeMap<String, String>,
    /// The state, for a record that has one.
    pub status: Option<&'a str>,
    /// The version, for a record that has one.
    pub record_version: Option<i64>,
    /// When it last changed, for a record that says so.
    pub changed_at: Option<String>,
}

/// Whether that name in an entry's changes is no column, but something that belongs to the record.
pub fn is_child_record(name: &str) -> bool {
    name.contains(':')
        || schema::child_tables().any(|table| table.child.item.is_none() && table.name == name)
}

/// Whether an administrator added that column to the table of the subject: the registry does not list it.
pub fn is_added(subject: &str, column: &str) -> bool {
    !is_child_record(column)
        && schema::table(subject).is_some_and(|table| table.column(column).is_none())
}

impl Replay {
    /// How many entries have been followed.
    pub fn entries(&self) -> i64 {
        self.sequence
    }

    /// The hash of the last of them.
    pub fn hash(&self) -> &[u8] {
        &self.hash
    }

    /// What it knows, as the text of a JSON object, from which [`Replay::resume`] goes on.
    pub fn state(&self) -> String {
        // Texts and integers have no way to fail; were there one, nothing could go on from it.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Goes on from where another stood.
    ///
    /// # Errors
    /// One plain sentence.
    pub fn resume(state: &str) -> Result<Self, String> {
        serde_json::from_str(state).map_err(|why| format!("this is no state of a chain: {why}"))
    }

    /// Follows one more entry.
    ///
    /// # Errors
    /// The first reason why the entry does not belong where it stands.
    pub fn follow(
        &mut self,
        entry: &Entry,
        previous_hash: &[u8],
        entry_hash: &[u8],
    ) -> Result<(), Break> {
        if entry.sequence != self.sequence + 1 {
            return Err(Break::Sequence { expected: self.sequence + 1 });
        }
        let before = if self.sequence == 0 { &GENESIS[..] } else { &self.hash[..] };
        if previous_hash != before {
            return Err(Break::Link);
        }
        if entry.hash(previous_hash) != entry_hash {
            return Err(Break::Content);
        }
        if !UNATTACHED_SUBJECTS.contains(&entry.subject.as_str()) {
            self.apply(entry)?;
        }
        self.sequence = entry.sequence;
        self.hash = entry_hash.to_vec();
        Ok(())
    }

    fn apply(&mut self, entry: &Entry) -> Result<(), Break> {
        type Values<'a> = BTreeMap<String, BTreeMap<&'a str, &'a serde_json::value::RawValue>>;
        let changes: Values<'_> =
            serde_json::from_str(&entry.changes).map_err(|_| Break::Changes)?;
        for (column, change) in changes {
            if column == crate::preflight::BASIS {
                continue;
            }
            if change.keys().any(|key| !matches!(*key, "old" | "new")) {
                return Err(Break::Changes);
            }
            let old = change.get("old").map(|value| value.get());
            // What DDL did to a column of an administrator's (a default, a type, a column made anew) no
            // entry records.
            if old != self.values.get(&column).map(String::as_str)
                && !is_added(&entry.subject, &column)
            {
                return Err(Break::OldValue { column });
            }
            match change.get("new") {
                Some(new) => self.values.insert(column, new.get().to_owned()),
                None => self.values.remove(&column),
            };
        }
        if entry.from_status != self.status && entry.from_status.is_some() {
            return Err(Break::OldValue { column: "status".to_owned() });
        }
        if entry.to_status.is_some() {
            self.status.clone_from(&entry.to_status);
        }
        if entry.record_version != self.record_version {
            self.record_version = entry.record_version;
            self.changed_at = Some(entry.recorded_at.clone());
        }
        Ok(())
    }

    /// Holds the record against what the trail says. Of a column that an administrator added, the last
    /// value that an entry has counts, as long as there is the column.
    ///
    /// # Errors
    /// The first column that differs, or a head that is not the chain's end.
    pub fn matches(&self, record: &RowState<'_>) -> Result<(), Break> {
        if self.sequence == 0 {
            return Err(Break::Missing);
        }
        if record.sequence != self.sequence || record.hash != self.hash {
            return Err(Break::Head);
        }
        let differs = |column: &str| Break::Record { column: column.to_owned() };
        if record.status != self.status.as_deref() {
            return Err(differs("status"));
        }
        if record.record_version != self.record_version {
            return Err(differs("version"));
        }
        if record.changed_at.is_some() && record.changed_at != self.changed_at {
            return Err(differs("updated_at"));
        }
        let columns = self.values.keys().chain(record.values.keys());
        for column in columns {
            let (left, held) = (self.values.get(column), record.values.get(column));
            let is_untold = left.is_none() || !record.columns.contains(column);
            if left != held && !(is_untold && is_added(record.subject, column)) {
                return Err(differs(column));
            }
        }
        Ok(())
    }
}
