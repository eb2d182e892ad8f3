//! 21 CFR 11.300(d): what was attempted and refused is on record, and raises an event, although its
//! transaction rolled back.

use postgres::Client;
use serde_json::Value;
use uuid::Uuid;
use wo_cluster_tests::signing::{Ask, Company, ROOT, SERVICE};
use wo_cluster_tests::{Database, refused};

use crate::worker::works::{patiently, served, shared, wait_for};

/// A company in a database that a worker serves.
pub fn company() -> Company {
    Company::found_in(served(shared()))
}

/// Attempts of that code that are on record, once there are so many.
pub fn recorded(database: &Database<'_>, code: &str, attempts: i64) -> Vec<postgres::Row> {
    database.wait_until(&format!(
        "select coalesce(sum(attempts), 0) >= {attempts} from wo.refused_attempt where code = '{code}'"
    ));
    let sql = "select * from wo.refused_attempt where code = $1 order by tenant_id, sequence";
    database.superuser().query(sql, &[&code]).unwrap()
}

fn violations(database: &Database<'_>, code: &str) -> Vec<(Uuid, Uuid, Value)> {
    let sql = "select tenant_id, subject_id, data from wo.event
        where type = 'wo.guard_violation' and data ->> 'code' = $1 order by position";
    let rows = database.superuser().query(sql, &[&code]).unwrap();
    rows.iter().map(|row| (row.get(0), row.get(1), row.get(2))).collect()
}

#[test]
fn a_refused_attempt_is_on_record_although_its_transaction_rolled_back() {
    let company = company();
    let number = company.reach("in_progress");
    let id = company.id(&number);
    let mut client = company
        .database
        .connect_with(company.database.config("worker").application_name("the workers' tool"));
    let tried = client.batch_execute(&format!("select wo.transition('{number}', 'closed', 'now')"));
    let said = wo_cluster_tests::db_error(tried);
    assert_eq!(said.code().code(), "55000");

    let rows = recorded(&company.database, "illegal_transition", 1);
    assert_eq!(rows.len(), 1);
    let text = |name: &str| rows[0].get::<_, Option<String>>(name).unwrap_or_default();
    assert_eq!(rows[0].get::<_, Uuid>("tenant_id"), company.tenant);
    assert_eq!(rows[0].get::<_, Uuid>("work_order_id"), id);
    assert_eq!(rows[0].get::<_, i64>("attempts"), 1);
    assert_eq!(text("wo_number"), number);
    assert_eq!(text("actor"), "worker");
    assert_eq!(text("login_role"), "worker");
    assert_eq!(text("application"), "the workers' tool");
    assert_eq!(text("authenticated_by"), "login");
    assert_eq!(text("sqlstate"), "55000");
    assert_eq!(text("why"), said.message());
    assert_eq!(text("hint"), said.hint().unwrap());
    assert_eq!((text("from_status"), text("to_status")), ("in_progress".into(), "closed".into()));

    let told = violations(&company.database, "illegal_transition");
    let [(tenant, subject, data)] = &told[..] else { panic!("{told:?}") };
    assert_eq!((*tenant, *subject), (company.tenant, id));
    assert_eq!(data["type"], "GUARD_VIOLATION");
    assert_eq!(data["work_order_id"], id.to_string());
    assert_eq!(data["guard_name"], "illegal_transition");
    assert_eq!(data["violation_detail"], said.message());
    assert_eq!(data["blocking"], true);
    assert_eq!(data["suggested_resolution"], said.hint().unwrap());
    assert_eq!(data["actor"], "worker");
    company.assert_intact();
}

