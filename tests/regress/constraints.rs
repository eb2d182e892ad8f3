//! The CHECKs of the catalogue and their answers.

use std::collections::BTreeSet;

use wo_cluster_tests::Cluster;

/// A CHECK that the registry of answers lacks reaches the client as a bare 23514 with the whole row.
#[test]
fn each_named_check_of_schema_wo_has_an_answer() {
    let database = Cluster::shared().database();
    let rows = database
        .superuser()
        .query(
            "select distinct conname::text from pg_constraint
             where contype = 'c' and connamespace = 'wo'::regnamespace",
            &[],
        )
        .unwrap();
    let found: BTreeSet<String> = rows.iter().map(|row| row.get(0)).collect();
    assert!(found.len() > 60, "{}", found.len());
    let answered: BTreeSet<String> = wo_rules::constraint::checks().collect();
    assert_eq!(found, answered);
}

/// A foreign key without an answer reaches the client as a bare 23503.
#[test]
fn each_foreign_key_of_schema_wo_has_an_answer() {
    let database = Cluster::shared().database();
    let rows = database
        .superuser()
        .query(
            "select distinct conname::text from pg_constraint
             where contype = 'f' and connamespace = 'wo'::regnamespace",
            &[],
        )
        .unwrap();
    assert!(rows.len() > 40, "{}", rows.len());
    for row in rows {
        let name: String = row.get(0);
        assert!(wo_rules::constraint::answers_reference(&name), "{name}");
    }
}
