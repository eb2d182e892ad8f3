//! A witness that stays: it looks whenever an event comes, and from time to time.

use std::convert::Infallible;
use std::time::Duration;

use super::{Database, Seen, Stop, Witness};
use crate::Error;

/// The shortest time between two looks: a busy database sends an event with every commit.
const SHORTEST_PAUSE: Duration = Duration::from_secs(1);

/// How long to wait before connecting again, at most.
const LONGEST_RETRY: Duration = Duration::from_secs(60);

/// Looks at a database until something is refused, through interruptions of every kind. Each change
/// is reported to `say`, and what keeps it from asking to `complain`.
///
/// # Errors
/// What was refused.
pub fn follow(
    witness: &Witness,
    connection: &str,
    recovery: Option<&str>,
    every: Duration,
    say: &mut dyn FnMut(&Seen),
    complain: &mut dyn FnMut(&Error),
) -> Result<Infallible, String> {
    let mut retry = SHORTEST_PAUSE;
    let mut is_first = true;
    loop {
        let mut look_on = || -> Result<Infallible, Stop> {
            let mut database = Database::connect(connection)?;
            database.listen()?;
            loop {
                let seen = witness.look(&mut database, recovery)?;
                if is_first || !matches!(seen, Seen::Unchanged(_) | Seen::Nothing) {
                    say(&seen);
                }
                (is_first, retry) = (false, SHORTEST_PAUSE);
                let pause = SHORTEST_PAUSE.min(every);
                std::thread::sleep(pause);
                database.wait(every - pause)?;
            }
        };
        match look_on() {
            Ok(never) => match never {},
            Err(Stop::Refused(line)) => return Err(line),
            Err(Stop::CannotAsk(error)) => {
                complain(&error);
                std::thread::sleep(retry);
                retry = (retry * 2).min(LONGEST_RETRY);
            }
        }
    }
}
