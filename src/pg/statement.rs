//! SQL statements that are planned once in a backend and kept.
//!
//! pgrx's own client decides by itself whether a statement may write and which snapshot it sees.
//! The rules must decide that: roles and gates are read under the *latest* snapshot, because at
//! REPEATABLE READ the transaction's own would still show a role that was revoked meanwhile.
//!
//! Every statement is planned and run with a pinned search path: the operators that its text names are those of
//! `pg_catalog`, whatever path the caller has.

use crate::pg::error::{damaged, refuse};
use crate::pg::run_as::with_pinned_path;
use crate::pg::value::{
    SqlValue, Timestamp, can_read, refuse_null, refuse_type, table_name, type_name,
};
use pgrx::pg_sys;
use std::cell::Cell;
use std::ffi::{CStr, CString};
use wo_rules::work_order::write_suppressed;

pub use crate::pg::value::{
    Argument, argument, bigint, bytes, json, jsonb, optional_bytes, optional_jsonb, optional_text,
    optional_timestamp, optional_uuid, text, timestamp, uuid, uuids,
};

/// What a statement sees and may do.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Reads what is committed now, and what this transaction has written.
    Latest,
    /// Reads what the calling statement sees.
    Caller,
    /// Reads what the transaction's next statement would see: what is committed now, or its snapshot where it
    /// keeps one.
    Transaction,
    /// May write, under the transaction's snapshot.
    Write,
}

impl Mode {
    /// Pushes the snapshot that SPI would not take by itself. Gives whether there was one.
    ///
    /// # Safety
    /// Called in a transaction. The snapshot must be popped.
    unsafe fn push_snapshot(self) -> bool {
        // SAFETY: as the caller promises; a snapshot of the transaction is copied when it is pushed.
        unsafe {
            let snapshot = match self {
                Self::Latest => latest_snapshot(),
                Self::Transaction if crate::pg::server::has_one_snapshot() => {
                    pg_sys::GetTransactionSnapshot()
                }
                Self::Transaction => latest_snapshot(),
                Self::Caller | Self::Write => return false,
            };
            pg_sys::PushActiveSnapshot(snapshot);
        }
        true
    }
}

/// Whether the transaction may not write, as every one on a standby.
pub fn is_read_only() -> bool {
    // SAFETY: a flag of the backend, read where nothing else runs.
    unsafe { pg_sys::XactReadOnly }
}

/// One statement, planned at first use and kept for the backend's life.
pub struct Statement {
    text: String,
    /// Whether it is an INSERT with ON CONFLICT, which PostgreSQL does not take for a table with rules.
    is_upsert: bool,
    types: Vec<pg_sys::Oid>,
    plan: Cell<pg_sys::SPIPlanPtr>,
}

impl Statement {
    /// A statement that is not planned yet.
    pub fn new(text: impl Into<String>, types: &[pg_sys::Oid]) -> Self {
        let text = text.into();
        let is_upsert = text.contains("on conflict");
        Self { text, is_upsert, types: types.to_vec(), plan: Cell::new(std::ptr::null_mut()) }
    }

    /// Runs it and gives the rows to `read`, which must copy what it wants to keep.
    pub fn run<T>(&self, mode: Mode, arguments: &[Argument], read: impl FnOnce(&Rows) -> T) -> T {
        with_pinned_path(|| self.run_pinned(mode, arguments, read))
    }

    fn run_pinned<T>(
        &self,
        mode: Mode,
        arguments: &[Argument],
        read: impl FnOnce(&Rows) -> T,
    ) -> T {
        let (mut values, nulls) = self.bind(arguments);
        if self.is_upsert && crate::pg::oid::has_rules(self.table()) {
            refuse(write_suppressed(self.table()));
        }
        let connection = Connection::open();
        let plan = self.plan();
        // SAFETY: the plan is valid and kept; values and nulls are as long as its parameter list
        // and live through the call. An ERROR unwinds through us, and the abort that follows
        // pops our snapshot and ends the SPI connection.
        unsafe {
            let pushed = mode.push_snapshot();
            let status = pg_sys::SPI_execute_plan(
                plan,
                values.as_mut_ptr(),
                nulls.as_ptr(),
                mode != Mode::Write,
                0,
            );
            if pushed {
                pg_sys::PopActiveSnapshot();
            }
            if status < 0 {
                refuse(damaged(&format!("a statement of the extension failed ({status})")));
            }
            let rows = Rows {
                table: pg_sys::SPI_tuptable,
                processed: pg_sys::SPI_processed as usize,
                plan,
            };
            let result = read(&rows);
            drop(connection);
            result
        }
    }

