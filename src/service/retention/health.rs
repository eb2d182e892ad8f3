//! What is off about retention.

use super::archive;
use super::month;
use crate::kernel::identity::{self, memory};
use crate::pg::setting;
use pgrx::prelude::*;
use wo_rules::retention::name::SOURCES;

type Finding = (String, String, String, String);

/// What is off about retention and archives, and what to do.
#[pg_extern(schema = "wo_private", stable, parallel_restricted)]
#[search_path(pg_catalog, pg_temp)]
#[allow(clippy::type_complexity)]
fn retention_health() -> TableIterator<
    'static,
    (name!(severity, String), name!(subject, String), name!(detail, String), name!(remedy, String)),
> {
    TableIterator::new(memory::during(identity::installation(), findings))
}

fn finding(severity: &str, detail: String, remedy: &str) -> Finding {
    (severity.to_owned(), "retention".to_owned(), detail, remedy.to_owned())
}

fn findings() -> Vec<Finding> {
    let is_asked = SOURCES.iter().any(|source| month::retention_of(source).is_some())
        || setting::RECORD_RETENTION.get() > 0;
    if !is_asked {
        return vec![finding("good", "everything stays for ever".to_owned(), "")];
    }
    if setting::archive_directory().is_none() {
        return vec![finding(
            "warning",
            "nothing leaves, because there is nowhere to archive it".to_owned(),
            "Set wo_core.archive_directory to a directory that the server's user may write.",
        )];
    }
    let mut found = Vec::new();
    for source in SOURCES {
        let waiting = match month::due(source) {
            Some(month) => month.name,
            None => continue,
        };
        let remedy = match source {
            "event" => {
                "It leaves when every consumer has acknowledged it: select * from wo.event_consumer; wo.drop_consumer('...') forgets one. The server's log says why it stays."
            }
            _ => {
                "It leaves when all of it is sealed in the ledger. The server's log says why it stays; select * from wo.verify_audit(); names a chain that does not hold."
            }
        };
        found.push(finding("notice", format!("{waiting} is to be archived"), remedy));
    }
    for archive in archive::all() {
        if archive.is_still_here() {
            found.push(finding(
                "notice",
                format!("{} is archived but still in the database", archive.name),
                "It leaves at the next run. The server's log says why it stays.",
            ));
        } else if archive.restored_at.is_some() {
            found.push(finding(
                "notice",
                format!("{} was brought back for an inspection", archive.name),
                "When that is over: select wo.release_archive('...');",
            ));
        }
    }
    if found.is_empty() {
        found.push(finding("good", "whatever is due has left".to_owned(), ""));
    }
    found
}
