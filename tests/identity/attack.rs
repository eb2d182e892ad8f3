//! What a member of wo_user could try with plain SQL.

use std::sync::{Arc, Mutex};

use postgres::{Client, NoTls};
use wo_cluster_tests::{Cluster, db_error, refused};

use crate::identity::harness::{SECRET, World, acting, assert_nobody, authenticate, count, create};

/// ann of acme, in a transaction.
fn ann(world: &World<'_>) -> Client {
    let mut client = world.svc();
    client.batch_execute("begin").unwrap();
    authenticate(&mut client, &world.acme.token("ann"));
    client
}

#[track_caller]
fn not_permitted(client: &mut Client, sql: &str) {
    let refusal = db_error(client.batch_execute(sql));
    assert_eq!(refusal.code().code(), "42501", "{sql}: {refusal:?}");
}

#[test]
fn temporary_tables_that_pose_as_records_are_not_read() {
    let world = World::new();
    let mut client = world.svc();
    let (acme, key) = (world.acme.tenant, "00".repeat(32));
    client
        .batch_execute(&format!(
            "create temp table principal as select '{acme}'::uuid as tenant_id, 'svc'::text as id, 'person'::text as kind,
                'svc'::text as db_role, null::timestamptz as disabled_at;
             create temp table login_directory as select 'svc'::text as db_role, '{acme}'::uuid as tenant_id, 'svc'::text as principal;
             create temp table tenant as select '{acme}'::uuid as tenant_id, 'acme'::text as slug, null::timestamptz as disabled_at;
             create temp table principal_role as select '{acme}'::uuid as tenant_id, 'cyd'::text as principal, 'system_owner'::text as role;
             create temp table trusted_issuer as select '{acme}'::uuid as tenant_id, 'mine'::text as issuer, 'k1'::text as key_id,
                decode('{key}', 'hex') as public_key, 'wo_core'::text as audience, null::timestamptz as disabled_at;
             create temp table schema_version as select '9.9.9'::text as version, now() as installed_at;
             create temp table pg_class (oid oid); create temp table pg_proc (oid oid);
             create temp table pg_trigger (oid oid); create temp table pg_locks (locktype text);
             set search_path = pg_temp, wo, pg_catalog"
        ))
        .unwrap();
    assert_nobody(&mut client);
    let mut request = world.acme.request("cyd");
    request.issuer = "mine".into();
    let forged = world.acme.signed(&request);
    let tried = client.execute("select wo.authenticate($1)", &[&forged]);
    refused(tried, "42501", "token_unknown_issuer");
    client.batch_execute("begin").unwrap();
    authenticate(&mut client, &world.acme.token("cyd"));
    let id = create(&mut client, "cyd's own");
    let id = id.to_string();
    client.execute("select wo.patch_work_order($1, '{\"description\": \"x\"}')", &[&id]).unwrap();
    client.execute("select wo.transition($1, 'pending_approval')", &[&id]).unwrap();
    // cyd holds no role: the temporary table says system_owner.
    let tried = client.execute("select wo.transition($1, 'draft', 'back')", &[&id]);
    assert_eq!(db_error(tried).code().code(), "42501");
    client.batch_execute("rollback").unwrap();
}

