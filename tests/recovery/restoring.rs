//! An empty schema wo is that of a restore, or a mistake.

use wo_cluster_tests::{Cluster, refused};

/// The extension over an empty schema was installed with a NOTICE, and every call after that was of a function that does
/// not exist.
#[test]
fn an_empty_schema_that_no_restore_made_fails_the_install() {
    let db = Cluster::shared().empty_database();
    let mut superuser = db.superuser();
    superuser.batch_execute("create schema wo").unwrap();
    let create = "create extension wo_core";
    refused(superuser.batch_execute(create), "55000", "schema_empty");
    let left = "select count(*) from pg_namespace where nspname = 'wo_private'";
    assert_eq!(superuser.query_one(left, &[]).unwrap().get::<_, i64>(0), 0);
    // The way out that the error names.
    superuser.batch_execute("drop schema wo; create extension wo_core").unwrap();
    superuser.batch_execute("select wo.health()").unwrap();
}

/// Who says that a restore follows gets the enforcement layer. Until the tables come, it says what is missing and what
/// can be done, instead of "permission denied for schema wo".
#[test]
fn a_restore_that_is_announced_may_be_abandoned() {
    let cluster = Cluster::shared();
    // Another database has made the roles.
    drop(cluster.database());
    for (schema, announced) in [
        ("create schema wo", "set wo_core.restoring = on"),
        ("create schema wo authorization wo_owner", "set wo_core.restoring = on"),
        // As every script of pg_dump begins.
        ("create schema wo", "set row_security = off"),
    ] {
        let db = cluster.empty_database();
        let mut superuser = db.superuser();
        superuser.batch_execute(&format!("load 'wo_core'; {schema}; {announced}")).unwrap();
        superuser.batch_execute("create extension wo_core").unwrap();
        refused(superuser.batch_execute("select wo_private.enforce()"), "55000", "tables_missing");
        let problems = "select array_to_string(wo_private.table_problems(), '; ')";
        let problems: String = superuser.query_one(problems, &[]).unwrap().get(0);
        assert!(problems.contains("work_order"), "{problems}");
        // The way out that the error names.
        superuser
            .batch_execute(
                "drop extension wo_core cascade; drop schema wo; create extension wo_core;
                 select wo.health()",
            )
            .unwrap();
    }
}

/// A restore that pg_restore runs with row security on is not recognized by itself.
#[test]
fn a_restore_with_row_security_on_is_announced() {
    let cluster = Cluster::shared();
    let from = cluster.database();
    let dump = from.dump();
    let options = ["--exit-on-error", "--single-transaction", "--enable-row-security"];
    let into = cluster.empty_database();
    let refusal = into.restore_with(&dump, &options).unwrap_err();
    assert!(refusal.contains("wo_core.restoring"), "{refusal}");
    let into = cluster.empty_database();
    let mut restore = into.tool("pg_restore", "postgres");
    restore.env("PGOPTIONS", "-c wo_core.restoring=on");
    restore.args(options).args(["--dbname", into.name()]).arg(&dump);
    let restored = restore.output().unwrap();
    assert!(restored.status.success(), "{}", String::from_utf8_lossy(&restored.stderr));
    into.superuser().batch_execute("select wo.health()").unwrap();
    // A plain script is recognized like an archive.
    let script = cluster.dir().join(format!("{}.sql", from.name()));
    let plain = from.tool("pg_dump", "postgres").arg("--file").arg(&script).output().unwrap();
    assert!(plain.status.success());
    let into = cluster.empty_database();
    let restored = into
        .psql_with("postgres", &["-qv", "ON_ERROR_STOP=1", "-1", "-f", script.to_str().unwrap()]);
    assert!(restored.success, "{}", restored.stderr);
    into.superuser().batch_execute("select wo.health()").unwrap();
}
