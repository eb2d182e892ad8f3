create schema peer;
select absurd.create_queue('work');
create function peer.refill(backlog integer) returns void language sql as $$
    select absurd.spawn_task('work', 'move', '{"work_order":"B-1-1","status":"blocked"}')
    from generate_series(1, backlog - (select count(*) from absurd.t_work where state = 'pending'))
$$;
create function peer.transition() returns void language plpgsql as $$
declare
    run record;
begin
    select * into strict run from absurd.claim_task('work', 'bench', 30, 1);
    perform absurd.complete_run('work', run.run_id, '{"status":"blocked"}');
    perform absurd.emit_event('work', 'moved:' || run.run_id, run.params);
end
$$;
