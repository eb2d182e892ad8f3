-- Concept: the ledger. A Merkle tree (RFC 6962) over the hashes of all entries of the trail, in the
-- order of their positions, sealed by checkpoints that are signed with a key from a file outside the
-- database. Whoever keeps a checkpoint can tell whether anything that it sealed was rewritten.
--
-- One tree for the database: its tables have no tenant. A leaf's hash says nothing about the entry;
-- which entry stands behind it (names) is for the sealer alone.

-- == tables ==

create table wo.ledger_tile (
    level smallint not null,
    tile_index bigint not null,
    hashes bytea not null,
    names bytea,
    last_position bigint,
    primary key (level, tile_index),
    constraint ledger_tile_stands_in_the_tree check (level between 0 and 7 and tile_index >= 0),
    constraint ledger_tile_is_a_row_of_hashes check (octet_length(hashes) between 32 and 8192 and octet_length(hashes) % 32 = 0),
    constraint ledger_tile_names_its_leaves check (
        case when level = 0 then names is not null and last_position is not null and octet_length(names) * 4 = octet_length(hashes) * 5
            else names is null and last_position is null end
    )
);
-- Hashes do not get smaller by compression.
alter table wo.ledger_tile alter column hashes set storage external, alter column names set storage external;
create index ledger_tile_by_position on wo.ledger_tile (last_position) where level = 0;
comment on table wo.ledger_tile is 'The tree as it is stored, in tiles of 256 hashes (C2SP tlog-tiles). A full tile never changes; the one at the right edge of each level grows.';
comment on column wo.ledger_tile.level is 'The level: 0 holds the hashes of leaves, each next one the roots of the tiles below it.';
comment on column wo.ledger_tile.tile_index is 'Which tile of its level, from 0 at the left.';
comment on column wo.ledger_tile.hashes is 'Up to 256 hashes of 32 bytes, one behind the other.';
comment on column wo.ledger_tile.names is 'Of each leaf 40 bytes: tenant, subject_id and sequence of its entry. For the sealer alone.';
comment on column wo.ledger_tile.last_position is 'The position of the last leaf''s entry: it shows which tile holds an entry.';

create table wo.ledger_checkpoint (
    size bigint not null primary key,
    root wo.sha256 not null,
    position bigint not null,
    timeline integer not null,
    sealed_at timestamptz not null,
    signed_by text not null,
    note text not null,
    constraint ledger_checkpoint_seals_something check (size > 0)
);
comment on table wo.ledger_checkpoint is 'The checkpoints: each seals the first so many entries of the trail.';
comment on column wo.ledger_checkpoint.size is 'How many entries it seals.';
comment on column wo.ledger_checkpoint.root is 'The root of their tree.';
comment on column wo.ledger_checkpoint.position is 'The position of the last of them.';
comment on column wo.ledger_checkpoint.timeline is 'The timeline of events in which it was sealed.';
comment on column wo.ledger_checkpoint.sealed_at is 'When, by the server''s clock.';
comment on column wo.ledger_checkpoint.signed_by is 'The public key that verifies the note: name, id and key, as signed notes write it.';
comment on column wo.ledger_checkpoint.note is 'The signed note (C2SP tlog-checkpoint): origin, size and root, further lines after a recovery, and the signature.';

-- == enforcement ==

create or replace function wo.checkpoint(size bigint default null) returns text
    language sql stable
    set search_path = pg_catalog, pg_temp
    as $$
        select made.note from wo.ledger_checkpoint as made
        where $1 is null or made.size = $1
        order by made.size desc
        limit 1
    $$;
comment on function wo.checkpoint(bigint) is
    'The newest checkpoint, or the one of that size, as a signed note; NULL where there is none. Keep it outside: a holder of it can detect whether the trail was rewritten. wo witness does so.';

create or replace function wo.sealing_key() returns text
    language sql stable
    set search_path = pg_catalog, pg_temp
    as $$ select wo_private.sealing_key() $$;
comment on function wo.sealing_key() is
    'The public key that verifies the newest checkpoint, for wo verify and wo witness; NULL where nothing was ever sealed. A party that relies on it gets it from the keeper of the key too.';

create or replace function wo.ledger_origin() returns text
    language sql stable
    set search_path = pg_catalog, pg_temp
    as $$ select split_part(wo_private.sealing_key(), '+', 1) $$;
