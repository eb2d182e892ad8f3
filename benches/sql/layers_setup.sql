-- The floor's tables once more, under the policies of ours.
create schema fenced;
create table fenced.work_order (like floor.work_order including all) with (fillfactor = 80);
insert into fenced.work_order select * from floor.work_order;
create table fenced.history (like floor.history including all);
create table fenced.outbox (like floor.outbox including all);
create sequence fenced.position;
do $$
declare
    fenced text;
begin
    foreach fenced in array array['work_order', 'history', 'outbox'] loop
        execute format('alter table fenced.%I enable row level security', fenced);
        execute format('alter table fenced.%I force row level security', fenced);
        execute format('create policy tenant on fenced.%I as restrictive to wo_user
            using (tenant_id = (select wo_private.current_tenant()))', fenced);
        execute format('create policy all_of_them on fenced.%I to wo_user
            using (wo_private.in_force()) with check (wo_private.in_force())', fenced);
        execute format('grant select, insert, update on fenced.%I to wo_user', fenced);
    end loop;
end
$$;
grant usage on schema fenced to wo_user;
grant usage on sequence fenced.position to wo_user;
