//! Signed acts that are no transition: the exact bytes that a person signs, and the check of what was kept.
//!
//! The bytes are JCS (RFC 8785) of one object of strings. They name the subject and the SHA-256 of its content, so
//! that a signature holds for that content alone (21 CFR 11.70).

use super::payload::{
    LONGEST_PAYLOAD, check_not_empty, is_hash, is_id, is_key_id, is_time, key_id, verify,
};
use crate::refusal::{Refusal, SqlState};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// What the signature of an act may mean.
pub const MEANINGS: [&str; 5] = ["disposition", "extension", "decision", "override", "acceptance"];

/// Whether a text is written as it has to be.
type Form = fn(&str) -> bool;

/// Distinguishes the signature of an act from every other signature of the same key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum ActFormat {
    /// The first layout.
    #[default]
    #[serde(rename = "wo_core.act_signature.v1")]
    V1,
}

/// What is signed. The members stand in the order of JCS.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ActPayload {
    /// SHA-256 of the canonical content of the subject, in hexadecimal.
    pub content_sha256: String,
    /// What is decided, where the meaning leaves a choice.
    pub decision: Option<String>,
    /// Until when the challenge may be answered: see [`crate::time::utc`].
    pub expires_at: String,
    /// The layout of these bytes.
    pub format: ActFormat,
    /// The key that signs.
    pub key_id: String,
    /// The kind of the subject.
    pub kind: String,
    /// What the signature means (21 CFR 11.50(a)(3)).
    pub meaning: String,
    /// 32 random bytes in hexadecimal.
    pub nonce: String,
    /// The signer's name as it was then (21 CFR 11.50(a)(1)).
    pub printed_name: String,
    /// Why, in the signer's words.
    pub reason: Option<String>,
    /// The role in which the signer acts.
    pub role: String,
    /// The server's clock when the signature was asked for.
    pub server_time: String,
    /// The signer's identifier.
    pub signer: String,
    /// The subject within its work order, by its kind.
    pub subject: String,
    /// The tenant's UUID.
    pub tenant_id: String,
    /// The zone in which the time is shown (21 CFR 11.50(a)(2)).
    pub time_zone: String,
    /// The work order's number.
    pub work_order: String,
    /// The work order's UUID.
    pub work_order_id: String,
}

impl ActPayload {
    /// The bytes to sign.
    pub fn canonical(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(1024);
        // Writing strings into memory has no way to fail; were there one, no signature would ever match.
        let _ = serde_json::to_writer(&mut bytes, self);
        bytes
    }

    /// Whether a payload says that it is of a signed act.
    pub fn is_act(text: &str) -> bool {
        #[derive(Deserialize)]
        struct Named {
            format: String,
        }
        serde_json::from_str::<Named>(text).is_ok_and(|named| {
            serde_json::from_value::<ActFormat>(serde_json::Value::String(named.format)).is_ok()
        })
    }

    /// Reads bytes that were or are to be signed.
    ///
    /// # Errors
    /// One plain sentence where they are not, byte for byte, what [`ActPayload::canonical`] writes of a well-formed
    /// payload.
    pub fn read(bytes: &[u8]) -> Result<Self, String> {
        if bytes.len() > LONGEST_PAYLOAD {
            return Err(format!("the payload is longer than {LONGEST_PAYLOAD} bytes"));
        }
        let payload: Self = serde_json::from_slice(bytes)
            .map_err(|error| format!("the payload cannot be read: {error}"))?;
        payload.check()?;
        match payload.canonical() == bytes {
            true => Ok(payload),
            false => Err("the payload is not written in its one canonical form".to_owned()),
        }
    }

