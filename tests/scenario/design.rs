//! The tables of design §4, transcribed by hand: what the tests hold the database to. Nothing here
//! is read from the definitions that ship.

/// One lifecycle of the design.
pub struct Lifecycle {
    pub name: &'static str,
    /// The initial state first.
    pub states: &'static [&'static str],
    pub terminal: &'static [&'static str],
    /// `action: from, from -> to by role, role; what it needs, and what else`
    edges: &'static [&'static str],
    /// Role, the fields it may change, and the state in which it may, if there is only one.
    rights: &'static [(&'static str, &'static str, Option<&'static str>)],
}

#[derive(Clone, Debug)]
pub struct Edge {
    pub action: &'static str,
    pub from: Vec<&'static str>,
    pub to: &'static str,
    pub who: Vec<&'static str>,
    /// What is missing, by the name that a caller gives it, where nothing is given.
    pub needs: Vec<&'static str>,
}

/// The standing roles of the three lifecycles.
pub const STANDING: [&str; 7] =
    ["orchestrator", "planner", "scheduler", "system_owner", "qa", "captain", "pm"];

/// What a principal can be to one work order.
pub const RELATIONS: [&str; 3] = ["originator", "assignee", "requester"];

/// Every field but the regulatory flag, which has rules of its own.
pub const FIELDS: &str = "title description priority project requester assignee source asset \
    due_date planned_start planned_end actual_start actual_end estimated_hours actual_hours tags \
    acceptance_criteria deliverables notes review_notes completion_summary deficiencies block_cause metadata";

/// What a captain may change: the server derives the source, and a cause is given with a block alone.
const CAPTAIN: &str = "title description priority project requester assignee asset due_date \
    planned_start planned_end actual_start actual_end estimated_hours actual_hours tags \
    acceptance_criteria deliverables notes review_notes completion_summary deficiencies metadata";

const PLANNER: &str =
    "assignee priority due_date estimated_hours planned_start planned_end tags metadata";
const ORIGINATOR: &str = "title description acceptance_criteria deliverables due_date";
const ASSIGNEE: &str = "notes completion_summary actual_hours actual_start actual_end metadata";
/// "system_owner: all of these": the fields of originator, planner and assignee.
const SYSTEM_OWNER: &str = "title description acceptance_criteria deliverables due_date assignee \
    priority estimated_hours planned_start planned_end tags metadata notes completion_summary \
    actual_hours actual_start actual_end";

const CHANGE_RIGHTS: &[(&str, &str, Option<&str>)] = &[
    ("originator", ORIGINATOR, Some("draft")),
    ("planner", PLANNER, None),
    ("assignee", ASSIGNEE, None),
    ("system_owner", SYSTEM_OWNER, None),
    ("qa", "deficiencies review_notes", None),
];

pub const REGULATED_CHANGE: Lifecycle = Lifecycle {
    name: "regulated_change",
    states: &[
        "draft",
        "pending_approval",
        "assigned",
        "in_progress",
        "blocked",
        "completed",
        "closed",
        "cancelled",
    ],
    terminal: &["closed", "cancelled"],
    edges: &[
        "submit: draft -> pending_approval by originator, system_owner, planner; description",
        "return: pending_approval -> draft by system_owner, qa; reason",
        "assign: pending_approval -> assigned by planner, system_owner; assignee",
        "replan: assigned, in_progress, blocked -> pending_approval by planner, system_owner, assignee; reason",
        "start: assigned -> in_progress by assignee",
        "block: in_progress -> blocked by assignee, planner; reason",
        "resume: blocked -> in_progress by assignee, planner; reason",
        "complete: in_progress -> completed by assignee",
        "reject: completed -> in_progress by system_owner, qa; reason",
        "close: completed -> closed by planner, system_owner",
        "cancel: draft, pending_approval, assigned, in_progress, blocked -> cancelled by system_owner, planner; reason",
    ],
    rights: CHANGE_RIGHTS,
};

