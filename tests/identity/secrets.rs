//! No secret in the records: what looks like one is refused wherever callers write texts, and false alarms are
//! released.

use postgres::Client;
use postgres::error::DbError;
use serde_json::{Value, json};
use wo_cluster_tests::{administering, one, refused, tried};
use wo_rules::schema::{Column, TABLES, Type};

use crate::identity::harness::{World, authenticate};

#[path = "../../crates/wo_rules/tests/secret_rules/corpus.rs"]
#[allow(dead_code)]
pub mod corpus;

/// What of a secret must be nowhere; none where it has nothing that others have not.
pub fn needle(secret: &str) -> Option<String> {
    let known = ["hunter2", "abc123", "JBSWY3DPEHPK3PXP"];
    if let Some(known) = known.iter().find(|known| secret.contains(**known)) {
        return Some((*known).to_owned());
    }
    let pieces = secret.split(|letter: char| !letter.is_ascii_alphanumeric());
    pieces.filter(|piece| piece.len() >= 16).max_by_key(|piece| piece.len()).map(str::to_owned)
}

/// One secret of each kind and of each form of value.
fn some_of_each() -> Vec<(&'static str, String)> {
    let mut kinds = Vec::new();
    let mut some = Vec::new();
    for (kind, secret) in corpus::secrets() {
        let is_new = kinds.iter().filter(|known| **known == kind).count() < 2;
        if is_new && secret.len() < 200 {
            kinds.push(kind);
            some.push((kind, secret));
        }
    }
    some
}

fn expression(column: &Column) -> Option<&'static str> {
    match column.data_type.base() {
        Type::Text => Some("$1::text"),
        Type::TextArray => Some("array['x', $1::text]"),
        Type::Json => Some("json_build_object('a', json_build_array($1::text))"),
        Type::Jsonb => Some("jsonb_build_object('a', jsonb_build_array($1::text))"),
        _ => None,
    }
}

fn pointer(column: &Column) -> &'static str {
    match column.data_type.base() {
        Type::TextArray => "/1",
        Type::Json | Type::Jsonb => "/a/0",
        _ => "",
    }
}

/// Everything that an error says, to the client.
fn said(error: &DbError) -> String {
    [Some(error.message()), error.detail(), error.hint(), error.where_()]
        .into_iter()
        .flatten()
        .collect::<Vec<_>>()
        .join("\n")
}

/// Inserts a row with that column alone as the superuser, to whom no grant and no policy applies.
fn insert(root: &mut Client, token: &str, table: &str, column: &Column, value: &str) -> DbError {
    let expression = expression(column).unwrap();
    let name = if column.name == "when" { "\"when\"" } else { column.name };
    let sql = format!(
        "insert into wo.{table} (tenant_id, {name}) values (wo.current_tenant(), {expression})"
    );
    let result = tried(root, |transaction| {
        transaction.execute("select wo.authenticate($1)", &[&token])?;
        transaction.execute(&sql, &[&value])
    });
    let error = result.expect_err(&format!("{sql} with {value:?} is not refused"));
    error.as_db_error().unwrap_or_else(|| panic!("{error:?}")).clone()
}

/// Otherwise a column of a table, of a new one too, takes a secret into the records, the trail and every backup.
#[test]
fn a_secret_is_refused_in_every_column_that_takes_text() {
    let world = World::new();
    let mut root = world.db.superuser();
    let token = world.acme.token("ann");
    let (mut tables, mut refused, mut of_domains) = (0, 0, 0);
    for table in TABLES.into_iter().filter(|table| table.takes_text()) {
        tables += 1;
        let columns = table.columns.iter().filter(|column| expression(column).is_some());
        for column in columns {
            let place = format!("{}.{}", table.name, column.name);
            for (kind, secret) in some_of_each() {
                if kind == "random" && table.opaque.contains(&column.name) {
                    continue;
                }
                let error = insert(&mut root, &token, table.name, column, &secret);
                let said = said(&error);
                if let Some(needle) = needle(&secret) {
                    assert!(!said.contains(&needle), "{place}: {said}");
                }
                let detail: Value =
                    serde_json::from_str(error.detail().unwrap_or("null")).unwrap_or_default();
                if detail["code"] != "secret_in_the_open" {
                    // A value of another shape does not reach the row.
                    let is_of_domain = matches!(column.data_type, Type::Domain(_));
                    assert!(is_of_domain && error.code().code() == "23514", "{place}: {error:?}");
                    of_domains += 1;
                    continue;
                }
                assert_eq!(error.code().code(), "22023", "{place}");
                let found = &detail["secrets"][0];
                assert_eq!(detail["table"], format!("wo.{}", table.name));
                assert_eq!(
                    (&found["column"], &found["pointer"]),
                    (&json!(column.name), &json!(pointer(column)))
                );
                assert!(
                    detail["secrets"].as_array().unwrap().iter().any(|one| one["kind"] == kind),
                    "{place}: {detail}"
                );
                refused += 1;
            }
        }
    }
    assert!(tables >= 20 && refused >= 800, "{tables} tables, {refused} refusals");
    assert!(of_domains * 10 < refused, "{of_domains} values did not reach the search");
}

