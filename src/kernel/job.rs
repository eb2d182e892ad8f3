//! What has to be done from time to time: the background worker or `wo.tick()` does it.

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
    /// Each time that so much time has passed.
    Every(fn() -> Duration),
    /// When something is due: when that is, in microseconds since 2000-01-01 UTC. The code that makes
    /// something due notifies the worker.
    Due(fn() -> Option<i64>),
}

/// Something that has to be done from time to time, in bounded batches. It does no harm if it is done
/// twice.
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

impl Job {
    /// The lock that keeps others from doing it meanwhile, for a tenant or, nil, for the installation.
    pub fn lock_of(&self, tenant: Uuid) -> Lock {
        Lock::new(Purpose::Job, &[self.name.as_bytes(), tenant.as_bytes()].concat())
    }
}

/// The batch of a job that is never done twice in a row.
pub const WHOLE: i32 = i32::MAX;
