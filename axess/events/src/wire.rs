use crate::AuthEventEnvelope;
use rkyv::{Archive, Serialize, rancor::BoxedError, util::AlignedVec, with::InlineAsBox};

/// The longest record in the binary form, in bytes.
///
/// An event with a full list of full texts takes a little more than half of it.
pub const MAX_RECORD_BYTES: usize = 128 * 1_024;

/// Says why a record could not be written or read.
///
/// ```
/// use axess_events::{AuthEventEnvelope, WireError};
/// assert!(matches!(<AuthEventEnvelope>::from_bytes(b"nonsense"), Err(WireError::Read(_))));
/// ```
#[derive(Debug, thiserror::Error)]
pub enum WireError {
    /// The record is longer than [`MAX_RECORD_BYTES`].
    #[error("an audit record is at most {MAX_RECORD_BYTES} bytes")]
    TooLong,
    /// The event could not be written.
    #[error("cannot write an audit record")]
    Write(#[source] BoxedError),
    /// The bytes are not a record, are damaged, or hold an event or version this reader does not know.
    #[error("cannot read an audit record")]
    Read(#[source] BoxedError),
}

/// What a record is: the version of the envelope, and the envelope behind a pointer. Another layout of the envelope is
/// another variant here, and the reader below keeps an arm for each.
#[derive(Archive, Serialize)]
enum Record<'a> {
    V1(#[rkyv(with = InlineAsBox)] &'a AuthEventEnvelope),
}

impl AuthEventEnvelope {
    /// Writes the envelope in the binary form: rkyv 0.8, little endian, 32-bit offsets.
    ///
    /// The record knows neither its length nor whether it is whole: a store frames it with a length and a digest.
    ///
    /// # Errors
    ///
    /// [`WireError::TooLong`] beyond [`MAX_RECORD_BYTES`], [`WireError::Write`] when rkyv refuses.
    pub fn to_bytes(&self) -> Result<Vec<u8>, WireError> {
        let bytes = rkyv::to_bytes::<BoxedError>(&Record::V1(self)).map_err(WireError::Write)?;
        if bytes.len() > MAX_RECORD_BYTES {
            return Err(WireError::TooLong);
        }
        Ok(bytes.into_vec())
    }

    /// Reads an envelope from the binary form.
    ///
    /// Any bytes are safe to pass.
    ///
    /// # Errors
    ///
    /// [`WireError::TooLong`] beyond [`MAX_RECORD_BYTES`], [`WireError::Read`] for what is not a record.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, WireError> {
        if bytes.len() > MAX_RECORD_BYTES {
            return Err(WireError::TooLong);
        }
        // A slice of a file or a row can begin anywhere, and the archive needs its own alignment.
        let mut aligned = AlignedVec::<16>::with_capacity(bytes.len());
        aligned.extend_from_slice(bytes);
        match rkyv::access::<ArchivedRecord<'_>, BoxedError>(&aligned).map_err(WireError::Read)? {
            ArchivedRecord::V1(envelope) => {
                rkyv::deserialize::<Self, BoxedError>(envelope.get()).map_err(WireError::Read)
            }
        }
    }
}
