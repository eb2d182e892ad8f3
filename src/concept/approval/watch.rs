//! Whether what a tenant has configured of approvals reaches anybody.

use super::{escalation, requirement};
use crate::kernel::identity::{self, actor::all_tenants};
use crate::pg::error::OrRefuse;
use uuid::Uuid;
use wo_rules::health::{self as rules, Finding};

/// What is wrong in the caller's tenant, or in all, and then not in which.
pub fn health() -> Vec<Finding> {
    match identity::current() {
        Some(acting) => vec![rules::approvals(&problems(acting.tenant), None)],
        None => {
            let all: Vec<Vec<String>> = all_tenants().into_iter().map(problems).collect();
            let tenants = all.iter().filter(|problems| !problems.is_empty()).count();
            vec![rules::approvals(&all.concat(), Some(tenants))]
        }
    }
}

fn problems(tenant: Uuid) -> Vec<String> {
    let mut problems = escalation::notifying_nobody(tenant).or_refuse();
    problems.extend(requirement::never_asked_for(tenant).or_refuse());
    problems
}
