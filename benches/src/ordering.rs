//! What the order of events costs: the lock that a writer takes before its first position, sixteen
//! writers of one tenant against sixteen tenants, and readers behind a transaction that stays open.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use postgres::Client;
use wo_cluster_tests::{Cluster, Database, backend_pid};

use crate::figure::{Book, Figure, Target};
use crate::ground;
use crate::load::{Load, Runs, Way, turns};
use crate::measure::{Spread, take_turns};
use crate::options::Options;
use crate::transition::{COUNTS, LOGIN};
use crate::{layers, transition, watch};

const PART: &str = "ordering";
const CLIENTS: u32 = 16;
/// Transactions in a batch of the lock's own cost.
const BATCH: u32 = 5_000;
/// What the writers' lock is waited for as: by name, and inside the lock manager.
const LOCK_WAITS: [&str; 2] = ["Lock:advisory", "LWLock:LockManager"];
/// Of sixteen tenants' transitions, those of one.
const TENANTS: Target = Target::AtLeast(0.9);

const SPREAD: Way = Way {
    name: "session token",
    script: include_str!("../sql/ordering_session.sql"),
    role: "service",
    acts: 2,
    counts: COUNTS,
};

pub fn measure(book: &mut Book, options: &Options) {
    let cluster = ground::cluster(&[]);
    tenants(book, options, &cluster);
    let db = ground::database(&cluster, options.partitions);
    let company = ground::found(&db);
    ground::give_work(&db, CLIENTS + 1);
    ground::tidy(&mut db.superuser());
    lock(book, options, &db, &company);
    readers(book, options, &db, &company);
}

/// Sixteen clients who all work for one tenant, and who work for one each.
fn tenants(book: &mut Book, options: &Options, cluster: &Cluster) {
    let databases = [CLIENTS, 1].map(|tenants| {
        let db = ground::database(cluster, options.partitions);
        found_many(&db, tenants);
        ground::tidy(&mut db.superuser());
        db
    });
    let ways = [Way { name: "sixteen tenants", ..SPREAD }, Way { name: "one tenant", ..SPREAD }];
    let runs: Runs<'_> = turns(options.few_rounds(), &ways, |way, act| {
        let variables = [("started", "false")];
        let seconds = options.seconds;
        let database = &databases[way];
        Load { database, clients: CLIENTS, seconds, variables: &variables, latencies: false }
            .run(act)
    });
    runs.publish(book, PART, CLIENTS, |_| Some(TENANTS));
    let waits = runs.waits(1);
    let all: i64 = waits.values().sum();
    let waited: i64 = LOCK_WAITS.iter().filter_map(|event| waits.get(*event)).sum();
    let share = [100.0 * waited as f64 / all as f64];
    book.add(
        PART,
        Figure::new("looks at a writer that found it waiting for the lock", "%", &share)
            .detail("looks", all)
            .note(format!("{} of {all}, as {}", waited, LOCK_WAITS.join(" or ")))
            .unless(runs.problem(1)),
    );
}

/// So many tenants with an agent each, among whom the clients are divided; what each client brings is
/// in `public.token`.
fn found_many(db: &Database<'_>, tenants: u32) {
    db.login("service", &["wo_user"]);
    // Numbers of one's own are for an administrator's import.
    db.login("importer", &["wo_user", "wo_admin"]);
    let key = wo_cli::new_key().expect("a key is made");
    let public = wo_cli::public_key(&key.verifying_key());
    let mut admin = db.superuser();
    admin
        .batch_execute(
            "alter role service set wo_core.notify = off; alter role service set wo_core.session_scope = on;
             create table public.token (client integer primary key, token text not null);
             grant select on public.token to service",
        )
        .unwrap();
    for number in 0..tenants {
        let make = format!(
            "select wo.create_tenant('bench{number}', 'Bench', 'fleet_task');
             begin;
             select wo.administer('bench{number}');
             select wo.create_principal('agent', kind => 'agent', roles => '{{captain}}');
             select wo.trust_issuer('bench', 'k1', '{public}');
             commit"
        );
        admin.batch_execute(&make).unwrap();
        let sql = format!("select tenant_id from wo.tenant where slug = 'bench{number}'");
        let tenant = admin.query_one(&sql, &[]).unwrap().get(0);
        let mut request = wo_cli::TokenRequest::new("k1", "bench", "agent", "wo_core", tenant);
        request.expires_at = request.issued_at + chrono::Duration::hours(12);
        let token = wo_cli::token(&key, &request).unwrap();
        for client in (0..CLIENTS).filter(|client| client % tenants == number) {
            give_work(db, &token, client);
            let sql = "insert into public.token values ($1, $2)";
            admin.execute(sql, &[&i32::try_from(client).unwrap(), &token]).unwrap();
        }
    }
}