    /// Inserts or updates what is known to be there to be written. Refuses where nothing was stored: a rule or
    /// a trigger on the table suppressed it.
    pub fn store(&self, arguments: &[Argument]) {
        if self.run(Mode::Write, arguments, Rows::count) == 0 {
            refuse(write_suppressed(self.table()));
        }
    }

    /// The first table that its text names: the one that it writes.
    fn table(&self) -> &str {
        self.text.split_ascii_whitespace().find(|word| word.starts_with("wo.")).unwrap_or_default()
    }

    /// Runs a query and gives its rows to `read` in batches, until there are no more or `read` says
    /// why it stops.
    ///
    /// # Errors
    /// What `read` says.
    pub fn run_in_batches<E>(
        &self,
        mode: Mode,
        arguments: &[Argument],
        read: impl FnMut(&Rows) -> Result<(), E>,
    ) -> Result<(), E> {
        with_pinned_path(|| self.run_pinned_in_batches(mode, arguments, read))
    }

    fn run_pinned_in_batches<E>(
        &self,
        mode: Mode,
        arguments: &[Argument],
        mut read: impl FnMut(&Rows) -> Result<(), E>,
    ) -> Result<(), E> {
        const BATCH_ROWS: std::os::raw::c_long = 1_000;
        let (mut values, nulls) = self.bind(arguments);
        let connection = Connection::open();
        let plan = self.plan();
        // SAFETY: as in run; the portal keeps the snapshot that is active when it is opened, and is
        // closed here or by the abort.
        let portal = unsafe {
            let pushed = mode.push_snapshot();
            let portal = pg_sys::SPI_cursor_open(
                std::ptr::null(),
                plan,
                values.as_mut_ptr(),
                nulls.as_ptr(),
                mode != Mode::Write,
            );
            if pushed {
                pg_sys::PopActiveSnapshot();
            }
            portal
        };
        let result = loop {
            // SAFETY: the portal is open, and its rows are freed when they have been read.
            unsafe {
                pg_sys::SPI_cursor_fetch(portal, true, BATCH_ROWS);
                let table = pg_sys::SPI_tuptable;
                let rows = Rows { table, processed: pg_sys::SPI_processed as usize, plan };
                let result = read(&rows);
                let is_last = rows.count() == 0;
                pg_sys::SPI_freetuptable(table);
                if is_last || result.is_err() {
                    break result;
                }
            }
            pgrx::check_for_interrupts!();
        };
        // SAFETY: opened above.
        unsafe { pg_sys::SPI_cursor_close(portal) };
        drop(connection);
        result
    }

    /// Runs a script of one or more statements, utility commands among them, without keeping it.
    pub fn run_unkept(&self) {
        let text = CString::new(self.text.as_str()).unwrap_or_default();
        let connection = Connection::open();
        // SAFETY: the text lives through the call.
        let status = unsafe { pg_sys::SPI_execute(text.as_ptr(), false, 0) };
        drop(connection);
        if status < 0 {
            refuse(damaged(&format!("a script of the extension failed ({status})")));
        }
    }

    /// The arguments as SPI takes them. One of another type than its parameter would be read as what
    /// it is not.
    fn bind(&self, arguments: &[Argument]) -> (Vec<pg_sys::Datum>, Vec<std::os::raw::c_char>) {
        let types = arguments.iter().map(Argument::type_oid);
        if !types.eq(self.types.iter().copied()) {
            refuse(damaged(&format!("a statement got arguments of other types: {}", self.text)));
        }
        arguments
            .iter()
            .map(|argument| match argument.datum() {
                Some(datum) => (datum, b' ' as std::os::raw::c_char),
                None => (pg_sys::Datum::from(0), b'n' as std::os::raw::c_char),
            })
            .unzip()
    }

