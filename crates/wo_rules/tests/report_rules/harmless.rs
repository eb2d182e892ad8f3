//! The page is well-formed, loads nothing and runs nothing, whatever people wrote; nothing that
//! they wrote is hidden or leaves its place.

use base64ct::{Base64, Encoding};
use scraper::{Html, Node};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use super::sample::*;
use super::support::*;

const ELEMENTS: &[&str] = &[
    "html",
    "head",
    "meta",
    "title",
    "style",
    "body",
    "header",
    "nav",
    "main",
    "section",
    "article",
    "footer",
    "h1",
    "h2",
    "h3",
    "p",
    "div",
    "span",
    "strong",
    "bdi",
    "time",
    "a",
    "ol",
    "li",
    "dl",
    "dt",
    "dd",
    "pre",
    "table",
    "caption",
    "thead",
    "tbody",
    "tr",
    "th",
    "td",
    "figure",
    "figcaption",
    "svg",
    "defs",
    "marker",
    "clipPath",
    "rect",
    "path",
    "text",
    "g",
];

const ATTRIBUTES: &[&str] = &[
    "lang",
    "charset",
    "http-equiv",
    "content",
    "name",
    "id",
    "class",
    "href",
    "datetime",
    "scope",
    "colspan",
    "rowspan",
    "role",
    "aria-label",
    "aria-labelledby",
    "aria-hidden",
    "viewBox",
    "x",
    "y",
    "width",
    "height",
    "rx",
    "d",
    "transform",
    "text-anchor",
    "marker-end",
    "clip-path",
    "refX",
    "refY",
    "markerWidth",
    "markerHeight",
    "markerUnits",
    "orient",
];

fn every_page() -> Vec<Value> {
    let mut pages: Vec<Value> = HOSTILE.iter().map(|text| poisoned(text)).collect();
    pages.extend([sections(), long_trail(40), bare()]);
    pages
}

/// As little as a package can hold.
pub fn bare() -> Value {
    json!({
        "tenant": {},
        "work_order": {
            "id": "x", "wo_number": "WO-1", "status": "draft", "chain_sequence": 0, "chain_hash": "",
            "record": {},
        },
        "master": null, "signatures": [], "trail": [], "ledger": null,
    })
}

fn check(text: &str, document: &Html) {
    assert_eq!(document.errors, Vec::<&str>::new());
    assert!(text.starts_with("<!DOCTYPE html>"));
    let ids: Vec<&str> =
        all(document, "[id]").iter().map(|element| element.value().attr("id").unwrap()).collect();
    let known: BTreeSet<&str> = ids.iter().copied().collect();
    assert_eq!(ids.len(), known.len(), "an id stands twice");
    let is_known =
        |reference: &str| assert!(known.contains(reference), "nothing is called {reference}");
    for element in all(document, "*") {
        let element = element.value();
        assert!(ELEMENTS.contains(&element.name()), "{element:?}");
        for (name, value) in element.attrs() {
            assert!(ATTRIBUTES.contains(&name), "{name} of {element:?}");
            match name {
                "href" => is_known(value.strip_prefix('#').unwrap()),
                "aria-labelledby" => is_known(value),
                "marker-end" | "clip-path" => {
                    is_known(value.strip_prefix("url(#").unwrap().strip_suffix(')').unwrap());
                }
                "http-equiv" => assert_eq!(value, "Content-Security-Policy"),
                _ => {}
            }
        }
    }
    let style: String = one(document, "style").text().collect();
    for loading in ["url(", "@import", "@font-face", "src(", "image(", "</", "expression"] {
        assert!(!style.contains(loading), "the style sheet has {loading}");
    }
}

#[test]
fn every_page_is_well_formed_and_neither_loads_nor_runs_anything() {
    for sections in every_page() {
        let (text, document) = page(&sections);
        check(&text, &document);
    }
}

#[test]
fn the_browser_is_told_to_load_nothing_but_this_style() {
    for sections in every_page() {
        let (_, document) = page(&sections);
        let style: String = one(&document, "style").text().collect();
        let hash = Base64::encode_string(&Sha256::digest(&style));
        let policy = one(&document, "meta[http-equiv]");
        assert_eq!(
            policy.value().attr("content").unwrap(),
            format!(
                "default-src 'none'; style-src 'sha256-{hash}'; base-uri 'none'; form-action 'none'"
            )
        );
    }
}

