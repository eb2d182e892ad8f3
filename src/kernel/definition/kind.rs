//! What a kind of definitions is.

use serde_json::Value;
use uuid::Uuid;
use wo_rules::lifecycle::Problem;

/// A kind of definitions.
pub struct Kind {
    /// Its name, which is that of its table.
    pub name: &'static str,
    /// The table's primary key.
    pub index: &'static str,
    /// Reads a document of a tenant and gives its name, or every problem that it has. Where nobody is acting there is
    /// no tenant, and what the tenant has is not looked up.
    pub validate: fn(Option<Uuid>, &Value) -> Result<String, Vec<Problem>>,
    /// The documents that wo_core brings: their publication releases them.
    pub shipped: &'static [(&'static str, &'static str)],
}
