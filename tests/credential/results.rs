//! The version of a credential that was used stands in the step's result.

use crate::credential::bench::Bench;
use wo_cluster_tests::signing::ROOT;

fn record(order: &str, step: &str, value: &str, credentials: &str) -> String {
    format!("select wo.record_step('{order}', '{step}', {value}, credentials => {credentials})")
}

/// Otherwise a result says that a credential was used which its performer never had, or says nothing of one that was.
#[test]
fn a_result_says_which_version_of_what_was_granted_was_used() {
    let bench = Bench::found();
    let (order, other) = (bench.working(), bench.working());
    let refuses = |credentials: &str, sqlstate: &str, code: &str| {
        let sql = record(&order, "patch", "null", credentials);
        bench.refused_without_trace(&["step_result"], "worker", &sql, sqlstate, code)
    };
    // That of another work order does not count.
    bench.granted("worker", &other, "patch", "login");
    refuses(r#"'{"login": 3}'"#, "42501", "credential_not_granted");
    bench.granted("worker", &order, "patch", "login");
    refuses("null", "23514", "credential_version_missing");
    refuses(r#"'{}'"#, "23514", "credential_version_missing");
    refuses(r#"'{"login": "latest"}'"#, "22023", "credential_version_invalid");
    refuses(r#"'{"login": 3, "master": 1}'"#, "22023", "credential_unknown");
    bench.run("worker", &record(&order, "patch", "null", r#"'{"login": 3}'"#));
    let used: String = bench.one(
        ROOT,
        "select credentials::text || ' ' || verdict || ' ' || performed_by from wo.step_result",
    );
    assert_eq!(used, r#"{"login": 3} pass worker"#);
    // A grant to somebody else is none of the performer's.
    bench.granted("qa", &order, "check", "master");
    let as_another = record(&order, "check", "'pass'", r#"'{"master": 1}'"#);
    bench.refused("qa_2", &as_another, "42501", "credential_not_granted");
    let unused = record(&other, "patch", "null", r#"'{"login": null}'"#);
    bench.run("worker", &unused);
    assert_eq!(bench.problems(), []);
}

/// Otherwise nobody looks at work that was done with another version than the plan names: it was rotated, disabled, or
/// taken from elsewhere.
#[test]
fn another_version_than_the_plan_names_is_a_warning() {
    let bench = Bench::found();
    let order = bench.working();
    bench.run("worker", &format!("select wo.record_step('{order}', 'patch')"));
    bench.granted("qa", &order, "check", "master");
    let said: String = bench.one(
        "qa",
        &format!(
            "select wo.record_step('{order}', 'check', 'pass', credentials => '{{\"master\": 2}}') ->> 'verdict'"
        ),
    );
    assert_eq!(said, "warning");
    assert_eq!(bench.problems(), []);
}
