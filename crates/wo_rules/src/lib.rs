//! The functional core of `wo_core`: what a work order *is*, with no PostgreSQL in it.
//!
//! Data flows one way: the shell reads a row, makes a value of it, asks a function here for a
//! verdict, and writes the verdict back. Nothing here reads a clock, a table or a setting.

pub mod approval;
pub mod audit;
pub mod calendar;
pub mod constraint;
pub mod consumer;
pub mod credential;
pub mod deadline;
pub mod definition;
pub mod deliverable;
pub mod dispatch;
pub mod document;
pub mod event;
pub mod evidence;
pub mod field;
pub mod finding;
pub mod health;
pub mod hierarchy;
pub mod identity;
pub mod install;
pub mod job_plan;
pub mod json;
pub mod ledger;
pub mod lifecycle;
pub mod list;
pub mod lock;
pub mod naming;
pub mod number;
pub mod picture;
pub mod preflight;
pub mod reference;
pub mod refusal;
pub mod refused_attempt;
pub mod release;
pub mod request;
pub mod retention;
pub mod rollup;
#[cfg(feature = "sample_concept")]
#[path = "../../../src/concept/sample/rules.rs"]
pub mod sample;
pub mod schema;
pub mod schema_change;
pub mod secret;
pub mod template;
pub mod time;
pub mod work_order;
pub mod worker;
