//! Work orders: numbers, keys, versions, reasons, what may be in a field, many at once, imports,
//! and the end.

use std::collections::HashSet;

use postgres::Client;
use serde_json::{Value, json};
use uuid::Uuid;
use wo_cluster_tests::{db_error, refused, tried};

use crate::scenario::company::{Company, copy, counts, create, filled, one, reach_alone, take};
use crate::scenario::design::{ALL, FIELDS, FLEET_TASK, REGULATED_CHANGE};

fn field<T>(client: &mut Client, number: &str, column: &str) -> T
where
    T: for<'a> postgres::types::FromSql<'a>,
{
    one(client, &format!("select {column} from wo.work_order where wo_number = '{number}'"))
}

fn entries(client: &mut Client, number: &str) -> i64 {
    one(client, &format!("select count(*) from wo.audit_trail('{number}')"))
}

#[test]
fn a_number_is_the_prefix_the_day_and_random_hex() {
    let company = Company::found("regulated_change");
    let mut almighty = company.connect("almighty");
    let number = create(&mut almighty, "x");
    let day: String =
        field(&mut almighty, &number, "to_char(created_at at time zone 'UTC', 'YYYY-MMDD')");
    let random = number.strip_prefix(&format!("WO-{day}-")).unwrap();
    assert_eq!(random.len(), 3, "{number}");
    assert!(random.chars().all(|c| c.is_ascii_digit() || ('A'..='F').contains(&c)), "{number}");
}

#[test]
fn a_tenant_has_a_number_format_of_its_own() {
    let company = Company::found("regulated_change");
    let mut almighty = company.connect("almighty");
    company.administer("update wo.tenant set number_format = 'JOB/{YYYY}.{MM}.{DD}#{XXXXX}'");
    let number = create(&mut almighty, "x");
    let day: String =
        field(&mut almighty, &number, "to_char(created_at at time zone 'UTC', 'YYYY.MM.DD')");
    let random = number.strip_prefix(&format!("JOB/{day}#")).unwrap();
    assert_eq!(random.len(), 5, "{number}");
    for bad in ["", "WO-{YYYY}", "WO-{XX}", "WO-{XXX}-{XXX}", "WO-{ZZZ}", "WO {XXX}", "WO-{XXX"] {
        let update = format!("update wo.tenant set number_format = '{bad}'");
        refused(company.try_administer(&update), "22023", "number_format");
    }
    assert!(create(&mut almighty, "y").starts_with("JOB/"));
}

/// A day of three hexadecimal digits has room for 4,096: it must neither fill up nor fail, in one
/// long session or in many short ones that know nothing of each other.
#[test]
fn numbers_stay_unique_and_widen_before_a_day_is_full() {
    let company = Company::found("regulated_change");
    let many = |count: usize| json!(vec![json!({"title": "x"}); count]);
    let create_many = "select count(*) from wo.create_work_orders($1) where created";
    let made: i64 =
        company.connect("almighty").query_one(create_many, &[&many(3000)]).unwrap().get(0);
    assert_eq!(made, 3000);
    for _ in 0..30 {
        let made: i64 =
            company.connect("almighty").query_one(create_many, &[&many(60)]).unwrap().get(0);
        assert_eq!(made, 60);
    }
    let row = company
        .root()
        .query_one(
            "select count(*), count(distinct wo_number), max(length(wo_number)),
                count(*) filter (where length(wo_number) = 16)
             from wo.work_order",
            &[],
        )
        .unwrap();
    let (all, distinct, longest, short): (i64, i64, i32, i64) =
        (row.get(0), row.get(1), row.get(2), row.get(3));
    assert_eq!((all, distinct), (4800, 4800));
    assert!(longest > 16, "no number was widened");
    // Sixteen draws leave room: see wo_rules::number.
    assert!(short < 4096 * 19 / 20, "the day's short numbers are used up: {short}");
}

/// A client that does not know whether its first call arrived must be able to repeat it.
#[test]
fn the_same_idempotency_key_returns_the_same_work_order_unchanged() {
    let company = Company::found("fleet_task");
    let mut almighty = company.connect("almighty");
    let call = "select wo.create_work_order($1, assignee => 'almighty', idempotency_key => 'k1')";
    let first: Value = almighty.query_one(call, &[&"[A-B] one"]).unwrap().get(0);
    assert_eq!(first["created"], true);
    let number = first["wo_number"].as_str().unwrap().to_owned();
    take(&mut almighty, &number, "accepted", false);
    let before = counts(&mut almighty);
    for title in ["[A-B] another", "no convention at all"] {
        refused(almighty.query_one(call, &[&title]), "23505", "idempotency_key_reused");
    }
    {
        let again: Value = almighty.query_one(call, &[&"[A-B] one"]).unwrap().get(0);
        assert_eq!(again["id"], first["id"]);
        assert_eq!(again["wo_number"], first["wo_number"]);
        assert_eq!(again["created"], false);
        assert_eq!(again["status"], "accepted");
        assert_eq!(again["version"], 2);
    }
    let row = almighty
        .query_one(
            "select id::text, created, error from wo.create_work_orders($1)",
            &[&json!([{"title": "[A-B] one", "assignee": "almighty", "idempotency_key": "k1"}])],
        )
        .unwrap();
    assert_eq!(row.get::<_, String>(0), first["id"].as_str().unwrap());
    assert!(!row.get::<_, bool>(1));
    assert_eq!(row.get::<_, Option<Value>>(2), None);
    assert_eq!(counts(&mut almighty), before);
    assert_eq!(field::<String>(&mut almighty, &number, "title"), "[A-B] one");

    let raw = "insert into wo.work_order (title, idempotency_key) values ('[A-B] x', 'k1')";
    assert_eq!(db_error(almighty.batch_execute(raw)).code().code(), "23505");
    let steal =
        format!("update wo.work_order set idempotency_key = 'k2' where wo_number = '{number}'");
    refused(almighty.batch_execute(&steal), "42501", "key_change_refused");
}

