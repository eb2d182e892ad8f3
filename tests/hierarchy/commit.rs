//! What a transaction brings to an end before it commits: a master whose last child has ended.
//!
//! A deferred constraint trigger does it. Were it done after PostgreSQL has fired the deferred triggers, those
//! of others would be skipped for what is written then: a rule that a DBA defers would not hold for masters.

use crate::hierarchy::lab::{ANN, Lab, ROOT, closing, move_to};

/// A lab in which each state that a work order comes to is noted by a deferred trigger of a DBA.
fn lab() -> Lab {
    let lab = Lab::found();
    lab.publish(&closing());
    lab.run(
        ROOT,
        "create table public.noted (wo_number text, status text, at integer generated always as identity);
         grant insert, select on public.noted to public;
         create function public.note() returns trigger language plpgsql as $$ begin
            if new.status <> old.status then
                insert into public.noted (wo_number, status) values (new.wo_number, new.status);
            end if;
            return null;
         end $$;
         create constraint trigger aaa_note after update on wo.work_order deferrable initially deferred
            for each row execute function public.note()",
    );
    lab
}

/// A master that waits in review for its children, the last of which is in review too.
fn waiting(lab: &Lab) -> (String, String) {
    let master = lab.make_with("master", ", lifecycle => 'closing'");
    let (child, done) = (lab.child("child", &master), lab.child("done", &master));
    for part in [&child, &done] {
        lab.go(part, &["doing", "review"]);
    }
    lab.go(&master, &["doing", "review"]);
    lab.go(&done, &["done"]);
    assert_eq!(lab.status(&master), "review");
    (master, child)
}

#[test]
fn deferred_triggers_of_others_see_the_masters_that_end_at_commit() {
    let lab = lab();
    let (master, child) = waiting(&lab);
    lab.go(&child, &["done"]);
    assert_eq!(lab.status(&master), "done");
    let noted = lab.all(
        ROOT,
        &format!("select status from public.noted where wo_number = '{master}' order by at"),
    );
    assert_eq!(noted, ["doing", "review", "done"]);
    lab.assert_intact();
}

/// A deferred trigger of others may refuse what happens at commit, and then nothing is committed.
#[test]
fn deferred_triggers_of_others_refuse_the_masters_that_end_at_commit() {
    let lab = lab();
    let (master, child) = waiting(&lab);
    lab.run(
        ROOT,
        "create or replace function public.note() returns trigger language plpgsql as $$ begin
            if new.status = 'done' and new.title = 'master' then
                raise exception 'masters do not end today' using errcode = 'P0099';
            end if;
            return null;
         end $$",
    );
    let refused = lab.with(ANN, |ann| ann.batch_execute(&move_to(&child, "done")));
    assert_eq!(refused.unwrap_err().code().unwrap().code(), "P0099");
    assert_eq!((lab.status(&master), lab.status(&child)), ("review".into(), "review".into()));
    lab.assert_intact();
}

/// SET CONSTRAINTS has a master end where its last child ends; what a rollback to a savepoint undoes is still
/// to be done, and done at the commit.
#[test]
fn set_constraints_does_not_lose_what_is_to_be_done() {
    let lab = lab();
    let (master, child) = waiting(&lab);
    lab.with(ANN, |ann| {
        let status = format!("select status from wo.work_order where wo_number = '{master}'");
        let mut ending = ann.transaction().unwrap();
        ending.batch_execute("savepoint s; set constraints all immediate").unwrap();
        ending.batch_execute(&move_to(&child, "done")).unwrap();
        assert_eq!(ending.query_one(&status, &[]).unwrap().get::<_, String>(0), "done");
        ending.batch_execute("rollback to s; set constraints all deferred").unwrap();
        ending.batch_execute(&move_to(&child, "done")).unwrap();
        assert_eq!(ending.query_one(&status, &[]).unwrap().get::<_, String>(0), "review");
        ending.batch_execute("savepoint t; set constraints all immediate").unwrap();
        assert_eq!(ending.query_one(&status, &[]).unwrap().get::<_, String>(0), "done");
        ending.batch_execute("rollback to t").unwrap();
        assert_eq!(ending.query_one(&status, &[]).unwrap().get::<_, String>(0), "review");
        ending.commit().unwrap();
    });
    assert_eq!(lab.status(&master), "done");
    let settled = lab.trail(&master, &["children_settled"]);
    assert_eq!(settled.len(), 1, "{settled:?}");
    lab.assert_intact();
}

/// Who commits has nothing to say: the role of that moment may not even see work orders.
#[test]
fn a_master_ends_whatever_role_commits() {
    let lab = lab();
    let (master, child) = waiting(&lab);
    lab.run(
        ROOT,
        "do $$ begin create role lab_nobody; exception when duplicate_object then null; end $$",
    );
    lab.run(
        ROOT,
        &format!("begin; {}; set local role lab_nobody; commit", move_to(&child, "done")),
    );
    assert_eq!(lab.status(&master), "done");
    // So it does where the child leaves its master, which changes no state.
    let (master, child) = waiting(&lab);
    lab.run(ANN, &format!("select wo.unlink_work_order('{child}', 'not needed')"));
    assert_eq!(lab.status(&master), "done");
    lab.assert_intact();
}
