//! What changes between a request and its signature, or while the signature is being checked.

use postgres::{Client, Error};
use serde_json::Value;
use wo_cluster_tests::signing::{Ask, Challenge, Company, ROOT, SERVICE};
use wo_cluster_tests::{backend_pid, db_error, race, refused};

const LEVELS: [&str; 3] = ["read committed", "repeatable read", "serializable"];

/// A service's connection in a transaction of that level that has its snapshot and is somebody.
fn signer(company: &Company, who: &str, level: &str) -> Client {
    let mut client = company
        .database
        .connect_with(company.database.config(SERVICE).options("-c lock_timeout=50s"));
    client
        .batch_execute(&format!(
            "begin isolation level {level}; select wo.authenticate('{}');
             select count(*) from wo.work_order",
            company.token(who)
        ))
        .unwrap();
    client
}

/// Signs in a session of its own while `first`, whose transaction is open, holds what is needed;
/// when the signer waits, `first` runs that. What the signer was told, its commit included.
#[track_caller]
fn overtaken(
    company: &Company,
    first: &mut Client,
    end: &str,
    mut signer: Client,
    challenge: &Challenge,
    signature: &str,
) -> Result<Value, Error> {
    let pid = backend_pid(&mut signer);
    std::thread::scope(|scope| {
        let signing = scope.spawn(move || {
            let said = challenge.answer(&mut signer, signature)?;
            signer.batch_execute("commit").map(|()| said)
        });
        company.database.wait_until_blocked(pid);
        first.batch_execute(end).unwrap();
        signing.join().unwrap()
    })
}

/// Refused with that code; above READ COMMITTED, PostgreSQL's own 40001 will do.
#[track_caller]
fn refused_at(level: &str, tried: Result<Value, Error>, sqlstate: &str, code: &str) {
    let refusal = db_error(tried);
    let own = level != "read committed" && refusal.code().code() == "40001";
    if own {
        return;
    }
    assert_eq!(refusal.code().code(), sqlstate, "{level}: {refusal:?}");
    let detail: Value = serde_json::from_str(refusal.detail().unwrap()).unwrap();
    assert_eq!(detail["code"], code, "{level}: {refusal:?}");
}

fn approvals(company: &Company) -> i64 {
    company.one(ROOT, "select count(*) from wo.approval")
}

fn owner_asks(company: &Company) -> (String, Challenge, String) {
    let number = company.reach("pending_approval");
    let challenge =
        company.request("owner", &Ask::approve(&number, "system_owner", "plan")).unwrap();
    let signature = company.signature("owner", &challenge.payload);
    (number, challenge, signature)
}

fn revocation(company: &Company) -> String {
    let key_id: String = company.one(
        ROOT,
        "select key_id from wo.signing_key where principal = 'owner' and revoked_at is null",
    );
    format!("select wo.revoke_signing_key('{key_id}', 'laptop lost')")
}

#[test]
fn row_25_a_key_that_is_revoked_while_its_signature_is_in_flight_signs_nothing() {
    for level in LEVELS {
        let company = Company::found();
        let (_, challenge, signature) = owner_asks(&company);
        let signer = signer(&company, "owner", level);
        let mut revoking = company.database.connect("owner");
        revoking.batch_execute(&format!("begin; {}", revocation(&company))).unwrap();
        let tried = overtaken(&company, &mut revoking, "commit", signer, &challenge, &signature);
        refused_at(level, tried, "55000", "signing_key_missing");
        assert_eq!(approvals(&company), 0, "{level}");
        company.assert_intact();
    }
}

#[test]
fn row_25_a_key_that_was_revoked_after_the_signers_snapshot_signs_nothing() {
    for level in LEVELS {
        let company = Company::found();
        let (_, challenge, signature) = owner_asks(&company);
        let mut signer = signer(&company, "owner", level);
        company.run("owner", &revocation(&company));
        refused_at(
            level,
            challenge.answer(&mut signer, &signature),
            "55000",
            "signing_key_missing",
        );
        signer.batch_execute("rollback").unwrap();
        assert_eq!(approvals(&company), 0, "{level}");
    }
}

