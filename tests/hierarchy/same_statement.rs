//! What runs inside a statement that has written a work order: see the same module of the approvals.
//! Here are the gates that look at other work orders, records that belong to a work order, and every
//! form that stays allowed.

use postgres::Client;
use serde_json::json;
use wo_cluster_tests::behind_the_back;

use crate::hierarchy::lab::{ANN, Lab, ROOT, add, link, move_to, task};

const UNFINISHED: (&str, &str) = ("55000", "write_unfinished");

/// A lab in which Ann's statements visit rows in the order in which they were last written.
fn lab() -> Lab {
    let lab = Lab::found();
    lab.run(ANN, "set enable_indexscan = off; set enable_bitmapscan = off");
    lab
}

#[track_caller]
fn unfinished(lab: &Lab, who: &str, sql: &str) {
    lab.refused(who, sql, UNFINISHED.0, UNFINISHED.1);
}

#[test]
fn code_inside_a_statement_does_not_touch_what_the_statement_writes() {
    let lab = lab();
    let [a, b, other] = lab.several();
    lab.after(&b, &other);
    let edit = |number: &str| {
        format!("update wo.work_order set notes = 'n' where wo_number = '{number}' returning ")
    };
    for inside in [
        // The row itself.
        format!("wo.transition('{a}', 'doing', 'x')"),
        format!("wo.patch_work_order('{a}', '{{\"notes\": \"m\"}}')"),
        format!("wo.set_hierarchy_policy('{a}', '{{}}')"),
        // What belongs to it: its edges, and its place.
        format!("wo.add_dependency('{a}', '{other}')"),
        format!("wo.link_work_order('{a}', '{other}')"),
        // As a master of others.
        format!("wo.link_work_order('{other}', '{a}')"),
        format!("wo.create_work_order('part', lifecycle => 'task', master => '{a}')"),
    ] {
        unfinished(&lab, ANN, &format!("{}{inside}", edit(&a)));
    }
    // A gate that is judged by it.
    let gated = format!("{}wo.transition('{b}', 'doing', 'x')", edit(&other));
    unfinished(&lab, ANN, &gated);
    // New work orders.
    for inside in [
        "wo.transition(id::text, 'doing')".to_owned(),
        format!("wo.add_dependency(id::text, '{other}')"),
        format!("wo.link_work_order(id::text, '{other}')"),
        "wo.create_work_order('part', lifecycle => 'task', master => id::text)".to_owned(),
    ] {
        let new = format!(
            "insert into wo.work_order (title, lifecycle) values ('new', 'task') returning {inside}"
        );
        unfinished(&lab, ANN, &new);
    }
    let with_edge = format!(
        "with made as (insert into wo.work_order (title, lifecycle) values ('new', 'task') returning id)
         insert into wo.dependency (successor_id, predecessor_id)
         select made.id, held.id from made, wo.work_order held where held.wo_number = '{other}'"
    );
    unfinished(&lab, ANN, &with_edge);
    // A function in SET that touches an earlier row of the same statement.
    let set = format!(
        "update wo.work_order set notes = case wo_number when '{b}'
            then wo.transition('{a}', 'doing', 'x') ->> 'status' else 'n' end
         where wo_number in ('{a}', '{b}')"
    );
    unfinished(&lab, ANN, &set);
    let merge = format!(
        "merge into wo.work_order held using (values ('{a}'), ('{b}')) as given (number)
         on held.wo_number = given.number
         when matched then update set notes = case held.wo_number when '{b}'
            then wo.transition('{a}', 'doing', 'x') ->> 'status' else 'n' end"
    );
    unfinished(&lab, ANN, &merge);
    lab.assert_intact();
}

