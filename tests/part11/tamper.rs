//! What a superuser can do behind the law's back, and what verification says of it.

use postgres::Transaction;
use uuid::Uuid;
pub use wo_cluster_tests::behind_the_back;
use wo_cluster_tests::signing::{Company, ROOT};
use wo_rules::audit::{Entry, GENESIS};
use wo_rules::time::{POSTGRES_EPOCH_SECONDS, utc};

/// Subject, key and problem of a broken chain.
pub type Broken = Vec<(String, String, String)>;

/// Does something behind the back of the law, lets `look` look at it, and takes it back.
pub fn tampered<T>(
    company: &Company,
    tampering: impl FnOnce(&mut Transaction<'_>),
    look: impl FnOnce(&mut Transaction<'_>) -> T,
) -> T {
    company.with(ROOT, |root| {
        let mut transaction = root.transaction().unwrap();
        transaction.batch_execute("select wo.administer('acme')").unwrap();
        tampering(&mut transaction);
        let seen = look(&mut transaction);
        transaction.rollback().unwrap();
        seen
    })
}

/// The broken chains of the tenant.
pub fn broken(transaction: &mut Transaction<'_>) -> Broken {
    let rows = transaction
        .query("select intact, subject, subject_key, problem from wo.verify_audit()", &[])
        .unwrap();
    assert!(!rows.is_empty(), "verification says nothing");
    let broken = rows.iter().filter(|row| !row.get::<_, bool>(0));
    broken.map(|row| (row.get(1), row.get(2), row.get(3))).collect()
}

/// Name and base type of every column.
pub fn columns(company: &Company, table: &str) -> Vec<(String, String)> {
    let columns = format!(
        "select attname::text, coalesce(base.typname, own.typname)::text
         from pg_attribute
         join pg_type as own on own.oid = atttypid
         left join pg_type as base on base.oid = own.typbasetype
         where attrelid = '{table}'::regclass and attnum > 0 and not attisdropped
         order by attnum"
    );
    company.rows(ROOT, &columns).iter().map(|row| (row.get(0), row.get(1))).collect()
}

/// Another value of the column's type.
pub fn other_value(column: &str, kind: &str) -> String {
    match kind {
        "uuid" => "gen_random_uuid()".to_owned(),
        "text" => format!("coalesce({column}, '') || 'x'"),
        "int8" | "int4" | "numeric" => format!("coalesce({column}, 0) + 1"),
        "timestamptz" => format!("coalesce({column}, now()) + interval '1 microsecond'"),
        "bool" => format!("not {column}"),
        "bytea" => format!("set_byte({column}, 0, get_byte({column}, 0) # 1)"),
        "jsonb" => format!("coalesce({column}, '{{}}') || '{{\"x\": 1}}'"),
        "_date" => format!("array_append({column}, '2026-12-24')"),
        _ => panic!("{column} is of type {kind}"),
    }
}

/// Writes the whole chain of a work order anew over what its entries now say, as a superuser who
/// knows the format would.
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
