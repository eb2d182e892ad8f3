//! What was damaged past the enforcement layer is found, and told what to do about it. The tick too.

use serde_json::Value;

use crate::hierarchy::lab::{ADMIN, ANN, BOB, Lab, RIVAL, ROOT, closing};

/// Problem, work orders in order, what to do.
fn check(lab: &Lab, who: &str) -> Vec<(String, Vec<String>, String)> {
    let rows = lab.rows(who, "select problem, work_orders, what_to_do from wo.check_hierarchy()");
    rows.iter()
        .map(|row| {
            let mut numbers: Vec<String> = row.get(1);
            numbers.sort();
            (row.get(0), numbers, row.get(2))
        })
        .collect()
}

fn tamper_edge(lab: &Lab, successor: &str, predecessor: &str) {
    lab.tamper(&format!(
        "insert into wo.dependency (tenant_id, successor_id, predecessor_id, added_by, added_at)
         values ('{}', '{}', '{}', '', 'epoch')",
        lab.tenant,
        lab.id(successor),
        lab.id(predecessor)
    ));
}

fn sorted(numbers: &[&String]) -> Vec<String> {
    let mut numbers: Vec<String> = numbers.iter().map(|number| (*number).clone()).collect();
    numbers.sort();
    numbers
}

#[test]
fn a_sound_hierarchy_has_no_problem() {
    let lab = Lab::found();
    assert_eq!(check(&lab, ANN), []);
    let master = lab.make("master");
    let (a, b) = (lab.child("a", &master), lab.child("b", &master));
    lab.after(&b, &a);
    lab.finish(&[&a]);
    assert_eq!(check(&lab, ANN), []);
}

#[test]
fn circles_are_found_with_what_to_do_and_can_be_mended_so() {
    let lab = Lab::found();
    let [a, b, c, master] = lab.several();
    let child = lab.child("child", &master);
    lab.after(&b, &a);
    lab.after(&c, &b);
    tamper_edge(&lab, &a, &c);
    tamper_edge(&lab, &child, &master);
    let found = check(&lab, ANN);
    let mut cycles: Vec<&Vec<String>> = found.iter().map(|(_, numbers, _)| numbers).collect();
    cycles.sort();
    let mut expected = [sorted(&[&a, &b, &c]), sorted(&[&master, &child])];
    expected.sort();
    assert_eq!(cycles, expected.iter().collect::<Vec<_>>());
    for (problem, _, what_to_do) in &found {
        assert!(problem.contains("wait for each other"), "{problem}");
        assert!(what_to_do.contains("wo.remove_dependency"), "{what_to_do}");
        assert!(what_to_do.contains("wo.verify_audit"), "{what_to_do}");
    }
    assert!(!lab.problems().is_empty());
    // What reads the master says so instead of running in cycles.
    let [top] = lab.several();
    for number in [&a, &b, &c] {
        lab.tamper(&format!(
            "update wo.work_order set master_id = '{}' where wo_number = '{number}'",
            lab.id(&top)
        ));
    }
    for function in ["critical_path", "progress", "execution_pattern", "dependency_diagram"] {
        let read = format!("select * from wo.{function}('{top}')");
        lab.refused(ANN, &read, "55000", "tables_damaged");
    }
    lab.run(ANN, &format!("select wo.remove_dependency('{a}', '{c}')"));
    lab.run(ANN, &format!("select wo.remove_dependency('{child}', '{master}')"));
    assert_eq!(check(&lab, ANN), []);
}

#[test]
fn a_circle_of_masters_is_found_and_read_to_an_end() {
    let lab = Lab::found();
    let [a, b] = lab.several();
    for (child, master) in [(&a, &b), (&b, &a)] {
        lab.tamper(&format!(
            "update wo.work_order set master_id = '{}' where wo_number = '{child}'",
            lab.id(master)
        ));
    }
    let found = check(&lab, ANN);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].1, sorted(&[&a, &b]));
    lab.run(ANN, &format!("select count(*) from wo.ready_work_orders('{a}')"));
    lab.run(ANN, &format!("select wo.unlink_work_order('{a}')"));
    assert_eq!(check(&lab, ANN), []);
}

