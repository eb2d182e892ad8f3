//! The Win10 → Win11 upgrade of spec/3 §3: a master and six children, each done by its own agent.

use serde_json::{Value, json};

use crate::hierarchy::lab::{ANN, Lab};

const ORCHESTRATOR: &str = "lab_orchestrator";

/// Name in the plan, login of the assignee, hours, what it waits for.
const CHILDREN: [(&str, &str, &str, u32, &[&str]); 6] = [
    ("remove", "asset-manager", "lab_assets", 1, &[]),
    ("build", "scheduler", "lab_scheduler", 8, &[]),
    ("install", "vendor-coordinator", "lab_vendor", 16, &["build"]),
    ("configure", "documentation", "lab_documentation", 12, &["install"]),
    ("accounts", "scheduler", "lab_scheduler", 2, &["install"]),
    ("decommission", "asset-manager", "lab_assets", 3, &["configure", "accounts"]),
];

struct Upgrade {
    lab: Lab,
    master: String,
    children: [String; 6],
}

impl Upgrade {
    fn plan() -> Self {
        let lab = Lab::found();
        let children: Vec<Value> = CHILDREN
            .iter()
            .map(|(name, assignee, _, hours, after)| {
                json!({"name": name, "title": format!("Win11: {name}"), "description": "d",
                    "assignee": assignee, "estimated_hours": hours, "after": after})
            })
            .collect();
        let plan = json!({
            "key": "win11",
            "master": {"title": "Upgrade Win10 to Win11", "description": "d",
                "assignee": "wo-orchestrator"},
            "children": children
        });
        let made: Value = lab.one(ORCHESTRATOR, &format!("select wo.create_from_plan($${plan}$$)"));
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let children = CHILDREN.map(|(name, ..)| text(&made["work_orders"][name]));
        Self { master: text(&made["wo_number"]), children, lab }
    }

    fn schedule(&self, number: &str) {
        self.lab.run(
            ORCHESTRATOR,
            &format!(
                "select wo.transition('{number}', 'planned');
                 select wo.transition('{number}', 'scheduled', 'x',
                    '{{\"planned_start\": \"2026-01-01\", \"planned_end\": \"2026-01-02\"}}')"
            ),
        );
    }

    fn start(&self, child: usize) -> String {
        format!("select wo.transition('{}', 'in_progress')", self.children[child])
    }

    fn submit(&self, child: usize) -> String {
        format!("select wo.transition('{}', 'pending_review')", self.children[child])
    }

    /// By its own assignee.
    fn do_it(&self, child: usize) {
        let who = CHILDREN[child].2;
        self.lab.run(who, &self.start(child));
        self.lab.run(who, &self.submit(child));
        assert_eq!(self.lab.status(&self.children[child]), "pending_review");
    }

    /// Asserts that it may not start yet, and that these are named as missing.
    #[track_caller]
    fn too_early(&self, child: usize, missing: &[usize]) {
        let detail =
            self.lab.refused(CHILDREN[child].2, &self.start(child), "23514", "guards_not_met");
        let guards = detail["guards"].as_array().unwrap();
        assert_eq!(guards.len(), 1, "{detail}");
        assert_eq!(guards[0]["guard"], "dependencies_satisfied", "{detail}");
        let told = guards[0]["detail"].as_str().unwrap();
        for (place, number) in self.children.iter().enumerate() {
            assert_eq!(told.contains(number), missing.contains(&place), "{number}: {told}");
        }
    }

    fn ready(&self) -> Vec<String> {
        self.lab.ready(&self.master)
    }

    fn sorted(&self, children: &[usize]) -> Vec<String> {
        let mut numbers: Vec<String> =
            children.iter().map(|child| self.children[*child].clone()).collect();
        numbers.sort();
        numbers
    }

    fn percent(&self) -> f64 {
        self.lab.progress(&self.master)["percent_complete"].as_f64().unwrap()
    }
}

