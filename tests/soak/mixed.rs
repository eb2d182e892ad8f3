//! A mixed load with statements that are cancelled, sessions that are terminated and a server that is
//! killed: afterwards every table and index is sound, and so are trail, records and ledger.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread;

use postgres::Client;
use wo_cluster_tests::Chance;

use crate::soak::works::{WRITERS, Works, assert_sealed, wait_for_worker};

/// Rounds in `make test`; `WO_SOAK_ROUNDS` says otherwise.
const ROUNDS: usize = 2;

/// Statements that must have succeeded before the server dies.
const BEFORE_THE_END: usize = 400;

/// How many succeed between one that is cancelled or terminated and the next.
const BETWEEN: usize = 8;

/// What one writer does in a turn: each leaves pages that a crash must not tear.
fn act(client: &mut Client, number: &str, turn: u64) -> Result<(), postgres::Error> {
    let sql = match turn % 6 {
        0 => format!("select wo.transition('{number}', 'blocked', 'waits')"),
        1 => format!("select wo.transition('{number}', 'in_progress')"),
        2 => "insert into wo.work_order (title) select '[SS1-Ops] ' || n from generate_series(1, 20) as n".to_owned(),
        3 => format!(
            "begin; savepoint one; update wo.work_order set notes = repeat('long ', 2000), reason = 'note'
                where wo_number = '{number}'; rollback to one;
             update wo.work_order set notes = 'short', reason = 'note' where wo_number = '{number}'; commit"
        ),
        4 => "begin; select wo.create_work_order('[SS1-Ops] undone'); rollback".to_owned(),
        _ => format!(
            "select wo.create_from_plan('{{\"key\": \"{number}-{turn}\", \"master\": {{\"title\": \"[SS1-Ops] whole\"}},
                \"children\": [{{\"name\": \"a\", \"title\": \"[SS1-Ops] a\"}},
                    {{\"name\": \"b\", \"title\": \"[SS1-Ops] b\", \"after\": [\"a\"]}}]}}')"
        ),
    };
    client.batch_execute(&sql)
}

/// A work order in progress.
fn begin_work(client: &mut Client) -> Result<String, postgres::Error> {
    let create = "select wo.create_work_order('[SS1-Ops] x', assignee => 'cap') ->> 'wo_number'";
    let number: String = client.query_one(create, &[])?.get(0);
    for status in ["accepted", "in_progress"] {
        client.execute("select wo.transition($1, $2)", &[&number, &status])?;
    }
    Ok(number)
}

/// Otherwise a page that the direct writes tore, or an index that misses a row, is found by nobody until a
/// query returns too little.
#[test]
fn cancels_terminations_and_kills_leave_every_table_and_index_sound() {
    let rounds = std::env::var("WO_SOAK_ROUNDS").ok().and_then(|text| text.parse().ok());
    let works = Works::start();
    wait_for_worker(&works.cluster);
    for round in 0..rounds.unwrap_or(ROUNDS) {
        one_round(&works, round as u64);
        works.cluster.launch();
        wait_for_worker(&works.cluster);
        let sql = "select intact, problem from wo.verify_audit()";
        for row in works.captain().query(sql, &[]).unwrap() {
            assert!(row.get::<_, bool>(0), "{:?}", row.get::<_, Option<String>>(1));
        }
        assert_sealed(&works.db());
        assert_sound(&works);
    }
}

fn one_round(works: &Works, round: u64) {
    let over = AtomicBool::new(false);
    let (done, succeeded) = mpsc::channel();
    let mut root = works.db().superuser();
    thread::scope(|scope| {
        for writer in 0..WRITERS as u64 {
            let (done, over) = (done.clone(), &over);
            scope.spawn(move || {
                // A session that was terminated is replaced, until the server is gone for good.
                while let Ok(mut client) = works.db().try_connect_with(&works.db().config("cap")) {
                    let Ok(number) = begin_work(&mut client) else { continue };
                    for turn in writer.. {
                        if over.load(Ordering::Relaxed) {
                            return;
                        }
                        match act(&mut client, &number, turn) {
                            Ok(()) => drop(done.send(())),
                            Err(_) if client.is_closed() => break,
                            Err(_) => {
                                let _ = client.batch_execute("rollback");
                            }
                        }
                    }
                }
            });
        }
        let mut chance = Chance::new(round);
        for number in 0..BEFORE_THE_END {
            succeeded.recv().unwrap();
            if number % BETWEEN != 0 {
                continue;
            }
            let end = if chance.below(4) == 0 { "terminate" } else { "cancel" };
            let sql = format!(
                "select pg_{end}_backend(pid) from pg_stat_activity
                 where usename = 'cap' and state = 'active' order by random() limit 1"
            );
            root.query(&sql, &[]).unwrap();
        }
        over.store(true, Ordering::Relaxed);
        works.cluster.kill();
    });
}

/// Every page of every table, and every index entry, by PostgreSQL's own amcheck.
fn assert_sound(works: &Works) {
    let mut root = works.db().superuser();
    let available = "select exists (select from pg_available_extensions where name = 'amcheck')";
    if !root.query_one(available, &[]).unwrap().get::<_, bool>(0) {
        // The server for version 16 comes without contrib modules.
        let version = "select current_setting('server_version_num')::int / 10000";
        assert_eq!(root.query_one(version, &[]).unwrap().get::<_, i32>(0), 16, "no amcheck");
        return;
    }
    root.batch_execute("create extension if not exists amcheck").unwrap();
    let torn = root
        .query(
            "select held.oid::regclass::text || ': ' || found.msg
             from pg_class as held, verify_heapam(held.oid, check_toast => true) as found
             where held.relkind in ('r', 'm') and held.relpersistence <> 't'",
            &[],
        )
        .unwrap();
    let torn: Vec<String> = torn.iter().map(|row| row.get(0)).collect();
    assert_eq!(torn, Vec::<String>::new());
    // Raises where an index is damaged, or misses a row of its table.
    let checked = root
        .query(
            "select bt_index_check(held.oid, heapallindexed => true)
             from pg_class as held join pg_am as method on method.oid = held.relam
             where held.relkind = 'i' and method.amname = 'btree' and held.relpersistence <> 't'",
            &[],
        )
        .unwrap();
    assert!(checked.len() > 100, "{} indexes", checked.len());
}
