//! A sealing key for a cluster, and where its server finds it.

use std::path::{Path, PathBuf};

use wo_rules::ledger::key::{SealingKey, VerifierKey};

use crate::cluster::Cluster;

/// The name of the key's file in the cluster's own directory.
const FILE: &str = "sealing.key";

/// A sealing key in a file that the server alone may read, in a directory that it may write to.
pub struct Sealing {
    /// The file; what `wo_core.sealing_key_file` is set to.
    pub file: PathBuf,
    /// The public half.
    pub verifier: VerifierKey,
    key: SealingKey,
}

impl Sealing {
    /// A new key under that name for a cluster, and the setting that names it; reloaded.
    pub fn install(cluster: &Cluster, name: &str) -> Self {
        let key = SealingKey::new(name, &rand_seed()).unwrap();
        let sealing = Self { file: PathBuf::new(), verifier: key.verifier().clone(), key };
        sealing.hand_over(cluster)
    }

    /// The same key for another cluster, as whoever runs both hands it over; without the state that
    /// the first server keeps beside it.
    #[must_use]
    pub fn hand_over(&self, cluster: &Cluster) -> Self {
        let dir = cluster.make_dir("sealing");
        let file = cluster.make_file(&format!("sealing/{FILE}"), &self.key.text());
        debug_assert_eq!(dir.join(FILE), file);
        cluster.configure(&format!("wo_core.sealing_key_file = '{}'\n", file.display()));
        cluster.superuser("postgres").execute("SELECT pg_reload_conf()", &[]).unwrap();
        let key = SealingKey::read(&self.key.text()).unwrap();
        Self { file, verifier: self.verifier.clone(), key }
    }

    /// The private half, for tests that sign as the ledger does.
    pub fn key(&self) -> &SealingKey {
        &self.key
    }

    /// Where the server keeps the newest checkpoint that it sealed.
    pub fn state_file(&self) -> PathBuf {
        state_file(&self.file)
    }
}

fn state_file(key: &Path) -> PathBuf {
    let mut name = key.as_os_str().to_owned();
    name.push(".checkpoint");
    name.into()
}

fn rand_seed() -> [u8; 32] {
    wo_cli::new_key().unwrap().to_bytes()
}
