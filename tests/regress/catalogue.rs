//! What the catalogue must say of every object of ours, a new one too.

use std::path::Path;

use postgres::Client;
use wo_cluster_tests::Cluster;

const DUTIES: [&str; 6] =
    ["wo_guard", "wo_identity", "wo_ledger", "wo_owner", "wo_trail", "wo_worker"];

/// The answers of a query that finds what breaks a rule, one line each. The query sees the objects
/// as they are after an install, and again with leaves that were made later.
#[track_caller]
fn finds_nothing(rule: &str, query: &str) {
    let database = Cluster::shared().database();
    let mut client = database.superuser();
    for later in [false, true] {
        if later {
            let made: i32 = client.query_one("select wo.make_partitions(15)", &[]).unwrap().get(0);
            assert!(made >= 6, "{made}");
        }
        let found = lines(&mut client, query);
        assert!(found.is_empty(), "{rule} (leaves made later: {later}):\n{}", found.join("\n"));
    }
}

fn lines(client: &mut Client, query: &str) -> Vec<String> {
    client.query(query, &[]).unwrap().iter().map(|row| row.get(0)).collect()
}

#[test]
fn every_table_and_every_leaf_has_forced_row_security() {
    finds_nothing(
        "row security is enabled and forced",
        "select oid::regclass::text from pg_class
         where relnamespace = 'wo'::regnamespace and relkind in ('r', 'p')
            and not (relrowsecurity and relforcerowsecurity)",
    );
}

#[test]
fn every_table_has_a_restrictive_tenant_policy_for_all_commands() {
    finds_nothing(
        "a RESTRICTIVE policy named tenant",
        "select held.oid::regclass::text from pg_class as held
         where held.relnamespace = 'wo'::regnamespace and held.relkind in ('r', 'p') and not held.relispartition
            and not exists (select from pg_policy where polrelid = held.oid and polname = 'tenant_isolation'
                and not polpermissive and polcmd = '*')",
    );
}

#[test]
fn the_tenant_policy_compares_the_tenant_and_binds_every_application_role_that_may_come() {
    finds_nothing(
        "the tenant policy asks for the current tenant, looked up once",
        "select held.oid::regclass || ': ' || pg_get_expr(policy.polqual, policy.polrelid)
         from pg_class as held join pg_policy as policy on policy.polrelid = held.oid and policy.polname = 'tenant_isolation'
         where held.relnamespace = 'wo'::regnamespace
            and exists (select from pg_attribute where attrelid = held.oid and attname = 'tenant_id')
            and (pg_get_expr(policy.polqual, policy.polrelid)
                    !~ '^\\(tenant_id = \\( SELECT wo_private.current_tenant\\(\\) AS current_tenant\\)\\)$'
                or policy.polwithcheck is not null)",
    );
    finds_nothing(
        "the tenant policy names every application role with a privilege on the table",
        "select held.oid::regclass || ': ' || known.rolname
         from pg_class as held
         join pg_policy as policy on policy.polrelid = held.oid and policy.polname = 'tenant_isolation'
         cross join pg_roles as known
         where held.relnamespace = 'wo'::regnamespace
            and exists (select from pg_attribute where attrelid = held.oid and attname = 'tenant_id')
            and known.rolname in ('wo_user', 'wo_admin', 'wo_auditor', 'wo_monitor')
            and has_table_privilege(known.oid, held.oid, 'select,insert,update,delete')
            and not known.oid = any (policy.polroles)",
    );
}

#[test]
fn leaves_have_no_policy_and_no_grant() {
    finds_nothing(
        "no policy on a leaf",
        "select polrelid::regclass || ' ' || polname from pg_policy
         join pg_class on pg_class.oid = polrelid where relispartition and relnamespace = 'wo'::regnamespace",
    );
    finds_nothing(
        "no grant on a leaf",
        "select held.oid::regclass || ' to ' || granted.grantee::regrole
         from pg_class as held cross join aclexplode(held.relacl) as granted
         where held.relispartition and held.relnamespace = 'wo'::regnamespace and granted.grantee <> held.relowner",
    );
}

#[test]
fn every_policy_is_to_named_roles() {
    finds_nothing(
        "no policy TO PUBLIC",
        "select polrelid::regclass || ' ' || polname from pg_policy
         join pg_class on pg_class.oid = polrelid
         where relnamespace = 'wo'::regnamespace and 0 = any (polroles)",
    );
}

