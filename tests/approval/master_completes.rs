//! A master of `regulated_change` completes by itself when its last child ends (spec/2 §3.2: "When all linked WOs
//! closed: Master WO closes"), and closes in the same act where no signature is required.

use wo_cluster_tests::refused;
use wo_cluster_tests::signing::{Company, ROOT};

fn create(company: &Company, title: &str, regulatory: bool) -> String {
    let sql = format!(
        "select wo.create_work_order('{title}', description => 'd', assignee => 'worker',
            regulatory => {regulatory}) ->> 'wo_number'"
    );
    company.one("originator", &sql)
}

/// A master that is at work, with so many children that are at work too.
fn at_work(company: &Company, regulatory: bool, children: usize) -> (String, Vec<String>) {
    let master = create(company, "master", regulatory);
    let children: Vec<String> =
        (0..children).map(|n| create(company, &format!("child {n}"), false)).collect();
    for child in &children {
        company.run("originator", &format!("select wo.link_work_order('{child}', '{master}')"));
    }
    for number in children.iter().chain([&master]) {
        company.transition("originator", number, "pending_approval");
        if regulatory && *number == master {
            company.sign_both(number, "plan");
        }
        company.transition("planner", number, "assigned");
        company.transition("worker", number, "in_progress");
    }
    (master, children)
}

fn end(company: &Company, child: &str) {
    let fields = r#"{"completion_summary": "Done.", "actual_hours": 1}"#;
    let complete =
        format!("select wo.transition('{child}', 'completed', 'r', fields => '{fields}')");
    company.run("worker", &complete);
    company.transition("planner", child, "closed");
}

/// The master stayed where it was, with an event.
#[test]
fn a_master_closes_with_its_last_child_where_nothing_is_signed() {
    let company = Company::found();
    let (master, children) = at_work(&company, false, 2);
    end(&company, &children[0]);
    assert_eq!(company.status(&master), "in_progress");
    end(&company, &children[1]);
    assert_eq!(company.status(&master), "closed");
    let row = &company.rows(
        ROOT,
        &format!(
            "select completion_summary, actual_hours::text, actual_end is not null and locked_at is not null
             from wo.work_order where wo_number = '{master}'"
        ),
    )[0];
    let summary: &str = row.get(0);
    assert_eq!(summary, format!("{} closed: Done.\n{} closed: Done.", children[0], children[1]));
    assert_eq!(row.get::<_, &str>(1), "2.00");
    assert!(row.get::<_, bool>(2));
    let trail = company.all(
        "qa",
        &format!("select action || ' ' || coalesce(why, '') from wo.audit_trail('{master}') order by sequence desc limit 3"),
    );
    assert_eq!(
        trail,
        [
            "close taken by the system: the gates of close are met",
            "complete taken by the system: the gates of complete are met",
            "children_settled "
        ]
    );
    company.assert_intact();
}

/// A regulatory master completes with the summary and hours that it needs, and then waits for its signatures. A
/// master that was sent back does not complete again by itself.
#[test]
fn a_regulatory_master_completes_and_waits_for_its_signatures() {
    let company = Company::found();
    let (master, children) = at_work(&company, true, 1);
    end(&company, &children[0]);
    assert_eq!(company.status(&master), "completed");
    company.run("qa", &format!("select wo.transition('{master}', 'in_progress', 'not tight')"));
    assert_eq!(company.status(&master), "in_progress");
    company.run(
        "worker",
        &format!("select wo.patch_work_order('{master}', '{{\"notes\": \"tightened\"}}', 'r')"),
    );
    assert_eq!(company.status(&master), "in_progress");
    company.transition("worker", &master, "completed");
    company.sign_both(&master, "completion");
    assert_eq!(company.status(&master), "closed");
    company.assert_intact();
}

/// Its own gates hold: an amended plan, an open finding; and what it says itself is kept.
#[test]
fn the_gates_of_a_master_hold_and_what_it_says_is_kept() {
    let company = Company::found();
    let (master, children) = at_work(&company, true, 1);
    company.run(
        "owner",
        &format!(
            "select wo.patch_work_order('{master}', '{{\"acceptance_criteria\": \"other\"}}', 'r')"
        ),
    );
    end(&company, &children[0]);
    assert_eq!(company.status(&master), "in_progress");

    let (master, children) = at_work(&company, false, 1);
    company.run(
        "worker",
        &format!(
            "select wo.patch_work_order('{master}', '{{\"completion_summary\": \"own\", \"actual_hours\": 7}}', 'r')"
        ),
    );
    company.run("qa", &format!("select wo.open_finding('{master}', 'Late')"));
    end(&company, &children[0]);
    assert_eq!(company.status(&master), "completed");
    let kept = format!(
        "select completion_summary || actual_hours from wo.work_order where wo_number = '{master}'"
    );
    assert_eq!(company.one::<String>(ROOT, &kept), "own7.00");
    let by_hand = format!("select wo.transition('{master}', 'closed', 'r')");
    company.refused("planner", &by_hand, "23514", "guards_not_met");

    // Hours that no child says are not invented.
    let (master, children) = at_work(&company, true, 1);
    company.transition("worker", &children[0], "completed");
    company.transition("planner", &children[0], "closed");
    assert_eq!(company.status(&master), "in_progress");

    // A work order without children is completed by people.
    let alone = create(&company, "alone", false);
    company.transition("originator", &alone, "pending_approval");
    company.transition("planner", &alone, "assigned");
    company.transition("worker", &alone, "in_progress");
    company.run(
        "worker",
        &format!(
            "select wo.patch_work_order('{alone}', '{{\"completion_summary\": \"s\", \"actual_hours\": 1}}', 'r')"
        ),
    );
    assert_eq!(company.status(&alone), "in_progress");
    company.assert_intact();
}

/// The last two children end at once: the master completes all the same, once.
#[test]
fn the_last_two_children_end_at_once() {
    let company = Company::found();
    let (master, children) = at_work(&company, false, 2);
    for child in &children {
        company.transition("worker", child, "completed");
    }
    let (mut one, mut other) = (company.connect("planner"), company.connect("planner"));
    let close = |child: &str| format!("begin; select wo.transition('{child}', 'closed', 'r')");
    one.batch_execute(&close(&children[0])).unwrap();
    other.batch_execute(&close(&children[1])).unwrap();
    one.batch_execute("commit").unwrap();
    other.batch_execute("commit").unwrap();
    company.run("qa", "select count(*) from wo.tick()");
    assert_eq!(company.status(&master), "closed");
    let completed =
        format!("select count(*) from wo.audit_trail('{master}') where action = 'complete'");
    assert_eq!(company.one::<i64>("qa", &completed), 1);
    company.assert_intact();
}

/// Without its guard the edge would be taken of a master whose children are at work.
#[test]
fn an_auto_edge_of_masters_needs_the_guard_of_the_children() {
    let company = Company::found();
    let mut definition = company.definition("regulated_change");
    let edges = definition["transitions"].as_array_mut().unwrap();
    let complete = edges.iter_mut().find(|edge| edge["action"] == "complete").unwrap();
    complete["guards"] = serde_json::json!(["steps_done"]);
    let published = company
        .administering(|admin| admin.execute("select wo.publish_lifecycle($1)", &[&definition]));
    refused(published, "22023", "lifecycle_invalid");
}
