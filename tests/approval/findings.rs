//! Findings of people: who opens, assesses and closes them, what they block, and that raw SQL meets the same rules.

use postgres::Client;
use serde_json::Value;
use uuid::Uuid;
use wo_cluster_tests::signing::{AGENT, Ask, Challenge, Company, ROOT, SERVICE};
use wo_cluster_tests::{backend_pid, refused};

fn open(company: &Company, who: &str, number: &str) -> Uuid {
    company.one(who, &format!("select wo.open_finding('{number}', 'The label is wrong')"))
}

fn finding(company: &Company, id: Uuid, column: &str) -> Option<String> {
    let sql = format!("select f.{column}::text from wo.finding as f where f.id = '{id}'");
    company.rows(ROOT, &sql)[0].get(0)
}

fn close(id: Uuid) -> String {
    format!("select wo.close_finding('{id}', 'printed anew')")
}

/// The guard refuses the state that the last signature leads to: 23514, and the finding is named.
#[track_caller]
fn assert_blocked(company: &Company, number: &str) {
    assert_eq!(company.status(number), "completed");
    let edge = format!(
        "select guards::text from wo.allowed_transitions('{number}') where action = 'close'"
    );
    assert_eq!(company.one::<String>("planner", &edge), r#"["findings_closed"]"#);
}

/// A regulatory work order would close with its findings open.
#[test]
fn a_finding_of_qa_keeps_the_last_signature_from_closing_and_its_closing_closes_it() {
    let company = Company::found();
    let number = company.reach("completed");
    let finding = open(&company, "qa_2", &number);
    company.sign_both(&number, "completion");
    assert_blocked(&company, &number);
    let forced = format!("select wo.transition('{number}', 'closed', 'now')");
    let detail = company.refused("planner", &forced, "23514", "guards_not_met");
    assert_eq!(
        detail["guards"][0]["detail"],
        format!("1 finding is open: {number}: The label is wrong")
    );
    company.run("qa_2", &close(finding));
    // The one whose act made the gate true is on record.
    assert_eq!(company.status(&number), "closed");
    let actions = company.all(
        "qa",
        &format!("select action from wo.audit_trail('{number}') order by sequence desc limit 2"),
    );
    assert_eq!(actions, ["close", "findings_closed"]);
    company.assert_intact();
}

/// Of two findings the first that is closed leaves the other; of two that close the last two at once, the second
/// waits and takes the edge.
#[test]
fn the_work_order_waits_for_the_last_finding_also_where_two_close_at_once() {
    let company = Company::found();
    let number = company.reach("completed");
    let findings = [open(&company, "qa", &number), open(&company, "qa", &number)];
    company.sign_both(&number, "completion");
    let (mut one, mut other) = (company.connect("qa"), company.connect("qa_2"));
    one.batch_execute(&format!("begin; {}", close(findings[0]))).unwrap();
    let pid = backend_pid(&mut other);
    std::thread::scope(|scope| {
        let second = scope.spawn(|| other.batch_execute(&close(findings[1])));
        company.database.wait_until_blocked(pid);
        one.batch_execute("commit").unwrap();
        second.join().unwrap().unwrap();
    });
    assert_eq!(company.status(&number), "closed");
    company.assert_intact();
}

/// What is opened while the last approval is taken either blocks it or comes after it: the signer would otherwise
/// close over a finding that was committed before.
#[test]
fn a_finding_that_is_being_opened_holds_the_last_signature_and_a_running_signature_the_finding() {
    let company = Company::found();
    let number = company.reach("completed");
    company.signed("owner", &Ask::approve(&number, "system_owner", "completion"));
    let challenge = company.request("qa", &Ask::approve(&number, "qa", "completion")).unwrap();
    let mut opener = company.connect("qa_2");
    opener.batch_execute(&format!("begin; select wo.open_finding('{number}', 'Late')")).unwrap();
    let sign = |challenge: &Challenge| {
        format!(
            "begin; select wo.authenticate('{}'); select wo.sign('{}', '{}')",
            company.token("qa"),
            challenge.id,
            company.signature("qa", &challenge.payload)
        )
    };
    let mut signer = company.connect(SERVICE);
    let pid = backend_pid(&mut signer);
    let signing = sign(&challenge);
    std::thread::scope(|scope| {
        let signed = scope.spawn(|| signer.batch_execute(&format!("{signing}; commit")));
        company.database.wait_until_blocked(pid);
        opener.batch_execute("commit").unwrap();
        signed.join().unwrap().unwrap();
    });
    assert_blocked(&company, &number);

    // The other way round.
    let number = company.reach("completed");
    company.signed("owner", &Ask::approve(&number, "system_owner", "completion"));
    let challenge = company.request("qa", &Ask::approve(&number, "qa", "completion")).unwrap();
    signer.batch_execute(&sign(&challenge)).unwrap();
    let mut opener = company.connect("qa_2");
    let pid = backend_pid(&mut opener);
    std::thread::scope(|scope| {
        let opened = scope
            .spawn(|| opener.batch_execute(&format!("select wo.open_finding('{number}', 'Late')")));
        company.database.wait_until_blocked(pid);
        signer.batch_execute("commit").unwrap();
        opened.join().unwrap().unwrap();
    });
    assert_eq!(company.status(&number), "closed");
    assert_eq!(company.all("qa", "select title from wo.findings(blocking => true)").len(), 2);
}

/// The master's signatures cover its children, so what is found at a child keeps the master, also while it is being
/// opened.
#[test]
fn a_finding_of_a_child_holds_its_master() {
    let company = Company::found();
    let create =
        "select wo.create_work_order('m', lifecycle => 'agent_change', assignee => 'worker',
        description => 'd', planned_start => now(), planned_end => now()) ->> 'wo_number'";
    let master: String = company.one("originator", create);
    let child: String = company.one("originator", create);
    company.run("originator", &format!("select wo.link_work_order('{child}', '{master}')"));
    for (who, to) in [
        ("orchestrator", "planned"),
        ("orchestrator", "scheduled"),
        ("worker", "in_progress"),
        ("worker", "pending_review"),
    ] {
        for number in [&child, &master] {
            company.transition(who, number, to);
        }
    }
    let finding = open(&company, "qa_2", &child);
    company.signed("qa", &Ask::approve(&master, "qa", "completion"));
    assert_eq!(company.status(&master), "pending_review");
    assert_eq!(company.status(&child), "pending_review");
    company.run("qa_2", &close(finding));
    assert_eq!(company.status(&master), "completed");
    assert_eq!(company.status(&child), "completed");
    company.assert_intact();
}

