//! Approvals are written by the enforcement layer alone: whatever an application role tries past the API is
//! refused, and other tenants see nothing.

use wo_cluster_tests::db_error;

use crate::approval::firm::{ADMIN, AUDITOR, Ask, Firm, RIVAL, ROOT, SERVICE};

/// What the enforcement layer writes.
const RECORDS: [&str; 7] = [
    "signing_key",
    "signature_challenge",
    "approval",
    "approval_request",
    "delegation",
    "waiver",
    "evidence",
];

/// What administrators configure.
const CONFIGURATION: [&str; 3] = ["approval_requirement", "business_calendar", "approval_sla"];

/// A firm with at least one row in every table but `waiver`, and a closed work order.
fn furnished() -> (Firm, String) {
    let firm = Firm::found();
    firm.administer(
        "insert into wo.approval_requirement (name, lifecycle, action, role, meaning)
         values ('safety', 'agent_change', 'approve', 'qa', 'safety');
         insert into wo.business_calendar (name, time_zone, working_hours, holidays)
         values ('office', 'UTC', '{\"monday\": [[\"09:00\", \"17:00\"]]}', '{}');
         insert into wo.approval_sla (role, hours, escalation) values ('qa', 24, '[]')",
    );
    firm.acting("owner", |owner| {
        owner.execute(
            "select wo.delegate_approval('deputy', 'system_owner', now(), now() + interval '1 day', 'leave')",
            &[],
        )
    })
    .unwrap();
    let closed = firm.reach("closed");
    (firm, closed)
}

fn columns(firm: &Firm, table: &str) -> Vec<String> {
    firm.all(
        ROOT,
        &format!(
            "select attname::text from pg_attribute where attrelid = 'wo.{table}'::regclass
                and attnum > 0 and not attisdropped"
        ),
    )
}

#[test]
fn application_roles_write_no_record_of_approvals() {
    let (firm, _) = furnished();
    let before = firm.everything();
    for table in RECORDS {
        let first = columns(&firm, table).remove(0);
        for sql in [
            format!("insert into wo.{table} select * from wo.{table}"),
            format!("insert into wo.{table} default values"),
            format!("update wo.{table} set {first} = {first}"),
            format!("delete from wo.{table}"),
            format!("truncate wo.{table} cascade"),
            format!("insert into wo.{table} select * from wo.{table} on conflict do nothing"),
        ] {
            for who in ["qa", "owner", "planner", ADMIN, AUDITOR, RIVAL] {
                let refusal = db_error(firm.with(who, |client| client.batch_execute(&sql)));
                assert_eq!(refusal.code().code(), "42501", "{who}: {sql}: {refusal:?}");
            }
            let administered = firm.administering(|admin| admin.batch_execute(&sql));
            assert_eq!(db_error(administered).code().code(), "42501", "administering: {sql}");
            let by_token = firm.acting("qa", |qa| qa.batch_execute(&sql));
            assert_eq!(db_error(by_token).code().code(), "42501", "by token: {sql}");
        }
    }
    assert_eq!(firm.everything(), before);
    firm.assert_intact();
}

#[test]
fn nothing_is_copied_into_the_records_of_approvals() {
    let (firm, _) = furnished();
    let before = firm.everything();
    for table in RECORDS {
        for who in ["qa", ADMIN] {
            let copy = format!("copy wo.{table} from stdin");
            let told = firm.database.psql_with(who, &["-v", "VERBOSITY=sqlstate", "-c", &copy]);
            assert!(!told.success, "{who}: {copy}: {told:?}");
            let is_refused = ["42501", "0A000"].iter().any(|code| told.stderr.contains(code));
            assert!(is_refused, "{who}: {copy}: {told:?}");
        }
    }
    assert_eq!(firm.everything(), before);
}

