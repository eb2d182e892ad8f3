//! Tokens: who is acting, verified_archive for by an issuer's key.

use chrono::{DateTime, TimeDelta, Utc};
use ed25519_dalek::SigningKey;
use jwt_compact::alg::Ed25519;
use jwt_compact::{AlgorithmExt, Claims, Header};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{Error, failed};

/// What a token says. The times are plain fields, so that a test can ask for a stale one.
#[derive(Debug, Clone)]
pub struct TokenRequest {
    pub key_id: String,
    pub issuer: String,
    pub subject: String,
    pub audience: String,
    pub tenant: Uuid,
    pub id: Uuid,
    pub issued_at: DateTime<Utc>,
    pub not_before: DateTime<Utc>,
    pub expires_at: DateTime<Utc>,
}

impl TokenRequest {
    /// Valid from now on, for fifteen minutes.
    pub fn new(key_id: &str, issuer: &str, subject: &str, audience: &str, tenant: Uuid) -> Self {
        let now = Utc::now();
        Self {
            key_id: key_id.into(),
            issuer: issuer.into(),
            subject: subject.into(),
            audience: audience.into(),
            tenant,
            id: Uuid::now_v7(),
            issued_at: now,
            not_before: now,
            expires_at: now + TimeDelta::minutes(15),
        }
    }
}

#[derive(Debug, Serialize, Deserialize)]
struct Named {
    iss: String,
    sub: String,
    aud: String,
    jti: Uuid,
    tenant: Uuid,
}

/// The signed token, a JWT with `alg: EdDSA`.
pub fn token(key: &SigningKey, request: &TokenRequest) -> Result<String, Error> {
    let mut claims = Claims::new(Named {
        iss: request.issuer.clone(),
        sub: request.subject.clone(),
        aud: request.audience.clone(),
        jti: request.id,
        tenant: request.tenant,
    });
    claims.issued_at = Some(request.issued_at);
    claims.not_before = Some(request.not_before);
    claims.expiration = Some(request.expires_at);
    let header = Header::empty().with_key_id(&request.key_id).with_token_type("JWT");
    Ed25519.token(&header, &claims, key).map_err(failed("cannot sign the token"))
}

/// A span of time as people type it: `90s`, `15m`, `2h`, `7d`.
pub fn parse_span(text: &str) -> Result<TimeDelta, Error> {
    let span = || {
        let unit = text.chars().last()?;
        let number: i64 = text.strip_suffix(unit)?.parse().ok().filter(|n| *n >= 0)?;
        match unit {
            's' => TimeDelta::try_seconds(number),
            'm' => TimeDelta::try_minutes(number),
            'h' => TimeDelta::try_hours(number),
            'd' => TimeDelta::try_days(number),
            _ => None,
        }
    };
    span().ok_or_else(|| {
        Error::new(format!("{text:?} is no span of time such as 90s, 15m, 2h or 7d"))
    })
}

/// A moment: RFC 3339, or a span of time from now.
pub fn parse_moment(text: &str) -> Result<DateTime<Utc>, Error> {
    if let Ok(moment) = DateTime::parse_from_rfc3339(text) {
        return Ok(moment.to_utc());
    }
    after(Utc::now(), parse_span(text)?)
}

/// The moment a span later, refused where the calendar ends.
pub fn after(moment: DateTime<Utc>, span: TimeDelta) -> Result<DateTime<Utc>, Error> {
    moment.checked_add_signed(span).ok_or_else(|| Error::new("that is beyond the calendar"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use jwt_compact::{TimeOptions, UntrustedToken};

    use super::*;
    use crate::new_key;

    fn request() -> TokenRequest {
        TokenRequest::new("k1", "https://issuer.example", "ann", "wo_core", Uuid::now_v7())
    }

    #[test]
    fn a_token_carries_every_claim_and_verifies() {
        let (key, request) = (new_key().unwrap(), request());
        let signed = token(&key, &request).unwrap();
        let untrusted = UntrustedToken::new(&signed).unwrap();
        assert_eq!(untrusted.algorithm(), "EdDSA");
        assert_eq!(untrusted.header().key_id.as_deref(), Some("k1"));
        let verified =
            Ed25519.validator::<Named>(&key.verifying_key()).validate(&untrusted).unwrap();
        let claims = verified.claims();
        claims.validate_expiration(&TimeOptions::default()).unwrap();
        claims.validate_maturity(&TimeOptions::from_leeway(TimeDelta::seconds(1))).unwrap();
        assert_eq!(claims.custom.iss, request.issuer);
        assert_eq!(claims.custom.sub, "ann");
        assert_eq!(claims.custom.aud, "wo_core");
        assert_eq!(claims.custom.tenant, request.tenant);
        assert_eq!(claims.custom.jti.get_version_num(), 7);
        assert_eq!(claims.issued_at.map(|t| t.timestamp()), Some(request.issued_at.timestamp()));
    }

    #[test]
    fn another_key_does_not_verify() {
        let signed = token(&new_key().unwrap(), &request()).unwrap();
        let untrusted = UntrustedToken::new(&signed).unwrap();
        let other = new_key().unwrap().verifying_key();
        assert!(Ed25519.validator::<Named>(&other).validate(&untrusted).is_err());
    }

    #[test]
    fn spans_and_moments_are_read_or_refused() {
        assert_eq!(parse_span("90s").unwrap(), TimeDelta::seconds(90));
        assert_eq!(parse_span("15m").unwrap(), TimeDelta::minutes(15));
        assert_eq!(parse_span("2h").unwrap(), TimeDelta::hours(2));
        assert_eq!(parse_span("7d").unwrap(), TimeDelta::days(7));
        for bad in ["", "m", "-5m", "15", "15w", "1.5h", "9223372036854775807d", "5µ"] {
            assert!(parse_span(bad).is_err(), "{bad}");
        }
        let moment = parse_moment("2030-01-02T03:04:05+01:00").unwrap();
        assert_eq!(moment.to_rfc3339(), "2030-01-02T02:04:05+00:00");
        assert!(parse_moment("5m").unwrap() > Utc::now());
        assert!(parse_moment("tomorrow").is_err());
    }
}
