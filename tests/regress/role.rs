//! Roles that are there before the extension is.

use wo_cluster_tests::{Cluster, Database, refused};

const ALL: [&str; 9] = [
    "wo_owner",
    "wo_identity",
    "wo_trail",
    "wo_guard",
    "wo_admin",
    "wo_user",
    "wo_auditor",
    "wo_monitor",
    "wo_bridge",
];
const DUTIES: [&str; 6] =
    ["wo_owner", "wo_identity", "wo_trail", "wo_guard", "wo_ledger", "wo_worker"];

/// CREATE EXTENSION is refused with this code, names the role, and leaves nothing behind.
#[track_caller]
fn refuses(database: &Database<'_>, role: &str, code: &str) {
    let mut client = database.superuser();
    let detail = refused(client.batch_execute("create extension wo_core"), "42501", code);
    assert_eq!(detail["role"], role);
    let row = client
        .query_one("select count(*) from pg_namespace where nspname in ('wo', 'wo_private')", &[]);
    assert_eq!(row.unwrap().get::<_, i64>(0), 0);
    let row = client.query_one("select count(*) from pg_roles where rolname ~ '^wo_'", &[]);
    assert_eq!(row.unwrap().get::<_, i64>(0), 1, "roles were left behind");
}

#[test]
fn a_role_that_may_log_in_or_pass_by_row_security_is_not_adopted() {
    let cluster = Cluster::own(&[]);
    let database = cluster.empty_database();
    for role in ALL {
        for power in ["login", "superuser", "bypassrls"] {
            database.superuser().batch_execute(&format!("create role {role} {power}")).unwrap();
            refuses(&database, role, "role_unsafe");
            database.superuser().batch_execute(&format!("drop role {role}")).unwrap();
        }
    }
    // Without them it installs.
    database.superuser().batch_execute("create extension wo_core").unwrap();
}

#[test]
fn a_strangers_role_with_members_is_not_adopted() {
    let cluster = Cluster::own(&[]);
    let database = cluster.empty_database();
    database.superuser().batch_execute("create role mallory login").unwrap();
    for role in ALL {
        let make = format!("create role {role} nologin; grant {role} to mallory");
        database.superuser().batch_execute(&make).unwrap();
        refuses(&database, role, "role_has_members");
        database.superuser().batch_execute(&format!("drop role {role}")).unwrap();
    }
    // One without members and powers is a plain leftover, and is used.
    database.superuser().batch_execute("create role wo_user nologin").unwrap();
    database.superuser().batch_execute("create extension wo_core").unwrap();
}

#[test]
fn a_second_database_installs_although_people_are_members() {
    let cluster = Cluster::own(&[]);
    let first = cluster.empty_database();
    first.superuser().batch_execute("create extension wo_core").unwrap();
    for role in ["wo_user", "wo_admin", "wo_auditor", "wo_monitor", "wo_bridge"] {
        cluster.login("ann", &[role]);
    }
    let second = cluster.empty_database();
    second.superuser().batch_execute("create extension wo_core").unwrap();
    let row = second.superuser().query_one("select wo.create_tenant('acme', 'Acme')", &[]);
    assert!(row.is_ok(), "{row:?}");
}

#[test]
fn a_duty_with_a_member_keeps_the_next_database_from_installing() {
    let cluster = Cluster::own(&[]);
    let first = cluster.empty_database();
    first.superuser().batch_execute("create extension wo_core").unwrap();
    let second = cluster.empty_database();
    for duty in DUTIES {
        cluster.login("mallory", &[]);
        first.superuser().batch_execute(&format!("grant {duty} to mallory")).unwrap();
        let mut client = second.superuser();
        let detail =
            refused(client.batch_execute("create extension wo_core"), "42501", "role_has_members");
        assert_eq!(detail["role"], duty);
        first.superuser().batch_execute(&format!("revoke {duty} from mallory")).unwrap();
    }
    second.superuser().batch_execute("create extension wo_core").unwrap();
}

#[test]
fn only_a_superuser_installs() {
    let cluster = Cluster::own(&[]);
    let database = cluster.empty_database();
    database.login("maker", &[]);
    let name = database.name();
    database.superuser().batch_execute(&format!("alter database {name} owner to maker")).unwrap();
    let mut maker = database.connect("maker");
    let refusal = wo_cluster_tests::db_error(maker.batch_execute("create extension wo_core"));
    assert_eq!(refusal.code().code(), "42501", "{refusal:?}");
}
