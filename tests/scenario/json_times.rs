//! Times in JSON answers are written one way.

use serde_json::Value;
use wo_cluster_tests::signing::Company;

/// The texts that begin as times do.
fn times(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::String(text) if text.len() > 19 && text.as_bytes()[10] == b'T' => {
            found.push(text.clone());
        }
        Value::Array(all) => all.iter().for_each(|one| times(one, found)),
        Value::Object(all) => all.values().for_each(|one| times(one, found)),
        _ => {}
    }
}

/// A program that compares times as texts would find two equal ones different: one answer had `Z` and `+00:00`.
#[test]
fn every_time_in_an_answer_is_in_utc_with_microseconds() {
    let company = Company::found();
    let master = company.create("m");
    let number = company.reach("completed");
    company.run("originator", &format!("select wo.add_dependency('{master}', '{number}')"));
    let part = company.create("p");
    company.run("originator", &format!("select wo.link_work_order('{part}', '{master}')"));
    company.run("qa", "set time zone 'Asia/Tokyo'");
    for (call, least) in [
        (format!("wo.get_work_order_detail('{number}')"), 8),
        (format!("wo.preflight('{part}')"), 1),
        (format!("wo.progress('{master}')"), 0),
        ("wo.whoami()".to_owned(), 0),
        ("(select coalesce(jsonb_agg(data), '[]') from wo.event)".to_owned(), 0),
    ] {
        let answer: Value = company.one("qa", &format!("select {call}"));
        let mut found = Vec::new();
        times(&answer, &mut found);
        assert!(found.len() >= least, "{call}: {answer}");
        for time in found {
            assert!(time.len() == 27 && time.ends_with('Z'), "{call}: {time}");
        }
    }
}
