//! A definition that was found valid, as decisions read it.

use super::condition::{Condition, Need};
use super::past_gate::PastGates;
use super::rework::Edges;
use super::title::TitleConvention;
use crate::approval::content::Covers;
use crate::field::{Field, FieldSet};
use crate::hierarchy::policy::Policy;

/// Who somebody is to a work order.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Relation: who is to do it.
    Assignee,
    /// Relation: who verifiably created it.
    Originator,
    /// Relation: who is said to have asked for it.
    Requester,
    /// A role that the principal has in the tenant.
    OfTenant(String),
}

impl Role {
    /// The role of that name; what is no relation is a standing role.
    pub fn named(name: &str) -> Self {
        match name {
            "assignee" => Self::Assignee,
            "originator" => Self::Originator,
            "requester" => Self::Requester,
            _ => Self::OfTenant(name.to_owned()),
        }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        match self {
            Self::Assignee => "assignee",
            Self::Originator => "originator",
            Self::Requester => "requester",
            Self::OfTenant(name) => name,
        }
    }
}

/// A state of the work order.
#[derive(Debug, Clone, PartialEq)]
pub struct State {
    /// Its name.
    pub name: String,
    /// What it means; empty where the definition does not say.
    pub description: String,
    /// Where work orders are born.
    pub initial: bool,
    /// No edge leads out, and the record is locked.
    pub terminal: bool,
    /// Work cannot proceed here.
    pub blocked: bool,
    /// A child in this state lets its master settle.
    pub settles_master: bool,
    /// A work order in this state lets those that depend on it start.
    pub satisfies_dependents: bool,
    /// How long a work order should stay here, in hours.
    pub maximum_hours: Option<f64>,
    /// A sign for user interfaces, at most eight letters.
    pub icon: Option<String>,
    /// A colour for user interfaces, as `#rrggbb`.
    pub color: Option<String>,
}

macro_rules! guards {
    ($($variant:ident $name:literal $meaning:literal;)*) => {
        /// A condition on something other than the record's own fields.
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub enum Guard {
            $(#[doc = $meaning] $variant,)*
            /// A registered SQL function; its full name, `sql:` included.
            Sql(String),
            /// A guard that a concept of the shell brings, which the rules know by its name alone.
            OfConcept(String),
        }

        impl Guard {
            /// The names of the guards that the rules know.
            pub const BUILT_IN: &'static [&'static str] = &[$($name,)*];

            /// The guard of that name, whether or not a function or a concept of that name is
            /// registered.
            pub fn named(name: &str) -> Self {
                match name {
                    $($name => Self::$variant,)*
                    _ if name.starts_with("sql:") => Self::Sql(name.to_owned()),
                    _ => Self::OfConcept(name.to_owned()),
                }
            }

            /// Its name in definitions and in [`Facts::attached`](super::Facts::attached).
            pub fn name(&self) -> &str {
                match self {
                    $(Self::$variant => $name,)*
                    Self::Sql(name) | Self::OfConcept(name) => name,
                }
            }
        }
    };
}

guards! {
    DependenciesSatisfied "dependencies_satisfied" "What it depends on is far enough.";
    ChildrenSettled "children_settled" "Its children are settled.";
    ChildrenInReview "children_in_review" "Its children are in review or later.";
    ApprovalsCollected "approvals_collected" "All signatures that were asked for are there.";
    PlanApprovalsUnamended "plan_approvals_unamended" "What was approved is unchanged.";
    AssigneeSet "assignee_set" "Somebody is to do it.";
    AssigneeQualified "assignee_qualified" "Who is to do it may do it.";
    StepsDone "steps_done" "Every step is done.";
    DeliverablesReceived "deliverables_received" "Every deliverable has arrived.";
    BudgetAvailable "budget_available" "There is money for it.";
    FindingsClosed "findings_closed" "No finding that blocks it is open.";
}

/// What follows when an edge is taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// The master is notified.
    NotifyMaster,
    /// The signatures of this meaning are void.
    VoidApprovals(String),
    /// A new revision begins, as with each edge that sends work back.
    NewRevision,
    /// Nobody is assigned any more.
    ReleaseAssignment,
    /// The signatures cover the children, which move along.
    ApproveChildren,
    /// The open children are cancelled as the policy says.
    CascadeCancel,
    /// Nobody may write the record any more.
    LockRecord,
    /// The time is the actual start, unless there is one.
    RecordActualStart,
    /// The time is the actual end, unless there is one.
    RecordActualEnd,
    /// There is no actual end any more: the work goes on.
    ClearActualEnd,
    /// An effect that a concept of the shell brings, which the rules know by its name alone.
    OfConcept(String),
}

