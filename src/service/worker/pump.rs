//! The event pump: who wakes the subscribers of events, and with what.
//!
//! NOTIFY takes a lock of the whole cluster through the commit. So where a worker serves the
//! database, a commit only marks the newest position in shared memory and sets the worker's latch; the
//! worker sends one NOTIFY for all commits of an interval. Its payload is a position: any role may
//! LISTEN.

use crate::kernel::event;
use crate::pg;
use crate::pg::own_transaction::transaction;
use crate::pg::setting::{NOTIFY, NOTIFY_INTERVAL, Notify};
use crate::pg::shared_memory::{self as shared, Site, State};
use crate::pg::transaction::End;
use std::sync::atomic::Ordering::SeqCst;
use std::time::{Duration, Instant};
use wo_rules::worker as rules;
use wo_rules::worker::Turn;

/// The channel that wakes subscribers.
const CHANNEL: &str = "wo_event";

/// After the worker has been busy with one job for so long, in microseconds, commits wake subscribers
/// themselves again.
const LONGEST_SILENCE: i64 = 250_000;

/// Registers the hooks of transactions; called once in a backend.
pub fn register() {
    // PostgreSQL sends what was notified so late.
    pg::transaction::committing(committing);
    pg::transaction::at_end(at_end);
}

/// When the commit begins: NOTIFY in the transaction itself, where nobody else will.
fn committing() {
    let position = event::newest_here();
    if position == 0 {
        return;
    }
    let by_transaction = match NOTIFY.get() {
        Notify::Transaction => true,
        Notify::Auto => !worker_listens(),
        Notify::Worker => false,
        Notify::Off => {
            event::take_newest_here();
            false
        }
    };
    if by_transaction {
        notify(position);
        event::take_newest_here();
    }
}

/// Whether a worker wakes the subscribers of this database, and is not busy with something long.
fn worker_listens() -> bool {
    shared::own_site().is_some_and(|site| {
        let busy_since = site.busy_since.load(SeqCst);
        site.state() == State::Serving
            && (busy_since == 0 || crate::kernel::identity::now() - busy_since < LONGEST_SILENCE)
    })
}

/// At the end of the transaction: notifies the worker of the position, or that nobody is held back any
/// more. No ERROR, no lock, no allocation.
fn at_end(end: End) {
    let marked = event::take_newest_here();
    let held_back = event::take_hold();
    let position = if end == End::Committed { marked } else { 0 };
    if position == 0 && !held_back {
        return;
    }
    let Some(site) = shared::own_site() else { return };
    let newest = site.newest.fetch_max(position, SeqCst).max(position);
    if newest > site.announced.load(SeqCst) && site.listening.swap(0, SeqCst) == 1 {
        site.wake();
    }
}

fn notify(position: i64) {
    crate::pg::server::notify(CHANNEL, &position.to_string());
}

/// The worker's end of the pump.
pub struct Pump {
    site: &'static Site,
    state: rules::Pump,
    checked_at: Instant,
    failures: u32,
}

impl Pump {
    pub fn new(site: &'static Site) -> Self {
        Self { site, state: rules::Pump::default(), checked_at: Instant::now(), failures: 0 }
    }

    /// Wakes subscribers where there is something new. Gives when to come again; nothing to wait for a
    /// commit.
    pub fn turn(&mut self) -> Option<Duration> {
        let interval = Duration::from_millis(NOTIFY_INTERVAL.get().unsigned_abs().into());
        if self.failures > 0 {
            let pause =
                rules::pause(self.failures, Duration::from_secs(1), Duration::from_secs(60));
            if let Some(left) = pause.checked_sub(self.checked_at.elapsed()) {
                return Some(left);
            }
        }
        let site = self.site;
        let newest = site.newest.load(SeqCst);
        match self.state.turn(newest, self.checked_at.elapsed(), interval) {
            Turn::Wait(left) => {
                site.listening.store(0, SeqCst);
                Some(left)
            }
            Turn::Sleep => {
                site.listening.store(1, SeqCst);
                // A transaction that committed just before did not see that we listen.
                (site.newest.load(SeqCst) > newest).then_some(Duration::ZERO)
            }
            Turn::Announce => self.announce(interval),
        }
    }

    fn announce(&mut self, interval: Duration) -> Option<Duration> {
        let site = self.site;
        let mut state = self.state;
        let announced = transaction(|| {
            let horizon = event::horizon();
            if state.announced.is_none() {
                // What was committed before the worker listened is news too.
                site.newest.fetch_max(horizon, SeqCst);
            }
            if let Some(position) = state.look(site.newest.load(SeqCst), horizon) {
                // Waking is no promise: the events themselves are.
                crate::pg::process::set(c"synchronous_commit", c"off", true);
                notify(position);
            }
        });
        self.checked_at = Instant::now();
        match announced {
            Ok(()) => {
                self.failures = 0;
                self.state = state;
                site.announced.store(self.state.announced.unwrap_or(0), SeqCst);
                site.listening.store(1, SeqCst);
                Some(self.state.look_again(interval).unwrap_or(Duration::ZERO))
            }
            Err(why) => {
                self.failures = self.failures.saturating_add(1);
                let is_logged = rules::is_logged(why.is_passing, self.failures, self.failures == 1);
                if is_logged && !crate::pg::process::is_to_end() {
                    let text = format!("subscribers could not be woken: {}", why.text);
                    pgrx::warning!("{}", pg::log::line(&text));
                }
                Some(Duration::from_secs(1))
            }
        }
    }
}
