//! What is named when an archive, or what stayed of it, was changed, and what a crash leaves.

use std::fs;

use wo_cluster_tests::behind_the_back;
use wo_cluster_tests::signing::ROOT;

use crate::retention::past::{Past, cluster_with};

fn archived() -> (Past, String, String) {
    let past = Past::found();
    let number = past.company.create("Mend the pump");
    past.happened(5);
    past.company.transition("originator", &number, "pending_approval");
    past.seal();
    past.archive_all();
    past.assert_intact();
    let name = past.partition("audit_entry", 5);
    (past, name, number)
}

#[test]
fn a_flipped_byte_in_either_file_is_found_and_nothing_comes_back() {
    let (past, name, _) = archived();
    for file in [format!("{name}.jsonl"), format!("{name}.proof.json")] {
        let path = past.directory().join(&file);
        let honest = fs::read(&path).unwrap();
        for place in [0, honest.len() / 3, honest.len() / 2, honest.len() - 2] {
            let mut forged = honest.clone();
            forged[place] ^= 1;
            fs::write(&path, &forged).unwrap();
            let verdicts = past.verdicts();
            let verdict = verdicts.iter().find(|verdict| verdict.archive == name).unwrap();
            assert!(!verdict.intact, "{file} {place}");
            assert!(verdicts.iter().all(|other| other.intact || other.archive == name));
            let restore = format!("select wo.restore_archive('{name}')");
            past.company.refused(ROOT, &restore, "55000", "archive_damaged");
        }
        fs::write(&path, &honest).unwrap();
        fs::rename(&path, path.with_extension("gone")).unwrap();
        assert!(past.verdicts().iter().any(|verdict| !verdict.intact), "{file}");
        fs::rename(path.with_extension("gone"), &path).unwrap();
    }
    past.assert_intact();
    let left: Option<String> =
        past.company.one(ROOT, &format!("select to_regclass('wo.{name}')::text"));
    assert_eq!(left, None, "a refused archive leaves nothing behind");
}

/// Whoever can write the files and the row of the archive still contradicts the ledger.
#[test]
fn files_that_were_made_anew_contradict_the_ledger() {
    use sha2::{Digest, Sha256};
    let (past, name, _) = archived();
    let data = past.directory().join(format!("{name}.jsonl"));
    let proof = past.directory().join(format!("{name}.proof.json"));
    let (honest_data, honest_proof) =
        (fs::read_to_string(&data).unwrap(), fs::read_to_string(&proof).unwrap());
    let mut lines: Vec<String> = honest_data.lines().map(str::to_owned).collect();
    let last = lines.pop().unwrap();
    let mut line: wo_rules::retention::line::EntryLine = serde_json::from_str(&last).unwrap();
    let (mut entry, previous, _) = line.entry().unwrap();
    entry.login_role = "nobody".to_owned();
    let hash = entry.hash(&previous);
    line = wo_rules::retention::line::EntryLine::new(
        entry,
        &previous,
        &hash,
        line.position,
        line.leaf_index,
    );
    lines.push(serde_json::to_string(&line).unwrap());
    let forged = lines.join("\n") + "\n";
    fs::write(&data, &forged).unwrap();
    let hex = |text: &str| hex::encode(Sha256::digest(text));
    let forged_proof = honest_proof.replace(&hex(&honest_data), &hex(&forged));
    fs::write(&proof, &forged_proof).unwrap();
    let mut root = past.superuser();
    let mut transaction = root.transaction().unwrap();
    behind_the_back(
        &mut transaction,
        "wo.archive",
        &format!(
            "update wo.archive set data_sha256 = '\\x{}', proof_sha256 = '\\x{}' where name = '{name}'",
            hex(&forged),
            hex(&forged_proof)
        ),
    );
    transaction.commit().unwrap();
    let verdicts = past.verdicts();
    let verdict = verdicts.iter().find(|verdict| verdict.archive == name).unwrap();
    assert!(verdict.problem.as_deref().unwrap().contains("is not what leaf"), "{verdict:?}");
}

