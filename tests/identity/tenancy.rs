//! Two tenants in one database: nobody sees or touches the other's rows. The tables are read from
//! the catalogue, so that a new one is held to the same.

use std::collections::BTreeSet;

use postgres::Client;
use serde_json::Value;
use wo_cluster_tests::{behind_the_back, db_error, refused};

use crate::identity::harness::{SECRET, World, acting, authenticate, count, create};

/// The tables that are nobody's: which versions are installed, which DDL is not in the trail yet, how far events are counted, and the hashes of the ledger, whose
/// names of tenants and entries nobody may read.
const OF_NO_TENANT: [&str; 5] =
    ["ddl_mark", "ledger_checkpoint", "ledger_tile", "rollup_cursor", "schema_version"];

/// A client of each kind of role that acts for acme, in an open transaction.
fn acting_for_acme(world: &World<'_>) -> Vec<(&'static str, Client)> {
    let mut clients = Vec::new();
    for role in ["svc", "ada", "aud", "adm"] {
        let mut client = world.db.connect(role);
        client.batch_execute("begin").unwrap();
        match role {
            "svc" | "aud" => authenticate(&mut client, &world.acme.token("ann")),
            "adm" => client.batch_execute("select wo.administer('acme')").unwrap(),
            _ => assert_eq!(acting(&mut client).as_deref(), Some("ann")),
        }
        clients.push((role, client));
    }
    clients
}

fn may(client: &mut Client, table: &str, privilege: &str) -> bool {
    // Of a tile of the ledger only some columns may be read.
    let sql = match privilege {
        "select" => format!("select has_any_column_privilege('wo.{table}', 'select')"),
        _ => format!("select has_table_privilege('wo.{table}', '{privilege}')"),
    };
    client.query_one(&sql, &[]).unwrap().get(0)
}

/// Runs it in a savepoint that is rolled back, so that one refusal does not end the transaction.
fn attempt(client: &mut Client, sql: &str) -> Result<u64, postgres::Error> {
    client.batch_execute("savepoint attempt").unwrap();
    let result = client.execute(sql, &[]);
    client.batch_execute("rollback to attempt; release attempt").unwrap();
    result
}

/// A row of globex as an INSERT of the same row.
fn copy_of(world: &World<'_>, table: &str, tenant: uuid::Uuid) -> String {
    let sql =
        format!("select to_jsonb(line)::text from wo.{table} as line where tenant_id = $1 limit 1");
    let row: String = world.db.superuser().query_one(&sql, &[&tenant]).unwrap().get(0);
    let row = row.replace('\'', "''");
    format!("insert into wo.{table} select (jsonb_populate_record(null::wo.{table}, '{row}')).*")
}

/// A refusal of the right kind: a privilege, row security or the enforcement layer; not a mere mistake.
#[track_caller]
fn not_permitted(result: Result<u64, postgres::Error>, what: &str) {
    let refusal = db_error(result);
    assert_eq!(refusal.code().code(), "42501", "{what}: {refusal:?}");
    assert!(!format!("{refusal:?}").contains(SECRET), "{what}: {refusal:?}");
}

#[test]
fn every_tenant_table_holds_rows_of_both_tenants_in_these_tests() {
    let world = World::new();
    world.fill();
    let mut admin = world.db.superuser();
    for (table, tenanted) in world.tables() {
        assert_eq!(
            tenanted,
            !OF_NO_TENANT.contains(&table.as_str()),
            "{table}: whose rows are these?"
        );
        if tenanted {
            for tenant in [world.acme.tenant, world.globex.tenant] {
                let rows = count(&mut admin, &format!("wo.{table} where tenant_id = '{tenant}'"));
                assert!(
                    rows > 0,
                    "World::fill puts nothing into wo.{table}: the tests below would prove nothing"
                );
            }
        }
    }
}

