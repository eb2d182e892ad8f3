//! The kinds of child records, and the work order that owns one.

use crate::kernel::work_order::record::actor_roles::ActorRoles;
use crate::kernel::work_order::record::row::RecordView;
use crate::kernel::work_order::record::view::{WorkOrderView, lock_owner, with_shared_work_order};
use crate::pg::row::Row;
use crate::pg::statement::Argument;
use serde_json::{Map, Value};
use std::rc::Rc;
use uuid::Uuid;
use wo_rules::lifecycle::Lifecycle;
use wo_rules::refusal::Refusal;
use wo_rules::schema::ChildTable;

/// What of a row is filled in, by column.
pub type Filled = Vec<(&'static str, Argument)>;

/// Fills in a row that is added or changed; the old row comes before the new one.
pub type Fill = fn(&ActorRoles, &Owner, Option<&Row>, &Row) -> Result<Filled, Refusal>;

/// Fills in nothing.
pub const FILL_NOTHING: Fill = |_, _, _, _| Ok(Vec::new());

/// What a concept checks of the records that callers write to one of its tables.
pub struct Kind {
    /// The table.
    pub table: ChildTable,
    /// Whether the actor may write it; no new row where it is removed.
    pub check: fn(&ActorRoles, &Owner, Option<&Row>) -> Result<(), Refusal>,
    /// What is filled in of it.
    pub fill: Fill,
    /// What is checked when it was added: of whose tenant, of which work order, the row.
    pub after: fn(Uuid, Uuid, &Row) -> Result<(), Refusal>,
    /// What its event says of the row: a member of the data, and the column that it shows.
    pub shown: &'static [(&'static str, &'static str)],
}

impl Kind {
    /// What the event of a row says of it.
    ///
    /// # Errors
    /// 55000 `tables_damaged`.
    pub fn shown_of(&self, row: &Row) -> Result<Map<String, Value>, Refusal> {
        let mut shown = Map::new();
        for (member, column) in self.shown {
            let value = match row.column(column).and_then(|index| row.json(index)) {
                Some(text) => wo_rules::json::parse(&text)?,
                None => Value::Null,
            };
            shown.insert((*member).to_owned(), value);
        }
        Ok(shown)
    }
}

/// The work order that a record belongs to, locked until the transaction ends.
pub struct Owner {
    /// Its tenant.
    pub tenant: Uuid,
    /// The work order.
    pub id: Uuid,
    /// Its lifecycle.
    pub lifecycle: Rc<Lifecycle>,
    /// What the rules see of it.
    pub facets: RecordView,
}

impl Owner {
    /// Locks the work order.
    ///
    /// # Errors
    /// 22023 `work_order_unknown`; 55000 `write_unfinished`.
    pub fn lock(tenant: Uuid, id: Uuid) -> Result<Self, Refusal> {
        lock_owner(tenant, id, |view| Ok(Self::of(view)))
    }

    /// Keeps the work order as it is, together with others who do.
    ///
    /// # Errors
    /// 22023 `work_order_unknown`; 55000 `write_unfinished`.
    pub fn share(tenant: Uuid, id: Uuid) -> Result<Self, Refusal> {
        with_shared_work_order(tenant, id, |view| {
            view.check_finished(None)?;
            Ok(Self::of(view))
        })
    }

    /// The work order of a view.
    pub fn of(view: &WorkOrderView<'_>) -> Self {
        Self {
            tenant: view.tenant,
            id: view.seen.id(),
            lifecycle: Rc::clone(view.lifecycle),
            facets: RecordView::of(view.seen),
        }
    }
}
