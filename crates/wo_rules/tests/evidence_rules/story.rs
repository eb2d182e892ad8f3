//! The story of a work order, entry by entry, and the package about its end.

use super::{
    DELEGATION, FINDING, PART, Sample, TENANT, WAIVED_PART, WORK_ORDER, approval, base64url,
    key_of, key_value, name_of, public_of, time,
};
use ed25519_dalek::Signer;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use wo_rules::approval::content::{Covers, content_hash};
use wo_rules::approval::payload::{ChildContent, Decision, Format, Payload, key_id};
use wo_rules::audit::{Entry, GENESIS, changes};

/// A work order while its story is told.
pub struct Story {
    pub values: BTreeMap<String, String>,
    pub status: Option<String>,
    pub version: i64,
    changed_at: String,
    previous: [u8; 32],
    entries: Vec<Value>,
    signatures: Vec<Value>,
    children: Vec<Value>,
}

/// One signature to be made.
pub struct Signing<'a> {
    pub number: usize,
    pub signer: &'a str,
    pub role: &'a str,
    pub covers: Covers,
    pub decision: Decision,
    pub on_behalf_of: Option<&'a str>,
    pub waives: Option<&'a str>,
    pub children: bool,
    /// What a forger signs instead.
    pub alter: fn(&mut Payload),
}

impl Signing<'_> {
    pub fn of(number: usize, signer: &'static str) -> Signing<'static> {
        Signing {
            number,
            signer,
            role: "qa",
            covers: Covers::Plan,
            decision: Decision::Approved,
            on_behalf_of: None,
            waives: None,
            children: false,
            alter: |_| (),
        }
    }
}

