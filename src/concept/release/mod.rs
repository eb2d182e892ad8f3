//! Release of definitions by change control: a work order names versions, and its end releases them.

use crate::kernel::concept::{CheckedWrite, Concept, FollowUp, StoredWrite};
use crate::kernel::definition;
use crate::kernel::identity::{self, memory};
use crate::kernel::work_order::child_records::kind::{FILL_NOTHING, Kind, Owner};
use crate::kernel::work_order::{self, ActorRoles, Column, Reading, lifecycle_of, read_as_trail};
use crate::pg::error::{OrRefuse, refuse};
use crate::pg::row::Row;
use crate::pg::run_as::as_trail;
use crate::pg::statement::{
    Mode, Statement, argument, bytes, statement, text, uuid as uuid_argument,
};
use pgrx::pg_sys;
use pgrx::prelude::*;
use uuid::Uuid;
use wo_rules::refusal::Refusal;
use wo_rules::release::{self as rules, Candidate, ITEM_TABLE, Item};
use wo_rules::work_order::write_suppressed;

statement!(
    ADD,
    "insert into wo.release_item (tenant_id, work_order_id, kind, name, version, sha256)
     values ($1, $2, $3, $4, $5, $6) returning id",
    [UUIDOID, UUIDOID, TEXTOID, TEXTOID, INT4OID, BYTEAOID]
);
statement!(
    ITEMS,
    "select item.kind, item.name, item.version, item.sha256 from wo.release_item as item
     where item.tenant_id = $1 and item.work_order_id = $2
     order by item.kind, item.name, item.version",
    [UUIDOID, UUIDOID]
);
statement!(
    IS_SIGNED,
    "select exists (select from wo.approval as signed
     where signed.tenant_id = $1 and signed.work_order_id = $2 and signed.decision = 'approved'
        and signed.meaning <> 'waiver' and signed.amended_at is null and signed.voided_at is null
        and signed.withdrawn_at is null)",
    [UUIDOID, UUIDOID]
);

/// The version that an item names.
fn version_of(tenant: Uuid, item: &Item) -> Result<definition::stored::Version, Refusal> {
    let kind = definition::kind(&item.kind)?;
    definition::stored::version(kind, tenant, &item.name, item.version, definition::stored::unread)
        .map(|(version, ())| version)
        .map_err(|_| rules::item_missing(item))
}

/// Adds a version to what a work order releases.
#[pg_extern(schema = "wo_private")]
#[search_path(pg_catalog, pg_temp)]
fn add_release_item(
    work_order: Option<&str>,
    kind: Option<&str>,
    name: Option<&str>,
    version: Option<i32>,
) -> pgrx::Uuid {
    crate::kernel::version::check_tables();
    let acting = identity::required().or_refuse();
    let id = work_order::find(acting.tenant, work_order.unwrap_or_default()).or_refuse();
    let item = Item {
        kind: kind.unwrap_or_default().to_owned(),
        name: name.unwrap_or_default().to_owned(),
        version: version.unwrap_or_default(),
        sha256: Vec::new(),
    };
    let found = version_of(acting.tenant, &item).or_refuse();
    let arguments = [
        uuid_argument(acting.tenant),
        uuid_argument(id),
        text(&item.kind),
        text(&item.name),
        argument(item.version),
        bytes(&found.sha256),
    ];
    let added: Option<pgrx::Uuid> =
        ADD.with(|statement| statement.run(Mode::Write, &arguments, |rows| rows.get(0, 1)));
    added.unwrap_or_else(|| refuse(write_suppressed("release_item")))
}

const KINDS: &[Kind] = &[Kind {
    table: ITEM_TABLE,
    check: check_item,
    fill: FILL_NOTHING,
    after: |_, _, _| Ok(()),
    shown: &[("kind", "kind"), ("name", "name"), ("released_version", "version")],
}];

/// Whether the actor may say what a work order releases: who may change its plan.
fn check_item(standing: &ActorRoles, owner: &Owner, new: Option<&Row>) -> Result<(), Refusal> {
    owner.lifecycle.check_plan(&standing.actor(), &owner.facets.record())?;
    let Some(new) = new else { return Ok(()) };
    // Where one is missing, NOT NULL refuses the row.
    let item = || {
        Some(Item {
            kind: new.named("kind")?,
            name: new.named("name")?,
            version: new.named("version")?,
            sha256: new.named("sha256")?,
        })
    };
    let Some(item) = item() else { return Ok(()) };
    let found = version_of(owner.tenant, &item)?;
    if found.sha256 != item.sha256 {
        return Err(rules::item_mismatch(&item));
    }
    match (found.is_released, found.is_retired) {
        (_, true) => Err(rules::item_settled(&item, "retired")),
        (true, false) => Err(rules::item_settled(&item, "released")),
        (false, false) => Ok(()),
    }
}

