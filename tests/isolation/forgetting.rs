//! What a backend remembers of those who may act is gone as soon as it changes.

use postgres::Client;
use wo_cluster_tests::{Cluster, db_error, refused};

use crate::isolation::stage::{LEVELS, Stage, assert_intact, pending, started, transition};

/// What takes a right from the mate, what gives it back, and the code of the refusal: by the API,
/// and by a superuser with every ordinary trigger out of force, as logical replication writes.
const WITHDRAWALS: [(&str, &str, &str); 4] = [
    (
        "SELECT wo.revoke_role('mate', 'captain')",
        "SELECT wo.grant_role('mate', 'captain')",
        "role_missing",
    ),
    (
        "SELECT wo.disable_principal('mate')",
        "SELECT wo.enable_principal('mate')",
        "principal_disabled",
    ),
    (
        "UPDATE wo.tenant SET disabled_at = now()",
        "UPDATE wo.tenant SET disabled_at = NULL",
        "tenant_disabled",
    ),
    (
        "UPDATE wo.principal SET db_role = NULL WHERE id = 'mate'",
        "UPDATE wo.principal SET db_role = 'mate' WHERE id = 'mate'",
        "no_identity",
    ),
];
const BEHIND_THE_API: [(&str, &str, &str); 4] = [
    (
        "DELETE FROM wo.principal_role WHERE principal = 'mate'",
        "INSERT INTO wo.principal_role SELECT tenant_id, 'mate', 'captain' FROM wo.tenant",
        "role_missing",
    ),
    (
        "UPDATE wo.principal SET disabled_at = now() WHERE id = 'mate'",
        "UPDATE wo.principal SET disabled_at = NULL WHERE id = 'mate'",
        "principal_disabled",
    ),
    (
        "UPDATE wo.tenant SET disabled_at = now()",
        "UPDATE wo.tenant SET disabled_at = NULL",
        "tenant_disabled",
    ),
    (
        "UPDATE wo.principal SET db_role = NULL WHERE id = 'mate'",
        "UPDATE wo.principal SET db_role = 'mate' WHERE id = 'mate'",
        "no_identity",
    ),
];

/// A stage whose mate is a captain too.
fn with_mate() -> (Stage<'static>, Client) {
    let stage = Stage::new(Cluster::shared());
    stage.as_admin("acme", "SELECT wo.grant_role('mate', 'captain')");
    let mate = stage.client("mate");
    (stage, mate)
}

/// Writes as logical replication would.
fn replicate(root: &mut Client, sql: &str) {
    root.batch_execute(&format!(
        "SET session_replication_role = replica; {sql}; RESET session_replication_role"
    ))
    .unwrap();
}

/// The mate acts, loses a right while its transaction is open, and acts no more; gets it back, and
/// acts again.
fn lose_and_regain(
    stage: &Stage<'_>,
    mate: &mut Client,
    withdrawals: &[(&str, &str, &str)],
    mut elsewhere: impl FnMut(&str),
) {
    for level in LEVELS {
        for (withdraw, give_back, code) in withdrawals {
            println!("{level}: {withdraw}");
            let number = started(&mut stage.captain());
            mate.batch_execute(&format!("BEGIN ISOLATION LEVEL {level}")).unwrap();
            transition(mate, &number, "blocked").unwrap();
            mate.batch_execute("SAVEPOINT acted").unwrap();
            elsewhere(withdraw);
            refused(transition(mate, &number, "in_progress"), "42501", code);
            // The rollback makes the session ask anew who it is, so the reason may be another.
            mate.batch_execute("ROLLBACK TO acted").unwrap();
            let refusal = db_error(transition(mate, &number, "in_progress"));
            assert_eq!(refusal.code().code(), "42501", "{refusal:?}");
            mate.batch_execute("ROLLBACK TO acted").unwrap();
            elsewhere(give_back);
            transition(mate, &number, "in_progress").unwrap();
            mate.batch_execute("COMMIT").unwrap();

            // Between transactions too, where each statement is one.
            elsewhere(withdraw);
            db_error(transition(mate, &number, "blocked"));
            elsewhere(give_back);
            transition(mate, &number, "blocked").unwrap();
        }
    }
}

#[test]
fn what_is_withdrawn_is_gone_for_the_next_statement_of_whoever_acted() {
    let (stage, mut mate) = with_mate();
    let mut admin = stage.admin();
    lose_and_regain(&stage, &mut mate, &WITHDRAWALS, |sql| {
        let sql = format!("BEGIN; SELECT wo.administer('acme'); {sql}; COMMIT");
        admin.batch_execute(&sql).unwrap();
    });
    assert_intact(&stage.db, &mut stage.captain());
}

