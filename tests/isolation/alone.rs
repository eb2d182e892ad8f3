//! What shows only where nobody else uses the cluster: a snapshot of another keeps old versions, and a
//! login is the whole cluster's.

use wo_cluster_tests::Cluster;

use crate::isolation::stage::{Stage, started, transition};

/// Who goes straight to a row must clean its page as a reader by an index does.
#[test]
fn versions_that_nobody_needs_do_not_fill_the_table() {
    let cluster = Cluster::own(&[]);
    let stage = Stage::new(&cluster);
    let mut captain = stage.captain();
    let number = started(&mut captain);
    for state in ["blocked", "in_progress"].iter().cycle().take(400) {
        transition(&mut captain, &number, state).unwrap();
    }
    let pages: i64 = stage
        .db
        .superuser()
        .query_one("SELECT pg_relation_size('wo.work_order') / 8192", &[])
        .unwrap()
        .get(0);
    assert!(pages <= 2, "{pages} pages for one work order");
}

#[test]
fn the_trail_names_a_login_as_it_is_called_now() {
    let cluster = Cluster::own(&[]);
    let stage = Stage::new(&cluster);
    let mut captain = stage.captain();
    let number = started(&mut captain);
    transition(&mut captain, &number, "blocked").unwrap();
    let mut superuser = stage.db.superuser();
    // The login first: a principal is mapped to a role that there is.
    superuser.batch_execute("ALTER ROLE cap RENAME TO skipper").unwrap();
    stage.as_admin("acme", "UPDATE wo.principal SET db_role = 'skipper' WHERE id = 'cap'");
    transition(&mut captain, &number, "in_progress").unwrap();
    let rows = superuser
        .query(
            "SELECT login_role FROM wo.audit_entry WHERE subject = 'work_order' ORDER BY position",
            &[],
        )
        .unwrap();
    let names: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    assert_eq!(names, ["cap", "cap", "cap", "cap", "skipper"]);
}
