//! Many clients at once: races on real connections.

mod added_columns;
mod alone;
mod altering;
mod column_types;
mod consumers;
mod ddl_in_flight;
mod events;
mod forgetting;
mod guard_lock;
mod harness;
mod locks;
mod null_columns;
mod others_objects;
mod past_sql;
mod preloaded;
mod races;
mod registered;
mod schema_changes;
pub mod stage;
mod suppressed;
mod suppressed_answers;
mod trigger_functions;
mod upsert_rules;
