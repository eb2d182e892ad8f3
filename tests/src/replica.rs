//! A second server that follows the first, and can be promoted.

use std::sync::atomic::AtomicU32;
use std::sync::{Mutex, OnceLock};

use crate::cluster::{Cluster, patiently};
use crate::guardian::Guardian;
use crate::server::{free_port, private_dir, run};

impl Cluster {
    /// A streaming replica of this cluster, with the same settings, started as a hot standby. It
    /// lives in a directory of its own, and knows the databases of the original by their names.
    pub fn replica(&self) -> Cluster {
        let dir = private_dir();
        let data = dir.join("data");
        let port = free_port();
        let conninfo = format!("host={} port={} user=postgres", self.dir().display(), self.port());
        run(self
            .server
            .program("pg_basebackup")
            .args([
                "--no-sync",
                "--checkpoint=fast",
                "--wal-method=stream",
                "--write-recovery-conf",
            ])
            .arg(format!("--dbname={conninfo}"))
            .arg("-D")
            .arg(&data));
        let replica = Cluster {
            guardian: Guardian::over(&dir, &data.join("postmaster.pid"), "QUIT"),
            dir,
            port,
            template: OnceLock::new(),
            logins: Mutex::default(),
            databases: AtomicU32::new(0),
            founded: Mutex::default(),
            server: self.server,
            allowed_in_log: Mutex::default(),
        };
        let own = format!(
            "unix_socket_directories = '{}'\nport = {port}\nhot_standby = on\n",
            replica.dir().display()
        );
        replica.configure(&own);
        replica.launch();
        replica
    }

    /// Appends to the server's settings; takes effect at its next start or reload.
    pub fn configure(&self, settings: &str) {
        std::fs::OpenOptions::new()
            .append(true)
            .open(self.data().join("postgresql.conf"))
            .and_then(|mut file| std::io::Write::write_all(&mut file, settings.as_bytes()))
            .unwrap();
    }

    /// Makes a replica a server of its own; returns when it takes writes.
    pub fn promote(&self) {
        run(self.server.program("pg_ctl").args(["promote", "-w", "-s", "-D"]).arg(self.data()));
    }

    /// Returns when the replica has replayed everything that this server has written until now.
    pub fn wait_for(&self, replica: &Cluster) {
        let target: String = self
            .superuser("postgres")
            .query_one("SELECT pg_current_wal_flush_lsn()::text", &[])
            .unwrap()
            .get(0);
        let mut watcher = replica.superuser("postgres");
        patiently("the replica to catch up", || {
            watcher
                .query_one("SELECT pg_last_wal_replay_lsn() >= $1::text::pg_lsn", &[&target])
                .unwrap()
                .get::<_, Option<bool>>(0)
                == Some(true)
        });
    }
}
