mod names;
mod spread;
mod waiting;

pub(crate) use names::{Names, Top};
pub(crate) use spread::Spread;

use crate::{Decision, Fact, Period, What};
use chrono::{DateTime, Utc};
use waiting::Waiting;

/// Counts what happened in a period, one fact after the other.
///
/// It keeps a few MB at most, however many facts there are: counts of 2 000 names of each kind, requests that wait for
/// a decision up to 10 000, and how many durations are in each of some thousand steps.
///
/// ```
/// use audex_report::{Fact, Period, Tally, What};
/// use chrono::{DateTime, TimeDelta};
/// let from = DateTime::UNIX_EPOCH;
/// let mut tally = Tally::new(Period { from, to: from + TimeDelta::days(90) });
/// tally.add(&Fact { at: from, who: "alice", teams: &[], session: None, what: What::LoggedIn });
/// tally.add(&Fact { at: from - TimeDelta::days(1), who: "alice", teams: &[], session: None, what: What::LoggedIn });
/// assert_eq!(tally.facts(), 1);
/// ```
#[derive(Clone)]
pub struct Tally {
    pub(crate) period: Period,
    pub(crate) facts: u64,
    pub(crate) first: Option<DateTime<Utc>>,
    pub(crate) last: Option<DateTime<Utc>>,
    pub(crate) sessions: Sessions,
    pub(crate) approvals: Approvals,
    pub(crate) budgets: Budgets,
    pub(crate) access: Access,
    pub(crate) denials: u64,
    pub(crate) reasons: Names<1>,
    pub(crate) logins: u64,
    pub(crate) failed_logins: u64,
    pub(crate) login_reasons: Names<1>,
    pub(crate) administered: Names<1>,
    pub(crate) changes: u64,
    waiting: Waiting,
}

#[derive(Clone)]
pub(crate) struct Sessions {
    pub(crate) begun: u64,
    pub(crate) issued: u64,
    pub(crate) refreshed: u64,
    pub(crate) failed: u64,
    pub(crate) revoked: u64,
    pub(crate) still_work: u64,
    pub(crate) lifetimes: Spread,
    pub(crate) durations: Spread,
    pub(crate) duration_buckets: [u64; DURATIONS.len() + 1],
    pub(crate) endings: Names<1>,
}

#[derive(Clone)]
pub(crate) struct Approvals {
    pub(crate) asked: u64,
    pub(crate) granted: u64,
    pub(crate) denied: u64,
    pub(crate) lapsed: u64,
    pub(crate) unused: u64,
    pub(crate) withdrawn: u64,
    pub(crate) agreements: u64,
    pub(crate) refusals: u64,
    pub(crate) signed: u64,
    /// Requests that one, two, three or more had to agree to.
    pub(crate) required: [u64; 3],
    pub(crate) begun: u64,
    pub(crate) short: u64,
    pub(crate) own: u64,
    pub(crate) times: Spread,
    pub(crate) time_buckets: [u64; DECISIONS.len() + 1],
    /// Agreed, refused.
    pub(crate) roles: Names<2>,
    pub(crate) approvers: Names<2>,
}

#[derive(Clone, Default)]
pub(crate) struct Budgets {
    pub(crate) sessions: u64,
    pub(crate) granted_cents: u64,
    pub(crate) warned: u64,
    pub(crate) exceeded: u64,
    pub(crate) over_cents: u64,
}

/// Sessions begun, requests denied.
#[derive(Clone)]
pub(crate) struct Access {
    pub(crate) people: Names<2>,
    pub(crate) teams: Names<2>,
    pub(crate) roles: Names<1>,
    pub(crate) providers: Names<2>,
}

/// Where buckets of sessions' durations end, in seconds.
pub(crate) const DURATIONS: [u64; 7] = [60, 300, 900, 1_800, 3_600, 14_400, 43_200];

