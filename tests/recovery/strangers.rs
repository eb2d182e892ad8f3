//! A schema that somebody else made is not adopted.

use postgres::Client;
use wo_cluster_tests::{Cluster, db_error, refused};

/// Nothing of the extension is left behind.
fn assert_nothing_installed(superuser: &mut Client, schemas: &[&str]) {
    let found: Vec<String> = superuser
        .query("SELECT nspname::text FROM pg_namespace WHERE nspname IN ('wo', 'wo_private') ORDER BY 1", &[])
        .unwrap()
        .iter()
        .map(|row| row.get(0))
        .collect();
    assert_eq!(found, schemas);
    let sql = "SELECT count(*) FROM pg_extension WHERE extname = 'wo_core'";
    assert_eq!(superuser.query_one(sql, &[]).unwrap().get::<_, i64>(0), 0);
    let ours = "SELECT count(*) FROM pg_proc WHERE probin LIKE '%wo_core%'";
    assert_eq!(superuser.query_one(ours, &[]).unwrap().get::<_, i64>(0), 0);
}

#[test]
fn a_schema_wo_of_a_stranger_fails_the_install() {
    let cluster = Cluster::shared();
    cluster.login("stranger", &[]);
    for made in [
        "CREATE SCHEMA wo AUTHORIZATION stranger",
        "CREATE SCHEMA wo; CREATE TABLE wo.work_order (id int)",
        "CREATE SCHEMA wo; CREATE FUNCTION wo.current_tenant() RETURNS uuid LANGUAGE sql AS 'SELECT null::uuid'",
        "CREATE SCHEMA wo; CREATE DOMAIN wo.hours AS numeric",
        "CREATE SCHEMA wo; CREATE TYPE wo.priority AS ENUM ('low', 'high')",
        "CREATE SCHEMA wo; CREATE OPERATOR wo.=== (LEFTARG = int, RIGHTARG = int, FUNCTION = int4eq)",
        "CREATE SCHEMA wo AUTHORIZATION stranger; CREATE TABLE wo.schema_version (version text)",
        "CREATE SCHEMA wo; GRANT CREATE ON SCHEMA wo TO stranger; SET ROLE stranger;
         CREATE TABLE wo.schema_version (version text); RESET ROLE",
    ] {
        let db = cluster.empty_database();
        let mut superuser = db.superuser();
        superuser.batch_execute(made).unwrap();
        let refusal = superuser.batch_execute("CREATE EXTENSION wo_core");
        let Err(refusal) = refusal else { panic!("adopted: {made}") };
        refused(Err::<(), _>(refusal), "42501", "schema_taken");
        assert_nothing_installed(&mut superuser, &["wo"]);

        // The way out that the error names.
        superuser
            .batch_execute("ALTER SCHEMA wo RENAME TO theirs; CREATE EXTENSION wo_core")
            .unwrap();
    }
}

#[test]
fn a_schema_wo_private_of_anybody_fails_the_install() {
    let cluster = Cluster::shared();
    cluster.login("stranger", &[]);
    for made in [
        "CREATE SCHEMA wo_private",
        "CREATE SCHEMA wo_private AUTHORIZATION stranger",
        "CREATE SCHEMA wo_private; CREATE FUNCTION wo_private.current_tenant() RETURNS uuid LANGUAGE sql AS 'SELECT null::uuid'",
    ] {
        let db = cluster.empty_database();
        let mut superuser = db.superuser();
        superuser.batch_execute(made).unwrap();
        let refusal = db_error(superuser.batch_execute("CREATE EXTENSION wo_core"));
        assert_eq!(refusal.code().code(), "42P06", "{refusal:?}");
        assert!(refusal.message().contains("wo_private"), "{refusal:?}");
        assert_nothing_installed(&mut superuser, &["wo_private"]);
    }
}

#[test]
fn only_a_superuser_installs() {
    let cluster = Cluster::shared();
    cluster.login("stranger", &[]);
    let db = cluster.empty_database();
    let mut superuser = db.superuser();
    superuser
        .batch_execute(&format!("GRANT CREATE ON DATABASE {} TO stranger", db.name()))
        .unwrap();
    let refusal = db_error(db.connect("stranger").batch_execute("CREATE EXTENSION wo_core"));
    assert_eq!(refusal.code().code(), "42501", "{refusal:?}");
    assert_nothing_installed(&mut superuser, &[]);
}
