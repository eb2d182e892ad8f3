//! Who may sign for somebody else: for how long, for what, through whom, and until it is revoked.

use uuid::Uuid;
use wo_cluster_tests::{db_error, refused};

use crate::approval::firm::{ADMIN, AGENT, AUDITOR, Ask, Firm, ROOT};

const DAYS: &str = "now() - interval '1 second', now() + interval '2 days'";

/// The call, with a period and further arguments.
fn call(delegate: &str, role: &str, period: &str, further: &str) -> String {
    format!("select wo.delegate_approval('{delegate}', '{role}', {period}, 'on leave'{further})")
}

impl Firm {
    fn try_delegate(&self, from: &str, call: &str) -> Result<Uuid, postgres::Error> {
        println!("{from}: {call}");
        self.acting(from, |acting| Ok(acting.query_one(call, &[])?.get(0)))
    }

    #[track_caller]
    fn delegate(&self, from: &str, call: &str) -> Uuid {
        self.try_delegate(from, call).unwrap_or_else(|error| panic!("{from}: {call}: {error:?}"))
    }

    #[track_caller]
    fn cannot_delegate(&self, from: &str, call: &str, sqlstate: &str, code: &str) {
        let before = self.everything();
        refused(self.try_delegate(from, call), sqlstate, code);
        assert_eq!(self.everything(), before, "the refusal left a trace");
    }

    fn revoke(&self, who: &str, delegation: Uuid) -> bool {
        self.acting(who, |acting| {
            let revoke = "select wo.revoke_delegation($1, 'back again')";
            Ok(acting.query_one(revoke, &[&delegation])?.get(0))
        })
        .unwrap()
    }

    /// `deputy` (or whoever) signs the plan for the owner.
    fn for_owner(&self, who: &str, order: &str) -> Result<serde_json::Value, postgres::Error> {
        let ask = Ask::approve(order, "system_owner", "plan").on_behalf_of("owner");
        self.try_sign(who, &ask)
    }

    #[track_caller]
    fn not_for_owner(&self, who: &str, order: &str) {
        let ask = Ask::approve(order, "system_owner", "plan").on_behalf_of("owner");
        self.no_signature(who, &ask, "42501", "role_missing");
    }
}

#[test]
fn a_delegation_is_recorded_told_and_used() {
    let firm = Firm::found();
    let order = firm.submitted();
    firm.not_for_owner("deputy", &order);
    let delegation = firm.delegate("owner", &call("deputy", "system_owner", DAYS, ""));
    let told = firm.events_about("wo.approval_delegated", &delegation.to_string());
    assert_eq!(told.len(), 1, "{told:?}");
    let entries = "audit_entry where subject = 'delegation' and actor = 'owner'";
    assert_eq!(firm.count(entries), 1);
    let payload = firm
        .request("deputy", &Ask::approve(&order, "system_owner", "plan").on_behalf_of("owner"))
        .unwrap()
        .said();
    assert_eq!(payload["signer"], "deputy");
    assert_eq!(payload["on_behalf_of"], "owner");
    assert_eq!(payload["delegation_id"], delegation.to_string());
    firm.for_owner("deputy", &order).unwrap();
    // Whom the deputy signs for is child of what is signed, whether they say it or not.
    let other = firm.submitted();
    let payload =
        firm.request("deputy", &Ask::approve(&other, "system_owner", "plan")).unwrap().said();
    assert_eq!(payload["on_behalf_of"], "owner");
    // Not for somebody who did not ask them.
    let ask = Ask::approve(&other, "system_owner", "plan").on_behalf_of("owner_2");
    firm.no_signature("deputy", &ask, "42501", "role_missing");
    // The delegator goes on signing.
    firm.approve("owner", &other, "system_owner", "plan");
    firm.assert_intact();
}

