//! The company of `wo_cluster_tests::signing` with a job plan whose steps use credentials.

use std::ops::Deref;

use base64ct::{Base64UrlUnpadded, Encoding};
use serde_json::{Value, json};
use wo_cluster_tests::Cluster;
use wo_cluster_tests::signing::{Company, ROOT};
use wo_rules::credential::grant::GrantKey;

/// Of a plain step.
pub const LOGIN: &str = "vault://plant/line-4/plc#password";

/// Of a step for QA, which comes after the first one.
pub const MASTER: &str = "vault://plant/line-4/hmi#password?version=1";

pub struct Bench(Company);

impl Deref for Bench {
    type Target = Company;

    fn deref(&self) -> &Company {
        &self.0
    }
}

/// A plan of three steps, two of which use credentials.
pub fn plan() -> Value {
    json!({
        "name": "patch_plc",
        "credentials": {"login": LOGIN, "master": MASTER},
        "steps": [
            {"key": "patch", "kind": "do", "instruction": "Patch the PLC.", "credentials": ["login"]},
            {"key": "check", "kind": "check", "instruction": "Look at it.", "role": "qa",
                "after": ["patch"], "credentials": ["master"]},
            {"key": "note", "kind": "do", "instruction": "Write it down."}
        ]
    })
}

impl Bench {
    pub fn found() -> Self {
        Self::found_on(Cluster::shared())
    }

    pub fn found_on(cluster: &'static Cluster) -> Self {
        let bench = Self(Company::found_on(cluster));
        bench.administer("select wo.set_definition_policy('job_plan', 'publication')");
        bench.publish(&plan());
        bench
    }

    /// Publishes a version of a plan.
    #[track_caller]
    pub fn publish(&self, document: &Value) -> i32 {
        let publish = "select wo.publish_definition('job_plan', $1)";
        self.administering(|admin| Ok(admin.query_one(publish, &[document])?.get(0)))
            .unwrap_or_else(|error| panic!("{document}: {error:?}"))
    }

    /// A work order with the plan, assigned and not begun.
    #[track_caller]
    pub fn assigned(&self) -> String {
        let order: String = self.one(
            "planner",
            "select wo.create_work_order('Patch it', description => 'd', assignee => 'worker',
                job_plan => 'patch_plc') ->> 'wo_number'",
        );
        for state in ["pending_approval", "assigned"] {
            self.transition("planner", &order, state);
        }
        order
    }

    /// The same in progress.
    #[track_caller]
    pub fn working(&self) -> String {
        let order = self.assigned();
        self.transition("worker", &order, "in_progress");
        order
    }

    /// What `wo.request_credential` returns.
    #[track_caller]
    pub fn granted(&self, who: &str, order: &str, step: &str, name: &str) -> Value {
        self.one(who, &request(order, step, name))
    }

    /// The rows of `wo.credential_grant`, as objects.
    pub fn grants(&self) -> Vec<Value> {
        let rows =
            "select to_jsonb(line)::text from wo.credential_grant as line order by requested_at";
        self.all(ROOT, rows).iter().map(|row| serde_json::from_str(row).unwrap()).collect()
    }

    /// The key that signs the grants.
    pub fn key(&self) -> GrantKey {
        let file = self.database.cluster().credential_key();
        GrantKey::read(&std::fs::read_to_string(file).unwrap()).unwrap()
    }
}

/// The statement that asks for a credential.
pub fn request(order: &str, step: &str, name: &str) -> String {
    format!("select wo.request_credential('{order}', '{step}', '{name}')")
}

/// The claims of a token, unverified.
pub fn claims(grant: &Value) -> Value {
    let token = grant["token"].as_str().unwrap();
    let claims = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&Base64UrlUnpadded::decode_vec(claims).unwrap()).unwrap()
}
