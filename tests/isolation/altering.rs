//! No session relies on what it found of a table once an alteration of that table is committed, and none
//! takes what another transaction has not committed.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::SeqCst;

use postgres::Client;
use wo_cluster_tests::{Cluster, refused};

use crate::isolation::stage::{Stage, pending};

const DAMAGE: &str = "ALTER TABLE wo.work_order DISABLE TRIGGER audit";
const REPAIR: &str = "ALTER TABLE wo.work_order ENABLE TRIGGER audit";

fn preloaded(settings: &[(&str, &str)]) -> Cluster {
    let usual = [("shared_preload_libraries", "wo_core"), ("max_prepared_transactions", "0")];
    Cluster::own(&[&usual, settings].concat())
}

fn works(client: &mut Client) {
    pending(client);
}

fn is_refused(client: &mut Client) {
    let sql = "SELECT wo.create_work_order('[SS1-Ops] x', assignee => 'cap')";
    refused(client.batch_execute(sql), "55000", "tables_damaged");
}

#[test]
fn a_new_session_refuses_as_soon_as_an_alteration_is_committed() {
    let cluster = preloaded(&[]);
    let stage = Stage::new(&cluster);
    let mut open = stage.captain();
    works(&mut open);
    let mut admin = stage.db.superuser();
    for _ in 0..5 {
        works(&mut stage.captain());
        admin.batch_execute(DAMAGE).unwrap();
        is_refused(&mut stage.captain());
        is_refused(&mut open);
        admin.batch_execute(REPAIR).unwrap();
        works(&mut stage.captain());
        works(&mut open);
    }
}

#[test]
fn sessions_that_begin_beside_a_commit_never_rely_on_what_was_before() {
    const BEGINNERS: usize = 3;
    const ROUNDS: u64 = 25;
    let cluster = preloaded(&[]);
    let stage = Stage::new(&cluster);
    works(&mut stage.captain());
    // Odd while the damage is known to be committed, even else; the last says that all is over.
    let round = AtomicU64::new(0);
    let seen = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for _ in 0..BEGINNERS {
            scope.spawn(|| {
                loop {
                    let before = round.load(SeqCst);
                    if before == 2 * ROUNDS {
                        return;
                    }
                    let mut client = stage.captain();
                    let made = client.batch_execute(
                        "SELECT wo.create_work_order('[SS1-Ops] x', assignee => 'cap')",
                    );
                    if before % 2 == 1 && round.load(SeqCst) == before {
                        assert!(made.is_err(), "a session worked on damaged records");
                        seen.fetch_add(1, SeqCst);
                    }
                }
            });
        }
        let mut admin = stage.db.superuser();
        for _ in 0..ROUNDS {
            admin.batch_execute(DAMAGE).unwrap();
            round.fetch_add(1, SeqCst);
            std::thread::sleep(std::time::Duration::from_millis(40));
            round.fetch_add(1, SeqCst);
            admin.batch_execute(REPAIR).unwrap();
            std::thread::sleep(std::time::Duration::from_millis(40));
        }
    });
    assert!(seen.load(SeqCst) > ROUNDS / 2, "{seen:?}");
    works(&mut stage.captain());
}

#[test]
fn what_a_transaction_alters_counts_for_itself_alone_until_it_commits() {
    let cluster = preloaded(&[]);
    let stage = Stage::new(&cluster);
    works(&mut stage.captain());
    let mut admin = stage.db.superuser();
    let act = "SELECT wo.administer('acme'); SELECT wo.create_principal('other')";
    // Damaged for the one who damages, in order for the others.
    admin
        .batch_execute(
            "BEGIN; ALTER TABLE wo.principal DISABLE TRIGGER directory; SAVEPOINT damaged",
        )
        .unwrap();
    refused(admin.batch_execute(act), "55000", "tables_damaged");
    admin.batch_execute("ROLLBACK TO damaged").unwrap();
    works(&mut stage.captain());
    admin.batch_execute("ROLLBACK").unwrap();
    works(&mut stage.captain());
    // In order for the one who mends, damaged for the others, whatever the first has found.
    admin.batch_execute("ALTER TABLE wo.principal DISABLE TRIGGER directory").unwrap();
    admin.batch_execute("BEGIN; ALTER TABLE wo.principal ENABLE TRIGGER directory").unwrap();
    admin.batch_execute(act).unwrap();
    is_refused(&mut stage.captain());
    admin.batch_execute("ROLLBACK").unwrap();
    is_refused(&mut stage.captain());
    // And through savepoints.
    admin
        .batch_execute(
            "BEGIN; SAVEPOINT a; ALTER TABLE wo.principal ENABLE TRIGGER directory; RELEASE a; COMMIT",
        )
        .unwrap();
    works(&mut stage.captain());
    admin
        .batch_execute(
            "BEGIN; SAVEPOINT a; ALTER TABLE wo.principal DISABLE TRIGGER directory; RELEASE a; COMMIT",
        )
        .unwrap();
    is_refused(&mut stage.captain());
}

