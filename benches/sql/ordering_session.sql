\if :started
\else
select wo.authenticate_session((select token from public.token where client = :client_id));
\set started true
\endif
\set i random(1, 20)
select wo.transition('B-' || :client_id || '-' || :i, 'blocked', 'waiting for a part');
select wo.transition('B-' || :client_id || '-' || :i, 'in_progress', 'arrived');
