//! The ledger in a package: what is sealed is what the trail holds, and a checkpoint from elsewhere
//! finds what was hashed anew.

use crate::sample::*;
use serde_json::{Value, json};
use wo_rules::evidence::verify::{
    LedgerReport, Outside, Report, SignatureCheck, Verdict, verify, verify_with,
};
use wo_rules::ledger::bundle::{Bundle, Proven};
use wo_rules::ledger::checkpoint::Checkpoint;
use wo_rules::ledger::key::SealingKey;
use wo_rules::ledger::proof::Consistency;
use wo_rules::ledger::{Hash, hash_text, leaf_hash, tree};

/// The entries of the sample.
const ENTRIES: usize = 16;

/// A ledger whose tree fits into one tile.
struct Ledger {
    leaves: Vec<Hash>,
    /// The leaf of each entry of the sample, by its place in the trail.
    places: Vec<u64>,
}

fn key() -> SealingKey {
    SealingKey::new("ledger.example/wo", &[7; 32]).unwrap()
}

impl Ledger {
    /// The ledger of that package: between two of its entries stands one of another work order.
    fn of(sample: &mut Sample) -> Self {
        let mut ledger = Self { leaves: Vec::new(), places: Vec::new() };
        for entry in sample.section("trail").as_array().unwrap() {
            ledger.leaves.push(leaf_hash(&[ledger.leaves.len() as u8]));
            ledger.places.push(ledger.leaves.len() as u64);
            let hash = hex::decode(entry["entry_hash"].as_str().unwrap()).unwrap();
            ledger.leaves.push(leaf_hash(&hash));
        }
        ledger
    }

    fn read(&self) -> impl FnMut(u8, u64) -> Option<Vec<u8>> {
        |_, _| Some(self.leaves.as_flattened().to_vec())
    }

    fn checkpoint(&self, size: u64) -> Checkpoint {
        let root = tree::root(size, &mut self.read()).unwrap();
        Checkpoint { origin: "ledger.example/wo".to_owned(), size, root, extensions: Vec::new() }
    }

    fn note(&self, size: u64) -> String {
        self.checkpoint(size).sign(&key())
    }

    fn bundle(&self, size: u64) -> Bundle {
        let sealed = self.places.iter().filter(|place| **place < size);
        let entries = (1..).zip(sealed).map(|(sequence, place)| Proven {
            hashes: tree::inclusion(*place, size, &mut self.read()).unwrap(),
            leaf_index: *place,
            sequence,
        });
        Bundle { checkpoint: self.note(size), entries: entries.collect() }
    }

    fn consistency(&self, from: u64, to: u64) -> Option<Consistency> {
        let hashes = tree::consistency(from, to, &mut self.read()).unwrap();
        Some(Consistency { from, to, hashes })
    }
}

/// The sample, sealed up to that size, and its ledger.
fn sealed(size: u64) -> (Sample, Ledger) {
    let mut sample = sample();
    let ledger = Ledger::of(&mut sample);
    *sample.section("ledger") = serde_json::from_str(&ledger.bundle(size).to_json()).unwrap();
    (sample, ledger)
}

fn with_key() -> Outside {
    Outside { sealing_key: Some(key().verifier().clone()), ..Outside::default() }
}

#[track_caller]
fn assert_found(report: &Report, pointer: &str, said: &str) {
    assert!(!report.intact);
    let is_there = |found: &&wo_rules::evidence::verify::Problem| {
        found.pointer == pointer && found.problem.contains(said)
    };
    assert!(report.problems.iter().any(|found| is_there(&found)), "{:?}", report.problems);
}

/// Nothing is wrong, and what is said decides the question.
#[track_caller]
fn assert_undecided(report: &Report, said: &str) {
    assert_eq!((report.intact, report.verdict), (false, Verdict::Undecided));
    assert_eq!(report.problems, []);
    assert!(report.undecided[0].contains(said), "{:?}", report.undecided);
}

#[test]
fn a_sealed_package_is_intact_and_says_what_is_sealed() {
    let (sample, ledger) = sealed(25);
    let report = verify(&sample.bytes());
    assert_eq!(report.problems, []);
    let expected = LedgerReport {
        sealed_entries: 12,
        unsealed_entries: 4,
        origin: Some("ledger.example/wo".to_owned()),
        checkpoint_size: Some(25),
        checkpoint_root: Some(hash_text(&ledger.checkpoint(25).root)),
        signature: SignatureCheck::NotChecked,
        trusted_entries: None,
    };
    assert_eq!(report.ledger, expected);
    let report = verify_with(&sample.bytes(), &with_key());
    assert_eq!(report.problems, []);
    assert_eq!(report.ledger, LedgerReport { signature: SignatureCheck::Verified, ..expected });
    let value = serde_json::to_value(&report.ledger).unwrap();
    assert_eq!(value["signature"], "verified");
}

