//! Two sessions: each does half of what must not be, and one of them does not get through.

use postgres::Error;
use postgres::error::DbError;
use wo_cluster_tests::db_error;

use crate::hierarchy::lab::{ANN, EVERY_LEVEL, Lab, ROOT, add, begin, link, move_to};

/// Asserts that it was refused as a cycle, or told to try again.
#[track_caller]
fn not_through(answer: Result<(), Error>, level: &str) {
    assert_refused(&db_error(answer), level, "dependency_cycle");
}

/// Asserts that it was refused with a DETAIL that holds this, or told to try again.
#[track_caller]
fn assert_refused(error: &DbError, level: &str, expected: &str) {
    match error.code().code() {
        "40001" => assert_ne!(level, "read committed", "{error:?}"),
        _ => assert!(error.detail().is_some_and(|told| told.contains(expected)), "{error:?}"),
    }
}

/// The first does its half and does not commit yet; the second does the other half and waits;
/// then the first commits.
#[track_caller]
fn halves(lab: &Lab, level: &str, first: &str, second: &str) {
    let (mut one, mut two) = (lab.connect(ANN), lab.connect(ROOT));
    begin(&mut one, level);
    begin(&mut two, level);
    one.batch_execute(first).unwrap();
    let answer = lab.overtaken(&mut one, &mut two, second);
    println!("{level}: {first} | {second}");
    not_through(answer, level);
    two.batch_execute("rollback").unwrap();
    lab.assert_intact();
}

#[test]
fn two_halves_of_a_circle_are_never_both_committed() {
    for level in EVERY_LEVEL {
        let lab = Lab::found();
        let [a, b] = lab.several();
        halves(&lab, level, &add(&a, &b), &add(&b, &a));
        assert_eq!(lab.edges().len(), 1, "{level}");
        // Not the first halves of the tenant any more.
        let [c, d] = lab.several();
        halves(&lab, level, &add(&c, &d), &add(&d, &c));
        assert_eq!(lab.edges().len(), 2, "{level}");
    }
}

#[test]
fn parts_and_edges_together_are_never_both_committed() {
    for level in EVERY_LEVEL {
        let lab = Lab::found();
        let [master, child, one, two] = lab.several();
        halves(&lab, level, &link(&child, &master), &add(&child, &master));
        assert_eq!(lab.edges().len(), 0, "{level}");
        let (x, y) = (lab.child("x", &one), lab.child("y", &two));
        halves(&lab, level, &add(&x, &two), &add(&y, &one));
        let (p, q) = (lab.make("p"), lab.make("q"));
        halves(&lab, level, &link(&p, &q), &link(&q, &p));
    }
}

/// Rows that are copied or written, rather than functions that are called.
#[test]
fn halves_that_are_written_into_the_tables_are_never_both_committed() {
    for level in EVERY_LEVEL {
        let lab = Lab::found();
        let [a, b, master, child] = lab.several();
        let [ida, idb, idm, idp] = [&a, &b, &master, &child].map(|number| lab.id(number));
        let columns = "wo.dependency (successor_id, predecessor_id)";
        let (mut one, mut two) = (lab.connect(ROOT), lab.connect(ROOT));
        for (lines, second) in [
            (format!("{ida}\t{idb}\n"), format!("insert into {columns} select '{idb}', '{ida}'")),
            (
                format!("{idp}\t{idm}\n"),
                format!("update wo.work_order set master_id = '{idm}' where wo_number = '{child}'"),
            ),
        ] {
            begin(&mut one, level);
            begin(&mut two, level);
            let mut copying = one.copy_in(&format!("copy {columns} from stdin")).unwrap();
            std::io::Write::write_all(&mut copying, lines.as_bytes()).unwrap();
            assert_eq!(copying.finish().unwrap(), 1);
            not_through(lab.overtaken(&mut one, &mut two, &second), level);
            two.batch_execute("rollback").unwrap();
            lab.assert_intact();
        }
        assert_eq!(lab.edges().len(), 2, "{level}");
        assert_eq!(lab.master(&child), None, "{level}");
    }
}

