//! Raw SQL meets the checks of the functions.

use serde_json::json;
use wo_cluster_tests::signing::ROOT;

use crate::job_plan::bench::{Bench, plan};

fn bench() -> (Bench, String) {
    let bench = Bench::found();
    bench.release_at_publication();
    bench.publish_plan(&plan(
        "raw",
        json!([
            {"key": "a", "kind": "measure", "unit": "V", "limits": {"upper": 5}, "instruction": "i"},
            {"key": "h", "kind": "hold_point", "role": "qa", "instruction": "i", "after": ["a"]},
            {"key": "b", "kind": "do", "instruction": "i", "after": ["h"]}
        ]),
    ));
    let order = bench.working_by("raw");
    (bench, order)
}

/// Without checks on the rows, an INSERT could give its own verdict, its own place in the order, or walk around a
/// hold point; UPDATE and DELETE would lose what was recorded.
#[test]
fn rows_of_results_are_checked_by_any_writer() {
    let (bench, order) = bench();
    let id = bench.id(&order);
    let insert = |columns: &str, values: &str| {
        format!(
            "insert into wo.step_result (work_order_id, step, act{columns}) values ('{id}', {values})"
        )
    };
    let refused = |who: &str, sql: &str, sqlstate: &str, code: &str| {
        bench.refused_without_trace(&["step_result", "work_order"], who, sql, sqlstate, code)
    };
    refused("worker", &insert("", "'b', 'result'"), "23514", "hold_point_open");
    refused("worker", &insert("", "'z', 'result'"), "22023", "step_unknown");
    refused("worker", &insert("", "'a', 'guess'"), "22023", "step_act_unknown");
    refused("worker", &insert("", "'a', 'result'"), "22023", "step_value_invalid");
    let lied = insert(", value, verdict", "'a', 'result', '6', 'pass'");
    refused("worker", &lied, "22023", "step_value_invalid");
    let placed = insert(", value, ordinal", "'a', 'result', '4', 7");
    refused("worker", &placed, "42501", "column_not_writable");
    let versioned = insert(", value, plan_version", "'a', 'result', '4', 1");
    refused("worker", &versioned, "42501", "column_not_writable");
    let forged = insert(", value, performed_by", "'a', 'result', '4', 'qa'");
    refused("worker", &forged, "42501", "column_not_writable");
    refused(ROOT, &insert(", value", "'a', 'result', '4'"), "42501", "no_identity");

    // Several rows in one statement are judged one after the other.
    let both = format!(
        "insert into wo.step_result (work_order_id, step, act, value) values
            ('{id}', 'a', 'result', '4'), ('{id}', 'a', 'result', '3')"
    );
    refused("worker", &both, "55000", "step_done_already");
    bench.run("worker", &insert(", value", "'a', 'result', '4.9'"));
    assert_eq!(bench.state(&order, "a"), "done pass");
    let results = bench.results(&order);

    for sql in [
        "update wo.step_result set value = '1'",
        "delete from wo.step_result",
        "truncate wo.step_result",
    ] {
        for who in ["worker", "qa"] {
            bench.with(who, |client| client.batch_execute(sql)).unwrap_err();
        }
        bench.with(ROOT, |client| client.batch_execute(sql)).unwrap_err();
    }
    assert_eq!(bench.results(&order), results);
    assert_eq!(bench.problems(), []);
}

/// Without a check of the row the plan of running work could be replaced by an UPDATE.
#[test]
fn the_row_of_the_plan_is_checked_by_any_writer() {
    let (bench, order) = bench();
    let id = bench.id(&order);
    let refused = |who: &str, sql: &str, sqlstate: &str, code: &str| {
        bench.refused_without_trace(
            &["work_order_job_plan", "work_order"],
            who,
            sql,
            sqlstate,
            code,
        )
    };
    let pinned = "update wo.work_order_job_plan set reason = 'r', ";
    let of_it = format!(" where work_order_id = '{id}'");
    refused("stranger", &format!("{pinned} version = 2{of_it}"), "42501", "role_missing");
    refused("planner", &format!("{pinned} version = 2{of_it}"), "22023", "definition_unknown");
    let other = format!("{pinned} sha256 = sha256('x'){of_it}");
    refused("planner", &other, "42501", "column_not_writable");
    let parameters = format!("{pinned} parameters = '{{\"x\": 1}}'{of_it}");
    refused("planner", &parameters, "55000", "plan_parameters_pinned");
    let again = format!(
        "insert into wo.work_order_job_plan (work_order_id, name, reason) values ('{id}', 'raw', 'r')"
    );
    refused("planner", &again, "23505", "job_plan_applied_already");
    bench
        .with("planner", |client| client.batch_execute("delete from wo.work_order_job_plan"))
        .unwrap_err();
    bench
        .with(ROOT, |client| client.batch_execute("delete from wo.work_order_job_plan"))
        .unwrap_err();

    let bare: String = bench.one("planner", "select wo.create_work_order('Bare') ->> 'wo_number'");
    let missing = format!("select wo.record_step('{bare}', 'a', '1')");
    refused("planner", &missing, "55000", "job_plan_missing");
    let bare = bench.id(&bare);
    bench.run(
        "planner",
        &format!("insert into wo.work_order_job_plan (work_order_id, name, reason) values ('{bare}', 'raw', 'r')"),
    );
    let filled: bool = bench.one(
        ROOT,
        &format!(
            "select pinned.version = 1 and pinned.sha256 = known.sha256 and pinned.applied_by = 'planner'
             from wo.work_order_job_plan as pinned join wo.job_plan as known using (tenant_id, name, version)
             where pinned.work_order_id = '{bare}'"
        ),
    );
    assert!(filled);
    assert_eq!(bench.problems(), []);
}
