-- Row security, policies, grants and triggers of every table, view and sequence of schema wo, and the columns
-- of which no values are collected for the planner: every tenant would see them by EXPLAIN.
--
-- Generated from the table registry (wo_rules::schema); do not edit. After a change of the registry:
-- WO_GOLDEN=accept cargo test -p wo_rules schema

-- == enforcement ==

-- tenant

alter table wo.tenant enable row level security;
alter table wo.tenant force row level security;
drop policy if exists tenant_isolation on wo.tenant;
create policy tenant_isolation on wo.tenant as restrictive for all to wo_user, wo_admin, wo_auditor, wo_trail, wo_guard
    using (tenant_id = (select wo_private.current_tenant()));
drop policy if exists app_select on wo.tenant;
create policy app_select on wo.tenant for select to wo_user, wo_admin, wo_auditor, wo_trail, wo_guard
    using (wo_private.in_force());
drop policy if exists app_insert on wo.tenant;
create policy app_insert on wo.tenant for insert to wo_admin
    with check (wo_private.in_force());
drop policy if exists app_update on wo.tenant;
create policy app_update on wo.tenant for update to wo_admin
    using (wo_private.in_force());
grant select on wo.tenant to wo_user, wo_admin, wo_auditor, wo_trail, wo_guard;
grant insert on wo.tenant to wo_admin;
grant update on wo.tenant to wo_admin;
create or replace trigger invalidate before insert or update or delete on wo.tenant
    for each row execute function wo_private.invalidate();
alter table wo.tenant enable always trigger invalidate;
create or replace trigger validate before insert or update or delete on wo.tenant
    for each row execute function wo_private.configuration_validate('tenant');
create or replace trigger audit after insert or update or delete on wo.tenant
    for each row execute function wo_private.configuration_audit('tenant');
create or replace trigger forbid_key_change before update on wo.tenant
    for each row execute function wo_private.refuse_change('tenant_id,slug');
alter table wo.tenant enable always trigger forbid_key_change;
create or replace trigger forbid_delete before delete on wo.tenant
    for each row execute function wo_private.refuse_change();
alter table wo.tenant enable always trigger forbid_delete;
create or replace trigger forbid_truncate before truncate on wo.tenant
    for each statement execute function wo_private.refuse_change();
alter table wo.tenant enable always trigger forbid_truncate;
alter table wo.tenant
    alter column tenant_id set statistics 0,
    alter column slug set statistics 0,
    alter column name set statistics 0,
    alter column default_lifecycle set statistics 0,
    alter column number_format set statistics 0,
    alter column hierarchy_policy set statistics 0,
    alter column disabled_at set statistics 0;

-- role

alter table wo.role enable row level security;
alter table wo.role force row level security;
drop policy if exists tenant_isolation on wo.role;
create policy tenant_isolation on wo.role as restrictive for all to wo_user, wo_admin, wo_auditor, wo_trail, wo_guard
    using (tenant_id = (select wo_private.current_tenant()));
drop policy if exists app_select on wo.role;
create policy app_select on wo.role for select to wo_user, wo_admin, wo_auditor, wo_trail, wo_guard
    using (wo_private.in_force());
drop policy if exists app_insert on wo.role;
create policy app_insert on wo.role for insert to wo_admin
    with check (wo_private.in_force());
drop policy if exists app_update on wo.role;
create policy app_update on wo.role for update to wo_admin
    using (wo_private.in_force());
grant select on wo.role to wo_user, wo_admin, wo_auditor, wo_trail, wo_guard;
grant insert on wo.role to wo_admin;
grant update on wo.role to wo_admin;
create or replace trigger validate before insert or update or delete on wo.role
    for each row execute function wo_private.configuration_validate('role');
create or replace trigger audit after insert or update or delete on wo.role
    for each row execute function wo_private.configuration_audit('role');
create or replace trigger forbid_key_change before update on wo.role
    for each row execute function wo_private.refuse_change('tenant_id,role');
alter table wo.role enable always trigger forbid_key_change;
create or replace trigger forbid_delete before delete on wo.role
    for each row execute function wo_private.refuse_change();
alter table wo.role enable always trigger forbid_delete;
create or replace trigger forbid_truncate before truncate on wo.role
    for each statement execute function wo_private.refuse_change();
alter table wo.role enable always trigger forbid_truncate;
alter table wo.role
    alter column tenant_id set statistics 0,
    alter column role set statistics 0,
    alter column description set statistics 0;

-- principal

alter table wo.principal enable row level security;
alter table wo.principal force row level security;
drop policy if exists tenant_isolation on wo.principal;
create policy tenant_isolation on wo.principal as restrictive for all to wo_user, wo_admin, wo_auditor, wo_trail, wo_guard
    using (tenant_id = (select wo_private.current_tenant()));
drop policy if exists app_select on wo.principal;
create policy app_select on wo.principal for select to wo_user, wo_admin, wo_auditor, wo_trail, wo_guard
    using (wo_private.in_force());
drop policy if exists app_insert on wo.principal;
create policy app_insert on wo.principal for insert to wo_admin
    with check (wo_private.in_force());
drop policy if exists app_update on wo.principal;
create policy app_update on wo.principal for update to wo_admin
    using (wo_private.in_force());
grant select on wo.principal to wo_user, wo_admin, wo_auditor, wo_trail, wo_guard;
grant insert on wo.principal to wo_admin;
grant update on wo.principal to wo_admin;
create or replace trigger invalidate before insert or update or delete on wo.principal
    for each row execute function wo_private.invalidate();
alter table wo.principal enable always trigger invalidate;
create or replace trigger validate before insert or update or delete on wo.principal
    for each row execute function wo_private.configuration_validate('principal');
create or replace trigger audit after insert or update or delete on wo.principal
    for each row execute function wo_private.configuration_audit('principal');
create or replace trigger forbid_key_change before update on wo.principal
    for each row execute function wo_private.refuse_change('tenant_id,id');
alter table wo.principal enable always trigger forbid_key_change;
create or replace trigger forbid_delete before delete on wo.principal
    for each row execute function wo_private.refuse_change();
alter table wo.principal enable always trigger forbid_delete;
create or replace trigger forbid_truncate before truncate on wo.principal
    for each statement execute function wo_private.refuse_change();
alter table wo.principal enable always trigger forbid_truncate;
create or replace trigger directory after insert or update of db_role on wo.principal
    for each row execute function wo_private.principal_directory();
alter table wo.principal
    alter column tenant_id set statistics 0,
    alter column id set statistics 0,
    alter column kind set statistics 0,
    alter column name set statistics 0,
    alter column db_role set statistics 0,
    alter column manager set statistics 0,
    alter column disabled_at set statistics 0,
    alter column attributes set statistics 0;

-- principal_role

alter table wo.principal_role enable row level security;
alter table wo.principal_role force row level security;
drop policy if exists tenant_isolation on wo.principal_role;
create policy tenant_isolation on wo.principal_role as restrictive for all to wo_user, wo_admin, wo_auditor, wo_trail, wo_guard
    using (tenant_id = (select wo_private.current_tenant()));
drop policy if exists app_select on wo.principal_role;
create policy app_select on wo.principal_role for select to wo_user, wo_admin, wo_auditor, wo_trail, wo_guard
    using (wo_private.in_force());
drop policy if exists app_insert on wo.principal_role;
create policy app_insert on wo.principal_role for insert to wo_admin
    with check (wo_private.in_force());
drop policy if exists app_delete on wo.principal_role;
create policy app_delete on wo.principal_role for delete to wo_admin
    using (wo_private.in_force());
grant select on wo.principal_role to wo_user, wo_admin, wo_auditor, wo_trail, wo_guard;
grant insert on wo.principal_role to wo_admin;
grant delete on wo.principal_role to wo_admin;
create or replace trigger invalidate before insert or update or delete on wo.principal_role
    for each row execute function wo_private.invalidate();
alter table wo.principal_role enable always trigger invalidate;
create or replace trigger validate before insert or update or delete on wo.principal_role
    for each row execute function wo_private.configuration_validate('principal_role');
create or replace trigger audit after insert or update or delete on wo.principal_role
    for each row execute function wo_private.configuration_audit('principal_role');
create or replace trigger forbid_key_change before update on wo.principal_role
    for each row execute function wo_private.refuse_change();
alter table wo.principal_role enable always trigger forbid_key_change;
create or replace trigger forbid_truncate before truncate on wo.principal_role
    for each statement execute function wo_private.refuse_change();
alter table wo.principal_role enable always trigger forbid_truncate;
alter table wo.principal_role
    alter column tenant_id set statistics 0,
    alter column principal set statistics 0,
    alter column role set statistics 0;

-- login_directory

alter table wo.login_directory enable row level security;
alter table wo.login_directory force row level security;
drop policy if exists tenant_isolation on wo.login_directory;
create policy tenant_isolation on wo.login_directory as restrictive for all to wo_user, wo_admin, wo_auditor
    using (tenant_id = (select wo_private.current_tenant()));
drop policy if exists app_select on wo.login_directory;
create policy app_select on wo.login_directory for select to wo_admin, wo_auditor, wo_identity
    using (wo_private.in_force());
drop policy if exists app_insert on wo.login_directory;
create policy app_insert on wo.login_directory for insert to wo_identity
    with check (wo_private.in_force());
drop policy if exists app_delete on wo.login_directory;
create policy app_delete on wo.login_directory for delete to wo_identity
    using (wo_private.in_force());
grant select on wo.login_directory to wo_admin, wo_auditor, wo_identity;
grant insert on wo.login_directory to wo_identity;
grant delete on wo.login_directory to wo_identity;
create or replace trigger forbid_key_change before update on wo.login_directory
    for each row execute function wo_private.refuse_change();
alter table wo.login_directory enable always trigger forbid_key_change;
create or replace trigger forbid_truncate before truncate on wo.login_directory
    for each statement execute function wo_private.refuse_change();
alter table wo.login_directory enable always trigger forbid_truncate;
alter table wo.login_directory
    alter column db_role set statistics 0,
    alter column tenant_id set statistics 0,
    alter column principal set statistics 0;

-- trusted_issuer

alter table wo.trusted_issuer enable row level security;
alter table wo.trusted_issuer force row level security;
drop policy if exists tenant_isolation on wo.trusted_issuer;
create policy tenant_isolation on wo.trusted_issuer as restrictive for all to wo_user, wo_admin, wo_auditor, wo_trail
    using (tenant_id = (select wo_private.current_tenant()));
drop policy if exists app_select on wo.trusted_issuer;
create policy app_select on wo.trusted_issuer for select to wo_user, wo_admin, wo_auditor, wo_trail
    using (wo_private.in_force());
drop policy if exists app_insert on wo.trusted_issuer;
create policy app_insert on wo.trusted_issuer for insert to wo_admin
    with check (wo_private.in_force());
drop policy if exists app_update on wo.trusted_issuer;
create policy app_update on wo.trusted_issuer for update to wo_admin
    using (wo_private.in_force());
grant select on wo.trusted_issuer to wo_user, wo_admin, wo_auditor, wo_trail;
grant insert on wo.trusted_issuer to wo_admin;
grant update on wo.trusted_issuer to wo_admin;
create or replace trigger invalidate before insert or update or delete on wo.trusted_issuer
    for each row execute function wo_private.invalidate();
alter table wo.trusted_issuer enable always trigger invalidate;
create or replace trigger validate before insert or update or delete on wo.trusted_issuer
    for each row execute function wo_private.configuration_validate('trusted_issuer');
create or replace trigger audit after insert or update or delete on wo.trusted_issuer
    for each row execute function wo_private.configuration_audit('trusted_issuer');
create or replace trigger forbid_key_change before update on wo.trusted_issuer
    for each row execute function wo_private.refuse_change('tenant_id,issuer,key_id,public_key');
alter table wo.trusted_issuer enable always trigger forbid_key_change;
create or replace trigger forbid_delete before delete on wo.trusted_issuer
    for each row execute function wo_private.refuse_change();
alter table wo.trusted_issuer enable always trigger forbid_delete;
create or replace trigger forbid_truncate before truncate on wo.trusted_issuer
    for each statement execute function wo_private.refuse_change();
alter table wo.trusted_issuer enable always trigger forbid_truncate;
alter table wo.trusted_issuer
    alter column tenant_id set statistics 0,
    alter column issuer set statistics 0,
    alter column key_id set statistics 0,
    alter column public_key set statistics 0,
    alter column audience set statistics 0,
    alter column disabled_at set statistics 0;

-- lifecycle

alter table wo.lifecycle enable row level security;
alter table wo.lifecycle force row level security;
drop policy if exists tenant_isolation on wo.lifecycle;
create policy tenant_isolation on wo.lifecycle as restrictive for all to wo_user, wo_admin, wo_auditor, wo_trail, wo_guard
    using (tenant_id = (select wo_private.current_tenant()));
drop policy if exists app_select on wo.lifecycle;
create policy app_select on wo.lifecycle for select to wo_user, wo_admin, wo_auditor, wo_trail, wo_guard
    using (wo_private.in_force());
drop policy if exists app_insert on wo.lifecycle;
create policy app_insert on wo.lifecycle for insert to wo_user, wo_admin, wo_trail
    with check (wo_private.in_force());
drop policy if exists app_update on wo.lifecycle;
create policy app_update on wo.lifecycle for update to wo_user, wo_admin, wo_trail
    using (wo_private.in_force());
grant select on wo.lifecycle to wo_user, wo_admin, wo_auditor, wo_trail, wo_guard;
grant insert on wo.lifecycle to wo_user, wo_admin, wo_trail;
grant update on wo.lifecycle to wo_user, wo_admin, wo_trail;
create or replace trigger validate before insert or update or delete on wo.lifecycle
    for each row execute function wo_private.configuration_validate('lifecycle');
create or replace trigger audit after insert or update or delete on wo.lifecycle
    for each row execute function wo_private.configuration_audit('lifecycle');
create or replace trigger forbid_key_change before update on wo.lifecycle
    for each row execute function wo_private.refuse_change('tenant_id,name,version,definition,sha256,major,published_by,published_at');
alter table wo.lifecycle enable always trigger forbid_key_change;
create or replace trigger forbid_delete before delete on wo.lifecycle
    for each row execute function wo_private.refuse_change();
