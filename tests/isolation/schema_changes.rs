//! DDL on the objects of wo_core is an entry of the audit trail, whatever role runs it.

use postgres::Client;
use serde_json::Value;
use wo_cluster_tests::{Cluster, Database};

use super::stage::{LEVELS, Stage, started, transition};

/// The entries about schema changes: who ran the commands, and the commands with their objects.
fn entries(client: &mut Client) -> Vec<(String, Vec<String>)> {
    let rows = client
        .query(
            "select changes::text from wo.audit_entry
             where tenant_id = '00000000-0000-0000-0000-000000000000' and subject = 'schema'
             order by sequence",
            &[],
        )
        .unwrap();
    rows.iter()
        .map(|row| {
            let changes: Value = serde_json::from_str(row.get(0)).unwrap();
            let commands = changes["commands"].as_array().unwrap().iter().map(|command| {
                let part = |name: &str| command[name].as_str().unwrap();
                format!("{} {} {}", part("command"), part("object_type"), part("object"))
            });
            (changes["login_role"].as_str().unwrap().to_owned(), commands.collect())
        })
        .collect()
}

fn tick(stage: &Stage<'_>) {
    stage.admin().batch_execute("select wo.tick()").unwrap();
}

/// What one script leaves in the trail, of this database.
fn recorded(stage: &Stage<'_>, root: &mut Client, ddl: &str) -> Vec<String> {
    tick(stage);
    let before = entries(root).len();
    root.batch_execute(ddl).unwrap_or_else(|error| panic!("{ddl}: {error:?}"));
    tick(stage);
    entries(root).into_iter().skip(before).flat_map(|(_, commands)| commands).collect()
}

fn intact(stage: &Stage<'_>) -> bool {
    let mut root = stage.db.superuser();
    root.batch_execute("begin; select wo.administer('acme')").unwrap();
    let rows = root.query("select intact from wo.verify_audit()", &[]).unwrap();
    rows.iter().all(|row| row.get(0))
}

