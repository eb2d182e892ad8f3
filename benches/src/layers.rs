//! What each layer costs: the processor time that one backend spends on an act, so that neither the
//! disk nor other sessions take part.
//!
//! Bare rows are the floor's statement, planned once as ours are; row security is the same statement
//! on the same tables under our policies; a transition is the whole product. Gates with roles and the
//! hash chain are the core's own code, run here on such a record and such an entry. What then remains
//! of a transition is the API, the triggers, the reading of roles and facts, and the answer, less what
//! the executor spends on the floor's statement and we do not, who write history and event without
//! it; so it may be negative.
//! The signature is what a signing costs above a transition, both with a token.

use std::time::Instant;

use postgres::{Client, Statement};
use wo_cluster_tests::{Database, backend_pid};
use wo_core_cases::{Case, case};

use crate::figure::{Book, Figure};
use crate::ground::{self, Company};
use crate::measure::take_turns;
use crate::options::Options;
use crate::sign::Signing;

const PART: &str = "layers";
/// Acts in one batch: so few that whatever else the machine does meets all ways alike.
const BATCH: usize = 100;
/// Batches of each way in a round.
const BATCHES: usize = 12;
/// How often the core's own code runs in one.
const CORE: u32 = 2_000;

pub fn measure(book: &mut Book, options: &Options) {
    let cluster = ground::cluster(&[]);
    let db = ground::database(&cluster, options.partitions);
    let company = ground::found(&db);
    ground::give_work(&db, 1);
    ground::lay_floor(&db);
    db.superuser().batch_execute(include_str!("../sql/layers_setup.sql")).unwrap();
    ground::tidy(&mut db.superuser());
    let floor = statements(include_str!("../sql/transition/floor.sql"));
    let isolated: Vec<String> =
        floor.iter().map(|sql| sql.replace("floor.", "isolated.")).collect();
    let product = statements(include_str!("../sql/transition/login.sql"));
    let mut acting = [
        Acting::new(db.superuser(), &floor, &company.tenant),
        Acting::new(db.connect("captain"), &isolated, &company.tenant),
        Acting::new(db.connect("captain"), &product, &company.tenant),
    ];
    for one in &mut acting {
        one.act(20);
    }
    let core = ["gates_fleet_task", "entry_hash"].map(|name| case(name).expect("the case holds"));
    let (acts, ways) = (acting.len(), acting.len() + core.len());
    let times = take_turns(options.rounds * BATCHES, ways, |at, _| match acting.get_mut(at) {
        Some(one) => one.act(BATCH),
        None => run(&core[at - acts]),
    });
    let problem = ground::check_chains(&db).err();
    let [bare, isolated, transition, gated, chained] = &times[..] else { unreachable!() };
    let less = |more: &[f64], fewer: &[f64]| -> Vec<f64> {
        more.iter().zip(fewer).map(|(more, fewer)| more - fewer).collect()
    };
    let secured = less(isolated, bare);
    let rest = less(&less(&less(transition, isolated), gated), chained);
    let layers = [
        ("bare rows (record, history, outbox)", bare),
        ("+ row security", &secured),
        ("+ gates and roles (the core's decision)", gated),
        ("+ hash chain (canonical bytes, SHA-256)", chained),
        ("+ API and triggers, less the executor's work (what remains)", &rest),
        ("= one transition, processor time of its backend", transition),
    ];
    for (name, times) in layers {
        let figure = Figure::new(name, "µs", times).unless(problem.clone());
        book.add(PART, figure.against("a transition", times, transition));
    }
    first(book, options, &db, &company, ("the first transition of a new session", transition));
    let plain = ground::plain_cluster(&[]);
    let db = ground::database(&plain, options.partitions);
    let company = ground::found(&db);
    ground::give_work(&db, 1);
    ground::tidy(&mut db.superuser());
    first(
        book,
        options,
        &db,
        &company,
        ("the same where the library is not preloaded", transition),
    );
    signature(book, options);
}

