//! What the tests begin with: servers that preload the library, and databases that a worker serves.

use postgres::Client;
pub use wo_cluster_tests::patiently;
use wo_cluster_tests::{Cluster, Database};

/// How many databases of a cluster are listed: the first ones made in it.
const LISTED: usize = 40;

/// A server that preloads the library and lists its first databases.
pub fn preloaded(more: &[(&str, &str)]) -> Cluster {
    let listed: Vec<String> = (0..LISTED).map(|number| format!("db{number}")).collect();
    let listed = listed.join(",");
    let settings = [
        ("shared_preload_libraries", "wo_core"),
        ("wo_core.databases", listed.as_str()),
        ("max_worker_processes", "60"),
    ];
    Cluster::own(&[&settings, more].concat())
}

/// The one such server that most tests share; it goes with the process.
pub fn shared() -> &'static Cluster {
    Cluster::shared_as("worker preloaded", || preloaded(&[]))
}

/// A database with the extension and a worker that serves it.
pub fn served(cluster: &Cluster) -> Database<'_> {
    let database = cluster.database();
    reload(cluster);
    wait_for(&database, "serving");
    database
}

/// Has the launcher look at once.
pub fn reload(cluster: &Cluster) {
    cluster.superuser("postgres").batch_execute("select pg_reload_conf()").unwrap();
}

const STATE: &str = "select coalesce(max(state), 'absent') from wo_private.worker_status()
    where database = current_database()";

/// How the database's worker stands.
pub fn state(client: &mut Client) -> String {
    client.query_one(STATE, &[]).unwrap().get(0)
}

pub fn wait_for(database: &Database<'_>, state: &str) {
    database.wait_until(&format!("select ({STATE}) = '{state}'"));
}

/// The worker's process.
pub fn pid(database: &Database<'_>) -> i32 {
    let sql = "select pid from pg_stat_activity
        where backend_type = 'wo_core worker' and datname = current_database()";
    database.superuser().query_one(sql, &[]).unwrap().get(0)
}

pub fn runs(pid: i32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    !status.is_empty() && !status.contains("State:\tZ")
}

/// Lines of the log from a moment on that say that something went wrong.
pub fn complaints(cluster: &Cluster, since: usize) -> Vec<String> {
    let log = cluster.log();
    log[since..]
        .lines()
        .filter(|line| {
            ["ERROR:", "FATAL:", "PANIC:", "WARNING:", "exited with exit code"]
                .iter()
                .any(|word| line.contains(word))
        })
        // PostgreSQL's own ways of ending these: a launcher starts again, and a session that copies, renames or drops a
        // database ends the autovacuum in it.
        .filter(|line| !(line.contains("launcher") && line.contains("exited with exit code 1")))
        .filter(|line| !line.contains("terminating autovacuum process"))
        .map(str::to_owned)
        .collect()
}
