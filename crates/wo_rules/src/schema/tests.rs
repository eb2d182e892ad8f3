//! The registry is consistent, and the checked-in SQL is what it generates.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use super::*;
use std::collections::HashSet;

/// An auditor reads every policy, grant and trigger in `sql/90_enforcement.sql` and the tables of definitions in
/// another file, and the extension runs them; both would be wrong if a file differed from the registry.
#[test]
fn the_checked_in_enforcement_is_what_the_registry_generates() {
    for (name, generated) in
        [("02_definition", crate::definition::ddl()), ("90_enforcement", enforcement_sql())]
    {
        let path = format!("{}/../../sql/{name}.sql", env!("CARGO_MANIFEST_DIR"));
        if std::env::var_os("WO_GOLDEN").is_some_and(|value| value == "accept") {
            std::fs::write(&path, &generated).unwrap();
        }
        let checked_in = std::fs::read_to_string(&path).unwrap_or_default();
        let first = checked_in.lines().zip(generated.lines()).find(|(old, new)| old != new);
        assert!(
            checked_in == generated,
            "sql/{name}.sql differs from the registry, first at {first:?}; to accept: WO_GOLDEN=accept cargo test -p wo_rules schema"
        );
    }
}

/// A name that stands in two places or a column that is not there would generate SQL that fails, or
/// worse, that protects another column than the one that was meant.
#[test]
fn every_table_is_described_consistently() {
    let mut names = HashSet::new();
    for table in TABLES {
        let name = table.name;
        assert!(names.insert(name), "{name} is registered twice");
        assert!(!table.key.is_empty() && !table.columns.is_empty(), "{name}");
        let mut columns = HashSet::new();
        assert!(table.columns.iter().all(|column| columns.insert(column.name)), "{name}");
        let mut named: Vec<&str> = table.key.to_vec();
        named.extend(table.frozen_columns());
        named.extend(table.subject_key());
        named.extend(table.opaque);
        named.extend(table.partitioned_by);
        named.extend(table.select_columns.iter().flat_map(|grant| grant.columns));
        if let Some(ChildTable { child, .. }) = table.child() {
            named.extend([Some(child.work_order), child.item, child.reason].into_iter().flatten());
            named.extend(child.written.into_iter().flat_map(|(who, when)| [who, when]));
        }
        for column in named {
            assert!(table.column(column).is_some(), "{name} has no column {column}");
        }
        for column in table.key {
            let column = table.column(column).unwrap();
            assert!(!column.is_nullable, "{name}: {} is of the key", column.name);
        }
        let has_tenant = table.column("tenant_id").is_some();
        assert_eq!(table.tenancy == Tenancy::Tenant, has_tenant, "{name}");
        let may_change = !matches!(table.frozen, Frozen::Row);
        let is_granted = table.policies.iter().any(|policy| policy.command == "all");
        assert!(may_change || (table.update.is_empty() && !is_granted), "{name}");
        assert!(!table.columns.iter().any(|column| column.name.len() > 63), "{name}");
    }
}

/// A trigger of the same name would replace another.
#[test]
fn no_table_has_two_triggers_or_policies_of_a_name() {
    for table in TABLES {
        let mut names = HashSet::new();
        for trigger in triggers_of(table) {
            assert!(names.insert(trigger.name), "{} has two triggers {}", table.name, trigger.name);
        }
        let mut names = HashSet::new();
        for policy in policies_of(table) {
            assert!(names.insert(policy.name), "{} has two policies {}", table.name, policy.name);
        }
    }
}

/// What must never happen is refused on each table: a cleared table, a key that moves.
#[test]
fn every_table_forbids_what_must_never_happen() {
    for table in TABLES {
        let triggers = triggers_of(table);
        let fires = |name: &str| triggers.iter().any(|one| one.name == name && one.is_always);
        assert!(fires("forbid_truncate") && fires("forbid_key_change"), "{}", table.name);
        assert!(!table.delete.is_empty() || fires("forbid_delete"), "{}", table.name);
        let policies = policies_of(table);
        assert!(policies[0].is_restrictive && policies[0].command == "all", "{}", table.name);
        for role in table.roles().filter(|role| role.is_of_one_tenant()) {
            let is_bound =
                table.tenancy == Tenancy::Installation || policies[0].roles.contains(&role);
            assert!(is_bound, "{} is not bound to its tenant on {}", role.name(), table.name);
        }
    }
}
