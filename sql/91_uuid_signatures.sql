-- The signatures that take the UUID of a work order as such, beside those that take its number or UUID
-- as text. An untyped literal means the text.
--
-- Generated from the functions of schema wo; do not edit. After a change of them:
-- WO_GOLDEN=accept cargo test -p wo_cluster_tests uuid_signatures

-- == enforcement ==

create or replace function wo.accept_work_order(order_id uuid) returns jsonb
    language sql volatile
    as $$ select wo.accept_work_order($1::pg_catalog.text) $$;
comment on function wo.accept_work_order(uuid) is
    'Accepts a work order: the lifecycle''s action accept. Returns what wo.transition does. Takes the UUID of the work order.';
grant execute on function wo.accept_work_order(uuid) to wo_user;

create or replace function wo.act_signatures(work_order uuid) returns TABLE(signature uuid, kind text, subject text, meaning text, decision text, role text, reason text, signer text, printed_name text, signed_at timestamp with time zone, signed text)
    language sql stable
    as $$ select made.* from wo.act_signatures($1::pg_catalog.text) as made $$;
comment on function wo.act_signatures(uuid) is
    'The signatures of acts of a work order as people read them: subject, printed name, meaning, decision, reason, date and time with zone. Takes the UUID of the work order.';
grant execute on function wo.act_signatures(uuid) to wo_admin, wo_auditor, wo_user;

create or replace function wo.add_deliverable(work_order uuid, name text, kind text, uri text, sha256 bytea, size bigint default null, media_type text default null, required boolean default null, reason text default null) returns jsonb
    language sql volatile
    as $$ select wo.add_deliverable($1::pg_catalog.text, $2, $3, $4, $5, $6, $7, $8, $9) $$;
comment on function wo.add_deliverable(uuid, text, text, text, bytea, bigint, text, boolean, text) is
    'Records that a version of a deliverable was received: where its bytes are, and their SHA-256. For the assignee, and for those who may change what the work order is made of; they alone say that a deliverable which the job plan does not name is required. A later version takes the place of the one before, and needs a reason where one was accepted. Returns {id, name, ordinal, required, supersedes}. Takes the UUID of the work order.';
grant execute on function wo.add_deliverable(uuid, text, text, text, bytea, bigint, text, boolean, text) to wo_user;

create or replace function wo.add_dependency(successor uuid, predecessor uuid, lag interval default null, kind text default null, holds_children boolean default null) returns void
    language sql volatile
    as $$ select wo.add_dependency($1::pg_catalog.text, $2::pg_catalog.text, $3, $4, $5) $$;
comment on function wo.add_dependency(uuid, uuid, interval, text, boolean) is
    'Makes a work order wait for another one, without a lag unless one is given; where it waits already, changes what is given. Where the successor is a master, its children wait too, at every depth, unless holds_children is false. Refuses a cycle with its path. The successor''s lifecycle says who may call it (hierarchy.link). Takes the UUID of the work order.';
grant execute on function wo.add_dependency(uuid, uuid, interval, text, boolean) to wo_user;

create or replace function wo.add_document_version(work_order uuid, document text, uri text, sha256 bytea, reason text, effective date default null) returns jsonb
    language sql volatile
    as $$ select wo.add_document_version($1::pg_catalog.text, $2, $3, $4, $5, $6) $$;
comment on function wo.add_document_version(uuid, text, text, bytea, text, date) is
    'Adds a version of a registered document by a work order: where its bytes are, their SHA-256, the day from which it holds (today in UTC where none is given) and a reason. The version before ends on that day, which is later than its own. For the assignee, and for those who may change what the work order is made of; of a controlled document by a regulatory work order. Returns {id, document, version, effective}. Takes the UUID of the work order.';
grant execute on function wo.add_document_version(uuid, text, text, bytea, text, date) to wo_user;

create or replace function wo.add_release_item(work_order uuid, kind text, name text, version integer) returns uuid
    language sql volatile
    as $$ select wo.add_release_item($1::pg_catalog.text, $2, $3, $4) $$;
comment on function wo.add_release_item(uuid, text, text, integer) is
    'Adds a version of a definition to what a work order releases, and returns the item. The version waits for its release. Signatures that the work order has by then are amended. Takes the UUID of the work order.';