alter table wo.lifecycle enable always trigger forbid_delete;
create or replace trigger forbid_truncate before truncate on wo.lifecycle
    for each statement execute function wo_private.refuse_change();
alter table wo.lifecycle enable always trigger forbid_truncate;
alter table wo.lifecycle
    alter column tenant_id set statistics 0,
    alter column name set statistics 0,
    alter column version set statistics 0,
    alter column definition set statistics 0,
    alter column sha256 set statistics 0,
    alter column published_by set statistics 0,
    alter column published_at set statistics 0,
    alter column effective_from set statistics 0,
    alter column effective_until set statistics 0,
    alter column released_at set statistics 0,
    alter column released_by set statistics 0,
    alter column release_work_order set statistics 0,
    alter column retired_at set statistics 0,
    alter column retired_by set statistics 0,
    alter column retirement_reason set statistics 0;

-- guard_function

alter table wo.guard_function enable row level security;
alter table wo.guard_function force row level security;
drop policy if exists tenant_isolation on wo.guard_function;
create policy tenant_isolation on wo.guard_function as restrictive for all to wo_user, wo_admin, wo_auditor, wo_trail, wo_guard
    using (tenant_id = (select wo_private.current_tenant()));
drop policy if exists app_select on wo.guard_function;
create policy app_select on wo.guard_function for select to wo_user, wo_admin, wo_auditor, wo_trail, wo_guard
    using (wo_private.in_force());
drop policy if exists app_insert on wo.guard_function;
create policy app_insert on wo.guard_function for insert to wo_admin
    with check (wo_private.in_force());
drop policy if exists app_update on wo.guard_function;
create policy app_update on wo.guard_function for update to wo_admin
    using (wo_private.in_force());
grant select on wo.guard_function to wo_user, wo_admin, wo_auditor, wo_trail, wo_guard;
grant insert on wo.guard_function to wo_admin;
grant update on wo.guard_function to wo_admin;
create or replace trigger validate before insert or update or delete on wo.guard_function
    for each row execute function wo_private.configuration_validate('guard_function');
create or replace trigger audit after insert or update or delete on wo.guard_function
    for each row execute function wo_private.configuration_audit('guard_function');
create or replace trigger forbid_key_change before update on wo.guard_function
    for each row execute function wo_private.refuse_change('tenant_id,name');
alter table wo.guard_function enable always trigger forbid_key_change;
create or replace trigger forbid_delete before delete on wo.guard_function
    for each row execute function wo_private.refuse_change();
alter table wo.guard_function enable always trigger forbid_delete;
create or replace trigger forbid_truncate before truncate on wo.guard_function
    for each statement execute function wo_private.refuse_change();
alter table wo.guard_function enable always trigger forbid_truncate;
alter table wo.guard_function
    alter column tenant_id set statistics 0,
    alter column name set statistics 0,
    alter column function_name set statistics 0,
    alter column description set statistics 0;

-- state_limit

alter table wo.state_limit enable row level security;
alter table wo.state_limit force row level security;
drop policy if exists tenant_isolation on wo.state_limit;
create policy tenant_isolation on wo.state_limit as restrictive for all to wo_user, wo_admin, wo_auditor, wo_trail
    using (tenant_id = (select wo_private.current_tenant()));
drop policy if exists app_select on wo.state_limit;
create policy app_select on wo.state_limit for select to wo_user, wo_admin, wo_auditor, wo_trail
    using (wo_private.in_force());
drop policy if exists app_insert on wo.state_limit;
create policy app_insert on wo.state_limit for insert to wo_admin
    with check (wo_private.in_force());
drop policy if exists app_update on wo.state_limit;
create policy app_update on wo.state_limit for update to wo_admin
    using (wo_private.in_force());
drop policy if exists app_delete on wo.state_limit;
create policy app_delete on wo.state_limit for delete to wo_admin
    using (wo_private.in_force());
grant select on wo.state_limit to wo_user, wo_admin, wo_auditor, wo_trail;
grant insert on wo.state_limit to wo_admin;
grant update on wo.state_limit to wo_admin;
grant delete on wo.state_limit to wo_admin;
create or replace trigger validate before insert or update or delete on wo.state_limit
    for each row execute function wo_private.configuration_validate('state_limit');
create or replace trigger audit after insert or update or delete on wo.state_limit
    for each row execute function wo_private.configuration_audit('state_limit');
create or replace trigger forbid_key_change before update on wo.state_limit
    for each row execute function wo_private.refuse_change('tenant_id,lifecycle,state');
alter table wo.state_limit enable always trigger forbid_key_change;
create or replace trigger forbid_truncate before truncate on wo.state_limit
    for each statement execute function wo_private.refuse_change();
alter table wo.state_limit enable always trigger forbid_truncate;
alter table wo.state_limit
    alter column tenant_id set statistics 0,
    alter column lifecycle set statistics 0,
    alter column state set statistics 0,
    alter column maximum_hours set statistics 0;

-- work_order

alter table wo.work_order enable row level security;
alter table wo.work_order force row level security;
drop policy if exists tenant_isolation on wo.work_order;
create policy tenant_isolation on wo.work_order as restrictive for all to wo_user, wo_admin, wo_auditor, wo_trail, wo_guard
    using (tenant_id = (select wo_private.current_tenant()));
drop policy if exists app_select on wo.work_order;
create policy app_select on wo.work_order for select to wo_user, wo_admin, wo_auditor, wo_trail, wo_guard
    using (wo_private.in_force());
drop policy if exists app_insert on wo.work_order;
create policy app_insert on wo.work_order for insert to wo_user
    with check (wo_private.in_force());
drop policy if exists app_update on wo.work_order;
create policy app_update on wo.work_order for update to wo_user, wo_admin, wo_trail
    using (wo_private.in_force());
grant select on wo.work_order to wo_user, wo_admin, wo_auditor, wo_trail, wo_guard;
grant insert on wo.work_order to wo_user;
grant update on wo.work_order to wo_user, wo_admin, wo_trail;
create or replace trigger validate before insert or update on wo.work_order
    for each row execute function wo_private.work_order_validate();
create or replace trigger audit after insert or update on wo.work_order
    for each row execute function wo_private.work_order_audit();
create or replace trigger forbid_key_change before update of tenant_id, id, wo_number, originator, created_at, idempotency_key, request_sha256 on wo.work_order
    for each row execute function wo_private.refuse_change('tenant_id,id,wo_number,originator,created_at,idempotency_key,request_sha256');
alter table wo.work_order enable always trigger forbid_key_change;
create or replace trigger forbid_delete before delete on wo.work_order
    for each row execute function wo_private.refuse_change();
alter table wo.work_order enable always trigger forbid_delete;
create or replace trigger forbid_truncate before truncate on wo.work_order
    for each statement execute function wo_private.refuse_change();
alter table wo.work_order enable always trigger forbid_truncate;
drop trigger if exists settle on wo.work_order;
create constraint trigger settle after update on wo.work_order deferrable initially deferred
    for each row when (old.locked_at is distinct from new.locked_at or old.master_id is distinct from new.master_id)
    execute function wo_private.settle();
alter table wo.work_order
    alter column tenant_id set statistics 0,
    alter column id set statistics 0,
    alter column wo_number set statistics 0,
    alter column lifecycle set statistics 0,
    alter column lifecycle_version set statistics 0,
    alter column status set statistics 0,
    alter column version set statistics 0,
    alter column revision set statistics 0,
    alter column title set statistics 0,
    alter column description set statistics 0,
    alter column priority set statistics 0,
    alter column project set statistics 0,
    alter column requester set statistics 0,
    alter column originator set statistics 0,
    alter column assignee set statistics 0,
    alter column source set statistics 0,
    alter column asset set statistics 0,
    alter column task_type set statistics 0,
    alter column due_date set statistics 0,
    alter column planned_start set statistics 0,
    alter column planned_end set statistics 0,
    alter column actual_start set statistics 0,
    alter column actual_end set statistics 0,
    alter column estimated_hours set statistics 0,
    alter column actual_hours set statistics 0,
    alter column tags set statistics 0,
    alter column acceptance_criteria set statistics 0,
    alter column deliverables set statistics 0,
    alter column notes set statistics 0,
    alter column review_notes set statistics 0,
    alter column completion_summary set statistics 0,
    alter column deficiencies set statistics 0,
    alter column block_cause set statistics 0,
    alter column metadata set statistics 0,
    alter column reason set statistics 0,
    alter column idempotency_key set statistics 0,
    alter column request_sha256 set statistics 0,
    alter column created_at set statistics 0,
    alter column updated_at set statistics 0,
    alter column locked_at set statistics 0,
    alter column archived_at set statistics 0,
    alter column state_deadline set statistics 0,
    alter column state_deadline_notified_at set statistics 0,
    alter column master_id set statistics 0,
    alter column hierarchy_policy set statistics 0,
    alter column chain_sequence set statistics 0,
    alter column chain_hash set statistics 0;

-- definition_policy

alter table wo.definition_policy enable row level security;
alter table wo.definition_policy force row level security;
drop policy if exists tenant_isolation on wo.definition_policy;
create policy tenant_isolation on wo.definition_policy as restrictive for all to wo_user, wo_admin, wo_auditor, wo_trail
    using (tenant_id = (select wo_private.current_tenant()));
drop policy if exists app_select on wo.definition_policy;
create policy app_select on wo.definition_policy for select to wo_user, wo_admin, wo_auditor, wo_trail
    using (wo_private.in_force());
drop policy if exists app_insert on wo.definition_policy;
create policy app_insert on wo.definition_policy for insert to wo_admin
    with check (wo_private.in_force());
drop policy if exists app_update on wo.definition_policy;
create policy app_update on wo.definition_policy for update to wo_admin
    using (wo_private.in_force());
grant select on wo.definition_policy to wo_user, wo_admin, wo_auditor, wo_trail;
grant insert on wo.definition_policy to wo_admin;
grant update on wo.definition_policy to wo_admin;
create or replace trigger validate before insert or update or delete on wo.definition_policy
    for each row execute function wo_private.configuration_validate('definition_policy');
create or replace trigger audit after insert or update or delete on wo.definition_policy
    for each row execute function wo_private.configuration_audit('definition_policy');
create or replace trigger forbid_key_change before update on wo.definition_policy
    for each row execute function wo_private.refuse_change('tenant_id,kind');
alter table wo.definition_policy enable always trigger forbid_key_change;
create or replace trigger forbid_delete before delete on wo.definition_policy
    for each row execute function wo_private.refuse_change();
alter table wo.definition_policy enable always trigger forbid_delete;
create or replace trigger forbid_truncate before truncate on wo.definition_policy
    for each statement execute function wo_private.refuse_change();
alter table wo.definition_policy enable always trigger forbid_truncate;
alter table wo.definition_policy
    alter column tenant_id set statistics 0,
    alter column kind set statistics 0,
    alter column release set statistics 0,
    alter column author_role set statistics 0,
    alter column release_role set statistics 0;

-- release_item

alter table wo.release_item enable row level security;
alter table wo.release_item force row level security;
drop policy if exists tenant_isolation on wo.release_item;
create policy tenant_isolation on wo.release_item as restrictive for all to wo_user, wo_admin, wo_auditor, wo_trail, wo_guard
    using (tenant_id = (select wo_private.current_tenant()));
drop policy if exists app_select on wo.release_item;
create policy app_select on wo.release_item for select to wo_user, wo_admin, wo_auditor, wo_trail, wo_guard
    using (wo_private.in_force());
drop policy if exists app_insert on wo.release_item;
create policy app_insert on wo.release_item for insert to wo_user
    with check (wo_private.in_force());
drop policy if exists app_delete on wo.release_item;
create policy app_delete on wo.release_item for delete to wo_user
    using (wo_private.in_force());
grant select on wo.release_item to wo_user, wo_admin, wo_auditor, wo_trail, wo_guard;
grant insert on wo.release_item to wo_user;
grant delete on wo.release_item to wo_user;
create or replace trigger validate before insert or update or delete on wo.release_item
    for each row execute function wo_private.child_record_validate('release_item');
create or replace trigger audit after insert or update or delete on wo.release_item
    for each row execute function wo_private.child_record_audit('release_item');
create or replace trigger forbid_key_change before update on wo.release_item
    for each row execute function wo_private.refuse_change();
alter table wo.release_item enable always trigger forbid_key_change;
create or replace trigger forbid_truncate before truncate on wo.release_item
    for each statement execute function wo_private.refuse_change();
alter table wo.release_item enable always trigger forbid_truncate;
alter table wo.release_item
    alter column tenant_id set statistics 0,
    alter column work_order_id set statistics 0,
    alter column id set statistics 0,
    alter column kind set statistics 0,
    alter column name set statistics 0,
    alter column version set statistics 0,
    alter column sha256 set statistics 0,
    alter column added_by set statistics 0,
    alter column added_at set statistics 0;

-- audit_entry

alter table wo.audit_entry enable row level security;
alter table wo.audit_entry force row level security;
drop policy if exists tenant_isolation on wo.audit_entry;
create policy tenant_isolation on wo.audit_entry as restrictive for all to wo_user, wo_admin, wo_auditor, wo_trail
    using (tenant_id = (select wo_private.current_tenant()));
drop policy if exists app_select on wo.audit_entry;
create policy app_select on wo.audit_entry for select to wo_user, wo_admin, wo_auditor, wo_trail, wo_ledger
    using (wo_private.in_force());
drop policy if exists app_insert on wo.audit_entry;
create policy app_insert on wo.audit_entry for insert to wo_trail
    with check (wo_private.in_force());
drop policy if exists refused_attempts on wo.audit_entry;
create policy refused_attempts on wo.audit_entry as restrictive for select to wo_user
    using (subject <> 'refused_attempt' or (select wo_private.may_read_attempts()));
grant select on wo.audit_entry to wo_user, wo_admin, wo_auditor, wo_trail, wo_ledger;
grant insert on wo.audit_entry to wo_trail;
create or replace trigger validate before insert on wo.audit_entry
    for each row execute function wo_private.refuse_foreign_writer();
create or replace trigger forbid_key_change before update on wo.audit_entry
    for each row execute function wo_private.refuse_change();
alter table wo.audit_entry enable always trigger forbid_key_change;
create or replace trigger forbid_delete before delete on wo.audit_entry
    for each row execute function wo_private.refuse_change();
