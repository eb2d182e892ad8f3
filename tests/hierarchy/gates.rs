//! What waits, what is told, and what follows.

use serde_json::{Value, json};

use crate::hierarchy::lab::{ANN, Lab, RIVAL, ROOT, closing, link, move_to, task};

/// What a refused guard told.
#[track_caller]
pub fn unmet(lab: &Lab, number: &str, to: &str, guard: &str) -> String {
    let detail = lab.refused(ANN, &move_to(number, to), "23514", "guards_not_met");
    let guards = detail["guards"].as_array().unwrap();
    assert_eq!(guards.len(), 1, "{detail}");
    assert_eq!(guards[0]["guard"], guard, "{detail}");
    guards[0]["detail"].as_str().unwrap().to_owned()
}

#[test]
fn a_predecessor_reopened_afterwards_is_shown_and_waited_for() {
    let lab = Lab::found();
    let master = lab.make("master");
    let (a, b) = (lab.child("a", &master), lab.child("b", &master));
    let (waiting, over) = (lab.make("waiting"), lab.make("over"));
    for successor in [&b, &waiting, &over] {
        lab.after(successor, &a);
    }
    lab.go(&a, &["doing", "review"]);
    assert_eq!(lab.events("wo.predecessor_reopened", &b), [Value::Null; 0]);
    lab.go(&b, &["doing"]);
    lab.finish(&[&over]);
    assert_eq!(lab.progress(&master)["predecessor_reopened"], json!([]));
    lab.go(&a, &["doing"]);

    let told = lab.events("wo.predecessor_reopened", &b);
    let expected = json!({"work_order": b, "predecessor": a, "status": "doing",
        "reason": "because", "actor": "ann"});
    assert_eq!(told, [expected]);
    // Whoever has not started is told too; what is over is not.
    assert_eq!(lab.events("wo.predecessor_reopened", &waiting).len(), 1);
    assert_eq!(lab.events("wo.predecessor_reopened", &over).len(), 0);
    assert_eq!(
        lab.progress(&master)["predecessor_reopened"],
        json!([{"wo_number": b, "predecessor": a, "status": "doing"}])
    );
    assert!(unmet(&lab, &b, "review", "dependencies_satisfied").contains(&format!("{a} is doing")));
    unmet(&lab, &waiting, "doing", "dependencies_satisfied");
    lab.go(&a, &["review"]);
    assert_eq!(lab.progress(&master)["predecessor_reopened"], json!([]));
    lab.go(&b, &["review"]);
    // From one satisfying state to the next, nothing is reopened.
    lab.go(&a, &["done"]);
    assert_eq!(lab.events("wo.predecessor_reopened", &b).len(), 1);
    lab.assert_intact();
}

#[test]
fn a_cancelled_predecessor_satisfies_nobody_until_its_edge_is_removed() {
    let lab = Lab::found();
    let [a, b] = lab.several();
    lab.after(&b, &a);
    lab.go(&a, &["dropped"]);
    assert!(
        unmet(&lab, &b, "doing", "dependencies_satisfied").contains(&format!("{a} is dropped"))
    );
    lab.run(ANN, &format!("select wo.remove_dependency('{b}', '{a}')"));
    lab.go(&b, &["doing"]);
    lab.assert_intact();
}

#[test]
fn many_missing_predecessors_are_named_and_the_rest_counted() {
    let lab = Lab::found();
    let waiting = lab.make("waiting");
    let awaited: [String; 10] = lab.several();
    for predecessor in &awaited {
        lab.after(&waiting, predecessor);
    }
    let told = unmet(&lab, &waiting, "doing", "dependencies_satisfied");
    assert!(awaited[..8].iter().all(|number| told.contains(number)), "{told}");
    assert!(told.contains("and 2 more"), "{told}");
    // A write of the table and a call for many meet the same gate.
    let raw = format!("update wo.work_order set status = 'doing' where wo_number = '{waiting}'");
    lab.refused(ROOT, &raw, "23514", "guards_not_met");
    let answers = lab.rows(
        ANN,
        &format!(
            "select error::text from wo.transition_many(
                '[{{\"work_order\": \"{waiting}\", \"to_status\": \"doing\"}}]')"
        ),
    );
    let error: String = answers[0].get(0);
    assert!(error.contains("guards_not_met"), "{error}");
}

