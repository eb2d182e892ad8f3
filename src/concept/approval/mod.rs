//! Approvals: electronic signatures on work orders. The database makes what is to be signed, checks
//! what was signed, and shows an edge's gate which signatures count. Private keys never come here.
//!
//! Rows of approvals are written by the enforcement layer alone, each write together with an entry in the work
//! order's chain.

mod act;
mod ask_anew;
mod challenge;
mod content;
mod delegation;
mod escalation;
mod evidence;
mod expiry;
mod follow_up;
mod gate;
mod key;
mod latency;
mod person;
mod request;
mod requirement;
mod sign;
mod watch;

use content::{children_of, hash_of};

use crate::kernel::concept::{
    CheckedWrite, Concept, EvidenceSection, FollowUp, HealthSection, Metric, Question,
};
use crate::kernel::identity::memory::{self, Identity, Proof};
use crate::kernel::job::{Job, Run, When};
use crate::kernel::rollup::Rollup;
use crate::kernel::work_order::child_records;
use crate::kernel::work_order::{WorkOrderView, with_locked_work_order, with_work_order};
use crate::pg::error::refuse;
use crate::pg::row::Row;
use crate::pg::row::TriggerRow;
use crate::pg::run_as::as_trail;
use crate::pg::statement::{Mode, Statement};
use crate::pg::transaction::make_visible;
use serde_json::Value;
use std::thread::LocalKey;
use std::time::Duration;
use uuid::Uuid;
use wo_rules::approval::signer::{SigningToken, check_token};
use wo_rules::lifecycle::{Facts, Record};
use wo_rules::refusal::Refusal;
use wo_rules::schema::ChildTable;
use wo_rules::time::unix_seconds;
use wo_rules::work_order::write_suppressed;

/// The tables of the records that approvals keep with their work order.
const APPROVAL: ChildTable = ChildTable::named("approval");
const REQUEST: ChildTable = ChildTable::named("approval_request");
const WAIVER: ChildTable = ChildTable::named("waiver");

/// What a write changed of the records that belong to a work order: name, value before, value
/// after, as the trail keeps them.
#[derive(Default)]
pub struct Changes(Vec<(String, Option<String>, Option<String>)>);

impl Changes {
    /// Adds one.
    pub fn add(&mut self, name: String, before: Option<String>, after: Option<String>) {
        self.0.push((name, before, after));
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// As the trail writes them.
    pub fn text(&self) -> String {
        wo_rules::audit::changes(
            self.0.iter().map(|(name, old, new)| (name.as_str(), old.as_deref(), new.as_deref())),
        )
    }
}

/// Runs a statement that writes rows of that table and returns them whole, and notes what it
/// changed; `before` are the values that the rows had, none where it inserts one. Refuses where it did not
/// write each of them: a signature that stays valid would open a gate.
fn write_rows(
    statement: &'static LocalKey<Statement>,
    arguments: &[crate::pg::statement::Argument],
    table: &ChildTable,
    before: &[(String, String)],
    changes: &mut Changes,
) {
    let count = memory::as_enforcement(|| {
        as_trail(|| {
            statement.with(|statement| {
                statement.run(Mode::Write, arguments, |rows| {
                    for index in 0..rows.count() {
                        let Some(row) = Row::of_rows(rows, index) else { continue };
                        let name = child_records::name_of(table, &row);
                        let old = before.iter().find(|(known, _)| *known == name);
                        changes.add(
                            name,
                            old.map(|(_, value)| value.clone()),
                            Some(child_records::value_of(table, &row)),
                        );
                    }
                    rows.count()
                })
            })
        })
    });
    if count < before.len().max(1) {
        refuse(write_suppressed(table.name));
    }
}

/// Checks that the actor has authenticated anew for a signature.
fn check_authentication(acting: &Identity) -> Result<(), Refusal> {
    let token = match &acting.proof {
        Proof::Token { issued, session, .. } => {
            Some(SigningToken { issued: *issued, session: *session })
        }
        Proof::Login | Proof::Administration | Proof::Worker | Proof::Job => None,
    };
    let now = unix_seconds(crate::kernel::identity::now());
    check_token(token, now, i64::from(crate::pg::setting::SIGNING_TOKEN_AGE.get()))
}

/// A UUID that a caller wrote.
fn uuid_of(given: Option<pgrx::Uuid>) -> Uuid {
    given.map_or(Uuid::nil(), |id| Uuid::from_bytes(*id.as_bytes()))
}

/// Writes an event about a work order's approvals.
fn notify(kind: &'static str, tenant: Uuid, subject: Uuid, data: &Value) {
    memory::as_enforcement(|| {
        crate::kernel::event::Event::new(kind, data.to_string()).write(
            tenant,
            subject,
            crate::kernel::identity::now(),
        );
    });
}

/// Approvals, as the kernel asks them.
pub struct Approvals;

/// The concept.
pub const CONCEPT: Approvals = Approvals;

impl Concept for Approvals {
    fn sql(&self) -> &'static [(&'static str, &'static str)] {
        &[
            ("12_signer", include_str!("../../../sql/12_signer.sql")),
            ("13_approval", include_str!("../../../sql/13_approval.sql")),
            ("13_signed_act", include_str!("../../../sql/13_signed_act.sql")),
        ]
    }

