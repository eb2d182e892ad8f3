//! The documents, typed: every block of README and of the book is run in an empty database, and every
//! link leads somewhere.

mod links;
mod page;
mod pages;
mod reference;
mod width;
