//! What is said of work that was done comes from the transitions and the assignee, and never of a time that has not
//! come.

use std::io::Write;

use postgres::error::Error;
use wo_cluster_tests::signing::{Company, ROOT};
use wo_cluster_tests::{db_error, refused};

/// Who creates a work order stated when it was done, in how many hours, what came of it and what the reviewer found.
#[test]
fn a_new_work_order_says_nothing_of_what_was_done() {
    let company = Company::found();
    for (field, value, json) in [
        ("actual_start", "'2026-01-02'", "\"2026-01-02\""),
        ("actual_end", "'2026-01-02'", "\"2026-01-02\""),
        ("actual_hours", "0", "0"),
        ("completion_summary", "'Done.'", "\"Done.\""),
        ("review_notes", "'Good.'", "\"Good.\""),
        ("deficiencies", "array['none']", "[\"none\"]"),
    ] {
        let raw = format!("insert into wo.work_order (title, {field}) values ('t', {value})");
        let import =
            format!("insert into wo.work_order_import (title, {field}) values ('t', {value})");
        for sql in [raw, import] {
            let detail = company.refused("planner", &sql, "55000", "field_not_permitted");
            assert_eq!(detail["fields"], serde_json::json!([field]), "{sql}");
        }
        let bulk: String = company.one(
            "planner",
            &format!(
                "select coalesce(error -> 'detail' ->> 'code', error::text, 'made')
                 from wo.create_work_orders('[{{\"title\": \"t\", \"{field}\": {json}}}]')"
            ),
        );
        assert_eq!(bulk, "field_not_permitted", "{field}");
        let copied: Result<u64, Error> = company.with("planner", |client| {
            let copy =
                format!("copy wo.work_order_import (title, {field}) from stdin (format csv)");
            let mut writer = client.copy_in(&copy)?;
            writer.write_all(format!("t,\"{}\"\n", value.trim_matches('\'')).as_bytes()).unwrap();
            writer.finish()
        });
        match field {
            // The value above is no list as COPY reads it.
            "deficiencies" => drop(copied.unwrap_err()),
            _ => drop(refused(copied, "55000", "field_not_permitted")),
        }
    }
    let made: i64 = company.one(ROOT, "select count(*) from wo.work_order");
    assert_eq!(made, 0);
    // What says nothing is no statement.
    company.run(
        "planner",
        "insert into wo.work_order (title, completion_summary, deficiencies) values ('t', ' ', '{}')",
    );
    company.assert_intact();
}

/// An administrator who brings work orders of another system brings what was done there.
#[test]
fn an_import_of_an_administrator_may_say_what_was_done() {
    let company = Company::found();
    let import = |times: &str| {
        format!(
            "insert into wo.work_order (wo_number, title, actual_start, actual_end, actual_hours,
                completion_summary, review_notes) values ('OLD-1', 't', {times}, 2, 'Done.', 'Good.')"
        )
    };
    company.refused(
        wo_cluster_tests::signing::ADMIN,
        &import("'2026-01-02', now() + interval '1 hour'"),
        "22023",
        "time_in_the_future",
    );
    company.run(wo_cluster_tests::signing::ADMIN, &import("'2026-01-02', '2026-01-03'"));
    company.assert_intact();
}

/// A start in the future could never be followed by an end: the work could not be completed.
#[test]
fn actual_times_are_neither_in_the_future_nor_infinite() {
    let company = Company::found();
    let number = company.reach("in_progress");
    let soon: String = company.one(
        ROOT,
        "select to_char(now() at time zone 'UTC' + interval '1 minute', 'YYYY-MM-DD HH24:MI:SS')",
    );
    let soon = format!("{soon}+00");
    for field in ["actual_start", "actual_end"] {
        for (value, code) in [
            (soon.as_str(), "time_in_the_future"),
            ("infinity", "time_infinite"),
            ("-infinity", "time_infinite"),
        ] {
            for sql in [
                format!("update wo.work_order set {field} = '{value}', reason = 'r' where wo_number = '{number}'"),
                format!("select wo.patch_work_order('{number}', '{{\"{field}\": \"{value}\"}}', 'r')"),
                format!("select wo.transition('{number}', 'completed', 'r', '{{\"{field}\": \"{value}\",
                    \"completion_summary\": \"s\", \"actual_hours\": 1}}')"),
            ] {
                let detail = company.refused("worker", &sql, "22023", code);
                assert_eq!(detail["field"], field, "{sql}");
            }
            let many: String = company.one(
                "worker",
                &format!(
                    "select coalesce(error -> 'detail' ->> 'code', error::text, 'moved')
                     from wo.transition_many(jsonb_build_array(jsonb_build_object('work_order', '{number}',
                        'to_status', 'blocked', 'reason', 'r', 'fields', jsonb_build_object('{field}', '{value}'))))"
                ),
            );
            assert_eq!(many, code, "{field} {value}");
        }
    }
    // An end before the start.
    for sql in [
        format!(
            "update wo.work_order set actual_end = '2026-01-01', reason = 'r' where wo_number = '{number}'"
        ),
        format!(
            "select wo.patch_work_order('{number}', '{{\"actual_end\": \"2026-01-01\"}}', 'r')"
        ),
    ] {
        let answer = db_error(company.with("worker", |client| client.batch_execute(&sql)));
        assert!(answer.hint().is_some(), "{answer:?}");
        company.refused("worker", &sql, "23514", "values_out_of_order");
    }
    // The very moment is none in the future.
    company.run(
        "worker",
        &format!("update wo.work_order set actual_start = now(), reason = 'r' where wo_number = '{number}'"),
    );
    company.transition("worker", &number, "completed");
    company.assert_intact();
}

/// A planned time without an end made the schedule of its master unreadable for everybody.
#[test]
fn planned_times_are_finite_and_may_lie_ahead() {
    let company = Company::found();
    for value in ["infinity", "-infinity"] {
        for field in ["planned_start", "planned_end"] {
            company.refused(
                "planner",
                &format!("insert into wo.work_order (title, {field}) values ('t', '{value}')"),
                "22023",
                "time_infinite",
            );
            company.refused(
                "planner",
                &format!("select wo.create_work_order('t', {field} => '{value}')"),
                "22023",
                "time_infinite",
            );
        }
    }
    company.run("planner", "select wo.create_work_order('t', planned_end => '2999-01-01')");
}
