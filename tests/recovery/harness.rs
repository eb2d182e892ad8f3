use wo_cluster_tests::Cluster;

#[test]
fn a_killed_server_comes_back_with_what_was_acknowledged() {
    let cluster = Cluster::start_durable();
    let database = cluster.database();
    database.superuser().batch_execute("CREATE TABLE kept AS SELECT 42 AS answer").unwrap();
    cluster.kill();
    assert!(database.try_connect_with(&database.config("postgres")).is_err());
    cluster.launch();
    let answer: i32 =
        database.superuser().query_one("SELECT answer FROM kept", &[]).unwrap().get(0);
    assert_eq!(answer, 42);
}

#[test]
fn a_dump_is_restored_into_another_database() {
    let cluster = Cluster::shared();
    let (from, into) = (cluster.empty_database(), cluster.empty_database());
    from.superuser().batch_execute("CREATE TABLE kept AS SELECT 42 AS answer").unwrap();
    into.restore(&from.dump()).unwrap();
    assert_eq!(into.dump_schema(), from.dump_schema());
    let answer: i32 = into.superuser().query_one("SELECT answer FROM kept", &[]).unwrap().get(0);
    assert_eq!(answer, 42);
}

/// A database that a test keeps is read for the log when the program ends: a warning there would otherwise be
/// seen by nobody. This test runs itself once more, in a program that leaves one.
#[test]
fn what_a_kept_database_leaves_in_the_log_fails_the_program() {
    const LEAVES: &str = "WO_TEST_LEAVES_A_WARNING";
    if std::env::var_os(LEAVES).is_some() {
        let kept: &'static _ = Box::leak(Box::new(Cluster::shared().empty_database()));
        kept.superuser()
            .batch_execute("do $$ begin raise warning 'left in the log'; end $$")
            .unwrap();
        return;
    }
    let name = "recovery::harness::what_a_kept_database_leaves_in_the_log_fails_the_program";
    let program = std::env::current_exe().unwrap();
    let output =
        std::process::Command::new(program).args(["--exact", name]).env(LEAVES, "1").output();
    let output = output.unwrap();
    let (said, error) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(said.contains("1 passed"), "{said}{error}");
    assert!(!output.status.success(), "{said}{error}");
    assert!(error.contains("left in the log"), "{said}{error}");
}
