//! Schema changes: DDL on our objects is on record in the audit trail.
//!
//! Event triggers add a mark in the transaction of the DDL and never refuse it. A job puts the marks into the chain
//! `schema` of the installation, so that no DDL waits for the lock of a chain, and no writer for DDL.

use super::configuration::record_of_installation;
use super::identity::{self, memory};
use super::job::{Job, Run, When};
use crate::pg::error::refuse;
use crate::pg::extension::OutsideTheExtension;
use crate::pg::registered;
use crate::pg::run_as::as_trail;
use crate::pg::source;
use crate::pg::statement::{Argument, Mode, Statement, argument, statement, text};
use pgrx::pg_sys;
use pgrx::prelude::*;
use std::cell::Cell;
use std::time::Duration;
use wo_rules::schema_change::{ACTION, Mark, SUBJECT, entries};
use wo_rules::work_order::write_suppressed;

// PL/pgSQL, because a function in SQL cannot return event_trigger, and because whatever fails in it must not refuse
// the DDL. A member of the extension, so that DROP EXTENSION takes the event triggers along.
extension_sql_file!("mark_ddl.sql", name = "mark_ddl");

/// The definition of the function that the event triggers call.
const MARK_DDL: &str = include_str!("mark_ddl.sql");

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
     select coalesce(pg_catalog.to_char(taken.changed_at at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"'), taken.changed_at::pg_catalog.text),
        taken.transaction_id, taken.command, taken.object_type, taken.object, taken.login_role,
        taken.client_address, taken.application
     from taken order by taken.changed_at, taken.mark",
    [INT4OID]
);
statement!(
    WORKING,
    "select installed.evtname::pg_catalog.text
     from pg_catalog.pg_event_trigger as installed
     join pg_catalog.pg_proc as called on called.oid = installed.evtfoid
     where installed.evtenabled = 'A' and installed.evttags is null
        and called.oid = pg_catalog.to_regprocedure('wo_private.mark_ddl()')
        and called.prosecdef and called.proowner = pg_catalog.to_regrole('wo_trail')
        and pg_catalog.replace(pg_catalog.array_to_string(called.proconfig, ';'), '\"', '')
            = 'search_path=pg_catalog, pg_temp;quote_all_identifiers=off;row_security=on'
        and pg_catalog.strpos($1, '$$' || called.prosrc || '$$') > 0
        and (installed.evtname, installed.evtevent) in (
            ('wo_core_ddl_command_end', 'ddl_command_end'), ('wo_core_sql_drop', 'sql_drop'))",
    [TEXTOID]
);
statement!(
    FOREIGN,
    "select 'rule ' || rule.rulename from pg_catalog.pg_rewrite as rule
     where rule.ev_class = pg_catalog.to_regclass('wo.ddl_mark')
     union all
     select 'trigger ' || added.tgname from pg_catalog.pg_trigger as added
     where added.tgrelid = pg_catalog.to_regclass('wo.ddl_mark') and not added.tgisinternal
        and added.tgname <> all ($1)
     order by 1",
    [TEXTARRAYOID]
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

/// Adds marks: a list of objects with the members command, object_type and object. The table may be of another version
/// than the library.
fn add(altered: serde_json::Value) {
    let expected = altered.as_array().map_or(0, Vec::len);
    let arguments = [
        argument(pgrx::JsonB(altered)),
        text(&source::login_role()),
        argument(source::client_address()),
    ];
    // Not kept: a plan that was made while a rule or a trigger suppressed the rows is never made anew.
    let statement = Statement::new(
        "insert into wo.ddl_mark
            (mark, changed_at, transaction_id, command, object_type, object, login_role, client_address, application)
         select pg_catalog.gen_random_uuid(), pg_catalog.clock_timestamp(), pg_catalog.pg_current_xact_id()::pg_catalog.text, mark.command,
            mark.object_type, mark.object, $2, $3,
            nullif(pg_catalog.current_setting('application_name'), '')
         from pg_catalog.jsonb_to_recordset($1) as mark (command text, object_type text, object text)
         returning mark",
        &[pg_sys::JSONBOID, pg_sys::TEXTOID, pg_sys::TEXTOID],
    );
    let added = registered::suspended(|| {
        as_trail(|| statement.run(Mode::Write, &arguments, |rows| rows.count()))
    });
    if added < expected {
        refuse(write_suppressed("wo.ddl_mark"));
    }
}

/// Adds marks in the transaction of the DDL.
#[pg_extern(schema = "wo_private", volatile, parallel_unsafe)]
fn add_ddl_marks(altered: pgrx::JsonB) {
    add(altered.0);
}

/// Whether a row of the catalogue was written by this transaction, by the transaction's id in it (`xmin`).
#[pg_extern(schema = "wo_private", volatile, parallel_unsafe)]
fn is_of_this_transaction(id: i64) -> bool {
    u32::try_from(id).is_ok_and(crate::pg::transaction::is_current)
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
    if crate::pg::oid::oid_of_name("ddl_mark").is_some() {
        add(serde_json::json!([{ "command": command, "object_type": "schema", "object": "wo" }]));
    }
}

/// What is wrong with the event triggers and with the table of the marks, one sentence each.
pub fn problems() -> Vec<String> {
    let texts = |statement: &Statement, arguments: &[Argument]| -> Vec<String> {
        statement.run(Mode::Latest, arguments, |rows| {
            (0..rows.count()).map(|row| rows.required(row, 1)).collect()
        })
    };
    let working = WORKING.with(|statement| texts(statement, &[text(MARK_DDL)]));
    let own: Vec<String> = wo_rules::schema::table("ddl_mark")
        .map(wo_rules::schema::triggers_of)
        .unwrap_or_default()
        .into_iter()
        .map(|trigger| trigger.name.to_owned())
        .collect();
    let foreign = FOREIGN.with(|statement| texts(statement, &[argument(own)]));
    let broken =
        EVENT_TRIGGERS.into_iter().filter(|(name, _)| !working.iter().any(|one| one == name));
    broken
        .map(|(name, _)| {
            format!("the event trigger {name} is missing, altered or not enabled always: DDL is not recorded")
        })
        .chain(foreign.into_iter().map(|what| {
            format!("the {what} on wo.ddl_mark may keep DDL from being recorded: drop it")
        }))
        .collect()
}

/// The entries about schema changes since a time: the sequence, and the changes as the text of a JSON object. They
/// concern all tenants.
#[pg_extern(schema = "wo_private", stable, parallel_restricted)]
#[search_path(pg_catalog, pg_temp)]
fn schema_entries(
    since: TimestampWithTimeZone,
) -> TableIterator<'static, (name!(sequence, i64), name!(changes, String))> {
    super::version::check_tables();
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

/// Whether the enforcement layer alters its own objects just now, or a script of the extension does.
#[pg_extern(schema = "wo_private", volatile, parallel_unsafe)]
fn is_enforcing() -> bool {
    IS_ENFORCING.get() || crate::pg::extension::is_own_script()
}
