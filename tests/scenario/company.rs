//! A company in a database of its own: one principal for each role and each relation, named by
//! what it is, with a login role of that name.

use std::ops::{Deref, DerefMut};

use postgres::{Client, Error};
use serde_json::{Value, json};
use uuid::Uuid;
pub use wo_cluster_tests::one;
use wo_cluster_tests::{Clients, Cluster, Database, broken_chains};

use crate::scenario::design::{Lifecycle, RELATIONS, STANDING};

/// The superuser, who is the principal `root`.
const LOGINS: [(&str, &str); 1] = [("root", "postgres")];

pub struct Company {
    pub tenant: Uuid,
    clients: Clients<'static>,
}

impl Deref for Company {
    type Target = Clients<'static>;

    fn deref(&self) -> &Clients<'static> {
        &self.clients
    }
}

impl DerefMut for Company {
    fn deref_mut(&mut self) -> &mut Clients<'static> {
        &mut self.clients
    }
}

impl Company {
    /// `almighty` holds every standing role; `stranger` and `colleague` hold none; `admin` is a
    /// member of `wo_admin` too; `qa_agent` is no person; `root` is the superuser `postgres`.
    pub fn found(default_lifecycle: &str) -> Self {
        let (database, tenant) = Cluster::shared().founded(default_lifecycle, |database| {
            Self::found_in(database, default_lifecycle).tenant
        });
        Self { tenant, clients: Clients::named(database, &LOGINS) }
    }

    pub fn found_in(database: Database<'static>, default_lifecycle: &str) -> Self {
        let mut superuser = database.superuser();
        let tenant: Uuid = superuser
            .query_one(
                "select wo.create_tenant('acme', 'Acme', default_lifecycle => $1)",
                &[&default_lifecycle],
            )
            .unwrap()
            .get(0);
        let company = Self { tenant, clients: Clients::named(database, &LOGINS) };
        for login in STANDING.into_iter().chain(RELATIONS).chain([
            "stranger",
            "colleague",
            "almighty",
            "qa_agent",
        ]) {
            company.database.login(login, &["wo_user"]);
        }
        company.database.login("admin", &["wo_user", "wo_admin"]);
        company.database.login("auditor", &["wo_auditor"]);
        let all = STANDING.map(str::to_owned).to_vec();
        let mut making = superuser.transaction().unwrap();
        making.execute("select wo.administer('acme')", &[]).unwrap();
        let mut make = |id: &str, kind: &str, roles: &[String], login: &str| {
            let roles = roles.to_vec();
            making
                .execute(
                    "select wo.create_principal($1, $2, roles => $3, db_role => $4)",
                    &[&id, &kind, &roles, &login],
                )
                .unwrap();
        };
        for role in STANDING {
            make(role, "person", &[role.to_owned()], role);
        }
        for plain in RELATIONS.into_iter().chain(["stranger", "colleague", "admin", "auditor"]) {
            make(plain, "person", &[], plain);
        }
        make("almighty", "person", &all, "almighty");
        make("qa_agent", "agent", &["qa".to_owned()], "qa_agent");
        make("root", "person", &all, "postgres");
        making.commit().unwrap();
        company
    }

    /// The superuser, who is the principal `root`.
    pub fn root(&self) -> Client {
        self.database.superuser()
    }

    /// A superuser whose login is nobody in particular.
    pub fn bare_superuser(&self) -> Client {
        self.database.login("bare_superuser", &[]);
        self.root().batch_execute("alter role bare_superuser superuser").unwrap();
        self.connect("bare_superuser")
    }

    /// Runs SQL as an administrator of the tenant, in one transaction.
    pub fn administer(&self, sql: &str) {
        self.try_administer(sql).unwrap_or_else(|error| panic!("{sql}: {error:?}"));
    }

    pub fn try_administer(&self, sql: &str) -> Result<(), Error> {
        self.administering_as("root", "acme", |administering| administering.batch_execute(sql))
    }

    /// A work order of `originator`'s for `assignee`, asked for by `requester`, in that state,
    /// reached by the people whose edges lead there.
    pub fn reach(&mut self, lifecycle: &Lifecycle, state: &str) -> String {
        let made = filled(lifecycle.name, "assignee", "requester");
        let number: String = one(self.get("originator"), &made);
        fill_outcome(&mut self.root(), &number);
        for edge in lifecycle.path(state) {
            take(self.get(edge.who[0]), &number, edge.to, edge.needs.contains(&"deficiencies"));
        }
        number
    }

    /// The newest definition of that name, as it is stored.
    pub fn definition(&self, name: &str) -> Value {
        let newest = "select definition from wo.lifecycle
            where tenant_id = $1 and name = $2 order by version desc limit 1";
        self.root().query_one(newest, &[&self.tenant, &name]).unwrap().get(0)
    }

    pub fn publish(&self, definition: &Value) -> i32 {
        let mut admin = self.connect("admin");
        admin.query_one("select wo.publish_lifecycle($1)", &[definition]).unwrap().get(0)
    }

