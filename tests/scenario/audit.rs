//! The trail: one entry for each write, by the server's clock, chained, and no value of it or of
//! what it describes can be changed behind its back without verification saying where.

use postgres::Client;
use postgres::types::FromSql;
use serde_json::{Value, json};
use uuid::Uuid;
use wo_cluster_tests::{BrokenChain, behind_the_back, broken_chains, db_error, refused};

use crate::scenario::company::{
    Company, copy, counts, create, make_filled, one, reach_alone, take,
};
use crate::scenario::design::{AGENT_CHANGE, FLEET_TASK, REGULATED_CHANGE};

fn id(client: &mut Client, number: &str) -> Uuid {
    one(client, &format!("select id from wo.work_order where wo_number = '{number}'"))
}

/// A column of the newest entry.
fn newest<T>(client: &mut Client, number: &str, expression: &str) -> T
where
    T: for<'a> FromSql<'a>,
{
    one(
        client,
        &format!(
            "select {expression} from wo.audit_entry where subject_id =
                (select id from wo.work_order where wo_number = '{number}')
             order by sequence desc limit 1"
        ),
    )
}

/// Twice would make the history ambiguous, and not at all would hide the write.
#[test]
fn every_kind_of_write_leaves_exactly_one_entry_and_one_event() {
    let company = Company::found("fleet_task");
    company.publish_without_approvals("fleet_task");
    let mut almighty = company.connect("almighty");
    let mut admin = company.connect("admin");
    let mut root = company.root();
    let number = make_filled(&mut almighty, "fleet_task");
    let of = format!("where wo_number = '{number}'");
    let key =
        "(select idempotency_key from wo.work_order where idempotency_key is not null limit 1)";
    let writes: Vec<(&str, &str, String, &str)> = vec![
        ("insert", "almighty", "insert into wo.work_order (title) values ('[A-B] c')".into(), "created"),
        ("insert select", "almighty", "insert into wo.work_order (title) select '[A-B] c'".into(), "created"),
        ("function", "almighty", "select wo.create_work_order('[A-B] c')".into(), "created"),
        (
            "many",
            "almighty",
            "select wo.create_work_orders('[{\"title\": \"[A-B] c\"}]')".into(),
            "created",
        ),
        ("import", "almighty", "insert into wo.work_order_import (title) values ('[A-B] c')".into(), "created"),
        ("update", "almighty", format!("update wo.work_order set notes = 'a' {of}"), "changed"),
        (
            "two columns",
            "almighty",
            format!("update wo.work_order set notes = 'b', priority = 'high' {of}"),
            "changed",
        ),
        (
            "patch",
            "almighty",
            format!("select wo.patch_work_order('{number}', '{{\"notes\": \"c\"}}')"),
            "changed",
        ),
        ("transition", "almighty", format!("select wo.transition('{number}', 'accepted')"), "accept"),
        (
            "transition with fields",
            "almighty",
            format!("select wo.transition('{number}', 'in_progress', 'go', '{{\"notes\": \"d\"}}')"),
            "start",
        ),
        (
            "transition many",
            "almighty",
            format!(
                "select wo.transition_many('[{{\"work_order\": \"{number}\", \"to_status\": \"blocked\",
                    \"reason\": \"no part\"}}]')"
            ),
            "block",
        ),
        (
            "raw transition",
            "almighty",
            format!("update wo.work_order set status = 'in_progress', reason = 'it came' {of}"),
            "resume",
        ),
        (
            "upsert that updates",
            "almighty",
            format!(
                "insert into wo.work_order (title, idempotency_key) values ('[A-B] c', {key})
                 on conflict (tenant_id, idempotency_key) do update set notes = 'e'"
            ),
            "changed",
        ),
        (
            "upsert that inserts",
            "almighty",
            "insert into wo.work_order (title, idempotency_key) values ('[A-B] c', 'new')
             on conflict (tenant_id, idempotency_key) do update set notes = 'f'"
                .into(),
            "created",
        ),
        (
            "merge that updates",
            "almighty",
            format!(
                "merge into wo.work_order as held using (select '{number}' as n) as given
                 on held.wo_number = given.n when matched then update set notes = 'g'
                 when not matched then insert (title) values ('[A-B] c')"
            ),
            "changed",
        ),
        (
            "merge that inserts",
            "almighty",
            "merge into wo.work_order as held using (select 'none' as n) as given
             on held.wo_number = given.n when matched then update set notes = 'g'
             when not matched then insert (title) values ('[A-B] c')"
                .into(),
            "created",
        ),
        ("superuser", "root", format!("update wo.work_order set notes = 'h' {of}"), "changed"),
        (
            "migration",
            "admin",
            format!("select wo.migrate_lifecycle('{number}', 1, 'back to the first')"),
            "migrated",
        ),
    ];
    for (what, who, sql, action) in writes {
        println!("{what}");
        let before = counts(&mut root);
        let client = match who {
            "root" => &mut root,
            "admin" => &mut admin,
            _ => &mut almighty,
        };
        let start: String = one(client, "select clock_timestamp()::text");
        client.batch_execute(&sql).unwrap();
        let after = counts(&mut root);
        let born = i64::from(action == "created");
        assert_eq!(after, (before.0 + born, before.1 + 1, before.2 + 1), "{what}");
        let row = root
            .query_one(
                "select told.action, told.actor, told.login_role, told.authenticated_by,
                    told.application, told.recorded_at between $1::text::timestamptz and clock_timestamp(),
                    told.subject, told.record_version = held.version,
                    told.sequence = held.chain_sequence, told.entry_hash = held.chain_hash,
                    told.recorded_at = held.updated_at, told.to_status = held.status,
                    told.client_address
                 from wo.audit_entry as told join wo.work_order as held on held.id = told.subject_id
                 order by told.recorded_at desc limit 1",
                &[&start],
            )
            .unwrap();
        let login = if who == "root" { "postgres" } else { who };
        assert_eq!(row.get::<_, String>(0), action, "{what}");
        assert_eq!(row.get::<_, String>(1), who, "{what}");
        assert_eq!(row.get::<_, String>(2), login, "{what}");
        assert_eq!(row.get::<_, String>(3), "login", "{what}");
        let application: String = row.get(4);
        assert!(application.contains("every_kind_of_write"), "{application}");
        assert_eq!(row.get::<_, String>(6), "work_order");
        for (place, truth) in [5, 7, 8, 9, 10, 11].map(|place| (place, row.get::<_, bool>(place))) {
            assert!(truth, "{what}: column {place}");
        }
        assert_eq!(row.get::<_, Option<String>>(12), None, "a local socket has no address");
    }
    let before = counts(&mut root);
    copy(&mut almighty, "wo.work_order_import (title)", "[A-B] 1\n[A-B] 2\n[A-B] 3\n").unwrap();
    assert_eq!(counts(&mut root), (before.0 + 3, before.1 + 3, before.2 + 3), "copy");
    company.assert_intact();
}

