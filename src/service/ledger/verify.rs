//! Verifying the ledger: checkpoints, tiles, and every leaf against its entry as it stands.

mod checkpoints;
mod entries;

use super::outside;
use super::store::{self, Sealed, Tiles};
use crate::kernel::identity::{self, login_is_member};
use crate::pg::error::refuse;
use pgrx::prelude::*;
use std::collections::HashMap;
use uuid::Uuid;
use wo_rules::ledger::names::Name;
use wo_rules::ledger::tile::{TILE_WIDTH, check_tile, width};
use wo_rules::refusal::{Refusal, SqlState};

/// How many leaves are held against their entries at a time.
const BATCH_ROWS: u64 = 64 * TILE_WIDTH as u64;

/// After how many leaves progress is said.
const NOTICE_EVERY: u64 = 16 * BATCH_ROWS;

/// The most problems that one call names.
const MOST_PROBLEMS: usize = 1_000;

type Verdict = (
    bool,
    i64,
    i64,
    i64,
    Option<i64>,
    Option<i64>,
    Option<pgrx::Uuid>,
    Option<String>,
    Option<i64>,
    Option<String>,
);

/// Something that does not hold.
struct Problem {
    leaf: Option<u64>,
    name: Option<Name>,
    problem: String,
}

/// Whose entries the caller may see.
enum Audience {
    Everybodys,
    Tenants(Uuid),
}

/// A stretch of the ledger, and what does not hold there.
struct Verification {
    from: u64,
    to: u64,
    newest: Sealed,
    /// The note beside the key, read before `newest`; or why it cannot be read.
    outside: Result<Option<String>, String>,
    tiles: Tiles,
    problems: Vec<Problem>,
}

impl Verification {
    fn add(&mut self, leaf: Option<u64>, name: Option<Name>, problem: impl Into<String>) {
        self.problems.push(Problem { leaf, name, problem: problem.into() });
    }

    fn has_enough(&self) -> bool {
        self.problems.len() >= MOST_PROBLEMS
    }

    /// Each tile that stands over the stretch, against the tiles below it.
    fn verify_tiles(&mut self) {
        let last = self.to.saturating_sub(1);
        let (mut first_tile, mut last_tile) =
            (self.from / TILE_WIDTH as u64, last / TILE_WIDTH as u64);
        let mut span = TILE_WIDTH as u64;
        for level in 1..8 {
            (first_tile, last_tile) =
                (first_tile / TILE_WIDTH as u64, last_tile / TILE_WIDTH as u64);
            for index in first_tile..=last_tile {
                let wide = width(level, index, self.newest.size);
                if wide == 0 {
                    return;
                }
                let tiles = &mut self.tiles;
                let checked =
                    check_tile(level, index, wide, &mut |level, index| tiles.read(level, index));
                if let Err(damage) = checked {
                    let leaf = index.saturating_mul(span).saturating_mul(TILE_WIDTH as u64);
                    self.add(Some(leaf), None, damage.to_string());
                }
            }
            span = span.saturating_mul(TILE_WIDTH as u64);
        }
    }

    fn verdicts(self, next: Option<u64>, audience: &Audience) -> Vec<Verdict> {
        let (from, to, size) =
            (store::number(self.from), store::number(self.to), store::number(self.newest.size));
        let next = next.map(store::number);
        if self.problems.is_empty() {
            return vec![(true, from, to, size, next, None, None, None, None, None)];
        }
        let mut numbers = HashMap::new();
        let verdict = |problem: Problem| {
            let leaf = problem.leaf.map(store::number);
            let named = problem.name.filter(|name| match audience {
                Audience::Everybodys => true,
                Audience::Tenants(tenant) => name.tenant == *tenant,
            });
            let Some(name) = named else {
                let whose = if problem.name.is_some() { " (of another tenant)" } else { "" };
                let problem = Some(format!("{}{whose}", problem.problem));
                return (false, from, to, size, next, leaf, None, None, None, problem);
            };
            let subject = numbers
                .entry((name.tenant, name.subject))
                .or_insert_with(|| entries::shown(name.tenant, name.subject))
                .clone();
            let tenant = Some(pgrx::Uuid::from_bytes(*name.tenant.as_bytes()));
            let sequence = Some(name.sequence);
            let problem = Some(problem.problem);
            (false, from, to, size, next, leaf, tenant, Some(subject), sequence, problem)
        };
        self.problems.into_iter().map(verdict).collect()
    }
}

/// Who is asking.
fn audience() -> Result<Audience, Refusal> {
    if login_is_member("wo_admin") {
        return Ok(Audience::Everybodys);
    }
    identity::required().map(|acting| Audience::Tenants(acting.tenant))
}

fn bad_stretch() -> Refusal {
    Refusal::new(
        SqlState::BadValue,
        "leaves",
        "a stretch of the ledger begins at 0 or later and has a leaf at least",
    )
}

/// Verifies a stretch of the ledger.
#[pg_extern(schema = "wo_private", stable, parallel_restricted)]
#[search_path(pg_catalog, pg_temp)]
#[allow(clippy::type_complexity)]
fn verify_ledger(
    after: Option<i64>,
    leaves: Option<i64>,
) -> TableIterator<
    'static,
    (
        name!(intact, bool),
        name!(verified_from, i64),
        name!(verified_to, i64),
        name!(size, i64),
        name!(next, Option<i64>),
        name!(leaf, Option<i64>),
        name!(tenant_id, Option<pgrx::Uuid>),
        name!(subject, Option<String>),
        name!(sequence, Option<i64>),
        name!(problem, Option<String>),
    ),
> {
    crate::kernel::version::check_tables();
    let audience = audience().unwrap_or_else(|refusal| refuse(refusal));
    let stretch = (u64::try_from(after.unwrap_or(0)), u64::try_from(leaves.unwrap_or(i64::MAX)));
    let (Ok(after), Ok(leaves @ 1..)) = stretch else { refuse(bad_stretch()) };
    // The file before the tables: what stands in the file was committed before it was written, so the
    // tables that are read later hold it, whatever is sealed meanwhile.
    let outside = outside::read();
    let Some(newest) = store::newest() else {
        let empty = checkpoints::verify_nothing(outside);
        return TableIterator::new(vec![(
            empty.is_none(),
            0,
            0,
            0,
            None,
            None,
            None,
            None,
            None,
            empty,
        )]);
    };
    // Whole tiles: a stretch begins where one does.
    let from = after.min(newest.size) / TILE_WIDTH as u64 * TILE_WIDTH as u64;
    let to = after.saturating_add(leaves).min(newest.size);
    let to = if to == newest.size { to } else { to.next_multiple_of(TILE_WIDTH as u64) };
    let to = to.min(newest.size);
    let mut verification =
        Verification { from, to, newest, outside, tiles: Tiles::default(), problems: Vec::new() };
    let reached = verification.verify_leaves();
    verification.to = reached;
    verification.verify_tiles();
    verification.verify_checkpoints();
    let next = (reached < verification.newest.size).then_some(reached);
    TableIterator::new(verification.verdicts(next, &audience))
}
