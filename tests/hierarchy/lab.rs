//! A lab in a database of its own: the agents of the template `agent_change`, some people, and a
//! small lifecycle whose gates are those of the hierarchy and nothing else.

use std::ops::Deref;

use postgres::{Client, Error};
use serde_json::{Value, json};
use uuid::Uuid;
pub use wo_cluster_tests::one;
use wo_cluster_tests::{Clients, Cluster, Database, backend_pid};

/// The agents of the template, and the login roles that the tests give them.
const AGENTS: [(&str, &str); 5] = [
    ("wo-orchestrator", "lab_orchestrator"),
    ("asset-manager", "lab_assets"),
    ("scheduler", "lab_scheduler"),
    ("vendor-coordinator", "lab_vendor"),
    ("documentation", "lab_documentation"),
];

/// A person with every standing role, who makes and does most of what the tests need.
pub const ANN: &str = "lab_ann";
/// A person without any role.
pub const BOB: &str = "lab_bob";
/// A person of another tenant of the same database, with every role there.
pub const RIVAL: &str = "lab_rival";
/// A member of wo_admin who is no principal.
pub const ADMIN: &str = "lab_admin";
/// The superuser, who is a principal with every role too.
pub const ROOT: &str = "postgres";

pub const EVERY_LEVEL: [&str; 3] = ["read committed", "repeatable read", "serializable"];

/// The tables that a refusal must leave as they were.
const KEPT: [&str; 3] = ["work_order", "dependency", "tenant"];

pub struct Lab {
    pub tenant: Uuid,
    clients: Clients<'static>,
}

impl Deref for Lab {
    type Target = Clients<'static>;

    fn deref(&self) -> &Clients<'static> {
        &self.clients
    }
}

impl Lab {
    pub fn found() -> Self {
        let (database, tenant) =
            Cluster::shared().founded("lab", |database| Self::found_in(database).tenant);
        Self { tenant, clients: Clients::of(database) }
    }

    pub fn found_in(database: Database<'static>) -> Self {
        database.login(ADMIN, &["wo_admin"]);
        let mut admin = database.connect(ADMIN);
        let make = "select wo.create_tenant('lab', 'Lab', template => 'agent_change')";
        let tenant = one(&mut admin, make);
        one::<Uuid>(
            &mut admin,
            "select wo.create_tenant('rival', 'Rival', template => 'agent_change')",
        );
        let lab = Self { tenant, clients: Clients::of(database) };
        for (agent, login) in AGENTS {
            lab.database.login(login, &["wo_user"]);
            let map = format!("update wo.principal set db_role = '{login}' where id = '{agent}'");
            lab.administer("lab", &map);
        }
        let roles = "{orchestrator,planner,scheduler,system_owner,qa,captain,pm}";
        for (tenant, id, login, roles) in [
            ("lab", "ann", ANN, roles),
            ("lab", "bob", BOB, "{}"),
            ("lab", "root", ROOT, roles),
            ("rival", "rival", RIVAL, roles),
        ] {
            if login != ROOT {
                lab.database.login(login, &["wo_user"]);
            }
            lab.administer(
                tenant,
                &format!(
                    "select wo.create_principal('{id}', roles => '{roles}', db_role => '{login}')"
                ),
            );
        }
        lab.publish(&task("task"));
        lab
    }

    /// Runs SQL as an administrator of that tenant, in one transaction.
    pub fn administer(&self, tenant: &str, sql: &str) {
        self.administering_as(ADMIN, tenant, |administering| administering.batch_execute(sql))
            .unwrap_or_else(|error| panic!("{sql}: {error:?}"));
    }

    pub fn publish(&self, definition: &Value) {
        self.administer("lab", &format!("select wo.publish_lifecycle($${definition}$$::jsonb)"));
    }

    /// Asserts that the statement is refused and leaves no trace; returns the DETAIL.
    #[track_caller]
    pub fn refused(&self, who: &str, sql: &str, sqlstate: &str, code: &str) -> Value {
        self.clients.refused_without_trace(&KEPT, who, sql, sqlstate, code)
    }

