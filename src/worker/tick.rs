//! The jobs on call.

use super::jobs::{JOBS, Job, Run};
use crate::identity::standing::open_tenants;
use crate::identity::{self, login_is_member, memory};
use pgrx::prelude::*;
use uuid::Uuid;

/// Does what has to be done from time to time.
#[pg_extern(schema = "wo_private")]
#[search_path(pg_catalog, pg_temp)]
fn tick() -> TableIterator<'static, (name!(job, String), name!(done, i32))> {
    crate::install::check_records();
    let done: Vec<(String, i32)> = match identity::current() {
        Some(acting) => JOBS.iter().filter_map(|job| for_one(job, acting.tenant)).collect(),
        None if login_is_member("wo_admin") => {
            let tenants = open_tenants();
            JOBS.iter().map(|job| (job.name.to_owned(), for_all(job, &tenants))).collect()
        }
        None => crate::raise::refuse(wo_rules::identity::nobody()),
    };
    TableIterator::new(done)
}

/// A tenant's job for the tenant that is acting.
fn for_one(job: &Job, tenant: Uuid) -> Option<(String, i32)> {
    match job.run {
        Run::Tenant(run) => Some((job.name.to_owned(), run(tenant))),
        Run::Installation(_) => None,
    }
}

fn for_all(job: &Job, tenants: &[Uuid]) -> i32 {
    match job.run {
        Run::Tenant(run) => tenants
            .iter()
            .map(|tenant| memory::during(identity::administrator(*tenant), || run(*tenant)))
            .sum(),
        Run::Installation(run) => memory::during(identity::installation(), run),
    }
}
