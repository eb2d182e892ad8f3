//! What signatures a work order waits for, kept in step with what its lifecycle asks for.

use super::gate::{self, SignatureStatus};
use super::{Changes, REQUEST, WorkOrderView, escalation, person, requirement, write_rows};
use crate::kernel::identity;
use crate::kernel::work_order::{child_records, new_id};
use crate::pg::row::Row;
use crate::pg::run_as::{as_trail, run_as};
use crate::pg::statement::{
    Mode, argument, bigint, optional_timestamp, optional_uuid, statement, text, timestamp,
    uuid as uuid_argument,
};
use serde_json::{Map, Value, json};
use uuid::Uuid;
use wo_rules::lifecycle::{Facts, Wanted};
use wo_rules::refusal::Refusal;
use wo_rules::time::utc;

statement!(
    WAITING,
    "select pg_catalog.count(*) from wo.approval_request as asked
     where asked.closed_at is null and ($1 is null or asked.tenant_id = $1)",
    [UUIDOID]
);
statement!(
    OPEN,
    "select open.* from wo.approval_request as open
     where open.tenant_id = $1 and open.work_order_id = $2 and open.closed_at is null
     order by open.id",
    [UUIDOID, UUIDOID]
);
statement!(
    ASK,
    "insert into wo.approval_request (tenant_id, work_order_id, id, action, role, meaning, required, ordinal,
        requested_at, deadline, next_escalation)
     values ($1, $2, $3, $4, $5, $6, $7::integer, $8::integer, $9, $10, $11)
     returning approval_request.*",
    [
        UUIDOID, UUIDOID, UUIDOID, TEXTOID, TEXTOID, TEXTOID, INT8OID, INT8OID, TIMESTAMPTZOID, TIMESTAMPTZOID,
        TIMESTAMPTZOID
    ]
);
statement!(
    CLOSE,
    "update wo.approval_request as open set closed_at = $4
     where open.tenant_id = $1 and open.work_order_id = $2 and open.id = any($3)
     returning open.*",
    [UUIDOID, UUIDOID, UUIDARRAYOID, TIMESTAMPTZOID]
);

/// A request that was opened.
pub struct Opened {
    role: String,
    meaning: String,
    to: Vec<String>,
    deadline: Option<i64>,
}

impl Opened {
    /// What its event says.
    pub fn data(&self) -> Map<String, Value> {
        let data = json!({
            "role": self.role,
            "meaning": self.meaning,
            "to": self.to,
            "deadline": self.deadline.map(utc),
        });
        data.as_object().cloned().unwrap_or_default()
    }
}

/// What became of a work order's requests.
pub struct Reconciled {
    /// Those that were opened.
    pub opened: Vec<Opened>,
    /// Those that were closed.
    closed: Vec<Open>,
}

impl Reconciled {
    /// Since when that signature was waited for, where it is not waited for any more: it was the last.
    pub fn requested_at(&self, action: &str, role: &str, meaning: &str) -> Option<i64> {
        let is_it =
            |one: &&Open| one.action == action && one.role == role && one.meaning == meaning;
        self.closed.iter().find(is_it).map(|one| one.requested_at)
    }
}

struct Open {
    id: Uuid,
    name: String,
    value: String,
    action: String,
    role: String,
    meaning: String,
    requested_at: i64,
}

fn open(tenant: Uuid, work_order: Uuid) -> Vec<Open> {
    let arguments = [uuid_argument(tenant), uuid_argument(work_order)];
    as_trail(|| {
        OPEN.with(|statement| {
            statement.run(Mode::Latest, &arguments, |rows| {
                (0..rows.count())
                    .filter_map(|index| {
                        let row = Row::of_rows(rows, index)?;
                        let id: pgrx::Uuid = row.named("id")?;
                        Some(Open {
                            id: Uuid::from_bytes(*id.as_bytes()),
                            name: child_records::name_of(&REQUEST, &row),
                            value: child_records::value_of(&REQUEST, &row),
                            action: row.named("action")?,
                            role: row.named("role")?,
                            meaning: row.named("meaning")?,
                            requested_at: row.timestamp_named("requested_at")?,
                        })
                    })
                    .collect()
            })
        })
    })
}