/// Only some say whether a finding blocks; the tenant's policy decides for the others, is audited, and is
/// validated.
#[test]
fn the_policy_of_the_tenant_says_which_findings_block() {
    let company = Company::found();
    let number = company.reach("in_progress");
    let blocking = |id| finding(&company, id, "blocking");
    assert_eq!(blocking(open(&company, "qa", &number)).as_deref(), Some("true"));
    assert_eq!(blocking(open(&company, "planner", &number)).as_deref(), Some("false"));
    let with = |who: &str, blocking: bool| {
        let sql = format!("select wo.open_finding('{number}', 't', blocking => {blocking})");
        company.with(who, |client| client.query_one(&sql, &[]).map(|row| row.get::<_, Uuid>(0)))
    };
    refused(with("planner", true), "42501", "role_missing");
    assert_eq!(blocking(with("worker", true).unwrap()).as_deref(), Some("true"));
    assert_eq!(blocking(with("qa", false).unwrap()).as_deref(), Some("false"));

    company.administer(
        "insert into wo.finding_policy (source, blocking) values ('other', true), ('qa', false)",
    );
    assert_eq!(blocking(open(&company, "qa", &number)).as_deref(), Some("false"));
    let opened = open(&company, "planner", &number);
    assert_eq!(blocking(opened).as_deref(), Some("true"));
    assert_eq!(finding(&company, opened, "source").as_deref(), Some("other"));
    refused(with("planner", false), "42501", "role_missing");
    let unknown = company.administering(|admin| {
        admin
            .batch_execute("insert into wo.finding_policy (source, blocking) values ('boss', true)")
    });
    refused(unknown, "23514", "value_unknown");
    let by_a_user = "insert into wo.finding_policy (source, blocking) values ('system', false)";
    let tried = company.with("qa", |client| client.batch_execute(by_a_user));
    assert_eq!(tried.unwrap_err().code().unwrap().code(), "42501");
    let trail = "select count(*) from wo.audit_entry where subject = 'finding_policy'";
    assert_eq!(company.one::<i64>(ROOT, trail), 2);
    company.assert_intact();
}

