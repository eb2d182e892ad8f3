#![allow(clippy::unwrap_used)]

use super::*;
use crate::job_plan::Deliverable;
use crate::lifecycle::PrincipalKind;

fn expected(name: &str, required: bool) -> Deliverable {
    Deliverable { name: name.to_owned(), kind: "report".to_owned(), required }
}

fn version(id: &str, name: &str, by: &str) -> Received {
    Received {
        id: id.to_owned(),
        name: name.to_owned(),
        kind: "report".to_owned(),
        required: false,
        uri: format!("https://files/{id}"),
        sha256: id.to_owned(),
        received_from: by.to_owned(),
    }
}

fn review(of: &str, verdict: Verdict) -> Review {
    Review { id: format!("r-{of}"), deliverable: of.to_owned(), verdict }
}

const OWNER: Owner<'_> = Owner { id: "1", number: "WO-1", regulatory: true, assignee: Some("wim") };

fn performer<'a>(id: &'a str, roles: &'a [String]) -> Performer<'a> {
    Performer { id, kind: PrincipalKind::Person, roles, may_plan: false }
}

/// Without the newest version a version that nobody looked at would pass as accepted.
#[test]
fn the_newest_version_counts_and_a_newer_one_amends() {
    let plan = [expected("a", true), expected("b", true), expected("c", false)];
    let received = [version("1", "a", "wim"), version("2", "a", "wim"), version("3", "x", "wim")];
    let states = |reviews: &[Review]| -> Vec<String> {
        standings(&plan, &received, reviews)
            .iter()
            .map(|one| format!("{} {}", one.name, one.state.name()))
            .collect()
    };
    assert_eq!(states(&[]), ["a received", "b missing", "c missing", "x received"]);
    let old = [review("1", Verdict::Accepted)];
    assert_eq!(states(&old)[0], "a amended");
    let both = [review("1", Verdict::Accepted), review("2", Verdict::Rejected)];
    assert_eq!(states(&both)[0], "a rejected");
    let again = [review("2", Verdict::Rejected), review("2", Verdict::Accepted)];
    assert_eq!(states(&again)[0], "a accepted", "the newest review counts");
}

/// A refusal that names some of them would send people back once for each.
#[test]
fn the_guard_names_everything_that_is_missing() {
    let plan: Vec<Deliverable> = (0..20).map(|n| expected(&format!("d{n}"), n != 3)).collect();
    let received =
        [version("1", "d0", "wim"), version("2", "d1", "wim"), version("3", "d1", "wim")];
    let reviews = [review("1", Verdict::Rejected), review("2", Verdict::Accepted)];
    let all = standings(&plan, &received, &reviews);
    let fact = guard::fact(&all).unwrap();
    assert!(!fact.passed);
    assert!(fact.detail.starts_with("not received: d2, d4, "), "{}", fact.detail);
    assert!(fact.detail.contains("d19; a newer version is not reviewed: d1; rejected: d0"));
    assert_eq!(guard::fact(&standings(&plan[3..4], &[], &[])), None, "nothing is required");
}

#[test]
fn who_may_review_what() {
    let plan = [expected("a", true)];
    let received = [version("1", "a", "wim"), version("2", "a", "ann")];
    let reviews = [review("1", Verdict::Accepted)];
    let all = standings(&plan, &received, &reviews);
    let (qa, none) = ([QA.to_owned()], [String::new()]);
    let code = |owner: Owner<'_>, performer: Performer<'_>, deliverable: &str, verdict: &str| {
        let attempt = ReviewAttempt { owner, performer, standings: &all, deliverable, verdict };
        check_review(&attempt).map_or_else(|refusal| refusal.code, |()| "ok")
    };
    let cyd = performer("cyd", &qa);
    assert_eq!(code(OWNER, cyd, "2", "accepted"), "ok");
    assert_eq!(code(OWNER, cyd, "2", "fine"), "verdict_unknown");
    assert_eq!(code(OWNER, cyd, "1", "rejected"), "deliverable_superseded");
    assert_eq!(code(OWNER, cyd, "9", "accepted"), "deliverable_unknown");
    assert_eq!(code(OWNER, performer("ann", &qa), "2", "accepted"), "deliverable_of_ones_own");
    let agent = Performer { kind: PrincipalKind::Agent, ..cyd };
    assert_eq!(code(OWNER, agent, "2", "accepted"), "person_required");
    assert_eq!(code(OWNER, performer("cyd", &none), "2", "accepted"), "role_missing");
    let planner = Performer { may_plan: true, ..performer("cyd", &none) };
    assert_eq!(code(OWNER, planner, "2", "accepted"), "role_missing", "QA alone");
    assert_eq!(code(Owner { regulatory: false, ..OWNER }, planner, "2", "accepted"), "ok");
    let of_cyd = Owner { assignee: Some("cyd"), ..OWNER };
    assert_eq!(code(of_cyd, cyd, "2", "accepted"), "role_missing", "their own work");
    assert_eq!(
        code(Owner { regulatory: false, ..of_cyd }, performer("cyd", &none), "2", "accepted"),
        "ok"
    );
}