#[test]
fn gates_roles_signatures_tokens_and_nobody_are_recorded() {
    let company = company();
    let number = company.reach("pending_approval");
    let database = &company.database;
    // A gate, with the guards that refused.
    let assign = format!("select wo.transition('{number}', 'assigned', 'because')");
    company.refused("planner", &assign, "23514", "approvals_missing");
    // A role.
    company.refused("worker", &assign, "42501", "role_missing");
    // Raw SQL, past the API.
    let raw = "update wo.work_order set chain_sequence = 7";
    company.refused("planner", raw, "42501", "column_not_writable");
    // A signature with another's key.
    let challenge = company.request("owner", &Ask::approve(&number, "system_owner", "plan"));
    let challenge = challenge.unwrap();
    let forged = company.signature("qa", &challenge.payload);
    refused(company.hand_in("owner", &challenge, &forged), "42501", "signature_invalid");
    // A signature that is none.
    refused(company.hand_in("owner", &challenge, "no signature"), "22023", "signature_malformed");
    // Tokens.
    let mut service = database.connect(SERVICE);
    let authenticate = "select wo.authenticate($1)";
    refused(service.execute(authenticate, &[&"not.a.token"]), "42501", "token_malformed");
    // Nobody.
    refused(service.query("select wo.progress('WO-1')", &[]), "42501", "no_identity");

    for (code, actor, tenant) in [
        ("approvals_missing", Some("planner"), company.tenant),
        ("role_missing", Some("worker"), company.tenant),
        ("column_not_writable", Some("planner"), company.tenant),
        ("signature_invalid", Some("owner"), company.tenant),
        ("signature_malformed", Some("owner"), company.tenant),
        ("token_malformed", None, Uuid::nil()),
        ("no_identity", None, Uuid::nil()),
    ] {
        let rows = recorded(database, code, 1);
        let row = &rows[0];
        assert_eq!(row.get::<_, Option<String>>("actor").as_deref(), actor, "{code}");
        assert_eq!(row.get::<_, Uuid>("tenant_id"), tenant, "{code}");
        assert_eq!(violations(database, code)[0].0, tenant, "{code}");
    }
    company.assert_intact();
    // What belongs to no tenant is verified by whoever administers the installation.
    let mut admin = database.superuser();
    let verify = "select bool_and(intact) from wo.verify_audit()";
    let mut transaction = admin.transaction().unwrap();
    transaction.execute("select wo.administer($1)", &[&Uuid::nil().to_string()]).unwrap();
    assert!(transaction.query_one(verify, &[]).unwrap().get::<_, bool>(0));
}

#[test]
fn what_was_only_asked_and_slips_of_the_pen_are_not_recorded() {
    let company = company();
    let number = company.reach("in_progress");
    company.rows("worker", &format!("select * from wo.allowed_transitions('{number}')"));
    company.rows("worker", "select wo.blocker(null, 'regulated_change', null, 'draft')");
    company.refused("worker", "select wo.progress('WO-nowhere')", "22023", "work_order_unknown");
    company.refused(
        "worker",
        &format!("select wo.transition('{number}', 'nowhere')"),
        "22023",
        "unknown_state",
    );
    let stale = format!("select wo.transition('{number}', 'blocked', 'x', null, 1)");
    company.refused("worker", &stale, "40001", "version_conflict");
    // The next that counts comes alone.
    company.refused(
        "worker",
        &format!("select wo.transition('{number}', 'closed', 'x')"),
        "55000",
        "illegal_transition",
    );
    recorded(&company.database, "illegal_transition", 1);
    let codes = company.all(ROOT, "select code from wo.refused_attempt order by code");
    assert_eq!(codes, ["illegal_transition"]);
}

