//! Schema changes: DDL on our objects is on record in the audit trail.
//!
//! Event triggers add a mark in the transaction of the DDL and never refuse it. A job puts the marks into the chain
//! `schema` of the installation, so that no DDL waits for the lock of a chain, and no writer for DDL.

use super::configuration::record_of_installation;
use super::identity::{self, memory};
use super::job::{Job, Run, When};
use crate::pg::extension::OutsideTheExtension;
use crate::pg::run_as::as_trail;
use crate::pg::statement::{Mode, Statement, argument, statement, text};
use pgrx::prelude::*;
use std::cell::Cell;
use std::time::Duration;
use wo_rules::schema_change::{ACTION, Mark, SUBJECT, entries};

// PL/pgSQL, because a function in SQL cannot return event_trigger, and because whatever fails in it must not refuse
// the DDL. A member of the extension, so that DROP EXTENSION takes the event triggers along.
extension_sql!(
    r#"
create function wo_private.mark_ddl() returns event_trigger
    language plpgsql security definer
    set search_path = pg_catalog, pg_temp
    as $$
    declare
        altered jsonb;
    begin
        if tg_event = 'sql_drop' then
            select jsonb_agg(jsonb_build_object('command', tg_tag, 'object_type', dropped.object_type,
                'object', dropped.object_identity)) into altered
            from pg_event_trigger_dropped_objects() as dropped
            -- What depends on another dropped object as a part of it is dropped with it, and is not named.
            where (dropped.original or dropped.normal)
                and (
                    coalesce(dropped.schema_name,
                        case when dropped.object_type = 'schema' then dropped.object_name else dropped.address_names[1] end)
                        in ('wo', 'wo_private')
                    or dropped.object_type = 'extension' and dropped.object_name = 'wo_core'
                );
        else
            select jsonb_agg(to_jsonb(ours)) into altered
            from (
                select done.command_tag as command, done.object_type, done.object_identity as object
                from pg_event_trigger_ddl_commands() as done
                left join pg_policy as policy on done.classid = 'pg_policy'::regclass and policy.oid = done.objid
                left join pg_trigger as trigger on done.classid = 'pg_trigger'::regclass and trigger.oid = done.objid
                left join pg_rewrite as rule on done.classid = 'pg_rewrite'::regclass and rule.oid = done.objid
                left join pg_class as held on held.oid = coalesce(policy.polrelid, trigger.tgrelid, rule.ev_class)
                where not done.in_extension
                    and (
                        done.schema_name in ('wo', 'wo_private')
                        or held.relnamespace in (to_regnamespace('wo'), to_regnamespace('wo_private'))
                        or done.object_type = 'schema' and done.object_identity in ('wo', 'wo_private')
                        or done.object_type = 'extension' and done.object_identity = 'wo_core'
                    )
                union all
                select done.command_tag, lower(done.object_type), 'default privileges'
                from pg_event_trigger_ddl_commands() as done
                where not done.in_extension and done.command_tag = 'ALTER DEFAULT PRIVILEGES'
                union all
                -- GRANT and REVOKE name no object: those of ours whose row in the catalogue is of this transaction.
                select done.command_tag, granted.object_type, granted.object
                from pg_event_trigger_ddl_commands() as done
                cross join (
                    select case when held.relkind = 'S' then 'sequence' when held.relkind = 'v' then 'view' else 'table' end,
                        format('%I.%I', held.relnamespace::regnamespace::text, held.relname), held.xmin
                    from pg_class as held
                    where held.relnamespace in (to_regnamespace('wo'), to_regnamespace('wo_private'))
                        and held.relkind in ('r', 'p', 'v', 'S') and held.relacl is not null
                    union all
                    select 'table column', format('%I.%I.%I', held.relnamespace::regnamespace::text, held.relname, attribute.attname), attribute.xmin
                    from pg_class as held
                    join pg_attribute as attribute on attribute.attrelid = held.oid and attribute.attnum > 0
                    where held.relnamespace in (to_regnamespace('wo'), to_regnamespace('wo_private'))
                        and attribute.attacl is not null
                    union all
                    select 'function', routine.oid::regprocedure::text, routine.xmin
                    from pg_proc as routine
                    where routine.pronamespace in (to_regnamespace('wo'), to_regnamespace('wo_private'))
                        and routine.proacl is not null
                    union all
                    select 'type', format_type(domain.oid, null), domain.xmin
                    from pg_type as domain
                    where domain.typnamespace in (to_regnamespace('wo'), to_regnamespace('wo_private'))
                        and domain.typacl is not null
                    union all
                    select 'schema', home.nspname, home.xmin
                    from pg_namespace as home
                    where home.nspname in ('wo', 'wo_private')
                ) as granted (object_type, object, written_by)
                where not done.in_extension and done.command_tag in ('GRANT', 'REVOKE')
                    -- Its subtransactions have later ids than the transaction itself.
                    and age(granted.written_by) <= age(pg_current_xact_id()::xid)
                    -- Its earlier commands have written the rows of theirs.
                    and not exists (
                        select from wo.ddl_mark as known
                        where known.transaction_id = pg_current_xact_id()::text and known.command = done.command_tag
                            and known.object_type = granted.object_type and known.object = granted.object
                    )
            ) as ours;
        end if;
        -- Asked for our own objects alone: the first call in a session loads the library.
        if altered is null or wo_private.is_enforcing() then
            return;
        end if;
        insert into wo.ddl_mark (command, object_type, object)
        select mark.command, mark.object_type, mark.object
        from jsonb_to_recordset(altered) as mark (command text, object_type text, object text);
    exception when others then
        raise warning 'this command was not marked for the audit trail of wo_core: %', sqlerrm;
    end
    $$;
comment on function wo_private.mark_ddl() is 'Adds a row to wo.ddl_mark for each object of wo_core that a command altered. It never refuses the command.';
"#,
    name = "mark_ddl"
);

