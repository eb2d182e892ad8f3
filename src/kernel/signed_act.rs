//! Signed acts that are no transition: what concepts say of the subjects on which somebody signs.

use super::work_order::ActorRoles;
use super::work_order::WorkOrderView;
use serde_json::Value;
use std::cell::RefCell;
use std::rc::Rc;
use uuid::Uuid;
use wo_rules::refusal::Refusal;

/// What somebody asks to sign, or signs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Act {
    /// The subject within its work order.
    pub subject: String,
    /// What the signature means.
    pub meaning: String,
    /// What is decided.
    pub decision: Option<String>,
    /// Why.
    pub reason: Option<String>,
}

/// A subject as it is.
pub struct Subject {
    /// The role in which the actor may carry the act out.
    pub role: String,
    /// Its canonical content (JCS).
    pub content: String,
}

/// A work order, and the subject within it.
pub type Located = Result<(Uuid, String), Refusal>;

/// A kind of subjects.
pub struct Kind {
    /// Its name.
    pub name: &'static str,
    /// What a signature on it may mean.
    pub meanings: &'static [&'static str],
    /// Reads an id as callers give it: the work order, and the subject within it.
    pub locate: fn(Uuid, &str) -> Located,
    /// Checks that the actor may carry the act out now, and reads the subject.
    pub check: fn(&WorkOrderView<'_>, &ActorRoles, &Act) -> Result<Subject, Refusal>,
    /// Carries the signed act out, and says what was recorded. It runs as the signer.
    pub carry_out: fn(Uuid, Uuid, &Act) -> Value,
}

/// A signature that was recorded, while its act is carried out.
#[derive(Debug, Clone)]
pub struct Signed {
    /// Its id.
    pub signature: Uuid,
    /// The work order.
    pub work_order: Uuid,
    /// The act.
    pub act: Rc<Act>,
}

thread_local! {
    static SIGNED: RefCell<Option<Signed>> = const { RefCell::new(None) };
}

/// Puts back what was there before, where an error ends the act, too.
struct During(Option<Signed>);

impl Drop for During {
    fn drop(&mut self) {
        SIGNED.set(self.0.take());
    }
}

/// Carries a signed act out.
pub fn carry_out(kind: &Kind, tenant: Uuid, signed: Signed) -> Value {
    let (work_order, act) = (signed.work_order, Rc::clone(&signed.act));
    let _during = During(SIGNED.replace(Some(signed)));
    (kind.carry_out)(tenant, work_order, &act)
}

/// The signature of the act that is carried out on that work order; it is taken once.
pub fn take(work_order: Uuid) -> Option<Signed> {
    SIGNED.with_borrow_mut(|signed| match signed {
        Some(one) if one.work_order == work_order => signed.take(),
        _ => None,
    })
}