/// Old → new is the point of a trail: what changed, and nothing else.
#[test]
fn an_entry_says_why_and_old_and_new_of_what_changed() {
    let company = Company::found("regulated_change");
    let mut almighty = company.connect("almighty");
    let number = reach_alone(&mut almighty, &REGULATED_CHANGE, "in_progress");
    almighty
        .execute(
            "select wo.transition($1, 'blocked', 'no spare part', $2)",
            &[&number, &json!({"notes": "ordered", "actual_hours": 4, "tags": ["a"], "completion_summary": null})],
        )
        .unwrap();
    let changes: Value = newest(&mut almighty, &number, "changes");
    assert_eq!(
        changes,
        json!({
            "notes": {"old": "old notes", "new": "ordered"},
            "actual_hours": {"old": 3.5, "new": 4.0},
            "tags": {"old": [], "new": ["a"]},
            "completion_summary": {"old": "repaired"},
            "block_cause": {"new": "other"},
        })
    );
    let told: String = newest(
        &mut almighty,
        &number,
        "concat_ws('|', action, reason, from_status, to_status, record_version, sequence)",
    );
    assert_eq!(told, "block|no spare part|in_progress|blocked|5|5");
    let first: Value = one(
        &mut almighty,
        &format!(
            "select changes from wo.audit_entry where sequence = 1 and subject_id =
                (select id from wo.work_order where wo_number = '{number}')"
        ),
    );
    assert_eq!(first["title"], json!({"new": "[Acme-Test] Mend the pump"}));
    assert!(
        first.as_object().unwrap().values().all(|change| change.get("old").is_none()),
        "{first}"
    );
}

/// A net comparison at commit would lose what was changed and changed back.
#[test]
fn there_and_back_again_keeps_both_ways() {
    let company = Company::found("fleet_task");
    let mut almighty = company.connect("almighty");
    let number = create(&mut almighty, "[A-B] c");
    let before = counts(&mut almighty);
    almighty
        .batch_execute(&format!(
            "begin;
             update wo.work_order set priority = 'high' where wo_number = '{number}';
             update wo.work_order set priority = 'medium' where wo_number = '{number}';
             commit"
        ))
        .unwrap();
    assert_eq!(counts(&mut almighty), (before.0, before.1 + 2, before.2 + 2));
    let ways: Vec<String> = almighty
        .query(&format!("select what from wo.audit_trail('{number}') order by sequence"), &[])
        .unwrap()
        .iter()
        .skip(1)
        .map(|row| row.get(0))
        .collect();
    assert_eq!(ways, ["priority: medium → high", "priority: high → medium"]);
    // What is rolled back has not happened.
    almighty
        .batch_execute(&format!(
            "begin;
             update wo.work_order set priority = 'low' where wo_number = '{number}';
             savepoint here;
             update wo.work_order set priority = 'critical' where wo_number = '{number}';
             rollback to here;
             commit"
        ))
        .unwrap();
    assert_eq!(counts(&mut almighty), (before.0, before.1 + 3, before.2 + 3));
    company.assert_intact();
}

