//! Evidence packages: everything about one work order in one document. Made on call, and kept by
//! themselves when a regulatory work order ends.

mod sections;

use crate::kernel::identity;
use crate::kernel::identity::memory::{self, Identity};
use crate::kernel::work_order;
use crate::pg::error::{OrRefuse, damaged};
use crate::pg::output::Pinned;
use crate::pg::run_as::as_trail;
use crate::pg::statement::{Mode, bytes, statement, text, timestamp, uuid as uuid_argument};
use crate::pg::to_do::{List, ToDo};
use crate::pg::{server, source};
use crate::service::refused_attempt;
use pgrx::prelude::*;
use sha2::{Digest, Sha256};
use std::rc::Rc;
use uuid::Uuid;
use wo_rules::evidence::report::Made;
use wo_rules::evidence::{package, report};
use wo_rules::refusal::Refusal;
use wo_rules::time::utc;
use wo_rules::work_order::write_suppressed;

statement!(
    KEPT,
    "select kept.package from wo.evidence as kept where kept.tenant_id = $1 and kept.work_order_id = $2",
    [UUIDOID, UUIDOID]
);
statement!(
    KEEP,
    "insert into wo.evidence (tenant_id, work_order_id, made_at, package, sha256) values ($1, $2, $3, $4, $5)
     on conflict (tenant_id, work_order_id) do nothing",
    [UUIDOID, UUIDOID, TIMESTAMPTZOID, TEXTOID, BYTEAOID]
);

thread_local! {
    /// Regulatory work orders that this transaction ended, each with who ended it.
    static ENDED: ToDo<(Uuid, Rc<Identity>)> = const { ToDo::new() };
}

/// Registers what is called when a regulatory work order ends; called once in a backend.
pub fn register() {
    work_order::at_regulatory_end(remember);
}

/// Remembers that a regulatory work order ended: its package is made when everything else of this
/// transaction stands in its trail.
fn remember(work_order: Uuid) {
    let acting = identity::required().or_refuse();
    ENDED.note((work_order, acting));
}

/// Whether a package is still to be made.
pub fn is_open() -> bool {
    ENDED.is_open()
}

/// Keeps the package of each regulatory work order that ended.
pub fn settle() {
    let mut ended = ENDED.take_open();
    ended.sort_by_key(|(work_order, _)| *work_order);
    ended.dedup_by_key(|(work_order, _)| *work_order);
    for (work_order, acting) in ended {
        identity::as_before(&acting, || keep(acting.tenant, work_order, "end")).or_refuse();
    }
}

/// The package that was kept, or one that is made and kept now.
///
/// # Errors
/// 55000 where a part of it is missing.
pub fn kept_or_keep(tenant: Uuid, work_order: Uuid) -> Result<String, Refusal> {
    match kept(tenant, work_order) {
        Some(kept) => Ok(kept),
        None => keep(tenant, work_order, "archive"),
    }
}

fn kept(tenant: Uuid, work_order: Uuid) -> Option<String> {
    let place = [uuid_argument(tenant), uuid_argument(work_order)];
    as_trail(|| KEPT.with(|statement| statement.run(Mode::Latest, &place, |rows| rows.get(0, 1))))
}

fn keep(tenant: Uuid, work_order: Uuid, occasion: &str) -> Result<String, Refusal> {
    let at = identity::now();
    let package = make(tenant, work_order, at, occasion)?;
    let digest: [u8; 32] = Sha256::digest(package.as_bytes()).into();
    let arguments = [
        uuid_argument(tenant),
        uuid_argument(work_order),
        timestamp(at),
        text(&package),
        bytes(&digest),
    ];
    let count = memory::as_enforcement(|| {
        as_trail(|| {
            KEEP.with(|statement| statement.run(Mode::Write, &arguments, |rows| rows.count()))
        })
    });
    if count == 0 && kept(tenant, work_order).is_none() {
        return Err(write_suppressed("evidence"));
    }
    Ok(package)
}

fn make(tenant: Uuid, work_order: Uuid, at: i64, occasion: &str) -> Result<String, Refusal> {
    let made = made(occasion);
    let may_read_attempts = refused_attempt::may_read();
    // Only our own statements and policies run meanwhile.
    let pinned = Pinned::new();
    let sections = as_trail(|| sections::of(tenant, work_order, &made, may_read_attempts))?;
    drop(pinned);
    package::assemble(&utc(at), sections).map_err(|why| damaged(&why))
}

/// Who is making something now, and with what.
fn made(occasion: &str) -> Made {
    Made {
        by: identity::current().and_then(|acting| acting.principal.clone()),
        login_role: source::login_role(),
        occasion: occasion.to_owned(),
        wo_core: env!("CARGO_PKG_VERSION").to_owned(),
        postgresql: server::version(),
    }
}

fn package_of(work_order: &str) -> Result<String, Refusal> {
    let acting = identity::required()?;
    let id = work_order::find(acting.tenant, work_order)?;
    match kept(acting.tenant, id) {
        Some(kept) => Ok(kept),
        None => make(acting.tenant, id, identity::now(), "request"),
    }
}

/// The evidence package of a work order: the one that was kept, or one as it is now.
#[pg_extern(schema = "wo_private", stable, parallel_restricted)]
#[search_path(pg_catalog, pg_temp)]
fn evidence_package(work_order: Option<&str>) -> String {
    crate::kernel::version::check_tables();
    package_of(work_order.unwrap_or_default()).or_refuse()
}

/// The same for people.
#[pg_extern(schema = "wo_private", stable, parallel_restricted)]
#[search_path(pg_catalog, pg_temp)]
fn evidence_report(work_order: Option<&str>) -> String {
    crate::kernel::version::check_tables();
    let package = package_of(work_order.unwrap_or_default()).or_refuse();
    let at = utc(identity::now());
    report::render(&package, &at, &made("request")).map_err(|why| damaged(&why)).or_refuse()
}
