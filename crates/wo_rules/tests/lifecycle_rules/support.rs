//! One write at a time, described by what matters in it.

use std::collections::BTreeMap;

use wo_rules::field::{Field, FieldKind, FieldSet};
use wo_rules::lifecycle::*;
use wo_rules::refusal::Refusal;

pub fn lifecycle(name: &str) -> Lifecycle {
    let (_, text) = SHIPPED.iter().find(|(shipped, _)| *shipped == name).unwrap();
    validate(&serde_json::from_str(text).unwrap(), None).unwrap()
}

pub fn shipped() -> Vec<Lifecycle> {
    SHIPPED.iter().map(|(name, _)| lifecycle(name)).collect()
}

/// Every role that could be anybody's: those declared, the relations, and one nobody knows.
pub fn every_role(lifecycle: &Lifecycle) -> Vec<&str> {
    let declared = lifecycle.roles().iter().map(|(name, _)| name.as_str());
    declared.chain(["assignee", "originator", "requester", "passer_by"]).collect()
}

/// Values of fields, and the metadata as JSON text.
#[derive(Clone, Default)]
pub struct Fields(pub BTreeMap<Field, Scalar>, pub String);

impl Fields {
    pub fn filled(&self) -> FieldSet {
        self.0.keys().copied().collect()
    }
}

impl Values for Fields {
    fn get(&self, field: Field) -> Option<Scalar> {
        self.0.get(&field).cloned()
    }

    fn member(&self, name: &str) -> Option<Scalar> {
        Scalar::member_of(&self.1, name)
    }
}

/// A value that breaks no rule of any lifecycle.
pub fn plausible(field: Field) -> Scalar {
    match (field, field.kind()) {
        (Field::Title, _) => Scalar::Text("[SS1-Operations] Migrate".into()),
        (Field::Priority, _) => Scalar::Text("high".into()),
        (_, FieldKind::Text) => Scalar::Text("something".into()),
        (_, FieldKind::Hours) => Scalar::Number(2.0),
        (_, FieldKind::Flag) => Scalar::Flag(false),
        (_, FieldKind::List) => Scalar::List(1),
        _ => Scalar::Present,
    }
}

#[derive(Clone)]
pub struct Write<'l> {
    pub lifecycle: &'l Lifecycle,
    pub roles: Vec<String>,
    pub kind: PrincipalKind,
    pub from: String,
    pub to: String,
    pub was_regulatory: bool,
    pub regulatory: bool,
    pub locked: bool,
    pub before: Fields,
    pub changes: BTreeMap<Field, Option<Scalar>>,
    pub reason: Option<String>,
    pub facts: Facts,
}

impl<'l> Write<'l> {
    /// A person with these roles and relations writes a work order that has nothing filled.
    pub fn by(lifecycle: &'l Lifecycle, roles: &[&str]) -> Self {
        Self {
            lifecycle,
            roles: roles.iter().map(|role| (*role).to_owned()).collect(),
            kind: PrincipalKind::Person,
            from: lifecycle.initial_state().to_owned(),
            to: lifecycle.initial_state().to_owned(),
            was_regulatory: false,
            regulatory: false,
            locked: false,
            before: Fields::default(),
            changes: BTreeMap::new(),
            reason: None,
            facts: Facts::default(),
        }
    }

    pub fn step(mut self, from: &str, to: &str) -> Self {
        (self.from, self.to) = (from.to_owned(), to.to_owned());
        self
    }

    pub fn within(self, state: &str) -> Self {
        self.step(state, state)
    }

    pub fn kind(mut self, kind: PrincipalKind) -> Self {
        self.kind = kind;
        self
    }

    pub fn regulatory(mut self) -> Self {
        (self.was_regulatory, self.regulatory) = (true, true);
        self
    }

    pub fn flag(mut self, before: bool, after: bool) -> Self {
        (self.was_regulatory, self.regulatory) = (before, after);
        self
    }

    pub fn locked(mut self) -> Self {
        self.locked = true;
        self
    }

    pub fn reason(mut self, reason: &str) -> Self {
        self.reason = Some(reason.to_owned());
        self
    }

    pub fn had(mut self, field: Field, value: Scalar) -> Self {
        self.before.0.insert(field, value);
        self
    }

