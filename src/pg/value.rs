//! Values between Rust and SQL, each together with its SQL type.
//!
//! A datum does not say what it is: read as another type, an integer becomes an address. A value is
//! therefore read only as the type that its column has, and an argument carries its type to where it
//! is handed over.

use crate::pg::domain::base_type;
use crate::pg::error::{damaged, refuse};
use pgrx::pg_sys;
use pgrx::prelude::*;
use std::ffi::{CStr, CString};
use uuid::Uuid;
use wo_rules::refusal::{Refusal, SqlState};
use wo_rules::schema::Type;

/// A Rust type that reads the values of an SQL type.
pub trait SqlValue: FromDatum {
    /// The SQL type that a refusal names.
    const TYPE: pg_sys::Oid;

    /// Whether values of that type are stored in the form that this type reads.
    fn reads(type_oid: pg_sys::Oid) -> bool {
        type_oid == Self::TYPE
    }
}

macro_rules! sql_values {
    ($($rust:ty: $oid:ident $(| $more:ident)*,)*) => {
        $(impl SqlValue for $rust {
            const TYPE: pg_sys::Oid = pg_sys::$oid;

            fn reads(type_oid: pg_sys::Oid) -> bool {
                matches!(type_oid, pg_sys::$oid $(| pg_sys::$more)*)
            }
        })*
    };
}

sql_values! {
    bool: BOOLOID,
    i16: INT2OID,
    i32: INT4OID,
    i64: INT8OID,
    f64: FLOAT8OID,
    pg_sys::Oid: OIDOID,
    String: TEXTOID | VARCHAROID | PG_NODE_TREEOID,
    Vec<u8>: BYTEAOID,
    Vec<String>: TEXTARRAYOID,
    Vec<Option<String>>: TEXTARRAYOID,
    Date: DATEOID,
    Vec<Option<Date>>: DATEARRAYOID,
    Vec<pgrx::Uuid>: UUIDARRAYOID,
    AnyNumeric: NUMERICOID,
    pgrx::JsonB: JSONBOID,
    pgrx::Json: JSONOID,
    pgrx::Uuid: UUIDOID,
    TimestampWithTimeZone: TIMESTAMPTZOID,
    Timestamp: TIMESTAMPTZOID,
    crate::pg::jsonb::Document: JSONBOID,
}

/// A `timestamptz` as PostgreSQL stores it: microseconds since 2000-01-01 00:00 UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp(pub i64);

impl FromDatum for Timestamp {
    unsafe fn from_polymorphic_datum(
        datum: pg_sys::Datum,
        is_null: bool,
        _type_oid: pg_sys::Oid,
    ) -> Option<Self> {
        (!is_null).then(|| Self(datum.value() as i64))
    }
}

/// Whether a column of that type, or of a domain over it, can be read as `T`.
pub fn can_read<T: SqlValue>(type_oid: pg_sys::Oid) -> bool {
    T::reads(type_oid) || T::reads(base_type(type_oid))
}

/// The name of a type, as SQL writes it.
pub fn type_name(type_oid: pg_sys::Oid) -> String {
    // SAFETY: the function gives a NUL-terminated string for every oid.
    unsafe { CStr::from_ptr(pg_sys::format_type_be(type_oid)) }.to_string_lossy().into_owned()
}

/// A value to be handed to a statement or stored in a column, with its type.
#[derive(Clone, Copy, Debug)]
pub struct Argument {
    type_oid: pg_sys::Oid,
    datum: Option<pg_sys::Datum>,
}

impl Argument {
    /// NULL of a type.
    pub fn null(type_oid: pg_sys::Oid) -> Self {
        Self { type_oid, datum: None }
    }

    /// A datum of that type.
    ///
    /// # Safety
    /// The datum must be of that type, and live as long as the argument is used.
    pub unsafe fn of_datum(type_oid: pg_sys::Oid, datum: Option<pg_sys::Datum>) -> Self {
        Self { type_oid, datum }
    }

    /// The type.
    pub fn type_oid(&self) -> pg_sys::Oid {
        self.type_oid
    }

