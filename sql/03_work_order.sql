-- Concept: work orders. The record, and the three ways in: the API, raw SQL, the import view.
--
-- Partitioned by HASH of the tenant where the DBA asks for more than one partition at install
-- (wo_core.work_order_partitions), and not by month: foreign keys that point in would forbid DETACH,
-- newest-first pages would merge every month, and a look-up without the month would visit them all.
--
-- status stands in no index: a transition then stays on its page (HOT). locked_at does, in
-- predicates, because it changes once, at the end.

--
-- What a value may be is said by domains rather than by CHECKs of the table: every statement parses
-- the CHECKs of a table it writes anew, but a domain's only for the columns that it sets.

-- == tables ==

create domain wo.order_number as text constraint order_number_is_short check (length(value) between 1 and 64);
comment on domain wo.order_number is 'The number of a work order.';
create domain wo.title as text constraint title_is_short check (length(value) <= 500);
comment on domain wo.title is 'One line of text.';
create domain wo.work_source as text
    constraint work_source_is_known check (value in ('automation', 'external', 'manual'));
comment on domain wo.work_source is 'Where work comes from: a program, an outsider, or a person by hand.';
create domain wo.block_cause as text
    constraint block_cause_is_known
        check (value in ('vendor', 'predecessor', 'resource', 'approval', 'agent_failure', 'budget', 'compliance', 'tool', 'other'));
comment on domain wo.block_cause is 'Why work is blocked: vendor, predecessor, resource, approval, agent_failure, budget, compliance, tool, or other.';
create domain wo.hours as numeric(10, 2)
    constraint hours_are_not_negative check (value >= 0 and value < 1000000);
comment on domain wo.hours is 'Hours of work, with two decimals.';
create domain wo.idempotency_key as text
    constraint idempotency_key_is_short check (length(value) between 1 and 200);
comment on domain wo.idempotency_key is 'A caller''s own key for one creation.';
create domain wo.ordinal as bigint constraint ordinal_is_positive check (value > 0);
comment on domain wo.ordinal is 'A place in an order, counted from 1.';

-- One partition is none: a plain table, which spares each write the routing and the check of the
-- partition's bound.
do $$
declare
    partitions integer := pg_catalog.current_setting('wo_core.work_order_partitions');
    kept_on_their_page pg_catalog.text := 'with (fillfactor = 80, toast_tuple_target = 128)';
begin
    execute $table$
create table wo.work_order (
    tenant_id uuid not null default wo.current_tenant() references wo.tenant,
    id uuid not null,
    wo_number wo.order_number not null,
    lifecycle text not null,
    lifecycle_version integer not null,
    status text not null,
    version bigint not null,
    revision integer not null,
    title wo.title not null,
    description wo.document,
    priority text,
    project wo.short_text,
    requester text,
    originator text not null,
    assignee text,
    source wo.work_source not null,
    regulatory boolean not null default false,
    asset wo.short_text,
    task_type text,
    due_date date,
    planned_start timestamptz,
    planned_end timestamptz,
    actual_start timestamptz,
    actual_end timestamptz,
    estimated_hours wo.hours,
    actual_hours wo.hours,
    tags wo.text_list not null default '{}',
    acceptance_criteria wo.document,
    deliverables wo.document,
    notes wo.document,
    review_notes wo.document,
    completion_summary wo.document,
    deficiencies wo.text_list not null default '{}',
    block_cause wo.block_cause,
    metadata wo.json_map not null default '{}',
    reason text,
    idempotency_key wo.idempotency_key,
    request_sha256 wo.sha256,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    locked_at timestamptz,
    archived_at timestamptz,
    state_deadline timestamptz,
    state_deadline_notified_at timestamptz,
    master_id uuid,
    required boolean not null default true,
    hierarchy_policy wo.json_map,
    chain_sequence wo.ordinal not null,
    chain_hash wo.sha256 not null,
    primary key (tenant_id, id),
    constraint work_order_wo_number_key unique (tenant_id, wo_number),
    constraint work_order_idempotency_key_key unique (tenant_id, idempotency_key),
    foreign key (tenant_id, lifecycle, lifecycle_version) references wo.lifecycle (tenant_id, name, version),
    foreign key (tenant_id, originator) references wo.principal (tenant_id, id),
    foreign key (tenant_id, requester) references wo.principal (tenant_id, id),
    foreign key (tenant_id, assignee) references wo.principal (tenant_id, id),
    foreign key (tenant_id, master_id) references wo.work_order (tenant_id, id),
    foreign key (tenant_id, task_type) references wo.task_type (tenant_id, task_type),
    constraint work_order_reason_is_a_mailbox check (reason is null),
    constraint work_order_ends_after_it_starts check (planned_end >= planned_start and actual_end >= actual_start)
)
    $table$ || case when partitions > 1 then 'partition by hash (tenant_id)' else kept_on_their_page end;
    for remainder in 0 .. partitions - 1 loop
        exit when partitions = 1;
        execute pg_catalog.format(
            'create table wo.work_order_p%s partition of wo.work_order
                for values with (modulus %s, remainder %s) ' || kept_on_their_page,
            remainder, partitions, remainder);
    end loop;
