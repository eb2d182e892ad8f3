//! Who may do what about signatures (11.10(g)), and which version of the rules holds (11.10(k)).

use wo_cluster_tests::signing::{ADMIN, Ask, Company, ROOT, SERVICE};
use wo_cluster_tests::{db_error, refused};

#[test]
fn row_10_each_role_signs_what_is_its_own_and_nothing_else() {
    let company = Company::found();
    company.enroll("stranger");
    let number = company.reach("pending_approval");
    for (who, may) in [
        ("owner", &["system_owner"][..]),
        ("owner_2", &["system_owner"]),
        ("qa", &["qa"]),
        ("qa_2", &["qa"]),
        ("versatile", &["system_owner", "qa"]),
        ("planner", &[]),
        ("originator", &[]),
        ("orchestrator", &[]),
        ("worker_2", &[]),
        ("stranger", &[]),
    ] {
        for role in ["system_owner", "qa"] {
            for ask in [
                Ask::approve(&number, role, "plan"),
                Ask::reject(&number, role, "plan", "not like this"),
            ] {
                let asked = company.request(who, &ask);
                match may.contains(&role) {
                    true => drop(asked.unwrap_or_else(|error| panic!("{who} {role}: {error:?}"))),
                    false => drop(refused(asked, "42501", "role_missing")),
                }
            }
        }
        // A role that the approval does not ask for is of no use, even to its holder.
        for role in ["planner", "originator", "captain", ""] {
            let asked = company.request(who, &Ask::approve(&number, role, "plan"));
            assert!(asked.is_err(), "{who} signs as {role:?}");
        }
    }
    assert_eq!(company.one::<i64>(ROOT, "select count(*) from wo.approval"), 0);
}

#[test]
fn row_10_nothing_is_signed_where_nothing_is_to_be_signed() {
    let company = Company::found();
    for (state, meanings) in [
        ("draft", &["plan", "completion"][..]),
        ("pending_approval", &["completion"]),
        ("assigned", &["plan", "completion"]),
        ("in_progress", &["plan", "completion"]),
        ("completed", &["plan"]),
        ("closed", &["plan", "completion"]),
    ] {
        let number = company.reach(state);
        for (who, role) in [("owner_2", "system_owner"), ("qa_2", "qa")] {
            for meaning in meanings {
                let asked = company.request(who, &Ask::approve(&number, role, meaning));
                let refusal = db_error(asked);
                assert_eq!(refusal.code().code(), "55000", "{state} {meaning}: {refusal:?}");
            }
        }
    }
}

#[test]
fn row_10_what_administers_keys_is_for_administrators() {
    let company = Company::found();
    let key = wo_cli::public_key(&wo_cli::new_key().unwrap().verifying_key());
    let of_qa: String =
        company.one(ROOT, "select key_id from wo.signing_key where principal = 'qa'");
    for act in [
        format!("select wo.enroll_signing_key('stranger', '{key}', 'passport seen')"),
        format!("select wo.enroll_signing_key('{ADMIN}', '{key}')"),
        format!("select wo.record_identity_verification('{of_qa}', 'seen again')"),
        format!("select wo.retire_signing_key('{of_qa}')"),
        "insert into wo.approval_requirement (tenant_id, name, action, role, meaning)
             values (wo.current_tenant(), 'mine', 'assign', 'planner', 'plan')"
            .to_owned(),
        "update wo.approval_requirement set disabled_at = now()".to_owned(),
        "delete from wo.approval_requirement".to_owned(),
        "insert into wo.approval_sla (tenant_id, role, hours) values (wo.current_tenant(), 'qa', 1)"
            .to_owned(),
        "insert into wo.business_calendar (tenant_id, name, time_zone, working_hours)
             values (wo.current_tenant(), 'mine', 'UTC', '{}')"
            .to_owned(),
    ] {
        for who in ["qa", "owner", "planner", "stranger", "versatile"] {
            let tried = company.with(who, |client| client.batch_execute(&act));
            assert_eq!(db_error(tried).code().code(), "42501", "{who}: {act}");
            let tried = company.acting(who, |acting| acting.batch_execute(&act));
            assert_eq!(db_error(tried).code().code(), "42501", "{who} by token: {act}");
        }
        let tried = company.with(SERVICE, |client| client.batch_execute(&act));
        assert_eq!(db_error(tried).code().code(), "42501", "nobody: {act}");
    }
    company.assert_intact();
}

