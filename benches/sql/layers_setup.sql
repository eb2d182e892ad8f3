-- The floor's tables once more, under the policies of ours.
create schema isolated;
create table isolated.work_order (like floor.work_order including all) with (fillfactor = 80);
insert into isolated.work_order select * from floor.work_order;
create table isolated.history (like floor.history including all);
create table isolated.outbox (like floor.outbox including all);
create sequence isolated.position;
do $$
declare
    isolated text;
begin
    foreach isolated in array array['work_order', 'history', 'outbox'] loop
        execute format('alter table isolated.%I enable row level security', isolated);
        execute format('alter table isolated.%I force row level security', isolated);
        execute format('create policy tenant_isolation on isolated.%I as restrictive to wo_user
            using (tenant_id = (select wo_private.current_tenant()))', isolated);
        execute format('create policy all_of_them on isolated.%I to wo_user
            using (wo_private.in_force()) with check (wo_private.in_force())', isolated);
        execute format('grant select, insert, update on isolated.%I to wo_user', isolated);
    end loop;
end
$$;
grant usage on schema isolated to wo_user;
grant usage on sequence isolated.position to wo_user;