/// What counts for the signatures that the work order's state waits for, and those that nothing has
/// happened to since.
pub fn facts_of(view: &WorkOrderView<'_>) -> (Facts, Vec<SignatureStatus>) {
    let standing = gate::signature_status(view.tenant, view.seen.id());
    let additional = requirement::of_lifecycle(view.tenant, view.lifecycle.name());
    let facts = Facts {
        approvals: gate::collected(view.tenant, view.seen, &standing),
        additional_approvals: additional.as_ref().clone(),
        ..Facts::default()
    };
    (facts, standing)
}

/// Opens the requests that are missing and closes those that are not needed any more.
///
/// # Errors
/// 22023 where the tenant's clock for a role cannot be read.
pub fn reconcile(view: &WorkOrderView<'_>, changes: &mut Changes) -> Result<Reconciled, Refusal> {
    let (facts, _) = facts_of(view);
    let record = view.facets.record();
    let is_open = view.lifecycle.check_open(&record).is_ok();
    let wanted = match is_open {
        true => view.lifecycle.wanted(&record, view.seen.filled(), view.seen, &facts),
        false => Vec::new(),
    };
    let (tenant, id) = (view.tenant, view.seen.id());
    let asked = open(tenant, id);
    let is_wanted = |one: &&Wanted<'_>| one.missing > 0 && one.in_turn;
    let is_the_same = |open: &Open, one: &Wanted<'_>| {
        open.action == one.edge.action
            && open.role == one.required.role.name()
            && open.meaning == one.required.meaning
    };
    let at = identity::now();
    let (asked, closed): (Vec<Open>, Vec<Open>) = asked
        .into_iter()
        .partition(|open| wanted.iter().filter(is_wanted).any(|one| is_the_same(open, one)));
    if !closed.is_empty() {
        let ids: Vec<pgrx::Uuid> =
            closed.iter().map(|open| pgrx::Uuid::from_bytes(*open.id.as_bytes())).collect();
        let before: Vec<(String, String)> =
            closed.iter().map(|open| (open.name.clone(), open.value.clone())).collect();
        let arguments = [uuid_argument(tenant), uuid_argument(id), argument(ids), timestamp(at)];
        write_rows(&CLOSE, &arguments, &REQUEST, &before, changes);
    }
    let mut opened: Vec<Opened> = Vec::new();
    for one in wanted.iter().filter(is_wanted) {
        let (role, meaning) = (one.required.role.name(), one.required.meaning.as_str());
        let twice = opened.iter().any(|open| open.role == role && open.meaning == meaning);
        if twice || asked.iter().any(|open| is_the_same(open, one)) {
            continue;
        }
        let due = escalation::due(tenant, role, at)?;
        let arguments = [
            uuid_argument(tenant),
            uuid_argument(id),
            uuid_argument(new_id(at)),
            text(&one.edge.action),
            text(role),
            text(meaning),
            bigint(i64::from(one.required.count)),
            bigint(i64::from(one.required.order)),
            timestamp(at),
            optional_timestamp(due.deadline),
            optional_timestamp(due.next_escalation),
        ];
        write_rows(&ASK, &arguments, &REQUEST, &[], changes);
        opened.push(Opened {
            role: role.to_owned(),
            meaning: meaning.to_owned(),
            to: person::approvers(view, &one.edge.action, role, meaning),
            deadline: due.deadline,
        });
    }
    Ok(Reconciled { opened, closed })
}

/// How many signatures are waited for: in a tenant, or in all.
pub fn waiting(tenant: Option<Uuid>) -> i64 {
    run_as(c"wo_worker", || {
        WAITING.with(|statement| {
            statement.run(Mode::Latest, &[optional_uuid(tenant)], |rows| rows.required(0, 1))
        })
    })
}
