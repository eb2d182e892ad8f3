//! Values of type `jsonb`: read by one rule, and made without being written out and read again.

use crate::pg::error::OrRefuse;
use pgrx::callconv::{BoxRet, FcInfo};
use pgrx::pg_sys;
use pgrx::pgrx_sql_entity_graph::metadata::{
    ArgumentError, ReturnsError, ReturnsRef, SqlMappingRef, SqlTranslatable, TypeOrigin,
};
use pgrx::prelude::*;

/// A JSON value that is read from a column of type `jsonb`. Unlike `pgrx::JsonB` it refuses with a plain
/// sentence what `jsonb` can hold and Rust cannot: see [`wo_rules::json::parse`].
pub struct Document(pub serde_json::Value);

impl FromDatum for Document {
    unsafe fn from_polymorphic_datum(
        datum: pg_sys::Datum,
        is_null: bool,
        _type_oid: pg_sys::Oid,
    ) -> Option<Self> {
        (!is_null).then(|| {
            let text = crate::pg::output::json_text(datum, pg_sys::JSONBOID);
            Self(wo_rules::json::parse(&text).or_refuse())
        })
    }
}

/// A member of an [`Object`].
pub enum Member {
    /// A string, or null.
    Text(Option<String>),
    /// A whole number.
    Number(i64),
}

impl From<String> for Member {
    fn from(text: String) -> Self {
        Self::Text(Some(text))
    }
}

impl From<Option<String>> for Member {
    fn from(text: Option<String>) -> Self {
        Self::Text(text)
    }
}

impl From<i64> for Member {
    fn from(number: i64) -> Self {
        Self::Number(number)
    }
}

/// An object of a few members whose names differ.
pub struct Object(Vec<(&'static str, Member)>);

impl Object {
    /// The object of these members.
    pub fn new<const N: usize>(members: [(&'static str, Member); N]) -> Self {
        let mut members = Vec::from(members);
        // The order in which jsonb keeps them.
        members.sort_unstable_by_key(|(name, _)| (name.len(), *name));
        Self(members)
    }
}

fn string(text: &str) -> pg_sys::JsonbValue {
    let mut value = pg_sys::JsonbValue { type_: pg_sys::jbvType::jbvString, ..Default::default() };
    value.val.string.len = i32::try_from(text.len()).unwrap_or(0);
    value.val.string.val = text.as_ptr().cast_mut().cast();
    value
}

fn number(number: i64) -> pg_sys::JsonbValue {
    let mut value = pg_sys::JsonbValue { type_: pg_sys::jbvType::jbvNumeric, ..Default::default() };
    // SAFETY: the number is copied into the present memory context.
    value.val.numeric = unsafe { pg_sys::int64_to_numeric(number) };
    value
}

impl IntoDatum for Object {
    fn into_datum(self) -> Option<pg_sys::Datum> {
        let mut pairs: Vec<pg_sys::JsonbPair> = self
            .0
            .iter()
            .map(|(name, member)| pg_sys::JsonbPair {
                key: string(name),
                value: match member {
                    Member::Text(Some(text)) => string(text),
                    Member::Text(None) => pg_sys::JsonbValue::default(),
                    Member::Number(given) => number(*given),
                },
                order: 0,
            })
            .collect();
        let mut object =
            pg_sys::JsonbValue { type_: pg_sys::jbvType::jbvObject, ..Default::default() };
        object.val.object.nPairs = i32::try_from(pairs.len()).unwrap_or(0);
        object.val.object.pairs = pairs.as_mut_ptr();
        // SAFETY: the pairs are sorted and differ, as jsonb wants them; they and their texts outlive
        // the call, which copies them.
        Some(pg_sys::Datum::from(unsafe { pg_sys::JsonbValueToJsonb(&mut object) }))
    }

    fn type_oid() -> pg_sys::Oid {
        pg_sys::JSONBOID
    }
}

// SAFETY: the datum is a jsonb, as SqlTranslatable says.
unsafe impl BoxRet for Object {
    unsafe fn box_into<'fcx>(self, call: &mut FcInfo<'fcx>) -> pgrx::datum::Datum<'fcx> {
        match self.into_datum() {
            // SAFETY: it was made in the memory context of the call.
            Some(datum) => unsafe { call.return_raw_datum(datum) },
            None => call.return_null(),
        }
    }
}

// SAFETY: the type is PostgreSQL's own.
unsafe impl SqlTranslatable for Object {
    const TYPE_IDENT: &'static str = pgrx::pgrx_resolved_type!(Object);
    const TYPE_ORIGIN: TypeOrigin = TypeOrigin::External;
    const ARGUMENT_SQL: Result<SqlMappingRef, ArgumentError> = Ok(SqlMappingRef::literal("jsonb"));
    const RETURN_SQL: Result<ReturnsRef, ReturnsError> =
        Ok(ReturnsRef::One(SqlMappingRef::literal("jsonb")));
}
