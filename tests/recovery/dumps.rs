//! Dump and restore: everything comes back, and work goes on.

use std::path::Path;

use postgres::Client;
use wo_cluster_tests::{Cluster, Database, refused};

use crate::isolation::stage::{Stage, assert_intact, transition};
use crate::recovery::catalogue::{assert_same, objects, rows};
use crate::recovery::company::{assert_work_goes_on, at_work, next_events};

/// What a DBA adds: leaves far ahead, an index, a policy, grants, a comment, a statistics target.
fn add_as_a_dba(stage: &Stage<'_>) {
    stage.db.login("reporting", &[]);
    stage
        .db
        .superuser()
        .batch_execute(
            "SELECT wo.make_partitions(24);
             CREATE INDEX dba_project ON wo.work_order (tenant_id, project);
             COMMENT ON INDEX wo.dba_project IS 'for the monthly report';
             CREATE INDEX dba_action ON wo.audit_entry (action);
             CREATE POLICY dba_reporting ON wo.work_order FOR SELECT TO reporting USING (project = 'public');
             GRANT USAGE ON SCHEMA wo TO reporting;
             GRANT SELECT (wo_number, project) ON wo.work_order TO reporting;
             GRANT SELECT ON wo.event TO reporting WITH GRANT OPTION;
             ALTER TABLE wo.event ALTER COLUMN type SET STATISTICS 500;",
        )
        .unwrap();
}

fn assert_equal(from: &Database<'_>, into: &Database<'_>) {
    assert_same(&objects(from), &objects(into));
    assert_same(&rows(from), &rows(into));
    assert_eq!(next_events(from), next_events(into));
}

#[test]
fn a_dump_in_custom_format_is_restored_equal_and_work_goes_on() {
    let cluster = Cluster::shared();
    let stage = at_work(cluster);
    add_as_a_dba(&stage);
    let into = cluster.empty_database();
    into.restore(&stage.db.dump()).unwrap();
    assert_equal(&stage.db, &into);
    assert_work_goes_on(&into);
    // And once more: what was restored can be dumped.
    let again = cluster.empty_database();
    again.restore(&into.dump()).unwrap();
    assert_equal(&into, &again);
    assert_eq!(into.dump_schema(), again.dump_schema());
    assert_work_goes_on(&again);
}

#[test]
fn a_plain_dump_goes_through_psql_in_one_transaction() {
    let cluster = Cluster::shared();
    let stage = at_work(cluster);
    add_as_a_dba(&stage);
    let file = cluster.dir().join(format!("{}.sql", stage.db.name()));
    let dumped = stage.db.tool("pg_dump", "postgres").arg("--file").arg(&file).status().unwrap();
    assert!(dumped.success());
    let into = cluster.empty_database();
    restore_plain(&into, &file);
    assert_equal(&stage.db, &into);
    assert_work_goes_on(&into);
}

fn restore_plain(into: &Database<'_>, file: &Path) {
    let file = file.to_str().unwrap();
    let psql = into.psql_with("postgres", &["-q", "-1", "-v", "ON_ERROR_STOP=1", "-f", file]);
    assert!(psql.success, "{}", psql.stderr);
}

#[test]
fn a_dump_is_restored_into_a_new_cluster_after_its_roles() {
    let cluster = Cluster::shared();
    let stage = at_work(cluster);
    add_as_a_dba(&stage);
    let new = Cluster::own(&[]);
    let roles = cluster.dir().join("roles.sql");
    // The new cluster has its own postgres; everything else is made.
    let dump: String = cluster
        .dump_roles()
        .lines()
        .filter(|line| !line.starts_with("CREATE ROLE postgres;"))
        .map(|line| format!("{line}\n"))
        .collect();
    std::fs::write(&roles, dump).unwrap();
    let into = new.empty_database();
    let psql =
        into.psql_with("postgres", &["-q", "-v", "ON_ERROR_STOP=1", "-f", roles.to_str().unwrap()]);
    assert!(psql.success, "{}", psql.stderr);
    into.restore(&stage.db.dump()).unwrap();
    assert_equal(&stage.db, &into);
    assert_work_goes_on(&into);
}

