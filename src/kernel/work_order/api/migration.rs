//! Moving a work order to another version of its lifecycle: explicit, audited, by an
//! administrator, and never for a locked record.

use crate::kernel::identity;
use crate::kernel::lifecycle::cache;
use crate::kernel::work_order::record::layout::Column;
use crate::kernel::work_order::record::pending::{SystemWrite, as_system_write, listen};
use crate::kernel::work_order::record::reference::find;
use crate::kernel::work_order::record::view::{Reading, read};
use crate::pg::error::OrRefuse;
use crate::pg::statement::{Mode, argument, statement, text, uuid as uuid_argument};
use pgrx::prelude::*;
use serde_json::{Value, json};
use wo_rules::lifecycle::migration;
use wo_rules::refusal::Refusal;

statement!(
    NEWEST,
    "select pg_catalog.max(published.version) from wo.lifecycle as published
     where published.tenant_id = $1 and published.name = $2",
    [UUIDOID, TEXTOID]
);
statement!(
    MIGRATE,
    "update wo.work_order set lifecycle_version = $3, status = $4, reason = $5
     where tenant_id = $1 and id = $2",
    [UUIDOID, UUIDOID, INT4OID, TEXTOID, TEXTOID]
);

/// Moves a work order to another version of its lifecycle.
#[pg_extern(schema = "wo_private")]
#[search_path(pg_catalog, pg_temp)]
fn migrate_lifecycle(
    work_order: &str,
    to_version: i32,
    reason: &str,
    state_map: &str,
) -> pgrx::JsonB {
    crate::kernel::version::check_tables();
    pgrx::JsonB(migrate(work_order, to_version, reason, state_map).or_refuse())
}

fn migrate(
    work_order: &str,
    to_version: i32,
    reason: &str,
    state_map: &str,
) -> Result<Value, Refusal> {
    let state_map = wo_rules::work_order::parse(state_map)?;
    let acting = identity::required()?;
    let id = find(acting.tenant, work_order)?;
    let record = read(Reading::Locked, acting.tenant, id, |seen| {
        Some(migration::Migrating {
            lifecycle: seen.get(Column::Lifecycle)?,
            version: seen.get(Column::LifecycleVersion)?,
            status: seen.get(Column::Status)?,
            number: seen.get(Column::WoNumber)?,
            locked: seen.is_locked(),
        })
    });
    let record = record.flatten().ok_or_else(|| wo_rules::reference::unknown(work_order))?;
    let newest: i32 = NEWEST
        .with(|statement| {
            let arguments = [uuid_argument(acting.tenant), text(&record.lifecycle)];
            statement.run(Mode::Latest, &arguments, |rows| rows.get(0, 1))
        })
        .unwrap_or(0);
    migration::check(&record, to_version, newest, reason)?;
    let target = cache::compiled(acting.tenant, &record.lifecycle, to_version)?;
    let status = migration::target_state(&record, &target, &state_map)?;
    if !target.state(&status).is_some_and(|state| state.initial) {
        cache::check_released(acting.tenant, &record.lifecycle, to_version)?;
    }
    let arguments = [
        uuid_argument(acting.tenant),
        uuid_argument(id),
        argument(to_version),
        text(&status),
        text(reason),
    ];
    let (_, heard) = listen(|| {
        as_system_write(SystemWrite::Migration(id), || {
            MIGRATE.with(|statement| statement.store(&arguments));
        })
    });
    let version = heard.last_of(id).map(|written| written.version);
    Ok(json!({
        "id": id.to_string(),
        "wo_number": record.number,
        "lifecycle": record.lifecycle,
        "lifecycle_version": to_version,
        "from_status": record.status,
        "status": status,
        "version": version,
    }))
}
