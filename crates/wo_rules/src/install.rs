//! How a file of the records is divided, and what an install does with what it finds.

/// Begins the part of a file that makes tables: run once, at install.
pub const RECORDS_MARK: &str = "-- == records ==";

/// Begins the part that can be run again at any time: functions, triggers, policies, grants.
pub const LAW_MARK: &str = "-- == law ==";

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

/// A trigger that the law makes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trigger {
    /// The table or view, without its schema.
    pub relation: String,
    /// The trigger.
    pub name: String,
    /// Whether it fires on a replica too.
    pub always: bool,
}

/// The part of a file that makes tables.
pub fn records(sql: &str) -> &str {
    let Some(start) = sql.find(RECORDS_MARK) else { return "" };
    let end = sql.find(LAW_MARK).unwrap_or(sql.len());
    sql.get(start..end).unwrap_or_default()
}

/// The part of a file that can be run again.
pub fn law(sql: &str) -> &str {
    sql.find(LAW_MARK).and_then(|start| sql.get(start..)).unwrap_or_default()
}

/// The triggers that a law makes, read from its own text so that no list has to be kept beside it.
pub fn triggers(law: &str) -> Vec<Trigger> {
    let mut found: Vec<Trigger> = Vec::new();
    let words: Vec<&str> = law.split_whitespace().collect();
    for (index, window) in words.windows(5).enumerate() {
        if let ["create", "or", "replace", "trigger", name] = window {
            let relation = words[index..]
                .iter()
                .take(30)
                .find_map(|word| word.strip_prefix("wo."))
                .map(|word| word.trim_end_matches(';'));
            if let Some(relation) = relation.filter(|_| !name.contains('%')) {
                found.push(Trigger {
                    relation: relation.to_owned(),
                    name: (*name).to_owned(),
                    always: false,
                });
            }
        }
    }
    for window in words.windows(7) {
        if let ["alter", "table", table, "enable", "always", "trigger", name] = window {
            let (relation, name) = (table.trim_start_matches("wo."), name.trim_end_matches(';'));
            for trigger in &mut found {
                if trigger.relation == relation && trigger.name == name {
                    trigger.always = true;
                }
            }
        }
    }
    found.retain(|trigger| !trigger.relation.contains('%'));
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "-- Concept\n-- == records ==\ncreate table wo.a ();\n-- == law ==\n\
        create or replace trigger rule before insert on wo.a\n for each row execute function f();\n\
        create or replace trigger keep_row before delete on wo.a for each row execute function f();\n\
        alter table wo.a enable always trigger keep_row;\n";

    #[test]
    fn a_file_is_divided_at_its_marks() {
        assert!(records(FILE).contains("create table"));
        assert!(!records(FILE).contains("trigger"));
        assert!(!law(FILE).contains("create table"));
        assert_eq!(records("-- nothing"), "");
    }

    #[test]
    fn the_triggers_are_read_from_the_law_itself() {
        let trigger = |name: &str, always| Trigger {
            relation: "a".to_owned(),
            name: name.to_owned(),
            always,
        };
        assert_eq!(triggers(law(FILE)), vec![trigger("rule", false), trigger("keep_row", true)]);
    }
}
