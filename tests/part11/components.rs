//! The two components of a signature, a fresh token and the signer's key, and that each signing
//! needs both (11.100, 11.200).

use chrono::TimeDelta;
use postgres::{Client, Error, SimpleQueryMessage};
use wo_cluster_tests::signing::{Ask, Challenge, Company, ROOT, SERVICE, signature};
use wo_cluster_tests::{PgBouncer, race, refused};

/// A transaction in which a token of that age, in seconds, is bound.
fn with_old_token(company: &Company, who: &str, age: i64, ask: &Ask) -> Result<Challenge, Error> {
    let mut request = company.token_request(who);
    request.issued_at -= TimeDelta::seconds(age);
    request.not_before = request.issued_at;
    let token = company.token_for(&request);
    let mut service = company.database.connect(SERVICE);
    let mut transaction = service.transaction().unwrap();
    transaction.execute("select wo.authenticate($1)", &[&token]).unwrap();
    let asked = ask.on(&mut transaction)?;
    transaction.commit()?;
    Ok(asked)
}

fn plan(company: &Company) -> Ask {
    Ask::approve(&company.reach("pending_approval"), "system_owner", "plan")
}

#[test]
fn row_20_there_is_no_signature_before_the_signers_identity_is_on_record() {
    let company = Company::found();
    company.hire("newcomer", &["system_owner"]);
    let key = wo_cli::new_key().unwrap();
    let key_id = company.enroll_key("newcomer", &key, "null").unwrap();
    let ask = plan(&company);
    refused(company.request("newcomer", &ask), "42501", "identity_not_verified");

    let verify = format!("select wo.record_identity_verification('{key_id}', 'passport seen')");
    for nobody in ["newcomer", "owner"] {
        let tried = company.with(nobody, |client| client.batch_execute(&verify));
        assert_eq!(wo_cluster_tests::db_error(tried).code().code(), "42501", "{nobody}");
    }
    refused(company.request("newcomer", &ask), "42501", "identity_not_verified");

    company.run("admin", &verify);
    company.signed("newcomer", &ask);
    let row = &company.rows(
        ROOT,
        &format!(
            "select verified_by, verification, verified_at <= (select min(signed_at) from wo.approval)
             from wo.signing_key where key_id = '{key_id}'"
        ),
    )[0];
    assert_eq!(row.get::<_, String>(0), "admin");
    assert_eq!(row.get::<_, String>(1), "passport seen");
    assert!(row.get::<_, bool>(2));
    company.assert_intact();
}

#[test]
fn row_21_the_login_alone_is_not_enough() {
    let company = Company::found();
    let ask = plan(&company);
    let asked = company.with("owner", |owner| ask.on(owner));
    refused(asked, "42501", "token_required");

    let challenge = company.request("owner", &ask).unwrap();
    let good = company.signature("owner", &challenge.payload);
    let tried = company.with("owner", |owner| challenge.answer(owner, &good));
    refused(tried, "42501", "token_required");
    assert_eq!(company.one::<i64>(ROOT, "select count(*) from wo.approval"), 0);
    // A refusal has not used the challenge up.
    company.hand_in("owner", &challenge, &good).unwrap();
}

#[test]
fn row_21_the_token_alone_is_not_enough() {
    let company = Company::found();
    let challenge = company.request("owner", &plan(&company)).unwrap();
    let other_key = signature(&company.key("qa"), &challenge.payload);
    let other_text = company.signature("owner", &challenge.payload.replace("plan", "plam"));
    let good = company.signature("owner", &challenge.payload);
    let random = format!("{}A", "z".repeat(85));
    for bad in [&other_key, &other_text, &random] {
        refused(company.hand_in("owner", &challenge, bad), "42501", "signature_invalid");
    }
    for bad in ["", "not base64 !", &good[1..], &format!("{good}A"), &format!("{good}{good}")] {
        refused(company.hand_in("owner", &challenge, bad), "22023", "signature_malformed");
    }
    assert_eq!(company.one::<i64>(ROOT, "select count(*) from wo.approval"), 0);
    company.hand_in("owner", &challenge, &good).unwrap();
}

