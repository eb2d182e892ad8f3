//! Work orders in one table against work orders divided by hash into eight: transitions, creating and
//! listing. A tenant's work orders lie in one partition, so what is measured is what routing costs.

use serde_json::{Value, json};
use wo_cluster_tests::Database;

use crate::figure::{Book, Figure};
use crate::ground::{self, Company};
use crate::load::{Load, Sample};
use crate::measure::{take_turns, timed};
use crate::options::Options;
use crate::transition::{self, LOGIN};
use crate::watch;

const PART: &str = "partitions";
const NUMBERS: [u32; 2] = [1, 8];
const CLIENTS: [u32; 2] = [1, 16];
const MADE: usize = 1_000;
const LISTED: u32 = 200;

struct Divided<'c> {
    db: Database<'c>,
    company: Company,
}

pub fn measure(book: &mut Book, options: &Options) {
    let cluster = ground::cluster(&[]);
    let divided = NUMBERS.map(|partitions| {
        let db = ground::database(&cluster, partitions);
        let company = ground::found(&db);
        ground::give_work(&db, CLIENTS[1]);
        ground::tidy(&mut db.superuser());
        Divided { db, company }
    });
    for clients in CLIENTS {
        transitions(book, options, &divided, clients);
    }
    statements(
        book,
        options.rounds * 2,
        &divided,
        (&format!("create {MADE} in one call"), "/s"),
        |client, batch| {
            let sql = "select count(*) filter (where created) from wo.create_work_orders($1)";
            let (seconds, row) = timed(|| client.query_one(sql, &[&given(batch)]).unwrap());
            assert_eq!(row.get::<_, i64>(0) as usize, MADE, "all were made");
            MADE as f64 / seconds
        },
    );
    statements(
        book,
        options.rounds * 4,
        &divided,
        ("wo.list_work_orders, newest 50", "/s"),
        |client, _| {
            let statement = client.prepare("select * from wo.list_work_orders()").unwrap();
            let (seconds, ()) = timed(|| {
                for _ in 0..LISTED {
                    assert_eq!(client.query(&statement, &[]).unwrap().len(), 50);
                }
            });
            f64::from(LISTED) / seconds
        },
    );
    let problem = divided.iter().find_map(|one| ground::check_chains(&one.db).err());
    if problem.is_some() {
        book.add(PART, Figure::new("chains", "", &[]).unless(problem));
    }
}

fn transitions(book: &mut Book, options: &Options, divided: &[Divided<'_>], clients: u32) {
    let results = take_turns(options.few_rounds(), divided.len(), |at, _| {
        let Divided { db, company } = &divided[at];
        let variables = transition::variables(company);
        let seconds = options.seconds;
        Load { database: db, clients, seconds, variables: &variables, latencies: false }.run(&LOGIN)
    });
    let results: Vec<Result<Vec<Sample>, String>> =
        results.into_iter().map(|samples| samples.into_iter().collect()).collect();
    let rates = results
        .iter()
        .map(|samples| samples.iter().flatten().map(|sample| sample.rate).collect::<Vec<_>>());
    let rates: Vec<Vec<f64>> = rates.collect();
    let waits = watch::sum(results.iter().flatten().flatten().map(|sample| sample.waits.clone()));
    let problem = results.into_iter().find_map(Result::err);
    publish(book, &format!("transition, {clients} clients"), "/s", &rates, |figure| {
        figure.waits(&waits).unless(problem.clone())
    });
}

fn statements(
    book: &mut Book,
    rounds: usize,
    divided: &[Divided<'_>],
    (name, unit): (&str, &'static str),
    run: impl Fn(&mut postgres::Client, usize) -> f64,
) {
    let mut clients: Vec<_> = divided.iter().map(|one| one.db.connect("captain")).collect();
    let rates = take_turns(rounds + 1, divided.len(), |at, round| run(&mut clients[at], round));
    // The first of each warms up.
    let rates: Vec<Vec<f64>> = rates.into_iter().map(|all| all[1..].to_vec()).collect();
    publish(book, name, unit, &rates, |figure| figure);
}

fn publish(
    book: &mut Book,
    name: &str,
    unit: &'static str,
    rates: &[Vec<f64>],
    finish: impl Fn(Figure) -> Figure,
) {
    let name = format!("{name}, {} partitions", NUMBERS[1]);
    let figure = Figure::new(name, unit, &rates[1]).against("one table", &rates[1], &rates[0]);
    book.add(PART, finish(figure));
}

fn given(batch: usize) -> Value {
    let one = |at: usize| json!({ "title": format!("[Bench-Load] Replace pump {batch}-{at}") });
    (0..MADE).map(one).collect()
}
