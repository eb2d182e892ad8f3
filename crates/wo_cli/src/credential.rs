//! Credentials: the key that signs grants, what a grant is exchanged for, and what the vault needs for that.

mod command;
mod google;
mod http;
mod key;
mod policy;
mod vault;

use std::fmt;
use std::io::Write;
use std::path::PathBuf;

use serde::Deserialize;
use serde_json::json;
use wo_rules::credential::grant::{Claims, claims_of};
use wo_rules::secret::reference::{self, Reference};
use zeroize::Zeroizing;

use crate::{Error, Stop, failed, shown};

pub use command::run_with_secret;
pub use key::{keep_grant_key, public_pem, read_public_pem};
pub use policy::{Policy, role_name};

/// What `wo.request_credential` returns.
pub struct Grant {
    reference: Reference,
    token: Zeroizing<String>,
    claims: Claims,
}

#[derive(Deserialize)]
struct Given {
    reference: String,
    token: String,
}

impl Grant {
    /// Reads the JSON of a grant.
    ///
    /// # Errors
    /// What is no grant; nothing of it is repeated.
    pub fn read(text: &str) -> Result<Self, Error> {
        let no_grant = || Error::new("this is not what wo.request_credential returns");
        let given: Given = serde_json::from_str(text.trim()).map_err(|_| no_grant())?;
        let token = Zeroizing::new(given.token);
        let claims = claims_of(&token).ok_or_else(no_grant)?;
        let reference = reference::parse(&given.reference).ok_or_else(no_grant)?;
        if claims.reference != given.reference {
            return Err(Error::new("the token of the grant is for another reference"));
        }
        Ok(Self { reference, token, claims })
    }
}

/// Where the vaults are.
#[derive(Debug, Clone)]
pub struct Vaults {
    /// The address of Vault or OpenBao.
    pub address: Option<String>,
    /// Where its JWT login is mounted.
    pub auth_mount: String,
    /// The role of the login; by default the one that [`Policy`] installs.
    pub role: Option<String>,
    /// Its namespace.
    pub namespace: Option<String>,
    /// The certificates to trust in place of the usual ones.
    pub ca_certificate: Option<PathBuf>,
    /// The provider of Google's workload identity federation.
    pub google_provider: Option<String>,
    /// Google's Security Token Service.
    pub google_sts: String,
    /// Google's Secret Manager.
    pub google_secret_manager: String,
}

/// A secret, and which version of it.
pub struct Got {
    /// The secret.
    pub secret: Zeroizing<Vec<u8>>,
    credential: String,
    reference: String,
    version: u64,
    newest: Option<u64>,
    warnings: Vec<String>,
}

impl Got {
    fn new(grant: &Grant, secret: Zeroizing<Vec<u8>>, version: u64, newest: Option<u64>) -> Self {
        let reference = grant.claims.reference.clone();
        let mut warnings = Vec::new();
        if let Some(newest) = newest.filter(|newest| *newest > version) {
            warnings.push(format!(
                "version {version} is not the newest: {newest} is; the secret was rotated"
            ));
        }
        Self {
            secret,
            credential: grant.claims.credential.clone(),
            reference,
            version,
            newest,
            warnings,
        }
    }

    /// Writes the secret to the standard output, byte for byte.
    ///
    /// # Errors
    /// An output that takes nothing.
    pub fn print(&self) -> Result<(), Error> {
        let mut output = std::io::stdout().lock();
        output
            .write_all(&self.secret)
            .and_then(|()| output.flush())
            .map_err(failed("cannot print the secret"))
    }

    /// Everything but the secret, as one line of JSON.
    #[must_use]
    pub fn json(&self) -> String {
        json!({
            "credential": self.credential,
            "reference": self.reference,
            "version": self.version,
            "newest_version": self.newest,
            "warnings": self.warnings,
            "credentials": { &self.credential: self.version },
        })
        .to_string()
    }
}

/// Everything but the secret, for the person at the terminal.
impl fmt::Display for Got {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: version {} of {}", self.credential, self.version, self.reference)?;
        self.warnings.iter().try_for_each(|warning| write!(f, "\nwarning: {warning}"))
    }
}

/// Exchanges a grant for the secret, at the vault that its reference names.
///
/// # Errors
/// What the vault refuses; a vault that cannot be asked. Neither the token nor the secret is in an error.
pub fn exchange(grant: &Grant, vaults: &Vaults) -> Result<Got, Stop> {
    match &grant.reference {
        Reference::Vault { .. } => vault::exchange(grant, vaults),
        Reference::GoogleSecretManager { .. } => google::exchange(grant, vaults),
    }
}

/// What a vault said, shortened, for a refusal.
fn said(text: &str) -> String {
    const LONGEST: usize = 300;
    let line: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let hidden = wo_rules::secret::hide(&line).unwrap_or(line);
    shown(&hidden.chars().take(LONGEST).collect::<String>())
}

fn cannot_ask(message: impl Into<String>) -> Stop {
    Stop::CannotAsk(Error::new(message))
}

fn refused(message: impl Into<String>) -> Stop {
    Stop::Refused(message.into())
}

/// Reads PEM certificates.
fn certificates(path: &std::path::Path) -> Result<Vec<u8>, Error> {
    std::fs::read(path).map_err(failed(format!("cannot read {}", path.display())))
}
