//! What has to be done from time to time, by the background worker or by `wo.tick()`.
//!
//! Where the library is preloaded, a launcher starts a worker for each database of
//! `wo_core.databases`. The worker wakes subscribers of events, and does the jobs when they are due.
//! Nothing depends on it to be right: without it `wo.tick()` does the jobs, and each commit wakes its
//! subscribers itself.

mod health;
mod jobs;
mod launcher;
pub mod pump;
mod serve;
mod status;
mod tick;

pub use health::{backlog, consumers};

use crate::pg::shared_memory as shared;
use crate::pg::transaction::{End, at_end};
use crate::pg::{background, setting};
use std::cell::Cell;
use std::sync::atomic::Ordering::SeqCst;

thread_local! {
    /// The jobs to be asked for when this transaction commits, a bit each.
    static NUDGES: Cell<u32> = const { Cell::new(0) };
}

/// Asks for shared memory and the launcher, where the library is preloaded; does nothing elsewhere.
pub fn reserve() {
    if setting::is_being_preloaded() {
        shared::reserve();
        launcher::register();
    }
}

/// Has the worker do a job as soon as this transaction has committed, where there is a worker.
pub fn nudge(job: &str) {
    NUDGES.set(NUDGES.get() | jobs::bit_of(job));
}

/// Has the worker do a job at once, whatever becomes of this transaction.
pub fn nudge_now(job: &str) {
    if let Some(site) = shared::own_site() {
        ask(site, jobs::bit_of(job));
    }
}

fn ask(site: &shared::Site, jobs: u32) {
    if site.nudges.fetch_or(jobs, SeqCst) & jobs != jobs {
        site.wake();
    }
}

/// Registers the hooks of transactions; called once in a backend.
pub fn register() {
    background::register(launcher::launch, serve::work);
    jobs::register();
    pump::register();
    at_end(|end| {
        let nudges = NUDGES.replace(0);
        if end == End::Committed
            && nudges != 0
            && let Some(site) = shared::own_site()
        {
            ask(site, nudges);
        }
    });
}
