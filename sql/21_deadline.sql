-- Concept: times in state. How many work orders came into each state and left it, and for how long they were there.
--
-- The sums are of the times at which work orders entered and left: the time spent in a state up to a moment is the
-- sum of the times of leaving, and the moment for each work order that is still there, minus the sum of the times of
-- entering. So an event is counted without a look at the one before it, in any order.

-- == tables ==

create table wo.state_rollup (
    tenant_id uuid not null,
    lifecycle text not null,
    state text not null,
    entered_count bigint not null,
    left_count bigint not null,
    entered_seconds numeric not null,
    left_seconds numeric not null,
    primary key (tenant_id, lifecycle, state)
);
comment on table wo.state_rollup is 'A rollup of the outbox: how often work orders entered and left each state, and when. wo.state_figures() shows the durations.';
comment on column wo.state_rollup.tenant_id is 'The tenant.';
comment on column wo.state_rollup.lifecycle is 'The lifecycle.';
comment on column wo.state_rollup.state is 'The state.';
comment on column wo.state_rollup.entered_count is 'How often a work order came into the state, new ones included.';
comment on column wo.state_rollup.left_count is 'How often a work order left the state.';
comment on column wo.state_rollup.entered_seconds is 'The sum of the times at which they came, in seconds since 1970-01-01 UTC.';
comment on column wo.state_rollup.left_seconds is 'The sum of the times at which they left, in seconds since 1970-01-01 UTC.';

-- == enforcement ==

create or replace function wo.state_figures()
    returns table (lifecycle text, state text, entered bigint, left_again bigint, present bigint, time_spent interval, mean_time interval)
    language sql stable
    set search_path = pg_catalog, pg_temp
    as $$
        select figure.lifecycle, figure.state, figure.entered_count, figure.left_count,
            figure.entered_count - figure.left_count, make_interval(secs => spent.seconds::double precision),
            make_interval(secs => (spent.seconds / figure.entered_count)::double precision)
        from wo.state_rollup as figure
        cross join lateral (
            select figure.left_seconds - figure.entered_seconds
                + (figure.entered_count - figure.left_count) * extract(epoch from statement_timestamp()) as seconds
        ) as spent
        where figure.entered_count > 0
        order by figure.lifecycle, figure.state
    $$;
comment on function wo.state_figures() is
    'How often work orders of the tenant entered and left each state, how many are there now, and the time that they have spent there: in all, those that are still there included, and on average for each time that one entered. The worker counts new events every few seconds.';
grant execute on function wo.state_figures() to wo_user, wo_admin, wo_auditor;