/// An auditor who sees that a check was off for an hour must find who altered it; otherwise DDL is the
/// one change of the system that nobody can be asked about.
#[test]
fn each_kind_of_alteration_is_in_the_trail_with_its_object() {
    let stage = Stage::new(Cluster::shared());
    let mut root = stage.db.superuser();
    root.batch_execute(
        "create function public.nothing() returns trigger language plpgsql as 'begin return new; end'",
    )
    .unwrap();
    for (ddl, expected) in [
        ("alter table wo.work_order add column color text", "ALTER TABLE table wo.work_order"),
        (
            "comment on column wo.work_order.color is 'x'",
            "COMMENT table column wo.work_order.color",
        ),
        (
            "create policy more on wo.work_order using (true)",
            "CREATE POLICY policy more on wo.work_order",
        ),
        (
            "alter policy more on wo.work_order using (false)",
            "ALTER POLICY policy more on wo.work_order",
        ),
        ("drop policy more on wo.work_order", "DROP POLICY policy more on wo.work_order"),
        (
            "create trigger zz before insert on wo.approval for each row execute function public.nothing()",
            "CREATE TRIGGER trigger zz on wo.approval",
        ),
        ("alter table wo.approval disable trigger zz", "ALTER TABLE table wo.approval"),
        ("drop trigger zz on wo.approval", "DROP TRIGGER trigger zz on wo.approval"),
        (
            "create rule r as on delete to wo.finding do instead nothing",
            "CREATE RULE rule r on wo.finding",
        ),
        ("drop rule r on wo.finding", "DROP RULE rule r on wo.finding"),
        ("create index i on wo.work_order (color)", "CREATE INDEX index wo.i"),
        ("drop index wo.i", "DROP INDEX index wo.i"),
        (
            "alter table wo.work_order drop column color",
            "ALTER TABLE table column wo.work_order.color",
        ),
        (
            "alter function wo_private.in_force() cost 7; alter function wo_private.in_force() cost 1",
            "ALTER FUNCTION function wo_private.in_force()",
        ),
        ("grant update on wo.event to wo_user", "GRANT table wo.event"),
        ("revoke update on wo.event from wo_user", "REVOKE table wo.event"),
        (
            "grant select (position) on wo.event to wo_user",
            "GRANT table column wo.event.\"position\"",
        ),
        (
            "begin; savepoint s; grant delete on wo.event to wo_user; release s; commit",
            "GRANT table wo.event",
        ),
        ("revoke delete on wo.event from wo_user", "REVOKE table wo.event"),
        (
            "revoke select (position) on wo.event from wo_user",
            "REVOKE table column wo.event.\"position\"",
        ),
        (
            "create materialized view wo.m as select 1 as one",
            "CREATE MATERIALIZED VIEW materialized view wo.m",
        ),
        ("grant select on wo.m to wo_user", "GRANT materialized view wo.m"),
        ("drop materialized view wo.m", "DROP MATERIALIZED VIEW materialized view wo.m"),
        ("create table public.child () inherits (wo.finding)", "CREATE TABLE table public.child"),
        ("drop table public.child; create table public.child (t uuid, i uuid)", ""),
        (
            "alter table public.child add foreign key (t, i) references wo.work_order (tenant_id, id)",
            "ALTER TABLE table public.child",
        ),
        ("alter table public.child add column other int; drop table public.child", ""),
        (
            "alter default privileges for role wo_owner in schema wo grant select on tables to wo_user",
            "ALTER DEFAULT PRIVILEGES default privileges of wo_owner",
        ),
        (
            "alter default privileges for role wo_owner in schema wo revoke select on tables from wo_user",
            "",
        ),
        ("alter table wo.approval set schema public", "ALTER TABLE table public.approval"),
        ("drop policy tenant_isolation on public.approval", ""),
        ("alter table public.approval disable trigger user", "ALTER TABLE table public.approval"),
        (
            "alter table public.approval enable trigger user; alter table public.approval set schema wo",
            "ALTER TABLE table wo.approval",
        ),
        ("set quote_all_identifiers = on; comment on schema wo is 'x'", "COMMENT schema wo"),
        (
            "grant delete on wo.event to wo_user; revoke delete on wo.event from wo_user;
             reset quote_all_identifiers",
            "GRANT table wo.event",
        ),
        ("grant usage on schema wo_private to public", "GRANT schema wo_private"),
        ("revoke usage on schema wo_private from public", "REVOKE schema wo_private"),
        ("create table wo.another (a int)", "CREATE TABLE table wo.another"),
        ("drop table wo.another", "DROP TABLE table wo.another"),
        ("alter schema wo owner to wo_owner", "ALTER SCHEMA schema wo"),
        ("alter table wo.work_order owner to wo_owner", "ALTER TABLE table wo.work_order"),
    ] {
        let found = recorded(&stage, &mut root, ddl);
        // What is not ours, or is only the way back.
        if expected.is_empty() {
            continue;
        }
        assert!(found.iter().any(|one| one == expected), "{ddl}: {found:?}");
    }
    root.batch_execute("select wo_private.enforce()").unwrap();
    assert!(intact(&stage));
}

/// The entry names who ran the DDL, not who ran the job, and all commands of a transaction together.
#[test]
fn a_transaction_is_one_entry_with_its_login_role() {
    let stage = Stage::new(Cluster::shared());
    let mut root = stage.db.superuser();
    tick(&stage);
    let before = entries(&mut root).len();
    root.batch_execute(
        "begin; set role wo_owner; alter table wo.approval add column a int;
         alter table wo.finding add column a int; commit; reset role",
    )
    .unwrap();
    tick(&stage);
    let found = entries(&mut root).split_off(before);
    let commands = ["ALTER TABLE table wo.approval", "ALTER TABLE table wo.finding"];
    assert_eq!(found, [("postgres".to_owned(), commands.map(str::to_owned).to_vec())]);
    let left: i64 = root.query_one("select count(*) from wo.ddl_mark", &[]).unwrap().get(0);
    assert_eq!(left, 0);
}

