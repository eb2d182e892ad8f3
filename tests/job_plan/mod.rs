//! Job plans on a real cluster: the plan that a work order pins, what is recorded of its steps, and what leaves it as
//! it is.

pub mod bench;
mod children;
mod direct;
mod lasting;
mod pin;
mod qualification;
mod raw;
mod signed_acts;
mod task_type;
