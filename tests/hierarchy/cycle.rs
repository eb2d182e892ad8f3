//! No cycle, through edges, through children, or through both; by whichever way it is written.

use postgres::GenericClient;
use serde_json::{Value, json};
use wo_cluster_tests::{Cluster, db_error, refused};

use crate::hierarchy::lab::{ANN, EVERY_LEVEL, Lab, ROOT, add, begin, link};

fn copy(client: &mut impl GenericClient, lines: &str) -> Result<u64, postgres::Error> {
    use std::io::Write;
    let mut writer =
        client.copy_in("copy wo.dependency (successor_id, predecessor_id) from stdin")?;
    writer.write_all(lines.as_bytes()).unwrap();
    writer.finish()
}

fn values(lab: &Lab, edges: &[(&String, &String)]) -> String {
    let row = |(waits, awaited): &(&String, &String)| {
        format!("('{}'::uuid, '{}'::uuid)", lab.id(waits), lab.id(awaited))
    };
    edges.iter().map(row).collect::<Vec<_>>().join(", ")
}

/// Asserts that it is refused as a cycle, with that way around in the sentence and in the DETAIL.
#[track_caller]
fn cycle(lab: &Lab, who: &str, sql: &str, way: &[&String]) {
    let before = lab.everything();
    let tried = lab.with(who, |client| client.batch_execute(sql));
    let error = db_error(tried);
    let shown: Vec<&str> = way.iter().map(|number| number.as_str()).collect();
    assert_eq!(error.code().code(), "23514", "{sql}: {error:?}");
    assert!(error.message().ends_with(&shown.join(" → ")), "{way:?}: {error:?}");
    let detail: Value = serde_json::from_str(error.detail().unwrap()).unwrap();
    assert_eq!(detail["code"], "dependency_cycle");
    assert_eq!(detail["cycle"], json!(way));
    assert_eq!(detail["work_order_id"], lab.id(way[0]));
    assert!(error.hint().is_some());
    assert_eq!(lab.everything(), before);
}

#[test]
fn edges_never_close_a_circle_and_the_whole_way_is_told_in_order() {
    let lab = Lab::found();
    let [a, b, c, d] = lab.several();
    lab.after(&b, &a);
    cycle(&lab, ANN, &add(&a, &b), &[&a, &b, &a]);
    lab.after(&c, &b);
    lab.after(&d, &c);
    cycle(&lab, ANN, &add(&a, &d), &[&a, &d, &c, &b, &a]);
    cycle(&lab, ANN, &add(&b, &d), &[&b, &d, &c, &b]);
    // A second way is no cycle.
    lab.after(&d, &a);
    lab.after(&d, &b);
    cycle(&lab, ROOT, &add(&a, &d), &[&a, &d, &a]);
    lab.run(ANN, &format!("select wo.remove_dependency('{b}', '{a}')"));
    cycle(&lab, ANN, &add(&a, &d), &[&a, &d, &a]);
    lab.run(ANN, &format!("select wo.remove_dependency('{d}', '{a}')"));
    lab.after(&a, &d);
    lab.assert_intact();
}

#[test]
fn a_part_never_waits_for_what_it_is_a_part_of() {
    let lab = Lab::found();
    let [top, free] = lab.several();
    let middle = lab.child("middle", &top);
    let bottom = lab.child("bottom", &middle);
    cycle(&lab, ANN, &add(&bottom, &middle), &[&bottom, &middle, &bottom]);
    cycle(&lab, ANN, &add(&bottom, &top), &[&bottom, &top, &middle, &bottom]);
    cycle(&lab, ANN, &link(&top, &bottom), &[&bottom, &top, &middle, &bottom]);
    // A master that waits for its child before it starts keeps the child from starting.
    cycle(&lab, ANN, &add(&top, &bottom), &[&top, &bottom, &middle, &top]);
    // What waits for the master becomes no child of it.
    lab.after(&free, &top);
    cycle(&lab, ANN, &link(&free, &bottom), &[&bottom, &free, &top, &middle, &bottom]);
    cycle(&lab, ANN, &link(&free, &top), &[&top, &free, &top]);
    lab.assert_intact();
}

#[test]
fn two_masters_whose_parts_wait_for_each_others_master_are_refused() {
    let lab = Lab::found();
    let [one, two] = lab.several();
    let (x, y) = (lab.child("x", &one), lab.child("y", &two));
    lab.after(&x, &two);
    cycle(&lab, ANN, &add(&y, &one), &[&y, &one, &x, &two, &y]);
    // Between the children themselves there is no cycle.
    lab.after(&x, &y);
    cycle(&lab, ANN, &add(&y, &x), &[&y, &x, &y]);
    // A child of both chains that is moved across closes one.
    let z = lab.make("z");
    lab.after(&z, &one);
    cycle(&lab, ANN, &link(&z, &two), &[&two, &z, &one, &x, &two]);
    lab.assert_intact();
}