grant execute on function wo.add_release_item(uuid, text, text, integer) to wo_user;

create or replace function wo.allowed_transitions(work_order uuid) returns TABLE(action text, to_status text, allowed boolean, permitted boolean, reason_required boolean, missing_fields text[], guards jsonb, approvals jsonb, who text[], why text)
    language sql stable
    as $$ select made.* from wo.allowed_transitions($1::pg_catalog.text) as made $$;
comment on function wo.allowed_transitions(uuid) is
    'Every edge from the work order''s state: whether the caller may take it now, and if not, what is missing. Takes the UUID of the work order.';
grant execute on function wo.allowed_transitions(uuid) to wo_user;

create or replace function wo.apply_job_plan(work_order uuid, name text, version integer default null, parameters jsonb default null, reason text default null) returns jsonb
    language sql volatile
    as $$ select wo.apply_job_plan($1::pg_catalog.text, $2, $3, $4, $5) $$;
comment on function wo.apply_job_plan(uuid, text, integer, jsonb, text) is
    'Pins a version of a job plan, the newest released one where none is named, with the values of its parameters: the work order then has the plan''s steps. The children of the plan are made too, each with its own job plan, where the work order is in its first state. Returns {id, job_plan, plan_version, parameters}, and {work_orders, dependencies} of the children. For those who may change what the work order is made of (hierarchy.link). A version that is not released is taken by a work order in its first state only. Refuses a second plan. Takes the UUID of the work order.';
grant execute on function wo.apply_job_plan(uuid, text, integer, jsonb, text) to wo_user;

create or replace function wo.archive_document(work_order uuid, document text, reason text, effective date default null) returns jsonb
    language sql volatile
    as $$ select wo.archive_document($1::pg_catalog.text, $2, $3, $4) $$;
comment on function wo.archive_document(uuid, text, text, date) is
    'Archives a registered document by a work order: from that day (today in UTC where none is given) no version of it holds, until another one is added. For those who may add versions. Returns {id, document, version, effective}. Takes the UUID of the work order.';
grant execute on function wo.archive_document(uuid, text, text, date) to wo_user;

create or replace function wo.audit_trail(work_order uuid) returns TABLE(sequence bigint, at timestamp with time zone, who text, action text, why text, what text)
    language sql stable
    as $$ select made.* from wo.audit_trail($1::pg_catalog.text) as made $$;
comment on function wo.audit_trail(uuid) is
    'The history of a work order as people read it: who, when, what, why, old → new. Oldest first. One row stands for entries that were archived, and says where they are. Takes the UUID of the work order.';
grant execute on function wo.audit_trail(uuid) to wo_admin, wo_auditor, wo_user;

create or replace function wo.choose_engine(work_order uuid) returns jsonb
    language sql stable
    as $$ select wo.choose_engine($1::pg_catalog.text) $$;
comment on function wo.choose_engine(uuid) is
    'Which engine executes the work order, and why: {wo_number, engine, cost_class, task_type, overridden, why}. The task type is that of the work order. Refuses with 23514 where it has none, or where no engine that it may cost is for it. Takes the UUID of the work order.';
grant execute on function wo.choose_engine(uuid) to wo_admin, wo_auditor, wo_user;

create or replace function wo.complete_work_order(order_id uuid, summary text default null, actual_hours numeric default null) returns jsonb
    language sql volatile
    as $$ select wo.complete_work_order($1::pg_catalog.text, $2, $3) $$;
comment on function wo.complete_work_order(uuid, text, numeric) is
    'Submits a work order for review with its summary and hours: the lifecycle''s action submit. NULL leaves a value as it is in the work order. Takes the UUID of the work order.';
grant execute on function wo.complete_work_order(uuid, text, numeric) to wo_user;

create or replace function wo.correct_step(work_order uuid, step text, value text, reason text, unit text default null, sha256 bytea default null) returns jsonb
    language sql volatile
    as $$ select wo.correct_step($1::pg_catalog.text, $2, $3, $4, $5, $6) $$;
comment on function wo.correct_step(uuid, text, text, text, text, bytea) is
    'Records that the newest result of a step was wrong, with the right value and a reason. The old result stays; its witness and its disposition do not count for the new one. Returns {id, step, verdict, corrects, ordinal}. Takes the UUID of the work order.';
