//! What a raw write that violates a named constraint is answered.

use serde_json::Value;
use wo_cluster_tests::{backend_pid, db_error, refused};

use crate::scenario::company::{Company, create, one};

/// The name of the constraint and the whole row were the answer, which no program can act on.
#[test]
fn a_named_check_answers_with_a_code_a_sentence_and_a_hint() {
    let company = Company::found("fleet_task");
    let mut almighty = company.connect("almighty");
    let number = create(&mut almighty, "[A-B] one");
    let set = |set: &str| format!("update wo.work_order set {set} where wo_number = '{number}'");
    let long = "x".repeat(501);
    let times = "planned_start = '2026-01-02', planned_end = '2026-01-01'";
    for (sql, code, constraint) in [
        (set(&format!("title = '[A-B] {long}'")), "value_too_long", "title_is_short"),
        (set(times), "values_out_of_order", "work_order_ends_after_it_starts"),
        (set("estimated_hours = -1"), "value_out_of_range", "hours_are_not_negative"),
        (set("source = 'nowhere'"), "value_unknown", "work_source_is_known"),
        (set("metadata = '[]'"), "value_malformed", "json_map_is_an_object"),
        (set("tags = array[null]::text[]"), "value_malformed", "text_list_is_a_list"),
        // A write that runs after the statement's own rows.
        (
            format!("with moved as ({} returning id) select 1", set(times)),
            "values_out_of_order",
            "work_order_ends_after_it_starts",
        ),
        // A function of ours that writes without SQL.
        (
            format!(
                "select wo.patch_work_order('{number}', '{{\"planned_start\": \"2026-01-02\", \"planned_end\": \"2026-01-01\"}}')"
            ),
            "values_out_of_order",
            "work_order_ends_after_it_starts",
        ),
    ] {
        println!("{sql:.200}");
        let error = db_error(almighty.batch_execute(&sql));
        let detail = refused::<()>(Err(almighty.batch_execute(&sql).unwrap_err()), "23514", code);
        assert_eq!(detail["constraint"], constraint);
        assert!(error.hint().is_some(), "{error:?}");
        assert!(!error.detail().unwrap().contains(&number), "the row is in the answer: {error:?}");
    }
    // PostgreSQL's own fields stay for those who read them.
    let error = db_error(almighty.batch_execute(&set(times)));
    assert_eq!(error.constraint(), Some("work_order_ends_after_it_starts"));
    assert_eq!(error.schema(), Some("wo"));
    company.assert_intact();
}

/// A COPY reads the values of domains before any trigger.
#[test]
fn a_copy_is_answered_in_the_same_way() {
    use std::io::Write;
    let company = Company::found("fleet_task");
    let mut almighty = company.connect("almighty");
    // The library of a server that does not preload it is loaded by the first function.
    create(&mut almighty, "[A-B] one");
    let mut writer =
        almighty.copy_in("copy wo.work_order_import (title, estimated_hours) from stdin").unwrap();
    writer.write_all(b"[A-B] x\t-1\n").unwrap();
    refused(writer.finish(), "23514", "value_out_of_range");
}

/// The answer is that of the error itself: a handler in PL/pgSQL, and the rows of a bulk call, have it too.
#[test]
fn a_handler_in_the_server_reads_the_same_answer() {
    let company = Company::found("fleet_task");
    let mut almighty = company.connect("almighty");
    almighty
        .batch_execute(
            "create function pg_temp.tried() returns text language plpgsql as $$
             declare told text;
             begin
                insert into wo.work_order (title, planned_start, planned_end)
                values ('[A-B] x', '2026-01-02', '2026-01-01');
             exception when check_violation then
                get stacked diagnostics told = pg_exception_detail;
                return told;
             end $$",
        )
        .unwrap();
    let told: String = one(&mut almighty, "select pg_temp.tried()");
    let told: Value = serde_json::from_str(&told).unwrap();
    assert_eq!(told["code"], "values_out_of_order");
}

/// What a DBA adds is the DBA's: its text is PostgreSQL's own.
#[test]
fn a_constraint_of_a_dba_keeps_the_text_of_postgresql() {
    let company = Company::found("fleet_task");
    company
        .root()
        .batch_execute("alter table wo.work_order add constraint no_moon check (project <> 'moon')")
        .unwrap();
    let mut almighty = company.connect("almighty");
    let insert = "insert into wo.work_order (title, project) values ('[A-B] x', 'moon')";
    let error = db_error(almighty.batch_execute(insert));
    assert!(error.message().contains("no_moon"), "{error:?}");
    // A table of somebody else with a CHECK of the same name.
    let error = db_error(almighty.batch_execute(
        "create temporary table others (hours integer constraint hours_are_not_negative check (hours >= 0));
         insert into others values (-1)",
    ));
    assert!(error.message().contains("violates check constraint"), "{error:?}");
}

fn insert(key: &str) -> String {
    format!("insert into wo.work_order (title, idempotency_key) values ('[A-B] x', '{key}')")
}

/// A reused key was PostgreSQL's 23505 with the key's values, also for the one who waited for the other.
#[test]
fn a_reused_idempotency_key_in_a_raw_insert_is_refused_as_by_the_api() {
    let company = Company::found("fleet_task");
    let mut first = company.connect("almighty");
    let mut second = company.connect("captain");
    first.batch_execute(&insert("k")).unwrap();
    for client in [&mut first, &mut second] {
        let detail = refused(client.batch_execute(&insert("k")), "23505", "idempotency_key_reused");
        assert!(detail["constraint"].as_str().unwrap().contains("idempotency_key"));
    }
    let pid = backend_pid(&mut second);
    // Beside each other: the second waits, and is refused when the first commits.
    for round in 0..5 {
        let key = format!("together {round}");
        let mut writing = first.transaction().unwrap();
        writing.batch_execute(&insert(&key)).unwrap();
        let waiting = std::thread::scope(|scope| {
            let waiter = scope.spawn(|| second.batch_execute(&insert(&key)));
            company.database.wait_until_blocked(pid);
            writing.commit().unwrap();
            waiter.join().unwrap()
        });
        refused(waiting, "23505", "idempotency_key_reused");
    }
    company.assert_intact();
}

/// Other keys of tables that administrators write.
#[test]
fn a_row_of_a_key_that_exists_is_refused_with_a_code() {
    let company = Company::found("fleet_task");
    let add = "insert into wo.role (tenant_id, role, description)
        select tenant_id, 'tester', 'Tests' from wo.tenant where slug = 'acme'";
    company.administer(add);
    let detail = refused(company.try_administer(add), "23505", "row_exists");
    assert_eq!(detail["of"], "role");
}
