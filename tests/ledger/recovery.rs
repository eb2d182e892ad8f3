//! An older backup restored: sealing stops until a signed statement says why, for ever on record.

use wo_cluster_tests::signing::ROOT;
use wo_cluster_tests::{Cluster, refused};
use wo_rules::ledger::checkpoint::Checkpoint;
use wo_rules::ledger::recovery::Statement;

use crate::ledger::stage::{Ledger, cluster, new_key};

/// Puts the database back to the dump, under its own name; the key's directory stays as it is.
pub fn put_back(ledger: &Ledger, dump: &std::path::Path) {
    ledger.company.forget_clients();
    let database = &ledger.company.database;
    let (cluster, name): (&Cluster, &str) = (database.cluster(), database.name());
    let mut admin = cluster.superuser("postgres");
    admin.batch_execute(&format!("drop database {name} with (force)")).unwrap();
    admin.batch_execute(&format!("create database {name} template template0")).unwrap();
    database.restore(dump).unwrap();
}

/// A ledger whose newest entries were sealed, and then lost to an older backup. Gives what was
/// sealed, and what the backup has.
pub fn set_back() -> (Ledger, Checkpoint, Checkpoint) {
    let ledger = Ledger::found();
    ledger.work(1);
    let kept = ledger.seal();
    let dump = ledger.company.database.dump();
    ledger.work(2);
    let lost = ledger.seal();
    put_back(&ledger, &dump);
    (ledger, lost, kept)
}

#[test]
fn a_dump_and_restore_of_everything_keeps_the_ledger_verifying_and_sealing() {
    let ledger = Ledger::found();
    ledger.work(2);
    let before = ledger.seal();
    put_back(&ledger, &ledger.company.database.dump());
    assert_eq!(ledger.checkpoint(), before);
    ledger.assert_intact();
    ledger.company.assert_intact();
    ledger.work(1);
    assert!(ledger.seal().size > before.size);
    ledger.assert_intact();
}

#[test]
fn after_an_older_backup_nothing_is_sealed_and_health_says_what_was_lost() {
    let (ledger, lost, kept) = set_back();
    assert_eq!(ledger.checkpoint(), kept);
    ledger.work(3);
    assert_eq!(ledger.seal_once(), 0);
    assert_eq!(ledger.seal_once(), 0);
    let (severity, detail) = ledger.health("ledger");
    assert_eq!(severity, "bad");
    for size in [lost.size, kept.size] {
        assert!(detail.contains(&format!("tree of size {size}")), "{detail}");
    }
    let verdicts = ledger.verdicts();
    let said = verdicts[0].problem.clone().unwrap_or_default();
    assert!(said.contains(&format!("a tree of size {}", lost.size)), "{verdicts:?}");
    assert!(cluster().log().contains("wo_core: nothing is sealed: a tree of size"));
}

#[test]
fn sealing_goes_on_behind_a_signed_statement_that_every_later_checkpoint_names() {
    let (ledger, lost, kept) = set_back();
    let body: String = ledger.company.one(ROOT, "select wo.recovery_statement('the disk died')");
    let statement = Statement::read(&body).unwrap();
    assert_eq!((statement.lost_size, statement.lost_root), (lost.size, lost.root));
    assert_eq!((statement.kept_size, statement.kept_root), (kept.size, kept.root));
    let signed = statement.sign(&ledger.key);
    let recover = format!("select wo.recover_ledger('{signed}')");
    let timeline: i32 = ledger.company.one(ROOT, &recover);
    assert_eq!(timeline, 2);
    ledger.company.refused(ROOT, &recover, "55000", "nothing_to_recover");
    let next = ledger.seal();
    assert!(next.size > kept.size);
    let named = next.recovery().unwrap();
    assert_eq!((named.number, named.statement), (1, statement.hash()));
    ledger.work(2);
    let later = ledger.seal();
    assert_eq!(later.extensions, next.extensions, "for ever");
    assert_eq!(ledger.health("ledger").0, "good");
    ledger.assert_intact();
    let outside = std::fs::read_to_string(ledger.outside()).unwrap();
    assert_eq!(Checkpoint::open(&outside, &ledger.verifier()).unwrap(), later);
    let told = ledger.company.rows(
        ROOT,
        "select action, reason, changes ->> 'statement' from wo.audit_entry
         where tenant_id = '00000000-0000-0000-0000-000000000000' and action in ('recovered', 'begun')
         order by position",
    );
    let told: Vec<(String, String)> = told.iter().map(|row| (row.get(0), row.get(1))).collect();
    let why = "the disk died".to_owned();
    assert_eq!(told, [("recovered".to_owned(), why.clone()), ("begun".to_owned(), why)]);
}

