//! Who added a dependency, and when, in a raw write.

use crate::hierarchy::lab::{ANN, Lab, ROOT};
use serde_json::json;

/// A raw write that named somebody else as the one who added the edge was accepted, and the name dropped.
#[test]
fn a_dependency_that_says_itself_who_added_it_is_refused() {
    let lab = Lab::found();
    let [a, b] = lab.several();
    let (a, b) = (lab.id(&a), lab.id(&b));
    for (columns, values, refused) in [
        ("added_by", "'bob'", json!(["added_by"])),
        ("added_at", "'2001-01-01'", json!(["added_at"])),
        ("added_by, added_at", "'bob', now()", json!(["added_by", "added_at"])),
    ] {
        let insert = format!(
            "insert into wo.dependency (successor_id, predecessor_id, {columns}) values ('{b}', '{a}', {values})"
        );
        for who in [ANN, ROOT] {
            let detail = lab.refused(who, &insert, "42501", "column_not_writable");
            assert_eq!(detail["columns"], refused);
        }
    }
    // What stood for "not given" before is a value like any other.
    for (columns, values, refused) in [
        ("added_by", "''", json!(["added_by"])),
        ("added_at", "'1970-01-01 00:00:00+00'", json!(["added_at"])),
    ] {
        let insert = format!(
            "insert into wo.dependency (successor_id, predecessor_id, {columns}) values ('{b}', '{a}', {values})"
        );
        let detail = lab.refused(ANN, &insert, "42501", "column_not_writable");
        assert_eq!(detail["columns"], refused);
    }
    lab.run(
        ANN,
        &format!(
            "insert into wo.dependency (successor_id, predecessor_id, added_by, added_at)
             values ('{b}', '{a}', 'ann', default)"
        ),
    );
    for set in ["added_by = 'bob'", "lag = '1 hour', added_at = '2001-01-01'"] {
        let update = format!("update wo.dependency set {set}");
        lab.refused(ANN, &update, "42501", "column_not_writable");
    }
    // As they are stored, they may be named.
    lab.run(
        ROOT,
        "update wo.dependency set lag = '1 hour', added_by = added_by, added_at = added_at",
    );
    lab.assert_intact();
}
