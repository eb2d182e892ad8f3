//! Statistics of the partitioned tables. Autovacuum analyzes their partitions alone, so that the planner
//! guessed how many rows a query of several months gives.

use crate::isolation::stage::{Stage, assert_intact, started, transition};
use wo_cluster_tests::Cluster;

/// The job analyzes the trail and the outbox once a day.
#[test]
fn the_parents_of_partitions_are_analyzed() {
    let stage = Stage::new(Cluster::shared());
    let mut captain = stage.captain();
    let number = started(&mut captain);
    transition(&mut captain, &number, "blocked").unwrap();
    let mut root = stage.db.superuser();
    let mut tick = || -> i32 {
        let sql = "SELECT done FROM wo.tick() WHERE job = 'parents_analyzed'";
        root.query_one(sql, &[]).unwrap().get(0)
    };
    assert_eq!((tick(), tick()), (2, 0));
    for table in ["audit_entry", "event"] {
        let sql = "SELECT (reltuples > 0)::integer::bigint FROM pg_class
             WHERE relnamespace = 'wo'::regnamespace AND relname = $1";
        let known: i64 = stage.db.superuser().query_one(sql, &[&table]).unwrap().get(0);
        assert!(known > 0, "{table}");
    }
    assert_intact(&stage.db, &mut captain);
}