#[test]
fn row_25_a_revocation_waits_for_the_signature_that_was_first_and_leaves_it_valid() {
    let company = Company::found();
    let (number, challenge, signature) = owner_asks(&company);
    let mut signer = signer(&company, "owner", "read committed");
    challenge.answer(&mut signer, &signature).unwrap();
    let mut revoking = company.database.connect("owner");
    let (pid, revoke) = (backend_pid(&mut revoking), revocation(&company));
    std::thread::scope(|scope| {
        let revoked = scope.spawn(|| revoking.batch_execute(&revoke));
        company.database.wait_until_blocked(pid);
        signer.batch_execute("commit").unwrap();
        revoked.join().unwrap().unwrap();
    });
    assert_eq!(company.signature_states(&number), ["system_owner plan: valid"]);
    assert!(company.one::<bool>(
        ROOT,
        "select held.revoked_at > given.signed_at
         from wo.signing_key as held join wo.approval as given using (tenant_id, key_id)"
    ));
    company.assert_intact();
}

#[test]
fn row_25_a_revocation_that_is_rolled_back_stops_nobody() {
    let company = Company::found();
    let (number, challenge, signature) = owner_asks(&company);
    let signer = signer(&company, "owner", "read committed");
    let mut revoking = company.database.connect("owner");
    revoking.batch_execute(&format!("begin; {}", revocation(&company))).unwrap();
    overtaken(&company, &mut revoking, "rollback", signer, &challenge, &signature).unwrap();
    assert_eq!(company.signature_states(&number), ["system_owner plan: valid"]);
}

#[test]
fn row_18_a_record_that_changes_while_its_signature_is_in_flight_is_not_signed() {
    for level in LEVELS {
        for edit in [
            "update wo.work_order set title = 'Mend another', reason = 'because' where wo_number = '{}'",
            "select wo.transition('{}', 'draft', 'because')",
        ] {
            let company = Company::found();
            let (number, challenge, signature) = owner_asks(&company);
            let signer = signer(&company, "owner", level);
            let mut editing = company.database.connect("owner_2");
            editing.batch_execute(&format!("begin; {}", edit.replace("{}", &number))).unwrap();
            let tried = overtaken(&company, &mut editing, "commit", signer, &challenge, &signature);
            refused_at(level, tried, "40001", "record_changed");
            assert_eq!(approvals(&company), 0, "{level}: {edit}");
            company.assert_intact();
        }
    }
}

#[test]
fn row_18_a_record_that_changed_after_the_signers_snapshot_is_not_signed() {
    for level in LEVELS {
        let company = Company::found();
        let (number, challenge, signature) = owner_asks(&company);
        let mut signer = signer(&company, "owner", level);
        company.run(
            "planner",
            &format!("update wo.work_order set planned_start = '2026-12-01', reason = 'because' where wo_number = '{number}'"),
        );
        refused_at(level, challenge.answer(&mut signer, &signature), "40001", "record_changed");
        signer.batch_execute("rollback").unwrap();
        assert_eq!(approvals(&company), 0, "{level}");
    }
}

#[test]
fn row_28_an_edit_that_waits_for_a_signature_amends_it() {
    let company = Company::found();
    let (number, challenge, signature) = owner_asks(&company);
    let mut signer = signer(&company, "owner", "read committed");
    challenge.answer(&mut signer, &signature).unwrap();
    let mut editing = company.database.connect("planner");
    let pid = backend_pid(&mut editing);
    let edit = format!(
        "update wo.work_order set planned_start = '2026-12-01', reason = 'because' where wo_number = '{number}'"
    );
    std::thread::scope(|scope| {
        let edited = scope.spawn(|| editing.batch_execute(&edit));
        company.database.wait_until_blocked(pid);
        signer.batch_execute("commit").unwrap();
        edited.join().unwrap().unwrap();
    });
    assert_eq!(company.signature_states(&number), ["system_owner plan: amended"]);
    company.assert_intact();
}

#[test]
fn row_10_a_role_that_is_revoked_while_its_signature_waits_does_not_help() {
    for level in LEVELS {
        let company = Company::found();
        let (number, challenge, signature) = owner_asks(&company);
        let signer = signer(&company, "owner", level);
        // The editor takes the change back, so that nothing but the role stands in the way.
        let mut editing = company.database.connect("planner");
        editing
            .batch_execute(&format!(
                "begin; update wo.work_order set due_date = '2026-12-24', reason = 'because' where wo_number = '{number}'"
            ))
            .unwrap();
        company.administer("select wo.revoke_role('owner', 'system_owner')");
        let tried = overtaken(&company, &mut editing, "rollback", signer, &challenge, &signature);
        refused_at(level, tried, "42501", "role_missing");
        assert_eq!(approvals(&company), 0, "{level}");
    }
}

#[test]
fn row_10_a_role_that_was_revoked_after_the_request_does_not_help() {
    let company = Company::found();
    let (_, challenge, _) = owner_asks(&company);
    company.administer("select wo.revoke_role('owner', 'system_owner')");
    refused(company.sign("owner", &challenge), "42501", "role_missing");
    company.administer(
        "select wo.grant_role('owner', 'system_owner'); select wo.disable_principal('owner')",
    );
    refused(company.sign("owner", &challenge), "42501", "principal_disabled");
    assert_eq!(approvals(&company), 0);
}

