//! The register of documents: versions by work orders.

use wo_cluster_tests::backend_pid;
use wo_cluster_tests::signing::ROOT;

use crate::deliverable::stand::Stand;

fn stand() -> Stand {
    let stand = Stand::found();
    stand.administer(
        "select wo.register_document('SOP-1', 'Cleaning', 'procedure');
         select wo.register_document('NOTE-1', 'A note', 'manual', false)",
    );
    stand
}

fn add(order: &str, document: &str, bytes: &str, effective: &str) -> String {
    format!(
        "select wo.add_document_version('{order}', '{document}', 'https://files/{bytes}', sha256('{bytes}'),
            'revised', '{effective}')"
    )
}

/// Without the rules a procedure would change without change control, or two versions of it would hold on one day.
#[test]
fn versions_come_by_work_orders_and_never_overlap() {
    let stand = stand();
    let (regulatory, plain) = (stand.surveying(true), stand.surveying(false));
    let refused = |who: &str, sql: &str, sqlstate: &str, code: &str| {
        stand.refused_without_trace(
            &["document_version", "registered_document", "work_order"],
            who,
            sql,
            sqlstate,
            code,
        )
    };
    refused("worker", &add(&plain, "SOP-1", "s1", "2026-01-01"), "23514", "document_is_controlled");
    refused("worker", &add(&regulatory, "SOP-9", "s1", "2026-01-01"), "22023", "document_unknown");
    refused("stranger", &add(&regulatory, "SOP-1", "s1", "2026-01-01"), "42501", "role_missing");
    let archive = |order: &str, document: &str, effective: &str| {
        format!("select wo.archive_document('{order}', '{document}', 'obsolete', '{effective}')")
    };
    refused(
        "worker",
        &archive(&regulatory, "SOP-1", "2026-01-01"),
        "55000",
        "document_not_in_force",
    );
    stand.run("worker", &add(&regulatory, "SOP-1", "s1", "2026-01-01"));
    stand.run("worker", &add(&plain, "NOTE-1", "n1", "2026-01-01"));
    let same_day = add(&regulatory, "SOP-1", "s2", "2026-01-01");
    refused("worker", &same_day, "23514", "document_versions_overlap");
    refused(
        "worker",
        &add(&regulatory, "SOP-1", "s2", "2025-01-01"),
        "23514",
        "document_versions_overlap",
    );
    stand.run("worker", &add(&regulatory, "SOP-1", "s2", "2026-06-01"));
    stand.run("worker", &archive(&regulatory, "SOP-1", "2026-09-01"));
    refused(
        "worker",
        &archive(&regulatory, "SOP-1", "2026-10-01"),
        "55000",
        "document_not_in_force",
    );
    let versions: Vec<String> = stand.all(
        "stranger",
        "select concat_ws(' ', version, effective, archived) from wo.document_versions('SOP-1')",
    );
    assert_eq!(versions, ["1 2026-01-01 2026-06-01", "2 2026-06-01 2026-09-01"]);

    // Raw rows meet the same checks, and nothing is rewritten.
    let id = stand.id(&regulatory);
    let raw = |columns: &str, values: &str| {
        format!(
            "insert into wo.document_version (work_order_id, document, uri, sha256, effective, reason{columns})
             values ('{id}', 'SOP-1', 'https://files/x', sha256('x'), '2027-01-01', 'r'{values})"
        )
    };
    refused("worker", &raw(", version", ", 9"), "42501", "column_not_writable");
    refused("worker", &raw(", added_by", ", 'qa'"), "42501", "column_not_writable");
    refused("worker", &raw(", change", ", 'guess'"), "23514", "value_unknown");
    refused("stranger", &raw("", ""), "42501", "role_missing");
    for sql in [
        "update wo.document_version set effective = '2020-01-01'",
        "delete from wo.document_version",
        "truncate wo.document_version",
        "delete from wo.registered_document",
        "insert into wo.registered_document (document, title, kind) values ('X', 'x', 'x')",
    ] {
        for who in ["worker", "qa", ROOT] {
            stand.with(who, |client| client.batch_execute(sql)).unwrap_err();
        }
    }

    // They are part of what is signed, and end with the work order.
    for (name, kind) in [("roof report", "report"), ("certificate", "certificate")] {
        stand.deliver(&regulatory, name, kind, kind);
        stand.accept("qa", &regulatory, name);
    }
    stand.transition("worker", &regulatory, "completed");
    let ask = wo_cluster_tests::signing::Ask::approve(&regulatory, "qa", "completion");
    stand.signed("qa", &ask);
    stand.run("worker", &add(&regulatory, "SOP-1", "s4", "2027-01-01"));
    let states = stand.signature_states(&regulatory);
    assert_eq!(states.last().unwrap(), "qa completion: amended", "{states:?}");
    stand.sign_both(&regulatory, "completion");
    assert_eq!(stand.status(&regulatory), "closed");
    let late = add(&regulatory, "SOP-1", "s5", "2028-01-01");
    stand.refused("worker", &late, "55000", "record_locked");
    let package: String =
        stand.one("planner", &format!("select wo.evidence_package('{regulatory}')::text"));
    let verified = wo_rules::evidence::verify::verify(package.as_bytes());
    assert!(verified.intact, "{:?}", verified.problems);
    assert_eq!(stand.problems(), []);
}

/// Without the lock two work orders would add versions of a document for the same day at once.
#[test]
fn two_work_orders_at_once_follow_each_other() {
    let stand = stand();
    let (one, other) = (stand.surveying(false), stand.surveying(false));
    let (mut first, mut second) = (stand.connect("worker"), stand.connect("planner"));
    first.batch_execute(&format!("begin; {}", add(&one, "NOTE-1", "n1", "2026-01-01"))).unwrap();
    let pid = backend_pid(&mut second);
    let same_day = add(&other, "NOTE-1", "n2", "2026-01-01");
    let outcome = std::thread::scope(|scope| {
        let added = scope.spawn(|| second.batch_execute(&same_day));
        stand.database.wait_until_blocked(pid);
        first.batch_execute("commit").unwrap();
        added.join().unwrap()
    });
    wo_cluster_tests::refused(outcome, "23514", "document_versions_overlap");
    second.batch_execute(&add(&other, "NOTE-1", "n2", "2026-01-02")).unwrap();
    assert_eq!(stand.problems(), []);
}
