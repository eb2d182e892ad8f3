//! Verifying the trail: every hash is computed again from the rows, and every record is held
//! against what its trail says of it.

mod configured;
mod reconcile;

use crate::kernel::identity;
use crate::kernel::work_order::{child_record, is_beside_changes};
use crate::pg::error::OrRefuse;
use crate::pg::row::Row;
use crate::pg::statement::{
    Argument, Mode, Rows, Statement, argument, statement, uuid as uuid_argument,
};
use crate::pg::value::refuse_null;
use crate::service::retention::{Stubs, VerifiedArchive, stubs_of};
use configured::{Configured, read_configuration};
use pgrx::pg_sys;
use pgrx::prelude::*;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use uuid::Uuid;
use wo_rules::approval::kept::{Kept, REPEATED, why_broken};
use wo_rules::audit::{Break, Entry, Replay, RowState, UNATTACHED_SUBJECTS, check_position};
use wo_rules::refusal::Refusal;
use wo_rules::time::utc;

/// How many chains are read at a time.
const BATCH: i32 = 500;

/// The columns of an entry as [`entry_at`] reads them.
pub const ENTRY_COLUMNS: &str = "told.subject_id, told.subject, told.sequence, told.recorded_at, told.action, told.actor, told.reason,
    told.from_status, told.to_status, told.record_version, told.changes::text, told.client_address, told.application,
    told.login_role, told.authenticated_by, told.transaction_id, told.previous_hash, told.entry_hash";

