//! The trail of signing: who, when, from where, why (11.10(e), 11.10(h), Annex 11 §9 and §12.4,
//! PI 041).

use chrono::{DateTime, Utc};
use serde_json::Value;
use wo_cluster_tests::signing::{ADMIN, Ask, Company, ROOT, SERVICE};
use wo_cluster_tests::{Cluster, db_error};

use crate::part11::tamper::{behind_the_back, broken, rehash, tampered};

/// What it is, the subject of its entries, who does it, and the act.
type Act<'a> = (&'a str, &'a str, &'a str, Box<dyn Fn() + 'a>);

#[test]
fn row_5_every_act_of_signing_leaves_an_entry_with_the_servers_time() {
    let company = Company::found();
    let number = company.reach("pending_approval");
    let other = company.reach("pending_approval");
    let plan = Ask::approve(&number, "system_owner", "plan");
    let challenge = company.request("owner", &plan).unwrap();
    let rejection = company.request("qa", &Ask::reject(&other, "qa", "plan", "no test")).unwrap();
    let key = wo_cli::new_key().unwrap();
    let acts: Vec<Act<'_>> = vec![
        (
            "enrolment",
            "signing_key",
            ADMIN,
            Box::new(|| {
                company.enroll_key("stranger", &key, "null").unwrap();
            }),
        ),
        (
            "verification",
            "signing_key",
            ADMIN,
            Box::new(|| {
                company.run(
                    ADMIN,
                    "select wo.record_identity_verification(key_id, 'passport seen')
                from wo.signing_key where principal = 'stranger'",
                );
            }),
        ),
        (
            "revocation",
            "signing_key",
            "stranger",
            Box::new(|| {
                company.run(
                    "stranger",
                    "select wo.revoke_signing_key(key_id, 'lost')
                from wo.signing_key where principal = 'stranger'",
                );
            }),
        ),
        (
            "retirement",
            "signing_key",
            ADMIN,
            Box::new(|| {
                company.run(
                    ADMIN,
                    "select wo.retire_signing_key(key_id)
                from wo.signing_key where principal = 'owner_2'",
                );
            }),
        ),
        (
            "signature",
            "work_order",
            "owner",
            Box::new(|| {
                company.sign("owner", &challenge).unwrap();
            }),
        ),
        (
            "withdrawal",
            "work_order",
            "owner",
            Box::new(|| {
                let withdraw = "select wo.withdraw_signature(id, 'too early') from wo.approval";
                company.acting("owner", |owner| owner.batch_execute(withdraw)).unwrap();
            }),
        ),
        (
            "rejection",
            "work_order",
            "qa",
            Box::new(|| {
                company.sign("qa", &rejection).unwrap();
            }),
        ),
        (
            "delegation",
            "delegation",
            "owner",
            Box::new(|| {
                company.run(
                    "owner",
                    "select wo.delegate_approval('worker_2', 'system_owner',
                now() + interval '1 hour', now() + interval '2 hours', 'on leave')",
                );
            }),
        ),
        (
            "its end",
            "delegation",
            "owner",
            Box::new(|| {
                company.run(
                    "owner",
                    "select wo.revoke_delegation(id, 'back again') from wo.delegation",
                );
            }),
        ),
    ];
    let now = || -> DateTime<Utc> { company.one(ROOT, "select clock_timestamp()") };
    for (what, subject, actor, act) in acts {
        let before = now();
        act();
        let after = now();
        let entries = company.rows(
            ROOT,
            &format!(
                "select recorded_at, coalesce(actor, login_role), authenticated_by, login_role
                 from wo.audit_entry where subject = '{subject}' and recorded_at > '{before}'"
            ),
        );
        assert!(!entries.is_empty(), "{what} left no entry");
        for entry in entries {
            let at: DateTime<Utc> = entry.get(0);
            assert!(before < at && at < after, "{what}: {before} {at} {after}");
            assert_eq!(entry.get::<_, String>(1), actor, "{what}");
        }
    }
    company.assert_intact();
}

