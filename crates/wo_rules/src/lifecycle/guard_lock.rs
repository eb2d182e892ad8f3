//! The lock of a guard that counts other rows.

use crate::refusal::{Refusal, SqlState};

/// The longest name of a lock, in bytes.
const LONGEST: usize = 200;

/// Whether a guard may take the lock of that name.
///
/// # Errors
/// 22023 `lock_name`; 0A000 `isolation_level`: at REPEATABLE READ the guard would wait for another
/// transaction and not see what it wrote.
pub fn check_guard_lock(name: &str, is_repeatable_read: bool) -> Result<(), Refusal> {
    if !(1..=LONGEST).contains(&name.len()) {
        return Err(Refusal::new(
            SqlState::BadValue,
            "lock_name",
            format!("the name of a guard's lock has 1 to {LONGEST} bytes"),
        ));
    }
    if is_repeatable_read {
        return Err(Refusal::new(
            SqlState::NotSupported,
            "isolation_level",
            "a guard that locks cannot decide at the isolation level repeatable read",
        )
        .with("isolation_level", "repeatable read")
        .hint("Use read committed or serializable."));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Otherwise a guard decides by rows that are out of date.
    #[test]
    fn a_lock_has_a_name_and_a_level_at_which_it_helps() {
        assert_eq!(check_guard_lock("machine", false), Ok(()));
        let code = |result: Result<(), Refusal>| result.err().map(|refusal| refusal.code);
        assert_eq!(code(check_guard_lock("machine", true)), Some("isolation_level"));
        for name in ["", &"x".repeat(201)] {
            assert_eq!(code(check_guard_lock(name, false)), Some("lock_name"));
        }
    }
}
