create schema peer;
select pgflow.create_flow('work');
select pgflow.add_step('work', 'move');
insert into pgflow.workers (worker_id, queue_name, function_name)
values ('00000000-0000-0000-0000-000000000001', 'work', 'bench');
create function peer.refill(backlog integer) returns void language sql as $$
    select pgflow.start_flow('work', '{"work_order":"B-1-1","status":"blocked"}')
    from generate_series(1, backlog - (select count(*) from pgmq.q_work))
$$;
create function peer.transition() returns void language plpgsql as $$
declare
    task record;
begin
    select started.* into strict task
    from pgmq.read('work', 30, 1) as message,
        pgflow.start_tasks('work', array[message.msg_id], '00000000-0000-0000-0000-000000000001') as started;
    perform pgflow.complete_task(task.run_id, task.step_slug, task.task_index, '{"status":"blocked"}');
end
$$;
