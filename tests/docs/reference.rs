//! The reference pages, made from the catalogue, the server's settings and the sources. To accept what
//! there is now: `WO_GOLDEN=accept`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::{Path, PathBuf};

use postgres::Client;
use wo_cluster_tests::Cluster;

use crate::docs::page::repository;

/// Holds a page against what it must say, or writes it.
fn hold(page: &str, text: &str) {
    let path = repository().join("docs/src/reference").join(page);
    if std::env::var_os("WO_GOLDEN").is_some_and(|value| value == "accept") {
        std::fs::write(&path, text).unwrap();
    }
    let stored = std::fs::read_to_string(&path).unwrap_or_default();
    let difference = text.lines().zip(stored.lines()).find(|(new, old)| new != old);
    assert!(text == stored, "{}: {difference:?}; WO_GOLDEN=accept writes it", path.display());
}

/// How many characters a line of a paragraph has at most.
const WIDTH: usize = 120;

/// A text as a paragraph. No line begins with what Markdown takes for a list, a heading, a quotation or a table.
fn paragraph(text: &str) -> String {
    let is_mark = |word: &str| {
        let number = word.trim_start_matches(|letter: char| letter.is_ascii_digit());
        word.starts_with(['#', '>', '|'])
            || word.starts_with("```")
            || word.starts_with("~~~")
            || matches!(word, "-" | "*" | "+" | "=")
            || (number.len() < word.len() && matches!(number, "." | ")"))
    };
    let (mut lines, mut width) = (String::new(), 0);
    for word in text.replace('<', "&lt;").split_ascii_whitespace() {
        let length = word.chars().count();
        let fits = width + 1 + length <= WIDTH || is_mark(word);
        let (gap, before) = match (width, fits) {
            (0, _) => ("", 0),
            (_, true) => (" ", width + 1),
            (_, false) => ("\n", 0),
        };
        lines.push_str(gap);
        lines.push_str(word);
        width = before + length;
    }
    lines
}

#[test]
fn a_paragraph_is_wrapped_where_no_line_becomes_something_else() {
    let text = format!("{} {} - {} <b> 1. x", "a".repeat(60), "b".repeat(59), "c".repeat(9));
    let wrapped = format!("{} {} -\n{} &lt;b> 1. x", "a".repeat(60), "b".repeat(59), "c".repeat(9));
    assert_eq!(paragraph(&text), wrapped);
}

/// A text as it stands in a cell of a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('<', "&lt;").replace(['\r', '\n'], " ")
}

fn rows(client: &mut Client, query: &str) -> Vec<Vec<String>> {
    let found = client.query(query, &[]).unwrap();
    let text = |row: &postgres::Row, index| row.get::<_, Option<String>>(index).unwrap_or_default();
    found.iter().map(|row| (0..row.len()).map(|index| text(row, index)).collect()).collect()
}

/// A function that has no description, or another one than the book shows, fails here.
#[test]
fn the_functions_are_those_of_the_catalogue() {
    let database = Cluster::shared().database();
    let found = rows(
        &mut database.superuser(),
        "select called.proname::text, pg_get_function_arguments(called.oid), pg_get_function_result(called.oid),
            obj_description(called.oid, 'pg_proc'),
            (select string_agg(distinct held.grantee::regrole::text, ', ' order by held.grantee::regrole::text)
             from aclexplode(called.proacl) as held where held.grantee <> called.proowner)
         from pg_proc as called where called.pronamespace = 'wo'::regnamespace order by 1, 2",
    );
    let mut page = "# SQL functions\n\nEvery function of schema `wo`. The database shows the same: `\\df+ wo.*`.\n".to_owned();
    for function in &found {
        let [name, arguments, result, comment, roles] = &function[..] else { unreachable!() };
        assert!(!comment.is_empty(), "wo.{name} has no COMMENT");
        write!(
            page,
            "\n## wo.{name}\n\n```text\nwo.{name}({arguments}) returns {result}\n```\n\n{}\n\nFor: {roles}.\n",
            paragraph(comment)
        )
        .unwrap();
    }
    hold("functions.md", &page);
}

