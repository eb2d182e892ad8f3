//! Services: what runs beside the work orders, over the concepts and the kernel.

pub mod evidence;
pub mod ledger;
pub mod refused_attempt;
pub mod retention;
pub mod worker;