#[test]
fn a_delegation_counts_for_its_role_lifecycle_and_meaning_alone() {
    let firm = Firm::found();
    let (order, deed) = (firm.submitted(), firm.deed());
    let scoped = ", lifecycle => 'regulated_change', meaning => 'plan'";
    firm.delegate("owner", &call("deputy", "system_owner", DAYS, scoped));
    firm.not_for_owner("deputy", &deed);
    firm.for_owner("deputy", &order).unwrap();
    firm.approve("qa", &order, "qa", "plan");
    firm.transition("planner", &order, "assigned");
    firm.finish(&order);
    let completion = Ask::approve(&order, "system_owner", "completion").on_behalf_of("owner");
    firm.no_signature("deputy", &completion, "42501", "role_missing");
    let as_qa = Ask::approve(&order, "qa", "completion").on_behalf_of("owner");
    firm.no_signature("deputy", &as_qa, "42501", "role_missing");
    firm.assert_intact();
}

#[test]
fn a_delegation_counts_within_its_period_alone() {
    let firm = Firm::found();
    let order = firm.submitted();
    let soon = "now() + interval '1 hour', now() + interval '2 hours'";
    firm.delegate("owner", &call("deputy", "system_owner", soon, ""));
    firm.not_for_owner("deputy", &order);
    let short = "now() - interval '1 second', clock_timestamp() + interval '1 second'";
    let over = firm.delegate("owner", &call("deputy_2", "system_owner", short, ""));
    let ask = Ask::approve(&order, "system_owner", "plan").on_behalf_of("owner");
    let challenge = firm.request("deputy_2", &ask);
    firm.database.wait_until(&format!(
        "select clock_timestamp() > ends_at from wo.delegation where id = '{over}'"
    ));
    firm.not_for_owner("deputy_2", &order);
    // Asked for in time, and signed too late.
    if let Ok(challenge) = challenge {
        refused(firm.sign("deputy_2", &challenge), "42501", "role_missing");
    }
    for period in [
        "now(), now() - interval '1 hour'",
        "now() - interval '2 days', now() - interval '1 day'",
        "now(), now() + interval '367 days'",
        "now(), 'infinity'",
        "'-infinity', now() + interval '1 day'",
    ] {
        let delegate = call("deputy", "system_owner", period, "");
        firm.cannot_delegate("owner", &delegate, "23514", "delegation_period");
    }
    firm.assert_intact();
}

#[test]
fn a_chain_of_two_is_recorded_and_ends_at_the_one_who_holds_the_role() {
    let firm = Firm::found();
    let order = firm.submitted();
    let first = firm.delegate("owner", &call("deputy", "system_owner", DAYS, ""));
    let parent = format!(", parent => '{first}'");
    let within = "now(), now() + interval '1 day'";
    let second = firm.delegate("deputy", &call("deputy_2", "system_owner", within, &parent));
    firm.for_owner("deputy_2", &order).unwrap();
    let row = &firm.rows(
        ROOT,
        "select signed.signer, signed.on_behalf_of, signed.delegation_id, used.parent_id
         from wo.approval as signed join wo.delegation as used on used.id = signed.delegation_id",
    )[0];
    assert_eq!(row.get::<_, String>(0), "deputy_2");
    assert_eq!(row.get::<_, String>(1), "owner");
    assert_eq!(row.get::<_, Uuid>(2), second);
    assert_eq!(row.get::<_, Uuid>(3), first);
    // The first link breaks, and with it the chain.
    let other = firm.submitted();
    assert!(firm.revoke("owner", first));
    firm.not_for_owner("deputy_2", &other);
    // What was signed before stands.
    assert_eq!(firm.states(&order), ["valid"]);
    firm.assert_intact();
}