#[test]
fn every_role_sees_its_own_tenants_rows_and_no_others() {
    let world = World::new();
    world.fill();
    for (role, mut client) in acting_for_acme(&world) {
        let mut unseen = Vec::new();
        for (table, tenanted) in world.tables() {
            if !may(&mut client, &table, "select") {
                not_permitted(attempt(&mut client, &format!("select from wo.{table}")), &table);
                unseen.push(table);
                continue;
            }
            if tenanted {
                let id = world.acme.tenant;
                let own = count(&mut client, &format!("wo.{table} where tenant_id = '{id}'"));
                let foreign = count(
                    &mut client,
                    &format!("wo.{table} where tenant_id is distinct from '{id}'"),
                );
                assert!(own > 0, "{role} sees none of its own rows of wo.{table}");
                assert_eq!(foreign, 0, "{role} sees another tenant's rows of wo.{table}");
                let text = client
                    .query(&format!("select line::text from wo.{table} as line"), &[])
                    .unwrap();
                assert!(
                    text.iter().all(|row| !row.get::<_, String>(0).contains(SECRET)),
                    "{role} {table}"
                );
            }
        }
        let expected: &[&str] = match role {
            "svc" | "ada" => &["ddl_mark", "login_directory"],
            _ => &[],
        };
        assert_eq!(unseen, expected, "{role}");
    }
}

#[test]
fn the_import_view_shows_the_callers_tenant_alone() {
    let world = World::new();
    world.fill();
    for (role, mut client) in acting_for_acme(&world) {
        if ["svc", "ada"].contains(&role) {
            assert_eq!(count(&mut client, "wo.work_order_import"), 3);
            assert_eq!(
                count(&mut client, &format!("wo.work_order_import where title like '{SECRET}%'")),
                0
            );
        }
    }
    assert_eq!(count(&mut world.svc(), "wo.work_order_import"), 0);
}

#[test]
fn copy_out_gives_the_callers_rows_and_copy_in_is_refused() {
    use std::io::Read;
    let world = World::partitioned();
    world.fill();
    let mut client = world.db.connect("ada");
    // PostgreSQL copies the rows of a partitioned table by a query alone.
    for (source, rows) in
        [("wo.work_order", 0), ("(select * from wo.work_order)", 3), ("(table wo.tenant)", 0)]
    {
        let mut text = String::new();
        let mut out = client.copy_out(&format!("copy {source} to stdout")).unwrap();
        out.read_to_string(&mut text).unwrap();
        drop(out);
        assert_eq!(text.matches("acme-secret title").count(), rows, "{source}");
        assert!(!text.contains(SECRET), "{source}");
    }
    let tried = client.batch_execute("copy wo.work_order (title) from stdin");
    assert_eq!(db_error(tried).code().code(), "0A000");
}

#[test]
fn no_role_writes_another_tenants_row() {
    let world = World::new();
    world.fill();
    let before = world.fingerprint();
    let globex = world.globex.tenant;
    for (role, mut client) in acting_for_acme(&world) {
        for (table, tenanted) in world.tables() {
            if !tenanted {
                continue;
            }
            let copy = copy_of(&world, &table, globex);
            for insert in [copy.clone(), format!("{copy} on conflict do nothing")] {
                not_permitted(
                    attempt(&mut client, &insert),
                    &format!("{role} inserts into wo.{table}"),
                );
            }
            for write in [
                format!("update wo.{table} set tenant_id = tenant_id where tenant_id = '{globex}'"),
                format!("delete from wo.{table} where tenant_id = '{globex}'"),
                format!("select from wo.{table} where tenant_id = '{globex}' for update"),
                format!("select from wo.{table} where tenant_id = '{globex}' for key share"),
            ] {
                match attempt(&mut client, &write) {
                    Ok(touched) => assert_eq!(touched, 0, "{role}: {write}"),
                    refusal => not_permitted(refusal, &write),
                }
            }
            // Moving one's own row over.
            let steal = format!("update wo.{table} set tenant_id = '{globex}'");
            not_permitted(attempt(&mut client, &steal), &format!("{role}: {steal}"));
            not_permitted(attempt(&mut client, &format!("truncate wo.{table} cascade")), &table);
        }
        client.batch_execute("commit").unwrap();
    }
    assert_eq!(world.fingerprint(), before);
}

