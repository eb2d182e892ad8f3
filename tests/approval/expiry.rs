//! What ends by itself is told once, and what nobody answered is forgotten.
//!
//! The clock cannot be set: what has ended is moved into the past past the enforcement layer.

use serde_json::Value;
use wo_cluster_tests::behind_the_back;

use crate::approval::firm::{Ask, Firm, ROOT};

impl Firm {
    #[track_caller]
    fn told(&self) -> i32 {
        self.one("planner", "select done from wo.tick() where job = 'expiries_notified'")
    }

    fn told_events(&self, kind: &str) -> Vec<Value> {
        let rows = self.rows(
            ROOT,
            &format!("select data from wo.event where type = '{kind}' order by position"),
        );
        rows.iter().map(|row| row.get(0)).collect()
    }
}

fn behind(firm: &Firm, table: &str, sql: &str) {
    firm.with(ROOT, |root| {
        let mut transaction = root.transaction().unwrap();
        behind_the_back(&mut transaction, table, sql);
        transaction.commit().unwrap();
    });
}

#[test]
fn a_signing_key_that_has_expired_is_told_once_and_stands_in_its_trail() {
    let firm = Firm::found();
    let key = wo_cli::new_key().unwrap();
    let id = firm
        .enroll_key("qa", &key, "'seen', clock_timestamp() + interval '50 milliseconds'")
        .unwrap();
    firm.database.wait_until(&format!(
        "select expires_at < clock_timestamp() from wo.signing_key where key_id = '{id}'"
    ));
    assert_eq!(firm.told(), 1);
    assert_eq!(firm.told(), 0, "told twice");
    let events = firm.told_events("wo.signing_key_expired");
    assert_eq!(events.len(), 1);
    assert_eq!((&events[0]["key_id"], &events[0]["principal"]), (&id.into(), &"qa".into()));
    firm.assert_intact();
}

#[test]
fn a_retired_or_revoked_key_does_not_expire() {
    let firm = Firm::found();
    for end in ["retire_signing_key($1)", "revoke_signing_key($1, 'lost')"] {
        let key = wo_cli::new_key().unwrap();
        let id = firm
            .enroll_key("qa", &key, "'seen', clock_timestamp() + interval '200 milliseconds'")
            .unwrap();
        firm.administer(&format!("select wo.{}", end.replace("$1", &format!("'{id}'"))));
        firm.database.wait_until(&format!(
            "select expires_at < clock_timestamp() from wo.signing_key where key_id = '{id}'"
        ));
    }
    assert_eq!(firm.told(), 0);
}

#[test]
fn a_delegation_that_has_ended_is_told_once() {
    let firm = Firm::found();
    firm.acting("qa", |qa| {
        qa.execute(
            "select wo.delegate_approval('qa_2', 'qa', now(), clock_timestamp() + interval '50 milliseconds', 'away')",
            &[],
        )
    })
    .unwrap();
    firm.database.wait_until("select bool_and(ends_at < clock_timestamp()) from wo.delegation");
    assert_eq!(firm.told(), 1);
    assert_eq!(firm.told(), 0, "told twice");
    let events = firm.told_events("wo.delegation_ended");
    assert_eq!(events.len(), 1);
    assert_eq!(events[0]["delegate"], "qa_2");
    firm.assert_intact();
}

#[test]
fn a_challenge_that_nobody_answered_is_forgotten_and_an_answered_one_never() {
    let firm = Firm::found();
    let number = firm.reach("pending_approval");
    let ask = Ask::approve(&number, "system_owner", "plan");
    let answered = firm.request("owner", &ask).unwrap();
    firm.sign("owner", &answered).unwrap();
    let ask = Ask::approve(&number, "qa", "plan");
    let ignored = firm.request("qa", &ask).unwrap();
    let young = firm.request("qa", &ask).unwrap();
    assert_eq!(firm.told(), 0);
    behind(
        &firm,
        "wo.signature_challenge",
        &format!(
            "update wo.signature_challenge set expires_at = expires_at - interval '25 hours' where id <> '{}'",
            young.id
        ),
    );
    assert_eq!(firm.told(), 1);
    let left: Vec<String> =
        firm.all(ROOT, "select id::text from wo.signature_challenge order by requested_at");
    assert_eq!(left, [answered.id.to_string(), young.id.to_string()]);
    assert!(firm.sign("qa", &ignored).is_err());
    assert!(firm.sign("owner", &answered).is_err(), "answered twice");
    firm.sign("qa", &young).unwrap();
    for which in [&answered.id, &young.id] {
        firm.refused(
            ROOT,
            &format!("delete from wo.signature_challenge where id = '{which}'"),
            "42501",
            "delete_refused",
        );
    }
    firm.assert_intact();
}

/// Each is found by the index that holds only what is not told yet.
#[test]
fn what_ends_is_found_by_index() {
    let firm = Firm::found();
    let plans = [
        (
            "signing_key_expiry",
            "select from wo.signing_key where tenant_id = $1 and expires_at <= now()
            and expiry_notified_at is null and retired_at is null and revoked_at is null",
        ),
        (
            "delegation_end",
            "select from wo.delegation where tenant_id = $1 and ends_at <= now()
            and end_notified_at is null and revoked_at is null",
        ),
        (
            "signature_challenge_unanswered",
            "select from wo.signature_challenge where tenant_id = $1
            and used_at is null and expires_at <= now()",
        ),
        (
            "work_order_state_deadline",
            "select from wo.work_order where tenant_id = $1 and state_deadline < now()
            and state_deadline is not null and state_deadline_notified_at is null",
        ),
        (
            "work_order_unarchived",
            "select from wo.work_order where tenant_id = $1 and locked_at < now()
            and locked_at is not null and archived_at is null",
        ),
    ];
    for (index, query) in plans {
        let query = query.replace("$1", &format!("'{}'", firm.tenant));
        let plan = firm.with(ROOT, |root| {
            // So few rows are found by any index as well: whether this one serves is asked.
            let mut transaction = root.transaction().unwrap();
            transaction
                .batch_execute(&format!(
                    "set local enable_seqscan = off; set local enable_bitmapscan = off;
                     update pg_index set indisvalid = false
                     where indrelid = (select indrelid from pg_index where indexrelid = 'wo.{index}'::regclass)
                        and indexrelid <> 'wo.{index}'::regclass"
                ))
                .unwrap();
            let rows = transaction.query(&format!("explain {query}"), &[]).unwrap();
            let plan: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
            transaction.rollback().unwrap();
            plan.join("\n")
        });
        assert!(plan.contains(index), "{index}: {plan}");
    }
}
