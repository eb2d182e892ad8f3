//! The company of `wo_cluster_tests::signing` with published job plans.

use std::ops::Deref;

use postgres::Error;
use serde_json::{Value, json};
use wo_cluster_tests::signing::{Challenge, Company, ROOT};

/// The name of the plan that most tests use.
pub const QUALIFICATION: &str = "installation_qualification";

/// What the qualification is applied with.
pub const PARAMETERS: &str =
    r#"{"instrument": "HPLC-2", "serial_number": "SN-7", "protocol": "IQ-12"}"#;

pub struct Bench(Company);

impl Deref for Bench {
    type Target = Company;

    fn deref(&self) -> &Company {
        &self.0
    }
}

impl Bench {
    /// The company has published every plan that wo_core brings along.
    pub fn found() -> Self {
        Self(Company::copy_of("job_plans", |database| {
            let company = Self(Company::found_in(database));
            for (_, text) in wo_rules::job_plan::SHIPPED {
                company.publish_plan(&serde_json::from_str(text).unwrap());
            }
            company.0
        }))
    }

    /// Publishes a version of a plan.
    #[track_caller]
    pub fn publish_plan(&self, document: &Value) -> i32 {
        let publish = "select wo.publish_definition('job_plan', $1)";
        self.administering(|admin| Ok(admin.query_one(publish, &[document])?.get(0)))
            .unwrap_or_else(|error| panic!("{document}: {error:?}"))
    }

    /// From now on the publication of a job plan releases it.
    pub fn release_at_publication(&self) {
        self.administer("select wo.set_definition_policy('job_plan', 'publication')");
    }

    /// A regulatory work order with the qualification, in progress.
    #[track_caller]
    pub fn qualifying(&self) -> String {
        let order = self.create("Qualify the HPLC");
        self.run(
            "originator",
            &format!("select wo.apply_job_plan('{order}', '{QUALIFICATION}', parameters => '{PARAMETERS}')"),
        );
        self.begin(&order);
        order
    }

    /// Takes a regulatory draft to its work.
    #[track_caller]
    pub fn begin(&self, order: &str) {
        self.transition("originator", order, "pending_approval");
        self.sign_both(order, "plan");
        self.transition("planner", order, "assigned");
        self.transition("worker", order, "in_progress");
    }

    /// A work order that is not regulatory, with the plan, in progress.
    #[track_caller]
    pub fn working_by(&self, plan: &str) -> String {
        let order: String = self.one(
            "planner",
            &format!(
                "select wo.create_work_order('Do it', description => 'd', assignee => 'worker',
                    job_plan => '{plan}') ->> 'wo_number'"
            ),
        );
        for (who, state) in
            [("planner", "pending_approval"), ("planner", "assigned"), ("worker", "in_progress")]
        {
            self.transition(who, &order, state);
        }
        order
    }

    /// Asks for what to sign for an act on a step.
    pub fn ask_act(
        &self,
        who: &str,
        order: &str,
        step: &str,
        meaning: &str,
        decision: &str,
    ) -> Result<Challenge, Error> {
        let subject = format!("{order}/{step}");
        let ask = "select challenge, payload, expires_at
            from wo.request_act_signature('step', $1, $2, 'see deviation 12', $3)";
        self.acting(who, |acting| {
            let row = acting.query_one(ask, &[&subject, &meaning, &decision])?;
            Ok(Challenge {
                id: row.get(0),
                payload: row.get(1),
                expires_at: row.get(2),
                rejects: false,
            })
        })
    }

    /// Signs an act on a step.
    #[track_caller]
    pub fn act(&self, who: &str, order: &str, step: &str, meaning: &str, decision: &str) -> Value {
        let challenge = self.ask_act(who, order, step, meaning, decision);
        let challenge = challenge.unwrap_or_else(|error| panic!("{who}: {step}: {error:?}"));
        self.sign(who, &challenge).unwrap_or_else(|error| panic!("{who}: {step}: {error:?}"))
    }

    #[track_caller]
    pub fn record(&self, who: &str, order: &str, step: &str, value: &str) -> String {
        self.run(who, &record(order, step, value));
        self.state(order, step)
    }

    /// `state verdict` of a step.
    #[track_caller]
    pub fn state(&self, order: &str, step: &str) -> String {
        self.one(
            ROOT_OF_TENANT,
            &format!("select concat_ws(' ', state, verdict) from wo.steps('{order}') where step = '{step}'"),
        )
    }

    /// Every column of everything that was recorded, as text.
    pub fn results(&self, order: &str) -> String {
        self.one(
            ROOT,
            &format!(
                "select string_agg(line::text, '|' order by ordinal) from wo.step_result as line
                 where work_order_id = '{}'",
                self.id(order)
            ),
        )
    }
}

/// Somebody who reads, and has no role.
const ROOT_OF_TENANT: &str = "stranger";

/// The statement that records a step.
pub fn record(order: &str, step: &str, value: &str) -> String {
    let value = match value {
        "" => "null".to_owned(),
        "attached" => "'https://files/record', sha256 => sha256('record')".to_owned(),
        value => format!("'{value}'"),
    };
    format!("select wo.record_step('{order}', '{step}', {value})")
}

/// A plan of that name with these steps.
pub fn plan(name: &str, steps: Value) -> Value {
    json!({ "name": name, "steps": steps })
}
