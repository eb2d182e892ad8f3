//! The guard `deliverables_received`, and who may deliver and review.

use serde_json::{Value, json};
use wo_cluster_tests::signing::{AGENT, ROOT};
use wo_cluster_tests::{backend_pid, refused};

use crate::deliverable::stand::{Stand, add, review};

/// Without the guard, work would be completed whose certificate nobody has seen; without the newest version counting,
/// a version that nobody looked at would pass.
#[test]
fn work_is_complete_when_each_required_deliverable_is_accepted() {
    let stand = Stand::found();
    let order = stand.surveying(true);
    let expected = ["roof report missing", "certificate missing", "photo missing"];
    assert_eq!(stand.states(&order), expected);
    let missing = |who: &str, to: &str| stand.missing(who, &order, to);
    assert_eq!(missing("worker", "completed"), "not received: roof report, certificate");
    stand.deliver(&order, "roof report", "report", "r1");
    stand.deliver(&order, "certificate", "certificate", "c1");
    stand.deliver(&order, "sketch", "other", "s1");
    assert_eq!(missing("worker", "completed"), "not reviewed: roof report, certificate");
    let report = stand.newest(&order, "roof report");
    stand.run("qa", &review(&order, &report, "rejected"));
    stand.accept("qa", &order, "certificate");
    assert_eq!(missing("worker", "completed"), "rejected: roof report");
    // The check before the work says so too.
    let waits: Value =
        stand.one("worker", &format!("select wo.preflight('{order}') -> 'deliverables'"));
    assert_eq!(waits, json!([{"name": "roof report", "kind": "report", "state": "rejected"}]));
    stand.deliver(&order, "roof report", "report", "r2");
    assert_eq!(missing("worker", "completed"), "not reviewed: roof report");
    stand.accept("qa", &order, "roof report");

    // A newer version closes the gate again.
    stand.deliver(&order, "certificate", "certificate", "c2");
    assert_eq!(
        stand.states(&order),
        ["roof report accepted", "certificate amended", "photo missing", "sketch received"]
    );
    assert_eq!(missing("worker", "completed"), "a newer version is not reviewed: certificate");
    stand.accept("qa_2", &order, "certificate");
    stand.transition("worker", &order, "completed");

    // Also between the completion and the last signature.
    stand.deliver(&order, "certificate", "certificate", "c3");
    stand.sign_both(&order, "completion");
    assert_eq!(stand.status(&order), "completed", "nobody has reviewed what was signed");
    stand.accept("qa", &order, "certificate");
    stand.sign_both(&order, "completion");
    assert_eq!(stand.status(&order), "closed");
    let late = add(&order, "photo", "photo", "late");
    stand.refused("worker", &late, "55000", "record_locked");
    let late = review(&order, &stand.newest(&order, "certificate"), "rejected");
    stand.refused("qa", &late, "55000", "record_locked");
    assert_eq!(stand.problems(), []);
}

/// Without these rules the one who delivered it, a program, or anybody at all could accept it.
#[test]
fn a_person_who_did_not_deliver_it_reviews_it() {
    let stand = Stand::found();
    let order = stand.surveying(true);
    let refused = |who: &str, sql: &str, sqlstate: &str, code: &str| {
        stand.refused_without_trace(
            &["deliverable", "deliverable_review", "work_order"],
            who,
            sql,
            sqlstate,
            code,
        )
    };
    refused("stranger", &add(&order, "certificate", "certificate", "c"), "42501", "role_missing");
    let certificate = stand.deliver(&order, "certificate", "certificate", "c1");
    let accept = review(&order, &certificate, "accepted");
    refused("worker", &accept, "42501", "deliverable_of_ones_own");
    refused("worker_2", &accept, "42501", "role_missing");
    refused("planner", &accept, "42501", "role_missing");
    let by_agent = stand.acting(AGENT, |agent| agent.batch_execute(&accept));
    wo_cluster_tests::refused(by_agent, "42501", "person_required");
    let said = format!("select wo.review_deliverable('{order}', '{certificate}', 'fine', 'r')");
    refused("qa", &said, "22023", "verdict_unknown");
    let silent =
        format!("select wo.review_deliverable('{order}', '{certificate}', 'accepted', ' ')");
    refused("qa", &silent, "23514", "fields_missing");
    let unknown = review(&order, "0192f0c1-0000-7000-8000-000000000001", "accepted");
    refused("qa", &unknown, "22023", "deliverable_unknown");
    stand.run("qa", &accept);
    refused("qa_2", &accept, "55000", "deliverable_reviewed_already");
    // Another look may take it back.
    stand.run("qa_2", &review(&order, &certificate, "rejected"));
    assert_eq!(stand.states(&order)[1], "certificate rejected");
    stand.run("qa", &accept);

    // A new version after an accepted one says why.
    let again = format!(
        "select wo.add_deliverable('{order}', 'certificate', 'certificate', 'https://files/c2', sha256('c2'))"
    );
    refused("worker", &again, "23514", "fields_missing");
    let same = add(&order, "certificate", "certificate", "c1");
    refused("worker", &same, "23505", "deliverable_received_already");
    let other = add(&order, "certificate", "report", "c3");
    refused("worker", &other, "22023", "deliverable_kind_differs");
    refused("worker", &add(&order, "cake", "cake", "c"), "22023", "deliverable_kind_unknown");
    let lax = format!(
        "select wo.add_deliverable('{order}', 'certificate', 'certificate', 'https://files/c4', sha256('c4'),
            required => false, reason => 'r')"
    );
    refused("worker", &lax, "22023", "deliverable_requirement_differs");
    let asking = |bytes: &str, required: bool| {
        format!(
            "select wo.add_deliverable('{order}', 'protocol', 'pq', 'https://files/{bytes}', sha256('{bytes}'),
                required => {required}, reason => 'r')"
        )
    };
    stand.run("planner", &asking("p1", true));
    refused("worker", &asking("p2", false), "42501", "role_missing");
    assert!(stand.missing("worker", &order, "completed").ends_with("protocol"));
    stand.deliver(&order, "protocol", "pq", "p2");
    let kept: bool = stand.one(
        "worker",
        &format!("select required from wo.deliverables('{order}') where name = 'protocol'"),
    );
    assert!(kept, "a later version is as required as the one before");
    assert_eq!(stand.problems(), []);

    // Work that is not regulatory: the assignee may accept what somebody else delivered.
    let order = stand.surveying(false);
    stand.run("planner", &add(&order, "certificate", "certificate", "c1"));
    let certificate = stand.newest(&order, "certificate");
    stand.refused(
        "planner",
        &review(&order, &certificate, "accepted"),
        "42501",
        "deliverable_of_ones_own",
    );
    stand.refused("stranger", &review(&order, &certificate, "accepted"), "42501", "role_missing");
    stand.accept("worker", &order, "certificate");
    let elsewhere = stand.surveying(false);
    let moved = review(&elsewhere, &certificate, "rejected");
    stand.refused("worker", &moved, "22023", "deliverable_unknown");
}

