//! What a superuser who knows the formats can write anew.

use postgres::Transaction;
use wo_cluster_tests::behind_the_back;
use wo_rules::ledger::tile::append;
use wo_rules::ledger::{Hash, leaf_hash, tree};

/// The leaf hashes of all sealed entries as they now stand, in the order of sealing.
fn leaves_now(transaction: &mut Transaction<'_>) -> Vec<Hash> {
    let ask = "select entry_hash from wo.audit_entry
        where position <= (select max(position) from wo.ledger_checkpoint)
        order by position, subject_id, sequence";
    let rows = transaction.query(ask, &[]).unwrap();
    rows.iter().map(|row| leaf_hash(&row.get::<_, Vec<u8>>(0))).collect()
}

/// Builds all tiles anew over the entries as they now stand; gives the root.
pub fn rewrite_leaves(transaction: &mut Transaction<'_>) -> (u64, Hash) {
    let leaves = leaves_now(transaction);
    let tiles = append(0, &mut |_, _| None, &leaves).unwrap();
    for tile in &tiles {
        let sql = format!(
            "update wo.ledger_tile set hashes = '\\x{}' where level = {} and tile_index = {}",
            hex::encode(&tile.hashes),
            tile.level,
            tile.index
        );
        behind_the_back(transaction, "wo.ledger_tile", &sql);
    }
    let size = leaves.len() as u64;
    let root = tree::root(size, &mut |level, index| {
        let tile = tiles.iter().find(|tile| (tile.level, tile.index) == (level, index))?;
        Some(tile.hashes.clone())
    });
    (size, root.unwrap())
}
