//! Texts that look like secrets. A credential is stored as a reference to a vault ([`reference`]), never as
//! the secret itself: the trail, the outbox, backups and replicas would keep it for ever.
//!
//! Nothing here can tell a secret from a text that only looks like one. What is refused by mistake is accepted
//! once somebody has put on record that it is none: see [`false_alarm`].

mod assigned;
pub mod document;
pub mod false_alarm;
mod known_key;
mod private_key;
mod public;
mod random;
pub mod reference;
mod tables;
mod token;

pub use tables::SCHEMA;

use crate::refusal::{Refusal, SqlState};
use serde_json::json;
use std::ops::Range;

/// What kind of secret a text looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A private key: PEM, PKCS #8 as base64, OpenSSH, PuTTY, PGP, age.
    PrivateKey,
    /// A JSON Web Token, or the value of an HTTP header `Authorization`.
    Token,
    /// A key with the prefix of a service.
    KnownKey(&'static str),
    /// The password in a connection string.
    ConnectionPassword,
    /// A value that is called a password, a token, a key.
    Assigned,
    /// As random as a key.
    Random,
}

impl Kind {
    /// Its name for programs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::PrivateKey => "private_key",
            Self::Token => "token",
            Self::KnownKey(_) => "known_key",
            Self::ConnectionPassword => "connection_password",
            Self::Assigned => "assigned",
            Self::Random => "random",
        }
    }

    /// What it is, in words.
    #[must_use]
    pub fn words(self) -> String {
        match self {
            Self::PrivateKey => "a private key".to_owned(),
            Self::Token => "a token".to_owned(),
            Self::KnownKey(service) => format!("a key of {service}"),
            Self::ConnectionPassword => "a connection string with a password".to_owned(),
            Self::Assigned => "a password, a token or a key with its name".to_owned(),
            Self::Random => "a random key".to_owned(),
        }
    }
}

/// What looks like a secret, and where in the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suspect {
    /// The kind of secret.
    pub kind: Kind,
    /// Its bytes.
    pub range: Range<usize>,
}

/// The shortest run of bytes without a space that may be a key.
const SHORTEST_RUN: usize = 16;

/// How many suspects are looked for: a text with more is all of them.
const MOST: usize = 200;

/// How much of a long run is looked at to decide whether it is a secret.
const LONGEST_LOOK: usize = 1024;

/// Whether a text has to be searched: most have no long word and assign nothing. One pass, no allocation.
#[must_use]
pub fn may_hold(text: &[u8]) -> bool {
    let mut run = 0;
    let mut before = 0;
    for byte in text {
        match byte {
            b':' | b'=' | b'\'' | b'"' | b'>' => return true,
            b'-' if before == b'-' => return true,
            b' ' | b'\n' | b',' | b';' | b'(' | b')' => run = 0,
            _ => {
                run += 1;
                if run >= SHORTEST_RUN {
                    return true;
                }
            }
        }
        before = *byte;
    }
    false
}

/// Everything in the text that looks like a secret, in its order; of what overlaps the surer kind.
#[must_use]
pub fn find(text: &str) -> Vec<Suspect> {
    if !may_hold(text.as_bytes()) {
        return Vec::new();
    }
    let mut found = private_key::find(text);
    token::find(text, &mut found);
    known_key::find(text, &mut found);
    assigned::find(text, &mut found);
    let public = public::ranges(text);
    random::find(text, &public, &mut found);
    let mut kept: Vec<Suspect> = Vec::new();
    for suspect in found.into_iter().take(MOST) {
        let overlaps = |other: &Suspect| {
            other.range.start < suspect.range.end && suspect.range.start < other.range.end
        };
        if !kept.iter().any(overlaps) {
            kept.push(suspect);
        }
    }
    kept.sort_by_key(|suspect| suspect.range.start);
    kept
}

/// What stands in place of a secret.
const HIDDEN: &str = "[hidden]";

/// The text with `[hidden]` in place of whatever looks like a secret; `None` where nothing does.
#[must_use]
pub fn hide(text: &str) -> Option<String> {
    let found = find(text);
    match found.len() {
        0 => return None,
        MOST.. => return Some(HIDDEN.to_owned()),
        _ => {}
    }
    let mut hidden = String::with_capacity(text.len());
    let mut from = 0;
    for Suspect { range, .. } in found {
        hidden.push_str(&text[from..range.start]);
        hidden.push_str(HIDDEN);
        from = range.end;
    }
    hidden.push_str(&text[from..]);
    Some(hidden)
}

/// Where a secret would be stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The column, or the function's argument.
    pub column: String,
    /// The JSON pointer in it; empty for the whole value.
    pub pointer: String,
    /// What it looks like.
    pub kind: Kind,
}

/// The refusal of a row, or of the arguments of a function, that would store secrets. It says where and what they
/// look like, and never shows them.
#[must_use]
pub fn refusal(whose: &str, places: &[Place]) -> Refusal {
    let (column, kind) = places
        .first()
        .map_or_else(Default::default, |first| (first.column.clone(), first.kind.words()));
    let secrets: Vec<serde_json::Value> = places
        .iter()
        .map(|place| {
            json!({
                "column": place.column,
                "pointer": hide(&place.pointer).unwrap_or_else(|| place.pointer.clone()),
                "kind": place.kind.name(),
            })
        })
        .collect();
    Refusal::new(
        SqlState::BadValue,
        "secret_in_the_open",
        format!("{column} of {whose} has what looks like {kind}"),
    )
        .with("table", whose)
        .with("secrets", secrets)
        .hint(
            "Keep the secret in a vault and store a reference: vault://mount/path#field, or gcp-sm://projects/p/secrets/s/versions/latest. What is no secret is accepted after wo.release_false_alarm.",
        )
}

/// Whether a byte may be part of a key or of a word.
const fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}

/// Whether a word begins there.
fn begins_word(text: &[u8], at: usize) -> bool {
    at == 0 || !is_word(text[at - 1])
}

/// How many bytes from there on meet the condition.
fn length_of(text: &[u8], at: usize, is_part: impl Fn(u8) -> bool) -> usize {
    text.get(at..).map_or(0, |rest| rest.iter().take_while(|byte| is_part(**byte)).count())
}

/// The first place of `part` from there on, in any case of letters; `part` is in lower case.
fn place(text: &[u8], part: &[u8], from: usize) -> Option<usize> {
    text.get(from..)?
        .windows(part.len())
        .position(|window| {
            window[0].eq_ignore_ascii_case(&part[0]) && window.eq_ignore_ascii_case(part)
        })
        .map(|at| from + at)
}

/// Visits every place of `part`, except where a visit before went past it: a visit gives where it ended.
fn each_place(text: &[u8], part: &[u8], mut visit: impl FnMut(usize) -> usize) {
    let mut from = 0;
    while let Some(at) = place(text, part, from) {
        from = visit(at).max(at + 1);
    }
}

/// Adds what was found, unless there is enough.
fn add(found: &mut Vec<Suspect>, kind: Kind, range: Range<usize>) {
    if found.len() < MOST {
        found.push(Suspect { kind, range });
    }
}
