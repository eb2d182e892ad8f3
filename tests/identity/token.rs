//! Which tokens prove somebody, and that the others prove nothing.

use chrono::{TimeDelta, Utc};
use jwt_compact::alg::{Hs256, Hs256Key};
use jwt_compact::{AlgorithmExt, Claims, Header};
use postgres::Client;
use serde_json::{Value, json};
use uuid::Uuid;
use wo_cluster_tests::{ISSUER, refused};

use crate::identity::harness::{
    World, acting, assert_nobody, authenticate, claims_of, count, create, header, sign, unsigned,
    whoami,
};

/// Refused with 42501 and this code; nobody is acting then, neither in this transaction nor later,
/// and whoever was acting before still is.
#[track_caller]
fn binds_nothing(world: &World<'_>, what: &str, token: &str, code: &str) -> Value {
    let mut client = world.svc();
    let detail = refuses(&mut client, token, code);
    assert_nobody(&mut client);
    client.batch_execute("begin; savepoint s").unwrap();
    refuses(&mut client, token, code);
    client.batch_execute("rollback to s").unwrap();
    assert_eq!(acting(&mut client), None, "{what}");
    assert_eq!(count(&mut client, "wo.principal"), 0, "{what}");
    client.batch_execute("rollback").unwrap();

    let mut transaction = client.transaction().unwrap();
    authenticate(&mut transaction, &world.acme.token("bob"));
    transaction.batch_execute("savepoint s").unwrap();
    refused(transaction.execute("select wo.authenticate($1)", &[&token]), "42501", code);
    transaction.batch_execute("rollback to s").unwrap();
    assert_eq!(acting(&mut transaction).as_deref(), Some("bob"), "{what}");
    transaction.commit().unwrap();
    assert_eq!(acting(&mut client), None, "{what}");
    detail
}

#[track_caller]
fn refuses(client: &mut Client, token: &str, code: &str) -> Value {
    refused(client.execute("select wo.authenticate($1)", &[&token]), "42501", code)
}

#[test]
fn a_good_token_binds_its_subject_for_the_transaction_only() {
    let world = World::new();
    let mut client = world.svc();
    let request = world.acme.request("ann");
    let mut transaction = client.transaction().unwrap();
    let token = world.acme.signed(&request);
    let said: String =
        transaction.query_one("select wo.authenticate($1)", &[&token]).unwrap().get(0);
    assert_eq!(said, "ann");
    let who = whoami(&mut transaction);
    assert_eq!(who["tenant_id"], json!(world.acme.tenant.to_string()));
    assert_eq!(who["principal"], json!("ann"));
    assert_eq!(who["kind"], json!("person"));
    assert_eq!(who["login_role"], json!("svc"));
    assert_eq!(who["authenticated_by"], json!(format!("token:{}", request.id)));
    // A time as everywhere in JSON, and no number of seconds.
    let expires = request.expires_at.format("%Y-%m-%dT%H:%M:%S.000000Z").to_string();
    assert_eq!(who["expires_at"], json!(expires));
    assert_eq!(who["scope"], json!("transaction"));
    create(&mut transaction, "for one transaction");
    assert_eq!(count(&mut transaction, "wo.work_order"), 1);
    transaction.commit().unwrap();
    assert_nobody(&mut client);
}

#[test]
fn a_token_in_a_single_statement_is_over_when_the_statement_is() {
    let world = World::new();
    let mut client = world.svc();
    authenticate(&mut client, &world.acme.token("ann"));
    assert_nobody(&mut client);
}

#[test]
fn the_tenant_may_be_named_first_and_must_then_be_the_tokens_own() {
    let world = World::new();
    let mut client = world.svc();
    let token = world.acme.token("ann");
    let named = "select wo.authenticate($1, $2)";
    let said: String = client.query_one(named, &[&world.acme.tenant, &token]).unwrap().get(0);
    assert_eq!(said, "ann");
    for other in [world.globex.tenant, Uuid::nil(), Uuid::now_v7()] {
        refused(client.execute(named, &[&other, &token]), "42501", "token_wrong_tenant");
        assert_nobody(&mut client);
    }
}

#[test]
fn an_audience_may_be_one_of_several() {
    let world = World::new();
    let mut claims = claims_of(&world.acme, "ann");
    claims["aud"] = json!(["somebody else", "wo_core"]);
    let mut client = world.svc();
    authenticate(&mut client, &sign(&world.acme.key, &header(), &claims));
    claims["aud"] = json!(["somebody else", "wo_cor"]);
    let token = sign(&world.acme.key, &header(), &claims);
    binds_nothing(&world, "audience", &token, "token_wrong_audience");
}

