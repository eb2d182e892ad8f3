//! What waits for what: adding, changing and removing edges.

use serde_json::{Value, json};
use wo_cluster_tests::db_error;

use crate::hierarchy::lab::{ANN, BOB, Lab, RIVAL, ROOT, add, move_to};

fn remove(successor: &str, predecessor: &str) -> String {
    format!("select wo.remove_dependency('{successor}', '{predecessor}')")
}

/// The bulk call, by name and members.
fn bulk(function: &str, edges: &Value) -> String {
    format!("select wo.{function}('{edges}')")
}

fn insert(lab: &Lab, edges: &[(&str, &str)]) -> String {
    let rows: Vec<String> = edges
        .iter()
        .map(|(successor, predecessor)| {
            format!("('{}', '{}')", lab.id(successor), lab.id(predecessor))
        })
        .collect();
    format!("insert into wo.dependency (successor_id, predecessor_id) values {}", rows.join(", "))
}

#[test]
fn an_edge_is_added_changed_and_removed_and_each_stands_in_the_successors_trail() {
    let lab = Lab::found();
    let [a, b] = lab.several();
    let actions = ["dependency_added", "dependency_changed", "dependency_removed"];
    lab.run(ANN, &format!("select wo.add_dependency('{b}', '{a}', '2 hours')"));
    assert_eq!(lab.edges(), [format!("{b} after {a} + 02:00:00")]);
    // The same edge again changes its lag; with the same lag it changes nothing.
    lab.run(ANN, &format!("select wo.add_dependency('{b}', '{a}', '3 hours')"));
    assert_eq!(lab.edges(), [format!("{b} after {a} + 03:00:00")]);
    let before = (lab.trail(&b, &actions).len(), lab.events("wo.dependency_added", &b).len());
    assert_eq!(before, (2, 2));
    assert!(lab.one::<bool>(ANN, &remove(&b, &a)));
    assert!(!lab.one::<bool>(ANN, &remove(&b, &a)));
    assert_eq!(lab.edges(), [""; 0]);

    let trail = lab.trail(&b, &actions);
    let told: Vec<&str> = trail.iter().map(|(action, _)| action.as_str()).collect();
    assert_eq!(told, actions);
    for (entry, holds) in
        trail.iter().zip([&["02:00:00"][..], &["02:00:00", "03:00:00"], &["03:00:00"]])
    {
        assert!(entry.1.contains(&format!("dependency {a}")), "{entry:?}");
        assert!(holds.iter().all(|lag| entry.1.contains(lag)), "{entry:?}");
    }
    assert_eq!(lab.trail(&a, &actions), []);
    let added = lab.events("wo.dependency_added", &b);
    assert_eq!((added.len(), added[0]["work_order"].as_str()), (2, Some(b.as_str())));
    assert_eq!(added[0]["actor"], "ann");
    assert_eq!(lab.events("wo.dependency_removed", &b).len(), 1);
    // An edge moves the chain, not the version.
    assert_eq!(lab.stands(&b, "version").as_deref(), Some("1"));
    lab.assert_intact();
}

#[test]
fn who_added_it_and_when_is_set_by_the_server() {
    let lab = Lab::found();
    let [a, b] = lab.several();
    lab.run(
        ANN,
        &format!(
            "insert into wo.dependency (successor_id, predecessor_id, added_by)
             values ('{}', '{}', 'ann')",
            lab.id(&b),
            lab.id(&a)
        ),
    );
    let row = &lab
        .rows(ANN, "select added_by, added_at > now() - interval '1 day' from wo.dependency")[0];
    assert_eq!((row.get(0), row.get(1)), ("ann", true));
    lab.run(ROOT, "update wo.dependency set lag = '1 hour'");
    assert_eq!(lab.one::<String>(ANN, "select added_by from wo.dependency"), "root");
    lab.assert_intact();
}

