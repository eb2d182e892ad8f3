//! The tenant templates: the system of spec/4 in one call, and the two others.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::fleet::crew::{ADMIN, CAPTAINS, Fleet};

/// spec/4 "Valid agent identities" and spec/5 "Valid assignees": identity, ship, platform.
const IDENTITIES: [(&str, &str, &str); 13] = [
    ("Mac App 小克", "SS1", "macOS Claude App"),
    ("Mac CLI 小克", "SS1", "macOS CLI"),
    ("Mac App 小A", "SS1", "macOS Antigravity"),
    ("Mac CLI 小A", "SS1", "macOS CLI Antigravity"),
    ("Win App 小克", "SS2", "Windows Claude App"),
    ("Win CLI 小克", "SS2", "Windows CLI"),
    ("Win App 小A", "SS2", "Windows Antigravity"),
    ("Win CLI 小A", "SS2", "Windows CLI Antigravity"),
    ("Web 小克", "SS3", "Web-based agent"),
    ("小西", "Any", "Claude Chat strategist"),
    ("夏哥", "Any", "Captain"),
    ("system:cron", "Automated", "Scheduled jobs"),
    ("system:webhook", "Automated", "Webhook triggers"),
];

/// spec/4 "Engine selection should follow Cost Awareness rules": free Groq, cheap Gemini and
/// DeepSeek, expensive Claude.
const ENGINES: [(&str, &str, &str); 4] = [
    ("claude", "expensive", "code_editing file_operations"),
    ("deepseek", "cheap", "quality_sensitive"),
    ("gemini", "cheap", "quality_sensitive"),
    ("groq", "free", "analysis research simple"),
];

const TASK_TYPES: [(&str, &str); 6] = [
    ("analysis", "free"),
    ("code_editing", "expensive"),
    ("file_operations", "expensive"),
    ("quality_sensitive", "cheap"),
    ("research", "free"),
    ("simple", "free"),
];

fn tenants_own(fleet: &Fleet, slug: &str, sql: &str) -> Vec<String> {
    let tenant = format!("(select tenant_id from wo.tenant where slug = '{slug}')");
    fleet.all("postgres", &sql.replace(":tenant", &tenant))
}

#[test]
fn exactly_the_thirteen_identities_of_the_specification_can_be_assigned() {
    let fleet = Fleet::found();
    // The PM is the tests' own.
    let listed: BTreeSet<(String, Option<String>, Option<String>)> = fleet
        .rows(
            "Web 小克",
            "select identity, ship, platform from wo.list_identities()
             where assignable and identity <> 'pm'",
        )
        .iter()
        .map(|row| (row.get(0), row.get(1), row.get(2)))
        .collect();
    let expected: BTreeSet<_> = IDENTITIES
        .iter()
        .map(|(id, ship, platform)| {
            ((*id).to_owned(), Some((*ship).to_owned()), Some((*platform).to_owned()))
        })
        .collect();
    assert_eq!(listed, expected);
    for (identity, ..) in IDENTITIES {
        let assign = format!(
            "select wo.create_work_order('[SS1-Operations] x', assignee => '{identity}') ->> 'status'"
        );
        assert_eq!(fleet.one::<String>("Web 小克", &assign), "pending", "{identity}");
    }
}

#[test]
fn the_three_captain_identities_are_captains_and_nobody_else_holds_a_role() {
    let fleet = Fleet::found();
    let holders: BTreeSet<(String, Vec<String>)> = fleet
        .rows(
            "Web 小克",
            "select identity, roles from wo.list_identities() where roles <> '{}' and identity <> 'pm'",
        )
        .iter()
        .map(|row| (row.get(0), row.get(1)))
        .collect();
    let expected: BTreeSet<_> =
        CAPTAINS.iter().map(|id| ((*id).to_owned(), vec!["captain".to_owned()])).collect();
    assert_eq!(holders, expected);
    let unassignable =
        fleet.all("Web 小克", "select identity from wo.list_identities() where not assignable");
    assert_eq!(unassignable, ["system:captain-proxy"]);
}

