//! Conditions over the members of the metadata.

use crate::support::{Write, texts};
use serde_json::{Value, json};
use wo_rules::field::Field;
use wo_rules::lifecycle::*;

fn condition(text: &str) -> Condition {
    Condition::parse(text).unwrap_or_else(|problem| panic!("{text}: {problem}"))
}

fn met(text: &str, metadata: &str) -> bool {
    let condition = condition(text);
    condition.met_by(Scalar::member_of(metadata, condition.member().unwrap()).as_ref())
}

/// A small definition with one edge that a boss takes, to which these members are added.
fn definition(members: &Value) -> Value {
    let mut start = json!({ "action": "start", "from": ["open"], "to": "done", "who": ["boss"] });
    let added = members.as_object().unwrap().clone();
    start.as_object_mut().unwrap().extend(added);
    json!({
        "name": "small",
        "title": "Small",
        "roles": { "boss": "decides" },
        "priorities": ["low"],
        "default_priority": "low",
        "regulatory": { "allowed": false },
        "states": [{ "name": "open", "initial": true }, { "name": "done", "terminal": true }],
        "transitions": [start],
        "field_rights": { "boss": { "fields": ["title"] } }
    })
}

fn with(members: &Value) -> Lifecycle {
    validate(&definition(members), None).unwrap()
}

#[test]
fn a_condition_is_written_back_so_that_it_is_read_the_same() {
    for text in [
        "metadata.vendor",
        "metadata.type = install",
        "metadata.type != install",
        "metadata.cost > 10000",
        "metadata.cost <= -0.5",
        "metadata.urgent = true",
        "metadata.urgent != \"true\"",
        "metadata.code = \"0042\"",
        "metadata.code = \"\"",
        "metadata.site = \"two words\"",
        "metadata.site = \"it's \"quoted\"\"",
        "metadata.site = \"\"\"",
        "metadata.site = inf",
        "project = \"two words\"",
        "project = \"5\"",
        "project = Ülm-1.2:x",
    ] {
        assert_eq!(condition(text).to_string(), text);
        assert_eq!(condition(&condition(text).to_string()), condition(text));
    }
    for (text, canonical) in [
        (" metadata.cost>1e4 ", "metadata.cost > 10000"),
        ("metadata.type='install'", "metadata.type = install"),
        ("metadata.site = ' a '", "metadata.site = \" a \""),
    ] {
        assert_eq!(condition(text).to_string(), canonical);
        assert_eq!(condition(canonical), condition(text));
    }
}

#[test]
fn a_condition_on_a_member_is_one_on_the_metadata() {
    for text in ["metadata.type = install", "metadata.vendor"] {
        assert_eq!(condition(text).field(), Field::Metadata);
        assert_eq!(Need::parse(text).unwrap().field(), Field::Metadata);
    }
    assert_eq!(condition("metadata.vendor").member(), Some("vendor"));
    assert_eq!(condition("metadata.cost > 1").member(), Some("cost"));
    assert_eq!(condition("metadata").member(), None);
    assert_eq!(condition("title").member(), None);
}

#[test]
fn what_cannot_be_asked_of_a_member_is_refused() {
    let longest = format!("metadata.{}", "a".repeat(63));
    assert_eq!(condition(&longest).to_string(), longest);
    for text in [
        "metadata.",
        "metadata. type",
        "metadata.Type",
        "metadata.2nd",
        "metadata._x",
        "metadata.a-b",
        "metadata.a.b",
        "metadata.ä",
        "metadata..a = 1",
        "metadata.= 1",
        "metadata .type = install",
        "metadata = 1",
        "metadata.cost >",
        "metadata.cost =",
        "metadata.cost 5",
        "metadata.cost ! 5",
        "metadata.cost > many",
        "metadata.cost > \"5\"",
        "metadata.cost > inf",
        "metadata.cost < NaN",
        "metadata.urgent >= true",
        "metadata.site = two words",
        "metadata.site = \"",
        "title.x = 1",
        &format!("metadata.{}", "a".repeat(64)),
    ] {
        assert!(Condition::parse(text).is_err(), "{text}");
    }
    assert!(Need::parse("new metadata.type").is_err());
    assert!(Need::parse("new metadata").is_ok());
}

