//! A dependency between masters that lets the children of the successor begin.

use serde_json::{Value, json};

use crate::hierarchy::lab::{ANN, Lab};
use crate::hierarchy::report::{child, number, plan};

fn ready(lab: &Lab, master: &str) -> Vec<String> {
    lab.all(ANN, &format!("select title from wo.ready_work_orders('{master}') order by title"))
}

/// The second phase begins with the first where its edge says so, and still ends after it: the phase itself waits.
#[test]
fn an_edge_that_holds_no_children_lets_them_begin() {
    let lab = Lab::found();
    let mut first = child("first", 1.0, json!([]));
    first["children"] = json!([child("dig", 1.0, json!([]))]);
    let mut second = child("second", 1.0, json!([{"name": "first", "holds_children": false}]));
    second["children"] = json!([child("paint", 1.0, json!([]))]);
    let (master, made) = plan(&lab, &json!([first, second]));
    let holds: bool = lab.one(ANN, "select holds_children from wo.dependency");
    assert!(!holds);
    assert_eq!(ready(&lab, &master), ["dig", "paint"]);
    let earliest = "select string_agg(title, ',' order by title) from wo.critical_path($$MASTER$$)
        where earliest_start <= now() + interval '1 minute' and title in ('dig', 'paint')";
    let at_once: Option<String> = lab.one(ANN, &earliest.replace("MASTER", &master));
    assert_eq!(at_once.as_deref(), Some("dig,paint"));
    lab.go(number(&made, "paint"), &["doing"]);
    // The phase itself still waits for the one before.
    let refused = lab.with(ANN, |client| {
        let start = format!("select wo.transition('{}', 'doing')", number(&made, "second"));
        client.batch_execute(&start)
    });
    assert_eq!(
        refused.unwrap_err().code().map(|code| code.code().to_owned()),
        Some("23514".to_owned())
    );

    // The edge is changed to hold them, by the function, in bulk and raw; each is in the trail.
    let (from, to) = (number(&made, "first"), number(&made, "second"));
    for (sql, held) in [
        (format!("select wo.add_dependency('{to}', '{from}', holds_children => true)"), true),
        (
            format!(
                "select wo.add_dependencies('[{{\"successor\": \"{to}\", \"predecessor\": \"{from}\", \"holds_children\": false}}]')"
            ),
            false,
        ),
        // What is not given stays.
        (
            format!(
                "select wo.add_dependencies('[{{\"successor\": \"{to}\", \"predecessor\": \"{from}\", \"lag\": \"1 hour\"}}]')"
            ),
            false,
        ),
        ("update wo.dependency set holds_children = true".to_owned(), true),
    ] {
        lab.run(ANN, &sql);
        assert_eq!(lab.one::<bool>(ANN, "select holds_children from wo.dependency"), held, "{sql}");
    }
    let changed: Value = lab.one(
        ANN,
        &format!("select count(*)::int::text::jsonb from wo.audit_trail('{to}') where action = 'dependency_changed'"),
    );
    assert_eq!(changed, json!(4));
    assert_eq!(ready(&lab, &master), ["dig"]);
}
