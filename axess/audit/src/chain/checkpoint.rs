use super::{
    entry::{LineError, field},
    keys::{AuditPublicKey, AuditSigningKey, KeyId},
    link::LogId,
    wire::{Reader, chain_name, encode, parse_chain, parse_uuid},
};
use axess_core::store::AuditScope;
use chrono::{DateTime, SecondsFormat, Utc};
use std::{fmt, str::FromStr};

const LABEL: &[u8] = b"axess-audit-checkpoint-v1\0";
/// The longest line of checkpoints, without the line feed, in bytes.
pub const MAX_CHECKPOINT_BYTES: usize = 1_024;

/// What is promised at one moment: a chain, or the log as a whole, held this.
///
/// Of a chain, `seq` and `hash` are its head. Of the log (`scope` is `None`), `seq` is how many entries there ever were,
/// `hash` the [`root`](super::Heads::root) of all heads, and `order` the [`order`](super::Heads::order) of the entries.
/// A log writes one for each chain that changed since its last one, then one for the whole log; `number` counts those of
/// one chain, and those of the log, from 1 without gaps.
///
/// ```
/// use axess_audit::chain::{AuditSigningKey, Checkpoint, CheckpointReason, LogId};
/// use axess_core::store::AuditScope;
/// let checkpoint = Checkpoint {
///     log: LogId::from_uuid(uuid::Uuid::nil()),
///     scope: Some(AuditScope::System),
///     number: 1,
///     at: chrono::DateTime::UNIX_EPOCH,
///     seq: 17,
///     hash: [7; 32],
///     order: None,
///     reason: CheckpointReason::Schedule,
/// };
/// let key = AuditSigningKey::from_bytes([1; 32]);
/// assert!(checkpoint.sign(&key).verify(&[key.public_key()]));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Checkpoint {
    /// The log.
    pub log: LogId,
    /// The chain; `None` is the whole log.
    pub scope: Option<AuditScope>,
    /// Which one it is.
    pub number: u64,
    /// When it was signed, in microseconds.
    pub at: DateTime<Utc>,
    /// How many entries there were.
    pub seq: u64,
    /// The hash of the last of them, or the root of all heads.
    pub hash: [u8; 32],
    /// The order of all entries; of the whole log only.
    pub order: Option<[u8; 32]>,
    /// Why it was made.
    pub reason: CheckpointReason,
}

/// Why a checkpoint was made.
///
/// ```
/// use axess_audit::chain::CheckpointReason;
/// assert_eq!(CheckpointReason::Shutdown.to_string(), "shutdown");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CheckpointReason {
    /// It was time.
    Schedule,
    /// The log was closed.
    Shutdown,
    /// A segment was full.
    Rotation,
    /// Somebody asked for it.
    Request,
}

/// A checkpoint with its signature: one line of `checkpoints.jsonl`.
///
/// `{"checkpoint":{"v":1,"log":"<uuid>","chain":"<uuid|system>"|null,"number":3,"at":"<RFC 3339, microseconds>",
/// "seq":17,"hash":"<43>","reason":"schedule"},"key":"<11>","sig":"<86>"}`, and after `hash`, of the whole log only,
/// `"order":"<43>"`. The Ed25519 signature covers `axess-audit-checkpoint-v1\0` and the exact bytes of the object.
///
/// ```
/// use axess_audit::chain::SignedCheckpoint;
/// assert!(SignedCheckpoint::parse(b"{}").is_err());
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedCheckpoint {
    /// What is promised.
    pub checkpoint: Checkpoint,
    /// The key that signed it.
    pub key: KeyId,
    signature: [u8; 64],
}

impl Checkpoint {
    /// Signs the checkpoint; what is finer than a microsecond in `at` is dropped.
    #[must_use]
    pub fn sign(mut self, key: &AuditSigningKey) -> SignedCheckpoint {
        self.at = DateTime::from_timestamp_micros(self.at.timestamp_micros()).unwrap_or(self.at);
        let signature = key.sign(&self.message());
        SignedCheckpoint { checkpoint: self, key: key.public_key().id(), signature }
    }

