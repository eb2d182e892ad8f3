//! What `wo.health()` shows of constraints and conditions that a DBA has altered.

use wo_cluster_tests::Cluster;

/// Each was invisible: the table was written without the rule, and nothing said so.
#[test]
fn a_dropped_constraint_and_an_altered_condition_are_shown() {
    let database = Cluster::shared().database();
    let mut root = database.superuser();
    let problems = |client: &mut postgres::Client| -> Vec<String> {
        client.query_one("select wo_private.table_problems()", &[]).unwrap().get(0)
    };
    assert_eq!(problems(&mut root), [""; 0]);
    for (sql, said) in [
        (
            "alter table wo.work_order drop constraint work_order_ends_after_it_starts",
            "the constraint work_order_ends_after_it_starts is missing",
        ),
        (
            "alter domain wo.title drop constraint title_is_short",
            "the constraint title_is_short is missing or was not validated; enforce() does not add it",
        ),
        (
            "alter table wo.audit_entry alter action drop not null",
            "column action of wo.audit_entry may be null; run: alter table wo.audit_entry alter column action set not null;",
        ),
        (
            "alter table wo.work_order drop constraint work_order_ends_after_it_starts;
             alter table wo.work_order add constraint work_order_ends_after_it_starts
                check (planned_end >= planned_start) not valid",
            "the constraint work_order_ends_after_it_starts is missing or was not validated",
        ),
        (
            "drop trigger settle on wo.work_order;
             create constraint trigger settle after update on wo.work_order deferrable initially deferred
                for each row when (old.locked_at is distinct from new.locked_at and false)
                execute function wo_private.settle()",
            "the condition of trigger settle of wo.work_order is not as it was made",
        ),
        (
            "drop trigger forbid_delete on wo.signature_challenge;
             create trigger forbid_delete before delete on wo.signature_challenge
                for each row when (old.used_at is not null)
                execute function wo_private.refuse_change();
             alter table wo.signature_challenge enable always trigger forbid_delete",
            "the condition of trigger forbid_delete of wo.signature_challenge is not as it was made",
        ),
    ] {
        root.batch_execute(&format!("begin; set local role wo_owner; {sql}")).unwrap();
        root.batch_execute("reset role").unwrap();
        let found = problems(&mut root);
        assert_eq!(found.len(), 1, "{sql}: {found:?}");
        assert!(found[0].contains(said), "{sql}: {found:?}");
        root.batch_execute("rollback").unwrap();
    }
    assert_eq!(problems(&mut root), [""; 0]);
}