    fn plan(&self) -> pg_sys::SPIPlanPtr {
        if self.plan.get().is_null() {
            // The texts are our own constants and hold no NUL byte.
            let text = CString::new(self.text.as_str()).unwrap_or_default();
            let mut types = self.types.clone();
            // SAFETY: text and types live through the call; the plan is copied by SPI_keepplan
            // into memory that outlives the transaction.
            unsafe {
                let plan =
                    pg_sys::SPI_prepare(text.as_ptr(), types.len() as i32, types.as_mut_ptr());
                if plan.is_null() || pg_sys::SPI_keepplan(plan) != 0 {
                    refuse(damaged("a statement of the extension could not be planned"));
                }
                self.plan.set(plan);
            }
        }
        self.plan.get()
    }
}

impl Drop for Statement {
    fn drop(&mut self) {
        let plan = self.plan.get();
        if !plan.is_null() && !std::thread::panicking() {
            // SAFETY: the plan was kept by us, and nobody else knows it. A backend's thread-local
            // statements are never dropped: a backend ends by exit().
            unsafe { pg_sys::SPI_freeplan(plan) };
        }
    }
}

/// What is committed now. While a parallel query runs no new snapshot may be taken: then what that
/// query sees.
pub fn latest_snapshot() -> pg_sys::Snapshot {
    // SAFETY: called in a transaction; a parallel query has an active snapshot.
    unsafe {
        if pg_sys::IsInParallelMode() && pg_sys::ActiveSnapshotSet() {
            pg_sys::GetActiveSnapshot()
        } else {
            pg_sys::GetLatestSnapshot()
        }
    }
}

/// An open SPI connection, closed when it goes out of scope.
struct Connection;

impl Connection {
    fn open() -> Self {
        // SAFETY: SPI_connect always succeeds or raises an ERROR.
        unsafe { pg_sys::SPI_connect() };
        Self
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        // While an ERROR unwinds, the abort closes every connection by itself.
        if !std::thread::panicking() {
            // SAFETY: this connection is the innermost: nested ones are closed before it.
            unsafe { pg_sys::SPI_finish() };
        }
    }
}

/// The rows that a statement gave.
pub struct Rows {
    table: *mut pg_sys::SPITupleTable,
    processed: usize,
    plan: pg_sys::SPIPlanPtr,
}

impl Rows {
    /// How many rows were given, or written.
    pub fn count(&self) -> usize {
        self.processed
    }

    /// A column (counted from 1) of a row (counted from 0); `None` where it is NULL. Refuses a column
    /// of a type that `T` does not read.
    pub fn get<T: SqlValue>(&self, row: usize, column: i32) -> Option<T> {
        let datum = self.datum(row, column, can_read::<T>, T::TYPE)?;
        // SAFETY: the column is of a type that T reads.
        unsafe { T::from_datum(datum, false) }
    }

    /// A column that is never NULL. Refuses the statement where it is NULL after all, or where there is
    /// no such row: a default would be taken for a value.
    pub fn required<T: SqlValue>(&self, row: usize, column: i32) -> T {
        self.get(row, column).unwrap_or_else(|| {
            let (table, name) = self.name_of(column);
            refuse_null(&table, &name)
        })
    }

    /// The same, of a column of type `uuid`.
    pub fn required_uuid(&self, row: usize, column: i32) -> ::uuid::Uuid {
        ::uuid::Uuid::from_bytes(*self.required::<pgrx::Uuid>(row, column).as_bytes())
    }

    /// The same, of a column of type `timestamptz`.
    pub fn required_timestamp(&self, row: usize, column: i32) -> i64 {
        self.required::<Timestamp>(row, column).0
    }

    /// A column of type `timestamptz` as microseconds since 2000-01-01 00:00 UTC.
    pub fn timestamp(&self, row: usize, column: i32) -> Option<i64> {
        self.get::<Timestamp>(row, column).map(|at| at.0)
    }

    fn datum(
        &self,
        row: usize,
        column: i32,
        can_read: fn(pg_sys::Oid) -> bool,
        expected: pg_sys::Oid,
    ) -> Option<pg_sys::Datum> {
        if self.table.is_null() || row >= self.processed {
            return None;
        }
        let mut is_null = false;
        // SAFETY: the table holds `processed` rows, and both functions check the column.
        unsafe {
            let tuple = *(*self.table).vals.add(row);
            let descriptor = (*self.table).tupdesc;
            let found = pg_sys::SPI_gettypeid(descriptor, column);
            if !can_read(found) {
                self.refuse_type(column, found, expected);
            }
            let datum = pg_sys::SPI_getbinval(tuple, descriptor, column, &mut is_null);
            (!is_null).then_some(datum)
        }
    }

