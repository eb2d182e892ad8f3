//! Writes of a table of definitions: publication, release, retirement.

use super::kind::Kind;
use super::stored::{effective, last_version};
use super::{policy, read};
use crate::kernel::concept;
use crate::kernel::given;
use crate::kernel::identity::memory::{self, Identity};
use crate::kernel::identity::{self, actor, login_is_member};
use crate::kernel::lifecycle::cache;
use crate::pg::error::damaged;
use crate::pg::lock::{Lock, Purpose};
use crate::pg::row::{Row, TriggerRow};
use crate::pg::statement::{
    Argument, argument, bytes, optional_text, optional_timestamp, text, timestamp,
};
use serde_json::Value;
use uuid::Uuid;
use wo_rules::definition::{self as rules, Author, Change, Release, Stored};
use wo_rules::lifecycle::Problem;
use wo_rules::refusal::Refusal;
use wo_rules::release::Item;

fn column(row: &Row, name: &str) -> Result<usize, Refusal> {
    row.column(name).ok_or_else(|| damaged(&format!("a table of definitions has no column {name}")))
}

/// Who writes a version.
struct Writer {
    id: Option<String>,
    is_administrator: bool,
    roles: Vec<String>,
}

impl Writer {
    fn of(acting: &Identity) -> Self {
        let id = acting.principal.clone();
        let known = id.as_deref().and_then(|id| actor::of_actor(acting.tenant, id, None));
        Self {
            is_administrator: memory::enforcement_is_active() || login_is_member("wo_admin"),
            roles: known.map(|actor| actor.roles.clone()).unwrap_or_default(),
            id,
        }
    }

    fn author(&self) -> Author<'_> {
        Author {
            id: self.id.as_deref(),
            is_administrator: self.is_administrator,
            roles: &self.roles,
        }
    }
}

fn check_effective(row: &Row) -> Result<(), Refusal> {
    let (from, until) = effective(row);
    rules::effective_range(from, until)
}

/// Before a version is stored: the document is sound, the number is the next, and the time, the publisher and the
/// hash are the server's. A shipped document, and one of a kind that publication releases, is released.
///
/// # Errors
/// 22023 `lifecycle_invalid`, `definition_invalid`, with every problem in DETAIL; 42501 `not_an_author`,
/// `column_not_writable`.
pub fn publish(kind: &Kind, row: &Row, acting: &Identity) -> Result<TriggerRow, Refusal> {
    let written = row.json(column(row, "definition")?).unwrap_or_else(|| "null".to_owned());
    let invalid = |problems: Vec<Problem>| rules::invalid(kind.name, &problems);
    let document = read(&written).map_err(invalid)?;
    let name = (kind.validate)(Some(acting.tenant), &document).map_err(invalid)?;
    let policy = policy::of(acting.tenant, kind.name);
    let writer = Writer::of(acting);
    rules::check_author(kind.name, &policy, &writer.author())?;
    check_effective(row)?;
    // One publisher of a name at a time; the next version is then read under the latest snapshot.
    let key = [acting.tenant.as_bytes(), kind.name.as_bytes(), b":", name.as_bytes()].concat();
    Lock::new(Purpose::Publication, &key).until_end();
    let version = last_version(kind, acting.tenant, &name).unwrap_or(0) + 1;
    check_published(row, acting, &name, version)?;
    let now = identity::now();
    let publisher = acting.principal.as_deref();
    let is_shipped = is_shipped(kind, &name, &document);
    let is_released = is_shipped || policy.release == Release::Publication;
    cache::mark_published();
    Ok(row.with(&[
        (column(row, "name")?, text(&name)),
        (column(row, "version")?, argument(version)),
        (column(row, "sha256")?, bytes(&rules::sha256(&document)?)),
        (column(row, "published_by")?, optional_text(publisher)),
        (column(row, "published_at")?, timestamp(now)),
        (column(row, "released_at")?, optional_timestamp(is_released.then_some(now))),
        (
            column(row, "released_by")?,
            optional_text(publisher.filter(|_| is_released && !is_shipped)),
        ),
    ]))
}

fn is_shipped(kind: &Kind, name: &str, document: &Value) -> bool {
    let same_name = kind.shipped.iter().filter(|(shipped, _)| *shipped == name);
    same_name.filter_map(|(_, text)| wo_rules::json::parse(text).ok()).any(|one| one == *document)
}

