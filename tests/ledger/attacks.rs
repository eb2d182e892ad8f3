//! Part 11's table of attacks, each carried out by a superuser: what catches it, and that it is named.

use postgres::Transaction;
use uuid::Uuid;
use wo_cluster_tests::signing::ROOT;
use wo_cluster_tests::{behind_the_back, refused, rehash};
use wo_rules::ledger::checkpoint::Checkpoint;

use crate::ledger::forger::rewrite_leaves;
use crate::ledger::stage::{Ledger, Verdict, new_key};

/// Carries an attack out, looks at what verification says, and takes it back.
#[track_caller]
fn attacked<T>(
    ledger: &Ledger,
    attack: impl FnOnce(&mut Transaction<'_>),
    look: impl FnOnce(&mut Transaction<'_>) -> T,
) -> T {
    ledger.company.with(ROOT, |root| {
        let mut transaction = root.transaction().unwrap();
        attack(&mut transaction);
        let seen = look(&mut transaction);
        transaction.rollback().unwrap();
        seen
    })
}

#[track_caller]
fn verdicts_after(ledger: &Ledger, attack: impl FnOnce(&mut Transaction<'_>)) -> Vec<Verdict> {
    attacked(ledger, attack, |transaction| ledger.verdicts_by(transaction, ""))
}

/// That verification names this entry with such a problem.
#[track_caller]
fn assert_named(verdicts: &[Verdict], subject: &str, sequence: i64, problem: &str) {
    let named = verdicts.iter().any(|verdict| {
        !verdict.intact
            && verdict.subject.as_deref() == Some(subject)
            && verdict.sequence == Some(sequence)
            && verdict.problem.as_deref().is_some_and(|said| said.contains(problem))
    });
    assert!(named, "{subject} {sequence} {problem}: {verdicts:#?}");
}

#[track_caller]
fn assert_said(verdicts: &[Verdict], problem: &str) {
    let said = verdicts.iter().filter_map(|verdict| verdict.problem.as_deref());
    assert!(said.clone().any(|said| said.contains(problem)), "{problem}: {verdicts:#?}");
}

/// Chains of the tenant or the installation that `wo.reconcile` finds broken: key and problem.
fn reconciled(transaction: &mut Transaction<'_>) -> Vec<(String, String)> {
    let ask = "select subject_key, problem from wo.reconcile() where not intact";
    let rows = transaction.query(ask, &[]).unwrap();
    rows.iter().map(|row| (row.get(0), row.get(1))).collect()
}

/// A company at work, everything of it sealed: the ledger, one number, its id.
fn sealed_company() -> (Ledger, String, Uuid) {
    let ledger = Ledger::found();
    let numbers = ledger.work(3);
    ledger.seal();
    ledger.assert_intact();
    let number = numbers[1].clone();
    let id = ledger.company.id(&number);
    (ledger, number, id)
}

#[test]
fn editing_a_row_is_caught_by_its_chain_and_by_its_leaf() {
    let (ledger, number, id) = sealed_company();
    let edit = |transaction: &mut Transaction<'_>| {
        let sql = format!(
            "update wo.audit_entry set actor = 'somebody' where subject_id = '{id}' and sequence = 2"
        );
        behind_the_back(transaction, "wo.audit_entry", &sql);
    };
    let verdicts = verdicts_after(&ledger, edit);
    assert_named(&verdicts, &number, 2, "content is not what was sealed");
    assert_eq!(verdicts.len(), 1, "{verdicts:#?}");
    let broken = attacked(&ledger, edit, reconciled);
    assert_eq!(broken, [(number, "the entry's content is not what was hashed".to_owned())]);
}

#[test]
fn editing_and_rehashing_a_whole_chain_with_its_record_is_caught_by_the_leaves() {
    let (ledger, number, id) = sealed_company();
    let rewrite = |transaction: &mut Transaction<'_>| {
        let sql = format!(
            "update wo.audit_entry set reason = 'all was well' where subject_id = '{id}' and sequence = 3"
        );
        behind_the_back(transaction, "wo.audit_entry", &sql);
        rehash(transaction, id);
    };
    assert_eq!(attacked(&ledger, rewrite, reconciled), [], "the chain itself is perfect");
    let verdicts = verdicts_after(&ledger, rewrite);
    assert_named(&verdicts, &number, 3, "rewritten together with its hash");
}

#[test]
fn rewriting_the_leaf_as_well_is_caught_by_the_tiles_and_every_older_checkpoint() {
    let (ledger, number, id) = sealed_company();
    let size = ledger.checkpoint().size;
    let verdicts = verdicts_after(&ledger, |transaction| {
        let sql = format!(
            "update wo.audit_entry set reason = 'all was well' where subject_id = '{id}' and sequence = 3"
        );
        behind_the_back(transaction, "wo.audit_entry", &sql);
        rehash(transaction, id);
        rewrite_leaves(transaction);
    });
    assert_said(&verdicts, "the tiles are not the tree that it sealed");
    assert_said(&verdicts, &format!("a tree of size {size} and root"));
    assert!(verdicts.iter().all(|verdict| verdict.subject.as_deref() != Some(&number)));
}

#[test]
fn cutting_the_sealed_tail_is_caught_by_the_leaves() {
    let (ledger, number, id) = sealed_company();
    let verdicts = verdicts_after(&ledger, |transaction| {
        let cut = format!(
            "delete from wo.audit_entry where subject_id = '{id}' and sequence =
                (select max(sequence) from wo.audit_entry where subject_id = '{id}')"
        );
        behind_the_back(transaction, "wo.audit_entry", &cut);
        let back = format!(
            "update wo.work_order set chain_sequence = chain_sequence - 1, version = version - 1,
                chain_hash = (select entry_hash from wo.audit_entry where subject_id = '{id}' order by sequence desc limit 1)
             where id = '{id}'"
        );
        behind_the_back(transaction, "wo.work_order", &back);
    });
    assert_named(&verdicts, &number, 4, "sealed and is gone");
}

#[test]
fn cutting_a_whole_chain_with_its_record_is_caught_by_the_leaves() {
    let (ledger, _, id) = sealed_company();
    let cut = |transaction: &mut Transaction<'_>| {
        let entries = format!("delete from wo.audit_entry where subject_id = '{id}'");
        behind_the_back(transaction, "wo.audit_entry", &entries);
        let requests = format!("delete from wo.approval_request where work_order_id = '{id}'");
        behind_the_back(transaction, "wo.approval_request", &requests);
        let record = format!("delete from wo.work_order where id = '{id}'");
        behind_the_back(transaction, "wo.work_order", &record);
    };
    let verdicts = verdicts_after(&ledger, cut);
    for sequence in 1..=4 {
        assert_named(&verdicts, &id.to_string(), sequence, "sealed and is gone");
    }
    assert_eq!(attacked(&ledger, cut, reconciled), [], "the tables alone tell of nothing");
}

