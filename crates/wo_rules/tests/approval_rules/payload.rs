//! The bytes that are signed, and the check of signatures.

use crate::support::{ODD_TEXTS, payload};
use base64ct::{Base64UrlUnpadded, Encoding};
use ed25519_dalek::{Signer, SigningKey};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use wo_rules::approval::payload::*;

fn key() -> SigningKey {
    SigningKey::from_bytes(&Sha256::digest("a key in tests").into())
}

const CANONICAL: &str = concat!(
    r#"{"action":"close","children":[{"content_sha256":"cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd","#,
    r#""id":"019a0000-0000-7000-8000-000000000003","work_order":"WO-2"}],"#,
    r#""content_sha256":"abababababababababababababababababababababababababababababababab","#,
    r#""covers":"result","decision":"approved","delegation_id":null,"#,
    r#""expires_at":"2026-11-21T14:10:03.123456Z","format":"wo_core.signature.v1","#,
    r#""from_status":"review","key_id":"kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k","#,
    r#""meaning":"approval","nonce":"0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f","#,
    r#""on_behalf_of":null,"printed_name":"Ann \"A.\" Example","reason":null,"role":"qa","#,
    r#""server_time":"2026-11-21T14:05:03.123456Z","signer":"ann","#,
    r#""tenant_id":"019a0000-0000-7000-8000-000000000001","time_zone":"Europe/Berlin","#,
    r#""to_status":"closed","version":7,"waives":null,"work_order":"WO-1","#,
    r#""work_order_id":"019a0000-0000-7000-8000-000000000002"}"#
);

#[test]
fn the_signed_bytes_never_change() {
    assert_eq!(String::from_utf8(payload().canonical()).unwrap(), CANONICAL);
    assert_eq!(Payload::read(CANONICAL.as_bytes()), Ok(payload()));
}

#[test]
fn the_signed_bytes_are_jcs_and_read_back_whatever_the_texts_hold() {
    for text in ODD_TEXTS {
        let mut odd = payload();
        for member in [&mut odd.action, &mut odd.printed_name, &mut odd.signer, &mut odd.work_order]
        {
            text.clone_into(member);
        }
        odd.reason = Some(text.to_owned());
        odd.on_behalf_of = Some(text.to_owned());
        odd.delegation_id = Some(odd.tenant_id.clone());
        odd.waives = Some(odd.tenant_id.clone());
        odd.children[0].work_order = text.to_owned();
        odd.version = (1 << 53) - 1;
        let bytes = odd.canonical();
        let value: Value = serde_json::from_slice(&bytes).unwrap();
        assert_eq!(bytes, serde_json_canonicalizer::to_vec(&value).unwrap(), "{text:?}");
        assert_eq!(Payload::read(&bytes), Ok(odd));
    }
}

fn read_of(change: impl FnOnce(&mut Payload)) -> Result<Payload, String> {
    let mut changed = payload();
    change(&mut changed);
    Payload::read(&changed.canonical())
}

#[test]
fn a_malformed_member_is_refused_by_name() {
    let id = "019A0000-0000-7000-8000-000000000001";
    let cases = [
        ("content_sha256", read_of(|p| p.content_sha256 = "AB".repeat(32))),
        ("content_sha256", read_of(|p| p.content_sha256 = "ab".repeat(31))),
        ("nonce", read_of(|p| p.nonce = "g0".repeat(32))),
        ("children", read_of(|p| p.children[0].content_sha256.clear())),
        ("children", read_of(|p| p.children[0].id = "1".to_owned())),
        ("tenant_id", read_of(|p| p.tenant_id = id.to_owned())),
        ("work_order_id", read_of(|p| p.work_order_id = String::new())),
        ("delegation_id", read_of(|p| p.delegation_id = Some("x".to_owned()))),
        ("waives", read_of(|p| p.waives = Some(format!("{{{}}}", p.tenant_id)))),
        ("server_time", read_of(|p| p.server_time = "2026-11-21T14:05:03Z".to_owned())),
        ("server_time", read_of(|p| p.server_time = "2026-13-21T14:05:03.000000Z".to_owned())),
        ("expires_at", read_of(|p| p.expires_at = "infinity".to_owned())),
        ("expires_at", read_of(|p| p.expires_at = "2026-11-21T14:05:03.00000éZ".to_owned())),
        ("key_id", read_of(|p| p.key_id = "k1".to_owned())),
        ("version", read_of(|p| p.version = 0)),
        ("version", read_of(|p| p.version = 1 << 53)),
        ("meaning", read_of(|p| p.meaning = " ".to_owned())),
        ("role", read_of(|p| p.role.clear())),
    ];
    for (member, read) in cases {
        let problem = read.expect_err(member);
        assert!(problem.contains(member), "{member}: {problem}");
    }
}

