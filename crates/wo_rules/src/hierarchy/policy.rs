//! What a master does with its children: when it may complete, and what follows from a cancelled
//! master or a failed child. Each rule is the nearest that is set: the master's own, its
//! lifecycle's, its tenant's.

use crate::lifecycle::GuardFact;
use crate::refusal::{Refusal, SqlState};
use serde_json::Value;

/// How many of its children must be done before a master may complete.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Completion {
    /// All of them.
    All,
    /// Those that are required.
    Required,
    /// So many, or all where there are fewer.
    Count(u64),
    /// So many of a hundred.
    Percent(f64),
}

/// What somebody set; what is not set is left to the next.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Policy {
    /// When a master may complete.
    pub completion: Option<Completion>,
    /// Whether cancelling a master cancels its open children.
    pub cancel_cascades: Option<bool>,
    /// Whether a child that failed halts its siblings: they neither start nor complete.
    pub failure_halts_siblings: Option<bool>,
}

impl Policy {
    /// The members of a policy's document.
    pub const MEMBERS: [&'static str; 3] =
        ["completion", "cancel_cascades", "failure_halts_siblings"];

    /// This one, and where it says nothing the other.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self {
            completion: self.completion.or(other.completion),
            cancel_cascades: self.cancel_cascades.or(other.cancel_cascades),
            failure_halts_siblings: self.failure_halts_siblings.or(other.failure_halts_siblings),
        }
    }

    /// When a master may complete; where nobody says, when all of its children are done.
    pub fn completion(&self) -> Completion {
        self.completion.unwrap_or(Completion::All)
    }

    /// Whether cancelling a master cancels its open children; where nobody says, it does.
    pub fn cancel_cascades(&self) -> bool {
        self.cancel_cascades.unwrap_or(true)
    }

    /// Whether a failed child halts its siblings; where nobody says, it does not.
    pub fn failure_halts_siblings(&self) -> bool {
        self.failure_halts_siblings.unwrap_or(false)
    }

    /// Reads a document. Each problem comes with the member that it is about.
    ///
    /// # Errors
    /// Every problem at once.
    pub fn read(document: &Value) -> Result<Self, Vec<(String, String)>> {
        let Some(members) = document.as_object() else {
            return Err(vec![(String::new(), "must be an object".to_owned())]);
        };
        let mut problems = Vec::new();
        let mut policy = Self::default();
        for (name, value) in members {
            let mut flag = || match value.as_bool() {
                Some(flag) => Some(flag),
                None => {
                    problems.push((name.clone(), "must be true or false".to_owned()));
                    None
                }
            };
            match name.as_str() {
                "cancel_cascades" => policy.cancel_cascades = flag(),
                "failure_halts_siblings" => policy.failure_halts_siblings = flag(),
                "completion" => match completion(value) {
                    Some(completion) => policy.completion = Some(completion),
                    None => problems.push((
                        name.clone(),
                        "must be \"all\", \"required\", {\"count\": a number from 1} or {\"percent\": a number above 0, up to 100}"
                            .to_owned(),
                    )),
                },
                _ => problems.push((
                    name.clone(),
                    format!("unknown key; known are {}", Self::MEMBERS.join(", ")),
                )),
            }
        }
        if problems.is_empty() { Ok(policy) } else { Err(problems) }
    }

    /// Reads a policy that somebody wants to store.
    ///
    /// # Errors
    /// 22023 `bad_policy`, with every problem.
    pub fn parse(document: &Value) -> Result<Self, Refusal> {
        Self::read(document).map_err(|problems| {
            let listed: Vec<String> =
                problems.iter().map(|(member, problem)| format!("{member} {problem}")).collect();
            Refusal::new(
                SqlState::BadValue,
                "bad_policy",
                format!("that is no hierarchy policy: {}", listed.join("; ")),
            )
            .with("problems", listed)
            .hint("For example {\"completion\": {\"percent\": 80}, \"cancel_cascades\": true}.")
        })
    }
}

fn completion(value: &Value) -> Option<Completion> {
    match value {
        Value::String(name) if name == "all" => Some(Completion::All),
        Value::String(name) if name == "required" => Some(Completion::Required),
        Value::Object(quorum) if quorum.len() == 1 => {
            let count = quorum.get("count").and_then(Value::as_u64).filter(|count| *count > 0);
            let percent = quorum
                .get("percent")
                .and_then(Value::as_f64)
                .filter(|percent| *percent > 0.0 && *percent <= 100.0);
            count.map(Completion::Count).or(percent.map(Completion::Percent))
        }
        _ => None,
    }
}