/// Otherwise a secret of one kind is stored with the next note.
#[test]
fn every_kind_is_refused_by_the_api() {
    let world = World::new();
    let mut ada = world.db.connect("ada");
    let number: String = one(&mut ada, "select wo.create_work_order('pump') ->> 'wo_number'");
    for (_, secret) in corpus::secrets() {
        for sql in [
            "select wo.create_work_order('pump', $1::text)".to_owned(),
            "select wo.create_work_order('pump', metadata => jsonb_build_object('a', $1::text))"
                .to_owned(),
            format!(
                "select wo.patch_work_order('{number}', jsonb_build_object('notes', $1::text))"
            ),
            format!(
                "select wo.patch_work_order('{number}', jsonb_build_object('metadata', jsonb_build_object($1::text, 1)))"
            ),
            format!("select wo.transition('{number}', 'open', reason => $1::text)"),
            format!(
                "update wo.work_order set deficiencies = array[$1::text] where wo_number = '{number}'"
            ),
            format!("select wo.open_finding('{number}', $1::text)"),
        ] {
            let result = ada.execute(&sql, &[&secret]);
            let is_too_long = result
                .as_ref()
                .is_err_and(|error| error.code().is_some_and(|code| code.code() == "23514"));
            assert!(is_too_long || result.is_err(), "{sql}: {secret}");
            if !is_too_long {
                refused(result, "22023", "secret_in_the_open");
            }
        }
        // What creates many says of each what became of it.
        let many = "select string_agg(made::text, '') from wo.create_work_orders(
            jsonb_build_array(jsonb_build_object('title', 'pump', 'notes', $1::text))) as made";
        let made: String = ada.query_one(many, &[&secret]).unwrap().get(0);
        assert!(made.contains("secret_in_the_open"), "{made}");
        assert!(needle(&secret).is_none_or(|needle| !made.contains(&needle)), "{made}");
    }
    for member in corpus::members() {
        let result = ada.execute("select wo.create_work_order('pump', metadata => $1)", &[&member]);
        refused(result, "22023", "secret_in_the_open");
    }
}

/// Otherwise people cannot write down what they do.
#[test]
fn honest_texts_are_stored() {
    let world = World::new();
    let mut ada = world.db.connect("ada");
    for text in corpus::honest().into_iter().filter(|text| !text.contains('\0')) {
        ada.execute(
            "select wo.create_work_order('pump', $1::text, metadata => jsonb_build_object('a', $1::text, 'list', array[$1::text]))",
            &[&text],
        )
        .unwrap_or_else(|error| panic!("{text}: {error:?}"));
    }
    for member in corpus::honest_members() {
        ada.execute("select wo.create_work_order('pump', metadata => $1)", &[&member]).unwrap();
    }
    // A key of the caller's is random by design.
    let key = corpus::Chance::new(9).of(corpus::LETTERS_AND_DIGITS, 43);
    ada.execute("select wo.create_work_order('pump', idempotency_key => $1::text)", &[&key])
        .unwrap();
    // A name that an identity provider gives may be as random, and work is assigned to it.
    administering(&mut world.db.superuser(), "acme", |admin| {
        admin.execute("select wo.create_principal($1::text, roles => '{planner}')", &[&key])
    })
    .unwrap();
    ada.execute("select wo.create_work_order('pump', assignee => $1::text)", &[&key]).unwrap();
}

