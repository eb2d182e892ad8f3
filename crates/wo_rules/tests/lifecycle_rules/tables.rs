//! The design's tables, transcribed by hand.
//!
//! An edge: `action: from -> to by who; whatever it needs and does`.

pub struct Table {
    pub name: &'static str,
    pub edges: &'static [&'static str],
    /// State and its flags.
    pub states: &'static [(&'static str, &'static str)],
    /// Role, the fields it may change, and the state in which it may, if there is only one.
    pub rights: &'static [(&'static str, &'static str, Option<&'static str>)],
}

const PLANNER: &str = "assignee priority due_date estimated_hours planned_start planned_end tags \
                       task_type metadata";
const ORIGINATOR: &str = "title description acceptance_criteria deliverables due_date";
const ASSIGNEE: &str = "notes completion_summary actual_hours actual_start actual_end metadata";
const SYSTEM_OWNER: &str = "title description acceptance_criteria deliverables due_date assignee \
                            priority estimated_hours planned_start planned_end tags task_type metadata notes \
                            completion_summary actual_hours actual_start actual_end";
const EVERYTHING: &str = "title description priority project requester assignee asset \
                          task_type due_date planned_start planned_end actual_start actual_end \
                          estimated_hours actual_hours tags acceptance_criteria deliverables notes \
                          review_notes completion_summary deficiencies metadata";

const REGULATED_RIGHTS: &[(&str, &str, Option<&str>)] = &[
    ("originator", ORIGINATOR, Some("draft")),
    ("planner", PLANNER, None),
    ("assignee", ASSIGNEE, None),
    ("system_owner", SYSTEM_OWNER, None),
    ("qa", "deficiencies review_notes", None),
];

