//! Templates: what a new tenant can start with beyond its roles and lifecycles. Documents like the
//! lifecycles; everything in them can be changed afterwards.

use crate::dispatch::CostClass;
use crate::refusal::{Refusal, SqlState};
use serde::Deserialize;
use serde_json::{Map, Value};

/// Name and text of each shipped template.
pub const SHIPPED: &[(&str, &str)] = &[
    ("regulated_change", include_str!("../templates/regulated_change.json")),
    ("agent_change", include_str!("../templates/agent_change.json")),
    ("fleet", include_str!("../templates/fleet.json")),
];

/// What a tenant starts with.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Template {
    /// Its name.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// The lifecycle of a work order that names none.
    pub default_lifecycle: String,
    /// How work orders are numbered.
    pub number_format: String,
    /// What releases the versions of each kind of definitions.
    #[serde(default)]
    pub definition_policies: Vec<DefinitionPolicy>,
    /// Who can act, and who can be assigned.
    #[serde(default)]
    pub principals: Vec<Principal>,
    /// The kinds of task, and what each may cost.
    #[serde(default)]
    pub task_types: Vec<TaskType>,
    /// What executes tasks.
    #[serde(default)]
    pub engines: Vec<Engine>,
}

/// What releases the versions of a kind of definitions.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DefinitionPolicy {
    /// The kind.
    pub kind: String,
    /// What releases a version: publication, role or work_order.
    pub release: String,
    /// The role whose holders publish, beside administrators.
    pub author_role: Option<String>,
    /// The role whose holders release.
    pub release_role: Option<String>,
}

/// Somebody who can act.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Principal {
    /// The identifier.
    pub id: String,
    /// The printed name; the identifier if there is none.
    pub name: Option<String>,
    /// person, agent, vendor or system.
    pub kind: String,
    /// The standing roles.
    #[serde(default)]
    pub roles: Vec<String>,
    /// Whether work can be assigned to it.
    #[serde(default = "yes")]
    pub assignable: bool,
    /// Anything else about it.
    #[serde(default)]
    pub attributes: Map<String, Value>,
}

/// A kind of task.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TaskType {
    /// Its name.
    pub task_type: String,
    /// The dearest class of engine that it may use.
    pub cost_class: CostClass,
    /// What it means.
    pub description: String,
}

/// What executes tasks.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Engine {
    /// Its name.
    pub engine: String,
    /// What it costs.
    pub cost_class: CostClass,
    /// The task types that it is for.
    pub capabilities: Vec<String>,
    /// What it is.
    pub description: String,
}

fn yes() -> bool {
    true
}

/// The template of that name.
///
/// # Errors
/// 22023 `template_unknown`.
pub fn named(name: &str) -> Result<Template, Refusal> {
    SHIPPED
        .iter()
        .find(|(known, _)| *known == name)
        .and_then(|(_, text)| serde_json::from_str(text).ok())
        .ok_or_else(|| {
            let known: Vec<&str> = SHIPPED.iter().map(|(known, _)| *known).collect();
            let shown: String = name.chars().take(63).collect();
            Refusal::new(
                SqlState::BadValue,
                "template_unknown",
                format!("there is no template \"{shown}\" for a tenant"),
            )
            .with("templates", known.clone())
            .hint(format!("the templates are {}", known.join(", ")))
        })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::lifecycle;
    use std::collections::BTreeSet;

    #[test]
    fn every_shipped_template_is_read_and_refers_to_what_is_there() {
        for (name, _) in SHIPPED {
            let template = named(name).unwrap();
            assert_eq!(template.name, *name);
            let (_, text) = lifecycle::SHIPPED
                .iter()
                .find(|(known, _)| *known == template.default_lifecycle)
                .unwrap();
            let definition =
                lifecycle::validate(&serde_json::from_str(text).unwrap(), None).unwrap();
            let roles: BTreeSet<&str> =
                definition.roles().iter().map(|(role, _)| role.as_str()).collect();
            for principal in &template.principals {
                assert!(principal.roles.iter().all(|role| roles.contains(role.as_str())));
            }
            let types: BTreeSet<&str> =
                template.task_types.iter().map(|kind| kind.task_type.as_str()).collect();
            for engine in &template.engines {
                assert!(engine.capabilities.iter().all(|able| types.contains(able.as_str())));
            }
            crate::number::Format::parse(&template.number_format).unwrap();
            for policy in &template.definition_policies {
                assert!(crate::definition::kind(&policy.kind).is_ok(), "{}", policy.kind);
                assert!(crate::definition::Release::parse(&policy.release).is_some());
            }
        }
    }

    #[test]
    fn the_fleet_has_the_thirteen_identities_that_can_be_assigned_and_three_captains() {
        let fleet = named("fleet").unwrap();
        assert_eq!(fleet.principals.iter().filter(|one| one.assignable).count(), 13);
        let captains: Vec<&str> = fleet
            .principals
            .iter()
            .filter(|one| one.roles.iter().any(|role| role == "captain"))
            .map(|one| one.id.as_str())
            .collect();
        assert_eq!(captains, ["小西", "夏哥", "system:captain-proxy"]);
    }

    #[test]
    fn an_unknown_template_is_refused_and_the_known_ones_told() {
        let refusal = named("navy").unwrap_err();
        assert_eq!(refusal.code, "template_unknown");
        assert!(refusal.hint.contains("fleet"));
    }
}
