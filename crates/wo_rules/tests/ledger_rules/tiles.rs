//! Damage to stored tiles is found and named.

use crate::support::{Store, leaves};
use std::sync::LazyLock;
use wo_rules::ledger::tile::{Damage, TILE_WIDTH, Wrong, append, width};

fn full() -> Store {
    static FULL: LazyLock<Store> = LazyLock::new(|| Store::of(&leaves(70_000)));
    FULL.clone()
}

#[test]
fn every_tile_of_an_honest_tree_passes() {
    let mut store = full();
    for (level, index) in store.tiles.keys().copied().collect::<Vec<_>>() {
        let width = width(level, index, store.size);
        assert_eq!(store.check_tile(level, index, width), Ok(()), "{level} {index}");
    }
}

#[test]
fn a_changed_hash_is_found_above_it_and_in_the_tile_itself() {
    let mut store = full();
    store.tiles.get_mut(&(0, 17)).unwrap()[32 * 5] ^= 1;
    let wrong = Wrong::Hash { place: 17 };
    assert_eq!(store.check_tile(1, 0, 256), Err(Damage::Tile { level: 1, tile: 0, wrong }));
    let said = store.check_tile(1, 0, 256).unwrap_err().to_string();
    assert!(said.contains("tile 0 of level 1 holds at place 17"), "{said}");
    let mut store = full();
    store.tiles.get_mut(&(2, 0)).unwrap()[0] ^= 1;
    let wrong = Wrong::Hash { place: 0 };
    assert_eq!(store.check_tile(2, 0, 1), Err(Damage::Tile { level: 2, tile: 0, wrong }));
}

#[test]
fn a_missing_narrow_or_torn_tile_is_named() {
    let tile = |wrong| Err(Damage::Tile { level: 0, tile: 17, wrong });
    let mut store = full();
    store.tiles.remove(&(0, 17));
    assert_eq!(store.check_tile(1, 0, 256), tile(Wrong::Missing));
    assert_eq!(store.inclusion(17 * 256, 70_000).map(|_| ()), tile(Wrong::Missing));
    let mut store = full();
    store.tiles.get_mut(&(0, 17)).unwrap().truncate(32 * 255);
    let narrow = || tile(Wrong::Narrow { found: 255, needed: 256 });
    assert_eq!(store.check_tile(1, 0, 256), narrow());
    assert_eq!(store.inclusion(17 * 256, 70_000).map(|_| ()), narrow());
    store.tiles.get_mut(&(0, 17)).unwrap().pop();
    assert_eq!(store.check_tile(1, 0, 256), tile(Wrong::Shape));
    store.tiles.insert((0, 17), vec![0; 32 * 257]);
    assert_eq!(store.check_tile(1, 0, 256), tile(Wrong::Shape));
}

#[test]
fn a_leaf_cannot_be_appended_to_an_edge_that_is_not_there() {
    let append = |edge: Option<Vec<u8>>| append(300, &mut |_, _| edge.clone(), &leaves(1));
    let damage = |wrong| Err(Damage::Tile { level: 0, tile: 1, wrong });
    assert_eq!(append(None), damage(Wrong::Missing));
    assert_eq!(append(Some(vec![0; 43 * 32])), damage(Wrong::Narrow { found: 43, needed: 44 }));
    assert_eq!(append(Some(vec![0; 45 * 32])).unwrap()[0].hashes.len(), 45 * 32);
}

#[test]
fn a_wider_edge_than_the_tree_has_is_not_looked_at_beyond_it() {
    let all = leaves(600);
    let wider = Store::of(&all);
    let mut store = Store::of(&all[..300]);
    store.tiles.insert((0, 1), wider.tiles[&(0, 1)].clone());
    store.append(&all[300..]);
    assert_eq!(store.tiles, wider.tiles);
    assert_eq!(wider.clone().root(300), Store::of(&all[..300]).root(300));
}

#[test]
fn full_tiles_are_never_written_again() {
    let mut store = Store::of(&leaves(512));
    for count in [1, 255, 256, 600] {
        let before = store.clone();
        store.append(&leaves(count));
        for (place, hashes) in before.tiles {
            let full = hashes.len() == TILE_WIDTH * 32;
            assert!(store.tiles[&place].starts_with(&hashes));
            assert!(!full || store.tiles[&place] == hashes);
        }
    }
    let mut edge = |level, index| store.tiles.get(&(level, index)).cloned();
    let writes = append(store.size, &mut edge, &leaves(3)).unwrap();
    assert_eq!(writes.len(), 1);
    assert_eq!((writes[0].level, writes[0].index), (0, store.size / 256));
}

#[test]
fn an_answer_reads_few_tiles_and_none_twice() {
    let mut store = full();
    store.reads = 0;
    store.root(70_000).unwrap();
    assert_eq!(store.reads, 3);
    store.reads = 0;
    store.inclusion(1, 70_000).unwrap();
    assert_eq!(store.reads, 4);
    store.reads = 0;
    let indices: Vec<u64> = (0..300).step_by(7).collect();
    let proofs = store.inclusions(&indices, 70_000).unwrap();
    assert_eq!(store.reads, 5);
    for (index, proof) in indices.into_iter().zip(proofs) {
        assert_eq!(store.inclusion(index, 70_000).unwrap(), proof);
    }
}