// Each source gives its own first so many, so that a batch reads no further than it verifies.
statement!(
    SUBJECTS,
    "(select distinct told.subject_id from wo.audit_entry as told
      where told.tenant_id = $1 and told.subject_id >= $2 order by told.subject_id limit $3)
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
        "select {ENTRY_COLUMNS}, told.position from wo.audit_entry as told
         where told.tenant_id = $1 and told.subject_id = any($2)"
    ),
    [UUIDOID, UUIDARRAYOID]
);
statement!(
    WORK_ORDERS,
    "select held.* from wo.work_order as held where held.tenant_id = $1 and held.id = any($2)",
    [UUIDOID, UUIDARRAYOID]
);
statement!(
    SIGNATURES,
    "select given.*, used.public_key as used_public_key, used.principal as used_principal
     from wo.approval as given
     left join wo.signing_key as used on used.tenant_id = given.tenant_id and used.key_id = given.key_id
     where given.tenant_id = $1 and given.work_order_id = any($2)
     order by given.work_order_id, given.signed_at, given.id",
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

/// Verifies one work order's chain, or all chains of the tenant.
#[pg_extern(schema = "wo_private", stable, parallel_restricted)]
#[search_path(pg_catalog, pg_temp)]
#[allow(clippy::type_complexity)]
fn verify_audit(
    work_order: Option<&str>,
) -> TableIterator<
    'static,
    (
        name!(intact, bool),
        name!(chains, i64),
        name!(entries, i64),
        name!(subject, Option<String>),
        name!(subject_key, Option<String>),
        name!(broken_sequence, Option<i64>),
        name!(problem, Option<String>),
    ),
> {
    crate::kernel::install::check_tables();
    let acting = identity::required().or_refuse();
    let verdicts = match work_order {
        Some(name) => {
            let mut verifier = Verifier { tenant: acting.tenant, ..Verifier::default() };
            let id = verifier.find(name).or_refuse();
            verifier.verify(&[id]);
            verifier.verdicts()
        }
        None => verify_tenant(acting.tenant),
    };
    TableIterator::new(verdicts)
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

/// A record as it stands: its audited values and, for a work order, its number and state.
#[derive(Default)]
pub struct TrailedRow {
    /// Each audited column that is not null, as JSON text.
    pub values: BTreeMap<String, String>,
    /// The columns that its table has.
    pub columns: BTreeSet<String>,
    /// Its number.
    pub number: Option<String>,
    /// Its state.
    pub status: Option<String>,
    /// Its version.
    pub version: Option<i64>,
    /// When it last changed.
    pub changed_at: Option<String>,
    /// The sequence of its chain's head.
    pub sequence: i64,
    /// The hash of its chain's head.
    pub hash: Vec<u8>,
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
    let id = uuid_at(rows, row, 1);
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

/// The audited values of a row, and its columns that the trail keeps beside them.
pub fn trailed_row_of(row: &Row) -> TrailedRow {
    let mut held = TrailedRow::default();
    for index in 0..row.len() {
        let Some(name) = row.name(index) else { continue };
        held.columns.insert(name.to_owned());
        let Some(json) = row.json(index) else { continue };
        if !is_beside_changes(name) {
            held.values.insert(name.to_owned(), json);
        }
    }
    let column = |name: &str| row.column(name);
    held.number = column("wo_number").and_then(|index| row.get(index));
    held.status = column("status").and_then(|index| row.get(index));
    held.version = column("version").and_then(|index| row.get(index));
    held.changed_at = column("updated_at").and_then(|index| row.timestamp(index)).map(utc);
    held.sequence = column("chain_sequence").and_then(|index| row.get(index)).unwrap_or(0);
    held.hash = column("chain_hash").and_then(|index| row.get(index)).unwrap_or_default();
    held
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

    /// The trail vouches for everything that stayed of a chain.
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

    /// Configured objects that no chain tells of.
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

/// Gives whatever belongs to the work orders that `arguments` name (tenant, ids): of which, its name in
/// the trail, its value.
pub fn child_records(arguments: &[Argument], mut take: impl FnMut(Uuid, String, String)) {
    for table in wo_rules::schema::child_tables() {
        let column = table.child.work_order;
        let statement = Statement::new(
            format!(
                "select held.* from wo.{} as held where held.tenant_id = $1 and held.{} = any($2)",
                table.name, column
            ),
            &[pg_sys::UUIDOID, pg_sys::UUIDARRAYOID],
        );
        statement.run(Mode::Latest, arguments, |rows| {
            for index in 0..rows.count() {
                let Some(row) = Row::of_rows(rows, index) else { continue };
                let owner = row.named::<pgrx::Uuid>(column);
                let owner = owner.map(|id| Uuid::from_bytes(*id.as_bytes()));
                if let Some(owner) = owner {
                    take(
                        owner,
                        child_record::name_of(&table, &row),
                        child_record::value_of(&table, &row),
                    );
                }
            }
        });
    }
}

/// The first signature of each work order that proves nothing.
fn unproven(tenant: Uuid, arguments: &[Argument]) -> HashMap<Uuid, Break> {
    SIGNATURES.with(|statement| {
        statement.run(Mode::Latest, arguments, |rows| {
            let mut all = HashMap::new();
            for index in 0..rows.count() {
                let Some(row) = Row::of_rows(rows, index) else { continue };
                let work_order = row.required_uuid("work_order_id");
                let wrong = match kept_of(tenant, work_order, &row) {
                    Err(column) => Some(Break::Null { column }),
                    Ok((approval, kept)) => {
                        why_broken(&kept).map(|why| Break::Signature { approval, why })
                    }
                };
                if let Some(wrong) = wrong {
                    all.entry(work_order).or_insert(wrong);
                }
            }
            all
        })
    })
}

/// A signature's id, and what is checked of it.
///
/// # Errors
/// The first column that is NULL and must not be.
fn kept_of(tenant: Uuid, work_order: Uuid, row: &Row) -> Result<(String, Kept), &'static str> {
    let id = |id: pgrx::Uuid| Uuid::from_bytes(*id.as_bytes()).to_string();
    let value = |name: &str| -> Option<String> {
        match name {
            "delegation_id" => row.named(name).map(id),
            "record_version" => row.named::<i64>(name).map(|version| version.to_string()),
            "content_sha256" => row.named::<Vec<u8>>(name).map(hex::encode),
            _ => row.named(name),
        }
    };
    let kept = Kept {
        tenant_id: tenant.to_string(),
        work_order_id: work_order.to_string(),
        columns: REPEATED.iter().map(|name| (*name, value(name))).collect(),
        payload: row.named("payload").ok_or("payload")?,
        signature: row.named("signature").ok_or("signature")?,
        public_key: row.named("used_public_key").unwrap_or_default(),
        key_principal: row.named("used_principal").unwrap_or_default(),
    };
    Ok((row.named("id").map(id).ok_or("id")?, kept))
}

fn row_state(held: &TrailedRow) -> RowState<'_> {
    RowState {
        subject: "work_order",
        columns: held.columns.clone(),
        sequence: held.sequence,
        hash: &held.hash,
        values: held.values.clone(),
        status: held.status.as_deref(),
        record_version: held.version,
        changed_at: held.changed_at.clone(),
    }
}
