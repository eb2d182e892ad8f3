use super::super::Source;
use super::*;

struct Memory {
    heads: Vec<Head>,
    attempts: Vec<Attempt>,
    books: [Book; DATABASES],
}

impl Memory {
    fn new(places: usize) -> Self {
        Self {
            heads: vec![Head::default(); places],
            attempts: vec![Attempt::default(); places],
            books: [Book::default(); DATABASES],
        }
    }

    fn ring(&mut self) -> Ring<'_> {
        Ring { heads: &mut self.heads, attempts: &mut self.attempts, books: &mut self.books }
    }

    fn put(&mut self, database: u32, login: &str, code: &str, at: i64) -> Put {
        self.ring().put(&attempt(database, login, code, at))
    }

    fn write(&mut self, database: u32, at: i64) -> Vec<(String, u64)> {
        let mut ring = self.ring();
        let taken = ring.take(database, at);
        ring.settle(&taken, true, at);
        taken
            .iter()
            .map(|one| (one.attempt.code.as_str().to_owned(), one.attempt.attempts))
            .collect()
    }
}

fn attempt(database: u32, login: &str, code: &str, at: i64) -> Attempt {
    Attempt {
        source: Source { database, login_role: Short::new(login), ..Source::default() },
        first_at: at,
        last_at: at,
        attempts: 1,
        code: Short::new(code),
        ..Attempt::default()
    }
}

#[test]
fn the_same_attempt_counts_up_until_it_is_written() {
    let mut memory = Memory::new(16);
    assert_eq!(memory.put(1, "ann", "gate", 0), Put::Kept);
    assert_eq!(memory.put(1, "ann", "gate", 5), Put::Counted);
    assert_eq!(memory.put(1, "ann", "role", 6), Put::Kept);
    let both = vec![("gate".to_owned(), 2), ("role".to_owned(), 1)];
    assert_eq!(memory.write(1, 10), both);
    assert_eq!(memory.write(1, 11), vec![]);
}

#[test]
fn what_was_written_rests_and_loses_nothing_meanwhile() {
    let mut memory = Memory::new(16);
    memory.put(1, "ann", "gate", 0);
    memory.write(1, 0);
    let mut now = 0;
    let (mut written, mut put, mut rests) = (1, 1, Vec::new());
    for _ in 0..12 {
        memory.put(1, "ann", "gate", now + 1);
        put += 1;
        assert_eq!(memory.write(1, now + 2), vec![]);
        let due = memory.ring().next_due(1).unwrap_or_default();
        rests.push((due - now) / SECOND);
        now = due;
        written += memory.write(1, now).iter().map(|(_, attempts)| attempts).sum::<u64>();
    }
    assert_eq!(written, put);
    assert_eq!(rests, [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 600, 600]);
}

#[test]
fn what_could_not_be_written_waits_again_with_all_its_attempts() {
    let mut memory = Memory::new(16);
    memory.put(1, "ann", "gate", 1);
    let taken = memory.ring().take(1, 2);
    memory.put(1, "ann", "gate", 3);
    assert_eq!(memory.ring().backlog(1).waiting, 2);
    memory.ring().settle(&taken, false, 4);
    // Not at once: it must not keep others from being written.
    assert_eq!(memory.ring().take(1, 5).len(), 0);
    let due = memory.ring().next_due(1).unwrap_or_default();
    assert!(due >= 4 + SECOND);
    let again = memory.ring().take(1, due);
    assert_eq!(again[0].attempt.attempts, 2);
    assert_eq!((again[0].attempt.first_at, again[0].attempt.last_at), (1, 3));
}

#[test]
fn nobody_crowds_the_others_out() {
    let mut memory = Memory::new(64);
    for number in 0..1_000 {
        memory.put(1, "flooder", &format!("c{number}"), number);
    }
    assert_eq!(memory.put(1, "ann", "gate", 2_000), Put::Kept);
    let backlog = memory.ring().backlog(1);
    assert_eq!(backlog.waiting + backlog.dropped, 1_001);
    assert_eq!(backlog.waiting, 64 / 4 + 1);
}

