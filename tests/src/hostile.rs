//! Settings of a database that change what PostgreSQL prints, reads or plans. With `WO_HOSTILE` set, each database of
//! the tests has them, and what was written under them is verified under the defaults when its test ends.

use std::fmt::Write;

use postgres::Client;

use crate::Database;
use crate::clients::tried;
use crate::cluster::describe;

/// Each is a value that a database or a role can have.
pub const SETTINGS: [(&str, &str); 26] = [
    ("datestyle", "'German, DMY'"),
    ("intervalstyle", "'sql_standard'"),
    ("timezone", "'Pacific/Chatham'"),
    ("timezone_abbreviations", "'India'"),
    ("bytea_output", "'escape'"),
    ("extra_float_digits", "-15"),
    ("search_path", "hostile, public"),
    ("default_transaction_isolation", "'serializable'"),
    ("default_transaction_read_only", "off"),
    ("statement_timeout", "'2min'"),
    ("lock_timeout", "'1min'"),
    ("idle_in_transaction_session_timeout", "'2min'"),
    ("standard_conforming_strings", "off"),
    ("escape_string_warning", "off"),
    ("backslash_quote", "off"),
    ("quote_all_identifiers", "on"),
    ("xmloption", "'document'"),
    ("xmlbinary", "'hex'"),
    ("array_nulls", "off"),
    ("lc_monetary", "'C.UTF-8'"),
    ("lc_numeric", "'C.UTF-8'"),
    ("lc_time", "'C.UTF-8'"),
    ("transform_null_equals", "on"),
    ("check_function_bodies", "off"),
    ("plan_cache_mode", "'force_generic_plan'"),
    ("default_text_search_config", "'pg_catalog.german'"),
];

/// Whether every database of this run has these settings.
pub(crate) fn is_wanted() -> bool {
    std::env::var_os("WO_HOSTILE").is_some()
}

/// The statements that give a database these settings.
pub fn set(database: &str) -> String {
    SETTINGS.iter().fold(String::new(), |mut sql, (setting, value)| {
        writeln!(sql, "alter database {database} set {setting} = {value};").unwrap();
        sql
    })
}

/// The statement that takes every setting from a database.
pub fn reset(database: &str) -> String {
    format!("alter database {database} reset all")
}

/// What the verification of each tenant says, as text, or why it could not be run.
fn verdicts(client: &mut Client) -> Vec<String> {
    let slugs = match client.query("select slug::text from wo.tenant order by slug", &[]) {
        Ok(rows) => rows.iter().map(|row| row.get::<_, String>(0)).collect::<Vec<_>>(),
        // A database without the extension, or one whose tables the test damaged.
        Err(error) => return vec![describe(&error)],
    };
    let verdict = |slug: String| {
        let verified = tried(client, |auditing| {
            auditing.execute("select wo.administer($1)", &[&slug])?;
            auditing.query(
                "select concat_ws(' ', intact, chains, entries, subject, subject_key, broken_sequence, problem)
                 from wo.verify_audit() order by 1",
                &[],
            )
        });
        match verified {
            Ok(rows) => {
                rows.iter().map(|row| format!("{slug}: {}\n", row.get::<_, String>(0))).collect()
            }
            Err(error) => format!("{slug}: {}", describe(&error)),
        }
    };
    slugs.into_iter().map(verdict).collect()
}

/// Asserts that the verification says the same under the defaults as under the hostile settings.
pub(crate) fn assert_verified_alike(database: &Database<'_>) {
    let connect = || database.try_connect_with(&database.config("postgres"));
    // A test may have removed its database, or its server.
    let Ok(mut hostile) = connect() else { return };
    let under_hostile = verdicts(&mut hostile);
    hostile.batch_execute(&reset(database.name())).unwrap();
    drop(hostile);
    let under_defaults = verdicts(&mut connect().unwrap());
    assert_eq!(under_hostile, under_defaults, "hostile settings, then the defaults");
}
