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

/// One NULL made the verification of all chains raise, so that a person who could write one hid what was altered
/// elsewhere.
#[test]
fn a_null_in_the_trail_is_a_problem_of_its_chain_and_the_others_are_verified() {
    let cluster = Cluster::shared();
    for (table, column) in [
        ("audit_entry", "subject"),
        ("audit_entry", "action"),
        ("audit_entry", "changes"),
        ("audit_entry", "login_role"),
        ("audit_entry", "authenticated_by"),
        ("audit_entry", "transaction_id"),
        ("audit_entry", "previous_hash"),
        ("audit_entry", "entry_hash"),
        ("audit_entry", "position"),
        ("audit_chain", "chain_sequence"),
        ("audit_chain", "chain_hash"),
    ] {
        let stage = Stage::new(cluster);
        let mut captain = stage.captain();
        let (one, other) = (started(&mut captain), started(&mut captain));
        let of_one = match table {
            "audit_entry" => format!(
                "subject_id = (SELECT id FROM wo.work_order WHERE wo_number = '{one}') AND sequence = 2"
            ),
            _ => "subject = 'role' AND subject_key = (SELECT min(subject_key) FROM wo.audit_chain
                WHERE subject = 'role')"
                .to_owned(),
        };
        alter(
            &stage,
            &format!(
                "ALTER TABLE wo.{table} ALTER {column} DROP NOT NULL;
                 ALTER TABLE wo.audit_entry DISABLE TRIGGER USER;
                 ALTER TABLE wo.audit_chain DISABLE TRIGGER USER;
                 UPDATE wo.{table} SET {column} = NULL WHERE {of_one};
                 UPDATE wo.audit_entry SET reason = 'another' WHERE sequence = 1
                    AND subject_id = (SELECT id FROM wo.work_order WHERE wo_number = '{other}');
                 ALTER TABLE wo.audit_entry ENABLE TRIGGER USER;
                 ALTER TABLE wo.audit_chain ENABLE TRIGGER USER;
                 SELECT wo_private.enforce()"
            ),
        );
        let rows = captain
            .query("SELECT subject_key, problem FROM wo.verify_audit() WHERE NOT intact", &[])
            .unwrap_or_else(|error| panic!("{table}.{column}: {error:?}"));
        let found: Vec<(String, String)> =
            rows.iter().map(|row| (row.get(0), row.get(1))).collect();
        let expected = match column {
            // Row security does not show the entry.
            "subject" if table == "audit_entry" => "missing",
            column => column,
        };
        assert!(
            found.iter().any(|(_, problem)| problem.contains(expected)),
            "{table}.{column}: {found:?}"
        );
        assert!(found.iter().any(|(key, _)| *key == other), "{table}.{column}: {found:?}");
    }
}
