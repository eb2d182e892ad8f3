//! The functions of the API write a work order without an UPDATE's set-up. What a DBA adds to the
//! table, or takes from the caller, must hold for them as for an UPDATE.

use postgres::Client;
use serde_json::Value;
use wo_cluster_tests::{db_error, refused};

use crate::scenario::company::{Company, counts, one, reach_alone};
use crate::scenario::design::FLEET_TASK;

pub fn transition(client: &mut Client, number: &str, to: &str) -> Result<Value, postgres::Error> {
    client
        .query_one("select wo.transition($1, $2, 'because')", &[&number, &to])
        .map(|row| row.get(0))
}

/// A captain at work: the second transition of a session is the first that can go past SQL.
pub fn at_work(company: &Company) -> (Client, String) {
    let mut captain = company.connect("almighty");
    let number = reach_alone(&mut captain, &FLEET_TASK, "in_progress");
    for state in ["blocked", "in_progress"] {
        transition(&mut captain, &number, state).unwrap();
    }
    (captain, number)
}

/// Runs what a DBA might do, and says what then becomes of a transition and of an UPDATE.
fn after(change: &str) -> (Company, Client, String) {
    let company = Company::found("fleet_task");
    let (captain, number) = at_work(&company);
    company.root().batch_execute(change).unwrap();
    (company, captain, number)
}

#[test]
fn a_policy_that_a_dba_adds_holds() {
    for policy in [
        "create policy frozen on wo.work_order as restrictive for update to wo_user using (status <> 'in_progress')",
        "alter policy app_update on wo.work_order to wo_admin",
        "drop policy app_update on wo.work_order",
    ] {
        let (company, mut captain, number) = after(policy);
        let before = counts(&mut company.root());
        let tried = transition(&mut captain, &number, "blocked");
        assert!(tried.is_err(), "{policy}");
        assert_eq!(counts(&mut company.root()), before, "{policy}");
    }
}

#[test]
fn a_privilege_that_a_dba_takes_is_gone() {
    for privilege in ["update", "select", "update, select"] {
        let (company, mut captain, number) =
            after(&format!("revoke {privilege} on wo.work_order from wo_user"));
        let error = db_error(transition(&mut captain, &number, "blocked"));
        assert_eq!(error.code().code(), "42501", "{privilege}: {error}");
        assert_eq!(error.message(), "permission denied for table work_order");
        drop(company);
    }
}

#[test]
fn whoever_is_no_member_writes_nothing_with_a_grant_alone() {
    let company = Company::found("fleet_task");
    let (_, number) = at_work(&company);
    company.database.login("outsider", &["wo_auditor"]);
    company
        .root()
        .batch_execute(
            "begin; select wo.administer('acme');
             select wo.create_principal('outsider', roles => '{captain}', db_role => 'outsider'); commit;
             grant select, update on wo.work_order to outsider;
             grant execute on function wo.transition(text, text, text, jsonb, bigint) to outsider;
             grant execute on function wo_private.transition(text, text, text, text, bigint) to outsider",
        )
        .unwrap();
    let mut outsider = company.connect("outsider");
    for _ in 0..2 {
        // No policy lets the outsider see the row to change it.
        refused(transition(&mut outsider, &number, "blocked"), "55000", "write_suppressed");
    }
}

#[test]
fn triggers_and_rules_that_a_dba_adds_are_met() {
    for (made, count) in [
        ("after update on wo.work_order for each statement", 1),
        ("before update on wo.work_order for each statement", 1),
        ("after update on wo.work_order referencing new table as news for each statement", 1),
        ("before update on wo.work_order for each row", 1),
        ("after update on wo.work_order for each row", 1),
        ("after update of status on wo.work_order for each row", 1),
        ("after update of title on wo.work_order for each row", 0),
    ] {
        let (company, mut captain, number) = after(&format!(
            "create table public.noted (what text);
             create function public.note() returns trigger language plpgsql security definer as
                $$ begin insert into public.noted values (tg_op); return new; end $$;
             create trigger zz_note {made} execute function public.note()"
        ));
        transition(&mut captain, &number, "blocked").unwrap();
        let noted: i64 = one(&mut company.root(), "select count(*) from public.noted");
        assert_eq!(noted, count, "{made}");
    }
    let (company, mut captain, number) =
        after("create rule nothing as on update to wo.work_order do instead nothing");
    assert!(transition(&mut captain, &number, "blocked").is_err());
    drop(company);
}

