//! A whole plan in one call: all of it or nothing, and never twice.

use serde_json::{Value, json};
use wo_cluster_tests::{backend_pid, db_error};

use crate::hierarchy::lab::{ANN, BOB, Lab, RIVAL, begin};

fn create(plan: &Value) -> String {
    format!("select wo.create_from_plan($${plan}$$)")
}

fn make(lab: &Lab, plan: &Value) -> Value {
    lab.one(ANN, &create(plan))
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned()
}

/// Pointers and problems of a refused plan.
#[track_caller]
fn problems(lab: &Lab, plan: &Value) -> Vec<(String, String)> {
    let detail = lab.refused(ANN, &create(plan), "22023", "bad_plan");
    let problems = detail["problems"].as_array().unwrap().iter();
    problems.map(|found| (text(&found["pointer"]), text(&found["problem"]))).collect()
}

#[track_caller]
fn pointers(lab: &Lab, plan: &Value) -> Vec<String> {
    let mut found: Vec<String> =
        problems(lab, plan).into_iter().map(|(pointer, _)| pointer).collect();
    found.sort();
    found
}

fn small(key: &str) -> Value {
    json!({
        "key": key,
        "master": {"title": "M", "lifecycle": "task", "name": "top"},
        "children": [
            {"name": "a", "title": "A", "lifecycle": "task"},
            {"name": "b", "title": "B", "lifecycle": "task", "after": ["a"]}
        ]
    })
}

#[test]
fn a_plan_makes_masters_parts_edges_and_fields() {
    let lab = Lab::found();
    let made = make(
        &lab,
        &json!({
            "master": {"title": "M", "lifecycle": "task", "hierarchy_policy": {"completion": "required"},
                "description": "all of it"},
            "children": [
                {"name": "group", "title": "G", "lifecycle": "task", "children": [
                    {"name": "a", "title": "A", "lifecycle": "task", "assignee": "bob", "estimated_hours": 2.5,
                        "priority": "high", "tags": ["x", "y"], "metadata": {"k": 1}, "due_date": "2026-03-04"},
                    {"name": "b", "title": "B", "lifecycle": "task", "required": false,
                        "after": ["a", {"name": "c", "lag": "90 minutes"}]}
                ]},
                {"name": "c", "title": "C", "description": "by default", "project": "p"}
            ]
        }),
    );
    assert_eq!((made["created"].as_bool(), made["dependencies"].as_u64()), (Some(true), Some(2)));
    let master = text(&made["wo_number"]);
    assert_eq!(lab.id(&master), text(&made["id"]));
    let number = |name: &str| text(&made["work_orders"][name]);
    let (group, a, b, c) = (number("group"), number("a"), number("b"), number("c"));
    assert_eq!(made["work_orders"].as_object().map(serde_json::Map::len), Some(4));
    for (child, of) in [(&group, &master), (&a, &group), (&b, &group), (&c, &master)] {
        assert_eq!(lab.master(child).as_ref(), Some(of));
    }
    let mut edges = vec![format!("{b} after {a} + 00:00:00"), format!("{b} after {c} + 01:30:00")];
    edges.sort();
    assert_eq!(lab.edges(), edges);
    for (number, column, value) in [
        (&a, "assignee", "bob"),
        (&a, "estimated_hours", "2.50"),
        (&a, "priority", "high"),
        (&a, "tags", "{x,y}"),
        (&a, "metadata", "{\"k\": 1}"),
        (&a, "due_date", "2026-03-04"),
        (&a, "required", "true"),
        (&a, "originator", "ann"),
        (&b, "required", "false"),
        (&c, "lifecycle", "agent_change"),
        (&c, "project", "p"),
        (&c, "status", "draft"),
        (&master, "hierarchy_policy", "{\"completion\": \"required\"}"),
    ] {
        assert_eq!(lab.stands(number, column).as_deref(), Some(value), "{column}");
    }
    assert_eq!(lab.events("wo.created", &b).len(), 1);
    assert_eq!(lab.trail(&b, &["created", "dependency_added"]).len(), 3);
    assert_eq!(lab.progress(&master)["children"], 4);
    // Whoever makes a plan need not be somebody whom the lifecycle lets link.
    let his: Value = lab.one(BOB, &create(&small("his")));
    assert_eq!(his["created"], true);
    lab.assert_intact();
}

