//! Schema changes: DDL on our objects, as entries of the audit trail.

use crate::schema::groups::NOBODY;
use crate::schema::{Frozen, Role, Section, Table, Tenancy, Writer, columns};
use serde_json::{Value, json};

/// The subject of their chain in the audit trail.
pub const SUBJECT: &str = "schema";

/// The action of each of its entries.
pub const ACTION: &str = "altered";

/// At most so many commands are listed in one entry; further ones are counted.
pub const MOST_LISTED: usize = 500;

const TRAIL: &[Role] = &[Role::Trail];

/// What the registry holds of them.
pub const SCHEMA: Section = Section::of(&[Table {
    name: "ddl_mark",
    columns: columns! {
        mark UUID, changed_at TIMESTAMPTZ, transaction_id TEXT, command TEXT, object_type TEXT, object TEXT,
        login_role TEXT, client_address TEXT NULL, application TEXT NULL,
    },
    key: &["mark"],
    tenancy: Tenancy::Installation,
    writer: Writer::Grantees,
    frozen: Frozen::Row,
    select: &[Role::Admin, Role::Auditor, Role::Monitor, Role::Trail],
    insert: NOBODY,
    update: NOBODY,
    delete: TRAIL,
    ..Table::SYSTEM
}]);

/// One object that a command altered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// When the command ran: see [`crate::time::utc`].
    pub changed_at: String,
    /// The transaction.
    pub transaction_id: String,
    /// The command's tag.
    pub command: String,
    /// The kind of the object.
    pub object_type: String,
    /// The object's identity.
    pub object: String,
    /// The role that logged in.
    pub login_role: String,
    /// The client's address; nothing for a local socket.
    pub client_address: Option<String>,
    /// What the client calls itself.
    pub application: Option<String>,
}

/// The changes of the entries that these marks become, one for each transaction, in the order of their first commands.
/// Each is the text of a JSON object.
#[must_use]
pub fn entries(marks: &[Mark]) -> Vec<String> {
    let mut transactions: Vec<Vec<&Mark>> = Vec::new();
    for mark in marks {
        let known = transactions.iter_mut().find(|marks| {
            marks.first().is_some_and(|first| first.transaction_id == mark.transaction_id)
        });
        match known {
            Some(marks) => marks.push(mark),
            None => transactions.push(vec![mark]),
        }
    }
    transactions.iter().filter_map(|marks| entry(marks)).collect()
}

fn entry(marks: &[&Mark]) -> Option<String> {
    let first = marks.first()?;
    let listed: Vec<Value> = marks
        .iter()
        .take(MOST_LISTED)
        .map(|mark| {
            json!({
                "at": mark.changed_at,
                "command": mark.command,
                "object_type": mark.object_type,
                "object": mark.object,
            })
        })
        .collect();
    let changes = json!({
        "commands": listed,
        "commands_not_listed": marks.len().saturating_sub(MOST_LISTED),
        "transaction_id": first.transaction_id,
        "login_role": first.login_role,
        "client_address": first.client_address,
        "application": first.application,
    });
    Some(changes.to_string())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn mark(transaction_id: &str, object: &str) -> Mark {
        Mark {
            changed_at: "2026-11-30T12:00:00.000000Z".to_owned(),
            transaction_id: transaction_id.to_owned(),
            command: "ALTER TABLE".to_owned(),
            object_type: "table".to_owned(),
            object: object.to_owned(),
            login_role: "dba".to_owned(),
            client_address: None,
            application: Some("psql".to_owned()),
        }
    }

    fn parsed(marks: &[Mark]) -> Vec<Value> {
        entries(marks).iter().map(|changes| serde_json::from_str(changes).unwrap()).collect()
    }

    /// Otherwise the entry of one transaction names what another did.
    #[test]
    fn a_transaction_is_one_entry() {
        let entries = parsed(&[mark("7", "wo.a"), mark("8", "wo.b"), mark("7", "wo.c")]);
        assert_eq!(entries.len(), 2);
        assert_eq!(entries[0]["transaction_id"], "7");
        let objects = |entry: &Value| -> Vec<Value> {
            let commands = entry["commands"].as_array().unwrap();
            commands.iter().map(|command| command["object"].clone()).collect()
        };
        assert_eq!(objects(&entries[0]), ["wo.a", "wo.c"]);
        assert_eq!(objects(&entries[1]), ["wo.b"]);
        assert_eq!(entries[1]["login_role"], "dba");
    }

    /// Otherwise a script of ten thousand commands is an entry that nobody can read.
    #[test]
    fn an_entry_lists_a_bounded_number_of_commands_and_counts_the_others() {
        let marks = vec![mark("7", "wo.a"); MOST_LISTED + 3];
        let entries = parsed(&marks);
        assert_eq!(entries[0]["commands"].as_array().unwrap().len(), MOST_LISTED);
        assert_eq!(entries[0]["commands_not_listed"], 3);
    }

    #[test]
    fn no_marks_are_no_entry() {
        assert!(entries(&[]).is_empty());
    }
}