#[test]
fn a_constraint_that_a_dba_adds_holds() {
    let (company, mut captain, number) = after(
        "alter table wo.work_order add constraint never_blocked check (status <> 'blocked') not valid",
    );
    let error = db_error(transition(&mut captain, &number, "blocked"));
    assert_eq!(error.code().code(), "23514");
    assert!(error.message().contains("never_blocked"), "{error}");
    company.assert_intact();
}

/// The enforcement layer appends to the partitions of trail and outbox itself: it must not lose the table's word, nor
/// the session with it.
#[test]
fn a_constraint_that_a_dba_adds_to_trail_or_outbox_holds() {
    for (table, condition) in
        [("audit_entry", "to_status <> 'blocked'"), ("event", "data ->> 'status' <> 'blocked'")]
    {
        let (company, mut captain, number) = after(&format!(
            "alter table wo.{table} add constraint never_blocked check ({condition}) not valid"
        ));
        for _ in 0..2 {
            let error = db_error(transition(&mut captain, &number, "blocked"));
            assert_eq!(error.code().code(), "23514", "{table}: {error}");
            assert!(error.message().contains("never_blocked"), "{error}");
        }
        company
            .root()
            .batch_execute(&format!("alter table wo.{table} drop constraint never_blocked"))
            .unwrap();
        transition(&mut captain, &number, "blocked").unwrap();
        company.assert_intact();
    }
}

/// A session keeps CHECKs compiled. Whatever they are made of may change beside it, and one that was
/// failed may be met next.
#[test]
fn a_constraint_holds_as_it_is_now() {
    let company = Company::found("fleet_task");
    let (mut captain, number) = at_work(&company);
    let mut root = company.root();
    let mut is_met_as = |change: &str, is_allowed: bool| {
        root.batch_execute(change).unwrap();
        for state in ["blocked", "in_progress"] {
            let tried = transition(&mut captain, &number, state);
            if is_allowed {
                tried.unwrap();
            } else {
                assert_eq!(db_error(tried).code().code(), "23514", "{change}");
                break;
            }
        }
    };
    let function = |says: &str| {
        format!(
            "create or replace function public.may_be(text) returns boolean language sql as $$ select {says} $$"
        )
    };
    is_met_as(&function("true"), true);
    is_met_as("alter table wo.work_order add constraint mine check (public.may_be(status))", true);
    is_met_as(&function("$1 <> 'blocked'"), false);
    is_met_as(&function("true"), true);
    is_met_as(
        "alter table wo.work_order drop constraint mine,
            add constraint mine check (status <> 'blocked')",
        false,
    );
    is_met_as("alter table wo.work_order drop constraint mine", true);
    is_met_as(
        "create domain public.state as text;
         alter table wo.work_order add constraint mine check (status::public.state is not null)",
        true,
    );
    is_met_as(
        "alter domain public.state add constraint not_blocked check (value <> 'blocked')",
        false,
    );
    is_met_as("alter domain public.state drop constraint not_blocked", true);
    // The whole row is of a type that is looked up when it is first met.
    is_met_as(
        "alter table wo.work_order drop constraint mine;
         create function public.is_fit(given wo.work_order) returns boolean language plpgsql as
            $$ begin return given.status <> 'blocked' or given.title is not null; end $$;
         alter table wo.work_order add constraint mine check (public.is_fit(work_order))",
        true,
    );
    is_met_as("select 1", true);
    is_met_as("alter table wo.work_order add column mine text", true);
    // A function that is left by an ERROR, in the midst of what it was doing.
    let function = |says: &str| {
        format!(
            "create or replace function public.counted(given text) returns boolean language sql volatile as $$
                select pg_catalog.count(*) > 0 from public.allowed where public.allowed.state = given;
                select case when 'blocked' = given then {says} else true end $$"
        )
    };
    let is_allowed = "(select 1 / pg_catalog.count(*) from public.allowed where state = given) = 1";
    is_met_as(
        &format!(
            "create table public.allowed (state text); grant select on public.allowed to public;
             insert into public.allowed values ('blocked'), ('in_progress'); {};
             alter table wo.work_order drop constraint mine,
                add constraint mine check (public.counted(status))",
            function(is_allowed)
        ),
        true,
    );
    root.batch_execute("delete from public.allowed where state = 'blocked'").unwrap();
    for _ in 0..2 {
        assert_eq!(db_error(transition(&mut captain, &number, "blocked")).code().code(), "22012");
    }
    root.batch_execute("insert into public.allowed values ('blocked')").unwrap();
    for state in ["blocked", "in_progress"] {
        transition(&mut captain, &number, state).unwrap();
    }
    company.assert_intact();
}

