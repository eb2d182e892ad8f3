//! The conditions of triggers, as the server shows them.

/// The conditions of the registry, each with the text that `pg_get_triggerdef` shows of it.
const CONDITIONS: &[(&str, &str)] = &[
    (
        "old.locked_at is distinct from new.locked_at or old.master_id is distinct from new.master_id",
        "(((old.locked_at IS DISTINCT FROM new.locked_at) OR (old.master_id IS DISTINCT FROM new.master_id)))",
    ),
    (
        "octet_length(old.hashes) >= 8192
        or substr(new.hashes, 1, octet_length(old.hashes)) is distinct from old.hashes
        or substr(new.names, 1, octet_length(old.names)) is distinct from old.names",
        "(((octet_length(old.hashes) >= 8192) OR (substr(new.hashes, 1, octet_length(old.hashes)) IS DISTINCT FROM old.hashes) OR (substr(new.names, 1, octet_length(old.names)) IS DISTINCT FROM old.names)))",
    ),
    (
        "old.used_at is not null or old.expires_at > now() - interval '1 day'",
        "(((old.used_at IS NOT NULL) OR (old.expires_at > (now() - '1 day'::interval))))",
    ),
];

/// What `pg_get_triggerdef` shows of a condition of the registry, with its parentheses.
#[must_use]
pub fn shown(condition: &str) -> Option<&'static str> {
    CONDITIONS.iter().find(|(written, _)| *written == condition).map(|(_, shown)| *shown)
}

/// The condition in what `pg_get_triggerdef` gives, with its parentheses.
#[must_use]
pub fn of_definition(definition: &str) -> Option<&str> {
    let (_, rest) = definition.split_once(" WHEN ")?;
    rest.rsplit_once(" EXECUTE FUNCTION ").map(|(condition, _)| condition)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::{TABLES, triggers_of};

    #[test]
    fn each_condition_of_the_registry_is_listed() {
        for table in TABLES {
            for trigger in triggers_of(table) {
                if let Some(when) = trigger.when {
                    assert!(shown(when).is_some(), "{}.{}", table.name, trigger.name);
                }
            }
        }
    }

    #[test]
    fn the_condition_is_what_stands_between_its_words() {
        let definition = "CREATE TRIGGER t BEFORE DELETE ON wo.x FOR EACH ROW WHEN ((old.a IS NOT NULL)) EXECUTE FUNCTION wo_private.f()";
        assert_eq!(of_definition(definition), Some("((old.a IS NOT NULL))"));
        assert_eq!(of_definition("CREATE TRIGGER t EXECUTE FUNCTION f()"), None);
    }
}
