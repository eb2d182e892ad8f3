//! Work by a plan, step by step.

#![allow(clippy::unwrap_used)]

use super::*;
use crate::lifecycle::PrincipalKind;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// A work order with a plan, in memory.
struct Bench {
    plan: JobPlan,
    recorded: Vec<Recorded>,
    under_way: bool,
    regulatory: bool,
    signs: bool,
}

const PEOPLE: [(&str, PrincipalKind, &[&str]); 7] = [
    ("olga", PrincipalKind::Person, &["qa"]),
    ("wim", PrincipalKind::Person, &[]),
    ("wanda", PrincipalKind::Person, &[]),
    ("quin", PrincipalKind::Person, &["qa"]),
    ("quentin", PrincipalKind::Person, &["qa"]),
    ("sara", PrincipalKind::Person, &["system_owner"]),
    ("bot", PrincipalKind::Agent, &["qa", "system_owner"]),
];

fn plan(document: &Value) -> JobPlan {
    validate(document, None).unwrap()
}

fn shipped(name: &str) -> Value {
    let text = SHIPPED.iter().find(|(shipped, _)| *shipped == name).unwrap().1;
    serde_json::from_str(text).unwrap()
}

impl Bench {
    fn of(document: &Value) -> Self {
        Self {
            plan: plan(document),
            recorded: Vec::new(),
            under_way: true,
            regulatory: true,
            signs: true,
        }
    }

    fn act(
        &mut self,
        act: Act,
        by: &str,
        step: &str,
        given: Given<'_>,
    ) -> Result<Option<Verdict>, &'static str> {
        let (id, kind, roles) = PEOPLE.iter().find(|(id, ..)| *id == by).unwrap();
        let roles: Vec<String> = roles.iter().map(|role| (*role).to_owned()).collect();
        let progress = Progress::of(&self.plan, &self.recorded);
        let judged = check(
            act,
            &Attempt {
                work: Work {
                    id: "w",
                    number: "WO-1",
                    is_under_way: self.under_way,
                    status: "in_progress",
                    regulatory: self.regulatory,
                    assignee: Some("wim"),
                    originator: Some("olga"),
                },
                plan: &self.plan,
                progress: &progress,
                recorded: &self.recorded,
                performer: Performer { id, kind: *kind, roles: &roles },
                step,
                given: &Given { is_signed: self.signs, ..given },
            },
        )
        .map_err(|refusal| refusal.code)?;
        self.recorded.push(Recorded {
            id: self.recorded.len().to_string(),
            step: step.to_owned(),
            act,
            verdict: judged.verdict,
            concerns: judged.concerns,
            performed_by: by.to_owned(),
        });
        Ok(judged.verdict)
    }

    fn record(
        &mut self,
        by: &str,
        step: &str,
        value: &str,
    ) -> Result<Option<Verdict>, &'static str> {
        let value = Some(value).filter(|value| !value.is_empty());
        let kind = self.plan.step(step).map(|step| step.kind);
        let given = Given { value, has_sha256: kind == Some(StepKind::Attach), ..Given::default() };
        self.act(Act::Result, by, step, given)
    }

    fn decide(
        &mut self,
        by: &str,
        step: &str,
        verdict: &str,
    ) -> Result<Option<Verdict>, &'static str> {
        let given = Given { verdict: Some(verdict), reason: Some("r"), ..Given::default() };
        self.act(Act::Disposition, by, step, given)
    }

    fn because(&mut self, act: Act, by: &str, step: &str) -> Result<Option<Verdict>, &'static str> {
        self.act(act, by, step, Given { reason: Some("r"), ..Given::default() })
    }

    fn state(&self, step: &str) -> StepState {
        Progress::of(&self.plan, &self.recorded).step(step).unwrap().state
    }

    fn guard(&self) -> crate::lifecycle::GuardFact {
        guard::fact(&Progress::of(&self.plan, &self.recorded)).unwrap()
    }
}

