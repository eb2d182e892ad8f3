//! A company in a database of its own: one principal for each role and each relation, named by
//! what it is, with a login role of that name.

use std::collections::HashMap;

use postgres::{Client, Error, Transaction};
use serde_json::{Value, json};
use uuid::Uuid;
use wo_cluster_tests::{Cluster, Database};

use crate::scenario::design::{Lifecycle, RELATIONS, STANDING};

pub struct Company {
    pub database: Database<'static>,
    pub tenant: Uuid,
}

impl Company {
    /// `almighty` holds every standing role; `stranger` and `colleague` hold none; `admin` is a
    /// member of `wo_admin` too; `qa_agent` is no person; `root` is the superuser `postgres`.
    pub fn found(default_lifecycle: &str) -> Self {
        let (database, tenant) = Cluster::shared().founded(default_lifecycle, |database| {
            Self::found_in(database, default_lifecycle).tenant
        });
        Self { database, tenant }
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
        let company = Self { database, tenant };
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

    pub fn connect(&self, who: &str) -> Client {
        self.database.connect(who)
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

    pub fn people(&self) -> People<'_> {
        People { company: self, clients: HashMap::new() }
    }

    /// Runs SQL as an administrator of the tenant, in one transaction.
    pub fn administer(&self, sql: &str) {
        self.try_administer(sql).unwrap_or_else(|error| panic!("{sql}: {error:?}"));
    }

    pub fn try_administer(&self, sql: &str) -> Result<(), Error> {
        let mut superuser = self.root();
        let mut administering = superuser.transaction()?;
        administering.batch_execute("select wo.administer('acme')")?;
        administering.batch_execute(sql)?;
        administering.commit()
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
        let broken = problems(&mut self.root(), None);
        assert!(broken.is_empty(), "{broken:?}");
    }
}

/// Subject, key, sequence and problem of every broken chain.
pub fn problems(
    client: &mut impl postgres::GenericClient,
    work_order: Option<&str>,
) -> Vec<(String, String, i64, String)> {
    let found = "select intact, subject, subject_key, broken_sequence, problem
        from wo.verify_audit($1)";
    let rows = client.query(found, &[&work_order]).unwrap();
    assert!(!rows.is_empty(), "verification says nothing");
    rows.iter()
        .filter(|row| !row.get::<_, bool>(0))
        .map(|row| (row.get(1), row.get(2), row.get(3), row.get(4)))
        .collect()
}

/// The company's people, each on a connection of their own that is made when first needed.
pub struct People<'c> {
    company: &'c Company,
    clients: HashMap<String, Client>,
}

impl People<'_> {
    pub fn get(&mut self, who: &str) -> &mut Client {
        let company = self.company;
        let connect = || match who {
            "root" => company.root(),
            _ => company.connect(who),
        };
        self.clients.entry(who.to_owned()).or_insert_with(connect)
    }

    /// A work order of `originator`'s for `assignee`, asked for by `requester`, in that state,
    /// reached by the people whose edges lead there.
    pub fn reach(&mut self, lifecycle: &Lifecycle, state: &str) -> String {
        let made = filled(lifecycle.name, "assignee", "requester");
        let number: String = one(self.get("originator"), &made);
        for edge in lifecycle.path(state) {
            take(self.get(edge.who[0]), &number, edge.to, edge.needs.contains(&"deficiencies"));
        }
        number
    }
}

/// The SQL that makes a work order with everything that a gate asks for.
pub fn filled(lifecycle: &str, assignee: &str, requester: &str) -> String {
    format!(
        "insert into wo.work_order (lifecycle, title, description, assignee, requester,
            planned_start, planned_end, completion_summary, actual_hours, notes, review_notes,
            idempotency_key)
         values ('{lifecycle}', '[Acme-Test] Mend the pump', 'It leaks.', '{assignee}',
            '{requester}', '2026-01-01 08:00Z', '2026-02-01 08:00Z', 'mended', 3.5, 'old notes',
            'old review', gen_random_uuid()::text)
         returning wo_number"
    )
}

/// A work order of `almighty`'s own, in that state.
pub fn reach_alone(almighty: &mut Client, lifecycle: &Lifecycle, state: &str) -> String {
    let number: String = one(almighty, &filled(lifecycle.name, "almighty", "almighty"));
    for edge in lifecycle.path(state) {
        take(almighty, &number, edge.to, edge.needs.contains(&"deficiencies"));
    }
    number
}

/// Takes an edge, with a reason and, where wanted, new deficiencies.
pub fn take(client: &mut Client, number: &str, to: &str, deficient: bool) {
    let fields = deficient.then(|| json!({"deficiencies": [format!("not yet {to}")]}));
    client
        .execute("select wo.transition($1, $2, 'because', $3)", &[&number, &to, &fields])
        .unwrap_or_else(|error| panic!("{number} to {to}: {error:?}"));
}

/// A plain work order in the tenant's default lifecycle.
pub fn create(client: &mut Client, title: &str) -> String {
    let create = "select wo.create_work_order($1) ->> 'wo_number'";
    client.query_one(create, &[&title]).unwrap().get(0)
}

/// The first column of the one row.
#[track_caller]
pub fn one<T>(client: &mut impl postgres::GenericClient, sql: &str) -> T
where
    T: for<'a> postgres::types::FromSql<'a>,
{
    let row = client.query_one(sql, &[]).unwrap_or_else(|error| panic!("{sql}: {error:?}"));
    row.get(0)
}

/// Does something and takes it back.
pub fn tried<T>(
    client: &mut Client,
    act: impl FnOnce(&mut Transaction<'_>) -> Result<T, Error>,
) -> Result<T, Error> {
    let mut transaction = client.transaction().unwrap();
    let result = act(&mut transaction);
    transaction.rollback().unwrap();
    result
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
