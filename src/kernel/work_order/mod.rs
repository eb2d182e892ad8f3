//! Work orders: the record, its triggers, the records that belong to it, and the functions that callers
//! use. Each of these modules uses those before it.

pub mod record;

pub mod triggers;

pub mod child_records;

pub mod api;

pub use record::actor_roles::{self, ActorRoles, kind_of};
pub use record::id::new_id;
pub use record::layout::{Column, Layout, is_beside_changes};
pub use record::placing::{Placing, master_of};
pub use record::reference::{find, with_work_order_row};
pub use record::row::{RecordView, WorkOrderRow, lifecycle_of};
pub use record::state_entry::{blocker_of, time_rule_of};
pub use record::view::{
    Reading, WorkOrderView, read, read_as_trail, with_locked_work_order, with_work_order,
};
pub use record::{direct, holder, pending, tree, unfinished};
pub use triggers::{at_regulatory_end, number, request};

/// Registers the hooks of transactions; called once in a backend.
pub fn register() {
    number::register();
    unfinished::register();
}
