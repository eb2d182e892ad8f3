//! What is read of a master: ready children, schedule, progress, pattern, drawing.

use serde_json::{Value, json};

use crate::hierarchy::lab::{ANN, BOB, Lab, RIVAL};

pub fn plan(lab: &Lab, children: &Value) -> (String, Value) {
    let plan = json!({"master": {"title": "M", "lifecycle": "task"}, "children": children});
    let made: Value = lab.one(ANN, &format!("select wo.create_from_plan($${plan}$$)"));
    (made["wo_number"].as_str().unwrap().to_owned(), made["work_orders"].clone())
}

pub fn child(name: &str, hours: f64, after: Value) -> Value {
    json!({"name": name, "title": name, "lifecycle": "task", "estimated_hours": hours, "after": after})
}

pub fn number<'a>(made: &'a Value, name: &str) -> &'a str {
    made[name].as_str().unwrap_or_else(|| panic!("{name} is not in {made}"))
}

/// By title: earliest start and finish, latest start and finish, total and free slack, in hours
/// from now, and whether it is critical.
fn schedule(lab: &Lab, master: &str) -> Vec<(String, [f64; 6], bool)> {
    let sql = format!(
        "select title,
            (extract(epoch from earliest_start - now()) / 3600)::float8,
            (extract(epoch from earliest_finish - now()) / 3600)::float8,
            (extract(epoch from latest_start - now()) / 3600)::float8,
            (extract(epoch from latest_finish - now()) / 3600)::float8,
            (extract(epoch from total_slack) / 3600)::float8,
            (extract(epoch from free_slack) / 3600)::float8, critical
         from wo.critical_path('{master}')"
    );
    let rows = lab.rows(ANN, &sql);
    rows.iter()
        .map(|row| (row.get(0), std::array::from_fn(|place| row.get(place + 1)), row.get(7)))
        .collect()
}

#[track_caller]
fn assert_schedule(lab: &Lab, master: &str, expected: &[(&str, [f64; 6], bool)]) {
    let found = schedule(lab, master);
    let mut starts: Vec<f64> = Vec::new();
    assert_eq!(found.len(), expected.len(), "{found:?}");
    for (title, hours, critical) in &found {
        let (_, wanted, is_critical) =
            expected.iter().find(|(name, ..)| name == title).unwrap_or_else(|| panic!("{title}"));
        let close = hours.iter().zip(wanted).all(|(found, wanted)| (found - wanted).abs() < 0.01);
        assert!(close && critical == is_critical, "{title}: {hours:?} {critical}, not {wanted:?}");
        starts.push(hours[0]);
    }
    assert!(starts.is_sorted(), "{found:?}");
}

#[test]
fn the_schedule_is_that_of_the_critical_path_method() {
    let lab = Lab::found();
    let (master, _) = plan(
        &lab,
        &json!([
            child("a", 4.0, json!([])),
            child("b", 2.0, json!([{"name": "a", "lag": "1 hour"}])),
            child("c", 2.0, json!(["a"])),
            child("d", 1.0, json!(["b", "c"])),
            child("e", 1.0, json!([]))
        ]),
    );
    assert_schedule(
        &lab,
        &master,
        &[
            ("a", [0.0, 4.0, 0.0, 4.0, 0.0, 0.0], true),
            ("b", [5.0, 7.0, 5.0, 7.0, 0.0, 0.0], true),
            ("c", [4.0, 6.0, 5.0, 7.0, 1.0, 1.0], false),
            ("d", [7.0, 8.0, 7.0, 8.0, 0.0, 0.0], true),
            ("e", [0.0, 1.0, 7.0, 8.0, 7.0, 7.0], false),
        ],
    );
}

#[test]
fn a_part_that_is_a_master_spans_its_own_parts() {
    let lab = Lab::found();
    let mut group = child("group", 99.0, json!(["a"]));
    group["children"] = json!([child("x", 3.0, json!([])), child("y", 1.0, json!(["x"]))]);
    let (master, _) =
        plan(&lab, &json!([child("a", 1.0, json!([])), group, child("z", 2.0, json!(["group"]))]));
    let found = schedule(&lab, &master);
    let row = |title: &str| found.iter().find(|(name, ..)| name == title).unwrap();
    // Its own estimate counts for nothing; what waits for it waits for its last child.
    assert!((row("group").1[1] - 5.0).abs() < 0.01, "{found:?}");
    assert!((row("z").1[0] - 5.0).abs() < 0.01, "{found:?}");
    // What the master waits for, its children wait for.
    assert!((row("x").1[0] - 1.0).abs() < 0.01, "{found:?}");
    assert!(["a", "x", "y", "z"].iter().all(|title| row(title).2), "{found:?}");
}

