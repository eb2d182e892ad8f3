//! Which writes go past SQL. Where a table is not as the table registry has it a statement writes it, which
//! costs several times as much: a mistake in that comparison shows nowhere but here.

use super::stage::{Stage, started, transition};
use postgres::Client;
use wo_cluster_tests::Cluster;

/// What the server's log tells of the statements that are analyzed while `act` runs in a new session: how
/// many of them are an UPDATE or an INSERT.
fn writes(cluster: &Cluster, stage: &Stage<'_>, act: impl FnOnce(&mut Client)) -> usize {
    let mut captain = stage.captain();
    captain.batch_execute("SELECT count(*) FROM wo.work_order").unwrap();
    let before = cluster.log().len();
    captain.batch_execute("SET debug_print_parse = on").unwrap();
    act(&mut captain);
    captain.batch_execute("SET debug_print_parse = off").unwrap();
    let log = cluster.log();
    let told = &log[before..];
    [":commandType 2", ":commandType 3"].iter().map(|kind| told.matches(kind).count()).sum()
}

/// The record, its entry in the trail and its event: none of them is written by a statement.
#[test]
fn a_plain_transition_is_written_past_sql() {
    let cluster = Cluster::own(&[]);
    let stage = Stage::new(&cluster);
    let number = started(&mut stage.captain());
    let past_sql = writes(&cluster, &stage, |captain| {
        transition(captain, &number, "blocked").unwrap();
    });
    assert_eq!(past_sql, 0);
    let raw = writes(&cluster, &stage, |captain| {
        let sql = "UPDATE wo.work_order SET status = 'in_progress', reason = 'because'";
        assert_eq!(captain.execute(sql, &[]).unwrap(), 1);
    });
    assert_eq!(raw, 1, "the raw UPDATE, and nothing else");
    // A policy of a DBA is met by a statement.
    let policy = "CREATE POLICY of_a_dba ON wo.event AS RESTRICTIVE FOR INSERT WITH CHECK (true)";
    stage.db.superuser().batch_execute(policy).unwrap();
    let through_sql = writes(&cluster, &stage, |captain| {
        transition(captain, &number, "blocked").unwrap();
    });
    assert_eq!(through_sql, 1, "the INSERT of the event");
}
