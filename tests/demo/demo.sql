-- What wo_core does, shown on a cluster of its own: make demo. Each refused attempt is shown as its
-- user would see it; everything else must succeed.
\set QUIET on
\set ON_ERROR_STOP on
\pset footer off
\pset null ''
\set SHOW_CONTEXT never
\set wo :DBNAME

\echo
\echo '== 1. A tenant, its people and its agents =='
create role olga login in role wo_user;    comment on role olga is 'demo: originator and system owner';
create role paul login in role wo_user;    comment on role paul is 'demo: planner and captain';
create role mira login in role wo_user;    comment on role mira is 'demo: does the work';
create role orla login in role wo_user;    comment on role orla is 'demo: the orchestrating agent';
create role quinn login in role wo_user;   comment on role quinn is 'demo: quality assurance';
create role service login in role wo_user; comment on role service is 'demo: nobody without a token';
create role audra login in role wo_auditor; comment on role audra is 'demo: auditor';
select wo.create_tenant('acme', 'Acme Labs', default_lifecycle => 'regulated_change') as tenant \gset
begin;
select wo.administer('acme') \g /dev/null
select wo.create_principal('olga', roles => '{system_owner}', db_role => 'olga'),
       wo.create_principal('paul', roles => '{planner,captain}', db_role => 'paul'),
       wo.create_principal('quinn', name => 'Quinn of QA', roles => '{qa}', db_role => 'quinn'),
       wo.create_principal('mira', db_role => 'mira'),
       wo.create_principal('orla', kind => 'agent', roles => '{orchestrator,scheduler}', db_role => 'orla'),
       wo.create_principal('audra', db_role => 'audra', assignable => false) \g /dev/null
commit;
select id, kind, db_role, array(select role from wo.principal_role as held where held.principal = acting.id) as roles
from wo.principal as acting order by id;

\echo
\echo '== 2. A fleet task, from pending to approved =='
\c :wo mira
select wo.create_work_order('[SS1-Operations] Migrate the dispatch worker', lifecycle => 'fleet_task',
    assignee => 'mira', requester => 'paul', estimated_hours => 4) ->> 'wo_number' as fleet \gset
\echo 'Mira made' :fleet
select wo.transition(:'fleet', 'accepted') \g /dev/null
select wo.transition(:'fleet', 'in_progress') \g /dev/null
\echo
\echo 'Mira submits it without saying what was done:'
\set ON_ERROR_STOP off
select wo.transition(:'fleet', 'review');
\echo
\echo 'She updates the table directly instead. The same rules hold:'
update wo.work_order set status = 'approved' where wo_number = :'fleet';
\set ON_ERROR_STOP on
select wo.transition(:'fleet', 'review', fields => '{"completion_summary": "Migrated; all engine modes tested.", "actual_hours": 3.5}') \g /dev/null
\echo
\echo 'What can she do now?'
select action, to_status, allowed, who, why from wo.allowed_transitions(:'fleet');
\c :wo paul
select wo.transition(:'fleet', 'approved', 'verified, tests pass') ->> 'status' as "Paul, a captain, approves";
\echo
\echo 'The record is locked now, for captains too:'
\set ON_ERROR_STOP off
update wo.work_order set title = '[SS1-Operations] Something else' where wo_number = :'fleet';
\set ON_ERROR_STOP on

\echo
\echo 'Its lifecycle as a picture, of which the first lines:'
\pset format unaligned
\pset tuples_only on
select line from regexp_split_to_table(wo.lifecycle_diagram('fleet_task'), E'\n') with ordinality as drawn (line, number)
where number <= 8 order by number;
\pset format aligned
\pset tuples_only off

\echo
\echo '== 3. A change that is not regulatory, from draft to closed =='
\c :wo olga
select wo.create_work_order('Replace the label printer', 'The old one jams.') ->> 'wo_number' as printer \gset
select wo.transition(:'printer', 'pending_approval') \g /dev/null
\c :wo paul
select wo.transition(:'printer', 'assigned', fields => '{"assignee": "mira"}') \g /dev/null
\c :wo mira
select wo.transition(:'printer', 'in_progress') \g /dev/null
select wo.transition(:'printer', 'completed', fields => '{"completion_summary": "Replaced.", "actual_hours": 1}') \g /dev/null
\c :wo paul
select wo.transition(:'printer', 'closed') ->> 'status' as "the label printer is";

\echo
\echo '== 4. A regulatory change, on signatures from draft to closed =='
\c :wo olga
select wo.create_work_order('Upgrade the chromatography workstation', 'Windows 10 to 11, with IQ and OQ.',
    regulatory => true, asset => 'HPLC-7') ->> 'wo_number' as upgrade \gset
