//! Evidence packages, verified without the database.

use std::fmt;
use std::io::Read;
use std::path::{Path, PathBuf};

use wo_rules::evidence::package::LONGEST_PACKAGE;
pub use wo_rules::evidence::verify::Verdict;
use wo_rules::evidence::verify::{
    LedgerReport, Outside, Report, SignatureCheck, SignatureCounts, verify_with,
};
use wo_rules::ledger::bundle::Bundle;
use wo_rules::ledger::proof::Consistency;

use crate::{Error, failed, one_line_break, read_text, read_verifier_key, shown};

/// What the verifier knows from elsewhere, as it is named on the command line.
#[derive(Debug, Clone, Copy, Default)]
pub struct Known<'a> {
    /// The ledger's public key, or `@` and the file that holds it.
    pub sealing_key: Option<&'a str>,
    /// The file of a checkpoint that is trusted.
    pub checkpoint: Option<&'a Path>,
    /// The file of newer proofs: what `wo.ledger_proof` gives.
    pub proofs: Option<&'a Path>,
    /// The file of a consistency proof: what `wo.consistency_proof` gives.
    pub consistency: Option<&'a Path>,
    /// Whether an entry that is not sealed is a problem.
    pub require_sealed: bool,
}

impl Known<'_> {
    fn read(&self) -> Result<Outside, Error> {
        let text = |file: Option<&Path>| file.map(read_text).transpose();
        let named = |file: Option<&Path>, why: String| {
            let file = file.map(|file| file.display().to_string()).unwrap_or_default();
            Error::new(shown(&format!("{file}: {why}")))
        };
        Ok(Outside {
            sealing_key: self.sealing_key.map(read_verifier_key).transpose()?,
            checkpoint: text(self.checkpoint)?.map(|note| one_line_break(&note)),
            bundle: text(self.proofs)?
                .map(|text| Bundle::read(&text))
                .transpose()
                .map_err(|why| named(self.proofs, why))?,
            consistency: text(self.consistency)?
                .map(|text| Consistency::read(&text))
                .transpose()
                .map_err(|why| named(self.consistency, why))?,
            require_sealed: self.require_sealed,
        })
    }
}

/// The verdict on a package, to be shown to people or, as [`Report`], to programs.
#[derive(Debug)]
pub struct Verified {
    /// What was found.
    pub report: Report,
    file: PathBuf,
    /// Whether the file is a page of HTML, such as the report for people.
    is_page: bool,
}

/// Reads and verifies a package; `-` is the standard input.
///
/// # Errors
/// A file that cannot be read, or is not what `known` says.
pub fn verify(file: &Path, known: &Known<'_>) -> Result<Verified, Error> {
    let outside = known.read()?;
    let doing = || format!("cannot read {}", file.display());
    let input: Box<dyn Read> = if file == Path::new("-") {
        Box::new(std::io::stdin().lock())
    } else {
        Box::new(std::fs::File::open(file).map_err(failed(doing()))?)
    };
    let longest = u64::try_from(LONGEST_PACKAGE).unwrap_or(u64::MAX);
    let mut bytes = Vec::new();
    input.take(longest + 1).read_to_end(&mut bytes).map_err(failed(doing()))?;
    crate::drop_line_break(&mut bytes);
    Ok(Verified {
        report: verify_with(&bytes, &outside),
        file: file.to_owned(),
        is_page: bytes.trim_ascii_start().starts_with(b"<"),
    })
}

impl Verified {
    /// The report for programs.
    ///
    /// # Errors
    /// None is known; writing JSON may fail by its signature.
    pub fn json(&self) -> Result<String, Error> {
        serde_json::to_string_pretty(&self.report).map_err(failed("cannot write the report"))
    }

    /// That the file is no package.
    pub fn no_package(&self) -> Error {
        let what = match self.is_page {
            true => ": it is a page; verify the package that the page was made from",
            false => ", or none of a form that this version of wo knows",
        };
        Error::new(shown(&format!("{} is no evidence package{what}", self.file.display())))
    }
}

impl fmt::Display for Verified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let report = &self.report;
        let or_unknown = |text: &Option<String>| text.as_deref().map_or("unknown".into(), shown);
        let verdict = match report.verdict {
            Verdict::Intact => "INTACT",
            Verdict::NotIntact => "NOT INTACT",
            Verdict::Undecided => "NOT DECIDED",
            Verdict::Reformatted => "REFORMATTED",
            Verdict::NoPackage => "NO PACKAGE",
        };
        writeln!(f, "{verdict}: work order {}", or_unknown(&report.work_order))?;
        if report.verdict == Verdict::Reformatted {
            writeln!(
                f,
                "  A program parsed this package and wrote it again. The original follows from it and is intact, \
                 but this\n  file is not the original: fetch wo.evidence_package as text, and keep its bytes."
            )?;
        }
        for question in &report.undecided {
            writeln!(f, "  {}", shown(question))?;
        }
        write!(f, "  made        {}", or_unknown(&report.made_at))?;
        if let Some(made) = &report.made {
            let who = made.by.as_ref().unwrap_or(&made.login_role);
            write!(
                f,
                " by {}, with wo_core {} on PostgreSQL {}",
                shown(who),
                shown(&made.wo_core),
                shown(&made.postgresql)
            )?;
        }
        writeln!(f, "\n  trail       {} entries", report.entries)?;
        write!(f, "  signatures  {}", counted(&report.signatures))?;
        write!(f, "\n  ledger      {}", shown(&sealed(&report.ledger)))?;
        for found in &report.problems {
            let pointer = if found.pointer.is_empty() { "/" } else { &found.pointer };
            let (bytes, pointer) = (&found.bytes, shown(pointer));
            write!(
                f,
                "\n  bytes {}..{} at {pointer}: {}",
                bytes.start,
                bytes.end,
                shown(&found.problem)
            )?;
        }
        match report.problems_not_listed {
            0 => Ok(()),
            more => write!(f, "\n  and {more} problems more"),
        }
    }
}

/// How many signatures there are of each state, in words.
fn counted(counts: &SignatureCounts) -> String {
    let rejections = if counts.rejected == 1 { "rejection" } else { "rejections" };
    let others = [
        (counts.rejected, rejections),
        (counts.broken, "BROKEN"),
        (counts.amended, "amended"),
        (counts.void, "void"),
        (counts.withdrawn, "withdrawn"),
    ];
    let others = others.into_iter().filter(|(count, _)| *count > 0);
    let all = std::iter::once((counts.valid, "in force")).chain(others);
    all.map(|(count, what)| format!("{count} {what}")).collect::<Vec<_>>().join(", ")
}

/// How much of the trail is sealed, in words.
fn sealed(ledger: &LedgerReport) -> String {
    let LedgerReport { sealed_entries, unsealed_entries, .. } = ledger;
    let (Some(origin), Some(size), Some(root)) =
        (&ledger.origin, ledger.checkpoint_size, &ledger.checkpoint_root)
    else {
        return "no entry is sealed".to_owned();
    };
    let signature = match ledger.signature {
        SignatureCheck::Verified => "its signature verified",
        SignatureCheck::NotChecked => "its signature NOT CHECKED: no --sealing-key was given",
        SignatureCheck::Failed => "its signature is NOT that of the sealing key",
    };
    let trusted = match ledger.trusted_entries {
        Some(count) => format!("; {count} of them proven to be in the trusted checkpoint"),
        None => String::new(),
    };
    let entries = sealed_entries + unsealed_entries;
    format!(
        "{sealed_entries} of {entries} entries sealed{trusted}; checkpoint of {origin} at size {size}, \
         root {root}, {signature}"
    )
}
