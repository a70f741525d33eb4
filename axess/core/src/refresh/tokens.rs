use super::{
    Continued, IssuedRefreshToken, RefreshGrant, RefreshToken, RefreshTokenConfig, TokenCompromise,
    decide::{Decision, decide},
    seal,
    text::TokenText,
};
use crate::store::{
    DynRefreshTokenStore, IssueOutcome, Owner, RotateOutcome, SaveOutcome, StoreError, StoreErrorKind,
};
use axess_identity::{DeviceId, RefreshTokenId, TokenFamilyId, TokenSecret};
use axess_rng::SecureRng;
use chrono::{DateTime, Utc};
use std::{fmt, sync::Arc};

/// The most characters of what a person recognises a device by.
const MAX_DEVICE_INFO_CHARS: usize = 256;

type OnCompromise = Arc<dyn Fn(&TokenCompromise) + Send + Sync>;

/// Issues, exchanges and revokes refresh tokens.
///
/// Give it to the service with
/// [`AuthnService::with_refresh_tokens`](crate::service::AuthnService::with_refresh_tokens).
///
/// A presented token is handled in this order:
///
/// 1. It says where its row is; the row is read, and the secret is compared in constant time. Without the right secret
///    nothing happens, whatever the row says.
/// 2. An active token is exchanged for a successor of the same family, in one conditional write. Of two racing requests
///    one wins; the other one decides again about what is stored then.
/// 3. A token that was exchanged a moment ago gets the same successor, once: it was left in the row, sealed under a key
///    that only the holder of the old token can derive.
/// 4. A token that was spent before that, or revoked, has been copied: its family, the devices bound to it and the
///    sessions opened with it end, and the application is told.
///
/// ```
/// use axess_core::{
///     memory::{InMemoryBackend, MemoryRefreshTokenStore},
///     refresh::{RefreshTokenConfig, RefreshTokens},
///     service::AuthnService,
/// };
/// use std::sync::Arc;
/// let tokens = RefreshTokens::new(Arc::new(MemoryRefreshTokenStore::new()))
///     .with_config(RefreshTokenConfig { max_per_user: 5, ..RefreshTokenConfig::default() })
///     .on_token_compromise(|alarm| tracing::warn!(user = %alarm.owner.user_id, "a refresh token was stolen"));
/// let backend = InMemoryBackend::new();
/// let service = AuthnService::new(backend.clone(), backend).with_refresh_tokens(tokens);
/// # let _ = service;
/// ```
#[derive(Clone)]
pub struct RefreshTokens {
    store: Arc<dyn DynRefreshTokenStore>,
    config: RefreshTokenConfig,
    on_compromise: Option<OnCompromise>,
}

/// What a presented token was found to be.
#[derive(Debug)]
pub(crate) enum Judged {
    Refused,
    Reused(RefreshToken),
    Valid(Claim),
}

/// A presented token that may be exchanged.
#[derive(Debug)]
pub(crate) struct Claim {
    presented: TokenText,
    row: RefreshToken,
    decision: Decision,
}

/// What came of an exchange.
#[derive(Debug)]
pub(crate) enum Exchanged {
    Done {
        proof: Continued,
        issued: IssuedRefreshToken,
        /// The presented token, unless it goes on working itself.
        previous: Option<RefreshTokenId>,
    },
    /// Another request changed the row meanwhile: judge again.
    Overtaken,
    /// Another request has taken the successor: the token was presented a second time.
    Reused(RefreshToken),
}

impl RefreshTokens {
    /// Keeps tokens in `store`, with the default configuration.
    #[must_use]
    pub fn new(store: Arc<dyn DynRefreshTokenStore>) -> Self {
        Self { store, config: RefreshTokenConfig::default(), on_compromise: None }
    }

    /// Sets how tokens live.
    #[must_use]
    pub fn with_config(mut self, config: RefreshTokenConfig) -> Self {
        self.config = config;
        self
    }

