//! What the catalogues say of schemas wo and wo_private, object by object, and what the tables hold.

use std::collections::BTreeMap;

use postgres::{Client, GenericClient};
use wo_cluster_tests::Database;

/// Each object with its definition. Columns go by name: their order may differ. Constraints are shown
/// prettily, because a restore reads `a AND (b AND c)` back as `a AND b AND c`.
const OBJECTS: &str = r#"
WITH home AS (
    SELECT oid, nspname, nspowner, nspacl FROM pg_namespace WHERE nspname IN ('wo', 'wo_private')
), held AS (
    SELECT class.*, class.oid::regclass::text AS name, home.nspname FROM pg_class AS class
    JOIN home ON home.oid = class.relnamespace
), routine AS (
    SELECT proc.*, proc.oid::regprocedure::text AS name FROM pg_proc AS proc
    JOIN home ON home.oid = proc.pronamespace
)
SELECT 'schema ' || nspname, concat_ws(E'\n', 'owner ' || nspowner::regrole,
    'acl ' || pg_temp.acl(coalesce(nspacl, acldefault('n', nspowner))),
    'comment ' || obj_description(oid, 'pg_namespace'))
FROM home
UNION ALL
SELECT 'relation ' || name, concat_ws(E'\n', 'kind ' || relkind::text, 'owner ' || relowner::regrole,
    'acl ' || pg_temp.acl(coalesce(relacl, acldefault(CASE relkind WHEN 'S' THEN 's' ELSE 'r' END::"char", relowner))),
    'persistence ' || relpersistence::text, 'rls ' || relrowsecurity || ' force ' || relforcerowsecurity,
    'options ' || array_to_string(ARRAY(SELECT unnest(reloptions) ORDER BY 1), ','),
    'replica identity ' || relreplident::text,
    'partitioned by ' || pg_get_partkeydef(oid), 'bound ' || pg_get_expr(relpartbound, oid),
    'parent ' || (SELECT inhparent::regclass::text FROM pg_inherits WHERE inhrelid = held.oid AND held.relispartition),
    'view ' || CASE WHEN relkind = 'v' THEN pg_get_viewdef(oid) END,
    'comment ' || obj_description(oid, 'pg_class'))
FROM held WHERE relkind IN ('r', 'p', 'v', 'm', 'S', 'f', 'c')
UNION ALL
SELECT 'column ' || name || '.' || attname, concat_ws(E'\n', format_type(atttypid, atttypmod),
    'not null ' || attnotnull, 'default ' || (SELECT pg_get_expr(adbin, adrelid) FROM pg_attrdef
        WHERE adrelid = attrelid AND adnum = attnum),
    'collation ' || nullif(attcollation, 0)::regcollation, 'identity ' || attidentity::text, 'generated ' || attgenerated::text,
    'storage ' || attstorage::text, 'inherited ' || (attinhcount > 0), 'acl ' || pg_temp.acl(attacl),
    'comment ' || col_description(attrelid, attnum))
FROM pg_attribute JOIN held ON held.oid = attrelid AND relkind IN ('r', 'p', 'v', 'm', 'f', 'c')
WHERE attnum > 0 AND NOT attisdropped
UNION ALL
SELECT 'sequence ' || name, concat_ws(' ', seqtypid::regtype, seqstart, seqincrement, seqmin, seqmax, seqcache, seqcycle)
FROM pg_sequence JOIN held ON held.oid = seqrelid
UNION ALL
SELECT 'constraint ' || name || '.' || conname, concat_ws(E'\n', pg_get_constraintdef(pg_constraint.oid, true),
    'validated ' || convalidated, 'inherited ' || (conparentid <> 0 OR coninhcount > 0),
    'comment ' || obj_description(pg_constraint.oid, 'pg_constraint'),
    'triggers ' || (SELECT string_agg(tgenabled::text, '' ORDER BY tgenabled) FROM pg_trigger
        WHERE tgconstraint = pg_constraint.oid))
FROM pg_constraint JOIN held ON held.oid = conrelid
UNION ALL
SELECT 'index ' || indexrelid::regclass, concat_ws(E'\n', pg_get_indexdef(indexrelid), 'valid ' || indisvalid,
    'attached ' || (SELECT inhparent::regclass::text FROM pg_inherits WHERE inhrelid = indexrelid),
    'comment ' || obj_description(indexrelid, 'pg_class'))
FROM pg_index JOIN held ON held.oid = indrelid
UNION ALL
SELECT 'trigger ' || name || '.' || tgname, concat_ws(E'\n', pg_get_triggerdef(pg_trigger.oid), 'enabled ' || tgenabled::text,
    'cloned ' || (tgparentid <> 0), 'comment ' || obj_description(pg_trigger.oid, 'pg_trigger'))
FROM pg_trigger JOIN held ON held.oid = tgrelid WHERE NOT tgisinternal
UNION ALL
SELECT 'policy ' || name || '.' || polname, concat_ws(E'\n', 'for ' || polcmd::text, 'permissive ' || polpermissive,
    'to ' || (SELECT string_agg(CASE role WHEN 0 THEN 'public' ELSE role::regrole::text END, ',' ORDER BY role::regrole::text)
        FROM unnest(polroles) AS role),
    'using ' || pg_get_expr(polqual, polrelid), 'check ' || pg_get_expr(polwithcheck, polrelid),
    'comment ' || obj_description(pg_policy.oid, 'pg_policy'))
