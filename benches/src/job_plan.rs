//! Job plans: publishing one of a hundred steps, recording its steps against transitions, and applying it to a
//! thousand work orders against one statement that puts the same rows into plain tables.

use serde_json::{Value, json};
use wo_cluster_tests::Database;

use crate::figure::{Book, Figure, Target};
use crate::ground;
use crate::load::{Load, Way};
use crate::measure::{take_turns, timed};
use crate::options::Options;
use crate::transition::{LOGIN, variables};

const PART: &str = "job_plan";
/// Of the rate of transitions.
const RECORDED: Target = Target::AtLeast(0.7);
/// Of the rate of inserts of the same rows.
const APPLIED: Target = Target::AtLeast(0.4);
const CLIENTS: [u32; 2] = [1, 16];
const STEPS: u32 = 100;
/// Work orders of each client in a round, all of whose steps it records.
const EACH: u32 = 4;
const COUNT: usize = 1_000;

const RECORD: Way = Way {
    name: "a step is recorded",
    script: include_str!("../sql/step.sql"),
    role: "captain",
    acts: 1,
    counts: "select (select count(*) from wo.step_result),
        (select count(*) from wo.audit_entry where subject = 'work_order'),
        (select count(*) from wo.event where type <> 'wo.checkpoint')",
};

const APPLY: &str = "select count(wo.apply_job_plan(id::text, 'hundred')) from wo.work_order where wo_number like $1";
const APPLY_FLOOR: &str = include_str!("../sql/apply_floor.sql");
const CREATE: &str =
    "select count(*) filter (where created), min(error::text) from wo.create_work_orders($1)";
const CREATE_FLOOR: &str = include_str!("../sql/create_floor.sql");

pub fn measure(book: &mut Book, options: &Options) {
    let cluster = ground::cluster(&[]);
    let db = ground::database(&cluster, options.partitions);
    let company = ground::found(&db);
    ground::give_work(&db, CLIENTS[1]);
    ground::lay_floor(&db);
    db.superuser()
        .batch_execute(
            "create table floor.pinned (like wo.work_order_job_plan including defaults including indexes)",
        )
        .expect("the plain table is made");
    publish(book, &db, options);
    let variables = variables(&company);
    for clients in CLIENTS {
        record(book, &db, options, clients, &variables);
    }
    apply(book, &db, options, &company.tenant);
    create(book, &db, options, &company.tenant);
    if let Err(problem) = ground::check_chains(&db) {
        book.add(PART, Figure::new("chains", "", &[]).unless(Some(problem)));
    }
}

/// A plan of so many steps.
fn document(title: &str) -> Value {
    let step = |at: u32| json!({"key": format!("s{at}"), "kind": "do", "instruction": "Replace a part of the pump."});
    json!({ "name": "hundred", "description": title, "steps": (0..STEPS).map(step).collect::<Value>() })
}

fn publish(book: &mut Book, db: &Database<'_>, options: &Options) {
    let mut captain = db.connect("captain");
    let policy = "select wo.set_definition_policy('job_plan', 'publication')";
    captain.batch_execute(policy).expect("the administrator leaves it to the publication");
    let publish = "select wo.publish_definition('job_plan', $1)";
    let took: Vec<f64> = (0..=options.rounds)
        .map(|round| {
            let given = document(&format!("Version {round}"));
            let (seconds, _) =
                timed(|| captain.query_one(publish, &[&given]).expect("it is published"));
            seconds * 1000.0
        })
        .collect();
    // The first warms up.
    let name = format!("publish a plan of {STEPS} steps");
    book.add(PART, Figure::new(name, "ms", &took[1..]));
}

/// Work orders in progress with a plan: `S-<round>-<client>-<0…>`.
fn give_steps(db: &Database<'_>, round: usize, clients: u32) {
    db.connect("captain")
        .batch_execute(&format!(
            "insert into wo.work_order (wo_number, title, assignee)
             select 'S-{round}-' || client || '-' || i, '[Bench-Load] Replace the pump', 'captain'
             from generate_series(0, {clients} - 1) as client, generate_series(0, {EACH} - 1) as i;
             insert into wo.work_order_job_plan (work_order_id, name, reason)
             select id, 'hundred', 'measured' from wo.work_order where wo_number like 'S-{round}-%';
             update wo.work_order set status = 'accepted' where wo_number like 'S-{round}-%';
             update wo.work_order set status = 'in_progress' where wo_number like 'S-{round}-%';"
        ))
        .expect("the work orders are made");
    ground::tidy(&mut db.superuser());
}