#[test]
fn row_10_an_auditor_reads_signatures_and_makes_none() {
    let company = Company::found();
    let number = company.reach("assigned");
    company.database.login("examiner", &["wo_auditor"]);
    company.administer(
        "select wo.create_principal('examiner', roles => '{qa, system_owner}', db_role => 'examiner')",
    );
    company.enroll("examiner");
    let states = company.all(
        "examiner",
        &format!("select state from wo.signatures('{number}') order by signed_at"),
    );
    assert_eq!(states, ["valid", "valid"]);
    let package: String =
        company.one("examiner", &format!("select wo.evidence_package('{number}')"));
    assert!(package.contains("wo_core.evidence.v1"));
    let waiting = company.reach("pending_approval");
    let token = company.token("examiner");
    let tried = company.with("examiner", |examiner| {
        let mut transaction = examiner.transaction().unwrap();
        transaction.execute("select wo.authenticate($1)", &[&token]).unwrap();
        Ask::approve(&waiting, "qa", "plan").on(&mut transaction)
    });
    assert_eq!(db_error(tried).code().code(), "42501");
}

#[test]
fn row_10_another_tenants_signatures_are_as_good_as_none() {
    let company = Company::found();
    let number = company.reach("pending_approval");
    let challenge =
        company.request("owner", &Ask::approve(&number, "system_owner", "plan")).unwrap();
    company.sign("owner", &challenge).unwrap();
    company.database.login("rival", &["wo_user"]);
    company.run(
        ROOT,
        "select wo.create_tenant('rival', 'Rival', default_lifecycle => 'regulated_change');
         begin; select wo.administer('rival');
         select wo.create_principal('rival', roles => '{qa, system_owner, planner}', db_role => 'rival');
         commit",
    );
    for call in [
        "select * from wo.signatures('{}')",
        "select * from wo.pending_approvals('{}')",
        "select wo.evidence_package('{}')",
        "select wo.evidence_report('{}')",
    ] {
        for named in [&number, &company.id(&number).to_string()] {
            company.refused("rival", &call.replace("{}", named), "22023", "work_order_unknown");
        }
    }
    for table in
        ["approval", "approval_request", "signing_key", "signature_challenge", "delegation"]
    {
        let seen = format!("select count(*) from wo.{table}");
        let seen = company.with("rival", |rival| rival.query_one(&seen, &[]));
        if let Ok(row) = seen {
            assert_eq!(row.get::<_, i64>(0), 0, "{table}");
        }
    }
}

#[test]
fn row_13_a_work_order_keeps_the_approvals_of_the_version_that_it_pinned() {
    let company = Company::found();
    let old = company.reach("pending_approval");
    let mut definition = company.definition("regulated_change");
    for edge in definition["transitions"].as_array_mut().unwrap() {
        if edge["action"] == "assign" {
            // From now on QA alone signs plans.
            let approvals = edge["approvals"].as_array_mut().unwrap();
            approvals.retain(|approval| approval["role"] == "qa");
        }
    }
    company.publish(&definition);
    let new = company.reach("pending_approval");
    for number in [&old, &new] {
        company.signed("qa", &Ask::approve(number, "qa", "plan"));
    }
    company.transition("planner", &new, "assigned");
    let assign = format!("select wo.transition('{old}', 'assigned', 'because')");
    company.refused("planner", &assign, "23514", "approvals_missing");
    let asked = company.request("owner", &Ask::approve(&new, "system_owner", "plan"));
    assert!(asked.is_err(), "the new version does not ask for it");
    company.signed("owner", &Ask::approve(&old, "system_owner", "plan"));
    company.transition("planner", &old, "assigned");
    company.assert_intact();
}

#[test]
fn row_13_every_change_of_what_must_be_signed_is_in_the_trail() {
    let company = Company::found();
    let told = || -> i64 {
        company
            .one(ROOT, "select count(*) from wo.audit_entry where subject = 'approval_requirement'")
    };
    for change in [
        "insert into wo.approval_requirement (tenant_id, name, action, role, meaning)
             values (wo.current_tenant(), 'planner_too', 'assign', 'planner', 'plan')",
        "update wo.approval_requirement set count = 2 where name = 'planner_too'",
        "update wo.approval_requirement set disabled_at = now() where name = 'planner_too'",
    ] {
        let before = told();
        company.administer(change);
        assert_eq!(told(), before + 1, "{change}");
    }
    company.assert_intact();
}
