//! Every state against every state, by every way in. Whoever writes and however, only the edges
//! that the design lists pass.

use wo_cluster_tests::{Cluster, db_error, refused, tried};

use crate::scenario::company::{Company, copy, counts, make_filled, one, reach_alone, take};
use crate::scenario::design::{AGENT_CHANGE, ALL, FLEET_TASK, Lifecycle, REGULATED_CHANGE};

/// The four ways to move a work order. Whoever gives everything that any gate asks for is refused
/// for the edge alone.
const WAYS: [(&str, &str); 4] = [
    (
        "transition",
        "select wo.transition('{number}', '{to}', 'because', '{\"deficiencies\": [\"{to}\"]}')",
    ),
    (
        "update",
        "update wo.work_order set status = '{to}', reason = 'because', deficiencies = array['{to}']
         where wo_number = '{number}'",
    ),
    (
        "upsert",
        "insert into wo.work_order (lifecycle, title, idempotency_key)
         select lifecycle, title, idempotency_key from wo.work_order where wo_number = '{number}'
         on conflict (tenant_id, idempotency_key)
         do update set status = '{to}', reason = 'because', deficiencies = array['{to}']",
    ),
    (
        "merge",
        "merge into wo.work_order as held using (select '{number}' as wo_number) as given
         on held.wo_number = given.wo_number
         when matched then update
         set status = '{to}', reason = 'because', deficiencies = array['{to}']",
    ),
];

fn written(way: &str, number: &str, to: &str) -> String {
    way.replace("{number}", number).replace("{to}", to)
}

/// Tries every target from every state that can be reached; `gated` edges lack a signature.
fn assert_matrix(company: &Company, lifecycle: &Lifecycle, gated: &[(&str, &str)]) {
    let mut almighty = company.connect("almighty");
    let mut root = company.root();
    let is_gated = |from: &str, to: &str| gated.contains(&(from, to));
    let mut moves = 0;
    for from in lifecycle.states {
        let mut state = lifecycle.initial();
        let shut = lifecycle.path(from).iter().any(|edge| {
            let shut = is_gated(state, edge.to);
            state = edge.to;
            shut
        });
        if shut {
            continue;
        }
        let number = reach_alone(&mut almighty, lifecycle, from);
        let stands = format!("select status from wo.work_order where wo_number = '{number}'");
        let last = format!(
            "select concat_ws(' ', action, from_status, to_status) from wo.audit_entry
             where subject_id = (select id from wo.work_order where wo_number = '{number}')
                and action not in ('approval_requested', 'approval_closed')
             order by sequence desc limit 1"
        );
        assert_eq!(one::<String>(&mut almighty, &stands), *from);
        for to in lifecycle.states {
            let edge = lifecycle.edge(from, to);
            for (name, way) in WAYS {
                let what = format!("{}: {from} to {to} by {name}", lifecycle.name);
                println!("{what}");
                let sql = written(way, &number, to);
                let result = tried(&mut almighty, |transaction| {
                    transaction.batch_execute(&sql)?;
                    let (status, entry): (String, String) =
                        (one(transaction, &stands), one(transaction, &last));
                    Ok((status, entry))
                });
                if lifecycle.is_terminal(from) {
                    refused(result, "55000", "record_locked");
                } else if is_gated(from, to) {
                    let detail = refused(result, "23514", "approvals_missing");
                    assert!(!detail["approvals"].as_array().unwrap().is_empty(), "{detail}");
                } else if let Some(edge) = &edge {
                    let (status, entry) = result.unwrap_or_else(|e| panic!("{what}: {e:?}"));
                    assert_eq!(status, *to, "{what}");
                    assert_eq!(entry, format!("{} {from} {to}", edge.action), "{what}");
                    moves += 1;
                } else if from == to && name != "transition" {
                    // Not a move: only the fields that came along are written.
                    let (status, entry) = result.unwrap_or_else(|e| panic!("{what}: {e:?}"));
                    assert_eq!(status, *from, "{what}");
                    assert!(entry.starts_with("changed"), "{what}: {entry}");
                } else {
                    let detail = refused(result, "55000", "illegal_transition");
                    assert_eq!(detail["from_status"], *from, "{what}");
                    assert_eq!(detail["to_status"], *to, "{what}");
                }
            }
            if edge.is_none() && from != to {
                // A superuser passes by row security, not by the rules.
                let sql = written(WAYS[1].1, &number, to);
                let code = match lifecycle.is_terminal(from) {
                    true => "record_locked",
                    false => "illegal_transition",
                };
                refused(tried(&mut root, |by| by.batch_execute(&sql)), "55000", code);
            }
        }
        assert_eq!(one::<String>(&mut almighty, &stands), *from);
    }
    let reachable: usize = lifecycle.edges().iter().map(|edge| edge.from.len()).sum();
    assert!(moves > 0 && (!gated.is_empty() || moves == reachable * WAYS.len()), "{moves} moves");
    company.assert_intact();
}

