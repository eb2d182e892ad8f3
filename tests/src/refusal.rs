//! What a refusal must look like, for a person and for a program.

use std::fmt::Debug;

use postgres::error::DbError;
use serde_json::Value;

/// The server's error; a success, or an error of the client's own, fails the test.
pub fn db_error<T: Debug>(result: Result<T, postgres::Error>) -> DbError {
    match result {
        Ok(value) => panic!("accepted, though it should have been refused: {value:?}"),
        Err(error) => match error.as_db_error() {
            Some(refusal) => refusal.clone(),
            None => panic!("no error of the server's: {error:?}"),
        },
    }
}

/// Asserts that the server refused with this SQLSTATE, a plain sentence, and a DETAIL that is a
/// JSON object with this `code`; returns the DETAIL.
#[track_caller]
pub fn refused<T: Debug>(result: Result<T, postgres::Error>, sqlstate: &str, code: &str) -> Value {
    let refusal = db_error(result);
    assert_eq!(refusal.code().code(), sqlstate, "{refusal:?}");
    assert_ne!(refusal.code().code(), "XX000", "{refusal:?}");

    let message = refusal.message();
    let first = message.chars().next();
    assert!(first.is_some_and(|c| !c.is_uppercase()), "starts with a capital: {message:?}");
    for said in [message, refusal.detail().unwrap_or(""), refusal.hint().unwrap_or("")] {
        for leak in ["panicked", "backtrace", "unwrap()", "SpiError", ".rs:"] {
            assert!(!said.contains(leak), "{leak:?} in {refusal:?}");
        }
    }

    let detail = refusal.detail().unwrap_or_else(|| panic!("no DETAIL: {refusal:?}"));
    let detail: Value =
        serde_json::from_str(detail).unwrap_or_else(|e| panic!("DETAIL is no JSON, {e}: {detail}"));
    assert!(detail.is_object(), "DETAIL is no JSON object: {detail}");
    assert_eq!(detail["code"], code, "{refusal:?}");
    detail
}
