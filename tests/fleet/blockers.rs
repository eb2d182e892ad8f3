//! What blocks work, as every list and overview shows it: the reason that was given, wherever the lifecycle keeps it.

use serde_json::Value;
use wo_cluster_tests::signing::{Company, ROOT};

fn everywhere(company: &Company, number: &str) -> Vec<(String, Option<String>)> {
    [
        ("list", format!("select blocker from wo.list_work_orders() where wo_number = '{number}'")),
        ("detail", format!("select wo.get_work_order_detail('{number}') ->> 'blocker'")),
        ("overdue", format!("select blocker from wo.overdue where wo_number = '{number}' limit 1")),
        ("my_work", format!("select blocker from wo.my_work() where wo_number = '{number}'")),
        (
            "overview",
            format!(
                "select one ->> 'blocker' from wo.fleet_overview() as seen
                 cross join lateral jsonb_array_elements(seen.blocked) as one where one ->> 'wo_number' = '{number}'"
            ),
        ),
    ]
    .into_iter()
    .map(|(place, sql)| (place.to_owned(), company.rows("worker", &sql)[0].get(0)))
    .collect()
}

#[track_caller]
fn assert_everywhere(company: &Company, number: &str, blocker: &str) {
    for (place, shown) in everywhere(company, number) {
        assert_eq!(shown.as_deref(), Some(blocker), "{place}");
    }
}

/// The reason of a block stands in the trail alone where the lifecycle names no field for it: the lists said "no
/// notes say what".
#[test]
fn the_reason_of_a_block_is_shown_with_its_cause_in_every_list() {
    let company = Company::found();
    let number = company.reach("in_progress");
    company.run(
        "owner",
        &format!("update wo.work_order set due_date = '2026-01-01', reason = 'r' where wo_number = '{number}'"),
    );
    company.run(
        "worker",
        &format!("select wo.transition('{number}', 'blocked', 'The crane is broken', '{{\"block_cause\": \"tool\"}}')"),
    );
    assert_everywhere(&company, &number, "The crane is broken (tool)");
    // A later change says why it was made, and not what blocks the work; nor do notes.
    company.run(
        "worker",
        &format!("select wo.patch_work_order('{number}', '{{\"notes\": \"called\"}}', 'a note')"),
    );
    assert_everywhere(&company, &number, "The crane is broken (tool)");
    // Blocked a second time, for another reason and no cause.
    company.transition("worker", &number, "in_progress");
    company.run("worker", &format!("select wo.transition('{number}', 'blocked', 'It rains')"));
    assert_everywhere(&company, &number, "It rains");
    company.transition("worker", &number, "in_progress");
    let shown: Option<String> = company.rows(
        "worker",
        &format!("select blocker from wo.list_work_orders() where wo_number = '{number}'"),
    )[0]
    .get(0);
    assert_eq!(shown, None);
    company.assert_intact();
}

/// The overview of a master shows the same text as the lists.
#[test]
fn the_progress_of_a_master_shows_the_same() {
    let company = Company::found();
    let create =
        "select wo.create_work_order('m', lifecycle => 'agent_change', assignee => 'worker',
        description => 'd', planned_start => now(), planned_end => now()) ->> 'wo_number'";
    let (master, child): (String, String) =
        (company.one("originator", create), company.one("originator", create));
    company.run("originator", &format!("select wo.link_work_order('{child}', '{master}')"));
    for (who, to) in
        [("orchestrator", "planned"), ("orchestrator", "scheduled"), ("worker", "in_progress")]
    {
        company.transition(who, &child, to);
    }
    company.run(
        "worker",
        &format!("select wo.transition('{child}', 'blocked', 'No licence', '{{\"block_cause\": \"vendor\"}}')"),
    );
    let blocked: Value =
        company.one("worker", &format!("select wo.progress('{master}') -> 'blocked' -> 0"));
    assert_eq!(blocked["blocker"], "No licence (vendor)", "{blocked}");
    assert_eq!(blocked["reason"], "No licence");
    let listed: String = company.one(
        "worker",
        &format!("select blocker from wo.list_work_orders() where wo_number = '{child}'"),
    );
    assert_eq!(listed, "No licence (vendor)");
}

/// A page of fifty blocked work orders must not read the trail of all others.
#[test]
fn a_list_of_blocked_work_reads_the_trail_by_its_index() {
    let company = Company::found();
    let mut definition = company.definition("agent_change");
    definition["name"] = "quick".into();
    definition["transitions"][3]["from"] = serde_json::json!(["draft", "in_progress"]);
    definition["transitions"][3]["who"] = serde_json::json!(["originator"]);
    company.publish(&definition);
    company.run(
        "originator",
        "insert into wo.work_order (title, lifecycle) select 't' || n, 'quick' from generate_series(1, 300) as n;
         update wo.work_order set status = 'blocked', reason = 'because ' || title where title ~ '^t[0-9]{1,2}$';
         update wo.work_order set title = 'other ' || title, reason = 'r' where status = 'draft'",
    );
    company.run(ROOT, "vacuum analyze wo.audit_entry");
    let (shown, read, fetched): (i64, i64, i64) = company.with("originator", |client| {
        client.batch_execute("begin").unwrap();
        let list = "select count(*) from wo.list_work_orders(status => 'blocked') where blocker = 'because ' || title";
        let shown = client.query_one(list, &[]).unwrap().get(0);
        let row = client
            .query_one(
                "select coalesce(sum(seq_tup_read), 0)::bigint, coalesce(sum(idx_tup_fetch), 0)::bigint
                 from pg_stat_xact_all_tables where schemaname = 'wo' and relname ~ '^audit_entry'",
                &[],
            )
            .unwrap();
        client.batch_execute("commit").unwrap();
        (shown, row.get(0), row.get(1))
    });
    assert_eq!(shown, 50);
    assert_eq!(read, 0, "whole partitions of the trail are read");
    assert!(fetched <= 300, "{fetched} entries are read");
}