/// A session keeps the constraints of domains compiled too, and one may change beside it: those of a
/// value that the caller gives, and those of a value that the enforcement layer writes. Were a session
/// to go on with what it had compiled, a value would be stored that its column does not allow.
#[test]
fn a_domain_s_constraint_holds_as_it_is_now() {
    let company = Company::found("fleet_task");
    let (mut captain, number) = at_work(&company);
    let mut root = company.root();
    for (domain, condition) in [("document", "value <> 'forbidden'"), ("ordinal", "value < 2")] {
        let mut move_both_ways = || {
            let fields = "{\"notes\": \"forbidden\"}";
            let moved = captain.query(
                "select wo.transition($1, 'blocked', 'a part is missing', $2::text::jsonb)",
                &[&number, &fields],
            );
            moved.and_then(|_| transition(&mut captain, &number, "in_progress"))
        };
        move_both_ways().unwrap();
        let added =
            format!("alter domain wo.{domain} add constraint mine check ({condition}) not valid");
        root.batch_execute(&added).unwrap();
        for _ in 0..2 {
            let error = db_error(move_both_ways());
            assert_eq!(error.code().code(), "23514", "{domain}: {error}");
            assert!(error.message().contains("mine"), "{error}");
        }
        root.batch_execute(&format!("alter domain wo.{domain} drop constraint mine")).unwrap();
        move_both_ways().unwrap();
    }
    company.assert_intact();
}

/// A CHECK is compiled for the role whose right to its functions was asked then, not for whoever the
/// session becomes.
#[test]
fn a_constraint_s_functions_are_asked_for_by_each_role() {
    let company = Company::found("fleet_task");
    company.database.login("either", &["wo_user"]);
    company
        .root()
        .batch_execute(
            "create role may_call in role wo_user; create role may_not_call in role wo_user;
             grant may_call, may_not_call to either;
             begin; select wo.administer('acme');
             select wo.create_principal('either', roles => '{captain}', db_role => 'either'); commit;
             create function public.may_be(text) returns boolean language plpgsql as $$ begin return true; end $$;
             revoke execute on function public.may_be from public;
             grant execute on function public.may_be to may_call;
             alter table wo.work_order add constraint mine check (public.may_be(status))",
        )
        .unwrap();
    let mut either = company.connect("either");
    either.batch_execute("set role may_call").unwrap();
    let number = reach_alone(&mut either, &FLEET_TASK, "in_progress");
    for state in ["blocked", "in_progress"] {
        transition(&mut either, &number, state).unwrap();
    }
    either.batch_execute("set role may_not_call").unwrap();
    let error = db_error(transition(&mut either, &number, "blocked"));
    assert_eq!(error.code().code(), "42501", "{error}");
    either.batch_execute("set role may_call").unwrap();
    transition(&mut either, &number, "blocked").unwrap();
}

