//! Cursors that outlive the identity under which they were read.

use wo_cluster_tests::{Cluster, refused};

use crate::identity::harness::{SECRET, World, authenticate};

/// A cursor that was opened before a savepoint is not closed with it. It was read for one tenant, and after the way back
/// and a second identity it went on showing that tenant's rows.
#[test]
fn a_cursor_of_another_tenant_refuses_the_second_identity() {
    let world = World::new();
    world.fill();
    let mut client = world.svc();
    client
        .batch_execute("begin; declare c cursor for select title from wo.work_order; savepoint s")
        .unwrap();
    authenticate(&mut client, &world.globex.token("gus"));
    let seen = client.simple_query("fetch 1 from c").unwrap();
    assert!(format!("{seen:?}").contains(SECRET), "{seen:?}");
    client.batch_execute("rollback to s").unwrap();
    let token = world.acme.token("ann");
    refused(client.query_one("select wo.authenticate($1)", &[&token]), "55000", "cursor_open");
    // The same tenant again is no second one, and a closed cursor shows nothing.
    client.batch_execute("rollback to s").unwrap();
    authenticate(&mut client, &world.globex.token("gus"));
    client.batch_execute("rollback to s; close c").unwrap();
    authenticate(&mut client, &token);
    client.batch_execute("commit").unwrap();
}

/// The same for somebody who administers.
#[test]
fn a_cursor_of_another_tenant_refuses_to_administer() {
    let world = World::new();
    world.fill();
    let mut client = world.db.connect("adm");
    client
        .batch_execute("begin; declare c cursor for select title from wo.work_order; savepoint s")
        .unwrap();
    client.batch_execute("select wo.administer('globex'); fetch 1 from c; rollback to s").unwrap();
    refused(client.query("select wo.administer('acme')", &[]), "55000", "cursor_open");
    client.batch_execute("rollback").unwrap();
}

/// A cursor WITH HOLD holds rows. It passed to the next client of a pooler, under another identity.
#[test]
fn a_cursor_with_hold_is_closed_when_another_tenant_comes() {
    let world = World::new();
    world.fill();
    let mut client = world.svc();
    client.batch_execute("begin").unwrap();
    authenticate(&mut client, &world.globex.token("gus"));
    client
        .batch_execute(
            "declare \"h \"\"1\" cursor with hold for select title from wo.work_order; commit",
        )
        .unwrap();
    // Its own tenant goes on reading it.
    client.batch_execute("begin").unwrap();
    authenticate(&mut client, &world.globex.token("gus"));
    let seen = client.simple_query("fetch 1 from \"h \"\"1\"").unwrap();
    assert!(format!("{seen:?}").contains(SECRET), "{seen:?}");
    client.batch_execute("commit; begin").unwrap();
    authenticate(&mut client, &world.acme.token("ann"));
    refused_cursor(client.simple_query("fetch 1 from \"h \"\"1\""));
    client.batch_execute("rollback").unwrap();
}

fn refused_cursor<T: std::fmt::Debug>(answer: Result<T, postgres::Error>) {
    let error = answer.unwrap_err();
    assert_eq!(error.code().unwrap().code(), "34000", "{error:?}");
}

/// A loop over tenants that administers one after the other, with a commit after each, is what an administrator writes: the
/// cursor of the loop is the function's own.
#[test]
fn a_loop_over_tenants_goes_on() {
    let world = World::on(Cluster::shared());
    world.fill();
    let mut client = world.db.superuser();
    client
        .batch_execute(
            "do $$
            declare
                one record;
            begin
                for one in select slug from wo.tenant order by slug loop
                    perform wo.administer(one.slug);
                    perform count(*) from wo.work_order;
                    commit;
                end loop;
            end $$",
        )
        .unwrap();
}
