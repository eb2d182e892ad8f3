//! The page says which entries are sealed, and in which checkpoint.

use serde_json::json;
use wo_rules::ledger::bundle::{Bundle, Proven};
use wo_rules::ledger::checkpoint::Checkpoint;
use wo_rules::ledger::hash_text;
use wo_rules::ledger::key::SealingKey;

use super::sample::*;
use super::support::*;

fn bundle(sequences: impl IntoIterator<Item = i64>, extensions: Vec<String>) -> serde_json::Value {
    let checkpoint = Checkpoint {
        origin: "ledger.example/wo".to_owned(),
        size: 1_234,
        root: [7; 32],
        extensions,
    };
    let key = SealingKey::new("ledger.example/wo", &[7; 32]).unwrap();
    let entries = sequences
        .into_iter()
        .map(|sequence| Proven { hashes: Vec::new(), leaf_index: 0, sequence })
        .collect();
    let bundle = Bundle { checkpoint: checkpoint.sign(&key), entries };
    serde_json::from_str(&bundle.to_json()).unwrap()
}

#[test]
fn sealed_and_unsealed_entries_are_told_apart_with_their_checkpoint() {
    let mut sections = sections();
    sections["ledger"] = bundle((1..=5).chain([8]), Vec::new());
    let (_, document) = page(&sections);
    let shown = words_of(&document, ".ledger");
    for part in [
        "6 of 22 entries are sealed.",
        "Ledger ledger.example/wo",
        "Entries sealed, of all work orders 1234",
        &hash_text(&[7; 32]),
        "Entries of this trail that are sealed 1–5, 8",
        "Entries that were not yet sealed 6–7, 9–22",
        "--sealing-key KEY",
    ] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    assert!(!shown.contains("Recovery"));
    sections["ledger"] = bundle(1..=22, vec![format!("recovery 2 {}", hash_text(&[9; 32]))]);
    let (_, document) = page(&sections);
    let shown = words_of(&document, ".ledger");
    assert!(shown.contains("Every entry of the trail is sealed."), "{shown}");
    assert!(shown.contains("not yet sealed none"), "{shown}");
    assert!(shown.contains("Recovery before it number 2"), "{shown}");
}

#[test]
fn a_package_without_seals_says_so() {
    let (_, document) = page(&sections());
    assert!(all(&document, ".ledger").is_empty());
    assert!(words_of(&document, "section[aria-labelledby=proof]").contains("had not been sealed"));
}

#[test]
fn seals_that_cannot_be_read_are_said_to_be_so() {
    let mut sections = sections();
    for wrong in [json!({"checkpoint": "<b>", "entries": []}), json!({"<b>": 1}), json!([])] {
        sections["ledger"] = wrong;
        let (_, document) = page(&sections);
        assert!(words_of(&document, ".ledger").contains("cannot be read"));
        assert!(all(&document, ".ledger b").is_empty());
    }
}
