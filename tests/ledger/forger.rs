//! What a superuser who knows the formats can write anew.

use postgres::Transaction;
use uuid::Uuid;
use wo_cluster_tests::behind_the_back;
use wo_rules::audit::{Entry, GENESIS};
use wo_rules::ledger::tile::append;
use wo_rules::ledger::{Hash, leaf_hash, tree};
use wo_rules::time::{POSTGRES_EPOCH_SECONDS, utc};

/// Computes the whole chain of a work order anew over what its entries now say, its record's head
/// too: what a superuser who knows the format would do.
pub fn rehash(transaction: &mut Transaction<'_>, work_order: Uuid) {
    let rows = transaction
        .query(
            "select tenant_id::text, subject, sequence::bigint,
                (extract(epoch from recorded_at) * 1000000)::bigint, action, actor, reason,
                from_status, to_status, record_version, changes::text, client_address, application,
                login_role, authenticated_by, transaction_id
             from wo.audit_entry where subject_id = $1 order by sequence",
            &[&work_order],
        )
        .unwrap();
    let mut previous = GENESIS;
    for row in rows {
        let entry = Entry {
            tenant_id: row.get(0),
            subject: row.get(1),
            subject_id: work_order.to_string(),
            sequence: row.get(2),
            recorded_at: utc(row.get::<_, i64>(3) - POSTGRES_EPOCH_SECONDS * 1_000_000),
            action: row.get(4),
            actor: row.get(5),
            reason: row.get(6),
            from_status: row.get(7),
            to_status: row.get(8),
            record_version: row.get(9),
            changes: row.get(10),
            client_address: row.get(11),
            application: row.get(12),
            login_role: row.get(13),
            authenticated_by: row.get(14),
            transaction_id: row.get(15),
        };
        let hash = entry.hash(&previous);
        let link = format!(
            "update wo.audit_entry set previous_hash = '\\x{}', entry_hash = '\\x{}'
             where subject_id = '{work_order}' and sequence = {}",
            hex::encode(previous),
            hex::encode(hash),
            entry.sequence
        );
        behind_the_back(transaction, "wo.audit_entry", &link);
        previous = hash;
    }
    let head = format!(
        "update wo.work_order set chain_hash = '\\x{}' where id = '{work_order}'",
        hex::encode(previous)
    );
    behind_the_back(transaction, "wo.work_order", &head);
}

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
