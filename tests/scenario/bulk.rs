//! Many work orders in one call, in a session that began when there were none.

use postgres::Client;
use serde_json::{Value, json};

use crate::scenario::company::{Company, create};

const COUNT: usize = 300;

/// How many numbers a creation tries at most before it takes a longer one; each that is taken reads a row.
const DRAWS: i64 = wo_rules::number::DRAWS as i64;

/// Makes so many; how many stored work orders were read for that.
fn reads(client: &mut Client, one: &Value) -> i64 {
    let mut making = client.transaction().unwrap();
    let given = Value::from(vec![one.clone(); COUNT]);
    let made = "select count(*) from wo.create_work_orders($1) where created";
    assert_eq!(making.query_one(made, &[&given]).unwrap().get::<_, i64>(0), COUNT as i64);
    let read = "select sum(coalesce(idx_tup_fetch, 0) + coalesce(seq_tup_read, 0))::bigint
         from pg_stat_xact_all_tables where schemaname = 'wo' and relname = 'work_order'";
    let read = making.query_one(read, &[]).unwrap().get(0);
    making.commit().unwrap();
    read
}

/// Plans that were made while the table was empty know nothing of the rows that came since: with a scan for each
/// creation the fourth call would read more than 100,000 rows. Numbers are drawn, so taken ones are looked up by chance.
#[test]
fn a_session_that_began_on_an_empty_table_reads_no_more_as_it_grows() {
    let company = Company::found("fleet_task");
    let mut almighty = company.connect("almighty");
    let plain = json!({ "title": "[A-B] c", "assignee": "almighty" });
    let read: Vec<i64> = (0..4).map(|_| reads(&mut almighty, &plain)).collect();
    assert!(read.iter().all(|read| *read <= DRAWS * COUNT as i64), "{read:?}");
}

/// The partitions that a bulk appends to stay open until it ends, whatever is caught inside it.
#[test]
fn a_bulk_whose_rows_change_others_and_undo_that_is_whole() {
    let company = Company::found("fleet_task");
    company
        .database
        .superuser()
        .batch_execute(
            "create function public.more() returns trigger language plpgsql as $$
             begin
                if new.notes = 'more' then
                    begin
                        update wo.work_order set notes = new.title where title = '[A-B] first';
                        if new.title like '%undone' then
                            raise exception 'undone';
                        end if;
                    exception when raise_exception then
                        null;
                    end;
                end if;
                return new;
             end $$;
             create trigger more after insert on wo.work_order for each row execute function public.more();",
        )
        .unwrap();
    let mut almighty = company.connect("almighty");
    create(&mut almighty, "[A-B] first");
    let given = json!([
        { "title": "[A-B] plain" },
        { "title": "[A-B] undone", "notes": "more" },
        { "title": "[A-B] kept", "notes": "more" },
        { "title": "[A-B] plain" },
    ]);
    let made = "select count(*) from wo.create_work_orders($1) where created";
    assert_eq!(almighty.query_one(made, &[&given]).unwrap().get::<_, i64>(0), 4);
    let stored = "select array[
            (select count(*) from wo.work_order),
            (select count(*) from wo.audit_entry where subject = 'work_order'),
            (select count(*) from wo.event where type = 'wo.created')]";
    let stored: Vec<i64> = almighty.query_one(stored, &[]).unwrap().get(0);
    assert_eq!(stored, [5, 6, 5]);
    let intact = "select bool_and(intact) from wo.verify_audit()";
    assert!(almighty.query_one(intact, &[]).unwrap().get::<_, bool>(0));
}
