//! Where refused attempts wait to be written down: bounded, and fair.
//!
//! The same attempt (the same who, work order and code) counts up instead of taking a second place,
//! and rests for a while after it was written: longer each time, and longer the more places its author
//! holds, so that nobody fills a database by trying again. Nobody may hold more than a quarter of the
//! places, and no login role more than half. What finds no place is counted, and the count is written
//! down too.

use super::{Attempt, Short};
use std::hash::{DefaultHasher, Hash, Hasher};

/// A second, in microseconds.
const SECOND: i64 = 1_000_000;

/// How long an attempt rests at most after it was written.
const LONGEST_REST: i64 = 600 * SECOND;

/// After so long without being emptied, the attempts of a database make way for others'.
const ABANDONED: i64 = 60 * SECOND;

/// For how many databases the ring keeps books.
pub const DATABASES: usize = 64;

/// How many entries a second are written in a database.
pub const PER_SECOND: u32 = 100;

/// What has become of a place.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[repr(u8)]
pub enum State {
    /// Nothing is in it.
    #[default]
    Free = 0,
    /// It waits to be written, or rests after that.
    Kept = 1,
    /// It is being written.
    InHand = 2,
}

/// What is looked at to find a place, apart from the attempt itself, so that looking is quick.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub struct Head {
    same: u64,
    who: u64,
    login: u64,
    database: u32,
    state: State,
    unwritten: u64,
    in_hand: u64,
    rest: i64,
    not_before: i64,
}

/// The books of one database.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub struct Book {
    database: u32,
    emptied_at: i64,
    window: i64,
    written: u32,
    dropped: u64,
    dropped_in_hand: u64,
    dropped_first: i64,
    dropped_last: i64,
    dropped_login: Short<64>,
    rest: i64,
    not_before: i64,
}

/// Attempts that found no place.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Dropped {
    /// How many.
    pub count: u64,
    /// When the first.
    pub first_at: i64,
    /// When the last.
    pub last_at: i64,
    /// Who logged in for the last of them.
    pub login_role: Short<64>,
}

/// What became of an attempt.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Put {
    /// It has a place of its own.
    Kept,
    /// It was counted with the same one before.
    Counted,
    /// There was no place; that was counted.
    Dropped,
}

/// The ring, over memory that outlives it. Memory of zeros is an empty ring.
pub struct Ring<'a> {
    /// One for each attempt.
    pub heads: &'a mut [Head],
    /// The attempts.
    pub attempts: &'a mut [Attempt],
    /// The books.
    pub books: &'a mut [Book; DATABASES],
}

/// Something to be written: its place, and what.
#[derive(Clone, Copy, Debug)]
pub struct Taken {
    /// Its place, to be given back by [`Ring::settle`].
    pub place: usize,
    /// What is to be written.
    pub attempt: Attempt,
}

/// How a database's attempts stand.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Backlog {
    /// How many attempts wait.
    pub waiting: u64,
    /// How many found no place and are not on record yet.
    pub dropped: u64,
}

