//! The ledger: sealing the trail, proving that an entry is sealed, verifying, and going on after a
//! loss. The tree itself is in `wo_rules::ledger`.

pub mod health;
mod key;
mod outside;
mod proof;
pub mod recovery;
pub mod seal;
mod situation;
pub mod store;
mod verify;

pub use health::unsealed;
pub use proof::newest_bundle_of;
pub use seal::register;

use crate::kernel::identity::login_is_member;
use crate::pg::error::{damaged, refuse};
use pgrx::prelude::*;
use wo_rules::ledger::tile::Damage;
use wo_rules::refusal::Refusal;

/// The refusal where the stored tree cannot answer.
fn unreadable(damage: Damage) -> Refusal {
    damaged(&damage.to_string())
        .hint("select * from wo.verify_ledger(); says what is wrong with the ledger.")
}

/// Refuses a role that is no member of `wo_admin`.
fn administrators_only(what: &str) {
    if !login_is_member("wo_admin") {
        refuse(crate::kernel::configuration::not_an_administrator(what));
    }
}

/// The public key that verifies the newest checkpoint, or, before the first, that of the key file.
#[pg_extern(schema = "wo_private", stable, parallel_restricted)]
#[search_path(pg_catalog, pg_temp)]
fn sealing_key() -> Option<String> {
    crate::kernel::version::check_tables();
    store::newest()
        .map(|newest| newest.signed_by)
        .or_else(|| key::read().ok().map(|key| key.verifier().to_string()))
}
