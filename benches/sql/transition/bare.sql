\set i random(1, 20)
begin;
select 1;
select wo.transition('B-' || :client_id || '-' || :i, 'blocked', 'waiting for a part');
commit;
begin;
select 1;
select wo.transition('B-' || :client_id || '-' || :i, 'in_progress', 'arrived');
commit;
