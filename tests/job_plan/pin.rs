//! Which version a work order may pin, and how it moves to another.

use serde_json::{Value, json};

use wo_cluster_tests::signing::ROOT;

use crate::job_plan::bench::{Bench, plan, record};

/// Without the check of the release, work would be done by a plan that nobody approved.
#[test]
fn a_version_that_is_not_released_is_tried_on_drafts_alone() {
    let bench = Bench::found();
    bench.publish_plan(&plan("draft", json!([{"key": "a", "kind": "do", "instruction": "i"}])));
    let apply = |order: &str, version: &str| {
        format!("select wo.apply_job_plan('{order}', 'draft'{version})")
    };
    let order = bench.create("Try it");
    bench.refused("originator", &apply(&order, ""), "55000", "definition_not_released");
    bench.refused("originator", &apply(&order, ", 7"), "22023", "definition_unknown");
    bench.refused("stranger", &apply(&order, ", 1"), "42501", "role_missing");
    bench.run("originator", &apply(&order, ", 1"));
    let submit = format!("select wo.transition('{order}', 'pending_approval', 'r')");
    bench.refused("originator", &submit, "55000", "definition_not_released");
    bench.run("owner", &format!("select wo.transition('{order}', 'cancelled', 'tried')"));

    let running = bench.reach("in_progress");
    bench.refused("planner", &apply(&running, ", 1"), "55000", "definition_not_released");
}

#[test]
fn a_plan_is_applied_in_the_act_that_makes_or_links_the_work_order() {
    let bench = Bench::found();
    let create = |further: &str| {
        format!(
            "select wo.create_work_order('Build', assignee => 'worker', idempotency_key => 'k',
                job_plan => 'workstation_build'{further})"
        )
    };
    let given = ", parameters => '{\"asset\": \"WS-1\"}'";
    bench.refused("planner", &create(""), "22023", "job_plan_parameters_invalid");
    let made: Value = bench.one("planner", &create(given));
    assert_eq!(
        (&made["job_plan"], &made["plan_version"]),
        (&json!("workstation_build"), &json!(1))
    );
    let again: Value = bench.one("planner", &create(given));
    assert_eq!((&again["created"], &again["plan_version"]), (&json!(false), &json!(1)));
    let other = create(given).replace("workstation_build", "user_accounts");
    let differing = |request: &str| {
        let detail = bench.refused("planner", request, "23505", "idempotency_key_reused");
        detail["differing_fields"].clone()
    };
    assert_eq!(differing(&other), json!(["job_plan"]));
    assert_eq!(differing(&create(&given.replace("WS-1", "WS-2"))), json!(["parameters"]));
    assert_eq!(differing(&create(&format!("{given}, plan_version => 2"))), json!(["plan_version"]));

    let master: String =
        bench.one("planner", "select wo.create_work_order('Master') ->> 'wo_number'");
    let child: String =
        bench.one("planner", "select wo.create_work_order('Child') ->> 'wo_number'");
    bench.run(
        "planner",
        &format!(
            "select wo.link_work_order('{child}', '{master}', job_plan => 'user_accounts'{given})"
        ),
    );
    let steps: i64 = bench.one("planner", &format!("select count(*) from wo.steps('{child}')"));
    assert_eq!(steps, 4);
}

/// An auditor reads which version the work was done by, not the JSON of a row.
#[test]
fn the_trail_says_in_words_which_version_was_applied() {
    let bench = Bench::found();
    let made: Value = bench.one(
        "planner",
        "select wo.create_work_order('Build', job_plan => 'workstation_build',
            parameters => '{\"asset\": \"WS-1\"}')",
    );
    let number = made["wo_number"].as_str().unwrap();
    let said: Vec<String> = bench.all(
        "planner",
        &format!("select what from wo.audit_trail('{number}') where action = 'job_plan_applied'"),
    );
    let [what] = said.as_slice() else { panic!("{said:?}") };
    for part in
        ["job plan added (", "name workstation_build", "version 1", "parameters (asset WS-1)"]
    {
        assert!(what.contains(part), "{part}: {what}");
    }
    assert!(!what.contains('{') && !what.contains("sha256"), "{what}");

    // Nor the ids by which rows refer to each other.
    bench.release_at_publication();
    bench.publish_plan(&plan("looking", json!([{"key": "a", "kind": "do", "instruction": "i"}])));
    let order = bench.working_by("looking");
    bench.record("worker", &order, "a", "seen");
    bench.run("worker", &format!("select wo.correct_step('{order}', 'a', 'not seen', 'misread')"));
    let said: String = bench.one(
        "planner",
        &format!("select what from wo.audit_trail('{order}') order by sequence desc limit 1"),
    );
    assert!(said.contains("act correction") && !said.contains("corrects"), "{said}");
}

