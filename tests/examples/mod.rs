//! The programs of `examples/`, run as their README says.

mod programs;