/// The installation qualification: a measurement out of limits, a hold point, a witness, a correction.
#[test]
fn an_installation_is_qualified() {
    let mut work = Bench::of(&shipped("installation_qualification"));
    let pass = Ok(Some(Verdict::Pass));
    assert_eq!(work.record("wanda", "protocol_approved", "pass"), Err("role_missing"));
    assert_eq!(work.record("wim", "identity", "pass"), Err("step_out_of_order"));
    assert_eq!(work.record("wim", "protocol_approved", "yes"), Err("step_value_invalid"));
    assert_eq!(work.record("wim", "protocol_approved", "pass"), pass);
    assert_eq!(work.record("wim", "protocol_approved", "pass"), Err("step_done_already"));
    assert_eq!(work.record("wim", "identity", "pass"), pass);
    assert_eq!(work.record("wim", "documents", "pass"), pass);
    assert_eq!(work.because(Act::Witness, "wim", "identity"), Err("witness_is_performer"));
    assert_eq!(work.because(Act::Witness, "bot", "identity"), Err("person_required"));
    assert_eq!(work.because(Act::Witness, "wanda", "identity"), Ok(None));
    assert_eq!(work.because(Act::Witness, "sara", "identity"), Err("witnessed_already"));

    assert_eq!(work.record("wim", "mains_voltage", "253.01"), Ok(Some(Verdict::Fail)));
    assert_eq!(work.record("wim", "mains_voltage", "230"), Err("disposition_missing"));
    assert_eq!(work.record("wim", "room_temperature", "25.5"), Ok(Some(Verdict::Warning)));
    assert_eq!(work.record("wim", "room_humidity", "80"), pass);
    assert_eq!(work.record("quin", "installation_release", ""), Err("step_out_of_order"));
    assert_eq!(work.decide("wanda", "mains_voltage", "accepted"), Err("role_missing"));
    assert_eq!(work.decide("bot", "mains_voltage", "accepted"), Err("person_required"));
    assert_eq!(work.decide("quin", "mains_voltage", "fine"), Err("verdict_unknown"));
    assert_eq!(work.decide("quin", "mains_voltage", "rejected"), Ok(Some(Verdict::Rejected)));
    assert_eq!(work.state("mains_voltage"), StepState::Open);
    assert_eq!(work.record("wim", "mains_voltage", "254"), Ok(Some(Verdict::Fail)));
    assert_eq!(work.decide("quin", "mains_voltage", "accepted"), Ok(Some(Verdict::Accepted)));
    assert_eq!(work.state("mains_voltage"), StepState::Done);
    assert_eq!(work.decide("quin", "mains_voltage", "accepted"), Err("nothing_to_decide"));

    assert_eq!(work.record("wim", "self_test", "pass"), Err("hold_point_open"));
    assert_eq!(work.because(Act::Skip, "quin", "connection"), Err("hold_point_open"));
    assert_eq!(
        work.because(Act::Skip, "quin", "installation_release"),
        Err("hold_point_not_skipped")
    );
    assert_eq!(work.record("wim", "installation_release", ""), Err("role_missing"));
    assert_eq!(work.record("bot", "installation_release", ""), Err("person_required"));
    assert_eq!(work.record("quin", "installation_release", ""), pass);
    assert_eq!(work.record("wim", "connection", "done"), pass);
    assert!(!work.guard().passed);

    let corrected = Given { value: Some("229.5"), ..Given::default() };
    assert_eq!(work.act(Act::Correction, "wim", "mains_voltage", corrected), Err("fields_missing"));
    let reasoned = Given { reason: Some("misread"), ..corrected };
    let stale = Given { concerns: Some("0"), ..reasoned };
    let superseded = Err("step_result_superseded");
    assert_eq!(work.act(Act::Correction, "wim", "mains_voltage", stale), superseded);
    assert_eq!(work.act(Act::Correction, "wim", "mains_voltage", reasoned), pass);
    assert_eq!(work.because(Act::Correction, "wim", "self_test"), Err("step_without_result"));

    assert_eq!(work.record("wim", "self_test", "pass"), pass);
    assert_eq!(work.because(Act::Skip, "wim", "firmware"), Err("role_missing"));
    assert_eq!(work.because(Act::Skip, "bot", "firmware"), Err("person_required"));
    assert_eq!(work.act(Act::Skip, "quin", "firmware", Given::default()), Err("fields_missing"));
    assert_eq!(work.because(Act::Skip, "quin", "firmware"), Ok(None));
    assert_eq!(work.record("wim", "protocol_record", "https://files/iq-7"), pass);
    assert_eq!(work.record("wim", "statement", ""), Err("role_missing"));
    assert_eq!(work.record("sara", "statement", ""), pass);
    assert_eq!(work.guard().detail, "");
    assert!(work.guard().passed);
}