#[test]
fn reordering_and_back_dating_are_caught_by_the_sealed_position_and_the_hash() {
    let (ledger, number, id) = sealed_company();
    let verdicts = verdicts_after(&ledger, |transaction| {
        let swap = format!(
            "update wo.audit_entry as told set position = other.position
             from wo.audit_entry as other
             where told.subject_id = '{id}' and other.subject_id = '{id}'
                and (told.sequence, other.sequence) in ((1, 2), (2, 1))"
        );
        behind_the_back(transaction, "wo.audit_entry", &swap);
    });
    assert_named(&verdicts, &number, 2, "order in which it was sealed");
    let verdicts = verdicts_after(&ledger, |transaction| {
        let move_away = format!(
            "update wo.audit_entry set position = position + 1000000 where subject_id = '{id}' and sequence = 2"
        );
        behind_the_back(transaction, "wo.audit_entry", &move_away);
    });
    assert_named(&verdicts, &number, 2, "was moved");
    let back_date = |transaction: &mut Transaction<'_>| {
        let sql = format!(
            "update wo.audit_entry set recorded_at = recorded_at - interval '1 second' where subject_id = '{id}' and sequence = 2"
        );
        behind_the_back(transaction, "wo.audit_entry", &sql);
    };
    assert_named(&verdicts_after(&ledger, back_date), &number, 2, "content is not what was sealed");
    let rehashed = verdicts_after(&ledger, |transaction| {
        back_date(transaction);
        rehash(transaction, id);
    });
    assert_named(&rehashed, &number, 2, "rewritten together with its hash");
}

#[test]
fn an_entry_slipped_in_among_sealed_ones_is_named() {
    let (ledger, number, id) = sealed_company();
    let verdicts = verdicts_after(&ledger, |transaction| {
        let slip = format!(
            "insert into wo.audit_entry
             select tenant_id, subject, subject_id, sequence + 50, recorded_at, action, actor, reason, from_status,
                to_status, record_version, changes, client_address, application, login_role, authenticated_by,
                transaction_id, previous_hash, entry_hash, position
             from wo.audit_entry where subject_id = '{id}' and sequence = 2"
        );
        behind_the_back(transaction, "wo.audit_entry", &slip);
    });
    assert_named(&verdicts, &number, 52, "never sealed");
}

