//! What many transitions leave behind while autovacuum runs as it does by default: whether they get
//! slower, how much the tables and their indexes grow, dead rows, and updates that left their page.

use postgres::Client;
use serde_json::json;

use crate::figure::{Book, Figure, Target};
use crate::ground;
use crate::load::{Load, Sample};
use crate::options::Options;
use crate::transition::{self, LOGIN};
use crate::watch;

const PART: &str = "bloat";
const CLIENTS: u32 = 16;
const TENTHS: usize = 10;
/// So many of the first and of the last are compared: one alone may meet something else.
const COMPARED: usize = 3;
/// The last tenths' rate, in times of the first ones'.
const STEADY: Target = Target::AtLeast(0.9);
/// By name, and whether each transition adds a row to it.
const TABLES: [(&str, bool); 3] =
    [("wo.work_order", false), ("wo.audit_entry", true), ("wo.event", true)];

/// Bytes and rows of a table with all that belongs to it.
struct Size {
    table: i64,
    indexes: i64,
    dead: i64,
    vacuums: i64,
}

pub fn measure(book: &mut Book, options: &Options) {
    let cluster = ground::cluster(&[("autovacuum", "on")]);
    let db = ground::database(&cluster, options.partitions);
    let company = ground::found(&db);
    ground::give_work(&db, CLIENTS);
    let mut admin = db.superuser();
    ground::tidy(&mut admin);
    let variables = transition::variables(&company);
    let load = Load {
        database: &db,
        clients: CLIENTS,
        seconds: options.seconds,
        variables: &variables,
        latencies: false,
    };
    // Neither the first tenth nor any other is to have cold files of its own.
    let warm = load.run(&LOGIN).err();
    let before = sizes(&mut admin);
    let acts = options.acts / TENTHS as u32;
    let tenths: Result<Vec<Sample>, String> =
        (0..TENTHS).map(|_| load.run_acts(&LOGIN, acts)).collect();
    let problem =
        warm.or_else(|| tenths.as_ref().err().cloned()).or_else(|| ground::check_chains(&db).err());
    let tenths = tenths.unwrap_or_default();
    let rates: Vec<f64> = tenths.iter().map(|tenth| tenth.rate).collect();
    let (first, last) = match rates.len() {
        TENTHS => (&rates[..COMPARED], &rates[TENTHS - COMPARED..]),
        _ => (&rates[..0], &rates[..0]),
    };
    let all = options.acts;
    book.add(
        PART,
        Figure::new(format!("the last {COMPARED} tenths of {all} transitions"), "/s", last)
            .against(&format!("the first {COMPARED}"), last, first)
            .must(Some(STEADY))
            .detail("tenths", json!(rates))
            .waits(&watch::sum(tenths.into_iter().map(|tenth| tenth.waits)))
            .unless(problem.clone()),
    );
    let after = sizes(&mut admin);
    for ((table, is_added_to), (before, after)) in TABLES.iter().zip(before.iter().zip(&after)) {
        grown(book, table, *is_added_to, all, before, after, problem.clone());
    }
    let stayed: f64 = ground::ask(
        &mut admin,
        "select (100.0 * sum(n_tup_hot_upd) / greatest(sum(n_tup_upd), 1))::float8
         from pg_stat_user_tables where schemaname = 'wo' and relname ~ '^work_order(_p[0-9]+)?$'",
    );
    book.add(
        PART,
        Figure::new("updates that stayed on their page", "%", &[stayed]).unless(problem),
    );
}

fn grown(
    book: &mut Book,
    table: &str,
    is_added_to: bool,
    acts: u32,
    before: &Size,
    after: &Size,
    problem: Option<String>,
) {
    let megabytes = |bytes: i64| [bytes as f64 / 1e6];
    let pairs = [("", before.table, after.table), (", its indexes", before.indexes, after.indexes)];
    for (what, before, now) in pairs {
        let each = (now - before) as f64 / f64::from(acts);
        let figure = Figure::new(format!("{table}{what}"), "MB", &megabytes(now))
            .detail("bytes", now)
            .detail("bytes_before", before)
            .unless(problem.clone());
        book.add(
            PART,
            match is_added_to {
                true => figure.note(format!("{each:.0} bytes for each transition")),
                false => figure.against("before", &megabytes(now), &megabytes(before)),
            },
        );
    }
    if !is_added_to {
        let vacuums = after.vacuums - before.vacuums;
        let figure = Figure::new(format!("{table}, dead rows"), "rows", &[after.dead as f64])
            .detail("autovacuums", vacuums)
            .note(format!("autovacuum came {vacuums} times"))
            .unless(problem);
        book.add(PART, figure);
    }
}

fn sizes(admin: &mut Client) -> Vec<Size> {
    // What backends have counted reaches the statistics within a second of their end.
    std::thread::sleep(std::time::Duration::from_secs(1));
    let sql = "select coalesce(sum(pg_table_size(leaf.relid)), 0)::bigint,
            coalesce(sum(pg_indexes_size(leaf.relid)), 0)::bigint,
            coalesce(sum(pg_stat_get_dead_tuples(leaf.relid)), 0)::bigint,
            coalesce(sum(pg_stat_get_autovacuum_count(leaf.relid)), 0)::bigint
        from (
            select relid from pg_partition_tree($1::text::regclass) where isleaf
            union
            select oid from pg_class where oid = $1::text::regclass and relkind = 'r'
        ) as leaf";
    let mut size = |table: &str| {
        let row = admin.query_one(sql, &[&table]).expect("the table has a size");
        Size { table: row.get(0), indexes: row.get(1), dead: row.get(2), vacuums: row.get(3) }
    };
    TABLES.iter().map(|(table, _)| size(table)).collect()
}
