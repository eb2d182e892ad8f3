//! sqlsmith as an application role: random queries over everything the role can see and call.
//!
//! Nothing of ours is left out. An XX000 (internal error) counts as ours when the server's log says
//! that it was raised in Rust, or below one of our functions or triggers (CONTEXT), or in a function
//! of PostgreSQL's that our code calls with arguments of its own making; another XX000 comes from a
//! function of PostgreSQL's that sqlsmith called with nonsense, and is PostgreSQL's own affair.

use std::collections::BTreeSet;
use std::process::Command;

use wo_cluster_tests::{Cluster, Database};

const QUERIES: &str = "3000";

/// Functions of PostgreSQL's in which an error is our fault, not the query's.
const CALLED_BY_US: [&str; 8] = [
    "GetLatestSnapshot",
    "PushActiveSnapshot",
    "SPI_",
    "index_open",
    "relation_open",
    "set_config_option",
    "RegisterSnapshot",
    "heap_",
];

fn smith(database: &Database<'_>, role: &str, seed: u32) -> String {
    let cluster = database.cluster();
    let target = format!(
        "host={} port={} dbname={} user={role}",
        cluster.dir().display(),
        cluster.port(),
        database.name()
    );
    let output = Command::new("sqlsmith")
        .args([format!("--target={target}"), format!("--seed={seed}")])
        .args([&format!("--max-queries={QUERIES}"), "--exclude-catalog", "--dump-all-queries"])
        .output()
        .expect("sqlsmith is installed by .ci/packages");
    let said = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    let end = said.char_indices().nth_back(3_000).map_or(0, |(at, _)| at);
    assert!(output.status.success(), "{}: {}", output.status, &said[end..]);
    said
}

/// The log's errors: each with all that belongs to it (CONTEXT, LOCATION, STATEMENT).
fn errors(log: &str) -> Vec<String> {
    let mut errors: Vec<String> = Vec::new();
    for line in log.lines() {
        const BEGIN: [&str; 6] =
            ["ERROR:  ", "FATAL:  ", "PANIC:  ", "LOG:  ", "NOTICE:  ", "WARNING:  "];
        if BEGIN.iter().any(|word| line.contains(word)) {
            errors.push(String::new());
        }
        if let Some(last) = errors.last_mut() {
            last.push_str(line);
            last.push('\n');
        }
    }
    errors.retain(|error| {
        ["ERROR:  ", "FATAL:  ", "PANIC:  "].iter().any(|word| error.contains(word))
    });
    errors
}

fn part<'e>(error: &'e str, name: &str) -> &'e str {
    error.lines().find_map(|line| line.split_once(name)).map_or("", |(_, rest)| rest)
}

fn is_ours(error: &str) -> bool {
    let location = part(error, "LOCATION:  ");
    let context = part(error, "CONTEXT:  ");
    let raised_in_rust = location.is_empty() || location.contains(".rs:");
    let below_us = ["wo.", "wo_private", "SQL function \"", "PL/pgSQL function wo"]
        .iter()
        .any(|name| context.contains(name));
    raised_in_rust || below_us || CALLED_BY_US.iter().any(|name| location.starts_with(name))
}

fn run(role: &str, member_of: &str, seed: u32) {
    // Verbose, so that every error has its SQLSTATE and its place in the source.
    let cluster = Cluster::own(&[
        ("log_error_verbosity", "verbose"),
        ("log_min_messages", "warning"),
        // For what sqlsmith reads of the catalogues before; its own queries have a second each.
        ("statement_timeout", "30s"),
        ("log_line_prefix", "%m [%p] %u@%d "),
    ]);
    let database = cluster.database();
    database.login(role, &[member_of]);
    database
        .superuser()
        .batch_execute(&format!(
            "select wo.create_tenant('acme', 'Acme'); begin; select wo.administer('acme');
             select wo.create_principal('smith', roles => '{{planner,system_owner}}', db_role => '{role}'); commit;
             alter role {role} set search_path = public, wo, wo_private"
        ))
        .unwrap();
    if member_of == "wo_user" {
        let mut client = database.connect(role);
        client
            .batch_execute(
                "select wo.create_work_order('t ' || n) from generate_series(1, 20) as n",
            )
            .unwrap();
    }
    let postmaster = std::fs::read_to_string(cluster.data().join("postmaster.pid")).unwrap();
    let said = smith(&database, role, seed);

    let log = cluster.log();
    for crash in ["terminated by signal", "PANIC:  ", "server process", "TRAP:", "panicked at"] {
        let at = log
            .find(crash)
            .map(|at| log[at.saturating_sub(200)..].chars().take(3000).collect::<String>());
        assert!(at.is_none(), "{crash}: {}", at.unwrap());
    }
    assert_eq!(std::fs::read_to_string(cluster.data().join("postmaster.pid")).unwrap(), postmaster);
    let row = database.superuser().query_one("select count(*) from wo.schema_version", &[]);
    assert!(row.unwrap().get::<_, i64>(0) >= 1);

    let errors = errors(&log);
    let internal: Vec<&String> = errors.iter().filter(|error| error.contains("XX00")).collect();
    let ours: Vec<_> = internal.iter().filter(|error| is_ours(error)).collect();
    assert!(ours.is_empty(), "{} internal errors of ours, the first:\n{}", ours.len(), ours[0]);
    // The run did reach us: without that it would prove nothing.
    let tables = said.matches("wo.").count();
    let reached: BTreeSet<String> = functions(&database)
        .into_iter()
        .filter(|function| said.contains(&format!("{function}(")))
        .collect();
    println!(
        "{role}: {tables} mentions of schema wo, {} functions of ours called, {} errors, {} internal ones of PostgreSQL's own",
        reached.len(),
        errors.len(),
        internal.len()
    );
    assert!(tables > 1000, "{tables}");
    assert!(reached.len() >= 10, "{reached:?}");
}

fn functions(database: &Database<'_>) -> Vec<String> {
    let rows = database.superuser().query(
        "select oid::regproc::text from pg_proc where pronamespace in ('wo'::regnamespace, 'wo_private'::regnamespace)",
        &[],
    );
    rows.unwrap().iter().map(|row| row.get(0)).collect()
}

#[test]
fn sqlsmith_as_a_user_finds_no_crash_and_no_internal_error() {
    run("smith_user", "wo_user", 20);
}

#[test]
fn sqlsmith_as_an_auditor_finds_no_crash_and_no_internal_error() {
    run("smith_auditor", "wo_auditor", 21);
}
