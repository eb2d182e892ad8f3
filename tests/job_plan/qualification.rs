//! A regulated installation qualification as a plan, from its draft to its evidence.

use serde_json::Value;
use wo_cluster_tests::signing::ROOT;

use crate::job_plan::bench::{Bench, record};

/// Without the rules on the rows the measurement outside its limits would be passed over, the hold point walked
/// around, and the performer could witness their own work.
#[test]
fn an_instrument_is_qualified_by_its_plan() {
    let bench = Bench::found();
    let order = bench.qualifying();
    let does = |step: &str, value: &str| bench.record("worker", &order, step, value);
    let refused = |who: &str, sql: &str, sqlstate: &str, code: &str| {
        bench.refused_without_trace(&["step_result", "work_order"], who, sql, sqlstate, code)
    };
    let instruction: String = bench.one(
        "worker",
        &format!("select instruction from wo.steps('{order}') where step = 'identity'"),
    );
    assert_eq!(instruction, "Check that the type plate of HPLC-2 says serial number SN-7.");
    refused("worker", &record(&order, "identity", "pass"), "23514", "step_out_of_order");
    refused("worker_2", &record(&order, "protocol_approved", "pass"), "42501", "role_missing");
    assert_eq!(does("protocol_approved", "pass"), "done pass");
    assert_eq!(does("identity", "pass"), "done pass");
    assert_eq!(does("documents", "pass"), "done pass");

    // A witness by their own identity, never the performer.
    let witness = format!("select wo.witness_step('{order}', 'identity')");
    refused("worker", &witness, "42501", "witness_is_performer");
    bench.run("worker_2", &witness);
    refused("owner", &witness, "55000", "witnessed_already");

    // A measurement outside its limits waits for QA.
    assert_eq!(does("mains_voltage", "253.1"), "failed fail");
    assert_eq!(does("room_temperature", "17.9"), "done warning");
    assert_eq!(does("room_humidity", "80.000"), "done pass");
    refused("worker", &record(&order, "mains_voltage", "230"), "55000", "disposition_missing");
    refused("qa", &record(&order, "installation_release", ""), "23514", "step_out_of_order");
    let decide = |verdict: &str| {
        format!(
            "select wo.decide_step('{order}', 'mains_voltage', '{verdict}', 'see deviation 12')"
        )
    };
    refused("worker_2", &decide("accepted"), "42501", "role_missing");
    refused("qa", &decide("rejected"), "42501", "signature_required");
    bench.act("qa", &order, "mains_voltage", "disposition", "rejected");
    assert_eq!(does("mains_voltage", "253.0001"), "failed fail");
    bench.act("qa", &order, "mains_voltage", "disposition", "accepted");
    assert_eq!(bench.state(&order, "mains_voltage"), "done fail");

    // A hold point that nobody passes.
    for step in ["connection", "self_test", "protocol_record"] {
        refused("worker", &record(&order, step, "attached"), "23514", "hold_point_open");
    }
    let skip = |step: &str| format!("select wo.skip_step('{order}', '{step}', 'not needed')");
    refused("qa", &skip("connection"), "23514", "hold_point_open");
    refused("qa", &skip("installation_release"), "55000", "hold_point_not_skipped");
    refused("worker", &record(&order, "installation_release", ""), "42501", "role_missing");
    bench.run("qa", &record(&order, "installation_release", ""));
    assert_eq!(does("connection", "on"), "done pass");

    for (name, kind) in [("IQ_report", "iq"), ("calibration_certificates", "certificate")] {
        let add = format!(
            "select wo.add_deliverable('{order}', '{name}', '{kind}', 'https://files/{name}', sha256('{name}')) ->> 'id'"
        );
        let id: String = bench.one("worker", &add);
        bench.run(
            "qa",
            &format!("select wo.review_deliverable('{order}', '{id}', 'accepted', 'complete')"),
        );
    }
    let complete = format!(
        "select wo.transition('{order}', 'completed', 'done',
            '{{\"completion_summary\": \"Qualified.\", \"actual_hours\": 6}}')"
    );
    let detail = refused("worker", &complete, "23514", "guards_not_met");
    assert_eq!(detail["guards"][0]["guard"], "steps_done");
    let open = detail["guards"][0]["detail"].as_str().unwrap();
    assert_eq!(open, "not done: self_test, firmware, protocol_record, statement");

    // A correction keeps the old result, and needs its disposition anew where it fails.
    let correct = |value: &str| {
        format!("select wo.correct_step('{order}', 'mains_voltage', '{value}', 'misread')")
    };
    bench.run("worker", &correct("229.5"));
    assert_eq!(bench.state(&order, "mains_voltage"), "done pass");
    let kept: Vec<String> = bench.all(
        ROOT,
        "select concat_ws(' ', act, value, unit, verdict) from wo.step_result
         where step = 'mains_voltage' order by ordinal",
    );
    assert_eq!(
        kept,
        [
            "result 253.1 V fail",
            "disposition rejected",
            "result 253.0001 V fail",
            "disposition accepted",
            "correction 229.5 V pass"
        ]
    );

    assert_eq!(does("self_test", "pass"), "done pass");
    refused("worker", &skip("firmware"), "42501", "role_missing");
    bench.run("qa_2", &skip("firmware"));
    assert_eq!(bench.state(&order, "firmware"), "skipped");
    assert_eq!(does("protocol_record", "attached"), "done pass");
    refused("worker", &record(&order, "statement", ""), "42501", "role_missing");
    bench.act("owner", &order, "statement", "acceptance", "performed");
    bench.run("worker", &complete);

    // What QA signs covers the results: a correction after it amends.
    bench.sign_both(&order, "completion");
    assert_eq!(bench.status(&order), "closed");
    let late = format!("select wo.correct_step('{order}', 'mains_voltage', '1', 'late')");
    refused("worker", &late, "55000", "record_locked");
    let package: String =
        bench.one("planner", &format!("select wo.evidence_package('{order}')::text"));
    let verified = wo_rules::evidence::verify::verify(package.as_bytes());
    assert!(verified.intact, "{:?}", verified.problems);
    let package: Value = serde_json::from_str(&package).unwrap();
    let section = &package["sections"]["concepts"]["job_plan"];
    assert_eq!(section["name"], "installation_qualification");
    assert_eq!(section["steps"].as_array().unwrap().len(), 13);
    assert_eq!(section["steps"][3]["corrections"], 1);
    assert_eq!(section["steps"][1]["witnessed_by"], "worker_2");
    let report: String = bench.one("planner", &format!("select wo.evidence_report('{order}')"));
    assert!(report.contains("Steps of the job plan") && report.contains("229.5"));
    assert_eq!(bench.problems(), []);
}