#[test]
fn only_listed_edges_of_regulated_change_pass() {
    let company = Company::found("regulated_change");
    assert_matrix(&company, &REGULATED_CHANGE, &[]);
}

#[test]
fn only_listed_edges_of_agent_change_pass_and_approval_waits_for_signatures() {
    let company = Company::found("agent_change");
    assert_matrix(&company, &AGENT_CHANGE, &[("pending_review", "approved")]);
}

/// The same edges with the signatures left out, so that the states behind them are tried too.
#[test]
fn only_listed_edges_of_agent_change_pass_beyond_its_approval() {
    let company = Company::found("agent_change");
    assert_eq!(company.publish_without_approvals("agent_change"), 2);
    assert_matrix(&company, &AGENT_CHANGE, &[]);
}

#[test]
fn only_listed_edges_of_fleet_task_pass() {
    let company = Company::found("fleet_task");
    assert_matrix(&company, &FLEET_TASK, &[]);
}

/// Design §4: a required approval that is missing refuses. Whoever could clear the flag in the
/// same write would pass the gate that the flag shuts.
#[test]
fn a_regulatory_work_order_cannot_leave_pending_approval_without_its_signatures() {
    let company = Company::found("regulated_change");
    let mut almighty = company.connect("almighty");
    let number = make_filled(&mut almighty, "regulated_change");
    let regulatory =
        format!("update wo.work_order set regulatory = true where wo_number = '{number}'");
    almighty.batch_execute(&regulatory).unwrap();
    take(&mut almighty, &number, "pending_approval", false);
    for (name, way) in WAYS {
        println!("{name}");
        let sql = written(way, &number, "assigned");
        let detail = refused(
            tried(&mut almighty, |by| by.batch_execute(&sql)),
            "23514",
            "approvals_missing",
        );
        let missing: Vec<(&str, &str)> = detail["approvals"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| (one["role"].as_str().unwrap(), one["meaning"].as_str().unwrap()))
            .collect();
        assert_eq!(missing, [("system_owner", "plan"), ("qa", "plan")]);
    }
    let cleared = format!(
        "update wo.work_order set status = 'assigned', regulatory = false, reason = 'hurry'
         where wo_number = '{number}'"
    );
    let refusal = tried(&mut almighty, |by| by.batch_execute(&cleared));
    refused(refusal, "23514", "regulatory_refused");
    for open in ["draft", "cancelled"] {
        let sql = written(WAYS[0].1, &number, open);
        tried(&mut almighty, |by| by.batch_execute(&sql)).unwrap();
    }
}

/// Whoever inserts a work order in a later state has skipped every gate on the way.
#[test]
fn a_work_order_is_born_in_its_initial_state_whatever_the_way_in() {
    let company = Company::found("regulated_change");
    let mut almighty = company.connect("almighty");
    let mut root = company.root();
    let mut bare = company.bare_superuser();
    let key = wo_cli::new_key().unwrap();
    let public = wo_cli::public_key(&key.verifying_key());
    company.administer(&format!("select wo.trust_issuer('https://id.acme', 'k1', '{public}')"));
    let request =
        wo_cli::TokenRequest::new("k1", "https://id.acme", "almighty", "wo_core", company.tenant);
    let token = wo_cli::token(&key, &request).unwrap();
    let before = counts(&mut root);
    for lifecycle in ALL {
        for state in lifecycle.states {
            println!("{} {state}", lifecycle.name);
            let name = lifecycle.name;
            let values = format!("('{name}', '{state}', '[Acme-Test] x', 'd', 'almighty')");
            let line = format!("{name}\t{state}\t[Acme-Test] x\td\talmighty\n");
            let columns = "(lifecycle, status, title, description, assignee)";
            let stands = |by: &mut postgres::Transaction<'_>| -> Result<String, postgres::Error> {
                Ok(one(by, "select status from wo.work_order order by id desc limit 1"))
            };
            let results = [
                tried(&mut almighty, |by| {
                    by.batch_execute(&format!(
                        "insert into wo.work_order {columns} values {values}"
                    ))?;
                    stands(by)
                }),
                tried(&mut almighty, |by| {
                    by.batch_execute(&format!(
                        "insert into wo.work_order_import {columns} values {values}"
                    ))?;
                    stands(by)
                }),
                tried(&mut almighty, |by| {
                    copy(by, &format!("wo.work_order_import {columns}"), &line)?;
                    stands(by)
                }),
                tried(&mut almighty, |by| {
                    by.batch_execute(&format!(
                        "merge into wo.work_order as held
                         using (values {values}) as given {columns} on false
                         when not matched then insert {columns}
                         values (given.lifecycle, given.status, given.title, given.description,
                            given.assignee)"
                    ))?;
                    stands(by)
                }),
                tried(&mut root, |by| {
                    copy(by, &format!("wo.work_order {columns}"), &line)?;
                    stands(by)
                }),
                tried(&mut bare, |by| {
                    by.execute("select wo.authenticate($1)", &[&token])?;
                    copy(by, &format!("wo.work_order {columns}"), &line)?;
                    stands(by)
                }),
            ];
            for result in results {
                if *state == lifecycle.initial() {
                    assert_eq!(result.unwrap(), *state);
                } else {
                    let detail = refused(result, "55000", "not_initial_state");
                    assert_eq!(detail["to_status"], *state);
                }
            }
            // Even the initial state is not for a superuser who is nobody.
            let nobody =
                tried(&mut bare, |by| copy(by, &format!("wo.work_order {columns}"), &line));
            refused(nobody, "42501", "no_identity");
            let with_tenant = format!("{}\t{line}", company.tenant);
            let nobody = tried(&mut bare, |by| {
                copy(
                    by,
                    "wo.work_order (tenant_id, lifecycle, status, title, description, assignee)",
                    &with_tenant,
                )
            });
            refused(nobody, "42501", "no_identity");
        }
    }
    assert_eq!(counts(&mut root), before);
}

