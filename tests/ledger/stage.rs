//! A company whose database has a sealing key, on a server that reads keys from files of its own.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};

use postgres::Client;
use serde_json::Value;
use wo_cluster_tests::signing::{Company, ROOT};
use wo_cluster_tests::{Cluster, Database};
use wo_rules::ledger::checkpoint::Checkpoint;
use wo_rules::ledger::key::{SealingKey, VerifierKey};
use wo_rules::ledger::{Hash, read_hash};

/// Relative to the data directory, so that it holds before there is one.
pub const KEY_FILE: (&str, &str) = ("wo_core.sealing_key_file", "../keys/%d.key");

/// The server that the tests of this suite share.
pub fn cluster() -> &'static Cluster {
    Cluster::shared_as("ledger with a key", || {
        let cluster = Cluster::own(&[KEY_FILE]);
        cluster.make_dir("keys");
        cluster
    })
}

/// A new key of that name.
pub fn new_key(name: &str) -> SealingKey {
    SealingKey::new(name, &wo_cli::new_key().unwrap().to_bytes()).unwrap()
}

/// Writes a file as the server's user would have it.
pub fn write_as_server(path: &Path, text: &str, mode: u32) {
    fs::write(path, text).unwrap();
    let owner = fs::metadata(path.parent().unwrap()).unwrap();
    chown(path, Some(owner.uid()), Some(owner.gid())).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

pub struct Ledger {
    pub company: Company,
    pub key: SealingKey,
}

/// One row of `wo.verify_ledger`.
#[derive(Debug)]
pub struct Verdict {
    pub intact: bool,
    pub from: i64,
    pub to: i64,
    pub size: i64,
    pub next: Option<i64>,
    pub leaf: Option<i64>,
    pub subject: Option<String>,
    pub sequence: Option<i64>,
    pub problem: Option<String>,
}

impl Ledger {
    pub fn found() -> Self {
        Self::of(Company::found_on(cluster()))
    }

    pub fn found_in(database: Database<'static>) -> Self {
        Self::of(Company::found_in(database))
    }

    fn of(company: Company) -> Self {
        let key = new_key(&format!("acme.example/{}", company.database.name()));
        let ledger = Self { company, key };
        ledger.put_key(&ledger.key);
        ledger
    }

    pub fn key_file(&self) -> PathBuf {
        let database = &self.company.database;
        database.cluster().dir().join(format!("keys/{}.key", database.name()))
    }

    /// Where the server keeps its newest checkpoint.
    pub fn outside(&self) -> PathBuf {
        self.key_file().with_extension("key.checkpoint")
    }

    pub fn put_key(&self, key: &SealingKey) {
        write_as_server(&self.key_file(), &key.text(), 0o600);
    }

    pub fn verifier(&self) -> VerifierKey {
        self.key.verifier().clone()
    }

    /// One run of the sealer; how many entries it sealed.
    pub fn seal_once(&self) -> i32 {
        self.company.one(ROOT, "select done from wo.tick() where job = 'entries_sealed'")
    }

    /// Seals whatever there is; once more, so that the newest checkpoint is outside.
    #[track_caller]
    pub fn seal(&self) -> Checkpoint {
        while self.seal_once() > 0 {}
        self.checkpoint()
    }

    /// The newest checkpoint.
    #[track_caller]
    pub fn checkpoint(&self) -> Checkpoint {
        let note: Option<String> = self.company.one(ROOT, "select wo.checkpoint()");
        Checkpoint::open(&note.expect("nothing is sealed"), &self.verifier()).unwrap()
    }

    pub fn verdicts_by(
        &self,
        client: &mut impl postgres::GenericClient,
        arguments: &str,
    ) -> Vec<Verdict> {
        let ask = format!(
            "select intact, verified_from, verified_to, size, next, leaf, subject, sequence, problem
             from wo.verify_ledger({arguments})"
        );
        let rows = client.query(&ask, &[]).unwrap_or_else(|error| panic!("{error:?}"));
        assert!(!rows.is_empty(), "verification says nothing");
        rows.iter()
            .map(|row| Verdict {
                intact: row.get(0),
                from: row.get(1),
                to: row.get(2),
                size: row.get(3),
                next: row.get(4),
                leaf: row.get(5),
                subject: row.get(6),
                sequence: row.get(7),
                problem: row.get(8),
            })
            .collect()
    }

    pub fn verdicts(&self) -> Vec<Verdict> {
        self.company.with(ROOT, |root| self.verdicts_by(root, ""))
    }

    #[track_caller]
    pub fn assert_intact(&self) {
        let verdicts = self.verdicts();
        assert!(verdicts.iter().all(|verdict| verdict.intact), "{verdicts:?}");
        assert_eq!(verdicts[0].to, verdicts[0].size);
        assert_eq!(verdicts[0].next, None);
    }

    /// What health says of the ledger: severity and detail of that subject.
    pub fn health(&self, subject: &str) -> (String, String) {
        let rows = self.company.rows(
            ROOT,
            &format!("select severity, detail, remedy from wo_private.ledger_health() where subject = '{subject}'"),
        );
        let row = rows.first().unwrap_or_else(|| panic!("nothing of {subject}"));
        let (severity, remedy): (String, String) = (row.get(0), row.get(2));
        assert_eq!(severity == "good", remedy.is_empty(), "{severity}: {remedy}");
        (severity, row.get(1))
    }

    pub fn superuser(&self) -> Client {
        self.company.database.superuser()
    }

    /// Some work: so many work orders, each with three entries at least.
    pub fn work(&self, count: usize) -> Vec<String> {
        let made = (0..count).map(|number| self.company.create(&format!("Mend pump {number}")));
        let numbers: Vec<String> = made.collect();
        for number in &numbers {
            self.company.transition("originator", number, "pending_approval");
            self.company.run(
                "planner",
                &format!(
                    "select wo.patch_work_order('{number}', '{{\"priority\": \"high\"}}', 'urgent')"
                ),
            );
        }
        numbers
    }
}

pub fn hashes(proof: &Value) -> Vec<Hash> {
    let hashes = proof["hashes"].as_array().unwrap().iter();
    hashes.map(|hash| read_hash(hash.as_str().unwrap()).unwrap()).collect()
}
