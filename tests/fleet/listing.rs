//! Lists come from indexes: among many work orders of several tenants, under row security, and
//! right to the row.

use std::collections::BTreeSet;

use postgres::Client;
use serde_json::Value;

use crate::fleet::crew::{ADMIN, Fleet};

const ROWS: i64 = 20_000;
const READER: &str = "Win App 小A";

/// Half of the work orders are the fleet's, between those of two other tenants. A few are late.
fn stocked() -> Fleet {
    let fleet = Fleet::found();
    fleet.add_rival();
    fleet.run(ADMIN, "select wo.create_tenant('third', 'Third', template => 'fleet')");
    fleet.tamper(&format!(
        "insert into wo.work_order (tenant_id, id, wo_number, lifecycle, lifecycle_version, status,
            version, revision, title, priority, project, originator, assignee, created_at, updated_at,
            locked_at, state_deadline, due_date, source, chain_sequence, chain_hash)
         select tenant.tenant_id,
            (lpad(to_hex(1767225600000 + made.place * 1000), 12, '0') || '7' || substr(made.noise, 1, 3)
                || '8' || substr(made.noise, 4, 15))::uuid,
            'L-' || made.place, 'fleet_task', 1, made.status, 1, 1,
            '[SS' || made.place % 5 || '-'
                || (array['Operations', 'Development', 'Code-Standards'])[1 + abs(hashint8(made.place + 5) % 3)]
                || '] Do number ' || made.place,
            'medium', 'P' || abs(hashint8(made.place) % 20), '夏哥',
            (array['Mac CLI 小克', 'Web 小克', '小西', null])[1 + abs(hashint8(made.place + 7) % 4)],
            to_timestamp(1767225600 + made.place), now(),
            case when made.status in ('approved', 'cancelled') then now() end,
            case when made.status = 'pending'
                then now() + make_interval(hours => case when made.place % 100 < 4 then -1 else 1 end) end,
            case when made.place % 200 = 4 then date '2020-01-01'
                when made.place % 10 = 4 then date '2099-01-01' end,
            'manual', 1, sha256('x')
         from (
            select place, md5(place::text) as noise,
                (array['superportia', 'rival', 'superportia', 'third'])[1 + place % 4] as slug,
                (array['pending', 'accepted', 'in_progress', 'blocked', 'review', 'rejected', 'approved',
                    'approved', 'approved', 'cancelled'])[1 + abs(hashint8(place + 3) % 10)] as status
            from generate_series(1, {ROWS}) as place
         ) as made
         join wo.tenant as tenant on tenant.slug = made.slug"
    ));
    fleet.run("postgres", "analyze wo.work_order");
    fleet
}

/// Arguments of a list, and what they mean, spelled out: `open` stands for the states that are shown
/// where nothing else is asked for.
const LISTS: [(&str, &str); 14] = [
    ("", "open"),
    ("status => 'review'", "status = 'review'"),
    ("status => 'approved'", "status = 'approved'"),
    ("project => 'P7'", "project = 'P7' and open"),
    ("assignee => 'Web 小克'", "assignee = 'Web 小克' and open"),
    ("category => 'Development'", "title ~ '^\\[SS.-Development\\]' and open"),
    ("include_completed => true", "true"),
    ("status => 'review', include_completed => true", "status = 'review'"),
    ("status => 'approved', include_completed => true", "status = 'approved'"),
    ("project => 'P7', include_completed => true", "project = 'P7'"),
    ("assignee => 'Web 小克', include_completed => true", "assignee = 'Web 小克'"),
    (
        "category => 'Code-Standards', include_completed => true",
        "title ~ '^\\[SS.-Code-Standards\\]'",
    ),
    (
        "status => 'blocked', project => 'P7', assignee => 'Web 小克'",
        "status = 'blocked' and project = 'P7' and assignee = 'Web 小克'",
    ),
    ("project => 'nowhere', include_completed => true", "false"),
];

fn naive(fleet: &Fleet, meaning: &str, limit: &str) -> Vec<String> {
    let meaning = meaning.replace("open", "status not in ('approved', 'cancelled')");
    let naive = format!(
        "select wo_number::text from wo.work_order where tenant_id = '{}' and {meaning}
         order by created_at desc limit {limit}",
        fleet.tenant
    );
    fleet.all("postgres", &naive)
}

fn list(arguments: &str, more: &str) -> String {
    let separator = if arguments.is_empty() || more.is_empty() { "" } else { ", " };
    format!("wo.list_work_orders({arguments}{separator}{more})")
}

