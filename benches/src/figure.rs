//! Figures and the book that they are written to: a line of JSON at once, a table at the end.

use std::fs::File;
use std::io::Write;
use std::path::PathBuf;

use serde_json::{Map, Value, json};

use crate::measure::{Spread, ratios};
use crate::watch::{self, Waits};

/// What a ratio must reach.
#[derive(Debug, Clone, Copy)]
pub enum Target {
    AtLeast(f64),
    AtMost(f64),
}

impl Target {
    fn is_met(self, ratio: f64) -> bool {
        match self {
            Self::AtLeast(least) => ratio >= least,
            Self::AtMost(most) => ratio <= most,
        }
    }

    fn text(self) -> String {
        match self {
            Self::AtLeast(least) => format!("≥ {least}"),
            Self::AtMost(most) => format!("≤ {most}"),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Verdict {
    Met,
    Missed,
    Unjudged,
    /// The rows did not add up, or the run failed: no figure.
    Invalid(String),
    /// There is nothing to measure here yet.
    Unavailable(String),
}

impl Verdict {
    fn text(&self) -> &str {
        match self {
            Self::Met => "met",
            Self::Missed => "MISSED",
            Self::Unjudged => "",
            Self::Invalid(_) => "INVALID",
            Self::Unavailable(_) => "not available",
        }
    }
}

/// One measured figure.
pub struct Figure {
    name: String,
    unit: &'static str,
    value: Spread,
    baseline: Option<(String, Spread, Spread)>,
    target: Option<Target>,
    note: Option<String>,
    waited: Option<String>,
    problem: Option<String>,
    details: Map<String, Value>,
}

impl Figure {
    pub fn new(name: impl Into<String>, unit: &'static str, values: &[f64]) -> Self {
        Self {
            name: name.into(),
            unit,
            value: Spread::of(values),
            baseline: None,
            target: None,
            note: None,
            waited: None,
            problem: None,
            details: Map::new(),
        }
    }

    /// Compares with what was measured in the same rounds.
    pub fn against(mut self, name: &str, values: &[f64], baseline: &[f64]) -> Self {
        let ratio = Spread::of(&ratios(values, baseline));
        self.baseline = Some((name.to_owned(), Spread::of(baseline), ratio));
        self
    }

    pub fn must(mut self, target: Option<Target>) -> Self {
        self.target = target;
        self
    }

    /// What a reader must know beside the figure.
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.note = Some(note.into());
        self
    }

    /// Makes the figure invalid, where there is a reason.
    pub fn unless(mut self, problem: Option<String>) -> Self {
        self.problem = problem;
        self
    }

    /// What the sessions waited for: all of it among the details, the two greatest in the note where
    /// the figure is judged.
    pub fn waits(mut self, waits: &Waits) -> Self {
        self.waited = watch::greatest(waits, 2);
        self.detail("waits", serde_json::to_value(waits).unwrap_or_default())
    }

    /// What a reader is told beside the figure.
    fn told(&self) -> Option<String> {
        let waited = self.target.and(self.waited.as_deref());
        let told: Vec<&str> = self.note.as_deref().into_iter().chain(waited).collect();
        (!told.is_empty()).then(|| told.join("; "))
    }

    pub fn detail(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.details.insert(name.to_owned(), value.into());
        self
    }

    fn verdict(&self) -> Verdict {
        if let Some(problem) = &self.problem {
            return Verdict::Invalid(problem.clone());
        }
        if self.value.median.is_nan() {
            return Verdict::Invalid("nothing was measured".into());
        }
        let judged = self.baseline.as_ref().map_or(self.value.median, |(_, _, ratio)| ratio.median);
        match self.target {
            None => Verdict::Unjudged,
            Some(target) if target.is_met(judged) => Verdict::Met,
            Some(_) => Verdict::Missed,
        }
    }
}

struct Row {
    part: &'static str,
    name: String,
    value: String,
    baseline: String,
    ratio: String,
    target: String,
    verdict: Verdict,
    note: Option<String>,
}

/// Everything measured so far.
pub struct Book {
    path: PathBuf,
    lines: File,
    rows: Vec<Row>,
}

impl Book {
    /// A new file of results below `$WO_BUILD/bench`.
    pub fn open() -> std::io::Result<Self> {
        let dir = crate::ground::directory();
        std::fs::create_dir_all(&dir)?;
        let path = dir.join(format!("{}.jsonl", chrono::Utc::now().format("%Y%m%dT%H%M%SZ")));
        Ok(Self { lines: File::create(&path)?, path, rows: Vec::new() })
    }

    pub fn path(&self) -> &PathBuf {
        &self.path
    }

    pub fn add(&mut self, part: &'static str, figure: Figure) {
        let (verdict, note) = (figure.verdict(), figure.told());
        let mut line = json!({
            "part": part, "figure": figure.name, "unit": figure.unit,
            "low": figure.value.low, "median": figure.value.median, "high": figure.value.high,
            "verdict": verdict.text(),
        });
        if let Some((name, value, ratio)) = &figure.baseline {
            line["baseline"] = json!({ "name": name, "median": value.median });
            line["ratio"] = json!({ "low": ratio.low, "median": ratio.median, "high": ratio.high });
        }
        line["target"] = figure.target.map(Target::text).into();
        line["note"] = note.clone().into();
        line["problem"] = figure.problem.clone().into();
        line["details"] = Value::Object(figure.details);
        self.write(&line);
        let row = Row {
            part,
            name: figure.name,
            value: format!("{} {}", shown(figure.value.median), figure.unit),
            baseline: figure.baseline.as_ref().map_or_else(String::new, |(name, value, _)| {
                format!("{} {name}", shown(value.median))
            }),
            ratio: figure.baseline.as_ref().map_or_else(
                || format!("{}…{}", shown(figure.value.low), shown(figure.value.high)),
                |(.., ratio)| format!("{:.2} ({:.2}…{:.2})", ratio.median, ratio.low, ratio.high),
            ),
            target: figure.target.map_or_else(String::new, Target::text),
            verdict,
            note,
        };
        self.show(row);
    }

    /// Says that something cannot be measured here, and why.
    pub fn unavailable(&mut self, part: &'static str, name: &str, why: &str) {
        self.write(
            &json!({ "part": part, "figure": name, "verdict": "not available", "problem": why }),
        );
        self.show(Row {
            part,
            name: name.to_owned(),
            value: String::new(),
            baseline: String::new(),
            ratio: String::new(),
            target: String::new(),
            verdict: Verdict::Unavailable(why.to_owned()),
            note: None,
        });
    }

    fn write(&mut self, line: &Value) {
        if let Err(error) = writeln!(self.lines, "{line}") {
            eprintln!("{}: {error}", self.path.display());
        }
    }

    fn show(&mut self, row: Row) {
        let what = [&row.value, &row.baseline, &row.ratio].map(String::as_str).join("  ");
        println!("    {}: {}  {}", row.name, what.trim(), row.verdict.text());
        self.rows.push(row);
    }

    /// The table of everything, with the notes below it; whether nothing judged was missed.
    pub fn close(&self) -> bool {
        let cells = |row: &Row| {
            [&row.name, &row.value, &row.baseline, &row.ratio, &row.target].map(Clone::clone)
        };
        let head = ["figure", "value", "floor or peer", "ratio (quartiles)", "target"];
        let mut widths = head.map(|name| name.chars().count());
        for row in &self.rows {
            for (width, cell) in widths.iter_mut().zip(cells(row)) {
                *width = (*width).max(cell.chars().count());
            }
        }
        let line = |cells: [String; 5], verdict: &str| {
            let cells = cells.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}"));
            println!("  {}  {verdict}", cells.collect::<Vec<_>>().join("  "));
        };
        println!();
        line(head.map(str::to_owned), "verdict");
        let mut part = "";
        for row in &self.rows {
            if row.part != part {
                part = row.part;
                println!("{part}");
            }
            line(cells(row), row.verdict.text());
        }
        println!();
        for row in &self.rows {
            if let Verdict::Invalid(why) | Verdict::Unavailable(why) = &row.verdict {
                println!("{}, {}: {} — {why}", row.part, row.name, row.verdict.text());
            }
            if let Some(note) = &row.note {
                println!("{}, {}: {note}", row.part, row.name);
            }
        }
        println!("\nResults: {}", self.path.display());
        let is_bad = |row: &Row| matches!(row.verdict, Verdict::Missed | Verdict::Invalid(_));
        !self.rows.iter().any(is_bad)
    }
}

/// Three digits that matter.
fn shown(value: f64) -> String {
    match value.abs() {
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::{Figure, Target, Verdict};

    fn figure(values: &[f64]) -> Figure {
        Figure::new("transition", "/s", values)
            .against("floor", values, &[100.0, 200.0, 400.0])
            .must(Some(Target::AtLeast(0.8)))
    }

    #[test]
    fn the_median_of_the_rounds_ratios_is_judged() {
        assert_eq!(figure(&[90.0, 160.0, 40.0]).verdict(), Verdict::Met);
        assert_eq!(figure(&[90.0, 158.0, 40.0]).verdict(), Verdict::Missed);
    }

    #[test]
    fn a_figure_whose_rows_do_not_add_up_is_invalid_however_good_it_is() {
        let wrong = figure(&[100.0, 200.0, 400.0]).unless(Some("rows grew by 3".into()));
        assert_eq!(wrong.verdict(), Verdict::Invalid("rows grew by 3".into()));
    }

    #[test]
    fn what_was_waited_for_most_is_told_of_what_is_judged() {
        let waits = [("LWLock:WALWrite", 60), ("running", 30), ("IO:WALSync", 10)];
        let waits = waits.map(|(event, count)| (event.to_owned(), count)).into();
        let judged = figure(&[90.0]).note("as it is").waits(&waits);
        let told = "as it is; waits: LWLock:WALWrite 60 %, running 30 %";
        assert_eq!(judged.told().as_deref(), Some(told));
        assert_eq!(judged.must(None).told().as_deref(), Some("as it is"));
    }

    #[test]
    fn a_figure_of_no_run_is_invalid() {
        assert!(matches!(figure(&[]).verdict(), Verdict::Invalid(_)));
    }
}
