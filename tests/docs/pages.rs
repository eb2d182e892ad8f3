//! One test for each page that has something to type. A page that is added without a test here fails
//! `every_page_is_typed_or_has_nothing_to_type`.

use std::collections::BTreeSet;

use crate::docs::page::{blocks, repository, run};

macro_rules! pages {
    ($($test:ident: $page:literal,)*) => {
        const TYPED: &[&str] = &[$($page),*];
        $(
            /// A reader who types the page meets no error that the page does not announce.
            #[test]
            fn $test() {
                run($page);
            }
        )*
    };
}

pages! {
    the_readme_runs_as_typed: "README.md",
    a_first_work_order_runs_as_typed: "docs/src/guide/first-work-order.md",
    identity_runs_as_typed: "docs/src/guide/identity.md",
    lifecycles_run_as_typed: "docs/src/guide/lifecycles.md",
    definitions_run_as_typed: "docs/src/guide/definitions.md",
    fleets_run_as_typed: "docs/src/guide/fleet.md",
    hierarchy_runs_as_typed: "docs/src/guide/hierarchy.md",
    approvals_run_as_typed: "docs/src/guide/approvals.md",
    job_plans_run_as_typed: "docs/src/guide/job_plans.md",
    deliverables_run_as_typed: "docs/src/guide/deliverables.md",
    findings_run_as_typed: "docs/src/guide/findings.md",
    credentials_run_as_typed: "docs/src/guide/credentials.md",
    the_vault_runs_as_typed: "docs/src/guide/vault.md",
    evidence_runs_as_typed: "docs/src/guide/evidence.md",
    events_run_as_typed: "docs/src/guide/events.md",
    the_ledger_runs_as_typed: "docs/src/guide/ledger.md",
    install_runs_as_typed: "docs/src/operations/install.md",
    backups_run_as_typed: "docs/src/operations/backup.md",
    monitoring_runs_as_typed: "docs/src/operations/monitoring.md",
}

/// The blocks that no test runs: page, first line, and why.
const NOT_RUN: &[(&str, &str, &str)] = &[
    ("README.md", "make build ", "it builds what the tests run with; .ci/run runs make"),
    ("README.md", "make test ", "it runs this test"),
    ("CONTRIBUTING.md", "make build ", "it builds what the tests run with; .ci/run runs make"),
    (
        "docs/src/operations/install.md",
        "make build ",
        "it builds what the tests run with; .ci/run runs make",
    ),
    (
        "docs/src/operations/install.md",
        "docker build ",
        "it needs a container engine; recovery::image runs the entrypoint of the image",
    ),
    (
        "docs/src/operations/install.md",
        "psql -d work -v destroy=work ",
        "it removes what the tests run with; recovery::removal runs the script",
    ),
    (
        "docs/src/operations/backup.md",
        "make install ",
        "it needs two installed versions; recovery::pg_upgrade runs pg_upgrade",
    ),
    (
        "docs/src/operations/backup.md",
        "vacuumdb ",
        "it follows pg_upgrade; recovery::pg_upgrade checks health and trail of the new cluster",
    ),
];

/// A page whose blocks nobody runs says what was true once. A block that is not run has its reason here; the
/// reference shows signatures, which are generated.
#[test]
fn every_block_is_run_or_says_why_not() {
    let mut not_run: BTreeSet<(String, &str)> = BTreeSet::new();
    let others = ["README.md", "CONTRIBUTING.md", "SECURITY.md"].map(str::to_owned);
    for page in pages_of_the_book().into_iter().chain(others) {
        let text = std::fs::read_to_string(repository().join(&page)).unwrap();
        let blocks = blocks(&text);
        let is_run = |language: &str| matches!(language, "sql" | "sh" | "conf");
        let typed = blocks.iter().any(|block| is_run(&block.language));
        assert_eq!(typed, TYPED.contains(&page.as_str()), "{page}");
        if page.starts_with("docs/src/reference/") {
            continue;
        }
        for block in blocks.iter().filter(|block| !is_run(&block.language)) {
            let reason =
                NOT_RUN.iter().find(|(of, begin, _)| *of == page && block.text.starts_with(begin));
            let (_, begin, _) =
                reason.unwrap_or_else(|| panic!("{page}:{} is not run", block.line));
            not_run.insert((page.clone(), begin));
        }
    }
    assert_eq!(not_run.len(), NOT_RUN.len(), "a reason without a block");
}

/// The README is what a newcomer reads first: it stays short.
#[test]
fn the_readme_has_no_more_than_150_lines() {
    let text = std::fs::read_to_string(repository().join("README.md")).unwrap();
    assert!(text.lines().count() <= 150);
}

/// Every Markdown file of the book, relative to the repository.
pub fn pages_of_the_book() -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut directories = vec![repository().join("docs/src")];
    while let Some(directory) = directories.pop() {
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                directories.push(path);
            } else if path.extension().is_some_and(|ending| ending == "md") {
                let relative = path.strip_prefix(repository()).unwrap();
                found.insert(relative.to_str().unwrap().to_owned());
            }
        }
    }
    found
}