#[test]
fn what_is_withdrawn_as_on_a_replica_is_gone_for_the_next_statement() {
    let (stage, mut mate) = with_mate();
    let mut root = stage.db.superuser();
    lose_and_regain(&stage, &mut mate, &BEHIND_THE_API, |sql| replicate(&mut root, sql));
}

#[test]
fn whoever_reads_is_asked_in_each_transaction_whether_they_still_may() {
    let (stage, mut mate) = with_mate();
    let number = pending(&mut stage.captain());
    let mut root = stage.db.superuser();
    let mut seen = || -> i64 {
        let sql = "SELECT count(*) FROM wo.work_order WHERE wo_number = $1";
        mate.query_one(sql, &[&number]).unwrap().get(0)
    };
    for (withdraw, give_back, _) in &BEHIND_THE_API[1..] {
        assert_eq!(seen(), 1);
        replicate(&mut root, withdraw);
        assert_eq!(seen(), 0, "{withdraw}");
        replicate(&mut root, give_back);
    }
    assert_eq!(seen(), 1);
}

#[test]
fn a_withdrawal_that_is_not_committed_or_rolled_back_leaves_the_right() {
    let (stage, mut mate) = with_mate();
    let mut admin = stage.admin();
    let number = started(&mut stage.captain());
    transition(&mut mate, &number, "blocked").unwrap();
    for (withdraw, ..) in [WITHDRAWALS[0], WITHDRAWALS[1]] {
        admin.batch_execute("BEGIN; SELECT wo.administer('acme')").unwrap();
        admin.batch_execute(withdraw).unwrap();
        transition(&mut mate, &number, "in_progress").unwrap();
        admin.batch_execute("ROLLBACK").unwrap();
        transition(&mut mate, &number, "blocked").unwrap();
    }
}

/// Somebody who acts and administers by one login role, and is no captain.
fn chief(stage: &Stage<'_>) -> Client {
    stage.db.login("chief", &["wo_user", "wo_admin"]);
    stage.as_admin("acme", "SELECT wo.create_principal('chief', db_role => 'chief')");
    stage.client("chief")
}

#[test]
fn an_own_grant_counts_before_its_commit_and_goes_with_its_savepoint() {
    let stage = Stage::new(Cluster::shared());
    let mut chief = chief(&stage);
    let number = started(&mut stage.captain());
    refused(transition(&mut chief, &number, "blocked"), "42501", "role_missing");
    chief.batch_execute("BEGIN; SAVEPOINT granted").unwrap();
    chief.batch_execute("SELECT wo.grant_role('chief', 'captain')").unwrap();
    transition(&mut chief, &number, "blocked").unwrap();
    transition(&mut chief, &number, "in_progress").unwrap();
    chief.batch_execute("ROLLBACK TO granted; SAVEPOINT tried").unwrap();
    refused(transition(&mut chief, &number, "blocked"), "42501", "role_missing");
    chief.batch_execute("ROLLBACK TO tried; COMMIT").unwrap();
    refused(transition(&mut chief, &number, "blocked"), "42501", "role_missing");

    chief.batch_execute("BEGIN; SELECT wo.grant_role('chief', 'captain')").unwrap();
    transition(&mut chief, &number, "blocked").unwrap();
    chief.batch_execute("ROLLBACK").unwrap();
    refused(transition(&mut chief, &number, "blocked"), "42501", "role_missing");

    chief.batch_execute("SELECT wo.grant_role('chief', 'captain')").unwrap();
    transition(&mut chief, &number, "blocked").unwrap();
    chief
        .batch_execute("BEGIN; SAVEPOINT revoked; SELECT wo.revoke_role('chief', 'captain')")
        .unwrap();
    chief.batch_execute("SAVEPOINT tried").unwrap();
    refused(transition(&mut chief, &number, "in_progress"), "42501", "role_missing");
    chief.batch_execute("ROLLBACK TO revoked").unwrap();
    transition(&mut chief, &number, "in_progress").unwrap();
    chief.batch_execute("COMMIT").unwrap();
    transition(&mut chief, &number, "blocked").unwrap();
}

