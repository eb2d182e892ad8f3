//! Where each deliverable of a work order stands: the newest version counts, and the newest review of it.

use crate::job_plan::Deliverable;

/// What a reviewer says of a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is what the work had to hand over.
    Accepted,
    /// It is not: another version is needed.
    Rejected,
}

impl Verdict {
    /// All verdicts.
    pub const ALL: [Self; 2] = [Self::Accepted, Self::Rejected];

    /// Its name in the table.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Rejected => "rejected",
        }
    }

    /// The verdict of that name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|verdict| verdict.name() == name)
    }
}

/// One row of `wo.deliverable`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    /// Its id.
    pub id: String,
    /// The name of the deliverable.
    pub name: String,
    /// Its kind.
    pub kind: String,
    /// Whether it was required when it was received.
    pub required: bool,
    /// Where the bytes are.
    pub uri: String,
    /// Their SHA-256, in hexadecimal.
    pub sha256: String,
    /// Who delivered it.
    pub received_from: String,
}

/// One row of `wo.deliverable_review`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Review {
    /// Its id.
    pub id: String,
    /// The version that it is about.
    pub deliverable: String,
    /// What it says.
    pub verdict: Verdict,
}

/// The state of a deliverable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Nothing was received.
    Missing,
    /// The newest version waits for its review, and none before was accepted.
    Received,
    /// The newest version is accepted.
    Accepted,
    /// The newest version is rejected.
    Rejected,
    /// The newest version waits for its review, and took the place of one that was accepted.
    Amended,
}

impl State {
    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Received => "received",
            Self::Accepted => "accepted",
            Self::Rejected => "rejected",
            Self::Amended => "amended",
        }
    }
}

/// Where one deliverable stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing<'r> {
    /// Its name.
    pub name: &'r str,
    /// Its kind.
    pub kind: &'r str,
    /// Whether the work is not done without it.
    pub required: bool,
    /// Whether the job plan names it.
    pub planned: bool,
    /// Its state.
    pub state: State,
    /// Its versions, the oldest first.
    pub versions: Vec<&'r Received>,
    /// The newest review of the newest version.
    pub review: Option<&'r Review>,
}

impl<'r> Standing<'r> {
    /// The version that counts.
    #[must_use]
    pub fn newest(&self) -> Option<&'r Received> {
        self.versions.last().copied()
    }
}

/// The deliverables that the plan names, in its order, and behind them the others in the order in which they came.
/// Rows and reviews are given in the order in which they were written.
#[must_use]
pub fn standings<'r>(
    expected: &'r [Deliverable],
    received: &'r [Received],
    reviews: &'r [Review],
) -> Vec<Standing<'r>> {
    let mut all: Vec<Standing<'r>> = expected
        .iter()
        .map(|one| Standing {
            name: &one.name,
            kind: &one.kind,
            required: one.required,
            planned: true,
            state: State::Missing,
            versions: Vec::new(),
            review: None,
        })
        .collect();
    for row in received {
        match all.iter_mut().find(|known| known.name == row.name) {
            Some(known) => {
                known.versions.push(row);
                if !known.planned {
                    known.required = row.required;
                }
            }
            None => all.push(Standing {
                name: &row.name,
                kind: &row.kind,
                required: row.required,
                planned: false,
                state: State::Missing,
                versions: vec![row],
                review: None,
            }),
        }
    }
    for one in &mut all {
        let review_of = |id: &str| reviews.iter().rev().find(|review| review.deliverable == id);
        let Some((newest, older)) = one.versions.split_last() else { continue };
        one.review = review_of(&newest.id);
        let accepted = |review: Option<&Review>| {
            review.is_some_and(|review| review.verdict == Verdict::Accepted)
        };
        one.state = match one.review.map(|review| review.verdict) {
            Some(Verdict::Accepted) => State::Accepted,
            Some(Verdict::Rejected) => State::Rejected,
            None if older.iter().any(|version| accepted(review_of(&version.id))) => State::Amended,
            None => State::Received,
        };
    }
    all
}
