//! Filling: honest rows, as fast as they can be made durable, or taken from the run before.
//!
//! A million work orders are one transaction, and two sessions fill at once. The indexes of the two
//! large tables wait until all rows are there.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use postgres::Client;
use wo_cluster_tests::{Cluster, Database};

use super::CLIENTS;
use crate::ground;
use crate::options::Options;

const SESSIONS: u32 = 2;
/// Work orders in one transaction.
const BATCH_ROWS: u32 = 1_000_000;
/// What one stored work order takes on the disk, its entry, indexes and the others' tenth among it.
const BYTES_EACH: u64 = 2_100;
/// WAL and what building an index sorts, besides.
const BYTES_BESIDES: u64 = 8_000_000_000;
/// Both are filled without their indexes.
const LARGE: &str = "select relid from pg_partition_tree('wo.audit_entry') where isleaf
    union all select relid from pg_partition_tree('wo.work_order') where isleaf
    union all select 'wo.work_order'::regclass where (select relkind from pg_class where oid = 'wo.work_order'::regclass) = 'r'";

/// Parts of the master that waits in each database.
const PARTS: u32 = 50;

/// Whether a disk has room for all of it; an error says that it has not.
pub fn room(options: &Options, directory: &Path) -> Result<(), String> {
    let rows: u64 = options.sizes.iter().map(|rows| u64::from(*rows)).sum();
    let needed = rows * BYTES_EACH + BYTES_BESIDES.min(rows * BYTES_EACH);
    let free = free(directory)?;
    let gigabytes = |bytes: u64| bytes as f64 / 1e9;
    println!(
        "    {rows} work orders take about {:.1} GB; {:.1} GB are free in {}",
        gigabytes(needed),
        gigabytes(free),
        directory.display()
    );
    if free < needed {
        return Err(format!(
            "{rows} work orders need about {:.1} GB in {}, where {:.1} GB are free; WO_BENCH_SIZES asks for fewer",
            gigabytes(needed),
            directory.display(),
            gigabytes(free)
        ));
    }
    Ok(())
}

/// Bytes that are free where this directory is.
fn free(directory: &Path) -> Result<u64, String> {
    let output = Command::new("df")
        .args(["--block-size=1", "--output=avail"])
        .arg(directory)
        .output()
        .map_err(|error| format!("df: {error}"))?;
    let said = String::from_utf8_lossy(&output.stdout);
    let last = said.lines().last().and_then(|line| line.trim().parse().ok());
    last.ok_or_else(|| format!("df says nothing of {}: {said}", directory.display()))
}

/// A new database of that many work orders of the first tenant.
pub fn fill<'c>(cluster: &'c Cluster, options: &Options, rows: u32) -> Database<'c> {
    let start = Instant::now();
    let db = ground::database(cluster, options.partitions);
    db.login("reader", &["wo_user"]);
    let mut admin = db.superuser();
    ground::found_by(&db, "wo.create_tenant('bench', 'Bench', template => 'fleet')");
    admin
        .batch_execute(
            "select wo.create_tenant('rival', 'Rival', template => 'fleet');
             select wo.create_tenant('third', 'Third', template => 'fleet');
             begin;
             select wo.administer('bench');
             update wo.principal set db_role = 'reader' where id = 'Win App 小A' and tenant_id = wo.current_tenant();
             commit;",
        )
        .unwrap();
    let before = database_size(&mut admin);
    leave_indexes_out(&mut admin);
    rows_of(&db, rows);
    println!("    rows of {rows} work orders after {} s", start.elapsed().as_secs());
    index(&db);
    ground::tidy(&mut admin);
    println!("    their indexes after {} s", start.elapsed().as_secs());
    ground::give_work(&db, CLIENTS);
    give_parts(&db);
    ground::tidy(&mut admin);
    let (seconds, each) = (start.elapsed().as_secs_f64(), f64::from(rows));
    println!(
        "    {rows} work orders stored in {seconds:.0} s, {:.0} s a million, {:.0} bytes each",
        seconds * 1e6 / each,
        (database_size(&mut admin) - before) as f64 / each
    );
    db
}

fn database_size(admin: &mut Client) -> i64 {
    ground::ask(admin, "select pg_database_size(current_database())")
}

/// Has no index of the large tables filled meanwhile: what is built at once afterwards costs less. A
/// primary key that others refer to cannot be dropped, so they are marked instead.
fn leave_indexes_out(admin: &mut Client) {
    let mark = format!(
        "update pg_index set indisready = false, indisvalid = false where indrelid in ({LARGE})"
    );
    admin.batch_execute(&mark).unwrap();
}

