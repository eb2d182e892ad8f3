//! The fleet: the second system of the specification (spec/4, spec/5), call by call.

mod crew;
mod dispatch;
mod guide;
mod listing;
mod overdue;
mod overview;
mod pages;
mod permissions;
mod refusals;
mod snapshot;
mod state_limit;
mod template;
