//! What `wo.health()` says where the worker has nothing to do, or nowhere to do it.

use postgres::Client;
use wo_cluster_tests::{Cluster, Database};

use crate::worker::works::{patiently, reload, served, shared};

/// Severity and detail of a row.
fn row(client: &mut Client, subject: &str) -> (String, String) {
    let sql = "select severity, detail from wo.health() where subject = $1";
    let row = client.query_one(sql, &[&subject]).unwrap();
    (row.get(0), row.get(1))
}

/// A name that is misspelled gives a database no worker, and nothing else would say so.
#[test]
fn a_listed_name_that_is_no_database_is_logged_once_and_shown() {
    let cluster = Cluster::own(&[
        ("shared_preload_libraries", "wo_core"),
        ("wo_core.databases", "db0, no_such_database"),
    ]);
    let database = served(&cluster);
    let says = "lists what is no database that can be connected to: no_such_database";
    patiently("the launcher to log it", || cluster.log().contains(says));
    let mut admin = database.superuser();
    let (severity, detail) = row(&mut admin, "databases");
    assert_eq!(severity, "warning");
    assert!(detail.ends_with(says), "{detail}");

    // The launcher looks again, and has nothing new to say.
    reload(&cluster);
    for sql in ["alter system set wo_core.databases = 'db0'", "select pg_reload_conf()"] {
        admin.batch_execute(sql).unwrap();
    }
    database.wait_until("select current_setting('wo_core.databases') = 'db0'");
    assert_eq!(row(&mut admin, "databases").0, "good");
    assert_eq!(cluster.log().matches(says).count(), 1, "it is logged once");
}

/// An operator reads the first rows: what is wrong must stand there.
#[test]
fn the_worst_stands_first() {
    let database: Database<'_> = Cluster::shared().database();
    let rows =
        database.superuser().query("select severity, subject from wo.health()", &[]).unwrap();
    let rank =
        |severity: &str| ["bad", "warning", "notice", "good"].iter().position(|s| *s == severity);
    let ranks: Vec<(Option<usize>, String)> =
        rows.iter().map(|row| (rank(row.get(0)), row.get(1))).collect();
    assert!(ranks.is_sorted(), "{ranks:?}");
    assert!(ranks.iter().all(|(rank, _)| rank.is_some()), "{ranks:?}");
    assert!(ranks.first() < ranks.last(), "{ranks:?}");
}

/// A standby has no worker until it is promoted: that is no trouble, and no remedy would help.
#[test]
fn a_standby_rests() {
    let cluster = Cluster::own(&[
        ("shared_preload_libraries", "wo_core"),
        ("wo_core.databases", "db0"),
        ("wo_core.notify", "worker"),
    ]);
    let database = served(&cluster);
    let standby = cluster.replica();
    cluster.wait_for(&standby);
    let mut reader = standby.superuser(database.name());
    for subject in ["worker", "waking", "jobs", "refused attempts", "records", "versions"] {
        let (severity, detail) = row(&mut reader, subject);
        assert_eq!(severity, "good", "{subject}: {detail}");
    }
    assert!(row(&mut reader, "worker").1.contains("standby"));
    let broken: Vec<String> = reader
        .query("select detail from wo.health() where detail like 'this cannot be found out%'", &[])
        .unwrap()
        .iter()
        .map(|row| row.get(0))
        .collect();
    assert_eq!(broken, Vec::<String>::new());
}

/// "Entity not found" does not say which file to look for.
#[test]
fn the_ledger_names_the_file_that_is_missing() {
    let cluster = Cluster::own(&[("wo_core.sealing_key_file", "/var/empty/no_such.key")]);
    let database = cluster.database();
    let (severity, detail) = row(&mut database.superuser(), "ledger");
    assert_eq!(severity, "bad");
    assert!(detail.contains("/var/empty/no_such.key"), "{detail}");
}

/// A session that alters a table for a moment would otherwise fill the server's log with warnings of jobs that
/// are done a second later.
#[test]
fn a_lock_that_another_session_holds_for_a_moment_is_no_warning() {
    let cluster = shared();
    let database = served(cluster);
    let mut admin = database.superuser();
    admin.batch_execute("select wo.create_tenant('acme', 'Acme')").unwrap();
    let jobs = "(select detail from wo_private.worker_health() where subject = 'jobs')";
    admin.batch_execute("begin; lock table wo.work_order in access exclusive mode").unwrap();
    database.wait_until(&format!("select {jobs} like '%lock timeout%'"));
    admin.batch_execute("commit").unwrap();
    database.wait_until(&format!("select {jobs} not like '%lock timeout%'"));
    // What the log holds besides is asserted when the database is dropped.
}
