//! The Win10 → Win11 master of spec/3 §3: agents do all of the work, and one human being of QA
//! signs for all of it at once.

use serde_json::{Value, json};
use wo_cluster_tests::refused;

use crate::approval::firm::{AGENT, Ask, Firm, ROOT, move_to, patch, said};

/// Name in the plan, the agent that does it, what it waits for.
const CHILDREN: [(&str, &str, &[&str]); 6] = [
    ("remove", "asset_manager", &[]),
    ("build", "scheduling", &[]),
    ("install", "vendor_coordinator", &["build"]),
    ("configure", "documentation", &["install"]),
    ("accounts", "scheduling", &["install"]),
    ("decommission", "asset_manager", &["configure", "accounts"]),
];

const AGENTS: [&str; 4] = ["asset_manager", "scheduling", "vendor_coordinator", "documentation"];

pub struct Upgrade {
    pub firm: Firm,
    pub master: String,
    pub children: [String; 6],
}

impl Upgrade {
    /// Master and children in draft; `further` are more members of the master.
    pub fn plan(further: &Value) -> Self {
        let firm = Firm::found();
        for agent in AGENTS {
            firm.database.login(agent, &["wo_user"]);
            firm.administer(&format!(
                "select wo.create_principal('{agent}', 'agent', db_role => '{agent}')"
            ));
        }
        let children: Vec<Value> = CHILDREN
            .iter()
            .map(|(name, assignee, after)| {
                json!({"name": name, "title": format!("Win11: {name}"), "description": "d",
                    "assignee": assignee, "lifecycle": "agent_change", "after": after})
            })
            .collect();
        let mut master = json!({"title": "Upgrade Win10 to Win11", "description": "d",
            "assignee": "orchestrator", "lifecycle": "agent_change"});
        for (name, value) in further.as_object().unwrap() {
            master[name] = value.clone();
        }
        let plan = json!({"key": "win11", "master": master, "children": children});
        let made: Value =
            firm.one("orchestrator", &format!("select wo.create_from_plan($${plan}$$)"));
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let children = CHILDREN.map(|(name, ..)| text(&made["work_orders"][name]));
        Self { master: text(&made["wo_number"]), children, firm }
    }

    /// The same with everything scheduled and the master in progress.
    pub fn scheduled(further: &Value) -> Self {
        let upgrade = Self::plan(further);
        for number in upgrade.children.iter().chain([&upgrade.master]) {
            upgrade.firm.run(
                "orchestrator",
                &format!(
                    "select wo.transition('{number}', 'planned', 'x');
                     select wo.transition('{number}', 'scheduled', 'x',
                        '{{\"planned_start\": \"2026-01-01\", \"planned_end\": \"2026-01-02\"}}')"
                ),
            );
        }
        upgrade.firm.transition("orchestrator", &upgrade.master, "in_progress");
        upgrade
    }

    /// The same with every child and the master in review.
    pub fn in_review(further: &Value) -> Self {
        let upgrade = Self::scheduled(further);
        for child in [0, 1, 2, 4, 3, 5] {
            upgrade.do_it(child);
        }
        upgrade.firm.transition("orchestrator", &upgrade.master, "pending_review");
        upgrade
    }

    /// By its own agent.
    pub fn do_it(&self, child: usize) {
        for to in ["in_progress", "pending_review"] {
            self.firm.transition(CHILDREN[child].1, &self.children[child], to);
        }
    }

    pub fn statuses(&self) -> Vec<String> {
        self.children.iter().map(|child| self.firm.status(child)).collect()
    }

    fn approval(&self) -> Ask {
        Ask::approve(&self.master, "qa", "completion")
    }
}

#[test]
fn one_human_signature_completes_the_master_and_all_its_parts() {
    let upgrade = Upgrade::in_review(&json!({}));
    let firm = &upgrade.firm;
    assert_eq!(upgrade.statuses(), ["pending_review"; 6]);
    // Not by hand, by whomever.
    let by_hand = move_to(&upgrade.master, "approved");
    firm.refuses("qa", &by_hand, "23514", "approvals_missing");
    let challenge = firm.request("qa", &upgrade.approval()).unwrap();

    // What is signed names each child with its content as it stands.
    let payload = challenge.said();
    assert_eq!(payload["work_order"], json!(upgrade.master));
    assert_eq!(payload["from_status"], "pending_review");
    assert_eq!(payload["to_status"], "approved");
    let children = payload["children"].as_array().unwrap();
    let mut named: Vec<&str> =
        children.iter().map(|child| child["work_order"].as_str().unwrap()).collect();
    named.sort_unstable();
    let mut expected: Vec<&str> = upgrade.children.iter().map(String::as_str).collect();
    expected.sort_unstable();
    assert_eq!(named, expected);
    for child in children {
        assert_eq!(child["content_sha256"].as_str().unwrap().len(), 64, "{child}");
        let number = child["work_order"].as_str().unwrap();
        assert_eq!(child["id"], json!(firm.id(number).to_string()));
    }

    firm.sign("qa", &challenge).unwrap();
    assert_eq!(upgrade.statuses(), ["completed"; 6]);
    assert_eq!(firm.status(&upgrade.master), "completed");
    assert!(firm.stands(&upgrade.master, "locked_at").is_some());
    assert_eq!(firm.count("approval"), 1, "one signature");
    for child in &upgrade.children {
        let moves = firm.trail(child, &["approve", "complete"]);
        assert_eq!(moves.len(), 2, "{moves:?}");
        assert!(moves.iter().all(|one| one.starts_with("qa ")), "{moves:?}");
    }
    firm.assert_intact();
}

