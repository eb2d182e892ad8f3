//! Evidence packages, verified without the database.

use std::fmt;
use std::io::Read;
use std::path::Path;

use wo_rules::evidence::package::LONGEST_PACKAGE;
use wo_rules::evidence::verify::Report;

use crate::{Error, failed, shown};

/// The verdict on a package, to be shown to people or, as [`Report`], to programs.
#[derive(Debug)]
pub struct Verified(pub Report);

/// Reads and verifies a package; `-` is the standard input.
///
/// # Errors
/// A file that cannot be read. What is read and is no package is not intact.
pub fn verify(file: &Path) -> Result<Verified, Error> {
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
    Ok(Verified(wo_rules::evidence::verify::verify(&bytes)))
}

impl Verified {
    /// The report for programs.
    ///
    /// # Errors
    /// None is known; writing JSON may fail by its signature.
    pub fn json(&self) -> Result<String, Error> {
        serde_json::to_string_pretty(&self.0).map_err(failed("cannot write the report"))
    }
}

impl fmt::Display for Verified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let report = &self.0;
        let or_unknown = |text: &Option<String>| text.as_deref().map_or("unknown".into(), shown);
        let verdict = if report.intact { "INTACT" } else { "NOT INTACT" };
        writeln!(f, "{verdict}: work order {}", or_unknown(&report.work_order))?;
        let counts = &report.signatures;
        writeln!(f, "  made at     {}", or_unknown(&report.made_at))?;
        writeln!(f, "  trail       {} entries", report.entries)?;
        write!(
            f,
            "  signatures  {} valid, {} amended, {} void, {} withdrawn",
            counts.valid, counts.amended, counts.void, counts.withdrawn
        )?;
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
