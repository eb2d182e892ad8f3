//! Verification while others write and seal.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use crate::ledger::stage::Ledger;

/// Breaks if verification reads the checkpoint beside the key after the newest checkpoint of the
/// database: whatever is sealed between the two reads then looks like a ledger that was cut off.
#[test]
fn a_ledger_that_grows_during_its_verification_is_intact() {
    let ledger = Ledger::found();
    let number = ledger.company.create("Mend the pump that leaks");
    // Verification takes a moment.
    ledger.company.run(
        "originator",
        &format!(
            "do $$ begin for turn in 1..6000 loop
                perform wo.patch_work_order('{number}', json_build_object('title', turn::text)::jsonb, 'again');
             end loop; end $$"
        ),
    );
    ledger.seal();
    let database = &ledger.company.database;
    let (mut writer, mut sealer) = (database.connect("originator"), database.superuser());
    let ended = AtomicBool::new(false);
    let verified = thread::scope(|scope| {
        let ended = &ended;
        scope.spawn(move || {
            let patch = "select wo.patch_work_order($1, json_build_object('title', $2::text)::jsonb, 'again')";
            let mut turn = 0;
            while !ended.load(Ordering::Relaxed) {
                turn += 1;
                writer.execute(patch, &[&number, &format!("Turn {turn}")]).unwrap();
            }
        });
        scope.spawn(move || {
            while !ended.load(Ordering::Relaxed) {
                sealer.batch_execute("select * from wo.tick()").unwrap();
            }
        });
        let verified: Vec<_> = (0..60).map(|_| ledger.verdicts()).collect();
        ended.store(true, Ordering::Relaxed);
        verified
    });
    for verdicts in &verified {
        assert!(verdicts.iter().all(|verdict| verdict.intact), "{verdicts:?}");
    }
    let size = |verdicts: &Vec<crate::ledger::stage::Verdict>| verdicts[0].size;
    assert!(verified.first().map(size) < verified.last().map(size), "nothing was sealed meanwhile");
    ledger.seal();
    ledger.assert_intact();
}
