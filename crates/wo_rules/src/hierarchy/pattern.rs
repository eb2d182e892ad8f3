//! Which way of working together a network of work orders asks for.

use super::network::{Link, LinkKind, Network};

/// The most work orders that a reason names one by one.
const FEW: usize = 6;

/// A way of running work orders.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pattern {
    /// At most one work order.
    Single,
    /// One after the other.
    PromptChaining,
    /// All side by side.
    Parallelization,
    /// Some side by side and some in turn, which somebody has to coordinate.
    OrchestratorWorkers,
}

impl Pattern {
    /// Its name, as SQL shows it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Single => "single",
            Self::PromptChaining => "prompt_chaining",
            Self::Parallelization => "parallelization",
            Self::OrchestratorWorkers => "orchestrator_workers",
        }
    }
}

/// The pattern of a network, and the reason for it in one sentence.
///
/// Only dependencies count. A master that takes part in none only gathers its children: it is not
/// counted either. `all` is the network with what children inherit ([`Network::with_inherited`]):
/// they come after whatever their masters wait for.
///
/// # Errors
///
/// A cycle, as of [`Network::order`].
pub fn pattern(network: &Network, all: &Network) -> Result<(Pattern, String), Vec<usize>> {
    let order = all.order()?;
    let dependency = |link: &Link| link.kind == LinkKind::FinishToStart;
    let depths = all.depths(dependency)?;
    let mut master = vec![false; network.tasks.len()];
    let mut depends = vec![false; network.tasks.len()];
    let mut dependencies = 0;
    for link in network.links.iter().filter(|link| network.has(link)) {
        if dependency(link) {
            depends[link.from] = true;
            depends[link.to] = true;
            dependencies += 1;
        } else {
            master[link.to] = true;
        }
    }
    let mut workers: Vec<usize> =
        order.into_iter().filter(|task| depends[*task] || !master[*task]).collect();
    workers.sort_by_key(|task| depths[*task]);
    let count = workers.len();
    let longest = workers.iter().map(|task| depths[*task] + 1).max().unwrap_or(0);
    let named = |tasks: &[usize], between: &str| {
        let numbers: Vec<&str> =
            tasks.iter().map(|task| network.tasks[*task].number.as_str()).collect();
        numbers.join(between)
    };
    let few = |before: &str, tasks: &[usize], between: &str, after: &str| {
        if tasks.len() > FEW {
            String::new()
        } else {
            format!("{before}{}{after}", named(tasks, between))
        }
    };

    Ok(match (count, longest) {
        (0, _) => (Pattern::Single, "There is no work order to run.".to_owned()),
        (1, _) => {
            let only = named(&workers, "");
            (Pattern::Single, format!("There is 1 work order to run, {only}."))
        }
        (_, 1) => {
            let names = few(": ", &workers, ", ", "");
            let reason = format!("None of the {count} work orders waits for another{names}.");
            (Pattern::Parallelization, reason)
        }
        _ if longest == count => {
            let names = few(": ", &workers, ", then ", "");
            let reason = format!("All {count} work orders run one after the other{names}.");
            (Pattern::PromptChaining, reason)
        }
        _ => {
            let first: Vec<usize> =
                workers.iter().copied().take_while(|task| depths[*task] == 0).collect();
            let waits = if first.len() == 1 { "waits" } else { "wait" };
            let links = if dependencies == 1 { "dependency" } else { "dependencies" };
            let reason = format!(
                "Of {count} work orders with {dependencies} {links}, {} {waits} for no other{}, \
                 and the longest chain has {longest}.",
                first.len(),
                few(" (", &first, ", ", ")"),
            );
            (Pattern::OrchestratorWorkers, reason)
        }
    })
}
