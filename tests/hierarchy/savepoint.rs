//! What a rollback to a savepoint restores, and what it leaves alone.

use super::lab::{ANN, Lab, ROOT};
use serde_json::Value;

/// A trigger of a DBA that rolls back to a savepoint of its own, for each row.
const DBA_TRIGGER: &str = "
create function public.try_something() returns trigger language plpgsql as $$
begin
    begin
        perform 1 / 0;
    exception when division_by_zero then null;
    end;
    return new;
end $$;
create trigger a_dba before insert on wo.work_order for each row execute function public.try_something()";

/// A rollback of somebody else's subtransaction would otherwise take the plan away while its work
/// orders are being written: they would get other ids than their edges name.
#[test]
fn a_plan_is_made_although_a_trigger_rolls_back_to_a_savepoint_of_its_own() {
    let lab = Lab::found();
    lab.run(ROOT, DBA_TRIGGER);
    let plan = r#"{
        "key": "k",
        "master": {"title": "M", "lifecycle": "task", "name": "top"},
        "children": [
            {"name": "a", "title": "A", "lifecycle": "task"},
            {"name": "b", "title": "B", "lifecycle": "task", "after": ["a"]}
        ]
    }"#;
    let made: Value = lab.one(ANN, &format!("select wo.create_from_plan($${plan}$$::jsonb)"));
    assert_eq!(made["created"], true);
    let edges = "select count(*) from wo.dependency as edge
        join wo.work_order as waiting on waiting.id = edge.successor_id
        join wo.work_order as awaited on awaited.id = edge.predecessor_id
        where waiting.title = 'B' and awaited.title = 'A'";
    assert_eq!(lab.one::<i64>(ANN, edges), 1);
    let children = "select count(*) from wo.work_order as child
        join wo.work_order as master on master.id = child.master_id where master.title = 'M'";
    assert_eq!(lab.one::<i64>(ANN, children), 2);
}
