//! The hours in a state that a tenant sets in place of its lifecycle's.

use wo_cluster_tests::refused;

use crate::fleet::crew::{ADMIN, CAPTAINS, Fleet};

const CREATOR: &str = "Win CLI 小克";

fn hours_left(fleet: &Fleet, number: &str) -> Option<f64> {
    fleet.one(
        "postgres",
        &format!(
            "select round((extract(epoch from state_deadline - now()) / 3600)::numeric, 1)::float8
             from wo.work_order where wo_number = '{number}'"
        ),
    )
}

fn create(fleet: &Fleet) -> String {
    fleet.one(CREATOR, "select wo.create_work_order('[SS1-Operations] x') ->> 'wo_number'")
}

/// The lifecycle's 24 hours are a default: a tenant that works faster, or slower, says so.
#[test]
fn a_tenant_sets_the_hours_that_work_stays_in_a_state() {
    let fleet = Fleet::found();
    fleet.add_rival();
    assert_eq!(hours_left(&fleet, &create(&fleet)), Some(24.0));
    fleet.administer("select wo.set_state_limit('fleet_task', 'pending', 8)");
    let number = create(&fleet);
    assert_eq!(hours_left(&fleet, &number), Some(8.0));
    let rule: String = fleet.one(CREATOR, "select wo.state_rule('fleet_task', 1, 'pending')");
    assert_eq!(rule, "no work order stays pending for more than 8 hours");
    // Nobody else's work is held to it.
    let theirs: String = fleet.one("rival", "select wo.state_rule('fleet_task', 1, 'pending')");
    assert!(theirs.contains("24 hours"), "{theirs}");
    // A state that the lifecycle gives no time, and one that gets none.
    fleet.administer(
        "select wo.set_state_limit('fleet_task', 'accepted', 1.5),
            wo.set_state_limit('fleet_task', 'pending', null)",
    );
    fleet.run(CAPTAINS[0], &format!("select wo.transition('{number}', 'accepted')"));
    assert_eq!(hours_left(&fleet, &number), Some(1.5));
    assert_eq!(hours_left(&fleet, &create(&fleet)), None);
    let shown = fleet.all(
        CREATOR,
        "select state || ' ' || coalesce(maximum_hours::text, '-') || ' ' || icon
         from wo.lifecycle_states('fleet_task') where not terminal limit 3",
    );
    assert_eq!(shown, ["pending - 🔴", "accepted 1.5 🟡", "in_progress - 🔵"]);
    fleet.administer("delete from wo.state_limit");
    assert_eq!(hours_left(&fleet, &create(&fleet)), Some(24.0));
}

/// A limit of what is not there would never notify anybody, in silence.
#[test]
fn a_limit_is_of_a_state_that_is_there_and_set_by_administrators() {
    let fleet = Fleet::found();
    for (of, sqlstate, code) in [
        ("'fleet_tasks', 'pending', 8", "22023", "lifecycle_unknown"),
        ("'fleet_task', 'pendign', 8", "22023", "state_unknown"),
        ("'fleet_task', 'approved', 8", "22023", "state_unknown"),
        ("'fleet_task', 'pending', 0", "23514", "value_out_of_range"),
        ("'fleet_task', 'pending', -1", "23514", "value_out_of_range"),
    ] {
        for sql in [
            format!("select wo.set_state_limit({of})"),
            format!("insert into wo.state_limit values (wo.current_tenant(), {of})"),
        ] {
            let answer =
                fleet.administering_as(ADMIN, "superportia", |client| client.batch_execute(&sql));
            refused(answer, sqlstate, code);
        }
    }
    let call = "select wo.set_state_limit('fleet_task', 'pending', 8)";
    let denied = fleet.with(CREATOR, |client| client.batch_execute(call)).unwrap_err();
    assert_eq!(denied.code().unwrap().code(), "42501");
}
