-- Concept: dispatch. The kinds of task, before the work orders, which name one of them.

-- == tables ==

create table wo.task_type (
    tenant_id uuid not null default wo.current_tenant() references wo.tenant,
    task_type text not null,
    cost_class text not null,
    description wo.remark not null default '',
    primary key (tenant_id, task_type),
    constraint task_type_is_plain check (task_type ~ '^[a-z][a-z0-9_]{0,62}$'),
    constraint task_type_cost_class_is_known check (cost_class in ('free', 'cheap', 'expensive'))
);
comment on table wo.task_type is 'The kinds of task, and what each may cost.';
comment on column wo.task_type.tenant_id is 'The tenant.';
comment on column wo.task_type.task_type is 'Its name: what wo.work_order.task_type says.';
comment on column wo.task_type.cost_class is 'The dearest class of engine that such a task may use: free, cheap or expensive.';
comment on column wo.task_type.description is 'What kind of task it is.';
