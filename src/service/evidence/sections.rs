//! The sections of an evidence package: from rows to the texts that the package holds.

use crate::kernel::concept::{self, EvidenceSection};
use crate::kernel::document::{required, time};
use crate::kernel::work_order::{Column, WorkOrderRow, WorkOrderView, with_work_order};
use crate::pg::error::damaged;
use crate::pg::statement::{
    Argument, Mode, argument, bigint, statement, text, uuid as uuid_argument,
};
use crate::service::verification::{ENTRY_COLUMNS, child_records, entry_at, trailed_row_of};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;
use wo_rules::evidence::package::SECTIONS;
use wo_rules::evidence::report::Made;
use wo_rules::json::Object;
use wo_rules::refusal::Refusal;

/// What a package says about itself: enough to write a program that verifies it.
const HOW_TO_VERIFY: &str = include_str!("how_to_verify.txt");

statement!(
    TENANT,
    "select pg_catalog.jsonb_build_object('tenant_id', home.tenant_id, 'slug', home.slug, 'name', home.name)
     from wo.tenant as home where home.tenant_id = $1",
    [UUIDOID]
);
statement!(
    LIFECYCLE,
    format!(
        "select pg_catalog.jsonb_build_object('name', used.name, 'version', used.version,
            'published_by', used.published_by, 'published_at', {}, 'definition', used.definition)
         from wo.lifecycle as used where used.tenant_id = $1 and used.name = $2 and used.version = $3",
        time("used.published_at")
    ),
    [UUIDOID, TEXTOID, INT4OID]
);
statement!(
    PRINCIPALS,
    "select coalesce(pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object('id', known.id, 'kind', known.kind,
        'name', known.name) order by known.id), '[]')
     from wo.principal as known where known.tenant_id = $1 and known.id = any($2)",
    [UUIDOID, TEXTARRAYOID]
);
statement!(
    TRAIL,
    format!(
        "select {ENTRY_COLUMNS} from wo.audit_entry as entry
         where entry.tenant_id = $1 and entry.subject_id = $2
         order by entry.sequence, entry.recorded_at"
    ),
    [UUIDOID, UUIDOID]
);

/// How many refused attempts a package lists, the first ones; it says how many there are.
const MOST_ATTEMPTS: i64 = 1_000;

// Without where an attempt came from: the trail of the attempts has that, for those who may read it.
statement!(
    REFUSED_ATTEMPTS,
    "select pg_catalog.jsonb_build_object('total', pg_catalog.count(*),
        'left_out', greatest(pg_catalog.count(*) - $3, 0),
        'listed', coalesce(pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object('sequence', refused.sequence,
            'first_at', refused.changes ->> 'first_at', 'last_at', refused.changes ->> 'last_at',
            'attempts', (refused.changes ->> 'attempts')::bigint, 'actor', refused.actor, 'code', refused.action,
            'guards', coalesce((refused.changes -> 'guards')::jsonb, '[]'), 'action', refused.changes ->> 'action',
            'from_status', refused.changes ->> 'from_status', 'to_status', refused.changes ->> 'to_status',
            'why', refused.reason) order by refused.place) filter (where refused.place <= $3), '[]'))
     from (
        select entry.sequence, entry.actor, entry.action, entry.reason, entry.changes,
            pg_catalog.row_number() over (order by entry.sequence) as place
        from wo.audit_entry as entry
        where entry.tenant_id = $1 and entry.subject = 'refused_attempt'
            and entry.subject_id = (select chain.subject_id from wo.audit_chain as chain
                where chain.tenant_id = $1 and chain.subject = 'refused_attempt' and chain.subject_key = '[\"refused\"]')
            and entry.recorded_at >= (select held.created_at from wo.work_order as held
                where held.tenant_id = $1 and held.id = $2)
            and (entry.changes ->> 'work_order_id')::uuid = $2
     ) as refused",
    [UUIDOID, UUIDOID, INT8OID]
);

/// The sections of a work order's package, in their order. Without the right to read refused attempts only those on
/// a regulatory work order are there: its findings, which everybody of the tenant reads, show them too.
///
/// # Errors
/// 55000 `tables_damaged`.
pub fn of(
    tenant: Uuid,
    work_order: Uuid,
    made: &Made,
    may_read_attempts: bool,
) -> Result<Vec<(&'static str, String)>, Refusal> {
    let attempts = |view: &WorkOrderView<'_>| {
        if !may_read_attempts && !view.seen.regulatory() {
            return Ok(Value::Null);
        }
        let place = [uuid_argument(tenant), uuid_argument(work_order), bigint(MOST_ATTEMPTS)];
        required(&REFUSED_ATTEMPTS, &place, "the list of refused attempts")
    };
    with_work_order(tenant, work_order, |view| {
        let attempts = attempts(view)?;
        let mut all = sections(view, work_order, &attempts)?;
        let made = serde_json::to_string(made).map_err(|why| damaged(&why.to_string()))?;
        all.extend([("made", made), ("refused_attempts", attempts.to_string())]);
        Ok(all)
    })
}