/// A superuser's own writes meet the triggers; replica role too, where a record may never go.
#[test]
fn a_superuser_does_not_delete_or_rewrite_what_was_signed() {
    let (firm, _) = furnished();
    let before = firm.everything();
    for table in ["signing_key", "approval", "approval_request", "delegation", "evidence"] {
        for sql in [format!("delete from wo.{table}"), format!("truncate wo.{table} cascade")] {
            for role in ["origin", "replica"] {
                firm.run(ROOT, &format!("set session_replication_role = {role}"));
                let refusal = db_error(firm.with(ROOT, |root| root.batch_execute(&sql)));
                assert!(
                    ["42501", "55000"].contains(&refusal.code().code()),
                    "{role}: {sql}: {refusal:?}"
                );
            }
            firm.run(ROOT, "reset session_replication_role");
        }
    }
    for sql in [
        "update wo.approval set role = 'qa', meaning = 'completion'",
        "update wo.approval set payload = payload || ' '",
        "update wo.approval set signer = 'qa_2'",
        "update wo.approval set signed_at = signed_at - interval '1 day'",
        "update wo.signing_key set public_key = decode(repeat('01', 32), 'hex')",
        "update wo.signing_key set principal = 'qa_2'",
        "update wo.evidence set package = '{}'",
    ] {
        db_error(firm.with(ROOT, |root| root.batch_execute(sql)));
    }
    assert_eq!(firm.everything(), before);
    firm.assert_intact();
}

#[test]
fn another_tenant_and_nobody_see_nothing() {
    let (firm, closed) = furnished();
    for table in RECORDS.into_iter().chain(CONFIGURATION) {
        for who in [RIVAL, SERVICE] {
            let seen = firm.with(who, |client| {
                client.query_one(&format!("select count(*) from wo.{table}"), &[])
            });
            match seen {
                Ok(row) => assert_eq!(row.get::<_, i64>(0), 0, "{who}: {table}"),
                Err(error) => assert_eq!(db_error::<()>(Err(error)).code().code(), "42501"),
            }
        }
    }
    for call in [
        format!("wo.signatures('{closed}')"),
        format!("wo.pending_approvals('{closed}')"),
        format!("wo.evidence_package('{closed}')"),
        format!("wo.evidence_report('{closed}')"),
        format!("wo.request_signature('{closed}', 'qa', 'completion')"),
    ] {
        for who in [RIVAL, SERVICE] {
            db_error(
                firm.with(who, |client| client.batch_execute(&format!("select * from {call}"))),
            );
        }
    }
}

/// A challenge is a secret between the database and one person.
#[test]
fn nobody_answers_the_challenge_of_another_tenant_or_person() {
    let firm = Firm::found();
    let order = firm.submitted();
    let challenge = firm.request("qa", &Ask::approve(&order, "qa", "plan")).unwrap();
    let signature = firm.signature("qa", &challenge.payload);
    for who in ["qa_2", "owner", "versatile"] {
        let code = wo_cluster_tests::refused(
            firm.hand_in(who, &challenge, &signature),
            "22023",
            "challenge_unknown",
        );
        assert!(!code.to_string().contains(&challenge.payload));
    }
    firm.sign("qa", &challenge).unwrap();
}

#[test]
fn configuration_is_the_administrators() {
    let (firm, _) = furnished();
    for table in CONFIGURATION {
        for sql in [
            format!("insert into wo.{table} select * from wo.{table}"),
            format!("delete from wo.{table}"),
            format!("truncate wo.{table} cascade"),
        ] {
            for who in ["qa", "planner", AUDITOR, RIVAL] {
                let refusal = db_error(firm.with(who, |client| client.batch_execute(&sql)));
                assert_eq!(refusal.code().code(), "42501", "{who}: {sql}: {refusal:?}");
            }
        }
        let administered = firm
            .administering(|admin| admin.batch_execute(&format!("truncate wo.{table} cascade")));
        assert_eq!(db_error(administered).code().code(), "42501", "{table}");
    }
    for call in [
        "wo.enroll_signing_key('qa', 'AAAA', 'seen')",
        "wo.record_identity_verification('x', 'seen')",
        "wo.retire_signing_key('x')",
    ] {
        for who in ["qa", "planner", AUDITOR] {
            let refusal =
                db_error(firm.with(who, |client| client.batch_execute(&format!("select {call}"))));
            assert_eq!(refusal.code().code(), "42501", "{who}: {call}: {refusal:?}");
        }
    }
    firm.assert_intact();
}

/// What the auditor reads is the whole record, and neither secret nor challenge.
#[test]
fn the_auditor_reads_approvals_and_evidence() {
    let (firm, closed) = furnished();
    for table in ["approval", "approval_request", "delegation", "evidence", "signing_key"] {
        let seen: i64 = firm.one(AUDITOR, &format!("select count(*) from wo.{table}"));
        assert!(seen > 0, "{table}");
    }
    let signatures = firm.rows(AUDITOR, &format!("select * from wo.signatures('{closed}')"));
    assert_eq!(signatures.len(), 4);
}