/// Far ends of a long chain: neither session touches a row of the other.
#[test]
fn halves_far_from_each_other_are_never_both_committed() {
    for level in EVERY_LEVEL {
        let lab = Lab::found();
        let [a, b, c, d, e, f] = lab.several();
        for (waits, awaited) in [(&b, &a), (&c, &b), (&e, &d), (&f, &e)] {
            lab.after(waits, awaited);
        }
        halves(&lab, level, &add(&d, &c), &add(&a, &f));
        assert_eq!(lab.edges().len(), 5, "{level}");
    }
}

/// A new work order of an open transaction takes no lock with its first edge; with its second one
/// it must see what others have committed meanwhile.
#[test]
fn what_only_one_session_can_see_closes_no_circle_either() {
    for level in EVERY_LEVEL {
        let lab = Lab::found();
        let [master, far] = lab.several();
        let create = format!(
            "select wo.create_work_order('c', lifecycle => 'task', master => '{master}') ->> 'wo_number'"
        );
        let new = |client: &mut postgres::Client| -> String {
            client.query_one(create.as_str(), &[]).unwrap().get(0)
        };
        // The other session commits its half in between, without waiting.
        let (mut one, mut two) = (lab.connect(ANN), lab.connect(ROOT));
        begin(&mut one, level);
        let child = new(&mut one);
        two.batch_execute(&add(&far, &master)).unwrap();
        not_through(one.batch_execute(&add(&child, &far)), level);
        one.batch_execute("rollback").unwrap();
        lab.assert_intact();
        lab.run(ANN, &format!("select wo.remove_dependency('{far}', '{master}')"));

        // The same through a second new one, joined before or after.
        for joined_first in [true, false] {
            begin(&mut one, level);
            let between: String = one
                .query_one(
                    "select wo.create_work_order('d', lifecycle => 'task') ->> 'wo_number'",
                    &[],
                )
                .unwrap()
                .get(0);
            let child = new(&mut one);
            let mut steps = [add(&child, &between), add(&between, &far)];
            if !joined_first {
                steps.reverse();
            }
            let first = one.batch_execute(&steps[0]);
            two.batch_execute("set lock_timeout = '100ms'").unwrap();
            let half = two.batch_execute(&add(&far, &master));
            two.batch_execute("reset lock_timeout").unwrap();
            let second = first.and_then(|()| one.batch_execute(&steps[1]));
            match half {
                Ok(()) => not_through(second, level),
                Err(error) => {
                    // The first one held the graph already, and goes on.
                    assert_eq!(db_error(Err::<(), _>(error)).code().code(), "55P03");
                    second.unwrap();
                }
            }
            one.batch_execute("rollback").unwrap();
            lab.assert_intact();
            lab.run(ANN, &format!("select wo.remove_dependency('{far}', '{master}')"));
        }

        // And the other way round: the new one has both edges, and the other session waits.
        begin(&mut one, level);
        begin(&mut two, level);
        let child = new(&mut one);
        one.batch_execute(&add(&child, &far)).unwrap();
        not_through(lab.overtaken(&mut one, &mut two, &add(&far, &master)), level);
        two.batch_execute("rollback").unwrap();
        lab.assert_intact();
    }
}