fn sections(
    view: &WorkOrderView<'_>,
    id: Uuid,
    attempts: &Value,
) -> Result<Vec<(&'static str, String)>, Refusal> {
    let (tenant, seen) = (view.tenant, view.seen);
    crate::service::retention::check_all_here(tenant, id, &view.facets.number)?;
    let place = [uuid_argument(tenant), uuid_argument(id)];
    let lifecycle = [
        uuid_argument(tenant),
        text(&seen.text(Column::Lifecycle)),
        argument(seen.get::<i32>(Column::LifecycleVersion)),
    ];
    let mut of_concepts: Vec<EvidenceSection> = Vec::new();
    for concept in concept::all() {
        of_concepts.extend(concept.evidence(view)?);
    }
    let (trail, mut named) = trail(tenant, &place);
    let ledger = crate::service::ledger::newest_bundle_of(tenant, id)?;
    let record = view.facets.record();
    named.insert(record.originator.to_owned());
    named.extend(record.requester.into_iter().chain(record.assignee).map(str::to_owned));
    let attempts = attempts["listed"].as_array().map(Vec::as_slice).unwrap_or_default();
    named.extend(attempts.iter().filter_map(|one| one["actor"].as_str().map(str::to_owned)));
    named.extend(of_concepts.iter_mut().flat_map(|section| section.principals.drain(..)));
    let named: Vec<String> = named.into_iter().collect();
    let principals = [uuid_argument(tenant), argument(named)];
    let mut all = vec![
        ("tenant", required(&TENANT, &place[..1], "the tenant")?.to_string()),
        ("work_order", self::record(seen)),
        ("child_records", child_record(&place[0], id)),
        ("lifecycle", required(&LIFECYCLE, &lifecycle, "the lifecycle")?.to_string()),
        ("principals", required(&PRINCIPALS, &principals, "the list of principals")?.to_string()),
        ("trail", trail),
        ("ledger", ledger.map_or_else(|| "null".to_owned(), |proofs| proofs.to_json())),
        ("how_to_verify", Value::from(HOW_TO_VERIFY).to_string()),
    ];
    let (common, own): (Vec<_>, Vec<_>) =
        of_concepts.into_iter().partition(|section| SECTIONS.contains(&section.name));
    all.push(("concepts", own_sections(own)?));
    all.extend(common.into_iter().map(|section| (section.name, section.json)));
    Ok(all)
}

/// The sections that concepts add under names of their own, as one object.
///
/// # Errors
/// 55000 `tables_damaged` where two have the same name.
fn own_sections(sections: Vec<EvidenceSection>) -> Result<String, Refusal> {
    let mut all: BTreeMap<&str, String> = BTreeMap::new();
    for section in sections {
        if all.insert(section.name, section.json).is_some() {
            let name = section.name;
            return Err(damaged(&format!("two concepts add the section {name} of the evidence")));
        }
    }
    Ok(object_of(all.iter().map(|(name, json)| (*name, json.as_str()))))
}

fn object_of<'a>(members: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    members.into_iter().collect::<Object>().end()
}

fn record(seen: &WorkOrderRow<'_>) -> String {
    let held = trailed_row_of(seen.row);
    let values = object_of(held.values.iter().map(|(name, value)| (name.as_str(), value.as_str())));
    let locked = held.values.get("locked_at").cloned().unwrap_or_else(|| "null".to_owned());
    let text = |value: Value| value.to_string();
    object_of([
        ("id", text(seen.id().to_string().into()).as_str()),
        ("wo_number", text(held.number.into()).as_str()),
        ("status", text(held.status.into()).as_str()),
        ("version", text(held.version.into()).as_str()),
        ("updated_at", text(held.changed_at.into()).as_str()),
        ("locked_at", locked.as_str()),
        ("chain_sequence", text(held.sequence.into()).as_str()),
        ("chain_hash", text(hex::encode(held.hash).into()).as_str()),
        ("record", values.as_str()),
    ])
}

fn child_record(tenant: &Argument, id: Uuid) -> String {
    let ids = vec![pgrx::Uuid::from_bytes(*id.as_bytes())];
    let mut all: Vec<(String, String)> = Vec::new();
    child_records(&[*tenant, argument(ids)], |_, name, value| all.push((name, value)));
    all.sort();
    object_of(all.iter().map(|(name, value)| (name.as_str(), value.as_str())))
}

/// The whole trail as JSON text, and everybody who wrote in it.
fn trail(tenant: Uuid, place: &[Argument]) -> (String, BTreeSet<String>) {
    let mut actors = BTreeSet::new();
    let entries: Vec<String> = TRAIL.with(|statement| {
        statement.run(Mode::Latest, place, |rows| {
            (0..rows.count())
                .map(|row| {
                    let (_, entry, previous, hash) = entry_at(rows, row, tenant);
                    actors.extend(entry.actor.clone());
                    entry.with_hashes(&previous, &hash).to_string()
                })
                .collect()
        })
    });
    (format!("[{}]", entries.join(",")), actors)
}
