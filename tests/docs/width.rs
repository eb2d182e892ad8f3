//! How wide the documents are.

use crate::docs::page::repository;
use crate::docs::pages::pages_of_the_book;

/// How many characters a line has at most.
const WIDTH: usize = 130;

/// The numbers of the lines that are too long. A row of a table is one line, and so is a signature in a block of
/// text.
fn too_long(text: &str) -> Vec<usize> {
    let mut found = Vec::new();
    let mut block: Option<&str> = None;
    for (index, line) in text.lines().enumerate() {
        match (block, line.strip_prefix("```")) {
            (None, Some(language)) => block = Some(language.trim()),
            (Some(_), Some(_)) => block = None,
            (Some("text"), None) => {}
            (None, None) if line.starts_with('|') => {}
            (_, None) if line.chars().count() > WIDTH => found.push(index + 1),
            (_, None) => {}
        }
    }
    found
}

/// A line that is wider than a window is read by nobody, and each change of it is a difference of the whole line.
#[test]
fn no_line_of_the_documents_is_too_long() {
    let others =
        ["README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md", "examples/README.md"];
    let pages = pages_of_the_book().into_iter().chain(others.map(str::to_owned));
    let found: Vec<String> = pages
        .flat_map(|page| {
            let text = std::fs::read_to_string(repository().join(&page)).unwrap();
            too_long(&text).into_iter().map(move |line| format!("{page}:{line}"))
        })
        .collect();
    assert!(found.is_empty(), "lines of more than {WIDTH} characters: {found:#?}");
}

#[test]
fn tables_and_signatures_may_be_long_and_other_lines_may_not() {
    let long = "x".repeat(WIDTH + 1);
    let text =
        format!("{long}\n\n| {long} |\n\n```text\n{long}\n```\n\n```sql\n{long}\n```\n{long}\n");
    assert_eq!(too_long(&text), [1, 10, 12]);
    assert_eq!(too_long(&"é".repeat(WIDTH)), Vec::<usize>::new());
}
