//! How a relation of a database differs from what the table registry says of it.
//!
//! A registered object that is missing or altered is a [`Problem`]: nothing may be read or written
//! before it is repaired. An object that the registry does not know is none: a DBA may add columns,
//! triggers, policies and rules. A table that has some is written by statements, which meet them.

use super::{
    ExpectedPolicy, ExpectedTrigger, Role, TABLES, Table, Type, View, policies_of, triggers_of,
};
use std::fmt;
use std::rc::Rc;
use std::sync::OnceLock;

/// Who owns every table, view and sequence.
pub const OWNER: &str = "wo_owner";

/// What a relation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RelationKind {
    /// A table that holds rows itself.
    Table,
    /// A table that is divided into partitions.
    Partitioned,
    /// A view.
    View,
    /// A sequence.
    Sequence,
    /// Anything else.
    Other,
}

/// A relation of schema `wo` as a database has it.
#[derive(Clone, Debug)]
pub struct Found {
    /// Its name, without the schema.
    pub name: String,
    /// What it is.
    pub kind: RelationKind,
    /// Its owner, where that is not [`OWNER`].
    pub other_owner: Option<String>,
    /// Whether row security is enabled and forced.
    pub is_secured: bool,
    /// Whether it has rules.
    pub has_rules: bool,
    /// Its columns, without those that were dropped.
    pub columns: Vec<FoundColumn>,
    /// Its triggers, without those of PostgreSQL's own constraints.
    pub triggers: Vec<FoundTrigger>,
    /// Its policies.
    pub policies: Vec<FoundPolicy>,
}

/// The type of a column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundType {
    /// Its name, with its schema where that is not `pg_catalog`.
    pub name: Rc<str>,
    /// The type below its domains, where the registry knows that one.
    pub base: Option<Type>,
}

/// A column.
#[derive(Clone, Debug)]
pub struct FoundColumn {
    /// Its name.
    pub name: String,
    /// Its position, counted from 0, with columns that were dropped.
    pub position: usize,
    /// Its type.
    pub data_type: FoundType,
    /// Whether a value is stored as it is given: no statement generates, numbers or cuts it.
    pub is_plain: bool,
}

/// When a trigger fires.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Firing {
    /// `before`, `after` or `instead of`.
    pub timing: &'static str,
    /// The events: `insert`, `update`, `delete`, `truncate`, in that order.
    pub events: [bool; 4],
    /// The columns of `update of`, sorted.
    pub columns: Vec<String>,
}

/// The events of [`Firing`], in their order.
pub const EVENTS: [&str; 4] = ["insert", "update", "delete", "truncate"];

impl Firing {
    /// Reads `before insert or update of a, b`.
    fn read(event: &str) -> Self {
        let (event, columns) = match event.strip_prefix("instead of ") {
            Some(rest) => (rest, ""),
            None => event.split_once(" of ").unwrap_or((event, "")),
        };
        let timing = ["before", "after"].into_iter().find(|timing| event.starts_with(timing));
        let names = columns.split(',').map(str::trim).filter(|column| !column.is_empty());
        let mut columns: Vec<String> = names.map(str::to_owned).collect();
        columns.sort_unstable();
        Self {
            timing: timing.unwrap_or("instead of"),
            events: EVENTS.map(|one| event.split_ascii_whitespace().any(|word| word == one)),
            columns,
        }
    }
}

/// A trigger.
#[derive(Clone, Debug)]
pub struct FoundTrigger {
    /// Its name.
    pub name: String,
    /// When it fires.
    pub firing: Firing,
    /// Whether it fires for each row, or for each statement.
    pub is_for_each_row: bool,
    /// Whether it has a WHEN clause.
    pub has_condition: bool,
    /// Whether it has transition tables.
    pub has_transition_tables: bool,
    /// Whether it is a constraint trigger that fires at the end of the transaction.
    pub is_deferred: bool,
    /// The function that it runs, where that is one of `wo_private` and runs the library's own code.
    pub function: Option<Rc<str>>,
    /// The arguments of the function.
    pub arguments: Vec<String>,
    /// In which sessions it fires: `A` in all, `O` but for replicas, `R` for replicas alone, `D` in none.
    pub enabled: u8,
}

/// A policy.
#[derive(Clone, Debug)]
pub struct FoundPolicy {
    /// Its name.
    pub name: String,
    /// Whether it restricts what the others permit.
    pub is_restrictive: bool,
    /// The command: `select`, …, or `all`.
    pub command: &'static str,
    /// The roles, in the order of [`Role::ALL`]. None where there are others.
    pub roles: Option<Vec<Role>>,
    /// The expression of USING, with a search path of `pg_catalog`.
    pub using: Option<Rc<str>>,
    /// The expression of WITH CHECK.
    pub check: Option<Rc<str>>,
}

/// Whether a deparsed condition names `tenant_id`, where it is one of those that most tables have and
/// names no other column.
#[must_use]
pub fn names_tenant_alone(condition: &str) -> Option<bool> {
    match condition {
        super::generate::DEPARSED_OF_THE_TENANT => Some(true),
        super::generate::IN_FORCE | "true" => Some(false),
        _ => None,
    }
}

