//! Linking, moving and unlinking: who may, what is refused, what the trail keeps.

use serde_json::{Value, json};

use crate::hierarchy::lab::{ANN, BOB, Lab, RIVAL, ROOT, link, move_to, task};

const LINKING: [&str; 3] = ["linked", "moved", "unlinked"];

fn unlink(child: &str) -> String {
    format!("select wo.unlink_work_order('{child}')")
}

/// The same as a write of the table.
fn write_link(lab: &Lab, child: &str, master: Option<&str>) -> String {
    let master = master.map_or("null".to_owned(), |master| format!("'{}'", lab.id(master)));
    format!("update wo.work_order set master_id = {master} where wo_number = '{child}'")
}

#[test]
fn a_work_order_is_linked_at_its_creation() {
    let lab = Lab::found();
    let master = lab.make("master");
    let child = lab.child("child", &master);
    assert_eq!(lab.master(&child), Some(master.clone()));
    assert_eq!(lab.stands(&child, "required").as_deref(), Some("true"));
    let by_id =
        lab.make_with("x", &format!(", master => '{}', required => false", lab.id(&master)));
    assert_eq!(lab.master(&by_id), Some(master.clone()));
    assert_eq!(lab.stands(&by_id, "required").as_deref(), Some("false"));
    let raw: String = lab.one(
        ANN,
        &format!(
            "insert into wo.work_order (title, lifecycle, master_id) values ('raw', 'task', '{}')
             returning wo_number",
            lab.id(&master)
        ),
    );
    assert_eq!(lab.master(&raw), Some(master.clone()));
    let bulk: Vec<String> = lab.all(
        ANN,
        &format!(
            "select wo_number from wo.create_work_orders(jsonb_build_array(
                jsonb_build_object('title', 'b', 'lifecycle', 'task', 'master', '{master}')))"
        ),
    );
    assert_eq!(lab.master(&bulk[0]), Some(master.clone()));
    let created = lab.trail(&child, &["created"]);
    assert!(created[0].1.contains(&lab.id(&master)), "{created:?}");
    lab.assert_intact();
}

#[test]
fn linking_moving_and_unlinking_stand_in_the_trail() {
    let lab = Lab::found();
    let [one, two, child] = lab.several();
    lab.run(
        ANN,
        &format!("select wo.link_work_order('{child}', '{one}', reason => 'belongs there')"),
    );
    assert_eq!(lab.master(&child), Some(one.clone()));
    lab.run(ANN, &link(&child, &two));
    assert_eq!(lab.master(&child), Some(two.clone()));
    // Where it is already, nothing happens.
    let before = lab.everything();
    lab.run(ANN, &link(&child, &two));
    assert_eq!(lab.everything(), before);
    lab.run(ANN, &unlink(&child));
    assert_eq!(lab.master(&child), None);

    let (one, two) = (lab.id(&one), lab.id(&two));
    let expected = [
        ("linked", format!("master_id: {one}")),
        ("moved", format!("master_id: {one} → {two}")),
        ("unlinked", format!("master_id: {two} → (none)")),
    ];
    let trail = lab.trail(&child, &LINKING);
    assert_eq!(trail, expected.map(|(action, what)| (action.to_owned(), what)));
    let why: Option<String> =
        lab.one(ANN, &format!("select why from wo.audit_trail('{child}') where action = 'linked'"));
    assert_eq!(why.as_deref(), Some("belongs there"));
    assert_eq!(lab.stands(&child, "version").as_deref(), Some("4"));
    lab.assert_intact();
}

#[test]
fn a_write_of_the_table_links_like_the_function() {
    let lab = Lab::found();
    let [one, two, child] = lab.several();
    for (who, master) in [(ANN, Some(&one)), (ROOT, Some(&two)), (ANN, None)] {
        lab.run(who, &write_link(&lab, &child, master.map(String::as_str)));
        assert_eq!(lab.master(&child).as_ref(), master);
    }
    let actions: Vec<String> =
        lab.trail(&child, &LINKING).into_iter().map(|(action, _)| action).collect();
    assert_eq!(actions, LINKING);
    lab.assert_intact();
}

