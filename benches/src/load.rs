//! Load by pgbench: many clients, one script, and everything that is measured about it.

use std::path::PathBuf;
use std::process::Command;

use postgres::Client;
use wo_cluster_tests::Database;

use crate::figure::{Book, Figure, Target};
use crate::measure::take_turns;
use crate::watch::{self, Waits};

/// A way of doing the same acts.
#[derive(Clone, Copy)]
pub struct Way {
    pub name: &'static str,
    /// The script's text.
    pub script: &'static str,
    pub role: &'static str,
    /// How many acts one run of the script makes.
    pub acts: u32,
    /// Yields one row of bigint columns, each of which must grow by one with every act.
    pub counts: &'static str,
}

/// One run.
#[derive(Default)]
pub struct Sample {
    /// Acts per second.
    pub rate: f64,
    /// Bytes of WAL for each act.
    pub wal: f64,
    /// Whole pages among them, for each act: the first change of a page since a checkpoint.
    pub full_pages: f64,
    /// Pages for each act that were not in the server's own memory.
    pub pages_read: f64,
    pub waits: Waits,
    /// The time of one run of the script, each, in milliseconds; empty unless asked for.
    pub latencies: Vec<f64>,
}

pub struct Load<'a> {
    pub database: &'a Database<'a>,
    pub clients: u32,
    /// How long is measured, after the sessions are warm.
    pub seconds: u32,
    pub variables: &'a [(&'a str, &'a str)],
    /// Keeps the time of each run of the script.
    pub latencies: bool,
}

/// Whole pages that were logged, and pages that were read, so far.
const PAGES: &str = "select (select wal_fpi from pg_stat_wal),
    (select blks_read from pg_stat_database where datname = current_database())";

/// How long one run lasts.
#[derive(Clone, Copy)]
enum Length {
    /// So long, after the sessions are warm.
    Seconds(u32),
    /// So many runs of the script by each client, their sessions' warming among them.
    Scripts(u32),
}

impl Load<'_> {
    /// Runs it once; an error says what did not add up.
    pub fn run(&self, way: &Way) -> Result<Sample, String> {
        self.run_for(way, Length::Seconds(self.seconds))
    }

    /// The same, until so many acts at least were made rather than for a time.
    pub fn run_acts(&self, way: &Way, acts: u32) -> Result<Sample, String> {
        self.run_for(way, Length::Scripts(acts.div_ceil(self.clients * way.acts)))
    }

    fn run_for(&self, way: &Way, length: Length) -> Result<Sample, String> {
        let mut superuser = self.database.superuser();
        let before = counted(&mut superuser, way.counts)?;
        let start = log_position(&mut superuser)?;
        let pages = counted(&mut superuser, PAGES)?;
        let (output, waits) =
            watch::during(self.database.superuser(), || self.pgbench(way, length));
        let Output { text, rate, latencies } = output?;
        let written = log_position(&mut superuser)? - start;
        let number = |prefix: &str| -> Option<f64> {
            let rest = text.lines().find_map(|line| line.strip_prefix(prefix))?;
            rest.split([' ', '/']).next()?.parse().ok()
        };
        let scripts = number("number of transactions actually processed: ")
            .ok_or_else(|| format!("pgbench did not say how many: {text}"))?;
        let failed = number("number of failed transactions: ").unwrap_or(0.0);
        if failed > 0.0 {
            return Err(format!("{failed} transactions failed"));
        }
        let acts = scripts * f64::from(way.acts);
        let after = counted(&mut superuser, way.counts)?;
        let grown: Vec<i64> = after.iter().zip(&before).map(|(one, other)| one - other).collect();
        if grown.iter().any(|grown| *grown as f64 != acts) {
            return Err(format!("{}: {acts} acts, but rows grew by {grown:?}", way.name));
        }
        let rate = rate * f64::from(way.acts);
        let each = |number: i64| number as f64 / acts.max(1.0);
        let paged: Vec<f64> = counted(&mut superuser, PAGES)?
            .iter()
            .zip(&pages)
            .map(|(one, other)| each(one - other))
            .collect();
        let (full_pages, pages_read) = (paged[0], paged[1]);
        Ok(Sample { rate, wal: each(written), full_pages, pages_read, waits, latencies })
    }

    /// A new session plans and compiles what it runs at first; many of them need the processors for a
    /// while, which is not what is measured.
    fn warming(&self) -> u32 {
        1 + self.clients / 64
    }

    /// pgbench, told everything but how long.
    pub fn command(&self, way: &Way) -> Result<Command, String> {
        let script = self.file("sql");
        std::fs::write(&script, way.script).map_err(|error| error.to_string())?;
        let mut command = self.database.tool("pgbench", way.role);
        command
            .args(["--no-vacuum", "--protocol=prepared"])
            .arg(format!("--client={}", self.clients))
            .arg(format!("--jobs={}", self.clients.min(2)))
            .arg("--file")
            .arg(&script);
        for (name, value) in self.variables {
            command.arg(format!("--define={name}={value}"));
        }
        Ok(command)
    }

    fn file(&self, ending: &str) -> PathBuf {
        self.database.cluster().dir().join(format!("bench.{ending}"))
    }

    fn pgbench(&self, way: &Way, length: Length) -> Result<Output, String> {
        let mut command = self.command(way)?;
        match length {
            Length::Seconds(seconds) => {
                command.arg("--progress=1").arg(format!("--time={}", self.warming() + seconds))
            }
            Length::Scripts(number) => command.arg(format!("--transactions={number}")),
        };
        let log = self.file("log");
        if self.latencies {
            command.arg("--log").arg(format!("--log-prefix={}", log.display()));
        }
        let output = command.output().map_err(|error| error.to_string())?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let errors = String::from_utf8_lossy(&output.stderr);
        if !output.status.success() {
            let last = errors.lines().rev().take(4).collect::<Vec<_>>().join(" | ");
            return Err(format!("pgbench failed: {last}"));
        }
        let latencies = if self.latencies { read_log(&log)? } else { Vec::new() };
        let rate = match length {
            Length::Seconds(_) => rate_after(f64::from(self.warming()), &errors),
            Length::Scripts(_) => rate_of_all(&text),
        };
        let rate = rate.ok_or_else(|| format!("pgbench reported no rate: {errors}"))?;
        Ok(Output { text, rate, latencies })
    }
}