/// Without the check the second of two writers overwrites what it has never seen.
#[test]
fn a_write_that_names_another_version_is_refused() {
    let company = Company::found("fleet_task");
    let mut almighty = company.connect("almighty");
    let number = reach_alone(&mut almighty, &FLEET_TASK, "accepted");
    assert_eq!(field::<i64>(&mut almighty, &number, "version"), 2);
    let before = counts(&mut almighty);
    for stale in [0i64, 1, 3] {
        let results = [
            almighty.execute(
                "select wo.transition($1, 'in_progress', expected_version => $2)",
                &[&number, &stale],
            ),
            almighty.execute(
                "select wo.patch_work_order($1, '{\"notes\": \"x\"}', expected_version => $2)",
                &[&number, &stale],
            ),
            // (A version of zero is no version: its type refuses it.)
            almighty.execute(
                &format!(
                    "update wo.work_order set notes = 'x', version = {}
                     where wo_number = $1::text",
                    stale.max(1)
                ),
                &[&number],
            ),
        ];
        for (place, result) in results.into_iter().enumerate() {
            let stale = if place == 2 { stale.max(1) } else { stale };
            let detail = refused(result, "40001", "version_conflict");
            assert_eq!(detail["version"], 2);
            assert_eq!(detail["expected_version"], stale);
        }
    }
    assert_eq!(counts(&mut almighty), before);
    let update = "update wo.work_order set notes = 'x', version = 2 where wo_number = $1::text";
    assert_eq!(almighty.execute(update, &[&number]).unwrap(), 1);
    let call = "select wo.transition($1, 'in_progress', expected_version => 3)";
    almighty.execute(call, &[&number]).unwrap();
    assert_eq!(field::<i64>(&mut almighty, &number, "version"), 4);
}

/// Even a version that is right does not count twice: each accepted write makes it one more.
#[test]
fn the_version_counts_accepted_writes_one_by_one() {
    let company = Company::found("fleet_task");
    let mut almighty = company.connect("almighty");
    let number = create(&mut almighty, "[A-B] c");
    for expected in 2..6i64 {
        let update = format!(
            "update wo.work_order set notes = 'note {expected}' where wo_number = '{number}'
             returning version"
        );
        assert_eq!(one::<i64>(&mut almighty, &update), expected);
    }
    assert_eq!(entries(&mut almighty, &number), 5);
}

/// The mailbox: a reason that stayed on the row would pass the next gate for somebody else.
#[test]
fn a_reason_goes_into_the_trail_and_leaves_null_behind() {
    let company = Company::found("regulated_change");
    let mut almighty = company.connect("almighty");
    let number = reach_alone(&mut almighty, &REGULATED_CHANGE, "in_progress");
    let block = "update wo.work_order set status = 'blocked', reason = 'no spare part'
        where wo_number = $1::text returning reason";
    let left: Option<String> = almighty.query_one(block, &[&number]).unwrap().get(0);
    assert_eq!(left, None);
    assert_eq!(field::<Option<String>>(&mut almighty, &number, "reason"), None);
    let why: String = one(
        &mut almighty,
        &format!("select why from wo.audit_trail('{number}') order by sequence desc limit 1"),
    );
    assert_eq!(why, "no spare part");

    let resume = "update wo.work_order set status = 'in_progress' where wo_number = $1::text";
    let detail = refused(almighty.execute(resume, &[&number]), "23514", "fields_missing");
    assert_eq!(detail["missing_fields"], json!(["reason"]));
    for blank in ["", "   ", "\n\t"] {
        let result =
            almighty.execute("select wo.transition($1, 'in_progress', $2)", &[&number, &blank]);
        refused(result, "23514", "fields_missing");
    }
    // A reason for a change of fields is kept with that change.
    almighty
        .execute(
            "select wo.patch_work_order($1, '{\"notes\": \"ordered\"}', 'the part came')",
            &[&number],
        )
        .unwrap();
    let why: String = one(
        &mut almighty,
        &format!("select why from wo.audit_trail('{number}') order by sequence desc limit 1"),
    );
    assert_eq!(why, "the part came");
    assert_eq!(field::<Option<String>>(&mut almighty, &number, "reason"), None);
}

