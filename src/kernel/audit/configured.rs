//! The configured objects as they stand, to be held against their chains.

use crate::pg::row::Row;
use crate::pg::statement::{Mode, Statement, uuid as uuid_argument};
use pgrx::pg_sys;
use std::collections::{BTreeMap, HashMap};
use uuid::Uuid;
use wo_rules::audit::CONFIGURATION;

/// The key columns of each configured object, as its trigger names them.
fn key_columns(subject: &str) -> &'static [&'static str] {
    match subject {
        "tenant" => &["tenant_id"],
        "role" => &["role"],
        "principal" => &["id"],
        "principal_role" => &["principal", "role"],
        "trusted_issuer" => &["issuer", "key_id"],
        "lifecycle" => &["name", "version"],
        "engine" => &["engine"],
        "task_type" => &["task_type"],
        "signing_key" => &["key_id"],
        "delegation" | "finding" => &["id"],
        "approval_sla" => &["role"],
        _ => &["name"],
    }
}

/// Every configured object of a tenant, by kind and key, with its columns as JSON texts.
pub fn read_configuration(tenant: Uuid) -> HashMap<(String, String), BTreeMap<String, String>> {
    let mut all = HashMap::new();
    for subject in CONFIGURATION {
        let statement = Statement::new(
            format!("select held.* from wo.{subject} as held where held.tenant_id = $1"),
            &[pg_sys::UUIDOID],
        );
        statement.run(Mode::Latest, &[uuid_argument(tenant)], |rows| {
            for index in 0..rows.count() {
                let Some(row) = Row::of_rows(rows, index) else { continue };
                let values: BTreeMap<String, String> = (0..row.len())
                    .filter_map(|index| Some((row.name(index)?.to_owned(), row.json(index)?)))
                    .collect();
                let key: Vec<&str> = key_columns(subject)
                    .iter()
                    .filter_map(|column| values.get(*column).map(String::as_str))
                    .collect();
                all.insert(((*subject).to_owned(), format!("[{}]", key.join(","))), values);
            }
        });
    }
    all
}
