//! Bad input of every kind gets the documented error and changes nothing.

use postgres::error::DbError;
use postgres::{Client, Error};
use serde_json::{Value, json};
use uuid::Uuid;
use wo_cluster_tests::{db_error, refused};

use crate::scenario::company::{Company, copy, counts, filled, one, reach_alone};
use crate::scenario::design::FLEET_TASK;

const TEN_MEGABYTES: usize = 10 << 20;

/// A fleet of one task, and another tenant's task beside it.
struct Stage {
    company: Company,
    almighty: Client,
    root: Client,
    /// In progress.
    number: String,
    before: String,
}

impl Stage {
    fn set() -> Self {
        let company = Company::found("fleet_task");
        let mut almighty = company.connect("almighty");
        let mut root = company.root();
        let number = reach_alone(&mut almighty, &FLEET_TASK, "in_progress");
        let before = Self::look(&mut root);
        Self { company, almighty, root, number, before }
    }

    /// Everything that a refusal must leave as it was.
    fn look(root: &mut Client) -> String {
        let rows: String = one(
            root,
            "select coalesce(md5(string_agg(held::text, ',' order by held.id)), '') from wo.work_order as held",
        );
        format!("{:?} {rows}", counts(root))
    }

    #[track_caller]
    fn assert_unchanged(&mut self, what: &str) {
        assert_eq!(Self::look(&mut self.root), self.before, "{what}");
    }

    /// Refused as documented, in few words, and nothing has changed.
    #[track_caller]
    fn refused<T: std::fmt::Debug>(
        &mut self,
        what: &str,
        result: Result<T, Error>,
        sqlstate: &str,
        code: &str,
    ) -> Value {
        println!("{what}");
        if let Some(refusal) = result.as_ref().err().and_then(Error::as_db_error) {
            assert_is_short(refusal);
        }
        let detail = refused(result, sqlstate, code);
        self.assert_unchanged(what);
        detail
    }

    /// Refused by PostgreSQL itself, with one of these SQLSTATEs.
    #[track_caller]
    fn refused_by_postgres<T: std::fmt::Debug>(
        &mut self,
        what: &str,
        result: Result<T, Error>,
        sqlstates: &[&str],
    ) {
        println!("{what}");
        let refusal = db_error(result);
        assert!(sqlstates.contains(&refusal.code().code()), "{what}: {refusal:?}");
        assert_is_short(&refusal);
        self.assert_unchanged(what);
    }
}

/// An error that repeats what it was given fills logs and screens.
fn is_short(refusal: &DbError) -> bool {
    [Some(refusal.message()), refusal.detail(), refusal.hint(), refusal.where_()]
        .into_iter()
        .flatten()
        .all(|said| said.len() < 8192)
}

#[track_caller]
fn assert_is_short(refusal: &DbError) {
    let start: String = refusal.message().chars().take(200).collect();
    assert!(is_short(refusal), "too long: {start}");
}

const TRANSITION: &str = "select wo.transition($1, $2)";
const PATCH: &str = "select wo.patch_work_order($1, $2)";

#[test]
fn states_that_are_not_there_and_edges_that_are_not() {
    let mut stage = Stage::set();
    let number = stage.number.clone();
    for state in ["no_such_state", "Review", "in progress", "", "closed", "審査"] {
        let result = stage.almighty.execute(TRANSITION, &[&number, &state]);
        let detail = stage.refused(state, result, "22023", "unknown_state");
        if !state.is_empty() {
            assert_eq!(detail["to_status"], state);
            assert!(detail["states"].as_array().unwrap().contains(&json!("review")), "{detail}");
            assert!(detail["work_order_id"].is_string(), "{detail}");
        }
        let raw = "update wo.work_order set status = $1::text";
        let result = stage.almighty.execute(raw, &[&state]);
        stage.refused(&format!("raw {state}"), result, "22023", "unknown_state");
    }
    let result = stage.almighty.execute("select wo.transition($1, null)", &[&number]);
    stage.refused("no state", result, "22023", "unknown_state");
    let result = stage.almighty.batch_execute("update wo.work_order set status = null");
    let refusal = db_error(result);
    assert!(["22023", "23502"].contains(&refusal.code().code()), "{refusal:?}");
    stage.assert_unchanged("null state");
    let result = stage.almighty.execute(TRANSITION, &[&number, &"approved"]);
    let detail = stage.refused("an edge", result, "55000", "illegal_transition");
    assert_eq!(detail["allowed"], json!(["review", "blocked", "cancelled"]));
    let result = stage.almighty.execute(TRANSITION, &[&number, &"in_progress"]);
    stage.refused("where it is", result, "55000", "illegal_transition");
}

