//! Foreign keys: what a row names that does not exist, or what is removed although a row names it.

use super::Kind;
use crate::refusal::{Refusal, SqlState};

/// What the columns of a foreign key name, with what to do where it does not exist.
const REFERENCES: &[(&[&str], &str, &str)] = &[
    (&[""], "tenant", "wo.create_tenant(...) makes one."),
    (
        &["role", "author_role", "release_role"],
        "role",
        "select role from wo.role; lists those of the tenant; wo.create_role(...) adds one.",
    ),
    (
        &[
            "principal",
            "manager",
            "requester",
            "originator",
            "assignee",
            "signer",
            "delegator",
            "delegate",
            "overridden_by",
            "opened_by",
            "closed_by",
            "on_behalf_of",
            "applied_by",
            "performed_by",
            "received_from",
            "reviewed_by",
            "added_by",
        ],
        "principal",
        "select id from wo.principal; lists those of the tenant; wo.create_principal(...) adds one.",
    ),
    (&["task_type"], "task type", "select task_type from wo.task_type; lists those of the tenant."),
    (
        &["calendar"],
        "business calendar",
        "select name from wo.business_calendar; lists those of the tenant.",
    ),
    (&["engine"], "engine", "select engine from wo.engine; lists those of the tenant."),
    (
        &["lifecycle_lifecycle_version"],
        "version of a lifecycle",
        "select name, version from wo.lifecycle; lists those that were published.",
    ),
    (
        &["name_version"],
        "version of a job plan",
        "select name, version from wo.job_plan; lists those that were published.",
    ),
    (
        &["work_order_id_corrects", "work_order_id_concerns"],
        "result of a step",
        "select * from wo.steps(...); shows the results of a work order.",
    ),
    (
        &["document"],
        "registered document",
        "select document from wo.registered_document; lists those of the tenant.",
    ),
    (
        &["work_order_id_supersedes", "work_order_id_deliverable_id"],
        "version of a deliverable",
        "select * from wo.deliverables(...); shows those of a work order.",
    ),
    (&["key_id"], "signing key", "select key_id from wo.signing_key; lists those of the tenant."),
    (
        &["parent_id", "delegation_id"],
        "delegation",
        "select id from wo.delegation; lists those of the tenant.",
    ),
    (
        &["work_order_id_approval_id"],
        "signature",
        "select * from wo.signatures(...); lists those of a work order.",
    ),
    (
        &["work_order_id_signature_id"],
        "signature of an act",
        "select * from wo.act_signatures(...); lists those of a work order.",
    ),
    (
        &["work_order_id", "child_id", "master_id", "successor_id", "predecessor_id"],
        "work order",
        "Name a work order of the tenant.",
    ),
];

/// The answer to a foreign key, whose name says its table and its columns; nothing for one of somebody else.
pub(super) fn of_reference(constraint: &str, kind: Kind) -> Option<Refusal> {
    let name =
        constraint.trim_end_matches(|last: char| last.is_ascii_digit()).strip_suffix("_fkey")?;
    let (table, columns) = match name.split_once("_tenant_id_") {
        Some(parts) => parts,
        None => (name.strip_suffix("_tenant_id")?, ""),
    };
    let (_, what, hint) = REFERENCES.iter().find(|(all, ..)| all.contains(&columns))?;
    Some(match kind {
        Kind::Referenced => Refusal::new(
            SqlState::ReferenceMissing,
            "row_in_use",
            format!("a row of wo.{table} names this {what}"),
        )
        .hint("Change those rows first."),
        _ => Refusal::new(
            SqlState::ReferenceMissing,
            "reference_unknown",
            format!("wo.{table} names a {what} that does not exist"),
        )
        .with("column", if columns.is_empty() { "tenant_id" } else { columns })
        .hint(hint),
    })
}

/// Whether a foreign key of that name has an answer.
pub fn answers_reference(constraint: &str) -> bool {
    of_reference(constraint, Kind::Reference).is_some()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_foreign_key_says_what_does_not_exist() {
        let of = of_reference;
        let role = of("principal_role_tenant_id_role_fkey", Kind::Reference).unwrap();
        assert_eq!(role.code, "reference_unknown");
        assert_eq!(role.message, "wo.principal_role names a role that does not exist");
        assert!(role.hint.contains("wo.create_role"), "{}", role.hint);
        let tenant = of("role_tenant_id_fkey", Kind::Reference).unwrap();
        assert_eq!(tenant.message, "wo.role names a tenant that does not exist");
        let used = of("approval_sla_tenant_id_calendar_fkey", Kind::Referenced).unwrap();
        assert_eq!(used.message, "a row of wo.approval_sla names this business calendar");
        assert_eq!(of("dbas_own_fkey", Kind::Reference), None);
    }
}