#[test]
fn persons_of_qa_assess_and_close_what_is_not_of_their_own_work() {
    let company = Company::found();
    let number = company.reach("in_progress");
    let id = open(&company, "stranger", &number);
    let assess = format!(
        "select wo.assess_finding('{id}', 'critical', due_date => '2030-01-31',
        capa_reference => 'CAPA-7', blocking => true)"
    );
    for (who, sqlstate, code) in
        [("stranger", "42501", "role_missing"), ("owner", "42501", "role_missing")]
    {
        company.refused(who, &assess, sqlstate, code);
        company.refused(who, &close(id), sqlstate, code);
    }
    let by_agent = company.acting(AGENT, |agent| agent.batch_execute(&close(id)));
    refused(by_agent, "42501", "person_required");
    company.run("qa", &assess);
    company.run("qa", &format!("select wo.assess_finding('{id}', category => 'training')"));
    let row = &company.rows(
        "worker",
        "select severity, category, due_date::text, capa_reference, blocking, opened_by, wo_number from wo.findings()",
    )[0];
    let told: Vec<String> = [0, 1, 2, 3, 5, 6].map(|column| row.get(column)).to_vec();
    assert_eq!(told, ["critical", "training", "2030-01-31", "CAPA-7", "stranger", &number]);
    assert!(row.get::<_, bool>(4));
    company.refused(
        "qa",
        &format!("select wo.close_finding('{id}', null)"),
        "23514",
        "fields_missing",
    );
    company.run("qa", &close(id));
    let later = format!("select wo.assess_finding('{id}', 'minor')");
    company.refused("qa", &later, "55000", "finding_closed");
    let kinds = company
        .all(ROOT, "select type from wo.event where type like 'wo.finding_%' order by position");
    assert_eq!(
        kinds,
        ["wo.finding_opened", "wo.finding_assessed", "wo.finding_assessed", "wo.finding_closed"]
    );

    // Nobody closes what is about their own work.
    let own: String = company
        .one("originator", "select wo.create_work_order('own', assignee => 'qa') ->> 'wo_number'");
    let id = open(&company, "planner", &own);
    company.refused("qa", &close(id), "42501", "finding_of_ones_own");
    // A work order that is handed over for a moment stays their work.
    company.run(
        "planner",
        &format!("select wo.patch_work_order('{own}', '{{\"assignee\": \"planner\"}}')"),
    );
    company.refused("qa", &close(id), "42501", "finding_of_ones_own");
    company.run("qa_2", &close(id));
    company.assert_intact();
}

#[test]
fn raw_sql_and_copy_meet_the_same_rules() {
    let company = Company::found();
    let number = company.reach("in_progress");
    let work_order = company.id(&number);
    let insert = |columns: &str, values: &str| {
        format!("insert into wo.finding (work_order_id{columns}) values ('{work_order}'{values})")
    };
    for (sql, sqlstate, code) in [
        (insert("", ""), "23514", "fields_missing"),
        (insert(", title", ", ' '"), "23514", "fields_missing"),
        ("insert into wo.finding (title) values ('t')".into(), "23514", "fields_missing"),
        (
            "insert into wo.finding (work_order_id, title) values (gen_random_uuid(), 't')".into(),
            "22023",
            "work_order_unknown",
        ),
        (insert(", title, severity", ", 't', 'huge'"), "23514", "value_unknown"),
        (insert(", title, category", ", 't', 'refused_attempt'"), "23514", "row_inconsistent"),
        (insert(", title, opened_by", ", 't', 'qa'"), "42501", "column_not_writable"),
        (insert(", title, opened_at", ", 't', now()"), "42501", "column_not_writable"),
        (insert(", title, code", ", 't', 'x'"), "42501", "column_not_writable"),
        (insert(", title, resolution", ", 't', 'x'"), "42501", "column_not_writable"),
        (insert(", title, source", ", 't', 'qa'"), "42501", "column_not_writable"),
        (insert(", title, blocking", ", 't', true"), "42501", "role_missing"),
        (insert(", title, id", ", 't', gen_random_uuid()"), "42501", "column_not_writable"),
    ] {
        company.refused("planner", &sql, sqlstate, code);
    }
    company.run("planner", &insert(", title", ", 'raw'"));
    let id: Uuid = company.one(ROOT, "select id from wo.finding");
    assert_eq!(finding(&company, id, "opened_by").as_deref(), Some("planner"));
    for (sql, code) in [
        ("update wo.finding set title = 'y'", "written_by_enforcement_alone"),
        ("update wo.finding set closed_by = 'qa_2', resolution = 'x'", "column_not_writable"),
        ("update wo.finding set opened_at = now()", "key_change_refused"),
    ] {
        company.refused("qa", sql, "42501", code);
    }
    company.refused("worker", "update wo.finding set blocking = true", "42501", "role_missing");
    company.run("qa", "update wo.finding set due_date = '2020-01-01', blocking = true");
    company.run("qa", "update wo.finding set resolution = 'done'");
    // A superuser's COPY meets the trigger; an administrator is nobody who finds something.
    let tenant = company.tenant;
    let copied = company.administering_as(ROOT, "acme", |root| {
        let mut copy =
            root.copy_in("copy wo.finding (tenant_id, work_order_id, title) from stdin")?;
        std::io::Write::write_all(&mut copy, format!("{tenant}\t{work_order}\tt\n").as_bytes())
            .unwrap();
        copy.finish().map(|_| ())
    });
    refused(copied, "42501", "no_principal");
    company.assert_intact();
}

