//! Values that a raw write gives for columns that the server fills.

use serde_json::json;
use wo_cluster_tests::refused;

use crate::scenario::company::{Company, one};

/// The values were dropped without a word: a migration that brought dates and originators lost them.
#[test]
fn a_new_work_order_that_gives_what_the_server_fills_is_refused() {
    let company = Company::found("fleet_task");
    let mut almighty = company.connect("almighty");
    let mut root = company.root();
    for (column, value) in [
        ("version", "9"),
        ("revision", "0"),
        ("originator", "'captain'"),
        ("request_sha256", "decode(repeat('ab', 32), 'hex')"),
        ("created_at", "'2001-01-01'"),
        ("updated_at", "now()"),
        ("locked_at", "now()"),
        ("archived_at", "now()"),
        ("state_deadline", "now()"),
        ("state_deadline_notified_at", "now()"),
        ("chain_sequence", "9"),
        ("chain_hash", "decode(repeat('ab', 32), 'hex')"),
    ] {
        let insert =
            format!("insert into wo.work_order (title, {column}) values ('[A-B] x', {value})");
        for client in [&mut almighty, &mut root] {
            for end in ["", " on conflict do nothing"] {
                let tried = client.batch_execute(&format!("{insert}{end}"));
                println!("{insert}{end}");
                let detail = refused(tried, "42501", "column_not_writable");
                assert_eq!(detail["columns"], json!([column]));
            }
        }
    }
    let both =
        "insert into wo.work_order (title, version, created_at) values ('[A-B] x', 7, now())";
    let detail = refused(almighty.batch_execute(both), "42501", "column_not_writable");
    assert_eq!(detail["columns"], json!(["version", "created_at"]));
    assert_eq!(one::<i64>(&mut almighty, "select count(*) from wo.work_order"), 0);
    // NULL, defaults, and what the server writes as well.
    almighty
        .batch_execute(
            "insert into wo.work_order (title, version, revision, originator, chain_sequence, created_at,
                locked_at, source, regulatory, required)
             values ('[A-B] x', 1, 1, 'almighty', 1, null, default, default, default, default)",
        )
        .unwrap();
    company.assert_intact();
}

/// Who published a version, and when, was the server's, whatever the row said.
#[test]
fn a_version_of_a_lifecycle_that_gives_what_the_server_fills_is_refused() {
    let company = Company::found("fleet_task");
    let mut admin = company.connect("admin");
    let mut definition = company.definition("fleet_task");
    definition["name"] = "another".into();
    for (values, column) in [
        ("'other', null, $1::jsonb, null, null", "name"),
        ("'another', 7, $1::jsonb, null, null", "version"),
        ("'another', 1, $1::jsonb, 'captain', null", "published_by"),
        ("'another', 1, $1::jsonb, 'admin', '2001-01-01'", "published_at"),
    ] {
        let insert = format!(
            "insert into wo.lifecycle (name, version, definition, published_by, published_at) values ({values})"
        );
        let detail =
            refused(admin.execute(&insert, &[&definition]), "42501", "column_not_writable");
        assert_eq!(detail["columns"], json!([column]), "{values}");
    }
    let insert = "insert into wo.lifecycle (name, version, definition, published_by, published_at)
        values ('another', 1, $1::jsonb, 'admin', null)";
    admin.execute(insert, &[&definition]).unwrap();
    company.assert_intact();
}
