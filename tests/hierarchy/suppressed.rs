//! Writes that a trigger or a rule of an administrator suppresses: nothing is stored, and whoever wrote is told so.
//!
//! Otherwise the answer is that the work order is in that state already, that it does not exist, that its number is
//! taken, or that everything was written.

use serde_json::Value;

use crate::hierarchy::lab::{ANN, Lab, ROOT, add, link, move_to};

const SUPPRESSED: (&str, &str) = ("55000", "write_suppressed");

/// A lab whose database suppresses rows of work orders with the title `kept`, by a trigger of that name.
fn lab(name: &str, events: &str) -> Lab {
    let lab = Lab::found();
    lab.run(
        ROOT,
        "create function public.suppress() returns trigger language plpgsql as $$ begin
            if new.title = 'kept' then return null; end if;
            return new;
         end $$",
    );
    lab.run(
        ROOT,
        &format!(
            "create trigger {name} before {events} on wo.work_order for each row execute function public.suppress()"
        ),
    );
    lab
}

#[track_caller]
fn suppressed(lab: &Lab, sql: &str, table: &str) {
    let detail = lab.refused(ANN, sql, SUPPRESSED.0, SUPPRESSED.1);
    assert_eq!(detail["table"], table, "{sql}");
    lab.run(ANN, "rollback");
}

/// Before and after the extension's own trigger, which is called `validate`.
#[test]
fn a_change_that_a_trigger_suppresses_is_refused() {
    for name in ["aaa_suppress", "zzz_suppress"] {
        let lab = lab(name, "update");
        let [master, other] = lab.several();
        let kept = lab.make("kept");
        let id = lab.id(&kept);
        for sql in [
            move_to(&kept, "doing"),
            move_to(&id, "doing"),
            format!("select wo.patch_work_order('{kept}', '{{\"notes\": \"n\"}}')"),
            format!("begin isolation level repeatable read; {}; commit", move_to(&kept, "doing")),
            link(&kept, &master),
            format!("select wo.set_hierarchy_policy('{kept}', '{{}}')"),
            // The entry of its edge does not get into its trail.
            add(&kept, &other),
        ] {
            suppressed(&lab, &sql, "work_order");
        }
        let answers = lab.all(
            ANN,
            &format!(
                "select error -> 'detail' ->> 'code' from wo.transition_many('[{{\"work_order\": \"{kept}\", \"to_status\": \"doing\", \"reason\": \"r\"}}]')"
            ),
        );
        assert_eq!(answers, ["write_suppressed"]);
        // What is refused or answered for another reason still is.
        lab.refused(ANN, &move_to(&other, "open"), "55000", "illegal_transition");
        lab.run(ANN, &format!("select wo.patch_work_order('{other}', '{{}}')"));
        lab.refused(ANN, &move_to("WO-2000-0101-ABC", "doing"), "22023", "work_order_unknown");
        lab.assert_intact();
    }
}

#[test]
fn a_creation_that_a_trigger_suppresses_is_refused() {
    for name in ["aaa_suppress", "zzz_suppress"] {
        let lab = lab(name, "insert");
        let create = "select wo.create_work_order('kept', lifecycle => 'task')";
        suppressed(&lab, create, "work_order");
        let plan = "select wo.create_from_plan('{\"master\": {\"title\": \"master\", \"lifecycle\": \"task\"},
            \"children\": [{\"name\": \"a\", \"title\": \"kept\", \"lifecycle\": \"task\"}]}')";
        suppressed(&lab, plan, "work_order");
        let answers = lab.all(
            ANN,
            "select coalesce(error -> 'detail' ->> 'code', 'created') from wo.create_work_orders(
                '[{\"title\": \"kept\", \"lifecycle\": \"task\"}, {\"title\": \"made\", \"lifecycle\": \"task\"}]')",
        );
        assert_eq!(answers, ["write_suppressed", "created"]);
        lab.assert_intact();
    }
}

/// A rule is met by SQL alone: the answer was that there is no such work order.
#[test]
fn a_change_that_a_rule_suppresses_is_refused() {
    let lab = Lab::found();
    let kept = lab.make("kept");
    lab.run(
        ROOT,
        "create rule suppress as on update to wo.work_order where new.title = 'kept' do instead nothing",
    );
    suppressed(&lab, &move_to(&kept, "doing"), "work_order");
    lab.run(ROOT, "drop rule suppress on wo.work_order");
    lab.go(&kept, &["doing"]);
    lab.assert_intact();
}

/// The answer was a conflict that a retry would end, so that a client retried for ever.
#[test]
fn a_master_whose_child_is_suppressed_is_not_cancelled() {
    let lab = lab("zzz_suppress", "update");
    let master = lab.make_with("master", ", hierarchy_policy => '{\"cancel_cascades\": true}'");
    lab.child("kept", &master);
    suppressed(&lab, &move_to(&master, "dropped"), "work_order");
    lab.assert_intact();
}

/// Effects write other work orders after it: the answer was about the last of those.
#[test]
fn the_answer_is_about_the_work_order_that_was_moved() {
    let lab = Lab::found();
    let master = lab.make_with("master", ", hierarchy_policy => '{\"cancel_cascades\": true}'");
    let child = lab.child("child", &master);
    lab.go(&child, &["doing"]);
    lab.go(&child, &["review"]);
    let answer: Value = lab.one(ANN, &move_to(&master, "dropped"));
    assert_eq!(lab.status(&child), "dropped");
    assert_eq!(answer["wo_number"], *master);
    assert_eq!(answer["version"].to_string(), lab.stands(&master, "version").unwrap());
    lab.assert_intact();
}
