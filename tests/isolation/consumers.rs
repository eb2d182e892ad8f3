//! Consumers of events: each has an owner, moves by the API alone, and is in the trail.

use postgres::Client;
use wo_cluster_tests::{Cluster, backend_pid, refused};

use crate::isolation::stage::Stage;

fn one<T: postgres::types::FromSqlOwned>(client: &mut Client, sql: &str) -> T {
    client.query_one(sql, &[]).unwrap_or_else(|error| panic!("{sql}: {error:?}")).get(0)
}

/// The company with three events, and the captain's consumer `reader` before all of them.
fn stage() -> Stage<'static> {
    let stage = Stage::new(Cluster::shared());
    let mut captain = stage.captain();
    captain.batch_execute("select wo.create_consumer('reader')").unwrap();
    for _ in 0..3 {
        captain.batch_execute("select wo.create_work_order('[SS1-Ops] x')").unwrap();
    }
    stage
}

/// Otherwise a member of the tenant moves the positions of all its consumers by raw SQL, and nobody knows.
#[test]
fn no_role_writes_the_table_itself() {
    let stage = stage();
    stage.db.login("bri", &["wo_bridge"]);
    for write in [
        "update wo.event_consumer set position = 0",
        "delete from wo.event_consumer",
        "insert into wo.event_consumer
            select tenant_id, 'other', owner, owner_role, 0, 0, 0, null, now() from wo.event_consumer",
    ] {
        for login in ["cap", "mate", "adm", "bri"] {
            let error = stage.client(login).batch_execute(write).unwrap_err();
            assert_eq!(error.code().unwrap().code(), "42501", "{login}: {write}");
        }
    }
    // Not even a superuser, short of switching triggers off.
    let mut superuser = stage.db.superuser();
    refused(
        superuser.execute("update wo.event_consumer set position = 0", &[]),
        "42501",
        "written_by_enforcement_alone",
    );
}

/// Otherwise one member of the tenant drops another's consumer, or makes it skip events.
#[test]
fn a_consumer_is_used_by_its_owner_and_the_administrators() {
    let stage = stage();
    let mut mate = stage.client("mate");
    for call in [
        "select wo.create_consumer('reader')",
        "select wo.fetch_events('reader')",
        "select wo.acknowledge('reader', 0)",
        "select wo.move_consumer('reader', 0, 'again')",
        "select wo.drop_consumer('reader')",
    ] {
        refused(mate.execute(call, &[]), "42501", "consumer_owned");
    }
    stage.as_admin("acme", "select wo.assign_consumer('reader', 'mate', 'the captain left')");
    assert_eq!(one::<i64>(&mut mate, "select count(*) from wo.fetch_events('reader')"), 3);
    let fetch = "select wo.fetch_events('reader')";
    refused(stage.captain().execute(fetch, &[]), "42501", "consumer_owned");
    stage.as_admin("acme", "select wo.drop_consumer('reader')");
    refused(mate.execute(fetch, &[]), "22023", "consumer_unknown");
    assert!(!one::<bool>(&mut mate, "select wo.drop_consumer('reader')"));
    let assign = "begin; select wo.administer('acme'); select wo.create_consumer('job');
        select wo.assign_consumer('job', 'nobody', 'typo')";
    refused(stage.admin().batch_execute(assign), "22023", "principal_unknown");
}

/// Otherwise events that were never fetched are acknowledged, and nobody processes them.
#[test]
fn what_was_not_fetched_is_not_acknowledged() {
    let stage = stage();
    let mut captain = stage.captain();
    let newest: i64 = one(&mut captain, "select max(position) from wo.event");
    let acknowledge = "select wo.acknowledge('reader', $1)";
    refused(captain.execute(acknowledge, &[&newest]), "22023", "position_not_fetched");
    let first: i64 = one(&mut captain, "select position from wo.fetch_events('reader', 1)");
    refused(captain.execute(acknowledge, &[&newest]), "22023", "position_not_fetched");
    assert_eq!(captain.query_one(acknowledge, &[&first]).unwrap().get::<_, i64>(0), first);
    // A fetch that was rolled back returned nothing that counts.
    captain.batch_execute("begin; select wo.fetch_events('reader'); rollback").unwrap();
    refused(captain.execute(acknowledge, &[&newest]), "22023", "position_not_fetched");
    // Nor one that cannot be on record, which shows the events all the same.
    captain.batch_execute("begin read only").unwrap();
    assert_eq!(one::<i64>(&mut captain, "select count(*) from wo.fetch_events('reader')"), 2);
    captain.batch_execute("commit").unwrap();
    refused(captain.execute(acknowledge, &[&newest]), "22023", "position_not_fetched");
    // The fetch of another session of the owner counts.
    stage.captain().batch_execute("select wo.fetch_events('reader')").unwrap();
    assert_eq!(captain.query_one(acknowledge, &[&newest]).unwrap().get::<_, i64>(0), newest);
    assert_eq!(captain.query_one(acknowledge, &[&first]).unwrap().get::<_, i64>(0), newest);
}

