//! The company acme with fleet tasks and its captain, and what its hierarchy must look like
//! whatever ran.

use std::collections::HashMap;

use postgres::{Client, Error};
use serde_json::Value;
use uuid::Uuid;
use wo_cluster_tests::{Cluster, Database, administering, broken_chains};

pub use crate::isolation::stage::LEVELS;
use crate::isolation::stage::PATIENCE;

/// So long that raw INSERTs of two sessions never draw the same one, which would be a 23505.
const NUMBERS: &str = "WO-{XXXXXXXXXXXXXXXX}";

/// A master that closes when its children have ended.
const CLOSING: &str = r#"{
    "name": "closing", "title": "Closing", "description": "Closes by itself.",
    "roles": {"captain": "decides"}, "priorities": ["normal"], "default_priority": "normal",
    "regulatory": {"allowed": false},
    "states": [
        {"name": "open", "description": "its children are being collected", "initial": true},
        {"name": "waiting", "description": "its children are under way"},
        {"name": "closed", "description": "done", "terminal": true, "settles_master": true,
            "satisfies_dependents": true}
    ],
    "transitions": [
        {"action": "wait", "from": ["open"], "to": "waiting", "who": ["captain"]},
        {"action": "close", "from": ["waiting"], "to": "closed", "auto": true, "who": ["captain"],
            "guards": ["children_settled"]}
    ],
    "field_rights": {"captain": {"fields": ["*"]}},
    "hierarchy": {"link": ["captain"]}
}"#;

pub struct Stage {
    pub db: Database<'static>,
}

impl Stage {
    pub fn new() -> Self {
        let (db, ()) = Cluster::shared().founded("acme", |db| drop(Self::on(db)));
        Self::impatient(db)
    }

    /// Sessions that wait for each other find out soon; a copy does not have the database's settings.
    fn impatient(db: Database<'static>) -> Self {
        let impatient = format!("alter database {} set deadlock_timeout = '20ms'", db.name());
        db.superuser().batch_execute(&impatient).unwrap();
        Self { db }
    }

    pub fn on(db: Database<'static>) -> Self {
        db.login("cap", &["wo_user"]);
        let mut superuser = db.superuser();
        let tenant = "SELECT wo.create_tenant('acme', 'acme', default_lifecycle => 'fleet_task', number_format => $1)";
        superuser.execute(tenant, &[&NUMBERS]).unwrap();
        let founding = format!(
            "SELECT wo.create_principal('cap', roles => '{{captain}}', db_role => 'cap');
             SELECT wo.publish_lifecycle('{CLOSING}')"
        );
        administering(&mut superuser, "acme", |admin| admin.batch_execute(&founding)).unwrap();
        Self::impatient(db)
    }

    pub fn captain(&self) -> Client {
        self.db.connect_with(self.db.config("cap").options(PATIENCE))
    }

    pub fn captains(&self, count: usize) -> Vec<Client> {
        (0..count).map(|_| self.captain()).collect()
    }

    /// Who waits for whom, through edges and parenthood, as the tables say.
    pub fn graph(&self) -> Vec<(Uuid, Uuid)> {
        let waiting = "SELECT successor_id, predecessor_id FROM wo.dependency
             UNION ALL
             SELECT master_id, id FROM wo.work_order WHERE master_id IS NOT NULL";
        let rows = self.db.superuser().query(waiting, &[]).unwrap();
        rows.iter().map(|row| (row.get(0), row.get(1))).collect()
    }

    /// No cycle, in our eyes and in the enforcement layer's; and an intact trail.
    #[track_caller]
    pub fn assert_sound(&self, what: &str) {
        assert_eq!(circular(&self.graph()), Vec::<Uuid>::new(), "{what}: a cycle was committed");
        let mut captain = self.captain();
        let problems = "SELECT concat_ws(' ', problem, work_orders) FROM wo.check_hierarchy()";
        let problems = captain.query(problems, &[]).unwrap();
        let problems: Vec<String> = problems.iter().map(|row| row.get(0)).collect();
        assert!(problems.is_empty(), "{what}: {problems:?}");
        assert_eq!(broken_chains(&mut captain, None), [], "{what}");
    }
}

/// Those that stay when whoever waits for nobody is taken away again and again: none, unless some
/// wait for each other.
pub fn circular(edges: &[(Uuid, Uuid)]) -> Vec<Uuid> {
    let mut waits_for: HashMap<Uuid, usize> = HashMap::new();
    let mut waited_for_by: HashMap<Uuid, Vec<Uuid>> = HashMap::new();
    for (waiting, awaited) in edges {
        *waits_for.entry(*waiting).or_default() += 1;
        waits_for.entry(*awaited).or_default();
        waited_for_by.entry(*awaited).or_default().push(*waiting);
    }
    let mut free: Vec<Uuid> =
        waits_for.iter().filter(|(_, count)| **count == 0).map(|(id, _)| *id).collect();
    while let Some(id) = free.pop() {
        waits_for.remove(&id);
        for waiting in waited_for_by.remove(&id).unwrap_or_default() {
            let left = waits_for.get_mut(&waiting).unwrap();
            *left -= 1;
            if *left == 0 {
                free.push(waiting);
            }
        }
    }
    let mut left: Vec<Uuid> = waits_for.into_keys().collect();
    left.sort();
    left
}

/// What became of a transaction.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    Committed,
    /// 23514 `dependency_cycle`.
    Refused,
    /// 40001 or 40P01: it may be tried again.
    Lost,
}

impl Outcome {
    /// Any other error fails the test.
    #[track_caller]
    pub fn of(result: Result<(), Error>) -> Self {
        let Err(error) = result else { return Self::Committed };
        let refusal = error.as_db_error().unwrap_or_else(|| panic!("{error:?}"));
        match refusal.code().code() {
            "40001" | "40P01" => Self::Lost,
            "23514" => {
                let detail: Value =
                    serde_json::from_str(refusal.detail().unwrap_or_default()).unwrap();
                assert_eq!(detail["code"], "dependency_cycle", "{refusal:?}");
                Self::Refused
            }
            _ => panic!("{refusal:?}"),
        }
    }
}

/// Runs a transaction of that level.
pub fn transaction(
    client: &mut Client,
    level: &str,
    act: impl FnOnce(&mut Client) -> Result<(), Error>,
) -> Result<(), Error> {
    client.batch_execute(&format!("BEGIN ISOLATION LEVEL {level}"))?;
    let result = act(client).and_then(|()| client.batch_execute("COMMIT"));
    if result.is_err() {
        client.batch_execute("ROLLBACK").unwrap();
    }
    result
}

/// A new work order without any place; its id.
pub fn made(client: &mut Client) -> Result<Uuid, Error> {
    let create = "SELECT (wo.create_work_order('[SS1-Ops] x') ->> 'id')::uuid";
    client.query_one(create, &[]).map(|row| row.get(0))
}

pub fn made_many(client: &mut Client, count: usize) -> Vec<Uuid> {
    (0..count).map(|_| made(client).unwrap()).collect()
}

pub fn depend(client: &mut Client, successor: Uuid, predecessor: Uuid) -> Result<(), Error> {
    let sql = "SELECT wo.add_dependency($1::uuid::text, $2::uuid::text)";
    client.query_one(sql, &[&successor, &predecessor]).map(drop)
}

pub fn link(client: &mut Client, child: Uuid, master: Uuid) -> Result<(), Error> {
    let sql = "SELECT wo.link_work_order($1::uuid::text, $2::uuid::text)";
    client.query_one(sql, &[&child, &master]).map(drop)
}
