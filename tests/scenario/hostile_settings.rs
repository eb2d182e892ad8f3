//! The settings of a session belong to its client. What the trail, the events and the evidence hold
//! must not depend on them: an auditor verifies with other settings than those of the writer.

use postgres::Client;
use serde_json::Value;
use wo_cluster_tests::signing::{Ask, Company, ROOT};
use wo_cluster_tests::{Cluster, hostile};
use wo_rules::evidence::verify::verify;

/// Columns that a DBA may add. Their values print differently under other settings, contain
/// characters that JSON escapes, or have a shape that a list in JSON does not have.
const ODD_COLUMNS: [(&str, &str, &str); 27] = [
    ("pause", "interval", "'1 year -2 months 3 days -04:05:06.789'"),
    ("pauses", "interval[]", "array['1 day', '-1 month 2 hours']::interval[]"),
    ("days", "date[]", "array['2026-03-05', '2026-12-24']::date[]"),
    ("days_bounded", "date[]", "'[2:3]={2026-03-05,2026-12-24}'::date[]"),
    ("local_time", "timestamp", "'2026-03-05 10:11:12.5'::timestamp"),
    ("clock", "timetz", "'10:11:12.5+01'::timetz"),
    ("moments", "timestamptz[]", "array['2026-03-05 10:11:12+00'::timestamptz]"),
    ("span", "tstzrange", "tstzrange('2026-03-05 10:11:12+00', '2026-03-06 10:11:12+00')"),
    ("ratio", "double precision", "'0.1'::float8 + '0.2'::float8"),
    ("ratios", "real[]", "array['0.1'::real / 3, 'NaN'::real]"),
    ("spot", "point", "'(0.1234567890123,3.3333333333333335)'::point"),
    ("blob", "bytea", "decode('00ff5c27', 'hex')"),
    ("blobs", "bytea[]", "array[decode('00ff', 'hex')]"),
    ("price", "money", "1234.56::numeric::money"),
    ("nothing", "numeric", "'NaN'::numeric"),
    ("everything", "numeric[]", "array['NaN'::numeric, 1.50]"),
    ("raw", "json", "E'  {\"b\" : 1.50 ,\\n \"b\": \"\\\\u00e9\" } '::json"),
    ("table_name", "regclass", "'public.own'::regclass"),
    ("nested", "text[]", "array[array['a', 'b'], array['c', null]]"),
    ("shifted", "text[]", "'[0:1]={a,b}'::text[]"),
    ("a\"b", "text", "'quote'"),
    ("back\\slash", "text", "E'line\\nbreak'"),
    ("état\u{1}", "text", "'\u{2028}'"),
    ("pair", "public.pair", "row('2026-03-05'::date, '1 day 2 hours'::interval)::public.pair"),
    ("long_pause", "public.pause", "'-1 day 3 hours'::interval::public.pause"),
    ("small", "smallint", "7::smallint"),
    ("label", "char(5)", "'ab'::char(5)"),
];

fn set_hostile(company: &Company) {
    company.run(ROOT, &hostile::set(company.database.name()));
    company.forget_clients();
}

fn set_default(company: &Company) {
    company.run(ROOT, &hostile::reset(company.database.name()));
    company.forget_clients();
}

fn identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Adds the odd columns to these tables.
fn add_odd_columns(company: &Company, tables: &[&str]) {
    let mut sql = String::from(
        "create schema if not exists hostile;
         create table public.own (id integer);
         create type public.pair as (day date, pause interval);
         create domain public.pause as interval;",
    );
    for table in tables {
        for (name, kind, _) in ODD_COLUMNS {
            sql.push_str(&format!("alter table wo.{table} add {} {kind};", identifier(name)));
        }
    }
    company.run(ROOT, &sql);
    company.forget_clients();
}

/// The columns and the expressions of their values, each with a comma before it.
fn odd_values() -> (String, String) {
    ODD_COLUMNS.iter().fold(Default::default(), |(names, values), (name, _, value)| {
        (format!("{names}, {}", identifier(name)), format!("{values}, {value}"))
    })
}

