//! What stays of the chains whose entries were archived, and holding it against the trail.

use super::archive::{self, Archive};
use super::month::{self, Month};
use crate::kernel::identity::{self, memory};
use crate::pg::run_as::{as_ledger, as_trail};
use crate::pg::statement::{
    Argument, Mode, Rows, bigint, bytes, statement, text, uuid as uuid_argument,
};
use serde_json::{Map, Value, json};
use std::collections::HashMap;
use uuid::Uuid;
use wo_rules::audit::{Break, Replay};
use wo_rules::ledger::names::Name;
use wo_rules::refusal::{Refusal, SqlState};
use wo_rules::retention::stub::{Stub, StubsHash};

statement!(
    LAST,
    "select stayed.subject_id, stayed.sequence, stayed.entry_hash, stayed.state_sha256, stayed.state, stayed.archive
     from wo.archived_chain as stayed where stayed.tenant_id = $1 and stayed.subject_id = $2
     order by stayed.sequence desc limit 1",
    [UUIDOID, UUIDOID]
);
statement!(
    OF_CHAINS,
    "select stayed.subject_id, stayed.sequence, stayed.entry_hash, stayed.state_sha256, stayed.state, stayed.archive
     from wo.archived_chain as stayed where stayed.tenant_id = $1 and stayed.subject_id = any($2)
     order by stayed.subject_id, stayed.sequence",
    [UUIDOID, UUIDARRAYOID]
);
statement!(
    OF_MONTH,
    "select stayed.subject_id, stayed.sequence, stayed.entry_hash, stayed.state_sha256, stayed.state, stayed.archive
     from wo.archived_chain as stayed where stayed.tenant_id = $1 and stayed.archive = $2
     order by stayed.subject_id",
    [UUIDOID, TEXTOID]
);
statement!(
    RECORDED,
    "select entry.changes::pg_catalog.text from wo.audit_entry as entry
     join wo.audit_chain as chain on chain.tenant_id = entry.tenant_id and chain.subject_id = entry.subject_id
     where entry.tenant_id = $1 and chain.subject = 'archive' and entry.action = 'archived'
        and entry.changes::pg_catalog.jsonb ? 'chains_sha256'
     order by entry.sequence desc limit 1",
    [UUIDOID]
);
statement!(
    LEAVE,
    "insert into wo.archived_chain (tenant_id, subject_id, archive, sequence, entry_hash, state_sha256, state)
     values ($1, $2, $3, $4, $5, $6, $7)",
    [UUIDOID, UUIDOID, TEXTOID, INT8OID, BYTEAOID, BYTEAOID, TEXTOID]
);

statement!(
    AWAY,
    "select made.detached_at is not null and made.restored_at is null
     from wo.archived_chain as stayed
     join wo.archive as made on made.tenant_id = '00000000-0000-0000-0000-000000000000' and made.name = stayed.archive
     where stayed.tenant_id = $1 and stayed.subject_id = $2 and stayed.sequence >= $3
     order by stayed.sequence limit 1",
    [UUIDOID, UUIDOID, INT8OID]
);
statement!(
    MISSING,
    "select stayed.archive from wo.archived_chain as stayed
     where stayed.tenant_id = $1 and stayed.subject_id = $2 and not exists (
        select from wo.audit_entry as entry
        where entry.tenant_id = $1 and entry.subject_id = $2 and entry.sequence = stayed.sequence)
     order by stayed.sequence",
    [UUIDOID, UUIDOID]
);

/// Whether an entry is in the files of an archive alone.
pub fn is_away(name: &Name) -> bool {
    let arguments =
        [uuid_argument(name.tenant), uuid_argument(name.subject), bigint(name.sequence)];
    as_ledger(|| {
        AWAY.with(|statement| {
            statement.run(Mode::Latest, &arguments, |rows| rows.count() > 0 && rows.required(0, 1))
        })
    })
}

/// Refuses where entries of a work order are in archives alone.
///
/// # Errors
/// 55000 `entries_archived`, which names the archives.
pub fn check_all_here(tenant: Uuid, work_order: Uuid, number: &str) -> Result<(), Refusal> {
    let arguments = [uuid_argument(tenant), uuid_argument(work_order)];
    let missing: Vec<String> = MISSING.with(|statement| {
        statement.run(Mode::Latest, &arguments, |rows| {
            (0..rows.count()).filter_map(|row| rows.get(row, 1)).collect()
        })
    });
    let Some(first) = missing.first() else { return Ok(()) };
    Err(Refusal::new(
        SqlState::WrongState,
        "entries_archived",
        format!("older entries of work order {number} are in the archive {}", missing.join(", ")),
    )
    .with("work_order_id", work_order.to_string())
    .with("archives", missing.clone())
    .hint(format!("An administrator brings them back: select wo.restore_archive('{first}');")))
}

