//! Dispatch: which engine executes a task (spec/4 "Dispatch engine integration"). The cheapest one
//! that is for the task, and never a dearer one than the kind of task may cost.

mod tables;

pub use tables::SCHEMA;

use crate::refusal::{Refusal, SqlState};
use serde::{Deserialize, Serialize};

/// What an engine costs, cheapest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CostClass {
    /// Nothing.
    Free,
    /// Little.
    Cheap,
    /// Enough to ask whether it must be.
    Expensive,
}

impl CostClass {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Free => "free",
            Self::Cheap => "cheap",
            Self::Expensive => "expensive",
        }
    }

    /// The class of that name.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Free, Self::Cheap, Self::Expensive].into_iter().find(|class| class.name() == name)
    }
}

/// An engine that is not disabled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Engine {
    /// Its name.
    pub name: String,
    /// What it costs.
    pub cost: CostClass,
    /// The task types that it is for.
    pub capabilities: Vec<String>,
}

/// A kind of task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskType {
    /// Its name.
    pub name: String,
    /// The dearest class that it may use.
    pub dearest: CostClass,
}

/// The engine that was chosen, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice<'a> {
    /// The engine.
    pub engine: &'a Engine,
    /// Why, in one sentence.
    pub why: String,
}

/// Chooses an engine for a work order of that task type.
///
/// # Errors
/// - 23514 `task_type_unknown`: the work order names no task type, or none that the tenant has.
/// - 23514 `no_engine`: no engine of a class that the task may cost is for it.
pub fn choose<'a>(
    number: &str,
    task_type: Option<&str>,
    types: &[TaskType],
    engines: &'a [Engine],
) -> Result<Choice<'a>, Refusal> {
    let known: Vec<&str> = types.iter().map(|kind| kind.name.as_str()).collect();
    let Some(kind) = task_type.and_then(|name| types.iter().find(|kind| kind.name == name)) else {
        let message = match task_type {
            None => format!("work order {number} does not say what kind of task it is"),
            Some(name) => {
                let shown: String = name.chars().take(63).collect();
                format!("work order {number} is a task of the unknown type \"{shown}\"")
            }
        };
        return Err(Refusal::new(SqlState::GateNotMet, "task_type_unknown", message)
            .with("task_types", known.clone())
            .hint(format!(
                "Give the work order one of {}: wo.patch_work_order('...', '{{\"task_type\": \"...\"}}').",
                known.join(", ")
            )));
    };
    let able = |engine: &&Engine| engine.capabilities.contains(&kind.name);
    let affordable = |engine: &&Engine| engine.cost <= kind.dearest;
    let chosen = engines
        .iter()
        .filter(able)
        .filter(affordable)
        .min_by(|a, b| (a.cost, &a.name).cmp(&(b.cost, &b.name)));
    match chosen {
        Some(engine) => Ok(Choice {
            engine,
            why: format!(
                "{} is the cheapest engine for {} ({}); the task may cost up to {}",
                engine.name,
                kind.name,
                engine.cost.name(),
                kind.dearest.name()
            ),
        }),
        None => Err(Refusal::new(
            SqlState::GateNotMet,
            "no_engine",
            format!(
                "work order {number} has no engine: none that costs at most {} is for {}",
                kind.dearest.name(),
                kind.name
            ),
        )
        .with("task_type", kind.name.as_str())
        .with("cost_class", kind.dearest.name())
        .with(
            "too_expensive",
            engines.iter().filter(able).map(|engine| engine.name.as_str()).collect::<Vec<_>>(),
        )
        .hint("A person who may override the choice can name an engine, with a reason.")),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn fleet() -> (Vec<TaskType>, Vec<Engine>) {
        let template = crate::template::named("fleet").unwrap();
        let types = template
            .task_types
            .into_iter()
            .map(|kind| TaskType { name: kind.task_type, dearest: kind.cost_class })
            .collect();
        let engines = template
            .engines
            .into_iter()
            .map(|engine| Engine {
                name: engine.engine,
                cost: engine.cost_class,
                capabilities: engine.capabilities,
            })
            .collect();
        (types, engines)
    }

    #[test]
    fn each_kind_of_task_gets_the_cheapest_engine_that_is_for_it() {
        let (types, engines) = fleet();
        for (task_type, engine) in [
            ("research", "groq"),
            ("analysis", "groq"),
            ("simple", "groq"),
            ("quality_sensitive", "deepseek"),
            ("code_editing", "claude"),
            ("file_operations", "claude"),
        ] {
            let choice = choose("WO-1", Some(task_type), &types, &engines).unwrap();
            assert_eq!(choice.engine.name, engine, "{task_type}");
            assert!(choice.why.contains(task_type), "{}", choice.why);
        }
    }

    #[test]
    fn an_expensive_engine_is_never_chosen_for_a_task_that_may_cost_less() {
        let (types, mut engines) = fleet();
        engines.retain(|engine| engine.name == "claude");
        engines[0].capabilities.push("research".to_owned());
        let refusal = choose("WO-1", Some("research"), &types, &engines).unwrap_err();
        assert_eq!(refusal.code, "no_engine");
        assert_eq!(refusal.detail["too_expensive"], serde_json::json!(["claude"]));
    }

    #[test]
    fn a_cheaper_engine_that_learns_a_task_is_preferred() {
        let (types, mut engines) = fleet();
        engines[0].capabilities.push("code_editing".to_owned());
        assert_eq!(
            choose("WO-1", Some("code_editing"), &types, &engines).unwrap().engine.name,
            "groq"
        );
    }

    #[test]
    fn a_task_of_no_known_type_is_refused_and_the_types_are_told() {
        let (types, engines) = fleet();
        for task_type in [None, Some("cooking"), Some("")] {
            let refusal = choose("WO-1", task_type, &types, &engines).unwrap_err();
            assert_eq!(refusal.code, "task_type_unknown", "{task_type:?}");
            assert!(refusal.hint.contains("quality_sensitive"));
        }
    }
}
