//! Signatures and what crosses them at the same moment.

use postgres::{Client, Error};
use serde_json::{Value, json};
use wo_cluster_tests::{backend_pid, db_error, race, refused};

use crate::approval::firm::{Ask, Challenge, Firm, SERVICE, move_to, patch};
use crate::approval::master::Upgrade;

const ROUNDS: usize = 12;

/// One signature on a connection of its own.
fn sign_on(
    client: &mut Client,
    token: &str,
    challenge: &Challenge,
    signature: &str,
) -> Result<Value, Error> {
    let mut acting = client.transaction()?;
    acting.execute("select wo.authenticate($1)", &[&token])?;
    let answer = challenge.answer(&mut acting, signature)?;
    acting.commit()?;
    Ok(answer)
}

/// A signature that is ready to be handed in.
struct Ready {
    token: String,
    challenge: Challenge,
    signature: String,
}

impl Ready {
    fn asked(firm: &Firm, who: &str, ask: &Ask) -> Self {
        let challenge = firm.request(who, ask).unwrap();
        let signature = firm.signature(who, &challenge.payload);
        Self { token: firm.token(who), challenge, signature }
    }

    fn hand_in(&self, client: &mut Client) -> Result<Value, Error> {
        sign_on(client, &self.token, &self.challenge, &self.signature)
    }
}

impl Firm {
    fn ready(&self, who: &str, order: &str, role: &str, meaning: &str) -> Ready {
        Ready::asked(self, who, &Ask::approve(order, role, meaning))
    }

    fn service(&self) -> Client {
        self.database.connect(SERVICE)
    }
}

/// SQLSTATE of a refusal.
fn state(error: Error) -> String {
    db_error::<()>(Err(error)).code().code().to_owned()
}

/// Tries again for as long as the answer is that it should.
fn insist(ready: &Ready, client: &mut Client) -> Result<Value, Error> {
    loop {
        match ready.hand_in(client) {
            Err(error) if error.code().is_some_and(|code| code.code() == "40P01") => {}
            told => return told,
        }
    }
}

#[test]
fn two_last_signatures_at_once_are_both_recorded_and_close_once() {
    let firm = Firm::found();
    for _ in 0..ROUNDS {
        let order = firm.reach("completed");
        let last = [
            firm.ready("owner", &order, "system_owner", "completion"),
            firm.ready("qa", &order, "qa", "completion"),
        ];
        let answers = race(vec![firm.service(), firm.service()], |number, client| {
            insist(&last[number], client).map(|answer| answer["status"].clone())
        });
        let mut said: Vec<String> = answers
            .into_iter()
            .map(|answer| answer.unwrap().as_str().unwrap().to_owned())
            .collect();
        said.sort();
        assert_eq!(said, ["closed", "completed"]);
        assert_eq!(firm.status(&order), "closed");
        assert_eq!(firm.states(&order), ["valid"; 4]);
        assert_eq!(firm.trail(&order, &["close"]).len(), 1);
        let id = firm.id(&order);
        assert_eq!(firm.count(&format!("evidence where work_order_id = '{id}'")), 1);
    }
    firm.assert_intact();
}

#[test]
fn one_challenge_handed_in_twice_at_once_signs_once() {
    let firm = Firm::found();
    for _ in 0..ROUNDS {
        let order = firm.submitted();
        let ready = firm.ready("qa", &order, "qa", "plan");
        let answers = race(vec![firm.service(), firm.service(), firm.service()], |_, client| {
            ready.hand_in(client)
        });
        let (signed, others): (Vec<_>, Vec<_>) = answers.into_iter().partition(Result::is_ok);
        assert_eq!(signed.len(), 1);
        for other in others {
            refused(other, "55000", "challenge_used");
        }
        assert_eq!(firm.states(&order), ["valid"]);
    }
    firm.assert_intact();
}

/// Two people for one place: one of them signs.
#[test]
fn two_of_a_role_at_once_fill_its_one_place_once() {
    let firm = Firm::found();
    for _ in 0..ROUNDS {
        let order = firm.submitted();
        let both =
            [firm.ready("qa", &order, "qa", "plan"), firm.ready("qa_2", &order, "qa", "plan")];
        let answers = race(vec![firm.service(), firm.service()], |number, client| {
            insist(&both[number], client)
        });
        let (signed, others): (Vec<_>, Vec<_>) = answers.into_iter().partition(Result::is_ok);
        assert_eq!((signed.len(), others.len()), (1, 1));
        refused(others.into_iter().next().unwrap(), "55000", "nothing_to_sign");
        assert_eq!(firm.states(&order), ["valid"]);
    }
    firm.assert_intact();
}

