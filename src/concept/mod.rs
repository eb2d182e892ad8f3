//! Concepts: what the kernel's work orders are used for. Each may use the kernel and the concepts
//! that stand before it in [`ALL`].

pub mod approval;
pub mod credential;
pub mod deadline;
pub mod deliverable;
pub mod dispatch;
pub mod document;
pub mod finding;
pub mod fleet;
pub mod hierarchy;
pub mod job_plan;
pub mod preflight;
pub mod release;
#[cfg(feature = "sample_concept")]
mod sample;

use crate::kernel::concept::Concepts;

/// The concepts, in their order. A new concept adds one line here and its module above.
pub const ALL: Concepts = &[
    &finding::CONCEPT,
    &hierarchy::CONCEPT,
    &approval::CONCEPT,
    &deadline::CONCEPT,
    &job_plan::CONCEPT,
    &credential::CONCEPT,
    &deliverable::CONCEPT,
    &document::CONCEPT,
    &dispatch::CONCEPT,
    &fleet::CONCEPT,
    &preflight::CONCEPT,
    &release::CONCEPT,
    #[cfg(feature = "sample_concept")]
    &sample::CONCEPT,
];
