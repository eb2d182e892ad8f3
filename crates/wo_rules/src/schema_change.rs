//! Schema changes: DDL on our objects, as entries of the audit trail.

use crate::schema::groups::NOBODY;
use crate::schema::{Frozen, Role, Section, Table, Tenancy, Writer, columns};
use serde_json::{Value, json};
use std::collections::HashMap;

/// The subject of their chain in the audit trail.
pub const SUBJECT: &str = "schema";

/// The action of each of its entries.
pub const ACTION: &str = "altered";

/// At most so many commands are listed in one entry; further ones of the transaction get another.
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
    insert: TRAIL,
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

/// The changes of the entries that these marks become: of each transaction one, or more where it altered many objects,
/// in the order of their first commands. Each is the text of a JSON object. What a transaction did several times with an
/// object is listed once, with how often.
#[must_use]
pub fn entries(marks: &[Mark]) -> Vec<String> {
    let mut transactions: Vec<(&Mark, Vec<Listed<'_>>)> = Vec::new();
    // Where a transaction, and where what it did, stands in the list.
    let mut places: HashMap<&str, (usize, HashMap<[&str; 3], usize>)> = HashMap::new();
    for mark in marks {
        let (place, known) = places.entry(&mark.transaction_id).or_insert_with(|| {
            transactions.push((mark, Vec::new()));
            (transactions.len() - 1, HashMap::new())
        });
        let Some((_, listed)) = transactions.get_mut(*place) else { continue };
        let what = [mark.command.as_str(), &mark.object_type, &mark.object];
        match known.get(&what).and_then(|index| listed.get_mut(*index)) {
            Some(one) => one.times += 1,
            None => {
                known.insert(what, listed.len());
                listed.push(Listed { mark, times: 1 });
            }
        }
    }
    let of_each = transactions.iter().flat_map(|(first, listed)| {
        listed.chunks(MOST_LISTED).map(|commands| entry(first, commands))
    });
    of_each.collect()
}

/// A command that a transaction gave for an object, and how often.
struct Listed<'a> {
    mark: &'a Mark,
    times: u32,
}

fn entry(first: &Mark, commands: &[Listed<'_>]) -> String {
    let listed: Vec<Value> = commands
        .iter()
        .map(|one| {
            json!({
                "at": one.mark.changed_at,
                "command": one.mark.command,
                "object_type": one.mark.object_type,
                "object": one.mark.object,
                "times": one.times,
            })
        })
        .collect();
    json!({
        "commands": listed,
        "transaction_id": first.transaction_id,
        "login_role": first.login_role,
        "client_address": first.client_address,
        "application": first.application,
    })
    .to_string()
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

    /// Otherwise a script of ten thousand commands is an entry that nobody can read, or lets the last of them vanish.
    #[test]
    fn every_object_is_listed_once_in_entries_of_a_bounded_size() {
        let mut marks: Vec<Mark> =
            (0..MOST_LISTED + 3).map(|number| mark("7", &format!("wo.t{number}"))).collect();
        marks.extend(vec![mark("7", "wo.t0"); 9]);
        let entries = parsed(&marks);
        let counts: Vec<usize> =
            entries.iter().map(|entry| entry["commands"].as_array().unwrap().len()).collect();
        assert_eq!(counts, [MOST_LISTED, 3]);
        assert_eq!(entries[0]["commands"][0]["times"], 10);
        assert_eq!(entries[1]["transaction_id"], "7");
        assert_eq!(entries[1]["commands"][2]["object"], format!("wo.t{}", MOST_LISTED + 2));
    }

    #[test]
    fn no_marks_are_no_entry() {
        assert!(entries(&[]).is_empty());
    }
}