end
$$;
create index work_order_assignee on wo.work_order (tenant_id, assignee, id) where locked_at is null;
create index work_order_project on wo.work_order (tenant_id, project, id) where locked_at is null;
create index work_order_open on wo.work_order (tenant_id, id) where locked_at is null;
create index work_order_ended on wo.work_order (tenant_id, id) where locked_at is not null;
create index work_order_assignee_ended on wo.work_order (tenant_id, assignee, id) where locked_at is not null;
create index work_order_project_ended on wo.work_order (tenant_id, project, id) where locked_at is not null;
-- A work order stands in at most one of these two: in the second from the moment when it was told that
-- it stays too long.
create index work_order_state_deadline on wo.work_order (tenant_id, state_deadline)
    where state_deadline is not null and state_deadline_notified_at is null;
create index work_order_state_overdue on wo.work_order (tenant_id, state_deadline)
    where state_deadline_notified_at is not null;
create index work_order_unarchived on wo.work_order (tenant_id, locked_at) where locked_at is not null and archived_at is null;
create index work_order_master on wo.work_order (tenant_id, master_id) where master_id is not null;
create index work_order_open_child on wo.work_order (tenant_id, master_id) where master_id is not null and locked_at is null;
-- Without it, a task type is removed by a scan of all work orders.
create index work_order_task_type on wo.work_order (tenant_id, task_type, id) where task_type is not null;
create index work_order_due_date on wo.work_order (tenant_id, due_date) where locked_at is null and due_date is not null;