#[test]
fn orphans_and_loose_edges_are_found() {
    let lab = Lab::found();
    let [master, a, b, lost] = lab.several();
    let child = lab.child("child", &master);
    lab.after(&a, &lost);
    lab.after(&b, &a);
    let (lost_id, a_id) = (lab.id(&lost), lab.id(&a));
    lab.tamper(&format!(
        "alter table wo.work_order disable trigger forbid_delete;
         delete from wo.work_order where wo_number in ('{master}', '{lost}');
         alter table wo.work_order enable always trigger forbid_delete"
    ));
    let found = check(&lab, ANN);
    assert_eq!(found.len(), 2, "{found:?}");
    assert_eq!(found[0].1, [child]);
    assert!(
        found[0].0.contains("master that is not there") && found[0].2.contains("backup"),
        "{found:?}"
    );
    assert_eq!(found[1].1, [format!("{a_id} after {lost_id}")]);
    assert!(found[1].2.contains("wo.dependency"), "{found:?}");
    assert!(!lab.problems().is_empty());
}

#[test]
fn each_tenant_sees_its_own_problems_and_nobody_none() {
    let lab = Lab::found();
    let [a, b] = lab.several();
    lab.after(&b, &a);
    tamper_edge(&lab, &a, &b);
    assert_eq!(check(&lab, BOB).len(), 1);
    assert_eq!(check(&lab, RIVAL), []);
    lab.database.login("lab_nobody", &["wo_user"]);
    for who in ["lab_nobody", ADMIN] {
        lab.refused(who, "select * from wo.check_hierarchy()", "42501", "no_identity");
    }
    lab.database.login("lab_auditor", &["wo_auditor"]);
    lab.administer("lab", "select wo.create_principal('auditor', db_role => 'lab_auditor')");
    assert_eq!(check(&lab, "lab_auditor").len(), 1);
    lab.database.login("lab_stranger", &[]);
    for function in ["check_hierarchy", "tick"] {
        let call = format!("select * from wo.{function}()");
        let denied = lab.with("lab_stranger", |client| client.batch_execute(&call));
        assert_eq!(wo_cluster_tests::db_error(denied).code().code(), "42501");
    }
}

fn tick(lab: &Lab, who: &str) -> i32 {
    let rows = lab.rows(who, "select done from wo.tick() where job = 'children_settled'");
    let [row] = &rows[..] else { panic!("{} rows of one job", rows.len()) };
    row.get(0)
}

/// A child that ended without its master having been told, as when the last ones end at once.
fn settled_unseen(lab: &Lab) -> String {
    let master = lab.make("master");
    let (first, last) = (lab.child("first", &master), lab.child("last", &master));
    lab.finish(&[&first]);
    lab.tamper(&format!(
        "update wo.work_order set status = 'done', locked_at = now() where wo_number = '{last}'"
    ));
    master
}

#[test]
fn the_tick_tells_a_master_once_that_its_parts_have_ended() {
    let lab = Lab::found();
    let master = settled_unseen(&lab);
    let told = |number: &str| lab.events("wo.children_settled", number).len();
    // Beside it: one with an open child, one that was told, one without children, one that is over.
    let [open, known, over, _alone] = lab.several();
    let (_open_part, known_part, over_part) =
        (lab.child("o", &open), lab.child("k", &known), lab.child("d", &over));
    lab.finish(&[&known_part, &over_part]);
    lab.finish(&[&over]);
    assert_eq!((told(&master), told(&known)), (0, 1));
    assert_eq!(tick(&lab, BOB), 1);
    assert_eq!(told(&master), 1);
    assert_eq!(lab.trail(&master, &["children_settled"]).len(), 1);
    assert_eq!(tick(&lab, BOB), 0);
    assert_eq!(tick(&lab, ADMIN), 0);
    assert_eq!((told(&master), told(&open), told(&known), told(&over)), (1, 0, 1, 1));
}

