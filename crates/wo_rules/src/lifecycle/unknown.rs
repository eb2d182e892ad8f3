//! What is answered where a tenant has no lifecycle of a name.

use crate::refusal::{Refusal, SqlState};

/// The refusal of a lifecycle that the tenant does not have; its default one where there is no name.
pub fn unknown(name: Option<&str>) -> Refusal {
    let shown: String = name.unwrap_or("the tenant's default").chars().take(63).collect();
    Refusal::new(
        SqlState::BadValue,
        "lifecycle_unknown",
        format!("the tenant has no lifecycle \"{shown}\""),
    )
    .with("lifecycle", shown)
    .hint("select distinct name from wo.lifecycle; lists those that were published.")
}