/// The time is when it was written, not when the transaction began: a transaction that is kept
/// open does not date its writes back.
#[test]
fn the_time_is_the_servers_at_the_write() {
    let company = Company::found("fleet_task");
    let mut almighty = company.connect("almighty");
    let mut transaction = almighty.transaction().unwrap();
    let late: String = {
        transaction.batch_execute("select now()").unwrap();
        one(&mut transaction, "select clock_timestamp()::text")
    };
    let begun: bool = transaction
        .query_one(
            "with made as (insert into wo.work_order (title) values ('[A-B] c') returning created_at)
             select created_at >= $1::text::timestamptz and created_at > now() from made",
            &[&late],
        )
        .unwrap()
        .get(0);
    assert!(begun);
    transaction.commit().unwrap();
    let dated: bool = one(
        &mut almighty,
        "select bool_and(told.recorded_at = held.created_at) from wo.audit_entry as told
         join wo.work_order as held on held.id = told.subject_id",
    );
    assert!(dated);
}

/// Whoever administers leaves a chain for each object, so that nobody slips somebody a role.
#[test]
fn every_change_of_configuration_is_told_in_its_objects_own_chain() {
    let company = Company::found("regulated_change");
    let mut root = company.root();
    let key = wo_cli::public_key(&wo_cli::new_key().unwrap().verifying_key());
    root.batch_execute(
        "create schema shop;
         grant usage on schema shop to public;
         create function shop.ask(uuid, uuid) returns boolean language sql as 'select true'",
    )
    .unwrap();
    let acts: Vec<(String, &str, Value, &str, Value)> = vec![
        (
            "select wo.create_role('welder', 'welds')".into(),
            "role",
            json!(["welder"]),
            "created",
            json!({"description": {"new": "welds"}}),
        ),
        (
            "select wo.create_principal('wanda', name => 'Wanda')".into(),
            "principal",
            json!(["wanda"]),
            "created",
            json!({"name": {"new": "Wanda"}}),
        ),
        (
            "select wo.grant_role('wanda', 'welder')".into(),
            "principal_role",
            json!(["wanda", "welder"]),
            "created",
            json!({"role": {"new": "welder"}}),
        ),
        (
            "select wo.revoke_role('wanda', 'welder')".into(),
            "principal_role",
            json!(["wanda", "welder"]),
            "deleted",
            json!({"role": {"old": "welder"}}),
        ),
        (
            "select wo.grant_role('wanda', 'welder')".into(),
            "principal_role",
            json!(["wanda", "welder"]),
            "created",
            json!({"role": {"new": "welder"}}),
        ),
        (
            "update wo.principal set name = 'Wanda W.' where id = 'wanda'".into(),
            "principal",
            json!(["wanda"]),
            "changed",
            json!({"name": {"old": "Wanda", "new": "Wanda W."}}),
        ),
        (
            "select wo.disable_principal('wanda')".into(),
            "principal",
            json!(["wanda"]),
            "changed",
            json!({}),
        ),
        (
            "select wo.enable_principal('wanda')".into(),
            "principal",
            json!(["wanda"]),
            "changed",
            json!({}),
        ),
        (
            format!("select wo.trust_issuer('https://id', 'k1', '{key}')"),
            "trusted_issuer",
            json!(["https://id", "k1"]),
            "created",
            json!({"audience": {"new": "wo_core"}}),
        ),
        (
            "select wo.distrust_issuer('https://id', 'k1')".into(),
            "trusted_issuer",
            json!(["https://id", "k1"]),
            "changed",
            json!({}),
        ),
        (
            "select wo.register_guard('ask', 'shop.ask(uuid, uuid)', 'asks')".into(),
            "guard_function",
            json!(["ask"]),
            "created",
            json!({"description": {"new": "asks"}}),
        ),
        (
            "select wo.publish_lifecycle((select definition from wo.lifecycle where name = 'fleet_task'))".into(),
            "lifecycle",
            json!(["fleet_task", 2]),
            "created",
            json!({"version": {"new": 2}}),
        ),
        (
            "update wo.tenant set name = 'Acme & Co.'".into(),
            "tenant",
            json!([company.tenant.to_string()]),
            "changed",
            json!({"name": {"old": "Acme", "new": "Acme & Co."}}),
        ),
    ];
    for (sql, subject, key, action, changes) in acts {
        println!("{sql}");
        let before = counts(&mut root);
        company.administer(&sql);
        assert_eq!(counts(&mut root).1, before.1 + 1, "{sql}");
        let row = root
            .query_one(
                "select told.action, told.actor, told.login_role, told.authenticated_by, told.changes,
                    chain.subject, chain.subject_key::jsonb, told.sequence = chain.chain_sequence,
                    told.recorded_at > clock_timestamp() - interval '1 minute'
                 from wo.audit_entry as told
                 join wo.audit_chain as chain on chain.subject_id = told.subject_id
                 order by told.recorded_at desc limit 1",
                &[],
            )
            .unwrap();
        assert_eq!(row.get::<_, String>(0), action);
        assert_eq!(row.get::<_, Option<String>>(1), None);
        assert_eq!(row.get::<_, String>(2), "postgres");
        assert_eq!(row.get::<_, String>(3), "administration");
        let told: Value = row.get(4);
        for (column, change) in changes.as_object().unwrap() {
            assert_eq!(told[column], *change, "{told}");
        }
        if action == "changed" {
            assert_eq!(told.as_object().unwrap().len(), 1, "{told}");
        }
        assert_eq!(row.get::<_, String>(5), subject);
        assert_eq!(row.get::<_, Value>(6), key);
        assert!(row.get::<_, bool>(7) && row.get::<_, bool>(8));
    }
    // What changes nothing is not told.
    let before = counts(&mut root);
    for idle in [
        "select wo.grant_role('wanda', 'welder')",
        "select wo.revoke_role('wanda', 'captain')",
        "select wo.enable_principal('wanda')",
        "update wo.principal set name = name where id = 'wanda'",
    ] {
        company.administer(idle);
        assert_eq!(counts(&mut root), before, "{idle}");
    }
    company.assert_intact();
}

