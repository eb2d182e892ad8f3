//! Secrets in texts.

use crate::corpus::{Chance, HEX, LETTERS_AND_DIGITS, honest, secrets};
use base64ct::{Base64, Base64UrlUnpadded, Encoding};
use wo_rules::secret::{find, hide};

fn kinds(text: &str) -> Vec<&'static str> {
    find(text).into_iter().map(|suspect| suspect.kind.name()).collect()
}

/// Otherwise a secret is stored in the records, their trail and every backup of them.
#[test]
fn each_kind_of_secret_is_found_alone_and_in_a_sentence() {
    let mut wrong = Vec::new();
    for (kind, secret) in secrets() {
        for text in [
            secret.clone(),
            format!("Connect with {secret} and restart the server."),
            format!("Größe 3 µm\n{secret}\nende"),
        ] {
            // What follows may be one more secret of the same assignment.
            if !kinds(&text).contains(&kind) {
                wrong.push(format!("{kind}: {:?} in {text:?}", kinds(&text)));
            }
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

/// Otherwise people cannot write what they did, and release false alarms until they no longer read them.
#[test]
fn honest_texts_pass() {
    let wrong: Vec<String> = honest()
        .iter()
        .filter(|text| !find(text).is_empty())
        .map(|text| format!("{:?} in {text:?}", find(text)))
        .collect();
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

/// Otherwise one key of many random ones is stored, or one hash of many is refused.
#[test]
fn random_keys_are_found_and_hashes_are_not() {
    let mut chance = Chance::new(3);
    let (mut missed, mut alarms) = (0, 0);
    for _ in 0..10_000 {
        let key = chance.bytes(32);
        missed += usize::from(find(&Base64::encode_string(&key)).is_empty());
        missed += usize::from(find(&Base64UrlUnpadded::encode_string(&key)).is_empty());
        for length in [32, 40, 64, 96, 128] {
            alarms += usize::from(!find(&chance.of(HEX, length)).is_empty());
        }
        // An identifier of 24 characters, in three groups: a serial number.
        let group = |chance: &mut Chance| chance.of(LETTERS_AND_DIGITS, 8).to_uppercase();
        let serial = [group(&mut chance), group(&mut chance), group(&mut chance)].join("-");
        alarms += usize::from(!find(&serial).is_empty());
    }
    assert!(missed <= 40, "{missed} of 20,000 random keys are not found");
    assert_eq!(alarms, 0);
}

/// Otherwise a refusal, or the server's log, shows what must not be shown.
#[test]
fn what_is_hidden_shows_no_secret() {
    for (kind, secret) in secrets() {
        let text = format!("unknown field \"{secret}\"");
        let hidden = hide(&text).unwrap_or_else(|| panic!("{kind}: {text:?}"));
        assert!(hidden.contains("[hidden]"), "{hidden:?}");
        assert_eq!(hide(&hidden), None, "{hidden:?}");
        for value in ["hunter2", "abc123"] {
            assert!(!hidden.contains(value), "{hidden:?}");
        }
    }
}

/// Otherwise a text that is cut anywhere, or of bytes of any kind, ends the server process.
#[test]
fn no_text_breaks_the_search() {
    let mut chance = Chance::new(5);
    let all: Vec<String> = secrets().into_iter().map(|(_, text)| text).chain(honest()).collect();
    for text in &all {
        let text = format!("é{}ß", text.replace('a', "ä"));
        for at in (0..text.len()).filter(|at| text.is_char_boundary(*at)) {
            drop(find(&text[..at]));
            drop(find(&text[at..]));
        }
    }
    let alphabet = "aB3 :=\"'<>/@-.\\é{}[]\n#?&+|*";
    for _ in 0..20_000 {
        drop(find(&chance.of(alphabet, 40)));
        drop(find(&format!("password{}", chance.of(alphabet, 20))));
    }
}

/// Otherwise a caller with a long text holds a lock for minutes.
#[test]
fn the_search_takes_time_in_proportion_to_the_length() {
    for part in [
        "a",
        "-",
        ":",
        "=",
        "password=",
        "-----BEGIN ",
        "eyJ",
        "sk-",
        "://a:b@",
        "/9j/",
        "bearer ",
        "\n",
        "data:image/",
        "sha256:",
        "password: ",
        "'",
        "<a>",
        "s.",
        "AKIA",
    ] {
        // Where every place were searched to the end of the text, this would take a minute.
        let text = part.repeat((1 << 18) / part.len());
        let begun = std::time::Instant::now();
        drop(find(&text));
        assert!(begun.elapsed().as_secs() < 3, "{part:?}: {:?}", begun.elapsed());
    }
}