/// An auditor reads the trail directly; the entries belong to no tenant, and row security hides them.
#[test]
fn administrators_and_auditors_read_the_changes_and_users_do_not() {
    let stage = Stage::new(Cluster::shared());
    stage.db.login("aud", &["wo_auditor"]);
    let mut root = stage.db.superuser();
    root.batch_execute("alter table wo.finding add column a int, add column b int").unwrap();
    tick(&stage);
    let ask =
        "select changed_at > now() - interval '1 hour', login_role, command, object_type, object
         from wo.schema_changes() where object = 'wo.finding'";
    for login in ["aud", "adm"] {
        let rows = stage.client(login).query(ask, &[]).unwrap();
        assert_eq!(rows.len(), 1, "{login}");
        assert!(rows[0].get::<_, bool>(0));
        let said: Vec<String> = (1..5).map(|column| rows[0].get(column)).collect();
        assert_eq!(said, ["postgres", "ALTER TABLE", "table", "wo.finding"]);
        let later = "select count(*) from wo.schema_changes(since => now() + interval '1 hour')";
        assert_eq!(stage.client(login).query_one(later, &[]).unwrap().get::<_, i64>(0), 0);
    }
    let error = stage.captain().batch_execute("select wo.schema_changes()").unwrap_err();
    assert_eq!(error.code().unwrap().code(), "42501");
}

/// Otherwise each temporary table of an application fills the trail.
#[test]
fn what_concerns_other_objects_is_not_recorded() {
    let stage = Stage::new(Cluster::shared());
    let mut root = stage.db.superuser();
    stage.captain().batch_execute("create temporary table t (a int); drop table t").unwrap();
    let found = recorded(
        &stage,
        &mut root,
        "create table public.t (a int); grant select on public.t to wo_user; alter table public.t add b int;
         create index on public.t (b); create policy p on public.t; drop table public.t;
         create schema other; create function other.f() returns int language sql as 'select 1'; drop schema other cascade;
         begin; alter table wo.work_order add column gone int; rollback",
    );
    assert_eq!(found, Vec::<String>::new());
}

/// Otherwise an alteration that is made while triggers are off, as a replica applies rows, leaves no trace.
#[test]
fn it_is_recorded_in_the_replica_role_too() {
    let stage = Stage::new(Cluster::shared());
    let mut root = stage.db.superuser();
    let found = recorded(
        &stage,
        &mut root,
        "set session_replication_role = replica; alter table wo.finding add column a int;
         set session_replication_role = origin",
    );
    assert_eq!(found, ["ALTER TABLE table wo.finding"]);
}

/// Otherwise DDL in flight stops the job, and with it the marks of everybody else, or ends in a deadlock.
#[test]
fn the_job_and_ddl_do_not_wait_for_each_other() {
    for level in LEVELS {
        let stage = Stage::new(Cluster::shared());
        let mut root = stage.db.superuser();
        let mut other = stage.db.superuser();
        tick(&stage);
        let before = entries(&mut root).len();
        other
            .batch_execute(&format!(
                "begin isolation level {level}; alter table wo.approval add column first int"
            ))
            .unwrap();
        root.batch_execute("alter table wo.finding add column second int").unwrap();
        tick(&stage);
        let second = entries(&mut root).split_off(before);
        assert_eq!(second.len(), 1, "{second:?}");
        // In the other order: the job holds its locks while DDL goes on.
        let mut admin = stage.admin();
        admin.batch_execute("begin; select wo.tick()").unwrap();
        other.batch_execute("alter table wo.approval add column third int; commit").unwrap();
        admin.batch_execute("commit").unwrap();
        tick(&stage);
        let both = entries(&mut root).split_off(before + 1);
        assert_eq!(both.len(), 1, "{both:?}");
        assert_eq!(both[0].1, ["ALTER TABLE table wo.approval"]);
    }
}

