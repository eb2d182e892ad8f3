//! Signing on the command line.

use crate::support::*;
use base64ct::{Base64UrlUnpadded, Encoding};
use wo_rules::approval::act::{ActFormat, ActPayload};
use wo_rules::approval::content::Covers;
use wo_rules::approval::payload::{Decision, Format, Payload, key_id, verify};

/// A payload that asks for the key with that public half.
pub fn payload_for(public: &str) -> Payload {
    Payload {
        action: "close".to_owned(),
        children: Vec::new(),
        content_sha256: "ab".repeat(32),
        covers: Covers::Result,
        decision: Decision::Rejected,
        delegation_id: Some("019a0000-0000-7000-8000-000000000006".to_owned()),
        expires_at: "2026-11-21T14:10:03.123456Z".to_owned(),
        format: Format::V1,
        from_status: "review".to_owned(),
        key_id: key_id(&Base64UrlUnpadded::decode_vec(public).unwrap()),
        meaning: "approval".to_owned(),
        nonce: "0f".repeat(32),
        on_behalf_of: Some("mia".to_owned()),
        printed_name: "Ann Example".to_owned(),
        reason: Some("not\u{1b}[2J yet".to_owned()),
        role: "qa".to_owned(),
        server_time: "2026-11-21T14:05:03.123456Z".to_owned(),
        signer: "ann".to_owned(),
        tenant_id: "019a0000-0000-7000-8000-000000000001".to_owned(),
        time_zone: "Europe/Berlin".to_owned(),
        to_status: "closed".to_owned(),
        version: 7,
        waives: None,
        work_order: "WO-1".to_owned(),
        work_order_id: "019a0000-0000-7000-8000-000000000002".to_owned(),
    }
}

pub fn sign(key: &str, passphrase: &str, payload: &Payload) -> Ran {
    sign_bytes(key, passphrase, &payload.canonical())
}

fn sign_bytes(key: &str, passphrase: &str, bytes: &[u8]) -> Ran {
    wo(&["sign", "--key", key, "--passphrase-file", passphrase], bytes)
}

#[test]
fn what_is_signed_is_the_exact_payload_and_openssl_agrees() {
    let scratch = Scratch::new();
    let (key, passphrase, public) = scratch.signing_key();
    let bytes = payload_for(&public).canonical();
    let signature = sign_bytes(&key, &passphrase, &bytes).line();
    let signature = Base64UrlUnpadded::decode_vec(&signature).unwrap();
    let public = Base64UrlUnpadded::decode_vec(&public).unwrap();
    assert!(verify(&public, &bytes, &signature));
    // OpenSSL 3.0 verifies Ed25519 over a whole file with -rawin.
    let (public_file, passphrase) = (scratch.path("public.pem"), format!("file:{passphrase}"));
    let extract = ["pkey", "-in", &key, "-passin", &passphrase, "-pubout", "-out", &public_file];
    let extracted = openssl(&extract);
    assert_eq!(extracted.code, 0, "{}", extracted.err);
    let check = |message: &[u8]| {
        let (signed, made) =
            (scratch.file("payload", message), scratch.file("signature", &signature));
        openssl(&[
            "pkeyutl",
            "-verify",
            "-pubin",
            "-inkey",
            &public_file,
            "-rawin",
            "-in",
            &signed,
            "-sigfile",
            &made,
        ])
    };
    let verified = check(&bytes);
    assert_eq!(verified.code, 0, "{verified:?}");
    let mut other = bytes.clone();
    other[20] ^= 1;
    assert_ne!(check(&other).code, 0);
}

#[test]
fn the_signer_reads_in_plain_words_what_is_signed() {
    let scratch = Scratch::new();
    let (key, passphrase, public) = scratch.signing_key();
    let shown = sign(&key, &passphrase, &payload_for(&public)).err;
    for words in [
        "work order     WO-1, version 7",
        "decision       REJECTED: close, from review to closed",
        "meaning        approval",
        "role           qa",
        "as             Ann Example (ann), on behalf of mia",
        "reason         not\\u{1b}[2J yet",
        "covers         the plan and the result",
    ] {
        assert!(shown.contains(words), "{words} is not in {shown}");
    }
}