#[test]
fn a_locked_part_or_master_is_linked_no_more() {
    let lab = Lab::found();
    let [open, locked_master, free] = lab.several();
    let held = lab.child("held", &locked_master);
    let ended = lab.child("ended", &open);
    lab.finish(&[&held, &ended]);
    // Dropping does not cascade to what has ended; it locks the master with its child in it.
    lab.run(ANN, &move_to(&locked_master, "dropped"));
    for who in [ANN, ROOT] {
        for sql in [
            link(&ended, &free),
            unlink(&ended),
            link(&free, &locked_master),
            unlink(&held),
            write_link(&lab, &ended, Some(&free)),
            write_link(&lab, &ended, None),
            write_link(&lab, &free, Some(&locked_master)),
            format!("update wo.work_order set required = false where wo_number = '{ended}'"),
            format!(
                "select wo.set_hierarchy_policy('{locked_master}', '{{\"completion\": \"all\"}}')"
            ),
            format!(
                "select wo.create_work_order('x', lifecycle => 'task', master => '{locked_master}')"
            ),
            format!(
                "insert into wo.work_order (title, lifecycle, master_id) values ('x', 'task', '{}')",
                lab.id(&locked_master)
            ),
        ] {
            lab.refused(who, &sql, "55000", "record_locked");
        }
    }
    // A child that is open in a master that is locked: it cannot leave, the master's record stands.
    let master = lab.make_with("m", ", hierarchy_policy => '{\"cancel_cascades\": false}'");
    let left = lab.child("left", &master);
    lab.run(ANN, &move_to(&master, "dropped"));
    lab.refused(ANN, &unlink(&left), "55000", "record_locked");
    lab.refused(ANN, &link(&left, &free), "55000", "record_locked");
    lab.refused(
        ANN,
        &format!("update wo.work_order set required = false where wo_number = '{left}'"),
        "55000",
        "record_locked",
    );
    lab.assert_intact();
}

#[test]
fn nothing_is_a_part_of_itself_or_of_its_own_part() {
    let lab = Lab::found();
    let [top, free] = lab.several();
    let middle = lab.child("middle", &top);
    let bottom = lab.child("bottom", &middle);
    for (child, master, cycle) in [
        (&top, &top, vec![&top, &top]),
        (&free, &free, vec![&free, &free]),
        (&top, &middle, vec![&middle, &top, &middle]),
        (&top, &bottom, vec![&bottom, &top, &middle, &bottom]),
    ] {
        for (who, sql) in
            [(ANN, link(child, master)), (ROOT, write_link(&lab, child, Some(master)))]
        {
            let detail = lab.refused(who, &sql, "23514", "dependency_cycle");
            assert_eq!(detail["cycle"], json!(cycle));
        }
    }
    lab.assert_intact();
}

#[test]
fn a_work_order_of_another_tenant_is_as_good_as_none() {
    let lab = Lab::found();
    let own = lab.make("own");
    let theirs: String = lab.one(RIVAL, "select wo.create_work_order('theirs') ->> 'wo_number'");
    let id: String = lab.one(RIVAL, "select id::text from wo.work_order");
    let nobody = "0199c0de-0000-7000-8000-000000000001";
    for name in [theirs.as_str(), &id, "WO-1999-0101-FFF", nobody, ""] {
        for sql in [
            link(&own, name),
            link(name, &own),
            unlink(name),
            format!("select wo.create_work_order('x', lifecycle => 'task', master => '{name}')"),
            format!("select wo.set_hierarchy_policy('{name}', '{{}}')"),
        ] {
            let empty_master = name.is_empty() && sql.contains("create_work_order");
            if !empty_master {
                lab.refused(ANN, &sql, "22023", "work_order_unknown");
            }
        }
    }
    for who in [ANN, ROOT] {
        for id in [id.as_str(), nobody] {
            for sql in [
                format!("update wo.work_order set master_id = '{id}' where wo_number = '{own}'"),
                format!(
                    "insert into wo.work_order (title, lifecycle, master_id) values ('x', 'task', '{id}')"
                ),
            ] {
                lab.refused(who, &sql, "22023", "work_order_unknown");
            }
        }
    }
    lab.refused(RIVAL, &link(&theirs, &own), "22023", "work_order_unknown");
    lab.assert_intact();
}

