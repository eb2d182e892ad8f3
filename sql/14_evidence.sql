-- Concept: evidence. Everything about one work order in one document: for inspectors, and for whoever
-- verifies it without the database.

-- == tables ==

create table wo.evidence (
    tenant_id uuid not null,
    work_order_id uuid not null,
    made_at timestamptz not null,
    package text not null,
    sha256 wo.sha256 not null,
    primary key (tenant_id, work_order_id),
    foreign key (tenant_id, work_order_id) references wo.work_order (tenant_id, id)
);
comment on table wo.evidence is 'The evidence packages that were made by themselves when regulatory work orders ended.';
comment on column wo.evidence.tenant_id is 'The tenant.';
comment on column wo.evidence.work_order_id is 'The work order.';
comment on column wo.evidence.made_at is 'When, by the server''s clock.';
comment on column wo.evidence.package is 'The package: the text of one JSON document, whose very bytes are hashed.';
comment on column wo.evidence.sha256 is 'SHA-256 of the package.';

-- == enforcement ==
create or replace function wo.evidence_package(work_order text)
    returns text
    language sql stable
    set search_path = pg_catalog, pg_temp
    as $$
        select wo_private.evidence_package($1)
    $$;
comment on function wo.evidence_package(text) is
    'Returns the evidence package: record, lifecycle, children, dependencies, signatures with their payloads and keys, findings, refused attempts, and the whole trail, in one JSON document that wo verify checks without the database. It is text, because each of its bytes is hashed: store it as it is. For a regulatory work order that has ended it is the package that was stored then; for any other the work order as it is now.';
create or replace function wo.evidence_report(work_order text)
    returns text
    language sql stable
    set search_path = pg_catalog, pg_temp
    as $$
        select wo_private.evidence_report($1)
    $$;
comment on function wo.evidence_report(text) is
    'Returns the evidence package as one HTML page for people: no script, nothing loaded, ready to print. It says who made the page and when.';
