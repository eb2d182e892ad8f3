//! Signed acts on steps: a disposition by QA, and steps of kind `sign`, in regulatory work (21 CFR 11.50, 11.70,
//! 11.200).

use serde_json::{Value, json};
use wo_cluster_tests::signing::{Ask, ROOT, SERVICE};
use wo_cluster_tests::{behind_the_back, race, refused};

use crate::approval::another_verifier::verify;
use crate::job_plan::bench::{Bench, plan, record};

const TABLES: [&str; 3] = ["step_result", "act_signature", "work_order"];

fn bench() -> (Bench, String) {
    let bench = Bench::found();
    bench.release_at_publication();
    bench.publish_plan(&plan(
        "signed",
        json!([
            {"key": "m", "kind": "measure", "unit": "V", "limits": {"upper": 5}, "instruction": "i"},
            {"key": "s", "kind": "sign", "role": "system_owner", "witness": true, "instruction": "i", "required": false}
        ]),
    ));
    let order = bench.create("Measure it");
    bench.run("originator", &format!("select wo.apply_job_plan('{order}', 'signed')"));
    bench.begin(&order);
    bench.record("worker", &order, "m", "7");
    (bench, order)
}

/// Without the signature a disposition in regulatory work would be a row that anybody with the role's login made,
/// bound to no key and to no content.
#[test]
fn a_disposition_in_regulatory_work_is_signed() {
    let (bench, order) = bench();
    let decide = format!("select wo.decide_step('{order}', 'm', 'accepted', 'r')");
    bench.refused_without_trace(&TABLES, "qa", &decide, "42501", "signature_required");
    let id = bench.id(&order);
    let raw = format!(
        "insert into wo.step_result (work_order_id, step, act, verdict, reason)
         values ('{id}', 'm', 'disposition', 'accepted', 'r')"
    );
    bench.refused_without_trace(&TABLES, "qa", &raw, "42501", "signature_required");
    let named = raw
        .replace(", reason)", ", reason, signature_id)")
        .replace("'r')", "'r', gen_random_uuid())");
    bench.refused_without_trace(&TABLES, "qa", &named, "42501", "column_not_writable");

    let challenge = bench.ask_act("qa", &order, "m", "disposition", "accepted").unwrap();
    let said = challenge.said();
    assert_eq!(
        (&said["kind"], &said["subject"], &said["decision"], &said["role"]),
        (&json!("step"), &json!("m"), &json!("accepted"), &json!("qa"))
    );
    let answer = bench.sign("qa", &challenge).unwrap();
    assert_eq!(answer["recorded"]["verdict"], "accepted");
    assert_eq!(bench.state(&order, "m"), "done fail");
    let kept: Vec<String> = bench.all(
        "qa",
        &format!("select concat_ws(' ', kind, subject, meaning, decision, role, signer, printed_name) from wo.act_signatures('{order}')"),
    );
    let name = wo_cluster_tests::signing::full_name("qa");
    assert_eq!(kept, [format!("step m disposition accepted qa qa {name}")]);
    let by: String =
        bench.one(ROOT, "select signature_id::text from wo.step_result where act = 'disposition'");
    assert_eq!(answer["signature"], by);

    // A single use.
    refused(bench.sign("qa", &challenge), "55000", "challenge_used");
    assert_eq!(bench.problems(), []);
}

