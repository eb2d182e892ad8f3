//! What a tenant asks for before new work uses a version of a kind, and who writes the versions.

use super::words;
use crate::refusal::{Refusal, SqlState};

/// What releases a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Release {
    /// Its publication.
    Publication,
    /// A holder of a role.
    Role,
    /// The end of a regulatory work order that names it.
    WorkOrder,
}

impl Release {
    /// Its name in `wo.definition_policy`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Publication => "publication",
            Self::Role => "role",
            Self::WorkOrder => "work_order",
        }
    }

    /// Reads the name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Publication, Self::Role, Self::WorkOrder].into_iter().find(|one| one.name() == name)
    }
}

/// The policy of a tenant for a kind. Without one, a version is released by a work order, and administrators alone
/// publish.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// What releases a version.
    pub release: Release,
    /// The role whose holders publish and retire versions, beside administrators.
    pub author_role: Option<String>,
    /// The role whose holders release versions, where a role does.
    pub release_role: Option<String>,
}

impl Default for Policy {
    fn default() -> Self {
        Self { release: Release::WorkOrder, author_role: None, release_role: None }
    }
}

impl Policy {
    /// Checks a policy that is to be stored.
    ///
    /// # Errors
    /// 23514 `policy_incomplete`.
    pub fn check(&self, kind: &str) -> Result<(), Refusal> {
        if self.release == Release::Role && self.release_role.is_none() {
            return Err(Refusal::new(
                SqlState::GateNotMet,
                "policy_incomplete",
                format!("a {} that a role releases needs that role", words(kind)),
            )
            .with("kind", kind)
            .hint("Give release_role, or another way of release."));
        }
        Ok(())
    }
}

/// Who writes a version.
#[derive(Clone, Copy, Debug)]
pub struct Author<'a> {
    /// The principal; nothing for a database role that administers.
    pub id: Option<&'a str>,
    /// Whether the login is a member of `wo_admin`.
    pub is_administrator: bool,
    /// The principal's roles.
    pub roles: &'a [String],
}

impl Author<'_> {
    /// Whether the principal has that role.
    #[must_use]
    pub fn has(&self, role: Option<&str>) -> bool {
        role.is_some_and(|role| self.roles.iter().any(|own| own == role))
    }
}

/// Checks that somebody may publish and retire versions of a kind.
///
/// # Errors
/// 42501 `not_an_author`.
pub fn check_author(kind: &str, policy: &Policy, author: &Author<'_>) -> Result<(), Refusal> {
    if author.is_administrator || author.has(policy.author_role.as_deref()) {
        return Ok(());
    }
    let who = policy.author_role.as_deref().map_or_else(
        || "administrators".to_owned(),
        |role| format!("administrators and those with the role {role}"),
    );
    Err(Refusal::new(
        SqlState::NotPermitted,
        "not_an_author",
        format!("only {who} publish and retire a {}", words(kind)),
    )
    .with("kind", kind)
    .hint("An administrator names that role: select wo.set_definition_policy(kind, release, author_role => ...);"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn administrators_and_holders_of_the_role_publish_and_nobody_else() {
        let planner = ["planner".to_owned()];
        let policy = Policy { author_role: Some("planner".to_owned()), ..Policy::default() };
        let author = |is_administrator, roles| Author { id: Some("p"), is_administrator, roles };
        assert!(check_author("job_plan", &policy, &author(false, &planner)).is_ok());
        assert!(check_author("job_plan", &Policy::default(), &author(true, &[])).is_ok());
        for (policy, roles) in [(&policy, &[][..]), (&Policy::default(), &planner[..])] {
            let refusal = check_author("job_plan", policy, &author(false, roles)).unwrap_err();
            assert_eq!(refusal.code, "not_an_author");
        }
    }

    #[test]
    fn a_release_by_a_role_needs_the_role() {
        let policy = Policy { release: Release::Role, ..Policy::default() };
        assert_eq!(policy.check("job_plan").unwrap_err().code, "policy_incomplete");
    }

    #[test]
    fn a_release_is_read_as_it_is_written() {
        for one in [Release::Publication, Release::Role, Release::WorkOrder] {
            assert_eq!(Release::parse(one.name()), Some(one));
        }
        assert_eq!(Release::parse("nobody"), None);
    }
}