#[test]
fn without_an_identity_there_are_no_rows_and_no_writes() {
    let world = World::new();
    world.fill();
    let before = world.fingerprint();
    for role in ["svc", "adm", "aud", "mon", "bri"] {
        let mut client = world.db.connect(role);
        client.batch_execute("begin").unwrap();
        for (table, tenanted) in world.tables() {
            if !tenanted {
                not_permitted(
                    attempt(&mut client, &format!("insert into wo.{table} default values")),
                    &table,
                );
                not_permitted(attempt(&mut client, &format!("delete from wo.{table}")), &table);
                continue;
            }
            if may(&mut client, &table, "select") && !(role == "bri" && table == "event") {
                assert_eq!(count(&mut client, &format!("wo.{table}")), 0, "{role} {table}");
            }
            for tenant in [world.acme.tenant, world.globex.tenant] {
                let copy = copy_of(&world, &table, tenant);
                for insert in [copy.clone(), format!("{copy} on conflict do nothing")] {
                    not_permitted(
                        attempt(&mut client, &insert),
                        &format!("{role} inserts into wo.{table}"),
                    );
                }
            }
            for write in [
                format!("update wo.{table} set tenant_id = tenant_id"),
                format!("delete from wo.{table}"),
                format!("truncate wo.{table}"),
            ] {
                match attempt(&mut client, &write) {
                    Ok(touched) => assert_eq!(touched, 0, "{role}: {write}"),
                    refusal => not_permitted(refusal, &write),
                }
            }
        }
        client.batch_execute("commit").unwrap();
    }
    assert_eq!(world.fingerprint(), before);
}

#[test]
fn leaves_are_closed_to_every_role() {
    let world = World::new();
    world.fill();
    for (role, mut client) in acting_for_acme(&world) {
        for leaf in world.leaves() {
            for tried in ["select from", "delete from", "table", "truncate"] {
                let sql = format!("{tried} wo.{leaf}");
                not_permitted(attempt(&mut client, &sql), &format!("{role}: {sql}"));
            }
        }
    }
}

#[test]
fn a_grant_on_all_tables_opens_no_table_and_no_leaf() {
    let world = World::partitioned();
    world.fill();
    let before = world.fingerprint();
    for name in ["hoarder", "hoarding_user"] {
        world.db.login(name, &["pg_read_all_data", "pg_write_all_data"]);
        world
            .db
            .superuser()
            .batch_execute(&format!(
                "grant usage on schema wo to {name}; grant all on all tables in schema wo to {name};
                 grant all on all sequences in schema wo to {name}"
            ))
            .unwrap();
    }
    world.db.login("hoarding_user", &["wo_user"]);
    for name in ["hoarder", "hoarding_user"] {
        let mut client = world.db.connect(name);
        client.batch_execute("begin").unwrap();
        if name == "hoarding_user" {
            authenticate(&mut client, &world.acme.token("ann"));
        }
        for leaf in world.leaves() {
            assert_eq!(count(&mut client, &format!("wo.{leaf}")), 0, "{name}: {leaf}");
            let sql = format!("update wo.{leaf} set tenant_id = tenant_id");
            assert_eq!(attempt(&mut client, &sql).unwrap(), 0, "{name}: {sql}");
            assert_eq!(attempt(&mut client, &format!("delete from wo.{leaf}")).unwrap(), 0);
            not_permitted(attempt(&mut client, &format!("truncate wo.{leaf} cascade")), &leaf);
        }
        for (table, tenanted) in world.tables() {
            let foreign = if tenanted && name == "hoarding_user" {
                format!("wo.{table} where tenant_id is distinct from '{}'", world.acme.tenant)
            } else {
                format!("wo.{table}")
            };
            if tenanted || name == "hoarder" {
                assert_eq!(count(&mut client, &foreign), 0, "{name}: {table}");
            }
            if tenanted {
                let copy = copy_of(&world, &table, world.globex.tenant);
                not_permitted(attempt(&mut client, &copy), &format!("{name}: {table}"));
            }
            not_permitted(attempt(&mut client, &format!("truncate wo.{table} cascade")), &table);
        }
        for insert in ["audit_entry", "event", "work_order"] {
            let copy = copy_of(&world, insert, world.acme.tenant);
            let leaves = world.leaves();
            let leaf = leaves.iter().find(|leaf| leaf.starts_with(&format!("{insert}_"))).unwrap();
            let past = copy.replace(&format!("into wo.{insert} "), &format!("into wo.{leaf} "));
            not_permitted(attempt(&mut client, &past), &format!("{name}: {leaf}"));
        }
        client.batch_execute("commit").unwrap();
    }
    assert_eq!(world.fingerprint(), before);
}

