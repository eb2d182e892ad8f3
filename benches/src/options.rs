//! What is measured, how often and how long.

/// The command line and the environment, read once.
pub struct Options {
    /// Hours rather than minutes: every size, every variant.
    pub full: bool,
    /// Parts to measure; all where none is named.
    pub only: Vec<String>,
    /// How often each way runs.
    pub rounds: usize,
    /// How long each run of pgbench takes.
    pub seconds: u32,
    /// Numbers of stored work orders, ascending.
    pub sizes: Vec<u32>,
    /// Into how many partitions the work orders are divided.
    pub partitions: u32,
    /// After how many transitions bloat and recovery are looked at.
    pub acts: u32,
}

impl Options {
    /// How often each way runs where a run is long: as seldom as a median allows, unless there are
    /// hours.
    pub fn few_rounds(&self) -> usize {
        if self.full { self.rounds } else { self.rounds.min(3) }
    }
}

/// What the command line asks for.
pub enum Request {
    Measure(Options),
    /// Draws what such files hold, the newest where none is named.
    Plot(Vec<String>),
    /// Says what is wrong with the command line.
    Refuse(String),
}

pub const USAGE: &str = "wo_bench [--full] [PART…] | --plot [RESULTS.jsonl…]";

pub fn read(arguments: impl Iterator<Item = String>) -> Request {
    let arguments: Vec<String> = arguments.collect();
    if let Some((first, files)) = arguments.split_first()
        && first == "--plot"
    {
        return Request::Plot(files.to_vec());
    }
    let (flags, only): (Vec<String>, Vec<String>) =
        arguments.into_iter().partition(|argument| argument.starts_with('-'));
    if let Some(unknown) = flags.iter().find(|flag| *flag != "--full") {
        return Request::Refuse(format!("{unknown} is unknown; usage: {USAGE}"));
    }
    let full = !flags.is_empty();
    let sizes = if full { "10000,100000,1000000,10000000" } else { "100000,500000" };
    let sizes = std::env::var("WO_BENCH_SIZES").unwrap_or_else(|_| sizes.to_owned());
    let Ok(sizes) = sizes.split(',').map(|size| size.trim().parse()).collect() else {
        return Request::Refuse(format!("WO_BENCH_SIZES: {sizes} is no list of numbers"));
    };
    Request::Measure(Options {
        full,
        only,
        rounds: number("WO_BENCH_ROUNDS", if full { 9 } else { 3 }) as usize,
        seconds: number("WO_BENCH_SECONDS", if full { 10 } else { 2 }),
        sizes,
        partitions: number("WO_BENCH_PARTITIONS", 1),
        acts: number("WO_BENCH_ACTS", if full { 1_000_000 } else { 50_000 }),
    })
}

/// A number from the environment.
pub fn number(name: &str, default: u32) -> u32 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}