fn give_work(db: &Database<'_>, token: &str, client: u32) {
    let each = ground::EACH;
    db.connect("importer")
        .batch_execute(&format!(
            "begin;
             select wo.authenticate('{token}');
             insert into wo.work_order (wo_number, title, assignee, notes, description)
             select 'B-{client}-' || i, '[Bench-Load] Replace the pump', 'agent', 'arrived',
                repeat('The pump of line 4 is to be replaced. ', 6)
             from generate_series(1, {each}) as i;
             update wo.work_order set status = 'accepted' where status = 'pending';
             update wo.work_order set status = 'in_progress' where status = 'accepted';
             commit"
        ))
        .unwrap();
}

/// The processor time of the lock, of the number, and of the transition that they are part of.
fn lock(book: &mut Book, options: &Options, db: &Database<'_>, company: &ground::Company) {
    let loops = [
        "null",
        "perform nextval('public.number')",
        "perform pg_advisory_xact_lock_shared(number); perform nextval('public.number')",
    ]
    .map(|act| {
        format!("do $$ begin for number in 1..{BATCH} loop {act}; commit; end loop; end $$")
    });
    let mut admin = db.superuser();
    admin.batch_execute("create sequence public.number").unwrap();
    let pid = backend_pid(&mut admin);
    let product = layers::statements(LOGIN.script);
    let mut acting = layers::Acting::new(db.connect("captain"), &product, &company.tenant);
    acting.act(20);
    let times = take_turns(options.rounds * 2 + 1, loops.len() + 1, |at, _| match loops.get(at) {
        Some(act) => {
            let before = layers::spent(pid);
            admin.batch_execute(act).unwrap();
            (layers::spent(pid) - before) / 1e3 / f64::from(BATCH)
        }
        None => acting.act(400),
    });
    // The first of each warms up.
    let less = |more: usize, fewer: usize| -> Vec<f64> {
        times[more][1..].iter().zip(&times[fewer][1..]).map(|(more, fewer)| more - fewer).collect()
    };
    let transition = &times[3][1..];
    for (name, cost) in [
        ("drawing a position (nextval), as the floor does too", less(1, 0)),
        ("the writer's lock before it (pg_advisory_xact_lock_shared)", less(2, 1)),
    ] {
        let figure = Figure::new(name, "µs", &cost).against("a transition", &cost, transition);
        book.add(PART, figure);
    }
}

/// How far behind a reader of the outbox is, in seconds.
struct Reading {
    lags: Vec<f64>,
    read: i64,
}

