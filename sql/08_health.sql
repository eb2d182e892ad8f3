-- Concept: health. What is off, in words, and what to do about it.

-- == enforcement ==

create or replace function wo.health() returns table (severity text, subject text, detail text, remedy text)
    language sql stable
    set search_path = pg_catalog, pg_temp
    as $$
        select case when count(found.problem) = 0 then 'good' else 'bad' end, 'records'::text,
            coalesce(string_agg(found.problem, '; '), 'the law is in force on every table'),
            case when count(found.problem) = 0 then '' else 'As a superuser: select wo_private.enforce();' end
        from unnest(wo_private.table_problems()) as found (problem)
        union all
        select case when count(*) = 0 then 'good' else 'warning' end, 'unregistered tables',
            coalesce('not in the table registry of wo_core, so that no policy isolates tenants and no trigger audits the rows: '
                || string_agg('wo.' || quote_ident(unknown.name), ', ' order by unknown.name), 'every table of schema wo is registered'),
            case when count(*) = 0 then '' else 'Move them to another schema: alter table wo... set schema ...;' end
        from unnest(wo_private.unregistered_tables()) as unknown (name)
        union all
        select case when min(ahead.months) >= 2 then 'good' when min(ahead.months) >= 1 then 'warning' else 'bad' end, 'partitions',
            case when min(ahead.months) >= 0 then 'leaves are made ' || min(ahead.months) || ' months ahead'
                else 'the trail or the outbox has no leaf for this month: nothing can be written' end,
            case when min(ahead.months) >= 2 then '' else 'select wo.make_partitions();' end
        from (
            select coalesce((
                select (left(newest.month, 4)::integer - extract(year from now() at time zone 'UTC')::integer) * 12
                    + right(newest.month, 2)::integer - extract(month from now() at time zone 'UTC')::integer
                from (
                    select max(right(leaf.relname, 7)) as month
                    from pg_inherits as link
                    join pg_class as leaf on leaf.oid = link.inhrelid
                    where link.inhparent = parent.name
                ) as newest
            ), -1) as months
            from (values ('wo.audit_entry'::regclass), ('wo.event'::regclass)) as parent (name)
        ) as ahead
        union all
        select case when bool_or(holder.xact_start is null or now() - holder.xact_start > interval '1 minute') then 'warning' else 'good' end, 'event horizon',
            coalesce(string_agg('process ' || holder.pid || ' (' || coalesce(holder.usename, '?') || ', '
                || coalesce(nullif(holder.application_name, ''), 'no application name') || ') holds events back since '
                || coalesce(holder.xact_start::text, 'an unknown time'), '; ' order by holder.xact_start), 'nobody holds events back'),
            case when bool_or(holder.xact_start is null or now() - holder.xact_start > interval '1 minute') then 'Let that transaction end, or end it: select pg_terminate_backend(pid);' else '' end
        from pg_locks as held
        join pg_stat_activity as holder on holder.pid = held.pid
        where held.locktype = 'advisory' and held.objsubid = 1 and (held.classid::bigint >> 16) = 22351
            and held.database = (select oid from pg_database where datname = current_database())
        union all
        select case when count(*) = 0 then 'good' else 'bad' end, 'replica role',
            coalesce('session_replication_role may be set by ' || string_agg(distinct coalesce(grantee.rolname, 'PUBLIC'), ', '), 'only superusers may set session_replication_role'),
            case when count(*) = 0 then '' else 'revoke set on parameter session_replication_role from ...; whoever may set it can switch the rules off.' end
        from pg_parameter_acl as parameter
        cross join aclexplode(parameter.paracl) as granted
        left join pg_roles as grantee on grantee.oid = granted.grantee
        where parameter.parname = 'session_replication_role' and granted.privilege_type = 'SET'
            and (grantee.oid is null or not grantee.rolsuper)
        union all
        select case when count(*) = 0 or current_setting('server_version_num')::integer >= 160000 then 'good' else 'warning' end, 'role makers',
            coalesce('may create roles, and before PostgreSQL 16 grant themselves ours: ' || string_agg(maker.rolname, ', '), 'nobody but superusers may create roles'),
            case when count(*) = 0 or current_setting('server_version_num')::integer >= 160000 then '' else 'alter role ... nocreaterole;' end
        from pg_roles as maker
        where maker.rolcreaterole and not maker.rolsuper
        union all
        select case when current_setting('fsync')::boolean then
                case when current_setting('full_page_writes')::boolean and current_setting('synchronous_commit') <> 'off'
                    then 'good' else 'warning' end
                else 'bad' end,
            'durability',
            coalesce('switched off: ' || (
                select string_agg(setting.name, ', ' order by setting.name)
                from (values ('fsync'), ('full_page_writes'), ('synchronous_commit')) as setting (name)
                where current_setting(setting.name) = 'off'
            ), 'what is committed survives a crash'),
            case when 'off' in (current_setting('fsync'), current_setting('full_page_writes'), current_setting('synchronous_commit'))
                then 'Switch it on: a crash may lose records, their trail and the ledger of both.' else '' end
        union all
        select watched.severity, watched.subject, watched.detail, watched.remedy
        from wo_private.worker_health() as watched
        union all
        select sealed.severity, sealed.subject, sealed.detail, sealed.remedy
        from wo_private.ledger_health() as sealed
        union all
        select kept.severity, kept.subject, kept.detail, kept.remedy
        from wo_private.retention_health() as kept
        union all
        select linked.severity, linked.subject, linked.detail, linked.remedy
        from wo_private.hierarchy_health() as linked
    $$;
comment on function wo.health() is
    'How things are, a row each: severity (good, notice, warning, bad), what, how it is, and what to do about it. Versions, records and triggers, the worker and its jobs, events and who holds them back, refused attempts, the ledger, retention, the hierarchy, partitions ahead, who could switch the rules off.';