\echo 'Every transition of a regulatory work order needs a reason:'
\set ON_ERROR_STOP off
select wo.transition(:'upgrade', 'pending_approval');
\set ON_ERROR_STOP on
select wo.transition(:'upgrade', 'pending_approval', 'support for Windows 10 has ended') \g /dev/null
\c :wo paul
\echo
\echo 'Nobody moves it on before the system owner and QA have signed:'
\set ON_ERROR_STOP off
select wo.transition(:'upgrade', 'assigned', 'let us start', '{"assignee": "mira"}');
\set ON_ERROR_STOP on
\echo
\echo 'Their keys are made outside the database; an administrator enrols the public halves:'
\set issuer `"$WO_CLI" key public "$WO_KEYS/issuer.pem"`
\set olga_key `"$WO_CLI" key new --for signer --out "$WO_KEYS/olga.pem" --passphrase-file "$WO_KEYS/passphrase"`
\set quinn_key `"$WO_CLI" key new --for signer --out "$WO_KEYS/quinn.pem" --passphrase-file "$WO_KEYS/passphrase"`
\c :wo postgres
begin;
select wo.administer('acme') \g /dev/null
select wo.trust_issuer('https://login.acme.example', 'k1', :'issuer'),
    wo.enroll_signing_key('olga', :'olga_key', 'passport, in person'),
    wo.enroll_signing_key('quinn', :'quinn_key', 'passport, in person') \g /dev/null
commit;
\setenv WO_TENANT :tenant
\setenv WO_NUMBER :upgrade
\c :wo paul
select role, meaning, required, signed, approvers from wo.pending_approvals(:'upgrade') order by role;
\! tests/demo/sign olga system_owner plan 2>/dev/null
\! tests/demo/sign quinn qa plan 2>/dev/null
select wo.transition(:'upgrade', 'assigned', 'let us start', '{"assignee": "mira"}') ->> 'status' as "Paul assigns it";
\c :wo mira
\echo 'What Mira should know before she begins:'
select check_.key as preflight, left(check_.value::text, 90) as found from jsonb_each(wo.preflight(:'upgrade')) as check_;
select wo.transition(:'upgrade', 'in_progress', 'parts are here') \g /dev/null
select wo.add_deliverable(:'upgrade', 'IQ_OQ_report', 'report', 'https://files.acme.example/IQ_OQ.pdf',
    sha256('the bytes of the report'), required => true) ->> 'id' as report \gset
\echo 'Somebody else accepts the report that it needs:'
\c :wo quinn
select wo.review_deliverable(:'upgrade', :'report', 'accepted', 'IQ and OQ are complete') \g /dev/null
select name, state, received_from, reviewed_by from wo.deliverables(:'upgrade');
\c :wo mira
select wo.transition(:'upgrade', 'completed', 'done', '{"completion_summary": "Windows 11; IQ and OQ passed.", "actual_hours": 6}')
    ->> 'status' as "Mira has done it";
\c :wo quinn
\echo 'Quinn of QA misses a file and opens a finding. Paul''s attempt to start without signatures is one, too. Both block the end:'
select wo.open_finding(:'upgrade', 'The OQ report is not attached', severity => 'minor') \g /dev/null
select left(title, 60) as title, severity, opened_by from wo.findings(work_order => :'upgrade', blocking => true);
\c :wo olga
\echo 'What waits for Olga:'
select waits_for, wo_number, title, status from wo.my_work();
\c :wo quinn
select left(title, 60) as "closed by Quinn", wo.close_finding(finding, 'Looked at: the report is in the archive, and nothing was begun early.')
from wo.findings(work_order => :'upgrade', blocking => true);
\c :wo mira
\! tests/demo/sign olga system_owner completion 2>/dev/null
\echo 'Mira corrects her hours meanwhile, so what Olga signed is not what there is:'
select wo.patch_work_order(:'upgrade', '{"actual_hours": 7}', 'a typing mistake') \g /dev/null
select printed_name, meaning, signed, state, why from wo.signatures(:'upgrade');
\! tests/demo/sign olga system_owner completion 2>/dev/null
\! tests/demo/sign quinn qa completion 2>/dev/null
\echo 'The last signature closed it, and its evidence was kept. Verified without the database:'
\c :wo audra
\pset tuples_only on
\pset format unaligned
select wo.evidence_package(:'upgrade') \g | "$WO_CLI" verify -
\pset format aligned
\pset tuples_only off

\echo
\echo '== 5. An agent''s change, from draft to pending_review =='
\c :wo orla
select wo.create_work_order('Rotate the gateway certificates', lifecycle => 'agent_change')
    ->> 'wo_number' as rotation \gset
