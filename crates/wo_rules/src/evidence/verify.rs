//! Verifying an evidence package without the database: everything that it says twice must agree,
//! and everything that was hashed or signed must still be what it was.

mod acts;
mod deliverables;
mod job_plan;
mod keys;
mod ledger;
mod record;
mod reformatted;
mod sections;
mod signatures;
mod surroundings;
mod trail;

pub use crate::evidence::package::Problem;
pub use ledger::{LedgerReport, Outside, SignatureCheck};
pub use sections::Made;

use crate::evidence::package;
use sections::Texts;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::ops::Range;

/// The most problems that are listed; the rest is counted.
const MOST_PROBLEMS: usize = 1_000;

/// The longest sentence about a problem, in characters: it may repeat what a hostile file says.
const LONGEST_PROBLEM: usize = 400;

/// How many signatures there are of each state. A signature with which something is wrong counts as broken,
/// whatever state it is shown with.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct SignatureCounts {
    /// Approvals in force.
    pub valid: usize,
    /// Rejections that stand.
    pub rejected: usize,
    /// The content that they cover has changed since.
    pub amended: usize,
    /// A later round took their place.
    pub void: usize,
    /// Taken back by their signers.
    pub withdrawn: usize,
    /// Those that do not hold.
    pub broken: usize,
}

/// What is known of a file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It is an evidence package, and everything holds.
    Intact,
    /// Something does not hold.
    #[default]
    NotIntact,
    /// Nothing is wrong, and what was given beside the package does not suffice to decide what was asked.
    Undecided,
    /// A program parsed the package and wrote it again. The original follows from it, and holds.
    Reformatted,
    /// It is no evidence package that this program can read.
    NoPackage,
}

/// The verdict on a package.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Whether there is no problem at all, and nothing that could not be decided.
    pub intact: bool,
    /// The same with the reason why not.
    pub verdict: Verdict,
    /// What could not be decided, and what decides it.
    pub undecided: Vec<String>,
    /// The problems in the order of their places in the file, at most a thousand.
    pub problems: Vec<Problem>,
    /// How many problems more there are.
    pub problems_not_listed: usize,
    /// The work order's number, as far as it can be read.
    pub work_order: Option<String>,
    /// When the package was made, as far as it can be read.
    pub made_at: Option<String>,
    /// Who made it and with which software, as far as it can be read.
    pub made: Option<Made>,
    /// How many entries of the trail there are.
    pub entries: usize,
    /// How many signatures there are, by the state that they are shown with.
    pub signatures: SignatureCounts,
    /// How much of the trail is sealed in the ledger.
    pub ledger: LedgerReport,
}

/// Verifies a package by itself: [`verify_with`] nothing from outside.
pub fn verify(bytes: &[u8]) -> Report {
    verify_with(bytes, &Outside::default())
}

/// Verifies a package, also against what the verifier knows from elsewhere.
///
/// The work is linear in the length of the file, whatever it holds, and nothing in it is followed
/// by recursion.
pub fn verify_with(bytes: &[u8], outside: &Outside) -> Report {
    let mut report = verify_as_it_is(bytes, outside);
    if report.verdict != Verdict::NotIntact {
        return report;
    }
    let Some(original) = reformatted::original_of(bytes) else { return report };
    let of_original = verify_as_it_is(original.as_bytes(), outside);
    if matches!(of_original.verdict, Verdict::Intact | Verdict::Undecided) {
        report = Report { intact: false, verdict: Verdict::Reformatted, ..of_original };
    }
    report
}

fn verify_as_it_is(bytes: &[u8], outside: &Outside) -> Report {
    let split = package::read(bytes);
    let is_package = split.is_package;
    let sections = split.sections.iter().map(|section| (section.name, section.value)).collect();
    let mut findings =
        Findings { bytes, sections, problems: Vec::new(), not_listed: 0, undecided: Vec::new() };
    let mut report = Report { made_at: split.made_at.map(str::to_owned), ..Report::default() };
    check(&mut findings, &mut report, outside);
    for problem in split.problems {
        findings.add(problem);
    }
    findings.problems.sort_by_key(|found| (found.bytes.start, found.bytes.end));
    report.verdict = match (findings.problems.is_empty(), findings.undecided.is_empty()) {
        _ if !is_package => Verdict::NoPackage,
        (false, _) => Verdict::NotIntact,
        (true, false) => Verdict::Undecided,
        (true, true) => Verdict::Intact,
    };
    report.intact = report.verdict == Verdict::Intact;
    report.problems = findings.problems;
    report.problems_not_listed = findings.not_listed;
    report.undecided = findings.undecided;
    report
}

