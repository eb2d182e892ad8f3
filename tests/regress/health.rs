//! wo.health() says what is off, and the enforcement layer does not work on records that are not as it made them.

use std::collections::BTreeMap;

use postgres::{Client, Row};
use wo_cluster_tests::{Cluster, Database, backend_pid, refused};

#[derive(Debug)]
struct Said {
    severity: String,
    detail: String,
    remedy: String,
}

fn health(client: &mut Client) -> BTreeMap<String, Said> {
    let sql = "select subject, severity, detail, remedy from wo.health()";
    let said = |row: &Row| Said { severity: row.get(1), detail: row.get(2), remedy: row.get(3) };
    client.query(sql, &[]).unwrap().iter().map(|row| (row.get(0), said(row))).collect()
}

/// A tenant with somebody who may write: the login `worker`.
fn with_work(database: &Database<'_>) -> Client {
    database.login("worker", &["wo_user"]);
    database
        .superuser()
        .batch_execute(
            "select wo.create_tenant('acme', 'Acme'); begin; select wo.administer('acme');
             select wo.create_principal('wim', roles => '{planner}', db_role => 'worker'); commit",
        )
        .unwrap();
    let mut client = database.connect("worker");
    client.batch_execute("select wo.create_work_order('first')").unwrap();
    client
}

#[test]
fn a_fresh_install_is_in_good_health() {
    let database = Cluster::shared().database();
    let said = health(&mut database.superuser());
    let subjects: Vec<&str> = said.keys().map(String::as_str).collect();
    assert_eq!(
        subjects,
        [
            "approvals",
            "credentials",
            "databases",
            "durability",
            "event consumers",
            "event horizon",
            "findings",
            "hierarchy",
            "job locks",
            "jobs",
            "ledger",
            "partitions",
            "records",
            "refused attempts",
            "replica role",
            "retention",
            "role makers",
            "schema changes",
            "sealing",
            "statistics",
            "table locks",
            "unregistered tables",
            "versions",
            "waking",
            "worker"
        ]
    );
    for (subject, said) in &said {
        // The server of these tests forgets what it was told, and preloads nothing.
        let severity = match subject.as_str() {
            "durability" => "bad",
            "ledger" | "refused attempts" => "warning",
            "worker" => "notice",
            _ => "good",
        };
        assert_eq!(said.severity, severity, "{subject}: {said:?}");
        assert!(!said.detail.is_empty(), "{subject}: {said:?}");
        assert_eq!(said.remedy.is_empty(), severity == "good", "{subject}: {said:?}");
    }
}

/// What uses the table that is damaged: nothing is refused for the damage of a table that it does not use.
fn use_of(damage: &str) -> &'static str {
    match damage {
        damage if damage.contains("work_order_import") => "select from wo.work_order_import",
        damage if damage.contains("audit_chain") => "select from wo.audit_chain",
        _ => "select wo.create_work_order('second')",
    }
}

/// What a DBA could do to the records, and the words that health and the enforcement layer must find for it.
const DAMAGE: &[(&str, &[&str])] = &[
    ("alter table wo.work_order disable trigger validate", &["trigger validate", "work_order"]),
    (
        "alter table wo.work_order disable trigger forbid_delete",
        &["trigger forbid_delete", "work_order"],
    ),
    (
        "alter table wo.work_order enable trigger forbid_delete",
        &["trigger forbid_delete", "work_order"],
    ),
    ("alter table wo.work_order enable replica trigger audit", &["trigger audit", "work_order"]),
    ("alter table wo.work_order disable trigger all", &["trigger", "work_order"]),
    (
        "alter table wo.work_order_p0 disable trigger validate",
        &["trigger validate", "work_order_p0"],
    ),
    (
        "alter table wo.work_order_p0 disable trigger forbid_truncate",
        &["trigger forbid_truncate", "work_order_p0"],
    ),
    ("drop trigger audit on wo.work_order", &["trigger audit", "work_order", "missing"]),
    ("drop trigger import on wo.work_order_import", &["trigger import", "work_order_import"]),
    ("alter table wo.principal disable trigger directory", &["trigger directory", "principal"]),
    (
        "alter table wo.audit_entry disable trigger forbid_delete",
        &["trigger forbid_delete", "audit_entry"],
    ),
    ("alter table wo.work_order owner to postgres", &["work_order belongs to postgres"]),
    ("alter table wo.audit_chain owner to worker", &["audit_chain belongs to worker"]),
    ("alter sequence wo.event_position owner to postgres", &["event_position belongs to postgres"]),
    ("alter table wo.event no force row level security", &["row security of wo.event"]),
    (
        "alter table wo.work_order_p0 disable row level security",
        &["row security of wo.work_order_p0"],
    ),
    ("drop policy tenant_isolation on wo.work_order", &["policy tenant_isolation", "work_order"]),
    (
        "alter policy tenant_isolation on wo.work_order using (true)",
        &["policy tenant_isolation", "work_order"],
    ),
];