/// What a DBA hangs on the table may call the API itself, and the call around it still says what it
/// did. A CHECK that writes to its own table is a strange one, but PostgreSQL has it.
#[test]
fn triggers_and_constraints_that_a_dba_adds_may_move_other_work_orders() {
    let company = Company::found("fleet_task");
    let (mut captain, number) = at_work(&company);
    let other = reach_alone(&mut captain, &FLEET_TASK, "in_progress");
    let moves = format!(
        "perform wo.transition('{other}', 'blocked', 'because');
         begin
            perform wo.transition('{other}', 'blocked', 'because');
         exception when others then null;
         end;
         perform wo.transition('{other}', 'in_progress', 'because');"
    );
    let mut root = company.root();
    root.batch_execute(&format!(
        "create function public.moves(given text, state text) returns boolean language plpgsql as
            $$ begin if given = '{number}' and state = 'blocked' then {moves} end if; return true; end $$;
         create function public.moving() returns trigger language plpgsql as
            $$ begin if new.wo_number = '{number}' and new.status = 'blocked' then {moves} end if; return new; end $$"
    ))
    .unwrap();
    for (add, remove) in [
        (
            "alter table wo.work_order add constraint mine check (public.moves(wo_number, status))",
            "alter table wo.work_order drop constraint mine",
        ),
        (
            "create trigger zz_mine after update on wo.work_order for each row execute function public.moving()",
            "drop trigger zz_mine on wo.work_order",
        ),
    ] {
        root.batch_execute(add).unwrap();
        let moved = transition(&mut captain, &number, "blocked").unwrap();
        assert_eq!(moved["wo_number"], number, "{add}");
        assert_eq!(moved["status"], "blocked", "{add}");
        transition(&mut captain, &number, "in_progress").unwrap();
        root.batch_execute(remove).unwrap();
    }
    let moves: i64 = one(
        &mut company.root(),
        &format!(
            "select count(*) from wo.audit_entry join wo.work_order on work_order.id = subject_id
             where wo_number = '{other}' and action = 'block'"
        ),
    );
    assert_eq!(moves, 2);
    company.assert_intact();
}

/// Where a column stands is remembered, too.
#[test]
fn a_field_whose_column_was_made_anew_is_written_where_it_stands_now() {
    let company = Company::found("fleet_task");
    let (mut captain, number) = at_work(&company);
    company
        .root()
        .batch_execute(
            "alter table wo.work_order drop column asset cascade;
             alter table wo.work_order add column asset text;
             select wo_private.enforce()",
        )
        .unwrap();
    captain
        .query_one("select wo.patch_work_order($1, '{\"asset\": \"pump 4\"}')", &[&number])
        .unwrap();
    let kept: Option<String> =
        one(&mut company.root(), "select asset from wo.work_order order by created_at limit 1");
    assert_eq!(kept.as_deref(), Some("pump 4"));
}

#[test]
fn nothing_is_written_in_a_read_only_transaction() {
    let company = Company::found("fleet_task");
    let (mut captain, number) = at_work(&company);
    captain.batch_execute("begin read only").unwrap();
    let error = db_error(transition(&mut captain, &number, "blocked"));
    assert_eq!(error.code().code(), "25006", "{error}");
}

#[test]
fn fields_are_read_and_checked_as_an_update_would() {
    let company = Company::found("fleet_task");
    let (mut captain, number) = at_work(&company);
    let mut patch = |fields: &str| {
        captain
            .query_one("select wo.patch_work_order($1, $2::text::jsonb)", &[&number, &fields])
            .map(|row| row.get::<_, Value>(0))
    };
    // The source is a domain, the times and the date have input functions, a long title is a rule.
    assert_eq!(db_error(patch(r#"{"source": "nowhere"}"#)).code().code(), "23514");
    assert_eq!(db_error(patch(r#"{"due_date": "soon"}"#)).code().code(), "22007");
    assert_eq!(db_error(patch(r#"{"planned_start": "soon"}"#)).code().code(), "22007");
    assert_eq!(db_error(patch(r#"{"notes": "a\u0000b"}"#)).code().code(), "22P05");
    patch(
        r#"{"due_date": "2026-03-10", "planned_start": "2026-03-10T09:00:00+01:00",
            "planned_end": "2099-01-01T00:00:00Z",
            "estimated_hours": 2.005, "tags": ["a", "b"], "metadata": {"n": 1}, "notes": "  ", "project": null}"#,
    )
    .unwrap();
    patch(r#"{"planned_end": "2026-03-10T10:00:00+01:00", "asset": "pump 4"}"#).unwrap();
    let stored: Value = one(
        &mut company.root(),
        "select jsonb_build_object('due', due_date, 'start', planned_start at time zone 'UTC', 'end', planned_end at time zone 'UTC', 'source', source,
            'hours', estimated_hours, 'tags', tags, 'metadata', metadata, 'notes', notes, 'project', project,
            'asset', asset)
         from wo.work_order",
    );
    assert_eq!(
        stored,
        serde_json::json!({
            "due": "2026-03-10", "start": "2026-03-10T08:00:00",
            "end": "2026-03-10T09:00:00", "source": "manual", "hours": 2.01,
            "tags": ["a", "b"], "metadata": {"n": 1}, "notes": null, "project": null, "asset": "pump 4",
        })
    );
    company.assert_intact();
}