#[test]
fn many_edges_are_added_and_removed_all_or_none() {
    let lab = Lab::found();
    let [a, b, c, d] = lab.several();
    let chain = json!([
        {"successor": b, "predecessor": a},
        {"successor": c, "predecessor": lab.id(&b), "lag": "1 hour"},
        {"successor": d, "predecessor": c, "lag": null},
        {"successor": b, "predecessor": a}
    ]);
    assert_eq!(lab.one::<i32>(ANN, &bulk("add_dependencies", &chain)), 3);
    let mut edges = vec![
        format!("{b} after {a} + 00:00:00"),
        format!("{c} after {b} + 01:00:00"),
        format!("{d} after {c} + 00:00:00"),
    ];
    edges.sort();
    assert_eq!(lab.edges(), edges);

    let good = json!({"successor": d, "predecessor": a});
    for (bad, sqlstate, code) in [
        (json!({"successor": a, "predecessor": d}), "23514", "dependency_cycle"),
        (json!({"successor": a, "predecessor": "WO-1"}), "22023", "work_order_unknown"),
        (json!({"successor": a}), "22023", "bad_value"),
        (json!({"successor": a, "predecessor": b, "x": 1}), "22023", "bad_value"),
        (json!({"successor": a, "predecessor": b, "lag": 1}), "22023", "bad_value"),
        (json!("a"), "22023", "bad_value"),
    ] {
        lab.refused(ANN, &bulk("add_dependencies", &json!([good, bad])), sqlstate, code);
    }
    lab.refused(ANN, &bulk("add_dependencies", &good), "22023", "not_an_array");
    lab.refused(
        ANN,
        &bulk("remove_dependencies", &json!([{"successor": b}])),
        "22023",
        "bad_value",
    );

    let removed = json!([
        {"successor": c, "predecessor": b},
        {"successor": d, "predecessor": a},
        {"successor": b, "predecessor": a}
    ]);
    assert_eq!(lab.one::<i32>(ANN, &bulk("remove_dependencies", &removed)), 2);
    assert_eq!(lab.edges(), [format!("{d} after {c} + 00:00:00")]);
    assert_eq!(lab.one::<i32>(ANN, &bulk("add_dependencies", &json!([]))), 0);
    lab.assert_intact();
}

#[test]
fn the_start_waits_until_the_lag_is_over() {
    let lab = Lab::found();
    let [a, b] = lab.several();
    lab.run(ANN, &format!("select wo.add_dependency('{b}', '{a}', '1 hour')"));
    let unmet = || -> String {
        let detail = lab.refused(ANN, &move_to(&b, "doing"), "23514", "guards_not_met");
        assert_eq!(detail["guards"][0]["guard"], "dependencies_satisfied");
        detail["guards"][0]["detail"].as_str().unwrap().to_owned()
    };
    assert!(unmet().contains(&format!("{a} is open")));
    lab.go(&a, &["doing", "review"]);
    let told = unmet();
    // A time, and not a number of seconds: "is closed for 86400 more seconds" was the answer.
    let (_, ends) = told.split_once("its lag ends at ").unwrap_or_else(|| panic!("{told}"));
    let is_in_an_hour: bool = lab.one(
        ANN,
        &format!(
            "select '{ends}'::timestamptz - now() between interval '50 min' and interval '60 min'"
        ),
    );
    assert!(is_in_an_hour, "{told}");
    lab.run(ANN, &format!("select wo.add_dependency('{b}', '{a}', '1 millisecond')"));
    lab.go(&b, &["doing"]);
    lab.assert_intact();
}

#[test]
fn a_predecessor_that_goes_on_does_not_begin_the_lag_anew() {
    let lab = Lab::found();
    let master = lab.make("master");
    let (a, b) = (lab.child("a", &master), lab.child("b", &master));
    lab.run(ANN, &format!("select wo.add_dependency('{b}', '{a}', '2 seconds')"));
    lab.go(&a, &["doing", "review"]);
    assert_eq!(lab.ready(&master), [""; 0]);
    // The superuser is a principal too.
    lab.database
        .wait_until(&format!("select exists (select from wo.ready_work_orders('{master}'))"));
    lab.go(&a, &["done"]);
    lab.go(&b, &["doing"]);
    lab.assert_intact();
}

