//! The witness, shown checkpoints in files.

use crate::ledger::{LEDGER, sealing_key, statement};
use crate::support::*;
use wo_rules::ledger::checkpoint::Checkpoint;
use wo_rules::ledger::key::SealingKey;
use wo_rules::ledger::proof::Consistency;
use wo_rules::ledger::recovery::extension_line;
use wo_rules::ledger::{Hash, hash_text, leaf_hash, tree};

/// A ledger whose tree fits into one tile.
struct History(Vec<Hash>);

impl History {
    fn new() -> Self {
        Self((0..100).map(|number: u8| leaf_hash(&[number])).collect())
    }

    /// The same up to that leaf, and something else from there on.
    fn forked_at(leaf: usize) -> Self {
        let mut other = Self::new();
        other.0[leaf..].iter_mut().for_each(|hash| hash[0] ^= 1);
        other
    }

    fn root(&self, size: u64) -> Hash {
        tree::root(size, &mut |_, _| Some(self.0.as_flattened().to_vec())).unwrap()
    }

    fn checkpoint(&self, size: u64) -> Checkpoint {
        let (origin, root) = (LEDGER.to_owned(), self.root(size));
        Checkpoint { origin, size, root, extensions: Vec::new() }
    }

    fn proof(&self, from: u64, to: u64) -> String {
        let mut read = |_, _| Some(self.0.as_flattened().to_vec());
        let hashes = tree::consistency(from, to, &mut read).unwrap();
        serde_json::to_string(&Consistency { from, to, hashes }).unwrap()
    }
}

/// A witness and what it is shown.
struct Scene {
    scratch: Scratch,
    public: String,
    key: SealingKey,
}

impl Scene {
    fn new() -> Self {
        let scratch = Scratch::new();
        let (_, public, key) = sealing_key(&scratch);
        Self { scratch, public, key }
    }

    /// What the witness says of that note.
    fn shown(&self, note: &str, proof: Option<&str>, recovery: Option<&str>) -> Ran {
        let state = self.scratch.path("state");
        let mut arguments =
            vec!["witness", "--state", &state, "--sealing-key", &self.public, "--checkpoint", "-"];
        let proof = proof.map(|text| self.scratch.file("proof", text));
        let recovery = recovery.map(|text| self.scratch.file("recovery", text));
        arguments.extend(proof.iter().flat_map(|file| ["--proof", file]));
        arguments.extend(recovery.iter().flat_map(|file| ["--recovery", file]));
        wo(&arguments, note.as_bytes())
    }

    fn sealed(&self, history: &History, size: u64) -> String {
        history.checkpoint(size).sign(&self.key)
    }

