//! Who may read what was attempted: QA, administrators and auditors; nobody of another tenant.

use wo_cluster_tests::signing::ROOT;

use crate::worker::attempts::{company, recorded};

#[test]
fn qa_administrators_and_auditors_read_attempts_and_the_others_do_not() {
    let company = company();
    let number = company.reach("in_progress");
    company.database.login("auditor", &["wo_auditor"]);
    company.database.login("rival", &["wo_user", "wo_auditor"]);
    company.administer("select wo.create_principal('auditor', db_role => 'auditor')");
    company.run(
        ROOT,
        "begin; select wo.create_tenant('globex', 'Globex'); select wo.administer('globex');
         select wo.create_principal('rival', roles => '{qa}', db_role => 'rival'); commit",
    );
    let closed = format!("select wo.transition('{number}', 'closed', 'now')");
    company.refused("worker", &closed, "55000", "illegal_transition");
    recorded(&company.database, "illegal_transition", 1);

    let count = "select count(*) from wo.refused_attempt";
    let raw = "select count(*) from wo.audit_entry where subject = 'refused_attempt'";
    let chain = "select count(*) from wo.audit_chain where subject = 'refused_attempt'";
    // What the trail hides is not told by the outbox.
    let event = "select count(*) from wo.event where type = 'wo.guard_violation'";
    for (who, sees) in
        [("worker", 0), ("planner", 0), ("rival", 0), ("qa", 1), ("auditor", 1), ("stranger", 0)]
    {
        for sql in [count, raw, chain, event] {
            assert_eq!(company.one::<i64>(who, sql), sees, "{who}: {sql}");
        }
    }
    let seen = company.administering(|admin| {
        admin.batch_execute("set local role wo_admin")?;
        Ok(admin.query_one(count, &[])?.get::<_, i64>(0))
    });
    assert_eq!(seen.unwrap(), 1);
    // Whoever does not see them still verifies the rest, and finds nothing broken.
    for who in ["worker", "qa", "auditor"] {
        assert!(
            company.one::<bool>(who, "select bool_and(intact) from wo.verify_audit()"),
            "{who}"
        );
    }
    // Nobody writes it.
    company.refused(
        ROOT,
        "insert into wo.audit_entry select * from wo.audit_entry where subject = 'refused_attempt'",
        "42501",
        "written_by_enforcement_alone",
    );
}
