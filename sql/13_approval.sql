-- Concept: approvals. Signatures that a work order waits for, and until when.
--
-- The private key never reaches the database: it makes what is to be signed, and verifies what was
-- signed. What is signed names the record's content by its hash, so a signature holds for that
-- content alone, and shows as amended when it changes. Signatures, requests and challenges are
-- written by the enforcement layer alone, each signature together with its entry in the work order's trail.

-- == tables ==

create table wo.approval_requirement (
    tenant_id uuid not null default wo.current_tenant() references wo.tenant,
    name text not null,
    lifecycle wo.short_text,
    action wo.short_text not null,
    role text not null,
    meaning text not null,
    count integer not null default 1,
    ordinal integer not null default 1,
    "when" wo.remark,
    covers text not null default 'plan',
    disabled_at timestamptz,
    primary key (tenant_id, name),
    foreign key (tenant_id, role) references wo.role (tenant_id, role),
    constraint approval_requirement_is_plain check (name ~ '^[a-z][a-z0-9_]{0,62}$'),
    constraint approval_requirement_meaning_is_plain check (meaning ~ '^[a-z][a-z0-9_]{0,62}$'),
    constraint approval_requirement_count_is_small check (count between 1 and 100),
    constraint approval_requirement_ordinal_is_small check (ordinal between 1 and 100),
    constraint approval_requirement_covers_is_known check (covers in ('plan', 'result'))
);
comment on table wo.approval_requirement is 'Signatures that the tenant asks for beyond its lifecycles.';
comment on column wo.approval_requirement.tenant_id is 'The tenant.';
comment on column wo.approval_requirement.name is 'Its name: 1 to 63 of a-z, 0-9 and _, beginning with a letter.';
comment on column wo.approval_requirement.lifecycle is 'The lifecycle that it is for, which must be published; NULL for all.';
comment on column wo.approval_requirement.action is 'The action of its lifecycle that waits for it.';
comment on column wo.approval_requirement.role is 'The role that signs.';
comment on column wo.approval_requirement.meaning is 'What the signature says.';
comment on column wo.approval_requirement.count is 'How many have to sign.';
comment on column wo.approval_requirement.ordinal is 'Its place among the others: lower ones sign first.';
comment on column wo.approval_requirement.when is 'When it is required: conditions like priority = critical, joined by and; NULL for always.';
comment on column wo.approval_requirement.covers is 'What of the record is signed: its plan, or its result as well.';
comment on column wo.approval_requirement.disabled_at is 'Since when it is not asked for; NULL while it is.';

create table wo.business_calendar (
    tenant_id uuid not null default wo.current_tenant() references wo.tenant,
    name text not null,
    time_zone wo.short_text not null,
    working_hours wo.json_document not null,
    holidays wo.date_list not null default '{}',
    primary key (tenant_id, name),
    constraint business_calendar_name_is_plain check (name ~ '^[a-z][a-z0-9_]{0,62}$')
);
comment on table wo.business_calendar is 'When people work: the clock of approvals.';
comment on column wo.business_calendar.tenant_id is 'The tenant.';
comment on column wo.business_calendar.name is 'Its name.';
comment on column wo.business_calendar.time_zone is 'The zone of its hours, as the IANA database names it.';
comment on column wo.business_calendar.working_hours is 'The hours of each day: {"monday": [["09:00", "12:00"], ["13:00", "17:00"]], …}; a day left out has none.';
comment on column wo.business_calendar.holidays is 'Days without work.';

create table wo.approval_sla (
    tenant_id uuid not null default wo.current_tenant() references wo.tenant,
    role text not null,
    hours numeric not null,
    calendar text,
    escalation wo.json_document not null default '[]',
    primary key (tenant_id, role),
    foreign key (tenant_id, role) references wo.role (tenant_id, role),
    foreign key (tenant_id, calendar) references wo.business_calendar (tenant_id, name)
);
comment on table wo.approval_sla is 'How long each role may take to approve, and who is notified when it takes longer.';
comment on column wo.approval_sla.tenant_id is 'The tenant.';
comment on column wo.approval_sla.role is 'The role.';
comment on column wo.approval_sla.hours is 'Hours from the request on.';
comment on column wo.approval_sla.calendar is 'The calendar whose working hours count; NULL for every hour.';
comment on column wo.approval_sla.escalation is 'Who is notified after that, step by step: [{"after_hours": 0, "to": "manager"}, {"after_hours": 4, "to": "role:qa"}, {"after_hours": 8, "to": "principal:ann"}]. manager is wo.principal.manager of those who may sign. A step that finds nobody notifies those who may sign again; wo.health() reports it.';

