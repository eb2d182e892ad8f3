-- What Supabase brings: a table that its broadcasts are read from.
create schema realtime;
create table realtime.messages (
    id bigint generated always as identity primary key,
    payload jsonb, event text, topic text, private boolean, inserted_at timestamptz not null default now()
);
create function realtime.send(payload jsonb, event text, topic text, private boolean default true) returns void
    language sql as $$ insert into realtime.messages (payload, event, topic, private) values ($1, $2, $3, $4) $$;
