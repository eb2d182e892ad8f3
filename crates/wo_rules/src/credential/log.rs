//! Credentials in the server's log: which parts of a message must not be written there.
//!
//! What looks like a secret is none of our business in the statements of others, but a statement that is refused
//! for it, or that fails for another reason, must not leave it in the log.
//!
//! The texts are bytes, because a preloaded library sees the log of databases in any encoding.

use crate::secret;

/// What stands in place of a credential.
const HIDDEN: &[u8] = b"[hidden]";

/// The functions whose argument is a credential, or a text that looks like one.
const FUNCTIONS: [&[u8]; 2] = [b"authenticate", b"release_false_alarm"];

/// A message about a longer statement is not searched for secrets: none of the statement is shown.
const LONGEST_SEARCHED: usize = 1 << 20;

/// How the DETAIL of a refused secret begins.
const REFUSED: &[u8] = b"{\"code\":\"secret_in_the_open\"";

/// Whether a DETAIL is one of wo_core's own, which shows no secrets.
#[must_use]
pub fn is_ours(detail: &[u8]) -> bool {
    detail.starts_with(b"{\"code\":")
}

/// Whether a message is that of a refused secret, so that nothing of its statement may be shown.
#[must_use]
pub fn is_refused(detail: &[u8]) -> bool {
    detail.starts_with(REFUSED)
}

/// Whether a text has what looks like a secret: see [`secret::find`].
#[must_use]
pub fn has_secret(text: &[u8]) -> bool {
    let has = |text: &str| !secret::find(text).is_empty();
    if text.len() > LONGEST_SEARCHED {
        return true;
    }
    let text = String::from_utf8_lossy(text);
    // A text inside a literal, or a bound parameter, has its quotes twice.
    has(&text) || (text.contains("''") && has(&text.replace("''", "'")))
}

/// The text without what looks like a secret; `None` where nothing does.
fn without_secrets(text: &[u8]) -> Option<Vec<u8>> {
    if text.len() > LONGEST_SEARCHED {
        return Some(HIDDEN.to_vec());
    }
    secret::hide(&String::from_utf8_lossy(text)).map(String::into_bytes)
}

/// How every JSON Web Token begins: the base64url of `{"`.
const TOKEN: &[u8] = b"eyJ";

/// The shortest text that is taken for a token.
const SHORTEST_TOKEN: usize = 20;

/// Whether a statement has a credential in it, and must not be logged: it calls a function whose argument is
/// one, or has a token anywhere.
#[must_use]
pub fn is_in(statement: &[u8]) -> bool {
    call(statement).is_some() || next_token(statement, 0).is_some()
}

/// The message, or one of its parts, without credentials; `None` where it has none.
///
/// A token is replaced; of a call of `authenticate` nothing is left behind the parenthesis. `parameters` says
/// that the message is about a statement with a credential, whose bound parameters are left out too.
#[must_use]
pub fn hide(text: &[u8], parameters: bool) -> Option<Vec<u8>> {
    let hidden = hide_credentials(text, parameters);
    without_secrets(hidden.as_deref().unwrap_or(text)).or(hidden)
}

fn hide_credentials(text: &[u8], parameters: bool) -> Option<Vec<u8>> {
    let mut end = text.len();
    let mut is_cut = false;
    let mut cut = |at: Option<usize>| {
        if let Some(at) = at.filter(|at| *at < end) {
            end = at;
            is_cut = true;
        }
    };
    cut(call(text));
    if parameters {
        cut(find(text, b"arameters: ", 0).map(|at| at + b"arameters: ".len()));
    }
    let kept = &text[..end];
    if !is_cut && next_token(kept, 0).is_none() {
        return None;
    }
    let mut hidden = Vec::with_capacity(end + HIDDEN.len());
    let mut from = 0;
    while let Some((start, stop)) = next_token(kept, from) {
        hidden.extend_from_slice(&kept[from..start]);
        hidden.extend_from_slice(HIDDEN);
        from = stop;
    }
    hidden.extend_from_slice(&kept[from..]);
    if is_cut {
        hidden.extend_from_slice(HIDDEN);
    }
    Some(hidden)
}

/// Where the arguments of a call of one of the functions, or of `authenticate_session`, begin.
fn call(text: &[u8]) -> Option<usize> {
    FUNCTIONS.iter().filter_map(|function| call_of(text, function)).min()
}

