-- Concept: retention. How long things stay here, and what keeps them after that.
--
-- The trail and the outbox leave a month at a time: the partition is written to two files in
-- wo_core.archive_directory (the data, and the proof that the ledger sealed every line of it), read
-- back and verified, and only then dropped. An archive can be brought back for an inspection, and
-- verifies as if it had never left.

-- == tables ==

create table wo.archive (
    tenant_id uuid not null,
    name text not null,
    source text not null,
    from_time timestamptz not null,
    to_time timestamptz not null,
    lines bigint not null,
    chains bigint not null,
    first_leaf bigint,
    last_leaf bigint,
    first_position bigint,
    last_position bigint,
    data_sha256 wo.sha256 not null,
    proof_sha256 wo.sha256 not null,
    checkpoint_size bigint,
    archived_at timestamptz not null,
    detached_at timestamptz,
    restored_at timestamptz,
    primary key (tenant_id, name),
    constraint archive_is_a_month_of_trail_or_outbox check (name ~ ('^' || source || '_[0-9]{4}_[0-9]{2}$') and source in ('audit_entry', 'event')),
    constraint archive_leaves_before_it_comes_back check (restored_at is null or detached_at is not null)
);
comment on table wo.archive is 'The months of the trail and the outbox that were written to files.';
comment on column wo.archive.tenant_id is 'The nil UUID: a month holds all tenants''.';
comment on column wo.archive.name is 'Its name, which is that of its partition and of its files: audit_entry_2026_01.';
comment on column wo.archive.source is 'The table: audit_entry or event.';
comment on column wo.archive.from_time is 'The first moment of the month; -infinity for the first partition, which took everything past.';
comment on column wo.archive.to_time is 'The first moment after it.';
comment on column wo.archive.lines is 'How many rows it holds.';
comment on column wo.archive.chains is 'How many chains have entries in it.';
comment on column wo.archive.first_leaf is 'The first partition of the ledger that it holds, from 0.';
comment on column wo.archive.last_leaf is 'The last leaf of the ledger that is in the archive; leaves between the first and the last may belong to neighbouring months.';
comment on column wo.archive.first_position is 'The position of its first row.';
comment on column wo.archive.last_position is 'The position of its last row.';
comment on column wo.archive.data_sha256 is 'SHA-256 of the data file.';
comment on column wo.archive.proof_sha256 is 'SHA-256 of the proof file.';
comment on column wo.archive.checkpoint_size is 'The checkpoint under which its entries are sealed.';
comment on column wo.archive.archived_at is 'When the files had been written and read back.';
comment on column wo.archive.detached_at is 'Since when its rows are in the files alone; NULL as long as they are still here as well.';
comment on column wo.archive.restored_at is 'Since when they are here again (wo.restore_archive); NULL while they are not.';

create table wo.archived_chain (
    tenant_id uuid not null,
    subject_id uuid not null,
    archive text not null,
    sequence wo.ordinal not null,
    entry_hash wo.sha256 not null,
    state_sha256 wo.sha256 not null,
    state text not null,
    primary key (tenant_id, subject_id, archive)
);
create index archived_chain_archive on wo.archived_chain (tenant_id, archive, subject_id);
comment on table wo.archived_chain is 'Where each chain stood at the end of an archived month, so that its later entries can be verified without those that left.';
comment on column wo.archived_chain.tenant_id is 'The tenant; the nil UUID for rows of the installation.';
comment on column wo.archived_chain.subject_id is 'Whose chain: see wo.audit_entry.';
comment on column wo.archived_chain.archive is 'The archive that holds the entries.';
comment on column wo.archived_chain.sequence is 'The last of them.';
comment on column wo.archived_chain.entry_hash is 'The hash of the last of them.';
comment on column wo.archived_chain.state_sha256 is 'SHA-256 of the state. The newest entry "archived" of the tenant''s trail holds one hash over all that a month left (chains_sha256).';
comment on column wo.archived_chain.state is 'What the chain had left in its record, as a JSON text.';

-- == enforcement ==

create or replace function wo.verify_archive(name text default null)
    returns table (archive text, intact boolean, lines bigint, problem text)
    language sql stable
    set search_path = pg_catalog, pg_temp
    as $$ select verdict.archive, verdict.intact, verdict.lines, verdict.problem from wo_private.verify_archive($1) as verdict $$;
comment on function wo.verify_archive(text) is
    'Verifies an archive, or all of them, where their files lie: that the files are those that were written, every hash, every chain, and every partition against the ledger. For members of wo_admin.';

create or replace function wo.restore_archive(name text) returns bigint
    language sql volatile
    set search_path = pg_catalog, pg_temp
    as $$ select wo_private.restore_archive($1) $$;
comment on function wo.restore_archive(text) is
    'Brings an archived month back from its files, after verifying them as wo.verify_archive does; wo.verify_audit then starts from the first entry again. Returns how many rows came back. For members of wo_admin.';

create or replace function wo.release_archive(name text) returns bigint
    language sql volatile
    set search_path = pg_catalog, pg_temp
    as $$ select wo_private.release_archive($1) $$;
comment on function wo.release_archive(text) is
    'Drops a month that wo.restore_archive brought back, after making sure that its files hold every row of it. Returns how many rows left. For members of wo_admin.';
