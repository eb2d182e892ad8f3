//! Databases with a company in them that was founded once: each test gets a copy.

use std::any::Any;
use std::collections::HashMap;

use crate::cluster::{Cluster, lock};
use crate::database::Database;

/// The databases of a cluster that are copied, by what was founded in them: each with its name and what
/// its founding gave.
pub(crate) type Founded = HashMap<String, (String, Box<dyn Any + Send>)>;

impl Cluster {
    /// A copy of a database in which `found` was called, once in this cluster for each `what`, with what
    /// that gave. No client may stay connected to the database that it founded in.
    pub fn founded<'c, T: Any + Send + Clone>(
        &'c self,
        what: &str,
        found: impl FnOnce(Database<'c>) -> T,
    ) -> (Database<'c>, T) {
        let mut all = lock(&self.founded);
        let count = all.len();
        let (template, given) = all.entry(what.to_owned()).or_insert_with(|| {
            let name = format!("wo_founded_{count}");
            self.copy_database(self.template(), &name);
            let given = found(self.existing(&name));
            (name, Box::new(given))
        });
        let given = given.downcast_ref::<T>().cloned();
        let given = given.unwrap_or_else(|| panic!("{what} names two kinds of companies"));
        (self.create_database(template), given)
    }
}
