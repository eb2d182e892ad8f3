//! Two companies in one database, and logins for every kind of database role.
//!
//! `svc` is shared by services: a member of `wo_user` that is mapped to nobody, so it acts by token
//! alone. `ada` is the login of acme's ann, `gil` the login of globex's gus. `adm`, `aud`, `mon` and
//! `bri` are members of `wo_admin`, `wo_auditor`, `wo_monitor` and `wo_bridge`.

use std::fmt::Write;

use base64ct::{Base64UrlUnpadded, Encoding};
use ed25519_dalek::{Signer, SigningKey};
use postgres::Client;
use serde_json::{Value, json};
use uuid::Uuid;
use wo_cluster_tests::{Cluster, Database, Issuer, KEY_ID, administering, refused};

/// In every text of globex's records, and in nothing that a client of acme may ever see.
pub const SECRET: &str = "globex-secret";

/// The claims of a good token of somebody's, for a test to change.
pub fn claims_of(issuer: &Issuer, subject: &str) -> Value {
    let request = issuer.request(subject);
    json!({
        "iss": request.issuer, "sub": subject, "aud": request.audience, "jti": request.id,
        "tenant": issuer.tenant, "iat": request.issued_at.timestamp(),
        "nbf": request.not_before.timestamp(), "exp": request.expires_at.timestamp(),
    })
}

pub fn header() -> Value {
    json!({ "alg": "EdDSA", "typ": "JWT", "kid": KEY_ID })
}

/// What is signed of a token: header and claims, whatever they say.
pub fn unsigned(header: &Value, claims: &Value) -> String {
    let part = |value: &Value| Base64UrlUnpadded::encode_string(value.to_string().as_bytes());
    format!("{}.{}", part(header), part(claims))
}

/// A token with an honest Ed25519 signature over whatever it says.
pub fn sign(key: &SigningKey, header: &Value, claims: &Value) -> String {
    let signed = unsigned(header, claims);
    let signature = key.sign(signed.as_bytes()).to_bytes();
    format!("{signed}.{}", Base64UrlUnpadded::encode_string(&signature))
}

pub struct World<'c> {
    pub db: Database<'c>,
    pub acme: Issuer,
    pub globex: Issuer,
}

impl World<'static> {
    pub fn new() -> Self {
        Self::on(Cluster::shared())
    }

    /// The same, its work orders divided into partitions.
    pub fn partitioned() -> Self {
        Self::of(Cluster::shared().partitioned_database())
    }
}

impl<'c> World<'c> {
    pub fn on(cluster: &'c Cluster) -> Self {
        let (db, (acme, globex)) = cluster.founded("acme and globex", |db| {
            let world = Self::of(db);
            (world.acme, world.globex)
        });
        Self { db, acme, globex }
    }

    fn of(db: Database<'c>) -> Self {
        for (login, role) in [
            ("svc", "wo_user"),
            ("ada", "wo_user"),
            ("gil", "wo_user"),
            ("adm", "wo_admin"),
            ("aud", "wo_auditor"),
            ("mon", "wo_monitor"),
            ("bri", "wo_bridge"),
        ] {
            db.login(login, &[role]);
        }
        let mut admin = db.superuser();
        let mut tenant = |slug: &str, more: &str| {
            let made = admin.query_one(
                "select wo.create_tenant($1, $2)",
                &[&slug, &format!("{slug}-secret Inc")],
            );
            let issuer = Issuer::of(made.unwrap().get(0));
            let founding = format!("{more} {}", issuer.trust());
            administering(&mut admin, slug, |admin| admin.batch_execute(&founding)).unwrap();
            issuer
        };
        let acme = tenant(
            "acme",
            "select wo.create_principal('ann', name => 'Ann', roles => '{planner,system_owner}', db_role => 'ada');
             select wo.create_principal('bob', name => 'Bob', roles => '{planner}');
             select wo.create_principal('cyd', name => 'Cyd');",
        );
        let globex = tenant(
            "globex",
            "select wo.create_principal('gus', name => 'Gus of globex-secret', roles => '{planner,system_owner}', db_role => 'gil');
             select wo.create_principal('ann', name => 'Another Ann of globex-secret', roles => '{planner}');",
        );
        Self { db, acme, globex }
    }