impl Effect {
    /// The names of those that take nothing in brackets.
    const PLAIN: &'static [(&'static str, Effect)] = &[
        ("notify_master", Effect::NotifyMaster),
        ("new_revision", Effect::NewRevision),
        ("release_assignment", Effect::ReleaseAssignment),
        ("approve_children", Effect::ApproveChildren),
        ("cascade_cancel", Effect::CascadeCancel),
        ("lock_record", Effect::LockRecord),
        ("record_actual_start", Effect::RecordActualStart),
        ("record_actual_end", Effect::RecordActualEnd),
        ("clear_actual_end", Effect::ClearActualEnd),
    ];

    /// The effect of that name, which takes nothing in brackets, whether or not a concept of that name is
    /// registered.
    pub fn named(name: &str) -> Self {
        let plain = Self::PLAIN.iter().find(|(known, _)| *known == name);
        plain.map_or_else(|| Self::OfConcept(name.to_owned()), |(_, effect)| effect.clone())
    }

    /// Its name, without what stands in brackets.
    pub fn name(&self) -> &str {
        match self {
            Self::VoidApprovals(_) => "void_approvals",
            Self::OfConcept(name) => name,
            plain => Self::PLAIN.iter().find(|(_, one)| one == plain).map_or("", |(name, _)| name),
        }
    }
}

/// Whether an edge needs a reason, and where the reason is kept beside the trail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ReasonRule {
    /// No reason, no passage.
    pub required: bool,
    /// The field that the reason is copied into, and by whose name it is missing.
    pub field: Option<Field>,
}

/// When an approval is required.
#[derive(Debug, Clone, PartialEq)]
pub enum When {
    /// On every work order.
    Always,
    /// Where every condition holds; `regulatory` is the usual one.
    If(Vec<Condition>),
}

/// What an edge needs of a field, and when.
#[derive(Debug, Clone, PartialEq)]
pub struct ConditionalNeed {
    /// What it needs.
    pub need: Need,
    /// When it needs it.
    pub when: When,
}

impl std::fmt::Display for ConditionalNeed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.need.fmt(f)?;
        match &self.when {
            When::Always => Ok(()),
            When::If(conditions) => {
                let all: Vec<String> = conditions.iter().map(ToString::to_string).collect();
                write!(f, " if {}", all.join(" and "))
            }
        }
    }
}

/// Signatures that an edge waits for.
#[derive(Debug, Clone, PartialEq)]
pub struct ApprovalRequirement {
    /// The role that signs.
    pub role: Role,
    /// What the signature says.
    pub meaning: String,
    /// When it is required.
    pub when: When,
    /// How many holders of the role have to sign.
    pub count: u32,
    /// Its place: a lower one signs first, equal ones sign in any order.
    pub order: u32,
    /// What of the record is signed.
    pub covers: Covers,
}

/// The edges of one action: from each of some states to one state.
#[derive(Debug, Clone, PartialEq)]
pub struct Transition {
    /// Its name.
    pub action: String,
    /// What it means; empty where the definition does not say.
    pub description: String,
    /// The states it leads out of.
    pub from: Vec<String>,
    /// The state it leads to.
    pub to: String,
    /// Who may take it.
    pub who: Vec<Role>,
    /// Whether only a human being may take it.
    pub persons_only: bool,
    /// Whether the system takes it when its gates become true.
    pub auto: bool,
    /// Whether the system takes it of masters alone, when their children have ended. It then generates the summary
    /// and the hours from the children where there are none.
    pub of_masters: bool,
    /// What it needs of the fields.
    pub needs: Vec<ConditionalNeed>,
    /// Whether it needs a reason.
    pub reason: ReasonRule,
    /// What else must hold.
    pub guards: Vec<Guard>,
    /// What must hold beside that, because other edges of the lifecycle look at it and this one leads to
    /// a good end.
    pub implied_guards: Vec<Guard>,
    /// The registered functions among the guards, without `sql:`.
    pub sql_guards: Vec<String>,
    /// The signatures it waits for.
    pub approvals: Vec<ApprovalRequirement>,
    /// The action that is taken where one of them is refused.
    pub rejection: Option<String>,
    /// What follows.
    pub effects: Vec<Effect>,
}

/// The fields that a role may change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldRight {
    /// The role.
    pub role: Role,
    /// The fields; never `regulatory`, which has rules of its own.
    pub fields: FieldSet,
    /// The states in which it may; all of them where there is none.
    pub states: Option<Vec<String>>,
}

/// Who may set or clear the regulatory flag, and in which states.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegulatoryGrant {
    /// The roles.
    pub who: Vec<Role>,
    /// The states in which they may; all of them where there is none.
    pub states: Option<Vec<String>>,
}