/// Where buckets of the times to a decision end, in seconds.
pub(crate) const DECISIONS: [u64; 6] = [60, 300, 900, 3_600, 14_400, 86_400];

/// What is counted as the role of a session that names none.
const NO_ROLE: &str = "(none)";

/// What is counted as the team of somebody who is in none.
const NO_TEAM: &str = "(no team)";

const BEGUN: usize = 0;
const DENIED: usize = 1;

impl Tally {
    /// Makes a tally of a period in which nothing has happened yet.
    pub fn new(period: Period) -> Self {
        Self {
            period,
            facts: 0,
            first: None,
            last: None,
            sessions: Sessions::new(),
            approvals: Approvals::new(),
            budgets: Budgets::default(),
            access: Access {
                people: Names::new(),
                teams: Names::new(),
                roles: Names::new(),
                providers: Names::new(),
            },
            denials: 0,
            reasons: Names::new(),
            logins: 0,
            failed_logins: 0,
            login_reasons: Names::new(),
            administered: Names::new(),
            changes: 0,
            waiting: Waiting::default(),
        }
    }

    /// Returns how many facts of the period there were.
    pub const fn facts(&self) -> u64 {
        self.facts
    }

    /// Returns how many requests are not decided.
    pub(crate) fn undecided(&self) -> u64 {
        self.waiting.undecided()
    }

    /// Counts a fact; one from outside the period is none.
    pub fn add(&mut self, fact: &Fact<'_>) {
        if fact.at < self.period.from || fact.at >= self.period.to {
            return;
        }
        self.facts += 1;
        self.first = Some(self.first.map_or(fact.at, |first| first.min(fact.at)));
        self.last = Some(self.last.map_or(fact.at, |last| last.max(fact.at)));
        match fact.what {
            What::ApprovalAsked { .. } | What::Voted { .. } | What::Withdrawn | What::Lapsed => {
                self.add_to_approvals(fact);
            }
            What::Begun { .. } => self.begin(fact),
            What::Issued { is_refresh: false } => self.sessions.issued += 1,
            What::Issued { is_refresh: true } => self.sessions.refreshed += 1,
            What::IssueFailed => self.sessions.failed += 1,
            What::Denied { provider, reason } => {
                self.denials += 1;
                self.reasons.count(reason, 0);
                self.count_access(fact, provider, DENIED);
            }
            What::Ended { status, seconds } => self.sessions.end(status, seconds),
            What::Revoked { still_work } => {
                self.sessions.revoked += 1;
                self.sessions.still_work += u64::from(still_work);
            }
            What::RevocationAnswered { still_work } => self.sessions.still_work += u64::from(still_work),
            What::BudgetWarned => self.budgets.warned += 1,
            What::BudgetExceeded { spent_cents, limit_cents } => {
                self.budgets.exceeded += 1;
                let over = spent_cents.saturating_sub(limit_cents);
                self.budgets.over_cents = self.budgets.over_cents.saturating_add(over);
            }
            What::LoggedIn => self.logins += 1,
            What::LoginFailed { reason } => {
                self.failed_logins += 1;
                self.login_reasons.count(reason, 0);
            }
            What::Administered { action } => {
                self.changes += 1;
                self.administered.count(action, 0);
            }
            What::Other => {}
        }
    }

    fn begin(&mut self, fact: &Fact<'_>) {
        let What::Begun { provider, role, ttl_seconds, budget_cents, approvers, is_own } = fact.what else {
            return;
        };
        self.sessions.begun += 1;
        self.sessions.lifetimes.add(u64::from(ttl_seconds));
        self.count_access(fact, provider, BEGUN);
        self.access.roles.count(role.unwrap_or(NO_ROLE), 0);
        if let Some(cents) = budget_cents {
            self.budgets.sessions += 1;
            self.budgets.granted_cents = self.budgets.granted_cents.saturating_add(cents);
        }
        let asked = fact.session.and_then(|session| self.waiting.end(session));
        if approvers > 0 || asked.is_some() {
            self.approvals.begun += 1;
            self.approvals.own += u64::from(is_own);
            self.approvals.short += u64::from(asked.is_some_and(|asked| approvers < asked.required));
        }
    }