#[test]
fn a_part_that_changes_between_request_and_signature_spoils_the_signature() {
    let upgrade = Upgrade::in_review(&json!({}));
    let firm = &upgrade.firm;
    let challenge = firm.request("qa", &upgrade.approval()).unwrap();
    firm.run("owner", &patch(&upgrade.children[3], &json!({"acceptance_criteria": "stricter"})));
    let before = firm.everything();
    refused(firm.sign("qa", &challenge), "40001", "record_changed");
    assert_eq!(firm.everything(), before);
    assert_eq!(firm.status(&upgrade.master), "pending_review");
    // What is not covered does not spoil it.
    let challenge = firm.request("qa", &upgrade.approval()).unwrap();
    firm.run("qa_2", &patch(&upgrade.children[3], &json!({"review_notes": "looks good"})));
    firm.sign("qa", &challenge).unwrap();
    assert_eq!(firm.status(&upgrade.master), "completed");
    firm.assert_intact();
}

#[test]
fn a_part_that_leaves_the_master_between_request_and_signature_spoils_the_signature() {
    let upgrade = Upgrade::in_review(&json!({}));
    let firm = &upgrade.firm;
    let challenge = firm.request("qa", &upgrade.approval()).unwrap();
    let unlink = format!("select wo.unlink_work_order('{}', 'elsewhere')", upgrade.children[0]);
    firm.run("orchestrator", &unlink);
    refused(firm.sign("qa", &challenge), "40001", "record_changed");
    assert_eq!(firm.status(&upgrade.master), "pending_review");
    firm.assert_intact();
}

/// A regulatory master needs the system owner too: until then, a signature can still be amended by
/// what happens to a child.
#[test]
fn a_part_that_changes_after_the_signature_amends_it_where_it_has_not_taken_effect() {
    let upgrade = Upgrade::in_review(&json!({"regulatory": true}));
    let firm = &upgrade.firm;
    firm.signed("qa", &upgrade.approval());
    assert_eq!(firm.status(&upgrade.master), "pending_review");
    assert_eq!(firm.states(&upgrade.master), ["valid"]);
    firm.run("owner_2", &patch(&upgrade.children[2], &json!({"description": "something else"})));
    assert_eq!(firm.states(&upgrade.master), ["amended"]);
    firm.approve("owner", &upgrade.master, "system_owner", "completion");
    assert_eq!(firm.status(&upgrade.master), "pending_review");
    assert_eq!(upgrade.statuses(), ["pending_review"; 6]);
    let answer = firm.signed("qa", &upgrade.approval());
    assert_eq!(said(&answer, "decision"), "approved");
    assert_eq!(firm.status(&upgrade.master), "completed");
    assert_eq!(upgrade.statuses(), ["completed"; 6]);
    firm.assert_intact();
}

#[test]
fn an_agent_cannot_sign() {
    let upgrade = Upgrade::in_review(&json!({}));
    let firm = &upgrade.firm;
    // With a key of its own, if it may have one at all.
    let key = wo_cli::new_key().unwrap();
    let _ = firm.enroll_key(AGENT, &key, "'made by the platform'");
    firm.no_signature(AGENT, &upgrade.approval(), "42501", "person_required");
    assert_eq!(upgrade.statuses(), ["pending_review"; 6]);
    // Nor may a person without the role, nor the one who did the work.
    firm.no_signature("worker", &upgrade.approval(), "42501", "role_missing");
    firm.administer("select wo.grant_role('orchestrator', 'qa')");
    firm.no_signature("orchestrator", &upgrade.approval(), "23514", "signer_is_assignee");
    firm.assert_intact();
}

/// A signed rework sends the master back; its children stay where they are.
#[test]
fn a_rejected_master_goes_back_with_the_deficiencies() {
    let upgrade = Upgrade::in_review(&json!({}));
    let firm = &upgrade.firm;
    let no = Ask::reject(&upgrade.master, "qa", "completion", "the golden image is missing");
    let answer = firm.signed("qa", &no);
    assert_eq!(said(&answer, "status"), "in_progress");
    let told = firm.stands(&upgrade.master, "deficiencies").unwrap();
    assert!(told.contains("the golden image is missing"), "{told}");
    assert_eq!(upgrade.statuses(), ["pending_review"; 6]);
    firm.transition("orchestrator", &upgrade.master, "pending_review");
    firm.signed("qa", &upgrade.approval());
    assert_eq!(firm.status(&upgrade.master), "completed");
    let evidence: i64 =
        firm.one(ROOT, "select count(*) from wo.audit_entry where action = 'approve'");
    assert_eq!(evidence, 7);
    firm.assert_intact();
}
