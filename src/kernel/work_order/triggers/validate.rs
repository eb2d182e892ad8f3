//! Before a work order is written: the row becomes a value, the value is judged, and the verdict
//! becomes the row that PostgreSQL stores. Nothing is written here.

use super::facts::facts_for;
use super::filled::{blank_texts, captured_values, deadline, has_auto_edge};
use super::given::{check_given, search};
use super::link::{Change, LinkParts, link_and_store};
use super::system_columns::{check_new, check_system_columns, title_missing};
use super::{defaults, number, request, title};
use crate::kernel::concept::{self, CheckedWrite, FollowUp};
use crate::kernel::given::kept;
use crate::kernel::identity::memory::{self, Identity};
use crate::kernel::identity::{self, login_is_member};
use crate::kernel::lifecycle::cache;
use crate::kernel::work_order::record::actor_roles::{self, ActorRoles};
use crate::kernel::work_order::record::id::new_id;
use crate::kernel::work_order::record::layout::{Column, Layout};
use crate::kernel::work_order::record::pending::{self, SystemWrite, Written};
use crate::kernel::work_order::record::placing::Placing;
use crate::kernel::work_order::record::row::{RecordView, WorkOrderRow, lifecycle_of};
use crate::kernel::work_order::record::unfinished;
use crate::pg::error::{OrRefuse, damaged};
use crate::pg::row::{Row, returned};
use crate::pg::run_as::as_trail;
use crate::pg::statement::{
    Argument, argument, optional_text, optional_timestamp, text, timestamp, uuid as uuid_argument,
};
use pgrx::prelude::*;
use pgrx::{AllocatedByPostgres, pg_sys};
use std::rc::Rc;
use wo_rules::approval::content::{Covers, covers_column};
use wo_rules::audit::{CHILDREN_SETTLED, GENESIS};
use wo_rules::field::{Field, FieldKind, FieldSet};
use wo_rules::lifecycle::{Along, Decision, Facts, Lifecycle, Proposal, State};
use wo_rules::refusal::Refusal;

/// Before INSERT and UPDATE of a work order.
#[pg_trigger(sql = r#"
create function wo_private.work_order_validate() returns trigger
    language c as 'MODULE_PATHNAME', '@FUNCTION_NAME@';
"#)]
fn work_order_validate<'a>(
    trigger: &'a PgTrigger<'a>,
) -> Result<Option<PgHeapTuple<'a, AllocatedByPostgres>>, PgTriggerError> {
    crate::kernel::version::check_written(trigger);
    let Some(new) = Row::new_of(trigger) else { return Ok(trigger.old()) };
    let layout = Layout::of(trigger, &new);
    let seen = WorkOrderRow::new(&new, &layout);
    let old = Row::old_of(trigger);
    let old = old.as_ref().map(|old| WorkOrderRow::new(old, &layout));
    let consequence = old.as_ref().and_then(|old| pending::take_system_write(old.id()));
    let (acting, standing) = match consequence {
        Some(_) => (identity::required().or_refuse(), None),
        None => {
            let (acting, standing) = actor_roles::acting().or_refuse();
            (acting, Some(standing))
        }
    };
    crate::kernel::configuration::check_tenant(seen.tenant(), &acting).or_refuse();
    search(trigger, old.as_ref(), &seen, consequence.as_ref()).or_refuse();
    memory::mark_written();
    if let Some(old) = &old {
        check_finished(old, consequence.is_some()).or_refuse();
    }
    let tuple = match (&old, &standing) {
        (None, Some(standing)) => as_trail(|| before_insert(&acting, standing, &seen)),
        (None, None) => Err(damaged("a work order is no consequence of another")),
        (Some(old), standing) => {
            before_update(&acting, standing.as_ref(), old, &seen, consequence.as_ref())
        }
    }
    .or_refuse();
    Ok(Some(returned(trigger, tuple)))
}

/// Whether the row may be written: nothing of it is still to be carried out, unless the write is part of
/// that.
fn check_finished(old: &WorkOrderRow<'_>, is_own: bool) -> Result<(), Refusal> {
    let id = old.id();
    let hash: Vec<u8> = old.required(Column::ChainHash);
    let is_busy = match is_own {
        true => unfinished::is_unfinished(id, &hash),
        false => unfinished::is_being_written(id, &hash) || unfinished::has_child_writes(id, None),
    };
    if is_busy { Err(unfinished::refusal(id)) } else { Ok(()) }
}