/// A principal who administers with a login of their own is named.
#[test]
fn an_administrator_who_is_somebody_is_named() {
    let company = Company::found("regulated_change");
    let mut admin = company.connect("admin");
    admin.batch_execute("select wo.create_role('welder')").unwrap();
    let actor: Option<String> = one(
        &mut admin,
        "select actor from wo.audit_entry where subject = 'role' order by recorded_at desc limit 1",
    );
    assert_eq!(actor.as_deref(), Some("admin"));
}

/// A token's holder is in the trail by name, with the token's own id, though the login is shared.
#[test]
fn a_tokens_holder_is_named_with_the_token() {
    let company = Company::found("fleet_task");
    let key = wo_cli::new_key().unwrap();
    let public = wo_cli::public_key(&key.verifying_key());
    company.administer(&format!("select wo.trust_issuer('https://id', 'k1', '{public}')"));
    company.database.login("service", &["wo_user"]);
    let request =
        wo_cli::TokenRequest::new("k1", "https://id", "captain", "wo_core", company.tenant);
    let token = wo_cli::token(&key, &request).unwrap();
    let mut service = company.connect("service");
    let mut transaction = service.transaction().unwrap();
    transaction.execute("select wo.authenticate($1)", &[&token]).unwrap();
    transaction.batch_execute("select wo.create_work_order('[A-B] c')").unwrap();
    transaction.commit().unwrap();
    let row = company
        .root()
        .query_one(
            "select actor, login_role, authenticated_by from wo.audit_entry
             where subject = 'work_order'",
            &[],
        )
        .unwrap();
    assert_eq!(row.get::<_, String>(0), "captain");
    assert_eq!(row.get::<_, String>(1), "service");
    let by: String = row.get(2);
    assert!(by.strip_prefix("token:").is_some_and(|jti| !jti.is_empty()), "{by}");
}

#[test]
fn the_trail_reads_as_people_read() {
    let company = Company::found("regulated_change");
    company.administer("update wo.principal set name = 'Al Mighty' where id = 'almighty'");
    let mut almighty = company.connect("almighty");
    let number = reach_alone(&mut almighty, &REGULATED_CHANGE, "in_progress");
    almighty.execute("select wo.transition($1, 'blocked', 'no spare part')", &[&number]).unwrap();
    almighty
        .execute("update wo.work_order set tags = '{a,b}', due_date = '2026-03-10'", &[])
        .unwrap();
    let id = id(&mut almighty, &number).to_string();
    for name in [&number, &id] {
        let rows = company
            .connect("auditor")
            .query("select sequence, at, who, action, why, what from wo.audit_trail($1)", &[name])
            .unwrap();
        let told: Vec<(i64, String, String, Option<String>, String)> = rows
            .iter()
            .map(|row| (row.get(0), row.get(2), row.get(3), row.get(4), row.get(5)))
            .collect();
        let sequences: Vec<i64> = told.iter().map(|one| one.0).collect();
        assert_eq!(sequences, [1, 2, 3, 4, 5, 6]);
        assert!(told.iter().all(|one| one.1 == "Al Mighty (almighty)"), "{told:#?}");
        let actions: Vec<&str> = told.iter().map(|one| one.2.as_str()).collect();
        assert_eq!(actions, ["created", "submit", "assign", "start", "block", "changed"]);
        assert!(told[0].4.contains("title: [Acme-Test] Mend the pump"), "{}", told[0].4);
        assert_eq!(told[4].3.as_deref(), Some("no spare part"));
        assert_eq!(told[4].4, "status: in_progress → blocked; block_cause: other");
        assert!(told[5].4.contains("due_date: 2026-03-10"), "{}", told[5].4);
    }
    let unknown = almighty.query("select * from wo.audit_trail('WO-0')", &[]);
    refused(unknown, "22023", "work_order_unknown");
}