#[test]
fn row_5_no_application_role_switches_the_trail_off_on_any_table() {
    let company = Company::found();
    company.database.login("examiner", &["wo_auditor"]);
    let tables = company.all(
        ROOT,
        "select oid::regclass::text from pg_class
         where relnamespace = 'wo'::regnamespace and relkind in ('r', 'p')",
    );
    for login in ["planner", SERVICE, ADMIN, "examiner"] {
        for table in &tables {
            for off in [
                "alter table {} disable trigger all",
                "alter table {} disable trigger user",
                "alter table {} no force row level security",
                "alter table {} add column mine text",
                "drop trigger validate on {}",
                "create rule quiet as on update to {} do instead nothing",
            ] {
                let off = off.replace("{}", table);
                let tried = company.with(login, |client| client.batch_execute(&off));
                let code = db_error(tried).code().code().to_owned();
                // Not every table has a trigger of that name.
                let none = off.starts_with("drop trigger") && code == "42704";
                assert!(code == "42501" || none, "{login}: {off}: {code}");
            }
        }
        for off in [
            "set session_replication_role = replica",
            "alter system set session_replication_role = replica",
            "set wo_core.signing_token_age = 1000000",
        ] {
            let tried = company.with(login, |client| {
                client.batch_execute("select wo.whoami()")?;
                client.batch_execute(off)
            });
            assert_eq!(db_error(tried).code().code(), "42501", "{login}: {off}");
        }
    }
}

#[test]
fn row_11_a_signature_is_recorded_with_where_it_came_from() {
    let cluster = Cluster::own(&[("listen_addresses", "127.0.0.1")]).kept();
    let company = Company::found_in(cluster.database());
    let number = company.reach("pending_approval");
    let mut config = postgres::Config::new();
    config
        .host("127.0.0.1")
        .port(cluster.port())
        .user(SERVICE)
        .dbname(company.database.name())
        .application_name("the signing desk");
    let mut client = config.connect(postgres::NoTls).unwrap();
    let ask = Ask::approve(&number, "system_owner", "plan");
    let token = company.token_request("owner");
    let mut transaction = client.transaction().unwrap();
    transaction.execute("select wo.authenticate($1)", &[&company.token_for(&token)]).unwrap();
    let challenge = ask.on(&mut transaction).unwrap();
    let signature = company.signature("owner", &challenge.payload);
    challenge.answer(&mut transaction, &signature).unwrap();
    transaction.commit().unwrap();
    let entry = &company.rows(
        ROOT,
        "select client_address, application, login_role, authenticated_by, actor
         from wo.audit_entry where action = 'signed'",
    )[0];
    let entry: Vec<String> = (0..5).map(|column| entry.get(column)).collect();
    let by = format!("token:{}", token.id);
    assert_eq!(entry, ["127.0.0.1", "the signing desk", SERVICE, &by, "owner"]);
    company.assert_intact();
}

#[test]
fn row_27_a_reason_is_mandatory_where_something_is_refused_or_taken_back() {
    let company = Company::found();
    let number = company.reach("pending_approval");
    for reason in ["", " ", "\n"] {
        let asked = company.request("qa", &Ask::reject(&number, "qa", "plan", reason));
        let code = db_error(asked).code().code().to_owned();
        assert!(["22023", "23514"].contains(&code.as_str()), "rejecting: {code}");
    }
    let silent = Ask { reason: None, ..Ask::reject(&number, "qa", "plan", "") };
    db_error(company.request("qa", &silent));

    company.signed("owner", &Ask::approve(&number, "system_owner", "plan"));
    for reason in ["''", "' '", "null"] {
        let withdraw = format!("select wo.withdraw_signature(id, {reason}) from wo.approval");
        let _ = company.acting("owner", |acting| acting.batch_execute(&withdraw));
        let delegate = format!(
            "select wo.delegate_approval('worker_2', 'system_owner', now(), now() + interval '1 hour', {reason})"
        );
        let _ = company.with("owner", |client| client.batch_execute(&delegate));
    }
    assert_eq!(company.signature_states(&number), ["system_owner plan: valid"]);
    assert_eq!(company.one::<i64>(ROOT, "select count(*) from wo.delegation"), 0);

    // The reason of a rejection is signed, and it is the transition's.
    company.signed("qa", &Ask::reject(&number, "qa", "plan", "no test is planned"));
    assert_eq!(company.status(&number), "draft");
    let told = format!(
        "select count(*) from wo.audit_entry where subject_id = '{}'
            and reason = 'no test is planned' and to_status = 'draft'",
        company.id(&number)
    );
    assert!(company.one::<i64>(ROOT, &told) >= 1);
    assert_eq!(company.signature_states(&number)[0], "system_owner plan: void");
}