#[test]
fn one_login_with_many_names_leaves_half_to_the_others() {
    let mut memory = Memory::new(64);
    for number in 0..1_000u16 {
        let mut attempt = attempt(1, "pool", "gate", i64::from(number));
        attempt.source.principal = Short::new(&format!("p{number}"));
        memory.ring().put(&attempt);
    }
    assert_eq!(memory.ring().backlog(1).waiting, 32);
    assert_eq!(memory.put(1, "ann", "gate", 2_000), Put::Kept);
}

#[test]
fn whoever_tries_ever_new_things_is_written_ever_more_seldom() {
    let mut memory = Memory::new(1_024);
    let (mut written, mut now) = (0, 0);
    for number in 0..60_000 {
        now += SECOND / 10;
        memory.put(1, "flooder", &format!("c{number}"), now);
        if number % 10 == 0 {
            written += memory.write(1, now).len();
        }
    }
    // An hour and forty minutes.
    assert!(written < 3_500, "{written}");
}

#[test]
fn a_second_holds_so_many_entries_and_no_more() {
    let mut memory = Memory::new(1_024);
    let now = 5 * SECOND;
    for number in 0..200 {
        memory.put(1, "ann", &format!("c{number}"), now);
    }
    assert_eq!(memory.write(1, now).len(), PER_SECOND as usize);
    assert_eq!(memory.write(1, now + 10).len(), 0);
    assert_eq!(memory.ring().next_due(1), Some(now + SECOND));
    assert_eq!(memory.write(1, now + SECOND).len(), 100);
    assert_eq!(memory.ring().next_due(1), None);
}

#[test]
fn one_tenants_attempts_are_taken_at_a_time() {
    let mut memory = Memory::new(16);
    for tenant in [1, 2, 1] {
        let mut attempt = attempt(1, "ann", &format!("c{tenant}"), i64::from(tenant));
        attempt.source.tenant = [tenant; 16];
        memory.ring().put(&attempt);
    }
    assert_eq!(memory.write(1, 10), vec![("c1".to_owned(), 2)]);
    assert_eq!(memory.write(1, 10), vec![("c2".to_owned(), 1)]);
}

#[test]
fn databases_that_nobody_empties_make_way() {
    let mut memory = Memory::new(8);
    for (number, login) in ["a", "b", "c", "d"].into_iter().enumerate() {
        for code in ["x", "y"] {
            assert_eq!(memory.put(7, login, code, number as i64), Put::Kept);
        }
    }
    assert_eq!(memory.put(1, "ann", "gate", 10), Put::Dropped);
    assert_eq!(memory.put(1, "ann", "gate", ABANDONED + 10), Put::Kept);
    assert_eq!(memory.ring().backlog(7), Backlog { waiting: 7, dropped: 1 });
}

#[test]
fn the_count_of_what_found_no_place_is_written_once() {
    let mut memory = Memory::new(4);
    for number in 0..10 {
        memory.put(1, "ann", &format!("c{number}"), number);
    }
    let dropped = memory.ring().take_dropped(1, 20);
    let dropped = dropped.unwrap_or_else(|| panic!("nothing was dropped"));
    assert_eq!((dropped.count, dropped.first_at, dropped.last_at), (9, 1, 9));
    assert_eq!(dropped.login_role.as_str(), "ann");
    assert_eq!(memory.ring().take_dropped(1, 21), None);
    memory.ring().settle_dropped(1, &dropped, false, 22);
    assert_eq!(memory.ring().take_dropped(1, 23), Some(dropped));
    memory.ring().settle_dropped(1, &dropped, true, 24);
    assert_eq!(memory.ring().backlog(1).dropped, 0);
}
