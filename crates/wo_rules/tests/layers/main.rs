//! The layers of the extension crate hold: imports go down only, and `unsafe` code is in `src/pg`
//! alone. Without this test a layer that reaches up, or a concept that reaches one behind it, is
//! noticed when the modules cannot be understood one by one any more.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod source;

use source::{Source, sources};
use std::collections::BTreeSet;
use std::sync::LazyLock;

/// The layers, lowest first.
const LAYERS: [&str; 4] = ["pg", "kernel", "concept", "service"];

/// The concepts in their order, as `concept::ALL` lists them: each may use those before it.
fn concepts() -> &'static [String] {
    static CONCEPTS: LazyLock<Vec<String>> = LazyLock::new(|| {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../src/concept/mod.rs");
        let text = std::fs::read_to_string(path).unwrap();
        let lines = text.lines().map(str::trim);
        lines
            .filter_map(|line| line.strip_prefix('&')?.strip_suffix("::CONCEPT,"))
            .map(str::to_owned)
            .collect()
    });
    assert!(CONCEPTS.len() > 5, "{CONCEPTS:?}");
    &CONCEPTS
}

/// Files that read columns which may be NULL with a default, and how often: rows that a trigger sees
/// before they are stored, whose NOT NULL constraints PostgreSQL checks afterwards, the outer side of a
/// join, and maps.
const MAY_BE_NULL: &[(&str, usize)] = &[
    ("src/concept/approval/escalation.rs", 2),
    ("src/concept/dispatch.rs", 1),
    ("src/kernel/configuration.rs", 2),
    ("src/kernel/work_order/child_records/value.rs", 1),
    ("src/kernel/work_order/record/row.rs", 4),
    ("src/kernel/work_order/triggers/validate.rs", 1),
    ("src/service/verification/signature.rs", 2),
];

/// What belongs to no layer: the table of contents, and the tests that run in the server.
const ABOVE_ALL: [&str; 2] = ["src/lib.rs", "src/in_process.rs"];

/// The rank of a module: its layer, and the place among the concepts. Nothing for a path that is not
/// of a layer.
fn rank(path: &[String]) -> Option<(usize, usize)> {
    let layer = LAYERS.iter().position(|layer| Some(*layer) == path.first().map(String::as_str))?;
    if LAYERS[layer] != "concept" {
        return Some((layer, 0));
    }
    let named = |name: &String| concepts().iter().position(|concept| concept == name);
    // The directory itself holds all of them.
    Some((layer, path.get(1).and_then(named).unwrap_or(concepts().len())))
}

/// The references of a file that go up, each with its line and what it names.
fn upward(source: &Source) -> Vec<(usize, String)> {
    let Some(own) = rank(&source.module) else { return Vec::new() };
    let paths = source.paths().into_iter();
    let up = paths.filter(|named| rank(&named.path).is_some_and(|rank| rank > own));
    up.map(|named| (named.line, named.path.iter().take(2).cloned().collect::<Vec<_>>().join("::")))
        .collect()
}

