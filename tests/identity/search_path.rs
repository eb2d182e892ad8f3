//! Callers whose search path begins with a schema of theirs: nothing that they put there runs inside wo_core.

use std::collections::BTreeSet;

use postgres::{Client, SimpleQueryMessage};
use wo_cluster_tests::Cluster;

use crate::isolation::stage::{Stage, pending, started};

/// A twin in schema `hostile` of every operator and every plain function of pg_catalog. Each counts that it ran, even
/// where its statement is rolled back or its error is caught, and fails.
const TWINS: &str = r#"
create schema hostile;
create sequence hostile.ran;
do $$
declare
    one record;
    body text := $body$ begin
        perform pg_catalog.nextval('hostile.ran');
        raise exception 'hostile %', tg;
    end $body$;
begin
    for one in
        select oprname, nullif(oprleft, 0)::regtype as lefthand, oprright::regtype as righthand, oprresult::regtype as result,
            row_number() over () as number
        from pg_operator
        where oprnamespace = 'pg_catalog'::regnamespace
            and not exists (select from pg_type where pg_type.oid in (oprleft, oprright, oprresult) and typtype = 'p'
                and typname not in ('anyarray', 'anyelement', 'anynonarray', 'anycompatible', 'anycompatiblearray'))
    loop
        begin
            execute format('create function hostile.twin_%s(%s) returns %s language plpgsql set search_path = pg_catalog as %L',
                one.number, concat_ws(', ', one.lefthand, one.righthand), one.result,
                replace(body, 'tg', quote_literal(format('operator %s(%s, %s)', one.oprname, one.lefthand, one.righthand))));
            execute format('create operator hostile.%s (%s rightarg = %s, function = hostile.twin_%s)',
                one.oprname, 'leftarg = ' || one.lefthand || ',', one.righthand, one.number);
        exception when others then null;
        end;
    end loop;
    for one in
        select proname, pg_get_function_identity_arguments(oid) as arguments, prorettype::regtype as result, proretset
        from pg_proc
        where pronamespace = 'pg_catalog'::regnamespace and prokind = 'f' and provariadic = 0 and proargmodes is null
            and not exists (select from pg_type where pg_type.oid = any (proargtypes::oid[] || prorettype) and typtype = 'p'
                and typname not in ('anyarray', 'anyelement', 'anynonarray', 'anycompatible', 'anycompatiblearray'))
    loop
        begin
            execute format('create function hostile.%I(%s) returns %s %s language plpgsql set search_path = pg_catalog as %L',
                one.proname, one.arguments, case when one.proretset then 'setof' end, one.result,
                replace(body, 'tg', quote_literal('function ' || one.proname)));
        exception when others then null;
        end;
    end loop;
end $$;
grant usage on schema hostile to public;
grant usage, select on sequence hostile.ran to public;
"#;

/// The same calls meet other code where the tables have triggers and columns of an administrator: they are written by
/// statements then.
const BY_STATEMENTS: &str = "
create function public.passes() returns trigger language plpgsql set search_path = pg_catalog as $$ begin return new; end $$;
create trigger passes before insert or update on wo.work_order for each row execute function public.passes();
create trigger passes before insert on wo.audit_entry for each row execute function public.passes();
create trigger passes before insert on wo.event for each row execute function public.passes();
alter table wo.work_order add column theirs text;
";

