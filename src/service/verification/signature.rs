//! The signatures of work orders, and of acts on them, verified.

use crate::pg::row::Row;
use crate::pg::statement::{Argument, Mode, Statement, statement};
use std::collections::HashMap;
use std::thread::LocalKey;
use uuid::Uuid;
use wo_rules::approval::act::{self, KeptAct};
use wo_rules::approval::kept::{Kept, REPEATED, why_broken};
use wo_rules::audit::Break;

statement!(
    SIGNATURES,
    "select given.*, used.public_key as used_public_key, used.principal as used_principal
     from wo.approval as given
     left join wo.signing_key as used on used.tenant_id = given.tenant_id and used.key_id = given.key_id
     where given.tenant_id = $1 and given.work_order_id = any($2)
     order by given.work_order_id, given.signed_at, given.id",
    [UUIDOID, UUIDARRAYOID]
);

statement!(
    ACTS,
    "select given.*, used.public_key as used_public_key, used.principal as used_principal
     from wo.act_signature as given
     left join wo.signing_key as used on used.tenant_id = given.tenant_id and used.key_id = given.key_id
     where given.tenant_id = $1 and given.work_order_id = any($2)
     order by given.work_order_id, given.signed_at, given.id",
    [UUIDOID, UUIDARRAYOID]
);

/// The first signature of each work order that proves nothing.
pub fn unproven(tenant: Uuid, arguments: &[Argument]) -> HashMap<Uuid, Break> {
    let why = |work_order, row: &Row| {
        kept_of(tenant, work_order, row).map(|(id, kept)| (id, why_broken(&kept)))
    };
    let of_act = |work_order, row: &Row| {
        kept_act_of(tenant, work_order, row).map(|(id, kept)| (id, act::why_broken(&kept)))
    };
    let mut all = first_broken(&SIGNATURES, arguments, why);
    for (work_order, wrong) in first_broken(&ACTS, arguments, of_act) {
        all.entry(work_order).or_insert(wrong);
    }
    all
}

/// The first row of each work order that proves nothing; `why` gives the signature's id, and what is wrong with it.
fn first_broken(
    statement: &'static LocalKey<Statement>,
    arguments: &[Argument],
    why: impl Fn(Uuid, &Row) -> Result<(String, Option<String>), &'static str>,
) -> HashMap<Uuid, Break> {
    statement.with(|statement| {
        statement.run(Mode::Latest, arguments, |rows| {
            let mut all = HashMap::new();
            for index in 0..rows.count() {
                let Some(row) = Row::of_rows(rows, index) else { continue };
                let work_order = row.required_uuid("work_order_id");
                let wrong = match why(work_order, &row) {
                    Err(column) => Some(Break::Null { column }),
                    Ok((approval, why)) => why.map(|why| Break::Signature { approval, why }),
                };
                if let Some(wrong) = wrong {
                    all.entry(work_order).or_insert(wrong);
                }
            }
            all
        })
    })
}

/// The public key that a signature names and whose it is; nothing of both where there is no such key.
fn key_of(row: &Row) -> (Vec<u8>, String) {
    let public_key = row.named("used_public_key").unwrap_or_default();
    let principal = row.named("used_principal").unwrap_or_default();
    (public_key, principal)
}

/// A signature's id, and what is checked of it.
///
/// # Errors
/// The first column that is NULL and must not be.
fn kept_of(tenant: Uuid, work_order: Uuid, row: &Row) -> Result<(String, Kept), &'static str> {
    let id = |id: pgrx::Uuid| Uuid::from_bytes(*id.as_bytes()).to_string();
    let value = |name: &str| -> Option<String> {
        match name {
            "delegation_id" => row.named(name).map(id),
            "record_version" => row.named::<i64>(name).map(|version| version.to_string()),
            "content_sha256" => row.named::<Vec<u8>>(name).map(hex::encode),
            _ => row.named(name),
        }
    };
    let (public_key, key_principal) = key_of(row);
    let kept = Kept {
        tenant_id: tenant.to_string(),
        work_order_id: work_order.to_string(),
        columns: REPEATED.iter().map(|name| (*name, value(name))).collect(),
        payload: row.named("payload").ok_or("payload")?,
        signature: row.named("signature").ok_or("signature")?,
        public_key,
        key_principal,
    };
    Ok((row.named("id").map(id).ok_or("id")?, kept))
}

/// The same of the signature of an act.
///
/// # Errors
/// The first column that is NULL and must not be.
fn kept_act_of(
    tenant: Uuid,
    work_order: Uuid,
    row: &Row,
) -> Result<(String, KeptAct), &'static str> {
    let value = |name: &str| -> Option<String> {
        match name {
            "content_sha256" => row.named::<Vec<u8>>(name).map(hex::encode),
            _ => row.named(name),
        }
    };
    let (public_key, key_principal) = key_of(row);
    let kept = KeptAct {
        tenant_id: tenant.to_string(),
        work_order_id: work_order.to_string(),
        columns: act::REPEATED.iter().map(|name| (*name, value(name))).collect(),
        content: row.named("content").ok_or("content")?,
        payload: row.named("payload").ok_or("payload")?,
        signature: row.named("signature").ok_or("signature")?,
        public_key,
        key_principal,
    };
    let id = row.named("id").map(|id: pgrx::Uuid| Uuid::from_bytes(*id.as_bytes()).to_string());
    Ok((id.ok_or("id")?, kept))
}
