//! An idempotency key belongs to one request.

use postgres::Client;
use serde_json::{Value, json};
use wo_cluster_tests::{db_error, refused};

use crate::scenario::company::{Company, copy, counts, create, one};

fn make(client: &mut Client, arguments: &str) -> Result<Value, postgres::Error> {
    let call = format!("select wo.create_work_order({arguments}, idempotency_key => 'k')");
    client.query_one(&call, &[]).map(|row| row.get(0))
}

/// Without it a client that reuses a key by mistake is told of success, and its work is lost.
#[test]
fn another_request_with_the_same_key_is_refused_and_says_what_differs() {
    let company = Company::found("fleet_task");
    let mut almighty = company.connect("almighty");
    let master = create(&mut almighty, "[A-B] master");
    let first = format!(
        "'[A-B] one', description => 'd', estimated_hours => 1.5, tags => '{{x}}', due_date => '2026-05-01',
         metadata => '{{\"n\": 1}}', reason => 'because', master => '{master}'"
    );
    let made = make(&mut almighty, &first).unwrap();
    assert_eq!(made["created"], true);
    let before = counts(&mut almighty);
    for (arguments, differs) in [
        (first.replace("one", "two"), vec!["title"]),
        (first.replace("1.5", "1.51"), vec!["estimated_hours"]),
        (first.replace("{x}", "{x,y}"), vec!["tags"]),
        (first.replace("05-01", "05-02"), vec!["due_date"]),
        (first.replace("\"n\": 1", "\"n\": 2"), vec!["metadata"]),
        (first.replace("because", "why"), vec!["reason"]),
        (format!("{first}, notes => 'n', priority => 'P0'"), vec!["notes", "priority"]),
        (format!("{first}, assignee => 'almighty'"), vec!["assignee"]),
        (format!("{first}, lifecycle => 'agent_change'"), vec!["lifecycle"]),
        (format!("{first}, required => false"), vec!["required"]),
        (first.replace(", description => 'd'", ""), vec!["description"]),
        (first.replace(&format!(", master => '{master}'"), ""), vec!["master_id"]),
    ] {
        let detail = refused(make(&mut almighty, &arguments), "23505", "idempotency_key_reused");
        assert_eq!(detail["work_order_id"], made["id"], "{arguments}");
        assert_eq!(detail["wo_number"], made["wo_number"], "{arguments}");
        let mut named: Vec<&str> = detail["differing_fields"]
            .as_array()
            .unwrap()
            .iter()
            .map(|name| name.as_str().unwrap())
            .collect();
        named.sort_unstable();
        let mut differs = differs;
        differs.sort_unstable();
        assert_eq!(named, differs, "{arguments}");
    }
    assert_eq!(counts(&mut almighty), before);
    company.assert_intact();
}

/// To give what a default fills in, or the master by its other name, is the same request; so is a
/// retry after the default has changed, after the work order has, and by somebody else.
#[test]
fn what_only_defaults_fill_makes_no_difference() {
    let company = Company::found("fleet_task");
    let mut almighty = company.connect("almighty");
    let master = create(&mut almighty, "[A-B] master");
    let id: String = one(
        &mut almighty,
        &format!("select id::text from wo.work_order where wo_number = '{master}'"),
    );
    let priority: String = one(
        &mut almighty,
        &format!("select priority from wo.work_order where wo_number = '{master}'"),
    );
    let plain = format!("'[A-B] one', estimated_hours => 2, master => '{master}'");
    let made = make(&mut almighty, &plain).unwrap();
    let number = made["wo_number"].as_str().unwrap();
    almighty
        .batch_execute(&format!(
            "update wo.work_order set title = '[A-B] other', priority = 'high' where wo_number = '{number}'"
        ))
        .unwrap();
    let explicit = format!(
        "'[A-B] one', estimated_hours => 2.00, master => '{id}', priority => '{priority}',
         regulatory => false, tags => '{{}}', metadata => '{{}}', required => true, notes => '  '"
    );
    let with_lifecycle = format!("{explicit}, lifecycle => 'fleet_task'");
    for same in [&plain, &explicit, &with_lifecycle] {
        let again = make(&mut almighty, same).unwrap();
        assert_eq!((&again["id"], &again["created"]), (&made["id"], &json!(false)), "{same}");
        assert_eq!(again["version"], 2);
    }
    company.administer("update wo.tenant set default_lifecycle = 'agent_change'");
    let again = make(&mut company.connect("captain"), &plain).unwrap();
    assert_eq!((&again["id"], &again["created"]), (&made["id"], &json!(false)));
}

