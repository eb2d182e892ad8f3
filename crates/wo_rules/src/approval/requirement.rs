//! Signatures that a tenant asks for beyond its lifecycles (spec/2 §2.4 "Additional").

use super::content::Covers;
use crate::lifecycle::{ApprovalRequirement, Condition, Role, When};
use crate::refusal::{Refusal, SqlState};

/// A requirement as a tenant writes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Additional {
    /// Its name.
    pub name: String,
    /// The lifecycle; every one where there is none.
    pub lifecycle: Option<String>,
    /// The action that waits for it.
    pub action: String,
    /// The role that signs.
    pub role: String,
    /// What the signature says.
    pub meaning: String,
    /// How many have to sign.
    pub count: i32,
    /// Its place among the others.
    pub order: i32,
    /// When it is required: conditions with `and` between them; always where there is none.
    pub when: Option<String>,
    /// What of the record is signed.
    pub covers: String,
}

/// Reads a requirement.
///
/// # Errors
/// 22023 `approval_requirement_invalid`, saying what cannot be.
pub fn read(written: &Additional) -> Result<ApprovalRequirement, Refusal> {
    let invalid = |why: String| {
        Refusal::new(
            SqlState::BadValue,
            "approval_requirement_invalid",
            format!("the approval requirement {} cannot be: {why}", written.name),
        )
        .with("name", written.name.as_str())
    };
    let role = Role::named(&written.role);
    if role == Role::Assignee {
        return Err(invalid("nobody approves their own work".to_owned()));
    }
    let number = |value: i32, what: &str| {
        u32::try_from(value)
            .ok()
            .filter(|value| (1..=100).contains(value))
            .ok_or_else(|| invalid(format!("{what} must be from 1 to 100")))
    };
    let when = match written.when.as_deref().map(str::trim) {
        None | Some("always") => When::Always,
        Some(text) => When::If(
            text.split(" and ").map(Condition::parse).collect::<Result<_, _>>().map_err(invalid)?,
        ),
    };
    let covers = Covers::parse(&written.covers)
        .ok_or_else(|| invalid("covers must be plan or result".to_owned()))?;
    Ok(ApprovalRequirement {
        role,
        meaning: written.meaning.clone(),
        when,
        count: number(written.count, "count")?,
        order: number(written.order, "ordinal")?,
        covers,
    })
}

/// What is wrong with a requirement whose action the newest version of its lifecycle does not have.
pub fn never_asked(name: &str, action: &str) -> String {
    format!("requirement {name} waits for the action {action}, which no newest version has")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn written() -> Additional {
        Additional {
            name: "safety".to_owned(),
            lifecycle: None,
            action: "assign".to_owned(),
            role: "safety".to_owned(),
            meaning: "plan".to_owned(),
            count: 1,
            order: 1,
            when: Some("regulatory and priority = critical".to_owned()),
            covers: "plan".to_owned(),
        }
    }

    #[test]
    fn conditions_are_joined_by_and() {
        let When::If(conditions) = read(&written()).unwrap().when else { panic!() };
        assert_eq!(conditions.len(), 2);
        let always = Additional { when: None, ..written() };
        assert_eq!(read(&always).unwrap().when, When::Always);
    }

    #[test]
    fn what_cannot_be_required_is_refused() {
        for wrong in [
            Additional { when: Some("colour = red".to_owned()), ..written() },
            Additional { when: Some(String::new()), ..written() },
            Additional { count: 0, ..written() },
            Additional { order: 101, ..written() },
            Additional { covers: "all".to_owned(), ..written() },
            Additional { role: "assignee".to_owned(), ..written() },
        ] {
            assert_eq!(read(&wrong).unwrap_err().code, "approval_requirement_invalid");
        }
    }
}
