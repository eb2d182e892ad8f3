//! How a value becomes text and JSON: one spelling for each type, whatever the session's settings are.
//!
//! What is written into the trail is compared years later with what stands in the row, by somebody with
//! other settings. The types of the usual columns are written here, without the server. Every other type
//! is written by its own output function, while the settings that output functions read are pinned.

use crate::pg::attribute::attribute;
use crate::pg::error::{damaged, refuse};
use pgrx::pg_sys;
use pgrx::prelude::*;
use std::ffi::{CStr, c_int};
use wo_rules::json;
use wo_rules::refusal::{Refusal, SqlState};
use wo_rules::time;

/// The longest text that is written as a JSON string. A change that holds a text that long could not be
/// stored in an entry of the trail anyway.
const LONGEST_TEXT: usize = 64 << 20;

/// A value as JSON text: numbers with all their digits, times in UTC with microseconds, `jsonb` as
/// PostgreSQL prints it, an array of texts as a list, everything else as a string.
pub fn json_text(datum: pg_sys::Datum, type_oid: pg_sys::Oid) -> String {
    match type_oid {
        pg_sys::TEXTOID | pg_sys::VARCHAROID => quoted(&text(datum)),
        pg_sys::BOOLOID => if datum.value() as u8 != 0 { "true" } else { "false" }.to_owned(),
        pg_sys::INT8OID => (datum.value() as i64).to_string(),
        pg_sys::INT4OID => (datum.value() as i32).to_string(),
        pg_sys::TIMESTAMPTZOID => quoted(&time::utc(datum.value() as i64)),
        pg_sys::DATEOID => quoted(&time::date(datum.value() as i32)),
        pg_sys::NUMERICOID => {
            let number = output(datum, type_oid);
            // NaN, Infinity and -Infinity are no JSON numbers.
            match number.ends_with(|last: char| last.is_ascii_digit()) {
                true => number,
                false => quoted(&number),
            }
        }
        // The output of jsonb depends on no setting. A json value is kept as the text that it is: it may
        // repeat a name, or hold an escape that stands for no character.
        pg_sys::JSONBOID => output(datum, type_oid),
        pg_sys::JSONOID => quoted(&text(datum)),
        pg_sys::TEXTARRAYOID => text_array(datum),
        pg_sys::BYTEAOID => {
            // SAFETY: the datum is a bytea.
            let bytes: Option<Vec<u8>> = unsafe { FromDatum::from_datum(datum, false) };
            quoted(&hex::encode(bytes.unwrap_or_else(|| refuse(damaged("a bytea is no value")))))
        }
        // The output of these depends on no setting.
        pg_sys::NAMEOID
        | pg_sys::UUIDOID
        | pg_sys::INT2OID
        | pg_sys::OIDOID
        | pg_sys::CHAROID
        | pg_sys::BPCHAROID => quoted(&output(datum, type_oid)),
        _ => quoted(&pinned_output(datum, type_oid)),
    }
}

/// A list of texts as a JSON list; an array of more dimensions, or one that does not begin at 1, as
/// PostgreSQL prints it, with its bounds: it is another value than the list of its elements.
fn text_array(datum: pg_sys::Datum) -> String {
    if !is_list(datum) {
        return quoted(&pinned_output(datum, pg_sys::TEXTARRAYOID));
    }
    // SAFETY: the datum is a text[].
    let elements: Option<Vec<Option<String>>> = unsafe { FromDatum::from_datum(datum, false) };
    let elements = elements.unwrap_or_else(|| refuse(damaged("an array is no value")));
    json::array(elements.iter().map(|element| match element {
        Some(element) => quoted(element),
        None => "null".to_owned(),
    }))
}

/// Whether an array is empty, or has one dimension that begins at 1.
fn is_list(array: pg_sys::Datum) -> bool {
    // SAFETY: the datum is an array: the number of its dimensions, where its values begin, their type,
    // then the length and then the lower bound of each dimension, all of four bytes and perhaps not
    // aligned.
    unsafe {
        let array = pg_sys::pg_detoast_datum_packed(array.cast_mut_ptr());
        let header: *const i32 = pgrx::vardata_any(array).cast();
        match header.read_unaligned() {
            0 => true,
            1 => header.add(4).read_unaligned() == 1,
            _ => false,
        }
    }
}

