//! A company with a plan that has deliverables.

use std::ops::Deref;

use serde_json::{Value, json};

use crate::job_plan::bench::Bench;

pub struct Stand(Bench);

impl Deref for Stand {
    type Target = Bench;

    fn deref(&self) -> &Bench {
        &self.0
    }
}

impl Stand {
    /// The plan `survey` asks for a report and a certificate, and would like a photo.
    pub fn found() -> Self {
        let bench = Bench::found();
        bench.release_at_publication();
        bench.publish_plan(&plan(json!([
            {"name": "{{what}} report", "kind": "report", "required": true},
            {"name": "certificate", "kind": "certificate"},
            {"name": "photo", "kind": "photo", "required": false}
        ])));
        Self(bench)
    }

    /// A work order with that plan, in progress.
    #[track_caller]
    pub fn surveying(&self, regulatory: bool) -> String {
        let (who, order): (&str, String) = if regulatory {
            ("originator", self.create("Survey it"))
        } else {
            let create = "select wo.create_work_order('Survey it', description => 'd', assignee => 'worker') ->> 'wo_number'";
            ("planner", self.one("planner", create))
        };
        self.run(
            who,
            &format!("select wo.apply_job_plan('{order}', 'survey', parameters => '{{\"what\": \"roof\"}}')"),
        );
        if regulatory {
            self.begin(&order);
        } else {
            for (who, state) in [
                ("planner", "pending_approval"),
                ("planner", "assigned"),
                ("worker", "in_progress"),
            ] {
                self.transition(who, &order, state);
            }
        }
        self.run("worker", &format!("select wo.record_step('{order}', 'look')"));
        order
    }

    /// Delivers a version of a deliverable by the worker; returns its id.
    #[track_caller]
    pub fn deliver(&self, order: &str, name: &str, kind: &str, bytes: &str) -> String {
        self.one("worker", &format!("{} ->> 'id'", add(order, name, kind, bytes)))
    }

    /// Its newest version.
    #[track_caller]
    pub fn newest(&self, order: &str, name: &str) -> String {
        self.one(
            "stranger",
            &format!(
                "select deliverable::text from wo.deliverables('{order}') where name = '{name}'"
            ),
        )
    }

    /// The newest version is accepted by `who`.
    #[track_caller]
    pub fn accept(&self, who: &str, order: &str, name: &str) {
        self.run(who, &review(order, &self.newest(order, name), "accepted"));
    }

    /// `name state`, of each deliverable.
    #[track_caller]
    pub fn states(&self, order: &str) -> Vec<String> {
        self.all(
            "stranger",
            &format!("select name || ' ' || state from wo.deliverables('{order}')"),
        )
    }

    /// What the guard says where `who` would take the work order to that state.
    #[track_caller]
    pub fn missing(&self, who: &str, order: &str, to: &str) -> String {
        let sql = format!(
            "select wo.transition('{order}', '{to}', 'done',
                '{{\"completion_summary\": \"Done.\", \"actual_hours\": 1}}')"
        );
        let detail = self.refused_without_trace(
            &["deliverable", "deliverable_review", "work_order"],
            who,
            &sql,
            "23514",
            "guards_not_met",
        );
        assert_eq!(detail["guards"][0]["guard"], "deliverables_received", "{detail}");
        detail["guards"][0]["detail"].as_str().unwrap().to_owned()
    }
}

/// The plan `survey` with these deliverables.
pub fn plan(deliverables: Value) -> Value {
    json!({
        "name": "survey",
        "parameters": [{"name": "what", "type": "text", "required": true}],
        "steps": [{"key": "look", "kind": "do", "instruction": "Look at the {{what}}."}],
        "deliverables": deliverables
    })
}

/// The statement that delivers bytes.
pub fn add(order: &str, name: &str, kind: &str, bytes: &str) -> String {
    format!(
        "select wo.add_deliverable('{order}', '{name}', '{kind}', 'https://files/{bytes}', sha256('{bytes}'),
            reason => 'delivered')"
    )
}

/// The statement that reviews a version.
pub fn review(order: &str, deliverable: &str, verdict: &str) -> String {
    format!("select wo.review_deliverable('{order}', '{deliverable}', '{verdict}', 'looked at')")
}
