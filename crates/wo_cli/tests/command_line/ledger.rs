//! The ledger's key, and signing with it.

use crate::support::*;
use std::os::unix::fs::PermissionsExt;
use wo_rules::ledger::key::{SealingKey, VerifierKey};
use wo_rules::ledger::recovery::Statement;

pub const LEDGER: &str = "ledger.example/wo";

/// A sealing key: its file, its public half, and the key itself.
pub fn sealing_key(scratch: &Scratch) -> (String, String, SealingKey) {
    let file = scratch.path("sealing.key");
    let public =
        wo(&["key", "new", "--for", "ledger", "--name", LEDGER, "--out", &file], b"").line();
    let key = SealingKey::read(&read(&file)).unwrap();
    (file, public, key)
}

pub fn statement(lost: (u64, [u8; 32]), kept: (u64, [u8; 32])) -> Statement {
    Statement {
        origin: LEDGER.to_owned(),
        lost_size: lost.0,
        lost_root: lost.1,
        kept_size: kept.0,
        kept_root: kept.1,
        at: "2026-11-21T14:05:03.123456Z".to_owned(),
        reason: "the disk of db1 \u{202e}failed".to_owned(),
    }
}

#[test]
fn a_sealing_key_is_its_owners_alone_and_its_public_half_is_all_that_is_printed() {
    let scratch = Scratch::new();
    let (file, public, key) = sealing_key(&scratch);
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(read(&file).starts_with(&format!("PRIVATE+KEY+{LEDGER}+")));
    assert_eq!(VerifierKey::read(&public).unwrap(), *key.verifier());
    let shown = wo(&["key", "public", &file], b"");
    assert_eq!((shown.err.as_str(), shown.out.trim_end()), ("", public.as_str()));
}

#[test]
fn a_sealing_key_is_never_replaced_and_a_bad_name_makes_none() {
    let scratch = Scratch::new();
    let (file, _, _) = sealing_key(&scratch);
    let before = read(&file);
    let again = ["key", "new", "--for", "ledger", "--name", LEDGER, "--out", &file];
    assert!(wo(&again, b"").refusal().contains("exists"));
    assert_eq!(read(&file), before);
    for name in ["", "a b", "a+b", "wo_core.ledger_recovery.v1"] {
        let other = scratch.path("other.key");
        let refused =
            wo(&["key", "new", "--for", "ledger", "--name", name, "--out", &other], b"").refusal();
        assert!(refused.contains("name"), "{refused}");
        assert!(!std::fs::exists(&other).unwrap());
    }
}

#[test]
fn a_damaged_key_file_is_refused_and_nothing_of_it_is_repeated() {
    let scratch = Scratch::new();
    let (file, _, _) = sealing_key(&scratch);
    let text = read(&file);
    let secret = &text[text.len() - 30..text.len() - 2];
    for damaged in [text.replace("PRIVATE", "PUBLIC"), text.replacen("+KEY+l", "+KEY+L", 1)] {
        let other = scratch.file("damaged", damaged);
        let refused = wo(&["key", "public", &other], b"").refusal();
        assert!(refused.contains("damaged") && !refused.contains(secret), "{refused}");
    }
}

#[test]
fn a_recovery_statement_is_shown_before_it_is_signed_and_signed_as_it_is() {
    let scratch = Scratch::new();
    let (file, _, key) = sealing_key(&scratch);
    let statement = statement((9, [9; 32]), (5, [5; 32]));
    let sign = |text: &str| wo(&["ledger", "sign-recovery", "--key", &file], text.as_bytes());
    for end in ["", "\n", "\r\n"] {
        let signed = sign(&(statement.body() + end));
        assert_eq!(signed.code, 0, "{}", signed.err);
        assert_eq!(signed.out, statement.sign(&key));
        assert_eq!(Statement::open(&signed.out, key.verifier()).unwrap(), statement);
        for shown in ["LOST       size 9", "goes on    from size 5", "db1 \\u{202e}failed"] {
            assert!(signed.err.contains(shown), "{shown}: {}", signed.err);
        }
    }
    assert_eq!(sign(statement.body().trim_end()).code, 0, "a shell took the line break");
    for wrong in [
        statement.body().replace("lost 9", "lost 09"),
        statement.body().replace(LEDGER, "another"),
        format!("{LEDGER}\n9\n{}\n", wo_rules::ledger::hash_text(&[9; 32])),
        String::new(),
    ] {
        let refused = sign(&wrong);
        assert_eq!((refused.code, refused.out.as_str()), (1, ""), "{}", refused.err);
    }
}
