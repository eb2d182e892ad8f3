//! Functions that answer false where there is nothing to do. They answered the same where a trigger of an administrator had
//! suppressed the write, so that a role that was revoked was still held.

use super::stage::{Stage, pending};
use wo_cluster_tests::{Cluster, db_error, refused};

const SUPPRESS: &str = "
    CREATE FUNCTION public.suppress() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;";

/// The table, the event, and calls of an administrator that it suppresses.
const ADMINISTRATOR: &[(&str, &str, &[&str])] = &[
    ("principal_role", "DELETE", &["SELECT wo.revoke_role('cap', 'captain')"]),
    (
        "principal_role",
        "INSERT",
        &[
            "SELECT wo.grant_role('mate', 'captain')",
            "SELECT wo.create_principal('new', roles => '{captain}')",
        ],
    ),
    (
        "principal",
        "UPDATE",
        &["SELECT wo.disable_principal('mate')", "SELECT wo.enable_principal('gone')"],
    ),
    ("principal", "INSERT", &["SELECT wo.create_principal('new')"]),
    ("role", "INSERT", &["SELECT wo.create_role('new')"]),
    ("trusted_issuer", "UPDATE", &["SELECT wo.distrust_issuer('i', 'k')"]),
    (
        "trusted_issuer",
        "INSERT",
        &[
            "SELECT wo.trust_issuer('i', 'k2', '19bf44096984cdfe8541bac167dc3b96c85086aa30b6b6cb0c5c38ad703166e1')",
        ],
    ),
    ("guard_function", "INSERT", &["SELECT wo.register_guard('g', 'wo.current_tenant()')"]),
    (
        "lifecycle",
        "INSERT",
        &[
            "SELECT wo.publish_lifecycle((SELECT definition FROM wo.lifecycle WHERE name = 'fleet_task') || '{\"description\": \"x\"}')",
        ],
    ),
];

fn suppressing(stage: &Stage<'_>, table: &str, event: &str, act: impl FnOnce()) {
    let mut root = stage.db.superuser();
    root.batch_execute(&format!(
        "CREATE TRIGGER dba BEFORE {event} ON wo.{table} FOR EACH ROW EXECUTE FUNCTION public.suppress()"
    ))
    .unwrap();
    act();
    root.batch_execute(&format!("DROP TRIGGER dba ON wo.{table}")).unwrap();
}

#[test]
fn a_suppressed_write_of_an_administrator_is_refused() {
    let stage = Stage::new(Cluster::shared());
    stage.db.superuser().batch_execute(SUPPRESS).unwrap();
    stage.as_admin(
        "acme",
        "SELECT wo.create_principal('gone'); SELECT wo.disable_principal('gone')",
    );
    stage.as_admin(
        "acme",
        "SELECT wo.trust_issuer('i', 'k', '19bf44096984cdfe8541bac167dc3b96c85086aa30b6b6cb0c5c38ad703166e1')",
    );
    for (table, event, calls) in ADMINISTRATOR {
        suppressing(&stage, table, event, || {
            for call in *calls {
                let mut admin = stage.admin();
                admin.batch_execute("BEGIN; SELECT wo.administer('acme')").unwrap();
                let tried = admin.query(*call, &[]);
                assert!(tried.is_err(), "{call}");
                refused(tried, "55000", "write_suppressed");
            }
        });
    }
    // Where there is nothing to do, nothing was suppressed; and where nothing is suppressed, it is done.
    stage.as_admin("acme", "SELECT wo.grant_role('cap', 'captain')");
    for (call, answer) in [
        ("wo.revoke_role('mate', 'captain')", false),
        ("wo.disable_principal('gone')", false),
        ("wo.enable_principal('gone')", true),
        ("wo.enable_principal('gone')", false),
        ("wo.disable_principal('gone')", true),
        ("wo.distrust_issuer('i', 'nothing')", false),
        ("wo.distrust_issuer('i', 'k')", true),
        ("wo.revoke_role('cap', 'captain')", true),
    ] {
        let mut admin = stage.admin();
        admin.batch_execute("BEGIN; SELECT wo.administer('acme')").unwrap();
        let told: bool = admin.query_one(&format!("SELECT {call}"), &[]).unwrap().get(0);
        assert_eq!(told, answer, "{call}");
        admin.batch_execute("COMMIT").unwrap();
    }
}

