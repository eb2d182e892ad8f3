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
        // Serializable transactions that insert at the same time may be refused with 40001.
        let settings =
            "set lock_timeout = '2s'; set default_transaction_isolation = 'read committed'";
        session.batch_execute(settings).unwrap();
        session.batch_execute("begin").unwrap();
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

/// The digits of the random parts, sorted.
fn digits(company: &Company) -> Vec<usize> {
    let sql = "select length(wo_number) - length('WO-2026-1130-') from wo.work_order order by 1";
    let rows = company.root().query(sql, &[]).unwrap();
    rows.iter().map(|row| usize::try_from(row.get::<_, i32>(0)).unwrap()).collect()
}

fn bulk(count: usize) -> String {
    format!(
        "select count(*) from wo.create_work_orders((
            select jsonb_agg(jsonb_build_object('title', '[A-B] ' || n)) from generate_series(1, {count}) as n
         )) where created"
    )
}

fn create_bulk(client: &mut Client, count: usize) {
    let made: i64 = client.query_one(&bulk(count), &[]).unwrap().get(0);
    assert_eq!(usize::try_from(made).unwrap(), count);
}

/// 468 of 513 numbers had 8 digits after one bulk of 500, though three hold 4,096. They grow when the day's space is
/// crowded, by one digit.
#[test]
fn numbers_keep_three_digits_until_the_day_is_crowded() {
    let company = Company::found("fleet_task");
    let mut client = company.connect("almighty");
    create_bulk(&mut client, 500);
    assert_eq!(digits(&company), [3; 500]);
    create_bulk(&mut client, 1_500);
    assert_eq!(digits(&company), [3; 2_000]);
    // Another session, which has not learned anything yet.
    let mut other = company.connect("captain");
    create_bulk(&mut other, 2_500);
    for place in 0..20 {
        insert(&mut other, &format!("[A-B] single {place}"));
    }
    let all = digits(&company);
    let short = all.iter().filter(|digits| **digits == 3).count();
    assert!((2_800..=4_096).contains(&short), "{short} of {} have three digits", all.len());
    assert_eq!(all.iter().max(), Some(&4));
    company.assert_intact();
}

/// Each transaction of a bulk draws from blocks of its own: nobody waits for another one's numbers, no two draw the
/// same, and a transaction holds few locks.
#[test]
fn bulks_at_the_same_time_draw_different_numbers_and_wait_for_nobody() {
    let company = Company::found("fleet_task");
    let mut clients: Vec<Client> = (0..6).map(|_| company.connect("almighty")).collect();
    for client in &mut clients {
        client.batch_execute("set lock_timeout = '2s'; begin").unwrap();
        insert(client, "[A-B] single");
        create_bulk(client, 200);
        // What a savepoint takes back may be drawn by others; it is not drawn again here.
        client.batch_execute("savepoint one").unwrap();
        create_bulk(client, 40);
        client.batch_execute("rollback to one").unwrap();
        create_bulk(client, 40);
    }
    let held: i64 = company
        .root()
        .query_one(
            "select max(held.count) from (
                select count(*) from pg_locks where locktype = 'advisory' and objsubid in (9, 12) group by pid
             ) as held",
            &[],
        )
        .unwrap()
        .get(0);
    assert!(held < 200, "{held} locks for 241 numbers");
    for client in &mut clients {
        client.batch_execute("commit").unwrap();
    }
    let all = digits(&company);
    assert_eq!(all.len(), 6 * 241);
    assert_eq!(all.iter().max(), Some(&3));
    company.assert_intact();
}