/// A correction takes the old result's witness and disposition away with it: they are about what is no more true.
#[test]
fn a_corrected_result_needs_its_witness_and_its_disposition_again() {
    let document = json!({"name": "p", "steps": [
        {"key": "m", "kind": "measure", "unit": "V", "limits": {"upper": 5}, "instruction": "i", "witness": "qa"}]});
    let mut work = Bench::of(&document);
    work.record("wim", "m", "6").unwrap();
    assert_eq!(work.guard().detail, "failed, without a disposition by QA: m");
    work.decide("quin", "m", "accepted").unwrap();
    assert_eq!(work.because(Act::Witness, "wanda", "m"), Err("role_missing"));
    work.because(Act::Witness, "quin", "m").unwrap();
    assert!(work.guard().passed);
    let again = Given { value: Some("7"), reason: Some("r"), ..Given::default() };
    work.act(Act::Correction, "wim", "m", again).unwrap();
    assert_eq!(work.state("m"), StepState::Failed);
    let good = Given { value: Some("4"), ..again };
    work.act(Act::Correction, "wim", "m", good).unwrap();
    assert_eq!(work.guard().detail, "without a witness: m");
}

/// Nobody who performed any of a step's results decides about it, though another one corrected it.
#[test]
fn qa_does_not_decide_about_its_own_work() {
    let document = json!({"name": "p", "steps": [
        {"key": "c", "kind": "check", "instruction": "i", "role": "qa"},
        {"key": "h", "kind": "hold_point", "instruction": "i", "role": "qa", "after": ["c"]}]});
    let mut work = Bench::of(&document);
    work.record("quin", "c", "fail").unwrap();
    assert_eq!(work.decide("quin", "c", "accepted"), Err("step_of_ones_own"));
    assert_eq!(work.record("quentin", "h", ""), Err("step_out_of_order"));
    work.decide("quentin", "c", "accepted").unwrap();
    assert_eq!(work.record("quin", "h", ""), Err("step_of_ones_own"));
    work.record("quentin", "h", "").unwrap();
    assert!(work.guard().passed);
}

#[test]
fn work_that_is_not_regulatory_is_repeated_and_skipped_by_who_does_it() {
    let document = json!({"name": "p", "steps": [
        {"key": "c", "kind": "check", "instruction": "i"}, {"key": "d", "kind": "do", "instruction": "i"}]});
    let mut work = Bench::of(&document);
    work.under_way = false;
    assert_eq!(work.record("wim", "c", "fail"), Err("work_not_under_way"));
    work.under_way = true;
    work.regulatory = false;
    work.record("wim", "c", "fail").unwrap();
    assert!(!work.guard().passed);
    work.record("wim", "c", "pass").unwrap();
    work.because(Act::Skip, "wim", "d").unwrap();
    assert!(work.guard().passed);
    work.record("wim", "d", "").unwrap();
    assert_eq!(work.record("wim", "nothing", ""), Err("step_unknown"));
}

#[test]
fn a_value_is_of_the_kind_of_its_step() {
    let document = json!({"name": "p", "credentials": {"key": "vault://kv/lab#password"}, "steps": [
        {"key": "m", "kind": "measure", "unit": "V", "instruction": "i", "credentials": ["key"]},
        {"key": "a", "kind": "attach", "instruction": "i"}, {"key": "d", "kind": "do", "instruction": "i"}]});
    let mut work = Bench::of(&document);
    let mut given = |step, given| work.act(Act::Result, "wim", step, given);
    let value = |value| Given { value: Some(value), ..Given::default() };
    for text in ["", "five", "5 V", "NaN"] {
        assert_eq!(given("m", value(text)), Err("step_value_invalid"), "{text}");
    }
    assert_eq!(given("m", Given { unit: Some("mV"), ..value("5") }), Err("unit_differs"));
    assert_eq!(
        given("m", Given { verdict: Some("fail"), ..value("5") }),
        Err("step_value_invalid")
    );
    assert_eq!(given("a", value("https://x")), Err("step_value_invalid"));
    assert_eq!(
        given("d", Given { has_sha256: true, ..Given::default() }),
        Err("step_value_invalid")
    );
    assert_eq!(given("m", Given { unit: Some("V"), ..value("5") }), Ok(Some(Verdict::Pass)));
}

