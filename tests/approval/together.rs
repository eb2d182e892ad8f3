//! Signatures and the rest of the engine: every way in, one transaction, other gates.

use serde_json::json;
use wo_cluster_tests::{db_error, refused};

use crate::approval::firm::{Ask, Firm, ROOT, SERVICE, deed, patch};

#[test]
fn no_way_in_passes_by_a_missing_signature() {
    let firm = Firm::found();
    let order = firm.reach("completed");
    for sql in [
        format!("update wo.work_order set status = 'closed', reason = 'x' where wo_number = '{order}'"),
        format!(
            "with moved as (select 'closed' as state) update wo.work_order set status = state, reason = 'x'
             from moved where wo_number = '{order}'"
        ),
        format!("select wo.transition('{order}', 'closed', 'x')"),
        format!(
            "update wo.work_order set status = 'closed', regulatory = false, reason = 'x'
             where wo_number = '{order}'"
        ),
    ] {
        let tried = firm.with("versatile", |client| client.batch_execute(&sql));
        let refusal = db_error(tried);
        assert!(["23514", "42501"].contains(&refusal.code().code()), "{sql}: {refusal:?}");
        assert_eq!(firm.status(&order), "completed", "{sql}");
    }
    let many: String = firm.one(
        "versatile",
        &format!(
            "select error::text from wo.transition_many('[{{\"work_order\": \"{order}\",
                \"to_status\": \"closed\", \"reason\": \"x\"}}]')"
        ),
    );
    assert!(many.contains("approvals_missing"), "{many}");
    // Where the rules do not hold, nor does the superuser's own write.
    let raw = format!("update wo.work_order set status = 'closed' where wo_number = '{order}'");
    db_error(firm.with(ROOT, |root| root.batch_execute(&raw)));
    assert_eq!(firm.status(&order), "completed");
    firm.assert_intact();
}

/// What a savepoint takes back has not been signed, and what followed from it has not happened.
#[test]
fn a_signature_that_is_rolled_back_leaves_nothing_behind() {
    let firm = Firm::found();
    let order = firm.reach("completed");
    firm.approve("owner", &order, "system_owner", "completion");
    let last = Ask::approve(&order, "qa", "completion");
    let challenge = firm.request("qa", &last).unwrap();
    let signature = firm.signature("qa", &challenge.payload);
    let before = firm.everything();
    firm.acting("qa", |qa| {
        qa.batch_execute("savepoint s")?;
        let answer = challenge.answer(qa, &signature)?;
        assert_eq!(answer["status"], "closed");
        qa.batch_execute("rollback to s")
    })
    .unwrap();
    assert_eq!(firm.everything(), before);
    // The same transaction signs in earnest after all; the challenge was not used.
    firm.acting("qa", |qa| {
        qa.batch_execute("savepoint s")?;
        challenge.answer(qa, &signature)?;
        qa.batch_execute("rollback to s")?;
        let answer = challenge.answer(qa, &signature)?;
        assert_eq!(answer["status"], "closed");
        Ok(())
    })
    .unwrap();
    assert_eq!(firm.status(&order), "closed");
    assert_eq!(firm.states(&order), ["valid"; 4]);
    assert_eq!(firm.trail(&order, &["close"]).len(), 1);
    assert_eq!(firm.count("evidence"), 1);
    firm.assert_intact();
}

/// A service may collect several signatures in one transaction, each with its own token.
#[test]
fn two_people_sign_in_one_transaction_by_their_own_tokens() {
    let firm = Firm::found();
    let order = firm.reach("completed");
    let tokens = [firm.token("owner"), firm.token("qa")];
    firm.with(SERVICE, |service| {
        let mut both = service.transaction().unwrap();
        for (who, role, token) in [("owner", "system_owner", &tokens[0]), ("qa", "qa", &tokens[1])]
        {
            both.execute("select wo.authenticate($1)", &[token]).unwrap();
            let challenge = Ask::approve(&order, role, "completion").on(&mut both).unwrap();
            challenge.answer(&mut both, &firm.signature(who, &challenge.payload)).unwrap();
        }
        both.commit().unwrap();
    });
    assert_eq!(firm.status(&order), "closed");
    let signers: Vec<String> = firm.signatures(&order)[2..]
        .iter()
        .map(|one| one.split(' ').nth(3).unwrap().to_owned())
        .collect();
    assert_eq!(signers, ["owner", "qa"]);
    assert!(firm.trail(&order, &["close"])[0].starts_with("qa close"));
    firm.assert_intact();
}

