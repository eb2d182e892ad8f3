//! PgBouncer in front of one database.

use std::fmt::Write;

use postgres::{Client, Config, NoTls};

use crate::cluster::{describe, patiently};
use crate::database::Database;
use crate::guardian::Guardian;
use crate::server::{as_server, free_port, private_dir, run};

/// Stops when it goes out of scope.
pub struct PgBouncer {
    config: Config,
    _guardian: Guardian,
}

impl PgBouncer {
    /// In pool mode `session` or `transaction`, with at most `pool_size` server connections for
    /// each role; with 1, clients of one role take turns on the same backend.
    ///
    /// In transaction mode use `simple_query`, `batch_execute` or `query_typed`: the other calls
    /// prepare statements by name, which the next backend does not know.
    pub fn start(database: &Database<'_>, pool_mode: &str, pool_size: u32, roles: &[&str]) -> Self {
        let dir = private_dir();
        let guardian = Guardian::over(&dir, &dir.join("pid"), "TERM");
        let (port, at, cluster) = (free_port(), dir.display(), database.cluster());
        let mut users = String::new();
        for role in roles {
            writeln!(users, "\"{role}\" \"\"").unwrap();
        }
        std::fs::write(dir.join("users"), users).unwrap();
        let settings = format!(
            "[databases]\n\
             {name} = host={host} port={server_port} dbname={name}\n\
             [pgbouncer]\n\
             unix_socket_dir = {at}\n\
             listen_port = {port}\n\
             pidfile = {at}/pid\n\
             logfile = {at}/log\n\
             auth_type = trust\n\
             auth_file = {at}/users\n\
             pool_mode = {pool_mode}\n\
             default_pool_size = {pool_size}\n\
             max_client_conn = 200\n\
             ignore_startup_parameters = extra_float_digits\n",
            name = database.name(),
            host = cluster.dir().display(),
            server_port = cluster.port(),
        );
        let ini = dir.join("ini");
        std::fs::write(&ini, settings).unwrap();
        run(as_server("pgbouncer").args(["-q", "-d"]).arg(&ini));

        let mut config = Config::new();
        config.host_path(&dir).port(port).dbname(database.name());
        let socket = dir.join(format!(".s.PGSQL.{port}"));
        patiently("pgbouncer's socket", || {
            std::os::unix::net::UnixStream::connect(&socket).is_ok()
        });
        Self { config, _guardian: guardian }
    }

    pub fn config(&self, role: &str) -> Config {
        let mut config = self.config.clone();
        config.user(role);
        config
    }

    pub fn connect(&self, role: &str) -> Client {
        let client = self.config(role).connect(NoTls);
        client.unwrap_or_else(|error| panic!("pgbouncer: {}", describe(&error)))
    }
}
