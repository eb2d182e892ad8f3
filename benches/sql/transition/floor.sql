\set i random(1, 20)
with changed as (
    update floor.work_order as held
    set status = 'blocked', version = held.version + 1, updated_at = clock_timestamp(), notes = 'waiting for a part',
        chain_sequence = held.chain_sequence + 1
    where held.tenant_id = :tenant::uuid and held.wo_number = 'B-' || :client_id || '-' || :i
    returning held.tenant_id, held.id, held.wo_number, held.version, held.updated_at, held.chain_sequence,
        nextval('floor.position') as position
), entry as (
    insert into floor.history (tenant_id, subject, subject_id, sequence, recorded_at, action, actor, reason,
        from_status, to_status, record_version, changes, application, login_role, authenticated_by, transaction_id, position)
    select tenant_id, 'work_order', id, chain_sequence, updated_at, 'block', 'captain', 'waiting for a part',
        'in_progress', 'blocked', version, '{"notes":{"old":"arrived","new":"waiting for a part"}}', 'pgbench',
        'captain', 'login', '1234567', position
    from changed
)
insert into floor.outbox (tenant_id, position, timeline, type, subject_id, recorded_at, data)
select tenant_id, position, 1, 'wo.transitioned', id, updated_at,
    json_build_object('work_order', wo_number, 'lifecycle', 'fleet_task', 'lifecycle_version', 1, 'action', 'block',
        'status', 'blocked', 'version', version, 'sequence', chain_sequence, 'from_status', 'in_progress',
        'actor', 'captain')
from changed;
with changed as (
    update floor.work_order as held
    set status = 'in_progress', version = held.version + 1, updated_at = clock_timestamp(), notes = 'arrived',
        chain_sequence = held.chain_sequence + 1
    where held.tenant_id = :tenant::uuid and held.wo_number = 'B-' || :client_id || '-' || :i
    returning held.tenant_id, held.id, held.wo_number, held.version, held.updated_at, held.chain_sequence,
        nextval('floor.position') as position
), entry as (
    insert into floor.history (tenant_id, subject, subject_id, sequence, recorded_at, action, actor, reason,
        from_status, to_status, record_version, changes, application, login_role, authenticated_by, transaction_id, position)
    select tenant_id, 'work_order', id, chain_sequence, updated_at, 'resume', 'captain', 'arrived',
        'blocked', 'in_progress', version, '{"notes":{"old":"waiting for a part","new":"arrived"}}', 'pgbench',
        'captain', 'login', '1234567', position
    from changed
)
insert into floor.outbox (tenant_id, position, timeline, type, subject_id, recorded_at, data)
select tenant_id, position, 1, 'wo.transitioned', id, updated_at,
    json_build_object('work_order', wo_number, 'lifecycle', 'fleet_task', 'lifecycle_version', 1, 'action', 'resume',
        'status', 'in_progress', 'version', version, 'sequence', chain_sequence, 'from_status', 'blocked',
        'actor', 'captain')
from changed;
