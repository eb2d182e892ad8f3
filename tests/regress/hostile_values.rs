//! Hostile values for every function that a role may execute: each is answered, or refused with a plain
//! sentence. An internal error (XX000), a panic, or a WARNING in the server's log is a defect.

use postgres::Client;
use wo_cluster_tests::{Cluster, Database};

/// A value for each type of argument that is usual for it; `$order` stands for a work order's number.
fn usual(kind: &str) -> &'static str {
    match kind {
        "text" => "'$order'",
        "jsonb" | "json" => "'{\"title\": \"t\"}'",
        "text[]" => "'{a}'",
        "bigint" | "integer" | "smallint" | "numeric" => "1",
        "boolean" => "true",
        "uuid" => "'$id'",
        "timestamp with time zone" => "now()",
        "date" => "current_date",
        "interval" => "'1 hour'",
        _ => "null",
    }
}

/// Hostile values of a type, as SQL expressions.
fn hostile(kind: &str) -> Vec<String> {
    let nested = |levels: usize| format!("'{}1{}'", "[".repeat(levels), "]".repeat(levels));
    let documents = || {
        let mut all: Vec<String> = [
            "null", "[]", "{}", "7", "1e400", "-1e400", "\"x\"", "[null]", "[[]]", "[{}]", "[1e400]",
            "{\"a\": 1e400}", "{\"\": {}}", "{\"a\": 1, \"a\": 2}", "{\"title\": 1e400}",
            "{\"title\": \"t\", \"metadata\": {\"a\": 1e400}}",
            "{\"title\": \"t\", \"hierarchy_policy\": {\"completion\": {\"percent\": 1e400}}}",
            "{\"completion\": {\"count\": 1e400}}", "{\"completion\": {\"percent\": 1e-400}}",
            "{\"work_order\": \"$order\", \"to_status\": \"x\", \"expected_version\": 1e30}",
            "[{\"title\": \"t\", \"estimated_hours\": \"1e400\"}]",
            "[{\"title\": \"t\", \"due_date\": \"infinity\", \"planned_start\": \"-infinity\"}]",
            "{\"master\": {\"title\": \"t\"}, \"children\": [{\"title\": \"c\", \"after\": [1e400]}]}",
        ]
        .map(|text| format!("'{text}'"))
        .to_vec();
        all.extend([nested(127), nested(130), nested(3_000)]);
        all.push("json_build_object('a', repeat(chr(1), 300000))".to_owned());
        all.push(
            "(select json_object_agg('k' || n, n) from generate_series(1, 20000) as n)".to_owned(),
        );
        all
    };
    match kind {
        "text" => {
            let mut all = documents();
            all.retain(|text| !text.contains("select"));
            all.extend(
                [
                    "''",
                    "' '",
                    "'x'",
                    "'$id'",
                    "'00000000-0000-0000-0000-000000000000'",
                    "E'a\\nb'",
                    "E'\\u202e\\u2066'",
                    "E'\\x01'",
                    "'%s%n$1'",
                    "'a\"b\\c'",
                    "repeat('x', 3000000)",
                    "repeat(chr(1), 1000000)",
                    "repeat('é', 300)",
                    "'..'",
                    "'/etc/passwd'",
                    "'infinity'",
                    "'a.b.c'",
                    "'eyJhbGciOiJFZERTQSJ9.e30.'",
                ]
                .map(str::to_owned),
            );
            all
        }
        "jsonb" | "json" => {
            let mut all: Vec<String> =
                documents().into_iter().map(|text| format!("{text}::text::{kind}")).collect();
            if kind == "json" {
                all.push("'{\"a\": \"\\u0000\"}'::json".to_owned());
                all.push("'\"\\ud800\"'::json".to_owned());
            }
            all
        }
        "text[]" => [
            "'{}'",
            "'{{a,b},{c,d}}'",
            "'[5:6]={a,b}'",
            "'{null}'",
            "'{\"\"}'",
            "array_fill(repeat('x', 100), array[20000])",
        ]
        .map(str::to_owned)
        .to_vec(),
        "bigint" => ["0", "-1", "9223372036854775807", "-9223372036854775808", "9007199254740993"]
            .map(|number| format!("({number})"))
            .to_vec(),
        "integer" => {
            ["0", "-1", "2147483647", "-2147483648"].map(|number| format!("({number})")).to_vec()
        }
        "smallint" => ["0", "-1", "32767"].map(|number| format!("({number}::smallint)")).to_vec(),
        "numeric" => {
            ["'NaN'", "'Infinity'", "'-Infinity'", "1e1000", "-1", "1e-1000", "999999.999"]
                .map(str::to_owned)
                .to_vec()
        }
        "uuid" => [
            "'00000000-0000-0000-0000-000000000000'",
            "'ffffffff-ffff-ffff-ffff-ffffffffffff'",
            "gen_random_uuid()",
        ]
        .map(str::to_owned)
        .to_vec(),
        "timestamp with time zone" => {
            ["'infinity'", "'-infinity'", "'4713-01-01 00:00:00 BC'", "'294276-12-31'"]
                .map(str::to_owned)
                .to_vec()
        }
        "date" => ["'infinity'", "'-infinity'", "'4713-01-01 BC'", "'5874897-12-31'"]
            .map(str::to_owned)
            .to_vec(),
        "interval" => ["'-1 day'", "'178000000 years'", "'-178000000 years'", "'0'"]
            .map(str::to_owned)
            .to_vec(),
        "bytea" => {
            ["''", "'\\x00'", "decode(repeat('ff', 100000), 'hex')"].map(str::to_owned).to_vec()
        }
        _ => Vec::new(),
    }
}