    /// Whether it is NULL.
    pub fn is_null(&self) -> bool {
        self.datum.is_none()
    }

    /// The value.
    pub(in crate::pg) fn datum(&self) -> Option<pg_sys::Datum> {
        self.datum
    }
}

/// An argument of the SQL type that a Rust value has; NULL for `None`.
pub fn argument<T: IntoDatum>(value: T) -> Argument {
    Argument { type_oid: T::type_oid(), datum: value.into_datum() }
}

/// A text argument.
pub fn text(value: &str) -> Argument {
    argument(value)
}

/// A text argument that may be NULL.
pub fn optional_text(value: Option<&str>) -> Argument {
    argument(value)
}

/// A UUID argument.
pub fn uuid(value: Uuid) -> Argument {
    argument(pgrx::Uuid::from_bytes(*value.as_bytes()))
}

/// A UUID argument that may be NULL.
pub fn optional_uuid(value: Option<Uuid>) -> Argument {
    argument(value.map(|value| pgrx::Uuid::from_bytes(*value.as_bytes())))
}

/// An argument of type `uuid[]`.
pub fn uuids(values: impl IntoIterator<Item = Uuid>) -> Argument {
    let all: Vec<pgrx::Uuid> =
        values.into_iter().map(|value| pgrx::Uuid::from_bytes(*value.as_bytes())).collect();
    argument(all)
}

/// A bigint argument.
pub fn bigint(value: i64) -> Argument {
    argument(value)
}

/// A `bytea` argument.
pub fn bytes(value: &[u8]) -> Argument {
    argument(value)
}

/// A `bytea` argument, or NULL.
pub fn optional_bytes(value: Option<&[u8]>) -> Argument {
    argument(value)
}

/// A `timestamptz` argument, in microseconds since 2000-01-01 00:00 UTC.
pub fn timestamp(at: i64) -> Argument {
    optional_timestamp(Some(at))
}

/// The same, where it may be NULL.
pub fn optional_timestamp(at: Option<i64>) -> Argument {
    Argument { type_oid: pg_sys::TIMESTAMPTZOID, datum: at.map(pg_sys::Datum::from) }
}

/// A `json` argument of text that is JSON. A debug build has PostgreSQL read it.
pub fn json(text: &str) -> Argument {
    if cfg!(debug_assertions) {
        return read_as(text, pg_sys::JSONOID, -1).unwrap_or(Argument::null(pg_sys::JSONOID));
    }
    Argument { type_oid: pg_sys::JSONOID, datum: text.into_datum() }
}

/// A `jsonb` argument of a text that PostgreSQL reads, with all the digits of its numbers; an ERROR
/// where it is not JSON.
pub fn jsonb(text: &str) -> Argument {
    read_as(text, pg_sys::JSONBOID, -1).unwrap_or(Argument::null(pg_sys::JSONBOID))
}

/// A `jsonb` argument, or NULL.
pub fn optional_jsonb(text: Option<&str>) -> Argument {
    text.map_or(Argument::null(pg_sys::JSONBOID), jsonb)
}

/// A text that the type's own input function reads, domains and lengths included. `None` for a text
/// with a NUL byte, which no value has.
pub fn read_as(given: &str, type_oid: pg_sys::Oid, modifier: i32) -> Option<Argument> {
    let given_text = CString::new(given).ok()?;
    if type_oid == pg_sys::TEXTOID {
        return Some(text(given));
    }
    // SAFETY: the type's input function takes a NUL-terminated string and gives a value of the type.
    let datum = unsafe {
        let (mut input, mut parameter) = (pg_sys::Oid::INVALID, pg_sys::Oid::INVALID);
        pg_sys::getTypeInputInfo(type_oid, &mut input, &mut parameter);
        pg_sys::OidInputFunctionCall(input, given_text.as_ptr().cast_mut(), parameter, modifier)
    };
    Some(Argument { type_oid, datum: Some(datum) })
}