thread_local! {
    /// Whether the enforcement layer alters its own objects just now: that is marked as a whole.
    static IS_ENFORCING: Cell<bool> = const { Cell::new(false) };
}

/// The event triggers: the name, and the event.
const EVENT_TRIGGERS: [(&str, &str); 2] =
    [("wo_core_ddl_command_end", "ddl_command_end"), ("wo_core_sql_drop", "sql_drop")];

/// How many marks become entries at once.
const BATCH: i32 = 1000;

/// The job that puts the marks into the trail.
pub const JOB: Job = Job {
    name: "schema_changes_recorded",
    when: When::Every(|| Duration::from_secs(5)),
    batch: BATCH,
    run: Run::Installation(record),
};

statement!(
    TAKE,
    "with taken as (
        delete from wo.ddl_mark as mark
        where mark.mark in (
            select next.mark from wo.ddl_mark as next order by next.changed_at, next.mark limit $1)
        returning mark.*
     )
     select pg_catalog.to_char(taken.changed_at at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"'),
        taken.transaction_id, taken.command, taken.object_type, taken.object, taken.login_role,
        taken.client_address, taken.application
     from taken order by taken.changed_at, taken.mark",
    [INT4OID]
);
statement!(
    ADD,
    "insert into wo.ddl_mark (command, object_type, object) values ($1, 'schema', 'wo')",
    [TEXTOID]
);
statement!(
    WORKING,
    "select installed.evtname::pg_catalog.text
     from pg_catalog.pg_event_trigger as installed
     where installed.evtenabled = 'A' and installed.evttags is null
        and installed.evtfoid = pg_catalog.to_regprocedure('wo_private.mark_ddl()')
        and (installed.evtname, installed.evtevent) in (
            ('wo_core_ddl_command_end', 'ddl_command_end'), ('wo_core_sql_drop', 'sql_drop'))",
    []
);

statement!(
    ENTRIES,
    "select entry.sequence, entry.changes::pg_catalog.text
     from wo.audit_chain as chain
     join wo.audit_entry as entry
        on entry.tenant_id = chain.tenant_id and entry.subject_id = chain.subject_id
     where chain.tenant_id = wo_private.current_tenant() and chain.subject = 'schema'
        and entry.recorded_at >= $1
     order by entry.sequence",
    [TIMESTAMPTZOID]
);

