//! Where the columns of `wo.work_order` stand: found by name once for each partition.

use crate::pg::cache::{Cached, recall};
use crate::pg::error::{damaged, refuse};
use crate::pg::row::Row;
use pgrx::prelude::*;
use std::cell::RefCell;
use std::rc::Rc;
use wo_rules::field::Field;
use wo_rules::schema::Table;

macro_rules! columns {
    ($($variant:ident $name:literal,)*) => {
        /// A column that wo_core keeps itself, unlike the [`Field`]s.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        pub enum Column { $($variant,)* }

        impl Column {
            const ALL: &'static [(Column, &'static str)] = &[$((Column::$variant, $name),)*];

            /// The column's name.
            pub fn name(self) -> &'static str {
                Self::ALL[self as usize].1
            }
        }
    };
}

columns! {
    TenantId "tenant_id",
    Id "id",
    WoNumber "wo_number",
    Lifecycle "lifecycle",
    LifecycleVersion "lifecycle_version",
    Status "status",
    Version "version",
    Revision "revision",
    Originator "originator",
    Reason "reason",
    IdempotencyKey "idempotency_key",
    RequestSha256 "request_sha256",
    CreatedAt "created_at",
    UpdatedAt "updated_at",
    LockedAt "locked_at",
    ArchivedAt "archived_at",
    StateDeadline "state_deadline",
    StateDeadlineNotifiedAt "state_deadline_notified_at",
    MasterId "master_id",
    Required "required",
    HierarchyPolicy "hierarchy_policy",
    ChainSequence "chain_sequence",
    ChainHash "chain_hash",
}

/// The columns that the trail does not carry among the changes: it has places of their own for
/// them, or is what they are made of.
const BESIDE_CHANGES: &[Column] = &[
    Column::Status,
    Column::Version,
    Column::UpdatedAt,
    Column::Reason,
    Column::ChainSequence,
    Column::ChainHash,
];

/// The position of a column that is not there.
const ABSENT: usize = usize::MAX;

/// The positions of the columns of one partition.
pub struct Layout {
    columns: Vec<usize>,
    fields: Vec<usize>,
    /// Positions and names of the columns that the trail carries among the changes.
    pub audited: Vec<(usize, String)>,
    /// The positions of those among them that a DBA added.
    pub others: Vec<usize>,
}

/// Of how many partitions a backend keeps the layout.
const MOST: usize = 256;

thread_local! {
    static LAYOUTS: RefCell<Cached<(u32, usize), Rc<Layout>>> =
        RefCell::new(Cached::of_catalogues(MOST));
}

impl Layout {
    /// The layout of the partition that a trigger fires on.
    pub fn of(trigger: &PgTrigger<'_>, row: &Row) -> Rc<Self> {
        let relation = crate::pg::row::table_of(trigger);
        let key = (relation.to_u32(), row.len());
        recall(&LAYOUTS, key, |_| Rc::new(Self::found_in(row)))
    }

    /// The layout of a row, found anew.
    pub fn found_in(row: &Row) -> Self {
        // What PostgreSQL itself computes from the other columns is computed after the row was judged,
        // and no entry records it.
        let is_stored = |index: &usize| !row.is_generated(*index);
        let columns: Vec<_> = (0..row.len())
            .map(|index| Some(index).filter(is_stored).and_then(|index| row.name(index)))
            .collect();
        Self::of_columns(&columns)
    }

    /// The layout of columns of these names; those that were dropped have none.
    fn of_columns(names: &[Option<impl AsRef<str>>]) -> Self {
        let names: Vec<Option<&str>> =
            names.iter().map(|name| name.as_ref().map(AsRef::as_ref)).collect();
        let found = |name: &str| names.iter().position(|column| *column == Some(name));
        let position = |name: &str| {
            found(name)
                .unwrap_or_else(|| refuse(damaged(&format!("wo.work_order has no column {name}"))))
        };
        let columns = Column::ALL.iter().map(|(_, name)| position(name)).collect();
        let fields = Field::ALL.iter().map(|field| found(field.name()).unwrap_or(ABSENT)).collect();
        let audited: Vec<(usize, String)> = names
            .iter()
            .enumerate()
            .filter_map(|(index, name)| Some((index, (*name)?.to_owned())))
            .filter(|(_, name)| !is_beside_changes(name))
            .collect();
        let is_registered = |name: &str| Table::named("work_order").column(name).is_some();
        let others = audited.iter().filter(|(_, name)| !is_registered(name));
        let others = others.map(|(index, _)| *index).collect();
        Self { columns, fields, audited, others }
    }

    /// The position of a column.
    pub fn column(&self, column: Column) -> usize {
        self.columns[column as usize]
    }

    /// The position of a field; [`ABSENT`] in records of the version before, which a new library
    /// meets for a moment: such a field is never filled and never changes.
    pub fn field(&self, field: Field) -> usize {
        self.fields[field as usize]
    }
}

/// Whether the trail has a place of its own for that column.
pub fn is_beside_changes(name: &str) -> bool {
    BESIDE_CHANGES.iter().any(|column| column.name() == name)
}
