//! 21 CFR Part 11 and EU Annex 11, row by row: each test is named by the row of the README's
//! traceability matrix that it shows. Rows that other suites show already are not shown twice; the
//! matrix names those tests, and a test here holds the matrix against the sources.

mod authority;
mod components;
mod evidence;
mod job_plans;
mod keys;
mod manifest;
mod races;
mod records;
mod repudiation;
mod tamper;
mod traceability;
mod trail;
mod transplant;
