//! How long signatures take: counted from the events of signatures, once for each request of approval.

use serde_json::{Value, json};
use wo_cluster_tests::{Database, behind_the_back};

use crate::approval::firm::{ADMIN, Ask, Firm};

/// The metrics of the distribution: name, labels, value; of the tenant, or of all tenants together.
fn latencies(firm: &Firm, of_all: bool) -> Vec<(String, Value, f64)> {
    let mut client = match of_all {
        true => firm.database.superuser(),
        false => firm.database.connect(ADMIN),
    };
    if !of_all {
        client.batch_execute("begin; select wo.administer('acme')").unwrap();
    }
    let sql = "select name, labels, value from wo.metrics() where name like 'wo_approval_latency%'";
    let rows = client.query(sql, &[]).unwrap();
    rows.iter().map(|row| (row.get(0), row.get(1), row.get(2))).collect()
}

fn value(all: &[(String, Value, f64)], name: &str, labels: &Value) -> Option<f64> {
    let name = format!("wo_approval_latency_seconds_{name}");
    let mut found = all.iter().filter(|(known, of, _)| *known == name && of == labels);
    let value = found.next().map(|(.., value)| *value);
    assert!(found.next().is_none(), "{name} {labels} twice");
    value
}

fn count_all(database: &Database<'_>) {
    let sql = "select sum(done)::bigint from wo.tick() where job = 'events_counted'";
    let mut admin = database.superuser();
    while admin.query_one(sql, &[]).unwrap().get::<_, i64>(0) > 0 {}
}

/// Opens the requests of a work order so long before now.
fn requested_before(firm: &Firm, order: &str, interval: &str) {
    let sql = format!(
        "update wo.approval_request set requested_at = requested_at - interval '{interval}'
         where work_order_id = '{}' and closed_at is null",
        firm.id(order)
    );
    let mut root = firm.database.superuser();
    let mut transaction = root.transaction().unwrap();
    behind_the_back(&mut transaction, "wo.approval_request", &sql);
    transaction.commit().unwrap();
}

/// A figure that counts each signature, or those of requests that still wait, says that approvals are faster than they
/// are; one that is computed when it is read would take longer with each signature.
#[test]
fn each_request_counts_once_when_it_has_its_last_signature() {
    let firm = Firm::found();
    let (slow, quick) = (firm.submitted(), firm.submitted());
    requested_before(&firm, &slow, "2 days");
    firm.approve("owner", &slow, "system_owner", "plan");
    firm.approve("owner", &quick, "system_owner", "plan");
    // A rejection is no approval.
    requested_before(&firm, &quick, "10 days");
    firm.signed("qa", &Ask::reject(&quick, "qa", "plan", "not like this"));
    count_all(&firm.database);

    let all = latencies(&firm, false);
    let owner = json!({ "role": "system_owner" });
    assert_eq!(value(&all, "count", &owner), Some(2.0), "{all:?}");
    let sum = value(&all, "sum", &owner).unwrap();
    assert!((172_800.0..172_860.0).contains(&sum), "{sum}");
    for (le, count) in
        [("60", 1.0), ("86400", 1.0), ("259200", 2.0), ("2592000", 2.0), ("+Inf", 2.0)]
    {
        let labels = json!({ "role": "system_owner", "le": le });
        assert_eq!(value(&all, "bucket", &labels), Some(count), "{le}");
    }
    assert_eq!(value(&all, "count", &json!({ "role": "qa" })), None);

    // Of all tenants together there is no role.
    let all = latencies(&firm, true);
    assert_eq!(value(&all, "count", &json!({})), Some(2.0));
    assert_eq!(value(&all, "bucket", &json!({ "le": "300" })), Some(1.0));

    // From scratch: the same rows.
    let rows = || {
        let sql = "select figure::text from wo.approval_rollup as figure order by 1";
        let found = firm.database.superuser().query(sql, &[]).unwrap();
        found.iter().map(|row| row.get::<_, String>(0)).collect::<Vec<_>>()
    };
    let before = rows();
    assert_eq!(before.len(), 2);
    firm.database
        .superuser()
        .batch_execute(
            "set session_replication_role = replica; update wo.approval_rollup set signed_count = 7;
             reset session_replication_role; select wo.rebuild_rollups()",
        )
        .unwrap();
    assert_eq!(rows(), before);
}

/// Where two have to sign, the first signature ends no waiting.
#[test]
fn the_first_of_two_signatures_does_not_count() {
    let firm = Firm::found();
    firm.administer(
        "insert into wo.approval_requirement (name, lifecycle, action, role, meaning, count)
         values ('second_look', 'regulated_change', 'assign', 'qa', 'second_look', 2)",
    );
    let order = firm.submitted();
    requested_before(&firm, &order, "5 hours");
    firm.approve("qa", &order, "qa", "second_look");
    count_all(&firm.database);
    assert_eq!(latencies(&firm, false), []);
    let event = |index: usize| firm.events("wo.approval_signed", &order)[index].clone();
    assert!(event(0)["requested_at"].is_null());
    firm.approve("qa_2", &order, "qa", "second_look");
    count_all(&firm.database);
    let all = latencies(&firm, false);
    assert_eq!(value(&all, "count", &json!({ "role": "qa" })), Some(1.0));
    let labels = json!({ "role": "qa", "le": "14400" });
    assert_eq!(value(&all, "bucket", &labels), Some(0.0));
    assert!(event(1)["requested_at"].is_string());
}