#[test]
fn a_database_that_is_copied_as_a_template_goes_on_by_itself() {
    let cluster = Cluster::shared();
    let stage = at_work(cluster);
    let copy = cluster.empty_database();
    let (from, to) = (stage.db.name(), copy.name());
    cluster.superuser("postgres").batch_execute(&format!("DROP DATABASE {to}")).unwrap();
    stage
        .db
        .wait_until("SELECT count(*) = 1 FROM pg_stat_activity WHERE datname = current_database()");
    cluster
        .superuser("postgres")
        .batch_execute(&format!("CREATE DATABASE {to} TEMPLATE {from}"))
        .unwrap();
    assert_equal(&stage.db, &copy);
    assert_work_goes_on(&copy);
    assert_work_goes_on(&stage.db);
}

fn status(captain: &mut Client, status: &str) -> String {
    let sql = "SELECT wo_number FROM wo.work_order WHERE status = $1 LIMIT 1";
    captain.query_one(sql, &[&status]).unwrap().get(0)
}

/// Nothing of the API works, and the error says what is wrong.
fn assert_refuses_to_work(db: &Database<'_>, why: &str) {
    let number: String = db
        .superuser()
        .query_one("SELECT wo_number FROM wo.work_order WHERE status = 'blocked' LIMIT 1", &[])
        .unwrap()
        .get(0);
    let mut captain = db.connect("cap");
    for sql in [
        &format!("SELECT wo.transition('{number}', 'in_progress', 'why')"),
        &format!("SELECT wo.patch_work_order('{number}', '{{\"notes\": \"x\"}}')"),
        "SELECT wo.create_work_order('[SS1-Ops] x')",
        "SELECT * FROM wo.verify_audit()",
    ] {
        let refusal = captain.batch_execute(sql).unwrap_err();
        let message = refusal.as_db_error().map(|error| error.message().to_owned());
        refused(Err::<(), _>(refusal), "55000", "tables_damaged");
        assert!(message.as_ref().is_some_and(|text| text.contains(why)), "{sql}: {message:?}");
    }
    let state: String = db
        .superuser()
        .query_one("SELECT severity FROM wo.health() WHERE subject = 'records'", &[])
        .unwrap()
        .get(0);
    assert_eq!(state, "bad");
}

#[test]
fn records_that_were_restored_without_their_owner_are_refused_until_they_are_given_back() {
    let cluster = Cluster::shared();
    let stage = at_work(cluster);
    let expected = objects(&stage.db);
    let dump = stage.db.dump();
    cluster
        .superuser("postgres")
        .batch_execute("DROP ROLE IF EXISTS other_dba; CREATE ROLE other_dba SUPERUSER LOGIN")
        .unwrap();
    let into = cluster.empty_database();
    let mut restore = into.tool("pg_restore", "other_dba");
    restore.args([
        "--exit-on-error",
        "--single-transaction",
        "--no-owner",
        "--dbname",
        into.name(),
    ]);
    let output = restore.arg(&dump).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_refuses_to_work(&into, "belongs to other_dba instead of wo_owner");

    // enforce() cannot work on what is not wo_owner's; it must not pretend to.
    assert!(into.superuser().batch_execute("SELECT wo_private.enforce()").is_err());
    assert_refuses_to_work(&into, "belongs to other_dba instead of wo_owner");

    // Given back by a DBA, everything but the extension's own owner is as it was.
    into.superuser()
        .batch_execute(
            "DO $$ DECLARE held text; BEGIN
                ALTER SCHEMA wo OWNER TO wo_owner;
                FOR held IN SELECT format('ALTER %s wo.%I OWNER TO wo_owner', CASE relkind WHEN 'v' THEN 'VIEW'
                        WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END, relname)
                    FROM pg_class WHERE relnamespace = 'wo'::regnamespace AND relkind IN ('r', 'p', 'v', 'S')
                LOOP EXECUTE held; END LOOP;
                FOR held IN SELECT format('ALTER FUNCTION %s OWNER TO wo_owner', oid::regprocedure)
                    FROM pg_proc WHERE pronamespace = 'wo'::regnamespace
                LOOP EXECUTE held; END LOOP;
                FOR held IN SELECT format('ALTER TYPE %s OWNER TO wo_owner', oid::regtype)
                    FROM pg_type WHERE typnamespace = 'wo'::regnamespace AND typtype IN ('d', 'e')
                LOOP EXECUTE held; END LOOP;
             END $$;
             SELECT wo_private.enforce()",
        )
        .unwrap();
    let ours = |snapshot: crate::recovery::catalogue::Snapshot| {
        snapshot.into_iter().filter(|(object, _)| !object.contains("wo_private")).collect()
    };
    assert_same(&ours(expected), &ours(objects(&into)));
    assert_work_goes_on(&into);
}

