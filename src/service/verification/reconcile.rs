//! Reconciling: every live row of every tenant against its trail.

use super::verifier::{Verdict, verify_tenant};
use crate::kernel::identity::actor::all_tenants;
use crate::kernel::identity::{self, login_is_member, memory};
use crate::pg::error::refuse;
use crate::pg::statement::{
    Mode, Rows, Statement, argument, optional_uuid, statement, uuid as uuid_argument,
};
use pgrx::pg_sys;
use pgrx::prelude::*;
use serde_json::Value;
use sha2::{Digest, Sha256};
use uuid::Uuid;
use wo_rules::evidence::verify::verify;
use wo_rules::schema::{self, ChildTable};

/// How many kept packages are read at a time.
const BATCH: i32 = 10;

statement!(
    KEPT,
    "select kept.work_order_id, kept.package, kept.sha256 from wo.evidence as kept
     where kept.tenant_id = $1 and ($2::uuid is null or kept.work_order_id > $2)
     order by kept.work_order_id limit $3",
    [UUIDOID, UUIDOID, INT4OID]
);
statement!(
    ENTRY_HASH,
    "select pg_catalog.encode(entry.entry_hash, 'hex') from wo.audit_entry as entry
     where entry.tenant_id = $1 and entry.subject_id = $2 and entry.sequence = $3",
    [UUIDOID, UUIDOID, INT8OID]
);

/// Verifies the caller's tenant, or, for a member of `wo_admin` who acts for none, all tenants and
/// the installation itself.
#[pg_extern(schema = "wo_private", stable, parallel_restricted)]
#[search_path(pg_catalog, pg_temp)]
#[allow(clippy::type_complexity)]
fn reconcile() -> TableIterator<
    'static,
    (
        name!(tenant_id, pgrx::Uuid),
        name!(intact, bool),
        name!(chains, i64),
        name!(entries, i64),
        name!(subject, Option<String>),
        name!(subject_key, Option<String>),
        name!(broken_sequence, Option<i64>),
        name!(problem, Option<String>),
    ),
> {
    crate::kernel::version::check_tables();
    let tenants = match identity::current() {
        Some(acting) => vec![acting.tenant],
        None if login_is_member("wo_admin") => {
            let mut tenants = all_tenants();
            tenants.push(Uuid::nil());
            tenants
        }
        None => refuse(identity::nobody()),
    };
    let is_one = tenants.len() == 1;
    let mut all = Vec::new();
    for tenant in tenants {
        let verdicts = match is_one {
            true => verdicts_of(tenant),
            false => memory::during(identity::administrator(tenant), || verdicts_of(tenant)),
        };
        all.extend(verdicts.into_iter().map(|verdict: Verdict| {
            let id = pgrx::Uuid::from_bytes(*tenant.as_bytes());
            let (intact, chains, entries, subject, key, sequence, problem) = verdict;
            (id, intact, chains, entries, subject, key, sequence, problem)
        }));
    }
    TableIterator::new(all)
}

fn verdicts_of(tenant: Uuid) -> Vec<Verdict> {
    let mut verdicts = verify_tenant(tenant);
    let mut found = strays(tenant);
    found.extend(altered_packages(tenant));
    if found.is_empty() {
        return verdicts;
    }
    let (chains, entries) = verdicts.first().map_or((0, 0), |verdict| (verdict.1, verdict.2));
    verdicts.retain(|verdict| !verdict.0);
    verdicts.extend(found.into_iter().map(|(subject, key, problem)| {
        (false, chains, entries, Some(subject), Some(key), None, Some(problem))
    }));
    verdicts
}

fn id_at(rows: &Rows, row: usize) -> Option<Uuid> {
    rows.get::<pgrx::Uuid>(row, 1).map(|id| Uuid::from_bytes(*id.as_bytes()))
}

/// Rows that belong to a work order which is not there: subject, key, problem.
fn strays(tenant: Uuid) -> Vec<(String, String, String)> {
    let of_table = |table: ChildTable| {
        let statement = Statement::new(
            format!(
                "select distinct held.{owner} from wo.{table} as held
                 where held.tenant_id = $1 and not exists (select from wo.work_order as owner
                    where owner.tenant_id = held.tenant_id and owner.id = held.{owner})
                 order by 1 limit 100",
                owner = table.child.work_order,
                table = table.name
            ),
            &[pg_sys::UUIDOID],
        );
        let owners: Vec<Uuid> = statement.run(Mode::Latest, &[uuid_argument(tenant)], |rows| {
            (0..rows.count()).filter_map(|row| id_at(rows, row)).collect()
        });
        let problem = "the work order that the row belongs to is gone";
        owners
            .into_iter()
            .map(|owner| (table.name.to_owned(), owner.to_string(), problem.to_owned()))
            .collect::<Vec<_>>()
    };
    schema::child_tables().flat_map(of_table).collect()
}

/// Kept packages that are not what was kept: subject, key, problem.
fn altered_packages(tenant: Uuid) -> Vec<(String, String, String)> {
    let mut found = Vec::new();
    let mut after: Option<Uuid> = None;
    loop {
        let arguments = [uuid_argument(tenant), optional_uuid(after), argument(BATCH)];
        let kept: Vec<(Uuid, String, Vec<u8>)> = KEPT.with(|statement| {
            statement.run(Mode::Latest, &arguments, |rows| {
                (0..rows.count())
                    .filter_map(|row| {
                        Some((id_at(rows, row)?, rows.get(row, 2)?, rows.get(row, 3)?))
                    })
                    .collect()
            })
        });
        let Some((last, ..)) = kept.last() else { return found };
        after = Some(*last);
        for (work_order, package, digest) in kept {
            if let Some(problem) = wrong_with(tenant, work_order, &package, &digest) {
                found.push(("evidence".to_owned(), work_order.to_string(), problem));
            }
        }
    }
}

fn wrong_with(tenant: Uuid, work_order: Uuid, package: &str, digest: &[u8]) -> Option<String> {
    if Sha256::digest(package.as_bytes()).as_slice() != digest {
        return Some("the kept package is not the one that was hashed".to_owned());
    }
    let report = verify(package.as_bytes());
    if let Some(problem) = report.problems.first() {
        return Some(format!("the kept package does not verify: {}", problem.problem));
    }
    let document: Value = serde_json::from_str(package).unwrap_or_default();
    let record = &document["sections"]["work_order"];
    let sequence = argument(record["chain_sequence"].as_i64());
    let arguments = [uuid_argument(tenant), uuid_argument(work_order), sequence];
    // An entry that is archived is not here to be asked.
    let stands: String = ENTRY_HASH
        .with(|statement| statement.run(Mode::Latest, &arguments, |rows| rows.get(0, 1)))?;
    (record["id"] != work_order.to_string() || record["chain_hash"] != stands)
        .then(|| "the kept package is not of this work order's trail".to_owned())
}