#[test]
fn every_kind_of_json_is_a_value_of_its_kind() {
    let metadata = r#"{
        "number": 10000.5, "text": "in\u0073tall", "flag": true, "list": [1, [2], {}],
        "object": {"number": 1}, "null": null, "vast": 1e400, "small": -1E400,
        "weiter": "Ü", "\u0065scaped": 1
    }"#;
    let of = |name: &str| Scalar::member_of(metadata, name);
    assert_eq!(of("number"), Some(Scalar::Number(10_000.5)));
    assert_eq!(of("text"), Some(Scalar::Text("install".into())));
    assert_eq!(of("flag"), Some(Scalar::Flag(true)));
    assert_eq!(of("list"), Some(Scalar::List(3)));
    assert_eq!(of("object"), Some(Scalar::Present));
    assert_eq!(of("null"), None);
    assert_eq!(of("absent"), None);
    assert_eq!(of("vast"), Some(Scalar::Number(f64::INFINITY)));
    assert_eq!(of("small"), Some(Scalar::Number(f64::NEG_INFINITY)));
    assert_eq!(of("escaped"), Some(Scalar::Number(1.0)));
    for no_object in ["", "null", "[]", "[{\"a\": 1}]", "5", "\"a\"", "{", "{\"a\": }"] {
        assert_eq!(Scalar::member_of(no_object, "a"), None, "{no_object}");
    }
}

