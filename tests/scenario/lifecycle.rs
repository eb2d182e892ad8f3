//! Lifecycles as data: publishing, immutability, pinned versions, migration, the compiled cache,
//! guards of one's own, automatic edges, and what can be done next.

use std::collections::BTreeSet;

use postgres::Client;
use serde_json::{Value, json};
use wo_cluster_tests::{db_error, refused, tried};

use crate::scenario::company::{Company, create, make_filled, one, reach_alone, take};
use crate::scenario::design::{ALL, REGULATED_CHANGE, RELATIONS, STANDING};

/// A small lifecycle: open, done, and what the test adds.
fn small(name: &str) -> Value {
    json!({
        "name": name,
        "title": "Small",
        "roles": {"planner": "plans"},
        "priorities": ["low", "high"],
        "default_priority": "low",
        "regulatory": {"allowed": false},
        "states": [
            {"name": "open", "initial": true},
            {"name": "doing"},
            {"name": "done", "terminal": true}
        ],
        "transitions": [
            {"action": "begin", "from": ["open"], "to": "doing", "who": ["planner"]},
            {"action": "finish", "from": ["doing"], "to": "done", "who": ["planner"]}
        ],
        "field_rights": {"planner": {"fields": ["*"]}}
    })
}

fn make(client: &mut Client, lifecycle: &str) -> String {
    let call = "select wo.create_work_order('x', lifecycle => $1) ->> 'wo_number'";
    client.query_one(call, &[&lifecycle]).unwrap().get(0)
}

fn pinned(client: &mut Client, number: &str) -> (i32, String) {
    let stands = "select lifecycle_version, status from wo.work_order where wo_number = $1::text";
    let row = client.query_one(stands, &[&number]).unwrap();
    (row.get(0), row.get(1))
}

/// Problems told one at a time cost an author one attempt each.
#[test]
fn publishing_names_every_problem_at_once_with_its_pointer() {
    let company = Company::found("regulated_change");
    let mut admin = company.connect("admin");
    let mut bad = small("small");
    bad["colour"] = json!("red");
    bad["default_priority"] = json!("urgent");
    bad["states"].as_array_mut().unwrap().push(json!({"name": "island"}));
    bad["states"][1]["initial"] = json!(true);
    bad["transitions"][0]["who"] = json!(["emperor"]);
    bad["transitions"][0]["guards"] = json!(["moon_is_full", "sql:nobody_registered_it"]);
    bad["transitions"][1]["effects"] = json!(["explode"]);
    bad["transitions"][1]["needs"] = json!(["titel", "actual_hours > many"]);
    bad["transitions"].as_array_mut().unwrap().push(json!(
        {"action": "again", "from": ["open"], "to": "doing", "who": ["planner"]}
    ));
    bad["field_rights"]["planner"]["fields"] = json!(["colour"]);
    let before: i64 = one(&mut admin, "select count(*) from wo.lifecycle");
    let detail = refused(
        admin.execute("select wo.publish_lifecycle($1)", &[&bad]),
        "22023",
        "lifecycle_invalid",
    );
    let told: BTreeSet<(String, String)> = detail["problems"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| {
            (
                one["pointer"].as_str().unwrap().to_owned(),
                one["problem"].as_str().unwrap().to_owned(),
            )
        })
        .collect();
    let pointers: Vec<&str> = told.iter().map(|(pointer, _)| pointer.as_str()).collect();
    for pointer in [
        "/colour",
        "/default_priority",
        "/transitions/0/who/0",
        "/transitions/0/guards/0",
        "/transitions/0/guards/1",
        "/transitions/1/effects/0",
        "/transitions/1/needs/0",
        "/transitions/1/needs/1",
        "/field_rights/planner/fields/0",
    ] {
        assert!(pointers.contains(&pointer), "{pointer} is not in {told:#?}");
    }
    // Two initial states, a state nobody reaches and cannot leave, an edge that is there twice.
    for prefix in ["/states", "/states/3", "/transitions/2"] {
        assert!(pointers.iter().any(|pointer| pointer.starts_with(prefix)), "{prefix}: {told:#?}");
    }
    let listed: BTreeSet<(String, String)> = admin
        .query("select pointer, problem from wo.validate_lifecycle($1)", &[&bad])
        .unwrap()
        .iter()
        .map(|row| (row.get(0), row.get(1)))
        .collect();
    assert_eq!(listed, told);
    let raw = "insert into wo.lifecycle (name, version, definition, published_at)
        values ('small', 1, $1::jsonb, null)";
    refused(admin.execute(raw, &[&bad]), "22023", "lifecycle_invalid");
    assert_eq!(one::<i64>(&mut admin, "select count(*) from wo.lifecycle"), before);
    let good = "select count(*) from wo.validate_lifecycle($1)";
    assert_eq!(admin.query_one(good, &[&small("small")]).unwrap().get::<_, i64>(0), 0);
}

