//! What the server's sessions wait for while something runs.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use postgres::Client;

const EVERY: Duration = Duration::from_millis(50);

/// Sessions of this database that were seen working or waiting, but for the one that looks.
const LOOK: &str = "select coalesce(wait_event_type || ':' || wait_event, 'running'), count(*)
    from pg_stat_activity
    where datname = current_database() and state = 'active' and pid <> pg_backend_pid()
    group by 1";

/// How often sessions were seen in each wait event; `running` where in none.
pub type Waits = BTreeMap<String, i64>;

/// Runs something, looking on all the while.
pub fn during<T>(mut observer: Client, run: impl FnOnce() -> T) -> (T, Waits) {
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let looking = scope.spawn(|| {
            let mut waits = Waits::new();
            let Ok(look) = observer.prepare(LOOK) else { return waits };
            while !done.load(Ordering::Relaxed) {
                for row in observer.query(&look, &[]).unwrap_or_default() {
                    *waits.entry(row.get(0)).or_default() += row.get::<_, i64>(1);
                }
                std::thread::sleep(EVERY);
            }
            waits
        });
        let result = run();
        done.store(true, Ordering::Relaxed);
        (result, looking.join().unwrap_or_default())
    })
}

/// All that several runs waited for.
pub fn sum(several: impl IntoIterator<Item = Waits>) -> Waits {
    let mut all = Waits::new();
    for (event, count) in several.into_iter().flatten() {
        *all.entry(event).or_default() += count;
    }
    all
}

/// The most frequent ones, as a share of all that was seen.
pub fn greatest(waits: &Waits, number: usize) -> Option<String> {
    let all: i64 = waits.values().sum();
    let mut sorted: Vec<(&String, i64)> =
        waits.iter().map(|(event, seen)| (event, *seen)).collect();
    sorted.sort_by_key(|(_, seen)| std::cmp::Reverse(*seen));
    let share = |seen: i64| 100.0 * seen as f64 / all as f64;
    let named: Vec<String> = sorted
        .into_iter()
        .take(number)
        .map(|(event, seen)| format!("{event} {:.0} %", share(seen)))
        .collect();
    (!named.is_empty()).then(|| format!("waits: {}", named.join(", ")))
}
