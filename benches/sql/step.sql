\set n :n + 1
\set order (:n - 1) / 100
\set step (:n - 1) % 100
select wo.record_step('S-' || :round || '-' || :client_id || '-' || :order, 's' || :step, 'done');
