//! From the version before to this one: the records become those of a fresh install, and the data
//! stays.

use std::io::{Read, Write};
use std::sync::{Mutex, MutexGuard};

use wo_cluster_tests::{Cluster, Database, db_error, refused};

use crate::isolation::stage::transition;
use crate::recovery::catalogue::{Snapshot, assert_same, differences, objects, rows_by_name};
use crate::recovery::company::{assert_work_goes_on, at_work, next_events};
use crate::recovery::fixture::{NEW, OLD, OldScript, make_records};

/// Tests that install the old script do so one after another.
fn old_script() -> (MutexGuard<'static, ()>, OldScript) {
    static ONE: Mutex<()> = Mutex::new(());
    let turn = ONE.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    (turn, OldScript::install())
}

/// A database at 0.0.1 with the data of `from`, loaded as a restore loads it.
fn old_database<'c>(cluster: &'c Cluster, from: &Database<'_>) -> Database<'c> {
    let db = cluster.empty_database();
    db.superuser().batch_execute(&format!("CREATE EXTENSION wo_core VERSION '{OLD}'")).unwrap();
    make_records(&db);
    let (mut source, mut target) = (from.superuser(), db.superuser());
    target.batch_execute("SET session_replication_role = replica").unwrap();
    let tables =
        "SELECT relname::text, (SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum)
            FROM pg_attribute WHERE attrelid = pg_class.oid AND attnum > 0 AND NOT attisdropped)
        FROM pg_class WHERE relnamespace = 'wo'::regnamespace AND relkind IN ('r', 'p')
            AND NOT relispartition AND relname <> 'schema_version'";
    for row in target.query(tables, &[]).unwrap() {
        let (table, columns): (String, String) = (row.get(0), row.get(1));
        let mut data = Vec::new();
        let out = format!("COPY (SELECT {columns} FROM wo.{table}) TO STDOUT");
        source.copy_out(&out).unwrap().read_to_end(&mut data).unwrap();
        let mut into = target.copy_in(&format!("COPY wo.{table} ({columns}) FROM STDIN")).unwrap();
        into.write_all(&data).unwrap();
        into.finish().unwrap();
    }
    let last = "SELECT last_value FROM wo.event_position";
    let last: i64 = source.query_one(last, &[]).unwrap().get(0);
    target.execute("SELECT setval('wo.event_position', $1)", &[&last]).unwrap();
    db
}

fn update(db: &Database<'_>) -> Result<(), postgres::Error> {
    db.superuser().batch_execute("ALTER EXTENSION wo_core UPDATE")
}

fn without_versions(mut rows: Snapshot) -> Snapshot {
    rows.remove("wo.schema_version");
    rows
}

fn versions(db: &Database<'_>) -> Vec<String> {
    let sql = "SELECT version FROM wo.schema_version ORDER BY installed_at, version";
    db.superuser().query(sql, &[]).unwrap().iter().map(|row| row.get(0)).collect()
}

#[test]
fn an_update_equals_a_fresh_install_and_keeps_the_data() {
    let (_turn, script) = old_script();
    let cluster = Cluster::shared();
    let donor = at_work(cluster);
    let db = old_database(cluster, &donor.db);
    let fresh = cluster.database();
    // The fixture differs in everything that it says it differs in.
    let seen = differences(&objects(&fresh), &objects(&db));
    for difference in [
        "column wo.work_order.asset is missing",
        "index wo.event_by_position is missing",
        "relation wo.event:",
        "relation wo.work_order_import:",
        "function wo.drop_consumer(text):",
        "policy wo.event.app_select is missing",
        "policy wo.event.looking is too many",
        "function wo.event_count() is too many",
        "function wo.lifecycle_diagram(text,integer,text) is missing",
        "function wo_private.table_problems() is missing",
        "function wo.health() is missing",
    ] {
        assert!(seen.lines().any(|line| line == difference), "{difference} is not in\n{seen}");
    }

    update(&db).unwrap();
    drop(script);
    assert_same(&objects(&fresh), &objects(&db));
    assert_eq!(versions(&db), [OLD, NEW]);
    let fresh_sum = "SELECT sha256 FROM wo.schema_version WHERE version = $1";
    let sum = |db: &Database<'_>| -> String {
        db.superuser().query_one(fresh_sum, &[&NEW]).unwrap().get(0)
    };
    assert_eq!(sum(&db), sum(&fresh));
    assert_same(&without_versions(rows_by_name(&donor.db)), &without_versions(rows_by_name(&db)));
    assert_eq!(next_events(&donor.db), next_events(&db));
    assert_work_goes_on(&db);

    // Updated, dumped and restored: the same again.
    let restored = cluster.empty_database();
    restored.restore(&db.dump()).unwrap();
    assert_same(&objects(&db), &objects(&restored));
    assert_work_goes_on(&restored);
}