/// Gives svc a schema of its own, with operators and functions that note as whom they run.
fn evil(world: &World<'_>) -> Client {
    let mut admin = world.db.superuser();
    admin
        .batch_execute(
            "create schema evil authorization svc; grant usage on schema evil to public;
             create table evil.seen (who text); grant insert on evil.seen to public;
             alter table evil.seen owner to svc",
        )
        .unwrap();
    let mut client = world.svc();
    let mut sql = String::from(
        "set search_path = evil, pg_catalog, public;
         create function evil.note() returns boolean language plpgsql volatile as $$
            begin
                if current_user operator(pg_catalog.<>) session_user then
                    insert into evil.seen values (current_user);
                end if;
                return true;
            end $$;",
    );
    let types = [
        "uuid",
        "text",
        "name",
        "bigint",
        "integer",
        "oid",
        "\"char\"",
        "timestamptz",
        "bytea",
        "jsonb",
        "boolean",
    ];
    for left in types {
        for right in types {
            let same = left == right;
            for operator in ["=", "<>", "<", ">", "<=", ">=", "||"] {
                if !same && !["=", "<>"].contains(&operator) {
                    continue;
                }
                let (returns, body) = if operator == "||" {
                    ("text", "select case when evil.note() then ''x'' end")
                } else {
                    ("boolean", "select evil.note()")
                };
                let name = format!(
                    "evil.\"op {operator} {} {}\"",
                    left.replace('"', ""),
                    right.replace('"', "")
                );
                sql.push_str(&format!(
                    "create function {name}({left}, {right}) returns {returns} language sql as '{body}';
                     create operator evil.{operator} (leftarg = {left}, rightarg = {right}, function = {name});"
                ));
            }
        }
    }
    for function in [
        "length(text)",
        "lower(text)",
        "btrim(text)",
        "now()",
        "clock_timestamp()",
        "format(text, text)",
        "jsonb_typeof(jsonb)",
        "quote_literal(text)",
        "session_user_is()",
        "current_tenant()",
        "coalesced(text, text)",
    ] {
        sql.push_str(&format!(
            "create function evil.{function} returns text language sql as 'select case when evil.note() then ''x'' end';"
        ));
    }
    client.batch_execute(&sql).unwrap();
    client
}

/// As whom the attacker's code ran, other than as the attacker.
fn seen(world: &World<'_>) -> Vec<String> {
    let rows = world.db.superuser().query("select distinct who from evil.seen order by who", &[]);
    rows.unwrap().iter().map(|row| row.get(0)).collect()
}

#[test]
fn operators_and_functions_of_the_caller_never_run_as_a_duty() {
    let world = World::new();
    world.fill();
    let mut client = evil(&world);
    assert_eq!(acting(&mut client), None);
    // The trap works: a definer without a pinned search path falls into it.
    world
        .db
        .superuser()
        .batch_execute(
            "create function public.careless(uuid) returns boolean language sql security definer as 'select $1 = $1';
             alter function public.careless(uuid) owner to wo_guard",
        )
        .unwrap();
    client.batch_execute("select public.careless(gen_random_uuid())").unwrap();
    assert_eq!(seen(&world), ["wo_guard"]);
    world.db.superuser().batch_execute("truncate evil.seen").unwrap();

    client.batch_execute("begin").unwrap();
    authenticate(&mut client, &world.acme.token("ann"));
    for act in [
        "select wo.whoami(), wo.current_tenant(), wo.current_principal()",
        "select wo.create_work_order('x', description => 'x')",
        "insert into wo.work_order (title) values ('y')",
        "insert into wo.work_order_import (title) values ('z')",
        "update wo.work_order set title = 'q', reason = 'r'",
        "select wo.create_work_orders('[{\"title\": \"x\"}]')",
        "select wo.transition(id::text, 'pending_approval') from wo.work_order",
        "select wo.transition_many('[{\"work_order\": \"x\", \"to_status\": \"closed\"}]')",
        "select wo.allowed_transitions(id::text) from wo.work_order",
        "select wo.audit_trail(id::text) from wo.work_order",
        "select wo.verify_audit()",
        "select wo.create_consumer('x'); select wo.fetch_events('x'); select wo.acknowledge('x', 0)",
    ] {
        client.batch_execute("savepoint act").unwrap();
        // Whether it works with such operators is the caller's own trouble.
        let _ = client.batch_execute(act);
        if client.batch_execute("release act").is_err() {
            client.batch_execute("rollback to act").unwrap();
        }
    }
    client.batch_execute("commit").unwrap();
    assert_eq!(seen(&world), Vec::<String>::new());
}