fn record(
    book: &mut Book,
    db: &Database<'_>,
    options: &Options,
    clients: u32,
    variables: &[(&str, &str)],
) {
    let ways = [LOGIN, RECORD];
    let acts = clients * STEPS * EACH;
    let mut number = clients as usize * 1_000;
    let runs = crate::load::turns(options.rounds, &ways, |_, way| {
        number += 1;
        let round = number.to_string();
        if way.name == RECORD.name {
            give_steps(db, number, clients);
        }
        let more = [variables, &[("n", "0"), ("round", &round)]].concat();
        let load = Load {
            database: db,
            clients,
            seconds: options.seconds,
            variables: &more,
            latencies: false,
        };
        load.run_acts(way, acts)
    });
    book.add(PART, runs.figure(0, 0, clients));
    book.add(PART, runs.figure(1, 0, clients).must(Some(RECORDED)));
}

fn apply(book: &mut Book, db: &Database<'_>, options: &Options, tenant: &str) {
    let (mut superuser, mut captain) = (db.superuser(), db.connect("captain"));
    let mut batches = 0;
    let rounds = take_turns(options.rounds + 1, 2, |way, _| {
        batches += 1;
        let numbers = format!("A-{batches}-%");
        let schema = if way == 0 { "floor" } else { "wo" };
        captain
            .batch_execute(&format!(
                "insert into wo.work_order (wo_number, title, assignee)
                 select 'A-{batches}-' || i, '[Bench-Load] Replace the pump', 'captain'
                 from generate_series(1, {COUNT}) as i"
            ))
            .expect("the work orders are made");
        if schema == "floor" {
            let copy = format!(
                "insert into floor.work_order select * from wo.work_order where wo_number like '{numbers}'"
            );
            superuser.batch_execute(&copy).expect("they are copied");
        }
        ground::tidy(&mut superuser);
        let (seconds, made) = if way == 0 {
            timed(|| superuser.execute(APPLY_FLOOR, &[&tenant, &numbers]).unwrap())
        } else {
            timed(|| captain.query_one(APPLY, &[&numbers]).unwrap().get::<_, i64>(0) as u64)
        };
        assert_eq!(made as usize, COUNT, "all have it, way {way}");
        COUNT as f64 / seconds
    });
    let (floor, ours) = (&rounds[0][1..], &rounds[1][1..]);
    let name = format!("a plan of {STEPS} steps applied to {COUNT} in one statement");
    book.add(
        PART,
        Figure::new(name, "/s", ours).against("INSERT … SELECT", ours, floor).must(Some(APPLIED)),
    );
}

/// Made with their plan in one call, against the statement that makes them and the one that gives them a plan.
fn create(book: &mut Book, db: &Database<'_>, options: &Options, tenant: &str) {
    let (mut superuser, mut captain) = (db.superuser(), db.connect("captain"));
    let mut batches = 0;
    let rounds = take_turns(options.rounds + 1, 3, |way, _| {
        batches += 1;
        let one = |at: usize| {
            let mut one = json!({ "title": format!("[Bench-Load] Pump {batches}-{at}"), "assignee": "captain" });
            if way == 2 {
                one["job_plan"] = json!("hundred");
            }
            one
        };
        let given: Value = (0..COUNT).map(one).collect();
        let (seconds, made) = if way == 0 {
            timed(|| superuser.execute(CREATE_FLOOR, &[&given, &tenant]).unwrap())
        } else {
            timed(|| {
                let row = captain.query_one(CREATE, &[&given]).unwrap();
                assert_eq!(row.get::<_, Option<String>>(1), None, "none was refused");
                row.get::<_, i64>(0) as u64
            })
        };
        assert_eq!(made as usize, COUNT, "all were made, way {way}");
        COUNT as f64 / seconds
    });
    let [floor, bare, ours] = [0, 1, 2].map(|way: usize| &rounds[way][1..]);
    let name = format!("{COUNT} with a plan in one call of wo.create_work_orders");
    book.add(
        PART,
        Figure::new(name.clone(), "/s", ours).against(
            "INSERT … SELECT without a plan",
            ours,
            floor,
        ),
    );
    book.add(PART, Figure::new(name, "/s", ours).against("the same without a plan", ours, bare));
}
