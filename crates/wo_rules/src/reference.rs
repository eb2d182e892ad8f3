//! How a caller names a work order: by its number or by its UUID.

use crate::refusal::{Refusal, SqlState};
use uuid::Uuid;

/// What a `work_order text` argument names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reference {
    /// The UUID, in any spelling that PostgreSQL takes too.
    Id(Uuid),
    /// The number, unique in its tenant.
    Number(String),
}

/// Reads a `work_order text` argument.
///
/// # Errors
/// 22023 `work_order_unknown` where it is blank or too long to be either.
pub fn parse(text: &str) -> Result<Reference, Refusal> {
    let trimmed = text.trim();
    if trimmed.is_empty() || trimmed.len() > crate::number::LONGEST {
        return Err(unknown(&trimmed.chars().take(60).collect::<String>()));
    }
    match Uuid::parse_str(trimmed) {
        Ok(id) => Ok(Reference::Id(id)),
        Err(_) => Ok(Reference::Number(trimmed.to_owned())),
    }
}

/// The refusal for a work order that is not there, or not there for this caller: both look alike,
/// so that nobody learns what another tenant holds.
pub fn unknown(name: &str) -> Refusal {
    Refusal::new(
        SqlState::BadValue,
        "work_order_unknown",
        format!("there is no work order \"{name}\" in this tenant"),
    )
    .with("work_order", name)
    .hint("Name a work order of your tenant by its number or its UUID.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uuid_is_an_id_and_anything_else_a_number() {
        assert!(matches!(parse("0199c0de-0000-7000-8000-000000000001"), Ok(Reference::Id(_))));
        assert_eq!(
            parse(" WO-2026-0305-A1B "),
            Ok(Reference::Number("WO-2026-0305-A1B".to_owned()))
        );
    }

    #[test]
    fn blank_and_endless_names_are_refused_without_being_repeated() {
        assert!(parse("  ").is_err());
        let refusal = parse(&"x".repeat(1_000_000)).err();
        assert!(refusal.is_some_and(|refusal| refusal.message.len() < 200));
    }
}