#[test]
fn versions_are_counted_by_the_server() {
    let company = Company::found("regulated_change");
    let mut admin = company.connect("admin");
    assert_eq!(company.publish(&small("small")), 1);
    assert_eq!(company.publish(&small("small")), 2);
    let row = admin
        .query_one(
            "insert into wo.lifecycle (name, version, definition, published_by, published_at)
             values ('small', 3, $1::jsonb, 'admin', null)
             returning version, published_by, published_at > now() - interval '1 day'",
            &[&small("small")],
        )
        .unwrap();
    assert_eq!(row.get::<_, i32>(0), 3);
    assert_eq!(row.get::<_, Option<String>>(1).as_deref(), Some("admin"));
    assert!(row.get::<_, bool>(2));
    let mut stranger = company.connect("stranger");
    let denied = stranger.execute("select wo.publish_lifecycle($1)", &[&small("small")]);
    assert_eq!(db_error(denied).code().code(), "42501");
    company.assert_intact();
}

/// A version that changed under a live work order would change its rules without a trace.
#[test]
fn a_published_version_never_changes() {
    let company = Company::found("regulated_change");
    let mut root = company.root();
    let mut admin = company.connect("admin");
    let all =
        "select md5(string_agg(lifecycle::text, ',' order by name, version)) from wo.lifecycle";
    let before: String = one(&mut root, all);
    for sql in [
        "update wo.lifecycle set definition = definition || '{\"title\": \"x\"}'",
        "update wo.lifecycle set version = version + 1",
        "update wo.lifecycle set published_by = 'captain'",
        "delete from wo.lifecycle where name = 'fleet_task'",
        "truncate wo.lifecycle",
        "truncate wo.lifecycle cascade",
    ] {
        println!("{sql}");
        assert_eq!(db_error(admin.batch_execute(sql)).code().code(), "42501");
        let refusal = db_error(root.batch_execute(sql));
        // PostgreSQL itself refuses a TRUNCATE without CASCADE where foreign keys point in.
        assert!(["42501", "0A000"].contains(&refusal.code().code()), "{refusal:?}");
        // Refused on a replica too: those triggers fire always.
        root.batch_execute("set session_replication_role = replica").unwrap();
        let refusal = db_error(root.batch_execute(sql));
        assert!(["42501", "0A000"].contains(&refusal.code().code()), "{refusal:?}");
        root.batch_execute("set session_replication_role = origin").unwrap();
    }
    assert_eq!(one::<String>(&mut root, all), before);
}

