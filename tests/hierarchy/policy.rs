//! What a master does with its children: when it completes, who is halted, who is cancelled along.

use serde_json::{Value, json};

use crate::hierarchy::gates::unmet;
use crate::hierarchy::lab::{ADMIN, ANN, Lab, link, task};

fn set(lab: &Lab, master: &str, policy: &Value) {
    lab.run(ANN, &format!("select wo.set_hierarchy_policy('{master}', '{policy}')"));
}

fn master_of<const N: usize>(lab: &Lab, policy: &Value) -> (String, [String; N]) {
    let master = lab.make_with("master", &format!(", hierarchy_policy => '{policy}'"));
    let children = std::array::from_fn(|place| lab.child(&format!("child {place}"), &master));
    lab.go(&master, &["doing"]);
    (master, children)
}

#[test]
fn a_master_completes_when_all_of_its_parts_have() {
    let lab = Lab::found();
    for policy in [json!({}), json!({"completion": "all"})] {
        let (master, children) = master_of::<3>(&lab, &policy);
        lab.finish(&[&children[0], &children[1]]);
        let told = unmet(&lab, &master, "review", "children_in_review");
        assert!(
            told.contains("2 of 3") && told.contains(&format!("{} is open", children[2])),
            "{told}"
        );
        lab.go(&children[2], &["doing", "review"]);
        lab.go(&master, &["review"]);
        assert!(
            unmet(&lab, &master, "done", "children_settled")
                .contains(&format!("{} is review", children[2]))
        );
        lab.go(&children[2], &["done"]);
        lab.go(&master, &["done"]);
    }
    lab.assert_intact();
}

#[test]
fn a_cancelled_part_never_counts_as_done() {
    let lab = Lab::found();
    for policy in
        [json!({}), json!({"completion": {"count": 2}}), json!({"completion": {"percent": 100}})]
    {
        let (master, children) = master_of::<2>(&lab, &policy);
        lab.finish(&[&children[0]]);
        lab.go(&children[1], &["dropped"]);
        let told = unmet(&lab, &master, "review", "children_in_review");
        assert!(told.contains("1 failed"), "{told}");
        assert_eq!(lab.progress(&master)["failed"], 1);
        // Where the policy does not ask for it, it is in nobody's way.
        set(&lab, &master, &json!({"completion": {"count": 1}}));
        lab.go(&master, &["review", "done"]);
    }
    lab.assert_intact();
}

#[test]
fn required_parts_alone_count_where_the_policy_says_so() {
    let lab = Lab::found();
    let (master, children) = master_of::<3>(&lab, &json!({"completion": "required"}));
    for child in &children[1..] {
        lab.run(
            ANN,
            &format!("select wo.link_work_order('{child}', '{master}', required => false)"),
        );
    }
    assert_eq!(lab.progress(&master)["required"], 1);
    lab.finish(&[&children[1]]);
    assert!(unmet(&lab, &master, "review", "children_in_review").contains(&children[0]));
    lab.finish(&[&children[0]]);
    lab.go(&master, &["review", "done"]);
    // A required child that was cancelled is waited for in vain.
    let (master, children) = master_of::<2>(&lab, &json!({"completion": "required"}));
    lab.go(&children[0], &["dropped"]);
    lab.finish(&[&children[1]]);
    unmet(&lab, &master, "review", "children_in_review");
    lab.assert_intact();
}

#[test]
fn a_quorum_is_a_count_or_a_percentage() {
    let lab = Lab::found();
    let (master, children) = master_of::<3>(&lab, &json!({"completion": {"count": 2}}));
    lab.finish(&[&children[0]]);
    unmet(&lab, &master, "review", "children_in_review");
    lab.finish(&[&children[2]]);
    lab.go(&master, &["review", "done"]);
    // The child that was not needed goes on without its master.
    lab.go(&children[1], &["doing", "stuck", "doing", "review", "done"]);
    assert_eq!(lab.events("wo.children_settled", &master).len(), 0);
    // More than there are is all of them.
    let (master, children) = master_of::<2>(&lab, &json!({"completion": {"count": 9}}));
    lab.finish(&[&children[0]]);
    unmet(&lab, &master, "review", "children_in_review");
    lab.finish(&[&children[1]]);
    lab.go(&master, &["review"]);

    let (master, children) = master_of::<4>(&lab, &json!({"completion": {"percent": 50.1}}));
    lab.finish(&[&children[0], &children[1]]);
    unmet(&lab, &master, "review", "children_in_review");
    set(&lab, &master, &json!({"completion": {"percent": 50}}));
    lab.go(&master, &["review", "done"]);
    lab.assert_intact();
}

