//! Files of signing keys.

use crate::support::*;
use base64ct::{Base64, Base64UrlUnpadded, Encoding};
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

#[test]
fn a_signing_key_is_kept_encrypted_and_its_public_half_is_all_that_is_printed() {
    let scratch = Scratch::new();
    let (key, passphrase, public) = scratch.signing_key();
    assert_eq!(Base64UrlUnpadded::decode_vec(&public).unwrap().len(), 32);
    assert_eq!(std::fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
    let pem = read(&key);
    assert!(pem.starts_with("-----BEGIN ENCRYPTED PRIVATE KEY-----\n"), "{pem}");
    let read = ["key", "public", &key, "--passphrase-file", &passphrase];
    let again = wo(&read, b"");
    assert_eq!(again.err, "");
    assert_eq!(again.line(), public);
}

#[test]
fn openssl_reads_the_encrypted_key_and_the_private_bytes_are_nowhere_in_the_open() {
    let scratch = Scratch::new();
    let (key, passphrase, public) = scratch.signing_key();
    let plain = scratch.path("plain.pem");
    let passphrase_argument = format!("file:{passphrase}");
    let read_by_openssl = ["pkey", "-in", &key, "-passin", &passphrase_argument, "-out", &plain];
    openssl(&read_by_openssl);
    let der = |pem: &str| {
        let body: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
        Base64::decode_vec(&body).unwrap()
    };
    // PKCS#8 of Ed25519 ends with the 32 private bytes.
    let private = der(&read(&plain));
    let private = &private[private.len() - 32..];
    assert_eq!(wo(&["key", "public", &plain], b"").line(), public);
    let encrypted = der(&read(&key));
    assert!(!encrypted.windows(32).any(|window| window == private));
    let signing = crate::signing::sign(&key, &passphrase, &crate::signing::payload_for(&public));
    let output = format!("{}{}", signing.out, signing.err);
    for text in [Base64UrlUnpadded::encode_string(private), Base64::encode_string(private)] {
        assert!(!output.contains(text.trim_end_matches('=')));
    }
}

#[test]
fn a_wrong_passphrase_is_refused_and_says_nothing_of_the_key() {
    let scratch = Scratch::new();
    let (key, _, public) = scratch.signing_key();
    let wrong = scratch.file("wrong", "correct hors");
    for passphrase in
        [&wrong, &scratch.file("empty", ""), &scratch.file("other", "\ncorrect horse")]
    {
        let refused = wo(&["key", "public", &key, "--passphrase-file", passphrase], b"").refusal();
        assert!(refused.contains("passphrase"), "{refused}");
        assert!(!refused.contains(&public));
        let payload = crate::signing::payload_for(&public);
        let signed = crate::signing::sign(&key, passphrase, &payload);
        assert_eq!((signed.code, signed.out.as_str()), (1, ""), "{}", signed.err);
    }
    let missing = wo(&["key", "public", &key, "--passphrase-file", "/nowhere"], b"").refusal();
    assert!(missing.contains("/nowhere"), "{missing}");
}

#[test]
fn a_damaged_file_is_refused() {
    let scratch = Scratch::new();
    let (key, passphrase, _) = scratch.signing_key();
    let pem = read(&key);
    let lines: Vec<&str> = pem.lines().collect();
    let damaged = [
        String::new(),
        pem.replacen(lines[2], &lines[2].chars().rev().collect::<String>(), 1),
        lines[..2].join("\n"),
        pem.replace("ENCRYPTED ", ""),
        pem.replace("ENCRYPTED PRIVATE", "PUBLIC"),
    ];
    for (index, text) in damaged.iter().enumerate() {
        let file = scratch.file(&format!("damaged{index}"), text);
        let refused =
            wo(&["key", "public", &file, "--passphrase-file", &passphrase], b"").refusal();
        assert!(refused.contains("damaged"), "{refused}");
    }
}

#[test]
fn an_existing_file_is_not_replaced() {
    let scratch = Scratch::new();
    let (key, passphrase, public) = scratch.signing_key();
    let before = read(&key);
    for command in [
        &["key", "new", "--for", "signer", "--out", &key, "--passphrase-file", &passphrase][..],
        &["key", "new", "--for", "issuer", "--out", &key],
    ] {
        assert!(wo(command, b"").refusal().contains("exists"));
        assert_eq!(read(&key), before);
    }
    assert_eq!(wo(&["key", "public", &key, "--passphrase-file", &passphrase], b"").line(), public);
}

#[test]
fn a_new_passphrase_is_not_short() {
    let scratch = Scratch::new();
    let key = scratch.path("key.pem");
    for short in ["", "seven77", "\n"] {
        let file = scratch.file("short", short);
        let new = ["key", "new", "--for", "signer", "--out", &key, "--passphrase-file", &file];
        let refused = wo(&new, b"").refusal();
        assert!(refused.contains("8 characters"), "{refused}");
        assert!(!std::fs::exists(&key).unwrap());
    }
}

#[test]
fn the_passphrase_file_may_be_named_by_the_environment_and_never_is_the_passphrase_itself() {
    let scratch = Scratch::new();
    let (key, passphrase, public) = scratch.signing_key();
    let named = Command::new(env!("CARGO_BIN_EXE_wo"))
        .args(["key", "public", &key])
        .env("WO_PASSPHRASE_FILE", &passphrase)
        .output()
        .unwrap();
    assert_eq!(String::from_utf8(named.stdout).unwrap().trim_end(), public);
    let refused = wo(&["key", "public", &key, "--passphrase", "correct horse"], b"");
    assert_eq!(refused.code, 2, "{}", refused.err);
    // Neither a file nor a terminal.
    assert!(wo(&["key", "public", &key], b"").refusal().contains("--passphrase-file"));
}

#[test]
fn a_token_issuers_key_stays_as_it_is() {
    let scratch = Scratch::new();
    let key = scratch.path("issuer.pem");
    let public = wo(&["key", "new", "--for", "issuer", "--out", &key], b"").line();
    assert!(read(&key).starts_with("-----BEGIN PRIVATE KEY-----\n"));
    assert_eq!(wo(&["key", "public", &key], b"").line(), public);
    let token = [
        "token",
        "--key",
        &key,
        "--key-id",
        "k1",
        "--issuer",
        "i",
        "--subject",
        "s",
        "--audience",
        "a",
        "--tenant",
        "019a0000-0000-7000-8000-000000000001",
    ];
    assert_eq!(wo(&token, b"").line().split('.').count(), 3);
}

/// One verb makes every key. A ledger's key without a name, or a key for nothing, would be found out when it is used.
#[test]
fn a_key_is_made_for_one_of_three_purposes_and_a_ledgers_has_a_name() {
    let scratch = Scratch::new();
    let key = scratch.path("key");
    for wrong in [
        &["key", "new", "--out", &key][..],
        &["key", "new", "--for", "all", "--out", &key],
        &["key", "new", "--for", "ledger", "--out", &key],
        &["keygen", "--out", &key],
        &["ledger", "key", "--name", "x", "--out", &key],
    ] {
        let refused = wo(wrong, b"");
        assert_eq!((refused.code, refused.out.as_str()), (2, ""), "{wrong:?} {}", refused.err);
        assert!(!std::fs::exists(&key).unwrap(), "{wrong:?}");
    }
}
