//! The kind of task that a plan says, and the work that has to have a plan.

use serde_json::{Value, json};
use wo_cluster_tests::signing::ROOT;

use crate::job_plan::bench::{Bench, plan};

/// A company that knows two kinds of task, with a plan for one of them.
fn with_kinds() -> Bench {
    let bench = Bench::found();
    bench.release_at_publication();
    bench.administer(
        "insert into wo.task_type (task_type, cost_class)
         values ('inspection', 'cheap'), ('repair', 'expensive')",
    );
    let mut document = plan("inspecting", json!([{"key": "a", "kind": "do", "instruction": "i"}]));
    document["task_type"] = json!("inspection");
    bench.publish_plan(&document);
    bench
}

fn kind(bench: &Bench, order: &str) -> Option<String> {
    bench
        .one("planner", &format!("select task_type from wo.work_order where wo_number = '{order}'"))
}

/// Without it dispatch would not know what the plan says.
#[test]
fn a_plan_says_what_kind_of_task_the_work_is_unless_the_work_order_does() {
    let bench = with_kinds();
    let made: Value =
        bench.one("planner", "select wo.create_work_order('Look', job_plan => 'inspecting')");
    let number = made["wo_number"].as_str().unwrap();
    assert_eq!(kind(&bench, number).as_deref(), Some("inspection"));
    let version = format!("select version from wo.work_order where wo_number = '{number}'");
    assert_eq!(
        made["version"],
        bench.one::<i64>("planner", &version),
        "the version that it has now"
    );

    let own: String = bench.one(
        "planner",
        "select wo.create_work_order('Mend', job_plan => 'inspecting', task_type => 'repair') ->> 'wo_number'",
    );
    assert_eq!(kind(&bench, &own).as_deref(), Some("repair"));

    // By a row of the table, as by the function.
    let raw = bench.create("Look again");
    bench.run(
        "planner",
        &format!(
            "insert into wo.work_order_job_plan (work_order_id, name, version, reason)
             values ('{}', 'inspecting', 1, 'r')",
            bench.id(&raw)
        ),
    );
    assert_eq!(kind(&bench, &raw).as_deref(), Some("inspection"));
    assert_eq!(bench.problems(), []);
}

#[test]
fn a_kind_of_task_is_one_that_the_tenant_has() {
    let bench = with_kinds();
    let create = "select wo.create_work_order('Cook', task_type => 'cooking')";
    bench.refused("planner", create, "23503", "reference_unknown");
    let order = bench.create("Look");
    let patch = |kind: &str| {
        format!("select wo.patch_work_order('{order}', '{{\"task_type\": \"{kind}\"}}', 'because')")
    };
    bench.refused("planner", &patch("cooking"), "23503", "reference_unknown");
    bench.run("planner", &patch("repair"));
    assert_eq!(kind(&bench, &order).as_deref(), Some("repair"));
    let removed = bench.administering(|admin| {
        admin.batch_execute("delete from wo.task_type where task_type = 'repair'")
    });
    assert!(removed.is_err(), "a work order names it");
}

/// A trigger that swallows the write would leave a plan applied and the work order of no kind.
#[test]
fn a_suppressed_kind_of_task_undoes_the_application() {
    let bench = with_kinds();
    bench.run(
        ROOT,
        "create function public.swallow() returns trigger language plpgsql as $$
             begin if new.task_type is distinct from old.task_type then return null; end if; return new; end $$;
         create trigger aaa before update on wo.work_order for each row execute function public.swallow()",
    );
    let order = bench.create("Look");
    bench.refused_without_trace(
        &["work_order", "work_order_job_plan"],
        "planner",
        &format!("select wo.apply_job_plan('{order}', 'inspecting')"),
        "55000",
        "write_suppressed",
    );
}

/// What QA approved must stay what it was: another kind of task needs other signatures.
#[test]
fn a_signature_covers_the_kind_of_task() {
    let bench = with_kinds();
    let order = bench.reach("pending_approval");
    let patch = |kind: &str| {
        format!("select wo.patch_work_order('{order}', '{{\"task_type\": \"{kind}\"}}', 'because')")
    };
    bench.run("planner", &patch("repair"));
    bench.sign_both(&order, "plan");
    bench.run("planner", &patch("inspection"));
    bench.refused(
        "planner",
        &format!("select wo.transition('{order}', 'assigned', 'because')"),
        "23514",
        "approvals_missing",
    );
    bench.assert_intact();
}

/// Without the check, work that a plan of several was made for would begin without steps.
#[test]
fn linked_work_begins_with_a_plan_where_the_tenant_asks_for_it() {
    let bench = Bench::found();
    bench.administer("update wo.tenant set linked_work_needs_plan = true");
    let begin = |order: &str| format!("select wo.transition('{order}', 'in_progress')");
    let child = |further: &str| -> String {
        let master: String =
            bench.one("planner", "select wo.create_work_order('Master') ->> 'wo_number'");
        let number: String = bench.one(
            "planner",
            &format!(
                "select wo.create_work_order('Child', description => 'd', assignee => 'worker',
                    master => '{master}'{further}) ->> 'wo_number'"
            ),
        );
        bench.transition("planner", &number, "pending_approval");
        bench.transition("planner", &number, "assigned");
        number
    };
    let without = child("");
    let detail = bench.refused("worker", &begin(&without), "23514", "guards_not_met");
    assert_eq!(detail["guards"][0]["guard"], "job_plan_applied");
    let raw =
        format!("update wo.work_order set status = 'in_progress' where wo_number = '{without}'");
    bench.refused("worker", &raw, "23514", "guards_not_met");
    // What may be done is said before it is tried.
    let may: bool = bench.one(
        "worker",
        &format!("select allowed from wo.allowed_transitions('{without}') where to_status = 'in_progress'"),
    );
    assert!(!may);
    let with = child(", job_plan => 'user_accounts', parameters => '{\"asset\": \"WS-1\"}'");
    bench.run("worker", &begin(&with));
    // Work without a master does not need one.
    bench.reach("in_progress");
    bench.administer("update wo.tenant set linked_work_needs_plan = false");
    bench.run("worker", &begin(&without));
}
