//! No secret in the records: what callers write is searched before it is stored, and false alarms are released.

use crate::kernel::identity::memory::{self, Identity};
use crate::kernel::identity::{self, actor, login_is_member};
use crate::pg::cache::{Cached, recall};
use crate::pg::error::{OrRefuse, refuse};
use crate::pg::row::{Row, Texts, table_of};
use crate::pg::run_as::as_trail;
use crate::pg::statement::{
    Mode, bytes, optional_text, statement, text, timestamp, uuid as uuid_argument,
};
use pgrx::prelude::*;
use std::cell::RefCell;
use std::rc::Rc;
use uuid::Uuid;
use wo_rules::json;
use wo_rules::refusal::Refusal;
use wo_rules::schema::{Kind as TableKind, Table};
use wo_rules::secret::document::{Found, find_in_text, find_in_value};
use wo_rules::secret::false_alarm::{self as rules, fingerprint};
use wo_rules::secret::{self, Kind, Place};

statement!(
    IS_RELEASED,
    "select exists (select from wo.false_alarm as released
     where released.tenant_id = $1 and released.value_sha256 = $2 and released.withdrawn_at is null
        and (released.object is null or released.object = $3))",
    [UUIDOID, BYTEAOID, TEXTOID]
);
statement!(
    IS_PRINCIPAL,
    "select exists (select from wo.principal as known where known.tenant_id = $1 and known.id = $2)",
    [UUIDOID, TEXTOID]
);
statement!(
    RELEASE,
    "insert into wo.false_alarm (tenant_id, id, table_name, object, column_name, pointer, kind, value_sha256, reason,
        released_by, released_at)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
    [
        UUIDOID, UUIDOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, BYTEAOID, TEXTOID, TEXTOID, TIMESTAMPTZOID
    ]
);
statement!(
    WITHDRAW,
    "update wo.false_alarm set withdrawn_by = $3, withdrawn_at = $4, withdrawal_reason = $5
     where tenant_id = $1 and id = $2 and withdrawn_at is null returning 1",
    [UUIDOID, UUIDOID, TEXTOID, TIMESTAMPTZOID, TEXTOID]
);

/// Of how many tables and partitions a backend keeps which columns hold texts.
const MOST: usize = 256;

/// Where the columns with texts stand, by table or partition and the number of its columns.
type Known = Cached<(u32, usize), Rc<Vec<usize>>>;

thread_local! {
    /// The columns of a table or partition that hold texts.
    static COLUMNS: RefCell<Known> = RefCell::new(Cached::of_catalogues(MOST));
}

/// Searches what a write changes of a row.
///
/// # Errors
/// 22023 `secret_in_the_open`; that of [`json::parse`].
pub fn check_row(
    trigger: &PgTrigger<'_>,
    table: &'static Table,
    old: Option<&Row>,
    new: &Row,
) -> Result<(), Refusal> {
    let key = (table_of(trigger).to_u32(), new.len());
    let columns = recall(&COLUMNS, key, |_| {
        Rc::new((0..new.len()).filter(|index| new.holds_texts(*index)).collect())
    });
    let tenant = new.named::<pgrx::Uuid>("tenant_id");
    let tenant = tenant.map_or(Uuid::nil(), |id| Uuid::from_bytes(*id.as_bytes()));
    // Nobody learns what another tenant released.
    let is_own = || {
        memory::enforcement_is_active()
            || identity::current().is_some_and(|acting| acting.tenant == tenant)
    };
    let mut places = Vec::new();
    for index in columns.iter().copied() {
        if new.is_null(index) || old.is_some_and(|old| new.same(old, index)) {
            continue;
        }
        let name = new.name(index).unwrap_or_default();
        for found in in_column(new, index)? {
            let is_opaque = found.kind == Kind::Random && table.opaque.contains(&name);
            let is_released =
                || is_own() && is_accepted(table, tenant, name, &found, object_of(table, new));
            if !is_opaque && !is_released() {
                let (column, pointer) = (name.to_owned(), found.pointer.clone());
                places.push(Place { column, pointer, kind: found.kind });
            }
        }
    }
    match places.is_empty() {
        true => Ok(()),
        false => Err(secret::refusal(&format!("wo.{}", table.name), &places)),
    }
}

fn in_column(row: &Row, index: usize) -> Result<Vec<Found>, Refusal> {
    Ok(match row.texts(index) {
        None => Vec::new(),
        Some(Texts::Plain(text)) => find_in_text(&text, ""),
        Some(Texts::List(texts)) => texts
            .iter()
            .enumerate()
            .filter_map(|(index, text)| Some((index, text.as_deref()?)))
            .flat_map(|(index, text)| find_in_text(text, &format!("/{index}")))
            .collect(),
        Some(Texts::Json(text)) => find_in_value(&json::parse(&text)?),
    })
}

/// What an object of the table is called where a false alarm is released for it alone.
fn object_of(table: &Table, row: &Row) -> Option<String> {
    let id = |column: &str| {
        row.named::<pgrx::Uuid>(column).map(|id| Uuid::from_bytes(*id.as_bytes()).to_string())
    };
    match &table.kind {
        TableKind::WorkOrder => id("id"),
        TableKind::Child(child) => id(child.work_order),
        _ => {
            let values = table.subject_key().iter().map(|name| row.json(row.column(name)?));
            Some(format!("[{}]", values.collect::<Option<Vec<_>>>()?.join(",")))
        }
    }
}