#[test]
fn a_suppressed_removal_of_a_record_is_refused() {
    let stage = Stage::new(Cluster::shared());
    stage.db.superuser().batch_execute(SUPPRESS).unwrap();
    let mut captain = stage.captain();
    let (one, other) = (pending(&mut captain), pending(&mut captain));
    captain.execute("SELECT wo.add_dependency($1::text, $2::text)", &[&one, &other]).unwrap();
    stage
        .db
        .superuser()
        .batch_execute(
            "SET session_replication_role = replica;
        INSERT INTO wo.engine (tenant_id, engine, cost_class, capabilities, description)
            SELECT tenant_id, 'e', 'free', '{}', '' FROM wo.tenant",
        )
        .unwrap();
    let many = format!(r#"[{{"successor": "{one}", "predecessor": "{other}"}}]"#);
    suppressing(&stage, "dependency", "DELETE", || {
        for call in [
            format!("SELECT wo.remove_dependency('{one}', '{other}')"),
            format!("SELECT wo.remove_dependencies('{many}')"),
        ] {
            refused(captain.query(&call, &[]), "55000", "write_suppressed");
        }
    });
    suppressing(&stage, "engine_override", "INSERT", || {
        let call = format!("SELECT wo.override_engine('{one}', 'e', 'r')");
        refused(captain.query(&call, &[]), "55000", "write_suppressed");
    });
    let removed: i32 =
        captain.query_one(&format!("SELECT wo.remove_dependencies('{many}')"), &[]).unwrap().get(0);
    let again: i32 =
        captain.query_one(&format!("SELECT wo.remove_dependencies('{many}')"), &[]).unwrap().get(0);
    assert_eq!((removed, again), (1, 0));
}

/// A bare constraint error names a constraint; the refusal names the field and what it may be.
#[test]
fn a_lag_that_cannot_be_is_refused_by_its_field() {
    let stage = Stage::new(Cluster::shared());
    let mut captain = stage.captain();
    let (one, other) = (pending(&mut captain), pending(&mut captain));
    for lag in ["-1 hour", "101 years"] {
        let call = format!("SELECT wo.add_dependency('{one}', '{other}', '{lag}')");
        refused(captain.query(&call, &[]), "22023", "field_invalid");
        let raw = format!(
            "INSERT INTO wo.dependency (successor_id, predecessor_id, lag, tenant_id)
             SELECT a.id, b.id, '{lag}', a.tenant_id FROM wo.work_order AS a, wo.work_order AS b
             WHERE a.wo_number = '{one}' AND b.wo_number = '{other}'"
        );
        refused(captain.execute(&raw, &[]), "22023", "field_invalid");
    }
    captain
        .query(&format!("SELECT wo.add_dependency('{one}', '{other}', '3 hours')"), &[])
        .unwrap();
}

/// A principal that holds a role already may be given it again. Another thing that must be unique, such as an index
/// of an administrator, is not passed over: the answer would be that the role was given, and it was not.
#[test]
fn a_role_that_another_unique_index_forbids_is_not_said_to_be_granted() {
    let stage = Stage::new(Cluster::shared());
    let mut root = stage.db.superuser();
    root.batch_execute("CREATE UNIQUE INDEX one_captain ON wo.principal_role (tenant_id, role)")
        .unwrap();
    let mut admin = stage.admin();
    let mut grant = |principal: &str| {
        let mut granting = admin.transaction()?;
        granting.batch_execute("SELECT wo.administer('acme')")?;
        granting.execute("SELECT wo.grant_role($1, 'captain')", &[&principal])?;
        granting.commit()
    };
    assert_eq!(db_error(grant("mate")).code().code(), "23505");
    root.batch_execute("DROP INDEX wo.one_captain").unwrap();
    for principal in ["cap", "mate", "mate"] {
        grant(principal).unwrap();
    }
    let held = "SELECT count(*) FROM wo.principal_role WHERE role = 'captain'";
    let held: i64 = root.query_one(held, &[]).unwrap().get(0);
    assert_eq!(held, 2);
}
