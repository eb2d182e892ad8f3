-- Concept: approvals. Signed acts that are no transition: a disposition, an extension, a decision, an override, an
-- acceptance.
--
-- The challenge is one of wo.signature_challenge, as for an approval, and wo.sign answers it. What is signed names the
-- subject and the SHA-256 of its content. Rows are written by the enforcement layer alone, each together with its
-- entry in the work order's trail, and never change.

-- == tables ==

create table wo.act_signature (
    tenant_id uuid not null,
    work_order_id uuid not null,
    id uuid not null,
    kind text not null,
    subject text not null,
    meaning text not null,
    decision text,
    role text not null,
    reason text,
    signer text not null,
    printed_name text not null,
    key_id text not null,
    content text not null,
    content_sha256 wo.sha256 not null,
    time_zone text not null,
    signed_at timestamptz not null,
    payload text not null,
    signature bytea not null,
    primary key (tenant_id, work_order_id, id),
    foreign key (tenant_id, work_order_id) references wo.work_order (tenant_id, id),
    foreign key (tenant_id, signer) references wo.principal (tenant_id, id),
    foreign key (tenant_id, key_id) references wo.signing_key (tenant_id, key_id),
    constraint act_signature_meaning_is_known check (meaning in ('disposition', 'extension', 'decision', 'override', 'acceptance')),
    constraint act_signature_is_ed25519 check (length(signature) = 64),
    constraint act_signature_printed_name_is_there check (length(btrim(printed_name)) > 0)
);
comment on table wo.act_signature is 'The signatures of acts that are no transition. Child of the work order: each stands in its trail, never changes and is never deleted.';
comment on column wo.act_signature.tenant_id is 'The tenant.';
comment on column wo.act_signature.work_order_id is 'The work order that the subject belongs to.';
comment on column wo.act_signature.id is 'The signature''s id.';
comment on column wo.act_signature.kind is 'The kind of the subject: step.';
comment on column wo.act_signature.subject is 'The subject within the work order: the key of a step.';
comment on column wo.act_signature.meaning is 'What the signature means: disposition, extension, decision, override or acceptance.';
comment on column wo.act_signature.decision is 'What was decided, where the meaning leaves a choice: of a step accepted or rejected (disposition), performed, corrected, witnessed or skipped (acceptance).';
comment on column wo.act_signature.role is 'The role in which it was signed.';
comment on column wo.act_signature.reason is 'Why, in the signer''s words.';
comment on column wo.act_signature.signer is 'Who signed.';
comment on column wo.act_signature.printed_name is 'The name of the signer when the signature was given.';
comment on column wo.act_signature.key_id is 'The key.';
comment on column wo.act_signature.content is 'The canonical content of the subject when it was signed (JCS).';
comment on column wo.act_signature.content_sha256 is 'SHA-256 of that content.';
comment on column wo.act_signature.time_zone is 'The time zone of the signer''s session.';
comment on column wo.act_signature.signed_at is 'When, by the server''s clock.';
comment on column wo.act_signature.payload is 'The very text that was signed (JCS).';
comment on column wo.act_signature.signature is 'The Ed25519 signature, 64 bytes.';

-- == enforcement ==
create or replace function wo.request_act_signature(kind text, id text, meaning text, reason text, decision text default null)
    returns table (challenge uuid, payload text, expires_at timestamptz)
    language sql volatile
    set search_path = pg_catalog, pg_temp
    as $$
        select made.challenge, made.payload, made.expires_at
        from wo_private.request_act_signature($1, $2, $3, $4, $5) as made
    $$;
comment on function wo.request_act_signature(text, text, text, text, text) is
    'Gives a challenge and the exact text to sign with one''s own key for an act that is no transition. kind and id name the subject: of a step, ''step'' and ''WORK ORDER/STEP''. meaning is disposition (of a failed result: decision accepted or rejected) or acceptance (of a step of kind sign: decision performed, corrected, witnessed or skipped). What is signed holds the SHA-256 of the step with its newest result. wo.sign gives the signature and records the act in the same statement. Needs a fresh token in this transaction.';

create or replace function wo.act_signatures(work_order text)
    returns table (
        signature uuid, kind text, subject text, meaning text, decision text, role text, reason text, signer text,
        printed_name text, signed_at timestamptz, signed text
    )
    language sql stable
    set search_path = pg_catalog, pg_temp
    as $$
        -- A scan that meets no row would not ask.
        select wo_private.work_order_id_or_refuse($1);
        select given.id, given.kind, given.subject, given.meaning, given.decision, given.role, given.reason,
            given.signer, given.printed_name, given.signed_at,
            to_char(given.signed_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS.US') || ' UTC (' || given.time_zone || ')'
        from wo.act_signature as given
        where given.tenant_id = wo.current_tenant() and given.work_order_id = wo_private.work_order_id_or_refuse($1)
        order by given.signed_at, given.id
    $$;
comment on function wo.act_signatures(text) is
    'The signatures of acts of a work order as people read them: subject, printed name, meaning, decision, reason, date and time with zone.';
