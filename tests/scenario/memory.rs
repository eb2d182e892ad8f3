//! What a backend keeps in memory does not grow with the tenants that it serves, nor with the sets of
//! fields that its callers write.

use postgres::Client;
use wo_cluster_tests::{Cluster, backend_pid};

/// How many tenants a backend serves before and while its memory is looked at. A connection pool serves
/// thousands.
const WARM: u32 = 100;
const TENANTS: u32 = 400;

/// Resident memory of a process that is its own, in kB: not the server's shared buffers.
fn resident(pid: i32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("RssAnon:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// Creates a work order in each tenant, in the same backend. The login role is mapped to a principal of
/// one tenant after the other: a role for each would have the server itself keep something for each.
fn serve(root: &mut Client, backend: &mut Client, tenants: std::ops::Range<u32>) {
    for n in tenants {
        let map = |to: &str| {
            format!(
                "begin; select wo.administer('t{n}');
                 update wo.principal set db_role = {to} where tenant_id = wo_private.current_tenant() and id = 'p';
                 commit"
            )
        };
        root.batch_execute(&map("'of_many_tenants'")).unwrap();
        backend.batch_execute("select wo.create_work_order('[A-B] memory')").unwrap();
        root.batch_execute(&map("null")).unwrap();
    }
}

/// Each backend would otherwise compile a shipped lifecycle once for each tenant: about 20 kB for each
/// lifecycle, tenant and backend.
#[test]
fn tenants_that_share_a_lifecycle_share_its_compiled_copy() {
    let database = Cluster::shared().database();
    let mut root = database.superuser();
    for n in 0..TENANTS {
        root.batch_execute(&format!(
            "begin;
             select wo.administer(wo.create_tenant('t{n}', 'Tenant {n}')::text);
             select wo.create_principal('p', roles => array(select role from wo.role where tenant_id = wo_private.current_tenant()));
             commit"
        ))
        .unwrap();
    }
    database.login("of_many_tenants", &["wo_user"]);
    let mut backend = database.connect("of_many_tenants");
    serve(&mut root, &mut backend, 0..WARM);
    let pid = backend_pid(&mut backend);
    let before = resident(pid);
    serve(&mut root, &mut backend, WARM..TENANTS);
    let grown = resident(pid).saturating_sub(before);
    println!("{} tenants more: {grown} kB", TENANTS - WARM);
    // A copy for each took 4,600 to 6,000 kB. 10,000 tenants may take 20 MB: 2 kB each.
    assert!(grown < 800, "{grown} kB for {} tenants", TENANTS - WARM);
}

/// A client that writes ever other sets of fields would otherwise have the backend keep a plan for each.
#[test]
fn the_plans_that_are_kept_for_sets_of_fields_are_bounded() {
    const FIELDS: [(&str, &str); 8] = [
        ("description", "\"d\""),
        ("priority", "\"high\""),
        ("estimated_hours", "1"),
        ("planned_start", "\"2026-01-01\""),
        ("planned_end", "\"2026-02-01\""),
        ("tags", "[\"t\"]"),
        ("metadata", "{}"),
        ("due_date", "\"2026-03-01\""),
    ];
    let database = Cluster::shared().database();
    let mut root = database.superuser();
    root.batch_execute(
        "begin;
         select wo.administer(wo.create_tenant('t', 'Tenant')::text);
         select wo.create_principal('p', roles => array(select role from wo.role where tenant_id = wo_private.current_tenant()), db_role => 'postgres');
         commit",
    )
    .unwrap();
    let plans = |root: &mut Client| -> i64 {
        let count =
            "select count(*) from pg_backend_memory_contexts where name = 'CachedPlanSource'";
        root.query_one(count, &[]).unwrap().get(0)
    };
    let create = |root: &mut Client, set: u32| {
        let chosen = FIELDS.iter().enumerate().filter(|(n, _)| set & (1 << n) != 0);
        let fields: String =
            chosen.map(|(_, (name, value))| format!(", \"{name}\": {value}")).collect();
        let plan = format!(
            "select wo_private.create_work_order($${{\"title\": \"[A-B] plans\"{fields}}}$$)"
        );
        root.batch_execute(&plan).unwrap();
    };
    for set in 0..100 {
        create(&mut root, set);
    }
    let before = plans(&mut root);
    for set in 100..256 {
        create(&mut root, set);
    }
    let after = plans(&mut root);
    println!("plans kept: {before}, {after}");
    assert!(after <= before + 64, "{before} plans became {after}");
}
