//! A lifecycle names guards and effects; those that there are come from the kernel and the registered concepts.

use wo_cluster_tests::{Cluster, refused};

/// Without this a lifecycle could be published whose guard no concept looks at, and whose effect none carries out.
#[test]
fn a_guard_or_an_effect_that_no_concept_has_is_refused_at_publication() {
    let database = Cluster::shared().database();
    let mut admin = database.superuser();
    admin.batch_execute("select wo.create_tenant('acme', 'Acme')").unwrap();
    let mut transaction = admin.transaction().unwrap();
    transaction.batch_execute("select wo.administer('acme')").unwrap();
    let definition = "(select definition || jsonb_build_object('transitions',
            jsonb_set(jsonb_set(definition -> 'transitions', '{0,guards}', '[\"all_is_well\"]'),
                '{0,effects}', '[\"explode\", \"cascade_cancel\"]'))
        from wo.lifecycle where name = 'fleet_task')";
    let sql = format!("select pointer, problem from wo.validate_lifecycle({definition})");
    let problems: Vec<(String, String)> =
        transaction.query(&sql, &[]).unwrap().iter().map(|row| (row.get(0), row.get(1))).collect();
    let expected = [
        (
            "/transitions/0/guards/0",
            "no guard is named \"all_is_well\"; there are approvals_collected, assignee_qualified, \
             assignee_set, budget_available, children_in_review, children_settled, deliverables_received, \
             dependencies_satisfied, findings_closed, plan_approvals_unamended, preflight_done, steps_done, sql:…",
        ),
        (
            "/transitions/0/effects/0",
            "no effect is named \"explode\"; there are approve_children, cascade_cancel, clear_actual_end, \
             lock_record, new_revision, notify_master, record_actual_end, record_actual_start, release_assignment, void_approvals(meaning)",
        ),
    ];
    assert_eq!(problems, expected.map(|(at, what)| (at.to_owned(), what.to_owned())));
    let tried = transaction.execute(&format!("select wo.publish_lifecycle({definition})"), &[]);
    refused(tried, "22023", "lifecycle_invalid");
}