/// The rules of the regulatory flag.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RegulatoryRules {
    /// Whether a work order of this lifecycle may be regulatory at all.
    pub allowed: bool,
    /// Who may set it after creation; at creation anybody may.
    pub set_by: Vec<RegulatoryGrant>,
    /// Who may clear it, always with a reason.
    pub cleared_by: Vec<RegulatoryGrant>,
}

/// A valid definition. Made by [`validate`](super::validate) only.
#[derive(Debug, Clone, PartialEq)]
pub struct Lifecycle {
    pub(super) name: String,
    pub(super) title: String,
    pub(super) description: String,
    pub(super) roles: Vec<(String, String)>,
    pub(super) priorities: Vec<String>,
    pub(super) default_priority: String,
    pub(super) title_convention: Option<TitleConvention>,
    pub(super) regulatory: RegulatoryRules,
    pub(super) states: Vec<State>,
    pub(super) initial: String,
    pub(super) transitions: Vec<Transition>,
    pub(super) field_rights: Vec<FieldRight>,
    pub(super) engine_override: Vec<Role>,
    pub(super) link: Vec<Role>,
    pub(super) waive: Vec<Role>,
    pub(super) hierarchy_policy: Policy,
    pub(super) past_gates: PastGates,
    pub(super) sent_back: Edges,
}

impl Lifecycle {
    /// Its name, for programs.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its title, for people.
    pub fn title(&self) -> &str {
        &self.title
    }

    /// What it is for; empty where the definition does not say.
    pub fn description(&self) -> &str {
        &self.description
    }

    /// The standing roles that it names, with their meanings.
    pub fn roles(&self) -> &[(String, String)] {
        &self.roles
    }

    /// The labels of urgency, lowest first.
    pub fn priorities(&self) -> &[String] {
        &self.priorities
    }

    /// The label of a work order that is created without one.
    pub fn default_priority(&self) -> &str {
        &self.default_priority
    }

    /// The project that a title names, where the lifecycle has a convention for titles.
    pub fn project_of<'t>(&self, title: &'t str) -> Option<&'t str> {
        self.title_convention.as_ref()?.project_of(title)
    }

    /// What titles look like, where there is a convention.
    pub fn title_convention(&self) -> Option<&TitleConvention> {
        self.title_convention.as_ref()
    }

    /// The rules of the regulatory flag.
    pub fn regulatory(&self) -> &RegulatoryRules {
        &self.regulatory
    }

    /// The states, in the definition's order.
    pub fn states(&self) -> &[State] {
        &self.states
    }

    /// The state of that name.
    pub fn state(&self, name: &str) -> Option<&State> {
        self.states.iter().find(|state| state.name == name)
    }

    /// The state that work orders are born in.
    pub fn initial_state(&self) -> &str {
        &self.initial
    }

    /// The transitions, in the definition's order.
    pub fn transitions(&self) -> &[Transition] {
        &self.transitions
    }

    /// The transitions that lead out of a state.
    pub fn edges_from<'a>(&'a self, from: &'a str) -> impl Iterator<Item = &'a Transition> {
        self.transitions.iter().filter(move |edge| edge.from.iter().any(|state| state == from))
    }

    /// The one transition between two states, if there is one.
    pub fn edge(&self, from: &str, to: &str) -> Option<&Transition> {
        self.transitions.iter().find(|edge| edge.leads(from, to))
    }

    /// Whether the edge between two states begins a new revision: it sends back work that was handed in, or has the
    /// effect `new_revision`.
    pub fn sends_back(&self, from: &str, to: &str) -> bool {
        self.sent_back.iter().any(|(left, reached)| left == from && reached == to)
    }

    /// The registered functions (without `sql:`) that the shell must evaluate before it asks for
    /// a decision about this edge; their results go into [`Facts`](super::Facts) under `sql:name`.
    pub fn sql_guards(&self, from: &str, to: &str) -> &[String] {
        self.edge(from, to).map_or(&[], |edge| &edge.sql_guards)
    }

    /// Who may give a work order children, dependencies and a policy, after its creation.
    pub fn link(&self) -> &[Role] {
        &self.link
    }

    /// Who may sign that a master goes on without one of its children.
    pub fn waive(&self) -> &[Role] {
        &self.waive
    }

    /// What its masters do with their children, where the master itself does not say.
    pub fn hierarchy_policy(&self) -> Policy {
        self.hierarchy_policy
    }

    /// Who may name another engine than the cost rules choose.
    pub fn engine_override(&self) -> &[Role] {
        &self.engine_override
    }

    /// The fields that each role may change.
    pub fn field_rights(&self) -> &[FieldRight] {
        &self.field_rights
    }
}