#[test]
fn fields_that_an_edge_needs() {
    let mut stage = Stage::set();
    let number = stage.number.clone();
    let call = "select wo.transition($1, 'review', fields => $2)";
    for (fields, missing) in [
        (
            json!({"completion_summary": null, "actual_hours": null}),
            json!(["completion_summary", "actual_hours"]),
        ),
        (json!({"completion_summary": "  "}), json!(["completion_summary"])),
        (json!({"actual_hours": 0}), json!(["actual_hours"])),
    ] {
        let result = stage.almighty.execute(call, &[&number, &fields]);
        let detail = stage.refused(&fields.to_string(), result, "23514", "fields_missing");
        assert_eq!(detail["missing_fields"], missing);
        assert_eq!(detail["from_status"], "in_progress");
        assert_eq!(detail["to_status"], "review");
        assert!(Uuid::parse_str(detail["work_order_id"].as_str().unwrap()).is_ok());
    }
    let result = stage.almighty.execute(TRANSITION, &[&number, &"blocked"]);
    let detail = stage.refused("notes", result, "23514", "fields_missing");
    assert_eq!(detail["missing_fields"], json!(["notes"]));
    for title in [json!({}), json!({"title": null}), json!({"title": ""}), json!({"title": " \n"})]
    {
        let result = stage
            .almighty
            .query_one("select error from wo.create_work_orders($1)", &[&json!([title])]);
        let error: Value = result.unwrap().get(0);
        assert_eq!(error["sqlstate"], "23514", "{error}");
        assert_eq!(error["detail"]["missing_fields"], json!(["title"]), "{error}");
        stage.assert_unchanged("no title");
    }
    let result =
        stage.almighty.batch_execute("insert into wo.work_order (description) values ('x')");
    stage.refused("raw without a title", result, "23514", "fields_missing");
}

#[test]
fn people_without_the_role_and_sessions_without_an_identity() {
    let mut stage = Stage::set();
    let number = stage.number.clone();
    let mut stranger = stage.company.connect("stranger");
    let result = stranger.execute("select wo.transition($1, 'cancelled', 'x')", &[&number]);
    let detail = stage.refused("a stranger", result, "42501", "role_missing");
    assert_eq!(detail["roles"], json!(["captain"]));
    let result = stranger.execute(PATCH, &[&number, &json!({"notes": "x"})]);
    let detail = stage.refused("a stranger", result, "42501", "field_not_permitted");
    assert_eq!(detail["fields"], json!(["notes"]));

    stage.company.database.login("nobody_in_particular", &["wo_user"]);
    let mut nobody = stage.company.connect("nobody_in_particular");
    assert_eq!(one::<i64>(&mut nobody, "select count(*) from wo.work_order"), 0);
    for sql in [
        "select wo.create_work_order('[A-B] c')",
        "insert into wo.work_order (title) values ('[A-B] c')",
        "insert into wo.work_order_import (title) values ('[A-B] c')",
        "select wo.transition('WO-1', 'accepted')",
        "select * from wo.allowed_transitions('WO-1')",
        "select * from wo.audit_trail('WO-1')",
        "select * from wo.verify_audit()",
        "select * from wo.create_work_orders('[{\"title\": \"[A-B] c\"}]')",
    ] {
        let result = nobody.batch_execute(sql);
        if sql.contains("create_work_orders") {
            // Each row has its own answer.
            result.unwrap();
            let error: Value = one(
                &mut nobody,
                "select error from wo.create_work_orders('[{\"title\": \"[A-B] c\"}]')",
            );
            assert_eq!(error["detail"]["code"], "no_identity", "{error}");
            stage.assert_unchanged(sql);
            continue;
        }
        stage.refused(sql, result, "42501", "no_identity");
    }
    stage.company.database.login("outsider", &[]);
    let mut outsider = stage.company.connect("outsider");
    for sql in ["select count(*) from wo.work_order", "select wo.create_work_order('[A-B] c')"] {
        let result = outsider.batch_execute(sql);
        stage.refused_by_postgres(sql, result, &["42501"]);
    }
}

