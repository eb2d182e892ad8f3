\set i random(7, :rows / 16) * 16
select wo.transition('WO-2026-' || :i, 'blocked', 'waiting for a part');
select wo.transition('WO-2026-' || :i, 'in_progress', 'arrived');