/// Each way in which a challenge for an act must not be asked for or answered.
#[test]
fn an_act_is_signed_by_who_may_and_for_what_there_is() {
    let (bench, order) = bench();
    let ask = |who: &str, step: &str, meaning: &str, decision: &str| {
        bench.ask_act(who, &order, step, meaning, decision)
    };
    refused(ask("worker_2", "m", "disposition", "accepted"), "42501", "role_missing");
    refused(ask("qa_agent", "m", "disposition", "accepted"), "42501", "person_required");
    refused(ask("qa", "z", "disposition", "accepted"), "22023", "step_unknown");
    refused(ask("qa", "m", "extension", "accepted"), "22023", "meaning_unknown");
    refused(ask("qa", "m", "disposition", "perhaps"), "22023", "decision_unknown");
    let kind = "select wo.request_act_signature('thing', 'x', 'disposition', 'r')";
    let other_kind = bench.acting("qa", |acting| acting.batch_execute(kind));
    refused(other_kind, "22023", "act_kind_unknown");
    let malformed = "select wo.request_act_signature('step', 'x', 'disposition', 'r', 'accepted')";
    let malformed = bench.acting("qa", |acting| acting.batch_execute(malformed));
    refused(malformed, "22023", "subject_malformed");
    // Without a fresh token.
    let bare = format!(
        "select wo.request_act_signature('step', '{order}/m', 'disposition', 'r', 'accepted')"
    );
    bench.refused_without_trace(&TABLES, "qa", &bare, "42501", "token_required");

    let challenge = ask("qa", "m", "disposition", "accepted").unwrap();
    refused(bench.sign("qa_2", &challenge), "22023", "challenge_unknown");
    let other = bench.signature("qa_2", &challenge.payload);
    refused(bench.hand_in("qa", &challenge, &other), "42501", "signature_invalid");
    refused(bench.hand_in("qa", &challenge, "AAAA"), "22023", "signature_malformed");
    let reject = format!("select wo.reject('{}', 'AAAA')", challenge.id);
    let rejected = bench.acting("qa", |acting| acting.batch_execute(&reject));
    refused(rejected, "22023", "challenge_decision");

    // The result was corrected since it was asked for.
    bench.run("worker", &format!("select wo.correct_step('{order}', 'm', '8', 'misread')"));
    refused(bench.sign("qa", &challenge), "40001", "record_changed");

    // The role is asked for when it is signed, and the key.
    let challenge = ask("qa", "m", "disposition", "accepted").unwrap();
    bench.administer("select wo.revoke_role('qa', 'qa')");
    refused(bench.sign("qa", &challenge), "42501", "role_missing");
    bench.administer("select wo.grant_role('qa', 'qa')");
    bench.administer(
        "select wo.revoke_signing_key(key_id, 'lost') from wo.signing_key where principal = 'qa'",
    );
    refused(bench.sign("qa", &challenge), "55000", "signing_key_missing");

    // Nobody answers in time.
    let challenge = ask("qa_2", "m", "disposition", "accepted").unwrap();
    bench.with(ROOT, |root| {
        let mut transaction = root.transaction().unwrap();
        behind_the_back(
            &mut transaction,
            "wo.signature_challenge",
            "update wo.signature_challenge set expires_at = expires_at - interval '1 hour'",
        );
        transaction.commit().unwrap();
    });
    refused(bench.sign("qa_2", &challenge), "55000", "challenge_expired");
    assert_eq!(bench.state(&order, "m"), "failed fail");
    let none: i64 = bench.one(ROOT, "select count(*) from wo.act_signature");
    assert_eq!(none, 0);
    assert_eq!(bench.problems(), []);
}

/// Without it a correction would stand under a signature that was given for another result.
#[test]
fn a_signed_disposition_does_not_count_for_the_correction_after_it() {
    let (bench, order) = bench();
    let challenge = bench.ask_act("qa", &order, "m", "disposition", "accepted").unwrap();
    bench.sign("qa", &challenge).unwrap();
    bench.run("worker", &format!("select wo.correct_step('{order}', 'm', '9', 'misread')"));
    assert_eq!(bench.state(&order, "m"), "failed fail");
    refused(bench.sign("qa", &challenge), "55000", "challenge_used");
    let again = bench.ask_act("qa", &order, "m", "disposition", "rejected").unwrap();
    bench.sign("qa", &again).unwrap();
    assert_eq!(bench.state(&order, "m"), "open fail");
    assert_eq!(bench.problems(), []);
}

/// A step of kind `sign` is signed when it is performed, and when it is witnessed; and a package shows, and two
/// programs verify, what was signed.
#[test]
fn a_step_of_kind_sign_is_signed_and_the_package_proves_it() {
    let (bench, order) = bench();
    let perform = record(&order, "s", "");
    bench.refused_without_trace(&TABLES, "owner", &perform, "42501", "signature_required");
    let challenge = bench.ask_act("owner", &order, "s", "acceptance", "performed").unwrap();
    bench.sign("owner", &challenge).unwrap();
    assert_eq!(bench.state(&order, "s"), "done pass");
    let witness = format!("select wo.witness_step('{order}', 's')");
    bench.refused_without_trace(&TABLES, "worker_2", &witness, "42501", "signature_required");
    refused(
        bench.ask_act("owner", &order, "s", "acceptance", "witnessed"),
        "42501",
        "witness_is_performer",
    );
    let challenge = bench.ask_act("worker_2", &order, "s", "acceptance", "witnessed").unwrap();
    bench.sign("worker_2", &challenge).unwrap();
    let challenge = bench.ask_act("qa", &order, "m", "disposition", "accepted").unwrap();
    bench.sign("qa", &challenge).unwrap();
    bench.transition("worker", &order, "completed");
    bench.signed("owner", &Ask::approve(&order, "system_owner", "completion"));
    bench.signed("qa", &Ask::approve(&order, "qa", "completion"));

    let text: String =
        bench.one("planner", &format!("select wo.evidence_package('{order}')::text"));
    let verified = wo_rules::evidence::verify::verify(text.as_bytes());
    assert!(verified.intact, "{:?}", verified.problems);
    let (intact, said) = verify(&text);
    assert!(intact, "{said}");
    let package: Value = serde_json::from_str(&text).unwrap();
    let acts = package["sections"]["concepts"]["signed_acts"].as_array().unwrap();
    assert_eq!(acts.len(), 3);
    let report: String = bench.one("planner", &format!("select wo.evidence_report('{order}')"));
    assert!(report.contains("Signed acts"));

    // Another reason: both programs say so, and the signature is among what is wrong, not the manifest alone.
    let (reason, other) = ("see deviation 12", "see deviation 13");
    assert!(text.contains(reason));
    let forged = text.replace(reason, other);
    let problems = wo_rules::evidence::verify::verify(forged.as_bytes()).problems;
    let of_signature =
        |pointer: &str| pointer.starts_with("/sections/child_records/act_signature:");
    assert!(problems.iter().any(|one| of_signature(&one.pointer)), "{problems:?}");
    assert!(!verify(&forged).0);
    // Another unit of the result, which stands in the trail.
    let forged = text.replace("\\\"V\\\"", "\\\"A\\\"");
    assert_ne!(forged, text);
    assert!(!wo_rules::evidence::verify::verify(forged.as_bytes()).intact);
    assert!(!verify(&forged).0);
    assert_eq!(bench.problems(), []);
}

