//! The jobs. Each is done in bounded batches, and does no harm if it is done twice.

use crate::kernel::concept;
use crate::kernel::identity::{self, memory};
use crate::kernel::job::{Job, Run, WHOLE, When};
use std::sync::OnceLock;
use std::time::Duration;
use uuid::Uuid;

/// What is done before the jobs of the concepts.
const FIRST: &[Job] = &[Job {
    name: "attempts_recorded",
    when: When::Due(crate::service::refused_attempt::next_due),
    batch: 1,
    run: Run::Installation(crate::service::refused_attempt::record),
}];

/// What is done after them: last the one that may lock a whole table, so that `wo.tick()` does not do the
/// others meanwhile.
const LAST: &[Job] = &[
    crate::kernel::rollup::JOB,
    crate::kernel::schema_change::JOB,
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

static JOBS: OnceLock<Vec<&'static Job>> = OnceLock::new();

/// All jobs, in the order in which they are done: those of the concepts in the order of the concepts.
pub fn jobs() -> &'static [&'static Job] {
    JOBS.get_or_init(|| {
        let of_concepts = concept::all().flat_map(|concept| concept.jobs());
        FIRST.iter().chain(of_concepts).chain(LAST).collect()
    })
}

/// Checks that each job has a place in shared memory and a bit among the nudges; called once in a
/// backend.
///
/// # Panics
/// The concepts bring too many jobs. The library then does not load.
pub fn register() {
    let most = crate::pg::shared_memory::JOBS.min(32);
    assert!(jobs().len() <= most, "there are more than {most} jobs");
}

/// A job's bit among the nudges.
pub fn bit_of(name: &str) -> u32 {
    jobs().iter().position(|job| job.name == name).map_or(0, |index| 1 << index)
}

/// Does a job for one tenant, or for the installation where that is nil, in the current transaction.
/// Nothing where another process is at it just now.
pub fn run_for(job: &Job, tenant: Uuid) -> Option<i32> {
    // One runner at a time, until the transaction ends.
    if !job.lock_of(tenant).try_until_end() {
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