/// Overdue findings are in the list of what is overdue, in the health of the installation, and in the package of
/// the work order; a locked record takes findings too.
#[test]
fn findings_are_listed_overdue_and_in_the_evidence() {
    let company = Company::found();
    let number = company.reach("closed");
    company.run(
        "qa",
        &format!("select wo.open_finding('{number}', 'Seal broken', 'd', 'minor', 'equipment', '2020-02-01', 'CAPA-1')"),
    );
    let open_one = company.reach("in_progress");
    open(&company, "worker", &open_one);
    let list =
        |arguments: &str| company.all("qa", &format!("select title from wo.findings({arguments})"));
    assert_eq!(list("").len(), 2);
    assert_eq!(list(&format!("work_order => '{number}'")), ["Seal broken"]);
    assert_eq!(list("severity => 'minor'"), ["Seal broken"]);
    assert_eq!(list("category => 'equipment'"), ["Seal broken"]);
    assert_eq!(list("overdue => true"), ["Seal broken"]);
    assert_eq!(list("blocking => false"), ["The label is wrong"]);
    assert_eq!(list("page_size => 1"), ["Seal broken"]);
    let first: Uuid = company.one("qa", "select finding from wo.findings(page_size => 1)");
    assert_eq!(list(&format!("after_finding => '{first}'")), ["The label is wrong"]);
    let more = |arguments: &str| {
        company.one::<bool>("qa", &format!("select has_more from wo.findings({arguments}) limit 1"))
    };
    assert!(more("page_size => 1") && !more("page_size => 2"));
    assert!(list("open => false").is_empty());
    // What is not there is refused, on an empty list too.
    let unknown = Uuid::now_v7();
    for (arguments, sqlstate, code) in [
        ("page_size => 0".to_owned(), "22023", "page_size_invalid"),
        ("page_size => -1".to_owned(), "22023", "page_size_invalid"),
        (format!("after_finding => '{unknown}'"), "22023", "finding_unknown"),
        ("open => false, category => 'misc'".to_owned(), "23514", "value_unknown"),
        ("open => false, work_order => 'WO-X'".to_owned(), "22023", "work_order_unknown"),
    ] {
        company.refused("qa", &format!("select * from wo.findings({arguments})"), sqlstate, code);
    }
    company.refused(
        "qa",
        "select * from wo.findings(severity => 'huge')",
        "23514",
        "value_unknown",
    );
    company.refused(
        "qa",
        "select * from wo.findings(work_order => 'WO-X')",
        "22023",
        "work_order_unknown",
    );
    let late = company.all("qa", "select rule from wo.overdue");
    assert_eq!(late, ["finding due on 2020-02-01: Seal broken"]);
    let health =
        company.rows(ROOT, "select severity, detail from wo.health() where subject = 'findings'");
    assert_eq!(health[0].get::<_, &str>(0), "warning");
    assert_eq!(health[0].get::<_, &str>(1), "1 of 2 open findings are past their due date");
    let package: Value = serde_json::from_str(
        &company.one::<String>("qa", &format!("select wo.evidence_package('{open_one}')::text")),
    )
    .unwrap();
    let text = package.to_string();
    assert!(text.contains("The label is wrong"), "{text}");
}

/// The finding and the last approval in one statement: the one that comes second is judged by the first.
#[test]
fn a_finding_and_the_end_of_its_work_order_in_one_statement() {
    let company = Company::found();
    let number: String = company.one(
        "originator",
        "select wo.create_work_order('plain', description => 'd', assignee => 'versatile') ->> 'wo_number'",
    );
    for (who, to) in [
        ("originator", "pending_approval"),
        ("planner", "assigned"),
        ("versatile", "in_progress"),
        ("versatile", "completed"),
    ] {
        company.transition(who, &number, to);
    }
    let both = format!(
        "select wo.open_finding('{number}', 't', blocking => true), wo.transition('{number}', 'closed', 'r')"
    );
    company.refused("versatile", &both, "23514", "guards_not_met");
    let moved = |client: &mut Client| {
        client.batch_execute(&format!(
            "update wo.work_order set status = 'closed' where wo_number = '{number}'
             returning wo.open_finding(id::text, 't')"
        ))
    };
    refused(company.with("versatile", moved), "55000", "write_unfinished");
    company.transition("versatile", &number, "closed");
}