/// Calls by a captain: `{a}` to `{d}` are work orders, in their order pending and in progress twice.
const CAPTAIN: &[&str] = &[
    "select wo.whoami(), wo.current_tenant(), wo.current_principal()",
    "select wo.create_work_order('[SS1-Ops] y', assignee => 'cap', idempotency_key => 'k')",
    "select wo.create_work_order('[SS1-Ops] y', assignee => 'cap', idempotency_key => 'k')",
    "select wo.create_work_order('[SS1-Ops] y', assignee => 'cap', lifecycle => 'nowhere')",
    r#"select * from wo.create_work_orders('[{"title": "[SS1-Ops] z"}, {"title": ""}]')"#,
    "insert into wo.work_order (title) values ('[SS1-Ops] raw')",
    "select * from wo.allowed_transitions('{a}')",
    "select wo.accept_work_order('{a}')",
    "select wo.update_work_order_status('{a}', 'in_progress', 'n')",
    "select wo.patch_work_order('{a}', '{\"notes\": \"n\", \"due_date\": \"2030-01-01\"}', 'why')",
    "select wo.complete_work_order('{a}', 'done', 1)",
    "select wo.verify_work_order('{a}', false, 'no')",
    "select wo.transition('{a}', 'in_progress', 'r', '{\"notes\": \"m\"}', null)",
    r#"select * from wo.transition_many('[{"work_order": "{b}", "to_status": "accepted"}, {"work_order": "x", "to_status": "y"}]')"#,
    "update wo.work_order set notes = 'raw' where notes is null",
    "select * from wo.list_work_orders(project => 'SS1', include_completed => true)",
    "select wo.get_work_order_detail('{a}')",
    "select * from wo.list_identities()",
    "select wo.blocker('00000000-0000-0000-0000-000000000000', 'fleet_task', 1, 'blocked'), wo.state_rule('fleet_task', 1, 'pending')",
    "select wo.lifecycle_diagram('fleet_task'), wo.lifecycle_diagram('fleet_task', format => 'svg')",
    "select * from wo.lifecycle_states('fleet_task')",
    "select wo.preflight('{b}'), wo.record_preflight('{b}', 'n')",
    "select * from wo.my_work()",
    "select * from wo.fleet_overview()",
    "select * from wo.validate_lifecycle('{}')",
    "select * from wo.validate_definition('lifecycle', '{}')",
    "select wo.publish_definition('lifecycle', '{}')",
    "select wo.release_definition('lifecycle', 'fleet_task', 1)",
    "select wo.retire_definition('lifecycle', 'fleet_task', 1, 'r')",
    "select wo.release_false_alarm('work_order', 'notes', 'v', 'r')",
    "select wo.withdraw_false_alarm('01890000-0000-7000-8000-000000000000', 'r')",
    "select * from wo.definition_diff('lifecycle', 'fleet_task', 1, 1)",
    "select wo.newest_definition('lifecycle', 'fleet_task')",
    "select wo.add_release_item('{a}', 'lifecycle', 'fleet_task', 1)",
    "select wo.remove_release_item('{a}', 'lifecycle', 'fleet_task', 1)",
    "select * from wo.release_items('{a}')",
    "select wo.set_hierarchy_policy('{d}', '{\"children\": \"wait\"}', 'r')",
    "select wo.link_work_order('{d}', '{b}', true, 'r')",
    "select wo.link_work_order('{d}', '{c}', true, 'r')",
    "select wo.add_dependency('{c}', '{b}', '1 hour', 'finish_to_start')",
    "select wo.add_dependency('{b}', '{c}')",
    r#"select wo.add_dependencies('[{"successor": "{a}", "predecessor": "{b}"}]')"#,
    "select * from wo.ready_work_orders('{d}')",
    "select * from wo.critical_path('{d}')",
    "select wo.progress('{d}')",
    "select wo.execution_pattern('{d}')",
    "select wo.dependency_diagram('{d}'), wo.dependency_diagram('{d}', 'svg'), wo.dependency_diagram('{d}', 'dot')",
    "select * from wo.check_hierarchy()",
    "select wo.remove_dependency('{c}', '{b}')",
    r#"select wo.remove_dependencies('[{"successor": "{a}", "predecessor": "{b}"}]')"#,
    "select wo.unlink_work_order('{b}', 'r')",
    r#"select wo.create_from_plan('{"master": {"title": "[SS1-Ops] m"}, "children": [{"ref": "p", "title": "[SS1-Ops] p"}, {"ref": "q", "title": "[SS1-Ops] q", "after": ["p"]}]}')"#,
    "select wo.add_deliverable('{a}', 'd', 'report', 'https://files/d', pg_catalog.sha256('d'))",
    "select wo.add_document_version('{a}', 'd', 'https://files/d', pg_catalog.sha256('d'), 'r')",
    "select wo.archive_document('{a}', 'd', 'r')",
    "select * from wo.document_versions('d')",
    "select * from wo.deliverables('{a}')",
    "select wo.review_deliverable('{a}', '0192f0c1-0000-7000-8000-000000000001', 'accepted', 'r')",
    "select wo.apply_job_plan('{a}', 'p')",
    "select * from wo.steps('{a}')",
    "select wo.plan_version_difference('{a}', 1)",
    "select wo.move_to_plan_version('{a}', 1, 'r')",
    "select wo.record_step('{a}', 's', '1')",
    "select wo.request_credential('{a}', 's', 'n')",
    "select wo.correct_step('{a}', 's', '1', 'r')",
    "select wo.witness_step('{a}', 's')",
    "select wo.skip_step('{a}', 's', 'r')",
    "select wo.decide_step('{a}', 's', 'accepted', 'r')",
    "select * from wo.request_act_signature('step', '{a}/s', 'disposition', 'r', 'accepted')",
    "select * from wo.act_signatures('{a}')",
    "select wo.choose_engine('{a}')",
    "select wo.override_engine('{a}', 'e', 'r')",
    "select wo.withdraw_engine_override('{a}')",
    "select * from wo.tick()",
    "select * from wo.findings()",
    "select wo.open_finding('x', 't')",
    "select wo.assess_finding('01890000-0000-7000-8000-000000000000', 'minor')",
    "select wo.close_finding('01890000-0000-7000-8000-000000000000', 'r')",
    "select * from wo.request_signature('{a}', 'captain', 'approve', 'k', 'Europe/Berlin')",
    "select wo.sign('01890000-0000-7000-8000-000000000000', 'AAAA')",
    "select wo.reject('01890000-0000-7000-8000-000000000000', 'AAAA')",
    "select wo.withdraw_signature('01890000-0000-7000-8000-000000000000', 'r')",
    "select wo.delegate_approval('mate', 'captain', '2030-01-01', '2030-02-01', 'r')",
    "select wo.revoke_delegation('01890000-0000-7000-8000-000000000000', 'r')",
    "select wo.revoke_signing_key('k', 'r')",
    "select * from wo.signatures('{a}')",
    "select * from wo.pending_approvals()",
    "select wo.evidence_package('{a}')",
    "select wo.evidence_report('{a}')",
    "select * from wo.audit_trail('{a}')",
    "select * from wo.verify_audit()",
    "select * from wo.verify_audit('{a}')",
    "select wo.create_consumer('c')",
    "select * from wo.fetch_events('c')",
    "select wo.acknowledge('c', 1)",
    "select wo.move_consumer('c', 1, 'r')",
    "select wo.drop_consumer('c')",
    "select wo.checkpoint(null), wo.sealing_key(), wo.ledger_origin()",
    "select wo.consistency_proof(1, 2)",
    "select wo.inclusion_proof('{a}', 1, null)",
    "select wo.ledger_proof('{a}')",
    "select * from wo.verify_ledger()",
    "select * from wo.reconcile()",
    "select * from wo.state_figures()",
    "select wo.authenticate('x')",
    "select wo.authenticate('01890000-0000-7000-8000-000000000000', 'x')",
    "select wo.authenticate_session('x')",
];

