//! What a preloaded library made before a session began.

use serde_json::Value;
use wo_cluster_tests::Cluster;
use wo_rules::json::{jsonb_text, parse};
use wo_rules::lifecycle::SHIPPED;

use super::stage::{Stage, pending, transition};

fn stored(stage: &Stage<'_>, name: &str) -> Vec<String> {
    let versions =
        "SELECT definition::text FROM wo.lifecycle WHERE name = $1::text ORDER BY version";
    let rows = stage.db.superuser().query(versions, &[&name]).unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

/// A stored lifecycle is found by the hash of the text that `jsonb` prints. Were that another text than
/// the one that the library hashes when it is preloaded, each session would compile the lifecycle anew.
#[test]
fn a_shipped_lifecycle_is_stored_as_the_text_that_is_compiled() {
    let stage = Stage::new(Cluster::shared());
    for (name, definition) in SHIPPED {
        assert_eq!(stored(&stage, name), [jsonb_text(&parse(definition).unwrap())], "{name}");
    }
}

/// A version that has the name of a shipped lifecycle is the tenant's own. Were it found by anything but
/// its content, the edges of the shipped one would count.
#[test]
fn a_version_that_differs_from_the_shipped_lifecycle_is_taken_as_it_is() {
    let cluster = Cluster::own(&[("shared_preload_libraries", "wo_core")]);
    let stage = Stage::new(&cluster);
    let before = pending(&mut stage.captain());
    let mut own: Value = serde_json::from_str(&stored(&stage, "fleet_task")[0]).unwrap();
    let edges = own["transitions"].as_array_mut().unwrap();
    let edge = edges.iter_mut().find(|edge| edge["to"] == "accepted").unwrap();
    let shipped = edge["action"].as_str().unwrap().to_owned();
    edge["action"] = "take_on".into();
    let publish = format!("SELECT wo.publish_lifecycle('{}')", own.to_string().replace('\'', "''"));
    stage.as_admin("acme", &publish);
    let after = pending(&mut stage.captain());
    for (number, action) in [(before, shipped.as_str()), (after, "take_on")] {
        let moved = transition(&mut stage.captain(), &number, "accepted").unwrap();
        assert_eq!(moved["action"], action);
    }
}
