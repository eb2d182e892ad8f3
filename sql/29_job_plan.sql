-- Concept: job plans. A work order pins one version of a plan with the values of its parameters; its steps are those
-- of that version. What is recorded of a step is appended: a result, a correction, a witness, a skip, a disposition.

-- == tables ==

create table wo.work_order_job_plan (
    tenant_id uuid not null default wo.current_tenant() references wo.tenant,
    work_order_id uuid not null,
    name wo.short_text not null,
    version integer not null,
    sha256 wo.sha256 not null,
    parameters wo.json_map not null default '{}',
    reason wo.remark not null,
    applied_by text not null,
    applied_at timestamptz not null,
    primary key (tenant_id, work_order_id),
    foreign key (tenant_id, work_order_id) references wo.work_order (tenant_id, id),
    foreign key (tenant_id, name, version) references wo.job_plan (tenant_id, name, version),
    foreign key (tenant_id, applied_by) references wo.principal (tenant_id, id)
);
create index work_order_job_plan_version on wo.work_order_job_plan (tenant_id, name, version);
comment on table wo.work_order_job_plan is 'The version of a job plan that a work order is done by. Part of the work order: written into its trail, locked with it.';
comment on column wo.work_order_job_plan.tenant_id is 'The tenant.';
comment on column wo.work_order_job_plan.work_order_id is 'The work order.';
comment on column wo.work_order_job_plan.name is 'The job plan; it never changes.';
comment on column wo.work_order_job_plan.version is 'Its version; another one only by an explicit move with a reason. Left out at first, it is the newest that is released.';
comment on column wo.work_order_job_plan.sha256 is 'The SHA-256 of the version''s document; set by the server.';
comment on column wo.work_order_job_plan.parameters is 'The values of all parameters of the plan; the server adds the defaults of those that are not given.';
comment on column wo.work_order_job_plan.reason is 'Why the plan was applied, or why the work order moved to that version.';
comment on column wo.work_order_job_plan.applied_by is 'Who applied it or moved it; set by the server.';
comment on column wo.work_order_job_plan.applied_at is 'When, by the server''s clock.';

create table wo.step_result (
    tenant_id uuid not null default wo.current_tenant() references wo.tenant,
    work_order_id uuid not null,
    id uuid not null default gen_random_uuid(),
    ordinal wo.ordinal not null,
    step wo.short_text not null,
    act text not null,
    value wo.document,
    unit wo.short_text,
    verdict text,
    sha256 wo.sha256,
    corrects uuid,
    concerns uuid,
    credentials wo.json_map,
    plan_version integer not null,
    reason wo.remark,
    signature_id uuid,
    performed_by text not null,
    performed_at timestamptz not null,
    primary key (tenant_id, work_order_id, id),
    unique (tenant_id, work_order_id, ordinal),
    foreign key (tenant_id, work_order_id) references wo.work_order_job_plan (tenant_id, work_order_id),
    foreign key (tenant_id, work_order_id, corrects) references wo.step_result (tenant_id, work_order_id, id),
    foreign key (tenant_id, work_order_id, concerns) references wo.step_result (tenant_id, work_order_id, id),
    foreign key (tenant_id, work_order_id, signature_id) references wo.act_signature (tenant_id, work_order_id, id),
    foreign key (tenant_id, performed_by) references wo.principal (tenant_id, id),
    constraint step_result_act_is_known check (act in ('result', 'correction', 'witness', 'skip', 'disposition')),
    constraint step_result_verdict_fits check (
        case act
            when 'result' then verdict in ('pass', 'warning', 'fail')
            when 'correction' then verdict in ('pass', 'warning', 'fail')
            when 'disposition' then verdict in ('accepted', 'rejected')
            else verdict is null
        end is true),
    constraint step_result_names_what_it_is_about check (
        (act = 'correction') = (corrects is not null)
        and (act in ('witness', 'disposition')) = (concerns is not null)),
    constraint step_result_has_a_reason check (
        act in ('result', 'witness') or length(btrim(coalesce(reason, ''))) > 0)
);
comment on table wo.step_result is 'What was recorded of the steps of work orders, in its order; a row never changes. Part of the work order: written into its trail, locked with it.';
comment on column wo.step_result.tenant_id is 'The tenant.';
comment on column wo.step_result.work_order_id is 'The work order.';
comment on column wo.step_result.id is 'The row.';
comment on column wo.step_result.ordinal is 'Its place in the order of the work order''s rows; set by the server.';
comment on column wo.step_result.step is 'The key of the step in the plan.';
comment on column wo.step_result.act is 'What it is: result, correction (of a result that was wrong), skip, witness (somebody else confirms a result) or disposition (QA decides about a result that failed).';
comment on column wo.step_result.value is 'The value: a number for a measurement, pass or fail for a check, where something is for an attachment, or what was done.';
comment on column wo.step_result.unit is 'The unit of a measurement, as the plan says it.';
comment on column wo.step_result.verdict is 'pass, warning or fail of a result, which follows from its value and the limits of the plan; accepted or rejected of a disposition.';
comment on column wo.step_result.sha256 is 'The SHA-256 of what is attached.';
comment on column wo.step_result.corrects is 'The result that a correction takes the place of.';
comment on column wo.step_result.concerns is 'The result that a witness confirms, or that QA decides about.';
comment on column wo.step_result.credentials is 'The version of each credential that was used, by its name in the plan.';
comment on column wo.step_result.plan_version is 'The version of the plan under which it was recorded; set by the server.';
comment on column wo.step_result.reason is 'Why: required of a correction, a skip and a disposition.';
comment on column wo.step_result.signature_id is 'The signature by which it was recorded (wo.act_signature); NULL where it was not signed. Set by the server.';
comment on column wo.step_result.performed_by is 'Who recorded it, by their own identity; set by the server.';
comment on column wo.step_result.performed_at is 'When, by the server''s clock.';