alter table wo.audit_entry enable always trigger forbid_delete;
create or replace trigger forbid_truncate before truncate on wo.audit_entry
    for each statement execute function wo_private.refuse_change();
alter table wo.audit_entry enable always trigger forbid_truncate;
alter table wo.audit_entry
    alter column tenant_id set statistics 0,
    alter column subject set statistics 0,
    alter column subject_id set statistics 0,
    alter column sequence set statistics 0,
    alter column recorded_at set statistics 0,
    alter column action set statistics 0,
    alter column actor set statistics 0,
    alter column reason set statistics 0,
    alter column from_status set statistics 0,
    alter column to_status set statistics 0,
    alter column record_version set statistics 0,
    alter column changes set statistics 0,
    alter column client_address set statistics 0,
    alter column application set statistics 0,
    alter column login_role set statistics 0,
    alter column authenticated_by set statistics 0,
    alter column transaction_id set statistics 0,
    alter column previous_hash set statistics 0,
    alter column entry_hash set statistics 0,
    alter column position set statistics 0;

-- audit_chain

alter table wo.audit_chain enable row level security;
alter table wo.audit_chain force row level security;
drop policy if exists tenant_isolation on wo.audit_chain;
create policy tenant_isolation on wo.audit_chain as restrictive for all to wo_user, wo_admin, wo_auditor, wo_trail
    using (tenant_id = (select wo_private.current_tenant()));
drop policy if exists app_select on wo.audit_chain;
create policy app_select on wo.audit_chain for select to wo_user, wo_admin, wo_auditor, wo_trail
    using (wo_private.in_force());
drop policy if exists app_insert on wo.audit_chain;
create policy app_insert on wo.audit_chain for insert to wo_trail
    with check (wo_private.in_force());
drop policy if exists app_update on wo.audit_chain;
create policy app_update on wo.audit_chain for update to wo_trail
    using (wo_private.in_force());
drop policy if exists refused_attempts on wo.audit_chain;
create policy refused_attempts on wo.audit_chain as restrictive for select to wo_user
    using (subject <> 'refused_attempt' or (select wo_private.may_read_attempts()));
grant select on wo.audit_chain to wo_user, wo_admin, wo_auditor, wo_trail;
grant insert on wo.audit_chain to wo_trail;
grant update on wo.audit_chain to wo_trail;
create or replace trigger validate before insert or update on wo.audit_chain
    for each row execute function wo_private.refuse_foreign_writer();
create or replace trigger forbid_key_change before update on wo.audit_chain
    for each row execute function wo_private.refuse_change('tenant_id,subject,subject_key,subject_id');
alter table wo.audit_chain enable always trigger forbid_key_change;
create or replace trigger forbid_delete before delete on wo.audit_chain
    for each row execute function wo_private.refuse_change();
alter table wo.audit_chain enable always trigger forbid_delete;
create or replace trigger forbid_truncate before truncate on wo.audit_chain
    for each statement execute function wo_private.refuse_change();
alter table wo.audit_chain enable always trigger forbid_truncate;
alter table wo.audit_chain
    alter column tenant_id set statistics 0,
    alter column subject set statistics 0,
    alter column subject_key set statistics 0,
    alter column subject_id set statistics 0,
    alter column chain_sequence set statistics 0,
    alter column chain_hash set statistics 0;

-- event

alter table wo.event enable row level security;
alter table wo.event force row level security;
drop policy if exists tenant_isolation on wo.event;
create policy tenant_isolation on wo.event as restrictive for all to wo_user, wo_admin, wo_auditor, wo_trail
    using (tenant_id = (select wo_private.current_tenant()));
drop policy if exists app_select on wo.event;
create policy app_select on wo.event for select to wo_user, wo_admin, wo_auditor, wo_bridge, wo_ledger, wo_worker
    using (wo_private.in_force());
drop policy if exists app_insert on wo.event;
create policy app_insert on wo.event for insert to wo_trail
    with check (wo_private.in_force());
drop policy if exists refused_attempts on wo.event;
create policy refused_attempts on wo.event as restrictive for select to wo_user
    using (type <> 'wo.guard_violation' or (select wo_private.may_read_attempts()));
grant select on wo.event to wo_user, wo_admin, wo_auditor, wo_bridge, wo_ledger, wo_worker;
grant insert on wo.event to wo_trail;
create or replace trigger validate before insert on wo.event
    for each row execute function wo_private.refuse_foreign_writer();
create or replace trigger forbid_key_change before update on wo.event
    for each row execute function wo_private.refuse_change();
alter table wo.event enable always trigger forbid_key_change;
create or replace trigger forbid_delete before delete on wo.event
    for each row execute function wo_private.refuse_change();
alter table wo.event enable always trigger forbid_delete;
create or replace trigger forbid_truncate before truncate on wo.event
    for each statement execute function wo_private.refuse_change();
alter table wo.event enable always trigger forbid_truncate;
alter table wo.event
    alter column tenant_id set statistics 0,
    alter column position set statistics 0,
    alter column timeline set statistics 0,
    alter column type set statistics 0,
    alter column subject_id set statistics 0,
    alter column recorded_at set statistics 0,
    alter column traceparent set statistics 0,
    alter column data set statistics 0;

-- event_consumer

alter table wo.event_consumer enable row level security;
alter table wo.event_consumer force row level security;
drop policy if exists tenant_isolation on wo.event_consumer;
create policy tenant_isolation on wo.event_consumer as restrictive for all to wo_user, wo_admin, wo_auditor, wo_trail
    using (tenant_id = (select wo_private.current_tenant()));
drop policy if exists app_select on wo.event_consumer;
create policy app_select on wo.event_consumer for select to wo_user, wo_admin, wo_auditor, wo_trail, wo_ledger, wo_worker
    using (wo_private.in_force());
drop policy if exists app_insert on wo.event_consumer;
create policy app_insert on wo.event_consumer for insert to wo_trail
    with check (wo_private.in_force());
drop policy if exists app_update on wo.event_consumer;
create policy app_update on wo.event_consumer for update to wo_trail
    using (wo_private.in_force());
drop policy if exists app_delete on wo.event_consumer;
create policy app_delete on wo.event_consumer for delete to wo_trail
    using (wo_private.in_force());
drop policy if exists bridge on wo.event_consumer;
create policy bridge on wo.event_consumer for select to wo_bridge
    using (tenant_id = '00000000-0000-0000-0000-000000000000' and wo_private.in_force());
grant select on wo.event_consumer to wo_user, wo_admin, wo_auditor, wo_trail, wo_worker, wo_ledger;
grant insert on wo.event_consumer to wo_trail;
grant update on wo.event_consumer to wo_trail;
grant delete on wo.event_consumer to wo_trail;
grant select on wo.event_consumer to wo_bridge;
create or replace trigger validate before insert or update on wo.event_consumer
    for each row execute function wo_private.refuse_foreign_writer();
create or replace trigger forbid_key_change before update on wo.event_consumer
    for each row execute function wo_private.refuse_change('tenant_id,consumer');
alter table wo.event_consumer enable always trigger forbid_key_change;
create or replace trigger forbid_truncate before truncate on wo.event_consumer
    for each statement execute function wo_private.refuse_change();
alter table wo.event_consumer enable always trigger forbid_truncate;
alter table wo.event_consumer
    alter column tenant_id set statistics 0,
    alter column consumer set statistics 0,
    alter column owner set statistics 0,
    alter column owner_role set statistics 0,
    alter column position set statistics 0,
    alter column fetched_position set statistics 0,
    alter column start_position set statistics 0,
    alter column moved_from set statistics 0,
    alter column acknowledged_at set statistics 0;

-- rollup_cursor

alter table wo.rollup_cursor enable row level security;
alter table wo.rollup_cursor force row level security;
drop policy if exists tenant_isolation on wo.rollup_cursor;
create policy tenant_isolation on wo.rollup_cursor as restrictive for all to wo_user, wo_admin, wo_auditor, wo_monitor
    using (true);
drop policy if exists app_select on wo.rollup_cursor;
create policy app_select on wo.rollup_cursor for select to wo_user, wo_admin, wo_auditor, wo_monitor, wo_worker
    using (wo_private.in_force());
drop policy if exists app_insert on wo.rollup_cursor;
create policy app_insert on wo.rollup_cursor for insert to wo_worker
    with check (wo_private.in_force());
drop policy if exists app_update on wo.rollup_cursor;
create policy app_update on wo.rollup_cursor for update to wo_worker
    using (wo_private.in_force());
grant select on wo.rollup_cursor to wo_user, wo_admin, wo_auditor, wo_monitor, wo_worker;
grant insert on wo.rollup_cursor to wo_worker;
grant update on wo.rollup_cursor to wo_worker;
create or replace trigger validate before insert or update on wo.rollup_cursor
    for each row execute function wo_private.refuse_foreign_writer();
create or replace trigger forbid_key_change before update on wo.rollup_cursor
    for each row execute function wo_private.refuse_change('cursor');
alter table wo.rollup_cursor enable always trigger forbid_key_change;
create or replace trigger forbid_delete before delete on wo.rollup_cursor
    for each row execute function wo_private.refuse_change();
alter table wo.rollup_cursor enable always trigger forbid_delete;
create or replace trigger forbid_truncate before truncate on wo.rollup_cursor
    for each statement execute function wo_private.refuse_change();
alter table wo.rollup_cursor enable always trigger forbid_truncate;

-- state_rollup

alter table wo.state_rollup enable row level security;
alter table wo.state_rollup force row level security;
drop policy if exists tenant_isolation on wo.state_rollup;
create policy tenant_isolation on wo.state_rollup as restrictive for all to wo_user, wo_admin, wo_auditor
    using (tenant_id = (select wo_private.current_tenant()));
drop policy if exists app_select on wo.state_rollup;
create policy app_select on wo.state_rollup for select to wo_user, wo_admin, wo_auditor, wo_worker
    using (wo_private.in_force());
drop policy if exists app_insert on wo.state_rollup;
create policy app_insert on wo.state_rollup for insert to wo_worker
    with check (wo_private.in_force());
drop policy if exists app_update on wo.state_rollup;
create policy app_update on wo.state_rollup for update to wo_worker
    using (wo_private.in_force());
drop policy if exists app_delete on wo.state_rollup;
create policy app_delete on wo.state_rollup for delete to wo_worker
    using (wo_private.in_force());
grant select on wo.state_rollup to wo_user, wo_admin, wo_auditor, wo_worker;
grant insert on wo.state_rollup to wo_worker;
grant update on wo.state_rollup to wo_worker;
grant delete on wo.state_rollup to wo_worker;
create or replace trigger validate before insert or update on wo.state_rollup
    for each row execute function wo_private.refuse_foreign_writer();
create or replace trigger forbid_key_change before update on wo.state_rollup
    for each row execute function wo_private.refuse_change('tenant_id,lifecycle,state');
alter table wo.state_rollup enable always trigger forbid_key_change;
create or replace trigger forbid_truncate before truncate on wo.state_rollup
    for each statement execute function wo_private.refuse_change();
alter table wo.state_rollup enable always trigger forbid_truncate;
alter table wo.state_rollup
    alter column tenant_id set statistics 0,
    alter column lifecycle set statistics 0,
    alter column state set statistics 0,
    alter column entered_count set statistics 0,
    alter column left_count set statistics 0,
    alter column entered_seconds set statistics 0,
    alter column left_seconds set statistics 0;

-- schema_version

alter table wo.schema_version enable row level security;
alter table wo.schema_version force row level security;
drop policy if exists tenant_isolation on wo.schema_version;
create policy tenant_isolation on wo.schema_version as restrictive for all to wo_user, wo_admin, wo_auditor, wo_monitor
    using (true);
drop policy if exists app_select on wo.schema_version;
create policy app_select on wo.schema_version for select to wo_user, wo_admin, wo_auditor, wo_monitor, wo_identity
    using (wo_private.in_force());
grant select on wo.schema_version to wo_user, wo_admin, wo_auditor, wo_monitor, wo_identity;
create or replace trigger forbid_key_change before update on wo.schema_version
    for each row execute function wo_private.refuse_change();
alter table wo.schema_version enable always trigger forbid_key_change;
create or replace trigger forbid_delete before delete on wo.schema_version
    for each row execute function wo_private.refuse_change();
alter table wo.schema_version enable always trigger forbid_delete;
create or replace trigger forbid_truncate before truncate on wo.schema_version
    for each statement execute function wo_private.refuse_change();
alter table wo.schema_version enable always trigger forbid_truncate;

-- ddl_mark

alter table wo.ddl_mark enable row level security;
alter table wo.ddl_mark force row level security;
drop policy if exists tenant_isolation on wo.ddl_mark;
create policy tenant_isolation on wo.ddl_mark as restrictive for all to wo_user, wo_admin, wo_auditor, wo_monitor
    using (true);
drop policy if exists app_select on wo.ddl_mark;
create policy app_select on wo.ddl_mark for select to wo_admin, wo_auditor, wo_monitor, wo_trail
    using (wo_private.in_force());
drop policy if exists app_insert on wo.ddl_mark;
create policy app_insert on wo.ddl_mark for insert to wo_trail
    with check (wo_private.in_force());
drop policy if exists app_delete on wo.ddl_mark;
create policy app_delete on wo.ddl_mark for delete to wo_trail
    using (wo_private.in_force());
grant select on wo.ddl_mark to wo_admin, wo_auditor, wo_monitor, wo_trail;
grant insert on wo.ddl_mark to wo_trail;
grant delete on wo.ddl_mark to wo_trail;
create or replace trigger forbid_key_change before update on wo.ddl_mark
    for each row execute function wo_private.refuse_change();
alter table wo.ddl_mark enable always trigger forbid_key_change;
create or replace trigger forbid_truncate before truncate on wo.ddl_mark
    for each statement execute function wo_private.refuse_change();
alter table wo.ddl_mark enable always trigger forbid_truncate;

-- false_alarm

alter table wo.false_alarm enable row level security;
alter table wo.false_alarm force row level security;
drop policy if exists tenant_isolation on wo.false_alarm;
create policy tenant_isolation on wo.false_alarm as restrictive for all to wo_user, wo_admin, wo_auditor, wo_trail
    using (tenant_id = (select wo_private.current_tenant()));
