-- The tables of controlled definitions, one for each kind that is registered.
--
-- Generated from the table registry (wo_rules::definition); do not edit. After a change of the registry:
-- WO_GOLDEN=accept cargo test -p wo_rules schema

-- == tables ==

create table wo.lifecycle (
    tenant_id uuid not null default wo.current_tenant() references wo.tenant,
    name wo.short_text not null,
    version integer not null,
    definition wo.json_map not null,
    sha256 wo.sha256 not null,
    major boolean not null default true,
    published_by text,
    published_at timestamptz not null,
    effective_from date,
    effective_until date,
    released_at timestamptz,
    released_by text,
    release_work_order uuid,
    retired_at timestamptz,
    retired_by text,
    retirement_reason wo.remark,
    primary key (tenant_id, name, version),
    constraint lifecycle_version_is_positive check (version > 0),
    constraint lifecycle_name_is_the_documents check (definition ->> 'name' = name),
    constraint lifecycle_is_effective_before_it_ends check (effective_from < effective_until),
    constraint lifecycle_release_is_whole check (released_at is not null or released_by is null and release_work_order is null),
    constraint lifecycle_retirement_has_a_reason check ((retired_at is null) = (retirement_reason is null) and (retired_at is not null or retired_by is null))
);
comment on table wo.lifecycle is 'Each lifecycle of the tenants: immutable, numbered versions, with their release and retirement. New work uses the newest version that is released, effective and not retired.';
comment on column wo.lifecycle.tenant_id is 'The tenant.';
comment on column wo.lifecycle.name is 'The name of the lifecycle, as its document says.';
comment on column wo.lifecycle.version is 'Counted from 1 for each name; given by the server.';
comment on column wo.lifecycle.definition is 'The document; never changed.';
comment on column wo.lifecycle.sha256 is 'SHA-256 of the JCS bytes (RFC 8785) of the document; computed by the server.';
comment on column wo.lifecycle.major is 'Whether it is a major version: who was trained on the one before is to be trained anew.';
comment on column wo.lifecycle.published_by is 'The principal who published it; NULL where a database role administered.';
comment on column wo.lifecycle.published_at is 'When it was published, by the server''s clock.';
comment on column wo.lifecycle.effective_from is 'The first day on which new work may use it (UTC); NULL where it is the day of its release.';
comment on column wo.lifecycle.effective_until is 'The day from which on new work does not use it any more (UTC); NULL where it is used until it is retired.';
comment on column wo.lifecycle.released_at is 'When it was released, by the server''s clock; NULL for a version that new work does not use yet.';
comment on column wo.lifecycle.released_by is 'Who released it; NULL where it was shipped, or a database role administered.';
comment on column wo.lifecycle.release_work_order is 'The work order whose end released it, where one did.';
comment on column wo.lifecycle.retired_at is 'When it was retired, by the server''s clock: new work does not use it any more.';
comment on column wo.lifecycle.retired_by is 'Who retired it; NULL where a database role administered.';
comment on column wo.lifecycle.retirement_reason is 'Why it was retired; giving a reason retires it.';

