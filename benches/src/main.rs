//! `make bench`: every figure is a ratio to the floor, the same durable rows with no rule checked,
//! or to a peer, measured in turns in the same run. Exits with 1 where a target is missed or a
//! figure is invalid.

// A tool for developers: it fails by panicking, with the reason.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod bloat;
mod create;
mod crowd;
mod figure;
mod ground;
mod hierarchy;
mod job_plan;
mod layers;
mod listener;
mod load;
mod measure;
mod options;
mod ordering;
mod partitions;
mod peers;
mod plot;
mod recovery;
mod sealing;
mod sign;
mod snapshot;
mod stored;
mod transition;
mod verification;
mod watch;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use figure::Book;
use options::{Options, Request};

/// A name, and what measures it.
type Part = (&'static str, fn(&mut Book, &Options));

/// The parts, in the order in which they are measured.
const PARTS: &[Part] = &[
    ("transition", transition::measure),
    ("create", create::measure),
    ("job_plan", job_plan::measure),
    ("crowd", crowd::measure),
    ("hierarchy", hierarchy::measure),
    ("stored", stored::measure),
    ("listener", listener::measure),
    ("verification", verification::measure),
    ("sealing", sealing::measure),
    ("partitions", partitions::measure),
    ("ordering", ordering::measure),
    ("bloat", bloat::measure),
    ("layers", layers::measure),
    ("sign", sign::measure),
    ("peers", peers::measure),
    ("snapshot", snapshot::measure),
    ("recovery", recovery::measure),
];

/// Measured by `--full` and by name alone.
const LONG: &[&str] = &["snapshot"];

fn main() -> ExitCode {
    match options::read(std::env::args().skip(1)) {
        Request::Measure(options) => measure(&options),
        Request::Plot(files) => plot(&files),
        Request::Refuse(why) => {
            eprintln!("{why}");
            ExitCode::from(2)
        }
    }
}

fn measure(options: &Options) -> ExitCode {
    let known = |name: &&String| PARTS.iter().any(|(part, _)| part == name);
    if let Some(unknown) = options.only.iter().find(|name| !known(name)) {
        let parts: Vec<&str> = PARTS.iter().map(|(part, _)| *part).collect();
        eprintln!("{unknown} is no part; there are: {}", parts.join(", "));
        return ExitCode::from(2);
    }
    let mut book = Book::open().expect("the results can be written");
    let start = Instant::now();
    for (part, run) in PARTS {
        let is_usual = options.only.is_empty() && (options.full || !LONG.contains(part));
        if is_usual || options.only.iter().any(|name| name == part) {
            println!("[{:>5} s] {part}", start.elapsed().as_secs());
            run(&mut book, options);
        }
    }
    println!("[{:>5} s] done", start.elapsed().as_secs());
    let is_met = book.close();
    show_plots(book.path());
    ExitCode::from(u8::from(!is_met))
}

fn plot(files: &[String]) -> ExitCode {
    let newest = || -> Option<PathBuf> {
        let files = std::fs::read_dir(ground::directory()).ok()?.flatten();
        let results = files.map(|file| file.path());
        results.filter(|path| path.extension().is_some_and(|ending| ending == "jsonl")).max()
    };
    let paths: Vec<PathBuf> = match files {
        [] => newest().into_iter().collect(),
        files => files.iter().map(PathBuf::from).collect(),
    };
    if paths.is_empty() {
        eprintln!("there are no results; make bench writes some");
        return ExitCode::from(2);
    }
    ExitCode::from(u8::from(!paths.iter().all(|path| show_plots(path))))
}

fn show_plots(results: &Path) -> bool {
    match plot::draw(results) {
        Ok(drawn) => {
            drawn.iter().for_each(|path| println!("Picture: {}", path.display()));
            true
        }
        Err(error) => {
            eprintln!("{}: {error}", results.display());
            false
        }
    }
}
