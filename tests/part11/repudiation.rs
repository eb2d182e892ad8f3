//! Nobody signs as somebody else, and nobody alone approves their own work (11.200(a)(2–3)).

use serde_json::json;
use wo_cluster_tests::signing::{ADMIN, AGENT, Ask, Company, ROOT, full_name, signature};
use wo_cluster_tests::{db_error, refused};

use crate::part11::evidence::offline_problems;
use crate::part11::tamper::{behind_the_back, broken, tampered};

/// Lets somebody delegate for an hour; `more` are further arguments as SQL.
fn delegate(company: &Company, from: &str, to: &str, role: &str, more: &str) -> String {
    company.one(
        from,
        &format!(
            "select wo.delegate_approval('{to}', '{role}', now(), now() + interval '1 hour',
                'on leave'{more})::text"
        ),
    )
}

#[test]
fn row_23_a_superuser_alone_makes_no_valid_signature_of_anothers() {
    let company = Company::found();
    let number = company.reach("pending_approval");
    let challenge = company.request("owner", &Ask::approve(&number, "system_owner", "plan"));
    let challenge = challenge.unwrap();
    let own_key = wo_cli::new_key().unwrap();
    let forged = signature(&own_key, &challenge.payload);

    // By the functions: as nobody, and as an administrator of the tenant.
    for administer in ["", "select wo.administer('acme');"] {
        let tried = company.with(ROOT, |root| {
            root.batch_execute(&format!(
                "begin; {administer} select wo.sign('{}', '{forged}')",
                challenge.id
            ))
        });
        assert_eq!(db_error(tried).code().code(), "42501", "{administer}");
        company.run(ROOT, "rollback");
    }

    // Behind the back of the enforcement layer: the row of an honest signature, the signer exchanged, the
    // signature made anew with a key that they have.
    company.signed("owner", &Ask::approve(&number, "system_owner", "plan"));
    company.assert_intact();
    let payload: String = company.one(ROOT, "select payload from wo.approval");
    let payload = payload.replace("\"signer\":\"owner\"", "\"signer\":\"owner_2\"");
    let forged = signature(&own_key, &payload);
    let raw = hex::encode(
        <base64ct::Base64UrlUnpadded as base64ct::Encoding>::decode_vec(&forged).unwrap(),
    );
    let forge = format!(
        "update wo.approval set signer = 'owner_2', payload = '{payload}', signature = '\\x{raw}',
            key_id = (select key_id from wo.signing_key where principal = 'owner_2')"
    );
    let (found, offline) = tampered(
        &company,
        |transaction| behind_the_back(transaction, "wo.approval", &forge),
        |transaction| {
            let found = broken(transaction);
            let package = format!("select wo.evidence_package('{number}')");
            let package: String = transaction.query_one(&package, &[]).unwrap().get(0);
            (found, offline_problems(&package))
        },
    );
    assert!(found.iter().any(|one| one.1 == number), "{found:?}");
    assert!(!offline.is_empty());
}

#[test]
fn row_23_an_administrator_enrols_keys_in_sight_of_everybody() {
    let company = Company::found();
    let before: i64 = company.one(ROOT, "select count(*) from wo.audit_entry");
    company.enroll(ADMIN);
    let entries = company.rows(
        ROOT,
        &format!(
            "select coalesce(actor, login_role) from wo.audit_entry
             where subject = 'signing_key' and changes::text like '%\"{ADMIN}\"%'"
        ),
    );
    assert!(!entries.is_empty(), "the enrolment is not in the trail");
    assert!(company.one::<i64>(ROOT, "select count(*) from wo.audit_entry") > before);
    company.assert_intact();
}

#[test]
fn row_23_the_assignee_does_not_sign() {
    let company = Company::found();
    let number = company.reach("pending_approval");
    for (role, standing) in [("system_owner", "system_owner"), ("qa", "qa")] {
        company.administer(&format!("select wo.grant_role('worker', '{standing}')"));
        let asked = company.request("worker", &Ask::approve(&number, role, "plan"));
        refused(asked, "23514", "signer_is_assignee");
    }
    let reject = Ask::reject(&number, "qa", "plan", "I do not want to");
    refused(company.request("worker", &reject), "23514", "signer_is_assignee");
}

