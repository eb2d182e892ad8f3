//! A refused secret is nowhere: not in the server's log, not on record.

use std::fmt::Write;
use std::io::Write as _;

use wo_cluster_tests::{Cluster, one};
use wo_rules::schema::TABLES;

use crate::identity::harness::World;
use crate::identity::secrets::corpus;
use crate::identity::secrets::needle;

/// What brings statements that fail, and their parameters, into the log.
const ERRORS: &[(&str, &str)] = &[
    ("shared_preload_libraries", "wo_core"),
    ("log_parameter_max_length_on_error", "-1"),
    ("log_error_verbosity", "verbose"),
];

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// Otherwise the log, which is collected elsewhere and kept for years, holds what the records do not; or the trail and
/// the findings do, which are kept for ever.
#[test]
fn a_refused_secret_is_not_in_the_log_and_not_on_record() {
    let cluster = Cluster::own(ERRORS);
    let world = World::on(&cluster);
    let mut ada = world.db.connect("ada");
    let mut root = world.db.superuser();
    let number: String = one(&mut ada, "select wo.create_work_order('pump') ->> 'wo_number'");
    let from = cluster.log().len();
    let mut attempts = 0;
    for (_, secret) in corpus::secrets() {
        let literal = quoted(&secret);
        let object =
            quoted(&serde_json::json!({"title": "pump", "metadata": {"a": [secret]}}).to_string());
        for sql in [
            "select wo.create_work_order('pump', $1::text)".to_owned(),
            "select wo.create_work_order('pump', metadata => jsonb_build_object('password', $1::text))".to_owned(),
            // A refusal for another reason repeats what was given.
            "select wo.create_work_order('pump', priority => $1::text)".to_owned(),
            format!("select wo.transition('{number}', $1::text)"),
            format!("select wo.patch_work_order('{number}', jsonb_build_object($1::text, 1))"),
            "select wo.get_work_order_detail($1::text)".to_owned(),
            "select wo.create_principal('x', kind => $1::text)".to_owned(),
        ] {
            attempts += usize::from(ada.execute(&sql, &[&secret]).is_err());
        }
        for sql in [
            format!("select wo.create_work_order('pump', {literal})"),
            format!("select wo.transition('{number}', 'open', reason => {literal})"),
            format!("select wo.create_work_orders(jsonb_build_array({object}::jsonb))"),
            format!("do $do$ begin perform wo.create_work_order('pump', {literal}); end $do$"),
            format!(
                "do $do$ begin execute 'select wo.create_work_order(''pump'', $1)' using {literal}; end $do$"
            ),
            format!("insert into wo.work_order (title, notes) values ('pump', {literal})"),
            format!("select wo.create_work_order('pump', {literal}), 1 / 0"),
            format!("select 1 / 0 as a, {literal} as b"),
            format!("select {literal}::jsonb"),
        ] {
            attempts += usize::from(ada.batch_execute(&sql).is_err());
        }
        for sql in [
            format!("select wo.administer('acme'), wo.create_role({literal})"),
            format!(
                "select wo.administer('acme'); insert into wo.task_type (task_type, cost_class, description) values ('a', 'b', {literal})"
            ),
            format!("select wo.begin_timeline({literal})"),
            format!("select wo.create_tenant('x', {literal})"),
        ] {
            attempts += usize::from(root.batch_execute(&format!("begin; {sql}; commit")).is_err());
            let _ = root.batch_execute("rollback");
        }
        if let Ok(mut copy) = ada.copy_in("copy wo.work_order_import (title, notes) from stdin") {
            let line = secret.replace('\\', "\\\\").replace('\n', "\\n").replace('\t', "\\t");
            let _ = copy.write_all(format!("pump\t{line}\n").as_bytes());
            attempts += usize::from(copy.finish().is_err());
        }
    }
    assert!(attempts > 1_000, "{attempts} attempts were refused");
    root.batch_execute("select wo.tick()").unwrap();
    let log = cluster.log();
    let log = &log[from..];
    assert!(log.contains("secret_in_the_open"));
    let mut stored = String::new();
    for table in TABLES {
        let name = table.name;
        let sql =
            format!("select coalesce(string_agg(held::text, E'\\n'), '') from wo.{name} as held");
        writeln!(stored, "{}", one::<String>(&mut root, &sql)).unwrap();
    }
    let mut leaks = String::new();
    for (kind, secret) in corpus::secrets() {
        let Some(needle) = needle(&secret) else { continue };
        for (place, text) in [("the log", log), ("the tables", stored.as_str())] {
            if let Some(at) = text.find(&needle) {
                let line = text[..at].rfind('\n').map_or(0, |line| line + 1);
                let end = text[at..].find('\n').map_or(text.len(), |end| at + end);
                writeln!(leaks, "{kind} in {place}: {}", &text[line..end]).unwrap();
            }
        }
    }
    assert!(leaks.is_empty(), "{leaks}");
}
