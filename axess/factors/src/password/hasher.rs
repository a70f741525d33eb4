use super::{
    config::MAX_PASSWORD_BYTES,
    params::Argon2idParams,
    pepper::PepperRing,
    pool::{KdfError, KdfPool},
    record::{OUTPUT_BYTES, Record, SALT_BYTES},
};
use crate::{Subject, Verified};
use argon2::{Algorithm, Argon2, Params, Version};
use axess_identity::{FactorKind, Password, PasswordHash};
use axess_rng::{SecureRng, random_array};
use std::sync::Arc;
use zeroize::Zeroizing;

/// What is hashed when there is nothing to compare with. The result is thrown away; the work is the point.
const DECOY_INPUT: &[u8] = b"axess: work without a result";
const DECOY_SALT: [u8; SALT_BYTES] = *b"axess decoy salt";

/// Hashes and verifies passwords with Argon2id (RFC 9106), seasoned with a pepper.
///
/// A password is hashed exactly as typed: no trimming, no case folding, no Unicode normalisation.
///
/// ```
/// use axess_factors::{Argon2idParams, KdfPool, PasswordHasher, PasswordOutcome, PepperRing, Subject};
/// use axess_identity::{AttemptId, Password, UserId};
/// use axess_rng::SystemRng;
/// use std::sync::Arc;
/// # let subject = Subject { user_id: UserId::from_parts(0, [1; 10]), attempt: AttemptId::from_parts(0, [2; 10]) };
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let hasher = PasswordHasher::new(
///     Argon2idParams::light(), // `default()` in production
///     PepperRing::none(),
///     Arc::new(KdfPool::new(2, 64)),
///     Arc::new(SystemRng),
/// );
/// let password = Password::from("correct horse battery");
/// let stored = hasher.hash(&password).await?;
/// let outcome = hasher.verify(subject, &password, Some(&stored)).await?;
/// assert!(matches!(outcome, PasswordOutcome::Verified { needs_rehash: false, .. }));
///
/// // No such user: the same work, and it can only fail.
/// let outcome = hasher.verify(subject, &password, None).await?;
/// assert!(matches!(outcome, PasswordOutcome::Rejected));
/// # Ok::<(), axess_factors::PasswordError>(())
/// # }).unwrap();
/// ```
#[derive(Debug)]
pub struct PasswordHasher {
    params: Argon2idParams,
    peppers: PepperRing,
    pool: Arc<KdfPool>,
    rng: Arc<dyn SecureRng>,
}

/// What came of checking a password.
///
/// ```
/// use axess_factors::PasswordOutcome;
/// assert!(!matches!(PasswordOutcome::Rejected, PasswordOutcome::Verified { .. }));
/// ```
#[derive(Debug)]
#[must_use]
pub enum PasswordOutcome {
    /// The password is right.
    Verified {
        /// The proof of it.
        proof: Verified,
        /// The stored hash has other parameters or another pepper than new ones get: hash the password again and
        /// store the result.
        needs_rehash: bool,
    },
    /// The password is wrong, too long to be anybody's, or there was nothing to compare with.
    Rejected,
}

/// Says why a password was neither accepted nor refused.
///
/// A wrong password is not an error but [`PasswordOutcome::Rejected`].
///
/// ```
/// use axess_factors::PasswordError;
/// assert_eq!(PasswordError::CorruptRecord.to_string(), "the stored password hash is unusable");
/// ```
#[derive(Debug, thiserror::Error)]
pub enum PasswordError {
    /// The key derivation did not run.
    #[error("the password hash was not computed")]
    Kdf(#[from] KdfError),
    /// The stored hash is malformed, of an unknown kind, or asks for more work than the ceilings allow.
    #[error("the stored password hash is unusable")]
    CorruptRecord,
    /// The stored hash names a pepper that is not in the ring: the operator removed one too early.
    #[error("the stored password hash needs pepper {id:?}, which is not configured")]
    UnknownPepper {
        /// The id the hash names.
        id: String,
    },
    /// A password to be stored is longer than any that could be verified.
    #[error("the password is too long to be stored")]
    TooLong,
}

impl PasswordHasher {
    /// Creates a hasher that makes new hashes with `params` and the current pepper of `peppers`.
    #[must_use]
    pub fn new(
        params: Argon2idParams,
        peppers: PepperRing,
        pool: Arc<KdfPool>,
        rng: Arc<dyn SecureRng>,
    ) -> Self {
        Self { params, peppers, pool, rng }
    }

    /// Hashes a new password under a fresh salt.
    ///
    /// Whether the password is good enough is [`PasswordConfig::validate_new`](crate::PasswordConfig::validate_new)'s
    /// question, not this one's.
    ///
    /// # Errors
    ///
    /// [`PasswordError::Kdf`], or [`PasswordError::TooLong`] past 512 bytes.
    pub async fn hash(&self, password: &Password) -> Result<PasswordHash, PasswordError> {
        if password.expose().len() > MAX_PASSWORD_BYTES {
            return Err(PasswordError::TooLong);
        }
        self.hash_bytes(self.params, password.expose().as_bytes()).await
    }

    /// Checks a password against the stored hash of its user, or against nothing.
    ///
    /// Exactly one key derivation runs, whatever happens. With nothing stored, an unusable hash or a password past 512
    /// bytes it is a decoy at the current parameters. A hash with *older* parameters still costs what it was made
    /// with, until its user logs in and it is rehashed.
    ///
    /// # Errors
    ///
    /// [`PasswordError::Kdf`], [`PasswordError::CorruptRecord`] or [`PasswordError::UnknownPepper`]; never for a wrong
    /// password.
    pub async fn verify(
        &self,
        subject: Subject,
        password: &Password,
        stored: Option<&PasswordHash>,
    ) -> Result<PasswordOutcome, PasswordError> {
        let Some(record) = self.check(password.expose().as_bytes(), stored).await? else {
            return Ok(PasswordOutcome::Rejected);
        };
        Ok(PasswordOutcome::Verified {
            proof: Verified::new(subject, FactorKind::Password),
            needs_rehash: record.is_outdated(self.params, self.peppers.current_id()),
        })
    }

    /// Tells whether `stored` is a hash of `password`: for comparing a new password with earlier ones.
    ///
    /// # Errors
    ///
    /// As [`PasswordHasher::verify`].
    pub async fn matches(&self, password: &Password, stored: &PasswordHash) -> Result<bool, PasswordError> {
        let record = self.check(password.expose().as_bytes(), Some(stored)).await?;
        Ok(record.is_some())
    }

    /// Returns the parameters new hashes get.
    #[must_use]
    pub fn params(&self) -> Argon2idParams {
        self.params
    }

    pub(crate) async fn hash_bytes(
        &self,
        params: Argon2idParams,
        input: &[u8],
    ) -> Result<PasswordHash, PasswordError> {
        let pepper = self.peppers.current_id();
        let seasoned = self.peppers.season(pepper, input).ok_or_else(|| unknown_pepper(pepper))?;
        let salt = random_array::<SALT_BYTES>(&self.rng).to_vec();
        let output = self.derive(params, seasoned, salt.clone(), OUTPUT_BYTES).await?;
        Ok(Record::new(params, pepper, salt, output).to_phc())
    }

    /// Runs the KDF once and returns the record if it matches `input`.
    pub(crate) async fn check(
        &self,
        input: &[u8],
        stored: Option<&PasswordHash>,
    ) -> Result<Option<Record>, PasswordError> {
        match self.prepare(input, stored) {
            Ok((record, seasoned)) => {
                let salt = record.salt.clone();
                let output = self.derive(record.params, seasoned, salt, record.output_len()).await?;
                Ok(record.matches(&output).then_some(record))
            }
            Err(fault) => {
                let decoy = Zeroizing::new(DECOY_INPUT.to_vec());
                self.derive(self.params, decoy, DECOY_SALT.to_vec(), OUTPUT_BYTES).await?;
                fault.map_or(Ok(None), Err)
            }
        }
    }

    /// Finds what to hash and what to compare with. `Err(None)` means that the check can only fail.
    fn prepare(
        &self,
        input: &[u8],
        stored: Option<&PasswordHash>,
    ) -> Result<(Record, Zeroizing<Vec<u8>>), Option<PasswordError>> {
        if input.len() > MAX_PASSWORD_BYTES {
            return Err(None);
        }
        let record = Record::parse(stored.ok_or(None)?).ok_or(Some(PasswordError::CorruptRecord))?;
        let pepper = record.pepper.as_deref();
        let seasoned = self.peppers.season(pepper, input).ok_or_else(|| Some(unknown_pepper(pepper)))?;
        Ok((record, seasoned))
    }

    async fn derive(
        &self,
        params: Argon2idParams,
        input: Zeroizing<Vec<u8>>,
        salt: Vec<u8>,
        output_len: usize,
    ) -> Result<Vec<u8>, KdfError> {
        let run = move || {
            let mut output = vec![0; output_len];
            Params::new(params.memory_kib(), params.time_cost(), params.parallelism(), Some(output_len))
                .and_then(|params| {
                    Argon2::new(Algorithm::Argon2id, Version::V0x13, params).hash_password_into(
                        &input,
                        &salt,
                        &mut output,
                    )
                })
                .map(|()| output)
        };
        // Parameters and lengths were checked when they were read, so memory is all that can be missing.
        self.pool.run(run).await?.map_err(|_| KdfError::OutOfMemory)
    }
}

fn unknown_pepper(id: Option<&str>) -> PasswordError {
    PasswordError::UnknownPepper { id: id.unwrap_or_default().to_owned() }
}

#[cfg(test)]
mod tests;
