//! Who is acting: the kinds of principal, and the signed token that proves one.
//!
//! A token is a JWT signed with Ed25519 (`alg` EdDSA). Its claims name the issuer, the subject,
//! the audience, the tenant and the token itself; its header names the issuer's key.

mod public_key;
mod tables;

pub use public_key::{bytes_from_text, public_key_from_text, public_key_of};
pub use tables::SCHEMA;

use crate::refusal::{Refusal, SqlState};
use base64ct::Encoding;
use jwt_compact::{
    AlgorithmExt, Claims, ParseError, UntrustedToken, ValidationError, alg::Ed25519,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

/// The longest token that is looked at, in bytes.
pub const LONGEST_TOKEN: usize = 8_192;

/// The longest identifier in a token (`jti`, `kid`), in characters.
const LONGEST_IDENTIFIER: usize = 200;

/// The longest name of an issuer, in characters.
const LONGEST_ISSUER: usize = 500;

/// How far the clock of an issuer may be ahead of this server's, in seconds.
const CLOCK_SKEW: i64 = 60;

/// The values of `typ` that name a token of this kind (RFC 7519 §5.1, RFC 9068 §2.1), in lower case.
const TOKEN_TYPES: [&str; 4] = ["jwt", "application/jwt", "at+jwt", "application/at+jwt"];

/// The claims of a token beside its times.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenClaims {
    /// Who issued it.
    pub iss: String,
    /// The principal's identifier in the tenant.
    pub sub: String,
    /// For whom it was issued: one name or several.
    pub aud: Audience,
    /// The token's own identifier.
    pub jti: String,
    /// The tenant that it is for.
    pub tenant: Uuid,
}

/// The `aud` claim, which RFC 7519 §4.1.3 allows to be one name or a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Audience {
    /// One name.
    One(String),
    /// Several names.
    Many(Vec<String>),
}

impl Audience {
    /// Whether that name is among them.
    pub fn contains(&self, name: &str) -> bool {
        match self {
            Self::One(one) => one == name,
            Self::Many(many) => many.iter().any(|one| one == name),
        }
    }
}

/// A token that has been read but proves nothing yet.
pub struct UnverifiedToken<'a> {
    token: UntrustedToken<'a>,
    key_id: String,
    claims: TokenClaims,
}

/// A token whose signature held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedToken {
    /// What it claims.
    pub claims: TokenClaims,
    /// The issuer's key that signed it.
    pub key_id: String,
    /// Not valid from this second on (seconds since 1970).
    pub expires: i64,
    /// Not valid before this second (seconds since 1970).
    pub not_before: Option<i64>,
    /// When it was issued (seconds since 1970), where it says so.
    pub issued: Option<i64>,
}

/// Reads a token, to find out whose key must verify it.
///
/// # Errors
/// 42501 `token_malformed` where it is no JWT or lacks a claim, `token_wrong_algorithm` where it
/// is not signed with EdDSA.
pub fn read(token: &str) -> Result<UnverifiedToken<'_>, Refusal> {
    if token.len() > LONGEST_TOKEN {
        return Err(malformed(&format!("it is longer than {LONGEST_TOKEN} bytes")));
    }
    check_header(token)?;
    let token = UntrustedToken::new(token).map_err(|error| {
        malformed(match error {
            ParseError::InvalidTokenStructure => "it does not have three parts",
            ParseError::InvalidBase64Encoding => "a part is not base64url",
            ParseError::MalformedHeader(_) => "its header cannot be read",
            _ => "its content type is not JSON",
        })
    })?;
    if token.algorithm() != "EdDSA" {
        return Err(wrong_algorithm());
    }
    let Some(key_id) = token.header().key_id.clone() else {
        return Err(malformed("its header names no key (kid)"));
    };
    let claims = token
        .deserialize_claims_unchecked::<TokenClaims>()
        .map_err(|_| unreadable_claims(&token))?
        .custom;
    // The subject must be the identifier of a principal, which is held to its own rule.
    for (name, value, longest) in [
        ("kid", &key_id, LONGEST_IDENTIFIER),
        ("iss", &claims.iss, LONGEST_ISSUER),
        ("jti", &claims.jti, LONGEST_IDENTIFIER),
    ] {
        if !is_identifier(value, longest) {
            return Err(malformed(&format!(
                "its {name} is not 1 to {longest} printable characters on one line"
            )));
        }
    }
    Ok(UnverifiedToken { token, key_id, claims })
}