/// What a session spends on its first transition, beside what a later one costs.
fn first(
    book: &mut Book,
    options: &Options,
    db: &Database<'_>,
    company: &Company,
    (name, later): (&str, &[f64]),
) {
    let product = statements(include_str!("../sql/transition/login.sql"));
    let firsts: Vec<f64> = (0..options.rounds * BATCHES)
        .map(|_| Acting::new(db.connect("captain"), &product, &company.tenant).first())
        .collect();
    let figure = Figure::new(name, "µs", &firsts).against("a later one", &firsts, later);
    book.add(PART, figure.unless(ground::check_chains(db).err()));
}

fn signature(book: &mut Book, options: &Options) {
    let rounds = options.rounds.min(5);
    let signing = Signing::prepare(1, rounds + 1, 40);
    let mut client = signing.connect();
    let pid = backend_pid(&mut client);
    let mut times = [Vec::new(), Vec::new()];
    for round in 0..=rounds {
        for (way, statements) in
            [signing.transitions(0), signing.signatures(0, round)].iter().enumerate()
        {
            let before = spent(pid);
            for statement in statements {
                client.batch_execute(statement).unwrap();
            }
            // The first round warms up.
            if round > 0 {
                times[way].push((spent(pid) - before) / 1e3 / statements.len() as f64);
            }
        }
    }
    let [moved, signed] = times;
    let more: Vec<f64> = signed.iter().zip(&moved).map(|(more, fewer)| more - fewer).collect();
    let name = "a transition whose transaction brings a token";
    book.add(PART, Figure::new(name, "µs", &moved));
    let figure = Figure::new("+ signature, above such a transition", "µs", &more);
    book.add(PART, figure.against("with a token", &more, &moved).unless(signing.check().err()));
}

/// The statements of a script of pgbench, its variables made parameters: tenant, client, number.
pub fn statements(script: &str) -> Vec<String> {
    let lines: Vec<&str> = script.lines().filter(|line| !line.starts_with('\\')).collect();
    let sql = lines
        .join("\n")
        .replace(":tenant", "$1::text")
        .replace(":client_id", "$2::int")
        .replace("|| :i", "|| $3::int");
    sql.split(";\n")
        .map(|one| one.trim().trim_end_matches(';'))
        .filter(|one| !one.is_empty())
        // Every statement is given all three.
        .map(|one| match one.strip_prefix("select ") {
            Some(rest) => format!("select $1::text, {rest}"),
            None => one.to_owned(),
        })
        .collect()
}

/// One session that makes transitions.
pub struct Acting<'a> {
    client: Client,
    pid: i32,
    statements: Vec<Statement>,
    tenant: &'a str,
}

impl<'a> Acting<'a> {
    pub fn new(mut client: Client, sql: &[String], tenant: &'a str) -> Self {
        let pid = backend_pid(&mut client);
        client.batch_execute("set plan_cache_mode = force_generic_plan").unwrap();
        let statements = sql.iter().map(|sql| client.prepare(sql).unwrap()).collect();
        Self { client, pid, statements, tenant }
    }

    /// Microseconds of processor time for the first act of the session; the others take it back.
    fn first(&mut self) -> f64 {
        let first = self.act(1);
        for statement in &self.statements[1..] {
            self.client.execute(statement, &[&self.tenant, &0, &1]).unwrap();
        }
        first
    }

    /// Microseconds of processor time for each act.
    pub fn act(&mut self, times: usize) -> f64 {
        let before = spent(self.pid);
        for at in 0..times {
            let number = i32::try_from(at / self.statements.len()).unwrap() % 20 + 1;
            let statement = &self.statements[at % self.statements.len()];
            self.client.execute(statement, &[&self.tenant, &0, &number]).unwrap();
        }
        (spent(self.pid) - before) / 1e3 / times as f64
    }
}

/// Nanoseconds that a process has had a processor.
pub fn spent(pid: i32) -> f64 {
    let text = std::fs::read_to_string(format!("/proc/{pid}/schedstat")).unwrap();
    text.split(' ').next().unwrap().parse().unwrap()
}

/// Microseconds that the core takes for one such piece of work.
fn run(case: &Case) -> f64 {
    let start = Instant::now();
    (0..CORE).for_each(|_| case());
    start.elapsed().as_secs_f64() * 1e6 / f64::from(CORE)
}
