use wo_cluster_tests::{Cluster, Server};

#[test]
fn the_server_is_the_one_under_test() {
    let database = Cluster::shared().empty_database();
    let mut client = database.superuser();
    let number: String = client.query_one("SHOW server_version_num", &[]).unwrap().get(0);
    assert_eq!(number.parse::<u32>().unwrap() / 10_000, Server::under_test().major);
}

#[test]
fn the_extension_is_installed_in_its_own_version() {
    let database = Cluster::shared().database();
    let mut client = database.superuser();
    let version: String = client
        .query_one("SELECT extversion FROM pg_extension WHERE extname = 'wo_core'", &[])
        .unwrap()
        .get(0);
    assert_eq!(version, env!("CARGO_PKG_VERSION"));
}

#[test]
fn psql_of_the_same_version_reaches_it() {
    let said = Cluster::shared().database().psql("postgres", "SELECT 1 + 1");
    assert_eq!((said.success, said.stdout.as_str()), (true, "2\n"), "{said:?}");
}