/// One person with two roles signs both at once: one of them only.
#[test]
fn one_person_does_not_fill_two_roles_at_once() {
    let firm = Firm::found();
    for _ in 0..ROUNDS {
        let order = firm.submitted();
        let both = [
            firm.ready("versatile", &order, "qa", "plan"),
            firm.ready("versatile", &order, "system_owner", "plan"),
        ];
        let answers = race(vec![firm.service(), firm.service()], |number, client| {
            insist(&both[number], client)
        });
        let refusals: Vec<_> = answers.into_iter().filter(Result::is_err).collect();
        assert_eq!(refusals.len(), 1);
        refused(refusals.into_iter().next().unwrap(), "23514", "signer_has_signed");
    }
    firm.assert_intact();
}

/// What was waited for is seen, whichever isolation level the signer has asked for.
#[track_caller]
fn crossed(firm: &Firm, order: &str, by: &str, sql: &str, ready: &Ready) -> (Error, String) {
    let mut first = firm.database.connect(by);
    first.batch_execute(&format!("begin; {sql}")).unwrap();
    let mut second = firm.service();
    let pid = backend_pid(&mut second);
    let told = std::thread::scope(|scope| {
        let waiting = scope.spawn(|| ready.hand_in(&mut second));
        firm.database.wait_until_blocked(pid);
        first.batch_execute("commit").unwrap();
        waiting.join().unwrap()
    });
    let error = match told {
        Ok(answer) => panic!("signed across {sql}: {answer}"),
        Err(error) => error,
    };
    (error, firm.status(order))
}

#[test]
fn a_signature_that_a_replan_overtakes_is_refused() {
    let firm = Firm::found();
    for (from, who, to) in [("completed", "qa", "in_progress"), ("pending_approval", "qa", "draft")]
    {
        let order = firm.reach(from);
        let meaning = if from == "completed" { "completion" } else { "plan" };
        let ready = firm.ready("owner", &order, "system_owner", meaning);
        let (error, status) = crossed(&firm, &order, who, &move_to(&order, to), &ready);
        assert_eq!(status, to);
        refused::<()>(Err(error), "40001", "record_changed");
    }
    firm.assert_intact();
}

#[test]
fn a_signature_that_a_change_overtakes_is_refused() {
    let firm = Firm::found();
    let order = firm.submitted();
    let ready = firm.ready("qa", &order, "qa", "plan");
    let change = patch(&order, &json!({"title": "Something else"}));
    let (error, _) = crossed(&firm, &order, "owner", &change, &ready);
    refused::<()>(Err(error), "40001", "record_changed");
    assert_eq!(firm.states(&order), [""; 0]);
    firm.assert_intact();
}

#[test]
fn a_signer_who_is_assigned_at_the_same_moment_does_not_sign() {
    let firm = Firm::found();
    let order = firm.submitted();
    let ready = firm.ready("qa", &order, "qa", "plan");
    let assign = patch(&order, &json!({"assignee": "qa"}));
    let (error, _) = crossed(&firm, &order, "planner", &assign, &ready);
    assert!(["23514", "40001"].contains(&state(error).as_str()));
    assert_eq!(firm.states(&order), [""; 0]);
    // The other way round: who signs first is not assigned.
    for _ in 0..ROUNDS {
        let order = firm.submitted();
        let ready = firm.ready("qa", &order, "qa", "plan");
        let assign = patch(&order, &json!({"assignee": "qa"}));
        let clients = vec![firm.service(), firm.database.connect("planner")];
        let told = race(clients, |number, client| match number {
            0 => ready.hand_in(client).map(drop),
            _ => client.batch_execute(&assign),
        });
        assert_eq!(told.iter().filter(|one| one.is_ok()).count(), 1, "{told:?}");
        let assignee = firm.stands(&order, "assignee").unwrap();
        let signed = firm.states(&order).len();
        assert_eq!(signed == 1, assignee == "worker", "{signed} signature, {assignee} assigned");
    }
    firm.assert_intact();
}

