//! No credential stands in the server's log, however the server is told to log.

use wo_cluster_tests::{Cluster, refused};

use crate::identity::harness::{World, authenticate};

/// Everything that can bring a statement or its parameters into the log.
const TALKATIVE: &[(&str, &str)] = &[
    ("shared_preload_libraries", "wo_core"),
    ("log_statement", "all"),
    ("log_min_duration_statement", "0"),
    ("log_min_error_statement", "debug5"),
    ("log_parameter_max_length", "-1"),
    ("log_parameter_max_length_on_error", "-1"),
    ("log_error_verbosity", "verbose"),
];

/// Otherwise a reader of the log, or of the place that collects it, acts as the subject of each token there.
#[test]
fn a_token_is_nowhere_in_the_log_refused_or_not() {
    let cluster = Cluster::own(TALKATIVE);
    let world = World::on(&cluster);
    let mut client = world.svc();
    let from = cluster.log().len();
    let good = world.acme.token("ann");
    let bad = format!("{}x", world.acme.token("cyd"));
    let garbage = "no-token-but-a-password";
    for token in [good.as_str(), &bad, garbage] {
        // As a parameter, as a literal, in a block, in a prepared statement, for the session.
        let _ = client.execute("select wo.authenticate($1)", &[&token]);
        let _ = client.execute("select wo.authenticate(wo.current_tenant(), $1)", &[&token]);
        for statement in [
            format!("select wo.authenticate('{token}')"),
            format!("SELECT WO.Authenticate_Session ('{token}')"),
            format!("do $$ begin perform wo.authenticate('{token}'); end $$"),
            format!("prepare held(text) as select wo.authenticate($1); execute held('{token}')"),
            format!("select wo.authenticate('{token}'), 1 / 0"),
        ] {
            let _ = client.batch_execute(&statement);
            let _ = client.batch_execute("deallocate all");
        }
    }
    for token in [&good, &bad] {
        let statement = format!("select 1 / 0 as \"{token}\"");
        assert!(client.batch_execute(&statement).is_err());
    }
    let log = cluster.log();
    let log = &log[from..];
    for token in [good.as_str(), &bad, garbage] {
        let signature = token.rsplit('.').next().unwrap();
        if let Some(at) = log.find(signature) {
            panic!("{}", &log[log[..at].rfind('\n').map_or(0, |line| line + 1)..at]);
        }
    }
    assert!(log.contains("[hidden]"), "the calls are logged without what is secret");
}

/// Otherwise an administrator can no longer see which statement failed.
#[test]
fn other_statements_are_logged_whole() {
    let cluster = Cluster::own(TALKATIVE);
    let world = World::on(&cluster);
    let mut client = world.svc();
    authenticate(&mut client, &world.acme.token("ann"));
    let from = cluster.log().len();
    let call = "select wo.transition('nothing-of-that-name', 'closed')";
    refused(client.execute(call, &[]), "42501", "no_identity");
    let _ = client.query_one("select 'a parameter: ' || $1", &[&"its value"]);
    let log = cluster.log();
    let log = &log[from..];
    assert!(log.contains(call), "{log}");
    assert!(log.contains("its value"), "{log}");
}
