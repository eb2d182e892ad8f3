//! Vault and OpenBao: the JWT login, a KV engine of version 2, and the end of the grant.
//!
//! The token that the login gives is good for three requests: which versions there are, the secret, and the last one,
//! which disables the identity that the vault keeps of this grant. From then on the vault refuses the grant itself.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};
use wo_rules::secret::reference::Reference;
use zeroize::Zeroizing;

use super::http::Site;
use super::{Got, Grant, Vaults, cannot_ask, refused, role_name};
use crate::Stop;

#[derive(Deserialize)]
struct Login {
    auth: Auth,
}

#[derive(Deserialize)]
struct Auth {
    client_token: String,
    entity_id: String,
}

/// An answer of the vault.
#[derive(Deserialize)]
struct Of<T> {
    data: T,
}

#[derive(Deserialize)]
struct Metadata {
    current_version: u64,
    versions: BTreeMap<String, State>,
}

#[derive(Deserialize)]
struct State {
    deletion_time: String,
    destroyed: bool,
}

#[derive(Deserialize)]
struct Secret {
    data: Option<BTreeMap<String, Value>>,
    metadata: Version,
}

#[derive(Deserialize)]
struct Version {
    version: u64,
}

/// A login to the vault with a grant.
struct Session<'v> {
    site: &'v Site,
    token: Zeroizing<String>,
    entity: String,
}

impl Session<'_> {
    fn headers(&self) -> [(&str, &str); 1] {
        [("X-Vault-Token", &self.token)]
    }

    /// Uses the grant up; gives whether that is done.
    fn end(&self) -> bool {
        let path = format!("v1/identity/entity/id/{}", self.entity);
        let ended = self.site.post(&path, &self.headers(), &json!({ "disabled": true }));
        ended.is_ok_and(|answer| (200..300).contains(&answer.status))
    }
}

/// Exchanges a grant for the secret.
///
/// # Errors
/// What the vault refuses, or has no more; a vault that cannot be asked.
pub fn exchange(grant: &Grant, vaults: &Vaults) -> Result<Got, Stop> {
    let address = vaults.address.as_deref().ok_or_else(|| {
        cannot_ask("where is the vault? Give --vault-addr, or set BAO_ADDR or VAULT_ADDR")
    })?;
    let site = Site::new(address, vaults.namespace.as_deref(), vaults.ca_certificate.as_deref())?;
    let claims = &grant.claims;
    let role = match &vaults.role {
        Some(role) => role.clone(),
        None => role_name(claims.tenant, &grant.reference),
    };
    let login = json!({ "role": role, "jwt": grant.token.as_str() });
    let answer = site.post(&format!("v1/auth/{}/login", vaults.auth_mount), &[], &login)?;
    match answer.status {
        200 => {}
        400..500 => {
            return Err(refused(format!(
                "the vault does not accept the grant for role {role}: {}",
                answer.complaint()
            )));
        }
        _ => return Err(cannot_ask(format!("the vault cannot answer: {}", answer.complaint()))),
    }
    let Auth { client_token, entity_id } = answer.read::<Login>("the vault")?.auth;
    let session = Session { site: &site, token: Zeroizing::new(client_token), entity: entity_id };
    let got = read(grant, &session);
    // Before anybody sees the secret, and where there is none too.
    let is_ended = session.end();
    let mut got = got?;
    if !is_ended {
        got.warnings.push(
            "the vault did not let the grant be used up: it can be used again until it expires"
                .to_owned(),
        );
    }
    Ok(got)
}

fn read(grant: &Grant, session: &Session<'_>) -> Result<Got, Stop> {
    let Reference::Vault { mount, path, field, version } = &grant.reference else {
        return Err(cannot_ask("the reference is to another vault"));
    };
    let reference = &grant.claims.reference;
    let answer = session.site.get(&format!("v1/{mount}/metadata/{path}"), &session.headers())?;
    let newest = match answer.status {
        200 => {
            let Of { data } = answer.read::<Of<Metadata>>("the vault")?;
            check(reference, version.unwrap_or(data.current_version), &data)?;
            Some(data.current_version)
        }
        // Who may not see the versions may still read the secret.
        403 => None,
        404 => return Err(refused(format!("the vault has no secret at {reference}"))),
        _ => return Err(cannot_ask(format!("the vault cannot answer: {}", answer.complaint()))),
    };
    let query = version.map_or(String::new(), |version| format!("?version={version}"));
    let answer = session.site.get(&format!("v1/{mount}/data/{path}{query}"), &session.headers())?;
    match answer.status {
        200 => {}
        404 => {
            return Err(refused(format!(
                "the vault has no such version of {reference}: it was deleted, destroyed, or never there"
            )));
        }
        400..500 => {
            return Err(refused(format!(
                "the vault does not give {reference}: {}",
                answer.complaint()
            )));
        }
        _ => return Err(cannot_ask(format!("the vault cannot answer: {}", answer.complaint()))),
    }
    let Of { data: Secret { data, metadata } } = answer.read::<Of<Secret>>("the vault")?;
    let mut fields = data.unwrap_or_default();
    let secret = match fields.remove(field) {
        Some(Value::String(text)) => Zeroizing::new(text.into_bytes()),
        Some(other) => Zeroizing::new(other.to_string().into_bytes()),
        None => return Err(refused(format!("the secret at {reference} has no such field"))),
    };
    Ok(Got::new(grant, secret, metadata.version, newest))
}

/// Whether the version can be read.
fn check(reference: &str, version: u64, metadata: &Metadata) -> Result<(), Stop> {
    let newest = metadata.current_version;
    let why = match metadata.versions.get(&version.to_string()) {
        None => "is not there".to_owned(),
        Some(state) if state.destroyed => "was destroyed".to_owned(),
        Some(state) if !state.deletion_time.is_empty() => {
            format!("was deleted at {}", super::said(&state.deletion_time))
        }
        Some(_) => return Ok(()),
    };
    Err(refused(format!("version {version} of {reference} {why}; the newest is {newest}")))
}