    fn check(&self) -> Result<(), String> {
        let forms: [(&str, &String, Form); 7] = [
            ("content_sha256", &self.content_sha256, is_hash),
            ("nonce", &self.nonce, is_hash),
            ("tenant_id", &self.tenant_id, is_id),
            ("work_order_id", &self.work_order_id, is_id),
            ("server_time", &self.server_time, is_time),
            ("expires_at", &self.expires_at, is_time),
            ("key_id", &self.key_id, is_key_id),
        ];
        if let Some((member, ..)) = forms.into_iter().find(|(_, text, is_right)| !is_right(text)) {
            return Err(format!("the payload's {member} is not written as it has to be"));
        }
        if !MEANINGS.contains(&self.meaning.as_str()) {
            return Err("the payload's meaning is none of a signed act".to_owned());
        }
        let texts = [
            ("kind", &self.kind),
            ("printed_name", &self.printed_name),
            ("role", &self.role),
            ("signer", &self.signer),
            ("subject", &self.subject),
            ("time_zone", &self.time_zone),
            ("work_order", &self.work_order),
        ];
        check_not_empty(&texts)
    }

    /// What the column of `wo.act_signature` repeats of what was signed.
    pub fn signed_value(&self, column: &str) -> Option<String> {
        let text = |text: &str| Some(text.to_owned());
        match column {
            "kind" => text(&self.kind),
            "subject" => text(&self.subject),
            "meaning" => text(&self.meaning),
            "decision" => self.decision.clone(),
            "role" => text(&self.role),
            "reason" => self.reason.clone(),
            "signer" => text(&self.signer),
            "printed_name" => text(&self.printed_name),
            "key_id" => text(&self.key_id),
            "content_sha256" => text(&self.content_sha256),
            "time_zone" => text(&self.time_zone),
            _ => None,
        }
    }
}

/// The columns of `wo.act_signature` that repeat what was signed.
pub const REPEATED: &[&str] = &[
    "kind",
    "subject",
    "meaning",
    "decision",
    "role",
    "reason",
    "signer",
    "printed_name",
    "key_id",
    "content_sha256",
    "time_zone",
];

/// SHA-256 of the canonical content of a subject, in hexadecimal.
pub fn content_sha256(content: &str) -> String {
    hex::encode(Sha256::digest(content))
}

/// The refusal of a meaning that no act has, or that subjects of that kind do not take.
pub fn meaning_unknown(meaning: &str, known: &[&str]) -> Refusal {
    let shown: String = meaning.chars().take(63).collect();
    Refusal::new(
        SqlState::BadValue,
        "meaning_unknown",
        format!("the signature of such an act does not mean \"{shown}\""),
    )
    .with("meanings", known)
    .hint(format!("Known are {}.", known.join(", ")))
}

/// The refusal of a kind of subjects that there is not.
pub fn kind_unknown(kind: &str, known: &[&str]) -> Refusal {
    let shown: String = kind.chars().take(63).collect();
    Refusal::new(
        SqlState::BadValue,
        "act_kind_unknown",
        format!("there are no signed acts on a \"{shown}\""),
    )
    .with("kinds", known)
    .hint(format!("Known are {}.", known.join(", ")))
}

/// The refusal where the subject is not any more what was to be signed.
pub fn subject_changed(payload: &ActPayload) -> Refusal {
    Refusal::new(
        SqlState::VersionConflict,
        "record_changed",
        format!(
            "{} {} of work order {} changed since the signature was requested",
            payload.kind, payload.subject, payload.work_order
        ),
    )
    .with("work_order_id", payload.work_order_id.as_str())
    .hint("look at it again, and request the signature anew")
}

/// The signature of an act as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptAct {
    /// The tenant.
    pub tenant_id: String,
    /// The work order.
    pub work_order_id: String,
    /// The columns of [`REPEATED`], each with its value as text.
    pub columns: Vec<(&'static str, Option<String>)>,
    /// The canonical content of the subject when it was signed.
    pub content: String,
    /// The text that was signed.
    pub payload: String,
    /// The signature.
    pub signature: Vec<u8>,
    /// The public key; nothing where it is not there.
    pub public_key: Vec<u8>,
    /// Whose key it is.
    pub key_principal: String,
}

