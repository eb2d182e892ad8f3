//! What the guards of edges find.

use crate::kernel::concept::{self, Question};
use crate::kernel::work_order::record::row::WorkOrderRow;
use crate::kernel::work_order::record::unfinished;
use crate::pg::transaction::make_visible;
use uuid::Uuid;
use wo_rules::lifecycle::{Facts, Lifecycle, Transition};

/// What the guards of an edge found. `hold` keeps what was found from being undone before this
/// transaction ends.
///
/// # Errors
/// The id of a work order that the gates look at and that is being written; only with `hold`.
pub fn facts_for(
    tenant: Uuid,
    seen: &WorkOrderRow<'_>,
    lifecycle: &Lifecycle,
    edges: &[&Transition],
    hold: bool,
) -> Result<Facts, Uuid> {
    let question = Question { tenant, seen, lifecycle, edges, hold };
    if hold && unfinished::any_beside(seen.id()) {
        make_visible();
        let mut judged_by = concept::all().flat_map(|concept| concept.judged_by(&question));
        if let Some((id, _)) = judged_by.find(|(id, hash)| unfinished::is_unfinished(*id, hash)) {
            return Err(id);
        }
    }
    let sql_guards = edges.iter().flat_map(|edge| &edge.sql_guards);
    let mut facts = crate::kernel::lifecycle::facts(tenant, seen.id(), sql_guards);
    concept::all().for_each(|concept| concept.add_facts(&question, &mut facts));
    Ok(facts)
}
