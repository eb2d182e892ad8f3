//! Rows as triggers see them: from tuple to value, and back.

use crate::pg::attribute::attribute;
use crate::pg::domain::base_type;
use crate::pg::output::json_text;
use crate::pg::value::{
    Argument, SqlValue, Timestamp, can_read, refuse_null, refuse_type, table_name, type_name,
};
use pgrx::pg_sys;
use pgrx::prelude::*;
use std::ffi::CStr;
use uuid::Uuid;

/// A row as a trigger gives it back.
pub type TriggerRow = *mut pg_sys::HeapTupleData;

/// The texts of a column's value.
pub enum Texts {
    /// Of `text` or `varchar`.
    Plain(String),
    /// Of `text[]`.
    List(Vec<Option<String>>),
    /// Of `json` or `jsonb`: the text of the JSON value.
    Json(String),
}

/// One row, taken apart: a datum for each column.
pub struct Row {
    tuple: *mut pg_sys::HeapTupleData,
    descriptor: pg_sys::TupleDesc,
    values: Vec<pg_sys::Datum>,
    nulls: Vec<bool>,
}

impl Row {
    /// The new row of a trigger, where the event has one.
    pub fn new_of(trigger: &PgTrigger<'_>) -> Option<Self> {
        trigger.new().map(|tuple| Self::apart(trigger, tuple.into_pg()))
    }

    /// The old row of a trigger, where the event has one.
    pub fn old_of(trigger: &PgTrigger<'_>) -> Option<Self> {
        trigger.old().map(|tuple| Self::apart(trigger, tuple.into_pg()))
    }

    fn apart(trigger: &PgTrigger<'_>, tuple: *mut pg_sys::HeapTupleData) -> Self {
        // SAFETY: PostgreSQL gave the tuple to this trigger together with its relation, whose
        // descriptor describes it; both outlive the trigger's call.
        unsafe { Self::of_tuple(tuple, (*trigger.trigger_data().tg_relation).rd_att) }
    }

    /// A row that a statement gave, valid while the rows are.
    pub fn of_rows(rows: &crate::pg::statement::Rows, index: usize) -> Option<Self> {
        let tuple = rows.tuple(index)?;
        // SAFETY: the rows' descriptor describes their tuples.
        Some(unsafe { Self::of_tuple(tuple, rows.descriptor()) })
    }

    /// A row of its tuple, valid while that is.
    ///
    /// # Safety
    /// The descriptor must describe the tuple.
    pub unsafe fn of_tuple(tuple: pg_sys::HeapTuple, descriptor: pg_sys::TupleDesc) -> Self {
        // SAFETY: the caller vouches for the descriptor; both arrays have its length.
        unsafe {
            let count = (*descriptor).natts as usize;
            let mut values = vec![pg_sys::Datum::from(0); count];
            let mut nulls = vec![true; count];
            pg_sys::heap_deform_tuple(tuple, descriptor, values.as_mut_ptr(), nulls.as_mut_ptr());
            Self { tuple, descriptor, values, nulls }
        }
    }

    /// The position (from 0) of the column of that name.
    pub fn column(&self, name: &str) -> Option<usize> {
        (0..self.values.len()).find(|index| self.name(*index) == Some(name))
    }

    /// The name of a column; nothing for one that was dropped.
    pub fn name(&self, index: usize) -> Option<&str> {
        let attribute = attribute(self.descriptor, index)?;
        // SAFETY: a NameData is a NUL-terminated string inside the descriptor.
        unsafe { CStr::from_ptr((*attribute).attname.data.as_ptr()) }.to_str().ok()
    }

    /// Whether PostgreSQL computes a column from others.
    pub fn is_generated(&self, index: usize) -> bool {
        // SAFETY: the attribute lies inside the descriptor.
        attribute(self.descriptor, index)
            .is_some_and(|column| unsafe { (*column).attgenerated != 0 })
    }

    /// How many columns there are, dropped ones included.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// A column's datum; `None` where it is NULL, or where there is no such column.
    fn datum(&self, index: usize) -> Option<pg_sys::Datum> {
        let is_null = self.nulls.get(index).copied().unwrap_or(true);
        (!is_null).then(|| self.values[index])
    }