#[test]
fn a_bad_lag_is_refused() {
    let lab = Lab::found();
    let [a, b] = lab.several();
    let before = lab.everything();
    for lag in ["-1 hour", "101 years", "soon"] {
        for sql in [
            format!("select wo.add_dependency('{b}', '{a}', '{lag}')"),
            bulk("add_dependencies", &json!([{"successor": b, "predecessor": a, "lag": lag}])),
        ] {
            let error = db_error(lab.with(ANN, |ann| ann.batch_execute(&sql)));
            let code = error.code().code();
            assert!(["22023", "22007"].contains(&code), "{lag}: {error:?}");
        }
    }
    let kind = format!("select wo.add_dependency('{b}', '{a}', '0', 'start_to_start')");
    let error = db_error(lab.with(ANN, |ann| ann.batch_execute(&kind)));
    assert_eq!(error.code().code(), "23514", "{error:?}");
    assert_eq!(lab.everything(), before);
}

#[test]
fn an_edge_to_nowhere_is_refused() {
    let lab = Lab::found();
    let own = lab.make("own");
    let theirs: String = lab.one(RIVAL, "select wo.create_work_order('theirs') ->> 'wo_number'");
    let their_id: String = lab.one(RIVAL, "select id::text from wo.work_order");
    let own_id = lab.id(&own);
    let nobody = "0199c0de-0000-7000-8000-000000000001";
    for name in [theirs.as_str(), &their_id, "WO-1999-0101-FFF", nobody] {
        for sql in [
            add(&own, name),
            add(name, &own),
            remove(name, &own),
            remove(&own, name),
            bulk("add_dependencies", &json!([{"successor": own, "predecessor": name}])),
        ] {
            lab.refused(ANN, &sql, "22023", "work_order_unknown");
        }
    }
    let before = lab.everything();
    for who in [ANN, ROOT] {
        for id in [their_id.as_str(), nobody] {
            for (successor, predecessor) in [(own_id.as_str(), id), (id, &own_id)] {
                let insert = format!(
                    "insert into wo.dependency (successor_id, predecessor_id)
                     values ('{successor}', '{predecessor}')"
                );
                let error = db_error(lab.with(who, |client| client.batch_execute(&insert)));
                let code = error.code().code();
                assert!(["22023", "23503"].contains(&code), "{who}: {insert}: {error:?}");
            }
        }
        // Nor in the other tenant's name.
        let rival = format!(
            "insert into wo.dependency (tenant_id, successor_id, predecessor_id)
             select tenant_id, '{their_id}', '{own_id}' from wo.tenant where name = 'Rival'"
        );
        if who == ROOT {
            lab.refused(who, &rival, "42501", "wrong_tenant");
        }
    }
    assert_eq!(lab.everything(), before);
    assert_eq!(lab.one::<i64>(RIVAL, "select count(*) from wo.dependency"), 0);
}

#[test]
fn nothing_waits_for_itself() {
    let lab = Lab::found();
    let a = lab.make("a");
    for (who, sql) in [
        (ANN, add(&a, &a)),
        (ANN, bulk("add_dependencies", &json!([{"successor": a, "predecessor": a}]))),
        (ROOT, insert(&lab, &[(&a, &a)])),
    ] {
        let before = lab.everything();
        let error = db_error(lab.with(who, |client| client.batch_execute(&sql)));
        assert_eq!(error.code().code(), "23514", "{error:?}");
        assert_eq!(lab.everything(), before);
    }
}

/// An edge is locked with the work order that waits; what it waits for may be long over.
#[test]
fn a_locked_successor_keeps_its_edges_and_a_locked_predecessor_takes_new_ones() {
    let lab = Lab::found();
    let [done, next, other] = lab.several();
    lab.finish(&[&done]);
    lab.after(&next, &done);
    lab.finish(&[&next]);
    for who in [ANN, ROOT] {
        for sql in [
            add(&next, &other),
            remove(&next, &done),
            format!("select wo.add_dependency('{next}', '{done}', '1 hour')"),
            insert(&lab, &[(&next, &other)]),
            "update wo.dependency set lag = '1 hour'".to_owned(),
            "delete from wo.dependency".to_owned(),
        ] {
            lab.refused(who, &sql, "55000", "record_locked");
        }
    }
    lab.after(&other, &next);
    lab.go(&other, &["doing"]);
    lab.assert_intact();
}