    /// Calls `told` when a spent token is presented again, after everything that descends from it was revoked.
    ///
    /// It runs on the request's task: hand the alarm on and return.
    #[must_use]
    pub fn on_token_compromise(mut self, told: impl Fn(&TokenCompromise) + Send + Sync + 'static) -> Self {
        self.on_compromise = Some(Arc::new(told));
        self
    }

    /// Returns how tokens live.
    #[must_use]
    pub fn config(&self) -> &RefreshTokenConfig {
        &self.config
    }

    /// Returns the store.
    #[must_use]
    pub fn store(&self) -> &Arc<dyn DynRefreshTokenStore> {
        &self.store
    }

    /// Begins a family, whose first token works until `until` at the latest; also returns the tokens that were evicted for
    /// it.
    pub(crate) async fn issue(
        &self,
        owner: Owner,
        (grant, until): (RefreshGrant, Option<DateTime<Utc>>),
        device: (Option<DeviceId>, Option<&str>),
        now: DateTime<Utc>,
        rng: &dyn SecureRng,
    ) -> Result<(IssuedRefreshToken, Vec<RefreshTokenId>), StoreError> {
        let token = TokenText::draw(owner, now, rng);
        let row = RefreshToken {
            id: token.id,
            owner,
            family_id: TokenFamilyId::generate(now, rng),
            token_hash: token.hash(&self.config.peppers).ok_or(StoreError::bare(StoreErrorKind::Misuse))?,
            grant,
            device_id: device.0,
            device_info: device.1.map(|info| info.chars().take(MAX_DEVICE_INFO_CHARS).collect()),
            issued_at: now,
            expires_at: until.unwrap_or(DateTime::<Utc>::MAX_UTC).min(now + self.config.ttl()),
            rotated_at: None,
            revoked_at: None,
            successor: None,
        };
        let issued = handed_out(&token, &row);
        match self.store.issue_with_eviction(row, self.config.max_per_user()).await? {
            IssueOutcome::Issued { evicted } => Ok((issued, evicted)),
            // A fresh id is never taken; if it is, the randomness is broken.
            IssueOutcome::Conflict => Err(StoreError::bare(StoreErrorKind::Misuse)),
        }
    }

    /// Finds out what a presented token is worth.
    pub(crate) async fn judge(
        &self,
        presented: &TokenSecret,
        now: DateTime<Utc>,
    ) -> Result<Judged, StoreError> {
        let Some(presented) = TokenText::parse(presented) else { return Ok(Judged::Refused) };
        let row = self.store.load_token(presented.owner, presented.id).await?;
        // A row of somebody else would be a fault of the store; it must not become a way in.
        let row = row.filter(|row| (row.owner, row.id) == (presented.owner, presented.id));
        let proven = row.as_ref().is_some_and(|row| presented.proves(&self.config.peppers, &row.token_hash));
        let decision = decide(row.as_ref(), proven, self.config.rotation, self.config.race_window(), now);
        Ok(match (decision, row) {
            (Decision::Refuse, _) | (_, None) => Judged::Refused,
            (Decision::Reuse, Some(row)) => Judged::Reused(row),
            (decision, Some(row)) => Judged::Valid(Claim { presented, row, decision }),
        })
    }

    /// Spends a claim.
    pub(crate) async fn exchange(
        &self,
        claim: Claim,
        now: DateTime<Utc>,
        rng: &dyn SecureRng,
    ) -> Result<Exchanged, StoreError> {
        match claim.decision {
            Decision::Rotate => self.rotate(claim, now, rng).await,
            Decision::Extend => self.extend(claim, now).await,
            Decision::HandOver => self.hand_over(claim, now).await,
            Decision::Refuse | Decision::Reuse => Ok(Exchanged::Overtaken),
        }
    }

    /// Tells whether a token still works: what was written on its strength may have come after its revocation.
    /// One that was exchanged once more meanwhile does not: its family may have been revoked after that.
    pub(crate) async fn is_active(
        &self,
        owner: Owner,
        id: RefreshTokenId,
        now: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        let row = self.store.load_token(owner, id).await?;
        Ok(row.is_some_and(|row| row.is_active(now)))
    }

