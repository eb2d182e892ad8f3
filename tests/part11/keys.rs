//! Signing keys: whose they are, how long they hold, and what becomes of what they signed
//! (11.100, 11.300).

use wo_cluster_tests::signing::{Ask, Company, ROOT};
use wo_cluster_tests::{db_error, refused};

use crate::part11::evidence::offline_problems;

/// What was signed so far still verifies, in the database and outside it.
#[track_caller]
fn old_signatures_hold(company: &Company, number: &str) {
    for state in company.signature_states(number) {
        assert!(state.ends_with(": valid"), "{state}");
    }
    company.assert_intact();
    let package: String = company.one("qa", &format!("select wo.evidence_package('{number}')"));
    assert_eq!(offline_problems(&package), [""; 0]);
}

#[test]
fn row_19_a_public_key_is_never_enrolled_twice_even_after_its_retirement() {
    let company = Company::found();
    let key = company.key("owner");
    let key_id: String =
        company.one(ROOT, "select key_id from wo.signing_key where principal = 'owner'");
    let again = |who: &str| {
        let tried = company.enroll_key(who, &key, "'passport seen'");
        assert_eq!(db_error(tried).code().code(), "23505", "{who}");
    };
    for who in ["qa", "stranger", "owner"] {
        again(who);
    }
    company.run("admin", &format!("select wo.retire_signing_key('{key_id}')"));
    for who in ["qa", "stranger", "owner"] {
        again(who);
    }
    company.run("admin", &format!("select wo.revoke_signing_key('{key_id}', 'laptop lost')"));
    company.administer("select wo.disable_principal('owner')");
    for who in ["qa", "stranger", "owner"] {
        again(who);
    }
    assert_eq!(
        company.one::<i64>(
            ROOT,
            &format!("select count(*) from wo.signing_key where key_id = '{key_id}'")
        ),
        1
    );
    company.assert_intact();
}

#[test]
fn row_19_the_id_of_a_signer_is_never_given_to_another() {
    let company = Company::found();
    company.administer("select wo.disable_principal('owner')");
    let create = "select wo.create_principal('owner', name => 'Another Person')";
    let tried = company.administering(|admin| admin.batch_execute(create));
    assert_eq!(db_error(tried).code().code(), "23505");
    for write in [
        "delete from wo.principal where id = 'owner'",
        "update wo.principal set id = 'previous_owner' where id = 'owner'",
        "update wo.principal set id = 'owner' where id = 'stranger'",
        "update wo.signing_key set principal = 'stranger' where principal = 'owner'",
        "update wo.signing_key set public_key = decode(repeat('ab', 32), 'hex') where principal = 'owner'",
        "delete from wo.signing_key",
        "truncate wo.signing_key cascade",
    ] {
        let tried = company.administering(|admin| admin.batch_execute(write));
        assert_eq!(db_error(tried).code().code(), "42501", "{write}");
    }
    company.assert_intact();
}

#[test]
fn row_19_what_is_no_key_is_not_enrolled() {
    let company = Company::found();
    let small_order = "AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    let no_point = format!("Ag{}", "A".repeat(41));
    let zeros = "A".repeat(43);
    let enroll = |text: &str| {
        let enroll = format!("select wo.enroll_signing_key('stranger', '{text}', 'passport seen')");
        company.administering(|admin| admin.batch_execute(&enroll))
    };
    // What is no text of a key, no point of the curve, or a point that everything verifies with.
    let texts = ["", "x", "AAAA", &"_".repeat(43), &"A".repeat(86)];
    for bad in texts.into_iter().chain([small_order, &no_point, &zeros]) {
        let refusal = db_error(enroll(bad));
        assert_eq!(refusal.code().code(), "22023", "{bad}: {refusal:?}");
        let detail = refusal.detail().unwrap();
        assert!(detail.contains("\"public_key_invalid\""), "{bad}: {detail}");
    }
    let keys = "select count(*) from wo.signing_key where principal = 'stranger'";
    assert_eq!(company.one::<i64>(ROOT, keys), 0);
}

#[test]
fn row_24_an_expired_key_signs_no_more_and_what_it_signed_holds() {
    let company = Company::found();
    let number = company.reach("pending_approval");
    company.hire("guest", &["system_owner"]);
    let key = wo_cli::new_key().unwrap();
    company
        .enroll_key("guest", &key, "'passport seen', clock_timestamp() + interval '2 seconds'")
        .unwrap();
    let other = company.reach("pending_approval");
    company.signed("guest", &Ask::approve(&number, "system_owner", "plan"));
    let in_flight =
        company.request("guest", &Ask::approve(&other, "system_owner", "plan")).unwrap();
    company.database.wait_until(
        "select clock_timestamp() > expires_at from wo.signing_key where principal = 'guest'",
    );
    let detail = refused(
        company.request("guest", &Ask::approve(&other, "system_owner", "plan")),
        "55000",
        "signing_key_missing",
    );
    assert!(detail.to_string().contains("expired"), "{detail}");
    refused(company.sign("guest", &in_flight), "55000", "signing_key_missing");
    old_signatures_hold(&company, &number);
}