#[test]
fn row_23_who_becomes_the_assignee_in_flight_does_not_sign() {
    let company = Company::found();
    let number = company.reach("pending_approval");
    let ask = Ask::approve(&number, "system_owner", "plan");
    let challenge = company.request("owner", &ask).unwrap();
    let assign = format!(
        "update wo.work_order set assignee = 'owner', reason = 'because' where wo_number = '{number}'"
    );
    company.run("planner", &assign);
    assert!(company.sign("owner", &challenge).is_err());
    refused(company.request("owner", &ask), "23514", "signer_is_assignee");
    assert_eq!(company.one::<i64>(ROOT, "select count(*) from wo.approval"), 0);
}

#[test]
fn row_23_who_signed_is_not_assigned_afterwards() {
    let company = Company::found();
    let number = company.reach("pending_approval");
    company.signed("owner", &Ask::approve(&number, "system_owner", "plan"));
    let patch =
        format!("select wo.patch_work_order('{number}', '{{\"assignee\": \"owner\"}}', 'because')");
    let raw = format!(
        "update wo.work_order set assignee = 'owner', reason = 'because' where wo_number = '{number}'"
    );
    for assign in [&patch, &raw] {
        company.refused("planner", assign, "23514", "assignee_has_signed");
    }
    company.signed("qa", &Ask::approve(&number, "qa", "plan"));
    let along = format!(
        "select wo.transition('{number}', 'assigned', 'because', '{{\"assignee\": \"qa\"}}')"
    );
    company.refused("planner", &along, "23514", "assignee_has_signed");
    company.transition("planner", &number, "assigned");
    company.refused("planner", &raw, "23514", "assignee_has_signed");
}

#[test]
fn row_23_qa_does_not_sign_what_they_originated() {
    let company = Company::found();
    let number: String = company.one(
        "qa",
        "select wo.create_work_order('Mend the pump', description => 'It leaks.',
            assignee => 'worker', regulatory => true) ->> 'wo_number'",
    );
    company.transition("qa", &number, "pending_approval");
    let ask = Ask::approve(&number, "qa", "plan");
    refused(company.request("qa", &ask), "23514", "signer_is_originator");
    company.signed("qa_2", &ask);
}

#[test]
fn row_23_nobody_signs_two_roles() {
    let company = Company::found();
    let number = company.reach("pending_approval");
    let as_qa = Ask::approve(&number, "qa", "plan");
    let early = company.request("versatile", &as_qa).unwrap();
    company.signed("versatile", &Ask::approve(&number, "system_owner", "plan"));
    refused(company.request("versatile", &as_qa), "23514", "signer_has_signed");
    // Asked for before the other was signed.
    refused(company.sign("versatile", &early), "23514", "signer_has_signed");
    company.signed("qa", &as_qa);
    company.transition("planner", &number, "assigned");
}

#[test]
fn row_23_an_agent_does_not_sign() {
    let company = Company::found();
    let number = company.reach("pending_approval");
    let ask = Ask::approve(&number, "qa", "plan");
    refused(company.request(AGENT, &ask), "42501", "person_required");
    // Not even with a key, which it may not have.
    let _ = company.enroll_key(AGENT, &wo_cli::new_key().unwrap(), "'none'");
    refused(company.request(AGENT, &ask), "42501", "person_required");
}

#[test]
fn row_23_a_delegate_signs_as_themself_on_behalf_of_the_other() {
    let company = Company::found();
    let number = company.reach("pending_approval");
    delegate(&company, "owner", "worker_2", "system_owner", "");
    let ask = Ask::approve(&number, "system_owner", "plan").on_behalf_of("owner");
    let challenge = company.request("worker_2", &ask).unwrap();
    let said = challenge.said();
    assert_eq!(said["signer"], json!("worker_2"));
    assert_eq!(said["printed_name"], json!(full_name("worker_2")));
    assert_eq!(said["on_behalf_of"], json!("owner"));
    assert!(said["delegation_id"].is_string());
    // The other's key is the other's.
    let theirs = company.signature("owner", &challenge.payload);
    refused(company.hand_in("worker_2", &challenge, &theirs), "42501", "signature_invalid");
    company.sign("worker_2", &challenge).unwrap();

    let shown = &company.rows(
        "planner",
        &format!("select signer, printed_name, on_behalf_of, state from wo.signatures('{number}')"),
    )[0];
    let shown: Vec<String> = (0..4).map(|column| shown.get(column)).collect();
    assert_eq!(shown, ["worker_2", &full_name("worker_2"), "owner", "valid"]);
    let report: String = company.one("qa", &format!("select wo.evidence_report('{number}')"));
    assert!(report.contains(&full_name("worker_2")), "{report}");
    company.signed("qa", &Ask::approve(&number, "qa", "plan"));
    company.transition("planner", &number, "assigned");
    company.assert_intact();
}