/// Fleet tasks keep the reason in a field: an old note does not pass the gate again, whether it is
/// written anew or not, and the mailbox is copied there.
#[test]
fn old_notes_do_not_pass_a_gate_that_asks_for_notes() {
    let company = Company::found("fleet_task");
    let mut almighty = company.connect("almighty");
    let number = reach_alone(&mut almighty, &FLEET_TASK, "in_progress");
    assert_eq!(field::<String>(&mut almighty, &number, "notes"), "old notes");
    let block = "update wo.work_order set status = 'blocked' where wo_number = $1::text";
    let detail = refused(almighty.execute(block, &[&number]), "23514", "fields_missing");
    assert_eq!(detail["missing_fields"], json!(["notes"]));
    let same =
        "update wo.work_order set status = 'blocked', notes = notes where wo_number = $1::text";
    refused(almighty.execute(same, &[&number]), "23514", "fields_missing");

    let by_field = "update wo.work_order set status = 'blocked', notes = 'no power' where wo_number = $1::text";
    almighty.execute(by_field, &[&number]).unwrap();
    take(&mut almighty, &number, "in_progress", false);
    assert_eq!(field::<String>(&mut almighty, &number, "notes"), "because");
    let whys: Vec<Option<String>> = almighty
        .query(
            &format!("select why from wo.audit_trail('{number}') order by sequence desc limit 2"),
            &[],
        )
        .unwrap()
        .iter()
        .map(|row| row.get(0))
        .collect();
    assert_eq!(whys, [Some("because".to_owned()), Some("no power".to_owned())]);
}

#[test]
fn titles_of_fleet_tasks_start_with_project_and_category() {
    let company = Company::found("fleet_task");
    let mut almighty = company.connect("almighty");
    for bad in ["Mend", "[SS1] Mend", "[SS1-Operations]Mend", "[SS1-Operations] ", "x [A-B] Mend"] {
        let call = "select wo.create_work_order($1)";
        refused(almighty.execute(call, &[&bad]), "22023", "title_convention");
        let raw = "insert into wo.work_order (title) values ($1::text)";
        refused(almighty.execute(raw, &[&bad]), "22023", "title_convention");
    }
    let number = create(&mut almighty, "[SS1-Operations] Mend");
    let update = "update wo.work_order set title = $2::text where wo_number = $1::text";
    refused(almighty.execute(update, &[&number, &"Mend"]), "22023", "title_convention");
    almighty.execute(update, &[&number, &"[船1-運営] 作業"]).unwrap();
    // Another lifecycle of the same tenant has no such convention.
    let free = "select wo.create_work_order('Mend', lifecycle => 'regulated_change')";
    almighty.execute(free, &[]).unwrap();
}

/// Work that is assigned to somebody who cannot do it waits for ever.
#[test]
fn only_those_who_may_be_assigned_are() {
    let company = Company::found("fleet_task");
    company.administer(
        "select wo.create_principal('board', kind => 'system', assignable => false);
         select wo.create_principal('gone');
         select wo.disable_principal('gone')",
    );
    let mut almighty = company.connect("almighty");
    let number = create(&mut almighty, "[A-B] c");
    let before = counts(&mut almighty);
    for nobody in ["board", "gone", "nemo", "Almighty"] {
        for result in [
            almighty.execute("select wo.create_work_order('[A-B] c', assignee => $1)", &[&nobody]),
            almighty.execute(
                "insert into wo.work_order (title, assignee) values ('[A-B] c', $1)",
                &[&nobody],
            ),
            almighty.execute("update wo.work_order set assignee = $1", &[&nobody]),
            almighty.execute(
                "select wo.patch_work_order($2, jsonb_build_object('assignee', $1::text))",
                &[&nobody, &number],
            ),
        ] {
            let detail = refused(result, "23514", "assignee_not_allowed");
            assert_eq!(detail["assignee"], nobody);
        }
    }
    refused(
        almighty.execute("select wo.create_work_order('[A-B] c', requester => 'nemo')", &[]),
        "22023",
        "requester_unknown",
    );
    assert_eq!(counts(&mut almighty), before);
    // A requester only asked for it: one who may not be assigned, or left since, still may have.
    almighty.execute("select wo.create_work_order('[A-B] c', requester => 'board')", &[]).unwrap();
    // Who is assigned already stays so: only a change of the assignee is looked at.
    let taken: String = one(
        &mut almighty,
        "select wo.create_work_order('[A-B] c', assignee => 'colleague') ->> 'wo_number'",
    );
    company.administer("select wo.disable_principal('colleague')");
    let update = "update wo.work_order set notes = 'still here' where wo_number = $1::text";
    assert_eq!(almighty.execute(update, &[&taken]).unwrap(), 1);
}

#[test]
fn a_priority_is_one_of_the_lifecycles_labels() {
    let company = Company::found("regulated_change");
    let mut almighty = company.connect("almighty");
    let number = create(&mut almighty, "x");
    assert_eq!(field::<String>(&mut almighty, &number, "priority"), "medium");
    for label in ["urgent", "HIGH", "1"] {
        refused(
            almighty.execute("select wo.create_work_order('x', priority => $1)", &[&label]),
            "22023",
            "unknown_priority",
        );
        let update = "update wo.work_order set priority = $1::text";
        let detail = refused(almighty.execute(update, &[&label]), "22023", "unknown_priority");
        assert_eq!(detail["priorities"], json!(["low", "medium", "high", "critical"]));
    }
    let none = "update wo.work_order set priority = null";
    refused(almighty.batch_execute(none), "22023", "unknown_priority");
    for label in ["low", "high", "critical", "medium"] {
        almighty.execute("update wo.work_order set priority = $1::text", &[&label]).unwrap();
    }
}

