//! How long a value may be. The limits are those of the columns, so that a raw write meets them too; the
//! API says which field it is and what to do instead.

use wo_cluster_tests::signing::{ADMIN, Company, ROOT};
use wo_cluster_tests::{Cluster, db_error, refused};

const MEGABYTE: usize = 1 << 20;

fn company() -> Company {
    let company = Company::found_in(Cluster::shared().database());
    company.database.login("boss", &["wo_user"]);
    company.administer("select wo.create_principal('boss', roles => '{planner,system_owner,qa}', db_role => 'boss')");
    company
}

fn boss_order(company: &Company) -> String {
    company.one("boss", "select wo.create_work_order('Long', assignee => 'worker') ->> 'wo_number'")
}

/// One value that is too long makes verification, the trail and the evidence slow or impossible for
/// everybody.
#[test]
fn a_text_that_is_too_long_is_refused_by_the_api_and_in_a_raw_write() {
    let company = company();
    let number = boss_order(&company);
    let at_most = "x".repeat(MEGABYTE);
    company.run(
        "boss",
        &format!("update wo.work_order set description = '{at_most}' where wo_number = '{number}'"),
    );
    company.run(
        "boss",
        &format!("select wo.patch_work_order('{number}', '{{\"notes\": \"{at_most}\"}}')"),
    );
    for (field, value) in [
        ("description", format!("\"x{at_most}\"")),
        ("acceptance_criteria", format!("\"x{at_most}\"")),
        ("notes", format!("\"x{at_most}\"")),
        ("project", format!("\"{}\"", "é".repeat(201))),
        ("asset", format!("\"{}\"", "é".repeat(201))),
        ("title", format!("\"{}\"", "é".repeat(501))),
        ("metadata", format!("{{\"a\": \"{at_most}\"}}")),
        ("tags", format!("[\"x{at_most}\"]")),
    ] {
        for sql in [
            format!("select wo.patch_work_order('{number}', '{{\"{field}\": {value}}}')"),
            format!(
                "select wo.create_work_order('t', {field} => '{}')",
                match field {
                    "tags" => format!("{{x{at_most}}}"),
                    _ => value.trim_matches('"').to_owned(),
                }
            )
            .replace("create_work_order('t', title", "create_work_order(title"),
        ] {
            let refusal = db_error(company.with("boss", |client| client.batch_execute(&sql)));
            let start: String = sql.chars().take(90).collect();
            assert_eq!(refusal.code().code(), "22023", "{start}: {refusal:?}");
            assert!(refusal.detail().unwrap().contains("value_too_long"), "{start}: {refusal:?}");
            assert!(refusal.hint().is_some(), "{start}: {refusal:?}");
        }
        let raw = match field {
            "tags" => format!("{{x{at_most}}}"),
            _ => value.trim_matches('"').to_owned(),
        };
        let sql =
            format!("update wo.work_order set {field} = '{raw}' where wo_number = '{number}'");
        let refusal = db_error(company.with("boss", |client| client.batch_execute(&sql)));
        assert_eq!(refusal.code().code(), "23514", "{field}: {}", refusal.message());
        let constraint = refusal.constraint().unwrap_or_default();
        assert!(
            constraint.contains("short") || constraint.contains("megabyte"),
            "{field}: {constraint}"
        );
    }
    company.assert_intact();
}

#[test]
fn a_reason_that_is_too_long_is_refused_by_the_api_and_in_a_raw_write() {
    let company = company();
    let number = boss_order(&company);
    let long = "é".repeat(10_001);
    for sql in [
        format!(
            "update wo.work_order set notes = 'n', reason = '{long}' where wo_number = '{number}'"
        ),
        format!("select wo.patch_work_order('{number}', '{{\"notes\": \"n\"}}', '{long}')"),
        format!("select wo.transition('{number}', 'pending_approval', '{long}')"),
        format!("insert into wo.work_order (title, reason) values ('t', '{long}')"),
    ] {
        company.refused("boss", &sql, "22023", "value_too_long");
    }
}

#[test]
fn configuration_that_is_too_long_is_refused() {
    let company = company();
    let long = "x".repeat(MEGABYTE);
    for sql in [
        format!("update wo.principal set attributes = '{{\"a\": \"{long}\"}}' where id = 'qa'"),
        format!("update wo.tenant set hierarchy_policy = '{{\"a\": \"{long}\"}}'"),
        format!("select wo.create_role('odd', '{long}')"),
        format!("insert into wo.task_type (task_type, cost_class, description) values ('t', 'free', '{long}')"),
        format!("insert into wo.engine (engine, cost_class, capabilities) values ('e', 'free', array['{long}', 'b'])"),
        "insert into wo.business_calendar (name, time_zone, working_hours, holidays)
         select 'c', 'UTC', '{}', array_agg(date '2026-01-01' + n) from generate_series(0, 10000) as n".to_owned(),
    ] {
        let refusal = db_error(company.administering(|admin| admin.batch_execute(&sql)));
        let start: String = sql.chars().take(90).collect();
        assert_eq!(refusal.code().code(), "23514", "{start}: {}", refusal.message());
    }
}

