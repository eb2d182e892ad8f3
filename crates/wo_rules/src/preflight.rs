//! The check before work begins: the edge that it is about, who may record that it was done, and whether
//! what was checked is still what there is (spec/4, "Use Pre-Flight Check before starting").

use crate::json::Object;
use crate::lifecycle::{Actor, GuardFact, Lifecycle, Record, Transition};
use crate::refusal::{Refusal, SqlState};

/// The guard that a lifecycle names where the check must have been done.
pub const GUARD: &str = "preflight_done";

/// What the trail calls it.
pub const ACTION: &str = "preflight_done";

/// The name in the changes of its entry under which stands what it looked at beside the record. It is no column and no
/// child record: who follows a chain passes over it.
pub const BASIS: &str = "preflight:basis";

/// What a check looks at beside the record, each as a text that differs where it does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Basis {
    /// The children at any depth with their versions.
    pub children: String,
    /// The dependencies of the work order, of its masters and of its children.
    pub dependencies: String,
    /// How many findings of the work order and of its children were ever opened.
    pub findings: String,
}

impl Basis {
    /// As the trail has it: the text of a JSON object.
    #[must_use]
    pub fn text(&self) -> String {
        let quoted = |text: &String| serde_json::Value::from(text.as_str()).to_string();
        let mut object = Object::default();
        object.add("children", &quoted(&self.children));
        object.add("dependencies", &quoted(&self.dependencies));
        object.add("findings", &quoted(&self.findings));
        object.end()
    }

    /// Reads what [`Basis::text`] wrote; nothing where it is another text.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let value: serde_json::Value = serde_json::from_str(text).ok()?;
        let member = |name: &str| value[name].as_str().map(str::to_owned);
        Some(Self {
            children: member("children")?,
            dependencies: member("dependencies")?,
            findings: member("findings")?,
        })
    }
}

/// A check as the trail has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// The version of the record that it looked at.
    pub version: i64,
    /// What it looked at beside it.
    pub basis: Option<Basis>,
}

/// The edge by which work on the record begins, where its actor may take it.
///
/// # Errors
/// 55000 `work_not_ready` where no edge from the record's state begins the work; 42501 `role_missing` where
/// taking the edge is for others.
pub fn beginning<'l>(
    lifecycle: &'l Lifecycle,
    actor: &Actor,
    record: &Record,
) -> Result<&'l Transition, Refusal> {
    let number = record.number;
    let Some(edge) = lifecycle.beginning_of_work(record.status) else {
        return Err(Refusal::new(
            SqlState::WrongState,
            "work_not_ready",
            format!("no step from {} begins the work of work order {number}", record.status),
        )
        .with("work_order_id", record.id)
        .with("status", record.status)
        .hint("The check is recorded in the state from which the work is started."));
    };
    if !edge.who.iter().any(|role| lifecycle.is_in_role(actor, role.name(), record)) {
        let who: Vec<&str> = edge.who.iter().map(|role| role.name()).collect();
        return Err(Refusal::new(
            SqlState::NotPermitted,
            "role_missing",
            format!("the check before work order {number} starts is for {}", who.join(", ")),
        )
        .with("work_order_id", record.id)
        .with("who", who)
        .hint("Those who may start the work record the check."));
    }
    Ok(edge)
}

/// What the guard finds: `checked` is the last check, `version` the record's version, and `basis` what there is beside it
/// now.
pub fn fact(checked: Option<&Check>, version: i64, basis: &Basis) -> GuardFact {
    let Some(checked) = checked else {
        return GuardFact {
            passed: false,
            detail: "its pre-flight check is not recorded".to_owned(),
        };
    };
    let before = checked.basis.as_ref();
    let differs =
        |member: fn(&Basis) -> &String| before.is_none_or(|before| member(before) != member(basis));
    let changed = [
        (checked.version != version, "the work order has changed"),
        (differs(|basis| &basis.children), "its children have changed"),
        (
            differs(|basis| &basis.dependencies),
            "what it waits for or what waits for it has changed",
        ),
        (differs(|basis| &basis.findings), "a finding was opened"),
    ];
    let changed: Vec<&str> =
        changed.into_iter().filter(|(differs, _)| *differs).map(|(_, what)| what).collect();
    let detail = match changed.is_empty() {
        true => String::new(),
        false => format!("since its pre-flight check {}", changed.join(", and ")),
    };
    GuardFact { passed: changed.is_empty(), detail }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// A start would rest on a check of something else.
    #[test]
    fn a_check_counts_for_what_it_looked_at() {
        let basis = Basis { children: "a".into(), dependencies: "b".into(), findings: "0".into() };
        assert_eq!(Basis::read(&basis.text()).as_ref(), Some(&basis));
        assert_eq!(Basis::read("{}"), None);
        let check = Check { version: 3, basis: Some(basis.clone()) };
        assert!(fact(Some(&check), 3, &basis).passed);
        for (version, other) in [
            (4, basis.clone()),
            (3, Basis { children: "x".into(), ..basis.clone() }),
            (3, Basis { dependencies: "x".into(), ..basis.clone() }),
            (3, Basis { findings: "1".into(), ..basis.clone() }),
        ] {
            let stale = fact(Some(&check), version, &other);
            assert!(!stale.passed && stale.detail.starts_with("since"), "{stale:?}");
        }
        let without = Check { version: 3, basis: None };
        assert!(!fact(Some(&without), 3, &basis).passed);
        assert!(!fact(None, 3, &basis).passed);
    }
}
