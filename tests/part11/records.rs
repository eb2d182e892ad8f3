//! Retained data: a changed value is found (11.10(a)), nothing is removed, and it comes back whole
//! from a backup (11.10(c)); the trail outlives what it describes (11.10(e)).

use wo_cluster_tests::signing::{ADMIN, Ask, Company, ROOT, SERVICE};
use wo_cluster_tests::{Cluster, db_error};

use crate::part11::evidence::offline_problems;
use crate::part11::tamper::{behind_the_back, broken, columns, other_value, tampered};

/// Tables of which a row may be taken away by right, its removal staying in the trail, and tables
/// that hold no record.
const REMOVABLE: [&str; 10] = [
    "release_item",
    "dependency",
    "engine_override",
    "principal_role",
    "task_type",
    "event_consumer",
    "business_calendar",
    "approval_sla",
    "finding_policy",
    "state_limit",
];

/// A company with a row in every table of signatures, and the work order that they belong to.
fn busy() -> (Company, String) {
    let company = Company::found();
    company.administer(
        "insert into wo.business_calendar (name, time_zone, working_hours)
             values ('office', 'Europe/Berlin', '{\"monday\": [[\"09:00\", \"17:00\"]]}');
         insert into wo.approval_sla (role, hours, calendar, escalation)
             values ('qa', 8, 'office', '[{\"after_hours\": 0, \"to\": \"role:qa\"}]');
         insert into wo.approval_requirement (name, lifecycle, action, role, meaning)
             values ('planners_see_it', 'regulated_change', 'assign', 'planner', 'seen')",
    );
    company.run(
        "owner",
        "select wo.delegate_approval('worker_2', 'system_owner', now(), now() + interval '1 day', 'on leave')",
    );
    let number = company.reach("pending_approval");
    company
        .signed("worker_2", &Ask::approve(&number, "system_owner", "plan").on_behalf_of("owner"));
    company.signed("qa", &Ask::approve(&number, "qa", "plan"));
    let part: String = company.one(
        "originator",
        &format!(
            "select wo.create_work_order('Order the seal', master => '{number}') ->> 'wo_number'"
        ),
    );
    company.signed(
        "qa_2",
        &Ask::approve(&number, "qa", "waiver").because("it is not needed").about_child(&part),
    );
    company.assert_intact();
    (company, number)
}

#[test]
fn row_1_one_value_changed_in_any_column_of_a_signature_is_found() {
    let (company, number) = busy();
    for (table, place) in [
        ("wo.approval", "role = 'system_owner'"),
        ("wo.approval", "role = 'qa' and meaning = 'plan'"),
        ("wo.approval", "meaning = 'waiver'"),
        ("wo.approval_request", "role = 'qa'"),
        ("wo.waiver", "true"),
    ] {
        for (column, kind) in columns(&company, table) {
            let value = other_value(&column, &kind);
            let sql = format!("update {table} set {column} = {value} where {place}");
            found(&company, table, &sql, |one| one.0 == "work_order" && one.1 == number);
        }
    }
}

#[test]
fn row_1_one_value_changed_in_any_column_of_a_key_a_delegation_or_a_requirement_is_found() {
    let (company, _) = busy();
    for (table, place) in [
        ("signing_key", "principal = 'qa'"),
        ("delegation", "delegator = 'owner'"),
        ("approval_requirement", "name = 'planners_see_it'"),
        ("business_calendar", "name = 'office'"),
        ("approval_sla", "role = 'qa'"),
    ] {
        let qualified = format!("wo.{table}");
        for (column, kind) in columns(&company, &qualified) {
            let value = other_value(&column, &kind);
            let sql = format!("update {qualified} set \"{column}\" = {value} where {place}");
            let sql = sql.replace("coalesce(when,", "coalesce(\"when\",");
            found(&company, &qualified, &sql, |one| one.0 == table);
        }
    }
}

/// A superuser takes the CHECKs away first: they would stop some values.
#[track_caller]
fn found(
    company: &Company,
    table: &str,
    sql: &str,
    is_it: impl Fn(&(String, String, String)) -> bool,
) {
    let checks = format!(
        "select conname::text from pg_constraint where conrelid = '{table}'::regclass and contype = 'c'"
    );
    let checks = company.all(ROOT, &checks);
    let found = tampered(
        company,
        |transaction| {
            for check in &checks {
                transaction
                    .batch_execute(&format!("alter table {table} drop constraint {check}"))
                    .unwrap();
            }
            behind_the_back(transaction, table, sql);
        },
        broken,
    );
    assert!(found.iter().any(is_it), "{sql}: {found:?}");
    assert!(found.iter().all(|one| !one.2.is_empty()), "{sql}: {found:?}");
}

