-- Concept: findings. What quality assurance has to look at: the enforcement layer opens one where an attempt on a
-- regulatory work order was refused, and everybody of the tenant may open one of a work order.
--
-- A finding has an audit chain of its own, so that it can be opened and closed when the record of its work order
-- is locked. Its subject is a work order; another kind of subject adds a column beside work_order_id, and a name
-- to the CHECK finding_has_one_subject.

-- == tables ==

create domain wo.finding_source as text
    constraint finding_source_is_known
        check (value in ('approval_attempt', 'missing_edge_attempt', 'other_attempt', 'qa', 'system', 'other'));
comment on domain wo.finding_source is 'Where a finding comes from: a refused attempt to pass an approval, to take an edge that does not exist, or any other one; quality assurance, a program of kind system, or anybody else.';
create domain wo.finding_severity as text
    constraint finding_severity_is_known check (value in ('observation', 'minor', 'major', 'critical'));
comment on domain wo.finding_severity is 'How severe a finding is, the least severe first: observation, minor, major, critical.';
create domain wo.finding_category as text
    constraint finding_category_is_known
        check (value in ('refused_attempt', 'deviation', 'data_integrity', 'documentation', 'training', 'equipment', 'supplier', 'compliance', 'other'));
comment on domain wo.finding_category is 'What a finding is about; refused_attempt is for those that the enforcement layer opens.';

create table wo.finding_policy (
    tenant_id uuid not null default wo.current_tenant() references wo.tenant,
    source wo.finding_source not null,
    blocking boolean not null,
    primary key (tenant_id, source)
);
comment on table wo.finding_policy is 'Which findings block, where the tenant differs from the default: those of the sources approval_attempt, missing_edge_attempt, qa and system block, and the others do not. It decides when a finding is opened.';
comment on column wo.finding_policy.tenant_id is 'The tenant.';
comment on column wo.finding_policy.source is 'Where the finding comes from: approval_attempt, missing_edge_attempt, other_attempt, qa, system or other.';
comment on column wo.finding_policy.blocking is 'Whether a finding of that source blocks its work order: the guard findings_closed refuses until it is closed.';

create table wo.finding (
    tenant_id uuid not null default wo.current_tenant() references wo.tenant,
    id uuid not null,
    work_order_id uuid,
    source wo.finding_source not null,
    severity wo.finding_severity not null default 'major',
    category wo.finding_category not null default 'deviation',
    title wo.title not null,
    description wo.document,
    blocking boolean not null,
    due_date date,
    capa_reference wo.short_text,
    opened_at timestamptz not null,
    opened_by text,
    code text,
    guard text,
    opened_for text,
    actors wo.text_list not null default '{}',
    attempts bigint,
    entry_sequence bigint,
    closed_at timestamptz,
    closed_by text,
    resolution text,
    decided_at timestamptz,
    primary key (tenant_id, id),
    foreign key (tenant_id, work_order_id) references wo.work_order (tenant_id, id),
    foreign key (tenant_id, opened_by) references wo.principal (tenant_id, id),
    foreign key (tenant_id, closed_by) references wo.principal (tenant_id, id),
    constraint finding_has_one_subject check (num_nonnulls(work_order_id) = 1),
    constraint finding_title_is_not_blank check (title ~ '[^[:space:]]'),
    constraint finding_is_of_attempts_or_of_somebody
        check (num_nonnulls(code, guard, attempts, entry_sequence) = case when opened_by is null then 4 else 0 end
            and (category = 'refused_attempt') = (opened_by is null)),
    constraint finding_attempts_are_positive check (attempts > 0),
    constraint finding_is_closed_whole
        check (num_nulls(closed_at, closed_by, resolution) in (0, 3)),
    constraint finding_resolution_is_not_blank check (resolution ~ '[^[:space:]]'),
    constraint finding_resolution_is_short check (length(resolution) <= 10000)
);
create unique index finding_open on wo.finding (tenant_id, work_order_id, code) where closed_at is null and decided_at is null;
create index finding_by_work_order on wo.finding (tenant_id, work_order_id);
create index finding_blocking on wo.finding (tenant_id, work_order_id) where closed_at is null and blocking;
create index finding_due on wo.finding (tenant_id, due_date) where closed_at is null and due_date is not null;
comment on table wo.finding is 'What quality assurance has to look at: a refused attempt on a regulatory work order, or what somebody found. QA assesses it, and closes it with a resolution.';
comment on column wo.finding.tenant_id is 'The tenant; the caller''s own by default.';
comment on column wo.finding.id is 'The finding; set by the server.';
comment on column wo.finding.work_order_id is 'The work order that it is about.';
comment on column wo.finding.source is 'Where it comes from; set by the server. See wo.finding_policy.';
comment on column wo.finding.severity is 'How severe it is: observation, minor, major or critical.';
comment on column wo.finding.category is 'What it is about: deviation, data_integrity, documentation, training, equipment, supplier, compliance or other; refused_attempt where the enforcement layer opened it.';
comment on column wo.finding.title is 'What was found, in one line; of a refused attempt why the first one was refused.';
comment on column wo.finding.description is 'What was found, in detail; of a refused attempt the open finding before it, where QA decided about that one already.';
comment on column wo.finding.blocking is 'Whether it blocks its work order and the masters above until it is closed (guard findings_closed). The policy of the tenant decides it when the finding is opened, and QA may change it.';
comment on column wo.finding.due_date is 'The day by which it is to be closed.';
comment on column wo.finding.capa_reference is 'The number of the corrective and preventive action that it led to, in the system that keeps those.';
comment on column wo.finding.opened_at is 'When it was opened; set by the server.';
comment on column wo.finding.opened_by is 'Who opened it; set by the server. NULL where the enforcement layer opened it for a refused attempt.';
comment on column wo.finding.code is 'Why an attempt was refused, for programs. More attempts of a work order and code count up with the finding that is open, until QA decides whether that one blocks: an attempt after the decision opens another finding.';
comment on column wo.finding.guard is 'The guards that refused the attempt, with commas.';
comment on column wo.finding.opened_for is 'Whose attempt opened it; NULL where nobody was acting.';
comment on column wo.finding.actors is 'Everybody who attempted it, up to a hundred of them: none of them may assess or close it.';
comment on column wo.finding.attempts is 'How often it was attempted.';
comment on column wo.finding.entry_sequence is 'The first attempt''s entry in the chain of the tenant''s refused attempts.';
comment on column wo.finding.closed_at is 'When QA closed it; NULL while it is open.';
comment on column wo.finding.closed_by is 'Who closed it.';
comment on column wo.finding.resolution is 'What was found and done about it.';
comment on column wo.finding.decided_at is 'When QA decided last whether it blocks; set by the server. NULL where the policy of the tenant stands.';