#[test]
fn the_lifecycle_of_the_successor_says_who_adds_edges() {
    let lab = Lab::found();
    let [a, b] = lab.several();
    let his: String =
        lab.one(BOB, "select wo.create_work_order('his', lifecycle => 'task') ->> 'wo_number'");
    lab.after(&b, &a);
    for sql in [
        add(&b, &his),
        remove(&b, &a),
        insert(&lab, &[(&b, &his)]),
        "update wo.dependency set lag = '1 hour'".to_owned(),
        "delete from wo.dependency".to_owned(),
        bulk("remove_dependencies", &json!([{"successor": b, "predecessor": a}])),
    ] {
        let detail = lab.refused(BOB, &sql, "42501", "role_missing");
        assert_eq!(detail["roles"], json!(["originator", "planner"]));
    }
    lab.run(BOB, &add(&his, &a));
    lab.run(BOB, &remove(&his, &a));
    let before = lab.everything();
    for who in [RIVAL, crate::hierarchy::lab::ADMIN] {
        for sql in [add(&b, &his), remove(&b, &a)] {
            assert!(lab.with(who, |client| client.batch_execute(&sql)).is_err(), "{who}: {sql}");
        }
    }
    assert_eq!(lab.everything(), before);
    lab.assert_intact();
}

#[test]
fn a_write_of_the_table_is_held_to_the_same_rules() {
    let lab = Lab::found();
    let [a, b, c] = lab.several();
    for who in [ANN, ROOT] {
        lab.run(who, &insert(&lab, &[(&b, &a), (&c, &a)]));
        lab.run(
            who,
            &format!(
                "update wo.dependency set lag = '1 hour' where successor_id = '{}'",
                lab.id(&c)
            ),
        );
        let mut edges =
            vec![format!("{b} after {a} + 00:00:00"), format!("{c} after {a} + 01:00:00")];
        edges.sort();
        assert_eq!(lab.edges(), edges);
        for sql in [
            format!("update wo.dependency set predecessor_id = '{}'", lab.id(&b)),
            format!("update wo.dependency set successor_id = '{}'", lab.id(&a)),
            "update wo.dependency set tenant_id = gen_random_uuid()".to_owned(),
        ] {
            let before = lab.everything();
            let error = db_error(lab.with(who, |client| client.batch_execute(&sql)));
            assert_ne!(error.code().code(), "XX000", "{error:?}");
            assert_eq!(lab.everything(), before, "{sql}");
        }
        lab.run(who, "delete from wo.dependency");
    }
    let count = |number: &str| {
        lab.trail(number, &["dependency_added", "dependency_changed", "dependency_removed"]).len()
    };
    assert_eq!((count(&a), count(&b), count(&c)), (0, 4, 6));
    let before = lab.everything();
    for sql in
        ["truncate wo.dependency", "truncate wo.hierarchy_head", "delete from wo.hierarchy_head"]
    {
        let error = db_error(lab.with(ROOT, |root| root.batch_execute(sql)));
        assert_ne!(error.code().code(), "XX000", "{error:?}");
    }
    assert_eq!(lab.everything(), before);
    lab.assert_intact();
}

#[test]
fn the_verification_finds_a_superusers_tampering_with_an_edge() {
    let lab = Lab::found();
    let [a, b, c] = lab.several();
    lab.after(&b, &a);
    lab.assert_intact();
    let ids = format!("'{}', '{}'", lab.id(&c), lab.id(&a));
    for (tampering, undo) in [
        (
            "update wo.dependency set lag = '9 days'".to_owned(),
            "update wo.dependency set lag = '0'".to_owned(),
        ),
        (
            "update wo.dependency set added_by = 'bob'".to_owned(),
            "update wo.dependency set added_by = 'ann'".to_owned(),
        ),
        (
            format!(
                "insert into wo.dependency (tenant_id, successor_id, predecessor_id, added_by, added_at)
                 values ('{}', {ids}, '', 'epoch')",
                lab.tenant
            ),
            format!("delete from wo.dependency where successor_id = '{}'", lab.id(&c)),
        ),
    ] {
        lab.tamper(&tampering);
        let problems = lab.problems();
        assert_eq!(problems.len(), 1, "{tampering}: {problems:?}");
        assert!(problems[0].1.contains("dependency"), "{problems:?}");
        lab.tamper(&undo);
        lab.assert_intact();
    }
    lab.tamper("delete from wo.dependency");
    assert_eq!(lab.problems().len(), 1);
}
