-- Concept: identity and tenancy. Who is acting, for which tenant, and how that is proven.
--
-- Each row of a tenant has tenant_id first in its keys. The triggers check the tenant themselves; the
-- RESTRICTIVE policy tenant_isolation of each table is the second check. Policies, grants and triggers
-- of all tables are in 90_enforcement.sql, which is generated from the table registry.

-- == tables ==

-- How long a value may be, and of which shape, is said by domains, so that every writer meets the same
-- limit: an API function, an UPDATE and a COPY.
create domain wo.short_text as text constraint short_text_is_short check (length(value) <= 200);
comment on domain wo.short_text is 'A name or a label of at most 200 characters.';
create domain wo.remark as text constraint remark_is_short check (length(value) <= 10000);
comment on domain wo.remark is 'A reason or a description of at most 10,000 characters.';
create domain wo.document as text constraint document_is_at_most_one_megabyte check (octet_length(value) <= 1048576);
comment on domain wo.document is 'A text of at most 1,048,576 bytes. A longer document is kept elsewhere, and its SHA-256 here.';
create domain wo.json_document as jsonb
    constraint json_document_is_at_most_one_megabyte check (octet_length(value::text) <= 1048576);
comment on domain wo.json_document is 'A JSON value of at most 1,048,576 bytes.';
create domain wo.json_map as jsonb
    constraint json_map_is_an_object check (jsonb_typeof(value) = 'object')
    constraint json_map_is_at_most_one_megabyte check (octet_length(value::text) <= 1048576);
comment on domain wo.json_map is 'A JSON object of at most 1,048,576 bytes, rather than any JSON value.';
create domain wo.text_list as text[]
    constraint text_list_is_a_list check (case
        when array_ndims(value) is null then true
        when array_ndims(value) > 1 then false
        else array_lower(value, 1) = 1 and array_position(value, null) is null
    end)
    constraint text_list_is_at_most_one_megabyte
        check (cardinality(value) <= 10000 and octet_length(array_to_string(value, '')) <= 1048576);
comment on domain wo.text_list is 'A list of texts: one dimension that begins at 1, no NULL, at most 10,000 elements and 1,048,576 bytes.';
create domain wo.date_list as date[]
    constraint date_list_is_a_list check (case
        when array_ndims(value) is null then true
        when array_ndims(value) > 1 then false
        else array_lower(value, 1) = 1 and array_position(value, null) is null
    end)
    constraint date_list_is_short check (cardinality(value) <= 10000);
comment on domain wo.date_list is 'A list of days: one dimension that begins at 1, no NULL, at most 10,000 elements.';

create domain wo.sha256 as bytea constraint sha256_has_32_bytes check (length(value) = 32);
comment on domain wo.sha256 is 'A SHA-256 hash.';

create table wo.tenant (
    tenant_id uuid not null primary key,
    slug text not null unique,
    name text not null,
    default_lifecycle wo.short_text not null default 'regulated_change',
    number_format wo.short_text not null default 'WO-{YYYY}-{MMDD}-{XXX}',
    hierarchy_policy wo.json_map not null default '{}',
    linked_work_needs_plan boolean not null default false,
    disabled_at timestamptz,
    constraint tenant_slug_is_plain check (slug ~ '^[a-z0-9][a-z0-9_-]{0,62}$'),
    constraint tenant_name_is_short check (length(name) between 1 and 200)
);
comment on table wo.tenant is 'The companies whose work orders live here; each sees only its own.';
comment on column wo.tenant.tenant_id is 'The tenant''s UUID: the first column of every key.';
comment on column wo.tenant.slug is 'A short plain name for people and commands; unique in the database.';
comment on column wo.tenant.name is 'The name as people write it.';
comment on column wo.tenant.default_lifecycle is 'The lifecycle of a work order that names none; it must be published. A new tenant can only name a shipped one.';
comment on column wo.tenant.number_format is 'How work orders are numbered: literal text, {YYYY} {MM} {DD} {MMDD} and one random part {XXX}.';
comment on column wo.tenant.hierarchy_policy is 'What masters do with their children where neither they nor their lifecycle say; see wo.work_order.hierarchy_policy.';
comment on column wo.tenant.linked_work_needs_plan is 'Whether a work order that has a master begins only with a job plan (23514 guards_not_met, guard job_plan_applied).';
comment on column wo.tenant.disabled_at is 'Since when nobody of this tenant may act; NULL while it is open.';