#[test]
fn rows_that_a_bulk_call_reports_are_recorded_once_each() {
    let company = company();
    let numbers = [company.reach("in_progress"), company.reach("in_progress")];
    let sql = format!(
        "select count(*) filter (where error is not null) from wo.transition_many(
            '[{{\"work_order\": \"{}\", \"to_status\": \"closed\"}}, {{\"work_order\": \"{}\", \"to_status\": \"draft\"}}]')",
        numbers[0], numbers[1]
    );
    assert_eq!(company.one::<i64>("worker", &sql), 2);
    let rows = recorded(&company.database, "illegal_transition", 2);
    let attempts: Vec<i64> = rows.iter().map(|row| row.get("attempts")).collect();
    assert_eq!(attempts, [1, 1]);
    // A bulk creation tries all rows together first, and then each by itself.
    let sql = "select count(*) filter (where error is not null) from wo.create_work_orders(
        '[{\"title\": \"good\"}, {\"title\": \"bad\", \"status\": \"closed\"}, {\"title\": \"good\"}]')";
    assert_eq!(company.one::<i64>("originator", sql), 1);
}

#[test]
fn no_secret_is_recorded() {
    let company = company();
    let mut token = company.token("owner");
    token.truncate(token.len() - 4);
    token.push_str("AAAA");
    let mut service = company.database.connect(SERVICE);
    let tried = service.execute("select wo.authenticate($1)", &[&token]);
    refused(tried, "42501", "token_bad_signature");
    recorded(&company.database, "token_bad_signature", 1);
    let shown: String = company.one(
        ROOT,
        "select string_agg(told::text, ' ') from wo.audit_entry as told where subject = 'refused_attempt'",
    );
    for part in token.split('.') {
        assert!(!shown.contains(part), "{shown}");
    }
}

#[test]
fn the_same_attempt_counts_up_in_one_entry() {
    let company = company();
    let number = company.reach("in_progress");
    let id = company.id(&number);
    for _ in 0..40 {
        company.refused(
            "worker",
            &format!("select wo.transition('{number}', 'closed', 'now')"),
            "55000",
            "illegal_transition",
        );
    }
    let rows = recorded(&company.database, "illegal_transition", 40);
    assert!(rows.len() < 10, "{} entries", rows.len());
    let sum: i64 = rows.iter().map(|row| row.get::<_, i64>("attempts")).sum();
    assert_eq!(sum, 40);
    assert!(rows.iter().all(|row| row.get::<_, Uuid>("work_order_id") == id));
}

#[test]
fn tick_writes_them_where_the_library_is_preloaded_and_no_worker_runs() {
    let cluster = wo_cluster_tests::Cluster::own(&[("shared_preload_libraries", "wo_core")]);
    let database = cluster.database();
    database.login("svc", &["wo_user"]);
    let mut client = database.connect("svc");
    refused(client.query("select wo.progress('WO-1')", &[]), "42501", "no_identity");
    let mut admin = database.superuser();
    let count = "select coalesce(sum(attempts), 0)::bigint from wo.refused_attempt";
    let count = |admin: &mut Client| admin.query_one(count, &[]).unwrap().get::<_, i64>(0);
    // What a tick that is rolled back wrote is written again.
    for end in ["rollback", "rollback to s; commit"] {
        let tick = "begin; savepoint s; select wo.tick();";
        admin.batch_execute(&format!("{tick} {end}")).unwrap();
        assert_eq!(count(&mut admin), 0, "{end}");
    }
    // After a moment, so that what cannot be written keeps nothing else from being.
    patiently("it to be written again", || {
        admin.batch_execute("select wo.tick()").unwrap();
        count(&mut admin) == 1
    });
    admin.batch_execute("select wo.tick()").unwrap();
    assert_eq!(count(&mut admin), 1);
}

#[test]
fn a_worker_that_is_not_there_yet_finds_what_waits() {
    let cluster = wo_cluster_tests::Cluster::own(&[("shared_preload_libraries", "wo_core")]);
    let database = cluster.database();
    database.login("svc", &["wo_user"]);
    let mut client = database.connect("svc");
    refused(client.query("select wo.progress('WO-1')", &[]), "42501", "no_identity");
    let list = format!("alter system set wo_core.databases = '{}'", database.name());
    database.superuser().batch_execute(&list).unwrap();
    crate::worker::works::reload(&cluster);
    wait_for(&database, "serving");
    recorded(&database, "no_identity", 1);
}
