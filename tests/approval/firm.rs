//! The company of `wo_cluster_tests::signing`, with what the tests of approvals ask of it: a rival
//! in the same database, an auditor, a deputy without roles, and a small lifecycle with two
//! signatures at its end.

use std::ops::Deref;

use postgres::{Client, Error};
use serde_json::{Value, json};
pub use wo_cluster_tests::signing::{ADMIN, AGENT, Ask, Challenge, Company, ROOT, SERVICE};
use wo_cluster_tests::{Database, refused};

/// A member of wo_auditor who is the principal of that name.
pub const AUDITOR: &str = "auditor";
/// A member of wo_user who is a person of another tenant, with every role there.
pub const RIVAL: &str = "rival";

/// The children of the records that a refusal must leave as they were.
const KEPT: [&str; 8] = [
    "work_order",
    "approval",
    "approval_request",
    "delegation",
    "waiver",
    "evidence",
    "signing_key",
    "approval_requirement",
];

pub struct Firm(Company);

impl Deref for Firm {
    type Target = Company;

    fn deref(&self) -> &Company {
        &self.0
    }
}

impl Firm {
    pub fn found() -> Self {
        Self(Company::copy_of("firm", |database| Self::found_in(database).0))
    }

    fn found_in(database: Database<'static>) -> Self {
        let firm = Self(Company::found_in(database));
        firm.database.login(AUDITOR, &["wo_auditor"]);
        firm.administer(&format!(
            "select wo.create_principal('{AUDITOR}', db_role => '{AUDITOR}')"
        ));
        for person in ["deputy", "deputy_2", "chief"] {
            firm.hire(person, &[]);
            firm.enroll(person);
        }
        firm.database.login(RIVAL, &["wo_user"]);
        firm.run(
            ROOT,
            &format!(
                "begin; select wo.create_tenant('globex', 'Globex'); select wo.administer('globex');
                 select wo.create_principal('{RIVAL}', roles => '{{planner,system_owner,qa}}',
                    db_role => '{RIVAL}'); commit"
            ),
        );
        firm.publish(&deed("deed"));
        firm
    }

    /// Asserts that the statement is refused and leaves no trace; returns the DETAIL.
    #[track_caller]
    pub fn refuses(&self, who: &str, sql: &str, sqlstate: &str, code: &str) -> Value {
        self.refused_without_trace(&KEPT, who, sql, sqlstate, code)
    }

    /// What a refusal must leave as it was.
    pub fn everything(&self) -> String {
        self.fingerprint(&KEPT)
    }

    pub fn try_sign(&self, who: &str, ask: &Ask) -> Result<Value, Error> {
        self.request(who, ask).and_then(|challenge| self.sign(who, &challenge))
    }

    #[track_caller]
    pub fn approve(&self, who: &str, order: &str, role: &str, meaning: &str) -> Value {
        self.signed(who, &Ask::approve(order, role, meaning))
    }

    /// Asserts that nobody signs so, and that trying leaves no trace but a challenge.
    #[track_caller]
    pub fn no_signature(&self, who: &str, ask: &Ask, sqlstate: &str, code: &str) -> Value {
        let before = self.everything();
        println!("{who}: {ask:?}");
        let detail = refused(self.try_sign(who, ask), sqlstate, code);
        assert_eq!(self.everything(), before, "the refusal left a trace");
        detail
    }

    /// A regulatory work order that waits for the approvals of its plan.
    #[track_caller]
    pub fn submitted(&self) -> String {
        self.reach("pending_approval")
    }

    /// The worker does an assigned work order.
    #[track_caller]
    pub fn finish(&self, order: &str) {
        self.transition("worker", order, "in_progress");
        self.complete(order, "done as planned");
    }

    #[track_caller]
    pub fn complete(&self, order: &str, summary: &str) {
        let fields = json!({"completion_summary": summary, "actual_hours": 3.5});
        self.run(
            "worker",
            &format!("select wo.transition('{order}', 'completed', 'done', '{fields}')"),
        );
    }

    /// A work order of the small lifecycle for the worker, in review.
    #[track_caller]
    pub fn deed(&self) -> String {
        self.deed_in("deed", "")
    }

    /// The same of a lifecycle of that shape, with further arguments.
    #[track_caller]
    pub fn deed_in(&self, lifecycle: &str, further: &str) -> String {
        let order = self.open_deed(lifecycle, further);
        self.transition("planner", &order, "review");
        order
    }