/// Without it a disposition, or a step of kind `sign`, would count in regulatory work without a signature.
#[test]
fn regulatory_work_is_signed_where_it_has_to_be() {
    let document = json!({"name": "p", "steps": [
        {"key": "m", "kind": "measure", "unit": "V", "limits": {"upper": 2}, "instruction": "i"},
        {"key": "s", "kind": "sign", "role": "system_owner", "instruction": "i", "witness": true}]});
    for regulatory in [true, false] {
        let mut work = Bench::of(&document);
        (work.regulatory, work.signs) = (regulatory, false);
        assert_eq!(work.record("wim", "m", "3"), Ok(Some(Verdict::Fail)));
        let unsigned = [
            work.decide("quin", "m", "accepted").map(|_| ()),
            work.record("sara", "s", "").map(|_| ()),
        ];
        let wanted = if regulatory { Err("signature_required") } else { Ok(()) };
        assert_eq!(unsigned, [wanted, wanted]);
        work.signs = true;
        if regulatory {
            work.decide("quin", "m", "accepted").unwrap();
            work.record("sara", "s", "").unwrap();
        }
        work.signs = false;
        for (act, by) in [(Act::Correction, "sara"), (Act::Witness, "wanda")] {
            assert_eq!(work.because(act, by, "s").map(|_| ()), wanted);
        }
    }
}

/// QA decides about the work of others: who asked for the work would otherwise accept what failed in it.
#[test]
fn the_originator_neither_decides_nor_skips_for_qa() {
    let document = json!({"name": "p", "steps": [
        {"key": "c", "kind": "check", "instruction": "i"}, {"key": "d", "kind": "do", "instruction": "i"}]});
    let mut work = Bench::of(&document);
    work.record("wim", "c", "fail").unwrap();
    assert_eq!(work.decide("olga", "c", "accepted"), Err("step_of_ones_own"));
    assert_eq!(work.because(Act::Skip, "olga", "d"), Err("step_of_ones_own"));
    work.decide("quin", "c", "accepted").unwrap();
    work.because(Act::Skip, "quin", "d").unwrap();
    assert!(work.guard().passed);
}

/// A required signature would otherwise be left out by a row that nobody signed.
#[test]
fn a_required_step_of_kind_sign_is_skipped_by_a_signature() {
    for required in [true, false] {
        let document = json!({"name": "p", "steps": [
            {"key": "s", "kind": "sign", "instruction": "i", "required": required}]});
        let mut work = Bench::of(&document);
        work.signs = false;
        let unsigned = work.because(Act::Skip, "quin", "s").map(|_| ());
        assert_eq!(unsigned, if required { Err("signature_required") } else { Ok(()) });
        work.signs = true;
        if required {
            work.because(Act::Skip, "quin", "s").unwrap();
        }
    }
}

/// Whatever is tried in whatever order: what comes after an open hold point is never recorded while it is open, no
/// row is lost, and the guard passes exactly where an independent reading of the rows says that all is done.
#[test]
fn no_order_of_attempts_gets_around_the_rules() {
    let document = json!({"name": "p", "steps": [
        {"key": "a", "kind": "check", "instruction": "i"},
        {"key": "m", "kind": "measure", "unit": "V", "limits": {"lower": 1, "upper": 2}, "instruction": "i", "witness": true},
        {"key": "h", "kind": "hold_point", "role": "qa", "instruction": "i", "after": ["a", "m"]},
        {"key": "b", "kind": "do", "instruction": "i", "after": ["h"]},
        {"key": "c", "kind": "do", "instruction": "i", "after": ["b"], "required": false},
        {"key": "s", "kind": "sign", "role": "system_owner", "instruction": "i", "after": ["b"]}]});
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut random = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % below as u64).unwrap()
    };
    let steps = ["a", "m", "h", "b", "c", "s"];
    let (mut passed, mut acts_made) = (0, BTreeSet::new());
    for round in 0..400 {
        let mut work = Bench::of(&document);
        work.regulatory = round % 2 == 0;
        for _ in 0..300 {
            let step = steps[random(steps.len())];
            let by = PEOPLE[random(PEOPLE.len())].0;
            let act = Act::ALL[random(Act::ALL.len())];
            let value = [None, Some("pass"), Some("fail"), Some("1.5"), Some("2.1")][random(5)];
            let value = value.filter(|_| matches!(act, Act::Result | Act::Correction));
            let verdict = Some(["accepted", "rejected"][random(2)]);
            let verdict = verdict.filter(|_| act == Act::Disposition);
            let before = work.recorded.clone();
            let held = matches!(work.state("h"), StepState::Open | StepState::Failed);
            let given = Given { value, verdict, reason: Some("r"), ..Given::default() };
            let done = work.act(act, by, step, given);
            assert_eq!(work.recorded[..before.len()], before, "nothing recorded is lost");
            if done.is_ok() {
                acts_made.insert((act.name(), step));
                let comes_after = ["b", "c", "s"].contains(&step);
                assert!(!(held && comes_after && matches!(act, Act::Result | Act::Skip)), "{step}");
            }
            assert_eq!(work.guard().passed, is_all_done(&work.recorded), "{:?}", work.recorded);
        }
        passed += usize::from(work.guard().passed);
    }
    assert!(passed > 20, "only {passed} of 400 came to their end");
    assert!(acts_made.len() > 15, "{acts_made:?}");
}

