//! Which signatures count now, for the gates that wait for them.

use super::content::links_of_children;
use super::{children_of, hash_of, requirement};
use crate::kernel::work_order::WorkOrderRow;
use crate::pg::run_as::as_trail;
use crate::pg::statement::{Mode, Rows, statement, uuid as uuid_argument};
use uuid::Uuid;
use wo_rules::approval::content::Covers;
use wo_rules::approval::payload::Payload;
use wo_rules::approval::signer::Signed;
use wo_rules::lifecycle::{CollectedApproval, Facts, Guard, Lifecycle, Transition};

statement!(
    STANDING,
    "select signed.id, signed.action, signed.role, signed.meaning, signed.covers, signed.content_sha256,
        signed.signer, signed.on_behalf_of, signed.payload
     from wo.approval as signed
     where signed.tenant_id = $1 and signed.work_order_id = $2 and signed.decision = 'approved'
        and signed.meaning <> 'waiver' and signed.amended_at is null and signed.voided_at is null and signed.withdrawn_at is null
     order by signed.signed_at, signed.id",
    [UUIDOID, UUIDOID]
);

/// A signature that nothing has happened to since.
pub struct SignatureStatus {
    /// The signature.
    pub id: Uuid,
    /// Who signed for what.
    pub signed: Signed,
    /// What it says.
    pub meaning: String,
    covers: Option<Covers>,
    content: Vec<u8>,
    payload: String,
}

/// The signatures of a work order that nothing has happened to since.
pub fn signature_status(tenant: Uuid, work_order: Uuid) -> Vec<SignatureStatus> {
    let arguments = [uuid_argument(tenant), uuid_argument(work_order)];
    as_trail(|| {
        STANDING.with(|statement| {
            statement.run(Mode::Latest, &arguments, |rows| {
                (0..rows.count()).filter_map(|row| signature_status_at(rows, row)).collect()
            })
        })
    })
}

fn signature_status_at(rows: &Rows, row: usize) -> Option<SignatureStatus> {
    let text = |column: i32| rows.get::<String>(row, column);
    Some(SignatureStatus {
        id: rows.get::<pgrx::Uuid>(row, 1).map(|id| Uuid::from_bytes(*id.as_bytes()))?,
        signed: Signed {
            action: text(2)?,
            role: text(3)?,
            signer: text(7)?,
            on_behalf_of: text(8),
        },
        meaning: text(4)?,
        covers: text(5).as_deref().and_then(Covers::parse),
        content: rows.get(row, 6)?,
        payload: text(9)?,
    })
}

impl SignatureStatus {
    /// Whether it covers other work orders beside its own.
    pub fn covers_children(&self) -> bool {
        self.payload.contains("\"children\":[{")
    }

    /// Whether what it covers is still what was signed.
    pub fn is_unamended(&self, tenant: Uuid, seen: &WorkOrderRow<'_>) -> bool {
        let Some(covers) = self.covers else { return false };
        if hash_of(tenant, seen, covers)[..] != self.content[..] {
            return false;
        }
        if !self.covers_children() {
            return true;
        }
        Payload::read(self.payload.as_bytes())
            .is_ok_and(|payload| payload.children == children_of(tenant, seen.id(), covers, false))
    }
}

/// The work orders, beside its own, that the signatures for these edges look at, each with the hash of its
/// chain.
pub fn judged_by(
    tenant: Uuid,
    seen: &WorkOrderRow<'_>,
    edges: &[&Transition],
) -> Vec<(Uuid, Vec<u8>)> {
    let actions = |one: &SignatureStatus| edges.iter().any(|edge| edge.action == one.signed.action);
    let covers_children = signature_status(tenant, seen.id())
        .iter()
        .any(|one| one.covers_children() && (actions(one) || asks_for_plan(edges)));
    match covers_children {
        true => links_of_children(tenant, seen.id()),
        false => Vec::new(),
    }
}

fn asks_for_plan(edges: &[&Transition]) -> bool {
    edges.iter().any(|edge| edge.guards.contains(&Guard::PlanApprovalsUnamended))
}

/// Adds the signatures that count now, and what the tenant asks for beyond the lifecycle.
pub fn add_facts(
    tenant: Uuid,
    seen: &WorkOrderRow<'_>,
    lifecycle: &Lifecycle,
    edges: &[&Transition],
    facts: &mut Facts,
) {
    let additional = requirement::of_lifecycle(tenant, lifecycle.name());
    if !additional.is_empty() {
        facts.additional_approvals.clone_from(&additional);
    }
    let asks = |edge: &&Transition| {
        !edge.approvals.is_empty()
            || edge.guards.contains(&Guard::PlanApprovalsUnamended)
            || facts.additional_approvals.iter().any(|(action, _)| *action == edge.action)
    };
    if !edges.iter().any(asks) {
        return;
    }
    facts.approvals = collected(tenant, seen, &signature_status(tenant, seen.id()));
}

/// Those that count now: what they cover is still what was signed.
pub fn collected(
    tenant: Uuid,
    seen: &WorkOrderRow<'_>,
    standing: &[SignatureStatus],
) -> Vec<CollectedApproval> {
    standing
        .iter()
        .filter(|one| one.is_unamended(tenant, seen))
        .map(|one| CollectedApproval {
            action: one.signed.action.clone(),
            role: one.signed.role.clone(),
            meaning: one.meaning.clone(),
        })
        .collect()
}
