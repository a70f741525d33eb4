use axess_rng::{SecureRng, random_array};
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};
use uuid::Uuid;

/// Names a session: a random UUID, of which people type the beginning.
///
/// ```
/// use audex_core::session::SessionId;
/// let id = SessionId::generate(&axess_rng::MockRng::new(1));
/// assert_eq!(id.to_string().parse::<SessionId>()?, id);
/// assert_eq!(id.short().len(), 8);
/// # Ok::<(), audex_core::session::ParseSessionIdError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SessionId(Uuid);

/// Says that a text names no session.
///
/// ```
/// let error = "x".parse::<audex_core::session::SessionId>().unwrap_err();
/// assert_eq!(error.to_string(), "a session is named by a UUID or at least 4 characters of its beginning");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a session is named by a UUID or at least 4 characters of its beginning")]
pub struct ParseSessionIdError;

impl SessionId {
    /// Makes a new one.
    ///
    /// It is random from its first character on, so that its beginning tells sessions apart.
    pub fn generate(rng: &(impl SecureRng + ?Sized)) -> Self {
        Self(uuid::Builder::from_random_bytes(random_array(rng)).into_uuid())
    }

    /// Returns the first eight characters.
    pub fn short(self) -> String {
        self.to_string().chars().take(8).collect()
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

impl FromStr for SessionId {
    type Err = ParseSessionIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // Only as it is written here: it is also the name of a file.
        let id = Uuid::try_parse(text).map_err(|_| ParseSessionIdError)?;
        if id.hyphenated().to_string() == text { Ok(Self(id)) } else { Err(ParseSessionIdError) }
    }
}