/// A pinned version keeps its rules: what was possible when the work order was born stays so.
#[test]
fn a_work_order_keeps_the_version_that_it_was_born_with() {
    let company = Company::found("regulated_change");
    company.publish(&small("small"));
    let mut almighty = company.connect("almighty");
    let old = make(&mut almighty, "small");
    take(&mut almighty, &old, "doing", false);
    let mut stricter = small("small");
    stricter["transitions"][1]["needs"] = json!(["completion_summary"]);
    stricter["priorities"] = json!(["low", "high", "panic"]);
    assert_eq!(company.publish(&stricter), 2);
    let new = make(&mut almighty, "small");
    take(&mut almighty, &new, "doing", false);
    assert_eq!(pinned(&mut almighty, &old).0, 1);
    assert_eq!(pinned(&mut almighty, &new).0, 2);

    let panic = "update wo.work_order set priority = 'panic' where wo_number = $1::text";
    refused(almighty.execute(panic, &[&old]), "22023", "unknown_priority");
    assert_eq!(almighty.execute(panic, &[&new]).unwrap(), 1);
    let finish = "select wo.transition($1, 'done')";
    let detail = refused(almighty.execute(finish, &[&new]), "23514", "fields_missing");
    assert_eq!(detail["missing_fields"], json!(["completion_summary"]));
    almighty.execute(finish, &[&old]).unwrap();
    // Nor can a new one ask for the rules of old.
    let raw =
        "insert into wo.work_order (title, lifecycle, lifecycle_version) values ('x', 'small', 1)";
    refused(almighty.batch_execute(raw), "42501", "column_not_writable");
    let raw = "update wo.work_order set lifecycle_version = 2 where wo_number = $1::text";
    refused(
        almighty.execute(raw, &[&new]).map(|_| ()).and(almighty.execute(
            "update wo.work_order set lifecycle_version = 1 where wo_number = $1::text",
            &[&new],
        )),
        "42501",
        "column_not_writable",
    );
}

#[test]
fn migration_is_explicit_mapped_reasoned_audited_and_not_for_locked_records() {
    let company = Company::found("regulated_change");
    company.publish(&small("small"));
    let mut almighty = company.connect("almighty");
    let mut admin = company.connect("admin");
    let [open, doing, done] = ["open", "doing", "done"].map(|state| {
        let number = make(&mut almighty, "small");
        if state != "open" {
            take(&mut almighty, &number, "doing", false);
        }
        if state == "done" {
            take(&mut almighty, &number, "done", false);
        }
        number
    });
    let renamed = serde_json::from_str::<Value>(
        &small("small").to_string().replace("\"doing\"", "\"working\""),
    )
    .unwrap();
    assert_eq!(company.publish(&renamed), 2);
    let migrate = "select wo.migrate_lifecycle($1, $2, $3, $4)";
    let map = json!({"doing": "working"});
    let none = json!({});

    refused(admin.execute(migrate, &[&done, &2, &"tidy", &map]), "55000", "record_locked");
    refused(admin.execute(migrate, &[&doing, &2, &"tidy", &none]), "22023", "unknown_state");
    refused(
        admin.execute(migrate, &[&doing, &2, &"tidy", &json!({"doing": "gone"})]),
        "22023",
        "unknown_state",
    );
    refused(
        admin.execute(migrate, &[&doing, &2, &"tidy", &json!({"doing": "done"})]),
        "55000",
        "record_locked",
    );
    refused(
        admin.execute(migrate, &[&doing, &2, &"tidy", &json!([])]),
        "22023",
        "state_map_invalid",
    );
    refused(admin.execute(migrate, &[&doing, &3, &"tidy", &map]), "22023", "lifecycle_unknown");
    refused(
        admin.execute(migrate, &[&doing, &1, &"tidy", &map]),
        "55000",
        "version_pinned_already",
    );
    let detail =
        refused(admin.execute(migrate, &[&doing, &2, &" ", &map]), "23514", "fields_missing");
    assert_eq!(detail["missing_fields"], json!(["reason"]));
    let denied = almighty.execute(migrate, &[&doing, &2, &"tidy", &map]);
    assert_eq!(db_error(denied).code().code(), "42501");

    admin.execute(migrate, &[&doing, &2, &"new words", &map]).unwrap();
    admin.execute(migrate, &[&open, &2, &"new words", &map]).unwrap();
    assert_eq!(pinned(&mut almighty, &doing), (2, "working".to_owned()));
    assert_eq!(pinned(&mut almighty, &open), (2, "open".to_owned()));
    assert_eq!(pinned(&mut almighty, &done), (1, "done".to_owned()));
    let row = almighty
        .query_one(
            "select action, reason, from_status, to_status, record_version, actor,
                changes -> 'lifecycle_version' ->> 'old', changes -> 'lifecycle_version' ->> 'new'
             from wo.audit_entry where subject_id =
                (select id from wo.work_order where wo_number = $1::text)
             order by sequence desc limit 1",
            &[&doing],
        )
        .unwrap();
    let texts: Vec<String> = [0, 1, 2, 3, 5, 6, 7].map(|column| row.get(column)).to_vec();
    assert_eq!(texts, ["migrated", "new words", "doing", "working", "admin", "1", "2"]);
    assert_eq!(row.get::<_, i64>(4), 3);
    // From now on the new rules hold.
    refused(
        almighty.execute("select wo.transition($1, 'doing')", &[&open]),
        "22023",
        "unknown_state",
    );
    take(&mut almighty, &open, "working", false);
    take(&mut almighty, &doing, "done", false);
    company.assert_intact();
}

