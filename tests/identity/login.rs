//! The login role as a proof of who is acting.

use serde_json::json;
use wo_cluster_tests::{db_error, refused};

use crate::identity::harness::{World, acting, assert_nobody, count, create, whoami};

#[test]
fn a_mapped_login_is_its_principal() {
    let world = World::new();
    let mut ada = world.db.connect("ada");
    let who = whoami(&mut ada);
    assert_eq!(who["principal"], json!("ann"));
    assert_eq!(who["tenant_id"], json!(world.acme.tenant.to_string()));
    assert_eq!(who["authenticated_by"], json!("login"));
    assert_eq!(who["login_role"], json!("ada"));
    create(&mut ada, "by login");
    assert_eq!(count(&mut ada, "wo.work_order"), 1);
    let mut gil = world.db.connect("gil");
    assert_eq!(acting(&mut gil).as_deref(), Some("gus"));
    assert_eq!(count(&mut gil, "wo.work_order"), 0);
}

#[test]
fn an_unmapped_login_is_nobody() {
    let world = World::new();
    assert_nobody(&mut world.svc());
    // Nor is a login whose name is a principal's.
    world.db.login("ann", &["wo_user"]);
    assert_nobody(&mut world.db.connect("ann"));
}

#[test]
fn one_login_is_one_principal_in_the_whole_database() {
    let world = World::new();
    let mut admin = world.db.superuser();
    for slug in ["acme", "globex"] {
        for second in [
            "select wo.create_principal('second', db_role => 'ada')",
            "update wo.principal set db_role = 'ada' where id in ('bob', 'gus')",
        ] {
            admin
                .batch_execute(&format!(
                    "begin; select wo.administer('{slug}'); set local role wo_admin"
                ))
                .unwrap();
            let refusal = db_error(admin.batch_execute(second));
            assert_eq!(refusal.code().code(), "23505", "{refusal:?}");
            let said = format!("{refusal:?}");
            let leaked = slug == "globex" && said.contains(&world.acme.tenant.to_string());
            assert!(!leaked, "another tenant's id in {said}");
            admin.batch_execute("rollback").unwrap();
        }
    }
    assert_eq!(acting(&mut world.db.connect("ada")).as_deref(), Some("ann"));
}

#[test]
fn a_login_that_was_given_up_may_be_given_to_another() {
    let world = World::new();
    world.administer("acme", "update wo.principal set db_role = null where id = 'ann'");
    let mut ada = world.db.connect("ada");
    assert_nobody(&mut ada);
    world.administer("globex", "update wo.principal set db_role = 'ada' where id = 'ann'");
    assert_eq!(whoami(&mut ada)["tenant_id"], json!(world.globex.tenant.to_string()));
    assert_eq!(acting(&mut ada).as_deref(), Some("ann"));
}

#[test]
fn another_mapping_holds_at_once() {
    let world = World::new();
    let mut ada = world.db.connect("ada");
    assert_eq!(acting(&mut ada).as_deref(), Some("ann"));
    world.administer(
        "acme",
        "update wo.principal set db_role = null where id = 'ann';
         update wo.principal set db_role = 'ada' where id = 'bob'",
    );
    assert_eq!(acting(&mut ada).as_deref(), Some("bob"));
    world.administer("acme", "select wo.disable_principal('bob')");
    assert_nobody(&mut ada);
    world.administer("acme", "select wo.enable_principal('bob')");
    assert_eq!(acting(&mut ada).as_deref(), Some("bob"));
}

