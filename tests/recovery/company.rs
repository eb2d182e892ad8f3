//! A company that has been at work: what dumps, crashes and upgrades must keep.

use postgres::{Client, Error};
use serde_json::Value;
use wo_cluster_tests::{Cluster, Database};

use crate::isolation::stage::{Stage, assert_intact, patch, pending, started, transition};

/// Positions and events, as fetched.
pub type Events = Vec<(i64, Value)>;

/// Where the consumer `reader` of acme stands, and the bridge's consumer `siem` three further.
pub const ACKNOWLEDGED: usize = 4;

/// Two tenants, work orders in every kind of state, and consumers in the middle of their work.
pub fn at_work(cluster: &Cluster) -> Stage<'_> {
    let stage = Stage::new(cluster);
    fill(&stage);
    stage
}

pub fn fill(stage: &Stage<'_>) {
    stage.db.login("rival", &["wo_user"]);
    stage.db.login("bridge", &["wo_bridge"]);
    stage.tenant("rivals", "rival");
    stage.client("rival").execute("SELECT wo.create_work_order('[X-Y] theirs')", &[]).unwrap();
    let mut captain = stage.captain();
    for end in ["review", "blocked", "cancelled"] {
        let number = started(&mut captain);
        patch(&mut captain, &number, "quotes ' \" \\ and\ttabs\nlines").unwrap();
        transition(&mut captain, &number, end).unwrap();
    }
    pending(&mut captain);
    stage.as_admin(
        "acme",
        "SELECT wo.grant_role('mate', 'pm'); SELECT wo.revoke_role('mate', 'pm')",
    );
    captain.execute("SELECT wo.create_consumer('reader')", &[]).unwrap();
    acknowledge(&mut captain, "reader", ACKNOWLEDGED);
    let mut bridge = stage.client("bridge");
    bridge.execute("SELECT wo.create_consumer('siem')", &[]).unwrap();
    acknowledge(&mut bridge, "siem", ACKNOWLEDGED + 3);
}

pub fn fetch(client: &mut Client, consumer: &str) -> Events {
    try_fetch(client, consumer).unwrap()
}

pub fn try_fetch(client: &mut Client, consumer: &str) -> Result<Events, Error> {
    let sql = "SELECT position, event FROM wo.fetch_events($1, 10000)";
    let rows = client.query(sql, &[&consumer])?;
    Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
}

/// Acknowledges that many events.
fn acknowledge(client: &mut Client, consumer: &str, count: usize) {
    let position = fetch(client, consumer)[count - 1].0;
    client.execute("SELECT wo.acknowledge($1, $2)", &[&consumer, &position]).unwrap();
}

/// What the consumers of both kinds get next.
pub fn next_events(db: &Database<'_>) -> (Events, Events) {
    (fetch(&mut db.connect("cap"), "reader"), fetch(&mut db.connect("bridge"), "siem"))
}

/// The chains of both tenants verify, the next transition of each kind works, and its event is
/// the consumers' next after all the others.
pub fn assert_work_goes_on(db: &Database<'_>) {
    assert_intact(db, &mut db.connect("rival"));
    let mut captain = db.connect("cap");
    assert_intact(db, &mut captain);
    let (before, bridged) = next_events(db);
    let blocked: String = captain
        .query_one("SELECT wo_number FROM wo.work_order WHERE status = 'blocked' LIMIT 1", &[])
        .unwrap()
        .get(0);
    transition(&mut captain, &blocked, "in_progress").unwrap();
    let fresh = started(&mut captain);
    transition(&mut captain, &blocked, "blocked").unwrap();
    let (after, bridged_after) = next_events(db);
    assert_eq!(after[..before.len()], before);
    assert_eq!(bridged_after[..bridged.len()], bridged);
    for events in [&after, &bridged_after] {
        assert!(events.windows(2).all(|pair| pair[0].0 < pair[1].0));
        let names: Vec<&Value> = events[events.len() - 5..]
            .iter()
            .map(|(_, event)| &event["data"]["work_order"])
            .collect();
        assert_eq!(names, [&blocked, &fresh, &fresh, &fresh, &blocked]);
    }
    assert_intact(db, &mut captain);
}