/// Whether it was released at this place, or is the name of a principal, which may be as random as a key.
fn is_accepted(
    table: &Table,
    tenant: Uuid,
    column: &str,
    found: &Found,
    object: Option<String>,
) -> bool {
    let answer = |statement: &'static std::thread::LocalKey<crate::pg::statement::Statement>,
                  arguments: &[crate::pg::statement::Argument]| {
        statement.with(|statement| {
            statement.run(Mode::Latest, arguments, |rows| rows.get::<bool>(0, 1) == Some(true))
        })
    };
    as_trail(|| {
        let tenant = uuid_argument(tenant);
        let print = fingerprint(table.name, column, found);
        answer(&IS_RELEASED, &[tenant, bytes(&print), optional_text(object.as_deref())])
            || (found.kind == Kind::Random
                && answer(&IS_PRINCIPAL, &[tenant, text(&found.excerpt)]))
    })
}

/// Searches an argument that is put on record without a row of its own.
///
/// # Errors
/// 22023 `secret_in_the_open`.
pub fn check_argument(function: &str, name: &str, value: Option<&str>) -> Result<(), Refusal> {
    let found = value.map_or_else(Vec::new, |value| find_in_text(value, ""));
    let places: Vec<Place> = found
        .into_iter()
        .map(|found| Place { column: name.to_owned(), pointer: found.pointer, kind: found.kind })
        .collect();
    match places.is_empty() {
        true => Ok(()),
        false => Err(secret::refusal(function, &places)),
    }
}

/// Who releases: an administrator, or a principal with the role of QA.
fn releasing() -> Result<(Rc<Identity>, String), Refusal> {
    let acting = identity::required()?;
    let principal = acting.principal.as_deref();
    let is_quality = || {
        principal
            .and_then(|principal| actor::of_actor(acting.tenant, principal, None))
            .is_some_and(|actor| actor.roles.iter().any(|role| role == rules::ROLE))
    };
    if !(login_is_member("wo_admin") || is_quality()) {
        return Err(rules::not_permitted());
    }
    let by = acting.principal.clone().unwrap_or_else(crate::pg::source::login_role);
    Ok((acting, by))
}

/// The reason, which is required.
fn reason_of(reason: Option<&str>) -> Result<&str, Refusal> {
    let reason = reason.map(str::trim).filter(|reason| !reason.is_empty());
    reason.ok_or_else(|| Refusal::reason_missing("the release of a false alarm"))
}

/// Releases a false alarm.
#[pg_extern(schema = "wo_private")]
#[search_path(pg_catalog, pg_temp)]
fn release_false_alarm(
    table: Option<&str>,
    column: Option<&str>,
    value: Option<&str>,
    reason: Option<&str>,
    pointer: Option<&str>,
    object: Option<&str>,
) -> Vec<pgrx::Uuid> {
    crate::kernel::version::check_tables();
    let (acting, by) = releasing().or_refuse();
    let reason = reason_of(reason).or_refuse();
    let (column, pointer) = (column.unwrap_or_default(), pointer.unwrap_or_default());
    let table = table.unwrap_or_default();
    let table =
        rules::place(table.strip_prefix("wo.").unwrap_or(table), column, pointer).or_refuse();
    let object = object.map(|object| object_named(acting.tenant, table, object).or_refuse());
    let found = rules::suspects(pointer, value.unwrap_or_default()).or_refuse();
    let at = identity::now();
    memory::mark_written();
    let release = |found: &Found| {
        let id = crate::kernel::work_order::new_id(at);
        let arguments = [
            uuid_argument(acting.tenant),
            uuid_argument(id),
            text(table.name),
            optional_text(object.as_deref()),
            text(column),
            text(pointer),
            text(found.kind.name()),
            bytes(&fingerprint(table.name, column, found)),
            text(reason),
            text(&by),
            timestamp(at),
        ];
        memory::as_enforcement(|| {
            as_trail(|| RELEASE.with(|statement| statement.store(&arguments)));
        });
        pgrx::Uuid::from_bytes(*id.as_bytes())
    };
    found.iter().map(release).collect()
}

/// How [`object_of`] calls the object that is named so.
fn object_named(tenant: Uuid, table: &Table, object: &str) -> Result<String, Refusal> {
    match &table.kind {
        TableKind::WorkOrder | TableKind::Child(_) => {
            Ok(crate::kernel::work_order::find(tenant, object)?.to_string())
        }
        _ if object.starts_with('[') => Ok(object.to_owned()),
        _ => Ok(format!("[{}]", json::string(object))),
    }
}

/// Withdraws a release.
#[pg_extern(schema = "wo_private")]
#[search_path(pg_catalog, pg_temp)]
fn withdraw_false_alarm(false_alarm: Option<pgrx::Uuid>, reason: Option<&str>) {
    crate::kernel::version::check_tables();
    let (acting, by) = releasing().or_refuse();
    let reason = reason_of(reason).or_refuse();
    let id = false_alarm.map_or(Uuid::nil(), |id| Uuid::from_bytes(*id.as_bytes()));
    memory::mark_written();
    let arguments = [
        uuid_argument(acting.tenant),
        uuid_argument(id),
        text(&by),
        timestamp(identity::now()),
        text(reason),
    ];
    let count = memory::as_enforcement(|| {
        as_trail(|| {
            WITHDRAW.with(|statement| statement.run(Mode::Write, &arguments, |rows| rows.count()))
        })
    });
    if count == 0 {
        refuse(rules::unknown(&id.to_string()));
    }
}