drop policy if exists app_select on wo.false_alarm;
create policy app_select on wo.false_alarm for select to wo_user, wo_admin, wo_auditor, wo_trail
    using (wo_private.in_force());
drop policy if exists app_insert on wo.false_alarm;
create policy app_insert on wo.false_alarm for insert to wo_trail
    with check (wo_private.in_force());
drop policy if exists app_update on wo.false_alarm;
create policy app_update on wo.false_alarm for update to wo_trail
    using (wo_private.in_force());
grant select on wo.false_alarm to wo_user, wo_admin, wo_auditor, wo_trail;
grant insert on wo.false_alarm to wo_trail;
grant update on wo.false_alarm to wo_trail;
create or replace trigger validate before insert or update or delete on wo.false_alarm
    for each row execute function wo_private.configuration_validate('false_alarm');
create or replace trigger audit after insert or update or delete on wo.false_alarm
    for each row execute function wo_private.configuration_audit('false_alarm');
create or replace trigger forbid_key_change before update on wo.false_alarm
    for each row execute function wo_private.refuse_change('tenant_id,id,table_name,object,column_name,pointer,kind,value_sha256,reason,released_by,released_at');
alter table wo.false_alarm enable always trigger forbid_key_change;
create or replace trigger forbid_delete before delete on wo.false_alarm
    for each row execute function wo_private.refuse_change();
alter table wo.false_alarm enable always trigger forbid_delete;
create or replace trigger forbid_truncate before truncate on wo.false_alarm
    for each statement execute function wo_private.refuse_change();
alter table wo.false_alarm enable always trigger forbid_truncate;
alter table wo.false_alarm
    alter column tenant_id set statistics 0,
    alter column id set statistics 0,
    alter column table_name set statistics 0,
    alter column object set statistics 0,
    alter column column_name set statistics 0,
    alter column pointer set statistics 0,
    alter column kind set statistics 0,
    alter column value_sha256 set statistics 0,
    alter column reason set statistics 0,
    alter column released_by set statistics 0,
    alter column released_at set statistics 0,
    alter column withdrawn_by set statistics 0,
    alter column withdrawn_at set statistics 0,
    alter column withdrawal_reason set statistics 0;

-- task_type

alter table wo.task_type enable row level security;
alter table wo.task_type force row level security;
drop policy if exists tenant_isolation on wo.task_type;
create policy tenant_isolation on wo.task_type as restrictive for all to wo_user, wo_admin, wo_auditor, wo_trail
    using (tenant_id = (select wo_private.current_tenant()));
drop policy if exists app_select on wo.task_type;
create policy app_select on wo.task_type for select to wo_user, wo_admin, wo_auditor, wo_trail
    using (wo_private.in_force());
drop policy if exists app_insert on wo.task_type;
create policy app_insert on wo.task_type for insert to wo_admin
    with check (wo_private.in_force());
drop policy if exists app_update on wo.task_type;
create policy app_update on wo.task_type for update to wo_admin
    using (wo_private.in_force());
drop policy if exists app_delete on wo.task_type;
create policy app_delete on wo.task_type for delete to wo_admin
    using (wo_private.in_force());
grant select on wo.task_type to wo_user, wo_admin, wo_auditor, wo_trail;
grant insert on wo.task_type to wo_admin;
grant update on wo.task_type to wo_admin;
grant delete on wo.task_type to wo_admin;
create or replace trigger validate before insert or update or delete on wo.task_type
    for each row execute function wo_private.configuration_validate('task_type');
create or replace trigger audit after insert or update or delete on wo.task_type
    for each row execute function wo_private.configuration_audit('task_type');
create or replace trigger forbid_key_change before update on wo.task_type
    for each row execute function wo_private.refuse_change('tenant_id,task_type');
alter table wo.task_type enable always trigger forbid_key_change;
create or replace trigger forbid_truncate before truncate on wo.task_type
    for each statement execute function wo_private.refuse_change();
alter table wo.task_type enable always trigger forbid_truncate;
alter table wo.task_type
    alter column tenant_id set statistics 0,
    alter column task_type set statistics 0,
    alter column cost_class set statistics 0,
    alter column description set statistics 0;

-- engine

alter table wo.engine enable row level security;
alter table wo.engine force row level security;
drop policy if exists tenant_isolation on wo.engine;
create policy tenant_isolation on wo.engine as restrictive for all to wo_user, wo_admin, wo_auditor, wo_trail
    using (tenant_id = (select wo_private.current_tenant()));
drop policy if exists app_select on wo.engine;
create policy app_select on wo.engine for select to wo_user, wo_admin, wo_auditor, wo_trail
    using (wo_private.in_force());
drop policy if exists app_insert on wo.engine;
create policy app_insert on wo.engine for insert to wo_admin
    with check (wo_private.in_force());
drop policy if exists app_update on wo.engine;
create policy app_update on wo.engine for update to wo_admin
    using (wo_private.in_force());
grant select on wo.engine to wo_user, wo_admin, wo_auditor, wo_trail;
grant insert on wo.engine to wo_admin;
grant update on wo.engine to wo_admin;
create or replace trigger validate before insert or update or delete on wo.engine
    for each row execute function wo_private.configuration_validate('engine');
create or replace trigger audit after insert or update or delete on wo.engine
    for each row execute function wo_private.configuration_audit('engine');
create or replace trigger forbid_key_change before update on wo.engine
    for each row execute function wo_private.refuse_change('tenant_id,engine');
alter table wo.engine enable always trigger forbid_key_change;
create or replace trigger forbid_delete before delete on wo.engine
    for each row execute function wo_private.refuse_change();
alter table wo.engine enable always trigger forbid_delete;
create or replace trigger forbid_truncate before truncate on wo.engine
    for each statement execute function wo_private.refuse_change();
alter table wo.engine enable always trigger forbid_truncate;
alter table wo.engine
    alter column tenant_id set statistics 0,
    alter column engine set statistics 0,
    alter column cost_class set statistics 0,
    alter column capabilities set statistics 0,
    alter column description set statistics 0,
    alter column disabled_at set statistics 0;

-- engine_override

alter table wo.engine_override enable row level security;
alter table wo.engine_override force row level security;
drop policy if exists tenant_isolation on wo.engine_override;
create policy tenant_isolation on wo.engine_override as restrictive for all to wo_user, wo_admin, wo_auditor, wo_trail
    using (tenant_id = (select wo_private.current_tenant()));
drop policy if exists app_select on wo.engine_override;
create policy app_select on wo.engine_override for select to wo_user, wo_admin, wo_auditor, wo_trail
    using (wo_private.in_force());
drop policy if exists app_insert on wo.engine_override;
create policy app_insert on wo.engine_override for insert to wo_user
    with check (wo_private.in_force());
drop policy if exists app_update on wo.engine_override;
create policy app_update on wo.engine_override for update to wo_user
    using (wo_private.in_force());
drop policy if exists app_delete on wo.engine_override;
create policy app_delete on wo.engine_override for delete to wo_user
    using (wo_private.in_force());
grant select on wo.engine_override to wo_user, wo_admin, wo_auditor, wo_trail;
grant insert on wo.engine_override to wo_user;
grant update on wo.engine_override to wo_user;
grant delete on wo.engine_override to wo_user;
create or replace trigger validate before insert or update or delete on wo.engine_override
    for each row execute function wo_private.child_record_validate('engine_override');
create or replace trigger audit after insert or update or delete on wo.engine_override
    for each row execute function wo_private.child_record_audit('engine_override');
create or replace trigger forbid_key_change before update on wo.engine_override
    for each row execute function wo_private.refuse_change('tenant_id,work_order_id');
alter table wo.engine_override enable always trigger forbid_key_change;
create or replace trigger forbid_truncate before truncate on wo.engine_override
    for each statement execute function wo_private.refuse_change();
alter table wo.engine_override enable always trigger forbid_truncate;
alter table wo.engine_override
    alter column tenant_id set statistics 0,
    alter column work_order_id set statistics 0,
    alter column engine set statistics 0,
    alter column reason set statistics 0,
    alter column overridden_by set statistics 0,
    alter column overridden_at set statistics 0;

-- finding_policy

alter table wo.finding_policy enable row level security;
alter table wo.finding_policy force row level security;
drop policy if exists tenant_isolation on wo.finding_policy;
create policy tenant_isolation on wo.finding_policy as restrictive for all to wo_user, wo_admin, wo_auditor, wo_trail
    using (tenant_id = (select wo_private.current_tenant()));
drop policy if exists app_select on wo.finding_policy;
create policy app_select on wo.finding_policy for select to wo_user, wo_admin, wo_auditor, wo_trail
    using (wo_private.in_force());
drop policy if exists app_insert on wo.finding_policy;
create policy app_insert on wo.finding_policy for insert to wo_admin
    with check (wo_private.in_force());
drop policy if exists app_update on wo.finding_policy;
create policy app_update on wo.finding_policy for update to wo_admin
    using (wo_private.in_force());
drop policy if exists app_delete on wo.finding_policy;
create policy app_delete on wo.finding_policy for delete to wo_admin
    using (wo_private.in_force());
grant select on wo.finding_policy to wo_user, wo_admin, wo_auditor, wo_trail;
grant insert on wo.finding_policy to wo_admin;
grant update on wo.finding_policy to wo_admin;
grant delete on wo.finding_policy to wo_admin;
create or replace trigger validate before insert or update or delete on wo.finding_policy
    for each row execute function wo_private.configuration_validate('finding_policy');
create or replace trigger audit after insert or update or delete on wo.finding_policy
    for each row execute function wo_private.configuration_audit('finding_policy');
create or replace trigger forbid_key_change before update on wo.finding_policy
    for each row execute function wo_private.refuse_change('tenant_id,source');
alter table wo.finding_policy enable always trigger forbid_key_change;
create or replace trigger forbid_truncate before truncate on wo.finding_policy
    for each statement execute function wo_private.refuse_change();
alter table wo.finding_policy enable always trigger forbid_truncate;
alter table wo.finding_policy
    alter column tenant_id set statistics 0,
    alter column source set statistics 0;

-- finding

alter table wo.finding enable row level security;
alter table wo.finding force row level security;
drop policy if exists tenant_isolation on wo.finding;
create policy tenant_isolation on wo.finding as restrictive for all to wo_user, wo_admin, wo_auditor, wo_trail
    using (tenant_id = (select wo_private.current_tenant()));
drop policy if exists app_select on wo.finding;
create policy app_select on wo.finding for select to wo_user, wo_admin, wo_auditor, wo_trail, wo_worker
    using (wo_private.in_force());
drop policy if exists app_insert on wo.finding;
create policy app_insert on wo.finding for insert to wo_user, wo_trail
    with check (wo_private.in_force());
drop policy if exists app_update on wo.finding;
create policy app_update on wo.finding for update to wo_user, wo_trail
    using (wo_private.in_force());
grant select on wo.finding to wo_user, wo_admin, wo_auditor, wo_trail, wo_worker;
grant insert on wo.finding to wo_user, wo_trail;
grant update on wo.finding to wo_user, wo_trail;
create or replace trigger validate before insert or update or delete on wo.finding
    for each row execute function wo_private.configuration_validate('finding');
create or replace trigger audit after insert or update or delete on wo.finding
    for each row execute function wo_private.configuration_audit('finding');
create or replace trigger forbid_key_change before update on wo.finding
    for each row execute function wo_private.refuse_change('tenant_id,id,work_order_id,source,opened_at,opened_by,code');
alter table wo.finding enable always trigger forbid_key_change;
create or replace trigger forbid_delete before delete on wo.finding
    for each row execute function wo_private.refuse_change();
alter table wo.finding enable always trigger forbid_delete;
create or replace trigger forbid_truncate before truncate on wo.finding
    for each statement execute function wo_private.refuse_change();
alter table wo.finding enable always trigger forbid_truncate;
alter table wo.finding
    alter column tenant_id set statistics 0,
    alter column id set statistics 0,
    alter column work_order_id set statistics 0,
    alter column source set statistics 0,
    alter column severity set statistics 0,
    alter column category set statistics 0,
    alter column title set statistics 0,
    alter column description set statistics 0,
    alter column due_date set statistics 0,
    alter column capa_reference set statistics 0,
    alter column opened_at set statistics 0,
    alter column opened_by set statistics 0,
    alter column code set statistics 0,
    alter column guard set statistics 0,
    alter column opened_for set statistics 0,
    alter column actors set statistics 0,
    alter column attempts set statistics 0,
    alter column entry_sequence set statistics 0,
    alter column closed_at set statistics 0,
    alter column closed_by set statistics 0,
    alter column resolution set statistics 0,
    alter column decided_at set statistics 0;

-- hierarchy_check

alter table wo.hierarchy_check enable row level security;
alter table wo.hierarchy_check force row level security;
drop policy if exists tenant_isolation on wo.hierarchy_check;
create policy tenant_isolation on wo.hierarchy_check as restrictive for all to wo_user, wo_admin, wo_auditor, wo_trail
    using (tenant_id = (select wo_private.current_tenant()));
drop policy if exists app_select on wo.hierarchy_check;
create policy app_select on wo.hierarchy_check for select to wo_user, wo_admin, wo_auditor, wo_trail
    using (wo_private.in_force());
drop policy if exists app_insert on wo.hierarchy_check;
create policy app_insert on wo.hierarchy_check for insert to wo_trail
    with check (wo_private.in_force());
drop policy if exists app_update on wo.hierarchy_check;
create policy app_update on wo.hierarchy_check for update to wo_trail
    using (wo_private.in_force());
grant select on wo.hierarchy_check to wo_user, wo_admin, wo_auditor, wo_trail;
grant insert on wo.hierarchy_check to wo_trail;
grant update on wo.hierarchy_check to wo_trail;
create or replace trigger validate before insert or update on wo.hierarchy_check
    for each row execute function wo_private.refuse_foreign_writer();
create or replace trigger forbid_key_change before update on wo.hierarchy_check
    for each row execute function wo_private.refuse_change('tenant_id');
alter table wo.hierarchy_check enable always trigger forbid_key_change;
create or replace trigger forbid_delete before delete on wo.hierarchy_check
    for each row execute function wo_private.refuse_change();
alter table wo.hierarchy_check enable always trigger forbid_delete;
create or replace trigger forbid_truncate before truncate on wo.hierarchy_check
    for each statement execute function wo_private.refuse_change();
