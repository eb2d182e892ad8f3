//! The worker beside whoever drops, copies and renames its database, and takes its extension away.

use wo_cluster_tests::{Cluster, Database};

use crate::worker::works::{complaints, patiently, pid, preloaded, reload, runs, served, wait_for};

fn administer(cluster: &Cluster, sql: &str) {
    let done = cluster.superuser("postgres").batch_execute(sql);
    done.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
}

/// Nobody but the worker is in the database.
fn alone(database: &Database<'_>) {
    let sql = format!(
        "select count(*) from pg_stat_activity where datname = '{}' and backend_type = 'client backend'",
        database.name()
    );
    let mut admin = database.cluster().superuser("postgres");
    patiently("clients to leave", || admin.query_one(&sql, &[]).unwrap().get::<_, i64>(0) == 0);
}

#[test]
fn a_database_is_dropped_though_a_worker_serves_it() {
    let cluster = preloaded(&[]);
    for force in ["", " with (force)"] {
        let database = served(&cluster);
        let worker = pid(&database);
        alone(&database);
        let said = cluster.log().len();
        administer(&cluster, &format!("drop database {}{force}", database.name()));
        patiently("the worker to be gone", || !runs(worker));
        reload(&cluster);
        // Another one, so that the launcher has looked again since.
        served(&cluster);
        let complaints: Vec<String> = complaints(&cluster, said)
            .into_iter()
            // With FORCE PostgreSQL itself ends everybody, and says so where somebody was at work.
            .filter(|line| force.is_empty() || !line.contains("administrator command"))
            .collect();
        assert_eq!(complaints, Vec::<String>::new(), "{force}");
    }
}

#[test]
fn a_served_database_is_copied_and_renamed_and_served_again() {
    let cluster = preloaded(&[]);
    let database = served(&cluster);
    let name = database.name().to_owned();
    alone(&database);
    let said = cluster.log().len();
    administer(&cluster, &format!("create database copied template {name}"));
    wait_for(&database, "serving");
    alone(&database);
    administer(&cluster, &format!("alter database {name} rename to renamed"));
    administer(&cluster, &format!("alter database renamed rename to {name}"));
    wait_for(&database, "serving");
    assert_eq!(complaints(&cluster, said), Vec::<String>::new());
}

#[test]
fn the_worker_is_idle_while_the_extension_is_gone() {
    let cluster = preloaded(&[]);
    let database = served(&cluster);
    let worker = pid(&database);
    let mut admin = database.superuser();
    admin.batch_execute("select wo.create_tenant('acme', 'Acme')").unwrap();
    let said = cluster.log().len();
    admin.batch_execute("set client_min_messages = error; drop extension wo_core cascade").unwrap();
    // A background worker's line says nothing of its database where log_line_prefix does not.
    let idle = format!(
        "wo_core in database {}: the worker is idle: the extension wo_core is not in this database",
        database.name()
    );
    patiently("the worker to notice", || cluster.log()[said..].contains(&idle));
    admin.batch_execute("create extension wo_core; select wo_private.enforce()").unwrap();
    wait_for(&database, "serving");
    assert_eq!(pid(&database), worker, "it stayed");
    assert_eq!(cluster.log()[said..].matches(&idle).count(), 1, "said once");
    assert_eq!(complaints(&cluster, said), Vec::<String>::new());
}

#[test]
fn records_of_another_version_are_left_alone() {
    let cluster = preloaded(&[]);
    let database = served(&cluster);
    let mut admin = database.superuser();
    admin
        .batch_execute(
            "insert into wo.schema_version (version, sha256) values ('9.9.9', repeat('0', 64));
             comment on table wo.tenant is 'touched, so that everybody looks again'",
        )
        .unwrap();
    wait_for(&database, "idle");
    let said = "select detail from wo.health() where subject in ('worker', 'versions')";
    for row in admin.query(said, &[]).unwrap() {
        assert!(row.get::<_, &str>(0).contains("9.9.9"), "{row:?}");
    }
}

#[test]
fn a_database_that_is_made_later_is_served_too() {
    let cluster =
        Cluster::own(&[("shared_preload_libraries", "wo_core"), ("wo_core.databases", "db0,db1")]);
    served(&cluster);
    // The launcher finds it by itself.
    let database = cluster.database();
    wait_for(&database, "serving");
}