/// Without coverage by the signature QA would have signed results that were changed afterwards.
#[test]
fn a_correction_after_a_signature_amends_what_was_signed() {
    let bench = Bench::found();
    let order = bench.create("Check it");
    bench.release_at_publication();
    bench.publish_plan(&crate::job_plan::bench::plan(
        "one_check",
        serde_json::json!([{ "key": "look", "kind": "check", "instruction": "Look." }]),
    ));
    bench.run("originator", &format!("select wo.apply_job_plan('{order}', 'one_check')"));
    bench.begin(&order);
    assert_eq!(bench.signature_states(&order), ["system_owner plan: valid", "qa plan: valid"]);
    bench.record("worker", &order, "look", "pass");
    assert_eq!(
        bench.signature_states(&order),
        ["system_owner plan: valid", "qa plan: valid"],
        "a result is no change of the plan"
    );
    bench.transition("worker", &order, "completed");
    let ask = wo_cluster_tests::signing::Ask::approve(&order, "system_owner", "completion");
    bench.signed("owner", &ask);
    bench.run(
        "worker",
        &format!("select wo.correct_step('{order}', 'look', 'pass', 'looked again')"),
    );
    let states = bench.signature_states(&order);
    assert_eq!(states[2], "system_owner completion: amended", "{states:?}");
    let ask = wo_cluster_tests::signing::Ask::approve(&order, "qa", "completion");
    bench.signed("qa", &ask);
    assert_eq!(bench.status(&order), "completed", "the owner signed another result");
    bench.signed(
        "owner",
        &wo_cluster_tests::signing::Ask::approve(&order, "system_owner", "completion"),
    );
    assert_eq!(bench.status(&order), "closed");
    assert_eq!(bench.problems(), []);
}