#[test]
fn nobody_passes_on_more_than_they_were_given() {
    let firm = Firm::found();
    let narrow = ", lifecycle => 'regulated_change', meaning => 'plan'";
    let first = firm.delegate("owner", &call("deputy", "system_owner", DAYS, narrow));
    let parent = format!(", parent => '{first}'");
    let within = "now(), now() + interval '1 day'";
    for wider in [
        String::new(),
        ", lifecycle => 'regulated_change'".into(),
        ", lifecycle => 'deed', meaning => 'plan'".into(),
        ", lifecycle => 'regulated_change', meaning => 'completion'".into(),
    ] {
        let pass = call("deputy_2", "system_owner", within, &format!("{parent}{wider}"));
        firm.cannot_delegate("deputy", &pass, "23514", "delegation_scope");
    }
    let pass = call("deputy_2", "qa", within, &format!("{parent}{narrow}"));
    firm.cannot_delegate("deputy", &pass, "23514", "delegation_scope");
    let longer = "now(), now() + interval '3 days'";
    let pass = call("deputy_2", "system_owner", longer, &format!("{parent}{narrow}"));
    firm.cannot_delegate("deputy", &pass, "23514", "delegation_period");
    firm.revoke("owner", first);
    let pass = call("deputy_2", "system_owner", within, &format!("{parent}{narrow}"));
    firm.cannot_delegate("deputy", &pass, "23514", "delegation_over");
    // What one neither holds nor was given.
    let pass = call("deputy_2", "system_owner", within, "");
    firm.cannot_delegate("deputy_2", &pass, "42501", "role_missing");
    // Somebody else's delegation is no parent of mine.
    let second = firm.delegate("owner", &call("deputy", "system_owner", DAYS, ""));
    let parent = format!(", parent => '{second}'");
    let pass = call("chief", "system_owner", within, &parent);
    assert!(firm.try_delegate("deputy_2", &pass).is_err());
    firm.assert_intact();
}

#[test]
fn a_chain_does_not_come_back_to_where_it_was() {
    let firm = Firm::found();
    let to_self = call("owner", "system_owner", DAYS, "");
    firm.cannot_delegate("owner", &to_self, "23514", "delegation_loop");
    let first = firm.delegate("owner", &call("deputy", "system_owner", DAYS, ""));
    let within = "now(), now() + interval '1 day'";
    let parent = format!(", parent => '{first}'");
    let back = call("owner", "system_owner", within, &parent);
    firm.cannot_delegate("deputy", &back, "23514", "delegation_loop");
    let second = firm.delegate("deputy", &call("deputy_2", "system_owner", within, &parent));
    let parent = format!(", parent => '{second}'");
    for whom in ["owner", "deputy", "deputy_2"] {
        let back = call(whom, "system_owner", within, &parent);
        firm.cannot_delegate("deputy_2", &back, "23514", "delegation_loop");
    }
    firm.assert_intact();
}

#[test]
fn a_revoked_delegation_is_over_at_once() {
    let firm = Firm::found();
    let order = firm.submitted();
    let given = firm.delegate("owner", &call("deputy", "system_owner", DAYS, ""));
    let ask = Ask::approve(&order, "system_owner", "plan").on_behalf_of("owner");
    let challenge = firm.request("deputy", &ask).unwrap();
    // Not by somebody who has nothing to do with it.
    let by_stranger = firm.acting("worker", |worker| {
        worker.execute("select wo.revoke_delegation($1, 'spite')", &[&given])
    });
    assert_eq!(db_error(by_stranger).code().code(), "42501");
    assert!(firm.revoke("owner", given));
    assert!(!firm.revoke("owner", given), "it was over already");
    refused(firm.sign("deputy", &challenge), "42501", "role_missing");
    firm.not_for_owner("deputy", &order);
    let why: String = firm.one(ROOT, "select revocation_reason from wo.delegation");
    assert_eq!(why, "back again");
    assert_eq!(firm.count("audit_entry where subject = 'delegation'"), 2);
    firm.assert_intact();
}

