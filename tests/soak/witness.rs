//! Somebody outside who keeps what the ledger has shown.

use std::path::PathBuf;

use wo_cli::{Database, Seen, Stop};
use wo_cluster_tests::{Cluster, Sealing};

use crate::soak::works::DATABASE;

pub struct Witness(wo_cli::Witness, PathBuf);

impl Witness {
    pub fn new(of: &Sealing) -> Self {
        let directory = std::env::temp_dir().join(format!("wo_witness.{}", uuid::Uuid::now_v7()));
        Self(wo_cli::Witness::open(&directory, of.verifier.clone()).unwrap(), directory)
    }

    /// Asks a server; an error is what the witness refuses, and why.
    pub fn ask(&self, server: &Cluster) -> Result<Seen, String> {
        let connection = format!(
            "host={} port={} user=cap dbname={DATABASE}",
            server.dir().display(),
            server.port()
        );
        let mut database = Database::connect(&connection).unwrap();
        self.0.look(&mut database, None).map_err(|stop| match stop {
            Stop::Refused(why) => why,
            Stop::CannotAsk(error) => panic!("{error}"),
        })
    }
}

impl Drop for Witness {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.1);
    }
}
