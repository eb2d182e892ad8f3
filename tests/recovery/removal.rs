//! Removing wo_core for good: the database's objects and the roles by `sql/removal.sql`, the files by `make uninstall`.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use wo_cluster_tests::{Cluster, Database, Psql};

use crate::recovery::company::{assert_work_goes_on, at_work};

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn remove(db: &Database<'_>, arguments: &[&str]) -> Psql {
    let script = repository().join("sql/removal.sql");
    db.psql_with("postgres", &[&["-q", "-f", script.to_str().unwrap()], arguments].concat())
}

fn count(db: &Database<'_>, sql: &str) -> i64 {
    db.superuser().query_one(sql, &[]).unwrap().get(0)
}

const ROLES: &str = r"select count(*) from pg_roles where rolname like 'wo\_%'";

/// Nothing is left of two databases at work but what others made, and the extension can be created again.
#[test]
fn the_script_removes_everything_and_nothing_else() {
    let cluster = Cluster::own(&[]);
    cluster.allow_in_log("stays: it is used by another database");
    let stages = [at_work(&cluster), at_work(&cluster)];
    let [first, second] = [&stages[0].db, &stages[1].db];
    // Without the name of the database it does nothing.
    for arguments in [&[][..], &["-v", "destroy=another"]] {
        let refused = remove(first, arguments);
        assert!(!refused.success && refused.stderr.contains("destroy"), "{refused:?}");
        assert_work_goes_on(first);
    }
    first
        .superuser()
        .batch_execute("create table public.kept as select 42 as answer; grant select on public.kept to wo_user")
        .unwrap();
    let objects = "select count(*) from pg_namespace where nspname in ('wo', 'wo_private')";
    let removed = remove(first, &["-v", &format!("destroy={}", first.name())]);
    assert!(removed.success, "{removed:?}");
    assert_eq!(count(first, objects), 0);
    assert_eq!(count(first, "select count(*) from pg_event_trigger"), 0);
    assert_eq!(count(first, "select answer::bigint from public.kept"), 42);
    assert_eq!(count(first, "select count(*) from pg_extension where extname = 'wo_core'"), 0);
    // The other database uses the roles still: they stay, and the script says so.
    assert!(removed.stderr.contains("used by another database"), "{removed:?}");
    assert_eq!(count(first, ROLES), 11);
    assert_work_goes_on(second);
    let removed = remove(second, &["-v", &format!("destroy={}", second.name())]);
    assert!(removed.success, "{removed:?}");
    // The databases that the tests copy hold the extension too.
    for template in ["wo_template", "wo_founded_0"] {
        let sql = format!("drop database if exists {template} with (force)");
        cluster.superuser("postgres").batch_execute(&sql).unwrap();
    }
    // What is left of the roles are privileges on a table of the first database.
    let removed = remove(first, &["-v", &format!("destroy={}", first.name())]);
    assert!(removed.success, "{removed:?}");
    assert_eq!(count(first, ROLES), 0, "{removed:?}");
    second.superuser().batch_execute("create extension wo_core; select wo.health()").unwrap();
}

/// `make uninstall` removes what `make install` wrote, and no file of others.
#[test]
fn uninstall_removes_the_files_of_the_extension_alone() {
    let tree = std::env::temp_dir().join(format!("wo.uninstall.{}", uuid::Uuid::now_v7()));
    let (library, share) = (tree.join("lib"), tree.join("share"));
    std::fs::create_dir_all(share.join("extension")).unwrap();
    std::fs::create_dir_all(&library).unwrap();
    let ours = [
        library.join("wo_core.so"),
        share.join("extension/wo_core.control"),
        share.join("extension/wo_core--0.1.0.sql"),
        share.join("extension/wo_core--0.0.1--0.1.0.sql"),
    ];
    let others = [
        library.join("wo_core_other.so"),
        share.join("extension/wo_core_other.control"),
        share.join("extension/wo_core_other--1.0.sql"),
    ];
    for file in ours.iter().chain(&others) {
        std::fs::write(file, "").unwrap();
    }
    let pg_config = tree.join("pg_config");
    let script = format!(
        "#!/bin/sh\ncase $1 in --pkglibdir) echo {} ;; --sharedir) echo {} ;; esac\n",
        library.display(),
        share.display()
    );
    std::fs::write(&pg_config, script).unwrap();
    std::fs::set_permissions(&pg_config, std::fs::Permissions::from_mode(0o755)).unwrap();
    let done = Command::new(repository().join(".ci/uninstall")).arg(&pg_config).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    assert!(ours.iter().all(|file| !file.exists()));
    assert!(others.iter().all(|file| file.exists()));
    std::fs::remove_dir_all(tree).unwrap();
}
