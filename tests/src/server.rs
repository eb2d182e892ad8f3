//! The installed PostgreSQL that is under test, and the user it runs as.

use std::path::PathBuf;
use std::process::{Command, Output};
use std::sync::OnceLock;

pub struct Server {
    pub bindir: PathBuf,
    pub major: u32,
}

impl Server {
    pub fn under_test() -> &'static Server {
        static SERVER: OnceLock<Server> = OnceLock::new();
        SERVER.get_or_init(|| {
            let pg_config = std::env::var("WO_PG_CONFIG");
            Self::of(&pg_config.unwrap_or_else(|_| "/usr/lib/postgresql/15/bin/pg_config".into()))
        })
    }

    /// The server that `pg_upgrade` starts from: that of `WO_OLD_PG_CONFIG`, which has the extension too, or the one
    /// under test.
    pub fn to_upgrade_from() -> &'static Server {
        static SERVER: OnceLock<Server> = OnceLock::new();
        match std::env::var("WO_OLD_PG_CONFIG") {
            Ok(pg_config) => SERVER.get_or_init(|| Self::of(&pg_config)),
            Err(_) => Self::under_test(),
        }
    }

    fn of(pg_config: &str) -> Server {
        let ask = |what: &str| run(Command::new(pg_config).arg(what)).trim().to_owned();
        let version = ask("--version");
        let major = version.trim_start_matches("PostgreSQL ");
        let major = major.split(|c: char| !c.is_ascii_digit()).next().unwrap();
        Server { bindir: ask("--bindir").into(), major: major.parse().expect(&version) }
    }

    /// A client program of this version (`psql`, `pg_dump`, …) with nothing from the environment
    /// that could lead it elsewhere.
    pub fn tool(&self, name: &str) -> Command {
        clean(Command::new(self.bindir.join(name)))
    }

    /// A program that must run as the server's own user.
    pub(crate) fn program(&self, name: &str) -> Command {
        as_server(self.bindir.join(name).to_str().unwrap())
    }
}

/// PostgreSQL refuses to run as root, so there its programs run as `postgres`.
pub(crate) fn as_server(program: &str) -> Command {
    if !is_root() {
        return clean(Command::new(program));
    }
    let mut command = Command::new("runuser");
    command.args(["-u", "postgres", "--", program]);
    clean(command)
}

pub(crate) fn is_root() -> bool {
    // SAFETY: geteuid has no preconditions and cannot fail.
    unsafe { libc::geteuid() == 0 }
}

/// Neither PGHOST nor RUST_BACKTRACE (a server that inherits it sends backtraces to its clients).
fn clean(mut command: Command) -> Command {
    let path = std::env::var("PATH").unwrap_or_default();
    command
        .env_clear()
        .env("PATH", format!("{path}:/usr/local/bin:/usr/bin:/bin:/usr/sbin"))
        .env("LC_ALL", "C.UTF-8")
        .env("TZ", "UTC")
        .env("HOME", "/nonexistent")
        .current_dir("/");
    command
}

/// What the command printed; a failure panics with all that it said.
pub(crate) fn run(command: &mut Command) -> String {
    try_run(command).unwrap_or_else(|error| panic!("{error}"))
}

pub(crate) fn try_run(command: &mut Command) -> Result<String, String> {
    let Output { status, stdout, stderr } =
        command.output().map_err(|error| format!("{command:?}: {error}"))?;
    let stdout = String::from_utf8_lossy(&stdout);
    if status.success() {
        return Ok(stdout.into_owned());
    }
    Err(format!("{command:?}: {status}\n{stdout}{}", String::from_utf8_lossy(&stderr)))
}

/// A private directory with a path short enough for a socket, owned by the server's user. It is in memory where
/// the machine has enough of it: a test makes and removes a thousand files with its database, and for that a file
/// system on disk takes half of a suite's processor time. What a server wrote outlives its processes there as on
/// disk, and no test takes the machine's power away.
pub(crate) fn private_dir() -> PathBuf {
    const ENOUGH: u64 = 4 << 30;
    static IN_MEMORY: OnceLock<bool> = OnceLock::new();
    let in_memory =
        IN_MEMORY.get_or_init(|| free_bytes(c"/dev/shm").is_some_and(|free| free >= ENOUGH));
    let template = if *in_memory { "/dev/shm/wo.XXXXXX" } else { "/tmp/wo.XXXXXX" };
    run(as_server("mktemp").args(["-d", template])).trim().into()
}

/// What the file system of that directory has free, if there is one.
fn free_bytes(directory: &std::ffi::CStr) -> Option<u64> {
    // SAFETY: statvfs is plain numbers, for which all zeros are valid.
    let mut answer: libc::statvfs = unsafe { std::mem::zeroed() };
    // SAFETY: the path ends with a zero byte, and the answer outlives the call.
    let status = unsafe { libc::statvfs(directory.as_ptr(), &raw mut answer) };
    (status == 0).then(|| answer.f_bavail.saturating_mul(answer.f_frsize))
}

/// A port that nobody listens on. Two servers may still be given the same one: only the file name
/// of a socket in a private directory is made from it, unless a test listens on TCP.
pub(crate) fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    listener.local_addr().unwrap().port()
}