comment on table wo.work_order is 'The work orders. Every write is checked against the lifecycle that the row names.';
comment on column wo.work_order.tenant_id is 'The tenant; the caller''s own by default.';
comment on column wo.work_order.id is 'A UUIDv7 made by the server; only an administrator''s import may bring one.';
comment on column wo.work_order.wo_number is 'The number that people use, unique in the tenant, made in the tenant''s format.';
comment on column wo.work_order.lifecycle is 'The lifecycle; the tenant''s default if none is given.';
comment on column wo.work_order.lifecycle_version is 'The version of the lifecycle that was newest when the work order was made; changed by wo.migrate_lifecycle alone.';
comment on column wo.work_order.status is 'The state; only along an edge of the lifecycle.';
comment on column wo.work_order.version is 'The optimistic lock: one more with every accepted write. An UPDATE that sets it names the version that it expects.';
comment on column wo.work_order.revision is '1 for a new work order, and one more each time that it was sent back after it was handed in (a plan for its approval, the work as done), and with each edge that has the effect new_revision.';
comment on column wo.work_order.title is 'What is to be done, in one line, by the lifecycle''s title convention.';
comment on column wo.work_order.description is 'What is to be done, and how it is known to be right.';
comment on column wo.work_order.priority is 'One of the lifecycle''s ordered labels.';
comment on column wo.work_order.project is 'The project of the work; that of the title''s prefix where none is given and the lifecycle has a convention for titles.';
comment on column wo.work_order.requester is 'Who is said to have asked for it: a claim, unlike the originator. Who creates it, where nobody is named; an import with numbers of its own leaves it NULL.';
comment on column wo.work_order.originator is 'Who verifiably created it; set by the server.';
comment on column wo.work_order.assignee is 'Who is to do the work: a principal that may be assigned.';
comment on column wo.work_order.source is 'Where it came from, derived by the server: automation where a principal of kind system created it, external for one of kind vendor, else manual. Only an import may state it.';
comment on column wo.work_order.regulatory is 'Whether a regulated system is changed: approvals and reasons become mandatory. A child does not inherit it from its master; a notice says so.';
comment on column wo.work_order.asset is 'What is changed: the asset''s identifier.';
comment on column wo.work_order.task_type is 'The kind of task, one of wo.task_type: dispatch decides by it. The one that the work order''s job plan names, where nobody gave another.';
comment on column wo.work_order.due_date is 'The day by which it is to be done.';
comment on column wo.work_order.planned_start is 'When the work is planned to start.';
comment on column wo.work_order.planned_end is 'When the work is planned to end.';
comment on column wo.work_order.actual_start is 'When the work started: the first transition of its lifecycle that starts it, unless somebody with the right to it states another time. Never in the future, and not given at the creation.';
comment on column wo.work_order.actual_end is 'When the work ended: the last transition of its lifecycle that completes it, unless somebody with the right to it states another time. Never in the future, and not given at the creation.';
comment on column wo.work_order.estimated_hours is 'The work expected, in hours.';
comment on column wo.work_order.actual_hours is 'The work done, in hours.';
comment on column wo.work_order.tags is 'Labels for finding it again.';
comment on column wo.work_order.acceptance_criteria is 'What must hold for the work to be accepted.';
comment on column wo.work_order.deliverables is 'What the work must produce.';
comment on column wo.work_order.notes is 'The assignee''s notes: what blocks it, how it was resolved.';
comment on column wo.work_order.review_notes is 'What the reviewer found.';
comment on column wo.work_order.completion_summary is 'What was done, and its result.';
comment on column wo.work_order.deficiencies is 'What the reviewer found and wants corrected.';
comment on column wo.work_order.block_cause is 'Why it is blocked, for programs: vendor, predecessor, resource, approval, agent_failure, budget, compliance, tool or other. It is given with the transition into a blocked state (other where it is not), and NULL in every other state.';
comment on column wo.work_order.metadata is 'Other data about the work order, for programs.';
comment on column wo.work_order.reason is 'A mailbox: the writer puts the reason here, the trail takes it out. Always NULL when read.';
comment on column wo.work_order.idempotency_key is 'The caller''s key of the creation: the same key never makes a second work order.';
comment on column wo.work_order.request_sha256 is 'The SHA-256 of what the creation with an idempotency key asked for; set by the server. The same key with another request is refused.';
comment on column wo.work_order.created_at is 'When it was made, by the server''s clock.';
comment on column wo.work_order.updated_at is 'When it last changed, by the server''s clock.';
comment on column wo.work_order.locked_at is 'When its record was locked for good; NULL while it may change.';
comment on column wo.work_order.archived_at is 'Since when its content is in its evidence package alone (wo_core.record_retention); the row is a stub then.';
comment on column wo.work_order.state_deadline is 'Until when it may stay in its state, where the lifecycle sets a maximum; see wo.overdue.';
comment on column wo.work_order.state_deadline_notified_at is 'When an event notified that the work order stays too long in its state; NULL until then, and again when it leaves the state.';
comment on column wo.work_order.master_id is 'The master of this work order; wo.link_work_order sets it.';
comment on column wo.work_order.required is 'Whether its master requires it; see hierarchy_policy.';
comment on column wo.work_order.hierarchy_policy is 'As a master: {"completion": "all" | "required" | {"count": n} | {"percent": p}, "cancel_cascades": boolean, "failure_halts_siblings": boolean}. What it does not say is its lifecycle''s to say, then its tenant''s.';
comment on column wo.work_order.chain_sequence is 'The sequence of the newest entry of its audit chain.';
comment on column wo.work_order.chain_hash is 'The hash of the newest entry of its audit chain.';

-- == enforcement ==

-- Without a WHEN, which every write would parse anew: the function compares the columns itself.

create or replace view wo.work_order_import with (security_invoker = true) as
    select id, wo_number, lifecycle, status, title, description, priority, project, requester, assignee, source,
        regulatory, asset, task_type, due_date, planned_start, planned_end, actual_start, actual_end, estimated_hours,
        actual_hours, tags, acceptance_criteria, deliverables, notes, review_notes, completion_summary,
        deficiencies, metadata, reason, idempotency_key
    from wo.work_order;
comment on view wo.work_order_import is
    'Where application roles COPY work orders into: PostgreSQL refuses COPY into a table under row security. Every row is held to the same rules. Where an administrator gives id or wo_number, the requester stays NULL unless the row names one: the one who imports a record did not ask for the work.';
do $$
declare
    documented record;
