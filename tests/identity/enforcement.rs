//! The functions of wo_private, read from the catalogue: which of them a user may call, and that
//! calling them with odd arguments shows or changes nothing of another tenant's.

use postgres::Client;
use wo_cluster_tests::Cluster;

use crate::identity::harness::{SECRET, World, authenticate};

struct Function {
    name: String,
    types: Vec<String>,
}

fn executable(world: &World<'_>, role: &str, schemas: &[&str]) -> Vec<Function> {
    let rows = world.db.superuser().query(
        "select oid::regproc::text, array(select format_type(kind, null) from unnest(proargtypes) as kind)
         from pg_proc
         where pronamespace::regnamespace::text = any ($2) and has_function_privilege($1, oid, 'execute')
         order by oid::regprocedure::text",
        &[&role, &schemas],
    );
    rows.unwrap().iter().map(|row| Function { name: row.get(0), types: row.get(1) }).collect()
}

/// Names that a stranger could know or guess of globex.
struct Known {
    tenant: String,
    work_order: String,
    number: String,
}

fn known(world: &World<'_>) -> Known {
    let row = world.db.superuser().query_one(
        "select id::text, wo_number from wo.work_order where tenant_id = $1 order by id limit 1",
        &[&world.globex.tenant],
    );
    let row = row.unwrap();
    Known { tenant: world.globex.tenant.to_string(), work_order: row.get(0), number: row.get(1) }
}

