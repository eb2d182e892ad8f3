//! Signing on behalf of others: the holder of a role lends the right to sign in it to somebody
//! else, for a time, and that one may pass it on within the same limits.
//!
//! A delegate signs as themself, on behalf of the first delegator of the chain. Every link of the
//! chain counts at the moment of signing, so that revoking one ends all that hang on it.

use serde_json::Value;

use crate::refusal::{Refusal, SqlState};
use crate::time;

/// The longest delegation: a year and a day, in microseconds.
const LONGEST: i64 = 366 * 86_400_000_000;

/// A delegation. Times are in microseconds since 2000-01-01 UTC, as PostgreSQL keeps them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// Its identifier.
    pub id: String,
    /// The delegator.
    pub from: String,
    /// The delegate.
    pub to: String,
    /// The role that the delegate may sign in.
    pub role: String,
    /// The first moment of its period.
    pub starts_at: i64,
    /// The first moment after its period.
    pub ends_at: i64,
    /// Whether it was taken back.
    pub revoked: bool,
    /// The one lifecycle that it is for; all where there is none.
    pub lifecycle: Option<String>,
    /// The one meaning that it is for; all where there is none.
    pub meaning: Option<String>,
}

impl Link {
    fn over(&self, now: i64) -> bool {
        self.revoked || self.ends_at <= now
    }

    fn in_force(&self, now: i64) -> bool {
        !self.over(now) && self.starts_at <= now
    }

    fn covers(&self, role: &str, lifecycle: &str, meaning: &str) -> bool {
        let allows = |limit: &Option<String>, asked: &str| {
            limit.as_deref().is_none_or(|limit| limit == asked)
        };
        self.role == role && allows(&self.lifecycle, lifecycle) && allows(&self.meaning, meaning)
    }

    /// Whether what the other delegates lies within what this one does.
    fn contains_scope_of(&self, other: &Link) -> bool {
        let within =
            |outer: &Option<String>, inner: &Option<String>| outer.is_none() || outer == inner;
        self.role == other.role
            && within(&self.lifecycle, &other.lifecycle)
            && within(&self.meaning, &other.meaning)
    }
}

/// Whether each link passes on what the one before it gave, and nobody stands in the chain twice.
fn connects<'l>(chain: impl Iterator<Item = &'l Link> + Clone) -> bool {
    let mut pairs = chain.clone().zip(chain.clone().skip(1));
    pairs.all(|(link, next)| link.to == next.from)
        && chain.clone().enumerate().all(|(index, link)| {
            !chain.clone().take(index + 1).any(|before| before.from == link.to)
        })
}

/// Checks a delegation before it is made.
///
/// `chain` are the delegations that lead to the delegator, outermost first; empty where the
/// delegator holds the role. A delegation may begin earlier than now: what was signed meanwhile is
/// not touched by it, because every signature was checked when it was made.
///
/// # Errors
/// 23514 each: `delegation_loop` where the delegate is the delegator or stands in the chain already,
/// `delegation_over` where a delegation of the chain is revoked or over, `delegation_period` where
/// the period does not end after it starts, lies in the past, is longer than 366 days or not within
/// that of the chain, `delegation_scope` where the role differs, a lifecycle or meaning goes beyond
/// the chain's, or the chain does not lead to the delegator.
pub fn check_new(chain: &[Link], new: &Link, now: i64) -> Result<(), Refusal> {
    check_persons(chain, new)?;
    if let Some(over) = chain.iter().find(|link| link.over(now)) {
        let end = if over.revoked { "revoked" } else { "over" };
        let message = format!(
            "the delegation of {} from {} to {} is {end}, so that {} has nothing to pass on",
            over.role, over.from, over.to, new.from
        );
        return Err(refusal("delegation_over", message)
            .hint("have a new delegation made first")
            .with("delegation", over.id.clone()));
    }
    check_period(chain, new, now)?;
    check_scope(chain, new)
}

fn refusal(code: &'static str, message: impl Into<String>) -> Refusal {
    Refusal::new(SqlState::GateNotMet, code, message)
}

fn check_persons(chain: &[Link], new: &Link) -> Result<(), Refusal> {
    let problem = if new.from == new.to {
        format!("{} delegates {} to themself", new.from, new.role)
    } else if chain.iter().any(|link| [&link.from, &link.to].contains(&&new.to)) {
        format!("the delegation of {} would come back to {}", new.role, new.to)
    } else {
        return Ok(());
    };
    Err(refusal("delegation_loop", problem)
        .hint("name a delegate who does not stand in the chain of delegations yet")
        .with("delegate", new.to.clone()))
}

