use super::delivered::Delivered;
use crate::{
    commands::Invocation,
    compose::Broker,
    keeper::{Ended, Keeper, KeeperError, StopReason},
    private_folder::PrivateFolder,
};
use audex_core::{
    IssueError, Lease,
    audit::BrokerEvent,
    budget::{Budget, Dollars, Verdict},
    lease::Next,
};
use axess_clock::Clock;
use chrono::{DateTime, TimeDelta, Utc};
use std::time::Duration;

/// How often it is looked at what is due. Short, because the clock that decides may run faster than the timer.
const TICK: Duration = Duration::from_millis(250);

/// How long to wait after a successor could not be had, at first and at most.
const RETRY: (TimeDelta, TimeDelta) = (TimeDelta::seconds(10), TimeDelta::minutes(5));

/// Looks after a session while its command runs.
pub(super) struct Watch<'a> {
    invocation: &'a Invocation,
    broker: &'a Broker,
    budget: Option<Spending>,
    /// When a successor may be asked for again, and how long to wait after that.
    retry: Option<(DateTime<Utc>, TimeDelta)>,
    /// Whether the newest credential has not reached the command yet.
    undelivered: bool,
    told_of_expiry: bool,
    reason: Option<String>,
}

struct Spending {
    budget: Budget,
    since: DateTime<Utc>,
    /// What the accounting knew at first: the provider counts by the day, and not by the session.
    before: Option<Dollars>,
    every: TimeDelta,
    next: DateTime<Utc>,
    told_of_failure: bool,
}

impl<'a> Watch<'a> {
    pub(super) fn new(
        invocation: &'a Invocation,
        broker: &'a Broker,
        lease: &Lease,
        every: Duration,
    ) -> Self {
        let since = lease.record().created_at;
        let every = TimeDelta::from_std(every).unwrap_or(TimeDelta::MAX);
        let budget = lease.record().budget_usd.map(|limit| Spending {
            budget: Budget::new(limit),
            since,
            before: None,
            every,
            next: since,
            told_of_failure: false,
        });
        Self {
            invocation,
            broker,
            budget,
            retry: None,
            undelivered: false,
            told_of_expiry: false,
            reason: None,
        }
    }

    /// Returns why the session was ended early, in words.
    pub(super) fn reason(&self) -> Option<String> {
        self.reason.clone()
    }

    /// Waits for the end of the command and does what is due meanwhile.
    pub(super) async fn until_the_end(
        &mut self,
        keeper: &mut Keeper,
        lease: &mut Lease,
        delivered: &Delivered,
        folder: &PrivateFolder,
    ) -> Result<Ended, KeeperError> {
        let (sessions, id) = (&self.broker.issuer.store.folder, lease.session_id());
        let asked_to_end = async || {
            loop {
                if let Some(reason) = sessions.asked_to_end(id) {
                    return reason;
                }
                tokio::time::sleep(TICK).await;
            }
        };
        loop {
            tokio::select! {
                ended = keeper.wait() => return ended,
                () = tokio::time::sleep(TICK) => {}
            }
            let due = async {
                self.refresh(lease, delivered, folder).await;
                self.check_budget(lease).await
            };
            // The command may end, or be ended, in the middle of it. What was asked for then reaches nobody.
            let stop = tokio::select! {
                biased;
                ended = keeper.wait() => return ended,
                reason = asked_to_end() => {
                    self.reason = Some(if reason.is_empty() { "it was revoked".to_owned() } else { reason });
                    Some(StopReason::Revoked)
                }
                stop = due => stop,
            };
            if let Some(stop) = stop {
                delivered.stop();
                keeper.stop(stop);
                return keeper.wait().await;
            }
        }
    }

    async fn refresh(&mut self, lease: &mut Lease, delivered: &Delivered, folder: &PrivateFolder) {
        let now = self.invocation.clock.now();
        if self.retry.is_some_and(|(at, _)| now < at) {
            return;
        }
        if !self.undelivered {
            let Next::RefreshAt(due) = lease.next(now) else { return };
            if !delivered.takes_successors() {
                self.tell_of_expiry(lease);
                return;
            }
            if now < due {
                return;
            }
            if let Err(error) = self.broker.issuer.refresh(lease).await {
                self.try_later(now, &error.to_string());
                return;
            }
        }
        let replaced = delivered.replace(lease.credential(), folder);
        self.undelivered = replaced.is_err();
        match replaced {
            Ok(()) => self.retry = None,
            Err(error) => self.try_later(now, &error.to_string()),
        }
    }

    fn try_later(&mut self, now: DateTime<Utc>, why: &str) {
        let wait = self.retry.map_or(RETRY.0, |(_, wait)| (wait * 2).min(RETRY.1));
        self.retry = Some((now + wait, wait));
        let seconds = wait.num_seconds();
        self.invocation
            .output
            .warn(format_args!("no further credential yet (tried again in {seconds} s): {why}"));
    }

    /// Says once that variables cannot change.
    fn tell_of_expiry(&mut self, lease: &Lease) {
        if !std::mem::replace(&mut self.told_of_expiry, true) {
            let expiry = lease.credential().expires_at().format("%H:%M:%SZ");
            self.invocation.output.warn(format_args!(
                "the credential in the command's variables expires at {expiry}, before the session ends; --deliver endpoint follows it with others"
            ));
        }
    }

    async fn check_budget(&mut self, lease: &Lease) -> Option<StopReason> {
        let spending = self.budget.as_mut()?;
        let now = self.invocation.clock.now();
        if now < spending.next {
            return None;
        }
        spending.next = now + spending.every;
        let asked = match self.broker.issuer.provider(lease.record().provider) {
            Ok(provider) => provider.spend(spending.since).await.map_err(IssueError::from),
            Err(error) => Err(error),
        };
        let all = match asked {
            Ok(all) => all?,
            Err(error) => {
                // Advisory: a session does not end because nobody knows what it cost.
                if !std::mem::replace(&mut spending.told_of_failure, true) {
                    self.invocation.output.warn(format_args!("the spend is not known: {error}"));
                }
                return None;
            }
        };
        let before = *spending.before.get_or_insert(all);
        let spent_usd = Dollars::from_cents(all.cents().saturating_sub(before.cents()));
        let (session_id, limit_usd) = (lease.session_id(), spending.budget.limit());
        let (event, stop) = match spending.budget.spent(spent_usd) {
            Verdict::Within => return None,
            Verdict::Warning => (BrokerEvent::BudgetWarning { session_id, spent_usd, limit_usd }, None),
            Verdict::Exceeded => {
                (BrokerEvent::BudgetExceeded { session_id, spent_usd, limit_usd }, Some(StopReason::Budget))
            }
        };
        let told = format!(
            "{spent_usd} of {limit_usd} US dollars are spent, as far as the provider's accounting knows"
        );
        self.invocation.output.warn(&told);
        if let Err(error) = self.broker.issuer.note(lease, event).await {
            self.invocation.output.warn(format_args!("that cannot be recorded: {error}"));
        }
        if stop.is_some() {
            self.reason = Some(told);
        }
        stop
    }
}