#[test]
fn an_update_can_be_run_again_and_changes_nothing() {
    let (_turn, _script) = old_script();
    let cluster = Cluster::shared();
    let donor = at_work(cluster);
    let db = old_database(cluster, &donor.db);
    update(&db).unwrap();
    let (made, held) = (objects(&db), rows_by_name(&db));
    update(&db).unwrap();
    db.superuser()
        .batch_execute("SELECT wo_private.migrate(); SELECT wo_private.enforce()")
        .unwrap();
    assert_same(&made, &objects(&db));
    assert_same(&held, &rows_by_name(&db));
}

#[test]
fn an_update_that_fails_leaves_the_old_version_whole() {
    let (_turn, _script) = old_script();
    let cluster = Cluster::shared();
    let donor = at_work(cluster);
    let db = old_database(cluster, &donor.db);
    // A DBA's view of the import view stands in the way: nothing is dropped behind their back.
    db.superuser()
        .batch_execute("CREATE VIEW public.theirs AS SELECT wo_number FROM wo.work_order_import")
        .unwrap();
    let before = objects(&db);
    let refusal = db_error(update(&db));
    assert_eq!(refusal.code().code(), "2BP01", "{refusal:?}");
    assert_same(&before, &objects(&db));
    assert_eq!(versions(&db), [OLD]);
    db.superuser().batch_execute("DROP VIEW public.theirs").unwrap();
    update(&db).unwrap();
    assert_same(&objects(&cluster.database()), &objects(&db));
}

#[test]
fn the_new_library_works_on_records_of_the_version_before() {
    let (_turn, _script) = old_script();
    let cluster = Cluster::shared();
    let donor = at_work(cluster);
    let db = old_database(cluster, &donor.db);
    assert_work_goes_on(&db);
    update(&db).unwrap();
    assert_work_goes_on(&db);
}

/// The refusal of a member's write, with its hint.
fn refusal_of_a_write(db: &Database<'_>) -> (String, String) {
    let number: String = db
        .superuser()
        .query_one("SELECT wo_number FROM wo.work_order WHERE status = 'blocked' LIMIT 1", &[])
        .unwrap()
        .get(0);
    let error = transition(&mut db.connect("cap"), &number, "in_progress").unwrap_err();
    let said = error.as_db_error().unwrap();
    let said = (said.message().to_owned(), said.hint().unwrap_or_default().to_owned());
    refused(Err::<(), _>(error), "55000", "tables_damaged");
    said
}

#[test]
fn a_library_refuses_records_of_a_version_it_does_not_know() {
    let stage = at_work(Cluster::shared());
    let newer = "INSERT INTO wo.schema_version (version, sha256) VALUES ('9.9.9', 'of the future')";
    stage.db.superuser().batch_execute(newer).unwrap();
    let (message, hint) = refusal_of_a_write(&stage.db);
    assert!(message.contains("9.9.9") && message.contains(NEW), "{message}");
    assert!(hint.to_lowercase().contains("alter extension wo_core update"), "{hint}");
    // Nor is there a way from there.
    let migrate = stage.db.superuser().batch_execute("SELECT wo_private.migrate()");
    refused(migrate, "55000", "tables_damaged");

    stage
        .db
        .superuser()
        .batch_execute("SET session_replication_role = replica; ALTER TABLE wo.schema_version DISABLE TRIGGER ALL;
            TRUNCATE wo.schema_version; ALTER TABLE wo.schema_version ENABLE ALWAYS TRIGGER forbid_delete;
            ALTER TABLE wo.schema_version ENABLE ALWAYS TRIGGER forbid_truncate")
        .unwrap();
    let (message, hint) = refusal_of_a_write(&stage.db);
    assert!(message.contains("schema_version"), "{message}");
    assert!(!hint.is_empty());
}
