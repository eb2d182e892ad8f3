-- Removes wo_core from a database for good, with every work order, its trail and its evidence. As a superuser:
--
--     psql -d work -v destroy=work -f removal.sql
--
-- It drops the extension, the schema wo and whatever depends on them: views, foreign keys and columns of yours, too.
-- psql lists them. Then it drops the database roles of wo_core, unless another database of the cluster uses them.

\set ON_ERROR_STOP on
\if :{?destroy}
\else
\set destroy ''
\endif

select set_config('wo_removal.destroy', :'destroy', false) \g /dev/null
begin;
do $$ begin
    if current_setting('wo_removal.destroy') <> current_database() then
        raise exception 'destroy is not the name of this database, %', current_database()
            using hint = format('To destroy every work order of this database: psql -v destroy=%s -f removal.sql', current_database());
    end if;
end $$;
do $$ begin
    if exists (select from pg_namespace where nspname = 'wo' and nspowner <> to_regrole('wo_owner')) then
        raise exception 'the schema wo does not belong to wo_owner, so it is not the one of wo_core'
            using hint = 'Look at it, and drop it by hand if it is to go.';
    end if;
end $$;
-- The event triggers go with the function that they call.
drop extension if exists wo_core cascade;
drop schema if exists wo cascade;
commit;

do $$
declare
    role_name text;
begin
    foreach role_name in array array['wo_owner', 'wo_identity', 'wo_trail', 'wo_guard', 'wo_ledger', 'wo_worker',
        'wo_admin', 'wo_user', 'wo_auditor', 'wo_monitor', 'wo_bridge']
    loop
        if to_regrole(role_name) is null then
            continue;
        end if;
        if exists (
            select from pg_shdepend
            where refclassid = 'pg_authid'::regclass and refobjid = to_regrole(role_name)
                and dbid not in (0, (select oid from pg_database where datname = current_database()))
        ) then
            raise warning 'the role % stays: it is used by another database', role_name;
            continue;
        end if;
        -- What it owns is gone; what is left are privileges on objects of others.
        execute format('drop owned by %I', role_name);
        execute format('drop role %I', role_name);
    end loop;
end $$;