/// Checks the members of the header that change what the token means. A member that `crit` names must be
/// understood (RFC 7515 §4.1.11), and none is; `b64: false` would change the bytes that are signed
/// (RFC 7797); another `typ` names another kind of document, which must not serve as an identity.
fn check_header(token: &str) -> Result<(), Refusal> {
    let header = token.split('.').next().unwrap_or_default();
    let header = base64ct::Base64UrlUnpadded::decode_vec(header)
        .ok()
        .and_then(|bytes| serde_json::from_slice::<serde_json::Map<String, Value>>(&bytes).ok());
    // What cannot be read here is refused by who takes the token apart.
    let Some(header) = header else { return Ok(()) };
    if header.contains_key("crit") {
        return Err(malformed("its header has critical members (crit) that are not understood"));
    }
    if header.get("b64").is_some_and(|b64| *b64 != Value::Bool(true)) {
        return Err(malformed("its header has b64, so that other bytes are signed"));
    }
    let is_token = |kind: &Value| {
        kind.as_str().is_some_and(|kind| TOKEN_TYPES.contains(&kind.to_ascii_lowercase().as_str()))
    };
    match header.get("typ") {
        Some(kind) if !is_token(kind) => {
            Err(malformed("its header says that it is of another type (typ)"))
        }
        _ => Ok(()),
    }
}

/// Whether a text can stand in the audit trail as an identifier: it is not long, and it has no control
/// characters, line breaks, or invisible characters that change how the text around it is read.
fn is_identifier(text: &str, longest: usize) -> bool {
    let changes_reading = |letter: char| {
        letter.is_control()
            || matches!(letter, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
    };
    !text.is_empty() && text.chars().count() <= longest && !text.chars().any(changes_reading)
}

impl UnverifiedToken<'_> {
    /// What it claims; nothing of it is proven.
    pub fn claims(&self) -> &TokenClaims {
        &self.claims
    }

    /// The key that is said to have signed it.
    pub fn key_id(&self) -> &str {
        &self.key_id
    }

    /// Checks the signature.
    ///
    /// # Errors
    /// 42501 `token_bad_signature`, `token_malformed` where there is no expiry.
    pub fn verify(self, public_key: &[u8]) -> Result<VerifiedToken, Refusal> {
        let key = public_key_of(public_key)?;
        let token =
            Ed25519.validator::<TokenClaims>(&key).validate(&self.token).map_err(|error| {
                match error {
                    ValidationError::AlgorithmMismatch { .. } => wrong_algorithm(),
                    ValidationError::MalformedClaims(_) => malformed("its claims cannot be read"),
                    _ => refused("token_bad_signature", "the token's signature does not hold"),
                }
            })?;
        let (_, Claims { expiration, not_before, issued_at, custom, .. }) = token.into_parts();
        let Some(expires) = expiration else {
            return Err(malformed("it has no expiry (exp)"));
        };
        Ok(VerifiedToken {
            claims: custom,
            key_id: self.key_id,
            expires: expires.timestamp(),
            not_before: not_before.map(|time| time.timestamp()),
            issued: issued_at.map(|time| time.timestamp()),
        })
    }
}

