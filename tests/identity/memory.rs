//! What a backend remembers of who is acting, and when it forgets.

use postgres::Client;
use wo_cluster_tests::{db_error, refused};

use crate::identity::harness::{World, acting, assert_nobody, authenticate, count, create};

fn begin_as(world: &World<'_>, client: &mut Client, who: &str) {
    client.batch_execute("begin").unwrap();
    authenticate(client, &world.acme.token(who));
    assert_eq!(acting(client).as_deref(), Some(who));
}

#[test]
fn every_end_of_a_transaction_clears_the_identity() {
    let world = World::new();
    let mut client = world.svc();
    for end in ["commit", "rollback", "commit and no chain", "end", "abort"] {
        begin_as(&world, &mut client, "ann");
        create(&mut client, "before the end");
        client.batch_execute(end).unwrap();
        assert_nobody(&mut client);
    }
}

#[test]
fn a_chained_transaction_begins_as_nobody() {
    let world = World::new();
    let mut client = world.svc();
    for end in ["commit and chain", "rollback and chain"] {
        begin_as(&world, &mut client, "ann");
        client.batch_execute(end).unwrap();
        assert_eq!(acting(&mut client), None);
        assert_eq!(count(&mut client, "wo.principal"), 0);
        client.batch_execute("rollback").unwrap();
    }
}

#[test]
fn an_error_clears_the_identity() {
    let world = World::new();
    let mut client = world.svc();
    begin_as(&world, &mut client, "ann");
    db_error(client.batch_execute("select 1 / 0"));
    client.batch_execute("rollback").unwrap();
    assert_nobody(&mut client);
    begin_as(&world, &mut client, "ann");
    db_error(client.batch_execute("select wo.transition('WO-none', 'closed')"));
    client.batch_execute("commit").unwrap();
    assert_nobody(&mut client);
    let token = world.acme.token("ann");
    db_error(client.batch_execute(&format!("select wo.authenticate('{token}'); select 1 / 0")));
    assert_nobody(&mut client);
}

#[test]
fn a_commit_that_fails_clears_the_identity() {
    let world = World::new();
    world
        .db
        .superuser()
        .batch_execute(
            "create table public.one (it integer unique deferrable initially deferred);
             grant insert on public.one to svc",
        )
        .unwrap();
    let mut client = world.svc();
    begin_as(&world, &mut client, "ann");
    create(&mut client, "lost");
    client.batch_execute("insert into public.one values (1), (1)").unwrap();
    assert_eq!(db_error(client.batch_execute("commit")).code().code(), "23505");
    assert_nobody(&mut client);
}

#[test]
fn a_cancelled_statement_clears_the_identity() {
    let world = World::new();
    let mut client = world.svc();
    begin_as(&world, &mut client, "ann");
    let cancelled =
        client.batch_execute("set local statement_timeout = '20ms'; select pg_sleep(60)");
    assert_eq!(db_error(cancelled).code().code(), "57014");
    client.batch_execute("rollback").unwrap();
    assert_nobody(&mut client);
}

#[test]
fn rollback_to_a_savepoint_restores_nobody() {
    let world = World::new();
    let mut client = world.svc();
    client.batch_execute("begin; savepoint s").unwrap();
    authenticate(&mut client, &world.acme.token("ann"));
    create(&mut client, "rolled back");
    client.batch_execute("rollback to s").unwrap();
    assert_eq!(acting(&mut client), None);
    assert_eq!(count(&mut client, "wo.principal"), 0);
    client.batch_execute("savepoint t").unwrap();
    let tried = client.query_one("select wo.create_work_order('nobody')", &[]);
    refused(tried, "42501", "no_identity");
    client.batch_execute("rollback to t; rollback").unwrap();
}

#[test]
fn rollback_to_a_savepoint_frees_the_choice_of_the_tenant_made_since() {
    let world = World::new();
    let mut client = world.svc();
    client.batch_execute("begin; savepoint s").unwrap();
    authenticate(&mut client, &world.acme.token("ann"));
    client.batch_execute("rollback to s").unwrap();
    authenticate(&mut client, &world.globex.token("gus"));
    assert_eq!(acting(&mut client).as_deref(), Some("gus"));
    client.batch_execute("commit").unwrap();
}