#[test]
fn everything_is_explained_where_people_look() {
    finds_nothing(
        "a comment on every relation",
        "select oid::regclass::text from pg_class
         where relnamespace = 'wo'::regnamespace and relkind in ('r', 'p', 'v', 'm', 'S')
            and coalesce(obj_description(oid, 'pg_class'), '') = ''",
    );
    finds_nothing(
        "a comment on every column, of leaves and views too",
        "select attrelid::regclass || '.' || attname from pg_attribute
         join pg_class on pg_class.oid = attrelid
         where relnamespace = 'wo'::regnamespace and relkind in ('r', 'p', 'v', 'm') and attnum > 0
            and not attisdropped and coalesce(col_description(attrelid, attnum), '') = ''",
    );
    finds_nothing(
        "a comment on every function of the API",
        "select oid::regprocedure::text from pg_proc
         where pronamespace = 'wo'::regnamespace and coalesce(obj_description(oid, 'pg_proc'), '') = ''",
    );
    finds_nothing(
        "a comment on both schemas, the extension and every role",
        "select nspname::text from pg_namespace
         where nspname in ('wo', 'wo_private') and coalesce(obj_description(oid, 'pg_namespace'), '') = ''
         union all
         select extname::text from pg_extension
         where extname = 'wo_core' and coalesce(obj_description(oid, 'pg_extension'), '') = ''
         union all
         select rolname::text from pg_roles
         where rolname ~ '^wo_' and coalesce(shobj_description(oid, 'pg_authid'), '') = ''",
    );
}

#[test]
fn every_definer_pins_its_search_path_and_has_a_duty_role_as_its_owner() {
    finds_nothing(
        "definers pin pg_catalog, pg_temp",
        "select oid::regprocedure::text || ' ' || coalesce(proconfig::text, 'nothing pinned') from pg_proc
         where prosecdef and pronamespace in ('wo'::regnamespace, 'wo_private'::regnamespace)
            and not coalesce(proconfig, '{}') @> array['search_path=pg_catalog, pg_temp']",
    );
    finds_nothing(
        "definers are owned by a duty role",
        "select made.oid::regprocedure || ' of ' || owner.rolname from pg_proc as made
         join pg_roles as owner on owner.oid = made.proowner
         where made.prosecdef and made.pronamespace in ('wo'::regnamespace, 'wo_private'::regnamespace)
            and (owner.rolsuper or owner.rolcanlogin or owner.rolbypassrls
                or owner.rolname not in ('wo_owner', 'wo_identity', 'wo_trail', 'wo_guard'))",
    );
    let definers = lines(
        &mut Cluster::shared().database().superuser(),
        "select oid::regprocedure::text from pg_proc where prosecdef
            and pronamespace in ('wo'::regnamespace, 'wo_private'::regnamespace)",
    );
    assert!(definers.len() >= 6, "{definers:?}");
}