/// Otherwise the trail would tell of the move before it tells of the edge, and a deleted edge would not
/// have been waited for.
#[test]
fn a_gate_is_not_judged_while_an_edge_of_it_is_being_written() {
    let lab = lab();
    let [waiting, awaited, other] = lab.several();
    lab.after(&waiting, &awaited);
    let edge = format!(
        "successor_id = '{}' and predecessor_id = '{}'",
        lab.id(&waiting),
        lab.id(&awaited)
    );
    let start = format!("wo.transition('{waiting}', 'doing', 'x')");
    unfinished(&lab, ANN, &format!("delete from wo.dependency where {edge} returning {start}"));
    unfinished(
        &lab,
        ANN,
        &format!("update wo.dependency set lag = '1 day' where {edge} returning {start}"),
    );
    let (new, before) = (lab.id(&other), lab.id(&awaited));
    unfinished(
        &lab,
        ANN,
        &format!(
            "insert into wo.dependency (successor_id, predecessor_id) values ('{new}', '{before}')
             returning wo.transition('{other}', 'doing', 'x')"
        ),
    );
    // What is written is finished when its statement is.
    lab.run(ANN, &format!("select wo.remove_dependency('{waiting}', '{awaited}')"));
    lab.go(&waiting, &["doing"]);
    // An upsert that comes to nothing or to a change leaves nothing behind.
    lab.run(
        ANN,
        &format!(
            "begin; {add}; {add};
             insert into wo.dependency (successor_id, predecessor_id) values ('{new}', '{before}') on conflict do nothing;
             select wo.patch_work_order('{other}', '{{\"notes\": \"m\"}}');
             select wo.remove_dependency('{other}', '{awaited}');
             {go}; commit",
            add = add(&other, &awaited),
            go = move_to(&other, "doing")
        ),
    );
    lab.assert_intact();
}

/// Otherwise the master is submitted while its child, in the same statement, is taken back to work:
/// each row would be judged by the other one as it was before.
#[test]
fn a_master_and_its_child_do_not_pass_each_other_in_one_statement() {
    let lab = lab();
    let (master, later) = (lab.make("master"), lab.make("later"));
    let child = lab.child("child", &master);
    lab.run(ANN, &link(&child, &later));
    for (master, child) in [(&later, &child), (&master, &lab.child("younger", &master))] {
        lab.go(child, &["doing", "review"]);
        lab.go(master, &["doing"]);
        let both = format!(
            "update wo.work_order set reason = 'r', status = case wo_number when '{child}' then 'doing' else 'review' end
             where wo_number in ('{master}', '{child}')"
        );
        unfinished(&lab, ANN, &both);
        assert_eq!((lab.status(master), lab.status(child)), ("doing".into(), "review".into()));
    }
    // The child is older than its master, so that its row comes first.
    let older = lab.make("older");
    let newer = lab.make("newer");
    lab.run(ANN, &link(&older, &newer));
    lab.go(&older, &["doing", "review"]);
    lab.go(&newer, &["doing"]);
    let both = format!(
        "update wo.work_order set reason = 'r', status = case wo_number when '{older}' then 'doing' else 'review' end
         where wo_number in ('{newer}', '{older}')"
    );
    unfinished(&lab, ANN, &both);
    lab.assert_intact();
}

/// A lifecycle in which a work order is submitted by itself once its children are in review.
fn eager(lab: &Lab) {
    let mut eager = task("eager");
    for edge in eager["transitions"].as_array_mut().unwrap() {
        if edge["action"] == "submit" {
            edge["auto"] = json!(true);
        }
    }
    lab.publish(&eager);
}

/// The edge that the system takes after a write is judged when every row of the statement has been
/// written, and by rows that are finished.
#[test]
fn the_system_takes_no_edge_by_a_child_that_the_same_statement_takes_back() {
    let lab = lab();
    eager(&lab);
    let master = lab.make_with("master", ", lifecycle => 'eager'");
    let child = lab.child("child", &master);
    lab.go(&child, &["doing"]);
    lab.go(&master, &["doing"]);
    lab.go(&child, &["review"]);
    assert_eq!(lab.status(&master), "doing");
    lab.run(
        ANN,
        &format!(
            "update wo.work_order set reason = 'r', notes = 'n',
                status = case wo_number when '{child}' then 'doing' else status end
             where wo_number in ('{master}', '{child}')"
        ),
    );
    assert_eq!((lab.status(&master), lab.status(&child)), ("doing".into(), "doing".into()));
    // And it takes the edge where the child, in the same statement, comes to its review.
    lab.run(
        ANN,
        &format!(
            "update wo.work_order set reason = 'r', notes = 'm',
                status = case wo_number when '{child}' then 'review' else status end
             where wo_number in ('{master}', '{child}')"
        ),
    );
    assert_eq!((lab.status(&master), lab.status(&child)), ("review".into(), "review".into()));
    lab.assert_intact();
}

