//! The register of documents: versions come by work orders, and are part of them.

use crate::kernel::concept::Concept;
use crate::kernel::given;
use crate::kernel::work_order::ActorRoles;
use crate::kernel::work_order::child_records::{Filled, Kind, Owner};
use crate::pg::lock::{Lock, Purpose};
use crate::pg::row::Row;
use crate::pg::run_as::as_trail;
use crate::pg::statement::{Mode, argument, statement, text, uuid as uuid_argument};
use pgrx::prelude::*;
use uuid::Uuid;
use wo_rules::document::{self as rules, Addition, Change, Register};
use wo_rules::refusal::Refusal;
use wo_rules::schema::ChildTable;

statement!(
    REGISTERED,
    "select known.controlled, newest.version, newest.effective, newest.change
     from wo.registered_document as known
     left join lateral (
        select added.version, added.effective, added.change from wo.document_version as added
        where added.tenant_id = known.tenant_id and added.document = known.document
        order by added.version desc
        limit 1
     ) as newest on true
     where known.tenant_id = $1 and known.document = $2",
    [UUIDOID, TEXTOID]
);

const KINDS: &[Kind] = &[Kind {
    table: ChildTable::named("document_version"),
    check: |_, _, _| Ok(()),
    fill,
    after: |_, _, _| Ok(()),
    shown: &[("document", "document"), ("document_version", "version"), ("change", "change")],
}];

/// The register, as the kernel asks it.
pub struct Documents;

/// The concept.
pub const CONCEPT: Documents = Documents;

impl Concept for Documents {
    fn sql(&self) -> &'static [(&'static str, &'static str)] {
        &[("30_document", include_str!("../../../sql/30_document.sql"))]
    }

    fn child_kinds(&self) -> &'static [Kind] {
        KINDS
    }
}

/// A document as it is registered now; who adds a version waits for others who do.
fn registered(tenant: Uuid, document: &str) -> Option<Register> {
    let name = [tenant.as_bytes().as_slice(), document.as_bytes()].concat();
    Lock::new(Purpose::Document, &name).until_end();
    let place = [uuid_argument(tenant), text(document)];
    as_trail(|| {
        REGISTERED.with(|statement| {
            statement.run(Mode::Latest, &place, |rows| {
                (rows.count() > 0).then(|| Register {
                    controlled: rows.required(0, 1),
                    version: rows.get(0, 2),
                    effective: rows.get::<Date>(0, 3).map(days),
                    is_archived: rows.get::<String>(0, 4).as_deref()
                        == Some(Change::Archive.name()),
                })
            })
        })
    })
}

/// A day as a number, of which a later one is larger.
fn days(date: Date) -> i32 {
    date.to_pg_epoch_days()
}

/// Checks a version or an end of a document, and fills in its number.
///
/// # Errors
/// 42501 `column_not_writable`; those of [`check_addition`](rules::check_addition).
fn fill(
    standing: &ActorRoles,
    owner: &Owner,
    _old: Option<&Row>,
    new: &Row,
) -> Result<Filled, Refusal> {
    let given = new.column("version").is_some_and(|index| !new.is_null(index));
    let columns: &[&str] = if given { &["version"] } else { &[] };
    given::check_none_given(columns, "a version of a document")?;
    let (Some(document), Some(effective)) =
        (new.named::<String>("document"), new.named::<Date>("effective"))
    else {
        // NOT NULL refuses the row for what is missing.
        return Ok(vec![("version", argument(1_i32))]);
    };
    let record = owner.facets.record();
    let may_plan = owner.lifecycle.check_link(&standing.actor(), &record).is_ok();
    let register = registered(owner.tenant, &document);
    let version = rules::check_addition(&Addition {
        work_order_id: record.id,
        wo_number: record.number,
        is_regulatory: record.regulatory,
        may_add: may_plan || record.assignee == Some(standing.id.as_str()),
        document: &document,
        register: register.as_ref(),
        is_archive: new.named::<String>("change").as_deref() == Some(Change::Archive.name()),
        effective: days(effective),
    })?;
    Ok(vec![("version", argument(version))])
}