/// Neither read nor written, and not even told apart from what does not exist.
#[test]
fn rows_of_another_tenant() {
    let mut stage = Stage::set();
    let other: Uuid =
        one(&mut stage.root, "select wo.create_tenant('other', 'Other', 'fleet_task')");
    stage.company.database.login("eve", &["wo_user"]);
    stage
        .root
        .batch_execute(
            "begin;
             select wo.administer('other');
             select wo.create_principal('eve', roles => '{captain}', db_role => 'eve');
             commit",
        )
        .unwrap();
    let mut eve = stage.company.connect("eve");
    let theirs: String = one(&mut eve, &filled("fleet_task", "eve", "eve"));
    let their_id: Uuid = one(&mut eve, "select id from wo.work_order");
    stage.before = Stage::look(&mut stage.root);

    assert_eq!(one::<i64>(&mut eve, "select count(*) from wo.work_order"), 1);
    for (client, tables) in [(
        &mut stage.almighty,
        "work_order audit_entry event principal lifecycle tenant audit_chain",
    )] {
        for table in tables.split(' ') {
            let foreign = format!("select count(*) from wo.{table} where tenant_id = '{other}'");
            assert_eq!(one::<i64>(client, &foreign), 0, "{table}");
        }
        let change = format!("update wo.work_order set notes = 'x' where wo_number = '{theirs}'");
        assert_eq!(client.execute(&change, &[]).unwrap(), 0);
        let change = format!("update wo.work_order set notes = 'x' where id = '{their_id}'");
        assert_eq!(client.execute(&change, &[]).unwrap(), 0);
    }
    let insert =
        format!("insert into wo.work_order (tenant_id, title) values ('{other}', '[A-B] c')");
    let result = stage.almighty.batch_execute(&insert);
    stage.refused("insert", result, "42501", "wrong_tenant");
    // A superuser passes by row security, not by the trigger.
    let result = stage.root.batch_execute(&insert);
    stage.refused("a superuser's insert", result, "42501", "wrong_tenant");
    let change = format!("update wo.work_order set notes = 'x' where id = '{their_id}'");
    let result = stage.root.batch_execute(&change);
    stage.refused("a superuser's update", result, "42501", "wrong_tenant");
    let line = format!("{other}\t[A-B] c\n");
    let result = copy(&mut stage.root, "wo.work_order (tenant_id, title)", &line);
    stage.refused("a superuser's copy", result, "42501", "wrong_tenant");
    let result = stage.almighty.execute("update wo.work_order set tenant_id = $1", &[&other]);
    stage.refused_by_postgres("moving one's own away", result, &["42501"]);

    for name in [theirs, their_id.to_string()] {
        for sql in [
            "select wo.transition($1, 'accepted')",
            "select wo.patch_work_order($1, '{\"notes\": \"x\"}')",
            "select * from wo.allowed_transitions($1)",
            "select * from wo.audit_trail($1)",
        ] {
            let theirs = db_error(stage.almighty.execute(sql, &[&name]));
            let unknown = match name.len() {
                36 => Uuid::now_v7().to_string(),
                _ => "WO-0000-0000-000".to_owned(),
            };
            let nobodys = db_error(stage.almighty.execute(sql, &[&unknown]));
            assert_eq!(theirs.code().code(), "22023", "{theirs:?}");
            let blind = |error: &DbError, name: &str| {
                format!("{} {:?} {:?}", error.message(), error.detail(), error.hint())
                    .replace(name, "?")
            };
            assert_eq!(blind(&theirs, &name), blind(&nobodys, &unknown));
        }
    }
    stage.assert_unchanged("all of it");
    // Nor is anybody of theirs somebody here.
    let result =
        stage.almighty.execute("select wo.create_work_order('[A-B] c', assignee => 'eve')", &[]);
    stage.refused("their people", result, "23514", "assignee_not_allowed");
}