/// Name and types of the arguments of every function that the role may execute.
fn functions(client: &mut Client) -> Vec<(String, Vec<String>)> {
    let rows = client
        .query(
            "select made.pronamespace::regnamespace || '.' || quote_ident(made.proname),
                array(select format_type(kind, null) from unnest(made.proargtypes::oid[]) with ordinality as a (kind, n) order by n)
             from pg_proc as made
             where made.pronamespace in ('wo'::regnamespace, 'wo_private'::regnamespace)
                and made.prokind = 'f' and made.prorettype <> 'trigger'::regtype
                and has_function_privilege(made.oid, 'execute')
             order by 1, 2",
            &[],
        )
        .unwrap();
    rows.iter().map(|row| (row.get(0), row.get(1))).collect()
}

fn founded(cluster: &'static Cluster) -> (Database<'static>, String, String) {
    let database = cluster.database();
    database.login("everybody", &["wo_user", "wo_admin", "wo_auditor"]);
    database
        .superuser()
        .batch_execute(
            "select wo.create_tenant('acme', 'Acme'); begin; select wo.administer('acme');
             select wo.create_principal('everybody', roles => '{planner,system_owner,qa}', db_role => 'everybody');
             commit",
        )
        .unwrap();
    let row = database
        .connect("everybody")
        .query_one(
            "select made ->> 'wo_number', made ->> 'id' from wo.create_work_order('t') as made",
            &[],
        )
        .unwrap();
    (database, row.get(0), row.get(1))
}

#[test]
fn no_function_that_a_role_may_execute_answers_a_hostile_value_with_an_internal_error() {
    let cluster = Cluster::own(&[
        ("log_min_messages", "warning"),
        ("log_error_verbosity", "verbose"),
        ("statement_timeout", "20s"),
        ("wo_core.session_scope", "on"),
    ])
    .kept();
    let (database, number, id) = founded(cluster);
    let mut client = database.connect("everybody");
    let mut failures = Vec::new();
    let (mut calls, mut called) = (0, 0);
    for (name, kinds) in functions(&mut client) {
        let fitting: Vec<&str> = kinds.iter().map(|kind| usual(kind)).collect();
        let mut all: Vec<Vec<String>> =
            vec![fitting.iter().map(|value| (*value).to_owned()).collect()];
        all.push(kinds.iter().map(|_| "null".to_owned()).collect());
        for (place, kind) in kinds.iter().enumerate() {
            for value in hostile(kind) {
                let mut arguments: Vec<String> =
                    fitting.iter().map(|value| (*value).to_owned()).collect();
                arguments[place] = value;
                all.push(arguments);
            }
        }
        called += 1;
        for arguments in all {
            let typed: Vec<String> = arguments
                .iter()
                .zip(&kinds)
                .map(|(value, kind)| format!("({value})::{kind}"))
                .collect();
            let sql = format!("select * from {name}({})", typed.join(", "))
                .replace("$order", &number)
                .replace("$id", &id);
            let result = client.batch_execute("begin").and_then(|()| client.batch_execute(&sql));
            calls += 1;
            let shown: String = sql.chars().take(300).collect();
            if let Err(error) = result {
                match error.as_db_error() {
                    Some(refusal) => {
                        let code = refusal.code().code().to_owned();
                        let words = format!(
                            "{} {:?} {:?}",
                            refusal.message(),
                            refusal.detail(),
                            refusal.hint()
                        );
                        if code.starts_with("XX") || code == "57014" || words.len() > 400_000 {
                            let words: String = words.chars().take(300).collect();
                            failures.push(format!("{code} {shown}: {words}"));
                        }
                    }
                    None => panic!("the connection was lost: {shown}: {error}"),
                }
            }
            client.batch_execute("rollback").unwrap_or_else(|error| panic!("{shown}: {error}"));
        }
    }
    println!("{calls} calls of {called} functions");
    assert!(called > 80, "{called}");
    assert!(failures.is_empty(), "{} failures:\n{}", failures.len(), failures.join("\n"));
    let log = cluster.log();
    let loud: Vec<&str> = log
        .lines()
        .filter(|line| {
            ["WARNING:", "PANIC:", "panicked", "terminated by signal", "XX000"]
                .iter()
                .any(|word| line.contains(word))
        })
        .take(10)
        .collect();
    assert!(loud.is_empty(), "{loud:#?}");
}