-- == enforcement ==

create or replace function wo.steps(work_order text)
    returns table (ordinal integer, step text, instruction text, kind text, unit text, limits jsonb, required boolean,
        role text, needs_witness boolean, credentials text[], state text, waiting_for text[], result uuid, value text,
        verdict text, sha256 text, reason text, plan_version integer, performed_by text, performed_at timestamptz,
        witnessed_by text, disposition text, decided_by text, corrections integer)
    language sql stable
    set search_path = pg_catalog, pg_temp
    as $$
        select one.ordinal, one.step, one.instruction, one.kind, one.unit, one.limits, one.required, one.role,
            one.needs_witness, one.credentials, one.state, one.waiting_for, one.result, one.value, one.verdict,
            one.sha256, one.reason, one.plan_version, one.performed_by, one.performed_at, one.witnessed_by,
            one.disposition, one.decided_by, one.corrections
        from jsonb_to_recordset(wo_private.steps($1)) as one (ordinal integer, step text, instruction text, kind text,
            unit text, limits jsonb, required boolean, role text, needs_witness boolean, credentials text[],
            state text, waiting_for text[], result uuid, value text, verdict text, sha256 text, reason text,
            plan_version integer, performed_by text, performed_at timestamptz, witnessed_by text, disposition text,
            decided_by text, corrections integer)
        order by one.ordinal
    $$;
comment on function wo.steps(text) is
    'The steps of the job plan that a work order has pinned, in the order of the plan, with the values of its parameters in the instructions: what each needs, its state (open, done, failed, skipped; not_applicable where the version has it no more), the steps that it waits for, and the newest result with its verdict, witness and disposition. No row where the work order has no plan.';

create or replace function wo.apply_job_plan(work_order text, name text, version integer default null, parameters jsonb default null, reason text default null) returns jsonb
    language sql volatile
    as $$ select wo_private.apply_job_plan($1, $2, $3, $4::pg_catalog.text, $5) $$;
comment on function wo.apply_job_plan(text, text, integer, jsonb, text) is
    'Pins a version of a job plan, the newest released one where none is named, with the values of its parameters: the work order then has the plan''s steps. The children of the plan are made too, each with its own job plan, where the work order is in its first state. Returns {id, job_plan, plan_version, parameters}, and {work_orders, dependencies} of the children. For those who may change what the work order is made of (hierarchy.link). A version that is not released is taken by a work order in its first state only. Refuses a second plan.';

create or replace function wo.plan_version_difference(work_order text, version integer) returns jsonb
    language sql stable
    set search_path = pg_catalog, pg_temp
    as $$ select wo_private.plan_version_difference($1, $2) $$;
comment on function wo.plan_version_difference(text, integer) is
    'What another version of its job plan means for a work order: {job_plan, from_version, to_version, steps: {kept, changed, new, removed, recorded}}; recorded are the changed and removed steps that have results. Writes nothing.';

create or replace function wo.move_to_plan_version(work_order text, version integer, reason text, parameters jsonb default null) returns jsonb
    language sql volatile
    set search_path = pg_catalog, pg_temp
    as $$
        with compared as materialized (
            select wo_private.plan_version_difference($1, $2) as answer
        ), moved as (
            update wo.work_order_job_plan as pinned
            set version = (compared.answer ->> 'to_version')::integer, reason = $3,
                parameters = coalesce($4, pinned.parameters)
            from compared
            where pinned.tenant_id = wo.current_tenant() and pinned.work_order_id = wo_private.work_order_id_or_refuse($1)
            returning compared.answer
        )
        select coalesce((select moved.answer from moved), wo_private.refuse_suppressed('work_order_job_plan'))
    $$;
comment on function wo.move_to_plan_version(text, integer, text, jsonb) is
    'Moves a work order to another version of its job plan, with a reason, and returns what wo.plan_version_difference says. Results stay with the key of their step; those of steps that the version has no more stay on record. Refuses a version in which a step with a result has another kind or unit. The approvals that the work order has for its plan are then amended.';

