//! A witness outside: it sees the ledger grow, and refuses one that was cut or forked.

use std::fs;
use std::path::PathBuf;

use wo_cli::{Database, Seen, Stop, Witness};
use wo_cluster_tests::signing::ROOT;
use wo_rules::ledger::recovery::Statement;

use crate::ledger::recovery::{put_back, set_back};
use crate::ledger::stage::Ledger;

struct Watch<'l> {
    ledger: &'l Ledger,
    directory: PathBuf,
}

impl<'l> Watch<'l> {
    fn over(ledger: &'l Ledger) -> Self {
        let directory = ledger.key_file().with_extension("witness");
        Self { ledger, directory }
    }

    /// Looks once, on a connection of its own.
    fn look(&self, recovery: Option<&str>) -> Result<Seen, Stop> {
        let witness = Witness::open(&self.directory, self.ledger.verifier()).unwrap();
        let database = &self.ledger.company.database;
        let (cluster, name) = (database.cluster(), database.name());
        let connection = format!(
            "host={} port={} user=postgres dbname={name}",
            cluster.dir().display(),
            cluster.port()
        );
        witness.look(&mut Database::connect(&connection).unwrap(), recovery)
    }

    #[track_caller]
    fn assert_refused(&self, words: &str) {
        match self.look(None) {
            Err(Stop::Refused(line)) => assert!(line.contains(words), "{line}"),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_witness_sees_the_ledger_grow() {
    let ledger = Ledger::found();
    let watch = Watch::over(&ledger);
    assert!(matches!(watch.look(None), Ok(Seen::Nothing)));
    let first = ledger.seal();
    assert!(matches!(watch.look(None), Ok(Seen::First(seen)) if seen == first));
    assert!(matches!(watch.look(None), Ok(Seen::Unchanged(_))));
    ledger.work(3);
    let second = ledger.seal();
    match watch.look(None) {
        Ok(Seen::Grown { before, now }) => assert_eq!((before, now), (first, second)),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_witness_refuses_an_older_backup_until_it_is_shown_the_signed_statement() {
    let (ledger, lost, kept) = {
        let ledger = Ledger::found();
        let kept = ledger.seal();
        let dump = ledger.company.database.dump();
        ledger.work(2);
        let lost = ledger.seal();
        assert!(matches!(Watch::over(&ledger).look(None), Ok(Seen::First(_))));
        put_back(&ledger, &dump);
        (ledger, lost, kept)
    };
    let watch = Watch::over(&ledger);
    watch.assert_refused("was cut");
    let body: String = ledger.company.one(ROOT, "select wo.recovery_statement('the disk died')");
    let signed = Statement::read(&body).unwrap().sign(&ledger.key);
    ledger.company.one::<i32>(ROOT, &format!("select wo.recover_ledger('{signed}')"));
    ledger.work(3);
    let now = ledger.seal();
    assert!(now.size > lost.size && lost.size > kept.size);
    watch.assert_refused("rewritten");
    match watch.look(Some(&signed)) {
        Ok(Seen::Recovered { before, now: seen, reason, .. }) => {
            assert_eq!((before, seen, reason.as_str()), (lost, now, "the disk died"));
        }
        other => panic!("{other:?}"),
    }
    ledger.work(1);
    ledger.seal();
    assert!(matches!(watch.look(None), Ok(Seen::Grown { .. })));
}

/// What even the server's own file cannot catch, because whoever rules the machine can remove it.
#[test]
fn a_witness_notices_a_fork_though_the_checkpoint_outside_was_removed() {
    let (ledger, lost, _) = set_back();
    fs::remove_file(ledger.outside()).unwrap();
    let watch = Watch::over(&ledger);
    let note = lost.sign(&ledger.key);
    fs::create_dir_all(&watch.directory).unwrap();
    fs::write(watch.directory.join("checkpoint"), note).unwrap();
    ledger.work(5);
    let forked = ledger.seal();
    assert!(forked.size > lost.size);
    ledger.assert_intact();
    watch.assert_refused("rewritten");
}
