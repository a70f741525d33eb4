use super::EvidenceError;
use axess::{audit::log::LogPosition, identity::EventId};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, Utc};
use uuid::Uuid;

/// Where a page ends and the next one begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Token {
    /// In the log: before this place.
    Log(LogPosition),
    /// In a database: before this event.
    Event(DateTime<Utc>, EventId),
}

const IN_LOG: u8 = 1;
const IN_DATABASE: u8 = 2;

impl Token {
    pub(super) fn write(self) -> String {
        let bytes = match self {
            Self::Log(LogPosition { segment, offset }) => {
                [&[IN_LOG][..], &segment.to_be_bytes(), &offset.to_be_bytes()].concat()
            }
            Self::Event(at, id) => {
                let at = at.timestamp_micros().to_be_bytes();
                [&[IN_DATABASE][..], &at, id.as_uuid().as_bytes()].concat()
            }
        };
        URL_SAFE_NO_PAD.encode(bytes)
    }

    pub(super) fn read(text: &str) -> Result<Self, EvidenceError> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok();
        bytes.as_deref().and_then(parse).ok_or(EvidenceError::Page)
    }
}

fn parse(bytes: &[u8]) -> Option<Token> {
    let (kind, rest) = bytes.split_first()?;
    let (first, rest) = rest.split_first_chunk::<8>()?;
    match *kind {
        IN_LOG => {
            let (segment, offset) = (u64::from_be_bytes(*first), u64::from_be_bytes(rest.try_into().ok()?));
            Some(Token::Log(LogPosition { segment, offset }))
        }
        IN_DATABASE => {
            let at = DateTime::from_timestamp_micros(i64::from_be_bytes(*first))?;
            Some(Token::Event(at, EventId::from_uuid(Uuid::from_slice(rest).ok()?)))
        }
        _ => None,
    }
}