fn rows_of(db: &Database<'_>, rows: u32) {
    let batches: Vec<(u32, u32)> = (0..rows)
        .step_by(BATCH_ROWS as usize)
        .map(|from| (from + 1, (from + BATCH_ROWS).min(rows)))
        .collect();
    // One batch is shared out as well.
    let batches: Vec<(u32, u32)> = match batches[..] {
        [(from, to)] => vec![(from, to / 2), (to / 2 + 1, to)],
        _ => batches,
    };
    std::thread::scope(|scope| {
        for session in 0..SESSIONS {
            let batches = batches.iter().skip(session as usize).step_by(SESSIONS as usize);
            scope.spawn(move || {
                let mut admin = db.superuser();
                admin.batch_execute("set session_replication_role = replica").unwrap();
                for (from, to) in batches {
                    let sql = include_str!("../../sql/stored.sql")
                        .replace("$FROM", &from.to_string())
                        .replace("$TO", &to.to_string())
                        .replace("$ROWS", &rows.to_string());
                    admin.batch_execute(&sql).unwrap();
                    // What was written of the WAL is not needed any more, and the disk is.
                    admin.batch_execute("checkpoint").unwrap();
                }
            });
        }
    });
}

/// Builds the indexes that were left out, a table after the other.
fn index(db: &Database<'_>) {
    let mut admin = db.superuser();
    admin
        .batch_execute("set maintenance_work_mem = '1GB'; set max_parallel_maintenance_workers = 1")
        .unwrap();
    let tables = format!("select relid::regclass::text from ({LARGE}) as large");
    for row in admin.query(&tables, &[]).unwrap() {
        let table: String = row.get(0);
        admin.batch_execute(&format!("reindex table {table}")).unwrap();
    }
    let left: i64 = ground::ask(
        &mut admin,
        "select count(*) from pg_index where not indisready or not indisvalid",
    );
    assert_eq!(left, 0, "every index is whole again");
}

/// A master whose parts wait for nothing or for the one before them.
fn give_parts(db: &Database<'_>) {
    db.connect("captain")
        .batch_execute(&format!(
            "insert into wo.work_order (wo_number, title) values ('B-MASTER', '[Bench-Load] Replace all pumps');
             insert into wo.work_order (wo_number, title, master_id)
             select 'B-PART-' || part, '[Bench-Load] Replace pump ' || part, master.id
             from generate_series(1, {PARTS}) as part, wo.work_order as master where master.wo_number = 'B-MASTER';
             select wo.add_dependency('B-PART-' || part, 'B-PART-' || part - 1)
             from generate_series(2, {PARTS}, 2) as part"
        ))
        .expect("the parts are made");
}

/// Where a filled cluster's data are kept for the next run.
pub struct Kept {
    directory: PathBuf,
}

impl Kept {
    /// Where `WO_BENCH_KEEP` is 1: the place for what such sizes, such SQL of the extension and such a
    /// server make.
    pub fn asked_for(cluster: &Cluster, options: &Options) -> Option<Self> {
        (std::env::var("WO_BENCH_KEEP").as_deref() == Ok("1")).then(|| {
            let mut hasher = DefaultHasher::new();
            (&options.sizes, options.partitions, include_str!("fill.rs")).hash(&mut hasher);
            include_str!("../../sql/stored.sql").hash(&mut hasher);
            let records = Path::new(env!("CARGO_MANIFEST_DIR")).join("../sql");
            let mut files: Vec<PathBuf> =
                std::fs::read_dir(records).unwrap().flatten().map(|file| file.path()).collect();
            files.sort();
            for file in files {
                std::fs::read(file).unwrap_or_default().hash(&mut hasher);
            }
            let version: String =
                ground::ask(&mut cluster.superuser("postgres"), "show server_version");
            version.hash(&mut hasher);
            let name = format!("{:016x}", hasher.finish());
            Self { directory: ground::directory().join("stored").join(name) }
        })
    }

    /// Gives the cluster the kept data in place of its own; false where there are none. Until they are
    /// kept again, they live and die with the cluster.
    pub fn take(&self, cluster: &Cluster) -> bool {
        if !self.directory.exists() {
            return false;
        }
        cluster.stop();
        let data = cluster.data();
        for file in ["postgresql.conf", "pg_hba.conf"] {
            std::fs::copy(data.join(file), self.directory.join(file))
                .expect("the settings are copied");
        }
        std::fs::remove_dir_all(&data).expect("the new data give way");
        moved(&self.directory, &data);
        cluster.launch();
        true
    }

    /// Keeps the data of a cluster that is not needed any more.
    pub fn keep(&self, cluster: &Cluster) {
        cluster.stop();
        let parent = self.directory.parent().expect("it has a parent");
        // There is room for one.
        let _ = std::fs::remove_dir_all(parent);
        std::fs::create_dir_all(parent).expect("the directory is made");
        moved(&cluster.data(), &self.directory);
        println!("    kept in {}", self.directory.display());
    }
}

/// By a rename where that is possible, else as a copy, with owners and rights.
fn moved(from: &Path, to: &Path) {
    let status = Command::new("mv").arg("-T").arg(from).arg(to).status().expect("mv runs");
    assert!(status.success(), "{} is moved to {}", from.display(), to.display());
}
