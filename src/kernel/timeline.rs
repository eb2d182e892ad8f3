//! Timelines of events: a new one begins where a copy of the database goes on by itself.

use crate::kernel::configuration::record_of_installation;
use crate::kernel::event::next_timeline;
use crate::pg::error::{OrRefuse, refuse};
use pgrx::prelude::*;
use wo_rules::refusal::Refusal;

/// Begins a new timeline.
#[pg_extern(schema = "wo_private")]
#[search_path(pg_catalog, pg_temp)]
fn begin_timeline(reason: &str) -> i32 {
    if reason.trim().is_empty() {
        refuse(Refusal::reason_missing("a new timeline"));
    }
    crate::kernel::secret::check_argument("wo.begin_timeline", "reason", Some(reason)).or_refuse();
    begin_next(reason)
}

/// Begins the next timeline, on record in the installation's trail.
pub fn begin_next(reason: &str) -> i32 {
    let begun = next_timeline();
    let details = serde_json::json!({ "timeline": begun }).to_string();
    record_of_installation("timeline", "[\"timeline\"]", "begun", Some(reason.to_owned()), details);
    let text = format!("timeline {begun} of events begins: {reason}");
    pgrx::log!("{}", crate::pg::log::line(&text));
    begun
}
