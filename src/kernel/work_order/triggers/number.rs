//! Giving a new work order its number.

use crate::kernel::identity::random_bytes;
use crate::kernel::work_order::record::pending::Written;
use crate::pg::cache::Cached;
use crate::pg::lock::{Lock, Purpose};
use crate::pg::lookup::{self, Key};
use crate::pg::statement::{Mode, statement, text, uuid as uuid_argument};
use crate::pg::transaction;
use std::cell::RefCell;
use std::collections::HashSet;
use uuid::Uuid;
use wo_rules::number::{DRAWS, Format, WIDEST, block_of, in_block};
use wo_rules::refusal::{Refusal, SqlState};
use wo_rules::time::{Day, day_of_timestamp};

statement!(
    TAKEN,
    "select true from wo.work_order where tenant_id = $1 and wo_number = $2",
    [UUIDOID, TEXTOID]
);

/// Up to how many random digits two transactions may draw the same number: longer ones are taken to be free
/// where they are not stored.
const CROWDED: usize = 7;

/// How many numbers a transaction draws one by one, each under a lock of its own. From then on it draws from
/// blocks that are its own until it ends, so that it holds few locks however many it draws.
const SINGLES: usize = 8;

/// How many numbers or blocks that others hold are passed over before the next number gets a digit more.
const MOST_BUSY: u32 = 64;

/// Of how many days of tenants a backend remembers that their short numbers are used up.
const REMEMBERED: usize = 64;

/// A tenant's numbers of a day.
type Space = (Uuid, Day);

thread_local! {
    /// The digits that numbers of a day need, where fewer were found to be used up by stored numbers.
    static NEEDED: RefCell<Cached<Space, usize>> = RefCell::new(Cached::lasting(REMEMBERED));
    /// What this transaction has drawn.
    static TRANSACTION: RefCell<Drawn> = RefCell::default();
}

/// What a transaction has drawn.
#[derive(Default)]
struct Drawn {
    /// The numbers: rows of the same statement are not to be seen yet.
    numbers: HashSet<(Uuid, String)>,
    /// Those that were drawn since somebody asked.
    since: Vec<String>,
    /// The digits that further numbers need, by what this transaction drew and has not committed.
    needed: Option<(Space, usize)>,
    /// The block from which it draws: its space, the digits, and the first two of them.
    block: Option<(Space, usize, u8)>,
}

/// Registers what forgets the numbers that a transaction drew, when it is over; called once in a
/// backend.
pub fn register() {
    transaction::at_end(|_| drop(TRANSACTION.take()));
}

/// What became of a draw.
enum Outcome {
    /// Nobody has the number.
    Free(String),
    /// A stored work order has it.
    Stored,
    /// This transaction has drawn it.
    Own,
    /// Another transaction holds it, or may be about to draw it.
    Busy,
}

/// Draws a free number.
///
/// # Errors
/// 22023 `number_format`; 23505 `number_taken` where the tenant's numbers are used up.
pub fn draw(tenant: Uuid, format: &str, at: i64) -> Result<String, Refusal> {
    let format = Format::parse(format)?;
    let day = day_of_timestamp(at);
    let space = (tenant, day);
    let remembered = NEEDED.with_borrow_mut(|all| all.get(&space)).unwrap_or(0);
    let (count, own) = TRANSACTION.with_borrow(|drawn| {
        let own = drawn.needed.filter(|(of, _)| *of == space).map_or(0, |(_, width)| width);
        (drawn.numbers.len(), own)
    });
    let least = format.own_width().max(remembered).max(own);
    for width in least..=WIDEST {
        let mut is_stored = true;
        let (mut taken, mut busy) = (0, 0);
        while taken < DRAWS && busy < MOST_BUSY {
            let random = u64::from_be_bytes(random_bytes::<8>());
            let outcome = match count {
                _ if width > CROWDED => state_of(tenant, format.write(day, random, width)),
                0..SINGLES => single(space, &format, random, width),
                _ => from_a_block(space, &format, random, width),
            };
            match outcome {
                Outcome::Free(number) => {
                    TRANSACTION.with_borrow_mut(|drawn| {
                        drawn.numbers.insert((tenant, number.clone()));
                        drawn.since.push(number.clone());
                    });
                    return Ok(number);
                }
                Outcome::Stored => taken += 1,
                Outcome::Own => {
                    taken += 1;
                    is_stored = false;
                }
                Outcome::Busy => busy += 1,
            }
        }
        // What others hold may be free again later.
        let is_crowded = taken >= DRAWS;
        if is_stored && is_crowded {
            NEEDED.with_borrow_mut(|all| all.insert(space, width + 1));
        }
        if is_crowded {
            TRANSACTION.with_borrow_mut(|drawn| drawn.needed = Some((space, width + 1)));
        }
    }
    Err(Refusal::new(
        SqlState::Duplicate,
        "number_taken",
        "no free work order number was found in the tenant's format",
    )
    .hint("Give the tenant a number format with a longer random part."))
}

