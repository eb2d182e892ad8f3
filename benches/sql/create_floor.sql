with given as materialized (
    select gen_random_uuid() as id, nextval('floor.position') as position, clock_timestamp() as at,
        'WO-2026-' || substr(md5(random()::text), 1, 8) as wo_number, *
    from jsonb_to_recordset($1::jsonb) as given (title text, description text, assignee text)
), made as (
    insert into floor.work_order (tenant_id, id, wo_number, lifecycle, lifecycle_version, status, version, revision,
        title, description, priority, originator, assignee, source, created_at, updated_at, chain_sequence, chain_hash)
    select $2::text::uuid, id, wo_number, 'fleet_task', 1, 'pending', 1, 1, title, description, 'medium', 'captain',
        assignee, 'manual', at, at, 1, decode(repeat('ab', 32), 'hex')
    from given
), entry as (
    insert into floor.history (tenant_id, subject, subject_id, sequence, recorded_at, action, actor, to_status,
        record_version, changes, application, login_role, authenticated_by, transaction_id, position)
    select $2::text::uuid, 'work_order', id, 1, at, 'created', 'captain', 'pending', 1,
        json_build_object('wo_number', json_build_object('old', null, 'new', wo_number),
            'title', json_build_object('old', null, 'new', title),
            'description', json_build_object('old', null, 'new', description),
            'assignee', json_build_object('old', null, 'new', assignee),
            'priority', json_build_object('old', null, 'new', 'medium')),
        'bench', 'captain', 'login', '1234567', position
    from given
)
insert into floor.outbox (tenant_id, position, timeline, type, subject_id, recorded_at, data)
select $2::text::uuid, position, 1, 'wo.created', id, at,
    json_build_object('work_order', wo_number, 'lifecycle', 'fleet_task', 'lifecycle_version', 1, 'action', 'created',
        'status', 'pending', 'version', 1, 'sequence', 1, 'actor', 'captain')
from given