fn before_insert(
    acting: &Identity,
    standing: &ActorRoles,
    new: &WorkOrderRow<'_>,
) -> Result<*mut pg_sys::HeapTupleData, Refusal> {
    let at = identity::now();
    let given = |column: Column| !new.row.is_null(new.layout.column(column));
    let importing = given(Column::Id) || given(Column::WoNumber);
    if importing && !login_is_member("wo_admin") {
        return Err(kept("id, wo_number", "a new work order"));
    }
    check_new(new, &standing.id)?;
    let planned = match given(Column::Id) {
        true => None,
        false => concept::all().find_map(|concept| concept.next_planned()),
    };
    let id = match &planned {
        _ if given(Column::Id) => new.id(),
        Some((id, _)) => *id,
        None => new_id(at),
    };
    let request = given(Column::IdempotencyKey).then(|| {
        request::of_row(new.row, planned.as_ref().map(|(_, asked)| asked.as_str())).sha256()
    });
    let lifecycle: Option<String> = new.get(Column::Lifecycle);
    let Some(defaults) = defaults::of(acting.tenant, lifecycle.as_deref()) else {
        return Err(damaged("the tenant of this transaction is missing"));
    };
    let Some((name, version)) = defaults.lifecycle else {
        return Err(wo_rules::lifecycle::unknown(lifecycle.as_deref()));
    };
    if new.get::<i32>(Column::LifecycleVersion).is_some_and(|asked| asked != version) {
        return Err(kept("lifecycle_version", "a new work order"));
    }
    let compiled = cache::compiled(acting.tenant, &name, version)?;
    let number = match new.get::<String>(Column::WoNumber) {
        Some(number) => number,
        None => number::draw(acting.tenant, &defaults.number_format, at)?,
    };
    let reason: Option<String> = new.get(Column::Reason);
    check_given(None, new, reason.as_deref())?;
    let source = wo_rules::work_order::source_of(standing.kind);
    let given_source = new.field::<String>(Field::Source).filter(|given| given != source);
    if given_source.is_some() && !importing {
        return Err(kept("source", "a new work order"));
    }
    let status: Option<String> = new.get(Column::Status);
    let filled = new.filled();
    if !filled.contains(Field::Title) {
        return Err(title_missing());
    }
    let proposal = Proposal {
        status: status.as_deref().unwrap_or_default(),
        regulatory: new.regulatory(),
        changed: filled,
        filled_before: FieldSet::EMPTY,
        filled,
        values: new,
        reason: reason.as_deref(),
    };
    let creation = match importing {
        true => compiled.import(&standing.actor(), &proposal)?,
        false => compiled.create(&standing.actor(), &proposal)?,
    };
    let placing = check_placing(acting, Some(standing), None, new)?;
    let assignee: Option<String> = new.field(Field::Assignee);
    let requester: Option<String> = new.field(Field::Requester);
    actor_roles::check_named(acting.tenant, &number, assignee.as_deref(), requester.as_deref())?;

    let column = |column: Column| new.layout.column(column);
    let time = timestamp(at);
    let mut changed: Vec<Change> = vec![
        (column(Column::Id), uuid_argument(id)),
        (column(Column::WoNumber), text(&number)),
        (column(Column::Lifecycle), text(&name)),
        (column(Column::LifecycleVersion), argument(version)),
        (column(Column::Status), text(creation.status)),
        (column(Column::Version), argument(1i64)),
        (column(Column::Revision), argument(1i32)),
        (column(Column::Originator), text(&standing.id)),
        (new.layout.field(Field::Priority), text(creation.priority)),
        (column(Column::Reason), optional_text(None)),
        (column(Column::RequestSha256), argument(request.map(|hash| hash.to_vec()))),
        (column(Column::CreatedAt), time),
        (column(Column::UpdatedAt), time),
        (column(Column::LockedAt), optional_timestamp(None)),
        (column(Column::ArchivedAt), optional_timestamp(None)),
        (column(Column::StateDeadline), deadline(acting.tenant, &compiled, creation.status, at)),
        (column(Column::StateDeadlineNotifiedAt), optional_timestamp(None)),
    ];
    // A blank text is no text: the default stands.
    let mut defaulted = FieldSet::EMPTY;
    let mut default = |field: Field, value: Argument| {
        if !filled.contains(field) {
            changed.push((new.layout.field(field), value));
            defaulted.insert(field);
        }
    };
    // Who asked for imported work is not known: the one who imports it did not.
    if !importing {
        default(Field::Requester, text(&standing.id));
    }
    if let Some(project) = title::project(&compiled, new) {
        default(Field::Project, text(&project));
    }
    default(Field::Source, text(source));
    default(Field::Regulatory, argument(false));
    default(Field::Tags, argument(Vec::<String>::new()));
    default(Field::Deficiencies, argument(Vec::<String>::new()));
    default(Field::Metadata, argument(pgrx::JsonB(serde_json::json!({}))));
    changed.extend(
        blank_texts(new, FieldSet::all().minus(defaulted), filled)
            .into_iter()
            .filter(|(index, _)| *index != new.layout.field(Field::Priority)),
    );
    let may_follow = has_auto_edge(&compiled, creation.status, Along::Alone);
    let written = Written {
        id,
        number,
        action: "created".to_owned(),
        from_status: None,
        status: creation.status.to_owned(),
        version: 1,
        moved: false,
        lifecycle: (name, version),
    };
    let follow_ups = follow_ups_of(&CheckedWrite {
        tenant: acting.tenant,
        work_order: id,
        lifecycle: &compiled,
        from: None,
        to: creation.status,
        decision: None,
        migrated: false,
        regulatory: new.regulatory(),
        regulatory_changed: false,
        placing,
        fields: filled,
        covered_child: false,
        reason: reason.as_deref(),
        is_system: false,
    })?;
    Ok(link_and_store(
        acting,
        None,
        new,
        changed,
        written,
        LinkParts {
            sequence: 0,
            hash: &GENESIS,
            at,
            reason,
            may_follow,
            change_of_child: None,
            upkeep: false,
            place_changed: placing.changed,
            follow_ups,
            along: Along::Alone,
            ended: false,
            content_changed: true,
        },
    ))
}

