//! Definitions are released by change control: a regulatory work order names a version, its signatures cover that, and
//! its end releases it. New work uses released versions alone.

use serde_json::{Value, json};
use wo_cluster_tests::refused;
use wo_cluster_tests::signing::{Ask, Company, ROOT};
use wo_rules::evidence::verify::verify;

/// A company whose lifecycles are released by work orders, with a second version of `regulated_change` that waits.
fn waiting() -> Company {
    let company = Company::found();
    company.administer("select wo.set_definition_policy('lifecycle', 'work_order')");
    let mut definition = company.definition("regulated_change");
    definition["title"] = json!("Regulated change, second edition");
    company.publish(&definition);
    company
}

/// When that version was released, and by which work order.
fn release_of(company: &Company, version: i32) -> (bool, Option<String>) {
    let row = &company.rows(
        ROOT,
        &format!(
            "select known.released_at is not null, released.wo_number
             from wo.lifecycle as known
             left join wo.work_order as released on released.tenant_id = known.tenant_id
                and released.id = known.release_work_order
             where known.tenant_id = '{}' and known.name = 'regulated_change' and known.version = {version}",
            company.tenant
        ),
    )[0];
    (row.get(0), row.get(1))
}

fn add_item(number: &str, version: i32) -> String {
    format!("select wo.add_release_item('{number}', 'lifecycle', 'regulated_change', {version})")
}

fn lifecycle_version(company: &Company, number: &str) -> i32 {
    let sql = format!("select lifecycle_version from wo.work_order where wo_number = '{number}'");
    company.one(ROOT, &sql)
}

/// A version would be used that nobody approved; or the work order that approves it would do nothing.
#[test]
fn the_end_of_a_regulatory_work_order_releases_the_version_that_it_names() {
    let company = waiting();
    assert_eq!(release_of(&company, 2), (false, None));
    let number = company.create("Release the second edition");
    assert_eq!(lifecycle_version(&company, &number), 1, "new work uses the released version");
    company.run("originator", &add_item(&number, 2));
    company.transition("originator", &number, "pending_approval");
    company.sign_both(&number, "plan");
    company.transition("planner", &number, "assigned");
    company.transition("worker", &number, "in_progress");
    company.transition("worker", &number, "completed");
    assert_eq!(release_of(&company, 2), (false, None), "not before its end");
    company.sign_both(&number, "completion");
    assert_eq!(company.status(&number), "closed");
    assert_eq!(release_of(&company, 2), (true, Some(number.clone())));
    assert_eq!(lifecycle_version(&company, &company.create("After the release")), 2);
    company.assert_intact();

    let package: String = company.one("qa", &format!("select wo.evidence_package('{number}')"));
    let report = verify(package.as_bytes());
    assert!(report.intact, "{:?}", report.problems);
    assert!(package.contains("release_item:"), "the package has the item");
    let (intact, said) = super::another_verifier::verify(&package);
    assert!(intact, "{said}");
    let forged = package.replace(r#""version":2,"sha256""#, r#""version":3,"sha256""#);
    assert_ne!(forged, package);
    assert!(!verify(forged.as_bytes()).intact, "what was released is covered");
}

/// A version would be released that nobody signed for.
#[test]
fn an_end_without_a_signature_releases_nothing_and_is_refused() {
    let company = Company::found();
    let mut definition = company.definition("regulated_change");
    definition["name"] = json!("unsigned");
    for edge in definition["transitions"].as_array_mut().unwrap() {
        let edge = edge.as_object_mut().unwrap();
        edge.remove("approvals");
        edge.remove("rejection");
        edge.remove("auto");
        for (list, of_approvals) in
            [("guards", "plan_approvals_unamended"), ("effects", "void_approvals")]
        {
            if let Some(named) = edge.get_mut(list).and_then(Value::as_array_mut) {
                named.retain(|one| !one.as_str().unwrap().starts_with(of_approvals));
            }
        }
    }
    company.publish(&definition);
    company.administer("select wo.set_definition_policy('lifecycle', 'work_order')");
    let mut second = company.definition("regulated_change");
    second["title"] = json!("Second edition");
    company.publish(&second);
    let number: String = company.one(
        "originator",
        "select wo.create_work_order('Unsigned', description => 'd', assignee => 'worker', regulatory => true,
            lifecycle => 'unsigned') ->> 'wo_number'",
    );
    company.run("originator", &add_item(&number, 2));
    company.transition("originator", &number, "pending_approval");
    company.transition("planner", &number, "assigned");
    company.transition("worker", &number, "in_progress");
    company.transition("worker", &number, "completed");
    let close = format!("select wo.transition('{number}', 'closed', 'r')");
    let detail = company.refused("planner", &close, "23514", "release_refused");
    assert_eq!(detail["missing"], json!(["no signature of it is in force"]));
    assert_eq!(company.status(&number), "completed");
    company.assert_intact();
}

