//! Writing around the law, as only a superuser can.

use postgres::Transaction;

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
