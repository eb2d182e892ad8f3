//! Every difference has a sentence of its own, and what a DBA adds has none.

#![allow(clippy::unwrap_used)]

use super::super::{TABLES, Tenancy, Trigger, table};
use super::*;

/// A table exactly as it is registered.
fn as_registered(table: &'static Table, is_partition: bool) -> Found {
    let column = |(position, column): (usize, &super::super::Column)| FoundColumn {
        name: column.name.to_owned(),
        position,
        data_type: FoundType {
            name: column.data_type.name().into(),
            base: Some(column.data_type.base()),
        },
        is_plain: true,
    };
    let triggers = triggers_of(table).into_iter();
    let policies = policies_of(table).into_iter().filter(|_| !is_partition);
    Found {
        name: table.name.to_owned(),
        kind: RelationKind::Table,
        other_owner: None,
        is_secured: true,
        has_rules: false,
        columns: table.columns.iter().enumerate().map(column).collect(),
        triggers: triggers
            .filter(|one| !is_partition || one.is_for_each_row || one.name == "forbid_truncate")
            .map(made)
            .collect(),
        policies: policies.map(in_force).collect(),
    }
}

fn made(trigger: ExpectedTrigger) -> FoundTrigger {
    FoundTrigger {
        name: trigger.name.to_owned(),
        firing: Firing::read(&trigger.event),
        is_for_each_row: trigger.is_for_each_row,
        has_condition: trigger.when.is_some(),
        has_transition_tables: false,
        is_deferred: trigger.is_deferred,
        function: Some(trigger.function.into()),
        arguments: trigger.arguments,
        enabled: if trigger.is_always { b'A' } else { b'O' },
    }
}

fn in_force(policy: ExpectedPolicy) -> FoundPolicy {
    let condition = Some(Rc::from(policy.deparsed()));
    let (using, check) = match policy.command {
        "insert" => (None, condition),
        _ => (condition, None),
    };
    let mut roles = policy.roles;
    roles.sort_unstable();
    FoundPolicy {
        name: policy.name.to_owned(),
        is_restrictive: policy.is_restrictive,
        command: policy.command,
        roles: Some(roles),
        using,
        check,
    }
}

fn problems(registered: Registered, found: &Found) -> Vec<String> {
    compare(registered, found, |_| true).problems.iter().map(ToString::to_string).collect()
}

/// A table that is as registered must not be refused, and is written without a statement.
#[test]
fn every_table_as_registered_has_no_problem() {
    for table in TABLES {
        for is_partition in [false, true] {
            let registered = match is_partition {
                true => Registered::Partition(table),
                false => Registered::Table(table),
            };
            let found = as_registered(table, is_partition);
            let compared = compare(registered, &found, |_| true);
            assert_eq!(compared.problems, [], "{}", table.name);
            let positions: Vec<usize> = (0..table.columns.len()).collect();
            assert_eq!(compared.positions(Command::Insert).as_deref(), Some(&positions[..]));
            assert_eq!(compared.positions(Command::Update).is_some(), !is_partition);
        }
    }
}

/// Each damage of a table that a superuser can do has the sentence that health shows.
#[test]
fn every_damage_is_named() {
    type Damage = fn(&mut Found);
    let all: [(Damage, &str); 16] = [
        (
            |it| it.other_owner = Some("dba".into()),
            "table wo.role belongs to dba instead of wo_owner",
        ),
        (|it| it.is_secured = false, "row security of wo.role is not enforced"),
        (|it| it.kind = RelationKind::View, "wo.role is not what it was made as"),
        (
            |it| it.columns.retain(|one| one.name != "tenant_id"),
            "column tenant_id of wo.role is missing",
        ),
        (
            |it| {
                it.columns[0].data_type = FoundType { name: "text".into(), base: Some(Type::Text) }
            },
            "column tenant_id of wo.role has type text instead of uuid",
        ),
        (|it| it.triggers.retain(|one| one.name != "audit"), "trigger audit of wo.role is missing"),
        (
            |it| trigger(it, "audit").enabled = b'D',
            "trigger audit of wo.role is not enabled as it was made",
        ),
        (
            |it| trigger(it, "audit").enabled = b'A',
            "trigger audit of wo.role is not enabled as it was made",
        ),
        (
            |it| trigger(it, "forbid_delete").enabled = b'O',
            "trigger forbid_delete of wo.role is not enabled as it was made",
        ),
        (
            |it| trigger(it, "audit").function = None,
            "trigger audit of wo.role is not running its own function",
        ),
        (
            |it| trigger(it, "audit").function = Some("refuse_change".into()),
            "trigger audit of wo.role is not running its own function",
        ),
        (
            |it| trigger(it, "audit").firing.events[1] = false,
            "trigger audit of wo.role is not as it was made",
        ),
        (
            |it| trigger(it, "audit").has_condition = true,
            "trigger audit of wo.role is not as it was made",
        ),
        (
            |it| trigger(it, "forbid_key_change").arguments = vec!["tenant_id".into()],
            "trigger forbid_key_change of wo.role is not as it was made",
        ),
        (
            |it| it.policies[0].using = Some("true".into()),
            "policy tenant_isolation of wo.role is missing or not as it was made",
        ),
        (
            |it| it.policies[0].roles = None,
            "policy tenant_isolation of wo.role is missing or not as it was made",
        ),
    ];
    let role = table("role").unwrap();
    for (damage, sentence) in all {
        let mut found = as_registered(role, false);
        damage(&mut found);
        let compared = compare(Registered::Table(role), &found, |_| true);
        assert!(compared.positions(Command::Update).is_none(), "{sentence}");
        let named = problems(Registered::Table(role), &found);
        assert_eq!(named, [sentence]);
    }
}