/// Linking changes what the master is made of: its lifecycle says who may.
#[test]
fn the_lifecycle_of_the_masters_says_who_links() {
    let lab = Lab::found();
    let [one, two, child] = lab.several();
    let policy = format!("select wo.set_hierarchy_policy('{one}', '{{\"completion\": \"all\"}}')");
    let create =
        format!("select wo.create_work_order('x', lifecycle => 'task', master => '{one}')");
    for sql in [link(&child, &one), write_link(&lab, &child, Some(&one)), policy, create] {
        let detail = lab.refused(BOB, &sql, "42501", "role_missing");
        assert_eq!(detail["roles"], json!(["originator", "planner"]));
    }
    // His own master he may fill, even with what others made; taking out of hers he may not.
    let his: String =
        lab.one(BOB, "select wo.create_work_order('his', lifecycle => 'task') ->> 'wo_number'");
    lab.run(BOB, &link(&child, &his));
    lab.run(ANN, &link(&child, &two));
    for sql in [link(&child, &his), unlink(&child), write_link(&lab, &child, None)] {
        lab.refused(BOB, &sql, "42501", "role_missing");
    }
    let required = format!("update wo.work_order set required = false where wo_number = '{child}'");
    lab.refused(BOB, &required, "42501", "role_missing");
    lab.assert_intact();
}

#[test]
fn a_definition_without_a_hierarchy_lets_nobody_link() {
    let lab = Lab::found();
    let mut silent = task("silent");
    silent.as_object_mut().unwrap().remove("hierarchy");
    lab.publish(&silent);
    let [master, child] = lab.several();
    let closed = lab.make_with("closed", ", lifecycle => 'silent'");
    for who in [ANN, ROOT] {
        let detail = lab.refused(who, &link(&child, &closed), "42501", "role_missing");
        assert_eq!(detail["roles"], json!([]));
        lab.refused(
            who,
            &format!("select wo.set_hierarchy_policy('{closed}', '{{\"completion\": \"all\"}}')"),
            "42501",
            "role_missing",
        );
        let waits = format!("select wo.add_dependency('{closed}', '{child}')");
        lab.refused(who, &waits, "42501", "role_missing");
    }
    // A child of such a lifecycle goes where its master's lifecycle lets it.
    let child = lab.make_with("p", &format!(", lifecycle => 'silent', master => '{master}'"));
    assert_eq!(lab.master(&child), Some(master.clone()));
    lab.run(ANN, &unlink(&child));
    lab.run(ANN, &link(&child, &master));
    lab.refused(
        ANN,
        &format!("select wo.create_work_order('x', lifecycle => 'task', master => '{closed}')"),
        "42501",
        "role_missing",
    );
    lab.assert_intact();
}

#[test]
fn parts_have_parts_of_their_own() {
    let lab = Lab::found();
    let top = lab.make("level 0");
    let mut levels = vec![top.clone()];
    for depth in 1..=5 {
        levels.push(lab.child(&format!("level {depth}"), &levels[depth - 1]));
    }
    assert_eq!(lab.progress(&top)["children"], 5);
    assert_eq!(lab.ready(&top), [levels[5].clone()]);
    let detail = lab.refused(ANN, &link(&top, &levels[5]), "23514", "dependency_cycle");
    assert_eq!(detail["cycle"].as_array().map(Vec::len), Some(7));
    // Each level closes only after the one below.
    for level in &levels {
        lab.run(ANN, &move_to(level, "doing"));
    }
    lab.refused(ANN, &move_to(&levels[4], "review"), "23514", "guards_not_met");
    for level in levels.iter().rev() {
        lab.go(level, &["review", "done"]);
    }
    lab.assert_intact();
}