#[test]
fn no_way_of_writing_closes_a_circle() {
    let lab = Lab::found();
    let [a, b, c] = lab.several();
    let ring = [(&b, &a), (&c, &b), (&a, &c)];
    let bulk: Vec<Value> = ring
        .iter()
        .map(|(waits, awaited)| json!({"successor": waits, "predecessor": awaited}))
        .collect();
    let rows = values(&lab, &ring);
    let columns = "insert into wo.dependency (successor_id, predecessor_id)";
    let (ida, idb, idc) = (lab.id(&a), lab.id(&b), lab.id(&c));
    for who in [ANN, ROOT] {
        for sql in [
            format!("select wo.add_dependencies('{}')", json!(bulk)),
            format!("{columns} values {rows}"),
            format!("{columns} select * from (values {rows}) given (waits, awaited) order by 1 desc"),
            format!(
                "with first as ({columns} values ('{idb}', '{ida}') returning 1),
                    second as ({columns} values ('{idc}', '{idb}') returning 1)
                 {columns} values ('{ida}', '{idc}')"
            ),
            format!(
                "update wo.work_order set master_id = '{idb}' where wo_number = '{a}';
                 update wo.work_order set master_id = '{idc}' where wo_number = '{b}';
                 update wo.work_order set master_id = '{ida}' where wo_number = '{c}'"
            ),
            format!(
                "{columns} values ('{idb}', '{ida}') on conflict do nothing;
                 update wo.work_order set master_id = '{ida}' where wo_number = '{b}'"
            ),
            format!(
                "merge into wo.dependency using (values {rows}) given (waits, awaited)
                    on successor_id = waits and predecessor_id = awaited
                 when not matched then insert (successor_id, predecessor_id) values (waits, awaited)"
            ),
        ] {
            lab.refused(who, &sql, "23514", "dependency_cycle");
        }
    }
    // A master that the same statement writes takes no children yet.
    let ring = format!(
        "update wo.work_order set master_id = case wo_number
            when '{a}' then '{idb}' when '{b}' then '{idc}' else '{ida}' end::uuid
         where wo_number in ('{a}', '{b}', '{c}')"
    );
    for who in [ANN, ROOT] {
        lab.refused(who, &ring, "55000", "write_unfinished");
    }
    let before = lab.everything();
    let lines = format!("{idb}\t{ida}\n{idc}\t{idb}\n{ida}\t{idc}\n");
    refused(lab.with(ROOT, |root| copy(root, &lines)), "23514", "dependency_cycle");
    assert_eq!(lab.everything(), before);
    // What holds no cycle is copied, and audited like anything else.
    let lines = format!("{idb}\t{ida}\n{idc}\t{idb}\n");
    assert_eq!(lab.with(ROOT, |root| copy(root, &lines)).unwrap(), 2);
    assert_eq!(lab.trail(&c, &["dependency_added"]).len(), 1);
    refused(
        lab.with(ROOT, |root| copy(root, &format!("{ida}\t{idc}\n"))),
        "23514",
        "dependency_cycle",
    );
    lab.assert_intact();
}

#[test]
fn a_circle_of_work_orders_made_in_the_same_transaction_is_refused() {
    let lab = Lab::found();
    let seen = lab.make("seen");
    let before = lab.everything();
    // c is a child of `seen`, waits for d, which waits for `seen`.
    let part_of =
        |child: &str, master: &str| format!("perform wo.link_work_order({child}, {master});");
    let waits =
        |waits: &str, awaited: &str| format!("perform wo.add_dependency({waits}, {awaited});");
    let given_up = |step: &str| {
        format!("begin {step} raise exception 'x'; exception when raise_exception then null; end;")
    };
    for steps in [
        [part_of("c", "seen"), waits("c", "d"), waits("d", "seen")],
        [waits("d", "seen"), waits("c", "d"), part_of("c", "seen")],
        [waits("c", "d"), part_of("c", "seen"), waits("d", "seen")],
        [String::new(), waits("c", "d"), waits("d", "c")],
        [String::new(), part_of("c", "d"), waits("c", "d")],
        [
            part_of("c", "seen") + &given_up(&waits("d", "seen")),
            waits("c", "d"),
            waits("d", "seen"),
        ],
    ] {
        let steps = steps.concat();
        let sql = format!(
            "do $$ declare
                seen text := '{seen}';
                c text := wo.create_work_order('c', lifecycle => 'task') ->> 'wo_number';
                d text := wo.create_work_order('d', lifecycle => 'task') ->> 'wo_number';
             begin {steps} end $$"
        );
        lab.refused(ANN, &sql, "23514", "dependency_cycle");
    }
    assert_eq!(lab.everything(), before);
    lab.assert_intact();
}

