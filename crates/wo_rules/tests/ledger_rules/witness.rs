//! What a witness accepts.

use crate::support::{LEDGER, Store, checkpoint, leaves};
use wo_rules::ledger::checkpoint::Checkpoint;
use wo_rules::ledger::proof::Consistency;
use wo_rules::ledger::recovery::{Statement, extension_line};
use wo_rules::ledger::witness::{Need, follows, goes_on, recovers};
use wo_rules::ledger::{Hash, hash_text};

/// The history that was, and the one that is: they part behind leaf 5.
fn histories() -> (Store, Store) {
    let honest = leaves(20);
    let mut other = honest.clone();
    other[5] = [5; 32];
    (Store::of(&honest), Store::of(&other))
}

fn at(store: &mut Store, size: u64) -> Checkpoint {
    checkpoint(size, store.root(size).unwrap())
}

fn proof(store: &mut Store, from: u64, to: u64) -> Consistency {
    Consistency { from, to, hashes: store.consistency(from, to).unwrap() }
}

fn statement(lost: &Checkpoint, kept: &Checkpoint) -> Statement {
    Statement {
        origin: LEDGER.to_owned(),
        lost_size: lost.size,
        lost_root: lost.root,
        kept_size: kept.size,
        kept_root: kept.root,
        at: "2026-11-21T14:05:03.123456Z".to_owned(),
        reason: "an older backup was restored".to_owned(),
    }
}

#[test]
fn only_a_larger_tree_that_goes_on_is_accepted() {
    let (mut was, mut is) = histories();
    let (held, larger) = (at(&mut was, 9), at(&mut was, 12));
    assert_eq!(follows(&held, &held), Ok(Need::Nothing));
    assert_eq!(follows(&held, &larger), Ok(Need::Proof(9, 12)));
    assert_eq!(goes_on(&held, &larger, &proof(&mut was, 9, 12)), Ok(()));
    let named = |said: String, one: &Checkpoint, other: &Checkpoint| {
        for tree in [one, other] {
            assert!(said.contains(&format!("size {}", tree.size)), "{said}");
            assert!(said.contains(&hash_text(&tree.root)), "{said}");
        }
        assert!(!said.contains('\n'));
    };
    let smaller = at(&mut was, 5);
    named(follows(&held, &smaller).unwrap_err(), &held, &smaller);
    let fork = at(&mut is, 9);
    named(follows(&held, &fork).unwrap_err(), &held, &fork);
    let forked = at(&mut is, 12);
    for proof in [proof(&mut is, 9, 12), proof(&mut was, 9, 12), proof(&mut is, 8, 12)] {
        named(goes_on(&held, &forked, &proof).unwrap_err(), &held, &forked);
    }
    let elsewhere = Checkpoint { origin: "other".to_owned(), ..larger.clone() };
    named(follows(&held, &elsewhere).unwrap_err(), &held, &elsewhere);
    assert!(goes_on(&held, &elsewhere, &proof(&mut was, 9, 12)).is_err());
}

#[test]
fn a_step_back_needs_a_statement_that_gives_up_what_is_held() {
    let (mut was, mut is) = histories();
    let (lost, kept) = (at(&mut was, 12), at(&mut is, 7));
    let statement = statement(&lost, &kept);
    let mut offered = at(&mut is, 10);
    assert!(recovers(&lost, &offered, &statement).unwrap_err().contains("does not name"));
    offered.extensions.push("recovery 1 ".to_owned() + &hash_text(&[1; 32]));
    assert!(recovers(&lost, &offered, &statement).is_err());
    offered.extensions.push(extension_line(2, &statement));
    let need = Ok(Need::Proof(7, 10));
    assert_eq!(recovers(&lost, &offered, &statement), need);
    assert_eq!(recovers(&at(&mut was, 9), &offered, &statement), need, "it saw less than was lost");
    let beyond = recovers(&at(&mut was, 13), &offered, &statement).unwrap_err();
    assert!(beyond.contains("gives up"), "{beyond}");
    let other = Checkpoint { root: [1; 32], ..lost.clone() };
    assert!(recovers(&other, &offered, &statement).is_err(), "it saw another tree of that size");
    let elsewhere = Checkpoint { origin: "other".to_owned(), ..lost.clone() };
    assert!(recovers(&elsewhere, &offered, &statement).is_err());
}

#[test]
fn what_was_kept_must_be_the_beginning_of_what_is_offered() {
    let (mut was, mut is) = histories();
    let (lost, kept) = (at(&mut was, 12), at(&mut is, 7));
    let statement = statement(&lost, &kept);
    let offered = |tree: (u64, Hash)| {
        let mut offered = checkpoint(tree.0, tree.1);
        offered.extensions.push(extension_line(1, &statement));
        recovers(&lost, &offered, &statement)
    };
    assert_eq!(offered((7, kept.root)), Ok(Need::Nothing));
    assert!(offered((7, [1; 32])).is_err());
    assert!(offered((6, is.root(6).unwrap())).is_err());
}
