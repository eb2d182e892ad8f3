//! Whether sealing may go on: the tree that the database holds, against the newest checkpoint that
//! this server knows to have sealed, which it keeps outside the database.

use super::checkpoint::Checkpoint;
use super::recovery::{Recovery, Statement, extension_line};
use super::tile::Damage;
use super::{Hash, empty_root, hash_text};
use std::fmt;

/// Why nothing is sealed any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stop {
    /// The tiles cannot be read.
    Damaged(Damage),
    /// The tiles are not the tree that the newest checkpoint sealed.
    OtherTree {
        /// The checkpoint's size.
        size: u64,
    },
    /// The key is that of another ledger.
    OtherLedger {
        /// Whose the database's checkpoints are.
        kept: String,
        /// The name of the key.
        key: String,
    },
    /// What was sealed is not in the database.
    Lost {
        /// The size and the root that were sealed.
        lost: (u64, Hash),
        /// The newest size and root of the database.
        kept: (u64, Hash),
    },
}

impl Stop {
    /// What to do about it.
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::Damaged(_) | Self::OtherTree { .. } => {
                "Somebody wrote to wo.ledger_tile or wo.ledger_checkpoint past the enforcement layer: select * from wo.verify_ledger() says where. Restore the tables from a backup."
            }
            Self::OtherLedger { .. } => {
                "Put the right key into the file of wo_core.sealing_key_file: a new key keeps the ledger's name."
            }
            Self::Lost { .. } => {
                "Find out what happened: a restore of an older backup, or somebody who rewrote the ledger. Then, as a member of wo_admin: select wo.recovery_statement('why'); have the keeper of the key sign it (wo ledger sign-recovery); select wo.recover_ledger('the signed statement');"
            }
        }
    }
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Damaged(damage) => write!(f, "the ledger cannot be read: {damage}"),
            Self::OtherTree { size } => write!(
                f,
                "the ledger's tiles are not the tree of size {size} that the newest checkpoint sealed"
            ),
            Self::OtherLedger { kept, key } => {
                write!(f, "the ledger is {kept}, and the sealing key is that of {key}")
            }
            Self::Lost { lost, kept } => write!(
                f,
                "a tree of size {} and root {} was sealed here, and the database's tree of size {} and root {} is not its continuation",
                lost.0,
                hash_text(&lost.1),
                kept.0,
                hash_text(&kept.1)
            ),
        }
    }
}

/// What to do with the checkpoint outside before sealing goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outside {
    /// It is the newest one.
    Stays,
    /// The newest one, or that of the tree without leaves, takes its place.
    Replaced,
}

/// The size and root of a checkpoint; of the tree without leaves where there is none.
pub fn tree_of(checkpoint: Option<&Checkpoint>) -> (u64, Hash) {
    checkpoint.map_or((0, empty_root()), |checkpoint| (checkpoint.size, checkpoint.root))
}

/// Holds the database's newest checkpoint, its tiles (`root_at` gives the root of the first so many
/// leaves) and the checkpoint outside against each other. `statements` are the signed recovery
/// statements that were recorded since that newest checkpoint.
///
/// # Errors
/// Why sealing must stop.
pub fn judge(
    origin: &str,
    newest: Option<&Checkpoint>,
    outside: Option<&Checkpoint>,
    statements: &[Statement],
    mut root_at: impl FnMut(u64) -> Result<Hash, Damage>,
) -> Result<Outside, Stop> {
    let kept = tree_of(newest);
    if root_at(kept.0).map_err(Stop::Damaged)? != kept.1 {
        return Err(Stop::OtherTree { size: kept.0 });
    }
    for checkpoint in [newest, outside].into_iter().flatten() {
        if checkpoint.origin != origin {
            return Err(Stop::OtherLedger {
                kept: checkpoint.origin.clone(),
                key: origin.to_owned(),
            });
        }
    }
    let Some(outside) = outside else {
        return Ok(if newest.is_some() { Outside::Replaced } else { Outside::Stays });
    };
    let lost = (outside.size, outside.root);
    for statement in statements {
        let is_about = (statement.lost_size, statement.lost_root) == lost
            && statement.kept_size <= kept.0
            && root_at(statement.kept_size).map_err(Stop::Damaged)? == statement.kept_root;
        if is_about {
            return Ok(Outside::Replaced);
        }
    }
    if lost == kept {
        return Ok(Outside::Stays);
    }
    if lost.0 > kept.0 || root_at(lost.0).map_err(Stop::Damaged)? != lost.1 {
        return Err(Stop::Lost { lost, kept });
    }
    Ok(Outside::Replaced)
}