/// What pgbench said.
struct Output {
    text: String,
    /// Scripts per second once warm.
    rate: f64,
    latencies: Vec<f64>,
}

/// The mean rate of what pgbench reported from this second on. It reports each second, or later
/// where it has to wait for a processor: `progress: 2.0 s, 1200.0 tps, lat …`.
fn rate_after(warm: f64, said: &str) -> Option<f64> {
    let (mut from, mut done, mut seconds) = (0.0, 0.0, 0.0);
    for line in said.lines().filter_map(|line| line.strip_prefix("progress: ")) {
        let (at, rest) = line.split_once(" s, ")?;
        let (at, rate): (f64, f64) = (at.parse().ok()?, rest.split(' ').next()?.parse().ok()?);
        // Half a second of grace: it never reports quite on time.
        if from + 0.5 >= warm {
            done += rate * (at - from);
            seconds += at - from;
        }
        from = at;
    }
    (seconds > 0.0).then(|| done / seconds)
}

/// The rate of the whole run: `tps = 1234.5 (without initial connection time)`.
fn rate_of_all(said: &str) -> Option<f64> {
    said.lines().find_map(|line| line.strip_prefix("tps = "))?.split(' ').next()?.parse().ok()
}

/// pgbench writes one log for each of its threads, named by its process; they are read and removed.
fn read_log(prefix: &std::path::Path) -> Result<Vec<f64>, String> {
    let (dir, name) = (prefix.parent(), prefix.file_name());
    let (Some(dir), Some(name)) = (dir, name) else { return Err("no log".into()) };
    let name = format!("{}.", name.to_string_lossy());
    let mut all = Vec::new();
    let files = std::fs::read_dir(dir).map_err(|error| error.to_string())?.flatten();
    for file in files.filter(|file| file.file_name().to_string_lossy().starts_with(&name)) {
        let path: PathBuf = file.path();
        let text = std::fs::read_to_string(&path).map_err(|error| error.to_string())?;
        let microseconds = |line: &str| line.split(' ').nth(2)?.parse::<f64>().ok();
        all.extend(text.lines().filter_map(microseconds).map(|time| time / 1000.0));
        std::fs::remove_file(&path).map_err(|error| error.to_string())?;
    }
    Ok(all)
}

fn counted(client: &mut Client, sql: &str) -> Result<Vec<i64>, String> {
    let row = client.query_one(sql, &[]).map_err(|error| format!("{sql}: {error}"))?;
    (0..row.len()).map(|column| row.try_get(column).map_err(|error| error.to_string())).collect()
}

