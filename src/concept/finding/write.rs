//! Writes of a finding: what is checked before, and what follows.

use super::{guard, policy};
use crate::kernel::event::Event;
use crate::kernel::given;
use crate::kernel::identity::memory::{self, Identity};
use crate::kernel::identity::{self, actor};
use crate::kernel::work_order::{self, kind_of};
use crate::pg::error::damaged;
use crate::pg::row::{Row, TriggerRow};
use crate::pg::run_as::as_trail;
use crate::pg::statement::{
    Argument, Mode, Rows, argument, optional_text, statement, text, timestamp, uuid,
};
use crate::pg::transaction::make_visible;
use pgrx::prelude::*;
use serde_json::json;
use uuid::Uuid;
use wo_rules::finding::{self as rules, ASSESSMENT, CLOSING, DECIDED, Judging, Opening, Source};
use wo_rules::lifecycle::PrincipalKind;
use wo_rules::refusal::{Refusal, SqlState};

statement!(
    ASSIGNED,
    "select exists (select from wo.work_order as held
        where held.tenant_id = $1 and held.id = $2 and held.assignee = $3)
     or exists (select from wo.audit_entry as entry
        where entry.tenant_id = $1 and entry.subject_id = $2 and entry.subject = 'work_order'
            and entry.changes -> 'assignee' ->> 'new' = $3)",
    [UUIDOID, UUIDOID, TEXTOID]
);

/// The columns that opening a finding takes from the one who opens it.
const OPENING: [&str; 9] = [
    "tenant_id",
    "work_order_id",
    "severity",
    "category",
    "title",
    "description",
    "blocking",
    "due_date",
    "capa_reference",
];

/// Who writes a finding.
struct Writer {
    id: Option<String>,
    kind: PrincipalKind,
    roles: Vec<String>,
}

impl Writer {
    fn of(acting: &Identity) -> Self {
        let id = acting.principal.clone();
        let known = id.as_deref().and_then(|id| actor::of_actor(acting.tenant, id, None));
        match known {
            Some(actor) => {
                Self { id, kind: kind_of(&actor.standing.kind), roles: actor.roles.clone() }
            }
            None => Self { id, kind: PrincipalKind::System, roles: Vec::new() },
        }
    }
}

/// The id in that column.
fn id_in(row: &Row, name: &str) -> Option<Uuid> {
    row.named::<pgrx::Uuid>(name).map(|id| Uuid::from_bytes(*id.as_bytes()))
}

fn column(row: &Row, name: &str) -> Result<usize, Refusal> {
    row.column(name).ok_or_else(|| damaged(&format!("wo.finding has no column {name}")))
}

/// Before a write of a finding: the enforcement layer opens it and counts attempts, everybody opens it, QA assesses
/// and closes it. Gives the row with what the server fills.
///
/// # Errors
/// See [`rules::open`], [`rules::assess`] and [`rules::close`]; 42501 `written_by_enforcement_alone`,
/// `column_not_writable`, `no_principal`.
pub fn check(old: Option<&Row>, new: &Row, acting: &Identity) -> Result<TriggerRow, Refusal> {
    if memory::enforcement_is_active() {
        return Ok(new.tuple());
    }
    let writer = Writer::of(acting);
    match old {
        None => check_opening(new, acting, &writer),
        Some(old) => check_change(old, new, acting, &writer),
    }
}