#[test]
fn operators_of_the_caller_do_not_run_as_the_dba_who_asks_for_health() {
    let world = World::new();
    world.fill();
    let mut client = evil(&world);
    client.batch_execute("select 1").unwrap();
    // A DBA whose search path holds a schema that somebody else may write to.
    let mut admin = world.db.superuser();
    admin
        .batch_execute(
            "create or replace function evil.note() returns boolean language plpgsql as $$
                begin raise exception 'evil ran as %', current_user; end $$",
        )
        .unwrap();
    for (role, calls) in [
        (
            "postgres",
            [
                "select * from wo.health()",
                "begin; select wo.administer('acme'); select wo.verify_audit()",
            ],
        ),
        ("mon", ["select * from wo.health()", "select wo.whoami()"]),
        (
            "adm",
            [
                "select * from wo.health()",
                "begin; select wo.administer('acme'); select wo.grant_role('bob', 'qa')",
            ],
        ),
    ] {
        for call in calls {
            let mut dba = world.db.connect(role);
            dba.batch_execute("set search_path = evil, pg_catalog").unwrap();
            if let Err(error) = dba.batch_execute(call) {
                let error = error.as_db_error().unwrap();
                assert!(!error.message().contains("evil ran"), "{call}: {error:?}");
            }
        }
    }
}

#[test]
fn operators_of_the_caller_do_not_hide_a_disabled_trigger_from_the_check() {
    let world = World::new();
    let mut client = evil(&world);
    world
        .db
        .superuser()
        .batch_execute("alter table wo.work_order disable trigger forbid_delete")
        .unwrap();
    // All comparisons say false, and so no problem is found.
    world
        .db
        .superuser()
        .batch_execute(
            "create or replace function evil.note() returns boolean language sql as 'select false'",
        )
        .unwrap();
    client.batch_execute("begin").unwrap();
    let tried = client
        .execute("select wo.authenticate($1)", &[&world.acme.token("ann")])
        .and_then(|_| client.execute("select wo.create_work_order('on damaged records')", &[]));
    assert_eq!(db_error(tried).code().code(), "55000");
    client.batch_execute("rollback").unwrap();
}

#[test]
fn the_triggers_of_enforcement_serve_no_table_of_anybody_elses() {
    let world = World::new();
    let functions = world
        .db
        .superuser()
        .query(
            "select oid::regprocedure::text from pg_proc where pronamespace = 'wo_private'::regnamespace
                and prorettype = 'trigger'::regtype",
            &[],
        )
        .unwrap();
    assert!(functions.len() >= 8);
    for login in ["svc", "adm", "aud"] {
        let mut client = world.db.connect(login);
        client.batch_execute("create temp table work_order (tenant_id uuid, id uuid)").unwrap();
        for row in &functions {
            let function: String = row.get(0);
            not_permitted(
                &mut client,
                &format!(
                    "create trigger mine before insert on pg_temp.work_order for each row execute function {function}"
                ),
            );
        }
    }
}