#[test]
fn a_token_outside_its_times_is_refused() {
    let world = World::new();
    let mut expired = world.acme.request("ann");
    expired.expires_at = Utc::now() - TimeDelta::seconds(1);
    binds_nothing(&world, "expired", &world.acme.signed(&expired), "token_expired");
    let mut early = world.acme.request("ann");
    early.not_before = Utc::now() + TimeDelta::minutes(5);
    binds_nothing(&world, "early", &world.acme.signed(&early), "token_not_yet_valid");
}

#[test]
fn a_token_without_an_end_or_with_an_impossible_one_is_refused() {
    let world = World::new();
    let mut claims = claims_of(&world.acme, "ann");
    claims.as_object_mut().unwrap().remove("exp");
    let token = sign(&world.acme.key, &header(), &claims);
    binds_nothing(&world, "no exp", &token, "token_malformed");
    for exp in [json!(null), json!("tomorrow"), json!(1e300), json!(u64::MAX), json!([1])] {
        claims["exp"] = exp.clone();
        let token = sign(&world.acme.key, &header(), &claims);
        binds_nothing(&world, &exp.to_string(), &token, "token_malformed");
    }
    claims["exp"] = json!(-1);
    let token = sign(&world.acme.key, &header(), &claims);
    binds_nothing(&world, "before 1970", &token, "token_expired");
}

#[test]
fn a_token_for_somebody_else_is_refused() {
    let world = World::new();
    let mut other = world.acme.request("ann");
    other.audience = "payroll".into();
    binds_nothing(&world, "audience", &world.acme.signed(&other), "token_wrong_audience");
    other = world.acme.request("ann");
    other.audience = String::new();
    binds_nothing(&world, "no audience", &world.acme.signed(&other), "token_wrong_audience");
}

#[test]
fn an_issuer_or_key_that_the_tenant_does_not_trust_is_refused() {
    let world = World::new();
    let unknown = "token_unknown_issuer";
    let mut request = world.acme.request("ann");
    request.issuer = "https://evil.example".into();
    binds_nothing(&world, "issuer", &world.acme.signed(&request), unknown);
    request = world.acme.request("ann");
    request.key_id = "k2".into();
    binds_nothing(&world, "key id", &world.acme.signed(&request), unknown);
    request = world.acme.request("ann");
    request.tenant = Uuid::now_v7();
    binds_nothing(&world, "no such tenant", &world.acme.signed(&request), unknown);
    world.administer("acme", &format!("select wo.distrust_issuer('{ISSUER}', 'k1')"));
    let mut client = world.svc();
    refuses(&mut client, &world.acme.token("ann"), unknown);
    assert_nobody(&mut client);
    authenticate(&mut client, &world.globex.token("gus"));
}

#[test]
fn a_token_that_one_tenants_issuer_signs_is_worth_nothing_in_another() {
    let world = World::new();
    let mut request = world.globex.request("gus");
    request.tenant = world.acme.tenant;
    let token = world.globex.signed(&request);
    binds_nothing(&world, "globex's key", &token, "token_bad_signature");
    request.subject = "ann".into();
    let token = world.globex.signed(&request);
    binds_nothing(&world, "globex's key", &token, "token_bad_signature");
}

#[test]
fn a_subject_who_may_not_act_is_refused() {
    let world = World::new();
    for stranger in ["nobody", "gus", "Ann", "ann ", "", "ann\u{0}"] {
        binds_nothing(&world, stranger, &world.acme.token(stranger), "principal_unknown");
    }
    world.administer("acme", "select wo.disable_principal('ann')");
    binds_nothing(&world, "disabled", &world.acme.token("ann"), "principal_disabled");
    world.administer("acme", "select wo.enable_principal('ann')");
    authenticate(&mut world.svc(), &world.acme.token("ann"));
}

#[test]
fn nobody_of_a_disabled_tenant_may_act() {
    let world = World::new();
    world.administer("acme", "update wo.tenant set disabled_at = now()");
    let mut client = world.svc();
    let refusal = refused(
        client.execute("select wo.authenticate($1)", &[&world.acme.token("ann")]),
        "42501",
        "tenant_disabled",
    );
    assert!(!refusal.to_string().contains("globex"), "{refusal}");
    assert_nobody(&mut client);
    assert_nobody(&mut world.db.connect("ada"));
    authenticate(&mut client, &world.globex.token("gus"));
}

#[test]
fn only_eddsa_is_accepted_as_the_algorithm() {
    let world = World::new();
    let wrong = "token_wrong_algorithm";
    let claims = claims_of(&world.acme, "ann");
    for none in ["none", "None", "NONE", "nOnE", ""] {
        let header = json!({ "alg": none, "typ": "JWT", "kid": "k1" });
        binds_nothing(&world, none, &format!("{}.", unsigned(&header, &claims)), wrong);
        binds_nothing(&world, none, &sign(&world.acme.key, &header, &claims), wrong);
    }
    for other in ["HS256", "HS512", "RS256", "ES256", "Ed448", "eddsa"] {
        let header = json!({ "alg": other, "typ": "JWT", "kid": "k1" });
        binds_nothing(&world, other, &sign(&world.acme.key, &header, &claims), wrong);
    }
}

