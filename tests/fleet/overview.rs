//! What waits for somebody, how the fleet's work stands, and the check before work begins.

use serde_json::{Value, json};

use crate::fleet::crew::Fleet;

const ASSIGNEE: &str = "Mac CLI 小克";
const CREATOR: &str = "Win CLI 小克";
const CAPTAIN: &str = "夏哥";

/// At the start of a session one looks for one's own work: nothing of others, nothing that is over.
#[test]
fn my_work_is_what_waits_for_the_caller() {
    let fleet = Fleet::found();
    let going = fleet.reach("in_progress");
    let blocked = fleet.reach("blocked");
    fleet.reach("approved");
    fleet.add_rival();
    let sql = "select waits_for || ' ' || wo_number || ' ' || status || ' ' || icon || ' ' || coalesce(blocker, '-') from wo.my_work()";
    let mut mine = fleet.all(ASSIGNEE, sql);
    mine.sort();
    let mut expected = [
        format!("work {going} in_progress 🔵 -"),
        format!("work {blocked} blocked 🟠 no notes say what"),
    ];
    expected.sort();
    // The reason of a block is kept in the notes.
    let expected: Vec<String> =
        expected.iter().map(|line| line.replace("no notes say what", "because")).collect();
    assert_eq!(mine, expected);
    assert_eq!(fleet.all(CREATOR, sql), Vec::<String>::new());
    assert_eq!(fleet.all("rival", sql), Vec::<String>::new());
}

/// The captain sees at a glance whose work stands still: each assignee is one row, with what blocks it.
#[test]
fn the_overview_counts_the_open_work_of_each_assignee() {
    let fleet = Fleet::found();
    let first = fleet.reach("in_progress");
    let blocked = fleet.reach("blocked");
    fleet.reach("approved");
    let unassigned = fleet.one::<String>(
        CREATOR,
        "select wo.create_work_order('[SS1-Operations] nobody yet') ->> 'wo_number'",
    );
    fleet.add_rival();
    let sql = "select coalesce(jsonb_agg(to_jsonb(seen) - 'oldest_since'), '[]') from wo.fleet_overview() as seen";
    let seen: Value = fleet.one(CAPTAIN, sql);
    let of = |assignee: Value| {
        seen.as_array().unwrap().iter().find(|row| row["assignee"] == assignee).cloned().unwrap()
    };
    let mine = of(json!(ASSIGNEE));
    assert_eq!(mine["open"], 2, "{seen}");
    assert_eq!(mine["by_status"], json!({"in_progress": 1, "blocked": 1}));
    assert_eq!(mine["oldest"], json!(first));
    assert_eq!(mine["overdue"], 0);
    assert_eq!(
        mine["blocked"],
        json!([{"wo_number": blocked, "title": "[SS1-Operations] Mend the pump", "blocker": "because"}])
    );
    assert!(mine["ship"].is_string() && mine["platform"].is_string(), "{mine}");
    let nobodys = of(Value::Null);
    assert_eq!((&nobodys["open"], &nobodys["oldest"]), (&json!(1), &json!(unassigned)));
    assert_eq!(fleet.one::<Value>("rival", sql), json!([]));
}

fn preflight(fleet: &Fleet, who: &str, number: &str) -> Value {
    fleet.one(who, &format!("select wo.preflight('{number}')"))
}

/// Before work starts, its assignee sees who waits for it and what the start would refuse.
#[test]
fn the_check_names_what_the_start_refuses_and_whom_it_affects() {
    let fleet = Fleet::found();
    let awaited = fleet.reach("in_progress");
    let number = fleet.reach("accepted");
    let master = fleet.create("[SS1-Operations] master");
    let waiting = fleet.create("[SS1-Operations] waits");
    let far = fleet.create("[SS1-Operations] waits for that");
    for sql in [
        format!("select wo.link_work_order('{number}', '{master}')"),
        format!("select wo.add_dependency('{number}', '{awaited}')"),
        format!("select wo.add_dependency('{waiting}', '{number}')"),
        format!("select wo.add_dependency('{far}', '{waiting}')"),
    ] {
        fleet.run(CAPTAIN, &sql);
    }
    let found = preflight(&fleet, ASSIGNEE, &number);
    assert_eq!(found["start"]["to_status"], "in_progress", "{found}");
    assert_eq!(found["start"]["allowed"], false);
    assert!(found["start"]["guards"].to_string().contains("dependencies_satisfied"), "{found}");
    assert_eq!(found["master"]["wo_number"], json!(master));
    assert_eq!(found["critical"]["is_critical"], true, "{found}");
    assert_eq!(found["open_dependents"], 2);
    let listed: Vec<&str> = found["dependents"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|one| one["wo_number"].as_str())
        .collect();
    assert_eq!(listed, [waiting.as_str(), far.as_str()]);
    assert_eq!(preflight(&fleet, ASSIGNEE, &master)["open_children"], 1);
    // Work that is under way has no start before it.
    assert_eq!(preflight(&fleet, ASSIGNEE, &awaited)["start"], Value::Null);
    fleet.add_rival();
    fleet.refused(
        "rival",
        &format!("select wo.preflight('{number}')"),
        "22023",
        "work_order_unknown",
    );
}