#[test]
fn a_permissive_policy_of_a_dbas_does_not_open_another_tenant() {
    let world = World::new();
    world.fill();
    let before = world.fingerprint();
    let mut admin = world.db.superuser();
    for (table, _) in world.tables() {
        admin
            .batch_execute(&format!(
                "create policy opened on wo.{table} to wo_user, wo_admin, wo_auditor using (true) with check (true);
                 create policy opened_to_all on wo.{table} to public using (true) with check (true)"
            ))
            .unwrap();
    }
    for (role, mut client) in acting_for_acme(&world) {
        for (table, tenanted) in world.tables() {
            if tenanted && may(&mut client, &table, "select") {
                let foreign =
                    format!("wo.{table} where tenant_id is distinct from '{}'", world.acme.tenant);
                assert_eq!(count(&mut client, &foreign), 0, "{role}: {table}");
            }
            if tenanted {
                let copy = copy_of(&world, &table, world.globex.tenant);
                not_permitted(attempt(&mut client, &copy), &format!("{role}: {table}"));
            }
        }
        client.batch_execute("commit").unwrap();
    }
    assert_eq!(world.fingerprint(), before);
}

#[test]
fn an_auditor_reads_everything_of_its_tenant_and_writes_nothing() {
    let world = World::new();
    world.fill();
    let before = world.fingerprint();
    let mut client = world.db.connect("aud");
    client.batch_execute("begin").unwrap();
    authenticate(&mut client, &world.acme.token("ann"));
    for (table, tenanted) in world.tables() {
        assert!(may(&mut client, &table, "select"), "{table}");
        assert!(
            !may(&mut client, &table, "insert,update,delete,truncate,references,trigger"),
            "{table}"
        );
        if tenanted {
            let copy = copy_of(&world, &table, world.acme.tenant);
            not_permitted(attempt(&mut client, &copy), &table);
            not_permitted(
                attempt(&mut client, &format!("update wo.{table} set tenant_id = tenant_id")),
                &table,
            );
            not_permitted(attempt(&mut client, &format!("delete from wo.{table}")), &table);
            not_permitted(
                attempt(&mut client, &format!("select from wo.{table} for key share")),
                &table,
            );
        }
    }
    for tried in [
        "select wo.create_work_order('x')",
        "select wo.transition('WO-1', 'closed')",
        "select wo.create_consumer('x')",
        "select wo.make_partitions(1)",
        "insert into wo.work_order_import (title) values ('x')",
        "select nextval('wo.event_position')",
        "select setval('wo.event_position', 1)",
    ] {
        not_permitted(attempt(&mut client, tried), tried);
    }
    let writing = client
        .query(
            "select proname::text from pg_proc where pronamespace = 'wo'::regnamespace
                and provolatile = 'v' and has_function_privilege('wo_auditor', oid, 'execute')",
            &[],
        )
        .unwrap();
    let writing: BTreeSet<String> = writing.iter().map(|row| row.get(0)).collect();
    assert_eq!(writing.into_iter().collect::<Vec<_>>(), ["authenticate", "authenticate_session"]);
    client.batch_execute("commit").unwrap();
    assert_eq!(world.fingerprint(), before);
}

#[test]
fn a_monitor_reads_health_and_nothing_of_any_tenant() {
    let world = World::new();
    world.fill();
    let mut client = world.db.connect("mon");
    let health = client.query("select * from wo.health()", &[]).unwrap();
    assert!(!health.is_empty());
    for row in health {
        for column in 0..4 {
            let said: String = row.get(column);
            for secret in [SECRET, "acme", &world.acme.tenant.to_string()] {
                assert!(!said.contains(secret), "{said}");
            }
        }
    }
    for (table, tenanted) in world.tables() {
        assert_eq!(may(&mut client, &table, "select"), !tenanted, "{table}");
    }
    let callable = client
        .query(
            "select distinct proname::text from pg_proc where pronamespace = 'wo'::regnamespace
                and has_function_privilege('wo_monitor', oid, 'execute') order by 1",
            &[],
        )
        .unwrap();
    let callable: Vec<String> = callable.iter().map(|row| row.get(0)).collect();
    assert_eq!(
        callable,
        [
            "checkpoint",
            "consistency_proof",
            "current_principal",
            "current_tenant",
            "health",
            "ledger_origin",
            "metrics",
            "sealing_key",
            "whoami",
            "worker_status"
        ]
    );
}