#[test]
fn row_21_the_two_components_are_of_one_person() {
    let company = Company::found();
    let challenge = company.request("owner", &plan(&company)).unwrap();
    let good = company.signature("owner", &challenge.payload);
    // Another person of the same role, and one who has the stolen key besides.
    for other in ["owner_2", "versatile", "qa"] {
        refused(company.hand_in(other, &challenge, &good), "22023", "challenge_unknown");
        let own = company.signature(other, &challenge.payload);
        refused(company.hand_in(other, &challenge, &own), "22023", "challenge_unknown");
    }
    assert_eq!(company.one::<i64>(ROOT, "select count(*) from wo.approval"), 0);
}

#[test]
fn row_21_a_used_nonce_is_refused() {
    let company = Company::found();
    let ask = plan(&company);
    let challenge = company.request("owner", &ask).unwrap();
    company.sign("owner", &challenge).unwrap();
    refused(company.sign("owner", &challenge), "55000", "challenge_used");
    // Withdrawn, the signature does not come back by playing it again.
    let withdraw = "select wo.withdraw_signature(id::text::uuid, 'too early') from wo.approval";
    company.acting("owner", |owner| owner.batch_execute(withdraw)).unwrap();
    refused(company.sign("owner", &challenge), "55000", "challenge_used");

    let (again, another) =
        (company.request("owner", &ask).unwrap(), company.request("owner", &ask).unwrap());
    let nonces: Vec<_> =
        [&challenge, &again, &another].map(|one| one.said()["nonce"].clone()).into();
    assert_ne!(nonces[0], nonces[1]);
    assert_ne!(nonces[1], nonces[2]);
    let old = company.signature("owner", &challenge.payload);
    refused(company.hand_in("owner", &again, &old), "42501", "signature_invalid");
}

#[test]
fn row_21_of_two_who_use_one_challenge_at_once_one_signs() {
    let company = Company::found();
    let challenge = company.request("owner", &plan(&company)).unwrap();
    let good = company.signature("owner", &challenge.payload);
    let tokens: Vec<String> = (0..8).map(|_| company.token("owner")).collect();
    let clients = (0..8).map(|_| company.database.connect(SERVICE)).collect();
    let results = race(clients, |racer, client: &mut Client| {
        let mut transaction = client.transaction().unwrap();
        transaction.execute("select wo.authenticate($1)", &[&tokens[racer]]).unwrap();
        let signed = challenge.answer(&mut transaction, &good);
        match signed {
            Ok(said) => transaction.commit().map(|()| said),
            Err(error) => Err(error),
        }
    });
    let (signed, others): (Vec<_>, Vec<_>) = results.into_iter().partition(Result::is_ok);
    assert_eq!(signed.len(), 1);
    for other in others {
        refused(other, "55000", "challenge_used");
    }
    assert_eq!(company.one::<i64>(ROOT, "select count(*) from wo.approval"), 1);
    company.assert_intact();
}

#[test]
fn row_21_an_unknown_challenge_is_refused() {
    let company = Company::found();
    let mut challenge = company.request("owner", &plan(&company)).unwrap();
    challenge.id = uuid::Uuid::now_v7();
    refused(company.sign("owner", &challenge), "22023", "challenge_unknown");
}

#[test]
fn row_21_an_expired_challenge_is_refused() {
    let company = Company::found();
    let ask = plan(&company);
    company.run(
        ROOT,
        &format!(
            "alter role {SERVICE} in database {} set wo_core.challenge_lifetime = 1",
            company.database.name()
        ),
    );
    let mut hasty = company.database.connect(SERVICE);
    let mut transaction = hasty.transaction().unwrap();
    transaction.execute("select wo.authenticate($1)", &[&company.token("owner")]).unwrap();
    let challenge = ask.on(&mut transaction).unwrap();
    transaction.commit().unwrap();
    company
        .database
        .wait_until(&format!("select clock_timestamp() > '{}'::timestamptz", challenge.expires_at));
    refused(company.sign("owner", &challenge), "55000", "challenge_expired");
    assert_eq!(company.one::<i64>(ROOT, "select count(*) from wo.approval"), 0);
}