impl VerifiedToken {
    /// Checks that the token is valid now, not for longer than `longest_lifetime`, and meant for us.
    ///
    /// `now` is in seconds since 1970, the lifetime in seconds.
    ///
    /// # Errors
    /// 42501 `token_expired`, `token_not_yet_valid`, `token_lifetime_too_long`, `token_wrong_audience`.
    pub fn check(&self, now: i64, audience: &str, longest_lifetime: i64) -> Result<(), Refusal> {
        if now >= self.expires {
            return Err(refused("token_expired", "the token has expired")
                .hint("Ask the issuer for a new token."));
        }
        if self.not_before.is_some_and(|not_before| now < not_before) {
            return Err(refused("token_not_yet_valid", "the token is not valid yet")
                .hint("Compare the clocks of the issuer and of this server."));
        }
        if self.issued.is_some_and(|issued| issued > now.saturating_add(CLOCK_SKEW)) {
            return Err(refused(
                "token_not_yet_valid",
                "the token says that it was issued in the future",
            )
            .hint("Compare the clocks of the issuer and of this server."));
        }
        let begins = self.issued.or(self.not_before).unwrap_or(now);
        if self.expires.saturating_sub(begins) > longest_lifetime {
            return Err(refused(
                "token_lifetime_too_long",
                &format!("the token is valid for more than {longest_lifetime} seconds"),
            )
            .hint("Ask the issuer for a token with a shorter life; the setting wo_core.token_lifetime is the longest that is accepted."));
        }
        if !self.claims.aud.contains(audience) {
            return Err(refused("token_wrong_audience", "the token was issued for somebody else")
                .hint(format!("Ask the issuer for a token with the audience \"{audience}\".")));
        }
        Ok(())
    }
}

/// The refusal for an issuer or key that the tenant does not trust.
pub fn unknown_issuer() -> Refusal {
    refused("token_unknown_issuer", "the tenant does not trust the token's issuer and key")
        .hint("An administrator of the tenant can trust it with wo.trust_issuer(...).")
}

/// The refusal for a subject that is no principal of the tenant.
pub fn unknown_principal() -> Refusal {
    refused("principal_unknown", "the token's subject is not a principal of the tenant").hint(
        "The subject (sub) is the id of a principal: an administrator adds one with wo.create_principal(...).",
    )
}

/// The refusal for a name that no principal of the tenant has.
pub fn no_such_principal(id: &str) -> Refusal {
    let shown: String = id.chars().take(60).collect();
    Refusal::new(
        SqlState::BadValue,
        "principal_unknown",
        format!("there is no principal \"{shown}\" in the tenant"),
    )
    .hint("Create the principal first: wo.create_principal(...).")
}

/// The refusal for a principal that has been disabled.
pub fn disabled_principal(id: &str) -> Refusal {
    refused("principal_disabled", &format!("the principal \"{id}\" is disabled"))
}

/// The refusal for a tenant that has been disabled.
pub fn disabled_tenant() -> Refusal {
    refused("tenant_disabled", "the tenant is disabled: nobody of it may act")
}

/// The refusal for an act that needs an identity when there is none.
///
/// The hint for an administrator is to name the tenant: without a transaction block, `wo.administer` ends with its own
/// statement.
pub fn nobody(is_administrator: bool) -> Refusal {
    refused("no_identity", "nobody is acting: this session has no verified identity").hint(
        match is_administrator {
            true => "In the same transaction, name the tenant first: begin; select wo.administer('tenant'); ...; commit; To act as a principal, call wo.authenticate(token).",
            false => "Call wo.authenticate(token) in this transaction, or log in with a role that is mapped to a principal.",
        },
    )
}

fn malformed(why: &str) -> Refusal {
    refused("token_malformed", &format!("the token cannot be read: {why}"))
}