/// A rollback to a savepoint gives up the tenant's head; the next edge takes it again.
#[test]
fn what_a_savepoint_gave_up_is_taken_again() {
    for level in EVERY_LEVEL {
        let lab = Lab::found();
        let [a, b, c, d] = lab.several();
        lab.after(&c, &d);
        let (mut one, mut two) = (lab.connect(ANN), lab.connect(ROOT));
        begin(&mut one, level);
        one.batch_execute("savepoint s").unwrap();
        one.batch_execute(&add(&c, &a)).unwrap();
        one.batch_execute("rollback to savepoint s").unwrap();
        // Nobody holds the graph: this does not wait.
        two.batch_execute("set lock_timeout = '10s'").unwrap();
        two.batch_execute(&add(&a, &b)).unwrap();
        not_through(one.batch_execute(&add(&b, &a)), level);
        one.batch_execute("rollback").unwrap();

        // Taken in a savepoint that is released, it stays held to the end.
        begin(&mut one, level);
        begin(&mut two, level);
        one.batch_execute("savepoint s").unwrap();
        one.batch_execute(&add(&d, &b)).unwrap();
        one.batch_execute("release savepoint s").unwrap();
        not_through(lab.overtaken(&mut one, &mut two, &add(&b, &c)), level);
        two.batch_execute("rollback").unwrap();
        lab.assert_intact();
    }
}

/// What is taken away frees what it held.
#[test]
fn an_edge_whose_opposite_was_rolled_back_gets_through() {
    let lab = Lab::found();
    let [a, b] = lab.several();
    let (mut one, mut two) = (lab.connect(ANN), lab.connect(ROOT));
    begin(&mut one, "read committed");
    one.batch_execute(&add(&a, &b)).unwrap();
    one.batch_execute("savepoint kept; rollback to savepoint kept").unwrap();
    let pid = wo_cluster_tests::backend_pid(&mut two);
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| two.batch_execute(&add(&b, &a)));
        lab.database.wait_until_blocked(pid);
        one.batch_execute("rollback").unwrap();
        waiting.join().unwrap().unwrap();
    });
    assert_eq!(lab.edges(), [format!("{b} after {a} + 00:00:00")]);
    lab.assert_intact();
}

/// A master ends while another session gives it an open child: one of the two does not get through.
#[test]
fn a_master_never_ends_with_a_part_that_was_linked_meanwhile() {
    for level in EVERY_LEVEL {
        let lab = Lab::found();
        for (by_creation, master_first) in
            [(false, true), (false, false), (true, true), (true, false)]
        {
            let [master, open] = lab.several();
            let done = lab.child("done", &master);
            lab.finish(&[&done]);
            lab.go(&master, &["doing"]);
            let linking = match by_creation {
                true => format!(
                    "select wo.create_work_order('x', lifecycle => 'task', master => '{master}')"
                ),
                false => link(&open, &master),
            };
            // The gate that looks at the children; behind it the master takes no more of them.
            let ending = move_to(&master, "review");
            let (first, second) =
                if master_first { (&ending, &linking) } else { (&linking, &ending) };
            let (mut one, mut two) = (lab.connect(ANN), lab.connect(ROOT));
            begin(&mut one, level);
            begin(&mut two, level);
            one.batch_execute(first).unwrap();
            let error = db_error(lab.overtaken(&mut one, &mut two, second));
            two.batch_execute("rollback").unwrap();
            let expected = if master_first { "gate_passed" } else { "guards_not_met" };
            assert_refused(&error, level, expected);
            let ended = if master_first { "review" } else { "doing" };
            assert_eq!(lab.status(&master), ended, "{level}");
            lab.assert_intact();
        }
    }
}

/// A child goes back to work while its master is submitted.
#[test]
fn a_master_is_never_submitted_with_a_part_that_was_reopened_meanwhile() {
    for level in EVERY_LEVEL {
        let lab = Lab::found();
        for master_first in [true, false] {
            let master = lab.make("master");
            let child = lab.child("child", &master);
            lab.go(&child, &["doing", "review"]);
            lab.go(&master, &["doing"]);
            let (submit, reopen) = (move_to(&master, "review"), move_to(&child, "doing"));
            let (first, second) =
                if master_first { (&submit, &reopen) } else { (&reopen, &submit) };
            let (mut one, mut two) = (lab.connect(ANN), lab.connect(ROOT));
            begin(&mut one, level);
            begin(&mut two, level);
            one.batch_execute(first).unwrap();
            let answer = lab.overtaken(&mut one, &mut two, second);
            two.batch_execute(if answer.is_ok() { "commit" } else { "rollback" }).unwrap();
            match (level, master_first) {
                // Reopened after the submission: that is allowed, and told.
                ("read committed", true) => answer.unwrap(),
                _ => assert_refused(&db_error(answer), level, "children_in_review"),
            }
            lab.assert_intact();
        }
    }
}

