//! How fast the trail is verified, and whether the time grows as the trail does.

use postgres::Client;
use wo_cluster_tests::Database;

use crate::figure::{Book, Figure, Target};
use crate::ground;
use crate::measure::{Spread, take_turns, timed};
use crate::options::Options;

const PART: &str = "verification";
/// Entries per second of the largest trail, in times of the smallest's.
const LINEAR: Target = Target::AtLeast(0.8);

pub fn measure(book: &mut Book, options: &Options) {
    let cluster = ground::cluster(&[]);
    let sizes: &[u32] =
        if options.full { &[10_000, 100_000, 1_000_000] } else { &[10_000, 100_000] };
    let mut trails: Vec<(u32, Database<'_>, Client)> =
        sizes.iter().map(|entries| trail(&cluster, options, *entries)).collect();
    let mut problem = None;
    let rates = take_turns(options.rounds, trails.len(), |at, _| {
        let (entries, _, client) = &mut trails[at];
        let sql = "select bool_and(intact), sum(entries)::bigint from wo.verify_audit()";
        let (seconds, row) = timed(|| client.query_one(sql, &[]).unwrap());
        let verified: i64 = row.get(1);
        if row.get::<_, Option<bool>>(0) != Some(true) || verified < i64::from(*entries) {
            problem = Some(format!("{verified} entries of {entries}, or not intact"));
        }
        verified as f64 / seconds
    });
    for (at, (entries, ..)) in trails.iter().enumerate() {
        let figure =
            Figure::new(format!("wo.verify_audit, {entries} entries"), "entries/s", &rates[at])
                .unless(problem.clone());
        book.add(
            PART,
            if at == 0 {
                figure
            } else {
                figure
                    .against(&format!("of {}", sizes[0]), &rates[at], &rates[0])
                    .must(Some(LINEAR))
            },
        );
    }
    ledger(book, &mut trails);
}

/// A database with at least so many entries, twenty for each work order.
fn trail<'c>(
    cluster: &'c wo_cluster_tests::Cluster,
    options: &Options,
    entries: u32,
) -> (u32, Database<'c>, Client) {
    let db = ground::database(cluster, options.partitions);
    ground::found(&db);
    let mut captain = db.connect("captain");
    captain
        .execute(
            "insert into wo.work_order (title, assignee, notes)
             select '[Bench-Load] Replace the pump', 'captain', 'arrived' from generate_series(1, $1::int)",
            &[&i32::try_from(entries / 20).unwrap()],
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
    (entries, db, captain)
}

/// The ledger's own verification and size, where there is a ledger with anything in it.
fn ledger(book: &mut Book, trails: &mut [(u32, Database<'_>, Client)]) {
    let Some((entries, db, captain)) = trails.last_mut() else { return };
    let mut admin = db.superuser();
    let exists = "select to_regclass('wo.ledger_tile') is not null";
    if !ground::ask::<bool>(&mut admin, exists) {
        for name in ["wo.verify_ledger", "sealing", "ledger's size for each entry"] {
            book.unavailable(PART, name, "this version has no ledger");
        }
        return;
    }
    let sealed: i64 =
        ground::ask(&mut admin, "select coalesce(max(size), 0)::bigint from wo.ledger_checkpoint");
    if sealed == 0 {
        book.unavailable(PART, "wo.verify_ledger", "nothing is sealed without a worker and a key");
        return;
    }
    let (seconds, _) = timed(|| captain.query("select * from wo.verify_ledger()", &[]).unwrap());
    let rate = [sealed as f64 / seconds];
    book.add(PART, Figure::new(format!("wo.verify_ledger, {entries} entries"), "entries/s", &rate));
    let bytes: i64 =
        ground::ask(&mut admin, "select pg_total_relation_size('wo.ledger_tile')::bigint");
    let each = Spread::of(&[bytes as f64 / sealed as f64]).median;
    book.add(PART, Figure::new("ledger's size for each entry", "bytes", &[each]));
}