    /// Refuses a column of another type, by the table that it comes from where it is one of a table.
    fn refuse_type(&self, column: i32, found: pg_sys::Oid, expected: pg_sys::Oid) -> ! {
        let (table, name) = self.name_of(column);
        refuse_type(&table, &name, &type_name(found), &type_name(expected))
    }

    /// The table that a column comes from, where it is one of a table, and the name of the column.
    fn name_of(&self, column: i32) -> (String, String) {
        if self.table.is_null() {
            return (String::new(), format!("{column} of a statement"));
        }
        // SAFETY: the plan is valid while the rows are; a list that is not null has elements of the
        // node that it is said to hold, each of which is checked.
        unsafe {
            let name = pg_sys::SPI_fname((*self.table).tupdesc, column);
            let name = match name.is_null() {
                true => String::new(),
                false => CStr::from_ptr(name).to_string_lossy().into_owned(),
            };
            match origin_of(self.plan, column) {
                Some((table, attribute)) => {
                    let own = pg_sys::get_attname(table, attribute, true);
                    let own = match own.is_null() {
                        true => name,
                        false => CStr::from_ptr(own).to_string_lossy().into_owned(),
                    };
                    (table_name(table), own)
                }
                None => (String::new(), name),
            }
        }
    }

    /// A row (counted from 0) as PostgreSQL keeps it, valid while the rows are.
    pub fn tuple(&self, row: usize) -> Option<pg_sys::HeapTuple> {
        // SAFETY: the table holds `processed` rows.
        (!self.table.is_null() && row < self.processed)
            .then(|| unsafe { *(*self.table).vals.add(row) })
    }

    /// The description of the rows' columns; null where the statement gives none.
    pub fn descriptor(&self) -> pg_sys::TupleDesc {
        if self.table.is_null() {
            return std::ptr::null_mut();
        }
        // SAFETY: the table is valid while the connection is open.
        unsafe { (*self.table).tupdesc }
    }
}

/// The table and the column that a column of the result (counted from 1) is taken from, if it is.
unsafe fn origin_of(plan: pg_sys::SPIPlanPtr, column: i32) -> Option<(pg_sys::Oid, i16)> {
    /// The elements of a list of pointers.
    unsafe fn elements(list: *mut pg_sys::List) -> &'static [pg_sys::ListCell] {
        // SAFETY: a list that is not null has so many cells.
        unsafe {
            match list.is_null() {
                true => &[],
                false => std::slice::from_raw_parts((*list).elements, (*list).length as usize),
            }
        }
    }
    // SAFETY: the plan is kept; its sources hold queries, and those hold target entries.
    unsafe {
        let source = elements(pg_sys::SPI_plan_get_plan_sources(plan)).first()?;
        let source: *mut pg_sys::CachedPlanSource = source.ptr_value.cast();
        let query: *mut pg_sys::Query = elements((*source).query_list).first()?.ptr_value.cast();
        if (*query).type_ != pg_sys::NodeTag::T_Query {
            return None;
        }
        let list = match (*query).commandType {
            pg_sys::CmdType::CMD_SELECT => (*query).targetList,
            _ => (*query).returningList,
        };
        let index = usize::try_from(column).ok()?.checked_sub(1)?;
        let entry: *mut pg_sys::TargetEntry = elements(list).get(index)?.ptr_value.cast();
        ((*entry).resorigtbl != pg_sys::Oid::INVALID)
            .then_some(((*entry).resorigtbl, (*entry).resorigcol))
    }
}

/// A statement of this backend, planned once.
macro_rules! statement {
    ($name:ident, $text:expr, [$($oid:ident),* $(,)?]) => {
        thread_local! {
            static $name: $crate::pg::statement::Statement =
                $crate::pg::statement::Statement::new($text, &[$(pgrx::pg_sys::$oid),*]);
        }
    };
}
pub(crate) use statement;
