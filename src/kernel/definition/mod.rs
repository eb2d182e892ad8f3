//! Controlled definitions: documents that are published as numbered versions, released and retired. Lifecycles are a
//! kind of the kernel's own; a concept adds a kind by registering its table's name and a validator.

mod api;
pub mod kind;
pub mod notification;
mod policy;
pub mod stored;
pub mod write;

use crate::kernel::concept;
use crate::kernel::lifecycle;
use crate::pg::error::damaged;
use crate::pg::row::Row;
use serde_json::Value;
use wo_rules::definition as rules;
use wo_rules::lifecycle::Problem;
use wo_rules::refusal::Refusal;

pub use kind::Kind;

/// The kinds.
pub fn kinds() -> impl Iterator<Item = &'static Kind> {
    [&lifecycle::KIND].into_iter().chain(concept::all().flat_map(|one| one.definition_kinds()))
}

/// The kind of that name.
///
/// # Errors
/// 22023 `definition_kind_unknown`.
pub fn kind(name: &str) -> Result<&'static Kind, Refusal> {
    let known = rules::kind(name)?;
    kinds()
        .find(|kind| kind.name == known)
        .ok_or_else(|| damaged(&format!("no concept has the kind {known}")))
}

/// A document as it was read, or one problem where it is nested too deeply or holds a number out of range.
fn read(document: &str) -> Result<Value, Vec<Problem>> {
    wo_rules::json::parse(document)
        .map_err(|refusal| vec![Problem { pointer: String::new(), problem: refusal.message }])
}

/// Checks a row of `wo.definition_policy` that is to be stored.
///
/// # Errors
/// 22023 `definition_kind_unknown`; 23514 `policy_incomplete`.
pub fn check_policy(row: &Row) -> Result<(), Refusal> {
    // Where it is missing, NOT NULL refuses the row, and the CHECK a way of release that is none.
    let Some(name) = row.named::<String>("kind") else { return Ok(()) };
    let kind = kind(&name)?;
    policy::in_row(row).map_or(Ok(()), |policy| policy.check(kind.name))
}