/// Design §4: nobody writes a locked record, captains included.
#[test]
fn nobody_writes_a_locked_record() {
    for (lifecycle, state) in [
        (ALL[0], "closed"),
        (ALL[0], "cancelled"),
        (ALL[1], "cancelled"),
        (ALL[2], "approved"),
        (ALL[2], "cancelled"),
    ] {
        let company = Company::found(lifecycle.name);
        let mut almighty = company.connect("almighty");
        let number = reach_alone(&mut almighty, lifecycle, state);
        let locked: bool = field(&mut almighty, &number, "locked_at is not null");
        assert!(locked);
        let mut admin = company.connect("admin");
        let mut root = company.root();
        let before = counts(&mut root);
        for column in FIELDS.split_whitespace().chain(["regulatory", "status"]) {
            let value = match column {
                "requester" | "assignee" => "'colleague'",
                "source" => "'external'",
                "block_cause" => "'tool'",
                "due_date" => "'2026-03-10'",
                "planned_start" | "actual_start" => "'2026-01-02'",
                "planned_end" | "actual_end" => "'2026-02-02'",
                "estimated_hours" | "actual_hours" => "7.25",
                "tags" | "deficiencies" => "array['x']",
                "metadata" => "'{\"a\": 1}'",
                "regulatory" => "true",
                "status" => lifecycle.states[0],
                _ => "'[A-B] x'",
            };
            let value = if column == "status" { format!("'{value}'") } else { value.to_owned() };
            let update = format!(
                "update wo.work_order set {column} = {value}, reason = 'because'
                 where wo_number = '{number}'"
            );
            for client in [&mut almighty, &mut root, &mut admin] {
                refused(tried(client, |by| by.batch_execute(&update)), "55000", "record_locked");
            }
        }
        let unlock =
            format!("update wo.work_order set locked_at = null where wo_number = '{number}'");
        let refusal = db_error(root.batch_execute(&unlock));
        assert!(["42501", "55000"].contains(&refusal.code().code()), "{refusal:?}");
        let patch = "select wo.patch_work_order($1, '{\"notes\": \"x\"}')";
        refused(almighty.execute(patch, &[&number]), "55000", "record_locked");
        let call = "select wo.transition($1, $2, 'because')";
        refused(almighty.execute(call, &[&number, &lifecycle.states[1]]), "55000", "record_locked");
        for remove in ["delete from wo.work_order", "truncate wo.work_order cascade"] {
            assert_eq!(db_error(root.batch_execute(remove)).code().code(), "42501", "{remove}");
        }
        assert_eq!(counts(&mut root), before);
        assert!(
            one::<i64>(
                &mut almighty,
                &format!("select count(*) from wo.allowed_transitions('{number}') where allowed")
            ) == 0
        );
    }
}

/// The flag decides whether approvals and reasons are mandatory, so it has rules of its own.
#[test]
fn the_regulatory_flag_is_set_by_some_and_cleared_by_qa_in_draft_with_a_reason() {
    let mut company = Company::found("regulated_change");
    let set = |on: bool, reason: &str, number: &str| {
        format!(
            "update wo.work_order set regulatory = {on}, reason = '{reason}'
             where wo_number = '{number}'"
        )
    };
    let number = company.reach(&REGULATED_CHANGE, "draft");
    for (who, may) in [
        ("originator", true),
        ("planner", true),
        ("qa", true),
        ("system_owner", true),
        ("assignee", false),
        ("stranger", false),
        ("captain", false),
    ] {
        let result = tried(company.get(who), |by| by.execute(&set(true, "why not", &number), &[]));
        if may {
            assert_eq!(result.unwrap(), 1, "{who}");
        } else {
            refused(result, "42501", "regulatory_refused");
        }
    }
    company.get("originator").batch_execute(&set(true, "it is validated", &number)).unwrap();
    for who in ["originator", "planner", "system_owner"] {
        let result = tried(company.get(who), |by| by.execute(&set(false, "hurry", &number), &[]));
        refused(result, "42501", "regulatory_refused");
    }
    let silent = tried(company.get("qa"), |by| by.execute(&set(false, "", &number), &[]));
    let detail = refused(silent, "23514", "fields_missing");
    assert_eq!(detail["missing_fields"], json!(["reason"]));
    let cleared = tried(company.get("qa"), |by| by.execute(&set(false, "a mistake", &number), &[]));
    assert_eq!(cleared.unwrap(), 1);

    // Every transition of a regulatory work order gives a reason.
    let submit = "select wo.transition($1, 'pending_approval')";
    let detail =
        refused(company.get("originator").execute(submit, &[&number]), "23514", "fields_missing");
    assert_eq!(detail["missing_fields"], json!(["reason"]));
    take(company.get("originator"), &number, "pending_approval", false);

    // Outside draft nobody clears it, and only QA and the system owner set it.
    let result = tried(company.get("qa"), |by| by.execute(&set(false, "hurry", &number), &[]));
    refused(result, "23514", "regulatory_refused");
    let other = company.reach(&REGULATED_CHANGE, "in_progress");
    for (who, may) in
        [("qa", true), ("system_owner", true), ("originator", false), ("planner", false)]
    {
        let result = tried(company.get(who), |by| by.execute(&set(true, "found", &other), &[]));
        if may {
            assert_eq!(result.unwrap(), 1, "{who}");
        } else {
            refused(result, "42501", "regulatory_refused");
        }
    }

    // Fleet tasks are never regulatory, from the beginning and later.
    let captain = company.get("captain");
    let born =
        "select wo.create_work_order('[A-B] c', lifecycle => 'fleet_task', regulatory => true)";
    refused(captain.execute(born, &[]), "23514", "regulatory_refused");
    let task: String = one(
        captain,
        "select wo.create_work_order('[A-B] c', lifecycle => 'fleet_task') ->> 'wo_number'",
    );
    let later = tried(captain, |by| by.execute(&set(true, "why not", &task), &[]));
    refused(later, "23514", "regulatory_refused");
}