/// What notifies a training system or a planner of a new procedure.
#[test]
fn events_notify_of_versions_that_were_published_released_and_retired() {
    let bench = Bench::found();
    bench.publish_plan(&plan("told", json!([{"key": "a", "kind": "do", "instruction": "i"}])));
    bench.release_at_publication();
    bench.publish_plan(&plan("told", json!([{"key": "b", "kind": "do", "instruction": "i"}])));
    bench.administer("select wo.retire_definition('job_plan', 'told', 2, 'replaced')");
    let events: Vec<String> = bench.all(
        ROOT,
        "select concat_ws(' ', type, data ->> 'kind', data ->> 'version')
         from wo.event where data ->> 'name' = 'told' order by position",
    );
    assert_eq!(
        events,
        [
            "wo.definition_published job_plan 1",
            "wo.definition_published job_plan 2",
            "wo.definition_released job_plan 2",
            "wo.definition_retired job_plan 2",
        ]
    );
}

/// Without the difference and the check, a move could give a recorded number another unit.
#[test]
fn work_moves_to_another_version_only_by_an_act_with_a_reason() {
    let bench = Bench::found();
    bench.release_at_publication();
    let steps = |unit: &str, second: &str| {
        plan(
            "moving",
            json!([{"key": "a", "kind": "do", "instruction": "i"},
                {"key": "m", "kind": "measure", "unit": unit, "instruction": "i"},
                {"key": second, "kind": "do", "instruction": "i"}]),
        )
    };
    bench.publish_plan(&steps("V", "b"));
    let order = bench.working_by("moving");
    bench.record("worker", &order, "a", "x");
    bench.record("worker", &order, "b", "x");
    let before = bench.results(&order);
    bench.publish_plan(&steps("mV", "c"));
    let pinned = format!(
        "select version from wo.work_order_job_plan where work_order_id = '{}'",
        bench.id(&order)
    );
    assert_eq!(bench.one::<i32>("worker", &pinned), 1, "a new version changes nothing here");

    let moves = |reason: &str| format!("select wo.move_to_plan_version('{order}', 2, {reason})");
    bench.refused("planner", &moves("' '"), "23514", "fields_missing");
    bench.refused("stranger", &moves("'r'"), "42501", "role_missing");
    let preview: Value =
        bench.one("worker", &format!("select wo.plan_version_difference('{order}', 2)"));
    let moved: Value = bench.one("planner", &moves("'the meter reads millivolts'"));
    assert_eq!(moved, preview);
    assert_eq!(
        moved["steps"],
        json!({"kept": ["a"], "changed": ["m"], "new": ["c"], "removed": ["b"], "recorded": ["b"]})
    );
    assert_eq!(bench.results(&order), before);
    assert_eq!(bench.state(&order, "b"), "not_applicable pass");
    assert_eq!(bench.state(&order, "a"), "done pass");
    bench.record("worker", &order, "m", "5000");
    let back = format!("select wo.move_to_plan_version('{order}', 1, 'back')");
    bench.refused("planner", &back, "23514", "plan_version_unfit");
    bench.refused("worker", &record(&order, "b", "y"), "22023", "step_unknown");
    let trail: Vec<String> = bench.all(
        "planner",
        &format!(
            "select action || coalesce(' ' || why, '') from wo.audit_trail('{order}')
            where action like 'job_plan%' order by sequence"
        ),
    );
    assert_eq!(
        trail,
        ["job_plan_applied the job plan was applied", "job_plan_moved the meter reads millivolts"]
    );
    assert_eq!(bench.problems(), []);
}

/// Without it a bulk call refuses what its single call takes, or loses the others with one that is refused.
#[test]
fn a_bulk_call_applies_the_plan_of_each_work_order() {
    let bench = Bench::found();
    let of = |asset: &str| json!({"title": asset, "job_plan": "user_accounts", "parameters": {"asset": asset}});
    let many: Vec<Value> = (1..=20).map(|number| of(&format!("WS-{number}"))).collect();
    let make = |many: &[Value]| {
        let many = Value::from(many.to_vec());
        format!(
            "select coalesce(error #>> '{{detail,code}}', 'made') from wo.create_work_orders($${many}$$) order by ordinal"
        )
    };
    assert_eq!(bench.all("planner", &make(&many)), vec!["made"; 20]);
    let bad = json!({"title": "bad", "job_plan": "user_accounts"});
    let mixed = [of("a"), bad, json!({"title": "bare"}), json!(7)];
    let codes = bench.all("planner", &make(&mixed));
    assert_eq!(codes, ["made", "job_plan_parameters_invalid", "made", "not_an_object"]);
    let count: i64 = bench.one("planner", "select count(*) from wo.work_order_job_plan");
    assert_eq!(count, 21);
    let titles: i64 =
        bench.one("planner", "select count(*) from wo.work_order where title = 'bad'");
    assert_eq!(titles, 0);
}