/// The elements of a page outside of its pictures, in order, without the texts.
fn skeleton(document: &Html) -> Vec<String> {
    document
        .tree
        .root()
        .descendants()
        .filter(|node| {
            let mut above = node.ancestors().filter_map(|above| above.value().as_element());
            !above.any(|element| element.name() == "svg")
        })
        .filter_map(|node| match node.value() {
            Node::Element(element) if element.attr("class") == Some("unseen") => None,
            Node::Element(element) => {
                Some(format!("{} {:?}", element.name(), element.attr("class")))
            }
            Node::Comment(_) => Some("a comment".to_owned()),
            _ => None,
        })
        .collect()
}

#[test]
fn no_text_changes_what_stands_around_it() {
    let (_, harmless) = page(&poisoned("harmless"));
    let expected = skeleton(&harmless);
    for text in HOSTILE {
        let (_, document) = page(&poisoned(text));
        assert_eq!(skeleton(&document), expected, "{text:?}");
    }
}

#[test]
fn hostile_texts_are_read_as_they_were_written() {
    for text in HOSTILE.iter().filter(|text| text.chars().all(|letter| !letter.is_control())) {
        if text.contains(['\u{202E}', '\u{FFFE}']) {
            continue;
        }
        let (_, document) = page(&poisoned(text));
        assert_eq!(words_of(&document, "h1 .title"), *text);
        let names = all(&document, ".signature .printed-name");
        assert!(names.iter().all(|name| words(*name) == *text), "{text}");
    }
}

#[test]
fn what_would_not_be_seen_is_shown_by_its_number() {
    let (text, document) = page(&poisoned(
        "approved \u{202E}dengis ton\u{202C}\u{0}\u{1b}\u{200B}\u{FEFF}\u{2028}\u{FFFE}\u{E0041}",
    ));
    assert_eq!(
        words_of(&document, "h1 .title"),
        "approved [U+202E]dengis ton[U+202C][U+0000][U+001B][U+200B][U+FEFF][U+2028][U+FFFE][U+E0041]"
    );
    let unseen = [
        '\u{202E}',
        '\u{202C}',
        '\u{0}',
        '\u{1b}',
        '\u{200B}',
        '\u{FEFF}',
        '\u{2028}',
        '\u{E0041}',
    ];
    assert!(!text.contains(unseen));
}

#[test]
fn scripts_keep_what_they_need_to_be_written() {
    let text = "می\u{200C}خواهم 👩\u{200D}🔬 café";
    let (_, document) = page(&poisoned(text));
    assert_eq!(words_of(&document, "h1 .title"), text);
}

#[test]
fn line_breaks_of_long_texts_are_kept() {
    let mut sections = sections();
    sections["work_order"]["record"]["description"] = json!("one\r\ntwo\n\nthree");
    let (_, document) = page(&sections);
    let text: String = all(&document, ".passage .text")[0].text().collect();
    assert_eq!(text, "one\ntwo\n\nthree");
}

#[test]
fn values_nested_without_end_are_shown_and_overflow_nothing() {
    let depth = 100_000;
    let nested = format!("{}{}", "{\"a\":[".repeat(depth), "]}".repeat(depth));
    let made =
        package(&bare()).replace("\"record\":{}", &format!("\"record\":{{\"metadata\":{nested}}}"));
    assert!(render(&made).unwrap().contains("[{&quot;a&quot;:["));
}

#[test]
fn the_same_package_makes_the_same_page() {
    let made = package(&sections());
    assert_eq!(render(&made), render(&made));
}

#[test]
fn a_trail_of_a_thousand_entries_is_rendered_within_a_second() {
    let made = package(&long_trail(1_000));
    // The best of some, as others may want the processor at the same time.
    let fastest = (0..5).map(|_| {
        let begin = Instant::now();
        assert!(render(&made).is_ok());
        begin.elapsed()
    });
    let fastest = fastest.min().unwrap();
    assert!(fastest < Duration::from_secs(1), "{fastest:?}");
    let text = render(&made).unwrap();
    assert_eq!(all(&Html::parse_document(&text), ".trail tbody tr").len(), 1_000);
}

#[test]
fn what_is_no_package_of_this_format_is_refused() {
    for text in ["", "{}", "[]", "null", "{\"format\":\"wo_core.evidence.v1\"}"] {
        assert!(render(text).unwrap_err().contains("not an evidence package"), "{text}");
    }
    let other = package(&sections()).replace("wo_core.evidence.v1", "wo_core.evidence.v2");
    assert!(render(&other).unwrap_err().contains("wo_core.evidence.v2"));
}