#[test]
fn nobody_but_their_owner_makes_or_alters_anything_in_our_schemas() {
    let world = World::new();
    // Before PostgreSQL 16, and since.
    world.db.allow_in_log("only table or database owner can vacuum it");
    world.db.allow_in_log("permission denied to vacuum");
    for login in ["svc", "adm", "aud", "mon", "bri"] {
        let mut client = world.db.connect(login);
        for schema in ["wo", "wo_private"] {
            for make in [
                "create table {}.mine (it text)",
                "create view {}.mine as select 1",
                "create function {}.mine() returns text language sql as 'select 1::text'",
                "create operator {}.=== (leftarg = text, rightarg = text, function = texteq)",
                "create type {}.mine as enum ('x')",
                "create sequence {}.mine",
                "drop schema {} cascade",
                "alter schema {} rename to mine",
            ] {
                not_permitted(&mut client, &make.replace("{}", schema));
            }
        }
        for alter in [
            "alter table wo.work_order disable trigger all",
            "alter table wo.work_order disable row level security",
            "alter table wo.work_order no force row level security",
            "alter table wo.work_order add column mine text",
            "alter table wo.work_order owner to svc",
            "create trigger mine before insert on wo.work_order execute function suppress_redundant_updates_trigger()",
            "create rule mine as on insert to wo.work_order do instead nothing",
            "create policy mine on wo.work_order using (true)",
            "drop policy tenant_isolation on wo.work_order",
            "alter policy tenant_isolation on wo.work_order using (true)",
            "create index mine on wo.work_order (title)",
            "comment on table wo.work_order is 'mine'",
            "alter function wo.current_tenant() rename to mine",
            "create or replace function wo.current_tenant() returns uuid language sql as 'select null::uuid'",
            "alter function wo_private.tables_version() security invoker",
            "alter function wo_private.tables_version() set search_path = pg_temp",
            "grant wo_admin to current_user",
            "set role wo_trail",
            "set role wo_owner",
            "set session authorization postgres",
            "alter extension wo_core update",
            "drop extension wo_core cascade",
            "set session_replication_role = replica",
            "begin; lock table wo.audit_entry in access exclusive mode",
            "vacuum wo.work_order, wo.nothing_such",
            "reassign owned by wo_owner to current_user",
        ] {
            let refusal = db_error(client.batch_execute(alter));
            let code = refusal.code().code();
            let expected = if alter.starts_with("vacuum") { "42P01" } else { "42501" };
            assert_eq!(code, expected, "{login}: {alter}: {refusal:?}");
            client.batch_execute("rollback").unwrap();
        }
    }
}

#[test]
fn nothing_of_the_server_is_reached_through_us() {
    let world = World::new();
    let mut client = world.db.connect("ada");
    for tried in [
        "select lo_import('/etc/passwd')",
        "select pg_read_file('postgresql.conf')",
        "copy wo.work_order to program 'cat'",
        "copy wo.work_order to '/tmp/stolen'",
        "create function mine() returns int language c as 'wo_core', 'install_wrapper'",
        "load '$libdir/plugins/../wo_core'",
    ] {
        let refusal = db_error(client.batch_execute(tried));
        assert!(["42501", "58P01"].contains(&refusal.code().code()), "{tried}: {refusal:?}");
    }
    client.batch_execute("begin; set local row_security = off").unwrap();
    not_permitted(&mut client, "select count(*) from wo.work_order");
    client.batch_execute("rollback").unwrap();
}

#[test]
fn a_leaky_function_sees_the_callers_rows_alone() {
    let world = World::new();
    world.fill();
    let heard = Arc::new(Mutex::new(Vec::new()));
    let mut config = world.db.config("svc");
    let ear = Arc::clone(&heard);
    config.notice_callback(move |notice| ear.lock().unwrap().push(notice.message().to_owned()));
    let mut client = config.connect(NoTls).unwrap();
    client
        .batch_execute(
            "create function pg_temp.leak(text) returns boolean language plpgsql cost 0.0000001 immutable
                as $$ begin raise notice '%', $1; return true; end $$;
             create operator pg_temp.~~~ (leftarg = text, rightarg = text, function = texteq);
             begin",
        )
        .unwrap();
    authenticate(&mut client, &world.acme.token("ann"));
    for relation in ["wo.work_order", "wo.work_order_import"] {
        assert_eq!(count(&mut client, &format!("{relation} where pg_temp.leak(title)")), 3);
    }
    client
        .batch_execute(
            "create view pg_temp.peek as select * from wo.work_order;
             create view pg_temp.peek_named with (security_barrier = false) as select name from wo.principal",
        )
        .unwrap();
    assert_eq!(count(&mut client, "pg_temp.peek where pg_temp.leak(title)"), 3);
    count(&mut client, "pg_temp.peek_named where pg_temp.leak(name)");
    count(&mut client, "wo.principal where pg_temp.leak(name)");
    count(&mut client, "wo.audit_entry where pg_temp.leak(changes::text)");
    count(&mut client, "wo.event where pg_temp.leak(data::text)");
    count(&mut client, "wo.tenant where pg_temp.leak(name)");
    client
        .execute("update wo.work_order set title = title where pg_temp.leak(title)", &[])
        .unwrap();
    // An error is a leak too: this divides by zero for another tenant's row.
    let id = world.acme.tenant;
    count(&mut client, &format!("wo.work_order where 1 / (tenant_id = '{id}')::integer = 1"));
    count(&mut client, &format!("wo.tenant where 1 / (tenant_id = '{id}')::integer = 1"));
    client.batch_execute("commit").unwrap();
    let heard = heard.lock().unwrap();
    assert!(heard.iter().any(|said| said.contains("acme-secret")), "{heard:?}");
    assert!(heard.iter().all(|said| !said.contains(SECRET)), "{heard:?}");
}

