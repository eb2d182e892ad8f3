//! SVG, read back as XML.

use roxmltree::{Document, Node};
use wo_rules::hierarchy::network::*;
use wo_rules::picture::Format;

use super::diagrams::{HOSTILE, drawn, hostile};
use super::random::*;

const ELEMENTS: &[&str] =
    &["svg", "title", "desc", "defs", "clipPath", "marker", "rect", "path", "text", "g"];

struct Box {
    x: f64,
    y: f64,
    width: f64,
    height: f64,
}

fn float(node: &Node, name: &str) -> f64 {
    node.attribute(name).unwrap().parse().unwrap()
}

fn translation(node: &Node) -> Option<(f64, f64)> {
    let inner = node.attribute("transform")?.strip_prefix("translate(")?.strip_suffix(')')?;
    let (x, y) = inner.split_once(',')?;
    Some((x.parse().unwrap(), y.parse().unwrap()))
}

/// The groups of the tasks, by their class.
fn groups<'a>(document: &'a Document) -> impl Iterator<Item = Node<'a, 'a>> {
    let class = |node: &Node| node.attribute("class").is_some_and(|class| class.starts_with("is_"));
    document.descendants().filter(class)
}

fn boxes(document: &Document) -> Vec<Box> {
    let of = |group: Node| {
        let (x, y) = translation(&group).unwrap();
        let rect = group.children().find(|node| node.has_tag_name(tag("rect"))).unwrap();
        Box { x, y, width: float(&rect, "width"), height: float(&rect, "height") }
    };
    groups(document).map(of).collect()
}

fn tag(name: &str) -> (&'static str, &str) {
    ("http://www.w3.org/2000/svg", name)
}

/// The width of a text in DejaVu Sans, which is wider than most.
fn width(text: &str) -> f64 {
    let letter = |letter: char| match letter {
        'i' | 'j' | 'l' => 0.278,
        ' ' | '.' | ',' | '-' | 'I' | ':' | ';' | '\'' => 0.34,
        'f' | 'r' | 't' | '(' | ')' | '[' | ']' => 0.40,
        'W' | 'M' | 'm' | '@' => 0.98,
        'w' | '%' | '#' | '&' | '<' | '>' | '~' | '+' | '=' | '^' => 0.84,
        'A'..='Z' => 0.70,
        '\u{200D}' => 0.0,
        '\u{600}'..='\u{6FF}' => 0.7,
        '…' => 1.0,
        '\u{1100}'.. => 1.0,
        _ => 0.62,
    };
    text.chars().map(letter).sum()
}

fn check(network: &Network, title: &str) {
    let text = drawn(network, title, Format::Svg);
    let document = Document::parse(&text).unwrap();
    let root = document.root_element();
    let (wide, high) = (float(&root, "width"), float(&root, "height"));
    assert_eq!(root.attribute("viewBox").unwrap(), format!("0 0 {wide} {high}"));
    assert_eq!(root.attribute("role"), Some("img"));
    let heads: Vec<&str> =
        root.children().filter(Node::is_element).map(|node| node.tag_name().name()).collect();
    assert_eq!(heads[..2], ["title", "desc"]);
    for node in document.descendants().filter(Node::is_element) {
        assert!(ELEMENTS.contains(&node.tag_name().name()), "{node:?}");
        for attribute in node.attributes() {
            let (name, value) = (attribute.name(), attribute.value());
            assert!(!name.starts_with("on") && name != "href" && name != "style", "{name}");
            assert!(!value.contains("url(") || value.starts_with("url(#wo-"), "{value}");
        }
    }

    let boxes = boxes(&document);
    assert_eq!(boxes.len(), network.tasks.len());
    for (index, one) in boxes.iter().enumerate() {
        assert!(one.width >= 150.0 && one.height >= 48.0);
        assert!(one.x >= 0.0 && one.y >= -0.1 && one.x + one.width <= wide);
        assert!(one.y + one.height <= high);
        for other in &boxes[..index] {
            let apart = one.x + one.width < other.x
                || other.x + other.width < one.x
                || one.y + one.height < other.y
                || other.y + other.height < one.y;
            assert!(apart, "boxes overlap");
        }
    }
    for (group, task) in groups(&document).zip(&network.tasks) {
        let texts: Vec<Node> =
            group.descendants().filter(|node| node.has_tag_name(tag("text"))).collect();
        assert_eq!(texts.len(), 3);
        for text in texts {
            let bold = if text.attribute("font-weight").is_some() { 1.12 } else { 1.0 };
            let end = float(&text, "x") + 12.0 * bold * width(text.text().unwrap_or(""));
            assert!(end <= boxes[0].width, "{task:?} ends at {end}");
            assert_eq!(text.parent().unwrap().attribute("clip-path"), Some("url(#wo-box)"));
        }
    }
    links(network, &document, &boxes);
}

