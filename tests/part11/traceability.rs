//! The book's traceability matrix, held against the sources: a matrix that names tests that do
//! not exist, or leaves out some that do, is worse than none.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// The row that comes with a later part: qualifications.
const LATER: [u32; 1] = [12];

fn tests_dir() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

/// The rows of the matrix: number, and its cells.
fn matrix() -> BTreeMap<u32, Vec<String>> {
    let page = tests_dir().join("../docs/src/validation/traceability.md");
    let section = std::fs::read_to_string(page).unwrap();
    let mut rows = BTreeMap::new();
    for line in section.lines().filter(|line| line.starts_with("| ")) {
        let cells: Vec<String> =
            line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect();
        if let Ok(row) = cells[0].parse() {
            assert!(rows.insert(row, cells).is_none(), "row {row} stands twice");
        }
    }
    rows
}

/// The tests that a cell names: `suite::module::test`.
fn named(cell: &str) -> Vec<&str> {
    cell.split('`').skip(1).step_by(2).filter(|name| name.contains("::")).collect()
}

/// The names of the tests of a file.
fn tests_of(file: &Path) -> BTreeSet<String> {
    let source = std::fs::read_to_string(file).unwrap_or_default();
    let mut tests = BTreeSet::new();
    let mut lines = source.lines();
    while let Some(line) = lines.next() {
        if line.trim() != "#[test]" {
            continue;
        }
        let function = lines.by_ref().find_map(|line| line.trim().strip_prefix("fn "));
        tests.extend(function.and_then(|rest| rest.split('(').next()).map(str::to_owned));
    }
    tests
}

#[test]
fn every_row_of_the_matrix_says_what_it_means_and_which_tests_show_it() {
    let matrix = matrix();
    assert_eq!(matrix.keys().copied().collect::<Vec<_>>(), (1..=30).collect::<Vec<_>>());
    for (row, cells) in &matrix {
        assert_eq!(cells.len(), 4, "row {row}: {cells:?}");
        assert!(
            cells[1].starts_with("11.")
                || cells[1].contains("Annex 11")
                || cells[1].contains("PI 041")
        );
        assert!(cells[2].len() > 20, "row {row} says nothing");
        let tests = named(&cells[3]);
        if LATER.contains(row) {
            assert!(
                tests.is_empty() && cells[3].contains("Not in this version"),
                "row {row}: {}",
                cells[3]
            );
        } else {
            assert!(!tests.is_empty(), "row {row} names no test");
        }
    }
}

#[test]
fn every_test_that_the_matrix_names_exists() {
    for (row, cells) in matrix() {
        for name in named(&cells[3]) {
            let parts: Vec<&str> = name.split("::").collect();
            let [suite, module, test] = parts[..] else {
                panic!("row {row}: {name} is not suite::module::test")
            };
            let file = tests_dir().join(suite).join(format!("{module}.rs"));
            assert!(file.is_file(), "row {row}: there is no {}", file.display());
            assert!(tests_of(&file).contains(test), "row {row}: there is no test {name}");
            let suites = std::fs::read_to_string(tests_dir().join(suite).join("mod.rs")).unwrap();
            assert!(suites.contains(&format!("mod {module};")), "row {row}: {name} is not run");
        }
    }
}

#[test]
fn every_test_that_is_named_by_a_row_stands_in_that_row() {
    let matrix = matrix();
    let mut seen = 0;
    for file in std::fs::read_dir(tests_dir().join("part11")).unwrap() {
        let file = file.unwrap().path();
        let module = file.file_stem().unwrap().to_str().unwrap().to_owned();
        for test in tests_of(&file) {
            let Some(rest) = test.strip_prefix("row_") else { continue };
            let row: u32 = rest.split('_').next().unwrap().parse().unwrap();
            let cells = &matrix[&row];
            let name = format!("part11::{module}::{test}");
            assert!(named(&cells[3]).contains(&name.as_str()), "row {row} does not name {name}");
            seen += 1;
        }
    }
    assert!(seen > 50, "only {seen} tests were found");
}