const ADMINISTRATOR: &[&str] = &[
    "select wo.create_tenant('other', 'Other', template => 'fleet')",
    "select wo.create_role('tester', 'd')",
    "select wo.create_principal('tia', 'Tia', 'person', '{captain}')",
    "select wo.grant_role('tia', 'tester')",
    "select wo.revoke_role('tia', 'tester')",
    "select wo.disable_principal('tia')",
    "select wo.enable_principal('tia')",
    "select wo.trust_issuer('https://issuer.example', 'k1', '-----BEGIN PUBLIC KEY-----
MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=
-----END PUBLIC KEY-----', 'wo_core')",
    "select wo.distrust_issuer('https://issuer.example', 'k1')",
    "select wo.publish_lifecycle('{}')",
    "select wo.register_document('d', 't', 'k')",
    "select wo.register_guard('g', 'wo.current_tenant()', 'd')",
    "select wo.set_state_limit('fleet_task', 'pending', 8)",
    "select wo.set_definition_policy('lifecycle', 'publication')",
    "select * from wo.migrate_lifecycle('{a}', 1, 'r')",
    "select wo.enroll_signing_key('k', 'cap', 'MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=', '2030-01-01')",
    "select wo.record_identity_verification('k', 'v')",
    "select wo.retire_signing_key('k')",
    "select wo.assign_consumer('c', 'cap', 'r')",
    "select wo.make_partitions(13)",
    "select wo.begin_timeline('r')",
    "select wo.recovery_statement('r')",
    "select wo.recover_ledger('r')",
    "select * from wo.verify_archive('a')",
    "select wo.restore_archive('a')",
    "select wo.release_archive('a')",
    "select * from wo.worker_status()",
    "select * from wo.health()",
    "select * from wo.metrics()",
    "select wo.rebuild_rollups()",
    "select * from wo.schema_changes()",
    "update wo.tenant set name = 'Renamed'",
    "insert into wo.task_type (task_type, cost_class, description) values ('t', 'low', 'd')",
];