/// Puts the oldest marks into the trail. Gives how many.
fn record() -> i32 {
    let marks: Vec<Mark> = as_trail(|| {
        TAKE.with(|statement| {
            statement.run(Mode::Write, &[argument(BATCH)], |rows| {
                (0..rows.count())
                    .map(|row| Mark {
                        changed_at: rows.required(row, 1),
                        transaction_id: rows.required(row, 2),
                        command: rows.required(row, 3),
                        object_type: rows.required(row, 4),
                        object: rows.required(row, 5),
                        login_role: rows.required(row, 6),
                        client_address: rows.get(row, 7),
                        application: rows.get(row, 8),
                    })
                    .collect()
            })
        })
    });
    for changes in entries(&marks) {
        record_of_installation(SUBJECT, "[\"wo\"]", ACTION, None, changes);
    }
    i32::try_from(marks.len()).unwrap_or(i32::MAX)
}

/// Makes the event triggers, which belong to the database as the tables do. For superusers.
pub fn install() {
    let outside = OutsideTheExtension::enter();
    for (name, event) in EVENT_TRIGGERS {
        Statement::new(
            format!(
                "drop event trigger if exists {name};
                 create event trigger {name} on {event} execute function wo_private.mark_ddl();
                 alter event trigger {name} enable always;
                 comment on event trigger {name} is
                    'Marks DDL on the objects of wo_core in wo.ddl_mark, from where it gets into the audit trail.'"
            ),
            &[],
        )
        .run_unkept();
    }
    drop(outside);
}

/// Runs `act`, whose commands are not marked one by one, and marks them as one command. For superusers.
pub fn as_one_command(command: &str, act: impl FnOnce()) {
    /// Puts the flag back, by an ERROR too.
    struct Enforcing(bool);
    impl Drop for Enforcing {
        fn drop(&mut self) {
            IS_ENFORCING.set(self.0);
        }
    }
    let enforcing = Enforcing(IS_ENFORCING.replace(true));
    act();
    drop(enforcing);
    // Where the tables of the version before do not have it yet, or a DBA removed it.
    if crate::pg::relation::oid_of_name("ddl_mark").is_some() {
        ADD.with(|statement| statement.store(&[text(command)]));
    }
}

/// What is wrong with the event triggers, one sentence each.
pub fn problems() -> Vec<String> {
    let working: Vec<String> = WORKING.with(|statement| {
        statement.run(Mode::Latest, &[], |rows| {
            (0..rows.count()).map(|row| rows.required(row, 1)).collect()
        })
    });
    EVENT_TRIGGERS
        .into_iter()
        .filter(|(name, _)| !working.iter().any(|one| one == name))
        .map(|(name, _)| {
            format!("the event trigger {name} is missing, altered or not enabled always: DDL is not recorded")
        })
        .collect()
}

/// The entries about schema changes since a time: the sequence, and the changes as the text of a JSON object. They
/// concern all tenants.
#[pg_extern(schema = "wo_private", stable, parallel_restricted)]
#[search_path(pg_catalog, pg_temp)]
fn schema_entries(
    since: TimestampWithTimeZone,
) -> TableIterator<'static, (name!(sequence, i64), name!(changes, String))> {
    super::install::check_tables();
    let entries: Vec<(i64, String)> = memory::during(identity::installation(), || {
        as_trail(|| {
            ENTRIES.with(|statement| {
                statement.run(Mode::Latest, &[argument(since)], |rows| {
                    (0..rows.count())
                        .map(|row| (rows.required(row, 1), rows.required(row, 2)))
                        .collect()
                })
            })
        })
    });
    TableIterator::new(entries)
}

/// Whether the enforcement layer alters its own objects just now.
#[pg_extern(schema = "wo_private", volatile, parallel_unsafe)]
fn is_enforcing() -> bool {
    IS_ENFORCING.get()
}