create table wo.job_plan (
    tenant_id uuid not null default wo.current_tenant() references wo.tenant,
    name wo.short_text not null,
    version integer not null,
    definition wo.json_map not null,
    sha256 wo.sha256 not null,
    major boolean not null default true,
    published_by text,
    published_at timestamptz not null,
    effective_from date,
    effective_until date,
    released_at timestamptz,
    released_by text,
    release_work_order uuid,
    retired_at timestamptz,
    retired_by text,
    retirement_reason wo.remark,
    primary key (tenant_id, name, version),
    constraint job_plan_version_is_positive check (version > 0),
    constraint job_plan_name_is_the_documents check (definition ->> 'name' = name),
    constraint job_plan_is_effective_before_it_ends check (effective_from < effective_until),
    constraint job_plan_release_is_whole check (released_at is not null or released_by is null and release_work_order is null),
    constraint job_plan_retirement_has_a_reason check ((retired_at is null) = (retirement_reason is null) and (retired_at is not null or retired_by is null))
);
comment on table wo.job_plan is 'Each job plan of the tenants: immutable, numbered versions, with their release and retirement. New work uses the newest version that is released, effective and not retired.';
comment on column wo.job_plan.tenant_id is 'The tenant.';
comment on column wo.job_plan.name is 'The name of the job plan, as its document says.';
comment on column wo.job_plan.version is 'Counted from 1 for each name; given by the server.';
comment on column wo.job_plan.definition is 'The document; never changed.';
comment on column wo.job_plan.sha256 is 'SHA-256 of the JCS bytes (RFC 8785) of the document; computed by the server.';
comment on column wo.job_plan.major is 'Whether it is a major version: who was trained on the one before is to be trained anew.';
comment on column wo.job_plan.published_by is 'The principal who published it; NULL where a database role administered.';
comment on column wo.job_plan.published_at is 'When it was published, by the server''s clock.';
comment on column wo.job_plan.effective_from is 'The first day on which new work may use it (UTC); NULL where it is the day of its release.';
comment on column wo.job_plan.effective_until is 'The day from which on new work does not use it any more (UTC); NULL where it is used until it is retired.';
comment on column wo.job_plan.released_at is 'When it was released, by the server''s clock; NULL for a version that new work does not use yet.';
comment on column wo.job_plan.released_by is 'Who released it; NULL where it was shipped, or a database role administered.';
comment on column wo.job_plan.release_work_order is 'The work order whose end released it, where one did.';
comment on column wo.job_plan.retired_at is 'When it was retired, by the server''s clock: new work does not use it any more.';
comment on column wo.job_plan.retired_by is 'Who retired it; NULL where a database role administered.';
comment on column wo.job_plan.retirement_reason is 'Why it was retired; giving a reason retires it.';

-- == enforcement ==

create or replace view wo.definition with (security_invoker = true) as
    select 'lifecycle' as kind, known.tenant_id, known.name, known.version, known.definition as document, known.sha256,
        known.major, known.published_by, known.published_at, known.effective_from, known.effective_until, known.released_at,
        known.released_by, known.release_work_order, known.retired_at, known.retired_by, known.retirement_reason
    from wo.lifecycle as known
    union all
    select 'job_plan' as kind, known.tenant_id, known.name, known.version, known.definition as document, known.sha256,
        known.major, known.published_by, known.published_at, known.effective_from, known.effective_until, known.released_at,
        known.released_by, known.release_work_order, known.retired_at, known.retired_by, known.retirement_reason
    from wo.job_plan as known;
comment on view wo.definition is 'Every version of every controlled definition (lifecycles, job plans and the other kinds) that the caller may read.';
comment on column wo.definition.kind is 'The kind: the name of the table that has the version.';
comment on column wo.definition.tenant_id is 'The tenant.';
comment on column wo.definition.name is 'The name of the definition, as its document says.';
comment on column wo.definition.version is 'Counted from 1 for each name; given by the server.';
comment on column wo.definition.document is 'The document; never changed.';
comment on column wo.definition.sha256 is 'SHA-256 of the JCS bytes (RFC 8785) of the document; computed by the server.';
comment on column wo.definition.major is 'Whether it is a major version: who was trained on the one before is to be trained anew.';
comment on column wo.definition.published_by is 'The principal who published it; NULL where a database role administered.';
comment on column wo.definition.published_at is 'When it was published, by the server''s clock.';
comment on column wo.definition.effective_from is 'The first day on which new work may use it (UTC); NULL where it is the day of its release.';
comment on column wo.definition.effective_until is 'The day from which on new work does not use it any more (UTC); NULL where it is used until it is retired.';
comment on column wo.definition.released_at is 'When it was released, by the server''s clock; NULL for a version that new work does not use yet.';
comment on column wo.definition.released_by is 'Who released it; NULL where it was shipped, or a database role administered.';
comment on column wo.definition.release_work_order is 'The work order whose end released it, where one did.';
comment on column wo.definition.retired_at is 'When it was retired, by the server''s clock: new work does not use it any more.';
comment on column wo.definition.retired_by is 'Who retired it; NULL where a database role administered.';
comment on column wo.definition.retirement_reason is 'Why it was retired; giving a reason retires it.';
