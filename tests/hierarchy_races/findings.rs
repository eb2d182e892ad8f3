//! Findings that are opened while work orders of the same tree move: none passes the guard over a finding that was
//! committed before, and nobody is refused because two waited for each other.

use postgres::Client;
use uuid::Uuid;
use wo_cluster_tests::{backend_pid, one};

use crate::hierarchy_races::settling::{approve, family};
use crate::hierarchy_races::stage::{Stage, link, made};

const OPEN: &str = "SELECT wo.open_finding($1::uuid::text, 'x', blocking => true)";

/// The master and its two children are assigned to the captain, who may have a finding block, and in review.
fn in_review(client: &mut Client) -> (Uuid, Vec<Uuid>) {
    let family = family(client, 2);
    let sql = "UPDATE wo.work_order SET assignee = 'cap' WHERE $1 IN (id, master_id)";
    client.execute(sql, &[&family.master]).unwrap();
    (family.master, family.children)
}

fn open(client: &mut Client, work_order: Uuid) -> Result<(), postgres::Error> {
    client.query_one(OPEN, &[&work_order]).map(drop)
}

fn status(client: &mut Client, work_order: Uuid) -> String {
    one(client, &format!("SELECT status FROM wo.work_order WHERE id = '{work_order}'"))
}

/// The one who ends the last child locks the child, and its master at the commit. With the locks taken from the master
/// downwards both waited for each other: 40P01.
#[test]
fn a_finding_that_is_opened_while_the_last_child_ends_deadlocks_with_nobody() {
    let stage = Stage::new();
    let (mut ender, mut opener) = (stage.captain(), stage.captain());
    let (_, children) = in_review(&mut ender);
    approve(&mut ender, children[0]).unwrap();
    ender.batch_execute("BEGIN").unwrap();
    approve(&mut ender, children[1]).unwrap();
    let pid = backend_pid(&mut opener);
    std::thread::scope(|scope| {
        let opening = scope.spawn(|| open(&mut opener, children[1]));
        stage.db.wait_until_blocked(pid);
        ender.batch_execute("COMMIT").unwrap();
        opening.join().unwrap().unwrap();
    });
    stage.assert_sound("the last child");
}

/// A transition of the master that ends its children locks the master before them: one who opens a finding and has
/// locked the child would wait for the master, and the other way round.
#[test]
fn a_finding_that_is_being_opened_keeps_no_transition_without_the_guard() {
    let stage = Stage::new();
    let (mut mover, mut opener) = (stage.captain(), stage.captain());
    let (master, children) = in_review(&mut mover);
    opener.batch_execute("BEGIN").unwrap();
    open(&mut opener, children[0]).unwrap();
    let cancel = "SELECT wo.transition($1::uuid::text, 'cancelled', 'not needed')";
    mover.query_one(cancel, &[&master]).unwrap();
    opener.batch_execute("COMMIT").unwrap();
    assert_eq!(status(&mut mover, children[0]), "cancelled");
    stage.assert_sound("a cancelled master");
}

/// The guard of a master looks at its children: it waits for a finding of a child that is not committed yet. Under
/// another master that comes above it meanwhile it would not be seen.
#[test]
fn the_guard_waits_for_a_finding_of_a_child_and_of_one_that_comes_under_the_master() {
    let stage = Stage::new();
    let (mut ender, mut opener) = (stage.captain(), stage.captain());
    let (_, children) = in_review(&mut ender);
    opener.batch_execute("BEGIN").unwrap();
    open(&mut opener, children[0]).unwrap();
    let pid = backend_pid(&mut ender);
    std::thread::scope(|scope| {
        let ending = scope.spawn(|| approve(&mut ender, children[0]));
        stage.db.wait_until_blocked(pid);
        opener.batch_execute("COMMIT").unwrap();
        let refused = ending.join().unwrap().unwrap_err();
        assert_eq!(refused.code().unwrap().code(), "23514", "{refused:?}");
    });

    let lone = made(&mut ender).unwrap();
    ender.execute("UPDATE wo.work_order SET assignee = 'cap' WHERE id = $1", &[&lone]).unwrap();
    opener.batch_execute("BEGIN").unwrap();
    open(&mut opener, lone).unwrap();
    let master = made(&mut ender).unwrap();
    std::thread::scope(|scope| {
        let linking = scope.spawn(|| link(&mut ender, lone, master));
        stage.db.wait_until_blocked(pid);
        opener.batch_execute("COMMIT").unwrap();
        linking.join().unwrap().unwrap();
    });
    stage.assert_sound("a linked child");
}