/// The cache is never stale because versions never change; but a version that was rolled back was
/// never one, and the next one gets its number.
#[test]
fn a_rolled_back_version_does_not_haunt_the_backend_that_used_it() {
    let company = Company::found("regulated_change");
    let mut admin = company.connect("admin");
    company.publish(&small("small"));
    let mut ghost = small("small");
    ghost["states"][1]["name"] = json!("ghost");
    ghost["transitions"][0]["to"] = json!("ghost");
    ghost["transitions"][1]["from"] = json!(["ghost"]);
    let grant = "select wo.grant_role('admin', 'planner')";
    company.administer(grant);
    for by_savepoint in [false, true] {
        let mut publishing = admin.transaction().unwrap();
        if by_savepoint {
            publishing.batch_execute("savepoint before").unwrap();
        }
        let version: i32 =
            publishing.query_one("select wo.publish_lifecycle($1)", &[&ghost]).unwrap().get(0);
        let number: String = one(
            &mut publishing,
            "select wo.create_work_order('x', lifecycle => 'small') ->> 'wo_number'",
        );
        let moved: String = publishing
            .query_one("select wo.transition($1, 'ghost') ->> 'status'", &[&number])
            .unwrap()
            .get(0);
        assert_eq!(moved, "ghost");
        if by_savepoint {
            publishing.batch_execute("rollback to savepoint before").unwrap();
            // Another version under the same number, in the same transaction.
            let again: i32 = publishing
                .query_one("select wo.publish_lifecycle($1)", &[&small("small")])
                .unwrap()
                .get(0);
            assert_eq!(again, version);
            let number: String = one(
                &mut publishing,
                "select wo.create_work_order('x', lifecycle => 'small') ->> 'wo_number'",
            );
            publishing.execute("select wo.transition($1, 'doing')", &[&number]).unwrap();
            publishing.commit().unwrap();
        } else {
            publishing.rollback().unwrap();
            let mut elsewhere = company.connect("admin");
            let again: i32 = elsewhere
                .query_one("select wo.publish_lifecycle($1)", &[&small("small")])
                .unwrap()
                .get(0);
            assert_eq!(again, version);
        }
        let number = make(&mut admin, "small");
        assert_eq!(pinned(&mut admin, &number).0, version);
        let call = "select wo.transition($1, $2)";
        refused(admin.execute(call, &[&number, &"ghost"]), "22023", "unknown_state");
        admin.execute(call, &[&number, &"doing"]).unwrap();
    }
    company.assert_intact();
}

