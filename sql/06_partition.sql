-- Concept: partitions. Partitions of the trail and the outbox are made ahead, and every partition is closed:
-- row security inherits nothing, so a partition has FORCE ROW LEVEL SECURITY, no policy and no grant.

-- == enforcement ==

-- PL/pgSQL, because each try needs a subtransaction: it waits a tenth of a second for its locks and
-- then lets the writers go first. ATTACH takes a lock that lets them go on; CREATE TABLE … PARTITION
-- OF would stop them.
create or replace function wo.make_partitions(months_ahead integer default 12) returns integer
    language plpgsql volatile security definer
    set search_path = pg_catalog, pg_temp
    set datestyle = 'ISO, YMD'
    set lock_timeout = '100ms'
    as $$
    declare
        parent_name text;
        leaf_name text;
        newest text;
        month date;
        lower_bound text;
        made integer := 0;
        tries integer;
        partition record;
        documented record;
        without_values text;
    begin
        if months_ahead is null or months_ahead not between 0 and 120 then
            raise exception 'partitions can be made 0 to 120 months ahead'
                using errcode = 'invalid_parameter_value',
                      detail = json_build_object('code', 'months_ahead', 'months_ahead', months_ahead)::text;
        end if;
        -- Another session may be creating partitions, which takes longer than the locks of one try.
        perform set_config('lock_timeout', '60s', true);
        perform wo_private.lock_partitions();
        perform set_config('lock_timeout', '100ms', true);
        foreach parent_name in array array['audit_entry', 'event'] loop
            select max(child.relname) into newest
            from pg_inherits as link
            join pg_class as child on child.oid = link.inhrelid
            where link.inhparent = format('wo.%I', parent_name)::regclass;
            month := case
                when newest is null then date_trunc('month', now() at time zone 'UTC')::date
                else (to_date(right(newest, 7), 'YYYY_MM') + interval '1 month')::date
            end;
            while month <= (date_trunc('month', now() at time zone 'UTC') + months_ahead * interval '1 month')::date loop
                leaf_name := parent_name || to_char(month, '_YYYY_MM');
                lower_bound := case when newest is null then 'minvalue' else quote_literal(month::text || ' 00:00:00+00') end;
                tries := 0;
                loop
                    begin
                        execute format('create table wo.%I (like wo.%I including all)', leaf_name, parent_name);
                        execute format('alter table wo.%I enable row level security', leaf_name);
                        execute format('alter table wo.%I force row level security', leaf_name);
                        execute format('alter table wo.%I attach partition wo.%I for values from (%s) to (%L)',
                            parent_name, leaf_name, lower_bound,
                            (month + interval '1 month')::date::text || ' 00:00:00+00');
                        exit;
                    exception when lock_not_available then
                        tries := tries + 1;
                        if tries >= 50 then
                            raise;
                        end if;
                        perform pg_sleep(0.1);
                    end;
                end loop;
                newest := leaf_name;
                made := made + 1;
                month := (month + interval '1 month')::date;
            end loop;
        end loop;

        for partition in
            select child.oid, child.relname, parent.oid as parent, parent.relname as parent_name
            from pg_inherits as link
            join pg_class as child on child.oid = link.inhrelid and child.relkind = 'r'
            join pg_class as parent on parent.oid = link.inhparent and parent.relkind = 'p'
            where parent.relnamespace = 'wo'::regnamespace
            order by child.relname
        loop
            if not exists (
                select from pg_class where pg_class.oid = partition.oid and relrowsecurity and relforcerowsecurity
            ) then
                execute format('alter table wo.%I enable row level security', partition.relname);
                execute format('alter table wo.%I force row level security', partition.relname);
            end if;
            -- LIKE does not copy the columns' targets. Without the target 0 the values of one tenant would be
            -- in the estimates of another.
            select string_agg(format('alter column %I set statistics 0', attribute.attname), ', ') into without_values
            from pg_attribute as attribute
            join pg_attribute as above on above.attrelid = partition.parent and above.attname = attribute.attname
            where attribute.attrelid = partition.oid and attribute.attnum > 0 and not attribute.attisdropped
                and above.attstattarget = 0 and attribute.attstattarget is distinct from 0;
            if without_values is not null then
                execute format('alter table wo.%I %s', partition.relname, without_values);
            end if;
            if obj_description(partition.oid, 'pg_class') is null then
                execute format('comment on table wo.%I is %L', partition.relname,
                    'A partition of wo.' || partition.parent_name || '; closed to everybody, reached through its parent alone.');
            end if;
            for documented in
                select attribute.attname, col_description(partition.parent, above.attnum) as meaning
                from pg_attribute as attribute
                join pg_attribute as above on above.attrelid = partition.parent and above.attname = attribute.attname
                where attribute.attrelid = partition.oid and attribute.attnum > 0 and not attribute.attisdropped
                    and col_description(partition.oid, attribute.attnum) is null
            loop
                execute format('comment on column wo.%I.%I is %L', partition.relname, documented.attname, documented.meaning);
            end loop;
            if not exists (
                select from pg_trigger where tgrelid = partition.oid and tgname = 'forbid_truncate' and tgenabled = 'A'
            ) then
                execute format('create or replace trigger forbid_truncate before truncate on wo.%I
                    for each statement execute function wo_private.refuse_change()', partition.relname);
                execute format('alter table wo.%I enable always trigger forbid_truncate', partition.relname);
            end if;
        end loop;
        perform wo_private.fix_statistics();
        return made;
    end
    $$;
comment on function wo.make_partitions(integer) is
    'Makes the partitions of the trail and the outbox so many months ahead, and returns how many it made. Waits a tenth of a second at a time for its locks, then tries again. Call it monthly.';
