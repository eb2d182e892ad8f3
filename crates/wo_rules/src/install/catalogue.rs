//! Whether the tables are as the enforcement layer made them, from what the catalogue says of them.

use super::Trigger;
use std::collections::{HashMap, HashSet};

/// Who owns every table, view and sequence of the records.
pub const OWNER: &str = "wo_owner";

/// What the policy of a tenant's table must say.
pub const OWN_TENANT: &str =
    "(tenant_id = ( SELECT wo_private.current_tenant() AS current_tenant))";

/// What the policy of a table of no tenant must say.
pub const EVERY_TENANT: &str = "true";

/// The trigger of every leaf that keeps it from being emptied, and its function.
const KEEP_TABLE: &str = "forbid_truncate";
const KEEP_FUNCTION: &str = "refuse_change";

/// What a relation is, as far as that matters here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A table that holds rows itself.
    Table,
    /// A table that is divided into others.
    Partitioned,
    /// A view.
    View,
    /// A sequence.
    Sequence,
    /// Anything else: an index, a type.
    Other,
}

/// A relation of schema `wo`.
#[derive(Debug, Clone)]
pub struct Relation {
    /// Its oid.
    pub oid: u32,
    /// Its name, without the schema.
    pub name: String,
    /// What it is.
    pub kind: Kind,
    /// Whether it is a partition of another.
    pub is_partition: bool,
    /// Its owner's oid.
    pub owner: u32,
    /// Whether row security holds for everybody, its owner too.
    pub is_secured: bool,
}

/// A trigger, of whichever relation.
#[derive(Debug, Clone)]
pub struct Made {
    /// Its oid.
    pub oid: u32,
    /// The oid of its relation.
    pub relation: u32,
    /// The oid of the trigger that it was made for on a partition; 0 where it is its own.
    pub parent: u32,
    /// Its name.
    pub name: String,
    /// The oid of the function that it runs.
    pub function: u32,
    /// When it fires: `A` always, `O` for every origin, `R` for a replica alone, `D` never.
    pub enabled: u8,
}

/// What the catalogue says of the records.
#[derive(Debug, Clone, Default)]
pub struct Catalogue {
    /// Every relation of schema `wo`.
    pub relations: Vec<Relation>,
    /// Every trigger of the database: that of a partition may have its parent anywhere.
    pub triggers: Vec<Made>,
    /// The names of the functions of schema `wo_private` that run wo_core's own code, by their oids.
    pub functions: HashMap<u32, String>,
    /// The oid of the role [`OWNER`]; 0 where there is none.
    pub owner: u32,
    /// The relations whose policy `tenant` is restrictive and says what it must.
    pub isolated: HashSet<u32>,
}

/// The names of the tables and views that the enforcement layer puts triggers on.
pub fn protected<'a>(expected: &[Trigger<'a>]) -> HashSet<&'a str> {
    expected.iter().map(|trigger| trigger.relation).collect()
}

impl Relation {
    /// Whether rows are read from it under policies.
    pub fn holds_rows(&self) -> bool {
        matches!(self.kind, Kind::Table | Kind::Partitioned)
    }
}

