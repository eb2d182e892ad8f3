//! Work orders: the record's triggers, and the functions that callers use.

pub mod actor_roles;
pub mod api;
mod audit;
mod bulk;
pub mod child_record;
mod defaults;
pub mod direct;
mod import;
pub mod layout;
mod link;
mod migration;
pub mod number;
pub mod pending;
mod placing;
pub mod request;
mod row;
mod system_columns;
mod transitions;
pub mod unfinished;
mod validate;
mod view;

pub use actor_roles::{ActorRoles, kind_of};
pub use layout::{Column, Layout, is_beside_changes};
pub use placing::{Placing, master_of};
pub use row::{RecordView, WorkOrderRow, lifecycle_of};
pub use view::{
    Reading, WorkOrderView, read, read_as_trail, with_locked_work_order, with_work_order,
};

use crate::kernel::concept::{self, Question};
use crate::kernel::identity::memory::Identity;
use crate::kernel::identity::{self, random_bytes};
use crate::pg::error::OrRefuse;
use crate::pg::statement::{Mode, statement, text, uuid as uuid_argument};
use crate::pg::transaction::make_visible;
use pending::Written;
use pgrx::prelude::*;
use std::cell::Cell;
use uuid::Uuid;
use wo_rules::lifecycle::{Facts, Lifecycle, Record, Transition};
use wo_rules::reference::{self, Reference};
use wo_rules::refusal::Refusal;
use wo_rules::time::unix_milliseconds;

statement!(
    BY_NUMBER,
    "select held.id from wo.work_order as held where held.tenant_id = $1 and held.wo_number = $2",
    [UUIDOID, TEXTOID]
);

/// Registers the hooks of transactions; called once in a backend.
pub fn register() {
    number::register();
    unfinished::register();
}

thread_local! {
    /// What is called when the record of a regulatory work order is closed.
    static AT_REGULATORY_END: Cell<Option<fn(Uuid)>> = const { Cell::new(None) };
}

/// Registers what is called when the record of a regulatory work order is closed.
pub fn at_regulatory_end(hook: fn(Uuid)) {
    AT_REGULATORY_END.set(Some(hook));
}

/// The record of a regulatory work order is closed.
fn ended(work_order: Uuid) {
    if let Some(hook) = AT_REGULATORY_END.get() {
        hook(work_order);
    }
}

/// What the guards of an edge found. `hold` keeps what was found from being undone before this
/// transaction ends.
///
/// # Errors
/// The id of a work order that the gates look at and that is being written; only with `hold`.
fn facts_for(
    tenant: Uuid,
    seen: &WorkOrderRow<'_>,
    lifecycle: &Lifecycle,
    edges: &[&Transition],
    hold: bool,
) -> Result<Facts, Uuid> {
    let question = Question { tenant, seen, lifecycle, edges, hold };
    if hold && unfinished::any_beside(seen.id()) {
        make_visible();
        let mut judged_by = concept::all().flat_map(|concept| concept.judged_by(&question));
        if let Some((id, _)) = judged_by.find(|(id, hash)| unfinished::is_unfinished(*id, hash)) {
            return Err(id);
        }
    }
    let sql_guards = edges.iter().flat_map(|edge| &edge.sql_guards);
    let mut facts = crate::kernel::lifecycle::facts(tenant, seen.id(), sql_guards);
    concept::all().for_each(|concept| concept.add_facts(&question, &mut facts));
    Ok(facts)
}

thread_local! {
    /// The time of the last id that this backend made, in microseconds.
    static LAST_ID_AT: Cell<i64> = const { Cell::new(i64::MIN) };
}

/// A new UUIDv7: its first bits are the time, so that new rows stand together in an index. Below
/// the millisecond come the microseconds (RFC 9562, method 3), and never the same ones twice in a
/// backend: what is made later lists as newer.
pub fn new_id(at: i64) -> Uuid {
    let at = at.max(LAST_ID_AT.get().saturating_add(1));
    LAST_ID_AT.set(at);
    let milliseconds = u64::try_from(unix_milliseconds(at)).unwrap_or(0);
    let mut rest = random_bytes::<10>();
    let below = u16::try_from(at.rem_euclid(1000)).unwrap_or(0) << 2 | u16::from(rest[1] & 3);
    rest[..2].copy_from_slice(&below.to_be_bytes());
    uuid::Builder::from_unix_timestamp_millis(milliseconds, &rest).into_uuid()
}