pub const TABLES: &[Table] = &[
    Table {
        name: "regulated_change",
        edges: &[
            "submit: draft -> pending_approval by originator, system_owner, planner; \
             needs title; needs description",
            "return: pending_approval -> draft by system_owner, qa; reason; void_approvals(plan)",
            "assign: pending_approval -> assigned by planner, system_owner; needs assignee; \
             system_owner signs plan if regulatory; qa signs plan if regulatory; rejected by return",
            "replan: assigned, in_progress, blocked -> pending_approval by planner, system_owner, \
             assignee; reason; void_approvals(plan)",
            "start: assigned -> in_progress by assignee; dependencies_satisfied; record_actual_start",
            "block: in_progress -> blocked by assignee, planner; reason; notify_master",
            "resume: blocked -> in_progress by assignee, planner; reason; notify_master",
            "complete: in_progress -> completed by assignee; auto of masters; needs completion_summary if regulatory; \
             needs actual_hours if regulatory; dependencies_satisfied; children_settled; steps_done; \
             deliverables_received; plan_approvals_unamended; record_actual_end",
            "reject: completed -> in_progress by system_owner, qa; reason; \
             void_approvals(completion); clear_actual_end",
            "close: completed -> closed by planner, system_owner; auto; deliverables_received; findings_closed; \
             system_owner signs completion of the result if regulatory; \
             qa signs completion of the result if regulatory; rejected by reject; lock_record",
            "cancel: draft, pending_approval, assigned, in_progress, blocked -> cancelled by \
             system_owner, planner; reason; cascade_cancel",
        ],
        states: &[
            ("draft", "initial"),
            ("pending_approval", ""),
            ("assigned", ""),
            ("in_progress", ""),
            ("blocked", "blocked"),
            ("completed", ""),
            ("closed", "terminal settles_master satisfies_dependents"),
            ("cancelled", "terminal"),
        ],
        rights: REGULATED_RIGHTS,
    },
    Table {
        name: "agent_change",
        edges: &[
            "plan: draft -> planned by orchestrator, planner; needs description",
            "schedule: planned -> scheduled by scheduler, orchestrator, planner; needs assignee; \
             needs planned_start; needs planned_end",
            "start: scheduled -> in_progress by assignee; dependencies_satisfied; record_actual_start",
            "block: in_progress -> blocked by assignee, orchestrator; reason; notify_master",
            "resume: blocked -> in_progress by assignee, orchestrator; reason; notify_master",
            "submit: in_progress -> pending_review by assignee, orchestrator; needs completion_summary if regulatory; \
             needs actual_hours if regulatory; dependencies_satisfied; steps_done; \
             deliverables_received; children_in_review; record_actual_end",
            "approve: pending_review -> approved by qa; human; auto; deliverables_received; findings_closed; \
             qa signs completion of the result; \
             system_owner signs completion of the result if regulatory; rejected by rework; \
             approve_children",
            "rework: pending_review -> in_progress by qa; needs new deficiencies; \
             void_approvals(completion); clear_actual_end",
            "reject: pending_review -> draft by qa; needs new deficiencies; \
             void_approvals(completion); clear_actual_end; new_revision",
            "complete: approved -> completed by orchestrator; auto; children_settled; deliverables_received; findings_closed; lock_record",
            "cancel: draft, planned, scheduled, in_progress, blocked, pending_review -> cancelled \
             by orchestrator, system_owner; reason; cascade_cancel",
        ],
        states: &[
            ("draft", "initial"),
            ("planned", ""),
            ("scheduled", ""),
            ("in_progress", ""),
            ("blocked", "blocked"),
            ("pending_review", "satisfies_dependents"),
            ("approved", "satisfies_dependents"),
            ("completed", "terminal settles_master satisfies_dependents"),
            ("cancelled", "terminal"),
        ],
        rights: REGULATED_RIGHTS,
    },
    Table {
        name: "fleet_task",
        edges: &[
            "accept: pending -> accepted by assignee, captain",
            "start: accepted -> in_progress by assignee, captain; dependencies_satisfied; record_actual_start",
            "submit: in_progress -> review by assignee, captain; needs completion_summary; \
             needs actual_hours > 0; dependencies_satisfied; children_settled; deliverables_received; record_actual_end",
            "block: in_progress -> blocked by assignee, captain; reason in notes",
            "resume: blocked -> in_progress by assignee, captain; reason in notes",
            "approve: review -> approved by captain; reason in review_notes; deliverables_received; findings_closed",
            "reject: review -> rejected by captain; reason in review_notes",
            "rework: rejected -> in_progress by assignee, captain; clear_actual_end",
            "cancel: pending, accepted, in_progress, blocked, review, rejected -> cancelled by \
             captain; reason in notes; cascade_cancel",
        ],
        states: &[
            ("pending", "initial 24h"),
            ("accepted", ""),
            ("in_progress", ""),
            ("blocked", "blocked"),
            ("review", ""),
            ("approved", "terminal settles_master satisfies_dependents"),
            ("rejected", ""),
            ("cancelled", "terminal"),
        ],
        rights: &[
            ("captain", EVERYTHING, None),
            ("pm", "assignee priority due_date estimated_hours tags", None),
            ("assignee", "notes completion_summary actual_hours", None),
            ("requester", "description acceptance_criteria deliverables", None),
        ],
    },
];

pub struct Edge {
    pub action: &'static str,
    pub from: Vec<&'static str>,
    pub to: &'static str,
    pub who: Vec<&'static str>,
}

impl Table {
    pub fn edges(&self) -> Vec<Edge> {
        self.edges
            .iter()
            .map(|edge| {
                let head = edge.split(';').next().unwrap();
                let (action, rest) = head.split_once(": ").unwrap();
                let (from, rest) = rest.split_once(" -> ").unwrap();
                let (to, who) = rest.split_once(" by ").unwrap();
                let (from, who) = (from.split(", ").collect(), who.split(", ").collect());
                Edge { action, from, to, who }
            })
            .collect()
    }

    pub fn edge(&self, from: &str, to: &str) -> Option<Edge> {
        self.edges().into_iter().find(|edge| edge.to == to && edge.from.contains(&from))
    }

    pub fn is_terminal(&self, state: &str) -> bool {
        self.states.iter().any(|(name, flags)| *name == state && flags.contains("terminal"))
    }

    pub fn may_change(&self, role: &str, field: &str, state: &str) -> bool {
        self.rights.iter().any(|(who, fields, only_in)| {
            *who == role
                && fields.split_whitespace().any(|name| name == field)
                && only_in.is_none_or(|only| only == state)
        })
    }
}