#[test]
fn versions_that_are_not_the_records() {
    let mut stage = Stage::set();
    let number = stage.number.clone();
    for version in [-1i64, 0, 1, 2, 4, i64::MAX, i64::MIN] {
        let call = "select wo.transition($1, 'blocked', 'x', expected_version => $2)";
        let result = stage.almighty.execute(call, &[&number, &version]);
        let detail = stage.refused(&version.to_string(), result, "40001", "version_conflict");
        assert_eq!((&detail["version"], &detail["expected_version"]), (&json!(3), &json!(version)));
        let call = "select wo.patch_work_order($1, '{\"notes\": \"x\"}', expected_version => $2)";
        let result = stage.almighty.execute(call, &[&number, &version]);
        stage.refused(&version.to_string(), result, "40001", "version_conflict");
    }
}

/// Ten megabytes where a line is meant: refused, and not repeated in the refusal.
#[test]
fn ten_megabytes_in_every_place() {
    let mut stage = Stage::set();
    let number = stage.number.clone();
    let huge = format!("[A-B] {}", "x".repeat(TEN_MEGABYTES));
    let result = stage.almighty.execute("select wo.create_work_order($1)", &[&huge]);
    stage.refused("create", result, "22023", "value_too_long");
    let result = stage.almighty.execute(PATCH, &[&number, &json!({"title": huge})]);
    stage.refused("patch", result, "22023", "value_too_long");
    let call = "select wo.transition($1, 'blocked', 'x', $2)";
    let result = stage.almighty.execute(call, &[&number, &json!({"title": huge})]);
    stage.refused("transition", result, "22023", "value_too_long");
    let rows = stage
        .almighty
        .query_one("select error from wo.create_work_orders($1)", &[&json!([{"title": huge}])])
        .unwrap();
    let error: Value = rows.get(0);
    assert_eq!((&error["sqlstate"], error.to_string().len() < 8192), (&json!("22023"), true));
    stage.assert_unchanged("many");
    let result = stage.almighty.execute("update wo.work_order set title = $1::text", &[&huge]);
    stage.refused_by_postgres("raw update", result, &["22023", "23514"]);
    let result =
        stage.almighty.execute("insert into wo.work_order (title) values ($1::text)", &[&huge]);
    stage.refused_by_postgres("raw insert", result, &["22023", "23514"]);
    let result = copy(&mut stage.almighty, "wo.work_order_import (title)", &format!("{huge}\n"));
    stage.refused_by_postgres("copy", result, &["22023", "23514"]);

    let mut wordy = Vec::new();
    for (what, sql, sqlstate, code) in [
        (
            "a state",
            "select wo.transition(wo_number, $1) from wo.work_order",
            "22023",
            "unknown_state",
        ),
        ("a raw state", "update wo.work_order set status = $1::text", "22023", "unknown_state"),
        ("a work order", "select wo.transition($1, 'blocked')", "22023", "work_order_unknown"),
        ("a trail", "select * from wo.audit_trail($1)", "22023", "work_order_unknown"),
        ("edges", "select * from wo.allowed_transitions($1)", "22023", "work_order_unknown"),
        (
            "a priority",
            "select wo.create_work_order('[A-B] c', priority => $1)",
            "22023",
            "unknown_priority",
        ),
        (
            "a raw priority",
            "update wo.work_order set priority = $1::text",
            "22023",
            "unknown_priority",
        ),
        (
            "an assignee",
            "update wo.work_order set assignee = $1::text",
            "23514",
            "assignee_not_allowed",
        ),
        (
            "a requester",
            "update wo.work_order set requester = $1::text",
            "22023",
            "requester_unknown",
        ),
        (
            "a lifecycle",
            "select wo.create_work_order('[A-B] c', lifecycle => $1)",
            "22023",
            "lifecycle_unknown",
        ),
        (
            "a key",
            "select wo.create_work_order('[A-B] c', idempotency_key => $1)",
            "22023",
            "bad_value",
        ),
        (
            "a field",
            "select wo.patch_work_order(wo_number, jsonb_build_object($1::text, 1)) from wo.work_order",
            "22023",
            "unknown_fields",
        ),
        (
            "an insert's state",
            "insert into wo.work_order (title, status) values ('[A-B] c', $1::text)",
            "55000",
            "not_initial_state",
        ),
    ] {
        let result = stage.almighty.execute(sql, &[&huge]);
        let refusal = db_error(result);
        if !is_short(&refusal) {
            wordy.push(what);
        }
        assert_eq!(refusal.code().code(), sqlstate, "{what}");
        let detail: Value = serde_json::from_str(refusal.detail().unwrap()).unwrap();
        assert_eq!(detail["code"], code, "{what}");
        stage.assert_unchanged(what);
    }
    assert!(wordy.is_empty(), "repeated in the refusal: {wordy:?}");
    let result = stage.almighty.execute(PATCH, &[&number, &json!({"description": huge})]);
    stage.refused("a description", result, "22023", "value_too_long");
    let transition = "select wo.transition($1, 'blocked', $2)";
    let result = stage.almighty.execute(transition, &[&number, &huge]);
    stage.refused("a reason", result, "22023", "value_too_long");
    // A long text where a long text belongs is admitted.
    let (document, reason) = ("x".repeat(1 << 20), "é".repeat(10_000));
    stage.almighty.execute(PATCH, &[&number, &json!({"description": document})]).unwrap();
    stage.almighty.execute(transition, &[&number, &reason]).unwrap();
    stage.company.assert_intact();
}

