//! Effects that wait for a row which is never stored.

use serde_json::json;

use crate::hierarchy::lab::{ANN, Lab, ROOT, move_to, task};

/// An effect on a work order waits while something that belongs to it is being written. If a trigger of an
/// administrator then suppresses that write, nothing carries the effect out: the transaction must not commit, or
/// the master would never be told that its children have ended.
#[test]
fn a_transaction_does_not_commit_without_an_effect_that_waited() {
    let lab = Lab::found();
    let mut quick = task("quick");
    for edge in quick["transitions"].as_array_mut().unwrap() {
        match edge["action"].as_str() {
            Some("finish") => {
                edge["auto"] = json!(true);
                edge["guards"] = json!(["dependencies_satisfied"]);
            }
            Some("start" | "submit") => edge["guards"] = json!([]),
            _ => {}
        }
    }
    lab.publish(&quick);
    let master = lab.make("master");
    let child = lab.make_with("child", &format!(", lifecycle => 'quick', master => '{master}'"));
    let [open, other] = lab.several();
    // The predecessor of a master holds its children too, unless it is done.
    lab.go(&other, &["doing", "review"]);
    lab.after(&master, &other);
    lab.after(&child, &open);
    lab.go(&child, &["doing", "review"]);
    assert_eq!(lab.status(&child), "review");
    let id = lab.id(&master);
    lab.run(
        ROOT,
        &format!(
            "create function public.keep() returns trigger language plpgsql as $$ begin return null; end $$;
             create trigger zzz_keep before delete on wo.dependency for each row
                when (old.successor_id = '{id}') execute function public.keep()"
        ),
    );
    let delete =
        format!("delete from wo.dependency where successor_id in ('{id}', '{}')", lab.id(&child));
    lab.refused(
        ANN,
        &format!("begin; set constraints all immediate; {delete}; commit"),
        "55000",
        "write_unfinished",
    );
    // Without SET CONSTRAINTS the master is told at the commit, when nothing is being written.
    lab.run(ANN, &format!("begin; {delete}; commit"));
    assert_eq!(lab.status(&child), "done");
    assert_eq!(lab.trail(&master, &["children_settled"]).len(), 1);
    lab.run(ROOT, "drop trigger zzz_keep on wo.dependency");
    lab.run(ANN, &move_to(&master, "dropped"));
    lab.assert_intact();
}
