//! The pictures of lifecycles: what an administrator, a user and an auditor get of them.

use std::collections::BTreeSet;
use wo_cluster_tests::refused;

use crate::approval::chromium::assert_drawn;
use crate::scenario::company::{Company, one};
use crate::scenario::design::ALL;

/// An edge that is not drawn, or one too many, shows users a lifecycle that is not enforced.
#[test]
fn the_state_diagram_of_each_lifecycle_holds_every_edge_and_no_other() {
    let company = Company::found("regulated_change");
    let mut almighty = company.connect("almighty");
    for lifecycle in ALL {
        let diagram: String =
            one(&mut almighty, &format!("select wo.lifecycle_diagram('{}')", lifecycle.name));
        assert!(diagram.starts_with("stateDiagram-v2\n"), "{diagram}");
        let lines: Vec<(&str, &str)> =
            diagram.lines().filter_map(|line| line.trim().split_once(" --> ")).collect();
        let target = |rest: &str| rest.split(" : ").next().unwrap_or_default().to_owned();
        // An edge out of many states is drawn to a point of its own first.
        let behind = |point: &str| {
            lines.iter().find(|(from, _)| *from == point).map(|(_, rest)| target(rest))
        };
        let drawn: BTreeSet<(String, String)> = lines
            .iter()
            .filter(|(from, _)| !from.starts_with("e_"))
            .map(|(from, rest)| {
                let to = target(rest);
                // The prefix keeps the names of states apart from the keywords of Mermaid.
                let name = |id: &str| id.strip_prefix("s_").unwrap_or(id).to_owned();
                (name(from), name(&behind(&to).filter(|_| to.starts_with("e_")).unwrap_or(to)))
            })
            .collect();
        let expected: BTreeSet<(String, String)> = lifecycle
            .edges()
            .iter()
            .flat_map(|edge| {
                edge.from
                    .iter()
                    .map(|from| ((*from).to_owned(), edge.to.to_owned()))
                    .collect::<Vec<_>>()
            })
            .chain([("[*]".to_owned(), lifecycle.initial().to_owned())])
            .chain(lifecycle.terminal.iter().map(|end| ((*end).to_owned(), "[*]".to_owned())))
            .collect();
        assert_eq!(drawn, expected);
        for edge in lifecycle.edges() {
            let line = lines
                .iter()
                .find(|(_, rest)| rest.starts_with(&format!("s_{} : {} (", edge.to, edge.action)))
                .unwrap_or_else(|| panic!("{} is not drawn in {diagram}", edge.action));
            assert!(edge.who.iter().all(|who| line.1.contains(who)), "{line:?}");
        }
    }
}

/// Each format is what its name says, and what is not there is refused, not NULL.
#[test]
fn a_lifecycle_is_drawn_in_each_format_and_an_unknown_one_is_refused() {
    let company = Company::found("regulated_change");
    let mut almighty = company.connect("almighty");
    for (format, start, says) in [
        ("mermaid", "stateDiagram-v2\n", "signed by system_owner (plan) where regulatory"),
        ("dot", "digraph lifecycle {\n", "signed by system_owner (plan) where regulatory"),
        ("svg", "<svg ", ">needs title, description</text>"),
    ] {
        let asked =
            format!("select wo.lifecycle_diagram('regulated_change', format => '{format}')");
        let picture: String = one(&mut almighty, &asked);
        assert!(picture.starts_with(start) && picture.contains(says), "{picture}");
    }
    for (asked, code) in [
        ("wo.lifecycle_diagram('no_such')", "lifecycle_unknown"),
        ("wo.lifecycle_diagram('regulated_change', 99)", "lifecycle_unknown"),
        ("wo.lifecycle_diagram(null)", "lifecycle_unknown"),
        ("wo.lifecycle_diagram('regulated_change', format => 'png')", "format_unknown"),
    ] {
        let answer = almighty.query_one(&format!("select {asked}"), &[]).map(|_| ());
        refused(answer, "22023", code);
    }
}

/// A picture whose words are cut or cover one another is worse than none: somebody reads it as it looks.
#[test]
fn the_picture_of_each_shipped_lifecycle_is_readable_in_a_browser() {
    let company = Company::found("regulated_change");
    let mut almighty = company.connect("almighty");
    for lifecycle in ALL {
        let sql = format!("select wo.lifecycle_diagram('{}', format => 'svg')", lifecycle.name);
        let svg: String = one(&mut almighty, &sql);
        assert_drawn(&svg);
    }
}
