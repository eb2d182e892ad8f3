//! The table registry (`wo_rules::schema`) says the same of each table as the catalogue.

use std::collections::BTreeMap;

use wo_cluster_tests::Cluster;
use wo_rules::schema::{self, TABLES};

/// The registry decides what is read from a row and as which type, and which columns are frozen, so
/// a column that it calls by another name or type would crash a session or pass unprotected.
#[test]
fn every_column_type_and_key_is_as_registered() {
    let database = Cluster::shared().database();
    let mut client = database.superuser();
    client.batch_execute("set search_path = pg_catalog").unwrap();
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for row in client
        .query(
            "select held.relname::text, attname || ' ' || format_type(atttypid, atttypmod)
                || case when attnotnull then '' else ' null' end
             from pg_attribute join pg_class as held on held.oid = attrelid
             where relnamespace = 'wo'::regnamespace and relkind in ('r', 'p') and not relispartition
                and attnum > 0 and not attisdropped
             order by attrelid, attnum",
            &[],
        )
        .unwrap()
    {
        found.entry(row.get(0)).or_default().push(row.get(1));
    }
    for row in client
        .query(
            "select held.relname::text, 'key ' || (
                select string_agg(attname, ',' order by place) from unnest(conkey) with ordinality as of_key (number, place)
                join pg_attribute on attrelid = conrelid and attnum = number)
             from pg_constraint join pg_class as held on held.oid = conrelid
             where contype = 'p' and relnamespace = 'wo'::regnamespace and not relispartition",
            &[],
        )
        .unwrap()
    {
        found.entry(row.get(0)).or_default().push(row.get(1));
    }
    let mut registered = BTreeMap::new();
    for table in TABLES {
        let mut lines: Vec<String> = Vec::new();
        for column in table.columns {
            let null = if column.is_nullable { " null" } else { "" };
            lines.push(format!("{} {}{null}", column.name, column.data_type.name()));
        }
        lines.push(format!("key {}", table.key.join(",")));
        registered.insert(table.name.to_owned(), lines);
    }
    for name in found.keys().chain(registered.keys()) {
        assert_eq!(found.get(name), registered.get(name), "wo.{name}");
    }
}

/// The base type of a domain decides as what its values are read.
#[test]
fn every_domain_has_the_base_type_that_is_registered() {
    let database = Cluster::shared().database();
    let mut client = database.superuser();
    for column in TABLES.iter().flat_map(|table| table.columns) {
        if let schema::Type::Domain(domain) = column.data_type {
            let base: String = client
                .query_one(
                    "select format_type(typbasetype, null) from pg_type where oid = $1::text::regtype",
                    &[&domain.name],
                )
                .unwrap()
                .get(0);
            assert_eq!(base, domain.base.name(), "{}", domain.name);
        }
    }
}

/// A table that nobody registered would hold rows of all tenants, open to whoever was granted it.
#[test]
fn a_table_that_is_not_registered_shows_in_wo_health() {
    let database = Cluster::shared().database();
    let mut superuser = database.superuser();
    let of_health =
        "select severity, detail, remedy from wo.health() where subject = 'unregistered tables'";
    let before = superuser.query_one(of_health, &[]).unwrap();
    assert_eq!(before.get::<_, String>(0), "good");
    superuser
        .batch_execute("create table wo.stray (id int); create table wo.\"Odd\" (id int) partition by list (id)")
        .unwrap();
    let after = superuser.query_one(of_health, &[]).unwrap();
    assert_eq!(after.get::<_, String>(0), "warning");
    let detail: String = after.get(1);
    assert!(detail.ends_with(": wo.\"Odd\", wo.stray"), "{detail}");
    assert!(after.get::<_, String>(2).contains("set schema"));
}