select wo.transition(:'rotation', 'planned', fields => '{"description": "Issue, install, verify, revoke the old ones."}') \g /dev/null
select wo.transition(:'rotation', 'scheduled', fields =>
    '{"assignee": "orla", "planned_start": "2030-03-01T08:00:00Z", "planned_end": "2030-03-01T09:00:00Z"}') \g /dev/null
select wo.transition(:'rotation', 'in_progress') \g /dev/null
select wo.transition(:'rotation', 'pending_review') ->> 'status' as "the rotation is";
\echo 'An agent cannot approve its own work, nor anybody''s:'
\set ON_ERROR_STOP off
select wo.transition(:'rotation', 'approved');
\set ON_ERROR_STOP on

\echo
\echo '== 6. Windows 10 to 11: a master and six parts, made from a plan =='
\c :wo orla
select wo.create_from_plan('{
    "key": "hplc-7-windows-11",
    "master": {"title": "Upgrade HPLC-7 to Windows 11", "description": "With IQ and OQ.", "lifecycle": "agent_change"},
    "children": [
        {"name": "remove", "title": "Remove from production", "lifecycle": "agent_change", "estimated_hours": 1},
        {"name": "build", "title": "Build the workstation with Windows 11", "lifecycle": "agent_change", "estimated_hours": 8},
        {"name": "install", "title": "Install the instrument software, IQ and OQ", "lifecycle": "agent_change", "estimated_hours": 16, "after": ["build"]},
        {"name": "configure", "title": "Configure, validate, golden image", "lifecycle": "agent_change", "estimated_hours": 12, "after": ["install"]},
        {"name": "accounts", "title": "Set up user accounts", "lifecycle": "agent_change", "estimated_hours": 2, "after": ["install"]},
        {"name": "decommission", "title": "Decommission the Windows 10 machine", "lifecycle": "agent_change", "estimated_hours": 3, "after": ["configure", "accounts"]}
    ]}'::jsonb) as plan \gset
select :'plan'::jsonb ->> 'wo_number' as master, :'plan'::jsonb -> 'work_orders' ->> 'install' as install \gset
\echo 'The master is' :master
select wo_number, title as ready_now from wo.ready_work_orders(:'master');
select title, total_slack as slack, critical from wo.critical_path(:'master');
select pattern.value ->> 'pattern' as pattern, pattern.value ->> 'reason' as reason
from wo.execution_pattern(:'master') as pattern (value);
\echo
\echo 'The same as a Mermaid diagram, the critical path marked:'
\pset format unaligned
\pset tuples_only on
select wo.dependency_diagram(:'master');
\pset format aligned
\pset tuples_only off
\echo
\echo 'Out of order nothing starts:'
select wo.transition(:'install', 'planned', fields => '{"description": "By the vendor."}'),
    wo.transition(:'install', 'scheduled', fields =>
        '{"assignee": "orla", "planned_start": "2030-03-02T08:00:00Z", "planned_end": "2030-03-03T08:00:00Z"}') \g /dev/null
\set ON_ERROR_STOP off
select wo.transition(:'install', 'in_progress');
\echo
\echo 'And nothing may wait in a cycle:'
select wo.add_dependency(:'plan'::jsonb -> 'work_orders' ->> 'build', :'plan'::jsonb -> 'work_orders' ->> 'decommission');
\set ON_ERROR_STOP on
select pg_catalog.set_config('demo.plan', :'plan', false) \g /dev/null
do $$
declare
    part text;
    number text;
begin
    foreach part in array array['remove', 'build', 'install', 'configure', 'accounts', 'decommission'] loop
        number := current_setting('demo.plan')::jsonb -> 'work_orders' ->> part;
        if part <> 'install' then
            perform wo.transition(number, 'planned', fields => '{"description": "As planned."}');
            perform wo.transition(number, 'scheduled', fields =>
                '{"assignee": "orla", "planned_start": "2030-03-02T08:00:00Z", "planned_end": "2030-03-03T08:00:00Z"}');
        end if;
        perform wo.transition(number, 'in_progress');
        perform wo.transition(number, 'pending_review');
    end loop;
end
$$;
select wo.progress(:'master') ->> 'percent_complete' as "percent complete, when every part is in review";
select wo.transition(:'master', 'planned'), wo.transition(:'master', 'scheduled', fields =>
    '{"assignee": "orla", "planned_start": "2030-03-02T08:00:00Z", "planned_end": "2030-03-03T08:00:00Z"}'),
    wo.transition(:'master', 'in_progress') \g /dev/null
select wo.transition(:'master', 'pending_review') ->> 'status' as "the master, last, is";