/// Otherwise a false alarm cannot be helped, or its release opens the place for secrets.
#[test]
fn a_false_alarm_is_released_for_one_value_at_one_place() {
    let world = World::new();
    let mut ada = world.db.connect("ada");
    let create = "select wo.create_work_order('pump', metadata => $1) ->> 'wo_number'";
    let part = json!({"part": {"token": "4711-AB"}});
    let detail = refused(ada.query_one(create, &[&part]), "22023", "secret_in_the_open");
    let found = &detail["secrets"][0];
    assert_eq!(found, &json!({"column": "metadata", "pointer": "/part/token", "kind": "assigned"}));
    let release = "select wo.release_false_alarm('wo.work_order', 'metadata', '4711-AB', 'a part number', '/part/token')";
    refused(ada.batch_execute(release), "42501", "role_missing");

    let mut root = world.db.superuser();
    let mut administer = |sql: &str| {
        administering(&mut root, "acme", |admin| {
            admin.batch_execute("set local role wo_admin")?;
            admin.query(sql, &[])
        })
    };
    for (sql, sqlstate, code) in [
        (release.replace("'a part number'", "' '"), "23514", "fields_missing"),
        (release.replace("'metadata'", "'nothing'"), "22023", "place_unknown"),
        (release.replace("wo.work_order", "audit_entry"), "22023", "place_unknown"),
        (release.replace("4711-AB", "none"), "22023", "no_false_alarm"),
        (release.replace("'a part number'", "'password: hunter2'"), "22023", "secret_in_the_open"),
    ] {
        refused(administer(&sql), sqlstate, code);
    }
    administer(release).unwrap();
    let number: String = ada.query_one(create, &[&part]).unwrap().get(0);
    for other in [
        json!({"part": {"token": "4711-AC"}}),
        json!({"token": "4711-AB"}),
        json!({"part": {"token": "4711-AB", "password": "4711-AB"}}),
    ] {
        refused(ada.query_one(create, &[&other]), "22023", "secret_in_the_open");
    }
    let mut gil = world.db.connect("gil");
    refused(gil.query_one(create, &[&part]), "22023", "secret_in_the_open");

    // QA releases for one work order, and withdraws.
    administer("select wo.create_principal('quinn', roles => '{qa}')").unwrap();
    let mut svc = world.svc();
    let mut as_quinn = |sql: &str| {
        let mut quinn = svc.transaction().unwrap();
        authenticate(&mut quinn, &world.acme.token("quinn"));
        let done = quinn.batch_execute(sql);
        quinn.commit().unwrap();
        done
    };
    as_quinn(&format!(
        "select wo.release_false_alarm('work_order', 'notes', 'password: swordfish.', 'the title of a song', object => '{number}')"
    ))
    .unwrap();
    let note = |number: &str| {
        format!(
            "select wo.patch_work_order('{number}', '{{\"notes\": \"They sang password: swordfish.\"}}')"
        )
    };
    ada.batch_execute(&note(&number)).unwrap();
    let second: String = one(&mut ada, "select wo.create_work_order('pump') ->> 'wo_number'");
    refused(ada.batch_execute(&note(&second)), "22023", "secret_in_the_open");
    as_quinn("select wo.withdraw_false_alarm(id, 'no more songs') from wo.false_alarm where column_name = 'notes'").unwrap();
    refused(
        as_quinn(
            "select wo.withdraw_false_alarm(id, 'again') from wo.false_alarm where column_name = 'notes'",
        ),
        "22023",
        "false_alarm_unknown",
    );
    // What was stored stays, and other columns of the row are written.
    ada.batch_execute(&format!(
        "select wo.patch_work_order('{number}', '{{\"tags\": [\"sung\"]}}')"
    ))
    .unwrap();
    ada.batch_execute(&format!("select wo.patch_work_order('{number}', '{{\"notes\": null}}')"))
        .unwrap();
    refused(ada.batch_execute(&note(&number)), "22023", "secret_in_the_open");

    let trail = administer(
        "select actor, action, changes::text from wo.audit_entry where subject = 'false_alarm' order by position",
    )
    .unwrap();
    let actions: Vec<String> = trail.iter().map(|row| row.get(1)).collect();
    assert_eq!(actions, ["created", "created", "changed"]);
    assert!(trail.iter().all(|row| !row.get::<_, String>(2).contains("4711-AB")));
    assert_eq!(trail[1].get::<_, Option<String>>(0).as_deref(), Some("quinn"));
    assert!(administer("insert into wo.false_alarm (tenant_id, id) values (wo.current_tenant(), gen_random_uuid())").is_err());
}
