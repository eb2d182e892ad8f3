//! The function that callers use.

use super::grant::{Chosen, storing};
use super::key;
use crate::kernel::identity;
use crate::kernel::work_order;
use crate::pg::error::{OrRefuse, damaged};
use crate::pg::setting;
use crate::pg::statement::{Mode, Rows, statement, text, uuid as uuid_argument};
use pgrx::prelude::*;
use serde_json::{Value, json};
use wo_rules::credential::grant::Claims;
use wo_rules::refusal::Refusal;
use wo_rules::time::{unix_seconds, utc};
use wo_rules::work_order::write_suppressed;

// What the enforcement layer fills in has to be something until then.
statement!(
    GRANT,
    "insert into wo.credential_grant as granted (tenant_id, work_order_id, jti, step, credential, reference, expires_at)
     values ($1, $2, $3, $4, $5, '', 'epoch')
     returning granted.step, granted.credential, granted.reference, granted.principal, granted.expires_at,
        (select numbered.wo_number from wo.work_order as numbered where numbered.tenant_id = $1 and numbered.id = $2)",
    [UUIDOID, UUIDOID, UUIDOID, TEXTOID, TEXTOID]
);

/// Grants the caller a credential for a step, and returns the reference with a token for the vault.
#[pg_extern(schema = "wo_private")]
#[search_path(pg_catalog, pg_temp)]
fn request_credential(
    work_order: Option<&str>,
    step: Option<&str>,
    name: Option<&str>,
) -> pgrx::JsonB {
    crate::kernel::version::check_tables();
    let [work_order, step, name] = [work_order, step, name].map(Option::unwrap_or_default);
    pgrx::JsonB(request(work_order, step, name).or_refuse())
}

fn request(work_order: &str, step: &str, name: &str) -> Result<Value, Refusal> {
    let tenant = identity::required()?.tenant;
    let id = work_order::find(tenant, work_order)?;
    // Nothing is recorded where nothing can be signed.
    let key = key::read()?;
    let lifetime = i64::from(setting::CREDENTIAL_LIFETIME.get());
    let jti = work_order::new_id(identity::now());
    let arguments =
        [uuid_argument(tenant), uuid_argument(id), uuid_argument(jti), text(step), text(name)];
    let (iss, aud) = setting::credential_parties();
    let read = |rows: &Rows| {
        (rows.count() > 0).then(|| {
            let exp = unix_seconds(rows.required_timestamp(0, 5));
            Claims {
                iss,
                aud,
                sub: rows.required(0, 4),
                jti,
                tenant,
                work_order: rows.required(0, 6),
                step: rows.required(0, 1),
                credential: rows.required(0, 2),
                reference: rows.required(0, 3),
                iat: exp - lifetime,
                nbf: exp - lifetime,
                exp,
            }
        })
    };
    let claims = storing(Chosen { jti, lifetime }, || {
        GRANT.with(|statement| statement.run(Mode::Write, &arguments, read))
    });
    let claims = claims.ok_or_else(|| write_suppressed("credential_grant"))?;
    let token = key.sign(&claims).map_err(|why| damaged(&why))?;
    Ok(json!({
        "reference": claims.reference,
        "token": token.as_str(),
        "expires_at": utc(wo_rules::time::from_unix_seconds(claims.exp)),
    }))
}
