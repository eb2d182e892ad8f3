//! What is kept at the commit of the transaction that ends a regulatory work order.

use chrono::{TimeDelta, Utc};

use crate::approval::firm::{Ask, Firm, ROOT, SERVICE};

/// A transaction may last longer than the token that it began with. What it did stands, and so what follows
/// from it is done: without that the work order ends without its evidence, and nobody is told.
#[test]
fn the_evidence_is_kept_though_the_token_ends_before_the_commit() {
    let firm = Firm::found();
    let order = firm.reach("completed");
    firm.approve("owner", &order, "system_owner", "completion");
    let challenge = firm.request("qa", &Ask::approve(&order, "qa", "completion")).unwrap();
    let signature = firm.signature("qa", &challenge.payload);
    let mut request = firm.token_request("qa");
    request.expires_at = Utc::now() + TimeDelta::seconds(3);
    let token = firm.token_for(&request);
    firm.with(SERVICE, |service| {
        let mut signing = service.transaction().unwrap();
        signing.execute("select wo.authenticate($1)", &[&token]).unwrap();
        challenge.answer(&mut signing, &signature).unwrap();
        signing.batch_execute("select pg_sleep(4)").unwrap();
        let nobody = "select (wo.whoami() ->> 'authenticated')::boolean";
        assert!(!signing.query_one(nobody, &[]).unwrap().get::<_, bool>(0));
        signing.commit().unwrap();
    });
    assert_eq!(firm.status(&order), "closed");
    let id = firm.id(&order);
    assert_eq!(firm.count(&format!("evidence where work_order_id = '{id}'")), 1);
    firm.assert_intact();
}

/// A deferred trigger of others that notes each package.
const NOTES: &str = "create table public.kept (work_order_id uuid);
         create function public.note() returns trigger security definer language plpgsql as $$ begin
            insert into public.kept values (new.work_order_id);
            return null;
         end $$;
         create constraint trigger zzz_note after insert on wo.evidence deferrable initially deferred
            for each row execute function public.note()";

/// A trigger that others defer meets the package too.
#[test]
fn deferred_triggers_of_others_see_the_evidence() {
    let firm = Firm::found();
    firm.run(ROOT, NOTES);
    let order = firm.reach("closed");
    let id = firm.id(&order);
    let noted: i64 =
        firm.one(ROOT, &format!("select count(*) from public.kept where work_order_id = '{id}'"));
    assert_eq!(noted, 1);
    // So it does where SET CONSTRAINTS has it kept at once.
    let order = firm.reach("completed");
    firm.approve("owner", &order, "system_owner", "completion");
    let challenge = firm.request("qa", &Ask::approve(&order, "qa", "completion")).unwrap();
    let signature = firm.signature("qa", &challenge.payload);
    let done = firm.acting("qa", |acting| {
        acting.batch_execute("set constraints all immediate")?;
        challenge.answer(acting, &signature)
    });
    done.unwrap();
    let id = firm.id(&order);
    assert_eq!(firm.count(&format!("evidence where work_order_id = '{id}'")), 1);
    let reconciled = firm.all("qa", "select problem from wo.reconcile() where not intact");
    assert_eq!(reconciled, [""; 0]);
    firm.assert_intact();
}