/// What is wrong with a relation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Problem {
    /// A column whose values are of another type.
    ColumnType {
        /// The table, without its schema.
        table: String,
        /// The column.
        column: &'static str,
        /// The type that it has.
        found: FoundType,
        /// The type that its values must have.
        expected: Type,
    },
    /// Anything else, as a sentence.
    Other(String),
}

impl fmt::Display for Problem {
    fn fmt(&self, text: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ColumnType { table, column, found, expected } => {
                let (found, expected) = (&found.name, expected.name());
                write!(text, "column {column} of wo.{table} has type {found} instead of {expected}")
            }
            Self::Other(sentence) => text.write_str(sentence),
        }
    }
}

/// What a direct write meets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Command {
    /// An INSERT.
    Insert,
    /// An UPDATE that finds its rows by a condition.
    Update,
}

/// The outcome of a comparison.
#[derive(Clone, Debug, Default)]
pub struct Comparison {
    /// What is missing or altered.
    pub problems: Vec<Problem>,
    /// The positions of the registered columns, where the table has nothing that the registry does not
    /// know and that an INSERT would meet.
    pub insert: Option<Rc<[usize]>>,
    /// The same for an UPDATE.
    pub update: Option<Rc<[usize]>>,
}

impl Comparison {
    /// The positions of the registered columns, where a write without a statement meets everything
    /// that a statement would meet.
    #[must_use]
    pub fn positions(&self, command: Command) -> Option<Rc<[usize]>> {
        match command {
            Command::Insert => self.insert.clone(),
            Command::Update => self.update.clone(),
        }
    }

    fn add(&mut self, sentence: String) {
        self.problems.push(Problem::Other(sentence));
    }
}