#[test]
fn statistics_tell_nothing_of_other_tenants() {
    let world = World::new();
    world.fill();
    world.db.superuser().batch_execute("analyze").unwrap();
    // Not even a superuser sees a value there: none is collected.
    let told = "pg_stats where schemaname = 'wo' and concat(most_common_vals, histogram_bounds) like '%secret%'";
    assert_eq!(count(&mut world.db.superuser(), told), 0);
    for login in ["ada", "adm", "aud", "mon", "bri", "svc"] {
        let mut client = world.db.connect(login);
        let shown = client
            .query("select tablename::text, attname::text from pg_stats where schemaname = 'wo' and tablename <> 'schema_version'", &[])
            .unwrap();
        let shown: Vec<(String, String)> =
            shown.iter().map(|row| (row.get(0), row.get(1))).collect();
        assert!(shown.is_empty(), "{login}: {shown:?}");
    }
}

#[test]
fn a_trail_or_an_event_is_written_by_enforcement_alone() {
    let world = World::new();
    world.fill();
    let mut client = ann(&world);
    for forged in [
        "insert into wo.audit_entry select * from wo.audit_entry limit 1",
        "insert into wo.event select * from wo.event limit 1",
        "insert into wo.audit_chain select * from wo.audit_chain limit 1",
        "update wo.audit_chain set chain_hash = chain_hash",
        "update wo.audit_entry set reason = 'x'",
        "delete from wo.event",
        "select nextval('wo.event_position')",
        "select setval('wo.event_position', 1000000)",
    ] {
        client.batch_execute("savepoint s").unwrap();
        not_permitted(&mut client, forged);
        client.batch_execute("rollback to s").unwrap();
    }
    client.batch_execute("commit").unwrap();
    let mut admin = world.db.superuser();
    for table in ["audit_entry", "event", "audit_chain"] {
        let tried =
            admin.execute(&format!("insert into wo.{table} select * from wo.{table} limit 1"), &[]);
        refused(tried, "42501", "written_by_enforcement_alone");
    }
}

#[test]
fn a_guard_function_cannot_use_the_rights_of_enforcement() {
    let world = World::new();
    world.fill();
    let globex = world.globex.tenant;
    let mut admin = world.db.superuser();
    admin
        .batch_execute(&format!(
            "create table public.stolen (what text); grant insert, select on public.stolen to public;
             create function guards.curious(tenant uuid, work_order uuid) returns boolean language plpgsql as $$
                begin
                    insert into public.stolen select 'row ' || title from wo.work_order where tenant_id = '{globex}';
                    insert into public.stolen select 'nested ' || coalesce(wo_private.call_guard('guards.always(uuid,uuid)', '{globex}', '{globex}')::text, 'none');
                    insert into wo.audit_entry select * from wo.audit_entry limit 1;
                    insert into public.stolen values ('wrote');
                    return true;
                exception when others then
                    return true;
                end $$"
        ))
        .unwrap();
    world.administer("acme", "select wo.register_guard('curious', 'guards.curious(uuid,uuid)')");
    let mut definition: serde_json::Value = admin
        .query_one(
            "select definition from wo.lifecycle where tenant_id = $1 and name = 'fleet_task'",
            &[&world.acme.tenant],
        )
        .unwrap()
        .get(0);
    for edge in definition["transitions"].as_array_mut().unwrap() {
        edge["guards"] = serde_json::json!(["sql:curious"]);
    }
    let text = definition.to_string().replace('\'', "''");
    world.administer("acme", &format!("select wo.publish_lifecycle('{text}')"));
    world.administer("acme", "select wo.create_role('captain') where not exists (select from wo.role where role = 'captain'); select wo.grant_role('ann', 'captain')");
    let mut client = ann(&world);
    let id: serde_json::Value = client
        .query_one(
            "select wo.create_work_order('[SS1-Operations] x', lifecycle => 'fleet_task')",
            &[],
        )
        .unwrap()
        .get(0);
    let id = id["id"].as_str().unwrap();
    client.execute("select wo.transition($1, 'accepted')", &[&id]).unwrap();
    client.batch_execute("commit").unwrap();
    let stolen = admin.query("select what from public.stolen", &[]).unwrap();
    let stolen: Vec<String> = stolen.iter().map(|row| row.get(0)).collect();
    assert!(stolen.iter().all(|what| what == "nested none"), "{stolen:?}");
}

