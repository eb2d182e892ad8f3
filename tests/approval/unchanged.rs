//! Writes that change nothing: they leave no trace, and their answer is for those alone who might have changed it.

use uuid::Uuid;
use wo_cluster_tests::signing::{Company, ROOT};

/// Entries of the trail and events.
fn traces(company: &Company) -> (i64, i64) {
    let count = |table: &str| company.one::<i64>(ROOT, &format!("select count(*) from {table}"));
    (count("wo.audit_entry"), count("wo.event"))
}

/// Runs each statement twice: the second time it says what there is already.
#[track_caller]
fn leaves_nothing_twice(company: &Company, who: &str, statements: &[String]) {
    for sql in statements {
        company.run(who, sql);
        let before = traces(company);
        company.run(who, sql);
        assert_eq!(traces(company), before, "{sql}");
    }
}

/// Otherwise everybody would be answered that the assessment is done, and could not tell it from one that was recorded.
#[test]
fn an_assessment_that_changes_nothing_is_for_those_who_may_assess() {
    let company = Company::found();
    let number = company.reach("in_progress");
    let id: Uuid = company.one("planner", &format!("select wo.open_finding('{number}', 'Seal')"));
    let assess = format!("select wo.assess_finding('{id}', severity => 'major')");
    let nothing = format!("select wo.assess_finding('{id}')");
    let raw = format!("update wo.finding set title = title where id = '{id}'");
    for sql in [&assess, &nothing, &raw] {
        company.refused("planner", sql, "42501", "role_missing");
        company.refused("worker", sql, "42501", "role_missing");
        let before = traces(&company);
        company.run("qa", sql);
        assert_eq!(traces(&company), before, "{sql}");
    }
    company.run("qa", &format!("select wo.close_finding('{id}', 'replaced')"));
    for sql in [&assess, &raw, &format!("select wo.close_finding('{id}', 'replaced')")] {
        company.refused("qa", sql, "55000", "finding_closed");
    }
    company.assert_intact();
}

/// A program that says again what is so already must not fill the trail.
#[test]
fn what_is_so_already_leaves_no_entry_and_no_event() {
    let company = Company::found();
    let [master, child, awaited]: [String; 3] = ["m", "c", "a"].map(|title| company.create(title));
    leaves_nothing_twice(
        &company,
        "originator",
        &[
            format!("select wo.link_work_order('{child}', '{master}')"),
            format!("select wo.set_hierarchy_policy('{master}', '{{\"completion\": \"all\"}}')"),
            format!(
                "select wo.set_hierarchy_policy('{master}', '{{\"completion\": \"all\"}}', 'r')"
            ),
            format!("select wo.add_dependency('{child}', '{awaited}', '2 hours')"),
            format!("select wo.add_dependency('{child}', '{awaited}')"),
            format!(
                "select wo.add_dependencies('[{{\"successor\": \"{child}\", \"predecessor\": \"{awaited}\"}}]')"
            ),
            "update wo.dependency set lag = lag".to_owned(),
            format!("select wo.patch_work_order('{child}', '{{\"description\": \"n\"}}', 'r')"),
            format!("select wo.remove_dependency('{child}', '{awaited}')"),
            format!("select wo.unlink_work_order('{child}')"),
        ],
    );
    company.run("qa", "select wo.create_consumer('reader')");
    let statements = [
        "select wo.set_state_limit('regulated_change', 'in_progress', 5)",
        "select wo.grant_role('worker', 'qa')",
        "select wo.disable_principal('worker')",
        "select wo.enable_principal('worker')",
        "select wo.assign_consumer('reader', 'qa_2', 'handed over')",
        "select wo.move_consumer('reader', 0, 'again')",
    ];
    for sql in statements {
        company.administer(sql);
        let before = traces(&company);
        company.administer(sql);
        assert_eq!(traces(&company), before, "{sql}");
    }
    company.assert_intact();
}
