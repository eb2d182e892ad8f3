//! The rules of lifecycles, as the design's tables state them: written out here a second time, so
//! that a definition and its document cannot drift apart unseen.

#![allow(clippy::unwrap_used)]

mod agreement;
mod automatic;
mod captured;
mod drawing;
mod fields;
mod flag;
mod gates;
mod matrix;
mod metadata;
mod rework;
mod support;
mod tables;
mod validation;
