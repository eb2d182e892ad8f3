//! The worker archives by itself what `wo.tick()` archives on call, with the worker's rights.

use wo_cluster_tests::signing::ROOT;

use crate::retention::past::{Past, cluster_with};

#[test]
fn the_worker_archives_months_and_ended_records_by_itself() {
    let cluster =
        cluster_with(&[("shared_preload_libraries", "wo_core"), ("wo_core.databases", "")]).kept();
    let past = Past::found_in(cluster.database());
    let ended = past.company.reach("closed");
    past.happened(5);
    past.seal();
    let database = &past.company.database;
    let list = format!("alter system set wo_core.databases = '{}'", database.name());
    let mut root = cluster.superuser("postgres");
    root.batch_execute(&list).unwrap();
    root.batch_execute("select pg_reload_conf()").unwrap();

    let away = past.partition("audit_entry", 5);
    database.wait_until(&format!(
        "select exists (select from wo.archive where name = '{away}' and detached_at is not null)"
    ));
    database.wait_until(&format!(
        "select archived_at is not null from wo.work_order where wo_number = '{ended}'"
    ));
    let failed: Vec<String> = past
        .company
        .all(ROOT, "select job || ': ' || last_error from wo.worker_status() where errors > 0");
    assert_eq!(failed, [""; 0]);
    past.assert_intact();
}
