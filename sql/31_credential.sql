-- Concept: credentials. A job plan names where they are; the one who does a step is granted them for a few minutes,
-- by a token for which the vault gives the secret. The database sees neither the secret nor keeps the token.

-- == tables ==

create table wo.credential_grant (
    tenant_id uuid not null default wo.current_tenant() references wo.tenant,
    work_order_id uuid not null,
    jti uuid not null,
    step wo.short_text not null,
    credential wo.short_text not null,
    reference wo.remark not null,
    principal text not null,
    requested_at timestamptz not null,
    expires_at timestamptz not null,
    primary key (tenant_id, work_order_id, jti),
    foreign key (tenant_id, work_order_id) references wo.work_order_job_plan (tenant_id, work_order_id),
    foreign key (tenant_id, principal) references wo.principal (tenant_id, id)
);
comment on table wo.credential_grant is 'Who was granted which credential for which step; a row never changes. Part of the work order: written into its trail. The token is stored nowhere.';
comment on column wo.credential_grant.tenant_id is 'The tenant.';
comment on column wo.credential_grant.work_order_id is 'The work order.';
comment on column wo.credential_grant.jti is 'The grant: the claim jti of its token, which the vault writes into its own audit log.';
comment on column wo.credential_grant.step is 'The key of the step in the plan.';
comment on column wo.credential_grant.credential is 'The name of the credential in the plan.';
comment on column wo.credential_grant.reference is 'Where the credential is, as the pinned version of the plan says.';
comment on column wo.credential_grant.principal is 'To whom it was granted, by their own identity; set by the server.';
comment on column wo.credential_grant.requested_at is 'When, by the server''s clock.';
comment on column wo.credential_grant.expires_at is 'Until when the token may be handed to the vault.';

-- == enforcement ==

create or replace function wo.request_credential(work_order text, step text, name text) returns jsonb
    language sql volatile
    set search_path = pg_catalog, pg_temp
    as $$ select wo_private.request_credential($1, $2, $3) $$;
comment on function wo.request_credential(text, text, text) is
    'Grants the caller a credential that a step uses: the assignee, or somebody of the step''s role, by their own identity, while the work is in progress and the step can be performed. Records the grant in the work order''s trail. Returns {reference, token, expires_at}: the token is a JWT of at most five minutes, for which the vault''s own JWT login gives the secret (wo credential get). The token is not stored. Commit before the token is used: the grant of a transaction that is rolled back is not on record.';
