//! Rules of time: wo.overdue shows what breaks one, and which.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::fleet::crew::Fleet;

const PENDING_RULE: &str = "no work order stays pending for more than 24 hours";

/// Lets the work order have come into its state so long ago.
fn age(fleet: &Fleet, number: &str, interval: &str) {
    fleet.tamper(&format!(
        "update wo.work_order set state_deadline = state_deadline - interval '{interval}'
         where wo_number = '{number}'"
    ));
}

/// Order, rule and blocker of everything that somebody sees to be late.
fn late(fleet: &Fleet, who: &str) -> BTreeSet<(String, String, Option<String>)> {
    let rows = fleet.rows(who, "select wo_number, rule, blocker from wo.overdue");
    let found: BTreeSet<_> = rows.iter().map(|row| (row.get(0), row.get(1), row.get(2))).collect();
    assert_eq!(found.len(), rows.len(), "a rule is shown twice");
    found
}

fn breaks(number: &str, rule: &str) -> (String, String, Option<String>) {
    (number.to_owned(), rule.to_owned(), None)
}

fn set_due(fleet: &Fleet, number: &str, days: i32) {
    fleet.run(
        "夏哥",
        &format!(
            "update wo.work_order set due_date = (now() at time zone 'UTC')::date + {days}
             where wo_number = '{number}'"
        ),
    );
}

#[test]
fn a_work_order_that_is_pending_for_over_24_hours_shows_with_its_rule_and_not_before() {
    let fleet = Fleet::found();
    let number = fleet.create("[SS1-Operations] Wait");
    let fresh = fleet.create("[SS1-Operations] Fresh");
    let exact: bool = fleet.one(
        "夏哥",
        "select bool_and(state_deadline = created_at + interval '24 hours') from wo.work_order",
    );
    assert!(exact);
    assert_eq!(late(&fleet, "夏哥"), BTreeSet::new());
    age(&fleet, &number, "23 hours 59 minutes");
    assert_eq!(late(&fleet, "夏哥"), BTreeSet::new());
    age(&fleet, &number, "1 minute");
    assert_eq!(late(&fleet, "夏哥"), [breaks(&number, PENDING_RULE)].into());
    let row: Value = fleet.one("Web 小克", "select to_jsonb(late) from wo.overdue as late");
    assert_eq!(row["title"], "[SS1-Operations] Wait");
    assert_eq!(row["status"], "pending");
    assert_eq!(row["assignee"], "Mac CLI 小克");
    let since: bool = fleet.one(
        "夏哥",
        &format!(
            "select late.since = held.state_deadline
             from wo.overdue as late join wo.work_order as held using (id) where held.wo_number = '{number}'"
        ),
    );
    assert!(since);
    let overdue = |number: &str| -> Value {
        fleet.one("夏哥", &format!("select wo.get_work_order_detail('{number}') -> 'overdue'"))
    };
    assert_eq!(overdue(&number), json!([PENDING_RULE]));
    assert_eq!(overdue(&fresh), json!([]));
}

#[test]
fn accepting_it_makes_it_vanish() {
    let fleet = Fleet::found();
    let number = fleet.create("[SS1-Operations] Wait");
    age(&fleet, &number, "30 hours");
    assert_eq!(late(&fleet, "夏哥"), [breaks(&number, PENDING_RULE)].into());
    fleet.run("Mac CLI 小克", &format!("select wo.accept_work_order('{number}')"));
    assert_eq!(late(&fleet, "夏哥"), BTreeSet::new());
    let deadline: Option<String> =
        fleet.one("夏哥", "select state_deadline::text from wo.work_order");
    assert_eq!(deadline, None);
}

/// A change of fields is no step: it does not start the clock anew.
#[test]
fn a_patch_does_not_stop_the_clock() {
    let fleet = Fleet::found();
    let number = fleet.create("[SS1-Operations] Wait");
    age(&fleet, &number, "30 hours");
    let patch = format!("select wo.patch_work_order('{number}', '{{\"priority\": \"critical\"}}')");
    fleet.run("夏哥", &patch);
    let assign = format!("select wo.patch_work_order('{number}', '{{\"assignee\": \"小西\"}}')");
    fleet.run("pm", &assign);
    assert_eq!(late(&fleet, "夏哥"), [breaks(&number, PENDING_RULE)].into());
}

