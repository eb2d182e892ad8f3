//! An identity for the whole session: where it is allowed, and everything that ends it.

use chrono::{TimeDelta, Utc};
use postgres::Client;
use serde_json::{Value, json};
use wo_cluster_tests::{ISSUER, db_error, refused};

use crate::identity::harness::{World, acting, assert_nobody, authenticate, count, create, whoami};

/// A login role for which a DBA has allowed session scope in this database.
fn allowed(world: &World<'_>) -> Client {
    allowed_as(world, "sess")
}

fn allowed_as(world: &World<'_>, role: &str) -> Client {
    world.db.login(role, &["wo_user"]);
    let name = world.db.name();
    world
        .db
        .superuser()
        .batch_execute(&format!(
            "alter role {role} in database {name} set wo_core.session_scope = on"
        ))
        .unwrap();
    world.db.connect(role)
}

/// The nonce of this session, which only a superuser may see: the login is one for a moment. Roles
/// belong to the cluster that tests share, so each test that looks has a role of its own.
fn nonce_of(world: &World<'_>, client: &mut Client, role: &str) -> String {
    let mut admin = world.db.superuser();
    admin.batch_execute(&format!("alter role {role} superuser")).unwrap();
    let shown = client.query_one("select current_setting('wo_core.session')", &[]);
    admin.batch_execute(&format!("alter role {role} nosuperuser")).unwrap();
    shown.unwrap().get(0)
}

fn for_session(client: &mut impl postgres::GenericClient, token: &str) {
    client.execute("select wo.authenticate_session($1)", &[&token]).unwrap();
}

#[test]
fn a_session_identity_outlives_transactions() {
    let world = World::new();
    let mut client = allowed(&world);
    for_session(&mut client, &world.acme.token("ann"));
    assert_eq!(acting(&mut client).as_deref(), Some("ann"));
    assert_eq!(whoami(&mut client)["scope"], json!("session"));
    client.batch_execute("begin; select wo.create_work_order('one'); rollback").unwrap();
    db_error(client.batch_execute("select 1 / 0"));
    create(&mut client, "two");
    assert_eq!(count(&mut client, "wo.work_order"), 1);
    assert_eq!(acting(&mut client).as_deref(), Some("ann"));
    assert_nobody(&mut allowed(&world));
}

#[test]
fn a_token_for_a_transaction_goes_before_the_sessions_and_leaves_it_as_it_was() {
    let world = World::new();
    let mut client = allowed(&world);
    for_session(&mut client, &world.acme.token("ann"));
    client.batch_execute("begin").unwrap();
    authenticate(&mut client, &world.acme.token("bob"));
    assert_eq!(acting(&mut client).as_deref(), Some("bob"));
    client.batch_execute("commit").unwrap();
    assert_eq!(acting(&mut client).as_deref(), Some("ann"));
    client.batch_execute("begin; select wo.current_tenant()").unwrap();
    let gus = world.globex.token("gus");
    refused(client.execute("select wo.authenticate($1)", &[&gus]), "42501", "second_tenant");
    client.batch_execute("rollback").unwrap();
}

#[test]
fn every_reset_of_the_session_ends_its_identity() {
    let world = World::new();
    let mut client = allowed(&world);
    for reset in [
        "discard all",
        "reset all",
        "reset wo_core.session",
        "set wo_core.session = default",
        "set wo_core.session to 'another'",
        "set wo_core.session = ''",
    ] {
        for_session(&mut client, &world.acme.token("ann"));
        assert_eq!(acting(&mut client).as_deref(), Some("ann"), "{reset}");
        client.batch_execute(reset).unwrap();
        assert_nobody(&mut client);
    }
}

#[test]
fn the_rollback_of_the_authenticating_transaction_ends_it() {
    let world = World::new();
    let mut client = allowed(&world);
    for end in ["rollback", "select 1 / 0; commit", "savepoint t; rollback to t; rollback"] {
        client.batch_execute("begin").unwrap();
        for_session(&mut client, &world.acme.token("ann"));
        assert_eq!(acting(&mut client).as_deref(), Some("ann"));
        if let Err(error) = client.batch_execute(end) {
            assert!(error.as_db_error().is_some(), "{error}");
            client.batch_execute("rollback").unwrap();
        }
        assert_nobody(&mut client);
    }
    client.batch_execute("begin; savepoint s").unwrap();
    for_session(&mut client, &world.acme.token("ann"));
    client.batch_execute("rollback to s").unwrap();
    assert_eq!(acting(&mut client), None);
    client.batch_execute("commit").unwrap();
    assert_nobody(&mut client);
}