#[test]
fn what_stayed_of_a_chain_is_vouched_for_by_the_trail() {
    let (past, name, number) = archived();
    let id = past.company.id(&number);
    let place = format!("where archive = '{name}' and subject_id = '{id}'");
    for forgery in [
        // The record and what stayed of its trail say the same, but not what the trail vouches for.
        format!(
            "update wo.archived_chain set state = replace(state, 'It leaks.', 'It leeks.'),
                state_sha256 = sha256(convert_to(replace(state, 'It leaks.', 'It leeks.'), 'UTF8')) {place}"
        ),
        format!("update wo.archived_chain set state = replace(state, 'It leaks.', 'It leeks.') {place}"),
        format!("update wo.archived_chain set entry_hash = sha256('x') {place}"),
        format!("update wo.archived_chain set sequence = sequence + 1 {place}"),
        format!("delete from wo.archived_chain {place}"),
    ] {
        let mut root = past.superuser();
        let mut transaction = root.transaction().unwrap();
        transaction.batch_execute("select wo.administer('acme')").unwrap();
        behind_the_back(&mut transaction, "wo.archived_chain", &forgery);
        if forgery.contains("sha256(convert") {
            behind_the_back(
                &mut transaction,
                "wo.work_order",
                &format!("update wo.work_order set description = 'It leeks.' where id = '{id}'"),
            );
        }
        let problems: Vec<String> = transaction
            .query("select subject_key || ': ' || problem from wo.verify_audit() where not intact", &[])
            .unwrap()
            .iter()
            .map(|row| row.get(0))
            .collect();
        assert!(problems.iter().any(|problem| problem.starts_with(&number)), "{forgery}: {problems:?}");
        let one: i64 = transaction
            .query_one(
                &format!("select count(*) from wo.verify_audit('{number}') where not intact"),
                &[],
            )
            .unwrap()
            .get(0);
        assert_eq!(one, 1, "{forgery}");
    }
    past.assert_intact();
}

#[test]
fn a_month_whose_chain_does_not_hold_stays() {
    let past = Past::found();
    let number = past.company.create("Mend the pump");
    past.happened(5);
    let id = past.company.id(&number);
    past.seal();
    let mut root = past.superuser();
    let mut transaction = root.transaction().unwrap();
    behind_the_back(
        &mut transaction,
        "wo.audit_entry",
        &format!("update wo.audit_entry set actor = 'nobody' where subject_id = '{id}'"),
    );
    transaction.commit().unwrap();
    past.archive_all();
    let held = past.partition("audit_entry", 5);
    assert!(!past.archives("true").contains(&held));
    assert!(past.leaves("audit_entry").contains(&format!("wo.{held}")));
}

#[test]
fn rows_that_changed_after_the_file_was_written_stay() {
    let past = Past::found();
    let number = past.company.create("Mend the pump");
    past.happened(5);
    past.seal();
    let held = past.partition("audit_entry", 5);
    let mut ticks = 0;
    while !past.archives("true").contains(&held) {
        past.tick();
        ticks += 1;
        assert!(ticks < 20);
    }
    let mut root = past.superuser();
    let mut transaction = root.transaction().unwrap();
    behind_the_back(
        &mut transaction,
        "wo.audit_entry",
        &format!(
            "update wo.audit_entry set actor = 'nobody' where subject_id = '{}'",
            past.company.id(&number)
        ),
    );
    transaction.commit().unwrap();
    past.archive_all();
    assert!(past.leaves("audit_entry").contains(&format!("wo.{held}")), "it must not be dropped");
    assert!(past.archives("detached_at is null").contains(&held));
}

/// Killed between the steps, the server has the rows, or the rows and the files; never neither, and
/// never twice.
#[test]
fn a_crash_between_the_steps_loses_nothing_and_doubles_nothing() {
    let cluster =
        cluster_with(&[("fsync", "on"), ("synchronous_commit", "on"), ("full_page_writes", "on")])
            .kept();
    let past = Past::found_in(cluster.database());
    past.company.create("Mend the pump");
    past.happened(5);
    past.seal();
    let trail = past.trail();
    let mut steps = 0;
    loop {
        // A run that is killed before it commits leaves at most files.
        let mut client = past.superuser();
        client.batch_execute("begin").unwrap();
        let done: i32 = client
            .query_one("select done from wo.tick() where job = 'months_archived'", &[])
            .unwrap()
            .get(0);
        past.company.forget_clients();
        cluster.kill();
        cluster.launch();
        drop(client);
        past.assert_intact();
        if done == 0 {
            break;
        }
        let done_now = past.tick();
        assert_eq!(done_now, done);
        past.company.forget_clients();
        cluster.kill();
        cluster.launch();
        past.assert_intact();
        steps += 1;
        assert!(steps < 50);
    }
    assert!(steps > 3);
    for name in past.archives("source = 'audit_entry'") {
        past.company.run(ROOT, &format!("select wo.restore_archive('{name}')"));
    }
    assert_eq!(&past.trail()[..trail.len()], &trail[..]);
    past.assert_intact();
}