#[test]
fn only_the_canonical_bytes_are_a_payload() {
    let value = || serde_json::from_str::<Value>(CANONICAL).unwrap();
    let mut variants = vec![
        CANONICAL.replacen(':', ": ", 1),
        format!(" {CANONICAL}"),
        format!("{CANONICAL}\n"),
        CANONICAL.replace("review", "\\u0072eview"),
        CANONICAL.replace("\"version\":7", "\"version\":7.0"),
        CANONICAL.replace("\"version\":7", "\"version\":07"),
        CANONICAL.replace("\"version\":7", "\"version\":\"7\""),
        CANONICAL.replace("\"waives\":null", "\"waives\":null,\"waives\":null"),
        CANONICAL.replace("wo_core.signature.v1", "wo_core.signature.v2"),
        CANONICAL.replace("\"approved\"", "\"maybe\""),
        CANONICAL.replace("\"result\"", "\"all\""),
        "{}".to_owned(),
        "[".repeat(1 << 20),
        String::new(),
    ];
    for member in value().as_object().unwrap().keys() {
        let mut without = value();
        without.as_object_mut().unwrap().shift_remove(member);
        variants.push(without.to_string());
    }
    let mut more = value();
    more["zone"] = json!("x");
    variants.push(more.to_string());
    for variant in variants {
        assert!(Payload::read(variant.as_bytes()).is_err(), "{:.300}", variant);
    }
    let long = read_of(|p| p.reason = Some("a".repeat(LONGEST_PAYLOAD)));
    assert!(long.unwrap_err().contains("longer"));
}

#[test]
fn every_flip_of_a_bit_of_the_signed_bytes_breaks_the_signature() {
    let key = key();
    let public = key.verifying_key();
    let bytes = payload().canonical();
    let signature = key.sign(&bytes).to_bytes();
    assert!(verify(public.as_bytes(), &bytes, &signature));
    for index in 0..bytes.len() {
        let mut flipped = bytes.clone();
        flipped[index] ^= 1 << (index % 8);
        assert!(!verify(public.as_bytes(), &flipped, &signature), "byte {index}");
    }
    for index in 0..signature.len() * 8 {
        let mut flipped = signature;
        flipped[index / 8] ^= 1 << (index % 8);
        assert!(!verify(public.as_bytes(), &bytes, &flipped), "bit {index}");
    }
}

#[test]
fn what_is_malformed_does_not_hold() {
    let key = key();
    let signature = key.sign(b"m").to_bytes();
    let public = key.verifying_key().to_bytes();
    assert!(verify(&public, b"m", &signature));
    assert!(!verify(&public[..31], b"m", &signature));
    assert!(!verify(&[], b"m", &signature));
    assert!(!verify(&[0xff; 32], b"m", &signature));
    assert!(!verify(&public, b"m", &signature[..63]));
    assert!(!verify(&public, b"m", &[signature.as_slice(), &[0]].concat()));
    assert!(!verify(&public, b"m", &[]));
    // The identity as key and as R, with S = 0, satisfies the equation for every message.
    let mut identity = [0; 32];
    identity[0] = 1;
    let mut forged = [0; 64];
    forged[0] = 1;
    assert!(!verify(&identity, b"m", &forged));
}

#[test]
fn a_public_key_is_a_point_of_large_order_in_its_one_spelling() {
    let public = key().verifying_key().to_bytes();
    assert!(check_public_key(&public).is_ok());
    let mut identity = [0; 32];
    identity[0] = 1;
    let mut not_a_point = [0; 32];
    not_a_point[0] = 2;
    // y = p + 3 is a spelling of y = 3, which is a point of large order.
    let mut respelled = [0xff; 32];
    (respelled[0], respelled[31]) = (0xf0, 0x7f);
    let mut plain = [0; 32];
    plain[0] = 3;
    assert!(check_public_key(&plain).is_ok());
    for bad in [&identity[..], &not_a_point, &respelled, &[0; 32], &public[..31], &[]] {
        let refusal = check_public_key(bad).unwrap_err();
        assert_eq!((refusal.sqlstate.code(), refusal.code), ("22023", "public_key_invalid"));
    }
}

#[test]
fn a_key_is_named_by_the_hash_of_its_bytes() {
    // The key of RFC 8037; its fingerprint computed with Python.
    let public =
        Base64UrlUnpadded::decode_vec("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo").unwrap();
    assert_eq!(key_id(&public), "If4x36FUomFia_hUBG_SJxt77UtqvkWqWId-9H-XIbk");
}
