//! A company in a database of its own whose people sign: each has a login role, a subject of the
//! tokens of the company's issuer, and an Ed25519 key made for this run.
//!
//! Whatever needs a signature goes as in life: a service's connection that is nobody's, a fresh
//! token in each transaction, a request, a signature made outside the database, `wo.sign`.

use std::cell::RefCell;
use std::collections::HashMap;
use std::ops::Deref;

use base64ct::{Base64UrlUnpadded, Encoding};
use chrono::{DateTime, Utc};
use ed25519_dalek::{Signer, SigningKey};
use postgres::{Error, GenericClient, Transaction};
use serde_json::Value;
use uuid::Uuid;
use wo_cli::TokenRequest;

use crate::clients::one;
use crate::{Clients, Cluster, Database, Issuer};

/// Principals with a login of the same name. All of them are persons; `versatile` holds every role
/// of an approval, `orchestrator` every role of the template `agent_change` but qa and system_owner.
const PEOPLE: [(&str, &[&str]); 11] = [
    ("originator", &[]),
    ("planner", &["planner"]),
    ("owner", &["system_owner"]),
    ("owner_2", &["system_owner"]),
    ("qa", &["qa"]),
    ("qa_2", &["qa"]),
    ("worker", &[]),
    ("worker_2", &[]),
    ("versatile", &["planner", "system_owner", "qa"]),
    ("orchestrator", &["orchestrator", "planner", "scheduler"]),
    ("stranger", &[]),
];

/// The login of services: a member of `wo_user` that is nobody without a token.
pub const SERVICE: &str = "service";

/// A person, without standing roles, who is a member of `wo_admin` too.
pub const ADMIN: &str = "admin";

/// An agent with the role `qa`.
pub const AGENT: &str = "qa_agent";

/// The superuser, who is no principal.
pub const ROOT: &str = "postgres";

/// The way of a regulatory `regulated_change`.
const WAY: [&str; 6] =
    ["draft", "pending_approval", "assigned", "in_progress", "completed", "closed"];

/// What somebody asks to sign.
#[derive(Debug, Clone)]
pub struct Ask {
    pub work_order: String,
    pub role: String,
    pub meaning: String,
    pub decision: String,
    pub reason: Option<String>,
    pub on_behalf_of: Option<String>,
    pub child: Option<String>,
}

impl Ask {
    pub fn approve(work_order: &str, role: &str, meaning: &str) -> Self {
        Self {
            work_order: work_order.into(),
            role: role.into(),
            meaning: meaning.into(),
            decision: "approved".into(),
            reason: None,
            on_behalf_of: None,
            child: None,
        }
    }

    pub fn reject(work_order: &str, role: &str, meaning: &str, reason: &str) -> Self {
        let decision = "rejected".into();
        Self { decision, ..Self::approve(work_order, role, meaning) }.because(reason)
    }

    pub fn because(self, reason: &str) -> Self {
        Self { reason: Some(reason.into()), ..self }
    }

    pub fn on_behalf_of(self, principal: &str) -> Self {
        Self { on_behalf_of: Some(principal.into()), ..self }
    }

    pub fn about_child(self, child: &str) -> Self {
        Self { child: Some(child.into()), ..self }
    }

    /// Asks in whatever transaction this is; who asks is whoever it authenticated.
    pub fn on(&self, client: &mut impl GenericClient) -> Result<Challenge, Error> {
        let ask = "select challenge, payload, expires_at
            from wo.request_signature($1, $2, $3, $4, $5, $6, $7)";
        let row = client.query_one(
            ask,
            &[
                &self.work_order,
                &self.role,
                &self.meaning,
                &self.decision,
                &self.reason,
                &self.on_behalf_of,
                &self.child,
            ],
        )?;
        Ok(Challenge {
            id: row.get(0),
            payload: row.get(1),
            expires_at: row.get(2),
            rejects: self.decision == "rejected",
        })
    }
}

/// What the database wants signed.
#[derive(Debug, Clone)]
pub struct Challenge {
    pub id: Uuid,
    pub payload: String,
    pub expires_at: DateTime<Utc>,
    pub rejects: bool,
}

impl Challenge {
    pub fn said(&self) -> Value {
        serde_json::from_str(&self.payload).unwrap()
    }

    /// Hands a signature in, in whatever transaction this is.
    pub fn answer(&self, client: &mut impl GenericClient, signature: &str) -> Result<Value, Error> {
        let act = if self.rejects { "wo.reject" } else { "wo.sign" };
        let row = client.query_one(&format!("select {act}($1, $2)"), &[&self.id, &signature])?;
        Ok(row.get(0))
    }
}

pub struct Company {
    pub tenant: Uuid,
    issuer: Issuer,
    keys: RefCell<HashMap<String, SigningKey>>,
    clients: Clients<'static>,
}

impl Deref for Company {
    type Target = Clients<'static>;

    fn deref(&self) -> &Clients<'static> {
        &self.clients
    }
}

impl Company {
    /// Its work orders are `regulated_change`s unless they say otherwise. Everybody's signing key
    /// is enrolled and verified, but `stranger`'s, who has none.
    #[track_caller]
    pub fn found() -> Self {
        Self::found_on(Cluster::shared())
    }

