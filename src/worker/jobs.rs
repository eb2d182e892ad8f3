//! The jobs. Each is done in bounded portions, and does no harm if it is done twice.

use uuid::Uuid;

/// For whom a job is done, and how; it gives how much it did.
pub enum Run {
    /// For one tenant at a time, in its name.
    Tenant(fn(Uuid) -> i32),
    /// Once for the whole database, in the name of the installation.
    Installation(fn() -> i32),
}

/// Something that has to be done from time to time.
pub struct Job {
    /// Its name, as `wo.tick()` reports it.
    pub name: &'static str,
    /// What it does.
    pub run: Run,
}

/// All jobs, in the order in which they are done.
pub const JOBS: &[Job] = &[
    Job { name: "children_settled", run: Run::Tenant(crate::hierarchy::tick::tell_masters) },
    Job { name: "approvals_escalated", run: Run::Tenant(crate::approval::escalation::escalate) },
    Job { name: "partitions_made", run: Run::Installation(crate::partition::make_ahead) },
];