fn check_period(chain: &[Link], new: &Link, now: i64) -> Result<(), Refusal> {
    let outer =
        chain.iter().find(|link| new.starts_at < link.starts_at || new.ends_at > link.ends_at);
    let (problem, hint) = if new.ends_at <= new.starts_at {
        ("does not end after it starts".to_owned(), "give an end that comes after the start")
    } else if new.ends_at <= now {
        ("is over already".to_owned(), "give an end that is still to come")
    } else if new.ends_at.checked_sub(new.starts_at).is_none_or(|length| length > LONGEST) {
        ("is longer than 366 days".to_owned(), "delegate for a year at most, and then anew")
    } else if let Some(outer) = outer {
        let problem = format!(
            "does not lie within that of {} from {} to {}, {} to {}",
            outer.role,
            outer.from,
            outer.to,
            time::utc(outer.starts_at),
            time::utc(outer.ends_at)
        );
        (problem, "stay within the period of what you pass on")
    } else {
        return Ok(());
    };
    let message =
        format!("the delegation of {} from {} to {} {problem}", new.role, new.from, new.to);
    Err(refusal("delegation_period", message)
        .hint(hint)
        .with("starts_at", time::utc(new.starts_at))
        .with("ends_at", time::utc(new.ends_at)))
}

fn check_scope(chain: &[Link], new: &Link) -> Result<(), Refusal> {
    let with_new = chain.iter().chain(std::iter::once(new));
    let Some(outer) = chain.iter().find(|link| !link.contains_scope_of(new)) else {
        if connects(with_new) {
            return Ok(());
        }
        let message = format!("no chain of delegations of {} leads to {}", new.role, new.from);
        return Err(refusal("delegation_scope", message)
            .hint("name the delegation that you act by yourself as the parent"));
    };
    let limits = |link: &Link| {
        let of = |limit: &Option<String>| limit.clone().unwrap_or_else(|| "all".to_owned());
        format!("{} (lifecycle {}, meaning {})", link.role, of(&link.lifecycle), of(&link.meaning))
    };
    let message = format!(
        "{} cannot pass on {} of what {} delegated as {}",
        new.from,
        limits(new),
        outer.from,
        limits(outer)
    );
    let limit = |limit: &Option<String>| limit.clone().map_or(Value::Null, Value::from);
    Err(refusal("delegation_scope", message)
        .hint("delegate the same role, and no more lifecycles and meanings than you were given")
        .with("delegation", outer.id.clone())
        .with("role", outer.role.clone())
        .with("lifecycle", limit(&outer.lifecycle))
        .with("meaning", limit(&outer.meaning)))
}