/// One refusal in a list must neither lose the others nor shift their answers.
#[test]
fn many_are_created_with_one_answer_each_in_the_order_given() {
    let company = Company::found("fleet_task");
    let mut almighty = company.connect("almighty");
    let given = json!([
        {"title": "[A-B] one", "estimated_hours": 1.5, "tags": ["a"]},
        {"title": "no convention"},
        {"title": "[A-B] three", "idempotency_key": "three"},
        {"titel": "[A-B] four"},
        {"title": "[A-B] five", "assignee": "nemo"},
        "six",
        {"title": "[A-B] seven", "idempotency_key": "three"},
        {"title": "[A-B] eight", "estimated_hours": -1},
        {"title": "[A-B] nine", "due_date": "not a day"},
    ]);
    let rows = almighty
        .query(
            "select ordinal, wo_number, created, error from wo.create_work_orders($1)",
            &[&given],
        )
        .unwrap();
    let answers: Vec<(i32, bool, bool, Option<String>)> = rows
        .iter()
        .map(|row| {
            let error: Option<Value> = row.get(3);
            let code = error.map(|error| {
                assert!(error["message"].is_string(), "{error}");
                format!(
                    "{} {}",
                    error["sqlstate"].as_str().unwrap(),
                    error["detail"]["code"].as_str().unwrap_or("-")
                )
            });
            (row.get(0), row.get::<_, Option<String>>(1).is_some(), row.get(2), code)
        })
        .collect();
    let code = |text: &str| Some(text.to_owned());
    assert_eq!(
        answers[..8],
        [
            (1, true, true, None),
            (2, false, false, code("22023 title_convention")),
            (3, true, true, None),
            (4, false, false, code("22023 unknown_fields")),
            (5, false, false, code("23514 assignee_not_allowed")),
            (6, false, false, code("22023 not_an_object")),
            (7, false, false, code("23505 idempotency_key_reused")),
            (8, false, false, code("22023 bad_value")),
        ]
    );
    assert_eq!((answers[8].0, answers[8].1, answers[8].2), (9, false, false));
    assert!(answers[8].3.as_deref().is_some_and(|code| code.starts_with("22")), "{answers:?}");
    assert_eq!(one::<i64>(&mut almighty, "select count(*) from wo.work_order"), 2);

    let all: Vec<Value> = (0..50).map(|n| json!({"title": format!("[A-B] {n}")})).collect();
    let made: Vec<String> = almighty
        .query("select wo_number from wo.create_work_orders($1)", &[&json!(all)])
        .unwrap()
        .iter()
        .map(|row| row.get(0))
        .collect();
    let titles: Vec<String> =
        made.iter().map(|number| field(&mut almighty, number, "title")).collect();
    let expected: Vec<String> = (0..50).map(|n| format!("[A-B] {n}")).collect();
    assert_eq!(titles, expected);
    company.assert_intact();
}

