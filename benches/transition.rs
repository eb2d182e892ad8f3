//! One transition with everything on (row security, roles, gates, hash chain, outbox) against the
//! floor: the same durable rows with no rule checked.
//!
//! Every figure is a ratio within one run: the variants take turns, and the median of the rounds
//! counts. `WO_BENCH_SECONDS` (3) and `WO_BENCH_ROUNDS` (5) set how long and how often each runs;
//! `WO_BENCH_PARTITIONS` (1) how many partitions the work orders have. Exits with 1 where a target
//! is missed.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeMap;
use std::path::Path;
use wo_cluster_tests::{Cluster, Database};

const CLIENTS: [u32; 2] = [1, 16];
const TARGET: f64 = 0.6;

/// A way of making the same transitions.
struct Variant {
    name: &'static str,
    script: &'static str,
    role: &'static str,
    /// Must reach the target.
    judged: bool,
}

const VARIANTS: &[Variant] = &[
    Variant { name: "floor", script: "floor", role: "postgres", judged: false },
    Variant { name: "login role", script: "login", role: "captain", judged: true },
    Variant { name: "session token", script: "session", role: "service", judged: true },
    Variant {
        name: "login role, BEGIN; SELECT 1; …; COMMIT",
        script: "bare",
        role: "captain",
        judged: false,
    },
    Variant { name: "token in each transaction", script: "each", role: "service", judged: false },
    Variant { name: "login role, with NOTIFY", script: "login", role: "notifier", judged: false },
];

fn number(name: &str, default: u32) -> u32 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

fn setup(db: &Database<'_>) -> (String, String) {
    for (role, groups) in [
        ("captain", &["wo_user", "wo_admin"][..]),
        ("service", &["wo_user"]),
        ("notifier", &["wo_user"]),
    ] {
        db.login(role, groups);
    }
    let key = wo_cli::new_key().unwrap();
    let public = wo_cli::public_key(&key.verifying_key());
    let mut admin = db.superuser();
    admin
        .batch_execute(&format!(
            "alter role captain set wo_core.notify = off;
             alter role service set wo_core.notify = off;
             alter role service set wo_core.session_scope = on;
             select wo.create_tenant('bench', 'Bench', 'fleet_task');
             begin;
             select wo.administer('bench');
             select wo.create_principal('captain', roles => '{{captain}}', db_role => 'captain');
             select wo.create_principal('agent', kind => 'agent', roles => '{{captain}}');
             select wo.create_principal('notifier', roles => '{{captain}}', db_role => 'notifier');
             select wo.trust_issuer('bench', 'k1', '{public}');
             commit;"
        ))
        .unwrap();
    let mut captain = db.connect("captain");
    captain
        .batch_execute(
            "insert into wo.work_order (wo_number, title, assignee, notes, description)
             select 'B-' || client || '-' || i, '[Bench-Load] Replace the pump', 'captain', 'arrived',
                repeat('The pump of line 4 is to be replaced. ', 6)
             from generate_series(0, 63) as client, generate_series(1, 20) as i;
             update wo.work_order set status = 'accepted';
             update wo.work_order set status = 'in_progress';",
        )
        .unwrap();
    admin.batch_execute(include_str!("transition/floor_setup.sql")).unwrap();
    admin.batch_execute("vacuum analyze").unwrap();
    let tenant: uuid::Uuid =
        admin.query_one("select tenant_id from wo.tenant", &[]).unwrap().get(0);
    let mut request = wo_cli::TokenRequest::new("k1", "bench", "agent", "wo_core", tenant);
    request.expires_at = request.issued_at + chrono::Duration::hours(12);
    (tenant.to_string(), wo_cli::token(&key, &request).unwrap())
}

/// Transitions per second: each script makes two.
fn run(db: &Database<'_>, variant: &Variant, clients: u32, tenant: &str, token: &str) -> f64 {
    let script = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join(format!("../benches/transition/{}.sql", variant.script));
    // The server's own user may not read the checkout.
    let copy = db.cluster().dir().join(format!("{}.sql", variant.script));
    std::fs::copy(script, &copy).unwrap();
    let output = db
        .tool("pgbench", variant.role)
        .args(["--no-vacuum", "--protocol=prepared", "--report-per-command"])
        .arg(format!("--client={clients}"))
        .arg(format!("--jobs={}", clients.min(2)))
        .arg(format!("--time={}", number("WO_BENCH_SECONDS", 3)))
        .arg(format!("--define=tenant={tenant}"))
        .arg(format!("--define=token={token}"))
        .arg("--define=started=false")
        .arg("--file")
        .arg(&copy)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "pgbench failed: {text}{errors}");
    let failed = text.lines().find(|line| line.starts_with("number of failed transactions"));
    assert!(failed.is_none_or(|line| line.contains(": 0 ")), "{text}");
    let tps: f64 = text
        .lines()
        .find_map(|line| line.strip_prefix("tps = ")?.split(' ').next()?.parse().ok())
        .unwrap();
    tps * 2.0
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Every transition left one entry and one event, and the chains hold.
fn check(db: &Database<'_>) {
    let row = db
        .connect("captain")
        .query_one(
            "select (select sum(version) from wo.work_order)
                = (select count(*) from wo.audit_entry where subject = 'work_order'),
                (select count(*) from wo.audit_entry where subject = 'work_order') = (select count(*) from wo.event),
                (select bool_and(intact) from wo.verify_audit())",
            &[],
        )
        .unwrap();
    assert!(row.get::<_, bool>(0), "versions and entries differ");
    assert!(row.get::<_, bool>(1), "entries and events differ");
    assert!(row.get::<_, bool>(2), "the chains do not hold");
}

fn main() {
    let partitions = number("WO_BENCH_PARTITIONS", 1).to_string();
    let cluster = Cluster::own(&[
        ("fsync", "on"),
        ("synchronous_commit", "on"),
        ("full_page_writes", "on"),
        ("shared_buffers", "512MB"),
        ("max_wal_size", "8GB"),
        ("wal_level", "replica"),
        ("autovacuum", "off"),
    ]);
    let db = cluster.empty_database();
    db.superuser()
        .batch_execute(&format!(
            "load 'wo_core'; set wo_core.work_order_partitions = {partitions}; create extension wo_core"
        ))
        .unwrap();
    let (tenant, token) = setup(&db);
    let rounds = number("WO_BENCH_ROUNDS", 5);
    let mut missed = false;
    for clients in CLIENTS {
        let mut rates: BTreeMap<usize, Vec<f64>> = BTreeMap::new();
        for variant in VARIANTS {
            run(&db, variant, clients.min(2), &tenant, &token);
        }
        for _ in 0..rounds {
            for (index, variant) in VARIANTS.iter().enumerate() {
                let rate = run(&db, variant, clients, &tenant, &token);
                rates.entry(index).or_default().push(rate);
            }
        }
        println!("\n{clients} client(s), {partitions} partition(s), medians of {rounds} rounds:");
        let mut floor = None;
        for (index, variant) in VARIANTS.iter().enumerate() {
            let rate = median(rates.get_mut(&index).unwrap());
            let floor = *floor.get_or_insert(rate);
            let ratio = rate / floor;
            let verdict = match variant.judged {
                true if ratio < TARGET => {
                    missed = true;
                    format!("  MISSED: must reach {TARGET}")
                }
                true => format!("  (target {TARGET})"),
                false => String::new(),
            };
            println!("  {ratio:5.2} × floor  {rate:8.0}/s  {}{verdict}", variant.name);
        }
    }
    check(&db);
    println!("\nEvery transition left one entry and one event; the chains hold.");
    std::process::exit(i32::from(missed));
}
