//! Rows that do not say whose they are, and values that say nothing.

use wo_cluster_tests::refused;
use wo_cluster_tests::signing::{Company, ROOT};

/// An administrator who leaves the tenant out was asked to leave it out.
#[test]
fn what_an_administrator_writes_is_of_the_tenant_by_default() {
    let company = Company::found();
    company.administer(
        "insert into wo.role (role) values ('keeper');
         insert into wo.principal (id, name) values ('kim', 'Kim');
         insert into wo.principal_role (principal, role) values ('kim', 'keeper')",
    );
    for (table, columns, values) in [
        ("principal", "id, name", "'lou', 'Lou'"),
        ("work_order", "title", "'x'"),
        ("dependency", "successor_id, predecessor_id", "gen_random_uuid(), gen_random_uuid()"),
    ] {
        let insert =
            format!("insert into wo.{table} (tenant_id, {columns}) values (null, {values})");
        let tried = company.administering_as(ROOT, "acme", |root| root.batch_execute(&insert));
        match table {
            "principal" => {
                let detail = refused(tried, "23502", "fields_missing");
                assert_eq!(detail["missing_fields"][0], "tenant_id");
            }
            // A database role that administers writes no work orders.
            _ => drop(tried.unwrap_err()),
        }
    }
    company.assert_intact();
}

/// A blank project would hide the one of the title, which lists filter by.
#[test]
fn a_blank_project_is_none_and_the_title_says_it() {
    let company = Company::found();
    company.administer(
        "update wo.tenant set default_lifecycle = 'fleet_task' where tenant_id = wo.current_tenant()",
    );
    company
        .run("planner", "insert into wo.work_order (title, project) values ('[SS1-Ops] x', ' ')");
    company.run("planner", "insert into wo.work_order (title, project) values ('[SS1-Ops] x', '')");
    company.run("planner", "select wo.create_work_order('[SS1-Ops] x', project => '  ')");
    let all = company.all(ROOT, "select project || ' ' || requester from wo.work_order");
    assert_eq!(all, ["SS1 planner", "SS1 planner", "SS1 planner"]);
    let kept = "insert into wo.work_order (title, version) values ('[SS1-Ops] x', 7)";
    let error = company.with("planner", |client| client.batch_execute(kept)).unwrap_err();
    let message = error.as_db_error().unwrap().message().to_owned();
    assert_eq!(message, "version of a new work order is kept by wo_core itself");
    company.assert_intact();
}
