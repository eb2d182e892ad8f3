//! What most tests begin with: the company acme with fleet tasks, its captain and its
//! administrators, all with login roles of their own.

use postgres::{Client, Error};
use serde_json::Value;
use wo_cluster_tests::{Cluster, Database, administering, broken_chains};

pub const LEVELS: [&str; 3] = ["READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"];

/// A lock that is never released fails the test instead of hanging it.
pub const PATIENCE: &str = "-c lock_timeout=50s";

pub struct Stage<'c> {
    pub db: Database<'c>,
}

impl<'c> Stage<'c> {
    pub fn new(cluster: &'c Cluster) -> Self {
        let (db, ()) = cluster.founded("acme", |db| drop(Self::in_database(db)));
        Self { db }
    }

    pub fn in_database(db: Database<'c>) -> Self {
        let stage = Self { db };
        stage.db.login("cap", &["wo_user"]);
        stage.db.login("mate", &["wo_user"]);
        stage.db.login("adm", &["wo_admin"]);
        stage.tenant("acme", "cap");
        stage.as_admin("acme", "SELECT wo.create_principal('mate', db_role => 'mate')");
        stage
    }

    /// A tenant with one captain, whose login role bears the same name.
    pub fn tenant(&self, slug: &str, captain: &str) {
        let create = "SELECT wo.create_tenant($1, $1, default_lifecycle => 'fleet_task')";
        self.db.superuser().execute(create, &[&slug]).unwrap();
        self.as_admin(
            slug,
            &format!(
                "SELECT wo.create_principal('{captain}', roles => '{{captain}}', db_role => '{captain}')"
            ),
        );
    }

    pub fn as_admin(&self, tenant: &str, sql: &str) {
        let done = administering(&mut self.admin(), tenant, |admin| admin.batch_execute(sql));
        done.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
    }

    pub fn client(&self, login: &str) -> Client {
        self.db.connect_with(self.db.config(login).options(PATIENCE))
    }

    pub fn captain(&self) -> Client {
        self.client("cap")
    }

    pub fn admin(&self) -> Client {
        self.client("adm")
    }
}

/// A new work order, pending, assigned to the captain; its number.
pub fn pending(captain: &mut Client) -> String {
    let create = "SELECT wo.create_work_order('[SS1-Ops] x', assignee => 'cap') ->> 'wo_number'";
    captain.query_one(create, &[]).unwrap().get(0)
}

/// The same, in progress.
pub fn started(captain: &mut Client) -> String {
    let number = pending(captain);
    for state in ["accepted", "in_progress"] {
        transition(captain, &number, state).unwrap();
    }
    number
}

/// Takes an edge, with everything that any edge of a fleet task asks for.
pub fn transition(client: &mut Client, number: &str, to: &str) -> Result<Value, Error> {
    let fields = match to {
        "review" => r#"{"completion_summary": "done", "actual_hours": 1.5}"#,
        _ => "null",
    };
    let sql = "SELECT wo.transition($1, $2, 'because', $3::text::jsonb)";
    client.query_one(sql, &[&number, &to, &fields]).map(|row| row.get(0))
}

pub fn patch(client: &mut Client, number: &str, notes: &str) -> Result<Value, Error> {
    let sql = "SELECT wo.patch_work_order($1, jsonb_build_object('notes', $2::text))";
    client.query_one(sql, &[&number, &notes]).map(|row| row.get(0))
}

/// What the enforcement layer says of the tenant's trail, and what plain SQL says of it: every chain runs from 1
/// without a gap, each link on the hash of the one before, and each work order has as many
/// versions as entries and as many entries as events. Returns the number of work orders.
pub fn assert_intact(db: &Database<'_>, member: &mut Client) -> i64 {
    assert_eq!(broken_chains(member, None), []);
    let mut superuser = db.superuser();
    let forks: i64 = superuser
        .query_one(
            "SELECT count(*) FROM (
                SELECT sequence, previous_hash, row_number() OVER chain AS place,
                    lag(entry_hash, 1, decode(repeat('00', 32), 'hex')) OVER chain AS before
                FROM wo.audit_entry
                WINDOW chain AS (PARTITION BY tenant_id, subject_id ORDER BY sequence)
             ) AS entry
             WHERE sequence <> place OR previous_hash <> before",
            &[],
        )
        .unwrap()
        .get(0);
    assert_eq!(forks, 0, "chains have forks or gaps");
    let heads: i64 = superuser
        .query_one(
            "SELECT count(*) FROM wo.audit_chain AS chain
             LEFT JOIN LATERAL (
                SELECT sequence, entry_hash FROM wo.audit_entry AS entry
                WHERE entry.tenant_id = chain.tenant_id AND entry.subject_id = chain.subject_id
                ORDER BY sequence DESC LIMIT 1) AS last ON true
             WHERE last.sequence IS DISTINCT FROM chain.chain_sequence
                OR last.entry_hash IS DISTINCT FROM chain.chain_hash",
            &[],
        )
        .unwrap()
        .get(0);
    assert_eq!(heads, 0, "heads of configuration chains are not their last entries");
    let row = superuser
        .query_one(
            "SELECT count(*), count(*) FILTER (WHERE held.version <> held.chain_sequence
                OR held.version <> (SELECT count(*) FROM wo.audit_entry AS entry
                    WHERE entry.tenant_id = held.tenant_id AND entry.subject_id = held.id)
                OR held.version <> (SELECT count(*) FROM wo.event AS told
                    WHERE told.tenant_id = held.tenant_id AND told.subject_id = held.id))
             FROM wo.work_order AS held",
            &[],
        )
        .unwrap();
    assert_eq!(row.get::<_, i64>(1), 0, "versions, entries and events do not agree");
    row.get(0)
}