#[test]
fn allowed_transitions_show_what_is_waited_for() {
    let lab = Lab::found();
    let master = lab.make("master");
    let (a, b) = (lab.child("a", &master), lab.child("b", &master));
    lab.after(&b, &a);
    let edge = |number: &str, action: &str| {
        let rows = lab.rows(
            ANN,
            &format!(
                "select allowed, permitted, guards, why from wo.allowed_transitions('{number}')
                 where action = '{action}'"
            ),
        );
        let guards: Value = rows[0].get(2);
        let why: String = rows[0].get(3);
        (rows[0].get::<_, bool>(0), rows[0].get::<_, bool>(1), format!("{guards}: {why}"))
    };
    let (allowed, permitted, guards) = edge(&b, "start");
    assert!(
        !allowed && permitted && guards.contains(&a) && guards.contains("dependencies_satisfied"),
        "{guards}"
    );
    assert!(edge(&a, "start").0);
    lab.go(&master, &["doing"]);
    let (allowed, permitted, guards) = edge(&master, "submit");
    assert!(!allowed && permitted && guards.contains("children_in_review"), "{guards}");
    assert!(guards.contains(&a) && guards.contains(&b), "{guards}");
    lab.go(&a, &["doing", "review"]);
    assert!(edge(&b, "start").0);
}

#[test]
fn a_blocked_part_tells_its_master() {
    let lab = Lab::found();
    let top = lab.make("top");
    let master = lab.child("master", &top);
    let child = lab.child("child", &master);
    let alone = lab.make("alone");
    lab.go(&child, &["doing"]);
    lab.go(&alone, &["doing", "stuck", "doing"]);
    lab.run(
        ANN,
        &format!(
            "select wo.transition('{child}', 'stuck', 'no children', '{{\"notes\": \"two weeks\"}}')"
        ),
    );
    let expected = json!({"work_order": master, "child": child, "status": "stuck",
        "reason": "no children", "actor": "ann"});
    assert_eq!(lab.events("wo.child_blocked", &master), [expected]);
    for master in [&master, &top] {
        let mut blocked = lab.progress(master)["blocked"].clone();
        assert!(blocked[0]["since"].take().is_string(), "{blocked}");
        assert_eq!(
            blocked,
            json!([{"wo_number": child, "title": "child", "status": "stuck", "reason": "no children",
                "blocker": "no children", "since": null, "notes": "two weeks"}])
        );
    }
    assert_eq!(lab.events("wo.child_blocked", &top), [Value::Null; 0]);
    lab.go(&child, &["doing"]);
    assert_eq!(lab.events("wo.child_resumed", &master).len(), 1);
    assert_eq!(lab.progress(&master)["blocked"], json!([]));
    let all: i64 = lab.one(ROOT, "select count(*) from wo.event where type like 'wo.child%'");
    assert_eq!(all, 2);
    // Moving within what is not blocked tells nobody.
    lab.go(&child, &["review", "doing"]);
    assert_eq!(
        lab.one::<i64>(ROOT, "select count(*) from wo.event where type like 'wo.child%'"),
        2
    );
    lab.assert_intact();
}

#[test]
fn a_master_is_told_when_the_last_of_its_parts_has_ended() {
    let lab = Lab::found();
    let [master, other] = lab.several();
    let children: [String; 3] =
        std::array::from_fn(|place| lab.child(&format!("child {place}"), &master));
    let told = |number: &str| {
        let events = lab.events("wo.children_settled", number).len();
        assert_eq!(lab.trail(number, &["children_settled"]).len(), events);
        events
    };
    lab.finish(&[&children[0]]);
    lab.go(&children[1], &["dropped"]);
    assert_eq!(told(&master), 0);
    lab.go(&children[2], &["doing", "review"]);
    assert_eq!(told(&master), 0);
    lab.go(&children[2], &["done"]);
    assert_eq!(told(&master), 1);
    let version = lab.stands(&master, "version");
    // One more child, and it is told again when that is over too.
    let late = lab.child("late", &master);
    lab.finish(&[&late]);
    assert_eq!(told(&master), 2);
    assert_eq!(lab.stands(&master, "version"), version);
    // The last open child goes elsewhere.
    let moved = lab.child("moved", &master);
    lab.run(ANN, &link(&moved, &other));
    assert_eq!((told(&master), told(&other)), (3, 0));
    // A master without any child has nothing settled.
    lab.run(ANN, &format!("select wo.unlink_work_order('{moved}')"));
    assert_eq!(told(&other), 0);
    // A rollback takes the news along.
    let again = lab.child("again", &master);
    lab.go(&again, &["doing", "review"]);
    lab.run(ANN, &format!("begin; {}; rollback", move_to(&again, "done")));
    assert_eq!(told(&master), 3);
    lab.assert_intact();
}