#[test]
fn rollback_to_a_savepoint_restores_whoever_acted_there() {
    let world = World::new();
    let mut client = world.svc();
    begin_as(&world, &mut client, "ann");
    client.batch_execute("savepoint one").unwrap();
    authenticate(&mut client, &world.acme.token("bob"));
    client.batch_execute("savepoint two").unwrap();
    authenticate(&mut client, &world.acme.token("cyd"));
    assert_eq!(acting(&mut client).as_deref(), Some("cyd"));
    client.batch_execute("rollback to two").unwrap();
    assert_eq!(acting(&mut client).as_deref(), Some("bob"));
    authenticate(&mut client, &world.acme.token("cyd"));
    client.batch_execute("rollback to two").unwrap();
    assert_eq!(acting(&mut client).as_deref(), Some("bob"));
    client.batch_execute("rollback to one").unwrap();
    assert_eq!(acting(&mut client).as_deref(), Some("ann"));
    let id = create(&mut client, "by ann");
    client.batch_execute("commit").unwrap();
    let row = world
        .db
        .superuser()
        .query_one("select originator from wo.work_order where id = $1", &[&id]);
    assert_eq!(row.unwrap().get::<_, String>(0), "ann");
}

#[test]
fn a_released_savepoint_belongs_to_the_one_around_it() {
    let world = World::new();
    let mut client = world.svc();
    begin_as(&world, &mut client, "ann");
    client.batch_execute("savepoint outer_one; savepoint middle; savepoint inner_one").unwrap();
    authenticate(&mut client, &world.acme.token("bob"));
    client.batch_execute("release inner_one").unwrap();
    assert_eq!(acting(&mut client).as_deref(), Some("bob"));
    client.batch_execute("release middle").unwrap();
    assert_eq!(acting(&mut client).as_deref(), Some("bob"));
    client.batch_execute("rollback to outer_one").unwrap();
    assert_eq!(acting(&mut client).as_deref(), Some("ann"));

    client.batch_execute("savepoint kept").unwrap();
    authenticate(&mut client, &world.acme.token("cyd"));
    client.batch_execute("release kept").unwrap();
    assert_eq!(acting(&mut client).as_deref(), Some("cyd"));
    client.batch_execute("savepoint later; rollback to later").unwrap();
    assert_eq!(acting(&mut client).as_deref(), Some("cyd"));
    client.batch_execute("rollback to outer_one").unwrap();
    assert_eq!(acting(&mut client).as_deref(), Some("ann"));
    client.batch_execute("release outer_one").unwrap();
    assert_eq!(acting(&mut client).as_deref(), Some("ann"));
    client.batch_execute("commit").unwrap();
    assert_nobody(&mut client);
}

#[test]
fn a_released_savepoint_with_a_later_identity_restores_the_first() {
    let world = World::new();
    let mut client = world.svc();
    client.batch_execute("begin; savepoint a").unwrap();
    authenticate(&mut client, &world.acme.token("ann"));
    client.batch_execute("savepoint b").unwrap();
    authenticate(&mut client, &world.acme.token("bob"));
    client.batch_execute("release b").unwrap();
    authenticate(&mut client, &world.acme.token("cyd"));
    client.batch_execute("rollback to a").unwrap();
    assert_eq!(acting(&mut client), None);
    client.batch_execute("rollback").unwrap();
}

#[test]
fn an_exception_block_restores_the_identity_before_it() {
    let world = World::new();
    let mut client = world.svc();
    begin_as(&world, &mut client, "ann");
    let bob = world.acme.token("bob");
    client
        .batch_execute(&format!(
            "do $$ begin
                begin
                    perform wo.authenticate('{bob}');
                    raise exception 'never mind';
                exception when raise_exception then null;
                end;
                if wo.current_principal() <> 'ann' then raise 'it is %', wo.current_principal(); end if;
                begin
                    perform wo.authenticate('{bob}');
                exception when raise_exception then null;
                end;
            end $$"
        ))
        .unwrap();
    assert_eq!(acting(&mut client).as_deref(), Some("bob"));
    client.batch_execute("commit").unwrap();
    assert_nobody(&mut client);
}

