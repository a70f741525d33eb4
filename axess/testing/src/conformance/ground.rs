use super::suite::Setting;
use axess_core::store::Owner;
use axess_identity::{DeviceId, EventId, RefreshTokenId, SessionId, TenantId, TokenFamilyId, UserId};
use axess_rng::{MockRng, SecureRng, random_array, random_below};
use chrono::{DateTime, TimeDelta, Utc};
use std::sync::Arc;

/// Names with everything people's names have: composed and combining marks, emoji of several code points, right-to-left text.
pub(super) const NAMES: [&str; 6] = [
    "",
    "Zoë Ångström",
    "Zoe\u{308} A\u{30a}ngstro\u{308}m",
    "👩🏽‍💻 family 👨‍👩‍👧‍👦 🏳️‍🌈",
    "עִבְרִית \u{200f}مرحبا\u{200e} mixed",
    "'; DROP TABLE \"users\"; -- %_\\ \t\r\n \u{feff}\u{10ffff}",
];

/// Names that differ only in what a careless collation does not see: case, marks, composition, width, spaces, what cannot be
/// seen at all, and what a pattern would match.
pub(super) const LOOKALIKES: [&str; 9] = [
    "github",
    "GitHub",
    "github ",
    " github",
    "gïthub",
    "gi\u{308}thub",
    "ｇithub",
    "git\u{200d}hub",
    "g%th_b",
];

/// Where one case draws its ids and times from.
#[derive(Debug, Clone)]
pub(super) struct Ground {
    rng: Arc<MockRng>,
    base: DateTime<Utc>,
}

impl Ground {
    pub(super) fn new(setting: Setting, port: &str, case: &str, pass: u8) -> Self {
        // FNV-1a: each case has a sequence of its own, whichever others are run.
        let name = port.bytes().chain([0]).chain(case.bytes()).chain([pass]);
        let hash = name.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        Self { rng: Arc::new(MockRng::new(hash ^ setting.seed.rotate_left(32))), base: setting.base }
    }

    /// Returns the time `seconds` after the base.
    pub(super) fn at(&self, seconds: i64) -> DateTime<Utc> {
        self.base + TimeDelta::seconds(seconds)
    }

    /// Returns the last instant before the time `seconds` after the base.
    pub(super) fn just_before(&self, seconds: i64) -> DateTime<Utc> {
        self.at(seconds) - TimeDelta::microseconds(1)
    }

    pub(super) fn rng(&self) -> &dyn SecureRng {
        &*self.rng
    }

    pub(super) fn below(&self, bound: u64) -> u64 {
        random_below(self.rng(), bound)
    }

    pub(super) fn chance(&self, percent: u64) -> bool {
        self.below(100) < percent
    }

    pub(super) fn pick<T: Clone>(&self, among: &[T]) -> Option<T> {
        let index = self.below(u64::try_from(among.len()).unwrap_or(u64::MAX));
        among.get(usize::try_from(index).unwrap_or(0)).cloned()
    }

    pub(super) fn bytes(&self, len: usize) -> Vec<u8> {
        let mut bytes = vec![0; len];
        self.rng.fill_bytes(&mut bytes);
        bytes
    }

    /// Draws a name nothing else has.
    pub(super) fn word(&self) -> String {
        let digits: [u8; 8] = random_array(self.rng());
        format!("w{:016x}", u64::from_be_bytes(digits))
    }

    pub(super) fn tenant(&self) -> TenantId {
        TenantId::generate(self.base, self.rng())
    }

    pub(super) fn user(&self) -> UserId {
        UserId::generate(self.base, self.rng())
    }

    pub(super) fn owner(&self) -> Owner {
        Owner { tenant_id: self.tenant(), user_id: self.user() }
    }

    /// Draws three accounts that share as much as they can: somebody, their namesake in another tenant, and their
    /// neighbour in the same tenant.
    pub(super) fn owners(&self) -> [Owner; 3] {
        let me = self.owner();
        [me, Owner { tenant_id: self.tenant(), ..me }, Owner { user_id: self.user(), ..me }]
    }

    pub(super) fn session(&self) -> SessionId {
        SessionId::generate(self.rng())
    }

    pub(super) fn device(&self) -> DeviceId {
        DeviceId::generate(self.base, self.rng())
    }

    pub(super) fn event(&self) -> EventId {
        EventId::generate(self.base, self.rng())
    }

    pub(super) fn token(&self) -> RefreshTokenId {
        RefreshTokenId::generate(self.base, self.rng())
    }

    pub(super) fn family(&self) -> TokenFamilyId {
        TokenFamilyId::generate(self.base, self.rng())
    }
}

/// Returns a time long before 1970, with microseconds.
pub(super) fn long_ago() -> DateTime<Utc> {
    DateTime::from_timestamp_micros(-2_208_988_800_000_001).unwrap_or_default()
}

/// Returns the last microsecond of the year 9999: the last one every database keeps.
pub(super) fn far_future() -> DateTime<Utc> {
    DateTime::from_timestamp_micros(253_402_300_799_999_999).unwrap_or_default()
}
