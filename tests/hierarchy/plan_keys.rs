//! The key of a plan belongs to one plan.

use serde_json::{Value, json};

use crate::hierarchy::lab::{ANN, Lab};

fn plan() -> Value {
    json!({
        "key": "upgrade",
        "master": {"title": "M", "lifecycle": "task"},
        "children": [
            {"name": "a", "title": "A", "lifecycle": "task", "estimated_hours": 1},
            {"name": "b", "title": "B", "lifecycle": "task", "after": [{"name": "a", "lag": "1 hour"}]},
            {"name": "g", "title": "G", "lifecycle": "task", "children": [
                {"name": "c", "title": "C", "lifecycle": "task", "after": ["b"]}
            ]}
        ]
    })
}

fn sql(plan: &Value) -> String {
    format!("select wo.create_from_plan($${plan}$$)")
}

/// Without it a changed plan with an old key is answered with the work orders of the old plan.
#[test]
fn another_plan_with_the_same_key_is_refused_and_says_what_differs() {
    let lab = Lab::found();
    let first: Value = lab.one(ANN, &sql(&plan()));
    assert_eq!(first["created"], true);
    let changed = |change: fn(&mut Value)| {
        let mut plan = plan();
        change(&mut plan);
        plan
    };
    let cases: [(Value, &[&str]); 8] = [
        (changed(|plan| plan["master"]["title"] = json!("N")), &["/master/title"]),
        (
            changed(|plan| plan["children"][0]["estimated_hours"] = json!(2)),
            &["/children/0/estimated_hours"],
        ),
        (changed(|plan| plan["children"][1]["after"] = json!(["a"])), &["/children/1"]),
        (changed(|plan| plan["children"][1]["after"] = json!([])), &["/children/1"]),
        (
            changed(|plan| {
                let more = json!({"name": "d", "title": "D", "lifecycle": "task"});
                plan["children"].as_array_mut().unwrap().push(more);
            }),
            &["/children/3"],
        ),
        (
            changed(|plan| {
                plan["children"][2]["children"] = json!([]);
            }),
            &["c is left out"],
        ),
        (
            changed(|plan| {
                let c = plan["children"][2]["children"][0].take();
                plan["children"][2]["children"] = json!([]);
                plan["children"].as_array_mut().unwrap().push(c);
            }),
            &["/children/3"],
        ),
        (
            changed(|plan| plan["children"][0]["priority"] = json!("high")),
            &["/children/0/priority"],
        ),
    ];
    for (plan, differs) in cases {
        let detail = lab.refused(ANN, &sql(&plan), "23505", "idempotency_key_reused");
        assert_eq!(detail["work_order_id"], first["id"], "{plan}");
        assert_eq!(detail["differing_fields"], json!(differs), "{plan}");
    }
    lab.assert_intact();
}

/// The same plan in another order, with what defaults fill in, and after it was worked on.
#[test]
fn the_same_plan_gives_the_same_answer() {
    let lab = Lab::found();
    let first: Value = lab.one(ANN, &sql(&plan()));
    let (a, b) = (&first["work_orders"]["a"], &first["work_orders"]["b"]);
    lab.go(a.as_str().unwrap(), &["doing"]);
    lab.run(
        ANN,
        &format!(
            "select wo.remove_dependency('{}', '{}')",
            b.as_str().unwrap(),
            a.as_str().unwrap()
        ),
    );
    let mut same = plan();
    same["children"].as_array_mut().unwrap().reverse();
    same["children"][2]["priority"] = json!("low");
    same["children"][2]["estimated_hours"] = json!("1.00");
    same["master"]["required"] = json!(true);
    for plan in [plan(), same] {
        let again: Value = lab.one(ANN, &sql(&plan));
        assert_eq!(again["created"], false);
        assert_eq!(again["work_orders"], first["work_orders"]);
    }
}