/// Why a kept signature proves nothing; nothing where it does.
pub fn why_broken(kept: &KeptAct) -> Option<String> {
    let payload = match ActPayload::read(kept.payload.as_bytes()) {
        Ok(payload) => payload,
        Err(why) => return Some(why),
    };
    if payload.tenant_id != kept.tenant_id || payload.work_order_id != kept.work_order_id {
        return Some("it was made for another work order".to_owned());
    }
    for (column, value) in &kept.columns {
        if payload.signed_value(column) != *value {
            return Some(format!("its {column} is not what was signed"));
        }
    }
    if content_sha256(&kept.content) != payload.content_sha256 {
        return Some("its content is not what was signed".to_owned());
    }
    if key_id(&kept.public_key) != payload.key_id || kept.key_principal != payload.signer {
        return Some("its key is not the signer's".to_owned());
    }
    (!verify(&kept.public_key, kept.payload.as_bytes(), &kept.signature))
        .then(|| "it does not hold under the signer's key".to_owned())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use ed25519_dalek::{Signer, SigningKey};

    fn kept() -> KeptAct {
        let key = SigningKey::from_bytes(&[7; 32]);
        let public_key = key.verifying_key().to_bytes().to_vec();
        let payload = ActPayload {
            content_sha256: content_sha256("{}"),
            decision: Some("accepted".into()),
            expires_at: "2026-03-05T09:13:07.000000Z".into(),
            format: ActFormat::default(),
            key_id: key_id(&public_key),
            kind: "step".into(),
            meaning: "disposition".into(),
            nonce: "cd".repeat(32),
            printed_name: "Ann".into(),
            reason: Some("see deviation 12".into()),
            role: "qa".into(),
            server_time: "2026-03-05T09:08:07.000000Z".into(),
            signer: "ann".into(),
            subject: "torque".into(),
            tenant_id: "0195659c-8c00-7000-8000-000000000001".into(),
            time_zone: "Europe/Berlin".into(),
            work_order: "WO-1".into(),
            work_order_id: "0195659c-8c00-7000-8000-000000000002".into(),
        };
        let text = String::from_utf8(payload.canonical()).unwrap();
        KeptAct {
            tenant_id: payload.tenant_id.clone(),
            work_order_id: payload.work_order_id.clone(),
            columns: REPEATED.iter().map(|name| (*name, payload.signed_value(name))).collect(),
            content: "{}".into(),
            signature: key.sign(text.as_bytes()).to_bytes().to_vec(),
            payload: text,
            public_key,
            key_principal: "ann".into(),
        }
    }

    /// Without it a signature could be shown with another decision, name or reason than was signed.
    #[test]
    fn each_column_and_the_content_are_what_was_signed() {
        assert_eq!(why_broken(&kept()), None);
        for (index, column) in REPEATED.iter().enumerate() {
            let mut forged = kept();
            forged.columns[index].1 = Some("forged".to_owned());
            assert!(why_broken(&forged).unwrap().contains(column), "{column}");
        }
        let other = "0195659c-8c00-7000-8000-000000000003".to_owned();
        let mut flipped = kept();
        flipped.signature[5] ^= 1;
        for forged in [
            KeptAct { tenant_id: other.clone(), ..kept() },
            KeptAct { work_order_id: other, ..kept() },
            KeptAct { content: "{ }".to_owned(), ..kept() },
            KeptAct { key_principal: "bob".to_owned(), ..kept() },
            KeptAct { public_key: Vec::new(), ..kept() },
            KeptAct { payload: kept().payload.replace("accepted", "rejected"), ..kept() },
            flipped,
        ] {
            assert!(why_broken(&forged).is_some());
        }
    }

    /// Without it the bytes that are signed would not be JCS, and another verifier could not make them.
    #[test]
    fn the_bytes_are_jcs_and_of_this_format_alone() {
        let text = kept().payload;
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(serde_json_canonicalizer::to_vec(&value).unwrap(), text.as_bytes());
        assert!(ActPayload::is_act(&text));
        let other = text.replace("act_signature", "signature");
        assert!(!ActPayload::is_act(&other) && ActPayload::read(other.as_bytes()).is_err());
    }
}