comment on function wo.ledger_origin() is 'The name of the ledger, which is the name of its key: the first line of every checkpoint.';

create or replace function wo.inclusion_proof(work_order text, sequence bigint default null, size bigint default null) returns jsonb
    language sql stable
    set search_path = pg_catalog, pg_temp
    as $$ select wo_private.inclusion_proof($1, $2, $3) $$;
comment on function wo.inclusion_proof(text, bigint, bigint) is
    'Proves that an entry of a work order''s trail (its newest, or the one of that sequence) is sealed by the newest checkpoint, or the one of that size: leaf_index, leaf_hash, tree_size, hashes (RFC 9162 §2.1.3) and the checkpoint.';

create or replace function wo.consistency_proof(from_size bigint, to_size bigint default null) returns jsonb
    language sql stable
    set search_path = pg_catalog, pg_temp
    as $$ select wo_private.consistency_proof($1, $2) $$;
comment on function wo.consistency_proof(bigint, bigint) is
    'Proves that the tree of the first size is the beginning of that of the second, by default of the newest checkpoint''s (RFC 9162 §2.1.4).';

create or replace function wo.ledger_proof(work_order text, size bigint default null) returns json
    language sql stable
    set search_path = pg_catalog, pg_temp
    as $$ select wo_private.ledger_proof($1, $2)::json $$;
comment on function wo.ledger_proof(text, bigint) is
    'Proves of every sealed entry of a work order''s trail that the newest checkpoint, or the one of that size, seals it; NULL where none is. wo verify --proofs takes it: a package that was kept when the work order ended was made before its last entries were sealed.';

create or replace function wo.verify_ledger("after" bigint default 0, leaves bigint default null)
    returns table (intact boolean, verified_from bigint, verified_to bigint, size bigint, next bigint,
        leaf bigint, tenant_id uuid, subject text, sequence bigint, problem text)
    language sql stable
    set search_path = pg_catalog, pg_temp
    as $$
        select verdict.intact, verdict.verified_from, verdict.verified_to, verdict.size, verdict.next,
            verdict.leaf, verdict.tenant_id, verdict.subject, verdict.sequence, verdict.problem
        from wo_private.verify_ledger($1, $2) as verdict
    $$;
comment on function wo.verify_ledger(bigint, bigint) is
    'Verifies the ledger against the trail: the checkpoints'' signatures and roots, the tiles against each other, and every leaf against its entry, whose hash is computed again from its content; names what was rewritten, cut, moved, or never sealed. One row if all is intact, else one for each problem. In batches: leaves says how many at most, next where to go on. Another tenant''s entries are counted, not named.';

create or replace function wo.reconcile()
    returns table (tenant_id uuid, intact boolean, chains bigint, entries bigint, subject text, subject_key text, broken_sequence bigint, problem text)
    language sql stable
    set search_path = pg_catalog, pg_temp
    as $$
        select verdict.tenant_id, verdict.intact, verdict.chains, verdict.entries, verdict.subject,
            verdict.subject_key, verdict.broken_sequence, verdict.problem
        from wo_private.reconcile() as verdict
    $$;
comment on function wo.reconcile() is
    'Holds every live row against its trail: of the caller''s tenant, or, for a member of wo_admin who acts for none, of all tenants and of the installation itself. Finds what was written past the enforcement layer: on a replica''s role, with triggers disabled, by an owner. One row for each tenant if all is intact there, else one for each problem.';

create or replace function wo.recovery_statement(reason text) returns text
    language sql stable
    set search_path = pg_catalog, pg_temp
    as $$ select wo_private.recovery_statement($1) $$;
comment on function wo.recovery_statement(text) is
    'Where sealing has stopped because the database has not what was sealed before: the text that says what was lost, what was kept and why, for the keeper of the key to sign (wo ledger sign-recovery). For members of wo_admin.';

create or replace function wo.recover_ledger(signed_statement text) returns integer
    language sql volatile
    set search_path = pg_catalog, pg_temp
    as $$ select wo_private.recover_ledger($1) $$;
comment on function wo.recover_ledger(text) is
    'Lets sealing go on after a signed recovery statement: it is recorded for ever, every later checkpoint names it, and a new timeline of events begins. Returns the timeline. For members of wo_admin.';