#[test]
fn what_a_statement_that_failed_half_way_had_granted_is_worth_nothing() {
    let stage = Stage::new(Cluster::shared());
    let mut chief = chief(&stage);
    let number = started(&mut stage.captain());
    // The second row acts by the grant of the first, and fails before any trigger after the write.
    chief
        .batch_execute(&format!(
            "CREATE FUNCTION pg_temp.role(place integer) RETURNS text LANGUAGE plpgsql AS $$
         BEGIN
            IF place = 2 THEN
                PERFORM wo.transition('{number}', 'blocked', 'because');
                RAISE EXCEPTION 'acted' USING errcode = 'UX123';
            END IF;
            RETURN 'captain';
         END $$"
        ))
        .unwrap();
    let half = "INSERT INTO wo.principal_role (tenant_id, principal, role)
        SELECT wo.current_tenant(), 'chief', pg_temp.role(place) FROM generate_series(1, 2) AS place";
    chief.batch_execute("BEGIN; SAVEPOINT half").unwrap();
    let failed = db_error(chief.batch_execute(half));
    assert_eq!(failed.code().code(), "UX123", "the grant did not count: {failed:?}");
    chief.batch_execute("ROLLBACK TO half").unwrap();
    refused(transition(&mut chief, &number, "blocked"), "42501", "role_missing");
    chief.batch_execute("ROLLBACK").unwrap();
    db_error(chief.batch_execute(half));
    refused(transition(&mut chief, &number, "blocked"), "42501", "role_missing");
}

#[test]
fn what_is_read_just_before_a_revocation_is_written_does_not_outlive_it() {
    let stage = Stage::new(Cluster::shared());
    let mut chief = chief(&stage);
    let number = started(&mut stage.captain());
    chief.batch_execute("SELECT wo.grant_role('chief', 'captain')").unwrap();
    // Acts when the enforcement layer's own triggers have been asked, and the row is still there.
    stage
        .db
        .superuser()
        .batch_execute(&format!(
            "CREATE FUNCTION public.act() RETURNS trigger LANGUAGE plpgsql AS $$
             BEGIN PERFORM wo.transition('{number}', 'blocked', 'because'); RETURN old; END $$;
             CREATE TRIGGER zz BEFORE DELETE ON wo.principal_role
                FOR EACH ROW EXECUTE FUNCTION public.act()"
        ))
        .unwrap();
    chief.batch_execute("BEGIN; SELECT wo.revoke_role('chief', 'captain')").unwrap();
    refused(transition(&mut chief, &number, "in_progress"), "42501", "role_missing");
    chief.batch_execute("ROLLBACK; SELECT wo.revoke_role('chief', 'captain')").unwrap();
    refused(transition(&mut chief, &number, "in_progress"), "42501", "role_missing");
}

#[test]
fn nothing_is_remembered_where_a_change_would_not_be_told() {
    let (stage, mut mate) = with_mate();
    let number = pending(&mut stage.captain());
    let mut root = stage.db.superuser();
    let mut seen = || {
        let sql = "SELECT count(*) FROM wo.work_order WHERE wo_number = $1";
        mate.query_one(sql, &[&number]).map(|row| row.get::<_, i64>(0))
    };
    assert_eq!(seen().unwrap(), 1);
    for untold in [
        "ALTER TABLE wo.principal DISABLE TRIGGER invalidate",
        "ALTER TABLE wo.principal ENABLE TRIGGER invalidate",
        "ALTER TABLE wo.principal RENAME TO shelved; ALTER TABLE wo.shelved DISABLE TRIGGER invalidate;
         ALTER TABLE wo.shelved RENAME TO principal",
        "DROP TRIGGER invalidate ON wo.principal",
    ] {
        root.batch_execute(untold).unwrap();
        replicate(&mut root, "UPDATE wo.principal SET disabled_at = now() WHERE id = 'mate'");
        refused(seen(), "55000", "tables_damaged");
        replicate(&mut root, "UPDATE wo.principal SET disabled_at = NULL WHERE id = 'mate'");
        refused(seen(), "55000", "tables_damaged");
    }
    // Out of force and back in one transaction: the alteration itself is told.
    root.batch_execute("SELECT wo_private.enforce()").unwrap();
    assert_eq!(seen().unwrap(), 1);
    let there_and_back = |set: &str| {
        format!(
            "BEGIN; ALTER TABLE wo.principal DISABLE TRIGGER USER;
             UPDATE wo.principal SET disabled_at = {set} WHERE id = 'mate';
             ALTER TABLE wo.principal ENABLE TRIGGER USER; COMMIT; SELECT wo_private.enforce()"
        )
    };
    root.batch_execute(&there_and_back("now()")).unwrap();
    assert_eq!(seen().unwrap(), 0);
    root.batch_execute(&there_and_back("NULL")).unwrap();
    assert_eq!(seen().unwrap(), 1);
}
