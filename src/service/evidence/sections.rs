//! The sections of an evidence package: from rows to the texts that the package holds.

use crate::concept::approval::hash_of;
use crate::concept::hierarchy::DESCENDANTS;
use crate::kernel::work_order::{
    Column, Layout, Reading, WorkOrderRow, WorkOrderView, read, with_work_order,
};
use crate::pg::error::damaged;
use crate::pg::row::Row;
use crate::pg::statement::{
    Argument, Mode, Statement, argument, statement, text, uuid as uuid_argument,
};
use crate::service::verification::{ENTRY_COLUMNS, child_records, entry_at, trailed_row_of};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;
use std::thread::LocalKey;
use uuid::Uuid;
use wo_rules::approval::content::Covers;
use wo_rules::field::Field;
use wo_rules::json::Object;
use wo_rules::refusal::Refusal;

/// What a package says about itself: enough to write a program that verifies it.
const HOW_TO_VERIFY: &str = include_str!("how_to_verify.txt");

const TIME: &str = "'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"'";

fn time(column: &str) -> String {
    format!("pg_catalog.to_char({column} at time zone 'UTC', {TIME})")
}

fn base64url(column: &str) -> String {
    format!(
        "pg_catalog.rtrim(pg_catalog.translate(pg_catalog.encode({column}, 'base64'), E'+/\\n', '-_'), '=')"
    )
}

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
    CHILDREN,
    format!(
        "{DESCENDANTS}
     select child.*, exists (select from wo.waiver as waived
        where waived.tenant_id = $1 and waived.work_order_id = child.master_id and waived.child_id = child.id) as is_waived
     from wo.work_order as child where child.tenant_id = $1 and child.id in (select tree.id from tree)
     order by child.id"
    ),
    [UUIDOID, UUIDOID]
);
statement!(
    WAITS_FOR,
    "select coalesce(pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object('id', held.id, 'wo_number', held.wo_number,
        'title', held.title, 'status', held.status, 'lag', edge.lag::pg_catalog.text) order by held.id), '[]')
     from wo.dependency as edge
     join wo.work_order as held on held.tenant_id = edge.tenant_id and held.id = edge.predecessor_id
     where edge.tenant_id = $1 and edge.successor_id = $2",
    [UUIDOID, UUIDOID]
);
statement!(
    AWAITED_BY,
    "select coalesce(pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object('id', held.id, 'wo_number', held.wo_number,
        'title', held.title, 'status', held.status) order by held.id), '[]')
     from wo.dependency as edge
     join wo.work_order as held on held.tenant_id = edge.tenant_id and held.id = edge.successor_id
     where edge.tenant_id = $1 and edge.predecessor_id = $2",
    [UUIDOID, UUIDOID]
);
statement!(
    SIGNATURES,
    format!(
        "select coalesce(pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object('approval', given.id, 'role', given.role,
            'meaning', given.meaning, 'decision', given.decision, 'reason', given.reason, 'signer', given.signer,
            'printed_name', given.printed_name, 'on_behalf_of', given.on_behalf_of,
            'on_behalf_of_name', (select other.name from wo.principal as other
                where other.tenant_id = given.tenant_id and other.id = given.on_behalf_of),
            'delegation_id', given.delegation_id, 'key_id', given.key_id, 'public_key', {},
            'signed_at', {}, 'time_zone', given.time_zone,
            'state', case when given.withdrawn_at is not null then 'withdrawn' when given.voided_at is not null then 'void'
                when given.amended_at is not null then 'amended' else 'valid' end,
            'state_reason', given.state_reason,
            'state_at', {},
            'action', given.action, 'from_status', given.from_status, 'to_status', given.to_status,
            'covers', given.covers, 'payload', given.payload, 'signature', {})
            order by given.signed_at, given.id), '[]')
         from wo.approval as given
         join wo.signing_key as used on used.tenant_id = given.tenant_id and used.key_id = given.key_id
         where given.tenant_id = $1 and given.work_order_id = $2",
        base64url("used.public_key"),
        time("given.signed_at"),
        time("coalesce(given.withdrawn_at, given.voided_at, given.amended_at)"),
        base64url("given.signature")
    ),
    [UUIDOID, UUIDOID]
);
statement!(
    SIGNING_KEYS,
    format!(
        "select coalesce(pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object('key_id', used.key_id,
            'principal', used.principal, 'name', owner.name, 'public_key', {}, 'enrolled_by', used.enrolled_by,
            'enrolled_at', {}, 'verified_by', used.verified_by, 'verified_at', {}, 'verification', used.verification,
            'expires_at', {}, 'retired_at', {}, 'revoked_at', {}, 'revocation_reason', used.revocation_reason)
            order by used.key_id), '[]')
         from wo.signing_key as used
         join wo.principal as owner on owner.tenant_id = used.tenant_id and owner.id = used.principal
         where used.tenant_id = $1 and used.key_id in (select given.key_id from wo.approval as given
            where given.tenant_id = $1 and given.work_order_id = $2)",
        base64url("used.public_key"),
        time("used.enrolled_at"),
        time("used.verified_at"),
        time("used.expires_at"),
        time("used.retired_at"),
        time("used.revoked_at")
    ),
    [UUIDOID, UUIDOID]
);
statement!(
    DELEGATIONS,
    format!(
        "with recursive chain (id) as (
            select given.delegation_id from wo.approval as given
            where given.tenant_id = $1 and given.work_order_id = $2 and given.delegation_id is not null
            union
            select above.parent_id from chain
            join wo.delegation as above on above.tenant_id = $1 and above.id = chain.id
            where above.parent_id is not null
         )
         select coalesce(pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object('id', made.id, 'parent_id', made.parent_id,
            'delegator', made.delegator, 'delegate', made.delegate, 'role', made.role, 'lifecycle', made.lifecycle,
            'meaning', made.meaning, 'starts_at', {}, 'ends_at', {}, 'reason', made.reason, 'created_at', {},
            'revoked_at', {}) order by made.id), '[]')
         from wo.delegation as made where made.tenant_id = $1 and made.id in (select chain.id from chain)",
        time("made.starts_at"),
        time("made.ends_at"),
        time("made.created_at"),
        time("made.revoked_at")
    ),
    [UUIDOID, UUIDOID]
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
        "select {ENTRY_COLUMNS} from wo.audit_entry as told
         where told.tenant_id = $1 and told.subject_id = $2
         order by told.sequence, told.recorded_at"
    ),
    [UUIDOID, UUIDOID]
);