#[test]
fn row_1_a_signature_or_key_slipped_in_or_taken_out_is_found() {
    let (company, number) = busy();
    for (table, sql, subject) in [
        ("wo.approval", "delete from wo.approval where role = 'qa'", "work_order"),
        ("wo.approval_request", "delete from wo.approval_request where role = 'qa'", "work_order"),
        ("wo.waiver", "delete from wo.waiver", "work_order"),
        ("wo.delegation", "delete from wo.delegation", "delegation"),
        ("wo.signing_key", "delete from wo.signing_key where principal = 'qa'", "signing_key"),
        (
            "wo.signing_key",
            "insert into wo.signing_key
             select (jsonb_populate_record(held, jsonb_build_object('key_id', 'another',
                'public_key', '\\x' || repeat('ab', 32), 'principal', 'stranger'))).*
             from wo.signing_key as held where principal = 'qa'",
            "signing_key",
        ),
        (
            "wo.delegation",
            "insert into wo.delegation
             select (jsonb_populate_record(held, jsonb_build_object('id', gen_random_uuid(),
                'delegate', 'stranger'))).*
             from wo.delegation as held",
            "delegation",
        ),
        (
            "wo.approval",
            "insert into wo.approval
             select (jsonb_populate_record(held, jsonb_build_object('id', gen_random_uuid()))).*
             from wo.approval as held where role = 'qa'",
            "work_order",
        ),
    ] {
        let found =
            tampered(&company, |transaction| behind_the_back(transaction, table, sql), broken);
        assert!(found.iter().any(|one| one.0 == subject), "{sql}: {found:?}");
        if subject == "work_order" {
            assert!(found.iter().any(|one| one.1 == number), "{sql}: {found:?}");
        }
    }
}

#[test]
fn row_3_nobody_but_a_superuser_removes_retained_data() {
    let (company, _) = busy();
    for (login, role) in
        [("examiner", "wo_auditor"), ("monitor", "wo_monitor"), ("bridge", "wo_bridge")]
    {
        company.database.login(login, &[role]);
    }
    let tables = company.all(
        ROOT,
        "select relname::text from pg_class
         where relnamespace = 'wo'::regnamespace and relkind in ('r', 'p') order by 1",
    );
    assert!(tables.len() > 20, "{tables:?}");
    let count =
        |table: &str| -> i64 { company.one(ROOT, &format!("select count(*) from wo.{table}")) };
    for table in &tables {
        let before = count(table);
        for login in ["planner", "qa", SERVICE, ADMIN, "examiner", "monitor", "bridge"] {
            for removal in [
                "truncate wo.{}",
                "truncate wo.{} cascade",
                "drop table wo.{}",
                "drop table wo.{} cascade",
                "delete from wo.{}",
            ] {
                let sql = removal.replace("{}", table);
                if sql.starts_with("delete") && REMOVABLE.contains(&table.as_str()) {
                    continue;
                }
                let tried = company.with(login, |client| client.batch_execute(&sql));
                assert_eq!(db_error(tried).code().code(), "42501", "{login}: {sql}");
            }
        }
        assert_eq!(count(table), before, "{table}");
    }
    let tried = company.administering(|admin| admin.batch_execute("delete from wo.signing_key"));
    assert_eq!(db_error(tried).code().code(), "42501");
    for schema in ["wo", "wo_private"] {
        for login in ["planner", ADMIN, "examiner"] {
            let drop = format!("drop schema {schema} cascade");
            let tried = company.with(login, |client| client.batch_execute(&drop));
            assert_eq!(db_error(tried).code().code(), "42501", "{login}");
        }
    }
    company.assert_intact();
}

#[test]
fn row_3_signatures_come_back_whole_from_a_backup_and_still_verify() {
    let (company, number) = busy();
    let states =
        "select role || ' ' || state || ' ' || signed from wo.signatures('{}') order by signed_at";
    let states = states.replace("{}", &number);
    let before = company.all("qa", &states);
    let payloads = "select payload || ' ' || encode(signature, 'hex') from wo.approval order by id";
    let signed = company.all(ROOT, payloads);
    let restored = Cluster::shared().empty_database();
    restored.restore(&company.database.dump()).unwrap();
    let mut root = restored.superuser();
    let all = |client: &mut postgres::Client, sql: &str| -> Vec<String> {
        client.query(sql, &[]).unwrap().iter().map(|row| row.get(0)).collect()
    };
    assert_eq!(all(&mut root, payloads), signed);
    let mut qa = restored.connect("qa");
    assert_eq!(all(&mut qa, &states), before);
    let broken = qa.query("select 1 from wo.verify_audit() where not intact", &[]).unwrap();
    assert!(broken.is_empty());
    let package = format!("select wo.evidence_package('{number}')");
    let package: String = qa.query_one(&package, &[]).unwrap().get(0);
    assert_eq!(offline_problems(&package), [""; 0]);
}

#[test]
fn row_7_the_trail_outlives_what_it_describes() {
    let (company, number) = busy();
    let id = company.id(&number);
    let of = format!("select count(*) from wo.audit_entry where subject_id = '{id}'");
    let entries: i64 = company.one(ROOT, &of);
    assert!(entries > 3);
    // By right: a role that is taken away is gone, its history is not.
    company.administer("select wo.revoke_role('planner', 'planner')");
    let told = "select count(*) from wo.audit_entry as told
        join wo.audit_chain as chain using (tenant_id, subject_id)
        where chain.subject_key = '[\"planner\",\"planner\"]'";
    assert_eq!(company.one::<i64>(ROOT, told), 2);
    // By force: a superuser deletes the work order with everything that belongs to it.
    let (left, found) = tampered(
        &company,
        |transaction| {
            for (table, column) in [
                ("wo.waiver", "work_order_id"),
                ("wo.approval", "work_order_id"),
                ("wo.approval_request", "work_order_id"),
                ("wo.signature_challenge", "work_order_id"),
                ("wo.work_order", "id"),
            ] {
                let gone = format!("delete from {table} where {column} = '{id}'");
                behind_the_back(transaction, table, &gone);
            }
        },
        |transaction| {
            let left: i64 = transaction.query_one(&of, &[]).unwrap().get(0);
            (left, broken(transaction))
        },
    );
    assert_eq!(left, entries, "the trail went with the record");
    assert!(found.iter().any(|one| one.1 == id.to_string()), "{found:?}");
}
