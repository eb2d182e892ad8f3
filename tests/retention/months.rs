//! Months that leave, stay, and come back.

use serde_json::Value;
use wo_cluster_tests::db_error;
use wo_cluster_tests::signing::ROOT;

use crate::retention::past::Past;

/// Two work orders: one that ended five months ago, one begun then that goes on today; everything
/// sealed.
fn with_a_past() -> (Past, String, String) {
    let past = Past::found();
    let ended = past.company.reach("closed");
    let going = past.company.create("Mend another pump");
    past.happened(5);
    past.company.transition("originator", &going, "pending_approval");
    past.happened(4);
    let patch =
        format!("select wo.patch_work_order('{going}', '{{\"priority\": \"high\"}}', 'urgent')");
    past.company.run("planner", &patch);
    past.company.assert_intact();
    past.seal();
    past.assert_intact();
    (past, ended, going)
}

#[test]
fn months_past_their_retention_leave_and_the_trail_still_verifies() {
    let (past, ended, going) = with_a_past();
    let (trail, entries) = (past.trail(), past.leaves("audit_entry").len());
    let first = past.partition("audit_entry", 7);
    assert_eq!(past.archives("true"), [""; 0]);
    assert!(past.tick() > 0);
    assert_eq!(
        past.archives("source = 'audit_entry'"),
        std::slice::from_ref(&first),
        "the oldest partition first, even without entries"
    );
    assert_eq!(past.leaves("audit_entry").len(), entries, "its rows stay until the next run");
    past.archive_all();
    // From seven months ago to three months ago: five months, of the trail and of the outbox.
    let expected = |parent: &str| -> Vec<String> {
        (3..=7).rev().map(|months| past.partition(parent, months)).collect()
    };
    let mut both = expected("audit_entry");
    both.extend(expected("event"));
    assert_eq!(past.archives("detached_at is not null and restored_at is null"), both);
    assert_eq!(past.leaves("audit_entry").len(), entries - 5);
    assert_eq!(past.leaves("audit_entry")[0], format!("wo.{}", past.partition("audit_entry", 2)));
    past.assert_intact();

    // Life goes on where older entries are away.
    past.company.run("originator", "select wo.create_work_order('New')");
    past.company.sign_both(&going, "plan");
    past.company.transition("planner", &going, "assigned");
    past.seal();
    past.assert_intact();
    let told: Vec<Option<String>> = past
        .company
        .rows("planner", &format!("select why from wo.audit_trail('{going}')"))
        .iter()
        .map(|row| row.get(0))
        .collect();
    let away = past.partition("audit_entry", 4);
    assert!(told[1].as_deref().unwrap().contains(&away), "{told:?}");
    assert!(told.len() > 3, "{told:?}");
    past.company.refused(
        "planner",
        &format!("select wo.evidence_package('{going}')"),
        "55000",
        "entries_archived",
    );
    let kept: Value =
        past.company.one("qa", &format!("select wo.evidence_package('{ended}')::json"));
    assert_eq!(kept["sections"]["work_order"]["wo_number"], Value::from(ended.as_str()));

    // And all of it comes back.
    for name in expected("audit_entry") {
        let back: i64 = past.company.one(ROOT, &format!("select wo.restore_archive('{name}')"));
        let verdicts = past.verdicts();
        let verdict = verdicts.iter().find(|verdict| verdict.archive == name).unwrap();
        assert_eq!(back, verdict.lines, "{name}");
        past.assert_intact();
    }
    assert_eq!(&past.trail()[..trail.len()], &trail[..], "every entry is as it was");
    assert_eq!(past.leaves("audit_entry").len(), entries);
    let package: Value =
        past.company.one("planner", &format!("select wo.evidence_package('{going}')::json"));
    assert_eq!(package["sections"]["trail"][0]["sequence"], 1);
    assert_eq!(past.tick(), 0, "what was brought back does not leave by itself");
    let lines = past.company.one::<i64>(
        ROOT,
        &format!("select wo.release_archive('{}')", past.partition("audit_entry", 5)),
    );
    assert!(lines > 20, "{lines}");
    past.assert_intact();
    past.company.refused(
        ROOT,
        &format!("select wo.release_archive('{}')", past.partition("audit_entry", 5)),
        "55000",
        "archive_state",
    );
}

#[test]
fn what_came_back_is_as_closed_as_any_leaf() {
    let (past, ..) = with_a_past();
    past.archive_all();
    let name = past.partition("audit_entry", 5);
    let gone = db_error(past.superuser().query(&format!("select * from wo.{name}"), &[]));
    assert_eq!(gone.code().code(), "42P01");
    past.company.run(ROOT, &format!("select wo.restore_archive('{name}')"));
    let closed: bool = past.company.one(
        ROOT,
        &format!(
            "select relrowsecurity and relforcerowsecurity and pg_get_userbyid(relowner) = 'wo_owner'
             from pg_class where oid = 'wo.{name}'::regclass"
        ),
    );
    assert!(closed);
    let problems: Vec<String> = past.company.one(ROOT, "select wo_private.table_problems()");
    assert_eq!(problems, [""; 0]);
    for write in ["update wo.audit_entry set actor = 'x'", "delete from wo.audit_entry"] {
        let refusal = db_error(past.superuser().execute(write, &[]));
        assert_eq!(refusal.code().code(), "42501");
    }
}

