//! Each function of the API that takes a work order by number or UUID as text has a second signature
//! that takes the UUID as such, as drivers and object mappers hold it. `sql/91_uuid_signatures.sql`
//! is generated from the functions themselves.

use std::fmt::Write;
use std::path::Path;

use wo_cluster_tests::Cluster;

/// The parameters that name a work order.
const NAMES: &str = "'{work_order,order_id,master,child,successor,predecessor}'::text[]";

const HEAD: &str = "\
-- The signatures that take the UUID of a work order as such, beside those that take its number or UUID
-- as text. An untyped literal means the text.
--
-- Generated from the functions of schema wo; do not edit. After a change of them:
-- WO_GOLDEN=accept cargo test -p wo_cluster_tests uuid_signatures

-- == enforcement ==
";

/// Name, parameters, result, whether it returns rows, volatility, comment, who may call it, arguments
/// of the call, types of the parameters.
fn functions() -> String {
    format!(
        "with made as (
            select proc.oid, proname, proretset, provolatile, proowner, proacl, names.name, types.type::oid, place
            from pg_proc as proc
            cross join unnest(proargnames[1:pronargs], proargtypes::oid[]) with ordinality as both_of (name, type, place)
            cross join lateral (select both_of.name) as names
            cross join lateral (select case when both_of.name = any ({NAMES}) and both_of.type = 'text'::regtype
                then 'uuid'::regtype else both_of.type::regtype end as type) as types
            where pronamespace = 'wo'::regnamespace
                and proargnames[1] = any ({NAMES}) and proargtypes[0] = 'text'::regtype
         )
         select proname::text,
            string_agg(name || ' ' || type::regtype || case
                when place > 1 and pg_get_function_arg_default(oid, place::int) is not null
                then ' default ' || regexp_replace(pg_get_function_arg_default(oid, place::int), '^NULL::.*$', 'null')
                else '' end, ', ' order by place),
            pg_get_function_result(oid),
            proretset, case provolatile when 's' then 'stable' else 'volatile' end,
            obj_description(oid, 'pg_proc'),
            (select string_agg(granted.grantee::regrole::text, ', ' order by granted.grantee::regrole::text)
                from aclexplode(proacl) as granted where granted.grantee <> proowner),
            string_agg('$' || place || case when type = 'uuid'::regtype then '::pg_catalog.text' else '' end, ', ' order by place),
            string_agg(type::regtype::text, ', ' order by place)
         from made
         group by oid, proname, proretset, provolatile, proowner, proacl
         order by proname, 2"
    )
}

fn generated() -> String {
    let mut sql = HEAD.to_owned();
    for row in Cluster::shared().database().superuser().query(&functions(), &[]).unwrap() {
        let text = |column: usize| -> String { row.get(column) };
        let (name, types) = (text(0), text(8));
        let select = if row.get(3) { "select made.* from" } else { "select" };
        let made = if row.get(3) { " as made" } else { "" };
        let comment = format!("{} Takes the UUID of the work order.", text(5)).replace('\'', "''");
        write!(
            sql,
            "\ncreate or replace function wo.{name}({}) returns {}
    language sql {}
    as $$ {select} wo.{name}({}){made} $$;
comment on function wo.{name}({types}) is
    '{comment}';
grant execute on function wo.{name}({types}) to {};\n",
            text(1),
            text(2),
            text(4),
            text(7),
            text(6),
        )
        .unwrap();
    }
    sql
}

/// A driver that holds the id of a work order as a UUID would get 42883 for a function without such a
/// signature.
#[test]
fn the_checked_in_uuid_signatures_are_what_the_functions_have() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../sql/91_uuid_signatures.sql");
    let generated = generated();
    if std::env::var_os("WO_GOLDEN").is_some_and(|value| value == "accept") {
        std::fs::write(&path, &generated).unwrap();
    }
    let checked_in = std::fs::read_to_string(&path).unwrap_or_default();
    let first = checked_in.lines().zip(generated.lines()).find(|(old, new)| old != new);
    assert!(checked_in == generated, "{} differs, first at {first:?}", path.display());
}

/// An untyped literal must mean the number, in positional and in named notation, and a UUID must find
/// its signature, also where the text is NULL by default.
#[test]
fn a_literal_means_the_number_and_a_uuid_finds_its_signature() {
    let database = Cluster::shared().database();
    database.login("una", &["wo_user"]);
    database
        .superuser()
        .batch_execute(
            "select wo.create_tenant('acme', 'Acme'); begin; select wo.administer('acme');
             select wo.create_principal('una', roles => '{planner}', db_role => 'una'); commit",
        )
        .unwrap();
    let mut una = database.connect("una");
    let row = una
        .query_one(
            "select (made ->> 'id')::uuid, made ->> 'wo_number' from wo.create_work_order('first', assignee => 'una') as made",
            &[],
        )
        .unwrap();
    let (id, number): (uuid::Uuid, String) = (row.get(0), row.get(1));
    for by_literal in [
        format!("select wo.patch_work_order('{number}', '{{\"notes\": \"1\"}}')"),
        format!(
            "select wo.patch_work_order(work_order => '{number}', fields => '{{\"notes\": \"2\"}}')"
        ),
        format!("select * from wo.allowed_transitions('{number}')"),
        format!("select * from wo.verify_audit('{number}')"),
        "select * from wo.verify_audit()".to_owned(),
        "select * from wo.verify_audit(null)".to_owned(),
        "select * from wo.pending_approvals()".to_owned(),
        format!("select wo.patch_work_order('{id}', '{{\"notes\": \"3\"}}')"),
        format!("select wo.patch_work_order('{id}'::uuid, '{{\"notes\": \"4\"}}')"),
        format!("select * from wo.verify_audit('{id}'::uuid)"),
        format!("select * from wo.audit_trail(work_order => '{id}'::uuid)"),
    ] {
        una.query(&by_literal, &[]).unwrap_or_else(|error| panic!("{by_literal}: {error:?}"));
    }
    let of_uuid =
        una.query("select action from wo.allowed_transitions($1::uuid) as edge", &[&id]).unwrap();
    let of_number = una
        .query("select action from wo.allowed_transitions($1::text) as edge", &[&number])
        .unwrap();
    assert!(!of_uuid.is_empty());
    assert_eq!(of_uuid.len(), of_number.len());
    // A parameter whose type the driver leaves to the server is the text.
    let prepared = una.prepare("select wo.patch_work_order($1, '{}')").unwrap();
    assert_eq!(prepared.params(), [postgres::types::Type::TEXT]);
    let entries: i64 =
        una.query_one("select count(*) from wo.audit_trail($1::uuid)", &[&id]).unwrap().get(0);
    assert_eq!(entries, 5, "created, and four patches");
}
