//! One statement that does several things at once: its children do not see each other, the rules do.

use wo_cluster_tests::db_error;

use crate::hierarchy::lab::{ANN, Lab, ROOT};

fn tried(lab: &Lab, who: &str, sql: &str) -> bool {
    println!("{who}: {sql}");
    let answer = lab.with(who, |client| client.batch_execute(sql));
    match answer {
        Ok(()) => true,
        Err(error) => {
            let refusal = db_error(Err::<(), _>(error));
            assert_ne!(refusal.code().code(), "XX000", "{refusal:?}");
            false
        }
    }
}

#[test]
fn parts_that_end_in_one_statement_tell_their_master_once() {
    let lab = Lab::found();
    let master = lab.make("master");
    let children: [String; 3] =
        std::array::from_fn(|place| lab.child(&format!("p{place}"), &master));
    for child in &children {
        lab.go(child, &["doing", "review"]);
    }
    let id = lab.id(&master);
    lab.run(ROOT, &format!("update wo.work_order set status = 'done' where master_id = '{id}'"));
    assert_eq!(lab.events("wo.children_settled", &master).len(), 1);
    // So do those that are moved away, and those of a call for many.
    let more: [String; 3] = std::array::from_fn(|place| lab.child(&format!("q{place}"), &master));
    let away: Vec<String> = more.iter().map(|child| format!("'{child}'")).collect();
    lab.run(
        ROOT,
        &format!(
            "update wo.work_order set master_id = null where wo_number in ({})",
            away.join(", ")
        ),
    );
    assert_eq!(lab.events("wo.children_settled", &master).len(), 2);
    lab.assert_intact();
}

/// Neither sees what the other writes, whichever comes first.
#[test]
fn a_master_never_ends_in_the_statement_that_gives_it_an_open_part() {
    let lab = Lab::found();
    for part_first in [true, false] {
        let early = lab.make("early");
        let master = lab.make("master");
        let late = lab.make("late");
        let child = if part_first { &early } else { &late };
        let done = lab.child("done", &master);
        lab.finish(&[&done]);
        lab.go(&master, &["doing", "review"]);
        let id = lab.id(&master);
        let link =
            format!("update wo.work_order set master_id = '{id}' where wo_number = '{child}'");
        let end = format!("update wo.work_order set status = 'done' where wo_number = '{master}'");
        let create = format!(
            "insert into wo.work_order (title, lifecycle, master_id) values ('x', 'task', '{id}')"
        );
        for sql in [
            format!(
                "update wo.work_order set
                    master_id = case when wo_number = '{child}' then '{id}'::uuid else master_id end,
                    status = case when wo_number = '{master}' then 'done' else status end
                 where wo_number in ('{child}', '{master}')"
            ),
            format!("with first as ({link} returning 1) {end}"),
            format!("with first as ({end} returning 1) {link}"),
            format!("with first as ({create} returning 1) {end}"),
            format!("with first as ({end} returning 1) {create}"),
        ] {
            for who in [ANN, ROOT] {
                lab.with(who, |client| client.batch_execute("begin")).unwrap();
                if tried(&lab, who, &sql) {
                    let wrong: i64 = lab.one(
                        who,
                        &format!(
                            "select count(*) from wo.work_order child join wo.work_order held
                                on held.id = child.master_id
                             where held.id = '{id}' and held.status = 'done' and child.status = 'open'"
                        ),
                    );
                    assert_eq!(wrong, 0, "{who}: {sql}");
                }
                lab.with(who, |client| client.batch_execute("rollback")).unwrap();
            }
        }
    }
    lab.assert_intact();
}

#[test]
fn a_link_and_an_edge_of_one_statement_close_no_circle() {
    let lab = Lab::found();
    let [master, child] = lab.several();
    let (master_id, child_id) = (lab.id(&master), lab.id(&child));
    let link =
        format!("update wo.work_order set master_id = '{master_id}' where wo_number = '{child}'");
    let edge = format!(
        "insert into wo.dependency (successor_id, predecessor_id) values ('{child_id}', '{master_id}')"
    );
    for who in [ANN, ROOT] {
        for sql in [
            format!("with first as ({link} returning 1) {edge}"),
            format!("with first as ({edge} returning 1) {link}"),
        ] {
            lab.refused(who, &sql, "55000", "write_unfinished");
        }
        for sql in [format!("{link}; {edge}"), format!("{edge}; {link}")] {
            lab.refused(who, &sql, "23514", "dependency_cycle");
        }
    }
    lab.assert_intact();
}

/// A successor ends, and gets another edge in the same breath.
#[test]
fn a_locked_successor_gets_no_edge_from_the_statement_that_locks_it() {
    let lab = Lab::found();
    let [a, b] = lab.several();
    lab.go(&b, &["doing", "review"]);
    let (a_id, b_id) = (lab.id(&a), lab.id(&b));
    let end = format!("update wo.work_order set status = 'done' where wo_number = '{b}'");
    let edge = format!(
        "insert into wo.dependency (successor_id, predecessor_id) values ('{b_id}', '{a_id}')"
    );
    for sql in [
        format!("with first as ({end} returning 1) {edge}"),
        format!("with first as ({edge} returning 1) {end}"),
    ] {
        for who in [ANN, ROOT] {
            lab.with(who, |client| client.batch_execute("begin")).unwrap();
            tried(&lab, who, &sql);
            lab.with(who, |client| client.batch_execute("rollback")).unwrap();
            lab.assert_intact();
        }
    }
    // Whatever the answer was, the trail holds.
    if tried(&lab, ANN, &format!("with first as ({edge} returning 1) {end}")) {
        assert_eq!(lab.trail(&b, &["dependency_added"]).len(), 1);
    }
    lab.assert_intact();
}
