use http::{HeaderMap, HeaderName};

/// The longest combined `tracestate` that is passed on, in bytes (Trace Context §3.3.1.5 asks for at least this).
pub const MAX_TRACESTATE_BYTES: usize = 512;

/// The most members of a `tracestate` (Trace Context §3.3.1.1).
pub const MAX_TRACESTATE_MEMBERS: usize = 32;

/// The longest key, and the longest value.
const MAX_PART: usize = 256;
/// The longest tenant and system parts of a `tenant@system` key.
const MAX_TENANT: usize = 241;
const MAX_SYSTEM: usize = 14;

/// Joins all `tracestate` headers into one list; `None` when there is no member or anything is malformed.
pub(super) fn combine(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    let mut combined = String::new();
    let mut keys: Vec<&str> = Vec::new();
    for line in headers.get_all(name) {
        // `to_str` would refuse a tab, which may stand between members.
        let line = std::str::from_utf8(line.as_bytes()).ok()?;
        for member in line.split(',') {
            let member = member.trim_matches([' ', '\t']);
            if member.is_empty() {
                continue;
            }
            let (key, value) = member.split_once('=')?;
            let fits = keys.len() < MAX_TRACESTATE_MEMBERS
                && combined.len() + usize::from(!combined.is_empty()) + member.len() <= MAX_TRACESTATE_BYTES;
            if !fits || !is_key(key) || !is_value(value) || keys.contains(&key) {
                return None;
            }
            keys.push(key);
            if !combined.is_empty() {
                combined.push(',');
            }
            combined.push_str(member);
        }
    }
    (!combined.is_empty()).then_some(combined)
}

fn is_key(key: &str) -> bool {
    let part = |part: &str, max: usize| {
        let mut bytes = part.bytes();
        let first = bytes.next();
        part.len() <= max
            && first.is_some_and(|c| c.is_ascii_lowercase() || c.is_ascii_digit())
            && bytes.all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || b"_-*/".contains(&c))
    };
    match key.split_once('@') {
        None => part(key, MAX_PART),
        Some((tenant, system)) => part(tenant, MAX_TENANT) && part(system, MAX_SYSTEM),
    }
}

/// Values are trimmed before, so they cannot end in a space.
fn is_value(value: &str) -> bool {
    let allowed = |c: u8| matches!(c, b' '..=b'~') && c != b',' && c != b'=';
    !value.is_empty() && value.len() <= MAX_PART && value.bytes().all(allowed)
}