impl Story {
    pub fn begin() -> Self {
        let child = |id: &str, number: &str, waived: bool| {
            json!({
                "id": id, "wo_number": number, "title": "A part", "status": "closed",
                "required": true, "content_sha256_plan": hex::encode(Sha256::digest(number)),
                "content_sha256_result": hex::encode(Sha256::digest(id)), "waived": waived,
            })
        };
        let mut story = Self {
            values: BTreeMap::new(),
            status: None,
            version: 0,
            changed_at: String::new(),
            previous: GENESIS,
            entries: Vec::new(),
            signatures: Vec::new(),
            children: vec![child(PART, "WO-2", false), child(WAIVED_PART, "WO-3", true)],
        };
        let columns = [
            ("id", json!(WORK_ORDER).to_string()),
            ("tenant_id", json!(TENANT).to_string()),
            ("wo_number", json!("WO-1").to_string()),
            ("lifecycle", json!("regulated_change").to_string()),
            ("lifecycle_version", "1".to_owned()),
            ("title", json!("Exchange the \"pump\" — now").to_string()),
            ("originator", json!("olga").to_string()),
            ("regulatory", "true".to_owned()),
            ("tags", r#"["pump","line 1"]"#.to_owned()),
            ("estimated_hours", "2.50".to_owned()),
            ("metadata", r#"{"cost": 12500.00, "type": "change", "other": [1, 2]}"#.to_owned()),
            ("created_at", json!(time(0)).to_string()),
        ];
        let columns: Vec<_> =
            columns.iter().map(|(name, text)| (*name, Some(text.as_str()))).collect();
        story.write("created", "olga", Some("draft"), true, &columns);
        story
    }

    /// How many seconds have passed: one with each entry.
    pub fn now(&self) -> usize {
        self.entries.len()
    }

    /// One more entry of the trail.
    pub fn write(
        &mut self,
        action: &str,
        actor: &str,
        to_status: Option<&str>,
        is_new_version: bool,
        columns: &[(&str, Option<&str>)],
    ) {
        let recorded_at = time(self.now());
        let texts = changes(
            columns
                .iter()
                .map(|(name, new)| (*name, self.values.get(*name).map(String::as_str), *new)),
        );
        for (name, new) in columns {
            match new {
                Some(new) => self.values.insert((*name).to_owned(), (*new).to_owned()),
                None => self.values.remove(*name),
            };
        }
        if is_new_version {
            self.version += 1;
            self.changed_at.clone_from(&recorded_at);
        }
        let entry = Entry {
            tenant_id: TENANT.to_owned(),
            subject: "work_order".to_owned(),
            subject_id: WORK_ORDER.to_owned(),
            sequence: self.entries.len() as i64 + 1,
            recorded_at,
            action: action.to_owned(),
            actor: Some(actor.to_owned()),
            reason: Some("because\n\"it\" \\ must".to_owned()),
            from_status: to_status.and(self.status.clone()),
            to_status: to_status.map(str::to_owned),
            record_version: Some(self.version),
            changes: texts,
            client_address: Some("192.0.2.7".to_owned()),
            application: Some("psql".to_owned()),
            login_role: "app".to_owned(),
            authenticated_by: "token:019a".to_owned(),
            transaction_id: "790".to_owned(),
        };
        if to_status.is_some() {
            self.status = entry.to_status.clone();
        }
        let hash = entry.hash(&self.previous);
        self.entries.push(entry.with_hashes(&self.previous, &hash));
        self.previous = hash;
    }

    /// Asks for a signature, makes it and writes it down.
    pub fn sign(&mut self, signing: &Signing<'_>) {
        let values = self.values.iter().map(|(name, text)| (name.as_str(), text.as_str()));
        let content = content_hash(TENANT, signing.covers, values, []);
        let rejects = signing.decision == Decision::Rejected;
        let children =
            self.children.iter().filter(|_| signing.children).map(|child| ChildContent {
                content_sha256: child[format!("content_sha256_{}", signing.covers.name())]
                    .as_str()
                    .unwrap()
                    .to_owned(),
                id: child["id"].as_str().unwrap().to_owned(),
                work_order: child["wo_number"].as_str().unwrap().to_owned(),
            });
        let (id, at) = (approval(signing.number), time(self.now()));
        let mut payload = Payload {
            action: if rejects { "return" } else { "assign" }.to_owned(),
            children: children.collect(),
            content_sha256: hex::encode(content),
            covers: signing.covers,
            decision: signing.decision,
            delegation_id: signing.on_behalf_of.map(|_| DELEGATION.to_owned()),
            expires_at: time(self.now() + 300),
            format: Format::V1,
            from_status: self.status.clone().unwrap(),
            key_id: key_id(&public_of(signing.signer)),
            meaning: if signing.waives.is_some() { "waiver" } else { "approval" }.to_owned(),
            nonce: hex::encode(Sha256::digest(&id)),
            on_behalf_of: signing.on_behalf_of.map(str::to_owned),
            printed_name: name_of(signing.signer),
            reason: rejects.then(|| "not yet".to_owned()),
            role: signing.role.to_owned(),
            server_time: at.clone(),
            signer: signing.signer.to_owned(),
            tenant_id: TENANT.to_owned(),
            time_zone: "Europe/Berlin".to_owned(),
            to_status: "assigned".to_owned(),
            version: self.version,
            waives: signing.waives.map(str::to_owned),
            work_order: "WO-1".to_owned(),
            work_order_id: WORK_ORDER.to_owned(),
        };
        (signing.alter)(&mut payload);
        let bytes = payload.canonical();
        let signature = key_of(signing.signer).sign(&bytes).to_bytes();
        let text = String::from_utf8(bytes).unwrap();
        let mut kept = json!({
            "action": payload.action, "from_status": payload.from_status,
            "to_status": payload.to_status, "role": payload.role, "meaning": payload.meaning,
            "covers": payload.covers, "decision": payload.decision, "reason": payload.reason,
            "signer": payload.signer, "printed_name": payload.printed_name,
            "on_behalf_of": payload.on_behalf_of, "delegation_id": payload.delegation_id,
            "key_id": payload.key_id, "record_version": payload.version,
            "content_sha256": payload.content_sha256, "time_zone": payload.time_zone,
            "signed_at": at, "payload": text, "signature": hex::encode(signature),
        });
        kept.as_object_mut().unwrap().retain(|_, value| !value.is_null());
        let kept = kept.to_string();
        let name = format!("approval:{id}");
        let waiver = signing.waives.map(|part| {
            let waiver =
                json!({"approval_id": id, "reason": "spare part", "signed_by": payload.signer});
            (format!("waiver:{part}"), waiver.to_string())
        });
        let mut columns = vec![(name.as_str(), Some(kept.as_str()))];
        columns.extend(waiver.iter().map(|(name, text)| (name.as_str(), Some(text.as_str()))));
        let action = if rejects { "rejected" } else { "signed" };
        self.write(action, signing.signer, None, false, &columns);
        self.signatures.push(json!({
            "approval": id, "role": payload.role, "meaning": payload.meaning,
            "decision": payload.decision, "reason": payload.reason, "signer": payload.signer,
            "printed_name": payload.printed_name, "on_behalf_of": payload.on_behalf_of,
            "on_behalf_of_name": payload.on_behalf_of.as_deref().map(name_of),
            "delegation_id": payload.delegation_id, "key_id": payload.key_id,
            "public_key": base64url(&public_of(signing.signer)), "signed_at": at,
            "time_zone": payload.time_zone, "state": "valid", "state_reason": null,
            "state_at": null, "action": payload.action, "from_status": payload.from_status,
            "to_status": payload.to_status, "covers": payload.covers, "payload": text,
            "signature": base64url(&signature),
        }));
    }

    /// Changes the state of signatures: in one entry, as the database does.
    pub fn end(&mut self, numbers: &[usize], state: &str, actor: &str) {
        let at = time(self.now());
        let (action, column) = match state {
            "withdrawn" => ("signature_withdrawn", "withdrawn_at"),
            "amended" => ("signatures_amended", "amended_at"),
            _ => ("signatures_voided", "voided_at"),
        };
        let mut columns = Vec::new();
        for number in numbers {
            let name = format!("approval:{}", approval(*number));
            let mut kept: Map<String, Value> = serde_json::from_str(&self.values[&name]).unwrap();
            kept.insert(column.to_owned(), json!(at));
            kept.insert("state_reason".to_owned(), json!("it changed"));
            columns.push((name, Value::Object(kept).to_string()));
            let shown = self
                .signatures
                .iter_mut()
                .find(|signature| signature["approval"] == json!(approval(*number)))
                .unwrap();
            shown["state"] = json!(state);
            shown["state_at"] = json!(at);
            shown["state_reason"] = json!("it changed");
        }
        let columns: Vec<_> =
            columns.iter().map(|(name, text)| (name.as_str(), Some(text.as_str()))).collect();
        self.write(action, actor, None, false, &columns);
    }

    /// The package about the work order as it stands now.
    pub fn package(self) -> Sample {
        let (child_records, record): (BTreeMap<_, _>, BTreeMap<_, _>) = self
            .values
            .iter()
            .map(|(name, text)| (name.clone(), text.clone()))
            .partition(|(name, _)| name.contains(':'));
        let waits_for: Vec<Value> = child_records
            .keys()
            .filter_map(|name| name.strip_prefix("dependency:"))
            .map(|id| json!({"id": id, "wo_number": "WO-9", "title": "Before", "status": "closed", "lag": "00:00:00"}))
            .collect();
        let locked_at: Option<Value> =
            record.get("locked_at").map(|text| serde_json::from_str(text).unwrap());
        let principals = ["ann", "max", "mia", "olga", "rob"];
        let sections = [
            ("tenant", json!({"tenant_id": TENANT, "slug": "acme", "name": "Acme"})),
            (
                "work_order",
                json!({
                    "id": WORK_ORDER, "wo_number": "WO-1", "status": self.status,
                    "version": self.version, "updated_at": self.changed_at,
                    "locked_at": locked_at, "chain_sequence": self.entries.len(),
                    "chain_hash": hex::encode(self.previous),
                }),
            ),
            (
                "lifecycle",
                json!({
                    "name": "regulated_change", "version": 1, "published_by": "olga",
                    "published_at": time(0), "definition": {"states": [], "limit": 1.5},
                }),
            ),
            ("master", Value::Null),
            ("children", json!(self.children)),
            (
                "dependencies",
                json!({
                    "waits_for": waits_for,
                    "awaited_by": [{"id": PART, "wo_number": "WO-2", "title": "A part", "status": "closed"}],
                }),
            ),
            ("signatures", json!(self.signatures)),
            ("signing_keys", json!(["ann", "max", "rob"].map(key_value))),
            (
                "delegations",
                json!([{
                    "id": DELEGATION, "parent_id": null, "delegator": "mia", "delegate": "max",
                    "role": "owner", "lifecycle": null, "meaning": "approval", "starts_at": time(0),
                    "ends_at": time(3_600), "reason": "away", "created_at": time(0), "revoked_at": null,
                }]),
            ),
            (
                "principals",
                json!(
                    principals.map(|id| json!({"id": id, "kind": "person", "name": name_of(id)}))
                ),
            ),
            (
                "made",
                json!({
                    "by": "ann", "login_role": "desk", "occasion": "request", "wo_core": "0.1.0",
                    "postgresql": "15.18",
                }),
            ),
            (
                "findings",
                json!([{
                    "id": FINDING, "work_order_id": WORK_ORDER, "code": "approvals_missing", "closed_at": null,
                }]),
            ),
            (
                "refused_attempts",
                json!({"total": 1, "left_out": 0, "listed": [{
                    "sequence": 7, "first_at": time(3), "last_at": time(4), "attempts": 2, "actor": "max",
                    "code": "approvals_missing", "guards": ["approvals_collected"], "action": "assign",
                    "from_status": "draft", "to_status": "assigned", "why": "it needs a signature of qa",
                }]}),
            ),
            ("trail", json!(self.entries)),
            ("ledger", Value::Null),
            ("concepts", json!({})),
            ("how_to_verify", json!("Run \"wo verify\" on this file.")),
        ];
        Sample { made_at: time(7_200), record, child_records, sections: sections.into() }
    }
}