/// A transition goes on beside the marks, and nobody but a superuser removes one.
#[test]
fn no_role_writes_the_marks() {
    let stage = Stage::new(Cluster::shared());
    let mut root = stage.db.superuser();
    root.batch_execute("alter table wo.finding add column a int").unwrap();
    for login in ["cap", "adm"] {
        for write in [
            "delete from wo.ddl_mark",
            "insert into wo.ddl_mark (command, object_type, object) values ('x', 'x', 'x')",
            "update wo.ddl_mark set login_role = 'x'",
            "select wo_private.mark_ddl()",
        ] {
            let error = stage.client(login).batch_execute(write).unwrap_err();
            assert_eq!(error.code().unwrap().code(), "42501", "{login}: {write}: {error:?}");
        }
    }
    let error = root.batch_execute("update wo.ddl_mark set login_role = 'x'").unwrap_err();
    assert_eq!(error.code().unwrap().code(), "42501");
}

/// A mark that cannot be written must not keep a DBA from repairing the table.
#[test]
fn ddl_is_never_refused() {
    let stage = Stage::new(Cluster::shared());
    stage.db.allow_in_log("this command was not marked for the audit trail of wo_core");
    let mut root = stage.db.superuser();
    root.batch_execute("alter table wo.ddl_mark rename to elsewhere").unwrap();
    root.batch_execute("alter table wo.finding add column a int").unwrap();
    root.batch_execute("alter table wo.elsewhere rename to ddl_mark").unwrap();
}

/// Who switches the recording off must be seen, and `enforce()` brings it back and is itself on record.
#[test]
fn a_missing_event_trigger_is_reported_and_put_back() {
    let stage = Stage::new(Cluster::shared());
    let mut root = stage.db.superuser();
    for (damage, name) in [
        ("drop event trigger wo_core_sql_drop", "wo_core_sql_drop"),
        ("alter event trigger wo_core_ddl_command_end disable", "wo_core_ddl_command_end"),
        ("alter event trigger wo_core_ddl_command_end enable", "wo_core_ddl_command_end"),
        (
            "drop event trigger wo_core_sql_drop;
             create event trigger wo_core_sql_drop on sql_drop when tag in ('DROP VIEW')
                execute function wo_private.mark_ddl();
             alter event trigger wo_core_sql_drop enable always",
            "wo_core_sql_drop",
        ),
    ] {
        root.batch_execute(damage).unwrap();
        let (severity, detail): (String, String) = {
            let row = root
                .query_one(
                    "select severity, detail from wo.health() where subject = 'records'",
                    &[],
                )
                .unwrap();
            (row.get(0), row.get(1))
        };
        assert_eq!(severity, "bad", "{damage}");
        assert!(detail.contains(&format!("the event trigger {name} is")), "{damage}: {detail}");
        // The work goes on.
        let mut captain = stage.captain();
        let number = started(&mut captain);
        transition(&mut captain, &number, "review").unwrap();
        let found = recorded(&stage, &mut root, "select wo_private.enforce()");
        assert_eq!(found, ["select wo_private.enforce() schema wo"], "{damage}");
        let problems: Vec<String> =
            root.query_one("select wo_private.table_problems()", &[]).unwrap().get(0);
        assert!(problems.is_empty(), "{problems:?}");
    }
}

/// Marks that wait are shown: the worker is not there, or cannot do it.
#[test]
fn health_shows_marks_that_wait() {
    let stage = Stage::new(Cluster::shared());
    let mut root = stage.db.superuser();
    tick(&stage);
    let health = |root: &mut Client| -> (String, String) {
        let row = root
            .query_one(
                "select severity, detail from wo.health() where subject = 'schema changes'",
                &[],
            )
            .unwrap();
        (row.get(0), row.get(1))
    };
    assert_eq!(health(&mut root).0, "good");
    root.batch_execute(
        "insert into wo.ddl_mark (mark, command, object_type, object, changed_at, transaction_id, login_role)
         values (gen_random_uuid(), 'ALTER TABLE', 'table', 'wo.finding', now() - interval '1 hour', '1', 'x'),
            (gen_random_uuid(), 'ALTER TABLE', 'table', 'wo.finding', '-infinity', '2', 'x')",
    )
    .unwrap();
    let (severity, detail) = health(&mut root);
    assert_eq!(severity, "warning");
    assert!(detail.starts_with("2 alterations"), "{detail}");
    tick(&stage);
    assert_eq!(health(&mut root).0, "good");
}