/// Without the rights and triggers of the table a signature could be written, changed or removed by SQL; and without
/// its verification what a superuser did behind their back would stay unseen.
#[test]
fn the_table_of_signatures_is_written_by_the_enforcement_layer_alone() {
    let (bench, order) = bench();
    let challenge = bench.ask_act("qa", &order, "m", "disposition", "accepted").unwrap();
    bench.sign("qa", &challenge).unwrap();
    let before = bench.fingerprint(&["act_signature"]);
    for sql in [
        "insert into wo.act_signature select (held).* from (select held from wo.act_signature as held) as held",
        "update wo.act_signature set decision = 'rejected'",
        "delete from wo.act_signature",
        "truncate wo.act_signature cascade",
    ] {
        for who in ["qa", "worker", ROOT] {
            bench.with(who, |client| client.batch_execute(sql)).unwrap_err();
        }
        bench.administering(|admin| admin.batch_execute(sql)).unwrap_err();
    }
    assert_eq!(bench.fingerprint(&["act_signature"]), before);
    assert_eq!(bench.problems(), []);
    bench.with(ROOT, |root| {
        let mut transaction = root.transaction().unwrap();
        behind_the_back(
            &mut transaction,
            "wo.act_signature",
            "update wo.act_signature set decision = 'rejected'",
        );
        transaction.commit().unwrap();
    });
    assert_ne!(bench.problems(), []);
}

/// Without the lock of the challenge a double click would record the disposition twice.
#[test]
fn of_two_answers_at_once_one_counts() {
    let (bench, order) = bench();
    let challenge = bench.ask_act("qa", &order, "m", "disposition", "accepted").unwrap();
    let signature = bench.signature("qa", &challenge.payload);
    let tokens = [bench.token("qa"), bench.token("qa")];
    let clients = (0..2).map(|_| bench.database.connect(SERVICE)).collect();
    let told = race(clients, |number, client| {
        let mut acting = client.transaction()?;
        acting.execute("select wo.authenticate($1)", &[&tokens[number]])?;
        let answer = challenge.answer(&mut acting, &signature)?;
        acting.commit()?;
        Ok(answer)
    });
    let (counted, others): (Vec<_>, Vec<_>) = told.into_iter().partition(Result::is_ok);
    assert_eq!(counted.len(), 1, "{others:?}");
    refused(others.into_iter().next().unwrap(), "55000", "challenge_used");
    let kept = "select (select count(*) from wo.act_signature) || ' ' ||
        (select count(*) from wo.step_result where act = 'disposition')";
    assert_eq!(bench.one::<String>(ROOT, kept), "1 1");
    assert_eq!(bench.problems(), []);
}

/// A required signature would otherwise be left out by a row that nobody signed; QA signs that it is.
#[test]
fn a_required_step_of_kind_sign_is_skipped_by_a_signature() {
    let bench = Bench::found();
    bench.release_at_publication();
    bench.publish_plan(&plan(
        "stating",
        json!([{"key": "s", "kind": "sign", "role": "system_owner", "instruction": "i"}]),
    ));
    let order = bench.create("State it");
    bench.run("originator", &format!("select wo.apply_job_plan('{order}', 'stating')"));
    bench.begin(&order);
    let skip = format!("select wo.skip_step('{order}', 's', 'the owner has left')");
    bench.refused_without_trace(&TABLES, "qa", &skip, "42501", "signature_required");
    bench.act("qa", &order, "s", "acceptance", "skipped");
    assert_eq!(bench.state(&order, "s"), "skipped");
    bench.assert_intact();
}

/// What is not regulatory stays as it is: no signature is asked for, and one may be given.
#[test]
fn work_that_is_not_regulatory_needs_no_signature() {
    let (bench, _) = bench();
    let order = bench.working_by("signed");
    bench.record("worker", &order, "m", "7");
    bench.run("qa", &format!("select wo.decide_step('{order}', 'm', 'accepted', 'r')"));
    bench.run("owner", &record(&order, "s", ""));
    bench.run("worker_2", &format!("select wo.witness_step('{order}', 's')"));
    assert_eq!(bench.state(&order, "m"), "done fail");
    assert_eq!(bench.state(&order, "s"), "done pass");
}
