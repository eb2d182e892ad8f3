//! Verifying evidence packages on the command line.

use crate::ledger::sealing_key;
use crate::sample::sample;
use crate::support::*;
use serde_json::{Value, json};
use wo_rules::ledger::bundle::{Bundle, Proven};
use wo_rules::ledger::checkpoint::Checkpoint;
use wo_rules::ledger::key::SealingKey;
use wo_rules::ledger::proof::Consistency;
use wo_rules::ledger::{Hash, leaf_hash, tree};

#[test]
fn an_intact_package_exits_with_0_and_is_summed_up() {
    let scratch = Scratch::new();
    let file = scratch.file("package.json", sample().bytes());
    let verified = wo(&["verify", &file], b"");
    assert_eq!((verified.code, verified.err.as_str()), (0, ""));
    assert!(verified.out.starts_with("INTACT: work order WO-1\n"), "{}", verified.out);
    assert!(
        verified.out.contains("3 in force, 1 amended, 1 void, 1 withdrawn"),
        "{}",
        verified.out
    );
    assert!(verified.out.contains("no entry is sealed"), "{}", verified.out);
    let piped = wo(&["verify", "-"], &sample().bytes());
    assert_eq!((piped.code, &piped.out), (0, &verified.out));
    // psql writes a line break behind it; anything more is not of the package.
    let mut with_line_break = sample().bytes();
    with_line_break.push(b'\n');
    let by_psql = wo(&["verify", "-"], &with_line_break);
    assert_eq!((by_psql.code, by_psql.out), (0, verified.out));
    with_line_break.push(b'\n');
    assert_eq!(wo(&["verify", "-"], &with_line_break).code, 2, "it was written by another program");
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
            "intact": true, "verdict": "intact", "undecided": [], "problems": [], "problems_not_listed": 0,
            "work_order": "WO-1", "made_at": "2026-11-21T02:00:00.000006Z",
            "made": {
                "by": "ann", "login_role": "desk", "occasion": "request", "wo_core": "0.1.0", "postgresql": "15.18",
            },
            "entries": 16,
            "signatures": {
                "valid": 3, "rejected": 0, "amended": 1, "void": 1, "withdrawn": 1, "broken": 0,
            },
            "ledger": {
                "sealed_entries": 0, "unsealed_entries": 16, "origin": null,
                "checkpoint_size": null, "checkpoint_root": null, "signature": "not checked",
                "trusted_entries": null,
            },
        })
    );
}

/// Another file, and a file that is no package, say nothing about a package: 1 is for a package that is not intact.
#[test]
fn what_cannot_be_read_and_what_is_no_package_exit_with_2() {
    let missing = wo(&["verify", "/nowhere/package.json"], b"");
    assert_eq!((missing.code, missing.out.as_str()), (2, ""));
    assert!(missing.err.contains("/nowhere/package.json"), "{}", missing.err);
    let page = b"<!DOCTYPE html><html lang=\"en\"><title>Evidence: WO-1</title></html>";
    let other = br#"{"format":"wo_core.evidence.v2","sections":{}}"#;
    for input in [&b""[..], b"{}", b"\xff\xfe", &[b'['; 100_000], page, other] {
        let verified = wo(&["verify", "-"], input);
        assert_eq!((verified.code, verified.out.as_str()), (2, ""));
        assert!(verified.err.contains("no evidence package"), "{}", verified.err);
        let report = wo(&["verify", "--json", "-"], input);
        assert_eq!(report.code, 2);
        let report: Value = serde_json::from_str(&report.out).unwrap();
        assert_eq!((&report["intact"], &report["verdict"]), (&json!(false), &json!("no_package")));
    }
    assert!(wo(&["verify", "-"], page).err.contains("verify the package"));
}

/// A package that a driver of a database parsed is called so, and not forged.
#[test]
fn a_package_that_was_parsed_and_written_again_exits_with_2_and_says_so() {
    let parsed: Value = serde_json::from_slice(&sample().bytes()).unwrap();
    let again = serde_json::to_string_pretty(&parsed).unwrap();
    let verified = wo(&["verify", "-"], again.as_bytes());
    assert_eq!((verified.code, verified.err.as_str()), (2, ""));
    assert!(verified.out.starts_with("REFORMATTED: work order WO-1\n"), "{}", verified.out);
    assert!(verified.out.contains("as text"), "{}", verified.out);
    let forged = again.replace("P-100", "P-200");
    assert_ne!(forged, again);
    let verified = wo(&["verify", "-"], forged.as_bytes());
    assert_eq!(verified.code, 1);
    assert!(verified.out.starts_with("NOT INTACT"), "{}", verified.out);
}

