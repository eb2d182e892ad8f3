//! Tokens: JSON Web Tokens, and what the HTTP header `Authorization` carries.

use super::{Kind, SHORTEST_RUN, Suspect, add, begins_word, each_place, length_of};
use base64ct::{Base64, Base64UrlUnpadded, Encoding};
use serde_json::Value;

const fn is_part(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~' | b'+' | b'/' | b'=')
}

pub(super) fn find(text: &str, found: &mut Vec<Suspect>) {
    let bytes = text.as_bytes();
    each_place(bytes, b"eyj", |at| {
        if !begins_word(bytes, at) {
            return at;
        }
        let length =
            length_of(bytes, at, |byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
        if is_jose(&text[at..at + length]) {
            add(found, Kind::Token, at..at + length);
        }
        at + length
    });
    for (scheme, is_credential) in
        [(&b"bearer "[..], is_bearer as fn(&str) -> bool), (b"basic ", is_basic)]
    {
        each_place(bytes, scheme, |at| {
            let start = at + scheme.len();
            let end = start + length_of(bytes, start, is_part);
            if begins_word(bytes, at) && is_credential(&text[start..end]) {
                add(found, Kind::Token, start..end);
            }
            end
        });
    }
}

/// Whether it is long and has a digit: more than a word.
fn is_bearer(text: &str) -> bool {
    text.len() >= SHORTEST_RUN && text.bytes().any(|byte| byte.is_ascii_digit())
}

/// Whether it has the parts of a signed or an encrypted token, and the first is a JOSE header.
fn is_jose(text: &str) -> bool {
    let mut parts = text.trim_end_matches('.').split('.');
    let (Some(header), Some(_)) = (parts.next(), parts.next()) else { return false };
    let header = Base64UrlUnpadded::decode_vec(header).ok();
    let header: Option<Value> = header.and_then(|header| serde_json::from_slice(&header).ok());
    header.is_some_and(|header| header.get("alg").is_some() || header.get("typ").is_some())
}

/// Whether it stands for `user:password`.
fn is_basic(text: &str) -> bool {
    let decoded = Base64::decode_vec(text).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    decoded.is_some_and(|decoded| match decoded.split_once(':') {
        Some((_, password)) => {
            !password.is_empty() && !decoded.chars().any(|letter| letter.is_control())
        }
        None => false,
    })
}