#[test]
fn actual_times_take_the_place_of_estimates() {
    let lab = Lab::found();
    let (master, made) = plan(
        &lab,
        &json!([
            child("a", 8.0, json!([])),
            child("b", 3.0, json!([{"name": "a", "lag": "2 hours"}])),
            child("c", 1.0, json!(["b"])),
            child("d", 4.0, json!([]))
        ]),
    );
    let (a, d) = (number(&made, "a"), number(&made, "d"));
    lab.go(a, &["doing", "review"]);
    lab.go(d, &["doing"]);
    for (child, set) in [
        (a, "actual_start = now() - interval '3 hours', actual_end = now() - interval '1 hour'"),
        (d, "actual_start = now() - interval '1 hour'"),
    ] {
        lab.run(ANN, &format!("update wo.work_order set {set} where wo_number = '{child}'"));
    }
    // a was over an hour ago; its lag has another hour to go. d has three hours left.
    assert_schedule(
        &lab,
        &master,
        &[
            ("a", [-3.0, -1.0, -3.0, -1.0, 0.0, 0.0], false),
            ("b", [1.0, 4.0, 1.0, 4.0, 0.0, 0.0], true),
            ("c", [4.0, 5.0, 4.0, 5.0, 0.0, 0.0], true),
            ("d", [-1.0, 3.0, -1.0, 5.0, 2.0, 2.0], false),
        ],
    );
    // Without a word from anybody, the trail tells when work began.
    lab.run(ANN, &format!("update wo.work_order set actual_start = null where wo_number = '{d}'"));
    let found = schedule(&lab, &master);
    let (_, hours, _) = found.iter().find(|(title, ..)| title == "d").unwrap();
    assert!(hours[0].abs() < 0.01 && (hours[1] - 4.0).abs() < 0.01, "{hours:?}");
}

#[test]
fn progress_is_weighted_by_estimate() {
    let lab = Lab::found();
    let (master, made) = plan(
        &lab,
        &json!([
            child("one", 1.0, json!([])),
            child("two", 2.0, json!([])),
            child("three", 3.0, json!(["two"])),
            child("four", 4.0, json!([])),
            {"name": "unestimated", "title": "u", "lifecycle": "task", "required": false}
        ]),
    );
    let progress = lab.progress(&master);
    assert_eq!(
        (
            &progress["wo_number"],
            &progress["percent_complete"],
            &progress["children"],
            &progress["not_started"]
        ),
        (&json!(master), &json!(0.0), &json!(5), &json!(5))
    );
    assert_eq!(progress["required"], 4);
    let ends_in = || -> f64 {
        lab.one(
            ANN,
            &format!(
                "select (extract(epoch from (wo.progress('{master}') ->> 'estimated_completion')::timestamptz
                    - now()) / 3600)::float8"
            ),
        )
    };
    assert!((ends_in() - 5.0).abs() < 0.01, "{}", ends_in());
    lab.go(number(&made, "two"), &["doing", "review"]);
    // 2 of 11 hours: without an estimate it counts as one hour.
    assert_eq!(lab.progress(&master)["percent_complete"], json!(18.2));
    lab.go(number(&made, "one"), &["doing", "stuck"]);
    lab.go(number(&made, "three"), &["doing"]);
    lab.go(number(&made, "four"), &["dropped"]);
    let progress = lab.progress(&master);
    for (name, count) in [("done", 1), ("running", 1), ("not_started", 1), ("failed", 1)] {
        assert_eq!(progress[name], count, "{progress}");
    }
    assert_eq!(progress["blocked"].as_array().map(Vec::len), Some(1));
    // What was given up weighs nothing: 2 of 7.
    assert_eq!(progress["percent_complete"], json!(28.6));
    assert!((ends_in() - 3.0).abs() < 0.01, "{}", ends_in());
    lab.go(number(&made, "one"), &["doing", "review"]);
    lab.go(number(&made, "three"), &["review"]);
    lab.go(number(&made, "unestimated"), &["doing", "review"]);
    assert_eq!(lab.progress(&master)["percent_complete"], json!(100.0));
    // One that has no children is at nothing.
    let alone = lab.progress(number(&made, "one"));
    assert_eq!((&alone["children"], &alone["percent_complete"]), (&json!(0), &json!(0.0)));
    assert_eq!(alone["estimated_completion"], Value::Null);
}

