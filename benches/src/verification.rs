//! How fast the trail, the ledger and the records are verified, whether the time grows as the trail
//! does, how fast a backlog is sealed, and how large the ledger is.

use postgres::Client;
use wo_cluster_tests::{Cluster, Database, Sealing};

use crate::figure::{Book, Figure, Target};
use crate::ground;
use crate::measure::{take_turns, timed};
use crate::options::Options;

const PART: &str = "verification";
/// Entries per second of a trail, in times of the smallest's.
const LINEAR: Target = Target::AtLeast(0.8);
/// How many entries each work order of a trail has.
const EACH: u32 = 20;

/// One run of the sealer, a batch at most; how many entries it sealed.
pub const SEAL: &str = "select done from wo.tick() where job = 'entries_sealed'";

/// Something that verifies all that there is and says whether it holds, and how many entries it saw.
struct Verifier {
    name: &'static str,
    role: &'static str,
    sql: &'static str,
}

const VERIFIERS: [Verifier; 3] = [
    Verifier {
        name: "wo.verify_audit",
        role: "captain",
        sql: "select bool_and(intact), sum(entries)::bigint from wo.verify_audit()",
    },
    Verifier {
        name: "wo.verify_ledger",
        role: "captain",
        sql: "select bool_and(intact), max(verified_to)::bigint from wo.verify_ledger()",
    },
    Verifier {
        name: "wo.reconcile",
        role: "captain",
        sql: "select bool_and(intact), sum(entries)::bigint from wo.reconcile()",
    },
];

struct Trail<'c> {
    entries: u32,
    db: Database<'c>,
}

pub fn measure(book: &mut Book, options: &Options) {
    let cluster = ground::cluster(&[]);
    let sealing = Sealing::install(&cluster, "bench.example/ledger");
    let sizes: &[u32] =
        if options.full { &[10_000, 100_000, 1_000_000] } else { &[10_000, 100_000] };
    let trails: Vec<Trail<'_>> =
        sizes.iter().map(|entries| trail(&cluster, options, &sealing, *entries)).collect();
    seal(book, &trails);
    for verifier in &VERIFIERS {
        verify(book, options, &trails, verifier);
    }
    if let Some(largest) = trails.last() {
        sizes_of(book, largest);
    }
}

fn verify(book: &mut Book, options: &Options, trails: &[Trail<'_>], verifier: &Verifier) {
    let mut problem = None;
    let mut clients: Vec<Client> =
        trails.iter().map(|trail| trail.db.connect(verifier.role)).collect();
    let rates = take_turns(options.rounds.min(5), trails.len(), |at, _| {
        let (seconds, row) = timed(|| clients[at].query_one(verifier.sql, &[]).unwrap());
        let (intact, verified): (Option<bool>, i64) = (row.get(0), row.get(1));
        let entries = trails[at].entries;
        if intact != Some(true) || verified < i64::from(entries) {
            problem = Some(format!("{verified} entries of {entries}, or not intact"));
        }
        verified as f64 / seconds
    });
    for (at, trail) in trails.iter().enumerate() {
        let name = format!("{}, {} entries", verifier.name, trail.entries);
        let figure = Figure::new(name, "entries/s", &rates[at]).unless(problem.clone());
        let base = format!("of {}", trails[0].entries);
        book.add(
            PART,
            match at {
                0 => figure,
                _ => figure.against(&base, &rates[at], &rates[0]).must(Some(LINEAR)),
            },
        );
    }
}

/// A database with at least so many entries, twenty for each work order, that its sealer can seal.
fn trail<'c>(
    cluster: &'c Cluster,
    options: &Options,
    sealing: &Sealing,
    entries: u32,
) -> Trail<'c> {
    let db = ground::database(cluster, options.partitions);
    ground::found(&db);
    lend_key(&db, sealing);
    let mut captain = db.connect("captain");
    captain
        .execute(
            "insert into wo.work_order (title, assignee, notes)
             select '[Bench-Load] Replace the pump', 'captain', 'arrived' from generate_series(1, $1::int)",
            &[&i32::try_from(entries / EACH).unwrap()],
        )
        .unwrap();
    for to in ["accepted", "in_progress"] {
        captain.execute("update wo.work_order set status = $1", &[&to]).unwrap();
    }
    for step in 0..17 {
        let to = if step % 2 == 0 { "blocked" } else { "in_progress" };
        let sql = "update wo.work_order set status = $1, notes = 'step ' || $2::int";
        captain.execute(sql, &[&to, &step]).unwrap();
    }
    ground::tidy(&mut db.superuser());
    Trail { entries, db }
}

/// Lets this database seal with a copy of the key of its own: beside a key, the server keeps the newest
/// checkpoint of one database.
pub fn lend_key(db: &Database<'_>, sealing: &Sealing) {
    let cluster = db.cluster();
    let name = format!("sealing/{}.key", db.name());
    let file = cluster.make_file(&name, &sealing.key().text());
    let pattern = file.with_file_name("%d.key");
    let mut admin = db.superuser();
    for command in [
        format!("alter system set wo_core.sealing_key_file = '{}'", pattern.display()),
        "select pg_reload_conf()".to_owned(),
    ] {
        admin.batch_execute(&command).expect("the key is lent");
    }
}

/// Seals all that there is, a batch at a time; how many entries a second, and how many.
pub fn seal_all(admin: &mut Client) -> (f64, i64) {
    let mut sealed = 0;
    let (seconds, ()) = timed(|| {
        loop {
            let batch: i32 = ground::ask(admin, SEAL);
            sealed += i64::from(batch);
            if batch == 0 {
                break;
            }
        }
    });
    (sealed as f64 / seconds, sealed)
}

fn seal(book: &mut Book, trails: &[Trail<'_>]) {
    let mut smallest = None;
    for trail in trails {
        let (rate, sealed) = seal_all(&mut trail.db.superuser());
        let problem = (sealed < i64::from(trail.entries))
            .then(|| format!("{sealed} entries of {} were sealed", trail.entries));
        let name = format!("sealing a backlog of {} in batches", trail.entries);
        let figure = Figure::new(name, "entries/s", &[rate]).unless(problem);
        book.add(
            PART,
            match smallest {
                None => figure,
                Some(base) => figure.against("of the smallest", &[rate], &[base]),
            },
        );
        smallest.get_or_insert(rate);
    }
}

/// Bytes of the ledger for each entry, as they are stored and as they are needed.
fn sizes_of(book: &mut Book, trail: &Trail<'_>) {
    let mut admin = trail.db.superuser();
    admin.batch_execute("vacuum wo.ledger_tile, wo.ledger_checkpoint").unwrap();
    let mut of = |sql: &str| -> f64 {
        ground::ask(
            &mut admin,
            &format!("select ({sql})::float8 / (select max(size) from wo.ledger_checkpoint)"),
        )
    };
    let needed = of(
        "select sum(octet_length(hashes) + coalesce(octet_length(names), 0)) from wo.ledger_tile",
    );
    let stored = of(
        "select pg_total_relation_size('wo.ledger_tile') + pg_total_relation_size('wo.ledger_checkpoint')",
    );
    let name = format!("ledger on disk for each of {} entries", trail.entries);
    book.add(
        PART,
        Figure::new(name, "bytes", &[stored])
            .against("hashes and names", &[stored], &[needed])
            .note("a tile at the right edge is written again in each batch; vacuum gives its old versions back for reuse"),
    );
}