#[test]
fn row_23_of_two_roles_that_one_person_signs_at_once_one_is_signed() {
    for _ in 0..5 {
        let company = Company::found();
        let number = company.reach("pending_approval");
        let both = ["system_owner", "qa"].map(|role| {
            let ask = Ask::approve(&number, role, "plan");
            let challenge = company.request("versatile", &ask).unwrap();
            let signature = company.signature("versatile", &challenge.payload);
            (challenge, signature)
        });
        let clients =
            both.iter().map(|_| signer(&company, "versatile", "read committed")).collect();
        let results = race(clients, |racer, client: &mut Client| {
            let (challenge, signature) = &both[racer];
            let said = challenge.answer(client, signature)?;
            client.batch_execute("commit").map(|()| said)
        });
        let (signed, others): (Vec<_>, Vec<_>) = results.into_iter().partition(Result::is_ok);
        assert_eq!(signed.len(), 1, "{others:?}");
        for other in others {
            refused(other, "23514", "signer_has_signed");
        }
        assert_eq!(approvals(&company), 1);
        company.assert_intact();
    }
}

#[test]
fn row_23_who_signs_while_being_assigned_does_not_do_both() {
    let company = Company::found();
    let (number, challenge, signature) = owner_asks(&company);
    let assign = format!(
        "update wo.work_order set assignee = 'owner', reason = 'because' where wo_number = '{number}'"
    );

    let first = signer(&company, "owner", "read committed");
    let mut assigning = company.database.connect("planner");
    assigning.batch_execute(&format!("begin; {assign}")).unwrap();
    let tried = overtaken(&company, &mut assigning, "rollback", first, &challenge, &signature);
    tried.unwrap();

    let mut assigning = company.database.connect("planner");
    refused(assigning.batch_execute(&assign), "23514", "assignee_has_signed");

    let company = Company::found();
    let (number, challenge, signature) = owner_asks(&company);
    let assign = format!(
        "update wo.work_order set assignee = 'owner', reason = 'because' where wo_number = '{number}'"
    );
    let mut signer = signer(&company, "owner", "read committed");
    challenge.answer(&mut signer, &signature).unwrap();
    let mut assigning = company.database.connect("planner");
    let pid = backend_pid(&mut assigning);
    let tried = std::thread::scope(|scope| {
        let assigned = scope.spawn(|| assigning.batch_execute(&assign));
        company.database.wait_until_blocked(pid);
        signer.batch_execute("commit").unwrap();
        assigned.join().unwrap()
    });
    refused(tried, "23514", "assignee_has_signed");
}

#[test]
fn row_18_a_record_that_was_closed_meanwhile_takes_no_more_signatures() {
    let company = Company::found();
    let number = company.reach("completed");
    let ask = Ask::approve(&number, "system_owner", "completion");
    let late = company.request("owner_2", &ask).unwrap();
    company.sign_both(&number, "completion");
    assert_eq!(company.status(&number), "closed");
    let refusal = db_error(company.sign("owner_2", &late));
    assert!(["40001", "55000"].contains(&refusal.code().code()), "{refusal:?}");
    assert_eq!(approvals(&company), 4);
    company.assert_intact();
}

#[test]
fn row_18_the_last_two_signatures_at_once_close_the_record_once() {
    for _ in 0..5 {
        let company = Company::found();
        let number = company.reach("completed");
        let both = [("owner", "system_owner"), ("qa", "qa")].map(|(who, role)| {
            let ask = Ask::approve(&number, role, "completion");
            let challenge = company.request(who, &ask).unwrap();
            let signature = company.signature(who, &challenge.payload);
            (challenge, signature)
        });
        let clients = ["owner", "qa"]
            .map(|who| signer(&company, who, "read committed"))
            .into_iter()
            .collect();
        let results = race(clients, |racer, client: &mut Client| {
            let (challenge, signature) = &both[racer];
            let said = challenge.answer(client, signature)?;
            client.batch_execute("commit").map(|()| said)
        });
        for result in results {
            result.unwrap();
        }
        assert_eq!(company.status(&number), "closed");
        let closed = format!(
            "select count(*) from wo.audit_entry where subject_id = '{}' and to_status = 'closed'",
            company.id(&number)
        );
        assert_eq!(company.one::<i64>(ROOT, &closed), 1);
        company.assert_intact();
    }
}
