//! A dependency between masters holds their children.

use serde_json::{Value, json};

use crate::hierarchy::lab::{ANN, Lab, add, link, move_to};

fn child(name: &str) -> Value {
    json!({"name": name, "title": name, "lifecycle": "task", "estimated_hours": 2})
}

/// Two phases with two children each, the second after the first; the second phase's second child
/// has a child of its own.
fn phases(lab: &Lab) -> (String, Value) {
    let plan = json!({
        "master": {"title": "M", "lifecycle": "task"},
        "children": [
            {"name": "one", "title": "one", "lifecycle": "task", "children": [child("a"), child("b")]},
            {"name": "two", "title": "two", "lifecycle": "task", "after": ["one"], "children": [
                child("c"),
                {"name": "d", "title": "d", "lifecycle": "task", "children": [child("e")]}
            ]}
        ]
    });
    let made: Value = lab.one(ANN, &format!("select wo.create_from_plan($${plan}$$)"));
    (made["wo_number"].as_str().unwrap().to_owned(), made["work_orders"].clone())
}

fn number<'a>(made: &'a Value, name: &str) -> &'a str {
    made[name].as_str().unwrap_or_else(|| panic!("{name} is not in {made}"))
}

/// Without it the second phase's work starts on what the first has not delivered.
#[test]
fn the_children_of_a_phase_wait_for_the_phase_before() {
    let lab = Lab::found();
    let (master, made) = phases(&lab);
    let of = |name: &str| number(&made, name).to_owned();
    let mut first = vec![of("a"), of("b")];
    first.sort();
    assert_eq!(lab.ready(&master), first);
    assert_eq!(lab.ready(&of("two")), [""; 0]);
    for held in ["c", "e"] {
        let detail = lab.refused(ANN, &move_to(&of(held), "doing"), "23514", "guards_not_met");
        let told = detail.to_string();
        assert!(
            told.contains(&format!("the predecessors of its masters: {} is open", of("one"))),
            "{told}"
        );
    }
    lab.go(&of("one"), &["doing"]);
    lab.finish(&[&of("a"), &of("b")]);
    lab.go(&of("one"), &["review"]);
    let mut second = vec![of("c"), of("e")];
    second.sort();
    assert_eq!(lab.ready(&master), second);
    lab.go(&of("c"), &["doing"]);

    // What was satisfied and is not any more holds those that have not started.
    lab.go(&of("one"), &["doing"]);
    lab.refused(ANN, &move_to(&of("e"), "doing"), "23514", "guards_not_met");
    assert_eq!(lab.ready(&master), [""; 0]);
    lab.assert_intact();
}

/// A lag after a phase holds the children of the next one too.
#[test]
fn a_lag_between_phases_holds_the_children() {
    let lab = Lab::found();
    let (master, made) = phases(&lab);
    let (one, two, c) = (number(&made, "one"), number(&made, "two"), number(&made, "c"));
    lab.run(ANN, &format!("select wo.add_dependency('{two}', '{one}', '1 hour')"));
    lab.finish(&[&number(&made, "a").to_owned(), &number(&made, "b").to_owned()]);
    lab.go(one, &["doing", "review"]);
    assert_eq!(lab.ready(&master), [""; 0]);
    lab.refused(ANN, &move_to(c, "doing"), "23514", "guards_not_met");
}

/// The end of the second phase is expected after that of the first, not beside it.
#[test]
fn the_schedule_puts_one_phase_after_the_other() {
    let lab = Lab::found();
    let (master, made) = phases(&lab);
    let rows = lab.rows(
        ANN,
        &format!(
            "select wo_number, (extract(epoch from earliest_start - now()) / 3600)::float8, critical
             from wo.critical_path('{master}')"
        ),
    );
    let start = |name: &str| -> (f64, bool) {
        let row = rows.iter().find(|row| row.get::<_, &str>(0) == number(&made, name)).unwrap();
        (row.get(1), row.get(2))
    };
    for (name, hours) in [("a", 0.0), ("b", 0.0), ("c", 2.0), ("e", 2.0)] {
        let (start, critical) = start(name);
        assert!((start - hours).abs() < 0.01 && critical, "{name}: {start} {critical}");
    }
    let hours: f64 = lab.one(
        ANN,
        &format!(
            "select (extract(epoch from (wo.progress('{master}') ->> 'estimated_completion')::timestamptz - now())
                / 3600)::float8"
        ),
    );
    assert!((hours - 4.0).abs() < 0.01, "{hours}");
}