    /// One row at least of each tenant in every table of schema wo.
    pub fn fill(&self) {
        let mut admin = self.db.superuser();
        admin
            .batch_execute(
                "create schema guards; grant usage on schema guards to public;
                 create function guards.always(uuid, uuid) returns boolean language sql as 'select true'",
            )
            .unwrap();
        for (slug, tenant, who) in [("acme", &self.acme, "ann"), ("globex", &self.globex, "gus")] {
            let key = wo_cli::public_key(&wo_cli::new_key().unwrap().verifying_key());
            admin
                .batch_execute(&format!(
                    "begin; select wo.administer('{slug}');
                     select wo.register_guard('always', 'guards.always(uuid,uuid)', 'asked by {slug}-secret');
                     insert into wo.task_type (task_type, cost_class, description) values ('research', 'free', '{slug}-secret');
                     insert into wo.engine (engine, cost_class, description) values ('groq', 'free', '{slug}-secret');
                     select wo.create_role('safety', '{slug}-secret'), wo.grant_role('{who}', 'safety'),
                        wo.create_principal('mate', name => '{slug}-secret');
                     select wo.enroll_signing_key('{who}', '{key}', '{slug}-secret');
                     select wo.release_false_alarm('tenant', 'name', 'password: {slug}-secret', '{slug}-secret');
                     insert into wo.approval_requirement (name, action, role, meaning, disabled_at)
                     values ('safety', 'assign', 'safety', 'safety', now());
                     insert into wo.business_calendar (name, time_zone, working_hours) values ('office', 'UTC', '{{}}');
                     insert into wo.approval_sla (role, hours) values ('safety', 1);
                     select wo.set_state_limit('regulated_change', 'draft', 1000);
                     select wo.publish_lifecycle(definition || '{{\"dispatch\": {{\"override\": [\"originator\"]}}}}')
                     from wo.lifecycle where name = 'regulated_change';
                     select wo.register_document('{slug}-secret', '{slug}-secret', 'procedure', false);
                     select wo.set_definition_policy('job_plan', 'publication');
                     select wo.publish_definition('job_plan', '{{\"name\": \"check\", \"description\": \"{slug}-secret\",
                        \"credentials\": {{\"login\": \"vault://{slug}-secret/plc#login\"}},
                        \"steps\": [{{\"key\": \"look\", \"kind\": \"do\", \"instruction\": \"Look.\", \"credentials\": [\"login\"]}}]}}');
                     select wo.set_definition_policy('lifecycle', 'work_order', author_role => 'qa');
                     select wo.publish_lifecycle(definition || '{{\"title\": \"{slug}-secret\"}}')
                     from wo.lifecycle where name = 'agent_change';
                     select wo.publish_definition('job_plan',
                        '{{\"name\": \"plan\", \"steps\": [{{\"key\": \"a\", \"kind\": \"do\", \"instruction\": \"{slug}-secret\"}}]}}');
                     commit"
                ))
                .unwrap();
            let mut client = self.db.connect("svc");
            let mut transaction = client.transaction().unwrap();
            transaction.execute("select wo.authenticate($1)", &[&tenant.token(who)]).unwrap();
            let mut sql = format!("select wo.create_consumer('{slug}-secret');");
            for number in 1..=3 {
                write!(
                    sql,
                    "select wo.create_work_order('{slug}-secret title {number}', '{slug}-secret text',
                        idempotency_key => '{slug}-secret-{number}', tags => '{{{slug}-secret}}');"
                )
                .unwrap();
            }
            write!(
                sql,
                "select wo.override_engine(id::text, 'groq', '{slug}-secret'),
                    wo.add_release_item(id::text, 'lifecycle', 'agent_change', 2),
                    wo.apply_job_plan(id::text, 'check', 1)
                 from wo.work_order where title like '% 3';"
            )
            .unwrap();
            write!(
                sql,
                "update wo.work_order set assignee = '{who}' where title like '% 3';
                 select wo.transition(id::text, 'pending_approval'), wo.transition(id::text, 'assigned'),
                    wo.transition(id::text, 'in_progress'), wo.request_credential(id::text, 'look', 'login'),
                    wo.record_step(id::text, 'look', reason => '{slug}-secret', credentials => '{{\"login\": 1}}'),
                    wo.add_deliverable(id::text, '{slug}-secret', 'report', 'https://files/{slug}-secret', sha256('x')),
                    wo.add_document_version(id::text, '{slug}-secret', 'https://files/{slug}-secret', sha256('x'), '{slug}-secret')
                 from wo.work_order where title like '% 3';"
            )
            .unwrap();
            transaction.batch_execute(&sql).unwrap();
            transaction.commit().unwrap();
            let reviewer = if slug == "acme" { "bob" } else { "ann" };
            let mut transaction = client.transaction().unwrap();
            transaction.execute("select wo.authenticate($1)", &[&tenant.token(reviewer)]).unwrap();
            transaction
                .batch_execute(&format!(
                    "select wo.review_deliverable(received.work_order_id::text, received.id, 'rejected', '{slug}-secret')
                     from wo.deliverable as received"
                ))
                .unwrap();
            transaction.commit().unwrap();
            // Between work orders that others can see, so that the head of the graph is written too.
            let mut transaction = client.transaction().unwrap();
            transaction.execute("select wo.authenticate($1)", &[&tenant.token(who)]).unwrap();
            transaction
                .batch_execute(
                    "select wo.add_dependency(
                        (select id::text from wo.work_order where title like '% 1'),
                        (select id::text from wo.work_order where title like '% 2'))",
                )
                .unwrap();
            transaction.commit().unwrap();
            let mut transaction = client.transaction().unwrap();
            transaction.execute("select wo.authenticate($1)", &[&tenant.token(who)]).unwrap();
            transaction
                .batch_execute(&format!(
                    "select wo.delegate_approval('mate', 'safety', now(), now() + interval '1 day', '{slug}-secret')"
                ))
                .unwrap();
            transaction.commit().unwrap();
            #[cfg(feature = "sample_concept")]
            {
                let mut transaction = client.transaction().unwrap();
                transaction.execute("select wo.authenticate($1)", &[&tenant.token(who)]).unwrap();
                super::sample::fill(&mut admin, slug, &mut transaction);
                transaction.commit().unwrap();
            }
            self.fill_signatures(slug, tenant.tenant);
            self.fill_findings(slug);
        }
        admin.batch_execute("select wo.rebuild_rollups()").unwrap();
        // Nothing is signed here: the rollup of what was signed stays empty.
        admin
            .batch_execute(
                "set session_replication_role = replica;
                 insert into wo.approval_rollup (tenant_id, role, within_seconds, signed_count, waited_seconds)
                 select known.tenant_id, known.slug || '-secret', 60, 1, 1 from wo.tenant as known;
                 reset session_replication_role",
            )
            .unwrap();
    }

    /// A finding, which the enforcement layer alone opens: past its rule, but not past its trail.
    fn fill_findings(&self, slug: &str) {
        self.db
            .superuser()
            .batch_execute(&format!(
                "begin; select wo.administer('{slug}');
                 alter table wo.finding disable trigger validate;
                 insert into wo.finding (tenant_id, id, work_order_id, source, category, blocking, code, guard, opened_at,
                    opened_for, actors, attempts, title, entry_sequence)
                 select tenant_id, gen_random_uuid(), id, 'other_attempt', 'refused_attempt', false, '{slug}-secret', 'x',
                    now(), '{slug}-secret', '{{}}', 1, '{slug}-secret', 1
                 from wo.work_order where tenant_id = wo.current_tenant() and title like '% 1';
                 alter table wo.finding enable trigger validate;
                 insert into wo.finding_policy (source, blocking) values ('other', true);
                 commit"
            ))
            .unwrap();
    }

    /// Rows that nobody could write by right: of a work order that is not there, so that every
    /// chain holds all the same.
    fn fill_signatures(&self, slug: &str, tenant: uuid::Uuid) {
        let ghost = "gen_random_uuid()";
        self.db
            .superuser()
            .batch_execute(&format!(
                "set session_replication_role = replica;
                 insert into wo.signature_challenge (tenant_id, id, work_order_id, signer, payload, requested_at, expires_at)
                 values ('{tenant}', {ghost}, {ghost}, '{slug}-secret', '{slug}-secret', now(), now());
                 insert into wo.approval (tenant_id, work_order_id, id, action, from_status, to_status, role, meaning,
                    covers, decision, signer, printed_name, key_id, record_version, content_sha256, time_zone, signed_at,
                    payload, signature)
                 values ('{tenant}', {ghost}, {ghost}, 'a', 'b', 'c', 'qa', 'plan', 'plan', 'approved', '{slug}-secret',
                    '{slug}-secret', 'k', 1, sha256('x'), 'UTC', now(), '{slug}-secret', sha256('x') || sha256('y'));
                 insert into wo.act_signature (tenant_id, work_order_id, id, kind, subject, meaning, role, signer,
                    printed_name, key_id, content, content_sha256, time_zone, signed_at, payload, signature)
                 values ('{tenant}', {ghost}, {ghost}, 'step', 's', 'disposition', 'qa', '{slug}-secret',
                    '{slug}-secret', 'k', '{slug}-secret', sha256('x'), 'UTC', now(), '{slug}-secret',
                    sha256('x') || sha256('y'));
                 insert into wo.approval_request (tenant_id, work_order_id, id, action, role, meaning, required, ordinal, requested_at)
                 values ('{tenant}', {ghost}, {ghost}, '{slug}-secret', 'qa', 'plan', 1, 1, now());
                 insert into wo.waiver (tenant_id, work_order_id, child_id, approval_id, reason, waived_by, waived_at)
                 values ('{tenant}', {ghost}, {ghost}, {ghost}, '{slug}-secret', 'x', now());
                 insert into wo.evidence (tenant_id, work_order_id, made_at, package, sha256)
                 values ('{tenant}', {ghost}, now(), '{slug}-secret', sha256('x'));
                 insert into wo.archive (tenant_id, name, source, from_time, to_time, lines, chains, data_sha256,
                    proof_sha256, archived_at)
                 values ('{tenant}', 'event_2020_01', 'event', now(), now(), 0, 0, sha256('x'), sha256('x'), now());
                 insert into wo.hierarchy_check (tenant_id, checked_at, problems)
                 values ('{tenant}', now(), jsonb_build_array('{slug}-secret'));
                 insert into wo.archived_chain (tenant_id, subject_id, archive, sequence, entry_hash, state_sha256, state)
                 select tenant_id, subject_id, '{slug}-secret', chain_sequence, chain_hash, sha256('x'), '{slug}-secret'
                 from wo.audit_chain where tenant_id = '{tenant}' limit 1;"
            ))
            .unwrap();
    }

    pub fn svc(&self) -> Client {
        self.db.connect("svc")
    }

    /// Administers a tenant from elsewhere, under row security, and commits. It waits for nobody.
    #[track_caller]
    pub fn administer(&self, slug: &str, sql: &str) {
        let sql = format!("set local lock_timeout = '5s'; set local role wo_admin; {sql}");
        let done = administering(&mut self.db.superuser(), slug, |admin| admin.batch_execute(&sql));
        done.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
    }

    /// Tables of schema wo without their leaves: name, and whether they hold a tenant's rows.
    pub fn tables(&self) -> Vec<(String, bool)> {
        let rows = self.db.superuser().query(
            "select relname::text, exists (select from pg_attribute
                where attrelid = pg_class.oid and attname = 'tenant_id')
             from pg_class where relnamespace = 'wo'::regnamespace and relkind in ('r', 'p')
                and not relispartition order by relname",
            &[],
        );
        let tables: Vec<_> = rows.unwrap().iter().map(|row| (row.get(0), row.get(1))).collect();
        assert!(tables.len() > 10, "{tables:?}");
        tables
    }

    /// Leaf partitions of schema wo.
    pub fn leaves(&self) -> Vec<String> {
        let rows = self.db.superuser().query(
            "select relname::text from pg_class where relnamespace = 'wo'::regnamespace
                and relkind = 'r' and relispartition order by relname",
            &[],
        );
        let leaves: Vec<_> = rows.unwrap().iter().map(|row| row.get(0)).collect();
        assert!(leaves.len() > 20, "{leaves:?}");
        leaves
    }

    /// A fingerprint of every row of schema wo, as a superuser sees it.
    pub fn fingerprint(&self) -> Vec<(String, String)> {
        let mut admin = self.db.superuser();
        self.tables()
            .into_iter()
            // What a test does to the schema is marked there, whether or not it changes a row.
            .filter(|(table, _)| table != "ddl_mark")
            .map(|(table, _)| {
                let sql = format!(
                    "select coalesce(md5(string_agg(line::text, '|' order by line::text)), '') from wo.{table} as line"
                );
                let row = admin.query_one(&sql, &[]).unwrap();
                (table, row.get(0))
            })
            .collect()
    }
}