#[test]
fn many_are_moved_with_one_answer_each_in_the_order_given() {
    let company = Company::found("fleet_task");
    let mut almighty = company.connect("almighty");
    let [a, b, c]: [String; 3] =
        std::array::from_fn(|_| reach_alone(&mut almighty, &FLEET_TASK, "pending"));
    let given = json!([
        {"work_order": c, "to_status": "accepted", "expected_version": 1},
        {"work_order": a, "to_status": "approved", "reason": "x"},
        {"work_order": "WO-0000-0000-000", "to_status": "accepted"},
        {"work_order": b, "to_status": "cancelled"},
        {"work_order": b, "to_status": "accepted", "expected_version": 7},
        {"work_order": a, "to_status": "accepted", "fields": {"notes": "off we go"}},
        {"work_order": a, "to_status": "in_progress"},
        {"to_status": "accepted"},
        {"work_order": b, "to_status": "accepted", "force": true},
        {"work_order": b},
    ]);
    let rows = almighty
        .query(
            "select ordinal, work_order, status, version, error from wo.transition_many($1)",
            &[&given],
        )
        .unwrap();
    type Answer = (i32, Option<String>, Option<String>, Option<i64>, Option<String>);
    let answers: Vec<Answer> = rows
        .iter()
        .map(|row| {
            let error: Option<Value> = row.get(4);
            let code = error.map(|error| {
                format!(
                    "{} {}",
                    error["sqlstate"].as_str().unwrap(),
                    error["detail"]["code"].as_str().unwrap_or("-")
                )
            });
            (row.get(0), row.get(1), row.get(2), row.get(3), code)
        })
        .collect();
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(
        answers,
        [
            (1, some(&c), some("accepted"), Some(2), None),
            (2, some(&a), None, None, some("55000 illegal_transition")),
            (3, some("WO-0000-0000-000"), None, None, some("22023 work_order_unknown")),
            (4, some(&b), None, None, some("23514 fields_missing")),
            (5, some(&b), None, None, some("40001 version_conflict")),
            (6, some(&a), some("accepted"), Some(2), None),
            (7, some(&a), some("in_progress"), Some(3), None),
            (8, None, None, None, some("22023 bad_value")),
            (9, some(&b), None, None, some("22023 unknown_fields")),
            (10, some(&b), None, None, some("22023 unknown_state")),
        ]
    );
    let states: Vec<String> =
        [&a, &b, &c].map(|number| field(&mut almighty, number, "status")).to_vec();
    assert_eq!(states, ["in_progress", "pending", "accepted"]);
    assert_eq!(field::<String>(&mut almighty, &a, "notes"), "off we go");
    company.assert_intact();
}

#[test]
fn a_patch_writes_what_it_names_and_nothing_else() {
    let company = Company::found("fleet_task");
    let mut almighty = company.connect("almighty");
    // The row is compared as this session shows it.
    almighty.batch_execute("set timezone = 'UTC'").unwrap();
    let number = reach_alone(&mut almighty, &FLEET_TASK, "pending");
    let whole =
        format!("select to_jsonb(held) from wo.work_order as held where wo_number = '{number}'");
    let before: Value = one(&mut almighty, &whole);
    let fields = json!({
        "notes": null, "estimated_hours": "12.50", "tags": ["x", "y"], "due_date": "2026-03-10",
        "planned_start": "2026-01-05T10:00:00+02:00", "metadata": {"a": [1, {"b": null}]},
    });
    let id = before["id"].as_str().unwrap().to_owned();
    let answer: Value = almighty
        .query_one("select wo.patch_work_order($1, $2, 'because', 1)", &[&id, &fields])
        .unwrap()
        .get(0);
    assert_eq!(answer, json!({"id": id, "wo_number": number, "status": "pending", "version": 2}));
    let after: Value = one(&mut almighty, &whole);
    let changed: HashSet<&str> = before
        .as_object()
        .unwrap()
        .keys()
        .filter(|key| before[*key] != after[*key])
        .map(String::as_str)
        .collect();
    let expected = HashSet::from([
        "notes",
        "estimated_hours",
        "tags",
        "due_date",
        "planned_start",
        "metadata",
        "version",
        "updated_at",
        "chain_sequence",
        "chain_hash",
    ]);
    assert_eq!(changed, expected);
    assert_eq!(after["notes"], Value::Null);
    assert_eq!(after["planned_start"], "2026-01-05T08:00:00+00:00");
    assert_eq!(after["metadata"], json!({"a": [1, {"b": null}]}));
    company.assert_intact();
}

/// Ids and numbers of one's own making could collide with the past or point into the future.
#[test]
fn only_an_administrators_import_brings_ids_and_numbers() {
    let company = Company::found("fleet_task");
    let mut admin = company.connect("admin");
    let mut almighty = company.connect("almighty");
    let id = Uuid::now_v7();
    let view = "wo.work_order_import (id, wo_number, title, tags, estimated_hours, metadata)";
    let lines = format!(
        "{id}\tOLD-1\t[A-B] one\t{{a,\"b c\"}}\t2.50\t{{\"n\": 12345678901234567890}}\n\
         {}\tOLD-2\t[A-B] two\t{{}}\t\\N\t{{}}\n",
        Uuid::now_v7()
    );
    refused(copy(&mut almighty, view, &lines), "42501", "column_not_writable");
    assert_eq!(copy(&mut admin, view, &lines).unwrap(), 2);
    let row = admin
        .query_one(
            "select id, originator, status, version, tags, metadata::text, regulatory, source
             from wo.work_order where wo_number = 'OLD-1'",
            &[],
        )
        .unwrap();
    assert_eq!(row.get::<_, Uuid>(0), id);
    assert_eq!(row.get::<_, String>(1), "admin");
    assert_eq!(row.get::<_, String>(2), "pending");
    assert_eq!(row.get::<_, i64>(3), 1);
    assert_eq!(row.get::<_, Vec<String>>(4), ["a", "b c"]);
    assert_eq!(row.get::<_, String>(5), "{\"n\": 12345678901234567890}");
    assert!(!row.get::<_, bool>(6));
    assert_eq!(row.get::<_, String>(7), "manual");

    // Everybody else copies in without them, held to the same rules.
    let view = "wo.work_order_import (title, assignee)";
    assert_eq!(copy(&mut almighty, view, "[A-B] x\tcolleague\n[A-B] y\t\\N\n").unwrap(), 2);
    let before = counts(&mut almighty);
    let lines = "[A-B] x\tcolleague\n[A-B] y\tnemo\n";
    refused(copy(&mut almighty, view, lines), "23514", "assignee_not_allowed");
    refused(copy(&mut almighty, view, "free\t\\N\n"), "22023", "title_convention");
    assert_eq!(counts(&mut almighty), before);
    // Into the table itself PostgreSQL lets no role copy that is under row security.
    // (On a connection of its own: the driver loses step where a COPY does not even begin.)
    let refused_at_once = copy(&mut company.connect("almighty"), "wo.work_order (title)", "");
    let refusal = db_error(refused_at_once);
    assert_eq!(refusal.code().code(), "0A000");
    for raw in [
        "insert into wo.work_order (id, title) values (gen_random_uuid(), '[A-B] x')",
        "insert into wo.work_order (wo_number, title) values ('MINE-1', '[A-B] x')",
        "insert into wo.work_order_import (wo_number, title) values ('MINE-1', '[A-B] x')",
    ] {
        refused(almighty.batch_execute(raw), "42501", "column_not_writable");
    }
    company.assert_intact();
}