#[test]
fn a_cancelled_master_ends_a_child_that_the_same_statement_changes() {
    let lab = lab();
    let master = lab.make_with("master", ", hierarchy_policy => '{\"cancel_cascades\": true}'");
    let (child, done) = (lab.child("child", &master), lab.child("done", &master));
    lab.go(&done, &["doing", "review"]);
    lab.run(
        ANN,
        &format!(
            "update wo.work_order set reason = 'r', notes = 'n',
                status = case wo_number when '{master}' then 'dropped' when '{done}' then 'done' else status end
             where wo_number in ('{master}', '{child}', '{done}')"
        ),
    );
    let statuses = [&master, &child, &done].map(|number| lab.status(number));
    assert_eq!(statuses, ["dropped", "dropped", "done"]);
    lab.assert_intact();
}

/// Positions follow sequences, so that whoever reads events hears of a work order's making first.
#[test]
fn positions_ascend_with_sequences() {
    let lab = lab();
    unfinished(
        &lab,
        ANN,
        "insert into wo.work_order (title, lifecycle) values ('t', 'task') returning wo.transition(id::text, 'doing')",
    );
    let order = lab.make("order");
    lab.go(&order, &["doing", "review"]);
    lab.assert_intact();
    // Written around the rules, both verifiers tell of it.
    let id = lab.id(&order);
    lab.with(ROOT, |root| {
        let mut tampering = root.transaction().unwrap();
        let sql = format!(
            "update wo.audit_entry set position = -position where subject_id = '{id}' and sequence = 2"
        );
        behind_the_back(&mut tampering, "wo.audit_entry", &sql);
        tampering.commit().unwrap();
    });
    let problems = lab.problems();
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert!(problems[0].1.contains("position"), "{problems:?}");
    let reconciled = lab.all(ANN, "select problem from wo.reconcile() where not intact");
    assert!(reconciled.iter().any(|problem| problem.contains("position")), "{reconciled:?}");
}

fn define(lab: &Lab, sql: &str) {
    lab.run(ROOT, sql);
}

#[test]
fn what_runs_when_the_statement_is_over_stays_allowed() {
    let lab = lab();
    let [a, b, c, d, e, f, g] = lab.several();
    // A loop over RETURNING: the statement runs to its end before the first row is given.
    lab.run(
        ANN,
        &format!(
            "do $$ declare it record; begin
                for it in update wo.work_order set notes = 'n' where wo_number in ('{a}', '{b}') returning id loop
                    perform wo.transition(it.id::text, 'doing', 'x');
                end loop;
             end $$"
        ),
    );
    // So it does in a cursor, and in a SQL function that ends in it.
    lab.run(
        ANN,
        &format!(
            "do $$ declare it record; written refcursor; begin
                open written for execute 'update wo.work_order set notes = ''n'' where wo_number = ''{c}'' returning id';
                fetch written into it;
                perform wo.transition(it.id::text, 'doing', 'x');
             end $$"
        ),
    );
    define(
        &lab,
        "create function public.edited(number text) returns setof uuid language sql as
            $$ update wo.work_order set notes = 'n' where wo_number = number returning id $$;
         create view public.made as select id, title from wo.work_order;
         create function public.make() returns trigger language plpgsql as $$ begin
            insert into wo.work_order (title, lifecycle) values (new.title, 'task') returning id into new.id;
            return new;
         end $$;
         create trigger make instead of insert on public.made for each row execute function public.make();
         grant insert, select on public.made to public;
         create function public.tried(work_order text, to_status text) returns text language plpgsql as $$ begin
            return wo.transition(work_order, to_status, 'x') ->> 'status';
         exception when object_not_in_prerequisite_state then return sqlstate; end $$",
    );
    lab.run(
        ANN,
        &format!("select wo.transition(id::text, 'doing', 'x') from public.edited('{d}') as id"),
    );
    lab.run(ROOT, "insert into public.made (title) values ('u'), ('v') returning wo.transition(id::text, 'doing')");
    // Many in one statement, with what each of them brings about.
    lab.run(
        ANN,
        "insert into wo.work_order (title, lifecycle) select 'many ' || n, 'task' from generate_series(1, 50) as n;
         update wo.work_order set status = 'doing', reason = 'r' where title like 'many %';
         select count(*) from wo.transition_many((select jsonb_agg(jsonb_build_object(
            'work_order', id, 'to_status', 'review', 'reason', 'r')) from wo.work_order where title like 'many %'))",
    );
    // A refusal that is caught inside leaves the statement as it was, and the next one free.
    let caught: String = lab.one(
        ANN,
        &format!(
            "update wo.work_order set notes = 'n' where wo_number = '{e}'
             returning public.tried('{e}', 'doing')"
        ),
    );
    assert_eq!(caught, "55000");
    lab.go(&e, &["doing"]);
    // Savepoints, errors in the middle of a statement, upserts that come to nothing or to a change.
    let key = "idempotency_key";
    lab.run(
        ANN,
        &format!(
            "insert into wo.work_order (title, lifecycle, {key}) values ('keyed', 'task', 'k');
             begin;
             savepoint s; select wo.transition('{f}', 'doing', 'x'); rollback to s;
             select wo.transition('{f}', 'doing', 'x');
             do $$ begin
                update wo.work_order set notes = case when wo_number = '{g}' then (1 / (length(title) - length(title)))::text
                    else 'n' end where wo_number in ('{f}', '{g}');
             exception when division_by_zero then null; end $$;
             select wo.transition('{f}', 'review', 'x');
             insert into wo.work_order (title, lifecycle, {key}) values ('keyed', 'task', 'k') on conflict do nothing;
             insert into wo.work_order (title, lifecycle, {key}) values ('keyed', 'task', 'k')
                on conflict (tenant_id, {key}) do update set notes = 'again';
             update wo.work_order set status = 'doing', reason = 'x' where {key} = 'k';
             commit"
        ),
    );
    lab.assert_intact();
}

