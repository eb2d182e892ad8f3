-- Records of 0.0.1 become records of 0.1.0. Run as wo_owner by wo_private.migrate(); what can be run
-- again (functions, triggers, policies, grants) follows from the enforcement layer of each concept. One statement
-- at a time, each of which can be run again.

-- The view gains a column between others, which CREATE OR REPLACE cannot do. Whoever built on it is
-- told, not dropped.
drop view if exists wo.work_order_import;

alter table wo.work_order add column if not exists asset wo.short_text;
comment on column wo.work_order.asset is 'What is changed: the asset''s identifier.';

create index if not exists event_by_position on wo.event (position);
comment on table wo.event is 'The outbox: one row for each thing that happened, written in its transaction.';

-- Renamed to app_select, and replaced by wo.health().
drop policy if exists looking on wo.event;
drop function if exists wo.event_count();