/// What the server keeps is the server's, whatever an INSERT or UPDATE says.
#[test]
fn bookkeeping_columns_are_kept_by_the_server() {
    let company = Company::found("fleet_task");
    let mut almighty = company.connect("almighty");
    let row = almighty
        .query_one(
            "insert into wo.work_order (title, version, revision, originator, chain_sequence)
             values ('[A-B] x', 1, 1, 'almighty', 1)
             returning version, revision, originator, created_at > now() - interval '1 day',
                updated_at > now() - interval '1 day', locked_at is null, chain_sequence,
                substring(id::text, 15, 1), wo_number",
            &[],
        )
        .unwrap();
    assert_eq!((row.get::<_, i64>(0), row.get::<_, i32>(1), row.get::<_, i64>(6)), (1, 1, 1));
    assert_eq!(row.get::<_, String>(2), "almighty");
    assert!(row.get::<_, bool>(3) && row.get::<_, bool>(4) && row.get::<_, bool>(5));
    assert_eq!(row.get::<_, String>(7), "7", "a UUIDv7 says so");
    for (column, value) in [
        ("lifecycle", "'regulated_change'"),
        ("lifecycle_version", "2"),
        ("revision", "9"),
        ("updated_at", "'2001-01-01'"),
        ("locked_at", "now()"),
        ("chain_sequence", "9"),
        ("chain_hash", "decode(repeat('ab', 32), 'hex')"),
    ] {
        let update = format!("update wo.work_order set {column} = {value}");
        let detail = refused(almighty.batch_execute(&update), "42501", "column_not_writable");
        assert_eq!(detail["columns"], json!([column]));
    }
    for (column, value) in [
        ("tenant_id", "gen_random_uuid()"),
        ("id", "gen_random_uuid()"),
        ("wo_number", "'WO-1'"),
        ("originator", "'captain'"),
        ("created_at", "'2001-01-01'"),
        ("idempotency_key", "'k'"),
    ] {
        let update = format!("update wo.work_order set {column} = {value}");
        assert_eq!(db_error(almighty.batch_execute(&update)).code().code(), "42501", "{column}");
        // Whoever passes by row security meets the same.
        let mut root = company.root();
        assert_eq!(db_error(root.batch_execute(&update)).code().code(), "42501", "{column}");
    }
    company.assert_intact();
}

/// A binary float on the way would turn an order number of 20 digits into another one.
#[test]
fn metadata_keeps_every_digit_of_its_numbers() {
    let company = Company::found("fleet_task");
    let mut almighty = company.connect("almighty");
    let text = "{\"n\": 12345678901234567890, \"x\": 0.10000000000000000001}";
    let created: Vec<String> = [
        format!("select wo.create_work_order('[A-B] x', metadata => '{text}') ->> 'wo_number'"),
        format!(
            "select wo_number from wo.create_work_orders(
                '[{{\"title\": \"[A-B] x\", \"metadata\": {text}}}]')"
        ),
        format!("insert into wo.work_order (title, metadata) values ('[A-B] x', '{text}') returning wo_number"),
    ]
    .iter()
    .map(|sql| one(&mut almighty, sql))
    .collect();
    let patched = create(&mut almighty, "[A-B] x");
    almighty
        .batch_execute(&format!(
            "select wo.patch_work_order('{patched}', '{{\"metadata\": {text}}}')"
        ))
        .unwrap();
    let moved = create(&mut almighty, "[A-B] x");
    almighty
        .batch_execute(&format!(
            "select wo.transition('{moved}', 'accepted', fields => '{{\"metadata\": {text}}}')"
        ))
        .unwrap();
    let one_of_many = create(&mut almighty, "[A-B] x");
    almighty
        .batch_execute(&format!(
            "select wo.transition_many('[{{\"work_order\": \"{one_of_many}\",
                \"to_status\": \"accepted\", \"fields\": {{\"metadata\": {text}}}}}]')"
        ))
        .unwrap();
    copy(
        &mut almighty,
        "wo.work_order_import (title, metadata)",
        &format!("[A-B] copied\t{text}\n"),
    )
    .unwrap();
    let copied: String =
        one(&mut almighty, "select wo_number from wo.work_order where title = '[A-B] copied'");
    for number in created.iter().chain([&patched, &moved, &one_of_many, &copied]) {
        assert_eq!(field::<String>(&mut almighty, number, "metadata::text"), text, "{number}");
        let trail: bool = one(
            &mut almighty,
            &format!(
                "select bool_or(changes::text like '%12345678901234567890%'
                    and changes::text like '%0.10000000000000000001%')
                 from wo.audit_entry where subject_id =
                    (select id from wo.work_order where wo_number = '{number}')"
            ),
        );
        assert!(trail, "{number}");
    }
    company.assert_intact();
}

