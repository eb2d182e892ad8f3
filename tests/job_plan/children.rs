//! The upgrade of spec/3 §3.1 as one job plan with six children, each with its own.

use serde_json::{Value, json};

use crate::job_plan::bench::Bench;

#[test]
fn one_request_makes_the_master_and_its_six_children_with_their_plans() {
    let bench = Bench::found();
    let request = json!({
        "key": "ws-7", "job_plan": "win10_to_win11",
        "parameters": {"asset": "WS-7", "instrument": "HPLC-2", "vendor": "Acme"},
        "master": {"title": "Upgrade WS-7", "description": "d", "assignee": "worker"}
    });
    let make = format!("select wo.create_from_plan($${request}$$)");
    let made: Value = bench.one("planner", &make);
    assert_eq!(made["work_orders"].as_object().unwrap().len(), 6, "{made}");
    assert_eq!(made["dependencies"], 5);
    let again: Value = bench.one("planner", &make);
    assert_eq!((&again["created"], &again["wo_number"]), (&json!(false), &made["wo_number"]));
    let plans: Vec<String> = bench.all(
        "planner",
        "select held.title || ': ' || pinned.name from wo.work_order_job_plan as pinned
         join wo.work_order as held on held.tenant_id = pinned.tenant_id and held.id = pinned.work_order_id
         order by pinned.name",
    );
    assert_eq!(
        plans,
        [
            "Install the software of HPLC-2 with IQ and OQ: instrument_software",
            "Remove WS-7 from production: remove_from_production",
            "Configure and validate WS-7, and take the golden image: system_configuration",
            "Set up the user accounts of WS-7: user_accounts",
            "Upgrade WS-7: win10_to_win11",
            "Build the Windows 11 workstation for WS-7: workstation_build",
            "Decommission the Windows 10 machine of WS-7: workstation_disposal",
        ]
    );
    let install = made["work_orders"]["install"].as_str().unwrap();
    let first: String = bench.one(
        "planner",
        &format!("select instruction from wo.steps('{install}') order by ordinal limit 1"),
    );
    assert_eq!(first, "Acme installs the software of HPLC-2; its version is the value.");
    assert_eq!(bench.problems(), []);
}

/// Without it the master would have the steps of the upgrade, and nobody would carry out its parts.
#[test]
fn a_plan_with_children_makes_them_below_a_draft() {
    let bench = Bench::found();
    let parameters = r#"{"asset": "WS-7", "instrument": "HPLC-2", "vendor": "Acme"}"#;
    let apply = |order: &str| {
        format!(
            "select wo.apply_job_plan('{order}', 'win10_to_win11', parameters => '{parameters}')"
        )
    };
    let draft: String =
        bench.one("planner", "select wo.create_work_order('Upgrade') ->> 'wo_number'");
    let applied: Value = bench.one("planner", &apply(&draft));
    assert_eq!(applied["work_orders"].as_object().unwrap().len(), 6, "{applied}");
    assert_eq!(applied["dependencies"], 5);
    let built = applied["work_orders"]["install"].as_str().unwrap();
    let below = format!(
        "select master.wo_number || ' ' || pinned.name from wo.work_order as held
         join wo.work_order as master on master.tenant_id = held.tenant_id and master.id = held.master_id
         join wo.work_order_job_plan as pinned on pinned.tenant_id = held.tenant_id and pinned.work_order_id = held.id
         where held.wo_number = '{built}'"
    );
    assert_eq!(bench.one::<String>("planner", &below), format!("{draft} instrument_software"));

    // The same at the creation, in one act; the same request makes nothing more.
    let create = format!(
        "select wo.create_work_order('Upgrade', job_plan => 'win10_to_win11', parameters => '{parameters}',
            idempotency_key => 'ws-7')"
    );
    let made: Value = bench.one("planner", &create);
    assert_eq!(made["work_orders"].as_object().unwrap().len(), 6, "{made}");
    let count = || bench.one::<i64>("planner", "select count(*) from wo.work_order");
    let before = count();
    assert_eq!(bench.one::<Value>("planner", &create)["created"], false);
    assert_eq!(count(), before);

    let begun = bench.reach("in_progress");
    bench.refused_without_trace(
        &["work_order", "work_order_job_plan", "dependency"],
        "planner",
        &apply(&begun),
        "55000",
        "plan_children_too_late",
    );
    assert_eq!(bench.problems(), []);
}

/// The same key with another request would answer as if that had been done.
#[test]
fn a_plan_with_the_same_key_and_other_parameters_is_refused() {
    let bench = Bench::found();
    let request = |asset: &str| {
        let request = json!({
            "key": "ws-7", "job_plan": "win10_to_win11",
            "parameters": {"asset": asset, "instrument": "HPLC-2", "vendor": "Acme"},
            "master": {"title": "Upgrade", "description": "d"}
        });
        format!("select wo.create_from_plan($${request}$$)")
    };
    bench.run("planner", &request("WS-7"));
    bench.refused("planner", &request("WS-8"), "23505", "idempotency_key_reused");
}

/// Without these checks a mistake in the request would be found after half of the work orders were made.
#[test]
fn every_problem_of_a_request_is_told_and_nothing_is_made() {
    let bench = Bench::found();
    let make = |request: Value| format!("select wo.create_from_plan($${request}$$)");
    let refused = |request: Value, code: &str| {
        bench.refused_without_trace(
            &["work_order", "work_order_job_plan"],
            "planner",
            &make(request),
            "22023",
            code,
        )
    };
    let master = json!({"title": "m"});
    let of = |name: &str| json!({"job_plan": name, "master": master});
    refused(of("win10_to_win11"), "job_plan_parameters_invalid");
    refused(of("nothing"), "definition_unknown");
    refused(
        json!({"job_plan": "workstation_build", "parameters": {"asset": "a"}, "master": master}),
        "bad_plan",
    );
    let children = json!([{"name": "c", "title": "c", "job_plan": "nothing"}]);
    refused(json!({"master": master, "children": children}), "definition_unknown");
    let children = json!([{"name": "c", "title": "c", "plan_version": 2}]);
    let detail = refused(json!({"master": master, "children": children}), "bad_plan");
    assert_eq!(detail["problems"][0]["pointer"], "/children/0/job_plan");
}
