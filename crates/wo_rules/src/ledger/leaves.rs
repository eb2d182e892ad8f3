//! Leaves against the entries that they stand for.

use super::names::Name;
use super::{Hash, leaf_hash};
use std::collections::hash_map::Entry::{Occupied, Vacant};
use std::collections::{HashMap, HashSet};
use std::fmt;

/// A leaf as it was sealed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leaf {
    /// Its index, from 0.
    pub index: u64,
    /// The entry that it stands for.
    pub name: Name,
    /// Its hash.
    pub hash: Hash,
}

/// An entry as it stands in the trail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Live {
    /// Which one.
    pub name: Name,
    /// Its position.
    pub position: i64,
    /// The hash that is stored with it.
    pub stored: Vec<u8>,
    /// The hash of what it holds.
    pub computed: Hash,
}

/// What is wrong with a leaf or an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wrong {
    /// No such entry stands where the leaf was sealed.
    Gone,
    /// The entry stands elsewhere.
    Moved {
        /// Its position.
        position: i64,
    },
    /// The entry's content is not what its hash, which was sealed, says.
    Edited,
    /// The entry was written anew, hash and all.
    Rewritten,
    /// The entry stands before one that was sealed before it.
    OutOfOrder,
    /// The entry was sealed after an entry that follows it in its chain.
    Inverted,
    /// The entry has two leaves.
    Twice,
    /// The entry stands among sealed ones and was never sealed.
    Unsealed,
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gone => f.write_str("the entry was sealed and is gone"),
            Self::Moved { position } => write!(
                f,
                "the entry was moved: it stands at position {position}, where it was not sealed"
            ),
            Self::Edited => f.write_str("the entry's content is not what was sealed"),
            Self::Rewritten => {
                f.write_str("the entry was rewritten together with its hash after it was sealed")
            }
            Self::OutOfOrder => f.write_str("the entry is not in the order in which it was sealed"),
            Self::Inverted => {
                f.write_str("the entry was sealed after an entry that follows it in its chain")
            }
            Self::Twice => f.write_str("the entry has two leaves"),
            Self::Unsealed => {
                f.write_str("the entry stands among sealed ones and was never sealed")
            }
        }
    }
}

/// Something that does not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Problem {
    /// The leaf; nothing for an entry that has none.
    pub leaf: Option<u64>,
    /// The entry.
    pub name: Name,
    /// What is wrong.
    pub wrong: Wrong,
}

