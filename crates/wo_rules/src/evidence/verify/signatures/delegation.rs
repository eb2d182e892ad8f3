//! Signatures on behalf of somebody: the chain of delegations from that person to the signer.

use super::Known;
use crate::evidence::verify::sections::{Moment, Signature};

/// The most delegations that one signature is followed through.
const LONGEST_CHAIN: usize = 100;

/// Why the delegations do not let the signer sign, if they do not.
///
/// They are followed from the signer's to the first; each was in force when the signature was made,
/// and lets sign in that role, lifecycle and meaning.
pub fn why_not(signature: &Signature, known: &Known<'_, '_>) -> Option<&'static str> {
    let (first, root) = match (&signature.delegation_id, &signature.on_behalf_of) {
        (None, None) => return None,
        (Some(first), Some(root)) => (first, root),
        _ => return Some("it names a delegation or on whose behalf it was made, but not both"),
    };
    let delegations = &known.around.delegations;
    let lifecycle = known.work_order.and_then(|held| held.record.text("lifecycle"));
    let at = Moment::of(&signature.signed_at)?;
    let (mut id, mut delegate) = (first, &signature.signer);
    for _ in 0..LONGEST_CHAIN {
        let Some(link) = delegations.get(id) else {
            return Some("its delegation is not among the delegations");
        };
        if link.delegate != *delegate || link.role != signature.role {
            return Some("its delegation is not to the signer in that role");
        }
        let fits = |limit: &Option<String>, value: Option<&String>| {
            limit.as_ref().is_none_or(|limit| value.is_none_or(|value| value == limit))
        };
        if !fits(&link.lifecycle, lifecycle.as_ref())
            || !fits(&link.meaning, Some(&signature.meaning))
        {
            return Some("its delegation is not for that lifecycle or meaning");
        }
        let is_over = [Some(&link.ends_at), link.revoked_at.as_ref()]
            .into_iter()
            .flatten()
            .any(|end| Moment::of(end).is_none_or(|end| end <= at));
        if is_over || Moment::of(&link.starts_at).is_none_or(|start| start > at) {
            return Some("its delegation was not in force when it was made");
        }
        match &link.parent_id {
            None if link.delegator == *root => return None,
            None => {
                return Some("its delegation does not lead to the one on whose behalf it was made");
            }
            Some(parent) => (id, delegate) = (parent, &link.delegator),
        }
    }
    Some("its delegations go round in a cycle, or are too many to follow")
}