/// Every node of the plan.
fn plan_of(client: &mut Client, sql: &str) -> Vec<Value> {
    fn collect(node: &Value, nodes: &mut Vec<Value>) {
        nodes.push(node.clone());
        for child in node["Plans"].as_array().into_iter().flatten() {
            collect(child, nodes);
        }
    }
    let explain = format!("explain (format json) {sql}");
    let plan: Value = client.query_one(&explain, &[]).unwrap().get(0);
    let mut nodes = Vec::new();
    collect(&plan[0]["Plan"], &mut nodes);
    nodes
}

/// The indexes that the plan reads work orders by; anything but an index scan fails.
#[track_caller]
fn indexes_of(nodes: &[Value]) -> BTreeSet<String> {
    let kind = |node: &Value| node["Node Type"].as_str().unwrap().to_owned();
    for node in nodes {
        let kind = kind(node);
        assert!(!["Seq Scan", "Sort", "Incremental Sort"].contains(&kind.as_str()), "{nodes:#?}");
    }
    let reading = nodes.iter().filter(|node| node["Relation Name"] == "work_order");
    let mut indexes = BTreeSet::new();
    for node in reading {
        assert_eq!(kind(node), "Index Scan", "{node:#}");
        indexes.insert(node["Index Name"].as_str().unwrap().to_owned());
    }
    assert!(!indexes.is_empty(), "{nodes:#?}");
    indexes
}

fn named(indexes: &[&str]) -> BTreeSet<String> {
    indexes.iter().map(|index| (*index).to_owned()).collect()
}

/// 20,000 rows sort within a moment; a million do not. So the plan is held to it here.
#[test]
fn every_list_reads_indexes_in_their_order_and_sorts_nothing() {
    let fleet = stocked();
    let by = |column: &str| {
        named(&[&format!("work_order_{column}"), &format!("work_order_{column}_ended")])
    };
    // Few rows that several filters leave, or a category in the title, may rightly be sorted.
    let promised = |arguments: &str| {
        let filters =
            ["status", "project", "assignee"].iter().filter(|it| arguments.contains(**it));
        filters.count() < 2 && !arguments.contains("category")
    };
    for (arguments, _) in LISTS.iter().filter(|it| promised(it.0)) {
        for more in ["", "page_size => 50", "after_work_order => 'L-12000'"] {
            let call = format!("select * from {}", list(arguments, more));
            let plan = fleet.with(READER, |client| plan_of(client, &call));
            let indexes = indexes_of(&plan);
            let expected = match arguments {
                _ if arguments.contains("project") => by("project"),
                _ if arguments.contains("assignee") => by("assignee"),
                _ => named(&["work_order_open", "work_order_ended"]),
            };
            assert_eq!(indexes, expected, "{call}");
        }
    }
}

/// A driver that prepares the call loses neither order nor index, however often it runs.
#[test]
fn a_prepared_list_reads_indexes_too() {
    let fleet = stocked();
    let parameters = "status => $1, project => $2, assignee => $3, include_completed => $4, after_work_order => $5";
    fleet.run(
        READER,
        &format!(
            "prepare listing(text, text, text, boolean, text) as select * from {}",
            list(parameters, "")
        ),
    );
    for (values, column) in [
        ("'review', null, null, false, null", None),
        ("null, 'P7', null, false, null", Some("project")),
        ("null, null, 'Web 小克', true, null", Some("assignee")),
        ("null, 'P7', null, true, 'L-12000'", Some("project")),
    ] {
        let execute = format!("execute listing({values})");
        for _ in 0..8 {
            fleet.run(READER, &execute);
        }
        let plan = fleet.with(READER, |client| plan_of(client, &execute));
        let expected = match column {
            Some(column) => {
                named(&[&format!("work_order_{column}"), &format!("work_order_{column}_ended")])
            }
            None => named(&["work_order_open", "work_order_ended"]),
        };
        assert_eq!(indexes_of(&plan), expected, "{values}");
    }
}

#[test]
fn lists_are_what_a_naive_query_finds() {
    let fleet = stocked();
    for (arguments, meaning) in LISTS {
        for limit in ["50", "7", "100000"] {
            let more = format!("page_size => {limit}");
            let call = format!("select wo_number from {}", list(arguments, &more));
            let listed = fleet.all(READER, &call);
            assert_eq!(listed, naive(&fleet, meaning, limit), "{call}");
            assert_eq!(listed.is_empty(), meaning == "false", "{call}");
        }
        let call = format!("select wo_number from {}", list(arguments, ""));
        assert_eq!(fleet.all(READER, &call), naive(&fleet, meaning, "50"), "{call}: 50 by default");
    }
}