FROM pg_policy JOIN held ON held.oid = polrelid
UNION ALL
SELECT 'rule ' || name || '.' || rulename, pg_get_ruledef(pg_rewrite.oid)
FROM pg_rewrite JOIN held ON held.oid = ev_class
UNION ALL
SELECT 'function ' || name, concat_ws(E'\n', CASE WHEN prokind IN ('f', 'p') THEN pg_get_functiondef(oid) END,
    'owner ' || proowner::regrole, 'acl ' || pg_temp.acl(coalesce(proacl, acldefault('f', proowner))),
    'comment ' || obj_description(oid, 'pg_proc'))
FROM routine
UNION ALL
SELECT 'type ' || format_type(pg_type.oid, NULL), concat_ws(E'\n', typtype::text, 'owner ' || typowner::regrole,
    'acl ' || pg_temp.acl(coalesce(typacl, acldefault('T', typowner))),
    'base ' || format_type(nullif(typbasetype, 0), typtypmod), 'not null ' || typnotnull, 'default ' || typdefault,
    'checks ' || (SELECT string_agg(conname || ' ' || pg_get_constraintdef(oid, true), ', ' ORDER BY conname)
        FROM pg_constraint WHERE contypid = pg_type.oid),
    'labels ' || (SELECT string_agg(enumlabel, ',' ORDER BY enumsortorder) FROM pg_enum WHERE enumtypid = pg_type.oid),
    'comment ' || obj_description(pg_type.oid, 'pg_type'))
FROM pg_type JOIN home ON home.oid = typnamespace WHERE typtype <> 'c' AND typcategory <> 'A'
UNION ALL
SELECT 'member ' || pg_describe_object(classid, objid, objsubid), extname || ' ' || extversion
FROM pg_depend JOIN pg_extension ON pg_extension.oid = refobjid
WHERE refclassid = 'pg_extension'::regclass AND deptype = 'e' AND extname = 'wo_core'
UNION ALL
SELECT 'event trigger ' || evtname, concat_ws(E'\n', 'on ' || evtevent, 'owner ' || evtowner::regrole,
    'enabled ' || evtenabled::text, 'tags ' || array_to_string(evttags, ','), 'function ' || evtfoid::regprocedure,
    'comment ' || obj_description(oid, 'pg_event_trigger'))
FROM pg_event_trigger
UNION ALL
SELECT 'default privileges ' || defaclrole::regrole || ' ' || defaclobjtype::text, pg_temp.acl(defaclacl)
FROM pg_default_acl JOIN home ON home.oid = defaclnamespace
ORDER BY 1
"#;

/// Privileges in one order, whatever order they were granted in.
const ACL: &str = "
CREATE OR REPLACE FUNCTION pg_temp.acl(aclitem[]) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(concat_ws(' ', CASE grantee WHEN 0 THEN 'public' ELSE grantee::regrole::text END,
        privilege_type, CASE WHEN is_grantable THEN 'grantable' END, 'by ' || grantor::regrole), ', '
        ORDER BY grantee::regrole::text, privilege_type)
    FROM aclexplode($1)
$$";

pub type Snapshot = BTreeMap<String, String>;

pub fn objects(db: &Database<'_>) -> Snapshot {
    objects_seen_by(&mut db.superuser())
}

fn objects_seen_by(superuser: &mut impl GenericClient) -> Snapshot {
    // Every name with its schema, wherever it is shown.
    superuser.batch_execute("SET search_path = pg_catalog").unwrap();
    superuser.batch_execute(ACL).unwrap();
    let mut snapshot = Snapshot::new();
    for row in superuser.query(OBJECTS, &[]).unwrap() {
        let (object, definition): (String, String) = (row.get(0), row.get(1));
        let twice = snapshot.insert(object.clone(), definition);
        assert!(twice.is_none(), "two objects are called {object}");
    }
    assert!(snapshot.len() > 500, "the catalogue query sees hardly anything");
    snapshot
}

/// Every table with the number of its rows and a hash that does not depend on their order, and
/// every sequence with where it stands. DDL that is not in the audit trail yet is left out: what these tests do to the
/// schema is no record.
pub fn rows(db: &Database<'_>) -> Snapshot {
    rows_as(db, "held::text")
}

/// The same for tables whose columns may stand in another order.
pub fn rows_by_name(db: &Database<'_>) -> Snapshot {
    rows_as(db, "to_jsonb(held)::text")
}