pub fn authenticate(client: &mut impl postgres::GenericClient, token: &str) {
    client.execute("select wo.authenticate($1)", &[&token]).unwrap();
}

pub fn whoami(client: &mut impl postgres::GenericClient) -> Value {
    client.query_one("select wo.whoami()", &[]).unwrap().get(0)
}

/// The principal that is acting, by all that the database says of it; `None` when nobody is.
pub fn acting(client: &mut impl postgres::GenericClient) -> Option<String> {
    let who = whoami(client);
    let row = client.query_one("select wo.current_principal(), wo.current_tenant()", &[]).unwrap();
    let (principal, tenant): (Option<String>, Option<Uuid>) = (row.get(0), row.get(1));
    assert_eq!(who["authenticated"], json!(tenant.is_some()), "{who}");
    assert_eq!(who.get("principal").and_then(Value::as_str).map(str::to_owned), principal, "{who}");
    principal
}

pub fn count(client: &mut impl postgres::GenericClient, relation: &str) -> i64 {
    client.query_one(&format!("select count(*) from {relation}"), &[]).unwrap().get(0)
}

/// Nobody is acting: no rows, and no writes, by the API or past it.
#[track_caller]
pub fn assert_nobody(client: &mut Client) {
    assert_eq!(acting(client), None);
    for table in ["wo.work_order", "wo.principal", "wo.tenant", "wo.audit_entry", "wo.event"] {
        assert_eq!(count(client, table), 0, "{table}");
    }
    let tried = client.query_one("select wo.create_work_order('written by nobody')", &[]);
    refused(tried, "42501", "no_identity");
    let tried =
        client.execute("insert into wo.work_order (title) values ('written by nobody')", &[]);
    refused(tried, "42501", "no_identity");
}

/// Creates a work order and returns its id.
pub fn create(client: &mut impl postgres::GenericClient, title: &str) -> Uuid {
    let made: Value =
        client.query_one("select wo.create_work_order($1)", &[&title]).unwrap().get(0);
    made["id"].as_str().unwrap().parse().unwrap()
}

/// Some of the values that a domain with a closed list of them takes.
pub fn closed(column: &wo_rules::schema::Column) -> Option<&'static [&'static str]> {
    match column.data_type.name() {
        "wo.work_source" => Some(&["automation", "external", "manual"]),
        "wo.block_cause" => Some(&["vendor", "predecessor", "resource", "tool"]),
        "wo.finding_source" => Some(&["qa", "system", "other"]),
        "wo.finding_severity" => Some(&["minor", "major", "critical"]),
        "wo.finding_category" => Some(&["deviation", "training", "other"]),
        _ => None,
    }
}
