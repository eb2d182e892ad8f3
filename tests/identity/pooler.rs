//! Behind PgBouncer: one client's identity never reaches the next.
//!
//! In transaction mode only simple queries are used: the others prepare statements by name.

use postgres::{Client, SimpleQueryMessage};
use serde_json::Value;
use wo_cluster_tests::{PgBouncer, db_error, race};

use crate::identity::harness::World;

fn one(client: &mut Client, sql: &str) -> String {
    let messages = client.simple_query(sql).unwrap();
    let row = messages.iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => Some(row.get(0).unwrap_or("").to_owned()),
        _ => None,
    });
    row.unwrap_or_else(|| panic!("no row: {sql}"))
}

fn who(client: &mut Client) -> Value {
    serde_json::from_str(&one(client, "select wo.whoami()")).unwrap()
}

fn code(result: Result<impl std::fmt::Debug, postgres::Error>) -> String {
    let refusal = db_error(result);
    assert_eq!(refusal.code().code(), "42501", "{refusal:?}");
    let detail: Value = serde_json::from_str(refusal.detail().unwrap()).unwrap();
    detail["code"].as_str().unwrap().to_owned()
}

#[test]
fn in_transaction_mode_the_next_client_on_the_same_backend_is_nobody() {
    let world = World::new();
    world.fill();
    let pooler = PgBouncer::start(&world.db, "transaction", 1, &["svc"]);
    let (mut ann, mut other) = (pooler.connect("svc"), pooler.connect("svc"));
    for end in ["commit", "rollback"] {
        ann.batch_execute(&format!("begin; select wo.authenticate('{}')", world.acme.token("ann")))
            .unwrap();
        let backend = one(&mut ann, "select pg_backend_pid()");
        assert_eq!(who(&mut ann)["principal"], "ann");
        assert_eq!(one(&mut ann, "select count(*) from wo.work_order"), "3");
        ann.batch_execute(end).unwrap();
        assert_eq!(one(&mut other, "select pg_backend_pid()"), backend);
        assert_eq!(who(&mut other)["authenticated"], false);
        assert_eq!(one(&mut other, "select count(*) from wo.work_order"), "0");
        let tried = other.batch_execute("insert into wo.work_order (title) values ('x')");
        assert_eq!(code(tried), "no_identity");
        assert_eq!(who(&mut ann)["authenticated"], false);
    }
}

#[test]
fn in_transaction_mode_a_client_that_vanishes_in_its_transaction_leaves_nobody() {
    let world = World::new();
    let pooler = PgBouncer::start(&world.db, "transaction", 1, &["svc"]);
    let mut ann = pooler.connect("svc");
    ann.batch_execute(&format!("begin; select wo.authenticate('{}')", world.acme.token("ann")))
        .unwrap();
    drop(ann);
    assert_eq!(who(&mut pooler.connect("svc"))["authenticated"], false);
}

#[test]
fn in_transaction_mode_session_scope_is_refused_by_default() {
    let world = World::new();
    let pooler = PgBouncer::start(&world.db, "transaction", 1, &["svc"]);
    let mut ann = pooler.connect("svc");
    let tried =
        ann.simple_query(&format!("select wo.authenticate_session('{}')", world.acme.token("ann")));
    assert_eq!(code(tried.map(|rows| rows.len())), "session_scope_off");
    assert_eq!(who(&mut pooler.connect("svc"))["authenticated"], false);
    assert_eq!(who(&mut ann)["authenticated"], false);
}

#[test]
fn many_interleaved_clients_each_see_their_own_identity_every_time() {
    let world = World::new();
    world.fill();
    let pooler = PgBouncer::start(&world.db, "transaction", 2, &["svc"]);
    let clients = (0..8).map(|_| pooler.connect("svc")).collect();
    let seen = race(clients, |number, client| {
        let (tenant, subject) = match number % 4 {
            0 => (&world.acme, "ann"),
            1 => (&world.globex, "gus"),
            2 => (&world.acme, "bob"),
            _ => (&world.globex, "ann"),
        };
        let token = tenant.token(subject);
        let mut backends = std::collections::BTreeSet::new();
        for turn in 0..200 {
            // Every fifth does without: it must find nobody.
            if turn % 5 == 4 {
                assert_eq!(who(client)["authenticated"], false);
                continue;
            }
            client.batch_execute(&format!("begin; select wo.authenticate('{token}')")).unwrap();
            let said = who(client);
            assert_eq!(said["principal"], subject);
            assert_eq!(said["tenant_id"], tenant.tenant.to_string());
            let foreign = format!(
                "select count(*) from wo.work_order where tenant_id <> '{}'",
                tenant.tenant
            );
            assert_eq!(one(client, &foreign), "0");
            assert_eq!(one(client, "select count(*) from wo.work_order"), "3");
            backends.insert(one(client, "select pg_backend_pid()"));
            client.batch_execute(if turn % 3 == 0 { "rollback" } else { "commit" }).unwrap();
        }
        backends
    });
    let backends: std::collections::BTreeSet<_> = seen.into_iter().flatten().collect();
    assert!(backends.len() <= 2, "{backends:?}");
}

#[test]
fn in_session_mode_the_next_client_on_the_same_backend_is_nobody() {
    let world = World::new();
    world.fill();
    world.db.login("sess", &["wo_user"]);
    let name = world.db.name();
    world
        .db
        .superuser()
        .batch_execute(&format!(
            "alter role sess in database {name} set wo_core.session_scope = on"
        ))
        .unwrap();
    let pooler = PgBouncer::start(&world.db, "session", 1, &["sess"]);
    let mut ann = pooler.connect("sess");
    one(&mut ann, &format!("select wo.authenticate_session('{}')", world.acme.token("ann")));
    assert_eq!(who(&mut ann)["principal"], "ann");
    assert_eq!(one(&mut ann, "select count(*) from wo.work_order"), "3");
    let backend = one(&mut ann, "select pg_backend_pid()");
    drop(ann);
    let mut other = pooler.connect("sess");
    assert_eq!(one(&mut other, "select pg_backend_pid()"), backend);
    assert_eq!(who(&mut other)["authenticated"], false);
    assert_eq!(one(&mut other, "select count(*) from wo.work_order"), "0");
    assert_eq!(
        code(other.batch_execute("insert into wo.work_order (title) values ('x')")),
        "no_identity"
    );
}
