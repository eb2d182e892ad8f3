//! What a superuser can do past the enforcement layer, and what verification says of it.

use postgres::Transaction;
use wo_cluster_tests::signing::{Company, ROOT};
pub use wo_cluster_tests::{behind_the_back, rehash};

/// Subject, key and problem of a broken chain.
pub type Broken = Vec<(String, String, String)>;

/// Does something behind the back of the enforcement layer, lets `look` look at it, and takes it back.
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
