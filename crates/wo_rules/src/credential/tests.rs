//! Credentials of steps, in memory.

#![allow(clippy::unwrap_used)]

use super::check_request;
use super::grant::{Algorithm, Claims, GrantKey, claims_of};
use super::usage::Usage;
use crate::job_plan::{
    Act, Attempt, Given, JobPlan, Performer, Progress, Recorded, Verdict, check, validate,
};
use crate::lifecycle::PrincipalKind;
use base64ct::{Base64UrlUnpadded, Encoding};
use serde_json::{Value, json};
use uuid::Uuid;

/// A work order of wim's with a plan; quinn is of QA.
struct Work {
    plan: JobPlan,
    recorded: Vec<Recorded>,
    under_way: bool,
}

impl Work {
    fn of(document: &Value) -> Self {
        let plan = validate(document, None).unwrap();
        Self { plan, recorded: Vec::new(), under_way: true }
    }

    fn trying<T>(
        &self,
        who: &str,
        step: &str,
        given: &Given<'_>,
        ask: impl FnOnce(&Attempt<'_>) -> T,
    ) -> T {
        let roles = if who == "quinn" { vec!["qa".to_owned()] } else { Vec::new() };
        let work = crate::job_plan::Work {
            id: "w",
            number: "WO-1",
            is_under_way: self.under_way,
            status: "in_progress",
            regulatory: true,
            assignee: Some("wim"),
            originator: None,
        };
        ask(&Attempt {
            work,
            plan: &self.plan,
            progress: &Progress::of(&self.plan, &self.recorded),
            recorded: &self.recorded,
            performer: Performer { id: who, kind: PrincipalKind::Person, roles: &roles },
            step,
            given,
        })
    }

    fn act(
        &mut self,
        act: Act,
        step: &str,
        given: Given<'_>,
    ) -> Result<Option<Verdict>, &'static str> {
        let judged = self.trying("wim", step, &given, |attempt| check(act, attempt));
        let judged = judged.map_err(|refusal| refusal.code)?;
        self.recorded.push(Recorded {
            id: self.recorded.len().to_string(),
            step: step.to_owned(),
            act,
            verdict: judged.verdict,
            concerns: judged.concerns,
            performed_by: "wim".to_owned(),
        });
        Ok(judged.verdict)
    }

    fn request(&self, who: &str, step: &str, name: &str) -> Result<String, &'static str> {
        let request = |attempt: &Attempt<'_>| check_request(attempt, name);
        self.trying(who, step, &Given::default(), request).map_err(|refusal| refusal.code)
    }
}

/// Otherwise a version that nobody was granted, or that is none, stands in the result; or none does; or nobody is
/// told that another version was used than the plan names.
#[test]
fn the_versions_of_credentials_are_reported_as_they_were_granted() {
    let document = json!({"name": "p", "credentials": {"key": "vault://kv/lab#password", "pin": "vault://kv/lab#pin?version=3"},
        "steps": [{"key": "d", "kind": "do", "instruction": "i", "credentials": ["key", "pin"]},
            {"key": "e", "kind": "do", "instruction": "i"}]});
    let both = ["key".to_owned(), "pin".to_owned()];
    let tried = |step: &str, reported: Option<Value>, granted: &[String]| {
        let reported = reported.map(|reported| reported.as_object().unwrap().clone());
        let usage = Usage { reported: reported.as_ref(), granted };
        Work::of(&document).act(Act::Result, step, Given { usage, ..Given::default() })
    };
    for (reported, granted, expected) in [
        (None, &both[..0], Ok(Some(Verdict::Pass))),
        (Some(json!({"key": 7, "pin": 3})), &both, Ok(Some(Verdict::Pass))),
        (Some(json!({"key": "7", "pin": null})), &both, Ok(Some(Verdict::Pass))),
        (Some(json!({"key": 7, "pin": 4})), &both, Ok(Some(Verdict::Warning))),
        (Some(json!({"key": 7})), &both, Err("credential_version_missing")),
        (None, &both[..1], Err("credential_version_missing")),
        (Some(json!({"key": 7})), &both[..0], Err("credential_not_granted")),
        (Some(json!({"key": 7, "pin": 3})), &both[..1], Err("credential_not_granted")),
        (Some(json!({"key": null})), &both[..0], Ok(Some(Verdict::Pass))),
        (Some(json!({"other": 1})), &both, Err("credential_unknown")),
    ] {
        assert_eq!(tried("d", reported.clone(), granted), expected, "{reported:?} {granted:?}");
    }
    for value in [
        json!("swordfish"),
        json!("latest"),
        json!(0),
        json!(-1),
        json!(1.5),
        json!("07"),
        json!({}),
        json!(""),
    ] {
        let reported = Some(json!({ "key": value, "pin": null }));
        assert_eq!(tried("d", reported, &both[..1]), Err("credential_version_invalid"));
    }
    assert_eq!(tried("e", Some(json!({"key": 1})), &[]), Err("credential_unknown"));
}

/// Otherwise a skip, a witness or a disposition brings a version on record that no result has.
#[test]
fn only_a_result_has_versions_of_credentials() {
    let document = json!({"name": "p", "credentials": {"key": "vault://kv/lab#password"},
        "steps": [{"key": "d", "kind": "do", "instruction": "i", "required": false, "credentials": ["key"]}]});
    let reported = json!({"key": 1});
    let usage = Usage { reported: reported.as_object(), granted: &["key".to_owned()] };
    let given = Given { usage, reason: Some("r"), ..Given::default() };
    assert_eq!(Work::of(&document).act(Act::Skip, "d", given), Err("step_value_invalid"));
}