/// Nobody gives more than they have: what the delegator may no longer do, the delegate may not.
#[test]
fn a_delegator_who_loses_the_role_takes_it_along() {
    let firm = Firm::found();
    let order = firm.submitted();
    firm.delegate("owner", &call("deputy", "system_owner", DAYS, ""));
    let ask = Ask::approve(&order, "system_owner", "plan").on_behalf_of("owner");
    let challenge = firm.request("deputy", &ask).unwrap();
    firm.administer("select wo.revoke_role('owner', 'system_owner')");
    refused(firm.sign("deputy", &challenge), "42501", "role_missing");
    firm.not_for_owner("deputy", &order);
    firm.administer("select wo.grant_role('owner', 'system_owner')");
    firm.administer("select wo.disable_principal('owner')");
    firm.not_for_owner("deputy", &order);
    firm.administer("select wo.enable_principal('owner')");
    firm.for_owner("deputy", &order).unwrap();
    firm.assert_intact();
}

/// The separation of duties holds for the one who signs and for the one they sign for.
#[test]
fn a_delegate_is_held_to_the_separation_of_duties() {
    let firm = Firm::found();
    firm.delegate("owner", &call("worker", "system_owner", DAYS, ""));
    firm.delegate("owner", &call("qa", "system_owner", DAYS, ""));
    let order = firm.submitted();
    let ask = Ask::approve(&order, "system_owner", "plan").on_behalf_of("owner");
    firm.no_signature("worker", &ask, "23514", "signer_is_assignee");
    // QA that signed for the owner has signed.
    firm.for_owner("qa", &order).unwrap();
    let own = Ask::approve(&order, "qa", "plan");
    firm.no_signature("qa", &own, "23514", "signer_has_signed");
    // The assignee's delegate is no way round either.
    let done_by_owner: String = firm.one(
        "originator",
        "select wo.create_work_order('x', description => 'd', assignee => 'owner_2',
            regulatory => true) ->> 'wo_number'",
    );
    firm.transition("originator", &done_by_owner, "pending_approval");
    firm.delegate("owner_2", &call("deputy", "system_owner", DAYS, ""));
    let ask = Ask::approve(&done_by_owner, "system_owner", "plan").on_behalf_of("owner_2");
    firm.no_signature("deputy", &ask, "23514", "signer_is_assignee");
    firm.assert_intact();
}

#[test]
fn a_delegate_is_a_person_of_the_company() {
    let firm = Firm::found();
    let to_agent = firm.try_delegate("owner", &call(AGENT, "system_owner", DAYS, ""));
    if to_agent.is_ok() {
        let order = firm.submitted();
        let ask = Ask::approve(&order, "system_owner", "plan").on_behalf_of("owner");
        firm.no_signature(AGENT, &ask, "42501", "person_required");
    }
    for nobody in ["nobody", "rival", ""] {
        let tried = firm.try_delegate("owner", &call(nobody, "system_owner", DAYS, ""));
        let refusal = db_error(tried);
        assert!(["22023", "23503"].contains(&refusal.code().code()), "{refusal:?}");
    }
    let blank = format!("select wo.delegate_approval('deputy', 'system_owner', {DAYS}, ' ')");
    assert!(firm.try_delegate("owner", &blank).is_err(), "a reason is mandatory");
    assert_eq!(firm.count("delegation where delegate <> 'qa_agent'"), 0);
}

#[test]
fn delegations_are_read_by_the_company_and_written_by_nobody() {
    let firm = Firm::found();
    let given = firm.delegate("owner", &call("deputy", "system_owner", DAYS, ""));
    for who in ["deputy", AUDITOR] {
        assert_eq!(firm.one::<i64>(who, "select count(*) from wo.delegation"), 1, "{who}");
    }
    assert_eq!(firm.one::<i64>("rival", "select count(*) from wo.delegation"), 0);
    for sql in [
        format!(
            "update wo.delegation set ends_at = ends_at + interval '1 year' where id = '{given}'"
        ),
        format!("delete from wo.delegation where id = '{given}'"),
        "insert into wo.delegation select * from wo.delegation".to_owned(),
    ] {
        for who in ["owner", "deputy", ADMIN, AUDITOR] {
            let refusal = db_error(firm.with(who, |client| client.batch_execute(&sql)));
            assert_eq!(refusal.code().code(), "42501", "{who}: {sql}: {refusal:?}");
        }
    }
    firm.assert_intact();
}
