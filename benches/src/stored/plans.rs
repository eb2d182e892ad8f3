//! The plans by which something is read, those of the statements inside functions among them, where
//! the server has `auto_explain`.

use std::sync::{Arc, Mutex};

use postgres::Client;
use wo_cluster_tests::Database;

use crate::ground;

/// A table of more rows is not to be read from end to end.
const LARGE: f32 = 5_000.0;

/// The plans of one statement, as a role that is not asked about its settings meets them.
pub fn of(db: &Database<'_>, role: &str, sql: &str) -> Vec<String> {
    nested(db, role, sql).unwrap_or_else(|| explained(&mut db.connect(role), sql))
}

/// Every plan that ran, from the server's notices.
fn nested(db: &Database<'_>, role: &str, sql: &str) -> Option<Vec<String>> {
    let mut admin = db.superuser();
    admin.batch_execute("load 'auto_explain'").ok()?;
    let set = |on: bool| -> String {
        [
            ("session_preload_libraries", "'auto_explain'"),
            ("auto_explain.log_min_duration", "0"),
            ("auto_explain.log_nested_statements", "on"),
            ("auto_explain.log_level", "notice"),
        ]
        .map(|(name, value)| match on {
            true => format!("alter role {role} set {name} = {value};"),
            false => format!("alter role {role} reset {name};"),
        })
        .concat()
    };
    let heard = Arc::new(Mutex::new(Vec::new()));
    let listener = heard.clone();
    admin.batch_execute(&set(true)).ok()?;
    let mut config = db.config(role);
    config.notice_callback(move |notice| {
        if let Ok(mut heard) = listener.lock() {
            heard.push(notice.message().to_owned());
        }
    });
    let ran =
        db.try_connect_with(&config).and_then(|mut client| client.simple_query(sql).map(drop));
    admin.batch_execute(&set(false)).ok()?;
    ran.ok()?;
    let heard = heard.lock().ok()?;
    let plan = |message: &String| Some(message.split_once("plan:")?.1.trim().to_owned());
    let plans: Vec<String> = heard.iter().filter_map(plan).collect();
    (!plans.is_empty()).then_some(plans)
}

fn explained(client: &mut Client, sql: &str) -> Vec<String> {
    let rows = client.query(&format!("explain {sql}"), &[]).expect("it can be explained");
    let lines: Vec<&str> = rows.iter().map(|row| row.get(0)).collect();
    vec![lines.join("\n")]
}

/// Names a large table that one of the plans reads from end to end.
pub fn problem(db: &Database<'_>, plans: &[String]) -> Option<String> {
    let mut admin = db.superuser();
    plans.iter().flat_map(|plan| plan.lines()).find_map(|line| {
        let table = line.split_once("Seq Scan on ")?.1.split(' ').next()?;
        let sql = format!(
            "select coalesce(max(reltuples), 0) from pg_class where relkind = 'r' and relname = '{}'",
            table.rsplit('.').next()?
        );
        let rows: f32 = ground::ask(&mut admin, &sql);
        (rows > LARGE).then(|| format!("{table} is read from end to end: {}", line.trim()))
    })
}
