//! Dispatch: which engine executes a work order, why, and who says otherwise.

use serde_json::{Value, json};

use crate::fleet::crew::{CAPTAINS, Fleet};

const ASSIGNEE: &str = "Mac CLI 小克";

fn task(fleet: &Fleet, task_type: &str) -> String {
    let create = format!(
        "select wo.create_work_order('[SS1-Operations] Do it', assignee => '{ASSIGNEE}',
            requester => 'Web 小克', task_type => '{task_type}') ->> 'wo_number'"
    );
    fleet.one("Win CLI 小克", &create)
}

fn research(fleet: &Fleet) -> String {
    task(fleet, "research")
}

fn chosen(fleet: &Fleet, number: &str) -> Value {
    fleet.one("Web 小克", &format!("select wo.choose_engine('{number}')"))
}

fn over(number: &str, engine: &str, reason: &str) -> String {
    format!("select wo.override_engine('{number}', '{engine}', '{reason}')")
}

/// spec/4: free for research, analysis and simple tasks, cheap for what is sensitive to quality,
/// expensive for code editing and file operations only.
#[test]
fn each_kind_of_task_goes_to_the_engine_of_its_cost_class() {
    let fleet = Fleet::found();
    for (task_type, class, engines) in [
        ("research", "free", &["groq"][..]),
        ("analysis", "free", &["groq"]),
        ("simple", "free", &["groq"]),
        ("quality_sensitive", "cheap", &["gemini", "deepseek"]),
        ("code_editing", "expensive", &["claude"]),
        ("file_operations", "expensive", &["claude"]),
    ] {
        let number = task(&fleet, task_type);
        let choice = chosen(&fleet, &number);
        assert_eq!(choice["wo_number"], number.as_str());
        assert_eq!(choice["cost_class"], class, "{task_type}");
        assert_eq!(choice["task_type"], task_type);
        assert_eq!(choice["overridden"], false);
        let engine = choice["engine"].as_str().unwrap();
        assert!(engines.contains(&engine), "{task_type}: {engine}");
        let why = choice["why"].as_str().unwrap();
        assert!(why.contains(engine) && why.contains(task_type) && why.contains(class), "{why}");
        let id: String = fleet.one(
            "夏哥",
            &format!("select id::text from wo.work_order where wo_number = '{number}'"),
        );
        assert_eq!(chosen(&fleet, &id), choice);
        assert_eq!(chosen(&fleet, &number), choice, "the same question, the same answer");
    }
}

#[test]
fn a_task_of_no_known_type_has_no_engine() {
    let fleet = Fleet::found();
    let create = |further: &str| {
        format!(
            "select wo.create_work_order('[SS1-Operations] Do it', assignee => '{ASSIGNEE}',
                requester => 'Web 小克'{further}) ->> 'wo_number'"
        )
    };
    for unknown in ["cooking", "Research"] {
        let create = create(&format!(", task_type => '{unknown}'"));
        fleet.refused("Win CLI 小克", &create, "23503", "reference_unknown");
    }
    for further in ["", ", task_type => ''", ", metadata => '{\"task_type\": \"research\"}'"] {
        let number: String = fleet.one("Win CLI 小克", &create(further));
        let choose = format!("select wo.choose_engine('{number}')");
        let detail = fleet.refused("夏哥", &choose, "23514", "task_type_unknown");
        let mut known: Vec<&str> = detail["task_types"]
            .as_array()
            .unwrap()
            .iter()
            .map(|it| it.as_str().unwrap())
            .collect();
        known.sort_unstable();
        assert_eq!(
            known,
            [
                "analysis",
                "code_editing",
                "file_operations",
                "quality_sensitive",
                "research",
                "simple"
            ]
        );
    }
}

#[test]
fn a_work_order_that_is_not_there_has_no_engine() {
    let fleet = Fleet::found();
    fleet.add_rival();
    let number = research(&fleet);
    for (who, name) in [("夏哥", "WO-1999-0101-FFF"), ("rival", number.as_str())] {
        let choose = format!("select wo.choose_engine('{name}')");
        fleet.refused(who, &choose, "22023", "work_order_unknown");
        fleet.refused(who, &over(name, "claude", "because"), "22023", "work_order_unknown");
        let withdraw = format!("select wo.withdraw_engine_override('{name}')");
        fleet.refused(who, &withdraw, "22023", "work_order_unknown");
    }
}