fn stub_at(rows: &Rows, row: usize) -> (String, Stub) {
    let stub = Stub {
        subject_id: rows.required_uuid(row, 1),
        sequence: rows.required(row, 2),
        entry_hash: rows.required(row, 3),
        state_sha256: rows.required(row, 4),
        state: rows.required(row, 5),
    };
    (rows.required(row, 6), stub)
}

/// A chain at the end of a month.
struct Ended {
    tenant: Uuid,
    stub: Stub,
    entries: i64,
}

/// Follows every chain through the month, and gives each to `take` with what stays of it.
fn walk(month: &Month, mut take: impl FnMut(Ended) -> Result<(), String>) -> Result<i64, String> {
    struct Following {
        tenant: Uuid,
        subject: Uuid,
        replay: Replay,
        entries: i64,
    }
    let mut chains = 0;
    let mut following: Option<Following> = None;
    let mut end = |chain: Option<Following>| -> Result<(), String> {
        let Some(chain) = chain else { return Ok(()) };
        chains += 1;
        let stub = Stub::of(chain.subject, &chain.replay);
        take(Ended { tenant: chain.tenant, stub, entries: chain.entries })
    };
    month::entries_by_chain(month.from, month.to, |row| {
        let is_same =
            |chain: &Following| (chain.tenant, chain.subject) == (row.tenant, row.subject);
        if !following.as_ref().is_some_and(is_same) {
            end(following.take())?;
        }
        let chain = match &mut following {
            Some(chain) => chain,
            None => following.insert(Following {
                tenant: row.tenant,
                subject: row.subject,
                replay: before(row.tenant, row.subject)?,
                entries: 0,
            }),
        };
        chain.entries += 1;
        chain.replay.follow(&row.entry, &row.previous, &row.hash).map_err(|why| {
            format!("entry {} of {} {}: {why}", row.entry.sequence, row.entry.subject, row.subject)
        })
    })?;
    end(following)?;
    Ok(chains)
}

/// Where a chain stands before the month.
fn before(tenant: Uuid, subject: Uuid) -> Result<Replay, String> {
    let arguments = [uuid_argument(tenant), uuid_argument(subject)];
    let last = as_ledger(|| {
        LAST.with(|statement| {
            statement
                .run(Mode::Latest, &arguments, |rows| (rows.count() > 0).then(|| stub_at(rows, 0)))
        })
    });
    match last {
        None => Ok(Replay::default()),
        Some((archive, stub)) => stub
            .replay()
            .map_err(|why| format!("what stayed of {subject} in the archive {archive}: {why}")),
    }
}

/// Makes sure that every chain holds through the month, and counts them.
///
/// # Errors
/// One plain sentence that names the first entry that does not.
pub fn check(month: &Month) -> Result<i64, String> {
    walk(month, |_| Ok(()))
}

/// What a month leaves in one tenant.
struct Left {
    tenant: Uuid,
    hash: StubsHash,
    entries: i64,
}

/// Leaves the stubs of the month, and records them in each tenant's trail. Gives what the entry of the
/// installation says of its own chains.
///
/// # Errors
/// As [`check`].
pub fn leave(month: &Month, archive: &Archive) -> Result<Value, String> {
    let mut left: Option<Left> = None;
    let mut own = Value::Null;
    let mut record_of = |left: Option<Left>| {
        let Some(left) = left else { return };
        let (tenant, recorded) = (left.tenant, details_of(left, archive));
        match tenant.is_nil() {
            true => own = recorded,
            false => archive::record(tenant, "archived", &recorded),
        }
    };
    walk(month, |ended| {
        if left.as_ref().is_some_and(|left| left.tenant != ended.tenant) {
            record_of(left.take());
        }
        write(ended.tenant, &archive.name, &ended.stub);
        let left = left.get_or_insert_with(|| Left {
            tenant: ended.tenant,
            hash: StubsHash::default(),
            entries: 0,
        });
        left.hash.add(&ended.stub);
        left.entries += ended.entries;
        Ok(())
    })?;
    record_of(left);
    Ok(own)
}

fn write(tenant: Uuid, archive: &str, stub: &Stub) {
    let arguments = [
        uuid_argument(tenant),
        uuid_argument(stub.subject_id),
        text(archive),
        bigint(stub.sequence),
        bytes(&stub.entry_hash),
        bytes(&stub.state_sha256),
        text(&stub.state),
    ];
    memory::during(identity::administrator(tenant), || {
        memory::as_enforcement(|| {
            as_trail(|| LEAVE.with(|statement| statement.store(&arguments)));
        });
    });
}

