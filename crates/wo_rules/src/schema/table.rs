//! What the registry says of a table.

use super::groups::{ADMINISTRATORS, ENFORCEMENT, NOBODY, READERS, USERS};
use super::{Column, Role, TABLES};
use crate::approval::content::Covers;

/// The tables, views and sequences of one concept.
#[derive(Debug)]
pub struct Section {
    /// The tables.
    pub tables: &'static [Table],
    /// The views that have grants or triggers.
    pub views: &'static [View],
    /// The sequences.
    pub sequences: &'static [Sequence],
}

impl Section {
    /// A section with tables alone.
    #[must_use]
    pub const fn of(tables: &'static [Table]) -> Self {
        Self { tables, views: &[], sequences: &[] }
    }
}

/// What kind of table it is. The kind decides which triggers validate and audit its rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Configuration of a tenant: each object has an audit chain of its own, with the actions
    /// `created`, `changed` and `deleted`.
    Configuration,
    /// Definitions with versions, such as lifecycles: as configuration, and published once.
    Definition,
    /// The work orders.
    WorkOrder,
    /// Records that belong to a work order and are in its audit chain.
    Child(Child),
    /// Rows that are appended and never changed: the audit trail, the outbox, the ledger.
    Log,
    /// Everything else that wo_core keeps for itself.
    System,
}

/// How a record belongs to a work order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Child {
    /// The column that holds the work order's id.
    pub work_order: &'static str,
    /// The column that distinguishes records of the same work order, where there may be several.
    pub item: Option<&'static str>,
    /// What the audit trail says when one is added, changed, removed, where triggers audit it. None
    /// where the enforcement layer writes rows and entries together.
    pub actions: Option<[&'static str; 3]>,
    /// The column that takes who wrote the record, and the one that takes when.
    pub written: Option<(&'static str, &'static str)>,
    /// The column that holds the reason, where one is required.
    pub reason: Option<&'static str>,
    /// From which signatures on its records are covered: those of the plan, or those of the result alone.
    pub covers: Option<Covers>,
}

/// A table whose rows belong to work orders.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChildTable {
    /// Its name, without the schema.
    pub name: &'static str,
    /// How its rows belong to a work order.
    pub child: &'static Child,
}

impl ChildTable {
    /// The registered table of that name. For constants: it does not compile without such a table.
    ///
    /// # Panics
    /// No such table is registered, or its rows do not belong to work orders.
    #[must_use]
    pub const fn named(name: &str) -> Self {
        let mut index = 0;
        while index < TABLES.len() {
            let table = TABLES[index];
            if is_same(table.name, name)
                && let Kind::Child(child) = &table.kind
            {
                return Self { name: table.name, child };
            }
            index += 1;
        }
        panic!("no table of that name belongs to work orders");
    }
}

const fn is_same(one: &str, other: &str) -> bool {
    let (one, other) = (one.as_bytes(), other.as_bytes());
    let mut index = 0;
    while index < one.len() && index < other.len() && one[index] == other[index] {
        index += 1;
    }
    index == one.len() && index == other.len()
}

/// Who writes the rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Writer {
    /// Callers, as far as grants, policies and triggers let them.
    Callers,
    /// The enforcement layer alone: the trigger `validate` refuses other writers, superusers too.
    Enforcement,
    /// As the grants say: no trigger checks the rows.
    Grantees,
}

/// Which columns of a row never change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Frozen {
    /// Those of the key.
    Key,
    /// Those of the key, and these.
    KeyAnd(&'static [&'static str]),
    /// All.
    Row,
}

/// Which rows belong to which tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tenancy {
    /// Each row belongs to the tenant in its column `tenant_id`.
    Tenant,
    /// The rows belong to the installation.
    Installation,
}

/// A policy beside `tenant_isolation` and `app_select` to `app_delete`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Its name.
    pub name: &'static str,
    /// Whether it restricts what the others permit.
    pub is_restrictive: bool,
    /// The command: `select`, …, or `all`.
    pub command: &'static str,
    /// The roles.
    pub roles: &'static [Role],
    /// The condition.
    pub using: &'static str,
    /// The condition as PostgreSQL's `deparse_expression` writes it with a search path of `pg_catalog`.
    pub deparsed: &'static str,
}

/// A trigger beside the generated ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trigger {
    /// Its name.
    pub name: &'static str,
    /// When it fires: `before update`, `after insert or update of db_role`, …
    pub event: &'static str,
    /// The condition of its WHEN clause.
    pub when: Option<&'static str>,
    /// The function of `wo_private`, without arguments.
    pub function: &'static str,
    /// Whether it fires on a replica too.
    pub is_always: bool,
    /// Whether it is a constraint trigger that fires at the end of the transaction.
    pub is_deferred: bool,
}

/// Columns that some roles may read, where they may not read the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ColumnGrant {
    /// The roles.
    pub roles: &'static [Role],
    /// The columns.
    pub columns: &'static [&'static str],
}

