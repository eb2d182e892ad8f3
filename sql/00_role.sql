-- Concept: the database roles.
--
-- The enforcement layer and the tables are owned by roles that nobody logs in as, one for each privileged duty:
-- a SECURITY DEFINER function follows the policies of its owner, so one owner for everything
-- would see everything. What people and services are members of is a different set of roles.
--
-- Roles belong to the cluster, so several databases share them and a restore finds them there.
-- A role that somebody else made is refused: a duty role must have no member at all, and a role
-- that people are members of must carry our comment before it may have any.

do $$
declare
    wanted record;
    found_role pg_catalog.pg_roles;
    member_count bigint;
begin
    -- Roles belong to the cluster, advisory locks to a database: two databases may install at once.
    lock table pg_catalog.pg_authid in share row exclusive mode;
    for wanted in
        select * from (values
            ('wo_owner', true, 'wo_core: owns every record; nobody logs in as it'),
            ('wo_identity', true, 'wo_core: duty of finding out who is acting'),
            ('wo_trail', true, 'wo_core: duty of checking rules and writing the trail and the outbox'),
            ('wo_guard', true, 'wo_core: duty of running the guards that an administrator registered'),
            ('wo_ledger', true, 'wo_core: duty of sealing the trail of all tenants into the ledger'),
            ('wo_worker', true, 'wo_core: duty of the background worker'),
            ('wo_admin', false, 'wo_core: may administer tenants, issuers, principals and lifecycles'),
            ('wo_user', false, 'wo_core: may use the API and its tables'),
            ('wo_auditor', false, 'wo_core: may read everything of a tenant and write nothing'),
            ('wo_monitor', false, 'wo_core: may read the metrics and nothing else'),
            ('wo_bridge', false, 'wo_core: may read the outbox of all tenants')
        ) as wanted_roles (role_name, is_duty, meaning)
    loop
        select * into found_role from pg_catalog.pg_roles
        where pg_catalog.pg_roles.rolname operator(pg_catalog.=) wanted.role_name;
        if not found then
            execute pg_catalog.format('create role %I nologin', wanted.role_name);
            execute pg_catalog.format('comment on role %I is %L', wanted.role_name, wanted.meaning);
            continue;
        end if;
        if found_role.rolcanlogin or found_role.rolsuper or found_role.rolbypassrls then
            raise exception 'role "%" exists and may log in or pass by row security', wanted.role_name
                using errcode = 'insufficient_privilege',
                      detail = pg_catalog.json_build_object('code', 'role_unsafe', 'role', wanted.role_name)::pg_catalog.text,
                      hint = 'Rename or drop that role; wo_core makes its own.';
        end if;
        select pg_catalog.count(*) into member_count from pg_catalog.pg_auth_members
        where pg_catalog.pg_auth_members.roleid operator(pg_catalog.=) found_role.oid;
        if member_count operator(pg_catalog.>) 0
            and (wanted.is_duty or coalesce(pg_catalog.shobj_description(found_role.oid, 'pg_authid'), '')
                operator(pg_catalog.<>) wanted.meaning)
        then
            raise exception 'role "%" exists and has members', wanted.role_name
                using errcode = 'insufficient_privilege',
                      detail = pg_catalog.json_build_object('code', 'role_has_members', 'role', wanted.role_name)::pg_catalog.text,
                      hint = 'Revoke the role from its members, or rename it; wo_core makes its own.';
        end if;
        execute pg_catalog.format('comment on role %I is %L', wanted.role_name, wanted.meaning);
    end loop;
end
$$;