/// JSON in a raw write is held to the rule of the API: what no function of ours could read again is refused.
#[test]
fn json_in_a_raw_write_is_held_to_the_rule_of_the_api() {
    let cluster = Cluster::shared();
    let database = cluster.database();
    let (database, number) = {
        database.login("everybody", &["wo_user", "wo_admin", "wo_auditor"]);
        database
            .superuser()
            .batch_execute(
                "select wo.create_tenant('acme', 'Acme'); begin; select wo.administer('acme');
                 select wo.create_principal('everybody', roles => '{planner,system_owner,qa}', db_role => 'everybody');
                 commit",
            )
            .unwrap();
        let number: String = database
            .connect("everybody")
            .query_one("select wo.create_work_order('t') ->> 'wo_number'", &[])
            .unwrap()
            .get(0);
        (database, number)
    };
    let mut client = database.connect("everybody");
    let nested = format!("{{\"a\": {}1{}}}", "[".repeat(130), "]".repeat(130));
    for document in ["{\"a\": 1e400}", "{\"completion\": {\"percent\": 1e400}}", nested.as_str()] {
        for sql in [
            format!(
                "update wo.work_order set metadata = '{document}' where wo_number = '{number}'"
            ),
            format!(
                "update wo.work_order set hierarchy_policy = '{document}' where wo_number = '{number}'"
            ),
            format!("insert into wo.work_order (title, metadata) values ('t', '{document}')"),
            format!("select wo.create_work_order('t', metadata => '{document}')"),
            format!("select wo.patch_work_order('{number}', '{{\"metadata\": {document}}}')"),
            format!("select wo.set_hierarchy_policy('{number}', '{document}')"),
        ] {
            wo_cluster_tests::refused(client.batch_execute(&sql), "22023", "bad_value");
        }
        for sql in [
            format!("update wo.tenant set hierarchy_policy = '{document}'"),
            format!("update wo.principal set attributes = '{document}'"),
            format!(
                "insert into wo.business_calendar (name, time_zone, working_hours) values ('c', 'UTC', '{document}')"
            ),
            format!(
                "insert into wo.approval_sla (role, hours, escalation) values ('qa', 1, '{document}')"
            ),
            format!("select wo.publish_lifecycle('{document}')"),
        ] {
            let mut administering = client.transaction().unwrap();
            administering.batch_execute("select wo.administer('acme')").unwrap();
            let refusal = wo_cluster_tests::db_error(administering.batch_execute(&sql));
            assert_eq!(refusal.code().code(), "22023", "{sql}: {refusal:?}");
        }
    }
}

/// A database in another encoding than UTF8 is refused when the extension is created, not later by a
/// function that meets a letter which Rust cannot read.
#[test]
fn a_database_that_is_not_utf8_is_refused() {
    let cluster = Cluster::shared();
    for encoding in ["LATIN1", "SQL_ASCII"] {
        let name = format!("in_{}", encoding.to_lowercase());
        cluster
            .superuser("postgres")
            .batch_execute(&format!(
                "create database {name} template template0 encoding '{encoding}' locale 'C'"
            ))
            .unwrap();
        let mut client = cluster.superuser(&name);
        let detail = wo_cluster_tests::refused(
            client.batch_execute("create extension wo_core"),
            "0A000",
            "encoding_not_supported",
        );
        assert_eq!(detail["encoding"], encoding);
    }
}