-- == enforcement ==

create or replace function wo.findings(
    open boolean default true, work_order text default null, severity text default null, category text default null,
    blocking boolean default null, overdue boolean default null, page_size integer default 50,
    after_finding uuid default null
) returns table (
        finding uuid, wo_number text, source text, severity text, category text, title text, description text,
        blocking boolean, due_date date, overdue boolean, capa_reference text, opened_at timestamptz, opened_by text,
        code text, guard text, opened_for text, attempts bigint, closed_at timestamptz, closed_by text, resolution text,
        has_more boolean
    )
    language sql stable
    set search_path = pg_catalog, pg_temp
    as $$
        -- A scan that meets no row would not ask.
        select $3::wo.finding_severity, $4::wo.finding_category,
            case when $2 is not null then wo_private.work_order_id_or_refuse($2) end;
        select page.*, count(*) over () > coalesce($7, 50)
        from (
            select found.id, held.wo_number, found.source, found.severity, found.category, found.title, found.description,
                found.blocking, found.due_date, late.overdue, found.capa_reference, found.opened_at, found.opened_by,
                found.code, found.guard, found.opened_for, found.attempts, found.closed_at, found.closed_by, found.resolution
            from wo.finding as found
            join wo.work_order as held on held.tenant_id = found.tenant_id and held.id = found.work_order_id
            cross join lateral (
                select coalesce(found.closed_at is null and found.due_date < (now() at time zone 'UTC')::date, false) as overdue
            ) as late
            where found.tenant_id = wo.current_tenant()
                and ($1 is null or (found.closed_at is null) = $1)
                and ($2 is null or found.work_order_id = (select wo_private.work_order_id_or_refuse($2)))
                and ($3 is null or found.severity = $3::wo.finding_severity)
                and ($4 is null or found.category = $4::wo.finding_category)
                and ($5 is null or found.blocking = $5)
                and ($6 is null or late.overdue = $6)
                and ($8 is null or (found.opened_at, found.id) > (
                    select before.opened_at, before.id from wo.finding as before
                    where before.tenant_id = found.tenant_id and before.id = $8))
            order by found.opened_at, found.id
            limit coalesce($7, 50) + 1
        ) as page
        order by page.opened_at, page.id
        limit wo_private.page_of_findings($7, $8)
    $$;
comment on function wo.findings(boolean, text, text, text, boolean, boolean, integer, uuid) is
    'The findings of the tenant, the oldest first: those that are open, those that are closed (open => false), or all of them (open => null); of one work order, severity or category; those that block, or that are past their due date. A page has page_size rows, 1 to 100,000; has_more says in each of its rows whether there are more. The next page: after_finding => the last finding of this one. A work order, severity, category or finding that does not exist is refused.';

create or replace function wo.open_finding(
    work_order text, title text, description text default null, severity text default null,
    category text default null, due_date date default null, capa_reference text default null,
    blocking boolean default null
) returns uuid
    language sql volatile
    set search_path = pg_catalog, pg_temp
    as $$ select wo_private.open_finding($1, $2, $3, $4, $5, $6, $7, $8) $$;
comment on function wo.open_finding(text, text, text, text, text, date, text, boolean) is
    'Opens a finding of a work order, and returns it. The severity is major and the category deviation unless they are given. Whether it blocks is the policy of the tenant (wo.finding_policy); QA, programs of kind system and the assignee may have it block (blocking => true), and QA may open one that does not.';

create or replace function wo.assess_finding(
    finding uuid, severity text default null, category text default null, due_date date default null,
    capa_reference text default null, blocking boolean default null
) returns boolean
    language sql volatile
    set search_path = pg_catalog, pg_temp
    as $$ select wo_private.assess_finding($1, $2, $3, $4, $5, $6) $$;
comment on function wo.assess_finding(uuid, text, text, date, text, boolean) is
    'Changes what QA says of an open finding: severity, category, due date, reference of the corrective action, whether it blocks. NULL leaves a value as it is. What it decides about blocking stays: a new attempt opens another finding. For persons of QA, except those whose attempt it is about, and those to whom the work order is or was assigned.';

create or replace function wo.close_finding(finding uuid, resolution text) returns boolean
    language sql volatile
    set search_path = pg_catalog, pg_temp
    as $$ select wo_private.close_finding($1, $2) $$;
comment on function wo.close_finding(uuid, text) is
    'Closes a finding with what was found and done. For persons of QA, except those whose attempt it is about, and those to whom the work order is or was assigned.';
