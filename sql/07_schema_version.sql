-- Concept: the version of the records. The extension owns the law, the database owns the records; a
-- library works on records of its own version and of the version before, and on no others.

-- == tables ==

comment on schema wo is 'wo_core: work orders held to their lifecycle by the database itself. The public API and the records.';

create table wo.schema_version (
    version text not null primary key,
    sha256 text not null,
    installed_at timestamptz not null default clock_timestamp(),
    installed_by text not null default session_user
);
alter table wo.schema_version enable row level security;
alter table wo.schema_version force row level security;
comment on table wo.schema_version is 'Which versions of the records were installed here; the newest is in force.';
comment on column wo.schema_version.version is 'The version of wo_core.';
comment on column wo.schema_version.sha256 is 'SHA-256 of the SQL that made it.';
comment on column wo.schema_version.installed_at is 'When.';
comment on column wo.schema_version.installed_by is 'The role that installed it.';

-- == enforcement ==

drop policy if exists tenant_isolation on wo.schema_version;
create policy tenant_isolation on wo.schema_version as restrictive to wo_user, wo_auditor using (true);
drop policy if exists app_select on wo.schema_version;
create policy app_select on wo.schema_version for select
    to wo_user, wo_admin, wo_auditor, wo_monitor, wo_identity using (wo_private.in_force());
grant select on wo.schema_version to wo_user, wo_admin, wo_auditor, wo_monitor, wo_identity;
create or replace trigger forbid_delete before update or delete on wo.schema_version
    for each row execute function wo_private.refuse_change();
create or replace trigger forbid_truncate before truncate on wo.schema_version
    for each statement execute function wo_private.refuse_change();
alter table wo.schema_version enable always trigger forbid_delete;
alter table wo.schema_version enable always trigger forbid_truncate;