#[test]
fn nul_bytes() {
    let mut stage = Stage::set();
    // The literals below are written as standard SQL reads them.
    stage.almighty.batch_execute("set standard_conforming_strings = on").unwrap();
    let number = stage.number.clone();
    let nul = "[A-B] a\0b";
    for sql in [
        "select wo.create_work_order($1)",
        "insert into wo.work_order (title) values ($1::text)",
        "update wo.work_order set notes = $1::text",
        "select wo.transition($1, 'blocked', 'x')",
    ] {
        let result = stage.almighty.execute(sql, &[&nul]);
        stage.refused_by_postgres(sql, result, &["22021"]);
    }
    let escaped = r#"{"notes": "a\u0000b"}"#;
    for sql in [
        format!("select wo.patch_work_order('{number}', '{escaped}')"),
        format!("update wo.work_order set metadata = '{escaped}'"),
        format!("select wo.create_work_orders('[{escaped}]')"),
        format!("select wo.transition('{number}', 'blocked', fields => '{escaped}')"),
        format!(
            "select wo.transition_many('[{{\"work_order\": \"{number}\", \"fields\": {escaped}}}]')"
        ),
    ] {
        let result = stage.almighty.batch_execute(&sql);
        stage.refused_by_postgres(&sql, result, &["22P05"]);
    }
    let result = copy(&mut stage.almighty, "wo.work_order_import (title)", "[A-B] a\\000b\n");
    stage.refused_by_postgres("copy", result, &["22021"]);
    let result = copy(&mut stage.almighty, "wo.work_order_import (title)", "[A-B] a\0b\n");
    stage.refused_by_postgres("copy raw", result, &["22021"]);
}

