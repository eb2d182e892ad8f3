//! What stops sealing is said, with what to do about it.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use wo_cluster_tests::signing::ROOT;

use crate::ledger::stage::{Ledger, write_as_server};

fn mode(ledger: &Ledger, mode: u32) {
    fs::set_permissions(ledger.key_file(), fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn without_a_key_nothing_is_sealed_and_health_warns() {
    let ledger = Ledger::found();
    fs::remove_file(ledger.key_file()).unwrap();
    assert_eq!(ledger.seal_once(), 0);
    let (severity, detail) = ledger.health("ledger");
    assert_eq!(severity, "bad", "the setting names a file that is not there");
    assert!(detail.contains("cannot be read"), "{detail}");
    let plain = wo_cluster_tests::Cluster::shared().database();
    let row = plain
        .superuser()
        .query_one(
            "select severity, detail from wo_private.ledger_health() where subject = 'ledger'",
            &[],
        )
        .unwrap();
    assert_eq!(row.get::<_, String>(0), "warning");
    assert!(row.get::<_, String>(1).contains("no sealing key is configured"));
}

#[test]
fn a_key_that_others_can_read_or_write_is_not_used() {
    let ledger = Ledger::found();
    for exposed in [0o640, 0o604, 0o620, 0o666, 0o601] {
        mode(&ledger, exposed);
        assert_eq!(ledger.seal_once(), 0, "{exposed:o}");
        let (severity, detail) = ledger.health("ledger");
        assert_eq!(severity, "bad");
        assert!(detail.contains("can be read or written by others"), "{exposed:o}: {detail}");
    }
    for private in [0o600, 0o400] {
        mode(&ledger, private);
        assert_eq!(ledger.health("ledger").0, "good", "{private:o}");
    }
    assert!(ledger.seal_once() > 0);
}

#[test]
fn no_secret_of_the_key_is_ever_shown() {
    let ledger = Ledger::found();
    let text = ledger.key.text();
    let secret = text.splitn(5, '+').last().unwrap();
    write_as_server(&ledger.key_file(), &format!("{} and more", text.as_str()), 0o600);
    assert_eq!(ledger.seal_once(), 0);
    let (_, detail) = ledger.health("ledger");
    assert!(detail.contains("holds no key"), "{detail}");
    assert!(!detail.contains(secret) && !crate::ledger::stage::cluster().log().contains(secret));
    let setting = ledger.company.with("planner", |client| {
        client.execute("select wo.sealing_key()", &[])?;
        client.query("show wo_core.sealing_key_file", &[])
    });
    assert_eq!(wo_cluster_tests::db_error(setting).code().code(), "42501");
    ledger.put_key(&ledger.key);
    ledger.seal();
    for table in ["ledger_tile", "ledger_checkpoint", "audit_entry", "event"] {
        let found: i64 = ledger.company.one(
            ROOT,
            &format!("select count(*) from wo.{table} as line where line::text like '%{secret}%'"),
        );
        assert_eq!(found, 0, "{table}");
    }
}

#[test]
fn a_checkpoint_outside_that_cannot_be_used_stops_sealing_until_it_is_put_right() {
    let ledger = Ledger::found();
    ledger.seal();
    let good = fs::read_to_string(ledger.outside()).unwrap();
    assert_eq!(fs::metadata(ledger.outside()).unwrap().permissions().mode() & 0o777, 0o600);
    ledger.work(1);
    for bad in ["", "nonsense", &good.replacen("acme", "acmf", 1)] {
        write_as_server(&ledger.outside(), bad, 0o600);
        assert_eq!(ledger.seal_once(), 0, "{bad:?}");
        let (severity, detail) = ledger.health("ledger");
        assert_eq!(severity, "bad");
        assert!(detail.contains("the checkpoint that is kept beside the key"), "{detail}");
    }
    write_as_server(&ledger.outside(), &good, 0o600);
    assert!(ledger.seal_once() > 0);
    assert_eq!(ledger.health("ledger").0, "good");
}

#[test]
fn what_waits_to_be_sealed_is_counted() {
    let ledger = Ledger::found();
    ledger.seal();
    assert_eq!(ledger.health("sealing"), ("good".to_owned(), "every entry is sealed".to_owned()));
    ledger.work(1);
    let (severity, detail) = ledger.health("sealing");
    assert_eq!(severity, "good", "they have not waited for long");
    assert!(detail.contains(" entries wait to be sealed, the oldest for "), "{detail}");
}
