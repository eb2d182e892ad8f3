-- Concept: the sample. Steps that a tenant configures, and checks of them that belong to work orders.

-- == tables ==

create table wo.sample_step (
    tenant_id uuid not null default wo.current_tenant() references wo.tenant,
    step wo.short_text not null,
    description wo.remark not null default '',
    disabled_at timestamptz,
    primary key (tenant_id, step)
);
comment on table wo.sample_step is 'The steps that each work order of the tenant has checked.';
comment on column wo.sample_step.tenant_id is 'The tenant.';
comment on column wo.sample_step.step is 'The name of the step.';
comment on column wo.sample_step.description is 'What is to be done.';
comment on column wo.sample_step.disabled_at is 'Since when it is not checked any more; NULL while it is.';

create table wo.sample_check (
    tenant_id uuid not null default wo.current_tenant() references wo.tenant,
    work_order_id uuid not null,
    id uuid not null default gen_random_uuid(),
    step wo.short_text not null,
    passed boolean not null,
    reason wo.remark not null,
    checked_by text not null,
    checked_at timestamptz not null,
    primary key (tenant_id, work_order_id, id),
    foreign key (tenant_id, work_order_id) references wo.work_order (tenant_id, id),
    foreign key (tenant_id, step) references wo.sample_step (tenant_id, step),
    foreign key (tenant_id, checked_by) references wo.principal (tenant_id, id)
);
comment on table wo.sample_check is 'The checks of the steps of work orders. Part of the work order: written into its trail, locked with it.';
comment on column wo.sample_check.tenant_id is 'The tenant.';
comment on column wo.sample_check.work_order_id is 'The work order.';
comment on column wo.sample_check.id is 'The check.';
comment on column wo.sample_check.step is 'The step that was checked.';
comment on column wo.sample_check.passed is 'Whether the step was found done.';
comment on column wo.sample_check.reason is 'What was found.';
comment on column wo.sample_check.checked_by is 'Who checked it; set by the server.';
comment on column wo.sample_check.checked_at is 'When it was checked, by the server''s clock.';