    /// Whether a column is NULL, or not there.
    pub fn is_null(&self, index: usize) -> bool {
        self.nulls.get(index).copied().unwrap_or(true)
    }

    /// A column's value; `None` where it is NULL. Refuses a column of a type that `T` does not read.
    pub fn get<T: SqlValue>(&self, index: usize) -> Option<T> {
        let datum = self.datum_read_as::<T>(index)?;
        // SAFETY: the column is of a type that T reads.
        unsafe { T::from_datum(datum, false) }
    }

    /// A column's datum, of a type that `T` reads.
    fn datum_read_as<T: SqlValue>(&self, index: usize) -> Option<pg_sys::Datum> {
        let datum = self.datum(index)?;
        let found = self.type_of(index)?;
        if !can_read::<T>(found) {
            self.refuse_type(index, found, T::TYPE);
        }
        Some(datum)
    }

    /// The type of a column; nothing for one that was dropped.
    fn type_of(&self, index: usize) -> Option<pg_sys::Oid> {
        let attribute = attribute(self.descriptor, index)?;
        // SAFETY: the attribute lies inside the descriptor.
        Some(unsafe { (*attribute).atttypid })
    }

    /// A column of a stored row that is never NULL. Refuses the row where it is NULL after all: a
    /// default would be taken for a value.
    pub fn required<T: SqlValue>(&self, index: usize) -> T {
        let column = || self.name(index).unwrap_or("that was dropped");
        self.get(index).unwrap_or_else(|| refuse_null(&self.table_of(index), column()))
    }

    /// The same, of the column of that name.
    pub fn required_named<T: SqlValue>(&self, name: &str) -> T {
        self.named(name).unwrap_or_else(|| refuse_null(&self.table_of(0), name))
    }

    /// The same, of a column of type `uuid`.
    pub fn required_uuid(&self, name: &str) -> Uuid {
        Uuid::from_bytes(*self.required_named::<pgrx::Uuid>(name).as_bytes())
    }

    fn refuse_type(&self, index: usize, found: pg_sys::Oid, expected: pg_sys::Oid) -> ! {
        let column = self.name(index).unwrap_or_default();
        refuse_type(&self.table_of(index), column, &type_name(found), &type_name(expected))
    }

    /// The name of the table that a column is of; empty where that is not known.
    fn table_of(&self, index: usize) -> String {
        // SAFETY: the attribute lies inside the descriptor. A row of a table names it, or its columns
        // do; the rows of a statement name none.
        let table = unsafe {
            let of_attribute = attribute(self.descriptor, index)
                .map_or(pg_sys::Oid::INVALID, |attribute| (*attribute).attrelid);
            match of_attribute == pg_sys::Oid::INVALID {
                true => (*self.tuple).t_tableOid,
                false => of_attribute,
            }
        };
        table_name(table)
    }

    /// A column's value as microseconds since 2000-01-01 00:00 UTC; `None` where it is NULL.
    pub fn timestamp(&self, index: usize) -> Option<i64> {
        self.get::<Timestamp>(index).map(|at| at.0)
    }

    /// The same, of the column of that name.
    pub fn timestamp_named(&self, name: &str) -> Option<i64> {
        self.column(name).and_then(|index| self.timestamp(index))
    }

    /// A column as an argument of a statement, valid while the row is.
    pub fn argument<T: SqlValue>(&self, index: usize) -> Argument {
        // SAFETY: the datum is of a type that T reads, all of which are stored alike.
        unsafe { Argument::of_datum(T::TYPE, self.datum_read_as::<T>(index)) }
    }

    /// Whether a text column is not blank. A text that is stored out of line is long, so it is not
    /// read.
    pub fn is_long_or_not_blank(&self, index: usize) -> bool {
        self.datum_read_as::<String>(index).is_some_and(is_long_or_not_blank)
    }

    /// How many elements a column of type `text[]` has.
    pub fn elements(&self, index: usize) -> usize {
        self.datum_read_as::<Vec<String>>(index).map_or(0, elements)
    }

    /// Whether a column holds the same as in the other row of the same table.
    pub fn same(&self, other: &Self, index: usize) -> bool {
        match (self.datum(index), other.datum(index)) {
            (None, None) => true,
            (Some(mine), Some(theirs)) => same_value(self.descriptor, index, mine, theirs),
            _ => false,
        }
    }

