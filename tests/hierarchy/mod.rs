//! Masters, linked work orders, and what waits for what (design §6).

mod check;
mod commit;
mod concurrent;
mod cycle;
mod dependency;
mod gates;
mod given;
mod holds_children;
mod lab;
mod late;
mod link;
mod phases;
mod plan;
mod plan_keys;
mod policy;
mod report;
mod same_statement;
mod savepoint;
mod scenario;
mod statements;
mod suppressed;
mod unstored;