/// The sample with each of its entries sealed, in a ledger of nothing else: the package, its proofs
/// and a smaller checkpoint of the same ledger with the proof that it is.
fn sealed(key: &SealingKey) -> (Vec<u8>, String, String, String) {
    let mut sample = sample();
    let entries = sample.section("trail").as_array().unwrap();
    let hash = |entry: &Value| hex::decode(entry["entry_hash"].as_str().unwrap()).unwrap();
    let leaves: Vec<Hash> = entries.iter().map(|entry| leaf_hash(&hash(entry))).collect();
    let mut read = |_, _| Some(leaves.as_flattened().to_vec());
    let mut note = |size| {
        let root = tree::root(size, &mut read).unwrap();
        let origin = key.verifier().name().to_owned();
        Checkpoint { origin, size, root, extensions: Vec::new() }.sign(key)
    };
    let (checkpoint, smaller) = (note(16), note(10));
    let places: Vec<u64> = (0..16).collect();
    let proofs = tree::inclusions(&places, 16, &mut read).unwrap();
    let entries = places.iter().zip(proofs).map(|(place, hashes)| Proven {
        hashes,
        leaf_index: *place,
        sequence: i64::try_from(*place).unwrap() + 1,
    });
    let bundle = Bundle { checkpoint, entries: entries.collect() }.to_json();
    *sample.section("ledger") = serde_json::from_str(&bundle).unwrap();
    let hashes = tree::consistency(10, 16, &mut read).unwrap();
    let proof = serde_json::to_string(&Consistency { from: 10, to: 16, hashes }).unwrap();
    (sample.bytes(), bundle, smaller, proof)
}

#[test]
fn a_sealed_package_is_held_against_a_key_a_checkpoint_and_newer_proofs() {
    let scratch = Scratch::new();
    let (_, public, key) = sealing_key(&scratch);
    let (package, bundle, smaller, proof) = sealed(&key);
    let file = scratch.file("package.json", &package);
    let public_file = format!("@{}", scratch.file("public", format!("{public}\n")));
    let verified = wo(&["verify", &file], b"");
    assert_eq!(verified.code, 0);
    assert!(verified.out.contains("16 of 16 entries sealed"), "{}", verified.out);
    assert!(verified.out.contains("NOT CHECKED"), "{}", verified.out);
    for sealing_key in [&public, &public_file] {
        let verified = wo(&["verify", &file, "--sealing-key", sealing_key], b"");
        assert_eq!(verified.code, 0);
        assert!(verified.out.contains("its signature verified"), "{}", verified.out);
    }
    // psql writes a line break behind each of them.
    let smaller = scratch.file("smaller", format!("{smaller}\n"));
    let proof = scratch.file("proof", format!("{proof}\n"));
    let with = ["verify", &file, "--checkpoint", &smaller, "--consistency", &proof];
    let verified = wo(&with, b"");
    assert_eq!(verified.code, 0, "{}", verified.out);
    assert!(
        verified.out.contains("10 of them proven to be in the trusted checkpoint"),
        "{}",
        verified.out
    );
    let strict = wo(&[&with[..], &["--require-sealed"]].concat(), b"");
    assert_eq!(strict.code, 1);
    assert!(strict.out.contains("entries 11–16"), "{}", strict.out);
    // Nothing is wrong, and nothing shows that the one goes on from the other.
    let undecided = wo(&with[..4], b"");
    assert_eq!((undecided.code, undecided.err.as_str()), (2, ""));
    assert!(undecided.out.starts_with("NOT DECIDED: work order WO-1\n"), "{}", undecided.out);
    for hint in ["--consistency", "wo.consistency_proof(10, 16)", "wo.ledger_proof(work_order, 10)"]
    {
        assert!(undecided.out.contains(hint), "{}", undecided.out);
    }
    let strict = wo(&[&with[..4], &["--require-sealed"]].concat(), b"");
    assert_eq!(strict.code, 2, "{}", strict.out);
    let (_, other, _) = sealing_key(&Scratch::new());
    let forged = wo(&["verify", &file, "--sealing-key", &other], b"");
    assert_eq!(forged.code, 1);
    assert!(forged.out.contains("NOT that of the sealing key"), "{}", forged.out);

    let unsealed = scratch.file("unsealed.json", sample().bytes());
    let strict = ["verify", &unsealed, "--require-sealed", "--sealing-key", &public];
    assert_eq!(wo(&strict, b"").code, 1);
    let proofs = scratch.file("proofs", format!("{bundle}\n"));
    let newer = wo(&[&strict[..], &["--proofs", &proofs]].concat(), b"");
    assert_eq!(newer.code, 0, "{}", newer.out);
}

#[test]
fn what_is_given_beside_the_package_and_cannot_be_read_exits_with_2() {
    let scratch = Scratch::new();
    let file = scratch.file("package.json", sample().bytes());
    let wrong = scratch.file("wrong", "{\"\u{1b}\": 1}");
    for (option, value) in [
        ("--sealing-key", "no key"),
        ("--sealing-key", "@/nowhere"),
        ("--checkpoint", "/nowhere"),
        ("--proofs", &wrong),
        ("--consistency", &wrong),
    ] {
        let ran = wo(&["verify", &file, option, value], b"");
        assert_eq!((ran.code, ran.out.as_str()), (2, ""), "{option} {}", ran.err);
        assert!(!ran.err.contains('\u{1b}'), "{}", ran.err);
    }
}