alter table wo.hierarchy_check enable always trigger forbid_truncate;
alter table wo.hierarchy_check
    alter column tenant_id set statistics 0,
    alter column checked_at set statistics 0,
    alter column problems set statistics 0;

-- hierarchy_head

alter table wo.hierarchy_head enable row level security;
alter table wo.hierarchy_head force row level security;
drop policy if exists tenant_isolation on wo.hierarchy_head;
create policy tenant_isolation on wo.hierarchy_head as restrictive for all to wo_user, wo_admin, wo_auditor, wo_trail
    using (tenant_id = (select wo_private.current_tenant()));
drop policy if exists app_select on wo.hierarchy_head;
create policy app_select on wo.hierarchy_head for select to wo_user, wo_admin, wo_auditor, wo_trail
    using (wo_private.in_force());
drop policy if exists app_insert on wo.hierarchy_head;
create policy app_insert on wo.hierarchy_head for insert to wo_trail
    with check (wo_private.in_force());
drop policy if exists app_update on wo.hierarchy_head;
create policy app_update on wo.hierarchy_head for update to wo_trail
    using (wo_private.in_force());
grant select on wo.hierarchy_head to wo_user, wo_admin, wo_auditor, wo_trail;
grant insert on wo.hierarchy_head to wo_trail;
grant update on wo.hierarchy_head to wo_trail;
create or replace trigger forbid_key_change before update on wo.hierarchy_head
    for each row execute function wo_private.refuse_change('tenant_id');
alter table wo.hierarchy_head enable always trigger forbid_key_change;
create or replace trigger forbid_delete before delete on wo.hierarchy_head
    for each row execute function wo_private.refuse_change();
alter table wo.hierarchy_head enable always trigger forbid_delete;
create or replace trigger forbid_truncate before truncate on wo.hierarchy_head
    for each statement execute function wo_private.refuse_change();
alter table wo.hierarchy_head enable always trigger forbid_truncate;
alter table wo.hierarchy_head
    alter column tenant_id set statistics 0,
    alter column changes set statistics 0;

-- dependency

alter table wo.dependency enable row level security;
alter table wo.dependency force row level security;
drop policy if exists tenant_isolation on wo.dependency;
create policy tenant_isolation on wo.dependency as restrictive for all to wo_user, wo_admin, wo_auditor, wo_trail, wo_guard
    using (tenant_id = (select wo_private.current_tenant()));
drop policy if exists app_select on wo.dependency;
create policy app_select on wo.dependency for select to wo_user, wo_admin, wo_auditor, wo_trail, wo_guard
    using (wo_private.in_force());
drop policy if exists app_insert on wo.dependency;
create policy app_insert on wo.dependency for insert to wo_user
    with check (wo_private.in_force());
drop policy if exists app_update on wo.dependency;
create policy app_update on wo.dependency for update to wo_user
    using (wo_private.in_force());
drop policy if exists app_delete on wo.dependency;
create policy app_delete on wo.dependency for delete to wo_user
    using (wo_private.in_force());
grant select on wo.dependency to wo_user, wo_admin, wo_auditor, wo_trail, wo_guard;
grant insert on wo.dependency to wo_user;
grant update on wo.dependency to wo_user;
grant delete on wo.dependency to wo_user;
create or replace trigger validate before insert or update or delete on wo.dependency
    for each row execute function wo_private.child_record_validate('dependency');
create or replace trigger audit after insert or update or delete on wo.dependency
    for each row execute function wo_private.child_record_audit('dependency');
create or replace trigger forbid_key_change before update on wo.dependency
    for each row execute function wo_private.refuse_change('tenant_id,successor_id,predecessor_id');
alter table wo.dependency enable always trigger forbid_key_change;
create or replace trigger forbid_truncate before truncate on wo.dependency
    for each statement execute function wo_private.refuse_change();
alter table wo.dependency enable always trigger forbid_truncate;
alter table wo.dependency
    alter column tenant_id set statistics 0,
    alter column successor_id set statistics 0,
    alter column predecessor_id set statistics 0,
    alter column kind set statistics 0,
    alter column lag set statistics 0,
    alter column added_by set statistics 0,
    alter column added_at set statistics 0;

-- signing_key

alter table wo.signing_key enable row level security;
alter table wo.signing_key force row level security;
drop policy if exists tenant_isolation on wo.signing_key;
create policy tenant_isolation on wo.signing_key as restrictive for all to wo_user, wo_admin, wo_auditor, wo_trail
    using (tenant_id = (select wo_private.current_tenant()));
drop policy if exists app_select on wo.signing_key;
create policy app_select on wo.signing_key for select to wo_user, wo_admin, wo_auditor, wo_trail
    using (wo_private.in_force());
drop policy if exists app_insert on wo.signing_key;
create policy app_insert on wo.signing_key for insert to wo_trail
    with check (wo_private.in_force());
drop policy if exists app_update on wo.signing_key;
create policy app_update on wo.signing_key for update to wo_trail
    using (wo_private.in_force());
grant select on wo.signing_key to wo_user, wo_admin, wo_auditor, wo_trail;
grant insert on wo.signing_key to wo_trail;
grant update on wo.signing_key to wo_trail;
create or replace trigger validate before insert or update or delete on wo.signing_key
    for each row execute function wo_private.configuration_validate('signing_key');
create or replace trigger audit after insert or update or delete on wo.signing_key
    for each row execute function wo_private.configuration_audit('signing_key');
create or replace trigger forbid_key_change before update on wo.signing_key
    for each row execute function wo_private.refuse_change('tenant_id,key_id,principal,public_key,enrolled_by,enrolled_at,expires_at');
alter table wo.signing_key enable always trigger forbid_key_change;
create or replace trigger forbid_delete before delete on wo.signing_key
    for each row execute function wo_private.refuse_change();
alter table wo.signing_key enable always trigger forbid_delete;
create or replace trigger forbid_truncate before truncate on wo.signing_key
    for each statement execute function wo_private.refuse_change();
alter table wo.signing_key enable always trigger forbid_truncate;
alter table wo.signing_key
    alter column tenant_id set statistics 0,
    alter column key_id set statistics 0,
    alter column principal set statistics 0,
    alter column public_key set statistics 0,
    alter column enrolled_by set statistics 0,
    alter column enrolled_at set statistics 0,
    alter column verified_by set statistics 0,
    alter column verified_at set statistics 0,
    alter column verification set statistics 0,
    alter column expires_at set statistics 0,
    alter column expiry_notified_at set statistics 0,
    alter column retired_at set statistics 0,
    alter column revoked_at set statistics 0,
    alter column revocation_reason set statistics 0;

-- delegation

alter table wo.delegation enable row level security;
alter table wo.delegation force row level security;
drop policy if exists tenant_isolation on wo.delegation;
create policy tenant_isolation on wo.delegation as restrictive for all to wo_user, wo_admin, wo_auditor, wo_trail
    using (tenant_id = (select wo_private.current_tenant()));
drop policy if exists app_select on wo.delegation;
create policy app_select on wo.delegation for select to wo_user, wo_admin, wo_auditor, wo_trail
    using (wo_private.in_force());
drop policy if exists app_insert on wo.delegation;
create policy app_insert on wo.delegation for insert to wo_trail
    with check (wo_private.in_force());
drop policy if exists app_update on wo.delegation;
create policy app_update on wo.delegation for update to wo_trail
    using (wo_private.in_force());
grant select on wo.delegation to wo_user, wo_admin, wo_auditor, wo_trail;
grant insert on wo.delegation to wo_trail;
grant update on wo.delegation to wo_trail;
create or replace trigger validate before insert or update or delete on wo.delegation
    for each row execute function wo_private.configuration_validate('delegation');
create or replace trigger audit after insert or update or delete on wo.delegation
    for each row execute function wo_private.configuration_audit('delegation');
create or replace trigger forbid_key_change before update on wo.delegation
    for each row execute function wo_private.refuse_change('tenant_id,id,parent_id,delegator,delegate,role,lifecycle,meaning,starts_at,ends_at,reason,created_at');
alter table wo.delegation enable always trigger forbid_key_change;
create or replace trigger forbid_delete before delete on wo.delegation
    for each row execute function wo_private.refuse_change();
alter table wo.delegation enable always trigger forbid_delete;
create or replace trigger forbid_truncate before truncate on wo.delegation
    for each statement execute function wo_private.refuse_change();
alter table wo.delegation enable always trigger forbid_truncate;
alter table wo.delegation
    alter column tenant_id set statistics 0,
    alter column id set statistics 0,
    alter column parent_id set statistics 0,
    alter column delegator set statistics 0,
    alter column delegate set statistics 0,
    alter column role set statistics 0,
    alter column lifecycle set statistics 0,
    alter column meaning set statistics 0,
    alter column starts_at set statistics 0,
    alter column ends_at set statistics 0,
    alter column end_notified_at set statistics 0,
    alter column reason set statistics 0,
    alter column created_at set statistics 0,
    alter column revoked_at set statistics 0,
    alter column revocation_reason set statistics 0;

-- approval_requirement

alter table wo.approval_requirement enable row level security;
alter table wo.approval_requirement force row level security;
drop policy if exists tenant_isolation on wo.approval_requirement;
create policy tenant_isolation on wo.approval_requirement as restrictive for all to wo_user, wo_admin, wo_auditor, wo_trail
    using (tenant_id = (select wo_private.current_tenant()));
drop policy if exists app_select on wo.approval_requirement;
create policy app_select on wo.approval_requirement for select to wo_user, wo_admin, wo_auditor, wo_trail
    using (wo_private.in_force());
drop policy if exists app_insert on wo.approval_requirement;
create policy app_insert on wo.approval_requirement for insert to wo_admin
    with check (wo_private.in_force());
drop policy if exists app_update on wo.approval_requirement;
create policy app_update on wo.approval_requirement for update to wo_admin
    using (wo_private.in_force());
grant select on wo.approval_requirement to wo_user, wo_admin, wo_auditor, wo_trail;
grant insert on wo.approval_requirement to wo_admin;
grant update on wo.approval_requirement to wo_admin;
create or replace trigger invalidate before insert or update or delete on wo.approval_requirement
    for each row execute function wo_private.invalidate();
alter table wo.approval_requirement enable always trigger invalidate;
create or replace trigger validate before insert or update or delete on wo.approval_requirement
    for each row execute function wo_private.configuration_validate('approval_requirement');
create or replace trigger audit after insert or update or delete on wo.approval_requirement
    for each row execute function wo_private.configuration_audit('approval_requirement');
create or replace trigger forbid_key_change before update on wo.approval_requirement
    for each row execute function wo_private.refuse_change('tenant_id,name');
alter table wo.approval_requirement enable always trigger forbid_key_change;
create or replace trigger forbid_delete before delete on wo.approval_requirement
    for each row execute function wo_private.refuse_change();
alter table wo.approval_requirement enable always trigger forbid_delete;
create or replace trigger forbid_truncate before truncate on wo.approval_requirement
    for each statement execute function wo_private.refuse_change();
alter table wo.approval_requirement enable always trigger forbid_truncate;
alter table wo.approval_requirement
    alter column tenant_id set statistics 0,
    alter column name set statistics 0,
    alter column lifecycle set statistics 0,
    alter column action set statistics 0,
    alter column role set statistics 0,
    alter column meaning set statistics 0,
    alter column count set statistics 0,
    alter column ordinal set statistics 0,
    alter column "when" set statistics 0,
    alter column covers set statistics 0,
    alter column disabled_at set statistics 0;

-- business_calendar

alter table wo.business_calendar enable row level security;
alter table wo.business_calendar force row level security;
drop policy if exists tenant_isolation on wo.business_calendar;
create policy tenant_isolation on wo.business_calendar as restrictive for all to wo_user, wo_admin, wo_auditor, wo_trail
    using (tenant_id = (select wo_private.current_tenant()));
drop policy if exists app_select on wo.business_calendar;
create policy app_select on wo.business_calendar for select to wo_user, wo_admin, wo_auditor, wo_trail
    using (wo_private.in_force());
drop policy if exists app_insert on wo.business_calendar;
create policy app_insert on wo.business_calendar for insert to wo_admin
    with check (wo_private.in_force());
drop policy if exists app_update on wo.business_calendar;
create policy app_update on wo.business_calendar for update to wo_admin
    using (wo_private.in_force());
drop policy if exists app_delete on wo.business_calendar;
create policy app_delete on wo.business_calendar for delete to wo_admin
    using (wo_private.in_force());
grant select on wo.business_calendar to wo_user, wo_admin, wo_auditor, wo_trail;
grant insert on wo.business_calendar to wo_admin;
grant update on wo.business_calendar to wo_admin;
grant delete on wo.business_calendar to wo_admin;
create or replace trigger validate before insert or update or delete on wo.business_calendar
    for each row execute function wo_private.configuration_validate('business_calendar');
create or replace trigger audit after insert or update or delete on wo.business_calendar
    for each row execute function wo_private.configuration_audit('business_calendar');
create or replace trigger forbid_key_change before update on wo.business_calendar
    for each row execute function wo_private.refuse_change('tenant_id,name');
alter table wo.business_calendar enable always trigger forbid_key_change;
create or replace trigger forbid_truncate before truncate on wo.business_calendar
    for each statement execute function wo_private.refuse_change();
alter table wo.business_calendar enable always trigger forbid_truncate;
alter table wo.business_calendar
    alter column tenant_id set statistics 0,
    alter column name set statistics 0,
    alter column time_zone set statistics 0,
    alter column working_hours set statistics 0,
    alter column holidays set statistics 0;

-- approval_sla

alter table wo.approval_sla enable row level security;
alter table wo.approval_sla force row level security;
drop policy if exists tenant_isolation on wo.approval_sla;
create policy tenant_isolation on wo.approval_sla as restrictive for all to wo_user, wo_admin, wo_auditor, wo_trail
    using (tenant_id = (select wo_private.current_tenant()));
drop policy if exists app_select on wo.approval_sla;
create policy app_select on wo.approval_sla for select to wo_user, wo_admin, wo_auditor, wo_trail
    using (wo_private.in_force());
drop policy if exists app_insert on wo.approval_sla;
create policy app_insert on wo.approval_sla for insert to wo_admin
    with check (wo_private.in_force());