    /// What a refusal must leave as it was.
    pub fn everything(&self) -> String {
        self.fingerprint(&KEPT)
    }

    /// A work order of Ann's for Ann in the small lifecycle.
    #[track_caller]
    pub fn make(&self, title: &str) -> String {
        self.make_with(title, "")
    }

    /// The same as a child of a master.
    #[track_caller]
    pub fn child(&self, title: &str, master: &str) -> String {
        self.make_with(title, &format!(", master => '{master}'"))
    }

    /// The same with further arguments.
    #[track_caller]
    pub fn make_with(&self, title: &str, further: &str) -> String {
        let lifecycle = if further.contains("lifecycle =>") { "" } else { ", lifecycle => 'task'" };
        self.one(
            ANN,
            &format!(
                "select wo.create_work_order('{title}', description => 'd', assignee => 'ann'
                    {lifecycle}{further}) ->> 'wo_number'"
            ),
        )
    }

    /// So many work orders beside each other.
    #[track_caller]
    pub fn several<const N: usize>(&self) -> [String; N] {
        std::array::from_fn(|place| self.make(&format!("work {place}")))
    }

    /// Moves a work order through these states.
    #[track_caller]
    pub fn go(&self, number: &str, states: &[&str]) {
        for to in states {
            self.run(ANN, &move_to(number, to));
        }
    }

    /// Moves children to the end of the small lifecycle.
    #[track_caller]
    pub fn finish(&self, numbers: &[&String]) {
        for number in numbers {
            self.go(number, &["doing", "review", "done"]);
        }
    }

    #[track_caller]
    pub fn after(&self, successor: &str, predecessor: &str) {
        self.run(ANN, &add(successor, predecessor));
    }

    /// A column of a work order, as text.
    #[track_caller]
    pub fn stands(&self, number: &str, column: &str) -> Option<String> {
        let tenant = self.tenant;
        let sql = format!(
            "select ({column})::text from wo.work_order where tenant_id = '{tenant}' and wo_number = '{number}'"
        );
        self.one(ROOT, &sql)
    }

    #[track_caller]
    pub fn status(&self, number: &str) -> String {
        self.stands(number, "status").unwrap()
    }

    #[track_caller]
    pub fn id(&self, number: &str) -> String {
        self.stands(number, "id").unwrap()
    }

    /// The number of its master.
    #[track_caller]
    pub fn master(&self, number: &str) -> Option<String> {
        self.stands(
            number,
            "select held.wo_number from wo.work_order held
                where held.tenant_id = work_order.tenant_id and held.id = work_order.master_id",
        )
    }

    /// Successor, predecessor and lag of every edge, by their numbers.
    pub fn edges(&self) -> Vec<String> {
        self.all(
            ROOT,
            "select waiting.wo_number || ' after ' || awaited.wo_number || ' + ' || edge.lag
             from wo.dependency edge
             join wo.work_order waiting on waiting.id = edge.successor_id
             join wo.work_order awaited on awaited.id = edge.predecessor_id
             order by 1",
        )
    }

    /// The data of the events of that type about that work order, oldest first.
    pub fn events(&self, kind: &str, number: &str) -> Vec<Value> {
        let id = self.id(number);
        let told = format!(
            "select data from wo.event where type = '{kind}' and subject_id = '{id}' order by position"
        );
        self.rows(ROOT, &told).iter().map(|row| row.get(0)).collect()
    }

    /// Action and changes of every entry of its trail with one of these actions.
    #[track_caller]
    pub fn trail(&self, number: &str, actions: &[&str]) -> Vec<(String, String)> {
        let rows = self.rows(ANN, &format!("select action, what from wo.audit_trail('{number}')"));
        let entries = rows.iter().map(|row| (row.get::<_, String>(0), row.get(1)));
        entries.filter(|(action, _)| actions.contains(&action.as_str())).collect()
    }

    #[track_caller]
    pub fn progress(&self, master: &str) -> Value {
        self.one(ANN, &format!("select wo.progress('{master}')"))
    }

    /// The numbers of its ready children, in the order of the numbers.
    #[track_caller]
    pub fn ready(&self, master: &str) -> Vec<String> {
        self.all(ANN, &format!("select wo_number from wo.ready_work_orders('{master}') order by 1"))
    }

    /// Subject and problem of every chain that is broken.
    pub fn problems(&self) -> Vec<(String, String)> {
        self.broken_chains(ANN)
    }

    /// Asserts that every chain holds and that the graph is sound.
    #[track_caller]
    pub fn assert_intact(&self) {
        let problems = self.problems();
        assert!(problems.is_empty(), "{problems:?}");
        assert_eq!(self.all(ANN, "select problem from wo.check_hierarchy()"), [""; 0]);
    }

    /// Runs the statement in the second session until it waits for the first one, then commits
    /// that; returns what the second was told.
    #[track_caller]
    pub fn overtaken(
        &self,
        first: &mut Client,
        second: &mut Client,
        sql: &str,
    ) -> Result<(), Error> {
        let pid = backend_pid(second);
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| second.batch_execute(sql));
            self.database.wait_until_blocked(pid);
            first.batch_execute("commit").unwrap();
            waiting.join().unwrap()
        })
    }
}

