//! Dropping the extension: refused, or the enforcement layer goes and every record stays, seen by nobody.

use std::collections::BTreeMap;

use wo_cluster_tests::{Cluster, db_error};

use crate::recovery::catalogue::{assert_same, objects, rows};
use crate::recovery::company::{assert_work_goes_on, at_work};

#[test]
fn a_drop_without_cascade_is_refused_and_changes_nothing() {
    let stage = at_work(Cluster::shared());
    let (made, held) = (objects(&stage.db), rows(&stage.db));
    for sql in
        ["DROP EXTENSION wo_core", "DROP EXTENSION wo_core RESTRICT", "DROP SCHEMA wo_private"]
    {
        let refusal = db_error(stage.db.superuser().batch_execute(sql));
        assert_eq!(refusal.code().code(), "2BP01", "{refusal:?}");
    }
    assert_same(&made, &objects(&stage.db));
    assert_same(&held, &rows(&stage.db));
    assert_work_goes_on(&stage.db);
}

#[test]
fn no_record_depends_on_the_extension() {
    let db = Cluster::shared().database();
    let dependents: Vec<String> = db
        .superuser()
        .query(
            "WITH member AS (
                SELECT classid, objid FROM pg_depend
                JOIN pg_extension ON pg_extension.oid = refobjid AND extname = 'wo_core'
                WHERE refclassid = 'pg_extension'::regclass AND deptype = 'e'
             )
             SELECT pg_describe_object(held.classid, held.objid, held.objsubid)
                || ' on ' || pg_describe_object(held.refclassid, held.refobjid, held.refobjsubid)
             FROM pg_depend AS held
             JOIN member ON (member.classid, member.objid) = (held.refclassid, held.refobjid)
             WHERE held.deptype NOT IN ('e', 'i')
                AND (held.classid, held.objid) NOT IN (SELECT classid, objid FROM member)
                AND held.classid NOT IN ('pg_trigger'::regclass, 'pg_policy'::regclass, 'pg_event_trigger'::regclass)
                AND held.refobjid <> 'wo_private.lock_secret'::regclass",
            &[],
        )
        .unwrap()
        .iter()
        .map(|row| row.get(0))
        .collect();
    assert_eq!(dependents, Vec::<String>::new());
    // Nor is a record a member.
    let members = objects(&db);
    let records: Vec<&String> = members
        .keys()
        .filter(|object| {
            object.starts_with("member ") && !object.starts_with("member function wo_private.")
        })
        .filter(|object| {
            // Since PostgreSQL 18 the row type of a member is a member too.
            ![
                "member schema wo_private",
                "member table wo_private.lock_secret",
                "member type wo_private.lock_secret",
                "member type wo_private.lock_secret[]",
            ]
            .contains(&object.as_str())
        })
        .collect();
    assert_eq!(records, Vec::<&String>::new());
}

#[test]
fn a_drop_with_cascade_keeps_every_record_unseen_until_enforcement_is_back() {
    let stage = at_work(Cluster::shared());
    stage.db.login("watcher", &["wo_auditor", "wo_monitor"]);
    let (made, held) = (objects(&stage.db), rows(&stage.db));
    stage.db.superuser().batch_execute("DROP EXTENSION wo_core CASCADE").unwrap();
    assert_same(&held, &rows(&stage.db));

    let mut superuser = stage.db.superuser();
    let relations: Vec<String> = superuser
        .query(
            "SELECT oid::regclass::text FROM pg_class
             WHERE relnamespace = 'wo'::regnamespace AND relkind IN ('r', 'p', 'v')",
            &[],
        )
        .unwrap()
        .iter()
        .map(|row| row.get(0))
        .collect();
    assert!(relations.len() > 30, "{relations:?}");
    let mut seen = BTreeMap::new();
    for login in ["cap", "rival", "adm", "bridge", "watcher"] {
        let mut client = stage.client(login);
        for relation in &relations {
            let shown = client.query_one(&format!("SELECT count(*) FROM {relation}"), &[]);
            let count: i64 = shown.map_or(0, |row| row.get(0));
            // Which version is installed is no tenant's secret.
            if count > 0 && relation != "wo.schema_version" {
                seen.insert((login, relation.clone()), count);
            }
        }
    }
    assert_eq!(seen, BTreeMap::new(), "rows are seen without the enforcement layer");
    for (login, write) in [
        ("cap", "UPDATE wo.work_order SET status = 'approved'"),
        ("cap", "DELETE FROM wo.event_consumer"),
        ("adm", "UPDATE wo.principal SET disabled_at = now()"),
        ("adm", "DELETE FROM wo.principal_role"),
        ("bridge", "DELETE FROM wo.event_consumer"),
    ] {
        let changed = stage.client(login).execute(write, &[]).unwrap_or(0);
        assert_eq!(changed, 0, "{login}: {write}");
    }
    assert!(stage.captain().batch_execute("SELECT wo.create_work_order('[SS1-Ops] x')").is_err());
    let insert = "INSERT INTO wo.event_consumer
            (tenant_id, consumer, owner_role, position, fetched_position, start_position, acknowledged_at)
        VALUES ('00000000-0000-0000-0000-000000000000', 'thief', 'bridge', 0, 0, 0, now())";
    for login in ["cap", "adm", "bridge"] {
        assert!(stage.client(login).batch_execute(insert).is_err(), "{login}");
    }
    assert_same(&held, &rows(&stage.db));

    // One command would not be enough: the enforcement layer is there again, but not yet in force.
    let created = stage.db.psql("postgres", "CREATE EXTENSION wo_core");
    assert!(created.success, "{}", created.stderr);
    assert!(created.stderr.contains("enforce()"), "{}", created.stderr);
    assert!(stage.captain().batch_execute("SELECT wo.create_work_order('[SS1-Ops] x')").is_err());
    let enforced = stage.db.psql("postgres", "SELECT wo_private.enforce()");
    assert!(enforced.success, "{}", enforced.stderr);
    assert_same(&made, &objects(&stage.db));
    assert_same(&held, &rows(&stage.db));
    assert_work_goes_on(&stage.db);
}

#[test]
fn enforce_changes_nothing_where_everything_is_in_force() {
    let stage = at_work(Cluster::shared());
    let (made, held) = (objects(&stage.db), rows(&stage.db));
    stage
        .db
        .superuser()
        .batch_execute("SELECT wo_private.enforce(); SELECT wo_private.enforce()")
        .unwrap();
    assert_same(&made, &objects(&stage.db));
    assert_same(&held, &rows(&stage.db));
    for login in ["cap", "adm", "bridge"] {
        assert!(
            stage.client(login).batch_execute("SELECT wo_private.enforce()").is_err(),
            "{login}"
        );
        assert!(
            stage.client(login).batch_execute("SELECT wo_private.migrate()").is_err(),
            "{login}"
        );
        assert!(
            stage.client(login).batch_execute("SELECT wo_private.install()").is_err(),
            "{login}"
        );
    }
}
