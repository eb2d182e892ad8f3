//! What a vault needs to give a secret for grants, and for nothing else.

use std::fmt::Write;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use uuid::Uuid;
use wo_rules::secret::reference::Reference;

/// How long what the vault's login gives can be used, in seconds: for three requests at once.
const TOKEN_TTL: u32 = 60;

/// How far the clocks of the database and the vault may be apart, in seconds.
const CLOCK_SKEW: u32 = 5;

/// What Google's provider takes of a reference: which secret it is, without its version.
const EXTRACT: &str = "assertion.reference.extract('gcp-sm://{secret}/versions/')";

/// Who may have a secret for what.
#[derive(Debug, Clone)]
pub struct Policy {
    /// Where the secret is.
    pub reference: Reference,
    /// The tenant whose work orders may have it.
    pub tenant: Uuid,
    /// The issuer of grants.
    pub issuer: String,
    /// The audience of grants.
    pub audience: String,
    /// Where the vault's JWT login is mounted.
    pub auth_mount: String,
    /// The step for which alone it is given.
    pub step: Option<String>,
    /// The work order for which alone it is given.
    pub work_order: Option<String>,
    /// The public key of the database in PEM, and its algorithm, where the login is to be set up too.
    pub key: Option<(String, &'static str)>,
    /// The provider of Google's workload identity federation.
    pub google_provider: Option<String>,
}

/// The reference without its version: a role is for all of them.
fn without_version(reference: &Reference) -> Reference {
    let mut plain = reference.clone();
    match &mut plain {
        Reference::Vault { version, .. } | Reference::GoogleSecretManager { version, .. } => {
            *version = None;
        }
    }
    plain
}

/// The name of the role and of the policy for a secret of a tenant, whatever its version.
#[must_use]
pub fn role_name(tenant: Uuid, reference: &Reference) -> String {
    let hash = Sha256::digest(format!("{tenant}\n{}", without_version(reference)));
    let start: String = hash.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    format!("wo-{start}")
}

impl Policy {
    fn name(&self) -> String {
        role_name(self.tenant, &self.reference)
    }

    /// The policy: what a login may do.
    fn rules(&self, mount: &str, path: &str) -> String {
        format!(
            r#"# The secret, and which versions of it there are.
path "{mount}/data/{path}" {{
  capabilities = ["read"]
}}
path "{mount}/metadata/{path}" {{
  capabilities = ["read"]
}}
# The login disables itself, so that its grant is not used again.
path "identity/entity/id/{{{{identity.entity.id}}}}" {{
  capabilities = ["update"]
  allowed_parameters = {{ "disabled" = [true] }}
}}
"#
        )
    }

    /// The role: which grants may log in.
    fn role(&self) -> Value {
        let plain = without_version(&self.reference).to_string();
        let mut bound = json!({
            "tenant": self.tenant,
            "reference": [plain, format!("{plain}?version=*")],
        });
        for (claim, value) in [("step", &self.step), ("work_order", &self.work_order)] {
            if let Some(value) = value {
                bound[claim] = json!(value);
            }
        }
        json!({
            "role_type": "jwt",
            "user_claim": "jti",
            "bound_audiences": [self.audience],
            "bound_claims_type": "glob",
            "bound_claims": bound,
            "claim_mappings": {
                "sub": "principal", "work_order": "work_order", "step": "step", "credential": "credential",
            },
            "token_type": "service",
            "token_policies": [self.name()],
            "token_no_default_policy": true,
            "token_ttl": TOKEN_TTL,
            "token_max_ttl": TOKEN_TTL,
            "token_explicit_max_ttl": TOKEN_TTL,
            "token_num_uses": 3,
            "clock_skew_leeway": CLOCK_SKEW,
            "expiration_leeway": -1,
            "not_before_leeway": -1,
        })
    }

    /// What to install, as one JSON object.
    #[must_use]
    pub fn json(&self) -> String {
        let value = match &self.reference {
            Reference::Vault { mount, path, .. } => json!({
                "name": self.name(), "policy": self.rules(mount, path), "role": self.role(),
            }),
            Reference::GoogleSecretManager { project, secret, .. } => json!({
                "project": project, "secret": secret, "attribute": self.attribute(project, secret),
                "condition": self.condition(),
            }),
        };
        value.to_string()
    }

    /// The commands that install it.
    #[must_use]
    pub fn commands(&self) -> String {
        let mut text = String::new();
        // Writing to a text does not fail.
        let _ = match &self.reference {
            Reference::Vault { mount, path, .. } => self.write_vault(&mut text, mount, path),
            Reference::GoogleSecretManager { project, secret, .. } => {
                self.write_google(&mut text, project, secret)
            }
        };
        text.trim_end().to_owned()
    }

    fn write_vault(&self, text: &mut String, mount: &str, path: &str) -> std::fmt::Result {
        let (name, auth) = (self.name(), &self.auth_mount);
        if let Some((pem, algorithm)) = &self.key {
            let config = json!({
                "jwt_validation_pubkeys": [pem],
                "jwt_supported_algs": [algorithm],
                "bound_issuer": self.issuer,
            });
            writeln!(text, "# Once: the login that knows the key of the database.")?;
            writeln!(text, "bao auth enable -path={auth} jwt")?;
            writeln!(text, "bao write auth/{auth}/config - <<'END'\n{config:#}\nEND\n")?;
        }
        writeln!(text, "# Secret {} of tenant {}.", without_version(&self.reference), self.tenant)?;
        writeln!(text, "bao policy write {name} - <<'END'\n{}END", self.rules(mount, path))?;
        writeln!(text, "bao write auth/{auth}/role/{name} - <<'END'\n{:#}\nEND", self.role())
    }

    /// What the provider makes of a grant: the tenant, and the secret that it is for.
    fn attribute(&self, project: &str, secret: &str) -> String {
        format!("{}/projects/{project}/secrets/{secret}", self.tenant)
    }

    /// What else the provider has to ask of a grant.
    fn condition(&self) -> Option<String> {
        let claims = [("step", &self.step), ("work_order", &self.work_order)];
        let asked: Vec<String> = claims
            .into_iter()
            .filter_map(|(claim, value)| {
                Some(format!("assertion.{claim} == '{}'", value.as_ref()?))
            })
            .collect();
        (!asked.is_empty()).then(|| asked.join(" && "))
    }

    fn write_google(&self, text: &mut String, project: &str, secret: &str) -> std::fmt::Result {
        let provider = self.google_provider.as_deref().unwrap_or(
            "projects/NUMBER/locations/global/workloadIdentityPools/POOL/providers/PROVIDER",
        );
        let pool = provider.split("/providers/").next().unwrap_or(provider);
        writeln!(text, "# The provider {provider} has:")?;
        writeln!(text, "#   --issuer-uri={} --allowed-audiences={}", self.issuer, self.audience)?;
        writeln!(
            text,
            "#   --attribute-mapping=\"google.subject=assertion.jti,attribute.secret=assertion.tenant + '/' + {EXTRACT}\""
        )?;
        if let Some(condition) = self.condition() {
            writeln!(text, "#   --attribute-condition=\"{condition}\"")?;
        }
        writeln!(text, "# Secret {secret} of project {project}, for tenant {}.", self.tenant)?;
        writeln!(
            text,
            "gcloud secrets add-iam-policy-binding {secret} --project={project} \\\n    --role=roles/secretmanager.secretAccessor \\\n    --member='principalSet://iam.googleapis.com/{pool}/attribute.secret/{}'",
            self.attribute(project, secret)
        )
    }
}