drop policy if exists app_update on wo.approval_sla;
create policy app_update on wo.approval_sla for update to wo_admin
    using (wo_private.in_force());
drop policy if exists app_delete on wo.approval_sla;
create policy app_delete on wo.approval_sla for delete to wo_admin
    using (wo_private.in_force());
grant select on wo.approval_sla to wo_user, wo_admin, wo_auditor, wo_trail;
grant insert on wo.approval_sla to wo_admin;
grant update on wo.approval_sla to wo_admin;
grant delete on wo.approval_sla to wo_admin;
create or replace trigger validate before insert or update or delete on wo.approval_sla
    for each row execute function wo_private.configuration_validate('approval_sla');
create or replace trigger audit after insert or update or delete on wo.approval_sla
    for each row execute function wo_private.configuration_audit('approval_sla');
create or replace trigger forbid_key_change before update on wo.approval_sla
    for each row execute function wo_private.refuse_change('tenant_id,role');
alter table wo.approval_sla enable always trigger forbid_key_change;
create or replace trigger forbid_truncate before truncate on wo.approval_sla
    for each statement execute function wo_private.refuse_change();
alter table wo.approval_sla enable always trigger forbid_truncate;
alter table wo.approval_sla
    alter column tenant_id set statistics 0,
    alter column role set statistics 0,
    alter column hours set statistics 0,
    alter column calendar set statistics 0,
    alter column escalation set statistics 0;

-- signature_challenge

alter table wo.signature_challenge enable row level security;
alter table wo.signature_challenge force row level security;
drop policy if exists tenant_isolation on wo.signature_challenge;
create policy tenant_isolation on wo.signature_challenge as restrictive for all to wo_user, wo_admin, wo_auditor, wo_trail
    using (tenant_id = (select wo_private.current_tenant()));
drop policy if exists app_select on wo.signature_challenge;
create policy app_select on wo.signature_challenge for select to wo_user, wo_admin, wo_auditor, wo_trail
    using (wo_private.in_force());
drop policy if exists app_insert on wo.signature_challenge;
create policy app_insert on wo.signature_challenge for insert to wo_trail
    with check (wo_private.in_force());
drop policy if exists app_update on wo.signature_challenge;
create policy app_update on wo.signature_challenge for update to wo_trail
    using (wo_private.in_force());
drop policy if exists app_delete on wo.signature_challenge;
create policy app_delete on wo.signature_challenge for delete to wo_trail
    using (wo_private.in_force());
grant select on wo.signature_challenge to wo_user, wo_admin, wo_auditor, wo_trail;
grant insert on wo.signature_challenge to wo_trail;
grant update on wo.signature_challenge to wo_trail;
grant delete on wo.signature_challenge to wo_trail;
create or replace trigger validate before insert or update on wo.signature_challenge
    for each row execute function wo_private.refuse_foreign_writer();
create or replace trigger forbid_key_change before update on wo.signature_challenge
    for each row execute function wo_private.refuse_change('tenant_id,id,work_order_id,signer,payload,requested_at,expires_at');
alter table wo.signature_challenge enable always trigger forbid_key_change;
create or replace trigger forbid_delete before delete on wo.signature_challenge
    for each row when (old.used_at is not null or old.expires_at > now() - interval '1 day')
    execute function wo_private.refuse_change();
alter table wo.signature_challenge enable always trigger forbid_delete;
create or replace trigger forbid_truncate before truncate on wo.signature_challenge
    for each statement execute function wo_private.refuse_change();
alter table wo.signature_challenge enable always trigger forbid_truncate;
alter table wo.signature_challenge
    alter column tenant_id set statistics 0,
    alter column id set statistics 0,
    alter column work_order_id set statistics 0,
    alter column signer set statistics 0,
    alter column payload set statistics 0,
    alter column requested_at set statistics 0,
    alter column expires_at set statistics 0,
    alter column used_at set statistics 0;

-- approval

alter table wo.approval enable row level security;
alter table wo.approval force row level security;
drop policy if exists tenant_isolation on wo.approval;
create policy tenant_isolation on wo.approval as restrictive for all to wo_user, wo_admin, wo_auditor, wo_trail, wo_guard
    using (tenant_id = (select wo_private.current_tenant()));
drop policy if exists app_select on wo.approval;
create policy app_select on wo.approval for select to wo_user, wo_admin, wo_auditor, wo_trail, wo_guard
    using (wo_private.in_force());
drop policy if exists app_insert on wo.approval;
create policy app_insert on wo.approval for insert to wo_trail
    with check (wo_private.in_force());
drop policy if exists app_update on wo.approval;
create policy app_update on wo.approval for update to wo_trail
    using (wo_private.in_force());
grant select on wo.approval to wo_user, wo_admin, wo_auditor, wo_trail, wo_guard;
grant insert on wo.approval to wo_trail;
grant update on wo.approval to wo_trail;
create or replace trigger validate before insert or update on wo.approval
    for each row execute function wo_private.refuse_foreign_writer();
create or replace trigger forbid_key_change before update on wo.approval
    for each row execute function wo_private.refuse_change('tenant_id,work_order_id,id,action,from_status,to_status,role,meaning,covers,decision,reason,signer,printed_name,on_behalf_of,delegation_id,key_id,record_version,content_sha256,time_zone,signed_at,payload,signature');
alter table wo.approval enable always trigger forbid_key_change;
create or replace trigger forbid_delete before delete on wo.approval
    for each row execute function wo_private.refuse_change();
alter table wo.approval enable always trigger forbid_delete;
create or replace trigger forbid_truncate before truncate on wo.approval
    for each statement execute function wo_private.refuse_change();
alter table wo.approval enable always trigger forbid_truncate;
alter table wo.approval
    alter column tenant_id set statistics 0,
    alter column work_order_id set statistics 0,
    alter column id set statistics 0,
    alter column action set statistics 0,
    alter column from_status set statistics 0,
    alter column to_status set statistics 0,
    alter column role set statistics 0,
    alter column meaning set statistics 0,
    alter column covers set statistics 0,
    alter column decision set statistics 0,
    alter column reason set statistics 0,
    alter column signer set statistics 0,
    alter column printed_name set statistics 0,
    alter column on_behalf_of set statistics 0,
    alter column delegation_id set statistics 0,
    alter column key_id set statistics 0,
    alter column record_version set statistics 0,
    alter column content_sha256 set statistics 0,
    alter column time_zone set statistics 0,
    alter column signed_at set statistics 0,
    alter column payload set statistics 0,
    alter column signature set statistics 0,
    alter column amended_at set statistics 0,
    alter column voided_at set statistics 0,
    alter column withdrawn_at set statistics 0,
    alter column state_reason set statistics 0;

-- approval_request

alter table wo.approval_request enable row level security;
alter table wo.approval_request force row level security;
drop policy if exists tenant_isolation on wo.approval_request;
create policy tenant_isolation on wo.approval_request as restrictive for all to wo_user, wo_admin, wo_auditor, wo_trail
    using (tenant_id = (select wo_private.current_tenant()));
drop policy if exists app_select on wo.approval_request;
create policy app_select on wo.approval_request for select to wo_user, wo_admin, wo_auditor, wo_trail, wo_worker
    using (wo_private.in_force());
drop policy if exists app_insert on wo.approval_request;
create policy app_insert on wo.approval_request for insert to wo_trail
    with check (wo_private.in_force());
drop policy if exists app_update on wo.approval_request;
create policy app_update on wo.approval_request for update to wo_trail
    using (wo_private.in_force());
grant select on wo.approval_request to wo_user, wo_admin, wo_auditor, wo_trail, wo_worker;
grant insert on wo.approval_request to wo_trail;
grant update on wo.approval_request to wo_trail;
create or replace trigger validate before insert or update on wo.approval_request
    for each row execute function wo_private.refuse_foreign_writer();
create or replace trigger forbid_key_change before update on wo.approval_request
    for each row execute function wo_private.refuse_change('tenant_id,work_order_id,id,action,role,meaning,required,ordinal,requested_at,deadline');
alter table wo.approval_request enable always trigger forbid_key_change;
create or replace trigger forbid_delete before delete on wo.approval_request
    for each row execute function wo_private.refuse_change();
alter table wo.approval_request enable always trigger forbid_delete;
create or replace trigger forbid_truncate before truncate on wo.approval_request
    for each statement execute function wo_private.refuse_change();
alter table wo.approval_request enable always trigger forbid_truncate;
alter table wo.approval_request
    alter column tenant_id set statistics 0,
    alter column work_order_id set statistics 0,
    alter column id set statistics 0,
    alter column action set statistics 0,
    alter column role set statistics 0,
    alter column meaning set statistics 0,
    alter column required set statistics 0,
    alter column ordinal set statistics 0,
    alter column requested_at set statistics 0,
    alter column deadline set statistics 0,
    alter column next_escalation set statistics 0,
    alter column escalations set statistics 0,
    alter column closed_at set statistics 0;

-- waiver

alter table wo.waiver enable row level security;
alter table wo.waiver force row level security;
drop policy if exists tenant_isolation on wo.waiver;
create policy tenant_isolation on wo.waiver as restrictive for all to wo_user, wo_admin, wo_auditor, wo_trail, wo_guard
    using (tenant_id = (select wo_private.current_tenant()));
drop policy if exists app_select on wo.waiver;
create policy app_select on wo.waiver for select to wo_user, wo_admin, wo_auditor, wo_trail, wo_guard
    using (wo_private.in_force());
drop policy if exists app_insert on wo.waiver;
create policy app_insert on wo.waiver for insert to wo_trail
    with check (wo_private.in_force());
grant select on wo.waiver to wo_user, wo_admin, wo_auditor, wo_trail, wo_guard;
grant insert on wo.waiver to wo_trail;
create or replace trigger validate before insert on wo.waiver
    for each row execute function wo_private.refuse_foreign_writer();
create or replace trigger forbid_key_change before update on wo.waiver
    for each row execute function wo_private.refuse_change();
alter table wo.waiver enable always trigger forbid_key_change;
create or replace trigger forbid_delete before delete on wo.waiver
    for each row execute function wo_private.refuse_change();
alter table wo.waiver enable always trigger forbid_delete;
create or replace trigger forbid_truncate before truncate on wo.waiver
    for each statement execute function wo_private.refuse_change();
alter table wo.waiver enable always trigger forbid_truncate;
drop trigger if exists settle on wo.waiver;
create constraint trigger settle after insert on wo.waiver deferrable initially deferred
    for each row execute function wo_private.settle();
alter table wo.waiver
    alter column tenant_id set statistics 0,
    alter column work_order_id set statistics 0,
    alter column child_id set statistics 0,
    alter column approval_id set statistics 0,
    alter column reason set statistics 0,
    alter column waived_by set statistics 0,
    alter column waived_at set statistics 0;

-- act_signature

alter table wo.act_signature enable row level security;
alter table wo.act_signature force row level security;
drop policy if exists tenant_isolation on wo.act_signature;
create policy tenant_isolation on wo.act_signature as restrictive for all to wo_user, wo_admin, wo_auditor, wo_trail, wo_guard
    using (tenant_id = (select wo_private.current_tenant()));
drop policy if exists app_select on wo.act_signature;
create policy app_select on wo.act_signature for select to wo_user, wo_admin, wo_auditor, wo_trail, wo_guard
    using (wo_private.in_force());
drop policy if exists app_insert on wo.act_signature;
create policy app_insert on wo.act_signature for insert to wo_trail
    with check (wo_private.in_force());
grant select on wo.act_signature to wo_user, wo_admin, wo_auditor, wo_trail, wo_guard;
grant insert on wo.act_signature to wo_trail;
create or replace trigger validate before insert on wo.act_signature
    for each row execute function wo_private.refuse_foreign_writer();
create or replace trigger forbid_key_change before update on wo.act_signature
    for each row execute function wo_private.refuse_change();
alter table wo.act_signature enable always trigger forbid_key_change;
create or replace trigger forbid_delete before delete on wo.act_signature
    for each row execute function wo_private.refuse_change();
alter table wo.act_signature enable always trigger forbid_delete;
create or replace trigger forbid_truncate before truncate on wo.act_signature
    for each statement execute function wo_private.refuse_change();
alter table wo.act_signature enable always trigger forbid_truncate;
alter table wo.act_signature
    alter column tenant_id set statistics 0,
    alter column work_order_id set statistics 0,
    alter column id set statistics 0,
    alter column kind set statistics 0,
    alter column subject set statistics 0,
    alter column meaning set statistics 0,
    alter column decision set statistics 0,
    alter column role set statistics 0,
    alter column reason set statistics 0,
    alter column signer set statistics 0,
    alter column printed_name set statistics 0,
    alter column key_id set statistics 0,
    alter column content set statistics 0,
    alter column content_sha256 set statistics 0,
    alter column time_zone set statistics 0,
    alter column signed_at set statistics 0,
    alter column payload set statistics 0,
    alter column signature set statistics 0;

-- approval_rollup

alter table wo.approval_rollup enable row level security;
alter table wo.approval_rollup force row level security;
drop policy if exists tenant_isolation on wo.approval_rollup;
create policy tenant_isolation on wo.approval_rollup as restrictive for all to wo_user, wo_admin, wo_auditor
    using (tenant_id = (select wo_private.current_tenant()));
drop policy if exists app_select on wo.approval_rollup;
create policy app_select on wo.approval_rollup for select to wo_user, wo_admin, wo_auditor, wo_worker
    using (wo_private.in_force());
drop policy if exists app_insert on wo.approval_rollup;
create policy app_insert on wo.approval_rollup for insert to wo_worker
    with check (wo_private.in_force());
drop policy if exists app_update on wo.approval_rollup;
create policy app_update on wo.approval_rollup for update to wo_worker
    using (wo_private.in_force());
drop policy if exists app_delete on wo.approval_rollup;
create policy app_delete on wo.approval_rollup for delete to wo_worker
    using (wo_private.in_force());
grant select on wo.approval_rollup to wo_user, wo_admin, wo_auditor, wo_worker;
grant insert on wo.approval_rollup to wo_worker;
grant update on wo.approval_rollup to wo_worker;
grant delete on wo.approval_rollup to wo_worker;
create or replace trigger validate before insert or update on wo.approval_rollup
    for each row execute function wo_private.refuse_foreign_writer();