pub const AGENT_CHANGE: Lifecycle = Lifecycle {
    name: "agent_change",
    states: &[
        "draft",
        "planned",
        "scheduled",
        "in_progress",
        "blocked",
        "pending_review",
        "approved",
        "completed",
        "cancelled",
    ],
    terminal: &["completed", "cancelled"],
    edges: &[
        "plan: draft -> planned by orchestrator, planner; description",
        "schedule: planned -> scheduled by scheduler, orchestrator, planner; assignee, planned_start, planned_end",
        "start: scheduled -> in_progress by assignee",
        "block: in_progress -> blocked by assignee, orchestrator; reason",
        "resume: blocked -> in_progress by assignee, orchestrator; reason",
        "submit: in_progress -> pending_review by assignee, orchestrator",
        "approve: pending_review -> approved by qa",
        "rework: pending_review -> in_progress by qa; deficiencies",
        "reject: pending_review -> draft by qa; deficiencies",
        "complete: approved -> completed by orchestrator",
        "cancel: draft, planned, scheduled, in_progress, blocked, pending_review -> cancelled by orchestrator, system_owner; reason",
    ],
    rights: CHANGE_RIGHTS,
};

pub const FLEET_TASK: Lifecycle = Lifecycle {
    name: "fleet_task",
    states: &[
        "pending",
        "accepted",
        "in_progress",
        "blocked",
        "review",
        "approved",
        "rejected",
        "cancelled",
    ],
    terminal: &["approved", "cancelled"],
    edges: &[
        "accept: pending -> accepted by assignee, captain",
        "start: accepted -> in_progress by assignee, captain",
        "submit: in_progress -> review by assignee, captain; completion_summary, actual_hours",
        "block: in_progress -> blocked by assignee, captain; notes",
        "resume: blocked -> in_progress by assignee, captain; notes",
        "approve: review -> approved by captain; review_notes",
        "reject: review -> rejected by captain; review_notes",
        "rework: rejected -> in_progress by assignee, captain",
        "cancel: pending, accepted, in_progress, blocked, review, rejected -> cancelled by captain; notes",
    ],
    rights: &[
        ("captain", CAPTAIN, None),
        ("pm", "assignee priority due_date estimated_hours tags", None),
        ("assignee", "notes completion_summary actual_hours", None),
        ("requester", "description acceptance_criteria deliverables", None),
    ],
};

pub const ALL: [&Lifecycle; 3] = [&REGULATED_CHANGE, &AGENT_CHANGE, &FLEET_TASK];

impl Lifecycle {
    pub fn initial(&self) -> &'static str {
        self.states[0]
    }

    pub fn is_terminal(&self, state: &str) -> bool {
        self.terminal.contains(&state)
    }

    pub fn edges(&self) -> Vec<Edge> {
        let list = |text: &'static str| text.split(", ").collect::<Vec<_>>();
        let read = |edge: &&'static str| {
            let (head, needs) = edge.split_once("; ").unwrap_or((edge, ""));
            let (action, rest) = head.split_once(": ").unwrap();
            let (from, rest) = rest.split_once(" -> ").unwrap();
            let (to, who) = rest.split_once(" by ").unwrap();
            let needs = if needs.is_empty() { Vec::new() } else { list(needs) };
            Edge { action, from: list(from), to, who: list(who), needs }
        };
        self.edges.iter().map(read).collect()
    }

    pub fn edge(&self, from: &str, to: &str) -> Option<Edge> {
        self.edges().into_iter().find(|edge| edge.to == to && edge.from.contains(&from))
    }

    /// The shortest way from the initial state.
    pub fn path(&self, to: &str) -> Vec<Edge> {
        let mut ways: Vec<(&str, Vec<Edge>)> = vec![(self.initial(), Vec::new())];
        let mut next = 0;
        while let Some((state, way)) = ways.get(next).cloned() {
            if state == to {
                return way;
            }
            for edge in self.edges().into_iter().filter(|edge| edge.from.contains(&state)) {
                if ways.iter().all(|(known, _)| *known != edge.to) {
                    let to = edge.to;
                    ways.push((to, way.iter().cloned().chain([edge]).collect()));
                }
            }
            next += 1;
        }
        panic!("{} has no way to {to}", self.name);
    }

    pub fn may_change(&self, role: &str, field: &str, state: &str) -> bool {
        self.rights.iter().any(|(who, fields, only_in)| {
            *who == role
                && fields.split_whitespace().any(|name| name == field)
                && only_in.is_none_or(|only| only == state)
        })
    }
}