    fn check_assignee(
        &self,
        tenant: Uuid,
        work_order: Uuid,
        assignee: &str,
        record: &Record<'_>,
    ) -> Result<(), Refusal> {
        follow_up::check_assignee(tenant, work_order, assignee, record)
    }

    fn follow_up(&self, write: &CheckedWrite<'_>) -> Result<Option<Box<dyn FollowUp>>, Refusal> {
        Ok(follow_up::of(write).map(|follow_up| -> Box<dyn FollowUp> { Box::new(follow_up) }))
    }

    fn guards(&self) -> &'static [&'static str] {
        &["plan_approvals_unamended", "approvals_collected"]
    }

    fn effects(&self) -> &'static [&'static str] {
        &["void_approvals"]
    }

    fn judged_by(&self, question: &Question<'_>) -> Vec<(Uuid, Vec<u8>)> {
        gate::judged_by(question.tenant, question.seen, question.edges)
    }

    fn add_facts(&self, question: &Question<'_>, facts: &mut Facts) {
        let Question { tenant, seen, lifecycle, edges, .. } = *question;
        gate::add_facts(tenant, seen, lifecycle, edges, facts);
    }

    fn evidence(&self, view: &WorkOrderView<'_>) -> Result<Vec<EvidenceSection>, Refusal> {
        evidence::sections(view)
    }

    fn metrics(&self, tenant: Option<Uuid>) -> Vec<Metric> {
        let help = "Signatures that are asked for and not given yet.";
        let waiting = request::waiting(tenant);
        let mut all = vec![Metric::count("wo_approvals_waiting", waiting, "signatures", help)];
        all.extend(latency::metrics(tenant));
        all
    }

    fn rollups(&self) -> &'static [Rollup] {
        &[latency::ROLLUP]
    }

    fn jobs(&self) -> &'static [Job] {
        JOBS
    }

    fn health(&self) -> &'static [HealthSection] {
        &[HealthSection { name: "approvals", read: watch::health }]
    }

    fn check_configuration(
        &self,
        table: &str,
        _old: Option<&Row>,
        new: &Row,
        acting: &Identity,
    ) -> Result<Option<TriggerRow>, Refusal> {
        match table {
            "approval_requirement" => requirement::check(acting.tenant, new)?,
            "business_calendar" => drop(escalation::calendar_of(new)?),
            "approval_sla" => escalation::check_sla(acting.tenant, new)?,
            _ => {}
        }
        Ok(None)
    }

    fn after_configuration(
        &self,
        table: &str,
        _old: Option<&Row>,
        _new: Option<&Row>,
        acting: &Identity,
    ) {
        if table == "approval_requirement" {
            ask_anew::ask_anew(acting.tenant);
        }
    }
}

const JOBS: &[Job] = &[
    Job {
        name: "approvals_escalated",
        when: When::Every(|| Duration::from_secs(30)),
        batch: 500,
        run: Run::Tenant(escalation::escalate),
    },
    Job {
        name: "expiries_notified",
        when: When::Every(|| Duration::from_secs(60)),
        batch: 500,
        run: Run::Tenant(expiry::notify_expiries),
    },
];
