//! Recording a step: the function that executors call most, so it needs neither a plan nor the set-up of a statement.

use crate::kernel::identity;
use crate::kernel::work_order::{
    self,
    direct::{self, Addition},
};
use crate::pg::error::OrRefuse;
use crate::pg::server::random_bytes;
use crate::pg::statement::{
    Mode, bytes, optional_bytes, optional_jsonb, optional_text, statement, text,
    uuid as uuid_argument,
};
use pgrx::prelude::*;
use serde_json::json;
use uuid::Uuid;
use wo_rules::job_plan::Act;
use wo_rules::reference;
use wo_rules::schema::Table;
use wo_rules::work_order::write_suppressed;

/// The table of results.
const RESULTS: &Table = Table::named("step_result");

statement!(
    RECORD,
    "insert into wo.step_result as recorded (tenant_id, work_order_id, step, act, value, unit, sha256, reason,
        credentials)
     values ($1, $2, $3, 'result', $4, $5, $6, $7, $8)
     returning recorded.id, recorded.step, recorded.verdict, recorded.ordinal::pg_catalog.int8",
    [UUIDOID, UUIDOID, TEXTOID, TEXTOID, TEXTOID, BYTEAOID, TEXTOID, JSONBOID]
);

/// Records that a step was performed.
#[pg_extern(schema = "wo_private", parallel_unsafe)]
#[search_path(pg_catalog, pg_temp)]
fn record_step(
    work_order: Option<&str>,
    step: Option<&str>,
    value: Option<&str>,
    unit: Option<&str>,
    sha256: Option<&[u8]>,
    reason: Option<&str>,
    credentials: Option<&str>,
) -> pgrx::JsonB {
    let tenant = identity::required().or_refuse().tenant;
    let name = work_order.unwrap_or_default();
    let reference = reference::parse(name).or_refuse();
    let id = uuid::Builder::from_random_bytes(random_bytes()).into_uuid();
    let mut values = vec![("id", uuid_argument(id)), ("act", text(Act::Result.name()))];
    values.extend(sha256.map(|sha256| ("sha256", bytes(sha256))));
    let addition = Addition {
        table: RESULTS,
        inserters: &["wo_user"],
        owner: "work_order_id",
        texts: &[
            ("step", step),
            ("value", value),
            ("unit", unit),
            ("reason", reason),
            ("credentials", credentials),
        ],
        values: &values,
    };
    let answer = |id: Uuid, step: String, verdict: Option<String>, ordinal: i64| json!({ "id": id.to_string(), "step": step, "verdict": verdict, "ordinal": ordinal });
    let added = direct::add(tenant, &reference, &addition, |row| {
        let step = row.required_named("step");
        answer(row.required_uuid("id"), step, row.named("verdict"), row.required_named("ordinal"))
    });
    if let Some(added) = added {
        return pgrx::JsonB(added);
    }
    let id = work_order::find(tenant, name).or_refuse();
    let arguments = [
        uuid_argument(tenant),
        uuid_argument(id),
        optional_text(step),
        optional_text(value),
        optional_text(unit),
        optional_bytes(sha256),
        optional_text(reason),
        optional_jsonb(credentials),
    ];
    let stored = RECORD.with(|statement| {
        statement.run(Mode::Write, &arguments, |rows| {
            (rows.count() > 0).then(|| {
                let (id, step) = (rows.required_uuid(0, 1), rows.required(0, 2));
                answer(id, step, rows.get(0, 3), rows.required(0, 4))
            })
        })
    });
    pgrx::JsonB(stored.ok_or_else(|| write_suppressed("step_result")).or_refuse())
}