/// Compares the place of a work order with the one before, and has the concepts check it.
fn check_placing(
    acting: &Identity,
    roles: Option<&ActorRoles>,
    old: Option<concept::Before<'_>>,
    new: &WorkOrderRow<'_>,
) -> Result<Placing, Refusal> {
    let placing = Placing::of(old.map(|(old, ..)| old), new);
    if placing.changed {
        concept::all()
            .try_for_each(|concept| concept.check_placing(acting, roles, old, new, &placing))?;
    }
    Ok(placing)
}

/// What follows from a write, of all concepts in their order.
fn follow_ups_of(write: &CheckedWrite<'_>) -> Result<Vec<Box<dyn FollowUp>>, Refusal> {
    concept::all().filter_map(|concept| concept.follow_up(write).transpose()).collect()
}

/// Refuses to take a draft further by a version of its lifecycle that was not released.
///
/// # Errors
/// 55000 `definition_not_released`.
fn check_released(
    acting: &Identity,
    new: &WorkOrderRow<'_>,
    lifecycle: &Lifecycle,
    (from, to): (&str, &str),
) -> Result<(), Refusal> {
    let is = |state: &str, ask: fn(&State) -> bool| lifecycle.state(state).is_some_and(ask);
    if !is(from, |state| state.initial) || is(to, |state| state.terminal) {
        return Ok(());
    }
    let version: i32 = new.required(Column::LifecycleVersion);
    cache::check_released(acting.tenant, lifecycle.name(), version)
}

