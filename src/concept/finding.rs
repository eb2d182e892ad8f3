//! Findings: opened by the enforcement layer when a refused attempt concerns a regulatory work order, closed by QA.

use crate::kernel::concept::{Concept, EvidenceSection, Metric, RecordedAttempt};
use crate::kernel::document::{required, times_as_in_documents};
use crate::kernel::event::Event;
use crate::kernel::given;
use crate::kernel::identity::memory::Identity;
use crate::kernel::identity::{self, actor, memory};
use crate::kernel::work_order::WorkOrderView;
use crate::pg::error::{OrRefuse, damaged, refuse};
use crate::pg::row::Row;
use crate::pg::row::TriggerRow;
use crate::pg::run_as::{as_trail, run_as};
use crate::pg::statement::{
    Mode, argument, bigint, optional_text, optional_uuid, statement, text, timestamp,
    uuid as uuid_argument,
};
use pgrx::prelude::*;
use serde_json::json;
use uuid::Uuid;
use wo_rules::finding::{self as rules, Closing, MOST_ACTORS};
use wo_rules::refusal::{Refusal, SqlState};
use wo_rules::work_order::write_suppressed;

statement!(
    OPEN,
    "insert into wo.finding (tenant_id, id, work_order_id, code, guard, opened_at, opened_for, actors,
        attempts, summary, entry_sequence)
     values ($1, $2, $3, $4, $5, $6, $7, case when $7 is null then '{}' else array[$7] end, $8, $9, $10)
     on conflict (tenant_id, work_order_id, code) where closed_at is null do update
     set attempts = finding.attempts + excluded.attempts,
        actors = case when excluded.opened_for is null or excluded.opened_for = any(finding.actors)
                or pg_catalog.cardinality(finding.actors) >= $11 then finding.actors
            else finding.actors || excluded.opened_for end",
    [
        UUIDOID, UUIDOID, UUIDOID, TEXTOID, TEXTOID, TIMESTAMPTZOID, TEXTOID, INT8OID, TEXTOID, INT8OID,
        INT4OID
    ]
);
statement!(
    CLOSE,
    "update wo.finding set resolution = $3 where tenant_id = $1 and id = $2",
    [UUIDOID, UUIDOID, TEXTOID]
);

statement!(
    IS_THERE,
    "select true from wo.finding as opened where opened.tenant_id = $1 and opened.id = $2",
    [UUIDOID, UUIDOID]
);

statement!(
    STILL_OPEN,
    "select pg_catalog.count(*) from wo.finding as opened
     where opened.closed_at is null and ($1 is null or opened.tenant_id = $1)",
    [UUIDOID]
);

// Every column, those of later versions too.
statement!(
    OF_WORK_ORDER,
    "select coalesce(pg_catalog.jsonb_agg(pg_catalog.to_jsonb(opened) - 'tenant_id' order by opened.opened_at, opened.id),
        '[]')
     from wo.finding as opened where opened.tenant_id = $1 and opened.work_order_id = $2",
    [UUIDOID, UUIDOID]
);

/// What closing a finding writes.
const CLOSING: [&str; 3] = ["closed_at", "closed_by", "resolution"];

/// Opens a finding, or counts the attempt with the one that is open.
fn open(recorded: &RecordedAttempt<'_>) {
    let (attempt, now) = (recorded.attempt, identity::now());
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
    ];
    memory::as_enforcement(|| {
        as_trail(|| OPEN.with(|statement| statement.store(&arguments)));
    });
}

fn id_of(row: &Row, name: &str) -> Uuid {
    row.named::<pgrx::Uuid>(name).map_or(Uuid::nil(), |id| Uuid::from_bytes(*id.as_bytes()))
}

/// Before a write of a finding: the enforcement layer opens it and counts attempts, QA closes it. Gives the row with
/// who closed it and when.
///
/// # Errors
/// See [`rules::close`]; 42501 `written_by_enforcement_alone`.
fn check(old: Option<&Row>, new: &Row, acting: &Identity) -> Result<TriggerRow, Refusal> {
    if memory::enforcement_is_active() {
        return Ok(new.tuple());
    }
    let id = id_of(new, "id").to_string();
    let keeps_the_rest = |old: &Row| {
        (0..new.len()).all(|index| {
            CLOSING.iter().any(|name| new.name(index) == Some(name)) || new.same(old, index)
        })
    };
    let Some(old) = old.filter(|old| keeps_the_rest(old)) else {
        return Err(rules::kept_by_enforcement(&id));
    };
    let roles = acting
        .principal
        .as_ref()
        .and_then(|principal| actor::of_actor(acting.tenant, principal, None))
        .map(|actor| actor.roles.clone())
        .unwrap_or_default();
    let actors: Vec<Option<String>> = old.required_named("actors");
    let actors: Vec<String> = actors.into_iter().flatten().collect();
    rules::close(&Closing {
        id: &id,
        is_closed: old.named::<TimestampWithTimeZone>("closed_at").is_some(),
        actors: &actors,
        by: acting.principal.as_deref(),
        roles: &roles,
        resolution: new.named::<String>("resolution").as_deref(),
    })?;
    let by = acting.principal.as_deref();
    let given: Vec<&str> = [
        ("closed_at", given::is_time_given(new, Some(old), "closed_at")),
        ("closed_by", given::is_other_given(new, Some(old), "closed_by", by)),
    ]
    .into_iter()
    .filter(|(_, is_given)| *is_given)
    .map(|(name, _)| name)
    .collect();
    given::check_none_given(&given, "a finding")?;
    let column = |name: &str| {
        new.column(name).ok_or_else(|| damaged(&format!("wo.finding has no column {name}")))
    };
    Ok(new.with(&[
        (column("closed_at")?, timestamp(identity::now())),
        (column("closed_by")?, optional_text(acting.principal.as_deref())),
    ]))
}

