-- Concept: signers. Whose public keys count, and who may sign on behalf of whom.
--
-- The private key never reaches the database. Keys and delegations are written by the enforcement layer alone, and
-- each has a chain of its own in the trail.

-- == tables ==

create table wo.signing_key (
    tenant_id uuid not null references wo.tenant,
    key_id text not null,
    principal text not null,
    public_key bytea not null,
    enrolled_by text not null,
    enrolled_at timestamptz not null,
    verified_by text,
    verified_at timestamptz,
    verification wo.remark,
    expires_at timestamptz not null,
    expiry_notified_at timestamptz,
    retired_at timestamptz,
    revoked_at timestamptz,
    revocation_reason wo.remark,
    primary key (tenant_id, key_id),
    unique (tenant_id, public_key),
    foreign key (tenant_id, principal) references wo.principal (tenant_id, id),
    constraint signing_key_is_ed25519 check (length(public_key) = 32),
    constraint signing_key_is_verified_whole check (
        (verified_at is null) = (verification is null) and (verified_at is null) = (verified_by is null)
        and length(btrim(verification)) between 1 and 2000),
    constraint signing_key_is_revoked_with_a_reason check (
        (revoked_at is null) = (revocation_reason is null) and length(btrim(revocation_reason)) between 1 and 2000),
    constraint signing_key_expires_after_it_begins check (expires_at > enrolled_at)
);
create index signing_key_expiry on wo.signing_key (tenant_id, expires_at)
    where expiry_notified_at is null and retired_at is null and revoked_at is null;
create index signing_key_principal on wo.signing_key (tenant_id, principal);
comment on table wo.signing_key is 'The public keys that persons sign with. Never deleted, and never given to anybody else, so that what they signed can be verified for ever.';
comment on column wo.signing_key.tenant_id is 'The tenant.';
comment on column wo.signing_key.key_id is 'The key''s fingerprint: SHA-256 of the public key, base64url.';
comment on column wo.signing_key.principal is 'Whose it is.';
comment on column wo.signing_key.public_key is 'The Ed25519 public key, 32 bytes; the private key never comes here.';
comment on column wo.signing_key.enrolled_by is 'Who enrolled it; set by the server.';
comment on column wo.signing_key.enrolled_at is 'When, by the server''s clock.';
comment on column wo.signing_key.verified_by is 'Who verified that the person is who they claim to be; set by the server.';
comment on column wo.signing_key.verified_at is 'When that was put on record; NULL until then, and until then nothing can be signed with it.';
comment on column wo.signing_key.verification is 'How the person''s identity was verified.';
comment on column wo.signing_key.expires_at is 'From when on nothing can be signed with it any more.';
comment on column wo.signing_key.expiry_notified_at is 'When an event notified that the key has expired.';
comment on column wo.signing_key.retired_at is 'Since when it is out of use.';
comment on column wo.signing_key.revoked_at is 'Since when it is revoked, because it was lost or is not trusted any more.';
comment on column wo.signing_key.revocation_reason is 'Why it was revoked.';