/// The statement that moves a work order.
pub fn move_to(number: &str, to: &str) -> String {
    format!("select wo.transition('{number}', '{to}', 'because')")
}

/// The statement that adds an edge.
pub fn add(successor: &str, predecessor: &str) -> String {
    format!("select wo.add_dependency('{successor}', '{predecessor}')")
}

/// The statement that links a work order to a master.
pub fn link(child: &str, master: &str) -> String {
    format!("select wo.link_work_order('{child}', '{master}')")
}

/// Begins a transaction of that isolation level, and takes its snapshot.
pub fn begin(client: &mut Client, level: &str) {
    client
        .batch_execute(&format!(
            "begin isolation level {level}; select count(*) from wo.work_order"
        ))
        .unwrap();
}

/// A lifecycle in which planners do everything, with the gates of the hierarchy and no others.
pub fn task(name: &str) -> Value {
    let edge = |action: &str, from: &[&str], to: &str| {
        let who = ["planner"];
        json!({"action": action, "from": from, "to": to, "who": who})
    };
    let with = |mut edge: Value, name: &str, value: Value| {
        edge[name] = value;
        edge
    };
    json!({
        "name": name,
        "title": "Task",
        "roles": {"planner": "does everything"},
        "priorities": ["low", "high"],
        "default_priority": "low",
        "regulatory": {"allowed": false},
        "states": [
            {"name": "open", "initial": true},
            {"name": "doing"},
            {"name": "stuck", "blocked": true},
            {"name": "review", "satisfies_dependents": true},
            {"name": "done", "terminal": true, "settles_master": true, "satisfies_dependents": true},
            {"name": "dropped", "terminal": true}
        ],
        "transitions": [
            with(edge("start", &["open"], "doing"), "guards", json!(["dependencies_satisfied"])),
            edge("block", &["doing"], "stuck"),
            edge("resume", &["stuck"], "doing"),
            with(
                edge("submit", &["doing"], "review"),
                "guards",
                json!(["dependencies_satisfied", "children_in_review"])
            ),
            edge("rework", &["review"], "doing"),
            with(edge("finish", &["review"], "done"), "guards", json!(["children_settled"])),
            with(
                edge("drop", &["open", "doing", "stuck", "review"], "dropped"),
                "effects",
                json!(["cascade_cancel"])
            )
        ],
        "field_rights": {"planner": {"fields": ["*"]}},
        "hierarchy": {"link": ["originator", "planner"]}
    })
}

/// The same, where a work order waits in review and ends by itself once its children have ended.
pub fn closing() -> Value {
    let mut closing = task("closing");
    for edge in closing["transitions"].as_array_mut().unwrap() {
        match edge["action"].as_str() {
            Some("finish") => edge["auto"] = json!(true),
            Some("submit") => edge["guards"] = json!([]),
            _ => {}
        }
    }
    closing
}