fn check_opening(new: &Row, acting: &Identity, writer: &Writer) -> Result<TriggerRow, Refusal> {
    let Some(by) = writer.id.as_deref() else {
        return Err(Refusal::new(
            SqlState::NotPermitted,
            "no_principal",
            "a database role that administers a tenant opens no findings",
        )
        .hint(
            "Act as a principal: call wo.authenticate(token), or use a login role that is one.",
        ));
    };
    let is_default = |index: usize| match new.name(index) {
        Some("actors") => new.elements(index) == 0,
        _ => new.is_null(index),
    };
    let given: Vec<&str> = (0..new.len())
        .filter_map(|index| Some((index, new.name(index)?)))
        .filter(|(index, name)| {
            wo_rules::schema::Table::named("finding").column(name).is_some()
                && !OPENING.contains(name)
                && !is_default(*index)
        })
        .map(|(_, name)| name)
        .collect();
    given::check_none_given(&given, "a new finding")?;
    let source = Source::of_principal(writer.kind, &writer.roles);
    let work_order = id_in(new, "work_order_id");
    let assignee = match work_order {
        Some(work_order) => guard::hold(acting.tenant, work_order)?,
        None => None,
    };
    let title: Option<String> = new.named("title");
    let blocking = rules::open(&Opening {
        source,
        is_assignee: assignee.as_deref() == Some(by),
        blocks_by_policy: policy::blocks(acting.tenant, source),
        blocking: new.named("blocking"),
        title: title.as_deref(),
        has_work_order: work_order.is_some(),
    })?;
    let at = identity::now();
    let values: [(&str, Argument); 5] = [
        ("id", uuid(work_order::new_id(at))),
        ("source", text(source.name())),
        ("blocking", argument(blocking)),
        ("opened_at", timestamp(at)),
        ("opened_by", text(by)),
    ];
    stored(new, &values)
}

fn stored(new: &Row, values: &[(&str, Argument)]) -> Result<TriggerRow, Refusal> {
    let values = values.iter().map(|(name, value)| Ok((column(new, name)?, *value)));
    Ok(new.with(&values.collect::<Result<Vec<_>, Refusal>>()?))
}

fn check_change(
    old: &Row,
    new: &Row,
    acting: &Identity,
    writer: &Writer,
) -> Result<TriggerRow, Refusal> {
    let id = old.required_uuid("id").to_string();
    let changed: Vec<&str> = (0..new.len())
        .filter(|index| !new.same(old, *index))
        .filter_map(|index| new.name(index))
        .collect();
    let is_registered = |name: &&&str| {
        wo_rules::schema::Table::named("finding").column(name).is_some()
            && !ASSESSMENT.contains(name)
            && !CLOSING.contains(name)
            && **name != DECIDED
    };
    if changed.iter().any(|name| is_registered(&name)) {
        return Err(rules::kept_by_enforcement(&id));
    }
    if changed.contains(&DECIDED) {
        return Err(given::kept(DECIDED, "a finding"));
    }
    let actors: Vec<Option<String>> = old.required_named("actors");
    let actors: Vec<String> = actors.into_iter().flatten().collect();
    let work_order = id_in(old, "work_order_id");
    let blocks_anew =
        new.named::<bool>("blocking") == Some(true) && old.named::<bool>("blocking") == Some(false);
    let is_of_own_work = match (work_order, &writer.id) {
        (Some(work_order), Some(by)) => is_or_was_assignee(acting.tenant, work_order, by),
        _ => false,
    };
    let judging = Judging {
        id: &id,
        is_closed: old.named::<TimestampWithTimeZone>("closed_at").is_some(),
        actors: &actors,
        is_of_own_work,
        by: writer.id.as_deref(),
        kind: writer.kind,
        roles: &writer.roles,
    };
    if !changed.iter().any(|name| CLOSING.contains(name)) {
        // A write that changes nothing is for the same persons: its answer says that they may.
        rules::assess(&judging)?;
        if !changed.contains(&"blocking") {
            return Ok(new.tuple());
        }
        // The master must not come to its end meanwhile.
        if let Some(work_order) = work_order.filter(|_| blocks_anew) {
            guard::hold(acting.tenant, work_order)?;
        }
        return stored(new, &[(DECIDED, timestamp(identity::now()))]);
    }
    rules::close(&judging, new.named::<String>("resolution").as_deref())?;
    let by = writer.id.as_deref();
    let given: Vec<&str> = [
        ("closed_at", given::is_time_given(new, Some(old), "closed_at")),
        ("closed_by", given::is_other_given(new, Some(old), "closed_by", by)),
    ]
    .into_iter()
    .filter(|(_, is_given)| *is_given)
    .map(|(name, _)| name)
    .collect();
    given::check_none_given(&given, "a finding")?;
    stored(new, &[("closed_at", timestamp(identity::now())), ("closed_by", optional_text(by))])
}

