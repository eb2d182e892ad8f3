//! Children and predecessors that come when the gate which looks at them has been passed.

use serde_json::Value;

use crate::hierarchy::lab::{ANN, Lab, ROOT, add, link, move_to, task};

/// A lifecycle whose last edge does not ask for children and predecessors by itself.
fn trusting() -> Value {
    let mut trusting = task("trusting");
    for edge in trusting["transitions"].as_array_mut().unwrap() {
        if edge["action"] == "finish" {
            edge.as_object_mut().unwrap().remove("guards");
        }
    }
    trusting
}

fn lab() -> Lab {
    let lab = Lab::found();
    lab.publish(&trusting());
    lab
}

fn trust(lab: &Lab, title: &str, further: &str) -> String {
    lab.make_with(title, &format!(", lifecycle => 'trusting'{further}"))
}

/// Otherwise the master is closed and locked with a required child that nobody has begun.
#[test]
fn a_master_past_its_gate_takes_no_children() {
    let lab = lab();
    let (master, other) = (trust(&lab, "master", ""), lab.make("other"));
    let child = lab.child("child", &master);
    lab.go(&child, &["doing", "review"]);
    lab.go(&master, &["doing", "review"]);
    let id = lab.id(&master);
    for late in [
        link(&other, &master),
        format!("select wo.create_work_order('late', lifecycle => 'task', master => '{master}')"),
        format!(
            "insert into wo.work_order (title, lifecycle, master_id) values ('late', 'task', '{id}')"
        ),
        format!("select wo.link_work_order('{child}', '{master}', false)"),
        format!("update wo.work_order set master_id = '{id}' where wo_number = '{other}'"),
    ] {
        let detail = lab.refused(ANN, &late, "55000", "gate_passed");
        assert_eq!(
            (detail["work_order_id"].as_str(), detail["status"].as_str()),
            (Some(&*id), Some("review"))
        );
    }
    // Sent back to work it takes them, and its gate asks for them.
    lab.go(&master, &["doing"]);
    lab.run(ANN, &link(&other, &master));
    lab.refused(ANN, &move_to(&master, "review"), "23514", "guards_not_met");
    lab.assert_intact();
}

#[test]
fn a_work_order_past_its_gate_takes_no_predecessors() {
    let lab = lab();
    let (order, before, open) = (trust(&lab, "order", ""), lab.make("before"), lab.make("open"));
    lab.after(&order, &before);
    lab.finish(&[&before]);
    lab.go(&order, &["doing", "review"]);
    let (id, open_id) = (lab.id(&order), lab.id(&open));
    for late in [
        add(&order, &open),
        format!(
            "insert into wo.dependency (successor_id, predecessor_id) values ('{id}', '{open_id}')"
        ),
        format!("select wo.add_dependency('{order}', '{before}', '10 years')"),
    ] {
        lab.refused(ANN, &late, "55000", "gate_passed");
    }
    lab.run(ANN, &format!("select wo.remove_dependency('{order}', '{before}')"));
    lab.go(&order, &["done"]);
    lab.assert_intact();
}

/// A child that was in review when its master was submitted may be taken back to work. The last edge of the
/// master then waits for it, though its definition does not say so.
#[test]
fn the_edge_to_a_good_end_asks_again() {
    let lab = lab();
    let master = trust(&lab, "master", "");
    let (child, before) = (lab.child("child", &master), lab.make("before"));
    lab.after(&master, &before);
    lab.go(&before, &["doing", "review"]);
    lab.go(&child, &["doing", "review"]);
    lab.go(&master, &["doing", "review"]);
    lab.go(&child, &["doing"]);
    lab.go(&before, &["doing"]);
    let detail = lab.refused(ANN, &move_to(&master, "done"), "23514", "guards_not_met");
    let mut guards: Vec<&str> = detail["guards"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["guard"].as_str().unwrap())
        .collect();
    guards.sort_unstable();
    assert_eq!(guards, ["children_settled", "dependencies_satisfied"]);
    let raw = format!(
        "update wo.work_order set status = 'done', reason = 'r' where wo_number = '{master}'"
    );
    lab.refused(ROOT, &raw, "23514", "guards_not_met");
    // A bad end asks for nothing.
    lab.with(ANN, |ann| {
        let mut trying = ann.transaction().unwrap();
        trying.batch_execute(&move_to(&master, "dropped")).unwrap();
        trying.rollback().unwrap();
    });
    lab.go(&before, &["review"]);
    lab.go(&child, &["review", "done"]);
    lab.go(&master, &["done"]);
    lab.assert_intact();
}

/// What was written around the rules, or before there was this one, is told.
#[test]
fn the_check_tells_of_locked_masters_with_open_children() {
    let lab = lab();
    let (master, dropped) = (trust(&lab, "master", ""), trust(&lab, "dropped", ""));
    let (late, left, optional) = (lab.make("late"), lab.make("left"), lab.make("optional"));
    lab.go(&master, &["doing", "review", "done"]);
    lab.go(&dropped, &["dropped"]);
    lab.assert_intact();
    let tamper = |child: &str, master: &str| {
        let id = lab.id(master);
        lab.tamper(&format!(
            "update wo.work_order set master_id = '{id}' where wo_number = '{child}'"
        ));
    };
    // A master that came to a bad end may leave children behind.
    tamper(&left, &dropped);
    tamper(&optional, &dropped);
    assert_eq!(lab.all(ANN, "select problem from wo.check_hierarchy()"), [""; 0]);
    tamper(&late, &master);
    let found = lab.rows(ANN, "select problem, work_orders from wo.check_hierarchy()");
    assert_eq!(found.len(), 1);
    assert!(found[0].get::<_, String>(0).contains("locked"));
    assert_eq!(found[0].get::<_, Vec<String>>(1), [master]);
}
