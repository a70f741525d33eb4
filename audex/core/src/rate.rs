//! How often somebody may ask, and how many sessions they may have at once.

use crate::Requester;
use chrono::{DateTime, TimeDelta, Utc};
use std::fmt;

/// Limits an identity, a group (`team:devops`) or everybody (`*`).
///
/// ```
/// use audex_core::{Requester, rate::{RateRule, Use}};
/// use chrono::{DateTime, TimeDelta};
///
/// let rule = RateRule {
///     identity: "*".to_owned(), max_requests: 2, window: TimeDelta::hours(1), max_concurrent: None,
/// };
/// let now = DateTime::UNIX_EPOCH;
/// let me = Requester::LocalUser { uid: 1, name: None };
/// let used = Use { requests: vec![now - TimeDelta::minutes(50), now - TimeDelta::minutes(10)], active: 0 };
/// let limited = audex_core::rate::check([(&rule, &used)], &me, now).unwrap_err();
/// assert_eq!(limited.retry_after, Some(TimeDelta::minutes(10)));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RateRule {
    /// About whom it is. With `*` each identity is counted alone; the members of a group are counted together by a team
    /// server, which knows of them. On one's own machine nobody is in a group.
    pub identity: String,
    /// How many requests are let through in a window; more than [`RateRule::MAX_REQUESTS`] are not.
    pub max_requests: u32,
    /// How long the window is.
    pub window: TimeDelta,
    /// How many sessions may be active at once.
    pub max_concurrent: Option<u32>,
}

impl RateRule {
    /// The most requests that can be let through in a window: each is kept until it leaves.
    pub const MAX_REQUESTS: u32 = 100_000;
}

/// What was used of a limit: by one identity, or by a group together.
///
/// ```
/// assert_eq!(audex_core::rate::Use::default().active, 0);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Use {
    /// When requests were let through, in any order.
    pub requests: Vec<DateTime<Utc>>,
    /// How many sessions are active.
    pub active: usize,
}

/// Says which limit is reached.
///
/// ```
/// let limited = audex_core::rate::RateLimited { rule: "*".into(), what: "2 requests in 1h".into(), retry_after: None };
/// assert_eq!(limited.to_string(), "the limit for * is reached: 2 requests in 1h");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the limit for {rule} is reached: {what}")]
pub struct RateLimited {
    /// About whom the rule is.
    pub rule: String,
    /// What the limit is.
    pub what: String,
    /// When to ask again; for a limit on sessions that is when one ends.
    pub retry_after: Option<TimeDelta>,
}

/// Checks one more request against every rule about the requester, each with what was used of it.
///
/// A request from the future, after the clock was set back, counts.
///
/// # Errors
///
/// The limit that takes longest.
pub fn check<'a>(
    rules: impl IntoIterator<Item = (&'a RateRule, &'a Use)>,
    who: &Requester,
    now: DateTime<Utc>,
) -> Result<(), RateLimited> {
    let mut worst: Option<RateLimited> = None;
    for (rule, used) in rules.into_iter().filter(|(rule, _)| who.is_named_by(&rule.identity)) {
        for limited in [of_requests(rule, used, now), of_sessions(rule, used)].into_iter().flatten() {
            // A limit that says when it ends gives way to a longer one, and to one that does not.
            let is_worse =
                worst.as_ref().is_none_or(|worst| match (worst.retry_after, limited.retry_after) {
                    (Some(old), Some(new)) => new > old,
                    (Some(_), None) => true,
                    (None, _) => false,
                });
            if is_worse {
                worst = Some(limited);
            }
        }
    }
    worst.map_or(Ok(()), Err)
}

/// Returns how far back requests count for any rule.
pub fn longest_window(rules: &[RateRule]) -> TimeDelta {
    rules.iter().map(|rule| rule.window).max().unwrap_or_default()
}