/// Whether the work order is assigned to somebody, or ever was, as its trail has it: a work order that is handed over
/// for a moment stays the work of those who did it.
fn is_or_was_assignee(tenant: Uuid, work_order: Uuid, person: &str) -> bool {
    let arguments = [uuid(tenant), uuid(work_order), text(person)];
    as_trail(|| {
        ASSIGNED.with(|statement| {
            statement.run(Mode::Latest, &arguments, |rows| rows.required::<bool>(0, 1))
        })
    })
}

statement!(
    OPEN,
    "select opened.id, opened.work_order_id, opened.actors from wo.finding as opened
     where opened.tenant_id = $1 and opened.closed_at is null",
    [UUIDOID]
);

/// The open findings that wait for somebody: those that they may assess and close.
pub fn waiting_for(acting: &Identity) -> Vec<Uuid> {
    let writer = Writer::of(acting);
    let may_judge = |id: &str, actors: &[String], is_of_own_work: bool| {
        rules::assess(&Judging {
            id,
            is_closed: false,
            actors,
            is_of_own_work,
            by: writer.id.as_deref(),
            kind: writer.kind,
            roles: &writer.roles,
        })
        .is_ok()
    };
    let Some(by) = writer.id.as_deref().filter(|_| may_judge("", &[], false)) else {
        return Vec::new();
    };
    let uuid_at = |rows: &Rows, row, column| {
        rows.get::<pgrx::Uuid>(row, column).map(|id| Uuid::from_bytes(*id.as_bytes()))
    };
    let open: Vec<(Uuid, Uuid, Vec<String>)> = OPEN.with(|statement| {
        statement.run(Mode::Caller, &[uuid(acting.tenant)], |rows| {
            (0..rows.count())
                .filter_map(|row| {
                    let actors: Vec<Option<String>> = rows.required(row, 3);
                    let actors = actors.into_iter().flatten().collect();
                    Some((uuid_at(rows, row, 1)?, uuid_at(rows, row, 2)?, actors))
                })
                .collect()
        })
    });
    open.into_iter()
        .filter(|(id, work_order, actors)| {
            let is_of_own_work = is_or_was_assignee(acting.tenant, *work_order, by);
            may_judge(&id.to_string(), actors, is_of_own_work)
        })
        .map(|(id, ..)| id)
        .collect()
}

/// After a write of a finding: notifies that it was opened, changed or closed, and has the system take the edges
/// that waited for it.
pub fn after(old: Option<&Row>, new: &Row, acting: &Identity) {
    let is_closed = new.named::<TimestampWithTimeZone>("closed_at").is_some();
    let changes_assessment = old.is_some_and(|old| {
        ASSESSMENT.iter().any(|name| new.column(name).is_some_and(|index| !new.same(old, index)))
    });
    let kind = match (old, is_closed) {
        (None, _) => "wo.finding_opened",
        (Some(_), true) => "wo.finding_closed",
        (Some(_), false) if changes_assessment => "wo.finding_assessed",
        (Some(_), false) => return,
    };
    let value = |name: &str| new.named::<String>(name);
    let Some(work_order) = id_in(new, "work_order_id") else { return };
    let data = json!({
        "finding": new.required_uuid("id").to_string(),
        "work_order_id": work_order.to_string(),
        "source": value("source"),
        "severity": value("severity"),
        "category": value("category"),
        "title": value("title"),
        "blocking": new.named::<bool>("blocking"),
        "due_date": new.column("due_date").and_then(|index| new.json(index))
            .map(|date| date.trim_matches('"').to_owned()),
        "capa_reference": value("capa_reference"),
        "opened_by": value("opened_by"),
        "code": value("code"),
        "guard_name": value("guard"),
        "opened_for": value("opened_for"),
        "attempts": new.named::<i64>("attempts"),
        "closed_by": value("closed_by"),
        "resolution": value("resolution"),
    });
    memory::as_enforcement(|| {
        Event::new(kind, data.to_string()).write(acting.tenant, work_order, identity::now());
    });
    // What the statement writes next is judged by it.
    make_visible();
    let blocks = |row: &Row| {
        row.named::<bool>("blocking") == Some(true)
            && row.named::<TimestampWithTimeZone>("closed_at").is_none()
    };
    if old.is_some_and(blocks) && !blocks(new) {
        guard::released(acting.tenant, work_order);
    }
}
