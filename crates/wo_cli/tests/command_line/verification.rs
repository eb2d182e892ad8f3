//! Verifying evidence packages on the command line.

use crate::sample::sample;
use crate::support::*;
use serde_json::{Value, json};

#[test]
fn an_intact_package_exits_with_0_and_is_summed_up() {
    let scratch = Scratch::new();
    let file = scratch.file("package.json", sample().bytes());
    let verified = wo(&["verify", &file], b"");
    assert_eq!((verified.code, verified.err.as_str()), (0, ""));
    assert!(verified.out.starts_with("INTACT: work order WO-1\n"), "{}", verified.out);
    assert!(verified.out.contains("3 valid, 1 amended, 1 void, 1 withdrawn"), "{}", verified.out);
    let piped = wo(&["verify", "-"], &sample().bytes());
    assert_eq!((piped.code, &piped.out), (0, &verified.out));
    // psql writes a line break behind it; anything more is not of the package.
    let mut with_line_break = sample().bytes();
    with_line_break.push(b'\n');
    let by_psql = wo(&["verify", "-"], &with_line_break);
    assert_eq!((by_psql.code, by_psql.out), (0, verified.out));
    with_line_break.push(b'\n');
    assert_eq!(wo(&["verify", "-"], &with_line_break).code, 1);
}

#[test]
fn a_changed_package_exits_with_1_and_every_problem_is_named() {
    let mut forged = sample();
    forged.section("trail")[2]["reason"] = json!("other");
    forged.section("signatures")[0]["printed_name"] = json!("Other");
    forged.record.insert("\u{1b}[2J".to_owned(), "1".to_owned());
    let bytes = forged.bytes();
    let verified = wo(&["verify", "-"], &bytes);
    assert_eq!(verified.code, 1);
    assert!(verified.out.starts_with("NOT INTACT: work order WO-1\n"), "{}", verified.out);
    for said in
        ["/sections/trail/2: the chain breaks at entry 3", "/sections/signatures/0/printed_name"]
    {
        assert!(verified.out.contains(said), "{said} is not in {}", verified.out);
    }
    assert!(!verified.out.contains('\u{1b}'));
    let report = wo(&["verify", "--json", "-"], &bytes);
    assert_eq!(report.code, 1);
    let report: Value = serde_json::from_str(&report.out).unwrap();
    assert_eq!(report["intact"], false);
    assert_eq!(report["work_order"], "WO-1");
    let problem = &report["problems"][0];
    let place = |end: &str| usize::try_from(problem["bytes"][end].as_u64().unwrap()).unwrap();
    assert!(place("start") < place("end") && place("end") <= bytes.len());
    assert!(problem["pointer"].is_string() && problem["problem"].is_string());
}

#[test]
fn the_report_for_programs_has_the_summary() {
    let report = wo(&["verify", "--json", "-"], &sample().bytes());
    assert_eq!(report.code, 0);
    let report: Value = serde_json::from_str(&report.out).unwrap();
    assert_eq!(
        report,
        json!({
            "intact": true, "problems": [], "problems_not_listed": 0, "work_order": "WO-1",
            "made_at": "2026-11-21T02:00:00.000006Z", "entries": 16,
            "signatures": {"valid": 3, "amended": 1, "void": 1, "withdrawn": 1},
        })
    );
}

#[test]
fn what_cannot_be_read_exits_with_2_and_what_is_no_package_with_1() {
    let missing = wo(&["verify", "/nowhere/package.json"], b"");
    assert_eq!((missing.code, missing.out.as_str()), (2, ""));
    assert!(missing.err.contains("/nowhere/package.json"), "{}", missing.err);
    for input in [&b""[..], b"{}", b"\xff\xfe", &[b'['; 100_000]] {
        let verified = wo(&["verify", "-"], input);
        assert_eq!(verified.code, 1);
        assert!(verified.out.starts_with("NOT INTACT: work order unknown"), "{}", verified.out);
    }
}