/// Runs both, the first one committed while the second waits for it; returns the second's answer,
/// which is committed too where it was let through.
#[track_caller]
fn one_after_the_other(lab: &Lab, level: &str, first: &str, second: &str) -> Result<(), Error> {
    let (mut one, mut two) = (lab.connect(ANN), lab.connect(ROOT));
    begin(&mut one, level);
    begin(&mut two, level);
    one.batch_execute(first).unwrap();
    let answer = lab.overtaken(&mut one, &mut two, second);
    two.batch_execute(if answer.is_ok() { "commit" } else { "rollback" }).unwrap();
    answer
}

#[test]
fn a_successor_never_starts_while_its_predecessor_is_reopened() {
    for level in EVERY_LEVEL {
        let lab = Lab::found();
        for start_first in [true, false] {
            let [a, b] = lab.several();
            lab.after(&b, &a);
            lab.go(&a, &["doing", "review"]);
            let (start, reopen) = (move_to(&b, "doing"), move_to(&a, "doing"));
            let (first, second) = if start_first { (&start, &reopen) } else { (&reopen, &start) };
            let answer = one_after_the_other(&lab, level, first, second);
            if start_first {
                // It was there first; then it is told, unless the other has to try again.
                match &answer {
                    Ok(()) => assert_eq!(lab.events("wo.predecessor_reopened", &b).len(), 1),
                    Err(_) => assert_refused(&db_error(answer), level, "nothing else"),
                }
            } else {
                assert_refused(&db_error(answer), level, "dependencies_satisfied");
                assert_eq!(lab.status(&b), "open", "{level}");
            }
            lab.assert_intact();
        }
    }
}

#[test]
fn a_successor_never_starts_past_an_edge_that_is_added_meanwhile() {
    for level in EVERY_LEVEL {
        let lab = Lab::found();
        let [a, b] = lab.several();
        let answer = one_after_the_other(&lab, level, &add(&b, &a), &move_to(&b, "doing"));
        assert_refused(&db_error(answer), level, "dependencies_satisfied");
        assert_eq!(lab.status(&b), "open", "{level}");
        lab.assert_intact();
    }
}

/// A master is cancelled while another session gives it a child: the child is cancelled along, or
/// does not get in, or the master is cancelled another time.
#[test]
fn a_cancelled_master_never_keeps_an_open_part_that_came_meanwhile() {
    for level in EVERY_LEVEL {
        let lab = Lab::found();
        for (by_creation, master_first) in
            [(false, true), (false, false), (true, true), (true, false)]
        {
            let [master, open] = lab.several();
            let come = match by_creation {
                true => format!(
                    "select wo.create_work_order('x', lifecycle => 'task', master => '{master}')"
                ),
                false => link(&open, &master),
            };
            let cancel = move_to(&master, "dropped");
            let (first, second) = if master_first { (&cancel, &come) } else { (&come, &cancel) };
            let answer = one_after_the_other(&lab, level, first, second);
            if master_first || answer.is_err() {
                assert_refused(&db_error(answer), level, "record_locked");
            }
            let left: i64 = lab.one(
                ROOT,
                "select count(*) from wo.work_order child join wo.work_order held
                    on held.id = child.master_id where held.status = 'dropped' and child.status = 'open'",
            );
            assert_eq!(left, 0, "{level}, by creation {by_creation}, master first {master_first}");
            lab.assert_intact();
        }
    }
}
