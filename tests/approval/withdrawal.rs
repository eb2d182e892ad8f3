//! A signature that its signer takes back while nothing has followed from it.

use serde_json::Value;
use uuid::Uuid;
use wo_cluster_tests::db_error;

use crate::approval::firm::{Ask, Firm, said};

impl Firm {
    fn withdraw(&self, who: &str, approval: &str, reason: &str) -> Result<Value, postgres::Error> {
        let approval: Uuid = approval.parse().unwrap();
        self.acting(who, |acting| {
            let call = "select wo.withdraw_signature($1, $2)";
            Ok(acting.query_one(call, &[&approval, &reason])?.get(0))
        })
    }

    /// Asserts that it is not withdrawn so, and that trying leaves no trace.
    #[track_caller]
    fn keeps(&self, who: &str, approval: &str, reason: &str, sqlstates: &[&str]) {
        let before = self.everything();
        let refusal = db_error(self.withdraw(who, approval, reason));
        assert!(sqlstates.contains(&refusal.code().code()), "{who}: {refusal:?}");
        assert_eq!(self.everything(), before);
    }
}

#[test]
fn a_withdrawn_signature_no_longer_counts_and_stays_on_record() {
    let firm = Firm::found();
    let order = firm.submitted();
    let approval =
        said(&firm.approve("owner", &order, "system_owner", "plan"), "approval").to_owned();
    firm.approve("qa", &order, "qa", "plan");
    firm.is_open(&order, "assigned");
    let version = firm.version(&order);
    firm.withdraw("owner", &approval, "the wrong pump").unwrap();
    assert_eq!(firm.version(&order), version);
    assert_eq!(firm.states(&order), ["withdrawn", "valid"]);
    let why = firm.all(
        "auditor",
        &format!("select why from wo.signatures('{order}') where state = 'withdrawn'"),
    );
    assert!(why[0].contains("the wrong pump"), "{why:?}");
    firm.shut(&order, "assigned", &["system_owner plan"]);
    assert_eq!(firm.pending(&order), ["system_owner plan assign 0/1"]);
    assert_eq!(
        firm.trail(&order, &["signature_withdrawn"]),
        ["owner signature_withdrawn the wrong pump"]
    );
    assert_eq!(firm.events("wo.approval_withdrawn", &order).len(), 1);
    // Another signature, of the same person or another one, opens the gate again.
    firm.approve("owner", &order, "system_owner", "plan");
    firm.transition("planner", &order, "assigned");
    firm.assert_intact();
}

#[test]
fn a_signature_is_withdrawn_by_its_signer_alone_with_a_reason_and_once() {
    let firm = Firm::found();
    let order = firm.submitted();
    let approval =
        said(&firm.approve("owner", &order, "system_owner", "plan"), "approval").to_owned();
    for who in ["qa", "owner_2", "planner", "versatile"] {
        firm.keeps(who, &approval, "not mine", &["42501"]);
    }
    for reason in ["", "  "] {
        firm.keeps("owner", &approval, reason, &["22023", "23514"]);
    }
    let unknown = Uuid::now_v7().to_string();
    firm.keeps("owner", &unknown, "which", &["22023", "42501"]);
    firm.withdraw("owner", &approval, "once").unwrap();
    firm.keeps("owner", &approval, "twice", &["55000"]);
    firm.assert_intact();
}

#[test]
fn what_has_taken_effect_is_not_withdrawn() {
    let firm = Firm::found();
    let order = firm.submitted();
    let plan = said(&firm.approve("owner", &order, "system_owner", "plan"), "approval").to_owned();
    firm.approve("qa", &order, "qa", "plan");
    firm.transition("planner", &order, "assigned");
    firm.keeps("owner", &plan, "too late", &["55000"]);
    firm.finish(&order);
    firm.keeps("owner", &plan, "too late", &["55000"]);
    let result =
        said(&firm.approve("owner", &order, "system_owner", "completion"), "approval").to_owned();
    firm.approve("qa", &order, "qa", "completion");
    assert_eq!(firm.status(&order), "closed");
    firm.keeps("owner", &result, "too late", &["55000"]);
    firm.assert_intact();
}

/// What is void or rejected is over already.
#[test]
fn a_void_signature_is_not_withdrawn() {
    let firm = Firm::found();
    let order = firm.submitted();
    let approval =
        said(&firm.approve("owner", &order, "system_owner", "plan"), "approval").to_owned();
    firm.signed("qa", &Ask::reject(&order, "qa", "plan", "no"));
    firm.keeps("owner", &approval, "moot", &["55000"]);
    firm.transition("originator", &order, "pending_approval");
    firm.keeps("owner", &approval, "moot", &["55000"]);
    firm.assert_intact();
}