grant execute on function wo.correct_step(uuid, text, text, text, text, bytea) to wo_user;

create or replace function wo.critical_path(master uuid) returns TABLE(wo_number text, id uuid, title text, status text, earliest_start timestamp with time zone, earliest_finish timestamp with time zone, latest_start timestamp with time zone, latest_finish timestamp with time zone, total_slack interval, free_slack interval, critical boolean)
    language sql stable
    as $$ select made.* from wo.critical_path($1::pg_catalog.text) as made $$;
comment on function wo.critical_path(uuid) is
    'Returns the schedule of a master''s children in order of their earliest start: earliest and latest start and finish, slack, and which are critical. Actual times replace estimates as they come in; an estimate of 0 hours is a milestone; without an estimate or planned times a work order counts as one hour. Children wait for whatever their masters wait for. Takes the UUID of the work order.';
grant execute on function wo.critical_path(uuid) to wo_admin, wo_auditor, wo_user;

create or replace function wo.decide_step(work_order uuid, step text, verdict text, reason text) returns jsonb
    language sql volatile
    as $$ select wo.decide_step($1::pg_catalog.text, $2, $3, $4) $$;
comment on function wo.decide_step(uuid, text, text, text) is
    'Records the disposition of a result that failed: accepted lets the work go on with it, rejected has the step done again. For a person of QA who did not perform the step and does not do the work, with a reason. In regulatory work a disposition is signed: wo.request_act_signature(''step'', …, ''disposition'', …) and wo.sign record it in place of this function. Returns {id, step, verdict, concerns, ordinal}. Takes the UUID of the work order.';
grant execute on function wo.decide_step(uuid, text, text, text) to wo_user;

create or replace function wo.deliverables(work_order uuid) returns TABLE(name text, kind text, required boolean, planned boolean, state text, versions integer, deliverable uuid, uri text, sha256 text, size bigint, media_type text, supersedes uuid, reason text, received_from text, received_at timestamp with time zone, verdict text, review_reason text, reviewed_by text, reviewed_at timestamp with time zone)
    language sql stable
    as $$ select made.* from wo.deliverables($1::pg_catalog.text) as made $$;
comment on function wo.deliverables(uuid) is
    'The deliverables of a work order, those that its job plan names first: whether each is required, its state (missing, received, accepted, rejected; amended where a version after an accepted one waits for its review), how many versions there are, and the newest version with its newest review. Takes the UUID of the work order.';
grant execute on function wo.deliverables(uuid) to wo_admin, wo_auditor, wo_user;

create or replace function wo.dependency_diagram(master uuid, format text default 'mermaid'::text) returns text
    language sql stable
    as $$ select wo.dependency_diagram($1::pg_catalog.text, $2) $$;
comment on function wo.dependency_diagram(uuid, text) is
    'A master''s children, what they wait for, their states and the critical path, as mermaid, dot or svg. Takes the UUID of the work order.';
grant execute on function wo.dependency_diagram(uuid, text) to wo_admin, wo_auditor, wo_user;

create or replace function wo.evidence_package(work_order uuid) returns text
    language sql stable
    as $$ select wo.evidence_package($1::pg_catalog.text) $$;
comment on function wo.evidence_package(uuid) is
    'Returns the evidence package: record, lifecycle, children, dependencies, signatures with their payloads and keys, findings, refused attempts, and the whole trail, in one JSON document that wo verify checks without the database. It is text, because each of its bytes is hashed: store it as it is. For a regulatory work order that has ended it is the package that was stored then; for any other the work order as it is now. Takes the UUID of the work order.';
grant execute on function wo.evidence_package(uuid) to wo_admin, wo_auditor, wo_user;

create or replace function wo.evidence_report(work_order uuid) returns text
    language sql stable
    as $$ select wo.evidence_report($1::pg_catalog.text) $$;
comment on function wo.evidence_report(uuid) is
    'Returns the evidence package as one HTML page for people: no script, nothing loaded, ready to print. It says who made the page and when. Takes the UUID of the work order.';
grant execute on function wo.evidence_report(uuid) to wo_admin, wo_auditor, wo_user;

create or replace function wo.execution_pattern(master uuid) returns jsonb
    language sql stable
    as $$ select wo.execution_pattern($1::pg_catalog.text) $$;