/// A table or a column without a description fails here.
#[test]
fn the_tables_are_those_of_the_catalogue() {
    let database = Cluster::shared().database();
    let mut client = database.superuser();
    let tables = rows(
        &mut client,
        "select held.relname::text, case held.relkind when 'v' then 'view' else 'table' end, obj_description(held.oid, 'pg_class')
         from pg_class as held where held.relnamespace = 'wo'::regnamespace and held.relkind in ('r', 'p', 'v')
             and not held.relispartition order by 1",
    );
    let mut page =
        "# Tables and views\n\nEvery table and view of schema `wo`. The database shows the same: `\\d+ wo.work_order`.\n"
            .to_owned();
    for table in &tables {
        let [name, kind, comment] = &table[..] else { unreachable!() };
        assert!(!comment.is_empty(), "wo.{name} has no COMMENT");
        let text = paragraph(&format!("A {kind}. {comment}"));
        write!(page, "\n## wo.{name}\n\n{text}\n").unwrap();
        page.push_str("\n| column | type | |\n|---|---|---|\n");
        let columns = rows(
            &mut client,
            &format!(
                "select column_.attname::text, format_type(column_.atttypid, column_.atttypmod),
                    col_description(column_.attrelid, column_.attnum)
                 from pg_attribute as column_ where column_.attrelid = 'wo.{name}'::regclass and column_.attnum > 0
                     and not column_.attisdropped order by column_.attnum"
            ),
        );
        for column in columns {
            writeln!(page, "| `{}` | `{}` | {} |", column[0], column[1], cell(&column[2])).unwrap();
        }
    }
    hold("tables.md", &page);
}

/// A setting that the book does not show, or shows with another default, fails here.
#[test]
fn the_settings_are_those_of_the_server() {
    let database = Cluster::shared().database();
    let mut client = database.superuser();
    client.batch_execute("load 'wo_core'").unwrap();
    let found = rows(
        &mut client,
        "select name, boot_val, unit, min_val, max_val, context, short_desc, extra_desc
         from pg_settings where name like 'wo\\_core.%' order by name",
    );
    assert!(found.len() > 10);
    let mut page = "# Settings\n\nIn `postgresql.conf`, with `alter system`, `alter database`, `alter role` or `set`, as the context allows.\n\n| setting | default | range | context | |\n|---|---|---|---|---|\n".to_owned();
    for setting in &found {
        let [name, default, unit, least, most, context, short, extra] = &setting[..] else {
            unreachable!()
        };
        let default = match (default.is_empty(), unit.is_empty()) {
            (true, _) => String::new(),
            (false, true) => format!("`{default}`"),
            (false, false) => format!("`{default}` {unit}"),
        };
        let range = if least.is_empty() { String::new() } else { format!("{least} to {most}") };
        writeln!(
            page,
            "| `{name}` | {default} | {range} | {context} | {} {} |",
            cell(short),
            cell(extra)
        )
        .unwrap();
    }
    hold("settings.md", &page);
}