fn rows_as(db: &Database<'_>, text: &str) -> Snapshot {
    let mut superuser = db.superuser();
    let tables = names(&mut superuser, "'r'");
    let mut snapshot = Snapshot::new();
    for table in tables.into_iter().filter(|name| name != "wo.ddl_mark") {
        let sql = format!(
            "SELECT count(*) || ' rows ' || coalesce(sum(hashtextextended({text}, 0)::numeric), 0)
             FROM ONLY {table} AS held"
        );
        snapshot.insert(table, superuser.query_one(&sql, &[]).unwrap().get(0));
    }
    for sequence in names(&mut superuser, "'S'") {
        let sql = format!("SELECT last_value || ' ' || is_called FROM {sequence}");
        snapshot.insert(sequence.clone(), superuser.query_one(&sql, &[]).unwrap().get(0));
    }
    snapshot
}

fn names(superuser: &mut Client, kinds: &str) -> Vec<String> {
    let sql = format!(
        "SELECT format('%I.%I', nspname, relname) FROM pg_class
         JOIN pg_namespace ON pg_namespace.oid = relnamespace
         WHERE nspname = 'wo' AND relkind IN ({kinds})"
    );
    superuser.query(&sql, &[]).unwrap().iter().map(|row| row.get(0)).collect()
}

/// What differs, one line an object; empty where nothing does.
pub fn differences(expected: &Snapshot, found: &Snapshot) -> String {
    let mut lines = String::new();
    for object in expected.keys().chain(found.keys().filter(|key| !expected.contains_key(*key))) {
        let line = match (expected.get(object), found.get(object)) {
            (Some(expected), Some(found)) if expected == found => continue,
            (Some(expected), Some(found)) => {
                format!("{object}:\n  {expected}\n  became\n  {found}\n")
            }
            (Some(_), None) => format!("{object} is missing\n"),
            _ => format!("{object} is too many\n"),
        };
        lines.push_str(&line);
    }
    lines
}

#[track_caller]
pub fn assert_same(expected: &Snapshot, found: &Snapshot) {
    let differences = differences(expected, found);
    assert!(differences.is_empty(), "{differences}");
}

#[test]
fn a_snapshot_sees_every_kind_of_change() {
    let db = wo_cluster_tests::Cluster::shared().database();
    db.login("cap", &["wo_user"]);
    let before = objects(&db);
    let mut superuser = db.superuser();
    for (change, object) in [
        ("COMMENT ON COLUMN wo.work_order.title IS 'other'", "column wo.work_order.title"),
        ("COMMENT ON FUNCTION wo.whoami() IS 'other'", "function wo.whoami()"),
        ("GRANT SELECT ON wo.work_order TO cap", "relation wo.work_order"),
        ("GRANT SELECT (title) ON wo.work_order TO cap", "column wo.work_order.title"),
        ("REVOKE EXECUTE ON FUNCTION wo.whoami() FROM wo_user", "function wo.whoami()"),
        ("ALTER TABLE wo.work_order DISABLE TRIGGER validate", "trigger wo.work_order.validate"),
        (
            "ALTER TABLE wo.work_order ENABLE TRIGGER forbid_delete",
            "trigger wo.work_order.forbid_delete",
        ),
        (
            "ALTER POLICY tenant_isolation ON wo.work_order USING (true)",
            "policy wo.work_order.tenant_isolation",
        ),
        (
            "ALTER POLICY tenant_isolation ON wo.work_order TO wo_user",
            "policy wo.work_order.tenant_isolation",
        ),
        ("ALTER TABLE wo.work_order NO FORCE ROW LEVEL SECURITY", "relation wo.work_order"),
        ("ALTER TABLE wo.work_order OWNER TO postgres", "relation wo.work_order"),
        ("ALTER TABLE wo.work_order ALTER title DROP NOT NULL", "column wo.work_order.title"),
        ("DROP INDEX wo.work_order_assignee", "index wo.work_order_assignee"),
        (
            "ALTER TABLE wo.work_order DROP CONSTRAINT work_order_idempotency_key_key",
            "constraint wo.work_order.work_order_idempotency_key_key",
        ),
        (
            "ALTER TABLE wo.work_order DISABLE TRIGGER ALL",
            "constraint wo.work_order.work_order_tenant_id_fkey",
        ),
        (
            "CREATE OR REPLACE FUNCTION wo.current_tenant() RETURNS uuid LANGUAGE sql STABLE AS 'SELECT null::uuid'",
            "function wo.current_tenant()",
        ),
        (
            "ALTER EXTENSION wo_core DROP FUNCTION wo_private.whoami()",
            "member function wo_private.whoami()",
        ),
        ("ALTER SEQUENCE wo.event_position CACHE 10", "sequence wo.event_position"),
    ] {
        // Rolled back: what follows must be seen by itself.
        let mut changing = superuser.transaction().unwrap();
        changing.batch_execute(change).unwrap();
        let seen = differences(&before, &objects_seen_by(&mut changing));
        let line = |line: &str| {
            line.starts_with(&format!("{object}:")) || line.starts_with(&format!("{object} is"))
        };
        assert!(seen.lines().any(line), "{change}: {object} is not in\n{seen}");
        changing.rollback().unwrap();
        assert_same(&before, &objects_seen_by(&mut superuser));
    }
    superuser
        .batch_execute(
            "DROP EXTENSION wo_core CASCADE; DROP SCHEMA wo CASCADE; CREATE EXTENSION wo_core",
        )
        .unwrap();
    assert_same(&before, &objects(&db));
}
