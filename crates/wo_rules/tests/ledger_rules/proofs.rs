//! Nothing but the one proof of a fact passes.

use crate::support::{Dice, Store, leaves};
use wo_rules::ledger::proof::{Consistency, verify_consistency, verify_inclusion};
use wo_rules::ledger::{Hash, empty_root};

/// Every proof that differs from that one in a byte, a hash or the order.
fn spoilt(proof: &[Hash]) -> Vec<Vec<Hash>> {
    let mut all = Vec::new();
    for place in 0..proof.len() {
        for byte in [0, 13, 31] {
            let mut other = proof.to_vec();
            other[place][byte] ^= 1;
            all.push(other);
        }
        let mut other = proof.to_vec();
        other.remove(place);
        all.push(other);
        let mut other = proof.to_vec();
        other.insert(place, proof[place]);
        all.push(other);
        if place > 0 {
            let mut other = proof.to_vec();
            other.swap(place, place - 1);
            all.push(other);
        }
    }
    let mut longer = proof.to_vec();
    longer.push([0; 32]);
    all.push(longer);
    all
}

#[test]
fn an_inclusion_proof_proves_one_leaf_at_one_place_of_one_tree() {
    let all = leaves(300);
    let mut store = Store::of(&all);
    for size in [1, 2, 3, 7, 8, 9, 255, 256, 257, 300] {
        let root = store.root(size).unwrap();
        for index in [0, 1, size / 2, size - 1].into_iter().filter(|index| *index < size) {
            let proof = store.inclusion(index, size).unwrap();
            let leaf = all[index as usize];
            assert!(verify_inclusion(&leaf, index, size, &proof, &root));
            for other in spoilt(&proof) {
                assert!(!verify_inclusion(&leaf, index, size, &other, &root), "{index} {size}");
            }
            for other in (0..size + 3).filter(|other| *other != index) {
                assert!(!verify_inclusion(&leaf, other, size, &proof, &root), "{index} {other}");
            }
            let mut other = leaf;
            other[7] ^= 1;
            assert!(!verify_inclusion(&other, index, size, &proof, &root));
            let mut other = root;
            other[7] ^= 1;
            assert!(!verify_inclusion(&leaf, index, size, &proof, &other));
        }
    }
}

/// A proof may hold for another size with the same shape on the way to the leaf; never with the root
/// of that size.
#[test]
fn an_inclusion_proof_does_not_hold_in_a_tree_of_another_size() {
    let all = leaves(40);
    let mut store = Store::of(&all);
    for size in 1..=40 {
        let proof = store.inclusion(0, size).unwrap();
        for other in (1..=40).filter(|other| *other != size) {
            let root = store.root(other).unwrap();
            assert!(!verify_inclusion(&all[0], 0, other, &proof, &root), "{size} {other}");
        }
    }
}

#[test]
fn a_consistency_proof_proves_one_beginning_of_one_tree() {
    let mut store = Store::of(&leaves(70));
    let roots: Vec<Hash> = (0..=70).map(|size| store.root(size).unwrap()).collect();
    for to in 1..=70_u64 {
        for from in [1, 2, to / 2, to - 1].into_iter().filter(|from| (1..to).contains(from)) {
            let proof = store.consistency(from, to).unwrap();
            let (small, large) = (roots[from as usize], roots[to as usize]);
            assert!(verify_consistency(from, &small, to, &large, &proof));
            for other in spoilt(&proof) {
                assert!(!verify_consistency(from, &small, to, &large, &other), "{from} {to}");
            }
            for other in (0..=to).filter(|other| *other != from) {
                let root = roots[other as usize];
                assert!(!verify_consistency(other, &root, to, &large, &proof), "{from} {other}");
                assert!(!verify_consistency(other, &small, to, &large, &proof), "{from} {other}");
            }
            for other in (from..=70).filter(|other| *other != to) {
                let root = roots[other as usize];
                assert!(!verify_consistency(from, &small, other, &root, &proof), "{to} {other}");
            }
            let mut other = small;
            other[31] ^= 1;
            assert!(!verify_consistency(from, &other, to, &large, &proof));
            assert!(!verify_consistency(from, &small, to, &other, &proof));
        }
    }
}

#[test]
fn the_empty_proof_is_for_equal_trees_and_for_the_empty_one() {
    let mut store = Store::of(&leaves(9));
    let (five, nine) = (store.root(5).unwrap(), store.root(9).unwrap());
    assert_eq!(store.consistency(5, 5).unwrap(), [[0; 32]; 0]);
    assert_eq!(store.consistency(0, 9).unwrap(), [[0; 32]; 0]);
    assert!(verify_consistency(5, &five, 5, &five, &[]));
    assert!(verify_consistency(0, &empty_root(), 9, &nine, &[]));
    assert!(verify_consistency(0, &empty_root(), 0, &empty_root(), &[]));
    assert!(!verify_consistency(5, &five, 5, &nine, &[]));
    assert!(!verify_consistency(5, &five, 5, &five, &[five]));
    assert!(!verify_consistency(0, &five, 9, &nine, &[]));
    assert!(!verify_consistency(0, &empty_root(), 9, &nine, &[nine]));
    assert!(!verify_consistency(0, &five, 0, &five, &[]));
    assert!(!verify_consistency(5, &five, 9, &nine, &[]));
    assert!(!verify_consistency(9, &nine, 5, &five, &[]));
}

#[test]
fn two_trees_that_differ_in_one_old_leaf_have_no_consistency_proof() {
    let mut dice = Dice(99);
    for _ in 0..50 {
        let to = 2 + dice.below(400);
        let from = 1 + dice.below(to - 1);
        let honest = leaves(to);
        let mut forged = honest.clone();
        forged[dice.below(from) as usize] = dice.hash();
        let (mut old, mut new) = (Store::of(&honest), Store::of(&forged));
        let (small, large) = (old.root(from).unwrap(), new.root(to).unwrap());
        for mut store in [old, new] {
            let proof = store.consistency(from, to).unwrap();
            assert!(!verify_consistency(from, &small, to, &large, &proof), "{from} {to}");
        }
    }
}

#[test]
fn a_consistency_proof_in_json_says_which_trees_it_is_about() {
    let mut store = Store::of(&leaves(9));
    let (five, nine) = (store.root(5).unwrap(), store.root(9).unwrap());
    let proof = Consistency { from: 5, to: 9, hashes: store.consistency(5, 9).unwrap() };
    let text = serde_json::to_string(&proof).unwrap();
    assert!(text.starts_with("{\"from\":5,\"to\":9,\"hashes\":[\""), "{text}");
    let read = Consistency::read(&text).unwrap();
    assert_eq!(read, proof);
    assert!(read.holds((5, &five), (9, &nine)));
    assert!(!read.holds((4, &five), (9, &nine)));
    assert!(!read.holds((5, &five), (8, &nine)));
    for wrong in [
        text.replacen(":5", ":-5", 1),
        text.replacen(":5", ":5.5", 1),
        text.replacen("[\"", "[\"A", 1),
        text.replacen('}', ",\"more\":1}", 1),
        text.replacen("\"from\":5", "\"from\":5,\"from\":5", 1),
        format!(
            "{{\"from\":1,\"to\":2,\"hashes\":[{}]}}",
            vec![format!("\"{}\"", "A".repeat(43) + "="); 66].join(",")
        ),
    ] {
        assert!(Consistency::read(&wrong).is_err(), "{wrong}");
    }
}