create or replace trigger forbid_key_change before update on wo.approval_rollup
    for each row execute function wo_private.refuse_change('tenant_id,role,within_seconds');
alter table wo.approval_rollup enable always trigger forbid_key_change;
create or replace trigger forbid_truncate before truncate on wo.approval_rollup
    for each statement execute function wo_private.refuse_change();
alter table wo.approval_rollup enable always trigger forbid_truncate;
alter table wo.approval_rollup
    alter column tenant_id set statistics 0,
    alter column role set statistics 0,
    alter column within_seconds set statistics 0,
    alter column signed_count set statistics 0,
    alter column waited_seconds set statistics 0;

-- evidence

alter table wo.evidence enable row level security;
alter table wo.evidence force row level security;
drop policy if exists tenant_isolation on wo.evidence;
create policy tenant_isolation on wo.evidence as restrictive for all to wo_user, wo_admin, wo_auditor, wo_trail
    using (tenant_id = (select wo_private.current_tenant()));
drop policy if exists app_select on wo.evidence;
create policy app_select on wo.evidence for select to wo_user, wo_admin, wo_auditor, wo_trail
    using (wo_private.in_force());
drop policy if exists app_insert on wo.evidence;
create policy app_insert on wo.evidence for insert to wo_trail
    with check (wo_private.in_force());
grant select on wo.evidence to wo_user, wo_admin, wo_auditor, wo_trail;
grant insert on wo.evidence to wo_trail;
create or replace trigger validate before insert on wo.evidence
    for each row execute function wo_private.refuse_foreign_writer();
create or replace trigger forbid_key_change before update on wo.evidence
    for each row execute function wo_private.refuse_change();
alter table wo.evidence enable always trigger forbid_key_change;
create or replace trigger forbid_delete before delete on wo.evidence
    for each row execute function wo_private.refuse_change();
alter table wo.evidence enable always trigger forbid_delete;
create or replace trigger forbid_truncate before truncate on wo.evidence
    for each statement execute function wo_private.refuse_change();
alter table wo.evidence enable always trigger forbid_truncate;
alter table wo.evidence
    alter column tenant_id set statistics 0,
    alter column work_order_id set statistics 0,
    alter column made_at set statistics 0,
    alter column package set statistics 0,
    alter column sha256 set statistics 0;

-- ledger_tile

alter table wo.ledger_tile enable row level security;
alter table wo.ledger_tile force row level security;
drop policy if exists tenant_isolation on wo.ledger_tile;
create policy tenant_isolation on wo.ledger_tile as restrictive for all to wo_user, wo_admin, wo_auditor, wo_monitor
    using (true);
drop policy if exists app_select on wo.ledger_tile;
create policy app_select on wo.ledger_tile for select to wo_user, wo_admin, wo_auditor, wo_monitor, wo_bridge, wo_ledger
    using (wo_private.in_force());
drop policy if exists app_insert on wo.ledger_tile;
create policy app_insert on wo.ledger_tile for insert to wo_ledger
    with check (wo_private.in_force());
drop policy if exists app_update on wo.ledger_tile;
create policy app_update on wo.ledger_tile for update to wo_ledger
    using (wo_private.in_force());
grant select on wo.ledger_tile to wo_ledger;
grant select (level, tile_index, hashes, last_position) on wo.ledger_tile to wo_user, wo_admin, wo_auditor, wo_monitor, wo_bridge;
grant insert on wo.ledger_tile to wo_ledger;
grant update on wo.ledger_tile to wo_ledger;
create or replace trigger validate before insert or update on wo.ledger_tile
    for each row execute function wo_private.refuse_foreign_writer();
create or replace trigger forbid_key_change before update on wo.ledger_tile
    for each row execute function wo_private.refuse_change('level,tile_index');
alter table wo.ledger_tile enable always trigger forbid_key_change;
create or replace trigger forbid_delete before delete on wo.ledger_tile
    for each row execute function wo_private.refuse_change();
alter table wo.ledger_tile enable always trigger forbid_delete;
create or replace trigger forbid_truncate before truncate on wo.ledger_tile
    for each statement execute function wo_private.refuse_change();
alter table wo.ledger_tile enable always trigger forbid_truncate;
create or replace trigger forbid_hash_change before update on wo.ledger_tile
    for each row when (octet_length(old.hashes) >= 8192
        or substr(new.hashes, 1, octet_length(old.hashes)) is distinct from old.hashes
        or substr(new.names, 1, octet_length(old.names)) is distinct from old.names)
    execute function wo_private.refuse_change();
alter table wo.ledger_tile enable always trigger forbid_hash_change;

-- ledger_checkpoint

alter table wo.ledger_checkpoint enable row level security;
alter table wo.ledger_checkpoint force row level security;
drop policy if exists tenant_isolation on wo.ledger_checkpoint;
create policy tenant_isolation on wo.ledger_checkpoint as restrictive for all to wo_user, wo_admin, wo_auditor, wo_monitor
    using (true);
drop policy if exists app_select on wo.ledger_checkpoint;
create policy app_select on wo.ledger_checkpoint for select to wo_user, wo_admin, wo_auditor, wo_monitor, wo_bridge, wo_ledger
    using (wo_private.in_force());
drop policy if exists app_insert on wo.ledger_checkpoint;
create policy app_insert on wo.ledger_checkpoint for insert to wo_ledger
    with check (wo_private.in_force());
grant select on wo.ledger_checkpoint to wo_user, wo_admin, wo_auditor, wo_monitor, wo_bridge, wo_ledger;
grant insert on wo.ledger_checkpoint to wo_ledger;
create or replace trigger validate before insert on wo.ledger_checkpoint
    for each row execute function wo_private.refuse_foreign_writer();
create or replace trigger forbid_key_change before update on wo.ledger_checkpoint
    for each row execute function wo_private.refuse_change();
alter table wo.ledger_checkpoint enable always trigger forbid_key_change;
create or replace trigger forbid_delete before delete on wo.ledger_checkpoint
    for each row execute function wo_private.refuse_change();
alter table wo.ledger_checkpoint enable always trigger forbid_delete;
create or replace trigger forbid_truncate before truncate on wo.ledger_checkpoint
    for each statement execute function wo_private.refuse_change();
alter table wo.ledger_checkpoint enable always trigger forbid_truncate;

-- archive

alter table wo.archive enable row level security;
alter table wo.archive force row level security;
drop policy if exists tenant_isolation on wo.archive;
create policy tenant_isolation on wo.archive as restrictive for all to wo_user, wo_admin, wo_auditor, wo_trail
    using (tenant_id = (select wo_private.current_tenant()));
drop policy if exists app_select on wo.archive;
create policy app_select on wo.archive for select to wo_user, wo_admin, wo_auditor, wo_trail, wo_ledger
    using (wo_private.in_force());
drop policy if exists app_insert on wo.archive;
create policy app_insert on wo.archive for insert to wo_trail
    with check (wo_private.in_force());
drop policy if exists app_update on wo.archive;
create policy app_update on wo.archive for update to wo_trail
    using (wo_private.in_force());
grant select on wo.archive to wo_user, wo_admin, wo_auditor, wo_trail, wo_ledger;
grant insert on wo.archive to wo_trail;
grant update on wo.archive to wo_trail;
create or replace trigger validate before insert or update on wo.archive
    for each row execute function wo_private.refuse_foreign_writer();
create or replace trigger forbid_key_change before update on wo.archive
    for each row execute function wo_private.refuse_change('tenant_id,name,source,from_time,to_time,lines,chains,first_leaf,last_leaf,first_position,last_position,data_sha256,proof_sha256,checkpoint_size,archived_at');
alter table wo.archive enable always trigger forbid_key_change;
create or replace trigger forbid_delete before delete on wo.archive
    for each row execute function wo_private.refuse_change();
alter table wo.archive enable always trigger forbid_delete;
create or replace trigger forbid_truncate before truncate on wo.archive
    for each statement execute function wo_private.refuse_change();
alter table wo.archive enable always trigger forbid_truncate;
alter table wo.archive
    alter column tenant_id set statistics 0,
    alter column name set statistics 0,
    alter column source set statistics 0,
    alter column from_time set statistics 0,
    alter column to_time set statistics 0,
    alter column lines set statistics 0,
    alter column chains set statistics 0,
    alter column first_leaf set statistics 0,
    alter column last_leaf set statistics 0,
    alter column first_position set statistics 0,
    alter column last_position set statistics 0,
    alter column data_sha256 set statistics 0,
    alter column proof_sha256 set statistics 0,
    alter column checkpoint_size set statistics 0,
    alter column archived_at set statistics 0,
    alter column detached_at set statistics 0,
    alter column restored_at set statistics 0;

-- archived_chain

alter table wo.archived_chain enable row level security;
alter table wo.archived_chain force row level security;
drop policy if exists tenant_isolation on wo.archived_chain;
create policy tenant_isolation on wo.archived_chain as restrictive for all to wo_user, wo_admin, wo_auditor, wo_trail
    using (tenant_id = (select wo_private.current_tenant()));
drop policy if exists app_select on wo.archived_chain;
create policy app_select on wo.archived_chain for select to wo_user, wo_admin, wo_auditor, wo_trail, wo_ledger
    using (wo_private.in_force());
drop policy if exists app_insert on wo.archived_chain;
create policy app_insert on wo.archived_chain for insert to wo_trail
    with check (wo_private.in_force());
grant select on wo.archived_chain to wo_user, wo_admin, wo_auditor, wo_trail, wo_ledger;
grant insert on wo.archived_chain to wo_trail;
create or replace trigger validate before insert on wo.archived_chain
    for each row execute function wo_private.refuse_foreign_writer();
create or replace trigger forbid_key_change before update on wo.archived_chain
    for each row execute function wo_private.refuse_change();
alter table wo.archived_chain enable always trigger forbid_key_change;
create or replace trigger forbid_delete before delete on wo.archived_chain
    for each row execute function wo_private.refuse_change();
alter table wo.archived_chain enable always trigger forbid_delete;
create or replace trigger forbid_truncate before truncate on wo.archived_chain
    for each statement execute function wo_private.refuse_change();
alter table wo.archived_chain enable always trigger forbid_truncate;
alter table wo.archived_chain
    alter column tenant_id set statistics 0,
    alter column subject_id set statistics 0,
    alter column archive set statistics 0,
    alter column sequence set statistics 0,
    alter column entry_hash set statistics 0,
    alter column state_sha256 set statistics 0,
    alter column state set statistics 0;

-- job_plan

alter table wo.job_plan enable row level security;
alter table wo.job_plan force row level security;
drop policy if exists tenant_isolation on wo.job_plan;
create policy tenant_isolation on wo.job_plan as restrictive for all to wo_user, wo_admin, wo_auditor, wo_trail, wo_guard
    using (tenant_id = (select wo_private.current_tenant()));
drop policy if exists app_select on wo.job_plan;
create policy app_select on wo.job_plan for select to wo_user, wo_admin, wo_auditor, wo_trail, wo_guard
    using (wo_private.in_force());
drop policy if exists app_insert on wo.job_plan;
create policy app_insert on wo.job_plan for insert to wo_user, wo_admin, wo_trail
    with check (wo_private.in_force());
drop policy if exists app_update on wo.job_plan;
create policy app_update on wo.job_plan for update to wo_user, wo_admin, wo_trail
    using (wo_private.in_force());
grant select on wo.job_plan to wo_user, wo_admin, wo_auditor, wo_trail, wo_guard;
grant insert on wo.job_plan to wo_user, wo_admin, wo_trail;
grant update on wo.job_plan to wo_user, wo_admin, wo_trail;
create or replace trigger validate before insert or update or delete on wo.job_plan
    for each row execute function wo_private.configuration_validate('job_plan');
create or replace trigger audit after insert or update or delete on wo.job_plan
    for each row execute function wo_private.configuration_audit('job_plan');
create or replace trigger forbid_key_change before update on wo.job_plan
    for each row execute function wo_private.refuse_change('tenant_id,name,version,definition,sha256,major,published_by,published_at');
alter table wo.job_plan enable always trigger forbid_key_change;
create or replace trigger forbid_delete before delete on wo.job_plan
    for each row execute function wo_private.refuse_change();
alter table wo.job_plan enable always trigger forbid_delete;
create or replace trigger forbid_truncate before truncate on wo.job_plan
    for each statement execute function wo_private.refuse_change();
alter table wo.job_plan enable always trigger forbid_truncate;
alter table wo.job_plan
    alter column tenant_id set statistics 0,
    alter column name set statistics 0,
    alter column version set statistics 0,
    alter column definition set statistics 0,
    alter column sha256 set statistics 0,
    alter column published_by set statistics 0,
    alter column published_at set statistics 0,
    alter column effective_from set statistics 0,
    alter column effective_until set statistics 0,
    alter column released_at set statistics 0,
    alter column released_by set statistics 0,
    alter column release_work_order set statistics 0,
    alter column retired_at set statistics 0,
    alter column retired_by set statistics 0,
    alter column retirement_reason set statistics 0;

-- work_order_job_plan

alter table wo.work_order_job_plan enable row level security;
alter table wo.work_order_job_plan force row level security;
drop policy if exists tenant_isolation on wo.work_order_job_plan;
create policy tenant_isolation on wo.work_order_job_plan as restrictive for all to wo_user, wo_admin, wo_auditor, wo_trail
    using (tenant_id = (select wo_private.current_tenant()));
drop policy if exists app_select on wo.work_order_job_plan;
create policy app_select on wo.work_order_job_plan for select to wo_user, wo_admin, wo_auditor, wo_trail
    using (wo_private.in_force());
drop policy if exists app_insert on wo.work_order_job_plan;
create policy app_insert on wo.work_order_job_plan for insert to wo_user
    with check (wo_private.in_force());
drop policy if exists app_update on wo.work_order_job_plan;
create policy app_update on wo.work_order_job_plan for update to wo_user
    using (wo_private.in_force());
grant select on wo.work_order_job_plan to wo_user, wo_admin, wo_auditor, wo_trail;
grant insert on wo.work_order_job_plan to wo_user;
grant update on wo.work_order_job_plan to wo_user;
create or replace trigger validate before insert or update or delete on wo.work_order_job_plan
    for each row execute function wo_private.child_record_validate('work_order_job_plan');
create or replace trigger audit after insert or update or delete on wo.work_order_job_plan
    for each row execute function wo_private.child_record_audit('work_order_job_plan');
