//! What has to be done from time to time, whoever does it: the background worker, or `wo.tick()`.

mod jobs;
mod tick;
