//! How many challenges of one person may wait for an answer.

use wo_cluster_tests::{behind_the_back, refused};

use crate::approval::firm::{Ask, Firm, ROOT};

/// Each request stores a payload, so that a program that asks without end filled the table. Those that expired do not
/// count, and another person is not held up.
#[test]
fn a_person_has_a_limited_number_of_unanswered_challenges() {
    let firm = Firm::found();
    let order = firm.submitted();
    let ask = Ask::approve(&order, "qa", "plan");
    let most = wo_rules::approval::signer::MOST_UNANSWERED;
    for _ in 0..most {
        firm.request("qa", &ask).unwrap();
    }
    let detail = refused(firm.request("qa", &ask), "55000", "too_many_challenges");
    assert_eq!(detail["most"], most, "{detail}");
    firm.request("owner", &Ask::approve(&order, "system_owner", "plan")).unwrap();
    firm.with(ROOT, |root| {
        let mut transaction = root.transaction().unwrap();
        behind_the_back(
            &mut transaction,
            "wo.signature_challenge",
            "update wo.signature_challenge set expires_at = expires_at - interval '1 hour'",
        );
        transaction.commit().unwrap();
    });
    firm.request("qa", &ask).unwrap();
}