/// A guard of the tenant's own decides with the rest, runs as `wo_guard`, and cannot write. One
/// that says nothing, or is not there, refuses.
#[test]
fn registered_guards_pass_refuse_and_never_write() {
    let company = Company::found("regulated_change");
    let mut root = company.root();
    root.batch_execute(
        "create schema shop;
         grant usage on schema shop to public;
         create table shop.seen (who text, work_order uuid);
         create table shop.verdict (says boolean);
         grant select on shop.verdict to wo_guard;
         insert into shop.verdict values (true);
         create function shop.ask(tenant uuid, work_order uuid) returns boolean language sql
             as 'select says from shop.verdict';
         create function shop.writes(tenant uuid, work_order uuid) returns boolean language sql
             as 'insert into shop.seen values (current_user, $2) returning true';
         create function shop.meddles(tenant uuid, work_order uuid) returns boolean language sql
             as 'update wo.work_order set priority = ''high'' where id = $2
                 returning true';
         create function shop.is_guard(tenant uuid, work_order uuid) returns boolean language sql
             as 'select current_user = ''wo_guard'' and exists (
                     select from wo.work_order as held
                     where held.tenant_id = $1 and held.id = $2
                         and held.status = ''doing'')';
         create function shop.fails(tenant uuid, work_order uuid) returns boolean language plpgsql
             as 'begin raise exception ''the shop is closed''; end';
         create function shop.wrong(tenant uuid) returns boolean language sql as 'select true';
         create function shop.secret(tenant uuid, work_order uuid) returns boolean language sql
             as 'select true';
         revoke execute on function shop.secret(uuid, uuid) from public",
    )
    .unwrap();
    for unusable in ["shop.wrong(uuid)", "shop.secret(uuid, uuid)"] {
        let register = format!("select wo.register_guard('it', '{unusable}')");
        refused(company.try_administer(&register), "22023", "guard_function_unusable");
    }
    company.administer(
        "select wo.register_guard('ask', 'shop.ask(uuid, uuid)', 'the shop must agree');
         select wo.register_guard('writes', 'shop.writes(uuid, uuid)');
         select wo.register_guard('meddles', 'shop.meddles(uuid, uuid)');
         select wo.register_guard('is_guard', 'shop.is_guard(uuid, uuid)');
         select wo.register_guard('fails', 'shop.fails(uuid, uuid)')",
    );
    let mut almighty = company.connect("almighty");
    let protected = |guard: &str| {
        let mut definition = small(&format!("with_{guard}"));
        definition["transitions"][1]["guards"] = json!([format!("sql:{guard}")]);
        company.publish(&definition);
    };
    let doing = |almighty: &mut Client, guard: &str| {
        let number = make(almighty, &format!("with_{guard}"));
        take(almighty, &number, "doing", false);
        number
    };
    let finish = "select wo.transition($1, 'done') ->> 'status'";
    for guard in ["ask", "writes", "meddles", "is_guard", "fails"] {
        protected(guard);
    }

    let number = doing(&mut almighty, "ask");
    for says in ["false", "null"] {
        root.batch_execute(&format!("update shop.verdict set says = {says}")).unwrap();
        let detail = refused(almighty.query_one(finish, &[&number]), "23514", "guards_not_met");
        assert_eq!(detail["guards"][0]["guard"], "sql:ask");
        assert_eq!(detail["guards"][0]["detail"], "the shop must agree");
        let raw = format!("update wo.work_order set status = 'done' where wo_number = '{number}'");
        refused(almighty.batch_execute(&raw), "23514", "guards_not_met");
    }
    root.batch_execute("delete from shop.verdict").unwrap();
    refused(almighty.query_one(finish, &[&number]), "23514", "guards_not_met");
    root.batch_execute("insert into shop.verdict values (true)").unwrap();
    almighty.query_one(finish, &[&number]).unwrap();

    let number = doing(&mut almighty, "is_guard");
    almighty.query_one(finish, &[&number]).unwrap();

    for guard in ["writes", "meddles"] {
        let number = doing(&mut almighty, guard);
        let refusal = db_error(almighty.query_one(finish, &[&number]));
        assert_eq!(refusal.code().code(), "42501", "{refusal:?}");
        assert_eq!(pinned(&mut almighty, &number).1, "doing");
    }
    assert_eq!(one::<i64>(&mut root, "select count(*) from shop.seen"), 0);

    let number = doing(&mut almighty, "fails");
    let refusal = db_error(almighty.query_one(finish, &[&number]));
    assert!(refusal.message().contains("the shop is closed"), "{refusal:?}");
    assert_eq!(pinned(&mut almighty, &number).1, "doing");

    // The registration is tenant data: a function that went away refuses, never passes.
    let number = doing(&mut almighty, "ask");
    root.batch_execute("drop function shop.ask(uuid, uuid)").unwrap();
    refused(almighty.query_one(finish, &[&number]), "23514", "guards_not_met");
    let mut unknown = small("with_unknown");
    unknown["transitions"][1]["guards"] = json!(["sql:unknown"]);
    let mut admin = company.connect("admin");
    let publish = admin.execute("select wo.publish_lifecycle($1)", &[&unknown]);
    refused(publish, "22023", "lifecycle_invalid");
    company.assert_intact();
}

