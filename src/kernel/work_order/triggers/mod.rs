//! The triggers of `wo.work_order`: before a write it is checked, after it the trail, the event and the
//! effects follow.

mod audit;
mod defaults;
mod end;
pub mod facts;
mod filled;
mod generated;
mod given;
mod link;
pub mod number;
pub mod request;
mod system_columns;
mod title;
mod validate;

pub use end::at_regulatory_end;