    fn object(&self) -> String {
        let Self { log, number, seq, reason, .. } = self;
        let chain =
            self.scope.map_or_else(|| "null".to_owned(), |scope| format!("\"{}\"", chain_name(scope)));
        let at = self.at.to_rfc3339_opts(SecondsFormat::Micros, true);
        let hash = encode(self.hash);
        let order = self.order.map_or_else(String::new, |order| format!(r#","order":"{}""#, encode(order)));
        format!(
            r#"{{"v":1,"log":"{log}","chain":{chain},"number":{number},"at":"{at}","seq":{seq},"hash":"{hash}"{order},"reason":"{reason}"}}"#
        )
    }

    fn message(&self) -> Vec<u8> {
        [LABEL, self.object().as_bytes()].concat()
    }

    fn parse(reader: &mut Reader<'_>) -> Result<Self, LineError> {
        let log = field(reader, "log", r#"{"v":1,"log":""#, Reader::quoted)?;
        let log = parse_uuid(log).map(LogId::from_uuid).ok_or(LineError::Field("log"))?;
        let scope = if reader.literal(r#","chain":null"#).is_some() {
            None
        } else {
            let name = field(reader, "chain", r#","chain":""#, Reader::quoted)?;
            Some(parse_chain(name).ok_or(LineError::Field("chain"))?)
        };
        let number = field(reader, "number", r#","number":"#, Reader::number)?;
        let at = field(reader, "at", r#","at":""#, Reader::quoted)?;
        let at = parse_time(at).ok_or(LineError::Field("at"))?;
        let seq = field(reader, "seq", r#","seq":"#, Reader::number)?;
        let hash = field(reader, "hash", r#","hash":""#, Reader::bytes)?;
        let order = match scope {
            Some(_) => None,
            None => Some(field(reader, "order", r#","order":""#, Reader::bytes)?),
        };
        let reason = field(reader, "reason", r#","reason":""#, Reader::quoted)?;
        let reason = std::str::from_utf8(reason).ok().and_then(|reason| reason.parse().ok());
        let reason = reason.ok_or(LineError::Field("reason"))?;
        reader.literal("}").ok_or(LineError::Field("reason"))?;
        Ok(Self { log, scope, number, at, seq, hash, order, reason })
    }
}

impl SignedCheckpoint {
    /// Reads a line, without its line feed.
    ///
    /// # Errors
    ///
    /// [`LineError`] names the first field that is not as it must be.
    pub fn parse(line: &[u8]) -> Result<Self, LineError> {
        if line.len() > MAX_CHECKPOINT_BYTES {
            return Err(LineError::TooLong);
        }
        let mut reader = Reader::new(line);
        reader.literal(r#"{"checkpoint":"#).ok_or(LineError::Field("checkpoint"))?;
        let checkpoint = Checkpoint::parse(&mut reader)?;
        let key = field(&mut reader, "key", r#","key":""#, Reader::bytes)?;
        let signature = field(&mut reader, "sig", r#","sig":""#, Reader::bytes)?;
        reader.literal("}").and_then(|()| reader.end()).ok_or(LineError::Field("sig"))?;
        Ok(Self { checkpoint, key: KeyId::from_bytes(key), signature })
    }

    /// Writes the line, with the line feed.
    #[must_use]
    pub fn to_line(&self) -> Vec<u8> {
        let (object, signature) = (self.checkpoint.object(), encode(self.signature));
        format!("{{\"checkpoint\":{object},\"key\":\"{}\",\"sig\":\"{signature}\"}}\n", self.key).into_bytes()
    }

    /// Tells whether one of these keys signed it.
    #[must_use]
    pub fn verify(&self, keys: &[AuditPublicKey]) -> bool {
        // A checkpoint has one spelling, so the object written again is the object that was read.
        let message = self.checkpoint.message();
        keys.iter().any(|key| key.id() == self.key && key.verify(&message, &self.signature))
    }
}

fn parse_time(text: &[u8]) -> Option<DateTime<Utc>> {
    let text = std::str::from_utf8(text).ok()?;
    let at = DateTime::parse_from_rfc3339(text).ok()?.with_timezone(&Utc);
    (at.to_rfc3339_opts(SecondsFormat::Micros, true) == text).then_some(at)
}

impl fmt::Display for CheckpointReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Schedule => "schedule",
            Self::Shutdown => "shutdown",
            Self::Rotation => "rotation",
            Self::Request => "request",
        })
    }
}

impl FromStr for CheckpointReason {
    type Err = LineError;

    fn from_str(text: &str) -> Result<Self, LineError> {
        let all = [Self::Schedule, Self::Shutdown, Self::Rotation, Self::Request];
        all.into_iter().find(|reason| reason.to_string() == text).ok_or(LineError::Field("reason"))
    }
}
