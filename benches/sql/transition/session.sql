\if :started
\else
select wo.authenticate_session(:token);
\set started true
\endif
\set i random(1, 20)
select wo.transition('B-' || :client_id || '-' || :i, 'blocked', 'waiting for a part');
select wo.transition('B-' || :client_id || '-' || :i, 'in_progress', 'arrived');