create table wo.signature_challenge (
    tenant_id uuid not null,
    id uuid not null,
    work_order_id uuid not null,
    signer text not null,
    payload text not null,
    requested_at timestamptz not null,
    expires_at timestamptz not null,
    used_at timestamptz,
    primary key (tenant_id, id),
    foreign key (tenant_id, work_order_id) references wo.work_order (tenant_id, id),
    foreign key (tenant_id, signer) references wo.principal (tenant_id, id)
);
create index signature_challenge_unanswered on wo.signature_challenge (tenant_id, expires_at) where used_at is null;
create index signature_challenge_work_order on wo.signature_challenge (tenant_id, work_order_id);
comment on table wo.signature_challenge is 'What somebody asked to sign: each is answered once, soon, by the same person.';
comment on column wo.signature_challenge.tenant_id is 'The tenant.';
comment on column wo.signature_challenge.id is 'The challenge.';
comment on column wo.signature_challenge.work_order_id is 'The work order.';
comment on column wo.signature_challenge.signer is 'Who asked, and has to answer.';
comment on column wo.signature_challenge.payload is 'The exact text to sign (JCS).';
comment on column wo.signature_challenge.requested_at is 'When, by the server''s clock.';
comment on column wo.signature_challenge.expires_at is 'Until when it may be answered.';
comment on column wo.signature_challenge.used_at is 'When it was answered; NULL until then.';

create table wo.approval (
    tenant_id uuid not null,
    work_order_id uuid not null,
    id uuid not null,
    action text not null,
    from_status text not null,
    to_status text not null,
    role text not null,
    meaning text not null,
    covers text not null,
    decision text not null,
    reason text,
    signer text not null,
    printed_name text not null,
    on_behalf_of text,
    delegation_id uuid,
    key_id text not null,
    record_version bigint not null,
    content_sha256 wo.sha256 not null,
    time_zone text not null,
    signed_at timestamptz not null,
    payload text not null,
    signature bytea not null,
    amended_at timestamptz,
    voided_at timestamptz,
    withdrawn_at timestamptz,
    state_reason text,
    primary key (tenant_id, work_order_id, id),
    unique (tenant_id, id),
    foreign key (tenant_id, work_order_id) references wo.work_order (tenant_id, id),
    foreign key (tenant_id, signer) references wo.principal (tenant_id, id),
    foreign key (tenant_id, on_behalf_of) references wo.principal (tenant_id, id),
    foreign key (tenant_id, key_id) references wo.signing_key (tenant_id, key_id),
    foreign key (tenant_id, delegation_id) references wo.delegation (tenant_id, id),
    constraint approval_decision_is_known check (decision in ('approved', 'rejected')),
    constraint approval_rejection_has_a_reason check (decision <> 'rejected' or length(btrim(reason)) > 0),
    constraint approval_covers_is_known check (covers in ('plan', 'result')),
    constraint approval_signature_is_ed25519 check (length(signature) = 64),
    constraint approval_printed_name_is_there check (length(btrim(printed_name)) > 0),
    constraint approval_meaning_is_there check (length(btrim(meaning)) > 0)
);
comment on table wo.approval is 'The signatures. Child of the work order: each stands in its trail, and is never deleted.';
comment on column wo.approval.tenant_id is 'The tenant.';
comment on column wo.approval.work_order_id is 'The work order.';
comment on column wo.approval.id is 'The signature''s id.';
comment on column wo.approval.action is 'The transition that it is for.';
comment on column wo.approval.from_status is 'The state in which it was signed.';
comment on column wo.approval.to_status is 'The state that the transition leads to.';
comment on column wo.approval.role is 'The role in which it was signed.';
comment on column wo.approval.meaning is 'What it means: plan, completion, waiver, or what the lifecycle lists.';
comment on column wo.approval.covers is 'What of the record was signed: plan, or result.';
comment on column wo.approval.decision is 'approved or rejected.';
comment on column wo.approval.reason is 'Why, where it was rejected or waives a child.';
comment on column wo.approval.signer is 'Who signed.';
comment on column wo.approval.printed_name is 'The name of the signer when the signature was given.';
comment on column wo.approval.on_behalf_of is 'The principal on whose behalf it was given; NULL where the signer signed for themself.';
comment on column wo.approval.delegation_id is 'The delegation by which.';
comment on column wo.approval.key_id is 'The key.';
comment on column wo.approval.record_version is 'The work order''s version that was signed.';
comment on column wo.approval.content_sha256 is 'SHA-256 of the content that was signed.';
comment on column wo.approval.time_zone is 'The time zone of the signer''s session.';
comment on column wo.approval.signed_at is 'When, by the server''s clock.';
comment on column wo.approval.payload is 'The very text that was signed (JCS).';
comment on column wo.approval.signature is 'The Ed25519 signature, 64 bytes.';
comment on column wo.approval.amended_at is 'Since when the signed content has changed: it does not count until it is signed again.';
comment on column wo.approval.voided_at is 'Since when it is void.';
comment on column wo.approval.withdrawn_at is 'Since when its signer has withdrawn it.';
comment on column wo.approval.state_reason is 'Why it does not count any more.';