#[test]
fn the_public_may_nothing() {
    finds_nothing(
        "nothing is granted to PUBLIC",
        "select 'function ' || oid::regprocedure from pg_proc
            cross join aclexplode(coalesce(proacl, acldefault('f', proowner))) as granted
            where pronamespace in ('wo'::regnamespace, 'wo_private'::regnamespace) and granted.grantee = 0
         union all
         select 'relation ' || oid::regclass || ' ' || granted.privilege_type from pg_class
            cross join aclexplode(coalesce(relacl, acldefault(case relkind when 'S' then 's' else 'r' end::\"char\", relowner))) as granted
            where relnamespace in ('wo'::regnamespace, 'wo_private'::regnamespace) and granted.grantee = 0
         union all
         select 'column ' || attrelid::regclass || '.' || attname from pg_attribute
            join pg_class on pg_class.oid = attrelid cross join aclexplode(attacl) as granted
            where relnamespace in ('wo'::regnamespace, 'wo_private'::regnamespace) and granted.grantee = 0
         union all
         select 'schema ' || nspname from pg_namespace
            cross join aclexplode(coalesce(nspacl, acldefault('n', nspowner))) as granted
            where nspname in ('wo', 'wo_private') and granted.grantee = 0
         union all
         select 'default privileges of ' || defaclrole::regrole from pg_default_acl
            cross join aclexplode(defaclacl) as granted
            where defaclnamespace in ('wo'::regnamespace, 'wo_private'::regnamespace) and granted.grantee = 0",
    );
}

#[test]
fn nobody_may_pass_a_privilege_on() {
    finds_nothing(
        "no grant option but the owner's",
        "select 'relation ' || oid::regclass || ' to ' || granted.grantee::regrole from pg_class
            cross join aclexplode(relacl) as granted
            where relnamespace = 'wo'::regnamespace and granted.is_grantable and granted.grantee <> relowner
         union all
         select 'function ' || oid::regprocedure || ' to ' || granted.grantee::regrole from pg_proc
            cross join aclexplode(proacl) as granted
            where pronamespace in ('wo'::regnamespace, 'wo_private'::regnamespace) and granted.is_grantable
                and granted.grantee <> proowner",
    );
    finds_nothing(
        "no application role may truncate, reference or put triggers on a table",
        "select held.oid::regclass || ' ' || granted.privilege_type || ' to ' || granted.grantee::regrole
         from pg_class as held cross join aclexplode(held.relacl) as granted
         where held.relnamespace = 'wo'::regnamespace and granted.grantee <> held.relowner
            and granted.privilege_type in ('TRUNCATE', 'REFERENCES', 'TRIGGER')",
    );
    finds_nothing(
        "only the owners may make objects in our schemas",
        "select nspname || ' to ' || granted.grantee::regrole from pg_namespace
         cross join aclexplode(nspacl) as granted
         where nspname in ('wo', 'wo_private') and granted.privilege_type = 'CREATE' and granted.grantee <> nspowner",
    );
}

#[test]
fn the_extension_owns_the_functions_and_the_database_the_tables() {
    finds_nothing(
        "nothing of schema wo is a member of the extension",
        "select pg_describe_object(classid, objid, objsubid) from pg_depend
         where refclassid = 'pg_extension'::regclass and deptype = 'e'
            and refobjid = (select oid from pg_extension where extname = 'wo_core')
            and not (classid = 'pg_proc'::regclass
                and objid in (select oid from pg_proc where pronamespace = 'wo_private'::regnamespace))
            and not (classid = 'pg_namespace'::regclass and objid = 'wo_private'::regnamespace)
            and not (classid = 'pg_class'::regclass and objid = 'wo_private.lock_secret'::regclass)
            -- Since PostgreSQL 18 the row type of a member is a member too.
            and not (classid = 'pg_type'::regclass
                and objid in (to_regtype('wo_private.lock_secret'), to_regtype('wo_private.lock_secret[]')))",
    );
    finds_nothing(
        "every function of wo_private is a member, and nothing else is there but the secret of the locks",
        "select oid::regprocedure::text from pg_proc
            where pronamespace = 'wo_private'::regnamespace
                and not exists (select from pg_depend where classid = 'pg_proc'::regclass and objid = pg_proc.oid
                    and refclassid = 'pg_extension'::regclass and deptype = 'e')
         union all
         select oid::regclass::text from pg_class
         where relnamespace = 'wo_private'::regnamespace and relname not in ('lock_secret', 'lock_secret_pkey')",
    );
    finds_nothing(
        "wo_owner owns every record and the schema",
        "select 'relation ' || oid::regclass || ' of ' || relowner::regrole from pg_class
            where relnamespace = 'wo'::regnamespace and relowner <> 'wo_owner'::regrole
         union all
         select 'function ' || oid::regprocedure || ' of ' || proowner::regrole from pg_proc
            where pronamespace = 'wo'::regnamespace and proowner <> 'wo_owner'::regrole
         union all
         select 'schema wo of ' || nspowner::regrole from pg_namespace
            where nspname = 'wo' and nspowner <> 'wo_owner'::regrole",
    );
    finds_nothing(
        "no record depends on a function of wo_private: columns, defaults and CHECKs outlive a DROP",
        "select pg_describe_object(held.classid, held.objid, held.objsubid)
         from pg_depend as held
         join pg_proc on pg_proc.oid = held.refobjid and held.refclassid = 'pg_proc'::regclass
         where pg_proc.pronamespace = 'wo_private'::regnamespace
            and held.classid not in ('pg_trigger'::regclass, 'pg_policy'::regclass, 'pg_event_trigger'::regclass,
                'pg_extension'::regclass, 'pg_proc'::regclass)",
    );
}

#[test]
fn what_refuses_fires_always_and_what_derives_fires_at_the_origin() {
    finds_nothing(
        "refusing triggers are ENABLE ALWAYS on parents and leaves",
        "select made.tgrelid::regclass || ' ' || made.tgname || ' ' || made.tgenabled::text from pg_trigger as made
         join pg_proc as called on called.oid = made.tgfoid
         where called.oid = 'wo_private.refuse_change()'::regprocedure and made.tgenabled <> 'A'",
    );
    finds_nothing(
        "deriving triggers fire at the origin alone",
        "select made.tgrelid::regclass || ' ' || made.tgname || ' ' || made.tgenabled::text from pg_trigger as made
         join pg_class as held on held.oid = made.tgrelid
         where held.relnamespace = 'wo'::regnamespace and not made.tgisinternal
            and made.tgfoid not in ('wo_private.refuse_change()'::regprocedure, 'wo_private.invalidate()'::regprocedure)
            and made.tgenabled <> 'O'",
    );
    finds_nothing(
        "what tells a backend to forget is heard in every session",
        "select made.tgrelid::regclass || ' ' || made.tgname from pg_trigger as made
         where made.tgfoid = 'wo_private.invalidate()'::regprocedure and made.tgenabled <> 'A'",
    );
    finds_nothing(
        "TRUNCATE is refused on every table and every leaf",
        "select held.oid::regclass::text from pg_class as held
         where held.relnamespace = 'wo'::regnamespace and held.relkind in ('r', 'p')
            and not exists (select from pg_trigger where tgrelid = held.oid and tgenabled = 'A'
                and tgtype & 32 = 32 and tgfoid = 'wo_private.refuse_change()'::regprocedure)",
    );
    finds_nothing(
        "a change of the key is refused on every table whose rows may change",
        "select held.oid::regclass::text from pg_class as held
         where held.relnamespace = 'wo'::regnamespace and held.relkind in ('r', 'p')
            and not exists (select from pg_trigger where tgrelid = held.oid and tgenabled = 'A'
                and tgtype & 16 = 16 and tgfoid = 'wo_private.refuse_change()'::regprocedure)
            and exists (select from pg_roles where rolname ~ '^wo_' and rolname <> 'wo_owner'
                and has_any_column_privilege(oid, held.oid, 'update'))",
    );
}

#[test]
fn no_foreign_key_acts_behind_row_security_and_each_leads_with_the_tenant() {
    finds_nothing(
        "foreign keys are NO ACTION, not deferrable, and lead with tenant_id",
        "select held.conrelid::regclass || ' ' || held.conname from pg_constraint as held
         join pg_class on pg_class.oid = held.conrelid
         where held.contype = 'f' and pg_class.relnamespace = 'wo'::regnamespace
            and (held.confupdtype <> 'a' or held.confdeltype <> 'a' or held.condeferrable
                or (select attname from pg_attribute where attrelid = held.conrelid and attnum = held.conkey[1]) <> 'tenant_id'
                or (select attname from pg_attribute where attrelid = held.confrelid and attnum = held.confkey[1]) <> 'tenant_id')",
    );
    let keys = lines(
        &mut Cluster::shared().database().superuser(),
        "select conname::text from pg_constraint where contype = 'f' and connamespace = 'wo'::regnamespace",
    );
    assert!(keys.len() >= 10, "{keys:?}");
}

#[test]
fn the_tenant_leads_every_key_of_a_tenants_table() {
    // The small directories that hold what is unique across tenants are named here (design §12).
    finds_nothing(
        "tenant_id leads every primary key and unique constraint or index",
        "select key.indexrelid::regclass::text from pg_index as key
         join pg_class as held on held.oid = key.indrelid
         where held.relnamespace = 'wo'::regnamespace and (key.indisunique or key.indisprimary)
            and exists (select from pg_attribute where attrelid = held.oid and attname = 'tenant_id')
            and coalesce((select attname from pg_attribute where attrelid = held.oid and attnum = key.indkey[0]), '') <> 'tenant_id'
            and key.indexrelid::regclass::text not in ('wo.login_directory_pkey', 'wo.tenant_slug_key')",
    );
    finds_nothing(
        "every table with rows of a tenant has a primary key",
        "select held.oid::regclass::text from pg_class as held
         where held.relnamespace = 'wo'::regnamespace and held.relkind in ('r', 'p')
            and not exists (select from pg_index where indrelid = held.oid and indisprimary)",
    );
}

#[test]
fn the_database_roles_can_neither_log_in_nor_pass_by_row_security() {
    let database = Cluster::shared().database();
    let mut client = database.superuser();
    let roles = lines(
        &mut client,
        "select rolname || case when rolcanlogin or rolsuper or rolbypassrls or rolcreaterole or rolcreatedb
            or rolreplication then ' may too much' else '' end
         from pg_roles where rolname ~ '^wo_' order by rolname",
    );
    assert_eq!(
        roles,
        [
            "wo_admin",
            "wo_auditor",
            "wo_bridge",
            "wo_guard",
            "wo_identity",
            "wo_ledger",
            "wo_monitor",
            "wo_owner",
            "wo_trail",
            "wo_user",
            "wo_worker"
        ]
    );
    let members = lines(
        &mut client,
        "select roleid::regrole || ' has the member ' || member::regrole from pg_auth_members
         where roleid::regrole::text in ('wo_guard', 'wo_identity', 'wo_ledger', 'wo_owner', 'wo_trail', 'wo_worker')
            or member::regrole::text in ('wo_admin', 'wo_auditor', 'wo_bridge', 'wo_guard', 'wo_identity',
                'wo_ledger', 'wo_monitor', 'wo_owner', 'wo_trail', 'wo_user', 'wo_worker')",
    );
    assert!(members.is_empty(), "{members:?}");
    for duty in DUTIES {
        assert!(roles.iter().any(|role| role == duty));
    }
}

/// Compares with the file, so that whoever adds an object must look at the list. To accept what is
/// there now: `WO_GOLDEN=accept cargo test -p wo_cluster_tests golden`.
fn golden(name: &str, query: &str) {
    let database = Cluster::shared().database();
    let found = lines(&mut database.superuser(), query).join("\n") + "\n";
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("regress/golden").join(name);
    if std::env::var_os("WO_GOLDEN").is_some_and(|value| value == "accept") {
        std::fs::write(&path, &found).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    let (new, old): (Vec<_>, Vec<_>) = (found.lines().collect(), expected.lines().collect());
    let more: Vec<_> = new.iter().filter(|line| !old.contains(line)).collect();
    let fewer: Vec<_> = old.iter().filter(|line| !new.contains(line)).collect();
    assert!(
        found == expected,
        "{} differs. Look at each line, then WO_GOLDEN=accept.\nnot in the file: {more:#?}\nonly in the file: {fewer:#?}",
        path.display()
    );
}

#[test]
fn golden_relations_of_the_api() {
    golden(
        "relations.txt",
        r"select distinct case held.relkind when 'r' then 'table' when 'p' then 'partitioned table' when 'v' then 'view'
                when 'S' then 'sequence' else held.relkind::text end
            || case when held.relispartition then ' leaf' else '' end
            || ' wo.' || regexp_replace(held.relname, '_\d{4}_\d{2}$', '_YYYY_MM')
            || coalesce(' (' || (select string_agg(attname || ' ' || format_type(atttypid, atttypmod), ', ' order by attnum)
                from pg_attribute where attrelid = held.oid and attnum > 0 and not attisdropped
                    and held.relkind <> 'S' and not held.relispartition) || ')', '')
            || coalesce(' ' || (select string_agg(who || ': ' || what, '; ' order by who) from (
                    select granted.grantee::regrole::text as who, lower(string_agg(granted.privilege_type, ' ' order by granted.privilege_type)) as what
                    from aclexplode(held.relacl) as granted where granted.grantee <> held.relowner group by 1) as acl), '') as line
          from pg_class as held
          where held.relnamespace = 'wo'::regnamespace and held.relkind not in ('i', 'I')
          order by line",
    );
}

const FUNCTIONS: &str = "select line from (select made.oid::regprocedure || ' returns ' || pg_get_function_result(made.oid)
        || case made.provolatile when 'v' then '' when 's' then ' stable' else ' immutable' end
        || case when made.prosecdef then ' definer of ' || made.proowner::regrole else '' end
        || ' for ' || coalesce((select string_agg(granted.grantee::regrole::text, ' ' order by granted.grantee::regrole::text)
            from aclexplode(made.proacl) as granted where granted.grantee <> made.proowner), 'nobody') as line
    from pg_proc as made where made.pronamespace = 'SCHEMA'::regnamespace) as made order by line collate \"C\"";

#[test]
fn golden_functions_of_the_api() {
    golden("functions.txt", &FUNCTIONS.replace("SCHEMA", "wo"));
}

#[test]
fn golden_functions_of_wo_private() {
    golden("enforcement.txt", &FUNCTIONS.replace("SCHEMA", "wo_private"));
}