#[test]
fn an_open_transaction_writes_no_more_once_its_login_is_somebody_else() {
    let world = World::new();
    let mut ada = world.db.connect("ada");
    for isolation in ["read committed", "repeatable read", "serializable"] {
        for (stop, undo) in [
            (
                "update wo.principal set db_role = null where id = 'ann'",
                "update wo.principal set db_role = 'ada' where id = 'ann'",
            ),
            (
                "update wo.principal set db_role = null where id = 'ann';
                 update wo.principal set db_role = 'ada' where id = 'bob'",
                "update wo.principal set db_role = null where id = 'bob';
                 update wo.principal set db_role = 'ada' where id = 'ann'",
            ),
            ("select wo.disable_principal('ann')", "select wo.enable_principal('ann')"),
        ] {
            ada.batch_execute(&format!("begin isolation level {isolation}")).unwrap();
            create(&mut ada, "before");
            world.administer("acme", stop);
            let tried = ada.batch_execute("insert into wo.work_order (title) values ('after')");
            let refusal = db_error(tried);
            assert_eq!(refusal.code().code(), "42501", "{stop}: {refusal:?}");
            ada.batch_execute("rollback").unwrap();
            world.administer("acme", undo);
            assert_eq!(acting(&mut ada).as_deref(), Some("ann"));
        }
    }
}

#[test]
fn another_role_or_a_definer_does_not_change_who_is_acting() {
    let world = World::new();
    let mut admin = world.db.superuser();
    admin
        .batch_execute(
            "create schema open; grant all on schema open to public;
             create function open.who() returns text language sql security definer
                as 'select wo.current_principal()';
             alter function open.who() owner to gil;
             create role team nologin; grant team to ada; grant wo_user to team; grant gil to ada",
        )
        .unwrap();
    let mut ada = world.db.connect("ada");
    let said: Option<String> = ada.query_one("select open.who()", &[]).unwrap().get(0);
    assert_eq!(said.as_deref(), Some("ann"));
    for role in ["team", "gil", "wo_user"] {
        ada.batch_execute(&format!("set role {role}")).unwrap();
        assert_eq!(acting(&mut ada).as_deref(), Some("ann"), "{role}");
        ada.batch_execute("reset role").unwrap();
    }
    let mut svc = world.svc();
    let said: Option<String> = svc.query_one("select open.who()", &[]).unwrap().get(0);
    assert_eq!(said, None);
    admin.batch_execute("revoke gil from ada; drop owned by team; drop role team").unwrap();
}

#[test]
fn a_login_may_act_by_token_as_another_principal_of_its_tenant() {
    let world = World::new();
    let mut ada = world.db.connect("ada");
    let mut transaction = ada.transaction().unwrap();
    crate::identity::harness::authenticate(&mut transaction, &world.acme.token("bob"));
    assert_eq!(acting(&mut transaction).as_deref(), Some("bob"));
    transaction.commit().unwrap();
    assert_eq!(acting(&mut ada).as_deref(), Some("ann"));
}

#[test]
fn a_user_cannot_map_a_login() {
    let world = World::new();
    let mut ada = world.db.connect("ada");
    for tried in [
        "update wo.principal set db_role = 'svc' where id = 'bob'",
        "insert into wo.login_directory (db_role, tenant_id, principal) select 'svc', tenant_id, id from wo.principal where id = 'ann'",
        "delete from wo.login_directory",
        "select wo.create_principal('mallory', db_role => 'svc')",
    ] {
        assert_eq!(db_error(ada.batch_execute(tried)).code().code(), "42501", "{tried}");
    }
    assert_nobody(&mut world.svc());
    // Nor may a duty's directory be written by an administrator past the principals.
    let mut admin = world.db.connect("adm");
    admin.batch_execute("begin; select wo.administer('acme')").unwrap();
    let tried = admin.batch_execute("delete from wo.login_directory");
    assert_eq!(db_error(tried).code().code(), "42501");
    admin.batch_execute("rollback").unwrap();
    let tried = world.svc().query("select wo.administer('acme')", &[]);
    assert_eq!(db_error(tried).code().code(), "42501");
}

#[test]
fn a_superuser_is_nobody_until_it_administers() {
    let world = World::new();
    let mut admin = world.db.superuser();
    assert_eq!(acting(&mut admin), None);
    let tried = admin.execute(
        "insert into wo.work_order (tenant_id, title) values ($1, 'x')",
        &[&world.acme.tenant],
    );
    refused(tried, "42501", "no_identity");
    let tried = admin
        .execute("insert into wo.role (tenant_id, role) values ($1, 'x')", &[&world.acme.tenant]);
    refused(tried, "42501", "no_identity");
}
