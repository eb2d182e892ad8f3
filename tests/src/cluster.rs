//! A throwaway cluster: made, started, killed, stopped and removed by the tests.

use std::collections::{BTreeMap, HashSet};
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock};
use std::time::{Duration, Instant};

use postgres::{Client, Config, NoTls};

use crate::database::Database;
use crate::guardian::Guardian;
use crate::server::{Server, as_server, free_port, private_dir, run, try_run};

const TEMPLATE: &str = "wo_template";

/// Nothing but the data directory is read or written outside the cluster's private directory, and
/// nothing listens on TCP unless a setting says so.
const SETTINGS: &[(&str, &str)] = &[
    ("listen_addresses", ""),
    ("max_connections", "200"),
    ("shared_buffers", "128MB"),
    ("timezone", "UTC"),
    ("log_line_prefix", crate::log::PREFIX),
    ("log_statement", "none"),
    ("max_prepared_transactions", "10"),
    ("wal_level", "logical"),
];

/// The name of the file in a cluster's own directory with the key that signs grants of credentials.
const CREDENTIAL_KEY: &str = "credential.pem";

/// The data does not outlive the test, so a crash of the machine needs no protection.
const FAST: &[(&str, &str)] =
    &[("fsync", "off"), ("synchronous_commit", "off"), ("full_page_writes", "off")];

pub struct Cluster {
    pub(crate) dir: PathBuf,
    pub(crate) port: u16,
    pub(crate) template: OnceLock<Result<(), String>>,
    pub(crate) logins: Mutex<HashSet<(String, String)>>,
    pub(crate) databases: AtomicU32,
    pub(crate) founded: Mutex<crate::founded::Founded>,
    pub(crate) guardian: Guardian,
    pub(crate) server: &'static Server,
    pub(crate) allowed_in_log: Mutex<Vec<String>>,
}

/// The log is read at the end: what a test did not allow there fails it.
impl Drop for Cluster {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let allowed = lock(&self.allowed_in_log);
            let unexpected = crate::log::unexpected(&self.log_file(), 0, None, &allowed);
            assert!(unexpected.is_empty(), "in the server's log:\n{}", unexpected.join("\n"));
        }
    }
}

/// The clusters that are shared: one for each suite, and those with settings of their own.
static SHARED: Mutex<BTreeMap<String, &'static Cluster>> = Mutex::new(BTreeMap::new());

/// The suite that a source file of the tests belongs to: the directory that it is in.
fn suite_of(file: &str) -> String {
    let dir = Path::new(file).parent().and_then(Path::file_name);
    dir.unwrap_or_default().to_string_lossy().into_owned()
}

