//! What a transaction still has to do before it ends, with savepoints: a rollback takes away what was noted
//! since, and brings back what was done since.

use super::transaction::{Restore, nesting_level, remember};
use std::cell::{Cell, RefCell};
use std::thread::LocalKey;

/// One thing to do.
struct Item<T> {
    noted: i32,
    /// The nesting level at which it was done.
    done: Option<i32>,
    what: T,
}

struct Items<T> {
    all: Vec<Item<T>>,
    /// Before this place everything is done.
    first_open: usize,
    /// Nothing was noted or done at a nesting level deeper than this.
    deepest: i32,
}

/// A list of things to do. It lives in a `thread_local!`.
pub struct ToDo<T> {
    items: RefCell<Items<T>>,
    is_known: Cell<bool>,
}

impl<T> ToDo<T> {
    /// A list with nothing on it.
    pub const fn new() -> Self {
        let items = Items { all: Vec::new(), first_open: 0, deepest: 0 };
        Self { items: RefCell::new(items), is_known: Cell::new(false) }
    }
}

/// What a [`ToDo`] does.
pub trait List<T> {
    /// Notes something.
    fn note(&'static self, what: T);
    /// Whether anything is left to do.
    fn is_open(&'static self) -> bool;
    /// Everything that is left, which counts as done from now on.
    fn take_open(&'static self) -> Vec<T>;
}

impl<T: Clone + 'static> List<T> for LocalKey<ToDo<T>> {
    fn note(&'static self, what: T) {
        let noted = nesting_level();
        self.with(|list| {
            if !list.is_known.replace(true) {
                remember(self);
            }
            let mut items = list.items.borrow_mut();
            items.deepest = items.deepest.max(noted);
            items.all.push(Item { noted, done: None, what });
        });
    }

    fn is_open(&'static self) -> bool {
        self.with(|list| {
            let items = list.items.borrow();
            items.first_open < items.all.len()
        })
    }

    fn take_open(&'static self) -> Vec<T> {
        let level = nesting_level();
        self.with(|list| {
            let mut items = list.items.borrow_mut();
            items.deepest = items.deepest.max(level);
            let first = items.first_open;
            items.first_open = items.all.len();
            let open = items.all.iter_mut().skip(first).filter(|item| item.done.is_none());
            open.map(|item| {
                item.done = Some(level);
                item.what.clone()
            })
            .collect()
        })
    }
}

impl<T: 'static> Restore for LocalKey<ToDo<T>> {
    fn roll_back(&'static self, level: i32) {
        let _ = self.try_with(|list| {
            let Ok(mut items) = list.items.try_borrow_mut() else { return };
            if items.deepest < level {
                return;
            }
            items.deepest = level - 1;
            items.all.retain(|item| item.noted < level);
            for item in &mut items.all {
                item.done.take_if(|done| *done >= level);
            }
            let first = items.all.iter().position(|item| item.done.is_none());
            items.first_open = first.unwrap_or(items.all.len());
        });
    }

    fn release(&'static self, level: i32) {
        let _ = self.try_with(|list| {
            let Ok(mut items) = list.items.try_borrow_mut() else { return };
            if items.deepest < level {
                return;
            }
            items.deepest = level - 1;
            for item in &mut items.all {
                item.noted = item.noted.min(level - 1);
                item.done = item.done.map(|done| done.min(level - 1));
            }
        });
    }
}