#[test]
fn a_disabled_identity_is_neither_listed_nor_assigned() {
    let fleet = Fleet::found();
    fleet.administer("select wo.disable_principal('Web 小克')");
    let listed = fleet.all("夏哥", "select identity from wo.list_identities()");
    assert!(!listed.contains(&"Web 小克".to_owned()), "{listed:?}");
    let assign = "select wo.create_work_order('[SS1-Operations] x', assignee => 'Web 小克')";
    fleet.refused("夏哥", assign, "23514", "assignee_not_allowed");
}

/// "WO-YYYY-MMDD-XXX", the date of its making, three hexadecimal digits.
#[test]
fn numbers_are_made_in_the_format_of_the_specification() {
    let fleet = Fleet::found();
    let format: String =
        fleet.one("postgres", "select number_format from wo.tenant where slug = 'superportia'");
    assert_eq!(format, "WO-{YYYY}-{MMDD}-{XXX}");
    let odd = |digits: &str| -> i64 {
        fleet.one(
            "postgres",
            &format!(
                "select count(*) from wo.work_order
                 where wo_number !~ '^WO-[0-9]{{4}}-[0-9]{{4}}-[0-9A-F]{digits}$'
                    or substr(wo_number, 4, 9) <> to_char(created_at at time zone 'UTC', 'YYYY-MMDD')"
            ),
        )
    };
    fleet.create("[SS1-Operations] x");
    assert_eq!(odd("{3}"), 0);
    for _ in 1..30 {
        fleet.create("[SS1-Operations] x");
    }
    // A number that is taken is drawn again, with more digits: few of 30 in 4096.
    assert_eq!(odd("{3,16}"), 0);
    assert!(odd("{3}") < 5);
    let distinct: i64 =
        fleet.one("postgres", "select count(distinct wo_number) from wo.work_order");
    assert_eq!(distinct, 30);
    let in_a_row: bool = fleet.one(
        "postgres",
        "select array_agg(wo_number order by id) = array_agg(wo_number order by wo_number) from wo.work_order",
    );
    assert!(!in_a_row, "the suffix is random");
}

#[test]
fn the_fleet_starts_with_its_lifecycle_engines_and_task_types() {
    let fleet = Fleet::found();
    let lifecycle: String =
        fleet.one("postgres", "select default_lifecycle from wo.tenant where slug = 'superportia'");
    assert_eq!(lifecycle, "fleet_task");
    let published = fleet.all("夏哥", "select name from wo.lifecycle order by 1");
    assert_eq!(published, ["agent_change", "fleet_task", "regulated_change"]);
    let engines: Vec<(String, String, String)> = fleet
        .rows(
            "夏哥",
            "select engine, cost_class,
                (select string_agg(one, ' ' order by one) from unnest(capabilities) as one)
             from wo.engine where disabled_at is null order by 1",
        )
        .iter()
        .map(|row| (row.get(0), row.get(1), row.get(2)))
        .collect();
    let text = |it: (&str, &str, &str)| (it.0.to_owned(), it.1.to_owned(), it.2.to_owned());
    assert_eq!(engines, ENGINES.map(text));
    let types: Vec<(String, String)> = fleet
        .rows("夏哥", "select task_type, cost_class from wo.task_type order by 1")
        .iter()
        .map(|row| (row.get(0), row.get(1)))
        .collect();
    assert_eq!(types, TASK_TYPES.map(|(name, class)| (name.to_owned(), class.to_owned())));
    fleet.assert_intact();
}

/// The whole of it is in the trail of the tenant that it made.
#[test]
fn what_a_template_brings_is_written_into_the_trail() {
    let fleet = Fleet::found();
    for (table, subject) in
        [("principal", "principal"), ("engine", "engine"), ("task_type", "task_type")]
    {
        let same: bool = fleet.one(
            "postgres",
            &format!(
                "select (select count(*) from wo.{table} where tenant_id = '{0}')
                    = (select count(*) from wo.audit_chain where tenant_id = '{0}' and subject = '{subject}')",
                fleet.tenant
            ),
        );
        assert!(same, "{table}");
    }
}