#[test]
fn a_definition_with_another_maximum_changes_the_rule_of_new_work_orders() {
    let fleet = Fleet::found();
    let old = fleet.create("[SS1-Operations] Old rule");
    let mut definition = fleet.definition("fleet_task");
    for state in definition["states"].as_array_mut().unwrap() {
        match state["name"].as_str() {
            Some("pending") => state["maximum_hours"] = json!(1),
            Some("blocked") => state["maximum_hours"] = json!(0.5),
            _ => {}
        }
    }
    fleet.publish(&definition);
    let new = fleet.create("[SS1-Operations] New rule");
    let stuck = fleet.reach("blocked");
    let held = fleet.reach("blocked");
    for number in [&old, &new, &stuck] {
        age(&fleet, number, "61 minutes");
    }
    age(&fleet, &held, "29 minutes");
    assert_eq!(
        late(&fleet, "夏哥"),
        [
            breaks(&new, "no work order stays pending for more than 1 hour"),
            (
                stuck.clone(),
                "no work order stays blocked for more than 0.5 hours".to_owned(),
                Some("because".to_owned())
            ),
        ]
        .into()
    );
    age(&fleet, &old, "23 hours");
    assert!(late(&fleet, "夏哥").contains(&breaks(&old, PENDING_RULE)));
    let resume = format!("select wo.update_work_order_status('{stuck}', 'in_progress', 'free')");
    fleet.run("Mac CLI 小克", &resume);
    assert!(late(&fleet, "夏哥").iter().all(|(number, ..)| *number != stuck));
}

#[test]
fn a_work_order_past_its_due_date_shows_beside_any_other_rule() {
    let fleet = Fleet::found();
    let number = fleet.create("[SS1-Operations] Due");
    set_due(&fleet, &number, 0);
    assert_eq!(late(&fleet, "夏哥"), BTreeSet::new(), "the due day itself is in time");
    set_due(&fleet, &number, -1);
    let day: String = fleet.one("夏哥", "select due_date::text from wo.work_order");
    let due = breaks(&number, &format!("due on {day}"));
    assert_eq!(late(&fleet, "夏哥"), [due.clone()].into());
    let since: bool = fleet.one(
        "夏哥",
        "select since = (now() at time zone 'UTC')::date::timestamp at time zone 'UTC' from wo.overdue",
    );
    assert!(since);
    age(&fleet, &number, "30 hours");
    assert_eq!(late(&fleet, "夏哥"), [due, breaks(&number, PENDING_RULE)].into());
}

/// The day is that of UTC for every reader, wherever their session thinks it is.
#[test]
fn a_due_date_is_over_at_the_same_moment_for_every_session() {
    let fleet = Fleet::found();
    let number = fleet.create("[SS1-Operations] Due");
    set_due(&fleet, &number, -1);
    let mut answers = BTreeSet::new();
    for zone in ["UTC", "Pacific/Kiritimati", "Pacific/Pago_Pago"] {
        fleet.run("夏哥", &format!("set timezone = '{zone}'"));
        let since: String =
            fleet.one("夏哥", "select (since at time zone 'UTC')::text || rule from wo.overdue");
        answers.insert(since);
    }
    assert_eq!(answers.len(), 1, "{answers:?}");
}

#[test]
fn a_blocked_one_shows_its_blocker() {
    let fleet = Fleet::found();
    let blocked = fleet.reach("in_progress");
    let block = format!(
        "select wo.update_work_order_status('{blocked}', 'blocked', 'Waiting for the endpoint')"
    );
    fleet.run("Mac CLI 小克", &block);
    let working = fleet.reach("in_progress");
    for number in [&blocked, &working] {
        set_due(&fleet, number, -3);
    }
    let late = late(&fleet, "夏哥");
    let blocker = |number: &str| late.iter().find(|it| it.0 == number).unwrap().2.clone();
    assert_eq!(blocker(&blocked).as_deref(), Some("Waiting for the endpoint"));
    assert_eq!(blocker(&working), None);
}

#[test]
fn ended_work_orders_are_never_late() {
    let fleet = Fleet::found();
    for state in ["approved", "cancelled"] {
        let number = fleet.reach(state);
        let clock: Option<String> = fleet.one(
            "夏哥",
            &format!("select state_deadline::text from wo.work_order where wo_number = '{number}'"),
        );
        assert_eq!(clock, None, "{state}");
        fleet.tamper(&format!(
            "update wo.work_order set due_date = '2020-01-01', state_deadline = '2020-01-01'
             where wo_number = '{number}'"
        ));
    }
    assert_eq!(late(&fleet, "夏哥"), BTreeSet::new());
}