/// Whoever could write an entry could tell a story of their own.
#[test]
fn nobody_writes_the_trail_or_the_outbox_by_hand() {
    let company = Company::found("fleet_task");
    let mut almighty = company.connect("almighty");
    let mut admin = company.connect("admin");
    let mut auditor = company.connect("auditor");
    let mut root = company.root();
    create(&mut almighty, "[A-B] c");
    let before = counts(&mut root);
    let inserts = [
        "insert into wo.audit_entry select (told).* from (select told from wo.audit_entry as told limit 1) as one",
        "insert into wo.event select (told).* from (select told from wo.event as told limit 1) as one",
        "insert into wo.audit_chain (tenant_id, subject, subject_key, subject_id, chain_sequence, chain_hash)
         select tenant_id, 'role', '[\"x\"]', gen_random_uuid(), 1, chain_hash from wo.audit_chain limit 1",
        "update wo.audit_chain set chain_sequence = 9",
    ];
    for sql in inserts {
        println!("{sql}");
        for client in [&mut almighty, &mut admin, &mut auditor] {
            assert_eq!(db_error(client.batch_execute(sql)).code().code(), "42501");
        }
        refused(root.batch_execute(sql), "42501", "written_by_enforcement_alone");
        // Not as the duty that the enforcement layer writes with, either.
        let run_as = format!("set role wo_trail; {sql}");
        assert_eq!(db_error(root.batch_execute(&run_as)).code().code(), "42501");
        root.batch_execute("reset role").unwrap();
    }
    for sql in [
        "update wo.audit_entry set reason = 'x'",
        "delete from wo.audit_entry",
        "truncate wo.audit_entry",
        "update wo.event set type = 'x'",
        "delete from wo.event",
        "truncate wo.event",
        "delete from wo.audit_chain",
        "truncate wo.audit_chain",
        "delete from wo.work_order",
        "delete from wo.principal",
    ] {
        println!("{sql}");
        for client in [&mut almighty, &mut admin, &mut auditor, &mut root] {
            assert_eq!(db_error(client.batch_execute(sql)).code().code(), "42501");
        }
        root.batch_execute("set session_replication_role = replica").unwrap();
        let refusal = db_error(root.batch_execute(sql));
        assert_eq!(refusal.code().code(), "42501", "on a replica: {refusal:?}");
        root.batch_execute("set session_replication_role = origin").unwrap();
    }
    assert_eq!(counts(&mut root), before);
    company.assert_intact();
}

/// What verification finds after tampering that is then taken back.
fn found_after(root: &mut Client, tampering: &[(&str, &str)]) -> Vec<BrokenChain> {
    let mut transaction = root.transaction().unwrap();
    transaction.batch_execute("select wo.administer('acme')").unwrap();
    for (table, sql) in tampering {
        behind_the_back(&mut transaction, table, sql);
    }
    let broken = broken_chains(&mut transaction, None);
    transaction.rollback().unwrap();
    broken
}

/// Another value of the column's type.
fn other_value(column: &str, kind: &str) -> String {
    match (column, kind) {
        ("source", _) => "'external'".to_owned(),
        ("block_cause", _) => "'tool'".to_owned(),
        ("kind", _) => "'vendor'".to_owned(),
        (_, "uuid") => "gen_random_uuid()".to_owned(),
        (_, "text") => format!("coalesce({column}, '') || 'x'"),
        (_, "int8" | "int4" | "numeric") => format!("coalesce({column}, 0) + 1"),
        (_, "timestamptz") => format!("coalesce({column}, now()) + interval '1 microsecond'"),
        (_, "date") => format!("coalesce({column}, '2026-01-01') + 1"),
        (_, "bool") => format!("not {column}"),
        (_, "jsonb") => format!("coalesce({column}, '{{}}') || '{{\"x\": 1}}'"),
        (_, "json") => format!("replace({column}::text, 'pump', 'hump')::json"),
        (_, "_text") => format!("array_append({column}, 'x')"),
        (_, "bytea") => format!("set_byte({column}, 0, get_byte({column}, 0) # 1)"),
        _ => panic!("{column} is of type {kind}"),
    }
}

/// Name and base type of every column.
fn columns(root: &mut Client, table: &str) -> Vec<(String, String)> {
    root.query(
        "select attname::text, coalesce(base.typname, own.typname)::text
         from pg_attribute
         join pg_type as own on own.oid = atttypid
         left join pg_type as base on base.oid = own.typbasetype
         where attrelid = $1::text::regclass and attnum > 0 and not attisdropped
         order by attnum",
        &[&table],
    )
    .unwrap()
    .iter()
    .map(|row| (row.get(0), row.get(1)))
    .collect()
}

fn assert_found(what: &str, broken: &[BrokenChain], is_it: impl Fn(&BrokenChain) -> bool) {
    assert!(broken.iter().any(is_it), "{what}: {broken:?}");
    assert!(broken.iter().all(|one| !one.problem.is_empty()), "{what}: {broken:?}");
}

/// A company with something in every table, and one work order of several entries.
fn busy() -> (Company, String) {
    let company = Company::found("regulated_change");
    let key = wo_cli::public_key(&wo_cli::new_key().unwrap().verifying_key());
    company
        .root()
        .batch_execute(
            "create schema shop;
             grant usage on schema shop to public;
             create function shop.ask(uuid, uuid) returns boolean language sql as 'select true'",
        )
        .unwrap();
    company.administer(&format!(
        "select wo.trust_issuer('https://id', 'k1', '{key}');
         select wo.register_guard('ask', 'shop.ask(uuid, uuid)');
         update wo.principal set name = 'Strange' where id = 'stranger';
         update wo.principal set name = 'Stranger' where id = 'stranger';
         select wo.grant_role('stranger', 'qa')"
    ));
    let mut almighty = company.connect("almighty");
    let number = reach_alone(&mut almighty, &REGULATED_CHANGE, "blocked");
    almighty
        .batch_execute(
            "update wo.work_order set title = 'Mend another pump', tags = '{a}',
                 metadata = '{\"a\": 1}', due_date = '2026-03-10'",
        )
        .unwrap();
    create(&mut almighty, "another");
    company.assert_intact();
    (company, number)
}