#[test]
fn the_other_templates_make_tenants_of_the_other_lifecycles() {
    let fleet = Fleet::found();
    for (slug, template, lifecycle) in [
        ("plain", "", "regulated_change"),
        ("regulated", ", template => 'regulated_change'", "regulated_change"),
        ("agents", ", template => 'agent_change'", "agent_change"),
        (
            "mixed",
            ", default_lifecycle => 'regulated_change', template => 'fleet'",
            "regulated_change",
        ),
    ] {
        fleet.run(ADMIN, &format!("select wo.create_tenant('{slug}', '{slug}'{template})"));
        let default = tenants_own(
            &fleet,
            slug,
            "select default_lifecycle from wo.tenant where tenant_id = :tenant",
        );
        assert_eq!(default, [lifecycle], "{slug}");
        fleet.database.login(&format!("of_{slug}"), &["wo_user"]);
        fleet.administer_of(
            slug,
            &format!("select wo.create_principal('someone', db_role => 'of_{slug}')"),
        );
        let made: Value = fleet.one(
            &format!("of_{slug}"),
            "select wo.create_work_order('[SS1-Operations] Change the pump', description => 'x')",
        );
        assert_eq!(made["lifecycle"], lifecycle, "{slug}");
        assert_eq!(made["status"], "draft", "{slug}");
    }
    let principals =
        "select id from wo.principal where tenant_id = :tenant and id <> 'someone' order by id";
    assert_eq!(tenants_own(&fleet, "regulated", principals), [""; 0]);
    assert_eq!(tenants_own(&fleet, "plain", principals), [""; 0]);
    // The roster of spec/1.
    assert_eq!(
        tenants_own(&fleet, "agents", principals),
        [
            "asset-manager",
            "documentation",
            "experience-matcher",
            "qa-reviewer",
            "scheduler",
            "vendor-coordinator",
            "wo-orchestrator"
        ]
    );
    let engines = "select engine from wo.engine where tenant_id = :tenant";
    assert_eq!(tenants_own(&fleet, "agents", engines), [""; 0]);
    assert_eq!(tenants_own(&fleet, "mixed", engines).len(), 4);
}

#[test]
fn an_agent_of_the_agent_template_carries_a_change_to_its_review() {
    let fleet = Fleet::found();
    fleet.run(ADMIN, "select wo.create_tenant('agents', 'Agents', template => 'agent_change')");
    for (login, id) in [
        ("orchestrating", "wo-orchestrator"),
        ("scheduling", "scheduler"),
        ("managing", "asset-manager"),
    ] {
        fleet.database.login(login, &["wo_user"]);
        fleet.administer_of(
            "agents",
            &format!("update wo.principal set db_role = '{login}' where id = '{id}'"),
        );
    }
    let made: Value = fleet.one(
        "orchestrating",
        "select wo.create_work_order('Patch the historian', description => 'to 4.2', assignee => 'asset-manager',
            planned_start => '2026-01-01 08:00Z', planned_end => '2026-01-02 08:00Z')",
    );
    let number = made["wo_number"].as_str().unwrap();
    for (who, to) in [
        ("orchestrating", "planned"),
        ("scheduling", "scheduled"),
        ("managing", "in_progress"),
        ("managing", "pending_review"),
    ] {
        let moved: Value =
            fleet.one(who, &format!("select wo.transition('{number}', '{to}', 'as planned')"));
        assert_eq!(moved["status"], to);
    }
}

#[test]
fn an_unknown_template_is_refused_and_makes_nothing() {
    let fleet = Fleet::found();
    for template in ["Fleet", "fleets", "", "../fleet"] {
        let make = format!("select wo.create_tenant('new', 'New', template => '{template}')");
        fleet.refused(ADMIN, &make, "22023", "template_unknown");
    }
    assert_eq!(
        tenants_own(&fleet, "new", "select slug from wo.tenant where slug = 'new'"),
        [""; 0]
    );
    fleet.run(ADMIN, "select wo.create_tenant('new', 'New', template => 'fleet')");
}

