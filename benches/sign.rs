//! Giving a signature (fresh token, challenge, key, verification, trail, event) against moving a
//! work order of the same lifecycle with a token of its own, from 16 clients.
//!
//! Each client is a person of their own. Both acts are one round trip: BEGIN, wo.authenticate, the act, COMMIT. The challenges are requested and
//! signed before the clock starts, because that happens on the signer's side. The variants take turns,
//! and the median of the rounds counts. `WO_BENCH_ROUNDS` (5) sets how often each runs,
//! `WO_BENCH_ACTS` (60) how many acts each client makes in a round. Exits with 1 where the target is
//! missed.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use postgres::Client;
use std::sync::Barrier;
use std::time::Instant;
use uuid::Uuid;
use wo_cluster_tests::Cluster;
use wo_cluster_tests::signing::{Ask, Company, SERVICE};

const CLIENTS: usize = 16;
const TARGET: f64 = 0.5;

fn number(name: &str, default: usize) -> usize {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
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

/// Runs each client's statements, all at once; acts per second.
fn run(company: &Company, statements: &[Vec<String>]) -> f64 {
    let barrier = Barrier::new(statements.len() + 1);
    let mut clients: Vec<Client> =
        statements.iter().map(|_| company.database.connect(SERVICE)).collect();
    let count: usize = statements.iter().map(Vec::len).sum();
    let took = std::thread::scope(|scope| {
        for (client, statements) in clients.iter_mut().zip(statements) {
            let barrier = &barrier;
            scope.spawn(move || {
                client.batch_execute("select wo.whoami()").unwrap();
                barrier.wait();
                for statement in statements {
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

fn with_token(token: &str, act: &str) -> String {
    format!("begin; select wo.authenticate('{token}'); {act}; commit")
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn main() {
    let cluster: &'static Cluster = Box::leak(Box::new(Cluster::own(&[
        ("fsync", "on"),
        ("synchronous_commit", "on"),
        ("full_page_writes", "on"),
        ("shared_buffers", "512MB"),
        ("max_wal_size", "8GB"),
        ("wal_level", "replica"),
        ("wo_core.challenge_lifetime", "86400"),
        ("wo_core.signing_token_age", "86400"),
        ("shared_preload_libraries", "wo_core"),
    ])));
    let company = Company::found_in(cluster.database());
    let (rounds, acts) = (number("WO_BENCH_ROUNDS", 5), number("WO_BENCH_ACTS", 60));
    let of_round = CLIENTS * acts;
    let signers: Vec<String> = (0..CLIENTS).map(|place| format!("signer_{place}")).collect();
    for one in &signers {
        company.hire(one, &["system_owner"]);
        company.enroll(one);
    }
    let numbers = waiting(&company, (rounds + 1) * of_round);
    let signed: Vec<Vec<(Uuid, String)>> = signers
        .iter()
        .zip(numbers.chunks((rounds + 1) * acts))
        .map(|(one, numbers)| answered(&company, one, "system_owner", numbers))
        .collect();
    let moving: Vec<String> = (0..CLIENTS).map(|_| company.reach("in_progress")).collect();
    company.database.superuser().batch_execute("vacuum analyze").unwrap();

    let tokens: Vec<String> = signers.iter().map(|one| company.token(one)).collect();
    let sign = |round: usize| -> Vec<Vec<String>> {
        signed
            .iter()
            .zip(&tokens)
            .map(|(signed, token)| {
                signed[round * acts..(round + 1) * acts]
                    .iter()
                    .map(|(id, signature)| {
                        with_token(token, &format!("select wo.sign('{id}', '{signature}')"))
                    })
                    .collect()
            })
            .collect()
    };
    let worker = company.token("worker");
    let transition = || -> Vec<Vec<String>> {
        moving
            .iter()
            .map(|one| {
                (0..acts)
                    .map(|act| {
                        let to = if act % 2 == 0 { "blocked" } else { "in_progress" };
                        with_token(
                            &worker,
                            &format!("select wo.transition('{one}', '{to}', 'because')"),
                        )
                    })
                    .collect()
            })
            .collect()
    };
    let (mut signatures, mut transitions) = (Vec::new(), Vec::new());
    for round in 0..=rounds {
        let (one, other) = (run(&company, &sign(round)), run(&company, &transition()));
        // The first round warms up.
        if round > 0 {
            signatures.push(one);
            transitions.push(other);
        }
    }
    let (signature, transition) = (median(&mut signatures), median(&mut transitions));
    let ratio = signature / transition;
    println!("{CLIENTS} clients, medians of {rounds} rounds:");
    println!("  {transition:8.0}/s  transition, token in each transaction");
    println!("  {signature:8.0}/s  signature, token in each transaction");
    println!("  {ratio:8.2} × the transition (target {TARGET})");
    let held: i64 =
        company.one("postgres", "select count(*) from wo.approval where decision = 'approved'");
    let expected = i64::try_from((rounds + 1) * of_round + 2 * CLIENTS).unwrap();
    assert_eq!(held, expected, "every signature was kept");
    let intact: bool = company.one("owner", "select bool_and(intact) from wo.verify_audit()");
    assert!(intact, "the chains do not hold");
    std::process::exit(i32::from(ratio < TARGET));
}