#[test]
fn json_that_is_none_or_not_what_is_asked_for() {
    let mut stage = Stage::set();
    let number = stage.number.clone();
    for malformed in ["{", "", "{\"notes\": }", "{'notes': 1}", "NaN", "[1,]"] {
        let sql =
            format!("select wo.patch_work_order('{number}', '{}')", malformed.replace('\'', "''"));
        let result = stage.almighty.batch_execute(&sql);
        stage.refused_by_postgres(&sql, result, &["22P02"]);
    }
    for other in [json!([]), json!("notes"), json!(7), json!(true), json!([{"notes": "x"}])] {
        let result = stage.almighty.execute(PATCH, &[&number, &other]);
        stage.refused(&other.to_string(), result, "22023", "not_an_object");
        let call = "select wo.transition($1, 'blocked', 'x', $2)";
        let result = stage.almighty.execute(call, &[&number, &other]);
        stage.refused(&other.to_string(), result, "22023", "not_an_object");
    }
    let result = stage.almighty.execute("select wo.patch_work_order($1, null)", &[&number]);
    stage.refused("no fields", result, "22023", "not_an_object");
    let result = stage.almighty.execute(PATCH, &[&number, &Value::Null]);
    stage.refused("null fields", result, "22023", "not_an_object");

    for name in [
        "titel",
        "status",
        "version",
        "tenant_id",
        "id",
        "reason",
        "created_at",
        "originator",
        "Title",
        "",
    ] {
        let mut fields = json!({"notes": "x"});
        fields[name] = json!("x");
        let result = stage.almighty.execute(PATCH, &[&number, &fields]);
        let detail = stage.refused(name, result, "22023", "unknown_fields");
        assert_eq!(detail["unknown_fields"], json!([name]));
    }
    for (fields, name) in [
        (json!({"title": 7}), "title"),
        (json!({"notes": {"a": 1}}), "notes"),
        (json!({"notes": ["a"]}), "notes"),
        (json!({"tags": "a"}), "tags"),
        (json!({"tags": [1]}), "tags"),
        (json!({"tags": [null]}), "tags"),
        (json!({"deficiencies": {"a": "b"}}), "deficiencies"),
        (json!({"metadata": []}), "metadata"),
        (json!({"metadata": "a"}), "metadata"),
        (json!({"regulatory": "yes"}), "regulatory"),
        (json!({"regulatory": 1}), "regulatory"),
        (json!({"due_date": 20260310}), "due_date"),
        (json!({"planned_start": false}), "planned_start"),
        (json!({"actual_hours": true}), "actual_hours"),
        (json!({"actual_hours": "many"}), "actual_hours"),
    ] {
        let result = stage.almighty.execute(PATCH, &[&number, &fields]);
        let detail = stage.refused(&fields.to_string(), result, "22023", "bad_value");
        assert_eq!(detail["field"], name);
    }
    for (fields, sqlstates) in [
        (json!({"due_date": "someday"}), ["22007", "22023"]),
        (json!({"due_date": "2026-02-30"}), ["22008", "22023"]),
        (json!({"planned_start": "noon"}), ["22007", "22023"]),
        (json!({"planned_start": "2026-02-01T25:00:00Z"}), ["22008", "22023"]),
        (json!({"planned_start": "2026-03-01", "planned_end": "2026-02-01"}), ["23514", "22023"]),
        (json!({"source": "rumour"}), ["23514", "22023"]),
    ] {
        let result = stage.almighty.execute(PATCH, &[&number, &fields]);
        stage.refused_by_postgres(&fields.to_string(), result, &sqlstates);
    }
    for bulk in [json!({}), json!("x"), json!(null), json!(7)] {
        for call in
            ["select * from wo.create_work_orders($1)", "select * from wo.transition_many($1)"]
        {
            let result = stage.almighty.execute(call, &[&bulk]);
            stage.refused(&bulk.to_string(), result, "22023", "not_an_array");
        }
    }
    let result = stage.almighty.execute("select * from wo.create_work_orders(null)", &[]);
    stage.refused("null", result, "22023", "not_an_array");
    let many = json!(vec![json!({"title": "[A-B] c"}); 10_001]);
    let result = stage.almighty.execute("select * from wo.create_work_orders($1)", &[&many]);
    stage.refused("10001 of them", result, "22023", "too_many");
    for empty in
        ["select * from wo.create_work_orders('[]')", "select * from wo.transition_many('[]')"]
    {
        assert_eq!(stage.almighty.query(empty, &[]).unwrap().len(), 0);
    }
}

#[test]
fn hours_that_are_no_hours() {
    let mut stage = Stage::set();
    let number = stage.number.clone();
    for hours in ["-1", "-0.01", "1000000", "1e300"] {
        let fields: Value =
            serde_json::from_str(&format!("{{\"actual_hours\": {hours}}}")).unwrap();
        let result = stage.almighty.execute(PATCH, &[&number, &fields]);
        let detail = stage.refused(hours, result, "22023", "bad_value");
        assert_eq!(detail["field"], "actual_hours");
    }
    for hours in ["-1", "NaN", "Infinity", "-Infinity", "1000000"] {
        let fields = json!({"estimated_hours": hours});
        let result = stage.almighty.execute(PATCH, &[&number, &fields]);
        stage.refused(&format!("text {hours}"), result, "22023", "bad_value");
        let create =
            format!("select wo.create_work_order('[A-B] c', estimated_hours => '{hours}')");
        let result = stage.almighty.batch_execute(&create);
        stage.refused(&format!("argument {hours}"), result, "22023", "bad_value");
        for raw in [
            format!("update wo.work_order set actual_hours = '{hours}'"),
            format!(
                "insert into wo.work_order (title, estimated_hours) values ('[A-B] c', '{hours}')"
            ),
        ] {
            let result = stage.almighty.batch_execute(&raw);
            stage.refused_by_postgres(&raw, result, &["23514", "22003", "22023"]);
        }
    }
    // So near to a million that two decimals round it up.
    let result = stage.almighty.execute(PATCH, &[&number, &json!({"actual_hours": "999999.999"})]);
    stage.refused_by_postgres("rounded up", result, &["23514", "22003", "22023"]);
}