#[test]
fn the_nearest_of_master_lifecycle_and_tenant_says() {
    let lab = Lab::found();
    let mut counting = task("counting");
    counting["hierarchy"]["completion"] = json!({"count": 2});
    lab.publish(&counting);
    lab.administer(
        "lab",
        "update wo.tenant set hierarchy_policy = '{\"completion\": {\"count\": 1}}'",
    );
    let start = |lifecycle: &str, children: usize| {
        let master = lab.make_with("m", &format!(", lifecycle => '{lifecycle}'"));
        for place in 0..3 {
            let child = lab.child(&format!("child {place}"), &master);
            if place < children {
                lab.finish(&[&child]);
            }
        }
        lab.go(&master, &["doing"]);
        master
    };
    // The tenant's, where nobody nearer says anything.
    lab.go(&start("task", 1), &["review", "done"]);
    // The lifecycle's before the tenant's.
    unmet(&lab, &start("counting", 1), "review", "children_in_review");
    lab.go(&start("counting", 2), &["review", "done"]);
    // The master's before both; what it does not say is left to them.
    let master = start("counting", 2);
    set(&lab, &master, &json!({"completion": "all"}));
    unmet(&lab, &master, "review", "children_in_review");
    set(&lab, &master, &json!({"cancel_cascades": false}));
    lab.go(&master, &["review"]);
    lab.administer("lab", "update wo.tenant set hierarchy_policy = '{}'");
    unmet(&lab, &start("task", 1), "review", "children_in_review");
    lab.assert_intact();
}

#[test]
fn a_bad_policy_of_a_tenant_or_a_lifecycle_is_refused() {
    let lab = Lab::found();
    lab.refused(
        ADMIN,
        "begin; select wo.administer('lab');
         update wo.tenant set hierarchy_policy = '{\"completion\": \"most\"}'",
        "22023",
        "bad_policy",
    );
    lab.run(ADMIN, "rollback");
    let mut bad = task("bad");
    bad["hierarchy"]["completion"] = json!({"count": 0});
    bad["hierarchy"]["cancel_cascades"] = json!("yes");
    let detail = lab.refused(
        ADMIN,
        &format!("begin; select wo.administer('lab'); select wo.publish_lifecycle($${bad}$$)"),
        "22023",
        "lifecycle_invalid",
    );
    lab.run(ADMIN, "rollback");
    for pointer in ["/hierarchy/cancel_cascades", "/hierarchy/completion"] {
        assert!(detail.to_string().contains(pointer), "{detail}");
    }
}

#[test]
fn a_failed_part_halts_its_siblings_where_the_policy_says_so() {
    let lab = Lab::found();
    let (master, [failed, waiting, _third]) =
        master_of::<3>(&lab, &json!({"failure_halts_siblings": true, "completion": {"count": 1}}));
    let free = lab.make("free");
    assert_eq!(lab.ready(&master).len(), 3);
    lab.go(&failed, &["dropped"]);
    let told = unmet(&lab, &waiting, "doing", "dependencies_satisfied");
    assert!(told.contains("halted") && told.contains(&failed), "{told}");
    assert_eq!(lab.ready(&master), [""; 0]);
    // Others go on, and become halted with their place.
    lab.run(ANN, &link(&free, &master));
    unmet(&lab, &free, "doing", "dependencies_satisfied");
    lab.run(ANN, &format!("select wo.unlink_work_order('{free}')"));
    lab.go(&free, &["doing"]);
    set(&lab, &master, &json!({"failure_halts_siblings": false}));
    assert_eq!(lab.ready(&master).len(), 2);
    lab.go(&waiting, &["doing"]);

    // Where nobody says so, nobody is halted; a child that is done halts nobody either.
    let (_, [failed, next]) = master_of::<2>(&lab, &json!({}));
    lab.go(&failed, &["dropped"]);
    lab.go(&next, &["doing"]);
    let (_, [done, next]) = master_of::<2>(&lab, &json!({"failure_halts_siblings": true}));
    lab.finish(&[&done]);
    lab.go(&next, &["doing"]);
    lab.assert_intact();
}