/// What is wrong, one sentence each, in alphabetical order. `name_of` names the owner of a relation
/// that belongs to somebody else.
pub fn problems(
    expected: &[Trigger<'_>],
    catalogue: &Catalogue,
    name_of: impl Fn(u32) -> String,
) -> Vec<String> {
    let protected = protected(expected);
    let relations: HashMap<&str, &Relation> =
        catalogue.relations.iter().map(|relation| (relation.name.as_str(), relation)).collect();
    let ours: HashMap<u32, &Relation> =
        catalogue.relations.iter().map(|relation| (relation.oid, relation)).collect();
    let enabled: HashMap<u32, u8> =
        catalogue.triggers.iter().map(|trigger| (trigger.oid, trigger.enabled)).collect();
    let by_name: HashMap<(u32, &str), &Made> = catalogue
        .triggers
        .iter()
        .map(|trigger| ((trigger.relation, trigger.name.as_str()), trigger))
        .collect();
    let runs = |trigger: &Made, function: &str| {
        catalogue.functions.get(&trigger.function).is_some_and(|own| own == function)
    };
    let mut found = Vec::new();
    for relation in &catalogue.relations {
        let name = &relation.name;
        let is_guarded = protected.contains(name.as_str());
        let is_record = is_guarded || relation.is_partition;
        let is_owned = match relation.kind {
            Kind::Table | Kind::Partitioned | Kind::View => is_record,
            Kind::Sequence => true,
            Kind::Other => false,
        };
        if is_owned && (relation.owner != catalogue.owner || catalogue.owner == 0) {
            let owner = name_of(relation.owner);
            found.push(format!("table wo.{name} belongs to {owner} instead of {OWNER}"));
        }
        if relation.holds_rows() && is_record && !relation.is_secured {
            found.push(format!("row security of wo.{name} is not enforced"));
        }
        if relation.holds_rows() && is_guarded && !catalogue.isolated.contains(&relation.oid) {
            found.push(format!(
                "policy tenant_isolation of wo.{name} is missing or not as it was made"
            ));
        }
        if relation.kind == Kind::Table
            && relation.is_partition
            && !by_name
                .get(&(relation.oid, KEEP_TABLE))
                .is_some_and(|trigger| trigger.enabled == b'A' && runs(trigger, KEEP_FUNCTION))
        {
            found.push(format!(
                "trigger {KEEP_TABLE} of wo.{name} is missing or not enabled as it was made"
            ));
        }
    }
    for Trigger { relation, name, function, always } in expected {
        let made = relations
            .get(relation)
            .and_then(|relation| by_name.get(&(relation.oid, *name)))
            .copied();
        let problem = match made {
            None => "missing",
            Some(trigger) if trigger.enabled != if *always { b'A' } else { b'O' } => {
                "not enabled as it was made"
            }
            Some(trigger) if !runs(trigger, function) => "not running its own function",
            Some(_) => continue,
        };
        found.push(format!("trigger {name} of wo.{relation} is {problem}"));
    }
    for trigger in &catalogue.triggers {
        if let Some(relation) = ours.get(&trigger.relation)
            && enabled.get(&trigger.parent).is_some_and(|parent| *parent != trigger.enabled)
        {
            let (name, relation) = (&trigger.name, &relation.name);
            found.push(format!("trigger {name} of wo.{relation} is not enabled as it was made"));
        }
    }
    found.sort_unstable();
    found
}

/// The text of an expression tree as far as it says what the expression is: without the places in
/// the statement that it was read from, and with the column of that number as `own`. Policies of
/// which that is the same say the same of their tables' columns of that number.
pub fn shape(tree: &str, column: i16) -> String {
    let column = column.to_string();
    let mut shape = String::with_capacity(tree.len());
    let mut rest = tree;
    // Every member of a node begins so; of a few of them the value matters here.
    while let Some(at) = rest.find(':') {
        let (before, member) = rest.split_at(at + 1);
        shape.push_str(before);
        rest = member;
        let name = ["location ", "varattno ", "varattnosyn "]
            .into_iter()
            .find(|name| member.starts_with(name));
        let Some(name) = name else { continue };
        let value = &member[name.len()..];
        let end = value.find(|letter: char| letter != '-' && !letter.is_ascii_digit());
        let (number, after) = value.split_at(end.unwrap_or(value.len()));
        shape.push_str(name);
        if name != "location " {
            shape.push_str(if number == column { "own" } else { number });
        }
        rest = after;
    }
    shape.push_str(rest);
    shape
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXPECTED: [Trigger<'static>; 3] = [
        Trigger { relation: "work_order", name: "validate", function: "check", always: false },
        Trigger {
            relation: "work_order",
            name: "forbid_delete",
            function: "refuse_change",
            always: true,
        },
        Trigger { relation: "import", name: "import", function: "import", always: false },
    ];

    fn relation(oid: u32, name: &str, kind: Kind, is_partition: bool) -> Relation {
        let is_secured = matches!(kind, Kind::Table | Kind::Partitioned);
        Relation { oid, name: name.to_owned(), kind, is_partition, owner: 10, is_secured }
    }

    fn made(oid: u32, relation: u32, parent: u32, name: &str, enabled: u8) -> Made {
        let function = match name {
            "validate" => 31,
            "import" => 33,
            _ => 32,
        };
        Made { oid, relation, parent, name: name.to_owned(), function, enabled }
    }

    fn sound() -> Catalogue {
        Catalogue {
            relations: vec![
                relation(1, "work_order", Kind::Partitioned, false),
                relation(2, "work_order_p0", Kind::Table, true),
                relation(3, "import", Kind::View, false),
                relation(4, "position", Kind::Sequence, false),
                relation(5, "work_order_pkey", Kind::Other, false),
                relation(6, "of_a_dba", Kind::Table, false),
            ],
            triggers: vec![
                made(21, 1, 0, "validate", b'O'),
                made(22, 1, 0, "forbid_delete", b'A'),
                made(23, 3, 0, "import", b'O'),
                made(24, 2, 21, "validate", b'O'),
                made(25, 2, 22, "forbid_delete", b'A'),
                made(26, 2, 0, "forbid_truncate", b'A'),
                made(27, 99, 0, "of_somebody_else", b'D'),
            ],
            functions: HashMap::from([
                (31, "check".to_owned()),
                (32, "refuse_change".to_owned()),
                (33, "import".to_owned()),
            ]),
            owner: 10,
            isolated: HashSet::from([1]),
        }
    }

    fn said(damage: impl FnOnce(&mut Catalogue)) -> Vec<String> {
        let mut catalogue = sound();
        damage(&mut catalogue);
        problems(&EXPECTED, &catalogue, |oid| format!("role {oid}"))
    }

    #[test]
    fn what_is_as_it_was_made_has_no_problem() {
        assert_eq!(said(|_| ()), Vec::<String>::new());
    }

    #[test]
    fn every_damage_is_named() {
        type Damage = fn(&mut Catalogue);
        let all: [(Damage, &str); 19] = [
            (
                |all| all.triggers[0].function = 34,
                "trigger validate of wo.work_order is not running its own function",
            ),
            (
                |all| {
                    all.functions.remove(&31);
                },
                "trigger validate of wo.work_order is not running its own function",
            ),
            (
                |all| all.triggers[5].function = 31,
                "trigger forbid_truncate of wo.work_order_p0 is missing or not enabled as it was made",
            ),
            (
                |all| all.triggers[0].enabled = b'D',
                "trigger validate of wo.work_order is not enabled as it was made",
            ),
            (
                |all| all.triggers[1].enabled = b'O',
                "trigger forbid_delete of wo.work_order is not enabled as it was made",
            ),
            (
                |all| all.triggers[0].enabled = b'A',
                "trigger validate of wo.work_order is not enabled as it was made",
            ),
            (|all| all.triggers[0].relation = 99, "trigger validate of wo.work_order is missing"),
            (
                |all| all.triggers[2].name = "other".to_owned(),
                "trigger import of wo.import is missing",
            ),
            (
                |all| all.relations[2].name = "other".to_owned(),
                "trigger import of wo.import is missing",
            ),
            (
                |all| all.triggers[3].enabled = b'D',
                "trigger validate of wo.work_order_p0 is not enabled as it was made",
            ),
            (
                |all| all.triggers[5].enabled = b'O',
                "trigger forbid_truncate of wo.work_order_p0 is missing or not enabled as it was made",
            ),
            (
                |all| all.triggers[5].relation = 1,
                "trigger forbid_truncate of wo.work_order_p0 is missing or not enabled as it was made",
            ),
            (
                |all| all.relations[0].owner = 11,
                "table wo.work_order belongs to role 11 instead of wo_owner",
            ),
            (
                |all| all.relations[1].owner = 11,
                "table wo.work_order_p0 belongs to role 11 instead of wo_owner",
            ),
            (
                |all| all.relations[2].owner = 11,
                "table wo.import belongs to role 11 instead of wo_owner",
            ),
            (
                |all| all.relations[3].owner = 11,
                "table wo.position belongs to role 11 instead of wo_owner",
            ),
            (
                |all| all.relations[0].is_secured = false,
                "row security of wo.work_order is not enforced",
            ),
            (
                |all| all.relations[1].is_secured = false,
                "row security of wo.work_order_p0 is not enforced",
            ),
            (
                |all| all.isolated.clear(),
                "policy tenant_isolation of wo.work_order is missing or not as it was made",
            ),
        ];
        for (damage, sentence) in all {
            let said = said(damage);
            assert!(said.iter().any(|one| one == sentence), "{sentence}: {said:?}");
        }
    }

    #[test]
    fn what_a_dba_adds_is_no_problem() {
        let of_a_dba = said(|all| {
            all.relations[5].owner = 11;
            all.relations[5].is_secured = false;
            all.triggers.push(made(28, 6, 0, "own", b'D'));
        });
        assert_eq!(of_a_dba, Vec::<String>::new());
    }

    #[test]
    fn without_the_owner_nothing_belongs_to_whom_it_should() {
        let said = said(|all| {
            all.owner = 0;
            all.relations[3].owner = 0;
        });
        assert_eq!(said.iter().filter(|one| one.contains("belongs to")).count(), 4);
    }

    #[test]
    fn the_shape_of_an_expression_leaves_out_where_it_was_read() {
        let tree = |column: i16, at: i32| {
            format!(
                "{{OPEXPR :opno 2972 :args ({{VAR :varattno {column} :varattnosyn {column} :location {at}}} {{CONST :constvalue 1 [ 1 ] :location -1}}) :location {at}}}"
            )
        };
        assert_eq!(shape(&tree(1, 8153), 1), shape(&tree(12, 10), 12));
        assert_ne!(shape(&tree(1, 10), 1), shape(&tree(2, 10), 1));
        assert_ne!(shape(&tree(1, 10), 1), shape(&tree(1, 10).replace("2972", "2973"), 1));
        assert_eq!(shape("", 1), "");
    }
}