comment on function wo.execution_pattern(uuid) is
    'How agents should execute a master''s children: {pattern: prompt_chaining | parallelization | orchestrator_workers | single, reason}. Takes the UUID of the work order.';
grant execute on function wo.execution_pattern(uuid) to wo_admin, wo_auditor, wo_user;

create or replace function wo.get_work_order_detail(order_id uuid) returns jsonb
    language sql stable
    as $$ select wo.get_work_order_detail($1::pg_catalog.text) $$;
comment on function wo.get_work_order_detail(uuid) is
    'Everything about a work order as one JSON object: its fields, what blocks it, the rules that it breaks, and its history, oldest first. Takes the UUID of the work order.';
grant execute on function wo.get_work_order_detail(uuid) to wo_admin, wo_auditor, wo_user;

create or replace function wo.inclusion_proof(work_order uuid, sequence bigint default null, size bigint default null) returns jsonb
    language sql stable
    as $$ select wo.inclusion_proof($1::pg_catalog.text, $2, $3) $$;
comment on function wo.inclusion_proof(uuid, bigint, bigint) is
    'Proves that an entry of a work order''s trail (its newest, or the one of that sequence) is sealed by the newest checkpoint, or the one of that size: leaf_index, leaf_hash, tree_size, hashes (RFC 9162 §2.1.3) and the checkpoint. Takes the UUID of the work order.';
grant execute on function wo.inclusion_proof(uuid, bigint, bigint) to wo_admin, wo_auditor, wo_user;

create or replace function wo.ledger_proof(work_order uuid, size bigint default null) returns json
    language sql stable
    as $$ select wo.ledger_proof($1::pg_catalog.text, $2) $$;
comment on function wo.ledger_proof(uuid, bigint) is
    'Proves of every sealed entry of a work order''s trail that the newest checkpoint, or the one of that size, seals it; NULL where none is. wo verify --proofs takes it: a package that was kept when the work order ended was made before its last entries were sealed. Takes the UUID of the work order.';
grant execute on function wo.ledger_proof(uuid, bigint) to wo_admin, wo_auditor, wo_user;

create or replace function wo.link_work_order(work_order uuid, master uuid, required boolean default null, reason text default null, job_plan text default null, plan_version integer default null, parameters jsonb default null) returns jsonb
    language sql volatile
    as $$ select wo.link_work_order($1::pg_catalog.text, $2::pg_catalog.text, $3, $4, $5, $6, $7) $$;
comment on function wo.link_work_order(uuid, uuid, boolean, text, text, integer, jsonb) is
    'Makes a work order a child of a master, or moves it to another one, and applies a job plan where one is named. For those whom the masters'' lifecycle lets (hierarchy.link). Refuses a cycle with its path, and a master that has passed the gate which looks at its children. Takes the UUID of the work order.';
grant execute on function wo.link_work_order(uuid, uuid, boolean, text, text, integer, jsonb) to wo_user;

create or replace function wo.migrate_lifecycle(work_order uuid, to_version integer, reason text, state_map jsonb default '{}'::jsonb) returns jsonb
    language sql volatile
    as $$ select wo.migrate_lifecycle($1::pg_catalog.text, $2, $3, $4) $$;
comment on function wo.migrate_lifecycle(uuid, integer, text, jsonb) is
    'Moves a work order to another version of its lifecycle: its state keeps its name or is mapped ({"old": "new"}). Refused for locked records. For members of wo_admin. Takes the UUID of the work order.';
grant execute on function wo.migrate_lifecycle(uuid, integer, text, jsonb) to wo_admin;

create or replace function wo.move_to_plan_version(work_order uuid, version integer, reason text, parameters jsonb default null) returns jsonb
    language sql volatile
    as $$ select wo.move_to_plan_version($1::pg_catalog.text, $2, $3, $4) $$;
comment on function wo.move_to_plan_version(uuid, integer, text, jsonb) is
    'Moves a work order to another version of its job plan, with a reason, and returns what wo.plan_version_difference says. Results stay with the key of their step; those of steps that the version has no more stay on record. Refuses a version in which a step with a result has another kind or unit. The approvals that the work order has for its plan are then amended. Takes the UUID of the work order.';
grant execute on function wo.move_to_plan_version(uuid, integer, text, jsonb) to wo_user;

