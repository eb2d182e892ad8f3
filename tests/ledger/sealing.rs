//! Sealing: every entry once, in the order of positions, by one sealer.

use std::collections::{BTreeMap, BTreeSet};

use postgres::error::SqlState;
use uuid::Uuid;
use wo_cluster_tests::race;
use wo_cluster_tests::refused;
use wo_cluster_tests::signing::ROOT;
use wo_rules::ledger::checkpoint::Checkpoint;
use wo_rules::ledger::names::{NAME_SIZE, Name};

use crate::ledger::stage::{Ledger, new_key};

/// The entry behind each leaf, in order.
pub fn leaves(ledger: &Ledger) -> Vec<Name> {
    let rows = ledger
        .company
        .rows(ROOT, "select names from wo.ledger_tile where level = 0 order by tile_index");
    let names = rows.iter().map(|row| row.get::<_, Vec<u8>>(0)).collect::<Vec<_>>().concat();
    names.as_chunks::<NAME_SIZE>().0.iter().map(Name::from_bytes).collect()
}

/// Every entry, in the order in which it is sealed.
fn entries(ledger: &Ledger) -> Vec<Name> {
    let rows = ledger.company.rows(
        ROOT,
        "select tenant_id, subject_id, sequence::bigint from wo.audit_entry
         order by position, subject_id, sequence",
    );
    let name = |row: &postgres::Row| Name {
        tenant: row.get(0),
        subject: row.get(1),
        sequence: row.get(2),
    };
    rows.iter().map(name).collect()
}

#[test]
fn every_entry_of_all_tenants_and_of_the_installation_is_sealed_in_the_order_of_positions() {
    let ledger = Ledger::found();
    ledger.company.run(ROOT, "select wo.create_tenant('globex', 'Globex')");
    ledger.company.run(ROOT, "select wo.begin_timeline('a drill')");
    ledger.work(3);
    let sealed = ledger.seal();
    let entries = entries(&ledger);
    assert_eq!(sealed.size, entries.len() as u64);
    assert_eq!(leaves(&ledger), entries);
    let tenants: BTreeSet<Uuid> = entries.iter().map(|name| name.tenant).collect();
    assert_eq!(tenants.len(), 3, "two tenants and the installation");
    ledger.assert_intact();
    ledger.work(2);
    let next = ledger.seal();
    assert!(next.size > sealed.size);
    assert_eq!(leaves(&ledger), self::entries(&ledger));
    ledger.assert_intact();
}

#[test]
fn nothing_new_makes_no_new_checkpoint() {
    let ledger = Ledger::found();
    let first = ledger.seal();
    assert_eq!(ledger.seal_once(), 0);
    assert_eq!(ledger.checkpoint(), first);
    let count: i64 = ledger.company.one(
        ROOT,
        &format!("select count(*) from wo.ledger_checkpoint where size = {}", first.size),
    );
    assert_eq!(count, 1);
}

#[test]
fn a_checkpoint_leaves_through_the_outbox_of_all_tenants() {
    let ledger = Ledger::found();
    ledger.company.database.login("bridge", &["wo_bridge"]);
    let sealed = ledger.seal();
    let mut bridge = ledger.company.database.connect("bridge");
    bridge.execute("select wo.create_consumer('outside')", &[]).unwrap();
    let told: serde_json::Value = bridge
        .query(
            "select event from wo.fetch_events('outside', 10000)
             where event ->> 'type' = 'wo.checkpoint' order by position desc",
            &[],
        )
        .unwrap()[0]
        .get(0);
    let note = told["data"]["note"].as_str().unwrap();
    assert_eq!(Checkpoint::open(note, &ledger.verifier()).unwrap(), sealed);
    assert_eq!(told["tenantid"], Uuid::nil().to_string());
    let same: String = bridge.query_one("select wo.checkpoint()", &[]).unwrap().get(0);
    assert_eq!(same, note);
}

