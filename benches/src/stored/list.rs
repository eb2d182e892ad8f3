//! Listing 50 of a tenant's work orders under row security against the same query by a superuser,
//! whom no policy holds, with the tenant in its WHERE.

use std::time::Instant;

use postgres::{Client, Statement};
use wo_cluster_tests::Database;

use super::PART;
use crate::figure::{Book, Figure, Target};
use crate::ground;
use crate::measure::take_turns;
use crate::options::Options;

/// Time under row security, in times of the superuser's.
const TARGET: Target = Target::AtMost(1.1);

/// How often a variant asks in a round.
const BATCH: u32 = 20;

/// Rounds of what is judged: each takes milliseconds.
const ROUNDS: usize = 60;

struct Filter {
    name: &'static str,
    condition: &'static str,
    arguments: &'static str,
    /// Must reach the target.
    judged: bool,
}

const FILTERS: &[Filter] = &[
    Filter {
        name: "status",
        condition: "status = 'review'",
        arguments: "status => 'review'",
        judged: true,
    },
    Filter {
        name: "project",
        condition: "project = 'P7'",
        arguments: "project => 'P7'",
        judged: true,
    },
    Filter {
        name: "assignee",
        condition: "assignee = 'Mac CLI 小克'",
        arguments: "assignee => 'Mac CLI 小克'",
        judged: true,
    },
    // Status stands in no index: what nobody but the oldest has is looked for from the newest on.
    Filter {
        name: "a rare status",
        condition: "status = 'rejected'",
        arguments: "status => 'rejected'",
        judged: false,
    },
];

/// A way of asking: the role, whether the query is prepared once, and what it is for a filter and a
/// tenant.
struct Variant {
    name: &'static str,
    role: &'static str,
    prepared: bool,
    query: fn(&Filter, &str) -> String,
    /// The variant that it is compared with.
    floor: usize,
    judged: bool,
}

const VARIANTS: &[Variant] = &[
    Variant {
        name: "superuser with WHERE tenant_id",
        role: "postgres",
        prepared: true,
        query: with_tenant,
        floor: 0,
        judged: false,
    },
    Variant {
        name: "wo_user under row security",
        role: "reader",
        prepared: true,
        query: plain,
        floor: 0,
        judged: true,
    },
    Variant {
        name: "wo.list_work_orders",
        role: "reader",
        prepared: true,
        query: call,
        floor: 0,
        judged: false,
    },
    Variant {
        name: "superuser, planned each time",
        role: "postgres",
        prepared: false,
        query: with_tenant,
        floor: 3,
        judged: false,
    },
    Variant {
        name: "wo_user, planned each time",
        role: "reader",
        prepared: false,
        query: plain,
        floor: 3,
        judged: false,
    },
    Variant {
        name: "wo.list_work_orders, planned each time",
        role: "reader",
        prepared: false,
        query: call,
        floor: 3,
        judged: false,
    },
];

fn select(condition: &str) -> String {
    format!(
        "select wo_number, id, title, status, priority, project, assignee, due_date, created_at, version
         from wo.work_order where {condition} and locked_at is null order by id desc limit 50"
    )
}

fn plain(filter: &Filter, _: &str) -> String {
    select(filter.condition)
}

fn with_tenant(filter: &Filter, tenant: &str) -> String {
    select(&format!("tenant_id = '{tenant}' and {}", filter.condition))
}

fn call(filter: &Filter, _: &str) -> String {
    format!("select * from wo.list_work_orders({})", filter.arguments)
}

/// Both ask for the same rows, and neither reads the table from end to end or sorts it.
fn check(db: &Database<'_>, filter: &Filter, tenant: &str) {
    let mut numbers = Vec::new();
    for variant in VARIANTS {
        let query = (variant.query)(filter, tenant);
        let mut client = db.connect(variant.role);
        let rows = client.query(&query, &[]).unwrap();
        numbers.push(rows.iter().map(|row| row.get::<_, String>(0)).collect::<Vec<_>>());
        let plan: Vec<String> = client
            .query(&format!("explain {query}"), &[])
            .unwrap()
            .iter()
            .map(|row| row.get(0))
            .collect();
        let is_slow = |line: &String| line.contains("Seq Scan") || line.contains("->  Sort");
        let is_fast =
            !plan.iter().any(is_slow) && plan.iter().any(|line| line.contains("Index Scan"));
        assert!(is_fast || !filter.judged, "{}: {plan:#?}", variant.name);
    }
    assert_eq!(numbers[0].len(), 50, "{}", filter.name);
    assert!(numbers.iter().all(|found| *found == numbers[0]), "{}: {numbers:?}", filter.name);
}

/// Somebody who asks again and again.
struct Asking {
    client: Client,
    prepared: Option<Statement>,
    query: String,
}

impl Asking {
    fn new(db: &Database<'_>, variant: &Variant, query: String) -> Self {
        let mut client = db.connect(variant.role);
        let prepared = variant.prepared.then(|| client.prepare(&query).unwrap());
        let mut asking = Self { client, prepared, query };
        // Plans are settled after five executions, caches filled after the first.
        asking.ask(6);
        asking
    }

    /// Milliseconds for one question.
    fn ask(&mut self, times: u32) -> f64 {
        let start = Instant::now();
        for _ in 0..times {
            match &self.prepared {
                Some(statement) => drop(self.client.query(statement, &[]).unwrap()),
                None => drop(self.client.simple_query(&self.query).unwrap()),
            }
        }
        start.elapsed().as_secs_f64() * 1000.0 / f64::from(times)
    }
}

pub fn measure(book: &mut Book, options: &Options, db: &Database<'_>, stored: u32) {
    let mut admin = db.superuser();
    let tenant: String =
        ground::ask(&mut admin, "select tenant_id::text from wo.tenant where slug = 'bench'");
    for filter in FILTERS {
        check(db, filter, &tenant);
        let mut asking: Vec<Asking> = VARIANTS
            .iter()
            .map(|variant| Asking::new(db, variant, (variant.query)(filter, &tenant)))
            .collect();
        // What is not judged may take a second.
        let (rounds, batch) = if filter.judged { (ROUNDS, BATCH) } else { (options.rounds, 1) };
        let times = take_turns(rounds, VARIANTS.len(), |at, _| asking[at].ask(batch));
        for (variant, own) in VARIANTS.iter().zip(&times) {
            let name = format!("50 of {stored} by {}, {}", filter.name, variant.name);
            let floor = &times[variant.floor];
            let judged = (filter.judged && variant.judged).then_some(TARGET);
            let figure = Figure::new(name, "ms", own);
            let is_floor = std::ptr::eq(own, floor);
            book.add(
                PART,
                if is_floor {
                    figure
                } else {
                    figure.against(VARIANTS[variant.floor].name, own, floor).must(judged)
                },
            );
        }
    }
}
