//! Guards that count other rows, in two sessions at once.

use wo_cluster_tests::{Cluster, backend_pid, refused};

use crate::isolation::stage::{Stage, pending, transition};

/// The company, where one work order at most may be in progress.
fn stage(level: &str) -> Stage<'static> {
    let stage = Stage::new(Cluster::shared());
    stage
        .db
        .superuser()
        .batch_execute(&format!(
            "create schema shop; grant usage on schema shop to wo_guard, wo_admin;
             create function shop.is_free(tenant uuid, work_order uuid) returns boolean
                 language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
                 begin
                     perform wo.lock_for_guard('machine');
                     return not exists (select from wo.work_order as other
                         where other.tenant_id = $1 and other.id <> $2 and other.status = 'in_progress');
                 end $$;
             alter database {} set default_transaction_isolation = '{level}'",
            stage.db.name()
        ))
        .unwrap();
    stage.as_admin(
        "acme",
        "select wo.register_guard('free', 'shop.is_free(uuid,uuid)', 'the machine is in use');
         select wo.publish_lifecycle(jsonb_set(definition, '{transitions}', (
             select jsonb_agg(case when edge ->> 'to' = 'in_progress'
                 then edge || '{\"guards\": [\"sql:free\"]}' else edge end)
             from jsonb_array_elements(definition -> 'transitions') as edge)))
         from wo.lifecycle where name = 'fleet_task'",
    );
    stage
}

/// Otherwise two sessions each count no work order in progress, and both begin theirs.
#[test]
fn of_two_sessions_whose_guards_lock_one_passes() {
    for level in ["read committed", "serializable"] {
        let stage = stage(level);
        let (mut one, mut other) = (stage.captain(), stage.captain());
        let numbers = [pending(&mut one), pending(&mut other)];
        for number in &numbers {
            transition(&mut one, number, "accepted").unwrap();
        }
        one.batch_execute("begin").unwrap();
        transition(&mut one, &numbers[0], "in_progress").unwrap();
        let pid = backend_pid(&mut other);
        let second = std::thread::scope(|scope| {
            let second = scope.spawn(|| transition(&mut other, &numbers[1], "in_progress"));
            stage.db.wait_until_blocked(pid);
            one.batch_execute("commit").unwrap();
            second.join().unwrap()
        });
        let error = second.unwrap_err();
        let code = error.code().unwrap().code();
        // Serializable may find the conflict by itself before the guard counts.
        assert!(code == "23514" || (level == "serializable" && code == "40001"), "{level}: {code}");
    }
}

/// Otherwise the guard waits, counts rows as they were before it waited, and lets the second through.
#[test]
fn repeatable_read_is_refused() {
    let stage = stage("repeatable read");
    let mut captain = stage.captain();
    let number = pending(&mut captain);
    transition(&mut captain, &number, "accepted").unwrap();
    refused(transition(&mut captain, &number, "in_progress"), "0A000", "isolation_level");
}

/// Otherwise any user of the API holds up the guards of the whole tenant.
#[test]
fn users_cannot_take_the_lock() {
    let stage = Stage::new(Cluster::shared());
    for login in ["cap", "adm"] {
        let error =
            stage.client(login).batch_execute("select wo.lock_for_guard('machine')").unwrap_err();
        assert_eq!(error.code().unwrap().code(), "42501", "{login}");
    }
}