create or replace function wo.open_finding(work_order uuid, title text, description text default null, severity text default null, category text default null, due_date date default null, capa_reference text default null, blocking boolean default null) returns uuid
    language sql volatile
    as $$ select wo.open_finding($1::pg_catalog.text, $2, $3, $4, $5, $6, $7, $8) $$;
comment on function wo.open_finding(uuid, text, text, text, text, date, text, boolean) is
    'Opens a finding of a work order, and returns it. The severity is major and the category deviation unless they are given. Whether it blocks is the policy of the tenant (wo.finding_policy); QA, programs of kind system and the assignee may have it block (blocking => true), and QA may open one that does not. Takes the UUID of the work order.';
grant execute on function wo.open_finding(uuid, text, text, text, text, date, text, boolean) to wo_user;

create or replace function wo.override_engine(work_order uuid, engine text, reason text) returns jsonb
    language sql volatile
    as $$ select wo.override_engine($1::pg_catalog.text, $2, $3) $$;
comment on function wo.override_engine(uuid, text, text) is
    'Names the engine that executes the work order, with a reason, instead of the cost rules. Its lifecycle says who may call it (dispatch.override; in fleet_task the captains). Returns what wo.choose_engine then says. Takes the UUID of the work order.';
grant execute on function wo.override_engine(uuid, text, text) to wo_user;

create or replace function wo.patch_work_order(work_order uuid, fields jsonb, reason text default null, expected_version bigint default null) returns jsonb
    language sql volatile
    as $$ select wo.patch_work_order($1::pg_catalog.text, $2, $3, $4) $$;
comment on function wo.patch_work_order(uuid, jsonb, text, bigint) is
    'Writes fields of a work order without moving it. Returns {id, wo_number, status, version}. Refuses as wo.transition does. Takes the UUID of the work order.';
grant execute on function wo.patch_work_order(uuid, jsonb, text, bigint) to wo_user;

create or replace function wo.pending_approvals(work_order uuid) returns TABLE(wo_number text, role text, meaning text, action text, required integer, signed integer, requested_at timestamp with time zone, deadline timestamp with time zone, next_escalation timestamp with time zone, escalations integer, approvers text[])
    language sql stable
    as $$ select made.* from wo.pending_approvals($1::pg_catalog.text) as made $$;
comment on function wo.pending_approvals(uuid) is
    'Lists the signatures that are waited for, the earliest deadline first: of one work order, or of the whole tenant. deadline is until when to sign and stays when it has passed, next_escalation is when somebody else is notified. Takes the UUID of the work order.';
grant execute on function wo.pending_approvals(uuid) to wo_admin, wo_auditor, wo_user;

create or replace function wo.plan_version_difference(work_order uuid, version integer) returns jsonb
    language sql stable
    as $$ select wo.plan_version_difference($1::pg_catalog.text, $2) $$;
comment on function wo.plan_version_difference(uuid, integer) is
    'What another version of its job plan means for a work order: {job_plan, from_version, to_version, steps: {kept, changed, new, removed, recorded}}; recorded are the changed and removed steps that have results. Writes nothing. Takes the UUID of the work order.';
grant execute on function wo.plan_version_difference(uuid, integer) to wo_admin, wo_auditor, wo_user;

create or replace function wo.preflight(work_order uuid) returns jsonb
    language sql stable
    as $$ select wo.preflight($1::pg_catalog.text) $$;
comment on function wo.preflight(uuid) is
    'Returns what to know before work begins, as one JSON object: start (the edge that begins the work, and what it would refuse now; null where no edge from the present state does), the master, critical (whether it is on its master''s critical path, and its slack), the open children and the open work orders that wait for it, at any depth (50 of each are listed, all are counted), the required deliverables that are not accepted yet, and how many findings of it and of its children at any depth are open. Writes nothing; wo.record_preflight records that the check was done. Takes the UUID of the work order.';
grant execute on function wo.preflight(uuid) to wo_user;

create or replace function wo.progress(master uuid) returns jsonb
    language sql stable
    as $$ select wo.progress($1::pg_catalog.text) $$;
comment on function wo.progress(uuid) is
    'Returns how far a master is: percent complete weighted by estimate, counts, which children are blocked (since when and for what reason), what waits for a predecessor that was reopened, and when it is expected to be complete. Children that were cancelled or waived do not count. Takes the UUID of the work order.';
