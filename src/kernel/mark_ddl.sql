create function wo_private.mark_ddl() returns event_trigger
    language plpgsql security definer
    set search_path = pg_catalog, pg_temp
    set quote_all_identifiers = off
    set row_security = on
    as $$
    declare
        own oid[] := array_remove(array[to_regnamespace('wo')::oid, to_regnamespace('wo_private')::oid], null);
        altered jsonb;
    begin
        if tg_event = 'sql_drop' then
            select jsonb_agg(jsonb_build_object('command', tg_tag, 'object_type', dropped.object_type,
                'object', dropped.object_identity)) into altered
            from pg_event_trigger_dropped_objects() as dropped
            -- What depends on another dropped object as a part of it is dropped with it, and is not named.
            where (dropped.original or dropped.normal)
                and (
                    coalesce(dropped.schema_name,
                        case when dropped.object_type = 'schema' then dropped.object_name else dropped.address_names[1] end)
                        in ('wo', 'wo_private')
                    or dropped.object_type = 'extension' and dropped.object_name = 'wo_core'
                );
        elsif tg_tag in ('GRANT', 'REVOKE') then
            -- enforce() grants hundreds of privileges.
            if wo_private.is_enforcing() then
                return;
            end if;
            -- These name no object: those of ours whose row in the catalogue this transaction has written, if who logged
            -- in may grant privileges on them. PostgreSQL writes the row for others too, and changes nothing.
            select jsonb_agg(jsonb_build_object('command', tg_tag, 'object_type', granted.object_type, 'object', granted.object))
                into altered
            from (
                select case held.relkind when 'S' then 'sequence' when 'v' then 'view' when 'm' then 'materialized view'
                        when 'f' then 'foreign table' else 'table' end,
                    format('%I.%I', home.nspname, held.relname), held.xmin, held.relowner, held.relacl
                from pg_class as held
                join pg_namespace as home on home.oid = held.relnamespace
                where held.relnamespace = any (own) and held.relkind in ('r', 'p', 'v', 'm', 'f', 'S')
                union all
                select 'table column', format('%I.%I.%I', home.nspname, held.relname, attribute.attname), attribute.xmin,
                    held.relowner, attribute.attacl
                from pg_class as held
                join pg_namespace as home on home.oid = held.relnamespace
                join pg_attribute as attribute on attribute.attrelid = held.oid and attribute.attnum > 0
                    and not attribute.attisdropped
                where held.relnamespace = any (own) and held.relkind in ('r', 'p', 'v', 'm', 'f')
                union all
                select 'function', routine.oid::regprocedure::text, routine.xmin, routine.proowner, routine.proacl
                from pg_proc as routine
                where routine.pronamespace = any (own)
                union all
                select 'type', format_type(domain.oid, null), domain.xmin, domain.typowner, domain.typacl
                from pg_type as domain
                where domain.typnamespace = any (own)
                union all
                select 'schema', format('%I', home.nspname), home.xmin, home.nspowner, home.nspacl
                from pg_namespace as home
                where home.oid = any (own)
            ) as granted (object_type, object, written_by, owner, privileges)
            where wo_private.is_of_this_transaction(granted.written_by::text::bigint)
                and (
                    pg_has_role(session_user, granted.owner, 'member')
                    or exists (
                        select from aclexplode(granted.privileges) as one
                        where case when one.is_grantable then pg_has_role(session_user, one.grantee, 'member') else false end
                    )
                );
        elsif tg_tag = 'ALTER DEFAULT PRIVILEGES' then
            -- They concern objects that somebody adds to our schemas later, which few may do.
            select jsonb_build_array(jsonb_build_object('command', tg_tag, 'object_type', 'default privileges',
                'object', 'of ' || string_agg(distinct pg_get_userbyid(given.defaclrole), ', ')))
                into altered
            from pg_default_acl as given
            where wo_private.is_of_this_transaction(given.xmin::text::bigint)
                and exists (
                    select from unnest(own) as home (oid)
                    where has_schema_privilege(given.defaclrole, home.oid, 'create')
                )
            having count(*) > 0;
        else
            select jsonb_agg(jsonb_build_object('command', done.command_tag, 'object_type', done.object_type,
                'object', done.object_identity)) into altered
            from pg_event_trigger_ddl_commands() as done
            left join pg_policy as policy on done.classid = 'pg_policy'::regclass and policy.oid = done.objid
            left join pg_trigger as trigger on done.classid = 'pg_trigger'::regclass and trigger.oid = done.objid
            left join pg_rewrite as rule on done.classid = 'pg_rewrite'::regclass and rule.oid = done.objid
            left join pg_proc as routine on done.classid = 'pg_proc'::regclass and routine.oid = done.objid
            left join pg_type as domain on done.classid = 'pg_type'::regclass and domain.oid = done.objid
            left join pg_namespace as home on done.classid = 'pg_namespace'::regclass and home.oid = done.objid
            left join pg_extension as extension on done.classid = 'pg_extension'::regclass and extension.oid = done.objid
            left join pg_class as held on held.oid = coalesce(policy.polrelid, trigger.tgrelid, rule.ev_class,
                case when done.classid = 'pg_class'::regclass then done.objid end)
            -- An object that was moved out of our schemas is ours by its owner, or as a member of the extension.
            where done.schema_name in ('wo', 'wo_private')
                or held.relnamespace = any (own)
                or home.oid = any (own)
                or extension.extname = 'wo_core'
                or coalesce(held.relowner, routine.proowner, domain.typowner, home.nspowner) in (
                    to_regrole('wo_owner'), to_regrole('wo_identity'), to_regrole('wo_trail'), to_regrole('wo_guard'))
                or exists (
                    select from pg_depend as member
                    join pg_extension as ours on ours.oid = member.refobjid and ours.extname = 'wo_core'
                    where member.classid = done.classid and member.objid = done.objid and member.deptype = 'e'
                        and member.refclassid = 'pg_extension'::regclass
                )
                -- A table elsewhere that becomes a child of one of ours, or refers to one.
                or done.classid = 'pg_class'::regclass and (
                    exists (
                        select from pg_inherits as link
                        join pg_class as parent on parent.oid = link.inhparent
                        where link.inhrelid = done.objid and parent.relnamespace = any (own)
                            and wo_private.is_of_this_transaction(link.xmin::text::bigint)
                    )
                    or exists (
                        select from pg_constraint as reference
                        join pg_class as target on target.oid = reference.confrelid
                        where reference.conrelid = done.objid and target.relnamespace = any (own)
                            and wo_private.is_of_this_transaction(reference.xmin::text::bigint)
                    )
                );
        end if;
        -- Asked for our own objects alone: the first call in a session loads the library.
        if altered is null or wo_private.is_enforcing() then
            return;
        end if;
        perform wo_private.add_ddl_marks(altered);
    exception when others then
        raise warning 'this command was not marked for the audit trail of wo_core: %', sqlerrm;
    end
    $$;
comment on function wo_private.mark_ddl() is 'Adds a row to wo.ddl_mark for each object of wo_core that a command altered. It never refuses the command.';
