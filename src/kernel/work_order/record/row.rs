//! A work order as the rules see it: from row to value.

use super::layout::{Column, Layout};
use crate::kernel::lifecycle::cache;
use crate::pg::error::OrRefuse;
use crate::pg::row::Row;
use crate::pg::value::SqlValue;
use pgrx::prelude::*;
use std::rc::Rc;
use uuid::Uuid;
use wo_rules::field::{Field, FieldKind, FieldSet};
use wo_rules::lifecycle::{Lifecycle, Record, Scalar, Values};

/// A row of `wo.work_order` with its layout: what the rules see of it.
pub struct WorkOrderRow<'a> {
    pub row: &'a Row,
    pub layout: &'a Layout,
}

impl<'a> WorkOrderRow<'a> {
    /// Looks at a row.
    pub fn new(row: &'a Row, layout: &'a Layout) -> Self {
        Self { row, layout }
    }

    pub fn get<T: SqlValue>(&self, column: Column) -> Option<T> {
        self.row.get(self.layout.column(column))
    }

    /// A column of a stored row that is never NULL.
    pub fn required<T: SqlValue>(&self, column: Column) -> T {
        self.row.required(self.layout.column(column))
    }

    pub fn text(&self, column: Column) -> String {
        self.get(column).unwrap_or_default()
    }

    pub fn field<T: SqlValue>(&self, field: Field) -> Option<T> {
        self.row.get(self.layout.field(field))
    }

    /// The work order's id.
    pub fn id(&self) -> Uuid {
        self.get::<pgrx::Uuid>(Column::Id)
            .map_or(Uuid::nil(), |id| Uuid::from_bytes(*id.as_bytes()))
    }

    /// The tenant's id.
    pub fn tenant(&self) -> Option<Uuid> {
        self.get::<pgrx::Uuid>(Column::TenantId).map(|id| Uuid::from_bytes(*id.as_bytes()))
    }

    /// The record's version.
    pub fn version(&self) -> i64 {
        self.get(Column::Version).unwrap_or(0)
    }

    /// Whether the record is locked for good.
    pub fn is_locked(&self) -> bool {
        !self.row.is_null(self.layout.column(Column::LockedAt))
    }

    pub fn regulatory(&self) -> bool {
        self.field(Field::Regulatory).unwrap_or(false)
    }

    fn is_filled(&self, field: Field) -> bool {
        let index = self.layout.field(field);
        match field.kind() {
            FieldKind::Text => self.row.is_long_or_not_blank(index),
            FieldKind::List => self.row.elements(index) > 0,
            _ => !self.row.is_null(index),
        }
    }

    /// The fields that are filled: neither NULL, nor blank, nor an empty list.
    pub fn filled(&self) -> FieldSet {
        Field::ALL.iter().copied().filter(|field| self.is_filled(*field)).collect()
    }
}

impl Values for WorkOrderRow<'_> {
    fn get(&self, field: Field) -> Option<Scalar> {
        if !self.is_filled(field) {
            return None;
        }
        match field.kind() {
            FieldKind::Text => self.field(field).map(Scalar::Text),
            FieldKind::Hours => {
                let hours = self.field::<AnyNumeric>(field)?;
                f64::try_from(hours).ok().map(Scalar::Number)
            }
            FieldKind::Flag => self.field(field).map(Scalar::Flag),
            FieldKind::List => Some(Scalar::List(self.row.elements(self.layout.field(field)))),
            FieldKind::Date | FieldKind::Time | FieldKind::Object => Some(Scalar::Present),
        }
    }

    fn member(&self, name: &str) -> Option<Scalar> {
        // Not as pgrx::JsonB, which panics on a number beyond f64 that jsonb can hold.
        let metadata = self.row.json(self.layout.field(Field::Metadata))?;
        Scalar::member_of(&metadata, name)
    }
}

/// The texts that a [`Record`] borrows.
pub struct RecordView {
    pub id: String,
    pub number: String,
    pub status: String,
    originator: String,
    requester: Option<String>,
    assignee: Option<String>,
    regulatory: bool,
    locked: bool,
}

impl RecordView {
    /// What the rules look at in a stored record.
    pub fn of(seen: &WorkOrderRow<'_>) -> Self {
        Self {
            id: seen.id().to_string(),
            number: seen.text(Column::WoNumber),
            status: seen.text(Column::Status),
            originator: seen.text(Column::Originator),
            requester: seen.field(Field::Requester),
            assignee: seen.field(Field::Assignee),
            regulatory: seen.regulatory(),
            locked: seen.is_locked(),
        }
    }

    /// The same, as the rules take it.
    pub fn record(&self) -> Record<'_> {
        Record {
            id: &self.id,
            number: &self.number,
            status: &self.status,
            originator: &self.originator,
            requester: self.requester.as_deref(),
            assignee: self.assignee.as_deref(),
            regulatory: self.regulatory,
            locked: self.locked,
        }
    }
}

/// The lifecycle that a row pins.
pub fn lifecycle_of(tenant: Uuid, seen: &WorkOrderRow<'_>) -> Rc<Lifecycle> {
    let version = seen.get(Column::LifecycleVersion).unwrap_or(0);
    cache::compiled(tenant, &seen.text(Column::Lifecycle), version).or_refuse()
}
