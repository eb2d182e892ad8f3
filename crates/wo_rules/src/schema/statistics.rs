//! What the planner knows of the columns that hold data of tenants.
//!
//! `ANALYZE` collects the most common values and the bounds of a column over all tenants, and every role may
//! `EXPLAIN`: the estimate of a value would show a tenant how many rows the others have of it. So `ANALYZE`
//! leaves these columns alone (`SET STATISTICS 0`), and the planner gets fixed figures without any value:
//! what share of the rows is NULL, how wide a value is, and how many distinct values there are. Without the
//! last of these it takes the wrong one of two indexes where a list has two filters.

use super::{Column, Table, Tenancy, Type};

/// Fixed figures of a column, instead of those that `ANALYZE` would collect.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ColumnStatistics {
    /// The share of the rows that is NULL.
    pub null_fraction: f32,
    /// How many bytes a value has on average.
    pub width: i32,
    /// The number of distinct values; a negative one is a share of the rows, as in `pg_statistic.stadistinct`.
    pub distinct: f32,
}

/// The columns that lists filter by, with the number of distinct values and the share of NULL. The filter that leaves
/// fewest rows is the one whose index is read. Few distinct values, as with [`TENANTS`]: a list then reads its
/// index in order.
const FILTERS: &[(&str, &str, f32, f32)] = &[
    ("work_order", "project", 16.0, 0.1),
    ("work_order", "assignee", 8.0, 0.1),
    ("work_order", "status", 8.0, 0.0),
    ("work_order", "wo_number", -1.0, 0.0),
    ("work_order", "idempotency_key", -1.0, 0.9),
    ("work_order", "due_date", -0.01, 0.9),
    ("work_order", "state_deadline", -0.5, 0.9),
    ("work_order", "state_deadline_notified_at", -0.5, 0.98),
    ("audit_entry", "position", -1.0, 0.0),
];

/// How many tenants the planner expects. Few: a list that ends at its limit is then read from an index in its order.
/// Where it expects a tenant to have few rows, it reads and sorts them all.
const TENANTS: f32 = 4.0;

/// How many values the planner expects of a column of names: states, roles, kinds.
const NAMES: f32 = 50.0;

impl Table {
    /// The fixed figures of a column. None where PostgreSQL collects its own: in tables of the installation, and
    /// of booleans, whose share says nothing of a tenant.
    #[must_use]
    pub fn statistics(&self, column: &Column) -> Option<ColumnStatistics> {
        let base = column.data_type.base();
        if self.tenancy == Tenancy::Installation || base == Type::Boolean {
            return None;
        }
        let is_filter = |(table, name, ..): &&(&str, &str, f32, f32)| {
            *table == self.name && *name == column.name
        };
        let (distinct, null_fraction) = match FILTERS.iter().find(is_filter) {
            Some((_, _, distinct, null_fraction)) => (*distinct, *null_fraction),
            None if column.is_nullable => (self.distinct(column, base), 0.5),
            None => (self.distinct(column, base), 0.0),
        };
        Some(ColumnStatistics { null_fraction, width: width(column.data_type), distinct })
    }

    fn distinct(&self, column: &Column, base: Type) -> f32 {
        match (self.key, base) {
            _ if column.name == "tenant_id" => TENANTS,
            (["tenant_id", only], _) if *only == column.name => -1.0,
            (_, Type::Uuid) => -0.2,
            (_, Type::Text | Type::Smallint | Type::Integer | Type::Numeric | Type::Interval) => {
                NAMES
            }
            (_, Type::Date) => -0.01,
            _ => -0.5,
        }
    }
}

/// The usual width of a value of a type.
fn width(data_type: Type) -> i32 {
    match data_type.base() {
        Type::Boolean => 1,
        Type::Smallint => 2,
        Type::Integer | Type::Date => 4,
        Type::Bigint | Type::TimestampTz | Type::Numeric => 8,
        Type::Uuid | Type::Interval => 16,
        Type::Bytea => 33,
        Type::Text if is_long(data_type) => 200,
        Type::Text => 16,
        Type::Json | Type::Jsonb => 200,
        Type::TextArray | Type::DateArray => 32,
        Type::Domain(_) => 32,
    }
}

fn is_long(data_type: Type) -> bool {
    data_type == super::types::DOCUMENT || data_type == super::types::REMARK
}