fn one(statement: &'static LocalKey<Statement>, arguments: &[Argument]) -> Option<Value> {
    statement.with(|statement| {
        statement.run(Mode::Latest, arguments, |rows| {
            rows.get::<crate::pg::jsonb::Document>(0, 1).map(|found| found.0)
        })
    })
}

fn required(
    statement: &'static LocalKey<Statement>,
    arguments: &[Argument],
    what: &str,
) -> Result<Value, Refusal> {
    one(statement, arguments).ok_or_else(|| damaged(&format!("{what} is missing")))
}

/// The sections of a work order's package, in their order.
///
/// # Errors
/// 55000 `tables_damaged`.
pub fn of(tenant: Uuid, work_order: Uuid) -> Result<Vec<(&'static str, String)>, Refusal> {
    with_work_order(tenant, work_order, |view| sections(view, work_order))
}

fn sections(view: &WorkOrderView<'_>, id: Uuid) -> Result<Vec<(&'static str, String)>, Refusal> {
    let (tenant, seen) = (view.tenant, view.seen);
    crate::service::retention::check_all_here(tenant, id, &view.facets.number)?;
    let place = [uuid_argument(tenant), uuid_argument(id)];
    let master: Option<pgrx::Uuid> = seen.get(Column::MasterId);
    let lifecycle = [
        uuid_argument(tenant),
        text(&seen.text(Column::Lifecycle)),
        argument(seen.get::<i32>(Column::LifecycleVersion)),
    ];
    let signatures = required(&SIGNATURES, &place, "the list of signatures")?;
    let delegations = required(&DELEGATIONS, &place, "the list of delegations")?;
    let keys = required(&SIGNING_KEYS, &place, "the list of keys")?;
    let (trail, actors) = trail(tenant, &place);
    let ledger = crate::service::ledger::newest_bundle_of(tenant, id)?;
    let principals =
        [uuid_argument(tenant), argument(named(view, &signatures, &delegations, actors))];
    let master = match master {
        None => Value::Null,
        Some(master) => {
            let master = Uuid::from_bytes(*master.as_bytes());
            read(Reading::Latest, tenant, master, |seen| {
                json!({
                    "id": master.to_string(),
                    "wo_number": seen.text(Column::WoNumber),
                    "title": seen.field::<String>(Field::Title),
                    "status": seen.text(Column::Status),
                })
            })
            .ok_or_else(|| damaged("a master went away"))?
        }
    };
    let dependencies = json!({
        "waits_for": required(&WAITS_FOR, &place, "the list of predecessors")?,
        "awaited_by": required(&AWAITED_BY, &place, "the list of successors")?,
    });
    Ok(vec![
        ("tenant", required(&TENANT, &place[..1], "the tenant")?.to_string()),
        ("work_order", record(seen)),
        ("child_records", child_record(&place[0], id)),
        ("lifecycle", required(&LIFECYCLE, &lifecycle, "the lifecycle")?.to_string()),
        ("master", master.to_string()),
        ("children", children(tenant, &place).to_string()),
        ("dependencies", dependencies.to_string()),
        ("signatures", signatures.to_string()),
        ("signing_keys", keys.to_string()),
        ("delegations", delegations.to_string()),
        ("principals", required(&PRINCIPALS, &principals, "the list of principals")?.to_string()),
        ("trail", trail),
        ("ledger", ledger.map_or_else(|| "null".to_owned(), |proofs| proofs.to_json())),
        ("how_to_verify", Value::from(HOW_TO_VERIFY).to_string()),
    ])
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

fn children(tenant: Uuid, place: &[Argument]) -> Value {
    CHILDREN.with(|statement| {
        statement.run(Mode::Latest, place, |rows| {
            (0..rows.count())
                .filter_map(|index| {
                    let row = Row::of_rows(rows, index)?;
                    let layout = Layout::found_in(&row);
                    let seen = WorkOrderRow::new(&row, &layout);
                    let hash = |covers| hex::encode(hash_of(tenant, &seen, covers));
                    Some(json!({
                        "id": seen.id().to_string(),
                        "wo_number": seen.text(Column::WoNumber),
                        "title": seen.field::<String>(Field::Title),
                        "status": seen.text(Column::Status),
                        "required": seen.get::<bool>(Column::Required),
                        "content_sha256_plan": hash(Covers::Plan),
                        "content_sha256_result": hash(Covers::Result),
                        "waived": row.required_named::<bool>("is_waived"),
                    }))
                })
                .collect::<Vec<Value>>()
                .into()
        })
    })
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

/// Everybody whom the package names.
fn named(
    view: &WorkOrderView<'_>,
    signatures: &Value,
    delegations: &Value,
    actors: BTreeSet<String>,
) -> Vec<String> {
    let mut all = actors;
    let record = view.facets.record();
    all.insert(record.originator.to_owned());
    all.extend(record.requester.map(str::to_owned));
    all.extend(record.assignee.map(str::to_owned));
    let mut add = |list: &Value, members: &[&str]| {
        let items = list.as_array().map(Vec::as_slice).unwrap_or_default();
        let texts =
            items.iter().filter_map(Value::as_object).flat_map(|item: &Map<String, Value>| {
                members.iter().filter_map(|name| item.get(*name)?.as_str())
            });
        all.extend(texts.map(str::to_owned));
    };
    add(signatures, &["signer", "on_behalf_of"]);
    add(delegations, &["delegator", "delegate"]);
    all.into_iter().collect()
}