/// Holds consecutive leaves against the entries of their stretch of positions, which come in the
/// order of sealing; the leaves of a chain ascend with its sequences.
pub fn compare(leaves: &[Leaf], live: &[Live]) -> Vec<Problem> {
    let mut standing: HashMap<Name, &Live> = HashMap::with_capacity(live.len());
    // An entry has one leaf, so of two that bear its name one was never sealed.
    let mut again = Vec::new();
    for entry in live {
        match standing.entry(entry.name) {
            Occupied(_) => again.push(entry),
            Vacant(place) => drop(place.insert(entry)),
        }
    }
    let mut sealed = HashSet::with_capacity(leaves.len());
    let mut problems = Vec::new();
    let mut last = None;
    // The newest sequence of each chain.
    let mut chains: HashMap<_, i64> = HashMap::new();
    for leaf in leaves {
        let problem = |wrong| Problem { leaf: Some(leaf.index), name: leaf.name, wrong };
        if !sealed.insert(leaf.name) {
            problems.push(problem(Wrong::Twice));
            continue;
        }
        let Some(entry) = standing.get(&leaf.name) else {
            problems.push(problem(Wrong::Gone));
            continue;
        };
        let is_sealed = leaf_hash(&entry.computed) == leaf.hash;
        if !is_sealed && leaf_hash(&entry.stored) == leaf.hash {
            problems.push(problem(Wrong::Edited));
        } else if !is_sealed {
            problems.push(problem(Wrong::Rewritten));
        } else if entry.stored != entry.computed {
            problems.push(problem(Wrong::Edited));
        }
        let newest =
            chains.entry((leaf.name.tenant, leaf.name.subject)).or_insert(leaf.name.sequence);
        if *newest > leaf.name.sequence {
            problems.push(problem(Wrong::Inverted));
        }
        *newest = leaf.name.sequence.max(*newest);
        let place = (entry.position, leaf.name.subject, leaf.name.sequence);
        if last.is_some_and(|last| place < last) {
            problems.push(problem(Wrong::OutOfOrder));
        } else {
            last = Some(place);
        }
    }
    let unsealed = live.iter().filter(|entry| !sealed.contains(&entry.name)).chain(again);
    problems.extend(unsealed.map(|entry| Problem {
        leaf: None,
        name: entry.name,
        wrong: Wrong::Unsealed,
    }));
    problems
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn name(sequence: i64) -> Name {
        Name { tenant: Uuid::nil(), subject: Uuid::max(), sequence }
    }

    fn hash(sequence: i64) -> Hash {
        [u8::try_from(sequence).unwrap_or(0); 32]
    }

    fn sealed(count: i64) -> (Vec<Leaf>, Vec<Live>) {
        let leaf = |sequence: i64| Leaf {
            index: sequence.unsigned_abs() - 1,
            name: name(sequence),
            hash: leaf_hash(&hash(sequence)),
        };
        let live = |sequence: i64| Live {
            name: name(sequence),
            position: sequence * 10,
            stored: hash(sequence).to_vec(),
            computed: hash(sequence),
        };
        ((1..=count).map(leaf).collect(), (1..=count).map(live).collect())
    }

    fn wrongs(leaves: &[Leaf], live: &[Live]) -> Vec<(Option<u64>, i64, Wrong)> {
        let all = compare(leaves, live).into_iter();
        all.map(|problem| (problem.leaf, problem.name.sequence, problem.wrong)).collect()
    }

    #[test]
    fn what_was_sealed_and_stands_is_in_order() {
        let (leaves, live) = sealed(5);
        assert_eq!(compare(&leaves, &live), []);
    }

    /// An entry that took its position after its successor's was sealed after it. Without the check the
    /// order of the events would show a work order's history backwards, and every verifier would agree.
    #[test]
    fn a_chain_that_was_sealed_in_another_order_than_its_own_is_told() {
        let (mut leaves, mut live) = sealed(5);
        let (names, hashes) = ((leaves[1].name, leaves[2].name), (leaves[1].hash, leaves[2].hash));
        (leaves[2].name, leaves[1].name) = names;
        (leaves[2].hash, leaves[1].hash) = hashes;
        let positions = (live[1].position, live[2].position);
        (live[2].position, live[1].position) = positions;
        live.swap(1, 2);
        assert_eq!(wrongs(&leaves, &live), [(Some(2), 2, Wrong::Inverted)]);
    }

    #[test]
    fn each_way_of_tampering_is_told_from_the_others() {
        let (leaves, honest) = sealed(5);
        let with = |change: &dyn Fn(&mut Vec<Live>)| {
            let mut live = honest.clone();
            change(&mut live);
            live.sort_by_key(|entry| entry.position);
            wrongs(&leaves, &live)
        };
        assert_eq!(with(&|live| live[2].computed = [9; 32]), [(Some(2), 3, Wrong::Edited)]);
        assert_eq!(with(&|live| live[2].stored = vec![9; 32]), [(Some(2), 3, Wrong::Edited)]);
        let rewritten = with(&|live| {
            live[2].computed = [9; 32];
            live[2].stored = vec![9; 32];
        });
        assert_eq!(rewritten, [(Some(2), 3, Wrong::Rewritten)]);
        assert_eq!(with(&|live| drop(live.remove(2))), [(Some(2), 3, Wrong::Gone)]);
        assert_eq!(with(&|live| live[3].position = 5), [(Some(3), 4, Wrong::OutOfOrder)]);
        let added =
            with(&|live| live.push(Live { name: name(77), position: 33, ..live[0].clone() }));
        assert_eq!(added, [(None, 77, Wrong::Unsealed)]);
    }

    #[test]
    fn an_entry_that_stands_twice_was_sealed_once() {
        let (leaves, mut live) = sealed(3);
        live.insert(2, live[1].clone());
        assert_eq!(wrongs(&leaves, &live), [(None, 2, Wrong::Unsealed)]);
    }

    #[test]
    fn an_entry_has_one_leaf() {
        let (mut leaves, live) = sealed(2);
        leaves.push(Leaf { index: 2, ..leaves[0].clone() });
        assert_eq!(wrongs(&leaves, &live), [(Some(2), 1, Wrong::Twice)]);
    }
}