#[test]
fn row_23_a_delegate_signs_nothing_without_a_delegation_in_force() {
    let company = Company::found();
    let number = company.reach("pending_approval");
    let ask = Ask::approve(&number, "system_owner", "plan").on_behalf_of("owner");
    let none = |why: &str| {
        println!("{why}");
        refused(company.request("worker_2", &ask), "42501", "role_missing");
    };
    none("nobody has delegated anything");
    delegate(&company, "owner", "originator", "system_owner", "");
    none("to somebody else");
    delegate(&company, "owner_2", "worker_2", "system_owner", "");
    none("by somebody else");
    delegate(&company, "owner", "worker_2", "system_owner", ", meaning => 'completion'");
    none("for another meaning");
    delegate(&company, "owner", "worker_2", "system_owner", ", lifecycle => 'agent_change'");
    none("for another lifecycle");
    company.run(
        "owner",
        "select wo.delegate_approval('worker_2', 'system_owner', now() + interval '1 day',
            now() + interval '2 days', 'on leave')",
    );
    none("from tomorrow on");
    let revoked = delegate(&company, "owner", "worker_2", "system_owner", "");
    let challenge = company.request("worker_2", &ask).unwrap();
    company.run("owner", &format!("select wo.revoke_delegation('{revoked}', 'back again')"));
    none("no longer");
    refused(company.sign("worker_2", &challenge), "42501", "role_missing");
    assert_eq!(company.one::<i64>(ROOT, "select count(*) from wo.approval"), 0);
}

#[test]
fn row_23_a_delegate_whose_principal_lost_the_role_signs_nothing() {
    let company = Company::found();
    let number = company.reach("pending_approval");
    let ask = Ask::approve(&number, "system_owner", "plan").on_behalf_of("owner");
    delegate(&company, "owner", "worker_2", "system_owner", "");
    let challenge = company.request("worker_2", &ask).unwrap();
    company.administer("select wo.revoke_role('owner', 'system_owner')");
    refused(company.sign("worker_2", &challenge), "42501", "role_missing");
    refused(company.request("worker_2", &ask), "42501", "role_missing");
    company.administer("select wo.grant_role('owner', 'system_owner')");
    company.administer("select wo.disable_principal('owner')");
    refused(company.request("worker_2", &ask), "42501", "role_missing");
}

#[test]
fn row_23_nobody_delegates_a_role_that_they_do_not_hold() {
    let company = Company::found();
    for (from, role) in [("stranger", "qa"), ("owner", "qa"), ("planner", "system_owner")] {
        let sql = format!(
            "select wo.delegate_approval('worker_2', '{role}', now(), now() + interval '1 hour', 'on leave')"
        );
        company.refused(from, &sql, "42501", "role_missing");
    }
    let forged = format!(
        "insert into wo.delegation (tenant_id, id, delegator, delegate, role, starts_at, ends_at, reason, created_at)
         values ('{}', gen_random_uuid(), 'owner', 'stranger', 'system_owner', now(), now() + interval '1 day', 'x', now())",
        company.tenant
    );
    for login in ["stranger", "owner", "planner"] {
        let tried = company.with(login, |client| client.batch_execute(&forged));
        assert_eq!(db_error(tried).code().code(), "42501", "{login}");
    }
}