#[test]
fn every_problem_of_a_plan_is_told_at_once() {
    let lab = Lab::found();
    let plan = json!({
        "kee": 1,
        "key": "",
        "master": {"title": "M", "lifecycle": "task", "assignee": "nobody", "children": [], "name": "m"},
        "children": [
            {"name": "a", "title": "A", "lifecycle": "no_such"},
            {"name": "a", "title": "A", "lifecycle": "task", "priority": "urgent"},
            {"title": "no name", "lifecycle": "task"},
            {"name": "f", "title": "no convention", "lifecycle": "fleet_task", "regulatory": true},
            {"name": "r", "title": "R", "lifecycle": "task", "requester": "nobody", "after": ["ghost", 7]},
            {"name": "x", "lifecycle": "task"},
            {"name": "y", "title": "Y", "lifecycle": "task", "colour": "red", "idempotency_key": "k"},
            {"name": "p", "title": "P", "lifecycle": "task", "after": ["q"]},
            {"name": "q", "title": "Q", "lifecycle": "task", "after": ["p"]},
            {"name": "d", "title": "D", "lifecycle": "task", "after": ["p", "p", {"name": "q", "lag": 1}, {"lag": "1h"}]}
        ]
    });
    let found = pointers(&lab, &plan);
    for pointer in [
        "/kee",
        "/key",
        "/master/assignee",
        "/master/children",
        "/children/0/lifecycle",
        "/children/1/name",
        "/children/1/priority",
        "/children/2/name",
        "/children/3/title",
        "/children/3/regulatory",
        "/children/4/requester",
        "/children/4/after/0",
        "/children/4/after/1",
        "/children/5",
        "/children/6",
        "/children/6/idempotency_key",
        "/children/7",
        "/children/9/after/1",
        "/children/9/after/2/lag",
        "/children/9/after/3/name",
    ] {
        assert!(found.iter().any(|told| told == pointer), "{pointer} is not in {found:#?}");
    }
    assert_eq!(found.len(), 20, "{found:#?}");
}

#[test]
fn each_problem_by_itself_is_told_where_it_is() {
    let lab = Lab::found();
    let of = |children: Value| json!({"master": {"title": "M", "lifecycle": "task", "name": "m"}, "children": children});
    let one = |further: Value| {
        let mut child = json!({"name": "a", "title": "A", "lifecycle": "task"});
        child.as_object_mut().unwrap().extend(further.as_object().unwrap().clone());
        of(json!([child]))
    };
    for (plan, pointer) in [
        (json!(null), ""),
        (json!([]), ""),
        (json!({"children": []}), "/master"),
        (json!({"master": 1}), "/master"),
        (of(json!({})), "/children"),
        (of(json!([1])), "/children/0"),
        (one(json!({"assignee": "qa"})), "/children/0/assignee"),
        (one(json!({"after": "a"})), "/children/0/after"),
        (one(json!({"after": ["m"]})), "/master"),
        (one(json!({"after": ["a"]})), "/children/0"),
        (one(json!({"children": 7})), "/children/0/children"),
        (one(json!({"name": ""})), "/children/0/name"),
        (one(json!({"hierarchy_policy": {"completion": "some"}})), "/children/0"),
        (one(json!({"after": [{"name": "m", "lagg": "1h"}]})), "/children/0/after/0"),
    ] {
        let found = pointers(&lab, &plan);
        assert!(
            found.iter().any(|told| told == pointer),
            "{pointer} is not in {found:?} of {plan}"
        );
    }
}

#[test]
fn a_value_that_cannot_be_read_is_told_where_it_is() {
    let lab = Lab::found();
    let mut plan = small("values");
    plan["master"]["assignee"] = json!("nobody");
    plan["children"][0]["due_date"] = json!("soon");
    plan["children"][1]["after"] = json!([{"name": "a", "lag": "soon"}]);
    let found = pointers(&lab, &plan);
    assert_eq!(found.len(), 3, "{found:?}");
    assert!(found[0].starts_with("/children/0"), "{found:?}");
    assert_eq!(found[1..], ["/children/1/after/0/lag", "/master/assignee"]);
}

#[test]
fn the_same_key_never_makes_a_second_plan() {
    let lab = Lab::found();
    let first = make(&lab, &small("one"));
    let before = lab.everything();
    let mut again = make(&lab, &small("one"));
    assert_eq!(again["created"], false);
    again["created"] = json!(true);
    assert_eq!(again, first);
    // Another plan with that key is refused.
    for other in [
        json!({"key": "one", "master": {"title": "X"}, "children": []}),
        json!({"key": "one", "master": {"title": "X", "name": "y"}, "children": [{"name": "a", "title": "A"}]}),
    ] {
        let detail = lab.refused(ANN, &create(&other), "23505", "idempotency_key_reused");
        assert_eq!(detail["work_order_id"], first["id"]);
    }
    assert_eq!(lab.everything(), before);
    let second = make(&lab, &small("two"));
    assert_ne!(second["id"], first["id"]);
    // Without a key, each call makes one; another tenant's key is another key.
    let mut keyless = small("x");
    keyless.as_object_mut().unwrap().remove("key");
    assert_ne!(make(&lab, &keyless)["id"], make(&lab, &keyless)["id"]);
    let plan =
        json!({"key": "one", "master": {"title": "X"}, "children": [{"name": "a", "title": "A"}]});
    let theirs: Value = lab.one(RIVAL, &create(&plan));
    assert_eq!(theirs["created"], true);
    lab.assert_intact();
}