fn candidates(kind: &str, known: &Known, world: &World<'_>) -> Vec<String> {
    let quoted = |text: &str| format!("'{}'", text.replace('\'', "''"));
    let Known { tenant, work_order, number } = known;
    match kind {
        "text" => [
            "globex",
            tenant,
            work_order,
            number,
            "gus",
            wo_cluster_tests::ISSUER,
            "k1",
            "globex-secret",
            "",
            "'",
            "draft",
            "pending_approval",
            "guards.always(uuid,uuid)",
            "regulated_change",
            "{}",
            &format!(r#"{{"title": "t", "tenant_id": "{tenant}"}}"#),
            &format!(r#"{{"work_order": "{work_order}", "to_status": "pending_approval"}}"#),
            r#"[{"title": "t"}]"#,
            &world.globex.token("nobody such"),
        ]
        .iter()
        .map(|text| quoted(text))
        .chain(["null".to_owned()])
        .collect(),
        "uuid" => vec![quoted(tenant), quoted(work_order), quoted(&"0".repeat(32)), "null".into()],
        "jsonb" | "json" => vec![
            quoted("{}"),
            quoted("null"),
            quoted("[]"),
            quoted(&format!(
                r#"[{{"work_order": "{number}", "to_status": "closed", "reason": "r"}}]"#
            )),
            quoted(&format!(r#"[{{"title": "t", "tenant_id": "{tenant}"}}]"#)),
            "null".into(),
        ],
        "integer" | "bigint" => {
            vec!["0".into(), "-1".into(), "2147483647".into(), "1".into(), "null".into()]
        }
        "boolean" => vec!["true".into(), "false".into(), "null".into()],
        "text[]" => vec!["'{globex}'".into(), "'{}'".into(), "null".into()],
        "interval" => vec!["'-1 day'".into(), "'178000000 years'".into(), "null".into()],
        "date" => vec!["'infinity'".into(), "null".into()],
        "timestamp with time zone" => vec!["'-infinity'".into(), "now()".into(), "null".into()],
        "numeric" => vec!["'NaN'".into(), "-1".into(), "null".into()],
        "bytea" => vec!["'\\x00'".into(), "null".into()],
        other => panic!("no odd arguments are known for the type {other}"),
    }
}

/// Up to `most` calls that together try every candidate in every place.
fn calls(function: &Function, known: &Known, world: &World<'_>, most: usize) -> Vec<String> {
    let choices: Vec<Vec<String>> = function
        .types
        .iter()
        .map(|kind| {
            candidates(kind, known, world)
                .into_iter()
                .map(|value| format!("{value}::{kind}"))
                .collect()
        })
        .collect();
    let all: usize = choices.iter().map(Vec::len).fold(1, |a, b| a.saturating_mul(b));
    (0..all.min(most))
        .map(|round| {
            let mut rest =
                if all <= most { round } else { round.wrapping_mul(2_654_435_761) % all };
            let arguments: Vec<String> = choices
                .iter()
                .map(|choice| {
                    let value = choice[rest % choice.len()].clone();
                    rest /= choice.len();
                    value
                })
                .collect();
            format!("select line::text from {}({}) as line", function.name, arguments.join(", "))
        })
        .collect()
}

fn tried(client: &mut Client, call: &str) -> String {
    client.batch_execute("savepoint call").unwrap();
    match client.query(call, &[]) {
        Ok(rows) => {
            let text = |row: &postgres::Row| row.get::<_, Option<String>>(0).unwrap_or_default();
            let rows: Vec<String> = rows.iter().map(text).collect();
            client.batch_execute("release call").unwrap();
            rows.join("\n")
        }
        Err(error) => {
            let error = error.as_db_error().unwrap_or_else(|| panic!("{call}: {error:?}")).clone();
            let code = error.code().code();
            assert!(
                !["XX000", "XX001", "XX002", "58P01", "57P01"].contains(&code),
                "{call}: {error:?}"
            );
            client.batch_execute("rollback to call; release call").unwrap();
            format!("{:?}", (error.message(), error.detail(), error.hint(), error.where_()))
        }
    }
}

#[test]
fn odd_arguments_show_and_change_nothing_of_another_tenants() {
    let cluster = Cluster::own(&[]);
    let world = World::on(&cluster);
    world.fill();
    let known = known(&world);
    let globex = |world: &World<'_>| {
        let mut admin = world.db.superuser();
        let mut all = String::new();
        for (table, tenanted) in world.tables() {
            if tenanted {
                let sql = format!(
                    "select coalesce(md5(string_agg(line::text, '|' order by line::text)), '') from wo.{table} as line where tenant_id = $1"
                );
                let row = admin.query_one(&sql, &[&world.globex.tenant]).unwrap();
                all.push_str(&format!("{table} {}\n", row.get::<_, String>(0)));
            }
        }
        all
    };
    let before = globex(&world);
    for (login, role) in
        [("svc", "wo_user"), ("aud", "wo_auditor"), ("mon", "wo_monitor"), ("bri", "wo_bridge")]
    {
        let functions = executable(&world, role, &["wo_private", "wo"]);
        assert!(functions.len() >= 5, "{role}");
        for somebody in [true, false] {
            if somebody && ["mon", "bri"].contains(&login) {
                continue;
            }
            let mut client = world.db.connect(login);
            for function in &functions {
                client.batch_execute("begin").unwrap();
                if somebody {
                    authenticate(&mut client, &world.acme.token("ann"));
                }
                for call in calls(function, &known, &world, wo_cluster_tests::count(60, 250)) {
                    let said = tried(&mut client, &call);
                    let echoed = call.contains(SECRET);
                    assert!(echoed || !said.contains(SECRET), "{login}: {call}\n{said}");
                    // What belongs to globex may be repeated only where it was given.
                    for name in [&known.tenant, &known.work_order, &known.number] {
                        let bridge = login == "bri" && function.name.ends_with("fetch_events");
                        assert!(
                            bridge || call.contains(name.as_str()) || !said.contains(name.as_str()),
                            "{login}: {call}\n{said}"
                        );
                    }
                }
                client.batch_execute("commit").unwrap();
            }
        }
    }
    assert_eq!(globex(&world), before);
    let log = cluster.log();
    assert!(!log.contains("terminated by signal") && !log.contains("PANIC"), "{log}");
}

#[test]
fn without_an_identity_no_function_writes_a_row() {
    let world = World::new();
    world.fill();
    let before = world.fingerprint();
    let known = known(&world);
    for (login, role) in [("svc", "wo_user"), ("aud", "wo_auditor"), ("mon", "wo_monitor")] {
        let mut client = world.db.connect(login);
        client.batch_execute("begin").unwrap();
        for function in executable(&world, role, &["wo_private", "wo"]) {
            for call in calls(&function, &known, &world, 40) {
                tried(&mut client, &call);
            }
        }
        client.batch_execute("commit").unwrap();
    }
    assert_eq!(world.fingerprint(), before);
}

#[test]
fn what_a_definer_does_for_enforcement_it_does_for_nobody_else() {
    let world = World::new();
    world.fill();
    let mut client = world.svc();
    let call = "select wo_private.call_guard('guards.always(uuid,uuid)', $1, $2)";
    let answers = |when: &str, client: &mut Client| {
        for tenant in [world.acme.tenant, world.globex.tenant] {
            let row = client.query_one(call, &[&tenant, &uuid::Uuid::nil()]).unwrap();
            assert_eq!(row.get::<_, Option<bool>>(0), None, "{when}");
        }
    };
    answers("as nobody", &mut client);
    client.batch_execute("begin").unwrap();
    authenticate(&mut client, &world.acme.token("ann"));
    answers("as ann", &mut client);
    client.batch_execute("select wo.create_work_order('x'); select wo.verify_audit()").unwrap();
    answers("after the enforcement layer was at work", &mut client);
    client.batch_execute("savepoint s").unwrap();
    let failed = client.execute("select wo.create_work_order('x', assignee => 'nobody such')", &[]);
    assert!(failed.is_err());
    client.batch_execute("rollback to s").unwrap();
    answers("after the enforcement layer failed", &mut client);
    client.batch_execute("commit").unwrap();
    answers("after the transaction", &mut client);
    let definers = world
        .db
        .superuser()
        .query(
            "select oid::regproc::text from pg_proc where prosecdef
                and pronamespace in ('wo_private'::regnamespace, 'wo'::regnamespace)
                and has_function_privilege('wo_user', oid, 'execute') order by 1",
            &[],
        )
        .unwrap();
    let definers: Vec<String> = definers.iter().map(|row| row.get(0)).collect();
    assert_eq!(
        definers,
        ["wo_private.call_guard", "wo_private.tables_version"],
        "a definer that users may call must be looked at"
    );
}
