//! `pg_upgrade`: from the server of `WO_OLD_PG_CONFIG`, or from the one under test, to the one under test.

use wo_cluster_tests::Cluster;

use crate::recovery::catalogue::{assert_same, rows};
use crate::recovery::company::{assert_work_goes_on, at_work};

/// Every row is there, every chain verifies, health finds nothing wrong, and the work goes on.
fn assert_upgraded(settings: &[(&str, &str)]) {
    let old = Cluster::own_of_old_server(settings);
    let stage = at_work(&old);
    let name = stage.db.name().to_owned();
    let held = rows(&stage.db);
    let new = old.upgrade(settings);
    let upgraded = new.existing(&name);
    assert_same(&held, &rows(&upgraded));
    let bad = "select subject || ': ' || detail from wo.health()
        where severity = 'bad' and subject <> 'durability'";
    let bad = upgraded.superuser().query(bad, &[]).unwrap();
    let bad: Vec<String> = bad.iter().map(|row| row.get(0)).collect();
    assert_eq!(bad, [""; 0]);
    assert_work_goes_on(&upgraded);
    // DDL is still recorded.
    let mut superuser = upgraded.superuser();
    superuser.batch_execute("alter table wo.work_order add column theirs text").unwrap();
    let marks = "select count(*) from wo.ddl_mark where object like '%work_order%'";
    assert!(superuser.query_one(marks, &[]).unwrap().get::<_, i64>(0) > 0);
}

#[test]
fn a_cluster_is_upgraded() {
    assert_upgraded(&[]);
}

/// The new server preloads the library while pg_upgrade restores into it.
#[test]
fn a_cluster_that_preloads_the_library_is_upgraded() {
    assert_upgraded(&[("shared_preload_libraries", "wo_core")]);
}