/// What a caller's statement ran of the twins, as the error or the counter tells.
fn hostile(client: &mut Client, root: &mut Client, sql: &str) -> Option<String> {
    let counted = |root: &mut Client| -> i64 {
        let sql = "select case when is_called then last_value else 0 end from hostile.ran";
        root.query_one(sql, &[]).unwrap().get(0)
    };
    let before = counted(root);
    client.batch_execute("savepoint s").unwrap();
    let answer = client.simple_query(sql);
    let rows = |answer: &Vec<SimpleQueryMessage>| format!("{answer:?}");
    let said = match &answer {
        Err(error) => format!("{:?}", error.as_db_error()),
        Ok(answer) => rows(answer),
    };
    if answer.is_err() {
        client.batch_execute("rollback to s").unwrap();
    }
    (said.contains("hostile") || counted(root) != before).then(|| format!("{sql}\n{said}"))
}

/// The operators and functions that a statement of ours names were looked up in the caller's search path: those of the
/// caller's schema ran inside `wo.transition`, with the rights that the enforcement layer has at that moment.
#[test]
fn nothing_of_a_callers_schema_runs_in_a_function_of_the_api() {
    let stage = Stage::new(Cluster::shared());
    let mut root = stage.db.superuser();
    root.batch_execute(TWINS).unwrap();
    let made: i64 = root
        .query_one(
            "select count(*) from pg_operator where oprnamespace = 'hostile'::regnamespace",
            &[],
        )
        .unwrap()
        .get(0);
    assert!(made > 600, "{made} operators");
    let mut called = Vec::new();
    for extra in ["", BY_STATEMENTS] {
        root.batch_execute(extra).unwrap();
        let mut captain = stage.captain();
        let orders = [
            started(&mut captain),
            pending(&mut captain),
            started(&mut captain),
            pending(&mut captain),
        ];
        let pending_one = pending(&mut captain);
        let filled = |sql: &str| {
            sql.replace("{a}", &pending_one)
                .replace("{b}", &orders[1])
                .replace("{c}", &orders[0])
                .replace("{d}", &orders[3])
        };
        for (login, calls) in [("cap", CAPTAIN), ("adm", ADMINISTRATOR)] {
            // A new session, whose statements are all planned under the caller's path.
            let mut client = stage.client(login);
            client.batch_execute("begin").unwrap();
            if login == "adm" {
                client.batch_execute("select wo.administer('acme')").unwrap();
            }
            client.batch_execute("set local search_path = hostile, pg_catalog").unwrap();
            for sql in calls {
                let sql = filled(sql);
                let ran = hostile(&mut client, &mut root, &sql);
                assert_eq!(ran, None, "{login} {extra}");
                called.push(sql);
            }
            let committed = client.batch_execute("commit");
            assert!(committed.is_ok(), "{committed:?}");
        }
    }
    let all: BTreeSet<String> = root
        .query(
            "select proname::text from pg_proc where pronamespace = 'wo'::regnamespace
             and proname not in ('administer', 'lock_for_guard')",
            &[],
        )
        .unwrap()
        .iter()
        .map(|row| row.get(0))
        .collect();
    let missing: Vec<&String> = all
        .iter()
        .filter(|name| !called.iter().any(|sql| sql.contains(&format!("wo.{name}("))))
        .collect();
    assert!(missing.is_empty(), "functions that were not called: {missing:?}");
}

