//! Recovery statements.

use crate::support::{LEDGER, Store, checkpoint, key, leaves};
use sha2::{Digest, Sha256};
use wo_rules::ledger::checkpoint::Checkpoint;
use wo_rules::ledger::key::SealingKey;
use wo_rules::ledger::recovery::{Recovery, Statement, check_reason, extension_line};
use wo_rules::ledger::{Hash, hash_text};

fn statement() -> Statement {
    let mut store = Store::of(&leaves(9));
    let mut root = |size| -> Hash { store.root(size).unwrap() };
    Statement {
        origin: LEDGER.to_owned(),
        lost_size: 9,
        lost_root: root(9),
        kept_size: 5,
        kept_root: root(5),
        at: "2026-11-21T14:05:03.123456Z".to_owned(),
        reason: "restored Tuesday's backup: the disk of db1 failed".to_owned(),
    }
}

#[test]
fn a_statement_has_six_lines_and_is_opened_as_it_was_signed() {
    let statement = statement();
    let body = statement.body();
    assert_eq!(
        body,
        format!(
            "wo_core.ledger_recovery.v1\n{LEDGER}\nlost 9 {}\nkept 5 {}\n\
             2026-11-21T14:05:03.123456Z\nrestored Tuesday's backup: the disk of db1 failed\n",
            hash_text(&statement.lost_root),
            hash_text(&statement.kept_root)
        )
    );
    assert_eq!(Statement::read(&body).unwrap(), statement);
    let note = statement.sign(&key());
    assert_eq!(Statement::open(&note, key().verifier()).unwrap(), statement);
    assert_eq!(statement.hash(), <Hash>::from(Sha256::digest(&body)));
    let other = SealingKey::new(LEDGER, &[8; 32]).unwrap();
    assert!(Statement::open(&note, other.verifier()).is_err());
    for at in 0..note.len() {
        let mut bytes = note.clone().into_bytes();
        bytes[at] ^= 1;
        let Ok(text) = String::from_utf8(bytes) else { continue };
        assert!(Statement::open(&text, key().verifier()).is_err(), "{text}");
    }
}

#[test]
fn a_statement_in_any_other_form_is_refused() {
    let body = statement().body();
    let lost = body.lines().nth(2).unwrap().to_owned();
    let kept = body.lines().nth(3).unwrap().to_owned();
    for (from, to) in [
        ("recovery.v1", "recovery.v2"),
        ("ledger.example/wo", "ledger example"),
        ("lost 9 ", "lost 09 "),
        ("lost 9 ", "lost  9 "),
        ("lost 9", "kept 9"),
        ("kept 5", "kept 0"),
        (lost.as_str(), kept.replace("kept", "lost").as_str()),
        ("14:05:03.123456Z", "14:05:03Z"),
        ("restored", "re\nstored"),
        ("restored", "re\u{7}stored"),
        ("failed\n", "failed"),
        ("failed\n", "failed\n\n"),
    ] {
        let wrong = body.replacen(from, to, 1);
        assert_ne!(wrong, body);
        assert!(Statement::read(&wrong).is_err(), "{wrong}");
    }
    let without = Statement { reason: " ".to_owned(), ..statement() };
    assert!(Statement::read(&without.body()).unwrap_err().contains("reason"));
    assert!(check_reason("a reason").is_ok());
    assert!(check_reason(&"x".repeat(1_001)).is_err() && check_reason("a\nb").is_err());
}

#[test]
fn a_statement_is_no_checkpoint_and_a_checkpoint_no_statement() {
    let note = statement().sign(&key());
    assert!(Checkpoint::open(&note, key().verifier()).is_err());
    let sealed = checkpoint(9, statement().lost_root).sign(&key());
    assert!(Statement::open(&sealed, key().verifier()).is_err());
}

#[test]
fn a_checkpoint_names_the_recovery_before_it() {
    let statement = statement();
    let mut sealed = checkpoint(9, statement.lost_root);
    assert_eq!(sealed.recovery(), None);
    sealed.extensions.push("recovery of something else".to_owned());
    assert_eq!(sealed.recovery(), None);
    sealed.extensions.push(extension_line(3, &statement));
    assert_eq!(sealed.extensions[1], format!("recovery 3 {}", hash_text(&statement.hash())));
    let note = sealed.sign(&key());
    let read = Checkpoint::open(&note, key().verifier()).unwrap();
    assert_eq!(read.recovery(), Some(Recovery { number: 3, statement: statement.hash() }));
}
