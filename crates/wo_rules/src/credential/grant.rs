//! The token of a grant: who may have which credential for which step, signed with a key outside the database.
//!
//! It is a JWT in the compact form (RFC 7519, RFC 7515), signed with EdDSA (RFC 8037) or ES256 (RFC 7518). The
//! vault's own JWT login verifies it, and binds what it gives to the claims.

use base64ct::{Base64UrlUnpadded, Encoding};
use ed25519_dalek::Signer as _;
use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;
use ed25519_dalek::pkcs8::{DecodePrivateKey as _, EncodePublicKey as _};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest, Sha256};
use std::fmt;
use uuid::Uuid;
use zeroize::Zeroizing;

/// How a token is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// Ed25519.
    EdDsa,
    /// ECDSA with P-256 and SHA-256.
    Es256,
}

impl Algorithm {
    /// Its name in the header of a token.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::EdDsa => "EdDSA",
            Self::Es256 => "ES256",
        }
    }
}

/// What a token says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// The installation that grants.
    pub iss: String,
    /// The vault.
    pub aud: String,
    /// The principal to whom it is granted.
    pub sub: String,
    /// The grant.
    pub jti: Uuid,
    /// The tenant.
    pub tenant: Uuid,
    /// The work order's number.
    pub work_order: String,
    /// The key of the step.
    pub step: String,
    /// The name of the credential in the job plan.
    pub credential: String,
    /// Where it is.
    pub reference: String,
    /// When it was granted, in seconds since 1970.
    pub iat: i64,
    /// Since when it holds.
    pub nbf: i64,
    /// Until when it holds.
    pub exp: i64,
}

enum Private {
    Ed25519(ed25519_dalek::SigningKey),
    P256(p256::ecdsa::SigningKey),
}

/// The key that signs grants. It shows nothing of its secret, and wipes it from memory when it is dropped.
pub struct GrantKey {
    private: Private,
    id: String,
}

impl GrantKey {
    /// Reads a private key in PKCS #8 PEM: Ed25519 or P-256.
    ///
    /// # Errors
    /// One plain sentence, which repeats nothing of the text.
    pub fn read(text: &str) -> Result<Self, String> {
        let private = match ed25519_dalek::SigningKey::from_pkcs8_pem(text) {
            Ok(key) => Private::Ed25519(key),
            Err(_) => {
                Private::P256(p256::ecdsa::SigningKey::from_pkcs8_pem(text).map_err(|_| {
                    "the text is no private key of Ed25519 or P-256 in PKCS #8 PEM".to_owned()
                })?)
            }
        };
        let mut key = Self { private, id: String::new() };
        key.id = Base64UrlUnpadded::encode_string(&Sha256::digest(key.public_jwk()));
        Ok(key)
    }

    /// The algorithm that it signs with.
    #[must_use]
    pub const fn algorithm(&self) -> Algorithm {
        match self.private {
            Private::Ed25519(_) => Algorithm::EdDsa,
            Private::P256(_) => Algorithm::Es256,
        }
    }

    /// Its id in the header of tokens: the thumbprint of the public key (RFC 7638).
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The public key: 32 bytes of Ed25519, or the uncompressed point of P-256.
    #[must_use]
    pub fn public_bytes(&self) -> Vec<u8> {
        match &self.private {
            Private::Ed25519(key) => key.verifying_key().to_bytes().to_vec(),
            Private::P256(key) => key.verifying_key().to_encoded_point(false).as_bytes().to_vec(),
        }
    }

    /// The public key as SubjectPublicKeyInfo in PEM, as vaults take it.
    ///
    /// # Errors
    /// One plain sentence; there is none for a key that was read.
    pub fn public_pem(&self) -> Result<String, String> {
        let pem = match &self.private {
            Private::Ed25519(key) => key.verifying_key().to_public_key_pem(LineEnding::LF),
            Private::P256(key) => key.verifying_key().to_public_key_pem(LineEnding::LF),
        };
        pem.map_err(|_| "the public key cannot be written as PEM".to_owned())
    }

    /// The members of the public JWK (RFC 7517) that its thumbprint is made of, in their order.
    #[must_use]
    pub fn public_jwk(&self) -> String {
        let text = |bytes: &[u8]| Base64UrlUnpadded::encode_string(bytes);
        match &self.private {
            Private::Ed25519(key) => {
                let x = text(key.verifying_key().as_bytes());
                format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#)
            }
            Private::P256(key) => {
                let point = key.verifying_key().to_encoded_point(false);
                let part =
                    |part: Option<&p256::FieldBytes>| part.map_or(String::new(), |part| text(part));
                let (x, y) = (part(point.x()), part(point.y()));
                format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#)
            }
        }
    }

    /// The signed token.
    ///
    /// # Errors
    /// One plain sentence; there is none for claims of plain texts.
    pub fn sign(&self, claims: &Claims) -> Result<Zeroizing<String>, String> {
        let header = json!({ "alg": self.algorithm().name(), "typ": "JWT", "kid": self.id });
        let claims =
            serde_json::to_string(claims).map_err(|_| "the claims are no JSON".to_owned())?;
        let part = |text: &str| Base64UrlUnpadded::encode_string(text.as_bytes());
        let mut token = Zeroizing::new(format!("{}.{}", part(&header.to_string()), part(&claims)));
        let signature = match &self.private {
            Private::Ed25519(key) => key.sign(token.as_bytes()).to_bytes().to_vec(),
            Private::P256(key) => {
                let signature: p256::ecdsa::Signature = key.sign(token.as_bytes());
                signature.to_bytes().to_vec()
            }
        };
        token.push('.');
        token.push_str(&Base64UrlUnpadded::encode_string(&signature));
        Ok(token)
    }
}

impl fmt::Debug for GrantKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GrantKey").field("id", &self.id).finish_non_exhaustive()
    }
}

/// What a token says, read without verifying it: for the one who holds it, who only hands it over.
#[must_use]
pub fn claims_of(token: &str) -> Option<Claims> {
    let mut parts = token.split('.');
    let (_, claims, _) = (parts.next()?, parts.next()?, parts.next()?);
    let claims = Base64UrlUnpadded::decode_vec(claims).ok()?;
    serde_json::from_slice(&claims).ok().filter(|_| parts.next().is_none())
}