#[test]
fn data_loaded_with_triggers_disabled_doubles_nothing_and_enforce_puts_them_back() {
    let cluster = Cluster::shared();
    let stage = at_work(cluster);
    let dump = stage.db.dump();
    let into = cluster.empty_database();
    into.restore_with(&dump, &["--exit-on-error", "--single-transaction", "--schema-only"])
        .unwrap();
    let load = ["--exit-on-error", "--single-transaction", "--data-only", "--disable-triggers"];
    into.restore_with(&dump, &load).unwrap();
    assert_same(&rows(&stage.db), &rows(&into));

    // pg_restore has switched every trigger on the same way; those that fire always were not.
    assert_refuses_to_work(&into, "not enabled as it was made");
    into.superuser().batch_execute("SELECT wo_private.enforce()").unwrap();
    assert_equal(&stage.db, &into);
    assert_work_goes_on(&into);
}

#[test]
fn a_trigger_that_is_switched_off_stops_the_work_of_open_sessions_too() {
    let stage = at_work(Cluster::shared());
    let mut captain = stage.captain();
    let number = status(&mut captain, "blocked");
    transition(&mut captain, &number, "in_progress").unwrap();
    let mut superuser = stage.db.superuser();
    for (off, on) in [
        ("DISABLE TRIGGER validate", "ENABLE TRIGGER validate"),
        ("DISABLE TRIGGER audit", "ENABLE TRIGGER audit"),
        ("ENABLE TRIGGER forbid_delete", "ENABLE ALWAYS TRIGGER forbid_delete"),
        ("DISABLE TRIGGER USER", "ENABLE TRIGGER USER"),
        ("NO FORCE ROW LEVEL SECURITY", "FORCE ROW LEVEL SECURITY"),
    ] {
        superuser.batch_execute(&format!("ALTER TABLE wo.work_order {off}")).unwrap();
        refused(transition(&mut captain, &number, "blocked"), "55000", "tables_damaged");
        superuser.batch_execute(&format!("ALTER TABLE wo.work_order {on}")).unwrap();
        superuser.batch_execute("SELECT wo_private.enforce()").unwrap();
        transition(&mut captain, &number, "blocked").unwrap();
        transition(&mut captain, &number, "in_progress").unwrap();
    }
    // A leaf alone is enough.
    let leaf: String = superuser
        .query_one("SELECT max(tableoid::regclass::text) FROM wo.audit_entry", &[])
        .unwrap()
        .get(0);
    superuser.batch_execute(&format!("ALTER TABLE {leaf} DISABLE TRIGGER validate")).unwrap();
    refused(transition(&mut captain, &number, "blocked"), "55000", "tables_damaged");
    superuser.batch_execute(&format!("ALTER TABLE {leaf} ENABLE TRIGGER validate")).unwrap();
    transition(&mut captain, &number, "blocked").unwrap();
    assert_intact(&stage.db, &mut captain);
}