/// The Rust files below these directories. The sample concept is in no build that is shipped.
fn sources() -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut directories = vec![repository().join("src"), repository().join("crates/wo_rules/src")];
    while let Some(directory) = directories.pop() {
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() && path.ends_with("concept/sample") {
                continue;
            }
            if path.is_dir() {
                directories.push(path);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// The first string literal of a text.
fn literal(text: &str) -> Option<&str> {
    let start = text.find('"')? + 1;
    let mut escaped = false;
    let end = text[start..].char_indices().find(|(_, letter)| {
        let ends = *letter == '"' && !escaped;
        escaped = *letter == '\\' && !escaped;
        ends
    })?;
    Some(&text[start..start + end.0])
}

fn is_code(text: &str) -> bool {
    text.contains('_') && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
}

/// The codes that a source names right after a SQLSTATE, and the sentence that follows.
fn codes_of(path: &Path, found: &mut BTreeMap<String, (BTreeSet<&'static str>, String)>) {
    const STATES: &[(&str, &str)] = &[
        ("GateNotMet", "23514"),
        ("NotPermitted", "42501"),
        ("VersionConflict", "40001"),
        ("BadValue", "22023"),
        ("Duplicate", "23505"),
        ("WrongState", "55000"),
        ("NotSupported", "0A000"),
    ];
    let source = std::fs::read_to_string(path).unwrap();
    let source = source.split("#[cfg(test)]").next().unwrap();
    for (name, state) in STATES {
        for rest in source.split(&format!("SqlState::{name},")).skip(1) {
            let after = rest.trim_start();
            if !after.starts_with('"') {
                continue;
            }
            let Some(code) = literal(after).filter(|code| is_code(code)) else { continue };
            let rest = &after[code.len() + 2..];
            let sentence = match rest.trim_start_matches([',', ' ', '\n']).starts_with("sentence)")
            {
                true => "the rule of the constraint that the row or the value violates",
                false => literal(rest).unwrap_or_default(),
            };
            let entry = found.entry(code.to_owned()).or_default();
            entry.0.insert(state);
            if entry.1.is_empty() && sentence.contains(' ') {
                entry.1 =
                    sentence.split_whitespace().collect::<Vec<_>>().join(" ").replace("\\ ", "");
            }
        }
    }
}

/// A code that programs may meet stands in the book.
#[test]
fn the_errors_are_those_of_the_sources() {
    let mut found = BTreeMap::new();
    for path in sources() {
        codes_of(&path, &mut found);
    }
    assert!(found.len() > 80, "{}", found.len());
    let mut page = "# Errors\n\nA refusal has a standard SQLSTATE, one plain sentence, a JSON object as DETAIL whose first member is `code`, and a HINT.\n\n| SQLSTATE | means |\n|---|---|\n| 23514 | a gate or a guard is not met |\n| 42501 | the identity or the role does not allow it |\n| 40001 | somebody was faster: read again and retry; PostgreSQL's own 40P01 means the same |\n| 22023 | a value that cannot be |\n| 23505 | it exists already |\n| 55000 | the object is not in a state that allows it |\n| 0A000 | PostgreSQL can do it, `wo_core` does not allow it |\n\nWhat PostgreSQL refuses by itself (a missing GRANT, a foreign key, a date that is none) has its own text and no JSON.\n\n| code | SQLSTATE | sentence |\n|---|---|---|\n".to_owned();
    for (code, (states, sentence)) in &found {
        let states = states.iter().copied().collect::<Vec<_>>().join(", ");
        writeln!(page, "| `{code}` | {states} | {} |", cell(sentence)).unwrap();
    }
    hold("errors.md", &page);
}

/// An event type that subscribers may get stands in the book.
#[test]
fn the_event_types_are_those_of_the_sources() {
    let page = std::fs::read_to_string(repository().join("docs/src/reference/events.md")).unwrap();
    // The sources name functions and tables in the same way.
    let named = rows(
        &mut Cluster::shared().database().superuser(),
        "select proname::text from pg_proc where pronamespace = 'wo'::regnamespace
         union select relname::text from pg_class where relnamespace = 'wo'::regnamespace
         union select typname::text from pg_type where typnamespace = 'wo'::regnamespace",
    );
    let is_named = |name: &str| named.iter().any(|row| row[0] == name);
    let mut seen = 0;
    for path in sources() {
        let source = std::fs::read_to_string(&path).unwrap();
        let source = source.split("#[cfg(test)]").next().unwrap();
        for rest in source.split("\"wo.").skip(1) {
            let name = rest.split('"').next().unwrap_or_default();
            if is_type(name) && !is_named(name) {
                assert!(page.contains(&format!("`wo.{name}`")), "{}: wo.{name}", path.display());
                seen += 1;
            }
        }
    }
    assert!(seen > 20, "{seen}");
}

fn is_type(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
}
