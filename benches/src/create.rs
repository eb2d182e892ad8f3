//! A thousand work orders made in one call, against one statement that puts the same rows, from the
//! same JSON, into plain tables.

use serde_json::{Value, json};
use wo_cluster_tests::Database;

use crate::figure::{Book, Figure, Target};
use crate::ground;
use crate::load::log_position;
use crate::measure::{take_turns, timed};
use crate::options::Options;

const PART: &str = "create";
const COUNT: usize = 1_000;
const TARGET: Target = Target::AtLeast(0.4);
/// Thousands that are made before any statistics are gathered.
const FROM_NOTHING: usize = 4;
/// What the last of them must reach of the first.
const STAYS: Target = Target::AtLeast(0.7);
const CALL: &str =
    "select count(*) filter (where created), min(error::text) from wo.create_work_orders($1)";
const FLOOR: &str = include_str!("../sql/create_floor.sql");

pub fn measure(book: &mut Book, options: &Options) {
    let cluster = ground::cluster(&[]);
    let db = ground::database(&cluster, options.partitions);
    let company = ground::found(&db);
    ground::lay_floor(&db);
    let thousands = from_nothing(&db);
    ground::tidy(&mut db.superuser());
    let (mut superuser, mut captain) = (db.superuser(), db.connect("captain"));
    let (call, floor) = (captain.prepare(CALL).unwrap(), superuser.prepare(FLOOR).unwrap());
    let mut observer = db.superuser();
    let mut batches = 0;
    let rounds = take_turns(options.rounds * 4 + 1, 2, |way, _| {
        batches += 1;
        let given = given(batches);
        let before = log_position(&mut observer).unwrap();
        let (seconds, made) = if way == 0 {
            timed(|| superuser.execute(&floor, &[&given, &company.tenant]).unwrap())
        } else {
            timed(|| {
                let row = captain.query_one(&call, &[&given]).unwrap();
                assert_eq!(row.get::<_, Option<String>>(1), None, "none was refused");
                row.get::<_, i64>(0) as u64
            })
        };
        assert_eq!(made as usize, COUNT, "all were made, way {way}");
        let wal = log_position(&mut observer).unwrap() - before;
        (COUNT as f64 / seconds, wal as f64 / COUNT as f64)
    });
    // The first of each warms up.
    let column = |way: usize, value: fn(&(f64, f64)) -> f64| -> Vec<f64> {
        rounds[way].iter().skip(1).map(value).collect()
    };
    let sql = "select (select count(*) from wo.work_order), (select count(*) from floor.work_order),
        (select count(*) from wo.audit_entry where subject = 'work_order'), (select count(*) from floor.history),
        (select count(*) from wo.event), (select count(*) from floor.outbox)";
    let row = observer.query_one(sql, &[]).unwrap();
    let floor = (rounds[0].len() * COUNT) as i64;
    let ours = floor + (thousands.len() * COUNT) as i64;
    let expected = |column: usize| if column.is_multiple_of(2) { ours } else { floor };
    let wrong = (0..row.len()).find(|column| row.get::<_, i64>(*column) != expected(*column));
    let problem = wrong
        .map(|column| format!("{} rows instead of {}", row.get::<_, i64>(column), expected(column)))
        .or_else(|| ground::check_chains(&db).err());
    let rates = |way| column(way, |(rate, _)| *rate);
    let wal = |way| column(way, |(_, wal)| *wal);
    let name = format!("{COUNT} in one call of wo.create_work_orders");
    book.add(
        PART,
        Figure::new(name, "/s", &rates(1))
            .against("INSERT … SELECT", &rates(1), &rates(0))
            .must(Some(TARGET))
            .unless(problem.clone()),
    );
    book.add(
        PART,
        Figure::new("WAL of one of them", "bytes", &wal(1))
            .against("INSERT … SELECT", &wal(1), &wal(0))
            .unless(problem),
    );
    let (first, last) = (&thousands[..1], &thousands[thousands.len() - 1..]);
    let name = format!("the {FROM_NOTHING}th thousand of a session that began on an empty table");
    book.add(
        PART,
        Figure::new(name, "/s", last).against("its first", last, first).must(Some(STAYS)),
    );
}

/// Rates of the first thousands in a session that began on an empty table: its plans know nothing of
/// the rows that came since.
fn from_nothing(db: &Database<'_>) -> Vec<f64> {
    let mut captain = db.connect("captain");
    let call = captain.prepare(CALL).unwrap();
    let thousand = |batch: usize| {
        let given = given(batch);
        let (seconds, row) = timed(|| captain.query_one(&call, &[&given]).unwrap());
        assert_eq!(row.get::<_, i64>(0) as usize, COUNT, "all were made");
        COUNT as f64 / seconds
    };
    (0..FROM_NOTHING).map(thousand).collect()
}

fn given(batch: usize) -> Value {
    let one = |at: usize| {
        json!({
            "title": format!("[Bench-Load] Replace pump {batch}-{at}"),
            "description": "The pump of line 4 is to be replaced. ".repeat(6),
            "assignee": "captain",
        })
    };
    (0..COUNT).map(one).collect()
}