/// Why the claims of a token cannot be read. The tenant is named by its UUID, and a slug is the usual mistake.
fn unreadable_claims(token: &UntrustedToken<'_>) -> Refusal {
    let claims = token.deserialize_claims_unchecked::<serde_json::Value>().ok();
    let tenant = claims.and_then(|claims| claims.custom.get("tenant")?.as_str().map(str::to_owned));
    match tenant {
        Some(tenant) if Uuid::parse_str(&tenant).is_err() => {
            malformed("its claim tenant is no UUID").hint(
                "The claim holds wo.tenant.tenant_id: select tenant_id from wo.tenant where slug = '...'; shows it to an administrator.",
            )
        }
        _ => malformed("it lacks one of the claims iss, sub, aud, jti, tenant"),
    }
}

fn wrong_algorithm() -> Refusal {
    refused("token_wrong_algorithm", "the token is not signed with EdDSA (Ed25519)")
}

fn refused(code: &'static str, message: &str) -> Refusal {
    Refusal::new(SqlState::NotPermitted, code, message)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use ed25519_dalek::SigningKey;
    use jwt_compact::Header;

    fn claims() -> TokenClaims {
        TokenClaims {
            iss: "https://issuer.example".to_owned(),
            sub: "ana".to_owned(),
            aud: Audience::One("wo_core".to_owned()),
            jti: "1".to_owned(),
            tenant: Uuid::nil(),
        }
    }

    fn signed(key: &SigningKey, text: &str) -> String {
        let claims: Claims<TokenClaims> = serde_json::from_str(text).unwrap();
        Ed25519.token(&Header::empty().with_key_id("k1"), &claims, key).unwrap()
    }

    fn document(more: &str) -> String {
        let text = serde_json::to_string(&claims()).unwrap();
        format!("{}{more}}}", &text[..text.len() - 1])
    }

    #[test]
    fn a_good_token_is_verified_and_checked() {
        let key = SigningKey::from_bytes(&[7; 32]);
        let text = signed(&key, &document(r#","exp":2000,"nbf":1000"#));
        let verified = read(&text).unwrap().verify(key.verifying_key().as_bytes()).unwrap();
        assert_eq!(verified.check(1500, "wo_core", 86_400), Ok(()));
        assert_eq!(verified.check(2000, "wo_core", 86_400).unwrap_err().code, "token_expired");
        assert_eq!(verified.check(999, "wo_core", 86_400).unwrap_err().code, "token_not_yet_valid");
        assert_eq!(verified.check(1500, "other", 86_400).unwrap_err().code, "token_wrong_audience");
    }

    #[test]
    fn another_key_does_not_verify_it() {
        let key = SigningKey::from_bytes(&[7; 32]);
        let other = SigningKey::from_bytes(&[8; 32]);
        let text = signed(&key, &document(r#","exp":2000"#));
        let refusal = read(&text).unwrap().verify(other.verifying_key().as_bytes()).unwrap_err();
        assert_eq!(refusal.code, "token_bad_signature");
    }

    #[test]
    fn a_token_without_expiry_is_refused() {
        let key = SigningKey::from_bytes(&[7; 32]);
        let text = signed(&key, &document(""));
        let refusal = read(&text).unwrap().verify(key.verifying_key().as_bytes()).unwrap_err();
        assert_eq!(refusal.code, "token_malformed");
    }

    #[test]
    fn other_algorithms_and_rubbish_are_refused_before_any_key_is_used() {
        let none = "eyJhbGciOiJub25lIiwia2lkIjoiazEifQ.e30.";
        let hs256 = "eyJhbGciOiJIUzI1NiIsImtpZCI6ImsxIn0.e30.AAAA";
        assert_eq!(read(none).err().unwrap().code, "token_wrong_algorithm");
        assert_eq!(read(hs256).err().unwrap().code, "token_wrong_algorithm");
        for rubbish in ["", "a.b", "a.b.c", "....", &"x".repeat(1_000_000)] {
            assert_eq!(read(rubbish).err().unwrap().code, "token_malformed");
        }
    }

    fn with_header(header: &str) -> String {
        use ed25519_dalek::Signer;
        let encode = |text: &str| base64ct::Base64UrlUnpadded::encode_string(text.as_bytes());
        let signed = format!("{}.{}", encode(header), encode(&document(r#","exp":2000"#)));
        let signature = SigningKey::from_bytes(&[7; 32]).sign(signed.as_bytes()).to_bytes();
        format!("{signed}.{}", base64ct::Base64UrlUnpadded::encode_string(&signature))
    }

    /// A header that asks for more than a plain EdDSA JWT must be refused (RFC 7515 §4.1.11, RFC 7797 §6).
    #[test]
    fn a_header_that_changes_what_the_token_means_is_refused() {
        for bad in [
            r#"{"alg":"EdDSA","kid":"k1","crit":["exp"],"exp":1}"#,
            r#"{"alg":"EdDSA","kid":"k1","crit":[]}"#,
            r#"{"alg":"EdDSA","kid":"k1","b64":false,"crit":["b64"]}"#,
            r#"{"alg":"EdDSA","kid":"k1","b64":false}"#,
            r#"{"alg":"EdDSA","kid":"k1","typ":"dpop+jwt"}"#,
            r#"{"alg":"EdDSA","kid":"k1","typ":"JOSE"}"#,
            r#"{"alg":"EdDSA","kid":"k1","typ":7}"#,
            "{\"alg\":\"EdDSA\",\"kid\":\"k\\n1\"}",
        ] {
            assert_eq!(read(&with_header(bad)).err().unwrap().code, "token_malformed", "{bad}");
        }
        for good in ["JWT", "jwt", "at+jwt", "application/at+jwt"] {
            let header = format!(r#"{{"alg":"EdDSA","kid":"k1","typ":"{good}"}}"#);
            assert!(read(&with_header(&header)).is_ok(), "{good}");
        }
    }

    /// The identifier of a token is written into the audit trail and shown there.
    #[test]
    fn an_identifier_that_cannot_be_shown_on_one_line_is_refused() {
        for bad in [
            "",
            "a\nb",
            "a\u{0}",
            "a\u{202e}b",
            "a\u{2066}b",
            "a\u{200b}b",
            "a\u{2028}b",
            &"x".repeat(201),
        ] {
            let mut claims = claims();
            claims.jti = bad.to_owned();
            let key = SigningKey::from_bytes(&[7; 32]);
            let claims = Claims::new(claims);
            let token = Ed25519.token(&Header::empty().with_key_id("k1"), &claims, &key).unwrap();
            assert_eq!(read(&token).err().unwrap().code, "token_malformed", "{bad:?}");
        }
        assert!(is_identifier("é-小克:1", 200));
    }

    #[test]
    fn a_token_from_the_future_or_of_a_long_life_is_refused() {
        let key = SigningKey::from_bytes(&[7; 32]);
        let check = |times: &str, now: i64| {
            let text = signed(&key, &document(times));
            let verified = read(&text).unwrap().verify(key.verifying_key().as_bytes()).unwrap();
            verified.check(now, "wo_core", 3_600).map_err(|refusal| refusal.code)
        };
        assert_eq!(check(r#","exp":4600,"iat":1000"#, 1000), Ok(()));
        assert_eq!(check(r#","exp":2000,"iat":1060"#, 1000), Ok(()));
        assert_eq!(check(r#","exp":2000,"iat":1061"#, 1000), Err("token_not_yet_valid"));
        assert_eq!(check(r#","exp":4601,"iat":1000"#, 1000), Err("token_lifetime_too_long"));
        assert_eq!(check(r#","exp":4601,"nbf":1000"#, 1500), Err("token_lifetime_too_long"));
        assert_eq!(check(r#","exp":4601"#, 1000), Err("token_lifetime_too_long"));
        assert_eq!(
            check(r#","exp":8000000000000,"iat":-8000000000000"#, 1000),
            Err("token_lifetime_too_long")
        );
    }
}