#[test]
fn row_23_a_delegation_does_not_come_back_to_who_gave_it() {
    let company = Company::found();
    company.refused(
        "owner",
        "select wo.delegate_approval('owner', 'system_owner', now(), now() + interval '1 hour', 'x')",
        "23514",
        "delegation_loop",
    );
    let first = delegate(&company, "owner", "worker_2", "system_owner", "");
    let on = |from: &str, to: &str, parent: &str| {
        format!(
            "select wo.delegate_approval('{to}', 'system_owner', now(), now() + interval '30 minutes',
                'x', parent => '{parent}')::text -- by {from}"
        )
    };
    company.refused("worker_2", &on("worker_2", "owner", &first), "23514", "delegation_loop");
    let second: String = company.one("worker_2", &on("worker_2", "originator", &first));
    for back in ["owner", "worker_2", "originator"] {
        company.refused("originator", &on("originator", back, &second), "23514", "delegation_loop");
    }
    company.assert_intact();
}

#[test]
fn row_23_the_delegates_own_part_in_the_work_counts() {
    let company = Company::found();
    let number = company.reach("pending_approval");
    delegate(&company, "owner", "worker", "system_owner", "");
    let ask = Ask::approve(&number, "system_owner", "plan").on_behalf_of("owner");
    refused(company.request("worker", &ask), "23514", "signer_is_assignee");

    delegate(&company, "owner", "qa", "system_owner", "");
    company.signed("qa", &ask);
    refused(
        company.request("qa", &Ask::approve(&number, "qa", "plan")),
        "23514",
        "signer_has_signed",
    );

    let number: String = company.one(
        "planner",
        "select wo.create_work_order('Mend the pump', description => 'It leaks.',
            assignee => 'worker', regulatory => true) ->> 'wo_number'",
    );
    company.transition("planner", &number, "pending_approval");
    delegate(&company, "qa", "planner", "qa", "");
    let ask = Ask::approve(&number, "qa", "plan").on_behalf_of("qa");
    refused(company.request("planner", &ask), "23514", "signer_is_originator");
}

#[test]
fn row_23_the_part_of_the_one_who_delegated_counts_too() {
    let company = Company::found();
    let number = company.reach("pending_approval");
    // Who does the work does not have it approved by a friend.
    company.administer("select wo.grant_role('worker', 'system_owner')");
    delegate(&company, "worker", "worker_2", "system_owner", "");
    let ask = Ask::approve(&number, "system_owner", "plan").on_behalf_of("worker");
    refused(company.request("worker_2", &ask), "23514", "signer_is_assignee");

    // Nor does one person fill two roles with the help of another.
    company.signed("versatile", &Ask::approve(&number, "system_owner", "plan"));
    delegate(&company, "versatile", "worker_2", "qa", "");
    let ask = Ask::approve(&number, "qa", "plan").on_behalf_of("versatile");
    refused(company.request("worker_2", &ask), "23514", "signer_has_signed");

    // Nor is either of them given the work afterwards.
    let number = company.reach("pending_approval");
    delegate(&company, "owner", "worker_2", "system_owner", "");
    company
        .signed("worker_2", &Ask::approve(&number, "system_owner", "plan").on_behalf_of("owner"));
    for who in ["owner", "worker_2"] {
        let assign = format!(
            "update wo.work_order set assignee = '{who}', reason = 'because' where wo_number = '{number}'"
        );
        company.refused("planner", &assign, "23514", "assignee_has_signed");
    }
}

#[test]
fn row_23_nobody_withdraws_a_signature_of_anothers_or_of_a_step_that_was_taken() {
    let company = Company::found();
    let number = company.reach("pending_approval");
    company.signed("owner", &Ask::approve(&number, "system_owner", "plan"));
    let withdraw = "select wo.withdraw_signature(id, 'too early') from wo.approval
        where role = 'system_owner'";
    for other in ["owner_2", "qa", "planner", ADMIN, "stranger"] {
        let tried = company.acting(other, |acting| acting.batch_execute(withdraw));
        let refusal = db_error(tried);
        let code = refusal.code().code();
        assert!(["42501", "22023"].contains(&code), "{other}: {refusal:?}");
    }
    assert_eq!(company.signature_states(&number), ["system_owner plan: valid"]);
    company.signed("qa", &Ask::approve(&number, "qa", "plan"));
    company.transition("planner", &number, "assigned");
    let tried = company.acting("owner", |owner| owner.batch_execute(withdraw));
    assert_eq!(db_error(tried).code().code(), "55000");
    let valid = ["system_owner plan: valid", "qa plan: valid"];
    assert_eq!(company.signature_states(&number), valid);
}
