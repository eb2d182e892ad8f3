//! A token stands nowhere but in the answer.

use std::fmt::Write;

use wo_cluster_tests::signing::ROOT;
use wo_cluster_tests::{Cluster, one};
use wo_rules::schema::TABLES;

use crate::credential::bench::{Bench, request};

/// Everything that can bring a statement, its parameters or its result into the log.
const TALKATIVE: &[(&str, &str)] = &[
    ("shared_preload_libraries", "wo_core"),
    ("log_statement", "all"),
    ("log_min_duration_statement", "0"),
    ("log_min_error_statement", "debug5"),
    ("log_parameter_max_length", "-1"),
    ("log_parameter_max_length_on_error", "-1"),
    ("log_error_verbosity", "verbose"),
    ("debug_print_plan", "on"),
];

/// Every row of every table, as text.
pub fn everything_stored(bench: &Bench) -> String {
    let mut root = bench.connect(ROOT);
    let mut stored = String::new();
    for table in TABLES {
        let rows = format!(
            "select coalesce(string_agg(held::text, E'\\n'), '') from wo.{} as held",
            table.name
        );
        writeln!(stored, "{}", one::<String>(&mut root, &rows)).unwrap();
    }
    stored
}

/// A dump of the database, as text.
pub fn dump_of(bench: &Bench) -> String {
    let file = bench.database.dump();
    let mut restore = bench.database.tool("pg_restore", ROOT);
    let output = restore.args(["-f", "-"]).arg(file).output().unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Otherwise a reader of the log, of a dump or of a table takes the token to the vault, as the one to whom it was
/// granted.
#[test]
fn a_token_is_in_no_log_no_table_and_no_dump() {
    let cluster = Cluster::own(TALKATIVE).kept();
    let bench = Bench::found_on(cluster);
    let order = bench.working();
    let granted = bench.granted("worker", &order, "patch", "login");
    let mut tokens = vec![granted["token"].as_str().unwrap().to_owned()];
    // Whatever a caller does with the answer inside the server.
    let ask = request(&order, "patch", "login");
    for sql in [
        format!(
            "do $$ declare token text := ({ask}) ->> 'token'; begin raise notice '%', token; end $$"
        ),
        format!(
            "do $$ declare token text := ({ask}) ->> 'token'; begin raise exception '%', token; end $$"
        ),
        format!("select (({ask}) ->> 'token')::integer"),
        format!("select wo.record_step('{order}', 'patch', ({ask}) ->> 'token')"),
        format!(
            "select wo.patch_work_order('{order}', jsonb_build_object('notes', ({ask}) ->> 'token'))"
        ),
        format!("begin; {ask}; rollback"),
    ] {
        let _ = bench.with("worker", |client| client.batch_execute(&sql));
    }
    // The search would also find the token of a caller who stores it where no secret is looked for.
    tokens
        .push(bench.granted("worker", &order, "patch", "login")["token"].as_str().unwrap().into());
    bench.run(ROOT, "select wo.tick()");
    let log = cluster.log();
    assert!(log.contains("request_credential"), "the log has the statements");
    let dump = dump_of(&bench);
    assert!(
        dump.contains("credential_grant") && dump.contains("vault://plant/line-4/plc#password")
    );
    let stored = everything_stored(&bench);
    for (place, text) in [("the log", &log), ("the dump", &dump), ("a table", &stored)] {
        for token in &tokens {
            let signature = token.rsplit('.').next().unwrap();
            assert!(!text.contains(signature), "a token is in {place}");
        }
        // The claims of our tokens, and of those of which the test does not know the signature.
        let claims = tokens[0].split('.').nth(1).unwrap();
        assert!(!text.contains(&claims[..40]), "the claims of a token are in {place}");
    }
}