/// The leaves show the order of the positions: a trail whose entries took theirs in another order than
/// its own was notified backwards to a reader of its events.
#[test]
fn a_trail_that_was_sealed_in_another_order_than_its_own_is_found() {
    let mut sample = sample();
    let mut ledger = Ledger::of(&mut sample);
    ledger.leaves.swap(3, 5);
    ledger.places.swap(1, 2);
    *sample.section("ledger") = serde_json::from_str(&ledger.bundle(32).to_json()).unwrap();
    let report = verify_with(&sample.bytes(), &with_key());
    assert_found(&report, "/sections/ledger", "entry 3 was sealed as leaf 3");
    assert_eq!(report.problems.len(), 1, "{:?}", report.problems);
}

#[test]
fn a_package_without_seals_says_so_and_is_a_problem_only_where_that_is_asked_for() {
    let bytes = sample().bytes();
    let report = verify_with(&bytes, &with_key());
    assert!(report.intact);
    let none = LedgerReport { unsealed_entries: ENTRIES, ..LedgerReport::default() };
    assert_eq!(report.ledger, none);
    let report = verify_with(&bytes, &Outside { require_sealed: true, ..Outside::default() });
    assert_found(&report, "/sections/ledger", "entries 1–16");
    let (sample, _) = sealed(25);
    let strict = Outside { require_sealed: true, ..with_key() };
    let report = verify_with(&sample.bytes(), &strict);
    assert_found(&report, "/sections/ledger", "entries 13–16");
    let (sample, _) = sealed(32);
    assert!(verify_with(&sample.bytes(), &strict).intact);
}

#[test]
fn a_trail_hashed_anew_is_found_by_the_seals_that_it_had() {
    let (mut forged, _) = sealed(32);
    forged.section("trail")[7]["reason"] = json!("another reason");
    forged.rehash_chain();
    let report = verify(&forged.bytes());
    for place in 7..ENTRIES {
        let pointer = format!("/sections/ledger/entries/{place}");
        assert_found(&report, &pointer, "was not sealed as leaf");
    }
    assert_eq!(report.ledger.sealed_entries, 7);
}

/// The whole attack: the trail, the tree and the proofs are made anew, and only the key is missing.
#[test]
fn a_ledger_made_anew_is_found_by_the_key_and_by_any_checkpoint_from_elsewhere() {
    let (mut forged, honest) = sealed(32);
    forged.section("trail")[7]["reason"] = json!("another reason");
    forged.rehash_chain();
    let anew = Ledger::of(&mut forged);
    let mut bundle = anew.bundle(32);
    let thief = SealingKey::new("ledger.example/wo", &[8; 32]).unwrap();
    bundle.checkpoint = anew.checkpoint(32).sign(&thief);
    *forged.section("ledger") = serde_json::from_str(&bundle.to_json()).unwrap();
    let bytes = forged.bytes();
    assert!(verify(&bytes).intact, "nothing inside contradicts");
    let report = verify_with(&bytes, &with_key());
    assert_found(&report, "/sections/ledger/checkpoint", "not signed with the key");
    assert_eq!(report.ledger.signature, SignatureCheck::Failed);
    assert_eq!(report.ledger.sealed_entries, 0);
    for size in [16, 31, 32] {
        for consistency in [None, honest.consistency(size, 32), anew.consistency(size, 32)] {
            let checkpoint = Some(honest.note(size));
            let outside = Outside { checkpoint, consistency, ..Outside::default() };
            let report = verify_with(&bytes, &outside);
            assert!(!report.intact, "{size}");
            assert_eq!(report.ledger.trusted_entries, Some(0));
        }
    }
    let same_size = Outside { checkpoint: Some(honest.note(32)), ..Outside::default() };
    assert_found(&verify_with(&bytes, &same_size), "/sections/ledger", "sealed twice at size 32");
}

