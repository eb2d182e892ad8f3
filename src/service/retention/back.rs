//! Archives where their files lie: verifying them, and bringing them back.

use super::archive::Archive;
use super::files;
use crate::pg::run_as::as_owner;
use crate::pg::statement::{
    Argument, Mode, Statement, argument, bigint, bytes, optional_text, text, uuid as uuid_argument,
};
use crate::service::ledger::store;
use pgrx::pg_sys;
use std::collections::BTreeSet;
use uuid::Uuid;
use wo_rules::ledger::tile::TILE_WIDTH;
use wo_rules::retention::line::{EntryLine, EventLine};
use wo_rules::retention::name::source_of;
use wo_rules::retention::proof::Reader;

/// A line that was read and verified.
pub enum Line {
    /// An entry of the trail.
    Entry(Box<EntryLine>),
    /// An event.
    Event(EventLine),
}

/// Reads both files of an archive, holds every line against the proof and the proof against the
/// ledger as it stands here, and gives each line to `take`.
///
/// # Errors
/// One plain sentence, or what `take` says.
pub fn verify(
    archive: &Archive,
    mut take: impl FnMut(Line) -> Result<(), String>,
) -> Result<(), String> {
    let (proof, hash) = files::whole(&archive.proof_file()?)?;
    if hash.as_slice() != archive.proof_sha256 {
        return Err("the proof file is not the one that was written".to_owned());
    }
    let mut reader = Reader::new(&proof, &archive.name, None)?;
    hold_checkpoint(archive, &reader)?;
    let mut tiles = BTreeSet::new();
    let read = files::lines(&archive.data_file()?, |line| match archive.source.as_str() {
        "event" => take(Line::Event(reader.event(line)?)),
        _ => {
            let entry = reader.entry(line)?;
            tiles.insert(entry.leaf_index / TILE_WIDTH as u64);
            take(Line::Entry(Box::new(entry)))
        }
    })?;
    if read.as_slice() != archive.data_sha256 {
        return Err("the data file is not the one that was written".to_owned());
    }
    reader.finish(&hex::encode(read))?;
    hold_tiles(&reader, &tiles)
}

/// The proof's checkpoint is one that was sealed here.
fn hold_checkpoint(archive: &Archive, reader: &Reader) -> Result<(), String> {
    let Some(checkpoint) = reader.checkpoint() else { return Ok(()) };
    let size = i64::try_from(checkpoint.size).ok();
    let is_ours = size == archive.checkpoint_size
        && size
            .and_then(|size| store::of_size(Some(size)))
            .is_some_and(|sealed| (sealed.size, sealed.root) == (checkpoint.size, checkpoint.root));
    match is_ours {
        true => Ok(()),
        false => Err("its checkpoint is none of this ledger's".to_owned()),
    }
}

/// The leaves are those of the ledger's tree as it is stored now.
fn hold_tiles(reader: &Reader, tiles: &BTreeSet<u64>) -> Result<(), String> {
    let mut stored = store::Tiles::default();
    for tile in tiles {
        let kept = reader.tile_of_leaves(*tile).unwrap_or_default();
        if !stored.read(0, *tile).is_some_and(|hashes| hashes.starts_with(kept)) {
            return Err(format!("tile {tile} of the ledger's leaves is another one here"));
        }
    }
    Ok(())
}

/// Brings an archive back as the partition that it was. Gives how many rows came.
///
/// # Errors
/// One plain sentence.
pub fn bring(archive: &Archive) -> Result<i64, String> {
    let source = source_of(&archive.name).ok_or_else(|| "it has no archive's name".to_owned())?;
    let name = &archive.name;
    let run = |sql: String| as_owner(|| Statement::new(sql, &[]).run_unkept());
    run(format!("create table wo.{name} (like wo.{source} including all)"));
    let insert = inserting(source, name);
    let mut count = 0;
    // The table belongs to nobody's view yet: its rows go in past the enforcement layer's triggers, and each has
    // been held against the ledger.
    verify(archive, |line| {
        let arguments = match &line {
            Line::Entry(entry) => entry_arguments(entry)?,
            Line::Event(event) => event_arguments(event)?,
        };
        as_owner(|| insert.run(Mode::Write, &arguments, |_| ()));
        count += 1;
        Ok(())
    })?;
    let from = match archive.from {
        i64::MIN => "minvalue".to_owned(),
        from => format!("'{}'", wo_rules::time::utc(from)),
    };
    let to = wo_rules::time::utc(archive.to);
    run(format!(
        "alter table wo.{name} enable row level security;
         alter table wo.{name} force row level security;
         alter table wo.{source} attach partition wo.{name} for values from ({from}) to ('{to}');
         select wo.make_partitions(0)"
    ));
    archive.mark("restored", true);
    Ok(count)
}

