-- The floor: the same durable rows with no rule checked. Plain tables with the columns, the indexes
-- and the fill factor of ours, written by a superuser.
create schema floor;
create table floor.work_order (like wo.work_order including defaults including indexes) with (fillfactor = 80);
create table floor.history (like wo.audit_entry);
alter table floor.history alter column previous_hash drop not null, alter column entry_hash drop not null,
    add primary key (tenant_id, subject_id, sequence, recorded_at);
create index on floor.history using brin (position) with (pages_per_range = 32);
create sequence floor.position;
create table floor.outbox (like wo.event);
alter table floor.outbox add primary key (tenant_id, position, recorded_at);
create index on floor.outbox (position);
insert into floor.work_order select * from wo.work_order;