    fn files(&self, directory: &str) -> Vec<String> {
        let mut names: Vec<String> = std::fs::read_dir(self.scratch.path(directory))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    /// The witness refuses, names both trees in one line, and keeps what it had and the evidence.
    #[track_caller]
    fn assert_refused(&self, ran: &Ran, names: &[&Checkpoint]) {
        let before = read(self.scratch.path("state/checkpoint"));
        assert_eq!((ran.code, ran.out.as_str()), (1, ""), "{}", ran.err);
        assert!(ran.err.starts_with("wo: REFUSED: "), "{}", ran.err);
        assert_eq!(ran.err.lines().count(), 1, "{}", ran.err);
        for tree in names {
            let named = format!("size {} and root {}", tree.size, hash_text(&tree.root));
            assert!(ran.err.contains(&named), "{named}: {}", ran.err);
        }
        let last = self.files("state/refused").pop().unwrap();
        let evidence = read(self.scratch.path(&format!("state/refused/{last}")));
        for part in ["== refused\n", "== kept\n", &before, "== offered\n", "== proof\n"] {
            assert!(evidence.contains(part), "{part}: {evidence}");
        }
    }
}

#[test]
fn the_first_checkpoint_is_trusted_and_later_ones_must_go_on_from_it() {
    let (scene, history) = (Scene::new(), History::new());
    let first = scene.shown(&scene.sealed(&history, 9), None, None);
    assert_eq!((first.code, first.err.as_str()), (0, ""));
    assert!(first.out.starts_with("FIRST: ledger ledger.example/wo at size 9"), "{}", first.out);
    assert!(first.out.contains("on trust"), "{}", first.out);
    let same = scene.shown(&scene.sealed(&history, 9), None, None);
    assert!(same.out.starts_with("unchanged: "), "{}", same.out);
    let (note, proof) = (scene.sealed(&history, 20), history.proof(9, 20));
    // psql writes a line break behind it.
    let grown = scene.shown(&format!("{note}\n"), Some(&proof), None);
    assert_eq!(grown.code, 0, "{}", grown.err);
    assert!(grown.out.starts_with("accepted: "), "{}", grown.out);
    assert_eq!(read(scene.scratch.path("state/checkpoint")), note);
    assert_eq!(read(scene.scratch.path("state/history/20.txt")), note);
    assert_eq!(scene.files("state/history"), ["20.txt", "9.txt"]);
    assert_eq!(scene.files("state/refused"), [""; 0]);
}

#[test]
fn a_smaller_tree_is_refused() {
    let (scene, history) = (Scene::new(), History::new());
    scene.shown(&scene.sealed(&history, 20), None, None);
    let ran = scene.shown(&scene.sealed(&history, 19), None, None);
    scene.assert_refused(&ran, &[&history.checkpoint(20), &history.checkpoint(19)]);
    assert_eq!(scene.files("state/refused").len(), 1);
    // Reported again and again, it is one piece of evidence.
    scene.shown(&scene.sealed(&history, 19), None, None);
    assert_eq!(scene.files("state/refused").len(), 1);
    assert!(read(scene.scratch.path("state/checkpoint")).contains("\n20\n"));
}

#[test]
fn another_tree_of_the_same_size_is_refused() {
    let (scene, history, fork) = (Scene::new(), History::new(), History::forked_at(15));
    scene.shown(&scene.sealed(&history, 20), None, None);
    let ran = scene.shown(&scene.sealed(&fork, 20), None, None);
    scene.assert_refused(&ran, &[&history.checkpoint(20), &fork.checkpoint(20)]);
}

#[test]
fn a_larger_tree_that_does_not_go_on_is_refused() {
    let (scene, history, fork) = (Scene::new(), History::new(), History::forked_at(15));
    scene.shown(&scene.sealed(&history, 20), None, None);
    for proof in [history.proof(20, 30), fork.proof(20, 30)] {
        let ran = scene.shown(&scene.sealed(&fork, 30), Some(&proof), None);
        scene.assert_refused(&ran, &[&history.checkpoint(20), &fork.checkpoint(30)]);
    }
}

#[test]
fn a_bad_signature_and_another_ledger_are_refused() {
    let (scene, history) = (Scene::new(), History::new());
    scene.shown(&scene.sealed(&history, 20), None, None);
    let (kept, now) = (history.checkpoint(20), history.checkpoint(30));
    let thief = SealingKey::new(LEDGER, &[1; 32]).unwrap();
    let proof = history.proof(20, 30);
    let ran = scene.shown(&now.sign(&thief), Some(&proof), None);
    scene.assert_refused(&ran, &[&kept, &now]);
    let changed = scene.sealed(&history, 30).replace("\n30\n", "\n31\n");
    scene.assert_refused(&scene.shown(&changed, Some(&proof), None), &[&kept]);
    let elsewhere = Checkpoint { origin: "other".to_owned(), ..now.clone() };
    let ran = scene.shown(&elsewhere.sign(&scene.key), Some(&proof), None);
    scene.assert_refused(&ran, &[&kept, &now]);
    scene.assert_refused(&scene.shown("\u{1b}[2Jno note", None, None), &[&kept]);
}

#[test]
fn what_cannot_be_asked_exits_with_2_and_changes_nothing() {
    let (scene, history) = (Scene::new(), History::new());
    scene.shown(&scene.sealed(&history, 20), None, None);
    let larger = scene.sealed(&history, 30);
    let without = scene.shown(&larger, None, None);
    assert_eq!(without.code, 2);
    assert!(without.err.contains("from size 20 to 30"), "{}", without.err);
    let other = scene.shown(&larger, Some(&history.proof(21, 30)), None);
    assert_eq!(other.code, 2, "{}", other.err);
    assert_eq!(scene.shown(&larger, Some("no proof"), None).code, 2);
    let state = scene.scratch.path("state");
    let look = ["witness", "--state", &state, "--sealing-key", &scene.public];
    let missing = wo(&[&look[..], &["--checkpoint", "/nowhere"]].concat(), b"");
    assert_eq!(missing.code, 2, "{}", missing.err);
    let nobody = format!("host={} connect_timeout=2", scene.scratch.path(""));
    let nobody = wo(&[&look[..], &["--database", &nobody]].concat(), b"");
    assert_eq!(nobody.code, 2, "{}", nobody.err);
    let file = scene.scratch.file("conninfo", "password=secret host");
    let unreadable = wo(&[&look[..], &["--database", &format!("@{file}")]].concat(), b"");
    assert_eq!(unreadable.code, 2);
    assert!(!unreadable.err.contains("secret"), "{}", unreadable.err);
    assert_eq!(wo(&look, b"").code, 2);
    assert!(read(scene.scratch.path("state/checkpoint")).contains("\n20\n"));
    assert_eq!(scene.files("state/refused"), [""; 0]);
}

#[test]
fn one_witness_is_at_work_in_a_directory() {
    let (scene, history) = (Scene::new(), History::new());
    scene.shown(&scene.sealed(&history, 20), None, None);
    let lock = std::fs::File::open(scene.scratch.path("state/lock")).unwrap();
    lock.lock().unwrap();
    let ran = scene.shown(&scene.sealed(&history, 19), None, None);
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("another witness"), "{}", ran.err);
    drop(lock);
    assert_eq!(scene.shown(&scene.sealed(&history, 20), None, None).code, 0);
}