/// Otherwise somebody who does not do the step, or does not do it yet, has its credential.
#[test]
fn a_credential_is_granted_to_the_one_who_does_the_step_now() {
    let document = json!({"name": "p", "credentials": {"key": "vault://kv/lab#password", "other": "gcp-sm://projects/p/secrets/s/versions/3"},
        "steps": [{"key": "a", "kind": "do", "instruction": "i", "credentials": ["key"]},
            {"key": "b", "kind": "do", "instruction": "i", "after": ["a"], "credentials": ["other"], "role": "qa"}]});
    let mut work = Work::of(&document);
    assert_eq!(work.request("wim", "a", "key").as_deref(), Ok("vault://kv/lab#password"));
    assert_eq!(work.request("wim", "a", "other").as_deref(), Err(&"credential_unknown"));
    assert_eq!(work.request("wim", "z", "key").as_deref(), Err(&"step_unknown"));
    assert_eq!(work.request("quinn", "a", "key").as_deref(), Err(&"role_missing"));
    assert_eq!(work.request("wim", "b", "other").as_deref(), Err(&"role_missing"));
    assert_eq!(work.request("quinn", "b", "other").as_deref(), Err(&"step_out_of_order"));
    work.act(Act::Result, "a", Given::default()).unwrap();
    assert_eq!(work.request("wim", "a", "key").as_deref(), Err(&"step_done_already"));
    let reference = "gcp-sm://projects/p/secrets/s/versions/3";
    assert_eq!(work.request("quinn", "b", "other").as_deref(), Ok(reference));
    work.under_way = false;
    assert_eq!(work.request("quinn", "b", "other").as_deref(), Err(&"work_not_under_way"));
}

fn claims() -> Claims {
    Claims {
        iss: "wo_core".to_owned(),
        aud: "vault".to_owned(),
        sub: "wim".to_owned(),
        jti: Uuid::nil(),
        tenant: Uuid::max(),
        work_order: "WO-1".to_owned(),
        step: "a".to_owned(),
        credential: "key".to_owned(),
        reference: "vault://kv/lab#password".to_owned(),
        iat: 1_700_000_000,
        nbf: 1_700_000_000,
        exp: 1_700_000_300,
    }
}

/// The key of RFC 8037, appendix A, as `openssl pkey` writes it; made of its 32 bytes.
fn ed25519() -> String {
    use ed25519_dalek::pkcs8::EncodePrivateKey;
    let seed =
        Base64UrlUnpadded::decode_vec("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A").unwrap();
    let key = ed25519_dalek::SigningKey::from_bytes(&seed.try_into().unwrap());
    key.to_pkcs8_pem(Default::default()).unwrap().to_string()
}

/// Otherwise the vault refuses every token, or takes one for what it does not say.
#[test]
fn a_token_is_a_jwt_that_the_public_key_verifies() {
    let key = GrantKey::read(&ed25519()).unwrap();
    assert_eq!(key.algorithm(), Algorithm::EdDsa);
    // RFC 8037, appendix A.3.
    assert_eq!(key.id(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
    let token = key.sign(&claims()).unwrap();
    let parts: Vec<&str> = token.split('.').collect();
    let read = |part: &str| -> Value {
        serde_json::from_slice(&Base64UrlUnpadded::decode_vec(part).unwrap()).unwrap()
    };
    assert_eq!(read(parts[0]), json!({"alg": "EdDSA", "typ": "JWT", "kid": key.id()}));
    assert_eq!(read(parts[1])["reference"], "vault://kv/lab#password");
    assert_eq!(claims_of(&token), Some(claims()));
    let public =
        Base64UrlUnpadded::decode_vec("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo").unwrap();
    let signature = Base64UrlUnpadded::decode_vec(parts[2]).unwrap();
    let message = format!("{}.{}", parts[0], parts[1]);
    assert!(crate::approval::payload::verify(&public, message.as_bytes(), &signature));
    for other in ["", "a.b", "a.b.c.d", &format!("{}.{}.x.y", parts[0], parts[1])] {
        assert_eq!(claims_of(other), None);
    }
}

/// Otherwise a provider that takes no EdDSA cannot be used.
#[test]
fn a_key_of_p_256_signs_with_es256() {
    use p256::ecdsa::signature::Verifier;
    use p256::pkcs8::EncodePrivateKey;
    let secret = p256::SecretKey::from_slice(&[7; 32]).unwrap();
    let key = GrantKey::read(&secret.to_pkcs8_pem(Default::default()).unwrap()).unwrap();
    assert_eq!(key.algorithm(), Algorithm::Es256);
    let token = key.sign(&claims()).unwrap();
    let (message, signature) = token.rsplit_once('.').unwrap();
    let signature = Base64UrlUnpadded::decode_vec(signature).unwrap();
    let signature = p256::ecdsa::Signature::from_slice(&signature).unwrap();
    let public = p256::ecdsa::VerifyingKey::from(secret.public_key());
    public.verify(message.as_bytes(), &signature).unwrap();
}

/// Otherwise an error shows the key.
#[test]
fn what_is_no_key_is_refused_without_a_word_of_it() {
    for text in ["", "swordfish", &ed25519().replace("PRIVATE KEY", "PUBLIC KEY"), &ed25519()[..60]]
    {
        let why = GrantKey::read(text).unwrap_err();
        assert_eq!(why, "the text is no private key of Ed25519 or P-256 in PKCS #8 PEM");
    }
    assert!(!format!("{:?}", GrantKey::read(&ed25519()).unwrap()).contains("private"));
}