/// A first phase that waits for a child of the second could never start.
#[test]
fn a_phase_cannot_wait_for_a_child_of_the_phase_that_waits_for_it() {
    let lab = Lab::found();
    let (_, made) = phases(&lab);
    let of = |name: &str| number(&made, name);
    for waiting in ["one", "a"] {
        for awaited in ["two", "c", "d", "e"] {
            let refused =
                lab.refused(ANN, &add(of(waiting), of(awaited)), "23514", "dependency_cycle");
            assert!(refused["cycle"].as_array().unwrap().len() >= 3, "{refused}");
        }
    }
    // The same the other way round: the edge first, then the child.
    let loose = lab.make("loose");
    lab.after(of("a"), &loose);
    lab.refused(ANN, &link(&loose, of("two")), "23514", "dependency_cycle");
    lab.refused(ANN, &link(&loose, of("d")), "23514", "dependency_cycle");
    lab.run(ANN, &link(&loose, of("one")));

    let plan = json!({"master": {"title": "M", "lifecycle": "task"}, "children": [
        {"name": "one", "title": "one", "lifecycle": "task", "after": ["c"]},
        {"name": "two", "title": "two", "lifecycle": "task", "after": ["one"], "children": [child("c")]}
    ]});
    lab.refused(ANN, &format!("select wo.create_from_plan($${plan}$$)"), "22023", "bad_plan");
    lab.assert_intact();

    let (one, c) = (lab.id(of("one")), lab.id(of("c")));
    lab.tamper(&format!(
        "insert into wo.dependency (tenant_id, successor_id, predecessor_id, added_by, added_at)
         values ('{}', '{one}', '{c}', '', 'epoch')",
        lab.tenant
    ));
    assert_eq!(
        lab.all(ANN, "select problem from wo.check_hierarchy()"),
        ["these work orders wait for each other"]
    );
}

/// A milestone that counts as an hour moves everything behind it.
#[test]
fn an_estimate_of_zero_is_zero() {
    let lab = Lab::found();
    let plan = json!({"master": {"title": "M", "lifecycle": "task"}, "children": [
        {"name": "stone", "title": "s", "lifecycle": "task", "estimated_hours": 0},
        {"name": "work", "title": "w", "lifecycle": "task", "estimated_hours": 2, "after": ["stone"]},
        {"name": "point", "title": "p", "lifecycle": "task", "planned_start": "2026-01-01T08:00:00Z",
            "planned_end": "2026-01-01T08:00:00Z", "after": ["work"]}
    ]});
    let made: Value = lab.one(ANN, &format!("select wo.create_from_plan($${plan}$$)"));
    let master = made["wo_number"].as_str().unwrap();
    let hours: f64 = lab.one(
        ANN,
        &format!(
            "select (extract(epoch from max(earliest_finish) - now()) / 3600)::float8
             from wo.critical_path('{master}')"
        ),
    );
    assert!((hours - 2.0).abs() < 0.01, "{hours}");

    let stones = json!({"master": {"title": "M", "lifecycle": "task"}, "children": [
        {"name": "x", "title": "x", "lifecycle": "task", "assignee": "ann", "estimated_hours": 0},
        {"name": "y", "title": "y", "lifecycle": "task", "estimated_hours": 0}
    ]});
    let made: Value = lab.one(ANN, &format!("select wo.create_from_plan($${stones}$$)"));
    let master = made["wo_number"].as_str().unwrap();
    assert_eq!(lab.progress(master)["percent_complete"], json!(0.0));
    lab.finish(&[&made["work_orders"]["x"].as_str().unwrap().to_owned()]);
    assert_eq!(lab.progress(master)["percent_complete"], json!(50.0));
}