/// What the registry says of a relation.
#[derive(Clone, Copy, Debug)]
pub enum Registered {
    /// A table.
    Table(&'static Table),
    /// A partition of that table.
    Partition(&'static Table),
    /// A view.
    View(&'static View),
    /// A sequence.
    Sequence,
}

impl Registered {
    /// What the registry says of the relation of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let view = || super::views().find(|view| view.name == name).map(Self::View);
        let sequence = || super::sequences().find(|one| one.name == name).map(|_| Self::Sequence);
        super::table(name).map(Self::Table).or_else(view).or_else(sequence)
    }
}

/// A trigger as it must be, with its event as it is compared.
type FiringTrigger = (ExpectedTrigger, Firing);

fn with_firing(trigger: ExpectedTrigger) -> FiringTrigger {
    let firing = Firing::read(&trigger.event);
    (trigger, firing)
}

/// What a table must have.
struct Expected {
    triggers: Vec<FiringTrigger>,
    policies: Vec<ExpectedPolicy>,
}

impl Expected {
    fn of(table: &'static Table) -> Self {
        let mut policies = policies_of(table);
        policies.iter_mut().for_each(|policy| policy.roles.sort_unstable());
        Self { triggers: triggers_of(table).into_iter().map(with_firing).collect(), policies }
    }
}

/// Of each table, in their order; made when it is needed first.
static EXPECTED: [OnceLock<Expected>; TABLES.len()] = [const { OnceLock::new() }; TABLES.len()];

/// Makes what every table must have. Processes that are forked after this find it made.
pub fn prepare() {
    for (place, table) in EXPECTED.iter().zip(TABLES) {
        place.get_or_init(|| Expected::of(table));
    }
}

fn expected(table: &'static Table) -> Option<&'static Expected> {
    let index = TABLES.iter().position(|one| one.name == table.name)?;
    Some(EXPECTED.get(index)?.get_or_init(|| Expected::of(table)))
}

/// Compares a relation with the registry. `is_own` says whether a function of `wo_private` without
/// parameters runs the library's own code.
pub fn compare(registered: Registered, found: &Found, is_own: impl Fn(&str) -> bool) -> Comparison {
    let mut result = Comparison::default();
    let name = &found.name;
    let is_of_kind = match registered {
        Registered::Table(_) | Registered::Partition(_) => {
            matches!(found.kind, RelationKind::Table | RelationKind::Partitioned)
        }
        Registered::View(_) => found.kind == RelationKind::View,
        Registered::Sequence => found.kind == RelationKind::Sequence,
    };
    if !is_of_kind {
        result.add(format!("wo.{name} is not what it was made as"));
        return result;
    }
    if let Some(owner) = &found.other_owner {
        result.add(format!("table wo.{name} belongs to {owner} instead of {OWNER}"));
    }
    match registered {
        Registered::Table(table) => {
            let Some(expected) = expected(table) else {
                result.add(format!("wo.{name} is not registered"));
                return result;
            };
            let others = compare_triggers(expected.triggers.iter(), found, &mut result);
            let (insert, update) = compare_policies(&expected.policies, found, is_own, &mut result);
            let columns = compare_columns(table, found, &mut result).filter(|_| !others);
            let columns = columns.filter(|_| result.problems.is_empty() && !found.has_rules);
            result.insert = columns.clone().filter(|_| insert);
            result.update = columns.filter(|_| update);
        }
        Registered::Partition(table) => {
            let Some(expected) = expected(table) else {
                result.add(format!("wo.{name} is not registered"));
                return result;
            };
            let is_of_partitions = |(trigger, _): &&FiringTrigger| {
                trigger.is_for_each_row || trigger.name == "forbid_truncate"
            };
            let triggers = expected.triggers.iter().filter(is_of_partitions);
            let others = compare_triggers(triggers, found, &mut result);
            if !found.is_secured {
                result.add(format!("row security of wo.{name} is not enforced"));
            }
            let columns = compare_columns(table, found, &mut result).filter(|_| !others);
            result.insert = columns.filter(|_| {
                result.problems.is_empty() && !found.has_rules && found.policies.is_empty()
            });
        }
        Registered::View(view) => {
            let expected: Vec<FiringTrigger> =
                view.triggers.iter().map(ExpectedTrigger::from).map(with_firing).collect();
            compare_triggers(expected.iter(), found, &mut result);
        }
        Registered::Sequence => {}
    }
    result
}

/// Gives the positions of the registered columns, where there are no others and all are of exactly
/// their type.
fn compare_columns(
    table: &'static Table,
    found: &Found,
    result: &mut Comparison,
) -> Option<Rc<[usize]>> {
    let mut is_exact = found.columns.len() == table.columns.len();
    let mut positions = Vec::with_capacity(table.columns.len());
    for (index, column) in table.columns.iter().enumerate() {
        // Nearly always they stand in their order.
        let in_order = found.columns.get(index).filter(|one| one.name == column.name);
        let Some(here) =
            in_order.or_else(|| found.columns.iter().find(|one| one.name == column.name))
        else {
            result.add(format!("column {} of wo.{} is missing", column.name, found.name));
            continue;
        };
        let wanted = column.data_type;
        if here.data_type.base != Some(wanted.base()) {
            result.problems.push(Problem::ColumnType {
                table: found.name.clone(),
                column: column.name,
                found: here.data_type.clone(),
                expected: wanted.base(),
            });
        }
        is_exact &= here.is_plain && *here.data_type.name == *wanted.name();
        positions.push(here.position);
    }
    is_exact.then(|| positions.into())
}

/// Gives whether there are others.
fn compare_triggers<'a>(
    expected: impl Iterator<Item = &'a FiringTrigger>,
    found: &Found,
    result: &mut Comparison,
) -> bool {
    let mut count = 0;
    for (trigger, firing) in expected {
        count += 1;
        let here = found.triggers.iter().find(|one| one.name == trigger.name);
        let problem = match here {
            None => "missing",
            Some(here) if here.enabled != if trigger.is_always { b'A' } else { b'O' } => {
                "not enabled as it was made"
            }
            Some(here) if here.function.as_deref() != Some(trigger.function) => {
                "not running its own function"
            }
            Some(here) if !is_as_made(trigger, firing, here) => "not as it was made",
            Some(_) => continue,
        };
        result.add(format!("trigger {} of wo.{} is {problem}", trigger.name, found.name));
    }
    found.triggers.len() > count
}

fn is_as_made(expected: &ExpectedTrigger, firing: &Firing, found: &FoundTrigger) -> bool {
    found.is_for_each_row == expected.is_for_each_row
        && found.has_condition == expected.when.is_some()
        && !found.has_transition_tables
        && found.is_deferred == expected.is_deferred
        && found.arguments == expected.arguments
        && found.firing == *firing
}

/// Gives whether an INSERT and an UPDATE meet the registered policies alone.
fn compare_policies(
    expected: &[ExpectedPolicy],
    found: &Found,
    is_own: impl Fn(&str) -> bool,
    result: &mut Comparison,
) -> (bool, bool) {
    if !found.is_secured {
        result.add(format!("row security of wo.{} is not enforced", found.name));
    }
    for policy in expected {
        let is_there = found.policies.iter().any(|one| is_policy(policy, one));
        if !is_there {
            result.add(format!(
                "policy {} of wo.{} is missing or not as it was made",
                policy.name, found.name
            ));
        }
        for function in policy.functions() {
            if !is_own(function) {
                result.add(format!(
                    "function wo_private.{function}(), which policy {} of wo.{} calls, is not as it was made",
                    policy.name, found.name
                ));
            }
        }
    }
    let is_known = |one: &FoundPolicy| expected.iter().any(|policy| policy.name == one.name);
    let meets_no_other = |commands: &[&str]| {
        found.policies.iter().all(|one| !commands.contains(&one.command) || is_known(one))
    };
    (meets_no_other(&["all", "insert"]), meets_no_other(&["all", "select", "update"]))
}

fn is_policy(expected: &ExpectedPolicy, found: &FoundPolicy) -> bool {
    let condition = Some(expected.deparsed());
    let (using, check) = match expected.command {
        "insert" => (None, condition),
        _ => (condition, None),
    };
    found.name == expected.name
        && found.is_restrictive == expected.is_restrictive
        && found.command == expected.command
        && found.roles.as_ref() == Some(&expected.roles)
        && found.using.as_deref() == using
        && found.check.as_deref() == check
}

#[cfg(test)]
mod tests;