#[test]
fn a_master_closes_by_itself_where_its_lifecycle_says_so() {
    let lab = Lab::found();
    lab.publish(&closing());
    let master = lab.make_with("master", ", lifecycle => 'closing'");
    let children: [String; 2] =
        std::array::from_fn(|place| lab.child(&format!("child {place}"), &master));
    lab.go(&master, &["doing", "review"]);
    assert_eq!(lab.status(&master), "review");
    lab.finish(&[&children[0]]);
    assert_eq!(lab.status(&master), "review");
    lab.run(
        ROOT,
        &format!("{}; {}", move_to(&children[1], "doing"), move_to(&children[1], "review")),
    );
    assert_eq!(lab.status(&master), "review");
    lab.run(ROOT, &move_to(&children[1], "done"));
    assert_eq!(lab.status(&master), "done");
    assert!(lab.stands(&master, "locked_at").is_some());
    // The actor is the one who made it true; the reason is the system's.
    let rows = lab.rows(
        ANN,
        &format!("select who, why from wo.audit_trail('{master}') where action = 'finish'"),
    );
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0].get::<_, String>(0), "root");
    assert!(rows[0].get::<_, String>(1).contains("taken by the system"));
    // Without children there is nothing that the system could wait for: somebody ends it.
    let alone = lab.make_with("alone", ", lifecycle => 'closing'");
    lab.go(&alone, &["doing", "review"]);
    assert_eq!(lab.status(&alone), "review");
    lab.go(&alone, &["done"]);
    // A child that was dropped is no child that is done.
    let failed = lab.make_with("failed", ", lifecycle => 'closing'");
    let dropped = lab.child("dropped", &failed);
    lab.go(&failed, &["doing", "review"]);
    lab.go(&dropped, &["dropped"]);
    assert_eq!(lab.status(&failed), "review");
    lab.assert_intact();
}

#[test]
fn masters_of_masters_close_one_after_the_other() {
    let lab = Lab::found();
    lab.publish(&closing());
    let mut levels: Vec<String> = Vec::new();
    for depth in 0..12 {
        let master = levels.last().map_or(String::new(), |over| format!(", master => '{over}'"));
        let further = format!(", lifecycle => 'closing'{master}");
        levels.push(lab.make_with(&format!("level {depth}"), &further));
    }
    for level in &levels {
        lab.go(level, &["doing", "review"]);
        assert_eq!(lab.status(level), "review");
    }
    lab.go(&levels[11], &["done"]);
    for level in &levels {
        assert_eq!(lab.status(level), "done");
    }
    for level in &levels[..11] {
        assert_eq!(lab.events("wo.children_settled", level).len(), 1);
    }
    lab.assert_intact();
}

/// The shipped lifecycle, without its signatures.
#[test]
fn an_agent_change_completes_when_its_last_part_does() {
    let lab = Lab::found();
    let newest = "select definition from wo.lifecycle where name = 'agent_change' limit 1";
    let mut definition: Value = lab.one(ANN, newest);
    for edge in definition["transitions"].as_array_mut().unwrap() {
        let edge = edge.as_object_mut().unwrap();
        if edge.remove("approvals").is_some() && edge.contains_key("persons_only") {
            edge.remove("auto");
        }
        edge.remove("rejection");
        if edge.get("effects").is_some_and(|effects| effects.to_string().contains("approv")) {
            edge.remove("effects");
        }
    }
    lab.publish(&definition);
    let make = |further: &str| {
        let lifecycle = ", lifecycle => 'agent_change', planned_start => '2026-01-01', planned_end => '2026-01-02'";
        lab.make_with("change", &format!("{lifecycle}{further}"))
    };
    let to_review = ["planned", "scheduled", "in_progress", "pending_review"];
    let master = make("");
    let children: [String; 2] = std::array::from_fn(|_| make(&format!(", master => '{master}'")));
    lab.go(&children[0], &to_review);
    lab.go(&master, &to_review[..3]);
    assert!(unmet(&lab, &master, "pending_review", "children_in_review").contains(&children[1]));
    lab.go(&children[1], &to_review);
    lab.go(&master, &["pending_review", "approved"]);
    assert_eq!(lab.status(&master), "approved");
    assert!(unmet(&lab, &master, "completed", "children_settled").contains(&children[0]));
    lab.go(&children[0], &["approved", "completed"]);
    lab.go(&children[1], &["approved"]);
    assert_eq!(lab.status(&master), "approved");
    lab.go(&children[1], &["completed"]);
    assert_eq!(lab.status(&master), "completed");
    lab.assert_intact();
}

/// Work orders of two lifecycles in one hierarchy: each state means what its own lifecycle says.
#[test]
fn a_state_counts_as_its_own_lifecycle_says() {
    let lab = Lab::found();
    let mut strict = task("strict");
    strict["states"][3]["satisfies_dependents"] = json!(false);
    lab.publish(&strict);
    let a = lab.make_with("a", ", lifecycle => 'strict'");
    let b = lab.make("b");
    lab.after(&b, &a);
    lab.go(&a, &["doing", "review"]);
    unmet(&lab, &b, "doing", "dependencies_satisfied");
    lab.go(&a, &["done"]);
    lab.go(&b, &["doing"]);
    lab.assert_intact();
    assert_eq!(lab.one::<i64>(RIVAL, "select count(*) from wo.work_order"), 0);
}
