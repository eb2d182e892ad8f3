//! One database of a cluster: connections, psql, dump and restore.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

use postgres::{Client, Config, NoTls};

use crate::cluster::{Cluster, describe, patiently};
use crate::server::{run, try_run};

/// Removed when the test lets go of it, if its cluster goes on: a thousand of them fill a disk.
pub struct Database<'c> {
    cluster: &'c Cluster,
    name: String,
    made_here: bool,
    /// Where the server's log ended when the database was made.
    log_from: u64,
    allowed_in_log: Mutex<Vec<String>>,
}

/// What the server's log says of it is read, and it is removed, if its cluster goes on.
impl Drop for Database<'_> {
    fn drop(&mut self) {
        if !self.made_here || !self.cluster.is_shared() {
            return;
        }
        if !std::thread::panicking() && crate::hostile::is_wanted() {
            crate::hostile::assert_verified_alike(self);
        }
        self.cluster.drop_database(&self.name);
        if !std::thread::panicking() {
            let allowed = crate::cluster::lock(&self.allowed_in_log);
            let file = self.cluster.log_file();
            let unexpected =
                crate::log::unexpected(&file, self.log_from, Some(&self.name), &allowed);
            assert!(unexpected.is_empty(), "in the server's log:\n{}", unexpected.join("\n"));
        }
    }
}

/// What psql printed.
#[derive(Debug)]
pub struct Psql {
    pub success: bool,
    pub stdout: String,
    pub stderr: String,
}

impl<'c> Database<'c> {
    pub(crate) fn made(cluster: &'c Cluster, name: String) -> Self {
        let log_from = std::fs::metadata(cluster.log_file()).map_or(0, |file| file.len());
        let allowed_in_log = Mutex::default();
        Self { cluster, name, made_here: true, log_from, allowed_in_log }
    }

    pub(crate) fn found(cluster: &'c Cluster, name: &str) -> Self {
        let allowed_in_log = Mutex::default();
        Self { cluster, name: name.into(), made_here: false, log_from: 0, allowed_in_log }
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// Lets the server's log hold messages with this text about this database. A warning, an internal
    /// error (SQLSTATE XX…) or the end of a process that is not allowed fails the test at its end.
    pub fn allow_in_log(&self, text: &str) {
        crate::cluster::lock(&self.allowed_in_log).push(text.to_owned());
        self.cluster.allow_in_log(text);
    }

    pub fn cluster(&self) -> &'c Cluster {
        self.cluster
    }

    pub fn superuser(&self) -> Client {
        self.connect("postgres")
    }

    pub fn connect(&self, role: &str) -> Client {
        self.connect_with(&self.config(role))
    }

    /// `db.connect_with(db.config("ann").options("-c role=wo_user"))`
    pub fn connect_with(&self, config: &Config) -> Client {
        self.try_connect_with(config).unwrap_or_else(|error| panic!("{}", describe(&error)))
    }

    pub fn try_connect_with(&self, config: &Config) -> Result<Client, postgres::Error> {
        config.connect(NoTls)
    }

    pub fn config(&self, role: &str) -> Config {
        self.cluster.config(role, &self.name)
    }

    /// See [`Cluster::login`]: the role belongs to the cluster, not to this database.
    pub fn login(&self, name: &str, member_of: &[&str]) {
        self.cluster.login(name, member_of);
    }

    /// A client program of the server's version that connects here as this role.
    pub fn tool(&self, name: &str, role: &str) -> Command {
        let mut command = self.cluster.tool(name, role);
        command.env("PGDATABASE", &self.name);
        command
    }

    /// Runs SQL through psql: rows only, unaligned, stopping at the first error.
    pub fn psql(&self, role: &str, sql: &str) -> Psql {
        self.psql_with(role, &["-qAt", "-v", "ON_ERROR_STOP=1", "-c", sql])
    }

    /// Runs psql with arguments of one's own, such as `-f FILE`.
    pub fn psql_with(&self, role: &str, arguments: &[&str]) -> Psql {
        let output = self.tool("psql", role).arg("-X").args(arguments).output().unwrap();
        Psql {
            success: output.status.success(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// `pg_dump --format=custom`; the file vanishes with the cluster.
    pub fn dump(&self) -> PathBuf {
        let file = self.cluster.dir().join(format!("{}.dump", self.name));
        run(self.tool("pg_dump", "postgres").arg("--format=custom").arg("--file").arg(&file));
        file
    }

    /// `pg_dump --schema-only` as text, with what differs between any two dumps left out.
    pub fn dump_schema(&self) -> String {
        let dump = run(self.tool("pg_dump", "postgres").arg("--schema-only"));
        let differs =
            |line: &&str| line.starts_with("\\restrict") || line.starts_with("\\unrestrict");
        dump.lines().filter(|line| !differs(line)).collect::<Vec<_>>().join("\n")
    }

    /// `pg_restore --exit-on-error --single-transaction` of a dump into this database, which may
    /// belong to another cluster; an error is what pg_restore said.
    pub fn restore(&self, dump: &Path) -> Result<(), String> {
        self.restore_with(dump, &["--exit-on-error", "--single-transaction"])
    }

    pub fn restore_with(&self, dump: &Path, options: &[&str]) -> Result<(), String> {
        let mut command = self.tool("pg_restore", "postgres");
        command.args(options).args(["--dbname", &self.name]).arg(dump);
        try_run(&mut command).map(drop)
    }

    /// Returns when that backend waits for a lock.
    pub fn wait_until_blocked(&self, pid: i32) {
        let mut watcher = self.superuser();
        patiently(&format!("backend {pid} to wait for a lock"), || {
            let row = watcher
                .query_opt(
                    "SELECT wait_event_type = 'Lock' FROM pg_stat_activity WHERE pid = $1",
                    &[&pid],
                )
                .unwrap();
            let row = row.unwrap_or_else(|| panic!("backend {pid} is gone"));
            row.get::<_, Option<bool>>(0) == Some(true)
        });
    }

    /// Returns when the query, which must yield one boolean, says true.
    pub fn wait_until(&self, sql: &str) {
        let mut watcher = self.superuser();
        patiently(sql, || watcher.query_one(sql, &[]).unwrap().get(0));
    }
}
