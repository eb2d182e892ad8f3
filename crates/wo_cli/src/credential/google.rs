//! Google Secret Manager, reached by workload identity federation: the grant is exchanged for an access token of
//! Google's, and that for the secret.

use base64ct::{Base64, Encoding};
use serde::Deserialize;
use serde_json::json;
use wo_rules::secret::reference::Reference;
use zeroize::Zeroizing;

use super::http::Site;
use super::{Got, Grant, Vaults, cannot_ask, refused};
use crate::Stop;

#[derive(Deserialize)]
struct AccessToken {
    access_token: String,
}

#[derive(Deserialize)]
struct Accessed {
    name: String,
    payload: Payload,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Payload {
    data: String,
    data_crc32c: Option<String>,
}

#[derive(Deserialize)]
struct Named {
    name: String,
}

/// The number at the end of the name of a version.
fn number(name: &str) -> Option<u64> {
    name.rsplit_once("/versions/")?.1.parse().ok()
}

/// CRC-32C (Castagnoli), which Secret Manager gives along with the data.
fn crc32c(bytes: &[u8]) -> u32 {
    let step = |crc: u32, _| if crc & 1 == 1 { (crc >> 1) ^ 0x82F6_3B78 } else { crc >> 1 };
    !bytes.iter().fold(u32::MAX, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), step))
}

/// Exchanges a grant for the secret.
///
/// # Errors
/// What Google refuses, or has no more; a service that cannot be asked.
pub fn exchange(grant: &Grant, vaults: &Vaults) -> Result<Got, Stop> {
    let Reference::GoogleSecretManager { project, secret, version } = &grant.reference else {
        return Err(cannot_ask("the reference is to another vault"));
    };
    let provider = vaults.google_provider.as_deref().ok_or_else(|| {
        cannot_ask("which provider of workload identity knows the key? Give --google-provider")
    })?;
    let ca = vaults.ca_certificate.as_deref();
    let sts = Site::new(&vaults.google_sts, None, ca)?;
    let answer = sts.post(
        "v1/token",
        &[],
        &json!({
            "audience": format!("//iam.googleapis.com/{provider}"),
            "grantType": "urn:ietf:params:oauth:grant-type:token-exchange",
            "requestedTokenType": "urn:ietf:params:oauth:token-type:access_token",
            "scope": "https://www.googleapis.com/auth/cloud-platform",
            "subjectTokenType": "urn:ietf:params:oauth:token-type:jwt",
            "subjectToken": grant.token.as_str(),
        }),
    )?;
    match answer.status {
        200 => {}
        400..500 => {
            return Err(refused(format!(
                "Google does not accept the grant: {}",
                answer.complaint()
            )));
        }
        _ => return Err(cannot_ask(format!("Google cannot answer: {}", answer.complaint()))),
    }
    let AccessToken { access_token } = answer.read("Google")?;
    let bearer = Zeroizing::new(format!("Bearer {access_token}"));
    let headers = [("Authorization", bearer.as_str())];
    let manager = Site::new(&vaults.google_secret_manager, None, ca)?;
    let reference = &grant.claims.reference;
    let all = format!("v1/projects/{project}/secrets/{secret}/versions");
    let wanted = version.map_or("latest".to_owned(), |version| version.to_string());
    let answer = manager.get(&format!("{all}/{wanted}:access"), &headers)?;
    match answer.status {
        200 => {}
        400..500 => {
            return Err(refused(format!(
                "Google does not give {reference}: {}",
                answer.complaint()
            )));
        }
        _ => return Err(cannot_ask(format!("Google cannot answer: {}", answer.complaint()))),
    }
    let Accessed { name, payload } = answer.read("Google")?;
    let damaged = || cannot_ask("Google does not answer as it should");
    let used = number(&name).ok_or_else(damaged)?;
    let data = Zeroizing::new(Base64::decode_vec(&payload.data).map_err(|_| damaged())?);
    let sum = payload.data_crc32c;
    if sum.is_some_and(|sum| sum != crc32c(&data).to_string()) {
        return Err(cannot_ask(format!("the secret at {reference} was damaged on its way")));
    }
    // Who may not see the versions may still read the secret.
    let newest = match manager.get(&format!("{all}/latest"), &headers)? {
        answer if answer.status == 200 => number(&answer.read::<Named>("Google")?.name),
        _ => None,
    };
    Ok(Got::new(grant, data, used, newest))
}

#[cfg(test)]
mod tests {
    use super::crc32c;

    /// RFC 3720, appendix B.4, and the check value of the catalogue of CRCs.
    #[test]
    fn the_sum_is_the_one_of_castagnoli() {
        assert_eq!(crc32c(b"123456789"), 0xE306_9283);
        assert_eq!(crc32c(&[0; 32]), 0x8A91_36AA);
    }
}