#[test]
fn writes_with_a_replica_role_are_refused_by_what_fires_always_or_found_by_reconciling() {
    let (ledger, number, id) = sealed_company();
    let replica = |transaction: &mut Transaction<'_>| {
        transaction.batch_execute("set local session_replication_role = replica").unwrap();
    };
    attacked(&ledger, replica, |transaction| {
        let change = format!("update wo.audit_entry set actor = 'x' where subject_id = '{id}'");
        refused(transaction.execute(&change, &[]), "42501", "key_change_refused");
    });
    let found = attacked(
        &ledger,
        |transaction| {
            replica(transaction);
            let change =
                format!("update wo.work_order set title = 'Mend nothing' where id = '{id}'");
            assert_eq!(transaction.execute(&change, &[]).unwrap(), 1);
            let add = "insert into wo.principal (tenant_id, id, kind, name)
                select tenant_id, 'ghost', 'person', 'Ghost' from wo.tenant limit 1";
            assert_eq!(transaction.execute(add, &[]).unwrap(), 1);
        },
        reconciled,
    );
    let title = "the record's title is not what its trail left there".to_owned();
    assert!(found.contains(&(number, title)), "{found:?}");
    assert!(found.iter().any(|(key, _)| key.contains("ghost")), "{found:?}");
}

#[test]
fn rows_without_their_work_order_and_altered_packages_are_found_by_reconciling() {
    let ledger = Ledger::found();
    let number = ledger.company.reach("closed");
    ledger.seal();
    let id = ledger.company.id(&number);
    let found = attacked(
        &ledger,
        |transaction| {
            let add = format!(
                "insert into wo.engine_override (tenant_id, work_order_id, engine, reason, overridden_by, overridden_at)
                 values ('{}', '{}', 'x', 'x', 'x', now())",
                ledger.company.tenant,
                Uuid::from_u128(7)
            );
            behind_the_back(transaction, "wo.engine_override", &add);
        },
        reconciled,
    );
    let gone = "the work order that the row belongs to is gone".to_owned();
    assert_eq!(found, [(Uuid::from_u128(7).to_string(), gone)]);
    for (alter, problem) in [
        ("package = replace(package, 'Mend', 'Bend')", "not the one that was hashed"),
        (
            "package = replace(package, 'Mend', 'Bend'), sha256 = sha256(convert_to(replace(package, 'Mend', 'Bend'), 'UTF8'))",
            "does not verify",
        ),
    ] {
        let found = attacked(
            &ledger,
            |transaction| {
                let sql = format!("update wo.evidence set {alter} where work_order_id = '{id}'");
                behind_the_back(transaction, "wo.evidence", &sql);
            },
            reconciled,
        );
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].0 == id.to_string() && found[0].1.contains(problem), "{found:?}");
    }
    assert_eq!(attacked(&ledger, |_| (), reconciled), []);
}

#[test]
fn a_disabled_trigger_and_another_owner_are_refused_by_enforcement_and_what_they_wrote_is_found() {
    let (ledger, number, id) = sealed_company();
    for tampering in [
        "alter table wo.work_order disable trigger audit",
        "alter table wo.work_order owner to postgres",
    ] {
        let seen = attacked(
            &ledger,
            |transaction| transaction.batch_execute(tampering).unwrap(),
            |transaction| {
                let problems: Vec<String> = transaction
                    .query_one("select wo_private.table_problems()", &[])
                    .unwrap()
                    .get(0);
                problems
            },
        );
        assert!(seen.iter().any(|problem| problem.contains("work_order")), "{seen:?}");
    }
    let found = attacked(
        &ledger,
        |transaction| {
            let write =
                format!("update wo.work_order set title = 'Mend nothing' where id = '{id}'");
            behind_the_back(transaction, "wo.work_order", &write);
        },
        reconciled,
    );
    assert_eq!(found, [(number, "the record's title is not what its trail left there".to_owned())]);
}

