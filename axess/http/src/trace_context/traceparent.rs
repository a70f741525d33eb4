use axess_rng::{SecureRng, random_array};
use std::{fmt, str::FromStr};

/// The length of a version 00 header: `00-<32 hex>-<16 hex>-<2 hex>`.
const CHARS: usize = 55;

const SAMPLED: u8 = 0b01;
const RANDOM_TRACE_ID: u8 = 0b10;

/// Names a trace: 16 bytes that are not all zero.
///
/// ```
/// use axess_http::TraceId;
/// use axess_rng::SystemRng;
/// assert_eq!(TraceId::generate(&SystemRng).to_string().len(), 32);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TraceId([u8; 16]);

/// Names a span of a trace: 8 bytes that are not all zero.
///
/// ```
/// use axess_http::SpanId;
/// use axess_rng::SystemRng;
/// assert_eq!(SpanId::generate(&SystemRng).to_string().len(), 16);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SpanId([u8; 8]);

/// The flags of a `traceparent` that have a meaning; the others are dropped.
///
/// ```
/// use axess_http::TraceFlags;
/// assert!(!TraceFlags::default().sampled);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct TraceFlags {
    /// The caller may have recorded the trace.
    pub sampled: bool,
    /// The right-most seven bytes of the trace id are random (Level 2).
    pub random_trace_id: bool,
}

/// A parsed `traceparent` header (Trace Context §3.2).
///
/// A version above 00 is read as far as version 00 goes; it prints as version 00.
///
/// ```
/// use axess_http::Traceparent;
/// let text = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
/// let parsed: Traceparent = text.parse().unwrap();
/// assert!(parsed.flags.sampled);
/// assert_eq!(parsed.to_string(), text);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Traceparent {
    /// The trace.
    pub trace_id: TraceId,
    /// The sender's span.
    pub span_id: SpanId,
    /// The sender's flags.
    pub flags: TraceFlags,
}

/// Says that a text is not a `traceparent`.
///
/// It carries nothing of the text.
///
/// ```
/// use axess_http::Traceparent;
/// assert_eq!("x".parse::<Traceparent>().unwrap_err().to_string(), "not a traceparent header");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a traceparent header")]
pub struct ParseTraceparentError;

impl TraceId {
    /// Makes a fresh id.
    #[must_use]
    pub fn generate(rng: &(impl SecureRng + ?Sized)) -> Self {
        Self(not_all_zero(random_array(rng)))
    }

    /// Returns the 16 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl SpanId {
    /// Makes a fresh id.
    #[must_use]
    pub fn generate(rng: &(impl SecureRng + ?Sized)) -> Self {
        Self(not_all_zero(random_array(rng)))
    }

    /// Returns the 8 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 8] {
        &self.0
    }
}

impl FromStr for Traceparent {
    type Err = ParseTraceparentError;

    fn from_str(text: &str) -> Result<Self, ParseTraceparentError> {
        parse(text.as_bytes()).ok_or(ParseTraceparentError)
    }
}

impl fmt::Display for Traceparent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let TraceFlags { sampled, random_trace_id } = self.flags;
        let bits = (u8::from(sampled) * SAMPLED) | (u8::from(random_trace_id) * RANDOM_TRACE_ID);
        write!(f, "00-{}-{}-{bits:02x}", self.trace_id, self.span_id)
    }
}

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", u128::from_be_bytes(self.0))
    }
}

impl fmt::Display for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", u64::from_be_bytes(self.0))
    }
}

impl fmt::Debug for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TraceId({self})")
    }
}

impl fmt::Debug for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SpanId({self})")
    }
}

fn parse(text: &[u8]) -> Option<Traceparent> {
    let (fixed, rest) = text.split_first_chunk::<CHARS>()?;
    let mut fields = fixed.split(|c| *c == b'-');
    let [version] = hex(fields.next()?)?;
    let trace_id = TraceId(hex(fields.next()?)?);
    let span_id = SpanId(hex(fields.next()?)?);
    let [flags] = hex(fields.next()?)?;
    let rest_fits = rest.is_empty() || (version > 0 && rest.starts_with(b"-"));
    if version == 0xff || !rest_fits || fields.next().is_some() {
        return None;
    }
    if trace_id.0 == [0; 16] || span_id.0 == [0; 8] {
        return None;
    }
    Some(Traceparent {
        trace_id,
        span_id,
        flags: TraceFlags { sampled: flags & SAMPLED != 0, random_trace_id: flags & RANDOM_TRACE_ID != 0 },
    })
}

/// Reads exactly `N` bytes of lower-case hexadecimal.
fn hex<const N: usize>(text: &[u8]) -> Option<[u8; N]> {
    let digit = |c: u8| match c {
        b'0'..=b'9' => Some(c - b'0'),
        b'a'..=b'f' => Some(c - b'a' + 10),
        _ => None,
    };
    let (pairs, []) = text.as_chunks::<2>() else {
        return None;
    };
    let mut bytes = [0; N];
    if pairs.len() != N {
        return None;
    }
    for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
        *byte = digit(*high)? << 4 | digit(*low)?;
    }
    Some(bytes)
}

/// All zeros means "invalid" on the wire, so that one draw becomes another value.
fn not_all_zero<const N: usize>(mut bytes: [u8; N]) -> [u8; N] {
    if bytes == [0; N]
        && let Some(last) = bytes.last_mut()
    {
        *last = 1;
    }
    bytes
}