#[test]
fn a_savepoint_that_is_given_up_takes_its_edges_along_and_nothing_else() {
    for level in EVERY_LEVEL {
        let lab = Lab::found();
        let [a, b, c] = lab.several();
        let mut ann = lab.connect(ANN);
        begin(&mut ann, level);
        ann.batch_execute("savepoint one").unwrap();
        ann.batch_execute(&add(&b, &a)).unwrap();
        ann.batch_execute("savepoint two").unwrap();
        refused(ann.batch_execute(&add(&a, &b)), "23514", "dependency_cycle");
        ann.batch_execute("rollback to savepoint two").unwrap();
        ann.batch_execute(&add(&c, &b)).unwrap();
        refused(ann.batch_execute(&add(&a, &c)), "23514", "dependency_cycle");
        ann.batch_execute("rollback to savepoint one").unwrap();
        // Neither b after a nor c after b is there any more.
        ann.batch_execute(&add(&a, &c)).unwrap();
        ann.batch_execute(&add(&c, &b)).unwrap();
        ann.batch_execute("savepoint three").unwrap();
        refused(ann.batch_execute(&add(&b, &a)), "23514", "dependency_cycle");
        ann.batch_execute("rollback to savepoint three; commit").unwrap();
        let mut edges =
            vec![format!("{a} after {c} + 00:00:00"), format!("{c} after {b} + 00:00:00")];
        edges.sort();
        assert_eq!(lab.edges(), edges, "{level}");
        lab.assert_intact();
    }
}

#[test]
fn one_transaction_closes_no_circle_at_any_isolation_level() {
    let lab = Lab::found();
    for level in EVERY_LEVEL {
        let [a, b, c] = lab.several();
        let before = lab.everything();
        for steps in [
            [add(&b, &a), add(&c, &b), add(&a, &c)],
            [link(&a, &b), add(&c, &b), add(&a, &c)],
            [link(&a, &b), link(&b, &c), link(&c, &a)],
        ] {
            let mut ann = lab.connect(ANN);
            begin(&mut ann, level);
            ann.batch_execute(&steps[0]).unwrap();
            ann.batch_execute(&steps[1]).unwrap();
            refused(ann.batch_execute(&steps[2]), "23514", "dependency_cycle");
            ann.batch_execute("rollback").unwrap();
            assert_eq!(lab.everything(), before, "{level}");
        }
    }
    lab.assert_intact();
}

/// The sentence of a long cycle is shortened; the DETAIL tells all of it.
#[test]
fn a_long_circle_is_told_whole_in_the_detail() {
    let lab = Lab::found();
    let chain: [String; 40] = lab.several();
    let edges: Vec<Value> = chain
        .windows(2)
        .map(|pair| json!({"successor": pair[1], "predecessor": pair[0]}))
        .collect();
    lab.run(ANN, &format!("select wo.add_dependencies('{}')", json!(edges)));
    let error = db_error(lab.with(ANN, |ann| ann.batch_execute(&add(&chain[0], &chain[39]))));
    assert!(error.message().contains('…') && error.message().len() < 400, "{error:?}");
    let detail: Value = serde_json::from_str(error.detail().unwrap()).unwrap();
    let mut way = vec![&chain[0]];
    way.extend(chain.iter().rev());
    assert_eq!(detail["cycle"], json!(way));
    lab.assert_intact();
}

#[test]
fn a_partitioned_table_is_held_to_the_same() {
    let lab = Lab::found_in(Cluster::shared().partitioned_database());
    let [a, b] = lab.several();
    let child = lab.child("child", &a);
    lab.after(&a, &b);
    cycle(&lab, ANN, &add(&b, &a), &[&b, &a, &b]);
    cycle(&lab, ANN, &add(&child, &a), &[&child, &a, &child]);
    cycle(&lab, ANN, &link(&a, &b), &[&b, &a, &b]);
    lab.finish(&[&b, &child]);
    assert_eq!(lab.events("wo.children_settled", &a).len(), 1);
    lab.assert_intact();
}
