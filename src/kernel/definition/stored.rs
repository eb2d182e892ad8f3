//! Versions as they are stored.

use super::kind::Kind;
use crate::kernel::identity;
use crate::pg::lookup::{Key, at_once, find};
use crate::pg::row::Row;
use pgrx::datum::Date;
use uuid::Uuid;
use wo_rules::definition::{self as rules, Stored};
use wo_rules::refusal::Refusal;

/// A version of a definition.
pub struct Version {
    /// The version.
    pub version: i32,
    /// SHA-256 of the document's JCS bytes.
    pub sha256: Vec<u8>,
    /// Whether it is a major version.
    pub is_major: bool,
    /// Who published it.
    pub published_by: Option<String>,
    /// Whether it was released.
    pub is_released: bool,
    /// Whether it was retired.
    pub is_retired: bool,
}

impl Version {
    fn of(row: &Row) -> Option<Self> {
        let is_set = |name: &str| row.column(name).is_some_and(|index| !row.is_null(index));
        Some(Self {
            version: row.named("version")?,
            sha256: row.named("sha256")?,
            is_major: row.named("major")?,
            published_by: row.named("published_by"),
            is_released: is_set("released_at"),
            is_retired: is_set("retired_at"),
        })
    }

    /// What the rules see of it.
    pub fn stored<'a>(&'a self, kind: &'a str, name: &'a str) -> Stored<'a> {
        Stored {
            kind,
            name,
            version: self.version,
            published_by: self.published_by.as_deref(),
            is_released: self.is_released,
            is_retired: self.is_retired,
        }
    }
}

/// How the document of a version is read: by its hash, from the text that `jsonb` prints. What knows the content
/// already need not read it.
pub trait Reader<T>: FnMut(&[u8], &dyn Fn() -> Option<String>) -> Option<T> {}

impl<T, F: FnMut(&[u8], &dyn Fn() -> Option<String>) -> Option<T>> Reader<T> for F {}

/// Reads the text.
pub fn as_text(_sha256: &[u8], text: &dyn Fn() -> Option<String>) -> Option<String> {
    text()
}

/// Reads nothing.
pub fn unread(_sha256: &[u8], _text: &dyn Fn() -> Option<String>) -> Option<()> {
    Some(())
}

fn read_row<T>(row: &Row, mut document: impl Reader<T>) -> Option<(Version, T)> {
    let version = Version::of(row)?;
    let text = || row.json(row.column("definition")?);
    let document = document(&version.sha256, &text)?;
    Some((version, document))
}

/// Whether new work may use the version of a row today: it is released, effective and not retired.
pub fn is_current(row: &Row) -> bool {
    let is_set = |name: &str| row.column(name).is_some_and(|index| !row.is_null(index));
    if !is_set("released_at") || is_set("retired_at") {
        return false;
    }
    let (from, until) = effective(row);
    rules::is_effective(today(), from, until)
}

/// The day of this transaction in UTC, in days since 2000-01-01.
fn today() -> i32 {
    const DAY: i64 = 86_400_000_000;
    i32::try_from(identity::now().div_euclid(DAY)).unwrap_or(i32::MAX)
}

/// The newest version of a name that new work may use today.
///
/// # Errors
/// 22023 `definition_unknown`; 55000 `definition_not_released`.
pub fn newest<T>(
    kind: &Kind,
    tenant: Uuid,
    name: &str,
    mut document: impl Reader<T>,
) -> Result<(Version, T), Refusal> {
    let key = [Key::Uuid("tenant_id", tenant), Key::Text("name", name)];
    let found = at_once(|latest| {
        latest.find_last(kind.name, kind.index, &key, |row| {
            if is_current(row) { read_row(row, &mut document) } else { None }
        })
    });
    found.ok_or_else(|| match last_version(kind, tenant, name) {
        Some(_) => rules::none_released(kind.name, name),
        None => rules::unknown(kind.name, name, None),
    })
}

/// A version that somebody names.
///
/// # Errors
/// 22023 `definition_unknown`.
pub fn version<T>(
    kind: &Kind,
    tenant: Uuid,
    name: &str,
    version: i32,
    document: impl Reader<T>,
) -> Result<(Version, T), Refusal> {
    read(kind.name, kind.index, (tenant, name), version, document)
        .ok_or_else(|| rules::unknown(kind.name, name, Some(version)))
}

/// The version of a name, in the table of a kind with that primary key.
pub fn read<T>(
    table: &'static str,
    index: &'static str,
    (tenant, name): (Uuid, &str),
    version: i32,
    mut document: impl Reader<T>,
) -> Option<(Version, T)> {
    let key = [Key::Uuid("tenant_id", tenant), Key::Text("name", name)];
    find(table, index, &key, |row| match row.named::<i32>("version") == Some(version) {
        true => read_row(row, &mut document),
        false => None,
    })
}

/// From which day until before which day new work uses the version of a row, in days since 2000-01-01.
pub(super) fn effective(row: &Row) -> (Option<i32>, Option<i32>) {
    let day = |name: &str| row.named::<Date>(name).map(|day| day.to_pg_epoch_days());
    (day("effective_from"), day("effective_until"))
}

/// The last version of a name.
pub(super) fn last_version(kind: &Kind, tenant: Uuid, name: &str) -> Option<i32> {
    let key = [Key::Uuid("tenant_id", tenant), Key::Text("name", name)];
    at_once(|latest| latest.find_last(kind.name, kind.index, &key, |row| row.named("version")))
}
