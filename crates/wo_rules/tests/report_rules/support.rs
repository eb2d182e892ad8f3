//! Reading a page back.

use ego_tree::iter::Edge;
use scraper::{ElementRef, Html, Node, Selector};
use serde_json::Value;
use wo_rules::evidence::report::Made;

use super::sample::{at, package};

/// The page of a package that an auditor makes.
pub fn render(package: &str) -> Result<String, String> {
    let made = Made {
        by: Some("adele".to_owned()),
        login_role: "desk".to_owned(),
        occasion: "request".to_owned(),
        wo_core: "0.1.0".to_owned(),
        postgresql: "15.18".to_owned(),
    };
    wo_rules::evidence::report::render(package, &at(500.0), &made)
}

/// The page of a package with these sections, and what a parser of HTML makes of it.
pub fn page(sections: &Value) -> (String, Html) {
    let text = render(&package(sections)).unwrap();
    let document = Html::parse_document(&text);
    (text, document)
}

/// The elements that a selector finds.
pub fn all<'a>(document: &'a Html, selector: &str) -> Vec<ElementRef<'a>> {
    let selector = Selector::parse(selector).unwrap();
    document.select(&selector).collect()
}

/// The one element that a selector finds.
pub fn one<'a>(document: &'a Html, selector: &str) -> ElementRef<'a> {
    let found = all(document, selector);
    assert_eq!(found.len(), 1, "{selector}");
    found[0]
}

/// What a reader sees of an element, with white space as a browser joins it, and a blank between
/// what stands in lines of its own.
pub fn words(element: ElementRef) -> String {
    const WITHIN_A_LINE: &[&str] = &["a", "bdi", "span", "strong", "time"];
    let mut text = String::new();
    for edge in element.traverse() {
        let node = match edge {
            Edge::Open(node) | Edge::Close(node) => node.value(),
        };
        match (node, edge) {
            (Node::Text(part), Edge::Open(_)) => text.push_str(part),
            (Node::Element(one), _)
                if one.attr("class") == Some("explained")
                    || !WITHIN_A_LINE.contains(&one.name()) =>
            {
                text.push(' ');
            }
            _ => {}
        }
    }
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// What a reader sees of the one element that a selector finds.
pub fn words_of(document: &Html, selector: &str) -> String {
    words(one(document, selector))
}
