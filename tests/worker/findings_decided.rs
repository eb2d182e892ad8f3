//! What QA decided about a finding of refused attempts stays, and a new attempt is a new fact.

use uuid::Uuid;
use wo_cluster_tests::signing::ROOT;

use crate::worker::attempts::company;

/// Otherwise a decision of QA would be undone by the next attempt without anybody's act, or that attempt would be
/// covered by a decision that was made before it.
#[test]
fn an_attempt_after_the_decision_opens_a_finding_of_its_own() {
    let company = company();
    let number = company.reach("in_progress");
    let attempt = || {
        let closed = format!("select wo.transition('{number}', 'closed', 'now')");
        company.refused("worker", &closed, "55000", "illegal_transition");
    };
    attempt();
    company.database.wait_until("select count(*) = 1 from wo.finding");
    let first: Uuid = company.one("qa", "select finding from wo.findings()");
    // What is said beside that counts up all the same.
    company.run("qa", &format!("select wo.assess_finding('{first}', severity => 'minor')"));
    attempt();
    company.database.wait_until("select attempts = 2 from wo.finding");
    company.run("qa", &format!("select wo.assess_finding('{first}', blocking => false)"));
    attempt();
    attempt();
    company.database.wait_until("select count(*) = 2 and sum(attempts) = 4 from wo.finding");
    let found = "select concat_ws(' ', id = $$first$$, blocking, attempts, decided_at is not null, description)
        from wo.finding order by opened_at";
    assert_eq!(
        company.all(ROOT, &found.replace("$$first$$", &format!("'{first}'"))),
        [
            "t f 2 t".to_owned(),
            format!(
                "f t 2 f QA decided about finding {first}, which is open, before this attempt was recorded."
            ),
        ]
    );
    for (sql, code) in [
        ("update wo.finding set decided_at = now()", "column_not_writable"),
        ("update wo.finding set decided_at = null", "column_not_writable"),
    ] {
        company.refused("qa", &format!("{sql} where id = '{first}'"), "42501", code);
    }
    let opened = "select count(*) from wo.event where type = 'wo.finding_opened'";
    assert_eq!(company.one::<i64>(ROOT, opened), 2);
    company.assert_intact();
}
