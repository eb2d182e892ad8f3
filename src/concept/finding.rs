//! Findings: opened by the enforcement layer when a refused attempt concerns a regulatory work order, and by
//! everybody of a tenant; assessed and closed by QA.

mod api;
mod evidence;
mod guard;
mod policy;
mod write;

use crate::kernel::concept::{
    Before, Concept, EvidenceSection, HealthSection, Metric, Question, RecordedAttempt,
};
use crate::kernel::identity;
use crate::kernel::identity::memory::{self, Identity};
use crate::kernel::work_order::{ActorRoles, Placing, WorkOrderRow, WorkOrderView};
use crate::pg::row::{Row, TriggerRow};
use crate::pg::run_as::{as_trail, run_as};
use crate::pg::statement::{
    Mode, argument, bigint, optional_text, optional_uuid, statement, text, timestamp,
    uuid as uuid_argument,
};
use uuid::Uuid;
use wo_rules::finding::{MOST_ACTORS, Source};
use wo_rules::lifecycle::Facts;
use wo_rules::refusal::Refusal;

statement!(
    OPEN,
    "insert into wo.finding (tenant_id, id, work_order_id, code, guard, opened_at, opened_for, actors,
        attempts, title, entry_sequence, source, blocking, category, description)
     values ($1, $2, $3, $4, $5, $6, $7, case when $7 is null then '{}' else array[$7] end, $8, $9, $10, $12, $13,
        'refused_attempt',
        (select pg_catalog.format('QA decided about finding %s, which is open, before this attempt was recorded.', before.id)
         from wo.finding as before
         where before.tenant_id = $1 and before.work_order_id = $3 and before.code = $4 and before.closed_at is null
            and before.decided_at is not null
         order by before.decided_at desc, before.id
         limit 1))
     on conflict (tenant_id, work_order_id, code) where closed_at is null and decided_at is null do update
     set attempts = finding.attempts + excluded.attempts,
        blocking = finding.blocking or (excluded.blocking and finding.source <> excluded.source),
        actors = case when excluded.opened_for is null or excluded.opened_for = any(finding.actors)
                or pg_catalog.cardinality(finding.actors) >= $11 then finding.actors
            else finding.actors || excluded.opened_for end",
    [
        UUIDOID, UUIDOID, UUIDOID, TEXTOID, TEXTOID, TIMESTAMPTZOID, TEXTOID, INT8OID, TEXTOID, INT8OID,
        INT4OID, TEXTOID, BOOLOID
    ]
);
statement!(
    STILL_OPEN,
    "select pg_catalog.count(*) from wo.finding as opened
     where opened.closed_at is null and ($1 is null or opened.tenant_id = $1)",
    [UUIDOID]
);
statement!(
    OVERDUE,
    "select pg_catalog.count(*) from wo.finding as opened
     where opened.closed_at is null and opened.due_date < (pg_catalog.now() at time zone 'UTC')::pg_catalog.date
        and ($1 is null or opened.tenant_id = $1)",
    [UUIDOID]
);

/// Opens a finding, or counts the attempt with the one that is open. Where QA decided whether that one blocks, the attempt
/// is a new fact, which another finding holds: the decision was not about it.
fn open(recorded: &RecordedAttempt<'_>) {
    let (attempt, now) = (recorded.attempt, identity::now());
    let source = Source::of_attempt(attempt.code.as_str(), attempt.guards.as_str());
    let arguments = [
        uuid_argument(recorded.tenant),
        uuid_argument(crate::kernel::work_order::new_id(now)),
        uuid_argument(recorded.work_order),
        text(attempt.code.as_str()),
        text(attempt.guards.as_str()),
        timestamp(now),
        optional_text(attempt.source.principal.given()),
        bigint(i64::try_from(attempt.attempts).unwrap_or(i64::MAX)),
        text(attempt.sentence.as_str()),
        bigint(recorded.sequence),
        argument(i32::try_from(MOST_ACTORS).unwrap_or(i32::MAX)),
        text(source.name()),
        argument(policy::blocks(recorded.tenant, source)),
    ];
    memory::as_enforcement(|| {
        as_trail(|| OPEN.with(|statement| statement.store(&arguments)));
    });
}

/// A number of findings: of a tenant, or of all.
fn count(
    which: &'static std::thread::LocalKey<crate::pg::statement::Statement>,
    tenant: Option<Uuid>,
) -> i64 {
    run_as(c"wo_worker", || {
        which.with(|statement| {
            statement.run(Mode::Latest, &[optional_uuid(tenant)], |rows| rows.required(0, 1))
        })
    })
}

fn health() -> Vec<wo_rules::health::Finding> {
    let own = identity::current().map(|acting| acting.tenant);
    vec![wo_rules::health::findings(count(&STILL_OPEN, own), count(&OVERDUE, own))]
}

/// Findings, as the kernel asks them.
pub struct Findings;

/// The concept.
pub const CONCEPT: Findings = Findings;

impl Concept for Findings {
    fn sql(&self) -> &'static [(&'static str, &'static str)] {
        &[("09_finding", include_str!("../../sql/09_finding.sql"))]
    }

    fn check_configuration(
        &self,
        table: &str,
        old: Option<&Row>,
        new: &Row,
        acting: &Identity,
    ) -> Result<Option<TriggerRow>, Refusal> {
        match table {
            "finding" => write::check(old, new, acting).map(Some),
            _ => Ok(None),
        }
    }

    fn after_configuration(
        &self,
        table: &str,
        old: Option<&Row>,
        new: Option<&Row>,
        acting: &Identity,
    ) {
        if let ("finding", Some(new)) = (table, new) {
            write::after(old, new, acting);
        }
    }

    fn guards(&self) -> &'static [&'static str] {
        &[guard::NAME]
    }

    fn add_facts(&self, question: &Question<'_>, facts: &mut Facts) {
        guard::add_facts(question, facts);
    }

    fn evidence(&self, view: &WorkOrderView<'_>) -> Result<Vec<EvidenceSection>, Refusal> {
        Ok(vec![evidence::section(view.tenant, view.seen.id())?])
    }

    fn health(&self) -> &'static [HealthSection] {
        &[HealthSection { name: "findings", read: health }]
    }

    fn metrics(&self, tenant: Option<Uuid>) -> Vec<Metric> {
        vec![
            Metric::count(
                "wo_findings_open",
                count(&STILL_OPEN, tenant),
                "findings",
                "Findings that QA has not closed.",
            ),
            Metric::count(
                "wo_findings_overdue",
                count(&OVERDUE, tenant),
                "findings",
                "Open findings past their due date.",
            ),
        ]
    }

    fn check_placing(
        &self,
        acting: &Identity,
        _roles: Option<&ActorRoles>,
        old: Option<Before<'_>>,
        _new: &WorkOrderRow<'_>,
        placing: &Placing,
    ) -> Result<(), Refusal> {
        if let Some((old, ..)) = old.filter(|_| placing.moved) {
            guard::before_move(acting.tenant, old.id(), placing.before);
        }
        Ok(())
    }

    fn attempt_recorded(&self, recorded: &RecordedAttempt<'_>) {
        if recorded.regulatory {
            open(recorded);
        }
    }
}
