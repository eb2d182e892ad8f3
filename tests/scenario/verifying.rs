//! Verification reads a tenant's chains in batches: none of them may fall between two.

use wo_cluster_tests::{behind_the_back, broken_chains};

use crate::scenario::company::{Company, one};

/// More than two batches of chains, whatever else the tenant has.
const MANY: i32 = 1_203;

/// A chain that is skipped where one batch ends and the next begins could be forged unseen.
#[test]
fn no_chain_falls_between_two_batches() {
    let company = Company::found("fleet_task");
    let mut root = company.root();
    company
        .connect("almighty")
        .execute(
            "insert into wo.work_order (title) select '[A-B] c' from generate_series(1, $1::int)",
            &[&MANY],
        )
        .unwrap();
    let told = root.query_one("select intact, chains from wo.verify_audit()", &[]).unwrap();
    let distinct: i64 = one(
        &mut root,
        "select count(distinct subject_id) from wo.audit_entry where tenant_id = wo.current_tenant()",
    );
    assert_eq!((told.get::<_, bool>(0), told.get::<_, i64>(1)), (true, distinct));

    let mut transaction = root.transaction().unwrap();
    transaction.batch_execute("select wo.administer('acme')").unwrap();
    behind_the_back(
        &mut transaction,
        "wo.work_order",
        "update wo.work_order set title = 'forged' where tenant_id = wo.current_tenant()",
    );
    let mut broken: Vec<String> =
        broken_chains(&mut transaction, None).into_iter().map(|chain| chain.key).collect();
    transaction.rollback().unwrap();
    assert_eq!(broken.len(), MANY as usize, "each is named");
    broken.sort_unstable();
    broken.dedup();
    assert_eq!(broken.len(), MANY as usize, "and once");
}