#[test]
fn a_trusted_checkpoint_is_that_of_the_proofs_or_tied_to_it() {
    let (sample, ledger) = sealed(25);
    let bytes = sample.bytes();
    let outside = |size, consistency| Outside {
        checkpoint: Some(ledger.note(size)),
        consistency,
        ..with_key()
    };
    let report = verify_with(&bytes, &outside(25, None));
    assert!(report.intact);
    assert_eq!(report.ledger.trusted_entries, Some(12));
    let report = verify_with(&bytes, &outside(32, ledger.consistency(25, 32)));
    assert!(report.intact, "{:?}", report.problems);
    assert_eq!((report.ledger.sealed_entries, report.ledger.trusted_entries), (12, Some(12)));
    let report = verify_with(&bytes, &outside(10, ledger.consistency(10, 25)));
    assert!(report.intact);
    assert_eq!((report.ledger.sealed_entries, report.ledger.trusted_entries), (12, Some(5)));
    let strict = Outside { require_sealed: true, ..outside(10, ledger.consistency(10, 25)) };
    assert_found(&verify_with(&bytes, &strict), "/sections/ledger", "entries 6–16");
    let report = verify_with(&bytes, &outside(32, None));
    assert_undecided(&report, "wo.consistency_proof(25, 32)");
    assert_eq!((report.ledger.sealed_entries, report.ledger.trusted_entries), (12, Some(0)));
    let report = verify_with(&bytes, &outside(32, ledger.consistency(24, 32)));
    assert_undecided(&report, "for the sizes 24 and 32, and the trees are of the sizes 25 and 32");
    let wrong = Consistency { hashes: Vec::new(), ..ledger.consistency(25, 32).unwrap() };
    let report = verify_with(&bytes, &outside(32, Some(wrong)));
    assert_found(&report, "/sections/ledger", "does not go on from");
    let mut elsewhere = ledger.checkpoint(25);
    elsewhere.origin = "other".to_owned();
    let note = elsewhere.sign(&SealingKey::new("other", &[7; 32]).unwrap());
    let other = Outside { checkpoint: Some(note), ..Outside::default() };
    assert_found(&verify_with(&bytes, &other), "/sections/ledger", "is of other");
    let torn = Outside { checkpoint: Some("x".to_owned()), ..Outside::default() };
    assert_found(&verify_with(&bytes, &torn), "/sections/ledger", "the checkpoint that was given:");
}

#[test]
fn newer_proofs_seal_what_the_package_could_not_yet_prove() {
    let (sample, ledger) = sealed(25);
    let strict = |bundle| Outside { bundle: Some(bundle), require_sealed: true, ..with_key() };
    let report = verify_with(&sample.bytes(), &strict(ledger.bundle(32)));
    assert!(report.intact, "{:?}", report.problems);
    assert_eq!(report.ledger.checkpoint_size, Some(32));
    assert_eq!(report.ledger.sealed_entries, ENTRIES);
    let unsealed = crate::sample::sample().bytes();
    assert!(verify_with(&unsealed, &strict(ledger.bundle(32))).intact);
    let mut later = ledger.bundle(32);
    later.entries.push(Proven { hashes: Vec::new(), leaf_index: 31, sequence: 17 });
    assert!(verify_with(&unsealed, &strict(later)).intact, "the trail went on since");
    let mut wrong = ledger.bundle(32);
    wrong.entries[3].hashes[0][0] ^= 1;
    let report = verify_with(&unsealed, &strict(wrong));
    assert_found(&report, "/sections/ledger", "the proof of entry 4 does not hold");
    let mut other = Ledger::of(&mut crate::sample::sample());
    other.leaves[0] = [9; 32];
    let report = verify_with(&sample.bytes(), &strict(other.bundle(25)));
    assert_found(&report, "/sections/ledger", "sealed twice at size 25");
}

#[test]
fn any_flipped_byte_of_the_seals_is_found() {
    let (sample, _) = sealed(25);
    let section: Value = sample.sections["ledger"].clone();
    let text = section.to_string();
    // Every byte takes seconds; the step meets every kind of place.
    for at in (0..text.len()).step_by(5) {
        let mut bytes = text.clone().into_bytes();
        bytes[at] ^= 1;
        let Ok(value) = serde_json::from_slice::<Value>(&bytes) else { continue };
        if value == section {
            continue;
        }
        let mut forged = sample.clone();
        *forged.section("ledger") = value;
        let report = verify_with(&forged.bytes(), &with_key());
        let named =
            report.problems.iter().any(|found| found.pointer.starts_with("/sections/ledger"));
        assert!(named, "{}", &text[at.saturating_sub(20)..at]);
    }
}

#[test]
fn a_section_that_is_no_bundle_is_found() {
    for wrong in [json!({}), json!([]), json!("x"), json!({"checkpoint": 1, "entries": []})] {
        let mut forged = sample();
        *forged.section("ledger") = wrong;
        assert_found(&verify(&forged.bytes()), "/sections/ledger", "not what stands here");
    }
}