#[test]
fn rollback_restores_the_session_identity_that_was_there_before() {
    let world = World::new();
    let mut client = allowed(&world);
    for_session(&mut client, &world.acme.token("ann"));
    client.batch_execute("begin; savepoint s").unwrap();
    for_session(&mut client, &world.acme.token("bob"));
    assert_eq!(acting(&mut client).as_deref(), Some("bob"));
    client.batch_execute("rollback to s").unwrap();
    assert_eq!(acting(&mut client).as_deref(), Some("ann"));
    client.batch_execute("rollback").unwrap();
    assert_eq!(acting(&mut client).as_deref(), Some("ann"));
}

#[test]
fn a_session_identity_ends_with_its_token() {
    let world = World::new();
    let mut client = allowed(&world);
    let mut request = world.acme.request("ann");
    request.expires_at = Utc::now() + TimeDelta::seconds(3);
    for_session(&mut client, &world.acme.signed(&request));
    assert_eq!(acting(&mut client).as_deref(), Some("ann"));
    let expires = request.expires_at.timestamp();
    world.db.wait_until(&format!("select clock_timestamp() >= to_timestamp({expires})"));
    assert_nobody(&mut client);
}

#[test]
fn a_session_identity_of_a_disabled_principal_acts_no_more() {
    let world = World::new();
    let mut client = allowed(&world);
    for_session(&mut client, &world.acme.token("ann"));
    create(&mut client, "before");
    world.administer("acme", "select wo.disable_principal('ann')");
    let tried = client.query_one("select wo.create_work_order('after')", &[]);
    let refusal = db_error(tried);
    assert_eq!(refusal.code().code(), "42501", "{refusal:?}");
    // Reading is acting too: the standing is read every time, not at authentication alone.
    assert_eq!(count(&mut client, "wo.work_order"), 0);
    assert_nobody(&mut client);
}

#[test]
fn a_session_identity_of_a_distrusted_issuer_acts_no_more() {
    let world = World::new();
    let mut client = allowed(&world);
    for_session(&mut client, &world.acme.token("ann"));
    create(&mut client, "before");
    world.administer("acme", &format!("select wo.distrust_issuer('{ISSUER}', 'k1')"));
    let refusal = db_error(client.query_one("select wo.create_work_order('after')", &[]));
    assert_eq!(refusal.code().code(), "42501", "{refusal:?}");
    assert_nobody(&mut client);
}

#[test]
fn the_setting_alone_makes_nobody_somebody() {
    let world = World::new();
    let id = world.acme.tenant;
    for mut client in [world.svc(), allowed(&world)] {
        for forged in ["ann", "on", &id.to_string(), &format!("{id}:ann"), &"0".repeat(32)] {
            client.batch_execute(&format!("set wo_core.session = '{forged}'")).unwrap();
            assert_nobody(&mut client);
        }
    }
    // Before the library is loaded, too.
    let mut config = world.db.config("svc");
    config.options("-c wo_core.session=ann -c wo_core.tenant=acme");
    assert_nobody(&mut world.db.connect_with(&config));
}

#[test]
fn the_nonce_of_one_session_is_worth_nothing_in_another() {
    let world = World::new();
    let mut ann = allowed_as(&world, "sess_lent");
    for_session(&mut ann, &world.acme.token("ann"));
    let nonce = nonce_of(&world, &mut ann, "sess_lent");
    assert_eq!(nonce.len(), 32, "128 bits in hexadecimal");
    let mut other = allowed(&world);
    other.execute("select set_config('wo_core.session', $1, false)", &[&nonce]).unwrap();
    assert_nobody(&mut other);
    assert_eq!(acting(&mut ann).as_deref(), Some("ann"));
}

#[test]
fn the_nonce_is_shown_to_nobody_but_superusers() {
    let world = World::new();
    let mut client = allowed_as(&world, "sess_shown");
    for_session(&mut client, &world.acme.token("ann"));
    for peek in [
        "show wo_core.session",
        "select current_setting('wo_core.session')",
        "create function pg_temp.peek() returns text language sql set wo_core.session from current as 'select 1::text'",
        "alter role sess_shown set wo_core.session from current",
    ] {
        assert_eq!(db_error(client.batch_execute(peek)).code().code(), "42501", "{peek}");
    }
    let listed = client
        .query("select setting, reset_val from pg_settings where name = 'wo_core.session'", &[]);
    assert_eq!(listed.unwrap().len(), 0);
    let shown = client.query("show all", &[]).unwrap();
    assert!(shown.iter().all(|row| row.get::<_, &str>(0) != "wo_core.session"));
    let who = whoami(&mut client).to_string();
    let nonce = nonce_of(&world, &mut client, "sess_shown");
    assert!(!who.contains(&nonce), "{who}");
}