/// After a write of a finding: emits the event that it was opened or closed.
fn notify(old: Option<&Row>, new: &Row, acting: &Identity) {
    let is_closed = new.named::<TimestampWithTimeZone>("closed_at").is_some();
    let kind = match (old, is_closed) {
        (None, _) => "wo.finding_opened",
        (Some(_), true) => "wo.finding_closed",
        (Some(_), false) => return,
    };
    let value = |name: &str| new.named::<String>(name);
    let work_order = id_of(new, "work_order_id");
    let data = json!({
        "finding": id_of(new, "id").to_string(),
        "work_order_id": work_order.to_string(),
        "code": value("code"),
        "guard_name": value("guard"),
        "opened_for": value("opened_for"),
        "attempts": new.named::<i64>("attempts"),
        "summary": value("summary"),
        "closed_by": value("closed_by"),
        "resolution": value("resolution"),
    });
    memory::as_enforcement(|| {
        Event::new(kind, data.to_string()).write(acting.tenant, work_order, identity::now());
    });
}

/// Closes a finding.
#[pg_extern(schema = "wo_private")]
#[search_path(pg_catalog, pg_temp)]
fn close_finding(finding: Option<pgrx::Uuid>, resolution: Option<&str>) -> bool {
    crate::kernel::version::check_tables();
    let acting = identity::required().or_refuse();
    let id = finding.map_or(Uuid::nil(), |finding| Uuid::from_bytes(*finding.as_bytes()));
    let arguments = [uuid_argument(acting.tenant), uuid_argument(id), optional_text(resolution)];
    let closed =
        CLOSE.with(|statement| statement.run(Mode::Write, &arguments, |rows| rows.count()));
    if closed == 0 {
        let is_there = IS_THERE.with(|statement| {
            statement.run(Mode::Caller, &arguments[..2], |rows| rows.count() > 0)
        });
        if is_there {
            refuse(write_suppressed("finding"));
        }
        refuse(
            Refusal::new(
                SqlState::BadValue,
                "finding_unknown",
                format!("there is no finding {id}"),
            )
            .hint("select * from wo.findings(); lists them."),
        );
    }
    true
}

/// Findings, as the kernel asks them.
pub struct Findings;

/// The concept.
pub const CONCEPT: Findings = Findings;

impl Concept for Findings {
    fn check_configuration(
        &self,
        table: &str,
        old: Option<&Row>,
        new: &Row,
        acting: &Identity,
    ) -> Result<Option<TriggerRow>, Refusal> {
        match table {
            "finding" => check(old, new, acting).map(Some),
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
            notify(old, new, acting);
        }
    }

    fn evidence(&self, view: &WorkOrderView<'_>) -> Result<Vec<EvidenceSection>, Refusal> {
        let place = [uuid_argument(view.tenant), uuid_argument(view.seen.id())];
        let mut findings = required(&OF_WORK_ORDER, &place, "the list of findings")?;
        times_as_in_documents(&mut findings);
        let mut section = EvidenceSection::new("findings", &findings)
            .naming(&findings, &["opened_for", "closed_by", "opened_by"]);
        let actors =
            findings.as_array().into_iter().flatten().filter_map(|one| one["actors"].as_array());
        section.principals.extend(actors.flatten().filter_map(|id| id.as_str().map(str::to_owned)));
        Ok(vec![section])
    }

    fn metrics(&self, tenant: Option<Uuid>) -> Vec<Metric> {
        let count: i64 = run_as(c"wo_worker", || {
            STILL_OPEN.with(|statement| {
                statement.run(Mode::Latest, &[optional_uuid(tenant)], |rows| rows.required(0, 1))
            })
        });
        vec![Metric::count(
            "wo_findings_open",
            count,
            "findings",
            "Findings that QA has not closed.",
        )]
    }

    fn attempt_recorded(&self, recorded: &RecordedAttempt<'_>) {
        if recorded.regulatory {
            open(recorded);
        }
    }
}