/// Work of every kind whose records hold values that settings can change.
fn work(company: &Company, holiday: &str) -> Vec<String> {
    let (names, values) = odd_values();
    // Arrays and escapes are written as the writer's own settings read them.
    let literal = "set standard_conforming_strings = on; set array_nulls = on;";
    company.administer(&format!(
        "insert into wo.business_calendar (name, time_zone, working_hours, holidays)
         values ('office_{holiday}', 'Europe/Zurich', '{{\"monday\": [[\"09:00\", \"17:00\"]]}}',
            array['2026-12-{holiday}'::date, '2027-01-01'::date]);
         insert into wo.approval_sla (role, hours, calendar) values ('qa', 4.50, 'office_{holiday}')
            on conflict (tenant_id, role) do update set calendar = excluded.calendar;
         {literal}
         insert into wo.task_type (task_type, cost_class{names})
         values ('odd_{holiday}', 'cheap'{values})"
    ));
    let first = company.reach("closed");
    let second = company.create("Wait for the pump");
    let third: String = company.with("originator", |client| {
        client.batch_execute(literal).unwrap();
        let sql = format!(
            "insert into wo.work_order (title, assignee, planned_start, due_date, tags{names})
             values ('Odd columns', 'worker', '2026-03-05 10:00Z', '2026-03-06', array['a', 'b']{values})
             returning wo_number::text"
        );
        let number = client.query_one(&sql, &[]).unwrap_or_else(|error| panic!("{error:?}"));
        client.batch_execute("reset all").unwrap();
        number.get(0)
    });
    company.run(
        "planner",
        &format!(
            "select wo.add_dependency('{third}', '{second}', interval '1 year 2 months -3 days 04:05:06');
             select wo.patch_work_order('{second}', '{{\"planned_start\": \"2026-03-07T10:00:00Z\",
                \"estimated_hours\": 2.5, \"tags\": [\"x\"]}}', 'because')"
        ),
    );
    company.transition("originator", &second, "pending_approval");
    company.signed("owner", &Ask::approve(&second, "system_owner", "plan"));
    vec![first, second, third]
}

/// Everything that an auditor reads and verifies.
fn verify_all(company: &Company, orders: &[String]) -> Vec<Value> {
    company.assert_intact();
    for order in orders {
        assert!(
            !company.rows("qa", &format!("select * from wo.audit_trail('{order}')")).is_empty()
        );
        company.rows("qa", &format!("select * from wo.get_work_order_detail('{order}')"));
    }
    orders
        .iter()
        .map(|order| {
            let package: String =
                company.one("qa", &format!("select wo.evidence_package('{order}')"));
            let report = verify(package.as_bytes());
            assert!(report.intact, "{order}: {:#?}", report.problems);
            serde_json::from_str::<Value>(&package).unwrap()["sections"].take()
        })
        .collect()
}

fn invalid_documents(client: &mut Client) -> Vec<String> {
    let sql = "select position::text || ': ' || changes::text from wo.audit_entry where not (changes is json)";
    let version: i32 = client
        .query_one("select current_setting('server_version_num')::integer", &[])
        .unwrap()
        .get(0);
    if version < 160_000 {
        // Version 15 has no IS JSON: casting to jsonb fails where a text is no JSON.
        return match client.query(
            "select changes::jsonb, data::jsonb from wo.audit_entry
            left join wo.event using (tenant_id, position)",
            &[],
        ) {
            Ok(_) => Vec::new(),
            Err(error) => vec![format!("{error:?}")],
        };
    }
    client.query(sql, &[]).unwrap().iter().map(|row| row.get(0)).collect()
}

/// What is written under hostile settings verifies under the defaults, and the reverse. Without pinned
/// output an honest record reads as tampered as soon as somebody verifies it with other settings.
#[test]
fn what_was_written_under_hostile_settings_verifies_under_the_defaults_and_the_reverse() {
    let company = Company::found_in(Cluster::shared().database());
    add_odd_columns(&company, &["work_order", "task_type"]);
    set_hostile(&company);
    let mut orders = work(&company, "24");
    let hostile = verify_all(&company, &orders);
    set_default(&company);
    let default = verify_all(&company, &orders);
    for (hostile, default) in hostile.iter().zip(&default) {
        for section in
            ["work_order", "trail", "child_records", "lifecycle", "dependencies", "signatures"]
        {
            assert_eq!(hostile[section], default[section], "{section}");
        }
    }
    orders.extend(work(&company, "25"));
    let default = verify_all(&company, &orders);
    set_hostile(&company);
    let hostile = verify_all(&company, &orders);
    for (hostile, default) in hostile.iter().zip(&default) {
        assert_eq!(hostile["work_order"], default["work_order"]);
        assert_eq!(hostile["dependencies"], default["dependencies"]);
    }
    set_default(&company);
    assert_eq!(invalid_documents(&mut company.database.superuser()), Vec::<String>::new());
}

/// The extension can be created in a database with hostile settings.
#[test]
fn the_extension_installs_under_hostile_settings() {
    // The roles are those of the cluster: another database has made them by now.
    drop(Cluster::shared().database());
    let database = Cluster::shared().empty_database();
    database.superuser().batch_execute("create schema hostile").unwrap();
    database.superuser().batch_execute(&hostile::set(database.name())).unwrap();
    let mut client = database.superuser();
    client.batch_execute("create extension wo_core").unwrap();
    client.batch_execute("select wo.make_partitions(14)").unwrap();
    let bad: Vec<String> = client
        .query(
            "select subject || ': ' || detail from wo.health()
             where severity = 'bad' and subject <> 'durability'",
            &[],
        )
        .unwrap()
        .iter()
        .map(|row| row.get(0))
        .collect();
    assert_eq!(bad, Vec::<String>::new());
}

/// A guard is registered under its function's name. A session that quotes every name stored another text than the one
/// that is looked up, so that the function "cannot be a guard".
#[test]
fn a_guard_is_registered_and_found_whatever_names_a_session_quotes() {
    let company = Company::found();
    company.run(
        ROOT,
        "create schema shop; grant usage on schema shop to public;
         create function shop.ask(uuid, uuid) returns boolean language sql as 'select true'",
    );
    company.administer(
        "set quote_all_identifiers = on; select wo.register_guard('ask', 'shop.ask(uuid, uuid)')",
    );
    let stored: String = company.one(ROOT, "select function_name from wo.guard_function");
    assert_eq!(stored, "shop.ask");
    let mut definition = company.definition("fleet_task");
    definition["transitions"][0]["guards"] = serde_json::json!(["sql:ask"]);
    company.publish(&definition);
}
