//! What a session does not compare when it opens a table: the conditions of triggers, NOT NULL, and the named
//! CHECKs. `wo.health()` shows where they are not as they were made.

use crate::pg::output::Pinned;
use crate::pg::statement::{Mode, Rows, statement};
use std::collections::HashSet;
use wo_rules::constraint::checks;
use wo_rules::schema::{TABLES, conditions, triggers_of};

statement!(
    CONDITIONS,
    "select held.relname::pg_catalog.text, made.tgname::pg_catalog.text, pg_catalog.pg_get_triggerdef(made.oid)
     from pg_catalog.pg_trigger as made
     join pg_catalog.pg_class as held on held.oid = made.tgrelid
     where held.relnamespace = pg_catalog.to_regnamespace('wo') and made.tgqual is not null and not made.tgisinternal",
    []
);
statement!(
    NULLABLE,
    "select held.relname::pg_catalog.text, of_table.attname::pg_catalog.text
     from pg_catalog.pg_attribute as of_table
     join pg_catalog.pg_class as held on held.oid = of_table.attrelid
     where held.relnamespace = pg_catalog.to_regnamespace('wo') and held.relkind in ('r', 'p')
        and of_table.attnum > 0 and not of_table.attisdropped and not of_table.attnotnull",
    []
);
statement!(
    CHECKS,
    "select made.conname::pg_catalog.text from pg_catalog.pg_constraint as made
     where made.connamespace = pg_catalog.to_regnamespace('wo') and made.contype = 'c' and made.convalidated",
    []
);

/// Two texts of a row.
fn pair(rows: &Rows, row: usize) -> (String, String) {
    (rows.required(row, 1), rows.required(row, 2))
}

/// What is wrong, one sentence each.
pub fn problems() -> Vec<String> {
    // Constants of conditions are shown as the settings of the session have it.
    let _pinned = Pinned::new();
    let mut found = wrong_conditions();
    found.extend(missing_not_null());
    found.extend(missing_checks());
    found
}

fn wrong_conditions() -> Vec<String> {
    let shown: Vec<(String, String, String)> = CONDITIONS.with(|statement| {
        statement.run(Mode::Latest, &[], |rows| {
            (0..rows.count())
                .map(|row| (rows.required(row, 1), rows.required(row, 2), rows.required(row, 3)))
                .collect()
        })
    });
    let expected = TABLES.into_iter().flat_map(|table| {
        triggers_of(table)
            .into_iter()
            .filter_map(move |trigger| Some((table.name, trigger.name, trigger.when?)))
    });
    expected
        .filter_map(|(table, trigger, when)| {
            let (.., definition) =
                shown.iter().find(|(of, name, _)| of == table && name == trigger)?;
            let is_as_made = conditions::of_definition(definition) == conditions::shown(when);
            (!is_as_made).then(|| {
                format!("the condition of trigger {trigger} of wo.{table} is not as it was made")
            })
        })
        .collect()
}

fn missing_not_null() -> Vec<String> {
    let nullable: HashSet<(String, String)> = NULLABLE.with(|statement| {
        statement
            .run(Mode::Latest, &[], |rows| (0..rows.count()).map(|row| pair(rows, row)).collect())
    });
    TABLES
        .into_iter()
        .flat_map(|table| table.columns.iter().map(move |column| (table.name, column)))
        .filter(|(table, column)| {
            !column.is_nullable && nullable.contains(&((*table).to_owned(), column.name.to_owned()))
        })
        .map(|(table, column)| {
            let name = column.name;
            format!("column {name} of wo.{table} may be null; run: alter table wo.{table} alter column {name} set not null;")
        })
        .collect()
}

fn missing_checks() -> Vec<String> {
    let found: HashSet<String> = CHECKS.with(|statement| {
        statement.run(Mode::Latest, &[], |rows| {
            (0..rows.count()).map(|row| rows.required(row, 1)).collect()
        })
    });
    checks()
        .filter(|name| !found.contains(name))
        .map(|name| {
            format!("the constraint {name} is missing or was not validated; enforce() does not add it: add it as a new database has it, or validate it")
        })
        .collect()
}
