//! Keys of credentials, grants, and what vaults need.

use crate::support::*;

const TENANT: &str = "01890000-0000-7000-8000-000000000001";

/// Otherwise the server cannot read the key, or the vault not its public half.
#[test]
fn a_key_of_either_algorithm_is_private_and_its_public_half_is_pem() {
    for (algorithm, name) in [("EdDSA", "ED25519"), ("ES256", "prime256v1")] {
        let scratch = Scratch::new();
        let key = scratch.path("key.pem");
        let new = ["key", "new", "--for", "credential", "--algorithm", algorithm, "--out", &key];
        let made = wo(&new, b"");
        assert_eq!((made.code, made.err.as_str()), (0, ""), "{algorithm}");
        assert!(made.out.starts_with("-----BEGIN PUBLIC KEY-----\n"), "{}", made.out);
        assert!(read(&key).starts_with("-----BEGIN PRIVATE KEY-----\n"));
        assert_eq!(wo(&["key", "public", "--pem", &key], b"").out, made.out);
        let text = run("openssl", &["pkey", "-pubin", "-noout", "-text"], made.out.as_bytes());
        assert!(text.out.contains(name), "{text:?}", text = text.out);
        assert!(wo(&new, b"").refusal().contains("exists"));
    }
}

/// Otherwise a vault gives more than the one secret, to more than the one tenant, or for longer.
#[test]
fn a_policy_is_for_one_secret_of_one_tenant() {
    let policy =
        ["credential", "policy", "vault://plant/line-4/plc#password?version=3", "--tenant", TENANT];
    let printed = wo(&policy, b"");
    assert_eq!((printed.code, printed.err.as_str()), (0, ""));
    for text in [
        "path \"plant/data/line-4/plc\" {\n  capabilities = [\"read\"]",
        "path \"plant/metadata/line-4/plc\" {",
        "allowed_parameters = { \"disabled\" = [true] }",
        TENANT,
        "\"vault://plant/line-4/plc#password\"",
        "\"vault://plant/line-4/plc#password?version=*\"",
        "\"token_num_uses\": 3",
        "\"token_no_default_policy\": true",
        "\"user_claim\": \"jti\"",
    ] {
        assert!(printed.out.contains(text), "{text}\n{}", printed.out);
    }
    assert!(!printed.out.contains("auth enable"), "the login is set up once");
    // The same role, whatever the version; another one for another field or tenant.
    let name = |reference: &str, tenant: &str| {
        let text = wo(&["credential", "policy", reference, "--tenant", tenant, "--json"], b"").out;
        serde_json::from_str::<serde_json::Value>(&text).unwrap()["name"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let first = name("vault://plant/line-4/plc#password", TENANT);
    assert_eq!(first, name("vault://plant/line-4/plc#password?version=7", TENANT));
    assert_ne!(first, name("vault://plant/line-4/plc#user", TENANT));
    assert_ne!(
        first,
        name("vault://plant/line-4/plc#password", "01890000-0000-7000-8000-000000000002")
    );
    let google =
        ["credential", "policy", "gcp-sm://projects/p/secrets/s/versions/3", "--tenant", TENANT];
    let google = wo(&google, b"").out;
    assert!(google.contains("--role=roles/secretmanager.secretAccessor"), "{google}");
    assert!(
        google.contains(&format!("attribute.secret/{TENANT}/projects/p/secrets/s'")),
        "{google}"
    );
}

/// Otherwise a command line brings commands or patterns of its own into what an administrator runs.
#[test]
fn what_is_no_reference_and_no_name_is_refused() {
    let policy = |arguments: &[&str]| {
        wo(&[&["credential", "policy", "--tenant", TENANT], arguments].concat(), b"")
    };
    for arguments in [
        &["swordfish"][..],
        &["vault://a/b"],
        &["vault://a/b#c", "--step", "a'b"],
        &["vault://a/b#c", "--work-order", "*"],
        &["vault://a/b#c", "--step", ""],
    ] {
        let refused = policy(arguments);
        assert_eq!((refused.code, refused.out.as_str()), (2, ""), "{arguments:?}");
    }
    let scratch = Scratch::new();
    let key = scratch.file("key", "swordfish");
    let refused = policy(&["vault://a/b#c", "--public-key", &key]);
    assert!(refused.refusal().contains("no public key"));
}

/// Otherwise a script takes what is no grant for a refusal of the vault, or reads it on the terminal.
#[test]
fn what_is_no_grant_is_told_without_repeating_it() {
    for text in ["", "{}", "swordfish", r#"{"reference": "vault://a/b#c", "token": "swordfish"}"#] {
        let refused = wo(&["credential", "get"], text.as_bytes());
        assert_eq!((refused.code, refused.out.as_str()), (2, ""), "{text}");
        assert!(refused.err.contains("not what wo.request_credential returns"), "{}", refused.err);
        assert!(!refused.err.contains("swordfish"));
    }
    let help = wo(&["credential", "get", "--help"], b"").out;
    assert!(help.contains("with 2 if the vault cannot be asked"), "{help}");
}