fn call_of(text: &[u8], function: &[u8]) -> Option<usize> {
    let mut from = 0;
    while let Some(at) = find(text, function, from) {
        let mut next = at + function.len();
        let rest = &text[next..];
        if rest.len() >= 8 && rest[..8].eq_ignore_ascii_case(b"_session") {
            next += 8;
        }
        // A quoted name ends with a quote.
        if text.get(next) == Some(&b'"') {
            next += 1;
        }
        while text.get(next).is_some_and(u8::is_ascii_whitespace) {
            next += 1;
        }
        if text.get(next) == Some(&b'(') {
            return Some(next + 1);
        }
        from = at + 1;
    }
    None
}

/// The next text from `from` on that has the form of a token.
fn next_token(text: &[u8], mut from: usize) -> Option<(usize, usize)> {
    while let Some(start) = find(text, TOKEN, from) {
        let length = text[start..]
            .iter()
            .take_while(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(byte))
            .count();
        let token = &text[start..start + length];
        if length >= SHORTEST_TOKEN && token.contains(&b'.') {
            return Some((start, start + length));
        }
        from = start + length;
    }
    None
}

/// Where `part` begins, in any case of letters for a part in lower case.
fn find(text: &[u8], part: &[u8], from: usize) -> Option<usize> {
    let is_lower = !part.iter().any(u8::is_ascii_uppercase);
    text.get(from..)?
        .windows(part.len())
        .position(|window| match is_lower {
            true => window.eq_ignore_ascii_case(part),
            false => window == part,
        })
        .map(|at| from + at)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const JWS: &str = "eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJhbm4ifQ.c2lnbmF0dXJl";

    fn hidden(text: &str, parameters: bool) -> Option<String> {
        hide(text.as_bytes(), parameters).map(|text| String::from_utf8(text).unwrap())
    }

    /// Otherwise a reader of the log acts as the token's subject.
    #[test]
    fn tokens_and_arguments_of_authenticate_are_hidden() {
        for statement in [
            "select wo.authenticate('garbage')",
            "SELECT wo.AUTHENTICATE ( 'garbage')",
            "select wo.\"authenticate\"('x')",
            "select wo.authenticate_session($1)",
            &format!("insert into mine values ('{JWS}')"),
        ] {
            assert!(is_in(statement.as_bytes()), "{statement}");
        }
        assert_eq!(
            hidden(
                &format!("duration: 1 ms  statement: select wo.authenticate('{JWS}'), 1"),
                false
            ),
            Some("duration: 1 ms  statement: select wo.authenticate([hidden]".to_owned())
        );
        assert_eq!(
            hidden(&format!("no \"{JWS}\" and '{JWS}'"), false),
            Some("no \"[hidden]\" and '[hidden]'".to_owned())
        );
        assert_eq!(
            hidden("unnamed portal with parameters: $1 = 'garbage'", true),
            Some("unnamed portal with parameters: [hidden]".to_owned())
        );
        assert_eq!(
            hidden("Parameters: $1 = 'garbage'", true),
            Some("Parameters: [hidden]".to_owned())
        );
    }

    /// Otherwise the statement, or its parameters, are logged with the secret.
    #[test]
    fn secrets_are_seen_in_statements_and_in_literals_of_them() {
        for text in [
            "create role app login password 'hunter2'",
            "unnamed portal with parameters: $1 = 'create role app login password ''hunter2'''",
            "do $$ begin execute 'alter user app identified by ''hunter2'''; end $$",
            r#"values ('{"password": "hunter2"}')"#,
        ] {
            assert!(has_secret(text.as_bytes()), "{text}");
        }
        assert!(has_secret(&vec![b' '; LONGEST_SEARCHED + 1]));
        for text in ["select 1", "select ''", "values ('', 'x')", "where password = $1"] {
            assert!(!has_secret(text.as_bytes()), "{text}");
        }
    }

    /// Otherwise the log no longer says what failed.
    #[test]
    fn other_messages_stay_as_they_are() {
        for text in [
            "",
            "select 1",
            "eyJ",
            "eyJhbGciOiJFZERTQSJ9",
            "SQL function \"authenticate\" statement 1",
            "the token is refused; see wo.authenticate",
        ] {
            assert!(!is_in(text.as_bytes()), "{text}");
            assert_eq!(hidden(text, true), None, "{text}");
        }
        assert_eq!(hidden("parameters: $1 = '1'", false), None);
        assert_eq!(hide(b"\xff\xfe", true), None);
    }
}
