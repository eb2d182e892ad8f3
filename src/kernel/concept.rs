//! What the kernel asks of the concepts. It knows none of them by name: they are registered when the
//! library is loaded.

use super::configuration::TriggerRow;
use super::identity::memory::Identity;
use crate::pg::row::Row;
use std::cell::Cell;
use wo_rules::refusal::Refusal;

/// A concept: what work orders are used for.
pub trait Concept {
    /// Registers its hooks of transactions; called once in a backend.
    fn register(&self) {}

    /// Checks a row of a configuration table before it is stored, where the table is its own. Gives the
    /// row to store where that is another one.
    ///
    /// # Errors
    /// Why the row must not be stored.
    fn check_configuration(
        &self,
        _table: &str,
        _old: Option<&Row>,
        _new: &Row,
        _acting: &Identity,
    ) -> Result<Option<TriggerRow>, Refusal> {
        Ok(None)
    }

    /// Does what follows from a row of a configuration table that was written, where the table is its
    /// own. There is no new row where one was deleted.
    fn after_configuration(
        &self,
        _table: &str,
        _old: Option<&Row>,
        _new: Option<&Row>,
        _acting: &Identity,
    ) {
    }
}

/// The concepts, in their order.
pub type Concepts = &'static [&'static dyn Concept];

thread_local! {
    static CONCEPTS: Cell<Concepts> = const { Cell::new(&[]) };
}

/// Registers the concepts.
pub fn register(concepts: Concepts) {
    CONCEPTS.set(concepts);
    concepts.iter().for_each(|concept| concept.register());
}

/// The registered concepts.
pub fn all() -> impl Iterator<Item = &'static dyn Concept> {
    CONCEPTS.get().iter().copied()
}
