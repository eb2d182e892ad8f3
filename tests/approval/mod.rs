//! Approvals with electronic signatures, and the evidence that is left of them (design §7).

mod amendment;
mod another_verifier;
mod challenge_limit;
mod chromium;
mod commit;
mod configured;
mod delegation;
mod escalation;
mod evidence;
mod expiry;
mod findings;
mod firm;
mod master;
mod master_completes;
mod pending;
mod races;
mod regulated;
mod requirements;
mod rights;
mod same_statement;
mod together;
mod waiver;
mod withdrawal;
