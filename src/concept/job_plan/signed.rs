//! Steps as subjects of signed acts: a disposition by QA, and the acceptance of a step of kind `sign`.

use super::stored::pinned_plan;
use super::work_of;
use crate::kernel::signed_act::{Act, Kind, Subject};
use crate::kernel::work_order::child_records::{Owner, value_of};
use crate::kernel::work_order::{self, ActorRoles, WorkOrderView};
use crate::pg::error::{OrRefuse, damaged};
use crate::pg::jsonb::Document;
use crate::pg::row::Row;
use crate::pg::run_as::as_trail;
use crate::pg::statement::{Mode, optional_text, statement, text, uuid as uuid_argument};
use serde_json::Value;
use uuid::Uuid;
use wo_rules::job_plan::{Attempt, Given, Performer, Progress, check as rules_check, signed};
use wo_rules::refusal::Refusal;
use wo_rules::schema::ChildTable;
use wo_rules::work_order::write_suppressed;

statement!(
    PLAN_ROW,
    "select pinned.* from wo.work_order_job_plan as pinned where pinned.tenant_id = $1 and pinned.work_order_id = $2",
    [UUIDOID, UUIDOID]
);
statement!(
    RESULT_ROW,
    "select held.* from wo.step_result as held
     where held.tenant_id = $1 and held.work_order_id = $2 and held.id = $3",
    [UUIDOID, UUIDOID, UUIDOID]
);
statement!(
    RECORD,
    "insert into wo.step_result as recorded (tenant_id, work_order_id, step, act, verdict, reason)
     values ($1, $2, $3, $4, $5, $6)
     returning pg_catalog.jsonb_build_object('id', recorded.id, 'step', recorded.step, 'act', recorded.act,
        'verdict', recorded.verdict, 'concerns', coalesce(recorded.concerns, recorded.corrects),
        'ordinal', recorded.ordinal)",
    [UUIDOID, UUIDOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID]
);

const PLAN: ChildTable = ChildTable::named("work_order_job_plan");
const RESULT: ChildTable = ChildTable::named("step_result");

/// The kind of subjects.
pub const KIND: Kind = Kind {
    name: signed::KIND,
    meanings: signed::MEANINGS,
    locate: |tenant, id| {
        let (order, step) = signed::located(id)?;
        Ok((work_order::find(tenant, order)?, step.to_owned()))
    },
    check,
    carry_out,
};

/// The text that the trail has of the first row.
fn text_of(
    statement: &'static std::thread::LocalKey<crate::pg::statement::Statement>,
    arguments: &[crate::pg::statement::Argument],
    table: &ChildTable,
) -> Result<String, Refusal> {
    let found = as_trail(|| {
        statement.with(|statement| {
            statement.run(Mode::Latest, arguments, |rows| {
                Row::of_rows(rows, 0).map(|row| value_of(table, &row))
            })
        })
    });
    found.ok_or_else(|| damaged("a record of a step"))
}

/// The step with its newest result, as it is signed: the texts that the trail has of the plan and of the result.
fn check(view: &WorkOrderView<'_>, standing: &ActorRoles, act: &Act) -> Result<Subject, Refusal> {
    let (tenant, id) = (view.tenant, view.seen.id());
    let owner = Owner::of(view);
    let work = work_of(&owner);
    let (kind, verdict) = signed::act_of(&act.meaning, act.decision.as_deref())?;
    let (compiled, recorded) = pinned_plan(&owner)?;
    let plan = &compiled.plan;
    let progress = Progress::of(plan, &recorded);
    let given =
        Given { verdict, reason: act.reason.as_deref(), is_signed: true, ..Given::default() };
    let attempt = Attempt {
        work,
        plan,
        progress: &progress,
        recorded: &recorded,
        performer: Performer { id: &standing.id, kind: standing.kind, roles: &standing.roles },
        step: &act.subject,
        given: &given,
    };
    rules_check(kind, &attempt)?;
    let place = [uuid_argument(tenant), uuid_argument(id)];
    let newest = progress.step(&act.subject).and_then(|found| found.newest);
    let result = match newest {
        Some(row) => {
            let row_id = Uuid::parse_str(&row.id).map_err(|_| damaged("a result of a step"))?;
            let arguments = [place[0], place[1], uuid_argument(row_id)];
            Some(text_of(&RESULT_ROW, &arguments, &RESULT)?)
        }
        None => None,
    };
    let content = signed::Content {
        plan: text_of(&PLAN_ROW, &place, &PLAN)?,
        result: newest.map(|row| row.id.clone()),
        result_record: result,
        step: act.subject.clone(),
        tenant_id: tenant.to_string(),
        work_order_id: id.to_string(),
        ..signed::Content::default()
    };
    let step = plan.step(&act.subject).ok_or_else(|| damaged("a step of a plan"))?;
    Ok(Subject { role: signed::role_of(kind, &attempt, step), content: content.canonical() })
}

/// Records what was signed, as the signer.
fn carry_out(tenant: Uuid, work_order: Uuid, act: &Act) -> Value {
    let (kind, verdict) = signed::act_of(&act.meaning, act.decision.as_deref()).or_refuse();
    let arguments = [
        uuid_argument(tenant),
        uuid_argument(work_order),
        text(&act.subject),
        text(kind.name()),
        optional_text(verdict),
        optional_text(act.reason.as_deref()),
    ];
    let made = RECORD.with(|statement| {
        statement.run(Mode::Write, &arguments, |rows| rows.get::<Document>(0, 1).map(|row| row.0))
    });
    made.ok_or_else(|| write_suppressed("step_result")).or_refuse()
}
