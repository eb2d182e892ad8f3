//! A signature as it is kept, held against itself: every column says what was signed, and the
//! signature holds (21 CFR 11.70).

use super::payload::{Payload, key_id, verify};

/// A row of `wo.approval`, with the key that it names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// The tenant.
    pub tenant_id: String,
    /// The work order.
    pub work_order_id: String,
    /// The columns that repeat what was signed, each with its value as text.
    pub columns: Vec<(&'static str, Option<String>)>,
    /// The text that was signed.
    pub payload: String,
    /// The signature.
    pub signature: Vec<u8>,
    /// The public key; nothing where it is not there.
    pub public_key: Vec<u8>,
    /// Whose key it is.
    pub key_principal: String,
}

/// The columns of `wo.approval` that repeat what was signed.
pub const REPEATED: &[&str] = &[
    "action",
    "from_status",
    "to_status",
    "role",
    "meaning",
    "covers",
    "decision",
    "reason",
    "signer",
    "printed_name",
    "on_behalf_of",
    "delegation_id",
    "key_id",
    "record_version",
    "content_sha256",
    "time_zone",
];

fn signed_value(payload: &Payload, column: &str) -> Option<String> {
    let text = |text: &str| Some(text.to_owned());
    match column {
        "action" => text(&payload.action),
        "from_status" => text(&payload.from_status),
        "to_status" => text(&payload.to_status),
        "role" => text(&payload.role),
        "meaning" => text(&payload.meaning),
        "covers" => text(payload.covers.name()),
        "decision" => text(payload.decision.name()),
        "reason" => payload.reason.clone(),
        "signer" => text(&payload.signer),
        "printed_name" => text(&payload.printed_name),
        "on_behalf_of" => payload.on_behalf_of.clone(),
        "delegation_id" => payload.delegation_id.clone(),
        "key_id" => text(&payload.key_id),
        "record_version" => Some(payload.version.to_string()),
        "content_sha256" => text(&payload.content_sha256),
        "time_zone" => text(&payload.time_zone),
        _ => None,
    }
}

/// Why a kept signature proves nothing; nothing where it does.
pub fn why_broken(kept: &Kept) -> Option<String> {
    let payload = match Payload::read(kept.payload.as_bytes()) {
        Ok(payload) => payload,
        Err(why) => return Some(why),
    };
    if payload.tenant_id != kept.tenant_id || payload.work_order_id != kept.work_order_id {
        return Some("it was made for another work order".to_owned());
    }
    for (column, value) in &kept.columns {
        if signed_value(&payload, column) != *value {
            return Some(format!("its {column} is not what was signed"));
        }
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
    use crate::approval::content::Covers;
    use crate::approval::payload::{Decision, Format};
    use ed25519_dalek::{Signer, SigningKey};

    fn kept() -> Kept {
        let key = SigningKey::from_bytes(&[7; 32]);
        let public_key = key.verifying_key().to_bytes().to_vec();
        let payload = Payload {
            action: "assign".into(),
            children: Vec::new(),
            content_sha256: "ab".repeat(32),
            covers: Covers::Plan,
            decision: Decision::Approved,
            delegation_id: None,
            expires_at: "2026-03-05T09:13:07.000000Z".into(),
            format: Format::default(),
            from_status: "pending_approval".into(),
            key_id: key_id(&public_key),
            meaning: "plan".into(),
            nonce: "cd".repeat(32),
            on_behalf_of: None,
            printed_name: "Ann".into(),
            reason: None,
            role: "qa".into(),
            server_time: "2026-03-05T09:08:07.000000Z".into(),
            signer: "ann".into(),
            tenant_id: "0195659c-8c00-7000-8000-000000000001".into(),
            time_zone: "Europe/Berlin".into(),
            to_status: "assigned".into(),
            version: 3,
            waives: None,
            work_order: "WO-1".into(),
            work_order_id: "0195659c-8c00-7000-8000-000000000002".into(),
        };
        let text = String::from_utf8(payload.canonical()).unwrap();
        Kept {
            tenant_id: payload.tenant_id.clone(),
            work_order_id: payload.work_order_id.clone(),
            columns: REPEATED.iter().map(|name| (*name, signed_value(&payload, name))).collect(),
            signature: key.sign(text.as_bytes()).to_bytes().to_vec(),
            payload: text,
            public_key,
            key_principal: "ann".into(),
        }
    }

    #[test]
    fn an_honest_signature_proves_itself() {
        assert_eq!(why_broken(&kept()), None);
    }

    #[test]
    fn each_column_is_what_was_signed() {
        for (index, column) in REPEATED.iter().enumerate() {
            let mut forged = kept();
            forged.columns[index].1 = Some("forged".to_owned());
            let why = why_broken(&forged).unwrap();
            assert!(why.contains(column), "{why}");
        }
    }

    #[test]
    fn a_signature_holds_for_its_work_order_and_its_signer_alone() {
        let other = "0195659c-8c00-7000-8000-000000000003".to_owned();
        let key = SigningKey::from_bytes(&[8; 32]).verifying_key().to_bytes().to_vec();
        let mut flipped = kept();
        flipped.signature[5] ^= 1;
        for forged in [
            Kept { tenant_id: other.clone(), ..kept() },
            Kept { work_order_id: other, ..kept() },
            Kept { key_principal: "bob".to_owned(), ..kept() },
            Kept { public_key: key, ..kept() },
            Kept { public_key: Vec::new(), ..kept() },
            Kept { payload: kept().payload.replace("Ann", "Bob"), ..kept() },
            flipped,
        ] {
            assert!(why_broken(&forged).is_some());
        }
    }
}
