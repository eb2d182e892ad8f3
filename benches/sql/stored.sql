-- Fills the tenants as a restore would: the rules are not what is measured. The two others get a tenth each.
-- $ROWS is the number of the first one's work orders.
set session_replication_role = replica;
insert into wo.work_order (tenant_id, id, wo_number, lifecycle, lifecycle_version, status,
    version, revision, title, description, priority, project, originator, assignee, created_at,
    updated_at, locked_at, state_deadline, due_date, chain_sequence, chain_hash)
select tenant.tenant_id,
    (lpad(to_hex(1767225600000 + place * 10), 12, '0') || '7' || substr(noise, 1, 3)
        || '8' || substr(noise, 4, 15))::uuid,
    'WO-2026-' || place, 'fleet_task', 1, status, 1, 1, '[SS' || place % 7 || '-Operations] Do number ' || place,
    repeat('The pump of line 4 is to be replaced. ', 6), 'medium', 'P' || abs(hashint8(place) % greatest($ROWS / 1000, 8)), '夏哥',
    (array['Mac CLI 小克', 'Web 小克', '小西', 'Win CLI 小A', 'Mac App 小A', null])[1 + abs(hashint8(place + 7) % 6)],
    to_timestamp(1767225600 + place / 100.0), now(), case when status in ('approved', 'cancelled') then now() end,
    case when status = 'pending' then now() + interval '1 hour' end,
    case when place % 5 = 0 then date '2099-01-01' end, 1, sha256('x')
from generate_series(1, $ROWS) as place
cross join lateral (
    select md5(place::text) as noise,
        case when place <= 100 then 'rejected' when place % 16 = 0 then 'in_progress'
            else (array['pending', 'accepted', 'in_progress', 'blocked', 'review', 'pending', 'approved', 'approved',
                'approved', 'approved', 'approved', 'cancelled'])[1 + abs(hashint8(place + 3) % 12)] end as status
) as made
join wo.tenant as tenant on tenant.slug = 'bench' or place % 10 = 1;
reset session_replication_role;