    /// The value of the column of that name; `None` where it is NULL or not there.
    pub fn named<T: SqlValue>(&self, name: &str) -> Option<T> {
        self.column(name).and_then(|index| self.get(index))
    }

    /// A column's value as JSON text; `None` where it is NULL.
    pub fn json(&self, index: usize) -> Option<String> {
        let datum = self.datum(index)?;
        Some(json_text(datum, base_type(self.type_of(index)?)))
    }

    /// Whether a column is of a type that holds texts, and is not computed from others.
    pub fn holds_texts(&self, index: usize) -> bool {
        let is_of_texts = |found: pg_sys::Oid| {
            can_read::<String>(found)
                || can_read::<Vec<Option<String>>>(found)
                || can_read::<pgrx::Json>(found)
                || can_read::<pgrx::JsonB>(found)
        };
        self.name(index).is_some()
            && !self.is_generated(index)
            && self.type_of(index).is_some_and(is_of_texts)
    }

    /// The texts of a column's value; `None` where it is NULL, or of a type that holds none.
    pub fn texts(&self, index: usize) -> Option<Texts> {
        let found = self.type_of(index)?;
        if can_read::<String>(found) {
            return self.get(index).map(Texts::Plain);
        }
        if can_read::<Vec<Option<String>>>(found) {
            return self.get(index).map(Texts::List);
        }
        self.holds_texts(index).then(|| self.json(index).map(Texts::Json))?
    }

    /// A copy of the row with some columns replaced, in the form that a trigger returns. Refuses a
    /// value of another type than its column's.
    pub fn with(&self, changes: &[(usize, Argument)]) -> *mut pg_sys::HeapTupleData {
        let mut changed = self.replaced(changes);
        let (values, nulls) = (changed.values.as_mut_ptr(), changed.nulls.as_mut_ptr());
        // SAFETY: both arrays have the descriptor's length; the copy is the same version of the same
        // row as its original.
        unsafe {
            let tuple = pg_sys::heap_form_tuple(self.descriptor, values, nulls);
            (*(*tuple).t_data).t_ctid = (*(*self.tuple).t_data).t_ctid;
            (*tuple).t_self = (*self.tuple).t_self;
            (*tuple).t_tableOid = (*self.tuple).t_tableOid;
            tuple
        }
    }

    /// The same row with some columns replaced, as a value to look at.
    pub fn replaced(&self, changes: &[(usize, Argument)]) -> Self {
        let (mut values, mut nulls) = (self.values.clone(), self.nulls.clone());
        for (index, value) in changes.iter().filter(|(index, _)| *index < self.len()) {
            let Some(found) = self.type_of(*index) else { continue };
            if !can_store(found, value) {
                self.refuse_type(*index, found, value.type_oid());
            }
            nulls[*index] = value.is_null();
            values[*index] = value.datum().unwrap_or(pg_sys::Datum::from(0));
        }
        Self { tuple: self.tuple, descriptor: self.descriptor, values, nulls }
    }

    /// The row as it came.
    pub fn tuple(&self) -> *mut pg_sys::HeapTupleData {
        self.tuple
    }
}

/// Whether a value may be stored in a column of that type as it is. The constraints of a domain are
/// checked, since nothing checks what a trigger returns.
pub(in crate::pg) fn can_store(column: pg_sys::Oid, value: &Argument) -> bool {
    let base = base_type(column);
    if ![column, base].contains(&value.type_oid()) {
        return false;
    }
    if base == column || (column == value.type_oid() && !value.is_null()) {
        return true;
    }
    // SAFETY: the value is of the domain's base type.
    unsafe { crate::pg::domain::check(column, value.datum()) };
    true
}

/// What a trigger returns: the tuple that PostgreSQL goes on with.
pub fn returned<'a>(
    trigger: &'a PgTrigger<'a>,
    tuple: *mut pg_sys::HeapTupleData,
) -> PgHeapTuple<'a, pgrx::AllocatedByPostgres> {
    // SAFETY: the tuple has the shape of the trigger's relation and lives in the memory context
    // of the trigger's caller.
    unsafe {
        let relation = trigger.trigger_data().tg_relation;
        PgHeapTuple::from_heap_tuple(
            pgrx::PgTupleDesc::from_pg_unchecked((*relation).rd_att),
            tuple,
        )
    }
}