grant execute on function wo.progress(uuid) to wo_admin, wo_auditor, wo_user;

create or replace function wo.ready_work_orders(master uuid) returns TABLE(wo_number text, id uuid, title text, status text, assignee text, priority text, planned_start timestamp with time zone)
    language sql stable
    as $$ select made.* from wo.ready_work_orders($1::pg_catalog.text) as made $$;
comment on function wo.ready_work_orders(uuid) is
    'Lists the children of a master (at any depth) that have not started and wait for nothing any more, neither themselves nor through a master of theirs. Takes the UUID of the work order.';
grant execute on function wo.ready_work_orders(uuid) to wo_admin, wo_auditor, wo_user;

create or replace function wo.record_preflight(work_order uuid, notes text default null) returns jsonb
    language sql volatile
    as $$ select wo.record_preflight($1::pg_catalog.text, $2) $$;
comment on function wo.record_preflight(uuid, text) is
    'Does the check of wo.preflight, records in the work order''s trail that it was done (action preflight_done, the notes as its reason, with an event), and returns what it found. For those who may start the work. Where the lifecycle names the guard preflight_done, the start needs a check of what there is: a later change of the record, of its children at any depth, or of what it and they wait for, and a finding of it or of them that was opened since, ask for another one. Takes the UUID of the work order.';
grant execute on function wo.record_preflight(uuid, text) to wo_user;

create or replace function wo.record_step(work_order uuid, step text, value text default null, unit text default null, sha256 bytea default null, reason text default null, credentials jsonb default null) returns jsonb
    language sql volatile
    as $$ select wo.record_step($1::pg_catalog.text, $2, $3, $4, $5, $6, $7) $$;
comment on function wo.record_step(uuid, text, text, text, bytea, text, jsonb) is
    'Records that a step was performed, by the caller''s own identity: the assignee, or somebody of the role that the plan names for the step. Returns {id, step, verdict, ordinal}; the verdict (pass, warning, fail) follows from the value and the limits. Refuses a step that waits for others, or for a hold point. credentials says which version of each credential was used. In regulatory work a step of kind sign is signed: wo.request_act_signature(''step'', …, ''acceptance'', …, ''performed''). Takes the UUID of the work order.';
grant execute on function wo.record_step(uuid, text, text, text, bytea, text, jsonb) to wo_user;

create or replace function wo.release_items(work_order uuid) returns TABLE(kind text, name text, version integer, sha256 bytea, released_at timestamp with time zone, added_by text, added_at timestamp with time zone)
    language sql stable
    as $$ select made.* from wo.release_items($1::pg_catalog.text) as made $$;
comment on function wo.release_items(uuid) is
    'Lists the versions of definitions that a work order releases, and since when each is released. Takes the UUID of the work order.';
grant execute on function wo.release_items(uuid) to wo_admin, wo_auditor, wo_user;

create or replace function wo.remove_dependency(successor uuid, predecessor uuid) returns boolean
    language sql volatile
    as $$ select wo.remove_dependency($1::pg_catalog.text, $2::pg_catalog.text) $$;
comment on function wo.remove_dependency(uuid, uuid) is
    'Has a work order wait no longer for another one; false where it did not. Takes the UUID of the work order.';
grant execute on function wo.remove_dependency(uuid, uuid) to wo_user;

create or replace function wo.remove_release_item(work_order uuid, kind text, name text, version integer) returns boolean
    language sql volatile
    as $$ select wo.remove_release_item($1::pg_catalog.text, $2, $3, $4) $$;
comment on function wo.remove_release_item(uuid, text, text, integer) is
    'Removes a version of a definition from what a work order releases. Returns false where the work order does not name it. Takes the UUID of the work order.';
grant execute on function wo.remove_release_item(uuid, text, text, integer) to wo_user;

create or replace function wo.request_credential(work_order uuid, step text, name text) returns jsonb
    language sql volatile
    as $$ select wo.request_credential($1::pg_catalog.text, $2, $3) $$;
comment on function wo.request_credential(uuid, text, text) is
    'Grants the caller a credential that a step uses: the assignee, or somebody of the step''s role, by their own identity, while the work is in progress and the step can be performed. Records the grant in the work order''s trail. Returns {reference, token, expires_at}: the token is a JWT of at most five minutes, for which the vault''s own JWT login gives the secret (wo credential get). The token is not stored. Commit before the token is used: the grant of a transaction that is rolled back is not on record. Takes the UUID of the work order.';
