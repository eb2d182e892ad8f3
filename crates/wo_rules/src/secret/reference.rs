//! References to credentials: what is stored in place of a secret.
//!
//! `vault://mount/path#field[?version=n]` names a field of a secret in a KV engine of Vault or OpenBao;
//! `gcp-sm://projects/p/secrets/s/versions/n|latest` a version in Google Secret Manager.

use std::fmt;

/// The longest reference, in bytes.
const LONGEST: usize = 500;

/// A reference to a credential.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reference {
    /// A field of a secret in a KV engine of Vault or OpenBao.
    Vault {
        /// Where the engine is mounted.
        mount: String,
        /// The secret's path in it.
        path: String,
        /// The field.
        field: String,
        /// The version; the newest where none is named.
        version: Option<u64>,
    },
    /// A version of a secret in Google Secret Manager.
    GoogleSecretManager {
        /// The project: its id or its number.
        project: String,
        /// The secret.
        secret: String,
        /// The version; the newest where none is named.
        version: Option<u64>,
    },
}

/// Whether the text is a reference.
#[must_use]
pub fn is_reference(text: &str) -> bool {
    parse(text).is_some()
}

/// Reads a reference; nothing where the text is none. A reference has one spelling only.
#[must_use]
pub fn parse(text: &str) -> Option<Reference> {
    if text.len() > LONGEST {
        return None;
    }
    match text.strip_prefix("vault://") {
        Some(rest) => vault(rest),
        None => google(text.strip_prefix("gcp-sm://")?),
    }
}

fn vault(text: &str) -> Option<Reference> {
    let (place, field) = text.split_once('#')?;
    let (mount, path) = place.split_once('/')?;
    let (field, version) = match field.split_once("?version=") {
        Some((field, version)) => (field, Some(number(version)?)),
        None => (field, None),
    };
    let is_path = path.split('/').all(|part| is_name(part, b"-_.") && part != "." && part != "..");
    (is_name(mount, b"-_") && is_path && is_name(field, b"-_.")).then(|| Reference::Vault {
        mount: mount.to_owned(),
        path: path.to_owned(),
        field: field.to_owned(),
        version,
    })
}

fn google(text: &str) -> Option<Reference> {
    let mut parts = text.split('/');
    let mut named = |name: &str| (parts.next() == Some(name)).then(|| parts.next()).flatten();
    let (project, secret, version) = (named("projects")?, named("secrets")?, named("versions")?);
    let version = if version == "latest" { None } else { Some(number(version)?) };
    let is_project = project.len() <= 30
        && project
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
        && is_name(project, b"-");
    let is_whole = parts.next().is_none();
    (is_whole && is_project && is_name(secret, b"-_") && secret.len() <= 255).then(|| {
        Reference::GoogleSecretManager {
            project: project.to_owned(),
            secret: secret.to_owned(),
            version,
        }
    })
}

/// Whether it consists of letters, digits and these, and is not empty.
fn is_name(text: &str, others: &[u8]) -> bool {
    !text.is_empty()
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || others.contains(&byte))
}

/// A number from 1, without leading zeros.
fn number(text: &str) -> Option<u64> {
    let is_plain = !text.starts_with('0') && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| is_plain)
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Vault { mount, path, field, version } => {
                write!(f, "vault://{mount}/{path}#{field}")?;
                version.map_or(Ok(()), |version| write!(f, "?version={version}"))
            }
            Self::GoogleSecretManager { project, secret, version } => {
                write!(f, "gcp-sm://projects/{project}/secrets/{secret}/versions/")?;
                match version {
                    Some(version) => write!(f, "{version}"),
                    None => f.write_str("latest"),
                }
            }
        }
    }
}
