//! What of a work order a signature covers, and the hash that stands for it.
//!
//! A requirement covers the plan or the result. Every covered column goes into the hash as the very
//! JSON text that the trail writes, so that the evidence package proves the hash without a database.

use crate::schema;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// Names the layout of the bytes that are hashed where neither a child record nor a task type is covered; a new layout
/// gets a new name.
pub const FORMAT: &str = "wo_core.content.v1";

/// Names the layout where there are child records or a task type: that of [`FORMAT`] with a member `child_records`,
/// where there are some, and a value `task_type`, where there is one.
pub const FORMAT_2: &str = "wo_core.content.v2";

/// What a signature is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Covers {
    /// What is to be done.
    Plan,
    /// What is to be done, and what was done.
    Result,
}

/// The columns of the plan.
const PLAN: &[&str] = &[
    "id",
    "wo_number",
    "lifecycle",
    "title",
    "description",
    "priority",
    "project",
    "requester",
    "originator",
    "source",
    "regulatory",
    "asset",
    TASK_TYPE,
    "due_date",
    "planned_start",
    "planned_end",
    "estimated_hours",
    "tags",
    "acceptance_criteria",
    "deliverables",
    "master_id",
    "required",
    METADATA,
];

/// The column that [`FORMAT`] does not have.
const TASK_TYPE: &str = "task_type";

/// The columns that the result adds to them.
const RESULT: &[&str] = &["actual_start", "actual_end", "actual_hours", "completion_summary"];

/// The column of which only some members are covered: the rest is the programs' own.
const METADATA: &str = "metadata";

/// Those members, and the names under which they are covered: lifecycles decide by them.
const METADATA_MEMBERS: &[(&str, &str)] = &[("type", "metadata.type"), ("cost", "metadata.cost")];

impl Covers {
    /// Reads the name.
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "plan" => Some(Self::Plan),
            "result" => Some(Self::Result),
            _ => None,
        }
    }

    /// The name as lifecycles, tables and payloads write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Plan => "plan",
            Self::Result => "result",
        }
    }
}

/// Whether the content has that child record, by its name in the trail (`release_item:…`): the table registry says
/// which tables' records are covered, and whether already by a signature of the plan.
pub fn covers_child_record(covers: Covers, name: &str) -> bool {
    let table = name.split_once(':').map_or(name, |(table, _)| table);
    let covered = schema::table(table).and_then(|table| table.child()?.child.covers);
    match covered {
        Some(Covers::Plan) => true,
        Some(Covers::Result) => covers == Covers::Result,
        None => false,
    }
}

/// Whether a change of that column can change the content; of `metadata`, only its covered members
/// do.
pub fn covers_column(covers: Covers, name: &str) -> bool {
    PLAN.contains(&name) || covers == Covers::Result && RESULT.contains(&name)
}

/// The members in the order of JCS (RFC 8785), as [`crate::audit::Entry::canonical`] has them.
#[derive(Serialize)]
struct Canonical<'a> {
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    child_records: BTreeMap<&'a str, &'a str>,
    covers: Covers,
    format: &'static str,
    tenant_id: &'a str,
    values: BTreeMap<&'a str, &'a str>,
}

/// The bytes that are hashed: see [`content_hash`].
pub fn canonical<'a>(
    tenant_id: &str,
    covers: Covers,
    values: impl IntoIterator<Item = (&'a str, &'a str)>,
    child_records: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> Vec<u8> {
    let child_records: BTreeMap<&str, &str> =
        child_records.into_iter().filter(|(name, _)| covers_child_record(covers, name)).collect();
    let mut covered = BTreeMap::new();
    for (column, text) in values {
        if column == METADATA {
            // What is no object has no members; the column's own type refuses it anyway.
            let members: BTreeMap<String, &RawValue> =
                serde_json::from_str(text).unwrap_or_default();
            for (member, name) in METADATA_MEMBERS {
                if let Some(value) = members.get(*member) {
                    covered.insert(*name, value.get());
                }
            }
        } else if covers_column(covers, column) {
            covered.insert(column, text);
        }
    }
    let is_plain = child_records.is_empty() && !covered.contains_key(TASK_TYPE);
    let format = if is_plain { FORMAT } else { FORMAT_2 };
    let canonical = Canonical { child_records, covers, format, tenant_id, values: covered };
    let mut bytes = Vec::with_capacity(1024);
    // Writing strings into memory has no way to fail; were there one, no signature would ever match.
    let _ = serde_json::to_writer(&mut bytes, &canonical);
    bytes
}

/// SHA-256 of the covered content.
///
/// `values` are the columns that are not NULL, each with its value as the JSON text that the trail
/// writes; columns that are not covered are passed over, and so are child records that are not. The hash is of the
/// JCS of `{"covers", "format", "tenant_id", "values": {column: JSON text as a string}}`. Of `metadata`
/// the members `type` and `cost` are covered, as the texts that stand in the column's.
///
/// `child_records` are the records that belong to the work order, each under its name in the trail and with the JSON
/// text that the trail has. Where some are covered, they are a first member `child_records`, and the format is
/// [`FORMAT_2`]: what was signed without any keeps its hash.
pub fn content_hash<'a>(
    tenant_id: &str,
    covers: Covers,
    values: impl IntoIterator<Item = (&'a str, &'a str)>,
    child_records: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> [u8; 32] {
    Sha256::digest(canonical(tenant_id, covers, values, child_records)).into()
}
