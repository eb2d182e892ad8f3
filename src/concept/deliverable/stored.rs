//! What is stored of deliverables: the rows of a work order, and what its job plan expects.

use crate::concept::job_plan;
use crate::kernel::document::times_as_in_documents;
use crate::pg::error::damaged;
use crate::pg::jsonb::Document;
use crate::pg::run_as::as_trail;
use crate::pg::statement::{Mode, statement, uuid as uuid_argument};
use serde_json::Value;
use uuid::Uuid;
use wo_rules::deliverable::{Rows, rows, shown};
use wo_rules::job_plan::Deliverable;
use wo_rules::refusal::Refusal;

statement!(
    ROWS,
    "select coalesce((select pg_catalog.jsonb_agg(pg_catalog.to_jsonb(received) - 'tenant_id' - 'work_order_id'
            || pg_catalog.jsonb_build_object('sha256', pg_catalog.encode(received.sha256, 'hex')) order by received.ordinal)
        from wo.deliverable as received where received.tenant_id = $1 and received.work_order_id = $2), '[]'),
     coalesce((select pg_catalog.jsonb_agg(pg_catalog.to_jsonb(review) - 'tenant_id' - 'work_order_id' order by review.ordinal)
        from wo.deliverable_review as review where review.tenant_id = $1 and review.work_order_id = $2), '[]')",
    [UUIDOID, UUIDOID]
);

/// What a work order has of deliverables.
pub struct Stored {
    /// What its job plan names.
    pub expected: Vec<Deliverable>,
    received: Vec<Value>,
    reviews: Vec<Value>,
}

impl Stored {
    /// Reads it, as the mode shows it to the current user.
    ///
    /// # Errors
    /// 55000 `tables_damaged`.
    pub fn read(mode: Mode, tenant: Uuid, work_order: Uuid) -> Result<Self, Refusal> {
        let expected = job_plan::expected_deliverables(mode, tenant, work_order)?;
        let place = [uuid_argument(tenant), uuid_argument(work_order)];
        let (received, reviews) = ROWS.with(|statement| {
            statement.run(mode, &place, |rows| {
                let list = |column| {
                    let mut list = rows.required::<Document>(0, column).0;
                    times_as_in_documents(&mut list);
                    match list {
                        Value::Array(items) => items,
                        _ => Vec::new(),
                    }
                };
                (list(1), list(2))
            })
        });
        Ok(Self { expected, received, reviews })
    }

    /// Reads it as it is committed now, for the rules.
    ///
    /// # Errors
    /// 55000 `tables_damaged`.
    pub fn latest(tenant: Uuid, work_order: Uuid) -> Result<Self, Refusal> {
        as_trail(|| Self::read(Mode::Latest, tenant, work_order))
    }

    /// The rows, as the rules read them.
    ///
    /// # Errors
    /// 55000 `tables_damaged`.
    pub fn rows(&self) -> Result<Rows, Refusal> {
        rows(&self.received, &self.reviews).map_err(|what| damaged(&what))
    }

    /// Every deliverable, as people and programs read it.
    ///
    /// # Errors
    /// 55000 `tables_damaged`.
    pub fn shown(&self) -> Result<Value, Refusal> {
        shown(&self.expected, &self.received, &self.reviews).map_err(|what| damaged(&what))
    }

    /// Whether there is nothing to show.
    pub fn is_empty(&self) -> bool {
        self.expected.is_empty() && self.received.is_empty()
    }
}
