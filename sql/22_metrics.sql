-- Concept: metrics. What a monitoring system collects, as rows.

-- == enforcement ==

create or replace function wo.metrics()
    returns table (name text, labels jsonb, value double precision, unit text, help text)
    language sql stable
    set search_path = pg_catalog, pg_temp
    as $$ select metric.name, metric.labels, metric.value, metric.unit, metric.help from wo_private.metrics() as metric $$;
comment on function wo.metrics() is
    'What a monitoring system collects, a row each: work orders and times by state, open findings, signatures that are waited for and how long they took, entries that are not sealed, events that are not counted or not fetched, refused attempts. Acting for a tenant, those that belong to tenants are its own, with labels; otherwise they are of all tenants together.';
grant execute on function wo.metrics() to wo_admin, wo_monitor, wo_auditor;
