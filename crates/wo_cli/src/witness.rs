//! The witness: keeps the ledger's checkpoints outside the database, and refuses whatever is not the
//! ledger that it has seen.

mod follow;
mod source;
mod state;

use std::fmt;
use std::path::Path;

use wo_rules::ledger::checkpoint::Checkpoint;
use wo_rules::ledger::key::VerifierKey;
use wo_rules::ledger::proof::Consistency;
use wo_rules::ledger::recovery::{Recovery, Statement};
use wo_rules::ledger::witness::{Need, follows, goes_on, kept, recovers, tree};

pub use follow::follow;
pub use source::{Database, Files};

use crate::{Error, one_line_break, shown};
use state::{Held, State};

/// Where a witness asks.
pub trait Source {
    /// The newest checkpoint; nothing where nothing is sealed.
    ///
    /// # Errors
    /// Why it cannot be had.
    fn checkpoint(&mut self) -> Result<Option<String>, Failure>;

    /// The proof that the tree of the first size is the beginning of that of the second.
    ///
    /// # Errors
    /// Why it cannot be had.
    fn consistency(&mut self, from: u64, to: u64) -> Result<Consistency, Failure>;

    /// Whether proofs of other sizes than those that are needed can be asked for.
    fn can_be_asked(&self) -> bool;
}

/// Why a source does not answer.
#[derive(Debug)]
pub enum Failure {
    /// It cannot be asked now.
    CannotAsk(Error),
    /// It was asked, and has no such proof.
    NoProof(String),
}

/// What a witness saw, and keeps from now on.
#[derive(Debug)]
pub enum Seen {
    /// Nothing was kept, and nothing is sealed.
    Nothing,
    /// The first checkpoint, taken on trust.
    First(Checkpoint),
    /// The tree that is kept already.
    Unchanged(Checkpoint),
    /// A larger tree, which goes on from the one that was kept.
    Grown { before: Checkpoint, now: Checkpoint },
    /// Another history, for a reason that was signed.
    Recovered { before: Checkpoint, now: Checkpoint, reason: String, agreed: Agreed },
}

/// How much of what a witness had kept is part of the history after a recovery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Agreed {
    /// The source could not be asked.
    Unknown,
    /// Nothing is.
    Nothing,
    /// Up to that size.
    UpTo(u64),
}

/// Why a witness stops.
#[derive(Debug)]
pub enum Stop {
    /// What it was shown is not the ledger that it has seen.
    Refused(String),
    /// It could not ask, or could not keep what it saw.
    CannotAsk(Error),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::CannotAsk(error)
    }
}

/// A witness with its directory, which is its alone while it lives.
pub struct Witness {
    state: State,
    key: VerifierKey,
}

/// What a refusal is about, to be kept as evidence.
struct Case<'c> {
    held: Option<&'c Held>,
    note: &'c str,
    proof: Option<Consistency>,
    statement: Option<&'c str>,
}

impl Witness {
    /// Takes the directory, which is made where there is none.
    ///
    /// # Errors
    /// A directory that cannot be written, or that another witness holds.
    pub fn open(directory: &Path, key: VerifierKey) -> Result<Self, Error> {
        Ok(Self { state: State::open(directory)?, key })
    }

    /// Asks once, and keeps what is accepted. `recovery` is a signed recovery statement, looked at
    /// only where the checkpoint would be refused without it.
    ///
    /// # Errors
    /// What is refused, whose evidence is kept; what cannot be asked or kept.
    pub fn look(&self, source: &mut dyn Source, recovery: Option<&str>) -> Result<Seen, Stop> {
        let note = match source.checkpoint() {
            Ok(note) => note,
            Err(Failure::CannotAsk(error)) => return Err(error.into()),
            Err(Failure::NoProof(why)) => return Err(Error::new(why).into()),
        };
        let held = self.state.held()?;
        let mut case = Case {
            held: held.as_ref(),
            note: note.as_deref().unwrap_or_default(),
            proof: None,
            statement: recovery,
        };
        let Some(note) = note.as_deref() else {
            let Some(held) = &held else { return Ok(Seen::Nothing) };
            let was = tree(&held.checkpoint);
            let line = format!("the ledger was cut: it was at {was}, and now nothing is sealed");
            return Err(self.refused(&case, &line));
        };
        let offered = match Checkpoint::open(note, &self.key) {
            Ok(offered) => offered,
            Err(why) => return Err(self.refused(&case, &unreadable(&held, note, &why))),
        };
        let Some(held) = &held else {
            self.state.keep(note, &offered)?;
            return Ok(Seen::First(offered));
        };
        let Err(line) = self.check_growth(&held.checkpoint, &offered, source, &mut case)? else {
            let before = held.checkpoint.clone();
            if before.is_same_tree(&offered) {
                return Ok(Seen::Unchanged(before));
            }
            self.state.keep(note, &offered)?;
            return Ok(Seen::Grown { before, now: offered });
        };
        let Some(recovery) = recovery else {
            let unknown = offered.recovery().filter(|new| held.checkpoint.recovery() != Some(*new));
            let hint = match unknown {
                Some(Recovery { number, .. }) => {
                    format!("; it names recovery {number}: give its statement with --recovery")
                }
                None => String::new(),
            };
            return Err(self.refused(&case, &format!("{line}{hint}")));
        };
        let statement =
            self.check_recovery(recovery, &held.checkpoint, &offered, source, &mut case);
        let statement = statement?
            .map_err(|why| self.refused(&case, &format!("{line}; and no recovery: {why}")))?;
        let agreed = self.cached_verdict(&offered, source)?;
        self.state.set_aside(agreed, recovery, &statement)?;
        self.state.keep(note, &offered)?;
        let before = held.checkpoint.clone();
        Ok(Seen::Recovered { before, now: offered, reason: statement.reason, agreed })
    }