/// The members of an event's `data`.
#[derive(serde::Serialize)]
struct EventData<'a> {
    work_order: &'a str,
    lifecycle: &'a str,
    lifecycle_version: i32,
    action: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    from_status: Option<&'a str>,
    status: &'a str,
    version: i64,
    sequence: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    actor: Option<&'a str>,
    #[serde(flatten)]
    more: Option<&'a serde_json::Map<String, serde_json::Value>>,
}

/// The `data` of an event: what happened, small enough to be carried everywhere.
fn event_data(
    written: &Written,
    acting: &Identity,
    sequence: i64,
    more: Option<&serde_json::Map<String, serde_json::Value>>,
) -> String {
    let data = EventData {
        work_order: &written.number,
        lifecycle: &written.lifecycle.0,
        lifecycle_version: written.lifecycle.1,
        action: &written.action,
        from_status: written.from_status.as_deref().filter(|_| written.moved),
        status: &written.status,
        version: written.version,
        sequence,
        actor: acting.principal.as_deref(),
        more,
    };
    serde_json::to_string(&data).unwrap_or_default()
}

/// Finds the work order that a caller names, among those that the caller may see and that a statement of the
/// transaction could write.
pub fn find(tenant: Uuid, name: &str) -> Result<Uuid, Refusal> {
    let found: Option<pgrx::Uuid> = match reference::parse(name)? {
        Reference::Id(id) => {
            return view::read(view::Reading::InTransaction, tenant, id, |seen| seen.id())
                .ok_or_else(|| reference::unknown(name));
        }
        Reference::Number(number) => {
            let arguments = [uuid_argument(tenant), text(&number)];
            BY_NUMBER.with(|statement| {
                statement.run(Mode::Transaction, &arguments, |rows| rows.get(0, 1))
            })
        }
    };
    found.map(|id| Uuid::from_bytes(*id.as_bytes())).ok_or_else(|| reference::unknown(name))
}

/// Gives a work order as an UPDATE of this transaction would find it, under the caller's policies, and its
/// lifecycle to `look`.
pub fn with_work_order_row<T>(
    tenant: Uuid,
    name: &str,
    look: impl FnOnce(&Lifecycle, &Record<'_>) -> Result<T, Refusal>,
) -> Result<T, Refusal> {
    let id = find(tenant, name)?;
    view::read(view::Reading::InTransaction, tenant, id, |seen| {
        let lifecycle = row::lifecycle_of(tenant, seen);
        look(&lifecycle, &row::RecordView::of(seen).record())
    })
    .unwrap_or_else(|| Err(reference::unknown(name)))
}

/// The id of the work order of that number or UUID; NULL where there is none.
#[pg_extern(schema = "wo_private", stable, parallel_restricted)]
#[search_path(pg_catalog, pg_temp)]
fn work_order_id(work_order: Option<&str>) -> Option<pgrx::Uuid> {
    let acting = identity::current()?;
    let id = find(acting.tenant, work_order?).ok()?;
    Some(pgrx::Uuid::from_bytes(*id.as_bytes()))
}

/// The id of the work order of that number or UUID; refuses where there is none.
#[pg_extern(schema = "wo_private", stable, parallel_restricted)]
#[search_path(pg_catalog, pg_temp)]
fn work_order_id_or_refuse(work_order: Option<&str>) -> pgrx::Uuid {
    let acting = identity::required().or_refuse();
    let id = find(acting.tenant, work_order.unwrap_or_default()).or_refuse();
    pgrx::Uuid::from_bytes(*id.as_bytes())
}

/// The refusal of the SQL functions that have to write a row of that table and wrote none.
#[pg_extern(schema = "wo_private", parallel_unsafe)]
#[search_path(pg_catalog, pg_temp)]
fn refuse_suppressed(relation: &str) -> pgrx::JsonB {
    crate::pg::error::refuse(wo_rules::work_order::write_suppressed(relation))
}