/// On whose behalf the last delegate of the chain may sign now; `None` where they may not.
///
/// `chain` is outermost first. Every link must be in force and cover what is signed, and each
/// must pass on what the one before it gave.
pub fn holds<'l>(
    chain: &'l [Link],
    role: &str,
    lifecycle: &str,
    meaning: &str,
    now: i64,
) -> Option<&'l str> {
    let root = chain.first()?;
    let in_force =
        chain.iter().all(|link| link.in_force(now) && link.covers(role, lifecycle, meaning));
    (in_force && connects(chain.iter())).then_some(root.from.as_str())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const DAY: i64 = 86_400_000_000;
    const NOW: i64 = 100 * DAY;

    fn link(from: &str, to: &str) -> Link {
        Link {
            id: format!("{from}-{to}"),
            from: from.into(),
            to: to.into(),
            role: "qa".into(),
            starts_at: NOW - 10 * DAY,
            ends_at: NOW + 10 * DAY,
            revoked: false,
            lifecycle: None,
            meaning: None,
        }
    }

    /// ann, who holds the role, to ben, to cyd, to dan.
    fn chain() -> Vec<Link> {
        vec![link("ann", "ben"), link("ben", "cyd"), link("cyd", "dan")]
    }

    fn root(chain: &[Link]) -> Option<&str> {
        holds(chain, "qa", "change", "plan", NOW)
    }

    fn refused(chain: &[Link], new: &Link) -> &'static str {
        match check_new(chain, new, NOW) {
            Ok(()) => "ok",
            Err(refusal) => {
                assert_eq!(refusal.sqlstate.code(), "23514");
                assert!(!refusal.hint.is_empty());
                refusal.code
            }
        }
    }

    /// Whether a change to each link of the chain in turn ends it.
    fn every_link_counts(change: impl Fn(&mut Link)) {
        for index in 0..3 {
            let mut chain = chain();
            assert_eq!(root(&chain), Some("ann"));
            change(&mut chain[index]);
            assert_eq!(root(&chain), None, "link {index}");
        }
    }

    #[test]
    fn the_last_delegate_signs_on_behalf_of_the_first_delegator() {
        for length in 1..=3 {
            assert_eq!(root(&chain()[..length]), Some("ann"));
        }
        assert_eq!(root(&[]), None);
    }

    #[test]
    fn every_link_must_be_in_force() {
        every_link_counts(|link| link.revoked = true);
        every_link_counts(|link| link.ends_at = NOW);
        every_link_counts(|link| link.starts_at = NOW + 1);
    }

    #[test]
    fn a_period_has_its_start_and_not_its_end() {
        let (starts_at, ends_at) = (NOW, NOW + 5);
        let chain = [Link { starts_at, ends_at, ..link("ann", "ben") }];
        let now = |now| holds(&chain, "qa", "change", "plan", now);
        assert_eq!(now(NOW - 1), None);
        assert_eq!(now(NOW), Some("ann"));
        assert_eq!(now(NOW + 4), Some("ann"));
        assert_eq!(now(NOW + 5), None);
        assert_eq!(now(i64::MAX), None);
    }

    #[test]
    fn every_link_must_cover_what_is_signed() {
        every_link_counts(|link| link.role = "system_owner".into());
        every_link_counts(|link| link.lifecycle = Some("repair".into()));
        every_link_counts(|link| link.meaning = Some("completion".into()));
        let mut narrowed = chain();
        narrowed[1].lifecycle = Some("change".into());
        narrowed[2].lifecycle = Some("change".into());
        narrowed[2].meaning = Some("plan".into());
        assert_eq!(root(&narrowed), Some("ann"));
        assert_eq!(holds(&narrowed, "qa", "change", "completion", NOW), None);
        assert_eq!(holds(&narrowed[..2], "qa", "change", "completion", NOW), Some("ann"));
    }

    #[test]
    fn every_link_must_pass_on_what_the_one_before_it_gave() {
        let chain = chain();
        for broken in [
            vec![chain[0].clone(), chain[2].clone()],
            vec![chain[1].clone(), chain[0].clone()],
            vec![chain[0].clone(), chain[0].clone()],
        ] {
            assert_eq!(root(&broken), None);
        }
    }

    #[test]
    fn nobody_signs_by_a_chain_that_comes_back() {
        assert_eq!(root(&[link("ann", "ann")]), None);
        assert_eq!(root(&[link("ann", "ben"), link("ben", "ann")]), None);
        let back_to_the_middle = [link("ann", "ben"), link("ben", "cyd"), link("cyd", "ben")];
        assert_eq!(root(&back_to_the_middle), None);
    }

    #[test]
    fn a_delegation_of_what_one_holds_or_was_given_is_made() {
        assert_eq!(refused(&[], &link("ann", "ben")), "ok");
        assert_eq!(refused(&chain()[..1], &link("ben", "cyd")), "ok");
        assert_eq!(refused(&chain(), &link("dan", "eve")), "ok");
    }

    #[test]
    fn a_delegation_never_comes_back_to_whom_it_came_from() {
        assert_eq!(refused(&[], &link("ann", "ann")), "delegation_loop");
        for back in ["ann", "ben", "cyd", "dan"] {
            assert_eq!(refused(&chain(), &link("dan", back)), "delegation_loop", "{back}");
        }
    }

    #[test]
    fn a_period_that_cannot_be_is_refused() {
        let period =
            |starts_at, ends_at| refused(&[], &Link { starts_at, ends_at, ..link("ann", "ben") });
        for (starts_at, ends_at) in [
            (NOW + 2, NOW + 1),
            (NOW + 1, NOW + 1),
            (NOW - 2, NOW - 1),
            (NOW - 1, NOW),
            (NOW, NOW + 366 * DAY + 1),
            (NOW, i64::MAX),
            (i64::MIN, NOW + DAY),
            (i64::MIN, i64::MAX),
        ] {
            assert_eq!(period(starts_at, ends_at), "delegation_period", "{starts_at} {ends_at}");
        }
        assert_eq!(period(NOW, NOW + 366 * DAY), "ok");
        assert_eq!(period(NOW + 300 * DAY, NOW + 600 * DAY), "ok");
        assert_eq!(period(NOW - 1, NOW + 1), "ok");
    }

    #[test]
    fn a_delegation_stays_within_the_period_of_every_link() {
        for index in 0..3 {
            let mut chain = chain();
            chain[index].starts_at += DAY;
            chain[index].ends_at -= DAY;
            let period = |starts_at, ends_at| Link { starts_at, ends_at, ..link("dan", "eve") };
            let (starts_at, ends_at) = (chain[index].starts_at, chain[index].ends_at);
            assert_eq!(refused(&chain, &period(starts_at, ends_at)), "ok");
            for outside in [period(starts_at - 1, ends_at), period(starts_at, ends_at + 1)] {
                assert_eq!(refused(&chain, &outside), "delegation_period", "link {index}");
            }
        }
    }

    #[test]
    fn a_delegation_stays_within_the_scope_of_every_link() {
        let given = |lifecycle: Option<&str>, meaning: Option<&str>| Link {
            lifecycle: lifecycle.map(str::to_owned),
            meaning: meaning.map(str::to_owned),
            ..link("dan", "eve")
        };
        for index in 0..3 {
            let mut chain = chain();
            chain[index].lifecycle = Some("change".into());
            chain[index].meaning = Some("plan".into());
            assert_eq!(refused(&chain, &given(Some("change"), Some("plan"))), "ok");
            for wider in [
                given(None, None),
                given(Some("change"), None),
                given(None, Some("plan")),
                given(Some("repair"), Some("plan")),
                given(Some("change"), Some("completion")),
            ] {
                assert_eq!(refused(&chain, &wider), "delegation_scope", "link {index}");
            }
        }
        assert_eq!(refused(&chain(), &given(Some("change"), None)), "ok");
        let another_role = Link { role: "system_owner".into(), ..link("dan", "eve") };
        assert_eq!(refused(&chain(), &another_role), "delegation_scope");
    }

    #[test]
    fn a_chain_that_does_not_lead_to_the_delegator_gives_nothing() {
        assert_eq!(refused(&chain()[..2], &link("dan", "eve")), "delegation_scope");
        let broken = [chain()[0].clone(), chain()[2].clone()];
        assert_eq!(refused(&broken, &link("dan", "eve")), "delegation_scope");
    }

    #[test]
    fn what_is_over_or_revoked_is_not_passed_on() {
        for index in 0..3 {
            let mut revoked = chain();
            revoked[index].revoked = true;
            assert_eq!(refused(&revoked, &link("dan", "eve")), "delegation_over");
            let mut over = chain();
            over[index].ends_at = NOW;
            assert_eq!(refused(&over, &link("dan", "eve")), "delegation_over");
        }
    }

    #[test]
    fn what_begins_later_is_passed_on_for_later() {
        let mut later = chain();
        later[0].starts_at = NOW + DAY;
        assert_eq!(refused(&later, &link("dan", "eve")), "delegation_period");
        let new = Link { starts_at: NOW + DAY, ..link("dan", "eve") };
        assert_eq!(refused(&later, &new), "ok");
    }

    #[test]
    fn what_may_be_made_then_holds_within_its_limits_only() {
        let choices = [None, Some("change".to_owned()), Some("repair".to_owned())];
        let mut made = 0;
        for outer in &choices {
            for inner in &choices {
                let parent = Link { lifecycle: outer.clone(), ..link("ann", "ben") };
                let new = Link { lifecycle: inner.clone(), ..link("ben", "cyd") };
                if check_new(std::slice::from_ref(&parent), &new, NOW).is_err() {
                    continue;
                }
                made += 1;
                let chain = [parent, new];
                for lifecycle in ["change", "repair"] {
                    let by = |links: &[Link]| holds(links, "qa", lifecycle, "x", NOW).is_some();
                    assert_eq!(by(&chain), by(&chain[..1]) && by(&chain[1..]));
                    assert_eq!(by(&chain), by(&chain[1..]), "as far as the last link says");
                }
            }
        }
        assert_eq!(made, 5);
    }
}