create table wo.delegation (
    tenant_id uuid not null references wo.tenant,
    id uuid not null,
    parent_id uuid,
    delegator text not null,
    delegate text not null,
    role text not null,
    lifecycle wo.short_text,
    meaning wo.short_text,
    starts_at timestamptz not null,
    ends_at timestamptz not null,
    end_notified_at timestamptz,
    reason wo.remark not null,
    created_at timestamptz not null,
    revoked_at timestamptz,
    revocation_reason wo.remark,
    primary key (tenant_id, id),
    foreign key (tenant_id, parent_id) references wo.delegation (tenant_id, id),
    foreign key (tenant_id, delegator) references wo.principal (tenant_id, id),
    foreign key (tenant_id, delegate) references wo.principal (tenant_id, id),
    foreign key (tenant_id, role) references wo.role (tenant_id, role),
    constraint delegation_is_to_another check (delegator <> delegate),
    constraint delegation_ends_after_it_starts check (ends_at > starts_at),
    constraint delegation_has_a_reason check (length(btrim(reason)) between 1 and 2000)
);
create index delegation_end on wo.delegation (tenant_id, ends_at) where end_notified_at is null and revoked_at is null;
create index delegation_delegate on wo.delegation (tenant_id, delegate, role);
comment on table wo.delegation is 'Delegations: who may sign on behalf of whom, in which role, for how long. A delegate signs as themself, on behalf of the delegator.';
comment on column wo.delegation.tenant_id is 'The tenant.';
comment on column wo.delegation.id is 'Its id.';
comment on column wo.delegation.parent_id is 'The delegation that the delegator acts by itself; NULL where the delegator holds the role.';
comment on column wo.delegation.delegator is 'Who delegates.';
comment on column wo.delegation.delegate is 'The principal that may sign on behalf of the delegator.';
comment on column wo.delegation.role is 'The role that is delegated.';
comment on column wo.delegation.lifecycle is 'Only for work orders of this lifecycle; NULL for all.';
comment on column wo.delegation.meaning is 'Only for signatures of this meaning; NULL for all.';
comment on column wo.delegation.starts_at is 'From when on.';
comment on column wo.delegation.ends_at is 'Until when.';
comment on column wo.delegation.end_notified_at is 'When an event notified that the delegation has ended.';
comment on column wo.delegation.reason is 'Why.';
comment on column wo.delegation.created_at is 'When it was made, by the server''s clock.';
comment on column wo.delegation.revoked_at is 'Since when it is revoked.';
comment on column wo.delegation.revocation_reason is 'Why it was revoked.';

-- == enforcement ==

create or replace function wo.enroll_signing_key(principal text, public_key text, verification text default null, expires_at timestamptz default null)
    returns text
    language sql volatile
    set search_path = pg_catalog, pg_temp
    as $$
        select wo_private.enroll_signing_key($1, $2, $3, $4)
    $$;
comment on function wo.enroll_signing_key(text, text, text, timestamptz) is
    'Enrols the Ed25519 public key (base64url, 32 bytes) of a person and returns its id. verification says how the person was identified; without it nothing can be signed until wo.record_identity_verification. Expires after a year by default. For members of wo_admin.';

create or replace function wo.record_identity_verification(key_id text, verification text)
    returns void
    language sql volatile
    set search_path = pg_catalog, pg_temp
    as $$
        select wo_private.change_signing_key($1, 'verify', $2)
    $$;
comment on function wo.record_identity_verification(text, text) is
    'Puts on record how the owner of a signing key was identified (21 CFR 11.100(b)). For members of wo_admin.';

create or replace function wo.retire_signing_key(key_id text)
    returns void
    language sql volatile
    set search_path = pg_catalog, pg_temp
    as $$
        select wo_private.change_signing_key($1, 'retire', null)
    $$;
comment on function wo.retire_signing_key(text) is
    'Takes a signing key out of use: what it signed stays valid. For members of wo_admin.';

create or replace function wo.revoke_signing_key(key_id text, reason text)
    returns void
    language sql volatile
    set search_path = pg_catalog, pg_temp
    as $$
        select wo_private.change_signing_key($1, 'revoke', $2)
    $$;
comment on function wo.revoke_signing_key(text, text) is
    'Revokes a lost key at once, also for signatures under way. For its owner and for members of wo_admin.';

create or replace function wo.delegate_approval(delegate text, role text, starts_at timestamptz, ends_at timestamptz, reason text, lifecycle text default null, meaning text default null, parent uuid default null)
    returns uuid
    language sql volatile
    set search_path = pg_catalog, pg_temp
    as $$
        select wo_private.delegate_approval($1, $2, $3, $4, $5, $6, $7, $8)
    $$;
comment on function wo.delegate_approval(text, text, timestamptz, timestamptz, text, text, text, uuid) is
    'Lets another person sign on behalf of the caller in a role, for a time, for one lifecycle or meaning if named. parent is the delegation by which the caller acts. Returns the id of the delegation.';

create or replace function wo.revoke_delegation(delegation uuid, reason text)
    returns boolean
    language sql volatile
    set search_path = pg_catalog, pg_temp
    as $$
        select wo_private.revoke_delegation($1, $2)
    $$;
comment on function wo.revoke_delegation(uuid, text) is
    'Ends a delegation; false where it was over already. For its delegator, those above in its chain, and members of wo_admin.';