#[test]
fn every_session_identity_has_a_nonce_of_its_own() {
    let world = World::new();
    let mut admin = world.db.superuser();
    admin.batch_execute("set wo_core.session_scope = on").unwrap();
    let mut nonces = std::collections::BTreeSet::new();
    let token = world.acme.token("ann");
    for _ in 0..20 {
        for_session(&mut admin, &token);
        nonces.insert(admin.query_one("show wo_core.session", &[]).unwrap().get::<_, String>(0));
    }
    assert_eq!(nonces.len(), 20);
}

#[test]
fn session_scope_is_off_unless_a_dba_turns_it_on() {
    let world = World::new();
    let token = world.acme.token("ann");
    let mut client = world.svc();
    for call in ["wo.authenticate_session($1)", "wo_private.authenticate(null, $1, true)"] {
        let tried = client.query(&format!("select {call}"), &[&token]);
        refused(tried, "42501", "session_scope_off");
        assert_nobody(&mut client);
    }
    // A token that is no good is no way to learn whether it is allowed either.
    let tried = client.query("select wo.authenticate_session('x')", &[]);
    refused(tried, "42501", "session_scope_off");
}

#[test]
fn a_user_cannot_turn_session_scope_on() {
    let world = World::new();
    let mut client = world.svc();
    client.query("select wo.whoami()", &[]).unwrap();
    for turn in [
        "set wo_core.session_scope = on",
        "select set_config('wo_core.session_scope', 'on', false)",
        "update pg_settings set setting = 'on' where name = 'wo_core.session_scope'",
        "alter role svc set wo_core.session_scope = on",
        "alter role current_user set wo_core.session_scope = on",
    ] {
        assert_eq!(db_error(client.batch_execute(turn)).code().code(), "42501", "{turn}");
    }
    // Before the library is loaded a setting is a placeholder that anybody may set.
    let mut early = world.svc();
    let _ = early.batch_execute("set wo_core.session_scope = on");
    let tried = early.execute("select wo.authenticate_session($1)", &[&world.acme.token("ann")]);
    refused(tried, "42501", "session_scope_off");
    assert_nobody(&mut early);
    let mut config = world.db.config("svc");
    config.options("-c wo_core.session_scope=on");
    if let Ok(mut given) = world.db.try_connect_with(&config) {
        let tried =
            given.execute("select wo.authenticate_session($1)", &[&world.acme.token("ann")]);
        refused(tried, "42501", "session_scope_off");
    }
    // In the body of a function of one's own.
    let mut own = world.svc();
    let token = world.acme.token("ann");
    let _ = own.batch_execute(&format!(
        "create function pg_temp.try() returns text language sql set wo_core.session_scope = on
            as $$ select wo.authenticate_session('{token}') $$; select pg_temp.try()"
    ));
    assert_nobody(&mut own);
}

#[test]
fn a_session_refused_by_a_bad_token_keeps_the_identity_it_had() {
    let world = World::new();
    let mut client = allowed(&world);
    for_session(&mut client, &world.acme.token("ann"));
    let tried = client.execute("select wo.authenticate_session('rubbish')", &[]);
    let detail: Value = refused(tried, "42501", "token_malformed");
    assert!(detail.is_object());
    assert_eq!(acting(&mut client).as_deref(), Some("ann"));
}

#[test]
fn a_session_identity_acts_no_more_in_the_middle_of_its_transaction() {
    let world = World::new();
    let mut root = world.db.superuser();
    let mut elsewhere = |replica: bool, sql: &str| match replica {
        true => root
            .batch_execute(&format!(
                "set session_replication_role = replica; {sql}; reset session_replication_role"
            ))
            .unwrap(),
        false => world.administer("acme", sql),
    };
    let acme = format!("tenant_id = '{}'", world.acme.tenant);
    for isolation in ["read committed", "repeatable read", "serializable"] {
        for replica in [false, true] {
            for (table, code) in [
                ("trusted_issuer", "token_unknown_issuer"),
                ("principal", "principal_disabled"),
                ("tenant", "tenant_disabled"),
            ] {
                let set =
                    |at: &str| format!("update wo.{table} set disabled_at = {at} where {acme}");
                println!("{isolation}, {replica}, {table}");
                let mut client = allowed(&world);
                for_session(&mut client, &world.acme.token("ann"));
                create(&mut client, "before");
                client.batch_execute(&format!("begin isolation level {isolation}")).unwrap();
                create(&mut client, "in between");
                elsewhere(replica, &set("now()"));
                let tried = client.query_one("select wo.create_work_order('after')", &[]);
                refused(tried, "42501", code);
                client.batch_execute("rollback").unwrap();
                assert_nobody(&mut client);
                elsewhere(replica, &set("null"));
            }
        }
    }
}
