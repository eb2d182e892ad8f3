//! A tenant's limits of time in states where lifecycles have several versions, and work came before the limit.

use serde_json::json;
use wo_cluster_tests::refused;

use crate::fleet::crew::{ADMIN, Fleet};

const CREATOR: &str = "Win CLI 小克";

/// A work order stays in the version that it was made in: its states can be limited while it is open.
#[test]
fn a_state_of_a_version_in_use_can_be_limited_and_one_that_nobody_uses_cannot() {
    let fleet = Fleet::found();
    let old = fleet.create("[SS1-Operations] Old");
    let mut definition = fleet.definition("fleet_task");
    let text = serde_json::to_string(&definition).unwrap().replace("\"accepted\"", "\"taken\"");
    definition = serde_json::from_str(&text).unwrap();
    fleet.publish(&definition);
    fleet.administer(
        "select wo.set_state_limit('fleet_task', 'accepted', 2), wo.set_state_limit('fleet_task', 'taken', 3)",
    );
    fleet.run("Mac CLI 小克", &format!("select wo.accept_work_order('{old}')"));
    let left: f64 = fleet.one(
        CREATOR,
        &format!(
            "select round((extract(epoch from state_deadline - now()) / 3600)::numeric, 1)::float8
             from wo.work_order where wo_number = '{old}'"
        ),
    );
    assert_eq!(left, 2.0);
    // Nobody is in the old version any more.
    fleet.run("夏哥", &format!("select wo.transition('{old}', 'cancelled', 'because')"));
    let limit = "select wo.set_state_limit('fleet_task', 'accepted', 4)";
    let answer = fleet.administering_as(ADMIN, "superportia", |client| client.batch_execute(limit));
    let detail = refused(answer, "22023", "state_unknown");
    assert!(detail.to_string().contains("taken"), "{detail}");
}

/// The deadline of work that came before the limit is the one of that time, and the rule that it breaks too: with
/// the new limit in the text the row contradicted itself.
#[test]
fn the_rule_that_is_shown_is_the_one_that_the_work_order_came_under() {
    let fleet = Fleet::found();
    let number = fleet.create("[SS1-Operations] Wait");
    fleet.tamper("update wo.work_order set state_deadline = state_deadline - interval '25 hours'");
    let rule = || fleet.all(CREATOR, "select coalesce(rule, '-') from wo.overdue");
    for limit in ["8", "1000", "null"] {
        fleet.administer(&format!("select wo.set_state_limit('fleet_task', 'pending', {limit})"));
        assert_eq!(rule(), ["no work order stays pending for more than 24 hours"], "{limit}");
    }
    fleet.administer("select wo.set_state_limit('fleet_task', 'pending', 1.5)");
    let late = fleet.create("[SS1-Operations] Later");
    fleet.tamper(&format!(
        "update wo.work_order set state_deadline = state_deadline - interval '2 hours' where wo_number = '{late}'"
    ));
    let shown =
        fleet.all(CREATOR, &format!("select rule from wo.overdue where wo_number = '{late}'"));
    assert_eq!(shown, ["no work order stays pending for more than 1.5 hours"]);
    // A change of fields and of people does not begin the state anew.
    fleet.run(
        "夏哥",
        &format!("select wo.patch_work_order('{number}', '{}')", json!({"priority": "critical"})),
    );
    let shown =
        fleet.all(CREATOR, &format!("select rule from wo.overdue where wo_number = '{number}'"));
    assert_eq!(shown, ["no work order stays pending for more than 24 hours"]);
}