/// Alterations of which PostgreSQL tells no session, or not by the table: what does it, what undoes it. A
/// session that began before it may know the table as it was; one that begins after it does not.
const UNTOLD: [(&str, &str); 6] = [
    (
        "UPDATE pg_trigger SET tgenabled = 'D' WHERE tgrelid = 'wo.work_order'::regclass AND tgname = 'validate'",
        "UPDATE pg_trigger SET tgenabled = 'O' WHERE tgrelid = 'wo.work_order'::regclass AND tgname = 'validate'",
    ),
    (
        "UPDATE pg_policy SET polpermissive = true WHERE polrelid = 'wo.work_order'::regclass AND polname = 'tenant_isolation'",
        "UPDATE pg_policy SET polpermissive = false WHERE polrelid = 'wo.work_order'::regclass AND polname = 'tenant_isolation'",
    ),
    ("ALTER ROLE wo_owner RENAME TO somebody", "ALTER ROLE somebody RENAME TO wo_owner"),
    (
        "CREATE SCHEMA elsewhere; ALTER TABLE wo.principal_role SET SCHEMA elsewhere",
        "ALTER TABLE elsewhere.principal_role SET SCHEMA wo; DROP SCHEMA elsewhere",
    ),
    (
        "DROP TRIGGER directory ON wo.principal",
        "SET client_min_messages = error; SELECT wo_private.enforce()",
    ),
    (
        "DROP POLICY tenant_isolation ON wo.principal",
        "SET client_min_messages = error; SELECT wo_private.enforce()",
    ),
];

#[test]
fn an_alteration_counts_however_it_was_made() {
    let cluster = preloaded(&[]);
    let stage = Stage::new(&cluster);
    let mut admin = stage.db.superuser();
    for (damage, mend) in UNTOLD {
        works(&mut stage.captain());
        admin.batch_execute(damage).unwrap();
        let sql = "SELECT wo.create_work_order('[SS1-Ops] x', assignee => 'cap')";
        let made = stage.captain().batch_execute(sql);
        assert!(made.is_err(), "{damage}");
        admin.batch_execute(mend).unwrap();
        works(&mut stage.captain());
    }
    // The version is read by each session itself.
    let newer = "INSERT INTO wo.schema_version (version, sha256) VALUES ('9.9.9', 'of the future')";
    admin.batch_execute(newer).unwrap();
    is_refused(&mut stage.captain());
}

#[test]
fn a_database_that_takes_the_oid_of_another_is_looked_at_anew() {
    let cluster = preloaded(&[]);
    let stage = Stage::new(&cluster);
    works(&mut stage.captain());
    let name = stage.db.name().to_owned();
    let mut root = cluster.superuser("postgres");
    let oid: u32 =
        root.query_one("SELECT oid FROM pg_database WHERE datname = $1", &[&name]).unwrap().get(0);
    root.batch_execute(&format!("CREATE DATABASE damaged TEMPLATE {name}")).unwrap();
    cluster.superuser("damaged").batch_execute(DAMAGE).unwrap();
    works(&mut stage.captain());
    root.batch_execute(&format!("DROP DATABASE {name} WITH (FORCE)")).unwrap();
    root.batch_execute(&format!("CREATE DATABASE {name} TEMPLATE damaged OID {oid}")).unwrap();
    is_refused(&mut stage.captain());
}

#[test]
fn a_prepared_alteration_counts_when_another_session_commits_it() {
    let cluster = preloaded(&[("max_prepared_transactions", "2")]);
    let stage = Stage::new(&cluster);
    let mut admin = stage.db.superuser();
    admin.batch_execute(&format!("BEGIN; {DAMAGE}; PREPARE TRANSACTION 'damage'")).unwrap();
    // The table stays locked, so only the administrator can look.
    let mut other = stage.db.superuser();
    other.batch_execute("SELECT wo.administer('acme')").unwrap();
    admin.batch_execute("COMMIT PREPARED 'damage'").unwrap();
    is_refused(&mut stage.captain());
}