fn of_requests(rule: &RateRule, used: &Use, now: DateTime<Utc>) -> Option<RateLimited> {
    let begin = now - rule.window;
    let mut within: Vec<_> = used.requests.iter().copied().filter(|&at| at > begin).collect();
    let most = rule.max_requests.min(RateRule::MAX_REQUESTS);
    let allowed = usize::try_from(most).unwrap_or(usize::MAX);
    if within.len() < allowed {
        return None;
    }
    within.sort_unstable();
    // One more fits when so many have left the window that one less than allowed are in it.
    let leaves =
        within.len().checked_sub(allowed.max(1)).and_then(|at| within.get(at)).copied().unwrap_or(now);
    let retry_after = (allowed > 0).then(|| (leaves + rule.window - now).max(TimeDelta::seconds(1)));
    let what = format!("{most} requests in {}", Span(rule.window));
    Some(RateLimited { rule: rule.identity.clone(), what, retry_after })
}

fn of_sessions(rule: &RateRule, used: &Use) -> Option<RateLimited> {
    let most = rule.max_concurrent?;
    (used.active >= usize::try_from(most).unwrap_or(usize::MAX)).then(|| RateLimited {
        rule: rule.identity.clone(),
        what: format!("{most} sessions at once"),
        retry_after: None,
    })
}

struct Span(TimeDelta);

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.num_seconds();
        match seconds {
            _ if seconds % 3_600 == 0 => write!(f, "{}h", seconds / 3_600),
            _ if seconds % 60 == 0 => write!(f, "{}m", seconds / 60),
            _ => write!(f, "{seconds}s"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(identity: &str, max_requests: u32, minutes: i64, max_concurrent: Option<u32>) -> RateRule {
        RateRule {
            identity: identity.to_owned(),
            max_requests,
            window: TimeDelta::minutes(minutes),
            max_concurrent,
        }
    }

    fn at(minute: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::minutes(minute)
    }

    #[test]
    fn rules_of_groups_and_identities() {
        let alice = Requester::Principal {
            email: "alice@example.com".to_owned(),
            groups: vec!["team:devops".to_owned()],
        };
        let used = Use { requests: vec![at(59)], active: 2 };
        let limited = |rules: &[RateRule]| {
            let rules = rules.iter().map(|rule| (rule, &used));
            check(rules, &alice, at(60)).err().map(|limited| limited.rule)
        };
        assert_eq!(limited(&[]), None);
        assert_eq!(limited(&[rule("team:devops", 1, 60, None)]), Some("team:devops".to_owned()));
        assert_eq!(limited(&[rule("team:other", 0, 60, Some(0))]), None);
        assert_eq!(
            limited(&[rule("alice@example.com", 9, 60, Some(2))]),
            Some("alice@example.com".to_owned())
        );
        assert_eq!(limited(&[rule("*", 2, 60, Some(3))]), None);
    }

    #[test]
    fn the_window_slides() {
        let me = Requester::LocalUser { uid: 1, name: None };
        let rule = rule("*", 2, 10, None);
        let used = Use { requests: vec![at(1), at(5)], active: 0 };
        let limited = check([(&rule, &used)], &me, at(6)).unwrap_err();
        assert_eq!(limited.retry_after, Some(TimeDelta::minutes(5)));
        assert!(check([(&rule, &used)], &me, at(11)).is_ok());
        let set_back = Use { requests: vec![at(100), at(101)], active: 0 };
        assert!(check([(&rule, &set_back)], &me, at(6)).is_err());
    }

    #[test]
    fn each_rule_is_held_against_what_was_used_of_it() {
        let alice = Requester::Principal {
            email: "alice@example.com".to_owned(),
            groups: vec!["team:devops".to_owned()],
        };
        let (hers, theirs) = (rule("*", 9, 60, Some(5)), rule("team:devops", 9, 60, Some(5)));
        let used = |active| Use { requests: Vec::new(), active };
        let check = |of_her, of_them| {
            check([(&hers, &used(of_her)), (&theirs, &used(of_them))], &alice, at(0)).map_err(|it| it.rule)
        };
        assert_eq!(check(4, 4), Ok(()));
        assert_eq!(check(1, 5), Err("team:devops".to_owned()));
        assert_eq!(check(5, 1), Err("*".to_owned()));
    }
}
