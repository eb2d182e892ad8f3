//! Rows that an INSERT leaves out because they are there already.

use postgres::Client;

use crate::scenario::company::Company;

/// The memory of the client's server process that is in use, in kilobytes.
fn memory(client: &mut Client) -> u64 {
    let pid: i32 = client.query_one("select pg_backend_pid()", &[]).unwrap().get(0);
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// Each of these rows is checked before it is found to be there, and what was checked waits for a row
/// that is never stored. Without a limit 20,000 of them take 150 MB that are never given back before the
/// transaction ends.
#[test]
fn rows_that_come_to_nothing_take_no_memory() {
    let company = Company::found("fleet_task");
    let mut almighty = company.connect("almighty");
    let insert = |count: usize| {
        format!(
            "insert into wo.work_order (title, idempotency_key)
             select '[A-B] the same', 'the same' from generate_series(1, {count}) on conflict do nothing"
        )
    };
    almighty.batch_execute(&insert(1)).unwrap();
    almighty.batch_execute(&format!("begin; {}", insert(2_000))).unwrap();
    let before = memory(&mut almighty);
    // In one statement, and in many of one transaction.
    almighty.batch_execute(&insert(20_000)).unwrap();
    let one = memory(&mut almighty);
    for _ in 0..40 {
        almighty.batch_execute(&insert(500)).unwrap();
    }
    let many = memory(&mut almighty);
    almighty.batch_execute("commit").unwrap();
    println!("before {before} kB, after one statement {one} kB, after many {many} kB");
    assert!(one.saturating_sub(before) < 30_000, "{before} kB, then {one} kB");
    assert!(many.saturating_sub(one) < 10_000, "{one} kB, then {many} kB");
}

/// Forgetting what came to nothing forgets none of the rows that are stored.
#[test]
fn a_statement_of_many_rows_stores_those_that_are_new() {
    let company = Company::found("fleet_task");
    let mut almighty = company.connect("almighty");
    let stored = almighty
        .execute(
            "insert into wo.work_order (title, idempotency_key)
             select '[A-B] t', 'k' || n % 3000 from generate_series(1, 6000) as n on conflict do nothing",
            &[],
        )
        .unwrap();
    assert_eq!(stored, 3_000);
    let events: i64 = almighty
        .query_one("select count(*) from wo.audit_entry where action = 'created' and subject = 'work_order'", &[])
        .unwrap()
        .get(0);
    assert_eq!(events, 3_000);
    let broken: i64 = almighty
        .query_one("select count(*) from wo.verify_audit() where not intact", &[])
        .unwrap()
        .get(0);
    assert_eq!(broken, 0);
}
