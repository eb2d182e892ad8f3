//! Verification in batches, by anybody, on a standby's terms: it writes nothing.

use wo_cluster_tests::signing::ROOT;

use crate::ledger::stage::Ledger;

#[test]
fn it_goes_on_where_the_last_portion_ended() {
    let ledger = Ledger::found();
    while ledger.seal().size < 600 {
        ledger.work(20);
    }
    let size = ledger.checkpoint().size as i64;
    let (mut next, mut verified, mut calls) = (Some(0), 0, 0);
    while let Some(after) = next {
        let verdicts =
            ledger.company.with(ROOT, |root| ledger.verdicts_by(root, &format!("{after}, 256")));
        assert!(verdicts.len() == 1 && verdicts[0].intact, "{verdicts:?}");
        assert_eq!((verdicts[0].from, verdicts[0].size), (after, size));
        verified += verdicts[0].to - verdicts[0].from;
        next = verdicts[0].next;
        assert_eq!(next.unwrap_or(size), verdicts[0].to);
        calls += 1;
    }
    assert_eq!(verified, size);
    assert_eq!(calls, (size + 255) / 256);
}

#[test]
fn it_can_be_asked_in_a_read_only_transaction_by_whoever_may_read_the_trail() {
    let ledger = Ledger::found();
    ledger.work(1);
    ledger.seal();
    ledger.company.database.login("inspector", &["wo_auditor"]);
    ledger.company.administer("select wo.create_principal('inspector', db_role => 'inspector')");
    ledger.seal();
    for login in ["planner", "inspector", ROOT] {
        let mut client = ledger.company.database.connect(login);
        client.batch_execute("begin read only").unwrap();
        let verdicts = ledger.verdicts_by(&mut client, "");
        assert!(verdicts[0].intact, "{login}: {verdicts:?}");
    }
    ledger.company.database.login("meter", &["wo_monitor"]);
    let mut meter = ledger.company.database.connect("meter");
    let refusal = wo_cluster_tests::db_error(meter.query("select * from wo.verify_ledger()", &[]));
    assert_eq!(refusal.code().code(), "42501");
    let nobody = "select * from wo.verify_ledger()";
    ledger.company.refused("service", nobody, "42501", "no_identity");
    for bad in ["-1", "0, 0", "0, -5"] {
        let ask = format!("select * from wo.verify_ledger({bad})");
        ledger.company.refused(ROOT, &ask, "22023", "leaves");
    }
}

#[test]
fn an_empty_ledger_is_intact() {
    let ledger = Ledger::found();
    let verdicts = ledger.verdicts();
    assert!(verdicts[0].intact && verdicts[0].size == 0, "{verdicts:?}");
}

#[test]
fn every_tenant_and_the_installation_are_reconciled_at_once() {
    let ledger = Ledger::found();
    ledger.company.run(ROOT, "select wo.create_tenant('globex', 'Globex')");
    ledger.work(1);
    ledger.seal();
    let rows =
        ledger.company.rows(ROOT, "select tenant_id::text, intact, entries from wo.reconcile()");
    assert_eq!(rows.len(), 3, "two tenants and the installation");
    for row in &rows {
        assert!(row.get::<_, bool>(1) && row.get::<_, i64>(2) > 0, "{row:?}");
    }
    let own = ledger.company.rows("planner", "select tenant_id from wo.reconcile()");
    assert_eq!(own.len(), 1);
    assert_eq!(own[0].get::<_, uuid::Uuid>(0), ledger.company.tenant);
    ledger.company.refused("service", "select * from wo.reconcile()", "42501", "no_identity");
}
