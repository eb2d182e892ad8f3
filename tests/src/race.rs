//! Clients that start at the same moment.

use std::sync::Barrier;
use std::thread;

use postgres::Client;

/// Lets every client run on a thread of its own, all released at once; the results are in the
/// clients' order. A thread that panics fails the test.
pub fn race<T: Send>(clients: Vec<Client>, run: impl Fn(usize, &mut Client) -> T + Sync) -> Vec<T> {
    let (start, run) = (Barrier::new(clients.len()), &run);
    thread::scope(|scope| {
        let racers: Vec<_> = clients
            .into_iter()
            .enumerate()
            .map(|(number, mut client)| {
                let start = &start;
                scope.spawn(move || {
                    start.wait();
                    run(number, &mut client)
                })
            })
            .collect();
        let join = |racer: thread::ScopedJoinHandle<'_, T>| {
            racer.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        };
        racers.into_iter().map(join).collect()
    })
}

pub fn backend_pid(client: &mut Client) -> i32 {
    client.query_one("SELECT pg_backend_pid()", &[]).unwrap().get(0)
}
