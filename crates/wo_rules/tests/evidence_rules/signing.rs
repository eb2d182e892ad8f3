//! Signatures that are good as mathematics and wrong here: over other content, by a key that could
//! not sign, by a delegate who might not.

use crate::forgery::{assert_named, pointers, problems_of};
use crate::sample::*;
use serde_json::{Value, json};
use wo_rules::approval::content::Covers;
use wo_rules::approval::payload::Payload;

#[test]
fn covered_content_changed_in_record_and_trail_contradicts_the_signatures() {
    let forged = |column: &str, covers: Covers| {
        let mut story = Story::begin();
        story.write("changed", "olga", None, true, &[("actual_hours", Some("3"))]);
        story.sign(&Signing { covers, ..Signing::of(1, "ann") });
        let is_held = story.values.contains_key(column);
        assert!(is_held, "{column}");
        story.write("changed", "olga", None, true, &[(column, Some("{\"type\": \"x\"}"))]);
        let mut package = story.package();
        package.section("children")[1]["waived"] = json!(false);
        problems_of(&package).into_iter().map(|problem| problem.pointer).collect::<Vec<_>>()
    };
    for column in ["title", "tags", "metadata", "estimated_hours"] {
        assert_eq!(forged(column, Covers::Plan), ["/sections/signatures/0/state"]);
    }
    assert_eq!(forged("actual_hours", Covers::Plan), [""; 0]);
    assert_eq!(forged("actual_hours", Covers::Result), ["/sections/signatures/0/state"]);
    assert_eq!(forged("created_at", Covers::Result), [""; 0]);
}

/// A signature that its own key made, over a payload that does not belong here.
fn pasted(alter: fn(&mut Payload)) -> Vec<String> {
    let mut story = Story::begin();
    story.sign(&Signing { alter, ..Signing::of(1, "ann") });
    let mut package = story.package();
    package.section("children")[1]["waived"] = json!(false);
    problems_of(&package).into_iter().map(|problem| problem.pointer).collect()
}

#[test]
fn a_signature_made_for_something_else_does_not_hold_here() {
    assert_eq!(pasted(|_| ()), [""; 0]);
    let payload = "/sections/signatures/0/payload";
    assert_eq!(pasted(|p| p.tenant_id = WORK_ORDER.to_owned()), [payload]);
    assert_eq!(pasted(|p| p.work_order_id = PART.to_owned()), [payload]);
    assert_eq!(pasted(|p| p.work_order = "WO-2".to_owned()), [payload]);
    assert_eq!(pasted(|p| p.version = 2), [payload]);
    assert_eq!(pasted(|p| p.expires_at = time(0)), ["/sections/signatures/0/signed_at"]);
    assert_eq!(pasted(|p| p.content_sha256 = "00".repeat(32)), ["/sections/signatures/0/state"]);
    assert_eq!(pasted(|p| p.nonce = "short".to_owned()), [payload]);
    // The key that made it is not the one that it names.
    let found = pasted(|p| p.key_id = wo_rules::approval::payload::key_id(&public_of("rob")));
    assert!(found.contains(&"/sections/signatures/0/public_key".to_owned()), "{found:?}");
}

#[test]
fn a_part_that_changed_since_contradicts_the_signature_that_covers_it() {
    let state = "/sections/signatures/3/state";
    assert_named(state, |forged| {
        forged.section("children")[0]["content_sha256_plan"] = json!("00".repeat(32));
    });
    assert_named(state, |forged| forged.section("children")[0]["wo_number"] = json!("WO-7"));
    assert_named(state, |forged| _ = forged.section("children").as_array_mut().unwrap().remove(0));
    assert_named("/sections/children/0/waived", |forged| {
        forged.section("children")[0]["waived"] = json!(true);
    });
    assert_named("/sections/children/2/id", |forged| {
        let children = forged.section("children").as_array_mut().unwrap();
        children.push(children[0].clone());
    });
}

#[test]
fn a_key_that_could_not_sign_then_is_found() {
    // The valid signature of number 4 is the first of ann.
    let signed_at = sample().section("signatures")[3]["signed_at"].clone();
    let pointer = "/sections/signatures/3/signed_at";
    let cases = [
        ("verified_at", json!(time(3_000))),
        ("verified_at", Value::Null),
        ("enrolled_at", json!(time(3_000))),
        ("expires_at", signed_at.clone()),
        ("expires_at", json!("-infinity")),
        ("revoked_at", json!(time(1))),
        ("revoked_at", signed_at.clone()),
        ("retired_at", json!(time(1))),
    ];
    for (column, value) in cases {
        assert_named(pointer, |forged| forged.section("signing_keys")[0][column] = value);
    }
    for (column, value) in [
        ("revoked_at", json!(time(3_000))),
        ("retired_at", json!(time(3_000))),
        ("expires_at", json!("infinity")),
        ("expires_at", Value::Null),
        ("verified_at", signed_at),
    ] {
        let found = pointers(|later| later.section("signing_keys")[0][column] = value);
        assert_eq!(found, [""; 0], "{column}");
    }
}