fn quoted(text: &str) -> String {
    if text.len() > LONGEST_TEXT {
        refuse(
            Refusal::new(
                SqlState::BadValue,
                "value_too_long",
                format!("a value of {} bytes is too long for the audit trail", text.len()),
            )
            .with("longest", LONGEST_TEXT)
            .hint("Keep the document elsewhere, and its SHA-256 here."),
        );
    }
    json::string(text)
}

fn text(datum: pg_sys::Datum) -> String {
    // SAFETY: the datum is a text, or of a type that is stored alike.
    let text = unsafe {
        pgrx::text_to_rust_str(pg_sys::pg_detoast_datum_packed(datum.cast_mut_ptr()))
            .map(str::to_owned)
    };
    text.unwrap_or_else(|_| refuse(not_utf8()))
}

fn not_utf8() -> Refusal {
    damaged("the database's encoding is not UTF-8")
}

/// A value as its type's output function writes it.
fn output(datum: pg_sys::Datum, type_oid: pg_sys::Oid) -> String {
    // SAFETY: the datum is of that type; the output function gives a NUL-terminated string.
    unsafe {
        let mut function = pg_sys::Oid::INVALID;
        let mut is_varlena = false;
        pg_sys::getTypeOutputInfo(type_oid, &mut function, &mut is_varlena);
        let text = pg_sys::OidOutputFunctionCall(function, datum);
        match CStr::from_ptr(text).to_str() {
            Ok(text) => text.to_owned(),
            Err(_) => refuse(not_utf8()),
        }
    }
}

/// A value as its type's output function writes it under the pinned settings.
fn pinned_output(datum: pg_sys::Datum, type_oid: pg_sys::Oid) -> String {
    let _pinned = Pinned::new();
    if !reads_catalogue(type_oid) {
        return output(datum, type_oid);
    }
    let level = PinnedLookups::new();
    let text = output(datum, type_oid);
    drop(level);
    text
}

/// Whether the output of a type may depend on the search path or on the locale: a name of an object,
/// money, and whatever may contain one or is not PostgreSQL's own.
fn reads_catalogue(type_oid: pg_sys::Oid) -> bool {
    // SAFETY: answered from the catalogue cache.
    let element = unsafe { pg_sys::get_element_type(type_oid) };
    let inner = if element == pg_sys::Oid::INVALID { type_oid } else { element };
    // SAFETY: answered from the catalogue cache.
    let inner = unsafe { pg_sys::getBaseType(inner) };
    !matches!(
        inner,
        pg_sys::INTERVALOID
            | pg_sys::DATEOID
            | pg_sys::TIMEOID
            | pg_sys::TIMETZOID
            | pg_sys::TIMESTAMPOID
            | pg_sys::TIMESTAMPTZOID
            | pg_sys::FLOAT4OID
            | pg_sys::FLOAT8OID
            | pg_sys::NUMERICOID
            | pg_sys::INT2OID
            | pg_sys::INT4OID
            | pg_sys::INT8OID
            | pg_sys::BOOLOID
            | pg_sys::TEXTOID
            | pg_sys::VARCHAROID
            | pg_sys::UUIDOID
            | pg_sys::BYTEAOID
            | pg_sys::JSONOID
            | pg_sys::JSONBOID
    )
}

// PostgreSQL's own, from utils/bytea.h, which pgrx does not bind.
unsafe extern "C" {
    static mut bytea_output: c_int;
}

/// `BYTEA_OUTPUT_HEX` of utils/bytea.h.
const BYTEA_OUTPUT_HEX: c_int = 1;

/// While it lives, output functions write in one way: ISO dates, intervals in PostgreSQL's own style,
/// times in UTC, floating-point numbers with all their digits, bytes in hexadecimal.
///
/// The variables of the settings are set, not the settings: that costs nanoseconds. Nothing that may
/// set one of them may run meanwhile, so no code of a user.
pub struct Pinned {
    date_style: c_int,
    date_order: c_int,
    interval_style: c_int,
    float_digits: c_int,
    bytes: c_int,
    time_zone: *mut pg_sys::pg_tz,
}