grant execute on function wo.request_credential(uuid, text, text) to wo_user;

create or replace function wo.request_signature(work_order uuid, role text, meaning text, decision text default 'approved'::text, reason text default null, on_behalf_of text default null, child uuid default null) returns TABLE(challenge uuid, payload text, expires_at timestamp with time zone)
    language sql volatile
    as $$ select made.* from wo.request_signature($1::pg_catalog.text, $2, $3, $4, $5, $6, $7::pg_catalog.text) as made $$;
comment on function wo.request_signature(uuid, text, text, text, text, text, uuid) is
    'Gives a challenge and the exact text to sign with one''s own key: what, in which role, with which meaning. decision is approved or rejected (with a reason). The meaning waiver, with a child and a reason, lets a master go on without that child. Needs a fresh token in this transaction. Takes the UUID of the work order.';
grant execute on function wo.request_signature(uuid, text, text, text, text, text, uuid) to wo_user;

create or replace function wo.review_deliverable(work_order uuid, deliverable uuid, verdict text, reason text) returns jsonb
    language sql volatile
    as $$ select wo.review_deliverable($1::pg_catalog.text, $2::pg_catalog.text, $3, $4) $$;
comment on function wo.review_deliverable(uuid, uuid, text, text) is
    'Accepts or rejects a version of a deliverable, with a reason: a person who delivered none of its versions. Of regulatory work this is somebody of QA who does not do the work; of other work somebody of QA, the assignee, or those who may change what the work order is made of. Refuses a version that another one took the place of. Returns {id, deliverable, verdict, ordinal}. Takes the UUID of the work order.';
grant execute on function wo.review_deliverable(uuid, uuid, text, text) to wo_user;

create or replace function wo.set_hierarchy_policy(work_order uuid, policy jsonb, reason text default null) returns jsonb
    language sql volatile
    as $$ select wo.set_hierarchy_policy($1::pg_catalog.text, $2, $3) $$;
comment on function wo.set_hierarchy_policy(uuid, jsonb, text) is
    'Says what a master does with its children: {"completion": "all" | "required" | {"count": n} | {"percent": p}, "cancel_cascades": boolean, "failure_halts_siblings": boolean}; NULL leaves it to its lifecycle and its tenant. Takes the UUID of the work order.';
grant execute on function wo.set_hierarchy_policy(uuid, jsonb, text) to wo_user;

create or replace function wo.signatures(work_order uuid) returns TABLE(approval uuid, role text, meaning text, decision text, signer text, printed_name text, on_behalf_of text, signed_at timestamp with time zone, signed text, state text, why text)
    language sql stable
    as $$ select made.* from wo.signatures($1::pg_catalog.text) as made $$;
comment on function wo.signatures(uuid) is
    'The signatures of a work order as people read them: printed name, meaning, date and time with zone, and whether each still counts (valid, amended, void, withdrawn) and why not. Takes the UUID of the work order.';
grant execute on function wo.signatures(uuid) to wo_admin, wo_auditor, wo_user;

create or replace function wo.skip_step(work_order uuid, step text, reason text) returns jsonb
    language sql volatile
    as $$ select wo.skip_step($1::pg_catalog.text, $2, $3) $$;
comment on function wo.skip_step(uuid, text, text) is
    'Records with a reason that a step is not performed. A required step of a regulatory work order is skipped by a person of QA who does not do the work; a hold point is never skipped. Returns {id, step, ordinal}. Takes the UUID of the work order.';
grant execute on function wo.skip_step(uuid, text, text) to wo_user;

create or replace function wo.steps(work_order uuid) returns TABLE(ordinal integer, step text, instruction text, kind text, unit text, limits jsonb, required boolean, role text, needs_witness boolean, credentials text[], state text, waiting_for text[], result uuid, value text, verdict text, sha256 text, reason text, plan_version integer, performed_by text, performed_at timestamp with time zone, witnessed_by text, disposition text, decided_by text, corrections integer)
    language sql stable
    as $$ select made.* from wo.steps($1::pg_catalog.text) as made $$;