#[test]
fn one_value_changed_in_any_column_of_an_entry_is_found() {
    let (company, number) = busy();
    let mut root = company.root();
    for (subject, key, place) in [
        (
            "work_order",
            number.clone(),
            format!(
                "sequence = 3 and subject_id = (select id from wo.work_order where wo_number = '{number}')"
            ),
        ),
        (
            "work_order",
            number.clone(),
            format!(
                "sequence = 1 and subject_id = (select id from wo.work_order where wo_number = '{number}')"
            ),
        ),
        (
            "principal",
            "[\"stranger\"]".to_owned(),
            "sequence = 2 and subject_id = (select subject_id from wo.audit_chain
                where subject = 'principal' and subject_key = '[\"stranger\"]')"
                .to_owned(),
        ),
    ] {
        let sequence: i64 =
            one(&mut root, &format!("select sequence::bigint from wo.audit_entry where {place}"));
        for (column, kind) in columns(&mut root, "wo.audit_entry") {
            if column == "position" {
                // Not hashed: the ledger holds it.
                continue;
            }
            let value = match column.as_str() {
                "changes" => "replace(changes::text, '{', '{ ')::json".to_owned(),
                "sequence" => "sequence + 1000".to_owned(),
                _ => other_value(&column, &kind),
            };
            let sql = format!("update wo.audit_entry set {column} = {value} where {place}");
            let broken = found_after(&mut root, &[("wo.audit_entry", &sql)]);
            // An entry that is not where it was is missed where the next one follows.
            let gone = ["tenant_id", "subject_id", "sequence"].contains(&column.as_str());
            assert_found(&sql, &broken, |one| {
                one.subject == subject
                    && one.key == key
                    && (one.sequence == sequence || (gone && one.sequence == sequence + 1))
            });
        }
    }
    company.assert_intact();
}

#[test]
fn one_value_changed_in_any_column_of_a_work_order_is_found() {
    let (company, number) = busy();
    let mut root = company.root();
    let last: i64 = one(
        &mut root,
        &format!("select chain_sequence::bigint from wo.work_order where wo_number = '{number}'"),
    );
    let mut tried = 0;
    for (column, kind) in columns(&mut root, "wo.work_order") {
        if column == "reason" {
            // A CHECK that no trigger can switch off keeps it NULL.
            let sql = "update wo.work_order set reason = 'x'";
            assert_eq!(
                db_error(root.batch_execute(&format!(
                    "begin; set local session_replication_role = replica; {sql}"
                )))
                .code()
                .code(),
                "23514"
            );
            root.batch_execute("rollback").unwrap();
            continue;
        }
        let value = other_value(&column, &kind);
        let sql =
            format!("update wo.work_order set {column} = {value} where wo_number = '{number}'");
        let broken = found_after(&mut root, &[("wo.work_order", &sql)]);
        let key = match column.as_str() {
            "wo_number" => format!("{number}x"),
            _ => number.clone(),
        };
        let gone = ["tenant_id", "id"].contains(&column.as_str());
        assert_found(&sql, &broken, |one| {
            one.subject == "work_order" && (one.key == key || gone) && one.sequence == last
        });
        if !gone && !column.starts_with("chain_") && column != "wo_number" {
            // The reason says which column.
            assert_found(&sql, &broken, |one| one.problem.contains(&column));
        }
        // The same for the one work order alone.
        let mut transaction = root.transaction().unwrap();
        transaction.batch_execute("select wo.administer('acme')").unwrap();
        let id: Uuid = one(
            &mut transaction,
            &format!("select id from wo.work_order where wo_number = '{number}'"),
        );
        behind_the_back(&mut transaction, "wo.work_order", &sql);
        let broken = broken_chains(&mut transaction, Some(&id.to_string()));
        assert!(!broken.is_empty(), "{sql}");
        transaction.rollback().unwrap();
        tried += 1;
    }
    assert!(tried > 35, "{tried} columns");
    company.assert_intact();
}

