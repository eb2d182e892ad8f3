create schema peer;
select pgmq.create('work');
create function peer.refill(backlog integer) returns void language sql as $$
    select pgmq.send('work', '{"work_order":"B-1-1","status":"blocked"}') from generate_series(1,
        backlog - (select count(*) from pgmq.q_work))
$$;
create function peer.transition() returns void language plpgsql as $$
declare
    message record;
begin
    select * into strict message from pgmq.read('work', 30, 1);
    perform pgmq.archive('work', message.msg_id);
    perform pgmq.send('work', message.message);
end
$$;
