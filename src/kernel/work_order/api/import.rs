//! The import view: application roles COPY into it, and every row becomes an INSERT of their own.

use super::create::made_before;
use crate::kernel::identity;
use crate::kernel::work_order::record::columns::expression;
use crate::pg::error::{OrRefuse, damaged, refuse};
use crate::pg::row::{Row, returned};
use crate::pg::statement::{Statement, text};
use pgrx::AllocatedByPostgres;
use pgrx::prelude::*;
use std::cell::OnceCell;
use wo_rules::refusal::{Refusal, SqlState};

/// What an import may bring beside the fields.
const BESIDE_FIELDS: [(&str, &str); 6] = [
    ("id", "uuid"),
    ("wo_number", "text"),
    ("lifecycle", "text"),
    ("status", "text"),
    ("reason", "text"),
    ("idempotency_key", "text"),
];

thread_local! {
    static INSERT: OnceCell<Statement> = const { OnceCell::new() };
}

fn statement() -> Statement {
    use wo_rules::field::Field;
    let names: Vec<&str> = BESIDE_FIELDS
        .iter()
        .map(|(name, _)| *name)
        .chain(Field::ALL.iter().map(|field| field.name()))
        .collect();
    let values: Vec<String> = BESIDE_FIELDS
        .iter()
        .map(|(name, kind)| format!("(given.row ->> '{name}')::{kind}"))
        .chain(Field::ALL.iter().map(|field| expression(*field, "given.row")))
        .collect();
    Statement::new(
        format!(
            "insert into wo.work_order (tenant_id, {})
             select wo_private.current_tenant(), {} from (select $1::jsonb as row) as given",
            names.join(", "),
            values.join(", ")
        ),
        &[pgrx::pg_sys::TEXTOID],
    )
}

fn key_used(key: &str) -> Refusal {
    Refusal::new(
        SqlState::Duplicate,
        "idempotency_key_used",
        format!("the idempotency key \"{key}\" has made a work order already"),
    )
    .hint("Leave the row out: an import makes every row anew.")
}

/// Instead of INSERT into the import view. It runs as the caller, so that the caller's own rights
/// and policies hold.
#[pg_trigger(sql = r#"
create function wo_private.work_order_import() returns trigger
    language c as 'MODULE_PATHNAME', '@FUNCTION_NAME@';
"#)]
fn work_order_import<'a>(
    trigger: &'a PgTrigger<'a>,
) -> Result<Option<PgHeapTuple<'a, AllocatedByPostgres>>, PgTriggerError> {
    crate::kernel::version::check_written(trigger);
    let acting = identity::required().or_refuse();
    let Some(row) = Row::new_of(trigger) else {
        refuse(damaged("the import view takes INSERT alone"));
    };
    let object = (0..row.len())
        .filter_map(|index| Some((row.name(index)?, row.json(index)?)))
        .collect::<wo_rules::json::Object>()
        .end();
    let key = row.named::<String>("idempotency_key");
    if let Some(key) = key
        && made_before(acting.tenant, &key, &object).or_refuse().is_some()
    {
        refuse(key_used(&key));
    }
    INSERT.with(|kept| {
        kept.get_or_init(statement).store(&[text(&object)]);
    });
    Ok(Some(returned(trigger, row.tuple())))
}