    /// The same before its review.
    #[track_caller]
    pub fn open_deed(&self, lifecycle: &str, further: &str) -> String {
        self.one(
            "planner",
            &format!(
                "select wo.create_work_order('A deed', description => 'What is to be done',
                    assignee => 'worker', lifecycle => '{lifecycle}'{further}) ->> 'wo_number'"
            ),
        )
    }

    /// A column of a work order, as text.
    #[track_caller]
    pub fn stands(&self, order: &str, column: &str) -> Option<String> {
        self.one(
            ROOT,
            &format!("select ({column})::text from wo.work_order where wo_number = '{order}'"),
        )
    }

    /// `role meaning decision signer state` of every signature, in order of signing.
    #[track_caller]
    pub fn signatures(&self, order: &str) -> Vec<String> {
        self.all(
            AUDITOR,
            &format!(
                "select concat_ws(' ', role, meaning, decision, signer, state)
                 from wo.signatures('{order}') order by signed_at"
            ),
        )
    }

    /// The states of the signatures, in order of signing.
    #[track_caller]
    pub fn states(&self, order: &str) -> Vec<String> {
        self.all(AUDITOR, &format!("select state from wo.signatures('{order}') order by signed_at"))
    }

    /// `role meaning action signed/required` of everything that a work order waits for.
    #[track_caller]
    pub fn pending(&self, order: &str) -> Vec<String> {
        self.all(
            AUDITOR,
            &format!(
                "select format('%s %s %s %s/%s', role, meaning, action, signed, required)
                 from wo.pending_approvals('{order}') order by 1"
            ),
        )
    }

    /// Asserts that the planner is refused for signatures that are missing: `role meaning` each.
    #[track_caller]
    pub fn shut(&self, order: &str, to: &str, missing: &[&str]) {
        let detail = self.refuses("planner", &move_to(order, to), "23514", "approvals_missing");
        let mut told: Vec<String> = detail["approvals"]
            .as_array()
            .unwrap_or_else(|| panic!("no approvals in {detail}"))
            .iter()
            .map(|one| {
                format!("{} {}", one["role"].as_str().unwrap(), one["meaning"].as_str().unwrap())
            })
            .collect();
        told.sort();
        assert_eq!(told, missing);
    }

    /// Asserts that the planner may move it there, and leaves it where it is.
    #[track_caller]
    pub fn is_open(&self, order: &str, to: &str) {
        let moved = self.with("planner", |planner| rolled_back(planner, &move_to(order, to)));
        moved.unwrap_or_else(|error| panic!("{order} to {to}: {error:?}"));
    }

    /// The data of the events of that type about that work order, oldest first.
    #[track_caller]
    pub fn events(&self, kind: &str, order: &str) -> Vec<Value> {
        self.events_about(kind, &self.id(order).to_string())
    }

    /// The same about something else.
    #[track_caller]
    pub fn events_about(&self, kind: &str, subject_id: &str) -> Vec<Value> {
        let told = format!(
            "select data from wo.event where type = '{kind}' and subject_id = '{subject_id}'
             order by position"
        );
        self.rows(ROOT, &told).iter().map(|row| row.get(0)).collect()
    }

    /// `actor action reason` of every entry of its trail with one of these actions, oldest first.
    #[track_caller]
    pub fn trail(&self, order: &str, actions: &[&str]) -> Vec<String> {
        let (id, actions) = (self.id(order), actions.join(","));
        self.all(
            ROOT,
            &format!(
                "select concat_ws(' ', actor, action, reason) from wo.audit_entry
                 where subject_id = '{id}' and action = any ('{{{actions}}}') order by sequence"
            ),
        )
    }

    /// The number of rows that the superuser sees.
    #[track_caller]
    pub fn count(&self, from: &str) -> i64 {
        self.one(ROOT, &format!("select count(*) from wo.{from}"))
    }
}

/// Runs the statement, and takes back whatever it did.
pub fn rolled_back(client: &mut Client, sql: &str) -> Result<(), Error> {
    let mut trying = client.transaction()?;
    let done = trying.batch_execute(sql);
    trying.rollback()?;
    done
}

/// What a signature said of itself, as a member of `wo.sign`'s answer.
pub fn said<'v>(answer: &'v Value, member: &str) -> &'v str {
    answer[member].as_str().unwrap_or_else(|| panic!("no {member} in {answer}"))
}

/// The statement that moves a work order.
pub fn move_to(order: &str, to: &str) -> String {
    format!("select wo.transition('{order}', '{to}', 'because')")
}

/// The statement that changes fields of a work order.
pub fn patch(order: &str, fields: &Value) -> String {
    format!("select wo.patch_work_order('{order}', $${fields}$$, 'because')")
}

/// A lifecycle in which the planner does and changes everything, with two signatures at its end:
/// the owner's of the plan and QA's of the result.
pub fn deed(name: &str) -> Value {
    deed_with(
        name,
        json!([
            {"role": "system_owner", "meaning": "plan", "when": "always", "covers": "plan"},
            {"role": "qa", "meaning": "result", "when": "always", "covers": "result"}
        ]),
    )
}

/// The same with other signatures at its end.
pub fn deed_with(name: &str, approvals: Value) -> Value {
    let voids = ["plan", "result", "check"].map(|meaning| format!("void_approvals({meaning})"));
    let voids: Vec<&String> = voids.iter().filter(|one| approved(&approvals, one)).collect();
    json!({
        "name": name,
        "title": "Deed",
        "roles": {"planner": "does everything", "system_owner": "signs", "qa": "signs"},
        "priorities": ["low", "high"],
        "default_priority": "low",
        "regulatory": {"allowed": true, "set_by": [{"who": ["planner"]}]},
        "states": [
            {"name": "open", "initial": true},
            {"name": "review"},
            {"name": "done", "terminal": true, "settles_master": true, "satisfies_dependents": true}
        ],
        "transitions": [
            {"action": "submit", "from": ["open"], "to": "review", "who": ["planner"]},
            {"action": "back", "from": ["review"], "to": "open",
                "who": ["planner", "qa", "system_owner"], "reason": "required", "effects": voids},
            {"action": "finish", "from": ["review"], "to": "done", "who": ["planner"],
                "rejection": "back", "approvals": approvals}
        ],
        "field_rights": {"planner": {"fields": ["*"]}},
        "hierarchy": {"link": ["originator", "planner"]}
    })
}

/// Whether one of the approvals has the meaning that the effect names.
fn approved(approvals: &Value, effect: &str) -> bool {
    approvals.as_array().unwrap().iter().any(|one| {
        one["meaning"]
            .as_str()
            .is_some_and(|meaning| effect == format!("void_approvals({meaning})"))
    })
}
