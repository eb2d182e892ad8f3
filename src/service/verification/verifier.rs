//! Verifying the chains of a tenant, some hundreds at a time.

use super::configured::{Configured, read_configuration};
use super::entry::{ENTRY_COLUMNS, read_entry};
use super::record::{TrailedRow, child_records, row_state, trailed_row_of};
use super::signature::unproven;
use crate::pg::row::Row;
use crate::pg::statement::{Mode, Rows, argument, statement, uuid as uuid_argument};
use crate::service::retention::{Stubs, VerifiedArchive, stubs_of};
use std::collections::{HashMap, HashSet};
use uuid::Uuid;
use wo_rules::audit::{Break, Replay, RowState, UNATTACHED_SUBJECTS, check_position};
use wo_rules::refusal::Refusal;

/// How many chains are read at a time.
const BATCH: i32 = 500;

// Each source gives its own first so many, so that a batch reads no further than it verifies.
statement!(
    SUBJECTS,
    "(select distinct entry.subject_id from wo.audit_entry as entry
      where entry.tenant_id = $1 and entry.subject_id >= $2 order by entry.subject_id limit $3)
     union
     (select held.id from wo.work_order as held
      where held.tenant_id = $1 and held.id >= $2 order by held.id limit $3)
     union
     (select chain.subject_id from wo.audit_chain as chain
      where chain.tenant_id = $1 and chain.subject_id >= $2 order by chain.subject_id limit $3)
     union
     (select distinct stayed.subject_id from wo.archived_chain as stayed
      where stayed.tenant_id = $1 and stayed.subject_id >= $2 order by stayed.subject_id limit $3)
     order by 1
     limit $3",
    [UUIDOID, UUIDOID, INT4OID]
);
statement!(
    ENTRIES,
    format!(
        "select {ENTRY_COLUMNS}, entry.position from wo.audit_entry as entry
         where entry.tenant_id = $1 and entry.subject_id = any($2)"
    ),
    [UUIDOID, UUIDARRAYOID]
);
statement!(
    WORK_ORDERS,
    "select held.* from wo.work_order as held where held.tenant_id = $1 and held.id = any($2)",
    [UUIDOID, UUIDARRAYOID]
);
statement!(
    CHAINS,
    "select chain.subject_id, chain.subject, chain.subject_key, chain.chain_sequence, chain.chain_hash
     from wo.audit_chain as chain where chain.tenant_id = $1 and chain.subject_id = any($2)",
    [UUIDOID, UUIDARRAYOID]
);

statement!(
    CHAIN_KEYS,
    "select chain.subject, chain.subject_key from wo.audit_chain as chain where chain.tenant_id = $1",
    [UUIDOID]
);

/// Whether all is intact, chains, entries, and of a broken one: subject, key, sequence, why.
pub type Verdict = (bool, i64, i64, Option<String>, Option<String>, Option<i64>, Option<String>);

/// Verifies one work order's chain.
///
/// # Errors
/// 22023 `work_order_unknown`.
pub fn verify_work_order(tenant: Uuid, name: &str) -> Result<Vec<Verdict>, Refusal> {
    let mut verifier = Verifier { tenant, ..Verifier::default() };
    let id = verifier.find(name)?;
    verifier.verify(&[id]);
    Ok(verifier.verdicts())
}

/// Verifies all chains of a tenant, for whom the transaction acts.
pub fn verify_tenant(tenant: Uuid) -> Vec<Verdict> {
    let mut verifier = Verifier { tenant, ..Verifier::default() };
    let mut from = Some(Uuid::nil());
    while let Some(first) = from {
        let batch = verifier.subjects(first);
        let Some(last) = batch.last() else { break };
        // The next id of all; none follows the greatest.
        from = last.as_u128().checked_add(1).map(Uuid::from_u128);
        verifier.verify(&batch);
    }
    verifier.find_untrailed();
    verifier.verdicts()
}

/// A configured object's chain head.
struct Chain {
    subject: String,
    key: String,
    sequence: i64,
    hash: Vec<u8>,
}

impl Chain {
    /// Reads a row of [`CHAINS`].
    ///
    /// # Errors
    /// The first column that is NULL and must not be.
    fn read(rows: &Rows, row: usize) -> Result<Self, &'static str> {
        Ok(Self {
            subject: rows.get(row, 2).ok_or("subject")?,
            key: rows.get(row, 3).ok_or("subject_key")?,
            sequence: rows.get(row, 4).ok_or("chain_sequence")?,
            hash: rows.get(row, 5).ok_or("chain_hash")?,
        })
    }
}

