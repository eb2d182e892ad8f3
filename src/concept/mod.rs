//! Concepts: what the kernel's work orders are used for. Each may use the kernel and the concepts
//! that stand before it in this list.

pub mod approval;
pub mod deadline;
pub mod dispatch;
pub mod finding;
pub mod fleet;
pub mod hierarchy;