#[test]
fn one_transaction_acts_for_one_tenant() {
    let world = World::new();
    world.fill();
    let second = "second_tenant";
    let gus = world.globex.token("gus");
    let mut client = world.svc();
    begin_as(&world, &mut client, "ann");
    client.batch_execute("declare c cursor for select title from wo.work_order").unwrap();
    client.batch_execute("savepoint s").unwrap();
    refused(client.execute("select wo.authenticate($1)", &[&gus]), "42501", second);
    client.batch_execute("rollback to s").unwrap();
    assert_eq!(acting(&mut client).as_deref(), Some("ann"));
    let rows = client.query("fetch all from c", &[]).unwrap();
    assert_eq!(rows.len(), 3);
    assert!(rows.iter().all(|row| row.get::<_, String>(0).starts_with("acme-secret")));
    client.batch_execute("commit").unwrap();

    // A savepoint that was released, or whose identity was never bound, frees nothing.
    client.batch_execute("begin; savepoint s").unwrap();
    authenticate(&mut client, &world.acme.token("ann"));
    client.batch_execute("release s; savepoint t").unwrap();
    refused(client.execute("select wo.authenticate($1)", &[&gus]), "42501", second);
    client.batch_execute("rollback to t; rollback").unwrap();

    // By login first, by token then.
    let mut ada = world.db.connect("ada");
    ada.batch_execute(
        "begin; declare c cursor for select title from wo.work_order; fetch 1 from c",
    )
    .unwrap();
    refused(ada.execute("select wo.authenticate($1)", &[&gus]), "42501", second);
    ada.batch_execute("rollback").unwrap();

    let mut admin = world.db.connect("adm");
    admin.batch_execute("begin; select wo.administer('acme')").unwrap();
    refused(admin.execute("select wo.administer('globex')", &[]), "42501", second);
    admin.batch_execute("rollback; begin; select wo.administer('acme')").unwrap();
    refused(admin.execute("select wo.authenticate($1)", &[&gus]), "42501", second);
    admin.batch_execute("rollback").unwrap();
}

#[test]
fn a_plan_that_is_kept_shows_each_caller_its_own() {
    let world = World::new();
    world.fill();
    let mut client = world.svc();
    client
        .batch_execute(
            "set plan_cache_mode = force_generic_plan;
             prepare mine as select coalesce(min(title), 'none') from wo.work_order",
        )
        .unwrap();
    for _ in 0..8 {
        for (tenant, who, sees) in [
            (&world.acme, "ann", "acme-secret title 1"),
            (&world.globex, "gus", "globex-secret title 1"),
        ] {
            client.batch_execute("begin").unwrap();
            authenticate(&mut client, &tenant.token(who));
            let row = client.query_one("execute mine", &[]).unwrap();
            assert_eq!(row.get::<_, String>(0), sees);
            client.batch_execute("commit").unwrap();
            let row = client.query_one("execute mine", &[]).unwrap();
            assert_eq!(row.get::<_, String>(0), "none");
        }
    }
}

#[test]
fn a_transaction_that_wrote_cannot_be_prepared_and_leaves_nothing() {
    let world = World::new();
    let mut client = world.svc();
    let before = world.fingerprint();
    let last = "create_work_order('prepared')";
    for write in [
        format!("select wo.{last}"),
        format!("savepoint s; select wo.{last}; release s"),
        "insert into wo.work_order (title) values ('prepared')".to_owned(),
    ] {
        begin_as(&world, &mut client, "ann");
        client.batch_execute(&write).unwrap();
        let tried = client.batch_execute("prepare transaction 'half'");
        refused(tried, "0A000", "prepared_transaction");
        assert_nobody(&mut client);
    }
    let mut admin = world.db.superuser();
    admin
        .batch_execute("begin; select wo.administer('acme'); select wo.create_role('prepared')")
        .unwrap();
    refused(admin.batch_execute("prepare transaction 'half'"), "0A000", "prepared_transaction");
    assert_eq!(count(&mut admin, "pg_prepared_xacts where database = current_database()"), 0);
    let held = "pg_locks where locktype = 'advisory'
        and database = (select oid from pg_database where datname = current_database())";
    assert_eq!(count(&mut admin, held), 0);
    assert_eq!(world.fingerprint(), before);
}

#[test]
fn a_prepared_transaction_that_wrote_nothing_of_ours_carries_no_identity() {
    let world = World::new();
    let mut client = world.svc();
    begin_as(&world, &mut client, "ann");
    client.batch_execute("prepare transaction 'harmless'").unwrap();
    assert_nobody(&mut client);
    client.batch_execute("commit prepared 'harmless'").unwrap();
    assert_nobody(&mut client);
}
