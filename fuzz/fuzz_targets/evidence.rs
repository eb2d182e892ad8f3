//! A package that was changed is not intact, and no file whatever makes the verifier panic.
//!
//! The input is a list of edits of a valid package, so that the fuzzer gets past the hashes: edits
//! of the file, which must be found, and edits of sections under a new manifest, which may mean
//! nothing. An input that is no such list is verified as it is.

#![no_main]

mod edits;
#[allow(dead_code)]
#[path = "../../crates/wo_rules/tests/evidence_rules/sample.rs"]
mod sample;

use edits::edited;
use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;
use wo_rules::evidence::package::{assemble, read};
use wo_rules::evidence::verify::verify;

static PACKAGE: LazyLock<Vec<u8>> = LazyLock::new(|| sample::sample().bytes());

fuzz_target!(|input: &[u8]| {
    let Some((kind, edits)) = input.split_first() else { return };
    match kind % 3 {
        0 => {
            let changed = edited(&PACKAGE, edits);
            assert_eq!(verify(&changed).intact, changed == *PACKAGE);
        }
        1 => {
            let split = read(&PACKAGE);
            let Some((section, edits)) = edits.split_first() else { return };
            let section = usize::from(*section) % split.sections.len();
            let texts = split.sections.iter().enumerate().map(|(index, held)| {
                let text = held.value.get().as_bytes();
                let text = if index == section { edited(text, edits) } else { text.to_vec() };
                (held.name, String::from_utf8_lossy(&text).into_owned())
            });
            if let Ok(package) = assemble(split.made_at.unwrap_or_default(), texts.collect()) {
                let report = verify(package.as_bytes());
                assert_eq!(report.intact, report.problems.is_empty());
            }
        }
        _ => assert!(!verify(edits).intact || edits == *PACKAGE),
    }
});
