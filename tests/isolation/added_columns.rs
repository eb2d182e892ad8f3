//! Columns that a DBA adds to a table of schema wo. A write of such a column alone once returned `UPDATE 1`
//! and stored nothing.

use super::stage::{Stage, assert_intact, started, transition};
use postgres::Client;
use wo_cluster_tests::{Cluster, refused};

fn one<T: for<'a> postgres::types::FromSql<'a>>(stage: &Stage<'_>, sql: &str) -> T {
    stage.db.superuser().query_one(sql, &[]).unwrap().get(0)
}

/// The value is stored, the trail tells of it, and the record is as verifiable as before.
#[test]
fn an_added_column_of_a_work_order_is_stored_and_audited() {
    let stage = Stage::new(Cluster::shared());
    let mut captain = stage.captain();
    let number = started(&mut captain);
    stage
        .db
        .superuser()
        .batch_execute("ALTER TABLE wo.work_order ADD COLUMN cost_center text")
        .unwrap();
    let write = "UPDATE wo.work_order SET cost_center = $2 WHERE wo_number = $1";
    for value in [Some("4711"), Some("4712"), None, Some("4713")] {
        let version: i64 = one(&stage, "SELECT version FROM wo.work_order");
        assert_eq!(captain.execute(write, &[&number, &value]).unwrap(), 1);
        let stored: Option<String> = one(&stage, "SELECT cost_center FROM wo.work_order");
        assert_eq!(stored.as_deref(), value);
        assert_eq!(one::<i64>(&stage, "SELECT version FROM wo.work_order"), version + 1);
        let told: Option<serde_json::Value> = one(
            &stage,
            "SELECT changes::jsonb -> 'cost_center' -> 'new' FROM wo.audit_entry
             ORDER BY position DESC LIMIT 1",
        );
        assert_eq!(told.as_ref().and_then(|told| told.as_str()), value);
    }
    // The same value again changes nothing.
    let version: i64 = one(&stage, "SELECT version FROM wo.work_order");
    captain.execute(write, &[&number, &"4713"]).unwrap();
    assert_eq!(one::<i64>(&stage, "SELECT version FROM wo.work_order"), version);
    transition(&mut captain, &number, "cancelled").unwrap();
    refused(captain.execute(write, &[&number, &"4714"]), "55000", "record_locked");
    assert_intact(&stage.db, &mut captain);
}

/// The same of a table of the configuration.
#[test]
fn an_added_column_of_a_principal_is_stored_and_audited() {
    let stage = Stage::new(Cluster::shared());
    stage.db.superuser().batch_execute("ALTER TABLE wo.principal ADD COLUMN badge text").unwrap();
    stage.as_admin("acme", "UPDATE wo.principal SET badge = '7' WHERE id = 'mate'");
    let stored: String = one(&stage, "SELECT badge FROM wo.principal WHERE id = 'mate'");
    assert_eq!(stored, "7");
    let told: String =
        one(&stage, "SELECT changes::text FROM wo.audit_entry ORDER BY position DESC LIMIT 1");
    assert!(told.contains("badge"), "{told}");
    assert_intact(&stage.db, &mut stage.captain());
}

/// DDL fills and removes columns without an entry: a default, a value that PostgreSQL computes, a column that
/// is dropped. Records that nobody tampered with were reported as broken, for ever; a value that somebody
/// changed behind the back of the trail still must be.
#[test]
fn what_ddl_does_to_an_added_column_is_no_tampering() {
    let stage = Stage::new(Cluster::shared());
    let mut captain = stage.captain();
    let number = started(&mut captain);
    let mut root = stage.db.superuser();
    for table in ["work_order", "principal"] {
        let add = format!(
            "alter table wo.{table} add column passing text, add column region text default 'north',
                add column computed integer generated always as (length(tenant_id::text)) stored"
        );
        root.batch_execute(&add).unwrap();
    }
    let assert_is_intact = |captain: &mut Client, what: &str| {
        let broken = "select count(*) from wo.verify_audit() where not intact";
        let count: i64 = captain.query_one(broken, &[]).unwrap().get(0);
        assert_eq!(count, 0, "{what}");
    };
    assert_is_intact(&mut captain, "after the columns were added");
    let write = "update wo.work_order set passing = 'a', region = $2 where wo_number = $1";
    captain.execute(write, &[&number, &"south"]).unwrap();
    stage.as_admin(
        "acme",
        "update wo.principal set passing = 'a', region = 'south' where id = 'mate'",
    );
    transition(&mut captain, &number, "blocked").unwrap();
    started(&mut captain);
    assert_is_intact(&mut captain, "after the columns were written");
    for table in ["work_order", "principal"] {
        root.batch_execute(&format!("alter table wo.{table} drop column passing")).unwrap();
    }
    assert_is_intact(&mut captain, "after a column was dropped");
    transition(&mut captain, &number, "in_progress").unwrap();
    assert_is_intact(&mut captain, "and the work went on");
    for value in ["'east'", "null"] {
        let tamper = format!(
            "set session_replication_role = replica;
             update wo.work_order set region = {value} where wo_number = '{number}';
             reset session_replication_role"
        );
        root.batch_execute(&tamper).unwrap();
        let broken =
            "select count(*) from wo.verify_audit() where not intact and problem like '%region%'";
        let count: i64 = captain.query_one(broken, &[]).unwrap().get(0);
        assert_eq!(count, 1, "region was set to {value} behind the back of the trail");
    }
}