#[derive(Default)]
struct Verifier {
    tenant: Uuid,
    chains: i64,
    entries: i64,
    broken: Vec<(String, String, i64, Break)>,
    configuration: Option<HashMap<(String, String), Configured>>,
    verified_archive: VerifiedArchive,
}

fn uuid_at(rows: &Rows, row: usize, column: i32) -> Uuid {
    rows.required_uuid(row, column)
}

/// The rows in the order of their chains, by columns of the primary key. Sorted here by what they are sorted by,
/// rather than whole by the server, whose memory for sorting is small.
fn in_order(rows: &Rows) -> Vec<usize> {
    let mut order: Vec<(Uuid, i64, i64, usize)> = (0..rows.count())
        .map(|row| {
            let recorded_at = rows.required_timestamp(row, 4);
            (uuid_at(rows, row, 1), rows.required(row, 3), recorded_at, row)
        })
        .collect();
    order.sort_unstable();
    order.into_iter().map(|(.., row)| row).collect()
}

impl Verifier {
    fn find(&self, name: &str) -> Result<Uuid, Refusal> {
        if let wo_rules::reference::Reference::Id(id) = wo_rules::reference::parse(name)? {
            // Named by its id, a work order is verified even if its record is gone.
            return Ok(id);
        }
        crate::kernel::work_order::find(self.tenant, name)
    }

    fn subjects(&self, from: Uuid) -> Vec<Uuid> {
        let arguments = [uuid_argument(self.tenant), uuid_argument(from), argument(BATCH)];
        SUBJECTS.with(|statement| {
            statement.run(Mode::Latest, &arguments, |rows| {
                (0..rows.count()).map(|row| uuid_at(rows, row, 1)).collect()
            })
        })
    }