/// Children of a master that stand alike.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// How many.
    pub count: u64,
    /// Whether the master requires them.
    pub required: bool,
    /// Whether they are as far as is asked for.
    pub done: bool,
    /// Whether they ended without being done.
    pub failed: bool,
}

/// Whether a master's children let it pass; nothing where it has none. `open` names some that are
/// not done.
pub fn judge(policy: &Policy, groups: &[Group], open: &[String]) -> Option<GuardFact> {
    let count = |wanted: &dyn Fn(&Group) -> bool| -> u64 {
        groups.iter().filter(|group| wanted(group)).map(|group| group.count).sum()
    };
    let total = count(&|_| true);
    if total == 0 {
        return None;
    }
    let done = count(&|group| group.done);
    let (passed, asked) = match policy.completion() {
        Completion::All => (done == total, format!("all {total}")),
        Completion::Required => {
            let required = count(&|group| group.required);
            let done = count(&|group| group.required && group.done);
            (done == required, format!("the {required} required ones"))
        }
        Completion::Count(quorum) => {
            let quorum = quorum.min(total);
            (done >= quorum, format!("{quorum} of {total}"))
        }
        Completion::Percent(percent) => {
            (done as f64 * 100.0 >= percent * total as f64, format!("{percent} percent of {total}"))
        }
    };
    let failed = count(&|group| group.failed);
    let mut detail = format!("{done} of {total} children are done; it waits for {asked}");
    if failed > 0 {
        detail.push_str(&format!("; {failed} failed, which never counts as done"));
    }
    if !open.is_empty() {
        detail.push_str(&format!(": {}", open.join(", ")));
    }
    Some(GuardFact { passed, detail })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use serde_json::json;

    fn groups(done: u64, open: u64, failed: u64) -> Vec<Group> {
        let group = |count, done, failed| Group { count, required: true, done, failed };
        vec![group(done, true, false), group(open, false, false), group(failed, false, true)]
    }

    fn passes(policy: &Value, groups: &[Group]) -> bool {
        judge(&Policy::parse(policy).unwrap(), groups, &[]).unwrap().passed
    }

    #[test]
    fn nothing_attached_is_no_fact() {
        assert_eq!(judge(&Policy::default(), &[], &[]), None);
    }

    #[test]
    fn all_means_all_and_a_failed_child_never_counts() {
        assert!(passes(&json!({}), &groups(3, 0, 0)));
        assert!(!passes(&json!({}), &groups(2, 1, 0)));
        assert!(!passes(&json!({"completion": "all"}), &groups(2, 0, 1)));
    }

    #[test]
    fn required_children_alone_count_where_the_policy_says_so() {
        let mut mixed = groups(2, 1, 1);
        assert!(!passes(&json!({"completion": "required"}), &mixed));
        mixed[1].required = false;
        mixed[2].required = false;
        assert!(passes(&json!({"completion": "required"}), &mixed));
    }

    #[test]
    fn a_quorum_is_a_count_or_a_share() {
        assert!(passes(&json!({"completion": {"count": 2}}), &groups(2, 5, 0)));
        assert!(!passes(&json!({"completion": {"count": 3}}), &groups(2, 5, 0)));
        assert!(passes(&json!({"completion": {"count": 9}}), &groups(2, 0, 0)));
        assert!(passes(&json!({"completion": {"percent": 50}}), &groups(2, 2, 0)));
        assert!(!passes(&json!({"completion": {"percent": 50.1}}), &groups(2, 2, 0)));
    }

    #[test]
    fn the_nearest_policy_wins_rule_by_rule() {
        let near = Policy::parse(&json!({"completion": "required"})).unwrap();
        let far = Policy::parse(&json!({"completion": "all", "cancel_cascades": false})).unwrap();
        let both = near.or(far);
        assert_eq!(both.completion(), Completion::Required);
        assert!(!both.cancel_cascades());
        assert!(!both.failure_halts_siblings());
    }

    #[test]
    fn every_problem_of_a_policy_is_told() {
        for bad in [json!([]), json!({"completion": "some"}), json!({"completion": {"count": 0}})] {
            assert_eq!(Policy::parse(&bad).unwrap_err().code, "bad_policy");
        }
        let bad = json!({"completion": {"percent": 101}, "cancel_cascades": "yes", "x": 1});
        assert_eq!(Policy::read(&bad).unwrap_err().len(), 3);
    }
}
