//! What holds for every payload and every content: by chance, the same ones in every run.

use crate::support::{ODD_TEXTS, TENANT, payload};
use ed25519_dalek::{Signer, SigningKey};
use sha2::{Digest, Sha256};
use wo_rules::approval::content::{Covers, canonical, content_hash};
use wo_rules::approval::payload::*;

/// Marsaglia's xorshift.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from((self.0 >> 11) % u64::try_from(limit).unwrap()).unwrap()
    }

    fn text(&mut self) -> String {
        let pieces =
            ["a", "é", "小", "\u{1F680}", "\"", "\\", "\n", "\u{1f}", "\u{7f}", "{", "1e5", " "];
        let odd = ODD_TEXTS[self.below(ODD_TEXTS.len())].to_owned();
        (0..self.below(12)).fold(odd, |text, _| text + pieces[self.below(pieces.len())])
    }

    fn optional(&mut self) -> Option<String> {
        (self.below(2) == 0).then(|| self.text())
    }

    fn hash(&mut self) -> String {
        hex::encode(Sha256::digest(self.below(usize::MAX).to_le_bytes()))
    }

    fn payload(&mut self) -> Payload {
        let children = (0..self.below(4)).map(|_| ChildContent {
            content_sha256: self.hash(),
            id: uuid::Uuid::from_u128(self.below(usize::MAX) as u128).to_string(),
            work_order: self.text(),
        });
        let children = children.collect();
        let decision = [Decision::Approved, Decision::Rejected][self.below(2)];
        Payload {
            action: self.text(),
            children,
            content_sha256: self.hash(),
            covers: [Covers::Plan, Covers::Result][self.below(2)],
            decision,
            from_status: self.text(),
            meaning: self.text(),
            nonce: self.hash(),
            on_behalf_of: self.optional(),
            printed_name: self.text(),
            reason: self.optional(),
            role: self.text(),
            signer: self.text(),
            version: 1 + self.below(1 << 53) as i64 % ((1 << 53) - 1),
            work_order: self.text(),
            ..payload()
        }
    }
}

#[test]
fn every_payload_is_jcs_reads_back_and_is_told_from_every_other() {
    let mut dice = Dice(0x9E37_79B9_7F4A_7C15);
    let mut seen = std::collections::HashMap::new();
    for _ in 0..2_000 {
        let payload = dice.payload();
        let bytes = payload.canonical();
        let value: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
        assert_eq!(bytes, serde_json_canonicalizer::to_vec(&value).unwrap());
        assert_eq!(Payload::read(&bytes).as_ref(), Ok(&payload));
        let other = seen.insert(bytes, payload.clone());
        assert!(other.is_none_or(|other| other == payload));
    }
}

#[test]
fn whatever_is_done_to_a_payload_is_refused_or_another_payload_that_the_signature_does_not_cover() {
    let mut dice = Dice(7);
    let key = SigningKey::from_bytes(&Sha256::digest("a key in tests").into());
    let public = key.verifying_key().to_bytes();
    for _ in 0..200 {
        let bytes = dice.payload().canonical();
        let signature = key.sign(&bytes).to_bytes();
        for _ in 0..10 {
            let mut changed = bytes.clone();
            let place = dice.below(changed.len());
            match dice.below(3) {
                0 => changed[place] ^= 1 << dice.below(8),
                1 => changed.insert(place, bytes[dice.below(bytes.len())]),
                _ => _ = changed.remove(place),
            }
            if let Ok(read) = Payload::read(&changed) {
                assert_eq!(read.canonical(), changed);
            }
            assert_eq!(verify(&public, &changed, &signature), changed == bytes);
        }
    }
}

#[test]
fn content_is_jcs_and_told_from_every_other() {
    let mut dice = Dice(11);
    let columns = ["title", "asset", "tags", "description", "priority", "actual_hours"];
    let mut seen = std::collections::HashMap::new();
    for _ in 0..2_000 {
        let values: Vec<(&str, String)> = columns
            .iter()
            .filter_map(|column| Some((*column, serde_json::json!(dice.optional()?).to_string())))
            .collect();
        let pairs = || values.iter().map(|(column, text)| (*column, text.as_str()));
        let bytes = canonical(TENANT, Covers::Result, pairs(), []);
        let value: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
        assert_eq!(bytes, serde_json_canonicalizer::to_vec(&value).unwrap());
        let hash = content_hash(TENANT, Covers::Result, pairs(), []);
        let other = seen.insert(hash, values.clone());
        assert!(other.is_none_or(|other| other == values));
    }
}
