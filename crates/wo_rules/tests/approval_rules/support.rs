//! A payload to begin with.

use wo_rules::approval::content::Covers;
use wo_rules::approval::payload::{ChildContent, Decision, Format, Payload};

pub const TENANT: &str = "019a0000-0000-7000-8000-000000000001";
pub const WORK_ORDER: &str = "019a0000-0000-7000-8000-000000000002";
pub const PART: &str = "019a0000-0000-7000-8000-000000000003";

/// The texts that JSON writers disagree about.
pub const ODD_TEXTS: [&str; 6] = [
    "-",
    "a\u{0}\u{1}\u{8}\t\n\u{b}\u{c}\r\u{1f}\u{7f}",
    "\"\\/</script>",
    "é e\u{301}\u{2028}\u{2029}小克\u{1F680}",
    "\u{fffd}\u{ffff}\u{10ffff}",
    "null",
];

pub fn payload() -> Payload {
    Payload {
        action: "close".to_owned(),
        children: vec![ChildContent {
            content_sha256: "cd".repeat(32),
            id: PART.to_owned(),
            work_order: "WO-2".to_owned(),
        }],
        content_sha256: "ab".repeat(32),
        covers: Covers::Result,
        decision: Decision::Approved,
        delegation_id: None,
        expires_at: "2026-11-21T14:10:03.123456Z".to_owned(),
        format: Format::V1,
        from_status: "review".to_owned(),
        key_id: "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k".to_owned(),
        meaning: "approval".to_owned(),
        nonce: "0f".repeat(32),
        on_behalf_of: None,
        printed_name: "Ann \"A.\" Example".to_owned(),
        reason: None,
        role: "qa".to_owned(),
        server_time: "2026-11-21T14:05:03.123456Z".to_owned(),
        signer: "ann".to_owned(),
        tenant_id: TENANT.to_owned(),
        time_zone: "Europe/Berlin".to_owned(),
        to_status: "closed".to_owned(),
        version: 7,
        waives: None,
        work_order: "WO-1".to_owned(),
        work_order_id: WORK_ORDER.to_owned(),
    }
}
