//! Writing refused attempts down: an entry of the trail, an event, and a finding where the work order
//! is regulatory.

use super::{Held, IN_HAND, InHand, SUBJECT};
use crate::kernel::concept::{self, RecordedAttempt};
use crate::kernel::configuration;
use crate::kernel::event::Event;
use crate::kernel::identity::{self, memory};
use crate::kernel::work_order::{Column, Reading, read_as_trail};
use crate::pg::shared_memory as shared;
use crate::pg::transaction::Stack;
use wo_rules::refused_attempt::ring::{Dropped, Taken};
use wo_rules::refused_attempt::{Attempt, dropped_changes};

/// The key of a tenant's chain of refused attempts.
const KEY: &str = "[\"refused\"]";

/// Writes what is due, of one tenant at a time where each has a transaction of its own. Gives how many
/// entries it wrote.
pub fn record() -> i32 {
    let mut written = 0;
    loop {
        let now = write_one_tenants() + write_dropped();
        written += now;
        // The worker comes again, in another transaction.
        if now == 0 || identity::is_worker() {
            return written;
        }
    }
}

fn database() -> u32 {
    crate::pg::server::database()
}

fn hold(in_hand: InHand) {
    IN_HAND.push(Held(Some(in_hand)));
}

fn write_one_tenants() -> i32 {
    let taken = shared::with_ring(|ring| ring.take(database(), identity::now()));
    let taken: Vec<Taken> = taken.unwrap_or_default();
    if taken.is_empty() {
        return 0;
    }
    hold(InHand::Attempts(taken.clone()));
    for one in &taken {
        write(&one.attempt);
    }
    i32::try_from(taken.len()).unwrap_or(i32::MAX)
}

fn write(attempt: &Attempt) {
    let tenant = attempt.tenant();
    let known = attempt.work_order().and_then(|id| {
        let seen: Option<(String, bool)> = memory::during(identity::of_a_job(tenant), || {
            read_as_trail(Reading::Latest, tenant, id, |seen| {
                (seen.text(Column::WoNumber), seen.regulatory())
            })
        });
        seen.map(|(number, regulatory)| (id, number, regulatory))
    });
    let number = known.as_ref().map(|(_, number, _)| number.as_str());
    let by = memory::Identity {
        principal: attempt.source.principal.given().map(str::to_owned),
        ..identity::of_a_job(tenant)
    };
    memory::during(identity::of_a_job(tenant), || {
        let sequence = configuration::record(
            &by,
            SUBJECT,
            KEY,
            attempt.code.as_str(),
            attempt.sentence.given().map(str::to_owned),
            attempt.changes(number),
        );
        let subject = known.as_ref().map_or(tenant, |(id, ..)| *id);
        memory::as_enforcement(|| {
            Event::new("wo.guard_violation", attempt.violation(number).to_string()).write(
                tenant,
                subject,
                identity::now(),
            );
        });
        if let Some((work_order, _, regulatory)) = known {
            let recorded = RecordedAttempt { tenant, work_order, regulatory, attempt, sequence };
            concept::all().for_each(|concept| concept.attempt_recorded(&recorded));
        }
    });
}

/// Writes how many attempts found no place, in the name of the installation.
fn write_dropped() -> i32 {
    let taken = shared::with_ring(|ring| ring.take_dropped(database(), identity::now()));
    let Some(dropped) = taken.flatten() else { return 0 };
    hold(InHand::Dropped(dropped));
    let Dropped { count, first_at, last_at, login_role } = dropped;
    let installation = identity::installation();
    memory::during(installation.clone(), || {
        configuration::record(
            &installation,
            SUBJECT,
            KEY,
            "attempts_dropped",
            Some(format!("{count} refused attempts found no room to be kept one by one")),
            dropped_changes(count, first_at, last_at, login_role.as_str()),
        );
    });
    1
}