#[test]
fn triggers_of_a_dba_act_when_they_sort_after_ours() {
    let lab = lab();
    let [a, b, c, d] = lab.several();
    define(
        &lab,
        "create function public.follow() returns trigger language plpgsql as $$ begin
            if new.status = 'doing' and old.status = 'open' then
                perform wo.transition(new.id::text, 'review', 'followed');
            end if;
            return null;
         end $$;
         create function public.suppress() returns trigger language plpgsql as $$ begin
            return case when new.notes = 'suppress' then null else new end;
         end $$;
         create trigger zz_suppress before update on wo.work_order for each row execute function public.suppress();
         create trigger zzz after update on wo.work_order for each row execute function public.follow()",
    );
    lab.go(&a, &["doing"]);
    assert_eq!(lab.status(&a), "review");
    lab.run(ANN, &format!("update wo.work_order set status = 'doing' where wo_number = '{b}'"));
    assert_eq!(lab.status(&b), "review");
    // A row that is suppressed leaves nothing behind, in its own statement neither.
    lab.run(
        ANN,
        &format!(
            "begin;
             update wo.work_order set notes = 'suppress' where wo_number = '{c}';
             select wo.transition('{c}', 'doing', 'x');
             update wo.work_order set status = 'doing', notes = 'suppress' where wo_number = '{d}';
             update wo.work_order set notes = 'n' where wo_number = '{d}';
             commit"
        ),
    );
    assert_eq!((lab.status(&c), lab.status(&d)), ("review".into(), "open".into()));
    define(
        &lab,
        "drop trigger zzz on wo.work_order; create trigger aaa after update on wo.work_order
        for each row execute function public.follow()",
    );
    unfinished(&lab, ANN, &move_to(&d, "doing"));
    lab.assert_intact();
}

/// A trigger that acts while our own write runs is judged as what it is, not as our write.
#[test]
fn a_trigger_inside_our_own_write_is_no_write_of_ours() {
    let lab = lab();
    let master = lab.make_with("master", ", hierarchy_policy => '{\"cancel_cascades\": true}'");
    let (child, waited) = (lab.child("child", &master), lab.make("waited"));
    lab.after(&child, &waited);
    define(
        &lab,
        "create function public.edit() returns trigger language plpgsql as $$ begin
            if new.status = 'dropped' and new.master_id is not null then
                update wo.work_order set status = 'doing', locked_at = null where id = new.id;
            end if;
            return null;
         end $$;
         create trigger zzz after update on wo.work_order for each row execute function public.edit()",
    );
    let dropped = lab.with(ANN, |ann: &mut Client| ann.batch_execute(&move_to(&master, "dropped")));
    assert!(dropped.is_err(), "{dropped:?}");
    assert_eq!(lab.status(&child), "open");
    lab.assert_intact();
}