/// Signatures are one gate of several: the last gate that opens takes the edge.
#[test]
fn an_edge_waits_for_its_parts_and_its_signatures_in_either_order() {
    for signed_first in [true, false] {
        let firm = Firm::found();
        let mut auto = deed("auto");
        auto["transitions"][2]["auto"] = json!(true);
        auto["transitions"][2]["guards"] = json!(["children_settled"]);
        firm.publish(&auto);
        let mut plain = deed("plain");
        plain["transitions"][1]["effects"] = json!([]);
        plain["transitions"][2].as_object_mut().unwrap().remove("approvals");
        plain["transitions"][2].as_object_mut().unwrap().remove("rejection");
        firm.publish(&plain);
        let master = firm.deed_in("auto", "");
        let child = firm.deed_in("plain", &format!(", master => '{master}'"));
        let sign = || {
            firm.approve("owner", &master, "system_owner", "plan");
            firm.approve("qa", &master, "qa", "result");
        };
        if signed_first {
            sign();
            assert_eq!(firm.status(&master), "review");
            firm.transition("planner", &child, "done");
        } else {
            firm.transition("planner", &child, "done");
            assert_eq!(firm.status(&master), "review");
            sign();
        }
        assert_eq!(firm.status(&master), "done", "signed first: {signed_first}");
        firm.assert_intact();
    }
}

/// A snapshot from before says nothing about what is signed now.
#[test]
fn a_signature_of_an_old_snapshot_sees_what_happened_since() {
    let firm = Firm::found();
    for level in ["repeatable read", "serializable"] {
        let order = firm.submitted();
        let challenge = firm.request("qa", &Ask::approve(&order, "qa", "plan")).unwrap();
        let signature = firm.signature("qa", &challenge.payload);
        let mut service = firm.database.connect(SERVICE);
        service.batch_execute(&format!("begin isolation level {level}")).unwrap();
        service.execute("select wo.authenticate($1)", &[&firm.token("qa")]).unwrap();
        service.batch_execute("select count(*) from wo.work_order").unwrap();
        firm.run("owner", &patch(&order, &json!({"title": "Another pump"})));
        let told = db_error(challenge.answer(&mut service, &signature));
        assert_eq!(told.code().code(), "40001", "{level}: {told:?}");
        service.batch_execute("rollback").unwrap();
        assert_eq!(firm.states(&order), [""; 0]);
    }
    firm.assert_intact();
}

/// A cost that is no number is a cost in doubt, and what is in doubt is signed.
#[test]
fn a_condition_that_cannot_be_judged_asks_for_the_signature() {
    let firm = Firm::found();
    firm.publish(&crate::approval::firm::deed_with(
        "special",
        json!([{"role": "qa", "meaning": "check", "when": "metadata.cost > 10000"}]),
    ));
    for cost in ["\"20000\"", "\"1\"", "[20000]", "{\"eur\": 20000}", "true"] {
        let order = firm.deed_in("special", &format!(", metadata => '{{\"cost\": {cost}}}'"));
        assert_eq!(firm.pending(&order), ["qa check finish 0/1"], "{cost}");
        firm.shut(&order, "done", &["qa check"]);
    }
    let free = firm.deed_in("special", ", metadata => '{\"costs\": 20000}'");
    assert_eq!(firm.pending(&free), [""; 0]);
}

/// The signer's own connection, without a token, signs nothing: two components, each time.
#[test]
fn a_login_without_a_token_signs_nothing() {
    let firm = Firm::found();
    let order = firm.submitted();
    let ask = Ask::approve(&order, "qa", "plan");
    refused(firm.with("qa", |qa| ask.on(qa)), "42501", "token_required");
    let challenge = firm.request("qa", &ask).unwrap();
    let signature = firm.signature("qa", &challenge.payload);
    refused(firm.with("qa", |qa| challenge.answer(qa, &signature)), "42501", "token_required");
    firm.sign("qa", &challenge).unwrap();
}
