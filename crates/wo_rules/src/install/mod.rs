//! How a file of the records is divided, what an install does with what it finds, and whether the
//! records are as the enforcement layer made them.

pub mod agreement;
pub mod catalogue;
mod tables;

pub use tables::SCHEMA;

/// Begins the part of a file that makes tables: run once, at install.
pub const RECORDS_MARK: &str = "-- == tables ==";

/// Begins the part that can be run again at any time: functions, triggers, policies, grants.
pub const LAW_MARK: &str = "-- == enforcement ==";

/// What stands in schema `wo` when the extension is created.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// No such schema: make everything.
    Nothing,
    /// The empty schema of a restore: the dump brings the records.
    Empty,
    /// Records that outlived a DROP EXTENSION.
    Records,
    /// Somebody else's schema.
    Stranger,
}

/// A trigger that the enforcement layer makes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trigger<'a> {
    /// The table or view, without its schema.
    pub relation: &'a str,
    /// The trigger.
    pub name: &'a str,
    /// The function of schema `wo_private` that it runs.
    pub function: &'a str,
    /// Whether it fires on a replica too.
    pub always: bool,
}

/// The part of a file that makes tables.
pub fn tables(sql: &str) -> &str {
    let Some(start) = sql.find(RECORDS_MARK) else { return "" };
    let end = sql.find(LAW_MARK).unwrap_or(sql.len());
    sql.get(start..end).unwrap_or_default()
}

/// The part of a file that can be run again.
pub fn enforcement(sql: &str) -> &str {
    sql.find(LAW_MARK).and_then(|start| sql.get(start..)).unwrap_or_default()
}

/// The triggers that the enforcement layer makes, read from its own text so that no list has to be kept beside it.
///
/// Every session may have to read all of it, so only the surroundings of the word are looked at.
pub fn triggers(sql: &str) -> Vec<Trigger<'_>> {
    const WORD: &str = "trigger";
    let mut found: Vec<Trigger<'_>> = Vec::new();
    let mut always: Vec<(&str, &str)> = Vec::new();
    for (at, _) in sql.match_indices(WORD) {
        let (before, after) = (&sql[..at], &sql[at + WORD.len()..]);
        if !before.ends_with(char::is_whitespace) || !after.starts_with(char::is_whitespace) {
            continue;
        }
        let mut backwards = before.split_ascii_whitespace().rev();
        let before: [&str; 5] = std::array::from_fn(|_| backwards.next().unwrap_or_default());
        let statement = after.split_once(';').map_or(after, |(statement, _)| statement);
        let mut after = statement.split_ascii_whitespace();
        let Some(name) = after.next() else { continue };
        match before {
            ["replace", "or", "create", ..] | ["constraint", "create", ..]
                if !name.contains('%') =>
            {
                let relation = after
                    .find_map(|word| word.strip_prefix("wo."))
                    .filter(|relation| !relation.contains('%'));
                let function = after
                    .skip_while(|word| *word != "function")
                    .nth(1)
                    .and_then(|word| word.split('(').next())
                    .map_or("", |word| word.trim_start_matches("wo_private."));
                found.extend(relation.map(|relation| Trigger {
                    relation,
                    name,
                    function,
                    always: false,
                }));
            }
            ["always", "enable", table, "table", "alter"] => {
                always.push((table.trim_start_matches("wo."), name));
            }
            _ => {}
        }
    }
    for trigger in &mut found {
        trigger.always = always.contains(&(trigger.relation, trigger.name));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "-- Concept\n-- == tables ==\ncreate table wo.a ();\n-- == enforcement ==\n\
        create or replace trigger validate before insert on wo.a\n for each row execute function wo_private.f('a');\n\
        create or replace trigger forbid_delete before delete on wo.a for each row execute function wo_private.g();\n\
        drop trigger if exists settle on wo.a;\n\
        create constraint trigger settle after update on wo.a for each row execute function wo_private.h();\n\
        alter table wo.a enable always trigger forbid_delete;\n";

    #[test]
    fn a_file_is_divided_at_its_marks() {
        assert!(tables(FILE).contains("create table"));
        assert!(!tables(FILE).contains("trigger"));
        assert!(!enforcement(FILE).contains("create table"));
        assert_eq!(tables("-- nothing"), "");
    }

    #[test]
    fn the_triggers_are_read_from_their_sql_itself() {
        let trigger = |name, function, always| Trigger { relation: "a", name, function, always };
        assert_eq!(
            triggers(enforcement(FILE)),
            vec![
                trigger("validate", "f", false),
                trigger("forbid_delete", "g", true),
                trigger("settle", "h", false)
            ]
        );
    }
}