    /// Publishes the lifecycle anew without its signatures, so that the states behind them are
    /// reached by hand.
    pub fn publish_without_approvals(&self, name: &str) -> i32 {
        let mut definition = self.definition(name);
        for edge in definition["transitions"].as_array_mut().unwrap() {
            let edge = edge.as_object_mut().unwrap();
            if edge.remove("approvals").is_some() && edge.contains_key("persons_only") {
                // Without signatures nobody but a person takes it.
                edge.remove("auto");
            }
            edge.remove("rejection");
            if let Some(effects) = edge.get_mut("effects") {
                let of_approvals = |effect: &Value| {
                    effect.as_str().is_some_and(|name| name.starts_with("void_approvals"))
                };
                effects.as_array_mut().unwrap().retain(|effect| !of_approvals(effect));
            }
            if let Some(guards) = edge.get_mut("guards") {
                guards.as_array_mut().unwrap().retain(|guard| guard != "plan_approvals_unamended");
            }
        }
        self.publish(&definition)
    }

    /// Asserts that every chain of the tenant holds.
    #[track_caller]
    pub fn assert_intact(&self) {
        let broken = broken_chains(&mut self.root(), None);
        assert!(broken.is_empty(), "{broken:?}");
    }
}

/// The SQL that makes a work order with everything that a gate asks for before work is done.
pub fn filled(lifecycle: &str, assignee: &str, requester: &str) -> String {
    format!(
        "insert into wo.work_order (lifecycle, title, description, assignee, requester,
            planned_start, planned_end, notes, idempotency_key)
         values ('{lifecycle}', '[Acme-Test] Mend the pump', 'It leaks.', '{assignee}',
            '{requester}', '2026-01-01 08:00Z', '2026-02-01 08:00Z', 'old notes',
            gen_random_uuid()::text)
         returning wo_number"
    )
}

/// Fills in what the gates ask for of the work that was done, as somebody with every role.
fn fill_outcome(client: &mut Client, number: &str) {
    let fill = "update wo.work_order set completion_summary = 'repaired', actual_hours = 3.5,
        review_notes = 'old review' where wo_number = $1::text";
    assert_eq!(client.execute(fill, &[&number]).unwrap(), 1);
}

/// A work order of `almighty`'s own with everything that a gate asks for.
pub fn make_filled(almighty: &mut Client, lifecycle: &str) -> String {
    let number: String = one(almighty, &filled(lifecycle, "almighty", "almighty"));
    fill_outcome(almighty, &number);
    number
}

/// A work order of `almighty`'s own, in that state.
pub fn reach_alone(almighty: &mut Client, lifecycle: &Lifecycle, state: &str) -> String {
    let number: String = one(almighty, &filled(lifecycle.name, "almighty", "almighty"));
    for (index, edge) in lifecycle.path(state).into_iter().enumerate() {
        if index > 0 {
            take(almighty, &number, edge.to, edge.needs.contains(&"deficiencies"));
            continue;
        }
        // With the first edge, so that the record has one version for each edge.
        let outcome = json!({"completion_summary": "repaired", "actual_hours": 3.5, "review_notes": "old review"});
        take_with(almighty, &number, edge.to, Some(outcome));
    }
    number
}

/// Takes an edge, with a reason and, where wanted, new deficiencies.
pub fn take(client: &mut Client, number: &str, to: &str, deficient: bool) {
    take_with(
        client,
        number,
        to,
        deficient.then(|| json!({"deficiencies": [format!("not yet {to}")]})),
    );
}

fn take_with(client: &mut Client, number: &str, to: &str, fields: Option<Value>) {
    client
        .execute("select wo.transition($1, $2, 'because', $3)", &[&number, &to, &fields])
        .unwrap_or_else(|error| panic!("{number} to {to}: {error:?}"));
}

/// A plain work order in the tenant's default lifecycle.
pub fn create(client: &mut Client, title: &str) -> String {
    let create = "select wo.create_work_order($1) ->> 'wo_number'";
    client.query_one(create, &[&title]).unwrap().get(0)
}

/// Copies lines in, as psql's \copy does.
pub fn copy(
    client: &mut impl postgres::GenericClient,
    into: &str,
    lines: &str,
) -> Result<u64, Error> {
    use std::io::Write;
    let mut writer = client.copy_in(&format!("copy {into} from stdin"))?;
    writer.write_all(lines.as_bytes()).unwrap();
    writer.finish()
}

/// What there is: work orders, entries, events. A refusal leaves it as it was.
pub fn counts(client: &mut Client) -> (i64, i64, i64) {
    let row = client
        .query_one(
            "select (select count(*) from wo.work_order), (select count(*) from wo.audit_entry),
                (select count(*) from wo.event)",
            &[],
        )
        .unwrap();
    (row.get(0), row.get(1), row.get(2))
}
