//! The conditions of policies that most tables have, as the trees that PostgreSQL's parser makes of them.
//!
//! Comparing two trees costs a tenth of writing one out. A tree that differs in anything is written out and
//! compared as a text.

use crate::pg::found::own_named;
use pgrx::pg_sys;
use std::ffi::CString;
use wo_rules::schema::compare::UsualCondition;

/// PostgreSQL's operator `uuid = uuid`, whose oid never changes.
const UUID_EQUALS: u32 = 2972;

/// Which condition a tree is, where it is one of these; `tenant` is the number of the column `tenant_id`.
///
/// # Safety
/// It must be the tree of an expression.
pub unsafe fn usual(tree: *const std::ffi::c_void, tenant: i16) -> Option<UsualCondition> {
    UsualCondition::ALL.into_iter().find(|condition| {
        // SAFETY: both are trees; comparing them reads no catalogue.
        made(*condition, tenant).is_some_and(|made| unsafe { pg_sys::equal(tree, made.cast()) })
    })
}

/// The tree of a condition; nothing where its function is not the library's own.
fn made(condition: UsualCondition, tenant: i16) -> Option<*const pg_sys::Node> {
    let (uuid, none) = (pg_sys::UUIDOID, pg_sys::Oid::INVALID);
    let nil = std::ptr::null_mut();
    // SAFETY: the nodes are made in the present memory context, each of its own kind.
    unsafe {
        let call = |function: &str, returned: pg_sys::Oid| {
            let explicit = pg_sys::CoercionForm::COERCE_EXPLICIT_CALL;
            let function = own_named(function)?;
            Some(pg_sys::makeFuncExpr(function, returned, nil, none, none, explicit))
        };
        Some(match condition {
            UsualCondition::Always => pg_sys::makeBoolConst(true, false),
            UsualCondition::InForce => call("in_force", pg_sys::BOOLOID)?.cast(),
            UsualCondition::OfTheTenant => {
                let function = "current_tenant";
                let called = call(function, uuid)?;
                let name = pg_sys::pstrdup(CString::new(function).ok()?.as_ptr());
                let target = pg_sys::makeTargetEntry(called.cast(), 1, name, false);
                let query: *mut pg_sys::Query = pg_sys::palloc0(size_of::<pg_sys::Query>()).cast();
                (*query).type_ = pg_sys::NodeTag::T_Query;
                (*query).commandType = pg_sys::CmdType::CMD_SELECT;
                (*query).canSetTag = true;
                (*query).jointree = pg_sys::makeFromExpr(nil, std::ptr::null_mut());
                (*query).targetList = pg_sys::lappend(nil, target.cast());
                let link: *mut pg_sys::SubLink =
                    pg_sys::palloc0(size_of::<pg_sys::SubLink>()).cast();
                (*link).xpr.type_ = pg_sys::NodeTag::T_SubLink;
                (*link).subLinkType = pg_sys::SubLinkType::EXPR_SUBLINK;
                (*link).subselect = query.cast();
                let column = pg_sys::makeVar(1, tenant, uuid, -1, none, 0);
                let equals = pg_sys::Oid::from(UUID_EQUALS);
                let (column, link) = (column.cast(), link.cast());
                pg_sys::make_opclause(equals, pg_sys::BOOLOID, false, column, link, none, none)
                    .cast()
            }
        })
    }
}