/// What a work order releases.
fn items_of(tenant: Uuid, work_order: Uuid) -> Vec<Item> {
    let place = [uuid_argument(tenant), uuid_argument(work_order)];
    as_trail(|| {
        ITEMS.with(|statement| {
            statement.run(Mode::Latest, &place, |rows| {
                (0..rows.count())
                    .map(|row| Item {
                        kind: rows.required(row, 1),
                        name: rows.required(row, 2),
                        version: rows.required(row, 3),
                        sha256: rows.required(row, 4),
                    })
                    .collect()
            })
        })
    })
}

fn is_signed(tenant: Uuid, work_order: Uuid) -> bool {
    let place = [uuid_argument(tenant), uuid_argument(work_order)];
    as_trail(|| {
        IS_SIGNED.with(|statement| statement.run(Mode::Latest, &place, |rows| rows.required(0, 1)))
    })
}

/// Checks that a work order releases a version.
fn check_release(tenant: Uuid, work_order: Uuid, item: &Item) -> Result<(), Refusal> {
    let names_it = items_of(tenant, work_order).contains(item);
    let is_signed = is_signed(tenant, work_order);
    read_as_trail(Reading::Latest, tenant, work_order, |seen| {
        let lifecycle = lifecycle_of(tenant, seen);
        let number = seen.text(Column::WoNumber);
        let status = seen.text(Column::Status);
        let is_done = seen.is_locked()
            && lifecycle
                .state(&status)
                .is_some_and(|state| state.terminal && state.satisfies_dependents);
        let candidate = Candidate {
            number: &number,
            regulatory: seen.regulatory(),
            is_done,
            is_signed,
            names_it,
        };
        rules::check_closed(&item.kind, &candidate)
    })
    .unwrap_or_else(|| Err(wo_rules::reference::unknown(&work_order.to_string())))
}

/// What the end of a work order does: it releases the versions that it names.
struct Releasing;

impl FollowUp for Releasing {
    fn carry_out(&self, write: &StoredWrite<'_>) -> bool {
        let work_order = write.seen.id();
        for item in items_of(write.tenant, work_order) {
            let found = version_of(write.tenant, &item).or_refuse();
            // Another work order, or a retirement, was earlier.
            if !found.is_released && !found.is_retired {
                release(write.tenant, work_order, &item);
            }
        }
        false
    }
}

fn release(tenant: Uuid, work_order: Uuid, item: &Item) {
    let kind = definition::kind(&item.kind).or_refuse();
    let sql = format!(
        "update wo.{} set released_at = pg_catalog.now(), release_work_order = $2
         where tenant_id = $1 and name = $3 and version = $4",
        kind.name
    );
    let types = [pg_sys::UUIDOID, pg_sys::UUIDOID, pg_sys::TEXTOID, pg_sys::INT4OID];
    let arguments = [
        uuid_argument(tenant),
        uuid_argument(work_order),
        text(&item.name),
        argument(item.version),
    ];
    memory::as_enforcement(|| as_trail(|| Statement::new(sql, &types).store(&arguments)));
}

/// Releases, as the kernel asks them.
pub struct Releases;

/// The concept.
pub const CONCEPT: Releases = Releases;

impl Concept for Releases {
    fn sql(&self) -> &'static [(&'static str, &'static str)] {
        &[("27_release", include_str!("../../../sql/27_release.sql"))]
    }

    fn child_kinds(&self) -> &'static [Kind] {
        KINDS
    }

    fn check_release(
        &self,
        tenant: Uuid,
        work_order: Uuid,
        item: &Item,
    ) -> Option<Result<(), Refusal>> {
        Some(check_release(tenant, work_order, item))
    }

    fn follow_up(&self, write: &CheckedWrite<'_>) -> Result<Option<Box<dyn FollowUp>>, Refusal> {
        let ends_well = write.moved()
            && write.regulatory
            && write
                .lifecycle
                .state(write.to)
                .is_some_and(|state| state.terminal && state.satisfies_dependents);
        Ok(ends_well.then(|| -> Box<dyn FollowUp> { Box::new(Releasing) }))
    }
}
