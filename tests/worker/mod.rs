//! The worker: its life beside a server and its databases, the event pump, refused attempts and
//! findings, and the masters that are told at once.

mod attempts;
mod databases;
mod evidence;
mod findings;
mod findings_block;
mod findings_decided;
mod flood;
mod health;
mod left_out;
mod lifecycle;
mod masters;
mod pump;
mod readers;
mod rollups;
mod statistics;
mod works;
