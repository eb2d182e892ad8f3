//! Version 0.0.1, which nobody ever installed: 0.1.0 with a few honest differences, each of a kind
//! that an update meets. Made from the files of 0.1.0, so that it keeps up while that is written.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use wo_cluster_tests::{Database, Server};

pub const OLD: &str = "0.0.1";
pub const NEW: &str = env!("CARGO_PKG_VERSION");

/// What 0.0.1 had otherwise: file, the text of 0.1.0, the text of 0.0.1. Each must be found.
const DIFFERENCES: &[(&str, &str, &str)] = &[
    // A column that 0.1.0 adds, and a view that shows it between others.
    ("03_work_order", "    asset wo.short_text,\n    task_type", "    task_type"),
    ("03_work_order", "comment on column wo.work_order.asset is", "-- comment on"),
    ("03_work_order", "regulatory, asset, task_type, due_date", "regulatory, task_type, due_date"),
    // An index that 0.1.0 adds.
    ("05_event", "create index event_by_position on wo.event (position);", ""),
    // A comment, and a function's body.
    (
        "05_event",
        "comment on table wo.event is 'The outbox: one row for each thing that happened, written in its transaction.'",
        "comment on table wo.event is 'The outbox.'",
    ),
    (
        "19_consumer",
        "as $$ select wo_private.drop_consumer($1) $$;",
        "as $$ select coalesce(wo_private.drop_consumer($1), false) $$;",
    ),
    // Statistics of a column that 0.1.0 adds.
    ("90_enforcement", "    alter column asset set statistics 0,\n", ""),
    // The name of a policy.
    (
        "90_enforcement",
        "create policy app_select on wo.event for select",
        "create policy looking on wo.event for select",
    ),
];

/// Functions that 0.1.0 adds: whoever may call them is told so in these files.
const ADDED: &[(&str, &str)] = &[
    ("98_grant", "wo.lifecycle_diagram"),
    ("98_grant", "wo.health"),
    ("99_privilege", "wo_private.lifecycle_diagram"),
    ("99_privilege", "wo_private.table_problems"),
];

/// One that 0.1.0 took away.
const FORGOTTEN: &str = "
    create function wo.event_count() returns bigint language sql stable as 'select count(*) from wo.event';
    revoke all on function wo.event_count() from public;
    grant execute on function wo.event_count() to wo_user;";

/// Members that 0.1.0 adds, and what made the records.
const ADDED_MEMBERS: &[&str] = &[
    "wo_private.\"lifecycle_diagram\"(",
    "wo_private.\"table_problems\"(",
    "select wo_private.install();",
];

fn sql(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../sql/{name}.sql"));
    let mut text = fs::read_to_string(&path).unwrap();
    for (file, new, old) in DIFFERENCES {
        if *file == name {
            assert!(text.contains(new), "{name} does not say: {new}");
            text = text.replace(new, old);
        }
    }
    for (_, function) in ADDED.iter().filter(|(file, _)| *file == name) {
        text = ungranted(&text, function);
    }
    if name == "02_lifecycle" {
        // From its head to the end of its comment.
        let head = "create or replace function wo.lifecycle_diagram(";
        text = without(&text, head, "does not have with 22023.';");
    }
    text
}

/// Takes a function out of the list of its GRANT, or the whole GRANT if it stands alone there.
fn ungranted(text: &str, function: &str) -> String {
    let signature = span(text, &format!("{function}("), ")");
    let (first, last) = (format!("{signature}, "), format!(", {signature}"));
    if text.contains(&first) {
        text.replace(&first, "")
    } else if text.contains(&last) {
        text.replace(&last, "")
    } else {
        without(text, &format!("grant execute on function {signature}"), ";")
    }
}

fn without(text: &str, from: &str, to: &str) -> String {
    text.replacen(span(text, from, to), "", 1)
}

/// What stands between these two, and they themselves.
fn span<'a>(text: &'a str, from: &str, to: &str) -> &'a str {
    let start = text.find(from).unwrap_or_else(|| panic!("no {from}"));
    let end = start + text[start..].find(to).unwrap_or_else(|| panic!("no {to}")) + to.len();
    &text[start..end]
}

/// The records of 0.0.1, made as its install made them.
pub fn make_records(db: &Database<'_>) {
    let mut superuser = db.superuser();
    for file in ["00_role", "99_privilege"] {
        superuser.batch_execute(&sql(file)).unwrap_or_else(|error| panic!("{file}: {error:?}"));
    }
    superuser
        .batch_execute(
            "LOAD 'wo_core';
             CREATE SCHEMA wo AUTHORIZATION wo_owner;
             SET check_function_bodies = off;
             SET search_path = pg_catalog, pg_temp;
             SET ROLE wo_owner",
        )
        .unwrap();
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../sql");
    let mut files: Vec<String> = fs::read_dir(dir)
        .unwrap()
        .filter_map(|entry| {
            entry.unwrap().file_name().to_str()?.strip_suffix(".sql").map(str::to_owned)
        })
        .filter(|name| {
            name.as_bytes()[0].is_ascii_digit()
                && !["00_role", "08_health", "99_privilege"].contains(&name.as_str())
        })
        .collect();
    files.sort();
    for file in files {
        superuser.batch_execute(&sql(&file)).unwrap_or_else(|error| panic!("{file}: {error:?}"));
    }
    superuser.batch_execute(FORGOTTEN).unwrap();
    superuser
        .batch_execute(&format!(
            "RESET ROLE;
             INSERT INTO wo.schema_version (version, sha256) VALUES ('{OLD}', 'of the fixture');
             SELECT wo.make_partitions()"
        ))
        .unwrap();
}

/// The script of 0.0.1 beside the real ones, for as long as this value lives.
pub struct OldScript(PathBuf);

impl OldScript {
    pub fn install() -> Self {
        let pg_config = Server::under_test().bindir.join("pg_config");
        let answer = Command::new(pg_config).arg("--sharedir").output().unwrap();
        let extensions =
            PathBuf::from(String::from_utf8(answer.stdout).unwrap().trim()).join("extension");
        let new = fs::read_to_string(extensions.join(format!("wo_core--{NEW}.sql"))).unwrap();
        let update = extensions.join(format!("wo_core--{OLD}--{NEW}.sql"));
        assert!(update.exists(), "{} is not installed", update.display());

        const BEGIN: &str = "/* <begin connected objects> */";
        let mut parts: Vec<&str> = new.split(BEGIN).collect();
        for added in ADDED_MEMBERS {
            let before = parts.len();
            parts.retain(|part| !part.contains(added));
            assert_eq!(parts.len(), before - 1, "{added} in the script of {NEW}");
        }
        let script = Self(extensions.join(format!("wo_core--{OLD}.sql")));
        let text = parts.join(BEGIN);
        if fs::write(&script.0, &text).is_err() {
            // The server's directories are root's; .ci/build installs with sudo there, too.
            let own =
                std::env::temp_dir().join(format!("wo_core--{OLD}.{}.sql", std::process::id()));
            fs::write(&own, &text).unwrap();
            let copied = Command::new("sudo")
                .args(["-n", "install", "-m", "644"])
                .arg(&own)
                .arg(&script.0)
                .status();
            fs::remove_file(&own).unwrap();
            assert!(copied.unwrap().success());
        }
        script
    }
}

impl Drop for OldScript {
    fn drop(&mut self) {
        if fs::remove_file(&self.0).is_err() {
            let _ = Command::new("sudo").args(["-n", "rm", "-f"]).arg(&self.0).status();
        }
    }
}
