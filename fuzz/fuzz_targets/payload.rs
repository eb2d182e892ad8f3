//! Whatever is read as a payload is, byte for byte, what is written of it, and no bytes but the
//! signed ones hold under a signature; nothing panics.

#![no_main]

mod edits;
#[allow(dead_code)]
#[path = "../../crates/wo_rules/tests/approval_rules/support.rs"]
mod support;

use ed25519_dalek::{Signer, SigningKey};
use edits::edited;
use libfuzzer_sys::fuzz_target;
use sha2::{Digest, Sha256};
use std::sync::LazyLock;
use wo_rules::approval::payload::{Payload, check_public_key, verify};

struct Signed {
    bytes: Vec<u8>,
    public: [u8; 32],
    signature: [u8; 64],
}

static SIGNED: LazyLock<Signed> = LazyLock::new(|| {
    let key = SigningKey::from_bytes(&Sha256::digest("a key in tests").into());
    let bytes = support::payload().canonical();
    let signature = key.sign(&bytes).to_bytes();
    Signed { bytes, public: key.verifying_key().to_bytes(), signature }
});

fuzz_target!(|input: &[u8]| {
    let Some((kind, rest)) = input.split_first() else { return };
    if kind % 2 == 0 {
        let changed = edited(&SIGNED.bytes, rest);
        check_reading(&changed);
        let holds = verify(&SIGNED.public, &changed, &SIGNED.signature);
        assert_eq!(holds, changed == SIGNED.bytes);
    } else {
        check_reading(rest);
        let (key, rest) = rest.split_at(rest.len().min(32));
        let (signature, message) = rest.split_at(rest.len().min(64));
        let _ = check_public_key(key);
        let _ = verify(key, message, signature);
    }
});

fn check_reading(bytes: &[u8]) {
    if let Ok(payload) = Payload::read(bytes) {
        assert_eq!(payload.canonical(), bytes);
    }
}