#[test]
fn rebuilding_the_whole_ledger_with_the_same_tree_size_and_another_key_is_caught_outside() {
    let (ledger, _, id) = sealed_company();
    let outside = ledger.checkpoint();
    let forger = new_key(&outside.origin);
    let rebuild = |transaction: &mut Transaction<'_>| {
        let sql = format!(
            "update wo.audit_entry set reason = 'all was well' where subject_id = '{id}' and sequence = 3"
        );
        behind_the_back(transaction, "wo.audit_entry", &sql);
        rehash(transaction, id);
        let (size, root) = rewrite_leaves(transaction);
        let forged =
            Checkpoint { origin: outside.origin.clone(), size, root, extensions: Vec::new() };
        let other = format!("delete from wo.ledger_checkpoint where size < {size}");
        behind_the_back(transaction, "wo.ledger_checkpoint", &other);
        let sql = format!(
            "update wo.ledger_checkpoint set root = '\\x{}', note = '{}', signed_by = '{}' where size = {size}",
            hex::encode(root),
            forged.sign(&forger),
            forger.verifier()
        );
        behind_the_back(transaction, "wo.ledger_checkpoint", &sql);
    };
    let verdicts = verdicts_after(&ledger, rebuild);
    assert_said(&verdicts, "signed with a key that is not on record");
    assert_said(&verdicts, "was sealed here, and the ledger's tree of that size has the root");
    // And sealing goes no further.
    let done: i32 = attacked(&ledger, rebuild, |transaction| {
        let ask = "select done from wo.tick() where job = 'entries_sealed'";
        transaction.query_one(ask, &[]).unwrap().get(0)
    });
    assert_eq!(done, 0);
    let witnessed = ledger.checkpoint();
    assert_eq!(witnessed, outside);
}

#[test]
fn a_tile_that_was_touched_is_named_and_stops_sealing() {
    let (ledger, _, _) = sealed_company();
    let touch = |transaction: &mut Transaction<'_>| {
        let sql = "update wo.ledger_tile set hashes = set_byte(hashes, 5, get_byte(hashes, 5) # 1) where level = 0 and tile_index = 0";
        behind_the_back(transaction, "wo.ledger_tile", sql);
    };
    let verdicts = verdicts_after(&ledger, touch);
    assert_eq!(verdicts[0].leaf, Some(0));
    assert_said(&verdicts, "the tiles are not the tree that it sealed");
    let (severity, detail): (String, String) = attacked(&ledger, touch, |transaction| {
        let ask =
            "select severity, detail from wo_private.ledger_health() where subject = 'ledger'";
        let row = transaction.query_one(ask, &[]).unwrap();
        (row.get(0), row.get(1))
    });
    assert_eq!(severity, "bad");
    assert!(detail.contains("not the tree"), "{detail}");
}

#[test]
fn another_tenants_entries_are_counted_and_not_named() {
    let (ledger, _, id) = sealed_company();
    ledger.company.run(ROOT, "select wo.create_tenant('globex', 'Globex')");
    ledger.company.database.login("gus", &["wo_user"]);
    ledger.company.run(
        ROOT,
        "begin; select wo.administer('globex'); select wo.create_principal('gus', db_role => 'gus'); commit",
    );
    ledger.seal();
    let sql =
        format!("update wo.audit_entry set actor = 'x' where subject_id = '{id}' and sequence = 2");
    ledger.company.with(ROOT, |root| {
        let mut transaction = root.transaction().unwrap();
        behind_the_back(&mut transaction, "wo.audit_entry", &sql);
        transaction.commit().unwrap();
    });
    let mut gus = ledger.company.database.connect("gus");
    let verdicts = ledger.verdicts_by(&mut gus, "");
    assert_eq!(verdicts.len(), 1);
    assert!(!verdicts[0].intact && verdicts[0].leaf.is_some());
    assert_eq!((verdicts[0].subject.as_ref(), verdicts[0].sequence), (None, None));
    assert!(verdicts[0].problem.as_ref().unwrap().contains("of another tenant"));
}

/// What nothing catches: part 11's table says so, and health publishes the window.
#[test]
fn cutting_the_unsealed_tail_is_caught_by_nothing_and_health_says_how_wide_the_window_is() {
    let (ledger, _, _) = sealed_company();
    let number = ledger.company.create("gone without a trace");
    let id = ledger.company.id(&number);
    let cut = |transaction: &mut Transaction<'_>| {
        let sql = format!("delete from wo.audit_entry where subject_id = '{id}'");
        behind_the_back(transaction, "wo.audit_entry", &sql);
        let sql = format!("delete from wo.approval_request where work_order_id = '{id}'");
        if transaction
            .query_one(
                &format!("select count(*) from wo.approval_request where work_order_id = '{id}'"),
                &[],
            )
            .unwrap()
            .get::<_, i64>(0)
            > 0
        {
            behind_the_back(transaction, "wo.approval_request", &sql);
        }
        let sql = format!("delete from wo.work_order where id = '{id}'");
        behind_the_back(transaction, "wo.work_order", &sql);
    };
    let verdicts = verdicts_after(&ledger, cut);
    assert!(verdicts.iter().all(|verdict| verdict.intact), "{verdicts:?}");
    assert_eq!(attacked(&ledger, cut, reconciled), []);
    let (_, detail) = ledger.health("ledger");
    assert!(
        detail.contains("can be cut off without a trace until it is sealed (every 10 s)"),
        "{detail}"
    );
}
