//! Masters whose many children end at once are told at once, without wo.tick().

use std::time::{Duration, Instant};

use postgres::Client;
use wo_cluster_tests::race;

use crate::isolation::stage::{Stage, transition};
use crate::worker::works::{served, shared};

const CLIENTS: usize = 8;
const CHILDREN: usize = 30;

#[test]
fn a_master_whose_many_parts_end_at_once_is_told_at_once() {
    let stage = Stage::in_database(served(shared()));
    let mut captain = stage.captain();
    let master: String = captain
        .query_one("select wo.create_work_order('[SS1-Ops] all') ->> 'wo_number'", &[])
        .unwrap()
        .get(0);
    let children: Vec<String> = (0..CLIENTS * CHILDREN)
        .map(|_| {
            let create =
                "select wo.create_work_order('[SS1-Ops] child', master => $1) ->> 'wo_number'";
            captain.query_one(create, &[&master]).unwrap().get(0)
        })
        .collect();
    // Each client ends its share in one transaction, and all of them commit at the same time: nobody
    // sees the others' children end, and there are too many for one at a time.
    let clients: Vec<Client> = (0..CLIENTS)
        .map(|client| {
            let mut captain = stage.captain();
            captain.batch_execute("begin").unwrap();
            for child in &children[client * CHILDREN..(client + 1) * CHILDREN] {
                transition(&mut captain, child, "cancelled").unwrap();
            }
            captain
        })
        .collect();
    race(clients, |_, client| client.batch_execute("commit").unwrap());
    let committed = Instant::now();
    stage.db.wait_until(&format!(
        "select count(*) = 1 from wo.audit_entry as told join wo.work_order as held on held.id = told.subject_id
         where held.wo_number = '{master}' and told.action = 'children_settled'"
    ));
    // The job itself runs once a minute.
    assert!(committed.elapsed() < Duration::from_secs(2), "{:?}", committed.elapsed());
}