/// What a tenant's trail says of a month that left. It repeats the hashes of the months before, so
/// that the newest entry vouches for all: the older ones leave with their own months.
fn details_of(left: Left, archive: &Archive) -> Value {
    let mut hashes = memory::during(identity::administrator(left.tenant), || {
        as_trail(|| hashes_of(left.tenant))
    });
    let chains = left.hash.count();
    hashes.insert(archive.name.clone(), left.hash.finish().into());
    json!({
        "archive": archive.name,
        "entries": left.entries,
        "chains": chains,
        "chains_sha256": hashes,
        "data_sha256": hex::encode(&archive.data_sha256),
    })
}

/// The hash over the stubs of each archive, as the tenant's newest entry has them.
fn hashes_of(tenant: Uuid) -> Map<String, Value> {
    let changes: Option<String> = RECORDED.with(|statement| {
        statement.run(Mode::Latest, &[uuid_argument(tenant)], |rows| rows.get(0, 1))
    });
    let mut changes: Value =
        changes.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
    match changes.get_mut("chains_sha256").map(Value::take) {
        Some(Value::Object(hashes)) => hashes,
        _ => Map::new(),
    }
}

/// What stayed of some chains, with the caller's own rights.
#[derive(Default)]
pub struct Stubs {
    of: HashMap<Uuid, Vec<(String, Stub)>>,
}

/// What stayed of the chains that `arguments` name (tenant, ids).
pub fn stubs_of(arguments: &[Argument]) -> Stubs {
    let mut stubs = Stubs::default();
    OF_CHAINS.with(|statement| {
        statement.run(Mode::Latest, arguments, |rows| {
            for row in 0..rows.count() {
                let (archive, stub) = stub_at(rows, row);
                stubs.of.entry(stub.subject_id).or_default().push((archive, stub));
            }
        });
    });
    stubs
}

impl Stubs {
    /// Takes a chain past the entries that are not here, to before the entry of that sequence; to
    /// where its last archived entry left it, where none is given.
    ///
    /// # Errors
    /// Why what stayed cannot be relied on.
    pub fn pass(&self, subject: Uuid, replay: &mut Replay, next: Option<i64>) -> Result<(), Break> {
        let Some(all) = self.of.get(&subject) else { return Ok(()) };
        let wanted = match next {
            Some(next) => all.iter().find(|(_, stub)| stub.sequence == next - 1),
            None => all.last(),
        };
        let Some((archive, stub)) = wanted else { return Ok(()) };
        let broken = |why: &str| Break::Archived { archive: archive.clone(), why: why.to_owned() };
        let kept = stub.replay().map_err(|why| broken(&why))?;
        if kept.entries() > replay.entries() {
            *replay = kept;
        } else if kept.entries() == replay.entries() && kept != *replay {
            return Err(broken("it is not what the entries that are here say"));
        }
        Ok(())
    }

    /// The archives that hold entries of that chain.
    pub fn archives(&self, subject: Uuid) -> impl Iterator<Item = &str> {
        self.of.get(&subject).into_iter().flatten().map(|(archive, _)| archive.as_str())
    }
}

/// Whether the stubs of an archive are those that the tenant's trail records; each looked at once.
#[derive(Default)]
pub struct VerifiedArchive {
    recorded: Option<Map<String, Value>>,
    found: HashMap<String, bool>,
}

impl VerifiedArchive {
    /// See [`VerifiedArchive`].
    ///
    /// # Errors
    /// [`Break::Archived`].
    pub fn check(&mut self, tenant: Uuid, archive: &str) -> Result<(), Break> {
        let recorded = self.recorded.get_or_insert_with(|| hashes_of(tenant));
        let holds = *self.found.entry(archive.to_owned()).or_insert_with(|| {
            recorded.get(archive).and_then(Value::as_str) == Some(&hash_of(tenant, archive))
        });
        match holds {
            true => Ok(()),
            false => Err(Break::Archived {
                archive: archive.to_owned(),
                why: "the trail does not vouch for it".to_owned(),
            }),
        }
    }
}

fn hash_of(tenant: Uuid, archive: &str) -> String {
    let mut hash = StubsHash::default();
    let arguments = [uuid_argument(tenant), text(archive)];
    let read: Result<(), std::convert::Infallible> = OF_MONTH.with(|statement| {
        statement.run_in_batches(Mode::Latest, &arguments, |rows| {
            (0..rows.count()).for_each(|row| hash.add(&stub_at(rows, row).1));
            Ok(())
        })
    });
    match read {
        Ok(()) => hash.finish(),
        Err(never) => match never {},
    }
}
