//! Writing around the enforcement layer, as only a superuser can.

use postgres::Transaction;
use uuid::Uuid;
use wo_rules::audit::{Entry, GENESIS};
use wo_rules::time::{POSTGRES_EPOCH_SECONDS, utc};

/// Does something to a table with every trigger and foreign key out of force, as only a superuser
/// can, and puts the triggers back as they were.
#[track_caller]
pub fn behind_the_back(transaction: &mut Transaction<'_>, table: &str, sql: &str) {
    let always: Vec<String> = transaction
        .query(
            "select tgname::text from pg_trigger
             where tgrelid = $1::text::regclass and not tgisinternal and tgenabled = 'A'",
            &[&table],
        )
        .unwrap()
        .iter()
        .map(|row| row.get(0))
        .collect();
    transaction
        .batch_execute(&format!(
            "set local session_replication_role = replica;
             alter table {table} disable trigger user"
        ))
        .unwrap();
    let written = transaction.execute(sql, &[]).unwrap_or_else(|error| panic!("{sql}: {error:?}"));
    assert!(written > 0, "nothing was tampered with: {sql}");
    let mut back = format!("alter table {table} enable trigger user;");
    for trigger in always {
        back.push_str(&format!("alter table {table} enable always trigger {trigger};"));
    }
    back.push_str("set local session_replication_role = origin");
    transaction.batch_execute(&back).unwrap();
}

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
