//! A server with everything on: the worker, the sealer, a company at work in one database.

use std::collections::BTreeMap;

use postgres::{Client, Error};
use serde_json::Value;
use wo_cluster_tests::{Cluster, Database, Sealing};

use crate::isolation::stage::{Stage, assert_intact, started};

/// How many clients move work orders at once.
pub const WRITERS: usize = 4;

/// How many work orders each of them moves.
const EACH: usize = 3;

pub const DATABASE: &str = "db0";

pub struct Works {
    pub cluster: Cluster,
    pub sealing: Sealing,
}

impl Works {
    pub fn start() -> Self {
        let cluster = Cluster::start_durable_with(&[
            ("shared_preload_libraries", "wo_core"),
            ("wo_core.databases", DATABASE),
            ("wo_core.sealing_interval", "1s"),
        ]);
        let sealing = Sealing::install(&cluster, "soak.example/ledger");
        let works = Self { cluster, sealing };
        {
            let stage = Stage::new(&works.cluster);
            assert_eq!(stage.db.name(), DATABASE);
            stage.captain().execute("SELECT wo.create_consumer('reader')", &[]).unwrap();
        }
        works
    }

    pub fn db(&self) -> Database<'_> {
        self.cluster.existing(DATABASE)
    }

    pub fn captain(&self) -> Client {
        captain(&self.db())
    }

    /// Work orders in progress for each of the writers.
    pub fn prepare(&self) -> Vec<Vec<String>> {
        let mut client = self.captain();
        (0..WRITERS).map(|_| (0..EACH).map(|_| started(&mut client)).collect()).collect()
    }
}

pub fn captain(db: &Database<'_>) -> Client {
    db.connect_with(db.config("cap").options("-c lock_timeout=50s"))
}

/// Returns when a worker serves the database of that name.
pub fn wait_for_worker(cluster: &Cluster) {
    cluster.existing(DATABASE).wait_until(
        "SELECT count(*) = 1 FROM pg_stat_activity
         WHERE datname = current_database() AND application_name = 'wo_core worker'",
    );
}

/// The next events of the consumer.
pub fn fetch(client: &mut Client) -> Result<Vec<(i64, Value)>, Error> {
    let sql = "SELECT position, event FROM wo.fetch_events('reader', 10000)";
    let rows = client.query(sql, &[])?;
    Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
}

/// Seals what is not sealed yet, then holds everything against everything: trail, records, ledger.
/// Gives the size of the ledger.
pub fn assert_everything_holds(db: &Database<'_>) -> i64 {
    assert_intact(db, &mut captain(db));
    assert_sealed(db)
}

/// Seals what is not sealed yet, then holds trail and ledger against each other. Gives the size of the ledger.
pub fn assert_sealed(db: &Database<'_>) -> i64 {
    // Everything that was written until now lies below this position, and is sealed before long.
    db.wait_until(
        "SELECT coalesce((SELECT max(position) FROM wo.audit_entry), 0)
            <= coalesce((SELECT max(position) FROM wo.ledger_checkpoint), 0)",
    );
    let mut admin = db.connect("adm");
    for row in admin.query("SELECT intact, problem FROM wo.verify_ledger()", &[]).unwrap() {
        let problem: Option<String> = row.get(1);
        assert!(row.get::<_, bool>(0), "{problem:?}");
    }
    let mut root = db.superuser();
    let size: i64 =
        root.query_one("SELECT max(size) FROM wo.ledger_checkpoint", &[]).unwrap().get(0);
    // One leaf for each entry: none missing, none twice.
    let entries: i64 = root
        .query_one(
            "SELECT count(*) FROM wo.audit_entry
             WHERE position <= (SELECT max(position) FROM wo.ledger_checkpoint)",
            &[],
        )
        .unwrap()
        .get(0);
    assert_eq!(size, entries, "leaves and sealed entries");
    size
}

/// What a consumer saw, held against the records: each work order's events came in their order, none
/// is missing, and what came twice is the same.
#[derive(Default)]
pub struct Reader {
    versions: BTreeMap<String, i64>,
    told: BTreeMap<i64, Value>,
}

impl Reader {
    pub fn see(&mut self, events: Vec<(i64, Value)>) {
        for (position, event) in events {
            if let Some(before) = self.told.get(&position) {
                assert_eq!(*before, event, "position {position} tells two stories");
                continue;
            }
            if let Some(version) = event["data"]["version"].as_i64() {
                let subject = event["subject"].as_str().unwrap().to_owned();
                let last = self.versions.entry(subject).or_default();
                assert_eq!(version, *last + 1, "{event} after version {last}");
                *last = version;
            }
            self.told.insert(position, event);
        }
    }

    pub fn assert_saw_everything(&self, db: &Database<'_>) {
        for row in db.superuser().query("SELECT id::text, version FROM wo.work_order", &[]).unwrap()
        {
            let (id, version): (String, i64) = (row.get(0), row.get(1));
            assert_eq!(self.versions.get(&id), Some(&version), "the events of {id}");
        }
    }
}