#[test]
fn pages_cover_everything_exactly_once_newest_first() {
    let fleet = stocked();
    for (arguments, meaning) in LISTS {
        let mut paged: Vec<String> = Vec::new();
        loop {
            let after = paged.last().map_or("null".to_owned(), |last| format!("'{last}'"));
            let more = format!("page_size => 499, after_work_order => {after}");
            let page =
                fleet.all(READER, &format!("select wo_number from {}", list(arguments, &more)));
            if page.is_empty() {
                break;
            }
            paged.extend(page);
        }
        assert_eq!(paged, naive(&fleet, meaning, "all"), "{arguments}");
        let distinct: BTreeSet<&String> = paged.iter().collect();
        assert_eq!(distinct.len(), paged.len(), "{arguments}");
    }
}

/// However fast they were made.
#[test]
fn work_orders_that_are_made_together_are_listed_newest_first_too() {
    let fleet = Fleet::found();
    let titles: Vec<String> =
        (0..20).map(|place| format!("[SS1-Operations] Number {place}")).collect();
    let given: Value = titles.iter().map(|title| serde_json::json!({ "title": title })).collect();
    let made: i64 = fleet.one(
        READER,
        &format!("select count(*) from wo.create_work_orders('{given}') where created"),
    );
    assert_eq!(made, 20);
    let mut listed = fleet.all(READER, "select title from wo.list_work_orders()");
    listed.reverse();
    assert_eq!(listed, titles);
}

/// A page begins after a work order, wherever that has gone meanwhile.
#[test]
fn a_page_goes_on_after_a_work_order_that_has_ended_meanwhile() {
    let fleet = Fleet::found();
    let create = |title: &str| {
        fleet.next_millisecond();
        fleet.create(title)
    };
    let numbers: Vec<String> =
        (0..6).map(|place| create(&format!("[SS1-Operations] Number {place}"))).collect();
    let first = fleet.all(READER, "select wo_number from wo.list_work_orders(page_size => 3)");
    assert_eq!(first.iter().rev().collect::<Vec<_>>(), numbers[3..].iter().collect::<Vec<_>>());
    let cancel = format!("select wo.transition('{}', 'cancelled', 'not needed')", first[2]);
    fleet.run("夏哥", &cancel);
    let new = create("[SS1-Operations] New");
    let next = format!(
        "select wo_number from wo.list_work_orders(page_size => 3, after_work_order => '{}')",
        first[2]
    );
    let next = fleet.all(READER, &next);
    assert_eq!(next.iter().rev().collect::<Vec<_>>(), numbers[..3].iter().collect::<Vec<_>>());
    assert_eq!(
        fleet.all(READER, "select wo_number from wo.list_work_orders(page_size => 1)"),
        [new]
    );
}

#[test]
fn each_tenant_lists_its_own() {
    let fleet = stocked();
    let count =
        "select count(*) from wo.list_work_orders(include_completed => true, page_size => 100000)";
    assert_eq!(fleet.one::<i64>(READER, count), ROWS / 2);
    assert_eq!(fleet.one::<i64>("rival", count), ROWS / 4);
    fleet.database.login("nobody_known", &["wo_user"]);
    for nobody in ["nobody_known", "postgres"] {
        fleet.refused(nobody, count, "42501", "no_identity");
    }
}

#[test]
fn what_is_late_is_found_by_index_and_is_what_a_naive_query_finds() {
    let fleet = stocked();
    let plan = fleet.with(READER, |client| plan_of(client, "select * from wo.overdue"));
    let indexes: BTreeSet<&str> =
        plan.iter().filter_map(|node| node["Index Name"].as_str()).collect();
    assert_eq!(
        indexes,
        BTreeSet::from([
            "finding_due",
            "work_order_due_date",
            "work_order_pkey",
            "work_order_state_deadline",
            "work_order_state_overdue"
        ])
    );
    assert!(plan.iter().all(|node| node["Node Type"] != "Seq Scan"), "{plan:#?}");
    let found = fleet.all(READER, "select wo_number || ' ' || rule from wo.overdue order by 1");
    let naive = fleet.all(
        "postgres",
        &format!(
            "select wo_number || ' no work order stays pending for more than 24 hours' from wo.work_order
             where tenant_id = '{0}' and status = 'pending' and created_at < now() and state_deadline < now()
             union all
             select wo_number || ' due on 2020-01-01' from wo.work_order
             where tenant_id = '{0}' and status not in ('approved', 'cancelled') and due_date = '2020-01-01'
             order by 1",
            fleet.tenant
        ),
    );
    assert!(naive.len() > 20, "{naive:?}");
    assert_eq!(found, naive);
}