impl Pinned {
    /// Pins the output until it is dropped.
    pub fn new() -> Self {
        // SAFETY: plain variables of this backend, which has one thread; GMT is built into the server.
        unsafe {
            let before = Self {
                date_style: pg_sys::DateStyle,
                date_order: pg_sys::DateOrder,
                interval_style: pg_sys::IntervalStyle,
                float_digits: pg_sys::extra_float_digits,
                bytes: bytea_output,
                time_zone: pg_sys::session_timezone,
            };
            pg_sys::DateStyle = pg_sys::USE_ISO_DATES as c_int;
            pg_sys::DateOrder = pg_sys::DATEORDER_YMD as c_int;
            pg_sys::IntervalStyle = pg_sys::INTSTYLE_POSTGRES as c_int;
            pg_sys::extra_float_digits = 1;
            bytea_output = BYTEA_OUTPUT_HEX;
            let utc = pg_sys::pg_tzset(c"GMT".as_ptr());
            if !utc.is_null() {
                pg_sys::session_timezone = utc;
            }
            before
        }
    }
}

impl Drop for Pinned {
    fn drop(&mut self) {
        // SAFETY: as above. Dropped while an ERROR unwinds too.
        unsafe {
            pg_sys::DateStyle = self.date_style;
            pg_sys::DateOrder = self.date_order;
            pg_sys::IntervalStyle = self.interval_style;
            pg_sys::extra_float_digits = self.float_digits;
            bytea_output = self.bytes;
            pg_sys::session_timezone = self.time_zone;
        }
    }
}

/// While it lives, names of objects are written with their schema, and money in the locale C. This costs
/// microseconds; it is for columns that a DBA added.
struct PinnedLookups(c_int);

impl PinnedLookups {
    fn new() -> Self {
        // SAFETY: the settings are put back by drop, or by the abort of the transaction.
        unsafe {
            let level = pg_sys::NewGUCNestLevel();
            for (name, value) in [
                (c"search_path", c"pg_catalog, pg_temp"),
                (c"lc_monetary", c"C"),
                (c"quote_all_identifiers", c"off"),
            ] {
                pg_sys::set_config_option(
                    name.as_ptr(),
                    value.as_ptr(),
                    pg_sys::GucContext::PGC_SUSET,
                    pg_sys::GucSource::PGC_S_SESSION,
                    pg_sys::GucAction::GUC_ACTION_SAVE,
                    true,
                    0,
                    false,
                );
            }
            Self(level)
        }
    }
}

impl Drop for PinnedLookups {
    fn drop(&mut self) {
        // While an ERROR unwinds, the abort puts the settings back.
        if !std::thread::panicking() {
            // SAFETY: opened by new, and closed once.
            unsafe { pg_sys::AtEOXact_GUC(true, self.0) };
        }
    }
}

/// In a build with assertions: refuses a value for a column of type json or of a domain that the type's
/// own input function would not admit. Rows that are written past SQL meet no input function.
pub fn assert_valid(
    descriptor: pg_sys::TupleDesc,
    values: impl Iterator<Item = (usize, Option<pg_sys::Datum>)>,
) {
    if !cfg!(debug_assertions) {
        return;
    }
    for (index, value) in values {
        let (Some(datum), Some(attribute)) = (value, attribute(descriptor, index)) else {
            continue;
        };
        // SAFETY: the attribute lies inside the descriptor; the base type is answered from the
        // catalogue cache.
        let (type_oid, modifier, base) = unsafe {
            let type_oid = (*attribute).atttypid;
            (type_oid, (*attribute).atttypmod, pg_sys::getBaseType(type_oid))
        };
        if base == type_oid && !matches!(type_oid, pg_sys::JSONOID | pg_sys::JSONBOID) {
            continue;
        }
        let _pinned = Pinned::new();
        // SAFETY: the datum is of that type; its output function gives a NUL-terminated string, which
        // its input function takes or refuses with an ERROR.
        unsafe {
            let (mut function, mut parameter) = (pg_sys::Oid::INVALID, pg_sys::Oid::INVALID);
            let mut is_varlena = false;
            pg_sys::getTypeOutputInfo(type_oid, &mut function, &mut is_varlena);
            let text = pg_sys::OidOutputFunctionCall(function, datum);
            pg_sys::getTypeInputInfo(type_oid, &mut function, &mut parameter);
            pg_sys::OidInputFunctionCall(function, text, parameter, modifier);
        }
    }
}
