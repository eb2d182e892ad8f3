//! The issuer of a tenant's tokens.

use ed25519_dalek::SigningKey;
use uuid::Uuid;
use wo_cli::TokenRequest;

/// What every company of the tests calls the issuer that it trusts.
pub const ISSUER: &str = "https://issuer.example";

/// The id of its key.
pub const KEY_ID: &str = "k1";

#[derive(Clone)]
pub struct Issuer {
    /// The tenant that trusts it.
    pub tenant: Uuid,
    pub key: SigningKey,
}

impl Issuer {
    pub fn of(tenant: Uuid) -> Self {
        Self { tenant, key: wo_cli::new_key().unwrap() }
    }

    /// What an administrator of the tenant runs to trust it.
    pub fn trust(&self) -> String {
        let public = wo_cli::public_key(&self.key.verifying_key());
        format!("select wo.trust_issuer('{ISSUER}', '{KEY_ID}', '{public}')")
    }

    /// What a good token of somebody's says, valid for fifteen minutes from now.
    pub fn request(&self, subject: &str) -> TokenRequest {
        TokenRequest::new(KEY_ID, ISSUER, subject, "wo_core", self.tenant)
    }

    /// A good token.
    pub fn token(&self, subject: &str) -> String {
        self.signed(&self.request(subject))
    }

    pub fn signed(&self, request: &TokenRequest) -> String {
        wo_cli::token(&self.key, request).unwrap()
    }
}