#[test]
fn the_tick_closes_a_master_whose_lifecycle_waited_for_that() {
    let lab = Lab::found();
    lab.publish(&closing());
    let master = lab.make_with("master", ", lifecycle => 'closing'");
    let child = lab.child("child", &master);
    lab.go(&master, &["doing", "review"]);
    lab.tamper(&format!(
        "update wo.work_order set status = 'done', locked_at = now() where wo_number = '{child}'"
    ));
    assert_eq!(lab.status(&master), "review");
    assert_eq!(tick(&lab, ANN), 1);
    assert_eq!(lab.status(&master), "done");
    assert_eq!(tick(&lab, ANN), 0);
}

#[test]
fn an_administrator_ticks_for_every_tenant_and_others_for_their_own() {
    let lab = Lab::found();
    let master = settled_unseen(&lab);
    assert_eq!(tick(&lab, RIVAL), 0);
    assert_eq!(lab.events("wo.children_settled", &master).len(), 0);
    assert_eq!(tick(&lab, ADMIN), 1);
    assert_eq!(lab.events("wo.children_settled", &master).len(), 1);
    assert_eq!(tick(&lab, ROOT), 0);
    lab.database.login("lab_nobody", &["wo_user"]);
    lab.refused("lab_nobody", "select * from wo.tick()", "42501", "no_identity");
}

/// How many new problems a tick of the tenant's found.
fn found(lab: &Lab) -> i32 {
    lab.one(ANN, "select done from wo.tick() where job = 'hierarchy_checked'")
}

/// Lets the last check be long ago.
fn wait_for_the_next(lab: &Lab) {
    lab.tamper("update wo.hierarchy_check set checked_at = checked_at - interval '1 day'");
}

#[test]
fn a_problem_is_told_once_while_it_lasts_and_shows_in_health() {
    let lab = Lab::found();
    let [a, b, ..] = lab.several::<4>();
    lab.after(&b, &a);
    assert_eq!(found(&lab), 0);
    let health = || -> Vec<String> {
        lab.rows(
            ROOT,
            "select severity || ': ' || detail from wo_private.health_section('hierarchy')",
        )
        .iter()
        .map(|row| row.get(0))
        .collect()
    };
    assert_eq!(health(), ["good: no check found what cannot be"]);
    tamper_edge(&lab, &a, &b);
    assert_eq!(found(&lab), 0, "it was looked at lately");
    wait_for_the_next(&lab);
    assert_eq!(found(&lab), 1);
    wait_for_the_next(&lab);
    assert_eq!(found(&lab), 0, "told twice");
    let events: Vec<Value> = lab
        .rows(ROOT, "select data from wo.event where type = 'wo.hierarchy_problem'")
        .iter()
        .map(|row| row.get(0))
        .collect();
    assert_eq!(events.len(), 1);
    assert_eq!(events[0]["count"], 2);
    let concerned: Vec<String> = lab.all(
        ROOT,
        "select distinct who from wo.work_order, unnest(array[originator, assignee]) as who
         where who is not null order by who",
    );
    assert_eq!(events[0]["notify"], serde_json::json!(concerned));
    assert!(events[0]["what_to_do"].as_str().unwrap().contains("wo.remove_dependency"));
    assert!(
        health()[0].starts_with("bad: ") && health()[0].contains("1 things that no rule allows"),
        "{:?}",
        health()
    );
    lab.run(ANN, &format!("select wo.remove_dependency('{a}', '{b}')"));
    wait_for_the_next(&lab);
    assert_eq!(found(&lab), 0);
    assert_eq!(health().len(), 1);
    assert!(health()[0].starts_with("good"), "{:?}", health());
    // What comes back is told anew.
    tamper_edge(&lab, &a, &b);
    wait_for_the_next(&lab);
    assert_eq!(found(&lab), 1);
}
