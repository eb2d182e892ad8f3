//! The ids of new rows.

use crate::kernel::identity::random_bytes;
use std::cell::Cell;
use uuid::Uuid;
use wo_rules::time::unix_milliseconds;

thread_local! {
    /// The time of the last id that this backend made, in microseconds.
    static LAST_ID_AT: Cell<i64> = const { Cell::new(i64::MIN) };
}

/// A new UUIDv7: its first bits are the time, so that new rows stand together in an index. Below
/// the millisecond come the microseconds (RFC 9562, method 3), and never the same ones twice in a
/// backend: what is made later lists as newer.
pub fn new_id(at: i64) -> Uuid {
    let at = at.max(LAST_ID_AT.get().saturating_add(1));
    LAST_ID_AT.set(at);
    let milliseconds = u64::try_from(unix_milliseconds(at)).unwrap_or(0);
    let mut rest = random_bytes::<10>();
    let below = u16::try_from(at.rem_euclid(1000)).unwrap_or(0) << 2 | u16::from(rest[1] & 3);
    rest[..2].copy_from_slice(&below.to_be_bytes());
    uuid::Builder::from_unix_timestamp_millis(milliseconds, &rest).into_uuid()
}
