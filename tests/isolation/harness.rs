use postgres::error::SqlState;
use wo_cluster_tests::{Cluster, PgBouncer, backend_pid, race};

#[test]
fn racing_clients_really_race() {
    let database = Cluster::shared().database();
    database.superuser().batch_execute("CREATE TABLE once (id int PRIMARY KEY)").unwrap();
    let clients = (0..8).map(|_| database.superuser()).collect();
    let results = race(clients, |_, client| client.batch_execute("INSERT INTO once VALUES (1)"));
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1);
    for error in results.into_iter().filter_map(Result::err) {
        assert_eq!(error.code(), Some(&SqlState::UNIQUE_VIOLATION));
    }
}

#[test]
fn a_blocked_backend_is_noticed() {
    let database = Cluster::shared().database();
    let (mut first, mut second) = (database.superuser(), database.superuser());
    first.batch_execute("BEGIN; SELECT pg_advisory_xact_lock(1)").unwrap();
    let pid = backend_pid(&mut second);
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| second.batch_execute("SELECT pg_advisory_xact_lock(1)"));
        database.wait_until_blocked(pid);
        first.batch_execute("COMMIT").unwrap();
        waiting.join().unwrap().unwrap();
    });
}

#[test]
fn pgbouncer_hands_one_backend_from_client_to_client() {
    for pool_mode in ["session", "transaction"] {
        let database = Cluster::shared().database();
        database.login("pooled", &[]);
        let pool = PgBouncer::start(&database, pool_mode, 1, &["pooled"]);
        let backend = || {
            let rows = pool.connect("pooled").query_typed("SELECT pg_backend_pid()", &[]).unwrap();
            rows[0].get::<_, i32>(0)
        };
        assert_eq!(backend(), backend(), "{pool_mode}");
    }
}