/// Money is never spent because something cheaper is away.
#[test]
fn a_disabled_engine_is_not_chosen_and_nothing_dearer_stands_in() {
    let fleet = Fleet::found();
    let (free, cheap) = (research(&fleet), task(&fleet, "quality_sensitive"));
    let first = chosen(&fleet, &cheap)["engine"].as_str().unwrap().to_owned();
    fleet.administer(&format!(
        "update wo.engine set disabled_at = now() where engine in ('{first}', 'groq');
         update wo.engine set capabilities = capabilities || '{{research}}' where engine = 'claude'"
    ));
    let second = chosen(&fleet, &cheap);
    assert_ne!(second["engine"], first.as_str());
    assert_eq!(second["cost_class"], "cheap");
    let choose = format!("select wo.choose_engine('{free}')");
    let detail = fleet.refused("夏哥", &choose, "23514", "no_engine");
    assert_eq!(detail["task_type"], "research");
    assert_eq!(detail["cost_class"], "free");
    assert_eq!(detail["too_expensive"], json!(["claude"]));
    fleet.administer("update wo.engine set disabled_at = null where engine = 'groq'");
    assert_eq!(chosen(&fleet, &free)["engine"], "groq");
}

/// The rules are rows: a tenant with other engines and other task types is served by them.
#[test]
fn the_choice_follows_the_tables() {
    let fleet = Fleet::found();
    fleet.administer(
        "insert into wo.task_type (task_type, cost_class) values ('translation', 'cheap');
         insert into wo.engine (engine, cost_class, capabilities) values ('bergamot', 'free', '{translation}');
         update wo.engine set capabilities = capabilities || '{translation}' where engine = 'gemini'",
    );
    let number = task(&fleet, "translation");
    assert_eq!(chosen(&fleet, &number)["engine"], "bergamot");
    fleet.administer("update wo.engine set disabled_at = now() where engine = 'bergamot'");
    assert_eq!(chosen(&fleet, &number)["engine"], "gemini");
    fleet.administer("update wo.task_type set cost_class = 'free' where task_type = 'translation'");
    let choose = format!("select wo.choose_engine('{number}')");
    fleet.refused("夏哥", &choose, "23514", "no_engine");
}

#[test]
fn engines_and_task_types_are_for_administrators_to_change() {
    let fleet = Fleet::found();
    for write in [
        "insert into wo.engine (engine, cost_class) values ('mine', 'free')",
        "update wo.engine set cost_class = 'free' where engine = 'claude'",
        "delete from wo.engine where engine = 'claude'",
        "insert into wo.task_type (task_type, cost_class) values ('mine', 'expensive')",
        "update wo.task_type set cost_class = 'expensive'",
        "delete from wo.task_type",
    ] {
        let before = fleet.everything();
        let refusal = fleet.with("夏哥", |client| client.batch_execute(write));
        assert_eq!(wo_cluster_tests::db_error(refusal).code().code(), "42501", "{write}");
        assert_eq!(fleet.everything(), before);
    }
}

#[test]
fn a_captain_overrides_the_choice_with_a_reason_and_takes_it_back() {
    let fleet = Fleet::found();
    for captain in CAPTAINS {
        let number = research(&fleet);
        let answer: Value = fleet.one(captain, &over(&number, "claude", "the sources are code"));
        for said in [answer, chosen(&fleet, &number)] {
            assert_eq!(said["engine"], "claude");
            assert_eq!(said["cost_class"], "expensive");
            assert_eq!(said["overridden"], true);
            let why = said["why"].as_str().unwrap();
            assert!(why.contains(captain) && why.contains("the sources are code"), "{why}");
        }
        let again: Value = fleet.one("小西", &over(&number, "gemini", "cheaper will do"));
        assert_eq!((&again["engine"], &again["overridden"]), (&json!("gemini"), &json!(true)));
        assert!(again["why"].as_str().unwrap().contains("小西"), "{again}");
        let withdraw = format!("select wo.withdraw_engine_override('{number}')");
        assert!(fleet.one::<bool>(captain, &withdraw));
        assert_eq!(chosen(&fleet, &number)["engine"], "groq");
        assert!(!fleet.one::<bool>(captain, &withdraw), "there is none any more");
    }
    fleet.assert_intact();
}