#[test]
fn everybody_sees_their_own_tenants_and_nobody_elses() {
    let fleet = Fleet::found();
    fleet.add_rival();
    let ours = fleet.create("[SS1-Operations] Ours");
    let theirs: String = fleet
        .one("rival", "select wo.create_work_order('[SS1-Operations] Theirs') ->> 'wo_number'");
    fleet.tamper("update wo.work_order set state_deadline = now() - interval '1 hour'");
    assert_eq!(late(&fleet, "Web 小克"), [breaks(&ours, PENDING_RULE)].into());
    assert_eq!(late(&fleet, "rival"), [breaks(&theirs, PENDING_RULE)].into());
    fleet.database.login("nobody_known", &["wo_user"]);
    assert_eq!(late(&fleet, "nobody_known"), BTreeSet::new());
    // Row security does not hold a superuser back; the view does.
    assert_eq!(late(&fleet, "postgres"), BTreeSet::new());
}

/// A fleet whose new work orders may be pending for less than a tenth of a second, and one of them
/// that has been for longer.
fn impatient() -> (Fleet, String) {
    let fleet = Fleet::found();
    let mut definition = fleet.definition("fleet_task");
    for state in definition["states"].as_array_mut().unwrap() {
        if state["name"] == "pending" {
            state["maximum_hours"] = json!(0.00001);
        }
    }
    fleet.publish(&definition);
    let number = fleet.create("[SS1-Operations] Wait");
    fleet.database.wait_until("select bool_and(state_deadline < now()) from wo.work_order");
    (fleet, number)
}

/// How many stays a tick told of.
fn told(fleet: &Fleet) -> i32 {
    fleet.one("夏哥", "select done from wo.tick() where job = 'states_overdue'")
}

#[track_caller]
fn assert_intact(fleet: &Fleet) {
    let problem: Option<String> =
        fleet.one("夏哥", "select string_agg(problem, '; ') from wo.verify_audit()");
    assert_eq!(problem, None);
}

#[test]
fn a_stay_beyond_the_maximum_is_told_once_in_the_trail_and_the_outbox() {
    let (fleet, number) = impatient();
    fleet.run("夏哥", "select wo.create_consumer('late')");
    let before: i64 = fleet.one("夏哥", "select version from wo.work_order");
    assert_eq!(told(&fleet), 1);
    assert_eq!(told(&fleet), 0, "told twice");
    let entry: Value = fleet.one(
        "夏哥",
        "select to_jsonb(told) from wo.audit_entry as told where action = 'time_in_state_exceeded'",
    );
    assert_eq!(entry["reason"], "no work order stays pending for more than 0.00001 hours");
    assert_eq!(entry["record_version"], json!(before), "no change of the record");
    let event: Value = fleet.one(
        "夏哥",
        "select event from wo.fetch_events('late', 100) where event ->> 'type' = 'wo.time_in_state_exceeded'",
    );
    assert_eq!(event["data"]["work_order"], json!(number));
    assert_eq!(event["data"]["assignee"], "Mac CLI 小克");
    assert!(event["data"]["deadline"].is_string(), "{event}");
    assert_eq!(late(&fleet, "夏哥").len(), 1, "it is late all the same");
    assert_intact(&fleet);

    // The next stay has a clock of its own.
    fleet.run("Mac CLI 小克", &format!("select wo.accept_work_order('{number}')"));
    let told_at: Option<String> =
        fleet.one("夏哥", "select state_deadline_notified_at::text from wo.work_order");
    assert_eq!(told_at, None);
    assert_eq!(told(&fleet), 0);
    assert_intact(&fleet);
}

#[test]
fn who_is_just_moving_it_is_not_waited_for() {
    let (fleet, number) = impatient();
    let mut moving = fleet.database.connect("mac_cli_ke");
    moving.batch_execute(&format!("begin; select wo.accept_work_order('{number}')")).unwrap();
    assert_eq!(told(&fleet), 0);
    moving.batch_execute("rollback").unwrap();
    assert_eq!(told(&fleet), 1);
}

#[test]
fn a_migrated_work_order_has_the_clock_of_its_new_version() {
    let (fleet, number) = impatient();
    assert_eq!(told(&fleet), 1);
    let mut definition = fleet.definition("fleet_task");
    for state in definition["states"].as_array_mut().unwrap() {
        state.as_object_mut().unwrap().remove("maximum_hours");
    }
    fleet.publish(&definition);
    fleet.administer(&format!("select wo.migrate_lifecycle('{number}', 3, 'patience')"));
    let clock: Option<String> = fleet.one(
        "夏哥",
        "select coalesce(state_deadline, state_deadline_notified_at)::text from wo.work_order",
    );
    assert_eq!(clock, None);
    assert_intact(&fleet);
}

#[test]
fn nobody_writes_the_clock_past_enforcement() {
    let (fleet, _) = impatient();
    let update = "update wo.work_order set state_deadline_notified_at = now()";
    fleet.refused("夏哥", update, "42501", "column_not_writable");
}
