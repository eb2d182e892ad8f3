//! Counts the instructions of the functional core under valgrind's callgrind, which does not depend
//! on the machine's mood, and holds them to the bounds in `benches/instructions/bounds.json`.
//!
//! `wo_instructions` checks, `wo_instructions --accept` makes what is counted now the new bounds,
//! and `wo_instructions CASE` is what valgrind runs.

use std::path::Path;
use std::process::{Command, ExitCode};

use serde_json::{Map, Value};
use wo_core_cases::{CASES, case};

/// By how much a count may grow beyond its bound.
const TOLERANCE: f64 = 0.05;
/// How often a case runs in one count; the first run's allocations and page faults weigh less.
const TIMES: u32 = 20;

const BOUNDS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/bounds.json");

fn main() -> ExitCode {
    let argument = std::env::args().nth(1);
    let outcome = match argument.as_deref() {
        None => check(),
        Some("--accept") => accept(),
        Some(name) => run(name).map(|()| true),
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(why) => {
            eprintln!("{why}");
            ExitCode::from(2)
        }
    }
}

fn run(name: &str) -> Result<(), String> {
    let case = case(name)?;
    measured(&*case);
    Ok(())
}

/// Callgrind counts what happens in here: see [`count`].
#[inline(never)]
fn measured(case: &dyn Fn()) {
    for _ in 0..TIMES {
        case();
    }
}

/// Instructions of one run of a case.
fn count(name: &str) -> Result<u64, String> {
    let this = std::env::current_exe().map_err(|error| error.to_string())?;
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null", "--collect-atstart=no"])
        .arg("--toggle-collect=wo_instructions::measured*")
        .arg(this)
        .arg(name)
        .output()
        .map_err(|error| format!("valgrind: {error}"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        return Err(format!("{name}: {said}"));
    }
    let counted =
        said.lines().find_map(|line| line.split_once("Collected : ")?.1.trim().parse().ok());
    match counted {
        Some(0) | None => Err(format!("{name}: callgrind counted nothing: {said}")),
        Some(counted) => Ok(counted / u64::from(TIMES)),
    }
}

fn bounds() -> Result<Map<String, Value>, String> {
    let text = std::fs::read_to_string(BOUNDS).map_err(|error| format!("{BOUNDS}: {error}"))?;
    serde_json::from_str(&text).map_err(|error| format!("{BOUNDS}: {error}"))
}

/// Whether every case stays within its bound.
fn check() -> Result<bool, String> {
    let bounds = bounds()?;
    let mut is_met = true;
    println!("{:<28} {:>12} {:>12} {:>8}", "instructions of", "counted", "bound", "change");
    for (name, _) in CASES {
        let counted = count(name)?;
        let Some(bound) = bounds.get(*name).and_then(Value::as_u64) else {
            is_met = false;
            println!("{name:<28} {counted:>12} {:>12}", "none");
            continue;
        };
        let change = counted as f64 / bound as f64 - 1.0;
        let said = match change {
            grown if grown > TOLERANCE => {
                is_met = false;
                "TOO MANY"
            }
            shrunk if shrunk < -TOLERANCE => "fewer: lower the bound",
            _ => "",
        };
        println!("{name:<28} {counted:>12} {bound:>12} {:>+7.1}%  {said}", change * 100.0);
    }
    if !is_met {
        let crate_name = Path::new(BOUNDS).file_name().unwrap_or_default().to_string_lossy();
        println!(
            "\nA count may grow by {:.0} %. Where more is meant, make the counts of now the bounds, and say in \
             the commit why:\n  cargo run --release -p wo_instructions -- --accept   # writes {crate_name}",
            TOLERANCE * 100.0
        );
    }
    Ok(is_met)
}

fn accept() -> Result<bool, String> {
    let mut bounds = Map::new();
    for (name, _) in CASES {
        let counted = count(name)?;
        println!("{name:<28} {counted:>12}");
        bounds.insert((*name).to_owned(), counted.into());
    }
    let text = serde_json::to_string_pretty(&bounds).map_err(|error| error.to_string())?;
    std::fs::write(BOUNDS, format!("{text}\n")).map_err(|error| format!("{BOUNDS}: {error}"))?;
    Ok(true)
}
