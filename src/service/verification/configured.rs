//! The configured objects as they stand, to be held against their chains.

use crate::pg::row::Row;
use crate::pg::statement::{Mode, Statement, uuid as uuid_argument};
use pgrx::pg_sys;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use uuid::Uuid;
use wo_rules::schema;

/// A configured object as it stands.
#[derive(Clone, Default)]
pub struct Configured {
    /// Each audited column that is not null, as JSON text.
    pub values: BTreeMap<String, String>,
    /// The columns that its table has.
    pub columns: BTreeSet<String>,
}

/// Every configured object of a tenant, by kind and key.
pub fn read_configuration(tenant: Uuid) -> HashMap<(String, String), Configured> {
    let mut all = HashMap::new();
    for table in schema::chained() {
        let subject = table.name;
        let statement = Statement::new(
            format!("select held.* from wo.{subject} as held where held.tenant_id = $1"),
            &[pg_sys::UUIDOID],
        );
        statement.run(Mode::Latest, &[uuid_argument(tenant)], |rows| {
            for index in 0..rows.count() {
                let Some(row) = Row::of_rows(rows, index) else { continue };
                let columns: BTreeSet<String> =
                    (0..row.len()).filter_map(|index| Some(row.name(index)?.to_owned())).collect();
                let mut values: BTreeMap<String, String> = (0..row.len())
                    .filter_map(|index| Some((row.name(index)?.to_owned(), row.json(index)?)))
                    .collect();
                let key: Vec<&str> = table
                    .subject_key()
                    .iter()
                    .filter_map(|column| values.get(*column).map(String::as_str))
                    .collect();
                let key = format!("[{}]", key.join(","));
                if !table.audited_columns.is_empty() {
                    values.retain(|name, _| table.audited_columns.contains(&name.as_str()));
                }
                all.insert((subject.to_owned(), key), Configured { values, columns });
            }
        });
    }
    all
}
