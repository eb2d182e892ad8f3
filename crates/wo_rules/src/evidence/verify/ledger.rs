//! The ledger: which entries of the trail are sealed, and that they are what was sealed.

use super::Findings;
use super::trail::Trail;
use crate::evidence::ranges;
use crate::ledger::bundle::Bundle;
use crate::ledger::checkpoint::Checkpoint;
use crate::ledger::hash_text;
use crate::ledger::key::VerifierKey;
use crate::ledger::proof::Consistency;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::collections::BTreeSet;

/// What the verifier knows from elsewhere than from the one who handed the package over.
#[derive(Debug, Clone, Default)]
pub struct Outside {
    /// The ledger's public key.
    pub sealing_key: Option<VerifierKey>,
    /// A checkpoint that the verifier trusts, such as one that a witness keeps.
    pub checkpoint: Option<String>,
    /// Newer proofs than the package's, of `wo.ledger_proof`.
    pub bundle: Option<Bundle>,
    /// That the smaller of the trusted checkpoint and that of the proofs is the beginning of the
    /// larger.
    pub consistency: Option<Consistency>,
    /// Whether an entry that is not sealed is a problem: behind the trusted checkpoint, where one is
    /// given.
    pub require_sealed: bool,
}

/// What is known of the signature on the checkpoint that seals the entries.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub enum SignatureCheck {
    /// No key was given, or there is no checkpoint.
    #[default]
    #[serde(rename = "not checked")]
    NotChecked,
    /// The key that was given made it.
    #[serde(rename = "verified")]
    Verified,
    /// The key that was given did not make it.
    #[serde(rename = "failed")]
    Failed,
}

/// How much of the trail is sealed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct LedgerReport {
    /// How many entries are proven to be sealed in the checkpoint.
    pub sealed_entries: usize,
    /// How many are not.
    pub unsealed_entries: usize,
    /// The ledger's name.
    pub origin: Option<String>,
    /// How many entries the checkpoint seals, of this trail and of all others.
    pub checkpoint_size: Option<u64>,
    /// The root of their tree, in base64.
    pub checkpoint_root: Option<String>,
    /// Whether the checkpoint's signature was verified.
    pub signature: SignatureCheck,
    /// How many entries are proven to be sealed in the trusted checkpoint, where one was given.
    pub trusted_entries: Option<usize>,
}

pub fn check(
    trail: &Trail,
    entries: usize,
    outside: &Outside,
    findings: &mut Findings<'_>,
) -> LedgerReport {
    let own: Option<Bundle> = findings.section("ledger").flatten();
    let mut sealing = Sealing { trail, outside, report: LedgerReport::default() };
    let own_leaves = own.as_ref().map(|bundle| sealing.own(bundle, findings));
    let leaves = match &outside.bundle {
        Some(bundle) => {
            let newer = sealing.newer(bundle, findings);
            if let Some(own) = &own {
                sealing.compare(own, bundle, findings);
            }
            newer
        }
        None => own_leaves.unwrap_or_default(),
    };
    let trusted = outside.checkpoint.as_deref().and_then(|note| sealing.trusted(note, findings));
    let bundle = outside.bundle.as_ref().or(own.as_ref());
    let (mut leaves, mut trusted_leaves, mut is_decided) = (leaves, Sealed::new(), true);
    if let (Some(bundle), Some(trusted)) = (bundle, trusted) {
        match sealing.histories(bundle, &trusted, findings) {
            Histories::AreOne => {
                let in_trusted = |(_, leaf): &&(i64, u64)| *leaf < trusted.size;
                trusted_leaves = leaves.iter().filter(in_trusted).copied().collect();
            }
            Histories::Differ => leaves.clear(),
            Histories::NotCompared => is_decided = false,
        }
    }
    check_order(&leaves, findings);
    let mut report = sealing.report;
    report.sealed_entries = leaves.len();
    report.unsealed_entries = entries.saturating_sub(leaves.len());
    report.trusted_entries = outside.checkpoint.as_ref().map(|_| trusted_leaves.len());
    if outside.require_sealed && is_decided {
        let enough = if outside.checkpoint.is_some() { &trusted_leaves } else { &leaves };
        let sealed: BTreeSet<i64> = enough.iter().map(|(sequence, _)| *sequence).collect();
        let missing = trail.hashes.keys().copied().filter(|one| !sealed.contains(one));
        let missing = ranges(missing);
        if !missing.is_empty() {
            found(findings, format!("not sealed, as it was asked for: entries {missing}"));
        }
    }
    report
}

