//! Archives of a month: made from a ledger, read back, and changed in every way.

use crate::stubs::entry;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use uuid::Uuid;
use wo_rules::audit::GENESIS;
use wo_rules::ledger::checkpoint::Checkpoint;
use wo_rules::ledger::key::SealingKey;
use wo_rules::ledger::{Hash, leaf_hash, tile, tree};
use wo_rules::retention::line::{EntryLine, EventLine, written};
use wo_rules::retention::proof::{FORMAT, Proof, Reader, tiles_above};

const NAME: &str = "audit_entry_2026_01";

struct Month {
    data: Vec<String>,
    proof: Proof,
}

/// A ledger of that many entries of three chains, and the archive of those leaves.
fn month(size: u64, from: u64, to: u64) -> Month {
    let mut chains = [(0i64, GENESIS); 3];
    let mut lines = Vec::new();
    for leaf in 0..size {
        let place = (leaf % 3) as usize;
        let (sequence, previous) = chains[place];
        let entry = entry(Uuid::from_u128(place as u128 + 1), sequence + 1, "{}");
        let hash = entry.hash(&previous);
        chains[place] = (sequence + 1, hash);
        lines.push((EntryLine::new(entry, &previous, &hash, leaf as i64 + 100, leaf), hash));
    }
    let leaves: Vec<Hash> = lines.iter().map(|(_, hash)| leaf_hash(hash)).collect();
    let tiles: BTreeMap<(u8, u64), Vec<u8>> = tile::append(0, &mut |_, _| None, &leaves)
        .unwrap()
        .into_iter()
        .map(|tile| ((tile.level, tile.index), tile.hashes))
        .collect();
    let mut read = |level, index| tiles.get(&(level, index)).cloned();
    let key = SealingKey::new("ledger.example", &[7; 32]).unwrap();
    let root = tree::root(size, &mut read).unwrap();
    let checkpoint =
        Checkpoint { origin: "ledger.example".to_owned(), size, root, extensions: vec![] };
    let wanted: Vec<u64> = (from / 256..=(to - 1) / 256).collect();
    let tiles = tiles_above(&wanted, size, &mut read).unwrap();
    let data: Vec<String> =
        lines[from as usize..to as usize].iter().map(|(line, _)| written(line)).collect();
    let proof = Proof {
        format: FORMAT.to_owned(),
        archive: NAME.to_owned(),
        lines: to - from,
        data_sha256: hex::encode(Sha256::digest(data.concat())),
        leaves: Some((from, to - 1)),
        positions: Some((from as i64 + 100, to as i64 + 99)),
        checkpoint: Some(checkpoint.sign(&key)),
        tiles,
    };
    Month { data, proof }
}

impl Month {
    fn read(&self) -> Result<(), String> {
        let mut reader = Reader::new(&self.proof.to_json(), NAME, None)?;
        for line in &self.data {
            let read = reader.entry(line)?;
            assert_eq!(written(&read), *line, "it reads back as it was written");
        }
        reader.finish(&hex::encode(Sha256::digest(self.data.concat())))
    }
}

#[test]
fn what_was_sealed_reads_back_wherever_it_lies_in_the_tree() {
    for (size, from, to) in
        [(1, 0, 1), (256, 0, 256), (257, 256, 257), (700, 100, 600), (70_000, 65_000, 66_000)]
    {
        let month = month(size, from, to);
        assert_eq!(month.read(), Ok(()), "{size} {from} {to}");
        // About one hash for each entry: far less than a proof for each.
        let hashes: usize = month.proof.tiles.iter().map(|tile| tile.hashes.len()).sum();
        let least = (to - from) as usize + 1024 + size as usize / 200;
        assert!(hashes / 44 <= least, "{size} {from} {to}: {hashes}");
    }
}

#[test]
fn a_changed_line_is_named() {
    let honest = month(700, 100, 600);
    let line = honest.data[250].clone();
    for (from, to, why) in [
        ("\"actor\":\"ana\"", "\"actor\":\"bob\"", "is not what was hashed"),
        ("\"position\":450", "\"position\":40", "is out of order"),
        ("\"leaf_index\":350", "\"leaf_index\":351", "is not what leaf 351 seals"),
        ("\"leaf_index\":350", "\"leaf_index\":9999", "no tile 39 of leaves"),
        ("\"sequence\":", "\"sequenze\":", "cannot be read"),
    ] {
        let mut month = month(700, 100, 600);
        month.data[250] = line.replace(from, to);
        assert_ne!(month.data[250], line);
        let problem = month.read().unwrap_err();
        assert!(problem.starts_with("line 251: ") && problem.contains(why), "{problem}");
    }
}