#[test]
fn a_second_review_says_something_else() {
    let received = [version("1", "a", "wim")];
    let reviews = [review("1", Verdict::Accepted)];
    let all = standings(&[], &received, &reviews);
    let qa = [QA.to_owned()];
    let code = |verdict| {
        let performer = performer("cyd", &qa);
        let attempt =
            ReviewAttempt { owner: OWNER, performer, standings: &all, deliverable: "1", verdict };
        check_review(&attempt).map_or_else(|refusal| refusal.code, |()| "ok")
    };
    assert_eq!((code("accepted"), code("rejected")), ("deliverable_reviewed_already", "ok"));
}

#[test]
fn what_may_be_delivered() {
    let plan = [expected("a", true)];
    let received = [version("1", "a", "wim")];
    let reviews = [review("1", Verdict::Accepted)];
    let (before, after) = (standings(&plan, &[], &[]), standings(&plan, &received, &reviews));
    let wim = performer("wim", &[]);
    let first = Delivery {
        owner: OWNER,
        performer: wim,
        standings: &before,
        name: "a",
        kind: "report",
        required: None,
        uri: "https://files/1",
        sha256: "1",
        supersedes: None,
        reason: None,
    };
    let code = |delivery: Delivery<'_>| {
        check_delivery(&delivery).map_or_else(|refusal| refusal.code, |_| "ok")
    };
    assert_eq!(check_delivery(&first).unwrap(), Delivered { required: true, supersedes: None });
    assert_eq!(code(Delivery { kind: "cake", ..first }), "deliverable_kind_unknown");
    assert_eq!(code(Delivery { kind: "iq", ..first }), "deliverable_kind_differs");
    assert_eq!(
        code(Delivery { required: Some(false), ..first }),
        "deliverable_requirement_differs"
    );
    assert_eq!(code(Delivery { supersedes: Some("7"), ..first }), "deliverable_superseded");
    assert_eq!(code(Delivery { performer: performer("eve", &[]), ..first }), "role_missing");
    let other = Delivery { name: "z", ..first };
    assert_eq!(code(other), "ok");
    assert_eq!(code(Delivery { required: Some(true), ..other }), "role_missing");
    let planner = Performer { may_plan: true, ..performer("pia", &[]) };
    let delivered = check_delivery(&Delivery { required: Some(true), performer: planner, ..other });
    assert!(delivered.unwrap().required);

    let asked = [Received { required: true, ..version("1", "z", "pia") }];
    let asked = standings(&[], &asked, &[]);
    let laxer = Delivery { standings: &asked, sha256: "2", required: Some(false), ..other };
    assert_eq!(code(laxer), "role_missing");
    let wim = Performer { may_plan: true, ..wim };
    assert_eq!(code(Delivery { performer: wim, ..laxer }), "role_missing", "who does the work");
    assert_eq!(code(Delivery { performer: planner, ..laxer }), "ok");

    let next = Delivery { standings: &after, ..first };
    assert_eq!(code(next), "deliverable_received_already");
    let next = Delivery { sha256: "2", ..next };
    assert_eq!(code(next), "fields_missing", "one that was accepted");
    let next = Delivery { reason: Some("page 3 was missing"), ..next };
    assert_eq!(check_delivery(&next).unwrap().supersedes.as_deref(), Some("1"));
}

const QA: &str = "qa";
