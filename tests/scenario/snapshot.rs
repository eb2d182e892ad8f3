//! Functions that show a work order show it at one moment.

use serde_json::Value;

use crate::scenario::company::{Company, create, one, take};

/// In a REPEATABLE READ transaction the details are those of its snapshot; transitions of a later
/// state beside them would offer steps that the shown state does not have.
#[test]
fn details_and_allowed_transitions_speak_of_the_same_state() {
    let company = Company::found("fleet_task");
    let mut almighty = company.connect("almighty");
    let number = create(&mut almighty, "[A-B] one");
    for level in ["read committed", "repeatable read"] {
        let mut reader = company.connect("almighty");
        reader
            .batch_execute(&format!(
                "begin isolation level {level}; select count(*) from wo.work_order"
            ))
            .unwrap();
        if level == "repeatable read" {
            take(&mut almighty, &number, "accepted", false);
        }
        let sql = format!(
            "select wo.get_work_order_detail('{number}') || jsonb_build_object('to',
                (select jsonb_agg(next.to_status order by 1) from wo.allowed_transitions('{number}') as next))"
        );
        let both: Value = one(&mut reader, &sql);
        let to = both["to"].as_array().unwrap();
        assert_eq!(both["status"], "pending", "{level}");
        assert!(to.contains(&"accepted".into()), "{level}: {both}");
        reader.batch_execute("commit").unwrap();
    }
}
