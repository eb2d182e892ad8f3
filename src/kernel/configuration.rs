//! Configuration: tenants, principals, roles, issuers, lifecycles, guards. Its tables share two
//! triggers: one checks before the write, one writes the trail after it.

use crate::kernel::audit::{Act, Link};
use crate::kernel::concept;
use crate::kernel::definition;
use crate::kernel::identity::{self, memory, registration};
use crate::pg::error::{OrRefuse, damaged, refuse};
use crate::pg::jsonb::Document;
use crate::pg::row::{Row, returned};
use crate::pg::run_as::as_trail;
use crate::pg::statement::{
    Argument, Mode, Statement, argument, bigint, bytes, optional_text, statement, text,
    uuid as uuid_argument,
};
use pgrx::AllocatedByPostgres;
use pgrx::prelude::*;
use uuid::Uuid;
use wo_rules::hierarchy::policy::Policy;
use wo_rules::refusal::{Refusal, SqlState};
use wo_rules::schema::{Kind, Table, Type, Writer};
use wo_rules::template::Template;

statement!(
    OPEN_CHAIN,
    "insert into wo.audit_chain (tenant_id, subject, subject_key, subject_id, chain_sequence, chain_hash)
     values ($1, $2, $3, $4, 0, $5)
     on conflict (tenant_id, subject, subject_key) do nothing",
    [UUIDOID, TEXTOID, TEXTOID, UUIDOID, BYTEAOID]
);
statement!(
    LOCK_CHAIN,
    "select subject_id, chain_sequence, chain_hash from wo.audit_chain
     where tenant_id = $1 and subject = $2 and subject_key = $3
     for update",
    [UUIDOID, TEXTOID, TEXTOID]
);
statement!(
    MOVE_CHAIN,
    "update wo.audit_chain set chain_sequence = $4, chain_hash = $5
     where tenant_id = $1 and subject = $2 and subject_key = $3",
    [UUIDOID, TEXTOID, TEXTOID, INT8OID, BYTEAOID]
);
statement!(
    ADD_LOGIN,
    "insert into wo.login_directory (db_role, tenant_id, principal) values ($1, $2, $3)",
    [TEXTOID, UUIDOID, TEXTOID]
);
statement!(
    REMOVE_LOGIN,
    "delete from wo.login_directory where tenant_id = $1 and principal = $2",
    [UUIDOID, TEXTOID]
);

type Returned<'a> = Result<Option<PgHeapTuple<'a, AllocatedByPostgres>>, PgTriggerError>;