#[test]
fn a_bridge_reads_the_events_of_all_tenants_and_nothing_else() {
    let world = World::new();
    world.fill();
    let mut client = world.db.connect("bri");
    let all = count(&mut world.db.superuser(), "wo.event");
    assert!(all >= 14);
    assert_eq!(count(&mut client, "wo.event"), all);
    client.batch_execute("select wo.create_consumer('all')").unwrap();
    let events = client.query("select event from wo.fetch_events('all')", &[]).unwrap();
    let tenants: BTreeSet<String> = events
        .iter()
        .map(|row| row.get::<_, Value>(0)["tenantid"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(events.len() as i64, all);
    assert_eq!(tenants, [world.acme.tenant, world.globex.tenant].map(|id| id.to_string()).into());
    // The consumers of the tenants are none of its business.
    assert_eq!(count(&mut client, "wo.event_consumer"), 1);
    refused(
        client.query("select * from wo.fetch_events('acme-secret')", &[]),
        "22023",
        "consumer_unknown",
    );
    for (table, _) in world.tables() {
        let reads = ["event", "event_consumer", "ledger_checkpoint", "ledger_tile"]
            .contains(&table.as_str());
        assert_eq!(may(&mut client, &table, "select"), reads, "{table}");
        assert!(!may(&mut client, &table, "truncate,references,trigger"), "{table}");
        assert!(!may(&mut client, &table, "insert,update,delete"), "{table}");
    }
}

#[test]
fn a_user_cannot_administer() {
    let world = World::new();
    world.fill();
    let before = world.fingerprint();
    let mut client = world.db.connect("ada");
    let functions = client
        .query(
            "select proname::text, pg_get_function_identity_arguments(oid), has_function_privilege('wo_user', oid, 'execute')
             from pg_proc where pronamespace = 'wo'::regnamespace
                and has_function_privilege('wo_admin', oid, 'execute')",
            &[],
        )
        .unwrap();
    let shared: BTreeSet<String> =
        functions.iter().filter(|row| row.get(2)).map(|row| row.get(0)).collect();
    let shared: Vec<_> = shared.iter().map(String::as_str).collect();
    assert_eq!(
        shared,
        [
            "acknowledge",
            "act_signatures",
            "audit_trail",
            "authenticate",
            "authenticate_session",
            "blocker",
            "check_hierarchy",
            "checkpoint",
            "choose_engine",
            "consistency_proof",
            "create_consumer",
            "critical_path",
            "current_principal",
            "current_tenant",
            "definition_diff",
            "deliverables",
            "dependency_diagram",
            "document_versions",
            "drop_consumer",
            "evidence_package",
            "evidence_report",
            "execution_pattern",
            "fetch_events",
            "findings",
            "fleet_overview",
            "get_work_order_detail",
            "inclusion_proof",
            "ledger_origin",
            "ledger_proof",
            "lifecycle_diagram",
            "lifecycle_states",
            "list_identities",
            "list_work_orders",
            "move_consumer",
            "newest_definition",
            "pending_approvals",
            "plan_version_difference",
            "progress",
            "publish_definition",
            "ready_work_orders",
            "reconcile",
            "release_definition",
            "release_false_alarm",
            "release_items",
            "retire_definition",
            "revoke_delegation",
            "revoke_signing_key",
            "sealing_key",
            "signatures",
            "state_figures",
            "state_rule",
            "steps",
            "tick",
            "validate_definition",
            "validate_lifecycle",
            "verify_audit",
            "verify_ledger",
            "whoami",
            "withdraw_false_alarm",
        ]
    );
    client.batch_execute("begin").unwrap();
    for tried in [
        "select wo.administer('acme')",
        "select wo_private.administer('acme')",
        "select wo.create_tenant('mine', 'Mine')",
        "select wo_private.create_tenant('mine', 'Mine', 'fleet_task', 'X-{XXX}', 'fleet')",
        "select wo.create_role('king')",
        "select wo.grant_role('ann', 'qa')",
        "select wo.revoke_role('bob', 'planner')",
        "select wo.create_principal('mallory')",
        "select wo.disable_principal('bob')",
        "select wo.trust_issuer('mine', 'k', 'k')",
        "select wo.publish_lifecycle('{}')",
        "select wo.begin_timeline('mine')",
        "select wo.make_partitions()",
        "insert into wo.principal_role select tenant_id, 'ann', 'qa' from wo.tenant",
        "delete from wo.principal_role",
        "update wo.principal set disabled_at = now()",
        "update wo.tenant set number_format = '{XXX}'",
        "update wo.trusted_issuer set disabled_at = now()",
        "update wo.lifecycle set definition = definition",
        "select wo.enroll_signing_key('ann', 'k', 'passport')",
        "select wo.record_identity_verification('k', 'passport')",
        "select wo.retire_signing_key('k')",
        "select wo.revoke_signing_key('k', 'lost')",
        "insert into wo.approval_requirement (name, action, role, meaning) values ('x', 'assign', 'qa', 'plan')",
        "update wo.approval_requirement set disabled_at = null",
        "delete from wo.approval_sla",
        "delete from wo.business_calendar",
        "select wo.set_state_limit('fleet_task', 'pending', 8)",
        "delete from wo.state_limit",
        "select wo.publish_definition('lifecycle', (select definition from wo.lifecycle where name = 'fleet_task' limit 1))",
        "update wo.lifecycle set retirement_reason = 'x'",
        "update wo.lifecycle set major = major",
        "select wo.set_definition_policy('lifecycle', 'publication')",
        "update wo.definition_policy set release = 'publication'",
        "update wo.signing_key set revoked_at = null",
        "update wo.approval set voided_at = null",
        "update wo.delegation set revoked_at = now()",
        "update wo.finding set resolution = 'x'",
        "select wo.assess_finding((select id from wo.finding), 'minor')",
        "select wo.close_finding((select id from wo.finding), 'x')",
        "insert into wo.finding_policy (source, blocking) values ('other', true)",
        "select wo_private.install()",
        "select wo_private.enforce()",
        "select wo_private.migrate()",
    ] {
        not_permitted(attempt(&mut client, tried), tried);
    }
    client.batch_execute("commit").unwrap();
    assert_eq!(world.fingerprint(), before);
}

#[test]
fn an_administrator_does_not_act_as_somebody() {
    let world = World::new();
    world.fill();
    let before = world.fingerprint();
    world.db.login("adm_user", &["wo_admin", "wo_user"]);
    for login in ["adm", "adm_user"] {
        let mut client = world.db.connect(login);
        client.batch_execute("begin; select wo.administer('acme')").unwrap();
        let principal: Option<String> =
            client.query_one("select wo.current_principal()", &[]).unwrap().get(0);
        assert_eq!(principal, None);
        for tried in [
            "select wo.create_work_order('x')",
            "insert into wo.work_order (title) values ('x')",
            "insert into wo.work_order (title, originator) values ('x', 'ann')",
            "update wo.work_order set title = 'x'",
            "update wo.work_order set originator = 'bob'",
            "delete from wo.work_order",
            "insert into wo.audit_entry select * from wo.audit_entry",
            "insert into wo.event select * from wo.event",
        ] {
            not_permitted(attempt(&mut client, tried), &format!("{login}: {tried}"));
        }
        client.batch_execute("commit").unwrap();
    }
    assert_eq!(world.fingerprint(), before);
}

#[test]
fn a_query_of_a_tenant_uses_the_index_with_the_tenant_looked_up_once() {
    let world = World::new();
    world.fill();
    let mut client = world.db.connect("ada");
    client.batch_execute("set enable_seqscan = off").unwrap();
    for query in [
        "select * from wo.work_order where wo_number = 'WO-1'",
        "select * from wo.work_order where id = '01890000-0000-7000-8000-000000000000'",
        "select * from wo.audit_entry where subject_id = '01890000-0000-7000-8000-000000000000' order by sequence",
        "select * from wo.event where position > 5 order by position limit 10",
        "select * from wo.principal where id = 'ann'",
    ] {
        let plan = client.query(&format!("explain (costs off) {query}"), &[]).unwrap();
        let plan: Vec<String> = plan.iter().map(|row| row.get(0)).collect();
        let plan = plan.join("\n");
        assert!(plan.contains("InitPlan"), "{query}\n{plan}");
        assert!(!plan.contains("Seq Scan"), "{query}\n{plan}");
        let looked_up = ["tenant_id = $", "tenant_id = (InitPlan"];
        let indexed = plan.lines().any(|line| {
            line.contains("Index Cond:") && looked_up.iter().any(|text| line.contains(text))
        });
        assert!(indexed, "the tenant is no condition of the index: {query}\n{plan}");
        assert!(!plan.contains("current_tenant()) ="), "looked up for each row: {plan}");
    }
}

#[test]
fn a_parallel_query_sees_what_a_serial_one_does() {
    let world = World::new();
    world.fill();
    // What is said to have stayed of an archived chain never was one.
    let mut superuser = world.db.superuser();
    let mut transaction = superuser.transaction().unwrap();
    behind_the_back(&mut transaction, "wo.archived_chain", "delete from wo.archived_chain");
    transaction.commit().unwrap();
    let major = wo_cluster_tests::Server::under_test().major;
    let force = if major >= 16 { "debug_parallel_query" } else { "force_parallel_mode" };
    let mut client = world.svc();
    client
        .batch_execute(&format!(
            "set {force} = on; set parallel_setup_cost = 0; set parallel_tuple_cost = 0;
             set min_parallel_table_scan_size = 0; set min_parallel_index_scan_size = 0"
        ))
        .unwrap();
    assert_eq!(count(&mut client, "wo.work_order"), 0);
    client.batch_execute("begin").unwrap();
    authenticate(&mut client, &world.acme.token("ann"));
    assert_eq!(count(&mut client, "wo.work_order"), 3);
    assert_eq!(
        count(&mut client, &format!("wo.audit_entry where changes::text like '%{SECRET}%'")),
        0
    );
    let verified = client.query_one("select intact, chains from wo.verify_audit()", &[]).unwrap();
    assert!(verified.get::<_, bool>(0));
    client.batch_execute("commit").unwrap();
}

#[test]
fn numbers_and_keys_of_one_tenant_say_nothing_of_anothers() {
    let world = World::new();
    world.fill();
    let mut admin = world.db.superuser();
    let row = admin.query_one(
        "select wo_number, id::text from wo.work_order where tenant_id = $1 limit 1",
        &[&world.globex.tenant],
    );
    let (number, id): (String, String) = row.map(|row| (row.get(0), row.get(1))).unwrap();
    let mut client = world.db.connect("ada");
    client.batch_execute("begin").unwrap();
    // The same answer for what another tenant has and for what nobody has.
    let nothing = "01890000-0000-7000-8000-000000000000";
    for (taken, free) in [(&number, "WO-free"), (&id, nothing)] {
        for call in [
            "select wo.transition('{}', 'closed')",
            "select wo.patch_work_order('{}', '{\"title\": \"x\"}')",
            "select * from wo.audit_trail('{}')",
            "select * from wo.allowed_transitions('{}')",
            "select * from wo.verify_audit('{}')",
            "insert into wo.work_order (title, wo_number) values ('x', '{}')",
        ] {
            let said = |result: Result<u64, postgres::Error>, name: &str| match result {
                Ok(rows) => format!("{rows} rows"),
                Err(error) => {
                    let error = error.as_db_error().unwrap().clone();
                    format!("{:?}", (error.code(), error.message(), error.detail(), error.hint()))
                        .replace(name, "?")
                }
            };
            let of_taken = attempt(&mut client, &call.replace("{}", taken));
            let of_free = attempt(&mut client, &call.replace("{}", free));
            assert_eq!(said(of_taken, taken), said(of_free, free), "{call}");
        }
    }
    // The same idempotency key makes a work order of one's own.
    let made: Value = client
        .query_one("select wo.create_work_order('mine', idempotency_key => 'globex-secret-1')", &[])
        .unwrap()
        .get(0);
    assert_eq!(made["created"], true);
    assert_eq!(count(&mut client, "wo.work_order"), 4);
    create(&mut client, "and another");
    client.batch_execute("commit").unwrap();
}