/// The same question, answered by looking at the rows alone.
fn is_all_done(rows: &[Recorded]) -> bool {
    ["a", "m", "h", "b", "c", "s"].iter().all(|key| {
        let values: Vec<&Recorded> = rows
            .iter()
            .filter(|row| row.step == *key)
            .filter(|row| matches!(row.act, Act::Result | Act::Correction | Act::Skip))
            .collect();
        let Some(last) = values.last() else { return *key == "c" };
        let about =
            |act| rows.iter().any(|row| row.act == act && row.concerns.as_ref() == Some(&last.id));
        let decided = rows
            .iter()
            .rfind(|row| row.act == Act::Disposition && row.concerns.as_ref() == Some(&last.id));
        match (last.act, last.verdict, decided.and_then(|row| row.verdict)) {
            (Act::Skip, ..) => true,
            (_, Some(Verdict::Fail), Some(Verdict::Accepted)) => *key != "m" || about(Act::Witness),
            (_, Some(Verdict::Fail), Some(Verdict::Rejected)) => *key == "c",
            (_, Some(Verdict::Fail), _) => false,
            _ => *key != "m" || about(Act::Witness),
        }
    })
}

#[test]
fn another_version_keeps_results_by_the_key_of_their_step() {
    let old = json!({"name": "p", "steps": [
        {"key": "a", "kind": "do", "instruction": "i"}, {"key": "b", "kind": "do", "instruction": "i"},
        {"key": "m", "kind": "measure", "unit": "V", "instruction": "i"}]});
    let new = json!({"name": "p", "steps": [
        {"key": "a", "kind": "do", "instruction": "i"}, {"key": "c", "kind": "do", "instruction": "i"},
        {"key": "m", "kind": "measure", "unit": "mV", "instruction": "i"}]});
    let mut work = Bench::of(&old);
    work.record("wim", "a", "x").unwrap();
    work.record("wim", "b", "x").unwrap();
    let (old, new) = (plan(&old), plan(&new));
    assert!(check_move(&old, &new, &work.recorded).is_ok());
    let found = Difference::between(&old, &new, &work.recorded);
    assert_eq!(
        found.as_json(),
        json!({"kept": ["a"], "changed": ["m"], "new": ["c"], "removed": ["b"], "recorded": ["b"]})
    );
    let moved = Progress::of(&new, &work.recorded);
    let states: Vec<(&str, StepState)> =
        moved.steps.iter().map(|step| (step.key, step.state)).collect();
    assert_eq!(
        states,
        [
            ("a", StepState::Done),
            ("c", StepState::Open),
            ("m", StepState::Open),
            ("b", StepState::NotApplicable)
        ]
    );
    work.record("wim", "m", "5").unwrap();
    let refusal = check_move(&old, &new, &work.recorded).unwrap_err();
    assert_eq!((refusal.code, &refusal.detail["steps"]), ("plan_version_unfit", &json!(["m"])));
}