create table wo.role (
    tenant_id uuid not null references wo.tenant,
    role text not null,
    description wo.remark not null default '',
    primary key (tenant_id, role),
    constraint role_is_plain check (role ~ '^[a-z][a-z0-9_]{0,62}$'),
    constraint role_is_no_relation check (role not in ('assignee', 'originator', 'requester'))
);
comment on table wo.role is 'The standing roles of a tenant: what lifecycles may name and principals may hold.';
comment on column wo.role.tenant_id is 'The tenant; the one that the transaction acts for by default.';
comment on column wo.role.role is 'The role''s name; assignee, originator and requester are relations to a record, not roles.';
comment on column wo.role.description is 'What its holders are responsible for.';

create table wo.principal (
    tenant_id uuid not null references wo.tenant,
    id text not null,
    kind text not null default 'person',
    name text not null,
    db_role wo.short_text,
    assignable boolean not null default true,
    manager text,
    disabled_at timestamptz,
    attributes wo.json_map not null default '{}',
    primary key (tenant_id, id),
    foreign key (tenant_id, manager) references wo.principal (tenant_id, id),
    constraint principal_id_is_short check (length(id) between 1 and 200 and id = btrim(id) and id !~ '[[:cntrl:]]'),
    constraint principal_name_is_short check (length(name) between 1 and 200),
    constraint principal_kind_is_known check (kind in ('person', 'agent', 'vendor', 'system'))
);
comment on table wo.principal is 'Who can act in a tenant: people, agents, vendors and systems. Never deleted, only disabled, so that no identifier is used twice.';
comment on column wo.principal.tenant_id is 'The tenant; the one that the transaction acts for by default.';
comment on column wo.principal.id is 'The identifier, which never changes: the subject of its tokens and the name in the trail.';
comment on column wo.principal.kind is 'person, agent, vendor or system; some transitions are for persons only.';
comment on column wo.principal.name is 'The printed name, which may change.';
comment on column wo.principal.db_role is 'The login role that is this principal; unique in the database through wo.login_directory. Never a login that services or poolers share.';
comment on column wo.principal.assignable is 'Whether work orders may be assigned to it.';
comment on column wo.principal.manager is 'The principal''s manager, whom an escalation to "manager" notifies; NULL where there is none. Nobody is their own manager, through others either.';
comment on column wo.principal.disabled_at is 'Since when it may no longer act; NULL while it may.';
comment on column wo.principal.attributes is 'Other attributes of the principal, for people and programs.';

create table wo.principal_role (
    tenant_id uuid not null references wo.tenant,
    principal text not null,
    role text not null,
    primary key (tenant_id, principal, role),
    foreign key (tenant_id, principal) references wo.principal (tenant_id, id),
    foreign key (tenant_id, role) references wo.role (tenant_id, role)
);
comment on table wo.principal_role is 'Which standing roles a principal holds in its tenant.';
comment on column wo.principal_role.tenant_id is 'The tenant; the one that the transaction acts for by default.';
comment on column wo.principal_role.principal is 'The principal.';
comment on column wo.principal_role.role is 'The role that it holds.';

create table wo.login_directory (
    db_role text not null primary key,
    tenant_id uuid not null references wo.tenant,
    principal text not null,
    unique (tenant_id, principal),
    foreign key (tenant_id, principal) references wo.principal (tenant_id, id)
);
comment on table wo.login_directory is 'Directory across tenants: the one principal that a login role is. Kept by a trigger from wo.principal.db_role.';
comment on column wo.login_directory.db_role is 'The login role.';
comment on column wo.login_directory.tenant_id is 'The tenant of its principal.';
comment on column wo.login_directory.principal is 'The principal that it is.';