fn event_triggers(db: &Database<'_>) -> i64 {
    let count =
        "select count(*) from pg_event_trigger where evtname like 'wo_core%' and evtenabled = 'A'";
    db.superuser().query_one(count, &[]).unwrap().get(0)
}

/// A restore brings the event triggers last, so that it does not mark each object that it makes.
#[test]
fn a_restored_database_records_ddl_and_not_its_own_restore() {
    let stage = Stage::new(Cluster::shared());
    tick(&stage);
    let before = entries(&mut stage.db.superuser());
    let dump = stage.db.dump();
    let restored = stage.db.cluster().empty_database();
    restored.restore(&dump).unwrap();
    let copy = Stage { db: restored };
    assert_eq!(event_triggers(&copy.db), 2);
    let mut root = copy.db.superuser();
    root.batch_execute("select wo.tick()").unwrap();
    assert_eq!(entries(&mut root), before);
    let found = recorded(&copy, &mut root, "alter table wo.finding add column a int");
    assert_eq!(found, ["ALTER TABLE table wo.finding"]);
}

/// The event triggers end with the extension and come back with `enforce()`.
#[test]
fn they_follow_the_extension() {
    let stage = Stage::new(Cluster::shared());
    let mut root = stage.db.superuser();
    root.batch_execute("drop extension wo_core cascade").unwrap();
    assert_eq!(event_triggers(&stage.db), 0);
    root.batch_execute("alter table wo.finding add column a int").unwrap();
    root.batch_execute("create extension wo_core; select wo_private.enforce()").unwrap();
    assert_eq!(event_triggers(&stage.db), 2);
    tick(&stage);
    let found = recorded(&stage, &mut root, "alter table wo.finding drop column a");
    assert_eq!(found, ["ALTER TABLE table column wo.finding.a", "ALTER TABLE table wo.finding"]);
}

/// What stands on the table of the marks runs in every DDL of ours, as a role that may do nothing else: otherwise its owner
/// becomes a superuser.
#[test]
fn nothing_on_the_table_of_the_marks_runs_as_a_superuser() {
    let stage = Stage::new(Cluster::shared());
    let mut root = stage.db.superuser();
    root.batch_execute(
        "create table public.ran (by_role text); grant insert on public.ran to public;
         create function public.ran() returns trigger language plpgsql as $$ begin
            insert into public.ran values (current_user); return new;
         end $$;
         create trigger zz before insert on wo.ddl_mark for each row execute function public.ran();
         alter table wo.finding add column a int",
    )
    .unwrap();
    let roles: Vec<String> = root
        .query("select distinct by_role from public.ran", &[])
        .unwrap()
        .iter()
        .map(|row| row.get(0))
        .collect();
    assert_eq!(roles, ["wo_trail"]);
}

/// A rule or a trigger there swallows marks; a session that met one goes on marking when it is gone.
#[test]
fn what_may_swallow_marks_is_reported() {
    let stage = Stage::new(Cluster::shared());
    stage.db.allow_in_log("this command was not marked for the audit trail of wo_core");
    let mut root = stage.db.superuser();
    let problems = |root: &mut Client| -> Vec<String> {
        root.query_one("select wo_private.table_problems()", &[]).unwrap().get(0)
    };
    root.batch_execute("create rule r as on insert to wo.ddl_mark do instead nothing").unwrap();
    assert!(problems(&mut root).iter().any(|one| one.starts_with("the rule r on wo.ddl_mark")));
    root.batch_execute("drop rule r on wo.ddl_mark").unwrap();
    let found = recorded(&stage, &mut root, "alter table wo.finding add column a int");
    assert_eq!(found, ["ALTER TABLE table wo.finding"]);
    root.batch_execute(
        "create function public.no() returns trigger language plpgsql as 'begin return null; end';
         create trigger zz before insert on wo.ddl_mark for each row execute function public.no()",
    )
    .unwrap();
    assert!(problems(&mut root).iter().any(|one| one.starts_with("the trigger zz on wo.ddl_mark")));
    root.batch_execute("drop trigger zz on wo.ddl_mark").unwrap();
    for damage in [
        "create or replace function wo_private.mark_ddl() returns event_trigger language plpgsql
            security definer set search_path = pg_catalog, pg_temp set quote_all_identifiers = off
            set row_security = on as 'begin end'",
        "alter function wo_private.mark_ddl() security invoker",
        "alter function wo_private.mark_ddl() owner to postgres",
        "alter function wo_private.mark_ddl() reset search_path",
    ] {
        root.batch_execute(&format!("begin; {damage}")).unwrap();
        let found = problems(&mut root);
        assert!(found.iter().any(|one| one.contains("wo_core_sql_drop")), "{damage}: {found:?}");
        root.batch_execute("rollback").unwrap();
    }
    assert_eq!(problems(&mut root), Vec::<String>::new());
}