/// Bytes of WAL written so far.
pub fn log_position(client: &mut Client) -> Result<i64, String> {
    let sql = "select pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint";
    Ok(client.query_one(sql, &[]).map_err(|error| error.to_string())?.get(0))
}

/// The runs of several ways: of each, its samples by round, or what went wrong first.
pub struct Runs<'w> {
    pub ways: &'w [Way],
    pub samples: Vec<Result<Vec<Sample>, String>>,
}

/// Lets the ways take turns. A way that goes wrong once has no figure.
pub fn turns<'w>(
    rounds: usize,
    ways: &'w [Way],
    mut run: impl FnMut(usize, &Way) -> Result<Sample, String>,
) -> Runs<'w> {
    let results = take_turns(rounds, ways.len(), |way, _| run(way, &ways[way]));
    let samples = results.into_iter().map(|samples| samples.into_iter().collect()).collect();
    Runs { ways, samples }
}

impl Runs<'_> {
    pub fn rates(&self, way: usize) -> Vec<f64> {
        self.column(way, |sample| sample.rate)
    }

    pub fn wal(&self, way: usize) -> Vec<f64> {
        self.column(way, |sample| sample.wal)
    }

    pub fn problem(&self, way: usize) -> Option<String> {
        self.samples[way].as_ref().err().cloned()
    }

    fn column(&self, way: usize, value: fn(&Sample) -> f64) -> Vec<f64> {
        self.samples[way]
            .as_ref()
            .map_or_else(|_| Vec::new(), |all| all.iter().map(value).collect())
    }

    pub fn waits(&self, way: usize) -> Waits {
        let samples = self.samples[way].as_deref().unwrap_or_default();
        watch::sum(samples.iter().map(|sample| sample.waits.clone()))
    }

    /// Every way's rate against the first one's.
    pub fn publish(
        &self,
        book: &mut Book,
        part: &'static str,
        clients: u32,
        target: impl Fn(usize) -> Option<Target>,
    ) {
        for way in 0..self.ways.len() {
            let mut figure = self.figure(way, 0, clients);
            if way > 0 {
                figure = figure.must(target(way));
            }
            book.add(part, figure);
        }
    }

    /// The same of all but the first, which was published with others.
    pub fn publish_beside(&self, book: &mut Book, part: &'static str, clients: u32) {
        for way in 1..self.ways.len() {
            book.add(part, self.figure(way, 0, clients));
        }
    }

    /// One way's rate against another's, or its own where there is nothing to compare with.
    pub fn figure(&self, way: usize, baseline: usize, clients: u32) -> Figure {
        let (rates, against) = (self.rates(way), self.rates(baseline));
        let name = format!("{}, {clients} clients", self.ways[way].name);
        let wal = crate::measure::Spread::of(&self.wal(way)).median;
        let figure = Figure::new(name, "/s", &rates)
            .detail("way", self.ways[way].name)
            .detail("clients", clients)
            .detail("wal_bytes", wal)
            .waits(&self.waits(way))
            .unless(self.problem(way).or_else(|| self.problem(baseline)));
        if way == baseline {
            return figure;
        }
        figure.against(self.ways[baseline].name, &rates, &against)
    }
}

#[cfg(test)]
mod tests {
    use super::{rate_after, rate_of_all};

    const SAID: &str = "progress: 1.0 s, 10.0 tps, lat 1 ms stddev 0, 0 failed\n\
        progress: 2.0 s, 100.0 tps, lat 1 ms stddev 0, 0 failed\n\
        progress: 4.0 s, 400.0 tps, lat 1 ms stddev 0, 0 failed\n";

    #[test]
    fn the_rate_leaves_out_what_warms_and_weighs_by_time() {
        assert_eq!(rate_after(1.0, SAID), Some(300.0));
    }

    #[test]
    fn the_rate_of_a_number_of_acts_is_that_of_the_whole_run() {
        let said = "latency average = 1 ms\ntps = 1234.5 (without initial connection time)\n";
        assert_eq!(rate_of_all(said), Some(1234.5));
    }

    #[test]
    fn there_is_no_rate_where_nothing_was_reported_once_warm() {
        assert_eq!(rate_after(9.0, SAID), None);
        assert_eq!(rate_after(0.0, "pgbench: error"), None);
    }
}
