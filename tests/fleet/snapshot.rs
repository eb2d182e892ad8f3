//! What an action is judged by in a transaction that keeps one snapshot.

use postgres::Client;
use serde_json::Value;
use wo_cluster_tests::refused;

use crate::fleet::crew::Fleet;

const ASSIGNEE: &str = "Mac CLI 小克";

/// Begins a transaction with a snapshot of its own.
fn begin(client: &mut Client, level: &str) {
    let begin = format!("begin isolation level {level}; select count(*) from wo.work_order");
    client.batch_execute(&begin).unwrap();
}

/// The state of the work order and the actions that the caller may take, as one statement gives both.
fn shown(client: &mut Client, number: &str) -> (String, Vec<String>) {
    let sql = format!(
        "select wo.get_work_order_detail('{number}') ->> 'status',
            array(select action from wo.allowed_transitions('{number}') where permitted order by 1)"
    );
    let row = client.query_one(&sql, &[]).unwrap();
    (row.get(0), row.get(1))
}

/// An action was looked up in the state that another transaction had committed meanwhile: the refusal named a
/// state, and actions from there, that the transaction's own details and `wo.allowed_transitions` do not show.
#[test]
fn an_action_is_refused_by_the_state_that_the_transaction_sees() {
    let fleet = Fleet::found();
    for level in ["repeatable read", "serializable"] {
        let number = fleet.create("[SS1-Operations] one");
        let mut reader = fleet.database.connect("mac_cli_ke");
        begin(&mut reader, level);
        fleet.run(ASSIGNEE, &format!("select wo.accept_work_order('{number}')"));
        let (state, actions) = shown(&mut reader, &number);
        assert_eq!(state, "pending", "{level}");

        let submit = format!("select wo.complete_work_order('{number}', 'Done.', 1)");
        let detail = refused(reader.batch_execute(&submit), "55000", "illegal_transition");
        assert_eq!(detail["from_status"], state.as_str(), "{level}");
        let mut allowed: Vec<&str> =
            detail["allowed"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
        allowed.sort_unstable();
        assert_eq!(allowed, actions, "{level}");
        reader.batch_execute("rollback").unwrap();

        // The action that the transaction does see is one to try again.
        let number = fleet.create("[SS1-Operations] two");
        begin(&mut reader, level);
        fleet.run(ASSIGNEE, &format!("select wo.accept_work_order('{number}')"));
        let accept = format!("select wo.accept_work_order('{number}')");
        let error = reader.batch_execute(&accept).unwrap_err();
        assert_eq!(error.code().unwrap().code(), "40001", "{level}: {error:?}");
        reader.batch_execute("rollback").unwrap();
    }
}

/// A work order that was made after the transaction's snapshot was found by its number, and its change was
/// then said to be suppressed by a rule or a trigger.
#[test]
fn a_work_order_that_the_transaction_does_not_see_is_unknown_to_all_functions() {
    let fleet = Fleet::found();
    for level in ["repeatable read", "serializable"] {
        let mut reader = fleet.database.connect("mac_cli_ke");
        begin(&mut reader, level);
        let number = fleet.create("[SS1-Operations] late");
        for call in [
            format!("wo.get_work_order_detail('{number}')"),
            format!("wo.accept_work_order('{number}')"),
            format!("wo.transition('{number}', 'accepted')"),
            format!("wo.patch_work_order('{number}', '{{\"notes\": \"x\"}}')"),
            format!("(select count(*) from wo.allowed_transitions('{number}'))"),
        ] {
            reader.batch_execute("savepoint here").unwrap();
            println!("{level}: {call}");
            refused(reader.batch_execute(&format!("select {call}")), "22023", "work_order_unknown");
            reader.batch_execute("rollback to here").unwrap();
        }
        reader.batch_execute("rollback").unwrap();
    }
}
