//! Giving a new work order its number.

use crate::kernel::identity::random_bytes;
use crate::kernel::work_order::record::pending::Written;
use crate::pg::lock::{Lock, Purpose};
use crate::pg::lookup::{self, Key};
use crate::pg::statement::{Mode, statement, text, uuid as uuid_argument};
use crate::pg::transaction;
use std::cell::RefCell;
use std::collections::HashSet;
use uuid::Uuid;
use wo_rules::number::Format;
use wo_rules::refusal::{Refusal, SqlState};
use wo_rules::time::{Day, day_of_timestamp};

statement!(
    TAKEN,
    "select true from wo.work_order where tenant_id = $1 and wo_number = $2",
    [UUIDOID, TEXTOID]
);

/// How often a number is drawn before giving up; each draw is from a space 256 times larger.
const DRAWS: u32 = 8;

/// Up to how many random digits two transactions may draw the same number. A backend that draws many draws longer ones.
const CROWDED: usize = 7;

thread_local! {
    /// How many numbers this backend gave that tenant on that day.
    static GIVEN: RefCell<Option<(Uuid, Day, u64)>> = const { RefCell::new(None) };
    /// The numbers that this transaction drew: rows of the same statement are not to be seen yet.
    static DRAWN: RefCell<HashSet<(Uuid, String)>> = RefCell::default();
    /// The numbers that were drawn since somebody asked.
    static SINCE: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

/// Registers what forgets the numbers that a transaction drew, when it is over; called once in a
/// backend.
pub fn register() {
    transaction::at_end(|_| {
        DRAWN.with_borrow_mut(HashSet::clear);
        SINCE.with_borrow_mut(Vec::clear);
    });
}

/// Draws a free number.
///
/// # Errors
/// 22023 `number_format`; 23505 `number_taken` where the tenant's numbers are used up.
pub fn draw(tenant: Uuid, format: &str, at: i64) -> Result<String, Refusal> {
    let format = Format::parse(format)?;
    let day = day_of_timestamp(at);
    let given = GIVEN.with_borrow_mut(|given| match given {
        Some((same_tenant, same_day, count)) if *same_tenant == tenant && *same_day == day => {
            *count += 1;
            *count - 1
        }
        _ => {
            *given = Some((tenant, day, 1));
            0
        }
    });
    for collisions in 0..DRAWS {
        let random = u64::from_be_bytes(random_bytes::<8>());
        let width = format.width(given, collisions);
        let number = format.write(day, random, width);
        if DRAWN.with_borrow(|all| all.contains(&(tenant, number.clone()))) {
            continue;
        }
        if !is_taken(tenant, &number) && (width > CROWDED || is_mine(tenant, &number)) {
            DRAWN.with_borrow_mut(|all| all.insert((tenant, number.clone())));
            SINCE.with_borrow_mut(|all| all.push(number.clone()));
            return Ok(number);
        }
    }
    Err(Refusal::new(
        SqlState::Duplicate,
        "number_taken",
        "no free work order number was found in the tenant's format",
    )
    .hint("Give the tenant a number format with a longer random part."))
}

/// Runs `write`, which creates work orders, and gives the numbers that were drawn for them.
pub fn drawn_during<T>(write: impl FnOnce() -> T) -> (T, Vec<String>) {
    SINCE.take();
    let result = write();
    (result, SINCE.take())
}

/// Whether one of these numbers is stored now, though none of the created work orders has it.
pub fn is_any_taken(tenant: Uuid, drawn: &[String], created: &[Written]) -> bool {
    drawn
        .iter()
        .any(|number| created.iter().all(|one| one.number != *number) && is_taken(tenant, number))
}

/// Whether nobody else has drawn that number who has not committed: they would be waited for, and then one of
/// both would fail.
fn is_mine(tenant: Uuid, number: &str) -> bool {
    Lock::new(Purpose::Number, &[tenant.as_bytes(), number.as_bytes()].concat()).try_until_end()
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