#[test]
fn what_is_no_canonical_payload_is_not_signed() {
    let scratch = Scratch::new();
    let (key, passphrase, public) = scratch.signing_key();
    let bytes = payload_for(&public).canonical();
    let text = String::from_utf8(bytes.clone()).unwrap();
    let refused = [
        Vec::new(),
        b"anything".to_vec(),
        b"eyJhbGciOiJFZERTQSJ9.e30".to_vec(),
        [&bytes[..], b"\n\n"].concat(),
        [&bytes[..], b" "].concat(),
        [b" ", &bytes[..]].concat(),
        text.replace("signature.v1", "signature.v2").into_bytes(),
        text.replace(":7,", ": 7,").into_bytes(),
        vec![b'['; 2 << 20],
        vec![0xff; 100],
    ];
    for input in refused {
        let said = sign_bytes(&key, &passphrase, &input).refusal();
        assert!(said.contains("payload"), "{said}");
    }
}

/// A person must not sign an act without reading which it is.
#[test]
fn the_signer_of_an_act_reads_in_plain_words_what_is_signed() {
    let scratch = Scratch::new();
    let (key, passphrase, public) = scratch.signing_key();
    let of_a_transition = payload_for(&public);
    let payload = ActPayload {
        content_sha256: of_a_transition.content_sha256,
        decision: Some("accepted".to_owned()),
        expires_at: of_a_transition.expires_at,
        format: ActFormat::V1,
        key_id: of_a_transition.key_id,
        kind: "step".to_owned(),
        meaning: "disposition".to_owned(),
        nonce: of_a_transition.nonce,
        printed_name: of_a_transition.printed_name,
        reason: Some("see deviation 12".to_owned()),
        role: "qa".to_owned(),
        server_time: of_a_transition.server_time,
        signer: of_a_transition.signer,
        subject: "mains_voltage".to_owned(),
        tenant_id: of_a_transition.tenant_id,
        time_zone: of_a_transition.time_zone,
        work_order: "WO-1".to_owned(),
        work_order_id: of_a_transition.work_order_id,
    };
    let bytes = payload.canonical();
    let ran = sign_bytes(&key, &passphrase, &bytes);
    for words in [
        "work order     WO-1",
        "step           mains_voltage",
        "decision       ACCEPTED",
        "meaning        disposition",
        "as             Ann Example (ann)",
        "reason         see deviation 12",
    ] {
        assert!(ran.err.contains(words), "{words} is not in {}", ran.err);
    }
    let signature = Base64UrlUnpadded::decode_vec(&ran.line()).unwrap();
    assert!(verify(&Base64UrlUnpadded::decode_vec(&public).unwrap(), &bytes, &signature));
    // Nothing of another layout.
    let other = String::from_utf8(bytes).unwrap().replace("signature.v1", "signature.v2");
    assert!(sign_bytes(&key, &passphrase, other.as_bytes()).refusal().contains("payload"));
}

/// psql writes one, and what is signed is the payload without it.
#[test]
fn a_line_break_behind_a_payload_is_no_part_of_what_is_signed() {
    let scratch = Scratch::new();
    let (key, passphrase, public) = scratch.signing_key();
    let bytes = payload_for(&public).canonical();
    let signed = sign_bytes(&key, &passphrase, &bytes);
    for end in ["\n", "\r\n"] {
        let other = sign_bytes(&key, &passphrase, &[&bytes[..], end.as_bytes()].concat());
        assert_eq!((other.code, &other.out), (0, &signed.out));
    }
}

#[test]
fn a_payload_for_another_key_is_not_signed() {
    let scratch = Scratch::new();
    let other = Scratch::new();
    let (key, passphrase, _) = scratch.signing_key();
    let (_, _, public) = other.signing_key();
    let payload = payload_for(&public);
    let said = sign(&key, &passphrase, &payload).refusal();
    assert!(said.contains(&payload.key_id), "{said}");
}
