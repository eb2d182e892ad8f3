-- Concept: the worker. It wakes subscribers and does the jobs; without it, wo.tick() does them.

-- == enforcement ==

create or replace function wo.tick() returns table (job text, done integer)
    language sql volatile
    set search_path = pg_catalog, pg_temp
    as $$ select ticked.job, ticked.done from wo_private.tick() as ticked $$;
comment on function wo.tick() is
    'Does the jobs that the worker does by itself, in bounded batches, and says how much of each was done. For the caller''s tenant; for a member of wo_admin who acts for none, for all tenants and for the database. A job that the worker is at just now is left to it. Where no worker runs, call it every minute.';

create or replace function wo.worker_status()
    returns table (
        database text, pid integer, state text, since timestamptz, reason text, job text,
        last_run timestamptz, last_duration interval, done bigint, errors bigint, last_error text
    )
    language sql stable
    set search_path = pg_catalog, pg_temp
    as $$
        select worker.database, worker.pid, worker.state, worker.since, worker.reason, worker.job, worker.last_run,
            worker.last_duration_ms * interval '1 millisecond', worker.done, worker.errors, worker.last_error
        from wo_private.worker_status() as worker
    $$;
comment on function wo.worker_status() is
    'The workers of this server, a row for each of their jobs: the database, the process, how it stands, since when and why; when the job ran last, how long that took, how much it has done and how often it failed since the worker started, and with what. No row where no worker runs.';
