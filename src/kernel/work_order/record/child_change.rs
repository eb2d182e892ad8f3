//! A change of a child record.

use serde_json::{Map, Value};

/// What happened to something that belongs to a work order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChildChange {
    /// What was done.
    pub action: &'static str,
    /// Why.
    pub reason: Option<String>,
    /// Old and new values: see [`wo_rules::audit::changes`].
    pub changes: String,
    /// Whether a signature of the work order may cover what was written.
    pub covered: bool,
    /// What its event says beside what every event says.
    pub data: Map<String, Value>,
}