#[test]
fn ready_is_what_has_not_started_and_waits_for_nothing() {
    let lab = Lab::found();
    let mut group = child("group", 1.0, json!([]));
    group["children"] = json!([child("x", 1.0, json!([])), child("y", 1.0, json!(["x", "a"]))]);
    let (master, made) = plan(
        &lab,
        &json!([
            group,
            child("a", 1.0, json!([])),
            child("late", 1.0, json!([{"name": "a", "lag": "1 hour"}]))
        ]),
    );
    let ready = |names: &[&str]| {
        let mut numbers: Vec<&str> = names.iter().map(|name| number(&made, name)).collect();
        numbers.sort_unstable();
        assert_eq!(lab.ready(&master), numbers);
    };
    ready(&["x", "a"]);
    lab.go(number(&made, "x"), &["doing"]);
    ready(&["a"]);
    lab.go(number(&made, "x"), &["review"]);
    ready(&["a"]);
    lab.go(number(&made, "a"), &["doing", "review"]);
    ready(&["y"]);
    lab.run(
        ANN,
        &format!(
            "select wo.add_dependency('{}', '{}', '0')",
            number(&made, "late"),
            number(&made, "a")
        ),
    );
    ready(&["y", "late"]);
    lab.go(number(&made, "late"), &["dropped"]);
    ready(&["y"]);
    // Of a child of it: only what belongs to that.
    assert_eq!(lab.ready(number(&made, "group")), [number(&made, "y")]);
    let outside = lab.make("outside");
    lab.after(number(&made, "y"), &outside);
    ready(&[]);
    // What is ready can start, by the same gate.
    lab.go(&outside, &["doing", "review"]);
    ready(&["y"]);
    lab.go(number(&made, "y"), &["doing"]);
}

#[test]
fn the_pattern_follows_from_what_waits_for_what() {
    let lab = Lab::found();
    let pattern = |children: Value| {
        let (master, made) = plan(&lab, &children);
        let found: Value = lab.one(BOB, &format!("select wo.execution_pattern('{master}')"));
        let reason = found["reason"].as_str().unwrap().to_owned();
        if made.as_object().is_some_and(|made| (1..=3).contains(&made.len())) {
            assert!(reason.contains(number(&made, "a")), "{reason}");
        }
        (found["pattern"].as_str().unwrap().to_owned(), reason)
    };
    let free = |name| child(name, 1.0, json!([]));
    assert_eq!(pattern(json!([])).0, "single");
    assert_eq!(pattern(json!([free("a")])).0, "single");
    assert_eq!(pattern(json!([free("a"), free("b"), free("c")])).0, "parallelization");
    let chain = json!([free("a"), child("b", 1.0, json!(["a"])), child("c", 1.0, json!(["b"]))]);
    assert_eq!(pattern(chain).0, "prompt_chaining");
    let mixed = json!([free("a"), child("b", 1.0, json!(["a"])), free("c")]);
    let (mixed, reason) = pattern(mixed);
    assert_eq!(mixed, "orchestrator_workers");
    assert!(reason.contains("Of 3 work orders with 1 dependency"), "{reason}");
}

#[test]
fn a_drawing_shows_every_part_at_six_and_at_sixty() {
    let lab = Lab::found();
    for count in [6_usize, 60] {
        let children: Vec<Value> = (0..count)
            .map(|place| {
                let after =
                    place.checked_sub(3).map_or(json!([]), |before| json!([format!("n{before}")]));
                let mut child = child(&format!("n{place}"), 1.0, after);
                child["title"] = json!(format!("Build \"{place}\" <b>&amp; [x] | 部品"));
                child
            })
            .collect();
        let (master, made) = plan(&lab, &json!(children));
        for format in ["mermaid", "dot", "svg"] {
            let drawn: String =
                lab.one(BOB, &format!("select wo.dependency_diagram('{master}', '{format}')"));
            for place in 0..count {
                assert!(drawn.contains(number(&made, &format!("n{place}"))), "{format}: {drawn}");
            }
            // In a quoted label of DOT it is nothing but text.
            assert!(format == "dot" || !drawn.contains("<b>"), "{format}: {drawn}");
            assert!(drawn.contains("部品") && drawn.contains("open"), "{format}: {drawn}");
        }
        let default: String = lab.one(BOB, &format!("select wo.dependency_diagram('{master}')"));
        assert!(default.contains("flowchart"));
    }
}

#[test]
fn an_unknown_format_or_master_is_refused() {
    let lab = Lab::found();
    let (master, _) = plan(&lab, &json!([child("a", 1.0, json!([]))]));
    for format in ["png", "", "Mermaid2"] {
        let draw = format!("select wo.dependency_diagram('{master}', '{format}')");
        lab.refused(ANN, &draw, "22023", "format_unknown");
    }
    let id = lab.id(&master);
    for function in [
        "ready_work_orders",
        "critical_path",
        "progress",
        "execution_pattern",
        "dependency_diagram",
    ] {
        for name in [master.as_str(), &id, "WO-1999-0101-FFF"] {
            lab.refused(
                RIVAL,
                &format!("select * from wo.{function}('{name}')"),
                "22023",
                "work_order_unknown",
            );
        }
        lab.refused(
            ANN,
            &format!("select * from wo.{function}('WO-1')"),
            "22023",
            "work_order_unknown",
        );
        // Whoever may read the tenant may read this; a work order is named by its UUID too.
        lab.rows(BOB, &format!("select * from wo.{function}('{id}')"));
    }
}
