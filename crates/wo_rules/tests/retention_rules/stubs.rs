//! What stays of a chain whose entries were archived.

use uuid::Uuid;
use wo_rules::audit::{Break, Entry, GENESIS, Replay, RowState};
use wo_rules::retention::stub::{Stub, StubsHash};

pub fn entry(subject: Uuid, sequence: i64, changes: &str) -> Entry {
    Entry {
        tenant_id: Uuid::nil().to_string(),
        subject: "work_order".to_owned(),
        subject_id: subject.to_string(),
        sequence,
        recorded_at: format!("2026-03-05T00:00:00.{sequence:06}Z"),
        action: "changed".to_owned(),
        actor: Some("ana".to_owned()),
        reason: None,
        from_status: None,
        to_status: Some("draft".to_owned()),
        record_version: Some(sequence),
        changes: changes.to_owned(),
        client_address: None,
        application: None,
        login_role: "ana".to_owned(),
        authenticated_by: "login".to_owned(),
        transaction_id: "7".to_owned(),
    }
}

const TEXTS: [&str; 3] = [
    r#"{"title":{"new":"a \"quoted\" 夏"},"hours":{"new":1.50}}"#,
    r#"{"title":{"old":"a \"quoted\" 夏","new":"b"}}"#,
    r#"{"title":{"old":"b"}}"#,
];

fn follow(replay: &mut Replay, subject: Uuid, range: std::ops::Range<usize>) {
    for index in range {
        let previous = match replay.entries() {
            0 => GENESIS.to_vec(),
            _ => replay.hash().to_vec(),
        };
        let entry = entry(subject, index as i64 + 1, TEXTS[index]);
        let hash = entry.hash(&previous);
        replay.follow(&entry, &previous, &hash).unwrap();
    }
}

#[test]
fn a_chain_goes_on_from_its_stub_as_if_nothing_had_left() {
    let subject = Uuid::from_u128(7);
    let mut whole = Replay::default();
    follow(&mut whole, subject, 0..3);
    for cut in 1..3 {
        let mut before = Replay::default();
        follow(&mut before, subject, 0..cut);
        let stub = Stub::of(subject, &before);
        let mut after = stub.replay().unwrap();
        assert_eq!(after, before);
        follow(&mut after, subject, cut..3);
        assert_eq!(after, whole);
    }
    let standing = RowState {
        sequence: 3,
        hash: whole.hash(),
        values: [("hours".to_owned(), "1.50".to_owned())].into(),
        status: Some("draft"),
        record_version: Some(3),
        ..RowState::default()
    };
    assert_eq!(whole.matches(&standing), Ok(()));
}

#[test]
fn an_entry_that_contradicts_the_stub_is_named() {
    let subject = Uuid::from_u128(7);
    let mut before = Replay::default();
    follow(&mut before, subject, 0..1);
    let mut after = Stub::of(subject, &before).replay().unwrap();
    let next = entry(subject, 2, r#"{"title":{"old":"never","new":"b"}}"#);
    let hash = next.hash(before.hash());
    let broken = after.follow(&next, before.hash(), &hash).unwrap_err();
    assert_eq!(broken, Break::OldValue { column: "title".to_owned() });
}

#[test]
fn a_stub_that_was_changed_contradicts_itself_or_the_months_hash() {
    let subject = Uuid::from_u128(7);
    let mut replay = Replay::default();
    follow(&mut replay, subject, 0..2);
    let stub = Stub::of(subject, &replay);
    let hash = |stub: &Stub| {
        let mut hash = StubsHash::default();
        hash.add(stub);
        assert_eq!(hash.count(), 1);
        hash.finish()
    };
    let honest = hash(&stub);
    let mut forged = stub.clone();
    forged.state = stub.state.replace("\\\"b\\\"", "\\\"c\\\"");
    assert_ne!(forged.state, stub.state);
    assert!(forged.replay().is_err());
    // With a fitting hash of its own it contradicts what the tenant's trail says of the month.
    let mut other = Replay::default();
    follow(&mut other, subject, 0..1);
    assert_ne!(hash(&Stub::of(subject, &other)), honest);
    for change in [
        |stub: &mut Stub| stub.sequence += 1,
        |stub: &mut Stub| stub.entry_hash[0] ^= 1,
        |stub: &mut Stub| stub.state_sha256[31] ^= 1,
        |stub: &mut Stub| stub.subject_id = Uuid::from_u128(8),
    ] {
        let mut forged = stub.clone();
        change(&mut forged);
        assert_ne!(hash(&forged), honest);
    }
}
