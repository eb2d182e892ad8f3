//! Retention: months of the trail and the outbox that leave and come back, and the content of ended
//! work orders that leaves for their evidence packages.

mod damage;
mod months;
mod past;
mod records;
mod rights;
mod served;
