//! Who notifies a master that all of its children have ended: the one whose child ends last, whatever runs
//! beside it, while nobody before that waits for anybody.
//!
//! A transaction that ends a child shares a lock of its master's through the commit, and looks for a child that is
//! open and that nobody is changing. If there is one, the transaction that ends it writes it later, and so comes
//! later to this lock. If there is none, all children that are open may be ending just now: then the
//! share is given up, and the lock taken alone, which waits for the commits of all who shared it. So
//! the transaction that takes the lock last does not share it, has waited for all the others, and sees that every
//! child has ended.
//!
//! A transaction that waives a child writes to no child, and so takes the lock alone from the start.

use crate::pg::cache::Cached;
use crate::pg::lock::{Lock, Purpose};
use crate::pg::lookup::{Key, Latest, at_once, is_indexed};
use crate::pg::row::{Row, is_untouched};
use crate::pg::run_as::as_trail;
use crate::pg::statement::{Mode, statement, uuid as uuid_argument};
use crate::pg::transaction::nesting_level;
use std::cell::RefCell;
use uuid::Uuid;

statement!(
    IS_OPEN,
    "select true from wo.work_order as child
     where child.tenant_id = $1 and child.master_id = $2 and child.locked_at is null
        and not exists (select from wo.waiver as waived
            where waived.tenant_id = $1 and waived.work_order_id = $2 and waived.child_id = child.id)
     limit 1",
    [UUIDOID, UUIDOID]
);
statement!(
    HAS_UNTOUCHED,
    "select true from wo.work_order as child
     where child.tenant_id = $1 and child.master_id = $2 and child.locked_at is null and child.xmax = '0'
        and not exists (select from wo.waiver as waived
            where waived.tenant_id = $1 and waived.work_order_id = $2 and waived.child_id = child.id)
     limit 1",
    [UUIDOID, UUIDOID]
);

/// By what a child stops being waited for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum By {
    /// It ended, or left its master.
    End,
    /// It was waived.
    Waiver,
}

/// The masters whose lock a transaction shares, each with the nesting level at which it took it.
#[derive(Default)]
pub struct Ending {
    shared: Vec<(i32, Uuid)>,
}

impl Ending {
    /// Whether no child of a master is open any more, and nobody else will find that.
    pub fn is_last(&mut self, tenant: Uuid, master: Uuid, by: By) -> bool {
        let lock = Lock::new(Purpose::Ending, &[*tenant.as_bytes(), *master.as_bytes()].concat());
        if by == By::End {
            if !self.shared.iter().any(|(_, shared)| *shared == master) {
                lock.share_until_end();
                self.shared.push((nesting_level(), master));
            }
            if has_untouched(tenant, master) {
                return false;
            }
        }
        // Two who share it would wait for each other. What an outer savepoint shares is its own to
        // give up: then one of two that wait for each other is refused.
        let level = nesting_level();
        let own = |(since, shared): &mut (i32, Uuid)| *since == level && *shared == master;
        if self.shared.extract_if(.., own).next().is_some() {
            lock.give_up_share();
        }
        lock.until_end();
        !has_open(tenant, master)
    }

    /// A rollback to a savepoint gives up what was shared since.
    pub fn at_rollback_to_savepoint(&mut self, level: i32) {
        self.shared.retain(|(since, _)| *since < level);
    }

    /// What a released savepoint shared belongs to what is around it.
    pub fn at_release_of_savepoint(&mut self, level: i32) {
        for (since, _) in &mut self.shared {
            *since = (*since).min(level - 1);
        }
    }
}

/// Whether a child is open that nobody has waived.
pub fn has_open(tenant: Uuid, master: Uuid) -> bool {
    asked(&IS_OPEN, tenant, master)
}

thread_local! {
    /// The child of a master, by tenant and master, that was found to be open last.
    static OPEN: RefCell<Cached<(Uuid, Uuid), Uuid>> = RefCell::new(Cached::lasting(REMEMBERED));
}

/// Of how many masters a backend remembers an open child.
const REMEMBERED: usize = 256;

/// Whether a child is open which nobody is changing. No wrong yes: a child that is found so is written
/// after this.
///
/// The child that was found last is asked first, and the newest before the others: children end in the
/// order in which they were made, as a rule, and the index is full of those that have just ended.
fn has_untouched(tenant: Uuid, master: Uuid) -> bool {
    let (table, index, by_id) = ("work_order", "work_order_open_child", "work_order_pkey");
    if !is_indexed(table, index) || !is_indexed(table, by_id) {
        return asked(&HAS_UNTOUCHED, tenant, master);
    }
    at_once(|latest| {
        let untouched = |child: &Row| {
            let id: pgrx::Uuid = child.named("id")?;
            let of: pgrx::Uuid = child.named("master_id")?;
            let is_open = child.column("locked_at").is_some_and(|at| child.is_null(at));
            let is_it = of.as_bytes() == master.as_bytes()
                && is_open
                && is_untouched(child)
                && !is_waived(latest, tenant, master, id);
            is_it.then(|| Uuid::from_bytes(*id.as_bytes()))
        };
        let known = OPEN.with_borrow_mut(|all| all.get(&(tenant, master)));
        let still = known.and_then(|id| {
            let key = [Key::Uuid("tenant_id", tenant), Key::Uuid("id", id)];
            latest.find(table, by_id, &key, untouched)
        });
        if still.is_some() {
            return true;
        }
        let key = [Key::Uuid("tenant_id", tenant), Key::Uuid("master_id", master)];
        // The index holds the open children. Where it missed one, the lock would be waited for.
        let found = latest.find_last_in_index(table, index, &key, untouched);
        if let Some(id) = found {
            OPEN.with_borrow_mut(|all| all.insert((tenant, master), id));
        }
        found.is_some()
    })
}

fn is_waived(latest: &Latest, tenant: Uuid, master: Uuid, child: pgrx::Uuid) -> bool {
    let child = Uuid::from_bytes(*child.as_bytes());
    let key = [
        Key::Uuid("tenant_id", tenant),
        Key::Uuid("work_order_id", master),
        Key::Uuid("child_id", child),
    ];
    latest.find("waiver", "waiver_pkey", &key, |_| Some(())).is_some()
}

fn asked(
    which: &'static std::thread::LocalKey<crate::pg::statement::Statement>,
    tenant: Uuid,
    master: Uuid,
) -> bool {
    let arguments = [uuid_argument(tenant), uuid_argument(master)];
    as_trail(|| {
        which.with(|statement| statement.run(Mode::Latest, &arguments, |rows| rows.count() > 0))
    })
}
