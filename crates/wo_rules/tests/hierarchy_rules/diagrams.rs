//! Mermaid and DOT, read back by their grammar: what people wrote must stay within its quotes.

use wo_rules::hierarchy::diagram::draw;
use wo_rules::hierarchy::network::*;
use wo_rules::picture::Format;

use super::random::*;

pub const HOSTILE: &[&str] = &[
    "\"]; --> evil",
    "</text><script>alert(1)</script>",
    "\"; rm -rf /; \"",
    "one\r\ntwo\n---\nflowchart TD\n  evil --> worse",
    "]] }} )) \\\" \\",
    "\\",
    "a\" ; evil -> worse [label=\"",
    "`**bold**` #quot; #35; &quot; &#34; &amp;",
    "%%{init: {\"theme\": \"dark\"}}%%",
    "style x:y#z; classDef a:b#c;",
    "\u{202E}gnp.exe \u{2066}isolate \u{200F}",
    "تحديث البرنامج",
    "👩‍👩‍👧‍👦👩‍👩‍👧‍👦👩‍👩‍👧‍👦👩‍👩‍👧‍👦👩‍👩‍👧‍👦👩‍👩‍👧‍👦👩‍👩‍👧‍👦👩‍👩‍👧‍👦👩‍👩‍👧‍👦",
    "設備のソフトウェアを更新して検証し、記録を残す作業の全体を通して確認する作業",
    "WWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWW",
    "\u{0}\u{1}\u{8}\u{1B}[31m\u{7F}\u{85}\u{FFFE}\u{FFFF}\u{FEFF}",
    "<a href=\"javascript:evil()\" onclick='evil()'>x</a>",
    "<!-- ]]> <?xml?> &lt; <!DOCTYPE x>",
    "\\N \\G \\l \\n",
    "",
];

/// Every hostile text as number, title and status of a task, of every progress, in a chain with
/// every kind of link.
pub fn hostile() -> Network {
    use Progress::*;
    let mut network = planned(HOSTILE.len(), &[]);
    let progresses = [NotStarted, Running, Blocked, Done, Failed];
    for (index, (task, text)) in network.tasks.iter_mut().zip(HOSTILE).enumerate() {
        task.number = (*text).into();
        task.title = (*text).into();
        task.status = (*text).into();
        task.progress = progresses[index % progresses.len()];
    }
    for index in 1..HOSTILE.len() {
        let lag = [0, 7_200, -90, 86_400][index % 4];
        network.links.push(Link { lag, ..link(index - 1, index) });
        network.links.push(master(index / 2, index));
    }
    network
}

pub fn drawn(network: &Network, title: &str, format: Format) -> String {
    draw(network, &network.schedule(NOW).unwrap_or_default(), title, format)
}

/// The number at the start, and what follows it.
fn number(text: &str) -> (usize, &str) {
    let end = text.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(text.len());
    (text[..end].parse().unwrap(), &text[end..])
}

/// That a text of Mermaid holds nothing but letters, a few marks, and entity codes.
fn assert_tame(text: &str) {
    let mut rest = text;
    while let Some(letter) = rest.chars().next() {
        rest = &rest[letter.len_utf8()..];
        if letter == '#' {
            let (_, after) = number(rest);
            rest = after.strip_prefix(';').unwrap();
        } else {
            assert!(letter.is_alphanumeric() || " -_.,◆".contains(letter), "{letter:?} in {text}");
        }
    }
}

/// The nodes and links of a Mermaid flowchart that keeps to the grammar; links with their arrow.
fn mermaid(text: &str) -> (Vec<usize>, Vec<(usize, String, usize)>) {
    let mut lines = text.lines();
    assert_eq!(lines.next(), Some("---"));
    let title = lines.next().unwrap().strip_prefix("title: \"").unwrap();
    let title = title.strip_suffix('"').unwrap();
    assert!(!title.contains(['"', '<', '>', '{', '%', '\'', ':']), "{title}");
    assert_eq!([lines.next(), lines.next()], [Some("---"), Some("flowchart LR")]);
    let (mut nodes, mut links) = (Vec::new(), Vec::new());
    for line in lines {
        let line = line.strip_prefix("    ").unwrap();
        let Some(line) = line.strip_prefix('n') else {
            let styles = ["classDef is_", "class n", "linkStyle "];
            assert!(styles.iter().any(|style| line.starts_with(style)), "{line}");
            continue;
        };
        let (node, rest) = number(line);
        if let Some(label) = rest.strip_prefix("[\"") {
            let lines: Vec<&str> = label.strip_suffix("\"]").unwrap().split("<br/>").collect();
            assert_eq!(lines.len(), 3, "{line}");
            lines.into_iter().for_each(assert_tame);
            nodes.push(node);
            continue;
        }
        let (arrow, to) = rest.strip_prefix(' ').unwrap().rsplit_once(" n").unwrap();
        let (arrow, lag) = arrow.split_once('|').unwrap_or((arrow, "\"+0 s\"|"));
        let lag = lag.strip_prefix('"').unwrap().strip_suffix("\"|").unwrap();
        assert!(lag.chars().all(|letter| letter.is_alphanumeric() || "+- ".contains(letter)));
        links.push((node, arrow.to_owned(), to.parse().unwrap()));
    }
    (nodes, links)
}