#[test]
fn what_stands_beside_a_member_does_not_matter() {
    let deep = format!("{}{}", "[".repeat(5_000), "]".repeat(5_000));
    let digits = "9".repeat(1_000);
    let metadata = format!(r#"{{"deep": {deep}, "digits": {digits}, "cost": 20000}}"#);
    assert!(met("metadata.cost > 10000", &metadata));
    assert!(met("metadata.digits > 10000", &metadata));
}

#[test]
fn a_member_is_compared_within_its_kind_only() {
    for (text, metadata, holds) in [
        ("metadata.cost > 10000", r#"{"cost": 10000.01}"#, true),
        ("metadata.cost > 10000", r#"{"cost": 10000}"#, false),
        ("metadata.cost > 10000", r#"{"cost": "20000"}"#, false),
        ("metadata.cost != 5", r#"{"cost": "6"}"#, false),
        ("metadata.cost = 5", r#"{"cost": 5.0}"#, true),
        ("metadata.cost = \"5\"", r#"{"cost": 5}"#, false),
        ("metadata.type = install", r#"{"type": "install"}"#, true),
        ("metadata.type = install", r#"{"type": "Install"}"#, false),
        ("metadata.type != install", r#"{"type": "remove"}"#, true),
        ("metadata.type != install", r#"{"type": 5}"#, false),
        ("metadata.type != install", "{}", false),
        ("metadata.urgent = true", r#"{"urgent": true}"#, true),
        ("metadata.urgent = true", r#"{"urgent": "true"}"#, false),
        ("metadata.urgent = \"true\"", r#"{"urgent": "true"}"#, true),
        ("metadata.parts > 1", r#"{"parts": ["a", "b"]}"#, true),
        ("metadata.parts = 1", r#"{"parts": {"a": 1}}"#, false),
    ] {
        assert_eq!(met(text, metadata), holds, "{text} of {metadata}");
    }
}

#[test]
fn a_member_is_filled_as_a_field_is() {
    for (value, filled) in [
        ("\"ACME\"", true),
        ("\" \\n\"", false),
        ("0", true),
        ("true", true),
        ("false", false),
        ("[null]", true),
        ("[]", false),
        ("{}", true),
        ("null", false),
    ] {
        let metadata = format!(r#"{{"vendor": {value}}}"#);
        assert_eq!(met("metadata.vendor", &metadata), filled, "{value}");
    }
    assert!(!met("metadata.vendor", r#"{"Vendor": "ACME"}"#));
}

#[test]
fn an_edge_stays_shut_until_its_members_are_there() {
    let lifecycle = with(&json!({ "needs": ["title", "metadata.vendor", "metadata.cost > 0"] }));
    let write = Write::by(&lifecycle, &["boss"])
        .step("open", "done")
        .had(Field::Title, Scalar::Text("x".into()));
    for (metadata, unmet) in [
        ("{}", &["metadata.vendor", "metadata.cost > 0"][..]),
        (r#"{"vendor": "ACME", "cost": 0}"#, &["metadata.cost > 0"]),
        (r#"{"vendor": "", "cost": 1}"#, &["metadata.vendor"]),
    ] {
        let refusal = write.clone().had_metadata(metadata).refusal();
        assert_eq!((refusal.sqlstate.code(), refusal.code), ("23514", "fields_missing"));
        assert_eq!(texts(&refusal, "missing_fields"), ["metadata"]);
        assert_eq!(texts(&refusal, "conditions"), unmet);
    }
    assert_eq!(write.refusal().code, "fields_missing");
    assert_eq!(write.had_metadata(r#"{"vendor": "ACME", "cost": 1}"#).outcome(), "ok");
}

#[test]
fn a_signature_is_asked_for_by_what_the_metadata_says() {
    let outcome = |when: &str, metadata: &str| {
        let approval = json!({ "role": "boss", "meaning": "plan", "when": when });
        let lifecycle = with(&json!({ "approvals": [approval] }));
        let write = Write::by(&lifecycle, &["boss"]).step("open", "done");
        write.had_metadata(metadata).outcome()
    };
    for (when, metadata, required) in [
        ("metadata.cost > 10000", r#"{"cost": 10001}"#, true),
        ("metadata.cost > 10000", r#"{"cost": 10000}"#, false),
        ("metadata.cost > 10000", "{}", false),
        ("metadata.type = install", r#"{"type": "install"}"#, true),
        ("metadata.type = install", r#"{"type": "remove"}"#, false),
        ("metadata.type != install", r#"{"type": "install"}"#, false),
        ("metadata.type != install", r#"{"type": "remove"}"#, true),
        ("metadata.type != install", "{}", true),
        ("metadata.type != install", r#"{"type": null}"#, true),
        ("metadata.vendor", r#"{"vendor": "ACME"}"#, true),
        ("metadata.vendor", "{}", false),
    ] {
        let expected = if required { "23514 approvals_missing" } else { "ok" };
        assert_eq!(outcome(when, metadata), expected, "{when} of {metadata}");
    }
}

#[test]
fn a_signature_in_doubt_is_asked_for_without_any_metadata() {
    let approval = json!({ "role": "boss", "meaning": "plan", "when": "metadata.type != install" });
    let lifecycle = with(&json!({ "approvals": [approval] }));
    let write = Write::by(&lifecycle, &["boss"]).step("open", "done");
    assert_eq!(write.outcome(), "23514 approvals_missing");
}

#[test]
fn a_bad_condition_is_told_where_it_stands() {
    let document = definition(&json!({
        "needs": ["title", "metadata.Cost > 1", "metadata.cost > 1", "metadata.cost > 1"],
        "approvals": [{ "role": "boss", "meaning": "plan", "when": "metadata.cost > much" }]
    }));
    let problems = validate(&document, None).unwrap_err();
    let pointers: Vec<&str> = problems.iter().map(|problem| problem.pointer.as_str()).collect();
    assert_eq!(
        pointers,
        ["/transitions/0/needs/1", "/transitions/0/needs/3", "/transitions/0/approvals/0/when"]
    );
    for (problem, part) in problems.iter().zip(["\"Cost\" is no name", "already", "\"much\""]) {
        assert!(problem.problem.contains(part), "{}", problem.problem);
    }
}
