//! Dump and restore, and what tampering shows.

use wo_cluster_tests::one;
use wo_cluster_tests::signing::ROOT;

use crate::deliverable::stand::{Stand, review};

/// Without the rows in the dump as they are, the restored database would verify something else.
#[test]
fn a_dump_restores_the_rows_byte_for_byte() {
    let stand = Stand::found();
    let order = stand.surveying(false);
    stand.deliver(&order, "roof report", "report", "r1");
    stand.accept("qa", &order, "roof report");
    stand.deliver(&order, "roof report", "report", "r2");
    stand.run("qa", &review(&order, &stand.newest(&order, "roof report"), "rejected"));
    let rows = "select string_agg(line, '|' order by line) from (
            select row::text as line from wo.deliverable as row
            union all select row::text from wo.deliverable_review as row) as all_of_them";
    let stored: String = stand.one(ROOT, rows);
    let listed =
        format!("select string_agg(line::text, '|') from wo.deliverables('{order}') as line");
    let seen: String = stand.one("worker", &listed);

    let into = stand.database.cluster().empty_database();
    into.restore(&stand.database.dump()).unwrap();
    assert_eq!(one::<String>(&mut into.superuser(), rows), stored);
    let mut worker = into.connect("worker");
    assert_eq!(one::<String>(&mut worker, &listed), seen);
    worker
        .batch_execute(&crate::deliverable::stand::add(&order, "roof report", "report", "r3"))
        .unwrap();
    assert_eq!(stand.problems(), []);
}
