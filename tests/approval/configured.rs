//! What an administrator writes of approvals names what there is, and reaches somebody.

use serde_json::json;
use wo_cluster_tests::{db_error, refused};

use crate::approval::firm::{AUDITOR, Firm, ROOT, deed};

/// A mistyped action or lifecycle was stored and never asked for: a signature that nobody misses.
#[test]
fn a_requirement_for_an_action_or_a_lifecycle_that_there_is_not_is_refused() {
    let firm = Firm::found();
    let insert = |lifecycle: &str, action: &str| {
        format!(
            "insert into wo.approval_requirement (name, lifecycle, action, role, meaning)
             values ('x', {lifecycle}, '{action}', 'qa', 'plan')"
        )
    };
    for (lifecycle, action, code) in [
        ("'regulated_change'", "asign", "action_unknown"),
        ("null", "asign", "action_unknown"),
        // An action of another lifecycle.
        ("'deed'", "assign", "action_unknown"),
        ("'regulatd_change'", "assign", "lifecycle_unknown"),
    ] {
        let sql = insert(lifecycle, action);
        let tried = firm.administering(|admin| admin.batch_execute(&sql));
        let error = db_error(tried);
        assert!(error.hint().is_some_and(|hint| !hint.is_empty()), "{sql}");
        refused(firm.administering(|admin| admin.batch_execute(&sql)), "22023", code);
    }
    // COPY and UPDATE meet the same check.
    firm.administer(&insert("'regulated_change'", "assign"));
    let tried = firm.administering(|admin| {
        admin.batch_execute("update wo.approval_requirement set action = 'asign' where name = 'x'")
    });
    let detail = refused(tried, "22023", "action_unknown");
    assert_eq!(detail["action"], "asign");
    assert!(detail["actions"].as_array().unwrap().contains(&json!("assign")), "{detail}");
    // An action that only an older version has may still be asked for; health reports it.
    let mut other = deed("deed");
    firm.administer(
        "update wo.approval_requirement set lifecycle = 'deed', action = 'finish' where name = 'x'",
    );
    assert_eq!(health(&firm).0, "good");
    for edge in other["transitions"].as_array_mut().unwrap() {
        if edge["action"] == "finish" {
            edge["action"] = json!("end");
        }
    }
    firm.publish(&other);
    let (severity, detail) = health(&firm);
    assert_eq!(severity, "warning", "{detail}");
    assert!(detail.contains("requirement x waits for the action finish"), "{detail}");
}

/// The row of `wo.health()` about approvals, as an auditor of the firm sees it.
fn health(firm: &Firm) -> (String, String) {
    let rows =
        firm.rows(AUDITOR, "select severity, detail from wo.health() where subject = 'approvals'");
    assert_eq!(rows.len(), 1);
    (rows[0].get(0), rows[0].get(1))
}

/// `to: role:qaa` was stored and notified nobody.
#[test]
fn an_escalation_to_a_role_or_a_principal_that_there_is_not_is_refused() {
    let firm = Firm::found();
    for target in ["role:qaa", "principal:nobody"] {
        let sql = format!(
            "insert into wo.approval_sla (role, hours, escalation)
             values ('qa', 1, '[{{\"after_hours\": 0, \"to\": \"{target}\"}}]')"
        );
        let detail = refused(
            firm.administering(|admin| admin.batch_execute(&sql)),
            "22023",
            "approval_sla_invalid",
        );
        let name = target.split_once(':').unwrap().1;
        assert!(detail["problems"][0].as_str().unwrap().contains(name), "{detail}");
    }
    for sql in [
        "insert into wo.approval_sla (role, hours) values ('qaa', 1)",
        "insert into wo.approval_sla (role, hours, calendar) values ('qa', 1, 'none')",
    ] {
        let detail = refused(
            firm.administering(|admin| admin.batch_execute(sql)),
            "23503",
            "reference_unknown",
        );
        assert_eq!(detail["of"], "approval_sla");
    }
}

const TO_MANAGER: &str = "insert into wo.approval_sla (role, hours, escalation)
    values ('qa', 0.0000001, '[{\"after_hours\": 0, \"to\": \"manager\"}]')";

/// `approval_escalated {"to": []}`: nobody was notified, and nothing said so.
#[test]
fn an_escalation_that_finds_no_manager_notifies_the_approvers_and_health_says_so() {
    let firm = Firm::found();
    firm.administer(TO_MANAGER);
    let (severity, detail) = health(&firm);
    assert_eq!(severity, "warning");
    assert!(detail.contains("the escalation of qa, step 1, notifies nobody"), "{detail}");
    // Somebody who acts for no tenant does not see what another tenant has.
    let all: String = firm.one(ROOT, "select detail from wo.health() where subject = 'approvals'");
    assert_eq!(all, "1 rules that reach nobody, in 1 tenants");
    let order = firm.submitted();
    firm.rows("planner", "select wo.tick()");
    let events = firm.events("wo.approval_escalated", &order);
    assert_eq!(events.len(), 1, "{events:?}");
    assert_eq!(events[0]["to"], events[0]["approvers"]);
    assert_ne!(events[0]["to"], json!([]));
    // A manager who may not act is passed over for the one above.
    firm.administer(
        "update wo.principal set manager = 'chief' where id in ('qa', 'qa_2', 'versatile');
         update wo.principal set manager = 'owner_2' where id = 'chief';
         select wo.disable_principal('chief')",
    );
    assert_eq!(health(&firm).0, "good");
    let order = firm.submitted();
    firm.rows("planner", "select wo.tick()");
    let events = firm.events("wo.approval_escalated", &order);
    assert_eq!(events[0]["to"], json!(["owner_2"]));
    firm.assert_intact();
}

/// After the last step the latest signature lost its deadline, and was listed below one without an SLA.
#[test]
fn the_deadline_stays_after_the_last_escalation() {
    let firm = Firm::found();
    firm.administer(
        "insert into wo.approval_sla (role, hours, escalation)
         values ('qa', 0.0000001, '[{\"after_hours\": 0, \"to\": \"role:qa\"}]')",
    );
    let order = firm.submitted();
    let pending = format!(
        "select role, deadline, next_escalation, escalations from wo.pending_approvals('{order}')"
    );
    let before = firm.rows("planner", &pending);
    let deadline: Option<std::time::SystemTime> = before[0].get("deadline");
    assert!(deadline.is_some());
    assert_eq!(before[0].get::<_, Option<std::time::SystemTime>>("next_escalation"), deadline);
    firm.rows("planner", "select wo.tick()");
    let after = firm.rows("planner", &pending);
    assert_eq!(after[0].get::<_, String>("role"), "qa", "the most urgent first");
    assert_eq!(after[0].get::<_, i32>("escalations"), 1);
    assert_eq!(after[0].get::<_, Option<std::time::SystemTime>>("deadline"), deadline);
    assert_eq!(after[0].get::<_, Option<std::time::SystemTime>>("next_escalation"), None);
    firm.assert_intact();
}
