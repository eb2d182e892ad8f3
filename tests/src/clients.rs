//! The clients of a company: one connection for each login, and what tests ask through it.

use std::cell::RefCell;
use std::collections::HashMap;

use postgres::types::FromSql;
use postgres::{Client, Error, GenericClient, Row, Transaction};
use serde_json::Value;

use crate::database::Database;
use crate::refusal::refused;

/// A superuser.
const ROOT: &str = "postgres";

pub struct Clients {
    pub database: Database<'static>,
    /// Names of people and the logins that they have; another name is a login.
    logins: &'static [(&'static str, &'static str)],
    open: RefCell<HashMap<String, Client>>,
}

impl Clients {
    pub fn of(database: Database<'static>) -> Self {
        Self::named(database, &[])
    }

    /// The same, where people are called by names that are no logins.
    pub fn named(
        database: Database<'static>,
        logins: &'static [(&'static str, &'static str)],
    ) -> Self {
        Self { database, logins, open: RefCell::default() }
    }

    /// Lets the client of somebody do something; within it, the same login has another client.
    pub fn with<T>(&self, who: &str, act: impl FnOnce(&mut Client) -> T) -> T {
        let login = self.logins.iter().find(|(name, _)| *name == who).map_or(who, |named| named.1);
        let known = self.open.borrow_mut().remove(login);
        let mut client = known.unwrap_or_else(|| self.database.connect(login));
        let done = act(&mut client);
        self.open.borrow_mut().insert(login.into(), client);
        done
    }

    /// A connection that is nobody else's.
    pub fn connect(&self, login: &str) -> Client {
        self.database.connect(login)
    }

    /// Lets go of every connection, as when the server is to be killed.
    pub fn forget_clients(&self) {
        self.open.borrow_mut().clear();
    }

    #[track_caller]
    pub fn run(&self, who: &str, sql: &str) {
        let done = self.with(who, |client| client.batch_execute(sql));
        done.unwrap_or_else(|error| panic!("{who}: {sql}: {error:?}"));
    }

    #[track_caller]
    pub fn rows(&self, who: &str, sql: &str) -> Vec<Row> {
        let rows = self.with(who, |client| client.query(sql, &[]));
        rows.unwrap_or_else(|error| panic!("{who}: {sql}: {error:?}"))
    }

    /// The first column of the one row.
    #[track_caller]
    pub fn one<T: for<'a> FromSql<'a>>(&self, who: &str, sql: &str) -> T {
        self.with(who, |client| one(client, sql))
    }

    /// The first column of every row.
    #[track_caller]
    pub fn all(&self, who: &str, sql: &str) -> Vec<String> {
        self.rows(who, sql).iter().map(|row| row.get(0)).collect()
    }

    /// Asserts that the statement is refused with this code; returns the DETAIL.
    #[track_caller]
    pub fn refused(&self, who: &str, sql: &str, sqlstate: &str, code: &str) -> Value {
        println!("{who}: {sql}");
        refused(self.with(who, |client| client.batch_execute(sql)), sqlstate, code)
    }

    /// One transaction in which this login administers the tenant.
    pub fn administering_as<T>(
        &self,
        login: &str,
        tenant: &str,
        act: impl FnOnce(&mut Transaction<'_>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        self.with(login, |admin| {
            let mut administering = admin.transaction()?;
            administering.execute("select wo.administer($1)", &[&tenant])?;
            let done = act(&mut administering)?;
            administering.commit()?;
            Ok(done)
        })
    }

    /// Writes around every rule, as only a superuser can.
    #[track_caller]
    pub fn tamper(&self, sql: &str) {
        let around = format!(
            "set session_replication_role = replica; {sql}; reset session_replication_role"
        );
        self.run(ROOT, &around);
    }

    /// Subject and problem of every chain that is broken, as somebody who may see all of them is told.
    pub fn broken_chains(&self, who: &str) -> Vec<(String, String)> {
        let rows = self.rows(who, "select intact, subject, problem from wo.verify_audit()");
        assert!(!rows.is_empty(), "verification says nothing");
        let broken = rows.iter().filter(|row| !row.get::<_, bool>(0));
        broken.map(|row| (row.get(1), row.get(2))).collect()
    }
}

/// The first column of the one row.
#[track_caller]
pub fn one<T: for<'a> FromSql<'a>>(client: &mut impl GenericClient, sql: &str) -> T {
    let row = client.query_one(sql, &[]).unwrap_or_else(|error| panic!("{sql}: {error:?}"));
    row.get(0)
}
