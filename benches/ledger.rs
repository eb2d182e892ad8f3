//! Sealing the trail into the ledger and verifying it: entries a second, bytes an entry, and the cost
//! of one run that seals the little that was written since the last.
//!
//! The trail is that of work orders that are changed again and again. `WO_BENCH_ENTRIES` (100000) says
//! how many entries it has at least. Exits with 1 where sealing is slower than the target.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::time::Instant;

use wo_cluster_tests::Cluster;
use wo_cluster_tests::signing::{Company, ROOT};
use wo_rules::ledger::key::SealingKey;

/// Entries a second that one sealer must keep up with.
const TARGET: f64 = 5_000.0;

const SEAL: &str = "select done from wo.tick() where job = 'entries_sealed'";

fn seal(company: &Company) -> i32 {
    company.one(ROOT, SEAL)
}

fn main() {
    let entries: i64 = std::env::var("WO_BENCH_ENTRIES")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(100_000);
    let cluster: &'static Cluster = Box::leak(Box::new(Cluster::own(&[
        ("shared_buffers", "512MB"),
        ("max_wal_size", "8GB"),
        ("shared_preload_libraries", "wo_core"),
        ("wo_core.sealing_key_file", "../keys/%d.key"),
    ])));
    let keys = cluster.make_dir("keys");
    let company = Company::found_in(cluster.database());
    let key = SealingKey::new("bench.example", &wo_cli::new_key().unwrap().to_bytes()).unwrap();
    let file = keys.join(format!("{}.key", company.database.name()));
    fs::write(&file, key.text().as_str()).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    let owner = fs::metadata(&keys).unwrap();
    chown(&file, Some(owner.uid()), Some(owner.gid())).unwrap();

    let make = "insert into wo.work_order (title, description)
        select 'Mend the pump', 'It leaks.' from generate_series(1, 2000)";
    company.run("originator", make);
    let held = || -> i64 { company.one(ROOT, "select count(*) from wo.audit_entry") };
    let mut turn = 0;
    while held() < entries {
        turn += 1;
        company.run(
            "originator",
            &format!("update wo.work_order set due_date = current_date + {turn}, reason = 'again'"),
        );
    }
    company.run(ROOT, "vacuum analyze");

    let begun = Instant::now();
    let mut sealed = 0;
    loop {
        let done = seal(&company);
        if done == 0 {
            break;
        }
        sealed += done;
    }
    let rate = f64::from(sealed) / begun.elapsed().as_secs_f64();
    println!("sealing {sealed} entries, 20,000 at a time:");
    println!("  {rate:8.0}/s  entries sealed (target {TARGET})");

    let mut runs: Vec<f64> = (0..20)
        .map(|turn| {
            company.run(
                "originator",
                &format!(
                    "update wo.work_order set due_date = current_date - {turn}, reason = 'again'
                     where id in (select id from wo.work_order order by id limit 500)"
                ),
            );
            let begun = Instant::now();
            assert!(seal(&company) >= 500);
            begun.elapsed().as_secs_f64() * 1_000.0
        })
        .collect();
    runs.sort_by(f64::total_cmp);
    println!("  {:8.1} ms  a run that seals 500 new entries (median of 20)", runs[10]);

    let bytes: i64 = company.one(
        ROOT,
        "select pg_total_relation_size('wo.ledger_tile') + pg_total_relation_size('wo.ledger_checkpoint')",
    );
    let stored: i64 = company.one(
        ROOT,
        "select sum(octet_length(hashes) + coalesce(octet_length(names), 0))::bigint from wo.ledger_tile",
    );
    let size = held() as f64;
    println!("  {:8.1} bytes  hashes and names an entry", stored as f64 / size);
    println!("  {:8.1} bytes  on disk an entry, before a vacuum", bytes as f64 / size);

    let begun = Instant::now();
    let intact: bool = company.one(ROOT, "select bool_and(intact) from wo.verify_ledger()");
    let verified = size / begun.elapsed().as_secs_f64();
    assert!(intact, "the ledger does not hold");
    println!("  {verified:8.0}/s  entries verified against the ledger");
    let begun = Instant::now();
    let intact: bool = company.one(ROOT, "select bool_and(intact) from wo.reconcile()");
    assert!(intact, "the records do not hold");
    let reconciled = size / begun.elapsed().as_secs_f64();
    println!("  {reconciled:8.0}/s  entries reconciled with the records");
    std::process::exit(i32::from(rate < TARGET));
}