#[test]
fn work_orders_and_lifecycles_that_are_not_there() {
    let mut stage = Stage::set();
    let random = Uuid::now_v7().to_string();
    for name in ["WO-2026-0305-A1B", "", "   ", "'; drop table wo.work_order; --", &random, "🛠"]
    {
        for sql in [
            "select wo.transition($1, 'blocked', 'x')",
            "select wo.patch_work_order($1, '{\"notes\": \"x\"}')",
            "select wo.patch_work_order($1, '{}')",
            "select * from wo.allowed_transitions($1)",
            "select * from wo.audit_trail($1)",
        ] {
            let result = stage.almighty.execute(sql, &[&name]);
            stage.refused(&format!("{sql} {name}"), result, "22023", "work_order_unknown");
        }
        let mut admin = stage.company.connect("admin");
        let result = admin.execute("select wo.migrate_lifecycle($1, 2, 'x')", &[&name]);
        stage.refused(name, result, "22023", "work_order_unknown");
    }
    for sql in [
        "select wo.transition(null, 'blocked', 'x')",
        "select wo.patch_work_order(null, '{\"notes\": \"x\"}')",
        "select * from wo.allowed_transitions(null)",
        "select * from wo.audit_trail(null)",
    ] {
        let result = stage.almighty.batch_execute(sql);
        stage.refused(sql, result, "22023", "work_order_unknown");
    }
    for name in ["no_such", "", "Fleet_Task"] {
        let result = stage
            .almighty
            .execute("select wo.create_work_order('[A-B] c', lifecycle => $1)", &[&name]);
        stage.refused(name, result, "22023", "lifecycle_unknown");
        let raw = "insert into wo.work_order (title, lifecycle) values ('[A-B] c', $1)";
        let result = stage.almighty.execute(raw, &[&name]);
        stage.refused(name, result, "22023", "lifecycle_unknown");
    }
    for key in ["", &"k".repeat(201)] {
        let result = stage
            .almighty
            .execute("select wo.create_work_order('[A-B] c', idempotency_key => $1)", &[&key]);
        stage.refused("a key", result, "22023", "bad_value");
    }
}