fn hash(value: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

impl<const N: usize> Hash for Short<N> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

fn is_same(one: &Attempt, other: &Attempt) -> bool {
    let (a, b) = (&one.source, &other.source);
    a.database == b.database
        && a.tenant == b.tenant
        && a.principal == b.principal
        && a.login_role == b.login_role
        && one.work_order == other.work_order
        && one.code == other.code
}

impl Head {
    fn of(attempt: &Attempt) -> Self {
        let source = &attempt.source;
        let login = hash(source.login_role);
        let who = hash((login, source.tenant, source.principal));
        Self {
            same: hash((who, source.database, attempt.work_order, attempt.code)),
            who,
            login,
            database: source.database,
            state: State::Kept,
            unwritten: attempt.attempts,
            ..Self::default()
        }
    }

    /// Whether it takes a place that nobody else may have.
    fn is_held(&self, now: i64) -> bool {
        self.state != State::Free && (self.unwritten + self.in_hand > 0 || self.is_resting(now))
    }

    fn is_resting(&self, now: i64) -> bool {
        self.state == State::Kept && self.not_before > now
    }

    fn is_due(&self, now: i64) -> bool {
        self.state == State::Kept && self.unwritten > 0 && self.not_before <= now
    }

    /// Whether it may make way for another: nothing in it is unwritten.
    fn is_idle(&self) -> bool {
        self.state == State::Kept && self.unwritten == 0
    }
}

/// How long an attempt rests the first time, whose author holds so many places.
fn first_rest(held: usize) -> i64 {
    let held = i64::try_from(held.min(1 << 16)).unwrap_or(0);
    (held * held * SECOND / 64).min(LONGEST_REST)
}

/// How long to rest, after so long a rest before.
fn longer(rest: i64) -> i64 {
    (rest * 2).clamp(SECOND, LONGEST_REST)
}

impl Ring<'_> {
    /// Keeps an attempt.
    pub fn put(&mut self, attempt: &Attempt) -> Put {
        let now = attempt.last_at;
        let head = Head::of(attempt);
        if let Some(place) = self.find(&head, attempt) {
            self.count(place, attempt);
            return Put::Counted;
        }
        match self.room_for(&head, now) {
            Some((place, held)) => {
                let before = self.heads[place];
                if before.unwritten > 0 {
                    let attempts = before.unwritten;
                    self.drop_one(&Attempt { attempts, ..self.attempts[place] });
                }
                self.heads[place] = Head { rest: first_rest(held) / 2, ..head };
                self.attempts[place] = *attempt;
                Put::Kept
            }
            None => {
                self.drop_one(attempt);
                Put::Dropped
            }
        }
    }

    fn find(&self, head: &Head, attempt: &Attempt) -> Option<usize> {
        (0..self.heads.len()).find(|place| {
            let kept = &self.heads[*place];
            kept.state != State::Free
                && kept.same == head.same
                && is_same(&self.attempts[*place], attempt)
        })
    }

    fn count(&mut self, place: usize, attempt: &Attempt) {
        let (head, kept) = (&mut self.heads[place], &mut self.attempts[place]);
        if head.unwritten == 0 {
            // What was written, or is being written, stands by itself: this one begins anew, with the
            // sentence of now.
            *kept = Attempt { attempts: 0, ..*attempt };
        }
        head.unwritten += attempt.attempts;
        kept.last_at = attempt.last_at;
    }

    /// A place, where fairness leaves one, and how many its author holds already.
    fn room_for(&self, head: &Head, now: i64) -> Option<(usize, usize)> {
        let all = self.heads.len();
        let (mut by_who, mut by_login) = (0, 0);
        let (mut free, mut idle): (Option<usize>, Option<usize>) = (None, None);
        for (place, kept) in self.heads.iter().enumerate() {
            if kept.is_held(now) {
                by_who += usize::from(kept.who == head.who);
                by_login += usize::from(kept.login == head.login);
            }
            if kept.state == State::Free {
                free = free.or(Some(place));
            } else if kept.is_idle()
                && idle.is_none_or(|best| kept.not_before < self.heads[best].not_before)
            {
                idle = Some(place);
            }
        }
        if by_who >= (all / 4).max(1) || by_login >= (all / 2).max(1) {
            return None;
        }
        // Who holds little may end another's rest.
        let idle = idle.filter(|place| !self.heads[*place].is_resting(now) || by_who < all / 16);
        free.or(idle).or_else(|| self.abandoned(head.database, now)).map(|place| (place, by_who))
    }

    /// The oldest attempt of another database that nobody empties.
    fn abandoned(&self, database: u32, now: i64) -> Option<usize> {
        (0..self.heads.len())
            .filter(|place| {
                let kept = &self.heads[*place];
                let emptied = self.book(kept.database).map_or(0, |book| book.emptied_at);
                kept.state == State::Kept && kept.database != database && now - emptied > ABANDONED
            })
            .min_by_key(|place| self.attempts[*place].first_at)
    }

    fn book(&self, database: u32) -> Option<&Book> {
        self.books.iter().find(|book| book.database == database)
    }

    fn open_book(&mut self, database: u32) -> Option<&mut Book> {
        let known = self.books.iter().position(|book| book.database == database);
        let place = known.or_else(|| self.books.iter().position(|book| book.database == 0))?;
        let book = &mut self.books[place];
        book.database = database;
        Some(book)
    }

    fn drop_one(&mut self, attempt: &Attempt) {
        let Some(book) = self.open_book(attempt.source.database) else { return };
        if book.dropped == 0 {
            book.dropped_first = attempt.first_at;
        }
        book.dropped += attempt.attempts;
        book.dropped_last = attempt.last_at;
        book.dropped_login = attempt.source.login_role;
    }

    /// When something of a database is to be written next.
    #[must_use]
    pub fn next_due(&self, database: u32) -> Option<i64> {
        let attempts = self
            .heads
            .iter()
            .filter(|head| {
                head.database == database && head.state == State::Kept && head.unwritten > 0
            })
            .map(|head| head.not_before)
            .min();
        let book = self.book(database);
        let dropped = book.filter(|book| book.dropped > 0).map(|book| book.not_before);
        let due = [attempts, dropped].into_iter().flatten().min()?;
        // A full second's worth has been written: the next second's.
        let full = book
            .filter(|book| book.written >= PER_SECOND)
            .map_or(i64::MIN, |book| book.window + SECOND);
        Some(due.max(full))
    }

    /// Takes what is due of one tenant of a database, the longest waiting first; it is given back by
    /// [`Ring::settle`].
    pub fn take(&mut self, database: u32, now: i64) -> Vec<Taken> {
        let Some(book) = self.open_book(database) else { return Vec::new() };
        book.emptied_at = now;
        if now - book.window >= SECOND || now < book.window {
            book.window = now;
            book.written = 0;
        }
        let left = PER_SECOND.saturating_sub(book.written) as usize;
        let mut due: Vec<usize> = (0..self.heads.len())
            .filter(|place| {
                self.heads[*place].database == database && self.heads[*place].is_due(now)
            })
            .collect();
        due.sort_by_key(|place| self.attempts[*place].first_at);
        let Some(tenant) = due.first().map(|place| self.attempts[*place].source.tenant) else {
            return Vec::new();
        };
        due.retain(|place| self.attempts[*place].source.tenant == tenant);
        due.truncate(left);
        let taken: Vec<Taken> = due
            .into_iter()
            .map(|place| {
                let head = &mut self.heads[place];
                head.in_hand = std::mem::take(&mut head.unwritten);
                head.state = State::InHand;
                let attempt = Attempt { attempts: head.in_hand, ..self.attempts[place] };
                Taken { place, attempt }
            })
            .collect();
        if let Some(book) = self.open_book(database) {
            book.written += u32::try_from(taken.len()).unwrap_or(u32::MAX);
        }
        taken
    }

    /// Gives back what was taken: written, or to be written another time.
    pub fn settle(&mut self, taken: &[Taken], written: bool, now: i64) {
        for one in taken {
            let Some(head) = self.heads.get_mut(one.place) else { continue };
            if head.state != State::InHand {
                continue;
            }
            head.state = State::Kept;
            let in_hand = std::mem::take(&mut head.in_hand);
            if written {
                head.rest = longer(head.rest);
                head.not_before = now + head.rest;
            } else {
                // What could not be written waits, so that it does not keep others from being.
                head.rest = longer(head.rest);
                head.not_before = now + head.rest;
                head.unwritten += in_hand;
                self.attempts[one.place].first_at = one.attempt.first_at;
            }
        }
    }

    /// Takes the count of what found no place, where it is due; given back by
    /// [`Ring::settle_dropped`].
    pub fn take_dropped(&mut self, database: u32, now: i64) -> Option<Dropped> {
        let book = self.books.iter_mut().find(|book| book.database == database)?;
        if book.dropped == 0 || book.dropped_in_hand > 0 || book.not_before > now {
            return None;
        }
        book.dropped_in_hand = std::mem::take(&mut book.dropped);
        Some(Dropped {
            count: book.dropped_in_hand,
            first_at: book.dropped_first,
            last_at: book.dropped_last,
            login_role: book.dropped_login,
        })
    }

    /// Gives back the count: written, or to be written another time.
    pub fn settle_dropped(&mut self, database: u32, dropped: &Dropped, written: bool, now: i64) {
        let Some(book) = self.books.iter_mut().find(|book| book.database == database) else {
            return;
        };
        book.dropped_in_hand = 0;
        if written {
            book.rest = longer(book.rest);
            book.not_before = now + book.rest;
        } else {
            book.dropped += dropped.count;
            book.dropped_first = dropped.first_at;
        }
    }

    /// How a database stands.
    #[must_use]
    pub fn backlog(&self, database: u32) -> Backlog {
        let heads = self.heads.iter().filter(|head| head.database == database);
        Backlog {
            waiting: heads
                .filter(|head| head.state != State::Free)
                .map(|head| head.unwritten + head.in_hand)
                .sum(),
            dropped: self.book(database).map_or(0, |book| book.dropped + book.dropped_in_hand),
        }
    }
}

#[cfg(test)]
mod tests;
