//! Values that are called a password, a token or a key, and passwords in connection strings.

use super::{Kind, LONGEST_LOOK, MOST, Suspect, add, is_word, length_of, reference};
use std::ops::Range;

/// How the names of secrets end, in lower case and without what separates their words.
const NAMES: &[&str] = &[
    "password",
    "passwd",
    "passphrase",
    "passcode",
    "pwd",
    "passwort",
    "kennwort",
    "contraseña",
    "contrasena",
    "senha",
    "motdepasse",
    "dbpass",
    "userpass",
    "smtppass",
    "mysqlpass",
    "pgpass",
    "rootpass",
    "adminpass",
    "secret",
    "secretkey",
    "apikey",
    "apisecret",
    "accesskey",
    "privatekey",
    "accountkey",
    "sharedkey",
    "encryptionkey",
    "masterkey",
    "token",
    "sessionkey",
    "storagekey",
    "subscriptionkey",
    "clientkey",
    "sharedaccesssignature",
];

/// The names among them whose value may be a number.
const NAMES_OF_NUMBERS: &[&str] =
    &["password", "passwd", "passphrase", "passcode", "pwd", "passwort", "kennwort"];

/// What stands for a value that is not there.
const PLACEHOLDERS: &[&str] = &[
    "none",
    "null",
    "nil",
    "true",
    "false",
    "yes",
    "no",
    "n/a",
    "na",
    "unset",
    "unknown",
    "undefined",
    "required",
    "optional",
    "redacted",
    "hidden",
    "masked",
    "removed",
    "string",
    "text",
    "tbd",
    "empty",
    "missing",
    "invalid",
    "expired",
    "revoked",
    "ok",
];

/// How values begin that say where the secret is, or what is to be put there.
const ELSEWHERE: &[&str] = &[
    "$",
    "%",
    "{",
    "<",
    "[",
    "@",
    "?",
    "&",
    "http://",
    "https://",
    "arn:",
    "op://",
    "env:",
    "file:",
    "ref:",
    "projects/",
    "os.environ",
    "process.env",
    "getenv",
    "secrets.",
    "env.",
];

/// Words that begin a sentence behind a colon rather than being a password.
const PROSE: &[&str] = &[
    "the",
    "is",
    "was",
    "are",
    "were",
    "see",
    "a",
    "an",
    "in",
    "of",
    "to",
    "for",
    "by",
    "with",
    "must",
    "should",
    "shall",
    "has",
    "have",
    "had",
    "not",
    "will",
    "changed",
    "reset",
    "rotated",
    "forgotten",
    "kept",
    "stored",
    "and",
    "or",
    "as",
    "per",
    "on",
    "from",
    "user",
    "users",
    "new",
    "old",
    "ask",
    "use",
    "please",
    "only",
    "at",
    "this",
    "that",
    "each",
    "every",
    "all",
    "any",
    "it",
    "its",
    "we",
    "they",
    "issued",
    "returned",
    "sent",
    "siehe",
    "der",
    "die",
    "das",
    "wurde",
    "ist",
];

/// The longest name that is looked at, in bytes.
const LONGEST_NAME: usize = 64;

/// How many quotes and spaces may stand between a name and what assigns to it.
const MOST_BETWEEN: usize = 8;

/// Whether values of that name are secrets.
pub(super) fn is_name_of_secret(name: &str) -> bool {
    ends_with_one(name, NAMES)
}

/// Whether even a number of that name is a secret.
pub(super) fn is_name_of_number(name: &str) -> bool {
    ends_with_one(name, NAMES_OF_NUMBERS)
}

fn ends_with_one(name: &str, endings: &[&str]) -> bool {
    let name: String = name
        .chars()
        .filter(|letter| letter.is_alphanumeric())
        .flat_map(char::to_lowercase)
        .collect();
    endings.iter().any(|ending| name.ends_with(ending))
}