/// The further lines of the next checkpoint: those of the newest, and one for each statement that no
/// checkpoint names yet.
pub fn extensions(newest: Option<&Checkpoint>, statements: &[Statement]) -> Vec<String> {
    let mut lines = newest.map(|newest| newest.extensions.clone()).unwrap_or_default();
    for statement in statements {
        let named: Vec<Recovery> =
            lines.iter().filter_map(|line| Recovery::of_line(line)).collect();
        if named.iter().all(|recovery| recovery.statement != statement.hash()) {
            let number = named.iter().map(|recovery| recovery.number).max().unwrap_or(0);
            lines.push(extension_line(number + 1, statement));
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    const ORIGIN: &str = "ledger.example";

    fn root_of(size: u64) -> Hash {
        if size == 0 { empty_root() } else { [u8::try_from(size).unwrap_or(u8::MAX); 32] }
    }

    fn checkpoint(size: u64, root: Hash) -> Checkpoint {
        Checkpoint { origin: ORIGIN.to_owned(), size, root, extensions: Vec::new() }
    }

    fn statement(lost: (u64, Hash), kept: u64) -> Statement {
        Statement {
            origin: ORIGIN.to_owned(),
            lost_size: lost.0,
            lost_root: lost.1,
            kept_size: kept,
            kept_root: root_of(kept),
            at: "2026-03-05T00:00:00.000000Z".to_owned(),
            reason: "an older backup".to_owned(),
        }
    }

    fn judged(
        newest: Option<&Checkpoint>,
        outside: Option<&Checkpoint>,
        statements: &[Statement],
    ) -> Result<Outside, Stop> {
        judge(ORIGIN, newest, outside, statements, |size| Ok(root_of(size)))
    }

    #[test]
    fn a_tree_that_grew_goes_on() {
        let (five, nine) = (checkpoint(5, root_of(5)), checkpoint(9, root_of(9)));
        assert_eq!(judged(None, None, &[]), Ok(Outside::Stays));
        assert_eq!(judged(Some(&nine), None, &[]), Ok(Outside::Replaced));
        assert_eq!(judged(Some(&nine), Some(&five), &[]), Ok(Outside::Replaced));
        assert_eq!(judged(Some(&nine), Some(&nine), &[]), Ok(Outside::Stays));
    }

    #[test]
    fn a_smaller_or_other_tree_stops_until_a_statement_about_it_is_recorded() {
        let (five, nine) = (checkpoint(5, root_of(5)), checkpoint(9, root_of(9)));
        let (forked, same_size) = (checkpoint(5, [99; 32]), checkpoint(9, [99; 32]));
        for (newest, outside) in
            [(Some(&five), &nine), (None, &nine), (Some(&nine), &forked), (Some(&nine), &same_size)]
        {
            let (lost, kept) = (tree_of(Some(outside)), tree_of(newest));
            let stopped = judged(newest, Some(outside), &[]);
            assert_eq!(stopped, Err(Stop::Lost { lost, kept }));
            let about = statement(lost, kept.0);
            assert_eq!(judged(newest, Some(outside), &[about]), Ok(Outside::Replaced));
            let of_another = statement((lost.0 + 1, lost.1), kept.0);
            assert_eq!(judged(newest, Some(outside), &[of_another]), stopped);
        }
    }

    #[test]
    fn tiles_that_are_not_what_was_sealed_stop_it() {
        let newest = checkpoint(9, [1; 32]);
        assert_eq!(judged(Some(&newest), None, &[]), Err(Stop::OtherTree { size: 9 }));
        let damage = judge(ORIGIN, None, None, &[], |_| Err(Damage::OutOfRange));
        assert_eq!(damage, Err(Stop::Damaged(Damage::OutOfRange)));
    }

    #[test]
    fn a_key_of_another_name_stops_it() {
        let newest = checkpoint(9, root_of(9));
        let stopped = judge("other", Some(&newest), None, &[], |size| Ok(root_of(size)));
        assert!(matches!(stopped, Err(Stop::OtherLedger { .. })));
        assert!(
            stopped.is_err_and(|stop| !stop.to_string().is_empty() && !stop.remedy().is_empty())
        );
    }

    #[test]
    fn each_statement_is_named_once_and_for_ever() {
        let (first, second) = (statement((9, [1; 32]), 5), statement((12, [2; 32]), 7));
        let after_one = extensions(None, std::slice::from_ref(&first));
        assert_eq!(after_one, [extension_line(1, &first)]);
        let mut newest = checkpoint(9, root_of(9));
        newest.extensions = after_one;
        assert_eq!(extensions(Some(&newest), std::slice::from_ref(&first)), newest.extensions);
        let both = [extension_line(1, &first), extension_line(2, &second)];
        assert_eq!(extensions(Some(&newest), &[first, second]), both);
    }
}