    fn count_access(&mut self, fact: &Fact<'_>, provider: &str, column: usize) {
        self.access.people.count(fact.who, column);
        self.access.providers.count(provider, column);
        if fact.teams.is_empty() {
            self.access.teams.count(NO_TEAM, column);
        }
        fact.teams.iter().for_each(|team| self.access.teams.count(team, column));
    }

    fn add_to_approvals(&mut self, fact: &Fact<'_>) {
        let approvals = &mut self.approvals;
        match fact.what {
            What::ApprovalAsked { required, .. } => {
                approvals.asked += 1;
                let [one, two, more] = &mut approvals.required;
                *match required {
                    0 | 1 => one,
                    2 => two,
                    _ => more,
                } += 1;
                if let Some(session) = fact.session {
                    self.waiting.begin(session, fact.at, required);
                }
            }
            What::Voted { approve, role, is_signed, decision } => {
                *(if approve { &mut approvals.agreements } else { &mut approvals.refusals }) += 1;
                approvals.signed += u64::from(is_signed);
                approvals.roles.count(role, usize::from(!approve));
                approvals.approvers.count(fact.who, usize::from(!approve));
                let asked = match decision {
                    Decision::Open => return,
                    Decision::Granted => {
                        approvals.granted += 1;
                        fact.session.and_then(|session| self.waiting.grant(session))
                    }
                    Decision::Denied => {
                        approvals.denied += 1;
                        fact.session.and_then(|session| self.waiting.end(session))
                    }
                };
                if let Some(asked) = asked {
                    let seconds = u64::try_from((fact.at - asked.at).num_seconds()).unwrap_or(0);
                    approvals.times.add(seconds);
                    count_in(&mut approvals.time_buckets, &DECISIONS, seconds);
                }
            }
            What::Withdrawn => {
                approvals.withdrawn += 1;
                fact.session.and_then(|session| self.waiting.end(session));
            }
            _ => match fact.session.and_then(|session| self.waiting.end(session)) {
                Some(asked) if asked.is_granted => approvals.unused += 1,
                _ => approvals.lapsed += 1,
            },
        }
    }
}

impl std::fmt::Debug for Tally {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tally")
            .field("period", &self.period)
            .field("facts", &self.facts)
            .finish_non_exhaustive()
    }
}

impl Sessions {
    fn new() -> Self {
        Self {
            begun: 0,
            issued: 0,
            refreshed: 0,
            failed: 0,
            revoked: 0,
            still_work: 0,
            lifetimes: Spread::new(),
            durations: Spread::new(),
            duration_buckets: [0; DURATIONS.len() + 1],
            endings: Names::new(),
        }
    }

    fn end(&mut self, status: &str, seconds: u64) {
        self.endings.count(status, 0);
        self.durations.add(seconds);
        count_in(&mut self.duration_buckets, &DURATIONS, seconds);
    }
}

impl Approvals {
    fn new() -> Self {
        Self {
            asked: 0,
            granted: 0,
            denied: 0,
            lapsed: 0,
            unused: 0,
            withdrawn: 0,
            agreements: 0,
            refusals: 0,
            signed: 0,
            required: [0; 3],
            begun: 0,
            short: 0,
            own: 0,
            times: Spread::new(),
            time_buckets: [0; DECISIONS.len() + 1],
            roles: Names::new(),
            approvers: Names::new(),
        }
    }
}

/// Counts a value in the first bucket that ends after it, or in the last one.
fn count_in(buckets: &mut [u64], ends: &[u64], value: u64) {
    let at = ends.iter().position(|end| value < *end).unwrap_or(ends.len());
    if let Some(bucket) = buckets.get_mut(at) {
        *bucket += 1;
    }
}
