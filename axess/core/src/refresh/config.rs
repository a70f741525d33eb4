use axess_factors::PepperRing;
use chrono::TimeDelta;
use std::time::Duration;

/// The longest life of a refresh token that can be configured.
const MAX_TTL: TimeDelta = TimeDelta::days(365);
/// The most active tokens of one user that can be configured.
const MAX_PER_USER: usize = 1_000;
/// The longest race window that can be configured.
const MAX_RACE_WINDOW: TimeDelta = TimeDelta::minutes(1);

/// How refresh tokens live.
///
/// ```
/// use axess_core::refresh::RefreshTokenConfig;
/// use std::time::Duration;
/// let config = RefreshTokenConfig::default();
/// assert_eq!(config.ttl, Duration::from_secs(30 * 86_400));
/// assert_eq!((config.max_per_user, config.rotation), (10, true));
/// assert_eq!(config.race_window, Duration::from_secs(10));
/// ```
#[derive(Debug, Clone)]
pub struct RefreshTokenConfig {
    /// How long a token works without being used: 1 second to 365 days, clamped. Default: 30 days.
    pub ttl: Duration,
    /// How many tokens of one user are active at most: 1 to 1000, clamped; a new one evicts the oldest. Default: 10.
    pub max_per_user: usize,
    /// Whether a token is exchanged for a successor with every use, which is what makes a theft show. Default: yes.
    pub rotation: bool,
    /// How long after its exchange a token may be presented once more by the loser of an honest race, who then gets the
    /// same successor: at most 1 minute, clamped. Default: 10 seconds.
    pub race_window: Duration,
    /// The peppers of stored hashes. Default: none, hashes are plain SHA-256 of 256 random bits.
    pub peppers: PepperRing,
}

impl RefreshTokenConfig {
    pub(crate) fn ttl(&self) -> TimeDelta {
        clamp(self.ttl, TimeDelta::seconds(1), MAX_TTL)
    }

    pub(super) fn max_per_user(&self) -> usize {
        self.max_per_user.clamp(1, MAX_PER_USER)
    }

    pub(super) fn race_window(&self) -> TimeDelta {
        clamp(self.race_window, TimeDelta::zero(), MAX_RACE_WINDOW)
    }
}

impl Default for RefreshTokenConfig {
    fn default() -> Self {
        Self {
            ttl: Duration::from_secs(30 * 86_400),
            max_per_user: 10,
            rotation: true,
            race_window: Duration::from_secs(10),
            peppers: PepperRing::none(),
        }
    }
}

fn clamp(value: Duration, least: TimeDelta, most: TimeDelta) -> TimeDelta {
    TimeDelta::from_std(value).unwrap_or(most).clamp(least, most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_clamped() {
        let wild = RefreshTokenConfig {
            ttl: Duration::MAX,
            max_per_user: 0,
            race_window: Duration::from_secs(3_600),
            ..RefreshTokenConfig::default()
        };
        assert_eq!((wild.ttl(), wild.max_per_user(), wild.race_window()), (MAX_TTL, 1, MAX_RACE_WINDOW));
        let none = RefreshTokenConfig { ttl: Duration::ZERO, max_per_user: usize::MAX, ..wild };
        assert_eq!((none.ttl(), none.max_per_user()), (TimeDelta::seconds(1), MAX_PER_USER));
    }
}