/// The table that a trigger is for: its first argument, which the registry must know as configuration.
fn table_of(trigger: &PgTrigger<'_>) -> Result<&'static Table, PgTriggerError> {
    let arguments = trigger.extra_args()?;
    let name = arguments.first().map(String::as_str).unwrap_or_default();
    Ok(wo_rules::schema::table(name)
        .filter(|table| table.is_configuration())
        .unwrap_or_else(|| refuse(damaged(&format!("a trigger watches \"{name}\"")))))
}

fn required_column(row: &Row, name: &str) -> usize {
    row.column(name).unwrap_or_else(|| refuse(damaged(&format!("a column {name} is missing"))))
}

fn uuid_of(row: &Row, column: usize) -> Option<Uuid> {
    row.get::<pgrx::Uuid>(column).map(|id| Uuid::from_bytes(*id.as_bytes()))
}

/// Before a write of configuration: the tenant is the caller's own, and the values make sense.
#[pg_trigger(sql = r#"
create function wo_private.configuration_validate() returns trigger
    language c security definer set search_path = pg_catalog, pg_temp
    as 'MODULE_PATHNAME', '@FUNCTION_NAME@';
"#)]
fn configuration_validate<'a>(trigger: &'a PgTrigger<'a>) -> Returned<'a> {
    crate::kernel::version::check_written(trigger);
    let table = table_of(trigger)?;
    let (old, new) = (Row::old_of(trigger), Row::new_of(trigger));
    if let Some(new) = &new {
        crate::kernel::secret::check_row(trigger, table, old.as_ref(), new).or_refuse();
    }
    if table.writer == Writer::Enforcement {
        crate::kernel::audit::check_writer(table.name);
    }
    let acting = identity::required().or_refuse();
    for row in [&new, &old].into_iter().flatten() {
        check_tenant(uuid_of(row, required_column(row, "tenant_id")), &acting).or_refuse();
    }
    let Some(new) = new else { return Ok(trigger.old()) };
    check_documents(table, &new);
    let value = |name: &str| new.get::<String>(required_column(&new, name)).unwrap_or_default();
    match table.name {
        "tenant" => {
            wo_rules::number::Format::parse(&value("number_format")).or_refuse();
            let policy = new.get::<Document>(required_column(&new, "hierarchy_policy"));
            Policy::parse(&policy.map_or_else(|| serde_json::json!({}), |policy| policy.0))
                .or_refuse();
            registration::check_tenant(acting.tenant, old.as_ref(), &new).or_refuse();
        }
        "principal" => {
            registration::check_principal(acting.tenant, old.as_ref(), &new).or_refuse();
        }
        "trusted_issuer" => {
            let key = new.get::<Vec<u8>>(required_column(&new, "public_key")).unwrap_or_default();
            wo_rules::identity::public_key_of(&key).or_refuse();
        }
        "guard_function" => {
            crate::kernel::lifecycle::check_guard_function(&value("function_name")).or_refuse()
        }
        "state_limit" => {
            let (lifecycle, state) = (value("lifecycle"), value("state"));
            crate::kernel::lifecycle::time_limit::check(acting.tenant, &lifecycle, &state)
                .or_refuse();
        }
        "definition_policy" => definition::check_policy(&new).or_refuse(),
        name if table.kind == Kind::Definition => {
            let kind = definition::kind(name).or_refuse();
            let tuple = match &old {
                None => definition::write::publish(kind, &new, &acting),
                Some(old) => definition::write::change(kind, old, &new, &acting),
            };
            return Ok(Some(returned(trigger, tuple.or_refuse())));
        }
        _ => {}
    }
    let mut stored = new.tuple();
    for concept in concept::all() {
        let other = concept.check_configuration(table.name, old.as_ref(), &new, &acting);
        if let Some(other) = other.or_refuse() {
            stored = other;
        }
    }
    Ok(Some(returned(trigger, stored)))
}

/// Refuses JSON that none of our functions could read again.
fn check_documents(table: &Table, new: &Row) {
    let documents = table.columns.iter().filter(|column| column.data_type.base() == Type::Jsonb);
    for column in documents {
        // Reading it refuses.
        drop(new.named::<Document>(column.name));
    }
}

/// After a write of configuration: an entry in the object's own chain.
#[pg_trigger(sql = r#"
create function wo_private.configuration_audit() returns trigger
    language c security definer set search_path = pg_catalog, pg_temp
    as 'MODULE_PATHNAME', '@FUNCTION_NAME@';
"#)]
fn configuration_audit<'a>(trigger: &'a PgTrigger<'a>) -> Returned<'a> {
    let table = table_of(trigger)?;
    let subject = table.name;
    let acting = identity::required().or_refuse();
    let (old, new) = (Row::old_of(trigger), Row::new_of(trigger));
    let Some(row) = new.as_ref().or(old.as_ref()) else { return Ok(None) };
    let key: Vec<String> = table
        .subject_key()
        .iter()
        .map(|name| row.json(required_column(row, name)).unwrap_or_else(|| "null".to_owned()))
        .collect();
    let changed: Vec<(String, Option<String>, Option<String>)> = (0..row.len())
        .filter_map(|index| {
            let name = row.name(index)?.to_owned();
            let before = old.as_ref().and_then(|old| old.json(index));
            let after = new.as_ref().and_then(|new| new.json(index));
            (before != after).then_some((name, before, after))
        })
        .collect();
    if !changed.is_empty() {
        let changes = wo_rules::audit::changes(
            changed.iter().map(|(name, old, new)| (name.as_str(), old.as_deref(), new.as_deref())),
        );
        let action = match (&old, &new) {
            (None, _) => "created",
            (Some(_), Some(_)) => "changed",
            (Some(_), None) => "deleted",
        };
        record(&acting, subject, &format!("[{}]", key.join(",")), action, None, changes);
        if let Some(new) = &new {
            definition::notification::notify(subject, old.as_ref(), new, &acting);
        }
        for concept in concept::all() {
            concept.after_configuration(subject, old.as_ref(), new.as_ref(), &acting);
        }
    }
    Ok(None)
}

/// Writes an entry into the chain of a configured object, opening the chain where it is the first. Gives
/// its place in the chain.
pub fn record(
    acting: &memory::Identity,
    subject: &'static str,
    key: &str,
    action: &str,
    reason: Option<String>,
    changes: String,
) -> i64 {
    memory::mark_written();
    memory::as_enforcement(|| {
        as_trail(|| {
            let at = identity::now();
            let place = [uuid_argument(acting.tenant), text(subject), text(key)];
            let opening = [
                place[0],
                place[1],
                place[2],
                uuid_argument(crate::kernel::work_order::new_id(at)),
                bytes(&wo_rules::audit::GENESIS),
            ];
            OPEN_CHAIN.with(|statement| statement.run(Mode::Write, &opening, |_| ()));
            let head = LOCK_CHAIN.with(|statement| {
                statement.run(Mode::Write, &place, |rows| {
                    Some((
                        rows.get::<pgrx::Uuid>(0, 1)?,
                        rows.get::<i64>(0, 2)?,
                        rows.get::<Vec<u8>>(0, 3)?,
                    ))
                })
            });
            let Some((subject_id, sequence, hash)) = head else {
                refuse(
                    Refusal::new(
                        SqlState::VersionConflict,
                        "version_conflict",
                        format!("the {subject} {key} was changed meanwhile"),
                    )
                    .hint("Run the transaction again."),
                )
            };
            let link = Link::new(
                acting,
                Act {
                    subject,
                    subject_id: Uuid::from_bytes(*subject_id.as_bytes()),
                    after_sequence: sequence,
                    after_hash: &hash,
                    at,
                    action: action.to_owned(),
                    reason,
                    from_status: None,
                    to_status: None,
                    record_version: None,
                    changes,
                },
            );
            link.write();
            let moving = [place[0], place[1], place[2], bigint(link.sequence()), bytes(&link.hash)];
            MOVE_CHAIN.with(|statement| statement.store(&moving));
            link.sequence()
        })
    })
}

/// The same in a chain of the installation itself, for every actor; the login role is on record.
pub fn record_of_installation(
    subject: &'static str,
    key: &str,
    action: &str,
    reason: Option<String>,
    details: String,
) {
    let installation = identity::installation();
    memory::during(installation.clone(), || {
        as_trail(|| record(&installation, subject, key, action, reason, details));
    });
}

/// Keeps the directory of login roles in step with the principals: one login role is one
/// principal, in the whole database.
#[pg_trigger(sql = r#"
create function wo_private.principal_directory() returns trigger
    language c security definer set search_path = pg_catalog, pg_temp
    as 'MODULE_PATHNAME', '@FUNCTION_NAME@';
"#)]
fn principal_directory<'a>(trigger: &'a PgTrigger<'a>) -> Returned<'a> {
    let (old, new) = (Row::old_of(trigger), Row::new_of(trigger));
    let Some(row) = &new else { return Ok(None) };
    let db_role = required_column(row, "db_role");
    let after = row.get::<String>(db_role);
    let before = old.and_then(|old| old.get::<String>(db_role));
    if before != after {
        memory::forget_login();
        let tenant = row.argument::<pgrx::Uuid>(required_column(row, "tenant_id"));
        let principal = row.argument::<String>(required_column(row, "id"));
        REMOVE_LOGIN.with(|statement| statement.run(Mode::Write, &[tenant, principal], |_| ()));
        if let Some(login) = after {
            let arguments = [text(&login), tenant, principal];
            ADD_LOGIN.with(|statement| statement.store(&arguments));
        }
    }
    Ok(None)
}

/// Refuses what must never happen to a row: deletion, truncation, another key. Fires always, on a
/// replica too. An UPDATE that leaves the columns of its argument as they were goes on.
#[pg_trigger(sql = r#"
create function wo_private.refuse_change() returns trigger
    language c as 'MODULE_PATHNAME', '@FUNCTION_NAME@';
"#)]
fn refuse_change<'a>(trigger: &'a PgTrigger<'a>) -> Returned<'a> {
    let table = trigger.table_name()?;
    let (code, sentence, hint) = match trigger.op()? {
        PgTriggerOperation::Delete => (
            "delete_refused",
            format!("rows of wo.{table} are never deleted"),
            "Cancel or disable it instead; the record stays.",
        ),
        PgTriggerOperation::Truncate => (
            "truncate_refused",
            format!("wo.{table} is never truncated"),
            "Drop the database if you mean to lose its records.",
        ),
        _ => {
            let columns = trigger.extra_args()?.first().cloned();
            if let Some(columns) = &columns
                && keeps(trigger, columns)
            {
                return Ok(trigger.new());
            }
            (
                "key_change_refused",
                match columns {
                    Some(columns) => {
                        format!(
                            "these columns of wo.{table} never change: {}",
                            columns.replace(',', ", ")
                        )
                    }
                    None => format!("rows of wo.{table} never change"),
                },
                "Add a new row instead.",
            )
        }
    };
    refuse(Refusal::new(SqlState::NotPermitted, code, sentence).with("table", table).hint(hint))
}

/// Whether an UPDATE of a row keeps these columns (a list with commas).
fn keeps(trigger: &PgTrigger<'_>, columns: &str) -> bool {
    let (Some(old), Some(new)) = (Row::old_of(trigger), Row::new_of(trigger)) else { return false };
    columns.split(',').all(|name| new.same(&old, required_column(&new, name)))
}

/// The refusal for a row of another tenant.
fn wrong_tenant() -> Refusal {
    Refusal::new(
        SqlState::NotPermitted,
        "wrong_tenant",
        "the row belongs to another tenant than the one that this transaction acts for",
    )
    .hint("Leave tenant_id out: it is your own by default.")
}

/// Checks that a row is of the tenant that the transaction acts for.
///
/// # Errors
/// 42501 `wrong_tenant`; 23502 `fields_missing` where the row names no tenant.
pub fn check_tenant(of_row: Option<Uuid>, acting: &memory::Identity) -> Result<(), Refusal> {
    match of_row {
        Some(tenant) if tenant == acting.tenant => Ok(()),
        Some(_) => Err(wrong_tenant()),
        None => Err(Refusal::new(
            SqlState::ValueMissing,
            "fields_missing",
            "the row names no tenant: its tenant_id is null",
        )
        .with("missing_fields", vec!["tenant_id"])
        .hint(
            "Leave tenant_id out, so that it is your own by default, or give wo.current_tenant().",
        )),
    }
}

/// The refusal for what only administrators do.
pub fn not_an_administrator(what: &str) -> Refusal {
    Refusal::new(
        SqlState::NotPermitted,
        "not_an_administrator",
        format!("only members of wo_admin {what}"),
    )
}

/// Makes a tenant with what every tenant starts with, and what its template brings.
#[pg_extern(schema = "wo_private")]
#[search_path(pg_catalog, pg_temp)]
fn create_tenant(
    slug: Option<&str>,
    name: Option<&str>,
    default_lifecycle: Option<&str>,
    number_format: Option<&str>,
    template: Option<&str>,
) -> pgrx::Uuid {
    crate::kernel::version::check_tables();
    if !identity::login_is_member("wo_admin") {
        refuse(not_an_administrator("make tenants"));
    }
    let template = wo_rules::template::named(template.unwrap_or("regulated_change")).or_refuse();
    let tenant = crate::kernel::work_order::new_id(identity::now());
    memory::during(identity::administrator(tenant), || {
        let arguments = [
            uuid_argument(tenant),
            optional_text(slug),
            optional_text(name),
            text(default_lifecycle.unwrap_or(&template.default_lifecycle)),
            text(number_format.unwrap_or(&template.number_format)),
        ];
        ADD_TENANT.with(|statement| statement.store(&arguments));
        for (role, meaning) in crate::kernel::lifecycle::starting_roles() {
            let arguments = [uuid_argument(tenant), text(&role), text(&meaning)];
            ADD_ROLE.with(|statement| statement.store(&arguments));
        }
        // Before the shipped definitions: how they are released is asked of the policies.
        for policy in &template.definition_policies {
            let arguments = [
                uuid_argument(tenant),
                text(&policy.kind),
                text(&policy.release),
                optional_text(policy.author_role.as_deref()),
                optional_text(policy.release_role.as_deref()),
            ];
            ADD_DEFINITION_POLICY.with(|statement| statement.store(&arguments));
        }
        definition::notification::founding(|| {
            for (_, document) in wo_rules::lifecycle::SHIPPED {
                let arguments = [uuid_argument(tenant), text(document)];
                ADD_LIFECYCLE.with(|statement| statement.store(&arguments));
            }
        });
        fill(tenant, &template);
    });
    pgrx::Uuid::from_bytes(*tenant.as_bytes())
}

/// Adds what a template brings to a new tenant.
fn fill(tenant: Uuid, template: &Template) {
    let add = |statement: &Statement, arguments: &[Argument]| {
        statement.store(arguments);
    };
    for one in &template.principals {
        let attributes = serde_json::Value::Object(one.attributes.clone());
        let arguments = [
            uuid_argument(tenant),
            text(&one.id),
            text(&one.kind),
            text(one.name.as_deref().unwrap_or(&one.id)),
            argument(one.assignable),
            argument(pgrx::JsonB(attributes)),
        ];
        ADD_PRINCIPAL.with(|statement| add(statement, &arguments));
        for role in &one.roles {
            let arguments = [uuid_argument(tenant), text(&one.id), text(role)];
            ADD_PRINCIPAL_ROLE.with(|statement| add(statement, &arguments));
        }
    }
    for kind in &template.task_types {
        let arguments = [
            uuid_argument(tenant),
            text(&kind.task_type),
            text(kind.cost_class.name()),
            text(&kind.description),
        ];
        ADD_TASK_TYPE.with(|statement| add(statement, &arguments));
    }
    for engine in &template.engines {
        let arguments = [
            uuid_argument(tenant),
            text(&engine.engine),
            text(engine.cost_class.name()),
            argument(engine.capabilities.clone()),
            text(&engine.description),
        ];
        ADD_ENGINE.with(|statement| add(statement, &arguments));
    }
}

statement!(
    ADD_DEFINITION_POLICY,
    "insert into wo.definition_policy (tenant_id, kind, release, author_role, release_role)
     values ($1, $2, $3, $4, $5)",
    [UUIDOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID]
);
statement!(
    ADD_PRINCIPAL,
    "insert into wo.principal (tenant_id, id, kind, name, assignable, attributes) values ($1, $2, $3, $4, $5, $6)",
    [UUIDOID, TEXTOID, TEXTOID, TEXTOID, BOOLOID, JSONBOID]
);
statement!(
    ADD_PRINCIPAL_ROLE,
    "insert into wo.principal_role (tenant_id, principal, role) values ($1, $2, $3)",
    [UUIDOID, TEXTOID, TEXTOID]
);
statement!(
    ADD_TASK_TYPE,
    "insert into wo.task_type (tenant_id, task_type, cost_class, description) values ($1, $2, $3, $4)",
    [UUIDOID, TEXTOID, TEXTOID, TEXTOID]
);
statement!(
    ADD_ENGINE,
    "insert into wo.engine (tenant_id, engine, cost_class, capabilities, description) values ($1, $2, $3, $4, $5)",
    [UUIDOID, TEXTOID, TEXTOID, TEXTARRAYOID, TEXTOID]
);
statement!(
    ADD_TENANT,
    "insert into wo.tenant (tenant_id, slug, name, default_lifecycle, number_format) values ($1, $2, $3, $4, $5)",
    [UUIDOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID]
);
statement!(
    ADD_ROLE,
    "insert into wo.role (tenant_id, role, description) values ($1, $2, $3)",
    [UUIDOID, TEXTOID, TEXTOID]
);
statement!(
    ADD_LIFECYCLE,
    "insert into wo.lifecycle (tenant_id, name, version, definition, published_at)
     values ($1, $2::jsonb ->> 'name', null, $2::jsonb, null)",
    [UUIDOID, TEXTOID]
);