/// A blank text would pass for a description.
#[test]
fn blank_texts_are_null() {
    let company = Company::found("regulated_change");
    let mut almighty = company.connect("almighty");
    let number: String = one(
        &mut almighty,
        "insert into wo.work_order (title, description, notes, asset, project)
         values ('x', '', '  ', e'\\t\\n', ' ') returning wo_number",
    );
    let all_null = "description is null and notes is null and asset is null and project is null";
    assert!(field::<bool>(&mut almighty, &number, all_null));
    let detail = refused(
        almighty.execute("select wo.transition($1, 'pending_approval')", &[&number]),
        "23514",
        "fields_missing",
    );
    assert_eq!(detail["missing_fields"], json!(["description"]));
    almighty
        .execute("update wo.work_order set description = 'It leaks.', notes = 'n'", &[])
        .unwrap();
    almighty.execute("update wo.work_order set description = '  ', notes = ''", &[]).unwrap();
    assert!(field::<bool>(&mut almighty, &number, all_null));
    for blank in ["", "  ", "\u{a0}\t"] {
        let call = "select wo.create_work_order($1)";
        let detail = refused(almighty.execute(call, &[&blank]), "23514", "fields_missing");
        assert_eq!(detail["missing_fields"], json!(["title"]));
        let fields = json!({"title": blank});
        let patch = "select wo.patch_work_order($1, $2)";
        refused(almighty.execute(patch, &[&number, &fields]), "23514", "fields_missing");
        let update = "update wo.work_order set title = $1::text";
        let refusal = db_error(almighty.execute(update, &[&blank]));
        assert_eq!(refusal.code().code(), "23514", "{refusal:?}");
    }
    company.assert_intact();
}

/// A client that saves an unchanged form must not fill the trail, nor make others' versions stale.
#[test]
fn a_write_that_changes_nothing_leaves_no_trace() {
    let company = Company::found("fleet_task");
    let mut almighty = company.connect("almighty");
    let number = reach_alone(&mut almighty, &FLEET_TASK, "in_progress");
    let whole =
        format!("select to_jsonb(held) from wo.work_order as held where wo_number = '{number}'");
    let before: Value = one(&mut almighty, &whole);
    let had = counts(&mut almighty);
    for sql in [
        "update wo.work_order set title = title, notes = notes, status = status".to_owned(),
        "update wo.work_order set reason = 'no change at all'".to_owned(),
        format!("select wo.patch_work_order('{number}', '{{\"notes\": \"old notes\"}}')"),
        format!("select wo.patch_work_order('{number}', '{{}}', 'why')"),
        format!("select wo.patch_work_order('{number}', '{{\"metadata\": {{}}, \"tags\": []}}')"),
        "update wo.work_order set description = description, asset = ''".to_owned(),
    ] {
        println!("{sql}");
        almighty.batch_execute(&sql).unwrap();
        assert_eq!(one::<Value>(&mut almighty, &whole), before, "{sql}");
        assert_eq!(counts(&mut almighty), had, "{sql}");
    }
    // Nor is it a right that one would have to hold.
    let mut stranger = company.connect("stranger");
    assert_eq!(stranger.execute("update wo.work_order set title = title", &[]).unwrap(), 1);
    assert_eq!(counts(&mut almighty), had);
    company.assert_intact();
}

/// A statement that writes many rows is held to the rules row by row, and as a whole.
#[test]
fn one_refused_row_takes_its_whole_statement_back() {
    let company = Company::found("fleet_task");
    let mut almighty = company.connect("almighty");
    for _ in 0..5 {
        one::<String>(&mut almighty, &filled("fleet_task", "almighty", "almighty"));
    }
    let last = reach_alone(&mut almighty, &FLEET_TASK, "in_progress");
    let before = counts(&mut almighty);
    let all = "update wo.work_order set status = 'accepted'";
    refused(almighty.batch_execute(all), "55000", "illegal_transition");
    assert_eq!(counts(&mut almighty), before);
    let most = format!("{all} where wo_number <> '{last}'");
    assert_eq!(almighty.execute(&most, &[]).unwrap(), 5);
    assert_eq!(counts(&mut almighty), (6, before.1 + 5, before.2 + 5));
    company.assert_intact();
}