/// What is released could be exchanged after the signatures.
#[test]
fn an_item_that_is_added_or_removed_after_signing_amends_the_signatures() {
    let company = waiting();
    let number = company.create("Release the second edition");
    company.run("originator", &add_item(&number, 2));
    company.transition("originator", &number, "pending_approval");
    company.sign_both(&number, "plan");
    assert_eq!(company.signature_states(&number), ["system_owner plan: valid", "qa plan: valid"]);
    company.run(
        "owner",
        &format!("select wo.remove_release_item('{number}', 'lifecycle', 'regulated_change', 2)"),
    );
    assert_eq!(
        company.signature_states(&number),
        ["system_owner plan: amended", "qa plan: amended"]
    );
    let assign = format!("select wo.transition('{number}', 'assigned', 'r')");
    company.refused("planner", &assign, "23514", "approvals_missing");
    company.sign_both(&number, "plan");
    company.run("owner", &add_item(&number, 2));
    let states = company.signature_states(&number);
    assert!(states.iter().all(|state| state.ends_with("amended")), "{states:?}");
    company.assert_intact();
}

/// A challenge that was made before the item was added would sign what its signer never saw.
#[test]
fn a_challenge_from_before_an_item_was_added_signs_nothing() {
    let company = waiting();
    let number = company.create("Release the second edition");
    company.transition("originator", &number, "pending_approval");
    let challenge = company.request("qa", &Ask::approve(&number, "qa", "plan")).unwrap();
    company.run("owner", &add_item(&number, 2));
    refused(company.sign("qa", &challenge), "40001", "record_changed");
    company.signed("qa", &Ask::approve(&number, "qa", "plan"));
}

/// Raw SQL would release what change control has not.
#[test]
fn raw_writes_meet_the_same_checks() {
    let company = waiting();
    let number = company.reach("completed");
    let id = company.id(&number);
    let update = |set: &str| {
        format!("update wo.lifecycle set {set} where name = 'regulated_change' and version = 2")
    };
    let by_admin = |sql: &str, sqlstate: &str, code: &str| {
        refused(company.administering(|admin| admin.execute(sql, &[])), sqlstate, code)
    };
    by_admin(&update("released_at = now()"), "23514", "release_needs_work_order");
    let open =
        by_admin(&update(&format!("release_work_order = '{id}'")), "23514", "release_refused");
    assert_eq!(open["missing"].as_array().unwrap().len(), 2, "{open}");
    by_admin(&update("released_by = 'qa'"), "23514", "release_needs_work_order");
    by_admin(
        &update("definition = definition || '{\"title\": \"x\"}'"),
        "42501",
        "key_change_refused",
    );
    by_admin(&update("sha256 = decode(repeat('00', 32), 'hex')"), "42501", "key_change_refused");
    by_admin(&update("retired_at = now()"), "23514", "fields_missing");
    by_admin(
        "update wo.lifecycle set effective_from = '2026-01-01' where name = 'regulated_change' and version = 1",
        "55000",
        "definition_released",
    );
    by_admin(
        "update wo.lifecycle set released_at = null where name = 'regulated_change' and version = 1",
        "55000",
        "definition_released",
    );
    company.refused("qa", &update("retirement_reason = 'old'"), "42501", "not_an_author");
    let released = "insert into wo.lifecycle (definition, released_at) select definition, now()
        from wo.lifecycle where name = 'regulated_change' and version = 1";
    by_admin(released, "42501", "column_not_writable");
    let raw_item = format!(
        "insert into wo.release_item (work_order_id, kind, name, version, sha256)
         values ('{}', 'lifecycle', 'regulated_change', 2, decode(repeat('00', 32), 'hex'))",
        company.id(&company.create("Other"))
    );
    company.refused("originator", &raw_item, "22023", "definition_differs");
    // One that names it not, or that ended before it did, releases it neither.
    company.sign_both(&number, "completion");
    let function =
        format!("select wo.release_definition('lifecycle', 'regulated_change', 2, '{number}')");
    let detail = company.refused("qa", &function, "23514", "release_refused");
    assert_eq!(detail["missing"], json!(["it does not name this version as a release item"]));
    assert_eq!(release_of(&company, 2), (false, None));
    company.assert_intact();
}