/// An older backup was restored: the ledger was at 30 and goes on from 25.
#[test]
fn a_step_back_is_accepted_only_for_a_signed_reason_that_the_checkpoint_names() {
    let (scene, history, now) = (Scene::new(), History::new(), History::forked_at(25));
    scene.shown(&scene.sealed(&history, 20), None, None);
    scene.shown(&scene.sealed(&history, 28), Some(&history.proof(20, 28)), None);
    let tree = |history: &History, size| (size, history.root(size));
    let reason = statement(tree(&history, 30), tree(&now, 25));
    let note = reason.sign(&scene.key);
    let mut offered = now.checkpoint(27);
    let proof = now.proof(25, 27);
    let held = history.checkpoint(28);
    let unnamed = scene.shown(&offered.sign(&scene.key), Some(&proof), Some(&note));
    scene.assert_refused(&unnamed, &[&held, &offered]);
    offered.extensions.push(extension_line(1, &reason));
    let sealed = offered.sign(&scene.key);
    let without = scene.shown(&sealed, Some(&proof), None);
    scene.assert_refused(&without, &[&held, &offered]);
    assert!(without.err.contains("names recovery 1"), "{}", without.err);
    let thief = SealingKey::new(LEDGER, &[1; 32]).unwrap();
    let forged = scene.shown(&sealed, Some(&proof), Some(&reason.sign(&thief)));
    scene.assert_refused(&forged, &[&held, &offered]);
    let too_little = statement(tree(&history, 27), tree(&now, 25));
    let mut other = now.checkpoint(27);
    other.extensions.push(extension_line(1, &too_little));
    let explained =
        scene.shown(&other.sign(&scene.key), Some(&proof), Some(&too_little.sign(&scene.key)));
    scene.assert_refused(&explained, &[&held, &history.checkpoint(27)]);
    let unproven = scene.shown(&sealed, Some(&history.proof(25, 27)), Some(&note));
    scene.assert_refused(&unproven, &[&now.checkpoint(25), &offered]);

    let accepted = scene.shown(&sealed, Some(&proof), Some(&format!("{note}\n")));
    assert_eq!(accepted.code, 0, "{}", accepted.err);
    assert!(accepted.out.starts_with("RECOVERED: "), "{}", accepted.out);
    assert!(accepted.out.contains("the disk of db1 \\u{202e}failed"), "{}", accepted.out);
    assert_eq!(read(scene.scratch.path("state/checkpoint")), sealed);
    assert_eq!(scene.files("state/history"), ["27.txt"]);
    let kept = scene.files("state/recovery");
    assert_eq!(kept.len(), 2);
    assert_eq!(scene.files(&format!("state/recovery/{}", kept[0])), ["20.txt", "28.txt"]);
    assert_eq!(read(scene.scratch.path(&format!("state/recovery/{}", kept[1]))), note);
    // From here on the ledger only grows again.
    let mut later = now.checkpoint(40);
    later.extensions.push(extension_line(1, &reason));
    let grown = scene.shown(&later.sign(&scene.key), Some(&now.proof(27, 40)), Some(&note));
    assert!(grown.out.starts_with("accepted: "), "{} {}", grown.out, grown.err);
    let back = scene.shown(&sealed, Some(&proof), Some(&note));
    scene.assert_refused(&back, &[&later, &offered]);
}

/// Two servers went on from the same backup: the one that the witness saw is given up.
#[test]
fn a_fork_is_accepted_only_for_a_signed_reason() {
    let (scene, history, other) = (Scene::new(), History::new(), History::forked_at(15));
    scene.shown(&scene.sealed(&history, 20), None, None);
    let reason = statement((20, history.root(20)), (32, other.root(32)));
    let mut offered = other.checkpoint(32);
    offered.extensions.push(extension_line(3, &reason));
    let sealed = offered.sign(&scene.key);
    let refused = scene.shown(&sealed, Some(&other.proof(20, 32)), None);
    scene.assert_refused(&refused, &[&history.checkpoint(20), &offered]);
    let proof = other.proof(20, 32);
    let accepted = scene.shown(&sealed, Some(&proof), Some(&reason.sign(&scene.key)));
    assert_eq!(accepted.code, 0, "{}", accepted.err);
    assert_eq!(read(scene.scratch.path("state/checkpoint")), sealed);
}
