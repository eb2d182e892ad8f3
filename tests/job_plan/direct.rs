//! Recording a step without a statement meets all that a statement would meet.

use serde_json::json;
use wo_cluster_tests::signing::ROOT;

use crate::job_plan::bench::{Bench, plan, record};

/// A work order with five steps that wait for nothing, and what a DBA did to the table before it was made.
fn bench(ddl: &str) -> (Bench, String) {
    let bench = Bench::found();
    bench.release_at_publication();
    let steps: Vec<_> = ["a", "b", "c", "d", "e"]
        .iter()
        .map(|key| json!({"key": key, "kind": "do", "instruction": "i"}))
        .collect();
    bench.publish_plan(&plan("five", steps.into()));
    let order = bench.working_by("five");
    bench.with(ROOT, |client| client.batch_execute(ddl)).unwrap();
    (bench, order)
}

/// Without the question whether the table is as registered, a write past SQL would pass a policy, a rule, a trigger, a
/// constraint or a column of a DBA's.
#[test]
fn what_a_dba_adds_to_the_table_is_met() {
    let refusals = [
        ("alter table wo.step_result add constraint short check (length(value) < 3)", "23514"),
        ("create policy never on wo.step_result as restrictive for insert to wo_user with check (false)", "42501"),
        ("create rule nothing as on insert to wo.step_result do instead nothing", "0A000"),
        (
            "create function public.keep() returns trigger language plpgsql as 'begin return null; end';
             create trigger aaa before insert on wo.step_result for each row execute function public.keep()",
            "55000",
        ),
        (
            "create function public.keep() returns trigger language plpgsql as
                $$ begin raise exception 'kept' using errcode = 'P0001'; end $$;
             create trigger zzz after insert on wo.step_result for each statement execute function public.keep()",
            "P0001",
        ),
        ("revoke insert on wo.step_result from wo_user", "42501"),
    ];
    for (ddl, state) in refusals {
        let (bench, order) = bench(ddl);
        let tried =
            bench.with("worker", |client| client.batch_execute(&record(&order, "a", "done")));
        let error = tried.unwrap_err();
        let code = error.as_db_error().map(|error| error.code().code().to_owned());
        assert_eq!(code.as_deref(), Some(state), "{ddl}: {error:?}");
        assert_eq!(bench.state(&order, "a"), "open", "{ddl}");
        assert_eq!(bench.problems(), [], "{ddl}");
    }

    let added = "alter table wo.step_result add shift text default 'early'";
    let (bench, order) = bench(added);
    assert_eq!(bench.record("worker", &order, "a", "done"), "done pass");
    let shift: String = bench.one(ROOT, "select shift from wo.step_result");
    assert_eq!(shift, "early", "the default of a column that a DBA added");
}

/// Without the same row on both ways, what an executor records would depend on the settings of its session.
#[test]
fn both_ways_store_the_same_row() {
    let (bench, order) = bench("");
    let columns = "select concat_ws('|', act, value, unit, verdict, encode(sha256, 'hex'), corrects, concerns, credentials,
        plan_version, reason, performed_by, ordinal) from wo.step_result where step = ";
    bench.run("worker", &format!("select wo.record_step('{order}', 'a', 'v', reason => 'why')"));
    let snapshot = format!(
        "begin isolation level repeatable read;
         select wo.record_step('{order}', 'b', 'v', reason => 'why');
         commit"
    );
    bench.with("worker", |client| client.batch_execute(&snapshot)).unwrap();
    let row = |step: &str| -> String { bench.one(ROOT, &format!("{columns} '{step}'")) };
    assert_eq!(row("a").strip_suffix('1'), row("b").strip_suffix('2'));

    // What was undone is not remembered: neither the place nor the step.
    let undone = format!(
        "begin; select wo.record_step('{order}', 'c', 'v'); savepoint s; select wo.record_step('{order}', 'd', 'v');
         rollback to s; select wo.record_step('{order}', 'd', 'w'); rollback"
    );
    bench
        .with("worker", |client| {
            client.batch_execute(&undone)?;
            client.batch_execute(&record(&order, "c", "x"))
        })
        .unwrap();
    assert_eq!(bench.state(&order, "c"), "done pass");
    assert_eq!(bench.state(&order, "d"), "open");
    let places: Vec<i64> =
        bench.one(ROOT, "select array_agg(ordinal::bigint order by ordinal) from wo.step_result");
    assert_eq!(places, [1, 2, 3]);

    // What another session recorded meanwhile counts.
    bench.run("worker", &record(&order, "d", "x"));
    let hand_over =
        format!("select wo.patch_work_order('{order}', '{{\"assignee\": \"worker_2\"}}', 'r')");
    bench.run("planner", &hand_over);
    bench.with("worker", |client| client.batch_execute(&record(&order, "e", "x"))).unwrap_err();
    bench.run("worker_2", &record(&order, "e", "x"));
    bench.refused("worker_2", &record(&order, "e", "y"), "55000", "step_done_already");
    let long = format!("select wo.record_step('{order}', repeat('a', 5000))");
    bench.with("worker_2", |client| client.batch_execute(&long)).unwrap_err();
    assert_eq!(bench.problems(), []);
}

/// Without what was recorded in the event, every subscriber would have to ask the database what it was.
#[test]
fn the_event_says_which_plan_was_applied_and_what_was_recorded() {
    let (bench, order) = bench("");
    bench.record("worker", &order, "a", "done");
    let data = |kind: &str| -> serde_json::Value {
        let sql = format!(
            "select data::jsonb from wo.event where type = '{kind}' order by position desc limit 1"
        );
        bench.one(ROOT, &sql)
    };
    let applied = data("wo.job_plan_applied");
    assert_eq!(
        (&applied["job_plan"], &applied["plan_version"]),
        (&json!("five"), &json!(1)),
        "{applied}"
    );
    let recorded = data("wo.step_recorded");
    assert_eq!(recorded["work_order"], json!(order), "{recorded}");
    assert_eq!(
        [&recorded["step"], &recorded["act"], &recorded["verdict"], &recorded["ordinal"]],
        [&json!("a"), &json!("result"), &json!("pass"), &json!(1)],
        "{recorded}"
    );
}