/// PostgreSQL reads JSON that is nested more deeply, and numbers that are larger, than a program
/// can: an error, never a crash, wherever JSON comes in.
#[test]
fn json_that_is_too_deep_or_too_large() {
    let mut stage = Stage::set();
    let number = stage.number.clone();
    let nested = |depth: usize| format!("{{\"a\": {}{}}}", "[".repeat(depth), "]".repeat(depth));
    let huge_number = "{\"a\": 1e400}".to_owned();
    let mut wrong: Vec<String> = Vec::new();
    for (what, json) in
        [("500 deep", nested(500)), ("2000 deep", nested(2000)), ("1e400", huge_number.clone())]
    {
        let metadata = format!("{{\"metadata\": {json}}}");
        for sql in [
            format!("select wo.patch_work_order('{number}', '{metadata}')"),
            format!("select wo.transition('{number}', 'blocked', 'x', '{metadata}')"),
            format!("select wo.create_work_order('[A-B] c', metadata => '{json}')"),
            format!("select * from wo.create_work_orders('[{metadata}]')"),
            format!("select * from wo.transition_many('[{metadata}]')"),
        ] {
            let result = stage.almighty.batch_execute(&sql);
            stage.refused(what, result, "22023", "bad_value");
        }
        let mut admin = stage.company.connect("admin");
        for sql in [
            format!("select wo.publish_lifecycle('{json}')"),
            format!("select * from wo.validate_lifecycle('{json}')"),
            format!("select wo.migrate_lifecycle('{number}', 1, 'x', '{json}')"),
        ] {
            let start: String = sql.chars().take(60).collect();
            match admin.batch_execute(&sql) {
                // Its problems are listed.
                Ok(()) if sql.contains("validate") => {}
                Ok(()) => wrong.push(format!("{what}: {start} accepted")),
                Err(error) => {
                    let refusal = error.as_db_error().unwrap_or_else(|| panic!("{error:?}"));
                    assert_is_short(refusal);
                    if !refusal.code().code().starts_with("22") {
                        wrong.push(format!("{what}: {start} {refusal:?}"));
                    }
                }
            }
            stage.assert_unchanged(&start);
        }
    }
    let bottomless = nested(1_000_000);
    let sql = format!("select wo.patch_work_order('{number}', '{{\"metadata\": {bottomless}}}')");
    let result = stage.almighty.batch_execute(&sql);
    stage.refused_by_postgres("bottomless", result, &["54001", "22023"]);

    // Written past the functions it is a value like another: kept, trailed and verified.
    for (what, json) in [("500 deep", nested(500)), ("1e400", huge_number)] {
        println!("raw {what}");
        let raw =
            format!("update wo.work_order set metadata = '{json}' where wo_number = '{number}'");
        match stage.almighty.batch_execute(&raw) {
            Ok(()) => {
                stage.company.assert_intact();
                let trail = format!("select count(*) from wo.audit_trail('{number}')");
                assert!(one::<i64>(&mut stage.almighty, &trail) > 3);
                let more =
                    format!("select wo.patch_work_order('{number}', '{{\"notes\": \"{what}\"}}')");
                stage.almighty.batch_execute(&more).unwrap();
                stage.company.assert_intact();
            }
            Err(error) => {
                let refusal = error.as_db_error().unwrap_or_else(|| panic!("{error:?}"));
                assert_ne!(refusal.code().code(), "XX000", "{refusal:?}");
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Values at the edge of their types are values: kept as they are or refused in words, and the
/// trail of what was kept verifies.
#[test]
fn values_at_the_edge_of_their_types() {
    let mut stage = Stage::set();
    // The literals below are written as standard SQL reads them.
    stage.almighty.batch_execute("set standard_conforming_strings = on").unwrap();
    for (column, value) in [
        ("due_date", "'infinity'"),
        ("due_date", "'-infinity'"),
        ("due_date", "'4713-01-01 BC'"),
        ("due_date", "'5874897-12-31'"),
        ("due_date", "'0001-01-01'"),
        ("planned_end", "'infinity'"),
        ("planned_start", "'-infinity'"),
        ("planned_start", "'4713-01-01 00:00 BC'"),
        ("planned_end", "'294276-12-31 23:59:59.999999Z'"),
        ("tags", "array[null]::text[]"),
        ("tags", "'{{a,b},{c,d}}'"),
        ("tags", "'[5:6]={a,b}'"),
        ("tags", "array['', ' ', '\"', '\\', e'\\n']"),
        ("deficiencies", "'{{a},{null}}'"),
        ("actual_hours", "0.005"),
        ("actual_hours", "999999.99"),
        ("notes", "U&'\\+01F6E0 \\0001 \\FFFD'"),
        ("notes", "e'\\u2028 </script> \\\\ \"'"),
        ("title", "'[A-B] ' || repeat('審', 494)"),
        ("metadata", "'{\"\": {\"\\\"\": 1.50, \"e\": 1e5, \"z\": -0.0}}'"),
    ] {
        let sql = format!("update wo.work_order set {column} = {value}");
        println!("{sql}");
        match stage.almighty.batch_execute(&sql) {
            Ok(()) => {
                stage.company.assert_intact();
                let trail = format!(
                    "select coalesce(string_agg(what, '|'), '') from wo.audit_trail('{}')",
                    stage.number
                );
                assert!(one::<String>(&mut stage.almighty, &trail).contains(column), "{sql}");
            }
            Err(error) => {
                let refusal = error.as_db_error().unwrap_or_else(|| panic!("{error:?}"));
                let class = refusal.code().code().get(..2).unwrap_or_default().to_owned();
                assert!(["22", "23"].contains(&class.as_str()), "{sql}: {refusal:?}");
                assert_is_short(refusal);
            }
        }
    }
    // Each stays readable for whoever comes next.
    stage.almighty.batch_execute("update wo.work_order set priority = 'high'").unwrap();
    let edges = format!("select count(*) from wo.allowed_transitions('{}')", stage.number);
    assert_eq!(one::<i64>(&mut stage.almighty, &edges), 3);
    stage.company.assert_intact();
}