/// The documented need is that `wo_guard` may execute it: no other role of ours has to see into the
/// schema where a tenant keeps its functions.
#[test]
fn a_guard_needs_no_more_than_that_wo_guard_may_execute_it() {
    let company = Company::found("regulated_change");
    let mut root = company.root();
    root.batch_execute(
        "create schema private;
         grant usage on schema private to wo_guard;
         create function private.agree(tenant uuid, work_order uuid) returns boolean language sql
             as 'select true'",
    )
    .unwrap();
    company.administer("select wo.register_guard('agree', 'private.agree(uuid, uuid)')");
    let mut definition = small("small");
    definition["transitions"][1]["guards"] = json!(["sql:agree"]);
    company.publish(&definition);
    let mut almighty = company.connect("almighty");
    let number = make(&mut almighty, "small");
    take(&mut almighty, &number, "doing", false);
    take(&mut almighty, &number, "done", false);
}

/// An automatic edge is taken by the system when its gates become true; the actor is the one who
/// made them true, the reason is the system's own.
#[test]
fn an_automatic_edge_follows_the_write_that_opens_it() {
    let company = Company::found("regulated_change");
    let mut definition = small("small");
    definition["states"] = json!([
        {"name": "open", "initial": true},
        {"name": "doing"},
        {"name": "measured"},
        {"name": "done", "terminal": true}
    ]);
    definition["transitions"] = json!([
        {"action": "begin", "from": ["open"], "to": "doing", "who": ["planner"]},
        {"action": "measure", "from": ["doing"], "to": "measured", "auto": true, "who": [],
            "needs": ["actual_hours > 0"]},
        {"action": "finish", "from": ["measured"], "to": "done", "auto": true, "who": [],
            "needs": ["completion_summary"]}
    ]);
    company.publish(&definition);
    let mut almighty = company.connect("almighty");
    let number = make(&mut almighty, "small");
    take(&mut almighty, &number, "doing", false);
    // Nobody may take it by hand: it names nobody.
    let by_hand = format!(
        "update wo.work_order set status = 'measured', actual_hours = 1 where wo_number = '{number}'"
    );
    refused(tried(&mut almighty, |by| by.batch_execute(&by_hand)), "42501", "role_missing");
    let patch = "select wo.patch_work_order($1, $2)";
    let answer: Value =
        almighty.query_one(patch, &[&number, &json!({"actual_hours": 2})]).unwrap().get(0);
    assert_eq!(answer["status"], "measured");
    assert_eq!(answer["version"], 4);
    assert_eq!(pinned(&mut almighty, &number).1, "measured");
    almighty.execute(patch, &[&number, &json!({"completion_summary": "all of it"})]).unwrap();
    assert_eq!(pinned(&mut almighty, &number).1, "done");
    let told: Vec<(String, Option<String>, bool)> = almighty
        .query(
            "select action, actor, reason is not null from wo.audit_entry where subject_id =
                (select id from wo.work_order where wo_number = $1::text) order by sequence",
            &[&number],
        )
        .unwrap()
        .iter()
        .map(|row| (row.get(0), row.get(1), row.get(2)))
        .collect();
    let by = |action: &str, reason: bool| (action.to_owned(), Some("almighty".to_owned()), reason);
    assert_eq!(
        told,
        [
            by("created", false),
            by("begin", true),
            by("changed", false),
            by("measure", true),
            by("changed", false),
            by("finish", true),
        ]
    );
    refused(almighty.execute(patch, &[&number, &json!({"notes": "x"})]), "55000", "record_locked");

    // One transition opens two doors at once.
    let quick: String = one(
        &mut almighty,
        "insert into wo.work_order (title, lifecycle) values ('x', 'small') returning wo_number",
    );
    let done = json!({"actual_hours": 1, "completion_summary": "all"});
    almighty.execute(patch, &[&quick, &done]).unwrap();
    let answer: Value =
        almighty.query_one("select wo.transition($1, 'doing')", &[&quick]).unwrap().get(0);
    assert_eq!((&answer["status"], &answer["version"]), (&json!("done"), &json!(5)));
    assert_eq!(pinned(&mut almighty, &quick).1, "done");
    company.assert_intact();
}

