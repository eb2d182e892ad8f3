//! The SQL that puts the registry in force: row security, policies, grants, triggers and statistics targets.

use super::{Frozen, Kind, Policy, Role, Table, Tenancy, Trigger, View, Writer, groups};
use std::fmt::Write;

/// What every permissive policy asks, so that a DROP EXTENSION … CASCADE takes the policies along and
/// the tables show no rows without the enforcement layer.
pub(super) const IN_FORCE: &str = "wo_private.in_force()";

/// What isolates the rows of a tenant.
const OF_THE_TENANT: &str = "tenant_id = (select wo_private.current_tenant())";

/// The same as PostgreSQL's `deparse_expression` writes it with a search path of `pg_catalog`.
pub(super) const DEPARSED_OF_THE_TENANT: &str =
    "(tenant_id = (SELECT wo_private.current_tenant() AS current_tenant))";

const HEAD: &str = "\
-- Row security, policies, grants and triggers of every table, view and sequence of schema wo, and the columns
-- of which no values are collected for the planner: every tenant would see them by EXPLAIN.
--
-- Generated from the table registry (wo_rules::schema); do not edit. After a change of the registry:
-- WO_GOLDEN=accept cargo test -p wo_rules schema

-- == enforcement ==
";

/// A trigger as it must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExpectedTrigger {
    /// Its name.
    pub name: &'static str,
    /// When it fires: `before insert or update`, …
    pub event: String,
    /// Whether it fires for each row, or for each statement.
    pub is_for_each_row: bool,
    /// The condition of its WHEN clause.
    pub when: Option<&'static str>,
    /// The function of `wo_private`.
    pub function: &'static str,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// Whether it fires on a replica too.
    pub is_always: bool,
    /// Whether it is a constraint trigger that fires at the end of the transaction.
    pub is_deferred: bool,
}

impl ExpectedTrigger {
    fn new(name: &'static str, event: impl Into<String>, function: &'static str) -> Self {
        Self {
            name,
            event: event.into(),
            is_for_each_row: true,
            when: None,
            function,
            arguments: Vec::new(),
            is_always: false,
            is_deferred: false,
        }
    }

    /// One that refuses what must never happen, on a replica too.
    fn forbidding(name: &'static str, event: impl Into<String>) -> Self {
        Self { is_always: true, ..Self::new(name, event, "refuse_change") }
    }

    fn with(mut self, arguments: &[&str]) -> Self {
        self.arguments = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        self
    }

    fn sql(&self, relation: &str) -> String {
        let Self { name, event, function, .. } = self;
        let each = if self.is_for_each_row { "row" } else { "statement" };
        let when = self.when.map_or_else(String::new, |when| format!("when ({when})\n    "));
        let arguments: Vec<String> =
            self.arguments.iter().map(|argument| format!("'{argument}'")).collect();
        // PostgreSQL replaces no constraint trigger.
        let (create, deferred) = match self.is_deferred {
            true => (
                format!(
                    "drop trigger if exists {name} on wo.{relation};\ncreate constraint trigger"
                ),
                " deferrable initially deferred",
            ),
            false => ("create or replace trigger".to_owned(), ""),
        };
        let mut sql = format!(
            "{create} {name} {event} on wo.{relation}{deferred}\n    for each {each} {when}execute function wo_private.{function}({});\n",
            arguments.join(", ")
        );
        if self.is_always {
            let _ = writeln!(sql, "alter table wo.{relation} enable always trigger {name};");
        }
        sql
    }
}

impl From<&'static Trigger> for ExpectedTrigger {
    fn from(trigger: &'static Trigger) -> Self {
        Self {
            when: trigger.when,
            is_always: trigger.is_always,
            is_deferred: trigger.is_deferred,
            ..Self::new(trigger.name, trigger.event, trigger.function)
        }
    }
}

/// The triggers of a table.
#[must_use]
pub fn triggers_of(table: &'static Table) -> Vec<ExpectedTrigger> {
    let mut all = Vec::new();
    let every_write = "before insert or update or delete";
    if table.is_cached {
        all.push(ExpectedTrigger {
            is_always: true,
            ..ExpectedTrigger::new("invalidate", every_write, "invalidate")
        });
    }
    all.extend(validation(table));
    all.extend(audit(table));
    let frozen = match table.frozen {
        Frozen::Row => ExpectedTrigger::forbidding("forbid_key_change", "before update"),
        Frozen::Key | Frozen::KeyAnd(_) => {
            let columns: Vec<&str> = table.frozen_columns().collect();
            // The trigger `validate` compares the columns of a work order; naming them here spares
            // the transitions a second comparison.
            let event = match table.kind {
                Kind::WorkOrder => format!("before update of {}", columns.join(", ")),
                _ => "before update".to_owned(),
            };
            ExpectedTrigger::forbidding("forbid_key_change", event).with(&[&columns.join(",")])
        }
    };
    all.push(frozen);
    if table.delete.is_empty() || table.undeletable.is_some() {
        all.push(ExpectedTrigger {
            when: table.undeletable,
            ..ExpectedTrigger::forbidding("forbid_delete", "before delete")
        });
    }
    all.push(ExpectedTrigger {
        is_for_each_row: false,
        ..ExpectedTrigger::forbidding("forbid_truncate", "before truncate")
    });
    all.extend(table.triggers.iter().map(ExpectedTrigger::from));
    all
}

