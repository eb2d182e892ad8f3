//! Columns that a DBA adds, and arrays: what the trail holds of them is valid JSON, and every change
//! of a stored value is detected.

use wo_cluster_tests::Cluster;
use wo_cluster_tests::db_error;
use wo_cluster_tests::signing::{ADMIN, Company, ROOT};

fn company() -> Company {
    Company::found_in(Cluster::shared().database())
}

/// A column's name is written as a JSON string. Without that, one entry that is no JSON stays in the
/// append-only trail, and wo.audit_trail fails for good.
#[test]
fn a_column_whose_name_needs_escaping_leaves_valid_json_in_the_trail() {
    let company = company();
    company.run(
        ROOT,
        r#"alter table wo.work_order add "a""b" text, add "c\d" numeric, add raw json;
           alter table wo.dependency add "e""f" text;
           alter table wo.role add "g""h" text"#,
    );
    company.forget_clients();
    // The literals below are written as standard SQL reads them.
    company.run("originator", "set standard_conforming_strings = on");
    let number: String = company.one(
        "originator",
        r#"insert into wo.work_order (title, "a""b", "c\d", raw)
           values ('t', 'x', 'NaN', ' {"a": 1, "a": "\u0000\ud800"} ') returning wo_number::text"#,
    );
    let other = company.create("The other");
    company.run(
        "originator",
        &format!(
            r#"insert into wo.dependency (successor_id, predecessor_id, "e""f")
               values ('{}', '{}', 'y')"#,
            company.id(&number),
            company.id(&other)
        ),
    );
    company.administer(
        r#"insert into wo.role (tenant_id, role, "g""h") values (wo.current_tenant(), 'odd', 'z')"#,
    );
    company.run(ROOT, "select changes::jsonb from wo.audit_entry");
    let trail = company.rows("originator", &format!("select * from wo.audit_trail('{number}')"));
    assert!(!trail.is_empty());
    company.assert_intact();
}

/// The same elements in another shape are another value. A trail that flattens arrays would not
/// show the difference.
#[test]
fn a_change_of_an_arrays_shape_is_detected() {
    let company = company();
    company.run(ROOT, "alter table wo.work_order add labels text[], add counts integer[]");
    company.forget_clients();
    let number: String = company.one(
        "originator",
        "insert into wo.work_order (title, labels, counts) values ('t', '{a,b}', '{1,2}') returning wo_number::text",
    );
    company.assert_intact();
    for (column, forged, honest) in [
        ("labels", "{{a,b}}", "{a,b}"),
        ("labels", "[2:3]={a,b}", "{a,b}"),
        ("labels", "{{a},{b}}", "{a,b}"),
        ("counts", "{{1,2}}", "{1,2}"),
        ("counts", "[0:1]={1,2}", "{1,2}"),
    ] {
        let set = |value: &str| {
            format!("update wo.work_order set {column} = '{value}' where wo_number = '{number}'")
        };
        company.tamper(&set(forged));
        let problems = company.problems();
        assert_eq!(problems.len(), 1, "{column} = {forged}: {problems:?}");
        assert!(problems[0].1.contains(column), "{problems:?}");
        company.tamper(&set(honest));
        company.assert_intact();
    }
}

/// The arrays of our own tables have one dimension, begin at 1 and have no NULL elements.
#[test]
fn an_array_of_ours_has_one_dimension_begins_at_one_and_has_no_null() {
    let company = company();
    let number = company.create("Arrays");
    // Otherwise the word null in a literal is a text.
    for who in ["planner", ADMIN] {
        company.run(who, "set array_nulls = on");
    }
    for bad in ["{{a,b}}", "[2:3]={a,b}", "{a,null}"] {
        for column in ["tags", "deficiencies"] {
            let refusal = db_error(company.with("planner", |client| {
                client.batch_execute(&format!(
                    "update wo.work_order set {column} = '{bad}' where wo_number = '{number}'"
                ))
            }));
            assert_eq!(refusal.code().code(), "23514", "{column} {bad}: {refusal:?}");
        }
        for sql in [
            format!(
                "insert into wo.engine (engine, cost_class, capabilities) values ('e', 'free', '{bad}')"
            ),
            format!(
                "insert into wo.business_calendar (name, time_zone, working_hours, holidays)
                 values ('c', 'UTC', '{{}}', '{}')",
                bad.replace('a', "2026-01-01").replace('b', "2026-01-02")
            ),
        ] {
            let refusal = db_error(company.administering(|admin| admin.batch_execute(&sql)));
            assert_eq!(refusal.code().code(), "23514", "{sql}: {refusal:?}");
        }
    }
    company.run(
        "planner",
        &format!("update wo.work_order set tags = '{{}}' where wo_number = '{number}'"),
    );
}

/// Every array column of ours has a type that admits one shape only: a new table with a plain array
/// column would admit values that read alike and are not equal.
#[test]
fn every_array_column_of_ours_has_a_domain() {
    let company = company();
    let plain = company.all(
        ROOT,
        "select column_class.relname || '.' || attname
         from pg_attribute
         join pg_class as column_class on column_class.oid = attrelid
         join pg_type on pg_type.oid = atttypid
         where relnamespace in ('wo'::regnamespace, 'wo_private'::regnamespace)
            and relkind in ('r', 'p') and attnum > 0 and not attisdropped and typcategory = 'A' and typtype <> 'd'",
    );
    assert_eq!(plain, Vec::<String>::new());
}