/// A statement that a session prepared under one path runs with the operators of that path, or of another one: never
/// with those of the caller.
#[test]
fn a_statement_that_was_planned_before_is_not_used_with_another_path() {
    let stage = Stage::new(Cluster::shared());
    let mut root = stage.db.superuser();
    root.batch_execute(TWINS).unwrap();
    root.batch_execute(BY_STATEMENTS).unwrap();
    let mut captain = stage.captain();
    let number = started(&mut captain);
    let move_on = |client: &mut Client, to: &str| {
        client.simple_query(&format!("select wo.transition('{number}', '{to}', 'r')")).map(drop)
    };
    for path in ["public", "hostile, pg_catalog", "pg_catalog", "hostile, public, pg_catalog"] {
        captain.batch_execute(&format!("set search_path = {path}")).unwrap();
        for to in ["blocked", "in_progress"] {
            move_on(&mut captain, to).unwrap_or_else(|error| panic!("{path}: {error:?}"));
        }
    }
}

/// Whatever a function says in its own SQL is looked up when it runs: it has a search path of its own, or every name and
/// operator in it is qualified. Functions in C run statements through one place, which pins the path.
#[test]
fn every_function_pins_its_search_path_or_names_no_operator() {
    let db = Cluster::shared().database();
    let mut root = db.superuser();
    let unpinned = root
        .query(
            "select proc.oid::regprocedure::text, prosrc, lanname::text from pg_proc as proc
             join pg_language on pg_language.oid = prolang
             where pronamespace in ('wo'::regnamespace, 'wo_private'::regnamespace) and lanname <> 'c'
                and not exists (select from unnest(proconfig) as setting where setting = 'search_path=pg_catalog, pg_temp')",
            &[],
        )
        .unwrap();
    assert!(unpinned.len() > 20);
    for row in unpinned {
        let [name, source, language]: [String; 3] = [row.get(0), row.get(1), row.get(2)];
        assert_eq!(language, "sql", "{name}");
        let mut code = String::new();
        for (place, part) in source.split('\'').enumerate() {
            code.push_str(if place % 2 == 0 { part } else { "x" });
        }
        let code = code
            .replace("made.*", "")
            .replace("operator(pg_catalog.=)", "")
            .replace("operator(pg_catalog.<)", "")
            .replace("count(*)", "count()")
            .replace("operator(pg_catalog.>)", "")
            .replace("operator(pg_catalog.+)", "")
            .replace("::", "");
        let operator = code.find(|c: char| "=<>+-*/|&!~%^#@".contains(c));
        assert_eq!(operator, None, "{name}: {source}");
        // A name before a parenthesis is a function's, and is qualified; keywords are not names.
        for (place, _) in code.match_indices('(') {
            let before = code[..place].trim_end();
            let word: String = before
                .chars()
                .rev()
                .take_while(|c| c.is_alphanumeric() || "._".contains(*c))
                .collect::<String>()
                .chars()
                .rev()
                .collect();
            let is_keyword = ["", "and", "or", "all", "from", "select", "in", "over", "coalesce"]
                .contains(&word.as_str());
            assert!(is_keyword || word.contains('.'), "{name} calls {word}: {source}");
        }
    }
}
