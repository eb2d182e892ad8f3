//! Checkpoints are notes that another implementation makes and accepts, and there is one spelling.

use crate::support::{LEDGER, Store, checkpoint, key, leaves};
use signed_note::{Note, StandardSigner, StandardVerifier, VerifierList};
use wo_rules::ledger::checkpoint::Checkpoint;
use wo_rules::ledger::empty_root;
use wo_rules::ledger::key::{SealingKey, VerifierKey};

fn honest() -> Checkpoint {
    checkpoint(70_000, Store::of(&leaves(7)).root(7).unwrap())
}

#[test]
fn a_checkpoint_is_opened_as_it_was_sealed() {
    let sealed = honest();
    let note = sealed.sign(&key());
    assert_eq!(Checkpoint::open(&note, key().verifier()).unwrap(), sealed);
    assert_eq!(Checkpoint::read_unverified(&note).unwrap(), sealed);
    let lines: Vec<&str> = note.lines().collect();
    assert_eq!((lines[0], lines[1], lines[3]), (LEDGER, "70000", ""));
    assert!(lines[4].starts_with("— ledger.example/wo "), "{note}");
    let empty = checkpoint(0, empty_root());
    assert_eq!(Checkpoint::open(&empty.sign(&key()), key().verifier()).unwrap(), empty);
}

#[test]
fn another_implementation_opens_our_checkpoints_and_we_open_its() {
    let mut sealed = honest();
    sealed.extensions = vec!["an extension".to_owned(), "another".to_owned()];
    let note = sealed.sign(&key());
    let theirs = Note::from_bytes(note.as_bytes()).unwrap();
    let verifier = StandardVerifier::new(&key().verifier().to_string()).unwrap();
    let (verified, others) = theirs.verify(&VerifierList::new(vec![Box::new(verifier)])).unwrap();
    assert_eq!((verified.len(), others.len()), (1, 0));
    assert_eq!(theirs.to_bytes(), note.as_bytes());
    let read = tlog_tiles::Checkpoint::from_bytes(theirs.text()).unwrap();
    assert_eq!((read.origin(), read.size()), (LEDGER, 70_000));
    assert_eq!(read.hash().0, sealed.root);
    assert_eq!(read.extension(), "an extension\nanother\n");

    let root = tlog_tiles::tlog::Hash(sealed.root);
    let made = tlog_tiles::Checkpoint::new(LEDGER, 70_000, root, "an extension\nanother\n");
    let mut theirs = Note::new(&made.unwrap().to_bytes(), &[]).unwrap();
    theirs.add_sigs(&[&StandardSigner::new(&key().text()).unwrap()]).unwrap();
    let theirs = String::from_utf8(theirs.to_bytes()).unwrap();
    assert_eq!(theirs, note);
    assert_eq!(Checkpoint::open(&theirs, key().verifier()).unwrap(), sealed);
}

#[test]
fn the_example_of_the_specification_is_opened() {
    let note = "This is an example message.\n\n— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfX\
                ppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n";
    let key =
        VerifierKey::read("example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k");
    // The signature holds; the text is no checkpoint.
    let said = Checkpoint::open(note, &key.unwrap()).unwrap_err();
    assert_eq!(said, "a checkpoint has three lines at least");
}

#[test]
fn any_changed_byte_is_found() {
    let note = honest().sign(&key());
    for at in 0..note.len() {
        for mask in [1, 2, 0x20] {
            let mut bytes = note.clone().into_bytes();
            bytes[at] ^= mask;
            let Ok(text) = String::from_utf8(bytes) else { continue };
            assert!(Checkpoint::open(&text, key().verifier()).is_err(), "{text}");
        }
        if note.is_char_boundary(at) {
            assert!(Checkpoint::open(&note[..at], key().verifier()).is_err(), "cut at {at}");
        }
    }
}

