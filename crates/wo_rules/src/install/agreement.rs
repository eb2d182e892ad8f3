//! What the sessions of a server tell each other of the records: that one of them has found those of
//! a database in order, and that nothing was altered since.
//!
//! It is a structure for shared memory: zeros are its beginning, and it needs no lock.
//!
//! No session relies on an outcome that is older than a committed alteration. Whoever alters says so
//! before it commits ([`Agreement::alter`]) and takes that back when the commit can be seen by
//! everybody ([`Agreement::altered`]), by a new generation. Whoever asks first sees that nobody is
//! altering, then reads the generation; an outcome counts for the one generation before which it was
//! looked for.
//! - An alteration that could be seen before the question was announced before it, too. Either it
//!   is still announced, and there is no answer; or it has made a new generation, which the question
//!   reads, so that the outcome was looked for after it could be seen.
//! - An alteration that is committed after the question is concurrent with it. What it makes of the
//!   outcome it says by itself, as ever: PostgreSQL tells each session of an altered table after the
//!   new generation was made, so a session that has heard of it never gets the older outcome.
//! - An outcome that is said late, when an alteration was committed meanwhile, is one of an older
//!   generation, and counts no more.

use std::sync::atomic::Ordering::SeqCst;
use std::sync::atomic::{AtomicU32, AtomicU64};

/// Of how many databases something is known. Those that come later look for themselves.
pub const DATABASES: usize = 64;

/// What is known of one database.
#[derive(Debug, Default)]
#[repr(C)]
pub struct Found {
    /// The database's oid; 0 where the place is free.
    database: AtomicU32,
    /// The generation after the one in which they were found in order; 0 for never.
    after: AtomicU64,
}

/// See the module.
#[derive(Debug)]
#[repr(C)]
pub struct Agreement {
    /// How many transactions that alter something are about to commit.
    altering: AtomicU32,
    /// How many of them have ended.
    generation: AtomicU64,
    found: [Found; DATABASES],
}

/// What is known when somebody asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// The answer was yes, and nothing was altered since.
    Yes,
    /// Nothing: whoever looks now may say what it found, as of this generation.
    Unknown(u64),
    /// Somebody is altering something: whoever looks now keeps to itself what it found.
    Unsettled,
}

impl Default for Agreement {
    fn default() -> Self {
        Self {
            altering: AtomicU32::new(0),
            generation: AtomicU64::new(0),
            found: std::array::from_fn(|_| Found::default()),
        }
    }
}

impl Agreement {
    /// What is known of a database. Whoever has to look takes its snapshot after this.
    pub fn ask(&self, database: u32) -> Answer {
        if self.altering.load(SeqCst) != 0 {
            return Answer::Unsettled;
        }
        let generation = self.generation.load(SeqCst);
        let found = self.found.iter().find(|found| found.database.load(SeqCst) == database);
        match found.map_or(0, |found| found.after.load(SeqCst)) {
            after if after == generation + 1 => Answer::Yes,
            _ => Answer::Unknown(generation),
        }
    }

    /// Says that the answer for a database is yes, by somebody who was told to look in that
    /// generation.
    pub fn say(&self, database: u32, generation: u64) {
        let place = self.found.iter().find(|found| {
            let taken = found.database.compare_exchange(0, database, SeqCst, SeqCst);
            taken.is_ok() || taken == Err(database)
        });
        if let Some(place) = place {
            // Of two who view, the later says more.
            place.after.fetch_max(generation + 1, SeqCst);
        }
    }

    /// Before the commit of a transaction that has altered something.
    pub fn alter(&self) {
        self.altering.fetch_add(1, SeqCst);
    }

