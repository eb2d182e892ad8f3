//! Portals: the cursors that a session has open.

use crate::pg::statement::{Mode, Statement, statement};
use pgrx::pg_sys;
use std::ffi::CString;

statement!(OPEN, "select cursor.name from pg_catalog.pg_cursors as cursor", []);

/// A cursor that is open and not running.
struct Open {
    name: String,
    /// Whether it is of an earlier transaction (`WITH HOLD`), so that its rows were read there.
    is_kept: bool,
}

/// The cursors that are open, without those that run the calling statement.
fn open() -> Vec<Open> {
    let names: Vec<String> = OPEN.with(|statement| {
        statement.run(Mode::Caller, &[], |rows| {
            (0..rows.count()).filter_map(|row| rows.get(row, 1)).collect()
        })
    });
    names.into_iter().filter_map(idle).collect()
}

fn idle(name: String) -> Option<Open> {
    let of_c = CString::new(name.as_str()).ok()?;
    // SAFETY: a NUL-terminated name. The portal is read at once, and nothing runs meanwhile that closes it.
    unsafe {
        let portal = pg_sys::GetPortalByName(of_c.as_ptr());
        // A pinned one is the loop of a function that is running.
        if portal.is_null()
            || (*portal).portalPinned
            || (*portal).status == pg_sys::PortalStatus::PORTAL_ACTIVE
        {
            return None;
        }
        // A portal that outlived its transaction belongs to no subtransaction.
        Some(Open { name, is_kept: (*portal).createSubid == 0 })
    }
}

/// The name of a cursor that this transaction has open, if there is one.
pub fn open_in_transaction() -> Option<String> {
    open().into_iter().find(|portal| !portal.is_kept).map(|portal| portal.name)
}

/// Closes the cursors that earlier transactions left open.
pub fn close_kept() {
    for portal in open().into_iter().filter(|portal| portal.is_kept && !portal.name.is_empty()) {
        let name = portal.name.replace('"', "\"\"");
        Statement::new(format!("close \"{name}\""), &[]).run_unkept();
    }
}
