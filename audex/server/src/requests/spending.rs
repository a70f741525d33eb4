//! What sessions with a budget have spent, as far as the providers' accounting knows: advisory, and late.

use crate::app::App;
use audex_core::budget::Dollars;
use audex_policy::Provider;
use chrono::{DateTime, TimeDelta, Utc};
use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

/// How often a provider's accounting is asked: it costs, and it is hours late anyhow.
const EVERY: TimeDelta = TimeDelta::minutes(15);

/// Since when spending is of interest, and what is known of it.
#[derive(Debug, Default)]
pub(crate) struct Spending(Mutex<BTreeMap<Provider, Known>>);

#[derive(Debug, Clone, Copy)]
struct Known {
    since: DateTime<Utc>,
    asked_at: Option<DateTime<Utc>>,
    counted: Dollars,
}

impl App {
    /// Notes that a session with a budget began.
    pub(super) fn note_budget(&self, provider: Provider, budget: Dollars) {
        self.meters.budget_granted(budget);
        let known = Known { since: self.clock.now(), asked_at: None, counted: Dollars::default() };
        self.spending.lock().entry(provider).or_insert(known);
    }

    /// Counts what was spent since it was last looked at, where sessions have budgets.
    pub(crate) async fn look_at_spending(&self, now: DateTime<Utc>) {
        let due: Vec<(Provider, Known)> = {
            let mut known = self.spending.lock();
            let is_due = |known: &Known| known.asked_at.is_none_or(|at| now - at >= EVERY);
            let due =
                known.iter().filter(|(_, known)| is_due(known)).map(|(provider, known)| (*provider, *known));
            let due: Vec<_> = due.collect();
            for (provider, _) in &due {
                if let Some(known) = known.get_mut(provider) {
                    known.asked_at = Some(now);
                }
            }
            due
        };
        for (provider, known) in due {
            let Ok(minter) = self.issuer.provider(provider) else { continue };
            match minter.spend(known.since).await {
                Ok(Some(spent)) => {
                    let more = spent.cents().saturating_sub(known.counted.cents());
                    self.meters.budget_spent(Dollars::from_cents(more));
                    if let Some(known) = self.spending.lock().get_mut(&provider) {
                        known.counted = known.counted.max(spent);
                    }
                }
                Ok(None) => {}
                Err(error) => {
                    tracing::warn!(%provider, error = &error as &dyn std::error::Error, "what was spent is not known")
                }
            }
        }
    }
}

impl Spending {
    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<Provider, Known>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
