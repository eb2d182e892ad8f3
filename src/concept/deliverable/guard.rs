//! The guard `deliverables_received`.

use super::stored::Stored;
use crate::kernel::concept::Question;
use crate::pg::error::OrRefuse;
use wo_rules::deliverable::{guard, standings};
use wo_rules::lifecycle::{Facts, Guard};

/// Adds what it finds, where one of the edges asks for it. Versions and reviews are written under the lock of the
/// work order, which the one who takes an edge holds.
pub fn add_facts(question: &Question<'_>, facts: &mut Facts) {
    let is_ours = |guard: &Guard| *guard == Guard::DeliverablesReceived;
    if !question.edges.iter().any(|edge| edge.all_guards().any(is_ours)) {
        return;
    }
    let stored = Stored::latest(question.tenant, question.seen.id()).or_refuse();
    let rows = stored.rows().or_refuse();
    let found = guard::fact(&standings(&stored.expected, &rows.received, &rows.reviews));
    if let Some(fact) = found {
        facts.attached.insert(guard::NAME.to_owned(), fact);
    }
}