/// A table of schema `wo`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Table {
    /// Its name, without the schema.
    pub name: &'static str,
    /// What kind of table it is.
    pub kind: Kind,
    /// Its columns, in their order.
    pub columns: &'static [Column],
    /// The columns of its primary key.
    pub key: &'static [&'static str],
    /// Whose its rows are.
    pub tenancy: Tenancy,
    /// Who writes its rows.
    pub writer: Writer,
    /// Which columns never change.
    pub frozen: Frozen,
    /// The roles that may SELECT.
    pub select: &'static [Role],
    /// The roles that may INSERT.
    pub insert: &'static [Role],
    /// The roles that may UPDATE.
    pub update: &'static [Role],
    /// The roles that may DELETE. Where nobody may, the trigger `forbid_delete` refuses it to all.
    pub delete: &'static [Role],
    /// Roles that may read some columns only.
    pub select_columns: Option<ColumnGrant>,
    /// Which rows are never deleted, where some may be: a condition on `old`.
    pub undeletable: Option<&'static str>,
    /// Columns whose values the enforcement layer puts into an audit chain of each row, where no trigger
    /// audits the table. The others are not in the trail.
    pub audited_columns: &'static [&'static str],
    /// Columns that hold keys, hashes, signatures or identifiers by design: random text is no secret there. See
    /// [`crate::secret`].
    pub opaque: &'static [&'static str],
    /// Whether backends cache its rows: the trigger `invalidate` notifies all of them of a change.
    pub is_cached: bool,
    /// The column of the time by whose months it is partitioned.
    pub partitioned_by: Option<&'static str>,
    /// Other policies.
    pub policies: &'static [Policy],
    /// Other triggers.
    pub triggers: &'static [Trigger],
}

impl Table {
    /// Configuration that administrators add and change, and that is never deleted.
    pub const CONFIGURATION: Self = Self {
        name: "",
        kind: Kind::Configuration,
        columns: &[],
        key: &[],
        tenancy: Tenancy::Tenant,
        writer: Writer::Callers,
        frozen: Frozen::Key,
        select: READERS,
        insert: ADMINISTRATORS,
        update: ADMINISTRATORS,
        delete: NOBODY,
        select_columns: None,
        undeletable: None,
        audited_columns: &[],
        opaque: &[],
        is_cached: false,
        partitioned_by: None,
        policies: &[],
        triggers: &[],
    };

    /// Records of a work order that users add, change and remove.
    pub const CHILD: Self =
        Self { insert: USERS, update: USERS, delete: USERS, ..Self::CONFIGURATION };

    /// What the enforcement layer alone adds and changes.
    pub const SYSTEM: Self = Self {
        kind: Kind::System,
        writer: Writer::Enforcement,
        insert: ENFORCEMENT,
        update: ENFORCEMENT,
        ..Self::CONFIGURATION
    };

    /// What the enforcement layer alone appends, and nobody changes.
    pub const LOG: Self =
        Self { kind: Kind::Log, frozen: Frozen::Row, update: NOBODY, ..Self::SYSTEM };

    /// The registered table of that name. For constants: it does not compile without such a table.
    ///
    /// # Panics
    /// No such table is registered.
    #[must_use]
    pub const fn named(name: &str) -> &'static Self {
        let mut index = 0;
        while index < TABLES.len() {
            if is_same(TABLES[index].name, name) {
                return TABLES[index];
            }
            index += 1;
        }
        panic!("no table of that name is registered");
    }

    /// The column of that name.
    #[must_use]
    pub fn column(&self, name: &str) -> Option<&'static Column> {
        self.columns.iter().find(|column| column.name == name)
    }

    /// The columns that never change: all where the rows never change.
    pub fn frozen_columns(&self) -> impl Iterator<Item = &'static str> {
        let (key, others, all): (_, &'static [&'static str], &'static [Column]) = match self.frozen
        {
            Frozen::Key => (self.key, &[], &[]),
            Frozen::KeyAnd(others) => (self.key, others, &[]),
            Frozen::Row => (&[][..], &[], self.columns),
        };
        key.iter().chain(others).copied().chain(all.iter().map(|column| column.name))
    }

    /// Whether each of its objects has an audit chain of its own, written by triggers.
    #[must_use]
    pub const fn is_configuration(&self) -> bool {
        matches!(self.kind, Kind::Configuration | Kind::Definition)
    }

    /// Whether callers write texts into it, themselves or through functions, so that its rows are searched for
    /// secrets. Rows of the other kinds are made by the enforcement layer of what was searched.
    #[must_use]
    pub const fn takes_text(&self) -> bool {
        match (&self.kind, self.writer) {
            (_, Writer::Grantees) | (Kind::Log | Kind::System, _) => false,
            (Kind::Configuration | Kind::Definition | Kind::WorkOrder | Kind::Child(_), _) => true,
        }
    }

    /// How its rows belong to a work order, where they do.
    #[must_use]
    pub const fn child(&'static self) -> Option<ChildTable> {
        match &self.kind {
            Kind::Child(child) => Some(ChildTable { name: self.name, child }),
            _ => None,
        }
    }

    /// The columns that name an object in its audit chain: the key without the tenant, or the tenant
    /// where that is the whole key.
    #[must_use]
    pub fn subject_key(&self) -> &'static [&'static str] {
        match self.key {
            ["tenant_id", rest @ ..] if !rest.is_empty() => rest,
            key => key,
        }
    }

    /// Every role that has a privilege on it.
    pub fn roles(&self) -> impl Iterator<Item = Role> {
        let partly = self.select_columns.map_or(NOBODY, |grant| grant.roles);
        let of_policies = self.policies.iter().filter(|policy| !policy.is_restrictive);
        let mut all: Vec<Role> = [self.select, self.insert, self.update, self.delete, partly]
            .into_iter()
            .chain(of_policies.map(|policy| policy.roles))
            .flatten()
            .copied()
            .collect();
        all.dedup();
        Role::ALL.into_iter().filter(move |role| all.contains(role))
    }
}

/// A view that has grants or triggers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct View {
    /// Its name, without the schema.
    pub name: &'static str,
    /// The roles that may SELECT.
    pub select: &'static [Role],
    /// The roles that may INSERT.
    pub insert: &'static [Role],
    /// Its triggers.
    pub triggers: &'static [Trigger],
}

/// A sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sequence {
    /// Its name, without the schema.
    pub name: &'static str,
    /// The roles that may read its value.
    pub select: &'static [Role],
    /// The roles that may take values.
    pub usage: &'static [Role],
}