#[test]
fn row_24_a_retired_key_signs_no_more_and_what_it_signed_holds() {
    let company = Company::found();
    let number = company.reach("pending_approval");
    company.signed("owner", &Ask::approve(&number, "system_owner", "plan"));
    let other = company.reach("pending_approval");
    let ask = Ask::approve(&other, "system_owner", "plan");
    let in_flight = company.request("owner", &ask).unwrap();
    let old = company.key("owner");
    company.run(
        "admin",
        "select wo.retire_signing_key(key_id) from wo.signing_key where principal = 'owner'",
    );
    let detail = refused(company.request("owner", &ask), "55000", "signing_key_missing");
    assert!(detail.to_string().contains("retired"), "{detail}");
    refused(company.sign("owner", &in_flight), "55000", "signing_key_missing");
    old_signatures_hold(&company, &number);

    // The next key signs, and the old one does not sign in its place.
    company.enroll("owner");
    let challenge = company.request("owner", &ask).unwrap();
    let by_the_old = wo_cluster_tests::signing::signature(&old, &challenge.payload);
    refused(company.hand_in("owner", &challenge, &by_the_old), "42501", "signature_invalid");
    company.sign("owner", &challenge).unwrap();
    old_signatures_hold(&company, &number);
    old_signatures_hold(&company, &other);
}

#[test]
fn row_24_somebody_without_a_key_signs_nothing() {
    let company = Company::found();
    let number = company.reach("pending_approval");
    company.hire("keyless", &["system_owner"]);
    let asked = company.request("keyless", &Ask::approve(&number, "system_owner", "plan"));
    refused(asked, "55000", "signing_key_missing");
}

#[test]
fn row_25_a_lost_key_is_revoked_by_its_owner_at_once() {
    let company = Company::found();
    let number = company.reach("pending_approval");
    company.signed("owner", &Ask::approve(&number, "system_owner", "plan"));
    let other = company.reach("pending_approval");
    let ask = Ask::approve(&other, "system_owner", "plan");
    let in_flight = company.request("owner", &ask).unwrap();
    let key_id: String =
        company.one(ROOT, "select key_id from wo.signing_key where principal = 'owner'");
    let revoke = format!("select wo.revoke_signing_key('{key_id}', 'laptop lost')");
    for other in ["qa", "owner_2", "stranger"] {
        let tried = company.with(other, |client| client.batch_execute(&revoke));
        let code = db_error(tried).code().code().to_owned();
        assert!(["42501", "22023"].contains(&code.as_str()), "{other}: {code}");
    }
    company.run("owner", &revoke);
    refused(company.sign("owner", &in_flight), "55000", "signing_key_missing");
    let detail = refused(company.request("owner", &ask), "55000", "signing_key_missing");
    assert!(detail.to_string().contains("revoked"), "{detail}");

    let row = &company.rows(
        ROOT,
        &format!(
            "select held.revocation_reason, held.revoked_at > given.signed_at
             from wo.signing_key as held join wo.approval as given using (tenant_id, key_id)
             where key_id = '{key_id}'"
        ),
    )[0];
    assert_eq!(row.get::<_, String>(0), "laptop lost");
    assert!(row.get::<_, bool>(1));
    old_signatures_hold(&company, &number);
}

#[test]
fn row_25_a_key_is_not_revoked_without_a_reason_nor_brought_back() {
    let company = Company::found();
    let key_id: String =
        company.one(ROOT, "select key_id from wo.signing_key where principal = 'owner'");
    for reason in ["''", "' '", "null"] {
        let revoke = format!("select wo.revoke_signing_key('{key_id}', {reason})");
        let tried = company.with("owner", |owner| owner.query(&revoke, &[]));
        let revoked = "select count(*) from wo.signing_key where revoked_at is not null";
        assert_eq!(company.one::<i64>(ROOT, revoked), 0, "{reason}: {tried:?}");
    }
    company.run("owner", &format!("select wo.revoke_signing_key('{key_id}', 'laptop lost')"));
    for back in [
        "update wo.signing_key set revoked_at = null",
        "update wo.signing_key set revoked_at = null, revocation_reason = null",
        "update wo.signing_key set expires_at = expires_at + interval '1 year'",
    ] {
        let tried = company.administering(|admin| admin.batch_execute(back));
        assert_eq!(db_error(tried).code().code(), "42501", "{back}");
    }
    company.assert_intact();
}