#[test]
fn one_value_changed_in_any_column_of_the_configuration_is_found() {
    let (company, _) = busy();
    let mut root = company.root();
    let tenant = company.tenant;
    for (table, place, key) in [
        ("tenant", format!("tenant_id = '{tenant}'"), format!("[\"{tenant}\"]")),
        ("role", "role = 'qa'".to_owned(), "[\"qa\"]".to_owned()),
        ("principal", "id = 'stranger'".to_owned(), "[\"stranger\"]".to_owned()),
        ("principal_role", "principal = 'stranger'".to_owned(), "[\"stranger\",\"qa\"]".to_owned()),
        ("trusted_issuer", "key_id = 'k1'".to_owned(), "[\"https://id\",\"k1\"]".to_owned()),
        (
            "lifecycle",
            "name = 'fleet_task' and version = 1".to_owned(),
            "[\"fleet_task\",1]".to_owned(),
        ),
        ("guard_function", "name = 'ask'".to_owned(), "[\"ask\"]".to_owned()),
    ] {
        let qualified = format!("wo.{table}");
        for (column, kind) in columns(&mut root, &qualified) {
            let value = other_value(&column, &kind);
            let extra = match (table, column.as_str()) {
                // A CHECK ties the document to its name.
                ("lifecycle", "name") => {
                    ", definition = jsonb_set(definition, '{name}', to_jsonb(name || 'x'))"
                }
                // A CHECK ties these to each other.
                ("lifecycle", "retired_at") => ", retirement_reason = 'x'",
                ("lifecycle", "retired_by") => ", retired_at = now(), retirement_reason = 'x'",
                ("lifecycle", "retirement_reason") => ", retired_at = now()",
                _ => "",
            };
            let sql = format!("update {qualified} set {column} = {value}{extra} where {place}");
            let broken = found_after(&mut root, &[(&qualified, &sql)]);
            assert_found(&sql, &broken, |one| {
                one.subject == table && one.key == key && one.sequence >= 1
            });
        }
    }
    let head = "subject = 'principal' and subject_key = '[\"stranger\"]'";
    for (column, kind) in columns(&mut root, "wo.audit_chain") {
        let value = other_value(&column, &kind);
        let sql = format!("update wo.audit_chain set {column} = {value} where {head}");
        let broken = found_after(&mut root, &[("wo.audit_chain", &sql)]);
        assert_found(&sql, &broken, |one| {
            one.subject.starts_with("principal") || one.key.contains("stranger")
        });
    }
    company.assert_intact();
}

/// Entries that go, rows that go, rows that come: each past the triggers.
#[test]
fn what_is_removed_or_slipped_in_is_found() {
    let (company, number) = busy();
    let mut root = company.root();
    let work_order = id(&mut root, &number);
    let of = format!("subject_id = '{work_order}'");
    let last: i64 = one(
        &mut root,
        &format!("select chain_sequence::bigint from wo.work_order where id = '{work_order}'"),
    );
    let all = |one: &str| format!("delete from wo.audit_entry where {of}{one}");
    for (what, sql, sequence) in [
        ("an entry", all(" and sequence = 3"), 4),
        ("the first entry", all(" and sequence = 1"), 2),
        ("the tail", all(&format!(" and sequence = {last}")), last - 1),
        ("a long tail", all(" and sequence > 2"), 2),
        ("the whole trail", all(""), 0),
    ] {
        let broken = found_after(&mut root, &[("wo.audit_entry", &sql)]);
        assert_found(what, &broken, |one| {
            one.subject == "work_order" && one.key == number && one.sequence == sequence
        });
        assert_eq!(broken.len(), 1, "{what}: {broken:?}");
    }

    let gone = format!("delete from wo.work_order where id = '{work_order}'");
    let broken = found_after(&mut root, &[("wo.work_order", &gone)]);
    assert_found("the work order", &broken, |one| {
        one.subject == "work_order" && one.key == work_order.to_string()
    });

    // The tail cut and the head moved back to where it then ends: the record still holds values
    // that no entry gave it.
    let cut = all(&format!(" and sequence = {last}"));
    let back = format!(
        "update wo.work_order as held set chain_sequence = told.sequence,
            chain_hash = told.entry_hash
         from wo.audit_entry as told
         where held.id = '{work_order}' and told.subject_id = held.id and told.sequence = {}",
        last - 1
    );
    let broken = found_after(&mut root, &[("wo.audit_entry", &cut), ("wo.work_order", &back)]);
    assert_found("cut and moved back", &broken, |one| {
        one.key == number && one.sequence == last - 1
    });

    // Two entries in each other's place.
    let swap = format!(
        "update wo.audit_entry set sequence = case sequence when 2 then 3 else 2 end
         where {of} and sequence in (2, 3)"
    );
    let broken = found_after(&mut root, &[("wo.audit_entry", &swap)]);
    assert_found("swapped", &broken, |one| one.key == number && one.sequence == 2);

    let slipped = format!(
        "insert into wo.work_order (tenant_id, id, wo_number, lifecycle, lifecycle_version, status,
            version, revision, title, source, originator, created_at, updated_at, chain_sequence, chain_hash)
         select tenant_id, gen_random_uuid(), 'SLIPPED-IN', lifecycle, lifecycle_version, 'closed',
            1, 1, 'x', source, originator, now(), now(), chain_sequence, chain_hash
         from wo.work_order where id = '{work_order}'"
    );
    let broken = found_after(&mut root, &[("wo.work_order", &slipped)]);
    assert_found("slipped in", &broken, |one| {
        one.subject == "work_order" && one.key == "SLIPPED-IN"
    });

    let appended = format!(
        "insert into wo.audit_entry
         select tenant_id, subject, subject_id, sequence + 1, recorded_at, 'approve', actor, reason,
            from_status, to_status, record_version, '{{}}', client_address, application, login_role,
            authenticated_by, transaction_id, entry_hash, previous_hash, position
         from wo.audit_entry where {of} and sequence = {last}"
    );
    let broken = found_after(&mut root, &[("wo.audit_entry", &appended)]);
    assert_found("appended", &broken, |one| one.key == number && one.sequence == last + 1);

    let alone = "delete from wo.audit_chain where subject_key = '[\"stranger\"]'";
    let broken = found_after(&mut root, &[("wo.audit_chain", alone)]);
    assert_found("a head", &broken, |one| one.subject == "principal");
    let revoked = "delete from wo.principal_role where principal = 'stranger'";
    let broken = found_after(&mut root, &[("wo.principal_role", revoked)]);
    assert_found("a role taken", &broken, |one| {
        one.subject == "principal_role" && one.key == "[\"stranger\",\"qa\"]"
    });
    company.assert_intact();
}

