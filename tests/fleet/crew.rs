//! A fleet in a database of its own: the tenant that the template makes, with a login role for
//! everybody.

use std::ops::Deref;

use serde_json::Value;
use uuid::Uuid;
use wo_cluster_tests::{Clients, Cluster, Database};
pub use wo_cluster_tests::{one, tried};

/// Identities of the template and the login roles that the tests give them.
pub const LOGINS: [(&str, &str); 14] = [
    ("Mac App 小克", "mac_app_ke"),
    ("Mac CLI 小克", "mac_cli_ke"),
    ("Mac App 小A", "mac_app_a"),
    ("Mac CLI 小A", "mac_cli_a"),
    ("Win App 小克", "win_app_ke"),
    ("Win CLI 小克", "win_cli_ke"),
    ("Win App 小A", "win_app_a"),
    ("Win CLI 小A", "win_cli_a"),
    ("Web 小克", "web_ke"),
    ("小西", "xiaoxi"),
    ("夏哥", "xiage"),
    ("system:cron", "system_cron"),
    ("system:webhook", "system_webhook"),
    ("system:captain-proxy", "captain_proxy"),
];

pub const CAPTAINS: [&str; 3] = ["夏哥", "小西", "system:captain-proxy"];

/// A member of wo_admin who is no principal of any tenant.
pub const ADMIN: &str = "admiral";

/// How spec/5 names the work order in its calls.
pub const AS_WRITTEN: &str = "WO-2026-0305-001";

/// The tables that a refusal must leave as they were.
const KEPT: [&str; 4] = ["work_order", "engine_override", "tenant", "principal"];

pub struct Fleet {
    pub tenant: Uuid,
    clients: Clients<'static>,
}

impl Deref for Fleet {
    type Target = Clients<'static>;

    fn deref(&self) -> &Clients<'static> {
        &self.clients
    }
}

impl Fleet {
    /// The tenant `superportia`; `pm` is a principal with the role of that name.
    pub fn found() -> Self {
        let (database, tenant) =
            Cluster::shared().founded("superportia", |database| Self::found_in(database).tenant);
        Self { tenant, clients: Clients::named(database, &LOGINS) }
    }

    fn found_in(database: Database<'static>) -> Self {
        database.login(ADMIN, &["wo_admin"]);
        let make = "select wo.create_tenant('superportia', 'SuperPortia', template => 'fleet')";
        let tenant = one(&mut database.connect(ADMIN), make);
        let fleet = Self { tenant, clients: Clients::named(database, &LOGINS) };
        for (identity, login) in LOGINS {
            fleet.database.login(login, &["wo_user"]);
            fleet.administer(&format!(
                "update wo.principal set db_role = '{login}' where id = '{identity}'"
            ));
        }
        fleet.database.login("pm", &["wo_user"]);
        fleet.administer(
            "select wo.create_principal('pm', 'agent', roles => '{pm}', db_role => 'pm')",
        );
        fleet
    }

    /// Runs SQL as an administrator of the tenant, in one transaction.
    pub fn administer(&self, sql: &str) {
        self.administer_of("superportia", sql);
    }

    pub fn administer_of(&self, tenant: &str, sql: &str) {
        self.administering_as(ADMIN, tenant, |administering| administering.batch_execute(sql))
            .unwrap_or_else(|error| panic!("{sql}: {error:?}"));
    }

    /// Another company's fleet in the same database, whose captain has the login `rival`.
    pub fn add_rival(&self) {
        self.run(ADMIN, "select wo.create_tenant('rival', 'Rival', template => 'fleet')");
        self.database.login("rival", &["wo_user"]);
        self.administer_of("rival", "update wo.principal set db_role = 'rival' where id = '夏哥'");
    }

    /// A call of the guide's about this work order.
    #[track_caller]
    pub fn call(&self, who: &str, call: &str, number: &str) -> Value {
        self.one(who, &format!("select {}", call.replace(AS_WRITTEN, number)))
    }

    /// Asserts that the statement is refused and leaves no trace; returns the DETAIL.
    #[track_caller]
    pub fn refused(&self, who: &str, sql: &str, sqlstate: &str, code: &str) -> Value {
        self.clients.refused_without_trace(&KEPT, who, sql, sqlstate, code)
    }

    /// The same of a call of the guide's.
    #[track_caller]
    pub fn call_refused(
        &self,
        who: &str,
        call: &str,
        number: &str,
        sqlstate: &str,
        code: &str,
    ) -> Value {
        let call = format!("select {}", call.replace(AS_WRITTEN, number));
        self.refused(who, &call, sqlstate, code)
    }

    /// What a refusal must leave as it was.
    pub fn everything(&self) -> String {
        self.fingerprint(&KEPT)
    }

    /// Makes a work order of `Win CLI 小克`'s for `Mac CLI 小克`, asked for by `Web 小克`: none of
    /// them is a captain.
    pub fn create(&self, title: &str) -> String {
        let create = format!(
            "select wo.create_work_order(title => '{title}', assignee => 'Mac CLI 小克',
                requester => 'Web 小克') ->> 'wo_number'"
        );
        self.one("Win CLI 小克", &create)
    }

    /// Returns in another millisecond: what is made then is newer by its id than what was made before.
    pub fn next_millisecond(&self) {
        self.run(
            "postgres",
            "do $$ declare began timestamptz := clock_timestamp(); begin
                while clock_timestamp() < began + interval '1 ms' loop end loop; end $$",
        );
    }

    /// Such a work order in that state.
    pub fn reach(&self, state: &str) -> String {
        let number = self.create("[SS1-Operations] Mend the pump");
        let way: &[&str] = match state {
            "pending" => &[],
            "accepted" => &["accepted"],
            "in_progress" => &["accepted", "in_progress"],
            "blocked" => &["accepted", "in_progress", "blocked"],
            "review" => &["accepted", "in_progress", "review"],
            "rejected" => &["accepted", "in_progress", "review", "rejected"],
            "approved" => &["accepted", "in_progress", "review", "approved"],
            "cancelled" => &["cancelled"],
            _ => panic!("no way to {state}"),
        };
        for to in way {
            let fields = match *to {
                "review" => r#"{"completion_summary": "done", "actual_hours": 2}"#,
                _ => "{}",
            };
            let by = match *to {
                "approved" | "rejected" | "cancelled" => "夏哥",
                _ => "Mac CLI 小克",
            };
            let move_on =
                format!("select wo.transition('{number}', '{to}', 'because', '{fields}')");
            self.run(by, &move_on);
        }
        number
    }

    pub fn status(&self, number: &str) -> String {
        let status = format!(
            "select status from wo.work_order where wo_number = '{number}' and tenant_id = '{}'",
            self.tenant
        );
        self.one("postgres", &status)
    }

    /// The newest definition of that name.
    pub fn definition(&self, name: &str) -> Value {
        let newest = format!(
            "select definition from wo.lifecycle where tenant_id = '{}' and name = '{name}'
             order by version desc limit 1",
            self.tenant
        );
        self.one("postgres", &newest)
    }

    pub fn publish(&self, definition: &Value) {
        let publish = "select wo.publish_lifecycle($1)";
        self.administering_as(ADMIN, "superportia", |admin| admin.execute(publish, &[definition]))
            .unwrap_or_else(|error| panic!("{definition}: {error:?}"));
    }

    /// Subject and problem of every chain that is broken.
    pub fn problems(&self) -> Vec<(String, String)> {
        self.broken_chains("夏哥")
    }

    #[track_caller]
    pub fn assert_intact(&self) {
        let problems = self.problems();
        assert!(problems.is_empty(), "{problems:?}");
    }
}
