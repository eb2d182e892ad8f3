-- Concept: secrets. A credential is stored as a reference to a vault, and what looks like a secret is refused where
-- it would be stored. What only looks like one is accepted at its place after somebody has released it.

-- == tables ==

create table wo.false_alarm (
    tenant_id uuid not null references wo.tenant,
    id uuid not null,
    table_name text not null,
    object text,
    column_name text not null,
    pointer text not null,
    kind text not null,
    value_sha256 wo.sha256 not null,
    reason wo.remark not null,
    released_by text not null,
    released_at timestamptz not null,
    withdrawn_by text,
    withdrawn_at timestamptz,
    withdrawal_reason wo.remark,
    primary key (tenant_id, id),
    constraint false_alarm_has_a_reason check (length(btrim(reason)) between 1 and 2000),
    constraint false_alarm_is_withdrawn_whole check (
        (withdrawn_at is null) = (withdrawn_by is null) and (withdrawn_at is null) = (withdrawal_reason is null))
);
create index false_alarm_value on wo.false_alarm (tenant_id, value_sha256) where withdrawn_at is null;
comment on table wo.false_alarm is 'Values that look like secrets and are none. Each is accepted at its place; any other value there is refused.';
comment on column wo.false_alarm.tenant_id is 'The tenant.';
comment on column wo.false_alarm.id is 'Its id.';
comment on column wo.false_alarm.table_name is 'The table of schema wo.';
comment on column wo.false_alarm.object is 'The object: the UUID of a work order, or the key of a configured object as a JSON list; NULL for every object of the table.';
comment on column wo.false_alarm.column_name is 'The column.';
comment on column wo.false_alarm.pointer is 'The JSON pointer in the column; empty for the whole value.';
comment on column wo.false_alarm.kind is 'The kind of secret that the value looks like.';
comment on column wo.false_alarm.value_sha256 is 'SHA-256 of the JSON list of table, column, pointer and the text that looks like a secret. The text itself is not stored.';
comment on column wo.false_alarm.reason is 'Why it is no secret.';
comment on column wo.false_alarm.released_by is 'Who released it; set by the server.';
comment on column wo.false_alarm.released_at is 'When, by the server''s clock.';
comment on column wo.false_alarm.withdrawn_by is 'Who withdrew the release; set by the server.';
comment on column wo.false_alarm.withdrawn_at is 'Since when the release does not hold any more.';
comment on column wo.false_alarm.withdrawal_reason is 'Why the release was withdrawn.';

-- == enforcement ==

create or replace function wo.release_false_alarm(table_name text, column_name text, value text, reason text, pointer text default '', object text default null)
    returns uuid[]
    language sql volatile
    set search_path = pg_catalog, pg_temp
    as $$
        select wo_private.release_false_alarm($1, $2, $3, $4, $5, $6)
    $$;
comment on function wo.release_false_alarm(text, text, text, text, text, text) is
    'Puts on record that a value only looks like a secret, so that it is accepted at that place. table_name, column_name and pointer are those of the refusal secret_in_the_open; value is the whole text, or the string at the pointer; object is a work order (number or UUID) or the name of a configured object, and NULL is every object of the table. Only a hash of the value is stored. Returns the id of each release. For members of wo_admin and holders of the role qa.';

create or replace function wo.withdraw_false_alarm(false_alarm uuid, reason text)
    returns void
    language sql volatile
    set search_path = pg_catalog, pg_temp
    as $$
        select wo_private.withdraw_false_alarm($1, $2)
    $$;
comment on function wo.withdraw_false_alarm(uuid, text) is
    'Withdraws the release of a value that looks like a secret: from now on it is refused again. What was stored stays. For members of wo_admin and holders of the role qa.';
