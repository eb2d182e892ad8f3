//! Partitions of the trail and the outbox: making them ahead.

use crate::pg::lock::{Lock, Purpose};
use crate::pg::statement::{Mode, statement};
use pgrx::prelude::*;

statement!(MAKE, "select wo.make_partitions()", []);
// The names of partitions are in the order of their months.
statement!(
    IS_MADE,
    "select pg_catalog.count(*) = 2 from (
        select pg_catalog.max(pg_catalog.right(partition.relname, 7)) as newest
        from pg_catalog.pg_inherits as link
        join pg_catalog.pg_class as partition on partition.oid = link.inhrelid
        where link.inhparent in (pg_catalog.to_regclass('wo.audit_entry'), pg_catalog.to_regclass('wo.event'))
        group by link.inhparent
     ) as made
     where made.newest >= pg_catalog.to_char(pg_catalog.now() at time zone 'UTC' + interval '12 months', 'YYYY_MM')",
    []
);

/// Has the partitions made by one process at a time, until the transaction ends. Only the owner of the
/// tables may call it.
#[pg_extern(schema = "wo_private")]
fn lock_partitions() {
    Lock::new(Purpose::Partitions, &[]).until_end();
}

/// Makes the partitions of the next twelve months that are not there yet. Gives how many; where none is
/// missing, nothing but the catalogue is looked at.
pub fn make_ahead() -> i32 {
    let is_made = IS_MADE
        .with(|statement| statement.run(Mode::Latest, &[], |rows| rows.get(0, 1).unwrap_or(false)));
    if is_made {
        return 0;
    }
    MAKE.with(|statement| statement.run(Mode::Write, &[], |rows| rows.get(0, 1))).unwrap_or(0)
}
