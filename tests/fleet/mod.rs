//! The fleet: the second system of the specification (spec/4, spec/5), call by call.

mod blockers;
mod crew;
mod dispatch;
mod guide;
mod limits_of_versions;
mod listing;
mod overdue;
mod overview;
mod pages;
mod permissions;
mod preflight;
mod refusals;
mod snapshot;
mod state_limit;
mod template;