/// Whether a value under the name of a secret is one: it is there, and neither a reference nor a placeholder nor
/// a sentence.
pub(super) fn is_open(name: &str, value: &str) -> bool {
    // A long value is judged by its beginning.
    let end = (0..=value.len().min(LONGEST_LOOK)).rev().find(|end| value.is_char_boundary(*end));
    let value = value[..end.unwrap_or(0)].trim();
    let lower = value.to_lowercase();
    let first = lower.split(|letter: char| !letter.is_alphanumeric()).next().unwrap_or_default();
    let is_placeholder =
        is_mask(value) || PLACEHOLDERS.contains(&lower.trim_end_matches(['.', ',', ';', '!']));
    let is_elsewhere = ELSEWHERE.iter().any(|begin| lower.starts_with(begin));
    let is_number = value.bytes().all(|byte| byte.is_ascii_digit()) && value.len() < 20;
    !(is_placeholder
        || is_elsewhere
        || (PROSE.contains(&first) && first.len() < value.len() || PROSE.contains(&value))
        || (is_number && !is_name_of_number(name))
        || reference::is_reference(value))
}

/// Whether it is what is shown in place of a secret.
fn is_mask(value: &str) -> bool {
    let is_of = |letters: &str| value.chars().all(|letter| letters.contains(letter));
    is_of("*•.-_#…|") || (value.len() >= 3 && is_of("xX"))
}

pub(super) fn find(text: &str, found: &mut Vec<Suspect>) {
    let bytes = text.as_bytes();
    for (at, byte) in bytes.iter().enumerate() {
        if found.len() >= MOST {
            return;
        }
        let value = match byte {
            b':' if bytes[at..].starts_with(b"://") => {
                if let Some(range) = password_of_address(text, at + 3) {
                    add(found, Kind::ConnectionPassword, range);
                }
                continue;
            }
            b':' | b'=' => assigned(text, at),
            b'>' => tagged(text, at),
            b'\'' => of_sql(text, at),
            b'-' if bytes[at..].starts_with(b"--") => option(text, at),
            _ => continue,
        };
        if let Some(range) = value {
            add(found, Kind::Assigned, range);
        }
    }
}

/// The password of `scheme://user:password@host`, whose authority begins there.
fn password_of_address(text: &str, at: usize) -> Option<Range<usize>> {
    let end = at
        + length_of(text.as_bytes(), at, |byte| {
            !byte.is_ascii_whitespace() && !b"/?#\"'<>`\\".contains(&byte)
        });
    let user_ends = at + text[at..end].rfind('@')?;
    let password = at + text[at..user_ends].find(':')? + 1;
    let value = &text[password..user_ends];
    let is_placeholder = is_mask(value)
        || value.starts_with(['$', '%', '{', '['])
        || PLACEHOLDERS.contains(&value.to_lowercase().as_str());
    (!is_placeholder).then_some(password..user_ends)
}

/// The name that ends there, without quotes and spaces; blank where there is none.
fn name_before(text: &str, at: usize) -> &str {
    let bytes = text.as_bytes();
    let near = at.saturating_sub(MOST_BETWEEN);
    let end = bytes[near..at]
        .iter()
        .rposition(|byte| !matches!(byte, b' ' | b'\t' | b'"' | b'\'' | b'`' | b'\\' | b':' | b'*'))
        .map_or(near, |last| near + last + 1);
    let length = bytes[..end]
        .iter()
        .rev()
        .take(LONGEST_NAME)
        .take_while(|byte| is_word(**byte) || matches!(byte, b'-' | b'.'))
        .count();
    let start = (end - length..=end).find(|start| text.is_char_boundary(*start)).unwrap_or(end);
    &text[start..end]
}

