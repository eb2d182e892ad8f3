//! Requests to vaults: JSON, over TLS unless the vault is on this machine, without redirects.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde_json::Value;
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};
use ureq::{Agent, http};
use zeroize::Zeroizing;

use super::{cannot_ask, certificates, said};
use crate::{Error, Stop};

/// How long a vault may take to answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// The longest answer that is read, in bytes.
const LONGEST: u64 = 1 << 20;

/// A vault's answer.
pub struct Answer {
    /// Its HTTP status.
    pub status: u16,
    body: Zeroizing<String>,
}

impl Answer {
    /// The body, where it is of that form.
    pub fn read<T: DeserializeOwned>(&self, from: &str) -> Result<T, Stop> {
        serde_json::from_str(&self.body)
            .map_err(|_| cannot_ask(format!("{from} does not answer as it should")))
    }

    /// What it says of an error.
    pub fn complaint(&self) -> String {
        let body: Value = serde_json::from_str(&self.body).unwrap_or_default();
        let errors: Vec<&str> =
            body["errors"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let text = match (&body["error"]["message"], &body["error_description"]) {
            (Value::String(message), _) | (_, Value::String(message)) => message.clone(),
            _ => errors.join("; "),
        };
        said(&format!("HTTP {}: {text}", self.status))
    }
}

/// The base address of a vault.
pub struct Site {
    agent: Agent,
    base: String,
    namespace: Option<String>,
}

impl Site {
    /// Checks the address: TLS is required of other machines.
    ///
    /// # Errors
    /// An address that is none, or that is in the open; certificates that cannot be read.
    pub fn new(base: &str, namespace: Option<&str>, ca: Option<&Path>) -> Result<Self, Stop> {
        let base = base.trim_end_matches('/');
        let uri: http::Uri =
            base.parse().map_err(|_| cannot_ask(format!("{} is no address", said(base))))?;
        let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
        let is_here = host == "localhost"
            || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback());
        match uri.scheme_str() {
            Some("https") => {}
            Some("http") if is_here => {}
            _ => {
                return Err(cannot_ask(format!(
                    "{}: a vault on another machine is asked over https only",
                    said(base)
                )));
            }
        }
        let mut config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .timeout_global(Some(PATIENCE));
        if is_here {
            config = config.proxy(None);
        }
        if let Some(path) = ca {
            let certificates = roots(path).map_err(Stop::CannotAsk)?;
            config = config.tls_config(TlsConfig::builder().root_certs(certificates).build());
        }
        let agent = config.build().new_agent();
        Ok(Self { agent, base: base.to_owned(), namespace: namespace.map(str::to_owned) })
    }

    /// Asks for what is at a path.
    ///
    /// # Errors
    /// A vault that cannot be reached.
    pub fn get(&self, path: &str, headers: &[(&str, &str)]) -> Result<Answer, Stop> {
        self.send(http::Method::GET, path, headers, None)
    }

    /// Sends JSON to a path.
    ///
    /// # Errors
    /// A vault that cannot be reached.
    pub fn post(&self, path: &str, headers: &[(&str, &str)], body: &Value) -> Result<Answer, Stop> {
        let body = Zeroizing::new(body.to_string());
        self.send(http::Method::POST, path, headers, Some(&body))
    }

    fn send(
        &self,
        method: http::Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&str>,
    ) -> Result<Answer, Stop> {
        let unreachable =
            |why: String| cannot_ask(format!("cannot ask {}: {}", self.base, said(&why)));
        let mut request = http::Request::builder()
            .method(method)
            .uri(format!("{}/{path}", self.base))
            .header("X-Vault-Request", "true");
        if let Some(namespace) = &self.namespace {
            request = request.header("X-Vault-Namespace", namespace);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = match body {
            Some(body) => request
                .header("Content-Type", "application/json")
                .body(body)
                .map_err(|error| unreachable(error.to_string()))
                .and_then(|request| {
                    self.agent.run(request).map_err(|error| unreachable(error.to_string()))
                }),
            None => request.body(()).map_err(|error| unreachable(error.to_string())).and_then(
                |request| self.agent.run(request).map_err(|error| unreachable(error.to_string())),
            ),
        };
        let mut answer = answer?;
        let body = answer
            .body_mut()
            .with_config()
            .limit(LONGEST)
            .read_to_string()
            .map_err(|error| unreachable(error.to_string()))?;
        Ok(Answer { status: answer.status().as_u16(), body: Zeroizing::new(body) })
    }
}

fn roots(path: &Path) -> Result<RootCerts, Error> {
    let bytes = certificates(path)?;
    let found: Vec<Certificate<'static>> = parse_pem(&bytes)
        .filter_map(|item| match item {
            Ok(PemItem::Certificate(certificate)) => Some(certificate.to_owned()),
            _ => None,
        })
        .collect();
    match found.is_empty() {
        true => Err(Error::new(format!("{} holds no certificate", path.display()))),
        false => Ok(RootCerts::Specific(Arc::new(found))),
    }
}
