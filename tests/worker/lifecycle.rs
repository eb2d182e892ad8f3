//! The worker beside its server: it starts, it comes back, it ends, it is quiet.

use std::time::Duration;

use wo_cluster_tests::{Cluster, refused};

use crate::worker::works::{
    complaints, patiently, pid, preloaded, reload, runs, served, state, wait_for,
};

#[test]
fn a_killed_worker_is_back_after_the_servers_recovery() {
    let cluster = preloaded(&[]);
    let database = served(&cluster);
    let before = pid(&database);
    // SAFETY: kills this cluster's own worker.
    unsafe { libc::kill(before, libc::SIGKILL) };
    patiently("the server to recover", || {
        !runs(before) && database.try_connect_with(&database.config("postgres")).is_ok()
    });
    wait_for(&database, "serving");
    assert_ne!(pid(&database), before);
    database.superuser().batch_execute("select wo.create_tenant('acme', 'Acme')").unwrap();
}

#[test]
fn a_worker_and_a_launcher_that_were_ended_by_hand_come_back() {
    let cluster = preloaded(&[]);
    let database = served(&cluster);
    for kind in ["wo_core worker", "wo_core launcher"] {
        let mut admin = database.superuser();
        let find = "select pid from pg_stat_activity where backend_type = $1";
        let before: i32 = admin.query_one(find, &[&kind]).unwrap().get(0);
        admin.execute("select pg_terminate_backend($1)", &[&before]).unwrap();
        patiently(kind, || {
            let now = admin.query_opt(find, &[&kind]).unwrap();
            now.is_some_and(|row| row.get::<_, i32>(0) != before)
        });
    }
    wait_for(&database, "serving");
}

#[test]
fn every_mode_of_stop_ends_the_worker_without_a_word() {
    let cluster = preloaded(&[]);
    let database = served(&cluster);
    for mode in ["smart", "fast", "immediate"] {
        wait_for(&database, "serving");
        let worker = pid(&database);
        let said = cluster.log().len();
        cluster.stop_in(mode);
        patiently("the worker to be gone", || !runs(worker));
        assert_eq!(complaints(&cluster, said), Vec::<String>::new(), "{mode}");
        cluster.launch();
    }
    wait_for(&database, "serving");
}

#[test]
fn databases_are_listed_and_unlisted_by_a_reload() {
    let cluster = Cluster::own(&[("shared_preload_libraries", "wo_core")]);
    let database = cluster.database();
    let mut admin = database.superuser();
    assert_eq!(state(&mut admin), "absent");
    let health = "select severity from wo.health() where subject = 'worker'";
    assert_eq!(admin.query_one(health, &[]).unwrap().get::<_, &str>(0), "notice");
    let list = format!("alter system set wo_core.databases = 'nowhere, {}'", database.name());
    admin.batch_execute(&list).unwrap();
    reload(&cluster);
    wait_for(&database, "serving");
    assert_eq!(admin.query_one(health, &[]).unwrap().get::<_, &str>(0), "good");
    let worker = pid(&database);
    let said = cluster.log().len();
    admin.batch_execute("alter system reset wo_core.databases").unwrap();
    reload(&cluster);
    patiently("the worker to be gone", || !runs(worker));
    assert_eq!(complaints(&cluster, said), Vec::<String>::new());
}

#[test]
fn an_idle_worker_hardly_wakes() {
    let cluster = preloaded(&[]);
    let database = served(&cluster);
    let worker = pid(&database);
    let wakes = || -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{worker}/status")).unwrap();
        let line = status.lines().find(|line| line.starts_with("voluntary_ctxt_switches"));
        line.unwrap().split_whitespace().nth(1).unwrap().parse().unwrap()
    };
    // Until its first jobs are done.
    database.wait_until("select count(*) = 0 from wo.worker_status() where last_run is null");
    std::thread::sleep(Duration::from_secs(2));
    let before = wakes();
    // What does not happen has to be waited for.
    std::thread::sleep(Duration::from_secs(10));
    let woken = wakes() - before;
    assert!(woken <= 20, "woken {woken} times in ten seconds");
}

#[test]
fn the_worker_acts_in_its_own_name_and_role() {
    let cluster = preloaded(&[]);
    let database = served(&cluster);
    let mut admin = database.superuser();
    let shown = "select application_name, backend_type from pg_stat_activity where pid = $1";
    let row = admin.query_one(shown, &[&pid(&database)]).unwrap();
    assert_eq!(row.get::<_, &str>(0), "wo_core worker");
    // It may do nothing as a role of its own but what its jobs need.
    let writes: Vec<String> = admin
        .query(
            "select relname::text from pg_class where relnamespace = 'wo'::regnamespace
                and relkind in ('r', 'p') and has_table_privilege('wo_worker', oid, 'insert,update,delete')
             order by 1",
            &[],
        )
        .unwrap()
        .iter()
        .map(|row| row.get(0))
        .collect();
    assert_eq!(writes, ["approval_rollup", "rollup_cursor", "state_rollup"]);
}

#[test]
fn nothing_depends_on_the_library_being_preloaded() {
    let database = Cluster::shared().database();
    database.login("worker", &["wo_user"]);
    let mut admin = database.superuser();
    admin
        .batch_execute(
            "select wo.create_tenant('acme', 'Acme'); begin; select wo.administer('acme');
             select wo.create_principal('wim', roles => '{planner}', db_role => 'worker'); commit",
        )
        .unwrap();
    let mut client = database.connect("worker");
    client.batch_execute("select wo.create_work_order('first')").unwrap();
    let refused_move = "select wo.transition((select wo_number from wo.work_order), 'closed')";
    refused(client.batch_execute(refused_move), "55000", "illegal_transition");
    admin.batch_execute("select wo.tick()").unwrap();
    assert_eq!(admin.query("select * from wo.worker_status()", &[]).unwrap().len(), 0);
    let recorded: i64 =
        admin.query_one("select count(*) from wo.refused_attempt", &[]).unwrap().get(0);
    assert_eq!(recorded, 0);
    for (subject, severity) in [("worker", "notice"), ("refused attempts", "warning")] {
        let said = admin
            .query_one("select severity, remedy from wo.health() where subject = $1", &[&subject])
            .unwrap();
        assert_eq!(said.get::<_, &str>(0), severity, "{subject}");
        assert!(said.get::<_, &str>(1).contains("shared_preload_libraries"), "{subject}");
    }
}
