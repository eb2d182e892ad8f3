//! Private keys, whatever they are for.

use super::{Kind, Suspect, add, each_place, length_of, place};
use base64ct::{Base64Unpadded, Encoding};

/// What only a private key begins with, in lower case.
const HEADS: &[&str] = &["putty-user-key-file-", "age-secret-key-1", "age-plugin-"];

/// How base64 begins of `-----BEGIN`, and of the OpenSSH format.
const ENCODED: &[&str] = &["LS0tLS1CRUdJTi", "b3BlbnNzaC1rZXktdjEA"];

/// How the DER of a private key begins, behind the outer SEQUENCE: PKCS #8 (version 0 or 1, then the algorithm),
/// PKCS #1 (version 0, then a long modulus) and SEC 1 (version 1, then the octets).
const DER: &[&[u8]] =
    &[&[2, 1, 0, 0x30], &[2, 1, 1, 0x30], &[2, 1, 0, 2, 0x82], &[2, 1, 0, 2, 0x81], &[2, 1, 1, 4]];

/// The shortest key that is looked at as DER.
const SHORTEST_DER: usize = 60;

/// The longest label of a block that is looked at.
const LONGEST_LABEL: usize = 64;

pub(super) fn find(text: &str) -> Vec<Suspect> {
    let bytes = text.as_bytes();
    let mut found = Vec::new();
    each_place(bytes, b"begin ", |at| {
        let label = &bytes[at..bytes.len().min(at + LONGEST_LABEL)];
        let label =
            &label[..length_of(label, 0, |byte| byte.is_ascii_alphanumeric() || byte == b' ')];
        let end = at + label.len();
        let label = String::from_utf8_lossy(label).to_ascii_lowercase();
        let is_pem = at > 0 && bytes[at - 1] == b'-' && label.contains("private key");
        if !(is_pem || is_ssh2(&label)) {
            return at;
        }
        let end = end_of_block(bytes, end);
        add(&mut found, Kind::PrivateKey, at - length_before(bytes, at)..end);
        end
    });
    for head in HEADS {
        each_place(bytes, head.as_bytes(), |at| {
            let end = at + length_of(bytes, at, |byte| !byte.is_ascii_whitespace());
            add(&mut found, Kind::PrivateKey, at..end);
            end
        });
    }
    for (at, run) in runs(bytes) {
        let text = &text[at..at + run];
        let is_armored = ENCODED.iter().any(|head| text.starts_with(head));
        let is_key = match is_armored {
            true => text.starts_with(ENCODED[1]) || is_encoded_pem(text),
            false => run >= SHORTEST_DER && is_der(text),
        };
        if is_key {
            add(&mut found, Kind::PrivateKey, at..at + run);
        }
    }
    found
}

/// `---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----` has a space before BEGIN.
fn is_ssh2(label: &str) -> bool {
    label.starts_with("begin ssh2 ") && label.contains("private key")
}

/// How many hyphens and spaces stand before.
fn length_before(bytes: &[u8], at: usize) -> usize {
    bytes[..at].iter().rev().take(8).take_while(|byte| b"- ".contains(byte)).count()
}

/// The end of the block: that of its last line where it has one, else of the text.
fn end_of_block(bytes: &[u8], from: usize) -> usize {
    place(bytes, b"-end ", from)
        .map_or(bytes.len(), |at| at + length_of(bytes, at, |byte| byte != b'\n'))
}

/// The runs of base64.
fn runs(bytes: &[u8]) -> impl Iterator<Item = (usize, usize)> + '_ {
    let mut from = 0;
    std::iter::from_fn(move || {
        let is_part = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'+' || byte == b'/';
        let at = from + length_of(bytes, from, |byte| !is_part(byte));
        let run = length_of(bytes, at, is_part);
        from = at + run;
        (run > 0).then_some((at, run))
    })
}

/// The first bytes that a base64 text stands for.
fn decoded(text: &str, most: usize) -> Vec<u8> {
    let whole = text.len().min(most) / 4 * 4;
    Base64Unpadded::decode_vec(&text[..whole]).unwrap_or_default()
}

fn is_encoded_pem(text: &str) -> bool {
    let head = decoded(text, 64);
    String::from_utf8_lossy(&head).contains("PRIVATE KEY")
}

fn is_der(text: &str) -> bool {
    if !text.starts_with('M') {
        return false;
    }
    let head = decoded(text, 16);
    let content = match head.as_slice() {
        [0x30, 0x82, _, _, rest @ ..] | [0x30, 0x81, _, rest @ ..] => rest,
        [0x30, length, rest @ ..] if *length < 0x80 => rest,
        _ => return false,
    };
    DER.iter().any(|begin| content.starts_with(begin))
}
