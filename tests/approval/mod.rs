//! Approvals with electronic signatures, and the evidence that is left of them (design §7).

mod amendment;
pub mod another_verifier;
mod challenge_limit;
pub mod chromium;
mod commit;
mod configured;
mod delegation;
mod escalation;
mod evidence;
mod expiry;
mod findings;
mod firm;
mod latency;
mod master;
mod master_completes;
mod my_findings;
mod pending;
mod races;
mod regulated;
mod release;
mod requirements;
mod rights;
mod same_statement;
mod together;
mod unchanged;
mod waiver;
mod withdrawal;
