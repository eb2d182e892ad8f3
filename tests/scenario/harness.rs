use uuid::Uuid;
use wo_cluster_tests::{Cluster, db_error};

#[test]
fn a_login_role_has_what_it_was_granted_and_no_more() {
    let database = Cluster::shared().empty_database();
    database.login("reader", &["pg_read_all_settings"]);
    database.login("reader", &["pg_read_all_settings"]);
    let mut client = database.connect("reader");
    let member: bool = client
        .query_one("SELECT pg_has_role('pg_read_all_settings', 'member')", &[])
        .unwrap()
        .get(0);
    assert!(member);
    let refusal = db_error(client.batch_execute("CREATE ROLE another"));
    assert_eq!(refusal.code().code(), "42501");
}

#[test]
fn tokens_are_made_as_the_command_line_makes_them() {
    let key = wo_cli::new_key().unwrap();
    let request = wo_cli::TokenRequest::new("k1", "issuer", "ann", "wo_core", Uuid::now_v7());
    assert_eq!(wo_cli::token(&key, &request).unwrap().split('.').count(), 3);
}