create table wo.approval_request (
    tenant_id uuid not null,
    work_order_id uuid not null,
    id uuid not null,
    action text not null,
    role text not null,
    meaning text not null,
    required integer not null,
    ordinal integer not null,
    requested_at timestamptz not null,
    deadline timestamptz,
    next_escalation timestamptz,
    escalations integer not null default 0,
    closed_at timestamptz,
    primary key (tenant_id, work_order_id, id),
    foreign key (tenant_id, work_order_id) references wo.work_order (tenant_id, id)
);
create unique index approval_request_open on wo.approval_request (tenant_id, work_order_id, action, role, meaning) where closed_at is null;
create index approval_request_next_escalation on wo.approval_request (tenant_id, next_escalation) where closed_at is null and next_escalation is not null;
create index approval_request_role on wo.approval_request (tenant_id, role) where closed_at is null;
comment on table wo.approval_request is 'The signatures that work orders wait for, each with its deadline and its next escalation. Child of the work order.';
comment on column wo.approval_request.tenant_id is 'The tenant.';
comment on column wo.approval_request.work_order_id is 'The work order.';
comment on column wo.approval_request.id is 'Its id.';
comment on column wo.approval_request.action is 'The transition that waits.';
comment on column wo.approval_request.role is 'The role that has to sign.';
comment on column wo.approval_request.meaning is 'What the signature is to say.';
comment on column wo.approval_request.required is 'How many have to sign.';
comment on column wo.approval_request.ordinal is 'Its place among the others.';
comment on column wo.approval_request.requested_at is 'Since when.';
comment on column wo.approval_request.deadline is 'Until when it is to be signed, by the SLA of the role when it was requested; NULL where the role had none.';
comment on column wo.approval_request.next_escalation is 'When the next escalation is due; NULL where none is left.';
comment on column wo.approval_request.escalations is 'How many steps of the escalation were taken.';
comment on column wo.approval_request.closed_at is 'When it was signed, or not needed any more; NULL while it is open.';

create table wo.waiver (
    tenant_id uuid not null,
    work_order_id uuid not null,
    child_id uuid not null,
    approval_id uuid not null,
    reason text not null,
    waived_by text not null,
    waived_at timestamptz not null,
    primary key (tenant_id, work_order_id, child_id),
    foreign key (tenant_id, work_order_id) references wo.work_order (tenant_id, id),
    foreign key (tenant_id, child_id) references wo.work_order (tenant_id, id),
    foreign key (tenant_id, work_order_id, approval_id) references wo.approval (tenant_id, work_order_id, id),
    constraint waiver_has_a_reason check (length(btrim(reason)) > 0)
);
create index waiver_child on wo.waiver (tenant_id, child_id);
comment on table wo.waiver is 'Parts without which a master goes on, by a signature. Child of the master.';
comment on column wo.waiver.tenant_id is 'The tenant.';
comment on column wo.waiver.work_order_id is 'The master.';
comment on column wo.waiver.child_id is 'The child that it does not wait for any more; what depends on that child does not either.';
comment on column wo.waiver.approval_id is 'The signature.';
comment on column wo.waiver.reason is 'Why.';
comment on column wo.waiver.waived_by is 'Who signed.';
comment on column wo.waiver.waived_at is 'When, by the server''s clock.';

create table wo.approval_rollup (
    tenant_id uuid not null,
    role text not null,
    within_seconds numeric not null,
    signed_count bigint not null,
    waited_seconds numeric not null,
    primary key (tenant_id, role, within_seconds)
);
comment on table wo.approval_rollup is 'A rollup of the outbox: how long it took from the requests of approval to their last signatures, as a distribution for each role. wo.metrics() shows it.';
comment on column wo.approval_rollup.tenant_id is 'The tenant.';
comment on column wo.approval_rollup.role is 'The role that signed.';
comment on column wo.approval_rollup.within_seconds is 'The upper bound of the bucket; Infinity for the last one.';
comment on column wo.approval_rollup.signed_count is 'How many requests were signed within this bound and not within the one below.';
comment on column wo.approval_rollup.waited_seconds is 'The time that they took, in all.';