#[test]
fn a_key_that_is_another_or_anothers_is_found() {
    assert_named("/sections/signatures/3/public_key", |forged| {
        forged.section("signing_keys")[0]["public_key"] = json!(base64url(&public_of("rob")));
    });
    assert_named("/sections/signing_keys/0/key_id", |forged| {
        forged.section("signing_keys")[0]["public_key"] = json!(base64url(&public_of("rob")));
    });
    assert_named("/sections/signing_keys/0/public_key", |forged| {
        forged.section("signing_keys")[0]["public_key"] = json!(base64url(&[0; 32]));
    });
    assert_named("/sections/signatures/3/signer", |forged| {
        forged.section("signing_keys")[0]["principal"] = json!("rob");
    });
    assert_named("/sections/signatures/3/key_id", |forged| {
        _ = forged.section("signing_keys").as_array_mut().unwrap().remove(0);
    });
    assert_named("/sections/signing_keys/3/key_id", |forged| {
        let keys = forged.section("signing_keys").as_array_mut().unwrap();
        keys.push(keys[0].clone());
    });
    assert_named("/sections/signing_keys/0/revoked_at", |forged| {
        forged.section("signing_keys")[0]["revoked_at"] = json!("soon");
    });
    assert_named("/sections/signing_keys/0/name", |forged| {
        forged.section("principals")[0]["name"] = json!("Somebody Else");
    });
}

#[test]
fn a_delegation_that_does_not_carry_the_signature_is_found() {
    let pointer = "/sections/signatures/4/delegation_id";
    let cases = [
        ("id", json!(PART)),
        ("delegator", json!("rob")),
        ("delegate", json!("ann")),
        ("role", json!("qa")),
        ("meaning", json!("review")),
        ("lifecycle", json!("fleet_task")),
        ("starts_at", json!(time(3_000))),
        ("ends_at", json!(time(1))),
        ("revoked_at", json!(time(1))),
        ("parent_id", json!(DELEGATION)),
        ("parent_id", json!(PART)),
    ];
    for (column, value) in cases {
        assert_named(pointer, |forged| forged.section("delegations")[0][column] = value);
    }
    let through_another = |delegator: &str| {
        pointers(|chain| {
            let delegations = chain.section("delegations").as_array_mut().unwrap();
            let mut parent = delegations[0].clone();
            delegations[0]["parent_id"] = json!(PART);
            delegations[0]["delegator"] = json!("rob");
            parent["id"] = json!(PART);
            parent["delegate"] = json!("rob");
            parent["delegator"] = json!(delegator);
            delegations.push(parent);
        })
    };
    assert_eq!(through_another("mia"), [""; 0]);
    assert_eq!(through_another("olga"), [pointer]);
}

#[test]
fn the_people_named_are_those_who_signed() {
    assert_named("/sections/signatures/3/signer", |forged| {
        forged.section("principals")[0]["kind"] = json!("agent");
    });
    assert_named("/sections/signatures/3/signer", |forged| {
        _ = forged.section("principals").as_array_mut().unwrap().remove(0);
    });
    assert_named("/sections/signatures/4/on_behalf_of", |forged| {
        forged.section("principals")[2]["id"] = json!("zoe");
    });
    assert_named("/sections/signatures/4/on_behalf_of_name", |forged| {
        forged.section("principals")[2]["name"] = json!("Zoe");
    });
    assert_named("/sections/principals/5/id", |forged| {
        let principals = forged.section("principals").as_array_mut().unwrap();
        principals.push(principals[0].clone());
    });
    assert_named("/sections/principals/0/kind", |forged| {
        forged.section("principals")[0]["kind"] = json!("ghost");
    });
}

#[test]
fn a_waiver_that_nobody_signed_is_found() {
    let mut story = story();
    let waiver = json!({"approval_id": approval(4), "reason": "x"}).to_string();
    let name = format!("waiver:{PART}");
    story.write("child_waived", "ann", None, false, &[(&name, Some(&waiver))]);
    let found = problems_of(&story.package());
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].pointer, format!("/sections/child_records/{name}"));
}