begin
    for documented in
        select shown.attname, pg_catalog.col_description('wo.work_order'::pg_catalog.regclass, kept.attnum) as meaning
        from pg_catalog.pg_attribute as shown
        join pg_catalog.pg_attribute as kept
            on kept.attrelid = 'wo.work_order'::pg_catalog.regclass and kept.attname = shown.attname
        where shown.attrelid = 'wo.work_order_import'::pg_catalog.regclass and shown.attnum > 0
    loop
        execute pg_catalog.format('comment on column wo.work_order_import.%I is %L', documented.attname, documented.meaning);
    end loop;
end
$$;

create or replace function wo.create_work_order(
    title text, description text default null, priority text default null, project text default null,
    requester text default null, assignee text default null, due_date date default null,
    estimated_hours numeric default null, acceptance_criteria text default null, deliverables text default null,
    lifecycle text default null, regulatory boolean default null,
    asset text default null, planned_start timestamptz default null, planned_end timestamptz default null,
    tags text[] default null, notes text default null, metadata jsonb default null,
    reason text default null, idempotency_key text default null, master text default null,
    required boolean default null, hierarchy_policy jsonb default null,
    job_plan text default null, plan_version integer default null, parameters jsonb default null,
    task_type text default null
) returns jsonb
    language sql volatile
    as $$
        select wo_private.with_job_plan(wo_private.create_work_order(pg_catalog.jsonb_build_object(
            'title', $1, 'description', $2, 'priority', $3, 'project', $4, 'requester', $5, 'assignee', $6,
            'due_date', $7, 'estimated_hours', $8, 'acceptance_criteria', $9, 'deliverables', $10,
            'lifecycle', $11, 'regulatory', $12, 'asset', $13, 'planned_start', $14,
            'planned_end', $15, 'tags', $16, 'notes', $17, 'metadata', $18, 'reason', $19,
            'idempotency_key', $20, 'master', $21, 'required', $22, 'hierarchy_policy', $23,
            'task_type', $27)::pg_catalog.text)::pg_catalog.text,
            $24, $25, $26::pg_catalog.text)
    $$;
comment on function wo.create_work_order(text, text, text, text, text, text, date, numeric, text, text, text, boolean, text, timestamptz, timestamptz, text[], text, jsonb, text, text, text, boolean, jsonb, text, integer, jsonb, text) is
    'Makes a work order in its lifecycle''s initial state, with the steps of a job plan where one is named, and returns {id, wo_number, status, version, lifecycle, lifecycle_version, created}. The same request with the same idempotency key returns the work order that it made before; another request with that key is refused (23505 idempotency_key_reused).';

-- PL/pgSQL, because one refused row must not lose the others: each try needs a subtransaction of its own.
create or replace function wo.create_work_orders(work_orders jsonb)
    returns table (ordinal integer, id uuid, wo_number text, created boolean, error jsonb)
    language plpgsql volatile
    set search_path = pg_catalog, pg_temp
    as $$
    declare
        has_plans boolean := $1 @? '$[*].job_plan';
        plain jsonb := $1;
        given jsonb;
        made jsonb;
        problem_state text;
        problem_message text;
        problem_detail text;
        problem_hint text;
    begin
        perform wo_private.check_bulk($1::text);
        if has_plans then
            select jsonb_agg(
                case jsonb_typeof(one.element)
                    when 'object' then one.element - '{job_plan,plan_version,parameters}'::text[]
                    else one.element
                end order by one.place)
            into plain
            from jsonb_array_elements($1) with ordinality as one (element, place);
        end if;
        begin
            if has_plans then
                -- Nothing is returned before the last plan was applied: what is returned is not undone with the others.
                select jsonb_agg(to_jsonb(bulk) order by bulk.ordinal) into made
                from wo_private.create_work_orders(plain::text) as bulk;
                perform wo_private.with_job_plan(one.element::text, $1 -> (one.place - 1)::integer ->> 'job_plan',
                    ($1 -> (one.place - 1)::integer ->> 'plan_version')::integer,
                    ($1 -> (one.place - 1)::integer -> 'parameters')::text)
                from jsonb_array_elements(made) with ordinality as one (element, place);
                return query
                select one.ordinal, one.id, one.wo_number, one.created, null::jsonb
                from jsonb_to_recordset(made) as one (ordinal integer, id uuid, wo_number text, created boolean)
                order by one.ordinal;
                return;
            end if;
            return query
            select bulk.ordinal, bulk.id, bulk.wo_number, bulk.created, null::jsonb
            from wo_private.create_work_orders(plain::text) as bulk
            order by bulk.ordinal;
            return;
        exception when others then
            -- Some row is refused; each is tried by itself below, so that every one gets its own answer.
            null;
        end;
        ordinal := 0;
        for given in select element from pg_catalog.jsonb_array_elements($1) as element loop
            ordinal := ordinal + 1;
            id := null;
            wo_number := null;
            created := false;
            error := null;
            begin
                made := wo_private.create_work_order((plain -> (ordinal - 1))::text);
                made := wo_private.with_job_plan(made::text, given ->> 'job_plan', (given ->> 'plan_version')::integer,
                    (given -> 'parameters')::text);
                id := (made ->> 'id')::uuid;
                wo_number := made ->> 'wo_number';
                created := (made ->> 'created')::boolean;
            exception when others then
                get stacked diagnostics problem_state = returned_sqlstate, problem_message = message_text,
                    problem_detail = pg_exception_detail, problem_hint = pg_exception_hint;
                error := wo_private.problem(problem_state, problem_message, problem_detail, problem_hint);
            end;
            return next;
        end loop;
    end
    $$;
