-- Concept: refused attempts. Those on regulatory work orders open findings (09_finding.sql).
--
-- A refusal rolls its transaction back, so it is kept in shared memory before the error is raised; the
-- worker, or wo.tick(), writes it into the trail: one chain a tenant, sealed and kept like everything
-- else. The same attempt counts up instead of filling the trail. What finds no room is counted, and the
-- count is written too. Without shared_preload_libraries nothing is kept; the server's log has the ERROR.

-- == tables ==

-- == enforcement ==

create or replace view wo.refused_attempt with (security_invoker = true) as
    select entry.tenant_id, entry.sequence, entry.recorded_at,
        coalesce(entry.changes ->> 'attempts', entry.changes ->> 'dropped')::bigint as attempts,
        (entry.changes ->> 'first_at')::timestamptz as first_at,
        (entry.changes ->> 'last_at')::timestamptz as last_at,
        entry.actor,
        entry.changes ->> 'login_role' as login_role,
        entry.changes ->> 'client_address' as client_address,
        entry.changes ->> 'application' as application,
        entry.changes ->> 'authenticated_by' as authenticated_by,
        entry.action as code,
        entry.changes ->> 'sqlstate' as sqlstate,
        entry.reason as why,
        (entry.changes ->> 'work_order_id')::uuid as work_order_id,
        entry.changes ->> 'wo_number' as wo_number,
        array(select json_array_elements_text(entry.changes -> 'guards')) as guards,
        entry.changes ->> 'action' as action,
        entry.changes ->> 'from_status' as from_status,
        entry.changes ->> 'to_status' as to_status,
        entry.changes ->> 'hint' as hint
    from wo.audit_entry as entry
    where entry.subject = 'refused_attempt';
comment on view wo.refused_attempt is 'What was attempted and refused: who, from where, what and why, as the trail has it. For QA, administrators and auditors.';
comment on column wo.refused_attempt.tenant_id is 'The tenant; the nil UUID where nobody was acting.';
comment on column wo.refused_attempt.sequence is 'Its place in the chain of the tenant''s refused attempts.';
comment on column wo.refused_attempt.recorded_at is 'When it was written down.';
comment on column wo.refused_attempt.attempts is 'How often the same was attempted, or how many attempts found no room (code attempts_dropped).';
comment on column wo.refused_attempt.first_at is 'When first.';
comment on column wo.refused_attempt.last_at is 'When last.';
comment on column wo.refused_attempt.actor is 'The principal; NULL where nobody was acting.';
comment on column wo.refused_attempt.login_role is 'The role that logged in.';
comment on column wo.refused_attempt.client_address is 'The client''s address; NULL for a local socket.';
comment on column wo.refused_attempt.application is 'What the client calls itself.';
comment on column wo.refused_attempt.authenticated_by is 'How the principal was proven.';
comment on column wo.refused_attempt.code is 'Why it was refused, for programs.';
comment on column wo.refused_attempt.sqlstate is 'The class of the error.';
comment on column wo.refused_attempt.why is 'Why it was refused, in words.';
comment on column wo.refused_attempt.work_order_id is 'The work order that it was about, if any; it need not exist.';
comment on column wo.refused_attempt.wo_number is 'Its number.';
comment on column wo.refused_attempt.guards is 'The guards that refused.';
comment on column wo.refused_attempt.action is 'What was to be done.';
comment on column wo.refused_attempt.from_status is 'From which state.';
comment on column wo.refused_attempt.to_status is 'To which state.';
comment on column wo.refused_attempt.hint is 'What was suggested instead.';