/// One number of any block, under a lock of its own; the block is shared with others who do the same.
fn single(space: Space, format: &Format, random: u64, width: usize) -> Outcome {
    let number = format.write(space.1, random, width);
    let key = [space.0.as_bytes(), number.as_bytes()].concat();
    match block_lock(space, width, block_of(random)).try_share_until_end()
        && Lock::new(Purpose::Number, &key).try_until_end()
    {
        true => state_of(space.0, number),
        false => Outcome::Busy,
    }
}

/// A number of the block that this transaction has for itself, or of another one where that is used up.
fn from_a_block(space: Space, format: &Format, random: u64, width: usize) -> Outcome {
    let current = TRANSACTION.with_borrow(|drawn| drawn.block);
    let current = current.filter(|(of, digits, _)| (*of, *digits) == (space, width));
    let block = current.map_or(block_of(random), |(.., block)| block);
    // What a savepoint has released is taken again.
    if !block_lock(space, width, block).try_until_end() {
        TRANSACTION.with_borrow_mut(|drawn| drawn.block = None);
        return Outcome::Busy;
    }
    let mut outcome = Outcome::Own;
    for _ in 0..DRAWS {
        let random = in_block(u64::from_be_bytes(random_bytes::<8>()), block);
        outcome = state_of(space.0, format.write(space.1, random, width));
        if let Outcome::Free(_) = outcome {
            TRANSACTION.with_borrow_mut(|drawn| drawn.block = Some((space, width, block)));
            return outcome;
        }
    }
    TRANSACTION.with_borrow_mut(|drawn| drawn.block = None);
    outcome
}

/// The lock of a block: shared by those who drew single numbers of it, or held by the one who draws from it.
fn block_lock((tenant, day): Space, width: usize, block: u8) -> Lock {
    let place = format!("{}-{}-{} {width} {block}", day.year, day.month, day.day);
    Lock::new(Purpose::NumberBlock, &[tenant.as_bytes(), place.as_bytes()].concat())
}

fn state_of(tenant: Uuid, number: String) -> Outcome {
    let key = (tenant, number);
    match TRANSACTION.with_borrow(|drawn| drawn.numbers.contains(&key)) {
        true => Outcome::Own,
        false if is_taken(tenant, &key.1) => Outcome::Stored,
        false => Outcome::Free(key.1),
    }
}

/// Runs `write`, which creates work orders, and gives the numbers that were drawn for them.
pub fn drawn_during<T>(write: impl FnOnce() -> T) -> (T, Vec<String>) {
    let since = || TRANSACTION.with_borrow_mut(|drawn| std::mem::take(&mut drawn.since));
    drop(since());
    let result = write();
    (result, since())
}

/// Whether one of these numbers is stored now, though none of the created work orders has it.
pub fn is_any_taken(tenant: Uuid, drawn: &[String], created: &[Written]) -> bool {
    drawn
        .iter()
        .any(|number| created.iter().all(|one| one.number != *number) && is_taken(tenant, number))
}

/// Whether a work order of that number is stored. The unique index itself is asked: a kept plan that
/// was made while the table was empty may read all that the tenant has, for each row anew.
fn is_taken(tenant: Uuid, number: &str) -> bool {
    let (table, index) = ("work_order", "work_order_wo_number_key");
    if lookup::is_indexed(table, index) {
        let key = [Key::Uuid("tenant_id", tenant), Key::Text("wo_number", number)];
        return lookup::find(table, index, &key, |_| Some(())).is_some();
    }
    let arguments = [uuid_argument(tenant), text(number)];
    TAKEN.with(|statement| statement.run(Mode::Latest, &arguments, |rows| rows.count() > 0))
}
