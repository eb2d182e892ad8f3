//! Proofs: that an entry is sealed, and that a tree is the beginning of another.

use super::store::{self, LeafTile, Sealed, Tiles};
use super::unreadable;
use crate::kernel::identity;
use crate::kernel::work_order;
use crate::pg::error::{OrRefuse, damaged};
use crate::pg::run_as::as_ledger;
use crate::pg::statement::{Mode, argument, statement, uuid as uuid_argument};
use pgrx::prelude::*;
use serde_json::json;
use uuid::Uuid;
use wo_rules::ledger::bundle::{Bundle, Proven};
use wo_rules::ledger::names::Name;
use wo_rules::ledger::tile::TILE_WIDTH;
use wo_rules::ledger::{Hash, hash_text, tree};
use wo_rules::refusal::{Refusal, SqlState};

statement!(
    POSITIONS,
    "select entry.sequence, entry.position from wo.audit_entry as entry
     where entry.tenant_id = $1 and entry.subject_id = $2 and ($3::bigint is null or entry.sequence = $3)
     order by entry.sequence",
    [UUIDOID, UUIDOID, INT8OID]
);

/// Sequence and position of the entries of a chain, or of one of them.
fn positions(tenant: Uuid, subject: Uuid, sequence: Option<i64>) -> Vec<(i64, i64)> {
    let arguments = [uuid_argument(tenant), uuid_argument(subject), argument(sequence)];
    as_ledger(|| {
        POSITIONS.with(|statement| {
            statement.run(Mode::Latest, &arguments, |rows| {
                (0..rows.count())
                    .filter_map(|row| Some((rows.get(row, 1)?, rows.get(row, 2)?)))
                    .collect()
            })
        })
    })
}

/// Finds leaves by their entries; keeps the tiles that it looked at last.
#[derive(Default)]
struct Leaves {
    tiles: Vec<LeafTile>,
}

impl Leaves {
    fn find(&mut self, name: &Name, position: i64) -> Option<(u64, Hash)> {
        self.among(name).or_else(|| {
            self.tiles = store::tiles_of_position(position);
            self.among(name)
        })
    }

    fn among(&self, name: &Name) -> Option<(u64, Hash)> {
        self.tiles.iter().find_map(|tile| {
            let place = tile.names.iter().position(|named| named == name)?;
            Some((tile.index * TILE_WIDTH as u64 + place as u64, tile.hashes[place]))
        })
    }
}

fn checkpoint_of(size: Option<i64>) -> Result<Sealed, Refusal> {
    store::of_size(size).ok_or_else(|| match size {
        None => Refusal::new(SqlState::WrongState, "nothing_sealed", "nothing has been sealed yet")
            .hint("select * from wo.health(); says whether the ledger is at work."),
        Some(size) => Refusal::new(
            SqlState::BadValue,
            "checkpoint_unknown",
            format!("there is no checkpoint of size {size}"),
        )
        .with("size", size)
        .hint("select size from wo.ledger_checkpoint order by size;"),
    })
}

fn work_order_of(name: &str) -> Result<(Uuid, Uuid), Refusal> {
    let acting = identity::required()?;
    Ok((acting.tenant, work_order::find(acting.tenant, name)?))
}

fn inclusion(
    name: &str,
    sequence: Option<i64>,
    size: Option<i64>,
) -> Result<serde_json::Value, Refusal> {
    let (tenant, id) = work_order_of(name)?;
    let sealed = checkpoint_of(size)?;
    let Some((sequence, position)) = positions(tenant, id, sequence).pop() else {
        return Err(Refusal::new(
            SqlState::BadValue,
            "entry_unknown",
            format!("the trail of work order {name} has no such entry"),
        )
        .with("work_order_id", id.to_string())
        .hint("select sequence from wo.audit_trail('...');"));
    };
    let entry = Name { tenant, subject: id, sequence };
    let found = Leaves::default().find(&entry, position).filter(|(leaf, _)| *leaf < sealed.size);
    let Some((leaf, hash)) = found else {
        return Err(Refusal::new(
            SqlState::WrongState,
            "not_sealed_yet",
            format!(
                "entry {sequence} of work order {name} is not sealed by the checkpoint of size {}",
                sealed.size
            ),
        )
        .with("work_order_id", id.to_string())
        .with("sequence", sequence)
        .with("size", sealed.size)
        .hint("Ask again after the next sealing, or for the newest checkpoint."));
    };
    let mut tiles = Tiles::default();
    let proof = tree::inclusion(leaf, sealed.size, &mut |level, index| tiles.read(level, index));
    Ok(json!({
        "leaf_index": leaf,
        "leaf_hash": hash_text(&hash),
        "tree_size": sealed.size,
        "hashes": proof.map_err(unreadable)?.iter().map(hash_text).collect::<Vec<_>>(),
        "checkpoint": sealed.note,
    }))
}