/// Entries are sealed in the order of their positions, so the leaves of a trail ascend with it.
fn check_order(leaves: &Sealed, findings: &mut Findings<'_>) {
    for ((before, leaf_before), (sequence, leaf)) in leaves.iter().zip(leaves.iter().skip(1)) {
        if leaf <= leaf_before {
            let problem = format!(
                "entry {sequence} was sealed as leaf {leaf}, and entry {before} before it as leaf {leaf_before}"
            );
            found(findings, problem);
        }
    }
}

/// Sealed entries: sequence and leaf.
type Sealed = BTreeSet<(i64, u64)>;

struct Sealing<'a> {
    trail: &'a Trail,
    outside: &'a Outside,
    report: LedgerReport,
}

impl Sealing<'_> {
    /// Holds the package's own proofs.
    fn own(&mut self, bundle: &Bundle, findings: &mut Findings<'_>) -> Sealed {
        let key = self.outside.sealing_key.as_ref();
        let problems = bundle.verify(key, |sequence| self.trail.hashes.get(&sequence).copied());
        let parts = if problems.is_empty() { Vec::new() } else { parts_of_entries(findings) };
        for found in &problems {
            let problem = found.problem.as_str();
            match found.entry.map(|index| (index, parts.get(index).copied())) {
                Some((index, Some(part))) => {
                    findings.found(part, format!("/sections/ledger/entries/{index}"), problem);
                }
                Some((_, None)) => findings.found_in("ledger", "entries", problem),
                None => findings.found_in("ledger", "checkpoint", problem),
            }
        }
        let wrong: BTreeSet<_> = problems.into_iter().map(|problem| problem.entry).collect();
        self.sealed(bundle, &wrong)
    }

    /// Holds proofs that were given with the package. They may be of a time when the trail had more
    /// entries.
    fn newer(&mut self, bundle: &Bundle, findings: &mut Findings<'_>) -> Sealed {
        let mut bundle = bundle.clone();
        bundle.entries.retain(|proven| self.trail.hashes.contains_key(&proven.sequence));
        let key = self.outside.sealing_key.as_ref();
        let problems = bundle.verify(key, |sequence| self.trail.hashes.get(&sequence).copied());
        for problem in &problems {
            found(findings, format!("in the proofs that were given: {}", problem.problem));
        }
        let wrong: BTreeSet<_> = problems.into_iter().map(|problem| problem.entry).collect();
        self.sealed(&bundle, &wrong)
    }

    /// Notes what the checkpoint says; the entries whose proofs hold.
    fn sealed(&mut self, bundle: &Bundle, wrong: &BTreeSet<Option<usize>>) -> Sealed {
        self.report = LedgerReport::default();
        let Ok(checkpoint) = bundle.checkpoint(None) else { return Sealed::new() };
        let is_signed = !wrong.contains(&None);
        self.report.signature = match (&self.outside.sealing_key, is_signed) {
            (None, _) => SignatureCheck::NotChecked,
            (Some(_), true) => SignatureCheck::Verified,
            (Some(_), false) => SignatureCheck::Failed,
        };
        self.report.checkpoint_size = Some(checkpoint.size);
        self.report.checkpoint_root = Some(hash_text(&checkpoint.root));
        self.report.origin = Some(checkpoint.origin);
        if !is_signed {
            return Sealed::new();
        }
        let holding = bundle.entries.iter().enumerate();
        let holding = holding.filter(|(index, _)| !wrong.contains(&Some(*index)));
        holding.map(|(_, proven)| (proven.sequence, proven.leaf_index)).collect()
    }

    /// Two checkpoints of one ledger and size have one root.
    fn compare(&self, own: &Bundle, newer: &Bundle, findings: &mut Findings<'_>) {
        let (Ok(own), Ok(newer)) = (own.checkpoint(None), newer.checkpoint(None)) else { return };
        if own.origin != newer.origin {
            let problem = format!(
                "the package's proofs are of the ledger {}, and those that were given of {}",
                own.origin, newer.origin
            );
            found(findings, problem);
        } else if own.size == newer.size && own.root != newer.root {
            found(findings, fork("the proofs that were given", &own, &newer));
        }
    }

    fn trusted(&self, note: &str, findings: &mut Findings<'_>) -> Option<Checkpoint> {
        let read = match &self.outside.sealing_key {
            Some(key) => Checkpoint::open(note, key),
            None => Checkpoint::read_unverified(note),
        };
        read.map_err(|why| found(findings, format!("the checkpoint that was given: {why}"))).ok()
    }

    /// Whether the checkpoint of the proofs and the trusted one are of one ledger that only grew.
    fn histories(
        &self,
        bundle: &Bundle,
        trusted: &Checkpoint,
        findings: &mut Findings<'_>,
    ) -> Histories {
        let Ok(sealed) = bundle.checkpoint(None) else { return Histories::Differ };
        if sealed.is_same_tree(trusted) {
            return Histories::AreOne;
        }
        let (small, large) =
            if sealed.size < trusted.size { (&sealed, trusted) } else { (trusted, &sealed) };
        let problem = if sealed.origin != trusted.origin {
            format!(
                "the proofs are of the ledger {}, and the checkpoint that was given is of {}",
                sealed.origin, trusted.origin
            )
        } else if sealed.size == trusted.size {
            fork("the checkpoint that was given", &sealed, trusted)
        } else {
            match &self.outside.consistency {
                None => {
                    findings.undecided.push(format!(
                        "the proofs are of the tree of size {}, and the checkpoint that was given is of size {}: \
                         whether the one goes on from the other cannot be decided. Give --consistency with what \
                         wo.consistency_proof({}, {}) returns, or --proofs with what \
                         wo.ledger_proof(work_order, {}) returns",
                        sealed.size, trusted.size, small.size, large.size, trusted.size
                    ));
                    return Histories::NotCompared;
                }
                Some(proof)
                    if proof.holds((small.size, &small.root), (large.size, &large.root)) =>
                {
                    return Histories::AreOne;
                }
                // A proof for other sizes says nothing about these.
                Some(proof) if (proof.from, proof.to) != (small.size, large.size) => {
                    findings.undecided.push(format!(
                        "the proof of consistency is for the sizes {} and {}, and the trees are of the sizes {} and \
                         {}: give what wo.consistency_proof({}, {}) returns",
                        proof.from, proof.to, small.size, large.size, small.size, large.size
                    ));
                    return Histories::NotCompared;
                }
                Some(_) => format!(
                    "the tree of size {} and root {} does not go on from that of size {} and root {}",
                    large.size,
                    hash_text(&large.root),
                    small.size,
                    hash_text(&small.root)
                ),
            }
        };
        found(findings, problem);
        Histories::Differ
    }
}