\echo
\echo '== 7. Work by a job plan: a measurement out of its limits, a witness, and the decision of QA =='
\c :wo postgres
begin;
select wo.administer('acme') \g /dev/null
select wo.set_definition_policy('job_plan', 'publication') \g /dev/null
select wo.publish_definition('job_plan', '{
    "name": "pump_check", "parameters": [{"name": "pump", "type": "text", "required": true}],
    "steps": [
        {"key": "seal", "kind": "check", "instruction": "Check the seal of {{pump}}.", "witness": true},
        {"key": "pressure", "kind": "measure", "unit": "bar", "instruction": "Measure the pressure.", "after": ["seal"],
         "limits": {"lower": 4, "upper": 6}},
        {"key": "start", "kind": "do", "instruction": "Start {{pump}}.", "after": ["pressure"]}
    ]
}') as "version of the plan";
commit;
\c :wo paul
select wo.create_work_order('Check pump 7', 'The yearly check.', assignee => 'mira',
    job_plan => 'pump_check', parameters => '{"pump": "P-7"}') ->> 'wo_number' as pump \gset
select wo.transition(:'pump', 'pending_approval') \g /dev/null
select wo.transition(:'pump', 'assigned') \g /dev/null
\c :wo mira
select wo.transition(:'pump', 'in_progress') \g /dev/null
select wo.record_step(:'pump', 'seal', 'pass') \g /dev/null
select wo.record_step(:'pump', 'pressure', '6.2', 'bar') \g /dev/null
select step, instruction, state, verdict, waiting_for from wo.steps(:'pump');
\echo 'The work is not done while nobody confirmed the seal, and QA has not decided about the pressure:'
\set ON_ERROR_STOP off
select wo.transition(:'pump', 'completed');
\set ON_ERROR_STOP on
\c :wo paul
select wo.witness_step(:'pump', 'seal', 'seen at the pump') \g /dev/null
\c :wo quinn
select wo.decide_step(:'pump', 'pressure', 'accepted', 'the new pump may have up to 7 bar') \g /dev/null
\c :wo mira
select wo.record_step(:'pump', 'start', 'running') \g /dev/null
select wo.transition(:'pump', 'completed') ->> 'status' as "Mira has done it";
\c :wo audra
select who, action, left(what, 110) as what from wo.audit_trail(:'pump') where action like '%step%' or action like '%plan%';

\echo
\echo '== 8. The auditor reads the trail, and recomputes it =='
\c :wo audra
select sequence, at::timestamptz(0), who, action, why, left(what, 90) as what from wo.audit_trail(:'fleet');
select intact, chains, entries from wo.verify_audit();
select count(*) as events, min(type) as first_type, max(position) as last_position from wo.event;

\echo
\echo '== 9. What was refused is on record, although its transactions rolled back =='
select code, actor, wo_number, attempts, left(why, 70) as why from wo.refused_attempt order by sequence;
select wo_number, code, blocking, opened_for, attempts, left(title, 60) as title from wo.findings();

\echo
\echo '== 10. The ledger: sealed by itself, verified, and proven to somebody outside =='
do $$
begin
    for tries in 1 .. 100 loop
        exit when exists (
            select from wo.ledger_checkpoint as sealed
            where sealed.position >= (select max(told.position) from wo.audit_entry as told)
        );
        perform pg_sleep(0.1);
    end loop;
end
$$;
\pset format unaligned
\pset tuples_only on
select wo.checkpoint();
\pset format aligned
\pset tuples_only off
select intact, verified_to as leaves_verified, problem from wo.verify_ledger();
select wo.inclusion_proof(:'fleet') ->> 'leaf_index' as "the newest entry of the fleet's task is leaf",
    jsonb_array_length(wo.inclusion_proof(:'fleet') -> 'hashes') as "and proven by so many hashes";
\! "$WO_CLI" witness --state "$WO_KEYS/witness" --sealing-key "@$WO_KEYS/sealing.pub" --database "host=$PGHOST port=$PGPORT user=audra dbname=demo"

\echo
\echo '== 11. Who altered the schema: DDL is in the trail, and an auditor reads it =='
\c :wo postgres
comment on column wo.work_order.asset is 'The system or the machine that the work is about.';
do $$
begin
    for tries in 1 .. 100 loop
        perform wo.tick();
        exit when not exists (select from wo.ddl_mark);
        perform pg_sleep(0.1);
    end loop;
end
$$;
\c :wo audra
select login_role, command, object_type, object, times from wo.schema_changes();

\echo
\echo '== 12. How things are =='
\c :wo postgres
select severity, subject, left(detail, 100) as detail from wo.health();
