//! Evidence of a work order with more refused attempts than a package lists.

use serde_json::Value;
use wo_cluster_tests::signing::ROOT;
use wo_rules::evidence::verify::verify;

use crate::worker::attempts::{company, recorded};

/// The package listed the first thousand, and looked as if there were no more.
#[test]
fn the_package_says_how_many_refused_attempts_it_leaves_out() {
    let company = company();
    let number = company.reach("in_progress");
    let closed = format!("select wo.transition('{number}', 'closed', 'now')");
    company.refused("worker", &closed, "55000", "illegal_transition");
    recorded(&company.database, "illegal_transition", 1);
    let package = || -> Value {
        let text: String = company.one("qa", &format!("select wo.evidence_package('{number}')"));
        let report = verify(text.as_bytes());
        assert!(report.intact, "{:#?}", report.problems);
        serde_json::from_str(&text).unwrap()
    };
    let attempts = package()["sections"]["refused_attempts"].take();
    assert_eq!((&attempts["total"], &attempts["left_out"]), (&1.into(), &0.into()), "{attempts}");
    // Two days of a program that tries again and again; their chain is not what this is about.
    company.run(
        ROOT,
        "alter table wo.audit_entry disable trigger all;
         insert into wo.audit_entry
            select (jsonb_populate_record(entry, jsonb_build_object('sequence', entry.sequence + n))).*
            from wo.audit_entry as entry cross join generate_series(1, 1233) as n
            where entry.subject = 'refused_attempt' and entry.action = 'illegal_transition';
         alter table wo.audit_entry enable trigger all; select wo_private.enforce()",
    );
    let attempts = package()["sections"]["refused_attempts"].take();
    assert_eq!((&attempts["total"], &attempts["left_out"]), (&1234.into(), &234.into()));
    assert_eq!(attempts["listed"].as_array().map(Vec::len), Some(1000));
    assert_eq!(attempts["listed"][0]["sequence"], 1);
    let page: String = company.one("qa", &format!("select wo.evidence_report('{number}')"));
    assert!(page.contains("<strong>234 of 1,234 entries</strong>"));
}