#[test]
fn whether_a_master_requires_a_part_and_its_policy_are_changed_and_audited() {
    let lab = Lab::found();
    let [master, other] = lab.several();
    let child = lab.child("child", &master);
    lab.run(ANN, &format!("select wo.link_work_order('{child}', '{master}', required => false)"));
    assert_eq!(lab.stands(&child, "required").as_deref(), Some("false"));
    // Moving it says nothing about that.
    lab.run(ANN, &link(&child, &other));
    assert_eq!(lab.stands(&child, "required").as_deref(), Some("false"));
    let changed = lab.trail(&child, &["changed"]);
    assert_eq!(changed, [("changed".to_owned(), "required: true → false".to_owned())]);

    let answer: Value = lab.one(
        ANN,
        &format!("select wo.set_hierarchy_policy('{master}', '{{\"completion\": {{\"count\": 1}}}}', 'enough')"),
    );
    assert_eq!(answer["hierarchy_policy"], json!({"completion": {"count": 1}}));
    let changed = lab.trail(&master, &["changed"]);
    assert!(changed[0].1.starts_with("hierarchy_policy: "), "{changed:?}");
    lab.run(ANN, &format!("select wo.set_hierarchy_policy('{master}', null)"));
    assert_eq!(lab.stands(&master, "hierarchy_policy"), None);
    lab.assert_intact();
}

#[test]
fn a_bad_policy_is_refused_with_every_problem() {
    let lab = Lab::found();
    let master = lab.make("master");
    for (policy, problems) in [
        ("{\"completion\": \"some\"}", 1),
        ("{\"completion\": {\"count\": 0}}", 1),
        ("{\"completion\": {\"percent\": 101}, \"cancel_cascades\": \"yes\", \"x\": 1}", 3),
        ("{\"completion\": {\"count\": 1, \"percent\": 1}}", 1),
        ("{\"completion\": null}", 1),
    ] {
        for sql in [
            format!("select wo.set_hierarchy_policy('{master}', '{policy}')"),
            format!(
                "update wo.work_order set hierarchy_policy = '{policy}' where wo_number = '{master}'"
            ),
            format!(
                "select wo.create_work_order('x', lifecycle => 'task', hierarchy_policy => '{policy}')"
            ),
            format!(
                "insert into wo.work_order (title, lifecycle, hierarchy_policy) values ('x', 'task', '{policy}')"
            ),
        ] {
            let detail = lab.refused(ANN, &sql, "22023", "bad_policy");
            assert_eq!(detail["problems"].as_array().map(Vec::len), Some(problems), "{detail}");
        }
    }
    lab.assert_intact();
}

#[test]
fn the_verification_finds_a_superusers_tampering_with_a_link() {
    let lab = Lab::found();
    let [one, two] = lab.several();
    let child = lab.child("child", &one);
    for (column, value) in [
        ("master_id", format!("'{}'", lab.id(&two))),
        ("master_id", "null".to_owned()),
        ("required", "false".to_owned()),
        ("hierarchy_policy", "'{\"completion\": \"required\"}'".to_owned()),
    ] {
        lab.assert_intact();
        let held = lab.stands(&child, column).map_or("null".to_owned(), |held| format!("'{held}'"));
        let write = |value: &str| {
            lab.tamper(&format!(
                "update wo.work_order set {column} = {value} where wo_number = '{child}'"
            ));
        };
        write(&value);
        let problems = lab.problems();
        assert_eq!(problems.len(), 1, "{column}: {problems:?}");
        assert!(problems[0].1.contains(column), "{problems:?}");
        write(&held);
    }
    lab.assert_intact();
}