#[test]
fn what_a_running_transaction_may_still_write_before_is_not_passed_over() {
    let ledger = Ledger::found();
    let number = ledger.company.create("slow");
    ledger.seal();
    let mut slow = ledger.company.database.connect("originator");
    let mut slow = slow.transaction().unwrap();
    slow.execute(&format!("select wo.transition('{number}', 'pending_approval', 'x')"), &[])
        .unwrap();
    ledger.work(2);
    let before = ledger.checkpoint();
    assert_eq!(ledger.seal_once(), 0, "everything new lies above the running transaction");
    assert_eq!(ledger.checkpoint(), before);
    slow.commit().unwrap();
    ledger.seal();
    assert_eq!(leaves(&ledger), entries(&ledger));
    ledger.assert_intact();
}

#[test]
fn a_rolled_back_sealing_leaves_nothing_behind_and_nothing_outside() {
    let ledger = Ledger::found();
    let sealed = ledger.seal();
    ledger.work(1);
    ledger.company.with(ROOT, |root| {
        let mut transaction = root.transaction().unwrap();
        let mut seal = || -> i32 {
            let ask = "select done from wo.tick() where job = 'entries_sealed'";
            transaction.query_one(ask, &[]).unwrap().get(0)
        };
        assert!(seal() > 0);
        assert_eq!(seal(), 0, "what is not committed is not built upon");
        transaction.rollback().unwrap();
    });
    assert_eq!(ledger.checkpoint(), sealed);
    let outside = std::fs::read_to_string(ledger.outside()).unwrap();
    assert_eq!(Checkpoint::open(&outside, &ledger.verifier()).unwrap(), sealed);
    ledger.seal();
    ledger.assert_intact();
}

/// Attack table: two sealers → one lock, one size–root pair.
#[test]
fn two_sealers_at_once_make_one_size_and_root_pair() {
    let ledger = Ledger::found();
    let mut roots: BTreeMap<i64, BTreeSet<Vec<u8>>> = BTreeMap::new();
    for _ in 0..5 {
        ledger.work(1);
        let clients = (0..6).map(|_| ledger.superuser()).collect();
        race(clients, |_, client| {
            // The job before it may find its turn taken, and says so.
            while let Err(error) = client.query("select wo.tick()", &[]) {
                assert_eq!(error.code(), Some(&SqlState::LOCK_NOT_AVAILABLE), "{error:?}");
            }
        });
    }
    ledger.seal();
    for row in ledger.company.rows(ROOT, "select size, root from wo.ledger_checkpoint") {
        roots.entry(row.get(0)).or_default().insert(row.get(1));
    }
    assert!(roots.values().all(|roots| roots.len() == 1));
    assert_eq!(leaves(&ledger), entries(&ledger));
    ledger.assert_intact();
}

#[test]
fn sealing_while_many_write_loses_no_entry_and_takes_none_twice() {
    let ledger = Ledger::found();
    let numbers = ledger.work(8);
    let mut clients: Vec<_> = (0..8).map(|_| ledger.company.database.connect("planner")).collect();
    clients.push(ledger.superuser());
    race(clients, |racer, client| {
        for turn in 0..40 {
            if racer == 8 {
                client.query("select wo.tick()", &[]).unwrap();
                continue;
            }
            let patch = format!(
                "select wo.patch_work_order('{}', '{{\"estimated_hours\": {turn}}}', 'again')",
                numbers[racer]
            );
            client.execute(&patch, &[]).unwrap();
        }
    });
    ledger.seal();
    let leaves = leaves(&ledger);
    assert_eq!(leaves.iter().collect::<BTreeSet<_>>().len(), leaves.len(), "no leaf twice");
    assert_eq!(leaves, entries(&ledger));
    let mut last: BTreeMap<(Uuid, Uuid), i64> = BTreeMap::new();
    for name in leaves {
        let before = last.insert((name.tenant, name.subject), name.sequence).unwrap_or(0);
        assert_eq!(name.sequence, before + 1, "the order of each chain is kept");
    }
    ledger.assert_intact();
}

#[test]
fn a_killed_server_goes_on_sealing_where_it_was() {
    let cluster = wo_cluster_tests::Cluster::start_durable_with(&[crate::ledger::stage::KEY_FILE]);
    let cluster = cluster.kept();
    cluster.make_dir("keys");
    let ledger = Ledger::found_in(cluster.database());
    for round in 0..3 {
        ledger.work(2);
        if round % 2 == 0 {
            ledger.seal_once();
        } else {
            ledger.seal();
        }
        ledger.company.forget_clients();
        cluster.kill();
        cluster.launch();
    }
    ledger.seal();
    assert_eq!(leaves(&ledger), entries(&ledger));
    ledger.assert_intact();
}

