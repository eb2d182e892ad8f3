//! What an evidence package says of the signatures of a work order, of their keys and delegations, and of the
//! children that they cover.

use super::content::hashes_of_rows;
use crate::kernel::concept::EvidenceSection;
use crate::kernel::document::{base64url, required, time};
use crate::kernel::work_order::tree::DESCENDANTS;
use crate::kernel::work_order::{Column, WorkOrderView};
use crate::pg::row::Row;
use crate::pg::statement::{Argument, Mode, statement, uuid as uuid_argument};
use serde_json::{Value, json};
use uuid::Uuid;
use wo_rules::approval::content::Covers;
use wo_rules::field::Field;
use wo_rules::refusal::Refusal;

statement!(
    CHILDREN,
    format!(
        "{DESCENDANTS}
     select child.*, exists (select from wo.waiver as waived
        where waived.tenant_id = $1 and waived.work_order_id = child.master_id and waived.child_id = child.id) as is_waived
     from wo.work_order as child where child.tenant_id = $1 and child.id in (select tree.id from tree)
     order by child.id"
    ),
    [UUIDOID, UUIDOID]
);
statement!(
    SIGNATURES,
    format!(
        "select coalesce(pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object('approval', given.id, 'role', given.role,
            'meaning', given.meaning, 'decision', given.decision, 'reason', given.reason, 'signer', given.signer,
            'printed_name', given.printed_name, 'on_behalf_of', given.on_behalf_of,
            'on_behalf_of_name', (select other.name from wo.principal as other
                where other.tenant_id = given.tenant_id and other.id = given.on_behalf_of),
            'delegation_id', given.delegation_id, 'key_id', given.key_id, 'public_key', {},
            'signed_at', {}, 'time_zone', given.time_zone,
            'state', case when given.withdrawn_at is not null then 'withdrawn' when given.voided_at is not null then 'void'
                when given.amended_at is not null then 'amended' else 'valid' end,
            'state_reason', given.state_reason,
            'state_at', {},
            'action', given.action, 'from_status', given.from_status, 'to_status', given.to_status,
            'covers', given.covers, 'payload', given.payload, 'signature', {})
            order by given.signed_at, given.id), '[]')
         from wo.approval as given
         join wo.signing_key as used on used.tenant_id = given.tenant_id and used.key_id = given.key_id
         where given.tenant_id = $1 and given.work_order_id = $2",
        base64url("used.public_key"),
        time("given.signed_at"),
        time("coalesce(given.withdrawn_at, given.voided_at, given.amended_at)"),
        base64url("given.signature")
    ),
    [UUIDOID, UUIDOID]
);
statement!(
    SIGNING_KEYS,
    format!(
        "select coalesce(pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object('key_id', used.key_id,
            'principal', used.principal, 'name', owner.name, 'public_key', {}, 'enrolled_by', used.enrolled_by,
            'enrolled_at', {}, 'verified_by', used.verified_by, 'verified_at', {}, 'verification', used.verification,
            'expires_at', {}, 'retired_at', {}, 'revoked_at', {}, 'revocation_reason', used.revocation_reason)
            order by used.key_id), '[]')
         from wo.signing_key as used
         join wo.principal as owner on owner.tenant_id = used.tenant_id and owner.id = used.principal
         where used.tenant_id = $1 and used.key_id in (select given.key_id from wo.approval as given
            where given.tenant_id = $1 and given.work_order_id = $2
            union select given.key_id from wo.act_signature as given
            where given.tenant_id = $1 and given.work_order_id = $2)",
        base64url("used.public_key"),
        time("used.enrolled_at"),
        time("used.verified_at"),
        time("used.expires_at"),
        time("used.retired_at"),
        time("used.revoked_at")
    ),
    [UUIDOID, UUIDOID]
);
statement!(
    ACTS,
    format!(
        "select coalesce(pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object('signature', given.id, 'kind', given.kind,
            'subject', given.subject, 'meaning', given.meaning, 'decision', given.decision, 'role', given.role,
            'reason', given.reason, 'signer', given.signer, 'printed_name', given.printed_name,
            'key_id', given.key_id, 'signed_at', {}, 'time_zone', given.time_zone)
            order by given.signed_at, given.id), '[]')
         from wo.act_signature as given where given.tenant_id = $1 and given.work_order_id = $2",
        time("given.signed_at")
    ),
    [UUIDOID, UUIDOID]
);
statement!(
    DELEGATIONS,
    format!(
        "with recursive chain (id) as (
            select given.delegation_id from wo.approval as given
            where given.tenant_id = $1 and given.work_order_id = $2 and given.delegation_id is not null
            union
            select above.parent_id from chain
            join wo.delegation as above on above.tenant_id = $1 and above.id = chain.id
            where above.parent_id is not null
         )
         select coalesce(pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object('id', made.id, 'parent_id', made.parent_id,
            'delegator', made.delegator, 'delegate', made.delegate, 'role', made.role, 'lifecycle', made.lifecycle,
            'meaning', made.meaning, 'starts_at', {}, 'ends_at', {}, 'reason', made.reason, 'created_at', {},
            'revoked_at', {}) order by made.id), '[]')
         from wo.delegation as made where made.tenant_id = $1 and made.id in (select chain.id from chain)",
        time("made.starts_at"),
        time("made.ends_at"),
        time("made.created_at"),
        time("made.revoked_at")
    ),
    [UUIDOID, UUIDOID]
);

/// The sections `children`, `signatures`, `signing_keys` and `delegations`, and `signed_acts` where there are some.
///
/// # Errors
/// 55000 `tables_damaged`.
pub fn sections(view: &WorkOrderView<'_>) -> Result<Vec<EvidenceSection>, Refusal> {
    let place = [uuid_argument(view.tenant), uuid_argument(view.seen.id())];
    let signatures = required(&SIGNATURES, &place, "the list of signatures")?;
    let delegations = required(&DELEGATIONS, &place, "the list of delegations")?;
    let keys = required(&SIGNING_KEYS, &place, "the list of keys")?;
    let acts = required(&ACTS, &place, "the list of signed acts")?;
    let mut sections = vec![
        EvidenceSection::new("children", &children(view.tenant, &place)),
        EvidenceSection::new("signatures", &signatures)
            .naming(&signatures, &["signer", "on_behalf_of"]),
        EvidenceSection::new("signing_keys", &keys),
        EvidenceSection::new("delegations", &delegations)
            .naming(&delegations, &["delegator", "delegate"]),
    ];
    if acts.as_array().is_some_and(|acts| !acts.is_empty()) {
        sections.push(EvidenceSection::new("signed_acts", &acts).naming(&acts, &["signer"]));
    }
    Ok(sections)
}

fn children(tenant: Uuid, place: &[Argument]) -> Value {
    CHILDREN.with(|statement| {
        statement.run(Mode::Latest, place, |rows| {
            let waived: Vec<bool> = (0..rows.count())
                .filter_map(|index| Row::of_rows(rows, index))
                .map(|row| row.required_named("is_waived"))
                .collect();
            let mut waived = waived.into_iter();
            hashes_of_rows(tenant, rows, |seen, hash| {
                json!({
                    "id": seen.id().to_string(),
                    "wo_number": seen.text(Column::WoNumber),
                    "title": seen.field::<String>(Field::Title),
                    "status": seen.text(Column::Status),
                    "required": seen.get::<bool>(Column::Required),
                    "content_sha256_plan": hash(Covers::Plan),
                    "content_sha256_result": hash(Covers::Result),
                    "waived": waived.next(),
                })
            })
            .into()
        })
    })
}