#[test]
fn only_an_administrator_makes_a_fleet() {
    let fleet = Fleet::found();
    let before = fleet.everything();
    let make = "select wo.create_tenant('mine', 'Mine', template => 'fleet')";
    let refusal = fleet.with("夏哥", |client| client.batch_execute(make));
    assert_eq!(wo_cluster_tests::db_error(refusal).code().code(), "42501");
    assert_eq!(fleet.everything(), before);
}

/// Each moves by its own rules, in turns, through the same functions and in one list.
#[test]
fn fleet_tasks_and_regulated_changes_run_side_by_side_in_one_tenant() {
    let fleet = Fleet::found();
    for (login, roles) in [("planner", "{planner}"), ("system_owner", "{system_owner}")] {
        fleet.database.login(login, &["wo_user"]);
        fleet.administer(&format!(
            "select wo.create_principal('{login}', roles => '{roles}', db_role => '{login}')"
        ));
    }
    let task = fleet.create("[SS1-Operations] Mend the pump");
    let change: Value = fleet.one(
        "planner",
        "select wo.create_work_order('Replace the pump of line 4', lifecycle => 'regulated_change',
            description => 'It leaks.', assignee => 'Mac CLI 小克')",
    );
    assert_eq!(change["status"], "draft");
    let change = change["wo_number"].as_str().unwrap();
    for (who, number, to) in [
        ("planner", change, "pending_approval"),
        ("Mac CLI 小克", &task, "accepted"),
        ("system_owner", change, "assigned"),
        ("Mac CLI 小克", &task, "in_progress"),
        ("Mac CLI 小克", change, "in_progress"),
        ("Mac CLI 小克", change, "blocked"),
        ("Mac CLI 小克", &task, "blocked"),
        ("planner", change, "in_progress"),
        ("Mac CLI 小克", &task, "in_progress"),
        ("Mac CLI 小克", change, "completed"),
        ("Mac CLI 小克", &task, "review"),
        ("planner", change, "closed"),
        ("夏哥", &task, "approved"),
    ] {
        let fields = match to {
            "review" => r#"{"completion_summary": "done", "actual_hours": 2}"#,
            _ => "{}",
        };
        let moving =
            format!("select wo.transition('{number}', '{to}', 'because', '{fields}') ->> 'status'");
        assert_eq!(fleet.one::<String>(who, &moving), to);
        let listed = fleet.all(
            "夏哥",
            "select lifecycle from wo.list_work_orders(include_completed => true) order by 1",
        );
        assert_eq!(listed, ["fleet_task", "regulated_change"]);
    }
    // Neither lifecycle lends the other its states, roles or conventions.
    let another: Value = fleet.one(
        "planner",
        "select wo.create_work_order('No prefix here', lifecycle => 'regulated_change')",
    );
    let another = another["wo_number"].as_str().unwrap();
    let task = fleet.reach("pending");
    let moving = |number: &str, to: &str| format!("select wo.transition('{number}', '{to}', 'x')");
    fleet.refused("planner", &moving(another, "accepted"), "22023", "unknown_state");
    fleet.refused("夏哥", &moving(another, "cancelled"), "42501", "role_missing");
    fleet.refused("夏哥", &moving(&task, "assigned"), "22023", "unknown_state");
    fleet.refused("planner", &moving(&task, "cancelled"), "42501", "role_missing");
    let accept = format!("select wo.accept_work_order('{another}')");
    fleet.refused("夏哥", &accept, "22023", "unknown_action");
    let details: Value = fleet.one("夏哥", &format!("select wo.get_work_order_detail('{change}')"));
    assert_eq!(details["category"], Value::Null);
    assert_eq!(details["history"].as_array().unwrap().len(), 8);
    assert_eq!(details["blocker"], json!(null));
    fleet.assert_intact();
}