/// Whether two values of a column are the same, byte for byte, whatever form they are stored in.
pub fn same_value(
    descriptor: pg_sys::TupleDesc,
    index: usize,
    mine: pg_sys::Datum,
    theirs: pg_sys::Datum,
) -> bool {
    let Some(attribute) = attribute(descriptor, index) else { return true };
    // SAFETY: both datums are of the attribute's type, whose length says how they are stored.
    unsafe {
        match ((*attribute).attbyval, (*attribute).attlen) {
            (true, _) => mine == theirs,
            (false, -1) => same_varlena(mine.cast_mut_ptr(), theirs.cast_mut_ptr()),
            (false, length) => {
                let length = usize::try_from(length).unwrap_or(0);
                let mine = std::slice::from_raw_parts(mine.cast_mut_ptr::<u8>(), length);
                let theirs = std::slice::from_raw_parts(theirs.cast_mut_ptr::<u8>(), length);
                mine == theirs
            }
        }
    }
}

/// Compares as stored first: an UPDATE carries an unchanged long value along as the same pointer
/// into the TOAST table, which then need not be read.
unsafe fn same_varlena(mine: *mut pg_sys::varlena, theirs: *mut pg_sys::varlena) -> bool {
    // SAFETY: both are valid varlena values; detoasting gives plain ones.
    unsafe {
        let stored = |value: *mut pg_sys::varlena| {
            std::slice::from_raw_parts(value.cast::<u8>(), pgrx::varsize_any(value))
        };
        if stored(mine) == stored(theirs) {
            return true;
        }
        let mine = pg_sys::pg_detoast_datum_packed(mine);
        let theirs = pg_sys::pg_detoast_datum_packed(theirs);
        let content = |value: *mut pg_sys::varlena| {
            std::slice::from_raw_parts(
                pgrx::vardata_any(value).cast::<u8>(),
                pgrx::varsize_any_exhdr(value),
            )
        };
        content(mine) == content(theirs)
    }
}

/// Whether a text is not blank. A text that is stored out of line is long, so it is not read.
fn is_long_or_not_blank(text: pg_sys::Datum) -> bool {
    // SAFETY: the datum is a text.
    unsafe {
        let stored: *mut pg_sys::varlena = text.cast_mut_ptr();
        if pgrx::varatt_is_1b_e(stored) || pgrx::varatt_is_4b_c(stored) {
            return true;
        }
        pgrx::text_to_rust_str(stored).is_ok_and(|text| !text.trim().is_empty())
    }
}

/// How many elements an array has.
fn elements(array: pg_sys::Datum) -> usize {
    // SAFETY: the datum is an array: the number of its dimensions, the place of its values, their type
    // and the length of each dimension, all of four bytes and perhaps not aligned.
    unsafe {
        let mut array: *mut pg_sys::varlena = array.cast_mut_ptr();
        if pgrx::varatt_is_1b_e(array) || pgrx::varatt_is_4b_c(array) {
            array = pg_sys::pg_detoast_datum_packed(array);
        }
        let header: *const i32 = pgrx::vardata_any(array).cast();
        let dimensions = usize::try_from(header.read_unaligned()).unwrap_or(0);
        let length = |dimension: usize| header.add(3 + dimension).read_unaligned();
        match dimensions {
            0 => 0,
            _ => (0..dimensions).map(|at| usize::try_from(length(at)).unwrap_or(0)).product(),
        }
    }
}

/// The table, or partition, that a trigger fires on.
pub fn table_of(trigger: &PgTrigger<'_>) -> pg_sys::Oid {
    // SAFETY: PostgreSQL gave the relation to this trigger.
    unsafe { (*trigger.trigger_data().tg_relation).rd_id }
}

/// Whether nobody has replaced a stored row, committed or not; a transaction that only locks it has not. The
/// row was read from its table, where it is pinned.
pub fn is_untouched(row: &Row) -> bool {
    // SAFETY: a tuple has a header.
    let mask = u32::from(unsafe { (*(*row.tuple()).t_data).t_infomask });
    mask & (pg_sys::HEAP_XMAX_INVALID | pg_sys::HEAP_XMAX_LOCK_ONLY) != 0
}
