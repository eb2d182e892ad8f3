//! The jobs. Each is done in bounded batches, and does no harm if it is done twice.

use crate::kernel::identity::{self, memory};
use crate::pg::lock::{Lock, Purpose};
use std::time::Duration;
use uuid::Uuid;

/// For whom a job is done, and how; it gives how much it did.
#[derive(Clone, Copy)]
pub enum Run {
    /// For one tenant at a time, in its name.
    Tenant(fn(Uuid) -> i32),
    /// Once for the whole database, in the name of the installation.
    Installation(fn() -> i32),
}

/// When the worker does a job.
#[derive(Clone, Copy)]
pub enum When {
    /// So often.
    Every(fn() -> Duration),
    /// When something is due: when that is, in microseconds since 2000-01-01 UTC. Whoever makes
    /// something due says so by [`super::nudge`].
    Due(fn() -> Option<i64>),
}

/// Something that has to be done from time to time.
pub struct Job {
    /// Its name, as `wo.tick()` reports it.
    pub name: &'static str,
    /// When the worker does it.
    pub when: When,
    /// Having done so much at once, it is done again at once: there may be more.
    pub batch: i32,
    /// What it does.
    pub run: Run,
}

/// What is never done twice in a row.
const WHOLE: i32 = i32::MAX;

/// All jobs, in the order in which they are done: last the one that may lock a whole table, so that
/// `wo.tick()` does not do the others meanwhile.
pub const JOBS: &[Job] = &[
    Job {
        name: "attempts_recorded",
        when: When::Due(crate::service::refused_attempt::next_due),
        batch: 1,
        run: Run::Installation(crate::service::refused_attempt::record),
    },
    Job {
        name: "children_settled",
        when: When::Every(|| Duration::from_secs(60)),
        batch: 1000,
        run: Run::Tenant(crate::concept::hierarchy::tick::notify_masters),
    },
    Job {
        name: "approvals_escalated",
        when: When::Every(|| Duration::from_secs(30)),
        batch: 500,
        run: Run::Tenant(crate::concept::approval::escalation::escalate),
    },
    Job {
        name: "states_overdue",
        when: When::Every(|| Duration::from_secs(5)),
        batch: 500,
        run: Run::Tenant(crate::concept::deadline::notify_overdue),
    },
    Job {
        name: "expiries_told",
        when: When::Every(|| Duration::from_secs(60)),
        batch: 500,
        run: Run::Tenant(crate::concept::approval::expiry::notify_expiries),
    },
    Job {
        name: "hierarchy_checked",
        when: When::Every(|| Duration::from_secs(60)),
        batch: WHOLE,
        run: Run::Tenant(crate::concept::hierarchy::watch::check),
    },
    Job {
        name: "records_archived",
        when: When::Every(|| Duration::from_secs(600)),
        batch: 100,
        run: Run::Tenant(crate::service::retention::archive_records),
    },
    Job {
        name: "partitions_made",
        when: When::Every(|| Duration::from_secs(3600)),
        batch: WHOLE,
        run: Run::Installation(crate::kernel::partition::make_ahead),
    },
    Job {
        name: "parents_analyzed",
        when: When::Every(|| Duration::from_secs(3600)),
        batch: WHOLE,
        run: Run::Installation(crate::kernel::partition::analyze_parents),
    },
    Job {
        name: "checkpoint_kept",
        when: When::Every(crate::service::ledger::seal::interval),
        batch: WHOLE,
        run: Run::Installation(crate::service::ledger::seal::keep),
    },
    Job {
        name: "entries_sealed",
        when: When::Every(crate::service::ledger::seal::interval),
        batch: crate::service::ledger::seal::BATCH as i32,
        run: Run::Installation(crate::service::ledger::seal::seal),
    },
    Job {
        name: "months_archived",
        when: When::Every(|| Duration::from_secs(600)),
        batch: 1,
        run: Run::Installation(crate::service::retention::archive_months),
    },
];

const _: () = assert!(JOBS.len() <= crate::pg::shared_memory::JOBS && JOBS.len() <= 32);

/// A job's bit among the nudges.
pub fn bit_of(name: &str) -> u32 {
    JOBS.iter().position(|job| job.name == name).map_or(0, |index| 1 << index)
}

/// Does a job for one tenant, or for the installation where that is nil, in the current transaction.
/// Nothing where another process is at it just now.
pub fn run_for(job: &Job, tenant: Uuid) -> Option<i32> {
    if !try_lock(job, tenant) {
        return None;
    }
    let run = || match job.run {
        Run::Tenant(run) => run(tenant),
        Run::Installation(run) => run(),
    };
    // A member of the tenant does its tenant's jobs as themself.
    let acts_already = identity::memory::known_already().is_some_and(|it| it.tenant == tenant);
    Some(match acts_already {
        true => run(),
        false => memory::during(identity::of_a_job(tenant), run),
    })
}

/// One runner at a time, until the transaction ends.
fn try_lock(job: &Job, tenant: Uuid) -> bool {
    let name = [job.name.as_bytes(), tenant.as_bytes()].concat();
    Lock::new(Purpose::Job, &name).try_until_end()
}