/// A role that is slipped to somebody past the triggers opens every gate of that role, so a record
/// of configuration without a trail is as broken as one with another.
#[test]
fn configuration_slipped_in_past_its_trail_is_found() {
    let (company, _) = busy();
    let mut root = company.root();
    let role = format!(
        "insert into wo.principal_role (tenant_id, principal, role)
         values ('{}', 'colleague', 'qa')",
        company.tenant
    );
    let broken = found_after(&mut root, &[("wo.principal_role", &role)]);
    assert_found("a role", &broken, |one| {
        one.subject == "principal_role" && one.key == "[\"colleague\",\"qa\"]"
    });
    let principal = format!(
        "insert into wo.principal (tenant_id, id, name) values ('{}', 'ghost', 'Ghost')",
        company.tenant
    );
    let broken = found_after(&mut root, &[("wo.principal", &principal)]);
    assert_found("a principal", &broken, |one| {
        one.subject == "principal" && one.key == "[\"ghost\"]"
    });
    // The chain and its head removed together, so that nothing but the row is left.
    let chain = "(select subject_id from wo.audit_chain
        where subject = 'principal_role' and subject_key = '[\"stranger\",\"qa\"]')";
    let entries = format!("delete from wo.audit_entry where subject_id = {chain}");
    let head = "delete from wo.audit_chain
        where subject = 'principal_role' and subject_key = '[\"stranger\",\"qa\"]'";
    let broken = found_after(&mut root, &[("wo.audit_entry", &entries), ("wo.audit_chain", head)]);
    assert_found("a chain", &broken, |one| {
        one.subject == "principal_role" && one.key == "[\"stranger\",\"qa\"]"
    });
}

/// One broken chain does not hide another, and the sound ones are counted all the same.
#[test]
fn each_broken_chain_is_named_once() {
    let (company, number) = busy();
    let mut root = company.root();
    let mut almighty = company.connect("almighty");
    let other = reach_alone(&mut almighty, &AGENT_CHANGE, "planned");
    let whole = root
        .query_one("select intact, chains, entries, subject from wo.verify_audit()", &[])
        .unwrap();
    let (chains, entries): (i64, i64) = (whole.get(1), whole.get(2));
    assert!(whole.get::<_, bool>(0));
    assert_eq!(whole.get::<_, Option<String>>(3), None);
    assert_eq!(entries, counts(&mut root).1);
    let distinct: i64 = one(&mut root, "select count(distinct subject_id) from wo.audit_entry");
    assert_eq!(chains, distinct);
    let broken = found_after(
        &mut root,
        &[
            (
                "wo.work_order",
                &format!("update wo.work_order set title = 'x' where wo_number = '{number}'"),
            ),
            (
                "wo.work_order",
                &format!("update wo.work_order set title = 'y' where wo_number = '{other}'"),
            ),
            ("wo.principal", "update wo.principal set name = 'z' where id = 'pm'"),
        ],
    );
    let mut keys: Vec<&str> = broken.iter().map(|one| one.key.as_str()).collect();
    keys.sort_unstable();
    let mut expected = vec![number.as_str(), other.as_str(), "[\"pm\"]"];
    expected.sort_unstable();
    assert_eq!(keys, expected);
    // One sound work order among broken ones is sound by itself.
    let row = root
        .query_one("select intact, chains, entries from wo.verify_audit($1)", &[&other])
        .unwrap();
    assert_eq!((row.get::<_, bool>(0), row.get::<_, i64>(1), row.get::<_, i64>(2)), (true, 1, 2));
}

/// An auditor of one tenant verifies that tenant, and sees nothing of another.
#[test]
fn verification_is_for_ones_own_tenant() {
    let company = Company::found("fleet_task");
    let mut almighty = company.connect("almighty");
    let number = reach_alone(&mut almighty, &FLEET_TASK, "accepted");
    take(&mut almighty, &number, "in_progress", false);
    let mut root = company.root();
    root.batch_execute("select wo.create_tenant('other', 'Other')").unwrap();
    let mine = root.query_one("select entries from wo.verify_audit()", &[]).unwrap();
    let entries: i64 = mine.get(0);
    let all: i64 = one(&mut root, "select count(*) from wo.audit_entry");
    let own: i64 =
        one(&mut root, "select count(*) from wo.audit_entry where tenant_id = wo.current_tenant()");
    assert!(all > own);
    assert_eq!(entries, own);
    let seen: i64 = one(&mut company.connect("auditor"), "select count(*) from wo.audit_entry");
    assert_eq!(seen, own);
    let nobody = company.bare_superuser().query("select * from wo.verify_audit()", &[]);
    refused(nobody, "42501", "no_identity");
}
