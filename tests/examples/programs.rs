//! Each program does what it shows, and does it again where another transaction is in its way.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Mutex, PoisonError};

use wo_cluster_tests::{Clients, Cluster, built, one, patiently};

/// A superuser.
const ROOT: &str = "postgres";

fn examples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples")
}

/// Where `.ci/packages examples` puts the drivers. Without them the test fails: a program that nobody runs is wrong
/// some day.
fn drivers() -> PathBuf {
    let build = std::env::var_os("WO_BUILD")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../target"), PathBuf::from);
    let drivers = build.join("tools/examples");
    assert!(drivers.join("pinned").is_file(), "run .ci/packages examples: no {drivers:?}");
    drivers
}

/// A database that `examples/setup` has prepared, and the directory of its keys.
struct Prepared {
    clients: Clients<'static>,
    keys: PathBuf,
}

impl Drop for Prepared {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.keys);
    }
}

impl Prepared {
    fn new() -> Self {
        let keys = std::env::temp_dir().join(format!("wo.examples.{}", uuid::Uuid::now_v7()));
        let prepared = Self { clients: Clients::of(Cluster::shared().empty_database()), keys };
        // The setup makes login roles of the cluster where they are missing: one at a time.
        static SETUP: Mutex<()> = Mutex::new(());
        let _alone = SETUP.lock().unwrap_or_else(PoisonError::into_inner);
        let setup = prepared.run(ROOT, &mut Command::new(examples().join("setup")));
        assert!(setup.status.success(), "{}", text(&setup));
        prepared
    }

    /// Runs a program with the connection in the variables of libpq.
    fn run(&self, role: &str, program: &mut Command) -> Output {
        let psql = self.clients.database.tool("psql", role);
        for (name, value) in psql.get_envs() {
            if name.to_str().is_some_and(|name| name.starts_with("PG")) {
                program.env(name, value.unwrap());
            }
        }
        let bin = Path::new(psql.get_program()).parent().unwrap();
        let path = std::env::var("PATH").unwrap_or_default();
        program.env("PATH", format!("{}:{path}", bin.display())).env("WO_KEYS", &self.keys);
        program.output().unwrap_or_else(|error| panic!("{program:?}: {error}"))
    }
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// Runs a program undisturbed while `consumer` is new, and checks what it did.
#[track_caller]
fn assert_works(consumer: &str, mut program: Command) {
    let prepared = Prepared::new();
    // The first write of the program meets a lock that is held longer than it waits.
    let mut other = prepared.clients.database.superuser();
    other.batch_execute("begin; lock table wo.work_order in share mode").unwrap();
    let mut watcher = prepared.clients.database.superuser();
    let waiting = std::thread::spawn(move || {
        let mut is_waiting = || -> bool {
            one(
                &mut watcher,
                "select exists (select from pg_stat_activity
                 where datname = current_database() and wait_event_type = 'Lock')",
            )
        };
        // It begins to wait, and gives up.
        patiently("the program to wait", &mut is_waiting);
        patiently("the program to give up", || !is_waiting());
        other.batch_execute("commit").unwrap();
    });
    let ran = prepared.run("service", &mut program);
    waiting.join().unwrap();
    let said = text(&ran);
    assert!(ran.status.success(), "{said}");
    for expected in [
        "55P03, once more",
        "moved to pending_approval",
        "system_owner signed as plan",
        "qa signed as plan",
        "moved to assigned",
        "bulk: created",
        "bulk: no work order has the field titel",
        "processed ",
    ] {
        assert!(said.contains(expected), "{expected}:\n{said}");
    }
    prepared.clients.with(ROOT, |root| {
        let orders: Vec<String> = root
            .query(
                "select status || ' ' || title from wo.work_order order by wo_number, title",
                &[],
            )
            .unwrap()
            .iter()
            .map(|row| row.get(0))
            .collect();
        let mut orders = orders;
        orders.sort();
        let expected = [
            "assigned Update the workstation",
            "draft Check the printer",
            "draft Check the scanner",
        ];
        assert_eq!(orders, expected, "{said}");
        assert_eq!(one::<i64>(root, "select count(*) from wo.approval"), 2);
        // Everything was acknowledged.
        let left = format!(
            "select count(*) from wo.event where position > (
                select position from wo.event_consumer where consumer = '{consumer}')"
        );
        assert_eq!(one::<i64>(root, &left), 0, "{said}");
    });
}

#[test]
fn psql() {
    assert_works("psql", Command::new(examples().join("psql/work_orders")));
}

fn python(file: &str) -> Command {
    let mut python = Command::new(drivers().join("python/bin/python"));
    python.arg("-B").arg(examples().join("python").join(file));
    python
}

#[test]
fn python_with_psycopg() {
    assert_works("psycopg", python("with_psycopg.py"));
}

#[test]
fn python_with_sqlalchemy() {
    assert_works("sqlalchemy", python("with_sqlalchemy.py"));
}

/// Node.js looks for packages beside the program.
#[test]
fn node() {
    let directory = std::env::temp_dir().join(format!("wo.node.{}", uuid::Uuid::now_v7()));
    std::fs::create_dir(&directory).unwrap();
    std::fs::copy(examples().join("node/work_orders.mjs"), directory.join("work_orders.mjs"))
        .unwrap();
    let modules = drivers().join("node/node_modules");
    std::os::unix::fs::symlink(modules, directory.join("node_modules")).unwrap();
    let mut node = Command::new("node");
    node.arg(directory.join("work_orders.mjs"));
    assert_works("node", node);
    std::fs::remove_dir_all(directory).unwrap();
}

#[test]
fn rust() {
    assert_works("rust", Command::new(built("wo_examples", "wo_examples")));
}