/// Proves that an entry is sealed.
#[pg_extern(schema = "wo_private", stable, parallel_restricted)]
#[search_path(pg_catalog, pg_temp)]
fn inclusion_proof(
    work_order: Option<&str>,
    sequence: Option<i64>,
    size: Option<i64>,
) -> pgrx::JsonB {
    crate::kernel::version::check_tables();
    pgrx::JsonB(inclusion(work_order.unwrap_or_default(), sequence, size).or_refuse())
}

/// Proves that a tree is the beginning of another.
#[pg_extern(schema = "wo_private", stable, parallel_restricted)]
#[search_path(pg_catalog, pg_temp)]
fn consistency_proof(from_size: Option<i64>, to_size: Option<i64>) -> pgrx::JsonB {
    crate::kernel::version::check_tables();
    let newest = store::newest().map_or(0, |newest| newest.size);
    let to = to_size.map_or(Some(newest), |to| u64::try_from(to).ok());
    let from = from_size.and_then(|from| u64::try_from(from).ok());
    let (Some(from), Some(to)) = (from, to) else {
        crate::pg::error::refuse(no_such_trees(newest));
    };
    if from > to || to > newest {
        crate::pg::error::refuse(no_such_trees(newest));
    }
    let mut tiles = Tiles::default();
    let proof = tree::consistency(from, to, &mut |level, index| tiles.read(level, index));
    let hashes: Vec<String> = proof.map_err(unreadable).or_refuse().iter().map(hash_text).collect();
    pgrx::JsonB(json!({ "from": from, "to": to, "hashes": hashes }))
}

fn no_such_trees(newest: u64) -> Refusal {
    Refusal::new(
        SqlState::BadValue,
        "size_unknown",
        format!("the sizes are those of a tree and of a larger one, of {newest} leaves at most"),
    )
    .with("newest", newest)
    .hint("Give the size of an older checkpoint first, then that of a newer one.")
}

/// The proofs of every sealed entry of a chain; nothing where none is sealed by that checkpoint, or
/// there is none.
///
/// # Errors
/// 55000 `tables_damaged`.
fn bundle_of(
    tenant: Uuid,
    subject: Uuid,
    sealed: Option<Sealed>,
) -> Result<Option<Bundle>, Refusal> {
    let Some(sealed) = sealed else { return Ok(None) };
    let mut leaves = Leaves::default();
    let mut found = Vec::new();
    for (sequence, position) in positions(tenant, subject, None) {
        let leaf = leaves.find(&Name { tenant, subject, sequence }, position);
        found
            .extend(leaf.map(|(leaf, _)| (sequence, leaf)).filter(|(_, leaf)| *leaf < sealed.size));
    }
    if found.is_empty() {
        return Ok(None);
    }
    let indices: Vec<u64> = found.iter().map(|(_, leaf)| *leaf).collect();
    let mut tiles = Tiles::default();
    let proofs =
        tree::inclusions(&indices, sealed.size, &mut |level, index| tiles.read(level, index))
            .map_err(|damage| damaged(&damage.to_string()))?;
    let entries = found.into_iter().zip(proofs);
    let entries = entries
        .map(|((sequence, leaf_index), hashes)| Proven { hashes, leaf_index, sequence })
        .collect();
    Ok(Some(Bundle { checkpoint: sealed.note, entries }))
}

/// The newest proofs of a chain, for the package of today.
///
/// # Errors
/// 55000 `tables_damaged`.
pub fn newest_bundle_of(tenant: Uuid, subject: Uuid) -> Result<Option<Bundle>, Refusal> {
    bundle_of(tenant, subject, store::newest())
}

/// The proofs of every sealed entry of a work order's trail.
#[pg_extern(schema = "wo_private", stable, parallel_restricted)]
#[search_path(pg_catalog, pg_temp)]
fn ledger_proof(work_order: Option<&str>, size: Option<i64>) -> Option<String> {
    crate::kernel::version::check_tables();
    let (tenant, id) = work_order_of(work_order.unwrap_or_default()).or_refuse();
    let sealed = match size {
        None => store::newest(),
        Some(_) => Some(checkpoint_of(size).or_refuse()),
    };
    bundle_of(tenant, id, sealed).or_refuse().map(|bundle| bundle.to_json())
}