#[test]
fn a_rehashed_line_is_not_what_its_leaf_seals() {
    let mut month = month(700, 100, 600);
    let mut line: EntryLine = serde_json::from_str(&month.data[499]).unwrap();
    let (mut entry, previous, _) = line.entry().unwrap();
    entry.actor = Some("bob".to_owned());
    line = EntryLine::new(entry.clone(), &previous, &entry.hash(&previous), line.position, 599);
    month.data[499] = written(&line);
    assert!(month.read().unwrap_err().contains("is not what leaf 599 seals"));
}

#[test]
fn a_line_that_is_missing_doubled_or_moved_is_named() {
    let mut gone = month(700, 100, 600);
    gone.data.remove(250);
    assert!(gone.read().unwrap_err().contains("does not follow"));
    let mut cut = month(700, 100, 600);
    cut.data.pop();
    assert!(cut.read().unwrap_err().contains("499 lines instead of 500"));
    let mut doubled = month(700, 100, 600);
    doubled.data.insert(3, doubled.data[3].clone());
    assert!(doubled.read().is_err());
    let mut moved = month(700, 100, 600);
    moved.data.swap(3, 4);
    assert!(moved.read().unwrap_err().contains("out of order"));
}

#[test]
fn a_changed_proof_proves_nothing() {
    let honest = month(700, 100, 600);
    for place in 0..honest.proof.tiles.len() {
        let mut month = month(700, 100, 600);
        let hashes = &mut month.proof.tiles[place].hashes;
        let letter = if hashes.as_bytes()[20] == b'A' { "B" } else { "A" };
        hashes.replace_range(20..21, letter);
        assert!(month.read().is_err(), "tile {place}");
    }
    let mut other = month(700, 100, 600);
    other.proof.checkpoint = month(699, 100, 600).proof.checkpoint;
    assert!(other.read().is_err());
    let mut none = month(700, 100, 600);
    none.proof.tiles.clear();
    assert!(none.read().is_err());
    let mut unsealed = month(700, 100, 600);
    unsealed.proof.checkpoint = None;
    assert!(unsealed.read().is_err());
}

#[test]
fn only_the_sealing_key_makes_a_checkpoint() {
    let month = month(300, 0, 300);
    let ours = SealingKey::new("ledger.example", &[7; 32]).unwrap();
    let other = SealingKey::new("ledger.example", &[8; 32]).unwrap();
    let text = month.proof.to_json();
    assert!(Reader::new(&text, NAME, Some(ours.verifier())).is_ok());
    assert!(Reader::new(&text, NAME, Some(other.verifier())).is_err());
    assert!(Reader::new(&text, "audit_entry_2026_02", None).is_err());
}

#[test]
fn a_month_without_entries_is_an_archive_of_nothing() {
    let mut month = month(300, 0, 300);
    month.data.clear();
    month.proof.lines = 0;
    (month.proof.leaves, month.proof.positions) = (None, None);
    month.proof.data_sha256 = hex::encode(Sha256::digest([]));
    month.proof.tiles.clear();
    assert_eq!(month.read(), Ok(()));
}

#[test]
fn events_read_back_in_order() {
    let line = |position| {
        written(&EventLine {
            position,
            tenant_id: Uuid::nil().to_string(),
            timeline: 1,
            kind: "wo.created".to_owned(),
            subject_id: Uuid::nil().to_string(),
            recorded_at: "2026-01-05T00:00:00.000001Z".to_owned(),
            traceparent: None,
            data: r#"{"a": 1.50}"#.to_owned(),
        })
    };
    let data = [line(3), line(5)];
    let proof = Proof {
        format: FORMAT.to_owned(),
        archive: "event_2026_01".to_owned(),
        lines: 2,
        data_sha256: hex::encode(Sha256::digest(data.concat())),
        leaves: None,
        positions: Some((3, 5)),
        checkpoint: None,
        tiles: vec![],
    };
    let mut reader = Reader::new(&proof.to_json(), "event_2026_01", None).unwrap();
    assert_eq!(written(&reader.event(&data[0]).unwrap()), data[0]);
    assert!(reader.event(&data[0]).unwrap_err().contains("out of order"));
}