    pub(crate) fn tell(&self, alarm: &TokenCompromise) {
        if let Some(told) = &self.on_compromise {
            told(alarm);
        }
    }

    async fn rotate(
        &self,
        claim: Claim,
        now: DateTime<Utc>,
        rng: &dyn SecureRng,
    ) -> Result<Exchanged, StoreError> {
        let Claim { presented, row, .. } = claim;
        let next = TokenText::draw(row.owner, now, rng);
        let unfit = || StoreError::bare(StoreErrorKind::Misuse);
        let successor = RefreshToken {
            id: next.id,
            token_hash: next.hash(&self.config.peppers).ok_or_else(unfit)?,
            issued_at: now,
            expires_at: self.renewed(&row, now),
            rotated_at: None,
            revoked_at: None,
            successor: None,
            ..row.clone()
        };
        let sealed = seal::seal(&presented, &next, rng).ok_or_else(unfit)?;
        let issued = handed_out(&next, &successor);
        match self.store.rotate_token(row.id, successor, sealed).await? {
            RotateOutcome::NotActive => Ok(Exchanged::Overtaken),
            RotateOutcome::Rotated => {
                let previous = Some(row.id);
                Ok(Exchanged::Done { proof: Continued::new(row, next.id), issued, previous })
            }
        }
    }

    /// Returns how long a token may work that is used now. What a provider vouched for is not prolonged: somebody has to
    /// ask there again.
    fn renewed(&self, row: &RefreshToken, now: DateTime<Utc>) -> DateTime<Utc> {
        let renewed = now + self.config.ttl();
        if row.grant.is_federated() { renewed.min(row.expires_at) } else { renewed }
    }

    async fn extend(&self, claim: Claim, now: DateTime<Utc>) -> Result<Exchanged, StoreError> {
        let Claim { presented, row, .. } = claim;
        let hash = presented.hash(&self.config.peppers).ok_or(StoreError::bare(StoreErrorKind::Misuse))?;
        let expires_at = row.expires_at.max(self.renewed(&row, now));
        match self.store.extend_token(row.owner, row.id, hash, expires_at, now).await? {
            SaveOutcome::Conflict => Ok(Exchanged::Overtaken),
            SaveOutcome::Saved => {
                let issued = handed_out(&presented, &RefreshToken { expires_at, ..row.clone() });
                Ok(Exchanged::Done { proof: Continued::new(row, presented.id), issued, previous: None })
            }
        }
    }

    async fn hand_over(&self, claim: Claim, now: DateTime<Utc>) -> Result<Exchanged, StoreError> {
        let Claim { presented, row, .. } = claim;
        let Some(left) = self.store.take_successor(row.owner, row.id, now).await? else {
            return Ok(Exchanged::Reused(row));
        };
        let next = seal::open(&presented, left.id, &left.sealed);
        let next = next.ok_or(StoreError::bare(StoreErrorKind::Corrupt))?;
        let Some(successor) = self.store.load_token(row.owner, next.id).await? else {
            return Ok(Exchanged::Reused(row));
        };
        let (issued, previous) = (handed_out(&next, &successor), Some(row.id));
        Ok(Exchanged::Done { proof: Continued::new(row, next.id), issued, previous })
    }
}

impl Claim {
    pub(crate) fn row(&self) -> &RefreshToken {
        &self.row
    }
}

impl fmt::Debug for RefreshTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RefreshTokens").field("config", &self.config).finish_non_exhaustive()
    }
}

fn handed_out(token: &TokenText, row: &RefreshToken) -> IssuedRefreshToken {
    IssuedRefreshToken {
        token: token.encode(),
        id: row.id,
        family_id: row.family_id,
        expires_at: row.expires_at,
    }
}

#[cfg(test)]
mod tests;
