//! Proof bundles.

use crate::support::{LEDGER, Store, checkpoint, key, leaves};
use wo_rules::ledger::bundle::{Bundle, Proven};
use wo_rules::ledger::key::SealingKey;
use wo_rules::ledger::{Hash, leaf_hash};

/// The entry's hash, by its sequence.
fn entry_hash(sequence: i64) -> Hash {
    leaf_hash(&[u8::try_from(sequence).unwrap()])
}

fn known(sequence: i64) -> Option<Hash> {
    (1..=4).contains(&sequence).then(|| entry_hash(sequence))
}

/// Four entries of one chain among the leaves of others.
fn bundle() -> Bundle {
    const PLACES: [u64; 4] = [3, 256, 257, 600];
    let mut all = leaves(700);
    for (sequence, place) in (1..).zip(PLACES) {
        all[place as usize] = leaf_hash(&entry_hash(sequence));
    }
    let mut store = Store::of(&all);
    let proofs = store.inclusions(&PLACES, 700).unwrap();
    let entries = (1..).zip(PLACES).zip(proofs);
    Bundle {
        checkpoint: checkpoint(700, store.root(700).unwrap()).sign(&key()),
        entries: entries
            .map(|((sequence, leaf_index), hashes)| Proven { hashes, leaf_index, sequence })
            .collect(),
    }
}

#[test]
fn an_honest_bundle_holds_and_has_one_text() {
    let bundle = bundle();
    assert_eq!(bundle.verify(Some(key().verifier()), known), []);
    assert_eq!(bundle.verify(None, known), []);
    let text = bundle.to_json();
    assert_eq!(Bundle::read(&text).unwrap(), bundle);
    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(text, serde_json_canonicalizer::to_string(&value).unwrap());
}

#[test]
fn any_change_of_a_proof_is_found_and_named() {
    let changes: [fn(&mut Proven); 9] = [
        |proven| proven.hashes[0][0] ^= 1,
        |proven| _ = proven.hashes.pop(),
        |proven| proven.hashes.push([0; 32]),
        |proven| proven.hashes.swap(0, 1),
        |proven| proven.leaf_index += 1,
        |proven| proven.leaf_index = 700,
        |proven| proven.leaf_index = u64::MAX,
        |proven| proven.sequence += 10,
        |proven| proven.sequence = -1,
    ];
    for place in 0..4 {
        for (number, change) in changes.into_iter().enumerate() {
            let mut changed = bundle();
            change(&mut changed.entries[place]);
            let found = changed.verify(Some(key().verifier()), known);
            let named = found.iter().any(|problem| problem.entry == Some(place));
            assert!(named, "change {number} of {place}: {found:?}");
        }
    }
}

#[test]
fn another_entry_does_not_pass_for_the_sealed_one() {
    let found = bundle().verify(None, |sequence| match sequence {
        2 => Some([9; 32]),
        sequence => known(sequence),
    });
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].entry, Some(1));
    assert!(found[0].problem.contains("entry 2"), "{found:?}");
}

#[test]
fn two_entries_do_not_share_a_leaf_nor_stand_out_of_order() {
    let mut twice = bundle();
    twice.entries[1] = Proven { sequence: 2, ..twice.entries[0].clone() };
    assert!(twice.verify(None, known)[0].problem.contains("that of another entry"));
    let mut turned = bundle();
    turned.entries.swap(0, 1);
    assert_eq!(turned.verify(None, known)[0].entry, Some(1));
}

#[test]
fn a_checkpoint_of_somebody_else_is_found() {
    let other = SealingKey::new(LEDGER, &[8; 32]).unwrap();
    let found = bundle().verify(Some(other.verifier()), known);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].entry, None);
    let mut torn = bundle();
    torn.checkpoint.pop();
    assert_eq!(torn.verify(None, known)[0].entry, None);
}

#[test]
fn a_text_that_is_not_exactly_a_bundle_is_refused() {
    let text = bundle().to_json();
    for (from, to) in [
        ("{\"checkpoint\"", "{\"more\":1,\"checkpoint\""),
        ("\"leaf_index\":3", "\"leaf_index\":3,\"more\":1"),
        ("\"leaf_index\":3", "\"leaf_index\":-3"),
        ("\"leaf_index\":3", "\"leaf_index\":3,\"leaf_index\":3"),
        ("\"hashes\":[\"", "\"hashes\":[\"A"),
        ("\"hashes\":[\"", "\"hashes\":[null,\""),
        ("\"entries\":[", "\"entries\":[[],"),
    ] {
        let wrong = text.replacen(from, to, 1);
        assert_ne!(wrong, text);
        assert!(Bundle::read(&wrong).is_err(), "{to}");
    }
}