/// An override also serves a work order whose task type the rules do not know.
#[test]
fn an_override_answers_where_the_rules_cannot() {
    let fleet = Fleet::found();
    let number = task(&fleet, "");
    fleet.run("夏哥", &over(&number, "deepseek", "it is a poem"));
    let choice = chosen(&fleet, &number);
    assert_eq!((&choice["engine"], &choice["task_type"]), (&json!("deepseek"), &Value::Null));
}

#[test]
fn an_override_needs_a_captain_a_reason_and_an_engine_that_works() {
    let fleet = Fleet::found();
    fleet.administer("update wo.engine set disabled_at = now() where engine = 'deepseek'");
    let number = research(&fleet);
    for who in ["pm", ASSIGNEE, "Web 小克", "Win CLI 小克", "Win App 小A", "system:cron"] {
        let call = over(&number, "claude", "I like it");
        let detail = fleet.refused(who, &call, "42501", "role_missing");
        assert_eq!(detail["roles"], json!(["captain"]), "{who}");
    }
    for reason in ["''", "'  '", "null"] {
        let call = format!("select wo.override_engine('{number}', 'claude', {reason})");
        let detail = fleet.refused("夏哥", &call, "23514", "fields_missing");
        assert_eq!(detail["missing_fields"], json!(["reason"]), "{reason}");
    }
    for engine in ["skynet", "Claude", "", "deepseek"] {
        let detail = fleet.refused("夏哥", &over(&number, engine, "x"), "22023", "engine_unknown");
        assert_eq!(detail["engine"], engine);
    }
    let nothing = format!("select wo.override_engine('{number}', null, 'x')");
    fleet.refused("夏哥", &nothing, "22023", "engine_unknown");
    assert_eq!(chosen(&fleet, &number)["overridden"], false);
}

/// Who may is in the definition, like every other right.
#[test]
fn who_overrides_follows_the_definition() {
    let fleet = Fleet::found();
    let old = research(&fleet);
    let mut definition = fleet.definition("fleet_task");
    definition["dispatch"]["override"] = json!(["pm"]);
    fleet.publish(&definition);
    let new = research(&fleet);
    fleet.run("pm", &over(&new, "claude", "planned so"));
    fleet.refused("夏哥", &over(&new, "gemini", "x"), "42501", "role_missing");
    fleet.run("夏哥", &over(&old, "claude", "decided so"));
    fleet.refused("pm", &over(&old, "gemini", "x"), "42501", "role_missing");
    definition.as_object_mut().unwrap().remove("dispatch");
    fleet.publish(&definition);
    let newest = research(&fleet);
    fleet.refused("夏哥", &over(&newest, "gemini", "x"), "42501", "role_missing");
}

fn id_of(fleet: &Fleet, number: &str) -> String {
    fleet.one("夏哥", &format!("select id::text from wo.work_order where wo_number = '{number}'"))
}

fn raw_insert(id: &str) -> String {
    format!(
        "insert into wo.engine_override (work_order_id, engine, reason)
         values ('{id}', 'claude', 'because')"
    )
}

