//! Giving a signature (fresh token, challenge, key, verification, trail, event) against moving a
//! work order of the same lifecycle with a token of its own.
//!
//! Each client is a person of their own. Both acts are one round trip: BEGIN, wo.authenticate, the
//! act, COMMIT. The challenges are requested and signed before the clock starts, because that happens
//! on the signer's side.

use std::sync::Barrier;
use std::time::Instant;

use postgres::Client;
use uuid::Uuid;
use wo_cluster_tests::Cluster;
use wo_cluster_tests::signing::{Ask, Company, SERVICE};

use crate::figure::{Book, Figure, Target};
use crate::ground;
use crate::measure::take_turns;
use crate::options::{Options, number};

const PART: &str = "sign";
const CLIENTS: usize = 16;
const TARGET: Target = Target::AtLeast(0.5);
/// So many acts of each session come before the clock starts: its first plans and looks things up.
const WARM: usize = 8;

pub fn measure(book: &mut Book, options: &Options) {
    let acts = number("WO_BENCH_SIGNATURES", 60) as usize;
    let signing = Signing::prepare(CLIENTS, options.rounds + 1, acts);
    let rates = take_turns(options.rounds + 1, 2, |way, round| {
        let statements: Vec<Vec<String>> = (0..CLIENTS)
            .map(|client| match way {
                0 => signing.transitions(client),
                _ => signing.signatures(client, round),
            })
            .collect();
        signing.run(&statements)
    });
    // The first of each warms up.
    let (moved, signed) = (&rates[0][1..], &rates[1][1..]);
    let figure = Figure::new(format!("signature, {CLIENTS} clients"), "/s", signed)
        .against("transition, both with a token", signed, moved)
        .must(Some(TARGET))
        .unless(signing.check().err());
    book.add(PART, figure);
}

/// A company whose signers have answered challenges that wait to be handed in.
pub struct Signing {
    company: Company,
    /// Acts of one client in one round.
    acts: usize,
    /// Signatures expected in the end.
    expected: usize,
    tokens: Vec<String>,
    worker: String,
    /// By signer: the challenge and its answer.
    signed: Vec<Vec<(Uuid, String)>>,
    /// A work order in progress for each client.
    moving: Vec<String>,
}

impl Signing {
    /// So many clients, each of whom signs so many times in each round, and some more before its clock
    /// starts.
    pub fn prepare(clients: usize, rounds: usize, acts: usize) -> Self {
        let acts = WARM + acts;
        // It lives until the process ends, as the company in it does.
        let cluster: &'static Cluster = Box::leak(Box::new(ground::cluster(&[
            ("wo_core.challenge_lifetime", "86400"),
            ("wo_core.signing_token_age", "86400"),
            ("shared_preload_libraries", "wo_core"),
        ])));
        let company = Company::found_in(cluster.database());
        let signers: Vec<String> = (0..clients).map(|place| format!("signer_{place}")).collect();
        for one in &signers {
            company.hire(one, &["system_owner"]);
            company.enroll(one);
        }
        let numbers = waiting(&company, clients * rounds * acts);
        let signed = signers
            .iter()
            .zip(numbers.chunks(rounds * acts))
            .map(|(one, numbers)| answered(&company, one, "system_owner", numbers))
            .collect();
        let moving: Vec<String> = (0..clients).map(|_| company.reach("in_progress")).collect();
        company.database.superuser().batch_execute("vacuum analyze").unwrap();
        let tokens = signers.iter().map(|one| company.token(one)).collect();
        let worker = company.token("worker");
        // Each work order on its way to be in progress was signed twice.
        let expected = clients * rounds * acts + 2 * clients;
        Self { company, acts, expected, tokens, worker, signed, moving }
    }

    pub fn connect(&self) -> Client {
        self.company.database.connect(SERVICE)
    }

    /// One round's signatures of one client.
    pub fn signatures(&self, client: usize, round: usize) -> Vec<String> {
        self.signed[client][round * self.acts..(round + 1) * self.acts]
            .iter()
            .map(|(id, signature)| {
                with_token(&self.tokens[client], &format!("select wo.sign('{id}', '{signature}')"))
            })
            .collect()
    }

    /// One round's transitions of one client.
    pub fn transitions(&self, client: usize) -> Vec<String> {
        (0..self.acts)
            .map(|act| {
                let to = if act % 2 == 0 { "blocked" } else { "in_progress" };
                let moving = &self.moving[client];
                let act = format!("select wo.transition('{moving}', '{to}', 'because')");
                with_token(&self.worker, &act)
            })
            .collect()
    }

    /// Runs each client's statements, all at once; acts per second.
    fn run(&self, statements: &[Vec<String>]) -> f64 {
        let barrier = Barrier::new(statements.len() + 1);
        let mut clients: Vec<Client> = statements.iter().map(|_| self.connect()).collect();
        let count: usize = statements.iter().map(|all| all.len() - WARM).sum();
        let took = std::thread::scope(|scope| {
            for (client, statements) in clients.iter_mut().zip(statements) {
                let barrier = &barrier;
                scope.spawn(move || {
                    let (before, timed) = statements.split_at(WARM);
                    for statement in before {
                        client.batch_execute(statement).unwrap();
                    }
                    barrier.wait();
                    for statement in timed {
                        client.batch_execute(statement).unwrap();
                    }
                    barrier.wait();
                });
            }
            barrier.wait();
            let begun = Instant::now();
            barrier.wait();
            begun.elapsed()
        });
        count as f64 / took.as_secs_f64()
    }

    /// Whether every signature was kept and the chains hold.
    pub fn check(&self) -> Result<(), String> {
        let company = &self.company;
        let held: i64 =
            company.one("postgres", "select count(*) from wo.approval where decision = 'approved'");
        if held as usize != self.expected {
            return Err(format!("{held} signatures were kept of {}", self.expected));
        }
        let intact: bool = company.one("owner", "select bool_and(intact) from wo.verify_audit()");
        if intact { Ok(()) } else { Err("the audit chains do not hold".into()) }
    }
}

/// Regulatory work orders that wait for the signatures of their plan.
fn waiting(company: &Company, count: usize) -> Vec<String> {
    let make = format!(
        "insert into wo.work_order (title, description, assignee, regulatory)
         select 'Mend the pump', 'It leaks.', 'worker', true from generate_series(1, {count});
         update wo.work_order set status = 'pending_approval', reason = 'because' where status = 'draft'"
    );
    company.run("originator", &make);
    company.all(
        "originator",
        "select wo_number from wo.work_order where status = 'pending_approval' order by id",
    )
}

/// The challenges of somebody for all of these, answered.
fn answered(company: &Company, who: &str, role: &str, numbers: &[String]) -> Vec<(Uuid, String)> {
    let mut all = Vec::with_capacity(numbers.len());
    for some in numbers.chunks(200) {
        let made = company
            .acting(who, |acting| {
                some.iter()
                    .map(|one| Ask::approve(one, role, "plan").on(acting))
                    .collect::<Result<Vec<_>, _>>()
            })
            .unwrap();
        all.extend(made.into_iter().map(|one| (one.id, company.signature(who, &one.payload))));
    }
    all
}

fn with_token(token: &str, act: &str) -> String {
    format!("begin; select wo.authenticate('{token}'); {act}; commit")
}
