//! Columns that hold NULL, though they must not: a superuser dropped the constraint. Such a value is
//! refused by the name of its column; read as an empty text, as zero or as false it would count as a
//! value in what is decided and verified.

use wo_cluster_tests::{Cluster, refused};

use super::stage::{Stage, started};

fn alter(stage: &Stage<'_>, sql: &str) {
    let sql = format!("SET session_replication_role = replica; {sql}");
    stage.db.superuser().batch_execute(&sql).unwrap();
}

/// Without the refusal nobody could be assigned, as if the administrator had said so.
#[test]
fn a_null_flag_of_a_principal_is_refused_by_its_name() {
    let cluster = Cluster::shared();
    let stage = Stage::new(cluster);
    let mut captain = stage.captain();
    alter(
        &stage,
        "ALTER TABLE wo.principal ALTER assignable DROP NOT NULL;
         UPDATE wo.principal SET assignable = NULL",
    );
    let create = "SELECT wo.create_work_order('[SS1-Ops] x', assignee => 'cap')";
    refused(captain.query_one(create, &[]), "55000", "tables_damaged");
    let error = captain.query_one(create, &[]).unwrap_err();
    let message = error.as_db_error().unwrap().message().to_owned();
    assert!(message.contains("column assignable of wo.principal is null"), "{message}");
}

/// Without the refusal the hash is computed as if the entry had named no login.
#[test]
fn a_null_column_of_the_trail_is_refused_by_its_name() {
    let cluster = Cluster::shared();
    let stage = Stage::new(cluster);
    let mut captain = stage.captain();
    started(&mut captain);
    alter(
        &stage,
        "ALTER TABLE wo.audit_entry ALTER login_role DROP NOT NULL;
         ALTER TABLE wo.audit_entry DISABLE TRIGGER USER;
         UPDATE wo.audit_entry SET login_role = NULL;
         ALTER TABLE wo.audit_entry ENABLE TRIGGER USER;
         SELECT wo_private.enforce()",
    );
    let error = captain.query("SELECT * FROM wo.verify_audit()", &[]).unwrap_err();
    let error = error.as_db_error().unwrap();
    assert_eq!(error.code().code(), "55000");
    let message = error.message();
    assert!(message.contains("column login_role of wo.audit_entry is null"), "{message}");
}