#[test]
fn row_29_the_trail_tells_who_entered_changed_confirmed_and_withdrew_and_when() {
    let company = Company::found();
    let number = company.reach("pending_approval");
    company.run(
        "planner",
        &format!("update wo.work_order set planned_start = '2026-12-01', reason = 'earlier' where wo_number = '{number}'"),
    );
    company.signed("owner", &Ask::approve(&number, "system_owner", "plan"));
    company
        .acting("owner", |owner| {
            owner
                .batch_execute("select wo.withdraw_signature(id, 'read it again') from wo.approval")
        })
        .unwrap();
    let rows = company.rows(
        "qa",
        &format!("select who, action, at, why from wo.audit_trail('{number}') order by sequence"),
    );
    let mut last = None;
    for (who, action) in [
        ("originator", "created"),
        ("planner", "changed"),
        ("owner", "signed"),
        ("owner", "signature_withdrawn"),
    ] {
        let at = rows
            .iter()
            .position(|row| {
                row.get::<_, String>(0).contains(&format!("({who})"))
                    && row.get::<_, String>(1) == action
            })
            .unwrap_or_else(|| panic!("nobody reads that {who} {action}"));
        assert!(Some(at) > last, "{action} stands before what came before it");
        assert!(rows[at].get::<_, Option<DateTime<Utc>>>(2).is_some());
        last = Some(at);
    }
    let withdrawn = rows.last().unwrap();
    assert_eq!(withdrawn.get::<_, Option<String>>(3).as_deref(), Some("read it again"));
}

/// The clock of the server is set back by an hour between two entries. What a superuser's pen
/// writes here is what the enforcement layer itself would have written then: the same entry with another time.
#[test]
fn row_30_a_clock_that_was_stepped_back_does_not_reorder_the_trail() {
    let company = Company::found();
    let number = company.reach("assigned");
    let id = company.id(&number);
    let actions = format!("select action from wo.audit_trail('{number}')");
    let in_order = company.all("qa", &actions);
    let package = format!("select wo.evidence_package('{number}')::json");
    let sequences = |package: &Value| -> Vec<i64> {
        let trail = package["sections"]["trail"].as_array().unwrap();
        trail.iter().map(|entry| entry["sequence"].as_i64().unwrap()).collect()
    };
    tampered(
        &company,
        |transaction| {
            // The clock was an hour ahead, and was set right after the second entry.
            let back = format!(
                "update wo.audit_entry set recorded_at = recorded_at + interval '1 hour'
                 where subject_id = '{id}' and sequence <= 2"
            );
            behind_the_back(transaction, "wo.audit_entry", &back);
            rehash(transaction, id);
        },
        |transaction| {
            let backwards: bool = transaction
                .query_one(
                    "select (select recorded_at from wo.audit_entry where subject_id = $1 and sequence = 3)
                        < (select recorded_at from wo.audit_entry where subject_id = $1 and sequence = 2)",
                    &[&id],
                )
                .unwrap()
                .get(0);
            assert!(backwards, "the clock was not stepped back");
            assert_eq!(broken(transaction), []);
            let read: Vec<String> =
                transaction.query(&actions, &[]).unwrap().iter().map(|row| row.get(0)).collect();
            assert_eq!(read, in_order);
            let packed: Value = transaction.query_one(&package, &[]).unwrap().get(0);
            let sequences = sequences(&packed);
            assert!(sequences.is_sorted(), "{sequences:?}");
        },
    );
}

#[test]
fn row_30_entries_have_times_with_a_zone_and_signatures_name_theirs() {
    let company = Company::found();
    let number = company.reach("assigned");
    let naive = company.all(
        ROOT,
        "select attrelid::regclass || '.' || attname from pg_attribute
         join pg_class on pg_class.oid = attrelid
         where relnamespace = 'wo'::regnamespace and relkind in ('r', 'p', 'v') and attnum > 0
            and atttypid in ('timestamp'::regtype, 'time'::regtype)",
    );
    assert_eq!(naive, [""; 0], "times without a zone");
    let zones =
        company.all(ROOT, "select time_zone from wo.approval union all select payload::json ->> 'time_zone' from wo.approval");
    assert_eq!(zones.len(), 4);
    assert!(zones.iter().all(|zone| !zone.is_empty()));
    let package: Value =
        company.one("qa", &format!("select wo.evidence_package('{number}')::json"));
    for entry in package["sections"]["trail"].as_array().unwrap() {
        assert!(entry["recorded_at"].as_str().unwrap().ends_with('Z'), "{entry}");
    }
}