create or replace function wo.record_step(work_order text, step text, value text default null, unit text default null, sha256 bytea default null, reason text default null, credentials jsonb default null) returns jsonb
    language sql volatile
    as $$ select wo_private.record_step($1, $2, $3, $4, $5, $6, $7::pg_catalog.text) $$;
comment on function wo.record_step(text, text, text, text, bytea, text, jsonb) is
    'Records that a step was performed, by the caller''s own identity: the assignee, or somebody of the role that the plan names for the step. Returns {id, step, verdict, ordinal}; the verdict (pass, warning, fail) follows from the value and the limits. Refuses a step that waits for others, or for a hold point. credentials says which version of each credential was used. In regulatory work a step of kind sign is signed: wo.request_act_signature(''step'', …, ''acceptance'', …, ''performed'').';

create or replace function wo.correct_step(work_order text, step text, value text, reason text, unit text default null, sha256 bytea default null) returns jsonb
    language sql volatile
    set search_path = pg_catalog, pg_temp
    as $$
        with made as (
            insert into wo.step_result as recorded (tenant_id, work_order_id, step, act, value, unit, sha256, reason)
            values (wo.current_tenant(), wo_private.work_order_id_or_refuse($1), $2, 'correction', $3, $5, $6, $4)
            returning jsonb_build_object('id', recorded.id, 'step', recorded.step, 'verdict', recorded.verdict,
                'corrects', recorded.corrects, 'ordinal', recorded.ordinal) as answer
        )
        select coalesce((select answer from made), wo_private.refuse_suppressed('step_result'))
    $$;
comment on function wo.correct_step(text, text, text, text, text, bytea) is
    'Records that the newest result of a step was wrong, with the right value and a reason. The old result stays; its witness and its disposition do not count for the new one. Returns {id, step, verdict, corrects, ordinal}.';

create or replace function wo.witness_step(work_order text, step text, reason text default null) returns jsonb
    language sql volatile
    set search_path = pg_catalog, pg_temp
    as $$
        with made as (
            insert into wo.step_result as recorded (tenant_id, work_order_id, step, act, reason)
            values (wo.current_tenant(), wo_private.work_order_id_or_refuse($1), $2, 'witness', $3)
            returning jsonb_build_object('id', recorded.id, 'step', recorded.step, 'concerns', recorded.concerns,
                'ordinal', recorded.ordinal) as answer
        )
        select coalesce((select answer from made), wo_private.refuse_suppressed('step_result'))
    $$;
comment on function wo.witness_step(text, text, text) is
    'Confirms the newest result of a step by the caller''s own identity: a person who did not perform it, of the role that the plan names for the witness. In regulatory work the witness of a step of kind sign signs: wo.request_act_signature(''step'', …, ''acceptance'', …, ''witnessed''). Returns {id, step, concerns, ordinal}.';

create or replace function wo.skip_step(work_order text, step text, reason text) returns jsonb
    language sql volatile
    set search_path = pg_catalog, pg_temp
    as $$
        with made as (
            insert into wo.step_result as recorded (tenant_id, work_order_id, step, act, reason)
            values (wo.current_tenant(), wo_private.work_order_id_or_refuse($1), $2, 'skip', $3)
            returning jsonb_build_object('id', recorded.id, 'step', recorded.step, 'ordinal', recorded.ordinal) as answer
        )
        select coalesce((select answer from made), wo_private.refuse_suppressed('step_result'))
    $$;
comment on function wo.skip_step(text, text, text) is
    'Records with a reason that a step is not performed. A required step of a regulatory work order is skipped by a person of QA who does not do the work; a hold point is never skipped. Returns {id, step, ordinal}.';

create or replace function wo.decide_step(work_order text, step text, verdict text, reason text) returns jsonb
    language sql volatile
    set search_path = pg_catalog, pg_temp
    as $$
        with made as (
            insert into wo.step_result as recorded (tenant_id, work_order_id, step, act, verdict, reason)
            values (wo.current_tenant(), wo_private.work_order_id_or_refuse($1), $2, 'disposition', $3, $4)
            returning jsonb_build_object('id', recorded.id, 'step', recorded.step, 'verdict', recorded.verdict,
                'concerns', recorded.concerns, 'ordinal', recorded.ordinal) as answer
        )
        select coalesce((select answer from made), wo_private.refuse_suppressed('step_result'))
    $$;
comment on function wo.decide_step(text, text, text, text) is
    'Records the disposition of a result that failed: accepted lets the work go on with it, rejected has the step done again. For a person of QA who did not perform the step and does not do the work, with a reason. In regulatory work a disposition is signed: wo.request_act_signature(''step'', …, ''disposition'', …) and wo.sign record it in place of this function. Returns {id, step, verdict, concerns, ordinal}.';
