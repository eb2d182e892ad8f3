//! SQL statements that are planned once in a backend and kept.
//!
//! pgrx's own client decides by itself whether a statement may write and which snapshot it sees.
//! The rules must decide that: roles and gates are read under the *latest* snapshot, because at
//! REPEATABLE READ the transaction's own would still show a role that was revoked meanwhile.

use crate::pg::error::{damaged, refuse};
use pgrx::pg_sys;
use pgrx::prelude::*;
use std::cell::Cell;
use std::ffi::CString;

/// What a statement sees and may do.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Reads what is committed now, and what this transaction has written.
    Latest,
    /// Reads what the calling statement sees.
    Caller,
    /// May write, under the transaction's snapshot.
    Write,
}

/// An argument: its value, or NULL.
pub type Argument = Option<pg_sys::Datum>;

/// One statement, planned at first use and kept for the backend's life.
pub struct Statement {
    text: String,
    types: Vec<pg_sys::Oid>,
    plan: Cell<pg_sys::SPIPlanPtr>,
}

impl Statement {
    /// A statement that is not planned yet.
    pub fn new(text: impl Into<String>, types: &[pg_sys::Oid]) -> Self {
        Self { text: text.into(), types: types.to_vec(), plan: Cell::new(std::ptr::null_mut()) }
    }

    /// Runs it and gives the rows to `read`, which must copy what it wants to keep.
    pub fn run<T>(&self, mode: Mode, arguments: &[Argument], read: impl FnOnce(&Rows) -> T) -> T {
        let mut values: Vec<pg_sys::Datum> =
            arguments.iter().map(|argument| argument.unwrap_or(pg_sys::Datum::from(0))).collect();
        let nulls: Vec<std::os::raw::c_char> = arguments
            .iter()
            .map(|argument| if argument.is_some() { b' ' as _ } else { b'n' as _ })
            .collect();
        debug_assert_eq!(values.len(), self.types.len());
        let connection = Connection::open();
        let plan = self.plan();
        // SAFETY: the plan is valid and kept; values and nulls are as long as its parameter list
        // and live through the call. An ERROR unwinds through us, and the abort that follows
        // pops our snapshot and ends the SPI connection.
        unsafe {
            if mode == Mode::Latest {
                pg_sys::PushActiveSnapshot(latest_snapshot());
            }
            let status = pg_sys::SPI_execute_plan(
                plan,
                values.as_mut_ptr(),
                nulls.as_ptr(),
                mode != Mode::Write,
                0,
            );
            if mode == Mode::Latest {
                pg_sys::PopActiveSnapshot();
            }
            if status < 0 {
                refuse(damaged(&format!("a statement of the law failed ({status})")));
            }
            let rows =
                Rows { table: pg_sys::SPI_tuptable, processed: pg_sys::SPI_processed as usize };
            let result = read(&rows);
            drop(connection);
            result
        }
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
        mut read: impl FnMut(&Rows) -> Result<(), E>,
    ) -> Result<(), E> {
        const BATCH_ROWS: std::os::raw::c_long = 1_000;
        let mut values: Vec<pg_sys::Datum> =
            arguments.iter().map(|argument| argument.unwrap_or(pg_sys::Datum::from(0))).collect();
        let nulls: Vec<std::os::raw::c_char> = arguments
            .iter()
            .map(|argument| if argument.is_some() { b' ' as _ } else { b'n' as _ })
            .collect();
        let connection = Connection::open();
        let plan = self.plan();
        // SAFETY: as in run; the portal keeps the snapshot that is active when it is opened, and is
        // closed here or by the abort.
        let portal = unsafe {
            if mode == Mode::Latest {
                pg_sys::PushActiveSnapshot(latest_snapshot());
            }
            let portal = pg_sys::SPI_cursor_open(
                std::ptr::null(),
                plan,
                values.as_mut_ptr(),
                nulls.as_ptr(),
                mode != Mode::Write,
            );
            if mode == Mode::Latest {
                pg_sys::PopActiveSnapshot();
            }
            portal
        };
        let result = loop {
            // SAFETY: the portal is open, and its rows are freed when they have been read.
            unsafe {
                pg_sys::SPI_cursor_fetch(portal, true, BATCH_ROWS);
                let table = pg_sys::SPI_tuptable;
                let rows = Rows { table, processed: pg_sys::SPI_processed as usize };
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
            refuse(damaged(&format!("a script of the law failed ({status})")));
        }
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
                    refuse(damaged("a statement of the law could not be planned"));
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
}

impl Rows {
    /// How many rows were given, or written.
    pub fn count(&self) -> usize {
        self.processed
    }

    /// A column (counted from 1) of a row (counted from 0); `None` where it is NULL.
    pub fn get<T: FromDatum>(&self, row: usize, column: i32) -> Option<T> {
        let datum = self.datum(row, column)?;
        // SAFETY: every call site asks for the Rust type of the column that its statement names.
        unsafe { T::from_datum(datum, false) }
    }

    /// The same as raw datum, valid while the rows are.
    pub fn datum(&self, row: usize, column: i32) -> Argument {
        if self.table.is_null() || row >= self.processed {
            return None;
        }
        let mut is_null = false;
        // SAFETY: the table holds `processed` rows, and SPI_getbinval checks the column.
        let datum = unsafe {
            let tuple = *(*self.table).vals.add(row);
            pg_sys::SPI_getbinval(tuple, (*self.table).tupdesc, column, &mut is_null)
        };
        (!is_null).then_some(datum)
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

/// A text argument.
pub fn text(value: &str) -> Argument {
    value.into_datum()
}

/// A text argument that may be NULL.
pub fn optional_text(value: Option<&str>) -> Argument {
    value.and_then(IntoDatum::into_datum)
}

/// A UUID argument.
pub fn uuid(value: uuid::Uuid) -> Argument {
    pgrx::Uuid::from_bytes(*value.as_bytes()).into_datum()
}

/// A bigint argument.
pub fn bigint(value: i64) -> Argument {
    value.into_datum()
}

/// A `bytea` argument.
pub fn bytes(value: &[u8]) -> Argument {
    value.into_datum()
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