#[test]
fn the_public_key_is_no_shared_secret() {
    let world = World::new();
    let public = world.acme.key.verifying_key();
    let mut named: Claims<Value> = serde_json::from_value(claims_of(&world.acme, "ann")).unwrap();
    named.not_before = None;
    let secrets: [Vec<u8>; 3] = [
        public.to_bytes().to_vec(),
        wo_cli::public_key(&public).into_bytes(),
        public.to_bytes().iter().map(|b| format!("{b:02x}")).collect::<String>().into_bytes(),
    ];
    for secret in secrets {
        let header = Header::empty().with_key_id("k1").with_token_type("JWT");
        let token = Hs256.token(&header, &named, &Hs256Key::new(&secret)).unwrap();
        binds_nothing(&world, "HS256", &token, "token_wrong_algorithm");
        // The same bytes, said to be EdDSA.
        let signature = token.rsplit_once('.').unwrap().1;
        let relabelled =
            unsigned(&crate::identity::harness::header(), &claims_of(&world.acme, "ann"));
        let token = format!("{relabelled}.{signature}");
        let code = world_code(&world, &token);
        assert!(["token_bad_signature", "token_malformed"].contains(&code.as_str()), "{code}");
    }
}

fn world_code(world: &World<'_>, token: &str) -> String {
    let mut client = world.svc();
    let refusal =
        wo_cluster_tests::db_error(client.execute("select wo.authenticate($1)", &[&token]));
    assert_eq!(refusal.code().code(), "42501", "{refusal:?}");
    assert_nobody(&mut client);
    let detail: Value = serde_json::from_str(refusal.detail().unwrap()).unwrap();
    detail["code"].as_str().unwrap().into()
}

#[test]
fn a_signature_of_another_key_or_of_other_claims_is_refused() {
    let world = World::new();
    let bad = "token_bad_signature";
    let claims = claims_of(&world.acme, "bob");
    let stranger = wo_cli::new_key().unwrap();
    binds_nothing(&world, "key", &sign(&stranger, &header(), &claims), bad);

    let honest = sign(&world.acme.key, &header(), &claims);
    let signature = honest.rsplit_once('.').unwrap().1;
    for (claim, value) in [
        ("sub", json!("ann")),
        ("exp", json!(claims["exp"].as_i64().unwrap() + 86_400)),
        ("jti", json!("another")),
    ] {
        let mut tampered = claims.clone();
        tampered[claim] = value;
        let token = format!("{}.{signature}", unsigned(&header(), &tampered));
        binds_nothing(&world, claim, &token, bad);
    }
    let mut other = header();
    other["typ"] = json!("at+jwt");
    let token = format!("{}.{signature}", unsigned(&other, &claims));
    binds_nothing(&world, "header", &token, bad);
    // The honest one was good all along.
    authenticate(&mut world.svc(), &honest);
}

#[test]
fn a_remembered_token_does_not_vouch_for_one_that_begins_alike() {
    let world = World::new();
    let mut client = world.svc();
    let honest = world.acme.token("bob");
    authenticate(&mut client, &honest);
    let (signed, signature) = honest.rsplit_once('.').unwrap();
    let flipped =
        format!("{}{}", if signature.starts_with('A') { 'B' } else { 'A' }, &signature[1..]);
    for forged in [format!("{signed}.{flipped}"), format!("{signed}.")] {
        let refusal =
            wo_cluster_tests::db_error(client.execute("select wo.authenticate($1)", &[&forged]));
        assert_eq!(refusal.code().code(), "42501", "{refusal:?}");
        assert_nobody(&mut client);
    }
    authenticate(&mut client, &honest);
}

#[test]
fn what_is_no_token_is_refused_whatever_its_size() {
    let world = World::new();
    let malformed = "token_malformed";
    let honest = world.acme.token("ann");
    for part in [1, 10, honest.len() / 2, honest.rfind('.').unwrap()] {
        binds_nothing(&world, "truncated", &honest[..part], malformed);
    }
    let million = 1 << 20;
    let mut claims = claims_of(&world.acme, "ann");
    claims["more"] = json!("x".repeat(million));
    binds_nothing(&world, "1 MB signed", &sign(&world.acme.key, &header(), &claims), malformed);
    binds_nothing(&world, "1 MB of x", &"x".repeat(million), malformed);
    binds_nothing(&world, "1 MB of dots", &".".repeat(million), malformed);
    binds_nothing(&world, "a tail", &format!("{honest}{}", "A".repeat(million)), malformed);
    for rubbish in ["", " ", "a.b.c", "..", "....", "null", "{}", "eyJ9.eyJ9.eyJ9", "ä.ö.ü"] {
        binds_nothing(&world, rubbish, rubbish, malformed);
    }
    let nested = format!("{}1{}", "[".repeat(3000), "]".repeat(3000));
    let nested = Value::String(nested);
    binds_nothing(&world, "nested", &sign(&world.acme.key, &nested, &claims), malformed);
    let mut client = world.svc();
    let null: Option<&str> = None;
    refused(client.execute("select wo.authenticate($1)", &[&null]), "42501", malformed);
    assert_nobody(&mut client);
}

