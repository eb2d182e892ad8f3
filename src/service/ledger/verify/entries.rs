//! Verifying leaves: each against its entry, whose hash is computed again from its content.

use super::super::store::{self, LeafTile};
use super::{BATCH_ROWS, NOTICE_EVERY, Verification};
use crate::kernel::identity::{self, memory};
use crate::kernel::work_order::{Column, Reading, read_as_trail};
use crate::pg::run_as::as_ledger;
use crate::pg::statement::{Mode, Rows, bigint, statement, uuid as uuid_argument};
use crate::service::verification::{ENTRY_COLUMNS, read_entry};
use pgrx::prelude::*;
use uuid::Uuid;
use wo_rules::ledger::leaves::{Leaf, Live, Problem as Found, Wrong, compare};
use wo_rules::ledger::names::Name;
use wo_rules::ledger::tile::TILE_WIDTH;

statement!(
    ENTRIES,
    format!(
        "select {ENTRY_COLUMNS}, entry.tenant_id, entry.position from wo.audit_entry as entry
         where entry.position > $1 and entry.position <= $2"
    ),
    [INT8OID, INT8OID]
);
statement!(
    ELSEWHERE,
    "select entry.position from wo.audit_entry as entry
     where entry.tenant_id = $1 and entry.subject_id = $2 and entry.sequence = $3
     order by entry.position limit 1",
    [UUIDOID, UUIDOID, INT8OID]
);

impl Verification {
    /// Holds every leaf of the stretch against its entry; gives up to where.
    pub fn verify_leaves(&mut self) -> u64 {
        let mut at = self.from;
        // What stands before the first leaf of all was never sealed either.
        let mut position = match at.checked_sub(1) {
            None => i64::MIN,
            Some(before) => last_position(before / TILE_WIDTH as u64),
        };
        while at < self.to {
            let end = self.to.min(at + BATCH_ROWS);
            let last = end.div_ceil(TILE_WIDTH as u64);
            let tiles = store::leaf_tiles(at / TILE_WIDTH as u64, last);
            position = self.verify_batch(&tiles, at, end, position);
            if end / NOTICE_EVERY > at / NOTICE_EVERY {
                notice!("wo_core: {end} of {} leaves are verified", self.newest.size);
            }
            at = end;
            if self.has_enough() {
                break;
            }
        }
        at
    }

    fn verify_batch(&mut self, tiles: &[LeafTile], from: u64, to: u64, after: i64) -> i64 {
        let mut leaves = Vec::with_capacity(BATCH_ROWS as usize);
        for tile in tiles {
            let first = tile.index * TILE_WIDTH as u64;
            let all = tile.names.iter().zip(&tile.hashes).zip(first..);
            leaves.extend(
                all.filter(|(_, index)| (from..to).contains(index))
                    .map(|((name, hash), index)| Leaf { index, name: *name, hash: *hash }),
            );
        }
        if leaves.len() as u64 != to - from {
            self.add(Some(from), None, "tiles of leaves are missing");
        }
        // The last tile may have grown since the newest checkpoint was read.
        let last = tiles.last().map_or(after, |tile| tile.last_position);
        let last = if to == self.newest.size { last.min(self.newest.position) } else { last };
        let is_missing = |found: &Found| {
            // Else its hash alone is verified here; its content is where the archive lies.
            matches!(found.wrong, Wrong::Gone) && !crate::service::retention::is_away(&found.name)
        };
        let mut all = compare(&leaves, &live(after, last));
        if all.iter().any(is_missing) {
            // An archive may have been restored after the entries were read.
            all = compare(&leaves, &live(after, last));
        }
        for found in all {
            let wrong = match found.wrong {
                Wrong::Gone if !is_missing(&found) => continue,
                Wrong::Gone => {
                    elsewhere(&found.name).map_or(Wrong::Gone, |position| Wrong::Moved { position })
                }
                wrong => wrong,
            };
            self.add(found.leaf, Some(found.name), wrong.to_string());
            if self.has_enough() {
                break;
            }
        }
        last
    }
}

fn last_position(tile: u64) -> i64 {
    store::leaf_tiles(tile, tile + 1).first().map_or(0, |tile| tile.last_position)
}

fn live(after: i64, to: i64) -> Vec<Live> {
    let entry = |rows: &Rows, row: usize| {
        let tenant = rows.required_uuid(row, 19);
        let position = rows.required(row, 20);
        match read_entry(rows, row, tenant) {
            Ok((subject, entry, previous, stored)) => Some(Live {
                name: Name { tenant, subject, sequence: entry.sequence },
                position,
                stored,
                computed: entry.hash(&previous),
            }),
            // What lacks a value has no hash: it is not what was sealed. Without its name it counts as gone.
            Err(_) => Some(Live {
                name: Name {
                    tenant,
                    subject: rows.required_uuid(row, 1),
                    sequence: rows.get(row, 3)?,
                },
                position,
                stored: Vec::new(),
                computed: [0; 32],
            }),
        }
    };
    let mut live: Vec<Live> = as_ledger(|| {
        ENTRIES.with(|statement| {
            statement.run(Mode::Latest, &[bigint(after), bigint(to)], |rows| {
                (0..rows.count()).filter_map(|row| entry(rows, row)).collect()
            })
        })
    });
    // Here they are but names and hashes; the server would sort them whole.
    live.sort_by_key(|entry| (entry.position, entry.name.subject, entry.name.sequence));
    live
}

/// The position of an entry that does not stand where it was sealed.
fn elsewhere(name: &Name) -> Option<i64> {
    let arguments =
        [uuid_argument(name.tenant), uuid_argument(name.subject), bigint(name.sequence)];
    as_ledger(|| {
        ELSEWHERE.with(|statement| statement.run(Mode::Latest, &arguments, |rows| rows.get(0, 1)))
    })
}

/// The number of a work order, or the id of another subject.
pub fn shown(tenant: Uuid, subject: Uuid) -> String {
    let number: Option<String> = memory::during(identity::administrator(tenant), || {
        read_as_trail(Reading::Latest, tenant, subject, |seen| seen.get(Column::WoNumber)).flatten()
    });
    number.unwrap_or_else(|| subject.to_string())
}