#[test]
fn raw_writes_of_an_override_meet_the_same_rules() {
    let fleet = Fleet::found();
    let (free, named) = (research(&fleet), research(&fleet));
    let (free, named) = (id_of(&fleet, &free), id_of(&fleet, &named));
    fleet.run("小西", &raw_insert(&named));
    let row: Value = fleet.one("夏哥", "select to_jsonb(held) from wo.engine_override as held");
    assert_eq!(row["overridden_by"], "小西", "the server says who");
    let update =
        |set: &str| format!("update wo.engine_override set {set} where work_order_id = '{named}'");
    let delete = format!("delete from wo.engine_override where work_order_id = '{named}'");
    for who in ["pm", ASSIGNEE, "Web 小克", "Win App 小A"] {
        for write in
            [raw_insert(&free), update("engine = 'gemini'"), update("reason = 'x'"), delete.clone()]
        {
            fleet.refused(who, &write, "42501", "role_missing");
        }
    }
    for (write, state, code) in [
        (raw_insert(&free).replace("'because'", "' '"), "23514", "fields_missing"),
        (raw_insert(&free).replace("'claude'", "'skynet'"), "22023", "engine_unknown"),
        (update("engine = 'skynet'"), "22023", "engine_unknown"),
        (update("reason = ''"), "23514", "fields_missing"),
        (update(&format!("work_order_id = '{free}'")), "42501", "key_change_refused"),
        ("truncate wo.engine_override".to_owned(), "42501", ""),
    ] {
        if code.is_empty() {
            let refusal = fleet.with("夏哥", |client| client.batch_execute(&write));
            assert_eq!(wo_cluster_tests::db_error(refusal).code().code(), state);
        } else {
            fleet.refused("夏哥", &write, state, code);
        }
    }
    fleet.run("夏哥", &update("engine = 'gemini'"));
    let row: Value = fleet.one("夏哥", "select to_jsonb(held) from wo.engine_override as held");
    assert_eq!((&row["engine"], &row["overridden_by"]), (&json!("gemini"), &json!("夏哥")));
    fleet.run("夏哥", &delete);
    fleet.assert_intact();
}

#[test]
fn the_override_of_a_locked_work_order_is_locked_with_it() {
    let fleet = Fleet::found();
    for (named, state) in [(true, "cancelled"), (false, "cancelled"), (true, "approved")] {
        let number = research(&fleet);
        let id = id_of(&fleet, &number);
        if named {
            fleet.run("夏哥", &over(&number, "claude", "because"));
        }
        if state == "approved" {
            for to in ["accepted", "in_progress", "review", "approved"] {
                let fields = json!({"completion_summary": "done", "actual_hours": 1});
                let fields = if to == "review" { fields } else { json!({}) };
                fleet.run(
                    "夏哥",
                    &format!("select wo.transition('{number}', '{to}', 'x', '{fields}')"),
                );
            }
        } else {
            fleet.run("夏哥", &format!("select wo.transition('{number}', 'cancelled', 'x')"));
        }
        fleet.refused("夏哥", &over(&number, "gemini", "late"), "55000", "record_locked");
        if named {
            let update = "update wo.engine_override set reason = 'late' where work_order_id =";
            let delete = "delete from wo.engine_override where work_order_id =";
            for write in [update, delete] {
                fleet.refused("夏哥", &format!("{write} '{id}'"), "55000", "record_locked");
            }
            let withdraw = format!("select wo.withdraw_engine_override('{number}')");
            fleet.refused("夏哥", &withdraw, "55000", "record_locked");
            assert_eq!(chosen(&fleet, &number)["engine"], "claude");
        } else {
            fleet.refused("夏哥", &raw_insert(&id), "55000", "record_locked");
        }
    }
}

#[test]
fn another_tenants_override_is_neither_seen_nor_written() {
    let fleet = Fleet::found();
    fleet.add_rival();
    let number = research(&fleet);
    let id = id_of(&fleet, &number);
    fleet.refused("rival", &raw_insert(&id), "22023", "work_order_unknown");
    let claim = raw_insert(&id)
        .replace("(work_order_id", "(tenant_id, work_order_id")
        .replace("values (", &format!("values ('{}', ", fleet.tenant));
    fleet.refused("rival", &claim, "42501", "wrong_tenant");
    fleet.run("夏哥", &over(&number, "claude", "because"));
    let before = fleet.everything();
    for write in
        ["update wo.engine_override set reason = 'theirs'", "delete from wo.engine_override"]
    {
        fleet.run("rival", write);
        assert_eq!(fleet.everything(), before, "{write}");
    }
    for table in ["engine_override", "engine", "task_type"] {
        let theirs: i64 = fleet.one(
            "rival",
            &format!("select count(*) from wo.{table} where tenant_id = '{}'", fleet.tenant),
        );
        assert_eq!(theirs, 0, "{table}");
    }
}