/// Refuses a column that is NULL and must not be: its table was altered past the enforcement layer.
/// `table` is empty where it is not known.
pub fn refuse_null(table: &str, column: &str) -> ! {
    let whose = if table.is_empty() { String::new() } else { format!(" of {table}") };
    refuse(damaged(&format!("column {column}{whose} is null")))
}

/// Refuses a column that has another type than the one that is needed. `table` is empty where it is
/// not known.
pub fn refuse_type(table: &str, column: &str, found: &str, expected: &str) -> ! {
    let whose = if table.is_empty() { String::new() } else { format!(" of {table}") };
    let mut refusal = Refusal::new(
        SqlState::WrongState,
        "column_type_changed",
        format!("column {column}{whose} has type {found} instead of {expected}"),
    )
    .with("column", column)
    .with("found", found)
    .with("expected", expected);
    if !table.is_empty() {
        let registered = table
            .strip_prefix("wo.")
            .and_then(wo_rules::schema::table)
            .and_then(|table| table.column(column))
            .map_or(expected, |column| column.data_type.name());
        let column = quote_identifier(column);
        refusal = refusal.with("table", table).hint(format!(
            "alter table {table} alter column {column} type {registered} using {column}::{registered};"
        ));
    }
    refuse(refusal)
}

/// The oid of a type of the table registry. `None` for a domain that is not there.
pub fn oid_of_type(data_type: Type) -> Option<pg_sys::Oid> {
    Some(match data_type {
        Type::Boolean => pg_sys::BOOLOID,
        Type::Smallint => pg_sys::INT2OID,
        Type::Integer => pg_sys::INT4OID,
        Type::Bigint => pg_sys::INT8OID,
        Type::Numeric => pg_sys::NUMERICOID,
        Type::Text => pg_sys::TEXTOID,
        Type::Uuid => pg_sys::UUIDOID,
        Type::Bytea => pg_sys::BYTEAOID,
        Type::Date => pg_sys::DATEOID,
        Type::Interval => pg_sys::INTERVALOID,
        Type::TimestampTz => pg_sys::TIMESTAMPTZOID,
        Type::Json => pg_sys::JSONOID,
        Type::Jsonb => pg_sys::JSONBOID,
        Type::TextArray => pg_sys::TEXTARRAYOID,
        Type::DateArray => pg_sys::DATEARRAYOID,
        Type::Domain(domain) => {
            let name = CString::new(domain.name.strip_prefix("wo.")?).ok()?;
            // SAFETY: NUL-terminated names; the look-ups answer from the catalogue caches.
            let oid = unsafe {
                pg_sys::GetSysCacheOid(
                    pg_sys::SysCacheIdentifier::TYPENAMENSP as i32,
                    pg_sys::Anum_pg_type_oid as i16,
                    pg_sys::Datum::from(name.as_ptr()),
                    pg_sys::Datum::from(pg_sys::get_namespace_oid(c"wo".as_ptr(), true)),
                    pg_sys::Datum::from(0),
                    pg_sys::Datum::from(0),
                )
            };
            (oid != pg_sys::Oid::INVALID).then_some(oid)?
        }
    })
}

/// A name as SQL writes it: in double quotes where it needs them.
pub fn quote_identifier(name: &str) -> String {
    let Ok(name) = CString::new(name) else { return String::new() };
    // SAFETY: the function takes and gives NUL-terminated strings.
    unsafe { CStr::from_ptr(pg_sys::quote_identifier(name.as_ptr())) }
        .to_string_lossy()
        .into_owned()
}

/// The schema-qualified name of a table; empty where there is no such table.
pub fn table_name(table: pg_sys::Oid) -> String {
    // SAFETY: both look-ups answer from the catalogue cache: a palloc'ed NUL-terminated name, or null.
    unsafe {
        let name = pg_sys::get_rel_name(table);
        let schema = pg_sys::get_namespace_name(pg_sys::get_rel_namespace(table));
        if name.is_null() || schema.is_null() {
            return String::new();
        }
        let text = |name| quote_identifier(&CStr::from_ptr(name).to_string_lossy());
        format!("{}.{}", text(schema), text(name))
    }
}
