//! Numbers that two transactions draw at the same time.

use postgres::Client;

use crate::scenario::company::Company;

fn insert(client: &mut Client, title: &str) -> String {
    let sql = "insert into wo.work_order (title, assignee) values ($1::text, 'almighty') returning wo_number::text";
    client.query_one(sql, &[&title]).unwrap_or_else(|error| panic!("{error:?}")).get(0)
}

/// A raw INSERT does not draw again when its number turns out to be taken. It would wait for whoever holds
/// the number, and then fail with PostgreSQL's own 23505, which names a constraint and no work order.
#[test]
fn raw_inserts_never_draw_a_number_that_a_running_transaction_holds() {
    let company = Company::found("fleet_task");
    // Each session draws short numbers for its first work orders of a day.
    let mut sessions: Vec<Client> = (0..16).map(|_| company.connect("almighty")).collect();
    let mut numbers = Vec::new();
    for session in &mut sessions {
        session.batch_execute("set lock_timeout = '2s'; begin").unwrap();
        numbers.extend((0..30).map(|_| insert(session, "[A-B] held")));
    }
    for session in &mut sessions {
        session.batch_execute("commit").unwrap();
    }
    let count = numbers.len();
    numbers.sort();
    numbers.dedup();
    assert_eq!(numbers.len(), count);
    // The index that is asked whether a number is taken is built anew, and has another name meanwhile.
    let mut root = company.database.superuser();
    let rebuilding = std::thread::spawn(move || {
        for _ in 0..3 {
            root.batch_execute("reindex index concurrently wo.work_order_wo_number_key").unwrap();
        }
    });
    for _ in 0..40 {
        insert(&mut sessions[0], "[A-B] meanwhile");
    }
    rebuilding.join().unwrap();
}