/// A lost key signs nothing from the moment that its loss is on record.
#[test]
fn a_key_that_is_revoked_at_the_same_moment_does_not_sign() {
    let firm = Firm::found();
    let order = firm.submitted();
    let ready = firm.ready("qa", &order, "qa", "plan");
    let revoke = "select wo.administer('acme');
        select wo.revoke_signing_key(key_id, 'lost') from wo.signing_key
        where principal = 'qa' and revoked_at is null";
    let mut admin = firm.database.connect("admin");
    admin.batch_execute(&format!("begin; {revoke}")).unwrap();
    let mut service = firm.service();
    let pid = backend_pid(&mut service);
    let told = std::thread::scope(|scope| {
        let waiting = scope.spawn(|| ready.hand_in(&mut service));
        firm.database.wait_until_blocked(pid);
        admin.batch_execute("commit").unwrap();
        waiting.join().unwrap()
    });
    refused(told, "55000", "signing_key_missing");
    assert_eq!(firm.states(&order), [""; 0]);
    for _ in 0..ROUNDS {
        firm.enroll("qa");
        let order = firm.submitted();
        let ready = firm.ready("qa", &order, "qa", "plan");
        let clients = vec![firm.service(), firm.database.connect("admin")];
        let told = race(clients, |number, client| match number {
            0 => ready.hand_in(client).map(drop),
            _ => client.batch_execute(&format!("begin; {revoke}; commit")),
        });
        told[1].as_ref().unwrap();
        let signed = told[0].is_ok();
        assert_eq!(firm.states(&order).len(), usize::from(signed));
        if signed {
            let row = &firm.rows(
                "auditor",
                "select signed.signed_at <= key.revoked_at from wo.approval as signed
                 join wo.signing_key as key on key.key_id = signed.key_id
                 order by signed.signed_at desc limit 1",
            )[0];
            assert!(row.get::<_, bool>(0), "signed after the key was lost");
        }
    }
    firm.assert_intact();
}

/// A role that goes while the signature is under way does not help it, at any isolation level.
#[test]
fn a_role_that_is_revoked_meanwhile_does_not_sign() {
    let firm = Firm::found();
    for level in ["read committed", "repeatable read", "serializable"] {
        let order = firm.submitted();
        let ready = firm.ready("qa", &order, "qa", "plan");
        let mut service = firm.service();
        service
            .batch_execute(&format!("begin isolation level {level}; select count(*) from pg_class"))
            .unwrap();
        service.execute("select wo.authenticate($1)", &[&ready.token]).unwrap();
        service.batch_execute("select count(*) from wo.approval").unwrap();
        firm.administer("select wo.revoke_role('qa', 'qa')");
        let told = ready.challenge.answer(&mut service, &ready.signature);
        let state = state(told.unwrap_err());
        assert!(["42501", "40001"].contains(&state.as_str()), "{level}: {state}");
        service.batch_execute("rollback").unwrap();
        firm.administer("select wo.grant_role('qa', 'qa')");
        assert_eq!(firm.states(&order), [""; 0], "{level}");
    }
    firm.assert_intact();
}

/// A rejection and the last signature at once: one of them takes effect.
#[test]
fn a_rejection_and_the_last_signature_at_once_exclude_each_other() {
    let firm = Firm::found();
    for _ in 0..ROUNDS {
        let order = firm.reach("completed");
        firm.approve("owner", &order, "system_owner", "completion");
        let yes = firm.ready("qa", &order, "qa", "completion");
        let no = Ready::asked(&firm, "qa_2", &Ask::reject(&order, "qa", "completion", "wait"));
        let told = race(vec![firm.service(), firm.service()], |number, client| {
            insist(if number == 0 { &yes } else { &no }, client)
        });
        assert_eq!(told.iter().filter(|one| one.is_ok()).count(), 1, "{told:?}");
        let expected = if told[0].is_ok() { "closed" } else { "in_progress" };
        assert_eq!(firm.status(&order), expected);
    }
    firm.assert_intact();
}

/// Neither sees the other: whoever ends the last child does not know of the waiver, and whoever waives
/// does not know of the end.
#[test]
fn a_waiver_beside_the_end_of_the_last_other_part_leaves_no_master_untold() {
    let upgrade = Upgrade::scheduled(&json!({}));
    let firm = &upgrade.firm;
    let [others @ .., stuck, last] = &upgrade.children;
    for child in others {
        firm.transition("orchestrator", child, "cancelled");
    }
    let waiver = Ask::approve(&upgrade.master, "qa", "waiver")
        .about_child(stuck)
        .because("accounts are made by the other site");
    let ready = Ready::asked(firm, "qa", &waiver);
    let mut client = firm.service();
    let mut waiving = client.transaction().unwrap();
    waiving.execute("select wo.authenticate($1)", &[&ready.token]).unwrap();
    ready.challenge.answer(&mut waiving, &ready.signature).unwrap();
    firm.transition("orchestrator", last, "cancelled");
    assert_eq!(firm.events("wo.children_settled", &upgrade.master).len(), 0);
    waiving.commit().unwrap();
    assert_eq!(firm.events("wo.children_settled", &upgrade.master).len(), 1);
    firm.assert_intact();
}