/// The statements of a DOT graph, without what stands in quotes, which is returned as well.
fn dot(text: &str) -> (Vec<String>, Vec<String>) {
    let body = text.strip_prefix("digraph work_orders {").unwrap();
    let body = body.trim_end().strip_suffix('}').unwrap();
    let (mut bare, mut quoted) = (String::new(), Vec::new());
    let mut letters = body.chars();
    while let Some(letter) = letters.next() {
        if letter != '"' {
            assert!(letter.is_ascii_alphanumeric() || " \n[]=,;_->".contains(letter), "{letter:?}");
            bare.push(letter);
            continue;
        }
        let mut string = String::new();
        loop {
            match letters.next().unwrap() {
                '"' => break,
                '\\' => string.extend(['\\', letters.next().unwrap()]),
                letter => string.push(letter),
            }
        }
        quoted.push(string);
        bare.push('_');
    }
    let statements = bare.split(';').map(|statement| statement.trim().to_owned());
    (statements.filter(|statement| !statement.is_empty()).collect(), quoted)
}

#[test]
fn mermaid_shows_every_task_and_link_whatever_they_are_called() {
    let network = hostile();
    for title in HOSTILE {
        let text = drawn(&network, title, Format::Mermaid);
        let (nodes, links) = mermaid(&text);
        assert!(nodes.into_iter().eq(0..network.tasks.len()));
        assert_eq!(links.len(), network.links.len());
        for (drawn, link) in links.iter().zip(&network.links) {
            assert_eq!((drawn.0, drawn.2), (link.from, link.to));
            assert_eq!(drawn.1 == "-.->", link.kind == LinkKind::FinishToFinish);
        }
    }
}

#[test]
fn dot_shows_every_task_and_link_whatever_they_are_called() {
    let network = hostile();
    for title in HOSTILE {
        let text = drawn(&network, title, Format::Dot);
        let (statements, quoted) = dot(&text);
        let (edges, nodes): (Vec<_>, Vec<_>) =
            statements.iter().partition(|statement| statement.contains("->"));
        assert_eq!(nodes.len(), network.tasks.len() + 3);
        assert_eq!(edges.len(), network.links.len());
        for (edge, link) in edges.iter().zip(&network.links) {
            assert!(format!("{edge} ").starts_with(&format!("n{} -> n{} ", link.from, link.to)));
            assert_eq!(edge.contains("style=dashed"), link.kind == LinkKind::FinishToFinish);
        }
        for string in quoted {
            let mut children = string.split('\\').skip(1);
            while let Some(escaped) = children.next() {
                // Of the escapes of Graphviz, only the line break is wanted.
                let is_backslash = escaped.is_empty() && children.next().is_some();
                assert!(is_backslash || escaped.starts_with(['n', '"']), "{string}");
            }
        }
    }
}

#[test]
fn states_and_the_critical_path_are_marked() {
    let mut network = planned(4, &[(0, 1), (1, 2)]);
    network.links.push(master(2, 3));
    network.tasks[0].progress = Progress::Running;
    network.tasks[0].status = "in_progress".into();
    network.tasks[3].progress = Progress::Blocked;
    network.tasks[3].duration = 0;
    let times = network.schedule(NOW).unwrap();
    assert_eq!(network.critical_path(&times), [0, 1, 2, 3]);

    let text = draw(&network, &times, "An upgrade", Format::Mermaid);
    assert!(text.contains("title: \"An upgrade\""));
    assert!(text.contains("n0[\"◆ WO-0<br/>Task 0<br/>in_progress\"]"), "{text}");
    assert!(text.contains("n0 ==> n1") && text.contains("n2 -.-> n3"));
    assert!(text.contains("class n0 is_running") && text.contains("class n1,n2 is_not_started"));
    assert!(text.contains("class n3 is_blocked") && text.contains("class n0,n1,n2,n3 is_critical"));
    assert!(text.contains("linkStyle 0,1,2 "));

    let text = draw(&network, &times, "An upgrade", Format::Dot);
    assert!(text.contains("label=\"An upgrade\\n"));
    assert!(text.contains("n0 [label=\"◆ WO-0\\nTask 0\\nin_progress\", class=\"is_running\""));
    assert!(text.contains("n0 -> n1 [penwidth=3"), "{text}");
    assert!(text.contains("n2 -> n3 [style=dashed, penwidth=3"));

    network.tasks[1].duration = 100;
    network.links.push(Link { lag: 5_400, ..link(0, 2) });
    let text = drawn(&network, "", Format::Mermaid);
    assert!(text.contains("n0 ==>|\"+90 min\"| n2"), "{text}");
    assert!(text.contains("linkStyle 2,3 "));
}

#[test]
fn titles_are_shortened() {
    let mut network = planned(1, &[]);
    network.tasks[0].title = "Configure the system, validate it and keep its golden image".into();
    let text = drawn(&network, "", Format::Mermaid);
    assert!(text.contains("<br/>Configure the system, validate it and keep#8230;<br/>"), "{text}");
}

#[test]
fn what_cannot_be_scheduled_is_drawn_without_a_critical_path() {
    let mut network = planned(3, &[(0, 1), (1, 0), (1, 1), (1, 2)]);
    network.links.push(link(0, 9));
    for format in [Format::Mermaid, Format::Dot, Format::Svg] {
        let text = drawn(&network, "A cycle", format);
        assert!(text.contains("WO-2") && !text.contains("◆ WO"));
        assert!(!text.contains("n9"));
        draw(&Network::default(), &[], "Nothing", format);
    }
}

#[test]
fn formats_have_names() {
    let formats = [("mermaid", Format::Mermaid), ("dot", Format::Dot), ("svg", Format::Svg)];
    assert!(formats.iter().all(|(name, format)| Format::parse(Some(name)) == Ok(*format)));
    assert_eq!(Format::parse(None), Ok(Format::Mermaid));
    for unknown in ["SVG", ""] {
        let code = Format::parse(Some(unknown)).map_err(|refusal| refusal.code);
        assert_eq!(code, Err("format_unknown"));
    }
}
