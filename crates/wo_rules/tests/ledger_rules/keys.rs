//! The texts of keys.

use crate::support::{LEDGER, key};
use signed_note::{Signer, StandardSigner, StandardVerifier, Verifier};
use wo_rules::ledger::key::{SealingKey, VerifierKey};

/// The published example of the Go package.
const PRIVATE: &str =
    "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz";
const PUBLIC: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";

#[test]
fn the_published_example_is_read_and_written_back() {
    let key = SealingKey::read(PRIVATE).unwrap();
    assert_eq!(key.verifier().to_string(), PUBLIC);
    assert_eq!(*key.text(), PRIVATE);
    assert_eq!(VerifierKey::read(PUBLIC).unwrap(), *key.verifier());
    assert_eq!(SealingKey::read(&format!("{PRIVATE}\r\n")).unwrap().verifier(), key.verifier());
    assert_eq!(VerifierKey::read(&format!("{PUBLIC}\n")).unwrap().name(), "PeterNeumann");
}

#[test]
fn another_implementation_reads_our_keys() {
    let key = key();
    let signer = StandardSigner::new(&key.text()).unwrap();
    assert_eq!(signer.name(), LEDGER);
    let verifier = StandardVerifier::new(&key.verifier().to_string()).unwrap();
    assert_eq!(verifier.key_id(), signer.key_id());
    let signature = signer.sign(b"text\n").unwrap();
    assert!(verifier.verify(b"text\n", &signature));
}

#[test]
fn a_key_with_any_changed_letter_is_refused() {
    for (text, is_private) in [(PRIVATE, true), (PUBLIC, false)] {
        for at in 0..text.len() {
            let letter = text.as_bytes()[at];
            for other in [b'A', b'B', b'+', b' ', b'=', letter ^ 0x20, letter ^ 1] {
                if other == letter {
                    continue;
                }
                let mut bytes = text.as_bytes().to_vec();
                bytes[at] = other;
                let Ok(changed) = String::from_utf8(bytes) else { continue };
                let read = if is_private {
                    SealingKey::read(&changed).map(|_| ())
                } else {
                    VerifierKey::read(&changed).map(|_| ())
                };
                assert!(read.is_err(), "{changed}");
            }
        }
        for end in ["\n\n", " ", "=", "A"] {
            let longer = format!("{text}{end}");
            assert!(SealingKey::read(&longer).is_err() && VerifierKey::read(&longer).is_err());
        }
    }
}

#[test]
fn names_that_could_be_taken_for_something_else_are_refused() {
    for name in [
        "",
        " ",
        "a b",
        "a\u{a0}b",
        "a+b",
        "a\nb",
        "a\u{7f}",
        "wo_core.ledger_recovery.v1",
        "wo_core.ledger_recovery",
        &"x".repeat(201),
    ] {
        assert!(SealingKey::new(name, &[1; 32]).is_err(), "{name:?}");
    }
    assert!(SealingKey::new("ledger.example/wo", &[1; 32]).is_ok());
}

#[test]
fn weak_public_keys_are_refused() {
    use sha2::{Digest, Sha256};
    let mut point = [0; 32];
    point[0] = 1;
    let id = Sha256::digest([b"weak\n\x01", &point[..]].concat());
    use base64ct::{Base64, Encoding};
    let encoded = Base64::encode_string(&[&[1], &point[..]].concat());
    let text = format!("weak+{}+{encoded}", hex::encode(&id[..4]));
    let said = VerifierKey::read(&text).unwrap_err();
    assert!(said.contains("signed with"), "{said}");
}

#[test]
fn no_secret_is_shown_nor_repeated_in_an_error() {
    let key = SealingKey::read(PRIVATE).unwrap();
    let shown = format!("{key:?} {key:#?}");
    let secret = &PRIVATE[PRIVATE.len() - 44..];
    assert!(shown.contains("PeterNeumann") && !shown.contains(&secret[2..20]), "{shown}");
    for text in [
        PRIVATE.replace("c74f20a3", "c74f20a4"),
        PRIVATE.replace("PRIVATE+", "PRIVAT+"),
        PRIVATE.replace("PeterNeumann", "Peter Neumann"),
        format!("{PRIVATE}A"),
    ] {
        let said = SealingKey::read(&text).unwrap_err();
        assert!(!said.contains(&secret[2..20]), "{said}");
        let said = VerifierKey::read(&text).unwrap_err();
        assert!(!said.contains(&secret[2..20]), "{said}");
    }
}