comment on function wo.create_work_orders(jsonb) is
    'Makes many work orders from a JSON array of objects with the arguments of wo.create_work_order. One row each, in the order given: the work order, or the error that refused it.';

create or replace function wo.transition(work_order text, to_status text, reason text default null, fields jsonb default null, expected_version bigint default null) returns jsonb
    language sql volatile
    as $$ select wo_private.transition($1, $2, $3, $4::pg_catalog.text, $5) $$;
comment on function wo.transition(text, text, text, jsonb, bigint) is
    'Moves a work order (number or UUID) along an edge of its lifecycle, writing fields in the same act. Returns {id, wo_number, action, from_status, status, version}. Refuses with 23514 (gate), 42501 (role), 40001 (version), 55000 (state), 22023 (value).';

create or replace function wo.transition_many(transitions jsonb)
    returns table (ordinal integer, work_order text, status text, version bigint, error jsonb)
    language plpgsql volatile
    set search_path = pg_catalog, pg_temp
    as $$
    declare
        given record;
        moved jsonb;
        answers jsonb[];
        problem_state text;
        problem_message text;
        problem_detail text;
        problem_hint text;
    begin
        perform wo_private.check_bulk($1::text);
        -- An array takes each answer in place; a growing jsonb object would be copied for each one.
        answers := array_fill(null::jsonb, array[greatest(jsonb_array_length($1), 1)]);
        -- In the order of the ids, so that two callers never wait for each other in a cycle.
        for given in
            select element.value, element.ordinality::integer as place
            from pg_catalog.jsonb_array_elements($1) with ordinality as element
            order by wo_private.work_order_id(element.value ->> 'work_order') nulls last, element.ordinality
        loop
            begin
                moved := wo_private.transition_given(given.value::text);
            exception when others then
                get stacked diagnostics problem_state = returned_sqlstate, problem_message = message_text,
                    problem_detail = pg_exception_detail, problem_hint = pg_exception_hint;
                moved := pg_catalog.jsonb_build_object('error',
                    wo_private.problem(problem_state, problem_message, problem_detail, problem_hint));
            end;
            answers[given.place] := moved;
        end loop;
        return query
        select element.ordinality::integer, element.value ->> 'work_order',
            answers[element.ordinality::integer] ->> 'status',
            (answers[element.ordinality::integer] ->> 'version')::bigint,
            answers[element.ordinality::integer] -> 'error'
        from pg_catalog.jsonb_array_elements($1) with ordinality as element
        order by element.ordinality;
    end
    $$;
comment on function wo.transition_many(jsonb) is
    'Takes a JSON array of {work_order, to_status, reason, fields, expected_version}. One row each, in the order given: the new state, or the error; one refusal does not lose the rest.';

create or replace function wo.patch_work_order(work_order text, fields jsonb, reason text default null, expected_version bigint default null) returns jsonb
    language sql volatile
    as $$ select wo_private.patch_work_order($1, $2::pg_catalog.text, $3, $4) $$;
comment on function wo.patch_work_order(text, jsonb, text, bigint) is
    'Writes fields of a work order without moving it. Returns {id, wo_number, status, version}. Refuses as wo.transition does.';