/// How the ledger of the proofs and that of the trusted checkpoint belong together.
enum Histories {
    /// One is the beginning of the other.
    AreOne,
    /// They are of different ledgers, or of one that was rewritten.
    Differ,
    /// No proof was given that compares them.
    NotCompared,
}

fn fork(what: &str, sealed: &Checkpoint, other: &Checkpoint) -> String {
    format!(
        "the ledger was sealed twice at size {}: the root is {} in the package's proofs, and {} in {what}",
        sealed.size,
        hash_text(&sealed.root),
        hash_text(&other.root)
    )
}

/// Something is wrong with what was given beside the package, or with both together.
fn found(findings: &mut Findings<'_>, problem: String) {
    match findings.sections.get("ledger").copied() {
        Some(part) => findings.found(part, "/sections/ledger", problem),
        None => findings.add(super::Problem { bytes: 0..0, pointer: String::new(), problem }),
    }
}

/// Where each proof of the package stands.
fn parts_of_entries<'a>(findings: &Findings<'a>) -> Vec<&'a RawValue> {
    #[derive(Deserialize)]
    struct Entries<'a> {
        #[serde(borrow)]
        entries: Vec<&'a RawValue>,
    }
    let section = findings.sections.get("ledger").copied();
    let read = section.and_then(|part| serde_json::from_str::<Entries<'_>>(part.get()).ok());
    read.map(|read| read.entries).unwrap_or_default()
}