    /// Verifies some chains, which one statement reads together.
    fn verify(&mut self, subjects: &[Uuid]) {
        let ids: Vec<pgrx::Uuid> =
            subjects.iter().map(|id| pgrx::Uuid::from_bytes(*id.as_bytes())).collect();
        let tenant = self.tenant;
        let arguments = [uuid_argument(tenant), argument(ids)];
        let mut work_orders: HashMap<Uuid, TrailedRow> = WORK_ORDERS.with(|statement| {
            statement.run(Mode::Latest, &arguments, |rows| {
                (0..rows.count())
                    .filter_map(|index| {
                        let row = Row::of_rows(rows, index)?;
                        let id: pgrx::Uuid = row.get(row.column("id")?)?;
                        Some((Uuid::from_bytes(*id.as_bytes()), trailed_row_of(&row)))
                    })
                    .collect()
            })
        });
        // What belongs to work orders stands in their trails, and so among their values.
        child_records(&arguments, |owner, name, value| {
            if let Some(held) = work_orders.get_mut(&owner) {
                held.values.insert(name, value);
            }
        });
        let mut forged = unproven(tenant, &arguments);
        let chains: HashMap<Uuid, Result<Chain, &'static str>> = CHAINS.with(|statement| {
            statement.run(Mode::Latest, &arguments, |rows| {
                (0..rows.count())
                    .map(|row| (uuid_at(rows, row, 1), Chain::read(rows, row)))
                    .collect()
            })
        });
        // Where older entries are archived, a chain begins with what stayed of them.
        let stubs = stubs_of(&arguments);
        type Followed = (Replay, Option<(i64, Break)>, String, Option<i64>);
        let mut replays: HashMap<Uuid, Followed> = HashMap::new();
        let count = ENTRIES.with(|statement| {
            statement.run(Mode::Latest, &arguments, |rows| {
                for row in in_order(rows) {
                    let (id, entry, previous, hash) = match read_entry(rows, row, tenant) {
                        Ok(read) => read,
                        Err(column) => {
                            let subject = rows.get(row, 2).unwrap_or_else(|| "unknown".to_owned());
                            let sequence = rows.required(row, 3);
                            let (_, broken, ..) = replays
                                .entry(uuid_at(rows, row, 1))
                                .or_insert_with(|| (Replay::default(), None, subject, None));
                            broken.get_or_insert((sequence, Break::Null { column }));
                            continue;
                        }
                    };
                    let position: Option<i64> = rows.get(row, 19);
                    let (replay, broken, _, before) = replays
                        .entry(id)
                        .or_insert_with(|| (Replay::default(), None, entry.subject.clone(), None));
                    if broken.is_none() {
                        *broken = stubs
                            .pass(id, replay, Some(entry.sequence))
                            .and_then(|()| replay.follow(&entry, &previous, &hash))
                            .and_then(|()| {
                                let position = position.ok_or(Break::Position)?;
                                check_position(before.replace(position), position)
                            })
                            .err()
                            .map(|why| (entry.sequence, why));
                    }
                }
                rows.count()
            })
        });
        self.entries += count as i64;
        for id in subjects {
            self.chains += 1;
            let (mut replay, mut broken, subject, _) = replays.remove(id).unwrap_or_default();
            if broken.is_none() {
                let archived =
                    stubs.pass(*id, &mut replay, None).and_then(|()| self.verify_stub(&stubs, *id));
                broken = archived.err().map(|why| (replay.entries(), why));
            }
            let end = replay.entries();
            let (subject, key, verdict) = match (work_orders.get(id), chains.get(id)) {
                (Some(held), _) => (
                    "work_order".to_owned(),
                    held.number.clone().unwrap_or_else(|| id.to_string()),
                    replay.matches(&row_state(held)),
                ),
                (None, Some(Err(column))) => (subject, id.to_string(), Err(Break::Null { column })),
                (None, Some(Ok(chain))) => {
                    let Configured { values, columns } =
                        match UNATTACHED_SUBJECTS.contains(&chain.subject.as_str()) {
                            true => Configured::default(),
                            false => self.configured(&chain.subject, &chain.key),
                        };
                    let verdict = replay.matches(&RowState {
                        subject: &chain.subject,
                        columns,
                        sequence: chain.sequence,
                        hash: &chain.hash,
                        values,
                        ..RowState::default()
                    });
                    (chain.subject.clone(), chain.key.clone(), verdict)
                }
                (None, None) => (subject, id.to_string(), Err(Break::Missing)),
            };
            let found = broken
                .or_else(|| verdict.err().map(|why| (end, why)))
                .or_else(|| forged.remove(id).map(|why| (end, why)));
            if let Some((sequence, why)) = found {
                self.broken.push((subject, key, sequence, why));
            }
        }
    }

    /// Whether the trail has the hash of everything that stayed of a chain.
    fn verify_stub(&mut self, stubs: &Stubs, subject: Uuid) -> Result<(), Break> {
        let tenant = self.tenant;
        stubs.archives(subject).try_for_each(|archive| self.verified_archive.check(tenant, archive))
    }

    /// A configured object as it stands; nothing where it was deleted.
    fn configured(&mut self, subject: &str, key: &str) -> Configured {
        let tenant = self.tenant;
        let all = self.configuration.get_or_insert_with(|| read_configuration(tenant));
        all.get(&(subject.to_owned(), key.to_owned())).cloned().unwrap_or_default()
    }

    /// Configured objects that no chain records.
    fn find_untrailed(&mut self) {
        let known: HashSet<(String, String)> = CHAIN_KEYS.with(|statement| {
            statement.run(Mode::Latest, &[uuid_argument(self.tenant)], |rows| {
                (0..rows.count())
                    .filter_map(|row| Some((rows.get(row, 1)?, rows.get(row, 2)?)))
                    .collect()
            })
        });
        let tenant = self.tenant;
        let all = self.configuration.get_or_insert_with(|| read_configuration(tenant));
        let mut untrailed: Vec<_> =
            all.keys().filter(|key| !known.contains(*key)).cloned().collect();
        untrailed.sort();
        self.broken
            .extend(untrailed.into_iter().map(|(subject, key)| (subject, key, 0, Break::Missing)));
    }

    fn verdicts(self) -> Vec<Verdict> {
        if self.broken.is_empty() {
            return vec![(true, self.chains, self.entries, None, None, None, None)];
        }
        let (chains, entries) = (self.chains, self.entries);
        self.broken
            .into_iter()
            .map(|(subject, key, sequence, why)| {
                let why = Some(why.to_string());
                (false, chains, entries, Some(subject), Some(key), Some(sequence), why)
            })
            .collect()
    }
}
