//! Proofs: what the database gives, whoever has the public key can verify without it.

use serde_json::Value;
use wo_cluster_tests::refused;
use wo_cluster_tests::signing::ROOT;
use wo_rules::ledger::bundle::Bundle;
use wo_rules::ledger::checkpoint::Checkpoint;
use wo_rules::ledger::proof::{verify_consistency, verify_inclusion};
use wo_rules::ledger::{leaf_hash, read_hash};

use crate::ledger::stage::{Ledger, hashes};

#[test]
fn any_entry_is_proven_in_any_checkpoint_that_seals_it() {
    let ledger = Ledger::found();
    let mut all = Vec::new();
    for _ in 0..4 {
        all.extend(ledger.work(2));
        ledger.seal_once();
    }
    let sizes: Vec<i64> = ledger
        .company
        .rows(ROOT, "select size from wo.ledger_checkpoint order by size")
        .iter()
        .map(|row| row.get(0))
        .collect();
    assert!(sizes.len() >= 4, "{sizes:?}");
    let (mut proven, mut not_yet) = (0, 0);
    for number in &all {
        let entries = ledger.company.rows(
            ROOT,
            &format!(
                "select sequence::bigint, entry_hash from wo.audit_entry where subject_id = '{}' order by sequence",
                ledger.company.id(number)
            ),
        );
        for entry in entries {
            let (sequence, hash): (i64, Vec<u8>) = (entry.get(0), entry.get(1));
            for size in &sizes {
                let ask = format!("select wo.inclusion_proof('{number}', {sequence}, {size})");
                let proof = ledger.company.with("planner", |client| client.query_one(&ask, &[]));
                let Ok(row) = proof else {
                    refused(proof, "55000", "not_sealed_yet");
                    not_yet += 1;
                    continue;
                };
                let proof: Value = row.get(0);
                let note = proof["checkpoint"].as_str().unwrap();
                let checkpoint = Checkpoint::open(note, &ledger.verifier()).unwrap();
                assert_eq!(checkpoint.size, u64::try_from(*size).unwrap());
                assert_eq!(proof["tree_size"], *size);
                let leaf = leaf_hash(&hash);
                assert_eq!(read_hash(proof["leaf_hash"].as_str().unwrap()), Some(leaf));
                let index = proof["leaf_index"].as_u64().unwrap();
                let path = hashes(&proof);
                assert!(verify_inclusion(&leaf, index, checkpoint.size, &path, &checkpoint.root));
                assert!(!verify_inclusion(
                    &leaf,
                    index + 1,
                    checkpoint.size,
                    &path,
                    &checkpoint.root
                ));
                proven += 1;
            }
        }
    }
    assert!(proven > 30 && not_yet > 10, "{proven} {not_yet}");
}

#[test]
fn any_older_checkpoint_is_the_beginning_of_any_newer() {
    let ledger = Ledger::found();
    let mut checkpoints = Vec::new();
    for _ in 0..4 {
        ledger.work(1);
        ledger.seal_once();
        checkpoints.push(ledger.checkpoint());
    }
    for (place, older) in checkpoints.iter().enumerate() {
        for newer in &checkpoints[place..] {
            let ask = format!("select wo.consistency_proof({}, {})", older.size, newer.size);
            let proof: Value = ledger.company.one("planner", &ask);
            assert_eq!((&proof["from"], &proof["to"]), (&older.size.into(), &newer.size.into()));
            let path = hashes(&proof);
            let holds = verify_consistency(older.size, &older.root, newer.size, &newer.root, &path);
            assert!(holds, "{older:?} {newer:?}");
        }
    }
    let newest = checkpoints.last().unwrap();
    let proof: Value = ledger.company.one("planner", "select wo.consistency_proof(1)");
    assert_eq!(proof["to"], newest.size);
    for sizes in ["-1", "7, 3", "0, 100000", "null"] {
        let ask = format!("select wo.consistency_proof({sizes})");
        ledger.company.refused("planner", &ask, "22023", "size_unknown");
    }
}