#[test]
fn cancelling_a_master_cancels_its_open_parts() {
    let lab = Lab::found();
    let top = lab.make("top");
    let middle = lab.child("middle", &top);
    let (bottom, done) = (lab.child("bottom", &middle), lab.child("done", &middle));
    let fleet =
        lab.make_with("[Lab-Test] x", &format!(", lifecycle => 'fleet_task', master => '{top}'"));
    let beside = lab.make("beside");
    lab.go(&bottom, &["doing", "stuck"]);
    lab.finish(&[&done]);
    lab.go(&top, &["dropped"]);
    for number in [&top, &middle, &bottom] {
        assert_eq!(lab.status(number), "dropped");
        assert!(lab.stands(number, "locked_at").is_some());
    }
    assert_eq!(lab.status(&fleet), "cancelled");
    assert_eq!((lab.status(&done), lab.status(&beside)), ("done".into(), "open".into()));
    let rows = lab.rows(
        ANN,
        &format!("select who, why from wo.audit_trail('{middle}') where action = 'drop'"),
    );
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0].get::<_, String>(0), "ann");
    let why: String = rows[0].get(1);
    assert!(why.contains(&top) && why.contains("because"), "{why}");
    lab.assert_intact();
}

#[test]
fn cancelling_reaches_parts_at_any_depth_and_in_any_number() {
    let lab = Lab::found();
    let top = lab.make("top");
    let mut last = top.clone();
    for depth in 0..40 {
        last = lab.child(&format!("level {depth}"), &last);
    }
    let many: Vec<Value> = (0..200)
        .map(|place| json!({"title": format!("p{place}"), "lifecycle": "task", "master": last}))
        .collect();
    let made = format!("select count(*) from wo.create_work_orders('{}')", json!(many));
    assert_eq!(lab.one::<i64>(ANN, &made), 200);
    assert_eq!(lab.progress(&top)["children"], 240);
    lab.go(&top, &["dropped"]);
    let left = "select count(*) from wo.work_order where status <> 'dropped'";
    assert_eq!(lab.one::<i64>(ANN, left), 0);
    lab.assert_intact();
}

#[test]
fn cancelling_a_master_leaves_its_parts_where_the_policy_says_so() {
    let lab = Lab::found();
    let no = json!({"cancel_cascades": false});
    let (master, [child]) = master_of::<1>(&lab, &no);
    lab.go(&master, &["dropped"]);
    assert_eq!(lab.status(&child), "open");
    lab.finish(&[&child]);
    // The nearest says, at each level.
    let top = lab.make("top");
    let middle = lab.child("middle", &top);
    let bottom = lab.child("bottom", &middle);
    set(&lab, &middle, &no);
    lab.go(&top, &["dropped"]);
    assert_eq!((lab.status(&middle), lab.status(&bottom)), ("dropped".into(), "open".into()));
    // The tenant's, and what a master says against it.
    lab.administer("lab", &format!("update wo.tenant set hierarchy_policy = '{no}'"));
    let (master, [child]) = master_of::<1>(&lab, &json!({}));
    lab.go(&master, &["dropped"]);
    assert_eq!(lab.status(&child), "open");
    let (master, [child]) = master_of::<1>(&lab, &json!({"cancel_cascades": true}));
    lab.go(&master, &["dropped"]);
    assert_eq!(lab.status(&child), "dropped");
    lab.assert_intact();
}