/// What a user interface shows must be what happens: for everybody, in every state, every edge
/// that is said to be open opens, and every other one does not.
#[test]
fn allowed_transitions_are_those_that_really_work() {
    for lifecycle in ALL {
        let mut company = Company::found(lifecycle.name);
        let reachable: Vec<&str> = lifecycle
            .states
            .iter()
            .copied()
            .filter(|state| {
                !(lifecycle.name == "agent_change" && ["approved", "completed"].contains(state))
            })
            .collect();
        for from in reachable {
            let number = company.reach(lifecycle, from);
            for who in STANDING.into_iter().chain(RELATIONS).chain(["stranger", "qa_agent"]) {
                let client = company.get(who);
                let rows = client
                    .query(
                        "select action, to_status, allowed, permitted, reason_required,
                            missing_fields, guards, approvals, who, why
                         from wo.allowed_transitions($1)",
                        &[&number],
                    )
                    .unwrap();
                let mut told: Vec<(String, String)> =
                    rows.iter().map(|row| (row.get(0), row.get(1))).collect();
                let mut expected: Vec<(String, String)> = lifecycle
                    .edges()
                    .iter()
                    .filter(|edge| edge.from.contains(&from))
                    .map(|edge| (edge.action.to_owned(), edge.to.to_owned()))
                    .collect();
                told.sort();
                expected.sort();
                assert_eq!(told, expected, "{} {from}", lifecycle.name);
                for row in &rows {
                    let (action, to, allowed): (String, String, bool) =
                        (row.get(0), row.get(1), row.get(2));
                    let what = format!("{} {action} from {from} by {who}", lifecycle.name);
                    let edge = lifecycle.edge(from, &to).unwrap();
                    let reason_required: bool = row.get(4);
                    let reason = reason_required.then_some("because");
                    let missing: Vec<String> = row.get(5);
                    let attempt = |fields: Option<Value>, client: &mut Client| {
                        tried(client, |by| {
                            by.execute(
                                "select wo.transition($1, $2, $3, $4)",
                                &[&number, &to, &reason, &fields],
                            )
                        })
                    };
                    let result = attempt(None, client);
                    assert_eq!(result.is_ok(), allowed, "{what}: {result:?}");
                    assert_eq!(
                        reason_required,
                        edge.needs
                            .iter()
                            .any(|need| ["reason", "notes", "review_notes"].contains(need)),
                        "{what}"
                    );
                    let why: String = row.get(9);
                    assert!(!why.is_empty(), "{what}");
                    if allowed {
                        assert!(missing.is_empty(), "{what}");
                        continue;
                    }
                    let refusal = db_error(result);
                    let permitted: bool = row.get(3);
                    assert_eq!(permitted, refusal.code().code() != "42501", "{what}: {refusal:?}");
                    if permitted && !missing.is_empty() {
                        assert_eq!(missing, ["deficiencies"], "{what}");
                        attempt(Some(json!({"deficiencies": ["x"]})), client).unwrap();
                    } else if permitted {
                        let approvals: Value = row.get(7);
                        assert_eq!(
                            approvals,
                            json!([{"role": "qa", "meaning": "completion"}]),
                            "{what}"
                        );
                    }
                }
            }
        }
        let unknown = company.get("stranger").query("select wo.allowed_transitions('WO-9')", &[]);
        refused(unknown, "22023", "work_order_unknown");
    }
}