#[test]
fn the_ledgers_tables_are_written_by_enforcement_alone_and_never_rewritten() {
    let ledger = Ledger::found();
    ledger.seal();
    let root = |sql: &str| ledger.company.with(ROOT, |root| root.execute(sql, &[]));
    for table in ["ledger_tile", "ledger_checkpoint"] {
        refused(root(&format!("delete from wo.{table}")), "42501", "delete_refused");
        refused(root(&format!("truncate wo.{table}")), "42501", "truncate_refused");
    }
    let change = "update wo.ledger_checkpoint set note = 'x'";
    let refusal = wo_cluster_tests::db_error(root(change));
    assert_eq!(refusal.code().code(), "42501");
    let add = "insert into wo.ledger_tile (level, tile_index, hashes) values (3, 0, sha256('x'))";
    refused(root(add), "42501", "written_by_enforcement_alone");
    ledger.company.with(ROOT, |root| {
        let mut replica = root.transaction().unwrap();
        replica.batch_execute("set local session_replication_role = replica").unwrap();
        for sql in [
            "update wo.ledger_tile set hashes = sha256('x'), names = substr(names, 1, 40) where level = 0",
            "update wo.ledger_tile set tile_index = 77",
            "update wo.ledger_checkpoint set root = sha256('x')",
            "delete from wo.ledger_tile",
            "truncate wo.ledger_checkpoint",
        ] {
            replica.batch_execute("savepoint s").unwrap();
            let refusal = wo_cluster_tests::db_error(replica.batch_execute(sql));
            assert_eq!(refusal.code().code(), "42501", "{sql}");
            replica.batch_execute("rollback to s").unwrap();
        }
    });
}

#[test]
fn hashes_are_everybodys_and_names_the_sealers_alone() {
    let ledger = Ledger::found();
    ledger.seal();
    for (login, role) in [
        ("reader", "wo_user"),
        ("inspector", "wo_auditor"),
        ("meter", "wo_monitor"),
        ("bridge", "wo_bridge"),
    ] {
        ledger.company.database.login(login, &[role]);
        let mut client = ledger.company.database.connect(login);
        let sizes = client.query("select size, note from wo.ledger_checkpoint", &[]).unwrap();
        assert!(!sizes.is_empty(), "{role}");
        let hashes = client.query("select hashes from wo.ledger_tile", &[]).unwrap();
        assert!(!hashes.is_empty(), "{role}");
        let names = client.query("select names from wo.ledger_tile", &[]);
        assert_eq!(wo_cluster_tests::db_error(names).code().code(), "42501", "{role}");
        let key: String = client.query_one("select wo.sealing_key()", &[]).unwrap().get(0);
        assert_eq!(key, ledger.verifier().to_string());
        let origin: String = client.query_one("select wo.ledger_origin()", &[]).unwrap().get(0);
        assert_eq!(origin, ledger.verifier().name());
    }
}

#[test]
fn a_new_key_of_the_same_ledger_goes_on_and_both_are_on_record() {
    let mut ledger = Ledger::found();
    let first = ledger.seal();
    let old = std::mem::replace(&mut ledger.key, new_key(&first.origin));
    ledger.put_key(&ledger.key);
    ledger.work(1);
    let second = ledger.seal();
    assert!(second.size > first.size);
    assert_eq!(second.origin, first.origin);
    ledger.assert_intact();
    let older: String = ledger.company.one(ROOT, &format!("select wo.checkpoint({})", first.size));
    assert_eq!(Checkpoint::open(&older, old.verifier()).unwrap(), first);
    let on_record = ledger.company.all(
        ROOT,
        "select changes ->> 'key' from wo.audit_entry
         where subject = 'ledger' and action = 'key_used' order by sequence",
    );
    assert_eq!(on_record, [old.verifier().to_string(), ledger.verifier().to_string()]);
    let other = new_key("somebody.else");
    ledger.put_key(&other);
    ledger.work(1);
    assert_eq!(ledger.seal_once(), 0, "a key of another name seals nothing");
    let (severity, detail) = ledger.health("ledger");
    assert_eq!(severity, "bad");
    assert!(detail.contains("somebody.else"), "{detail}");
}