#[test]
fn an_override_is_in_the_trail_and_among_the_events() {
    let fleet = Fleet::found();
    let number = research(&fleet);
    fleet.run("夏哥", "select wo.create_consumer('dispatcher')");
    fleet.run("夏哥", &over(&number, "claude", "the sources are code"));
    fleet.run("小西", &over(&number, "gemini", "cheaper will do"));
    fleet.run("夏哥", &format!("select wo.withdraw_engine_override('{number}')"));
    let trail: Vec<(String, String, Option<String>)> = fleet
        .rows(
            "Web 小克",
            &format!("select action, who, why from wo.audit_trail('{number}') order by sequence"),
        )
        .iter()
        .map(|row| (row.get(0), row.get(1), row.get(2)))
        .collect();
    let step = |action: &str, who: &str, why: Option<&str>| {
        (action.to_owned(), who.to_owned(), why.map(str::to_owned))
    };
    assert_eq!(
        trail[1..],
        [
            step("engine_overridden", "夏哥", Some("the sources are code")),
            step("engine_overridden", "小西", Some("cheaper will do")),
            step("engine_override_withdrawn", "夏哥", None),
        ]
    );
    let what = fleet.all(
        "夏哥",
        &format!("select what from wo.audit_trail('{number}') where action like 'engine%' order by sequence"),
    );
    assert!(what[0].contains("claude"), "{what:?}");
    assert!(what[1].contains("claude") && what[1].contains("gemini"), "{what:?}");
    assert!(what[2].contains("gemini"), "{what:?}");
    let events: Vec<Value> = fleet
        .rows("夏哥", "select event from wo.fetch_events('dispatcher')")
        .iter()
        .map(|row| row.get(0))
        .collect();
    let id = id_of(&fleet, &number);
    let actions: Vec<&Value> = events
        .iter()
        .filter(|event| event.to_string().contains(&id))
        .map(|event| &event["data"]["action"])
        .collect();
    assert_eq!(
        actions,
        ["created", "engine_overridden", "engine_overridden", "engine_override_withdrawn"]
    );
    fleet.assert_intact();
}

/// The same engine for the same reason by the same captain, said twice, is one decision or two, but
/// never a broken chain.
#[test]
fn the_chains_hold_whatever_is_overridden_in_one_transaction() {
    let fleet = Fleet::found();
    let (a, b) = (research(&fleet), research(&fleet));
    fleet.run(
        "夏哥",
        &format!(
            "begin; {}; {}; {}; select wo.withdraw_engine_override('{a}'); {};
             select wo.accept_work_order('{a}'); savepoint s; {}; rollback to s; {}; commit",
            over(&a, "claude", "x"),
            over(&a, "claude", "x"),
            over(&b, "gemini", "y"),
            over(&a, "gemini", "z"),
            over(&b, "claude", "undone"),
            over(&b, "claude", "done"),
        ),
    );
    assert_eq!(chosen(&fleet, &a)["engine"], "gemini");
    assert_eq!(chosen(&fleet, &b)["engine"], "claude");
    fleet.assert_intact();
}

#[test]
fn an_override_that_was_tampered_with_is_found() {
    for tampering in [
        "update wo.engine_override set engine = 'groq'",
        "update wo.engine_override set reason = 'another'",
        "update wo.engine_override set overridden_by = '小西'",
        "update wo.engine_override set overridden_at = overridden_at - interval '1 second'",
        "delete from wo.engine_override",
        "insert into wo.engine_override (tenant_id, work_order_id, engine, reason, overridden_by, overridden_at)
         select held.tenant_id, held.id, 'claude', 'x', '夏哥', now() from wo.work_order as held
         where not exists (select from wo.engine_override as named where named.work_order_id = held.id)",
    ] {
        let fleet = Fleet::found();
        let named = research(&fleet);
        research(&fleet);
        fleet.run("夏哥", &over(&named, "claude", "because"));
        fleet.assert_intact();
        fleet.tamper(tampering);
        let problems = fleet.problems();
        assert_eq!(problems.len(), 1, "{tampering}: {problems:?}");
        assert_eq!(problems[0].0, "work_order", "{tampering}: {problems:?}");
    }
}