/// Signed, and yet refused.
#[test]
fn what_is_signed_and_not_in_the_one_form_is_refused() {
    let root = wo_rules::ledger::hash_text(&honest().root);
    let signer = StandardSigner::new(&key().text()).unwrap();
    let open = |text: &str| {
        let mut note = Note::new(text.as_bytes(), &[]).unwrap();
        note.add_sigs(&[&signer]).unwrap();
        Checkpoint::open(std::str::from_utf8(&note.to_bytes()).unwrap(), key().verifier())
    };
    assert!(open(&format!("{LEDGER}\n70000\n{root}\n")).is_ok());
    let end = &root[..42];
    for wrong in [
        format!("{LEDGER}\n070000\n{root}\n"),
        format!("{LEDGER}\n+70000\n{root}\n"),
        format!("{LEDGER}\n-1\n{root}\n"),
        format!("{LEDGER}\n70000 \n{root}\n"),
        format!("{LEDGER}\n18446744073709551616\n{root}\n"),
        format!("{LEDGER}\n\n70000\n{root}\n"),
        format!("\n{LEDGER}\n70000\n{root}\n"),
        format!("{LEDGER}\n70000\n{root}\n\n"),
        format!("{LEDGER}\n70000\n{root}\n\nx\n"),
        format!("{LEDGER}\n70000\n{root} \n"),
        format!("{LEDGER}\n70000\n{}\n", root.trim_end_matches('=')),
        format!("{LEDGER}\n70000\n{end}9=\n"),
        format!("{LEDGER}\n70000\n{}\n", "A".repeat(44)),
        format!("{LEDGER}\n0\n{root}\n"),
        format!("{LEDGER}\n70000\n"),
        format!("another\n70000\n{root}\n"),
        "\n".to_owned(),
    ] {
        assert!(open(&wrong).is_err(), "{wrong}");
    }
}

#[test]
fn signatures_of_others_are_passed_over_and_a_wrong_one_of_ours_spoils_the_note() {
    let sealed = honest();
    let note = sealed.sign(&key());
    let line = |note: &str| note.lines().last().unwrap().to_owned();
    let other_name = line(&sealed.sign(&SealingKey::new("other", &[7; 32]).unwrap()));
    let other_key = line(&sealed.sign(&SealingKey::new(LEDGER, &[8; 32]).unwrap()));
    let of_another_text = line(&checkpoint(1, sealed.root).sign(&key()));
    let unknown = format!("— {LEDGER} {}", "A".repeat(8));
    for more in [&other_name, &other_key, &unknown, &line(&note)] {
        let with = format!("{note}{more}\n");
        assert_eq!(Checkpoint::open(&with, key().verifier()).unwrap(), sealed, "{more}");
        let before = note.replace(&line(&note), &format!("{more}\n{}", line(&note)));
        assert_eq!(Checkpoint::open(&before, key().verifier()).unwrap(), sealed, "{more}");
    }
    for more in [&of_another_text, "", "x", "— ", "— a b", "-- other AAAAAAAA", "— o+r AAAAAAAA"]
    {
        let with = format!("{note}{more}\n");
        assert!(Checkpoint::open(&with, key().verifier()).is_err(), "{more}");
    }
    let without = note.replace(&line(&note), &other_key);
    let said = Checkpoint::open(&without, key().verifier()).unwrap_err();
    assert!(said.contains("is not signed with the key"), "{said}");
    let many = format!("{note}{}", format!("{other_name}\n").repeat(100));
    assert!(Checkpoint::open(&many, key().verifier()).is_err());
}

#[test]
fn trees_are_compared_by_ledger_size_and_root() {
    let (mut store, one) = (Store::of(&leaves(9)), |size, root| checkpoint(size, root));
    let (five, nine) = (one(5, store.root(5).unwrap()), one(9, store.root(9).unwrap()));
    let proof = store.consistency(5, 9).unwrap();
    assert!(five.is_beginning_of(&nine, &proof) && !nine.is_beginning_of(&five, &proof));
    let elsewhere = Checkpoint { origin: "other".to_owned(), ..nine.clone() };
    assert!(!five.is_beginning_of(&elsewhere, &proof));
    let extended = Checkpoint { extensions: vec!["x".to_owned()], ..nine.clone() };
    assert!(nine.is_same_tree(&extended) && !nine.is_same_tree(&elsewhere));
    assert!(!nine.is_same_tree(&five));
}