/// The same in a bulk call, within one and across two.
#[test]
fn a_bulk_call_is_held_to_the_same() {
    let company = Company::found("fleet_task");
    let mut almighty = company.connect("almighty");
    let given = json!([
        {"title": "[A-B] one", "idempotency_key": "a"},
        {"title": "[A-B] one", "idempotency_key": "a"},
        {"title": "[A-B] two", "idempotency_key": "a"},
        {"title": "[A-B] three", "idempotency_key": "b"},
    ]);
    let sql = "select created, error #>> '{detail,code}', error #> '{detail,differing_fields}', id
        from wo.create_work_orders($1) order by ordinal";
    let mut answers = || -> Vec<(bool, Option<String>, Option<Value>)> {
        let rows = almighty.query(sql, &[&given]).unwrap();
        rows.iter().map(|row| (row.get(0), row.get(1), row.get(2))).collect()
    };
    let reused = (false, Some("idempotency_key_reused".to_owned()), Some(json!(["title"])));
    let (made, same) = ((true, None, None), (false, None, None));
    assert_eq!(answers(), [made.clone(), same.clone(), reused.clone(), made]);
    assert_eq!(answers(), [same.clone(), same.clone(), reused, same]);
}

/// Raw rows meet the unique constraint, keep their own request, and cannot bring a hash.
#[test]
fn raw_rows_and_imports_are_held_to_the_same() {
    let company = Company::found("fleet_task");
    let mut almighty = company.connect("almighty");
    almighty
        .batch_execute(
            "insert into wo.work_order (title, idempotency_key) values ('[A-B] raw', 'k')",
        )
        .unwrap();
    let again = make(&mut almighty, "'[A-B] raw'").unwrap();
    assert_eq!(again["created"], false);
    refused(make(&mut almighty, "'[A-B] api'"), "23505", "idempotency_key_reused");
    let raw = "insert into wo.work_order (title, idempotency_key) values ('[A-B] x', 'k')";
    assert_eq!(db_error(almighty.batch_execute(raw)).code().code(), "23505");
    let forged = "insert into wo.work_order (title, idempotency_key, request_sha256)
        values ('[A-B] x', 'l', sha256('x'))";
    refused(almighty.batch_execute(forged), "42501", "column_not_writable");
    let changed = "update wo.work_order set request_sha256 = sha256('x')";
    refused(almighty.batch_execute(changed), "42501", "key_change_refused");
    let import = "wo.work_order_import (title, idempotency_key)";
    refused(copy(&mut almighty, import, "[A-B] y\tk\n"), "23505", "idempotency_key_reused");
    refused(copy(&mut almighty, import, "[A-B] raw\tk\n"), "23505", "idempotency_key_used");
    assert_eq!(copy(&mut almighty, import, "[A-B] raw\tm\n").unwrap(), 1);
    company.assert_intact();
}

/// The request of a work order whose creation has no key is nobody's to compare.
#[test]
fn without_a_key_nothing_is_kept() {
    let company = Company::found("fleet_task");
    let mut almighty = company.connect("almighty");
    create(&mut almighty, "[A-B] one");
    make(&mut almighty, "'[A-B] two'").unwrap();
    let kept = "select array_agg(request_sha256 is not null order by id) from wo.work_order";
    assert_eq!(one::<Vec<bool>>(&mut almighty, kept), [false, true]);
    let number: String = one(&mut almighty, "select max(wo_number) from wo.work_order");
    let detail: Value = one(&mut almighty, &format!("select wo.get_work_order_detail('{number}')"));
    assert!(!detail.to_string().contains("request_sha256"), "{detail}");
}