#[test]
fn the_bundle_proves_every_sealed_entry_of_a_trail() {
    let ledger = Ledger::found();
    let number = ledger.work(1).remove(0);
    let ask = format!("select wo.ledger_proof('{number}')::text");
    assert_eq!(ledger.company.one::<Option<String>>("planner", &ask), None, "nothing is sealed");
    ledger.seal();
    ledger.company.run(
        "planner",
        &format!("select wo.patch_work_order('{number}', '{{\"priority\": \"low\"}}', 'later')"),
    );
    let text: String = ledger.company.one("planner", &ask);
    let bundle = Bundle::read(&text).unwrap();
    let entries = ledger.company.rows(
        ROOT,
        &format!(
            "select sequence::bigint, entry_hash from wo.audit_entry where subject_id = '{}'",
            ledger.company.id(&number)
        ),
    );
    assert_eq!(bundle.entries.len() + 1, entries.len(), "all but the last are sealed");
    let hash_of = |sequence: i64| {
        let entry = entries.iter().find(|entry| entry.get::<_, i64>(0) == sequence)?;
        entry.get::<_, Vec<u8>>(1).try_into().ok()
    };
    assert_eq!(bundle.verify(Some(&ledger.verifier()), hash_of), []);
    let first = ledger.checkpoint().size;
    ledger.seal();
    let older: String = ledger
        .company
        .one("planner", &format!("select wo.ledger_proof('{number}', {first})::text"));
    assert_eq!(Bundle::read(&older).unwrap(), bundle);
    let newer: String = ledger.company.one("planner", &ask);
    assert_eq!(Bundle::read(&newer).unwrap().entries.len(), entries.len());
}

#[test]
fn what_cannot_be_proven_is_refused() {
    let ledger = Ledger::found();
    let number = ledger.company.create("x");
    let proof = |more: &str| format!("select wo.inclusion_proof('{number}'{more})");
    ledger.company.refused("planner", &proof(""), "55000", "nothing_sealed");
    ledger.seal();
    ledger.company.refused("planner", &proof(", 77"), "22023", "entry_unknown");
    ledger.company.refused("planner", &proof(", 1, 1"), "22023", "checkpoint_unknown");
    ledger.company.refused(
        "planner",
        "select wo.inclusion_proof('WO-2000-0101-ABC')",
        "22023",
        "work_order_unknown",
    );
    let nobody = "select wo.ledger_proof('x')";
    ledger.company.refused("service", nobody, "42501", "no_identity");
}

#[test]
fn a_package_carries_its_proofs_and_verifies_offline_against_a_witnessed_checkpoint() {
    let ledger = Ledger::found();
    let number = ledger.company.reach("completed");
    ledger.seal();
    let package: String =
        ledger.company.one("planner", &format!("select wo.evidence_package('{number}')"));
    let report = wo_rules::evidence::verify::verify(package.as_bytes());
    assert!(report.intact, "{:?}", report.problems);
    assert!(report.ledger.sealed_entries > 5, "{:?}", report.ledger);
    assert_eq!(report.ledger.unsealed_entries, 0);
    let witnessed: String = ledger.company.one(ROOT, "select wo.checkpoint()");
    let outside = wo_rules::evidence::verify::Outside {
        sealing_key: Some(ledger.verifier()),
        checkpoint: Some(witnessed.clone()),
        ..Default::default()
    };
    let report = wo_rules::evidence::verify::verify_with(package.as_bytes(), &outside);
    assert!(report.intact, "{:?}", report.problems);

    // One that was kept at the end was made before its last entries were sealed.
    ledger.company.sign_both(&number, "completion");
    let kept: String =
        ledger.company.one("planner", &format!("select wo.evidence_package('{number}')"));
    let report = wo_rules::evidence::verify::verify(kept.as_bytes());
    assert!(report.intact && report.ledger.unsealed_entries > 0, "{:?}", report.ledger);
    ledger.seal();
    let proofs: String =
        ledger.company.one("planner", &format!("select wo.ledger_proof('{number}')::text"));
    let outside = wo_rules::evidence::verify::Outside {
        sealing_key: Some(ledger.verifier()),
        bundle: Some(Bundle::read(&proofs).unwrap()),
        ..Default::default()
    };
    let report = wo_rules::evidence::verify::verify_with(kept.as_bytes(), &outside);
    assert!(report.intact, "{:?}", report.problems);
    assert_eq!(report.ledger.unsealed_entries, 0, "{:?}", report.ledger);
}