create table wo.trusted_issuer (
    tenant_id uuid not null references wo.tenant,
    issuer text not null,
    key_id text not null,
    public_key bytea not null,
    audience wo.short_text not null default 'wo_core',
    disabled_at timestamptz,
    primary key (tenant_id, issuer, key_id),
    constraint trusted_issuer_issuer_is_short check (length(issuer) between 1 and 500),
    constraint trusted_issuer_key_id_is_short check (length(key_id) between 1 and 200),
    constraint trusted_issuer_key_is_ed25519 check (length(public_key) = 32)
);
comment on table wo.trusted_issuer is 'Whose signed tokens the tenant accepts. Only public keys are kept here.';
comment on column wo.trusted_issuer.tenant_id is 'The tenant; the one that the transaction acts for by default.';
comment on column wo.trusted_issuer.issuer is 'The token''s iss claim.';
comment on column wo.trusted_issuer.key_id is 'The token''s kid header.';
comment on column wo.trusted_issuer.public_key is 'The Ed25519 public key, 32 bytes.';
comment on column wo.trusted_issuer.audience is 'What the token''s aud claim must hold.';
comment on column wo.trusted_issuer.disabled_at is 'Since when its tokens are refused; NULL while they are accepted.';

-- == enforcement ==

-- current_tenant and its siblings read what the backend remembers; they have string bodies, so that
-- the defaults that call them outlive a DROP EXTENSION.
create or replace function wo.current_tenant() returns uuid
    language sql stable parallel restricted
    as $$ select wo_private.current_tenant() $$;
comment on function wo.current_tenant() is 'The tenant that this transaction acts for; NULL when nobody is acting.';

create or replace function wo.current_principal() returns text
    language sql stable parallel restricted
    as $$ select wo_private.current_principal() $$;
comment on function wo.current_principal() is 'The principal that is acting; NULL when nobody is, or when a database role administers a tenant.';

create or replace function wo.whoami() returns jsonb
    language sql stable parallel restricted
    as $$ select wo_private.whoami() $$;
comment on function wo.whoami() is 'Who is acting, for which tenant, how that was proven and until when.';

create or replace function wo.authenticate(token text) returns text
    language sql volatile
    as $$ select wo_private.authenticate(null, $1, false) $$;
comment on function wo.authenticate(text) is
    'Verifies a signed token (JWT, EdDSA) and acts as its subject until this transaction ends. Returns the principal. Refuses with 42501.';

create or replace function wo.authenticate(tenant uuid, token text) returns text
    language sql volatile
    as $$ select wo_private.authenticate($1, $2, false) $$;
comment on function wo.authenticate(uuid, text) is
    'The same, with the tenant named first, as a sharded cluster needs it; refused where the token names another tenant.';

create or replace function wo.authenticate_session(token text) returns text
    language sql volatile
    as $$ select wo_private.authenticate(null, $1, true) $$;
comment on function wo.authenticate_session(text) is
    'The same, until the token expires, the session ends or DISCARD ALL. Only where wo_core.session_scope allows it: never behind a pooler in transaction mode.';

create or replace function wo.administer(tenant text) returns uuid
    language sql volatile
    set search_path = pg_catalog, pg_temp
    as $$ select wo_private.administer($1) $$;
comment on function wo.administer(text) is
    'Lets a member of wo_admin configure the tenant (slug or UUID) until this transaction ends. The nil UUID stands for the installation itself: what belongs to no tenant.';

create or replace function wo.administer(tenant uuid) returns uuid
    language sql volatile
    set search_path = pg_catalog, pg_temp
    as $$ select wo_private.administer($1::text) $$;
comment on function wo.administer(uuid) is 'Lets a member of wo_admin configure the tenant of that UUID until this transaction ends.';

create or replace function wo.create_tenant(slug text, name text, default_lifecycle text default null, number_format text default null, template text default 'regulated_change') returns uuid
    language sql volatile
    set search_path = pg_catalog, pg_temp
    as $$ select wo_private.create_tenant($1, $2, $3, $4, $5) $$;
