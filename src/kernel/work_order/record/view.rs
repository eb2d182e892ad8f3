//! Reading one work order by its id: the one SQL text for it, with the locks that it may be read under.

use super::direct;
use super::layout::{Column, Layout};
use super::row::{RecordView, WorkOrderRow, lifecycle_of};
use super::unfinished::{self, Finishing};
use crate::pg::query::Query;
use crate::pg::row::Row;
use crate::pg::run_as::as_trail;
use crate::pg::statement::{Mode, Statement, statement, uuid as uuid_argument};
use std::rc::Rc;
use std::thread::LocalKey;
use uuid::Uuid;
use wo_rules::lifecycle::Lifecycle;
use wo_rules::reference::unknown;
use wo_rules::refusal::Refusal;

macro_rules! by_id {
    ($lock:literal) => {
        concat!(
            "select held.* from wo.work_order as held where held.tenant_id = $1 and held.id = $2",
            $lock
        )
    };
}

statement!(READ, by_id!(""), [UUIDOID, UUIDOID]);
statement!(SHARE, by_id!(" for share"), [UUIDOID, UUIDOID]);
statement!(LOCK, by_id!(" for no key update"), [UUIDOID, UUIDOID]);
statement!(LOCK_IF_FREE, by_id!(" for no key update skip locked"), [UUIDOID, UUIDOID]);

/// How a work order is read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Reading {
    /// As the calling statement sees it, without a lock.
    AsCaller,
    /// As the transaction's next statement would see it, without a lock.
    InTransaction,
    /// As it is committed now, without a lock.
    Latest,
    /// Together with others who keep it as it is, until the transaction ends.
    Shared,
    /// Locked until the transaction ends.
    Locked,
    /// The same; it counts as absent while somebody else has locked it.
    LockedIfFree,
}

impl Reading {
    fn statement(self) -> (&'static LocalKey<Statement>, Mode) {
        match self {
            Self::AsCaller => (&READ, Mode::Caller),
            Self::InTransaction => (&READ, Mode::Transaction),
            Self::Latest => (&READ, Mode::Latest),
            Self::Shared => (&SHARE, Mode::Write),
            Self::Locked => (&LOCK, Mode::Write),
            Self::LockedIfFree => (&LOCK_IF_FREE, Mode::Write),
        }
    }
}

/// Gives the row of a work order to `look`, under the policies of the current user; nothing where
/// there is no such row for them.
pub fn read<T>(
    reading: Reading,
    tenant: Uuid,
    id: Uuid,
    look: impl FnOnce(&WorkOrderRow<'_>) -> T,
) -> Option<T> {
    let mut look = Some(look);
    if reading == Reading::Locked {
        let locked = direct::lock(tenant, id, |row| {
            let layout = Layout::found_in(row);
            look.take().map(|look| look(&WorkOrderRow::new(row, &layout)))
        });
        if let Some(found) = locked {
            return found.flatten();
        }
    }
    let look = look?;
    let arguments = [uuid_argument(tenant), uuid_argument(id)];
    let (statement, mode) = reading.statement();
    statement.with(|statement| {
        statement.run(mode, &arguments, |rows| {
            let row = Row::of_rows(rows, 0)?;
            let layout = Layout::found_in(&row);
            Some(look(&WorkOrderRow::new(&row, &layout)))
        })
    })
}

/// The same with the rights of the enforcement layer, past the caller's policies.
pub fn read_as_trail<T>(
    reading: Reading,
    tenant: Uuid,
    id: Uuid,
    look: impl FnOnce(&WorkOrderRow<'_>) -> T,
) -> Option<T> {
    as_trail(|| read(reading, tenant, id, look))
}

/// A work order and its lifecycle.
pub struct WorkOrderView<'a> {
    /// Its tenant.
    pub tenant: Uuid,
    /// Its row.
    pub seen: &'a WorkOrderRow<'a>,
    /// What the rules see of it.
    pub facets: &'a RecordView,
    /// Its lifecycle.
    pub lifecycle: &'a Rc<Lifecycle>,
}

impl WorkOrderView<'_> {
    /// Whether nothing of it is still being written, beside what that query writes of its child records.
    ///
    /// # Errors
    /// 55000 `write_unfinished`.
    pub fn check_finished(&self, beside: Option<Query>) -> Result<(), Refusal> {
        let id = self.seen.id();
        let hash: Vec<u8> = self.seen.required(Column::ChainHash);
        match unfinished::is_being_written(id, &hash) || unfinished::has_child_writes(id, beside) {
            true => Err(unfinished::refusal(id)),
            false => Ok(()),
        }
    }
}

fn act_on<T>(
    reading: Reading,
    tenant: Uuid,
    id: Uuid,
    act: impl FnOnce(&WorkOrderView<'_>) -> Result<T, Refusal>,
) -> Result<T, Refusal> {
    read_as_trail(reading, tenant, id, |seen| {
        let lifecycle = lifecycle_of(tenant, seen);
        let facets = RecordView::of(seen);
        act(&WorkOrderView { tenant, seen, facets: &facets, lifecycle: &lifecycle })
    })
    .unwrap_or_else(|| Err(unknown(&id.to_string())))
}

/// Locks the work order for a write of a child record.
///
/// # Errors
/// 22023 `work_order_unknown`; 55000 `write_unfinished`; those of `act`.
pub fn lock_owner<T>(
    tenant: Uuid,
    id: Uuid,
    act: impl FnOnce(&WorkOrderView<'_>) -> Result<T, Refusal>,
) -> Result<T, Refusal> {
    let query = unfinished::running_query();
    act_on(Reading::Locked, tenant, id, |view| {
        view.check_finished(query)?;
        act(view)
    })
}

/// Gives the work order as it is committed now to `act`, which runs with the rights of the
/// enforcement layer.
///
/// # Errors
/// 22023 `work_order_unknown`; those of `act`.
pub fn with_work_order<T>(
    tenant: Uuid,
    id: Uuid,
    act: impl FnOnce(&WorkOrderView<'_>) -> Result<T, Refusal>,
) -> Result<T, Refusal> {
    act_on(Reading::Latest, tenant, id, act)
}

/// The same, locked until the transaction ends. While `act` runs, nobody else writes it in this session.
///
/// # Errors
/// 22023 `work_order_unknown`; 55000 `write_unfinished` where the running statement is writing it; those of
/// `act`.
pub fn with_locked_work_order<T>(
    tenant: Uuid,
    id: Uuid,
    act: impl FnOnce(&WorkOrderView<'_>) -> Result<T, Refusal>,
) -> Result<T, Refusal> {
    act_on(Reading::Locked, tenant, id, |view| {
        view.check_finished(None)?;
        let writing = Finishing::of(id);
        let result = act(view)?;
        writing.end();
        Ok(result)
    })
}

/// The same, kept as it is until the transaction ends, together with others who keep it.
///
/// # Errors
/// 22023 `work_order_unknown`; those of `act`.
pub fn with_shared_work_order<T>(
    tenant: Uuid,
    id: Uuid,
    act: impl FnOnce(&WorkOrderView<'_>) -> Result<T, Refusal>,
) -> Result<T, Refusal> {
    act_on(Reading::Shared, tenant, id, act)
}
