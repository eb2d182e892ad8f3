//! What children inherit from their masters: a work order that waits for others keeps its children,
//! at any depth, from starting too.

use super::network::{Link, LinkKind, Network};
use crate::refusal::{Refusal, SqlState};

/// The most inherited links of one network.
pub const MOST_INHERITED: usize = 1_000_000;

impl Network {
    /// The same network with a link from each predecessor of a master to every descendant of that
    /// master, for each link that `holds` them by its index. Its tasks keep their indices, and its own links
    /// come first.
    ///
    /// # Errors
    /// 22023 `too_many` where that would be more than [`MOST_INHERITED`] links.
    pub fn with_inherited(&self, holds: impl Fn(usize) -> bool) -> Result<Network, Refusal> {
        let mut children: Vec<Vec<usize>> = vec![Vec::new(); self.tasks.len()];
        for link in self.links.iter().filter(|link| self.has(link)) {
            if link.kind == LinkKind::FinishToFinish {
                children[link.to].push(link.from);
            }
        }
        let mut inherited = Vec::new();
        let mut seen_for = vec![usize::MAX; self.tasks.len()];
        for (index, link) in self.links.iter().enumerate() {
            if link.kind != LinkKind::FinishToStart || !self.has(link) || !holds(index) {
                continue;
            }
            let mut open = vec![link.to];
            while let Some(master) = open.pop() {
                for &child in &children[master] {
                    if std::mem::replace(&mut seen_for[child], index) == index {
                        continue;
                    }
                    inherited.push(Link { to: child, ..*link });
                    open.push(child);
                }
                if inherited.len() > MOST_INHERITED {
                    return Err(too_many());
                }
            }
        }
        let mut network = self.clone();
        network.links.extend(inherited);
        Ok(network)
    }
}

fn too_many() -> Refusal {
    Refusal::new(
        SqlState::BadValue,
        "too_many",
        format!(
            "the children of this master inherit more than {MOST_INHERITED} dependencies from \
             their masters"
        ),
    )
    .hint("Let the predecessors lead to one milestone, and the masters wait for that milestone.")
}