/// Refuses a version that gives what the server fills in, other than as it does.
///
/// # Errors
/// 42501 `column_not_writable`.
fn check_published(row: &Row, acting: &Identity, name: &str, version: i32) -> Result<(), Refusal> {
    let other = |name: &str, own: Option<&str>| given::is_other_given(row, None, name, own);
    let is_given = |name: &str| row.column(name).is_some_and(|index| !row.is_null(index));
    let by = acting.principal.as_deref();
    let columns = [
        ("name", other("name", Some(name))),
        ("version", row.named::<i32>("version").is_some_and(|given| given != version)),
        ("sha256", is_given("sha256")),
        ("published_by", other("published_by", by)),
        ("published_at", given::is_time_given(row, None, "published_at")),
        ("released_at", is_given("released_at")),
        ("released_by", is_given("released_by")),
        ("release_work_order", is_given("release_work_order")),
        ("retired_at", is_given("retired_at")),
        ("retired_by", is_given("retired_by")),
        ("retirement_reason", is_given("retirement_reason")),
    ];
    let columns: Vec<&str> =
        columns.into_iter().filter(|(_, is_given)| *is_given).map(|(name, _)| name).collect();
    given::check_none_given(&columns, "a version of a definition")
}

/// Before a version is updated: it is released, retired, or given its days, as the rules say; who did it and when are
/// the server's.
///
/// # Errors
/// See [`rules::change`]; 23514 `release_refused`; 42501 `column_not_writable`.
pub fn change(kind: &Kind, old: &Row, new: &Row, acting: &Identity) -> Result<TriggerRow, Refusal> {
    let is_set = |row: &Row, name: &str| row.column(name).is_some_and(|index| !row.is_null(index));
    let differs = |name: &str| new.column(name).is_some_and(|index| !new.same(old, index));
    let begins = |name: &str| differs(name) && !is_set(old, name);
    let name: String = old.required_named("name");
    let published_by: Option<String> = old.named("published_by");
    let stored = Stored {
        kind: kind.name,
        name: &name,
        version: old.required_named("version"),
        published_by: published_by.as_deref(),
        is_released: is_set(old, "released_at"),
        is_retired: is_set(old, "retired_at"),
    };
    let releases = ["released_at", "released_by", "release_work_order"].into_iter().any(begins);
    let retires = ["retired_at", "retired_by", "retirement_reason"].into_iter().any(begins);
    let recorded = [
        "released_at",
        "released_by",
        "release_work_order",
        "retired_at",
        "retired_by",
        "retirement_reason",
    ];
    let reason: Option<String> = new.named("retirement_reason");
    let asked = Change {
        effective: differs("effective_from") || differs("effective_until"),
        release: (releases && !stored.is_released).then(|| is_set(new, "release_work_order")),
        takes_back: recorded.into_iter().any(|name| differs(name) && is_set(old, name))
            || releases && stored.is_released
            || retires && stored.is_retired,
        retirement: (retires && !stored.is_retired).then(|| reason.as_deref().unwrap_or_default()),
    };
    let writer = Writer::of(acting);
    rules::change(&stored, &asked, &policy::of(acting.tenant, kind.name), &writer.author())?;
    check_effective(new)?;
    let by = acting.principal.as_deref();
    let given: Vec<&str> = ["released_by", "retired_by"]
        .into_iter()
        .filter(|name| given::is_other_given(new, Some(old), name, by))
        .collect();
    given::check_none_given(&given, "a version of a definition")?;
    let now = identity::now();
    let mut changes: Vec<(usize, Argument)> = Vec::new();
    if asked.release.is_some() {
        if let Some(work_order) = new.named::<pgrx::Uuid>("release_work_order") {
            let item = Item {
                kind: kind.name.to_owned(),
                name: name.clone(),
                version: stored.version,
                sha256: old.required_named("sha256"),
            };
            let work_order = Uuid::from_bytes(*work_order.as_bytes());
            concept::all()
                .find_map(|one| one.check_release(acting.tenant, work_order, &item))
                .unwrap_or_else(|| Err(damaged("no concept releases definitions")))?;
        }
        cache::mark_published();
        changes.push((column(new, "released_at")?, timestamp(now)));
        changes.push((column(new, "released_by")?, optional_text(by)));
    }
    if asked.retirement.is_some() {
        changes.push((column(new, "retired_at")?, timestamp(now)));
        changes.push((column(new, "retired_by")?, optional_text(by)));
    }
    Ok(new.with(&changes))
}