/// An upsert proposes a row before it finds the conflict: a later state in the proposal is refused
/// although the row exists, so that no race can turn it into an INSERT.
#[test]
fn an_upsert_that_proposes_a_later_state_is_refused() {
    let company = Company::found("fleet_task");
    let mut almighty = company.connect("almighty");
    let number = make_filled(&mut almighty, "fleet_task");
    let upsert = format!(
        "insert into wo.work_order (title, status, idempotency_key)
         select title, 'accepted', idempotency_key from wo.work_order where wo_number = '{number}'
         on conflict (tenant_id, idempotency_key) do update set status = excluded.status"
    );
    refused(almighty.batch_execute(&upsert), "55000", "not_initial_state");

    // On the number, which only an administrator may bring.
    let mut admin = company.connect("admin");
    let upsert = |to: &str| {
        format!(
            "insert into wo.work_order (title, wo_number) values ('[A-B] c', '{number}')
             on conflict (tenant_id, wo_number) do update set status = '{to}', reason = 'because'"
        )
    };
    refused(almighty.batch_execute(&upsert("accepted")), "42501", "column_not_writable");
    refused(admin.batch_execute(&upsert("approved")), "55000", "illegal_transition");
    refused(admin.batch_execute(&upsert("accepted")), "42501", "role_missing");
}

/// A partition is a table too: whoever writes it by its own name meets the same triggers, or no table
/// at all.
#[test]
fn a_leaf_is_no_way_around_the_rules() {
    let company = Company::found_in(Cluster::shared().partitioned_database(), "fleet_task");
    let mut almighty = company.connect("almighty");
    let mut root = company.root();
    let number = reach_alone(&mut almighty, &FLEET_TASK, "accepted");
    let partition: String = one(&mut root, "select tableoid::regclass::text from wo.work_order");
    assert_ne!(partition, "wo.work_order");
    let before = counts(&mut root);
    for (sql, sqlstate, code) in [
        (format!("update {partition} set status = 'approved'"), "55000", "illegal_transition"),
        (format!("update {partition} set chain_sequence = 9"), "42501", "column_not_writable"),
        (format!("delete from {partition}"), "42501", "delete_refused"),
        (format!("truncate {partition} cascade"), "42501", "truncate_refused"),
        (
            format!(
                "insert into {partition} (tenant_id, title, status)
                 select tenant_id, title, 'approved' from wo.work_order"
            ),
            "55000",
            "not_initial_state",
        ),
    ] {
        println!("{sql}");
        refused(root.batch_execute(&sql), sqlstate, code);
        assert_eq!(db_error(almighty.batch_execute(&sql)).code().code(), "42501");
    }
    let merged = "merge into wo.work_order as held using (select 1) as given on true
        when matched then delete";
    refused(root.batch_execute(merged), "42501", "delete_refused");
    assert_eq!(counts(&mut root), before);
    // What the rules allow is trailed there as anywhere.
    let start =
        format!("update {partition} set status = 'in_progress' where wo_number = '{number}'");
    refused(
        root.batch_execute(&format!("{start} and version = 1; update {partition} set version = 1")),
        "40001",
        "version_conflict",
    );
    root.batch_execute(&start).unwrap();
    assert_eq!(counts(&mut root), (before.0, before.1 + 1, before.2 + 1));
    company.assert_intact();
}
