//! What a master that completes by itself says of its work: the summaries and the hours of its children.

use crate::kernel::work_order::record::row::WorkOrderRow;
use crate::pg::run_as::as_trail;
use crate::pg::statement::{Mode, statement, uuid as uuid_argument};
use pgrx::prelude::*;
use uuid::Uuid;
use wo_rules::field::{Field, FieldSet};
use wo_rules::lifecycle::{Scalar, Values};

statement!(
    OF_CHILDREN,
    "select pg_catalog.string_agg(part.line, E'\\n' order by part.place) filter (where part.place <= 100)
            || case when pg_catalog.count(*) > 100
                then pg_catalog.format(E'\\nand %s more', pg_catalog.count(*) - 100) else '' end,
        case when pg_catalog.sum(part.actual_hours) < 1000000 then pg_catalog.sum(part.actual_hours) end
     from (
        select pg_catalog.row_number() over (order by child.id) as place, child.actual_hours,
            pg_catalog.format('%s %s%s', child.wo_number, child.status,
                ': ' || pg_catalog.left(child.completion_summary, 500)) as line
        from wo.work_order as child
        where child.tenant_id = $1 and child.master_id = $2
     ) as part",
    [UUIDOID, UUIDOID]
);

/// What is generated from the children.
#[derive(Default)]
pub struct Generated {
    /// What each child says of its work, a line for each.
    pub summary: Option<String>,
    /// The hours of all children together; nothing where none has any, or where they are too many for the column.
    pub hours: Option<AnyNumeric>,
}

impl Generated {
    /// Of the children of a master, where the master does not say it itself.
    pub fn of(tenant: Uuid, seen: &WorkOrderRow<'_>) -> Self {
        let arguments = [uuid_argument(tenant), uuid_argument(seen.id())];
        let mut generated = as_trail(|| {
            OF_CHILDREN.with(|statement| {
                statement.run(Mode::Latest, &arguments, |rows| Self {
                    summary: rows.get(0, 1),
                    hours: rows.get(0, 2),
                })
            })
        });
        let filled = seen.filled();
        if filled.contains(Field::CompletionSummary) {
            generated.summary = None;
        }
        if filled.contains(Field::ActualHours) {
            generated.hours = None;
        }
        generated
    }

    /// The fields that it fills.
    pub fn filled(&self) -> FieldSet {
        let summary = self.summary.as_ref().map(|_| Field::CompletionSummary);
        let hours = self.hours.as_ref().map(|_| Field::ActualHours);
        summary.into_iter().chain(hours).collect()
    }
}

/// A work order with what is generated for it.
pub struct WithGenerated<'a> {
    /// Its row.
    pub seen: &'a WorkOrderRow<'a>,
    /// What is generated.
    pub generated: &'a Generated,
}

impl Values for WithGenerated<'_> {
    fn get(&self, field: Field) -> Option<Scalar> {
        match (field, &self.generated.summary, &self.generated.hours) {
            (Field::CompletionSummary, Some(summary), _) => Some(Scalar::Text(summary.clone())),
            (Field::ActualHours, _, Some(hours)) => {
                f64::try_from(hours.clone()).ok().map(Scalar::Number)
            }
            _ => Values::get(self.seen, field),
        }
    }

    fn member(&self, name: &str) -> Option<Scalar> {
        self.seen.member(name)
    }
}
