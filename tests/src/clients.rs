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

pub struct Clients<'c> {
    pub database: Database<'c>,
    /// Names of people and the logins that they have; another name is a login.
    logins: &'static [(&'static str, &'static str)],
    open: RefCell<HashMap<String, Client>>,
}

impl<'c> Clients<'c> {
    pub fn of(database: Database<'c>) -> Self {
        Self::named(database, &[])
    }

    /// The same, where people are called by names that are no logins.
    pub fn named(database: Database<'c>, logins: &'static [(&'static str, &'static str)]) -> Self {
        Self { database, logins, open: RefCell::default() }
    }

    fn login_of<'n>(&self, who: &'n str) -> &'n str {
        self.logins.iter().find(|(name, _)| *name == who).map_or(who, |named| named.1)
    }

    /// The client of somebody, for a test that asks one after the other.
    pub fn get(&mut self, who: &str) -> &mut Client {
        let login = self.login_of(who);
        let database = &self.database;
        self.open.get_mut().entry(login.into()).or_insert_with(|| database.connect(login))
    }

    /// Lets the client of somebody do something; within it, the same login has another client.
    pub fn with<T>(&self, who: &str, act: impl FnOnce(&mut Client) -> T) -> T {
        let login = self.login_of(who);
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
        self.with(login, |admin| administering(admin, tenant, act))
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
        let broken = self.with(who, |client| broken_chains(client, None));
        broken.into_iter().map(|chain| (chain.subject, chain.problem)).collect()
    }

    /// What a refusal must leave as it was: these tables, and how many entries and events there are.
    pub fn fingerprint(&self, tables: &[&str]) -> String {
        let tables = tables.iter().map(|table| {
            format!(
                "(select coalesce(md5(string_agg(line::text, '|' order by line::text)), '') from wo.{table} as line), "
            )
        });
        let tables: String = tables.collect();
        self.one(
            ROOT,
            &format!(
                "select concat_ws('|', {tables}(select count(*) from wo.audit_entry), (select count(*) from wo.event))"
            ),
        )
    }

    /// Asserts that the statement is refused with this code and leaves these tables, the trail and the outbox as
    /// they were; returns the DETAIL.
    #[track_caller]
    pub fn refused_without_trace(
        &self,
        tables: &[&str],
        who: &str,
        sql: &str,
        sqlstate: &str,
        code: &str,
    ) -> Value {
        let before = self.fingerprint(tables);
        let detail = self.refused(who, sql, sqlstate, code);
        assert_eq!(self.fingerprint(tables), before, "the refusal left a trace: {sql}");
        detail
    }
}

/// One transaction of this client in which it administers the tenant; committed if all went well.
pub fn administering<T>(
    client: &mut Client,
    tenant: &str,
    act: impl FnOnce(&mut Transaction<'_>) -> Result<T, Error>,
) -> Result<T, Error> {
    let mut administering = client.transaction()?;
    administering.execute("select wo.administer($1)", &[&tenant])?;
    let done = act(&mut administering)?;
    administering.commit()?;
    Ok(done)
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

/// What `wo.verify_audit` says of a chain that is broken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrokenChain {
    pub subject: String,
    pub key: String,
    pub sequence: i64,
    pub problem: String,
}

/// The broken chains of a work order, or of all that this client may see.
#[track_caller]
pub fn broken_chains(
    client: &mut impl GenericClient,
    work_order: Option<&str>,
) -> Vec<BrokenChain> {
    let verify =
        "select intact, subject, subject_key, broken_sequence, problem from wo.verify_audit($1)";
    let rows = client.query(verify, &[&work_order]).unwrap_or_else(|error| panic!("{error:?}"));
    assert!(!rows.is_empty(), "verification says nothing");
    let broken = rows.iter().filter(|row| !row.get::<_, bool>(0));
    let broken = broken.map(|row| BrokenChain {
        subject: row.get(1),
        key: row.get(2),
        sequence: row.get(3),
        problem: row.get(4),
    });
    broken.collect()
}

/// The first column of the one row.
#[track_caller]
pub fn one<T: for<'a> FromSql<'a>>(client: &mut impl GenericClient, sql: &str) -> T {
    let row = client.query_one(sql, &[]).unwrap_or_else(|error| panic!("{sql}: {error:?}"));
    row.get(0)
}