/// A GRANT names no object to an event trigger: what another transaction wrote, and what its caller may not grant, is not
/// its doing. Otherwise each user writes what they want into the trail of the installation.
#[test]
fn no_grant_is_recorded_that_did_not_happen() {
    let stage = Stage::new(Cluster::shared());
    let mut root = stage.db.superuser();
    let mut captain = stage.captain();
    tick(&stage);
    let before = entries(&mut root).len();
    captain.batch_execute("begin; create temporary table t (a int)").unwrap();
    root.batch_execute(
        "grant delete on wo.event to wo_user; revoke delete on wo.event from wo_user",
    )
    .unwrap();
    captain.batch_execute("grant select on t to mate; commit").unwrap();
    captain
        .batch_execute(
            "grant select on wo.event to mate; revoke all on wo.work_order from mate;
             alter default privileges grant select on tables to public",
        )
        .unwrap();
    tick(&stage);
    let found = entries(&mut root).split_off(before);
    let by: Vec<&str> = found.iter().map(|(login, _)| login.as_str()).collect();
    assert_eq!(by, ["postgres"], "{found:?}");
}

/// A lock on the table of the marks, or its absence, concerns nobody but those who alter our objects.
#[test]
fn other_ddl_does_not_touch_the_table_of_the_marks() {
    let stage = Stage::new(Cluster::shared());
    let mut root = stage.db.superuser();
    let mut captain = stage.captain();
    root.batch_execute("begin; lock table wo.ddl_mark").unwrap();
    captain
        .batch_execute(
            "set lock_timeout = '1s'; create temporary table t (a int); grant select on t to mate; drop table t",
        )
        .unwrap();
    root.batch_execute("rollback").unwrap();
    // A warning would stand in the log, which is read when the database is dropped.
}

/// Two transactions that alter different objects do not conflict, at any isolation level.
#[test]
fn marks_of_two_transactions_do_not_conflict() {
    for level in LEVELS {
        let stage = Stage::new(Cluster::shared());
        let (mut one, mut other) = (stage.db.superuser(), stage.db.superuser());
        for (client, table) in [(&mut one, "event"), (&mut other, "approval")] {
            client
                .batch_execute(&format!(
                    "begin isolation level {level}; grant update on wo.{table} to wo_bridge"
                ))
                .unwrap();
        }
        one.batch_execute("commit").unwrap();
        other.batch_execute("commit").unwrap_or_else(|error| panic!("{level}: {error:?}"));
    }
}

/// Otherwise the setting of one database makes every table look altered.
#[test]
fn quote_all_identifiers_changes_nothing() {
    let stage = Stage::new(Cluster::shared());
    let name = stage.db.name();
    let mut root = stage.db.superuser();
    root.batch_execute(&format!("alter database {name} set quote_all_identifiers = on")).unwrap();
    let mut captain = stage.captain();
    let number = started(&mut captain);
    transition(&mut captain, &number, "review").unwrap();
    tick(&stage);
    assert!(intact(&stage));
    let mut root = stage.db.superuser();
    let problems: Vec<String> =
        root.query_one("select wo_private.table_problems()", &[]).unwrap().get(0);
    assert_eq!(problems, Vec::<String>::new());
    root.batch_execute("select wo_private.enforce()").unwrap();
}
