//! `wo_core`: the database itself as the work-order system of a regulated company.
//!
//! This crate is the shell: it reads rows, asks `wo_rules` for a verdict, and writes the verdict
//! back. The rules are in `crates/wo_rules`, the records in `sql/`; the same word names a concept
//! in all three places.

mod concept;
#[cfg(any(test, feature = "pg_test"))]
mod in_process;
mod kernel;
mod pg;
mod service;

use pgrx::prelude::*;

::pgrx::pg_module_magic!(name, version);

// The bare CREATE SCHEMA comes first and fails where a stranger has made that schema; the one that
// pgrx writes for the declaration below says IF NOT EXISTS, and would adopt it.
extension_sql!(
    r#"
do $$
begin
    if pg_catalog.getdatabaseencoding() operator(pg_catalog.<>) 'UTF8' then
        raise exception 'wo_core needs a database in the encoding UTF8'
            using errcode = 'feature_not_supported',
                  detail = pg_catalog.json_build_object('code', 'encoding_not_supported',
                      'encoding', pg_catalog.getdatabaseencoding())::pg_catalog.text,
                  hint = 'create database ... encoding ''UTF8'' template template0;';
    end if;
end
$$;
create schema wo_private;
"#,
    name = "schema",
    bootstrap
);

/// The schema of the enforcement layer; the functions name it themselves, each in the module of its concept.
#[pg_schema]
mod wo_private {}

extension_sql!("select wo_private.install();", name = "install", finalize);

/// Called once when a backend loads the library.
#[pg_guard]
pub extern "C-unwind" fn _PG_init() {
    pg::silence_backtraces();
    service::worker::reserve();
    pg::setting::define();
    pg::register();
    kernel::register(concept::ALL);
    service::register();
    if pg::setting::is_being_preloaded() {
        kernel::prepare();
    }
}

/// Hooks of the in-process test runner.
#[cfg(test)]
pub mod pg_test {
    /// Nothing has to be prepared.
    pub fn setup(_options: Vec<&str>) {}

    /// The server's settings while the tests run.
    #[must_use]
    pub fn postgresql_conf_options() -> Vec<&'static str> {
        vec![]
    }
}