#[test]
fn damaged_records_are_reported() {
    let mut unreported = Vec::new();
    for (damage, words) in DAMAGE {
        let database = Cluster::shared().partitioned_database();
        with_work(&database);
        let mut admin = database.superuser();
        admin.batch_execute(damage).unwrap();
        let said = &health(&mut admin)["records"];
        let names_it = words.iter().all(|word| said.detail.contains(word));
        if said.severity != "bad" || !names_it || said.remedy.is_empty() {
            unreported.push(format!("{damage}: {said:?}"));
            continue;
        }
        // A monitor hears the same.
        database.login("watcher", &["wo_monitor"]);
        assert_eq!(health(&mut database.connect("watcher"))["records"].severity, "bad");
    }
    assert!(unreported.is_empty(), "{unreported:#?}");
}

#[test]
fn enforcement_refuses_to_work_on_damaged_records_and_says_why() {
    let mut ignored = Vec::new();
    for (damage, words) in DAMAGE {
        let database = Cluster::shared().partitioned_database();
        let mut open = with_work(&database);
        let mut admin = database.superuser();
        admin.batch_execute(damage).unwrap();
        let before: i64 =
            admin.query_one("select count(*) from wo.work_order", &[]).unwrap().get(0);
        // A session that was at work already, and a new one.
        for client in [&mut open, &mut database.connect("worker")] {
            let tried = client.batch_execute(use_of(damage));
            let said = tried.as_ref().err().and_then(|error| error.as_db_error()).cloned();
            let names_it = said.as_ref().is_some_and(|said| {
                said.code().code() == "55000"
                    && words.iter().all(|word| said.message().contains(word))
            });
            if names_it {
                refused(tried, "55000", "tables_damaged");
            } else {
                ignored.push(format!("{damage}: {said:?}"));
            }
        }
        let after: i64 = admin.query_one("select count(*) from wo.work_order", &[]).unwrap().get(0);
        if after != before {
            ignored.push(format!("{damage}: a work order was written"));
        }
    }
    assert!(ignored.is_empty(), "{ignored:#?}");
}

#[test]
fn administration_stops_on_damaged_records_too() {
    let database = Cluster::shared().database();
    let mut client = with_work(&database);
    let mut admin = database.superuser();
    admin.batch_execute("alter table wo.audit_entry disable trigger forbid_delete").unwrap();
    for act in [
        "select wo.administer('acme'); select wo.create_principal('late')",
        "select wo.create_tenant('late', 'Late')",
        "insert into wo.work_order (title) values ('raw')",
        "update wo.work_order set title = 'raw'",
    ] {
        let by = if act.starts_with("select") { &mut admin } else { &mut client };
        refused(by.batch_execute(act), "55000", "tables_damaged");
    }
}

#[test]
fn enforce_puts_the_triggers_back() {
    let mut lasting = Vec::new();
    for (damage, _) in DAMAGE {
        let database = Cluster::shared().partitioned_database();
        let mut client = with_work(&database);
        let mut admin = database.superuser();
        admin.batch_execute(damage).unwrap();
        if damage.contains("owner to") {
            // Whose a table shall be is the DBA's to say.
            let what = damage.split(" owner to").next().unwrap();
            admin.batch_execute(&format!("{what} owner to wo_owner")).unwrap();
        }
        let enforced = admin.batch_execute("select wo_private.enforce()");
        let said = &health(&mut admin)["records"];
        let works = client.batch_execute("select wo.create_work_order('second')");
        if enforced.is_err() || said.severity != "good" || works.is_err() {
            lasting.push(format!("{damage}: {enforced:?} {said:?} {works:?}"));
        }
    }
    assert!(lasting.is_empty(), "{lasting:#?}");
}