fn links(network: &Network, document: &Document, boxes: &[Box]) {
    let lines: Vec<Node> =
        document.descendants().filter(|node| node.attribute("class") == Some("link")).collect();
    assert_eq!(lines.len(), real(network).count());
    let mut arrived = vec![false; boxes.len()];
    for line in &lines {
        let (mut x, mut y) = (0.0, 0.0);
        for step in line.attribute("d").unwrap().split_inclusive(['M', 'H', 'C']) {
            let numbers: Vec<f64> = step
                .split([' ', ',', 'M', 'H', 'C'])
                .filter_map(|number| number.parse().ok())
                .collect();
            match numbers[..] {
                [to_x] => {
                    for one in boxes {
                        let beside = to_x <= one.x + 0.1 || x >= one.x + one.width - 0.1;
                        assert!(beside || y < one.y || y > one.y + one.height, "behind a box");
                    }
                    x = to_x;
                }
                [.., to_x, to_y] => (x, y) = (to_x, to_y),
                [] => {}
            }
        }
        if line.attribute("marker-end").is_some() {
            let at = boxes.iter().position(|one| {
                (one.x - x).abs() < 0.2 && (one.y + one.height / 2.0 - y).abs() < 0.2
            });
            arrived[at.unwrap()] = true;
        }
    }
    for link in real(network) {
        assert!(arrived[link.to], "nothing arrives at {}", link.to);
        assert!(boxes[link.from].x + boxes[link.from].width < boxes[link.to].x);
    }
}

#[test]
fn pictures_are_sound_whatever_the_tasks_are_called() {
    let network = hostile();
    HOSTILE.iter().for_each(|title| check(&network, title));
}

#[test]
fn pictures_of_any_network_are_sound() {
    for seed in 0..500 {
        check(&acyclic(&mut Dice::new(seed)), "Anything");
    }
}

#[test]
fn pictures_of_sixty_are_sound() {
    for seed in 0..40 {
        let mut dice = Dice::new(seed);
        let mut network = planned(60, &[]);
        for to in 1..59 {
            for _ in 0..dice.below(4) {
                network.links.push(link(dice.below(to), to));
            }
        }
        for child in 0..59 {
            network.links.push(master(child, 59));
        }
        check(&network, "Sixty");
    }
}

#[test]
fn a_chain_stands_in_one_row() {
    let network = planned(6, &[(0, 1), (1, 2), (2, 3), (3, 4), (4, 5)]);
    let text = drawn(&network, "A chain", Format::Svg);
    let document = Document::parse(&text).unwrap();
    assert!(boxes(&document).iter().all(|one| one.y.abs() < 0.1));
    let described =
        "6 work orders with 5 links; critical path: WO-0, WO-1, WO-2, WO-3, WO-4, WO-5.";
    assert!(text.contains(&format!("<desc>{described}</desc>")), "{text}");
    assert!(text.contains("<title>WO-1 starts after WO-0</title>"));
    assert_eq!(text.matches(" is_critical\"").count(), 6);
}

#[test]
fn thousands_can_be_drawn() {
    let mut dice = Dice::new(3);
    let mut network = planned(3_000, &[]);
    for _ in 0..9_000 {
        let to = 1 + dice.below(2_999);
        network.links.push(link(dice.below(to), to));
    }
    let text = drawn(&network, "Many", Format::Svg);
    assert_eq!(text.matches("class=\"link\"").count(), 9_000);
    Document::parse(&text).unwrap();
}
