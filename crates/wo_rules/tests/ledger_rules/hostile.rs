//! Whatever is claimed, an answer comes soon and is no panic.

use crate::support::{Dice, Store, checkpoint, key, leaves};
use std::time::{Duration, Instant};
use wo_rules::ledger::bundle::{Bundle, Proven};
use wo_rules::ledger::checkpoint::Checkpoint;
use wo_rules::ledger::proof::{verify_consistency, verify_inclusion};
use wo_rules::ledger::recovery::Statement;
use wo_rules::ledger::tile::{Damage, append, check_tile, width};
use wo_rules::ledger::{Hash, tree};

const SIZES: [u64; 12] = [
    0,
    1,
    2,
    255,
    256,
    1 << 32,
    (1 << 56) - 1,
    1 << 56,
    (1 << 63) - 1,
    1 << 63,
    u64::MAX - 1,
    u64::MAX,
];

#[test]
fn sizes_up_to_the_largest_integer_neither_overflow_nor_loop() {
    let begun = Instant::now();
    let tile = vec![3; 256 * 32];
    let root: Hash = [3; 32];
    for size in SIZES {
        for other in SIZES {
            let mut read = |_, _| Some(tile.clone());
            _ = tree::root(size, &mut read);
            if let Ok(proof) = tree::inclusion(other, size, &mut read) {
                assert!(proof.len() <= 64);
            }
            if let Ok(proof) = tree::consistency(other, size, &mut read) {
                assert!(proof.len() <= 65, "{other} {size}: {}", proof.len());
            }
            for length in [0, 1, 63, 64, 65, 66, 1_000] {
                let proof = vec![root; length];
                assert!(!verify_inclusion(&root, other, size, &proof, &[4; 32]));
                assert!(!verify_consistency(other, &root, size, &[4; 32], &proof));
            }
        }
    }
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
}

/// With tiles that all hold the same hash every complete subtree of a height has the same root, so
/// that proofs of the largest trees can be made and must verify.
#[test]
fn proofs_of_the_largest_trees_verify() {
    let mut roots = vec![[3; 32]];
    while roots.len() < 65 {
        let last = roots[roots.len() - 1];
        roots.push(wo_rules::ledger::node_hash(&last, &last));
    }
    let mut read = |level: u8, _| Some(roots[8 * usize::from(level)].repeat(256));
    for size in SIZES.into_iter().filter(|size| *size > 0) {
        let root = tree::root(size, &mut read).unwrap();
        for index in SIZES.into_iter().filter(|index| *index < size) {
            let proof = tree::inclusion(index, size, &mut read).unwrap();
            assert!(verify_inclusion(&roots[0], index, size, &proof, &root), "{index} {size}");
            let small = tree::root(index, &mut read).unwrap();
            let proof = tree::consistency(index, size, &mut read).unwrap();
            assert!(verify_consistency(index, &small, size, &root, &proof), "{index} {size}");
        }
    }
}

#[test]
fn what_is_beyond_the_tree_is_out_of_range() {
    let mut read = |_, _| None;
    assert_eq!(tree::inclusion(5, 5, &mut read), Err(Damage::OutOfRange));
    assert_eq!(tree::consistency(6, 5, &mut read), Err(Damage::OutOfRange));
    assert_eq!(append(u64::MAX, &mut read, &leaves(1)), Err(Damage::OutOfRange));
    let mut read = |_, _| Some(vec![0; 256 * 32]);
    assert_eq!(check_tile(1, u64::MAX, 1, &mut read), Err(Damage::OutOfRange));
    assert_eq!(check_tile(0, 0, 257, &mut read), Err(Damage::OutOfRange));
    for size in SIZES {
        for index in SIZES {
            for level in [0, 1, 7, 8, 31, 32, 255] {
                assert!(width(level, index, size) <= 256);
            }
        }
    }
    assert_eq!(width(7, 0, u64::MAX), 255);
    assert_eq!(width(8, 0, u64::MAX), 0);
}

#[test]
fn texts_by_chance_are_refused() {
    let mut dice = Dice(4);
    let honest = checkpoint(3, Store::of(&leaves(3)).root(3).unwrap()).sign(&key());
    let verifier = key().verifier().clone();
    let pieces =
        ["\n", "\n\n", "— ", " ", "+", "=", "0", "18446744073709551616", "\u{0}", "é", "{"];
    for _ in 0..20_000 {
        let mut text = honest.clone();
        for _ in 0..=dice.below(3) {
            let mut at = dice.below(text.len() as u64 + 1) as usize;
            while !text.is_char_boundary(at) {
                at -= 1;
            }
            match dice.below(3) {
                0 => text.truncate(at),
                1 => text.insert_str(at, pieces[dice.below(pieces.len() as u64) as usize]),
                _ => text = text[at..].to_owned() + &text[..at],
            }
        }
        if text != honest {
            // Another signature may stand there; what is signed may not differ.
            if let Ok(read) = Checkpoint::open(&text, &verifier) {
                assert_eq!(read.sign(&key()), honest);
            }
        }
        assert!(Statement::open(&text, &verifier).is_err());
        assert!(Bundle::read(&text).is_err());
    }
}

#[test]
fn a_bundle_that_claims_the_largest_numbers_is_refused_soon() {
    let root = Store::of(&leaves(3)).root(3).unwrap();
    for size in SIZES.into_iter().filter(|size| *size > 0) {
        let entries = SIZES.map(|leaf_index| Proven {
            hashes: vec![[1; 32]; 64],
            leaf_index,
            sequence: i64::MAX,
        });
        let bundle =
            Bundle { checkpoint: checkpoint(size, root).sign(&key()), entries: entries.to_vec() };
        assert_eq!(bundle.verify(None, |_| Some([0; 32])).len(), entries.len());
    }
}
