//! Secrets in JSON.

use crate::corpus::{honest, honest_members, members, secrets};
use serde_json::{Value, json};
use wo_rules::secret::document::find_in_value;
use wo_rules::secret::false_alarm::{fingerprint, suspects};

/// Otherwise nobody knows what is to be taken out.
#[test]
fn the_pointer_leads_to_the_secret_and_shows_none() {
    for (kind, secret) in secrets() {
        let value = json!({"a/b": [{"c~d": 1}, {"text": secret}]});
        let found = find_in_value(&value);
        assert!(found.iter().any(|found| found.kind.name() == kind), "{secret}: {found:?}");
        for found in found {
            assert_eq!(found.pointer, "/a~1b/1/text");
            assert!(value.pointer(&found.pointer).and_then(Value::as_str).is_some());
        }
        let as_name = json!({"outer": {secret: null}});
        assert!(find_in_value(&as_name).iter().all(|found| found.pointer == "/outer"));
        assert!(!find_in_value(&as_name).is_empty());
    }
}

/// Otherwise a short password in JSON is stored, which nothing but its name gives away.
#[test]
fn members_that_are_called_secrets_are_found() {
    for value in members() {
        assert_eq!(find_in_value(&value).len(), 1, "{value}");
    }
}

/// Otherwise references, hashes and public keys cannot be stored.
#[test]
fn honest_documents_pass() {
    for value in honest_members() {
        assert_eq!(find_in_value(&value), [], "{value}");
    }
    for text in honest() {
        assert_eq!(
            find_in_value(&json!({"note": text, "list": [text], text.clone(): true})),
            [],
            "{text}"
        );
    }
}

/// Otherwise a release accepts nothing, or another value, or the same at another place.
#[test]
fn a_release_is_of_one_value_at_one_place() {
    let value = json!({"list": [{"part_token": "4711-AB"}]});
    let [found] = &find_in_value(&value)[..] else { panic!("{value}") };
    let [released] = &suspects("/list/0/part_token", "4711-AB").unwrap()[..] else { panic!() };
    assert_eq!(found, released);
    let print = fingerprint("work_order", "metadata", released);
    let [other] = &suspects("/list/0/part_token", "4711-AC").unwrap()[..] else { panic!() };
    let [elsewhere] = &suspects("/list/1/part_token", "4711-AB").unwrap()[..] else { panic!() };
    assert_ne!(print, fingerprint("work_order", "metadata", other));
    assert_ne!(print, fingerprint("work_order", "metadata", elsewhere));
    assert_ne!(print, fingerprint("work_order", "notes", released));
    assert_ne!(print, fingerprint("finding", "metadata", released));
    assert_eq!(suspects("/note", "4711-AB").unwrap_err().code, "no_false_alarm");
}
