//! Ended work orders past their retention: the evidence package keeps everything, the row becomes a
//! stub.

use super::files;
use crate::kernel::work_order::child_records::{self, ChildChange};
use crate::pg::error::OrRefuse;
use crate::pg::run_as::as_trail;
use crate::pg::setting;
use crate::pg::statement::{
    Mode, Statement, argument, bigint, statement, timestamp, uuid as uuid_argument,
};
use crate::service::evidence;
use pgrx::pg_sys;
use serde_json::{Map, json};
use uuid::Uuid;
use wo_rules::field::{Field, FieldKind};
use wo_rules::refusal::Refusal;
use wo_rules::retention::CONTENT;
use wo_rules::retention::name::file_name;

/// How many work orders one run archives in a tenant.
const MOST: i64 = 100;

statement!(
    DUE,
    "select held.id, held.wo_number::pg_catalog.text from wo.work_order as held
     where held.tenant_id = $1 and held.locked_at is not null and held.archived_at is null
        and held.locked_at < pg_catalog.now() - pg_catalog.make_interval(months => $2)
        and not exists (select from wo.archived_chain as gone
            where gone.tenant_id = $1 and gone.subject_id = held.id
                and not exists (select from wo.evidence as kept
                    where kept.tenant_id = $1 and kept.work_order_id = held.id)
                and not exists (select from wo.audit_entry as entry
                    where entry.tenant_id = $1 and entry.subject_id = held.id and entry.sequence = gone.sequence))
     order by held.locked_at
     limit $3
     for no key update skip locked",
    [UUIDOID, INT4OID, INT8OID]
);

thread_local! {
    static EMPTY: Statement = Statement::new(
        format!(
            "update wo.work_order set archived_at = $3, {} where tenant_id = $1 and id = $2 and archived_at is null",
            CONTENT.iter().map(|field| emptied(*field)).collect::<Vec<_>>().join(", ")
        ),
        &[pg_sys::UUIDOID, pg_sys::UUIDOID, pg_sys::TIMESTAMPTZOID],
    );
}

/// What empties a field.
fn emptied(field: Field) -> String {
    let nothing = match field.kind() {
        FieldKind::List | FieldKind::Object => "'{}'",
        _ => "null",
    };
    format!("{} = {nothing}", field.name())
}

/// Archives the tenant's work orders that ended longer ago than the content is to stay. One whose
/// entries left before a package was kept waits until they are brought back.
pub fn archive_records(tenant: Uuid) -> i32 {
    let months = setting::RECORD_RETENTION.get();
    if months == 0 || setting::archive_directory().is_none() {
        return 0;
    }
    let arguments = [uuid_argument(tenant), argument(months), bigint(MOST)];
    let due: Vec<(Uuid, String)> = as_trail(|| {
        DUE.with(|statement| {
            statement.run(Mode::Write, &arguments, |rows| {
                (0..rows.count())
                    .filter_map(|row| {
                        let id = rows.get::<pgrx::Uuid>(row, 1)?;
                        Some((Uuid::from_bytes(*id.as_bytes()), rows.get(row, 2)?))
                    })
                    .collect()
            })
        })
    });
    due.into_iter().map(|(id, number)| i32::from(archive(tenant, id, &number).or_refuse())).sum()
}

fn archive(tenant: Uuid, work_order: Uuid, number: &str) -> Result<bool, Refusal> {
    let package = evidence::kept_or_keep(tenant, work_order)?;
    let relative = format!("{tenant}/{}.json", file_name(number));
    let directory = files::directory().map_err(|why| crate::pg::error::damaged(&why))?;
    let hash = hex::encode(files::keep(&directory.join(&relative), &package)?);
    let mut data = Map::new();
    data.insert("file".to_owned(), json!(relative));
    data.insert("package_sha256".to_owned(), json!(hash));
    let change_of_child = ChildChange {
        action: "archived",
        reason: Some(format!(
            "its content is kept in the evidence package {relative}, SHA-256 {hash}"
        )),
        changes: String::new(),
        covered: false,
        data,
    };
    let now = timestamp(crate::kernel::identity::now());
    let arguments = [uuid_argument(tenant), uuid_argument(work_order), now];
    Ok(child_records::upkeep(work_order, change_of_child, || {
        EMPTY.with(|statement| statement.run(Mode::Write, &arguments, |rows| rows.count()))
    }))
}
