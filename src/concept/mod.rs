//! Concepts: what the kernel's work orders are used for. Each may use the kernel and the concepts
//! that stand before it in [`ALL`].

pub mod approval;
pub mod deadline;
pub mod dispatch;
pub mod finding;
pub mod fleet;
pub mod hierarchy;
pub mod preflight;
#[cfg(feature = "sample_concept")]
mod sample;

use crate::kernel::concept::Concepts;

/// The concepts, in their order. A new concept adds one line here and its module above.
pub const ALL: Concepts = &[
    &finding::CONCEPT,
    &hierarchy::CONCEPT,
    &approval::CONCEPT,
    &deadline::CONCEPT,
    &dispatch::CONCEPT,
    &fleet::CONCEPT,
    &preflight::CONCEPT,
    #[cfg(feature = "sample_concept")]
    &sample::CONCEPT,
];