/// Without the lock of the work order and the newest version as it is committed, the review would accept bytes that
/// another version had taken the place of meanwhile.
#[test]
fn a_review_meets_the_version_that_arrives_meanwhile() {
    for isolation in ["read committed", "repeatable read", "serializable"] {
        let stand = Stand::found();
        let order = stand.surveying(false);
        let first = stand.deliver(&order, "certificate", "certificate", "c1");
        let (mut deliverer, mut reviewer) = (stand.connect("worker"), stand.connect("qa"));
        let delivery = add(&order, "certificate", "certificate", "c2");
        deliverer.batch_execute(&format!("begin; {delivery}")).unwrap();
        let pid = backend_pid(&mut reviewer);
        let reviewing = format!(
            "begin isolation level {isolation}; {}; commit",
            review(&order, &first, "accepted")
        );
        let outcome = std::thread::scope(|scope| {
            let reviewed = scope.spawn(|| reviewer.batch_execute(&reviewing));
            stand.database.wait_until_blocked(pid);
            deliverer.batch_execute("commit").unwrap();
            reviewed.join().unwrap()
        });
        match isolation {
            "read committed" => drop(refused(outcome, "55000", "deliverable_superseded")),
            _ => assert!(outcome.is_err(), "{isolation}"),
        }
        assert_eq!(stand.states(&order)[1], "certificate received", "{isolation}");
        assert_eq!(stand.problems(), []);
    }
}

/// Two who deliver at once do not fork the deliverable: the second one takes the place of the first.
#[test]
fn two_versions_at_once_follow_each_other() {
    let stand = Stand::found();
    let order = stand.surveying(false);
    let (mut one, mut other) = (stand.connect("worker"), stand.connect("planner"));
    one.batch_execute(&format!("begin; {}", add(&order, "photo", "photo", "a"))).unwrap();
    let pid = backend_pid(&mut other);
    let second = add(&order, "photo", "photo", "b");
    std::thread::scope(|scope| {
        let delivered = scope.spawn(|| other.batch_execute(&second));
        stand.database.wait_until_blocked(pid);
        one.batch_execute("commit").unwrap();
        delivered.join().unwrap().unwrap();
    });
    let chain: Vec<String> = stand.all(
        "worker",
        "select received_from || ' ' || (supersedes is not null) from wo.deliverable order by ordinal",
    );
    assert_eq!(chain, ["worker false", "planner true"]);
    assert_eq!(stand.problems(), []);
}

/// Without the events nobody who waits for a deliverable would hear of it.
#[test]
fn what_arrives_and_what_is_reviewed_is_told() {
    let stand = Stand::found();
    let order = stand.surveying(false);
    stand.deliver(&order, "certificate", "certificate", "c1");
    stand.accept("qa", &order, "certificate");
    let events: Vec<String> =
        stand.all(ROOT, "select type from wo.event where type like 'wo.deliverable%' order by 1");
    assert_eq!(events, ["wo.deliverable_added", "wo.deliverable_reviewed"]);
}