#[test]
fn a_second_loss_needs_a_second_statement() {
    let (ledger, _, _) = set_back();
    let recover = |reason: &str| {
        let body: String =
            ledger.company.one(ROOT, &format!("select wo.recovery_statement('{reason}')"));
        let signed = Statement::read(&body).unwrap().sign(&ledger.key);
        ledger.company.one::<i32>(ROOT, &format!("select wo.recover_ledger('{signed}')"));
    };
    recover("the first disk died");
    ledger.seal();
    let dump = ledger.company.database.dump();
    ledger.work(1);
    ledger.seal();
    put_back(&ledger, &dump);
    assert_eq!(ledger.seal_once(), 0);
    recover("the second disk died");
    let last = ledger.seal();
    assert_eq!(last.extensions.len(), 2);
    assert_eq!(last.recovery().unwrap().number, 2);
    ledger.assert_intact();
}

#[test]
fn a_statement_must_be_signed_with_the_key_and_about_this_loss() {
    let (ledger, lost, _) = set_back();
    let company = &ledger.company;
    let body: String = company.one(ROOT, "select wo.recovery_statement('the disk died')");
    let statement = Statement::read(&body).unwrap();
    let try_with = |note: &str, sqlstate: &str, code: &str| {
        company.refused(ROOT, &format!("select wo.recover_ledger('{note}')"), sqlstate, code);
    };
    try_with("no note", "42501", "recovery_not_signed");
    try_with(&body, "42501", "recovery_not_signed");
    let stranger = new_key(&statement.origin);
    try_with(&statement.sign(&stranger), "42501", "recovery_not_signed");
    let other = Statement { lost_size: lost.size + 1, ..statement.clone() };
    try_with(&other.sign(&ledger.key), "55000", "recovery_of_another_loss");
    company.refused(ROOT, "select wo.recovery_statement(' ')", "23514", "fields_missing");
    let ask = "select wo.recovery_statement('x')";
    let denied = company.with("planner", |client| client.batch_execute(ask));
    assert_eq!(wo_cluster_tests::db_error(denied).code().code(), "42501");
    let not_a_loss = Ledger::found();
    not_a_loss.seal();
    not_a_loss.company.refused(ROOT, ask, "55000", "nothing_to_recover");
    assert_eq!(ledger.seal_once(), 0, "and nothing was sealed meanwhile");
}

#[test]
fn a_statement_that_is_rolled_back_lets_nothing_go_on() {
    let (ledger, lost, _) = set_back();
    let body: String = ledger.company.one(ROOT, "select wo.recovery_statement('the disk died')");
    let signed = Statement::read(&body).unwrap().sign(&ledger.key);
    ledger.company.with(ROOT, |root| {
        let mut transaction = root.transaction().unwrap();
        transaction.execute("select wo.recover_ledger($1)", &[&signed]).unwrap();
        let ask = "select done from wo.tick() where job = 'entries_sealed'";
        let done: i32 = transaction.query_one(ask, &[]).unwrap().get(0);
        assert_eq!(done, 0);
        transaction.rollback().unwrap();
    });
    let outside = std::fs::read_to_string(ledger.outside()).unwrap();
    assert_eq!(Checkpoint::open(&outside, &ledger.verifier()).unwrap(), lost);
    assert_eq!(ledger.seal_once(), 0);
}

#[test]
fn a_new_era_leaves_an_entry_of_the_installation() {
    let ledger = Ledger::found();
    let timeline: i32 = ledger.company.one(ROOT, "select wo.begin_timeline('restored to noon')");
    let rows = ledger.company.rows(
        ROOT,
        "select changes ->> 'timeline', reason, login_role from wo.audit_entry where subject = 'timeline'",
    );
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0].get::<_, String>(0), timeline.to_string());
    assert_eq!(rows[0].get::<_, String>(1), "restored to noon");
    assert_eq!(rows[0].get::<_, String>(2), "postgres");
    let refusal =
        ledger.company.with(ROOT, |root| root.execute("select wo.begin_timeline(' ')", &[]));
    refused(refusal, "23514", "fields_missing");
}