/// Otherwise a consumer that reads anew, or skips, leaves no trace of who decided it and why.
#[test]
fn a_move_needs_a_reason_and_stays_within_what_was_given() {
    let stage = stage();
    let mut captain = stage.captain();
    let newest: i64 = one(&mut captain, "select max(position) from wo.event");
    refused(
        captain.execute("select wo.move_consumer('reader', 0, ' ')", &[]),
        "23514",
        "fields_missing",
    );
    for bad in [-1, newest + 1_000] {
        let call = format!("select wo.move_consumer('reader', {bad}, 'x')");
        refused(captain.execute(&call, &[]), "22023", "position_not_reached");
    }
    let skip = format!("select wo.move_consumer('reader', {newest}, 'start with the new ones')");
    assert_eq!(one::<i64>(&mut captain, &skip), newest);
    assert_eq!(one::<i64>(&mut captain, "select count(*) from wo.fetch_events('reader')"), 0);
    captain.batch_execute("select wo.move_consumer('reader', 0, 'the index was lost')").unwrap();
    assert_eq!(one::<i64>(&mut captain, "select count(*) from wo.fetch_events('reader')"), 3);
    for bad in [-1, newest + 1_000] {
        let call = format!("select wo.create_consumer('late', {bad})");
        refused(captain.execute(&call, &[]), "22023", "position_not_reached");
    }
    refused(captain.execute("select wo.create_consumer('No')", &[]), "22023", "consumer_name");
}

/// Otherwise the trail does not say who created, moved, assigned or removed a consumer, or verification
/// takes honest acknowledgements for tampering.
#[test]
fn every_change_but_acknowledgements_is_in_the_trail_and_verifies() {
    let stage = stage();
    let mut captain = stage.captain();
    captain
        .batch_execute(
            "select wo.acknowledge('reader', max(position)) from wo.fetch_events('reader');
             select wo.move_consumer('reader', 0, 'again')",
        )
        .unwrap();
    stage.as_admin(
        "acme",
        "select wo.assign_consumer('reader', 'mate', 'holiday'); select wo.drop_consumer('reader')",
    );
    // The name is free again, and its chain goes on.
    captain.batch_execute("select wo.create_consumer('reader')").unwrap();
    let mut superuser = stage.db.superuser();
    let told = superuser
        .query(
            "select told.action, told.actor, told.reason from wo.audit_entry as told
             join wo.audit_chain as chain using (tenant_id, subject, subject_id)
             where told.subject = 'event_consumer' and chain.subject_key = '[\"reader\"]'
             order by told.sequence",
            &[],
        )
        .unwrap();
    let told: Vec<(String, Option<String>, Option<String>)> =
        told.iter().map(|row| (row.get(0), row.get(1), row.get(2))).collect();
    let entry = |action: &str, actor: Option<&str>, reason: Option<&str>| {
        (action.to_owned(), actor.map(str::to_owned), reason.map(str::to_owned))
    };
    assert_eq!(
        told,
        [
            entry("created", Some("cap"), None),
            entry("moved", Some("cap"), Some("again")),
            entry("assigned", None, Some("holiday")),
            entry("deleted", None, None),
            entry("created", Some("cap"), None),
        ]
    );
    crate::isolation::stage::assert_intact(&stage.db, &mut captain);
    assert_eq!(
        one::<i64>(&mut superuser, "select count(*) from wo.reconcile() where not intact"),
        0
    );
    // An owner that is written past the API does not verify.
    superuser
        .batch_execute(
            "set session_replication_role = replica; update wo.event_consumer set owner = 'mate'",
        )
        .unwrap();
    let problem: String =
        one(&mut captain, "select problem from wo.verify_audit() where not intact");
    assert!(problem.contains("owner"), "{problem}");
}

/// Otherwise the consumers of the bridge, which belong to no tenant, have no owner or no trail.
#[test]
fn a_consumer_of_all_tenants_belongs_to_the_login_that_created_it() {
    let stage = stage();
    for login in ["bri", "bro"] {
        stage.db.login(login, &["wo_bridge"]);
    }
    let mut bridge = stage.client("bri");
    bridge.batch_execute("select wo.create_consumer('siem')").unwrap();
    let all: i64 = one(&mut bridge, "select count(*) from wo.fetch_events('siem')");
    assert_eq!(all, 3);
    bridge.batch_execute("select wo.acknowledge('siem', max(position)) from wo.event").unwrap();
    let fetch = "select wo.fetch_events('siem')";
    refused(stage.client("bro").execute(fetch, &[]), "42501", "consumer_owned");
    let told: Vec<String> = stage
        .db
        .superuser()
        .query(
            "select action || ' by ' || login_role from wo.audit_entry
             where subject = 'event_consumer' and tenant_id = '00000000-0000-0000-0000-000000000000'",
            &[],
        )
        .unwrap()
        .iter()
        .map(|row| row.get(0))
        .collect();
    assert_eq!(told, ["created by bri"]);
}

/// Otherwise an acknowledgement and a move that meet leave a position that neither asked for.
#[test]
fn an_acknowledgement_waits_for_a_move() {
    let stage = stage();
    let mut captain = stage.captain();
    let newest: i64 = one(&mut captain, "select max(position) from wo.fetch_events('reader')");
    let mut mover = stage.captain();
    mover.batch_execute("begin; select wo.move_consumer('reader', 0, 'again')").unwrap();
    let pid = backend_pid(&mut captain);
    let waiting = std::thread::scope(|scope| {
        let acknowledging = scope.spawn(move || {
            captain.query_one("select wo.acknowledge('reader', $1)", &[&newest]).map(|_| ())
        });
        stage.db.wait_until_blocked(pid);
        mover.batch_execute("commit").unwrap();
        acknowledging.join().unwrap()
    });
    refused(waiting, "22023", "position_not_fetched");
}