#[test]
fn keys_and_names_with_slashes_do_not_meet() {
    let lab = Lab::found();
    let plan = |key: &str, name: &str| {
        make(
            &lab,
            &json!({"key": key, "master": {"title": "M"}, "children": [{"name": name, "title": "A"}]}),
        )
    };
    assert_eq!(plan("a/b", "c")["created"], true);
    assert_eq!(plan("a", "b/c")["created"], true);
    assert_eq!(plan("a/b", "c")["created"], false);
    // Nor do they meet the keys of single work orders.
    lab.make_with("x", ", idempotency_key => 'k/'");
    lab.make_with("x", ", idempotency_key => 'k'");
    assert_eq!(plan("q", "c")["created"], true);
}

#[test]
fn two_sessions_with_the_same_key_make_one_plan() {
    let lab = Lab::found();
    for level in crate::hierarchy::lab::EVERY_LEVEL {
        let plan = small(level);
        let (mut one, mut two) = (lab.connect(ANN), lab.connect(BOB));
        begin(&mut one, level);
        begin(&mut two, level);
        let first: Value = one.query_one(&create(&plan), &[]).unwrap().get(0);
        let pid = backend_pid(&mut two);
        let answer = std::thread::scope(|scope| {
            let waiting = scope.spawn(|| two.query_one(&create(&plan), &[]));
            lab.database.wait_until_blocked(pid);
            one.batch_execute("commit").unwrap();
            waiting.join().unwrap()
        });
        match answer {
            Ok(row) => {
                let second: Value = row.get(0);
                assert_eq!((&second["id"], &second["created"]), (&first["id"], &json!(false)));
            }
            Err(error) => assert_eq!(
                error.code().map(postgres::error::SqlState::code),
                Some("40001"),
                "{error:?}"
            ),
        }
        two.batch_execute("rollback").unwrap();
        let retried: Value = lab.one(BOB, &create(&plan));
        assert_eq!((&retried["id"], &retried["created"]), (&first["id"], &json!(false)));
    }
    assert_eq!(lab.one::<i64>(ANN, "select count(*) from wo.work_order"), 9);
    assert_eq!(lab.edges().len(), 3);
    lab.assert_intact();
}

#[test]
fn nothing_is_left_of_a_plan_that_fails_half_way() {
    let lab = Lab::found();
    let before = lab.everything();
    // The last of its rows breaks a rule of the table that no look at the plan foresees.
    let mut plan = small("half");
    plan["children"][1]["planned_start"] = json!("2026-02-01");
    plan["children"][1]["planned_end"] = json!("2026-01-01");
    let error = db_error(lab.with(ANN, |ann| ann.batch_execute(&create(&plan))));
    assert_ne!(error.code().code(), "XX000", "{error:?}");
    assert_eq!(lab.everything(), before);
    // In the same transaction, after a savepoint, another plan goes through, and so do edges.
    let mut ann = lab.connect(ANN);
    ann.batch_execute("begin; savepoint s").unwrap();
    db_error(ann.batch_execute(&create(&plan)));
    ann.batch_execute("rollback to savepoint s").unwrap();
    let made: Value = ann.query_one(&create(&small("whole")), &[]).unwrap().get(0);
    let (a, b) = (text(&made["work_orders"]["a"]), text(&made["work_orders"]["b"]));
    let cycle = ann.batch_execute(&crate::hierarchy::lab::add(&a, &b));
    assert!(db_error(cycle).detail().unwrap().contains("dependency_cycle"));
    ann.batch_execute("rollback to savepoint s").unwrap();
    let made: Value = ann.query_one(&create(&small("whole")), &[]).unwrap().get(0);
    assert_eq!(made["created"], true);
    ann.batch_execute("commit").unwrap();
    assert_eq!(lab.one::<i64>(ANN, "select count(*) from wo.work_order"), 3);
    lab.assert_intact();
}

#[test]
fn a_plan_stays_within_its_limits() {
    let lab = Lab::found();
    let child = |name: String| json!({"name": name, "title": "t", "lifecycle": "task"});
    let nested = (0..25).fold(json!([]), |inner, level| {
        let mut child = child(format!("n{level}"));
        child["children"] = inner;
        json!([child])
    });
    let told =
        problems(&lab, &json!({"master": {"title": "M", "lifecycle": "task"}, "children": nested}));
    assert!(told.iter().any(|(_, problem)| problem.contains("20 deep")), "{told:?}");
    let wide: Vec<Value> = (0..20_001).map(|place| child(format!("n{place}"))).collect();
    let told =
        problems(&lab, &json!({"master": {"title": "M", "lifecycle": "task"}, "children": wide}));
    assert!(told.iter().any(|(_, problem)| problem.contains("20000")), "{told:?}");
    let mut plan = small(&"k".repeat(101));
    assert_eq!(pointers(&lab, &plan), ["/key"]);
    plan["key"] = json!("k".repeat(100));
    plan["children"][0]["name"] = json!("ü".repeat(80));
    plan["children"][1]["after"] = json!(["ü".repeat(80)]);
    assert_eq!(make(&lab, &plan)["created"], true);
    // No children are a plan too.
    let lone = make(&lab, &json!({"master": {"title": "M", "lifecycle": "task"}}));
    assert_eq!((&lone["created"], &lone["work_orders"]), (&json!(true), &json!({})));
    lab.assert_intact();
}