    /// After its end, when everybody can see what it has done; once for each [`Agreement::alter`].
    pub fn altered(&self) {
        self.generation.fetch_add(1, SeqCst);
        self.altering.fetch_sub(1, SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What each of three actors does, a step at a time, in every order: one alters and commits, two
    /// ask, look where they have to, and say what they found.
    #[derive(Clone, Copy)]
    struct Session {
        step: u8,
        answer: Answer,
        /// Whether the records were in order when it view.
        saw: bool,
        /// Whether the alteration was visible before it asked.
        asked_after_commit: bool,
    }

    struct World {
        agreement: Agreement,
        committed: bool,
        alterer: u8,
        sessions: [Session; 2],
    }

    const NEW: Session =
        Session { step: 0, answer: Answer::Unsettled, saw: false, asked_after_commit: false };

    impl World {
        fn after(order: &[usize]) -> Self {
            let mut world = Self {
                agreement: Agreement::default(),
                committed: false,
                alterer: 0,
                sessions: [NEW; 2],
            };
            for actor in order {
                match actor {
                    0 => world.alterer_steps(),
                    actor => world.session_steps(actor - 1),
                }
            }
            world
        }

        /// The records are in order until it commits, and damaged then.
        fn alterer_steps(&mut self) {
            match self.alterer {
                0 => self.agreement.alter(),
                1 => self.committed = true,
                _ => self.agreement.altered(),
            }
            self.alterer += 1;
        }

        fn session_steps(&mut self, which: usize) {
            let mut session = self.sessions[which];
            match (session.step, session.answer) {
                (0, _) => {
                    session.asked_after_commit = self.committed;
                    session.answer = self.agreement.ask(7);
                }
                (1, _) => session.saw = !self.committed,
                (_, Answer::Unknown(generation)) if session.saw => {
                    self.agreement.say(7, generation);
                }
                _ => {}
            }
            session.step += 1;
            self.sessions[which] = session;
        }
    }

    fn orders(left: [usize; 3], so_far: &mut Vec<usize>, all: &mut Vec<Vec<usize>>) {
        if left == [0; 3] {
            all.push(so_far.clone());
        }
        for actor in (0..3).filter(|actor| left[*actor] > 0) {
            let mut left = left;
            left[actor] -= 1;
            so_far.push(actor);
            orders(left, so_far, all);
            so_far.pop();
        }
    }

    #[test]
    fn in_no_order_does_anybody_rely_on_what_was_before_a_commit() {
        let mut all = Vec::new();
        orders([3; 3], &mut Vec::new(), &mut all);
        assert_eq!(all.len(), 1680);
        let mut relied = 0;
        for order in all {
            let world = World::after(&order);
            for session in world.sessions {
                let relies = session.answer == Answer::Yes;
                assert!(!(relies && session.asked_after_commit), "{order:?}");
                relied += usize::from(relies);
            }
            // Whoever asks when all is over has to look.
            assert_eq!(world.agreement.ask(7), Answer::Unknown(1), "{order:?}");
        }
        assert!(relied > 0);
    }

    #[test]
    fn what_was_found_counts_for_its_database_until_something_is_altered() {
        let agreement = Agreement::default();
        assert_eq!(agreement.ask(7), Answer::Unknown(0));
        agreement.say(7, 0);
        assert_eq!((agreement.ask(7), agreement.ask(8)), (Answer::Yes, Answer::Unknown(0)));
        agreement.alter();
        agreement.alter();
        agreement.altered();
        assert_eq!(agreement.ask(7), Answer::Unsettled);
        agreement.altered();
        assert_eq!(agreement.ask(7), Answer::Unknown(2));
        agreement.say(7, 2);
        // Said late by one who was told to look earlier.
        agreement.say(7, 0);
        assert_eq!(agreement.ask(7), Answer::Yes);
    }

    #[test]
    fn databases_that_find_no_place_look_for_themselves() {
        let agreement = Agreement::default();
        for database in 1..=DATABASES as u32 + 1 {
            agreement.say(database, 0);
        }
        assert_eq!(agreement.ask(DATABASES as u32), Answer::Yes);
        assert_eq!(agreement.ask(DATABASES as u32 + 1), Answer::Unknown(0));
    }
}