#[test]
fn a_token_that_lacks_a_claim_is_refused() {
    let world = World::new();
    let malformed = "token_malformed";
    for claim in ["iss", "sub", "aud", "jti", "tenant", "exp"] {
        let mut claims = claims_of(&world.acme, "ann");
        claims.as_object_mut().unwrap().remove(claim);
        let token = sign(&world.acme.key, &header(), &claims);
        binds_nothing(&world, claim, &token, malformed);
        claims[claim] = json!({});
        let token = sign(&world.acme.key, &header(), &claims);
        binds_nothing(&world, claim, &token, malformed);
    }
    let mut anonymous = header();
    anonymous.as_object_mut().unwrap().remove("kid");
    let token = sign(&world.acme.key, &anonymous, &claims_of(&world.acme, "ann"));
    binds_nothing(&world, "kid", &token, malformed);
    let mut claims = claims_of(&world.acme, "ann");
    claims["tenant"] = json!("acme");
    binds_nothing(&world, "slug", &sign(&world.acme.key, &header(), &claims), malformed);
}

#[test]
fn a_claim_given_twice_does_not_say_two_things() {
    let world = World::new();
    let claims = claims_of(&world.acme, "bob").to_string();
    let twice = format!("{},\"sub\":\"ann\"}}", &claims[..claims.len() - 1]);
    use base64ct::{Base64UrlUnpadded as B64, Encoding};
    use ed25519_dalek::Signer;
    let signed = format!(
        "{}.{}",
        B64::encode_string(header().to_string().as_bytes()),
        B64::encode_string(twice.as_bytes())
    );
    let signature = world.acme.key.sign(signed.as_bytes()).to_bytes();
    let token = format!("{signed}.{}", B64::encode_string(&signature));
    binds_nothing(&world, "sub twice", &token, "token_malformed");
}

#[test]
fn a_remembered_token_is_refused_once_it_has_expired() {
    let world = World::new();
    let mut client = world.svc();
    let mut request = world.acme.request("ann");
    request.expires_at = Utc::now() + TimeDelta::seconds(3);
    let token = world.acme.signed(&request);
    authenticate(&mut client, &token);
    authenticate(&mut client, &token);
    let expires = request.expires_at.timestamp();
    world.db.wait_until(&format!("select clock_timestamp() >= to_timestamp({expires})"));
    refuses(&mut client, &token, "token_expired");
    assert_nobody(&mut client);
}

#[test]
fn a_remembered_token_is_refused_at_once_when_its_subject_is_disabled() {
    let world = World::new();
    let mut client = world.svc();
    let token = world.acme.token("ann");
    authenticate(&mut client, &token);
    world.administer("acme", "select wo.disable_principal('ann')");
    refuses(&mut client, &token, "principal_disabled");
    assert_nobody(&mut client);
    world.administer("acme", "select wo.enable_principal('ann')");
    authenticate(&mut client, &token);
}

#[test]
fn a_remembered_token_is_refused_at_once_when_its_issuer_is_distrusted() {
    let world = World::new();
    let mut client = world.svc();
    let token = world.acme.token("ann");
    authenticate(&mut client, &token);
    world.administer("acme", &format!("select wo.distrust_issuer('{ISSUER}', 'k1')"));
    refuses(&mut client, &token, "token_unknown_issuer");
    assert_nobody(&mut client);
}

#[test]
fn a_principal_disabled_after_it_authenticated_writes_nothing_more() {
    let world = World::new();
    let mut client = world.svc();
    for isolation in ["read committed", "repeatable read", "serializable"] {
        client.batch_execute(&format!("begin isolation level {isolation}")).unwrap();
        authenticate(&mut client, &world.acme.token("ann"));
        create(&mut client, "before");
        world.administer("acme", "select wo.disable_principal('ann')");
        let tried = client.query_one("select wo.create_work_order('after')", &[]);
        refused(tried, "42501", "principal_disabled");
        client.batch_execute("rollback").unwrap();
        world.administer("acme", "select wo.enable_principal('ann')");
    }
}