/// A reader who takes all that there is, again and again, beside sixteen writers: alone, and while
/// somebody keeps a transaction open that has written.
fn readers(book: &mut Book, options: &Options, db: &Database<'_>, company: &ground::Company) {
    let variables = transition::variables(company);
    let load = Load {
        database: db,
        clients: CLIENTS,
        seconds: options.seconds.max(3),
        variables: &variables,
        latencies: false,
    };
    let mut reader = db.connect("captain");
    reader
        .batch_execute(
            "select wo.create_consumer('bench', (select last_value from wo.event_position))",
        )
        .unwrap();
    let mut beside = |hold: bool| {
        let mut holder = db.connect("captain");
        if hold {
            let write = format!(
                "begin; select wo.transition('B-{CLIENTS}-1', 'blocked', 'waiting for a part')"
            );
            holder.batch_execute(&write).unwrap();
        }
        let (sample, reading) = read_beside(&mut reader, || load.run(&LOGIN));
        let ended = Instant::now();
        holder.batch_execute(if hold { "rollback" } else { "select" }).unwrap();
        while read(&mut reader).1 > 0 {}
        (sample, reading, ended.elapsed().as_secs_f64())
    };
    let clear = beside(false);
    let held = beside(true);
    let problem = [&clear, &held].iter().find_map(|(sample, ..)| sample.as_ref().err().cloned());
    let of = |reading: &Reading| Spread::of(&reading.lags).median * 1e3;
    let name = "a reader's lag, no transaction stays open";
    let figure = Figure::new(name, "ms", &[of(&clear.1)]).detail("read", clear.1.read);
    book.add(PART, figure.unless(problem.clone()));
    let worst = |reading: &Reading| reading.lags.iter().copied().fold(0.0, f64::max);
    let figure = Figure::new("the same, at worst", "ms", &[worst(&clear.1) * 1e3]);
    book.add(PART, figure.unless(problem.clone()));
    let seconds = load.seconds;
    let figure = Figure::new("a reader's lag behind a transaction that stays open", "s", &[worst(&held.1)])
        .detail("read", held.1.read)
        .note(format!("it is open for {seconds} s and somewhat more: nothing behind its first position is read until it ends"));
    book.add(PART, figure.unless(problem.clone()));
    let figure = Figure::new("until all was read after it ended", "s", &[held.2]);
    book.add(PART, figure.unless(problem.clone()));
    let rates = |(sample, ..): &(Result<crate::load::Sample, String>, Reading, f64)| {
        [sample.as_ref().map_or(f64::NAN, |sample| sample.rate)]
    };
    let (beside_held, beside_none) = (rates(&held), rates(&clear));
    let waits = watch::sum(held.0.iter().map(|sample| sample.waits.clone()));
    book.add(
        PART,
        Figure::new("transitions beside it, 16 clients", "/s", &beside_held)
            .against("no transaction open", &beside_held, &beside_none)
            .waits(&waits)
            .unless(problem),
    );
}

/// Runs something beside a reader who reads and acknowledges.
fn read_beside<T>(reader: &mut Client, run: impl FnOnce() -> T) -> (T, Reading) {
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let reading = scope.spawn(|| {
            let mut seen = Reading { lags: Vec::new(), read: 0 };
            while !done.load(Ordering::Relaxed) {
                let (lag, number) = read(reader);
                seen.read += number;
                seen.lags.push(lag);
                std::thread::sleep(Duration::from_millis(20));
            }
            seen
        });
        let result = run();
        done.store(true, Ordering::Relaxed);
        (result, reading.join().expect("somebody read"))
    })
}

/// Reads the next events and acknowledges them: how long the oldest of those that wait, read just now
/// or not to be read yet, has waited, in seconds, and how many were read.
fn read(reader: &mut Client) -> (f64, i64) {
    let sql = "with waiting as (
            select extract(epoch from clock_timestamp() - told.recorded_at)::float8 as lag
            from wo.event as told
            where told.tenant_id = wo.current_tenant()
                and told.position > (select position from wo.event_consumer where consumer = 'bench')
            order by told.position limit 1
        ), given as materialized (
            select max(position) as newest, count(*) as number from wo.fetch_events('bench', 10000)
        )
        select coalesce((select lag from waiting), 0), given.number,
            case when given.number > 0 then wo.acknowledge('bench', given.newest) end
        from given";
    let row = reader.query_one(sql, &[]).expect("the outbox can be read");
    (row.get(0), row.get(1))
}