    /// Whether the offered tree goes on from the one that is held.
    fn check_growth(
        &self,
        held: &Checkpoint,
        offered: &Checkpoint,
        source: &mut dyn Source,
        case: &mut Case<'_>,
    ) -> Result<Result<(), String>, Stop> {
        match follows(held, offered) {
            Ok(need) => prove(need, held, offered, source, case),
            Err(why) => Ok(Err(why)),
        }
    }

    /// Whether the statement explains what is offered.
    fn check_recovery(
        &self,
        recovery: &str,
        held: &Checkpoint,
        offered: &Checkpoint,
        source: &mut dyn Source,
        case: &mut Case<'_>,
    ) -> Result<Result<Statement, String>, Stop> {
        let read = Statement::open(&one_line_break(recovery), &self.key)
            .and_then(|statement| Ok((recovers(held, offered, &statement)?, statement)));
        let (need, statement) = match read {
            Ok(read) => read,
            Err(why) => return Ok(Err(why)),
        };
        let proven = prove(need, &kept(&statement), offered, source, case)?;
        Ok(proven.map(|()| statement))
    }

    /// The largest tree of this witness's history that is the beginning of the offered one. Where one
    /// is, all smaller ones are.
    fn cached_verdict(
        &self,
        offered: &Checkpoint,
        source: &mut dyn Source,
    ) -> Result<Agreed, Stop> {
        if !source.can_be_asked() {
            return Ok(Agreed::Unknown);
        }
        let mut sizes = self.state.history()?;
        sizes.retain(|size| *size <= offered.size);
        let (mut known, mut refuted) = (0, sizes.len());
        while known < refuted {
            let middle = known + (refuted - known) / 2;
            let seen = self.state.seen(sizes[middle])?;
            let proof = match source.consistency(seen.size, offered.size) {
                Ok(proof) => Some(proof),
                Err(Failure::NoProof(_)) => None,
                Err(Failure::CannotAsk(error)) => return Err(error.into()),
            };
            if proof.is_some_and(|proof| goes_on(&seen, offered, &proof).is_ok()) {
                known = middle + 1;
            } else {
                refuted = middle;
            }
        }
        let largest = known.checked_sub(1).and_then(|index| sizes.get(index));
        Ok(largest.map_or(Agreed::Nothing, |size| Agreed::UpTo(*size)))
    }

    /// Keeps the evidence of a refusal; that it cannot be kept makes the refusal no smaller.
    fn refused(&self, case: &Case<'_>, line: &str) -> Stop {
        let kept = match self.state.keep_evidence(case, line) {
            Ok(file) => format!("the evidence is in {}", file.display()),
            Err(error) => format!("the evidence could not be kept: {error}"),
        };
        Stop::Refused(format!("{} ({})", shown(line), shown(&kept)))
    }
}

/// Asks for the proof that is needed, and holds it.
fn prove(
    need: Need,
    small: &Checkpoint,
    large: &Checkpoint,
    source: &mut dyn Source,
    case: &mut Case<'_>,
) -> Result<Result<(), String>, Stop> {
    let Need::Proof(from, to) = need else { return Ok(Ok(())) };
    match source.consistency(from, to) {
        Ok(proof) => {
            let proven = goes_on(small, large, &proof);
            case.proof = Some(proof);
            Ok(proven)
        }
        Err(Failure::CannotAsk(error)) => Err(error.into()),
        Err(Failure::NoProof(why)) => Ok(Err(format!(
            "there is no proof that what is now at {} goes on from what is at {}: {why}",
            tree(large),
            tree(small)
        ))),
    }
}

/// What is said of a note that the key did not sign, with the trees as far as they can be read.
fn unreadable(held: &Option<Held>, note: &str, why: &str) -> String {
    let offered = Checkpoint::read_unverified(note).map(|offered| tree(&offered));
    let offered = offered.unwrap_or_else(|_| "no size and root".to_owned());
    let held = held.as_ref().map_or("nothing".to_owned(), |held| tree(&held.checkpoint));
    format!("{why}; offered is {offered}, and {held} was kept")
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Self::Nothing => "nothing is sealed yet".to_owned(),
            Self::First(now) => format!(
                "FIRST: ledger {} at {}, taken on trust: nothing was kept before",
                now.origin,
                tree(now)
            ),
            Self::Unchanged(now) => format!("unchanged: ledger {} at {}", now.origin, tree(now)),
            Self::Grown { before, now } => format!(
                "accepted: ledger {} at {}, which goes on from {}",
                now.origin,
                tree(now),
                tree(before)
            ),
            Self::Recovered { before, now, reason, agreed } => {
                let agreed = match agreed {
                    Agreed::Unknown => {
                        "how much of what was kept is part of it is not known".into()
                    }
                    Agreed::Nothing => "NOTHING of what was kept is part of it".to_owned(),
                    Agreed::UpTo(size) => format!("what was kept is part of it up to size {size}"),
                };
                format!(
                    "RECOVERED: ledger {} at {}, instead of {}; the reason that was signed: {reason}; \
                     {agreed}",
                    now.origin,
                    tree(now),
                    tree(before)
                )
            }
        };
        f.write_str(&shown(&text))
    }
}
