//! Two at once on the same thing: exactly one wins, at every isolation level.

use std::sync::Barrier;
use std::thread;

use postgres::error::DbError;
use postgres::{Client, Error};
use serde_json::{Value, json};
use wo_cluster_tests::{Cluster, Database, backend_pid, db_error, race, refused};

use crate::isolation::stage::{LEVELS, Stage, assert_intact, patch, pending, started, transition};

fn sqlstate(error: &DbError) -> String {
    error.code().code().to_owned()
}

/// Opens a transaction that has its snapshot, and has found out who is acting.
fn open(client: &mut Client, level: &str) {
    let look = "SELECT wo.whoami(); SELECT count(*) FROM wo.work_order";
    client.batch_execute(&format!("BEGIN ISOLATION LEVEL {level}; {look}")).unwrap();
}

/// Runs `act`, which must wait for a lock; then `release`, which must let it go on.
fn contend<T: Send>(
    db: &Database<'_>,
    waiting: &mut Client,
    act: impl FnOnce(&mut Client) -> T + Send,
    release: impl FnOnce(),
) -> T {
    let pid = backend_pid(waiting);
    thread::scope(|scope| {
        let blocked = scope.spawn(|| act(waiting));
        db.wait_until_blocked(pid);
        release();
        blocked.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

/// The loser's error: at READ COMMITTED our own refusal of what it finds after the wait; above,
/// PostgreSQL's 40001 before we are asked.
#[track_caller]
fn lost(result: Result<Value, Error>, level: &str, state: &str, code: &str) {
    if level == "READ COMMITTED" {
        refused(result, state, code);
    } else {
        assert_eq!(sqlstate(&db_error(result)), "40001", "{level}");
    }
}

fn standing(db: &Database<'_>, number: &str) -> (String, i64) {
    let sql = "SELECT status, version FROM wo.work_order WHERE wo_number = $1";
    let row = db.superuser().query_one(sql, &[&number]).unwrap();
    (row.get(0), row.get(1))
}

#[test]
fn of_two_transitions_of_one_work_order_one_wins() {
    let stage = Stage::new(Cluster::shared());
    for level in LEVELS {
        let (mut first, mut second) = (stage.captain(), stage.captain());
        let number = started(&mut first);
        open(&mut first, level);
        open(&mut second, level);
        transition(&mut first, &number, "review").unwrap();
        let result = contend(
            &stage.db,
            &mut second,
            |second| transition(second, &number, "blocked"),
            || first.batch_execute("COMMIT").unwrap(),
        );
        lost(result, level, "55000", "illegal_transition");
        second.batch_execute("ROLLBACK").unwrap();
        assert_eq!(standing(&stage.db, &number), ("review".into(), 4), "{level}");
    }
    assert_intact(&stage.db, &mut stage.captain());
}

#[test]
fn a_transition_that_waited_for_one_that_was_rolled_back_wins() {
    let stage = Stage::new(Cluster::shared());
    for level in LEVELS {
        let (mut first, mut second) = (stage.captain(), stage.captain());
        let number = started(&mut first);
        open(&mut first, level);
        open(&mut second, level);
        transition(&mut first, &number, "review").unwrap();
        contend(
            &stage.db,
            &mut second,
            |second| transition(second, &number, "blocked"),
            || first.batch_execute("ROLLBACK").unwrap(),
        )
        .unwrap();
        second.batch_execute("COMMIT").unwrap();
        assert_eq!(standing(&stage.db, &number), ("blocked".into(), 4), "{level}");
    }
    assert_intact(&stage.db, &mut stage.captain());
}

#[test]
fn of_eight_who_accept_one_work_order_one_wins() {
    let stage = Stage::new(Cluster::shared());
    for level in LEVELS {
        let number = pending(&mut stage.captain());
        let clients = (0..8).map(|_| stage.captain()).collect();
        let results = race(clients, |_, client| {
            open(client, level);
            let moved = transition(client, &number, "accepted")?;
            client.batch_execute("COMMIT")?;
            Ok::<_, Error>(moved)
        });
        let (won, losers): (Vec<_>, Vec<_>) = results.into_iter().partition(Result::is_ok);
        assert_eq!(won.len(), 1, "{level}");
        for loser in losers {
            let error = loser.unwrap_err();
            match error.code().map(|code| code.code()) {
                Some("55000") => drop(refused(Err::<(), _>(error), "55000", "illegal_transition")),
                Some("40001") => assert_ne!(level, "READ COMMITTED", "{error:?}"),
                _ => panic!("{level}: {error:?}"),
            }
        }
        assert_eq!(standing(&stage.db, &number), ("accepted".into(), 2), "{level}");
    }
    assert_intact(&stage.db, &mut stage.captain());
}

fn create_with_key(client: &mut Client, key: &str, title: &str) -> Result<Value, Error> {
    let sql = "SELECT wo.create_work_order($1, idempotency_key => $2)";
    client.query_one(sql, &[&title, &key]).map(|row| row.get(0))
}

#[test]
fn an_idempotency_key_that_is_used_twice_at_once_makes_one_work_order() {
    let stage = Stage::new(Cluster::shared());
    for (round, level) in LEVELS.into_iter().enumerate() {
        let (mut first, mut second) = (stage.captain(), stage.captain());
        let key = format!("key {round}");
        open(&mut first, level);
        open(&mut second, level);
        let made = create_with_key(&mut first, &key, "[SS1-Ops] first").unwrap();
        assert_eq!(made["created"], true);
        let result = contend(
            &stage.db,
            &mut second,
            |second| create_with_key(second, &key, "[SS1-Ops] first"),
            || first.batch_execute("COMMIT").unwrap(),
        );
        let again = match result {
            Err(error) if level != "READ COMMITTED" => {
                assert_eq!(sqlstate(&db_error(Err::<(), _>(error))), "40001");
                second.batch_execute("ROLLBACK").unwrap();
                open(&mut second, level);
                create_with_key(&mut second, &key, "[SS1-Ops] first").unwrap()
            }
            result => result.unwrap(),
        };
        second.batch_execute("COMMIT").unwrap();
        let mut expected = made.clone();
        expected["created"] = json!(false);
        assert_eq!(again, expected, "{level}");

        // Unchanged means what it became meanwhile, too.
        let number = made["wo_number"].as_str().unwrap();
        transition(&mut first, number, "accepted").unwrap();
        let again = create_with_key(&mut second, &key, "[SS1-Ops] first").unwrap();
        assert_eq!(again["id"], made["id"]);
        assert_eq!(again["status"], "accepted");
        let other = create_with_key(&mut second, &key, "[SS1-Ops] third");
        assert_eq!(sqlstate(&db_error(other)), "23505");
        let sql = "SELECT title FROM wo.work_order WHERE idempotency_key = $1";
        let titles = stage.db.superuser().query(sql, &[&key]).unwrap();
        assert_eq!(titles.len(), 1);
        assert_eq!(titles[0].get::<_, String>(0), "[SS1-Ops] first");
    }
    assert_intact(&stage.db, &mut stage.captain());
}

#[test]
fn an_idempotency_key_of_a_rolled_back_creation_is_free_again() {
    let stage = Stage::new(Cluster::shared());
    for (round, level) in LEVELS.into_iter().enumerate() {
        let (mut first, mut second) = (stage.captain(), stage.captain());
        let key = format!("key {round}");
        open(&mut first, level);
        open(&mut second, level);
        create_with_key(&mut first, &key, "[SS1-Ops] first").unwrap();
        let made = contend(
            &stage.db,
            &mut second,
            |second| create_with_key(second, &key, "[SS1-Ops] second"),
            || first.batch_execute("ROLLBACK").unwrap(),
        );
        assert_eq!(made.unwrap()["created"], true, "{level}");
        second.batch_execute("COMMIT").unwrap();
    }
    assert_eq!(assert_intact(&stage.db, &mut stage.captain()), 3);
}

#[test]
fn an_idempotency_key_among_many_creators_makes_one_work_order() {
    let stage = Stage::new(Cluster::shared());
    for (round, level) in LEVELS.into_iter().enumerate() {
        let key = format!("key {round}");
        let clients = (0..8).map(|_| stage.captain()).collect();
        let answers = race(clients, |_, client| {
            loop {
                open(client, level);
                let made = create_with_key(client, &key, "[SS1-Ops] one").and_then(|made| {
                    client.batch_execute("COMMIT")?;
                    Ok(made)
                });
                match made {
                    Ok(made) => return made,
                    Err(error) => {
                        assert_ne!(level, "READ COMMITTED", "{error:?}");
                        assert_eq!(sqlstate(&db_error(Err::<(), _>(error))), "40001");
                        client.batch_execute("ROLLBACK").unwrap();
                    }
                }
            }
        });
        let made = answers.iter().filter(|answer| answer["created"] == true).count();
        assert_eq!(made, 1, "{level}: {answers:?}");
        assert!(answers.iter().all(|answer| answer["id"] == answers[0]["id"]), "{answers:?}");
    }
    assert_eq!(assert_intact(&stage.db, &mut stage.captain()), 3);
}

#[test]
fn a_raw_insert_with_a_used_idempotency_key_is_a_duplicate() {
    let stage = Stage::new(Cluster::shared());
    let mut captain = stage.captain();
    create_with_key(&mut captain, "key", "[SS1-Ops] first").unwrap();
    let sql = "INSERT INTO wo.work_order (title, idempotency_key) VALUES ('[SS1-Ops] x', 'key')";
    assert_eq!(sqlstate(&db_error(captain.batch_execute(sql))), "23505");
    assert_eq!(assert_intact(&stage.db, &mut captain), 1);
}

#[test]
fn a_role_that_was_revoked_meanwhile_does_not_help() {
    let stage = Stage::new(Cluster::shared());
    let (mut captain, mut mate) = (stage.captain(), stage.client("mate"));
    for level in LEVELS {
        let number = started(&mut captain);
        stage.as_admin("acme", "SELECT wo.grant_role('mate', 'captain')");
        // Control: with the role, at this level, it works.
        open(&mut mate, level);
        transition(&mut mate, &number, "blocked").unwrap();
        mate.batch_execute("COMMIT").unwrap();

        open(&mut mate, level);
        stage.as_admin("acme", "SELECT wo.revoke_role('mate', 'captain')");
        refused(transition(&mut mate, &number, "in_progress"), "42501", "role_missing");
        mate.batch_execute("ROLLBACK").unwrap();
        assert_eq!(standing(&stage.db, &number), ("blocked".into(), 4), "{level}");
    }
    assert_intact(&stage.db, &mut captain);
}

#[test]
fn a_role_that_was_revoked_while_the_transition_waited_does_not_help() {
    let stage = Stage::new(Cluster::shared());
    let (mut captain, mut mate) = (stage.captain(), stage.client("mate"));
    let number = started(&mut captain);
    stage.as_admin("acme", "SELECT wo.grant_role('mate', 'captain')");
    captain.batch_execute("BEGIN").unwrap();
    patch(&mut captain, &number, "busy").unwrap();
    let result = contend(
        &stage.db,
        &mut mate,
        |mate| transition(mate, &number, "blocked"),
        || {
            stage.as_admin("acme", "SELECT wo.revoke_role('mate', 'captain')");
            captain.batch_execute("COMMIT").unwrap();
        },
    );
    refused(result, "42501", "role_missing");
}

#[test]
fn a_principal_that_was_disabled_meanwhile_is_stopped() {
    let stage = Stage::new(Cluster::shared());
    let mut mate = stage.client("mate");
    for level in LEVELS {
        stage.as_admin("acme", "SELECT wo.grant_role('mate', 'captain')");
        let number = started(&mut stage.captain());
        open(&mut mate, level);
        stage.as_admin("acme", "SELECT wo.disable_principal('mate')");
        refused(transition(&mut mate, &number, "blocked"), "42501", "principal_disabled");
        mate.batch_execute("ROLLBACK").unwrap();
        refused(transition(&mut mate, &number, "blocked"), "42501", "no_identity");

        stage.as_admin("acme", "SELECT wo.enable_principal('mate')");
        transition(&mut mate, &number, "blocked").unwrap();
    }
    assert_intact(&stage.db, &mut stage.captain());
}

fn block_at(client: &mut Client, number: &str, version: i64) -> Result<Value, Error> {
    let sql = "SELECT wo.transition($1, 'blocked', 'because', expected_version => $2)";
    client.query_one(sql, &[&number, &version]).map(|row| row.get(0))
}

#[test]
fn an_expected_version_that_was_lost_is_a_version_conflict() {
    let stage = Stage::new(Cluster::shared());
    for level in LEVELS {
        let (mut first, mut second) = (stage.captain(), stage.captain());
        let number = started(&mut first);
        open(&mut first, level);
        open(&mut second, level);
        // The state allows both; only the version tells that the second decided on old facts.
        patch(&mut first, &number, "changed").unwrap();
        let result = contend(
            &stage.db,
            &mut second,
            |second| block_at(second, &number, 3),
            || first.batch_execute("COMMIT").unwrap(),
        );
        lost(result, level, "40001", "version_conflict");
        second.batch_execute("ROLLBACK").unwrap();

        open(&mut second, level);
        let detail = refused(block_at(&mut second, &number, 3), "40001", "version_conflict");
        assert_eq!(detail["version"], 4);
        second.batch_execute("ROLLBACK").unwrap();
        open(&mut second, level);
        assert_eq!(block_at(&mut second, &number, 4).unwrap()["version"], 5, "{level}");
        second.batch_execute("COMMIT").unwrap();
    }
    assert_intact(&stage.db, &mut stage.captain());
}

#[test]
fn a_patch_that_waited_for_a_transition_is_judged_by_the_new_state() {
    let stage = Stage::new(Cluster::shared());
    for level in LEVELS {
        let (mut first, mut second) = (stage.captain(), stage.captain());
        let number = started(&mut first);
        for (to, locked) in [("review", false), ("cancelled", true)] {
            open(&mut first, level);
            open(&mut second, level);
            let (_, before) = standing(&stage.db, &number);
            transition(&mut first, &number, to).unwrap();
            let result = contend(
                &stage.db,
                &mut second,
                |second| patch(second, &number, &format!("meanwhile {to}")),
                || first.batch_execute("COMMIT").unwrap(),
            );
            if locked || level != "READ COMMITTED" {
                lost(result, level, "55000", "record_locked");
                second.batch_execute("ROLLBACK").unwrap();
                assert_eq!(standing(&stage.db, &number), (to.into(), before + 1), "{level}");
            } else {
                assert_eq!(result.unwrap()["status"], to);
                second.batch_execute("COMMIT").unwrap();
                assert_eq!(standing(&stage.db, &number), (to.into(), before + 2), "{level}");
            }
        }
    }
    assert_intact(&stage.db, &mut stage.captain());
}

#[test]
fn administrators_who_publish_one_lifecycle_at_once_get_a_version_each() {
    let stage = Stage::new(Cluster::shared());
    let sql =
        "SELECT definition || '{\"name\": \"raced\"}' FROM wo.lifecycle WHERE name = 'fleet_task'";
    let document: Value = stage.db.superuser().query_one(sql, &[]).unwrap().get(0);
    let publish = |admin: &mut Client, level: &str| -> Result<i32, Error> {
        admin.batch_execute(&format!(
            "BEGIN ISOLATION LEVEL {level}; SELECT wo.administer('acme')"
        ))?;
        let row = admin.query_one("SELECT wo.publish_lifecycle($1)", &[&document])?;
        admin.batch_execute("COMMIT")?;
        Ok(row.get(0))
    };
    let mut versions = Vec::new();
    for level in LEVELS {
        let clients = (0..4).map(|_| stage.admin()).collect();
        let published = race(clients, |_, admin| {
            loop {
                match publish(admin, level) {
                    Ok(version) => return version,
                    Err(error) => {
                        assert_eq!(sqlstate(&db_error(Err::<(), _>(error))), "40001", "{level}");
                        admin.batch_execute("ROLLBACK").unwrap();
                    }
                }
            }
        });
        versions.extend(published);
    }
    versions.sort_unstable();
    assert_eq!(versions, (1..=12).collect::<Vec<_>>());
    assert_intact(&stage.db, &mut stage.captain());
}

#[test]
fn administrators_who_grant_one_role_at_once_leave_one_entry() {
    let stage = Stage::new(Cluster::shared());
    for (level, role) in LEVELS.into_iter().zip(["captain", "pm", "qa"]) {
        let (mut first, mut second) = (stage.admin(), stage.admin());
        let begin = format!(
            "BEGIN ISOLATION LEVEL {level}; SELECT wo.administer('acme'); SELECT count(*) FROM wo.role"
        );
        first.batch_execute(&begin).unwrap();
        second.batch_execute(&begin).unwrap();
        let grant = format!("SELECT wo.grant_role('mate', '{role}')");
        first.batch_execute(&grant).unwrap();
        let result = contend(
            &stage.db,
            &mut second,
            |second| second.batch_execute(&grant),
            || first.batch_execute("COMMIT").unwrap(),
        );
        match result {
            Ok(()) => second.batch_execute("COMMIT").unwrap(),
            Err(error) => {
                assert_ne!(level, "READ COMMITTED", "{error:?}");
                assert_eq!(sqlstate(&db_error(Err::<(), _>(error))), "40001");
                second.batch_execute("ROLLBACK").unwrap();
            }
        }
        let key = format!("[\"mate\",\"{role}\"]");
        let sql = "SELECT chain_sequence FROM wo.audit_chain
            WHERE subject = 'principal_role' AND subject_key::jsonb = $1::text::jsonb";
        let entries: i64 = stage.db.superuser().query_one(sql, &[&key]).unwrap().get(0);
        assert_eq!(entries, 1, "{level}");
    }
    assert_intact(&stage.db, &mut stage.captain());
}

#[test]
fn a_role_that_many_administrators_grant_and_revoke_has_a_chain_without_a_fork() {
    let stage = Stage::new(Cluster::shared());
    for level in LEVELS {
        let clients = (0..6).map(|_| stage.admin()).collect();
        race(clients, |number, admin| {
            for turn in 0..10 {
                let call = if (number + turn) % 2 == 0 { "grant_role" } else { "revoke_role" };
                let sql = format!(
                    "BEGIN ISOLATION LEVEL {level}; SELECT wo.administer('acme');
                     SELECT wo.{call}('mate', 'captain'); COMMIT"
                );
                if let Err(error) = admin.batch_execute(&sql) {
                    assert_eq!(sqlstate(&db_error(Err::<(), _>(error))), "40001", "{level}");
                    admin.batch_execute("ROLLBACK").unwrap();
                }
            }
        });
    }
    // The last state and the last entry agree: verification holds one against the other.
    assert_intact(&stage.db, &mut stage.captain());
}

/// The rows of a bulk call: the state reached, or the error.
fn transition_many(
    client: &mut Client,
    moves: &[(&str, &str)],
) -> Result<Vec<Result<String, Value>>, Error> {
    let asked: Vec<Value> = moves
        .iter()
        .map(|(number, to)| {
            json!({"work_order": number, "to_status": to, "reason": "because",
            "fields": if *to == "review" {
                json!({"completion_summary": "done", "actual_hours": 1})
            } else {
                json!({})
            }})
        })
        .collect();
    let rows = client.query(
        "SELECT ordinal, work_order, status, error FROM wo.transition_many($1) ORDER BY ordinal",
        &[&Value::Array(asked)],
    )?;
    assert_eq!(rows.len(), moves.len());
    Ok(rows
        .iter()
        .zip(moves)
        .map(|(row, (number, _))| {
            assert_eq!(row.get::<_, String>("work_order"), *number);
            let error: Option<Value> = row.get("error");
            error.map_or_else(|| Ok(row.get("status")), Err)
        })
        .collect())
}

#[test]
fn bulk_transitions_in_opposite_order_never_wait_in_a_circle() {
    let stage = Stage::new(Cluster::shared());
    for level in LEVELS {
        let mut captain = stage.captain();
        let (a, b) = (started(&mut captain), started(&mut captain));
        // Held until both wait, so that each would get its first lock at the same moment.
        let mut holder = stage.db.superuser();
        let hold = "BEGIN; SELECT FROM wo.work_order ORDER BY id FOR UPDATE";
        holder.batch_execute(hold).unwrap();
        let (mut first, mut second) = (stage.captain(), stage.captain());
        let pids = [backend_pid(&mut first), backend_pid(&mut second)];
        let set = format!("SET default_transaction_isolation = '{}'", level.to_lowercase());
        for client in [&mut first, &mut second] {
            client.batch_execute(&set).unwrap();
        }
        let (one, other) = thread::scope(|scope| {
            let one =
                scope.spawn(|| transition_many(&mut first, &[(&a, "blocked"), (&b, "blocked")]));
            let other =
                scope.spawn(|| transition_many(&mut second, &[(&b, "review"), (&a, "review")]));
            for pid in pids {
                stage.db.wait_until_blocked(pid);
            }
            holder.batch_execute("ROLLBACK").unwrap();
            (one.join().unwrap(), other.join().unwrap())
        });
        // SERIALIZABLE may end the loser's whole transaction: then it has no rows to show.
        let all = |result: Result<Vec<Result<String, Value>>, Error>| match result {
            Ok(rows) => rows,
            Err(error) => {
                assert_eq!(sqlstate(&db_error(Err::<(), _>(error))), "40001", "{level}");
                vec![Err(json!({"sqlstate": "40001"})), Err(json!({"sqlstate": "40001"}))]
            }
        };
        let (one, other) = (all(one), all(other));
        let (winner, loser) = if one[0].is_ok() { (one, other) } else { (other, one) };
        assert!(winner.iter().all(Result::is_ok), "{level}: {winner:?} {loser:?}");
        for row in loser {
            let error = row.unwrap_err();
            if level == "READ COMMITTED" {
                assert_eq!(error["sqlstate"], "55000", "{error}");
                assert_eq!(error["detail"]["code"], "illegal_transition", "{error}");
            } else {
                assert_eq!(error["sqlstate"], "40001", "{level}: {error}");
            }
        }
        assert_eq!(standing(&stage.db, &a).1, 4, "{level}");
        assert_eq!(standing(&stage.db, &b).1, 4, "{level}");
    }
    assert_intact(&stage.db, &mut stage.captain());
}

/// Runs it again for as long as SERIALIZABLE sees a dependency that is none: that is no waiting.
fn retried<T>(mut act: impl FnMut() -> Result<T, Error>) -> T {
    for _ in 0..20 {
        match act() {
            Err(error) if error.code().is_some_and(|code| code.code() == "40001") => {}
            result => return result.unwrap(),
        }
    }
    panic!("40001 twenty times");
}

#[test]
fn two_different_work_orders_never_wait_for_each_other() {
    let stage = Stage::new(Cluster::shared());
    let mut busy = stage.captain();
    for level in LEVELS {
        let theirs: Vec<String> = (0..3).map(|_| started(&mut busy)).collect();
        busy.batch_execute(&format!("BEGIN ISOLATION LEVEL {level}")).unwrap();
        transition(&mut busy, &theirs[0], "review").unwrap();
        patch(&mut busy, &theirs[1], "busy").unwrap();
        pending(&mut busy);
        transition_many(&mut busy, &[(&theirs[2], "blocked")]).unwrap();

        // Nobody waits for anybody: a lock that takes 100 ms is one too many.
        let mut config = stage.db.config("cap");
        config.options("-c lock_timeout=100ms");
        for own in LEVELS {
            let mut other = stage.db.connect_with(&config);
            let number = started(&mut other);
            let set = format!("SET default_transaction_isolation = '{}'", own.to_lowercase());
            other.batch_execute(&set).unwrap();
            retried(|| transition(&mut other, &number, "blocked"));
            retried(|| patch(&mut other, &number, "free"));
            let rows = retried(|| transition_many(&mut other, &[(&number, "in_progress")]));
            if own != "SERIALIZABLE" {
                assert_eq!(rows, [Ok("in_progress".to_owned())]);
            }
            let raw = "UPDATE wo.work_order SET notes = 'raw' WHERE wo_number = $1";
            assert_eq!(retried(|| other.execute(raw, &[&number])), 1);
            retried(|| transition(&mut other, &number, "cancelled"));
        }
        let committed = busy.batch_execute("COMMIT");
        if level != "SERIALIZABLE" {
            committed.unwrap();
        }
    }
    assert_intact(&stage.db, &mut stage.captain());
}

#[test]
fn sixteen_writers_on_one_work_order_leave_one_chain() {
    let stage = Stage::new(Cluster::shared());
    let number = started(&mut stage.captain());
    let clients = (0..16).map(|_| stage.captain()).collect();
    let written = race(clients, |writer, client| {
        let mut written = 0;
        for turn in 0..60 {
            let result = match (writer + turn) % 3 {
                0 => transition(client, &number, "blocked"),
                1 => transition(client, &number, "in_progress"),
                _ => patch(client, &number, &format!("{writer}.{turn}")),
            };
            match result {
                Ok(_) => written += 1,
                Err(error) => {
                    refused(Err::<(), _>(error), "55000", "illegal_transition");
                }
            }
        }
        written
    });
    let written: i64 = written.iter().sum();
    assert!(written >= 320, "every patch is accepted: {written}");
    assert_eq!(standing(&stage.db, &number).1, 3 + written);
    assert_intact(&stage.db, &mut stage.captain());
}

#[test]
fn sixteen_writers_on_many_work_orders_leave_every_chain_whole() {
    let stage = Stage::new(Cluster::shared());
    let clients = (0..16).map(|_| stage.captain()).collect();
    let together = Barrier::new(16);
    race(clients, |writer, client| {
        let numbers: Vec<String> = (0..4).map(|_| started(client)).collect();
        together.wait();
        for turn in 0..40 {
            let number = &numbers[turn % numbers.len()];
            patch(client, number, &format!("{writer}.{turn}")).unwrap();
            transition(client, number, "blocked").unwrap();
            transition(client, number, "in_progress").unwrap();
        }
    });
    assert_eq!(assert_intact(&stage.db, &mut stage.captain()), 64);
    let versions: i64 = stage
        .db
        .superuser()
        .query_one("SELECT sum(version)::bigint FROM wo.work_order", &[])
        .unwrap()
        .get(0);
    assert_eq!(versions, 64 * 3 + 16 * 40 * 3);
}