fn before_update(
    acting: &Identity,
    standing: Option<&ActorRoles>,
    old: &WorkOrderRow<'_>,
    new: &WorkOrderRow<'_>,
    consequence: Option<&SystemWrite>,
) -> Result<*mut pg_sys::HeapTupleData, Refusal> {
    let id = old.id();
    let facets = RecordView::of(old);
    let record = facets.record();
    check_system_columns(old, new, &facets, consequence)?;
    let status: String = new.text(Column::Status);
    let reason: Option<String> =
        new.get::<String>(Column::Reason).filter(|reason| !reason.trim().is_empty());
    check_given(Some(old), new, reason.as_deref())?;
    let (filled_before, filled) = (old.filled(), new.filled());
    // A blank text over no text is stored as no text: nothing changes.
    let still_blank = |field: Field| {
        field.kind() == FieldKind::Text && !filled.contains(field) && !filled_before.contains(field)
    };
    let differs =
        |field: &Field| !new.row.same(old.row, new.layout.field(*field)) && !still_blank(*field);
    let mut changed: FieldSet = Field::ALL.iter().copied().filter(differs).collect();
    let flag_changed = changed.contains(Field::Regulatory);
    changed.remove(Field::Regulatory);
    if changed.contains(Field::Title) && !filled.contains(Field::Title) {
        return Err(title_missing());
    }
    let proposal = Proposal {
        status: &status,
        regulatory: new.regulatory(),
        changed,
        filled_before,
        filled,
        values: new,
        reason: reason.as_deref(),
    };
    let lifecycle = lifecycle_of(acting.tenant, new);
    let decision = if let Some(
        SystemWrite::Migration(_) | SystemWrite::ChildRecord(..) | SystemWrite::Upkeep(..),
    ) = consequence
    {
        if lifecycle.state(&status).is_none() {
            return Err(damaged("a work order in a state that its lifecycle does not have"));
        }
        Decision::default()
    } else {
        let facts = match lifecycle.edge(&facets.status, &status) {
            Some(edge)
                if !matches!(
                    consequence,
                    Some(SystemWrite::Cascade(_) | SystemWrite::Rejection(_))
                ) =>
            {
                let mut facts = facts_for(acting.tenant, new, &lifecycle, &[edge], true)
                    .map_err(unfinished::refusal)?;
                if let Some(SystemWrite::Auto(_, along)) = consequence {
                    facts.along = *along;
                }
                facts
            }
            _ => Facts::default(),
        };
        match (consequence, standing) {
            (Some(SystemWrite::Cascade(_) | SystemWrite::Rejection(_)), _) => {
                lifecycle.decide_consequence(&record, &status)?
            }
            (_, None) => lifecycle.decide_auto(&record, &proposal, &facts)?,
            (_, Some(standing)) => {
                lifecycle.decide(&standing.actor(), &record, &proposal, &facts)?
            }
        }
    };
    let moved = status != facets.status;
    if moved && !matches!(consequence, Some(SystemWrite::Cascade(_) | SystemWrite::Rejection(_))) {
        check_released(acting, new, &lifecycle, (&facets.status, &status))?;
    }
    let migrated = matches!(consequence, Some(SystemWrite::Migration(_)));
    let change_of_child = match consequence {
        Some(
            SystemWrite::ChildRecord(_, change_of_child) | SystemWrite::Upkeep(_, change_of_child),
        ) => Some(change_of_child),
        _ => None,
    };
    let placing = check_placing(acting, standing, Some((old, &lifecycle, &record)), new)?;
    // A column that a DBA added is nobody's by the lifecycle: an actor that may write the record may write it.
    let others_changed = new.layout.others.iter().any(|index| !new.row.same(old.row, *index));
    let is_unchanged =
        !moved && !flag_changed && changed.is_empty() && !placing.changed && !others_changed;
    if is_unchanged && !migrated && change_of_child.is_none() {
        // Nothing changes, so nothing is recorded; a reason without a change has nowhere to stand.
        return Ok(old.row.tuple());
    }
    let named =
        |field: Field| changed.contains(field).then(|| new.field::<String>(field)).flatten();
    let (assignee, requester) = (named(Field::Assignee), named(Field::Requester));
    actor_roles::check_named(
        acting.tenant,
        &facets.number,
        assignee.as_deref(),
        requester.as_deref(),
    )?;
    if let Some(assignee) = &assignee {
        concept::all()
            .try_for_each(|concept| concept.check_assignee(acting.tenant, id, assignee, &record))?;
    }
    let captured = match moved || migrated {
        true => lifecycle.captured(&decision, &status, changed, filled),
        false => Vec::new(),
    };
    let changed = changed.union(captured.iter().map(|(field, _)| *field).collect());
    let upkeep = matches!(consequence, Some(SystemWrite::Upkeep(..)));
    let covered_child = change_of_child.is_some_and(|change| change.covered);
    let content_changed = flag_changed
        || placing.changed
        || covered_child
        || changed.iter().any(|field| covers_column(Covers::Result, field.name()));
    let at = identity::now();
    let counts = change_of_child.is_none() || (upkeep && !changed.is_empty());
    let version = old.version() + i64::from(counts);
    let column = |column: Column| new.layout.column(column);
    let time = timestamp(at);
    let mut changes: Vec<Change> = vec![(column(Column::Reason), optional_text(None))];
    if counts {
        changes.push((column(Column::Version), argument(version)));
        changes.push((column(Column::UpdatedAt), time));
    }
    if decision.lock {
        changes.push((column(Column::LockedAt), time));
    }
    if moved || migrated {
        changes.push((
            column(Column::StateDeadline),
            deadline(acting.tenant, &lifecycle, &status, at),
        ));
        changes.push((column(Column::StateDeadlineNotifiedAt), optional_timestamp(None)));
    }
    if decision.new_revision {
        let revision = old.required::<i32>(Column::Revision).saturating_add(1);
        changes.push((column(Column::Revision), argument(revision)));
    }
    changes.extend(captured_values(new, &captured, time));
    if decision.release_assignment {
        changes.push((new.layout.field(Field::Assignee), optional_text(None)));
    }
    changes.extend(blank_texts(new, FieldSet::all(), filled));
    if let Some(project) = title::new_project(&lifecycle, old, new, changed) {
        changes.push((new.layout.field(Field::Project), text(&project)));
    }
    if let Some(field) = decision.reason_field {
        changes.push((new.layout.field(field), optional_text(reason.as_deref())));
    }
    let action = match (&decision.transition, migrated, change_of_child) {
        (_, _, Some(change_of_child)) => change_of_child.action.to_owned(),
        (_, true, _) => "migrated".to_owned(),
        (Some(edge), ..) => edge.action.clone(),
        (None, ..) => placing.action().to_owned(),
    };
    let along = match consequence {
        Some(SystemWrite::Cascade(_)) => Along::Others,
        Some(SystemWrite::Auto(..)) if decision.transition.is_some_and(|edge| edge.of_masters) => {
            Along::Others
        }
        _ if change_of_child.is_some_and(|change| change.action == CHILDREN_SETTLED) => {
            Along::Children
        }
        _ => Along::Alone,
    };
    let may_follow = !decision.lock && has_auto_edge(&lifecycle, &status, along);
    let reason = match change_of_child {
        Some(change_of_child) => change_of_child.reason.clone(),
        None => reason.or_else(|| decision.reason_text.clone()),
    };
    let follow_ups = follow_ups_of(&CheckedWrite {
        tenant: acting.tenant,
        work_order: id,
        lifecycle: &lifecycle,
        from: Some(&facets.status),
        to: &status,
        decision: Some(&decision),
        migrated,
        regulatory: new.regulatory(),
        regulatory_changed: flag_changed,
        placing,
        // What the enforcement layer takes out of an ended record does not amend what was signed.
        fields: if upkeep { FieldSet::EMPTY } else { changed },
        covered_child,
        reason: reason.as_deref(),
        is_system: consequence.is_some(),
    })?;
    let written = Written {
        id,
        number: facets.number.clone(),
        action,
        from_status: Some(facets.status.clone()),
        status,
        version,
        moved,
        lifecycle: (
            new.text(Column::Lifecycle),
            new.get(Column::LifecycleVersion).unwrap_or_default(),
        ),
    };
    let hash: Vec<u8> = old.required(Column::ChainHash);
    let parts = LinkParts {
        sequence: old.required(Column::ChainSequence),
        hash: &hash,
        at,
        reason,
        may_follow,
        change_of_child: change_of_child.map(Rc::as_ref),
        upkeep,
        place_changed: placing.changed,
        follow_ups,
        along,
        ended: decision.lock,
        content_changed,
    };
    Ok(link_and_store(acting, Some(old), new, changes, written, parts))
}
