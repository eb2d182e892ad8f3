//! The jobs on call.

use super::jobs::{jobs, run_for};
use crate::kernel::identity::actor::open_tenants;
use crate::kernel::identity::{self, login_is_member};
use crate::kernel::job::{Job, Run};
use crate::pg::process::bound_idle_time;
use pgrx::prelude::*;
use uuid::Uuid;

/// For how long a transaction that called `wo.tick()` may be idle, in milliseconds: it keeps the worker
/// from the jobs that it did until it ends.
const LONGEST_IDLE: i32 = 60_000;

/// Does what has to be done from time to time.
#[pg_extern(schema = "wo_private")]
#[search_path(pg_catalog, pg_temp)]
fn tick() -> TableIterator<'static, (name!(job, String), name!(done, i32))> {
    crate::kernel::version::check_tables();
    bound_idle_time(LONGEST_IDLE);
    let done: Vec<(String, i32)> = match identity::current() {
        Some(acting) => jobs()
            .iter()
            .filter(|job| matches!(job.run, Run::Tenant(_)))
            .map(|job| (job.name.to_owned(), done_for(job, &[acting.tenant])))
            .collect(),
        None if login_is_member("wo_admin") => {
            let tenants = open_tenants();
            jobs()
                .iter()
                .map(|job| match job.run {
                    Run::Tenant(_) => (job.name.to_owned(), done_for(job, &tenants)),
                    Run::Installation(_) => (job.name.to_owned(), done_for(job, &[Uuid::nil()])),
                })
                .collect()
        }
        None => crate::pg::error::refuse(identity::nobody()),
    };
    TableIterator::new(done)
}

fn done_for(job: &Job, tenants: &[Uuid]) -> i32 {
    tenants
        .iter()
        .filter_map(|tenant| run_for(job, *tenant))
        .fold(0, |sum, done| sum.saturating_add(done))
}