comment on function wo.steps(uuid) is
    'The steps of the job plan that a work order has pinned, in the order of the plan, with the values of its parameters in the instructions: what each needs, its state (open, done, failed, skipped; not_applicable where the version has it no more), the steps that it waits for, and the newest result with its verdict, witness and disposition. No row where the work order has no plan. Takes the UUID of the work order.';
grant execute on function wo.steps(uuid) to wo_admin, wo_auditor, wo_user;

create or replace function wo.transition(work_order uuid, to_status text, reason text default null, fields jsonb default null, expected_version bigint default null) returns jsonb
    language sql volatile
    as $$ select wo.transition($1::pg_catalog.text, $2, $3, $4, $5) $$;
comment on function wo.transition(uuid, text, text, jsonb, bigint) is
    'Moves a work order (number or UUID) along an edge of its lifecycle, writing fields in the same act. Returns {id, wo_number, action, from_status, status, version}. Refuses with 23514 (gate), 42501 (role), 40001 (version), 55000 (state), 22023 (value). Takes the UUID of the work order.';
grant execute on function wo.transition(uuid, text, text, jsonb, bigint) to wo_user;

create or replace function wo.unlink_work_order(work_order uuid, reason text default null) returns jsonb
    language sql volatile
    as $$ select wo.unlink_work_order($1::pg_catalog.text, $2) $$;
comment on function wo.unlink_work_order(uuid, text) is
    'Takes a work order out of its master. Takes the UUID of the work order.';
grant execute on function wo.unlink_work_order(uuid, text) to wo_user;

create or replace function wo.update_work_order_status(order_id uuid, new_status text, notes text default null) returns jsonb
    language sql volatile
    as $$ select wo.update_work_order_status($1::pg_catalog.text, $2, $3) $$;
comment on function wo.update_work_order_status(uuid, text, text) is
    'Moves a work order to a state. The notes are the reason, and are kept in the field that the edge says; in notes where it says none. Takes the UUID of the work order.';
grant execute on function wo.update_work_order_status(uuid, text, text) to wo_user;

create or replace function wo.verify_audit(work_order uuid) returns TABLE(intact boolean, chains bigint, entries bigint, subject text, subject_key text, broken_sequence bigint, problem text)
    language sql stable
    as $$ select made.* from wo.verify_audit($1::pg_catalog.text) as made $$;
comment on function wo.verify_audit(uuid) is
    'Recomputes every hash from the rows, and holds every record against its trail: of one work order, or of the whole tenant. One row if all is intact; otherwise one for each broken chain, with its first broken link and why. Takes the UUID of the work order.';
grant execute on function wo.verify_audit(uuid) to wo_admin, wo_auditor, wo_user;

create or replace function wo.verify_work_order(order_id uuid, approved boolean, notes text default null) returns jsonb
    language sql volatile
    as $$ select wo.verify_work_order($1::pg_catalog.text, $2, $3) $$;
comment on function wo.verify_work_order(uuid, boolean, text) is
    'Approves a work order in review, or rejects it: the lifecycle''s actions approve and reject. The notes are the review notes. Takes the UUID of the work order.';
grant execute on function wo.verify_work_order(uuid, boolean, text) to wo_user;

create or replace function wo.withdraw_engine_override(work_order uuid) returns boolean
    language sql volatile
    as $$ select wo.withdraw_engine_override($1::pg_catalog.text) $$;
comment on function wo.withdraw_engine_override(uuid) is
    'Leaves the choice to the cost rules again; false where nobody had made another. Takes the UUID of the work order.';
grant execute on function wo.withdraw_engine_override(uuid) to wo_user;

create or replace function wo.witness_step(work_order uuid, step text, reason text default null) returns jsonb
    language sql volatile
    as $$ select wo.witness_step($1::pg_catalog.text, $2, $3) $$;
comment on function wo.witness_step(uuid, text, text) is
    'Confirms the newest result of a step by the caller''s own identity: a person who did not perform it, of the role that the plan names for the witness. In regulatory work the witness of a step of kind sign signs: wo.request_act_signature(''step'', …, ''acceptance'', …, ''witnessed''). Returns {id, step, concerns, ordinal}. Takes the UUID of the work order.';
grant execute on function wo.witness_step(uuid, text, text) to wo_user;
