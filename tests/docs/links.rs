//! The links of the documents.

use std::collections::BTreeSet;
use std::path::Path;

use crate::docs::page::repository;
use crate::docs::pages::pages_of_the_book;

/// What stands between `](` and `)`, outside of blocks.
fn links(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut in_block = false;
    for line in text.lines() {
        if line.starts_with("```") {
            in_block = !in_block;
        } else if !in_block {
            found.extend(
                line.split("](")
                    .skip(1)
                    .filter_map(|rest| Some(rest.split_once(')')?.0.to_owned())),
            );
        }
    }
    found
}

/// The anchors of a page's headings, as mdBook names them.
fn anchors(text: &str) -> BTreeSet<String> {
    let headings = text.lines().filter(|line| line.starts_with('#'));
    headings
        .map(|line| {
            let words = line.trim_start_matches('#').trim().to_lowercase();
            words
                .chars()
                .filter(|letter| letter.is_alphanumeric() || matches!(letter, ' ' | '-' | '_'))
                .map(|letter| if letter == ' ' { '-' } else { letter })
                .collect()
        })
        .collect()
}

/// A reader who follows a link arrives somewhere.
#[test]
fn every_relative_link_leads_to_a_file_and_a_heading() {
    let mut pages = pages_of_the_book();
    for page in
        ["README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md", "examples/README.md"]
    {
        pages.insert(page.to_owned());
    }
    for page in pages {
        let text = std::fs::read_to_string(repository().join(&page)).unwrap();
        for link in links(&text) {
            if link.contains("://") {
                continue;
            }
            let (path, anchor) = link.split_once('#').unwrap_or((&link, ""));
            let target = match path.is_empty() {
                true => repository().join(&page),
                false => repository().join(Path::new(&page).parent().unwrap()).join(path),
            };
            assert!(target.is_file(), "{page}: {link}");
            if !anchor.is_empty() {
                let linked = std::fs::read_to_string(&target).unwrap();
                assert!(anchors(&linked).contains(anchor), "{page}: {link}");
            }
        }
    }
}

/// mdBook shows the pages of its summary alone.
#[test]
fn every_page_stands_in_the_summary() {
    let summary = std::fs::read_to_string(repository().join("docs/src/SUMMARY.md")).unwrap();
    let listed: BTreeSet<String> =
        links(&summary).into_iter().map(|link| format!("docs/src/{link}")).collect();
    let mut pages = pages_of_the_book();
    pages.remove("docs/src/SUMMARY.md");
    assert_eq!(pages, listed);
}
