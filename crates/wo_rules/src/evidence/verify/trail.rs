//! The trail: every link of the chain, and what it leaves at its end.

use super::sections::{Texts, TrailEntry};
use super::{Findings, Place};
use crate::approval::payload::is_hash;
use crate::audit::{Break, Entry, Replay, is_child_record};
use crate::ledger::Hash;
use serde_json::value::RawValue;
use std::collections::BTreeMap;

/// Whose trail it must be, as far as that is known.
#[derive(Clone, Copy)]
pub struct Subject<'a> {
    pub tenant_id: Option<&'a str>,
    pub work_order_id: Option<&'a str>,
}

/// Where something that belongs to the work order first stands in the trail.
pub struct Added {
    /// The index of the entry.
    pub entry: usize,
    /// Who acted.
    pub actor: Option<String>,
}

/// What the trail says.
#[derive(Default)]
pub struct Trail {
    /// What its chain leaves; nothing where the chain is broken.
    pub end: Option<End>,
    /// When each child_record was added, if it still stands.
    pub added: BTreeMap<String, Added>,
    /// The hash of each entry, by its sequence.
    pub hashes: BTreeMap<i64, Hash>,
}

/// The end of an unbroken chain.
#[derive(Default)]
pub struct End {
    pub replay: Replay,
    pub sequence: i64,
    pub hash: Vec<u8>,
    pub status: Option<String>,
    pub version: Option<i64>,
    pub changed_at: Option<String>,
    /// What the trail left in each column and under each child_record's name.
    pub values: BTreeMap<String, String>,
}

/// Follows the chain. The first entry that does not belong where it stands is a problem; behind it
/// the chain proves nothing, so that only whose entries they are is looked at.
pub fn follow<'a>(
    entries: &[&'a RawValue],
    subject: Subject<'_>,
    findings: &mut Findings<'a>,
) -> Trail {
    let mut trail = Trail { end: Some(End::default()), ..Trail::default() };
    for (index, part) in entries.iter().enumerate() {
        let place = Place { part, pointer: format!("/sections/trail/{index}") };
        let Some(entry) = findings.read::<TrailEntry>(part, &place.pointer) else {
            trail.end = None;
            continue;
        };
        check_subject(&entry, subject, &place, findings);
        let mut hash = Hash::default();
        if hex::decode_to_slice(&entry.entry_hash, &mut hash).is_ok() {
            trail.hashes.insert(entry.sequence, hash);
        }
        trail.take(index, entry, &place, findings);
    }
    if entries.is_empty() {
        findings.found_in("trail", "", Break::Missing.to_string());
        trail.end = None;
    }
    trail
}

fn check_subject(
    entry: &TrailEntry,
    subject: Subject<'_>,
    place: &Place<'_>,
    findings: &mut Findings<'_>,
) {
    let sequence = entry.sequence;
    let columns = [
        ("tenant_id", &entry.tenant_id, subject.tenant_id),
        ("subject_id", &entry.subject_id, subject.work_order_id),
        ("subject", &entry.subject, Some("work_order")),
    ];
    for (column, held, expected) in columns {
        if expected.is_some_and(|expected| expected != held) {
            let problem = format!("entry {sequence}: its {column} is not that of the package");
            findings.found_at(place, column, problem);
        }
    }
}

impl Trail {
    fn take(
        &mut self,
        index: usize,
        entry: TrailEntry,
        place: &Place<'_>,
        findings: &mut Findings<'_>,
    ) {
        let sequence = entry.sequence;
        // The same reading of the changes as the replay's, which keeps the last of two equal names.
        let changes = serde_json::from_str::<Texts<'_>>(&entry.changes).and_then(|changes| {
            let mut pairs = Vec::with_capacity(changes.0.len());
            for (name, change) in changes.0 {
                if name == crate::preflight::BASIS {
                    continue;
                }
                pairs.push((name, serde_json::from_str::<Texts<'_>>(change.get())?));
            }
            Ok(pairs)
        });
        let Ok(changes) = changes else {
            findings.found_at(
                place,
                "changes",
                format!("entry {sequence}: its changes cannot be read"),
            );
            self.end = None;
            return;
        };
        for (name, change) in &changes {
            match (change.get("old"), change.get("new")) {
                (_, None) => _ = self.added.remove(name),
                (None, Some(_)) if is_child_record(name) => {
                    let added = Added { entry: index, actor: entry.actor.clone() };
                    self.added.insert(name.clone(), added);
                }
                _ => {}
            }
        }
        let Some(mut end) = self.end.take() else { return };
        for (column, hash) in
            [("previous_hash", &entry.previous_hash), ("entry_hash", &entry.entry_hash)]
        {
            if !is_hash(hash) {
                let problem = format!("entry {sequence}: its {column} is no SHA-256");
                return findings.found_at(place, column, problem);
            }
        }
        for (name, change) in changes {
            match change.get("new") {
                Some(new) => end.values.insert(name, new.get().to_owned()),
                None => end.values.remove(&name),
            };
        }
        let hash = hex::decode(&entry.entry_hash).unwrap_or_default();
        let previous = hex::decode(&entry.previous_hash).unwrap_or_default();
        let entry = plain(entry);
        if let Err(why) = end.replay.follow(&entry, &previous, &hash) {
            let problem = format!("the chain breaks at entry {sequence}: {why}");
            return findings.found_at(place, "", problem);
        }
        (end.sequence, end.hash) = (sequence, hash);
        if entry.to_status.is_some() {
            end.status = entry.to_status;
        }
        if end.version != entry.record_version {
            end.changed_at = Some(entry.recorded_at);
        }
        end.version = entry.record_version;
        self.end = Some(end);
    }
}

fn plain(entry: TrailEntry) -> Entry {
    Entry {
        tenant_id: entry.tenant_id,
        subject: entry.subject,
        subject_id: entry.subject_id,
        sequence: entry.sequence,
        recorded_at: entry.recorded_at,
        action: entry.action,
        actor: entry.actor,
        reason: entry.reason,
        from_status: entry.from_status,
        to_status: entry.to_status,
        record_version: entry.record_version,
        changes: entry.changes,
        client_address: entry.client_address,
        application: entry.application,
        login_role: entry.login_role,
        authenticated_by: entry.authenticated_by,
        transaction_id: entry.transaction_id,
    }
}
