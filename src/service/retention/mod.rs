//! Retention: months of the trail and the outbox leave the database for files, and come back for an
//! inspection; ended work orders leave their content to their evidence packages.

mod archive;
mod back;
mod chains;
mod export;
mod files;
mod health;
mod leave;
mod month;
mod record;

pub use chains::{Stubs, VerifiedArchive, check_all_here, is_away, stubs_of};
pub use record::archive_records;

use crate::kernel::identity::{self, login_is_member, memory};
use crate::pg::error::{OrRefuse, refuse};
use crate::pg::{log, setting};
use archive::Archive;
use pgrx::prelude::*;
use wo_rules::refusal::{Refusal, SqlState};
use wo_rules::retention::name::SOURCES;

/// Drops the partition of a month that was archived before, or else archives the oldest that is due: never
/// both, because the table of all months stays locked until the transaction ends. Gives how many it did.
pub fn archive_months() -> i32 {
    if setting::archive_directory().is_none() || !archive::alone() {
        return 0;
    }
    for pending in archive::all().iter().filter(|archive| archive.is_still_here()) {
        match leave::drop_partition(pending, "detached") {
            Ok(()) => return 1,
            Err(why) => say_held(&pending.name, &why),
        }
    }
    let mut done = 0;
    for source in SOURCES {
        let Some(month) = month::due(source) else { continue };
        match export::export(&month) {
            Ok(()) => done += 1,
            Err(why) => say_held(&month.name, &why),
        }
    }
    done
}

/// Nothing is lost while a month stays where it is, so the job goes on.
fn say_held(name: &str, why: &str) {
    pgrx::log!("{}", log::line(&format!("{name} stays in the database: {why}")));
}

fn administrators_only(what: &str) {
    crate::kernel::version::check_tables();
    if !login_is_member("wo_admin") {
        refuse(crate::kernel::configuration::not_an_administrator(what));
    }
}

fn named(name: Option<&str>) -> Result<Archive, Refusal> {
    let name = name.unwrap_or_default();
    archive::of(name).ok_or_else(|| {
        let shown: String = name.chars().take(63).collect();
        Refusal::new(
            SqlState::BadValue,
            "archive_unknown",
            format!("there is no archive \"{shown}\""),
        )
        .hint("As the installation (wo.administer('00000000-0000-0000-0000-000000000000')): select name from wo.archive;")
    })
}

fn wrong_state(archive: &Archive, what: &str) -> Refusal {
    Refusal::new(SqlState::WrongState, "archive_state", format!("archive {} {what}", archive.name))
        .with("archive", archive.name.as_str())
}

fn does_not_hold(archive: &Archive, why: &str) -> Refusal {
    Refusal::new(
        SqlState::WrongState,
        "archive_damaged",
        format!("archive {} cannot be relied on: {why}", archive.name),
    )
    .with("archive", archive.name.as_str())
    .hint("Take its files from a copy; select * from wo.verify_archive(); checks them where they lie.")
}

/// Verifies archives where their files lie.
#[pg_extern(schema = "wo_private", stable, parallel_restricted)]
#[search_path(pg_catalog, pg_temp)]
#[allow(clippy::type_complexity)]
fn verify_archive(
    name: Option<&str>,
) -> TableIterator<
    'static,
    (
        name!(archive, String),
        name!(intact, bool),
        name!(lines, i64),
        name!(problem, Option<String>),
    ),
> {
    administrators_only("verify archives");
    let archives = memory::during(identity::installation(), || match name {
        Some(_) => vec![named(name).or_refuse()],
        None => archive::all(),
    });
    let verdicts: Vec<_> = archives
        .into_iter()
        .map(|archive| {
            let problem = back::verify(&archive, |_| Ok(())).err();
            (archive.name, problem.is_none(), archive.lines, problem)
        })
        .collect();
    TableIterator::new(verdicts)
}

/// Brings an archived month back.
#[pg_extern(schema = "wo_private")]
#[search_path(pg_catalog, pg_temp)]
fn restore_archive(name: Option<&str>) -> i64 {
    administrators_only("bring archives back");
    memory::during(identity::installation(), || {
        archive::in_turn();
        let archive = named(name)?;
        if !archive.is_away() {
            return Err(wrong_state(&archive, "is in the database").hint("Nothing is to be done."));
        }
        back::bring(&archive).map_err(|why| does_not_hold(&archive, &why))
    })
    .or_refuse()
}

/// Drops a month that was brought back.
#[pg_extern(schema = "wo_private")]
#[search_path(pg_catalog, pg_temp)]
fn release_archive(name: Option<&str>) -> i64 {
    administrators_only("release archives");
    memory::during(identity::installation(), || {
        archive::in_turn();
        let archive = named(name)?;
        if archive.restored_at.is_none() {
            return Err(wrong_state(&archive, "was not brought back")
                .hint("A month that is due leaves by itself: select * from wo.tick();"));
        }
        leave::drop_partition(&archive, "released").map(|()| archive.lines).map_err(|why| {
            wrong_state(&archive, &format!("stays in the database: {why}"))
                .hint("Try again when nobody uses it; select * from wo.verify_archive(); checks its files.")
        })
    })
    .or_refuse()
}
