//! Who may do what with archives, and what they are on the disk.

use std::os::unix::fs::PermissionsExt;

use wo_cluster_tests::db_error;
use wo_cluster_tests::signing::ROOT;

use crate::retention::past::Past;

fn archived() -> (Past, String) {
    let past = Past::found();
    past.company.create("Mend the pump");
    past.happened(5);
    past.seal();
    past.archive_all();
    let name = past.partition("audit_entry", 5);
    (past, name)
}

#[test]
fn only_administrators_verify_bring_back_and_release() {
    let (past, name) = archived();
    past.company.database.login("inspector", &["wo_auditor"]);
    for call in ["verify_archive", "restore_archive", "release_archive"] {
        let ask = format!("select * from wo.{call}('{name}')");
        for who in ["planner", "inspector", "service"] {
            let refusal = db_error(past.company.with(who, |client| client.batch_execute(&ask)));
            assert_eq!(refusal.code().code(), "42501", "{who}: {refusal:?}");
        }
    }
    past.company.database.login("warden", &["wo_admin"]);
    past.company.run("warden", &format!("select * from wo.verify_archive('{name}')"));
    past.company.run("warden", &format!("select wo.restore_archive('{name}')"));
    past.company.run("warden", &format!("select wo.release_archive('{name}')"));
    for call in ["verify_archive", "restore_archive", "release_archive"] {
        let ask = format!("select * from wo.{call}('../../etc/passwd')");
        past.company.refused("warden", &ask, "22023", "archive_unknown");
    }
    past.assert_intact();
}

#[test]
fn a_tenants_trail_says_what_left_it_and_shows_no_other_tenant() {
    let (past, name) = archived();
    let seen = past.company.all("planner", "select name from wo.archive");
    assert_eq!(seen, [""; 0], "an archive holds all tenants' entries");
    let told: serde_json::Value = past.company.one(
        "planner",
        "select changes from wo.audit_entry where subject = 'archive' and action = 'archived'
         order by sequence desc limit 1",
    );
    assert_eq!(told["archive"], serde_json::Value::from(name.as_str()));
    assert!(told["entries"].as_i64().unwrap() > 0);
}

#[test]
fn files_are_for_the_servers_user_alone() {
    let (past, _) = archived();
    let mode =
        |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&past.directory()), 0o700);
    let mut count = 0;
    for file in std::fs::read_dir(past.directory()).unwrap() {
        let path = file.unwrap().path();
        assert_eq!(mode(&path), 0o600, "{path:?}");
        assert!(path.extension().is_some_and(|ending| ending != "new"), "{path:?}");
        count += 1;
    }
    assert_eq!(count, 20, "two files for each of five months of trail and outbox");
}

#[test]
fn what_an_archive_is_never_changes() {
    let (past, name) = archived();
    for write in [
        format!("update wo.archive set lines = 0 where name = '{name}'"),
        format!("delete from wo.archive where name = '{name}'"),
        "truncate wo.archive".to_owned(),
        "update wo.archived_chain set state = ''".to_owned(),
        "delete from wo.archived_chain".to_owned(),
        "truncate wo.archived_chain".to_owned(),
    ] {
        let refusal = db_error(past.company.with(ROOT, |root| root.batch_execute(&write)));
        assert_eq!(refusal.code().code(), "42501", "{write}: {refusal:?}");
    }
}