comment on function wo.create_tenant(text, text, text, text, text) is
    'Makes a tenant with the roles and the three lifecycles that ship, and what the template brings: regulated_change, agent_change (the agents of the roster) or fleet (its identities, engines and task types). Returns its UUID. For members of wo_admin.';

create or replace function wo.create_role(role text, description text default '') returns void
    language sql volatile
    set search_path = pg_catalog, pg_temp
    as $$
        with added as (
            insert into wo.role (tenant_id, role, description) values (wo.current_tenant(), $1, coalesce($2, ''))
            returning 1
        )
        select wo_private.refuse_suppressed('role') where not exists (select from added)
    $$;
comment on function wo.create_role(text, text) is 'Adds a standing role to the tenant, for lifecycles to name. For members of wo_admin.';

create or replace function wo.create_principal(id text, kind text default 'person', name text default null, roles text[] default '{}', db_role text default null, assignable boolean default true, manager text default null) returns text
    language sql volatile
    set search_path = pg_catalog, pg_temp
    as $$
        with added as (
            insert into wo.principal (tenant_id, id, kind, name, db_role, assignable, manager)
            values (wo.current_tenant(), $1, coalesce($2, 'person'), coalesce($3, $1), $5, coalesce($6, true), $7)
            returning 1
        )
        select wo_private.refuse_suppressed('principal') where not exists (select from added);
        with added as (
            insert into wo.principal_role (tenant_id, principal, role)
            select wo.current_tenant(), $1, given.role from unnest(coalesce($4, '{}')) as given (role)
            returning 1
        )
        select wo_private.refuse_suppressed('principal_role')
        where (select count(*) from added) is distinct from (select count(*) from unnest(coalesce($4, '{}')));
        select $1
    $$;
comment on function wo.create_principal(text, text, text, text[], text, boolean, text) is
    'Adds a principal to the tenant, with its standing roles, its manager and, for somebody with a login of their own, the login role, which must exist. For members of wo_admin.';

create or replace function wo.grant_role(principal text, role text) returns void
    language plpgsql volatile
    set search_path = pg_catalog, pg_temp
    as $$
        declare
            violated text;
        begin
            -- Not ON CONFLICT DO NOTHING: what it leaves out may be revoked meanwhile, and would look suppressed.
            insert into wo.principal_role (tenant_id, principal, role) values (wo.current_tenant(), $1, $2);
            if not found then
                perform wo_private.refuse_suppressed('principal_role');
            end if;
        exception
            when unique_violation then
                get stacked diagnostics violated = constraint_name;
                -- The principal holds the role already. Nothing else that is unique may be passed over.
                if not starts_with(violated, 'principal_role_pkey') then
                    raise;
                end if;
        end
    $$;
comment on function wo.grant_role(text, text) is 'Gives a principal a standing role. For members of wo_admin.';

create or replace function wo.revoke_role(principal text, role text) returns boolean
    language plpgsql volatile
    set search_path = pg_catalog, pg_temp
    as $$
        declare
            place tid;
            maker xid;
        begin
            loop
                select held.ctid, held.xmin into place, maker from wo.principal_role as held
                where held.tenant_id = wo.current_tenant() and held.principal = $1 and held.role = $2;
                if not found then
                    return false;
                end if;
                delete from wo.principal_role as held where held.tenant_id = wo.current_tenant() and held.principal = $1 and held.role = $2;
                if found then
                    return true;
                end if;
                -- The same version of the row: nobody else has changed it.
                if exists (select from wo.principal_role as held where held.ctid = place and held.xmin = maker and held.tenant_id = wo.current_tenant() and held.principal = $1 and held.role = $2) then
                    perform wo_private.refuse_suppressed('principal_role');
                end if;
            end loop;
        end
    $$;
comment on function wo.revoke_role(text, text) is 'Takes a standing role from a principal, at once and for running transactions too; false where it did not hold it. For members of wo_admin.';

