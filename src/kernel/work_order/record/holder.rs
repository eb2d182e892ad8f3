//! What an effect on a work order has to wait for.

use super::layout::Column;
use super::unfinished::{
    Holder, frame_around, has_child_writes, has_entries, is_pending, outer_frame,
};
use super::view::{Reading, read_as_trail};
use crate::pg::transaction::make_visible;
use uuid::Uuid;

/// What an effect on a work order has to wait for, if anything.
pub fn holder_of(tenant: Uuid, id: Uuid) -> Option<Holder> {
    if let Some(depth) = outer_frame(id) {
        return Some(Holder::Frame(depth));
    }
    if has_entries(id) {
        make_visible();
        let stored: Option<Vec<u8>> =
            read_as_trail(Reading::Latest, tenant, id, |seen| seen.get(Column::ChainHash))
                .flatten();
        let hash = stored.and_then(|hash| <[u8; 32]>::try_from(hash).ok());
        if let Some(hash) = hash.filter(|hash| is_pending(id, hash)) {
            return Some(Holder::Entry(id, hash));
        }
    }
    has_child_writes(id, None).then_some(Holder::Child(id))
}

/// What an edge that the system takes has to wait for: what an effect waits for, and the effects of
/// the work order around those that are carried out just now.
pub fn holder_of_edge(tenant: Uuid, id: Uuid) -> Option<Holder> {
    frame_around(id).map(Holder::Frame).or_else(|| holder_of(tenant, id))
}
