//! What each layer costs: the processor time that one backend spends on an act, so that neither the
//! disk nor other sessions take part.
//!
//! Bare rows are the floor's statement, planned once as ours are; row security is the same statement
//! on the same tables under our policies; a transition is the whole product. The hash chain's share is the core's own code,
//! run here on such an entry; what then remains of a transition are the API, the gates, the roles
//! and the triggers. The signature is what a signing costs above a transition, both with a token.

use std::time::Instant;

use postgres::{Client, Statement};
use wo_cluster_tests::backend_pid;
use wo_rules::audit::{Entry, GENESIS};

use crate::figure::{Book, Figure};
use crate::ground;
use crate::measure::take_turns;
use crate::options::Options;
use crate::sign::Signing;

const PART: &str = "layers";
/// Acts in one batch.
const BATCH: usize = 400;

pub fn measure(book: &mut Book, options: &Options) {
    let cluster = ground::cluster(&[]);
    let db = ground::database(&cluster, options.partitions);
    let company = ground::found(&db);
    ground::give_work(&db, 1);
    ground::lay_floor(&db);
    db.superuser().batch_execute(include_str!("../sql/layers_setup.sql")).unwrap();
    ground::tidy(&mut db.superuser());
    let floor = statements(include_str!("../sql/transition/floor.sql"));
    let fenced: Vec<String> = floor.iter().map(|sql| sql.replace("floor.", "fenced.")).collect();
    let product = statements(include_str!("../sql/transition/login.sql"));
    let mut acting = [
        Acting::new(db.superuser(), &floor, &company.tenant),
        Acting::new(db.connect("captain"), &fenced, &company.tenant),
        Acting::new(db.connect("captain"), &product, &company.tenant),
    ];
    for one in &mut acting {
        one.act(20);
    }
    let mut times = take_turns(options.rounds * 2 + 1, 4, |at, _| match acting.get_mut(at) {
        Some(one) => one.act(BATCH),
        None => chain(),
    });
    let problem = ground::check_chains(&db).err();
    let firsts: Vec<f64> = (0..options.rounds)
        .map(|_| Acting::new(db.connect("captain"), &product, &company.tenant).first())
        .collect();
    let (bare, fenced, chained) = (times.remove(0), times.remove(0), times.remove(1));
    let transition = times.remove(0);
    let less = |more: &[f64], fewer: &[f64]| -> Vec<f64> {
        more.iter().zip(fewer).map(|(more, fewer)| more - fewer).collect()
    };
    let secured = less(&fenced, &bare);
    let gated = less(&less(&transition, &fenced), &chained);
    let layers = [
        ("bare rows (record, history, outbox)", &bare),
        ("+ row security", &secured),
        ("+ API, gates, roles, triggers (what remains)", &gated),
        ("+ hash chain (canonical bytes, SHA-256)", &chained),
        ("= one transition, processor time of its backend", &transition),
    ];
    for (name, times) in layers {
        let figure = Figure::new(name, "µs", times).unless(problem.clone());
        book.add(PART, figure.against("a transition", times, &transition));
    }
    let name = "the first transition of a new session";
    book.add(PART, Figure::new(name, "µs", &firsts).against("a later one", &firsts, &transition));
    signature(book, options);
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

/// Microseconds that the core takes for the hash of one such entry.
fn chain() -> f64 {
    let entry = Entry {
        tenant_id: "0190b2d4-5f3c-7c1e-9a6b-0242ac120002".into(),
        subject: "work_order".into(),
        subject_id: "0190b2d4-61aa-7d2f-8b7c-0242ac120002".into(),
        sequence: 7,
        recorded_at: "2026-11-21T14:03:07.123456Z".into(),
        action: "block".into(),
        actor: Some("captain".into()),
        reason: Some("waiting for a part".into()),
        from_status: Some("in_progress".into()),
        to_status: Some("blocked".into()),
        record_version: Some(7),
        changes: r#"{"notes":{"old":"arrived","new":"waiting for a part"}}"#.into(),
        client_address: None,
        application: Some("bench".into()),
        login_role: "captain".into(),
        authenticated_by: "login".into(),
        transaction_id: "1234567".into(),
    };
    let start = Instant::now();
    for _ in 0..BATCH {
        std::hint::black_box(std::hint::black_box(&entry).hash(&GENESIS));
    }
    start.elapsed().as_secs_f64() * 1e6 / BATCH as f64
}