fn inserting(source: &str, name: &str) -> Statement {
    match source {
        "event" => Statement::new(
            format!(
                "insert into wo.{name} (position, tenant_id, timeline, type, subject_id, recorded_at, traceparent, data)
                 values ($1, $2, $3, $4, $5, $6::timestamptz, $7, $8::json)"
            ),
            &[
                pg_sys::INT8OID,
                pg_sys::UUIDOID,
                pg_sys::INT4OID,
                pg_sys::TEXTOID,
                pg_sys::UUIDOID,
                pg_sys::TEXTOID,
                pg_sys::TEXTOID,
                pg_sys::TEXTOID,
            ],
        ),
        _ => Statement::new(
            format!(
                "insert into wo.{name} (tenant_id, subject, subject_id, sequence, recorded_at, action, actor, reason,
                    from_status, to_status, record_version, changes, client_address, application, login_role,
                    authenticated_by, transaction_id, previous_hash, entry_hash, position)
                 values ($1, $2, $3, $4, $5::timestamptz, $6, $7, $8, $9, $10, $11, $12::json, $13, $14, $15, $16, $17,
                    $18, $19, $20)"
            ),
            &[
                pg_sys::UUIDOID,
                pg_sys::TEXTOID,
                pg_sys::UUIDOID,
                pg_sys::INT8OID,
                pg_sys::TEXTOID,
                pg_sys::TEXTOID,
                pg_sys::TEXTOID,
                pg_sys::TEXTOID,
                pg_sys::TEXTOID,
                pg_sys::TEXTOID,
                pg_sys::INT8OID,
                pg_sys::TEXTOID,
                pg_sys::TEXTOID,
                pg_sys::TEXTOID,
                pg_sys::TEXTOID,
                pg_sys::TEXTOID,
                pg_sys::TEXTOID,
                pg_sys::BYTEAOID,
                pg_sys::BYTEAOID,
                pg_sys::INT8OID,
            ],
        ),
    }
}

fn id(text: &str) -> Result<Argument, String> {
    Uuid::parse_str(text).map(uuid_argument).map_err(|_| "an id in it is none".to_owned())
}

fn entry_arguments(line: &EntryLine) -> Result<Vec<Argument>, String> {
    let (entry, previous, hash) = line.entry()?;
    Ok(vec![
        id(&entry.tenant_id)?,
        text(&entry.subject),
        id(&entry.subject_id)?,
        bigint(entry.sequence),
        text(&entry.recorded_at),
        text(&entry.action),
        optional_text(entry.actor.as_deref()),
        optional_text(entry.reason.as_deref()),
        optional_text(entry.from_status.as_deref()),
        optional_text(entry.to_status.as_deref()),
        argument(entry.record_version),
        text(&entry.changes),
        optional_text(entry.client_address.as_deref()),
        optional_text(entry.application.as_deref()),
        text(&entry.login_role),
        text(&entry.authenticated_by),
        text(&entry.transaction_id),
        bytes(&previous),
        bytes(&hash),
        bigint(line.position),
    ])
}

fn event_arguments(line: &EventLine) -> Result<Vec<Argument>, String> {
    Ok(vec![
        bigint(line.position),
        id(&line.tenant_id)?,
        argument(line.timeline),
        text(&line.kind),
        id(&line.subject_id)?,
        text(&line.recorded_at),
        optional_text(line.traceparent.as_deref()),
        text(&line.data),
    ])
}
