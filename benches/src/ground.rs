//! Clusters that keep their promises, and the tenants and floors that are measured on them.

use std::path::PathBuf;

use postgres::Client;
use wo_cluster_tests::{Cluster, Database};

/// Nothing is weakened: what is acknowledged is on the disk.
pub const DURABLE: [(&str, &str); 11] = [
    ("fsync", "on"),
    ("synchronous_commit", "on"),
    ("full_page_writes", "on"),
    ("wal_level", "replica"),
    ("shared_buffers", "1GB"),
    // No checkpoint by itself while something runs: the full pages after it meet one way alone.
    ("max_wal_size", "16GB"),
    ("checkpoint_timeout", "1h"),
    // Nor a vacuum; each part does its own between its runs.
    ("autovacuum", "off"),
    ("jit", "off"),
    ("max_connections", "200"),
    ("max_parallel_workers_per_gather", "0"),
];

/// How many work orders each client moves.
pub const EACH: u32 = 20;

/// Where results, peers and plots are kept.
pub fn directory() -> PathBuf {
    let build = std::env::var_os("WO_BUILD").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../target")),
        PathBuf::from,
    );
    build.join("bench")
}

/// As the README advises: sessions find the library loaded.
const PRELOADED: (&str, &str) = ("shared_preload_libraries", "wo_core");
/// Each session loads the library by itself.
const NOT_PRELOADED: (&str, &str) = ("shared_preload_libraries", "");

/// A cluster with these settings besides.
pub fn cluster(settings: &[(&str, &str)]) -> Cluster {
    Cluster::own(&[&DURABLE[..], &[PRELOADED], settings].concat())
}

/// The same, where the library is not preloaded.
pub fn plain_cluster(settings: &[(&str, &str)]) -> Cluster {
    cluster(&[settings, &[NOT_PRELOADED]].concat())
}

/// A database whose work orders are divided into so many partitions.
pub fn database(cluster: &Cluster, partitions: u32) -> Database<'_> {
    let db = cluster.empty_database();
    db.superuser()
        .batch_execute(&format!(
            "load 'wo_core'; set wo_core.work_order_partitions = {partitions}; create extension wo_core"
        ))
        .expect("the extension is installed");
    db
}

/// Who acts in a company of captains, and with what.
pub struct Company {
    pub tenant: String,
    /// A token for the agent, good for hours.
    pub token: String,
}

/// A tenant of fleet tasks with a captain who logs in, one who is told of every commit, and an
/// agent who brings a token over a service's connection.
pub fn found(db: &Database<'_>) -> Company {
    found_by(db, "wo.create_tenant('bench', 'Bench', 'fleet_task')")
}

/// The same, the tenant `bench` being made by this call.
pub fn found_by(db: &Database<'_>, create_tenant: &str) -> Company {
    for (role, groups) in [
        ("captain", &["wo_user", "wo_admin"][..]),
        ("service", &["wo_user"]),
        ("notifier", &["wo_user"]),
    ] {
        db.login(role, groups);
    }
    let key = wo_cli::new_key().expect("a key is made");
    let public = wo_cli::public_key(&key.verifying_key());
    let mut admin = db.superuser();
    admin
        .batch_execute(&format!(
            "alter role captain set wo_core.notify = off;
             alter role service set wo_core.notify = off;
             alter role service set wo_core.session_scope = on;
             select {create_tenant};
             begin;
             select wo.administer('bench');
             select wo.create_principal('captain', roles => '{{captain}}', db_role => 'captain');
             select wo.create_principal('agent', kind => 'agent', roles => '{{captain}}');
             select wo.create_principal('notifier', roles => '{{captain}}', db_role => 'notifier');
             select wo.trust_issuer('bench', 'k1', '{public}');
             commit;"
        ))
        .expect("the tenant is made");
    let tenant: uuid::Uuid =
        admin.query_one("select tenant_id from wo.tenant", &[]).expect("there is one").get(0);
    let mut request = wo_cli::TokenRequest::new("k1", "bench", "agent", "wo_core", tenant);
    request.expires_at = request.issued_at + chrono::Duration::hours(12);
    let token = wo_cli::token(&key, &request).expect("the token is signed");
    Company { tenant: tenant.to_string(), token }
}

/// Gives each of so many clients work orders in progress of its own: `B-<client>-<1…>`.
pub fn give_work(db: &Database<'_>, clients: u32) {
    db.connect("captain")
        .batch_execute(&format!(
            "insert into wo.work_order (wo_number, title, assignee, notes, description)
             select 'B-' || client || '-' || i, '[Bench-Load] Replace the pump', 'captain', 'arrived',
                repeat('The pump of line 4 is to be replaced. ', 6)
             from generate_series(0, {clients} - 1) as client, generate_series(1, {EACH}) as i;
             update wo.work_order set status = 'accepted' where status = 'pending' and wo_number like 'B-%';
             update wo.work_order set status = 'in_progress' where status = 'accepted' and wo_number like 'B-%';"
        ))
        .expect("the work orders are made");
}

/// The same rows in plain tables.
pub fn lay_floor(db: &Database<'_>) {
    let mut admin = db.superuser();
    admin
        .batch_execute(include_str!("../sql/transition/floor_setup.sql"))
        .expect("the plain tables are made");
    tidy(&mut admin);
}

/// What autovacuum and the checkpointer would do, at a moment of our choosing.
pub fn tidy(admin: &mut Client) {
    for command in ["vacuum analyze", "checkpoint"] {
        admin.batch_execute(command).expect("the database is tidied");
    }
}

/// Whether the chains of the captain's tenant hold; an error says that they do not.
pub fn check_chains(db: &Database<'_>) -> Result<(), String> {
    let sql = "select bool_and(intact) from wo.verify_audit()";
    let row = db.connect("captain").query_one(sql, &[]).map_err(|error| error.to_string())?;
    if row.get::<_, Option<bool>>(0) == Some(true) {
        return Ok(());
    }
    Err("the audit chains do not hold".into())
}

/// The value of the first column of the only row.
pub fn ask<T: for<'a> postgres::types::FromSql<'a>>(client: &mut Client, sql: &str) -> T {
    client.query_one(sql, &[]).unwrap_or_else(|error| panic!("{sql}: {error:?}")).get(0)
}

/// The bytes of a table with its indexes and its partitions, in SQL.
pub fn size_of(table: &str) -> String {
    format!(
        "coalesce((select sum(pg_total_relation_size(relid)) from pg_partition_tree('{table}') where isleaf),
            pg_total_relation_size('{table}'))::bigint"
    )
}