#[test]
fn row_22_a_token_that_is_too_old_is_refused() {
    let company = Company::found();
    let ask = plan(&company);
    refused(with_old_token(&company, "owner", 301, &ask), "42501", "token_too_old");
    let challenge = with_old_token(&company, "owner", 240, &ask).unwrap();

    let mut request = company.token_request("owner");
    request.issued_at -= TimeDelta::seconds(301);
    request.not_before = request.issued_at;
    let token = company.token_for(&request);
    let signature = company.signature("owner", &challenge.payload);
    company.with(SERVICE, |service| {
        let mut transaction = service.transaction().unwrap();
        transaction.execute("select wo.authenticate($1)", &[&token]).unwrap();
        let late = challenge.answer(&mut transaction, &signature);
        refused(late, "42501", "token_too_old");
    });
    company.hand_in("owner", &challenge, &signature).unwrap();
}

#[test]
fn row_22_nobody_but_a_dba_loosens_the_times() {
    let company = Company::found();
    for login in [SERVICE, "owner", "admin"] {
        for setting in ["signing_token_age", "challenge_lifetime"] {
            let loosen = format!("set wo_core.{setting} = 86400");
            let tried = company.with(login, |client| {
                // The library defines its settings when it is loaded.
                client.batch_execute("select wo.whoami()").unwrap();
                client.batch_execute(&loosen)
            });
            assert_eq!(wo_cluster_tests::db_error(tried).code().code(), "42501", "{login}");
        }
    }
}

#[test]
fn row_22_after_a_reconnect_all_components_are_asked_for_again() {
    let company = Company::found();
    let challenge = company.request("owner", &plan(&company)).unwrap();
    let good = company.signature("owner", &challenge.payload);
    for login in [SERVICE, "owner"] {
        let mut fresh = company.database.connect(login);
        let tried = challenge.answer(&mut fresh, &good);
        let expected = if login == SERVICE { "no_identity" } else { "token_required" };
        refused(tried, "42501", expected);
    }
    // The next transaction of a connection that was somebody's is nobody's.
    company.acting("owner", |acting| acting.batch_execute("select 1")).unwrap();
    let tried = company.with(SERVICE, |service| challenge.answer(service, &good));
    refused(tried, "42501", "no_identity");
    company.hand_in("owner", &challenge, &good).unwrap();
}

#[test]
fn row_22_an_identity_of_the_session_signs_nothing() {
    let company = Company::found();
    company.run(
        ROOT,
        &format!(
            "alter role {SERVICE} in database {} set wo_core.session_scope = on",
            company.database.name()
        ),
    );
    let ask = plan(&company);
    let challenge = company.request("owner", &ask).unwrap();
    let good = company.signature("owner", &challenge.payload);
    let mut session = company.database.connect(SERVICE);
    session.execute("select wo.authenticate_session($1)", &[&company.token("owner")]).unwrap();
    refused(ask.on(&mut session), "42501", "token_required");
    refused(challenge.answer(&mut session, &good), "42501", "token_required");
}

#[test]
fn row_22_the_next_user_of_a_pooled_connection_signs_nothing() {
    let company = Company::found();
    let challenge = company.request("owner", &plan(&company)).unwrap();
    let good = company.signature("owner", &challenge.payload);
    let pooler = PgBouncer::start(&company.database, "transaction", 1, &[SERVICE]);
    let (mut first, mut second) = (pooler.connect(SERVICE), pooler.connect(SERVICE));
    let backend = |client: &mut Client| {
        let messages = client.simple_query("select pg_backend_pid()").unwrap();
        let pid = messages.iter().find_map(|message| match message {
            SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
            _ => None,
        });
        pid.unwrap()
    };
    first
        .batch_execute(&format!("begin; select wo.authenticate('{}')", company.token("owner")))
        .unwrap();
    let pooled = backend(&mut first);
    first.batch_execute("commit").unwrap();
    assert_eq!(backend(&mut second), pooled);
    let sign = format!("select wo.sign('{}', '{good}')", challenge.id);
    refused(second.batch_execute(&sign), "42501", "no_identity");
    // With both components the same connection serves.
    second
        .batch_execute(&format!(
            "begin; select wo.authenticate('{}'); {sign}; commit",
            company.token("owner")
        ))
        .unwrap();
    assert_eq!(company.one::<i64>(ROOT, "select count(*) from wo.approval"), 1);
}