#[test]
fn imports_go_down_only() {
    let mut wrong = Vec::new();
    for source in sources().iter().filter(|source| !ABOVE_ALL.contains(&source.file.as_str())) {
        assert!(rank(&source.module).is_some(), "{} is in no layer", source.file);
        let lines = upward(source).into_iter();
        wrong.extend(lines.map(|(line, what)| format!("{}:{line} goes up to {what}", source.file)));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The files that import from each other in a cycle: those that stay when the files that import nothing of the
/// others, and those from which none of the others imports, are taken away one after the other.
fn circular(sources: &[Source]) -> Vec<String> {
    let modules: BTreeSet<&[String]> =
        sources.iter().map(|source| source.module.as_slice()).collect();
    let mut imports: BTreeSet<(&[String], &[String])> = BTreeSet::new();
    for source in sources {
        for named in source.paths() {
            let prefixes = (1..=named.path.len()).rev().map(|length| &named.path[..length]);
            let file = prefixes.filter_map(|prefix| modules.get(prefix)).next();
            if let Some(file) = file.filter(|file| **file != source.module.as_slice()) {
                imports.insert((source.module.as_slice(), file));
            }
        }
    }
    loop {
        let from: BTreeSet<_> = imports.iter().map(|(from, _)| *from).collect();
        let to: BTreeSet<_> = imports.iter().map(|(_, to)| *to).collect();
        let before = imports.len();
        imports.retain(|(one, other)| to.contains(one) && from.contains(other));
        if imports.len() == before {
            break;
        }
    }
    imports.iter().map(|(from, to)| format!("{} -> {}", from.join("::"), to.join("::"))).collect()
}

/// Without this test files come to import from each other in a cycle, and none of them can be understood
/// before the others.
#[test]
fn no_files_import_from_each_other_in_a_circle() {
    assert_eq!(circular(sources().as_slice()), [""; 0]);
    let cycle = |second: &str| {
        circular(&[
            Source::new("src/pg/a.rs", "use super::b::f;"),
            Source::new("src/pg/b.rs", second),
            Source::new("src/pg/c.rs", "use super::a::g;"),
        ])
    };
    assert_eq!(cycle(""), [""; 0]);
    assert_eq!(cycle("use crate::pg::a::{g};"), ["pg::a -> pg::b", "pg::b -> pg::a"]);
}

/// Without this test a new concept has to be named in the services too: they ask the registered concepts
/// (`kernel::concept`).
#[test]
fn services_name_no_concept() {
    let mut wrong = Vec::new();
    for source in
        sources().iter().filter(|source| source.module.first().is_some_and(|it| it == "service"))
    {
        let named = source.paths().into_iter();
        let concepts = named.filter(|named| named.path.first().is_some_and(|it| it == "concept"));
        wrong.extend(
            concepts.map(|named| format!("{}:{} names a concept", source.file, named.line)),
        );
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn unsafe_code_is_in_the_plumbing_alone() {
    let mut wrong = Vec::new();
    for source in sources() {
        let lines = source.unsafe_lines();
        if !source.file.starts_with("src/pg/") && !lines.is_empty() {
            wrong.push(format!("{}:{lines:?} say unsafe", source.file));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Without this test a column that is NULL, though it must not be, counts as an empty text or as zero,
/// and what is decided or hashed from it is wrong. A stored row is read by `required`.
#[test]
fn no_column_has_a_default_in_place_of_null() {
    let mut wrong = Vec::new();
    for source in sources() {
        let lines = source.defaulted_columns();
        let listed = MAY_BE_NULL.iter().find(|(file, _)| *file == source.file);
        let allowed = listed.map_or(0, |(_, count)| *count);
        if lines.len() != allowed {
            wrong
                .push(format!("{}:{lines:?} default a column, allowed are {allowed}", source.file));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_concept_has_its_place() {
    for source in
        sources().iter().filter(|source| source.module.first().is_some_and(|it| it == "concept"))
    {
        if let Some(name) = source.module.get(1) {
            assert!(concepts().contains(name), "{} has no place in the order", source.file);
        }
    }
}

#[test]
fn a_reference_is_found_however_it_is_written() {
    let up = |file: &str, text: &str| {
        upward(&Source::new(file, text))
            .into_iter()
            .map(|(line, what)| format!("{line} {what}"))
            .collect::<Vec<_>>()
    };
    let kernel = "src/kernel/event.rs";
    assert_eq!(up(kernel, "\nuse crate::service::worker::pump;"), ["2 service::worker"]);
    assert_eq!(up(kernel, "fn f() {\n crate::concept::finding::open() }"), ["2 concept::finding"]);
    assert_eq!(up(kernel, "A { f: crate::concept::fleet::f, }"), ["1 concept::fleet"]);
    assert_eq!(up(kernel, "fn f(a: crate::concept::fleet::A)"), ["1 concept::fleet"]);
    assert_eq!(up(kernel, "std::crate::service::worker"), [""; 0]);
    assert_eq!(up(kernel, "use super::super::service::worker;"), ["1 service::worker"]);
    assert_eq!(
        up(kernel, "use crate::{pg::row::Row, concept::{approval::{self, key}, fleet}};"),
        ["1 concept::approval", "1 concept::approval", "1 concept::fleet"]
    );
    assert_eq!(up(kernel, "use crate::service as beside;"), ["1 service"]);
    let finding = "src/concept/finding.rs";
    assert_eq!(up(finding, "use super::hierarchy::graph;"), ["1 concept::hierarchy"]);
    assert_eq!(up("src/concept/fleet.rs", "use super::finding;"), [""; 0]);
    assert_eq!(up("src/concept/hierarchy/mod.rs", "use crate::concept;"), ["1 concept"]);
    assert_eq!(
        up("src/concept/hierarchy/plan.rs", "use super::super::approval;"),
        ["1 concept::approval"]
    );
    let beside = "/* crate::service */ const A: &str = \"crate::service\"; // crate::service::worker\n\
        const B: &str = r#\"\"crate::service::worker\"\"#; const C: char = '\"'; fn f<'a>() {}";
    assert_eq!(up(kernel, beside), [""; 0]);
    let reads = "rows.get::<i64>(0, 1)\n.unwrap_or(0); row.named(f(a)).map_or(0, g); a.unwrap_or(0);\n\
        rows.get(0, 1).map(f).unwrap_or(0); row.get(1).unwrap_or_default()";
    assert_eq!(Source::new(kernel, reads).defaulted_columns(), [1, 2, 3]);
    assert_eq!(Source::new(kernel, "// unsafe\nunsafe { f() }").unsafe_lines(), [2]);
}
