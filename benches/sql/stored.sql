-- Puts work orders from number $FROM to $TO into the tenants as a restore would, each with the entry of
-- its creation: the rules are not what is measured. The two others get a tenth each.
-- $ROWS is the number of the first one's work orders in the end.
with made as materialized (
    select tenant.tenant_id, place,
        (lpad(to_hex(1767225600000 + place * 10), 12, '0') || '7' || substr(noise, 1, 3)
            || '8' || substr(noise, 4, 15))::uuid as id,
        to_timestamp(1767225600 + place / 100.0) as at,
        case when place <= 100 then 'rejected' when place % 16 = 0 then 'in_progress'
            else (array['pending', 'accepted', 'in_progress', 'blocked', 'review', 'pending', 'approved', 'approved',
                'approved', 'approved', 'approved', 'cancelled'])[1 + abs(hashint8(place + 3) % 12)] end as status
    from generate_series($FROM, $TO) as place
    cross join lateral (select md5(place::text) as noise) as random
    join wo.tenant as tenant on tenant.slug = 'bench' or place % 10 = 1
), entry as (
    insert into wo.audit_entry (tenant_id, subject, subject_id, sequence, recorded_at, action, actor, to_status,
        record_version, changes, application, login_role, authenticated_by, transaction_id, previous_hash, entry_hash,
        position)
    select tenant_id, 'work_order', id, 1, at, 'created', '夏哥', 'pending', 1,
        ('{"title":{"new":"[SS' || place % 7 || '-Operations] Do number ' || place || '"}}')::json,
        'bench', 'postgres', 'login', '1234567', sha256('x'), sha256('x'), place
    from made
)
insert into wo.work_order (tenant_id, id, wo_number, lifecycle, lifecycle_version, status,
    version, revision, title, description, priority, project, source, originator, assignee, created_at,
    updated_at, locked_at, state_deadline, due_date, chain_sequence, chain_hash)
select tenant_id, id, 'WO-2026-' || place, 'fleet_task', 1, status, 1, 1,
    '[SS' || place % 7 || '-Operations] Do number ' || place,
    repeat('The pump of line 4 is to be replaced. ', 6), 'medium',
    'P' || abs(hashint8(place) % greatest($ROWS / 1000, 8)), 'manual', '夏哥',
    (array['Mac CLI 小克', 'Web 小克', '小西', 'Win CLI 小A', 'Mac App 小A', null])[1 + abs(hashint8(place + 7) % 6)],
    at, now(), case when status in ('approved', 'cancelled') then now() end,
    case when status = 'pending' then now() + interval '1 hour' end,
    case when place % 5 = 0 then date '2099-01-01' end, 1, sha256('x')
from made;