    /// The same on that cluster.
    #[track_caller]
    pub fn found_on(cluster: &'static Cluster) -> Self {
        Self::copy_on(cluster, "signers", Self::found_in)
    }

    /// A copy of the company that `found` makes, once for each `what`.
    #[track_caller]
    pub fn copy_of(what: &str, found: impl FnOnce(Database<'static>) -> Self) -> Self {
        Self::copy_on(Cluster::shared(), what, found)
    }

    fn copy_on(
        cluster: &'static Cluster,
        what: &str,
        found: impl FnOnce(Database<'static>) -> Self,
    ) -> Self {
        let (database, (tenant, issuer, keys)) = cluster.founded(what, |database| {
            let company = found(database);
            (company.tenant, company.issuer, company.keys.into_inner())
        });
        Self { tenant, issuer, keys: RefCell::new(keys), clients: Clients::of(database) }
    }

    pub fn found_in(database: Database<'static>) -> Self {
        let mut root = database.superuser();
        let make =
            "select wo.create_tenant('acme', 'Acme', default_lifecycle => 'regulated_change')";
        let tenant = one(&mut root, make);
        database.login(SERVICE, &["wo_user"]);
        database.login(ADMIN, &["wo_user", "wo_admin"]);
        let issuer = Issuer::of(tenant);
        let company =
            Self { tenant, issuer, keys: RefCell::default(), clients: Clients::of(database) };
        let trust = company.issuer.trust();
        company.administer(&format!(
            "{trust};
             select wo.create_principal('{ADMIN}', db_role => '{ADMIN}');
             select wo.create_principal('{AGENT}', 'agent', roles => '{{qa}}')"
        ));
        for (who, roles) in PEOPLE {
            company.hire(who, roles);
            if who != "stranger" {
                company.enroll(who);
            }
        }
        company
    }

    /// A person with a login of the same name, these roles, and no signing key.
    pub fn hire(&self, who: &str, roles: &[&str]) {
        self.database.login(who, &["wo_user"]);
        let (name, roles) = (full_name(who), roles.join(","));
        self.administer(&format!(
            "select wo.create_principal('{who}', name => '{name}', roles => '{{{roles}}}', db_role => '{who}')"
        ));
    }

    /// Makes a key for somebody and enrols it, the person's identity being on record; returns its id.
    pub fn enroll(&self, who: &str) -> String {
        self.enroll_key(who, &wo_cli::new_key().unwrap(), "'passport seen by the security office'")
            .unwrap_or_else(|error| panic!("{who}: {error:?}"))
    }

    /// Enrols this key, from now on the one that somebody signs with; `more` are the further
    /// arguments of `wo.enroll_signing_key` as SQL.
    pub fn enroll_key(&self, who: &str, key: &SigningKey, more: &str) -> Result<String, Error> {
        let public = wo_cli::public_key(&key.verifying_key());
        let enroll = format!("select wo.enroll_signing_key('{who}', '{public}', {more})");
        let id = self.administering(|admin| Ok(admin.query_one(&enroll, &[])?.get(0)))?;
        self.keys.borrow_mut().insert(who.into(), key.clone());
        Ok(id)
    }

    /// The key that somebody signs with.
    pub fn key(&self, who: &str) -> SigningKey {
        let keys = self.keys.borrow();
        keys.get(who).unwrap_or_else(|| panic!("{who} has no key")).clone()
    }

    /// What a token of somebody's will say, good for fifteen minutes from now.
    pub fn token_request(&self, who: &str) -> TokenRequest {
        self.issuer.request(who)
    }

    /// A good token.
    pub fn token(&self, who: &str) -> String {
        self.issuer.token(who)
    }

    pub fn token_for(&self, request: &TokenRequest) -> String {
        self.issuer.signed(request)
    }

    /// Somebody's signature of this text.
    pub fn signature(&self, who: &str, payload: &str) -> String {
        signature(&self.key(who), payload)
    }

    /// Asks for something to sign, as somebody, in a transaction of its own.
    pub fn request(&self, who: &str, ask: &Ask) -> Result<Challenge, Error> {
        self.acting(who, |acting| ask.on(acting))
    }

    /// Signs what was asked for, as somebody with their own key, in a transaction of its own.
    pub fn sign(&self, who: &str, challenge: &Challenge) -> Result<Value, Error> {
        self.hand_in(who, challenge, &self.signature(who, &challenge.payload))
    }

    /// Hands any signature in, as somebody, in a transaction of its own.
    pub fn hand_in(&self, who: &str, to: &Challenge, signature: &str) -> Result<Value, Error> {
        self.acting(who, |acting| to.answer(acting, signature))
    }

    /// Asks and signs; returns what `wo.sign` said.
    #[track_caller]
    pub fn signed(&self, who: &str, ask: &Ask) -> Value {
        let challenge = self.request(who, ask);
        let challenge = challenge.unwrap_or_else(|error| panic!("{who}: {ask:?}: {error:?}"));
        self.sign(who, &challenge).unwrap_or_else(|error| panic!("{who}: {ask:?}: {error:?}"))
    }

    /// The owner's and QA's signatures of that meaning.
    #[track_caller]
    pub fn sign_both(&self, number: &str, meaning: &str) {
        self.signed("owner", &Ask::approve(number, "system_owner", meaning));
        self.signed("qa", &Ask::approve(number, "qa", meaning));
    }

    /// One transaction of the service's in which somebody is authenticated by a fresh token;
    /// committed if it did what it should.
    pub fn acting<T>(
        &self,
        who: &str,
        act: impl FnOnce(&mut Transaction<'_>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let token = self.token(who);
        self.with(SERVICE, |service| {
            let mut acting = service.transaction()?;
            acting.execute("select wo.authenticate($1)", &[&token])?;
            let done = act(&mut acting)?;
            acting.commit()?;
            Ok(done)
        })
    }

    /// One transaction of an administrator of the tenant.
    pub fn administering<T>(
        &self,
        act: impl FnOnce(&mut Transaction<'_>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        self.administering_as(ADMIN, "acme", act)
    }

    /// Runs SQL as an administrator of the tenant, in one transaction.
    #[track_caller]
    pub fn administer(&self, sql: &str) {
        let done = self.administering(|administering| administering.batch_execute(sql));
        done.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
    }

    /// A regulatory work order of `originator`'s for `worker`, in draft.
    pub fn create(&self, title: &str) -> String {
        let create = format!(
            "select wo.create_work_order('{title}', description => 'It leaks.',
                assignee => 'worker', regulatory => true) ->> 'wo_number'"
        );
        self.one("originator", &create)
    }

    /// Such a work order in that state, reached with every signature on the way.
    #[track_caller]
    pub fn reach(&self, state: &str) -> String {
        let number = self.create("Mend the pump");
        let end = WAY.iter().position(|name| *name == state);
        let end = end.unwrap_or_else(|| panic!("no way to {state}"));
        for to in &WAY[1..=end] {
            match *to {
                "pending_approval" => self.transition("originator", &number, to),
                "assigned" => {
                    self.sign_both(&number, "plan");
                    self.transition("planner", &number, to);
                }
                // The last signature takes this edge.
                "closed" => self.sign_both(&number, "completion"),
                _ => self.transition("worker", &number, to),
            }
        }
        assert_eq!(self.status(&number), state);
        number
    }

    #[track_caller]
    pub fn transition(&self, login: &str, number: &str, to: &str) {
        // Who completes regulatory work says what was done, and in how many hours.
        let is_bare = format!(
            "select regulatory and completion_summary is null from wo.work_order where wo_number = '{number}'"
        );
        let done = match to {
            "completed" | "pending_review" if self.one::<bool>(ROOT, &is_bare) => {
                r#", fields => '{"completion_summary": "Done.", "actual_hours": 1}'"#
            }
            _ => "",
        };
        self.run(login, &format!("select wo.transition('{number}', '{to}', 'because'{done})"));
    }

    pub fn status(&self, number: &str) -> String {
        self.one(ROOT, &format!("select status from wo.work_order where wo_number = '{number}'"))
    }

    pub fn version(&self, number: &str) -> i64 {
        self.one(ROOT, &format!("select version from wo.work_order where wo_number = '{number}'"))
    }

    pub fn id(&self, number: &str) -> Uuid {
        self.one(ROOT, &format!("select id from wo.work_order where wo_number = '{number}'"))
    }

    /// State of each signature of a work order, in order of signing, as `role meaning: state`.
    pub fn signature_states(&self, number: &str) -> Vec<String> {
        self.all(
            "planner",
            &format!(
                "select role || ' ' || meaning || ': ' || state from wo.signatures('{number}')
                 order by signed_at, approval"
            ),
        )
    }

    /// The newest definition of that name.
    pub fn definition(&self, name: &str) -> Value {
        let newest = format!(
            "select definition from wo.lifecycle where tenant_id = '{}' and name = '{name}'
             order by version desc limit 1",
            self.tenant
        );
        self.one(ROOT, &newest)
    }

    pub fn publish(&self, definition: &Value) {
        let publish = "select wo.publish_lifecycle($1)";
        self.administering(|admin| admin.execute(publish, &[definition]))
            .unwrap_or_else(|error| panic!("{definition}: {error:?}"));
    }

    /// Subject and problem of every chain of the tenant that is broken.
    pub fn problems(&self) -> Vec<(String, String)> {
        self.broken_chains("qa")
    }

    #[track_caller]
    pub fn assert_intact(&self) {
        let problems = self.problems();
        assert!(problems.is_empty(), "{problems:?}");
    }
}

/// The printed name of a principal: not its id, so that a test can tell them apart.
pub fn full_name(who: &str) -> String {
    format!("The {}", who.replace('_', " "))
}

/// A signature as `wo.sign` takes it.
pub fn signature(key: &SigningKey, payload: &str) -> String {
    Base64UrlUnpadded::encode_string(&key.sign(payload.as_bytes()).to_bytes())
}