/// The guard stands in `public`, where most functions do: on everybody's search path.
#[test]
fn allowed_transitions_ask_registered_guards_too() {
    let company = Company::found("regulated_change");
    let mut root = company.root();
    root.batch_execute(
        "create table public.verdict (says boolean);
         grant select on public.verdict to wo_guard;
         insert into public.verdict values (false);
         create function public.ask(tenant uuid, work_order uuid) returns boolean language sql
             as 'select says from public.verdict'",
    )
    .unwrap();
    company.administer("select wo.register_guard('ask', 'public.ask(uuid, uuid)')");
    let mut definition = small("small");
    definition["transitions"][1]["guards"] = json!(["sql:ask"]);
    company.publish(&definition);
    let mut almighty = company.connect("almighty");
    let number = make(&mut almighty, "small");
    take(&mut almighty, &number, "doing", false);
    let told = format!(
        "select jsonb_build_object('allowed', allowed, 'permitted', permitted, 'guards', guards)
         from wo.allowed_transitions('{number}')"
    );
    let shut = json!({"allowed": false, "permitted": true, "guards": ["sql:ask"]});
    assert_eq!(one::<Value>(&mut almighty, &told), shut);
    root.batch_execute("update public.verdict set says = true").unwrap();
    let open = json!({"allowed": true, "permitted": true, "guards": []});
    assert_eq!(one::<Value>(&mut almighty, &told), open);
}

/// What is missing is said before one tries.
#[test]
fn allowed_transitions_say_what_is_missing() {
    let company = Company::found("regulated_change");
    let mut almighty = company.connect("almighty");
    let number = create(&mut almighty, "x");
    let ask = |number: &str, action: &str| {
        format!(
            "select jsonb_build_object('allowed', allowed, 'permitted', permitted,
                'missing', missing_fields, 'reason', reason_required, 'approvals', approvals)
             from wo.allowed_transitions('{number}') where action = '{action}'"
        )
    };
    assert_eq!(
        one::<Value>(&mut almighty, &ask(&number, "submit")),
        json!({"allowed": false, "permitted": true, "missing": ["description"], "reason": false,
            "approvals": []})
    );
    let regulatory = make_filled(&mut almighty, "regulated_change");
    almighty
        .execute(
            "update wo.work_order set regulatory = true where wo_number = $1::text",
            &[&regulatory],
        )
        .unwrap();
    assert_eq!(
        one::<Value>(&mut almighty, &ask(&regulatory, "submit"))["reason"],
        true,
        "a reason is mandatory on every transition of a regulatory work order"
    );
    take(&mut almighty, &regulatory, "pending_approval", false);
    assert_eq!(
        one::<Value>(&mut almighty, &ask(&regulatory, "assign")),
        json!({"allowed": false, "permitted": true, "missing": [], "reason": true, "approvals": [
            {"role": "system_owner", "meaning": "plan"}, {"role": "qa", "meaning": "plan"}
        ]})
    );
}

/// Rework and planning anew both begin a new revision.
#[test]
fn a_rejected_change_begins_a_new_revision() {
    let company = Company::found("agent_change");
    let mut almighty = company.connect("almighty");
    let number = reach_alone(&mut almighty, ALL[1], "pending_review");
    let revision = format!("select revision from wo.work_order where wo_number = '{number}'");
    take(&mut almighty, &number, "in_progress", true);
    assert_eq!(one::<i32>(&mut almighty, &revision), 2);
    take(&mut almighty, &number, "pending_review", false);
    take(&mut almighty, &number, "draft", true);
    assert_eq!(one::<i32>(&mut almighty, &revision), 3);
    // Deficiencies found once do not send it back a second time.
    for state in ["planned", "scheduled", "in_progress", "pending_review"] {
        take(&mut almighty, &number, state, false);
    }
    let again = almighty.execute("select wo.transition($1, 'draft', 'because')", &[&number]);
    let detail = refused(again, "23514", "fields_missing");
    assert_eq!(detail["missing_fields"], json!(["deficiencies"]));
    company.assert_intact();
}

/// A new tenant has the three that ship, and each is the document of its name.
#[test]
fn a_tenant_starts_with_the_three_lifecycles() {
    let company = Company::found("regulated_change");
    for lifecycle in ALL {
        let definition = company.definition(lifecycle.name);
        let states: Vec<&str> = definition["states"]
            .as_array()
            .unwrap()
            .iter()
            .map(|state| state["name"].as_str().unwrap())
            .collect();
        assert_eq!(states, lifecycle.states);
    }
    let mut almighty = company.connect("almighty");
    let number = create(&mut almighty, "x");
    let default: String = one(
        &mut almighty,
        &format!("select lifecycle from wo.work_order where wo_number = '{number}'"),
    );
    assert_eq!(default, REGULATED_CHANGE.name);
}