impl Cluster {
    /// The cluster that the tests of the calling suite share, each in a database of its own. Login roles
    /// belong to a cluster, and two suites may give one name different rights: hence not one for all.
    #[track_caller]
    pub fn shared() -> &'static Cluster {
        let suite = suite_of(std::panic::Location::caller().file());
        Self::shared_as(suite, || Self::start(FAST).unwrap_or_else(|error| panic!("{error}")))
    }

    /// The same for tests that need other settings: one for each name. `start` makes no database.
    pub fn shared_as(name: impl Into<String>, start: impl FnOnce() -> Cluster) -> &'static Cluster {
        extern "C" fn remove() {
            let unexpected: Vec<String> =
                lock(&SHARED).values().flat_map(|cluster| cluster.finish()).collect();
            if !unexpected.is_empty() {
                // Every test has said that it passed: what is left to fail is the program.
                eprintln!("in the logs of the shared servers:\n{}", unexpected.join("\n"));
                // SAFETY: ends the process; what is left of its end is not needed.
                unsafe { libc::_exit(1) };
            }
        }
        let mut shared = lock(&SHARED);
        if shared.is_empty() {
            // SAFETY: the callback takes no arguments and lives as long as the process. A panic in it would
            // abort the process, which fails the tests as it should.
            unsafe { libc::atexit(remove) };
        }
        shared.entry(name.into()).or_insert_with(|| Box::leak(Box::new(start())))
    }

    /// Keeps a private cluster until the program ends, for what borrows it as long; its log is read then.
    pub fn kept(self) -> &'static Cluster {
        Self::shared_as(self.dir.display().to_string(), || self)
    }

    /// Stops the server and removes its directory. Gives what its whole log holds that nobody allowed: about
    /// databases that no test let go of, too.
    fn finish(&self) -> Vec<String> {
        let allowed = lock(&self.allowed_in_log);
        let unexpected = crate::log::unexpected(&self.log_file(), 0, None, &allowed);
        self.guardian.finish();
        unexpected
    }

    /// One that keeps its promises through a crash.
    pub fn start_durable() -> Cluster {
        Self::start_durable_with(&[])
    }

    /// The same, with settings of its own.
    pub fn start_durable_with(settings: &[(&str, &str)]) -> Cluster {
        let durable = [("fsync", "on"), ("synchronous_commit", "on")];
        Self::start(&[&durable, settings].concat()).unwrap_or_else(|error| panic!("{error}"))
    }

    /// A private one with settings of its own, as fast (and as forgetful) as the shared one unless
    /// these say otherwise.
    pub fn own(settings: &[(&str, &str)]) -> Cluster {
        Self::try_own(settings).unwrap_or_else(|error| panic!("{error}"))
    }

    /// The same, where the server may refuse to start.
    pub fn try_own(settings: &[(&str, &str)]) -> Result<Cluster, String> {
        Self::start(&[FAST, settings].concat())
    }

    /// A private one of the server that `pg_upgrade` starts from.
    pub fn own_of_old_server(settings: &[(&str, &str)]) -> Cluster {
        let cluster = Self::made_of(Server::to_upgrade_from(), &[FAST, settings].concat());
        cluster.and_then(Self::launched).unwrap_or_else(|error| panic!("{error}"))
    }

    /// Stops the cluster and has `pg_upgrade` make one of the server under test from it, which is started.
    pub fn upgrade(&self, settings: &[(&str, &str)]) -> Cluster {
        self.stop();
        let server = Server::under_test();
        let new = Self::made_of(server, &[FAST, settings].concat());
        let new = new.unwrap_or_else(|error| panic!("{error}"));
        run(server
            .program("pg_upgrade")
            .arg("--old-bindir")
            .arg(&self.server.bindir)
            .arg("--new-bindir")
            .arg(&server.bindir)
            .arg("--old-datadir")
            .arg(self.data())
            .arg("--new-datadir")
            .arg(new.data())
            .arg("--socketdir")
            .arg(&new.dir)
            .args(["--username=postgres", "--old-port=50432", "--new-port=50433"])
            .current_dir(&new.dir));
        new.launched().unwrap_or_else(|error| panic!("{error}"))
    }

    fn start(settings: &[(&str, &str)]) -> Result<Cluster, String> {
        Self::made_of(Server::under_test(), settings)?.launched()
    }

    fn launched(self) -> Result<Self, String> {
        self.try_launch()?;
        Ok(self)
    }

    /// The data directory of a cluster that was not started yet.
    fn made_of(server: &'static Server, settings: &[(&str, &str)]) -> Result<Cluster, String> {
        adopt_orphans();
        let dir = private_dir();
        let data = dir.join("data");
        let cluster = Cluster {
            guardian: Guardian::over(&dir, &data.join("postmaster.pid"), "QUIT"),
            dir,
            port: free_port(),
            template: OnceLock::new(),
            logins: Mutex::default(),
            databases: AtomicU32::new(0),
            founded: Mutex::default(),
            server,
            allowed_in_log: Mutex::default(),
        };
        // Since version 18 data has checksums unless initdb has the option; pg_upgrade takes no other data.
        let checksums: &[&str] = if server.major < 18 { &[] } else { &["--no-data-checksums"] };
        try_run(
            server
                .program("initdb")
                .args(["--no-sync", "--auth=trust", "--username=postgres"])
                .args(["--encoding=UTF8", "--locale=C.UTF-8", "--no-instructions"])
                .args(checksums)
                .arg("-D")
                .arg(&data),
        )?;
        let key =
            cluster.make_file(CREDENTIAL_KEY, &wo_cli::pem(&wo_cli::new_key().unwrap()).unwrap());
        let mut conf = format!("wo_core.credential_key_file = '{}'\n", key.display());
        for (name, value) in SETTINGS.iter().chain(settings) {
            writeln!(conf, "{name} = '{}'", value.replace('\'', "''")).unwrap();
        }
        let (socket, port) = (cluster.dir.display(), cluster.port);
        writeln!(conf, "unix_socket_directories = '{socket}'\nport = {port}").unwrap();
        std::fs::OpenOptions::new()
            .append(true)
            .open(data.join("postgresql.conf"))
            .and_then(|mut file| std::io::Write::write_all(&mut file, conf.as_bytes()))
            .map_err(|error| error.to_string())?;
        Ok(cluster)
    }

    /// Starts the server again after [`Cluster::stop`] or [`Cluster::kill`].
    pub fn launch(&self) {
        self.try_launch().unwrap_or_else(|error| panic!("{error}"));
    }

    fn try_launch(&self) -> Result<(), String> {
        try_run(
            self.server
                .program("pg_ctl")
                .args(["start", "-w", "-s", "-t", "120", "-D"])
                .arg(self.data())
                .arg("-l")
                .arg(self.log_file()),
        )
        .map(drop)
        .map_err(|error| format!("{error}\n{}", self.log()))
    }

    /// An orderly stop (mode fast).
    pub fn stop(&self) {
        self.stop_in("fast");
    }

    /// A stop in that mode: smart, fast or immediate.
    pub fn stop_in(&self, mode: &str) {
        run(self
            .server
            .program("pg_ctl")
            .args(["stop", "-w", "-s", "-m", mode, "-D"])
            .arg(self.data()));
    }

    /// `kill -9` of the server and of everything it started, as when the machine's memory runs
    /// out. Returns when they are gone; [`Cluster::launch`] then recovers.
    pub fn kill(&self) {
        let pid_file = std::fs::read_to_string(self.data().join("postmaster.pid")).unwrap();
        let postmaster: i32 = pid_file.lines().next().unwrap().parse().unwrap();
        // The postmaster first, lest it see a child crash and begin to recover by itself.
        let mut pids = vec![postmaster];
        signal(postmaster, libc::SIGSTOP);
        pids.extend(children(postmaster));
        for pid in &pids {
            signal(*pid, libc::SIGKILL);
        }
        patiently("the killed server to be gone", || pids.iter().all(|pid| is_gone(*pid)));
    }

    /// A database that this cluster has already: one that a replica or a restored copy was given.
    pub fn existing(&self, name: &str) -> Database<'_> {
        Database::found(self, name)
    }

    /// `kill -9` of one process of the server: the postmaster ends all others and recovers. Returns when
    /// it takes connections again.
    pub fn kill_process(&self, pid: i32) {
        signal(pid, libc::SIGKILL);
        patiently("the killed process to be gone", || is_gone(pid));
        patiently("the server to be back", || {
            self.config("postgres", "postgres").connect(NoTls).is_ok()
        });
    }

    /// A database with the extension, nobody else's.
    pub fn database(&self) -> Database<'_> {
        self.create_database(self.template())
    }

    /// The database that those with the extension are copies of.
    pub(crate) fn template(&self) -> &'static str {
        let made = self.template.get_or_init(|| {
            let mut admin = self.superuser("postgres");
            admin
                .batch_execute(&format!("CREATE DATABASE {TEMPLATE} TEMPLATE template0"))
                .map_err(|error| describe(&error))?;
            let mut inside = self.superuser(TEMPLATE);
            inside.batch_execute("CREATE EXTENSION wo_core").map_err(|error| describe(&error))
        });
        if let Err(error) = made {
            panic!("CREATE EXTENSION wo_core: {error}");
        }
        TEMPLATE
    }

    /// A database with the extension, whose work orders are divided into two partitions.
    pub fn partitioned_database(&self) -> Database<'_> {
        let database = self.empty_database();
        database
            .superuser()
            .batch_execute(
                "LOAD 'wo_core'; SET wo_core.work_order_partitions = 2; CREATE EXTENSION wo_core",
            )
            .unwrap_or_else(|error| panic!("CREATE EXTENSION wo_core: {}", describe(&error)));
        database
    }

    /// A database without the extension.
    pub fn empty_database(&self) -> Database<'_> {
        self.create_database("template0")
    }

    pub(crate) fn is_shared(&self) -> bool {
        lock(&SHARED).values().any(|shared| std::ptr::eq(*shared, self))
    }

    /// Removes a database with whoever is still connected. One that cannot be removed, since a
    /// prepared transaction or a replication slot holds it, goes with the cluster.
    pub(crate) fn drop_database(&self, name: &str) {
        if let Ok(mut admin) = self.config("postgres", "postgres").connect(NoTls) {
            let _ = admin.batch_execute(&format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"));
        }
    }

    pub(crate) fn create_database(&self, template: &str) -> Database<'_> {
        let name = format!("db{}", self.databases.fetch_add(1, Ordering::Relaxed));
        self.copy_database(template, &name);
        Database::made(self, name)
    }

    /// Makes a database of that name that is a copy of another.
    pub(crate) fn copy_database(&self, template: &str, name: &str) {
        let mut admin = self.superuser("postgres");
        let create = format!("CREATE DATABASE {name} TEMPLATE {template}");
        patiently("the template to be free", || match admin.batch_execute(&create) {
            Ok(()) => true,
            // Someone, such as an autovacuum worker, is connected to it for a moment.
            Err(error) if error.code().is_some_and(|c| c.code() == "55006") => false,
            Err(error) => panic!("{create}: {}", describe(&error)),
        });
        if crate::hostile::is_wanted() {
            // A copy has none of its template's settings.
            admin.batch_execute(&crate::hostile::set(name)).unwrap();
        }
    }

    /// Makes the login role if the cluster has none of that name, and grants it the roles.
    pub fn login(&self, name: &str, member_of: &[&str]) {
        // One at a time: two grants at once meet "tuple concurrently updated".
        let mut known = lock(&self.logins);
        let mut sql = String::new();
        if known.insert((name.into(), String::new())) {
            writeln!(
                sql,
                "DO $$ BEGIN CREATE ROLE {name} LOGIN; \
                 EXCEPTION WHEN duplicate_object THEN NULL; END $$;"
            )
            .unwrap();
        }
        for role in member_of {
            if known.insert((name.into(), (*role).into())) {
                writeln!(sql, "GRANT {role} TO {name};").unwrap();
            }
        }
        if !sql.is_empty() {
            let granted = self.superuser("postgres").batch_execute(&sql);
            granted.unwrap_or_else(|error| panic!("login {name}: {}", describe(&error)));
        }
    }

    pub fn superuser(&self, database: &str) -> Client {
        let config = self.config("postgres", database);
        config.connect(NoTls).unwrap_or_else(|error| panic!("{}\n{}", describe(&error), self.log()))
    }

    /// How to connect; `application_name` is the test's own.
    pub fn config(&self, role: &str, database: &str) -> Config {
        let mut config = Config::new();
        config.host_path(&self.dir).port(self.port).user(role).dbname(database);
        if let Some(test) = std::thread::current().name() {
            config.application_name(&test.chars().take(63).collect::<String>());
        }
        config
    }

    /// A client program of the server's version, told where to connect.
    pub fn tool(&self, name: &str, role: &str) -> std::process::Command {
        let mut command = self.server.tool(name);
        command
            .env("PGHOST", &self.dir)
            .env("PGPORT", self.port.to_string())
            .env("PGUSER", role)
            .env("PGCLIENTENCODING", "UTF8");
        command
    }

    /// The roles of this cluster as SQL, without which a dump of a database cannot be restored.
    pub fn dump_roles(&self) -> String {
        run(self.tool("pg_dumpall", "postgres").arg("--roles-only"))
    }

    /// The socket's directory: also a place for files that vanish with the cluster.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The file of the key that signs grants of credentials.
    pub fn credential_key(&self) -> PathBuf {
        self.dir.join(CREDENTIAL_KEY)
    }

    pub fn data(&self) -> PathBuf {
        self.dir.join("data")
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn log_file(&self) -> PathBuf {
        self.dir.join("log")
    }

    pub fn log(&self) -> String {
        let log = std::fs::read(self.log_file()).unwrap_or_default();
        String::from_utf8_lossy(&log).into_owned()
    }

    /// Lets the log of a private cluster hold messages with this text, which otherwise fail the test at
    /// its end: see [`Database::allow_in_log`] for a database of a shared one.
    pub fn allow_in_log(&self, text: &str) {
        lock(&self.allowed_in_log).push(text.to_owned());
    }

    /// A file in the cluster's own directory that the server's user alone may read and write.
    pub fn make_file(&self, name: &str, content: &str) -> PathBuf {
        let path = self.dir.join(name);
        let script = r#"umask 077 && cat > "$1""#;
        let mut child = as_server("sh")
            .args(["-c", script, "sh"])
            .arg(&path)
            .stdin(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        std::io::Write::write_all(&mut child.stdin.take().unwrap(), content.as_bytes()).unwrap();
        assert!(child.wait().unwrap().success(), "{}", path.display());
        path
    }

    /// A directory in the cluster's own that the server may write to.
    pub fn make_dir(&self, name: &str) -> PathBuf {
        let path = self.dir.join(name);
        run(as_server("mkdir").arg(&path));
        path
    }
}

/// A test that panicked while it held the lock does not fail the others.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// The server's words, where there are any: `Display` of the client's error says "db error".
pub(crate) fn describe(error: &postgres::Error) -> String {
    error.as_db_error().map_or_else(
        || error.to_string(),
        |e| {
            let detail = e.detail().unwrap_or_default();
            format!("{} {}: {} {detail}", e.severity(), e.code().code(), e.message())
        },
    )
}

/// Asks until it is so; a minute without it fails the test.
pub fn patiently(what: &str, mut is_so: impl FnMut() -> bool) {
    let give_up = Instant::now() + Duration::from_secs(120);
    while !is_so() {
        assert!(Instant::now() < give_up, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn signal(pid: i32, number: i32) {
    // SAFETY: kill takes plain numbers; the pid was read from this cluster's own pid file, or is a
    // child of that process.
    unsafe { libc::kill(pid, number) };
}

/// Makes this process the parent of what its descendants leave behind, the servers among them: a
/// killed server would stay a zombie until whoever adopted it reaps it, and a zombie's pid file
/// says that the server is running.
fn adopt_orphans() {
    // SAFETY: sets a flag of this process, from plain numbers.
    unsafe { libc::prctl(libc::PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) };
}

/// Reaps the process if it is our dead child.
fn is_gone(pid: i32) -> bool {
    // SAFETY: waits for this one process only, without blocking, and asks for no status.
    unsafe { libc::waitpid(pid, std::ptr::null_mut(), libc::WNOHANG) };
    !Path::new(&format!("/proc/{pid}")).exists()
}

/// The parent is the second field behind the name, which may itself hold spaces and parentheses.
fn parent(pid: i32) -> Option<i32> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(") ")?.1.split(' ').nth(1)?.parse().ok()
}

fn children(of: i32) -> Vec<i32> {
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    let pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter(|pid| parent(*pid) == Some(of)).collect()
}