fn trigger<'a>(found: &'a mut Found, name: &str) -> &'a mut FoundTrigger {
    found.triggers.iter_mut().find(|one| one.name == name).unwrap()
}

/// A function that a policy calls decides whose rows are shown.
#[test]
fn a_function_of_a_policy_must_be_our_own() {
    for table in TABLES.into_iter().filter(|table| table.tenancy == Tenancy::Tenant) {
        let found = as_registered(table, false);
        let compared = compare(Registered::Table(table), &found, |name| name != "current_tenant");
        let named: Vec<String> = compared.problems.iter().map(ToString::to_string).collect();
        let name = table.name;
        assert_eq!(
            named,
            [format!(
                "function wo_private.current_tenant(), which policy tenant_isolation of wo.{name} calls, is not as it was made"
            )]
        );
    }
}

/// A table with additions of a DBA is used, and written by statements, which meet the additions.
#[test]
fn what_a_dba_adds_is_no_problem_and_is_met_by_statements() {
    type Addition = fn(&mut Found);
    let all: [(Addition, [bool; 2]); 6] = [
        (|it| it.has_rules = true, [false, false]),
        (
            |it| {
                let column = FoundColumn { name: "own".into(), ..it.columns[0].clone() };
                it.columns.push(column);
            },
            [false, false],
        ),
        (|it| it.columns[0].is_plain = false, [false, false]),
        (
            |it| {
                let trigger = FoundTrigger { name: "own".into(), ..it.triggers[0].clone() };
                it.triggers.push(trigger);
            },
            [false, false],
        ),
        (|it| add_policy(it, "insert"), [false, true]),
        (|it| add_policy(it, "update"), [true, false]),
    ];
    let role = table("role").unwrap();
    for (addition, direct) in all {
        let mut found = as_registered(role, false);
        addition(&mut found);
        let compared = compare(Registered::Table(role), &found, |_| true);
        assert_eq!(compared.problems, []);
        let is_direct =
            [Command::Insert, Command::Update].map(|command| compared.positions(command).is_some());
        assert_eq!(is_direct, direct);
    }
}

fn add_policy(found: &mut Found, command: &'static str) {
    let policy = FoundPolicy { name: "own".into(), command, ..found.policies[0].clone() };
    found.policies.push(policy);
}

/// A domain over the registered type holds the same values.
#[test]
fn a_domain_over_the_type_is_no_problem() {
    let role = table("role").unwrap();
    let mut found = as_registered(role, false);
    found.columns[1].data_type.name = "public.short".into();
    let compared = compare(Registered::Table(role), &found, |_| true);
    assert_eq!(compared.problems, []);
    assert!(compared.positions(Command::Insert).is_none());
}

/// A partition needs the row triggers of its table, its own protection and row security.
#[test]
fn a_damaged_partition_is_named() {
    let role = table("role").unwrap();
    let registered = Registered::Partition(role);
    let mut found = as_registered(role, true);
    found.is_secured = false;
    found.triggers.retain(|one| one.name != "forbid_truncate");
    trigger(&mut found, "validate").enabled = b'D';
    assert_eq!(
        problems(registered, &found),
        [
            "trigger validate of wo.role is not enabled as it was made",
            "trigger forbid_truncate of wo.role is missing",
            "row security of wo.role is not enforced",
        ]
    );
}

/// A view without its trigger takes no rows, or those of a table in its place.
#[test]
fn views_and_sequences_are_compared() {
    let Some(Registered::View(view)) = Registered::named("work_order_import") else { panic!() };
    let mut found = as_registered(table("role").unwrap(), false);
    found.name = "work_order_import".to_owned();
    found.kind = RelationKind::View;
    found.triggers.clear();
    let named = problems(Registered::View(view), &found);
    assert_eq!(named, ["trigger import of wo.work_order_import is missing"]);
    let trigger: &'static Trigger = &view.triggers[0];
    found.triggers.push(made(ExpectedTrigger::from(trigger)));
    assert_eq!(problems(Registered::View(view), &found), Vec::<String>::new());
    found.kind = RelationKind::Sequence;
    found.other_owner = Some("dba".to_owned());
    assert!(matches!(Registered::named("event_position"), Some(Registered::Sequence)));
    let named = problems(Registered::Sequence, &found);
    assert_eq!(named, ["table wo.work_order_import belongs to dba instead of wo_owner"]);
}

/// What the registry writes as SQL and what PostgreSQL keeps of it are the same.
#[test]
fn events_of_triggers_are_read() {
    let firing = Firing::read("after insert or update of status, master_id");
    assert_eq!(firing.timing, "after");
    assert_eq!(firing.events, [true, true, false, false]);
    assert_eq!(firing.columns, ["master_id", "status"]);
    let firing = Firing::read("instead of insert");
    assert_eq!((firing.timing, firing.events), ("instead of", [true, false, false, false]));
    assert_eq!(Firing::read("before truncate").events, [false, false, false, true]);
    assert!(Registered::named("no_such_table").is_none());
}