    pub fn had_metadata(mut self, metadata: &str) -> Self {
        self.before.1 = metadata.to_owned();
        self.had(Field::Metadata, Scalar::Present)
    }

    pub fn had_everything(mut self) -> Self {
        for field in Field::ALL {
            self.before.0.insert(*field, plausible(*field));
        }
        self
    }

    pub fn gives(mut self, field: Field, value: Scalar) -> Self {
        self.changes.insert(field, Some(value));
        self
    }

    pub fn clears(mut self, field: Field) -> Self {
        self.changes.insert(field, None);
        self
    }

    /// A signature for every action that asks for one of that meaning.
    pub fn approval(mut self, role: &str, meaning: &str) -> Self {
        let of_meaning =
            |edge: &&Transition| edge.approvals.iter().any(|approval| approval.meaning == meaning);
        for edge in self.lifecycle.transitions().iter().filter(of_meaning) {
            self.facts.approvals.push(CollectedApproval {
                action: edge.action.clone(),
                role: role.to_owned(),
                meaning: meaning.to_owned(),
            });
        }
        self
    }

    pub fn every_approval(self) -> Self {
        let write = self.approval("qa", "plan").approval("system_owner", "plan");
        write.approval("qa", "completion").approval("system_owner", "completion")
    }

    pub fn fact(mut self, guard: &str, passed: bool) -> Self {
        let detail = format!("{guard} looked at it");
        self.facts.attached.insert(guard.to_owned(), GuardFact { passed, detail });
        self
    }

    /// Everything that any edge could ask for, but no right.
    pub fn with_all_gates_met(self) -> Self {
        let write = self.had_everything().every_approval().reason("because");
        match write.lifecycle.edge(&write.from, &write.to) {
            Some(edge) if edge.needs.iter().any(|needed| matches!(needed.need, Need::New(_))) => {
                write.gives(Field::Deficiencies, Scalar::List(2))
            }
            _ => write,
        }
    }

    pub fn after(&self) -> Fields {
        let mut after = self.before.clone();
        for (field, value) in &self.changes {
            match value {
                Some(value) => after.0.insert(*field, value.clone()),
                None => after.0.remove(field),
            };
        }
        after
    }

    fn related(&self, relation: &str) -> &'static str {
        if self.roles.iter().any(|role| role == relation) { "me" } else { "somebody else" }
    }

    pub fn record(&self) -> Record<'_> {
        Record {
            id: "0190b2d4",
            number: "WO-2026-0305-A1B",
            status: &self.from,
            originator: self.related("originator"),
            requester: Some(self.related("requester")),
            assignee: Some(self.related("assignee")),
            regulatory: self.was_regulatory,
            locked: self.locked,
        }
    }

    pub fn actor(&self) -> Actor<'_> {
        Actor { id: "me", kind: self.kind, roles: &self.roles }
    }

    pub fn proposing<T>(&self, ask: impl FnOnce(&Proposal) -> T) -> T {
        let after = self.after();
        ask(&Proposal {
            status: &self.to,
            regulatory: self.regulatory,
            changed: self.changes.keys().copied().collect(),
            filled_before: self.before.filled(),
            filled: after.filled(),
            values: &after,
            reason: self.reason.as_deref(),
        })
    }

    pub fn decide(&self) -> Result<Decision<'l>, Refusal> {
        self.proposing(|proposal| {
            self.lifecycle.decide(&self.actor(), &self.record(), proposal, &self.facts)
        })
    }

    pub fn refusal(&self) -> Refusal {
        match self.decide() {
            Err(refusal) => refusal,
            Ok(_) => panic!("{} -> {} passed as {:?}", self.from, self.to, self.roles),
        }
    }

    /// SQLSTATE and code of the refusal, or `ok`.
    pub fn outcome(&self) -> String {
        match self.decide() {
            Ok(_) => "ok".to_owned(),
            Err(refusal) => format!("{} {}", refusal.sqlstate.code(), refusal.code),
        }
    }
}

/// An array of texts in a refusal's DETAIL.
pub fn texts(refusal: &Refusal, key: &str) -> Vec<String> {
    let array = refusal.detail.get(key).and_then(serde_json::Value::as_array);
    array.into_iter().flatten().map(|item| item.as_str().unwrap_or_default().to_owned()).collect()
}