#[test]
fn whoever_may_switch_the_rules_off_is_named() {
    let cluster = Cluster::own(&[]);
    let database = cluster.database();
    database.login("mallory", &[]);
    let mut admin = database.superuser();
    admin.batch_execute("grant set on parameter session_replication_role to mallory").unwrap();
    let said = &health(&mut admin)["replica role"];
    assert_eq!(said.severity, "bad", "{said:?}");
    assert!(said.detail.contains("mallory") && said.remedy.contains("revoke"), "{said:?}");
    admin.batch_execute("grant set on parameter session_replication_role to public").unwrap();
    let said = &health(&mut admin)["replica role"];
    assert!(said.detail.contains("PUBLIC"), "{said:?}");
    // And the hole is real: as a replica the refusing triggers still fire, the deriving do not.
    admin
        .batch_execute("revoke set on parameter session_replication_role from mallory, public")
        .unwrap();
    assert_eq!(health(&mut admin)["replica role"].severity, "good");
    admin.batch_execute("create role maker login createrole").unwrap();
    let said = &health(&mut admin)["role makers"];
    let major = wo_cluster_tests::Server::under_test().major;
    assert_eq!(said.severity, if major >= 16 { "good" } else { "warning" }, "{said:?}");
    assert!(said.detail.contains("maker"), "{said:?}");
}

#[test]
fn who_holds_the_events_back_is_named() {
    let database = Cluster::shared().database();
    let mut client = with_work(&database);
    client.batch_execute("begin; select wo.create_work_order('slow')").unwrap();
    let pid = backend_pid(&mut client);
    let mut admin = database.superuser();
    let said = &health(&mut admin)["event horizon"];
    assert!(said.detail.contains(&format!("process {pid} (worker")), "{said:?}");
    client.batch_execute("commit").unwrap();
    let said = &health(&mut admin)["event horizon"];
    assert!(said.detail.contains("nobody") && said.severity == "good", "{said:?}");
}

#[test]
fn another_databases_writer_does_not_hold_ours_back() {
    let (ours, other) = (Cluster::shared().database(), Cluster::shared().database());
    let mut client = with_work(&other);
    client.batch_execute("begin; select wo.create_work_order('slow')").unwrap();
    let said = &health(&mut ours.superuser())["event horizon"];
    assert!(said.detail.contains("nobody"), "{said:?}");
    client.batch_execute("rollback").unwrap();
}

#[test]
fn missing_partitions_are_reported_before_they_are_missed() {
    let database = Cluster::shared().database();
    let mut admin = database.superuser();
    let ahead = |admin: &mut Client, parent: &str, months: i32| {
        let leaves = admin
            .query(
                "select child.relname::text from pg_inherits join pg_class as child on child.oid = inhrelid
                 where inhparent = ('wo.' || $1)::regclass
                    and case when child.relname ~ '_[0-9]{4}_[0-9]{2}$' then to_date(right(child.relname, 7), 'YYYY_MM') end > date_trunc('month', now() at time zone 'UTC') + make_interval(months => $2)",
                &[&parent, &months],
            )
            .unwrap();
        for leaf in leaves {
            admin.batch_execute(&format!("drop table wo.{}", leaf.get::<_, String>(0))).unwrap();
        }
    };
    for (months, state) in [(2, "good"), (1, "warning"), (0, "bad")] {
        ahead(&mut admin, "event", months);
        let said = &health(&mut admin)["partitions"];
        assert_eq!(said.severity, state, "{months} months: {said:?}");
        assert_eq!(said.remedy.contains("make_partitions"), state != "good", "{said:?}");
    }
    // None at all: nothing can be written, and health must not fall silent.
    admin.batch_execute("do $$ declare leaf record; begin
        for leaf in select inhrelid::regclass as name from pg_inherits where inhparent = 'wo.event'::regclass loop
            execute 'drop table ' || leaf.name; end loop; end $$").unwrap();
    let said = &health(&mut admin)["partitions"];
    assert_eq!(said.severity, "bad", "{said:?}");
    admin.batch_execute("select wo.make_partitions()").unwrap();
    assert_eq!(health(&mut admin)["partitions"].severity, "good");
}