/// Each mistake is listed with its place, and none hides another.
#[test]
fn every_problem_of_a_document_is_listed_at_once() {
    let document = json!({
        "name": "p", "colour": "red",
        "parameters": [{"name": "x", "type": "date"}, {"name": "n", "type": "number", "required": true, "default": 1}],
        "credentials": {"key": "hunter2-hunter2"},
        "task_type": "Bad Name",
        "estimate": {"p80": 1, "p50": 2, "median": 1},
        "budget": {"master": -1},
        "requires": {"experience": [{"experience": "e", "minimum_rating": 0}], "persons": [{"role": "assignee", "count": 1}]},
        "deliverables": [{"name": "a", "kind": "iq"}, {"name": "a", "kind": "iq"}],
        "controlled_documents": [{"document": "d", "change": "burn"}],
        "children": [{"name": "c", "title": "t", "job_plan": 7}, {"name": "c", "title": "{{nobody}}", "after": ["z"]}],
        "steps": [
            {"key": "a", "kind": "measure", "instruction": "{{y}}", "limits": {"lower": 2, "warn_upper": 1, "upper": "x"}},
            {"key": "a", "kind": "do", "instruction": " ", "unit": "V", "after": ["b", "q"], "credentials": ["other"]},
            {"key": "b", "kind": "hold_point", "instruction": "i", "required": false, "after": ["b"],
             "estimate": {"optimistic": 3, "likely": 2, "pessimistic": 4}, "witness": 7},
            {"key": "c", "kind": "dance", "instruction": "i"},
            {"key": "d", "kind": "sign", "instruction": "i", "credentials": ["key"]}],
    });
    let problems = validate(&document, None).unwrap_err();
    let found: BTreeSet<&str> = problems.iter().map(|found| found.pointer.as_str()).collect();
    for pointer in [
        "/colour",
        "/parameters/0/type",
        "/parameters/1/default",
        "/credentials/key",
        "/task_type",
        "/estimate/p80",
        "/estimate/median",
        "/budget/master",
        "/requires/experience/0/minimum_rating",
        "/requires/persons/0/role",
        "/deliverables/1/name",
        "/controlled_documents/0/change",
        "/children/0/job_plan",
        "/children/1/name",
        "/children/1/title",
        "/children/1/after/0",
        "/steps/0/unit",
        "/steps/0/instruction",
        "/steps/0/limits/warn_upper",
        "/steps/0/limits/upper",
        "/steps/1/key",
        "/steps/1/instruction",
        "/steps/1/after/1",
        "/steps/1/credentials/0",
        "/steps/2/role",
        "/steps/2/required",
        "/steps/2/after",
        "/steps/2/estimate/likely",
        "/steps/2/witness",
        "/steps/3/kind",
        "/steps/4/credentials",
    ] {
        assert!(found.contains(pointer), "{pointer} is missing in {found:?}");
    }
    assert!(
        problems.iter().all(|found| !found.problem.contains("hunter2")),
        "a secret is repeated"
    );
    assert!(validate(&json!([]), None).is_err());
    assert!(validate(&json!({"name": "p"}), None).is_err());
}

/// Each pointer leads into the document, or to a member that is missing from what it leads to: random documents are
/// made by damaging a shipped one.
#[test]
fn damaged_documents_are_refused_with_pointers_that_lead_somewhere() {
    let text = SHIPPED.iter().find(|(name, _)| *name == "installation_qualification").unwrap().1;
    let document: Value = serde_json::from_str(text).unwrap();
    let mut pointers = Vec::new();
    collect(&document, String::new(), &mut pointers);
    for pointer in &pointers {
        for damage in
            [Value::Null, json!(-1), json!("{{"), json!([[]]), json!({"x": 1}), json!(true)]
        {
            let mut damaged = document.clone();
            *damaged.pointer_mut(pointer).unwrap() = damage;
            let Err(problems) = validate(&damaged, None) else { continue };
            assert!(!problems.is_empty());
            for found in problems {
                let parent = found.pointer.rsplit_once('/').map_or("", |(parent, _)| parent);
                assert!(damaged.pointer(parent).is_some(), "{} of {damaged}", found.pointer);
            }
        }
    }
}

fn collect(value: &Value, pointer: String, found: &mut Vec<String>) {
    match value {
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                collect(item, format!("{pointer}/{index}"), found);
            }
        }
        Value::Object(members) => {
            for (name, member) in members {
                collect(member, format!("{pointer}/{name}"), found);
            }
        }
        _ => {}
    }
    found.push(pointer);
}
