//! The sample concept (`src/concept/sample`), on a server that was built with it: the table registry gives its two
//! tables what every table has, and its guard and effect work in a lifecycle. The other tests of this binary that
//! follow the registry run over its tables too.

use postgres::{Client, Transaction};
use serde_json::{Value, json};
use uuid::Uuid;
use wo_cluster_tests::refused;

use crate::identity::harness::{World, authenticate};

/// Rows of both tables, for the tests that need some of each tenant in every table.
pub fn fill(admin: &mut Client, slug: &str, user: &mut Transaction<'_>) {
    admin
        .batch_execute(&format!(
            "begin; select wo.administer('{slug}');
             insert into wo.sample_step (step, description) values ('torque', '{slug}-secret');
             commit"
        ))
        .unwrap();
    user.batch_execute(&format!(
        "insert into wo.sample_check (work_order_id, step, passed, reason)
         select id, 'torque', true, '{slug}-secret' from wo.work_order where title like '% 3'"
    ))
    .unwrap();
}

fn one<T: for<'a> postgres::types::FromSql<'a>>(client: &mut Transaction<'_>, sql: &str) -> T {
    client.query_one(sql, &[]).unwrap().get(0)
}

/// A tenant with a lifecycle whose first edge has the sample's guard and effect, and a step to check.
fn prepare(world: &World<'_>) {
    let sampled = "definition || jsonb_build_object('name', 'sampled', 'transitions',
        jsonb_set(jsonb_set(definition -> 'transitions', '{0,guards}', '[\"sample_checked\"]'),
            '{0,effects}', '[\"sample_announced\"]'))";
    world
        .db
        .superuser()
        .batch_execute(&format!(
            "begin; select wo.administer('acme');
             insert into wo.sample_step (step, description) values ('torque', 'Check the torque.');
             select wo.publish_lifecycle({sampled}) from wo.lifecycle where name = 'fleet_task';
             commit"
        ))
        .unwrap();
}

/// Without the registry each of these would have to be written by hand for a new table.
#[test]
fn the_tables_of_a_new_concept_have_policies_triggers_audit_chain_and_evidence() {
    let world = World::new();
    prepare(&world);
    let mut client = world.db.connect("svc");
    let mut user = client.transaction().unwrap();
    authenticate(&mut user, &world.acme.token("ann"));
    let made: Value = one(
        &mut user,
        "select wo.create_work_order('[SS1-Operations] Bolt', assignee => 'ann', lifecycle => 'sampled')",
    );
    let id: Uuid = made["id"].as_str().unwrap().parse().unwrap();
    user.batch_execute(&format!(
        "insert into wo.sample_check (work_order_id, step, passed, reason) values ('{id}', 'torque', true, '40 Nm')"
    ))
    .unwrap();
    user.commit().unwrap();

    let mut user = client.transaction().unwrap();
    authenticate(&mut user, &world.acme.token("ann"));
    let by: String = one(&mut user, "select checked_by from wo.sample_check");
    assert_eq!(by, "ann");
    let actions: Vec<String> = user
        .query(
            &format!(
                "select action from wo.audit_entry where subject_id = '{id}' order by sequence"
            ),
            &[],
        )
        .unwrap()
        .iter()
        .map(|row| row.get(0))
        .collect();
    assert_eq!(actions, ["created", "sample_checked"]);
    let event: Value = one(
        &mut user,
        "select data::jsonb from wo.event where data ->> 'action' = 'sample_checked'",
    );
    assert_eq!(event["status"], "pending");
    let package: String = one(&mut user, &format!("select wo.evidence_package('{id}')"));
    let package: Value = serde_json::from_str(&package).unwrap();
    let records = package["sections"]["child_records"].as_object().unwrap();
    let check = records.iter().find(|(name, _)| name.starts_with("sample_check:")).unwrap().1;
    assert_eq!((&check["step"], &check["reason"]), (&"torque".into(), &"40 Nm".into()));
    // A section under a name of the concept's own: what is still to be checked.
    assert_eq!(package["sections"]["concepts"], json!({"sample_unchecked": []}));
    let broken: i64 = one(&mut user, "select count(*) from wo.verify_audit() where not intact");
    assert_eq!(broken, 0);
    user.rollback().unwrap();

    let mut admin = world.db.superuser();
    for sql in [
        "truncate wo.sample_step cascade",
        "delete from wo.sample_step",
        "update wo.sample_step set step = 'other'",
    ] {
        let mut transaction = admin.transaction().unwrap();
        transaction.batch_execute("select wo.administer('acme')").unwrap();
        let result = transaction.batch_execute(sql);
        assert_eq!(result.unwrap_err().code().unwrap().code(), "42501", "{sql}");
    }
    let rows = admin
        .query(
            "select subject, detail from wo.health() where subject in ('sample', 'records', 'unregistered tables')
             and severity <> 'good' or subject = 'sample'",
            &[],
        )
        .unwrap();
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0].get::<_, String>(0), "sample");
    // A step says what is to be done: the concept's own rule.
    let mut transaction = admin.transaction().unwrap();
    transaction.batch_execute("select wo.administer('acme')").unwrap();
    let tried = transaction.execute("insert into wo.sample_step (step) values ('weld')", &[]);
    refused(tried, "22023", "sample_step_invalid");
}

/// Without this a concept's guard would need a place in the rules' own list, and its effect another.
#[test]
fn a_lifecycle_names_the_guard_and_the_effect_of_a_new_concept() {
    let world = World::new();
    prepare(&world);
    let mut client = world.db.connect("svc");
    let mut user = client.transaction().unwrap();
    authenticate(&mut user, &world.acme.token("ann"));
    let made: Value = one(
        &mut user,
        "select wo.create_work_order('[SS1-Operations] Bolt', assignee => 'ann', lifecycle => 'sampled')",
    );
    let id = made["id"].as_str().unwrap().to_owned();
    user.batch_execute("savepoint before").unwrap();
    let tried = user.query("select wo.transition($1, 'accepted')", &[&id]);
    let detail = refused(tried, "23514", "guards_not_met");
    assert_eq!(detail["guards"][0]["detail"], "not checked yet: torque");
    user.batch_execute("rollback to before").unwrap();
    user.batch_execute(&format!(
        "insert into wo.sample_check (work_order_id, step, passed, reason) values ('{id}', 'torque', true, '40 Nm');
         select wo.transition('{id}', 'accepted')"
    ))
    .unwrap();
    let events: i64 =
        one(&mut user, "select count(*) from wo.event where type = 'wo.sample_announced'");
    assert_eq!(events, 1);
    user.commit().unwrap();
}
