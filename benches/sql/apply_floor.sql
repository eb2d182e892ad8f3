with chosen as (
    select tenant_id, id, wo_number, version, chain_sequence, clock_timestamp() as at, nextval('floor.position') as position
    from floor.work_order
    where tenant_id = $1::text::uuid and wo_number like $2
), pinned as (
    insert into floor.pinned (tenant_id, work_order_id, name, version, sha256, parameters, reason, applied_by, applied_at)
    select tenant_id, id, 'hundred', 1, decode(repeat('ab', 32), 'hex'), '{}', 'the job plan was applied', 'captain', at
    from chosen
), changed as (
    update floor.work_order as held
    set chain_sequence = held.chain_sequence + 1
    from chosen
    where held.tenant_id = chosen.tenant_id and held.id = chosen.id
), entry as (
    insert into floor.history (tenant_id, subject, subject_id, sequence, recorded_at, action, actor, reason,
        record_version, changes, application, login_role, authenticated_by, transaction_id, position)
    select tenant_id, 'work_order', id, chain_sequence + 1, at, 'work_order_job_plan_inserted', 'captain',
        'the job plan was applied', version,
        json_build_object('name', json_build_object('old', null, 'new', 'hundred'),
            'version', json_build_object('old', null, 'new', 1)),
        'bench', 'captain', 'login', '1234567', position
    from chosen
)
insert into floor.outbox (tenant_id, position, timeline, type, subject_id, recorded_at, data)
select tenant_id, position, 1, 'wo.changed', id, at,
    json_build_object('work_order', wo_number, 'lifecycle', 'fleet_task', 'lifecycle_version', 1,
        'action', 'work_order_job_plan_inserted', 'version', version, 'sequence', chain_sequence + 1, 'actor', 'captain')
from chosen
