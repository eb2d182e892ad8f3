//! A session remembers where it left a work order, and a table's triggers. Neither may outlive what
//! others do to the row, or a DBA to the table.

use postgres::Client;
use wo_cluster_tests::db_error;

use crate::scenario::company::{Company, one};
use crate::scenario::direct::{at_work, transition};

/// One state after the other.
fn to_and_fro(client: &mut Client, number: &str, times: usize) {
    for state in ["blocked", "in_progress"].iter().cycle().take(times) {
        transition(client, number, state).unwrap();
    }
}

fn version(company: &Company) -> i64 {
    one(&mut company.root(), "select version from wo.work_order")
}

#[test]
fn a_work_order_that_another_session_changed_is_found_where_it_lies_now() {
    let company = Company::found("fleet_task");
    let (mut captain, number) = at_work(&company);
    let mut mate = company.connect("almighty");
    to_and_fro(&mut mate, &number, 2);
    let before = version(&company);
    for _ in 0..5 {
        transition(&mut captain, &number, "blocked").unwrap();
        transition(&mut mate, &number, "in_progress").unwrap();
    }
    assert_eq!(version(&company), before + 10);
    company.assert_intact();
}

#[test]
fn what_was_rolled_back_leaves_no_place_behind() {
    let company = Company::found("fleet_task");
    let (mut captain, number) = at_work(&company);
    let before = version(&company);
    captain.batch_execute("begin").unwrap();
    to_and_fro(&mut captain, &number, 3);
    captain.batch_execute("rollback").unwrap();
    transition(&mut captain, &number, "blocked").unwrap();
    captain.batch_execute("begin; savepoint before").unwrap();
    transition(&mut captain, &number, "in_progress").unwrap();
    captain.batch_execute("rollback to before").unwrap();
    transition(&mut captain, &number, "in_progress").unwrap();
    captain.batch_execute("commit").unwrap();
    assert_eq!(version(&company), before + 2);
    company.assert_intact();
}

#[test]
fn a_table_that_was_written_anew_is_read_anew() {
    let company = Company::found("fleet_task");
    let (mut captain, number) = at_work(&company);
    let before = version(&company);
    for rewrite in [
        "vacuum full wo.work_order",
        "cluster wo.work_order using work_order_pkey",
        "vacuum wo.work_order",
    ] {
        to_and_fro(&mut captain, &number, 2);
        company.root().batch_execute(rewrite).unwrap();
    }
    to_and_fro(&mut captain, &number, 2);
    assert_eq!(version(&company), before + 8);
    company.assert_intact();
}

fn with_sites(deferrable: &str) -> (Company, Client, String) {
    let company = Company::found("fleet_task");
    let (captain, number) = at_work(&company);
    company
        .root()
        .batch_execute(&format!(
            "create table public.site (name text primary key);
             grant select on public.site to wo_trail, wo_user;
             insert into public.site values ('hall');
             alter table wo.work_order add constraint at_a_site
                 foreign key (asset) references public.site (name) {deferrable}"
        ))
        .unwrap();
    (company, captain, number)
}

fn patch(client: &mut Client, number: &str, asset: &str) -> Result<(), postgres::Error> {
    let fields = serde_json::json!({ "asset": asset });
    client.query_one("select wo.patch_work_order($1, $2)", &[&number, &fields]).map(drop)
}

#[test]
fn a_foreign_key_that_a_dba_adds_holds() {
    let (company, mut captain, number) = with_sites("");
    for _ in 0..2 {
        assert_eq!(db_error(patch(&mut captain, &number, "nowhere")).code().code(), "23503");
    }
    patch(&mut captain, &number, "hall").unwrap();
    to_and_fro(&mut captain, &number, 2);
    assert_eq!(db_error(patch(&mut captain, &number, "nowhere")).code().code(), "23503");
    company.assert_intact();
}

/// The check of the row that was made finds another version when it comes, and leaves it to the check
/// of that one.
#[test]
fn a_foreign_key_that_waits_for_the_commit_is_checked_for_the_last_version() {
    let (company, mut captain, _) = with_sites("deferrable initially deferred");
    let make =
        "insert into wo.work_order (title, asset, assignee) values ('[SS1-Ops] x', $1::text, 'almighty')
                returning wo_number";
    for (site, allowed) in [("nowhere", false), ("hall", true)] {
        captain.batch_execute("begin").unwrap();
        let number: String = captain.query_one(make, &[&site]).unwrap().get(0);
        transition(&mut captain, &number, "accepted").unwrap();
        match captain.batch_execute("commit") {
            Ok(()) => assert!(allowed),
            Err(error) => {
                assert!(!allowed);
                assert_eq!(error.code().map(|code| code.code()), Some("23503"));
            }
        }
    }
    company.assert_intact();
}
