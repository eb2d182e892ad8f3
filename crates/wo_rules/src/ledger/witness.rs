//! What a witness accepts: somebody outside who keeps the newest checkpoint that was seen, so that a
//! ledger cannot be cut or rewritten unseen.

use super::checkpoint::Checkpoint;
use super::hash_text;
use super::proof::Consistency;
use super::recovery::Statement;

/// What is still to be proven before a checkpoint is accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// Nothing: both are of the same tree.
    Nothing,
    /// That the tree of the first size is the beginning of that of the second.
    Proof(u64, u64),
}

/// The tree of a checkpoint in words.
pub fn tree(checkpoint: &Checkpoint) -> String {
    format!("size {} and root {}", checkpoint.size, hash_text(&checkpoint.root))
}

/// Whether an offered checkpoint can follow the one that is kept.
///
/// # Errors
/// Why it never can, in one line with both sizes and roots.
pub fn follows(held: &Checkpoint, offered: &Checkpoint) -> Result<Need, String> {
    let (kept, now) = (tree(held), tree(offered));
    if held.origin != offered.origin {
        return Err(format!(
            "another ledger: {} was kept, at {kept}; offered is {}, at {now}",
            held.origin, offered.origin
        ));
    }
    if held.is_same_tree(offered) {
        return Ok(Need::Nothing);
    }
    if offered.size < held.size {
        return Err(format!("the ledger was cut: it was at {kept}, and is now smaller, at {now}"));
    }
    if offered.size == held.size {
        return Err(format!("the ledger was sealed twice: it was at {kept}, and is now at {now}"));
    }
    Ok(Need::Proof(held.size, offered.size))
}

/// Whether the offered tree goes on from the kept one.
///
/// # Errors
/// That it does not, in one line with both sizes and roots.
pub fn goes_on(held: &Checkpoint, offered: &Checkpoint, proof: &Consistency) -> Result<(), String> {
    let holds = proof.holds((held.size, &held.root), (offered.size, &offered.root));
    if holds && held.origin == offered.origin {
        return Ok(());
    }
    Err(format!(
        "the ledger was rewritten: what is now at {} does not go on from what was kept, at {}",
        tree(offered),
        tree(held)
    ))
}

/// Whether a recovery statement explains why an offered checkpoint does not follow the kept one, and
/// what is then still to be proven: that the offered tree goes on from what the statement says was
/// kept.
///
/// The statement must give up what the witness holds: that very tree, or a larger one. Between what
/// the witness saw last and what the ledger sealed last there may be checkpoints that it never saw,
/// and that the smaller tree was the beginning of the larger cannot be proven any more, since the
/// tree is lost. A statement that gives up less than the witness holds explains nothing.
///
/// # Errors
/// Why it explains nothing, in one line.
pub fn recovers(
    held: &Checkpoint,
    offered: &Checkpoint,
    statement: &Statement,
) -> Result<Need, String> {
    if statement.origin != offered.origin || statement.origin != held.origin {
        return Err(format!("the recovery statement is about the ledger {}", statement.origin));
    }
    if !offered.recoveries().any(|recovery| recovery.statement == statement.hash()) {
        return Err(format!(
            "the checkpoint at {} does not name the recovery statement",
            tree(offered)
        ));
    }
    let (lost, kept) = (lost(statement), kept(statement));
    let gives_up = lost.size > held.size || lost.is_same_tree(held);
    if !gives_up {
        return Err(format!(
            "the recovery statement gives up the tree at {}, and what was kept is at {}",
            tree(&lost),
            tree(held)
        ));
    }
    if kept.size > offered.size || (kept.size == offered.size && kept.root != offered.root) {
        return Err(format!(
            "the recovery statement goes on from the tree at {}, and offered is the one at {}",
            tree(&kept),
            tree(offered)
        ));
    }
    Ok(match kept.size == offered.size {
        true => Need::Nothing,
        false => Need::Proof(kept.size, offered.size),
    })
}

/// The tree that a statement gives up.
pub fn lost(statement: &Statement) -> Checkpoint {
    of(statement, statement.lost_size, statement.lost_root)
}

/// The tree that a statement goes on from.
pub fn kept(statement: &Statement) -> Checkpoint {
    of(statement, statement.kept_size, statement.kept_root)
}

fn of(statement: &Statement, size: u64, root: super::Hash) -> Checkpoint {
    Checkpoint { origin: statement.origin.clone(), size, root, extensions: Vec::new() }
}
