//! The texts inside a line: base64 of fixed sizes, names of chains, and a reader of fields in a fixed order.

use axess_core::store::AuditScope;
use axess_identity::TenantId;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use uuid::Uuid;

/// Room for the largest decoded value: a signature, rounded up to a whole group.
const DECODED: usize = 72;
/// The name of the chain of events of no tenant.
const SYSTEM: &str = "system";
/// The digits of the largest `u64`.
const MAX_DIGITS: usize = 20;
const UUID_CHARS: usize = 36;

/// Writes bytes as unpadded base64url.
pub(crate) fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Reads exactly `N` bytes from their one text.
pub(crate) fn decode<const N: usize>(text: &[u8]) -> Option<[u8; N]> {
    let mut room = [0; DECODED];
    let length = URL_SAFE_NO_PAD.decode_slice(text, &mut room).ok()?;
    room.get(..length)?.try_into().ok()
}

/// Returns the name of a chain.
pub(crate) fn chain_name(scope: AuditScope) -> String {
    match scope {
        AuditScope::Tenant(id) => id.to_string(),
        AuditScope::System => SYSTEM.to_owned(),
    }
}

/// Reads the name of a chain, in its one spelling.
pub(crate) fn parse_chain(name: &[u8]) -> Option<AuditScope> {
    if name == SYSTEM.as_bytes() {
        return Some(AuditScope::System);
    }
    parse_uuid(name).map(|id| AuditScope::Tenant(TenantId::from_uuid(id)))
}

/// Reads a UUID in its hyphenated, lower-case spelling only.
pub(crate) fn parse_uuid(text: &[u8]) -> Option<Uuid> {
    let id = Uuid::try_parse_ascii(text).ok()?;
    let mut room = [0; UUID_CHARS];
    (id.hyphenated().encode_lower(&mut room).as_bytes() == text).then_some(id)
}

/// Reads the fields of a line one after the other; every method takes exactly what it names or nothing.
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) fn new(line: &'a [u8]) -> Self {
        Self { rest: line }
    }

    pub(crate) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Takes this very text.
    pub(crate) fn literal(&mut self, text: &str) -> Option<()> {
        self.rest = self.rest.strip_prefix(text.as_bytes())?;
        Some(())
    }

    /// Takes what stands before the next quotation mark, and the mark.
    pub(crate) fn quoted(&mut self) -> Option<&'a [u8]> {
        let end = self.rest.iter().position(|byte| *byte == b'"')?;
        let (text, rest) = self.rest.split_at_checked(end)?;
        self.rest = rest.get(1..)?;
        Some(text)
    }

    /// Takes `N` bytes in base64, and the quotation mark behind them.
    pub(crate) fn bytes<const N: usize>(&mut self) -> Option<[u8; N]> {
        decode(self.quoted()?)
    }

    /// Takes a number without a sign or leading zeros.
    pub(crate) fn number(&mut self) -> Option<u64> {
        let digits = self.rest.iter().take(MAX_DIGITS + 1).take_while(|byte| byte.is_ascii_digit()).count();
        let (text, rest) = self.rest.split_at_checked(digits)?;
        if digits > 1 && text.first() == Some(&b'0') {
            return None;
        }
        let number = std::str::from_utf8(text).ok()?.parse().ok()?;
        self.rest = rest;
        Some(number)
    }

    /// Takes the last `N` bytes of the line away from its end.
    pub(crate) fn split_end<const N: usize>(&mut self) -> Option<&'a [u8; N]> {
        let (rest, end) = self.rest.split_last_chunk::<N>()?;
        self.rest = rest;
        Some(end)
    }

    /// Says whether everything was taken.
    pub(crate) fn end(&self) -> Option<()> {
        self.rest.is_empty().then_some(())
    }
}
