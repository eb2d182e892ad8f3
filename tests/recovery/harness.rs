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
