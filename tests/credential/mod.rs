//! Credentials on a real cluster: who is granted one, what is on record of it, and where neither a secret nor a token
//! stands.

mod bench;
mod google;
mod grants;
mod nowhere;
mod results;
mod vault;