fn validation(table: &Table) -> Option<ExpectedTrigger> {
    let every_write = "before insert or update or delete";
    let trigger = |event, function| Some(ExpectedTrigger::new("validate", event, function));
    match (&table.kind, table.writer) {
        (_, Writer::Grantees) => None,
        (Kind::Configuration | Kind::Definition, _) => {
            Some(trigger(every_write, "configuration_validate")?.with(&[table.name]))
        }
        (Kind::WorkOrder, _) => trigger("before insert or update", "work_order_validate"),
        (Kind::Child(_), Writer::Callers) => {
            Some(trigger(every_write, "child_record_validate")?.with(&[table.name]))
        }
        (Kind::Child(_) | Kind::Log | Kind::System, _) => {
            let event = match table.frozen {
                Frozen::Row => "before insert",
                Frozen::Key | Frozen::KeyAnd(_) => "before insert or update",
            };
            trigger(event, "refuse_foreign_writer")
        }
    }
}

fn audit(table: &Table) -> Option<ExpectedTrigger> {
    let every_write = "after insert or update or delete";
    let trigger = |event, function| Some(ExpectedTrigger::new("audit", event, function));
    match &table.kind {
        Kind::Configuration | Kind::Definition => {
            Some(trigger(every_write, "configuration_audit")?.with(&[table.name]))
        }
        Kind::WorkOrder => trigger("after insert or update", "work_order_audit"),
        Kind::Child(child) if child.actions.is_some() => {
            Some(trigger(every_write, "child_record_audit")?.with(&[table.name]))
        }
        Kind::Child(_) | Kind::Log | Kind::System => None,
    }
}

/// The policies of a table.
#[must_use]
pub fn policies_of(table: &'static Table) -> Vec<ExpectedPolicy> {
    let restricted: Vec<Role> = match table.tenancy {
        Tenancy::Tenant => {
            let members = [Role::User, Role::Admin, Role::Auditor];
            let bound = |role: &Role| role.is_of_one_tenant() && !members.contains(role);
            members.into_iter().chain(table.roles().filter(bound)).collect()
        }
        Tenancy::Installation => vec![Role::User, Role::Admin, Role::Auditor, Role::Monitor],
    };
    let mut all = vec![ExpectedPolicy {
        name: "tenant_isolation",
        is_restrictive: true,
        command: "all",
        roles: restricted,
        condition: match table.tenancy {
            Tenancy::Tenant => OF_THE_TENANT,
            Tenancy::Installation => "true",
        },
        deparsed: "true",
    }];
    let select: Vec<Role> = table
        .select
        .iter()
        .chain(table.select_columns.map_or(groups::NOBODY, |grant| grant.roles))
        .copied()
        .collect();
    let commands = [
        ("app_select", "select", select),
        ("app_insert", "insert", table.insert.to_vec()),
        ("app_update", "update", table.update.to_vec()),
        ("app_delete", "delete", table.delete.to_vec()),
    ];
    for (name, command, roles) in commands {
        if !roles.is_empty() {
            let roles = Role::ALL.into_iter().filter(|role| roles.contains(role)).collect();
            all.push(ExpectedPolicy {
                name,
                is_restrictive: false,
                command,
                roles,
                condition: IN_FORCE,
                deparsed: IN_FORCE,
            });
        }
    }
    all.extend(table.policies.iter().map(ExpectedPolicy::from));
    all
}

/// A policy as it must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExpectedPolicy {
    /// Its name.
    pub name: &'static str,
    /// Whether it restricts what the others permit.
    pub is_restrictive: bool,
    /// The command: `select`, …, or `all`.
    pub command: &'static str,
    /// The roles.
    pub roles: Vec<Role>,
    /// The condition: USING, and WITH CHECK for a row that is inserted.
    pub condition: &'static str,
    /// See [`Policy::deparsed`].
    deparsed: &'static str,
}