#[test]
fn the_upgrade_runs_in_the_order_of_its_dependencies() {
    let upgrade = Upgrade::plan();
    let lab = &upgrade.lab;
    assert_eq!(lab.edges().len(), 5);
    assert!(upgrade.children.iter().all(|child| lab.master(child) == Some(upgrade.master.clone())));
    for number in upgrade.children.iter().chain([&upgrade.master]) {
        assert_eq!(lab.status(number), "draft");
    }
    assert_eq!(upgrade.ready(), upgrade.sorted(&[0, 1]));

    for child in &upgrade.children {
        upgrade.schedule(child);
    }
    upgrade.schedule(&upgrade.master);
    assert_eq!(upgrade.ready(), upgrade.sorted(&[0, 1]));
    upgrade.too_early(2, &[1]);
    upgrade.too_early(3, &[2]);
    upgrade.too_early(4, &[2]);
    upgrade.too_early(5, &[3, 4]);
    let start = format!("select wo.transition('{}', 'in_progress')", upgrade.master);
    lab.run(ORCHESTRATOR, &start);

    let submit = format!("select wo.transition('{}', 'pending_review')", upgrade.master);
    let master_waits_for = |open: &[usize]| {
        let detail = lab.refused(ORCHESTRATOR, &submit, "23514", "guards_not_met");
        let told = detail["guards"][0]["detail"].as_str().unwrap();
        assert_eq!(detail["guards"][0]["guard"], "children_in_review");
        for (place, number) in upgrade.children.iter().enumerate() {
            assert_eq!(told.contains(number), open.contains(&place), "{number}: {told}");
        }
    };
    let mut percent = upgrade.percent();
    assert_eq!(percent, 0.0);
    let mut grown = |weight: u32| {
        let now = upgrade.percent();
        let expected = percent + f64::from(weight) * 100.0 / 42.0;
        assert!((now - expected).abs() < 0.11, "{now} after {percent} and {weight} of 42 hours");
        percent = now;
    };

    upgrade.do_it(0);
    grown(1);
    master_waits_for(&[1, 2, 3, 4, 5]);
    upgrade.too_early(2, &[1]);
    upgrade.do_it(1);
    grown(8);
    assert_eq!(upgrade.ready(), upgrade.sorted(&[2]));
    // Work under way does not satisfy.
    lab.run(CHILDREN[2].2, &upgrade.start(2));
    upgrade.too_early(3, &[2]);
    upgrade.too_early(4, &[2]);
    lab.run(CHILDREN[2].2, &upgrade.submit(2));
    grown(16);
    assert_eq!(upgrade.ready(), upgrade.sorted(&[3, 4]));
    upgrade.do_it(4);
    grown(2);
    upgrade.too_early(5, &[3]);
    upgrade.do_it(3);
    grown(12);
    assert_eq!(upgrade.ready(), upgrade.sorted(&[5]));
    master_waits_for(&[5]);
    upgrade.do_it(5);
    grown(3);
    assert_eq!(upgrade.percent(), 100.0);
    lab.run(ORCHESTRATOR, &submit);
    assert_eq!(lab.status(&upgrade.master), "pending_review");
    assert!(upgrade.children.iter().all(|child| lab.status(child) == "pending_review"));
    lab.assert_intact();
}

#[test]
fn the_assignee_alone_starts_a_part() {
    let upgrade = Upgrade::plan();
    upgrade.schedule(&upgrade.children[0]);
    for who in ["lab_vendor", ORCHESTRATOR, ANN] {
        upgrade.lab.refused(who, &upgrade.start(0), "42501", "role_missing");
    }
    upgrade.lab.run("lab_assets", &upgrade.start(0));
}

#[test]
fn the_upgrade_is_drawn_with_its_states_and_its_critical_path() {
    let upgrade = Upgrade::plan();
    let lab = &upgrade.lab;
    for child in &upgrade.children {
        upgrade.schedule(child);
    }
    upgrade.do_it(1);
    lab.run(CHILDREN[2].2, &upgrade.start(2));
    let draw = |format: &str| -> String {
        lab.one(
            ORCHESTRATOR,
            &format!("select wo.dependency_diagram('{}', '{format}')", upgrade.master),
        )
    };
    let (mermaid, dot, svg) = (draw("mermaid"), draw("dot"), draw("svg"));
    assert!(mermaid.contains("flowchart LR"), "{mermaid}");
    assert!(dot.starts_with("digraph"), "{dot}");
    assert!(svg.trim_start().starts_with("<svg") && svg.trim_end().ends_with("</svg>"), "{svg}");
    for number in &upgrade.children {
        for drawn in [&mermaid, &dot] {
            assert_eq!(drawn.matches(number.as_str()).count(), 1, "{number} in {drawn}");
        }
        assert!(svg.contains(number), "{number} in {svg}");
    }
    // Edges between the child's own names, thick where critical: install, configure, decommission.
    let named = |child: usize| {
        let line = mermaid.lines().find(|line| line.contains(&upgrade.children[child])).unwrap();
        line.trim().split('[').next().unwrap().to_owned()
    };
    for (from, arrow, to) in [(2, "==>", 3), (3, "==>", 5), (2, "-->", 4), (4, "-->", 5)] {
        let edge = format!("{} {arrow} {}", named(from), named(to));
        assert!(mermaid.contains(&edge), "{edge} in {mermaid}");
    }
    assert_eq!(dot.matches(" -> ").count(), 5, "{dot}");
    for state in ["pending_review", "in_progress", "scheduled"] {
        for drawn in [&dot, &svg] {
            assert!(drawn.contains(state), "{state} in {drawn}");
        }
    }
    for class in ["is_done", "is_running", "is_not_started", "is_critical"] {
        assert!(mermaid.contains(class), "{class} in {mermaid}");
    }
    assert_eq!(draw("mermaid"), mermaid);

    let critical: Vec<String> = lab.all(
        ORCHESTRATOR,
        &format!(
            "select wo_number from wo.critical_path('{}') where critical order by wo_number",
            upgrade.master
        ),
    );
    assert_eq!(critical, upgrade.sorted(&[2, 3, 5]));
    let pattern: Value =
        lab.one(ORCHESTRATOR, &format!("select wo.execution_pattern('{}')", upgrade.master));
    assert_eq!(pattern["pattern"], "orchestrator_workers");
    lab.assert_intact();
}
