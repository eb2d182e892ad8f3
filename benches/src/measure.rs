//! Turns and spreads: what every figure is made of.

use std::time::Instant;

/// The middle half of some values.
#[derive(Debug, Clone, Copy)]
pub struct Spread {
    pub low: f64,
    pub median: f64,
    pub high: f64,
}

impl Spread {
    /// Of no values: not a number.
    pub fn of(values: &[f64]) -> Self {
        let mut values = values.to_vec();
        values.sort_by(f64::total_cmp);
        let at = |share: f64| {
            let place = share * values.len().saturating_sub(1) as f64;
            let (below, above) = (place.floor() as usize, place.ceil() as usize);
            match (values.get(below), values.get(above)) {
                (Some(low), Some(high)) => low + (high - low) * place.fract(),
                _ => f64::NAN,
            }
        };
        Self { low: at(0.25), median: at(0.5), high: at(0.75) }
    }
}

/// The ratios of values that were measured in the same rounds.
pub fn ratios(values: &[f64], baseline: &[f64]) -> Vec<f64> {
    values.iter().zip(baseline).map(|(value, baseline)| value / baseline).collect()
}

/// Lets the ways take turns: each round runs every one once, and each round begins with another, so
/// that whatever else the machine does meets all of them. The results are by way, then by round.
pub fn take_turns<T>(
    rounds: usize,
    ways: usize,
    mut run: impl FnMut(usize, usize) -> T,
) -> Vec<Vec<T>> {
    let mut results: Vec<Vec<T>> = (0..ways).map(|_| Vec::with_capacity(rounds)).collect();
    for round in 0..rounds {
        for turn in 0..ways {
            let way = (round + turn) % ways;
            results[way].push(run(way, round));
        }
    }
    results
}

/// Seconds that it took, and what came of it.
pub fn timed<T>(act: impl FnOnce() -> T) -> (f64, T) {
    let start = Instant::now();
    let result = act();
    (start.elapsed().as_secs_f64(), result)
}