-- == enforcement ==
create or replace function wo.request_signature(work_order text, role text, meaning text, decision text default 'approved', reason text default null, on_behalf_of text default null, child text default null)
    returns table (challenge uuid, payload text, expires_at timestamptz)
    language sql volatile
    set search_path = pg_catalog, pg_temp
    as $$
        select made.challenge, made.payload, made.expires_at
        from wo_private.request_signature($1, $2, $3, $4, $5, $6, $7) as made
    $$;
comment on function wo.request_signature(text, text, text, text, text, text, text) is
    'Gives a challenge and the exact text to sign with one''s own key: what, in which role, with which meaning. decision is approved or rejected (with a reason). The meaning waiver, with a child and a reason, lets a master go on without that child. Needs a fresh token in this transaction.';
create or replace function wo.sign(challenge uuid, signature text)
    returns jsonb
    language sql volatile
    as $$
        select wo_private.sign($1, $2, 'approved')
    $$;
comment on function wo.sign(uuid, text) is
    'Gives the signature (base64url, 64 bytes) for a challenge. Returns {approval, wo_number, decision, meaning, role, status, version}. The last required signature moves the work order where its lifecycle says so.';
create or replace function wo.reject(challenge uuid, signature text)
    returns jsonb
    language sql volatile
    as $$
        select wo_private.sign($1, $2, 'rejected')
    $$;
comment on function wo.reject(uuid, text) is
    'Gives the signature for a challenge that rejects: the work order goes back with the reason, and the signatures that its lifecycle voids are void.';
create or replace function wo.withdraw_signature(approval uuid, reason text)
    returns jsonb
    language sql volatile
    set search_path = pg_catalog, pg_temp
    as $$
        select wo_private.withdraw_signature($1, $2)
    $$;
comment on function wo.withdraw_signature(uuid, text) is
    'Takes one''s own signature back, while the work order is still where it was signed.';
create or replace function wo.signatures(work_order text)
    returns table (
        approval uuid, role text, meaning text, decision text, signer text, printed_name text, on_behalf_of text,
        signed_at timestamptz, signed text, state text, why text
    )
    language sql stable
    set search_path = pg_catalog, pg_temp
    as $$
        -- A scan that meets no row would not ask.
        select wo_private.work_order_id_or_refuse($1);
        select given.id, given.role, given.meaning, given.decision, given.signer, given.printed_name, given.on_behalf_of,
            given.signed_at,
            to_char(given.signed_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS.US') || ' UTC (' || given.time_zone || ')',
            case when given.withdrawn_at is not null then 'withdrawn' when given.voided_at is not null then 'void'
                when given.amended_at is not null then 'amended' else 'valid' end,
            coalesce(given.state_reason, given.reason)
        from wo.approval as given
        where given.tenant_id = wo.current_tenant() and given.work_order_id = wo_private.work_order_id_or_refuse($1)
        order by given.signed_at, given.id
    $$;
comment on function wo.signatures(text) is
    'The signatures of a work order as people read them: printed name, meaning, date and time with zone, and whether each still counts (valid, amended, void, withdrawn) and why not.';
create or replace function wo.pending_approvals(work_order text default null)
    returns table (
        wo_number text, role text, meaning text, action text, required integer, signed integer,
        requested_at timestamptz, deadline timestamptz, next_escalation timestamptz, escalations integer, approvers text[]
    )
    language sql stable
    set search_path = pg_catalog, pg_temp
    as $$
        -- A scan that meets no row would not ask.
        select case when $1 is not null then wo_private.work_order_id_or_refuse($1) end;
        select held.wo_number, open.role, open.meaning, open.action, open.required,
            (select count(*)::integer from wo.approval as given
             where given.tenant_id = open.tenant_id and given.work_order_id = open.work_order_id
                and given.action = open.action and given.role = open.role and given.meaning = open.meaning
                and given.decision = 'approved' and given.amended_at is null and given.voided_at is null
                and given.withdrawn_at is null),
            open.requested_at, open.deadline, open.next_escalation, open.escalations, wo_private.approvers(held.id, open.action, open.role, open.meaning)
        from wo.approval_request as open
        join wo.work_order as held on held.tenant_id = open.tenant_id and held.id = open.work_order_id
        where open.tenant_id = wo.current_tenant() and open.closed_at is null
            and ($1 is null or open.work_order_id = wo_private.work_order_id_or_refuse($1))
        order by open.deadline nulls last, open.requested_at, open.id
    $$;
comment on function wo.pending_approvals(text) is
    'Lists the signatures that are waited for, the earliest deadline first: of one work order, or of the whole tenant. deadline is until when to sign and stays when it has passed, next_escalation is when somebody else is notified.';