#[test]
fn a_subtransaction_that_fails_within_enforcement_does_not_lend_its_rights_to_the_caller() {
    let world = World::new();
    world.fill();
    let mut admin = world.db.superuser();
    // A DBA's own trigger on the trail, whose exception block ends a subtransaction.
    admin
        .batch_execute(
            "create function public.watch() returns trigger language plpgsql as $$
                begin
                    begin perform 1 / 0; exception when division_by_zero then null; end;
                    return new;
                end $$;
             create trigger a_watch before insert on wo.audit_entry for each row execute function public.watch()",
        )
        .unwrap();
    let mut client = ann(&world);
    client.batch_execute("savepoint s").unwrap();
    let made = client.execute("select wo.create_work_order('watched')", &[]);
    if let Err(error) = &made {
        let error = error.as_db_error().unwrap();
        assert_ne!(error.code().code(), "XX000", "{error:?}");
        client.batch_execute("rollback to s").unwrap();
    }
    let called = "select wo_private.call_guard('guards.always(uuid,uuid)', $1, $1)";
    let answer: Option<bool> = client.query_one(called, &[&world.globex.tenant]).unwrap().get(0);
    assert_eq!(answer, None);
    client.batch_execute("rollback").unwrap();
}

#[test]
fn wakes_tell_a_listener_nothing_but_a_position() {
    let world = World::new();
    let mut listener = world.db.connect("mon");
    listener.batch_execute("listen wo_event").unwrap();
    let mut client = ann(&world);
    create(&mut client, "acme-secret wake");
    client.batch_execute("commit").unwrap();
    listener.batch_execute("select 1").unwrap();
    let mut notifications = listener.notifications();
    let mut payloads = Vec::new();
    use postgres::fallible_iterator::FallibleIterator;
    while let Some(notification) = notifications.iter().next().unwrap() {
        payloads.push(notification.payload().to_owned());
    }
    assert!(!payloads.is_empty());
    assert!(payloads.iter().all(|payload| payload.parse::<i64>().is_ok()), "{payloads:?}");
}

#[test]
fn other_sessions_see_no_token_in_the_servers_views() {
    let cluster = Cluster::own(&[("log_statement", "none"), ("track_activities", "on")]);
    let world = World::on(&cluster);
    let mut client = world.svc();
    let token = world.acme.token("ann");
    authenticate(&mut client, &token);
    let bad = format!("{}x", world.acme.token("cyd"));
    let _ = client.execute("select wo.authenticate($1)", &[&bad]);
    // A refusal is logged with its statement; the token, a parameter, is not repeated by us.
    let log = cluster.log();
    assert!(!log.contains(&token) && !log.contains(&bad), "a token in the server's log");
    let mut other = world.db.connect("mon");
    let shown =
        other.query("select query from pg_stat_activity where usename = 'svc'", &[]).unwrap();
    assert!(
        shown
            .iter()
            .all(|row| !row.get::<_, Option<String>>(0).unwrap_or_default().contains("eyJ"))
    );
}
