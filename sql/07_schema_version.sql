-- Concept: the version of the records. The extension owns the enforcement layer, the database owns the records; a
-- library works on records of its own version and of the version before, and on no others.

-- == tables ==

comment on schema wo is 'wo_core: work orders held to their lifecycle by the database itself. The public API and the records.';

create table wo.schema_version (
    version text not null primary key,
    sha256 text not null,
    installed_at timestamptz not null default clock_timestamp(),
    installed_by text not null default session_user
);
comment on table wo.schema_version is 'Which versions of the records were installed here; the newest is in force.';
comment on column wo.schema_version.version is 'The version of wo_core.';
comment on column wo.schema_version.sha256 is 'SHA-256 of the SQL that made it.';
comment on column wo.schema_version.installed_at is 'When.';
comment on column wo.schema_version.installed_by is 'The role that installed it.';

-- == enforcement ==