/// What is assigned by a colon or an equals sign.
fn assigned(text: &str, at: usize) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    let name = name_before(text, at);
    if !is_name_of_secret(name) {
        return None;
    }
    let operator = length_of(bytes, at, |byte| matches!(byte, b':' | b'=' | b'>'));
    let blanks = length_of(bytes, at + operator, |byte| matches!(byte, b' ' | b'\t' | b'*'));
    let start = at + operator + blanks;
    let range = value_at(text, start)?;
    let value = &text[range.clone()];
    let is_quoted = range.start > start;
    let is_sentence =
        !is_quoted && blanks > 0 && bytes[at] == b':' && begins_sentence(text, &range);
    (!is_sentence && is_open(name, value)).then_some(range)
}

/// Whether a word in lower case is followed by another: more of a sentence than a password.
fn begins_sentence(text: &str, range: &Range<usize>) -> bool {
    let follows = text[range.end..].trim_start_matches(' ').chars().next();
    text[range.clone()].bytes().all(|byte| byte.is_ascii_lowercase())
        && text[range.end..].starts_with(' ')
        && follows.is_some_and(char::is_alphabetic)
}

/// The value that begins there: what is between quotes, or up to the next separator.
fn value_at(text: &str, at: usize) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    let quotes = length_of(bytes, at, |byte| matches!(byte, b'"' | b'\'' | b'`' | b'\\'));
    let start = at + quotes;
    let length = match quotes {
        0 => length_of(bytes, start, |byte| {
            !byte.is_ascii_whitespace() && !b",;&\"'<>)]}".contains(&byte)
        }),
        _ => {
            let quote = bytes[start - 1];
            length_of(bytes, start, |byte| byte != quote && byte != b'\\' && byte != b'\n')
        }
    };
    // `''` is an empty value, unless a quoted text has its quotes twice: `''x''`.
    let is_doubled = quotes > 1 && bytes[at] != b'\\' && bytes[start - 1] == bytes[at];
    let is_empty = is_doubled && !bytes.get(start).is_some_and(|byte| is_word(*byte));
    (length > 0 && !is_empty).then_some(start..start + length)
}

/// The text of an element that is called as a secret: `<password>…</password>`.
fn tagged(text: &str, at: usize) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    let name = name_before(text, at);
    let opens = at.checked_sub(name.len() + 1).map(|before| bytes[before]);
    if opens != Some(b'<') || !is_name_of_secret(name) {
        return None;
    }
    let length = length_of(bytes, at + 1, |byte| byte != b'<' && byte != b'\n');
    let range = at + 1..at + 1 + length;
    (length > 0 && is_open(name, &text[range.clone()])).then_some(range)
}

/// The password in `create role … password '…'` and `identified by '…'`.
fn of_sql(text: &str, at: usize) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    if at == 0 || bytes[at - 1] != b' ' {
        return None;
    }
    let word = name_before(text, at);
    let is_password = word.eq_ignore_ascii_case("password") || word.eq_ignore_ascii_case("passwd");
    let before = &bytes[at.saturating_sub("identified by ".len())..at];
    let is_identified = before.eq_ignore_ascii_case(b"identified by ");
    if !(is_password || is_identified) {
        return None;
    }
    let length = length_of(bytes, at + 1, |byte| byte != b'\'' && byte != b'\n');
    let range = at + 1..at + 1 + length;
    let value = &text[range.clone()];
    let is_one_word = !value.contains(' ') && text[range.end..].starts_with('\'');
    (is_one_word && is_open("password", value)).then_some(range)
}

/// The value of an option of a command: `--password x`. That of `--password=x` is assigned.
fn option(text: &str, at: usize) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    let start = at + 2;
    let near = &bytes[..bytes.len().min(start + LONGEST_NAME)];
    let length = length_of(near, start, |byte| byte.is_ascii_alphanumeric() || byte == b'-');
    let name = &text[start..start + length];
    let is_followed = bytes.get(start + length) == Some(&b' ');
    if !is_followed || !is_name_of_secret(name) {
        return None;
    }
    let range = value_at(text, start + length + 1)?;
    let value = &text[range.clone()];
    (!value.starts_with('-') && is_open(name, value)).then_some(range)
}