impl ExpectedPolicy {
    /// The condition as PostgreSQL's `deparse_expression` writes it with a search path of `pg_catalog`.
    #[must_use]
    pub fn deparsed(&self) -> &'static str {
        match self.condition {
            OF_THE_TENANT => DEPARSED_OF_THE_TENANT,
            _ => self.deparsed,
        }
    }

    /// The functions of `wo_private` that the condition calls, all without arguments.
    pub fn functions(&self) -> impl Iterator<Item = &'static str> {
        let calls = self.condition.split("wo_private.").skip(1);
        calls.filter_map(|call| call.split_once("()").map(|(name, _)| name))
    }

    fn sql(&self, table: &str) -> String {
        let Self { name, command, condition, .. } = self;
        let restrictive = if self.is_restrictive { "as restrictive " } else { "" };
        let clause = if *command == "insert" { "with check" } else { "using" };
        format!(
            "drop policy if exists {name} on wo.{table};\ncreate policy {name} on wo.{table} {restrictive}for {command} to {}\n    {clause} ({condition});\n",
            names(&self.roles)
        )
    }
}

impl From<&'static Policy> for ExpectedPolicy {
    fn from(policy: &'static Policy) -> Self {
        Self {
            name: policy.name,
            is_restrictive: policy.is_restrictive,
            command: policy.command,
            roles: policy.roles.to_vec(),
            condition: policy.using,
            deparsed: policy.deparsed,
        }
    }
}

fn names(roles: &[Role]) -> String {
    roles.iter().map(|role| role.name()).collect::<Vec<_>>().join(", ")
}

fn grant(sql: &mut String, privileges: &str, object: &str, roles: &[Role]) {
    if !roles.is_empty() {
        let _ = writeln!(sql, "grant {privileges} on {object} to {};", names(roles));
    }
}

/// The SQL of a table, complete: it can be run again at any time.
#[must_use]
pub fn sql_of(table: &'static Table) -> String {
    let name = table.name;
    let object = format!("wo.{name}");
    let mut sql = format!(
        "\n-- {name}\n\nalter table {object} enable row level security;\nalter table {object} force row level security;\n"
    );
    for policy in policies_of(table) {
        sql.push_str(&policy.sql(name));
    }
    grant(&mut sql, "select", &object, table.select);
    if let Some(partly) = table.select_columns {
        let privilege = format!("select ({})", partly.columns.join(", "));
        grant(&mut sql, &privilege, &object, partly.roles);
    }
    grant(&mut sql, "insert", &object, table.insert);
    grant(&mut sql, "update", &object, table.update);
    grant(&mut sql, "delete", &object, table.delete);
    for policy in table.policies.iter().filter(|policy| !policy.is_restrictive) {
        let privileges = match policy.command {
            "all" => "select, insert, update, delete",
            one => one,
        };
        grant(&mut sql, privileges, &object, policy.roles);
    }
    for trigger in triggers_of(table) {
        sql.push_str(&trigger.sql(name));
    }
    let without_values: Vec<String> = table
        .columns
        .iter()
        .filter(|column| table.statistics(column).is_some())
        .map(|column| format!("alter column {} set statistics 0", quoted(column.name)))
        .collect();
    if !without_values.is_empty() {
        let _ = writeln!(sql, "alter table {object}\n    {};", without_values.join(",\n    "));
    }
    sql
}

/// The name of a column, quoted where it is a reserved word.
fn quoted(name: &str) -> String {
    if name == "when" { format!("\"{name}\"") } else { name.to_owned() }
}

fn sql_of_view(view: &'static View) -> String {
    let name = view.name;
    let object = format!("wo.{name}");
    let mut sql = format!("\n-- {name}\n\n");
    grant(&mut sql, "select", &object, view.select);
    grant(&mut sql, "insert", &object, view.insert);
    for trigger in view.triggers {
        sql.push_str(&ExpectedTrigger::from(trigger).sql(name));
    }
    sql
}

/// The SQL that puts the registry in force on all tables, views and sequences: `sql/90_enforcement.sql`.
#[must_use]
pub fn enforcement_sql() -> String {
    let mut sql = HEAD.to_owned();
    for table in super::TABLES {
        sql.push_str(&sql_of(table));
    }
    for view in super::views() {
        sql.push_str(&sql_of_view(view));
    }
    for sequence in super::sequences() {
        let object = format!("sequence wo.{}", sequence.name);
        let _ = write!(sql, "\n-- {}\n\n", sequence.name);
        grant(&mut sql, "select", &object, sequence.select);
        grant(&mut sql, "usage", &object, sequence.usage);
    }
    sql
}
