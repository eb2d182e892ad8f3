-- Concept: health. What is off, in words, and what to do about it.

-- == enforcement ==

-- PL/pgSQL, because each section needs a subtransaction: a section that fails, or that waits for a table
-- that somebody locks, must not hide the others.
create or replace function wo.health() returns table (severity text, subject text, detail text, remedy text)
    language plpgsql stable
    set search_path = pg_catalog, pg_temp
    set lock_timeout = '1s'
    as $$
    declare
        section record;
        more jsonb;
        found jsonb;
    begin
        select jsonb_agg(to_jsonb(row)) into found from (
        select case when min(ahead.months) >= 2 then 'good' when min(ahead.months) >= 1 then 'warning' else 'bad' end, 'partitions',
            case when min(ahead.months) >= 0 then 'partitions exist for ' || min(ahead.months) || ' months ahead'
                else 'the trail or the outbox has no partition for this month: nothing can be written' end,
            case when min(ahead.months) >= 2 then '' else 'select wo.make_partitions();' end
        from (
            select coalesce((
                select (left(newest.month, 4)::integer - extract(year from now() at time zone 'UTC')::integer) * 12
                    + right(newest.month, 2)::integer - extract(month from now() at time zone 'UTC')::integer
                from (
                    select max(right(child.relname, 7)) as month
                    from pg_inherits as link
                    join pg_class as child on child.oid = link.inhrelid
                    where link.inhparent = parent.name
                ) as newest
            ), -1) as months
            from (values ('wo.audit_entry'::regclass), ('wo.event'::regclass)) as parent (name)
        ) as ahead
        union all
        -- The fourth field of the extension's own locks says what they are for: 5 is a writer's position,
        -- 3 is a job.
        select case when bool_or(held.is_long) then 'warning' else 'good' end, waiting.subject,
            coalesce(string_agg('process ' || held.pid || ' (' || held.role_name || ', ' || held.program || ') '
                || waiting.does || held.since, '; ' order by held.since, held.pid), waiting.nobody),
            case when bool_or(held.is_long) then 'Let that transaction end, or end it: select pg_terminate_backend(pid);' else '' end
        from (values
            ('event horizon', 5, 'holds events back since ', 'nobody holds events back'),
            ('job locks', 3, 'does jobs, which the worker leaves to it, since ', 'nobody keeps jobs from the worker'),
            ('table locks', 0, 'locks a table against writers since ', 'nobody locks a table against writers')
        ) as waiting (subject, purpose, does, nobody)
        left join lateral (
            select distinct holder.pid, coalesce(holder.usename, '?') as role_name,
                coalesce(nullif(holder.application_name, ''), 'no application name') as program,
                coalesce(holder.xact_start::text, 'an unknown time') as since,
                holder.xact_start is null or clock_timestamp() - holder.xact_start > interval '1 minute' as is_long
            from pg_locks as lock
            join pg_stat_activity as holder on holder.pid = lock.pid
            where lock.database = (select oid from pg_database where datname = current_database())
                and lock.granted
                and case when waiting.purpose > 0
                    then lock.locktype = 'advisory' and lock.objsubid = waiting.purpose
                    else lock.locktype = 'relation'
                        and lock.mode in ('ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')
                        and lock.relation in (
                            select ours.oid from pg_class as ours
                            where ours.relkind in ('r', 'p') and ours.relnamespace = to_regnamespace('wo')
                        )
                    end
        ) as held on true
        group by waiting.subject, waiting.nobody
        union all
        select case when count(*) = 0 then 'good' else 'bad' end, 'replica role',
            coalesce('session_replication_role may be set by ' || string_agg(distinct coalesce(grantee.rolname, 'PUBLIC'), ', '), 'only superusers may set session_replication_role'),
            case when count(*) = 0 then '' else 'revoke set on parameter session_replication_role from ...; a role that may set it can switch the triggers off.' end
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
        ) as row (severity, subject, detail, remedy);
        for section in
            select asked.name, asked.question from (values
                ('records', $section$
                    select case when count(found.problem) = 0 then 'good' else 'bad' end, 'records',
                        coalesce(string_agg(found.problem, '; '), 'the enforcement layer is in force on every table'),
                        case when count(found.problem) = 0 then '' else 'As a superuser: select wo_private.enforce();' end
                    from unnest(wo_private.table_problems()) as found (problem)$section$),
                ('unregistered tables', $section$
                    select case when count(*) = 0 then 'good' else 'warning' end, 'unregistered tables',
                        coalesce('not in the table registry of wo_core, so that no policy isolates tenants and no trigger audits the rows: '
                            || string_agg('wo.' || quote_ident(unknown.name), ', ' order by unknown.name), 'every table of schema wo is registered'),
                        case when count(*) = 0 then '' else 'Move them to another schema: alter table wo... set schema ...;' end
                    from unnest(wo_private.unregistered_tables()) as unknown (name)$section$),
                ('statistics', $section$
                    select case when count(*) = 0 then 'good' else 'warning' end, 'statistics',
                        coalesce('the planner knows values of all tenants, and each tenant sees by EXPLAIN how frequent they are: '
                            || string_agg(known.name, ', ' order by known.name), 'the planner knows no values of tenants'),
                        coalesce(string_agg(known.remedy, ' ' order by known.name) || ' Then, as a superuser: select wo_private.enforce();', '')
                    from (
                        select format('%s.%I', held.oid::regclass, attribute.attname),
                            format('alter %s %s alter column %s set statistics 0; delete from pg_statistic where starelid = %L::regclass and staattnum = %s;',
                                case when held.relkind in ('i', 'I') then 'index' else 'table' end, held.oid::regclass,
                                case when held.relkind in ('i', 'I') then attribute.attnum::text else quote_ident(attribute.attname) end,
                                held.oid::regclass, attribute.attnum)
                        from pg_class as held
                        join pg_attribute as attribute on attribute.attrelid = held.oid
                        left join pg_index as index on index.indexrelid = held.oid
                        where held.relnamespace = to_regnamespace('wo') and held.relkind in ('r', 'p', 'i', 'I')
                            and exists (
                                select from pg_attribute as tenant
                                where tenant.attrelid = coalesce(index.indrelid, held.oid) and tenant.attname = 'tenant_id'
                            )
                            -- Of an index only its expressions have statistics of their own.
                            and (index.indexrelid is null or index.indkey[attribute.attnum - 1] = 0)
                            and attribute.attnum > 0 and not attribute.attisdropped
                            and attribute.atttypid <> 'boolean'::regtype and attribute.attstattarget is distinct from 0
                        union all
                        select format('%s.%I', extended.stxnamespace::regnamespace, extended.stxname),
                            format('drop statistics %s.%I;', extended.stxnamespace::regnamespace, extended.stxname)
                        from pg_statistic_ext as extended
                        join pg_class as held on held.oid = extended.stxrelid and held.relnamespace = to_regnamespace('wo')
                    ) as known (name, remedy)$section$),
                ('schema changes', $section$
                    select case when min(mark.changed_at) < clock_timestamp() - interval '5 minutes' then 'warning' else 'good' end, 'schema changes',
                        coalesce(nullif(count(*), 0) || ' alterations of our objects are not in the audit trail yet, the first of ' || min(mark.changed_at),
                            'every alteration of our objects that PostgreSQL reports is in the audit trail'),
                        case when min(mark.changed_at) < clock_timestamp() - interval '5 minutes'
                            then 'As a member of wo_admin: select wo.tick(); see the row "worker".' else '' end
                    from wo.ddl_mark as mark$section$),
                ('worker', 'select * from wo_private.worker_health()'),
                ('ledger', 'select * from wo_private.ledger_health()'),
                ('retention', 'select * from wo_private.retention_health()')
            ) as asked (name, question)
            union all
            select concept.name, format('select * from wo_private.health_section(%L)', concept.name)
            from unnest(wo_private.health_sections()) as concept (name)
        loop
            begin
                execute format('select jsonb_agg(to_jsonb(row)) from (%s) as row (severity, subject, detail, remedy)', section.question)
                    into more;
                found := found || coalesce(more, '[]');
            exception when others then
                found := found || jsonb_build_object('severity', 'bad', 'subject', section.name,
                    'detail', 'this cannot be found out: ' || sqlerrm,
                    'remedy', 'See the row "table locks" and the server''s log.');
            end;
        end loop;
        return query
        select row.severity, row.subject, row.detail, row.remedy
        from jsonb_to_recordset(found) as row (severity text, subject text, detail text, remedy text)
        order by array_position(array['bad', 'warning', 'notice', 'good'], row.severity), row.subject;
    end
    $$;
comment on function wo.health() is
    'Returns the state of the installation, one row for each subject, the worst first: severity (bad, warning, notice, good), what, how it is, and what to do about it. Versions, records and triggers, the worker and its jobs, events, which processes hold back events or jobs or lock a table against writers, refused attempts, the ledger, retention, the hierarchy, partitions ahead, who could switch the rules off.';
