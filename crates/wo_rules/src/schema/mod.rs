//! The table registry: what each table of schema `wo` is, as data.
//!
//! Each concept describes its tables in a [`Section`] of its own, beside its rules. Everything that
//! depends on the tables is derived from here: row security, policies, grants, triggers and the planner's
//! statistics ([`enforcement_sql`]), the check that a database's tables are as registered, the audited subjects
//! and their keys, the lists of the tests. DDL and comments are hand-written SQL in `sql/`; a test
//! compares the two.

mod columns;
pub mod compare;
pub mod conditions;
mod generate;
mod privileges;
mod statistics;
mod table;

pub(crate) use columns::columns;
pub use columns::{Column, Domain, Type, types};
pub use generate::{
    ExpectedPolicy, ExpectedTrigger, enforcement_sql, policies_of, sql_of, triggers_of,
};
pub use privileges::{Role, groups};
pub use statistics::ColumnStatistics;
pub use table::{
    Child, ChildTable, ColumnGrant, Frozen, Kind, Policy, Section, Sequence, Table, Tenancy,
    Trigger, View, Writer,
};

/// The sections of all concepts, in the order of `sql/`. A new concept adds one line.
pub const SECTIONS: &[&Section] = &[
    &crate::identity::SCHEMA,
    &crate::lifecycle::SCHEMA,
    &crate::work_order::SCHEMA,
    &crate::definition::SCHEMA,
    &crate::release::SCHEMA,
    &crate::audit::SCHEMA,
    &crate::event::SCHEMA,
    &crate::consumer::SCHEMA,
    &crate::rollup::SCHEMA,
    &crate::deadline::SCHEMA,
    &crate::install::SCHEMA,
    &crate::schema_change::SCHEMA,
    &crate::secret::SCHEMA,
    &crate::dispatch::SCHEMA,
    &crate::finding::SCHEMA,
    &crate::hierarchy::SCHEMA,
    &crate::approval::SCHEMA,
    &crate::evidence::SCHEMA,
    &crate::ledger::SCHEMA,
    &crate::retention::SCHEMA,
    &crate::job_plan::SCHEMA,
    &crate::credential::SCHEMA,
    &crate::deliverable::SCHEMA,
    &crate::document::SCHEMA,
    #[cfg(feature = "sample_concept")]
    &crate::sample::SCHEMA,
];

const COUNT: usize = count();

/// Every table, in the order of `sql/`.
pub const TABLES: [&Table; COUNT] = flatten();

const fn count() -> usize {
    let (mut count, mut section) = (0, 0);
    while section < SECTIONS.len() {
        count += SECTIONS[section].tables.len();
        section += 1;
    }
    count
}

const fn flatten() -> [&'static Table; COUNT] {
    let mut all = [&SECTIONS[0].tables[0]; COUNT];
    let (mut next, mut section) = (0, 0);
    while section < SECTIONS.len() {
        let tables = SECTIONS[section].tables;
        let mut table = 0;
        while table < tables.len() {
            all[next] = &tables[table];
            next += 1;
            table += 1;
        }
        section += 1;
    }
    all
}

/// The table of that name, without its schema.
#[must_use]
pub fn table(name: &str) -> Option<&'static Table> {
    TABLES.iter().copied().find(|table| table.name == name)
}

/// The tables whose objects have audit chains of their own: the name of each is the chains' subject.
pub fn configuration() -> impl Iterator<Item = &'static Table> {
    TABLES.into_iter().filter(|table| table.is_configuration())
}

/// The tables whose rows have audit chains of their own: configuration, and those of which the enforcement layer
/// records some columns.
pub fn chained() -> impl Iterator<Item = &'static Table> {
    TABLES.into_iter().filter(|table| table.is_configuration() || !table.audited_columns.is_empty())
}

/// The tables whose rows belong to work orders and are in their audit chains.
pub fn child_tables() -> impl Iterator<Item = ChildTable> {
    TABLES.into_iter().filter_map(|table| table.child())
}

/// The tables whose rows backends cache.
pub fn cached() -> impl Iterator<Item = &'static Table> {
    TABLES.into_iter().filter(|table| table.is_cached)
}

/// Every view of schema `wo` that has grants or triggers.
pub fn views() -> impl Iterator<Item = &'static View> {
    SECTIONS.iter().flat_map(|section| section.views)
}

/// Every sequence of schema `wo`.
pub fn sequences() -> impl Iterator<Item = &'static Sequence> {
    SECTIONS.iter().flat_map(|section| section.sequences)
}

#[cfg(test)]
mod tests;