/// A lifecycle that names the guard lets nobody start without a check of the work order as it is.
#[test]
fn the_start_waits_for_a_check_of_the_present_version_where_the_lifecycle_says() {
    let fleet = Fleet::found();
    let mut definition = fleet.definition("fleet_task");
    definition["name"] = json!("checked_task");
    let start = definition["transitions"]
        .as_array_mut()
        .unwrap()
        .iter_mut()
        .find(|edge| edge["action"] == "start")
        .unwrap();
    start["guards"].as_array_mut().unwrap().push(json!("preflight_done"));
    fleet.administer(&format!("select wo.publish_lifecycle($lifecycle${definition}$lifecycle$)"));
    let number: String = fleet.one(
        CREATOR,
        &format!(
            "select wo.create_work_order('[SS1-Operations] checked', assignee => '{ASSIGNEE}',
                lifecycle => 'checked_task') ->> 'wo_number'"
        ),
    );
    fleet.refused(
        ASSIGNEE,
        &format!("select wo.record_preflight('{number}')"),
        "55000",
        "work_not_ready",
    );
    fleet.run(ASSIGNEE, &format!("select wo.accept_work_order('{number}')"));
    let start = format!("select wo.transition('{number}', 'in_progress')");
    let unmet = fleet.refused(ASSIGNEE, &start, "23514", "guards_not_met");
    assert!(unmet.to_string().contains("is not recorded"), "{unmet}");
    let record = format!("select wo.record_preflight('{number}', 'looked at the pump')");
    fleet.refused(CREATOR, &record, "42501", "role_missing");
    fleet.run(ASSIGNEE, &record);
    let trail = fleet.all(
        ASSIGNEE,
        &format!("select why from wo.audit_trail('{number}') where action = 'preflight_done'"),
    );
    assert_eq!(trail, ["looked at the pump"]);
    let events: i64 =
        fleet.one("postgres", "select count(*) from wo.event where type = 'wo.preflight_done'");
    assert_eq!(events, 1);

    // What changes afterwards was not looked at.
    let patch = format!("select wo.patch_work_order('{number}', '{{\"priority\": \"critical\"}}')");
    fleet.run(CAPTAIN, &patch);
    let unmet = fleet.refused(ASSIGNEE, &start, "23514", "guards_not_met");
    assert!(
        unmet.to_string().contains("since its pre-flight check the work order has changed"),
        "{unmet}"
    );
    // A raw write meets the same guard.
    fleet.refused(
        ASSIGNEE,
        &format!("update wo.work_order set status = 'in_progress' where wo_number = '{number}'"),
        "23514",
        "guards_not_met",
    );
    fleet.run(ASSIGNEE, &format!("{record}; {start}"));
    assert_eq!(fleet.status(&number), "in_progress");
    let problems: Option<String> = fleet.one(
        CAPTAIN,
        &format!("select string_agg(problem, '; ') from wo.verify_audit('{number}')"),
    );
    assert_eq!(problems, None);
}

/// A check that began before another session's change was committed looked at the record as it was: it must not be
/// recorded for the record as it is.
#[test]
fn a_check_waits_for_a_change_and_looks_at_what_it_left() {
    let fleet = Fleet::found();
    let number = fleet.reach("accepted");
    let mut other = fleet.database.connect("xiage");
    other
        .batch_execute(&format!(
            "begin; select wo.patch_work_order('{number}', '{{\"title\": \"[SS1-Operations] Changed\"}}')"
        ))
        .unwrap();
    let database = &fleet.database;
    let (pid, found) = std::sync::mpsc::channel();
    std::thread::scope(|scope| {
        let number = number.clone();
        scope.spawn(move || {
            let mut client = database.connect("mac_cli_ke");
            pid.send((wo_cluster_tests::backend_pid(&mut client), None)).unwrap();
            let check = format!("select wo.record_preflight('{number}') ->> 'title'");
            let title: String = wo_cluster_tests::one(&mut client, &check);
            pid.send((0, Some(title))).unwrap();
        });
        let (waiting, _) = found.recv().unwrap();
        database.wait_until_blocked(waiting);
        other.batch_execute("commit").unwrap();
        let (_, title) = found.recv().unwrap();
        assert_eq!(title.as_deref(), Some("[SS1-Operations] Changed"));
    });
}