create or replace trigger forbid_key_change before update on wo.work_order_job_plan
    for each row execute function wo_private.refuse_change('tenant_id,work_order_id,name');
alter table wo.work_order_job_plan enable always trigger forbid_key_change;
create or replace trigger forbid_delete before delete on wo.work_order_job_plan
    for each row execute function wo_private.refuse_change();
alter table wo.work_order_job_plan enable always trigger forbid_delete;
create or replace trigger forbid_truncate before truncate on wo.work_order_job_plan
    for each statement execute function wo_private.refuse_change();
alter table wo.work_order_job_plan enable always trigger forbid_truncate;
alter table wo.work_order_job_plan
    alter column tenant_id set statistics 0,
    alter column work_order_id set statistics 0,
    alter column name set statistics 0,
    alter column version set statistics 0,
    alter column sha256 set statistics 0,
    alter column parameters set statistics 0,
    alter column reason set statistics 0,
    alter column applied_by set statistics 0,
    alter column applied_at set statistics 0;

-- step_result

alter table wo.step_result enable row level security;
alter table wo.step_result force row level security;
drop policy if exists tenant_isolation on wo.step_result;
create policy tenant_isolation on wo.step_result as restrictive for all to wo_user, wo_admin, wo_auditor, wo_trail
    using (tenant_id = (select wo_private.current_tenant()));
drop policy if exists app_select on wo.step_result;
create policy app_select on wo.step_result for select to wo_user, wo_admin, wo_auditor, wo_trail
    using (wo_private.in_force());
drop policy if exists app_insert on wo.step_result;
create policy app_insert on wo.step_result for insert to wo_user
    with check (wo_private.in_force());
grant select on wo.step_result to wo_user, wo_admin, wo_auditor, wo_trail;
grant insert on wo.step_result to wo_user;
create or replace trigger validate before insert or update or delete on wo.step_result
    for each row execute function wo_private.child_record_validate('step_result');
create or replace trigger audit after insert or update or delete on wo.step_result
    for each row execute function wo_private.child_record_audit('step_result');
create or replace trigger forbid_key_change before update on wo.step_result
    for each row execute function wo_private.refuse_change();
alter table wo.step_result enable always trigger forbid_key_change;
create or replace trigger forbid_delete before delete on wo.step_result
    for each row execute function wo_private.refuse_change();
alter table wo.step_result enable always trigger forbid_delete;
create or replace trigger forbid_truncate before truncate on wo.step_result
    for each statement execute function wo_private.refuse_change();
alter table wo.step_result enable always trigger forbid_truncate;
alter table wo.step_result
    alter column tenant_id set statistics 0,
    alter column work_order_id set statistics 0,
    alter column id set statistics 0,
    alter column ordinal set statistics 0,
    alter column step set statistics 0,
    alter column act set statistics 0,
    alter column value set statistics 0,
    alter column unit set statistics 0,
    alter column verdict set statistics 0,
    alter column sha256 set statistics 0,
    alter column corrects set statistics 0,
    alter column concerns set statistics 0,
    alter column credentials set statistics 0,
    alter column plan_version set statistics 0,
    alter column reason set statistics 0,
    alter column signature_id set statistics 0,
    alter column performed_by set statistics 0,
    alter column performed_at set statistics 0;

-- credential_grant

alter table wo.credential_grant enable row level security;
alter table wo.credential_grant force row level security;
drop policy if exists tenant_isolation on wo.credential_grant;
create policy tenant_isolation on wo.credential_grant as restrictive for all to wo_user, wo_admin, wo_auditor, wo_trail
    using (tenant_id = (select wo_private.current_tenant()));
drop policy if exists app_select on wo.credential_grant;
create policy app_select on wo.credential_grant for select to wo_user, wo_admin, wo_auditor, wo_trail
    using (wo_private.in_force());
drop policy if exists app_insert on wo.credential_grant;
create policy app_insert on wo.credential_grant for insert to wo_user
    with check (wo_private.in_force());
grant select on wo.credential_grant to wo_user, wo_admin, wo_auditor, wo_trail;
grant insert on wo.credential_grant to wo_user;
create or replace trigger validate before insert or update or delete on wo.credential_grant
    for each row execute function wo_private.child_record_validate('credential_grant');
create or replace trigger audit after insert or update or delete on wo.credential_grant
    for each row execute function wo_private.child_record_audit('credential_grant');
create or replace trigger forbid_key_change before update on wo.credential_grant
    for each row execute function wo_private.refuse_change();
alter table wo.credential_grant enable always trigger forbid_key_change;
create or replace trigger forbid_delete before delete on wo.credential_grant
    for each row execute function wo_private.refuse_change();
alter table wo.credential_grant enable always trigger forbid_delete;
create or replace trigger forbid_truncate before truncate on wo.credential_grant
    for each statement execute function wo_private.refuse_change();
alter table wo.credential_grant enable always trigger forbid_truncate;
alter table wo.credential_grant
    alter column tenant_id set statistics 0,
    alter column work_order_id set statistics 0,
    alter column jti set statistics 0,
    alter column step set statistics 0,
    alter column credential set statistics 0,
    alter column reference set statistics 0,
    alter column principal set statistics 0,
    alter column requested_at set statistics 0,
    alter column expires_at set statistics 0;

-- deliverable

alter table wo.deliverable enable row level security;
alter table wo.deliverable force row level security;
drop policy if exists tenant_isolation on wo.deliverable;
create policy tenant_isolation on wo.deliverable as restrictive for all to wo_user, wo_admin, wo_auditor, wo_trail
    using (tenant_id = (select wo_private.current_tenant()));
drop policy if exists app_select on wo.deliverable;
create policy app_select on wo.deliverable for select to wo_user, wo_admin, wo_auditor, wo_trail
    using (wo_private.in_force());
drop policy if exists app_insert on wo.deliverable;
create policy app_insert on wo.deliverable for insert to wo_user
    with check (wo_private.in_force());
grant select on wo.deliverable to wo_user, wo_admin, wo_auditor, wo_trail;
grant insert on wo.deliverable to wo_user;
create or replace trigger validate before insert or update or delete on wo.deliverable
    for each row execute function wo_private.child_record_validate('deliverable');
create or replace trigger audit after insert or update or delete on wo.deliverable
    for each row execute function wo_private.child_record_audit('deliverable');
create or replace trigger forbid_key_change before update on wo.deliverable
    for each row execute function wo_private.refuse_change();
alter table wo.deliverable enable always trigger forbid_key_change;
create or replace trigger forbid_delete before delete on wo.deliverable
    for each row execute function wo_private.refuse_change();
alter table wo.deliverable enable always trigger forbid_delete;
create or replace trigger forbid_truncate before truncate on wo.deliverable
    for each statement execute function wo_private.refuse_change();
alter table wo.deliverable enable always trigger forbid_truncate;
alter table wo.deliverable
    alter column tenant_id set statistics 0,
    alter column work_order_id set statistics 0,
    alter column id set statistics 0,
    alter column ordinal set statistics 0,
    alter column name set statistics 0,
    alter column kind set statistics 0,
    alter column uri set statistics 0,
    alter column sha256 set statistics 0,
    alter column size set statistics 0,
    alter column media_type set statistics 0,
    alter column supersedes set statistics 0,
    alter column reason set statistics 0,
    alter column received_from set statistics 0,
    alter column received_at set statistics 0;

-- deliverable_review

alter table wo.deliverable_review enable row level security;
alter table wo.deliverable_review force row level security;
drop policy if exists tenant_isolation on wo.deliverable_review;
create policy tenant_isolation on wo.deliverable_review as restrictive for all to wo_user, wo_admin, wo_auditor, wo_trail
    using (tenant_id = (select wo_private.current_tenant()));
drop policy if exists app_select on wo.deliverable_review;
create policy app_select on wo.deliverable_review for select to wo_user, wo_admin, wo_auditor, wo_trail
    using (wo_private.in_force());
drop policy if exists app_insert on wo.deliverable_review;
create policy app_insert on wo.deliverable_review for insert to wo_user
    with check (wo_private.in_force());
grant select on wo.deliverable_review to wo_user, wo_admin, wo_auditor, wo_trail;
grant insert on wo.deliverable_review to wo_user;
create or replace trigger validate before insert or update or delete on wo.deliverable_review
    for each row execute function wo_private.child_record_validate('deliverable_review');
create or replace trigger audit after insert or update or delete on wo.deliverable_review
    for each row execute function wo_private.child_record_audit('deliverable_review');
create or replace trigger forbid_key_change before update on wo.deliverable_review
    for each row execute function wo_private.refuse_change();
alter table wo.deliverable_review enable always trigger forbid_key_change;
create or replace trigger forbid_delete before delete on wo.deliverable_review
    for each row execute function wo_private.refuse_change();
alter table wo.deliverable_review enable always trigger forbid_delete;
create or replace trigger forbid_truncate before truncate on wo.deliverable_review
    for each statement execute function wo_private.refuse_change();
alter table wo.deliverable_review enable always trigger forbid_truncate;
alter table wo.deliverable_review
    alter column tenant_id set statistics 0,
    alter column work_order_id set statistics 0,
    alter column id set statistics 0,
    alter column ordinal set statistics 0,
    alter column deliverable_id set statistics 0,
    alter column verdict set statistics 0,
    alter column reason set statistics 0,
    alter column reviewed_by set statistics 0,
    alter column reviewed_at set statistics 0;

-- registered_document

alter table wo.registered_document enable row level security;
alter table wo.registered_document force row level security;
drop policy if exists tenant_isolation on wo.registered_document;
create policy tenant_isolation on wo.registered_document as restrictive for all to wo_user, wo_admin, wo_auditor, wo_trail
    using (tenant_id = (select wo_private.current_tenant()));
drop policy if exists app_select on wo.registered_document;
create policy app_select on wo.registered_document for select to wo_user, wo_admin, wo_auditor, wo_trail
    using (wo_private.in_force());
drop policy if exists app_insert on wo.registered_document;
create policy app_insert on wo.registered_document for insert to wo_admin
    with check (wo_private.in_force());
drop policy if exists app_update on wo.registered_document;
create policy app_update on wo.registered_document for update to wo_admin
    using (wo_private.in_force());
grant select on wo.registered_document to wo_user, wo_admin, wo_auditor, wo_trail;
grant insert on wo.registered_document to wo_admin;
grant update on wo.registered_document to wo_admin;
create or replace trigger validate before insert or update or delete on wo.registered_document
    for each row execute function wo_private.configuration_validate('registered_document');
create or replace trigger audit after insert or update or delete on wo.registered_document
    for each row execute function wo_private.configuration_audit('registered_document');
create or replace trigger forbid_key_change before update on wo.registered_document
    for each row execute function wo_private.refuse_change('tenant_id,document');
alter table wo.registered_document enable always trigger forbid_key_change;
create or replace trigger forbid_delete before delete on wo.registered_document
    for each row execute function wo_private.refuse_change();
alter table wo.registered_document enable always trigger forbid_delete;
create or replace trigger forbid_truncate before truncate on wo.registered_document
    for each statement execute function wo_private.refuse_change();
alter table wo.registered_document enable always trigger forbid_truncate;
alter table wo.registered_document
    alter column tenant_id set statistics 0,
    alter column document set statistics 0,
    alter column title set statistics 0,
    alter column kind set statistics 0;

-- document_version

alter table wo.document_version enable row level security;
alter table wo.document_version force row level security;
drop policy if exists tenant_isolation on wo.document_version;
create policy tenant_isolation on wo.document_version as restrictive for all to wo_user, wo_admin, wo_auditor, wo_trail
    using (tenant_id = (select wo_private.current_tenant()));
drop policy if exists app_select on wo.document_version;
create policy app_select on wo.document_version for select to wo_user, wo_admin, wo_auditor, wo_trail
    using (wo_private.in_force());
drop policy if exists app_insert on wo.document_version;
create policy app_insert on wo.document_version for insert to wo_user
    with check (wo_private.in_force());
grant select on wo.document_version to wo_user, wo_admin, wo_auditor, wo_trail;
grant insert on wo.document_version to wo_user;
create or replace trigger validate before insert or update or delete on wo.document_version
    for each row execute function wo_private.child_record_validate('document_version');
create or replace trigger audit after insert or update or delete on wo.document_version
    for each row execute function wo_private.child_record_audit('document_version');
create or replace trigger forbid_key_change before update on wo.document_version
    for each row execute function wo_private.refuse_change();
alter table wo.document_version enable always trigger forbid_key_change;
create or replace trigger forbid_delete before delete on wo.document_version
    for each row execute function wo_private.refuse_change();
alter table wo.document_version enable always trigger forbid_delete;
create or replace trigger forbid_truncate before truncate on wo.document_version
    for each statement execute function wo_private.refuse_change();
alter table wo.document_version enable always trigger forbid_truncate;
alter table wo.document_version
    alter column tenant_id set statistics 0,
    alter column work_order_id set statistics 0,
    alter column id set statistics 0,
    alter column document set statistics 0,
    alter column version set statistics 0,
    alter column change set statistics 0,
    alter column uri set statistics 0,
    alter column sha256 set statistics 0,
    alter column effective set statistics 0,
    alter column reason set statistics 0,
    alter column added_by set statistics 0,
    alter column added_at set statistics 0;

-- work_order_import

grant select on wo.work_order_import to wo_user;
grant insert on wo.work_order_import to wo_user;
create or replace trigger import instead of insert on wo.work_order_import
    for each row execute function wo_private.work_order_import();

-- overdue

grant select on wo.overdue to wo_user, wo_admin, wo_auditor;

-- definition

grant select on wo.definition to wo_user, wo_admin, wo_auditor, wo_trail, wo_guard;

-- refused_attempt

grant select on wo.refused_attempt to wo_user, wo_admin, wo_auditor;

-- event_position

grant select on sequence wo.event_position to wo_user, wo_admin, wo_auditor, wo_monitor, wo_bridge, wo_trail, wo_worker;
grant usage on sequence wo.event_position to wo_trail;

-- event_timeline

grant select on sequence wo.event_timeline to wo_user, wo_admin, wo_auditor, wo_monitor, wo_bridge, wo_trail, wo_worker;
grant usage on sequence wo.event_timeline to wo_admin;