/// Work would go on by a version that was never released.
#[test]
fn an_unreleased_version_is_tried_on_a_draft_and_no_further() {
    let company = waiting();
    let number = company.create("Try the second edition");
    let migrate = format!("select wo.migrate_lifecycle('{number}', 2, 'to try it')");
    company.administer(&migrate);
    assert_eq!(lifecycle_version(&company, &number), 2);
    let submit = format!("select wo.transition('{number}', 'pending_approval', 'r')");
    company.refused("originator", &submit, "55000", "definition_not_released");
    let raw = format!(
        "update wo.work_order set status = 'pending_approval', reason = 'r' where wo_number = '{number}'"
    );
    company.refused("originator", &raw, "55000", "definition_not_released");
    company.transition("planner", &number, "cancelled");
    let at_work = company.reach("in_progress");
    let migrate = format!("select wo.migrate_lifecycle('{at_work}', 2, 'to use it')");
    refused(
        company.administering(|admin| admin.execute(&migrate, &[])),
        "55000",
        "definition_not_released",
    );
}

/// Somebody would release what they wrote, or without the role that the tenant named.
#[test]
fn a_role_releases_where_the_policy_says_and_nobody_their_own() {
    let company = Company::found();
    company.administer(
        "select wo.set_definition_policy('lifecycle', 'role', author_role => 'planner', release_role => 'qa')",
    );
    let mut definition = company.definition("regulated_change");
    definition["title"] = json!("Second edition");
    let publish = format!("select wo.publish_definition('lifecycle', '{definition}')");
    company.refused("owner", &publish, "42501", "not_an_author");
    assert_eq!(company.one::<i32>("versatile", &publish), 2, "versatile is a planner and qa");
    let release = "select wo.release_definition('lifecycle', 'regulated_change', 2)";
    company.refused("planner", release, "42501", "release_not_permitted");
    company.refused("versatile", release, "42501", "releases_own_version");
    let released: Value = company.one("qa", release);
    assert_eq!(released["released_by"], "qa");
    company.refused("qa_2", release, "55000", "definition_released");
    let retire = "select wo.retire_definition('lifecycle', 'regulated_change', 2, 'a mistake')";
    company.run("planner", retire);
    assert_eq!(lifecycle_version(&company, &company.create("After")), 1, "the last that holds");
    company.refused("planner", retire, "55000", "definition_retired");
    company.assert_intact();
}

/// New work would use a version before its first day, or after its last.
#[test]
fn a_version_is_used_on_its_days_alone() {
    let company = Company::found();
    let mut definition = company.definition("regulated_change");
    let mut publish = |title: &str, from: &str, until: &str| {
        definition["title"] = json!(title);
        company.administer(&format!(
            "select wo.publish_definition('lifecycle', '{definition}', effective_from => {from}, effective_until => {until})"
        ));
    };
    let today = "(now() at time zone 'UTC')::date";
    publish("Of tomorrow", &format!("{today} + 1"), "null");
    publish("Of yesterday", "null", today);
    assert_eq!(lifecycle_version(&company, &company.create("Today")), 1);
    publish("Of today", today, &format!("{today} + 1"));
    assert_eq!(lifecycle_version(&company, &company.create("Today")), 4);
    let reversed = format!(
        "select wo.publish_definition('lifecycle', '{}', effective_from => {today}, effective_until => {today})",
        company.definition("regulated_change")
    );
    refused(
        company.administering(|admin| admin.execute(&reversed, &[])),
        "23514",
        "values_out_of_order",
    );
}

/// People could not see what a new version changes.
#[test]
fn the_difference_of_two_versions_is_shown_place_by_place() {
    let company = waiting();
    let shown = company.all(
        "qa",
        "select pointer || ' ' || change || ': ' || coalesce(after ->> 0, '')
         from wo.definition_diff('lifecycle', 'regulated_change', 1, 2)",
    );
    assert_eq!(shown, ["/title changed: Regulated change, second edition"]);
    company.refused(
        "qa",
        "select * from wo.definition_diff('lifecycle', 'regulated_change', 1, 9)",
        "22023",
        "definition_unknown",
    );
    company.refused(
        "qa",
        "select * from wo.definition_diff('recipe', 'x', 1, 2)",
        "22023",
        "definition_kind_unknown",
    );
}

/// A policy that cannot be met would lock everybody out; one that is lowered must be on record.
#[test]
fn the_policy_is_checked_and_audited() {
    let company = Company::found();
    let set = |sql: &str| company.administering(|admin| admin.execute(sql, &[]));
    refused(
        set("select wo.set_definition_policy('lifecycle', 'role')"),
        "23514",
        "policy_incomplete",
    );
    refused(
        set("select wo.set_definition_policy('recipe', 'role')"),
        "22023",
        "definition_kind_unknown",
    );
    refused(set("select wo.set_definition_policy('lifecycle', 'vote')"), "23514", "value_unknown");
    company.administer("select wo.set_definition_policy('lifecycle', 'work_order')");
    let entries: i64 = company.one(
        ROOT,
        &format!(
            "select count(*) from wo.audit_entry where tenant_id = '{}' and subject = 'definition_policy' and action = 'changed'",
            company.tenant
        ),
    );
    assert_eq!(entries, 1);
    company.assert_intact();
}