create or replace function wo.disable_principal(principal text) returns boolean
    language plpgsql volatile
    set search_path = pg_catalog, pg_temp
    as $$
        declare
            place tid;
            maker xid;
        begin
            loop
                select acting.ctid, acting.xmin into place, maker from wo.principal as acting
                where acting.tenant_id = wo.current_tenant() and acting.id = $1 and acting.disabled_at is null;
                if not found then
                    return false;
                end if;
                update wo.principal as acting set disabled_at = clock_timestamp() where acting.tenant_id = wo.current_tenant() and acting.id = $1 and acting.disabled_at is null;
                if found then
                    return true;
                end if;
                -- The same version of the row: nobody else has changed it.
                if exists (select from wo.principal as acting where acting.ctid = place and acting.xmin = maker and acting.tenant_id = wo.current_tenant() and acting.id = $1 and acting.disabled_at is null) then
                    perform wo_private.refuse_suppressed('principal');
                end if;
            end loop;
        end
    $$;
comment on function wo.disable_principal(text) is 'Stops a principal from acting, at once; false where there is no such principal that may act. For members of wo_admin.';

create or replace function wo.enable_principal(principal text) returns boolean
    language plpgsql volatile
    set search_path = pg_catalog, pg_temp
    as $$
        declare
            place tid;
            maker xid;
        begin
            loop
                select acting.ctid, acting.xmin into place, maker from wo.principal as acting
                where acting.tenant_id = wo.current_tenant() and acting.id = $1 and acting.disabled_at is not null;
                if not found then
                    return false;
                end if;
                update wo.principal as acting set disabled_at = null where acting.tenant_id = wo.current_tenant() and acting.id = $1 and acting.disabled_at is not null;
                if found then
                    return true;
                end if;
                -- The same version of the row: nobody else has changed it.
                if exists (select from wo.principal as acting where acting.ctid = place and acting.xmin = maker and acting.tenant_id = wo.current_tenant() and acting.id = $1 and acting.disabled_at is not null) then
                    perform wo_private.refuse_suppressed('principal');
                end if;
            end loop;
        end
    $$;
comment on function wo.enable_principal(text) is 'Lets a disabled principal act again; false where there is no such disabled principal. For members of wo_admin.';

create or replace function wo.trust_issuer(issuer text, key_id text, public_key text, audience text default 'wo_core') returns void
    language sql volatile
    set search_path = pg_catalog, pg_temp
    as $$
        with added as (
            insert into wo.trusted_issuer (tenant_id, issuer, key_id, public_key, audience)
            values (wo.current_tenant(), $1, $2, wo_private.public_key($3), coalesce($4, 'wo_core'))
            returning 1
        )
        select wo_private.refuse_suppressed('trusted_issuer') where not exists (select from added)
    $$;
comment on function wo.trust_issuer(text, text, text, text) is
    'Accepts tokens that this issuer signs with this key: 64 hexadecimal digits or base64url of the 32 bytes. For members of wo_admin.';

create or replace function wo.distrust_issuer(issuer text, key_id text) returns boolean
    language plpgsql volatile
    set search_path = pg_catalog, pg_temp
    as $$
        declare
            place tid;
            maker xid;
        begin
            loop
                select trusted.ctid, trusted.xmin into place, maker from wo.trusted_issuer as trusted
                where trusted.tenant_id = wo.current_tenant() and trusted.issuer = $1 and trusted.key_id = $2
                    and trusted.disabled_at is null;
                if not found then
                    return false;
                end if;
                update wo.trusted_issuer as trusted set disabled_at = clock_timestamp() where trusted.tenant_id = wo.current_tenant() and trusted.issuer = $1 and trusted.key_id = $2
                    and trusted.disabled_at is null;
                if found then
                    return true;
                end if;
                -- The same version of the row: nobody else has changed it.
                if exists (select from wo.trusted_issuer as trusted where trusted.ctid = place and trusted.xmin = maker and trusted.tenant_id = wo.current_tenant() and trusted.issuer = $1 and trusted.key_id = $2
                    and trusted.disabled_at is null) then
                    perform wo_private.refuse_suppressed('trusted_issuer');
                end if;
            end loop;
        end
    $$;
comment on function wo.distrust_issuer(text, text) is 'Refuses every token of that issuer''s key from now on; false where it was not trusted. For members of wo_admin.';