#[test]
fn nothing_leaves_before_it_is_sealed() {
    let past = Past::found();
    past.company.create("Mend the pump");
    past.happened(5);
    past.archive_all();
    // Leaves without entries go; the one with entries and what follows it stay.
    let held = past.partition("audit_entry", 5);
    assert!(past.leaves("audit_entry").contains(&format!("wo.{held}")));
    assert!(!past.archives("true").contains(&held));
    let health = past
        .company
        .all(ROOT, "select severity || ' ' || detail from wo_private.retention_health()");
    assert_eq!(health, [format!("notice {held} is to be archived")]);
    past.seal();
    past.archive_all();
    assert!(past.archives("detached_at is not null").contains(&held));
    past.assert_intact();
}

#[test]
fn events_leave_when_every_consumer_has_acknowledged_them() {
    let past = Past::found();
    past.company.run("planner", "select wo.create_consumer('bridge'), wo.create_consumer('slow')");
    past.company.create("Mend the pump");
    past.happened(5);
    past.archive_all();
    let held = past.partition("event", 5);
    assert!(past.leaves("event").contains(&format!("wo.{held}")));
    past.company.run(
        "planner",
        "select wo.acknowledge('bridge', max(position)) from wo.fetch_events('bridge', 10000)",
    );
    past.archive_all();
    assert!(!past.archives("true").contains(&held), "one consumer has not read them");
    past.company.run(
        "planner",
        "select wo.acknowledge('slow', max(position)) from wo.fetch_events('slow', 10000)",
    );
    past.archive_all();
    assert!(past.archives("detached_at is not null").contains(&held));
    let gone: i64 =
        past.company.one(ROOT, "select count(*) from wo.event where type = 'wo.created'");
    assert_eq!(gone, 0);
    past.company.run(ROOT, &format!("select wo.restore_archive('{held}')"));
    let back: i64 =
        past.company.one(ROOT, "select count(*) from wo.event where type = 'wo.created'");
    assert_eq!(back, 1);
}

#[test]
fn writers_go_on_while_a_month_leaves() {
    let (past, ..) = with_a_past();
    let stop = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        let writers: Vec<_> = (0..2)
            .map(|_| {
                let mut config = past.company.database.config("originator");
                config.options("-c lock_timeout=5s");
                let mut client = past.company.database.connect_with(&config);
                let stop = &stop;
                scope.spawn(move || {
                    let mut slowest = std::time::Duration::ZERO;
                    let mut count = 0;
                    while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                        let begun = std::time::Instant::now();
                        client
                            .execute("select wo.create_work_order('While it leaves')", &[])
                            .unwrap();
                        slowest = slowest.max(begun.elapsed());
                        count += 1;
                    }
                    (count, slowest)
                })
            })
            .collect();
        past.archive_all();
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
        for writer in writers {
            let (count, slowest) = writer.join().unwrap();
            assert!(count > 0);
            assert!(slowest < std::time::Duration::from_secs(3), "{slowest:?}");
        }
    });
    assert_eq!(past.archives("detached_at is not null").len(), 10);
    past.seal();
    past.assert_intact();
}

#[test]
fn who_is_reading_a_month_is_not_disturbed_and_it_leaves_later() {
    let (past, ..) = with_a_past();
    let mut reader = past.superuser();
    let partition = past.partition("audit_entry", 7);
    reader.batch_execute("begin; select count(*) from wo.audit_entry").unwrap();
    past.archive_all();
    assert!(past.leaves("audit_entry").contains(&format!("wo.{partition}")));
    assert!(past.archives("detached_at is null").contains(&partition));
    let health = past.company.all(ROOT, "select detail from wo_private.retention_health()");
    assert!(
        health.contains(&format!("{partition} is archived but still in the database")),
        "{health:?}"
    );
    past.assert_intact();
    reader.batch_execute("commit").unwrap();
    past.archive_all();
    assert!(past.archives("detached_at is not null").contains(&partition));
    past.assert_intact();
}

/// A dump takes what is in the database; the files are copied beside it.
#[test]
fn a_dump_and_the_files_are_enough_to_bring_everything_back_elsewhere() {
    let (past, ..) = with_a_past();
    past.archive_all();
    let cluster = past.company.database.cluster();
    let into = cluster.empty_database();
    into.restore(&past.company.database.dump()).unwrap();
    let mut superuser = into.superuser();
    let name = past.partition("audit_entry", 5);
    let problem = |client: &mut postgres::Client| -> Option<String> {
        let ask = format!("select problem from wo.verify_archive('{name}')");
        client.query_one(&ask, &[]).unwrap().get(0)
    };
    assert!(problem(&mut superuser).unwrap().contains("cannot be read"));
    let directory = past.directory();
    let copied = directory.with_file_name(wo_rules::retention::name::file_name(into.name()));
    let copy = std::process::Command::new("cp")
        .args(["-rp".as_ref(), directory.as_os_str(), copied.as_os_str()])
        .status();
    assert!(copy.unwrap().success());
    assert_eq!(problem(&mut superuser), None);
    superuser.batch_execute(&format!("select wo.restore_archive('{name}')")).unwrap();
    let broken: i64 = superuser
        .query_one(
            "select (select count(*) from wo.reconcile() where not intact)
                + (select count(*) from wo.verify_ledger() where not intact)
                + (select count(*) from wo.verify_archive() where not intact)",
            &[],
        )
        .unwrap()
        .get(0);
    assert_eq!(broken, 0);
}