/// A column that a DBA added has no limit of ours, but an entry of the trail has one.
#[test]
fn a_change_that_no_entry_can_hold_is_refused() {
    let company = company();
    company.run(ROOT, "alter table wo.work_order add attachment text");
    company.forget_clients();
    let sql = "insert into wo.work_order (title, attachment) values ('t', repeat(chr(1), 6000000))";
    company.refused("boss", sql, "22023", "value_too_long");
    let sql = "insert into wo.work_order (title, attachment) values ('t', repeat('x', 70000000))";
    company.refused("boss", sql, "22023", "value_too_long");
}

/// Every text and every JSON value that an application role may write is limited by the type of its
/// column, by a CHECK, or by a foreign key.
#[test]
fn every_text_that_a_role_may_write_is_limited() {
    let company = company();
    let unlimited = company.all(
        ROOT,
        "select held.relname || '.' || attname
         from pg_attribute
         join pg_class as held on held.oid = attrelid
         join pg_type on pg_type.oid = atttypid
         where relnamespace = 'wo'::regnamespace and relkind in ('r', 'p') and attnum > 0 and not attisdropped
            and typname in ('text', 'varchar', 'json', 'jsonb', 'bytea') and typtype = 'b'
            and exists (select from unnest(array['wo_user', 'wo_admin']) as member
                where has_column_privilege(member, held.oid, attnum, 'insert,update'))
            and not exists (select from pg_constraint
                where conrelid = held.oid and contype in ('c', 'f') and attnum = any (conkey))
         order by 1",
    );
    // The triggers set these, or admit only states and labels of the lifecycle and kinds of definitions.
    let set_by_the_server = [
        "dependency.added_by",
        "finding.opened_for",
        "job_plan.published_by",
        "lifecycle.published_by",
        "release_item.added_by",
        "release_item.kind",
        "work_order.priority",
        "work_order.status",
    ];
    assert_eq!(unlimited, set_by_the_server);
}

/// A message never repeats a whole document of many problems.
#[test]
fn an_error_about_many_problems_is_short() {
    let company = company();
    let refusal = db_error(company.administering(|admin| {
        admin.batch_execute(
            "update wo.tenant set hierarchy_policy =
                (select json_object_agg('unknown_' || n, n)::jsonb from generate_series(1, 40000) as n)",
        )
    }));
    let detail: serde_json::Value = serde_json::from_str(refusal.detail().unwrap()).unwrap();
    assert_eq!(detail["problems"].as_array().map(Vec::len), Some(100));
    assert_eq!(detail["problems_not_listed"], 39_900);
    assert!(refusal.message().len() + refusal.detail().unwrap().len() < 40_000);
}

/// A value that is no trace context is refused where it is set, so that nobody believes that events
/// carry it; one of a later version is kept as far as version 00 goes (W3C Trace Context, 4.3).
#[test]
fn a_trace_context_is_carried_or_refused() {
    let company = company();
    let good = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    for bad in ["garbage", "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "00-0-0-0"] {
        let refusal = db_error(company.with("boss", |client| {
            client.batch_execute("select wo.whoami()").unwrap();
            client.batch_execute(&format!("set wo_core.traceparent = '{bad}'"))
        }));
        assert_eq!(refusal.code().code(), "22023", "{refusal:?}");
        assert!(
            refusal.detail().is_some_and(|detail| detail.contains("traceparent")),
            "{refusal:?}"
        );
    }
    for given in [good, "01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-03-more"] {
        let carried: String = company.with("boss", |client| {
            client
                .batch_execute(&format!(
                    "set wo_core.traceparent = '{given}'; select wo.create_work_order('t')"
                ))
                .unwrap();
            let row = client
                .query_one("select traceparent from wo.event order by position desc limit 1", &[]);
            client
                .batch_execute("set wo_core.traceparent = ''; reset wo_core.traceparent")
                .unwrap();
            row.unwrap().get(0)
        });
        assert_eq!(carried, good, "{given}");
    }
}

/// The longest life of a token is the DBA's to say.
#[test]
fn a_token_of_a_long_life_is_refused() {
    let company = company();
    let mut request = company.token_request("qa");
    request.expires_at = request.issued_at + chrono::TimeDelta::days(2);
    let authenticate = |request: &wo_cli::TokenRequest| {
        let token = company.token_for(request);
        company.with(wo_cluster_tests::signing::SERVICE, |service| {
            service.execute("select wo.authenticate($1)", &[&token])
        })
    };
    refused(authenticate(&request), "42501", "token_lifetime_too_long");
    request.issued_at += chrono::TimeDelta::hours(1);
    request.expires_at = request.issued_at + chrono::TimeDelta::minutes(5);
    request.not_before -= chrono::TimeDelta::hours(1);
    refused(authenticate(&request), "42501", "token_not_yet_valid");
    let mut short = company.token_request("qa");
    short.expires_at = short.issued_at + chrono::TimeDelta::hours(23);
    assert!(authenticate(&short).is_ok());
    company.run(
        ROOT,
        &format!("alter database {} set wo_core.token_lifetime = '3600'", company.database.name()),
    );
    company.forget_clients();
    refused(authenticate(&short), "42501", "token_lifetime_too_long");
    // An issuer's key is taken in its one encoding, as a signer's is.
    let other = format!("ee{}7f", "ff".repeat(30));
    let trust = format!("select wo.trust_issuer('other', 'k', '{other}')");
    company.with(ADMIN, |admin| {
        let mut administering = admin.transaction().unwrap();
        administering.batch_execute("select wo.administer('acme')").unwrap();
        refused(administering.batch_execute(&trust), "22023", "bad_public_key");
    });
}