fn check(findings: &mut Findings<'_>, report: &mut Report, outside: &Outside) {
    let tenant: Option<sections::Tenant> = findings.section("tenant");
    let work_order: Option<sections::WorkOrder<'_>> = findings.section("work_order");
    let child_records: Texts<'_> = findings.section("child_records").unwrap_or_default();
    report.made = findings.section("made");
    report.work_order = work_order.as_ref().map(|work_order| work_order.wo_number.clone());
    let subject = trail::Subject {
        tenant_id: tenant.as_ref().map(|tenant| tenant.tenant_id.as_str()),
        work_order_id: work_order.as_ref().map(|work_order| work_order.id.as_str()),
    };
    let entries: Vec<&RawValue> = findings.section("trail").unwrap_or_default();
    report.entries = entries.len();
    let trail = trail::follow(&entries, subject, findings);
    report.ledger = ledger::check(&trail, report.entries, outside, findings);
    if let Some(work_order) = &work_order {
        record::check(work_order, &child_records, &trail, findings);
    }
    let around = surroundings::read(work_order.as_ref(), &child_records, findings);
    job_plan::check(&child_records, findings);
    deliverables::check(&child_records, findings);
    let keys = keys::read(&around.principals, findings);
    let known = signatures::Known {
        subject,
        work_order: work_order.as_ref(),
        child_records: &child_records,
        trail: &trail,
        keys: &keys,
        around: &around,
    };
    acts::check(&known, findings);
    report.signatures = signatures::check(&known, findings);
}

/// The problems found so far.
struct Findings<'a> {
    bytes: &'a [u8],
    sections: BTreeMap<&'static str, &'a RawValue>,
    problems: Vec<Problem>,
    not_listed: usize,
    /// What could not be decided.
    undecided: Vec<String>,
}

impl<'a> Findings<'a> {
    /// How many problems were found so far.
    fn count(&self) -> usize {
        self.problems.len() + self.not_listed
    }

    fn add(&mut self, mut problem: Problem) {
        if self.problems.len() >= MOST_PROBLEMS {
            self.not_listed += 1;
            return;
        }
        for text in [&mut problem.problem, &mut problem.pointer] {
            if let Some((end, _)) = text.char_indices().nth(LONGEST_PROBLEM) {
                text.truncate(end);
                text.push('…');
            }
        }
        self.problems.push(problem);
    }

    /// Something is wrong with that part of the file.
    fn found(&mut self, part: &RawValue, pointer: impl Into<String>, problem: impl Into<String>) {
        let bytes = self.place(part);
        self.add(Problem { bytes, pointer: pointer.into(), problem: problem.into() });
    }

    fn place(&self, part: &RawValue) -> Range<usize> {
        let start = package::offset_in(self.bytes, part.get());
        start..start + part.get().len()
    }

    /// Reads a part of the file as what it must be.
    fn read<T: Deserialize<'a>>(&mut self, part: &'a RawValue, pointer: &str) -> Option<T> {
        match serde_json::from_str(part.get()) {
            Ok(value) => Some(value),
            Err(error) => {
                let at = self.place(part).start + package::place_of(part.get().as_bytes(), &error);
                self.add(Problem {
                    bytes: at..at + 1,
                    pointer: pointer.to_owned(),
                    problem: format!("this is not what stands here in a package: {error}"),
                });
                None
            }
        }
    }

    fn section<T: Deserialize<'a>>(&mut self, name: &str) -> Option<T> {
        let value = self.sections.get(name).copied()?;
        self.read(value, &format!("/sections/{name}"))
    }

    /// Something is wrong with that section, or with a member of it.
    fn found_in(&mut self, name: &str, member: &str, problem: impl Into<String>) {
        if let Some(part) = self.sections.get(name).copied() {
            let place = Place { part, pointer: format!("/sections/{name}") };
            self.found_at(&place, member, problem);
        }
    }

    /// Reads a section that is a list, element by element; each comes with its place.
    fn list<T: Deserialize<'a>>(&mut self, name: &str) -> Vec<(Place<'a>, T)> {
        let elements: Vec<&RawValue> = self.section(name).unwrap_or_default();
        elements
            .into_iter()
            .enumerate()
            .filter_map(|(index, part)| {
                let place = Place { part, pointer: format!("/sections/{name}/{index}") };
                self.read(part, &place.pointer).map(|value| (place, value))
            })
            .collect()
    }

    /// Something is wrong with a member of that element.
    fn found_at(&mut self, place: &Place<'_>, member: &str, problem: impl Into<String>) {
        if member.is_empty() || self.problems.len() >= MOST_PROBLEMS {
            return self.found(place.part, place.pointer.as_str(), problem);
        }
        // Members are taken apart only where one is wrong.
        let members: Option<BTreeMap<String, &RawValue>> =
            serde_json::from_str(place.part.get()).ok();
        let part = members.and_then(|members| members.get(member).copied());
        let pointer = format!("{}/{}", place.pointer, escaped(member));
        self.found(part.unwrap_or(place.part), pointer, problem);
    }
}

/// Where a section, or an element of one, stands.
struct Place<'a> {
    part: &'a RawValue,
    pointer: String,
}

/// A name as a step of a JSON pointer.
fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}
