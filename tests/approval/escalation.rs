//! How long a signature may take, by the calendar of those who work, and who is told when it does.
//!
//! The clock cannot be set: what is to be overdue has an SLA of less than a millisecond.

use serde_json::{Value, json};
use wo_cluster_tests::{db_error, race, refused};

use crate::approval::firm::{ADMIN, AUDITOR, Ask, Firm, ROOT};

/// QA is late at once; then its role is told, then the chief, then QA's managers.
const LATE: &str = "insert into wo.approval_sla (role, hours, escalation) values ('qa', 0.0000001,
    '[{\"after_hours\": 0, \"to\": \"role:qa\"}, {\"after_hours\": 0.0000001, \"to\": \"principal:chief\"},
      {\"after_hours\": 0.0000002, \"to\": \"manager\"}]')";

impl Firm {
    /// How many escalations a tick of the planner's made.
    #[track_caller]
    fn tick(&self) -> i32 {
        self.one("planner", "select done from wo.tick() where job = 'approvals_escalated'")
    }

    /// Ticks until nothing is overdue any more.
    #[track_caller]
    fn tick_to_the_end(&self) -> i32 {
        let mut all = 0;
        for _ in 0..20 {
            match self.tick() {
                0 => return all,
                some => all += some,
            }
        }
        panic!("ticks never end")
    }

    fn escalations(&self, order: &str) -> Vec<(i64, Vec<String>)> {
        self.events("wo.approval_escalated", order)
            .iter()
            .map(|told| {
                let mut to: Vec<String> = match &told["to"] {
                    Value::Array(people) => {
                        people.iter().map(|one| one.as_str().unwrap().to_owned()).collect()
                    }
                    other => panic!("to whom? {other}"),
                };
                to.sort();
                (told["step"].as_i64().unwrap(), to)
            })
            .collect()
    }

    /// The deadline of QA's signature, as the zone's clock shows it.
    fn deadline(&self, order: &str, zone: &str) -> Option<String> {
        self.one(
            ROOT,
            &format!(
                "select to_char(deadline at time zone '{zone}', 'YYYY-MM-DD HH24:MI:SS')
                 from wo.approval_request where work_order_id = '{}' and role = 'qa'",
                self.id(order)
            ),
        )
    }
}

#[test]
fn an_overdue_signature_is_escalated_step_by_step_and_each_step_once() {
    let firm = Firm::found();
    firm.administer("update wo.principal set manager = 'owner_2' where id in ('qa', 'qa_2')");
    firm.administer(LATE);
    let order = firm.submitted();
    let told = firm.tick_to_the_end();
    assert_eq!(told, 3);
    let escalations = firm.escalations(&order);
    assert_eq!(escalations.len(), 3, "{escalations:?}");
    let steps: Vec<i64> = escalations.iter().map(|(step, _)| *step).collect();
    assert_eq!(steps, [steps[0], steps[0] + 1, steps[0] + 2]);
    assert_eq!(escalations[0].1, ["qa", "qa_2", "versatile"]);
    assert_eq!(escalations[1].1, ["chief"]);
    assert_eq!(escalations[2].1, ["owner_2"]);
    assert_eq!(firm.trail(&order, &["approval_escalated"]).len(), 3);
    let row = &firm.rows(
        AUDITOR,
        &format!(
            "select escalations, next_escalation is null, deadline < now() from wo.pending_approvals('{order}') where role = 'qa'"
        ),
    )[0];
    assert_eq!(row.get::<_, i32>(0), 3);
    assert!(row.get::<_, bool>(1), "there is no further step to wait for");
    assert!(row.get::<_, bool>(2), "the deadline stays when it has passed");
    // The owner's signature has no SLA.
    let owners: i64 = firm.one(
        AUDITOR,
        "select count(*) from wo.pending_approvals() where role = 'system_owner' and deadline is not null",
    );
    assert_eq!(owners, 0);
    // An overdue signature still counts.
    firm.sign_both(&order, "plan");
    firm.transition("planner", &order, "assigned");
    assert_eq!(firm.tick_to_the_end(), 0);
    firm.assert_intact();
}

#[test]
fn two_ticks_at_once_escalate_each_step_once() {
    let firm = Firm::found();
    firm.administer(LATE);
    let orders: Vec<String> = (0..8).map(|_| firm.submitted()).collect();
    let clients = (0..4).map(|_| firm.database.connect("planner")).collect();
    race(clients, |_, client| {
        for _ in 0..12 {
            client.execute("select wo.tick()", &[]).unwrap();
        }
    });
    firm.tick_to_the_end();
    for order in &orders {
        let steps: Vec<i64> = firm.escalations(order).iter().map(|(step, _)| *step).collect();
        assert_eq!(steps, [steps[0], steps[0] + 1, steps[0] + 2], "{order}");
        assert_eq!(firm.trail(order, &["approval_escalated"]).len(), 3);
    }
    firm.assert_intact();
}

#[test]
fn what_is_signed_or_gone_never_escalates() {
    let firm = Firm::found();
    firm.administer(LATE);
    let [signed, cancelled, returned] = [firm.submitted(), firm.submitted(), firm.submitted()];
    firm.sign_both(&signed, "plan");
    firm.transition("planner", &cancelled, "cancelled");
    firm.signed("owner", &Ask::reject(&returned, "system_owner", "plan", "not now"));
    assert_eq!(firm.tick_to_the_end(), 0);
    for order in [&signed, &cancelled, &returned] {
        assert_eq!(firm.escalations(order), []);
    }
    // What is asked for again is late again.
    firm.transition("originator", &returned, "pending_approval");
    assert_eq!(firm.tick_to_the_end(), 3);
    firm.assert_intact();
}

#[test]
fn a_signature_in_time_is_not_escalated() {
    let firm = Firm::found();
    firm.administer("insert into wo.approval_sla (role, hours, escalation) values ('qa', 24, '[{\"after_hours\": 0, \"to\": \"manager\"}]')");
    let order = firm.submitted();
    assert_eq!(firm.tick_to_the_end(), 0);
    let late: bool = firm.one(
        ROOT,
        "select deadline = requested_at + interval '24 hours' from wo.approval_request where role = 'qa'",
    );
    assert!(late, "without a calendar, hours are hours");
    let told = firm.events("wo.approval_requested", &order);
    assert!(told.iter().any(|one| one["role"] == "qa" && one["deadline"].is_string()), "{told:?}");
}

/// Working time only: from two days on, within the hours of that day, on the clock of that zone.
#[test]
fn a_deadline_is_the_calendars() {
    let firm = Firm::found();
    let zone = "America/New_York";
    // The only day with working hours is the weekday that the day after tomorrow is, there.
    let day = |later: u32| -> (String, String) {
        let row = firm
            .rows(
                ROOT,
                &format!(
                    "select to_char(now() at time zone '{zone}' + interval '{later} days', 'FMday'),
                        to_char(now() at time zone '{zone}' + interval '{later} days', 'YYYY-MM-DD')"
                ),
            )
            .remove(0);
        (row.get(0), row.get(1))
    };
    let (weekday, date) = day(2);
    let hours = json!({ weekday: [["09:00", "12:00"], ["13:00", "17:00"]] });
    firm.administer(&format!(
        "insert into wo.business_calendar (name, time_zone, working_hours, holidays)
         values ('office', '{zone}', '{hours}', '{{}}'),
            ('holiday', '{zone}', '{hours}', '{{{date}}}');
         insert into wo.approval_sla (role, hours, calendar, escalation)
         values ('qa', 4, 'office', '[{{\"after_hours\": 0, \"to\": \"role:qa\"}}]')"
    ));
    // Three hours in the morning, and one after the break.
    let order = firm.submitted();
    assert_eq!(firm.deadline(&order, zone), Some(format!("{date} 14:00:00")));
    // Seven hours a week: the eighth is the next week's first.
    firm.administer("update wo.approval_sla set hours = 8 where role = 'qa'");
    let order = firm.submitted();
    assert_eq!(firm.deadline(&order, zone), Some(format!("{} 10:00:00", day(9).1)));
    firm.administer("update wo.approval_sla set hours = 1, calendar = 'holiday' where role = 'qa'");
    let order = firm.submitted();
    assert_eq!(firm.deadline(&order, zone), Some(format!("{} 10:00:00", day(9).1)));
    assert_eq!(firm.tick_to_the_end(), 0);
    firm.assert_intact();
}

#[test]
fn a_calendar_or_sla_that_cannot_be_is_refused() {
    let firm = Firm::found();
    let calendar = |zone: &str, hours: &str| {
        format!(
            "insert into wo.business_calendar (name, time_zone, working_hours, holidays)
             values ('office', '{zone}', '{hours}', '{{}}')"
        )
    };
    let week = "{\"monday\": [[\"09:00\", \"17:00\"]]}";
    for sql in [
        calendar("Europe/Atlantis", week),
        calendar("UTC", "{\"moonday\": [[\"09:00\", \"17:00\"]]}"),
        calendar("UTC", "{\"monday\": [[\"17:00\", \"09:00\"]]}"),
        calendar("UTC", "{\"monday\": [[\"09:00\", \"12:00\"], [\"11:00\", \"17:00\"]]}"),
        calendar("UTC", "{\"monday\": \"always\"}"),
        calendar("UTC", "[]"),
    ] {
        let tried = firm.administering(|admin| admin.batch_execute(&sql));
        refused(tried, "22023", "calendar_invalid");
    }
    let sla = |hours: &str, escalation: &str| {
        format!(
            "insert into wo.approval_sla (role, hours, escalation) values ('qa', {hours}, '{escalation}')"
        )
    };
    for sql in [
        sla("1", "[{\"after_hours\": 1, \"to\": \"qa\"}]"),
        sla("1", "[{\"after_hours\": 1, \"to\": \"boss:qa\"}]"),
        sla(
            "1",
            "[{\"after_hours\": 2, \"to\": \"manager\"}, {\"after_hours\": 1, \"to\": \"manager\"}]",
        ),
        sla("1", "[{\"after_hours\": -1, \"to\": \"manager\"}]"),
        sla("1", "{}"),
    ] {
        let tried = firm.administering(|admin| admin.batch_execute(&sql));
        refused(tried, "22023", "approval_sla_invalid");
    }
    for hours in ["0", "-1", "100000"] {
        let sql = sla(hours, "[]");
        let refusal = db_error(firm.administering(|admin| admin.batch_execute(&sql)));
        assert!(["22023", "23514"].contains(&refusal.code().code()), "{hours}: {refusal:?}");
    }
    let unknown = "insert into wo.approval_sla (role, hours, calendar, escalation) values ('qa', 1, 'none', '[]')";
    let refusal = db_error(firm.administering(|admin| admin.batch_execute(unknown)));
    assert!(["22023", "23503"].contains(&refusal.code().code()), "{refusal:?}");
    assert_eq!(firm.count("approval_sla") + firm.count("business_calendar"), 0);
}

/// One tick of an administrator serves all tenants; one of a user's only their own.
#[test]
fn a_tick_is_the_callers_tenants() {
    let firm = Firm::found();
    firm.administer(LATE);
    let order = firm.submitted();
    let other =
        "select coalesce(sum(done), 0)::integer from wo.tick() where job = 'approvals_escalated'";
    assert_eq!(firm.one::<i32>("rival", other), 0);
    let mut all = 0;
    for _ in 0..5 {
        all += firm.one::<i32>(ADMIN, other);
    }
    assert_eq!(all, 3);
    assert_eq!(firm.escalations(&order).len(), 3);
}

/// Most of what is open is not overdue: a tick must not read it all.
#[test]
fn a_tick_reads_what_is_overdue_and_not_what_is_open() {
    let firm = Firm::found();
    firm.administer("insert into wo.approval_sla (role, hours, escalation) values ('qa', 24, '[{\"after_hours\": 0, \"to\": \"manager\"}]')");
    let order = firm.submitted();
    firm.tamper(&format!(
        "insert into wo.approval_request (tenant_id, work_order_id, id, action, role, meaning, required,
            ordinal, requested_at, next_escalation, escalations)
         select tenant_id, work_order_id, gen_random_uuid(), action, role, 'm' || number, required, ordinal,
            requested_at, next_escalation + number * interval '1 second', 0
         from wo.approval_request, generate_series(1, 10000) as number
         where role = 'qa' and work_order_id = '{}'",
        firm.id(&order)
    ));
    firm.run(ROOT, "vacuum analyze wo.approval_request");
    let read = "select seq_tup_read + coalesce(idx_tup_fetch, 0) from pg_stat_user_tables
        where relid = 'wo.approval_request'::regclass";
    let settle = "select pg_stat_force_next_flush()";
    firm.rows(ROOT, settle);
    let before: i64 = firm.one(ROOT, read);
    assert_eq!(firm.tick(), 0);
    firm.rows("planner", settle);
    firm.rows("planner", "select 1");
    let after: i64 = firm.one(ROOT, read);
    assert!(after - before < 1000, "a tick read {} of 10,001 rows", after - before);
}
