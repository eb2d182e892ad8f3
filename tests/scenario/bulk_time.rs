//! Bulk calls whose elements are refused take a time that is linear in their number.

use std::time::{Duration, Instant};

use postgres::Client;
use serde_json::{Value, json};

use crate::scenario::company::{Company, create};

/// The shortest of three runs.
fn shortest(client: &mut Client, sql: &str, given: &Value, count: i64) -> Duration {
    let mut run = || {
        let start = Instant::now();
        let refused: i64 = client.query_one(sql, &[given]).unwrap().get(0);
        assert_eq!(refused, count);
        start.elapsed()
    };
    (0..3).map(|_| run()).min().unwrap()
}

/// Eight times as many elements take about eight times as long; where every answer is copied for
/// each element it is up to 64 times.
fn assert_linear(client: &mut Client, sql: &str, element: &dyn Fn(usize) -> Value) {
    let time = |client: &mut Client, count: usize| {
        let given = Value::from((0..count).map(element).collect::<Vec<_>>());
        shortest(client, sql, &given, i64::try_from(count).unwrap())
    };
    let (few, many) = (time(client, 500), time(client, 4_000));
    println!("{sql}: 500 in {few:?}, 4,000 in {many:?}");
    assert!(many < few * 20, "500 in {few:?}, but 4,000 in {many:?}");
}

#[test]
fn refused_transitions_take_linear_time() {
    let company = Company::found("fleet_task");
    let mut almighty = company.connect("almighty");
    let number = create(&mut almighty, "[A-B] one");
    assert_linear(
        &mut almighty,
        "select count(*) from wo.transition_many($1) where error is not null",
        &|_| json!({"work_order": number, "to_status": "approved"}),
    );
}

#[test]
fn refused_creations_take_linear_time() {
    let company = Company::found("fleet_task");
    let mut almighty = company.connect("almighty");
    assert_linear(
        &mut almighty,
        "select count(*) from wo.create_work_orders($1) where error is not null",
        &|place| json!({"title": format!("no convention {place}")}),
    );
}

/// Answers stay with their elements, wherever the refused ones stand.
#[test]
fn each_answer_stands_where_its_element_stood() {
    let company = Company::found("fleet_task");
    let mut almighty = company.connect("almighty");
    let first = create(&mut almighty, "[A-B] one");
    let second = create(&mut almighty, "[A-B] two");
    let given = json!([
        {"work_order": second, "to_status": "accepted"},
        {"work_order": "nobody", "to_status": "accepted"},
        {"work_order": first, "to_status": "approved"},
        {"work_order": first, "to_status": "accepted"},
    ]);
    let sql = "select status, error is not null from wo.transition_many($1) order by ordinal";
    let answers: Vec<(Option<String>, bool)> = almighty
        .query(sql, &[&given])
        .unwrap()
        .iter()
        .map(|row| (row.get(0), row.get(1)))
        .collect();
    let accepted = Some("accepted".to_owned());
    assert_eq!(answers, [(accepted.clone(), false), (None, true), (None, true), (accepted, false)]);
    let none = "select count(*) from wo.transition_many('[]')";
    assert_eq!(almighty.query_one(none, &[]).unwrap().get::<_, i64>(0), 0);
}
